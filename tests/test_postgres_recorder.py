"""The library's own recorder cases on PostgreSQL, and its runner and subscriptions on a ledger there."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError
from eventsourcing.projection import ProjectionRunner

from ledger.codec import Entry
from ledger.entry_mapper import EntryMapper
from ledger.errors import Refused
from ledger.postgres_recorder import LedgerRecorder
from ledger.postgres_store import PostgresStore, open_postgres
from ledger.store import NewRow
from tests.postgres import cut_connections, fresh_schema, meddling, shared_url
from tests.test_sqlite_recorder import APPENDER, Counted, Counting, Ledgers, event, library, outage

ROOT = Path(__file__).parents[1]


def opened(url: str, **options: Any) -> PostgresStore:
    return open_postgres(url, **{"create": True, "read_only": False, "lock_timeout_seconds": 5} | options)


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_schema(shared_url()) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = opened(url)
    yield store
    store.close()


# --- the library's cases ---


class OnServer:
    """A recorder over a fresh schema, as a store gives it."""

    def new_originator_id(self) -> str:
        return f"contract:{uuid4()}"

    def create_recorder(self) -> LedgerRecorder:
        stack = ExitStack()
        self.addCleanup(stack.close)  # type: ignore[attr-defined]
        store = opened(stack.enter_context(fresh_schema(shared_url())))
        stack.callback(store.close)
        return store.recorder


class TestApplicationRecorderOnServer(OnServer, library.ApplicationRecorderTestCase[LedgerRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class SilentAboutPositions(LedgerRecorder):
    """The aggregate case wants no positions back, as from a recorder that has none."""

    def insert_events(self, *args: Any, **kwargs: Any) -> None:
        super().insert_events(*args, **kwargs)


class TestAggregateRecorderOnServer(OnServer, library.AggregateRecorderTestCase):
    def create_recorder(self) -> LedgerRecorder:
        return SilentAboutPositions(super().create_recorder().datastore)


class TestNonInterleavingOnServer(OnServer, library.NonInterleavingNotificationIDsBaseCase):
    pass


# --- the recorder beside the store ---


def test_what_one_writes_the_other_reads(store: PostgresStore) -> None:
    assert store.recorder.insert_events([event(1), event(2)]) == [1, 2]
    with store.write() as transaction:
        assert transaction.insert([NewRow("s", 3, "t", b"{}")]) == 3
    assert [row.version for row in store.read_stream("s")] == [1, 2, 3]
    assert [n.id for n in store.recorder.select_notifications(None, 10)] == [1, 2, 3]
    assert [e.originator_version for e in store.recorder.select_events("s", gt=1, lte=3, desc=True)] == [3, 2]
    assert store.recorder.insert_events([event(4)]) == [4]
    assert store.recorder.insert_events([]) == []
    store.recorder.create_table()
    assert store.recorder.max_notification_id() == 4


def test_the_recorder_obeys_the_same_order_of_versions(store: PostgresStore) -> None:
    store.recorder.insert_events([event(1)])
    for wrong in (1, 3):
        with pytest.raises(IntegrityError):
            store.recorder.insert_events([event(wrong)])
    assert store.recorder.max_notification_id() == 1


def test_the_recorder_misses_entries_cut_off_the_end(store: PostgresStore, url: str) -> None:
    store.recorder.insert_events([event(1), event(2)])
    with meddling(shared_url(), store._server.schema) as raw:
        raw.execute("ALTER TABLE stored_events DISABLE TRIGGER entries_never_change")
        raw.execute("DELETE FROM stored_events WHERE position = 2")
    with pytest.raises(IntegrityError, match="cut off"):
        store.recorder.insert_events([event(2)])
    assert store.recorder.max_notification_id() == 1


def test_a_recorder_kept_waiting_for_the_lock_says_so_as_the_library_does(url: str) -> None:
    store = opened(url, lock_timeout_seconds=0.3)
    with store.write(), pytest.raises(OperationalError, match="lock timeout"):
        store.recorder.insert_events([event(1)])
    assert store.recorder.insert_events([event(1)]) == [1]
    store.close()


def test_every_connection_of_the_pool_waits_for_the_disk(store: PostgresStore) -> None:
    with store.recorder.datastore.transaction(commit=False) as c:
        c.execute("SHOW synchronous_commit")
        assert (c.fetchone() or {})["synchronous_commit"] == "on"


# --- subscriptions ---


def follow(store: PostgresStore, expected: int, **options: Any) -> tuple[list[int], threading.Thread]:
    """A thread that collects the positions of a subscription until it has `expected` of them."""
    seen: list[int] = []

    def run() -> None:
        with store.subscribe(**options) as subscription:
            seen.extend(n.id for n in islice(subscription, expected))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return seen, thread


def test_a_subscription_hears_only_its_topics_after_its_position(store: PostgresStore) -> None:
    store.recorder.insert_events([event(1, topic="a"), event(2, topic="a"), event(3, topic="b")])
    seen, thread = follow(store, 2, gt=1, topics=["a"])
    store.recorder.insert_events([event(4, topic="b"), event(5, topic="a")])
    thread.join(5)
    assert seen == [2, 5]


def test_a_subscription_hears_what_another_process_commits(store: PostgresStore) -> None:
    seen, thread = follow(store, 3)
    subprocess.run([sys.executable, "-c", APPENDER, store.url], cwd=ROOT, check=True, timeout=30)
    thread.join(5)
    assert seen == [1, 2, 3]


def test_what_is_committed_between_the_first_reading_and_the_wait_is_heard(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = store.recorder.select_notifications
    late = iter([1])

    def select(*args: Any, **kwargs: Any) -> Any:
        found = read(*args, **kwargs)
        for version in late:  # once, when the first reading is over and before the wait begins
            store.recorder.insert_events([event(version)])
        return found

    monkeypatch.setattr(store.recorder, "select_notifications", select)
    seen, thread = follow(store, 1)
    thread.join(5)
    assert seen == [1]


def test_a_waiting_subscription_stops_soon(store: PostgresStore) -> None:
    with store.subscribe() as subscription:
        threading.Timer(0.1, subscription.stop).start()
        started = time.perf_counter()
        assert list(subscription) == []
    assert time.perf_counter() - started < 2


def test_closing_the_store_ends_its_subscriptions(url: str) -> None:
    store = opened(url)
    with store.subscribe() as subscription:
        threading.Timer(0.1, store.close).start()
        assert list(subscription) == []
    assert not store.recorder.datastore.subscriptions


def test_a_subscription_whose_connections_are_cut_goes_on_where_it_was(store: PostgresStore) -> None:
    store.recorder.insert_events([event(1)])
    with store.subscribe() as subscription:
        assert next(subscription).id == 1
        cut_connections(shared_url(), store._server.schema)
        with meddling(shared_url(), store._server.schema) as raw:
            raw.execute("INSERT INTO stored_events VALUES (2, 's', 2, 't', '')")
        assert next(subscription).id == 2
        with store.write() as transaction:
            transaction.insert([NewRow("s", 3, "t", b"{}")])
        assert next(subscription).id == 3


def test_a_subscription_whose_ledger_is_gone_says_so(store: PostgresStore) -> None:
    with meddling(shared_url(), "public") as raw:
        raw.execute(f"DROP SCHEMA {store._server.schema} CASCADE")
    with pytest.raises(Refused, match="damaged_ledger"), store.subscribe() as subscription:
        next(subscription)


# --- the library's runner ---


@pytest.fixture
def record(store: PostgresStore) -> Callable[[int], Entry]:
    def one(version: int) -> Entry:
        stored = EntryMapper().to_stored_event(entry := outage(version))
        with store.write() as transaction:
            transaction.insert([NewRow(entry.stream, version, stored.topic, stored.state)])
        return entry

    return one


def test_a_projection_of_the_library_follows_the_ledger_live(
    store: PostgresStore, record: Callable[[int], Entry]
) -> None:
    before = record(1)
    env = {
        "PERSISTENCE_MODULE": "ledger.postgres_recorder:LedgerFactory",
        "POSTGRES_DBNAME": store.url,
        "MAPPER_TOPIC": "ledger.entry_mapper:EntryMapper",
        "COUNTING_PERSISTENCE_MODULE": "eventsourcing.popo",
    }
    with ProjectionRunner(application_class=Ledgers, projection_class=Counting, view_class=Counted, env=env) as runner:
        after = record(2)
        runner.wait(2, timeout=5)
        assert [(e.id, e.event) for e in runner.projection.view.entries] == [(e.id, e.event) for e in (before, after)]
