"""The report in a bundle: French all through in French, the same bytes again, and nothing but what answers say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from ledger import open_ledger
from ledger.demo import DEMO
from replays import report
from replays.export import Wanted, export_bundle
from replays.report_texts import LANGUAGES
from tests.leftovers import mixed, same, texts
from tests.replaying import demo_path
from tests.story import instant

Pages = dict[str, str]


def export(out: Path, **changes: Any) -> Pages:
    given: dict[str, Any] = {"contract": "C-2041", "first": "2026-02", "last": "2026-03"}
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        export_bundle(book, Wanted(**{**given, "known_at": instant(DEMO["known_at"]), **changes}), out)
    with ZipFile(out) as bundle:
        return {code: bundle.read(f"report/report.{code}.html").decode() for code in ("en", "fr")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    return export(tmp_path_factory.mktemp("report") / "b.zip")


def plain(page: str) -> str:
    return "\n".join(texts(page)).replace("\u00a0", " ").replace("\u202f", " ")


def test_no_english_is_left_on_the_french_report(made: Pages) -> None:
    assert (same(made["en"], made["fr"]), mixed(made["fr"])) == ([], [])


def test_the_french_report_says_what_is_owed_what_was_found_and_under_which_reading(made: Pages) -> None:
    said = plain(made["fr"])
    for piece in (
        "99,4487 %", "MANQUÉ", "5 160 s (1 h 26 min)", "mardi 17 février 2026 à 15 h 31 (UTC+1)",
        "art. 6 : TD = (PRT − TI) / PRT = (936 000 − 5 160) / 936 000 = 99,4487 %", "disponibilité sous le minimum",
        "au moins 99,5 % des heures de la période de référence type (PRT) d’un mois", "du 1er février 2026 au 28 février 2026",
        "une seconde perdue dans deux indisponibilités est perdue une fois", "L’indisponibilité … a pris fin le ….",
    ):  # fmt: skip
        assert piece in said, piece


def test_the_english_report_says_the_same(made: Pages) -> None:
    said = plain(made["en"])
    for piece in ("99.4487%", "BROKEN", "Tuesday 17 February 2026 at 15:31 (UTC+1)", "a second lost in two outages is lost once"):
        assert piece in said, piece
    assert len(texts(made["en"])) == len(texts(made["fr"]))


def test_the_same_export_has_the_same_report(made: Pages, tmp_path: Path) -> None:
    assert export(tmp_path / "again.zip") == made


def test_a_moment_of_knowledge_within_a_second_is_given_whole(tmp_path: Path) -> None:
    pages = export(tmp_path / "b.zip", known_at=instant("2026-10-01T06:00:00.25Z"))
    assert "jeudi 1er octobre 2026 à 8 h 00 (UTC+2) [2026-10-01T06:00:00.250000Z]" in plain(pages["fr"])


def test_a_table_too_long_to_read_says_how_many_rows_it_leaves_out(
    tmp_path: Path, made: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made["en"].count("<tr>")
    for limit in ("MOST_ENTRIES", "MOST_ROWS", "MOST_POSITIONS"):
        monkeypatch.setattr(report, limit, 2)
    pages = export(tmp_path / "b.zip")
    told = [int(found) for found in re.findall(r"(\d+) more rows are left out here", pages["en"])]
    alone = pages["en"].count("One more row is left out here")
    assert told
    assert alone
    assert 1 not in told
    assert pages["en"].count("<tr>") == whole - sum(told) - alone
    assert re.findall(r"(\d+) autres lignes ne sont pas reprises", pages["fr"]) == [str(found) for found in told]
    assert pages["fr"].count("Une autre ligne n’est pas reprise ici") == alone
    assert "1613, 1617, … (" in pages["en"]


def test_every_word_of_the_report_is_used_on_its_page(made: Pages) -> None:
    unused = {"undecided", "nothing", "no_breach", "no_stop", "all_known", "contested", "cut_one"}  # where there is nothing to tell
    for code, words in LANGUAGES.items():
        page = "\n".join(texts(made[code]))
        absent = {name for name, word in words.items() if word.split("{")[0].strip() not in page}
        assert absent <= unused, code
