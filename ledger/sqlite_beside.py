"""A long batch on two cores: SQLite takes rows in, on a thread beside the writer's, while the next are checked.

SQLite works on a statement without Python's lock, so a statement of many rows is work another core can do. One
is under way at a time, and whoever wants the connection for anything else settles it first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ledger.sqlite_schema import Connection
from ledger.worker import Worker


class Beside:
    """One connection's statements, each carried out on a thread of its own while its giver goes on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._worker = Worker("ledger-insert")
        self._under_way: Callable[[], Any] | None = None

    def execute(self, statement: str, parameters: Sequence[Any]) -> None:
        """Begins one statement, the last one settled, and returns when SQLite has all it needs for it."""
        self.settle()
        self._under_way = self._worker.begin(self._connection.execute, statement, parameters)

    def settle(self) -> None:
        """Waits until nothing is under way. Raises what SQLite raised of the last statement, once."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way()

    def close(self) -> None:
        """Waits likewise, and ends the thread; what was raised is not said again."""
        self._worker.close()
