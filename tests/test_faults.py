"""A ledger in SQLite killed at every system call, refused every write, copied under its writer: whole, or it says so."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.errors import Refused
from ledger.heads import reread
from ledger.sqlite_schema import BESIDE
from tests.conftest import Clock
from tests.story import CONTRACT
from tests.traced import CAN_FAIL, OTHERS, SYNCS, WRITES, traced

ROOT = Path(__file__).parents[1]
NOW = "2026-01-01T00:00:00Z"
BEFORE, BATCH = 300, 7  # entries there, and in the batch that is disturbed
OPENING = {"specversion": "1.0", "id": "c1", "source": "t", "type": "contract_started", "subject": "contract:C1",
           "data": CONTRACT}  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="traces system calls as Linux does")


def outages(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"specversion": "1.0", "id": f"o{n}", "source": "t", "type": "outage_started", "subject": "contract:C1",
         "data": {"outage": f"O{n}", "environment": "production", "effect": "no_access", "at": "2025-12-01T10:00:00Z"}}
        for n in range(first, first + count)
    ]  # fmt: skip


def opened(path: Path, **options: Any) -> Any:
    return open_ledger(str(path), clock=Clock(NOW), **options)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of some entries, closed."""
    path = tmp_path_factory.mktemp("model") / "book.db"
    with opened(path) as book:
        book.record([OPENING, *outages(0, BEFORE)])
    return path


@pytest.fixture
def place(model: Path, tmp_path: Path) -> Path:
    return fresh(model, tmp_path)


def fresh(model: Path, folder: Path) -> Path:
    for path in folder.iterdir():
        path.unlink()
    return Path(shutil.copy(model, folder / "book.db"))


def code_of(act: Callable[[], Any]) -> str:
    try:
        act()
    except Refused as refused:
        return refused.code
    return "ok"


def recording(path: Path, batches: int = 1, **options: Any) -> Callable[[Callable[[str], None]], None]:
    """Opens the ledger, records batches and says of each that it was acknowledged, or why it was refused."""

    def act(say: Callable[[str], None]) -> None:
        with opened(path, **options) as book:
            for n in range(batches):
                try:
                    receipts = book.record(outages(BEFORE + n * BATCH, BATCH))
                    say(f"ok {receipts[-1].position}")
                except Refused as refused:
                    say(refused.code)

    return act


def count_of(path: Path) -> int:
    """How many entries there are, after every stored byte was read again and held against the tree."""
    with opened(path, create=False, read_only=True) as book:
        count = book.position
        assert [row.position for row in book.store.read(1, count + 1)] == list(range(1, count + 1))
        reread(book.store, count)
        return int(count)


def check_whole(path: Path, said: list[str], before: int, batches: int = 1) -> int:
    """Whole batches alone; what was acknowledged is there; what is recorded again is there once. How many stood."""
    acknowledged = [int(line.split()[1]) for line in said if line.startswith("ok ")]
    count = count_of(path)
    stood, half = divmod(count - before, BATCH)
    assert half == 0
    assert 0 <= stood <= batches
    assert count >= max(acknowledged, default=0)
    with opened(path, create=False) as book:
        for n in range(batches):
            outcomes = {receipt.outcome for receipt in book.record(outages(BEFORE + n * BATCH, BATCH))}
            assert len(outcomes) == 1, "a batch is there, or it is not"
    assert count_of(path) == before + batches * BATCH
    return stood


# --- killed ---


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.soak)], ids=["one in five", "every one"])
def test_killed_before_and_after_a_system_call_of_an_append_a_ledger_holds_all_of_it_or_none(
    stride: int, model: Path, tmp_path: Path
) -> None:
    """From the opening of the file to its closing; a batch acknowledged is there, whatever came after."""
    path = fresh(model, tmp_path)
    before = count_of(path)
    whole = traced(recording(path))
    assert (whole.status, whole.said) == (0, [f"ok {before + BATCH}"])
    seen = set()
    for stop in range(1, whole.stops + 2, stride):
        path = fresh(model, tmp_path)
        end = traced(recording(path), kill_at=stop)
        killed = os.WIFSIGNALED(end.status) and os.WTERMSIG(end.status) == signal.SIGKILL
        assert killed or stop >= whole.stops - 5, (stop, end)
        stood = check_whole(path, end.said, before)
        seen.add((stood, bool(end.said)))
    assert seen == {(0, False), (1, False), (1, True)}, "before, at and after its acknowledgement"


def test_killed_while_it_is_made_a_ledger_is_there_whole_or_is_made_again(tmp_path: Path) -> None:
    def make(say: Callable[[str], None]) -> None:
        with opened(tmp_path / "book.db") as book:
            say(f"ok {book.record([OPENING])[0].position}")

    def clear() -> None:
        for path in tmp_path.iterdir():
            path.unlink()

    make(lambda line: None)
    made = count_of(tmp_path / "book.db")
    clear()
    whole = traced(make)
    dice = random.Random(1)
    for stop in sorted(dice.sample(range(1, whole.stops), 20)):
        clear()
        said = traced(make, kill_at=stop).said
        if said:
            assert count_of(tmp_path / "book.db") == made
        again: list[str] = []
        make(again.append)
        assert count_of(tmp_path / "book.db") == made, stop


# --- calls that fail ---


@pytest.mark.skipif(not CAN_FAIL, reason="the registers of this processor are not known here")
@pytest.mark.parametrize(
    ("calls", "error"),
    [(SYNCS, errno.EIO), (WRITES, errno.ENOSPC), (WRITES, errno.EIO), pytest.param(OTHERS, errno.EIO, marks=pytest.mark.soak)],
    ids=["the disk fails to sync", "the disk is full", "the disk fails to write", "another call fails"],
)
def test_a_call_that_fails_refuses_the_batch_or_leaves_it_be_and_the_next_one_is_recorded(
    calls: dict[int, str], error: int, model: Path, tmp_path: Path
) -> None:
    """Each call of a kind fails once, in a run of its own; the ledger goes on in the same process."""
    path = fresh(model, tmp_path)
    before = count_of(path)
    whole = traced(recording(path, batches=2))
    outcomes = set()
    failing = [(called, n) for called in calls for n in range(whole.calls.count(called))]
    for number, nth in failing:
        path = fresh(model, tmp_path)
        end = traced(
            recording(path, batches=2),
            fail=lambda called, n, number=number, nth=nth: error if (called, n) == (number, nth) else 0,  # type: ignore[misc]
        )
        assert len(end.said) == 2 or end.status != 0, end
        assert all(line.split(":")[0].split()[0] in EXPECTED for line in end.said), (calls[number], nth, end)
        outcomes.update(line.split(":")[0].split()[0] for line in end.said)
        stood = check_whole(path, end.said, before, batches=2)
        assert stood >= sum(line.startswith("ok") for line in end.said)
    assert "ok" in outcomes
    assert calls is OTHERS or "store_failed" in outcomes


EXPECTED = {"ok", "store_failed", "read_only", "locked", "damaged_ledger", "no_ledger", "Refused", "OSError"}


def test_a_disk_that_fills_at_any_byte_refuses_and_goes_on_when_there_is_room(place: Path) -> None:
    """The limit of a file's size stands for the disk: SQLite is told so in the middle of a page too."""
    before = count_of(place)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    refused = 0
    with opened(place, create=False) as book:
        for n, limit in enumerate(range(0, 40_000, 1_111)):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                refused += code_of(lambda n=n: book.record(outages(BEFORE + n * BATCH, BATCH))) == "store_failed"  # type: ignore[misc]
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert book.record(outages(BEFORE + n * BATCH, BATCH))[0].position == before + n * BATCH + 1
    assert refused > 3
    assert count_of(place) == before + 37 * BATCH


def test_a_disk_that_fills_amid_a_long_batch_refuses_all_of_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.sqlite_file.WRITER_CACHE_KIB", 64)  # so that pages go to the disk before the commit
    before, batch = count_of(place), outages(BEFORE, 5 * BESIDE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(place, create=False) as book:
        for limit in (100_000, 400_000, 900_000, 1_600_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                assert code_of(lambda: book.record(batch)) == "store_failed"
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert book.position == before
        assert book.record(batch)[0].position == before + 1
    assert count_of(place) == before + len(batch)


# --- read only ---


def test_a_ledger_opened_or_lying_read_only_is_read_and_never_written(place: Path) -> None:
    before = count_of(place)
    end = traced(recording(place, create=False, read_only=True))
    assert end.said == ["read_only"]

    def as_somebody_else(say: Callable[[str], None]) -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        recording(Path(place.name), create=False)(say)

    place.chmod(0o444)
    place.parent.chmod(0o555)
    here = Path.cwd()
    os.chdir(place.parent)
    try:
        end = traced(as_somebody_else)
    finally:
        os.chdir(here)
        place.parent.chmod(0o755)
    assert end.said[-1].partition(":")[0] in ("read_only", "Refused"), end
    assert count_of(place) == before


# --- copied ---

WRITER = """
import sys
from tests.test_faults import outages, opened, Path
book = opened(Path(sys.argv[1]), create=False)
n = int(sys.argv[2])
while True:
    book.record(outages(n, 7))
    n += 7
    print(n, flush=True)
"""


def test_a_copy_of_the_files_under_a_writer_is_a_prefix_or_is_refused_and_one_by_sqlite_is_always_a_prefix(
    place: Path, tmp_path: Path
) -> None:
    """`cp` of the file and then of its -wal is no way to copy; it is found out where it went wrong."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(place), str(BEFORE)], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    copies: list[Path] = []
    dice = random.Random(2)
    for n in range(12):
        time.sleep(dice.random() * 0.08)
        (folder := tmp_path / f"{n}").mkdir()
        copies.append(folder / "book.db")
        if n % 3:
            shutil.copy(place, copies[-1])
            time.sleep(dice.random() * 0.05)
            with suppress(FileNotFoundError):
                shutil.copy(f"{place}-wal", f"{copies[-1]}-wal")
        else:
            with closing(sqlite3.connect(place)) as source, closing(sqlite3.connect(copies[-1])) as target:
                source.backup(target)
    writer.kill()
    writer.communicate()
    with opened(place, create=False, read_only=True) as book:
        states = [row.state for row in book.store.read(1, 10**6)]
    found = [outcome(path, states) for path in copies]
    assert set(found[::3]) == {"prefix"}, "SQLite's own way"
    assert set(found) <= {"prefix", "damaged_ledger"}, found
    assert count_of(place) == len(states)


def outcome(path: Path, states: list[bytes]) -> str:
    """`prefix` when every byte of it is the original's and the tree agrees; the code when it is refused."""
    try:
        with opened(path, create=False) as book:
            count = book.position
            held = [row.state for row in book.store.read(1, count + 1)]
            reread(book.store, count)
            book.record(outages(10**6, 1))
    except Refused as refused:
        return refused.code
    assert held == states[: len(held)]
    assert len(held) == count
    return "prefix"


# --- restored ---


@pytest.mark.parametrize("passed_on", [False, True], ids=["the log holds all since", "the log begins later"])
@pytest.mark.parametrize("after", [1, 300, 2000])
def test_an_older_file_put_beside_a_newer_log_is_the_newer_ledger_or_is_refused(
    model: Path, place: Path, tmp_path: Path, after: int, passed_on: bool
) -> None:
    """The file is restored from a copy, the -wal and the -queue of the one that was there are not taken away.

    What the log holds since the copy makes it the newer ledger again; a log that began later cannot.
    """
    (restored := tmp_path / "restored").mkdir()
    with opened(place, create=False) as book:
        book.record(outages(BEFORE, 500))
        if passed_on:
            book.store._writer.execute("PRAGMA wal_checkpoint(RESTART)")
        book.record(outages(BEFORE + 500, after))
        states = [row.state for row in book.store.read(1, 10**6)]
        for suffix in ("-wal", "-queue"):
            shutil.copy(f"{place}{suffix}", restored / f"book.db{suffix}")
    shutil.copy(model, restored / "book.db")
    assert outcome(restored / "book.db", states) == ("damaged_ledger" if passed_on else "prefix")


def test_a_file_overwritten_with_an_older_copy_under_its_writer_is_found_out_after_the_next_append(
    model: Path, place: Path
) -> None:
    """Nobody may do that to an open database: SQLite does not look, and its pages of then and now contradict each other."""
    with opened(place, create=False) as book:
        book.record(outages(BEFORE, 3000))
        book.store._checkpointing.settle()  # or the other is kept from it
        book.store._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(model, place)
        book.record(outages(BEFORE + 3000, 1))
        assert code_of(lambda: book.position) == "damaged_ledger"
    assert code_of(lambda: count_of(place)) == "damaged_ledger"


def test_an_older_copy_moved_into_its_place_is_noticed_by_the_writer_and_is_a_ledger_of_its_own(
    model: Path, place: Path, tmp_path: Path
) -> None:
    """The queue's file says that later numbers were drawn, and holds nobody up."""
    with opened(place, create=False) as book:
        book.record(outages(BEFORE, 3))
        shutil.copy(model, tmp_path / "older.db")
        for suffix in ("-wal", "-shm"):
            Path(f"{place}{suffix}").unlink()
        (tmp_path / "older.db").rename(place)
        assert code_of(lambda: book.record(outages(BEFORE + 3, 1))) == "store_failed"
        assert Path(f"{place}-queue").exists()
        before = count_of(place)
        with opened(place, create=False) as again:
            assert again.record(outages(BEFORE, 1))[0].position == before + 1
    assert count_of(place) == before + 1
