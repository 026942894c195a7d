"""What a writer does between taking a PostgreSQL ledger's write lock and giving it up.

The store lends its writing connection for the length of the `with`; whatever failed meanwhile, even if its caller
swallowed the error, makes the whole of it roll back. While more rows are to come their COPY stays open, so that the
server takes in some while the writer checks the next; any other question ends it first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ledger import postgres_rows, postgres_tree
from ledger import postgres_schema as sql
from ledger.store import Row, Values

P = ParamSpec("P")
T = TypeVar("T")


class PostgresTransaction:
    """A `ledger.store.Transaction`, and the `with` that begins and ends it.

    `begin` takes the locks and gives the connection, the last position and the last entry; `end` commits or rolls
    back, after what was sent and not answered yet, and gives them up; `told` says an error of PostgreSQL as the
    ledger says it.
    """

    __slots__ = (
        "_begin", "_connection", "_copy", "_copying", "_end", "_failure", "_last", "_position", "_sent", "_tiles",
        "_told",
    )  # fmt: skip

    def __init__(
        self,
        begin: Callable[[], tuple[sql.Connection, int, Row | None]],
        end: Callable[[bool, AbstractContextManager[object]], None],
        told: Callable[[BaseException], Exception],
    ) -> None:
        self._begin = begin
        self._end = end
        self._told = told
        self._connection: sql.Connection | None = None
        self._failure: BaseException | None = None
        self._position = 0
        self._last: Row | None = None  # before anything was inserted
        self._tiles: list[tuple[int, int, bytes, bytes]] = []  # put, and not sent yet
        self._copying: ExitStack | None = None  # what ends the COPY that is open
        self._copy: Any = None
        self._sent: ExitStack | None = None  # what waits for the answers to what was sent

    def __enter__(self) -> Self:
        self._connection, self._position, self._last = self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = False
        try:
            with suppress(Exception):  # it is kept, and raised below
                if kind is None and self._failure is None:
                    self._send_tiles()
                    if self._sent is None:
                        self._ask(_nothing)
                elif self._copying is not None:
                    self._copying.__exit__(kind, error, trace)
            whole = kind is None and self._failure is None
        finally:  # whatever interrupts the wait, the locks are given up
            self._connection = None
            self._end(whole, self._sent or nullcontext())
        if kind is None and self._failure is not None:
            raise self._failure  # its caller swallowed it: what was inserted is incomplete

    @property
    def portion(self) -> int:
        return postgres_rows.PORTION

    def last(self) -> Row | None:
        before = 0 if self._last is None else self._last.position
        return self._last if self._position == before else self._ask(sql.last_row)

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

    def insert(self, rows: Sequence[Values], *, more: bool = False) -> int:
        assert rows, "nothing to insert"
        first = self._position + 1
        self._position += len(rows)
        if len(rows) <= postgres_rows.FEW and not more and self._copying is None:
            self._tell(self._send, rows, first)
            return first
        self._tell(self._write, rows, first)
        if not more:
            self._ask(_nothing)
        return first

    def _send(self, connection: sql.Connection, rows: Sequence[Values], first: int) -> None:
        """Few rows wait for no answer: they and the COMMIT that mostly follows are one way to the server and back."""
        if self._sent is None:
            self._sent = ExitStack()
            self._sent.enter_context(connection.pipeline())
        postgres_rows.insert_few(connection, rows, first)

    def _write(self, connection: sql.Connection, rows: Sequence[Values], first: int) -> None:
        if self._copying is None:
            self._finish(connection)
            self._copying = ExitStack()
            cursor = self._copying.enter_context(connection.cursor())
            self._copy = self._copying.enter_context(cursor.copy(postgres_rows.COPY))
            self._copy.write(postgres_rows.COPY_BEGINS)
        for block in postgres_rows.blocks(rows, first):
            self._copy.write(block)

    def _finish(self, connection: sql.Connection) -> None:
        """Ends the COPY that is open, or waits for what was sent; what is wrong with any row is told now."""
        copying, self._copying = self._copying, None
        sent, self._sent = self._sent, None
        if sent is not None:
            sent.close()
        if copying is not None:
            with copying:
                self._copy.write(postgres_rows.COPY_ENDS)

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
