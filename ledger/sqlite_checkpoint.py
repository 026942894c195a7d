"""What a long batch left in a ledger's -wal, moved into its file beside whoever goes on.

A commit is durable once it is in the -wal; that its pages are copied into the file afterwards keeps the -wal short,
and need not be waited for (https://sqlite.org/wal.html, "Application-Initiated Checkpoints").
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from ledger.errors import Refused
from ledger.worker import aside

# after a commit that leaves the -wal so long SQLite does it by itself; 1000 is what it begins with
BY_ITSELF, NEVER_BY_ITSELF = "PRAGMA wal_autocheckpoint = 1000", "PRAGMA wal_autocheckpoint = 0"


class Checkpointing:
    """One at a time, each on a connection and a thread of its own; to be settled before the next write begins."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._under_way: Callable[[], Any] | None = None

    def begin(self) -> None:
        """Begins one, the last one settled."""
        self.settle()
        self._under_way = aside("ledger-checkpoint", self._carry_out)

    def settle(self) -> None:
        """Waits until none is under way."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way()

    def _carry_out(self) -> None:
        """What keeps one from its work keeps it from the file alone: all is in the -wal, and the next one is due."""
        with suppress(sqlite3.Error, Refused), closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
