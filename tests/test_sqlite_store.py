"""One SQLite file under crashes, threads, processes, full disks, closed directories and strange contents."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import IntegrityError

from ledger import sqlite_schema as sql
from ledger.errors import Refused
from ledger.sqlite_store import SQLiteStore, open_sqlite
from ledger.store import NewRow

ROOT = Path(__file__).parents[1]
NOBODY = 65534


def opened(path: Path, **options: Any) -> SQLiteStore:
    return open_sqlite(
        str(path), str(path), **{"create": True, "read_only": False, "lock_timeout_seconds": 5} | options
    )


def rows(first: int, count: int = 1, stream: str = "s", topic: str = "t") -> list[NewRow]:
    return [NewRow(stream, version, topic, b"%d" % version) for version in range(first, first + count)]


def append(store: SQLiteStore, first: int, count: int = 1, stream: str = "s") -> int:
    with store.write() as transaction:
        return transaction.insert(rows(first, count, stream))


def positions(store: SQLiteStore) -> list[int]:
    return [row.position for row in store.read(1, 1_000_000)]


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        act()
    assert "Traceback" not in refused.value.message
    return refused.value.code


def script(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, **options)


def outputs(*processes: subprocess.Popen[str]) -> list[str]:
    found = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return found


def died(process: subprocess.Popen[str]) -> list[str]:
    """The lines a process had printed when it was killed, by itself if not before."""
    lines = process.communicate(timeout=60)[0].split("\n")[:-1]
    assert process.returncode == -signal.SIGKILL
    return lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = opened(path)
    yield store
    store.close()


# --- appending and reading ---


def test_a_new_ledger_holds_nothing(store: SQLiteStore) -> None:
    assert store.last() is None
    assert store.read(1, 10) == store.openings() == store.read_stream("s") == []
    assert store.read_at(1) is store.read_at(0) is None
    assert store.stat()["entries"] == 0


def test_entries_at_positions_come_in_order_and_those_that_are_not_there_do_not(store: SQLiteStore) -> None:
    append(store, 1, 5, "a")
    assert store.states_at([4, 2, 9, 0]) == [(row.position, row.state) for row in store.read(1, 9) if row.position in (2, 4)]
    assert store.states_at([]) == []


def test_columns_are_the_rows_column_by_column(store: SQLiteStore) -> None:
    assert store.columns(1, 5) == ((), (), (), (), ())
    append(store, 1, 3, "a")
    assert store.columns(2, 5) == tuple(zip(*store.read(2, 5), strict=True))


def test_positions_follow_each_other_across_transactions_and_streams(store: SQLiteStore) -> None:
    assert append(store, 1, 3, "a") == 1
    with store.write() as transaction:
        assert transaction.last() == store.last()
        assert transaction.insert(rows(1, 2, "b")) == 4
        assert transaction.insert(rows(4, 1, "a")) == 6
        assert [row.version for row in transaction.tail("a", 2)] == [3, 4], "a writer sees what it inserted"
        last = transaction.last()
    assert last == store.last() == store.read_at(6)
    assert positions(store) == [1, 2, 3, 4, 5, 6]
    assert [row.position for row in store.read_stream("a")] == [1, 2, 3, 6]
    assert [row.version for row in store.read_stream("a", 1, upto_position=5)] == [2, 3]
    assert [row.version for row in store.read_stream("a", 1, upto_position=6, limit=2)] == [2, 3]
    assert [row.version for row in store.read_stream("a", 1, upto_position=6)] == [2, 3, 4]


def test_openings_are_those_topics_alone(store: SQLiteStore) -> None:
    with store.write() as transaction:
        transaction.insert(
            [*rows(1, 1, "a", "contract_started"), *rows(2, 5, "a"), *rows(7, 1, "a", "service_assigned")]
        )
        transaction.insert(rows(1, 1, "b", "service_started"))
    assert [row.position for row in store.openings()] == [1, 7, 8]


def test_what_it_holds_is_there_when_opened_again(path: Path) -> None:
    store = opened(path)
    append(store, 1, 3)
    store.close()
    store.close()
    assert [p.name for p in path.parent.iterdir()] == ["book.db"], "closed, a ledger is one file"
    store = opened(path, create=False)
    assert append(store, 4) == 4
    assert store.stat() | {"bytes": 0} == {
        "engine": "sqlite", "entries": 4, "bytes": 0, "schema_version": 2, "access": "read_write",
    }  # fmt: skip
    assert int(store.stat()["bytes"]) > path.stat().st_size, "the -wal counts"
    store.close()


def test_every_connection_waits_for_the_disk_before_it_acknowledges(store: SQLiteStore) -> None:
    append(store, 1)
    assert store._writer is not None
    for connection in (store._writer, *store._idle):
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"


# --- transactions ---


def test_what_is_rolled_back_leaves_no_gap(store: SQLiteStore) -> None:
    append(store, 1)

    def give_up() -> None:
        with store.write() as transaction:
            assert transaction.insert(rows(2, 5)) == 2
            raise KeyError

    with pytest.raises(KeyError):
        give_up()
    assert append(store, 2) == 2
    assert positions(store) == [1, 2]


@pytest.mark.parametrize("wrong", [1, 3], ids=["said already", "one left out"])
def test_a_version_that_does_not_follow_is_refused_with_all_its_batch(store: SQLiteStore, wrong: int) -> None:
    append(store, 1)
    with pytest.raises(IntegrityError, match="only follows"), store.write() as transaction:
        transaction.insert([*rows(1, 3, "other"), *rows(wrong)])
    assert append(store, 2) == 2
    assert store.read_stream("other") == []


def test_a_failed_insert_commits_nothing_even_if_its_error_is_swallowed(store: SQLiteStore) -> None:
    append(store, 1)
    with pytest.raises(IntegrityError), store.write() as transaction, suppress(IntegrityError):
        transaction.insert([*rows(2, 3), *rows(1)])
    assert positions(store) == [1]


def test_a_writing_thread_reads_what_was_committed_and_may_not_write_again(store: SQLiteStore) -> None:
    append(store, 1)
    with store.write() as transaction:
        transaction.insert(rows(2))
        assert positions(store) == [1]
        assert store.read_at(2) is None
        with pytest.raises(AssertionError, match="writing already"), store.write():
            pass
    assert positions(store) == [1, 2]


def test_a_transaction_is_over_when_its_with_is(store: SQLiteStore) -> None:
    with store.write() as transaction:
        transaction.insert(rows(1))
    with pytest.raises(AssertionError, match="over"):
        transaction.insert(rows(2))


def test_a_store_is_not_closed_by_the_thread_that_writes_to_it_nor_used_afterwards(path: Path) -> None:
    store = opened(path)
    with store.write() as transaction:
        transaction.insert(rows(1))
        with pytest.raises(AssertionError, match="writing still"):
            store.close()
    store.close()
    for use in (store.last, lambda: append(store, 2)):
        with pytest.raises(AssertionError, match="closed"):
            use()


# --- threads and processes ---


def test_threads_share_a_store(store: SQLiteStore) -> None:
    broken: list[BaseException] = []

    def run(name: str) -> None:
        try:
            for version in range(1, 26):
                append(store, version, 2 if version == 25 else 1, name)
                last = store.last()
                assert last is not None
                assert len(store.read(1, 1000)) >= last.position
                assert [row.version for row in store.read_stream(name)][:version] == list(range(1, version + 1))
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=run, args=(f"s{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken
    assert positions(store) == list(range(1, 6 * 26 + 1))


WRITER = """
import sys
from ledger.store import NewRow, open_store
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(path, create=True)
for _ in range(count):
    with store.write() as transaction:
        own = transaction.tail(name, 0)
        shared = transaction.tail("shared", 0)
        transaction.insert([NewRow(name, len(own) + 1, "t", b""), NewRow("shared", len(shared) + 1, "t", b"")])
store.close()
"""


def test_processes_writing_at_once_leave_no_gap_and_lose_nothing(path: Path) -> None:
    outputs(*(script(WRITER, path, name, 60) for name in "ab"))
    store = opened(path, create=False)
    assert positions(store) == list(range(1, 241))
    assert [row.version for row in store.read_stream("shared")] == list(range(1, 121))
    assert [len(store.read_stream(name)) for name in "ab"] == [60, 60]
    store.close()


ACKNOWLEDGER = """
import sys
from ledger.store import NewRow, open_store
store = open_store(sys.argv[1], create=True)
last = store.last()
version = last.version if last else 0
while True:
    count = 1 + version % 40
    rows = [NewRow("s", version + n + 1, "t", b"x" * 2000) for n in range(count)]
    with store.write() as transaction:
        transaction.insert(rows)
    version += count
    print(version, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill_and_no_batch_is_half_there(path: Path) -> None:
    for delay in (0.05, 0.12, 0.2, 0.31):
        process = script(ACKNOWLEDGER, path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        acknowledged = died(process)
        store = opened(path, create=False)
        versions = [row.version for row in store.read_stream("s")]
        assert versions == list(range(1, len(versions) + 1)) == positions(store)
        assert len(versions) >= int(acknowledged[-1])
        ends = {0}
        while max(ends) < len(versions):
            ends.add(max(ends) + 1 + max(ends) % 40)
        assert len(versions) in ends, "a whole number of batches"
        store.close()


# --- making a ledger ---

CREATOR = """
import sys
from ledger.store import open_store
print(open_store(sys.argv[1], create=True).stat()["schema_version"])
"""


def test_processes_making_the_same_ledger_at_once_all_succeed(path: Path) -> None:
    assert outputs(*(script(CREATOR, path) for _ in range(6))) == ["2\n"] * 6


def test_threads_making_the_same_ledger_at_once_all_succeed(tmp_path: Path) -> None:
    for n in range(10):
        barrier, stores = threading.Barrier(4), []

        def run(barrier: threading.Barrier = barrier, stores: list[SQLiteStore] = stores, n: int = n) -> None:
            barrier.wait()
            stores.append(opened(tmp_path / f"{n}.db"))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [append(store, version) for version, store in enumerate(stores, 1)] == [1, 2, 3, 4]
        for store in stores:
            store.close()


DYING_CREATOR = """
import os, signal, sys
from ledger import sqlite_file, sqlite_schema, sqlite_store

def die(*_): os.kill(os.getpid(), signal.SIGKILL)

def dying(schema):
    yield from schema[:2]
    die()

if sys.argv[2] == "before":
    sqlite_file.connect = die
elif sys.argv[2] == "amid":
    sqlite_schema.SCHEMA = dying(sqlite_schema.SCHEMA)
else:
    sqlite_file._use_wal = die
sqlite_store.open_sqlite(sys.argv[1], sys.argv[1], create=True, read_only=False, lock_timeout_seconds=5)
"""


@pytest.mark.parametrize(("moment", "before_create"), [("before", "no_ledger"), ("amid", "no_ledger"), ("after", None)])
def test_a_creator_that_dies_leaves_nothing_or_a_ledger(path: Path, moment: str, before_create: str | None) -> None:
    died(script(DYING_CREATOR, path, moment))
    if before_create:
        assert code_of(lambda: opened(path, create=False)) == before_create
    store = opened(path)
    assert append(store, 1) == 1
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("header", [False, True], ids=["but not the first", "even the first"])
def test_a_creator_that_died_while_its_pages_went_to_the_file_is_rolled_back(path: Path, header: bool) -> None:
    code = (
        "import os, signal, sqlite3, sys; from ledger import sqlite_schema as sql\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('PRAGMA cache_size = 1')\n"
        "c.execute('BEGIN IMMEDIATE'); sql.make_schema(c)\n"
        "c.executemany(sql.INSERT, (('s', n, 't', bytes(3000)) for n in range(1, 99)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    died(script(code, path))
    assert path.stat().st_size > 0, "the crash was in time to leave pages behind"
    if header:
        opened(whole := path.parent / "whole.db").close()
        with path.open("r+b") as file:
            file.write(whole.read_bytes()[:4096])
    shutil.copytree(path.parent, copy := path.parent / "copy")
    assert code_of(lambda: opened(copy / path.name, create=False)) == "no_ledger"
    store = opened(path)
    assert append(store, 1) == 1
    store.close()


# --- what is no ledger, or not ours to read ---


def foreign_database(path: Path, application_id: int = 0) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute("CREATE TABLE stored_events (x)")


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"a letter"),
        lambda path: path.write_bytes(b"SQLite format 3\0"),
        lambda path: path.write_bytes(bytes(5000)),
        lambda path: path.write_bytes(os.urandom(5000)),
        foreign_database,
        lambda path: foreign_database(path, 1),
        Path.mkdir,
        os.mkfifo,
    ],
    ids=["text", "magic alone", "zeros", "noise", "a database", "another application's", "a directory", "a pipe"],
)
@pytest.mark.parametrize("create", [True, False])
def test_what_is_not_a_ledger_is_refused_and_not_touched(path: Path, make: Callable[[Path], Any], create: bool) -> None:
    make(path)
    before = path.stat(), path.read_bytes() if path.is_file() else b""
    expected = {"not_a_ledger"} if create or before[1].strip(b"\0") or not path.is_file() else {"no_ledger"}
    assert code_of(lambda: opened(path, create=create)) in expected
    after = path.stat(), path.read_bytes() if path.is_file() else b""
    assert (after[0].st_size, after[0].st_mtime_ns, after[1]) == (before[0].st_size, before[0].st_mtime_ns, before[1])
    assert [p.name for p in path.parent.iterdir()] == ["book.db"]


def test_a_missing_ledger_is_not_made_unasked_and_the_refusal_says_how_to(path: Path) -> None:
    with pytest.raises(Refused, match=r"no_ledger: .*service-ledger init .*book\.db"):
        opened(path, create=False)
    assert not path.exists()


def test_an_empty_file_is_a_place_to_make_one(path: Path) -> None:
    path.touch()
    assert code_of(lambda: opened(path, create=False)) == "no_ledger"
    opened(path).close()
    assert sql.is_header(path.read_bytes())


@pytest.mark.parametrize("name", ["no/such/book.db", "file/book.db"])
def test_a_ledger_is_not_made_in_a_directory_that_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert code_of(lambda: opened(tmp_path / name)) == "no_ledger"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    assert code_of(lambda: opened(tmp_path / name)) == "store_failed"


def test_a_ledger_of_a_newer_schema_is_refused(path: Path) -> None:
    opened(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {sql.SCHEMA_VERSION + 1}")
    assert code_of(lambda: opened(path)) == "newer_ledger"


# --- damage ---


def meddled(path: Path, *statements: str, repair: bool = True) -> None:
    """A ledger of 200 entries after somebody took its guards off, did something, and (perhaps) put them back."""
    store = opened(path)
    append(store, 1, 200)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        for name in ("entries_never_change", "entries_are_never_removed", "entries_only_follow"):
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for statement in sql.SCHEMA[2:] if repair else ():
            connection.execute(statement)
        connection.commit()


def test_guards_taken_off_are_missed_on_opening(path: Path) -> None:
    meddled(path, repair=False)
    assert code_of(lambda: opened(path)) == "damaged_ledger"


def test_guards_put_back_as_they_were_are_accepted(path: Path) -> None:
    meddled(path)
    store = opened(path)
    assert append(store, 201) == 201
    store.close()


def test_an_entry_taken_out_is_missed_on_reading(path: Path) -> None:
    meddled(path, "DELETE FROM stored_events WHERE position = 100")
    store = opened(path)
    assert code_of(lambda: store.read(1, 1000)) == "damaged_ledger"
    assert code_of(lambda: store.read_stream("s")) == "damaged_ledger"
    assert [len(store.read(1, 99)), len(store.read(101, 1000))] == [99, 100], "the rest can be read"
    store.close()


def test_entries_cut_off_the_end_are_missed_on_reading_and_on_writing(path: Path) -> None:
    meddled(path, "DELETE FROM stored_events WHERE position > 150")
    store = opened(path)
    assert code_of(store.last) == code_of(store.stat) == "damaged_ledger"
    assert code_of(lambda: append(store, 151)) == "damaged_ledger"
    with pytest.raises(Refused, match="damaged_ledger"), store.write() as transaction:
        transaction.last()
    with pytest.raises(Refused, match="damaged_ledger"), store.write() as transaction, suppress(Refused):
        transaction.insert(rows(151))
    assert len(store.read(1, 1000)) == 150
    store.close()


def test_pages_overwritten_are_damage(path: Path) -> None:
    store = opened(path)
    append(store, 1, 2000)
    store.close()
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(os.urandom(8 * 4096))
    store = opened(path)
    assert code_of(lambda: store.read(1, 3000)) == "damaged_ledger"
    store.close()


def test_a_file_cut_short_is_damage(path: Path) -> None:
    store = opened(path)
    append(store, 1, 2000)
    store.close()
    os.truncate(path, 5 * 4096)
    assert code_of(lambda: opened(path)) == "damaged_ledger"


def test_a_ledger_whose_file_is_gone_but_whose_wal_is_there_is_not_made_anew(path: Path) -> None:
    store = opened(path)
    append(store, 1)
    shutil.copy(f"{path}-wal", wal := path.parent / "lost.db-wal")
    store.close()
    before = wal.read_bytes()
    for empty in (False, True):
        if empty:
            (path.parent / "lost.db").touch()
        assert code_of(lambda: opened(path.parent / "lost.db")) == "damaged_ledger"
    assert wal.read_bytes() == before


# --- locks, disks, permissions ---


def test_a_ledger_another_process_keeps_is_locked_for_writing_and_open_for_reading(path: Path) -> None:
    store = opened(path, lock_timeout_seconds=0.05)
    append(store, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert code_of(lambda: append(store, 2)) == "locked"
        assert positions(store) == [1]
    assert append(store, 2) == 2
    store.close()


def test_a_ledger_another_thread_keeps_is_locked_for_writing(path: Path) -> None:
    store = opened(path, lock_timeout_seconds=0.05)
    found: list[str] = []
    with store.write():
        thread = threading.Thread(target=lambda: found.append(code_of(lambda: append(store, 1))))
        thread.start()
        thread.join()
    assert found == ["locked"]
    assert append(store, 1) == 1
    store.close()


def test_a_full_disk_refuses_a_batch_keeps_what_was_acknowledged_and_recovers(store: SQLiteStore) -> None:
    append(store, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = [NewRow("s", version, "t", bytes(60_000)) for version in range(2, 400)]
    for limit, count in ((500_000, 398), (100_000, 2)):  # while the batch spills, and when it commits
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(Refused) as refused, store.write() as transaction:
                transaction.insert(large[:count])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert refused.value.code == "store_failed"
        assert positions(store) == [1]
    assert append(store, 2) == 2


def test_a_file_with_no_more_pages_to_take_is_a_full_disk(store: SQLiteStore) -> None:
    append(store, 1)
    assert store._writer is not None
    store._writer.execute("PRAGMA max_page_count = 1")
    with pytest.raises(Refused, match=r"store_failed: .*disk is full"), store.write() as transaction:
        transaction.insert(rows(2, 5000))
    assert positions(store) == [1]


@pytest.mark.parametrize("replaced", [True, False], ids=["another there", "none there"])
def test_nothing_is_written_to_a_file_that_was_moved_away(path: Path, replaced: bool) -> None:
    store = opened(path)
    append(store, 1)
    path.rename(path.parent / "away.db")
    if replaced:
        path.touch()
    assert code_of(lambda: append(store, 2)) == "store_failed"
    store.close()


def test_a_store_opened_read_only_reads_and_refuses_to_write(path: Path) -> None:
    writer = opened(path)
    append(writer, 1)
    store = opened(path, create=False, read_only=True)
    assert positions(store) == [1]
    append(writer, 2)
    assert positions(store) == [1, 2], "it sees what others append"
    assert store.stat()["access"] == "read_only"
    assert code_of(lambda: append(store, 3)) == "read_only"
    store.close()
    writer.close()


AS_NOBODY = f"""
import os, sys
from ledger.errors import Refused
from ledger.store import NewRow, open_store
import ledger.sqlite_store, ledger.sqlite_recorder  # while they can be found
if os.getuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})

def said(act):
    try:
        return act()
    except Refused as refused:
        return refused.code

def write(store):
    with store.write() as transaction:
        transaction.insert([NewRow("s", 3, "t", b"")])

def use():
    store = open_store(sys.argv[1], create=sys.argv[2] == "create")
    try:
        found = [row.position for row in store.read(1, 10)], len(store.recorder.select_notifications(1, 10))
        return *found, store.stat()["access"], said(lambda: write(store))
    finally:
        store.close()

print(said(use))
"""

FROZEN_READER = AS_NOBODY.replace(
    "print(said(use))",
    """
store = open_store(sys.argv[1], create=False)
for _ in sys.stdin:
    positions = [row.position for row in store.read(1, 10)]
    print(store.stat()["access"], positions, len(store.recorder.select_notifications(1, 10)), flush=True)
""",
)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory any user can reach, holding a ledger of two entries that is not theirs."""
    directory = Path(tempfile.mkdtemp())
    store = opened(directory / "book.db")
    append(store, 1, 2)
    store.close()
    directory.chmod(0o755)
    (directory / "book.db").chmod(0o644)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


def as_nobody(directory: Path, act: str = "open") -> str:
    """What somebody finds who may not write: where tests run as root, a process that gave root up."""
    if os.getuid() != 0:
        (directory / "book.db").chmod(0o444)
        directory.chmod(0o555)
    return outputs(script(AS_NOBODY, directory / "book.db", act))[0].strip()


def test_a_read_only_ledger_in_a_read_only_directory_is_read_as_it_lies(public: Path) -> None:
    assert as_nobody(public) == "([1, 2], 2, 'frozen', 'read_only')"
    assert [p.name for p in public.iterdir()] == ["book.db"]


def test_a_frozen_ledger_is_read_afresh_each_time(public: Path) -> None:
    if os.getuid() == 0:
        process = script(FROZEN_READER, public / "book.db", stdin=subprocess.PIPE)
        for entries in (2, 3, 4):
            if entries > 2:
                store = opened(public / "book.db")
                append(store, entries)
                store.close()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("read\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"frozen {list(range(1, entries + 1))} {entries}\n"
        outputs(process)


def test_a_read_only_ledger_in_a_writable_directory_is_read(public: Path) -> None:
    if os.getuid() == 0:
        public.chmod(0o777)
        assert as_nobody(public) == "([1, 2], 2, 'read_write', 'read_only')"


def test_a_read_only_ledger_is_read_while_its_owner_writes(public: Path) -> None:
    if os.getuid() == 0:
        store = opened(public / "book.db")
        append(store, 3)
        assert as_nobody(public) == "([1, 2, 3], 3, 'read_write', 'read_only')"
        store.close()


def test_entries_in_a_wal_that_cannot_be_read_are_never_left_out_in_silence(public: Path) -> None:
    store = opened(public / "book.db")
    append(store, 3)
    shutil.copy(public / "book.db-wal", public / "kept")
    shutil.copy(public / "book.db", public / "kept.db")
    store.close()
    shutil.move(public / "kept.db", public / "book.db")
    shutil.move(public / "kept", public / "book.db-wal")
    assert as_nobody(public) == "read_only"


def test_a_ledger_is_not_made_in_a_directory_closed_to_writing(public: Path) -> None:
    (public / "book.db").unlink()
    assert as_nobody(public, "create") == "read_only"


def test_a_file_closed_to_reading_is_refused(public: Path) -> None:
    if os.getuid() == 0:
        (public / "book.db").chmod(0o600)
        assert as_nobody(public) == "store_failed"
