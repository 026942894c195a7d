"""One ledger's SQLite file: made, told from others, and opened.

Connections are in WAL mode with `synchronous=FULL`, which puts a commit on disk before it returns.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from shlex import quote as quote_word

from ledger import sqlite_schema as sql
from ledger.errors import Refused
from ledger.sqlite_header import OpenFile

WRITER_CACHE_KIB = 16 * 1024  # a batch of 100,000 entries then costs a fifth less than with the default 2 MB
WAL_KEPT_BYTES = 64 * 1024 * 1024  # how much of the write-ahead log stays on disk after a large batch


def connect(uri: str, lock_timeout_seconds: float) -> sqlite3.Connection:
    """A connection as the ledger wants all of its own: durable on commit, waiting for locks, for any thread."""
    connection = sqlite3.connect(
        uri, uri=True, timeout=lock_timeout_seconds, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # only now SQLite looks for its -wal
    except BaseException:
        connection.close()
        raise
    return connection


class LedgerFile:
    """One ledger's file, and the connections to it.

    Where SQLite cannot put its `-wal` and `-shm` files beside the ledger (a directory one may only read),
    the file is read as it lies (`immutable`, so without locks) and `frozen` says so: each such connection
    serves one question, lest another's writes change the pages under it. A `-wal` that lies there and
    holds entries is never ignored: then reading is refused.
    """

    def __init__(self, url: str, path: Path, read_only: bool, lock_timeout_seconds: float) -> None:
        self.url = url
        self.path = path
        self.read_only = read_only
        self.lock_timeout_seconds = lock_timeout_seconds
        self.frozen = False
        self._identity: tuple[int, int] | None = None
        self._open: OpenFile | None = None

    def find_or_make(self, create: bool) -> None:
        """Raises `Refused` where there is no ledger (and none is to be made), or something else."""
        try:
            self._find_or_make(create)
            self._open = self._open or OpenFile.of(self.path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Once no connection to it is open any more."""
        file, self._open = self._open, None
        if file is not None:
            file.close()

    def _find_or_make(self, create: bool) -> None:
        if not self._stands():
            if not create:
                made = f"make one with `service-ledger init {quote_word(self.url)}`"
                raise self.refused("no_ledger", f"there is no ledger; {made}")
            self._make()
        elif create and self._beside("-journal").exists():  # a crash cut its making short
            self._make()
        self._identity = self._identify()

    def _stands(self) -> bool:
        """Whether a ledger's header is there; a crash while making one leaves an empty file or zeros."""
        orphan = self._size("-wal")  # looked at before the file itself, which is always made first
        if self.path.exists() and not self.path.is_file():
            raise self.refused("not_a_ledger", "that is a directory or a device")
        try:
            self._open = self._open or OpenFile.of(self.path)
            head = self._open.head(sql.HEADER_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            head = b""
        if not head.strip(b"\0"):
            if orphan:
                raise self.refused("damaged_ledger", "its -wal is there but the file is gone; put it back first")
            return False
        if not sql.is_header(head):
            raise self.refused("not_a_ledger", "that file is not a ledger; it was left as it is")
        return True

    def _make(self) -> None:
        """Makes file and schema in one transaction: a crash leaves an empty file, or the whole of it.

        Another process may do the same at the same moment: the second finds the work done.
        """
        try:
            with closing(connect(self._uri("rwc"), self.lock_timeout_seconds)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                sql.make_schema(connection)
                connection.execute("COMMIT")
                _use_wal(connection)
        except sqlite3.Error as error:
            if _primary(error) == sqlite3.SQLITE_NOTADB:
                raise self.refused("not_a_ledger", "that file is not a ledger; it was left as it is") from error
            if not self.path.parent.is_dir():
                raise self.refused("no_ledger", "the directory to make it in does not exist") from error
            raise self.told(error, writing=True) from error

    def connect(self) -> sqlite3.Connection:
        """A new connection, for the caller to close. Raises `Refused`."""
        try:
            try:
                return connect(self._uri("ro" if self.read_only else "rw"), self.lock_timeout_seconds)
            except sqlite3.OperationalError as error:
                if _primary(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                    raise
                if self._size("-wal") or not self.path.exists():
                    raise
            connection = connect(self._uri("ro&immutable=1"), self.lock_timeout_seconds)
        except sqlite3.Error as error:
            raise self.told(error) from error
        self.frozen = True
        return connection

    def connect_again(self) -> sqlite3.Connection:
        """As `connect`, where a connection is open already. Raises `Refused` where another file lies there now."""
        if self.is_moved():
            raise self.refused("store_failed", "the file was moved or replaced")
        return self.connect()

    def connect_writer(self) -> sqlite3.Connection:
        """A new connection to append through. Raises `sqlite3.Error` as SQLite does."""
        connection = connect(self._uri("rw"), self.lock_timeout_seconds)
        _use_wal(connection)
        connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")  # where a statement keeps how to undo itself
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        return connection

    def is_moved(self) -> bool:
        """Whether another file, or none, is now where this one was: writes would go where nobody looks."""
        return self._identify() != self._identity

    def stat(self) -> dict[str, int | str]:
        """Its part of `Store.stat`."""
        return {
            "bytes": sum(self._size(suffix) for suffix in ("", "-wal", "-shm")),
            "schema_version": sql.SCHEMA_VERSION,
            "access": "frozen" if self.frozen else "read_only" if self.read_only else "read_write",
        }

    def refused(self, code: str, message: str) -> Refused:
        """A refusal that names this ledger."""
        return Refused(code, f"{self.url}: {message}")

    def told(self, error: sqlite3.Error, *, writing: bool = False) -> Exception:
        """What SQLite says of this file, as the ledger says it."""
        return sql.told(error, self.url, writing=writing, wal_bytes=self._size("-wal"))

    def _uri(self, mode: str) -> str:
        return f"{self.path.as_uri()}?mode={mode}"

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _size(self, suffix: str) -> int:
        try:
            return self._beside(suffix).stat().st_size
        except OSError:
            return 0

    def _identify(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _use_wal(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):  # busy with somebody's first look: the next writer will do it
        connection.execute("PRAGMA journal_mode = WAL")


def _primary(error: sqlite3.Error) -> int:
    """SQLite's result code without its refinement; 0 for what the Python module says by itself."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
