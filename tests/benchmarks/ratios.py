"""How benchmarks measure: both sides in turns within one run, a ratio with its spread, what the rest is made of.

A shared machine's times mean little. So each side is run several times, in turns, and the ratio of each turn is
taken: the line shows their median, their range, and the same by processor time, which others' work stretches less.
"""

from __future__ import annotations

import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

Action = Callable[[], Any]


class Spent(NamedTuple):
    """What one run took: on the wall's clock, and of this process's processor time."""

    wall_seconds: float
    processor_seconds: float


def spent(action: Action) -> Spent:
    """One run of an action, with the collector's leftovers of the last one out of the way."""
    gc.collect()
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return Spent(time.perf_counter() - wall, time.process_time() - processor)


def spent_once(action: Action) -> Spent:
    """As `spent`, for an action so short that collecting before it would be most of it."""
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return Spent(time.perf_counter() - wall, time.process_time() - processor)


def timed(action: Action) -> float:
    """As `spent`, by the wall's clock alone."""
    return spent(action).wall_seconds


def child_spent(command: Sequence[str]) -> Spent:
    """What a command took, from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def in_turns(rounds: int, actions: Mapping[str, Callable[[int], Spent]]) -> dict[str, list[Spent]]:
    """Every action once a round, each given the number of the round."""
    found: dict[str, list[Spent]] = {name: [] for name in actions}
    for number in range(rounds):
        for name, action in actions.items():
            found[name].append(action(number))
    return found


def line(what: str, ratio: float, goal: str, note: str = "") -> None:
    """One line of a benchmark: a ratio, its goal, what else is to be said."""
    sys.stdout.write(f"{what:<62} {ratio:>8.2f} x   goal {goal:<8} {note}\n")


def compare(what: str, peer: Sequence[Spent], ours: Sequence[Spent], goal: str, scale: float = 1, note: str = "") -> None:
    """How many times quicker we are than a peer that did one part in `scale` of our work."""
    walls = [p.wall_seconds * scale / o.wall_seconds for p, o in zip(peer, ours, strict=True)]
    processor = [p.processor_seconds * scale / o.processor_seconds for p, o in zip(peer, ours, strict=True)]
    by_processor = f"{min(walls):.2f} to {max(walls):.2f}; {statistics.median(processor):.2f} by processor time"
    line(what, statistics.median(walls), goal, f"{by_processor}{'; ' if note else ''}{note}")


def compare_medians(what: str, peer: Sequence[Spent], ours: Sequence[Spent], goal: str) -> None:
    """As `compare`, for what is so short that only its median says anything."""
    ratio, processor = (statistics.median(p) / statistics.median(o) for p, o in zip(zip(*peer, strict=True), zip(*ours, strict=True), strict=True))
    line(what, ratio, goal, f"medians of {len(ours)}; {processor:.2f} by processor time")


def shares(of_what: str, whole: float, parts: Mapping[str, float], rest: str) -> None:
    """What a run's time is made of, in hundredths; `rest` names what no part measured."""
    parts = {**parts, rest: max(whole - sum(parts.values()), 0.0)}
    told = ", ".join(f"{name} {100 * seconds / whole:.0f} %" for name, seconds in parts.items())
    sys.stdout.write(f"  {of_what} is made of: {told}\n")


class Watch:
    """Adds up what calls of some functions take, for the length of a `with`; none may call another."""

    def __init__(self, *watched: tuple[Any, str, str]) -> None:
        self._watched = watched
        self._before: list[tuple[Any, str, Any]] = []
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> Self:
        for owner, name, part in self._watched:
            self._before.append((owner, name, vars(owner)[name]))
            setattr(owner, name, self._counting(vars(owner)[name], part))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for owner, name, function in self._before:
            setattr(owner, name, function)

    def _counting(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - began

        return counted
