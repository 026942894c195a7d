"""What a sensitivity run costs: a year under every reading against asking that year once, plainly.

Run `python tests/benchmarks/bench_replays.py`. The work is a year of the demo's simulated contract: its register of
breaches, and its twelve months of availability, each over every combination of all the switches that bear on it. The
ratios are to the same questions asked once each in the same run; seconds are of processor time, on this machine.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import open_ledger
from ledger.demo import DEMO, record_demo
from ledger.history import History
from projections.frame import Frames
from projections.periods import months_between
from projections.questions import question, read
from replays.readings import Sensitivity, sensitivity

Asked = tuple[Any, dict[str, Any]]


def timed(action: Callable[[], Any], times: int = 3) -> float:
    found = []
    for _ in range(times):
        began = time.process_time()
        action()
        found.append(time.process_time() - began)
    return statistics.median(found)


def year() -> tuple[list[Asked], list[Asked]]:
    """The register of the year, and its months of availability."""
    register, month = question("breaches"), question("availability")
    values = read(register, {"first": DEMO["first_month"], "last": DEMO["last_month"]})
    labels = months_between(values["first"], values["last"])
    return [(register, values)], [(month, read(month, {"month": label})) for label in labels]


def plainly(history: History, asked: list[Asked]) -> None:
    for rule, values in asked:
        rule.function()(history, Frames(history, {}), **values)


def under_every_reading(history: History, asked: list[Asked]) -> list[Sensitivity]:
    return [sensitivity(history, rule, values, {}) for rule, values in asked]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "demo.db")
        record_demo(path)
        with open_ledger(path, create=False, read_only=True) as book:
            known = datetime.fromisoformat(DEMO["known_at"].replace("Z", "+00:00"))
            history = book.history(DEMO["simulated_contract"], known_at=known)
            spent = 0.0
            for name, asked in zip(("register of a year", "twelve months"), year(), strict=True):
                once = timed(partial(plainly, history, asked))
                every = timed(partial(under_every_reading, history, asked))
                found = under_every_reading(history, asked)
                spent += every
                sys.stdout.write(
                    f"{name:20} every reading / asked once  {every / once:6.1f} x   goal < 20   "
                    f"({max(f.readings for f in found):,} readings, {sum(f.evaluated for f in found)} parts computed, "
                    f"coverage {', '.join(sorted({f.coverage for f in found}))})\n"
                )
    sys.stdout.write(f"both, processor time here    {spent:6.2f} s   goal < 2\n")


if __name__ == "__main__":
    main()
