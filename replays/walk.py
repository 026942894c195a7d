"""An answer followed from one knowledge to a later one, its parts judged anew only where they may turn.

A part says which types of facts it looked at and until which instant its answer holds (`projections.validity`): an
entry of another type, or an earlier instant, leaves it as it was. So does an entry of a thing that began when what the
part is about was over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from ledger.codec import Entry
from ledger.errors import Refused
from ledger.events import ReadingAdopted
from ledger.history import History
from ledger.spans import FIRST, Instant, seconds
from projections.concerning import entries_of
from projections.finding import Breach
from projections.frame import Frames
from projections.questions import Question
from projections.validity import ANY, Watched, followed
from projections.view_tables import BEARING
from replays.beginnings import Beginnings
from replays.figures import Leaves, leaves
from replays.parts import Part, parts_of, together
from replays.verdicts import Verdict, verdict


class Learnt(NamedTuple):
    """An entry that the later knowledge holds and the earlier one does not, and when it became known."""

    position: int
    entry: Entry
    known_at: datetime

    @property
    def second(self) -> Instant:
        """The whole second in which it became known."""
        return seconds(self.known_at)


class Held(NamedTuple):
    """What a part found, as plain values; the types of facts it looked at; the instant until which it holds."""

    found: Any  # or the refusal met
    kinds: frozenset[str]
    until: Instant
    beyond: Instant  # nothing that begins from here on bears on it

    def turned_by(self, learnt: Learnt | None, begun: Instant, now: Instant) -> bool:
        """Whether this entry, of a thing begun then, or the time it is, may have it say something else."""
        if learnt is None:
            return self.until <= now
        kind = type(learnt.entry.event).__name__
        if ANY in self.kinds or learnt.entry.stream == "ledger":
            return True
        return kind in self.kinds and begun < self.beyond


class State(NamedTuple):
    """An answer at one moment: its parts, its figures, and what it comes to."""

    parts: tuple[Held, ...]
    figures: Leaves
    verdict: Verdict

    @property
    def until(self) -> Instant:
        """The first instant at which it may turn by itself."""
        return min(part.until for part in self.parts)


class Walk:
    """Where the answer to a question can be followed: the entries of `second` that `first` does not know yet."""

    def __init__(
        self, first: History, second: History, learnt: Sequence[Learnt], asked: Question, values: Mapping[str, Any],
        switches: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._second = second
        self._asked = asked
        self._switches = switches
        self._parts = parts_of(asked, values)
        self._learnt = learnt
        # what is recorded and nothing unlearnt, is known by position: then nothing need be sorted out anew
        by_position = second.knowledge == "recorded" and not second.without and not first.without
        self._from = max(first.known_positions(), default=0) if by_position else None

    def begin(self, now: Instant) -> State:
        """The answer with none of the entries learnt, at an instant."""
        known = self._known(0, now)
        frames = Frames(known, self._switches)
        return self._state(tuple(self._judged(part, known, frames) for part in self._parts))

    def wait(self, state: State, count: int, now: Instant) -> State:
        """The answer with the first `count` entries learnt when it has become `now`."""
        return self._moved(state, self._known, count, now, None)

    def learn(self, state: State, count: int, now: Instant) -> State:
        """The answer when the last of the first `count` entries has been learnt too."""
        return self._moved(state, self._known, count, now, self._learnt[count - 1])

    def learn_alone(self, state: State, learnt: Learnt, now: Instant) -> State:
        """The answer when of all the entries this one alone is learnt."""
        others = frozenset(each.position for each in self._learnt) - {learnt.position}
        return self._moved(state, lambda _, at: self._unlearning(others, at), 0, now, learnt)

    def _moved(self, state: State, known_with: Any, count: int, now: Instant, learnt: Learnt | None) -> State:
        begun = FIRST if learnt is None else self._begun(learnt)
        due = [held.turned_by(learnt, begun, now) for held in state.parts]
        if not any(due):
            return state
        known = known_with(count, now)
        frames = Frames(known, self._switches)  # what one part makes of the history, the next need not make anew
        held = tuple(
            self._judged(part, known, frames) if anew else before
            for part, before, anew in zip(self._parts, state.parts, due, strict=True)
        )
        found = [each.found for each in held]
        return self._state(held) if found != [each.found for each in state.parts] else state._replace(parts=held)

    def _begun(self, learnt: Learnt) -> Instant:
        """Since when the thing may have been that an entry tells of."""
        return FIRST if self._beginnings is None else self._beginnings.of(learnt.position)

    @cached_property
    def _beginnings(self) -> Beginnings | None:
        """None where a month may go on beyond its end, with what began in it (Amb-14)."""
        adopted = any(entries_of(entries, (ReadingAdopted,)) for entries in self._second.streams.values())
        return None if adopted or "month_split" in self._switches else Beginnings(self._second)

    # --- what is known ---

    def _known(self, count: int, now: Instant) -> Watched:
        if self._from is None:
            return self._unlearning(frozenset(each.position for each in self._learnt[count:]), now)
        second = self._second
        position = self._learnt[count - 1].position if count else self._from
        return Watched(second.contract, second.streams, position=position, now=now)

    def _unlearning(self, positions: frozenset[int], now: Instant) -> Watched:
        second = self._second
        known = Watched(
            second.contract, second.streams, position=second.position, now=now, knowledge=second.knowledge
        )
        known.known_at, known.without = second.known_at, second.without | positions
        return known

    # --- what it comes to ---

    def _judged(self, part: Part, known: Watched, frames: Frames) -> Held:
        def rule(history: History, frames: Frames = frames) -> Any:
            try:
                return _plain(part.judge(history, frames))
            except Refused as refused:  # on the way: what the question names is not known with so little
                return refused

        found, watch = followed(known, rule)
        if part.subject != "availability":
            return Held(found, frozenset(watch.kinds), watch.until, part.beyond)
        # when a breach could first be known is sought in the entries that bear on its month, up to now, and stays
        # once found: what the rest looked at says how long it holds
        _, verdicts = followed(known, lambda history: rule(history, frames.comparing))
        kinds = (watch.kinds - {ANY}) | BEARING if ANY in watch.kinds else watch.kinds
        return Held(found, frozenset(kinds), verdicts.until, part.beyond)

    def _state(self, held: tuple[Held, ...]) -> State:
        refused = [each.found for each in held if isinstance(each.found, Refused)]
        if refused:
            return State(held, {"refused": refused[0].code}, "not_judged")
        result = together(self._asked.name, [each.found for each in held])
        return State(held, leaves(result), verdict(self._asked.name, result))


def _plain(found: Any) -> Any:
    """What a part found, with every instant of knowledge in it turned into the number it stands for."""
    if isinstance(found, list) and all(isinstance(row, Breach) for row in found):
        return [msgspec.convert(msgspec.to_builtins(row, enc_hook=int), Breach) for row in found]
    return msgspec.to_builtins(found, enc_hook=int)


def learnt_between(first: History, second: History) -> list[Learnt]:
    """What the second knowledge holds besides, in the order it was learnt; of equal instants, by position.

    Of the terms and calendars only what was not in use already, as their first versions count as known from the start.
    """
    framed = {p for fact in first.frame for p in fact.positions}
    before = set(first.known_positions()) | framed
    return sorted(
        (Learnt(position, entry, known_at) for position, entry, known_at in second.known() if position not in before),
        key=lambda each: (each.known_at, each.position),
    )
