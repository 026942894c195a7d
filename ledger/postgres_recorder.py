"""The `eventsourcing` library's own PostgreSQL recorder, pool and subscription, on the table of a ledger.

Its seams are kept and its statements replaced: positions are the table's and follow the head under its lock,
not a sequence's; inserting is by COPY, and the schema's triggers notify. A subscription listens before its
first reading, reads on after a broken connection where it had got to, and asks now and then on a standby,
which cannot listen. Errors are the library's own, except that a subscription that cannot go on is `Refused`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    InterfaceError,
    ListenNotifySubscription,
    Notification,
    OperationalError,
    PersistenceError,
    StoredEvent,
    Subscription,
)
from eventsourcing.postgres import (
    BasePostgresFactory,
    ConnectionPool,
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresFactory,
)
from eventsourcing.utils import Environment, EnvType, retry

from ledger.errors import Refused
from ledger.postgres_rows import append
from ledger.postgres_schema import CHANNEL, page_query
from ledger.postgres_store import Failure, LedgerServer
from ledger.store import NewRow, open_store

POOL_SIZE = 2  # connections kept; a burst may open `POOL_OVERFLOW` more for a while
POOL_OVERFLOW = 8
WAIT_SECONDS = 0.1  # for a notification, before a subscription looks whether it was stopped
POLL_SECONDS = 0.25  # how often it asks on a standby
RECONNECT_SECONDS = 30  # how long a subscription tries to get back to its server


class LedgerDatastore(PostgresDatastore):
    """The library's datastore over one ledger; stream names are its originator ids."""

    def __init__(self, server: LedgerServer) -> None:
        self.server = server
        self.subscriptions: set[LedgerSubscription] = set()
        super().__init__("", "", "", "", "", schema=server.schema, originator_id_type="text")
        self.pool = ConnectionPool(
            **server.pooled(),
            min_size=POOL_SIZE,
            max_size=POOL_SIZE + POOL_OVERFLOW,
            open=False,
            timeout=server.lock_timeout_seconds,
            reconnect_timeout=RECONNECT_SECONDS,
        )

    def register_type_adapters(self) -> None:
        """None: entries go in by COPY and need no composite type."""

    def close(self) -> None:
        """Ends every subscription, then closes the pool."""
        for subscription in tuple(self.__dict__.get("subscriptions", ())):
            subscription.end()
        super().close()


class LedgerRecorder(PostgresApplicationRecorder):
    """Records and reads the ledger's table the library's way; the same triggers and positions hold."""

    datastore: LedgerDatastore

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = "stored_events") -> None:
        assert isinstance(datastore, LedgerDatastore)
        super().__init__(datastore, events_table_name=events_table_name)

    def create_table(self) -> None:
        """Nothing: the ledger was made when it was opened, by `ledger.postgres_schema.make_schema`."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Appends in one transaction, and returns the positions. Not tried again by itself: see `Store.write`."""
        with self.datastore.transaction(commit=True) as curs:
            self._insert_events(curs, stored_events, **kwargs)
            curs.execute("SELECT take_head() AS head")
            (head,) = (curs.fetchone() or {}).values()
            curs.execute("SELECT coalesce(max(position), 0) AS last FROM stored_events")
            (last,) = (curs.fetchone() or {}).values()
            if head != last:
                raise IntegrityError(f"it ends at position {last}, its last was {head}: entries were cut off the end")
            if not stored_events:
                return []
            rows = [NewRow(str(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]
            first = append(curs.connection, rows, head)
        return list(range(first, first + len(rows)))

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def max_notification_id(self) -> int | None:
        """The last position, or None in an empty ledger."""
        with self.datastore.cursor() as curs:
            curs.execute("SELECT max(position) AS last FROM stored_events")
            found: int | None = (curs.fetchone() or {})["last"]
            return found

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
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
        with self.datastore.cursor() as curs:
            curs.execute(statement, parameters, binary=True)
            return [
                Notification(
                    id=row["position"],
                    originator_id=row["originator_id"],
                    originator_version=row["originator_version"],
                    topic=row["topic"],
                    state=row["state"],
                )
                for row in curs.fetchall()
            ]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Every entry after position `gt` (all), and each one committed from now on, by anybody."""
        return LedgerSubscription(self, gt=gt, topics=topics)


class LedgerSubscription(ListenNotifySubscription[LedgerRecorder]):
    """Listens, then reads, then waits to be told: what is committed in between is heard at the next look."""

    def __init__(self, recorder: LedgerRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        recorder.datastore.subscriptions.add(self)
        self._heard_at = 0  # tries to get back since the server was last heard
        super().__init__(recorder, gt=gt, topics=topics)

    def end(self) -> None:
        """Stops, and returns when no reading is under way any more."""
        self.stop()
        self._pull_thread.join()

    def _loop_on_pull(self) -> None:
        server = self._recorder.datastore.server
        try:
            while not self._has_been_stopped:
                try:
                    with closing(server.connect()) as connection:
                        self._follow(connection)
                except (Refused, PersistenceError, Failure) as error:
                    self._give_up_or_wait(error)
        except BaseException as error:
            if not self._has_been_stopped:
                self._thread_error = error
            self.stop()
        finally:
            self._recorder.datastore.subscriptions.discard(self)

    def _follow(self, connection: Any) -> None:
        listening = self._listen(connection)
        while not self._has_been_stopped:
            self._pull()
            self._heard_at = 0
            heard = False
            while listening and not heard and not self._has_been_stopped:
                heard = any(True for _ in connection.notifies(timeout=WAIT_SECONDS, stop_after=1))
            if not listening:
                self._has_been_notified.wait(POLL_SECONDS)  # set by `stop` alone
                listening = self._listen(connection)  # it may have been promoted

    def _listen(self, connection: Any) -> bool:
        """Whether the server will tell: a standby cannot."""
        standby, channel = connection.execute(CHANNEL).fetchone()
        if not standby:
            connection.execute(f"LISTEN {channel}")
        return not standby

    def _give_up_or_wait(self, error: BaseException) -> None:
        told = error if isinstance(error, Refused) else self._recorder.datastore.server.told(error.__cause__ or error)
        lost = isinstance(told, Refused) and told.code == "store_failed"
        self._heard_at += 1
        if not lost or self._heard_at > RECONNECT_SECONDS / WAIT_SECONDS:
            raise told from error
        self._has_been_notified.clear()
        self._has_been_notified.wait(WAIT_SECONDS)


class LedgerFactory(PostgresFactory):
    """For the library's applications and runners: `PERSISTENCE_MODULE=ledger.postgres_recorder:LedgerFactory`,
    `POSTGRES_DBNAME` the ledger's URL, `MAPPER_TOPIC=ledger.entry_mapper:EntryMapper`."""

    application_recorder_class = LedgerRecorder

    def __init__(self, env: Environment | EnvType | None) -> None:
        super(BasePostgresFactory, self).__init__(env)  # the settings of the one between are in the URL
        self._store = open_store(self.env.get(self.POSTGRES_DBNAME) or "", create=self.env_create_table())
        recorder = self._store.recorder
        assert isinstance(recorder, LedgerRecorder)
        self.datastore = recorder.datastore

    def close(self) -> None:
        """Closes the ledger with all that reads it."""
        self._store.close()
