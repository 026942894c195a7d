"""What a writer does between taking a SQLite ledger's write lock and giving it up.

The store lends its writing connection for the length of the `with`; whatever failed meanwhile, even if its
caller swallowed the error, makes the whole of it roll back. While more rows are to come, SQLite takes those at
hand in beside the writer; any other question waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from ledger import sqlite_schema as sql
from ledger import sqlite_tree
from ledger.store import Row, Values

if TYPE_CHECKING:
    from ledger.sqlite_beside import Beside

P = ParamSpec("P")
T = TypeVar("T")


class SQLiteTransaction:
    """A `ledger.store.Transaction`, and the `with` that begins and ends it.

    `begin` takes the locks and gives the connection, `end` commits (or rolls back) what may have been a long batch
    and gives them up, `told` says an error of SQLite as the ledger says it.
    """

    __slots__ = ("_begin", "_beside", "_connection", "_end", "_failure", "_position", "_tiles", "_told", "_unsettled")

    def __init__(
        self, begin: Callable[[], sql.Connection], end: Callable[[bool, bool], None], told: Callable[[Any], Exception]
    ) -> None:
        self._begin = begin
        self._end = end
        self._told = told
        self._connection: sql.Connection | None = None
        self._failure: BaseException | None = None
        self._position: int | None = None  # the last, once known
        self._beside: Beside | None = None  # for a batch long enough to need it
        self._unsettled = 0  # rows that are being inserted there
        self._tiles: list[tuple[int, int, bytes, bytes]] = []  # put meanwhile

    def __enter__(self) -> Self:
        self._connection = self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = False
        try:
            if self._beside is not None:
                self._leave(self._beside)
            whole = kind is None and self._failure is None
        finally:  # whatever interrupts the wait, the locks are given up
            self._connection = None
            self._end(whole, self._beside is not None)
        if kind is None and self._failure is not None:
            raise self._failure  # its caller swallowed it: what was inserted is incomplete

    def _leave(self, beside: Beside) -> None:
        try:
            with suppress(Exception):  # it is kept, and raised by `__exit__`
                self._ask(_nothing)
        finally:
            beside.close()  # or a statement not begun yet would be carried out after the end, as a write of its own

    @property
    def portion(self) -> int:
        return sql.BESIDE

    def last(self) -> Row | None:
        row = self._ask(sql.last_row)
        self._position = row.position if row else 0
        return row

    def tail(self, stream: str, after_version: int) -> list[Row]:
        return self._ask(sql.stream_rows, stream, after_version)

    def read(self, start: int, limit: int) -> list[Row]:
        return self._ask(sql.page_rows, start, limit)

    def insert(self, rows: Sequence[Values], *, more: bool = False) -> int:
        assert rows, "nothing to insert"
        if more and len(rows) == sql.BESIDE and self._position is not None:
            return self._insert_beside(rows, self._position)
        first = self._ask(sql.append, rows, self._position)
        self._position = first + len(rows) - 1
        return first

    def _insert_beside(self, rows: Sequence[Values], last: int) -> int:
        columns = list(chain.from_iterable(rows))
        self._ask(self._begin_beside, columns)
        self._unsettled = len(rows)
        self._position = last + len(rows)
        return last + 1

    def _begin_beside(self, connection: sql.Connection, columns: Sequence[Any]) -> None:
        if self._beside is None:
            from ledger.sqlite_beside import Beside

            self._beside = Beside(connection)
        self._beside.execute(sql.INSERT_BESIDE, columns)

    def begin_tree(self) -> bool:
        return self._ask(sqlite_tree.begin_tree, sql.SCHEMA_VERSION)

    def put_tile(self, level: int, number: int, root: bytes, hashes: bytes) -> None:
        if self._unsettled:
            self._tiles.append((level, number, root, hashes))
        else:
            self._ask(sqlite_tree.put_tile, level, number, root, hashes)

    def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
        return self._ask(sqlite_tree.tile_roots, level, first, count)

    def _settle(self, connection: sql.Connection) -> None:
        """What was begun beside is done, and what waited for it too."""
        count, self._unsettled = self._unsettled, 0
        tiles, self._tiles = self._tiles, []
        if count:
            assert self._beside is not None
            assert self._position is not None
            self._beside.settle()
            sql.check_follows(connection, self._position - count, count)
        for tile in tiles:
            sqlite_tree.put_tile(connection, *tile)

    def _ask(self, question: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        assert self._connection is not None, "the transaction is over"
        try:
            if self._unsettled:
                self._settle(self._connection)
            return question(self._connection, *args, **kwargs)
        except BaseException as error:
            self._failure = error
            if hasattr(error, "sqlite_errorcode"):
                self._failure = self._told(error)
                raise self._failure from error
            raise


def _nothing(connection: sql.Connection) -> None:
    """Asks only that what was begun is done."""
