"""The dashboards as pictures: what a specification holds, and that it is drawn from itself alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ledger.errors import Refused
from replays.charts import TOP, articles_chart, requests_chart, svg

ROW = {"met": 3, "missed": 1, "pending": 0, "not_judged": 2, "response_seconds": {"p50": 5400, "p90": 9000, "p95": 9000, "p100": 36000}}
EMPTY = {**ROW, "response_seconds": dict.fromkeys(("p50", "p90", "p95", "p100"))}
RESULT = {"2026-02": EMPTY, "2026-03": ROW}


def drawn(spec: dict[str, Any]) -> str:
    return svg(spec)


def test_the_requests_are_shown_by_state_and_their_waits_in_hours() -> None:
    bars, lines = requests_chart(RESULT)["vconcat"]
    march = {row["state"]: row["requests"] for row in bars["data"]["values"] if row["month"] == "2026-03"}
    assert march == {"met": 3, "missed": 1, "pending": 0, "not_judged": 2}
    assert [(row["share"], row["hours"]) for row in lines["data"]["values"]] == [("p50", 1.5), ("p90", 2.5), ("p95", 2.5), ("p100", 10.0)]


def test_the_most_read_articles_come_first_and_the_rest_together() -> None:
    articles = {f"K{n:02}": n for n in range(1, TOP + 4)}
    spec = articles_chart({"2026-02": {"articles": articles}, "2026-03": {"articles": {"K01": 100}}})
    shown = [(row["article"], row["readings"]) for row in spec["data"]["values"]]
    assert shown[:2] == [("K01", 101), (f"K{TOP + 3:02}", TOP + 3)]
    assert len(shown) == TOP + 1
    assert sum(times for _, times in shown) == sum(articles.values()) + 100
    assert shown[-1][0] == "others"


def test_a_picture_is_the_same_bytes_again_and_shows_its_titles() -> None:
    spec = requests_chart(RESULT)
    picture = drawn(spec)
    assert picture == drawn(requests_chart(RESULT))
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert "Working hours to the first answer" in picture
    assert "2026-03" in picture


def test_no_month_at_all_is_drawn_too() -> None:
    assert drawn(articles_chart({})).startswith("<svg")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(Refused) as refused:
        svg({})
    assert refused.value.code == "missing_extra"


def test_a_picture_is_asked_for_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from replays.cli import run

    ledger = str(tmp_path / "demo.db")
    assert run(["demo", "--ledger", ledger, "--build-only"]) == 0
    asked = ["ask", "requests_dashboard", "--ledger", ledger, "--contract", "C-2041", "--first", "2025-10", "--last", "2025-12"]
    assert run([*asked, "--picture", str(tmp_path / "r.svg")]) == 0
    assert (tmp_path / "r.svg").read_text().startswith("<svg")
    assert run([*asked, "--picture", str(tmp_path / "no" / "r.svg")]) == 4
    assert run(["ask", "updates", "--ledger", ledger, "--contract", "C-2041", "--picture", "x.svg"]) == 5
    assert "has no picture" in capsys.readouterr().err
