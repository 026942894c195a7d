"""What a writer does between taking a PostgreSQL ledger's write lock and giving it up.

The store lends its writing connection for the length of the `with`; whatever failed meanwhile, even if its caller
swallowed the error, makes the whole of it roll back. While more rows are to come their COPY stays open, so that the
server takes in some while the writer checks the next; now and then it is ended beside the writer, so that the server
checks some too. Any other question waits for all that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from ledger import postgres_rows, postgres_tree
from ledger import postgres_schema as sql
from ledger.store import NewRow, Row

if TYPE_CHECKING:
    from ledger.worker import Worker

P = ParamSpec("P")
T = TypeVar("T")

PORTION = 512  # rows at once: about what fits on its way to the server, so that nobody waits until they are taken
CHECKED = 2048  # rows of a COPY, the server checks them at its end: while the writer takes as many again


class PostgresTransaction:
    """A `ledger.store.Transaction`, and the `with` that begins and ends it.

    `begin` takes the locks and gives the connection, the last position and the last entry; `end` commits or rolls
    back, after what was sent and not answered yet, and gives them up; `told` says an error of PostgreSQL as the
    ledger says it.
    """

    __slots__ = (
        "_begin", "_connection", "_copied", "_copy", "_copying", "_end", "_ending", "_failure", "_last", "_position",
        "_sent", "_tiles", "_told", "_worker",
    )  # fmt: skip
    portion = PORTION

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
        self._copied = 0  # rows of it
        self._worker: Worker | None = None  # for a batch long enough to need it
        self._ending: Callable[[], None] | None = None  # what waits for the end of a COPY
        self._sent: ExitStack | None = None  # what waits for the answers to what was sent

    def __enter__(self) -> Self:
        self._connection, self._position, self._last = self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = False
        try:
            self._leave(kind, error, trace)
            whole = kind is None and self._failure is None
        finally:  # whatever interrupts the wait, the locks are given up
            self._connection = None
            self._end(whole, self._sent or nullcontext())
        if kind is None and self._failure is not None:
            raise self._failure  # its caller swallowed it: what was inserted is incomplete

    def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with suppress(Exception):  # it is kept, and raised by `__exit__`
                if kind is None and self._failure is None:
                    self._send_tiles()
                    if self._sent is None:
                        self._ask(_nothing)
                elif self._copying is not None:
                    self._copying.__exit__(kind, error, trace)
                elif self._ending is not None:
                    self._ending()
        finally:
            if self._worker is not None:
                self._worker.close()  # or it would go on with a connection that is lent no more

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

    def insert(self, rows: Sequence[NewRow], *, more: bool = False) -> int:
        assert rows, "nothing to insert"
        first = self._position + 1
        self._position += len(rows)
        if len(rows) <= postgres_rows.FEW and not more and self._copying is self._ending is None:
            self._tell(self._send, rows, first)
            return first
        self._tell(self._write, rows, first)
        if not more:
            self._ask(_nothing)
        elif self._copied >= CHECKED:
            self._tell(self._end_beside)
        return first

    def _send(self, connection: sql.Connection, rows: Sequence[NewRow], first: int) -> None:
        """Few rows wait for no answer: they and the COMMIT that mostly follows are one way to the server and back."""
        if self._sent is None:
            self._sent = ExitStack()
            self._sent.enter_context(connection.pipeline())
        postgres_rows.insert_few(connection, rows, first)

    def _write(self, connection: sql.Connection, rows: Sequence[NewRow], first: int) -> None:
        if self._copying is None:
            self._finish(connection)
            self._copying, self._copied = ExitStack(), 0
            cursor = self._copying.enter_context(connection.cursor())
            self._copy = self._copying.enter_context(cursor.copy(postgres_rows.COPY))
            self._copy.write(postgres_rows.COPY_BEGINS)
        for block in postgres_rows.blocks(rows, first):
            self._copy.write(block)
        self._copied += len(rows)

    def _end_beside(self, connection: sql.Connection) -> None:
        """Begins to end the COPY that is open: the server answers once it has taken and checked all of it."""
        assert self._copying is not None
        if self._worker is None:
            from ledger.worker import Worker

            self._worker = Worker("ledger-copy")
        copying, self._copying = self._copying, None
        self._ending = self._worker.begin(self._end_copy, copying)

    def _end_copy(self, copying: ExitStack) -> None:
        with copying:
            self._copy.write(postgres_rows.COPY_ENDS)

    def _finish(self, connection: sql.Connection) -> None:
        """Ends the COPY that is open, or waits for what was sent; what is wrong with any row is told now."""
        copying, self._copying = self._copying, None
        sent, self._sent = self._sent, None
        ending, self._ending = self._ending, None
        if sent is not None:
            sent.close()
        if ending is not None:
            ending()
        if copying is not None:
            self._end_copy(copying)

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
