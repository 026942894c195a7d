"""Processes that write to one ledger at once and are killed at random; what they were told is held against it.

Each writer records its numbered events in order, alone or in batches, into a stream of its own and into some that all
share. It keeps a log of what was acknowledged, synced before the next append; whoever is killed begins again where its
log ends, so what was recorded and not acknowledged is recorded again under the same ids.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ledger import open_ledger

ROOT = Path(__file__).parents[1]
WRITERS = 8
SHARED = 8  # streams all write to
LONGEST_SECONDS = 3600


class Append(NamedTuple):
    """One acknowledged append: its events, where the first stands, and when it asked for the lock, had it and gave it up."""

    writer: str
    first: int
    size: int
    position: int
    asked: float
    begun: float
    ended: float

    @property
    def waited(self) -> float:
        return self.begun - self.asked

    @property
    def turn(self) -> float:
        return self.ended - self.begun


# --- a writer ---


def sizes(name: str, count: int, largest: int) -> Iterator[tuple[int, int]]:
    """The appends of a writer, the same in each of its lives: a third single events, the others 2 to `largest`."""
    dice, first = random.Random(name), 0
    while first < count:
        size = min(count - first, 1 if largest == 1 or not dice.randrange(3) else dice.randint(2, largest))
        yield first, size
        first += size


def event(name: str, number: int, shared: int) -> dict[str, Any]:
    subject = f"contract:{name}" if number % 3 else f"service:S{shared}"
    data = {"outage": f"{name}-{number}", "environment": "production", "effect": "degraded", "at": "2025-02-01T00:00:00Z"}
    return {"specversion": "1.0", "id": f"{name}-{number}", "source": name, "type": "outage_started", "subject": subject, "data": data}


def opening(name: str) -> dict[str, Any]:
    services = [f"S{n}" for n in range(SHARED)]
    data = {"contract": name, "plan": "open", "services": services, "service_start": "2025-01-01T00:00:00Z"}
    return {"specversion": "1.0", "id": "begun", "source": name, "type": "contract_started", "subject": f"contract:{name}", "data": data}


class Watched:
    """A store that tells when its write lock was asked for, given and given up, by a clock that is one for all processes."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.asked = self.begun = self.ended = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @contextmanager
    def write(self) -> Iterator[Any]:
        self.asked = time.monotonic()
        with self.store.write() as transaction:
            self.begun = time.monotonic()
            yield transaction
        self.ended = time.monotonic()


def write(url: str, name: str, count: int, largest: int, log: int) -> None:
    """One life of a writer, from where its log ends."""
    first, begin = 0, os.lseek(log, 0, os.SEEK_END)
    if begin:
        first = sum(map(int, os.pread(log, 200, max(0, begin - 200)).decode().split("\n")[-2].split(" ")[:2]))
    with open_ledger(url, recorded_by=name) as book:
        watched = book._recording._store = Watched(book.store)  # type: ignore[assignment]
        book.record([opening(name)])
        for start, size in sizes(name, count, largest):
            if start < first:
                continue
            receipts = book.record([event(name, number, start % SHARED) for number in range(start, start + size)])
            position = receipts[0].position
            assert [receipt.position for receipt in receipts] == list(range(position, position + size))
            line = f"{start} {size} {position} {watched.asked:.6f} {watched.begun:.6f} {watched.ended:.6f}\n"
            os.write(log, line.encode())
            os.fsync(log)


class Writer:
    """One writer over all its lives."""

    def __init__(self, url: str, folder: Path, name: str, count: int, largest: int) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.command = [sys.executable, "-m", "tests.writers", url, name, f"{count}", f"{largest}", f"{self.log}"]
        self._begin()

    def _begin(self) -> None:
        self._said = self._length()
        self.process = subprocess.Popen(self.command, cwd=ROOT)

    def _length(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def may_be_killed(self) -> bool:
        """Whether it is alive and was acknowledged something in this life: so all of them end some time."""
        return self.process.poll() is None and self._length() > self._said

    def kill(self) -> None:
        """Ends this life and begins the next."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        text = self.log.read_bytes() if self.log.exists() else b""
        if text and not text.endswith(b"\n"):
            os.truncate(self.log, text.rfind(b"\n") + 1)  # half a line was not said
        self._begin()

    def told(self) -> list[Append]:
        """Everything it was acknowledged, in order."""
        lines = (line.split(" ") for line in self.log.read_text().splitlines())
        return [Append(self.name, *map(int, line[:3]), *map(float, line[3:])) for line in lines]  # type: ignore[arg-type]


def run(
    url: str, folder: Path, events: int, largest: int, between_seconds: float, most_kills: int
) -> tuple[list[Append], int]:
    """Eight writers record `events` together, some are killed on the way; all their appends, and how many were killed.

    What the ledger then holds is checked against what they were told; raises `AssertionError`.
    """
    count, dice, kills = events // WRITERS, random.Random(1), 0
    writers = [Writer(url, folder, f"W{n}", count, largest) for n in range(WRITERS)]
    until = time.monotonic() + LONGEST_SECONDS
    try:
        while any(writer.process.poll() is None for writer in writers):
            assert time.monotonic() < until, "the writers did not end"
            time.sleep(between_seconds * 2 * dice.random())
            victims = [writer for writer in writers if writer.may_be_killed()]
            if len(victims) > WRITERS // 2 and kills < most_kills:  # the last ones are left to end
                dice.choice(victims).kill()
                kills += 1
        assert [writer.process.returncode for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            writer.process.kill()
            writer.process.wait()
    appends = [append for writer in writers for append in writer.told()]
    check(url, count, appends)
    return appends, kills


# --- what the ledger holds ---


def check(url: str, count: int, appends: list[Append]) -> None:
    """Positions 1 to n; versions in order; each event once, in its writer's order, where it was told; the tree right."""
    from ledger.tree import recomputed_root, root_text  # not above: a writer begins many lives
    from replays.verify import verify

    told = {f"W{n}": [0] * count for n in range(WRITERS)}
    for append in appends:
        told[append.writer][append.first : append.first + append.size] = range(append.position, append.position + append.size)
    expected, found, versions = 0, Counter[str](), Counter[str]()
    before: dict[tuple[str, str], int] = defaultdict(lambda: -1)
    with open_ledger(url, create=False, read_only=True) as book:
        for position, entry in book.entries():
            expected += 1
            versions[entry.stream] += 1
            assert (position, entry.version) == (expected, versions[entry.stream])
            if entry.source not in told or entry.id == "begun":
                continue
            number = int(entry.id.rpartition("-")[2])
            assert told[entry.source][number] == position, "where it was told"
            assert before[entry.stream, entry.source] < number, "in its writer's order"
            before[entry.stream, entry.source] = number
            found[entry.source] += 1
        assert found == dict.fromkeys(told, count), "all that was told, each once: its place is its own"
        assert all(versions[f"contract:{name}"] == count - (count + 2) // 3 + 1 for name in told)
        assert book.root_at(expected) == root_text(recomputed_root(book.store, expected))
    verified = verify(url)
    assert verified.holds, [str(one) for one in verified.checks if one.state == "FAILED"]


class Fairness(NamedTuple):
    """How writers waited for each other. A fair share is eight times the median turn: everybody's, one's own too."""

    appends: int
    median_turn_seconds: float
    worst_wait_seconds: float
    worst_wait_shares: float
    p99_wait_shares: float
    longest_turn_shares: float
    most_turns_waited: int  # of all others together, while one waited
    most_turns_of_one: int  # of one other, while one waited: 1 or 2 in a queue
    passed_over: float  # of all waits, those in which some other had more than 2 turns

    def __str__(self) -> str:
        return (
            f"{self.appends} appends, a fair share (8 median turns) {8e3 * self.median_turn_seconds:.1f} ms here; waited: "
            f"99 % within {self.p99_wait_shares:.1f} shares, the worst {self.worst_wait_shares:.1f} (the longest turn alone "
            f"{self.longest_turn_shares:.1f}); turns of others while one waited: at most {self.most_turns_waited}, of one "
            f"other {self.most_turns_of_one}; some other had more than two in {100 * self.passed_over:.2f} % of waits"
        )


def fairness(appends: list[Append]) -> Fairness:
    """What the appends' own times say of the queue."""
    begun = {name: sorted(a.begun for a in appends if a.writer == name) for name in {a.writer for a in appends}}
    share = WRITERS * statistics.median(a.turn for a in appends)
    waits = sorted(a.waited for a in appends)
    most_waited = most_of_one = passed_over = 0
    for a in appends:
        served = [
            bisect_left(times, a.begun) - bisect_right(times, a.asked) for name, times in begun.items() if name != a.writer
        ]
        most_waited, most_of_one = max(most_waited, sum(served)), max(most_of_one, *served)
        passed_over += max(served) > 2
    return Fairness(
        len(appends), share / WRITERS, waits[-1], waits[-1] / share, waits[len(waits) * 99 // 100] / share,
        max(a.turn for a in appends) / share, most_waited, most_of_one, passed_over / len(waits),
    )  # fmt: skip


if __name__ == "__main__":
    file = os.open(sys.argv[5], os.O_RDWR | os.O_CREAT | os.O_APPEND)
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), file)
