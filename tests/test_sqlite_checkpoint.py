"""After a long batch its pages go from the -wal into the file beside whoever goes on."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import Refused
from ledger.sqlite_checkpoint import Checkpointing
from ledger.sqlite_schema import BESIDE
from ledger.sqlite_store import SQLiteStore
from ledger.store import open_store
from tests.test_portions import rows
from tests.test_sqlite_store import died

LONG = 2 * BESIDE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    found = open_store(str(tmp_path / "book.db"), create=True)
    yield found
    found.close()


def long_batch(store: Any, first: int = 1) -> None:
    with store.write() as transaction:
        assert transaction.last() is None or first > 1
        transaction.insert(rows(first, BESIDE), more=True)
        transaction.insert(rows(first + BESIDE, BESIDE))


def checkpoints() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ledger-checkpoint")]


def in_the_file_alone(path: Path) -> int:
    """How many entries the file holds by itself, without its -wal."""
    copy = path.with_name("alone.db")
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM stored_events").fetchone()
    return int(count)


def test_the_file_holds_it_once_it_is_settled(store: SQLiteStore, tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    before = path.stat().st_size
    long_batch(store)
    store._checkpointing.settle()
    assert path.stat().st_size > before
    assert in_the_file_alone(path) == LONG


def test_a_short_batch_leaves_it_to_sqlite(store: SQLiteStore, tmp_path: Path) -> None:
    with store.write() as transaction:
        transaction.insert(rows(1, 3))
    assert store._checkpointing._under_way is None
    long_batch(store, first=4)
    assert store._writer is not None
    assert store._writer.execute("PRAGMA wal_autocheckpoint").fetchone() == (1000,), "as before, after a long one"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A checkpoint that waits until this is set."""
    let_on, carry_out = threading.Event(), Checkpointing._carry_out

    def waiting(self: Checkpointing) -> None:
        assert let_on.wait(60)
        carry_out(self)

    monkeypatch.setattr(Checkpointing, "_carry_out", waiting)
    yield let_on
    let_on.set()


def test_nobody_waits_for_it_but_the_next_to_write_here(
    store: SQLiteStore, tmp_path: Path, held: threading.Event
) -> None:
    long_batch(store)  # returns
    assert len(store.read(1, LONG + 1)) == LONG
    other = open_store(str(tmp_path / "book.db"), create=False)
    with other.write() as transaction:
        transaction.insert(rows(LONG + 1, 1))
    other.close()
    written: list[int] = []

    def write() -> None:
        with store.write() as transaction:
            written.append(transaction.insert(rows(LONG + 2, 1)))

    thread = threading.Thread(target=write)
    thread.start()
    thread.join(0.2)
    assert (written, len(checkpoints())) == ([], 1)
    held.set()
    thread.join(60)
    assert (written, checkpoints()) == ([LONG + 2], [])
    assert [row.version for row in store.read(1, LONG + 9)] == list(range(1, LONG + 3))


def test_closing_waits_for_it_and_none_is_left(store: SQLiteStore, tmp_path: Path, held: threading.Event) -> None:
    long_batch(store)
    closing_thread = threading.Thread(target=store.close)
    closing_thread.start()
    closing_thread.join(0.2)
    assert closing_thread.is_alive()
    held.set()
    closing_thread.join(60)
    assert checkpoints() == []
    assert not (tmp_path / "book.db-wal").exists()
    assert in_the_file_alone(tmp_path / "book.db") == LONG


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), Refused("store_failed", "no more files")])
def test_one_that_fails_keeps_nobody_from_anything(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse() -> sqlite3.Connection:
        raise error

    monkeypatch.setattr(store._checkpointing, "_connect", refuse)
    long_batch(store)
    long_batch(store, first=LONG + 1)
    assert [row.version for row in store.read(1, 3 * LONG)] == list(range(1, 2 * LONG + 1))


def test_a_file_put_in_its_place_is_left_alone(store: SQLiteStore, tmp_path: Path, held: threading.Event) -> None:
    path = tmp_path / "book.db"
    other = open_store(str(tmp_path / "other.db"), create=True)
    other.close()
    long_batch(store)
    (tmp_path / "other.db").replace(path)
    before = path.read_bytes()
    held.set()
    store._checkpointing.settle()
    assert path.read_bytes() == before


DYING = """
import os, signal, sys
from ledger.sqlite_checkpoint import Checkpointing
from ledger.store import open_store
from tests.test_sqlite_checkpoint import long_batch

class Dying:
    def __init__(self, connection): self.connection = connection
    def close(self): pass
    def execute(self, statement):
        if sys.argv[2] == "after": self.connection.execute(statement).fetchone()
        os.kill(os.getpid(), signal.SIGKILL)

store = open_store(sys.argv[1], create=True)
connect = store._checkpointing._connect
store._checkpointing._connect = lambda: Dying(connect())
long_batch(store)
store.close()
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_at_it_loses_nothing(tmp_path: Path, moment: str) -> None:
    path = str(tmp_path / "book.db")
    process = subprocess.Popen([sys.executable, "-c", DYING, path, moment], stdout=subprocess.PIPE, text=True,
                               cwd=Path(__file__).parents[1])  # fmt: skip
    died(process)
    store = open_store(path, create=False)
    long_batch(store, first=LONG + 1)
    assert [row.version for row in store.read(1, 3 * LONG)] == list(range(1, 2 * LONG + 1))
    store.close()
