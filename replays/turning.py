"""In which readings the verdict of a question is another one, told from what each of its parts says in each region.

A part breaks the whole, or keeps things of it, or spoils what another part keeps: a breach that rests on contested
facts breaks no obligation and leaves it unkept. The whole is broken where any part breaks it, kept where something
is kept that nothing spoils, and else there is nothing to judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from replays.parts import REGISTER, STANDING
from replays.regions import Answered, Choices, Region, joined, merged
from replays.verdicts import Verdict, verdict

THE_WHOLE = ""  # what every part keeps of a question whose things are not told apart


class Said(NamedTuple):
    """What a part says: whether it breaks the whole, which things it keeps, and which it spoils."""

    broken: bool
    kept: frozenset[str] = frozenset()
    spoilt: frozenset[str] = frozenset()


def said_of(asked: str, found: Any) -> Said:
    """What a part of a question says; of the register and of obligations, parts are as the rules make them."""
    if asked == REGISTER:
        broken = any(not breach.contested for breach in found)
        return Said(broken, frozenset() if broken else frozenset({THE_WHOLE}))
    if asked == STANDING and isinstance(found, list):
        return Said(any(not row.contested for row in found), spoilt=frozenset(row.obligation for row in found))
    if asked == STANDING:
        return Said(False, frozenset(id for id, row in found.items() if row["state"] == "kept"))
    of_it = verdict(asked, found)
    return Said(of_it == "broken", frozenset({THE_WHOLE} if of_it == "kept" else ()))


def verdict_of(asked: str, found: Iterable[Any]) -> Verdict:
    """The verdict that the parts of a question come to."""
    said = [said_of(asked, part) for part in found]
    if any(part.broken for part in said):
        return "broken"
    spoilt = frozenset().union(*(part.spoilt for part in said))
    return "kept" if any(part.kept - spoilt for part in said) else "not_judged"


Told = list[tuple[Said, Region]]  # of one part, region by region


class Turning:
    """The regions of each part of a question, to be searched for those in which the whole says something else."""

    def __init__(self, asked: str, parts: Sequence[Sequence[Answered]], choices: Choices, most: int) -> None:
        self._parts: list[Told] = [[(said_of(asked, a.found), a.region) for a in part] for part in parts]
        self._choices = choices
        self._most = most  # regions on the way
        self._all = True

    def regions(self, first: Verdict) -> tuple[list[Region], bool]:
        """The regions in which the verdict is not this one, and whether they are all of them."""
        broken = [region for part in self._parts for said, region in part if said.broken]
        if first == "broken":
            found = self._in_each([[r for said, r in part if not said.broken] for part in self._breaking()])
        elif first == "kept":
            found = [*broken, *self._in_each([self._unkept(thing) for thing in sorted(self._things())])]
        else:
            found = [*broken, *(region for thing in sorted(self._things()) for region in self._kept(thing))]
        return found, self._all

    def _breaking(self) -> list[Told]:
        return [part for part in self._parts if any(said.broken for said, _ in part)]

    def _things(self) -> set[str]:
        return {thing for part in self._parts for said, _ in part for thing in said.kept}

    def _unkept(self, thing: str) -> list[Region]:
        """Where nothing is broken and the thing is not kept: no part keeps it, or one spoils it."""
        keeping = [part for part in self._parts if any(thing in said.kept for said, _ in part)]
        without = [[r for said, r in part if not said.broken and thing not in said.kept] for part in keeping]
        spoilt = [region for part in self._parts for said, region in part if thing in said.spoilt and not said.broken]
        return [*self._in_each(without), *spoilt]

    def _kept(self, thing: str) -> list[Region]:
        """Where a part keeps the thing and none spoils it."""
        spoiling = [part for part in self._parts if any(thing in said.spoilt for said, _ in part)]
        whole = [[r for said, r in part if thing not in said.spoilt] for part in spoiling]
        keeping = [[r for said, r in part if thing in said.kept] for part in self._parts]
        return [region for regions in keeping for region in self._in_each([regions, *whole])]

    def _in_each(self, parts: Sequence[list[Region]]) -> list[Region]:
        """The regions that lie in one of each part's."""
        if len(parts) == 1:
            return parts[0]
        found = joined([merged(regions, self._choices) for regions in parts], self._most)
        self._all = self._all and found is not None
        return found or []
