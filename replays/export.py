"""Writing the auditor's bundle: one contract's evidence out of a ledger, the same bytes every time.

What goes in is told in FORMAT.md. Entries and tiles are streamed from the store, twice: once to be hashed for the
manifest, which comes first, once to be written; only the contract's own history is held, to answer from it.
Other contracts' entries leave as hashes, salted, which nobody can guess at.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from heapq import merge
from importlib import resources
from operator import attrgetter
from pathlib import Path

import msgspec
from msgspec import Struct

from ledger import __version__, merkle
from ledger.book import Ledger
from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.codec import Entry
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.events import LedgerOpened
from ledger.merkle import leaf_hashes
from ledger.notes import SignerKey, sign_note
from ledger.store import Row, Store
from ledger.tiles import ENTRIES, WIDTH, Tile, new_tiles
from ledger.tree import node_of, root_at, root_text
from ledger.zones import TZ_VERSION
from projections.asking import Answer
from replays.bundle import FORMAT, MANIFEST, NOTE, Digest, Source, digest, write_bundle
from replays.checks import Progress
from replays.manifest import File, Manifest, frame_file, note_text, write_manifest
from replays.outputs import free, whole
from replays.report import About, Relied, pages
from replays.shown import Period, Shown, answer_name, frames_of, period, streams_of

PAGE = 256



class Wanted(Struct, frozen=True, kw_only=True):
    """What to export: a contract's months, as known at an instant (None: all, every period taken as over).

    `checkpoint` is a signed head of the ledger, by default none and the bundle ends at the last position;
    `key`, which must have signed it, signs the manifest; `earlier` are checkpoints to prove it consistent with;
    `stamps` are RFC 3161 tokens over it, by name.
    """

    contract: str
    first: str
    last: str
    known_at: datetime | None
    switches: Mapping[str, str] = {}
    checkpoint: bytes | None = None
    key: SignerKey | None = None
    earlier: tuple[bytes, ...] = ()
    stamps: Mapping[str, bytes] = {}


class Exported(Struct, frozen=True):
    """One contract's evidence, ready to be written in any form: what is shown, what was asked and answered."""

    shown: Shown
    head: Checkpoint
    opened: LedgerOpened
    period: Period
    answers: list[Answer]
    streams: dict[str, int]


def gather(book: Ledger, wanted: Wanted, progress: Progress | None = None) -> Exported:
    """Reads the contract's streams up to the head and answers every question of the period.

    Raises `Refused` where the head is not this ledger's, the contract unknown then, or a question refused.
    """
    asked = period(wanted.first, wanted.last)
    head = _head(book, wanted)
    own = [pair for pair in book.stream(f"contract:{wanted.contract}") if pair[0] <= head.size]
    if not own:
        book.history(wanted.contract)  # refuses, naming those there are
        raise Refused("unknown_contract", f"no entry of {wanted.contract!r} lies under that head")
    streams: dict[str, list[tuple[int, Entry]]] = {
        name: [pair for pair in book.stream(name) if pair[0] <= head.size] for name in streams_of(wanted.contract, own)
    }
    position = head.size if wanted.known_at is None else min(book.position_at(wanted.known_at), head.size)
    shown = Shown(
        wanted.contract, streams, size=head.size, position=position, known_at=wanted.known_at, root_of=book.root_at
    )
    questions = shown.questions(asked)
    answers = []
    for number, question in enumerate(questions, 1):
        answers.append(shown.answer(question, wanted.switches))
        if progress:
            progress("questions answered", number, len(questions))
    last_versions = {name: len(entries) for name, entries in streams.items()}
    return Exported(shown, head, shown.opened, asked, answers, last_versions)


def _head(book: Ledger, wanted: Wanted) -> Checkpoint:
    """The head the bundle ends at; a signed one must be this ledger's."""
    first = next((entry.event for _, entry in book.entries(1, 1)), None)
    if not isinstance(first, LedgerOpened):
        raise Refused("no_ledger", "nothing is recorded in this ledger yet")
    if wanted.checkpoint is None:
        if wanted.key is not None:
            raise Refused("bad_key", "a manifest is signed only over a head the same key has signed")
        return Checkpoint(first.origin, book.position, root_at(book.store, book.position))
    if wanted.key is not None:
        head = open_checkpoint(wanted.checkpoint, [wanted.key.verifier], first.origin)
    else:
        head = parse_checkpoint(wanted.checkpoint)
    if head.origin != first.origin:
        raise Refused("head_conflict", f"that head is of {head.origin}; this ledger is {first.origin}")
    if not 0 < head.size <= book.position or root_at(book.store, head.size) != head.root:
        raise Refused("head_conflict", f"this ledger does not hold the {number_of(head.size, 'entry')} of that head")
    return head


def export_bundle(book: Ledger, wanted: Wanted, out: Path, progress: Progress | None = None) -> Manifest:
    """Writes the bundle to the file `out`, whole or not at all; the same arguments give the same bytes.

    Raises `Refused`: as `gather`; `file_exists`; `store_failed`.
    """
    free(out)
    found = gather(book, wanted, progress)
    sources = dict(_sources(book, wanted, found))
    told: dict[str, Digest] = {}
    for number, (name, source) in enumerate(sources.items(), 1):
        told[name] = digest(source())
        if progress:
            progress("files hashed", number, len(sources))
    manifest = _manifest(wanted, found, told)
    data = write_manifest(manifest)
    written = [(name, _counted(source, number, len(sources), progress), told[name])
               for number, (name, source) in enumerate(sorted(sources.items()), 1)]  # fmt: skip
    written.append((MANIFEST, partial(_once, data), digest([data])))
    if wanted.key is not None:
        note = sign_note(note_text(data), [wanted.key])
        written.append((NOTE, partial(_once, note), digest([note])))
    with whole(out) as part, part.open("wb") as file:
        write_bundle(file, written)
    return manifest


def _counted(source: Source, number: int, count: int, progress: Progress | None) -> Source:
    def chunks() -> Iterable[bytes]:
        if progress:
            progress("files written", number, count)
        return source()

    return chunks


def _manifest(wanted: Wanted, found: Exported, told: Mapping[str, Digest]) -> Manifest:
    return Manifest(
        format=FORMAT,
        origin=found.opened.origin,
        ledger=found.opened.ledger,
        contract=wanted.contract,
        first=found.period.first,
        last=found.period.last,
        known_at=None if wanted.known_at is None else msgspec.to_builtins(wanted.known_at),
        position=found.shown.position,
        size=found.head.size,
        root=root_text(found.head.root),
        key=None if wanted.key is None else str(wanted.key.verifier),
        software=__version__,
        tz=TZ_VERSION,
        streams=found.streams,
        files=[File(path, told[path].size, told[path].sha256) for path in sorted(told)],
    )


def _sources(book: Ledger, wanted: Wanted, found: Exported) -> Iterator[tuple[str, Source]]:
    """Every file but the manifest and its note: its name, and where its bytes come from."""
    store, size = book.store, found.head.size
    for name, data in _small_files(book, wanted, found):
        yield name, partial(_once, data)
    yield "log/entries.tsv", lambda: entry_lines(store, list(found.streams), size)
    for tile in new_tiles(0, size):
        if tile.level != ENTRIES:
            yield f"log/{tile.path}", partial(_tile_bytes, store, tile)


def _once(data: bytes) -> Iterable[bytes]:
    return [data]


def _tile_bytes(store: Store, tile: Tile) -> Iterable[bytes]:
    return [hash_tile(store, tile)]


def _small_files(book: Ledger, wanted: Wanted, found: Exported) -> Iterator[tuple[str, bytes]]:
    if wanted.checkpoint is None:
        yield "log/head", found.head.text().encode()
    else:
        yield "log/checkpoint", wanted.checkpoint
    yield from _proofs(book.store, found.head, wanted.earlier)
    over = sha256(wanted.checkpoint or found.head.text().encode()).hexdigest()
    for name, token in wanted.stamps.items():
        yield f"timestamps/{name}.tsr", token
        yield f"timestamps/{name}.txt", f"{over}\n".encode()
    for position, entry in frames_of(found.shown, found.answers):
        file = frame_file(position, entry.event)
        if file is not None:
            yield file
    yield "readings.json", readings_file(wanted.switches, found.answers)
    for number, answer in enumerate(found.answers, 1):
        yield answer_name(number, answer.question), answer.to_json().encode()
    for language, page in _report(book, found).items():
        yield f"report/report.{language}.html", page
    here = resources.files("replays")
    yield "FORMAT.md", here.joinpath("FORMAT.md").read_bytes()
    yield "verify.py", here.joinpath("outsider_verify.py").read_bytes()


def readings_file(switches: Mapping[str, str], answers: Sequence[Answer]) -> bytes:
    """The switches set by who exported, and the whole reading in force at the period's beginning."""
    import rfc8785

    return rfc8785.dumps({"asked": dict(switches), "reading": answers[0].reading})


def about(found: Exported) -> About:
    """What the report says at its head."""
    shown = found.shown
    return About(
        contract=shown.contract,
        period=found.period,
        known_at=None if shown.known_at is None else str(msgspec.to_builtins(shown.known_at)),
        position=shown.position,
        origin=found.opened.origin,
        ledger=found.opened.ledger,
        size=found.head.size,
        root=root_text(found.head.root),
        software=__version__,
        tz=TZ_VERSION,
        zone=shown.zone,
    )


def _report(book: Ledger, found: Exported) -> dict[str, bytes]:
    node = node_of(book.store, found.head.size)
    return pages(about(found), found.answers, relied(found.shown, found.answers, node))


def relied(shown: Shown, answers: Sequence[Answer], node: merkle.Node) -> list[Relied]:
    """The entries the answers rest on, by position, each with its leaf hash."""
    from ledger.codec import topic_of

    wanted = {position for answer in answers for position in answer.because}
    found = [
        Relied(
            position,
            entry.stream,
            topic_of(entry.event),
            msgspec.to_builtins(entry.recorded_at),
            node(0, position - 1).hex(),
        )
        for entries in shown.streams.values()
        for position, entry in entries
        if position in wanted
    ]
    return sorted(found, key=attrgetter("position"))


def entry_lines(store: Store, streams: Sequence[str], size: int) -> Iterator[bytes]:
    """The lines of `log/entries.tsv`: a position, a tab, the entry's exact bytes; ascending, up to `size`."""
    rows = merge(*(stream_rows(store, stream, size) for stream in streams), key=attrgetter("position"))
    lines: list[bytes] = []
    for row in rows:
        lines.append(b"%d\t%b\n" % (row.position, row.state))
        if len(lines) == PAGE:
            yield b"".join(lines)
            lines.clear()
    yield b"".join(lines)


def stream_rows(store: Store, stream: str, size: int) -> Iterator[Row]:
    """A stream's rows up to a position, page by page."""
    after = 0
    while True:
        rows = store.read_stream(stream, after_version=after, upto_position=size, limit=PAGE)
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].version


def hash_tile(store: Store, tile: Tile) -> bytes:
    """A hash tile's bytes, of as many hashes as it has at the size it belongs to."""
    if tile.level == 0:
        full = store.tile(0, tile.number)
        if full is not None:
            return full[: tile.width * merkle.HASH_BYTES]
        return b"".join(leaf_hashes(row.state for row in store.read(tile.number * WIDTH + 1, tile.width)))
    roots = store.tile_roots(tile.level - 1, tile.number * WIDTH, tile.width)
    if len(roots) != tile.width:
        raise Refused("damaged_ledger", f"the tree lacks a tile of level {tile.level - 1}")
    return b"".join(roots)


def _proofs(store: Store, head: Checkpoint, earlier: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Each earlier checkpoint, and the lines that prove the head to be its continuation."""
    for data in dict.fromkeys(earlier):
        held = parse_checkpoint(data)
        if held.origin != head.origin:
            raise Refused("head_conflict", f"that earlier head is of {held.origin}, not of {head.origin}")
        if not 0 < held.size < head.size:
            continue  # nothing to prove: the same head, or one not reached yet
        proof = merkle.consistency_proof(held.size, head.size, node_of(store, head.size))
        merkle.verify_consistency(held.size, head.size, proof, held.root, head.root)
        yield f"proofs/checkpoint-{held.size}", data
        lines = "".join(f"{b64encode(part).decode()}\n" for part in proof)
        yield f"proofs/consistency-{held.size}-{head.size}.txt", lines.encode()
