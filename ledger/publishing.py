"""A ledger as static files that any web server serves and any C2SP tlog-tiles client reads.

A directory gets `tile/<level>/...`, `tile/entries/...` and, last of all, `checkpoint`; each file is replaced
whole or not touched, so a reader never meets a head whose tiles are not there. Publishing again writes only
what grew. A partial tile stays until its full tile is there, as tlog-tiles asks of a log. The entry bundles
hold every entry of every contract, in the clear; without them (`hashes_only`) the tiles tell hashes of salted
entries and nothing else, and what was published in the clear before is removed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from ledger import merkle, tree
from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.headlock import beside, replace, take
from ledger.heads import own_head
from ledger.merkle import leaf_hashes
from ledger.notes import MAX_NOTE_BYTES, parse_note
from ledger.store import Store
from ledger.tiles import ENTRIES, WIDTH, Tile, new_tiles, node_from_tiles, width_in, write_entries

if TYPE_CHECKING:
    from ledger.book import Ledger

WAIT_SECONDS = 10.0


class Published(Struct, frozen=True):
    """What publishing did: the head now in the directory, the files written and removed, as paths below it."""

    head: Checkpoint
    written: tuple[str, ...]
    removed: tuple[str, ...]


def publish(
    book: Ledger,
    directory: str | Path,
    checkpoint: bytes,
    *,
    hashes_only: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Published:
    """Bring the directory, made if need be, up to a signed checkpoint of this ledger.

    Raises `Refused`: `head_conflict` where the directory holds a head of another ledger, or one that this
    ledger or checkpoint does not continue; `bad_note` where it holds something else under that name.
    `progress` is told what is done, how many of it, of how many.
    """
    head = own_head(book, checkpoint)
    root = Path(directory)
    with _locked(root):
        before = _published_head(book, root, head)
        if not _adds(root / "checkpoint", checkpoint, before, head):
            checkpoint = (root / "checkpoint").read_bytes()
        wanted = [tile for tile in new_tiles(0, head.size) if not (hashes_only and tile.level == ENTRIES)]
        written = []
        for number, tile in enumerate(wanted, 1):
            if not _stands(root, tile, before) and _write(root / tile.path, _bytes_of(book.store, tile)):
                written.append(tile.path)
            if progress:
                progress("files written", number, len(wanted))
        _check(root, head)
        written += ["checkpoint"] if _write(root / "checkpoint", checkpoint) else []
        removed = _remove_outgrown(root, before, head.size)
        removed += _remove_entries(root) if hashes_only else []
    return Published(head, tuple(written), tuple(removed))


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Only one publishes into a directory at a time; the lock is on the directory itself and leaves no file."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused("store_failed", f"{root}: cannot be published into: {error.strerror}") from error
    try:
        take(descriptor, str(root), WAIT_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _published_head(book: Ledger, root: Path, head: Checkpoint) -> int:
    """The size of the head that is there, 0 for none; refused unless this ledger signed it and continues it."""
    data = _read(root / "checkpoint", MAX_NOTE_BYTES + 1)
    if data is None:
        return 0
    try:
        origin = parse_checkpoint(data).origin
        if origin != head.origin:
            raise Refused("head_conflict", f"it is a head of {origin}, not of {head.origin}")
        before = own_head(book, data)
    except Refused as no:
        raise Refused(no.code, f"{root / 'checkpoint'}: {no.message}") from None
    if before.size > head.size:
        raise Refused(
            "head_conflict",
            f"{root / 'checkpoint'}: it speaks of {number_of(before.size, 'entry')} already, "
            f"the one to publish of {head.size}",
        )
    return before.size


def _adds(path: Path, checkpoint: bytes, before: int, head: Checkpoint) -> bool:
    """Whether the checkpoint says more than the one that is there: witnesses' lines are not published away."""
    if before != head.size:
        return True
    there = _read(path, MAX_NOTE_BYTES + 1)
    return there is None or not set(parse_note(there).signatures) >= set(parse_note(checkpoint).signatures)


def _stands(root: Path, tile: Tile, before: int) -> bool:
    """Whether the file was published whole before: under a head, so on disk, and still there."""
    published = width_in(before, tile.level, tile.number)
    return published == tile.width and (root / tile.path).is_file()


def _bytes_of(store: Store, tile: Tile) -> bytes:
    if tile.level > 0:
        roots = store.tile_roots(tile.level - 1, tile.number * WIDTH, tile.width)
        if len(roots) != tile.width:
            raise Refused("damaged_ledger", f"the tree lacks what belongs in {tile.path}")
        return b"".join(roots)
    whole = store.tile(0, tile.number) if tile.level == 0 and tile.width == WIDTH else None
    if whole is not None:
        return whole
    rows = store.read(tile.number * WIDTH + 1, tile.width)
    if len(rows) != tile.width:
        raise Refused("damaged_ledger", f"the ledger lacks what belongs in {tile.path}")
    states = [row.state for row in rows]
    return write_entries(states) if tile.level == ENTRIES else b"".join(leaf_hashes(states))


def _write(path: Path, data: bytes) -> bool:
    """Writes a file unless it holds these bytes already; whether it did."""
    if _read(path, len(data) + 1) == data:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused("store_failed", f"{path.parent}: cannot be made: {error.strerror}") from error
    replace(path, data)
    return True


def _read(path: Path, limit: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused("store_failed", f"{path}: {error.strerror}") from error


def _check(root: Path, head: Checkpoint) -> None:
    """The head's root once more, from the files as they lie there now."""

    def published(level: int, number: int, width: int) -> bytes:
        return _read(root / Tile(level, number, width).path, width * merkle.HASH_BYTES + 1) or b""

    try:
        found = merkle.frontier(head.size, node_from_tiles(published, head.size)).root()
    except Refused as no:
        raise Refused("head_conflict", f"{root}: {no.message}; publish into an empty directory") from None
    if found != head.root:
        raise Refused(
            "head_conflict",
            f"{root}: its tiles have the root {tree.root_text(found)}, the head {tree.root_text(head.root)}: they were "
            "changed; publish into an empty directory",
        )


def _remove_entries(root: Path) -> list[str]:
    """What was published in the clear before, when only hashes shall be read."""
    removed = []
    for path in sorted((root / "tile" / "entries").rglob("*"), reverse=True):  # what is in a folder before it
        try:
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
                removed.append(path.relative_to(root).as_posix())
        except OSError as error:
            raise Refused("store_failed", f"{path}: it is still readable there: {error.strerror}") from error
    with suppress(OSError):
        (root / "tile" / "entries").rmdir()
    return removed


def _remove_outgrown(root: Path, before: int, size: int) -> list[str]:
    """The partial tiles whose full tile is there now; the head they belonged to may still be read until then."""
    removed = []
    for tile in new_tiles(before, size):
        folder = beside(root / tile._replace(width=WIDTH).path, ".p")
        if tile.width != WIDTH or not folder.is_dir() or not (root / tile.path).is_file():
            continue
        for old in sorted(folder.iterdir()):
            with suppress(OSError):  # a file more is no harm; the next one does not depend on it
                old.unlink()
                removed.append(old.relative_to(root).as_posix())
        with suppress(OSError):
            folder.rmdir()
    return removed
