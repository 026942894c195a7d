"""A dispute in one file: readable alone, the same bytes again, its evidence inside and verified."""

from __future__ import annotations

import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest
from msgspec.structs import replace

from ledger import Refused, open_ledger
from ledger.demo import DEMO
from projections import ask
from replays.cli import run
from replays.dossier import Dossier, gather, write_dossier
from replays.dossier_pages import Block, heading, html, pdf, sentence, table
from replays.dossier_sections import pages
from replays.dossier_workings import cut
from replays.verify import verify
from replays.words.language import languages
from tests.leftovers import mixed, names_on, same
from tests.replaying import demo_path
from tests.spoken import strings
from tests.story import CONTRACT, instant

KNOWN = instant(DEMO["known_at"])
EN, FR = languages("Europe/Paris")
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
    """What blocks say, every space alike."""
    said = "\n".join([b.text for b in blocks] + [" | ".join(row) for b in blocks for row in (b.heads, *b.rows)])
    return said.replace("\u00a0", " ").replace("\u202f", " ")


LATER = "2026-10-02T00:00:00Z"
DISPUTES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("D-2", "maintenance", {"maintenances": "M-03,M-05,M-08"}),
    ("D-3", "backup_nights", {"first": "2026-02", "last": "2026-02"}),
    ("D-4", "restore_decision", {"restores": "R-2,R-3"}),
    ("D-5", "support_response", {"start": "2025-10-01"}),
    ("D-6", "anomaly", {}),
    ("D-7", "availability", {"month": "2026-05"}),
)


@pytest.fixture(scope="module")
def all_told(disputed: Any) -> dict[str, Dossier]:
    return {name: gather(disputed, "C-2041", name, instant(LATER)) for name, _, _ in DISPUTES if name != "D-7"}


@pytest.fixture(scope="module")
def disputed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The demo's ledger with a dispute over each kind of question."""
    path = tmp_path_factory.mktemp("disputed") / "demo.db"
    shutil.copy(demo_path(), path)
    with open_ledger(str(path), clock=lambda: instant("2026-10-01T12:00:00Z"), recorded_by="t") as book:
        for name, question, params in DISPUTES:
            told = {"dispute": name, "question": question, "params": params, "reason": "not as promised", "by": "customer"}
            book.record([{"specversion": "1.0", "id": name, "source": "t", "type": "dispute_opened",
                          "subject": "contract:C-2041", "data": told}])  # fmt: skip
        yield book


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


@pytest.mark.parametrize(
    ("language", "pieces"),
    [
        (EN, ("Friday 20 March 2026 at 11:30 (UTC+1)", "99.4487%", "−480 s (−8 min)", "outage O-06 did not count", "broken")),
        (FR, ("vendredi 20 mars 2026 à 11 h 30 (UTC+1)", "99,4487 %", "−480 s (−8 min)", "l’indisponibilité O-06 ne compte pas", "manqué")),
    ],
    ids=["en", "fr"],
)  # fmt: skip
def test_the_page_tells_verdict_steps_clauses_levers_and_facts(told: Dossier, language: Any, pieces: tuple[str, ...]) -> None:
    blocks = pages(told, language)
    said = words(blocks)
    for piece in (*pieces, "1613", "1762", "D-1"):
        assert piece in said, piece
    assert sum(b.kind == "picture" for b in blocks) == 4  # the month, its nights, what was learnt, the facts


def test_in_french_figures_parties_and_facts_are_french(told: Dossier) -> None:
    said = words(pages(told, FR))
    assert "verdict rendu | tenu | manqué | manqué" in said
    assert "TI | 3 600 s (1 h) | 5 160 s (1 h 26 min) | 5 160 s (1 h 26 min)" in said
    assert "statut | définitif | définitif | définitif" in said
    assert "Par | client" in said
    assert "L’indisponibilité O-06 a pris fin le mardi 17 février 2026 à 15 h 05 (UTC+1)." in said
    assert "« the access log of the front servers shows the first answered request at 15:31, not 15:05 »" in said
    assert "au moins 99,5 % des heures de la période de référence type (PRT) d’un mois" in said


def test_no_english_is_left_on_a_french_page(told: Dossier, all_told: dict[str, Dossier]) -> None:
    """Of each kind of question: what both pages say alike is an id, a number or a code, and no French text is mixed."""
    for name, each in {"D-1": told, **all_told}.items():
        english, french = (html(lang.code, lang.code, pages(each, lang)).decode() for lang in (EN, FR))
        assert (same(english, french), mixed(french)) == ([], []), name


def test_no_name_for_programs_is_on_a_page(told: Dossier, all_told: dict[str, Dossier]) -> None:
    """Of each kind of question, in both languages; codes of choices stand apart, in a type of their own."""
    for name, each in {"D-1": told, **all_told}.items():
        ids = {text for fact in each.facts for text in strings(fact.payload)} | {f"contract:{each.contract}"}
        for lang in (EN, FR):
            page = html(lang.code, lang.code, pages(each, lang)).decode()
            assert names_on(page, ids) == [], (name, lang.code)
            assert "<code>" in page


def test_a_question_no_clause_leaves_open_says_so(told: Dossier) -> None:
    alone = replace(told, sensitivity=replace(told.sensitivity, readings=1))
    assert "No clause leaves a choice of reading open here." in words(pages(alone, EN))
    assert "1 readings" not in words(pages(alone, EN))


def test_of_too_many_figures_those_of_nothing_to_judge_go_first_then_those_that_are_the_same(
    told: Dossier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dossier over `obligations` shows what is kept and broken, though nothing moved since the opening."""
    answers = {when: given(told, "obligations", at="2026-04-16T05:20:00Z") for when in ("at_opening", "now")}
    asked = replace(told, answers=answers, dispute=replace(told.dispute, question="obligations", params={}))
    said = words(pages(asked, FR))
    assert "Omises, n’ayant rien à juger : 77 obligations." in said
    assert "A5.4 – état | manquée | manquée" in said
    assert "manquées | 1" in said  # and in the workings
    monkeypatch.setattr("replays.dossier_sections.MOST_FIGURES", 10)
    said = words(pages(asked, EN))
    assert "None of the 48 figures differs" in said
    assert "A5.4 – state" not in said


def given(told: Dossier, asked: str, **params: str) -> Any:
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        return ask(book, asked, contract=told.contract, known_at=KNOWN, **params)


def test_a_dossier_says_when_not_every_reading_was_explored(told: Dossier) -> None:
    some = replace(told, sensitivity=replace(told.sensitivity, coverage="some"))
    assert "readings that the clauses leave open not all were searched" in words(pages(some, EN))
    assert "n’ont pas toutes été explorées ; sur celles qui l’ont été" in words(pages(some, FR))
    assert "Toutes les combinaisons n’ont pas été explorées." in words(pages(some, FR))
    assert "not all were searched" not in words(pages(told, EN))


def test_sets_of_choices_and_rows_that_are_left_out_are_counted(told: Dossier, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = (("overlap=sum",), ("partial_effect=any",), ("open_outage=ignore",))
    many = replace(told, sensitivity=replace(told.sensitivity, turning_sets=sets))
    for shown, said in ((1, "2 more sets of choices turn it."), (2, "One more set of choices turns it."), (3, None)):
        monkeypatch.setattr("replays.dossier_sections.MOST_SETS", shown)
        assert (said or "more set") in words(pages(many, EN)) or said is None
        assert said is not None or "more set" not in words(pages(many, EN))
    texts = {"cut": "{count} more", "cut_one": "one more"}
    monkeypatch.setattr("replays.dossier_workings.MOST_ROWS", 2)
    assert [[b.text for b in cut(texts, ("a",), [("x",)] * n)][1:] for n in (2, 3, 4)] == [[], ["one more"], ["2 more"]]


@pytest.mark.soak
@pytest.mark.parametrize("name", ["D-3", "D-5", "D-7"])
def test_a_dossier_of_any_question_verifies_with_its_pdf_and_is_the_same_bytes_again(disputed: Any, name: str, tmp_path: Path) -> None:
    made = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for out in made:
        write_dossier(disputed, "C-2041", name, instant(LATER), out)
    assert made[0].read_bytes() == made[1].read_bytes()
    assert verify(str(made[0])).holds
    with ZipFile(made[0]) as archive:
        english, french = (archive.read(f"dossier.{code}.html").decode() for code in ("en", "fr"))
    assert (same(english, french), mixed(french)) == ([], [])


def test_months_and_nights_are_drawn_of_what_is_in_dispute(all_told: dict[str, Dossier]) -> None:
    drawn = {name: each.pictures for name, each in all_told.items()}
    assert [each.month for each in drawn["D-2"].months] == ["2026-01", "2026-04"]  # those found broken
    assert drawn["D-3"].nights["missed"] == ["2026-02-07"]
    assert drawn["D-4"].nights["missed"] == ["2026-02-07"]  # the month of the state that could not be restored
    assert (drawn["D-6"].months, drawn["D-6"].nights) == ((), {})


def test_the_line_of_knowledge_has_the_verdict_after_each_step(told: Dossier) -> None:
    assert [step.verdict for step in told.comparison.steps] == ["broken"]
    assert told.answers["at_first"].result["breach"] is False


def test_the_steps_told_account_for_the_difference(told: Dossier) -> None:
    assert told.comparison.accounted
    assert [s.position for s in told.comparison.steps] == [1762]


def test_the_facts_come_in_the_order_of_positions_each_with_its_receipt(told: Dossier) -> None:
    positions = [fact.position for fact in told.facts]
    assert positions == sorted(set(positions))
    assert all(len(fact.leaf_hash) == 64 for fact in told.facts)
    assert [fact.position for fact in told.facts if fact.happened_at is None] == [2, 3, 1028]  # terms, calendar, contract


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
    said = words(pages(found, EN))
    assert "verdict | kept | kept | kept | broken" in said
    assert "each outage counts whole (overlap=sum)" in said  # the clause at stake, with its other reading
    assert "chaque indisponibilité compte en entier (overlap=sum)" in words(pages(found, FR))
    assert "it alters no entry" in said


def test_of_a_contract_recorded_once_the_period_was_over_what_was_known_begins_at_the_opening(book: Any, tell: Any, tmp_path: Path) -> None:
    tell("2026-05-01T08:00:00Z", "contract_started", CONTRACT)
    tell("2026-05-02T08:00:00Z", "dispute_opened", {"dispute": "D", "question": "availability",
         "params": {"month": "2026-03"}, "by": "customer", "reason": "too slow"})  # fmt: skip
    for kind, at in (("outage_started", "2026-03-03T10:00:00+01:00"), ("outage_ended", "2026-03-03T13:00:00+01:00")):
        more = {"environment": "production", "effect": "no_access"} if kind == "outage_started" else {}
        tell("2026-05-03T08:00:00Z", kind, {"outage": "O1", "at": at, **more})
    found = write_dossier(book, "C1", "D", instant("2026-05-04T00:00:00Z"), tmp_path / "d.zip", with_pdf=False)
    assert list(found.answers) == ["at_opening", "now"]
    said = words(pages(found, EN))
    assert "verdict | kept | broken" in said
    assert "By what was known on Saturday 2 May 2026 at 10:00 (UTC+2), it was: kept." in said
    assert verify(str(tmp_path / "d.zip")).holds


@pytest.mark.parametrize(("known_at", "over"), [("2026-03-20T00:00:00Z", False), ("2026-04-01T00:00:00Z", True)])
def test_a_month_that_is_not_over_is_not_told_as_kept_for_good(book: Any, tell: Any, known_at: str, over: bool) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    tell("2026-03-10T08:00:00Z", "dispute_opened", {"dispute": "D", "question": "availability",
         "params": {"month": "2026-03"}, "reason": "too slow"})  # fmt: skip
    found = gather(book, "C1", "D", instant(known_at))
    said = words(pages(found, FR))
    assert ("La période n’est pas achevée : ceci vaut à ce jour." in said) is not over
    assert ("de marge ; le mois n’est pas achevé." in said) is not over
    assert ("de marge avant de manquer à l’engagement." in said) is over


def test_a_question_without_a_month_has_no_month_pictures(book: Any, tell: Any, tmp_path: Path) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    tell("2026-04-03T08:00:00Z", "dispute_opened", {"dispute": "D", "question": "maintenance", "reason": "short notice"})
    told = write_dossier(book, "C1", "D", instant("2026-05-04T00:00:00Z"), tmp_path / "d.zip", with_pdf=False)
    assert told.pictures.months == ()
    assert "The month" not in words(pages(told, EN))
    with ZipFile(tmp_path / "d.zip") as archive:
        assert [n for n in archive.namelist() if n.endswith("html")] == ["dossier.en.html", "dossier.fr.html"]


def test_an_unknown_dispute_writes_no_file(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_LEDGER", demo_path())
    out = str(tmp_path / "d.zip")
    assert run(["dossier", "D-9", "--contract", "C-2041", "--known-at", DEMO["known_at"], "-o", out]) == 5
    assert capsys.readouterr().err.startswith("service-ledger: unknown_dispute: ")
    assert list(tmp_path.iterdir()) == []


def test_a_dossier_is_never_written_over_a_file_nor_half(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_LEDGER", demo_path())
    out = tmp_path / "d.zip"
    words = ["dossier", "D-1", "--contract", "C-2041", "--known-at", DEMO["known_at"], "--no-pdf", "-o", str(out)]
    assert run(words) == 0
    made = out.read_bytes()
    capsys.readouterr()
    assert run(words) == 2
    assert capsys.readouterr().err == f"service-ledger: file_exists: {out} is there already; name another\n"
    assert out.read_bytes() == made
    with open_ledger(demo_path(), create=False, read_only=True) as book, pytest.raises(Refused, match="file_exists"):
        write_dossier(book, "C-2041", "D-1", KNOWN, out)
    monkeypatch.setattr("replays.dossier.write_zip", full)
    words[-1] = str(tmp_path / "again.zip")
    assert run(words) == 4
    assert "store_failed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["d.zip"]


def full(out: Any, files: Any) -> None:
    out.write(b"half")
    raise OSError(28, "No space left on device")


def test_without_the_extra_the_pdf_is_refused_and_html_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    blocks = [heading("a", 1)]
    with pytest.raises(Refused) as refused:
        pdf("en", "t", "page {now} of {all}", blocks)
    assert refused.value.code == "missing_extra"
    assert b"<h1>a</h1>" in html("en", "t", blocks)


NASTY = ['</td><script>alert(1)</script>', '#set page(width: 1cm)', '"quoted" \\ back #eval("1")', "*bold* _it_ $x$ @ref", "a\u2028b\x07"]


@pytest.mark.parametrize("said", NASTY)
def test_words_of_the_ledger_are_text_in_both_forms(said: str) -> None:
    blocks = [heading(said), sentence(said), table(("a", said), [(said, said)])]
    assert b"<script>" not in html("en", "t", blocks)
    assert pdf("en", said, "page {now} of {all}", blocks).startswith(b"%PDF")
