"""A dispute's dossier is verified whole: its files by its manifest, its evidence by the bundle inside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import rfc8785

from ledger import open_ledger
from ledger.demo import DEMO, record_demo
from ledger.heads import sign_head
from ledger.keys import make_key, read_key
from ledger.merkle import leaf_hash
from ledger.notes import parse_vkey
from ledger.proofs import verify_receipt
from replays.dossier import write_dossier, write_zip
from replays.verify import kind_of, verify


@pytest.fixture(scope="module")
def dossier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dossier")
    record_demo(str(folder / "demo.db"))
    with open_ledger(str(folder / "demo.db"), create=False) as book:
        make_key(book, folder / "k")
        head, key = sign_head(book, folder / "k"), read_key(folder / "k")
        known_at = datetime(2026, 10, 1, 6, tzinfo=UTC)
        write_dossier(
            book, DEMO["simulated_contract"], "D-1", known_at, folder / "dossier.zip", checkpoint=head, key=key
        )
    return folder / "dossier.zip"


def failed(path: Path) -> list[Any]:
    return [check for check in verify(str(path)).checks if check.state == "FAILED"]


def test_a_dossier_as_written_is_found_whole_with_its_bundle(dossier: Path) -> None:
    assert kind_of(str(dossier)) == "dossier"
    found = verify(str(dossier))
    assert found.holds
    names = [check.check for check in found.checks if check.state == "ok"]
    assert names[:3] == ["dossier container", "dossier manifest", "dossier files"]
    assert "answers" in names
    assert names[-1] == "dossier receipts"


def test_each_entry_relied_on_has_a_receipt_that_proves_it_alone(dossier: Path) -> None:
    with ZipFile(dossier) as archive:
        names = [name for name in archive.namelist() if name.startswith("receipts/")]
        receipts = {int(name[9:-6]): archive.read(name) for name in names}
        page = archive.read("dossier.en.html").decode()
        key = parse_vkey(json.loads(ZipFile(BytesIO(archive.read("bundle.zip"))).read("manifest.json"))["key"])
    with open_ledger(str(dossier.parent / "demo.db"), create=False, read_only=True) as book:
        for position, receipt in receipts.items():
            row = book.store.read_at(position)
            assert verify_receipt(row.state, receipt, key).size == book.position
            assert leaf_hash(row.state).hex() in page
    assert 1762 in receipts  # the correction in dispute


def test_a_receipt_of_another_entry_is_found(dossier: Path, tmp_path: Path) -> None:
    """Listed, hashed, and a true receipt: but not of the entry it is named for."""
    with ZipFile(dossier) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    one, other = [name for name in files if name.startswith("receipts/")][:2]
    files[one] = files[other]
    manifest = json.loads(files["manifest.json"])
    for listed in manifest["files"]:
        if listed["path"] == one:
            listed.update(bytes=len(files[one]), sha256=sha256(files[one]).hexdigest())
    files["manifest.json"] = rfc8785.dumps(manifest)
    with (tmp_path / "forged.zip").open("wb") as out:
        write_zip(out, files)
    (found,) = failed(tmp_path / "forged.zip")
    assert one in found.detail


@pytest.mark.parametrize("mark", [b"99.4487", b"service-ledger-bundle/1", b'"dispute":"D-1"', b"%PDF"])
def test_a_changed_byte_anywhere_in_it_is_found(dossier: Path, tmp_path: Path, mark: bytes) -> None:
    data = bytearray(dossier.read_bytes())
    place = data.find(mark)
    assert place > 0
    data[place + len(mark) - 2] ^= 1
    changed = tmp_path / "changed.zip"
    changed.write_bytes(data)
    assert failed(changed)


def test_a_dossier_cut_short_is_found(dossier: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(dossier.read_bytes()[:-100])
    assert failed(cut)
