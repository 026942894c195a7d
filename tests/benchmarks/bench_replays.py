"""What a sensitivity run costs: every reading of a year's register against asking the register once.

Run `python tests/benchmarks/bench_replays.py`. The ratio is to one register asked plainly in the same run, as a
dispute would ask it; twenty switches at 1,000 readings computed one by one would be the plain way times 1,000.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import open_ledger
from ledger.demo import DEMO, record_demo
from projections.frame import Frames
from projections.questions import question, read
from replays.readings import sensitivity


def timed(action: Callable[[], Any], times: int = 3) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def main() -> None:
    asked = question("breaches")
    values = read(asked, {"first": DEMO["first_month"], "last": DEMO["last_month"]})
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "demo.db")
        record_demo(path)
        with open_ledger(path, create=False, read_only=True) as book:
            known = datetime.fromisoformat(DEMO["known_at"].replace("Z", "+00:00"))
            history = book.history(DEMO["simulated_contract"], known_at=known)
            once = timed(lambda: asked.function()(history, Frames(history, {}), **values))
            runs = [sensitivity(history, asked, values, {})]
            every = timed(lambda: sensitivity(history, asked, values, {}))
    tried = runs[0].readings_tried
    sys.stdout.write(f"sensitivity of a year's register / one register      {every / once:8.1f} x   goal < 20\n")
    sys.stdout.write(f"a reading in it / one register                       {every / tried / once:8.4f} x   goal < 0.02\n")
    sys.stdout.write(f"{tried} readings, {len(runs[0].live)} live switches, {every:.2f} s here (goal under 2 s)\n")


if __name__ == "__main__":
    main()
