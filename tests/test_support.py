"""Stories of requests to support: when the clock ran, who was in time, and the share of a year (article 12.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ledger.errors import Refused
from projections.finding import Finding, text
from projections.frame import Frame, Frames
from projections.support import STATES, breaches, support_response
from tests.story import CONTRACT, STARTED, history

PARIS = ZoneInfo("Europe/Paris")
HASH = "sha256:" + "0" * 62 + "21"
PRIVATE = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": "private"})
CONNECT = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": "connect"})
LATER = "2026-06-30T00:00:00Z"


def told(kind: str, request: str, at: str, **data: Any) -> tuple[Any, ...]:
    return (at, f"support_request_{kind}", {"request": request, "at": at, **data})


def registered(request: str, at: str, channel: str = "portal") -> tuple[Any, ...]:
    return told("registered", request, at, channel=channel)


def taken(request: str, at: str) -> tuple[Any, ...]:
    return told("taken_in_charge", request, at)


def excluded(request: str, at: str) -> tuple[Any, ...]:
    return (at, "support_request_excluded", {"request": request, "reason": "no remote assistance", "evidence": HASH})


def asked(
    *lines: Any,
    known_at: str | None = LATER,
    reading: dict[str, str] | None = None,
    start: str = "2025-09-01",
    **told: Any,
) -> Finding:
    book = history(*lines, known_at=known_at, **told)
    return support_response(book, Frames(book, reading), date.fromisoformat(start))


def one(*lines: Any, **asking: Any) -> tuple[int | None, str]:
    (request,) = asked(*lines, **asking).result["requests"].values()
    return request["working_seconds"], request["state"]


# The worked case S23, as it came with the contract's rules: Easter Monday, an exclusion, pending at the period's end.
S23 = [
    STARTED,
    registered("R1", "2026-01-15T16:30:00+01:00"),
    taken("R1", "2026-01-19T10:00:00+01:00"),
    registered("R2", "2026-02-03T10:00:00+01:00"),
    taken("R2", "2026-02-03T10:20:00+01:00"),
    registered("R3", "2026-02-07T11:00:00+01:00"),
    taken("R3", "2026-02-09T17:30:00+01:00"),
    registered("R4", "2026-03-02T09:00:00+01:00"),
    taken("R4", "2026-03-04T09:00:00+01:00"),
    registered("R5", "2026-04-06T10:00:00+02:00"),
    taken("R5", "2026-04-08T10:00:00+02:00"),
    registered("R6", "2026-05-04T09:00:00+02:00"),
    taken("R6", "2026-05-06T09:00:00+02:00"),
    excluded("R6", "2026-06-01T09:00:00Z"),
    registered("R7", "2026-08-28T16:00:00+02:00"),
]
YEAR_1 = {
    "R1": (28800, "met"), "R2": (1200, "met"), "R3": (23400, "met"), "R4": (46800, "missed"), "R5": (27000, "met"),
    "R6": (46800, "excluded"), "R7": (14400, "pending"),
}  # fmt: skip
AT_14 = {"R1": (30600, "missed"), "R2": (1200, "met"), "R3": (25200, "met"), "R4": (50400, "missed")}


@pytest.mark.parametrize(
    ("known_at", "reading", "upto", "changed", "share"),
    [
        ("2026-03-10T00:00:00Z", {}, 4, {}, (4, 3, "75.0000", False, "provisional")),
        ("2026-03-10T00:00:00Z", {"support_hours": "art_12_6"}, 4, AT_14, (4, 2, "50.0000", True, "provisional")),
        ("2026-04-30T00:00:00Z", {}, 5, {}, (5, 4, "80.0000", False, "provisional")),
        ("2026-05-31T00:00:00Z", {}, 6, {"R6": (46800, "missed")}, (6, 4, "66.6667", True, "provisional")),
        ("2026-06-02T00:00:00Z", {}, 6, {}, (5, 4, "80.0000", False, "provisional")),
        ("2026-08-31T10:00:00Z", {}, 7, {}, (5, 4, "80.0000", False, "provisional")),
        ("2026-09-02T08:00:00Z", {}, 7, {"R7": (54000, "missed")}, (6, 4, "66.6667", True, "final")),
    ],
    ids=[f"S23.q{n}" for n in range(1, 8)],
)
def test_a_year_of_seven_requests_as_it_was_known_month_by_month(
    known_at: str, reading: dict[str, str], upto: int, changed: dict[str, Any], share: tuple[Any, ...]
) -> None:
    expected = dict(list({**YEAR_1, **changed}.items())[:upto])
    result = asked(*S23, known_at=known_at, reading=reading).result
    assert {r: (found["working_seconds"], found["state"]) for r, found in result["requests"].items()} == expected
    assert (*(result[key] for key in ("counted", "met", "ratio_percent", "breach", "status")),) == share


def test_a_year_without_a_request_is_not_applicable_and_no_breach() -> None:
    assert asked(*S23, known_at="2026-09-02T08:00:00Z", start="2026-09-01").result == {
        "requests": {}, "counted": 0, "met": 0, "ratio_percent": None, "breach": False, "status": "not_applicable",
    }  # fmt: skip


# --- the limit, to the second ---


@pytest.mark.parametrize(
    ("taken_at", "found"),
    [
        ("2026-03-03T10:29:59+01:00", (28799, "met")),
        ("2026-03-03T10:30:00+01:00", (28800, "met")),
        ("2026-03-03T10:30:01+01:00", (28801, "missed")),
    ],
)
def test_eight_working_hours_to_the_second_are_met_a12_2a(taken_at: str, found: tuple[int, str]) -> None:
    assert one(STARTED, registered("R", "2026-03-02T09:00:00+01:00"), taken("R", taken_at)) == found


@pytest.mark.parametrize(
    ("taken_at", "found"),
    [
        ("2026-03-02T12:59:59+01:00", (14399, "met")),
        ("2026-03-02T13:00:00+01:00", (14400, "met")),
        ("2026-03-02T13:00:01+01:00", (14401, "missed")),
    ],
)
def test_private_has_four_hours_without_a_lunch_break_a12_10(taken_at: str, found: tuple[int, str]) -> None:
    assert one(PRIVATE, registered("R", "2026-03-02T09:00:00+01:00"), taken("R", taken_at)) == found


def test_private_delays_may_run_in_the_hours_of_open_amb_19() -> None:
    lines = [PRIVATE, registered("R", "2026-03-02T09:00:00+01:00"), taken("R", "2026-03-02T15:00:00+01:00")]
    assert one(*lines) == (6 * 3600, "missed")
    assert one(*lines, reading={"private_hours": "art_12_2"}) == (4 * 3600, "met")
    assert one(*lines, reading={"private_hours": "art_12_2", "support_hours": "art_12_6"}) == (16200, "missed")


@pytest.mark.parametrize(
    ("known_at", "found"),
    [
        ("2026-03-09T07:59:59Z", (28800, "pending")),  # Friday 6 March 17:00 used the last second; the weekend none
        ("2026-03-09T08:00:00Z", (28800, "pending")),
        ("2026-03-09T08:00:01Z", (28801, "missed")),
    ],
)
def test_a_limit_reached_at_closing_time_is_still_met_at_the_next_opening(known_at: str, found: Any) -> None:
    line = registered("R", "2026-03-05T15:30:00+01:00")  # Thursday 2 h, Friday 6 h
    assert one(STARTED, line, known_at=known_at) == found


@pytest.mark.parametrize(
    ("registered_at", "taken_at", "working"),
    [
        ("2026-03-27T16:00:00+01:00", "2026-03-30T10:00:00+02:00", 7200),  # the clocks change on the Sunday between
        ("2026-10-23T16:00:00+02:00", "2026-10-26T10:00:00+01:00", 7200),
        ("2026-04-30T17:00:00+02:00", "2026-05-04T09:30:00+02:00", 3600),  # 1 May is a Friday
        ("2026-03-02T12:30:00+01:00", "2026-03-02T14:30:00+01:00", 0),  # lunch
    ],
)
def test_the_clock_runs_in_opening_hours_of_legal_time_only(registered_at: str, taken_at: str, working: int) -> None:
    lines = [registered("R", registered_at), taken("R", taken_at)]
    start = "2026-09-01" if registered_at > "2026-09" else "2025-09-01"
    assert one(STARTED, *lines, start=start, known_at="2027-01-01T00:00:00Z") == (working, "met")


# --- what counts as an answer, and what stops the clock ---


def test_a_request_resolved_at_once_was_taken_in_charge() -> None:
    at_once = [STARTED, registered("R", "2026-03-02T09:00:00+01:00"), told("resolved", "R", "2026-03-02T09:05:00+01:00")]
    assert one(*at_once) == (300, "met")
    assert one(*at_once, taken("R", "2026-03-04T09:05:00+01:00")) == (300, "met")
    later = [STARTED, registered("R", "2026-03-02T09:00:00+01:00"), told("resolved", "R", "2026-03-04T09:05:00+01:00")]
    assert one(*later, taken("R", "2026-03-02T09:10:00+01:00")) == (600, "met")


def test_support_suspended_of_right_stops_the_clock_a12_2e() -> None:
    lines = [
        STARTED,
        registered("R", "2026-03-02T09:00:00+01:00"),
        ("2026-03-02T10:00:00+01:00", "support_suspended", {"at": "2026-03-02T10:00:00+01:00", "reason": "untrained"}),
        taken("R", "2026-03-10T10:00:00+01:00"),
    ]
    resumed = ("2026-03-10T09:00:00+01:00", "support_resumed", {"at": "2026-03-10T09:00:00+01:00"})
    assert one(*lines) == (3600, "met")
    assert one(*lines, resumed) == (7200, "met")
    shown = asked(*lines, resumed).workings["requests"]["R"]
    assert shown["stood_still"] == [["2026-03-02T09:00:00Z", "2026-03-10T08:00:00Z"]]
    assert shown["open"] == [["2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z"],
                             ["2026-03-10T08:00:00Z", "2026-03-10T09:00:00Z"]]  # fmt: skip
    assert shown["limit_reached_at"] == "2026-03-11T08:30:00Z"


def test_a_suspension_holds_within_an_exceptional_opening_and_from_its_first_word() -> None:
    """A Saturday opened by exception, suspended twice in a row: what ended the first time is not known."""

    class Opened(Frames):
        def at(self, instant: int) -> Frame:
            frame = super().at(instant)
            saturday = frame.calendar.day(date(2026, 3, 7))
            return structs.replace(frame, calendar=structs.replace(frame.calendar, openings=(saturday,)))

    stops = [
        (at, "support_suspended", {"at": at, "reason": "untrained"})
        for at in ("2026-03-07T10:00:00+01:00", "2026-03-07T12:00:00+01:00")
    ]
    lines = [STARTED, registered("R", "2026-03-07T09:00:00+01:00"), *stops, taken("R", "2026-03-10T10:00:00+01:00")]
    book = history(*lines, known_at=LATER)
    found = support_response(book, Opened(book), date(2025, 9, 1)).result["requests"]["R"]
    assert found == {"working_seconds": 3600, "state": "met"}


def test_a_contract_that_ended_owes_no_answer_so_the_request_stays_pending() -> None:
    ended = ("2026-03-02T10:00:00+01:00", "contract_terminated", {"effective_from": "2026-03-02T10:00:00+01:00"})
    lines = [STARTED, registered("R", "2026-03-02T09:00:00+01:00"), ended]
    assert one(*lines) == (3600, "pending")
    assert one(*lines, known_at=None) == (3600, "pending")
    assert asked(*lines).workings["requests"]["R"]["limit_reached_at"] is None


@pytest.mark.parametrize(
    ("withdrawn_at", "found"),
    [("2026-03-03T10:30:00+01:00", (28800, "withdrawn")), ("2026-03-03T10:30:01+01:00", (28801, "missed"))],
)
def test_a_request_taken_back_in_time_is_not_counted_and_too_late_stays_missed(withdrawn_at: str, found: Any) -> None:
    lines = [STARTED, registered("R", "2026-03-02T09:00:00+01:00"), told("withdrawn", "R", withdrawn_at)]
    assert one(*lines) == found
    assert asked(*lines).result["counted"] == (1 if found[1] == "missed" else 0)


def test_a_request_taken_in_charge_and_then_withdrawn_is_met_and_the_other_way_round_withdrawn() -> None:
    first, second = "2026-03-02T09:10:00+01:00", "2026-03-02T09:20:00+01:00"
    line = registered("R", "2026-03-02T09:00:00+01:00")
    assert one(STARTED, line, taken("R", first), told("withdrawn", "R", second)) == (600, "met")
    assert one(STARTED, line, told("withdrawn", "R", first), taken("R", second)) == (600, "withdrawn")
    assert one(STARTED, line, told("withdrawn", "R", first), taken("R", first)) == (600, "met")


def test_a_withdrawal_without_its_instant_dates_from_when_it_was_first_known() -> None:
    taken_back = ("2026-03-02T09:30:00+01:00", "support_request_withdrawn", {"request": "R"})
    lines = [STARTED, registered("R", "2026-03-02T09:00:00+01:00"), taken_back]
    assert one(*lines) == (1800, "withdrawn")
    corrected = ("2026-03-20T09:00:00Z", "corrected", {
        "target": "e12", "reason": "why was missing", "evidence": HASH, "data": {"request": "R", "reason": "found it"},
    })  # fmt: skip
    assert one(*lines, corrected) == (1800, "withdrawn"), "when it was first known, not when it was corrected"


# --- what is not counted ---


def test_connect_has_no_clock_and_the_plan_is_the_one_of_the_registration() -> None:
    line = registered("R", "2026-03-02T09:00:00+01:00")
    assert one(CONNECT, line) == (None, "no_clock")
    opened = ("2026-03-01T09:00:00Z", "contract_scope_changed",
              {"effective_from": "2026-03-02T09:00:00+01:00", "plan": "open"})  # fmt: skip
    assert one(CONNECT, opened, line, taken("R", "2026-03-02T10:00:00+01:00")) == (3600, "met")
    too_late = ("2026-03-01T09:00:00Z", "contract_scope_changed",
                {"effective_from": "2026-03-02T09:00:01+01:00", "plan": "open"})  # fmt: skip
    assert one(CONNECT, too_late, line) == (None, "no_clock")
    lines = [opened, registered("R1", "2026-03-02T08:59:59+01:00"), registered("R2", "2026-03-02T09:00:00+01:00")]
    states = [found["state"] for found in asked(CONNECT, *lines).result["requests"].values()]
    assert states == ["no_clock", "missed"]


def test_a_request_given_to_the_sam_starts_no_clock_a3_3() -> None:
    finding = asked(STARTED, registered("R", "2026-03-02T09:00:00+01:00", channel="sam"))
    assert finding.result["requests"] == {"R": {"working_seconds": None, "state": "not_counted"}}
    assert finding.workings["requests"]["R"]["why"] == "channel sam handles no requests (A3.3)"


@pytest.mark.parametrize(("channel", "state"), [("SAM", "not_counted"), ("Sam ", "not_counted"), ("samples", "missed")])
def test_the_sam_is_the_sam_however_it_is_written_a3_3(channel: str, state: str) -> None:
    finding = asked(STARTED, registered("R", "2026-03-02T09:00:00+01:00", channel=channel))
    assert finding.result["requests"]["R"]["state"] == state


@pytest.mark.parametrize(
    ("registered_at", "counted"),
    [
        ("2026-03-02T08:59:59+01:00", False),
        ("2026-03-02T09:00:00+01:00", True),
        ("2026-03-02T17:29:59+01:00", True),
        ("2026-03-02T17:30:00+01:00", False),
    ],
)
def test_a_request_registered_out_of_hours_may_not_be_counted_amb_19(registered_at: str, counted: bool) -> None:
    lines = [STARTED, registered("R", registered_at), taken("R", "2026-03-03T09:00:00+01:00")]
    assert one(*lines)[1] == "met"
    assert one(*lines, reading={"out_of_hours": "not_counted"})[1] == ("met" if counted else "not_counted")


def test_a_request_from_before_support_began_is_not_counted() -> None:
    started = ("2025-06-01T08:00:00Z", "contract_started", {**CONTRACT, "service_start": "2025-06-01T00:00:00+02:00"})
    early, first = "2025-08-31T23:59:59+02:00", "2025-09-01T00:00:00+02:00"
    assert one(started, registered("R", early), start="2025-06-01")[1] == "not_counted"
    assert one(started, registered("R", first), start="2025-06-01")[1] == "missed"


@pytest.mark.parametrize("written", ["2025-08-31T22:00:00Z", "2025-09-01T00:00:00+02:00", "2025-09-01T08:00:00+10:00"])
def test_support_begins_with_the_service_on_the_local_day_whatever_the_offset_it_is_written_with(written: str) -> None:
    opened = ("2025-08-01T08:00:00Z", "contract_started", {**CONTRACT, "support_start": None, "service_start": written})
    before, late = registered("early", "2025-08-31T23:00:00+02:00"), registered("late", "2026-08-31T10:00:00+02:00")
    book = history(opened, before, late, taken("late", "2026-09-04T10:00:00+02:00"))
    requests = support_response(book, Frames(book), date(2025, 9, 1)).result["requests"]
    assert requests["late"]["state"] == "missed"
    early = support_response(book, Frames(book), date(2025, 8, 31)).result["requests"]["early"]
    assert early["state"] == "not_counted"
    rows = breaches(book, Frames(book), date(2026, 8, 1), date(2027, 8, 31))
    assert [row.period for row in rows] == ["2025-09-01/2026-08-31"]


def test_an_excluded_request_keeps_the_seconds_it_waited() -> None:
    lines = [STARTED, registered("R", "2026-03-02T09:00:00+01:00"), excluded("R", "2026-03-02T09:30:00+01:00")]
    assert one(*lines, known_at="2026-03-02T10:00:00+01:00") == (3600, "excluded")
    gone = ("2026-03-03T09:00:00Z", "retracted", {"target": "e12", "reason": "prerequisites were met"})
    assert one(*lines, gone, taken("R", "2026-03-02T11:00:00+01:00")) == (7200, "met")


# --- the share, the period ---


@pytest.mark.parametrize(
    ("met", "missed", "below"), [(3, 1, False), (299, 100, True), (300, 100, False), (0, 1, True), (1, 0, False)]
)
def test_three_of_four_is_enough_and_one_missed_of_one_is_a_breach_a12_2b(met: int, missed: int, below: bool) -> None:
    at, soon, late = "2026-03-02T09:00:00+01:00", "2026-03-02T09:01:00+01:00", "2026-03-12T09:00:00+01:00"
    lines: list[Any] = []
    for n in range(met + missed):
        lines += [registered(f"R{n:03}", at), taken(f"R{n:03}", soon if n < met else late)]
    result = asked(STARTED, *lines).result
    assert (result["counted"], result["met"], result["breach"]) == (met + missed, met, below)


@pytest.mark.parametrize(
    ("registered_at", "year"),
    [
        ("2025-08-31T23:59:59+02:00", None),
        ("2025-08-31T22:00:00Z", "2025-09-01"),
        ("2026-08-31T21:59:59Z", "2025-09-01"),
        ("2026-09-01T00:00:00+02:00", "2026-09-01"),
    ],
)
def test_a_request_belongs_to_the_year_of_its_registration_by_local_midnights(registered_at: str, year: Any) -> None:
    line = registered("R", registered_at)
    holding = [
        start
        for start in ("2025-09-01", "2026-09-01")
        if asked(STARTED, line, start=start, known_at="2027-01-01T00:00:00Z").result["requests"]
    ]
    assert holding == ([year] if year else [])


@pytest.mark.parametrize(
    ("known_at", "status"), [("2026-08-31T21:59:59Z", "provisional"), ("2026-08-31T22:00:00Z", "final")]
)
def test_a_year_is_final_once_its_last_local_day_is_over(known_at: str, status: str) -> None:
    lines = [STARTED, registered("R", "2026-03-02T09:00:00+01:00"), taken("R", "2026-03-02T10:00:00+01:00")]
    assert asked(*lines, known_at=known_at).result["status"] == status


@pytest.mark.parametrize(
    ("start", "period"),
    [
        ("2024-02-29", ["2024-02-28T23:00:00Z", "2025-02-27T23:00:00Z"]),
        ("2025-02-28", ["2025-02-27T23:00:00Z", "2026-02-27T23:00:00Z"]),
        ("2027-02-28", ["2027-02-27T23:00:00Z", "2028-02-28T23:00:00Z"]),
        ("2028-02-29", ["2028-02-28T23:00:00Z", "2029-02-27T23:00:00Z"]),
        ("2027-02-27", ["2027-02-26T23:00:00Z", "2028-02-26T23:00:00Z"]),  # no anniversary: twelve months all the same
    ],
)
def test_the_years_of_a_support_begun_on_29_february_leave_no_gap(start: str, period: list[str]) -> None:
    started = ("2024-02-29T08:00:00Z", "contract_started",
               {**CONTRACT, "service_start": "2024-02-29T00:00:00+01:00", "support_start": "2024-02-29"})  # fmt: skip
    assert asked(started, start=start).workings["period"] == period


def test_another_booklet_has_another_period_and_share_and_hours() -> None:
    lines = [registered("R", "2026-03-02T13:00:00Z"), taken("R", "2026-03-02T19:00:00Z")]  # 08:00 to 14:00 in New York
    finding = asked(STARTED, *lines, booklet="always-on", start="2026-03-01")
    assert finding.workings["period"] == ["2026-03-01T05:00:00Z", "2026-09-01T04:00:00Z"]
    assert finding.workings["minimum_percent"] == "90.0000"
    assert finding.result["requests"] == {"R": {"working_seconds": 6 * 3600, "state": "met"}}
    ended = ("2026-03-02T13:00:01Z", "contract_terminated", {"effective_from": "2026-03-02T13:00:01Z"})
    assert one(PRIVATE, lines[0], ended, booklet="always-on", start="2026-03-01", known_at=None) == (1, "pending")


def test_a_rolling_period_is_the_twelve_months_to_the_day_of_the_question_amb_18() -> None:
    def window(known_at: str | None, start: str = "2025-09-01") -> Any:
        return asked(STARTED, known_at=known_at, start=start, reading={"support_period": "rolling"}).workings["period"]

    assert window("2026-03-10T12:00:00Z") == ["2025-03-10T23:00:00Z", "2026-03-10T23:00:00Z"]
    assert window("2026-08-31T21:59:59Z") == ["2025-08-31T22:00:00Z", "2026-08-31T22:00:00Z"]
    assert window("2027-01-01T00:00:00Z") == ["2025-08-31T22:00:00Z", "2026-08-31T22:00:00Z"]
    assert window(None) == ["2025-08-31T22:00:00Z", "2026-08-31T22:00:00Z"]
    lines = [STARTED, registered("R", "2025-09-02T09:00:00+02:00"), taken("R", "2025-09-20T09:00:00+02:00")]
    rolling = {"support_period": "rolling"}
    assert asked(*lines, start="2026-09-01", known_at="2026-09-01T12:00:00Z", reading=rolling).result["counted"] == 1
    assert asked(*lines, start="2026-09-01", known_at="2026-09-02T12:00:00Z", reading=rolling).result["counted"] == 0


# --- knowledge ---


def test_asked_without_an_instant_an_unanswered_request_has_run_out() -> None:
    assert one(STARTED, registered("R", "2026-08-28T16:00:00+02:00"), known_at=None) == (28801, "missed")
    seconds, state = one(STARTED, registered("R", "2026-03-02T09:00:00+01:00"), known_at=None)
    assert state == "missed"
    assert seconds is not None
    assert seconds > 100 * 3600, "to the end of the period"


def test_under_attested_knowledge_an_answer_counts_from_when_its_source_knew() -> None:
    answer = ("2026-05-01T09:00:00Z", *taken("R", "2026-03-02T10:00:00+01:00")[1:], {"attestedat": LATER[:4] + "-03-02T10:00:00Z"})
    lines = [STARTED, registered("R", "2026-03-02T09:00:00+01:00"), answer]
    assert one(*lines, known_at="2026-04-01T00:00:00Z")[1] == "missed"
    assert one(*lines, known_at="2026-04-01T00:00:00Z", knowledge="attested") == (3600, "met")


def test_what_follows_no_registration_is_left_aside() -> None:
    assert asked(STARTED, taken("R", "2026-03-02T10:00:00+01:00")).result["requests"] == {}


def test_the_acknowledgement_is_shown_and_its_absence_named_a12_2c() -> None:
    lines = [registered("R1", "2026-03-02T09:00:00+01:00"), registered("R2", "2026-03-02T09:00:00+01:00")]
    workings = asked(STARTED, *lines, told("acknowledged", "R1", "2026-03-02T09:00:05+01:00")).workings
    assert workings["requests"]["R1"]["acknowledged_at"] == "2026-03-02T08:00:05Z"
    assert workings["unacknowledged"] == ["R2"]


def test_the_answer_rests_on_the_entries_of_its_requests_and_on_what_stopped_the_clock() -> None:
    lines = [
        STARTED,
        registered("R0", "2024-03-02T09:00:00+01:00"),
        registered("R1", "2026-03-02T09:00:00+01:00"),
        ("2026-03-02T10:00:00+01:00", "support_suspended", {"at": "2026-03-02T10:00:00+01:00", "reason": "untrained"}),
        taken("R1", "2026-03-02T09:05:00+01:00"),
    ]
    assert asked(*lines).because == (10, 12, 13, 14)


def test_a_start_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(Refused):
        asked(STARTED, start="9999-06-01")


# --- the register ---


def rows(*lines: Any, first: str = "2026-08-31", last: str = "2026-08-31", known_at: str | None = None) -> list[Any]:
    book = history(*lines, known_at=known_at)
    return [row.row() for row in breaches(book, Frames(book), date.fromisoformat(first), date.fromisoformat(last))]


def test_a_share_below_is_filed_on_the_last_day_of_its_year_once_that_is_over() -> None:
    (row,) = rows(*S23, known_at="2026-09-02T08:00:00Z")
    assert row == {
        "obligation": "A12.2b", "clause": "12.2", "what": "ratio_below", "subject": "support",
        "period": "2025-09-01/2026-08-31", "amount": "66.6667 %", "limit": "75.0000 %",
        "first_knowable_at": "2026-09-01T07:30:01Z", "because": list(range(10, 25)), "contested": False,
    }  # fmt: skip
    assert len(rows(*S23[:-1], known_at="2026-08-31T22:00:00Z")) == 0, "4 of 5"
    below = [STARTED, registered("R", "2026-03-02T09:00:00+01:00")]
    assert rows(*below, known_at="2026-08-31T21:59:59Z") == [], "the year is not over"
    assert len(rows(*below, known_at="2026-08-31T22:00:00Z")) == 1
    assert rows(*S23, first="2026-09-01", last="2027-12-31") == []
    assert rows(*S23, first="2025-09-01", last="2026-08-30") == []


def test_the_share_was_knowable_when_the_last_request_ran_out_or_the_last_entry_came() -> None:
    # R7 waits since Friday 16:00: 1 h, 6 h 30 on Monday, and its last half hour ends on Tuesday at 09:30
    assert rows(*S23)[0]["first_knowable_at"] == "2026-09-01T07:30:01Z"
    missed = [registered("R", "2026-03-02T09:00:00+01:00"), taken("R", "2026-03-04T09:00:00+01:00")]
    assert rows(STARTED, *missed)[0]["first_knowable_at"] == "2026-08-31T22:00:00Z"
    late = [("2026-10-05T09:00:00Z", *line[1:]) for line in missed]
    assert rows(STARTED, *late)[0]["first_knowable_at"] == "2026-10-05T09:00:00Z"
    lifted = ("2026-11-05T09:00:00Z", "retracted", {"target": "e13", "reason": "prerequisites were met"})
    kept = [STARTED, *missed, excluded("R", "2026-06-01T09:00:00Z"), lifted]
    assert rows(*kept)[0]["first_knowable_at"] == "2026-11-05T09:00:00Z"
    stopped = ("2026-03-02T08:30:00Z", "support_suspended", {"at": "2026-03-02T08:30:00Z", "reason": "untrained"})
    untrue = ("2026-12-05T09:00:00Z", "retracted", {"target": "e13", "reason": "another customer"})
    assert rows(STARTED, missed[0], missed[1], stopped, untrue)[0]["first_knowable_at"] == "2026-12-05T09:00:00Z"


def test_under_attested_knowledge_a_row_was_knowable_when_its_source_knew() -> None:
    lines = [registered("R", "2026-03-02T09:00:00+01:00"), taken("R", "2026-03-04T09:00:00+01:00")]
    late = [("2026-10-05T09:00:00Z", *line[1:], {"attestedat": "2026-09-20T09:00:00Z"}) for line in lines]
    book = history(STARTED, *late, knowledge="attested")
    (row,) = breaches(book, Frames(book), date(2026, 8, 31), date(2026, 8, 31))
    assert row.row()["first_knowable_at"] == "2026-09-20T09:00:00Z"


def test_every_year_below_has_its_row() -> None:
    lines = [STARTED]
    for year in (2026, 2028):
        lines += [registered(f"R{year}", f"{year}-03-02T09:00:00Z"), taken(f"R{year}", f"{year}-03-20T09:00:00Z")]
    found = rows(*lines, first="2025-01-01", last="9999-12-31")
    assert [row["period"] for row in found] == ["2025-09-01/2026-08-31", "2027-09-01/2028-08-31"]


# --- properties ---

INSTANT = st.integers(0, 14 * 24 * 60).map(lambda minutes: datetime(2026, 3, 23, tzinfo=UTC) + timedelta(minutes=minutes))
WAIT = st.integers(0, 4 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
OFFSET = st.sampled_from([0, 60, 120, -300, 345]).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=40, deadline=None)
@given(INSTANT, WAIT, OFFSET)
def test_the_open_seconds_are_those_a_walk_over_the_minutes_counts(
    since: datetime, wait: timedelta, offset: timezone
) -> None:
    """A slow oracle: each minute of local time looked up in the hours as article 12.2 writes them."""
    until = since + wait
    lines = [registered("R", since.astimezone(offset).isoformat()), taken("R", until.astimezone(offset).isoformat())]
    walked, minute = 0, since
    while minute < until:
        local = minute.astimezone(PARIS)
        clock, friday = local.strftime("%H:%M"), local.isoweekday() == 5
        afternoon = "14:30" <= clock < ("17:00" if friday else "17:30")
        if local.isoweekday() < 6 and local.date() != date(2026, 4, 6) and ("09:00" <= clock < "12:30" or afternoon):
            walked += 60
        minute += timedelta(minutes=1)
    assert one(STARTED, *lines) == (walked, "met" if walked <= 28800 else "missed")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(INSTANT, WAIT), min_size=1, max_size=5), st.integers(0, 4))
def test_excluding_a_missed_request_never_lowers_the_share_and_each_state_is_in_the_table(
    requests: list[tuple[datetime, timedelta]], place: int
) -> None:
    lines: list[Any] = [STARTED]
    for n, (since, wait) in enumerate(requests):
        lines += [registered(f"R{n}", since.isoformat()), taken(f"R{n}", (since + wait).isoformat())]
    before = asked(*lines).result
    name = f"R{place % len(requests)}"
    after = asked(*lines, excluded(name, "2026-05-01T09:00:00Z")).result
    assert after["requests"][name]["working_seconds"] == before["requests"][name]["working_seconds"]
    assert {r["state"] for r in after["requests"].values()} <= {state for state, _, _ in STATES}
    if before["requests"][name]["state"] == "missed" and after["counted"]:
        assert after["met"] * before["counted"] >= before["met"] * after["counted"]


@settings(max_examples=30, deadline=None)
@given(st.permutations(S23[1:]))
def test_the_order_of_recording_changes_no_number(lines: list[Any]) -> None:
    at_once = [("2026-08-31T09:00:00Z", *line[1:]) for line in lines]
    known_at = "2026-08-31T10:00:00Z"
    assert asked(STARTED, *at_once, known_at=known_at).result == asked(*S23, known_at=known_at).result


def test_instants_of_the_workings_are_utc_text() -> None:
    shown = asked(*S23).workings["requests"]["R1"]
    assert shown["registered_at"] == text(int(datetime(2026, 1, 15, 15, 30, tzinfo=UTC).timestamp()))
