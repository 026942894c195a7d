"""One question at two moments: what was learnt in between, and which entry moved the answer by how much.

The walk from the first answer to the second takes one step at a time: first the passing of time alone
(what was open grew, what was due fell due), then each entry learnt in between, in the order of positions.
The steps therefore account for the whole difference, without remainder. Each entry is also shown alone,
as if it were all that had been learnt, because two entries may matter only together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ledger.codec import Entry, topic_of
from ledger.errors import Refused
from ledger.history import History
from projections.asking import Answer, answer_from
from projections.frame import Frames
from projections.questions import Question

Leaves = dict[str, Any]


class Step(Struct, frozen=True, kw_only=True):
    """What one cause changed: the passing of time (`position` null) or an entry learnt.

    `changes` maps the path of a figure to its values before and after the step; `alone` to its values
    without and with this entry as the only one learnt.
    """

    position: int | None
    type: str
    learnt_at: str
    says: str
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
    first: History, second: History, asked: Question, values: Mapping[str, Any], switches: Mapping[str, str]
) -> Comparison:
    """The walk from the answer of `first` to that of `second`, a later knowledge of the same contract.

    Raises `Refused("bad_parameter")` when the second moment knows less than the first, and what asking at
    either moment raises.
    """

    def result(history: History) -> Leaves:
        try:
            return leaves(asked.function()(history, Frames(history, switches), **values).result)
        except Refused as refused:  # on the way: what the question names is not known with so little
            return {"refused": refused.code}

    _check_later(first, second)
    answers = [answer_from(history, asked, values, switches) for history in (first, second)]
    learnt = _learnt(first, second)
    entries = _entries(second, learnt)
    before = result(first)
    start = result(second.unlearning(frozenset(learnt)))
    steps = []
    if start != before:
        steps.append(_step(None, None, before, start, {}))
    at, pending = start, set(learnt)
    for position in learnt:
        pending.discard(position)
        reached = result(second.unlearning(frozenset(pending)))
        if reached != at:
            alone = result(second.unlearning(frozenset(learnt) - {position}))
            steps.append(_step(position, entries[position], at, reached, difference(start, alone)))
        at = reached
    after = result(second)
    return Comparison(
        first=answers[0],
        second=answers[1],
        difference=difference(before, after),
        steps=tuple(steps),
        entries_learnt=len(learnt),
        entries_without_effect=len(learnt) - sum(step.position is not None for step in steps),
        accounted=at == after,
    )


def _check_later(first: History, second: History) -> None:
    forgotten = set(first.known_positions()) - set(second.known_positions())
    if second.now < first.now or forgotten:
        raise Refused("bad_parameter", "the second moment must not be before the first; exchange the two")


def _learnt(first: History, second: History) -> list[int]:
    """What the second moment knows besides: of the frame only what is in use, as it counts as known from the start."""
    framed = {p for fact in first.frame for p in fact.positions}
    return sorted(set(second.known_positions()) - set(first.known_positions()) - framed)


def _entries(history: History, positions: list[int]) -> dict[int, Entry]:
    wanted = set(positions)
    return {p: entry for stream in history.streams.values() for p, entry in stream if p in wanted}


def _step(position: int | None, entry: Entry | None, before: Leaves, after: Leaves, alone: Leaves) -> Step:
    if entry is None:
        return Step(
            position=None, type="time", learnt_at="", says="time passed", changes=difference(before, after), alone={}
        )
    return Step(
        position=position,
        type=topic_of(entry.event),
        learnt_at=entry.recorded_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        says=_says(entry),
        changes=difference(before, after),
        alone=alone,
    )


def _says(entry: Entry) -> str:
    event: Any = entry.event
    target = getattr(event, "target", None)
    reason = getattr(event, "reason", None) or getattr(event, "statement", None)
    named = f"of {target}" if target is not None else str(getattr(event, event.__struct_fields__[0], ""))
    return f"{named}: {reason}" if reason else named


def leaves(value: Any, path: str = "") -> Leaves:
    """Every figure of a result by its path (`R1.outcome`, `[2].amount`); lists of plain values stay whole."""
    if isinstance(value, dict) and value:
        found: Leaves = {}
        for name, inner in value.items():
            found.update(leaves(inner, f"{path}.{name}" if path else str(name)))
        return found
    if isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        found = {}
        seen: dict[str, int] = {}
        for inner in value:
            name = _row_name(inner)
            seen[name] = seen.get(name, 0) + 1
            number = f" #{seen[name]}" if seen[name] > 1 else ""
            found.update(leaves(inner, f"{path}[{name}{number}]"))
        return found
    return {path: value}


def _row_name(row: Mapping[str, Any]) -> str:
    """A row of the register goes by what it is, not by where it stands."""
    names = [str(row[k]) for k in ("obligation", "what", "subject", "period") if k in row]
    return " ".join(names) if names else str(row.get("id", sorted(row.items())))


def difference(before: Leaves, after: Leaves) -> dict[str, list[Any]]:
    """Each figure that differs, with both values; `null` where it is not there."""
    paths = [*before, *(path for path in after if path not in before)]
    return {path: [before.get(path), after.get(path)] for path in paths if before.get(path) != after.get(path)}
