"""The space of readings cut into regions over each of which a rule says one and the same thing.

A rule is a function of its facts and of the switches it looks at, which a watched reading notes. So what it says
under one reading it says under every reading that agrees with that one on the switches looked at: those readings
are a region. `Part.explore` goes on from each region to the readings next to it, one for each other value of each
switch looked at, until no reading is left outside: any reading either agrees with the one evaluated on all it
looked at, or differs first in one of them and is then sought beyond that difference. What holds in every region
holds under every reading, though few were evaluated.

A region maps the switches looked at to the value each was set to, None where it was left as it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

Region = Mapping[str, str | None]
Choices = Mapping[str, tuple[str, ...]]  # the values a switch may be set to, beside being left as it stands


class Answered(Struct, frozen=True):
    """A region and what the rule says all over it."""

    region: dict[str, str | None]
    found: Any


class Part:
    """One part of a question: evaluated where nothing known covers a reading, its regions kept."""

    def __init__(self, evaluate: Callable[[Mapping[str, str]], tuple[Any, Iterable[str]]], choices: Choices) -> None:
        self._evaluate = evaluate  # given the switches set: what is found, and the switches looked at, in order
        self._choices = choices
        self.answered: list[Answered] = []

    def at(self, flipped: Mapping[str, str]) -> Answered:
        """What is said where these switches are set and all others left as they stand."""
        for known in self.answered:
            if all(flipped.get(name) == value for name, value in known.region.items()):
                return known
        found, looked_at = self._evaluate(flipped)
        region = {name: flipped.get(name) for name in looked_at if name in self._choices}
        answer = Answered(region, found)
        self.answered.append(answer)
        return answer

    def explore(self, most: int, tell: Callable[[int], None] | None = None) -> bool:
        """Go on until the regions cover every reading, or `most` of them are known; whether they cover all.

        `tell` hears at each step how many places are still to be looked at, as far as is known then.
        """
        beyond: list[dict[str, str | None]] = [{}]
        while beyond:
            if len(self.answered) > most:
                return False
            if tell is not None:
                tell(min(len(beyond), most + 1 - len(self.answered)))
            settled = beyond.pop()
            here = self.at({name: value for name, value in settled.items() if value is not None})
            for name, value in here.region.items():
                if name not in settled:
                    beyond += [{**settled, name: other} for other in self._choices[name]]
                    settled = {**settled, name: value}
        return True

    def turned_by(self) -> set[str]:
        """The switches of which another value, all else equal, changes what is said somewhere."""
        found: set[str] = set()
        for n, one in enumerate(self.answered):
            for other in self.answered[:n]:
                name = _only_apart(one.region, other.region)
                if name is not None and name not in found and one.found != other.found:  # the dear comparison last
                    found.add(name)
        return found


def _only_apart(one: Region, other: Region) -> str | None:
    """The switch that alone keeps two regions apart."""
    only = None
    for name, value in one.items():
        if other.get(name, value) != value:
            if only is not None:
                return None
            only = name
    return only


def merged(regions: Iterable[Region], choices: Choices) -> list[Region]:
    """The same readings in fewer regions: what is said for each value of a switch needs not name it."""
    left = {frozenset(region.items()) for region in regions}
    again = True
    while again:
        again = False
        for name in sorted({name for region in left for name, _ in region}):
            by_rest: dict[frozenset[tuple[str, str | None]], set[str | None]] = {}
            for region in left:
                by_rest.setdefault(frozenset(p for p in region if p[0] != name), set()).update(
                    value for each, value in region if each == name
                )
            for rest, values in by_rest.items():
                if values >= {None, *choices[name]}:
                    left = {region for region in left if not rest <= region} | {rest}
                    again = True
    return [dict(region) for region in _widest(left)]


def _widest(regions: Iterable[frozenset[Any]]) -> list[frozenset[Any]]:
    """Those that lie in no other one, the least bound first."""
    kept: list[frozenset[Any]] = []
    for region in sorted(set(regions), key=lambda r: (len(r), sorted(map(str, r)))):
        if not any(other <= region for other in kept):
            kept.append(region)
    return kept


def joined(parts: Sequence[Sequence[Region]], most: int) -> list[Region] | None:
    """The regions in which every part is in one of its own; None when there are more than `most` on the way."""
    found: list[frozenset[tuple[str, str | None]]] = [frozenset()]
    for regions in sorted(parts, key=len):
        reached = set()
        for one in found:
            bound = dict(one)
            for region in regions:
                if all(bound.get(name, value) == value for name, value in region.items()):
                    reached.add(one | frozenset(region.items()))
            if len(reached) > most:
                return None
        found = _widest(reached)
    return [dict(region) for region in found]


def smallest(regions: Iterable[Region]) -> list[frozenset[tuple[str, str]]]:
    """The smallest sets of switches to set in order to come into one of the regions, no set holding another.

    Setting what a region asks for and nothing else leads into it, as all else it names it wants left as it stands.
    """
    return _widest(frozenset((n, v) for n, v in region.items() if v is not None) for region in regions)
