"""Writers of one SQLite file take turns: a ticket each, served in order, so that nobody waits by luck.

SQLite lets waiting writers poll, and whoever looks at the right moment wins: of eight busy writers one wrote
fifty times as much as another. So a writer first draws the next number from the file `-queue` beside the
ledger, holds a lock on the byte of that number until it has written, and waits while a byte before is held.
The kernel gives up the locks of whoever dies. Fairness alone hangs on this, nothing else: the order of
entries is SQLite's lock, and where there can be no such file or lock, writers go without.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

_FLOCK = "@hhqqi4x"  # Linux's struct flock: type, whence, start, length, process
_SETLK: int | None = getattr(fcntl, "F_OFD_SETLK", None)  # of the open file, where the others are of the process
_NUMBERS = struct.Struct("<QQ")  # the last number drawn, the last served
_FIRST = 64  # the byte of number 0; those before hold the numbers
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.0003, 0.02  # between two looks: by how many are before


_queues: WeakSet[WriterQueue] = WeakSet()  # of this process


class WriterQueue:
    """The queue of one ledger's file; one place in it at a time."""

    def __init__(self, ledger: Path) -> None:
        _queues.add(self)
        self.path = ledger.with_name(ledger.name + "-queue")
        self._file: int | None = None
        self._number: int | None = None

    def enter(self, timeout_seconds: float) -> bool:
        """Waits for its turn; False when it did not come in time. Then, and where none can be had, no place is held."""
        with suppress(OSError):
            self.leave()
            if not self._draw():
                return True
            until = time.monotonic() + timeout_seconds
            while not self._is_its_turn():
                if time.monotonic() >= until:
                    self.leave()
                    return False
                time.sleep(min(_SHORTEST_SECONDS * self._before(), _LONGEST_SECONDS))
        return True

    def leave(self) -> None:
        """Lets the next one in. Without a place it does nothing."""
        if self._number is not None and self._file is not None:
            with suppress(OSError):
                os.pwrite(self._file, _NUMBERS.pack(0, self._number)[8:], 8)
                self._lock(fcntl.F_UNLCK, _FIRST + self._number)
        self._number = None  # at the last: who is interrupted before holds a place, and gives it up when it enters anew

    def close(self) -> None:
        """Gives the file back, and takes it away where nobody stands in the queue; the next to write makes another."""
        if self._file is None:
            return
        with suppress(OSError):
            if _same(os.fstat(self._file), self.path) and self._lock(fcntl.F_WRLCK, 0):
                drawn, served = _NUMBERS.unpack(os.pread(self._file, 16, 0).ljust(16, b"\0"))
                if drawn == served:
                    self.path.unlink()
        os.close(self._file)
        self._file = None

    def _draw(self) -> bool:
        if _SETLK is None:
            return False
        if self._file is None or not _same(os.fstat(self._file), self.path):
            if self._file is not None:
                os.close(self._file)
                self._file = None
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        while not self._lock(fcntl.F_WRLCK, 0):  # held for two short writes
            time.sleep(_SHORTEST_SECONDS / 3)
        try:
            drawn, served = _NUMBERS.unpack(os.pread(self._file, 16, 0).ljust(16, b"\0"))
            self._number = drawn + 1
            os.pwrite(self._file, _NUMBERS.pack(drawn + 1, served), 0)
            self._lock(fcntl.F_WRLCK, _FIRST + drawn + 1)
        finally:
            self._lock(fcntl.F_UNLCK, 0)
        return True

    def _before(self) -> int:
        assert self._file is not None
        assert self._number is not None
        served = int.from_bytes(os.pread(self._file, 8, 8).ljust(8, b"\0"), "little")
        return max(1, self._number - served)

    def _is_its_turn(self) -> bool:
        """Whether nobody holds a number drawn before its own."""
        assert self._number is not None
        if not self._lock(fcntl.F_RDLCK, _FIRST, self._number):
            return False
        self._lock(fcntl.F_UNLCK, _FIRST, self._number)
        return True

    def _lock(self, kind: int, first: int, count: int = 1) -> bool:
        assert self._file is not None
        assert _SETLK is not None
        try:
            fcntl.fcntl(self._file, _SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, first, count, 0))
        except BlockingIOError:
            return False
        return True


def _leave_to_parent() -> None:
    """A forked child shares the open file, and with it the place: kept, it would outlive a parent who dies in it."""
    for queue in list(_queues):
        if queue._file is not None:
            os.close(queue._file)
            queue._file = queue._number = None


os.register_at_fork(after_in_child=_leave_to_parent)


def _same(found: os.stat_result, path: Path) -> bool:
    try:
        there = path.stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (there.st_dev, there.st_ino)
