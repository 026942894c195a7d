"""The append-only log as the rest of the house sees it, whatever engine keeps it.

An entry has a place in its stream, the version, from 1, and a place in the whole ledger, the position, from
1 without a gap and in the order of commit. An engine promises: what `write` committed survives a kill and
a power loss; what it did not commit leaves nothing, not even a gap; no entry is ever changed or removed.
Threads of one process may share a `Store`; a forked child opens its own. Where the stored rows contradict
these promises, reading refuses with `damaged_ledger` rather than answer from what is left.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from ledger.errors import Refused

if TYPE_CHECKING:
    from eventsourcing.persistence import ApplicationRecorder, Subscription

    from ledger.entry_mapper import EntryMapper

__all__ = [
    "OPENING_TOPICS", "Columns", "EntryMapper", "Lines", "NewRow", "Row", "Store", "Transaction", "Values",
    "open_store",
]  # fmt: skip

OPENING_TOPICS = ("contract_started", "service_started", "service_assigned")
"""The entries that say which streams there are and what runs on what; engines index them alone."""

LOCK_TIMEOUT_SECONDS = 10.0


class Row(NamedTuple):
    """One stored entry: its position in the ledger, its place in its stream, its wire name, its bytes."""

    position: int
    stream: str
    version: int
    topic: str
    state: bytes


class Columns(NamedTuple):
    """Some stored entries, column by column."""

    positions: tuple[int, ...] = ()
    streams: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    topics: tuple[str, ...] = ()
    states: tuple[bytes, ...] = ()


class Lines(NamedTuple):
    """Some stored entries that follow each other, in the ledger or in a stream: positions, and bytes, a line each."""

    positions: Sequence[int]
    lines: bytes


class NewRow(NamedTuple):
    """An entry about to be stored; the engine gives it its position."""

    stream: str
    version: int
    topic: str
    state: bytes


Values = tuple[str, int, str, bytes]  # those of a NewRow, where a class costs more than its names are worth


class Transaction(Protocol):
    """What a writer sees under the write lock: nobody else appends until it ends."""

    @property
    def portion(self) -> int:
        """How many rows of a long batch it had best be given at once: a few tiles of the tree, whole."""

    def last(self) -> Row | None:
        """The last entry of the ledger, or None. Raises `Refused("damaged_ledger")` if later ones are gone."""

    def tail(self, stream: str, after_version: int) -> list[Row]:
        """The entries of a stream with a version above `after_version`, in order."""

    def read(self, start: int, limit: int) -> list[Row]:
        """At most `limit` entries by position from `start`, those of this transaction included."""

    def begin_tree(self) -> bool:
        """Makes room for the tree in a ledger written without one; whether it had to."""

    def put_tile(self, level: int, number: int, root: bytes, hashes: bytes) -> None:
        """Stores a full tile of the tree, once and for all, with the root over it."""

    def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
        """The roots over the full tiles of a level from number `first`, those of this transaction included."""

    def insert(self, rows: Sequence[Values], *, more: bool = False) -> int:
        """Appends one row or more and returns the position of the first; the others follow it at once.

        With `more` others are to come. What is wrong with any of them an engine may say here, at the next question,
        or only at the end of the `with`.
        Raises `eventsourcing.persistence.IntegrityError` when a version does not follow its stream's last
        (a writer that did not look at the tail), `Refused("damaged_ledger")` when positions would not follow
        the ledger's last, `Refused("store_failed")` when the disk or server fails. After any of them the
        transaction commits nothing, even if its caller swallows the error.
        """


class Store(Protocol):
    """The log of one ledger, open."""

    @property
    def url(self) -> str:
        """How it was named when it was opened."""

    @property
    def recorder(self) -> ApplicationRecorder:
        """The library's own seam over the same table, for its projections and runners; it raises the
        library's errors. What it inserts obeys the same rules."""

    def write(self) -> AbstractContextManager[Transaction]:
        """Takes the write lock; commits durably on normal exit, rolls back everything on an exception.

        Raises `Refused`: `locked` (another writer kept the lock for the whole timeout), `read_only`,
        `store_failed`. A thread that is writing may read, and sees what was committed, but not write again.
        """

    def last(self) -> Row | None:
        """The last committed entry, or None in an empty ledger."""

    def read(self, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()) -> list[Row]:
        """At most `limit` entries by position, from `start` to `stop`, both included, of these topics (all)."""

    def columns(self, start: int, limit: int) -> Columns:
        """What `read` gives, column by column: who looks at every entry need not have a `Row` made of each."""

    def pages(
        self, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()
    ) -> Iterator[list[tuple[int, bytes]]]:
        """What `read` gives, to the end: at most `limit` at a time, position and bytes alone, all a replay looks at."""

    def lines(self, start: int, limit: int, stop: int | None = None) -> Lines:
        """What `read` gives of the bytes, put together by the engine: between each two entries one line end."""

    @property
    def reads_apart(self) -> bool:
        """Whether another thread's question is answered beside one's own at no great cost."""

    def last_version(self, stream: str) -> int:
        """The version of a stream's last entry; 0 where there is none."""

    def stream_lines(self, stream: str, after_version: int, limit: int) -> Lines:
        """Likewise of what `read_stream` gives."""

    def read_stream(
        self, stream: str, after_version: int = 0, upto_position: int | None = None, limit: int | None = None
    ) -> list[Row]:
        """The entries of a stream after a version, up to a position of the ledger (included), in order."""

    def read_at(self, position: int) -> Row | None:
        """The entry at a position, or None where the ledger has not got to."""

    def states_at(self, positions: Sequence[int]) -> list[tuple[int, bytes]]:
        """The bytes of the entries at these positions, in the order of positions; where none is, none is given."""

    def openings(self) -> list[Row]:
        """Every entry of `OPENING_TOPICS`, by position, at a cost that follows their number alone."""

    def tile(self, level: int, number: int) -> bytes | None:
        """The 256 hashes of a full tile of the tree, or None where there is none (yet)."""

    def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
        """The roots over the full tiles of a level from number `first`, at most `count`, in order."""

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """The entries after position `gt` (all), then each new one as any thread or process commits it.

        A context manager and an endless iterator of the library's `Notification`; `stop` from any thread,
        or the store's `close`, ends the iteration. Use it in a `with`: its thread runs until it is stopped.
        """

    def stat(self) -> dict[str, int | str]:
        """`engine`, `entries`, `bytes` (on disk), `schema_version`, `access` (read_write, read_only, frozen)."""

    def close(self) -> None:
        """Ends subscriptions and gives back files and connections. Closing twice is fine."""


def open_store(
    url: str,
    *,
    create: bool,
    read_only: bool = False,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> Store:
    """Opens the ledger at a path, `sqlite:///path` (four slashes for an absolute one) or `postgresql://...`.

    `create` makes it where there is none, and opens it where there is one; without it a missing ledger is
    refused as `no_ledger`. `read_only` never changes the ledger. `lock_timeout_seconds` is how long a writer
    waits for another. Raises `Refused`: `no_ledger`, `not_a_ledger`, `newer_ledger`, `read_only` (it cannot
    be created there), `locked`, `store_failed`, `damaged_ledger`, `missing_extra`.
    """
    assert not (create and read_only), "a ledger is created by writing"
    path = sqlite_path(url)
    if path is not None:
        from ledger.sqlite_store import open_sqlite

        return open_sqlite(url, path, create=create, read_only=read_only, lock_timeout_seconds=lock_timeout_seconds)
    opened = postgres_store(url).open_postgres
    return cast(Store, opened(url, create=create, read_only=read_only, lock_timeout_seconds=lock_timeout_seconds))


def sqlite_path(url: str) -> str | None:
    """The path in the name of a ledger that lives in a SQLite file; None in any other name."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    return rest.removeprefix("/") if scheme == "sqlite" else None


def shown(url: str) -> str:
    """The place of a ledger as it may be repeated: a URL without its password."""
    return re.sub(r"(?<=:)[^:/@]*(?=@)|(?<=[?&]password=)[^&]*", "***", url) if "@" in url else url


def postgres_store(url: str) -> Any:
    """The module that knows the way to a ledger on PostgreSQL. Raises `Refused`: `no_ledger`, `missing_extra`."""
    if url.partition("://")[0] not in ("postgresql", "postgres"):
        raise Refused("no_ledger", f"{shown(url)}: a ledger is a path, sqlite:///path or postgresql://...")
    try:
        return importlib.import_module("ledger.postgres_store")
    except ImportError as error:
        raise Refused(
            "missing_extra", f"{shown(url)}: PostgreSQL needs the extra `service-ledger[postgres]` ({error})"
        ) from error


def __getattr__(name: str) -> Any:
    """`EntryMapper`, imported when first used: the library it comes from costs a command a sixth of its start."""
    if name == "EntryMapper":
        from ledger.entry_mapper import EntryMapper

        return EntryMapper
    raise AttributeError(name)
