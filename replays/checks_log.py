"""The checks of a whole log: a ledger in its store, or the static files it was published as (C2SP tlog-tiles).

Every entry's bytes are read once, page by page, hashed and decoded; memory is bounded by a page and the streams.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ledger import tree
from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.codec import Entry
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.events import LedgerOpened
from ledger.merkle import HASH_BYTES, frontier, leaf_hashes
from ledger.policy import Judged
from ledger.store import Store
from ledger.streams import without_collector
from ledger.tiles import ENTRIES, FULL_TILE_BYTES, MAX_ENTRY_BYTES, WIDTH, Tile, read_entries, width_in
from ledger.tree import root_text
from replays.checks import Checks, Failed, NotChecked, Progress
from replays.checks_entries import CANONICAL, CLOCK, COLUMNS, VERSIONS, EntryAudit
from replays.checks_heads import Trust, check_held, check_policy, check_witnesses
from replays.checks_statements import REPLAYS, STATEMENTS, Stored, Verdicts
from replays.checks_tiles import TileAudit, check_tiles, node_at

PAGE = WIDTH  # what is decoded of more would not stay in the processor's cache until it is written again
PAGE_BYTES = 16 << 20
READABLE = ("entries", COLUMNS, CANONICAL, VERSIONS, CLOCK, "tiles", "root")  # what a verdict is asked again of
NO_ANSWERS = "answers are computed when they are asked for; a bundle holds those that were given"
NO_VERDICTS = "published files are read in order, not by contract; verify the ledger, or a bundle of the contract"


def check_ledger(store: Store, trust: Trust, checks: Checks) -> None:
    """Every check of a ledger in its store."""
    run = _Ledger(store, trust, checks.tell)
    for name, check, needs in (
        ("container", run.container, ()),
        ("entries", run.entries, ("container",)),
        (COLUMNS, lambda: run.audit.result(COLUMNS, "stream, version and type are those of the bytes"), ("entries",)),
        (CANONICAL, lambda: run.audit.result(CANONICAL, "each entry is written the one way"), ("entries",)),
        (VERSIONS, lambda: run.audit.result(VERSIONS, f"{run.audit.streams()}, no gap"), ("entries",)),
        (CLOCK, lambda: run.audit.result(CLOCK, "never decreasing"), ("entries",)),
        ("tiles", run.tiles, ("entries",)),
        ("root", run.root, ("entries", "tiles")),
        ("held head", run.held, ("entries",)),
        ("answers", lambda: _no_answers(), ()),
        (STATEMENTS, run.statements, READABLE),
        (REPLAYS, run.replays, READABLE),
    ):
        checks.run(name, check, needs)


def _no_answers() -> str:
    raise NotChecked(NO_ANSWERS)


class _Ledger:
    def __init__(self, store: Store, trust: Trust, tell: Progress) -> None:
        self.store = store
        self.tell = tell
        self.trust = trust
        self.audit = EntryAudit()
        self.verdicts = Verdicts()
        self.size = 0
        self.origin = ""

    def container(self) -> str:
        """The store's own account of itself: its schema and guards, and that no last entry is missing."""
        last = self.store.last()
        if last is None:
            raise Failed("nothing is recorded in it")
        self.size = last.position
        told = self.store.stat()
        self.has_tree = (told["engine"], told["schema_version"]) != ("sqlite", 1)  # the one schema without a tree
        return f"{number_of(self.size, 'entry')} at {self.store.url}"

    def entries(self) -> str:
        self.tile_audit = TileAudit(self.store, self.has_tree)
        start = 1
        with without_collector(self.size):
            while start <= self.size:
                start = self._page(start)
                self.tell("entries read", start - 1, self.size)
        return f"{number_of(self.size, 'entry')} read, no position missing"

    def _page(self, start: int) -> int:
        """Reads the entries from a position on, and gives the one after them."""
        page = self.store.columns(start, min(PAGE, self.size - start + 1))
        if page.positions != tuple(range(start, start + len(page.positions))) or not page.positions:
            raise Failed("an entry is missing", start)
        self.tile_audit.page(start, page.states)
        found = self.audit.page(page.positions, page.states, (page.streams, page.versions, page.topics))
        self.verdicts.note(page.positions, found)
        if start == 1:
            self.origin = _origin(found[0])
        return start + len(found)

    def tiles(self) -> str:
        if not self.has_tree:
            raise NotChecked("the ledger was written without a tree; its next entry brings one")
        self.tile_audit.check_above()
        if self.tile_audit.problem is not None:
            raise self.tile_audit.problem
        beyond = self.size // WIDTH
        last = self.store.last()
        if self.store.tile(0, beyond) is not None and last is not None and last.position == self.size:
            raise Failed("the tree has a tile over entries that are not there", beyond * WIDTH + 1)
        return "every stored tile is what the entries hash to"

    def root(self) -> str:
        found = self.tile_audit.root()
        if self.has_tree and tree.root_at(self.store, self.size) != found:
            raise Failed("the stored tree has another root than the entries")
        return f"{root_text(found)} over {number_of(self.size, 'entry')}"

    def held(self) -> str:
        head = Checkpoint(self.origin, self.size, self.tile_audit.root())
        return check_held(self.trust, head, lambda size: tree.recomputed_root(self.store, size))

    def statements(self) -> str:
        return self.verdicts.statements(Stored(self.store, self.size, self.verdicts.figured))

    def replays(self) -> str:
        return self.verdicts.replays(Stored(self.store, self.size))


def _origin(first: Entry | None) -> str:
    if first is None or not isinstance(first.event, LedgerOpened):
        raise Failed("it is not the entry that opens a ledger", 1)
    return first.event.origin


def check_published(directory: Path, trust: Trust, checks: Checks) -> None:
    """Every check of a log published as static files."""
    run = _Published(directory, trust, checks.tell)
    treed = ("checkpoint", "tiles", "root")
    for name, check, needs in (
        ("checkpoint", run.checkpoint, ()),
        ("policy", run.policy, ("checkpoint",)),
        ("witnesses", run.witnesses, ("checkpoint",)),
        ("tiles", run.tiles, ("checkpoint",)),
        ("root", run.root, ("checkpoint", "tiles")),
        ("held head", run.held, treed),
        ("entries", run.entries, treed),
        (CANONICAL, lambda: run.audit.result(CANONICAL, "each entry is written the one way"), (*treed, "entries")),
        (VERSIONS, lambda: run.audit.result(VERSIONS, f"{run.audit.streams()}, no gap"),
         (*treed, "entries")),
        (CLOCK, lambda: run.audit.result(CLOCK, "never decreasing"), (*treed, "entries")),
        ("answers", lambda: _no_answers(), ()),
    ):  # fmt: skip
        if run.hashes_only and name in (CANONICAL, VERSIONS, CLOCK):
            checks.add(name, "not checked", "the log was published as hashes only")
        else:
            checks.run(name, check, needs)
    for name in (STATEMENTS, REPLAYS):
        checks.add(name, "not checked", NO_VERDICTS)


class _Published:
    head: Checkpoint

    def __init__(self, directory: Path, trust: Trust, tell: Progress) -> None:
        self.directory = directory
        self.tell = tell
        self.trust = trust
        self.audit = EntryAudit()
        self.judged: Judged | None = None
        self.hashes_only = not (directory / "tile" / "entries").is_dir()

    def _file(self, path: str, limit: int) -> bytes | None:
        """A file's bytes; None where there is none. Links that lead elsewhere are as good as what they lead to;
        a pipe or a device, which may never end, is no file."""
        if not (self.directory / path).is_file():
            return None
        with suppress(FileNotFoundError, NotADirectoryError), (self.directory / path).open("rb") as file:
            data = file.read(limit + 1)
            if len(data) > limit:
                raise Failed(f"{path} is over {limit} bytes")
            return data
        return None

    def checkpoint(self) -> str:
        self.data = self._file("checkpoint", 1 << 20) or b""
        self.head = parse_checkpoint(self.data)
        return f"{number_of(self.head.size, 'entry')} of {self.head.origin} under the root {root_text(self.head.root)}"

    def policy(self) -> str:
        self.judged = check_policy(self.trust, self.data)
        return f"the head is signed by {self.judged.log}"

    def witnesses(self) -> str:
        return check_witnesses(self.trust, self.judged)

    def held(self) -> str:
        return check_held(self.trust, self.head, self._root_at)

    def _read(self, tile: Tile, limit: int = FULL_TILE_BYTES) -> bytes:
        """A tile; a partial one may have been taken away once the full one was there."""
        data = self._file(tile.path, limit)
        if data is None and tile.width < WIDTH:
            full = self._file(Tile(tile.level, tile.number).path, limit)
            data = None if full is None else full[: tile.width * HASH_BYTES] if tile.level != ENTRIES else full
        if data is None:
            raise Failed(f"{tile.path} is missing", tile.number * WIDTH + 1 if tile.level <= 0 else None)
        return data

    def tiles(self) -> str:
        return check_tiles(self.head.size, self._read)

    def _root_at(self, size: int) -> bytes:
        return frontier(size, node_at(self.head.size, self._read)(size)).root()

    def root(self) -> str:
        if self._root_at(self.head.size) != self.head.root:
            raise Failed("the tiles have another root than the checkpoint")
        return "the tiles have the root of the checkpoint"

    def entries(self) -> str:
        if self.hashes_only:
            raise NotChecked("the log was published as hashes only")
        for first, states in self._pages():
            self.tell("entries read", first + len(states) - 1, self.head.size)
            with without_collector(len(states)):
                found = self.audit.page(range(first, first + len(states)), states)
            if first == 1 and _origin(found[0]) != self.head.origin:
                raise Failed("the entry that opened the ledger names another origin", 1)
        return number_of(self.head.size, "entry has the hash of its place", "entries have the hashes of their places")

    def _pages(self) -> Iterator[tuple[int, list[bytes]]]:
        """Entry bundles, several at once, each compared with its hash tile."""
        first, states, held = 1, [], 0
        for number in range(-(-self.head.size // WIDTH)):
            tile = Tile(ENTRIES, number, width_in(self.head.size, 0, number))
            try:
                data = self._read(tile, WIDTH * (MAX_ENTRY_BYTES + 2))
                entries = read_entries(data, tile.width)
            except Refused as no:
                raise Failed(f"{tile.path}: {no.message}", number * WIDTH + 1) from None
            hashes = self._read(Tile(0, number, tile.width))
            for at, leaf in enumerate(leaf_hashes(entries)):
                if hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES] != leaf:
                    raise Failed("the entry is not the one whose hash stands there", number * WIDTH + at + 1)
            states += entries
            held += len(data)
            if len(states) >= PAGE or held > PAGE_BYTES:
                yield first, states
                first, states, held = first + len(states), [], 0
        if states:
            yield first, states
