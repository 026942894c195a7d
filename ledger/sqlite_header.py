"""The first bytes of a ledger's file, read without letting go of the locks SQLite holds on it.

By POSIX's rule, who closes any descriptor of a file gives up all the locks their process holds on it (SQLite's "How
To Corrupt", 2.2): another process would then take itself for the last one and delete the -wal this one still writes
to. So a file's descriptor is kept for as long as any store of this process has the file open.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock


class OpenFile:
    """A file that is open in this process, whoever opened it how often; `close()` gives up one's own part in it."""

    _all: dict[tuple[int, int], OpenFile] = {}  # noqa: RUF012  # by device and inode
    _changing = Lock()

    def __init__(self, descriptor: int) -> None:
        self._descriptors = [descriptor]
        self._holders = 0

    @classmethod
    def of(cls, path: Path) -> OpenFile:
        """The file at a path. Raises `OSError`."""
        with cls._changing:
            held = cls._all.get(_place(path.stat()))
            if held is None:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                place = _place(os.fstat(descriptor))
                held = cls._all.get(place)
                if held is None:
                    held = cls._all[place] = cls(descriptor)
                else:  # it was moved to this path meanwhile
                    held._descriptors.append(descriptor)
            held._holders += 1
            return held

    def head(self, count: int) -> bytes:
        """Its first bytes, at most `count`. Raises `OSError`."""
        return os.pread(self._descriptors[0], count, 0)

    def close(self) -> None:
        """The last to close it closes the descriptor: no connection of this process may be open on it by then."""
        with self._changing:
            self._holders -= 1
            if self._holders == 0:
                del self._all[_place(os.fstat(self._descriptors[0]))]
                for descriptor in self._descriptors:
                    os.close(descriptor)


def _place(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def head_of(path: Path, count: int) -> bytes:
    """The first bytes of the file at a path. Raises `OSError`."""
    file = OpenFile.of(path)
    try:
        return file.head(count)
    finally:
        file.close()
