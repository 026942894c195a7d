"""One question at two moments: what was learnt in between, and which entry moved the answer by how much.

The walk goes from the first moment to the second as it was lived: time passes until an entry is learnt, then the
entry is, in the order they were learnt. Each move of the answer on the way is a step, either of time or of an entry,
so the steps account for the whole difference, without remainder, and the answer after a step is the one that was
given then. Each entry that moved it is also shown alone, at the second moment, as if it were all that had been
learnt, because two entries may matter only together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from ledger.codec import Entry, topic_of
from ledger.errors import Refused
from ledger.history import History
from ledger.spans import FOREVER, Instant
from projections.asking import Answer, answer_from
from projections.finding import text
from projections.questions import Question
from replays.checks import Progress
from replays.figures import difference, leaves
from replays.verdicts import Verdict
from replays.walk import Learnt, State, Walk, learnt_between


class Step(Struct, frozen=True, kw_only=True):
    """What one cause changed: the passing of time (`position` null) or an entry learnt, and the verdict after it.

    `learnt_at` is when the entry became known, or until when time had passed (empty: until every period was over).
    `changes` maps the path of a figure to its values before and after the step; `alone` to its values without and
    with this entry as the only one learnt.
    """

    position: int | None
    type: str
    learnt_at: str
    says: str
    verdict: Verdict
    changes: dict[str, list[Any]]
    alone: dict[str, list[Any]]


class Comparison(Struct, frozen=True, kw_only=True):
    """Two answers, their difference, the steps that account for it, and how many entries moved nothing."""

    first: Answer
    second: Answer
    difference: dict[str, list[Any]]
    steps: tuple[Step, ...]
    entries_learnt: int
    entries_without_effect: int
    accounted: bool


def compare(
    first: History,
    second: History,
    asked: Question,
    values: Mapping[str, Any],
    switches: Mapping[str, str],
    progress: Progress | None = None,
) -> Comparison:
    """The walk from the answer of `first` to that of `second`, a later knowledge of the same contract.

    Raises `Refused("bad_parameter")` when the second moment knows less than the first, and what asking at
    either moment raises.
    """
    _check_later(first, second)
    answers = [answer_from(history, asked, values, switches) for history in (first, second)]
    learnt = learnt_between(first, second)
    walk = Walk(first, second, learnt, asked, values, switches)
    start = walk.begin(first.now)
    walked = list(_steps(walk, start, first.now, second.now, learnt, progress))
    reached = walked[-1][1] if walked else start
    before, after = (leaves(answer.result) for answer in answers)
    return Comparison(
        first=answers[0],
        second=answers[1],
        difference=difference(before, after),
        steps=tuple(step for step, _ in walked),
        entries_learnt=len(learnt),
        entries_without_effect=len(learnt) - sum(step.position is not None for step, _ in walked),
        accounted=start.figures == before and reached.figures == after,
    )


def _steps(
    walk: Walk, start: State, began: Instant, ends: Instant, learnt: list[Learnt], progress: Progress | None
) -> Iterator[tuple[Step, State]]:
    """Every move of the answer, and the answer after it."""
    alone: State | None = None
    state, now = start, began
    for count, each in enumerate(learnt, 1):
        now = min(max(now, each.second), ends)
        waited = walk.wait(state, count - 1, now)
        if waited.figures != state.figures:
            yield _waited(state, waited, now), waited
        state = walk.learn(waited, count, now)
        if state.figures != waited.figures:
            alone = alone or walk.begin(ends)
            by_itself = walk.learn_alone(alone, each, ends)
            yield _learnt(each, waited, state, difference(alone.figures, by_itself.figures)), state
        if progress is not None:
            progress("entries walked", count, len(learnt))
    waited = walk.wait(state, len(learnt), ends)
    if waited.figures != state.figures:
        yield _waited(state, waited, ends), waited


def _check_later(first: History, second: History) -> None:
    forgotten = set(first.known_positions()) - set(second.known_positions())
    if second.now < first.now or forgotten:
        raise Refused("bad_parameter", "the second moment must not be before the first; exchange the two")


def _waited(before: State, after: State, now: Instant) -> Step:
    return Step(
        position=None, type="time", learnt_at="" if now == FOREVER else text(now), says="time passed",
        verdict=after.verdict, changes=difference(before.figures, after.figures), alone={},
    )  # fmt: skip


def _learnt(each: Learnt, before: State, after: State, alone: dict[str, list[Any]]) -> Step:
    return Step(
        position=each.position, type=topic_of(each.entry.event), learnt_at=text(each.second), says=_says(each.entry),
        verdict=after.verdict, changes=difference(before.figures, after.figures), alone=alone,
    )  # fmt: skip


def _says(entry: Entry) -> str:
    event: Any = entry.event
    target = getattr(event, "target", None)
    reason = getattr(event, "reason", None) or getattr(event, "statement", None)
    named = f"of {target}" if target is not None else str(getattr(event, event.__struct_fields__[0], ""))
    return f"{named}: {reason}" if reason else named
