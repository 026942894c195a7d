"""A million appended events by eight processes killed at random: nothing lost, and how long a writer waits its turn.

Run `python tests/benchmarks/bench_writers.py` (both engines, a million each; some twenty minutes on two cores), with
`--engine sqlite` or `postgresql`, `--events`, `--largest` (events of the largest batch; a third are single), `--quick`.
Waits are told in fair shares, eight times the median turn of the same run, and in turns that others had meanwhile.
What the ledger then holds is checked entry by entry against what each writer was told; a difference ends the run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.postgres import fresh_schema, server_url
from tests.writers import Append, fairness, run

ENGINES = ("sqlite", "postgresql")


@contextmanager
def place(engine: str, folder: Path) -> Iterator[str]:
    """The name of a fresh ledger."""
    if engine == "sqlite":
        yield str(folder / "book.db")
        return
    with server_url() as server, fresh_schema(server) as url:
        yield url


def bench(engine: str, events: int, largest: int, between_seconds: float) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, place(engine, Path(folder)) as url:
        appends, kills = run(url, Path(folder), events, largest, between_seconds, most_kills=10_000)
    spent = max(a.ended for a in appends) - min(a.asked for a in appends)
    sys.stdout.write(
        f"{engine}: {sum(a.size for a in appends)} events, {kills} kills: positions, versions, order, places, tree: as told\n"
        f"  {fairness(appends)}\n  turns filled {filled(appends, spent):.2f} of the time\n"
        f"<!-- here: written in {spent:.0f} s, with the checks {time.monotonic() - began:.0f} s -->\n"
    )
    sys.stdout.flush()


def filled(appends: list[Append], spent: float) -> float:
    """How much of the time somebody was writing; what is missing is passing the turn on, or nobody wanted to."""
    return sum(a.turn for a in appends) / spent


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=ENGINES, nargs="*", default=ENGINES)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--largest", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="4,000 events in batches of at most 20")
    options = parser.parse_args()
    events, largest, between = (4_000, 20, 1.5) if options.quick else (options.events, options.largest, 12.0)
    for engine in options.engine:
        bench(engine, events, largest, between)


if __name__ == "__main__":
    main()
