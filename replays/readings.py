"""One question under many readings: which switch turns the verdict, and whether any reading keeps it.

Each switch that bears on the question is flipped alone; then pairs; a switch that changed nothing in either
taken to be inert for these facts, and every combination of the others is tried. Where all the combinations of
all the switches are few (`MOST_COMBINATIONS`) they are tried instead, and nothing is taken on trust: `exhaustive`
says whether it was so. The outcome has three values: kept under every reading tried, broken under every one, or
contested, with the smallest sets of switches that turn it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import combinations, product
from math import prod
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from ledger.errors import Refused
from ledger.history import History
from ledger.readings import DEFAULT, SWITCHES, Switch
from projections.breaches import SUBJECTS, breaches_of, gathered
from projections.frame import Frames
from projections.questions import Question
from replays.as_of import Leaves, difference, leaves

MOST_COMBINATIONS = 1024
Verdict = Literal["kept", "broken", "not_judged"]
Coverage = Literal["every", "live", "some"]
Outcome = Literal["kept", "broken", "contested", "not_judged"]


class Flip(Struct, frozen=True, kw_only=True):
    """One switch set to another value, alone: what it changes, and whether it turns the verdict."""

    switch: str
    value: str
    article: str
    ambiguity: str
    turns: bool
    verdict: Verdict
    changes: dict[str, list[Any]]


class Sensitivity(Struct, frozen=True, kw_only=True):
    """How the verdict depends on the reading.

    `turning_sets` are the smallest sets of `switch=value` that turn the verdict (no subset of one turns it
    alone). `exhaustive`: every combination of every switch that bears on the question was tried. `coverage` says
    what was: `every` combination, those of the `live` switches (the others changed nothing alone nor beside any
    one other), or only `some`.
    """

    verdict: Verdict
    outcome: Outcome
    flips: tuple[Flip, ...]
    turning_sets: tuple[tuple[str, ...], ...]
    live: tuple[str, ...]
    readings_tried: int
    exhaustive: bool
    coverage: Coverage


def verdict(question: str, result: Any) -> Verdict:
    """Whether a result says a promise was kept, broken, or nothing was to judge."""
    found = _broken(question, result)
    return "not_judged" if found is None else "broken" if found else "kept"


def _broken(question: str, result: Any) -> bool | None:
    if isinstance(result, list):
        return bool([row for row in result if not row.get("contested")])
    if "breach" in result:
        return None if result["breach"] is None else bool(result["breach"])
    if "missed" in result:
        return bool(result["missed"])
    rows = [row for row in result.values() if isinstance(row, dict | list)]
    if not rows:
        return None
    return any(_row_broken(row) for row in rows)


def _row_broken(row: Any) -> bool:
    if isinstance(row, list):
        return bool(row)
    amounts = ("early_blocking_seconds", "outside_window_seconds")
    return (
        any(bool(row.get(name)) for name in ("breach", "notice_breach", "early"))
        or any((row.get(name) or 0) > 0 for name in amounts)
        or row.get("state") == "missed"
        or row.get("two_copies") is False
    )


def sensitivity(
    history: History, asked: Question, values: Mapping[str, Any], switches: Mapping[str, str]
) -> Sensitivity:
    """Every switch that bears on the question flipped alone, then the smallest sets that turn the verdict."""
    base = DEFAULT.with_switches(switches)
    bearing = [s for s in SWITCHES if s.name != "knowledge" and len(s.values) > 1 and s.bears_on(asked.name)]
    run = _Runs(history, asked, values, switches)
    start = run({})
    others = {s.name: [v for v in s.values if v != getattr(base, s.name)] for s in bearing}
    flips = tuple(_flip(s, v, run, start) for s in bearing for v in others[s.name])
    live = _live(bearing, others, run, start)
    few = prod(len(s.values) for s in bearing) <= MOST_COMBINATIONS
    turning, all_tried = _turning([s.name for s in bearing] if few else live, others, run, start.verdict)
    found = {outcome.verdict for outcome in run.kept.values()}
    first = start.verdict
    return Sensitivity(
        verdict=first,
        outcome=first if len(found) == 1 else "contested",
        flips=flips,
        turning_sets=turning,
        live=tuple(live),
        readings_tried=len(run.kept),
        exhaustive=few,
        coverage="every" if few else "live" if all_tried else "some",
    )


class _Outcome:
    """What one reading gives: the parts as they were found, and the result and its figures when asked for."""

    def __init__(self, question: str, parts: tuple[Any, ...]) -> None:
        self._question = question
        self.parts = parts  # equal parts, equal results

    @cached_property
    def result(self) -> Any:
        if self._question != "breaches":
            return self.parts[0]
        return gathered([breach for part in self.parts for breach in part]).result

    @cached_property
    def leaves(self) -> Leaves:
        return leaves(self.result)

    @cached_property
    def verdict(self) -> Verdict:
        if self._question != "breaches":
            return verdict(self._question, self.result)
        return "broken" if any(not breach.contested for part in self.parts for breach in part) else "kept"


class _Part(Struct, frozen=True):
    """What a part of the question gave, and the switches it looked at with the values flipped then (None: not)."""

    looked_at: dict[str, str | None]
    found: Any


class _Runs:
    """Results by reading over the one history they share; what a run looked at tells when it may serve again.

    A rule is a function of what it looks at: a part of the question that looked at no switch in which two
    readings differ gives the same under both, and is not computed twice. The register is taken by subject.
    """

    def __init__(
        self, history: History, asked: Question, values: Mapping[str, Any], switches: Mapping[str, str]
    ) -> None:
        self._history = history
        self._asked = asked
        self._values = values
        self._switches = dict(switches)
        self._parts: dict[str, list[_Part]] = {}
        self.kept: dict[frozenset[tuple[str, str]], _Outcome] = {}

    def __call__(self, flipped: Mapping[str, str]) -> _Outcome:
        key = frozenset(flipped.items())
        found = self.kept.get(key)
        if found is None:
            subjects = SUBJECTS if self._asked.name == "breaches" else ("",)
            parts = tuple(self._part(subject, flipped) for subject in subjects)
            found = self.kept[key] = _Outcome(self._asked.name, parts)
        return found

    def _part(self, subject: str, flipped: Mapping[str, str]) -> Any:
        known = self._parts.setdefault(subject, [])
        for part in known:
            if all(flipped.get(name) == value for name, value in part.looked_at.items()):
                return part.found
        looked_at: set[str] = set()
        frames = Frames(self._history, {**self._switches, **flipped}, looked_at)
        if subject:
            found: Any = breaches_of(subject, self._history, frames, **self._values)
        else:
            found = self._asked.function()(self._history, frames, **self._values).result
        known.append(_Part({name: flipped.get(name) for name in looked_at}, found))
        return found


def _flip(switch: Switch, value: str, run: _Runs, start: _Outcome) -> Flip:
    outcome = run({switch.name: value})
    return Flip(
        switch=switch.name,
        value=value,
        article=switch.article,
        ambiguity=switch.amb,
        turns=outcome.verdict != start.verdict,
        verdict=outcome.verdict,
        changes=difference(start.leaves, outcome.leaves),
    )


def _live(bearing: list[Switch], others: Mapping[str, list[str]], run: _Runs, start: _Outcome) -> list[str]:
    """The switches that change anything, alone or beside one other."""
    alone = {(s.name, v): run({s.name: v}).parts for s in bearing for v in others[s.name]}
    live = {name for (name, _), found in alone.items() if found != start.parts}
    for one, two in combinations([s.name for s in bearing], 2):
        if one in live and two in live:
            continue
        for v, w in product(others[one], others[two]):
            both = run({one: v, two: w}).parts
            if both != alone[one, v]:
                live.add(two)
            if both != alone[two, w]:
                live.add(one)
    return [s.name for s in bearing if s.name in live]


def _turning(
    live: list[str], others: Mapping[str, list[str]], run: _Runs, first: Verdict
) -> tuple[tuple[tuple[str, ...], ...], bool]:
    found: list[frozenset[tuple[str, str]]] = []
    tried = 0
    for size in range(1, len(live) + 1):
        for names in combinations(live, size):
            for chosen in product(*(others[name] for name in names)):
                flipped = frozenset(zip(names, chosen, strict=True))
                tried += 1
                if tried > MOST_COMBINATIONS:
                    return _written(found), False
                turned = run(dict(flipped)).verdict != first
                if turned and not any(smaller <= flipped for smaller in found):
                    found.append(flipped)
    return _written(found), True


def _written(sets: list[frozenset[tuple[str, str]]]) -> tuple[tuple[str, ...], ...]:
    texts = [tuple(sorted(f"{name}={value}" for name, value in found)) for found in sets]
    return tuple(sorted(texts, key=lambda t: (len(t), t)))


class NamedReading(Struct, frozen=True, kw_only=True):
    """A party's reading: its name, its switches, and why."""

    name: str
    switches: dict[str, str]
    why: str = ""


def read_readings(path: str) -> list[NamedReading]:
    """The named readings of a TOML file: `[provider] switches = {emergency = "as_declared"} why = "..."`.

    Raises `Refused`: `no_file`, `bad_terms` (not such TOML), `unknown_switch`, `unknown_switch_value`.
    """
    import tomllib

    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused("no_file", f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused("bad_terms", f"{path}: not TOML: {error}") from error
    found = []
    for name, table in content.items():
        if not isinstance(table, dict) or not isinstance(table.get("switches"), dict):
            raise Refused("bad_terms", f"{path}: [{name}] needs `switches`, a table of switch = value")
        extra = set(table) - {"switches", "why"}
        if extra:
            raise Refused("bad_terms", f"{path}: [{name}] has no {sorted(extra)[0]!r}; it takes switches and why")
        switches = {str(k): str(v) for k, v in table["switches"].items()}
        DEFAULT.with_switches(switches)
        found.append(NamedReading(name=name, switches=switches, why=str(table.get("why", ""))))
    if not found:
        raise Refused("bad_terms", f"{path}: names no reading")
    return found


def all_readings(paths: Iterable[str]) -> list[NamedReading]:
    """The readings of several files, in order. Raises `Refused("bad_terms")` when two of one name differ."""
    found: dict[str, NamedReading] = {}
    for path in paths:
        for reading in read_readings(path):
            if found.setdefault(reading.name, reading).switches != reading.switches:
                raise Refused("bad_terms", f"{path}: [{reading.name}] contradicts another file's reading of that name")
    return list(found.values())
