"""SQL views in a schema of a PostgreSQL database, beside the ledger's or anywhere: built beside, swapped by renaming.

A connection's search path leads to one schema, and the schema's comment says that it holds views and of which
version. New tables are filled in `NAME_new`; one transaction renames the schema that stands to `NAME_old` and the new
one to `NAME`, which takes no lock on a table: whoever reads the old tables reads on in them, and the next statement
that names them finds the new ones. A transaction that keeps one snapshot from before the new rows were written would
find the new tables empty; so the swap waits until there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

from ledger.errors import Refused
from ledger.postgres_schema import quoted
from ledger.postgres_store import LONGEST_NAME_BYTES, Connection, Failure, LedgerServer
from projections.view_store import (
    APPLICATION,
    LAYOUTS,
    MIGRATION,
    VERSION,
    Building,
    Index,
    Layout,
    Tables,
    absent,
    check_version,
    now_view,
    other,
)

LOCK_TIMEOUT_SECONDS = 30.0  # how long a writer of the views waits for another
SNAPSHOT_TRIES = 36_000  # a tenth of a second each: how long a swap waits for transactions from before the new rows
DROP_TRIES = 5  # then what readers still hold is left to the next building
MARK = "service-ledger views "  # the schema's comment, before the version
TYPES: dict[type, str] = {str: 'text COLLATE "C"', int: "bigint"}
# as `eventsourcing.postgres.PostgresTrackingRecorder` makes it with one row per application
TRACKING = (
    "CREATE TABLE notification_tracking (application_name text, notification_id bigint, PRIMARY KEY (application_name))"
)

_FOUND = (
    "SELECT oid, coalesce(obj_description(oid, 'pg_namespace'), ''), has_schema_privilege(oid, 'USAGE') "
    "FROM pg_namespace WHERE nspname = %s"
)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('service_ledger_views ' || %s, 0))"
_BUILDER = "SELECT pg_try_advisory_lock(hashtextextended('service_ledger_views building ' || %s, 0))"
_MOMENT = "SELECT pg_current_xact_id()::xid::text, clock_timestamp()"
_OLDER = (  # a transaction's start is hidden from those who may not know: then its snapshot alone decides
    "SELECT count(*), min(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend' AND age(backend_xmin) >= age(%s::xid) "
    "AND (xact_start IS NULL OR xact_start <= %s)"
)
_GRANTS = (
    "SELECT 'TABLE', c.relname, a.privilege_type, a.grantee = 0, coalesce(r.rolname, '') "
    "FROM pg_class c, aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
    "WHERE c.relnamespace = %s AND c.relkind IN ('r', 'v') AND a.grantee <> c.relowner "
    "UNION ALL SELECT 'SCHEMA', '', a.privilege_type, a.grantee = 0, coalesce(r.rolname, '') "
    "FROM pg_namespace n, aclexplode(n.nspacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
    "WHERE n.oid = %s AND a.grantee <> n.nspowner"
)


class SchemaPlace:
    """Views in a schema of the database at a URL, whatever schema that names."""

    def __init__(self, url: str, schema: str) -> None:
        self._url = url
        self.schema = schema
        server = LedgerServer(url, False, LOCK_TIMEOUT_SECONDS)
        if len(f"{self.schema}_new".encode()) > LONGEST_NAME_BYTES:
            raise server.refused("no_file", f"{self.schema!r} is too long a name for a schema of views")
        self.name = f"{server.shown} (schema {self.schema})"

    def connect(self, *, read_only: bool = False) -> SchemaTables:
        connection = self.connection(self.schema, read_only)
        try:
            identity, version = self.found(connection)
            check_version(self.name, version)
        except BaseException:
            connection.close()
            raise
        return SchemaTables(self, connection, self.schema, identity)

    def connection(self, schema: str, read_only: bool = False) -> Connection:
        """A new connection whose search path leads to a schema."""
        server = LedgerServer(self._url, read_only, LOCK_TIMEOUT_SECONDS)
        server.settings = (
            f"SET search_path = {quoted(schema)}, pg_temp; SET lock_timeout = {round(LOCK_TIMEOUT_SECONDS * 1000)}; "
            "SET default_transaction_isolation = 'read committed'; SET jit = off; "
            "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
            f"SET default_transaction_read_only = {'on' if read_only else 'off'};"
        )
        return server.connect()

    def found(self, connection: Connection) -> tuple[int, int]:
        """Which schema stands there, by its identity, and the version of the views in it. Raises `Refused`."""
        with self.told():
            there = connection.execute(_FOUND, (self.schema,)).fetchone()
        if there is None:
            raise absent(self.name)
        identity, comment, usable = there
        version = comment.removeprefix(MARK)
        if not comment.startswith(MARK) or not version.isdecimal():
            raise other(self.name)
        if not usable:
            raise Refused("read_only", f"{self.name}: the role may not use this schema; see README, In SQL")
        return identity, int(version)

    @contextmanager
    def building(self) -> Iterator[Building]:
        new = f"{self.schema}_new"
        with closing(self.connection(new)) as connection:
            with self.told():
                (free,) = connection.execute(_BUILDER, (self.schema,)).fetchone() or (False,)
            if not free:  # the lock goes with the connection, so a killed builder holds none
                raise Refused("locked", f"{self.name} is being built")
            with suppress_absence():
                self.found(connection)  # refused unless these are views
            tables = SchemaTables(self, connection, new, 0)
            building = _SchemaBuilding(self, tables, connection)
            building.clear("_new", "_old")
            tables.make()
            try:
                yield building
            finally:
                with suppress(Refused, Failure):
                    building.clear("_new")

    @contextmanager
    def told(self) -> Iterator[None]:
        """What PostgreSQL says, as a refusal that names these views."""
        try:
            yield
        except Failure as error:
            raise _refused(self.name, error) from error


class SchemaTables(Tables):
    """The tables in a schema, open."""

    tracking = "notification_tracking"

    def __init__(self, place: SchemaPlace, connection: Connection, schema: str, identity: int) -> None:
        self._place = place
        self._connection = connection
        self.schema = schema
        self.identity = identity

    def select(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._place.told():
            return self._connection.execute(_marked(statement), parameters).fetchall()

    def change(self, statement: str, *parameters: Any) -> int:
        with self._place.told():
            return self._connection.execute(_marked(statement), parameters).rowcount

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            with (
                self._place.told(),
                self._connection.cursor() as cursor,
                cursor.copy(f"COPY {quoted(table)} FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self.transaction():
            self.lock(self.schema)
            yield

    def stand(self) -> bool:
        there = self.select(_FOUND, self.schema)
        return bool(there) and there[0][0] == self.identity

    def lock(self, schema: str) -> None:
        """Keeps every other writer off the tables in a schema until the transaction ends."""
        self.select(_LOCK, schema)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction, undone by an exception."""
        with self._place.told():
            self._connection.execute("BEGIN")
        try:
            yield
            with self._place.told():
                done = self._connection.execute("COMMIT").statusmessage
            if done != "COMMIT":
                raise Refused("store_failed", f"{self._place.name}: the server answered {done} to COMMIT")
        except BaseException:
            with suppress(Failure):
                self._connection.execute("ROLLBACK")
            raise

    def make(self) -> None:
        """Makes the schema and its tables, empty, in one transaction."""
        with self.transaction(), self._place.told():
            self._connection.execute(f"CREATE SCHEMA {quoted(self.schema)}")
            self._connection.execute(f"COMMENT ON SCHEMA {quoted(self.schema)} IS '{MARK}{VERSION}'")
            for layout in LAYOUTS:
                for statement in _statements(layout):
                    self._connection.execute(statement)
            self._connection.execute(TRACKING)
            self._connection.execute("INSERT INTO notification_tracking VALUES (%s, %s)", MIGRATION)
            self.identity = (self._connection.execute(_FOUND, (self.schema,)).fetchone() or (0,))[0]

    def close(self) -> None:
        self._connection.close()


class _SchemaBuilding:
    """A new schema beside the one that stands."""

    def __init__(self, place: SchemaPlace, tables: SchemaTables, connection: Connection) -> None:
        self.tables = tables
        self._place = place
        self._connection = connection

    def settle(self) -> None:
        """Waits until nobody looks any more at a moment before the new rows were written."""
        with self._place.told():
            self._connection.execute("ANALYZE " + _listed([layout.name for layout in LAYOUTS]))
            moment = self._connection.execute(_MOMENT).fetchone()
            for _ in range(SNAPSHOT_TRIES):
                older, pid = self._connection.execute(_OLDER, moment).fetchone() or (0, None)
                if not older:
                    return
                self._connection.execute("SELECT pg_sleep(0.1)")
        raise Refused(
            "locked", f"{self._place.name}: a transaction begun before the new tables were filled goes on (pid {pid})"
        )

    @contextmanager
    def taking_over(self) -> Iterator[int]:
        name, place = self._place.schema, self._place
        with self.tables.transaction():
            self.tables.lock(name)
            identity, folded_upto = self._standing()
            yield folded_upto
            with place.told():
                if identity:
                    self._hand_over_grants(identity)
                    self._connection.execute(f"ALTER SCHEMA {quoted(name)} RENAME TO {quoted(f'{name}_old')}")
                self._connection.execute(f"ALTER SCHEMA {quoted(f'{name}_new')} RENAME TO {quoted(name)}")
        self._drop_old()

    def _standing(self) -> tuple[int, int]:
        """The identity of the schema that stands, and the position its tables have come to; zeros: there is none."""
        with suppress_absence():
            identity, version = self._place.found(self._connection)
            position = 0
            if version == VERSION:
                table = f"{quoted(self._place.schema)}.{SchemaTables.tracking}"
                asked = f"SELECT notification_id FROM {table} WHERE application_name = ?"
                found = self.tables.select(asked, APPLICATION)
                position = found[0][0] if found else 0
            return identity, position
        return 0, 0

    def _hand_over_grants(self, old: int) -> None:
        """Whoever may read or write the old tables may the new ones."""
        there = {layout.name for layout in LAYOUTS} | {f"{layout.name}_now" for layout in LAYOUTS if not layout.primary}
        new = quoted(f"{self._place.schema}_new")
        for kind, relation, privilege, everybody, role in self._connection.execute(_GRANTS, (old, old)).fetchall():
            if kind == "SCHEMA" or relation in there | {SchemaTables.tracking}:
                what = f"SCHEMA {new}" if kind == "SCHEMA" else f"TABLE {new}.{quoted(relation)}"
                whom = "PUBLIC" if everybody else quoted(role)
                self._connection.execute(f"GRANT {privilege} ON {what} TO {whom}")

    def _drop_old(self) -> None:
        """Drops what was replaced, without ever making a reader wait long or choosing one as a deadlock's victim."""
        for _ in range(DROP_TRIES):
            try:
                self.clear("_old", timeout_milliseconds=200)  # far below the server's `deadlock_timeout`
                return
            except Refused:
                with suppress(Failure):
                    self._connection.execute("SELECT pg_sleep(0.1)")

    def clear(self, *suffixes: str, timeout_milliseconds: int = round(LOCK_TIMEOUT_SECONDS * 1000)) -> None:
        """Drops the schemas of these suffixes where they hold views. Raises `Refused`: `locked`, `not_a_ledger`."""
        for suffix in suffixes:
            name = f"{self._place.schema}{suffix}"
            with self._place.told():
                there = self._connection.execute(_FOUND, (name,)).fetchone()
            if there is None:
                continue
            if not there[1].startswith(MARK):
                raise Refused("not_a_ledger", f"{self._place.name}: the schema {name} is in the way; it holds no views")
            with self.tables.transaction(), self._place.told():
                self._connection.execute(f"SET LOCAL lock_timeout = {timeout_milliseconds}")
                self._connection.execute(f"DROP SCHEMA {quoted(name)} CASCADE")


def _statements(layout: Layout) -> Iterator[str]:
    """What makes a table, its indexes and its view, by the search path."""
    columns = [
        f"{quoted(column)} {TYPES[kind]}{' NOT NULL' * (column in layout.not_null)}"
        for column, kind in layout.columns.items()
    ]
    primary = [f"PRIMARY KEY ({_listed(layout.primary)})"] if layout.primary else []
    yield f"CREATE TABLE {quoted(layout.name)} ({', '.join(columns + primary)})"
    yield from (_index(layout.name, index) for index in layout.indexes)
    if not layout.primary:
        yield f"CREATE VIEW {layout.name}_now AS {now_view(layout.name)}"


def _index(table: str, index: Index) -> str:
    unique = "UNIQUE " if index.unique else ""
    current = " WHERE known_to_position IS NULL" if index.current else ""
    return f"CREATE {unique}INDEX ON {quoted(table)} ({_listed(index.columns)}){current}"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))


def _marked(statement: str) -> str:
    return statement.replace("?", "%s")


@contextmanager
def suppress_absence() -> Iterator[None]:
    """That no views stand there is no reason to stop."""
    try:
        yield
    except Refused as refused:
        if refused.code != "no_file":
            raise


def _refused(name: str, error: Failure) -> Refused:
    """A failure as a refusal; the states of PostgreSQL are those of its manual, appendix A."""
    state, said = error.sqlstate or "", " ".join(str(error).split())
    meanings = (
        ("55P03", "locked", "others kept the views for the whole timeout; try again"),
        ("40P01", "locked", "two waited for each other; try again"),
        ("25006", "read_only", "the server is a standby, or the session may only read"),
        ("42501", "read_only", "the role may not do that"),
        ("42P01", "not_a_ledger", "one of the tables is gone; build anew"),
        ("42703", "not_a_ledger", "a column of the tables is gone; build anew"),
        ("", "store_failed", "the server or the way to it failed; what was folded is kept"),
    )
    code, meaning = next(row[1:] for row in meanings if state.startswith(row[0]))
    return Refused(code, f"{name}: {meaning} ({said})")
