"""The `eventsourcing` library's own recorder, pool and subscription, on the table of a ledger in SQLite.

What the library lacks there is added: writers take the write lock before they look (`BEGIN IMMEDIATE`),
positions are the table's and not an implicit rowid, and there are subscriptions, which hear of any commit,
of this process or another. Errors are the library's own, except that a file that cannot be opened, or a
subscription that cannot go on, is `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    PersistenceError,
    StoredEvent,
    Subscription,
)
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
    SQLiteTransaction,
)
from eventsourcing.utils import Environment, EnvType

from ledger.sqlite_schema import INSERT, make_schema, page_query, told
from ledger.store import LOCK_TIMEOUT_SECONDS, open_store

POLL_SECONDS = 0.02  # how often a subscription asks whether anybody committed

Connect = Callable[[], Any]  # gives a new `sqlite3.Connection`, opened as the ledger opens all of its own


class LedgerTransaction(SQLiteTransaction):
    """A library transaction that takes the write lock before it reads what it will follow."""

    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE" if self.commit else "BEGIN")
        except Exception as error:
            self.__exit__(type(error), error, error.__traceback__)  # raises it as the library's own
            raise
        return cursor


class LedgerConnection(SQLiteConnection):
    """A library connection whose transactions are `LedgerTransaction`s."""

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        with LedgerTransaction(self, commit=commit) as cursor, cursor:
            yield cursor


class LedgerPool(SQLiteConnectionPool):
    """The library's pool, of the ledger's connections; one that is lent when the pool closes is closed on return.

    The library closes lent connections at once, under the thread that uses them: Python 3.11 crashes on that.
    """

    def __init__(self, connect: Connect, db_name: str, timeout_seconds: float, size: int) -> None:
        self.connect = connect
        super().__init__(db_name=db_name, pool_size=size, pool_timeout=timeout_seconds)

    def _create_connection(self) -> SQLiteConnection:
        return LedgerConnection(self.connect(), max_age=self.max_age)

    def put_connection(self, conn: SQLiteConnection) -> None:
        with self._put_condition:  # re-entrant
            if self._closed:
                conn.close()
            else:
                super().put_connection(conn)

    def close(self) -> None:
        with self._put_condition:
            self._in_use = {}
            super().close()


class LedgerDatastore(SQLiteDatastore):
    """The library's datastore over one ledger; stream names are its originator ids.

    `db_name` tells the library of a database in memory, where readers and writers exclude each other.
    """

    pool: LedgerPool

    def __init__(
        self,
        connect: Connect,
        *,
        db_name: str = "",
        lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
        pool_size: int = 5,
    ) -> None:
        self.subscriptions: set[LedgerSubscription] = set()
        super().__init__(db_name, originator_id_type="text")
        self.pool = LedgerPool(connect, db_name, lock_timeout_seconds, pool_size)

    def close(self) -> None:
        """Ends every subscription, then closes the pool."""
        for subscription in tuple(self.subscriptions):
            subscription.end()
        super().close()


class LedgerRecorder(SQLiteApplicationRecorder):
    """Records and reads the ledger's table the library's way; the same triggers and positions hold."""

    datastore: LedgerDatastore

    def __init__(self, datastore: SQLiteDatastore, events_table_name: str = "stored_events") -> None:
        assert isinstance(datastore, LedgerDatastore)
        super().__init__(datastore, events_table_name)
        self.insert_events_statement = INSERT

    def _create_table(self, c: SQLiteCursor) -> None:
        make_schema(c.sqlite_cursor)

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        last = self._max_notification_id(c) or 0
        positions = super()._insert_events(c, stored_events, **kwargs)
        if positions != list(range(last + 1, last + 1 + len(stored_events))):
            raise IntegrityError(f"positions {positions} do not follow {last}: entries were cut off the end")
        return positions

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The entries of a stream after version `gt`, up to `lte` included, the last first if `desc`."""
        statement = "SELECT originator_version, topic, state FROM stored_events WHERE originator_id = ?"
        statement += "" if gt is None else f" AND originator_version > {gt:d}"
        statement += "" if lte is None else f" AND originator_version <= {lte:d}"
        statement += " ORDER BY originator_version" + (" DESC" if desc else "")
        statement += "" if limit is None else f" LIMIT {limit:d}"
        with self.datastore.transaction(commit=False) as c:
            c.execute(statement, (originator_id,))
            return [
                StoredEvent(originator_id=originator_id, originator_version=version, topic=topic, state=state)
                for version, topic, state in c.fetchall()
            ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """At most `limit` entries from `start` (or after it) to `stop` included, of these topics (all)."""
        statement, parameters = page_query((start or 0) + (not inclusive_of_start), limit, stop, topics)
        with self.datastore.transaction(commit=False) as c:
            c.execute(statement, parameters)
            return [
                Notification(id=position, originator_id=stream, originator_version=version, topic=topic, state=state)
                for position, stream, version, topic, state in c.fetchall()
            ]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Every entry after position `gt` (all), and each one committed from now on, by anybody.

        Of a `frozen` ledger, which others cannot be heard to write, only what it holds now.
        """
        return LedgerSubscription(self, gt=gt, topics=topics)


class LedgerSubscription(ListenNotifySubscription[LedgerRecorder]):
    """Reads whenever the file says that somebody committed: SQLite counts the commits of others in `data_version`.

    The count is taken before each reading, so that a commit during it is heard at the next look.
    """

    def __init__(self, recorder: LedgerRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        recorder.datastore.subscriptions.add(self)
        super().__init__(recorder, gt=gt, topics=topics)

    def end(self) -> None:
        """Stops, and returns when no reading is under way any more."""
        self.stop()
        self._pull_thread.join()

    def _loop_on_pull(self) -> None:
        try:
            with closing(self._recorder.datastore.pool.connect()) as watch:
                seen: int | None = None
                while not self._has_been_stopped:
                    (commits,) = watch.execute("PRAGMA data_version").fetchone()
                    if commits != seen:
                        self._pull()
                        seen = commits
                    self._has_been_notified.wait(POLL_SECONDS)  # set by `stop` alone
        except BaseException as error:
            if not self._has_been_stopped:
                failed = error.__cause__ if isinstance(error, PersistenceError) else error
                self._thread_error = told(failed, "subscription") if hasattr(failed, "sqlite_errorcode") else error
            self.stop()
        finally:
            self._recorder.datastore.subscriptions.discard(self)


class LedgerFactory(SQLiteFactory):
    """For the library's applications and runners: `PERSISTENCE_MODULE=ledger.sqlite_recorder:LedgerFactory`,
    `SQLITE_DBNAME` the ledger's path, `MAPPER_TOPIC=ledger.entry_mapper:EntryMapper`."""

    application_recorder_class = LedgerRecorder

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self._store = open_store(self.env.get(self.SQLITE_DBNAME) or "", create=self.env_create_table())
        recorder = self._store.recorder
        assert isinstance(recorder, LedgerRecorder)
        self.datastore = recorder.datastore

    def close(self) -> None:
        """Closes the ledger with all that reads it."""
        self._store.close()
