"""In hindsight: when a promise was broken to the second, when that could be known, and what would turn it."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from ledger import open_ledger
from ledger.demo import DEMO
from projections.frame import Frames
from projections.questions import question
from replays.cli import run
from replays.hindsight import Hindsight, Month, hindsight, missing, month_rows
from tests.replaying import Story, demo_path
from tests.story import STARTED, at, history, instant
from tests.test_availability import outage

MARCH = date(2026, 3, 1), date(2026, 3, 31)
ALLOWED = 5148  # half a percent of 22 working days of 13 hours, whole seconds
CLAIM = ("2026-03-06T08:00:00Z", "outage_claimed", {"claim": "K-1", "from": "2026-03-05T10:00:00+01:00",
         "to": "2026-03-05T10:30:00+01:00", "reason": "down"})  # fmt: skip
PROOF = ["sha256:" + "b" * 64]


def looked_back(*lines: Any, known_at: str = "2026-05-01T00:00:00Z", reading: Any = None) -> Hindsight:
    known = history(*lines, known_at=known_at)
    return hindsight(known, Frames(known, reading), *MARCH)


def rates(found: Hindsight) -> list[Any]:
    """The breaches of availability: no backup is told of in these stories, so every night is one too."""
    return [breach for breach in found.breaches if breach.obligation == "A6.1"]


def month_of(found: Hindsight) -> Month:
    (month,) = found.months
    return month


def lost(minutes: int, seconds: int = 0) -> list[Any]:
    end = f"2026-03-03T{10 + minutes // 60:02}:{minutes % 60:02}:{seconds:02}+01:00"
    return [STARTED, *outage("2026-03-03T10:00:00+01:00", end)]


@pytest.mark.parametrize(("seconds", "verdict", "spare"), [(47, "kept", 1), (48, "kept", 0), (49, "broken", -1)])
def test_the_margin_is_told_to_the_second_around_the_allowance(seconds: int, verdict: str, spare: int) -> None:
    month = month_of(looked_back(*lost(85, seconds)))
    assert (month.verdict, month.spare_seconds, month.allowed_seconds) == (verdict, spare, ALLOWED)


def test_a_month_that_is_not_over_is_kept_so_far_and_a_broken_one_is_running() -> None:
    """March ends at 22:00 UTC on its last day: the second before it may still be broken."""
    for known_at, over, kept, broken in (
        ("2026-03-31T21:59:59Z", False, "kept so far (running)", "broken (running)"),
        ("2026-03-31T22:00:00Z", True, "kept", "broken"),
    ):
        for minutes, verdict, told in ((60, "kept", kept), (90, "broken", broken)):
            found = looked_back(*lost(minutes), known_at=known_at)
            assert (month_of(found).over, month_of(found).verdict) == (over, verdict)  # the verdict is the word it was
            assert month_rows(found)[0]["verdict"] == told
    (open_claim,) = month_rows(looked_back(*lost(70), CLAIM, known_at="2026-03-20T08:00:00Z"))
    assert open_claim["verdict"] == "contested so far (running)"


def test_a_month_breaks_in_the_second_after_its_allowance_is_used_up() -> None:
    (breach,) = rates(looked_back(*lost(90)))
    assert at(breach.broken_at) == at("2026-03-03T10:00:00+01:00") + ALLOWED + 1
    assert breach.missing == "252 s"


def test_the_delay_runs_from_what_happened_to_when_it_could_be_known() -> None:
    """The end was told an hour late in April; corrected, the month is a breach since 3 March."""
    lines = [*lost(60), ("2026-04-10T08:00:00Z", "corrected", {
        "target": "e12", "data": {"outage": "O1", "at": "2026-03-03T12:00:00+01:00"}, "reason": "the log"})]  # fmt: skip
    (breach,) = rates(looked_back(*lines))
    assert breach.first_knowable_at == "2026-04-10T08:00:00Z"
    assert breach.detection_delay_seconds == at("2026-04-10T08:00:00Z") - at(breach.broken_at)
    assert rates(looked_back(*lines, known_at="2026-04-10T07:59:59Z")) == []


def test_each_stop_and_claim_is_tried_alone() -> None:
    month = month_of(looked_back(*lost(70), CLAIM))
    levers = {lever.shown: (lever.seconds, lever.turns) for lever in month.levers}
    assert levers == {"outage O1 did not count": (-4200, False), "claim K-1 is accepted": (1800, True)}
    assert month.verdict == "contested"  # the open claim decides


def test_an_exclusion_that_falls_and_one_that_stands_after_all_are_levers_of_their_ground() -> None:
    claimed = ("2026-03-06T08:00:00Z", "exclusion_claimed", {
        "exclusion": "X-1", "ground": "force_majeure", "outage": "O1", "from": "2026-03-03T10:00:00+01:00",
        "to": "2026-03-03T11:30:00+01:00", "statement": "flood", "evidence": PROOF})  # fmt: skip
    month = month_of(looked_back(*lost(90), claimed))
    (lever,) = [lever for lever in month.levers if lever.ground]
    assert (lever.shown, lever.ground, lever.seconds, lever.turns) == ("exclusion X-1 falls", "force_majeure", 5400, True)
    assert month.excluded_by_ground == {"force_majeure": 5400}
    rejected = ("2026-03-20T08:00:00Z", "exclusion_rejected", {"exclusion": "X-1", "reason": "no flood", "by": "expert"})
    month = month_of(looked_back(*lost(90), claimed, rejected))
    (lever,) = [lever for lever in month.levers if lever.ground]
    assert (lever.shown, lever.seconds, lever.turns) == ("exclusion X-1 stands", -5400, True)


def test_overlapping_outages_are_each_worth_only_what_they_add() -> None:
    month = month_of(looked_back(*lost(90), *outage("2026-03-03T10:30:00+01:00", "2026-03-03T11:40:00+01:00", "O2")))
    assert {lever.shown: lever.seconds for lever in month.levers} == {
        "outage O1 did not count": -1800, "outage O2 did not count": -600}  # fmt: skip


def test_a_lever_is_what_the_answer_then_says() -> None:
    """Random stories: an outage left out altogether gives the figure its lever promised."""
    tried = 0
    for seed in range(60):
        story = Story(seed)
        known = story.whole("2026-05-01T00:00:00Z")
        month = next((m for m in hindsight(known, Frames(known), *MARCH).months), None)
        assert month is not None
        for lever in month.levers:
            if lever.shown.startswith("outage "):
                without = known.unlearning(frozenset(lever.positions[:1]))
                result = question("availability").function()(without, Frames(without), month="2026-03").result
                assert result["ti_seconds"] == month.ti_seconds + lever.seconds, seed
                tried += 1
    assert tried > 20


@pytest.mark.parametrize(
    ("amount", "limit", "expected"),
    [
        ("5700 s", "4446 s", "1254 s"), ("none", "172800 s", "172800 s"), ("-166800 s", "more than 0 s", "166800 s"),
        ("0 backups", "1 backup", "1 backup"), ("0 states", "state of 2026-02-07", None),
        ("delivered 2026-03-13T10:00:00Z", "by 2026-03-11T23:00:00Z", "126000 s"),
        ("not delivered", "by 2026-03-11T23:00:00Z", None),
    ],
)  # fmt: skip
def test_what_is_missing_is_told_in_the_unit_both_name(amount: str, limit: str, expected: str | None) -> None:
    assert missing(amount, limit) == expected


def test_the_demo_year_looks_back_on_every_breach_of_its_register() -> None:
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        known = book.history("C-2041", known_at=instant(DEMO["known_at"]))
        found = hindsight(known, Frames(known), date(2025, 10, 1), date(2026, 9, 30))
        rows = question("breaches").function()(known, Frames(known), date(2025, 10, 1), date(2026, 9, 30)).result
    assert [(b.obligation, b.subject, b.period) for b in found.breaches] == [
        (r["obligation"], r["subject"], r["period"]) for r in rows
    ]
    assert all((b.detection_delay_seconds or 0) >= 0 for b in found.breaches)
    assert {m.month: m.spare_seconds for m in found.months if m.verdict == "broken"} == {
        "2025-11": -1254, "2026-02": -480, "2026-05": -2322}  # fmt: skip


def test_the_command_prints_tables_and_json(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("SERVICE_LEDGER", demo_path())
    words = ["hindsight", "--contract", "C-2041", "--first", "2026-02", "--last", "2026-02", "--known-at", DEMO["known_at"]]
    assert run(words) == 0
    assert "outage O-06 did not count" in capsys.readouterr().out
    assert run([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["breaches"][-1]["detection_delay_seconds"] == 2664419
    assert [(month["over"], month["verdict"]) for month in found["months"]] == [(True, "broken")]
    words[-1] = "2026-02-10T08:00:00Z"
    assert run(words) == 0
    assert "kept so far (running)" in capsys.readouterr().out
    assert run([*words, "--json"]) == 0
    assert [(m["over"], m["verdict"]) for m in json.loads(capsys.readouterr().out)["months"]] == [(False, "kept")]
    assert run(["hindsight", "--contract", "C-2041", "--first", "2026-02", "--last", "2026-01"]) == 5
