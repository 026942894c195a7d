"""Bundles for the tests: a small signed ledger, its export, and a zip rewritten with some of its files altered."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger import open_ledger
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.notes import SignerKey, sign_note, signer_from_seed
from ledger.tree import root_at
from replays.bundle import digest, write_bundle
from replays.export import Wanted, export_bundle
from replays.manifest import note_text
from tests.conftest import Clock
from tests.story import CONTRACT

ORIGIN = "test/log"
KEY = signer_from_seed(ORIGIN, b"k" * 32)
OTHER = signer_from_seed(ORIGIN, b"o" * 32)
FOREIGN_ID = "FOREIGN-CUSTOMER"
KNOWN_AT = datetime(2026, 4, 2, tzinfo=UTC)

Files = dict[str, bytes]


def event(number: int, kind: str, data: dict[str, Any], subject: str = "contract:C1") -> dict[str, Any]:
    return {"specversion": "1.0", "id": f"e{number}", "source": "t", "type": kind, "subject": subject, "data": data}


def outage(number: int, start: str, end: str, subject: str = "contract:C1") -> list[dict[str, Any]]:
    told = {"outage": f"O{number}", "environment": "production", "effect": "no_access", "at": start}
    return [
        event(2 * number, "outage_started", told, subject),
        event(2 * number + 1, "outage_ended", {"outage": f"O{number}", "at": end}, subject),
    ]


def make_ledger(path: Path, foreign: int = 300) -> None:
    """Contract C1 on service S1, with a breach in 2026-02; and another customer's entries between and after."""
    clock = Clock("2025-12-01T00:00:00Z")
    with open_ledger(str(path), clock=clock, recorded_by="t", origin=ORIGIN) as book:
        theirs = {**CONTRACT, "contract": FOREIGN_ID, "services": []}
        book.record([event(1, "contract_started", {**CONTRACT, "services": ["S1"]})])
        book.record([event(2, "contract_started", theirs, f"contract:{FOREIGN_ID}")])
        clock.set("2026-03-01T00:00:00Z")
        day = "2026-01-12T09:"
        pairs = [outage(n, f"{day}00:00Z", f"{day}05:00Z", f"contract:{FOREIGN_ID}") for n in range(10, 10 + foreign // 2)]
        book.record([one for pair in pairs for one in pair])
        book.record(outage(1000, "2026-02-10T10:00:00Z", "2026-02-10T13:00:00Z"))
        book.record(outage(1001, "2026-02-11T10:00:00Z", "2026-02-11T10:30:00Z", "service:S1"))
        clock.set("2026-05-01T00:00:00Z")
        book.record(outage(1002, "2026-03-10T10:00:00Z", "2026-03-10T13:00:00Z"))
        book.record(outage(2000, "2026-03-10T10:00:00Z", "2026-03-10T13:00:00Z", f"contract:{FOREIGN_ID}"))


def head(book: Any, size: int | None = None, key: SignerKey = KEY) -> bytes:
    size = size or book.position
    return sign_checkpoint(Checkpoint(ORIGIN, size, root_at(book.store, size)), key)


def export(ledger: Path, out: Path, signed: bool = True, **changes: Any) -> Path:
    """The bundle of C1 from 2026-01 to 2026-03."""
    with open_ledger(str(ledger), create=False) as book:
        given: dict[str, Any] = {"contract": "C1", "first": "2026-01", "last": "2026-03", "known_at": KNOWN_AT}
        if signed:
            given |= {"checkpoint": head(book), "key": KEY, "earlier": (head(book, 200),)}
        export_bundle(book, Wanted(**{**given, **changes}), out)
    return out


def unpack(bundle: Path) -> Files:
    with zipfile.ZipFile(bundle) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def pack(files: Files) -> bytes:
    """The files as a bundle, as they are."""
    out = io.BytesIO()
    write_bundle(out, [(name, (lambda data=data: [data]), digest([data])) for name, data in files.items()])  # type: ignore[misc]
    return out.getvalue()


def relisted(files: Files, signer: SignerKey | None = KEY, **changes: Any) -> Files:
    """The files with a manifest that lists them, other fields changed, signed anew: what an operator who cheats does."""
    manifest = json.loads(files["manifest.json"]) | changes
    manifest["files"] = [
        {"bytes": len(data), "path": name, "sha256": sha256(data).hexdigest()}
        for name, data in sorted(files.items())
        if name not in ("manifest.json", "manifest.note")
    ]
    data = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    found = {**files, "manifest.json": data}
    found.pop("manifest.note", None)
    if signer is not None and manifest["key"] is not None:
        found["manifest.note"] = sign_note(note_text(data), [signer])
    return found


def edited(files: Files, name: str, change: Callable[[bytes], bytes]) -> Files:
    found = change(files[name])
    assert found != files[name], f"{name} was not changed"
    return {**files, name: found}
