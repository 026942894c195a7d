"""A dispute in one file: readable alone, the same bytes again, its evidence inside and verified."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest

from ledger import Refused, open_ledger
from ledger.demo import DEMO
from replays.cli import run
from replays.dossier import Dossier, gather, pages, write_dossier
from replays.dossier_pages import Block, heading, html, pdf, sentence, table
from replays.dossier_texts import WORDS
from tests.replaying import demo_path
from tests.story import CONTRACT, instant

KNOWN = instant(DEMO["known_at"])
NAMES = ["manifest.json", "bundle.zip", "dossier.en.html", "dossier.en.pdf", "dossier.fr.html", "dossier.fr.pdf"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dossier") / "d.zip"
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        write_dossier(book, "C-2041", "D-1", KNOWN, out)
    return out


@pytest.fixture(scope="module")
def told() -> Dossier:
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        return gather(book, "C-2041", "D-1", KNOWN)


def words(blocks: list[Block]) -> str:
    return "\n".join([b.text for b in blocks] + [" | ".join(row) for b in blocks for row in (b.heads, *b.rows)])


def test_the_zip_holds_both_languages_both_forms_and_the_bundle(made: Path) -> None:
    with ZipFile(made) as archive:
        assert archive.namelist() == NAMES
        assert all(i.compress_type == ZIP_STORED and i.date_time == (1980, 1, 1, 0, 0, 0) for i in archive.infolist())
        manifest = json.loads(archive.read("manifest.json"))
        for file in manifest["files"]:
            assert sha256(archive.read(file["path"])).hexdigest() == file["sha256"]
    assert [f["path"] for f in manifest["files"]] == NAMES[1:]
    assert (manifest["format"], manifest["dispute"]) == ("service-ledger-dossier/1", "D-1")


def test_written_again_it_is_the_same_bytes(made: Path, tmp_path: Path) -> None:
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        write_dossier(book, "C-2041", "D-1", KNOWN, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == made.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["again.zip"]


def test_the_bundle_inside_verifies_and_holds_each_receipt(made: Path, tmp_path: Path, capsys: Any) -> None:
    with ZipFile(made) as archive:
        archive.extract("bundle.zip", tmp_path)
        page = archive.read("dossier.en.html").decode()
    assert run(["verify", str(tmp_path / "bundle.zip")]) == 0
    assert "nothing failed" in capsys.readouterr().out
    with ZipFile(tmp_path / "bundle.zip") as bundle:
        lines = bundle.read("log/entries.tsv").splitlines()
    by_position = {int(line.split(b"\t")[0]): line.split(b"\t", 1)[1] for line in lines}
    leaf = sha256(b"\0" + by_position[1762]).hexdigest()
    assert leaf in page


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_tells_verdict_steps_clauses_levers_and_facts(told: Dossier, language: str) -> None:
    blocks = pages(told, language)
    said = words(blocks)
    for piece in ("2026-03-20T10:30:00Z", "99.4487", "-480", "outage O-06 did not count", "1613", "1762", "D-1"):
        assert piece in said, piece
    assert sum(b.kind == "picture" for b in blocks) == 3
    assert ("broken" if language == "en" else "manqué") in said


def test_in_french_figures_and_parties_have_french_names(told: Dossier) -> None:
    said = words(pages(told, "fr"))
    assert "verdict | tenu | manqué | manqué" in said
    assert "TI, en secondes | 3600 | 5160 | 5160" in said
    assert "Par | client" in said


def test_every_word_is_there_in_both_languages() -> None:
    assert len({name for name, _, _ in WORDS}) == len(WORDS)
    assert all(english.strip() and french.strip() for _, english, french in WORDS)


def test_the_steps_told_account_for_the_difference(told: Dossier) -> None:
    assert told.comparison.accounted
    assert [s.position for s in told.comparison.steps] == [1762]


def test_the_facts_come_in_the_order_of_positions_each_with_its_receipt(told: Dossier) -> None:
    positions = [int(row[0]) for row in told.facts]
    assert positions == sorted(set(positions))
    assert all(len(row[-1]) == 64 for row in told.facts)


def test_a_decided_reading_has_a_column_of_its_own_and_alters_no_other(book: Any, tell: Any) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    for n in (1, 2):
        tell("2026-03-03T12:00:00Z", "outage_started", {"outage": f"O{n}", "environment": "production",
             "effect": "no_access", "at": "2026-03-03T10:00:00+01:00"})  # fmt: skip
        tell("2026-03-03T12:00:00Z", "outage_ended", {"outage": f"O{n}", "at": "2026-03-03T10:50:00+01:00"})
    tell("2026-04-03T08:00:00Z", "dispute_opened", {"dispute": "D", "question": "availability",
         "params": {"month": "2026-03"}, "by": "customer", "reason": "count each"})  # fmt: skip
    tell("2026-05-03T08:00:00Z", "dispute_decided", {"dispute": "D", "decision": "each counts", "by": "expert",
         "reading": {"overlap": "sum"}})  # fmt: skip
    found = gather(book, "C1", "D", instant("2026-05-04T00:00:00Z"))
    said = words(pages(found, "en"))
    assert "verdict | kept | kept | kept | broken" in said
    assert "overlap=sum: each outage counts whole" in said  # the clause at stake, with its other reading
    assert "it alters no entry" in said


def test_a_question_without_a_month_has_no_month_pictures(book: Any, tell: Any, tmp_path: Path) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    tell("2026-04-03T08:00:00Z", "dispute_opened", {"dispute": "D", "question": "maintenance", "reason": "short notice"})
    told = write_dossier(book, "C1", "D", instant("2026-05-04T00:00:00Z"), tmp_path / "d.zip", with_pdf=False)
    assert not any(b.kind == "picture" for b in pages(told, "en"))
    with ZipFile(tmp_path / "d.zip") as archive:
        assert [n for n in archive.namelist() if n.endswith("html")] == ["dossier.en.html", "dossier.fr.html"]


def test_an_unknown_dispute_writes_no_file(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_LEDGER", demo_path())
    out = str(tmp_path / "d.zip")
    assert run(["dossier", "D-9", "--contract", "C-2041", "--known-at", DEMO["known_at"], "-o", out]) == 5
    assert capsys.readouterr().err.startswith("service-ledger: unknown_dispute: ")
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_pdf_is_refused_and_html_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    blocks = [heading("a", 1)]
    with pytest.raises(Refused) as refused:
        pdf("en", "t", blocks)
    assert refused.value.code == "missing_extra"
    assert b"<h1>a</h1>" in html("en", "t", blocks)


NASTY = ['</td><script>alert(1)</script>', '#set page(width: 1cm)', '"quoted" \\ back #eval("1")', "*bold* _it_ $x$ @ref", "a\u2028b\x07"]


@pytest.mark.parametrize("said", NASTY)
def test_words_of_the_ledger_are_text_in_both_forms(said: str) -> None:
    blocks = [heading(said), sentence(said), table(("a", said), [(said, said)])]
    assert b"<script>" not in html("en", "t", blocks)
    assert pdf("en", said, blocks).startswith(b"%PDF")
