"""Ratios of the core against raw SQLite and against the library's own way, measured in the same run.

Run `python tests/benchmarks/bench_core.py` (100 k entries), `--million` (and a million), or `--quick`.
Times of a shared machine mean little; each line is a ratio to a peer in the same run, with the goal.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import open_ledger
from ledger.cloudevents import drafts
from ledger.codec import decode_entries
from projections import ask

START = datetime(2021, 1, 1, tzinfo=UTC)
SCHEMA = (
    "CREATE TABLE raw (position INTEGER PRIMARY KEY AUTOINCREMENT, originator_id TEXT NOT NULL, "
    "originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, "
    "UNIQUE (originator_id, originator_version))"
)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def events(count: int, contracts: int) -> list[dict[str, Any]]:
    """Many contracts side by side: nightly backups, and an outage (a start and an end) every fifth day."""
    made: list[dict[str, Any]] = []
    envelope = {"specversion": "1.0", "source": "bench"}
    for c in range(contracts):
        data = {"contract": f"C{c}", "plan": "open", "service_start": "2021-01-01T00:00:00+01:00"}
        made.append({**envelope, "id": f"c{c}", "type": "contract_started", "subject": f"contract:C{c}", "data": data})
    day = 0
    while len(made) < count:
        for c in range(contracts):
            made += _day(envelope, f"contract:C{c}", day)
        day += 1
    return made[:count]


def _day(envelope: dict[str, Any], subject: str, day: int) -> list[dict[str, Any]]:
    night = START + timedelta(days=day, hours=22)
    data: dict[str, Any] = {
        "backup": f"B{day}", "scope": "client_data", "tiers": ["daily"], "started_at": night.isoformat(),
        "completed_at": (night + timedelta(hours=1)).isoformat(), "locations": ["DC-A", "DC-B"],
    }  # fmt: skip
    made = [{**envelope, "id": f"b{day}", "type": "backup_completed", "subject": subject, "data": data}]
    if day % 5 == 0:
        began = START + timedelta(days=day, hours=9)
        data = {"outage": f"O{day}", "environment": "production", "effect": "no_access", "at": began.isoformat()}
        made.append({**envelope, "id": f"s{day}", "type": "outage_started", "subject": subject, "data": data})
        data = {"outage": f"O{day}", "at": (began + timedelta(minutes=7)).isoformat()}
        made.append({**envelope, "id": f"e{day}", "type": "outage_ended", "subject": subject, "data": data})
    return made


def timed(action: Callable[[], Any]) -> float:
    gc.collect()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def line(what: str, ratio: float, goal: str, note: str = "") -> None:
    sys.stdout.write(f"{what:<58} {ratio:>8.2f} x   goal {goal:<10} {note}\n")


def connection(path: Path) -> sqlite3.Connection:
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("PRAGMA synchronous=FULL")
    made.execute(SCHEMA)
    return made


def raw_bulk(path: Path, rows: list[Any]) -> None:
    made = connection(path)
    made.execute("BEGIN IMMEDIATE")
    made.executemany("INSERT INTO raw (originator_id, originator_version, topic, state) VALUES (?,?,?,?)", rows)
    made.execute("COMMIT")
    made.close()


def library_application(folder: Path, count: int) -> Any:
    """The library's own way: an application that saves an aggregate's events, a hundred a save."""
    from eventsourcing.application import Application
    from eventsourcing.domain import Aggregate, event

    class Service(Aggregate):
        @event("Interrupted")
        def interrupt(self, outage: str, environment: str, effect: str, at: str) -> None:
            self.last = outage

    app: Any = Application({"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "library.db")})
    service = Service()
    for n in range(count):
        service.interrupt(f"O{n}", "production", "no_access", "2026-03-03T10:00:00+01:00")
        if n % 100 == 99:
            app.save(service)
    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--million", action="store_true")
    options = parser.parse_args()
    for count in [20_000] if options.quick else [100_000, *([1_000_000] if options.million else [])]:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), count)


def measure(folder: Path, count: int) -> None:
    sys.stdout.write(f"--- {count} entries\n")
    contracts = max(10, count // 2000)
    given = events(count, contracts)
    clock = Clock()
    clock.now = START + timedelta(days=3650)
    book = open_ledger(str(folder / "book.db"), clock=clock)
    record = timed(lambda: book.record(given))
    rows = [(r.stream, r.version, r.topic, r.state) for r in pages(book)]
    raw = timed(lambda: raw_bulk(folder / "raw.db", rows))
    few = min(len(rows), 10_000)
    apps: list[Any] = []
    library = timed(lambda: apps.append(library_application(folder, few))) * len(rows) / few
    line("bulk record, parsing and checks included / raw executemany", raw / record, ">= 0.5")
    batch = list(drafts(given))
    with open_ledger(str(folder / "again.db"), clock=clock) as again:
        prepared = timed(lambda: again.record_drafts(batch))
    line("bulk record of parsed events / raw executemany", raw / prepared, ">= 0.5")
    line("bulk record / the library's save(), 100 a save", library / record, ">= 5")
    one_record(folder, book, clock)
    replay(book, apps[0])
    apps[0].close()
    as_of(book, contracts)
    book.close()


def pages(book: Any) -> Any:
    start = 1
    while page := book.store.read(start, 1000):
        yield from page
        start = page[-1].position + 1


def one_record(folder: Path, book: Any, clock: Clock) -> None:
    """One durable record against one durable commit of the same bytes, taken in turns."""
    made = connection(folder / "one.db")
    ours, theirs = [], []
    state = book.store.read_at(book.position).state
    for n in range(200):
        at = (START + timedelta(days=3000, minutes=n)).isoformat()
        data = {"outage": f"one{n}", "environment": "production", "effect": "no_access", "at": at}
        event = {"specversion": "1.0", "source": "one", "id": str(n), "type": "outage_started",
                 "subject": "contract:C1", "data": data}  # fmt: skip
        ours.append(timed_once(lambda e=event: book.record([e])))
        theirs.append(timed_once(lambda n=n: commit(made, n, state)))
    made.close()
    line("one durable record / one raw commit", statistics.median(theirs) / statistics.median(ours), ">= 0.7")


def timed_once(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def commit(made: sqlite3.Connection, n: int, state: bytes) -> None:
    made.execute("BEGIN IMMEDIATE")
    made.execute(
        "INSERT INTO raw (originator_id, originator_version, topic, state) VALUES (?,?,?,?)", ("one", n, "t", state)
    )
    made.execute("COMMIT")


def replay(book: Any, app: Any) -> None:
    """Scan, decode and fold one subject against scan and decode alone, and the library's notification log."""
    from ledger.events import OutageEnded, OutageStarted

    def scan() -> None:
        start = 1
        while page := book.store.read(start, 1000):
            decode_entries([row.state for row in page])
            start = page[-1].position + 1

    def fold() -> dict[str, int]:
        gc.disable()
        open_at: dict[tuple[str, str], datetime] = {}
        seconds: dict[str, int] = {}
        for _, entry in book.entries():
            event = entry.event
            if type(event) is OutageStarted:
                open_at[entry.stream, event.outage] = event.at
            elif type(event) is OutageEnded:
                began = open_at.pop((entry.stream, event.outage))
                seconds[entry.stream] = seconds.get(entry.stream, 0) + (event.at - began).seconds
        gc.enable()
        return seconds

    upto = app.recorder.max_notification_id()

    def library() -> None:
        start = 1
        while start <= upto:
            for notification in app.notification_log.select(start=start, limit=10):
                app.mapper.to_domain_event(notification)
            start += 10

    scanned, folded = timed(scan), timed(fold)
    line("replay: scan and decode / scan, decode and fold", scanned / folded, ">= 0.8")
    whole = timed(library) * book.position / upto
    line("replay / the library's notification log", whole / folded, ">= 10")


def as_of(book: Any, contracts: int) -> None:
    """A question as of an instant: warm, cold (nothing kept), and its spread."""
    known = START + timedelta(days=3650)

    def question(n: int) -> None:
        ask(book, "availability", contract=f"C{n % contracts}", month="2022-03", known_at=known)

    question(0)
    warm = [timed_once(lambda n=n: question(n % 5)) for n in range(100)]
    cold = []
    for n in range(30):
        book._kept.clear()
        cold.append(timed_once(lambda n=n: question(n)))
    rows = len(book.stream("contract:C1"))
    decode = statistics.median([timed_once(lambda: decode_entries([r.state for r in book.store.read_stream("contract:C1")]))
                                for _ in range(20)])  # fmt: skip
    line("as-of question, cold / reading and decoding its stream", statistics.median(cold) / decode, "small",
         f"stream of {rows} entries, p95 {sorted(cold)[-2] * 1e3:.1f} ms here")  # fmt: skip
    line("as-of question, asked again / cold", statistics.median(warm) / statistics.median(cold), "< 1",
         f"p95 {sorted(warm)[-5] * 1e3:.1f} ms here")  # fmt: skip


if __name__ == "__main__":
    main()
