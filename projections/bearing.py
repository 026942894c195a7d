"""A history cut down to what can bear on one period, to ask it again at each moment something was learnt.

Whether a month was broken is asked of many shorter histories before the moment it became provable is found.
Here every version of each outage, claim, exclusion and maintenance that may touch the period is kept, with
what corrected or withdrew it and what the contract says of itself; the rest of the entries are left out. A
thing is kept in doubt: leaving one out that touches the period would change a verdict, keeping one does not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from operator import itemgetter
from typing import NamedTuple

from ledger.codec import Entry, Unread
from ledger.corrections import replacement, resolve_target
from ledger.errors import Refused
from ledger.events import (
    BlockingEnded,
    BlockingStarted,
    ContractResumed,
    ContractScopeChanged,
    ContractStarted,
    ContractSuspended,
    ContractTerminated,
    Corrected,
    Event,
    ExclusionClaimed,
    MaintenanceEnded,
    OptionCancelled,
    OptionSubscribed,
    OutageEnded,
    OutageStarted,
    ReadingAdopted,
    Retracted,
    ServiceAssigned,
    ServiceUnassigned,
)
from ledger.history import History
from ledger.kept_entries import Entries
from ledger.order import STEPS, group_of
from ledger.spans import FOREVER, Instant, Span, seconds
from projections.finding import ceil_seconds

KINDS = frozenset(
    kind for kind, step in STEPS.items() if step.noun in ("outage", "claim", "exclusion", "maintenance", "announcement")
)
CONTRACT = (
    ContractStarted, ContractSuspended, ContractResumed, ContractTerminated, ServiceAssigned, ServiceUnassigned,
)  # fmt: skip
FIGURED = KINDS.union(CONTRACT, (ContractScopeChanged, OptionSubscribed, OptionCancelled, ReadingAdopted))
"""The kinds a month's figures rest on, and what they are judged by as far as the contract says it."""
ThingKey = tuple[str, str, str]  # stream, noun, id
ITSELF = ("contract", "")


class Turn(Enum):
    """What an entry does to whether its thing is still running."""

    NOTHING = 0
    OPENS = 1
    CLOSES = 2
    OVER = 3  # the work is over, and with it its stops
    WITHDRAWS = 4  # it may take the end away


TURNS: dict[type[Event], Turn] = {
    OutageStarted: Turn.OPENS, BlockingStarted: Turn.OPENS, OutageEnded: Turn.CLOSES, BlockingEnded: Turn.CLOSES,
    MaintenanceEnded: Turn.OVER, Retracted: Turn.WITHDRAWS,
}  # fmt: skip


class Told(NamedTuple):
    """An entry that may bear on a period, since when it is known, of which thing it tells and what it does to it."""

    pair: tuple[int, Entry]
    thing: ThingKey
    turn: Turn


class Running:
    """Whether a thing may still run, by the entries of it that are known: in doubt it may."""

    __slots__ = ("_balance", "_over", "_withdrawn")

    def __init__(self) -> None:
        self._balance = 0
        self._withdrawn = False
        self._over = False

    def take(self, turn: Turn) -> None:
        if turn is Turn.OPENS:
            self._balance += 1
        elif turn is Turn.CLOSES:
            self._balance -= 1
        elif turn is Turn.OVER:
            self._over = True
        elif turn is Turn.WITHDRAWS:
            self._withdrawn = True

    def __bool__(self) -> bool:
        return self._withdrawn or (self._balance > 0 and not self._over)


class Reach:
    """From when to when a thing may have counted, by every version of it; `outages` are those it names."""

    __slots__ = ("_heard", "_ran", "first", "outages", "running", "until")

    def __init__(self, entry: Entry) -> None:
        self.first: Instant = FOREVER
        self.until: Instant = -FOREVER  # the last instant told of it
        self.running = Running()
        self.outages: set[str] | None = None
        self._heard = entry.recorded_at
        self._ran: datetime | None = None  # the last knowledge to which it may have run, not yet ended

    def take(self, entry: Entry, said: Event | Unread | None, turn: Turn, attested: bool) -> None:
        """Counts an entry in, and what it says of the thing: its own words, or a correction's."""
        for name in ("at", "from_", "to"):
            told = getattr(said, name, None)
            if told is not None:
                instant = seconds(told)
                self.first, self.until = min(self.first, instant), max(self.until, instant)
        if isinstance(said, ExclusionClaimed) and said.outage is not None:
            self.outages = {*(self.outages or ()), said.outage}
        if self.running and (attested or entry.recorded_at > self._heard):
            self._ran = entry.recorded_at
        self._heard = max(self._heard, entry.recorded_at)
        self.running.take(turn)

    @property
    def last(self) -> Instant:
        """Beyond what it cannot have counted, at any knowledge."""
        if self.running:
            return FOREVER
        return self.until if self._ran is None else max(self.until, ceil_seconds(self._ran))


class Near(NamedTuple):
    """What of a history bears on a period: the history cut to it, and what was learnt when.

    `learnt` are the instants at which any of it became known, in order. Knowledge from before the period
    counts as of its first second: nothing in it could be proved earlier.
    """

    history: History
    learnt: list[Instant]
    told: list[Told]
    reaches: Mapping[ThingKey, Reach]
    since: Instant

    def known_at(self, told: Told) -> Instant:
        return max(self.since, ceil_seconds(_known_at(told.pair[1], self.history.knowledge)))


class Bearing:
    """What of a history may bear on any period, sorted out once by the things its entries tell of.

    The stream of terms and calendars is left out: a caller judges by a frame it has.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._reaches: dict[ThingKey, Reach] = {}
        self._told: dict[str, list[Told]] = {}
        for stream, entries in history.streams.items():
            if stream != "ledger":
                self._told[stream] = list(self._sorted_out(stream, entries))
        self._bounds = [(thing, reach.first, reach.last) for thing, reach in self._reaches.items()]

    def near(self, within: Span, *, running_on: bool = False) -> Near:
        """What may bear on a period; `running_on` where what touches it counts for it beyond its end (Amb-14)."""
        history = self.history
        start, end = within
        if running_on:
            end = max([end, *(last for _, first, last in self._bounds if first < end and last > start)])
        near = [thing for thing, first, last in self._bounds if (first < end and last > start) or thing[1:] == ITSELF]
        kept = {thing: self._reaches[thing] for thing in near}
        told = {stream: [one for one in entries if one.thing in kept] for stream, entries in self._told.items()}
        cut = History(
            history.contract, {stream: [one.pair for one in entries] for stream, entries in told.items()},
            known_at=history.known_at, position=history.position, now=history.now,
            knowledge=history.knowledge, without=history.without,
        )  # fmt: skip
        every = [one for entries in told.values() for one in entries]
        moments = {_known_at(one.pair[1], history.knowledge) for one in every}
        learnt = sorted({max(within[0], ceil_seconds(moment)) for moment in moments})
        return Near(cut, learnt, every, kept, within[0])

    def _sorted_out(self, stream: str, entries: Entries) -> Iterator[Told]:
        """The entries that tell of a thing of the period's kinds.

        A correction or retraction stays with the entry it is of, so that its target is the same one as before.
        """
        history, reaches = self.history, self._reaches
        entries = entries[: bisect_right(entries, history.position, key=itemgetter(0))]
        acts = [entry.event for _, entry in entries if isinstance(entry.event, Corrected | Retracted)]
        named = {act.target for act in acts}
        by_id: dict[str, list[int]] = {}
        things: dict[int, ThingKey] = {}
        originals: dict[int, Event | Unread] = {}
        for pair in entries:
            position, entry = pair
            if position in history.without:
                continue
            said: Event | Unread | None = entry.event
            turn = TURNS.get(type(entry.event), Turn.NOTHING)  # type: ignore[arg-type]
            if isinstance(said, Corrected | Retracted):
                target = resolve_target(said.target, position, by_id)
                thing = None if target is None else things.get(target)
                original = originals.get(target or 0)
                said, turn = _replaced(original, said, turn)
            else:
                thing = _thing(stream, entry.event)
                if acts:
                    originals[position] = entry.event
            if acts:
                if entry.id in named:
                    by_id.setdefault(entry.id, []).append(position)
                if thing is not None:
                    things[position] = thing
            if thing is not None:
                reach = reaches.get(thing)
                if reach is None:
                    reach = reaches[thing] = Reach(entry)
                reach.take(entry, said, turn, history.knowledge == "attested")
                yield Told(pair, thing, turn)


def bearing(history: History, within: Span, *, running_on: bool = False) -> tuple[History, list[Instant]]:
    """The history with only what may bear on `within` (`Bearing.near`), and when that became known."""
    near = Bearing(history).near(within, running_on=running_on)
    return near.history, near.learnt


def _known_at(entry: Entry, knowledge: str) -> datetime:
    if knowledge == "attested" and entry.attested_at is not None:
        return min(entry.attested_at, entry.recorded_at)
    return entry.recorded_at


def _replaced(original: Event | Unread | None, act: Corrected | Retracted, turn: Turn) -> tuple[Event | None, Turn]:
    """What an act makes of the entry it is of, and does to it; a correction that cannot be read takes it away."""
    if not isinstance(act, Corrected) or not isinstance(original, Event):
        return None, turn
    try:
        return replacement(original, act), turn
    except Refused:
        return None, Turn.WITHDRAWS


def _thing(stream: str, event: Event | Unread) -> ThingKey | None:
    if isinstance(event, CONTRACT):
        return (stream, *ITSELF)
    group = group_of(event) if isinstance(event, Event) and type(event) in KINDS else None
    return None if group is None else (stream, *group)
