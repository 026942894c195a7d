"""What is published is read back by an outsider with the tile format alone, and verified whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, headlock, heads, merkle, open_ledger
from ledger import publishing as under_test
from ledger.checkpoint import Checkpoint, cosign_checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.keys import make_key, origin_of, read_key, write_key
from ledger.merkle import leaf_hashes, verify_inclusion
from ledger.notes import COSIGNATURE, VerifierKey
from ledger.publishing import publish
from ledger.tiles import ENTRIES, MAX_LEVEL, Tile, new_tiles, node_from_tiles, parse_path, read_entries, width_in
from tests.conftest import Clock
from tests.test_heads import NOW, OPENING, outages, refused


@pytest.fixture
def named(tmp_path: Path) -> Any:
    """A ledger of a few entries with its key `k`."""
    with open_ledger(str(tmp_path / "book.db"), clock=Clock(NOW), origin="example.org/log") as book:
        book.record([OPENING])
        make_key(book, tmp_path / "k")
        yield book


def key_of(tmp_path: Path) -> VerifierKey:
    return read_key(tmp_path / "k").verifier


def grow_to(book: Any, size: int) -> None:
    missing = size - book.position
    if missing:
        book.record(outages(book.position, missing))
    assert book.position == size


def published(book: Any, tmp_path: Path, name: str = "www", **options: Any) -> Any:
    return publish(book, tmp_path / name, heads.sign_head(book, tmp_path / "k"), **options)


def files(root: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        p.relative_to(root).as_posix(): (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_ino)
        for p in root.rglob("*") if p.is_file()
    }  # fmt: skip


def outsider(root: Path, key: VerifierKey) -> list[bytes]:
    """Everything a stranger can check with the published bytes and the key; the entries."""
    head = open_checkpoint((root / "checkpoint").read_bytes(), [key])
    held = {tile: (root / tile.path).read_bytes() for tile in new_tiles(0, head.size)}
    node = node_from_tiles(lambda level, number, width: held[Tile(level, number, width)], head.size)
    assert merkle.frontier(head.size, node).root() == head.root
    entries: list[bytes] = []
    for tile, data in held.items():
        if tile.level == ENTRIES:
            entries += read_entries(data, tile.width)
    leaves = leaf_hashes(entries)
    assert merkle.root(leaves) == head.root
    for level in range(4):
        for number in range(-(-(head.size >> 8 * level) // 256)):
            width = width_in(head.size, level, number)
            span = 256**level
            tile = held[Tile(level, number, width)]
            for at in (0, width - 1):
                first = (number * 256 + at) * span
                assert tile[at * 32 : at * 32 + 32] == merkle.root(leaves[first : first + span])
    for index in (0, head.size // 2, head.size - 1):
        verify_inclusion(index, head.size, leaves[index], merkle.inclusion_proof(index, head.size, node), head.root)
    for path in root.rglob("*"):
        if path.is_file() and path.name != "checkpoint":
            assert 0 <= parse_path(path.relative_to(root).as_posix()).level + 1 <= MAX_LEVEL
    return entries


@pytest.mark.parametrize("size", [10, 255, 256, 257, 511, 512, 600])
def test_an_outsider_verifies_the_whole_log_from_the_published_bytes(named: Any, tmp_path: Path, size: int) -> None:
    grow_to(named, size)
    published(named, tmp_path)
    assert outsider(tmp_path / "www", key_of(tmp_path)) == [row.state for row in named.store.read(1, 10_000)]


def test_publishing_step_by_step_gives_what_publishing_once_gives(named: Any, tmp_path: Path) -> None:
    for size in (10, 11, 200, 255, 256, 257, 300, 512, 513, 530):
        grow_to(named, size)
        published(named, tmp_path, "steps")
        outsider(tmp_path / "steps", key_of(tmp_path))
    published(named, tmp_path, "once")
    steps, once = files(tmp_path / "steps"), files(tmp_path / "once")
    assert {path: steps[path][0] for path in once} == {path: data for path, (data, _, _) in once.items()}
    assert {path for path in steps if path not in once} == {"tile/0/002.p/1", "tile/1/000.p/1", "tile/entries/002.p/1"}


def test_publishing_again_without_growth_changes_nothing(named: Any, tmp_path: Path) -> None:
    grow_to(named, 300)
    assert "checkpoint" in published(named, tmp_path).written
    before = files(tmp_path / "www")
    again = published(named, tmp_path)
    assert (again.written, again.removed) == ((), ())
    assert files(tmp_path / "www") == before


def test_only_what_grew_is_written(named: Any, tmp_path: Path) -> None:
    grow_to(named, 300)
    published(named, tmp_path)
    before = files(tmp_path / "www")
    grow_to(named, 310)
    assert sorted(published(named, tmp_path).written) == ["checkpoint", "tile/0/001.p/54", "tile/entries/001.p/54"]
    after = files(tmp_path / "www")
    assert {path for path in before if after[path] != before[path]} == {"checkpoint"}


def test_a_partial_tile_stays_until_its_full_tile_is_there(named: Any, tmp_path: Path) -> None:
    grow_to(named, 100)
    published(named, tmp_path)
    grow_to(named, 255)
    assert published(named, tmp_path).removed == ()
    assert (tmp_path / "www" / "tile/0/000.p/100").exists()
    grow_to(named, 256)
    gone = published(named, tmp_path).removed
    assert set(gone) == {f"tile/{level}/000.p/{width}" for level in ("0", "entries") for width in (100, 255)}
    assert not (tmp_path / "www" / "tile/0/000.p").exists()
    outsider(tmp_path / "www", key_of(tmp_path))


def test_hashes_only_publishes_no_entry(named: Any, tmp_path: Path) -> None:
    grow_to(named, 300)
    published(named, tmp_path, hashes_only=True)
    assert not (tmp_path / "www" / "tile" / "entries").exists()
    assert not any(b"contract" in data for data, _, _ in files(tmp_path / "www").values())
    published(named, tmp_path)  # and now with entries: those of before are not forgotten
    outsider(tmp_path / "www", key_of(tmp_path))
    gone = published(named, tmp_path, hashes_only=True).removed
    assert set(gone) == {"tile/entries/000", "tile/entries/001.p/44"}  # files, no folder
    assert not (tmp_path / "www" / "tile" / "entries").exists()
    assert published(named, tmp_path, hashes_only=True).removed == ()


def test_a_file_that_was_lost_is_written_again(named: Any, tmp_path: Path) -> None:
    grow_to(named, 600)
    published(named, tmp_path)
    for path in ("tile/0/001", "tile/entries/000", "tile/0/002.p/88", "tile/1/000.p/2"):
        (tmp_path / "www" / path).unlink()
        assert published(named, tmp_path).written == (path,)
    outsider(tmp_path / "www", key_of(tmp_path))


def test_a_directory_of_another_ledger_is_refused_and_left_alone(named: Any, tmp_path: Path) -> None:
    published(named, tmp_path)
    before = files(tmp_path / "www")
    with open_ledger(str(tmp_path / "second.db"), clock=Clock(NOW)) as second:
        second.open()
        make_key(second, tmp_path / "k2")
        signed = heads.sign_head(second, tmp_path / "k2")
        assert refused(lambda: publish(second, tmp_path / "www", signed)).code == "head_conflict"
        assert refused(lambda: publish(named, tmp_path / "new", signed)).code == "bad_note"
    assert files(tmp_path / "www") == before
    assert not (tmp_path / "new").exists()


def test_a_directory_with_an_inconsistent_or_later_head_is_refused(named: Any, tmp_path: Path) -> None:
    earlier = heads.sign_head(named, tmp_path / "k")
    grow_to(named, 300)
    published(named, tmp_path)
    assert refused(lambda: publish(named, tmp_path / "www", earlier)).code == "head_conflict"
    head = parse_checkpoint(earlier)
    for wrong in (Checkpoint(head.origin, 20, bytes(32)), Checkpoint(head.origin, 9999, bytes(32))):
        (tmp_path / "www" / "checkpoint").write_bytes(sign_checkpoint(wrong, read_key(tmp_path / "k")))
        assert refused(lambda: published(named, tmp_path)).code == "head_conflict"


def test_a_directory_whose_checkpoint_nobody_known_signed_is_refused(named: Any, tmp_path: Path) -> None:
    published(named, tmp_path)
    stranger = write_key(tmp_path / "s", origin_of(named.store))
    head = parse_checkpoint((tmp_path / "www" / "checkpoint").read_bytes())
    for data in (b"", b"something else\n", sign_checkpoint(head, stranger)):
        (tmp_path / "www" / "checkpoint").write_bytes(data)
        assert refused(lambda: published(named, tmp_path)).code == "bad_note"


def test_tiles_that_were_changed_in_the_directory_are_found_before_a_head_covers_them(named: Any, tmp_path: Path) -> None:
    grow_to(named, 600)
    published(named, tmp_path)
    tile = tmp_path / "www" / "tile/1/000.p/2"
    tile.write_bytes(bytes(64))
    before = (tmp_path / "www" / "checkpoint").read_bytes()
    grow_to(named, 610)
    assert refused(lambda: published(named, tmp_path)).code == "head_conflict"
    assert (tmp_path / "www" / "checkpoint").read_bytes() == before


def test_the_checkpoint_is_written_last_and_a_stop_before_it_is_made_good(
    named: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(named, tmp_path)
    old = (tmp_path / "www" / "checkpoint").read_bytes()
    grow_to(named, 600)
    replace = headlock.replace
    done: list[Path] = []

    def stopping(path: Path, data: bytes) -> None:
        if path.name == "checkpoint":
            raise KeyboardInterrupt
        done.append(path)
        replace(path, data)

    monkeypatch.setattr(under_test, "replace", stopping)
    with pytest.raises(KeyboardInterrupt):
        published(named, tmp_path)
    monkeypatch.undo()
    assert done
    assert (tmp_path / "www" / "checkpoint").read_bytes() == old
    outsider(tmp_path / "www", key_of(tmp_path))  # the old head's tiles are all there still
    assert published(named, tmp_path).written == ("checkpoint",)
    outsider(tmp_path / "www", key_of(tmp_path))


def test_a_cosigned_checkpoint_is_published_and_not_published_away(named: Any, tmp_path: Path) -> None:
    published(named, tmp_path)
    witness = write_key(tmp_path / "w", "witness", COSIGNATURE)
    cosigned = cosign_checkpoint(heads.sign_head(named, tmp_path / "k"), witness, 1_767_225_600)
    assert publish(named, tmp_path / "www", cosigned).written == ("checkpoint",)
    assert published(named, tmp_path).written == ()
    assert (tmp_path / "www" / "checkpoint").read_bytes() == cosigned


def test_published_files_may_be_read_by_the_web_server(named: Any, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        published(named, tmp_path)
    finally:
        os.umask(before)
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "www").rglob("*") if p.is_file()} == {0o644}
    assert not [p for p in (tmp_path / "www").rglob(".*") if p.is_file()]


def test_two_publishers_at_once_take_turns(named: Any, tmp_path: Path) -> None:
    grow_to(named, 600)
    signed = heads.sign_head(named, tmp_path / "k")
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(publish(named, tmp_path / "www", signed).written))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 8]


def test_a_place_that_is_no_directory_is_said(named: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refused) as no:
        published(named, tmp_path, "file")
    assert no.value.code == "store_failed"
