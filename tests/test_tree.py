"""The tree is kept with the entries, in the same transaction, and is the same however it is read."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ledger import merkle, open_ledger, tree
from ledger.merkle import leaf_hashes
from tests.conftest import Clock
from tests.story import CONTRACT


def outages(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"specversion": "1.0", "id": f"o{n}", "source": "t", "type": "outage_started", "subject": "contract:C1",
         "data": {"outage": f"O{n}", "environment": "production", "effect": "no_access", "at": "2025-12-01T10:00:00Z"}}
        for n in range(first, first + count)
    ]  # fmt: skip


OPENING = {"specversion": "1.0", "id": "c1", "source": "t", "type": "contract_started", "subject": "contract:C1",
           "data": CONTRACT}  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path) -> Any:
    """A ledger of 1,204 entries, appended in batches of uneven sizes."""
    clock = Clock("2026-01-01T00:00:00Z")
    with open_ledger(str(tmp_path / "book.db"), clock=clock) as book:
        book.record([OPENING])
        done = 0
        for size in (1, 251, 1, 255, 256, 257, 3, 176):
            book.record(outages(done, size))
            done += size
        yield book


def states(book: Any) -> list[bytes]:
    return [row.state for row in book.store.read(1, 10_000)]


def test_the_root_at_every_size_is_the_naive_root(filled: Any) -> None:
    leaves = leaf_hashes(states(filled))
    for size in [*range(1, 12), 255, 256, 257, 511, 512, 513, 767, 768, 769, 1024, filled.position]:
        assert tree.root_at(filled.store, size) == merkle.root(leaves[:size]), size
    assert tree.recomputed_root(filled.store, filled.position) == merkle.root(leaves)


def test_proofs_hold_at_any_size(filled: Any) -> None:
    leaves = leaf_hashes(states(filled))
    for index, size in ((0, 1), (3, 256), (255, 257), (256, 600), (700, filled.position)):
        node = tree.node_of(filled.store, size)
        proof = merkle.inclusion_proof(index, size, node)
        merkle.verify_inclusion(index, size, leaves[index], proof, merkle.root(leaves[:size]))
    node = tree.node_of(filled.store, filled.position)
    for first in (1, 255, 256, 300, 1023):
        proof = merkle.consistency_proof(first, filled.position, node)
        merkle.verify_consistency(first, filled.position, proof, merkle.root(leaves[:first]), merkle.root(leaves))


def test_only_full_tiles_are_stored_each_once(filled: Any) -> None:
    store = filled.store
    assert [store.tile(0, n) is not None for n in range(6)] == [True, True, True, True, False, False]
    assert store.tile(1, 0) is None
    assert len(store.tile_roots(0, 0, 256)) == 4


def test_a_full_level_is_folded_into_the_next() -> None:
    """65,536 leaves fill a tile of level 1; a writer in memory shows it without a file."""

    class Memory:
        def __init__(self) -> None:
            self.tiles: dict[tuple[int, int], tuple[bytes, bytes]] = {}

        def read(self, start: int, limit: int) -> list[Any]:
            raise AssertionError("whole tiles need no entry read again")

        def put_tile(self, level: int, number: int, root: bytes, hashes: bytes) -> None:
            assert (level, number) not in self.tiles
            self.tiles[level, number] = (root, hashes)

        def tile_roots(self, level: int, first: int, count: int) -> list[bytes]:
            return [self.tiles[level, n][0] for n in range(first, first + count)]

    memory = Memory()
    entries = [b"%d" % n for n in range(65_536)]
    tree.extend(memory, 1, entries)
    assert memory.tiles[1, 0][0] == merkle.root(leaf_hashes(entries))


def test_a_refused_batch_leaves_the_tree_as_it_was(filled: Any) -> None:
    before = filled.root_at(filled.position)
    with pytest.raises(Exception, match="twice"):
        filled.record([*outages(5000, 300), {**outages(1, 1)[0], "id": "again"}])
    filled._roots.clear()
    assert filled.root_at(filled.position) == before
    filled.record(outages(5000, 300))
    assert tree.root_at(filled.store, filled.position) == tree.recomputed_root(filled.store, filled.position)


def test_a_ledger_of_schema_version_1_gets_its_tree_with_its_next_entry(filled: Any, tmp_path: Path) -> None:
    size = filled.position
    filled.close()
    raw = sqlite3.connect(tmp_path / "book.db")
    raw.execute("DROP TABLE tree_tiles")
    raw.execute("PRAGMA user_version = 1")
    raw.commit()
    raw.close()
    with open_ledger(str(tmp_path / "book.db"), clock=Clock("2026-01-02T00:00:00Z"), create=False) as book:
        book.record(outages(9000, 2))
        logged = book.store.read_at(size + 1)
        assert logged.topic == "tree_started"
        entry = dict(book.entries(size + 1, size + 1))[size + 1]
        assert entry.event.size == size
        assert entry.event.root == tree.root_text(tree.root_at(book.store, size))
        assert tree.root_at(book.store, book.position) == tree.recomputed_root(book.store, book.position)
    with open_ledger(str(tmp_path / "book.db"), clock=Clock("2026-01-03T00:00:00Z"), create=False) as book:
        last = book.position
        book.record(outages(9500, 1))
        assert book.position == last + 1


def test_tiles_cannot_be_changed_removed_or_written_twice(filled: Any, tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "book.db")
    for statement in (
        "UPDATE tree_tiles SET root = x'00'",
        "DELETE FROM tree_tiles",
        "INSERT OR REPLACE INTO tree_tiles SELECT * FROM tree_tiles LIMIT 1",
    ):
        with pytest.raises(sqlite3.IntegrityError, match=r"never|once"):
            raw.execute(statement)
    raw.close()
