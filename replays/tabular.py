"""A contract's evidence as tables: a SQLite file that Datasette opens, CSV files, or JSON lines.

The same entries, answers and breaches as in the bundle, for people with other tools. Tables prove nothing: each
row of `entries` carries its exact bytes and leaf hash, so that it can be found in a bundle's tree.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ledger.book import Ledger
from ledger.codec import decode_entry, payload_of, topic_of
from ledger.errors import Refused
from ledger.merkle import leaf_hash
from replays.checks import Progress
from replays.export import Exported, stream_rows
from replays.outputs import free, whole

TOLD_EVERY = 500
Row = dict[str, Any]


class Table(NamedTuple):
    """A table: its rows, made when asked for; its key; what its columns point to; what is looked for by."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterable[Row]]
    key: str | tuple[str, ...]
    foreign: tuple[tuple[str, str, str], ...] = ()
    indexes: tuple[str, ...] = ()


def tables(book: Ledger, found: Exported, progress: Progress | None = None) -> tuple[Table, ...]:
    """Every table of an export, each after those it points to."""
    return (
        Table("streams", ("stream", "last_version"), lambda: _streams(found), "stream"),
        Table("entries", _ENTRY, lambda: _entries(book, found, progress), "position",
              (("stream", "streams", "stream"),), ("stream", "type", "recorded_at", "id")),
        Table("answers", _ANSWER, lambda: _answers(found), "answer", (), ("question",)),
        Table("answer_entries", ("answer", "position"), lambda: _because(found), ("answer", "position"),
              (("answer", "answers", "answer"), ("position", "entries", "position")), ("position",)),
        Table("availability", _AVAILABILITY, lambda: _availability(found), "month",
              (("answer", "answers", "answer"),), ("breach",)),
        Table("breaches", _BREACH, lambda: _breaches(found), "breach",
              (("answer", "answers", "answer"),), ("obligation", "first_knowable_at")),
        Table("breach_entries", ("breach", "position"), lambda: _breach_entries(found), ("breach", "position"),
              (("breach", "breaches", "breach"), ("position", "entries", "position")), ("position",)),
        Table("findings", ("answer", "identity", "finding"), lambda: _findings(found), ("answer", "identity"),
              (("answer", "answers", "answer"),), ("identity",)),
        Table("reading", ("switch", "value"), lambda: _reading(found), "switch"),
    )  # fmt: skip


_ENTRY = ("position", "stream", "version", "recorded_at", "recorded_by", "source", "id", "attested_at", "type", "data",
          "leaf_hash", "entry")  # fmt: skip
_ANSWER = ("answer", "question", "params", "contract", "known_at", "position", "root", "terms", "calendar", "tz",
           "software", "reading", "result", "workings")  # fmt: skip
_AVAILABILITY = ("month", "prt_minutes", "gross_unavailable_seconds", "excluded_seconds", "ti_seconds", "td_percent",
                 "breach", "status", "answer")  # fmt: skip
_BREACH = ("breach", "obligation", "clause", "what", "subject", "period", "amount", "limit", "first_knowable_at",
           "contested", "answer")  # fmt: skip


def _streams(found: Exported) -> Iterator[Row]:
    for stream, last in found.streams.items():
        yield {"stream": stream, "last_version": last}


def _entries(book: Ledger, found: Exported, progress: Progress | None) -> Iterator[Row]:
    done, of = 0, sum(found.streams.values())
    for stream in found.streams:
        for row in stream_rows(book.store, stream, found.head.size):
            done += 1
            if progress and (done % TOLD_EVERY == 0 or done == of):
                progress("entries written", done, of)
            entry = decode_entry(row.state)
            plain = {name: getattr(entry, name) for name in _ENTRY[1:8]}
            for name in ("recorded_at", "attested_at"):
                plain[name] = None if plain[name] is None else msgspec.to_builtins(plain[name])
            yield {
                "position": row.position,
                **plain,
                "type": topic_of(entry.event),
                "data": _text(payload_of(entry.event)),
                "leaf_hash": leaf_hash(row.state).hex(),
                "entry": row.state.decode(),
            }


def _answers(found: Exported) -> Iterator[Row]:
    for number, answer in enumerate(found.answers, 1):
        plain = msgspec.to_builtins(answer)
        del plain["because"]
        texts = {name: _text(plain[name]) for name in ("params", "reading", "result", "workings")}
        yield {"answer": number, **plain, **texts}


def _because(found: Exported) -> Iterator[Row]:
    for number, answer in enumerate(found.answers, 1):
        for position in answer.because:
            yield {"answer": number, "position": position}


def _availability(found: Exported) -> Iterator[Row]:
    for number, answer in enumerate(found.answers, 1):
        if answer.question == "availability":
            values = {name: answer.result[name] for name in _AVAILABILITY[1:-1]}
            yield {"month": answer.params["month"], **values, "answer": number}


def _numbered_breaches(found: Exported) -> Iterator[tuple[int, int, Row]]:
    rows = [(number, row) for number, answer in enumerate(found.answers, 1) if answer.question == "breaches"
            for row in answer.result]  # fmt: skip
    for breach, (number, row) in enumerate(rows, 1):
        yield breach, number, row


def _breaches(found: Exported) -> Iterator[Row]:
    for breach, number, row in _numbered_breaches(found):
        yield {"breach": breach, **{name: row[name] for name in _BREACH[1:-1]}, "answer": number}


def _breach_entries(found: Exported) -> Iterator[Row]:
    for breach, _, row in _numbered_breaches(found):
        for position in row["because"]:
            yield {"breach": breach, "position": position}


def _findings(found: Exported) -> Iterator[Row]:
    """What was found of each thing a question answers about by its id."""
    by_id = ("maintenance", "backup_deletions", "restore_decision", "updates")
    for number, answer in enumerate(found.answers, 1):
        if answer.question in by_id:
            for identity, finding in answer.result.items():
                yield {"answer": number, "identity": identity, "finding": _text(finding)}


def _reading(found: Exported) -> Iterator[Row]:
    for switch, value in found.answers[0].reading.items():
        yield {"switch": switch, "value": value}


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# --- the three forms ---


def write_tables(form: str, book: Ledger, found: Exported, out: Path, progress: Progress | None = None) -> int:
    """One of `FORMATS`, whole or not at all; how many rows. Raises `Refused`: `file_exists`, `store_failed`."""
    from sqlite_utils.utils import OperationalError

    with whole(out, parents=form in DIRECTORIES) as part:
        try:
            return FORMATS[form](book, found, part, progress)
        except OperationalError as error:
            raise Refused("store_failed", f"{out}: cannot be written: {error}") from None


def write_sqlite(book: Ledger, found: Exported, out: Path, progress: Progress | None = None) -> int:
    """A SQLite file with foreign keys and indexes; how many rows it holds. Refuses a file that is there."""
    from sqlite_utils import Database

    database = Database(str(free(out)))
    try:
        for table in tables(book, found, progress):
            made = database.table(table.name)
            types = {name: _sql_type(name) for name in table.columns}
            made.create(types, pk=table.key, foreign_keys=list(table.foreign))
            made.insert_all(_flat(table), batch_size=500)
            for column in table.indexes:
                made.create_index([column])
        database.table("entries").enable_fts(["type", "data"], tokenize="unicode61")
        return sum(database[table.name].count for table in tables(book, found))
    finally:
        database.close()


_NUMBERS = {"position", "version", "last_version", "answer", "prt_minutes", "gross_unavailable_seconds",
            "excluded_seconds", "ti_seconds", "contested", "breach"}  # fmt: skip


def _sql_type(name: str) -> type:
    return int if name in _NUMBERS else str


def _flat(table: Table) -> Iterator[Row]:
    for row in table.rows():
        yield {name: row[name] for name in table.columns}


def write_csv(book: Ledger, found: Exported, out: Path, progress: Progress | None = None) -> int:
    """A directory of CSV files (RFC 4180), one a table; how many rows in all."""
    count = 0
    for table, path in _files(book, found, out, "csv", progress):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, table.columns)
            writer.writeheader()
            for row in _flat(table):
                writer.writerow({name: _cell(value) for name, value in row.items()})
                count += 1
    return count


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, bool) else value


def write_jsonl(book: Ledger, found: Exported, out: Path, progress: Progress | None = None) -> int:
    """A directory of JSON lines, one file a table; how many rows in all."""
    count = 0
    for table, path in _files(book, found, out, "jsonl", progress):
        with path.open("wb") as file:
            for row in _flat(table):
                file.write(msgspec.json.encode(row) + b"\n")
                count += 1
    return count


def _files(
    book: Ledger, found: Exported, out: Path, suffix: str, progress: Progress | None
) -> Iterator[tuple[Table, Path]]:
    free(out).mkdir()
    for table in tables(book, found, progress):
        yield table, out / f"{table.name}.{suffix}"


DIRECTORIES = ("csv", "jsonl")  # of a file for each table
FORMATS: dict[str, Callable[[Ledger, Exported, Path, Progress | None], int]] = {
    "sqlite": write_sqlite,
    "csv": write_csv,
    "jsonl": write_jsonl,
}
