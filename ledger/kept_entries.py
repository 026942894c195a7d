"""A stream's entries kept for asking again: what was worked out of them once is there the next time.

Histories at different moments share it: each looks only at the part it knows of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from ledger.codec import Entry
from ledger.corrections import Fact, Known, fact_of, known_as_recorded, where_named
from ledger.events import Event

Entries = Sequence[tuple[int, Entry]]
Groups = dict[type[Any], list[Known]]


class KeptEntries(list[tuple[int, Entry]]):
    """A stream's entries as they stood at one moment, with what asking again need not work out anew.

    `known`, `groups` and the facts made of them are shared with later moments and only ever grow: a history
    looks at nothing in them beyond the entries here.
    """

    def __init__(self, entries: Iterable[tuple[int, Entry]] = ()) -> None:
        super().__init__(entries)
        self.known = known_as_recorded(self)
        self.groups = grouped(self.known)
        self._facts: dict[type[Any], list[Fact]] = {}
        self._named = _Named()

    def append_all(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Takes in what was recorded since, here and for every moment there is."""
        known = known_as_recorded(entries)
        self.extend(entries)
        self.known += known
        grouped(known, self.groups)

    def of(self, *kinds: type[Event]) -> list[tuple[int, Entry]]:
        """The entries of these types, in order."""
        last = self[-1][0] if self else 0
        found = [(p, entry) for kind in kinds for p, entry, _ in self.groups.get(kind, ()) if p <= last]
        return sorted(found, key=itemgetter(0))

    def facts(self, kind: type[Event], count: int) -> list[Fact]:
        """What the first `count` entries of a type say by themselves, not corrected; each is made once."""
        found = self._facts.get(kind, [])
        if len(found) < count:  # a new list: another thread may be reading the old one
            found = found + [fact_of(known) for known in self.groups[kind][len(found) : count]]
            self._facts[kind] = found
        return found[:count]

    def as_it_stands(self) -> KeptEntries:
        """These entries, unmoved by what is appended here later."""
        now = KeptEntries()
        now.extend(self)
        now.known, now.groups, now._facts, now._named = self.known, self.groups, self._facts, self._named
        return now

    def named(self, ids: set[str | int]) -> Mapping[str, Sequence[int]]:
        """The positions of the entries of these ids, in order; those of later moments too."""
        return self._named.among(self.known, ids)


class _Named:
    """Where the entries are that acts name by id: looked for once, and then only among what came since."""

    def __init__(self) -> None:
        # the ids asked for so far, where they are, and among how many entries: exchanged at once, as threads share it
        self._looked: tuple[frozenset[str | int], dict[str, list[int]], int] = frozenset(), {}, 0

    def among(self, known: Sequence[Known], ids: set[str | int]) -> dict[str, list[int]]:
        wanted, found, looked = self._looked
        count = len(known)
        if not ids <= wanted:
            wanted = wanted | ids
            found = where_named(known[:count], wanted)
        elif count > looked:
            since = where_named(known[looked:count], wanted)
            found = {name: [*found.get(name, ()), *since.get(name, ())] for name in (*found, *since)}
        self._looked = wanted, found, max(count, looked)
        return found


def grouped(entries: Iterable[Known], found: Groups | None = None) -> Groups:
    """The entries by the type of their events, in order, after those already `found`."""
    found = {} if found is None else found
    for known in entries:
        kind = type(known[1].event)
        group = found.get(kind)
        if group is None:
            group = found[kind] = []
        group.append(known)
    return found
