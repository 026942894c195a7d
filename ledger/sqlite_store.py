"""The append-only log on SQLite: one writer under a lock, readers that wait for nobody.

The store writes on one connection of its own, and reads on others, each lent to one question at a time. The
library's recorder (`ledger.sqlite_recorder`) works beside them on the same table, through its own pool.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from ledger import sqlite_schema as sql
from ledger import sqlite_tree
from ledger.errors import Refused
from ledger.sqlite_checkpoint import BY_ITSELF, NEVER_BY_ITSELF, Checkpointing
from ledger.sqlite_file import LedgerFile
from ledger.sqlite_queue import WriterQueue
from ledger.sqlite_transaction import SQLiteTransaction
from ledger.store import Columns, Lines, Row

if TYPE_CHECKING:
    from eventsourcing.persistence import ApplicationRecorder, Subscription

    from ledger.sqlite_recorder import LedgerRecorder

P = ParamSpec("P")
T = TypeVar("T")


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


class SQLiteStore:
    """A `ledger.store.Store` in one SQLite file."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self._closed = False
        self._idle: list[sqlite3.Connection] = []  # list.pop and append are atomic: readers share no lock
        self._writer: sqlite3.Connection | None = None
        self._write_lock = threading.Lock()
        self._checkpointing = Checkpointing(file.connect_again)
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

    @property
    def reads_apart(self) -> bool:
        return not self._file.frozen

    def last_version(self, stream: str) -> int:
        return self._ask(sql.last_version, stream)

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
            self._checkpointing.settle()
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
            self._checkpointing.settle()
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

    def _end(self, commit: bool, long: bool) -> None:
        """Commits or rolls back, and gives up the locks; what could not be committed is rolled back.

        After a `long` batch the -wal is emptied beside.
        """
        assert self._writer is not None
        try:
            if commit and long:
                self._writer.execute(NEVER_BY_ITSELF)
            self._writer.execute("COMMIT" if commit else "ROLLBACK")
            if commit and long:
                self._writer.execute(BY_ITSELF)
                self._checkpointing.begin()
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
