"""The sql.append-only log on SQLite: one writer under a lock, readers that wait for nobody.

`LedgerFile` makes the file, tells it from others and opens connections to it: WAL, and `synchronous=FULL`,
which puts a commit on disk before it returns. `SQLiteStore` writes on one connection of its own, and reads on
others, each lent to one question at a time. The library's recorder (`ledger.sqlite_recorder`) works beside
them on the same table, through its own pool.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from shlex import quote as quote_word
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from ledger import sqlite_schema as sql
from ledger import sqlite_tree
from ledger.errors import Refused
from ledger.sqlite_header import OpenFile
from ledger.sqlite_queue import WriterQueue
from ledger.sqlite_transaction import SQLiteTransaction
from ledger.store import Columns, Lines, Row

if TYPE_CHECKING:
    from eventsourcing.persistence import ApplicationRecorder, Subscription

    from ledger.sqlite_recorder import LedgerRecorder

P = ParamSpec("P")
T = TypeVar("T")

WRITER_CACHE_KIB = 16 * 1024  # a batch of 100,000 entries then costs a fifth less than with the default 2 MB
WAL_KEPT_BYTES = 64 * 1024 * 1024  # how much of the write-ahead log stays on disk after a large batch


def open_sqlite(url: str, path: str, *, create: bool, read_only: bool, lock_timeout_seconds: float) -> SQLiteStore:
    """Opens the ledger in the file `path`, made if need be; `ledger.store.open_store` says the rest.

    A file that is no ledger is told by its first bytes and not touched. Read only, SQLite may leave an empty
    `-wal` and a `-shm` beside the file, which the next writer takes away.
    """
    if not path or ":memory:" in path:
        raise Refused("no_ledger", f"{url or 'an empty name'}: a ledger lives in a file; memory keeps nothing")
    try:
        file = LedgerFile(url, Path(path).resolve(), read_only, lock_timeout_seconds)
        file.find_or_make(create)
    except (OSError, ValueError, RuntimeError) as error:  # a closed directory, a NUL, a circle of links
        why = getattr(error, "strerror", None) or error
        raise Refused("store_failed", f"{url}: cannot be read: {why}") from error
    return SQLiteStore(file)


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


class SQLiteStore:
    """A `ledger.store.Store` in one SQLite file."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self._closed = False
        self._idle: list[sqlite3.Connection] = []  # list.pop and append are atomic: readers share no lock
        self._writer: sqlite3.Connection | None = None
        self._write_lock = threading.Lock()
        self._queue = WriterQueue(file.path)  # between processes; whoever holds the lock above may stand in it
        self._writing: int | None = None  # the thread that holds the write lock
        self._recorder: LedgerRecorder | None = None
        self._recorder_lock = threading.Lock()
        self._ask(sql.check_schema)

    @property
    def url(self) -> str:
        return self._file.url

    def last(self) -> Row | None:
        return self._ask(sql.last_row)

    def read(self, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()) -> list[Row]:
        return self._ask(sql.page_rows, start, limit, stop, topics)

    def columns(self, start: int, limit: int) -> Columns:
        return self._ask(sql.page_columns, start, limit)

    def pages(
        self, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()
    ) -> Iterator[list[tuple[int, bytes]]]:
        while page := self._ask(sql.page_states, start, limit, stop, topics):
            yield page
            if len(page) < limit:
                return
            start = page[-1][0] + 1

    def lines(self, start: int, limit: int, stop: int | None = None) -> Lines:
        return self._ask(sql.page_lines, start, limit, stop)

    def stream_lines(self, stream: str, after_version: int, limit: int) -> Lines:
        return self._ask(sql.stream_lines, stream, after_version, limit)

    def read_stream(
        self, stream: str, after_version: int = 0, upto_position: int | None = None, limit: int | None = None
    ) -> list[Row]:
        return self._ask(sql.stream_rows, stream, after_version, upto_position, limit)

    def read_at(self, position: int) -> Row | None:
        rows = self._ask(sql.page_rows, position, 1, position) if position > 0 else []
        return rows[0] if rows else None

    def states_at(self, positions: Sequence[int]) -> list[tuple[int, bytes]]:
        return self._ask(sql.states_at, positions)

    def openings(self) -> list[Row]:
        return self._ask(sql.opening_rows)

    def tile(self, level: int, number: int) -> bytes | None:
        return self._ask(sqlite_tree.tile, level, number)

    def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
        return self._ask(sqlite_tree.tile_roots, level, first, count)

    def stat(self) -> dict[str, int | str]:
        last = self.last()
        return {"engine": "sqlite", "entries": last.position if last else 0, **self._file.stat()}

    @property
    def recorder(self) -> LedgerRecorder:
        """The library's recorder over the same table; imported when first asked for."""
        with self._recorder_lock:
            if self._recorder is None:
                from ledger.sqlite_recorder import LedgerDatastore, LedgerRecorder

                size = 0 if self._file.frozen else 5
                self._recorder = LedgerRecorder(LedgerDatastore(self._file.connect, pool_size=size))
            return self._recorder

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return self.recorder.subscribe(gt=gt, topics=topics)

    def write(self) -> SQLiteTransaction:
        return SQLiteTransaction(self._begin, self._end, partial(self._file.told, writing=True))

    def close(self) -> None:
        assert self._writing != threading.get_ident(), "this thread is writing still"
        if self._recorder is not None:
            self._recorder.datastore.close()
        with self._write_lock:  # a writer finishes first
            self._closed = True
            self._drop_writer()
            self._queue.close()
        self._close_idle()
        self._file.close()

    def _ask(self, question: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Puts a question to a connection nobody else uses meanwhile; one that failed is not used again."""
        assert not self._closed, "the store is closed"
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._file.connect()
        try:
            answer = question(connection, *args, **kwargs)
        except sqlite3.Error as error:
            connection.close()
            raise self._file.told(error) from error
        except BaseException:
            connection.close()
            raise
        if self._file.frozen:
            connection.close()
        else:
            self._idle.append(connection)
            if self._closed:  # meanwhile, by another thread
                self._close_idle()
        return answer

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _begin(self) -> sqlite3.Connection:
        """Takes the lock between threads, then the one between processes."""
        assert not self._closed, "the store is closed"
        assert self._writing != threading.get_ident(), "this thread is writing already"
        if self._file.read_only:
            raise self._file.refused("read_only", "it was opened for reading only")
        waited = self._file.lock_timeout_seconds
        if not self._write_lock.acquire(timeout=waited):
            raise self._file.refused("locked", f"another thread has been writing for {waited:g} s")
        try:
            if self._writer is None:
                self._writer = self._file.connect_writer()
            if self._file.is_moved():
                raise self._file.refused("store_failed", "the file was moved or replaced; open the ledger again")
            if not self._queue.enter(waited):
                raise self._file.refused("locked", f"other processes have been writing for {waited:g} s")
            self._writer.execute("BEGIN IMMEDIATE")
            self._writing = threading.get_ident()
        except BaseException as error:
            try:
                self._drop_writer()
                self._queue.leave()
            finally:
                self._writing = None
                self._write_lock.release()
            if isinstance(error, sqlite3.Error):
                raise self._file.told(error, writing=True) from error
            raise
        return self._writer

    def _end(self, commit: bool) -> None:
        """Commits or rolls back, and gives up the locks; what could not be committed is rolled back."""
        assert self._writer is not None
        try:
            self._writer.execute("COMMIT" if commit else "ROLLBACK")
        except sqlite3.Error as error:
            self._drop_writer()  # closing it rolls back
            if commit:
                raise self._file.told(error, writing=True) from error
        finally:
            self._writing = None
            try:
                self._queue.leave()
            finally:
                self._write_lock.release()

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
