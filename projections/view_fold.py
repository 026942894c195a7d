"""One contract folded from a position to another: which rows of its views came, went or turned, and where.

An entry has those units computed anew that looked at facts of its kind; the passing of time, those whose
answer may turn by then, at the first position recorded so late. An outage, exclusion, maintenance or backup
leaves a month alone that ended before anything of it began, by the same rule that cuts a history to what bears
on a month (`bearing`). All else would come out as it was, and is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger.codec import Entry, Unread
from ledger.corrections import replacement, resolve_target
from ledger.errors import Refused
from ledger.events import Corrected, Event, MaintenanceStatusPublished, Retracted
from ledger.order import ThingKey, group_of
from ledger.spans import FIRST, FOREVER, Instant, seconds
from projections.bearing import KINDS
from projections.kept import FACTS
from projections.validity import ANY
from projections.view_tables import Key, Moment, Rows, Unit, Value, unit_of, units

Pair = tuple[int, Entry]
CALLED = ("backup", "maintenance")  # what rows are called by, with its service where another stream uses the id
THINGS = KINDS.union(FACTS)  # what happened to something, and bears on nothing that was over before


class Clockwork(NamedTuple):
    """What is known of positions: when one was recorded, and the first recorded at or after an instant."""

    second: Callable[[int], Instant]
    reached: Callable[[Instant, int, int], int]  # instant, after position, up to position; that + 1 when none was


class Version(NamedTuple):
    """A row as it was known from a position on, up to another (None: still)."""

    key: Key
    figures: tuple[Value, ...]
    known_from: int
    known_to: int | None


class State:
    """The current rows of a contract and what they rest on: all that is needed to fold further."""

    def __init__(self, current: Mapping[Key, Version] | None = None, known: Mapping[str, Unit] | None = None) -> None:
        self.current: dict[Key, Version] = dict(current or {})
        self.units: dict[str, Unit] = dict(known or {})
        self._of: dict[str, set[Key]] = {}
        self._unit: dict[Key, str] = {}  # whose a row is now: it may go from one unit to another
        for key, row in self.current.items():
            self._take(key, unit_of(key, row.figures, self.units))

    def until(self) -> Instant:
        """The first instant at which anything may turn by itself."""
        return min((unit.until for unit in self.units.values()), default=FOREVER)

    def put(self, name: str, rows: Rows, position: int) -> Iterable[Version]:
        """Takes the rows of a unit as of a position, and gives the versions that end there."""
        for key in sorted(self._of.get(name, set()) - rows.keys(), key=repr):
            self._of[name].discard(key)
            if self._unit[key] == name:
                del self._unit[key]
                yield self.current.pop(key)._replace(known_to=position)
        for key, figures in rows.items():
            old = self.current.get(key)
            if old is None or old.figures != figures:
                if old is not None:
                    yield old._replace(known_to=position)
                self.current[key] = Version(key, figures, position, None)
            self._take(key, name)

    def _take(self, key: Key, name: str) -> None:
        self._unit[key] = name
        self._of.setdefault(name, set()).add(key)


def fold(
    contract: str, streams: Mapping[str, Sequence[Pair]], state: State, after: int, upto: int, clockwork: Clockwork
) -> list[Version]:
    """Takes a contract's state from position `after` to `upto`; the versions that ended on the way, in order.

    With an empty state it is computed whole at the first position after `after` at which the contract is known.
    """
    own = streams[f"contract:{contract}"]
    begun = _first_things(streams, after)
    pending = sorted(_after(streams, after, upto), key=lambda pair: pair[0])
    ended: list[Version] = []
    place, position = 0, after
    if not state.units:  # whole, where the views begin
        position = max(after + 1, own[0][0])
        if position > upto:
            return []
        for at, entry in pending:
            place += at <= position
            if at <= position:
                begun.take(at, entry)
        ended += _compute(contract, streams, state, position, clockwork, None)
    while True:
        entry_at = pending[place][0] if place < len(pending) else upto + 1
        turned_at = clockwork.reached(state.until(), position, min(entry_at, upto))
        position = min(entry_at, turned_at)
        if position > upto:
            return ended
        now = clockwork.second(position)
        dirty = {name for name, unit in state.units.items() if unit.until <= now}
        if position == entry_at:
            entry = pending[place][1]
            place += 1
            dirty |= begun.touched(position, entry, state.units)
        ended += _compute(contract, streams, state, position, clockwork, dirty)


def _after(streams: Mapping[str, Sequence[Pair]], after: int, upto: int) -> Iterable[Pair]:
    return (pair for entries in streams.values() for pair in entries if after < pair[0] <= upto)


def _compute(
    contract: str, streams: Mapping[str, Sequence[Pair]], state: State, position: int, clockwork: Clockwork,
    dirty: set[str] | None,
) -> list[Version]:  # fmt: skip
    """Computes the units named (None: all), and those that there were none of; the versions that ended."""
    if dirty is not None and not dirty:
        return []
    found = units(Moment(contract, streams, position, clockwork.second(position)))
    ended: list[Version] = []
    for name in [name for name in state.units if name not in found]:
        ended += state.put(name, {}, position)
        del state.units[name]
    for name, compute in found.items():
        if dirty is None or name in dirty or name not in state.units:
            rows, state.units[name] = compute()
            ended += state.put(name, rows, position)
    return ended


class _Begun:
    """Since when each thing of the contract's streams may have counted, and what each entry speaks of."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, ThingKey], Instant] = {}
        self._said: dict[int, tuple[str, ThingKey | None, Event | Unread]] = {}  # kind, thing, first content
        self._ids: dict[tuple[str, str], list[int]] = {}
        self._streams: dict[ThingKey, set[str]] = {}  # which use the id of such a thing

    def take(self, position: int, entry: Entry) -> tuple[frozenset[str], Instant]:
        """Notes an entry: the kinds of facts it bears on, and the instant before which it bears on no month."""
        event = said = entry.event
        kind, group, original = type(event).__name__, _thing(event), event
        if isinstance(event, Corrected | Retracted):
            kind, group, original, said = self._acted_on(position, entry, event)
        self._said[position] = kind, group, said
        self._ids.setdefault((entry.stream, entry.id), []).append(position)
        if group is None:
            return frozenset((kind,)), FIRST
        named = entry.stream, group
        self._since[named] = min(self._since.get(named, FOREVER), *map(_begun, (original, said)))
        since = self._since[named]
        if group[0] in CALLED and self._called_anew(group, entry.stream):
            since = FIRST
        return frozenset((kind,)), since

    def _called_anew(self, group: ThingKey, stream: str) -> bool:
        """Whether rows of others may turn, by what they are called."""
        using = self._streams.setdefault(group, set())
        using.add(stream)
        return len(using) > 1

    def _acted_on(
        self, position: int, entry: Entry, act: Corrected | Retracted
    ) -> tuple[str, ThingKey | None, Event | Unread, Event | Unread]:
        """A correction or retraction speaks of what its target does: its kind, thing, content, what it says instead."""
        by_id = {act.target: self._ids.get((entry.stream, act.target), [])} if isinstance(act.target, str) else {}
        target = resolve_target(act.target, position, by_id)
        if target is None or target not in self._said:
            return ANY, None, act, act
        kind, group, original = self._said[target]
        if isinstance(act, Corrected) and not isinstance(original, Unread | Corrected | Retracted):
            try:
                instead = replacement(original, act)
            except Refused:
                return kind, None, original, original
            return kind, group if _thing(instead) == group else None, original, instead
        return kind, group, original, original

    def touched(self, position: int, entry: Entry, known: Mapping[str, Unit]) -> set[str]:
        """The units that an entry may change."""
        kinds, since = self.take(position, entry)
        if entry.stream == "ledger" or ANY in kinds:
            return set(known)
        looked = {name: unit for name, unit in known.items() if not unit.kinds.isdisjoint({*kinds, ANY})}
        return {name for name, unit in looked.items() if unit.ends_at > since or unit.ends_at == FOREVER}


def _thing(event: Event | Unread) -> ThingKey | None:
    if isinstance(event, MaintenanceStatusPublished):
        return None if event.maintenance is None else ("maintenance", event.maintenance)
    return group_of(event) if isinstance(event, Event) and type(event) in THINGS else None


def _begun(said: Event | Unread) -> Instant:
    """The first instant an event tells."""
    told = (getattr(said, name, None) for name in ("at", "from_", "started_at", "completed_at", "failed_at"))
    return min((seconds(instant) for instant in told if instant is not None), default=FOREVER)


def _first_things(streams: Mapping[str, Sequence[Pair]], upto: int) -> _Begun:
    begun = _Begun()
    for entries in streams.values():
        for position, entry in entries:
            if position > upto:
                break
            begun.take(position, entry)
    return begun
