"""What a ledger's SQLite file is made of, and the statements put to it; the connections come from elsewhere.

Most of what the log promises is kept by the schema, so that it binds every program that opens the file.
Triggers refuse UPDATE and DELETE; one on INSERT lets a version only follow its stream's last and a position
only the ledger's last, and so refuses INSERT OR REPLACE and upserts too, whatever the connection's
`recursive_triggers`. AUTOINCREMENT remembers the highest position ever given: entries cut off the end are
missed. What is read must be without a gap, or reading refuses with `damaged_ledger`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, Protocol, cast

from msgspec import json

from ledger.counting import number_of
from ledger.errors import Refused
from ledger.sqlite_tree import TREE_SCHEMA
from ledger.store import OPENING_TOPICS, Columns, Lines, Row, Values

MAGIC = b"SQLite format 3\0"
APPLICATION_ID = int.from_bytes(b"SLdg", "big")
SCHEMA_VERSION = 2  # 1 had no tree; such a ledger gets one with its next entry
HEADER_BYTES = 100  # the application id is in bytes 68 to 71

# `=` and OR rather than IN: SQLite would build the list of an IN anew for every row inserted
_IS_OPENING = " OR ".join(f"topic = '{topic}'" for topic in OPENING_TOPICS)

SCHEMA = (
    """CREATE TABLE stored_events (
  position INTEGER PRIMARY KEY AUTOINCREMENT CHECK (position > 0),
  originator_id TEXT NOT NULL,
  originator_version INTEGER NOT NULL,
  topic TEXT NOT NULL,
  state BLOB NOT NULL,
  UNIQUE (originator_id, originator_version)
)""",
    f"CREATE INDEX openings ON stored_events (position) WHERE {_IS_OPENING}",
    """CREATE TRIGGER entries_never_change BEFORE UPDATE ON stored_events
BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never changed'); END""",
    """CREATE TRIGGER entries_are_never_removed BEFORE DELETE ON stored_events
BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never removed'); END""",
    # NEW.position is -1 until SQLite has chosen it; a null maximum (a new stream) lets any first version in
    """CREATE TRIGGER entries_only_follow BEFORE INSERT ON stored_events
WHEN NEW.originator_version <>
  (SELECT max(originator_version) + 1 FROM stored_events WHERE originator_id = NEW.originator_id)
OR NEW.position > 0 AND NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM stored_events)
BEGIN SELECT RAISE(ABORT, 'an entry only follows the last of its stream and of the ledger'); END""",
)

CANTOPEN, CONSTRAINT = 14, 19
# SQLite's primary result code (https://sqlite.org/rescode.html), the refusal it becomes, what it means here
MEANINGS = (
    (3, "read_only", "the file or its directory cannot be written from here"),  # SQLITE_PERM
    (5, "locked", "another process keeps the ledger to itself; try again"),  # SQLITE_BUSY
    (6, "locked", "another connection keeps the ledger to itself; try again"),  # SQLITE_LOCKED
    (8, "read_only", "the file or its directory cannot be written from here"),  # SQLITE_READONLY
    (10, "store_failed", "the disk failed; what was acknowledged is kept"),  # SQLITE_IOERR
    (11, "damaged_ledger", "its pages contradict themselves; go back to a copy"),  # SQLITE_CORRUPT
    (13, "store_failed", "the disk is full; what was acknowledged is kept"),  # SQLITE_FULL
    (CANTOPEN, "store_failed", "the file cannot be opened"),
    (26, "damaged_ledger", "its pages cannot be read; go back to a copy"),  # SQLITE_NOTADB
)

INSERT = "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
AT_ONCE = 128  # rows of one statement: what SQLite does for each statement then counts little
BESIDE = 1024  # rows of a statement long enough to be carried out beside the writer (`ledger.sqlite_beside`)


def insert_many(count: int) -> str:
    """The statement for so many rows, their columns one after the other."""
    return INSERT + ", (?, ?, ?, ?)" * (count - 1)


_INSERT_MANY = insert_many(AT_ONCE)
INSERT_BESIDE = insert_many(BESIDE)
_COLUMNS = "position, originator_id, originator_version, topic, state"
_HIGHEST_EVER = "SELECT seq FROM sqlite_sequence WHERE name = 'stored_events'"
_LAST = f"SELECT {_COLUMNS}, ({_HIGHEST_EVER}) FROM stored_events ORDER BY position DESC LIMIT 1"
_STREAM = f"SELECT {_COLUMNS} FROM stored_events WHERE originator_id = ? AND originator_version > ?"
_LINES = "CAST(group_concat(state, char(10)) AS BLOB)"
_STREAM_LINES = f"""SELECT {_LINES}, json_group_array(position), count(*), min(version), max(version) FROM (
SELECT position, originator_version AS version, state FROM stored_events
WHERE originator_id = ? AND originator_version > ? ORDER BY originator_version LIMIT ?)"""
_OPENINGS = f"SELECT {_COLUMNS} FROM stored_events INDEXED BY openings WHERE {_IS_OPENING} ORDER BY position"

_as_row = cast(Callable[[Iterable[Any]], Row], partial(tuple.__new__, Row))  # costs a third less than `Row._make`


class Connection(Protocol):
    """What is asked of a `sqlite3.Connection` here; a cursor does as well."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any: ...


def told(error: object, url: str, *, writing: bool = False, wal_bytes: int = 0) -> Exception:
    """What SQLite says of the ledger at `url`, as the ledger says it: the library's IntegrityError, or a refusal.

    `wal_bytes` is what its -wal holds, for when SQLite could not open it.
    """
    code = int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # without its refinement
    if code == CONSTRAINT:
        from eventsourcing.persistence import IntegrityError

        return IntegrityError(f"{url}: {error}")
    if code == CANTOPEN and writing:
        return Refused("read_only", f"{url}: nothing can be written there ({error})")
    if code == CANTOPEN and wal_bytes:
        return Refused("read_only", f"{url}: its -wal holds entries and its directory is closed: read a copy of both")
    name, meaning = next((row[1:] for row in MEANINGS if row[0] == code), ("store_failed", "SQLite failed"))
    return Refused(name, f"{url}: {meaning} ({error})")


def make_schema(connection: Connection) -> None:
    """Inside a transaction: makes the ledger's table in an empty database, leaves a ledger as it is.

    Raises `Refused("not_a_ledger")` in a database of something else.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application == APPLICATION_ID:
        return
    if application or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise Refused("not_a_ledger", "that is a database of something else; it was left as it is")
    for statement in (*SCHEMA, *TREE_SCHEMA):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def check_schema(connection: Connection) -> None:
    """Raises `Refused` unless this is a ledger, of a version we know, with its guards in place."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:  # SQLite has just rolled back what a crash left of it
        raise Refused("no_ledger", "there is no ledger; the making of one was cut short")
    if version > SCHEMA_VERSION:
        raise Refused("newer_ledger", f"its schema is version {version}; this software knows {SCHEMA_VERSION}")
    made = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master")}
    if not made.issuperset((*SCHEMA, *TREE_SCHEMA) if version > 1 else SCHEMA):
        raise Refused("damaged_ledger", "its table, or a trigger that guards it, was changed")


def is_header(head: bytes) -> bool:
    """Whether a file that begins so is a ledger, or a SQLite file that says it is."""
    return head.startswith(MAGIC) and int.from_bytes(head[68:72], "big") == APPLICATION_ID


def append(connection: Connection, rows: Sequence[Values], last: int | None) -> int:
    """Inserts rows after position `last` (looked up if None) and returns the position of the first of them.

    Raises `Refused("damaged_ledger")` when the positions SQLite gives do not follow.
    """
    if last is None:
        last = connection.execute("SELECT max(position) FROM stored_events").fetchone()[0] or 0
    together = len(rows) - len(rows) % AT_ONCE
    for start in range(0, together, AT_ONCE):
        connection.execute(_INSERT_MANY, list(chain.from_iterable(rows[start : start + AT_ONCE])))
    connection.executemany(INSERT, rows[together:])
    check_follows(connection, last, len(rows))
    return last + 1


def check_follows(connection: Connection, last: int, count: int) -> None:
    """Raises `Refused("damaged_ledger")` unless the `count` rows just inserted follow position `last`."""
    (highest,) = connection.execute("SELECT last_insert_rowid()").fetchone()
    if highest - last != count:
        raise Refused("damaged_ledger", f"the position after {last} was given before: entries were cut off the end")


def last_row(connection: Connection) -> Row | None:
    """The last entry. Raises `Refused("damaged_ledger")` when a later one was there once."""
    found = connection.execute(_LAST).fetchone()
    (highest,) = (found[5:] if found else connection.execute(_HIGHEST_EVER).fetchone()) or (None,)
    position = found[0] if found else 0
    if (highest or 0) != position:
        raise Refused("damaged_ledger", f"it ends at position {position}; its last was {highest}: some are missing")
    return _as_row(found[:5]) if found else None


def page_query(
    start: int, limit: int, stop: int | None = None, topics: Sequence[str] = (), columns: str = _COLUMNS
) -> tuple[str, list[int | str]]:
    """The statement, and its parameters, for at most `limit` entries of these topics from `start` to `stop`."""
    statement = f"SELECT {columns} FROM stored_events WHERE position >= ?"
    parameters: list[int | str] = [start]
    if stop is not None:
        statement += " AND position <= ?"
        parameters.append(stop)
    if topics:
        statement += f" AND topic IN ({', '.join('?' * len(topics))})"
        parameters += topics
    return statement + " ORDER BY position LIMIT ?", [*parameters, max(limit, 0)]


def page_rows(
    connection: Connection, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()
) -> list[Row]:
    """Entries by position. Raises `Refused("damaged_ledger")` where one is missing among them."""
    rows = list(map(_as_row, connection.execute(*page_query(start, limit, stop, topics))))
    if rows and not topics:
        _refuse_gap("position", rows[0].position, rows[-1].position, max(start, 1), len(rows))
    return rows


def page_columns(connection: Connection, start: int, limit: int) -> Columns:
    """As `page_rows`, column by column."""
    found = Columns(*zip(*connection.execute(*page_query(start, limit)), strict=True))
    if found.positions:
        _refuse_gap("position", found.positions[0], found.positions[-1], max(start, 1), len(found.positions))
    return found


def page_states(
    connection: Connection, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()
) -> list[tuple[int, bytes]]:
    """As `page_rows`, the position and the bytes alone."""
    query = page_query(start, limit, stop, topics, columns="position, state")
    rows: list[tuple[int, bytes]] = connection.execute(*query).fetchall()
    if rows and not topics:
        _refuse_gap("position", rows[0][0], rows[-1][0], max(start, 1), len(rows))
    return rows


def page_lines(connection: Connection, start: int, limit: int, stop: int | None = None) -> Lines:
    """As `page_states`, put together: of a sorted subquery with a limit, in its order."""
    query, parameters = page_query(start, limit, stop, columns="position, state")
    together = f"{_LINES}, count(*), min(position), max(position)"
    lines, number, first, last = connection.execute(f"SELECT {together} FROM ({query})", parameters).fetchone()
    if number:
        _refuse_gap("position", first, last, max(start, 1), number)
    return Lines(range(max(start, 1), max(start, 1) + number), lines or b"")


def states_at(connection: Connection, positions: Sequence[int]) -> list[tuple[int, bytes]]:
    """The bytes of the entries at these positions."""
    query = (
        "SELECT position, state FROM stored_events WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position"
    )
    found: list[tuple[int, bytes]] = connection.execute(query, [str(list(positions))]).fetchall()
    return found


def stream_rows(
    connection: Connection,
    stream: str,
    after_version: int,
    upto_position: int | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Entries of a stream by version. Raises `Refused("damaged_ledger")` where one is missing among them."""
    statement = _STREAM
    parameters: list[int | str] = [stream, after_version]
    if upto_position is not None:
        statement += " AND position <= ?"
        parameters.append(upto_position)
    statement += " ORDER BY originator_version"
    if limit is not None:
        statement += " LIMIT ?"
        parameters.append(max(limit, 0))
    rows = list(map(_as_row, connection.execute(statement, parameters)))
    if rows:
        _refuse_gap(f"version of {stream}", rows[0].version, rows[-1].version, after_version + 1, len(rows))
    return rows


def stream_lines(connection: Connection, stream: str, after_version: int, limit: int) -> Lines:
    """As `stream_rows`, put together as `page_lines` does."""
    parameters = [stream, after_version, max(limit, 0)]
    lines, positions, number, first, last = connection.execute(_STREAM_LINES, parameters).fetchone()
    if number:
        _refuse_gap(f"version of {stream}", first, last, after_version + 1, number)
    return Lines(json.decode(positions, type=list[int]), lines or b"")


def last_version(connection: Connection, stream: str) -> int:
    """The version of a stream's last entry; 0 where there is none."""
    query = "SELECT max(originator_version) FROM stored_events WHERE originator_id = ?"
    return int(connection.execute(query, [stream]).fetchone()[0] or 0)


def opening_rows(connection: Connection) -> list[Row]:
    """Every entry of `OPENING_TOPICS`, by position, from their own index."""
    return list(map(_as_row, connection.execute(_OPENINGS)))


def _refuse_gap(of_what: str, first: int, last: int, expected: int, count: int) -> None:
    if first != expected or last - first != count - 1:
        there = number_of(count, "entry is", "entries are")
        raise Refused("damaged_ledger", f"{of_what} {expected} to {last}: only {there} there")
