"""A dispute's dossier is verified whole: its files by its manifest, its evidence by the bundle inside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.demo import DEMO, record_demo
from replays.dossier import write_dossier
from replays.verify import kind_of, verify


@pytest.fixture(scope="module")
def dossier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dossier")
    record_demo(str(folder / "demo.db"))
    with open_ledger(str(folder / "demo.db"), create=False) as book:
        write_dossier(book, DEMO["simulated_contract"], "D-1", datetime(2026, 10, 1, 6, tzinfo=UTC), folder / "dossier.zip")
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
