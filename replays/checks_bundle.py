"""Every check of a bundle, in its order: from the container's bytes to each answer recomputed.

Nothing but the file is read: no store, no clock, no network, and no trust but the verifier's own.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256

from ledger import __version__, merkle
from ledger.checkpoint import Checkpoint, parse_checkpoint, parse_text
from ledger.codec import Entry
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.kept_entries import KeptEntries
from ledger.merkle import leaf_hashes
from ledger.policy import Judged
from ledger.streams import without_collector
from ledger.tiles import ENTRIES, WIDTH, Tile, new_tiles, width_in
from ledger.tree import root_text
from ledger.zones import TZ_VERSION
from projections.asking import Answer
from projections.questions import instant_of
from replays.bundle import MANIFEST, NOTE, Bundle, digest
from replays.checks import Checks, Failed, NotChecked, Progress
from replays.checks_entries import CANONICAL, CLOCK, VERSIONS, EntryAudit
from replays.checks_heads import Trust, check_held, check_note, check_policy, check_witnesses
from replays.checks_statements import REPLAYS, STATEMENTS, Bundled, Verdicts
from replays.checks_tiles import check_tiles, node_at
from replays.export import readings_file, relied
from replays.manifest import Manifest, frame_file, most_bytes, note_text, read_manifest
from replays.report import About, pages
from replays.shown import Shown, answer_name, frames_of, period, streams_of

MAX_LINE_BYTES = 70_000
PAGE = 4096
PAGE_BYTES = 16 << 20
# as they are told
ORDER = (
    "container", "manifest", "manifest signature", "files", "checkpoint", "policy", "held head", "witnesses",
    "time stamps", "tiles", "root", "entries", CANONICAL, VERSIONS, CLOCK, "terms and calendars", "answers",
    STATEMENTS, REPLAYS, "report",
)  # fmt: skip


def check_bundle(bundle: Bundle, trust: Trust, checks: Checks) -> None:
    """Every check but the container's, which is what opening it was."""
    run = _Run(bundle, trust, checks.tell)
    listed = ("manifest", "files")
    treed = (*listed, "checkpoint", "tiles", "root")
    read = (*treed, "entries", CANONICAL, VERSIONS)
    table: tuple[tuple[str, Callable[[], str], tuple[str, ...]], ...] = (  # in the order they can be done
        ("manifest", run.manifest_read, ()),
        ("manifest signature", run.signature, ("manifest",)),
        ("files", run.files, ("manifest",)),
        ("checkpoint", run.checkpoint, listed),
        ("policy", run.policy, (*listed, "checkpoint")),
        ("witnesses", run.witnesses, (*listed, "checkpoint")),
        ("time stamps", run.stamps, (*listed, "checkpoint")),
        ("tiles", run.tiles, listed),
        ("root", run.root, treed[:-1]),
        ("held head", run.held, treed),
        ("entries", run.entries, treed),
        (CANONICAL, lambda: run.audit.result(CANONICAL, "each entry is written the one way"), (*treed, "entries")),
        (VERSIONS, run.versions, (*treed, "entries", CANONICAL)),
        (CLOCK, run.clock, (*treed, "entries", CANONICAL)),
        ("answers", run.recompute, (*read, CLOCK)),
        ("terms and calendars", run.frames, (*read, "answers")),
        (STATEMENTS, lambda: run.verdicts.statements(run.evidence()), (*read, CLOCK)),
        (REPLAYS, lambda: run.verdicts.replays(run.evidence()), (*read, CLOCK)),
        ("report", run.report, (*read, "answers")),
    )
    for name, check, needs in table:
        checks.run(name, check, needs)
    checks.found.sort(key=lambda check: ORDER.index(check.check))


class _Run:
    """The checks of one open bundle; each leaves behind what later ones need."""

    manifest: Manifest
    head: Checkpoint
    shown: Shown

    def __init__(self, bundle: Bundle, trust: Trust, tell: Progress) -> None:
        self.bundle = bundle
        self.tell = tell
        self.trust = trust
        self.judged: Judged | None = None
        self.audit = EntryAudit()
        self.verdicts = Verdicts()
        self.streams: dict[str, KeptEntries] = {}
        self.given: list[Answer] = []
        self._tile = lru_cache(maxsize=32)(self._read_tile)

    def manifest_read(self) -> str:
        self.manifest = m = read_manifest(self.bundle.read(MANIFEST, most_bytes(len(self.bundle.members))))
        period(m.first, m.last)
        return f"contract {m.contract}, {m.first} to {m.last}, as known at {m.known_at or 'any time'}, by {m.software}"

    def signature(self) -> str:
        note = self.bundle.read(NOTE, 1 << 20) if NOTE in self.bundle.members else None
        text = note_text(self.bundle.read(MANIFEST))
        return check_note(self.trust, note, text, self.manifest.key, self.manifest.origin)

    def files(self) -> str:
        """Each file's bytes against the manifest; a file more or less is one too many."""
        listed = {file.path: file for file in self.manifest.files}
        there = set(self.bundle.members) - {MANIFEST, NOTE}
        for path in sorted(there ^ set(listed)):
            raise Failed(f"{path} is {'not listed' if path in there else 'missing'}")
        for number, (path, file) in enumerate(listed.items(), 1):
            self.tell("files compared", number, len(listed))
            found = digest(self.bundle.stream(path))
            if (found.size, found.sha256) != (file.bytes, file.sha256):
                raise Failed(f"{path} is not the file the manifest lists")
        return f"{number_of(len(listed), 'file is', 'files are')} as listed"

    def checkpoint(self) -> str:
        signed = "log/checkpoint" in self.bundle.members
        if signed == ("log/head" in self.bundle.members):
            raise Failed("a bundle has either log/checkpoint or log/head")
        data = self.bundle.read(_HEAD[signed], 1 << 20)
        self.head = parse_checkpoint(data) if signed else parse_text(data.decode())
        m = self.manifest
        if (self.head.origin, self.head.size, root_text(self.head.root)) != (m.origin, m.size, m.root):
            raise Failed("the head is not the one the manifest names")
        told = f"{number_of(m.size, 'entry')} of {m.origin} under the root {m.root}"
        return told if signed else f"{told}, not signed"

    def _signed(self) -> bytes | None:
        name = _HEAD[True]
        return self.bundle.read(name, 1 << 20) if name in self.bundle.members else None

    def policy(self) -> str:
        self.judged = check_policy(self.trust, self._signed())
        return f"the head is signed by {self.judged.log}"

    def witnesses(self) -> str:
        return check_witnesses(self.trust, self.judged)

    def held(self) -> str:
        """The head held before, and those the bundle brings, each with its proof."""
        names = [name for name in self.bundle.members if name.startswith("proofs/")]
        brought = [name for name in names if name.startswith("proofs/checkpoint-")]
        for name in brought:
            self._proof(name)
        if len(names) != 2 * len(brought):
            raise Failed("a proof without its checkpoint, or a checkpoint without its proof")
        try:
            return check_held(self.trust, self.head, self._root_at)
        except NotChecked as why:
            agree = f" ({number_of(len(brought), 'earlier head')} in the bundle agreeing)" if brought else ""
            raise NotChecked(f"{why}{agree}") from None

    def _proof(self, name: str) -> None:
        earlier = parse_checkpoint(self.bundle.read(name, 1 << 20))
        lines = self.bundle.read(f"proofs/consistency-{earlier.size}-{self.head.size}.txt", 1 << 16).decode("ascii")
        proof = [b64decode(line, validate=True) for line in lines.split("\n")[:-1]]
        if "".join(f"{b64encode(part).decode()}\n" for part in proof) != lines or earlier.origin != self.head.origin:
            raise Failed(f"the proof beside {name} cannot be read")
        merkle.verify_consistency(earlier.size, self.head.size, proof, earlier.root, self.head.root)

    def stamps(self) -> str:
        """That each token is over this head, and by an authority the verifier trusts."""
        tokens = [name for name in self.bundle.members if name.endswith(".tsr")]
        if not tokens:
            raise NotChecked("the bundle brings none")
        head = self.bundle.read(_HEAD["log/checkpoint" in self.bundle.members], 1 << 20)
        over = sha256(head)
        for name in tokens:
            told = self.bundle.read(f"{name.removesuffix('.tsr')}.txt", 1 << 10)
            if told != f"{over.hexdigest()}\n".encode() or over.digest() not in self.bundle.read(name, 1 << 20):
                raise Failed(f"{name} is not over this head")
        if self.trust.roots is None:
            raise NotChecked(f"{len(tokens)} over this head; whether an authority issued them, --roots tells")
        from ledger.timestamps import verify

        seen = [verify(self.bundle.read(name, 1 << 20), head, self.trust.roots) for name in tokens]
        return f"{number_of(len(seen), 'token')} over this head, the first of {min(seen).isoformat()}"

    def tiles(self) -> str:
        m = self.manifest
        wanted = {f"log/{tile.path}" for tile in new_tiles(0, m.size) if tile.level != ENTRIES}
        there = {name for name in self.bundle.members if name.startswith("log/tile/")}
        for path in sorted(wanted ^ there):
            raise Failed(f"{path} {'is missing' if path in wanted else 'is no tile of this tree'}")
        return check_tiles(m.size, self._read_tile)

    def _read_tile(self, tile: Tile) -> bytes:
        return self.bundle.read(f"log/{tile.path}", WIDTH * merkle.HASH_BYTES)

    def _node(self, size: int) -> merkle.Node:
        return node_at(self.manifest.size, self._tile)(size)

    def _root_at(self, size: int) -> bytes:
        return merkle.frontier(size, self._node(size)).root()

    def root(self) -> str:
        if self._root_at(self.head.size) != self.head.root:
            raise Failed("the tiles have another root than the head")
        return "the tiles have the root of the head"

    def entries(self) -> str:
        """Each entry shown is the one whose hash stands at its place in the tree."""
        for positions, states in self._pages():
            self.tell("entries read", positions[-1], self.head.size)
            with without_collector(len(states)):
                self._compare(positions, states)
                found = self.audit.page(positions, states)
                self.verdicts.note(positions, found)
                self._keep(positions, found)
        opened = Shown("", self.streams, size=0, position=0, known_at=None, root_of=str).opened
        if (opened.ledger, opened.origin) != (self.manifest.ledger, self.manifest.origin):
            raise Failed("the entry that opened the ledger names another ledger or origin", 1)
        one, many = "entry has the hash of its place", "entries have the hashes of their places"
        return f"{number_of(self.audit.count, one, many)}; {self.head.size} in all"

    def _keep(self, positions: Sequence[int], found: Sequence[Entry | None]) -> None:
        told: dict[str, list[tuple[int, Entry]]] = {}
        for position, entry in zip(positions, found, strict=True):
            if entry is None:
                continue
            if entry.stream not in self.manifest.streams:
                raise Failed(f"an entry of {entry.stream}, which the manifest does not name", position)
            told.setdefault(entry.stream, []).append((position, entry))
        for stream, entries in told.items():
            self.streams.setdefault(stream, KeptEntries()).append_all(entries)

    def _compare(self, positions: list[int], states: list[bytes]) -> None:
        for position, leaf in zip(positions, leaf_hashes(states), strict=True):
            number, at = divmod(position - 1, WIDTH)
            hashes = self._tile(Tile(0, number, width_in(self.head.size, 0, number)))
            if hashes[at * merkle.HASH_BYTES : (at + 1) * merkle.HASH_BYTES] != leaf:
                raise Failed("the entry is not the one whose hash stands there", position)

    def _pages(self) -> Iterator[tuple[list[int], list[bytes]]]:
        """The lines of entries.tsv, read strictly, a page at a time."""
        positions: list[int] = []
        states: list[bytes] = []
        last = held = 0
        for line in _lines(self.bundle.stream("log/entries.tsv")):
            number, tab, state = line.partition(b"\t")
            position = int(number) if _POSITION.match(number) else 0
            if not tab or not last < position <= self.head.size:
                raise Failed("a line of entries.tsv is no later position, a tab and an entry", last + 1)
            positions.append(position)
            states.append(state)
            last = position
            held += len(state)
            if len(states) == PAGE or held > PAGE_BYTES:
                yield positions, states
                positions, states, held = [], [], 0
        if states:
            yield positions, states

    def versions(self) -> str:
        """No entry of a stream is left out, and no stream the contract named."""
        told = self.audit.result(VERSIONS, f"{self.audit.streams()} without a gap")
        for stream, last in sorted(self.manifest.streams.items()):
            if self.audit.versions.get(stream, 0) != last:
                raise Failed(f"{stream} ends at version {self.audit.versions.get(stream, 0)}, the manifest says {last}")
        wanted = set(streams_of(self.manifest.contract, self.streams.get(f"contract:{self.manifest.contract}", ())))
        if wanted != set(self.manifest.streams):
            raise Failed(f"more or fewer streams than the contract's: {sorted(wanted ^ set(self.manifest.streams))}")
        return told

    def clock(self) -> str:
        """Knowledge only grows; and what the answers know is what was recorded by then."""
        told = self.audit.result(CLOCK, "never decreasing")
        m = self.manifest
        if m.known_at is None:
            if m.position != m.size:
                raise Failed("all is known, yet the answers stop before the last entry")
            return told
        known_at = instant_of("known_at", m.known_at)
        for entries in self.streams.values():
            for position, entry in entries:
                if (entry.recorded_at <= known_at) != (position <= m.position):
                    raise Failed(f"not where knowledge at {m.known_at} ends", position)
        return told

    def recompute(self) -> str:
        """Every question of the period, asked again of the entries shown."""
        m = self.manifest
        given = self.bundle.read("readings.json", 1 << 20)
        switches = _switches(given)
        known_at = None if m.known_at is None else instant_of("known_at", m.known_at)
        self.shown = Shown(
            m.contract, self.streams, size=m.size, position=m.position, known_at=known_at,
            root_of=lambda size: root_text(self._root_at(size)),
        )  # fmt: skip
        asked = self.shown.questions(period(m.first, m.last))
        names = {answer_name(number, question) for number, (question, _) in enumerate(asked, 1)}
        there = {name for name in self.bundle.members if name.startswith("answers/")}
        for name in sorted(names ^ there):
            raise Failed(f"{name} {'is missing' if name in names else 'answers nothing that was asked'}")
        for number, question in enumerate(asked, 1):
            self.tell("answers found again", number, len(asked))
            self.given.append(self.shown.answer(question, switches))
            name = answer_name(number, question[0])
            if self.bundle.read(name) != self.given[-1].to_json().encode():
                raise Failed(f"{name} is not what the entries give{self._made_by()}")
        if readings_file(switches, self.given) != given:
            raise Failed("readings.json is not the reading of the answers")
        return f"{number_of(len(asked), 'answer')} found again, byte for byte"

    def evidence(self) -> Bundled:
        """What the contract's own verdicts are asked again of."""
        return Bundled(self.streams, lambda size: root_text(self._root_at(size)))

    def _made_by(self) -> str:
        m = self.manifest
        if (m.software, m.tz) == (__version__, TZ_VERSION):
            return ""
        return f"; it was made by {m.software} with tzdata {m.tz}, this is {__version__} with {TZ_VERSION}"

    def frames(self) -> str:
        """The booklets and calendars in force, byte for byte as in their entries."""
        pairs = (frame_file(position, entry.event) for position, entry in frames_of(self.shown, self.given))
        wanted = dict(pair for pair in pairs if pair is not None)
        there = {name for name in self.bundle.members if name.startswith(("terms/", "calendars/"))}
        for name in sorted(set(wanted) | there):
            if name not in there or name not in wanted or self.bundle.read(name) != wanted[name]:
                raise Failed(f"{name} is not as in the entry in force")
        return number_of(len(wanted), "is as in its entry", "are as in their entries")

    def report(self) -> str:
        """The pages written again from the answers found; by another release, their hash is all there is."""
        m = self.manifest
        if (m.software, m.tz) != (__version__, TZ_VERSION):
            raise NotChecked("by hash only: it was written by another release")
        about = About(
            contract=m.contract, period=period(m.first, m.last), known_at=m.known_at, position=m.position,
            origin=m.origin, ledger=m.ledger, size=m.size, root=m.root, software=m.software, tz=m.tz,
            zone=self.shown.zone,
        )  # fmt: skip
        for language, page in pages(about, self.given, relied(self.shown, self.given, self._node(m.size))).items():
            if self.bundle.read(f"report/report.{language}.html") != page:
                raise Failed(f"report.{language}.html does not say what the answers say")
        return "its pages say what the answers say"


_HEAD = {True: "log/checkpoint", False: "log/head"}
_POSITION = re.compile(rb"[1-9][0-9]{0,18}\Z")


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE_BYTES or any(len(line) > MAX_LINE_BYTES for line in lines):
            raise Failed(f"a line of entries.tsv over {MAX_LINE_BYTES} bytes")
        yield from lines
    if rest:
        raise Failed("the last line of entries.tsv has no newline")


def _switches(data: bytes) -> dict[str, str]:
    import msgspec

    try:
        return msgspec.json.decode(data, type=dict[str, dict[str, str]])["asked"]
    except (msgspec.DecodeError, KeyError, RecursionError):
        raise Refused("bad_bundle", "readings.json cannot be read") from None
