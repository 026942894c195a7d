"""What a writer does between taking a PostgreSQL ledger's write lock and giving it up.

The store lends its writing connection for the length of the `with`; whatever failed meanwhile, even if its caller
swallowed the error, makes the whole of it roll back. While more rows are to come their COPY stays open, so that the
server takes in some while the writer checks the next; any other question ends it first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ledger import postgres_schema as sql
from ledger import postgres_tree
from ledger.store import NewRow, Row

P = ParamSpec("P")
T = TypeVar("T")


class PostgresTransaction:
    """A `ledger.store.Transaction`, and the `with` that begins and ends it.

    `begin` takes the locks and gives the connection and the last position, `end` commits or rolls back and gives
    them up, `told` says an error of PostgreSQL as the ledger says it.
    """

    __slots__ = (
        "_begin", "_checked", "_connection", "_copy", "_copying", "_end", "_failure", "_position", "_tiles", "_told",
    )  # fmt: skip

    def __init__(
        self,
        begin: Callable[[], tuple[sql.Connection, int]],
        end: Callable[[bool], None],
        told: Callable[[BaseException], Exception],
    ) -> None:
        self._begin = begin
        self._end = end
        self._told = told
        self._connection: sql.Connection | None = None
        self._failure: BaseException | None = None
        self._position = 0
        self._checked = False  # that the entries reach as far as the head says
        self._tiles: list[tuple[int, int, bytes, bytes]] = []  # put, and not sent yet
        self._copying: ExitStack | None = None  # what ends the COPY that is open
        self._copy: Any = None

    def __enter__(self) -> Self:
        self._connection, self._position = self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):  # it is kept, and raised below
            if kind is None and self._failure is None:
                self._send_tiles()
                self._ask(_nothing)
            elif self._copying is not None:
                self._copying.__exit__(kind, error, trace)
        self._connection = None
        self._end(kind is None and self._failure is None)
        if kind is None and self._failure is not None:
            raise self._failure  # its caller swallowed it: what was inserted is incomplete

    def last(self) -> Row | None:
        row = self._ask(sql.last_row)
        self._checked = True
        return row

    def tail(self, stream: str, after_version: int) -> list[Row]:
        return self._ask(sql.stream_rows, stream, after_version)

    def read(self, start: int, limit: int) -> list[Row]:
        return self._ask(sql.page_rows, start, limit)

    def begin_tree(self) -> bool:
        return False  # every schema version has had a tree

    def put_tile(self, level: int, number: int, root: bytes, hashes: bytes) -> None:
        assert self._connection is not None, "the transaction is over"
        self._tiles.append((level, number, root, hashes))

    def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
        self._send_tiles()
        return self._ask(postgres_tree.tile_roots, level, first, count)

    def insert(self, rows: Sequence[NewRow], *, more: bool = False) -> int:
        assert rows, "nothing to insert"
        if not self._checked:
            self.last()
        first = self._position + 1
        self._tell(self._write, rows, first)
        self._position += len(rows)
        if not more:
            self._ask(_nothing)
        return first

    def _write(self, connection: sql.Connection, rows: Sequence[NewRow], first: int) -> None:
        if self._copying is None:
            self._copying = ExitStack()
            cursor = self._copying.enter_context(connection.cursor())
            self._copy = self._copying.enter_context(cursor.copy(sql.COPY))
            self._copy.write(sql.COPY_BEGINS)
        for block in sql.blocks(rows, first):
            self._copy.write(block)

    def _finish(self, connection: sql.Connection) -> None:
        """Ends the COPY that is open; what is wrong with any row of it is told now."""
        copying, self._copying = self._copying, None
        if copying is not None:
            with copying:
                self._copy.write(sql.COPY_ENDS)

    def _send_tiles(self) -> None:
        tiles, self._tiles = self._tiles, []
        if tiles:
            self._ask(postgres_tree.put_tiles, tiles)

    def _ask(self, question: Callable[Concatenate[sql.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._tell(self._finish)
        return self._tell(question, *args, **kwargs)

    def _tell(self, question: Callable[Concatenate[sql.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        assert self._connection is not None, "the transaction is over"
        try:
            return question(self._connection, *args, **kwargs)
        except BaseException as error:
            told = self._told(error) if hasattr(error, "sqlstate") else error
            self._failure = self._failure or told
            if told is error:
                raise
            raise told from error


def _nothing(connection: sql.Connection) -> None:
    """Asks only that what was begun is ended."""
