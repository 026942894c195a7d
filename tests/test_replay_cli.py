"""The commands `replay`, `statement` and `dispute`: what they print, what they refuse and with which status."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.demo import DEMO
from projections import ask
from replays.cli import run
from tests.replaying import demo_path
from tests.story import CONTRACT

MONTH = DEMO["corrected_month"]
BOTH = ("--known-at", MONTH["before"], "--and-known-at", MONTH["after"])
FEBRUARY = ("replay", "availability", "--contract", "C-2041", "--month", MONTH["month"])


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SERVICE_LEDGER", demo_path())
    return demo_path()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger of an hour's outage last month, recorded by the real clock."""
    path = str(tmp_path / "own.db")
    monkeypatch.setenv("SERVICE_LEDGER", path)
    with open_ledger(path) as book:
        start = _wednesday() + timedelta(hours=9)
        facts = [("contract_started", {**CONTRACT, "production_named_users": 10}),
                 ("outage_started", {"outage": "O1", "environment": "production", "effect": "no_access",
                                     "at": start.isoformat()}),
                 ("outage_ended", {"outage": "O1", "at": (start + timedelta(hours=1)).isoformat()})]  # fmt: skip
        book.record([{"specversion": "1.0", "id": f"e{n}", "source": "t", "type": kind, "subject": "contract:C1",
                      "data": data} for n, (kind, data) in enumerate(facts)])  # fmt: skip
    return path


def _last_month() -> datetime:
    now = datetime.now(UTC)
    return (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)).replace(day=1)


def _wednesday() -> datetime:
    """One from the 16th to the 22nd of last month: never a French holiday."""
    day = _last_month() + timedelta(days=15)
    return day + timedelta(days=(2 - day.weekday()) % 7)


def said(capsys: Any, *words: str, status: int = 0) -> Any:
    assert run(list(words)) == status, capsys.readouterr()
    return capsys.readouterr()


def refused(capsys: Any, code: str, *words: str, status: int = 5) -> str:
    shown = said(capsys, *words, status=status)
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert f"service-ledger: {code}: " in shown.err
    text: str = shown.err
    return text


# --- replay ---


def test_two_moments_show_the_entry_that_turned_the_month(demo: str, capsys: Any) -> None:
    shown = said(capsys, *FEBRUARY, *BOTH).out
    assert "corrected" in shown
    assert "breach: no -> yes" in shown
    assert "other entries moved nothing" in shown


def test_two_moments_as_json_hold_the_bytes_that_ask_gives(demo: str, capsys: Any) -> None:
    found = json.loads(said(capsys, *FEBRUARY, *BOTH, "--json").out)
    assert found["accounted"] is True
    with open_ledger(demo, create=False, read_only=True) as book:
        for side, known_at in (("first", MONTH["before"]), ("second", MONTH["after"])):
            answer = ask(book, "availability", contract="C-2041", known_at=known_at, month=MONTH["month"])
            assert found[side] == json.loads(answer.to_json())
            assert found[side]["root"]


def test_two_positions_are_two_moments(demo: str, capsys: Any) -> None:
    moments = json.loads(said(capsys, *FEBRUARY, *BOTH, "--json").out)
    ends = [str(moments[side]["position"]) for side in ("first", "second")]
    found = json.loads(said(capsys, *FEBRUARY, "--position", ends[0], "--and-position", ends[1], "--json").out)
    assert found["difference"] == moments["difference"]


def test_the_same_bytes_are_printed_twice(demo: str, capsys: Any) -> None:
    words = (*FEBRUARY, *BOTH, "--json")
    assert said(capsys, *words).out == said(capsys, *words).out
    words = (*FEBRUARY, "--known-at", MONTH["after"], "--sensitivity", "--json")
    assert said(capsys, *words).out == said(capsys, *words).out


def test_sensitivity_says_over_which_readings_it_holds_and_by_which_clause_it_turns(demo: str, capsys: Any) -> None:
    shown = said(capsys, *FEBRUARY, "--known-at", MONTH["after"], "--sensitivity").out
    assert "verdict: broken; broken under every reading\n36,864 readings; held over all of them" in shown
    shown = said(capsys, "replay", "support_response", "--contract", "C-2041", "--start", "2025-10-01",
                 "--known-at", DEMO["known_at"], "--sensitivity").out  # fmt: skip
    assert "verdict: kept; contested" in shown
    assert "turned by support_hours=art_12_6 (art. 12.2, 12.6, Amb-06)" in shown


def test_named_readings_stand_side_by_side(demo: str, capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "readings.toml"
    path.write_text('[provider]\nswitches = {support_hours = "art_12_2"}\n[customer]\nswitches = {support_hours = "art_12_6"}\n')
    words = ("replay", "support_response", "--contract", "C-2041", "--start", "2025-10-01", "--known-at",
             DEMO["known_at"], "--under", str(path))  # fmt: skip
    shown = said(capsys, *words).out
    assert next(line.split() for line in shown.splitlines() if "verdict" in line) == ["verdict", "kept", "broken"]
    found = json.loads(said(capsys, *words, "--json").out)
    assert [f["reading"] for f in found] == ["provider", "customer"]
    assert found[1]["answer"]["reading"]["support_hours"] == "art_12_6"


def test_an_adopted_knowledge_is_followed_as_ask_follows_it(own: str, capsys: Any) -> None:
    with open_ledger(own, create=False) as book:
        adopted = {"reading": "R1", "switches": {"knowledge": "attested"}, "effective_from": "2025-09-01T00:00:00+02:00"}
        book.record([{"specversion": "1.0", "id": "r", "source": "t", "type": "reading_adopted",
                      "subject": "contract:C1", "data": adopted}])  # fmt: skip
    month = f"{_last_month():%Y-%m}"
    found = json.loads(said(capsys, "replay", "availability", "--month", month, "--position", "6", "--and-known-at",
                            "all", "--json").out)  # fmt: skip
    assert found["second"]["reading"]["knowledge"] == "attested"


def test_before_the_first_entry_is_one_line(demo: str, capsys: Any) -> None:
    refused(capsys, "unknown_contract", *FEBRUARY, "--known-at", "2019-01-01T00:00:00Z", "--sensitivity")


def test_a_moment_ahead_is_answered_and_said_to_lie_ahead(demo: str, capsys: Any) -> None:
    shown = said(capsys, *FEBRUARY, "--known-at", "2026-09-20T00:00:00Z", "--and-known-at", "2100-01-01T00:00:00Z")
    assert "2100-01-01T00:00:00+00:00 lies ahead; judged by what is held now" in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "missing_parameter"),
        (("--known-at", MONTH["after"], "--and-known-at", MONTH["before"]), "bad_parameter"),
        (("--known-at", "soon", "--sensitivity"), "bad_instant"),
        (("--position", "999999", "--sensitivity"), "bad_position"),
        (("--sensitivity", "--reading", "overlap=sum", "--reading", "overlap=union"), "bad_parameter"),
        (("--sensitivity", "--reading", "overlap=all"), "unknown_switch_value"),
        (("--sensitivity", "--reading", "overlapped=sum"), "unknown_switch"),
    ],
)  # fmt: skip
def test_what_cannot_be_replayed_is_one_line(demo: str, capsys: Any, words: Any, code: str) -> None:
    refused(capsys, code, *FEBRUARY, *words)


def test_a_readings_file_that_contradicts_itself_is_one_line(demo: str, capsys: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text('[expert]\nswitches = {overlap = "sum"}')
    two.write_text('[expert]\nswitches = {overlap = "union"}')
    refused(capsys, "bad_terms", *FEBRUARY, "--under", str(one), "--under", str(two), status=3)
    refused(capsys, "no_file", *FEBRUARY, "--under", str(tmp_path / "none.toml"), status=2)


# --- statements ---


def test_a_statement_is_issued_listed_explained_and_restated(own: str, capsys: Any) -> None:
    month = f"{_last_month():%Y-%m}"
    assert "recorded at position" in said(capsys, "statement", "issue", "--month", month, "--id", "S-1").out
    (one,) = json.loads(said(capsys, "statement", "list", "--json").out)
    assert (one["statement"], one["restatement_needed"]) == ("S-1", False)
    with open_ledger(own, create=False) as book:
        end = (_wednesday() + timedelta(hours=11)).isoformat()
        book.record([{"specversion": "1.0", "id": "fix", "source": "t", "type": "corrected", "subject": "contract:C1",
                      "data": {"target": "e2", "data": {"outage": "O1", "at": end}, "reason": "the log"}}])  # fmt: skip
    (one,) = json.loads(said(capsys, "statement", "list", "--json").out)
    assert one["restatement_needed"] is True
    explained = json.loads(said(capsys, "statement", "explain", "S-1", "--json").out)
    assert [step["type"] for step in explained["steps"] if step["position"]] == ["corrected"]
    assert "restatement_needed" in said(capsys, "statement", "list").out
    said(capsys, "statement", "issue", "--month", month, "--id", "S-2", "--replaces", "S-1")
    found = json.loads(said(capsys, "statement", "list", "--json").out)
    assert [s["restatement_needed"] for s in found] == [False, False]


def test_a_statement_is_explained_under_its_own_reading(own: str, capsys: Any) -> None:
    month = f"{_last_month():%Y-%m}"
    said(capsys, "statement", "issue", "--month", month, "--id", "S-1", "--reading", "overlap=sum")
    explained = json.loads(said(capsys, "statement", "explain", "S-1", "--json").out)
    assert explained["second"]["reading"]["overlap"] == "sum"


def test_figures_do_not_come_in_by_record(own: str, capsys: Any, tmp_path: Path) -> None:
    event = {"specversion": "1.0", "id": "s", "source": "t", "type": "availability_statement_issued",
             "subject": "contract:C1", "data": {"statement": "S", "month": f"{_last_month():%Y-%m}", "position": 5,
             "known_at": "2026-01-01T00:00:00Z", "reading": {}, "figures": {"breach": False}}}  # fmt: skip
    file = tmp_path / "s.jsonl"
    file.write_text(json.dumps(event))
    refused(capsys, "figures_do_not_replay", "record", str(file), status=3)


def test_an_unknown_statement_is_one_line(own: str, capsys: Any) -> None:
    refused(capsys, "unknown_statement", "statement", "explain", "S-9")
    refused(capsys, "unknown_statement", "statement", "issue", "--month", f"{_last_month():%Y-%m}", "--replaces", "S-9")


# --- disputes ---


def open_one(capsys: Any) -> None:
    said(capsys, "dispute", "open", "D-1", "--question", "availability", "--param", f"month={_last_month():%Y-%m}",
         "--reason", "our probes say otherwise", "--by", "customer")  # fmt: skip


def test_a_dispute_is_opened_fed_decided_closed_and_shown(own: str, capsys: Any) -> None:
    open_one(capsys)
    said(capsys, "dispute", "file", "D-1", "--evidence", "sha256:" + "a" * 64, "--by", "customer")
    before = json.loads(said(capsys, "dispute", "replay", "D-1", "--json").out)
    said(capsys, "dispute", "decide", "D-1", "--decision", "as summed", "--by", "expert", "--reading", "overlap=sum")
    after = json.loads(said(capsys, "dispute", "replay", "D-1", "--json").out)
    assert before["result"] == after["result"]  # a decision alters no fact
    said(capsys, "dispute", "close", "D-1", "--reason", "settled")
    (row,) = json.loads(said(capsys, "dispute", "list", "--json").out)
    assert row["state"] == "closed"
    shown = said(capsys, "dispute", "show", "D-1").out
    assert "facts stay as they were" in shown
    assert "availability" in shown


def test_a_replay_that_is_recorded_can_be_asked_again_to_the_byte(own: str, capsys: Any) -> None:
    open_one(capsys)
    printed = said(capsys, "dispute", "replay", "D-1", "--record", "--json", "--reading", "overlap=sum").out.rstrip("\n")
    with open_ledger(own, create=False, read_only=True) as book:
        (kept,) = [e.event for _, e in book.entries() if type(e.event).__name__ == "DisputeReplayed"]
        again = ask(book, "availability", contract="C1", month=f"{_last_month():%Y-%m}", known_at=kept.known_at,
                    position=kept.position, reading={"overlap": "sum"})  # fmt: skip
    assert again.to_json() == printed
    assert kept.answer_sha256 == sha256(printed.encode()).hexdigest()
    assert kept.note == "reading: overlap=sum"


def test_replaying_without_recording_only_reads_the_ledger(
    own: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_one(capsys)
    asked: list[bool] = []

    def watched(url: str, **how: Any) -> Any:
        asked.append(how.get("read_only", False))
        return open_ledger(url, **how)

    monkeypatch.setattr("ledger.open_ledger", watched)
    said(capsys, "dispute", "replay", "D-1")
    said(capsys, "dispute", "replay", "D-1", "--record")
    assert asked == [True, False]


def test_an_unknown_dispute_is_one_line(demo: str, capsys: Any) -> None:
    told = refused(capsys, "unknown_dispute", "dispute", "show", "D-9", "--contract", "C-2041",
                   "--known-at", DEMO["known_at"])  # fmt: skip
    assert "known: D-1" in told


@pytest.mark.parametrize(
    "words",
    [
        ("file", "D-9", "--evidence", "sha256:" + "a" * 64),
        ("decide", "D-9", "--decision", "x", "--by", "expert"),
        ("close", "D-9"),
        ("replay", "D-9"),
        ("show", "D-9"),
    ],
)  # fmt: skip
def test_whatever_is_done_in_an_unknown_dispute_is_one_line(own: str, capsys: Any, words: Any) -> None:
    open_one(capsys)
    assert "known: D-1" in refused(capsys, "unknown_dispute", "dispute", *words)


def test_a_dossier_of_an_unknown_dispute_is_one_line_and_writes_nothing(own: str, capsys: Any, tmp_path: Path) -> None:
    refused(capsys, "unknown_dispute", "dossier", "D-9", "-o", str(tmp_path / "dossier.zip"))
    assert not (tmp_path / "dossier.zip").exists()


EVERY_REPLAY = (
    ("detect",),
    ("hindsight", "--first", "2026-01", "--last", "2026-02"),
    ("statement", "list"),
    ("dispute", "list"),
    (*FEBRUARY[:2], "--month", "2026-02", "--sensitivity"),
)


@pytest.mark.parametrize("words", EVERY_REPLAY, ids=lambda words: words[0])
def test_every_replay_before_the_first_entry_is_one_line(demo: str, capsys: Any, words: Any) -> None:
    refused(capsys, "unknown_contract", *words, "--contract", "C-2041", "--known-at", "2019-01-01T00:00:00Z")


@pytest.mark.parametrize("words", EVERY_REPLAY, ids=lambda words: words[0])
def test_every_replay_of_a_moment_ahead_says_so_and_of_now_does_not(own: str, capsys: Any, words: Any) -> None:
    month = f"{_last_month():%Y-%m}"
    words = [month if word.startswith("2026-0") else word for word in words]
    ahead = datetime.now(UTC) + timedelta(days=2)
    assert "lies ahead; judged by what is held now" in said(capsys, *words, "--known-at", ahead.isoformat()).err
    assert said(capsys, *words).err == ""


def test_a_named_reading_that_contradicts_the_questions_own_switch_is_one_line(
    demo: str, capsys: Any, tmp_path: Path
) -> None:
    path = tmp_path / "readings.toml"
    path.write_text('[customer]\nswitches = {overlap = "sum"}\n')
    under = (*FEBRUARY, "--known-at", MONTH["after"], "--under", str(path), "--reading")
    told = refused(capsys, "bad_parameter", *under, "overlap=union")
    assert "[customer] has overlap=sum, --reading overlap=union" in told
    said(capsys, *under, "overlap=sum")
    path.write_text('[customer]\nswitches = {overlap = "some"}\n')
    assert "readings.toml: [customer]" in refused(capsys, "unknown_switch_value", *under, "overlap=sum")


def test_a_bundle_that_does_not_verify_says_which_check_failed(demo: str, capsys: Any, tmp_path: Path) -> None:
    made = tmp_path / "bundle.zip"
    words = ("--contract", "C-2041", "--from", "2026-02", "--to", "2026-02")
    said(capsys, "export", *words, "--known-at", DEMO["known_at"], "-o", str(made))
    assert run(["verify", str(made)]) == 0
    capsys.readouterr()
    whole = bytearray(made.read_bytes())
    whole[len(whole) // 2] ^= 1
    made.write_bytes(whole)
    assert run(["verify", str(made)]) == 6
    found = capsys.readouterr()
    assert "FAILED" in found.out + found.err
    assert "Traceback" not in found.err


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (("--question", "availabilty", "--param", "month=2026-03"), "unknown_question", 5),
        (("--question", "availability", "--param", "month"), "bad_parameter", 5),
        (("--question", "availability", "--param", "month=March"), "bad_month", 5),
        (("--question", "availability"), "missing_parameter", 5),
    ],
)  # fmt: skip
def test_a_dispute_over_no_question_is_one_line(own: str, capsys: Any, words: Any, code: str, status: int) -> None:
    refused(capsys, code, "dispute", "open", "D-1", "--reason", "why", *words, status=status)


def test_a_party_that_may_not_decide_is_one_line(own: str, capsys: Any) -> None:
    open_one(capsys)
    refused(capsys, "wrong_party", "dispute", "decide", "D-1", "--decision", "ours", "--by", "provider", status=3)


def test_the_demo_dispute_is_shown_with_the_verdict_of_its_month(demo: str, capsys: Any) -> None:
    found = json.loads(said(capsys, "dispute", "show", "D-1", "--contract", "C-2041", "--known-at", DEMO["known_at"],
                            "--json").out)  # fmt: skip
    assert found["dispute"]["state"] == "open"
    assert found["answer"]["result"]["breach"] is True
