"""What a sensitivity run costs: a year under every reading against asking that year once, plainly.

Run `python tests/benchmarks/bench_replays.py`. The work is a year of the demo's simulated contract: its register of
breaches, its twelve months of availability, and where it stands on every obligation in one of them, each over every
combination of all the switches that bear on it. The ratios are to the same questions asked once each in the same run;
seconds are of processor time, on this machine. Then the last is followed over the entries learnt after its month, as a
dossier does, against the plain way: asking all of it anew at each.
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
from ledger.book import Ledger
from ledger.demo import DEMO, record_demo
from ledger.history import History
from projections.frame import Frames
from projections.periods import months_between
from projections.questions import question, read
from replays.readings import Sensitivity, sensitivity
from replays.walk import Learnt, Walk, learnt_between

Asked = tuple[Any, dict[str, Any]]
FOLLOWED, SINCE = "2026-01-15T12:00:00+01:00", "2026-02-01T00:00:00+01:00"
MOST_FOLLOWED = 200  # entries
GOALS = {"register of a year": 20, "twelve months": 20, "obligations": 30}


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


def standing() -> Asked:
    """Where the contract stands in a month of it."""
    asked = question("obligations")
    return asked, read(asked, {"at": FOLLOWED})


def plainly(history: History, asked: list[Asked]) -> None:
    for rule, values in asked:
        rule.function()(history, Frames(history, {}), **values)


def under_every_reading(history: History, asked: list[Asked]) -> list[Sensitivity]:
    return [sensitivity(history, rule, values, {}) for rule, values in asked]


def followed(walk: Walk, learnt: list[Learnt], first: History) -> None:
    """From entry to entry, judging anew what each may turn."""
    state = walk.begin(first.now)
    for count, each in enumerate(learnt, 1):
        state = walk.learn(walk.wait(state, count - 1, each.second), count, each.second)


def asked_anew(book: Ledger, learnt: list[Learnt]) -> None:
    """The same, all of it asked at each entry."""
    for each in learnt:
        plainly(book.history(DEMO["simulated_contract"], position=each.position, known_at=each.known_at), [standing()])


def following(book: Ledger, history: History) -> None:
    first = book.history(DEMO["simulated_contract"], known_at=datetime.fromisoformat(SINCE))
    learnt = learnt_between(first, history)[:MOST_FOLLOWED]
    walk = Walk(first, history, learnt, *standing(), {})
    plain, parts = timed(lambda: asked_anew(book, learnt), 1), timed(lambda: followed(walk, learnt, first))
    sys.stdout.write(
        f"{'a month, followed':20} asked at each entry / in parts {plain / parts:5.1f} x   goal > 5    "
        f"({len(learnt)} entries)\n"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "demo.db")
        record_demo(path)
        with open_ledger(path, create=False, read_only=True) as book:
            known = datetime.fromisoformat(DEMO["known_at"].replace("Z", "+00:00"))
            history = book.history(DEMO["simulated_contract"], known_at=known)
            spent = 0.0
            for (name, goal), asked in zip(GOALS.items(), (*year(), [standing()]), strict=True):
                once = timed(partial(plainly, history, asked))
                every = timed(partial(under_every_reading, history, asked))
                found = under_every_reading(history, asked)
                spent += every
                sys.stdout.write(
                    f"{name:20} every reading / asked once  {every / once:6.1f} x   goal < {goal}   "
                    f"({max(f.readings for f in found):,} readings, {sum(f.evaluated for f in found)} parts computed, "
                    f"coverage {', '.join(sorted({f.coverage for f in found}))})\n"
                )
            following(book, history)
    sys.stdout.write(f"every reading, processor time here    {spent:6.2f} s   goal < 3\n")


if __name__ == "__main__":
    main()
