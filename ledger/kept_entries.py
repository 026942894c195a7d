"""A stream's entries kept for asking again: what was worked out of them once is there the next time.

Histories at different moments share it: each looks only at the part it knows of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from ledger.codec import Entry
from ledger.corrections import Fact, Known, fact_of, known_as_recorded
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
        now.known, now.groups, now._facts = self.known, self.groups, self._facts
        return now


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
