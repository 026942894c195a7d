"""The tree over a ledger's entries: kept in the transaction that appends them, read at any size.

Leaf number `position - 1` is the hash of an entry's exact bytes (RFC 6962). Only full tiles of 256 hashes
are stored (C2SP tlog-tiles), each once; what hangs over the last full tile is hashed from the last entries'
bytes when it is needed, so that an append costs its own hash and, every 256th time, one tile. A root or a
proof at any size up to the ledger's last position costs a few tiles, whatever the ledger's length.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Protocol

from ledger import merkle
from ledger.errors import Refused
from ledger.merkle import HASH_BYTES, Node, leaf_hashes
from ledger.store import Row
from ledger.tiles import WIDTH, node_from_tiles


class TreeReader(Protocol):
    """What the tree is read from: a store."""

    def read(self, start: int, limit: int, stop: int | None = None, topics: Sequence[str] = ()) -> list[Row]:
        """Entries by position."""

    def tile(self, level: int, number: int) -> bytes | None:
        """The hashes of a full tile."""

    def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
        """The roots over full tiles, in order."""


class TreeWriter(Protocol):
    """What the tree is extended in: a transaction."""

    def read(self, start: int, limit: int) -> list[Row]:
        """Entries by position, the transaction's own included."""

    def put_tile(self, level: int, number: int, root: bytes, hashes: bytes) -> None:
        """Stores a full tile."""

    def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
        """The roots over full tiles, the transaction's own included."""


def extend(writer: TreeWriter, first_position: int, states: Sequence[bytes]) -> None:
    """Store every tile that these entries, from `first_position` on, fill."""
    last = first_position + len(states) - 1
    for number in range((first_position - 1) // WIDTH, last // WIDTH):
        start, end = number * WIDTH + 1, (number + 1) * WIDTH
        before = [row.state for row in writer.read(start, first_position - start)] if start < first_position else []
        _fill(
            writer,
            0,
            number,
            leaf_hashes([*before, *states[max(start - first_position, 0) : end - first_position + 1]]),
        )


def _fill(writer: TreeWriter, level: int, number: int, hashes: list[bytes]) -> None:
    assert len(hashes) == WIDTH, (level, number, len(hashes))
    writer.put_tile(level, number, merkle.root(hashes), b"".join(hashes))
    if number % WIDTH == WIDTH - 1:
        _fill(writer, level + 1, number // WIDTH, writer.tile_roots(level, number - WIDTH + 1, WIDTH))


def build(writer: TreeWriter, size: int) -> None:
    """Store the tiles of a ledger that was written without a tree: all of its first `size` entries."""
    for start in range(1, size - size % WIDTH + 1, WIDTH):
        extend(writer, start, [row.state for row in writer.read(start, WIDTH)])


def node_of(reader: TreeReader, size: int) -> Node:
    """The subtree roots of the first `size` entries. Raises `Refused("damaged_ledger")` where a tile is missing."""

    def tile(level: int, number: int, width: int) -> bytes:
        full = reader.tile(level, number) if level == 0 or width == WIDTH else None
        if full is not None:  # one row, where the roots over the tiles below are 256
            return full[: width * HASH_BYTES]
        if level == 0:
            rows = reader.read(number * WIDTH + 1, width)
            return b"".join(leaf_hashes(row.state for row in rows))
        roots = reader.tile_roots(level - 1, number * WIDTH, width)
        if len(roots) != width:
            raise Refused("damaged_ledger", f"the tree lacks a tile of level {level - 1} from number {number * WIDTH}")
        return b"".join(roots)

    return node_from_tiles(tile, size)


def root_at(reader: TreeReader, size: int) -> bytes:
    """The root over the first `size` entries, from the stored tiles."""
    return merkle.frontier(size, node_of(reader, size)).root()


def root_text(root: bytes) -> str:
    """A root as checkpoints and answers write it: base64."""
    return b64encode(root).decode()


class EntryReader(Protocol):
    """What entries are read from, one way or the other: a store or a transaction."""

    def read(self, start: int, limit: int) -> list[Row]:
        """Entries by position."""


def recomputed_root(reader: EntryReader, size: int, page: int = 4096) -> bytes:
    """The root a second way: every entry's bytes read and hashed anew, no tile believed."""
    found, start = merkle.Frontier(), 1
    while start <= size:
        rows = reader.read(start, min(page, size - start + 1))
        if not rows:
            raise Refused("damaged_ledger", f"position {start} is missing of {size}")
        found = found.append(leaf_hashes(row.state for row in rows))
        start += len(rows)
    return found.root()
