"""A wire between clients and a PostgreSQL, to be cut before or in the middle of any message of either side.

It listens where a server would, on a socket in a folder of its own, passes whole messages on as PostgreSQL's manual
frames them ("Frontend/Backend Protocol", "Message Formats"), and counts them from when it is told to cut.
"""

from __future__ import annotations

import shutil
import socket
import struct
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal

Side = Literal["client", "server"]
NAME = ".s.PGSQL.5432"


class Wire:
    """Passes on what clients and server say; use in a `with`."""

    def __init__(self, server: Path) -> None:
        self.server = server
        self.folder = Path(tempfile.mkdtemp(prefix="sl-wire-"))
        self.was_cut = False
        self._lock = threading.Lock()
        self._cut: tuple[Side, int, bool] | None = None
        self._passed: dict[Side, int] = {"client": 0, "server": 0}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / NAME))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
        shutil.rmtree(self.folder)

    def cut(self, side: Side, after: int, *, half: bool = False) -> None:
        """Lets `after` more messages of a side pass, then cuts; with `half`, in the middle of the next one."""
        with self._lock:
            self._passed = {"client": 0, "server": 0}
            self._cut, self.was_cut = (side, after, half), False

    def mend(self) -> None:
        """Cuts no more."""
        with self._lock:
            self._cut = None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self.server / NAME))
            except OSError:  # it is down
                client.close()
                server.close()
                continue
            both = (client, server)
            pair = [threading.Thread(target=self._pass_on, args=(side, *ends), daemon=True)
                    for side, ends in (("client", both), ("server", both[::-1]))]  # fmt: skip
            self._threads += pair
            for thread in pair:
                thread.start()
            closer = threading.Thread(target=_close_after, args=(pair, both), daemon=True)
            self._threads.append(closer)
            closer.start()

    def _pass_on(self, side: Side, source: socket.socket, target: socket.socket) -> None:
        held, head = b"", 4 if side == "client" else 5  # a client's first message has no type
        with suppress(OSError):
            while received := source.recv(65536):
                held += received
                while len(held) >= head and len(held) >= (size := head - 4 + struct.unpack(">i", held[head - 4 : head])[0]):
                    message, held, head = held[:size], held[size:], 5
                    through = self._through(side, message)
                    target.sendall(through)
                    if through != message:
                        raise OSError("cut")
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _through(self, side: Side, message: bytes) -> bytes:
        """What of a message passes."""
        with self._lock:
            number = self._passed[side]
            self._passed[side] += 1
            if self._cut is None or self._cut[:2] != (side, number):
                return message
            half = self._cut[2]
            self._cut, self.was_cut = None, True
            return message[: len(message) // 2] if half else b""


def _close_after(threads: list[threading.Thread], ends: tuple[socket.socket, ...]) -> None:
    for thread in threads:
        thread.join()
    for end in ends:
        end.close()
