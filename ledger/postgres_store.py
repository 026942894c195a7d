"""The append-only log on PostgreSQL: many writers in one queue, readers anywhere, standbys included.

`LedgerServer` knows the way to one ledger, a schema of a database, and opens connections to it.
`PostgresStore` writes on one connection of its own and reads on others, each lent to one question at a time;
one that broke is replaced at its next use. A writer whose connection breaks while it commits cannot know what
became of it: recording the same events again settles it, for what was kept is found and not written twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from shlex import quote as quote_word
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from ledger import postgres_schema as sql
from ledger import postgres_tree
from ledger.errors import Refused
from ledger.postgres_transaction import PostgresTransaction
from ledger.store import Columns, Lines, Row, shown

if TYPE_CHECKING:
    from eventsourcing.persistence import ApplicationRecorder, Subscription

    from ledger.postgres_recorder import LedgerRecorder

P = ParamSpec("P")
T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]
Failure = psycopg.Error

DEFAULT_SCHEMA = "service_ledger"
CONNECT_TIMEOUT_SECONDS = 10
LONGEST_NAME_BYTES = 63  # of a schema; PostgreSQL cuts longer ones in silence


def open_postgres(url: str, *, create: bool, read_only: bool, lock_timeout_seconds: float) -> PostgresStore:
    """Opens the ledger in a schema of a database; `ledger.store.open_store` says the rest.

    The URL is libpq's (its section "Connection URIs"), several hosts and `target_session_attrs` included.
    `schema=name` in it, or else the first of a `search_path` in its `options`, names the ledger: several live
    in one database. On a hot standby the ledger is read only.
    """
    server = LedgerServer(url, read_only, lock_timeout_seconds)
    server.find_or_make(create)
    return PostgresStore(server)


class LedgerServer:
    """The way to one ledger, and what is said of it; the password in its URL is never repeated."""

    def __init__(self, url: str, read_only: bool, lock_timeout_seconds: float) -> None:
        self.url = url
        self.shown = shown(url)
        self.read_only = read_only
        self.lock_timeout_seconds = lock_timeout_seconds
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.schema = query.pop("schema", "") or sql.search_path(query.get("options", "")) or DEFAULT_SCHEMA
        if len(self.schema.encode()) > LONGEST_NAME_BYTES or self.schema.startswith("pg_") or "\0" in self.schema:
            raise self.refused("no_ledger", f"{self.schema!r} can be no schema of a ledger")
        try:
            plain = urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))
            given = conninfo_to_dict(plain)
            self.conninfo = make_conninfo(
                plain,
                client_encoding="utf8",
                fallback_application_name="service-ledger",
                connect_timeout=given.get("connect_timeout") or CONNECT_TIMEOUT_SECONDS,
            )
        except psycopg.Error as error:
            raise self.refused("no_ledger", f"that is no URL of PostgreSQL ({error})") from error
        self.settings = sql.settings(self.schema, lock_timeout_seconds, read_only)

    def connect(self) -> Connection:
        """A new connection, for the caller to close. Raises `Refused`."""
        try:
            connection = psycopg.connect(self.conninfo, autocommit=True)
        except (psycopg.Error, OSError, ValueError) as error:
            raise sql.told(error, self.shown, connecting=True) from error
        try:
            self.configure(connection)
        except BaseException as error:
            connection.close()
            if isinstance(error, psycopg.Error):
                raise self.told(error) from error
            raise
        return connection

    def pooled(self) -> dict[str, Any]:
        """What the library's pool is to open its connections with."""
        options = {"row_factory": dict_row, "autocommit": True}
        return {"conninfo": self.conninfo, "kwargs": options, "configure": self.configure}

    def configure(self, connection: psycopg.Connection[Any]) -> None:
        """Says to a new connection what the ledger asks of each."""
        connection.execute(self.settings, prepare=False)

    def find_or_make(self, create: bool) -> None:
        """Raises `Refused` where there is no ledger (and none is to be made), or something else."""
        connection = self.connect()
        try:
            if not sql.stands(connection, self.schema):
                if not create:
                    made = f"make one with `service-ledger init {quote_word(self.shown)}`"
                    raise Refused("no_ledger", f"there is no ledger; {made}")
                sql.make_schema(connection, self.schema)
            version = sql.check_schema(connection)
            if version < sql.SCHEMA_VERSION and not self.read_only and not sql.in_recovery(connection):
                sql.migrate(connection)
        except psycopg.Error as error:
            raise self.told(error) from error
        except Refused as refused:
            raise self.refused(refused.code, refused.message) from None
        finally:
            connection.close()

    def refused(self, code: str, message: str) -> Refused:
        """A refusal that names this ledger, in one line whatever the server said."""
        return Refused(code, f"{self.shown}: {' '.join(message.split())}")

    def told(self, error: BaseException) -> Exception:
        """What PostgreSQL says of this ledger, as the ledger says it."""
        return sql.told(error, self.shown)


class PostgresStore:
    """A `ledger.store.Store` in one schema of a PostgreSQL database."""

    def __init__(self, server: LedgerServer) -> None:
        self._server = server
        self._closed = False
        self._idle: list[Connection] = []  # list.pop and append are atomic: readers share no lock
        self._writer: Connection | None = None
        self._warnings: list[str] = []  # what the server warned of on the writer's connection
        self._write_lock = threading.Lock()
        self._writing: int | None = None  # the thread that holds the write lock
        self._recorder: LedgerRecorder | None = None
        self._recorder_lock = threading.Lock()

    @property
    def url(self) -> str:
        return self._server.url

    def last(self) -> Row | None:
        return self._ask(sql.last_row)

    def read(self, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()) -> list[Row]:
        return self._ask(sql.page_rows, start, limit, stop, topics)

    def columns(self, start: int, limit: int) -> Columns:
        return Columns(*zip(*self.read(start, limit), strict=True))

    def pages(
        self, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()
    ) -> Iterator[list[tuple[int, bytes]]]:
        page = self._ask(sql.page_states, start, limit, stop, topics)
        if len(page) < limit:
            yield from filter(None, [page])
            return
        connection = self._server.connect()  # its own, for as long as somebody reads on
        try:
            yield from sql.pages_from(connection, page, limit, stop, topics)
        except psycopg.Error as error:
            raise self._server.told(error) from error
        finally:
            connection.close()

    def lines(self, start: int, limit: int, stop: int | None = None) -> Lines:
        return self._ask(sql.page_lines, start, limit, stop)

    @property
    def reads_apart(self) -> bool:
        return False  # another connection is dear, and the server is at work on other cores anyway

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
        return self._ask(postgres_tree.tile, level, number)

    def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
        return self._ask(postgres_tree.tile_roots, level, first, count)

    def stat(self) -> dict[str, int | str]:
        last = self.last()
        size, version, standby = self._ask(sql.stat)
        return {
            "engine": "postgresql",
            "entries": last.position if last else 0,
            "bytes": size,
            "schema_version": version,
            "access": "read_only" if standby or self._server.read_only else "read_write",
        }

    @property
    def recorder(self) -> LedgerRecorder:
        """The library's recorder over the same table; imported when first asked for."""
        with self._recorder_lock:
            if self._recorder is None:
                try:
                    from ledger.postgres_recorder import LedgerDatastore, LedgerRecorder
                except ImportError as error:  # the library's pool is a part of psycopg one installs by name
                    raise self._server.refused(
                        "missing_extra", f"this needs the extra `service-ledger[postgres]` ({error})"
                    ) from error
                self._recorder = LedgerRecorder(LedgerDatastore(self._server))
            return self._recorder

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return self.recorder.subscribe(gt=gt, topics=topics)

    def write(self) -> PostgresTransaction:
        return PostgresTransaction(self._begin, self._end, self._server.told)

    def close(self) -> None:
        assert self._writing != threading.get_ident(), "this thread is writing still"
        if self._recorder is not None:
            self._recorder.datastore.close()
        with self._write_lock:  # a writer finishes first
            self._closed = True
            self._drop_writer()
        self._close_idle()

    def _ask(self, question: Callable[Concatenate[sql.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Puts a question to a connection nobody else uses meanwhile; asked again if that one was broken before."""
        assert not self._closed, "the store is closed"
        while True:
            try:
                connection, kept = self._idle.pop(), True
            except IndexError:
                connection, kept = self._server.connect(), False
            try:
                answer = question(connection, *args, **kwargs)
            except psycopg.Error as error:
                broken = connection.broken or connection.closed
                connection.close()
                if not (kept and broken):
                    raise self._server.told(error) from error
            except BaseException:
                connection.close()
                raise
            else:
                self._idle.append(connection)
                if self._closed:  # meanwhile, by another thread
                    self._close_idle()
                return answer

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _begin(self) -> tuple[Connection, int, Row | None]:
        """Takes the lock between threads, then the one in the server; the connection, and what `sql.begin` gives."""
        assert not self._closed, "the store is closed"
        assert self._writing != threading.get_ident(), "this thread is writing already"
        if self._server.read_only:
            raise self._server.refused("read_only", "it was opened for reading only")
        waited = self._server.lock_timeout_seconds
        if not self._write_lock.acquire(timeout=waited):
            raise self._server.refused("locked", f"another thread has been writing for {waited:g} s")
        try:
            begun = self._take_head()
        except BaseException as error:
            self._drop_writer()
            self._write_lock.release()
            if isinstance(error, psycopg.Error):
                raise self._server.told(error) from error
            raise
        self._writing = threading.get_ident()
        return begun

    def _take_head(self) -> tuple[Connection, int, Row | None]:
        """Begins on the writer's connection; on a new one where that broke since it was used."""
        for kept in (self._writer is not None, False):
            if self._writer is None:
                self._writer = self._connect_writer()
            try:
                return self._writer, *sql.begin(self._writer)
            except psycopg.Error:
                if not (kept and self._writer.broken):
                    raise
                self._drop_writer()
        raise AssertionError("the second time it is not kept")

    def _connect_writer(self) -> Connection:
        connection = self._server.connect()
        (synced,) = connection.execute("SHOW fsync").fetchone() or ("",)
        if synced != "on":
            connection.close()
            raise self._server.refused(
                "store_failed", "the server runs with fsync off: what it acknowledges it may lose"
            )
        connection.add_notice_handler(self._warn)
        return connection

    def _warn(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            self._warnings.append(diagnostic.message_primary or "")

    def _end(self, commit: bool, sent: AbstractContextManager[object]) -> None:
        """Commits or rolls back, and gives up the locks. What could not be committed is rolled back, or not known.

        `sent` waits at its end for the answers to what was sent before; a COMMIT after what failed is passed over.

        A standby that does not answer makes the server wait; a wait cut short it only warns of, so that a
        warning is no acknowledgement (PostgreSQL's manual, "Synchronous Replication", "Planning for High
        Availability").
        """
        assert self._writer is not None
        self._warnings.clear()
        try:
            with sent:
                cursor = self._writer.execute("COMMIT" if commit else "ROLLBACK", prepare=False)
            done = cursor.statusmessage
            if commit and done != "COMMIT":
                raise self._server.refused("store_failed", f"the server answered {done} to COMMIT; nothing was written")
            if commit and self._warnings:
                raise self._server.refused("store_failed", f"{sql.NOT_REPLICATED} ({self._warnings[0]})")
        except psycopg.Error as error:
            unknown = self._writer.broken
            self._drop_writer()  # closing it rolls back
            if commit and unknown:
                raise self._server.refused("store_failed", f"{sql.UNKNOWN_OUTCOME} ({error})") from error
            if commit:
                raise self._server.told(error) from error
        finally:
            self._writing = None
            self._write_lock.release()

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
