"""SQL views in a SQLite file: made with `sqlite-utils`, and replaced by rename.

The file keeps a rollback journal, not a -wal, so that it is one file: a new one takes its place by rename, and
whoever reads the old one reads on in it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ledger.errors import Refused
from ledger.headlock import beside, sync_directory, take
from projections.view_store import LAYOUTS, MIGRATION, VERSION, Building, Tables, absent, check_version, now_view, other

APPLICATION_ID = int.from_bytes(b"SLvw", "big")
LOCK_TIMEOUT_SECONDS = 30.0  # how long a writer of the views waits for a reader or another
# as `eventsourcing.sqlite.SQLiteTrackingRecorder` makes it with one row per application
TRACKING = (
    "CREATE TABLE tracking "
    "(application_name TEXT, notification_id INTEGER, PRIMARY KEY (application_name)) WITHOUT ROWID"
)


class FilePlace:
    """Views in a file of their own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def connect(self, *, read_only: bool = False) -> FileTables:
        connection, version = self._found()
        try:
            check_version(self.name, version)
        except Refused:
            connection.close()
            raise
        return FileTables(self.path, connection)

    @contextmanager
    def building(self) -> Iterator[Building]:
        if self.path.exists():
            self._found()[0].close()  # refused unless these are views
        new = beside(self.path, ".new")
        try:
            lock = os.open(beside(self.path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise Refused("store_failed", f"{self.path}: cannot be written there: {error.strerror}") from error
        try:
            take(lock, f"{self.path} is being built", 0)
            _remove(new)
            try:
                with closing(_created(new)) as tables:
                    yield _FileBuilding(self, tables)
            finally:
                _remove(new)
        finally:
            os.close(lock)

    @contextmanager
    def held(self) -> Iterator[int]:
        """Keeps writers off the views that stand, if any; the position these had come to. A reader is not disturbed."""
        if not self.path.exists():
            yield 0
            return
        connection, version = self._found()
        with closing(FileTables(self.path, connection)) as old, old.writing():
            yield (old.position() or 0) if version == VERSION else 0

    def _found(self) -> tuple[sqlite3.Connection, int]:
        """A connection to views of any version, and which. Raises `Refused` where there are none, or something else."""
        if not self.path.exists():
            raise absent(self.name)
        connection: sqlite3.Connection | None = None
        try:
            connection = _opened(self.path, "rw")
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise _refused(self.path, error) from error
        if application != APPLICATION_ID:
            connection.close()
            raise other(self.name)
        return connection, int(version)


class FileTables(Tables):
    """The tables in a file, open."""

    tracking = "tracking"

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._identity = _identity(path)

    def select(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._told():
            return self._connection.execute(statement, parameters).fetchall()

    def change(self, statement: str, *parameters: Any) -> int:
        with self._told():
            return self._connection.execute(statement, parameters).rowcount

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            with self._told():
                self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._told():
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def stand(self) -> bool:
        return _identity(self._path) == self._identity

    def make(self) -> None:
        """Makes the tables, empty, in an empty file."""
        from sqlite_utils import Database

        database = Database(self._connection)
        for layout in LAYOUTS:
            made = database.table(layout.name)
            made.create(dict(layout.columns), pk=layout.primary or None, not_null=set(layout.not_null))
            for index in layout.indexes:
                if not index.current:
                    made.create_index(list(index.columns), unique=index.unique)
                else:  # partial, which sqlite-utils does not make
                    self._connection.execute(
                        f"CREATE UNIQUE INDEX {layout.name}_current ON {layout.name} ({', '.join(index.columns)}) "
                        "WHERE known_to_position IS NULL"
                    )
            if not layout.primary:
                database.create_view(f"{layout.name}_now", now_view(layout.name))
        self._connection.execute(TRACKING)
        self._connection.execute("INSERT INTO tracking VALUES (?, ?)", MIGRATION)
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _refused(self._path, error) from error


class _FileBuilding:
    """A new file beside the one that stands; nobody reads it before it is on disk and in its place."""

    def __init__(self, place: FilePlace, tables: FileTables) -> None:
        self.tables = tables
        self._place = place
        self._new = beside(place.path, ".new")

    def settle(self) -> None:
        """Puts on disk what was written without waiting for it."""
        descriptor = os.open(self._new, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def taking_over(self) -> Iterator[int]:
        with self._place.held() as folded_upto:
            with self.tables.writing():
                yield folded_upto
            self.settle()
            self._new.replace(self._place.path)
        sync_directory(self._place.path.parent)


def _created(path: Path) -> FileTables:
    try:
        connection = _opened(path, "rwc")
        connection.execute("PRAGMA synchronous = OFF")  # `settle` puts it on disk
        tables = FileTables(path, connection)
        tables.make()
    except sqlite3.Error as error:
        raise _refused(path, error) from error
    return tables


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None
    )


def _refused(path: Path, error: sqlite3.Error) -> Refused:
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind == sqlite3.SQLITE_NOTADB:
        return Refused("not_a_ledger", f"{path}: these are no views ({error}); it was left as it is")
    codes = {sqlite3.SQLITE_BUSY: "locked", sqlite3.SQLITE_READONLY: "read_only", sqlite3.SQLITE_CANTOPEN: "no_file"}
    return Refused(codes.get(kind, "store_failed"), f"{path}: the views cannot be used: {error}")


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _remove(new: Path) -> None:
    for left in (new, beside(new, "-journal")):
        left.unlink(missing_ok=True)
