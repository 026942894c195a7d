"""A history cut down to the entries that concern one thing, to ask it again at each moment any of them was learnt.

What was said of a thing, corrected or withdrawn since, is all there, with what the contract says of itself; what
was learnt of other things meanwhile is not looked at. The entries are sorted out once for all things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from operator import itemgetter
from typing import cast

from ledger.codec import Entry, Unread
from ledger.corrections import ACTS, known_as_recorded, replacement, resolve_target, where_named
from ledger.errors import Refused
from ledger.events import Corrected, Event
from ledger.history import History
from ledger.kept_entries import Entries, KeptEntries
from projections.bearing import CONTRACT

Pair = tuple[int, Entry]
Key = tuple[str, str]  # stream, id
GENERAL = ""
_BOUNDS = frozenset(CONTRACT)


class Concerning:
    """The entries of some kinds by their stream and what `field` of theirs names: general where it names nothing."""

    def __init__(self, history: History, kinds: Sequence[type[Event]], field: str) -> None:
        self._history = history
        self._itself: dict[str, list[Pair]] = {}
        self._told: dict[Key, list[Pair]] = {}
        self._targets: dict[int, int] = {}  # of an act, the entry or act it speaks of
        self.acted_on: set[Key] = set()  # the things of which an entry was ever corrected or withdrawn
        told = history.told(*kinds, *CONTRACT)
        self._general = list(told)
        for stream, entries in told.items():
            if stream != "ledger":
                self._sort_out(stream, entries, (*kinds, *CONTRACT), field)

    def _sort_out(self, stream: str, entries: Entries, kinds: Sequence[type[Event]], field: str) -> None:
        last = self._history.last_known_position(stream)
        acts = [act for act in entries_of(entries, ACTS) if act[0] <= last]
        targets = targets_of_acts(entries, acts)
        self._targets.update(targets)
        named = frozenset(targets.values())
        keys: dict[int, Key | None] = {}
        told = self._told
        for pair in entries_of(entries, (*kinds, *ACTS) if acts else kinds):
            position, entry = pair
            if position > last:
                break
            event, key = entry.event, cast(Key | None, None)
            if position in targets:
                if targets[position] not in keys:
                    continue
                key = keys[targets[position]]
                if key is not None:
                    self.acted_on.add(key)
            elif type(event) not in _BOUNDS:
                key = stream, getattr(event, field, None) or GENERAL
            if position in named:
                keys[position] = key
            if key is None:
                self._itself.setdefault(stream, []).append(pair)
            elif key in told:
                told[key].append(pair)
            else:
                told[key] = [pair]

    def history(self, *keys: Key, general: bool = False) -> History:
        """The history with only what concerns these things, and what is `general`."""
        history = self._history
        streams = {stream: list(pairs) for stream, pairs in self._itself.items()}
        for key in (*keys, *((stream, GENERAL) for stream in self._general if general)):
            streams.setdefault(key[0], []).extend(self._told.get(key, ()))
        return History(
            history.contract, {stream: sorted(pairs, key=itemgetter(0)) for stream, pairs in streams.items()},
            known_at=history.known_at, position=history.position, now=history.now,
            knowledge=history.knowledge, without=history.without,
        )  # fmt: skip

    @property
    def things(self) -> Set[Key]:
        """All that anything was said of."""
        return self._told.keys()

    def versions(self, key: Key) -> Iterator[Event]:
        """All that its entries ever said of a thing: their own words, and those put in their place."""
        said = {position: entry.event for position, entry in self._told[key] if not isinstance(entry.event, ACTS)}
        yield from (event for event in said.values() if not isinstance(event, Unread))
        for position, entry in self._told[key]:
            original = said.get(self._targets.get(position, 0))
            if isinstance(entry.event, Corrected) and original is not None and not isinstance(original, Unread):
                try:
                    yield replacement(original, entry.event)
                except Refused:
                    continue


def targets_of_acts(entries: Entries, acts: Sequence[Pair]) -> dict[int, int]:
    """The entry or act that each act speaks of; one whose target is not known is its own, and concerns nothing."""
    said = [(position, entry.event.target) for position, entry in acts if isinstance(entry.event, ACTS)]
    by_id = _named(entries, {target for _, target in said})
    found = ((position, resolve_target(target, position, by_id)) for position, target in said)
    return {position: position if target is None else target for position, target in found}


def entries_of(entries: Entries, kinds: Sequence[type[Event]]) -> Sequence[Pair]:
    """Those of these types, in order."""
    if isinstance(entries, KeptEntries):
        return entries.of(*kinds)
    return [pair for pair in entries if isinstance(pair[1].event, tuple(kinds))]


def _named(entries: Entries, ids: set[str | int]) -> Mapping[str, Sequence[int]]:
    if not ids:
        return {}
    return entries.named(ids) if isinstance(entries, KeptEntries) else where_named(known_as_recorded(entries), ids)
