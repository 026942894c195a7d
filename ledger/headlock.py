"""One key, one history: the last head a key signed lies beside it, and is exchanged under a lock.

Beside the key file `K` lie `K.head`, the last signed checkpoint, and `K.lock`, an empty file whose lock every
signer takes. Whoever signs compares with `K.head` first and has replaced it on disk before the signature
leaves; so a restored backup, a copied database or a second writer cannot make the key sign two histories.
The protection is that of the file: where key and `K.head` are both copied elsewhere, two places may sign.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.errors import Refused
from ledger.notes import MAX_NOTE_BYTES

WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.02
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC


class HeadLock:
    """The lock of one key, held in a `with`, and the last head it signed. Raises `Refused("locked")` after a wait."""

    def __init__(self, key: str | Path, wait_seconds: float = WAIT_SECONDS) -> None:
        self.path = beside(key, ".head")
        self._lock = beside(key, ".lock")
        self._wait_seconds = wait_seconds
        self._held: int | None = None

    def __enter__(self) -> Self:
        try:
            self._held = os.open(self._lock, os.O_RDWR | os.O_CREAT | _SAFE, 0o600)
        except OSError as error:
            raise Refused("store_failed", f"{self._lock}: {error.strerror}") from error
        try:
            take(self._held, str(self._lock), self._wait_seconds)
        except BaseException:
            os.close(self._held)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._held is not None
        os.close(self._held)  # which gives the lock back; the file stays, so that all lock the same one
        self._held = None

    def held(self) -> bytes | None:
        """The last head signed, as it lies there, or None where the file is missing."""
        assert self._held is not None, "only under the lock"
        try:
            with open(os.open(self.path, os.O_RDONLY | _SAFE), "rb") as file:  # noqa: PTH123 - a descriptor
                return file.read(MAX_NOTE_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Refused("store_failed", f"{self.path}: {error.strerror}") from error

    def put(self, head: bytes) -> None:
        """Makes this the last head signed; when it returns, it is on disk."""
        assert self._held is not None, "only under the lock"
        replace(self.path, head, 0o600)


def beside(path: str | Path, suffix: str) -> Path:
    """The file of the same name and a suffix."""
    path = Path(path)
    return path.with_name(path.name + suffix)


def take(descriptor: int, name: str, wait_seconds: float) -> None:
    """Locks an open file against every other opening of it. Raises `Refused("locked")` after the wait."""
    until = time.monotonic() + wait_seconds
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Refused("locked", f"{name}: another process has held it for {wait_seconds:g} s") from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise Refused("store_failed", f"{name}: cannot be locked: {error.strerror}") from error


def replace(path: Path, data: bytes, mode: int = 0o666) -> None:
    """The file with these bytes, whole and on disk, or as it was; the umask narrows `mode`."""
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _SAFE, mode)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            new.replace(path)
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise Refused("store_failed", f"{path}: cannot be written: {error.strerror}") from error


def sync_directory(path: Path) -> None:
    """Puts a directory's names on disk; without it a file made or renamed may be gone after a power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
