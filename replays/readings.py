"""One question under every reading: which switch turns the verdict, and whether any reading keeps it.

The question is taken in parts (the register by subject, availability and maintenance in it by month; obligations by
what each subject files and one by one; maintenances and anomalies one by one), and of each part the regions are found
over which it says the same (`replays.regions`). Together they cover every combination of every switch, though few were
evaluated, so that the outcome, kept under every reading, broken under every reading, or contested with the smallest
sets of switches that turn it, holds over all of them. Where a limit stops the search, `coverage` is `some` and nothing
is claimed of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from ledger.errors import Refused
from ledger.history import History
from ledger.readings import DEFAULT, SWITCHES, Switch, switch_named
from ledger.spans import FOREVER
from ledger.terms import read_toml
from projections.frame import Frames
from projections.questions import Question
from replays.checks import Progress
from replays.figures import Leaves, difference, leaves
from replays.parts import Part as Taken
from replays.parts import parts_of, together, whole
from replays.regions import Answered, Choices, Part, Region, smallest
from replays.turning import Turning, verdict_of
from replays.verdicts import Verdict

MOST_REGIONS = 4096  # of a part
MOST_JOINED = 20_000
ONE_BY_ONE = ("maintenance", "anomaly")  # questions about things that many switches bear on
Coverage = Literal["every", "some"]
Outcome = Literal["kept", "broken", "contested", "not_judged"]


class Setting(Struct, frozen=True, kw_only=True):
    """A switch set to another value, and the clause that leaves the choice open."""

    switch: str
    value: str
    article: str
    ambiguity: str


class Flip(Setting, frozen=True, kw_only=True):
    """One switch set to another value, alone: what it changes, and whether it turns the verdict."""

    turns: bool
    verdict: Verdict
    changes: dict[str, list[Any]]


class Sensitivity(Struct, frozen=True, kw_only=True):
    """How the verdict depends on the reading.

    `turning_sets` are the smallest sets of `switch=value` that turn the verdict (no subset of one turns it alone),
    `clauses` the clause of each of them in the same order. `live`: the switches of which another value, all else
    equal, changes a figure somewhere. `readings` counts the combinations of every switch that bears on the question;
    `coverage` says whether the outcome holds over `every` one or was only found in `some`, `evaluated` how many
    times a part of the question was computed.
    """

    verdict: Verdict
    outcome: Outcome
    flips: tuple[Flip, ...]
    turning_sets: tuple[tuple[str, ...], ...]
    clauses: tuple[tuple[Setting, ...], ...]
    live: tuple[str, ...]
    readings: int
    coverage: Coverage
    evaluated: int


def sensitivity(
    history: History,
    asked: Question,
    values: Mapping[str, Any],
    switches: Mapping[str, str],
    progress: Progress | None = None,
) -> Sensitivity:
    """Every switch that bears on the question flipped alone, then the smallest sets that turn the verdict."""
    choices = _choices(history, switches)
    run = _Parts(history, asked, values, switches, choices)
    start = run.at({})
    explored = run.explore(progress)
    turning, all_joined = run.turning(start.verdict)
    bearing = [s for s in SWITCHES if s.name in choices and (s.bears_on(asked.name) or s.name in run.looked_at())]
    live = set().union(*(part.turned_by() for part in run.parts))
    found = sorted(smallest(turning), key=lambda each: (len(each), sorted(each)))
    return Sensitivity(
        verdict=start.verdict,
        outcome="contested" if found else start.verdict,
        flips=tuple(_flip(s, v, run, start) for s in bearing for v in choices[s.name]),
        turning_sets=tuple(tuple(sorted(f"{name}={value}" for name, value in each)) for each in found),
        clauses=tuple(tuple(_setting(name, value) for name, value in sorted(each)) for each in found),
        live=tuple(s.name for s in bearing if s.name in live),
        readings=prod(len(s.values) for s in bearing),
        coverage="every" if all(explored) and all_joined else "some",
        evaluated=run.evaluated,
    )


def _choices(history: History, switches: Mapping[str, str]) -> Choices:
    """The values each switch may be set to beside how it stands: by the question, by the contract, or by default.

    A contract may have adopted different values over time: then it may be set to any of them.
    """
    adopted = {name for fact in history.adopted_at(FOREVER) for name in fact.event.switches}
    found = {}
    for s in SWITCHES:
        stands = switches.get(s.name, None if s.name in adopted else s.default)
        found[s.name] = tuple(value for value in s.values if value != stands)
    return {name: others for name, others in found.items() if others and name != "knowledge"}


class _Result:
    """What one reading gives: the parts as they were found, and the result and its figures when asked for."""

    def __init__(self, asked: str, answers: tuple[Answered, ...]) -> None:
        self._asked = asked
        self._found = tuple(answer.found for answer in answers)

    @cached_property
    def result(self) -> Any:
        return together(self._asked, self._found)

    @cached_property
    def leaves(self) -> Leaves:
        return leaves(self.result)

    @cached_property
    def verdict(self) -> Verdict:
        return verdict_of(self._asked, self._found)

    def changes(self, other: _Result) -> dict[str, list[Any]]:
        return {} if self._found == other._found else difference(self.leaves, other.leaves)


Evaluation = Callable[[Frames], Any]


class _Parts:
    """A question in parts over the history they share; work that looks at no reading is done once."""

    def __init__(
        self, history: History, asked: Question, values: Mapping[str, Any], switches: Mapping[str, str],
        choices: Choices,
    ) -> None:  # fmt: skip
        self._history = history
        self._asked = asked
        self._switches = dict(switches)
        self._shared: dict[Any, Any] = {}
        self.choices = choices
        self.evaluated = 0
        self.parts = [Part(self._evaluation(rule), choices) for rule in self._rules(values)]

    def _evaluation(self, rule: Evaluation) -> Callable[[Mapping[str, str]], tuple[Any, Iterable[str]]]:
        def evaluate(flipped: Mapping[str, str]) -> tuple[Any, Iterable[str]]:
            self.evaluated += 1
            looked_at: dict[str, None] = {}
            return rule(Frames(self._history, {**self._switches, **flipped}, looked_at, self._shared)), looked_at

        return evaluate

    def _rules(self, values: Mapping[str, Any]) -> list[Evaluation]:
        if self._asked.name not in ONE_BY_ONE:
            return [self._over_history(part) for part in parts_of(self._asked, values)]
        all_of_them = self._over_history(whole(self._asked, values))
        (param,) = (param.name for param in self._asked.params if param.kind == "ids")
        # which things there are is read in the facts alone, never in a reading
        names = list(all_of_them(Frames(self._history, self._switches, {}, self._shared)))
        apart = [self._over_history(whole(self._asked, {**values, param: (name,)})) for name in names]
        return apart or [all_of_them]

    def _over_history(self, part: Taken) -> Evaluation:
        return lambda frames: part.judge(self._history, frames)

    def at(self, flipped: Mapping[str, str]) -> _Result:
        return _Result(self._asked.name, tuple(part.at(flipped) for part in self.parts))

    def explore(self, progress: Progress | None) -> list[bool]:
        """Of each part, whether every reading was explored; how many are left is known only on the way."""

        def tell(left: int) -> None:
            if progress is not None:
                progress("readings computed", self.evaluated, self.evaluated + left)

        found = []
        for number, part in enumerate(self.parts, 1):
            found.append(part.explore(MOST_REGIONS, tell))
            if progress is not None and len(self.parts) > 1:
                progress("parts searched", number, len(self.parts))
        tell(0)
        return found

    def looked_at(self) -> set[str]:
        return {name for part in self.parts for answer in part.answered for name in answer.region}

    def turning(self, first: Verdict) -> tuple[list[Region], bool]:
        """The regions in which the verdict is another one, and whether they are all of them."""
        answered = [part.answered for part in self.parts]
        return Turning(self._asked.name, answered, self.choices, MOST_JOINED).regions(first)


def _setting(name: str, value: str) -> Setting:
    switch = switch_named(name)
    return Setting(switch=name, value=value, article=switch.article, ambiguity=switch.amb)


def _flip(switch: Switch, value: str, run: _Parts, start: _Result) -> Flip:
    other = run.at({switch.name: value})
    return Flip(
        switch=switch.name,
        value=value,
        article=switch.article,
        ambiguity=switch.amb,
        turns=other.verdict != start.verdict,
        verdict=other.verdict,
        changes=start.changes(other),
    )


class NamedReading(Struct, frozen=True, kw_only=True):
    """A party's reading: its name, its switches, and why."""

    name: str
    switches: dict[str, str]
    why: str = ""


def read_readings(path: str) -> list[NamedReading]:
    """The named readings of a TOML file: `[provider] switches = {emergency = "as_declared"} why = "..."`.

    Raises `Refused`: `no_file`, `input_too_large`, `bad_terms` (not such TOML), `unknown_switch`,
    `unknown_switch_value`.
    """
    import tomllib

    try:
        content = tomllib.loads(read_toml(Path(path)).decode())
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
        try:
            DEFAULT.with_switches(switches)
        except Refused as refused:
            raise Refused(refused.code, f"{path}: [{name}] {refused.message}") from None
        found.append(NamedReading(name=name, switches=switches, why=str(table.get("why", ""))))
    if not found:
        raise Refused("bad_terms", f"{path}: names no reading")
    return found


def all_readings(paths: Iterable[str], switches: Mapping[str, str] = {}) -> list[NamedReading]:
    """The readings of several files, in order, each beside the question's own `switches`.

    Raises `Refused`: `bad_terms` when two of one name differ, `bad_parameter` when one sets a switch of the question
    otherwise.
    """
    found: dict[str, NamedReading] = {}
    for path in paths:
        for reading in read_readings(path):
            for name in reading.switches.keys() & switches.keys():
                if reading.switches[name] != switches[name]:
                    said = f"[{reading.name}] has {name}={reading.switches[name]}, --reading {name}={switches[name]}"
                    raise Refused("bad_parameter", f"{path}: {said}; they contradict each other")
            if found.setdefault(reading.name, reading).switches != reading.switches:
                raise Refused("bad_terms", f"{path}: [{reading.name}] contradicts another file's reading of that name")
    return list(found.values())
