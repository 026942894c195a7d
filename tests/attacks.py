"""Ways to cheat, each a small function on a copy of one honest ledger, its bundle, its published files or a receipt.

`Scene` is what happened honestly: a ledger that grew, was signed twice, was seen by a witness and time-stamped.
An attack turns a `Case`, the copies laid before a verifier, into a lie and says no more; what the verifier finds
with which anchor is the table in `test_attacks`. "Fixed up" means: every checksum a liar can compute is computed.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import time
import warnings
import zipfile
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from io import BytesIO
from itertools import count, islice
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import rfc8785

from ledger import Refused, heads, merkle, open_ledger, timestamps
from ledger.checkpoint import Checkpoint, cosign_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.codec import decode_entry, topic_of
from ledger.keys import make_key, read_key, write_key
from ledger.merkle import leaf_hashes
from ledger.notes import COSIGNATURE, SignerKey, sign_note, signer_from_seed
from ledger.policy import Policy, parse_policy
from ledger.publishing import publish
from ledger.tiles import ENTRIES, WIDTH, new_tiles
from replays.bundle import Digest, digest, write_bundle
from replays.export import Wanted, export_bundle
from replays.manifest import note_text
from replays.statements import issue
from tests.conftest import Clock
from tests.test_heads import tamper
from tests.test_timestamps import Authority

ORIGIN = "example.org/attacked"
COSIGNED_AT = 1_769_990_400
CONTRACT = {
    "contract": "C1", "plan": "open", "service_start": "2025-09-01T00:00:00+02:00", "support_start": "2025-09-01",
    "options": [], "production_named_users": 400, "single_tenant": True, "services": ["S1"],
}  # fmt: skip
Files = dict[str, bytes]


def told(id: str, kind: str, data: dict[str, Any], subject: str = "contract:C1") -> dict[str, Any]:
    return {"specversion": "1.0", "id": id, "source": "desk", "type": kind, "subject": subject, "data": data}


def outage(n: int, minutes: int, subject: str = "contract:C1", name: str = "O") -> list[dict[str, Any]]:
    """An outage of so many minutes on the afternoon of day `n` of January 2026."""
    begun = datetime(2026, 1, n, 14, tzinfo=UTC)
    data = {"outage": f"{name}{n}", "environment": "production", "effect": "no_access"}
    return [
        told(f"{name}{n}-a", "outage_started", {**data, "at": f"{begun:%FT%TZ}"}, subject),
        told(f"{name}{n}-b", "outage_ended", {"outage": f"{name}{n}", "at": f"{begun + timedelta(minutes=minutes):%FT%TZ}"}, subject),
    ]


def story(minutes: int = 300) -> list[tuple[str, list[dict[str, Any]]]]:
    """What is recorded when: two contracts on one service, the second one's entries only to fill the tree.

    The batch after which the held head was signed is the last but one; `minutes` is how long the outage was
    that breaks the promise of contract C1.
    """
    other = [event for n in range(1, 29) for event in outage(n, 5, "contract:C2", "P")]
    many = [told(f"x{n}", "outage_started", {"outage": f"X{n}", "environment": "recette", "effect": "no_access", "at": "2026-01-05T10:00:00Z"}, "contract:C2") for n in range(190)]
    return [
        ("2026-01-01T00:00:00Z", [
            told("s1", "service_started", {"service": "S1", "at": "2025-08-01T00:00:00Z"}, "service:S1"),
            told("c1", "contract_started", CONTRACT),
            told("c2", "contract_started", {**CONTRACT, "contract": "C2"}, "contract:C2"),
        ]),
        ("2026-01-08T18:00:00Z", outage(8, 40)),
        ("2026-01-21T18:00:00Z", outage(20, minutes)),
        ("2026-01-29T00:00:00Z", other + many),
        ("2026-01-29T18:00:00Z", outage(29, 20)),
        ("2026-01-31T18:00:00Z", outage(31, 30)),
    ]  # fmt: skip


def salts_from(first: int) -> Callable[[int], list[str]]:
    """Salts that are the same every time, counted through a whole ledger."""
    numbers = count(first)
    return lambda wanted: [f"{n:032x}" for n in islice(numbers, wanted)]


def write_ledger(path: Path, lines: list[tuple[str, list[dict[str, Any]]]], *, identity: int = 1, origin: str = ORIGIN, key: Path | None = None) -> None:
    """A ledger of these batches; always the same bytes. With `key`, one is made there after the first."""
    clock = Clock(lines[0][0])
    with (
        patch("ledger.recording.salts", salts_from((identity << 96) + (int(lines[0][0][:10].replace("-", "")) << 32))),
        patch("uuid.uuid4", lambda: UUID(int=identity)),
        open_ledger(str(path), clock=clock, recorded_by="desk", origin=origin) as book,
    ):
        for recorded_at, events in lines:
            clock.set(recorded_at)
            book.record(events)
            if key is not None and not key.exists():
                make_key(book, key)


# --- what happened honestly ---


@dataclass
class Scene:
    """The honest ledger at three signed heads, early, held and last, each cosigned and time-stamped when it was new."""

    folder: Path
    key: SignerKey
    policy: Policy
    held: bytes
    early: bytes
    head: bytes
    states: list[bytes]
    bundle: Files
    early_bundle: Files
    entry: bytes
    receipt: bytes
    growth: bytes
    stamps: dict[bytes, bytes]
    authority: Authority
    rogue: Authority
    deadline: datetime = field(default_factory=lambda: datetime.max.replace(tzinfo=UTC))

    @property
    def roots(self) -> bytes:
        return self.authority.roots

    def stamp(self, head: bytes) -> bytes:
        """The authority's token over a head: one it gave in time, or one it gives now, after the deadline."""
        if head not in self.stamps:
            while datetime.now(UTC) < self.deadline + timedelta(seconds=1):
                time.sleep(0.05)
            self.stamps[head] = self.authority.answer(timestamps.request(head))
        return self.stamps[head]


def make_scene(folder: Path) -> Scene:
    """Everything made locally: keys, a witness, two time-stamp authorities."""
    lines = story()
    authority, rogue = Authority(folder / "tsa"), Authority(folder / "rogue")
    witness = write_key(folder / "w", "witness.example", COSIGNATURE)
    other = write_key(folder / "w2", "other.example", COSIGNATURE)
    db, heads_signed = folder / "ledger.db", []
    for begun, cut, name in ((0, 3, "early.db"), (3, 5, "held.db"), (5, 6, None)):
        _grow(db, lines[begun:cut], folder / "k")
        heads_signed.append(_seen(db, folder))
        if name is not None:
            shutil.copy(db, folder / name)
    early, held, head = heads_signed
    key = read_key(folder / "k")
    policy = parse_policy(f"log {key.verifier}\nwitness W {witness.verifier}\nwitness X {other.verifier}\nquorum W\n".encode())
    write_ledger(folder / "twin.db", story(100), key=folder / "k", identity=1)
    lie = sign_now(folder / "twin.db", key)
    believed = cosign_checkpoint(lie, witness, COSIGNED_AT)
    stamps = {one: authority.answer(timestamps.request(one)) for one in (early, head, lie, believed)}
    with open_ledger(str(db), create=False, read_only=True) as book:
        states = [row.state for row in book.store.read(1, 1000)]
        publish(book, folder / "www", head)
        position = next(n for n, state in enumerate(states, 1) if b'"O20-b"' in state)
        receipt = heads.receipt(book.store, position, head)
        growth = heads.extension(book.store, parse_checkpoint(held), head)
    scene = Scene(folder, key, policy, held, early, head, states, {}, {}, states[position - 1], receipt, growth, stamps, authority, rogue)
    scene.deadline = max(timestamps.verify(token, one, authority.roots) for one, token in stamps.items())
    scene.bundle = exported(scene, db, head, (held,))
    scene.early_bundle = exported(scene, folder / "early.db", early)
    return scene


def _grow(db: Path, lines: list[tuple[str, list[dict[str, Any]]]], key: Path) -> None:
    """These batches appended, the key made with the first; always the same key."""
    with patch("secrets.token_bytes", lambda size: b"k" * size):
        write_ledger(db, lines, key=key)


def _seen(db: Path, folder: Path) -> bytes:
    """The present head, signed with the care the software takes, and cosigned."""
    with open_ledger(str(db), create=False, read_only=True) as book:
        signed = heads.sign_head(book, folder / "k")
        last = folder / "w.head"
        seen = parse_checkpoint(last.read_bytes()) if last.exists() else None
        return heads.cosign(folder / "w", read_key(folder / "k").verifier, heads.extension(book.store, seen, signed), COSIGNED_AT)


def sign_now(db: Path, key: SignerKey) -> bytes:
    """A head as somebody signs it who holds the key and takes no care."""
    with open_ledger(str(db), create=False, read_only=True) as book:
        size = book.position
        return sign_checkpoint(Checkpoint(ORIGIN, size, merkle.root(leaf_hashes(row.state for row in book.store.read(1, size)))), key)


def exported(scene: Scene, db: Path, head: bytes, earlier: tuple[bytes, ...] = (), **more: Any) -> Files:
    """The files of a bundle that the software itself exports from a ledger."""
    out = db.with_suffix(".zip")
    wanted = Wanted(
        contract="C1", first="2026-01", last="2026-01", known_at=None, checkpoint=head, key=scene.key, earlier=earlier,
        stamps={"authority": scene.stamp(head)}, **more,
    )  # fmt: skip
    with open_ledger(str(db), create=False, read_only=True) as book:
        export_bundle(book, wanted, out)
    with zipfile.ZipFile(out) as found:
        return {name: found.read(name) for name in found.namelist()}


# --- what is laid before the verifier ---


@dataclass
class Case:
    """Copies an attack may change; `raw` is a bundle's bytes where they are not those of `bundle` zipped."""

    scene: Scene
    folder: Path
    head: bytes
    stamp: bytes | None
    held: bytes
    bundle: Files
    entry: bytes
    receipt: bytes
    growth: bytes
    raw: bytes | None = None

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def www(self) -> Path:
        return self.folder / "www"


def make_case(scene: Scene, folder: Path, on: str) -> Case:
    if on == "ledger":
        shutil.copy(scene.folder / "ledger.db", folder / "ledger.db")
    if on == "published":
        shutil.copytree(scene.folder / "www", folder / "www")
    for name in ("w", "w.head"):
        shutil.copy(scene.folder / name, folder / name)
    s = scene
    return Case(s, folder, s.head, s.stamp(s.head), s.held, dict(s.bundle), s.entry, s.receipt, s.growth)


def present(case: Case, head: bytes) -> None:
    """A head signed anew is brought to the witness and to the authority, as the operator must."""
    last = case.folder / "w.head"
    with open_ledger(str(case.ledger), create=False, read_only=True) as book, suppress(Refused):
        growth = heads.extension(book.store, parse_checkpoint(last.read_bytes()) if last.exists() else None, head)
        head = heads.cosign(case.folder / "w", case.scene.key.verifier, growth, COSIGNED_AT)
    case.head, case.stamp = head, case.scene.stamp(head)  # where the witness refused, it goes without


# --- on a ledger's file ---


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]], *, tiles: bool = True) -> None:
    """The whole file written anew over other entries: positions, columns, tiles and counter all fit them."""
    with closing(sqlite3.connect(path)) as raw:
        before = [state for (state,) in raw.execute("SELECT state FROM stored_events ORDER BY position")]
    states = change(before)
    rows = [(n, *_columns(state), state) for n, state in enumerate(states, 1)]
    hashes = leaf_hashes(states)
    full = [hashes[n : n + WIDTH] for n in range(0, len(hashes) - WIDTH + 1, WIDTH)] if tiles else []
    with closing(sqlite3.connect(path)) as raw:
        triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("DELETE FROM stored_events")
        raw.executemany("INSERT INTO stored_events VALUES (?, ?, ?, ?, ?)", rows)
        raw.execute("UPDATE sqlite_sequence SET seq = ?", (len(states),))
        if tiles:
            raw.execute("DELETE FROM tree_tiles")
            raw.executemany("INSERT INTO tree_tiles VALUES (?, ?, ?)", [(n, merkle.root(part), b"".join(part)) for n, part in enumerate(full)])
        for _, trigger in triggers:
            raw.execute(trigger)
        raw.commit()


def _columns(state: bytes) -> tuple[str, int, str]:
    entry = decode_entry(state)
    return entry.stream, entry.version, topic_of(entry.event)


def place(states: list[bytes], id: str) -> int:
    """Where the entry with this id stands, from 0."""
    return next(n for n, state in enumerate(states) if f'"id":"{id}"'.encode() in state)


def replaced(id: str, old: str, new: str, states: list[bytes]) -> list[bytes]:
    """One entry with other words in it."""
    at = place(states, id)
    assert old.encode() in states[at], states[at]
    return [*states[:at], states[at].replace(old.encode(), new.encode()), *states[at + 1 :]]


def renumbered(states: list[bytes]) -> list[bytes]:
    """Every version put right, so that no stream has a gap."""
    versions: dict[str, int] = {}
    out = []
    for state in states:
        entry = decode_entry(state)
        versions[entry.stream] = versions.get(entry.stream, 0) + 1
        out.append(state.replace(f'"version":{entry.version}'.encode(), f'"version":{versions[entry.stream]}'.encode(), 1))
    return out


SHORTER = partial(replaced, "O20-b", "2026-01-20T19:00:00Z", "2026-01-20T14:30:00Z")
SHORTER_LATE = partial(replaced, "O31-b", "14:30:00Z", "14:03:00Z")
EARLIER = partial(replaced, "O20-b", '"recorded_at":"2026-01-21T18', '"recorded_at":"2026-01-08T17')
EARLIER_IN_ORDER = partial(replaced, "O31-b", '"recorded_at":"2026-01-31T18:00:00', '"recorded_at":"2026-01-31T18:00:09')
SPACED = partial(replaced, "O20-b", '"version":', '"version": ')
SALTED = partial(replaced, "O20-b", '"salt":"0', '"salt":"f')
CHEAPER_TERMS = partial(replaced, "opening-2", "99.5", "90.5")
MORE_HOLIDAYS = partial(replaced, "opening-3", "2026-01-01", "2026-01-02")


def dropped_and_renumbered(states: list[bytes]) -> list[bytes]:
    return renumbered(dropped(states))


def dropped(states: list[bytes]) -> list[bytes]:
    at = place(states, "O20-a")
    return [*states[:at], *states[at + 2 :]]


def swapped(states: list[bytes]) -> list[bytes]:
    a, b = place(states, "O8-a"), place(states, "O20-a")
    out = list(states)
    out[a], out[b] = out[b], out[a]
    return out


def inserted(states: list[bytes]) -> list[bytes]:
    at = place(states, "O20-a")
    more = [state.replace(b'"O20', b'"O21') for state in states[at : at + 2]]
    return renumbered([*states[: at + 2], *more, *states[at + 2 :]])


def in_file(change: Callable[[list[bytes]], list[bytes]], case: Case, *, tiles: bool = False) -> None:
    """Somebody with the file, without the key; the tiles are left as they are, or made to fit."""
    edit(case.ledger, change, tiles=tiles)


def resigned(change: Callable[[list[bytes]], list[bytes]], case: Case) -> None:
    """The operator: everything made to fit, and signed with the ledger's own key."""
    edit(case.ledger, change)
    present(case, _sign_file(case.ledger, case.scene.key))


def rewritten_under_a_statement(case: Case) -> None:
    """The operator again, where January's statement was issued from the entries as they were."""
    clock = Clock("2026-02-01T08:00:00Z")
    with open_ledger(str(case.ledger), clock=clock, recorded_by="desk") as book:
        issue(book, "C1", "2026-01", statement="S-1", known_at=clock())
    resigned(SHORTER, case)


def _sign_file(path: Path, key: SignerKey) -> bytes:
    with closing(sqlite3.connect(path)) as raw:
        states = [state for (state,) in raw.execute("SELECT state FROM stored_events ORDER BY position")]
    return sign_checkpoint(Checkpoint(ORIGIN, len(states), merkle.root(leaf_hashes(states))), key)


def in_database(*statements: str) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        before = _dump(case.ledger)
        tamper(case.ledger, *statements)
        assert _dump(case.ledger) != before, "nothing was changed"

    return change


def _dump(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as raw:
        return [raw.execute(f"SELECT * FROM {table}").fetchall() for table in ("stored_events", "tree_tiles", "sqlite_sequence")]


def tail_cut(position: int, *, counter: bool) -> Callable[[Case], None]:
    """Everything after a position deleted; the counter that remembers the last one put back too, or not."""
    forged = [f"UPDATE sqlite_sequence SET seq = {position}"] if counter else []
    return in_database(f"DELETE FROM stored_events WHERE position > {position}", *forged)


def column_forged(column: str, value: str) -> Callable[[Case], None]:
    """Position 10, where the long outage of contract C1 begins, filed elsewhere; its bytes stay."""
    return in_database(f"UPDATE stored_events SET {column} = {value} WHERE position = 10")


def trigger_removed(case: Case) -> None:
    with closing(sqlite3.connect(case.ledger)) as raw:
        raw.execute("DROP TRIGGER entries_never_change")
        raw.commit()


def gap_in_file(case: Case) -> None:
    """A position taken out, the others left where they are."""
    in_database("DELETE FROM stored_events WHERE position = 10")(case)


def old_copy(case: Case) -> None:
    shutil.copy(case.scene.folder / "early.db", case.ledger)
    case.head, case.stamp = case.scene.early, case.scene.stamp(case.scene.early)


def old_copy_new_head(case: Case) -> None:
    shutil.copy(case.scene.folder / "early.db", case.ledger)


def twin(case: Case, *, stamped_in_time: bool) -> None:
    """A second ledger, of the same name and key, written from day one; at the time, or only now."""
    if stamped_in_time:
        shutil.copy(case.scene.folder / "twin.db", case.ledger)
    else:
        write_ledger(case.ledger.with_name("new.db"), story(35), identity=1)
        shutil.move(case.ledger.with_name("new.db"), case.ledger)
    present(case, sign_now(case.ledger, case.scene.key))


def clock_set_back(case: Case) -> None:
    """Learnt in February, recorded under a clock set back to January; nothing before it is touched."""
    clock = Clock("2026-01-31T18:00:01Z")
    with open_ledger(str(case.ledger), clock=clock, recorded_by="desk") as book:
        book.record(outage(30, 1, name="B"))
    present(case, sign_now(case.ledger, case.scene.key))


def lie_from_the_start(case: Case) -> None:
    """What was false when it was recorded: signed, held, cosigned and stamped in time like anything else."""
    shutil.copy(case.scene.folder / "twin.db", case.ledger)
    case.held = sign_now(case.ledger, case.scene.key)
    (case.folder / "w.head").unlink()  # the witness saw no other either
    present(case, case.held)


# --- on the head that is presented ---


def other_signer(case: Case) -> SignerKey:
    return signer_from_seed(ORIGIN, b"x" * 32)


def other_head(case: Case, **changes: Any) -> Checkpoint:
    found = parse_checkpoint(case.head)
    return Checkpoint(**{"origin": found.origin, "size": found.size, "root": found.root, **changes})


def head_of_another_key(case: Case) -> bytes:
    return sign_checkpoint(other_head(case), other_signer(case))


def head_of_another_origin(case: Case) -> bytes:
    return sign_checkpoint(other_head(case, origin="example.org/other"), signer_from_seed("example.org/other", b"x" * 32))


def head_not_signed(case: Case) -> bytes:
    return other_head(case).text().encode()


def head_bigger(case: Case) -> bytes:
    """The signature of the true head under a text of one entry more."""
    size = parse_checkpoint(case.head).size
    return case.head.replace(f"\n{size}\n".encode(), f"\n{size + 1}\n".encode())


def head_bigger_signed(case: Case) -> bytes:
    return sign_checkpoint(other_head(case, size=parse_checkpoint(case.head).size + 1), case.scene.key)


def head_of_another_ledger(case: Case) -> bytes:
    """By the operator's key for this name, over another tree of the same size."""
    return sign_checkpoint(other_head(case, root=sha256(b"another tree").digest()), case.scene.key)


def with_head(make: Callable[[Case], bytes], case: Case) -> None:
    case.head = make(case)
    try:
        case.stamp = case.scene.stamp(case.head)
    except Refused:
        case.stamp = None
    if case.www.exists():
        (case.www / "checkpoint").write_bytes(case.head)


def without_witness(case: Case) -> None:
    """Only the log's own signature line is left."""
    case.head = sign_checkpoint(other_head(case), case.scene.key)
    case.stamp = case.scene.stamp(case.head)


def witness_of_ones_own(case: Case) -> None:
    """Cosigned by a witness the policy does not ask for."""
    without_witness(case)
    signer = read_key(case.scene.folder / "w2", kind=COSIGNATURE)
    case.head = cosign_checkpoint(case.head, signer, COSIGNED_AT)
    case.stamp = case.scene.stamp(case.head)


def witness_of_another_head(case: Case) -> None:
    """The witness's true line, taken from the head before."""
    without_witness(case)
    line = case.scene.held.splitlines(keepends=True)[-1]
    case.head += line
    case.stamp = case.scene.stamp(case.head)


def held_of_another_size(case: Case) -> None:
    case.held = case.held.replace(b"\n259\n", b"\n258\n")


def held_forged(case: Case) -> None:
    """Signed under the log's name by another key."""
    case.held = sign_checkpoint(parse_checkpoint(case.held), other_signer(case))


def held_of_another_history(case: Case) -> None:
    """By the operator's own key, of entries that never were here."""
    case.held = sign_checkpoint(Checkpoint(ORIGIN, 259, sha256(b"another tree").digest()), case.scene.key)


def stamp_missing(case: Case) -> None:
    case.stamp = None


def stamp_over_another(case: Case) -> None:
    case.stamp = case.scene.stamp(case.scene.early)


def stamp_altered(case: Case) -> None:
    """The instant in the token made another."""
    assert case.stamp is not None
    at = case.stamp.index(b"\x18\x0f") + 2
    case.stamp = case.stamp[:at] + b"2020" + case.stamp[at + 4 :]


def stamp_of_another_authority(case: Case) -> None:
    case.stamp = case.scene.rogue.answer(timestamps.request(case.head))


# --- on a bundle ---


def manifest_of(files: Files) -> dict[str, Any]:
    return json.loads(files["manifest.json"])


def zipped(files: Files) -> bytes:
    """A bundle of these files, its container and checksums right."""
    out = BytesIO()
    write_bundle(out, [(name, partial(_once, data), _told(data)) for name, data in files.items()])
    return out.getvalue()


def _once(data: bytes) -> list[bytes]:
    return [data]


def _told(data: bytes) -> Digest:
    return digest([data])


def listed(case: Case, **changes: Any) -> None:
    """The manifest fitted to the files there are, unsigned still: `manifest.note` signs the old one."""
    there = {name: data for name, data in case.bundle.items() if name not in ("manifest.json", "manifest.note")}
    files = [{"path": name, "bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in sorted(there.items())]
    case.bundle["manifest.json"] = rfc8785.dumps({**manifest_of(case.bundle), "files": files, **changes})


def noted(case: Case, key: SignerKey | None = None) -> None:
    """The manifest as it stands, signed by the operator or whoever."""
    text = note_text(case.bundle["manifest.json"])
    case.bundle["manifest.note"] = sign_note(text, [key or case.scene.key])


def by_operator(change: Callable[[Case], None], case: Case, **changes: Any) -> None:
    """Whoever holds the key changes a file, lists it and signs the manifest; the signed head stays."""
    change(case)
    listed(case, **changes)
    noted(case)


def by_insider(change: Callable[[Case], None], case: Case) -> None:
    """A file changed and listed by somebody who cannot sign."""
    change(case)
    listed(case)


def file_changed(name: str, old: str, new: str, case: Case) -> None:
    assert old.encode() in case.bundle[name], f"{name} does not hold {old}"
    case.bundle[name] = case.bundle[name].replace(old.encode(), new.encode())


def file_removed(name: str, case: Case) -> None:
    del case.bundle[name]


def file_added(name: str, case: Case) -> None:
    case.bundle[name] = b"more\n"


def file_renamed(old: str, new: str, case: Case) -> None:
    case.bundle[new] = case.bundle.pop(old)


ENTRY_CHANGED = partial(file_changed, "log/entries.tsv", "2026-01-20T19:00:00Z", "2026-01-20T14:30:00Z")
ANSWER_CHANGED = partial(file_changed, "answers/01-availability.json", '"breach":true', '"breach":false')


def tile_changed(case: Case) -> None:
    """One hash of another contract's entry."""
    data = case.bundle["log/tile/0/000"]
    case.bundle["log/tile/0/000"] = data[: 100 * 32] + bytes(32) + data[101 * 32 :]


def entry_and_tiles_changed(case: Case) -> None:
    """The entry, its hash, and every hash above it up to the root."""
    ENTRY_CHANGED(case)
    _tiles(case, SHORTER(case.scene.states))


def _tiles(case: Case, states: list[bytes]) -> bytes:
    hashes = leaf_hashes(states)
    for name in [name for name in case.bundle if name.startswith("log/tile/")]:
        del case.bundle[name]
    full = [merkle.root(hashes[n : n + WIDTH]) for n in range(0, len(hashes) - WIDTH + 1, WIDTH)]
    for tile in new_tiles(0, len(states)):
        if tile.level != ENTRIES:
            level = hashes if tile.level == 0 else full
            case.bundle[f"log/{tile.path}"] = b"".join(level[tile.number * WIDTH : tile.number * WIDTH + tile.width])
    return merkle.root(hashes)


def line_for_another_position(case: Case) -> None:
    """A true entry, shown where another one stands."""
    at = place(case.scene.states, "O20-b") + 1
    file_changed("log/entries.tsv", f"\n{at}\t", f"\n{at + 10}\t", case)


def lines_swapped(case: Case) -> None:
    lines = case.bundle["log/entries.tsv"].splitlines(keepends=True)
    a, b = (next(n for n, line in enumerate(lines) if id.encode() in line) for id in ('"O8-a"', '"O20-a"'))
    (pa, _, sa), (pb, _, sb) = lines[a].partition(b"\t"), lines[b].partition(b"\t")
    lines[a], lines[b] = pa + b"\t" + sb, pb + b"\t" + sa
    case.bundle["log/entries.tsv"] = b"".join(lines)


def lines_hidden(*ids: str) -> Callable[[Case], None]:
    """The contract's own entries left as hashes only."""

    def change(case: Case) -> None:
        lines = case.bundle["log/entries.tsv"].splitlines(keepends=True)
        kept = [line for line in lines if not any(f'"id":"{id}"'.encode() in line for id in ids)]
        assert len(lines) - len(kept) == len(ids)
        case.bundle["log/entries.tsv"] = b"".join(kept)

    return change


def tail_hidden(case: Case) -> None:
    """The newest outages shown as hashes only, and every answer given again without them.

    The bundle is what the software itself exports from a ledger whose last entries are of another contract;
    the tree, head, cosignature and stamp are the true ones.
    """
    path = case.folder / "ledger.db"
    shutil.copy(case.scene.folder / "ledger.db", path)
    edit(path, lambda states: [*states[:-4], *(state.replace(b'"contract:C1"', b'"contract:C9"') for state in states[-4:])], tiles=False)
    shown = exported(case.scene, path, sign_now(path, case.scene.key))
    root = manifest_of(case.bundle)["root"]
    names = [name for name in case.bundle if name.startswith(("log/", "proofs/", "timestamps/"))]
    made = manifest_of(shown)
    case.bundle = {**shown, **{name: case.bundle[name] for name in names if name != "log/entries.tsv"}}
    _with_root(case, made["root"], root)
    listed(case, root=root)
    noted(case)


def _with_root(case: Case, made: str, true: str) -> None:
    """Answers and pages of a tree with one root, put under another."""
    for name, data in case.bundle.items():
        if name.startswith(("answers/", "report/")):
            case.bundle[name] = data.replace(made.encode(), true.encode())


def whole_bundle(change: Callable[[list[bytes]], list[bytes]], case: Case) -> None:
    """The ledger rewritten, the head signed again, and everything exported from it by the true software."""
    shutil.copy(case.scene.folder / "ledger.db", case.ledger)
    resigned(change, case)
    case.bundle = exported(case.scene, case.ledger, case.head)


def log_bundle(change: Callable[[list[bytes]], list[bytes]], case: Case) -> None:
    """The same, for entries the true software would not export: only log, head and manifest are made anew."""
    states = change(case.scene.states)
    root = _tiles(case, states)
    shown = (b'"stream":"ledger"', b'"stream":"contract:C1"', b'"stream":"service:S1"')
    numbered = ((n, state) for n, state in enumerate(states, 1) if any(part in state[:40] for part in shown))
    case.bundle["log/entries.tsv"] = b"".join(b"%d\t%b\n" % pair for pair in numbered)
    shutil.copy(case.scene.folder / "ledger.db", case.ledger)
    edit(case.ledger, lambda _: states)
    present(case, sign_checkpoint(Checkpoint(ORIGIN, len(states), root), case.scene.key))
    case.bundle["log/checkpoint"] = case.head
    for name in [name for name in case.bundle if name.startswith("proofs/")]:
        del case.bundle[name]
    _stamped(case, case.stamp)
    listed(case, root=b64encode(root).decode(), size=len(states), position=len(states))
    noted(case)


def _stamped(case: Case, token: bytes | None) -> None:
    for name in ("timestamps/authority.tsr", "timestamps/authority.txt"):
        case.bundle.pop(name, None)
    if token is not None:
        case.bundle["timestamps/authority.tsr"] = token
        case.bundle["timestamps/authority.txt"] = f"{sha256(case.bundle['log/checkpoint']).hexdigest()}\n".encode()


def old_bundle(case: Case) -> None:
    case.bundle = dict(case.scene.early_bundle)


def twin_bundle(case: Case, *, stamped_in_time: bool) -> None:
    shutil.copy(case.scene.folder / "ledger.db", case.ledger)
    twin(case, stamped_in_time=stamped_in_time)
    case.bundle = exported(case.scene, case.ledger, case.head)


def bundle_head(make: Callable[[Case], bytes], case: Case) -> None:
    """Another head in the bundle, listed and signed for in the manifest, which tells its size and root."""
    head = make(case)
    case.bundle["log/checkpoint"] = case.head = head
    try:
        told = parse_checkpoint(head)
        changes = {"origin": told.origin, "size": told.size, "root": b64encode(told.root).decode()}
        token = case.scene.stamp(head)
    except Refused:
        changes, token = {}, None
    _stamped(case, token)
    listed(case, **changes)
    noted(case)


def bundle_not_signed(case: Case) -> None:
    """Head and manifest as of a ledger without a key."""
    head = case.bundle.pop("log/checkpoint")
    case.bundle["log/head"] = parse_checkpoint(head).text().encode()
    del case.bundle["manifest.note"]
    _stamped_head(case)
    listed(case, key=None)


def _stamped_head(case: Case) -> None:
    for name in ("timestamps/authority.tsr", "timestamps/authority.txt"):
        del case.bundle[name]


def bundle_head_by(change: Callable[[Case], None], case: Case) -> None:
    """The head with other signature lines; nothing of its text differs."""
    change(case)
    case.bundle["log/checkpoint"] = case.head
    _stamped(case, case.stamp)
    listed(case)
    noted(case)


def key_replaced(case: Case) -> None:
    """The manifest names and is signed by a key of the liar's own, under the ledger's name."""
    key = other_signer(case)
    ANSWER_CHANGED(case)
    listed(case, key=str(key.verifier))
    noted(case, key)


def head_and_key_replaced(case: Case) -> None:
    """The same, and the head signed by it as well: a bundle that fits together to its last byte."""
    shutil.copy(case.scene.folder / "ledger.db", case.ledger)
    edit(case.ledger, SHORTER)
    key = other_signer(case)
    case.head = sign_now(case.ledger, key)
    true, case.scene.key = case.scene.key, key
    try:
        case.bundle = exported(case.scene, case.ledger, case.head)
    finally:
        case.scene.key = true


def manifest_tells(case: Case, **changes: Any) -> None:
    """The operator signs a manifest that says something else of the same files."""
    listed(case, **changes)
    noted(case)


def manifest_changed(case: Case) -> None:
    """By somebody who cannot sign it."""
    listed(case, first="2025-12")


def manifest_spaced(case: Case) -> None:
    case.bundle["manifest.json"] = json.dumps(manifest_of(case.bundle), sort_keys=True).encode()
    noted(case)


def manifest_key_twice(case: Case) -> None:
    case.bundle["manifest.json"] = case.bundle["manifest.json"].replace(b'{"contract":"C1"', b'{"contract":"C2","contract":"C1"')
    noted(case)


def answer_dropped(case: Case) -> None:
    """The breaches, last of the answers, left out."""
    del case.bundle["answers/09-breaches.json"]


def proof_dropped(case: Case) -> None:
    del case.bundle["proofs/consistency-259-261.txt"]


def proof_changed(case: Case) -> None:
    data = case.bundle["proofs/consistency-259-261.txt"]
    case.bundle["proofs/consistency-259-261.txt"] = b"A" * 43 + b"=" + data[44:]


def stamps(change: Callable[[Case], None], case: Case) -> None:
    """Another token in the bundle, its note beside it fitted, listed and signed."""
    change(case)
    _stamped(case, case.stamp)
    listed(case)
    noted(case)


# --- on the container ---


def raw_changed(change: Callable[[bytes], bytes], case: Case) -> None:
    case.raw = change(zipped(case.bundle))


def byte_flipped(data: bytes) -> bytes:
    at = data.index(b"2026-01-20T19:00:00Z")
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def header_flipped(data: bytes) -> bytes:
    """The local header tells another time than the directory."""
    return data[:10] + b"\1" + data[11:]


def cut_short(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def bytes_after(data: bytes) -> bytes:
    return data + b"\0"


def link(data: bytes) -> bytes:
    """The last file said to be a symbolic link."""
    at = data.rindex(b"PK\1\2")
    return data[: at + 38] + struct.pack("<I", 0o120777 << 16) + data[at + 42 :]


def bytes_before(data: bytes) -> bytes:
    return b"#!/bin/sh\n" + data


def comment_added(data: bytes) -> bytes:
    return data[:-2] + struct.pack("<H", 5) + b"hello"


def made_by_zipfile(case: Case, *, more: tuple[tuple[str, bytes], ...] = (), compression: int = zipfile.ZIP_STORED) -> None:
    """The files zipped by another program, with some more at the end, or compressed."""
    out = BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", compression) as made:
        warnings.simplefilter("ignore")  # of names given twice, on purpose
        for name, data in [*case.bundle.items(), *more]:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.create_system, info.external_attr = compression, 3, 0o100644 << 16
            made.writestr(info, data)
    case.raw = out.getvalue()


def member_added(name: str, data: bytes, case: Case) -> None:
    """A member more, in its right order and with right headers, under a name the writer would refuse."""
    with patch("replays.bundle.is_member_name", lambda _: True):
        files = [(one, partial(_once, bytes_), _told(bytes_)) for one, bytes_ in case.bundle.items()]
        out = BytesIO()
        write_bundle(out, [*files, (name, partial(_once, data), _told(data))])
    case.raw = out.getvalue()


def bomb(case: Case) -> None:
    """Ten million bytes that take ten thousand."""
    made_by_zipfile(case, more=(("timestamps/z.tsr", bytes(10_000_000)),), compression=zipfile.ZIP_DEFLATED)


def bomb_with_a_small_header(case: Case) -> None:
    """Sizes of 4 GiB in headers of a file that has a few bytes."""
    data = bytearray(zipped(case.bundle))
    at = data.rindex(b"PK\1\2")
    struct.pack_into("<II", data, at + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    case.raw = bytes(data)


# --- on published files ---


def published_changed(path: str, old: bytes, new: bytes, case: Case) -> None:
    data = (case.www / path).read_bytes()
    assert old in data
    (case.www / path).write_bytes(data.replace(old, new, 1))


def published_tile_changed(case: Case) -> None:
    data = (case.www / "tile/0/000").read_bytes()
    (case.www / "tile/0/000").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def published_removed(path: str, case: Case) -> None:
    (case.www / path).unlink()


def favourable_reading(case: Case) -> None:
    """Every question truly asked again, under the reading of an unclear clause that suits the operator."""
    path = case.folder / "ledger.db"
    shutil.copy(case.scene.folder / "ledger.db", path)
    case.bundle = exported(case.scene, path, case.scene.head, switches={"window_exclusion": "causal"})


def republished(change: Callable[[Case], None], case: Case) -> None:
    """What the ledger was made into, written into an empty directory by whoever holds the key."""
    shutil.copy(case.scene.folder / "ledger.db", case.ledger)
    change(case)
    shutil.rmtree(case.www)
    with open_ledger(str(case.ledger), create=False, read_only=True) as book, patch("ledger.publishing.own_head", lambda _, data: parse_checkpoint(data)):
        publish(book, case.www, case.head)


# --- on a receipt ---


def receipt_changed(old: bytes, new: bytes, case: Case) -> None:
    assert old in case.receipt
    case.receipt = case.receipt.replace(old, new, 1)


def receipt_entry_changed(case: Case) -> None:
    case.entry = case.entry.replace(b"19:00", b"14:30")


def receipt_for_another_index(case: Case) -> None:
    at = place(case.scene.states, "O20-b")
    receipt_changed(f"index {at}\n".encode(), f"index {at - 2}\n".encode(), case)


def receipt_path_changed(case: Case) -> None:
    receipt_changed(case.receipt.split(b"\n")[2], b"A" * 43 + b"=", case)


def head_without_witness(case: Case) -> bytes:
    return sign_checkpoint(other_head(case), case.scene.key)


def receipt_of(change: Callable[[Case], None], case: Case) -> None:
    """A true receipt of a ledger that was made into another."""
    shutil.copy(case.scene.folder / "ledger.db", case.ledger)
    change(case)
    with open_ledger(str(case.ledger), create=False, read_only=True) as book:
        states = [row.state for row in book.store.read(1, 1000)]
        at = place(states, "O20-b")
        case.entry, case.receipt = states[at], heads.receipt(book.store, at + 1, case.head)
    case.growth = heads_growth(case)


def heads_growth(case: Case) -> bytes:
    with open_ledger(str(case.ledger), create=False, read_only=True) as book:
        try:
            return heads.extension(book.store, parse_checkpoint(case.scene.held), case.head)
        except Refused:
            lines = case.scene.growth.partition(b"\n\n")[0]
            return lines + b"\n\n" + case.head


def receipt_under_another_head(make: Callable[[Case], bytes], case: Case) -> None:
    with_head(make, case)
    lines, blank, _ = case.scene.receipt.partition(b"\n\n")
    case.receipt = lines + blank + case.head
    proof = case.scene.growth.partition(b"\n\n")[0]
    case.growth = proof + b"\n\n" + case.head


def receipt_of_another_ledger(case: Case) -> None:
    """A ledger of its own with its own key, under this one's name or another's."""
    write_ledger(case.ledger, story(30), identity=7, origin="example.org/other")
    key = signer_from_seed("example.org/other", b"o" * 32)
    with open_ledger(str(case.ledger), create=False, read_only=True) as book:
        size = book.position
        states = [row.state for row in book.store.read(1, size)]
        case.head = sign_checkpoint(Checkpoint("example.org/other", size, merkle.root(leaf_hashes(states))), key)
        at = place(states, "O20-b")
        case.entry, case.receipt = states[at], heads.receipt(book.store, at + 1, case.head)
    case.stamp, case.growth = case.scene.stamp(case.head), heads_growth(case)
