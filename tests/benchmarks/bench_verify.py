"""How long verification takes against hashing the same bytes, and how much memory, in one run.

`python -m tests.benchmarks.bench_verify [entries] [contracts]`, by default a million entries of 200 contracts.
Prints ratios and asserts nothing; each measurement is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger import open_ledger
from replays.export import Wanted, export_bundle
from replays.verify import verify
from tests.bundles import outage
from tests.conftest import Clock
from tests.story import CONTRACT

MONTHS = [f"{2025 + n // 12}-{n % 12 + 1:02d}" for n in range(8, 20)]


def build(path: str, entries: int, contracts: int) -> None:
    """Each contract's outages of five minutes, one after the other, over a year."""
    clock = Clock("2026-12-01T00:00:00Z")
    with open_ledger(path, clock=clock) as book:
        for number in range(contracts):
            told = {**CONTRACT, "contract": f"C{number}"}
            opening = {"specversion": "1.0", "id": "c", "source": "t", "type": "contract_started", "data": told,
                       "subject": f"contract:C{number}"}  # fmt: skip
            batch = [opening]
            count = entries // contracts // 2
            for n in range(count):
                start = 1_757_000_000 + n * (31_000_000 // count)
                moment, later = (datetime.fromtimestamp(at, UTC).isoformat() for at in (start, start + 300))
                batch += outage(n, moment, later, f"contract:C{number}")
            book.record(batch)


def measure(what: str, path: str, *rest: str) -> None:
    """One thing, its seconds and its peak memory."""
    before = time.perf_counter()
    size = 0
    if what == "sha256":
        with sqlite3.connect(path) as connection:
            for (state,) in connection.execute("SELECT state FROM stored_events ORDER BY position"):
                hashlib.sha256(state).digest()
                size += len(state)
    elif what == "export":
        wanted = Wanted(contract="C1", first=MONTHS[0], last=MONTHS[-1], known_at=None)
        with open_ledger(path, create=False) as book:
            export_bundle(book, wanted, Path(f"{path}.zip"))
    elif what.isdigit():
        build(path, int(what), int(rest[0]))
    else:
        found = verify(path if what == "ledger" else f"{path}.zip")
        assert found.holds, found
    seconds = time.perf_counter() - before
    print(f"{seconds:.3f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")  # noqa: T201


def main(entries: int = 1_000_000, contracts: int = 200) -> None:
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "book.db")
        base = 0.0
        one = [sys.executable, "-m", "tests.benchmarks.bench_verify", "measure"]  # a child begins at its parent's peak
        subprocess.run([*one, str(entries), path, str(contracts)], check=True, capture_output=True)
        for what, told in (
            ("sha256", "read and hash every entry"),
            ("ledger", "verify the ledger"),
            ("export", "export one contract's year"),
            ("bundle", "verify the bundle, its answers recomputed"),
        ):
            run = subprocess.run([*one, what, path], capture_output=True, text=True, check=True)
            seconds, megabytes = run.stdout.split()
            base = base or float(seconds)
            print(f"{told:45} {float(seconds):7.2f} s  {float(seconds) / base:5.1f} x hashing  {megabytes:>5} MB")  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(*sys.argv[2:])
    elif sys.argv[1:2] == ["--quick"]:
        main(20_000, 10)
    else:
        main(*map(int, sys.argv[1:]))
