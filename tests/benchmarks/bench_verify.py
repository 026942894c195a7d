"""How long verification takes against hashing the same bytes, and how much memory, in one run.

`python -m tests.benchmarks.bench_verify [entries] [contracts]`, by default a million entries of 200 contracts. All but
one have days as contracts have them: backups, their copies and deletions, requests, dossiers, and an outage every fifth
day. `BUSY` holds a tenth of all entries, nothing but outages, 137 a day, told as they happened. Of each contract a year's
monthly statements were issued (2,400). Prints ratios and asserts nothing; each measurement is a process of its own, so
that its peak memory is its own.
"""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ledger import open_ledger
from ledger.events import AvailabilityStatementIssued
from projections.availability import figures
from projections.frame import Frames
from replays.export import Wanted, export_bundle
from replays.statements import FIGURES
from replays.verify import verify
from tests.bundles import event, outage
from tests.conftest import Clock
from tests.story import CONTRACT

MONTHS = [f"{2025 + n // 12}-{n % 12 + 1:02d}" for n in range(8, 20)]

ISSUED_AT = "2026-12-01T00:00:00Z"


def build(path: str, entries: int, contracts: int) -> None:
    """Each contract's outages of five minutes, one after the other, over a year, and then its statements."""
    clock = Clock("2025-09-04T00:00:00Z")
    with open_ledger(path, clock=clock) as book:
        told = outages("BUSY", entries // 20)
        book.record([opening("BUSY")])
        for n in range(0, len(told), 100):
            batch = told[n : n + 100]
            clock.set(batch[-1]["data"]["at"])
            book.record(batch)
        clock.set(ISSUED_AT)
        names = [f"C{number}" for number in range(contracts - 1)]
        for name in names:
            book.record([opening(name), *islice(days(name), (entries - entries // 10) // (contracts - 1) - 13)])
        book.check_statement = lambda draft: None  # they are made of what is found, just before
        for name in ["BUSY", *names]:
            book.record(stated(book, name), subject=f"contract:{name}", source="statements")


def opening(name: str) -> dict[str, Any]:
    return event(0, "contract_started", {**CONTRACT, "contract": name}, f"contract:{name}")


def outages(name: str, number: int) -> list[dict[str, Any]]:
    told = []
    for n in range(1, number + 1):
        start = 1_757_000_000 + n * (31_000_000 // number)
        moment, later = (datetime.fromtimestamp(at, UTC).isoformat() for at in (start, start + 300))
        told += outage(n, moment, later, f"contract:{name}")
    return told


def days(name: str) -> Iterator[dict[str, Any]]:
    """An ordinary contract's events, a dozen a day, from September 2025 on."""
    subject = f"contract:{name}"
    for day in count():
        midnight = datetime(2025, 9, 5, tzinfo=UTC) + timedelta(days=day)
        at = {hour: (midnight + timedelta(hours=hour)).isoformat() for hour in range(24)}
        number = 20 * day
        for n, (scope, tiers) in enumerate((("client_data", ["daily"]), ("office_documents", ["daily"]))):
            told = {"backup": f"B{day}-{n}", "scope": scope, "tiers": tiers, "started_at": at[20 + n],
                    "completed_at": at[21 + n], "locations": ["A"]}  # fmt: skip
            yield event(number + 3 * n + 1, "backup_completed", told, subject)
            stored = {"backup": f"B{day}-{n}", "location": "B", "at": at[22 + n]}
            yield event(number + 3 * n + 2, "backup_copy_stored", stored, subject)
            if day > 10:
                deleted = {"backup": f"B{day - 10}-{n}", "at": at[23]}
                yield event(number + 3 * n + 3, "backup_deleted", deleted, subject)
        for n, said in enumerate(("registered", "acknowledged", "taken_in_charge", "resolved")):
            yield event(number + 7 + n, f"support_request_{said}", {"request": f"R{day}", "at": at[8 + n]}, subject)
        for n in range(2):
            typed = {"dossier": f"D{n}", "kind": "entry", "last_entry_date": f"{midnight:%Y-%m-%d}"}
            yield event(number + 11 + n, "dossier_activity_recorded", typed, subject)
        if day % 5 == 0:
            fault = {"outage": f"O{day}", "environment": "production", "effect": "no_access", "at": at[12]}
            yield event(number + 13, "outage_started", fault, subject)
            yield event(number + 14, "outage_ended", {"outage": f"O{day}", "at": at[13]}, subject)


def stated(book: Any, name: str) -> list[AvailabilityStatementIssued]:
    """A statement of each month of the year, as known now."""
    known_at = datetime.fromisoformat(ISSUED_AT)
    history = book.history(name, known_at=known_at)
    frames, root = Frames(history), book.root_at(history.position)
    return [
        AvailabilityStatementIssued(
            statement=f"S-{month}", month=month, known_at=known_at, position=history.position, reading={}, root=root,
            figures=figures(history, frames, month, FIGURES),
        )
        for month in MONTHS
    ]  # fmt: skip


def measure(what: str, path: str, *rest: str) -> None:
    """One thing, its seconds of processor time and its peak memory."""
    before = time.process_time()  # of one core: others may be using the machine
    size = 0
    if what == "sha256":
        with sqlite3.connect(path) as connection:
            for (state,) in connection.execute("SELECT state FROM stored_events ORDER BY position"):
                hashlib.sha256(state).digest()
                size += len(state)
    elif what == "export":
        wanted = Wanted(contract=rest[0], first=MONTHS[0], last=MONTHS[-1], known_at=None)
        with open_ledger(path, create=False) as book:
            export_bundle(book, wanted, Path(f"{path}.{rest[0]}.zip"))
    elif what == "build":
        build(path, int(rest[0]), int(rest[1]))
    else:
        found = verify(path if what == "ledger" else f"{path}.{rest[0]}.zip")
        assert found.holds, found
        assert {c.state for c in found.checks if c.check == "statements"} == {"ok"}, found
    seconds = time.process_time() - before
    print(f"{seconds:.3f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")  # noqa: T201


def main(entries: int = 1_000_000, contracts: int = 200) -> None:
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "book.db")
        base = 0.0
        one = [sys.executable, "-m", "tests.benchmarks.bench_verify", "measure"]  # a child begins at its parent's peak
        subprocess.run([*one, "build", path, str(entries), str(contracts)], check=True, capture_output=True)
        for what, name, told in (
            ("sha256", "", "read and hash every entry"),
            ("ledger", "", f"verify the ledger, {12 * contracts} statements replayed"),
            ("export", "C1", "export an ordinary contract's year"),
            ("bundle", "C1", "verify that bundle, its answers recomputed"),
            ("export", "BUSY", f"export the year of one with {entries // 10} entries"),
            ("bundle", "BUSY", "verify that bundle, its answers recomputed"),
        ):
            run = subprocess.run([*one, what, path, name], capture_output=True, text=True, check=True)
            seconds, megabytes = run.stdout.split()
            base = base or float(seconds)
            goal = "" if what in ("sha256", "export") else "   (goal at a million: 10 s, 200 MB)"
            ratio = f"{float(seconds) / base:6.1f} x hashing"
            print(f"{told:48} {float(seconds):8.2f} s {ratio}  {megabytes:>5} MB{goal}")  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(*sys.argv[2:])
    elif sys.argv[1:2] == ["--quick"]:
        main(20_000, 10)
    else:
        main(*map(int, sys.argv[1:]))
