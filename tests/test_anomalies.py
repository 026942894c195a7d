"""Stories of defects: qualified, reproduced, classed anew, and what was delivered by when (article 12.3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ledger.errors import Refused
from projections.anomalies import anomaly, breaches
from projections.finding import Finding
from projections.frame import Frame, Frames
from tests.story import CONTRACT, STARTED, at, history

PRIVATE = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": "private"})
CONNECT = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": "connect"})
MONDAY_9 = "2026-03-02T09:00:00+01:00"
LATER = "2026-06-30T00:00:00Z"
PLAN_DUE = "2026-03-03T15:30:00Z"  # Monday 6 h 30, Tuesday 3 h 30 and then 2 h from 14:30
FIX_DUE = "2026-03-10T23:00:00Z"  # the sixth working day after Monday 2 March is Tuesday 10 March


def told(kind: str, when: str, name: str = "A1", **data: Any) -> tuple[Any, ...]:
    return (when, kind, {"anomaly": name, "at": when, **data})


def qualified(at: str, criticality: int, **data: Any) -> tuple[Any, ...]:
    return told("anomaly_qualified", at, criticality=criticality, **data)


def reclassified(at: str, criticality: int) -> tuple[Any, ...]:
    return told("anomaly_reclassified", at, criticality=criticality)


def registered(at: str, request: str = "R1", channel: str = "portal") -> tuple[Any, ...]:
    return (at, "support_request_registered", {"request": request, "at": at, "channel": channel})


def plan(at: str) -> tuple[Any, ...]:
    return told("action_plan_delivered", at)


def fix(at: str) -> tuple[Any, ...]:
    return told("fix_delivered", at)


def workaround(at: str) -> tuple[Any, ...]:
    return told("workaround_delivered", at)


def stop(kind: str, at: str) -> tuple[Any, ...]:
    reason = {"reason": "users not trained"} if kind == "suspended" else {}
    return (at, f"support_{kind}", {"at": at, **reason})


def asked(
    *lines: Any, known_at: str | None = LATER, reading: dict[str, str] | None = None, **other: Any
) -> Finding:
    book = history(*lines, known_at=known_at, **other)
    return anomaly(book, Frames(book, reading))


def one(*lines: Any, **asking: Any) -> tuple[str | None, str]:
    answer = asked(*lines, **asking).result["A1"]
    return answer["deadline"], answer["state"]


def workings(*lines: Any, **asking: Any) -> dict[str, Any]:
    found: dict[str, Any] = asked(*lines, **asking).workings["A1"]
    return found


NO_DEADLINE = (None, "no_deadline")


# --- criticality 1: a plan in twelve working hours ---


@pytest.mark.parametrize(
    ("delivered_at", "state"),
    [("2026-03-03T16:29:59+01:00", "met"), ("2026-03-03T16:30:00+01:00", "met"), ("2026-03-03T16:30:01+01:00", "missed")],
)
def test_a_plan_is_owed_in_twelve_working_hours_to_the_second_a12_3a(delivered_at: str, state: str) -> None:
    assert one(STARTED, qualified(MONDAY_9, 1), plan(delivered_at)) == (PLAN_DUE, state)


@pytest.mark.parametrize(
    ("known_at", "state"),
    [("2026-03-03T15:29:59Z", "pending"), ("2026-03-03T15:30:00Z", "pending"), ("2026-03-03T15:30:01Z", "missed"),
     (None, "missed")],
)  # fmt: skip
def test_a_plan_not_delivered_is_pending_to_its_deadline_and_missed_after(known_at: str | None, state: str) -> None:
    assert one(STARTED, qualified(MONDAY_9, 1), known_at=known_at) == (PLAN_DUE, state)


def test_the_hours_are_those_of_the_plan_and_of_the_reading_amb_06_amb_19() -> None:
    line = qualified(MONDAY_9, 1)
    assert one(PRIVATE, line)[0] == "2026-03-03T11:00:00Z"  # 9 h, and 3 h
    assert one(PRIVATE, line, reading={"private_hours": "art_12_2"})[0] == PLAN_DUE
    assert one(STARTED, line, reading={"support_hours": "art_12_6"})[0] == "2026-03-03T14:30:00Z"  # 7 h, and 5 h


@pytest.mark.parametrize(
    ("ended_at", "due"),
    [
        ("2026-03-27T16:00:00+01:00", "2026-03-31T13:30:00Z"),  # 1 h, clocks change, Monday 6 h 30, Tuesday 4 h 30
        ("2026-04-30T16:30:00+02:00", "2026-05-05T13:30:00Z"),  # Thursday 1 h, 1 May is a Friday, Monday 6 h 30, Tuesday 4 h 30
    ],
)
def test_the_hours_run_in_legal_time_and_not_on_holidays(ended_at: str, due: str) -> None:
    assert one(STARTED, qualified(ended_at, 1))[0] == due


@pytest.mark.parametrize(
    ("delivered_at", "state"),
    [
        ("2026-03-06T17:00:00+01:00", "met"),
        ("2026-03-07T10:00:00+01:00", "met"),
        ("2026-03-09T09:00:00+01:00", "met"),
        ("2026-03-09T09:00:01+01:00", "missed"),
    ],
)
def test_hours_used_up_at_closing_time_are_not_exceeded_before_the_next_opening(delivered_at: str, state: str) -> None:
    line = qualified("2026-03-05T09:30:00+01:00", 1)  # Thursday 6 h, Friday 6 h
    assert one(STARTED, line, plan(delivered_at)) == ("2026-03-06T16:00:00Z", state)
    assert workings(STARTED, line)["stages"][0]["in_time_until"] == "2026-03-09T08:00:00Z"


def test_a_correction_is_no_plan_but_leaves_its_absence_contested() -> None:
    for other, contested in ((fix("2026-03-03T16:30:00+01:00"), True), (fix("2026-03-03T16:30:01+01:00"), False)):
        lines = [STARTED, qualified(MONDAY_9, 1), other]
        assert one(*lines) == (PLAN_DUE, "missed")
        assert [row["contested"] for row in rows(*lines)] == [contested]


# --- criticality 2: a correction or a workaround in six working days ---


@pytest.mark.parametrize(
    ("delivered_at", "state"),
    [
        ("2026-03-10T23:59:59+01:00", "met"),
        ("2026-03-11T00:00:00+01:00", "missed"),  # 24:00 is the first instant of the seventh day
    ],
)
def test_a_correction_is_owed_to_the_end_of_the_sixth_working_day_a12_3b(delivered_at: str, state: str) -> None:
    for line in (fix(delivered_at), workaround(delivered_at)):
        assert one(STARTED, qualified(MONDAY_9, 2), line) == (FIX_DUE, state)
    assert one(STARTED, qualified(MONDAY_9, 2), plan(MONDAY_9)) == (FIX_DUE, "missed"), "a plan corrects nothing"


def test_a_workaround_in_time_is_enough_though_the_correction_comes_late() -> None:
    lines = [workaround("2026-03-05T10:00:00+01:00"), fix("2026-04-05T10:00:00+02:00")]
    assert one(STARTED, qualified(MONDAY_9, 2), *lines) == (FIX_DUE, "met")


@pytest.mark.parametrize(
    ("known_at", "state"),
    [("2026-03-10T22:59:59Z", "pending"), ("2026-03-10T23:00:00Z", "missed"), (None, "missed")],
)
def test_a_correction_not_delivered_is_pending_while_the_sixth_day_lasts_and_missed_once_it_is_over(
    known_at: str | None, state: str
) -> None:
    assert one(STARTED, qualified(MONDAY_9, 2), known_at=known_at) == (FIX_DUE, state)


@pytest.mark.parametrize(
    ("value", "due"),
    [("midnight", FIX_DUE), ("closing", "2026-03-10T16:30:00Z"), ("same_time", "2026-03-10T09:12:13Z")],
)
def test_where_the_last_working_day_ends_is_a_choice_amb_20(value: str, due: str) -> None:
    line = qualified("2026-03-02T10:12:13+01:00", 2)
    assert one(STARTED, line, reading={"working_day_end": value})[0] == due


def test_on_a_friday_and_for_private_support_closes_at_another_hour() -> None:
    closing = {"working_day_end": "closing"}
    line = qualified("2026-02-26T10:00:00+01:00", 2)  # a Thursday: the sixth working day is Friday 6 March
    assert one(STARTED, line, reading=closing)[0] == "2026-03-06T16:00:00Z"
    assert one(PRIVATE, qualified(MONDAY_9, 2), reading=closing)[0] == "2026-03-10T17:00:00Z"


@pytest.mark.parametrize(
    ("ended_at", "due"),
    [
        ("2026-03-27T10:00:00+01:00", "2026-04-07T22:00:00Z"),  # the clocks change; 6 April is Easter Monday
        ("2026-03-07T10:00:00+01:00", "2026-03-16T23:00:00Z"),  # found on a Saturday
        ("2026-03-02T23:59:59+01:00", "2026-03-10T23:00:00Z"),
        ("2026-03-02T23:00:00Z", "2026-03-11T23:00:00Z"),  # Tuesday already in Paris
    ],
)
def test_working_days_are_those_of_legal_time(ended_at: str, due: str) -> None:
    assert one(STARTED, qualified(ended_at, 2))[0] == due


def test_good_friday_is_no_working_day_in_alsace_and_moselle_amb_07() -> None:
    line = qualified("2026-03-27T10:00:00+01:00", 2)
    assert one(STARTED, line, reading={"holidays": "fr_alsace_moselle"})[0] == "2026-04-08T22:00:00Z"


# --- the clock's beginning ---


def test_the_delay_runs_from_the_later_of_qualification_and_reproduction() -> None:
    reproduced = told("anomaly_reproduced", "2026-03-03T10:00:00+01:00")
    assert one(STARTED, qualified(MONDAY_9, 2), reproduced)[0] == "2026-03-11T23:00:00Z"
    assert one(STARTED, told("anomaly_reproduced", MONDAY_9), qualified("2026-03-03T10:00:00+01:00", 2))[0] == (
        "2026-03-11T23:00:00Z"
    )
    assert one(STARTED, qualified(MONDAY_9, 2))[0] == FIX_DUE, "never reproduced: qualified alone"


def test_the_delay_may_run_from_the_end_of_the_response_delay_amb_20() -> None:
    end_of_8h = {"anomaly_clock": "end_of_8h"}
    lines = [registered(MONDAY_9), qualified("2026-03-05T10:00:00+01:00", 2, request="R1")]
    assert one(STARTED, *lines)[0] == "2026-03-13T23:00:00Z"
    assert one(STARTED, *lines, reading=end_of_8h)[0] == "2026-03-11T23:00:00Z"  # 8 h end on Tuesday 3 March
    assert one(PRIVATE, *lines, reading=end_of_8h)[0] == FIX_DUE  # 4 h end on Monday
    hours = [registered(MONDAY_9), told("anomaly_reproduced", MONDAY_9, request="R1"), qualified(MONDAY_9, 1)]
    assert one(STARTED, *hours, reading=end_of_8h)[0] == "2026-03-05T08:30:00Z"  # 8 h, and 12 h: Thursday 09:30


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([qualified(MONDAY_9, 2)], "no request it was reported by is known"),
        ([qualified(MONDAY_9, 2, request="R9")], "no request it was reported by is known"),
        ([registered(MONDAY_9, channel="sam"), qualified(MONDAY_9, 2, request="R1")], "its request started no clock"),
    ],
)
def test_without_a_clock_of_its_request_that_reading_has_no_deadline_and_says_so(lines: list[Any], why: str) -> None:
    end_of_8h = {"anomaly_clock": "end_of_8h"}
    assert one(STARTED, *lines, reading=end_of_8h) == NO_DEADLINE
    assert workings(STARTED, *lines, reading=end_of_8h)["why"] == f"anomaly_clock=end_of_8h, and {why}"
    assert one(STARTED, *lines) == (FIX_DUE, "missed")


def test_a_plan_without_a_clock_at_registration_starts_none_for_the_response() -> None:
    opened = (MONDAY_9, "contract_scope_changed", {"effective_from": "2026-03-02T10:00:00+01:00", "plan": "open"})
    lines = [CONNECT, opened, registered(MONDAY_9), qualified("2026-03-02T10:00:00+01:00", 2, request="R1")]
    assert one(*lines) == (FIX_DUE, "missed")
    assert one(*lines, reading={"anomaly_clock": "end_of_8h"}) == NO_DEADLINE


# --- no deadline ---


def test_criticality_3_and_the_plan_connect_have_no_deadline_a12_3c() -> None:
    assert one(STARTED, qualified(MONDAY_9, 3)) == NO_DEADLINE
    assert one(CONNECT, qualified(MONDAY_9, 1)) == NO_DEADLINE
    assert workings(CONNECT, qualified(MONDAY_9, 1))["why"] == "its plan has no support clock (article 12)"


def test_an_anomaly_never_qualified_is_visible_and_no_breach_a12_3d() -> None:
    lines = [STARTED, told("anomaly_reproduced", MONDAY_9)]
    assert one(*lines) == NO_DEADLINE
    assert workings(*lines)["why"] == "not qualified, for which the clause sets no delay (A12.3d)"
    assert rows(*lines) == []


def test_a_delivery_before_qualification_is_met_and_flagged() -> None:
    lines = [STARTED, workaround("2026-02-27T10:00:00+01:00"), qualified(MONDAY_9, 2)]
    assert one(*lines) == (FIX_DUE, "met")
    assert workings(*lines)["delivered_before_qualification"] is True
    assert workings(STARTED, qualified(MONDAY_9, 2), fix(MONDAY_9))["delivered_before_qualification"] is False
    assert workings(STARTED, fix(MONDAY_9))["delivered_before_qualification"] is True, "and never qualified since"


def test_how_long_the_qualification_took_is_shown_and_not_judged() -> None:
    lines = [registered(MONDAY_9), qualified("2026-03-03T10:00:00+01:00", 3, request="R1")]
    assert workings(STARTED, *lines)["qualification"] == {
        "request": "R1",
        "registered_at": "2026-03-02T08:00:00Z",
        "elapsed_seconds": 90_000,
        "working_seconds": 27_000,
    }
    assert workings(STARTED, qualified(MONDAY_9, 3))["qualification"] is None


# --- another criticality ---


def test_another_criticality_starts_its_own_delay_or_keeps_the_first_amb_20() -> None:
    lines = [STARTED, qualified(MONDAY_9, 3), reclassified("2026-03-04T10:00:00+01:00", 2)]
    assert one(*lines) == ("2026-03-12T23:00:00Z", "missed")
    assert one(*lines, reading={"reclassified": "from_first"}) == (FIX_DUE, "missed")
    raised = [STARTED, qualified(MONDAY_9, 2), reclassified("2026-03-04T09:00:00+01:00", 1)]
    assert one(*raised)[0] == "2026-03-05T15:30:00Z"
    assert one(*raised, reading={"reclassified": "from_first"})[0] == PLAN_DUE
    lowered = [STARTED, qualified(MONDAY_9, 2), reclassified("2026-03-04T09:00:00+01:00", 3)]
    assert one(*lowered) == NO_DEADLINE
    shown = workings(*lowered, fix("2026-03-05T10:00:00+01:00"))["stages"]
    assert [stage["state"] for stage in shown] == ["another criticality came first", "no_deadline"]
    shown = workings(*lowered, fix("2026-03-04T09:00:00+01:00"))["stages"]
    assert [stage["state"] for stage in shown] == ["met", "no_deadline"]


def test_the_same_criticality_again_starts_nothing() -> None:
    lines = [STARTED, qualified(MONDAY_9, 2), reclassified("2026-03-04T10:00:00+01:00", 2)]
    assert one(*lines)[0] == FIX_DUE
    assert len(workings(*lines)["stages"]) == 1


def test_a_delay_never_runs_before_reproduction_though_classed_anew_before_it() -> None:
    again = [reclassified("2026-03-03T10:00:00+01:00", 2), told("anomaly_reproduced", "2026-03-04T10:00:00+01:00")]
    assert one(STARTED, qualified(MONDAY_9, 3), *again)[0] == "2026-03-12T23:00:00Z"


@pytest.mark.parametrize(
    ("lowered_at", "filed"),
    [("2026-03-10T22:59:59Z", []), ("2026-03-10T23:00:00Z", ["no_fix_in_time"])],
)
def test_a_deadline_passed_before_the_anomaly_was_lowered_stays_missed(lowered_at: str, filed: list[str]) -> None:
    lines = [STARTED, qualified(MONDAY_9, 2), reclassified(lowered_at, 3)]
    assert one(*lines) == NO_DEADLINE
    assert [row["what"] for row in rows(*lines)] == filed
    assert rows(*lines, fix("2026-03-10T22:00:00Z")) == []


# --- what stops the clock ---


def test_support_suspended_of_right_stops_working_hours_and_whole_working_days_a12_2e() -> None:
    stops = [stop("suspended", "2026-03-02T12:00:00+01:00"), stop("resumed", "2026-03-04T09:00:00+01:00")]
    assert one(STARTED, qualified(MONDAY_9, 1), *stops)[0] == "2026-03-05T10:30:00Z"  # 3 h, then 6 h 30, then 2 h 30
    assert one(STARTED, qualified(MONDAY_9, 2), *stops)[0] == "2026-03-11T23:00:00Z"  # Tuesday stood still
    partly = [stop("suspended", "2026-03-03T09:00:01+01:00"), stop("resumed", "2026-03-04T09:00:00+01:00")]
    assert one(STARTED, qualified(MONDAY_9, 2), *partly)[0] == FIX_DUE


class Excepted(Frames):
    """Frames whose calendar has exceptional openings or closings, as a calendar may."""

    exceptions: dict[str, Any]

    def at(self, instant: int) -> Frame:
        frame = super().at(instant)
        return structs.replace(frame, calendar=structs.replace(frame.calendar, **self.exceptions))


def excepted(*lines: Any, reading: dict[str, str] | None = None, **exceptions: Any) -> str | None:
    book = history(*lines, known_at=LATER)
    frames = Excepted(book, reading)
    frames.exceptions = exceptions
    deadline: str | None = anomaly(book, frames).result["A1"]["deadline"]
    return deadline


def test_a_suspension_holds_within_an_exceptional_opening_and_from_its_first_word() -> None:
    saturday = (at("2026-03-06T23:00:00Z"), at("2026-03-07T23:00:00Z"))
    stops = [stop("suspended", "2026-03-07T10:00:00+01:00"), stop("suspended", "2026-03-07T12:00:00+01:00")]
    lines = [STARTED, qualified("2026-03-07T09:00:00+01:00", 1), *stops, stop("resumed", "2026-03-09T09:00:00+01:00")]
    assert excepted(*lines, openings=(saturday,)) == "2026-03-10T14:30:00Z"  # 1 h, then 6 h 30, then 4 h 30


def test_a_working_day_closed_by_exception_is_a_working_day_and_ends_at_midnight() -> None:
    for day in ("2026-03-04", "2026-03-10"):
        closed = (at(f"{day}T00:00:00+01:00"), at(f"{day}T23:00:00Z"))
        assert excepted(STARTED, qualified(MONDAY_9, 2), closings=(closed,)) == FIX_DUE
    closing = {"working_day_end": "closing"}
    assert excepted(STARTED, qualified(MONDAY_9, 2), closings=(closed,), reading=closing) == FIX_DUE


def test_where_clocks_stop_for_good_nothing_falls_due() -> None:
    suspended = stop("suspended", "2026-03-03T16:00:00+01:00")
    for criticality in (1, 2):
        assert one(STARTED, qualified(MONDAY_9, criticality), suspended, known_at=None) == NO_DEADLINE
    for end, due in (("2026-03-10T22:59:59Z", None), ("2026-03-10T23:00:00Z", FIX_DUE)):
        ended = (MONDAY_9, "contract_terminated", {"effective_from": end})
        assert one(STARTED, ended, qualified(MONDAY_9, 2))[0] == due
    for end, due in (("2026-03-03T15:29:59Z", None), ("2026-03-03T15:30:00Z", PLAN_DUE)):
        ended = (MONDAY_9, "contract_terminated", {"effective_from": end})
        assert one(STARTED, ended, qualified(MONDAY_9, 1))[0] == due
    lines = [stop("suspended", "2026-03-02T10:00:00+01:00"), registered(MONDAY_9)]
    lines += [qualified("2026-03-02T11:00:00+01:00", 2, request="R1")]
    assert one(STARTED, *lines, reading={"anomaly_clock": "end_of_8h"}) == NO_DEADLINE


@pytest.mark.parametrize(("criticality", "delivered"), [(1, plan), (2, fix)])
def test_while_clocks_stand_still_what_came_is_met_and_what_did_not_is_pending(criticality: int, delivered: Any) -> None:
    asked_of, stopped = qualified(MONDAY_9, criticality), stop("suspended", "2026-03-03T11:00:00+01:00")
    while_stopped = {"known_at": "2026-03-20T00:00:00Z"}
    assert one(STARTED, asked_of, delivered("2026-03-02T11:00:00+01:00"), stopped, **while_stopped) == (None, "met")
    assert one(STARTED, asked_of, delivered("2026-03-12T11:00:00+01:00"), stopped, **while_stopped) == (None, "met")
    assert one(STARTED, asked_of, stopped, **while_stopped) == (None, "pending")
    assert one(STARTED, asked_of, stopped, reclassified("2026-03-10T09:00:00+01:00", 3), **while_stopped) == NO_DEADLINE
    over = (MONDAY_9, "contract_terminated", {"effective_from": "2026-03-03T11:00:00+01:00"})
    assert one(STARTED, over, asked_of, **while_stopped) == NO_DEADLINE
    assert one(STARTED, over, asked_of, delivered("2026-03-02T11:00:00+01:00"), **while_stopped) == (None, "met")
    assert not rows(STARTED, asked_of, stopped, **while_stopped)


def test_another_booklet_has_other_hours_and_days() -> None:
    lines = [qualified("2026-03-02T13:00:00Z", 1)]  # 08:00 in New York
    assert one(STARTED, *lines, booklet="always-on")[0] == "2026-03-02T18:00:00Z"
    assert one(STARTED, qualified("2026-03-02T13:00:00Z", 2), booklet="always-on")[0] == "2026-03-06T05:00:00Z"
    assert rows(STARTED, *lines, booklet="always-on")[0]["clause"] == "6"


# --- knowledge, ids ---


def test_a_delivery_learnt_late_mends_the_verdict_and_a_retraction_gives_the_former_one_back() -> None:
    late = ("2026-04-01T09:00:00Z", *fix("2026-03-10T10:00:00+01:00")[1:])
    undone = ("2026-05-01T09:00:00Z", "retracted", {"target": "e12", "reason": "another anomaly"})
    lines = [STARTED, qualified(MONDAY_9, 2), late, undone]
    assert one(*lines, known_at="2026-03-31T00:00:00Z")[1] == "missed"
    assert one(*lines, known_at="2026-04-01T09:00:00Z")[1] == "met"
    assert one(*lines)[1] == "missed"


def test_under_attested_knowledge_a_delivery_counts_from_when_its_source_knew() -> None:
    late = ("2026-04-01T09:00:00Z", *fix("2026-03-10T10:00:00+01:00")[1:], {"attestedat": "2026-03-10T10:00:00Z"})
    lines = [STARTED, qualified(MONDAY_9, 2), late]
    assert one(*lines, known_at="2026-03-31T00:00:00Z")[1] == "missed"
    assert one(*lines, known_at="2026-03-31T00:00:00Z", knowledge="attested")[1] == "met"


def test_a_class_changed_before_any_qualification_is_known_breaks_nothing() -> None:
    assert one(STARTED, reclassified(MONDAY_9, 1)) == NO_DEADLINE
    assert one(STARTED, reclassified("2026-03-01T09:00:00Z", 1), qualified(MONDAY_9, 2))[0] == FIX_DUE
    assert len(workings(STARTED, reclassified("2026-03-01T09:00:00Z", 1), qualified(MONDAY_9, 2))["stages"]) == 1


def test_asking_for_some_anomalies_gives_those_and_an_unknown_one_is_refused() -> None:
    second = ("2026-03-02T10:00:00+01:00", "anomaly_qualified",
              {"anomaly": "A2", "criticality": 3, "at": "2026-03-02T10:00:00+01:00"})  # fmt: skip
    book = history(STARTED, registered(MONDAY_9), qualified(MONDAY_9, 2, request="R1"), second)
    finding = anomaly(book, Frames(book), ("A1",))
    assert finding.result == {"A1": {"deadline": FIX_DUE, "state": "missed"}}
    assert finding.because == (10, 11, 12)
    assert asked(STARTED, stop("suspended", MONDAY_9), qualified(MONDAY_9, 3)).because == (10, 11, 12)
    with pytest.raises(Refused, match="no anomaly 'A3' is known of contract C1; known: A1, A2") as refused:
        anomaly(book, Frames(book), ("A3",))
    assert refused.value.code == "unknown_id"


# --- the register ---


def rows(
    *lines: Any, first: str = "2026-01-01", last: str = "2026-12-31", known_at: str | None = None, **other: Any
) -> list[dict[str, Any]]:
    book = history(*lines, known_at=known_at, **other)
    return [row.row() for row in breaches(book, Frames(book), date.fromisoformat(first), date.fromisoformat(last))]


def test_a_missed_delay_is_filed_on_its_last_day() -> None:
    lines = [STARTED, qualified(MONDAY_9, 2), fix("2026-03-20T10:00:00+01:00")]
    (row,) = rows(*lines, first="2026-03-10", last="2026-03-10")
    assert row == {
        "obligation": "A12.3b", "clause": "12.3", "what": "no_fix_in_time", "subject": "A1",
        "period": f"2026-03-02T08:00:00Z/{FIX_DUE}", "amount": "delivered 2026-03-20T09:00:00Z",
        "limit": f"by {FIX_DUE}", "first_knowable_at": FIX_DUE, "because": [10, 11, 12],
        "contested": False,
    }  # fmt: skip
    book = history(*lines)
    assert [each.on for each in breaches(book, Frames(book), date(2026, 3, 10), date(2026, 3, 10))] == [at(FIX_DUE) - 1]
    assert rows(*lines, first="2026-03-11") == []
    assert rows(*lines, last="2026-03-09") == []
    assert rows(STARTED, qualified(MONDAY_9, 2), fix("2026-03-10T22:59:59Z")) == []


def test_a_missed_delay_is_knowable_after_its_last_instant_or_when_the_last_entry_came() -> None:
    (row,) = rows(STARTED, qualified("2026-03-05T09:30:00+01:00", 1))
    assert (row["what"], row["amount"], row["first_knowable_at"]) == (
        "no_plan_in_time", "not delivered", "2026-03-09T08:00:01Z",
    )  # fmt: skip
    late = ("2026-04-05T09:00:00Z", *qualified(MONDAY_9, 2)[1:])
    assert rows(STARTED, late)[0]["first_knowable_at"] == "2026-04-05T09:00:00Z"
    wrong = fix("2026-03-06T10:00:00+01:00")
    undone = ("2026-05-01T09:00:00Z", "retracted", {"target": "e12", "reason": "another anomaly"})
    assert rows(STARTED, qualified(MONDAY_9, 2), wrong, undone)[0]["first_knowable_at"] == "2026-05-01T09:00:00Z"
    found_late = told("anomaly_reproduced", "2026-03-12T10:00:00+01:00")  # by then the former deadline had passed
    (row,) = rows(STARTED, qualified(MONDAY_9, 2), found_late)
    assert (row["limit"], row["first_knowable_at"]) == ("by 2026-03-20T23:00:00Z", "2026-03-20T23:00:00Z")
    corrected = ("2026-04-10T09:00:00Z", "corrected", {
        "target": "e11", "reason": "typed wrong", "evidence": "sha256:" + "0" * 64,
        "data": {"anomaly": "A1", "criticality": 2, "at": MONDAY_9},
    })  # fmt: skip
    assert rows(STARTED, qualified(MONDAY_9, 1), corrected)[0]["first_knowable_at"] == "2026-04-10T09:00:00Z"
    raised = reclassified("2026-04-10T09:00:00Z", 1)
    book = history(STARTED, qualified(MONDAY_9, 3), raised)
    (found,) = breaches(book, Frames(book, {"reclassified": "from_first"}), date(2026, 3, 3), date(2026, 3, 3))
    assert found.row()["first_knowable_at"] == "2026-04-10T09:00:00Z"


def test_each_stage_missed_has_its_row() -> None:
    lines = [STARTED, qualified(MONDAY_9, 1), reclassified("2026-03-09T09:00:00+01:00", 2)]
    assert [(row["obligation"], row["limit"]) for row in rows(*lines)] == [
        ("A12.3a", f"by {PLAN_DUE}"),
        ("A12.3b", "by 2026-03-17T23:00:00Z"),
    ]


# --- properties ---

INSTANT = st.integers(0, 21 * 24 * 60).map(lambda n: datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=n))
OFFSET = st.sampled_from([0, 60, 120, -300, 345]).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=60, deadline=None)
@given(INSTANT, INSTANT, st.sampled_from([1, 2]), OFFSET)
def test_a_later_delivery_is_never_better_and_offsets_change_nothing(
    since: datetime, delivered: datetime, criticality: int, offset: timezone
) -> None:
    kind = plan if criticality == 1 else fix

    def answer(at: datetime, zone: Any = UTC) -> tuple[str | None, str]:
        told = [qualified(since.astimezone(zone).isoformat(), criticality), kind(at.astimezone(zone).isoformat())]
        return one(STARTED, *told)

    deadline, state = answer(delivered)
    assert answer(delivered, offset) == (deadline, state)
    assert deadline is not None
    assert datetime.fromisoformat(deadline) > since
    if delivered <= datetime.fromisoformat(deadline):
        assert state == "met"
    if state == "missed":
        assert answer(delivered + timedelta(minutes=1))[1] == "missed"


@settings(max_examples=40, deadline=None)
@given(INSTANT, st.lists(st.tuples(INSTANT, st.sampled_from([1, 2, 3])), max_size=3), INSTANT)
def test_a_fact_recorded_later_changes_no_earlier_answer(
    since: datetime, changes: list[tuple[datetime, int]], delivered: datetime
) -> None:
    told = [STARTED, qualified(since.isoformat(), 2)]
    later = [reclassified(at.isoformat(), criticality) for at, criticality in changes] + [fix(delivered.isoformat())]
    recorded = [("2026-05-01T00:00:00Z", *line[1:]) for line in later]
    known_at = "2026-04-30T23:59:59Z"
    assert asked(*told, *recorded, known_at=known_at) == asked(*told, known_at=known_at)
