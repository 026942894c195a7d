"""The checks of a dispute's dossier: its container, its manifest, each file, its receipts, and the bundle inside."""

from __future__ import annotations

import re
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.merkle import HASH_BYTES, verify_inclusion
from ledger.proofs import MAX_RECEIPT_BYTES, parse_receipt
from ledger.tiles import WIDTH, Tile, width_in
from replays.bundle import MANIFEST, Bundle
from replays.checks import Checks
from replays.checks_bundle import check_bundle
from replays.checks_heads import Trust

FORMAT = "service-ledger-dossier/1"
EVIDENCE = "bundle.zip"
_NAME = re.compile(r"manifest\.json|bundle\.zip|dossier\.(en|fr)\.(html|pdf)|receipts/([1-9][0-9]{0,18})\.proof")
_FIELDS = {"format", "dispute", "contract", "known_at", "position", "files"}


def is_dossier(path: Path) -> bool:
    """Whether a zip begins as a dossier does: with a manifest that names its format."""
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError:
        return False
    return f'"format":"{FORMAT}"'.encode() in head and MANIFEST.encode() in head[:64]


def is_dossier_name(name: str) -> bool:
    """Whether a file so called has a place in a dossier."""
    return _NAME.fullmatch(name) is not None


def check_dossier(path: Path, trust: Trust, max_bytes: int, checks: Checks) -> None:
    """Every check of a dossier, then those of the bundle inside, each named after it."""
    try:
        with Bundle(path, max_bytes, is_dossier_name) as dossier:
            held = f"{number_of(len(dossier.members), 'file')}, {number_of(dossier.size, 'byte')}"
            checks.add("dossier container", "ok", held)
            manifest = _manifest(dossier)
            checks.add("dossier manifest", "ok", f"dispute {manifest['dispute']} of contract {manifest['contract']}")
            checks.add("dossier files", "ok", _files(dossier, manifest))
            _evidence(dossier, trust, max_bytes, checks)
    except Refused as no:
        checks.add("dossier", "FAILED", str(no))


def _manifest(dossier: Bundle) -> dict[str, Any]:
    import msgspec
    import rfc8785

    data = dossier.read(MANIFEST)
    try:
        found = msgspec.json.decode(data, type=dict[str, Any])
        canonical = rfc8785.dumps(found) == data
    except (msgspec.DecodeError, ValueError, TypeError, rfc8785.CanonicalizationError) as error:
        raise Refused("bad_bundle", f"the dossier's manifest cannot be read: {error}") from None
    if not canonical or set(found) != _FIELDS or found["format"] != FORMAT or not isinstance(found["files"], list):
        raise Refused("bad_bundle", "the dossier's manifest is not written as its format says")
    return found


def _files(dossier: Bundle, manifest: dict[str, Any]) -> str:
    listed = [f for f in manifest["files"] if isinstance(f, dict) and set(f) == {"path", "bytes", "sha256"}]
    if [f["path"] for f in listed] != sorted(set(dossier.members) - {MANIFEST}) or len(listed) != len(
        manifest["files"]
    ):
        raise Refused("bad_bundle", "the files of the dossier are not those its manifest lists")
    for file in listed:
        digest = sha256()
        for chunk in dossier.stream(file["path"]):
            digest.update(chunk)
        if digest.hexdigest() != file["sha256"] or dossier.members[file["path"]].size != file["bytes"]:
            raise Refused("bad_bundle", f"{file['path']} is not the file the manifest lists")
    return f"{number_of(len(listed), 'file is', 'files are')} as listed"


def _evidence(dossier: Bundle, trust: Trust, max_bytes: int, checks: Checks) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / EVIDENCE
        with inner.open("wb") as file:
            for chunk in dossier.stream(EVIDENCE):
                file.write(chunk)
        with Bundle(inner, max_bytes) as bundle:
            inside = Checks()
            held = f"{number_of(len(bundle.members), 'file')} of the bundle inside, {number_of(bundle.size, 'byte')}"
            inside.add("container", "ok", held)
            check_bundle(bundle, trust, inside)
            checks.found += inside.found
            receipts = [name for name in dossier.members if name.startswith("receipts/")]
            if receipts:
                checks.add("dossier receipts", "ok", _receipts(dossier, receipts, bundle))


def _receipts(dossier: Bundle, names: list[str], bundle: Bundle) -> str:
    """Each receipt proves, under the bundle's own head, the leaf that the bundle's tiles hold at its position."""
    checkpoint = bundle.read("log/checkpoint")
    head = parse_checkpoint(checkpoint)
    for name in names:
        position = int(name.removeprefix("receipts/").removesuffix(".proof"))
        receipt = parse_receipt(dossier.read(name, MAX_RECEIPT_BYTES))
        if receipt.index != position - 1 or receipt.checkpoint != checkpoint or position > head.size:
            raise Refused("bad_proof", f"{name} is of another entry, or under another head than the bundle's")
        verify_inclusion(receipt.index, head.size, _leaf(bundle, head, receipt.index), receipt.path, head.root)
    return f"{number_of(len(names), 'receipt')}, each for its entry under the bundle's head"


def _leaf(bundle: Bundle, head: Checkpoint, index: int) -> bytes:
    number, at = divmod(index, WIDTH)
    tile = Tile(0, number, width_in(head.size, 0, number))
    return bundle.read(f"log/{tile.path}")[at * HASH_BYTES : (at + 1) * HASH_BYTES]
