"""The library's own recorder cases on our recorder, and its runner and subscriptions on a ledger's file."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import ConnectionPoolClosedError, IntegrityError, OperationalError, StoredEvent, Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner

from ledger.codec import Entry
from ledger.entry_mapper import EntryMapper
from ledger.errors import Refused
from ledger.events import OutageStarted
from ledger.sqlite_file import connect
from ledger.sqlite_recorder import LedgerDatastore, LedgerRecorder
from ledger.sqlite_store import SQLiteStore, open_sqlite
from ledger.store import NewRow
from tests.story import instant

with pytest.MonkeyPatch.context() as patch:
    # the library's cases import its cipher, which wants pycryptodome, and none of those run here uses it
    cipher = ModuleType("eventsourcing.cipher")
    patch.setattr(cipher, "AESCipher", None, raising=False)
    patch.setitem(sys.modules, "eventsourcing.cipher", cipher)
    from eventsourcing.tests import persistence as library

ROOT = Path(__file__).parents[1]
NAMES = count()


def opened(path: Path, **options: Any) -> SQLiteStore:
    return open_sqlite(
        str(path), str(path), **{"create": True, "read_only": False, "lock_timeout_seconds": 5} | options
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = opened(tmp_path / "book.db")
    yield store
    store.close()


def event(version: int, stream: str = "s", topic: str = "t") -> StoredEvent:
    return StoredEvent(originator_id=stream, originator_version=version, topic=topic, state=b"{}")


# --- the library's cases ---


class OnFile:
    """A recorder over a fresh file, as a store gives it."""

    def new_originator_id(self) -> str:
        return f"contract:{uuid4()}"

    def create_recorder(self) -> LedgerRecorder:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)  # type: ignore[attr-defined]
        store = opened(Path(directory.name) / "book.db")
        self.addCleanup(store.close)  # type: ignore[attr-defined]
        return store.recorder


class InMemory(OnFile):
    """A recorder over a database in memory, which readers and writers use by turns."""

    def create_recorder(self) -> LedgerRecorder:
        name = f"file:ledger{next(NAMES)}?mode=memory&cache=shared"
        datastore = LedgerDatastore(lambda: connect(name, 5), db_name=name)
        self.addCleanup(datastore.close)  # type: ignore[attr-defined]
        recorder = LedgerRecorder(datastore)
        recorder.create_table()
        return recorder


class SilentAboutPositions(LedgerRecorder):
    """The aggregate case wants no positions back, as from a recorder that has none."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class TestApplicationRecorderOnFile(OnFile, library.ApplicationRecorderTestCase[LedgerRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderInMemory(InMemory, library.ApplicationRecorderTestCase[LedgerRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestAggregateRecorderOnFile(OnFile, library.AggregateRecorderTestCase):
    def create_recorder(self) -> LedgerRecorder:
        return SilentAboutPositions(super().create_recorder().datastore)


class TestAggregateRecorderInMemory(InMemory, library.AggregateRecorderTestCase):
    def create_recorder(self) -> LedgerRecorder:
        return SilentAboutPositions(super().create_recorder().datastore)


class TestNonInterleavingOnFile(OnFile, library.NonInterleavingNotificationIDsBaseCase):
    pass


class TestNonInterleavingInMemory(InMemory, library.NonInterleavingNotificationIDsBaseCase):
    pass


# --- the recorder beside the store ---


def test_what_one_writes_the_other_reads(store: SQLiteStore) -> None:
    assert store.recorder.insert_events([event(1), event(2)]) == [1, 2]
    with store.write() as transaction:
        assert transaction.insert([NewRow("s", 3, "t", b"{}")]) == 3
    assert [row.version for row in store.read_stream("s")] == [1, 2, 3]
    assert [n.id for n in store.recorder.select_notifications(None, 10)] == [1, 2, 3]
    assert [e.originator_version for e in store.recorder.select_events("s", gt=1, lte=3, desc=True)] == [3, 2]
    assert store.recorder.insert_events([event(4)]) == [4]


def test_the_recorder_obeys_the_same_order_of_versions(store: SQLiteStore) -> None:
    store.recorder.insert_events([event(1)])
    with pytest.raises(IntegrityError, match="only follows"):
        store.recorder.insert_events([event(3)])
    assert store.recorder.max_notification_id() == 1


def test_the_recorder_misses_entries_cut_off_the_end(store: SQLiteStore) -> None:
    store.recorder.insert_events([event(1), event(2)])
    with closing(store._file.connect()) as connection:
        connection.execute("DROP TRIGGER entries_are_never_removed")
        connection.execute("DELETE FROM stored_events WHERE position = 2")
    with pytest.raises(IntegrityError, match="cut off"):
        store.recorder.insert_events([event(2)])
    assert store.recorder.max_notification_id() == 1


def test_the_recorder_and_the_store_write_by_turns(store: SQLiteStore) -> None:
    def append() -> None:
        for version in range(1, 101):
            with store.write() as transaction:
                transaction.insert([NewRow("other", version, "t", b"")])

    thread = threading.Thread(target=append)
    thread.start()
    for version in range(1, 101):
        store.recorder.insert_events([event(version)])
    thread.join()
    assert [row.position for row in store.read(1, 1000)] == list(range(1, 201))


def test_making_the_table_again_changes_nothing(store: SQLiteStore) -> None:
    store.recorder.insert_events([event(1)])
    store.recorder.create_table()
    assert store.recorder.max_notification_id() == 1


def test_a_recorder_kept_waiting_for_the_lock_says_so_as_the_library_does(tmp_path: Path) -> None:
    store = opened(tmp_path / "book.db", lock_timeout_seconds=0.05)
    with store.write(), pytest.raises(OperationalError, match="locked"):
        store.recorder.insert_events([event(1)])
    assert store.recorder.insert_events([event(1)]) == [1]
    store.close()


def test_a_recorder_that_writes_holds_the_lock_before_it_looks(tmp_path: Path) -> None:
    store = opened(tmp_path / "book.db", lock_timeout_seconds=0.05)
    with store.recorder.datastore.transaction(commit=True), pytest.raises(Refused, match="locked"), store.write():
        pass
    store.close()


def test_every_connection_of_the_pool_waits_for_the_disk(store: SQLiteStore) -> None:
    with store.recorder.datastore.transaction(commit=False) as c:
        c.execute("PRAGMA synchronous")
        assert c.fetchone() == (2,), "FULL"


def test_a_connection_lent_while_the_store_closes_is_closed_by_its_user(tmp_path: Path) -> None:
    store = opened(tmp_path / "book.db")
    store.recorder.insert_events([event(1)])
    with store.recorder.datastore.get_connection(commit=False) as lent:
        store.close()
        lent.cursor().execute("SELECT * FROM stored_events")
        assert not lent.closed
    assert lent.closed
    with pytest.raises(ConnectionPoolClosedError):
        store.recorder.max_notification_id()


# --- subscriptions ---


def follow(store: SQLiteStore, expected: int, **options: Any) -> tuple[list[int], threading.Thread]:
    """A thread that collects the positions of a subscription until it has `expected` of them."""
    seen: list[int] = []

    def run() -> None:
        with store.subscribe(**options) as subscription:
            seen.extend(n.id for n in islice(subscription, expected))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return seen, thread


def test_a_subscription_hears_what_another_thread_commits(store: SQLiteStore) -> None:
    store.recorder.insert_events([event(1)])
    seen, thread = follow(store, 4, gt=0)
    for version in (2, 3):
        with store.write() as transaction:
            transaction.insert([NewRow("s", version, "t", b"{}")])
    store.recorder.insert_events([event(4)])
    thread.join(5)
    assert seen == [1, 2, 3, 4]


def test_a_subscription_hears_only_its_topics_after_its_position(store: SQLiteStore) -> None:
    store.recorder.insert_events([event(1, topic="a"), event(2, topic="a"), event(3, topic="b")])
    seen, thread = follow(store, 2, gt=1, topics=["a"])
    store.recorder.insert_events([event(4, topic="b"), event(5, topic="a")])
    thread.join(5)
    assert seen == [2, 5]


APPENDER = """
import sys
from ledger.store import NewRow, open_store
store = open_store(sys.argv[1], create=False)
for version in range(1, 4):
    with store.write() as transaction:
        transaction.insert([NewRow("s", version, "t", b"{}")])
store.close()
"""


def test_a_subscription_hears_what_another_process_commits(store: SQLiteStore) -> None:
    seen, thread = follow(store, 3)
    subprocess.run([sys.executable, "-c", APPENDER, store.url], cwd=ROOT, check=True, timeout=30)
    thread.join(5)
    assert seen == [1, 2, 3]


def test_a_waiting_subscription_stops_at_once(store: SQLiteStore) -> None:
    with store.subscribe() as subscription:
        threading.Timer(0.1, subscription.stop).start()
        started = time.perf_counter()
        assert list(subscription) == []
    assert time.perf_counter() - started < 1


def test_closing_the_store_ends_its_subscriptions(tmp_path: Path) -> None:
    store = opened(tmp_path / "book.db")
    with store.subscribe() as subscription:
        threading.Timer(0.1, store.close).start()
        assert list(subscription) == []
    assert not store.recorder.datastore.subscriptions


def test_a_subscription_whose_file_went_wrong_says_so(tmp_path: Path) -> None:
    store = opened(path := tmp_path / "book.db")
    store.recorder.insert_events([event(1)])
    store.close()
    with path.open("r+b") as file:  # every page but the first, which holds the schema
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    store = opened(path)
    with pytest.raises(Refused, match="damaged_ledger"), store.subscribe() as subscription:
        next(subscription)
    path.rename(tmp_path / "away.db")
    with pytest.raises(Refused, match="store_failed"), store.subscribe() as subscription:
        next(subscription)
    store.close()


# --- the library's runner ---


class Ledgers(Application[str]):
    name = "ledger"


class Counted(POPOTrackingRecorder):
    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []


class Counting(Projection[Counted]):
    name = "counting"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.entries.append(domain_event)
        self.view.insert_tracking(tracking)


def outage(version: int) -> Entry:
    at = instant("2026-03-03T09:00:00Z")
    return Entry(
        stream="contract:C1", version=version, recorded_at=at, recorded_by="test", source="t", id=f"e{version}",
        salt="00" * 16, event=OutageStarted(outage=f"O{version}", environment="production", effect="no_access", at=at),
    )  # fmt: skip


@pytest.fixture
def record(store: SQLiteStore) -> Callable[[int], Entry]:
    def one(version: int) -> Entry:
        stored = EntryMapper().to_stored_event(entry := outage(version))
        with store.write() as transaction:
            transaction.insert([NewRow(entry.stream, version, stored.topic, stored.state)])
        return entry

    return one


def test_a_projection_of_the_library_follows_the_ledger_live(
    store: SQLiteStore, record: Callable[[int], Entry]
) -> None:
    before = record(1)
    env = {
        "PERSISTENCE_MODULE": "ledger.sqlite_recorder:LedgerFactory",
        "SQLITE_DBNAME": store.url,
        "MAPPER_TOPIC": "ledger.entry_mapper:EntryMapper",
        "COUNTING_PERSISTENCE_MODULE": "eventsourcing.popo",
    }
    with ProjectionRunner(application_class=Ledgers, projection_class=Counting, view_class=Counted, env=env) as runner:
        after = record(2)
        runner.wait(2, timeout=5)
        assert [(e.id, e.event) for e in runner.projection.view.entries] == [(e.id, e.event) for e in (before, after)]
