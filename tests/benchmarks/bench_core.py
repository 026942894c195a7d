"""Ratios of the core against raw SQLite and against the library's own way, measured in the same run.

Run `python tests/benchmarks/bench_core.py` (100 k entries), `--million` (and a million), or `--quick`.
Each side is as its user would have it, with the same durability (WAL, `synchronous=FULL`, which is the library's too)
and its tables made before; raw SQLite stores the same bytes, once as it comes and once with as large a cache as ours.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import open_ledger, recording
from ledger.cloudevents import drafts
from ledger.codec import encode_entry
from ledger.events import OutageEnded, OutageStarted
from ledger.reading import LONGEST, read_stream
from ledger.sqlite_file import WRITER_CACHE_KIB
from ledger.sqlite_store import SQLiteStore
from ledger.sqlite_transaction import SQLiteTransaction
from projections import ask
from tests.benchmarks.library import SECTION, application, read_log, save_hundreds
from tests.benchmarks.ratios import (
    Spent,
    Watch,
    child_spent,
    compare,
    compare_medians,
    in_turns,
    line,
    shares,
    spent,
    spent_once,
    timed,
)

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


def connection(path: Path) -> sqlite3.Connection:
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("PRAGMA synchronous=FULL")
    made.execute(SCHEMA)
    return made


def raw_bulk(path: Path, rows: list[Any], cache_kib: int = 2000) -> Spent:
    """The same rows into the same columns, durable, in one transaction; SQLite's own cache is of 2000 KiB."""
    made = connection(path)
    made.execute(f"PRAGMA cache_size = -{cache_kib}")

    def insert() -> None:
        made.execute("BEGIN IMMEDIATE")
        made.executemany("INSERT INTO raw (originator_id, originator_version, topic, state) VALUES (?,?,?,?)", rows)
        made.execute("COMMIT")

    found = spent(insert)
    made.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--million", action="store_true")
    options = parser.parse_args()
    for count in [20_000] if options.quick else [100_000, *([1_000_000] if options.million else [])]:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), count, rounds=2 if options.quick else 5)
    help_start(rounds=3 if options.quick else 15)


def measure(folder: Path, count: int, rounds: int) -> None:
    sys.stdout.write(f"--- {count} entries\n")
    contracts = max(10, count // 2000)
    clock = Clock()
    clock.now = START + timedelta(days=3650)
    with open_ledger(str(folder / "book.db"), clock=clock) as book:
        given = events(count, contracts)
        book.record(given)
        bulk(folder, given, [(r.stream, r.version, r.topic, r.state) for r in pages(book)], clock, rounds)
        one_record(folder, book, clock)
        replay(folder, book, rounds)
        as_of(book, contracts)


def bulk(folder: Path, given: list[Any], rows: list[Any], clock: Clock, rounds: int) -> None:
    """One batch into a fresh ledger, from CloudEvents and from events parsed before; raw SQLite; the library."""
    batch = list(drafts(given))
    few = min(len(rows), 100_000)  # a million would take the library a minute a round
    saving: list[Spent] = []

    def ours(name: str, record: Callable[[Any], Any]) -> Callable[[int], Spent]:
        def run(number: int) -> Spent:
            with open_ledger(str(folder / f"{name}{number}.db"), clock=clock) as book:
                book.open()
                return spent(lambda: record(book))

        return run

    def library(number: int, one_stream: bool) -> Spent:
        name = str(folder / f"library{number}{one_stream}.db")
        app = application(PERSISTENCE_MODULE="eventsourcing.sqlite", SQLITE_DBNAME=name)
        found, saved = save_hundreds(app, given[:few], one_stream=one_stream)
        if not one_stream:
            saving.append(saved)
        app.close()
        return found

    found = in_turns(rounds, {
        "raw": lambda number: raw_bulk(folder / f"raw{number}.db", rows),
        "tuned": lambda number: raw_bulk(folder / f"tuned{number}.db", rows, WRITER_CACHE_KIB),
        "record": ours("record", lambda book: book.record(given)),
        "parsed": ours("parsed", lambda book: book.record_drafts(batch)),
        "settled": ours("settled", lambda book: (book.record(given), book.store._checkpointing.settle())),
        "library": lambda number: library(number, one_stream=False),
        "one stream": lambda number: library(number, one_stream=True),
    })  # fmt: skip
    compare("bulk record, parsing included / raw executemany", found["raw"], found["record"], ">= 0.5")
    compare("bulk record of parsed events / raw executemany", found["raw"], found["parsed"], ">= 0.5")
    compare("the same / raw executemany with our cache of 16 MiB", found["tuned"], found["parsed"], "-")
    scale = len(rows) / few
    compare("bulk record, parsing included / events and save(), 100 a save", found["library"], found["record"], ">= 5", scale)
    compare("the same / all those of the library in one stream", found["one stream"], found["record"], ">= 5", scale)
    compare("bulk record, until the file holds it too / raw executemany", found["raw"], found["settled"], "-")
    compare("the same / events and save(), 100 a save", found["library"], found["settled"], "-", scale)
    compare("bulk record of parsed events / save() alone, 100 a save", saving, found["parsed"], "-", scale)
    compare("(raw executemany / events and save(), 100 a save)", found["library"], found["raw"], "-", scale)
    with open_ledger(str(folder / "watched.db"), clock=clock) as book:
        book.open()
        watch = Watch((SQLiteTransaction, "insert", "insert and index, as far as waited for"), (SQLiteStore, "_end", "commit"), *STEPS)
        batch_shares(book, given, watch)


STEPS = ((recording, "sound", "check"), (recording.tree, "extend", "hash"))  # of both engines


def batch_shares(book: Any, given: list[Any], watch: Watch) -> None:
    """What a bulk record is made of; parsing and encoding are done again beside it."""
    parsed = timed(lambda: list(drafts(given)))
    with watch:
        whole = timed(lambda: book.record(given))
    watch.seconds["parse"] = parsed
    entries = [entry for _, entry in book.entries(book.position - len(given) + 1)]
    watch.seconds["encode"] = timed(lambda: [encode_entry(entry) for entry in entries])
    shares("bulk record", whole, watch.seconds, "order, keys, receipts")


def pages(book: Any) -> Any:
    start = 1
    while page := book.store.read(start, 1000):
        yield from page
        start = page[-1].position + 1


def one_record(folder: Path, book: Any, clock: Clock) -> None:
    """One durable record against one durable commit of the same bytes, taken in turns."""
    made = connection(folder / "one.db")
    state = book.store.read_at(book.position).state
    found = in_turns(200, {
        "ours": lambda number: spent_once(lambda: book.record([interruption(number)])),
        "raw": lambda number: spent_once(lambda: commit(made, number, state)),
    })  # fmt: skip
    made.close()
    compare_medians("one durable record / one raw commit", found["raw"], found["ours"], ">= 0.7")


def interruption(number: int) -> dict[str, Any]:
    at = (START + timedelta(days=3000, minutes=number)).isoformat()
    data = {"outage": f"one{number}", "environment": "production", "effect": "no_access", "at": at}
    envelope = {"specversion": "1.0", "source": "one", "id": str(number)}
    return {**envelope, "type": "outage_started", "subject": "contract:C1", "data": data}


def commit(made: sqlite3.Connection, n: int, state: bytes) -> None:
    made.execute("BEGIN IMMEDIATE")
    made.execute(
        "INSERT INTO raw (originator_id, originator_version, topic, state) VALUES (?,?,?,?)", ("one", n, "t", state)
    )
    made.execute("COMMIT")


def fold(entries: Any) -> dict[str, int]:
    """One subject: the seconds of outage of every stream."""
    open_at: dict[tuple[str, str], datetime] = {}
    seconds: dict[str, int] = {}
    for _, entry in entries:
        event = entry.event
        if type(event) is OutageStarted:
            open_at[entry.stream, event.outage] = event.at
        elif type(event) is OutageEnded:
            began = open_at.pop((entry.stream, event.outage))
            seconds[entry.stream] = seconds.get(entry.stream, 0) + (event.at - began).seconds
    return seconds


def exhaust(entries: Any) -> None:
    for _ in entries:
        pass


def replay(folder: Path, book: Any, rounds: int) -> None:
    """Scan, decode and fold one subject: all entries, then its own alone, which SQL picks; and the library's log."""
    app = application(PERSISTENCE_MODULE="eventsourcing.sqlite", SQLITE_DBNAME=str(folder / "log.db"))
    save_hundreds(app, events(10_000, 10), one_stream=True)
    upto = app.recorder.max_notification_id()
    topics = ("outage_started", "outage_ended")
    found = in_turns(rounds, {
        "scan": lambda _: spent(lambda: scan(book)),
        "decode": lambda _: spent(lambda: exhaust(book.entries())),
        "fold": lambda _: spent(lambda: fold(book.entries())),
        "decode own": lambda _: spent(lambda: exhaust(book.entries(topics=topics))),
        "fold own": lambda _: spent(lambda: fold(book.entries(topics=topics))),
        "log": lambda _: spent(lambda: read_log(app, SECTION)),
        "long log": lambda _: spent(lambda: read_log(app, 1000)),
    })  # fmt: skip
    app.close()
    scale = book.position / upto
    compare("replay of all: scan and decode / scan, decode and fold", found["decode"], found["fold"], ">= 0.8")
    compare("replay of a subject's own entries: as above", found["decode own"], found["fold own"], ">= 0.8")
    compare("replay of all / the library's notification log", found["log"], found["fold"], ">= 10", scale,
            f"sections of {SECTION}, as it comes")  # fmt: skip
    compare("replay of all / the same, in sections of 1000", found["long log"], found["fold"], "-", scale)
    compare("replay of a subject's own entries / of all", found["fold"], found["fold own"], "-")
    replay_shares(found)


def replay_shares(found: dict[str, list[Spent]]) -> None:
    scanned, decoded, folded = (min(s.processor_seconds for s in found[name]) for name in ("scan", "decode", "fold"))
    shares("replay of all", folded, {"scan": scanned, "decode": decoded - scanned}, "fold")


def scan(book: Any) -> None:
    """The pages a replay reads, one after the other and none of them decoded."""
    start = 1
    while positions := book.store.lines(start, LONGEST).positions:
        start = positions[-1] + 1


def help_start(rounds: int) -> None:
    """What somebody waits for who asks the command for help, against Python alone, in turns."""
    command = str(Path(sys.executable).with_name("service-ledger"))
    found = in_turns(rounds, {
        "bare": lambda _: child_spent([sys.executable, "-c", "pass"]),
        "help": lambda _: child_spent([sys.executable, command, "--help"]),
    })  # fmt: skip
    ratios = sorted(h.wall_seconds / b.wall_seconds for h, b in zip(found["help"], found["bare"], strict=True))
    processor = statistics.median(s.processor_seconds for s in found["help"])
    processor /= statistics.median(s.processor_seconds for s in found["bare"])
    line("service-ledger --help / bare Python start", statistics.median(ratios), "<= 3",
         f"{ratios[0]:.2f} to {ratios[-1]:.2f}; {processor:.2f} by processor time")  # fmt: skip


def wall(action: Callable[[], Any]) -> float:
    return spent_once(action).wall_seconds


def as_of(book: Any, contracts: int) -> None:
    """A question as of an instant never asked of before: of a contract nothing is kept of, and of one asked of before."""
    asked = iter(range(10_000))

    def question(contract: int) -> None:
        n = next(asked)
        known = START + timedelta(days=3650, minutes=n)
        ask(book, "availability", contract=f"C{contract}", month=f"{2021 + n % 5}-{n % 12 + 1:02}", known_at=known)

    cold = []
    for n in range(100):
        book._kept.pop(f"contract:C{n % contracts}", None)
        cold.append(wall(lambda n=n: question(n % contracts)))
    for contract in range(5):
        question(contract)
    warm = [wall(lambda n=n: question(n % 5)) for n in range(100)]
    rows = len(book.stream("contract:C1"))
    decode = statistics.median(wall(lambda: read_stream(book.store, "contract:C1", 0)) for _ in range(20))
    line("as-of question, the first of a contract / reading and decoding its stream", statistics.median(cold) / decode,
         "small", f"stream of {rows} entries, p95 {sorted(cold)[-6] * 1e3:.1f} ms here")  # fmt: skip
    line("as-of question of any other instant / the first of a contract", statistics.median(warm) / statistics.median(cold),
         "< 1", f"p95 {sorted(warm)[-6] * 1e3:.1f} ms here, where 10 is asked")  # fmt: skip
    for name in ("backup_nights", "breaches", "obligations"):
        spent_on = [wall(lambda name=name, n=n: of_backups(book, name, n)) for n in range(105)][5:]
        line(f"{name} as of any instant / availability as of any", statistics.median(spent_on) / statistics.median(warm),
             "-", f"p95 {sorted(spent_on)[-6] * 1e3:.1f} ms here")  # fmt: skip


def of_backups(book: Any, name: str, n: int) -> None:
    """A question that looks at every backup of a contract, as of an instant never asked of before."""
    month = f"{2021 + n % 4}-{n % 12 + 1:02}"
    asked = {"at": f"{month}-15T12:00:00Z"} if name == "obligations" else {"first": month, "last": month}
    ask(book, name, contract=f"C{n % 5}", known_at=START + timedelta(days=3650, hours=n), **asked)


if __name__ == "__main__":
    main()
