"""Whether the tiles of a log are one tree: each full tile hashed into the level above it, up to the root."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger import merkle
from ledger.counting import number_of
from ledger.merkle import HASH_BYTES, leaf_hashes, root
from ledger.store import Store
from ledger.tiles import WIDTH, WIDTH_BITS, Tile, node_from_tiles, split_hashes, width_in
from replays.checks import Failed


def check_tiles(size: int, read: Callable[[Tile], bytes]) -> str:
    """Reads every hash tile of a tree of `size` leaves once, in order, the lowest level first."""
    below: list[bytes] = []
    level = count = 0
    while held := size >> WIDTH_BITS * level:
        roots: list[bytes] = []
        for number in range(-(-held // WIDTH)):
            tile = Tile(level, number, width_in(size, level, number))
            hashes = split_hashes(read(tile), tile.width)
            if level:
                _compare(tile, hashes, below[number * WIDTH : number * WIDTH + tile.width])
            if tile.width == WIDTH:
                roots.append(root(hashes))
            count += 1
        below, level = roots, level + 1
    return f"{number_of(count, 'tile')}, each hashed into the one above"


def _compare(tile: Tile, hashes: Sequence[bytes], expected: Sequence[bytes]) -> None:
    if hashes != expected:
        at = next((n for n, pair in enumerate(zip(hashes, expected, strict=False)) if pair[0] != pair[1]), 0)
        first = (tile.number * WIDTH + at) << WIDTH_BITS * tile.level
        raise Failed(f"{tile.path} is not made of the hashes below it", first + 1)


def node_at(size: int, read: Callable[[Tile], bytes]) -> Callable[[int], merkle.Node]:
    """For any size up to this one, the tree as its tiles say it: an earlier tile is the beginning of a later."""

    def node_of(earlier: int) -> merkle.Node:
        def tile(level: int, number: int, width: int) -> bytes:
            return read(Tile(level, number, width_in(size, level, number)))[: width * HASH_BYTES]

        return node_from_tiles(tile, earlier)

    return node_of


class TileAudit:
    """A store's tiles against its entries, page by page from position 1; pages end on a tile's edge but the last."""

    def __init__(self, store: Store, has_tree: bool) -> None:
        self._store = store
        self._has_tree = has_tree
        self._full: list[bytes] = []  # the roots over the full tiles of level 0
        self._rest: list[bytes] = []
        self.problem: Failed | None = None

    def page(self, first_position: int, states: Sequence[bytes]) -> None:
        leaves = leaf_hashes(states)
        number = (first_position - 1) // WIDTH
        full = len(leaves) // WIDTH
        kept = self._store.tile_roots(0, number, full) if self._has_tree and full else []
        for at in range(full):
            mine = leaves[at * WIDTH : (at + 1) * WIDTH]
            over = root(mine)
            self._full.append(over)
            if self._has_tree and self.problem is None:
                self._check(number + at, mine, over, kept[at : at + 1])
        self._rest = leaves[full * WIDTH :]

    def _check(self, number: int, mine: Sequence[bytes], over: bytes, kept: Sequence[bytes]) -> None:
        stored = self._store.tile(0, number)
        if stored is None:
            self.problem = Failed("the tree lacks a tile", number * WIDTH + 1)
        elif stored != b"".join(mine):
            hashes = (stored[at * HASH_BYTES : (at + 1) * HASH_BYTES] for at in range(WIDTH))
            at = next((n for n, pair in enumerate(zip(hashes, mine, strict=False)) if pair[0] != pair[1]), 0)
            self.problem = Failed("an entry is not the one the tree was built over", number * WIDTH + at + 1)
        elif list(kept) != [over]:
            self.problem = Failed("the tree has a wrong root over a tile", number * WIDTH + 1)

    def root(self) -> bytes:
        """The root over every entry, from their bytes alone."""
        if not self._full and not self._rest:
            return merkle.EMPTY_ROOT
        return root([*self._full, *([root(self._rest)] if self._rest else [])])

    def check_above(self) -> None:
        """The tiles above level 0, against the hashes below them."""
        below, level = self._full, 1
        while self._has_tree and self.problem is None and len(below) >= WIDTH:
            roots = []
            for number in range(len(below) // WIDTH):
                hashes = below[number * WIDTH : (number + 1) * WIDTH]
                roots.append(root(hashes))
                first = (number << WIDTH_BITS * (level + 1)) + 1
                if self._store.tile(level, number) != b"".join(hashes):
                    self.problem = Failed(f"a tile of level {level} is missing or not made of those below", first)
                elif self._store.tile_roots(level, number, 1) != roots[-1:]:
                    self.problem = Failed(f"the tree has a wrong root over a tile of level {level}", first)
            below, level = roots, level + 1
