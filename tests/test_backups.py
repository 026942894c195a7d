"""Backups told as ledgers: which nights had theirs, until when each is owed, where its copies lie (article 9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.history import History
from projections import backups
from projections.frame import Frames
from tests.story import CONTRACT, STARTED, at, history

PARIS = ZoneInfo("Europe/Paris")


def made(name: str, started_at: str, completed_at: str, *tiers: str, **more: Any) -> tuple[Any, ...]:
    """A successful backup, recorded when it completed unless `recorded_at` says otherwise."""
    recorded_at, extras = more.pop("recorded_at", completed_at), more.pop("extras", {})
    data = {
        "backup": name, "scope": "client_data", "tiers": list(tiers or ("daily",)), "started_at": started_at,
        "completed_at": completed_at, "locations": ["DC-A", "DC-B"], **more,
    }  # fmt: skip
    return (recorded_at, "backup_completed", data, extras)


def office(name: str, completed_at: str, **more: Any) -> tuple[Any, ...]:
    return made(name, completed_at, completed_at, scope="office_documents", **more)


def failed(name: str, started_at: str, failed_at: str, scope: str = "client_data") -> tuple[Any, ...]:
    data = {"backup": name, "scope": scope, "tiers": ["daily"], "started_at": started_at, "failed_at": failed_at}
    return (failed_at, "backup_failed", {**data, "reason": "target full"})


def told(kind: str, name: str, when: str, location: str | None = None, **more: Any) -> tuple[Any, ...]:
    """A fact of a backup's copies, recorded when it happened unless `recorded_at` says otherwise."""
    recorded_at, extras = more.pop("recorded_at", when), more.pop("extras", {})
    data = {"backup": name, "at": when, **({"location": location} if location else {}), **more}
    return (recorded_at, f"backup_{kind}", data, extras)


def finding(rule: Callable[..., Any], *lines: Any, known_at: str | None = None, reading: Any = None, **params: Any) -> Any:
    known = history(*lines, known_at=known_at)
    return rule(known, Frames(known, reading), **params)


def result(rule: Callable[..., Any], *lines: Any, **asked: Any) -> Any:
    return finding(rule, *lines, **asked).result


def nights(*lines: Any, first: str, last: str, **asked: Any) -> Any:
    days = {"first": date.fromisoformat(first), "last": date.fromisoformat(last)}
    return result(backups.backup_nights, *lines, **days, **asked)


def owed(*lines: Any, **asked: Any) -> Any:
    return result(backups.backup_retention, *lines, **asked)


def rows(*lines: Any, first: str = "2026-03-01", last: str = "2026-03-31", **asked: Any) -> list[Any]:
    days = {"first": date.fromisoformat(first), "last": date.fromisoformat(last)}
    return list(finding(backups.breaches, *lines, **days, **asked)) if lines else []


def of_client(*lines: Any, **asked: Any) -> list[Any]:
    """The register of the client's data, without the days of the office documents."""
    return [row for row in rows(*lines, **asked) if row.obligation != "A9.5"]


def codes(*lines: Any, **asked: Any) -> list[tuple[str, str, str, str]]:
    """The register without the periods that simply had no backup."""
    return [(r.obligation, r.what, r.subject, r.period) for r in rows(*lines, **asked) if not r.what.endswith("_missed")]


# --- nights, weeks, months, office days ---

B1 = made("B1", "2026-03-27T01:30:00+01:00", "2026-03-27T02:10:00+01:00")
B2_LATE = made("B2", "2026-03-28T01:30:00+01:00", "2026-03-28T02:10:00+01:00", recorded_at="2026-04-02T09:00:00Z")
MARCH = (
    STARTED,
    B1,
    made("B3", "2026-03-29T03:05:00+02:00", "2026-03-29T03:40:00+02:00"),
    failed("BF", "2026-03-30T01:30:00+02:00", "2026-03-30T01:40:00+02:00"),
    made("B4", "2026-03-30T08:15:00+02:00", "2026-03-30T08:50:00+02:00"),
    made("B5", "2026-03-30T22:30:00+02:00", "2026-03-30T23:05:00+02:00"),
    made("B6", "2026-04-01T06:50:00+02:00", "2026-04-01T07:35:00+02:00"),
    B2_LATE,
)


def test_a_retry_in_the_morning_does_not_make_up_for_the_night() -> None:
    """S19.q1: B4 started at 08:15; B6 started at 06:50 counts though it ended at 07:35."""
    assert nights(*MARCH, first="2026-03-26", last="2026-03-31", known_at="2026-04-03T00:00:00Z") == {
        "fulfilled": ["2026-03-26", "2026-03-27", "2026-03-28", "2026-03-30", "2026-03-31"],
        "missed": ["2026-03-29"],
        "pending": [],
    }


def test_a_backup_not_yet_recorded_makes_no_night() -> None:
    """S19.q2: on 1 April the ledger had not heard of B2."""
    assert nights(*MARCH, first="2026-03-26", last="2026-03-30", known_at="2026-04-01T12:00:00Z") == {
        "fulfilled": ["2026-03-26", "2026-03-28", "2026-03-30"],
        "missed": ["2026-03-27", "2026-03-29"],
        "pending": [],
    }


def test_a_night_that_is_not_over_is_pending() -> None:
    """S19.q3: at 06:30 local the night still runs; it ends at 07:00 summer time."""
    assert nights(*MARCH, first="2026-03-26", last="2026-03-29", known_at="2026-03-30T04:30:00Z") == {
        "fulfilled": ["2026-03-26", "2026-03-28"],
        "missed": ["2026-03-27"],
        "pending": ["2026-03-29"],
    }


def test_by_calendar_date_a_backup_counts_for_the_day_it_completed() -> None:
    """S19.q4 (Amb-16): B4 and B5 both fall on 30 March, none on 31 March."""
    found = nights(*MARCH, first="2026-03-27", last="2026-04-01", known_at="2026-04-03T00:00:00Z",
                   reading={"night": "calendar_date"})  # fmt: skip
    assert found == {
        "fulfilled": ["2026-03-27", "2026-03-28", "2026-03-29", "2026-03-30", "2026-04-01"],
        "missed": ["2026-03-31"],
        "pending": [],
    }


@pytest.mark.parametrize(
    ("started_at", "fulfilled"),
    [
        ("2026-03-10T19:59:59+01:00", []),
        ("2026-03-10T20:00:00+01:00", ["2026-03-10"]),
        ("2026-03-11T06:59:59+01:00", ["2026-03-10"]),
        ("2026-03-11T07:00:00+01:00", []),
    ],
)
def test_a_night_holds_the_starts_from_20_00_to_before_07_00(started_at: str, fulfilled: list[str]) -> None:
    line = made("B", started_at, "2026-03-11T09:00:00+01:00")
    assert nights(STARTED, line, first="2026-03-10", last="2026-03-10")["fulfilled"] == fulfilled


@pytest.mark.parametrize(("known_at", "state"), [("05:59:59Z", "pending"), ("06:00:00Z", "missed"), ("06:00:01Z", "missed")])
def test_a_night_is_missed_from_its_last_second_on(known_at: str, state: str) -> None:
    found = nights(STARTED, first="2026-03-10", last="2026-03-10", known_at=f"2026-03-11T{known_at}")
    assert found[state] == ["2026-03-10"]


@pytest.mark.parametrize(("known_at", "state"), [("22:59:59Z", "pending"), ("23:00:00Z", "missed")])
def test_a_calendar_date_is_missed_at_midnight(known_at: str, state: str) -> None:
    found = nights(STARTED, first="2026-03-10", last="2026-03-10", known_at=f"2026-03-10T{known_at}",
                   reading={"night": "calendar_date"})  # fmt: skip
    assert found[state] == ["2026-03-10"]


@pytest.mark.parametrize("line", [
    made("B", "2026-03-11T01:00:00+01:00", "2026-03-11T02:00:00+01:00", "weekly"),
    office("B", "2026-03-11T01:00:00+01:00"),
    failed("B", "2026-03-11T01:00:00+01:00", "2026-03-11T02:00:00+01:00"),
])  # fmt: skip
def test_only_a_successful_daily_backup_of_client_data_makes_a_night(line: Any) -> None:
    assert nights(STARTED, line, first="2026-03-10", last="2026-03-10")["missed"] == ["2026-03-10"]


def test_a_backup_that_later_fails_its_verification_was_still_made() -> None:
    spoilt = told("verified", "B1", "2026-03-27T09:00:00+01:00", outcome="failed")
    found = finding(backups.backup_nights, STARTED, B1, spoilt, first=date(2026, 3, 26), last=date(2026, 3, 26))
    assert found.result["fulfilled"] == ["2026-03-26"]
    assert found.workings["made_but_not_restorable"] == {"B1": "2026-03-27T08:00:00Z"}


def test_failed_attempts_are_shown_with_their_reason_and_entries() -> None:
    found = finding(backups.backup_nights, *MARCH, first=date(2026, 3, 29), last=date(2026, 3, 29))
    about = {"period": "2026-03-29", "backup": "BF", "reason": "target full"}
    assert found.workings["failed"] == [{**about, "positions": [13]}]
    assert found.because == ()
    over_midnight = failed("BM", "2026-03-29T23:50:00+02:00", "2026-03-30T00:10:00+02:00")
    for night, period in (("window_20_07_start", "2026-03-29"), ("calendar_date", "2026-03-30")):
        asked = {"first": date(2026, 3, 29), "last": date(2026, 3, 30), "reading": {"night": night}}
        (shown,) = finding(backups.backup_nights, STARTED, over_midnight, **asked).workings["failed"]
        assert shown["period"] == period


def test_an_answer_rests_on_the_backups_that_made_its_nights() -> None:
    found = finding(backups.backup_nights, *MARCH, first=date(2026, 3, 26), last=date(2026, 3, 27))
    assert found.because == (11, 17)
    assert found.workings["backups"]["2026-03-27"] == {"backups": ["B2"], "positions": [17]}


def test_a_corrected_start_moves_a_backup_to_another_night() -> None:
    data = {**B1[2], "started_at": "2026-03-27T19:30:00+01:00", "completed_at": "2026-03-27T21:00:00+01:00"}
    lines = (STARTED, (*B1[:3], {"id": "b1"}),
             ("2026-04-05T08:00:00Z", "corrected", {"target": "b1", "data": data, "reason": "clock of the job"}))  # fmt: skip
    days = {"first": "2026-03-26", "last": "2026-03-26"}
    assert nights(*lines, **days, known_at="2026-04-05T07:59:59Z")["fulfilled"] == ["2026-03-26"]
    assert nights(*lines, **days, known_at="2026-04-05T08:00:00Z")["missed"] == ["2026-03-26"]
    assert nights(*lines, **days, known_at="2026-04-05T08:00:00Z")["fulfilled"] == []


def test_nights_outside_the_service_period_are_not_owed_but_shown_when_made() -> None:
    """The service starts on 1 September at 00:00, within the night of 31 August."""
    line = made("B", "2025-08-30T22:00:00+02:00", "2025-08-30T23:00:00+02:00", recorded_at="2025-09-02T00:00:00Z")
    found = finding(backups.backup_nights, STARTED, line, first=date(2025, 8, 29), last=date(2025, 9, 1))
    assert found.result == {"fulfilled": ["2025-08-30"], "missed": ["2025-09-01"], "pending": []}
    assert found.workings["not_owed"] == ["2025-08-29", "2025-08-31"]


def test_no_night_is_owed_while_the_contract_is_suspended_or_once_it_has_ended() -> None:
    lines = (
        STARTED,
        ("2026-03-02T08:00:00Z", "contract_suspended",
         {"effective_from": "2026-03-02T21:00:00+01:00", "reason": "unpaid"}),
        ("2026-03-04T08:00:00Z", "contract_resumed", {"effective_from": "2026-03-04T08:00:00+01:00"}),
        ("2026-03-06T08:00:00Z", "contract_terminated", {"effective_from": "2026-03-06T07:00:00+01:00"}),
    )  # fmt: skip
    found = nights(*lines, first="2026-03-01", last="2026-03-07")
    assert found["missed"] == ["2026-03-01", "2026-03-04", "2026-03-05"]


def test_a_backup_of_a_service_counts_while_the_contract_is_on_it() -> None:
    opened = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["mt"]})
    left = ("2026-03-27T12:00:00Z", "service_unassigned", {"service": "mt", "effective_from": "2026-03-27T13:00:00+01:00"})
    on_mt = [(*line[:3], {"subject": "service:mt"}) for line in (B1, B2_LATE)]
    assert nights(opened, *on_mt, left, first="2026-03-26", last="2026-03-27") == {
        "fulfilled": ["2026-03-26"], "missed": ["2026-03-27"], "pending": [],
    }  # fmt: skip
    assert nights(opened, *on_mt, first="2026-03-26", last="2026-03-27")["missed"] == []


def test_a_reading_adopted_at_noon_reads_the_nights_that_begin_after_it() -> None:
    adopted = ("2026-03-30T06:00:00Z", "reading_adopted",
               {"reading": "r", "switches": {"night": "calendar_date"}, "effective_from": "2026-03-31T00:00:00+02:00"})  # fmt: skip
    found = nights(*MARCH, adopted, first="2026-03-29", last="2026-04-01")
    assert found == {"fulfilled": ["2026-03-30", "2026-04-01"], "missed": ["2026-03-29", "2026-03-31"], "pending": []}


def test_a_week_runs_from_local_monday_to_sunday_by_the_start() -> None:
    lines = (
        STARTED,
        made("W09", "2026-03-01T23:59:59+01:00", "2026-03-02T01:00:00+01:00", "weekly"),
        made("W11", "2026-03-09T00:00:00+01:00", "2026-03-09T01:00:00+01:00", "daily", "weekly"),
        made("D", "2026-03-17T00:00:00+01:00", "2026-03-17T01:00:00+01:00"),
    )
    found = result(backups.backup_weeks, *lines, first="2026-W09", last="2026-W13", known_at="2026-03-22T23:00:00Z")
    assert found == {"fulfilled": ["2026-W09", "2026-W11"], "missed": ["2026-W10", "2026-W12"], "pending": ["2026-W13"]}


def test_the_weeks_of_two_years_meet_without_a_gap() -> None:
    found = result(backups.backup_weeks, STARTED, first="2025-W52", last="2026-W02")
    assert found["missed"] == ["2025-W52", "2026-W01", "2026-W02"]
    with pytest.raises(Refused, match="bad_week"):
        result(backups.backup_weeks, STARTED, first="2026-W54", last="2026-W54")


def test_a_month_is_a_calendar_month_by_the_start() -> None:
    lines = (STARTED, made("M", "2026-02-28T23:59:59+01:00", "2026-03-01T00:30:00+01:00", "monthly"))
    asked = {"first": "2025-08", "last": "2026-03", "known_at": "2026-03-31T21:59:59Z"}
    found = finding(backups.backup_months, *lines, **asked)
    assert found.result["fulfilled"] == ["2026-02"]
    assert found.result["missed"] == ["2025-09", "2025-10", "2025-11", "2025-12", "2026-01"]
    assert found.result["pending"] == ["2026-03"]
    assert found.workings["not_owed"] == ["2025-08"]


def test_an_office_day_is_a_local_day_by_the_start() -> None:
    lines = (
        STARTED,
        office("O1", "2026-03-02T00:00:00+01:00"),
        office("O3", "2026-03-04T23:59:59+01:00"),
        failed("OF", "2026-03-03T12:00:00+01:00", "2026-03-03T12:10:00+01:00", scope="office_documents"),
    )
    days = {"first": date(2026, 3, 1), "last": date(2026, 3, 5), "known_at": "2026-03-05T12:00:00Z"}
    assert result(backups.office_days, *lines, **days) == {
        "fulfilled": ["2026-03-02", "2026-03-04"], "missed": ["2026-03-01", "2026-03-03"], "pending": ["2026-03-05"],
    }  # fmt: skip


def test_another_booklet_has_other_nights_and_promises_no_office_documents() -> None:
    """The booklet `always-on`: New York, from 22:00 to 05:00."""
    known = history(STARTED, booklet="always-on")
    days = {"first": date(2026, 3, 2), "last": date(2026, 3, 2)}
    found = backups.office_days(known, Frames(known), **days)
    assert found.result == {"fulfilled": [], "missed": [], "pending": []}
    assert found.workings["not_owed"] == ["2026-03-02"]
    starts = ("2026-03-01T21:59:59-05:00", "2026-03-02T22:00:00-05:00", "2026-03-04T04:59:59-05:00",
              "2026-03-05T05:00:00-05:00")  # fmt: skip
    lines = [made(f"B{n}", start, start) for n, start in enumerate(starts)]
    known = history(STARTED, *lines, booklet="always-on")
    days = {"first": date(2026, 3, 1), "last": date(2026, 3, 4)}
    assert backups.backup_nights(known, Frames(known), **days).result["fulfilled"] == ["2026-03-02", "2026-03-03"]


# --- until when each is owed ---


@pytest.mark.parametrize(
    ("tiers", "count", "until"),
    [
        (("daily",), "calendar_days_after", "2026-03-08T23:00:00Z"),
        (("daily",), "hours", "2026-03-08T01:00:00Z"),
        (("daily",), "first_day_counts", "2026-03-07T23:00:00Z"),
        (("weekly",), "calendar_days_after", "2026-03-29T22:00:00Z"),
        (("weekly",), "hours", "2026-03-29T01:00:00Z"),
        (("weekly",), "first_day_counts", "2026-03-28T23:00:00Z"),
        (("monthly",), "calendar_days_after", "2026-05-01T22:00:00Z"),
        (("monthly",), "hours", "2026-05-01T00:00:00Z"),
        (("monthly",), "first_day_counts", "2026-04-30T22:00:00Z"),
        (("daily", "weekly"), "calendar_days_after", "2026-03-29T22:00:00Z"),
        (("daily", "weekly", "monthly"), "calendar_days_after", "2026-05-01T22:00:00Z"),
    ],
)
def test_a_backup_is_owed_to_the_latest_end_of_its_tiers(tiers: Any, count: str, until: str) -> None:
    """A9.8, Amb-17; completed on 1 March at 02:00 local. Days end at 24:00; 28 days of hours cross the clock change."""
    line = made("B", "2026-03-01T01:00:00+01:00", "2026-03-01T02:00:00+01:00", *tiers)
    assert owed(STARTED, line, reading={"retention_count": count}) == {"B": until}


@pytest.mark.parametrize(
    ("completed_at", "count", "until"),
    [
        ("2025-12-31T02:00:00+01:00", "calendar_days_after", "2026-02-28T23:00:00Z"),
        ("2025-12-31T02:00:00+01:00", "first_day_counts", "2026-02-27T23:00:00Z"),
        ("2025-12-31T02:00:07+01:00", "hours", "2026-02-28T01:00:07Z"),
        ("2026-01-29T02:30:00+01:00", "hours", "2026-03-29T01:00:00Z"),
    ],
)
def test_a_month_without_the_day_ends_on_its_last_one(completed_at: str, count: str, until: str) -> None:
    """CPC 641; 29 March 2026 has no 02:30: the clocks jump there."""
    line = made("B", completed_at, completed_at, "monthly")
    found = owed(STARTED, line, reading={"retention_count": count})
    assert found == {"B": until}


def test_the_days_are_counted_from_the_paris_date_of_completion() -> None:
    """22:30 UTC on 1 July is already the 2nd in Paris."""
    lines = [made(f"B{n}", "2026-07-01T21:00:00Z", f"2026-07-01T{time}Z") for n, time in ((1, "21:59:59"), (2, "22:00:00"))]
    assert owed(STARTED, *lines) == {"B1": "2026-07-08T22:00:00Z", "B2": "2026-07-09T22:00:00Z"}


def test_by_generations_a_backup_is_owed_until_enough_later_ones_completed() -> None:
    """Amb-27: the last 7, 4, 2; the first of nine dailies ends with the eighth."""
    days = [f"2026-03-{day:02}T02:00:00+01:00" for day in range(2, 11)]
    lines = [made(f"B{n}", day, day, *(("daily", "weekly") if n == 5 else ("daily",))) for n, day in enumerate(days)]
    found = owed(STARTED, *lines, reading={"tier_retention": "generations"})
    assert found["B0"] == "2026-03-09T01:00:00Z"
    assert found["B1"] == "2026-03-10T01:00:00Z"
    assert found["B2"] is None
    assert found["B5"] is None
    before = owed(STARTED, *lines, known_at="2026-03-09T00:59:59Z", reading={"tier_retention": "generations"})
    assert before["B0"] is None


def test_of_the_office_documents_only_the_last_state_is_owed() -> None:
    lines = (STARTED, office("O1", "2026-03-02T22:00:00+01:00"), office("O2", "2026-03-03T22:00:00+01:00"))
    assert owed(*lines) == {"O1": "2026-03-03T21:00:00Z", "O2": None}


def test_retention_of_one_backup_is_asked_by_its_name() -> None:
    assert owed(*MARCH, backups=("B5", "B1")) == {"B1": "2026-04-03T22:00:00Z", "B5": "2026-04-06T22:00:00Z"}
    with pytest.raises(Refused, match=r"unknown_id.*'BF'.*B1, B2"):
        owed(*MARCH, backups=("BF",))


def test_nothing_is_owed_once_the_contract_has_ended() -> None:
    ended = ("2026-03-28T08:00:00Z", "contract_terminated", {"effective_from": "2026-04-01T00:00:00+02:00"})
    o = office("O", "2026-03-27T22:00:00+01:00")
    assert owed(STARTED, B1, o, ended) == {"B1": "2026-03-31T22:00:00Z", "O": "2026-03-31T22:00:00Z"}
    assert owed(STARTED, B1, o, ended, known_at="2026-03-28T07:59:59Z") == {"B1": "2026-04-03T22:00:00Z", "O": None}
    assert codes(STARTED, B1, ended, told("deleted", "B1", "2026-03-31T22:00:00Z"), last="2026-04-30") == []


def test_a_backup_of_a_service_made_after_the_contract_ended_is_owed_for_no_time() -> None:
    opened = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["mt"]})
    ended = ("2026-03-20T08:00:00Z", "contract_terminated", {"effective_from": "2026-03-21T00:00:00+01:00"})
    line = (*B1[:3], {"subject": "service:mt"})
    assert owed(opened, ended, line) == {"B1": "2026-03-27T01:10:00Z"}
    assert guaranteed(opened, ended, line, when="2026-03-27T01:10:00Z") == []


def test_two_services_may_use_the_same_name() -> None:
    opened = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["a", "b"]})
    lines = [(*B1[:3], {"subject": subject}) for subject in ("service:a", "service:b")]
    assert list(owed(opened, *lines)) == ["a/B1", "b/B1"]


# --- deletions ---


@pytest.mark.parametrize(
    ("deleted_at", "expected"),
    [
        ("2026-04-03T21:59:59Z", {"early": True, "short_by_seconds": 1}),
        ("2026-04-03T22:00:00Z", {"early": False, "short_by_seconds": 0}),
        ("2026-04-03T22:00:01Z", {"early": False, "short_by_seconds": 0}),
    ],
)
def test_a_deletion_is_early_to_the_second(deleted_at: str, expected: Any) -> None:
    assert result(backups.backup_deletions, STARTED, B1, told("deleted", "B1", deleted_at)) == {"B1": expected}


def test_copy_by_copy_the_deletion_of_the_last_one_counts() -> None:
    first, second = told("deleted", "B1", "2026-03-29T00:00:00Z", "DC-A"), told("deleted", "B1", "2026-04-03T21:59:00Z", "DC-B")
    assert result(backups.backup_deletions, STARTED, B1, first) == {}
    assert result(backups.backup_deletions, STARTED, B1, first, second)["B1"]["short_by_seconds"] == 60


def test_what_was_deleted_early_is_so_whatever_is_stored_anew_later() -> None:
    early, again = told("deleted", "B1", "2026-03-28T02:10:00+01:00"), told("copy_stored", "B1", "2026-04-20T00:00:00Z", "DC-A")
    assert result(backups.backup_deletions, STARTED, B1, early, again)["B1"]["early"] is True
    assert [row.what for row in of_client(*MARCH, early, again) if row.subject == "B1"] == ["purged_early"]
    soon = told("copy_stored", "B1", "2026-03-29T00:00:00Z", "DC-A")
    twice = of_client(*MARCH, early, soon, told("deleted", "B1", "2026-03-30T00:00:00Z"))
    assert [row.on for row in twice if row.what == "purged_early"] == [at("2026-03-28T01:10:00Z"), at("2026-03-30T00:00:00Z")]
    late = told("deleted", "B1", "2026-05-01T00:00:00Z")
    assert result(backups.backup_deletions, STARTED, B1, early, again, late)["B1"]["short_by_seconds"] == 593_400


def test_a_backup_whose_copies_were_lost_was_not_deleted() -> None:
    lost = [told("copy_lost", "B1", "2026-03-29T00:00:00Z", place) for place in ("DC-A", "DC-B")]
    assert result(backups.backup_deletions, STARTED, B1, *lost) == {}
    assert result(backups.backup_deletions, STARTED, B1, lost[0], told("deleted", "B1", "2026-03-30T00:00:00Z", "DC-B"))
    gone = told("deleted", "B1", "2026-04-03T21:59:59Z")
    assert result(backups.backup_deletions, STARTED, B1, *lost, gone)["B1"]["short_by_seconds"] == 1
    assert copies(STARTED, B1, *lost, gone, when="2026-04-03T21:59:59Z") == {}


def test_the_last_office_state_is_deleted_early_by_nobody_knows_how_much() -> None:
    lines = (STARTED, office("O1", "2026-03-02T22:00:00+01:00"), told("deleted", "O1", "2026-03-03T12:00:00+01:00"))
    assert result(backups.backup_deletions, *lines) == {"O1": {"early": True, "short_by_seconds": None}}


# --- copies, and what can be restored ---


def copies(*lines: Any, when: str, **asked: Any) -> Any:
    return result(backups.backup_copies, *lines, at=at(when), **asked)


def test_copies_are_counted_by_distinct_place_at_an_instant() -> None:
    lines = (
        STARTED,
        made("B", "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", locations=["DC-A"]),
        told("copy_stored", "B", "2026-03-02T03:00:00Z", "DC-B"),
        told("copy_lost", "B", "2026-03-03T00:00:00Z", "DC-A"),
        told("deleted", "B", "2026-03-20T00:00:00Z"),
    )
    one, two = {"distinct_locations": 1, "two_copies": False}, {"distinct_locations": 2, "two_copies": True}
    assert copies(*lines, when="2026-03-02T01:59:59Z") == {}
    assert copies(*lines, when="2026-03-02T02:00:00Z") == {"B": {**one, "restorable": True}}
    assert copies(*lines, when="2026-03-02T03:00:00Z") == {"B": {**two, "restorable": True}}
    assert copies(*lines, when="2026-03-03T00:00:00Z") == {"B": {**one, "restorable": True}}
    assert copies(*lines, when="2026-03-20T00:00:00Z") == {}


def test_two_copies_in_one_place_are_one_place() -> None:
    line = made("B", "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", locations=["DC-A", "DC-A"])
    assert copies(STARTED, line, when="2026-03-03T00:00:00Z")["B"]["two_copies"] is False


def test_a_backup_without_any_place_is_held_somewhere() -> None:
    lines = (STARTED, made("B", "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", locations=[]))
    assert copies(*lines, when="2026-03-03T00:00:00Z") == {
        "B": {"distinct_locations": 0, "two_copies": False, "restorable": True}
    }
    assert copies(*lines, told("deleted", "B", "2026-03-03T00:00:00Z"), when="2026-03-03T00:00:00Z") == {}
    assert codes(*lines) == []  # nobody knows that a place is missing


def test_a_backup_with_all_its_copies_lost_exists_and_cannot_be_restored() -> None:
    lost = [told("copy_lost", "B1", "2026-03-29T00:00:00Z", place) for place in ("DC-A", "DC-B")]
    assert copies(STARTED, B1, *lost, when="2026-03-29T00:00:00Z") == {
        "B1": {"distinct_locations": 0, "two_copies": False, "restorable": False}
    }


def test_a_failed_verification_takes_one_copy_or_all_from_its_instant_on() -> None:
    bad_a = told("verified", "B1", "2026-03-28T12:00:00Z", "DC-A", outcome="failed")
    bad = told("verified", "B1", "2026-03-29T12:00:00Z", outcome="failed")
    fine = told("verified", "B1", "2026-03-30T12:00:00Z")
    lines = (STARTED, B1, bad_a, bad, fine)
    assert copies(*lines, when="2026-03-28T12:00:00Z")["B1"] == {
        "distinct_locations": 2, "two_copies": True, "restorable": True,
    }  # fmt: skip
    assert copies(*lines, when="2026-03-29T11:59:59Z")["B1"]["restorable"] is True
    assert copies(*lines, when="2026-03-29T12:00:00Z")["B1"]["restorable"] is False
    assert copies(*lines, when="2026-03-31T12:00:00Z")["B1"]["restorable"] is False
    other = told("verified", "B1", "2026-03-28T13:00:00Z", "DC-B", outcome="failed")
    assert copies(STARTED, B1, bad_a, other, when="2026-03-28T13:00:00Z")["B1"]["restorable"] is False


SPRING = tuple(
    made(f"B03{day:02}", f"2026-03-{day:02}T01:00:00+01:00", f"2026-03-{day:02}T02:00:00+01:00",
         "daily", *(("weekly",) if day in (1, 8, 15) else ()), *(("monthly",) if day == 1 else ()))
    for day in range(1, 19) if day != 13
)  # fmt: skip


def guaranteed(*lines: Any, when: str, **asked: Any) -> list[str]:
    found: list[str] = result(backups.restorable, *lines, at=at(when), **asked)["guaranteed"]
    return found


def test_what_is_guaranteed_is_owed_and_restorable() -> None:
    """S22.q1: dailies of 11 to 18 March, weeklies, the monthly; 13 March was never made."""
    old = made("B0222", "2026-02-22T01:00:00+01:00", "2026-02-22T02:00:00+01:00", "daily", "weekly")
    expected = ["B0222", "B0301", "B0308", "B0311", "B0312", "B0314", "B0315", "B0316", "B0317", "B0318"]
    assert guaranteed(STARTED, old, *SPRING, when="2026-03-18T10:00:00+01:00") == expected
    assert guaranteed(STARTED, old, *SPRING, when="2026-03-18T23:59:59+01:00") == expected
    assert guaranteed(STARTED, old, *SPRING, when="2026-03-19T00:00:00+01:00") == [b for b in expected if b != "B0311"]


def test_a_monthly_backup_is_guaranteed_to_its_last_second() -> None:
    """From 1 July to 1 September, 24:00: no two months are longer."""
    line = made("M", "2026-07-01T00:00:00+02:00", "2026-07-01T00:00:01+02:00", "monthly")
    assert guaranteed(STARTED, line, when="2026-09-01T23:59:59+02:00") == ["M"]
    assert guaranteed(STARTED, line, when="2026-09-02T00:00:00+02:00") == []


def test_what_is_owed_but_gone_is_named_in_the_workings() -> None:
    found = finding(backups.restorable, STARTED, *SPRING, told("deleted", "B0317", "2026-03-17T12:00:00Z"),
                    at=at("2026-03-18T10:00:00+01:00"))  # fmt: skip
    assert "B0317" not in found.result["guaranteed"]
    assert found.workings["owed_but_not_restorable"] == ["B0317"]
    assert found.workings["owed"]["B0317"] == "2026-03-24T23:00:00Z"


def test_by_the_last_backup_only_reading_one_is_guaranteed() -> None:
    """Amb-31."""
    asked = {"when": "2026-03-18T10:00:00+01:00", "reading": {"restore_target": "last_backup_only"}}
    assert guaranteed(STARTED, *SPRING, **asked) == ["B0318"]


def test_by_generations_the_last_seven_four_and_two_are_guaranteed() -> None:
    asked = {"when": "2026-03-18T10:00:00+01:00", "reading": {"tier_retention": "generations"}}
    dailies = [f"B03{day}" for day in (11, 12, 14, 15, 16, 17, 18)]
    assert guaranteed(STARTED, *SPRING, **asked) == ["B0301", "B0308", *dailies]


def test_the_last_office_state_is_the_last_one_made_while_it_is_held() -> None:
    lines = (STARTED, office("O1", "2026-03-02T22:00:00+01:00"), office("O2", "2026-03-03T22:00:00+01:00"),
             told("deleted", "O2", "2026-03-04T12:00:00+01:00"))  # fmt: skip

    def last(when: str) -> Any:
        return finding(backups.office_last_state, *lines, at=at(when))

    assert last("2026-03-02T20:59:59Z").result == {"backup": None}
    assert last("2026-03-02T21:00:00Z").result == {"backup": "O1"}
    assert last("2026-03-03T21:00:00Z").result == {"backup": "O2"}
    assert last("2026-03-04T11:00:00Z").result == {"backup": None}
    assert last("2026-03-04T11:00:00Z").workings["last_held"] == ["O1"]


# --- the register ---


def test_a_missed_night_is_a_breach_provable_from_its_end() -> None:
    every = [made(f"D{d}", f"2026-03-{d:02}T21:00:00+01:00", f"2026-03-{d:02}T22:00:00+01:00", "daily", "weekly", "monthly")
             for d in range(1, 32) if d != 10]  # fmt: skip
    found = of_client(STARTED, *every, first="2026-03-02", last="2026-03-31")
    assert [(r.obligation, r.what, r.period, r.clause) for r in found] == [("A9.2", "night_missed", "2026-03-10", "9")]
    assert found[0].first_knowable_at == at("2026-03-11T06:00:00Z")
    assert found[0].on == at("2026-03-11T05:59:59Z")
    assert found[0].row()["amount"] == "0 backups"


RETRACTED = ("2026-03-20T08:00:00Z", "retracted", {"target": "b", "reason": "of another customer"})
B_DATA = made("B", "2026-03-10T21:00:00+01:00", "2026-03-10T22:00:00+01:00")[2]
B_MADE = ("2026-03-10T21:00:00Z", "backup_completed", B_DATA, {"id": "b"})
OVER = "2026-03-11T06:00:00Z"


@pytest.mark.parametrize(
    ("lines", "since"),
    [
        ([B_MADE, RETRACTED], RETRACTED[0]),
        ([B_MADE, ("2026-03-18T00:00:00Z", "corrected", {"target": "b", "reason": "the weekly", "data": {**B_DATA, "tiers": ["weekly"]}})],
         "2026-03-18T00:00:00Z"),
        ([(OVER, "backup_completed", B_DATA, {"id": "b"}), RETRACTED], RETRACTED[0]),
        ([("2026-03-12T00:00:00Z", "backup_completed", B_DATA, {"id": "b"}), RETRACTED], OVER),  # not known by then either
        ([("2026-03-10T21:00:00Z", "backup_completed", {**B_DATA, "tiers": ["weekly"]}, {"id": "b"}), RETRACTED], OVER),
        ([("2026-03-02T00:00:00Z", "contract_suspended", {"effective_from": "2026-03-05T00:00:00Z"}),
          ("2026-03-19T00:00:00Z", "contract_resumed", {"effective_from": "2026-03-07T00:00:00Z"})], "2026-03-19T00:00:00Z"),
        ([("2026-03-02T00:00:00Z", "contract_terminated", {"effective_from": "2026-03-05T00:00:00Z"}, {"id": "b"}), RETRACTED], RETRACTED[0]),
        ([("2026-03-20T08:00:00Z", "contract_suspended", {"effective_from": "2026-03-15T00:00:00Z"})], OVER),
        ([("2026-03-01T00:00:00Z", "service_assigned", {"service": "S1", "effective_from": "2026-03-01T00:00:00Z"}),
          ("2026-03-10T21:00:00Z", "backup_completed", B_DATA, {"subject": "service:S1"}),
          ("2026-03-21T00:00:00Z", "service_unassigned", {"service": "S1", "effective_from": "2026-03-09T00:00:00Z"})], "2026-03-21T00:00:00Z"),
    ],
    ids=["withdrawn", "of another tier", "withdrawn, told as the night ended", "withdrawn, told later", "withdrawn, never of that tier",
         "a suspension's end told late", "a termination withdrawn", "a later suspension", "no longer of its service"],
)  # fmt: skip
def test_a_night_was_first_missed_once_nothing_known_gave_it_its_backup(lines: list[Any], since: str) -> None:
    (row,) = [row for row in rows(STARTED, *lines, first="2026-03-11", last="2026-03-11") if row.what == "night_missed"]
    assert row.first_knowable_at == at(since)


def test_nights_never_backed_up_cost_no_history_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of missed nights and days beside a hundred backups withdrawn: only what those gave is asked anew."""
    count = 0

    class Counted(History):
        def __init__(self, *given: Any, **more: Any) -> None:
            nonlocal count
            count += 1
            super().__init__(*given, **more)

    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(100)]
    lines = [line for n, day in enumerate(days) for line in (
        made(f"B{n}", f"{day}T21:00:00Z", f"{day}T22:00:00Z", extras={"id": f"b{n}"}),
        (f"{day + timedelta(days=2)}T00:00:00Z", "retracted", {"target": f"b{n}", "reason": "never copied"}),
    )]  # fmt: skip
    whole = history(STARTED, *sorted(lines))
    monkeypatch.setattr("ledger.history.History", Counted)
    monkeypatch.setattr("projections.concerning.History", Counted)
    found = backups.breaches(whole, Frames(whole), date(2025, 9, 2), date(2026, 8, 31))
    assert len(found) > 700
    assert count < 6 * len(days)


def test_a_copy_withdrawn_later_was_there_until_then() -> None:
    gone = told("deleted", "B1", "2026-03-27T12:00:00Z", "DC-A")
    kept = told("copy_stored", "B1", "2026-03-27T11:00:00Z", "DC-C", extras={"id": "b"})
    (row,) = [r for r in rows(STARTED, B1, kept, gone, ("2026-03-29T00:00:00Z", *RETRACTED[1:])) if r.what == "redundancy_breach"]
    assert row.on == at("2026-03-27T12:00:00Z")
    assert row.first_knowable_at == at("2026-03-29T00:00:00Z")


def test_copies_were_short_since_they_first_were_whatever_was_mended_of_their_backup() -> None:
    data = {**B1[2], "locations": ["DC-A"]}
    made_so, mended = (B1[0], B1[1], data, {"id": "b"}), {**data, "tiers": ["daily", "weekly"]}
    act = ("2026-03-29T00:00:00Z", "corrected", {"target": "b", "reason": "also the weekly", "data": mended})
    (row,) = [r for r in rows(STARTED, made_so, act) if r.what == "redundancy_breach"]
    assert row.first_knowable_at == row.on == at(B1[0])
    ended = ("2026-03-20T00:00:00Z", "contract_terminated", {"effective_from": "2026-03-21T00:00:00Z"}, {"id": "t"})
    renewed = ("2026-03-30T00:00:00Z", "retracted", {"target": "t", "reason": "renewed"})
    (row,) = [r for r in rows(STARTED, ended, made_so, renewed) if r.what == "redundancy_breach"]
    assert row.first_knowable_at == at("2026-03-30T00:00:00Z")


def test_a_deletion_was_early_once_its_backup_was_known_to_be_kept_so_long() -> None:
    daily, gone = {**B1[2], "tiers": ["daily"]}, told("deleted", "B1", "2026-04-25T00:00:00Z")
    act = ("2026-05-02T00:00:00Z", "corrected", {"target": "b", "reason": "the monthly", "data": {**daily, "tiers": ["monthly"]}})
    lines = (STARTED, (B1[0], B1[1], daily, {"id": "b"}), gone)
    asked = {"first": "2026-04-25", "last": "2026-04-25"}
    assert not [r for r in rows(*lines, **asked) if r.what == "purged_early"]
    (row,) = [r for r in rows(*lines, act, **asked) if r.what == "purged_early"]
    assert row.first_knowable_at == at("2026-05-02T00:00:00Z")


def test_an_office_state_was_short_once_the_one_that_had_replaced_it_was_withdrawn() -> None:
    lines = (STARTED, office("O1", "2026-03-03T22:00:00Z"), office("O2", "2026-03-04T22:00:00Z", extras={"id": "b"}),
             told("copy_lost", "O1", "2026-03-05T12:00:00Z", "DC-A"))  # fmt: skip
    assert not [r for r in rows(*lines) if r.what == "redundancy_breach"]
    (row,) = [r for r in rows(*lines, RETRACTED) if r.what == "redundancy_breach"]
    assert (row.on, row.first_knowable_at) == (at("2026-03-05T12:00:00Z"), at(RETRACTED[0]))


def test_a_contract_learnt_late_makes_old_nights_knowable_late() -> None:
    late = ("2026-03-20T08:00:00Z", *STARTED[1:])
    found = of_client(late, first="2026-03-11", last="2026-03-11")
    assert [(r.period, r.first_knowable_at) for r in found] == [("2026-03-10", at("2026-03-20T08:00:00Z"))]


def test_a_night_whose_backup_was_learnt_late_is_no_breach_now() -> None:
    asked = {"first": "2026-03-28", "last": "2026-03-28"}
    assert [r.period for r in of_client(*MARCH, **asked, known_at="2026-04-01T12:00:00Z")] == ["2026-03-27"]
    assert of_client(*MARCH, **asked, known_at="2026-04-03T00:00:00Z") == []


def test_weeks_and_months_without_a_backup_are_breaches_on_their_last_day() -> None:
    found = of_client(STARTED, first="2026-03-29", last="2026-03-31")
    assert [(r.obligation, r.what, r.period) for r in found] == [
        ("A9.2", "night_missed", "2026-03-28"),
        ("A9.3", "week_missed", "2026-W13"),
        ("A9.2", "night_missed", "2026-03-29"),
        ("A9.2", "night_missed", "2026-03-30"),
        ("A9.4", "month_missed", "2026-03"),
    ]
    assert of_client(STARTED, first="2026-03-29", last="2026-03-31", known_at="2026-03-29T04:59:59Z") == []


def test_nights_out_of_service_are_no_breaches() -> None:
    ended = ("2026-03-02T08:00:00Z", "contract_terminated", {"effective_from": "2026-03-03T07:00:00+01:00"})
    found = of_client(STARTED, ended, first="2026-03-02", last="2026-03-09")
    assert [r.period for r in found] == ["2026-03-01", "2026-03-02"]
    assert of_client(STARTED, first="2025-08-01", last="2025-08-31") == []
    assert [r.period for r in of_client(STARTED, first="2025-08-01", last="2025-09-02")] == ["2025-09-01"]


def test_office_days_are_missed_whether_or_not_the_ledger_ever_heard_of_office_backups() -> None:
    def missed(*lines: Any, **asked: Any) -> list[tuple[str, Any]]:
        found = rows(STARTED, *lines, first="2026-03-02", last="2026-03-04", **asked)
        return [(r.period, r.first_knowable_at) for r in found if r.what == "office_day_missed"]

    days = [(f"2026-03-0{day}", at(f"2026-03-0{day}T23:00:00Z")) for day in (2, 3, 4)]
    assert missed() == days
    assert missed(office("O", "2026-03-03T22:00:00+01:00")) == [days[0], days[2]]
    assert missed(office("O", "2026-04-10T22:00:00+02:00")) == days, "a later one does not change what was owed"
    assert missed(failed("OF", "2026-03-03T12:00:00Z", "2026-03-03T12:10:00Z", "office_documents")) == days
    assert missed(known_at="2026-03-03T22:59:59Z") == days[:1]


def test_an_early_deletion_breaks_the_tier_that_was_owed_longest() -> None:
    line = made("B", "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", "daily", "weekly")
    gone = told("deleted", "B", "2026-03-12T00:00:00Z", recorded_at="2026-03-15T00:00:00Z")
    assert codes(STARTED, line, gone) == [("A9.3", "purged_early", "B", "2026-03-12T00:00:00Z")]
    (row,) = [r for r in rows(STARTED, line, gone) if r.what == "purged_early"]
    assert (row.amount, row.limit) == ("856800 s", "2491200 s")
    assert row.first_knowable_at == at("2026-03-15T00:00:00Z")
    assert row.because == (11, 12)
    short = made("B", "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", "daily")
    assert codes(STARTED, short, gone) == []


def test_by_generations_an_early_deletion_has_no_end_to_be_short_of() -> None:
    line = made("B", "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", "daily", "weekly")
    known = history(STARTED, line, told("deleted", "B", "2026-03-12T00:00:00Z"))
    found = backups.breaches(known, Frames(known, {"tier_retention": "generations"}), date(2026, 3, 12), date(2026, 3, 12))
    (row,) = [r for r in found if r.what == "purged_early"]
    assert (row.obligation, row.limit) == ("A9.3", "until later backups replace it")


def test_an_office_state_deleted_before_the_next_is_a_breach_of_9_5() -> None:
    lines = (STARTED, office("O", "2026-03-02T22:00:00+01:00"), told("deleted", "O", "2026-03-03T12:00:00Z"))
    assert codes(*lines) == [("A9.5", "purged_early", "O", "2026-03-03T12:00:00Z")]


def test_losing_one_place_breaks_the_two_places_and_losing_both_loses_the_state() -> None:
    one, both = (told("copy_lost", "B1", f"2026-03-{day}T00:00:00Z", place) for day, place in ((28, "DC-A"), (30, "DC-B")))
    assert codes(STARTED, B1, one) == [("A9.6", "redundancy_breach", "B1", "2026-03-28T00:00:00Z")]
    assert codes(STARTED, B1, one, both) == [
        ("A9.6", "redundancy_breach", "B1", "2026-03-28T00:00:00Z"),
        ("A9.6", "state_lost", "B1", "2026-03-30T00:00:00Z"),
    ]


def test_each_unbroken_stretch_of_too_few_places_is_one_breach() -> None:
    lines = (
        STARTED,
        made("B", "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", "weekly", locations=["DC-A"]),
        told("copy_stored", "B", "2026-03-03T00:00:00Z", "DC-B"),
        told("copy_lost", "B", "2026-03-05T00:00:00Z", "DC-A"),
        told("copy_stored", "B", "2026-03-06T00:00:00Z", "DC-C"),
    )
    periods = [period for _, what, _, period in codes(*lines) if what == "redundancy_breach"]
    assert periods == ["2026-03-02T02:00:00Z", "2026-03-05T00:00:00Z"]


def test_places_are_owed_only_while_the_backup_is() -> None:
    """B1 is owed until 3 April 24:00: what is lost then is no one's breach."""
    asked = {"first": "2026-04-01", "last": "2026-04-30"}
    before, after = (told("copy_lost", "B1", f"2026-04-03T{time}Z", "DC-A") for time in ("21:59:59", "22:00:00"))
    assert codes(STARTED, B1, before, **asked) == [("A9.6", "redundancy_breach", "B1", "2026-04-03T21:59:59Z")]
    assert codes(STARTED, B1, after, **asked) == []


def test_a_failed_verification_of_all_copies_loses_the_state() -> None:
    bad = told("verified", "B1", "2026-03-29T12:00:00Z", outcome="failed", recorded_at="2026-03-30T00:00:00Z")
    assert codes(STARTED, B1, bad) == [("A9.6", "state_lost", "B1", "2026-03-29T12:00:00Z")]
    (row,) = [r for r in rows(STARTED, B1, bad) if r.what == "state_lost"]
    assert row.first_knowable_at == at("2026-03-30T00:00:00Z")


def test_a_loss_is_knowable_when_it_was_told_whatever_is_learnt_later_of_other_copies() -> None:
    lost = told("copy_lost", "B1", "2026-03-28T00:00:00Z", "DC-A", recorded_at="2026-03-28T06:00:00Z")
    later = [told("copy_stored", "B1", "2026-03-27T12:00:00Z", "DC-C", recorded_at="2026-03-29T00:00:00Z"),
             told("copy_lost", "B1", "2026-03-27T18:00:00Z", "DC-C", recorded_at="2026-03-29T00:00:01Z"),
             told("verified", "B1", "2026-03-31T00:00:00Z")]  # fmt: skip
    (row,) = [r for r in rows(STARTED, B1, lost, *later) if r.what == "redundancy_breach"]
    assert row.first_knowable_at == at("2026-03-28T06:00:00Z")


def test_a_backup_lost_before_it_was_deleted_is_one_breach() -> None:
    lost = [told("copy_lost", "B1", "2026-03-28T00:00:00Z", place) for place in ("DC-A", "DC-B")]
    gone = told("deleted", "B1", "2026-03-29T00:00:00Z")
    assert codes(STARTED, B1, *lost, gone) == [("A9.6", "state_lost", "B1", "2026-03-28T00:00:00Z")]


def test_what_has_no_beginning_is_ignored_under_attested_knowledge() -> None:
    """The source attests the deletion before the backup it speaks of."""
    lines = (STARTED, (*B1[:3], {"attestedat": "2026-03-27T02:10:00+01:00"}),
             told("deleted", "B1", "2026-03-28T12:00:00Z", extras={"attestedat": "2026-03-26T12:00:00Z"}))  # fmt: skip
    known = history(*lines, known_at="2026-03-27T01:09:59Z", knowledge="attested")
    asked = {"first": date(2026, 3, 25), "last": date(2026, 3, 31)}
    assert backups.backup_deletions(known, Frames(known)).result == {}
    assert not [row for row in backups.breaches(known, Frames(known), **asked) if row.what == "purged_early"]
    known = history(*lines, known_at="2026-03-28T12:00:00Z", knowledge="attested")
    assert [row.what for row in backups.breaches(known, Frames(known), **asked) if row.what == "purged_early"]


# --- properties ---

SINCE = datetime(2026, 3, 20, tzinfo=UTC)
moments = st.integers(0, 30 * 86_400)
tiers = st.sets(st.sampled_from(["daily", "weekly", "monthly"]), min_size=1)


def shown(second: int, offset: int = 0) -> str:
    return (SINCE + timedelta(seconds=second)).astimezone(timezone(timedelta(hours=offset))).isoformat()


@st.composite
def ledgers(draw: Any) -> list[tuple[Any, ...]]:
    """Backups of a month around the clock change, with what became of some of their copies."""
    lines = []
    for n, second in enumerate(draw(st.lists(moments, max_size=8))):
        end = second + draw(st.integers(0, 7200))
        lines.append((end, made, f"B{n}", second, tuple(sorted(draw(tiers)))))
        if draw(st.booleans()):
            kind, place = draw(st.sampled_from([("deleted", None), ("deleted", "DC-A"), ("copy_lost", "DC-B"),
                                                ("verified", None)]))  # fmt: skip
            lines.append((end + draw(st.integers(0, 10 * 86_400)), kind, f"B{n}", place))
    return lines


def lines_of(drawn: list[tuple[Any, ...]], offset: int = 0) -> list[Any]:
    found = []
    for line in drawn:
        if line[1] is made:
            found.append(made(line[2], shown(line[3], offset), shown(line[0], offset), *line[4]))
        else:
            more = {"outcome": "failed"} if line[1] == "verified" else {}
            found.append(told(line[1], line[2], shown(line[0], offset), line[3], **more))
    return found


@settings(max_examples=60, deadline=None)
@given(ledgers(), moments, st.integers(0, 20 * 86_400), st.sampled_from(["calendar_days_after", "hours", "first_day_counts"]))
def test_between_completions_what_is_guaranteed_only_shrinks(drawn: Any, early: int, more: int, count: str) -> None:
    lines = [STARTED, *lines_of(drawn)]
    completed = [line[0] for line in drawn if line[1] is made and early < line[0] <= early + more]
    late = min([early + more, *(second - 1 for second in completed)])
    reading = {"retention_count": count}
    after = guaranteed(*lines, when=shown(late), reading=reading)
    assert set(after) <= set(guaranteed(*lines, when=shown(early), reading=reading))


@settings(max_examples=40, deadline=None)
@given(ledgers(), st.integers(-11, 12), moments)
def test_the_offset_an_instant_is_written_with_changes_nothing(drawn: Any, offset: int, when: int) -> None:
    here, there = history(STARTED, *lines_of(drawn)), history(STARTED, *lines_of(drawn, offset))
    days = {"first": date(2026, 3, 19), "last": date(2026, 4, 20)}
    asked: list[tuple[Any, Any]] = [
        (backups.backup_nights, days), (backups.backup_retention, {}), (backups.backup_deletions, {}),
        (backups.backup_copies, {"at": at(shown(when))}), (backups.restorable, {"at": at(shown(when))}),
        (backups.breaches, days),
    ]  # fmt: skip
    for rule, params in asked:
        assert rule(here, Frames(here), **params) == rule(there, Frames(there), **params)


@settings(max_examples=40, deadline=None)
@given(ledgers(), st.randoms())
def test_the_order_of_recording_changes_no_result(drawn: Any, random: Any) -> None:
    lines = lines_of(drawn)
    shuffled = random.sample(lines, len(lines))
    whens = {"at": at(shown(15 * 86_400))}
    assert result(backups.backup_retention, STARTED, *lines) == result(backups.backup_retention, STARTED, *shuffled)
    assert list(result(backups.backup_copies, STARTED, *lines, **whens)) == list(
        result(backups.backup_copies, STARTED, *shuffled, **whens)
    )


@settings(max_examples=60, deadline=None)
@given(moments, tiers, tiers, st.sampled_from(["calendar_days_after", "hours", "first_day_counts"]))
def test_one_more_tier_never_shortens_what_is_owed(second: int, some: Any, others: Any, count: str) -> None:
    few, many = (made("B", shown(second), shown(second), *sorted(chosen)) for chosen in (some, some | others))
    reading = {"retention_count": count}
    assert owed(STARTED, few, reading=reading)["B"] <= owed(STARTED, many, reading=reading)["B"]


def oracle_night(started_at: datetime) -> date | None:
    """The evening of the night a start falls in, read off the wall clock of Paris."""
    local = started_at.astimezone(PARIS)
    if local.hour >= 20:
        return local.date()
    return local.date() - timedelta(days=1) if local.hour < 7 else None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([datetime(2026, 3, 25, tzinfo=UTC), datetime(2025, 10, 22, tzinfo=UTC)]),
    st.lists(st.integers(0, 8 * 86_400), max_size=8),
    st.integers(0, 9 * 86_400),
)
def test_nights_agree_with_the_wall_clock_over_the_clock_changes(base: datetime, starts: list[int], known: int) -> None:
    known_at = base + timedelta(seconds=known)
    starts = [second for second in starts if second <= known]
    begun = [base + timedelta(seconds=second) for second in starts]
    lines = [made(f"B{n}", when.isoformat(), when.isoformat()) for n, when in enumerate(begun)]
    days = [base.date() + timedelta(days=n) for n in range(8)]
    had = {oracle_night(when) for when in begun}
    over = {day for day in days if known_at >= datetime(day.year, day.month, day.day, 7, tzinfo=PARIS) + timedelta(days=1)}
    found = nights(STARTED, *lines, first=days[0].isoformat(), last=days[-1].isoformat(), known_at=known_at.isoformat())
    assert found == {
        "fulfilled": [day.isoformat() for day in days if day in had],
        "missed": [day.isoformat() for day in days if day not in had and day in over],
        "pending": [day.isoformat() for day in days if day not in had and day not in over],
    }


@settings(max_examples=60, deadline=None)
@given(moments)
def test_a_daily_end_agrees_with_plain_dates(second: int) -> None:
    completed_on = (SINCE + timedelta(seconds=second)).astimezone(PARIS).date()
    end = completed_on + timedelta(days=8)
    expected = datetime(end.year, end.month, end.day, tzinfo=PARIS).astimezone(UTC)
    line = made("B", shown(second), shown(second))
    assert owed(STARTED, line)["B"] == expected.strftime("%Y-%m-%dT%H:%M:%SZ")


@settings(max_examples=30, deadline=None)
@given(ledgers(), moments)
def test_what_is_recorded_later_changes_no_earlier_answer(drawn: Any, known: int) -> None:
    earlier = [line for line in drawn if line[0] <= known]
    asked = {"known_at": shown(known), "first": date(2026, 3, 19), "last": date(2026, 4, 20)}
    whole = finding(backups.breaches, STARTED, *lines_of(sorted(drawn, key=lambda line: line[0])), **asked)
    part = finding(backups.breaches, STARTED, *lines_of(sorted(earlier, key=lambda line: line[0])), **asked)
    assert whole == part
