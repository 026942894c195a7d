"""A ledger moved from one store to another, of whatever engine: the same positions, bytes and root.

Copying goes by pages, each a transaction with its part of the tree, so that what a copy was cut short at is a
ledger already and the next run goes on after it. Nothing is taken on trust: what is there must be the
beginning of what is copied, and in the end both sides are read again, entry by entry, and hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ledger import tree
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.merkle import Frontier, leaf_hashes
from ledger.store import LOCK_TIMEOUT_SECONDS, NewRow, Row, Store, postgres_store, sqlite_path

PAGE = 2048  # entries a transaction; eight tiles of the tree
PLACE = "SELECT pg_postmaster_start_time(), current_database(), to_regclass('stored_events')::oid"
Progress = Callable[[str, int, int], None]
"""Told what is being done (`compared`, `copied`, `verified`), how far it got, and of how many entries."""


class Copied(NamedTuple):
    """What a copy came to: the entries both hold, how many of them this run wrote, the root over all."""

    size: int
    written: int
    root: bytes


def check_apart(source: str, target: str) -> None:
    """Raises `Refused("same_ledger")` where two names lead to one ledger, however they are written.

    Called before either is opened: under the second name of a file SQLite keeps a second `-wal`. Files are told by
    device and inode, which opens none, so no lock held on them is lost; on PostgreSQL both are asked when their
    server started and which table of which database they mean.
    """
    paths = sqlite_path(source), sqlite_path(target)
    same = source == target
    if paths[0] is not None and paths[1] is not None:
        with suppress(OSError, ValueError):  # what is wrong with a name is said when it is opened
            same = same or Path(paths[0]).samefile(paths[1])
    elif paths == (None, None) and not same:
        there = _table(source), _table(target)
        same = there[0] == there[1] and None not in there[0]
    if same:
        raise Refused("same_ledger", "both names lead to one ledger; a ledger is copied to another place")


def _table(url: str) -> tuple[Any, ...]:
    """The server (by the moment it started), the database and the table of a ledger; None where there is no table."""
    postgres = postgres_store(url)
    server = postgres.LedgerServer(url, read_only=True, lock_timeout_seconds=LOCK_TIMEOUT_SECONDS)
    with closing(server.connect()) as connection:
        try:
            return tuple(connection.execute(PLACE).fetchone())
        except postgres.Failure as error:
            raise server.told(error) from error


def copy(source: Store, target: Store, progress: Progress | None = None, page: int = PAGE) -> Copied:
    """Copies every entry `source` holds when it begins into `target`, another ledger, and verifies both.

    A target that holds a beginning of the source already is gone on with. Raises `Refused`: `ledger_exists`
    where it holds anything else, or somebody writes to it meanwhile; `damaged_ledger` where what was read
    back differs; and whatever the two stores refuse. What was copied until then stays.
    """
    told = progress or _silent
    last = source.last()
    size = last.position if last else 0
    present = target.last()
    begun = present.position if present else 0
    if begun > size:
        held = number_of(begun, "entry")
        raise Refused("ledger_exists", f"the target holds {held}, the source {size}: it is no copy of it")
    for row, there in _pairs(source, target, begun, page):
        if row != there:
            raise Refused("ledger_exists", f"the target differs at position {row.position}: it is another ledger")
        if row.position % page == 0 or row.position == begun:
            told("compared", row.position, begun)
    done = begun
    while done < size:
        rows = source.read(done + 1, min(page, size - done))
        if not rows:
            raise Refused("damaged_ledger", f"the source lacks position {done + 1} of {size}")
        _append(target, done, rows)
        done += len(rows)
        told("copied", done, size)
    return Copied(size, size - begun, _verified(source, target, size, page, told))


def _append(target: Store, done: int, rows: list[Row]) -> None:
    with target.write() as transaction:
        last = transaction.last()
        if (last.position if last else 0) != done:
            raise Refused("ledger_exists", "somebody else writes to the target; let nobody, and copy again")
        if done and transaction.begin_tree():
            tree.build(transaction, done)
        first = transaction.insert([NewRow(*row[1:]) for row in rows])
        assert first == done + 1 == rows[0].position, (first, done, rows[0].position)
        tree.extend(transaction, first, [row.state for row in rows])


def _verified(source: Store, target: Store, size: int, page: int, told: Progress) -> bytes:
    """The root over both, each recomputed from its own bytes, and the target's own tree held against it."""
    roots = Frontier(), Frontier()
    hashes: tuple[list[bytes], list[bytes]] = [], []
    for row, there in _pairs(source, target, size, page):
        if row != there:
            raise Refused("damaged_ledger", f"read back, the target differs at position {row.position}")
        for kept, one in zip(hashes, (row, there), strict=True):
            kept += leaf_hashes([one.state])
        if row.position % page == 0 or row.position == size:
            roots = roots[0].append(hashes[0]), roots[1].append(hashes[1])
            hashes = [], []
            told("verified", row.position, size)
    ours, theirs = (frontier.root() for frontier in roots)
    if ours != theirs or tree.root_at(target, size) != theirs:
        raise Refused("damaged_ledger", "read back, the target has another root than the source")
    return theirs


def _pairs(source: Store, target: Store, size: int, page: int) -> Iterator[tuple[Row, Row]]:
    """The entries of both up to a position, side by side."""
    start = 1
    while start <= size:
        count = min(page, size - start + 1)
        sides = source.read(start, count), target.read(start, count)
        for name, rows in zip(("source", "target"), sides, strict=True):
            if len(rows) != count:
                raise Refused("damaged_ledger", f"the {name} lacks entries from position {start} to {size}")
        yield from zip(*sides, strict=True)
        start += count


def _silent(stage: str, done: int, of: int) -> None:
    pass
