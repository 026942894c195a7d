"""Eight processes write to one ledger, some are killed, all come back: nothing lost, nothing twice, each in turn."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger import open_ledger
from ledger.codec import decode_entry
from ledger.sqlite_queue import WriterQueue
from ledger.tree import recomputed_root, root_text

ROOT = Path(__file__).parents[1]
WRITERS = 8
WORST_WAIT_SECONDS = 2.0  # of one record, with seven others writing: a turn each is some 10 ms here

# Writes what it said it would, in its own stream and in one all share, and says each position once it stands. It
# begins where its acknowledged entries end: what was cut off by a kill is recorded again under the same id.
WRITER = """
import sys, time
from ledger import open_ledger
url, name, first, count, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
book = open_ledger(url, recorded_by=name)

def event(kind, subject, id, data):
    return {"specversion": "1.0", "id": id, "source": name, "type": kind, "subject": subject, "data": data}

book.record([event("contract_started", f"contract:{name}", f"{name}-0", {
    "contract": name, "plan": "open", "services": ["S"], "service_start": "2025-01-01T00:00:00Z"})])
for n in range(first, count, size):
    batch = []
    for k in range(n, min(n + size, count)):
        outage = {"outage": f"{name}-{k}", "environment": "production", "effect": "degraded", "at": "2025-02-01T00:00:00Z"}
        batch.append(event("outage_started", f"contract:{name}" if k % 2 else "service:S", f"{name}-{k + 1}", outage))
    began = time.perf_counter()
    receipts = book.record(batch)
    waited = time.perf_counter() - began
    print(n + len(batch), receipts[-1].position, f"{waited:.6f}", flush=True)
book.close()
"""


class Writer:
    """One writer over all its lives; `acknowledged` is how many of its entries it was told stand."""

    def __init__(self, path: Path, name: str, count: int, size: int) -> None:
        self.path, self.name, self.count, self.size = path, name, count, size
        self.acknowledged = 0
        self.waits: list[float] = []
        self.lines: list[str] = []
        self.said = path.with_name(f"{name}.txt")
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", WRITER, str(self.path), self.name, str(self.acknowledged), str(self.count), str(self.size)]
        with self.said.open("w") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=out)

    def read(self) -> None:
        """Takes in what it said before it ended; half a line was not said."""
        for line in self.said.read_text().split("\n")[:-1]:
            done, _, waited = line.split(" ")
            self.acknowledged = int(done)
            self.waits.append(float(waited))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.read()
        self.start()

    def finish(self, seconds: float) -> None:
        assert self.process.wait(timeout=seconds) == 0
        self.read()


def run(path: Path, count: int, size: int, kills: int, between_seconds: float, limit_seconds: float) -> list[float]:
    """Has eight writers record `count` entries each, some of them killed on the way; how long each record took."""
    writers = [Writer(path, f"W{n}", count, size) for n in range(WRITERS)]
    dice = random.Random(1)
    try:
        for _ in range(kills):
            time.sleep(between_seconds * dice.random() * 2)
            alive = [writer for writer in writers if writer.process.poll() is None]
            if alive:
                dice.choice(alive).kill()
        for writer in writers:
            writer.finish(limit_seconds)
    finally:
        for writer in writers:
            writer.process.kill()
            writer.process.wait()
    check(path, writers)
    return [waited for writer in writers for waited in writer.waits]


def check(path: Path, writers: list[Writer]) -> None:
    """Positions without a gap, versions in order, each entry once, whatever was acknowledged there, the tree right."""
    with open_ledger(str(path), create=False, read_only=True) as book:
        expected, versions, ids = 0, Counter[str](), Counter[str]()
        numbers: dict[tuple[str, str], int] = {}
        for position, entry in entries(book):
            expected += 1
            versions[entry.stream] += 1
            ids[entry.id] += 1
            assert (position, entry.version) == (expected, versions[entry.stream])
            number = int(entry.id.rpartition("-")[2]) if entry.source.startswith("W") else -1
            assert entry.source == "ledger" or numbers.get((entry.stream, entry.source), -1) < number, "in the writer's order"
            numbers[entry.stream, entry.source] = number
        assert set(ids.values()) == {1}
        told = {f"{writer.name}-{n}" for writer in writers for n in range(writer.count + 1)}
        assert {id for id in ids if id.startswith("W")} == told
        assert all(writer.acknowledged == writer.count for writer in writers)
        assert book.root_at(expected) == root_text(recomputed_root(book.store, expected))


def entries(book: object) -> Iterator[tuple[int, object]]:
    start = 1
    while page := book.store.read(start, 5000):
        for row in page:
            yield row.position, decode_entry(row.state)
        start = page[-1].position + 1


def shown(waits: list[float]) -> str:
    ordered = sorted(waits)
    return (
        f"{len(waits)} records: median {ordered[len(waits) // 2] * 1e3:.1f} ms, 99 % within "
        f"{ordered[len(waits) * 99 // 100] * 1e3:.1f} ms, the worst {ordered[-1] * 1e3:.0f} ms"
    )


def test_eight_writers_some_killed_lose_nothing_and_wait_their_turn(tmp_path: Path) -> None:
    waits = run(tmp_path / "book.db", count=120, size=1, kills=8, between_seconds=0.15, limit_seconds=60)
    sys.stdout.write(f"\n{shown(waits)}\n")
    assert max(waits) < WORST_WAIT_SECONDS, shown(waits)


@pytest.mark.soak
def test_a_hundred_thousand_appends_by_eight_writers(tmp_path: Path) -> None:
    waits = run(tmp_path / "book.db", count=13_000, size=20, kills=40, between_seconds=0.4, limit_seconds=300)
    sys.stdout.write(f"\n{shown(waits)}\n")
    assert max(waits) < 2 * WORST_WAIT_SECONDS, shown(waits)


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


if __name__ == "__main__":  # a million, by hand: python -m tests.test_many_writers 125000 100
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        count, size = map(int, sys.argv[1:3])
        sys.stdout.write(shown(run(Path(folder) / "book.db", count, size, kills=100, between_seconds=1, limit_seconds=7200)) + "\n")
