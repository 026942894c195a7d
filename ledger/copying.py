"""A ledger moved from one store to another, of whatever engine: the same positions, bytes and root.

Copying goes by pages, each a transaction with its part of the tree, so that what a copy was cut short at is a
ledger already and the next run goes on after it. Nothing is taken on trust: what is there must be the
beginning of what is copied, and in the end both sides are read again, entry by entry, and hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ledger import tree
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.merkle import Frontier, leaf_hashes
from ledger.store import NewRow, Row, Store

PAGE = 2048  # entries a transaction; eight tiles of the tree
Progress = Callable[[str, int, int], None]
"""Told what is being done (`compared`, `copied`, `verified`), how far it got, and of how many entries."""


class Copied(NamedTuple):
    """What a copy came to: the entries both hold, how many of them this run wrote, the root over all."""

    size: int
    written: int
    root: bytes


def copy(source: Store, target: Store, progress: Progress | None = None, page: int = PAGE) -> Copied:
    """Copies every entry `source` holds when it begins into `target`, and verifies both.

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
