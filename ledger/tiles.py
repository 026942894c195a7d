"""A log as static files, as C2SP tlog-tiles lays them out: hash tiles 256 wide and bundles of 256 entries.

Tile `number` of `level` holds the hashes of 256 perfect subtrees of `256**level` leaves side by side; the last
of a level may be partial, and a partial tile is not hashed into the level above. A bundle holds the entries of
a level-0 tile, each after its length in two bytes, big-endian. Paths are `tile/<level>/<number>[.p/<width>]` and
`tile/entries/<number>[.p/<width>]`, the number in groups of three digits, all but the last after an `x`. Bytes
that are not exactly that are `Refused("bad_bundle")`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ledger.counting import number_of
from ledger.errors import Refused
from ledger.merkle import HASH_BYTES, MAX_SIZE, Node, root

WIDTH = 256
WIDTH_BITS = 8
ENTRIES = -1  # the level of an entry bundle, which stands below the hashes
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 65_535
FULL_TILE_BYTES = WIDTH * HASH_BYTES

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")
_LONGEST_PATH = 60


class Tile(NamedTuple):
    """Which tile: its level (`ENTRIES` for a bundle), its number in the level, and how many of the 256 it holds."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where the tile lies below the log's own address."""
        assert ENTRIES <= self.level <= MAX_LEVEL, self
        assert self.number >= 0, self
        assert 1 <= self.width <= WIDTH, self
        groups = f"{self.number % 1000:03d}"
        rest = self.number // 1000
        while rest:
            groups = f"x{rest % 1000:03d}/{groups}"
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{groups}" + ("" if self.width == WIDTH else f".p/{self.width}")


def parse_path(path: str) -> Tile:
    """The tile that lies at `path`, which must be the one way to write it."""
    found = _PATH.match(path) if len(path) <= _LONGEST_PATH else None
    if found:
        level, groups, last, width = found.groups()
        number = int(groups.replace("x", "").replace("/", "") + last)
        tile = Tile(ENTRIES if level == "entries" else int(level), number, int(width or WIDTH))
        if tile.level <= MAX_LEVEL and number <= MAX_SIZE and (not width or tile.width < WIDTH) and tile.path == path:
            return tile
    raise Refused("bad_bundle", "a path that names no tile of a log")


def width_in(size: int, level: int, number: int) -> int:
    """How many of its 256 places the tile holds in a tree of `size` leaves: 0 where there is no such tile."""
    held = size >> WIDTH_BITS * max(level, 0)
    return min(max(held - number * WIDTH, 0), WIDTH)


def new_tiles(before: int, after: int) -> Iterator[Tile]:
    """Every tile and bundle that a log has at `after` entries and had not at `before`, bundles first.

    `new_tiles(0, size)` are all of them; a partial tile that grew is a new one.
    """
    assert 0 <= before <= after <= MAX_SIZE, (before, after)
    level = ENTRIES
    while after >> WIDTH_BITS * max(level, 0):
        held_before, held = (size >> WIDTH_BITS * max(level, 0) for size in (before, after))
        if held_before != held:
            for number in range(held_before // WIDTH, -(-held // WIDTH)):
                yield Tile(level, number, min(held - number * WIDTH, WIDTH))
        level += 1


def split_hashes(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile, which must be exactly `width`."""
    if len(data) != width * HASH_BYTES:
        raise Refused("bad_bundle", f"a tile of {len(data)} bytes where {width} hashes belong")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def tile_root(data: bytes) -> bytes:
    """The hash of a full tile, which stands in the tile above."""
    return root(split_hashes(data, WIDTH))


def write_entries(entries: Sequence[bytes]) -> bytes:
    """The bundle of 1 to 256 entries of at most 65,535 bytes."""
    assert 1 <= len(entries) <= WIDTH, len(entries)
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise Refused("too_large", f"an entry over {MAX_ENTRY_BYTES} bytes")
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def read_entries(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle, which must be exactly `width` and nothing after them."""
    entries: list[bytes] = []
    at = 0
    for _ in range(width):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data):
            raise Refused("bad_bundle", f"an entry bundle that ends within entry {len(entries)} of {width}")
        entries.append(data[start:at])
    if at != len(data):
        raise Refused("bad_bundle", f"an entry bundle with bytes after its {number_of(width, 'entry')}")
    return entries


def node_from_tiles(tile: Callable[[int, int, int], bytes], size: int, kept: int = 64) -> Node:
    """The subtree roots of a tree of `size` leaves, from its tiles: `tile(level, number, width)` gives one's bytes.

    A partial tile is asked with the width it has at `size`. The last `kept` tiles, and the roots last given, are
    remembered.
    """

    @lru_cache(maxsize=kept)
    def hashes(level: int, number: int) -> list[bytes]:
        width = width_in(size, level, number)
        return split_hashes(tile(level, number, width), width)

    @lru_cache(maxsize=kept * WIDTH_BITS)
    def node(level: int, index: int) -> bytes:
        assert 0 <= index < size >> level, (level, index, size)
        tile_level, within = divmod(level, WIDTH_BITS)
        first = index << within
        at = first % WIDTH
        return root(hashes(tile_level, first // WIDTH)[at : at + (1 << within)])

    return node
