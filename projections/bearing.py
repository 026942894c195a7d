"""A history cut down to what can bear on one period, to ask it again at each moment something was learnt.

Whether a month was broken is asked of many shorter histories before the moment it became provable is found.
Here every version of each outage, claim, exclusion and maintenance that may touch the period is kept, with
what corrected or withdrew it and what the contract says of itself; the rest of the entries are left out. A
thing is kept in doubt: leaving one out that touches the period would change a verdict, keeping one does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ledger.codec import Entry, Unread
from ledger.corrections import replacement, resolve_target
from ledger.events import (
    BlockingEnded,
    BlockingStarted,
    ContractResumed,
    ContractStarted,
    ContractSuspended,
    ContractTerminated,
    Corrected,
    Event,
    OutageEnded,
    OutageStarted,
    Retracted,
    ServiceAssigned,
    ServiceUnassigned,
)
from ledger.history import History
from ledger.order import STEPS, ThingKey, group_of
from ledger.spans import FOREVER, Instant, Span, seconds
from projections.finding import ceil_seconds

KINDS = frozenset(
    kind for kind, step in STEPS.items() if step.noun in ("outage", "claim", "exclusion", "maintenance", "announcement")
)
CONTRACT = (
    ContractStarted, ContractSuspended, ContractResumed, ContractTerminated, ServiceAssigned, ServiceUnassigned,
)  # fmt: skip
ITSELF: ThingKey = ("contract", "")


def bearing(history: History, within: Span) -> tuple[History, list[Instant]]:
    """The history with only what may bear on `within`, and the instants at which that became known.

    Knowledge from before the period counts as of its first second: nothing in it could be proved earlier.
    The stream of terms and calendars is left out: a caller judges by a frame it has.
    """
    streams: dict[str, list[tuple[int, Entry]]] = {}
    for stream, entries in history.streams.items():
        if stream != "ledger":
            seen = [pair for pair in entries if pair[0] <= history.position and pair[0] not in history.without]
            streams[stream] = _kept(seen, within)
    cut = History(
        history.contract, streams, known_at=history.known_at, position=history.position, now=history.now,
        knowledge=history.knowledge, without=history.without,
    )  # fmt: skip
    known = {_known_at(entry, history.knowledge) for entries in streams.values() for _, entry in entries}
    return cut, sorted({max(within[0], ceil_seconds(moment)) for moment in known})


def _known_at(entry: Entry, knowledge: str) -> datetime:
    if knowledge == "attested" and entry.attested_at is not None:
        return min(entry.attested_at, entry.recorded_at)
    return entry.recorded_at


class _Reach:
    """From when to when a thing may have counted, by every version of it."""

    def __init__(self) -> None:
        self.first: Instant = FOREVER
        self.last: Instant = -FOREVER  # what is said of the past is not later than its recording
        self.open = 0

    def take(self, entry: Entry, said: Event | Unread | None) -> None:
        begun = getattr(said, "at", None) or getattr(said, "from_", None)
        if begun is not None:
            self.first = min(self.first, seconds(begun))
        self.last = max(self.last, ceil_seconds(entry.recorded_at))
        event = entry.event
        if isinstance(event, Retracted):
            self.open += 1  # it may have taken the end away
        self.open += isinstance(event, OutageStarted | BlockingStarted) - isinstance(event, OutageEnded | BlockingEnded)

    def touches(self, within: Span) -> bool:
        # 5 s: how far a reporter's clock may have been ahead of the ledger's
        return self.first < within[1] and (self.open > 0 or self.last + 5 > within[0])


def _kept(entries: Iterable[tuple[int, Entry]], within: Span) -> list[tuple[int, Entry]]:
    """The entries of a stream that may bear on `within`.

    A correction or retraction stays with the entry it is of, so that its target is the same one as before.
    """
    by_id: dict[str, list[int]] = {}
    things: dict[int, ThingKey] = {}
    first_said: dict[int, Event | Unread] = {}
    reaches: dict[ThingKey, _Reach] = {}
    found: list[tuple[int, Entry]] = []
    for position, entry in entries:
        event = entry.event
        if isinstance(event, Corrected | Retracted):
            target = resolve_target(event.target, position, by_id)
            thing = None if target is None else things.get(target)
            original = first_said.get(target or 0)
            said: Event | Unread | None = None
            if thing is not None and isinstance(event, Corrected) and isinstance(original, Event):
                said = replacement(original, event)
        else:
            thing, said = _thing(event), event
            first_said[position] = event
        by_id.setdefault(entry.id, []).append(position)
        if thing is not None:
            things[position] = thing
            found.append((position, entry))
            reaches.setdefault(thing, _Reach()).take(entry, said)
    return [pair for pair in found if things[pair[0]] == ITSELF or reaches[things[pair[0]]].touches(within)]


def _thing(event: Event | Unread) -> ThingKey | None:
    if isinstance(event, CONTRACT):
        return ITSELF
    return group_of(event) if isinstance(event, Event) and type(event) in KINDS else None
