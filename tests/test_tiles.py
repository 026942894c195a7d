"""Tiles and bundles: their paths, their bytes, and a whole public log rebuilt from its entries."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, merkle, notes, tiles
from ledger.errors import Refused
from ledger.merkle import leaf_hash
from ledger.tiles import ENTRIES, Tile

LOG = Path(__file__).parents[2] / "shared" / "vectors" / "tessera-log"
needs_vectors = pytest.mark.skipif(not LOG.exists(), reason="the shared vectors are not beside the checkout")


def code(call: Any, *args: Any) -> str | None:
    try:
        call(*args)
    except Refused as no:
        return no.code if "\n" not in no.message else "a message of more than one line"
    return None


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 999), "tile/0/999"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),  # the example of the standard
        (Tile(63, 5, 1), "tile/63/005.p/1"),
        (Tile(2, 0, 255), "tile/2/000.p/255"),
        (Tile(ENTRIES, 0), "tile/entries/000"),
        (Tile(ENTRIES, 1_000_000, 15), "tile/entries/x001/x000/000.p/15"),
    ],
)
def test_a_tile_has_one_path(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tiles.parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/000\n",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/00/000",
        "tile/64/000",
        "tile/99/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/٠٠٠",
        "/tile/0/000",
        "tile/0/000/",
        "tile/../tile/0/000",
        "tile/0/" + "x999/" * 7 + "999",
        "tile/0/" + "x999/" * 100_000 + "999",
        "tile/data/000",
    ],
)
def test_no_other_path_names_a_tile(path: str) -> None:
    assert code(tiles.parse_path, path) == "bad_bundle"


@given(st.integers(ENTRIES, 63), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_every_path_reads_back(level: int, index: int, width: int) -> None:
    assert tiles.parse_path(Tile(level, index, width).path) == Tile(level, index, width)


def test_the_trees_the_standard_describes_have_the_tiles_it_says() -> None:
    held = list(tiles.new_tiles(0, 70_000))
    assert [t for t in held if t.level == 0] == [Tile(0, i) for i in range(273)] + [Tile(0, 273, 112)]
    assert [t for t in held if t.level > 0] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [t[1:] for t in held if t.level == ENTRIES] == [t[1:] for t in held if t.level == 0]
    assert [t for t in tiles.new_tiles(0, 256) if t.level >= 0] == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.new_tiles(0, 255)) == [Tile(ENTRIES, 0, 255), Tile(0, 0, 255)]
    assert list(tiles.new_tiles(0, 0)) == []


@given(st.integers(0, 140_000), st.integers(0, 140_000))
def test_only_what_grew_is_new(one: int, two: int) -> None:
    before, after = sorted((one, two))
    assert set(tiles.new_tiles(before, after)) == set(tiles.new_tiles(0, after)) - set(tiles.new_tiles(0, before))
    for tile in tiles.new_tiles(before, after):
        assert tiles.width_in(after, tile.level, tile.number) == tile.width


@pytest.mark.parametrize(("size", "width"), [(0, 0), (256, 0), (257, 1), (511, 255), (512, 256), (9999, 256)])
def test_a_tile_is_as_wide_as_the_tree_fills_it(size: int, width: int) -> None:
    assert tiles.width_in(size, 0, 1) == tiles.width_in(size, ENTRIES, 1) == width
    assert tiles.width_in(size << 8, 1, 1) == width


def test_entries_stand_after_their_lengths() -> None:
    assert tiles.write_entries([b"one", b"", b"three"]) == b"\x00\x03one\x00\x00\x00\x05three"
    longest = [bytes(65_535)]
    assert tiles.read_entries(tiles.write_entries(longest), 1) == longest
    assert code(tiles.write_entries, [bytes(65_536)]) == "too_large"


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (b"", 1),
        (b"\x00", 1),
        (b"\x00\x01", 1),
        (b"\x00\x02a", 1),
        (b"\x00\x01a", 2),
        (b"\x00\x01a\x00", 2),
        (b"\x00\x01a\x00", 1),
        (b"\x00\x01a\x00\x01b", 1),
        (b"\xff\xff" + bytes(65_534), 1),
    ],
)
def test_a_bundle_cut_or_with_something_after_it_is_refused(data: bytes, width: int) -> None:
    assert tiles.read_entries(b"\x00\x01a", 1) == [b"a"]
    assert code(tiles.read_entries, data, width) == "bad_bundle"


@pytest.mark.parametrize(("length", "width"), [(0, 1), (31, 1), (33, 1), (32, 2), (8192, 255), (8191, 256), (8193, 256)])
def test_a_tile_of_another_length_is_refused(length: int, width: int) -> None:
    assert code(tiles.split_hashes, bytes(width * 32), width) is None
    assert code(tiles.split_hashes, bytes(length), width) == "bad_bundle"


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_a_bundle_reads_back(entries: list[bytes]) -> None:
    assert tiles.read_entries(tiles.write_entries(entries), len(entries)) == entries


@given(st.binary(max_size=200), st.integers(0, 256))
def test_junk_is_refused_or_is_the_bundle_it_reads_as(junk: bytes, width: int) -> None:
    try:
        entries = tiles.read_entries(junk, width)
    except Refused as no:
        assert no.code == "bad_bundle"  # noqa: PT017
    else:
        assert b"".join(len(e).to_bytes(2, "big") + e for e in entries) == junk


@given(st.text(max_size=30) | st.text("tile/0x129.p", max_size=20).map("tile/0/{}".format))
def test_a_junk_path_is_refused_or_reads_back_as_itself(junk: str) -> None:
    try:
        tile = tiles.parse_path(junk)
    except Refused as no:
        assert no.code == "bad_bundle"  # noqa: PT017
    else:
        assert tile.path == junk


LEAVES = [leaf_hash(b"%d" % i) for i in range(66_000)]  # three levels of tiles
ROOTS = [LEAVES, *([merkle.root(LEAVES[i << 8 * n : i + 1 << 8 * n]) for i in range(len(LEAVES) >> 8 * n)] for n in (1, 2))]
asked: list[Tile] = []


def tile(level: int, index: int, width: int) -> bytes:
    asked.append(Tile(level, index, width))
    return b"".join(ROOTS[level][index * 256 : index * 256 + width])


@settings(max_examples=40)
@given(st.integers(1, 66_000), st.data())
def test_proofs_from_tiles_verify_and_ask_only_for_tiles_the_tree_has(size: int, data: st.DataObject) -> None:
    asked.clear()
    node = tiles.node_from_tiles(tile, size)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    top = merkle.subtree_root(0, size, node)
    assert top == merkle.frontier(size, node).root()
    merkle.verify_inclusion(index, size, LEAVES[index], merkle.inclusion_proof(index, size, node), top)
    earlier = merkle.subtree_root(0, first, node)
    merkle.verify_consistency(first, size, merkle.consistency_proof(first, size, node), earlier, top)
    assert len(asked) == len(set(asked)) <= 11
    assert all(t.width == tiles.width_in(size, t.level, t.number) > 0 for t in asked)


def test_the_root_from_tiles_is_the_root_of_the_leaves() -> None:
    for size in (1, 255, 256, 257, 65_535, 65_536, 66_000):
        assert merkle.subtree_root(0, size, tiles.node_from_tiles(tile, size)) == merkle.root(LEAVES[:size])
    assert tiles.tile_root(b"".join(LEAVES[:256])) == ROOTS[1][0]
    assert code(tiles.tile_root, b"".join(LEAVES[:255])) == "bad_bundle"


def test_a_tile_of_another_width_than_the_tree_needs_is_refused() -> None:
    node = tiles.node_from_tiles(lambda level, index, width: bytes(32 * (width - 1)), 300)
    assert code(merkle.inclusion_proof, 3, 300, node) == "bad_bundle"


# transparency-dev/tessera, testdata: a log signed at every size from 0 to 15
@needs_vectors
def test_a_whole_public_log_is_rebuilt_from_its_entries_up_to_every_signature() -> None:
    key = notes.parse_vkey((LOG / "log.vkey").read_text().strip())
    for size in range(16):
        head = checkpoint.open_checkpoint((LOG / "log" / f"checkpoint.{size}").read_bytes(), [key])
        files = {t: (LOG / "log" / t.path).read_bytes() for t in tiles.new_tiles(0, size)}
        entries = tiles.read_entries(files[Tile(ENTRIES, 0, size)], size) if size else []
        leaves = merkle.leaf_hashes(entries)
        assert (head.origin, head.size, head.root) == (key.name, size, merkle.root(leaves))
        assert files == ({Tile(ENTRIES, 0, size): tiles.write_entries(entries), Tile(0, 0, size): b"".join(leaves)} if size else {})


@needs_vectors
def test_any_two_heads_of_the_public_log_are_consistent() -> None:
    heads = [checkpoint.parse_checkpoint((LOG / "log" / f"checkpoint.{size}").read_bytes()) for size in range(16)]
    pairs = list(combinations(heads, 2))
    assert len(pairs) == 120
    for first, second in pairs:
        node = tiles.node_from_tiles(lambda level, index, width: (LOG / "log" / Tile(level, index, width).path).read_bytes(), second.size)
        assert merkle.subtree_root(0, first.size, node) == first.root
        if first.size == 0:  # the empty tree begins every tree: there is nothing to prove, and no proof is taken
            assert code(merkle.verify_consistency, 0, second.size, [], first.root, second.root) == "bad_proof"
            continue
        proof = merkle.consistency_proof(first.size, second.size, node)
        merkle.verify_consistency(first.size, second.size, proof, first.root, second.root)
        assert code(merkle.verify_consistency, first.size, second.size, proof, second.root, first.root) == "bad_proof"
