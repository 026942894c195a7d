"""What a ledger asks of PostgreSQL, and what PostgreSQL says back; the connections come from elsewhere.

The tables, triggers and functions are in `postgres_schema.sql`. Every statement names them without their
schema: a connection's search path leads to the one ledger it was opened for, so several live in one database.
The schema binds every program that comes in: an entry may only follow, nothing is changed or removed, and a
role admitted by `admit` has no right to try.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from importlib.resources import files
from typing import Any, Protocol, cast

from msgspec import json

from ledger.counting import number_of
from ledger.errors import Refused
from ledger.store import OPENING_TOPICS, Lines, Row

SCHEMA_VERSION = 2  # 1 sorted what was added, to hold it against what it may follow; 2 asks the same of lists

_OPENINGS_LIST = ", ".join(f"'{topic}'" for topic in OPENING_TOPICS)
COLUMNS = "position, originator_id, originator_version, topic, state"
_LAST = f"SELECT {COLUMNS}, h.head FROM (SELECT position AS head FROM head) AS h " + (
    f"LEFT JOIN (SELECT {COLUMNS} FROM stored_events ORDER BY position DESC LIMIT 1) AS e ON true"
)
_STREAM_LINES = """SELECT string_agg(state, '\\x0a' ORDER BY version),
string_agg(position::text, ',' ORDER BY version), count(*), min(version), max(version) FROM (
SELECT position, originator_version AS version, state FROM stored_events
WHERE originator_id = %s AND originator_version > %s ORDER BY originator_version LIMIT %s) AS page"""
_OPENINGS = f"SELECT {COLUMNS} FROM stored_events WHERE topic IN ({_OPENINGS_LIST}) ORDER BY position"
CHANNEL = "SELECT pg_is_in_recovery(), 'service_ledger_' || 'stored_events'::regclass::oid"
BEGIN = (  # the last statement sees what is committed once the lock is taken
    "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT take_head(); "
    f"SELECT {COLUMNS} FROM stored_events ORDER BY position DESC LIMIT 1"
)

# What every connection is told first. An entry is acknowledged when it is on this server's disk and on those
# of its synchronous standbys: never less than `on`. All reading follows an index, so no plan shall do without.
_SETTINGS = """
SELECT set_config('synchronous_commit',
  CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false);
SET default_transaction_isolation = 'read committed'; SET standard_conforming_strings = on;
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET jit = off; SET work_mem = '64MB';
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
"""

# SQLSTATE (or its first letters), the refusal it becomes, what it means here
MEANINGS: tuple[tuple[str, str, str], ...] = (
    ("55P03", "locked", "another writer kept the ledger for the whole timeout; try again"),
    ("40P01", "locked", "two writers waited for each other; try again"),
    ("25006", "read_only", "the server is a standby, or the session may only read"),
    ("42501", "read_only", "the role may not do that"),
    ("3D000", "no_ledger", "there is no such database"),
    ("53100", "store_failed", "the server's disk is full; what was acknowledged is kept"),
    ("XX001", "damaged_ledger", "the server found its pages damaged; go back to a copy"),
    ("XX002", "damaged_ledger", "the server found an index damaged; rebuild it from the table"),
    ("42P01", "damaged_ledger", "one of its tables is gone"),
    ("42703", "damaged_ledger", "a column of its tables is gone"),
    ("42883", "damaged_ledger", "a function that guards it is gone"),
    ("", "store_failed", "the server or the way to it failed; what was acknowledged is kept"),
)

UNKNOWN_OUTCOME = (
    "the connection broke while it committed, so whether it is kept is not known; "
    "record the same events again: what was kept is found and not written twice"
)
NOT_REPLICATED = "the wait for the synchronous standby was cut short, so a failover may lose it; record it again"

_as_row = cast(Callable[[Iterable[Any]], Row], partial(tuple.__new__, Row))


class Connection(Protocol):
    """What is asked of a `psycopg.Connection` here, in autocommit, with rows as plain tuples, in binary."""

    def execute(self, query: Any, params: Any = ..., /, *, prepare: bool | None = ..., binary: bool = ...) -> Any: ...

    def cursor(self) -> Any: ...

    def pipeline(self) -> Any: ...


def settings(schema: str, lock_timeout_seconds: float, read_only: bool) -> str:
    """The statements a connection begins with, for the ledger in a schema."""
    text = (
        f"SET search_path = {quoted(schema)}, pg_temp; SET lock_timeout = {max(1, round(lock_timeout_seconds * 1000))};"
    )
    return text + _SETTINGS + ("SET default_transaction_read_only = on;" if read_only else "")


def search_path(options: str) -> str:
    """The schema a URL's `options` lead to, or an empty text."""
    found = re.search(r"search_path=\"?([^\s,\"]+)", options)
    return found[1] if found else ""


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def told(error: BaseException, url: str, *, connecting: bool = False) -> Exception:
    """What PostgreSQL says of the ledger at `url`: a refusal, or the library's IntegrityError."""
    state = getattr(error, "sqlstate", None) or ""
    said = " ".join(str(error).split())
    if state.startswith("23"):
        from eventsourcing.persistence import IntegrityError

        taken = "an entry only follows the last of its stream; that place is taken: " if state == "23505" else ""
        return IntegrityError(f"{url}: {taken}{said}")
    if connecting and re.search(r'database ".*" does not exist', said):
        return Refused("no_ledger", f"{url}: there is no such database ({said})")
    code, meaning = next(row[1:] for row in MEANINGS if state.startswith(row[0]))
    return Refused(code, f"{url}: {meaning} ({said})")


# --- making and checking ---


@lru_cache(maxsize=1)
def ddl() -> str:
    """The statements that make a ledger in an empty schema."""
    text = files("ledger").joinpath("postgres_schema.sql").read_text(encoding="utf-8")
    return text.replace("{openings}", _OPENINGS_LIST).replace("{version}", str(SCHEMA_VERSION))


@lru_cache(maxsize=1)
def migrations() -> tuple[tuple[int, str], ...]:
    """What leads an older ledger on, in order: the version it comes to, and the statements."""
    (follow,) = re.findall(r"CREATE FUNCTION entries_only_follow\(.*?\$\$;", ddl(), re.DOTALL)
    return ((2, follow.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),)


def stands(connection: Connection, schema: str) -> bool:
    """Whether a ledger is in the schema. Raises `Refused("not_a_ledger")` where something else is."""
    found = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')", (schema,)
    ).fetchall()  # fmt: skip
    names = {name for (name,) in found}
    if not names:
        return False
    marked = connection.execute(
        "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'application'",
        (f"{quoted(schema)}.head",),
    ).fetchone()
    if "head" not in names or marked is None:
        raise Refused("not_a_ledger", f"the schema {schema} holds something else; it was left as it is")
    return True


def make_schema(connection: Connection, schema: str) -> None:
    """In one transaction: makes the ledger, unless another did meanwhile; a crash leaves nothing."""
    connection.execute("BEGIN")
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('service_ledger ' || %s, 0))", (schema,))
    if not stands(connection, schema):
        if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone():
            connection.execute(f"CREATE SCHEMA {quoted(schema)}")
        connection.execute(ddl())
    connection.execute("COMMIT")


def migrate(connection: Connection) -> None:
    """Under the write lock and in one transaction: brings an older ledger to `SCHEMA_VERSION`.

    Raises `Refused("read_only")` where the role may not: the ledger's tables and functions are its owner's.
    """
    connection.execute("BEGIN")
    connection.execute("SELECT take_head()")
    (version,) = connection.execute("SELECT schema_version FROM head").fetchone()
    (may,) = connection.execute(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'head'::regclass"
    ).fetchone()
    if not may:
        older = f"its schema is version {version}, this software's {SCHEMA_VERSION}"
        raise Refused("read_only", f"{older}; let its owner open it once with this software")
    for leads_to, statements in migrations():
        if version < leads_to:
            connection.execute(statements)
    connection.execute("UPDATE head SET schema_version = greatest(schema_version, %s)", (SCHEMA_VERSION,))
    connection.execute("COMMIT")


def in_recovery(connection: Connection) -> bool:
    """Whether the server is a standby."""
    (standby,) = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    return bool(standby)


def stat(connection: Connection) -> tuple[int, int, bool]:
    """What it takes on disk, in bytes; its schema version; whether the server is a standby."""
    found: tuple[int, int, bool] = connection.execute(
        "SELECT coalesce((SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree('stored_events')), "
        "pg_total_relation_size('stored_events')) + pg_total_relation_size('tree_tiles'), "
        "(SELECT schema_version FROM head), pg_is_in_recovery()"
    ).fetchone()
    return found


def guards(text: str) -> set[tuple[str, str]]:
    """Every trigger the statements make, with the body of the function it calls."""
    bodies = dict(re.findall(r"CREATE FUNCTION (\w+)\(.*?AS \$\$(.*?)\$\$;", text, re.DOTALL))
    return {
        (name, bodies[called])
        for name, called in re.findall(r"CREATE TRIGGER (\w+).*?EXECUTE FUNCTION (\w+)", text, re.DOTALL)
    }


def check_schema(connection: Connection) -> int:
    """The ledger's schema version. Raises `Refused` when it is newer than ours, or a guard is off or changed."""
    (version,) = connection.execute("SELECT schema_version FROM head").fetchone() or (None,)
    if version is None:
        raise Refused("damaged_ledger", "the row that says how far the ledger got is gone")
    if version > SCHEMA_VERSION:
        raise Refused("newer_ledger", f"its schema is version {version}; this software knows {SCHEMA_VERSION}")
    there = connection.execute(
        "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal "
        "AND t.tgenabled = 'A' AND t.tgrelid IN ('head'::regclass, 'stored_events'::regclass, 'tree_tiles'::regclass)"
    )
    if version == SCHEMA_VERSION and not guards(ddl()) <= set(there.fetchall()):
        raise Refused("damaged_ledger", "a trigger that guards it was taken off or changed")
    return int(version)


# --- appending ---


def begin(connection: Connection) -> tuple[int, Row | None]:
    """Begins a transaction and takes the write lock: how far the ledger got, and its last entry.

    Raises `Refused("damaged_ledger")` when entries after that one are gone.
    """
    cursor = connection.execute(BEGIN, prepare=False)
    cursor.nextset()
    (head,) = cursor.fetchone() or (0,)
    cursor.nextset()
    columns = cursor.fetchone()
    refuse_cut(head, columns[0] if columns else 0)
    return int(head), _as_row(columns) if columns else None


def refuse_cut(head: int, last: int) -> None:
    """Raises `Refused("damaged_ledger")` unless the last entry is where the head says."""
    if head != last:
        raise Refused("damaged_ledger", f"it ends at position {last}; its last was {head}: some are missing")


# --- reading ---


def last_row(connection: Connection) -> Row | None:
    """The last entry. Raises `Refused("damaged_ledger")` when a later one was there once."""
    *columns, head = connection.execute(_LAST, binary=True).fetchone() or (None, 0)
    position = columns[0] or 0
    refuse_cut(head, position)
    return _as_row(columns) if position else None


def page_query(
    start: int, limit: int, stop: int | None = None, topics: Sequence[str] = (), columns: str = COLUMNS
) -> tuple[str, list[object]]:
    """The statement, and its parameters, for at most `limit` entries of these topics from `start` to `stop`."""
    statement = f"SELECT {columns} FROM stored_events WHERE position >= %s"
    parameters: list[object] = [start]
    if stop is not None:
        statement += " AND position <= %s"
        parameters.append(stop)
    if topics:
        statement += " AND topic = ANY(%s)"
        parameters.append(list(topics))
    return statement + " ORDER BY position LIMIT %s", [*parameters, max(limit, 0)]


def page_rows(
    connection: Connection, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()
) -> list[Row]:
    """Entries by position. Raises `Refused("damaged_ledger")` where one is missing among them."""
    rows = _rows(connection, *page_query(start, limit, stop, topics))
    if rows and not topics:
        _refuse_gap("position", rows[0].position, rows[-1].position, max(start, 1), len(rows))
    return rows


def page_states(
    connection: Connection, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()
) -> list[tuple[int, bytes]]:
    """As `page_rows`, the position and the bytes alone."""
    query = page_query(start, limit, stop, topics, columns="position, state")
    return _contiguous(connection.execute(*query, binary=True).fetchall(), start, topics)


def page_lines(connection: Connection, start: int, limit: int, stop: int | None = None) -> Lines:
    """As `page_states`, put together by the server."""
    query, parameters = page_query(start, limit, stop, columns="position, state")
    together = "string_agg(state, '\\x0a' ORDER BY position), count(*), min(position), max(position)"
    found = connection.execute(f"SELECT {together} FROM ({query}) AS page", parameters, binary=True).fetchone()
    lines, number, first, last = found or (None, 0, 0, 0)
    if number:
        _refuse_gap("position", first, last, max(start, 1), number)
    return Lines(range(max(start, 1), max(start, 1) + number), lines or b"")


def pages_from(
    connection: Connection, page: list[tuple[int, bytes]], limit: int, stop: int | None, topics: Sequence[str]
) -> Iterator[list[tuple[int, bytes]]]:
    """A full page and all that follow; the server looks for each while the one before is being read."""
    with connection.pipeline():
        while len(page) == limit:
            start = page[-1][0] + 1
            cursor = connection.cursor()
            cursor.execute(*page_query(start, limit, stop, topics, columns="position, state"), binary=True)
            yield page
            page = _contiguous(cursor.fetchall(), start, topics)
    if page:
        yield page


def _contiguous(rows: list[tuple[int, bytes]], start: int, topics: Sequence[str]) -> list[tuple[int, bytes]]:
    if rows and not topics:
        _refuse_gap("position", rows[0][0], rows[-1][0], max(start, 1), len(rows))
    return rows


def states_at(connection: Connection, positions: Sequence[int]) -> list[tuple[int, bytes]]:
    """The bytes of the entries at these positions."""
    query = "SELECT position, state FROM stored_events WHERE position = ANY(%s) ORDER BY position"
    found: list[tuple[int, bytes]] = connection.execute(query, [list(positions)], binary=True).fetchall()
    return found


def stream_rows(
    connection: Connection,
    stream: str,
    after_version: int,
    upto_position: int | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Entries of a stream by version. Raises `Refused("damaged_ledger")` where one is missing among them."""
    statement = f"SELECT {COLUMNS} FROM stored_events WHERE originator_id = %s AND originator_version > %s"
    parameters: list[object] = [stream, after_version]
    if upto_position is not None:
        statement += " AND position <= %s"
        parameters.append(upto_position)
    statement += " ORDER BY originator_version"
    if limit is not None:
        statement += " LIMIT %s"
        parameters.append(max(limit, 0))
    rows = _rows(connection, statement, parameters)
    if rows:
        _refuse_gap(f"version of {stream}", rows[0].version, rows[-1].version, after_version + 1, len(rows))
    return rows


def stream_lines(connection: Connection, stream: str, after_version: int, limit: int) -> Lines:
    """As `stream_rows`, put together by the server."""
    found = connection.execute(_STREAM_LINES, [stream, after_version, max(limit, 0)], binary=True).fetchone()
    lines, positions, number, first, last = found or (None, None, 0, 0, 0)
    if number:
        _refuse_gap(f"version of {stream}", first, last, after_version + 1, number)
    return Lines(json.decode(f"[{positions or ''}]", type=list[int]), lines or b"")


def last_version(connection: Connection, stream: str) -> int:
    """The version of a stream's last entry; 0 where there is none."""
    query = "SELECT max(originator_version) FROM stored_events WHERE originator_id = %s"
    found = connection.execute(query, [stream]).fetchone()
    return int((found and found[0]) or 0)


def opening_rows(connection: Connection) -> list[Row]:
    """Every entry of `OPENING_TOPICS`, by position, from their own index."""
    return _rows(connection, _OPENINGS, ())


def _rows(connection: Connection, statement: str, parameters: Sequence[object]) -> list[Row]:
    return list(map(_as_row, connection.execute(statement, parameters, binary=True).fetchall()))


def _refuse_gap(of_what: str, first: int, last: int, expected: int, count: int) -> None:
    if first != expected or last - first != count - 1:
        there = number_of(count, "entry is", "entries are")
        raise Refused("damaged_ledger", f"{of_what} {expected} to {last}: only {there} there")
