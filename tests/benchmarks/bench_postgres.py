"""Ratios of the ledger on PostgreSQL against raw COPY, a raw cursor and the library's own way, in the same run.

Run `python tests/benchmarks/bench_postgres.py` (100 k entries) or `--quick`. It starts a server of its own as the tests
do (`tests/postgres.py`; `SERVICE_LEDGER_TEST_POSTGRES` names another), on a local socket, durable: `fsync` and
`synchronous_commit` on. The raw peer copies the same rows, in binary, into an identical table with the same indexes,
and reads the same rows through a server-side cursor, in binary, as many at once as the ledger does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import open_ledger
from ledger.book import PAGE
from ledger.cloudevents import drafts
from ledger.postgres_rows import append
from ledger.postgres_schema import ddl
from ledger.postgres_store import PostgresStore
from ledger.postgres_transaction import PostgresTransaction
from tests.benchmarks.bench_core import (
    START,
    STEPS,
    Clock,
    batch_shares,
    events,
    exhaust,
    fold,
    interruption,
    pages,
    replay_shares,
    scan,
)
from tests.benchmarks.library import SECTION, application, read_log, save_hundreds
from tests.benchmarks.ratios import Spent, Watch, compare, compare_medians, in_turns, shares, spent, spent_once, timed
from tests.postgres import fresh_schema, server_url

ONE = "INSERT INTO stored_events VALUES (%s, %s, %s, %s, %s)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with server_url() as url:
        measure(url, 10_000 if quick else 100_000, rounds=2 if quick else 5)


def measure(url: str, count: int, rounds: int) -> None:
    sys.stdout.write(f"--- {count} entries\n")
    clock = Clock()
    clock.now = START + timedelta(days=3650)
    with fresh_schema(url) as ledger, open_ledger(ledger, clock=clock) as book:
        given = events(count, max(10, count // 2000))
        book.record(given)
        bulk(url, given, [(r.stream, r.version, r.topic, r.state) for r in pages(book)], clock, rounds)
        one_record(url, book)
        replay(url, book, rounds)


@contextmanager
def raw_table(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to an identical table, of nobody's: its columns and indexes, and no guards."""
    table = ddl()[ddl().index("CREATE TABLE stored_events") : ddl().index("CREATE TABLE tree_tiles")]
    with fresh_schema(url) as named:
        schema = parse_qs(urlsplit(named).query)["schema"][0]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}; SET search_path = {schema}; {table}")
            yield connection


def raw_copy(connection: psycopg.Connection[Any], rows: list[Any]) -> None:
    with connection.transaction():
        append(connection, rows, 0)


def library(url: str, schema: str) -> Any:
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    return application(
        PERSISTENCE_MODULE="eventsourcing.postgres", POSTGRES_DBNAME=parts.path[1:], POSTGRES_HOST=host,
        POSTGRES_PORT=str(parts.port or 5432), POSTGRES_USER=parts.username or "", POSTGRES_SCHEMA=schema,
        POSTGRES_PASSWORD=parts.password or "none is asked for",
    )  # fmt: skip


@contextmanager
def library_application(url: str) -> Iterator[Any]:
    with fresh_schema(url) as named:
        schema = parse_qs(urlsplit(named).query)["schema"][0]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        app = library(url, schema)
        try:
            yield app
        finally:
            app.close()


def bulk(url: str, given: list[Any], rows: list[Any], clock: Clock, rounds: int) -> None:
    """One batch into a fresh ledger, from CloudEvents and from events parsed before; raw COPY; the library."""
    batch = list(drafts(given))
    few = min(len(rows), 10_000)
    saving: list[Spent] = []

    def raw(_: int) -> Spent:
        with raw_table(url) as connection:
            return spent(lambda: raw_copy(connection, rows))

    def ours(record: Callable[[Any], Any]) -> Callable[[int], Spent]:
        def run(_: int) -> Spent:
            with fresh_schema(url) as named, open_ledger(named, clock=clock) as book:
                book.open()
                return spent(lambda: record(book))

        return run

    def library(one_stream: bool) -> Spent:
        with library_application(url) as app:
            whole, save = save_hundreds(app, given[:few], one_stream=one_stream)
        if not one_stream:
            saving.append(save)
        return whole

    found = in_turns(rounds, {
        "raw": raw,
        "record": ours(lambda book: book.record(given)),
        "parsed": ours(lambda book: book.record_drafts(batch)),
        "library": lambda _: library(one_stream=False),
        "one stream": lambda _: library(one_stream=True),
    })  # fmt: skip
    scale = len(rows) / few
    compare("bulk record, parsing included / raw COPY", found["raw"], found["record"], ">= 0.5")
    compare("bulk record of parsed events / raw COPY", found["raw"], found["parsed"], ">= 0.5")
    compare("bulk record, parsing included / events and save(), 100 a save", found["library"], found["record"], ">= 5", scale)
    compare("the same / all those of the library in one stream", found["one stream"], found["record"], ">= 5", scale)
    compare("bulk record of parsed events / save() alone, 100 a save", saving, found["parsed"], "-", scale)
    compare("(raw COPY / events and save(), 100 a save)", found["library"], found["raw"], "-", scale)
    with fresh_schema(url) as named, open_ledger(named, clock=clock) as book:
        book.open()
        watch = Watch((PostgresTransaction, "insert", "copy and index"), (PostgresStore, "_end", "commit"), *STEPS)
        batch_shares(book, given, watch)


def one_record(url: str, book: Any) -> None:
    """One durable record against one durable INSERT of the same bytes, taken in turns."""
    row = book.store.read_at(book.position)
    with raw_table(url) as connection:

        def commit(number: int) -> None:
            connection.execute(ONE, (number + 1, row.stream, number + 1, row.topic, row.state))

        found = in_turns(200, {
            "ours": lambda number: spent_once(lambda: book.record([interruption(number)])),
            "raw": lambda number: spent_once(lambda: commit(number)),
        })  # fmt: skip
    compare_medians("one durable record / one raw commit", found["raw"], found["ours"], ">= 0.7")
    with Watch(*ROUND_TRIPS) as watch:
        whole = timed(lambda: [book.record([interruption(number)]) for number in range(200, 400)])
    shares("one durable record", whole, watch.seconds, "all that is not the server's")


ROUND_TRIPS = ((PostgresStore, "_begin", "lock and last entry"), (PostgresStore, "_end", "insert, trigger and commit"))


def replay(url: str, book: Any, rounds: int) -> None:
    """Scan, decode and fold one subject, against a cursor that only reads; and the library's log."""

    def raw(columns: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(f"SET search_path = {book.store._server.schema}")
            with connection.cursor(name="raw", binary=True) as cursor:
                cursor.execute(f"SELECT {columns} FROM stored_events ORDER BY position")
                while cursor.fetchmany(PAGE):
                    pass

    with library_application(url) as app:
        save_hundreds(app, events(10_000, 10), one_stream=True)
        upto = app.recorder.max_notification_id()
        found = in_turns(rounds, {
            "raw": lambda _: spent(lambda: raw("*")),
            "narrow": lambda _: spent(lambda: raw("position, state")),
            "scan": lambda _: spent(lambda: scan(book)),
            "decode": lambda _: spent(lambda: exhaust(book.entries())),
            "fold": lambda _: spent(lambda: fold(book.entries())),
            "log": lambda _: spent(lambda: read_log(app, SECTION)),
        })  # fmt: skip
    compare("replay: scan / raw server-side cursor", found["raw"], found["scan"], "-")
    compare("the same / raw cursor over the two columns we read", found["narrow"], found["scan"], "-")
    compare("replay: scan, decode and fold / raw server-side cursor", found["raw"], found["fold"], ">= 0.5")
    compare("the same / raw cursor over the two columns we read", found["narrow"], found["fold"], "-")
    compare("replay of all / the library's notification log", found["log"], found["fold"], ">= 10", book.position / upto,
            f"sections of {SECTION}, as it comes")  # fmt: skip
    replay_shares(found)


if __name__ == "__main__":
    main()
