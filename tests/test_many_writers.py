"""Eight processes write to one ledger, some are killed, all come back: nothing lost, nothing twice, each in turn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from ledger import open_ledger
from ledger.sqlite_queue import WriterQueue
from tests.postgres import fresh_schema, shared_url
from tests.test_portions import OPENING
from tests.writers import fairness, run

ROOT = Path(__file__).parents[1]


def place(engine: str, folder: Path, stack: ExitStack) -> str:
    return str(folder / "book.db") if engine == "sqlite" else stack.enter_context(fresh_schema(shared_url()))


@pytest.mark.parametrize(
    ("engine", "events", "largest"),
    [
        ("sqlite", 480, 1),
        pytest.param("sqlite", 16_000, 40, marks=pytest.mark.soak),
        pytest.param("postgresql", 8_000, 40, marks=pytest.mark.soak),
    ],
)
def test_eight_writers_some_killed_lose_nothing_and_wait_their_turn(
    engine: str, events: int, largest: int, tmp_path: Path
) -> None:
    """A million on each engine, by hand: `tests/benchmarks/bench_writers.py`."""
    with ExitStack() as stack:
        appends, kills = run(place(engine, tmp_path, stack), tmp_path, events, largest, between_seconds=0.2, most_kills=8)
    found = fairness(appends)
    sys.stdout.write(f"\n{kills} kills; {found}\n")
    assert kills > 1
    assert found.passed_over < 0.02, "by luck it would be a third and more"


# --- the queue ---


def test_writers_are_served_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    first, second, third = (WriterQueue(tmp_path / "book.db") for _ in range(3))
    assert first.enter(1)
    assert second._draw()
    assert not third.enter(0.05), "the second has not been served"
    assert not second._is_its_turn()
    first.leave()
    assert second._is_its_turn()
    assert first._draw()
    assert not first._is_its_turn(), "who was just served stands behind"
    for queue in (first, second, third):
        queue.leave()
        queue.close()
    assert list(tmp_path.iterdir()) == []


HOLDER = """
import sys, time
from pathlib import Path
from ledger.sqlite_queue import WriterQueue
queue = WriterQueue(Path(sys.argv[1]))
print(queue.enter(1), flush=True)
time.sleep(60)
"""


def test_who_dies_in_the_queue_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    queue = WriterQueue(path)
    assert not queue.enter(0.05)
    holder.kill()
    holder.communicate()
    assert queue.enter(5)
    queue.leave()
    queue.close()


def test_a_queue_whose_file_is_gone_or_cannot_be_made_is_no_hindrance(tmp_path: Path) -> None:
    queue = WriterQueue(tmp_path / "no" / "book.db")
    assert queue.enter(0)
    queue.leave()
    queue.close()
    queue = WriterQueue(tmp_path / "book.db")
    assert queue.enter(0)
    queue.path.unlink()
    queue.leave()
    assert queue.enter(0)
    assert queue.path.exists()
    queue.leave()
    queue.path.write_bytes(b"x")
    assert queue.enter(0.01)
    queue.leave()
    queue.close()


def test_a_store_that_is_closed_leaves_no_queue_behind_and_one_that_writes_on_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    with closing(open_ledger(str(path))) as one, closing(open_ledger(str(path))) as other:
        one.open()
        other.open()
        assert path.with_name("book.db-queue").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["book.db"]


FORKED = """
import os, signal, sys, time
from tests.test_portions import OPENING, opened
with opened(sys.argv[1]) as book:
    book.record([OPENING])
    with book.store.write():
        if os.fork() == 0:
            os.close(1)
            time.sleep(60)
            os._exit(0)
        print(os.getpid(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_forked_child_keeps_no_place_of_a_parent_who_dies_while_it_writes(tmp_path: Path) -> None:
    path = str(tmp_path / "book.db")
    process = subprocess.Popen([sys.executable, "-c", FORKED, path], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, start_new_session=True)
    try:
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        with open_ledger(path) as book:  # or it would wait its ten seconds, and be refused
            book.record([{**OPENING, "id": "c2", "subject": "contract:C2", "data": {**OPENING["data"], "contract": "C2"}}])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the child it left, of a session of its own
