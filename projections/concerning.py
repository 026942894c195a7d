"""A history cut down to the entries that concern one thing, to ask it again at each moment any of them was learnt.

What was said of a thing, corrected or withdrawn since, is all there, with what the contract says of itself; what
was learnt of other things meanwhile is not looked at. The entries are sorted out once for all things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import cast

from ledger.codec import Entry
from ledger.corrections import ACTS, known_as_recorded, replacement, resolve_target, where_named
from ledger.errors import Refused
from ledger.events import Corrected, Event, Retracted
from ledger.history import History
from ledger.kept_entries import Entries, KeptEntries
from projections.bearing import CONTRACT

Pair = tuple[int, Entry]
Key = tuple[str, str]  # stream, id
ITSELF: Key = ("", "")  # of the contract itself, or of every thing


class Concerning:
    """The entries of some kinds by the thing that `field` of theirs names; what names none concerns every thing."""

    def __init__(self, history: History, kinds: Sequence[type[Event]], field: str) -> None:
        self._history = history
        self._told: dict[Key, dict[str, list[Pair]]] = {}
        self._targets: dict[int, int] = {}  # of an act, the entry or act it speaks of
        for stream, entries in history.streams.items():
            if stream != "ledger":
                self._sort_out(stream, entries, (*kinds, *CONTRACT, *ACTS), field)

    def _sort_out(self, stream: str, entries: Entries, kinds: Sequence[type[Event]], field: str) -> None:
        keys: dict[int, Key] = {}
        chosen = _of(entries, kinds)
        by_id = _named(entries, {entry.event.target for _, entry in chosen if isinstance(entry.event, ACTS)})
        for position, entry in chosen:
            event = cast(Event, entry.event)
            if isinstance(event, Corrected | Retracted):
                target = resolve_target(event.target, position, by_id)
                if target is None or target not in keys:
                    continue
                self._targets[position] = target
                concerned = keys[target]
            else:
                named = None if isinstance(event, CONTRACT) else getattr(event, field)
                concerned = ITSELF if named is None else (stream, named)
            keys[position] = concerned
            self._told.setdefault(concerned, {}).setdefault(stream, []).append((position, entry))

    def history(self, *keys: Key) -> History:
        """The history with only what concerns these things."""
        history, told = self._history, [self._told.get(key, {}) for key in (ITSELF, *keys)]
        streams = {stream: [pair for each in told for pair in each.get(stream, ())] for each in told for stream in each}
        return History(
            history.contract, {stream: sorted(pairs, key=itemgetter(0)) for stream, pairs in streams.items()},
            known_at=history.known_at, position=history.position, now=history.now,
            knowledge=history.knowledge, without=history.without,
        )  # fmt: skip

    def things(self) -> Iterator[tuple[Key, list[Pair]]]:
        """Each thing with the entries of its own stream."""
        return ((key, told[key[0]]) for key, told in self._told.items() if key != ITSELF)

    def versions(self, pairs: Sequence[Pair]) -> Iterator[Event]:
        """All that these entries of a thing ever had it say: their own words, and those put in their place."""
        said = {position: cast(Event, entry.event) for position, entry in pairs if not isinstance(entry.event, ACTS)}
        yield from said.values()
        for position, entry in pairs:
            if isinstance(entry.event, Corrected) and self._targets[position] in said:
                try:
                    yield replacement(said[self._targets[position]], entry.event)
                except Refused:
                    continue


def _of(entries: Entries, kinds: Sequence[type[Event]]) -> Sequence[Pair]:
    if isinstance(entries, KeptEntries):
        return entries.of(*kinds)
    return [pair for pair in entries if isinstance(pair[1].event, tuple(kinds))]


def _named(entries: Entries, ids: set[str | int]) -> Mapping[str, Sequence[int]]:
    if not ids:
        return {}
    return entries.named(ids) if isinstance(entries, KeptEntries) else where_named(known_as_recorded(entries), ids)
