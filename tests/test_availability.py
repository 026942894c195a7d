"""Months of availability told as ledgers: what happened in business hours, and what the rate says of it (article 6)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.errors import Refused
from ledger.history import History
from projections import ask
from projections.availability import availability, breaches
from projections.frame import Frames
from tests.story import CONTRACT, STARTED, at, history, instant

EVIDENCE = "sha256:" + "0" * 64
MARCH = 17160 * 60  # 22 working days of 13 hours
ALL = date(2025, 1, 1), date(2027, 12, 31)


def told(*lines: Any, **known: Any) -> History:
    """The history of these lines, and lists of lines, in the order they were recorded."""
    flat = [line for group in lines for line in (group if isinstance(group, list) else [group])]
    first = [] if any(line[1] == "contract_started" for line in flat) else [STARTED]
    return history(*sorted(first + flat, key=lambda line: instant(line[0])), **known)


def month_of(label: str, *lines: Any, reading: dict[str, str] | None = None, **known: Any) -> dict[str, Any]:
    found = told(*lines, **known)
    result: dict[str, Any] = availability(found, Frames(found, reading), label).result
    return result


def march(*lines: Any, reading: dict[str, str] | None = None, **known: Any) -> dict[str, Any]:
    return month_of("2026-03", *lines, reading=reading, **known)


def workings(*lines: Any, reading: dict[str, str] | None = None, **known: Any) -> dict[str, Any]:
    found = told(*lines, **known)
    rows: dict[str, Any] = availability(found, Frames(found, reading), "2026-03").workings
    return rows


def register(*lines: Any, reading: dict[str, str] | None = None, days: Any = ALL, **known: Any) -> list[dict[str, Any]]:
    found = told(*lines, **known)
    return [breach.row() for breach in breaches(found, Frames(found, reading), *days)]


def outage(start: str, end: str | None, name: str = "O1", on: dict[str, Any] | None = None, **data: Any) -> list[Any]:
    """An outage recorded as it began and as it ended."""
    begun = {"outage": name, "environment": "production", "effect": "no_access", "at": start, **data}
    lines: list[Any] = [(start, "outage_started", begun, on or {})]
    return lines if end is None else [*lines, (end, "outage_ended", {"outage": name, "at": end}, on or {})]


def excluded(start: str, end: str, recorded_at: str, name: str = "X1", **data: Any) -> tuple[Any, ...]:
    ground = {"ground": "customer_equipment", "evidence": EVIDENCE, **data}
    return (recorded_at, "exclusion_claimed", {"exclusion": name, "from": start, "to": end, **ground})


# --- the rate ---


def test_the_result_has_its_keys_in_the_order_that_is_promised() -> None:
    assert list(march()) == [
        "prt_minutes", "gross_unavailable_seconds", "excluded_seconds", "ti_seconds", "td_percent", "breach", "status",
        "total_outage_seconds", "out_of_prt_outage_seconds", "remaining_budget_seconds", "excluded_by_ground",
        "contested_seconds", "range",
    ]  # fmt: skip


def test_exactly_the_minimum_is_met_and_one_second_more_is_a_breach() -> None:
    """S01: 22 days of 780 minutes allow 5148 s; 5149 s print as 99.50 at two decimals and are a breach."""
    story = [
        *outage("2026-03-03T10:00:00+01:00", None),
        ("2026-03-03T11:25:48+01:00", "outage_ended", {"outage": "O1", "at": "2026-03-03T11:25:48+01:00"}, {"id": "e3"}),
        ("2026-04-10T09:00:00Z", "corrected", {"target": "e3", "reason": "probe log second precision",
                                               "data": {"outage": "O1", "at": "2026-03-03T11:25:49+01:00"}}),
    ]  # fmt: skip
    before, after = march(story, known_at="2026-04-02T00:00:00Z"), march(story, known_at="2026-04-10T09:00:00Z")
    assert (before["prt_minutes"], before["ti_seconds"], before["td_percent"]) == (17160, 5148, "99.5000")
    assert (before["breach"], before["remaining_budget_seconds"], before["status"]) == (False, 0, "final")
    assert (after["ti_seconds"], after["td_percent"], after["breach"]) == (5149, "99.4999", True)
    assert after["remaining_budget_seconds"] == -1
    (row,) = register(story)
    assert row == {
        "obligation": "A6.1", "clause": "6", "what": "below_minimum", "subject": "C1", "period": "2026-03",
        "amount": "5149 s", "limit": "5148 s", "first_knowable_at": "2026-04-10T09:00:00Z", "because": [11, 12, 13],
        "contested": False,
    }  # fmt: skip
    assert register(story, known_at="2026-04-10T08:59:59Z") == []


S09 = [
    ("2026-01-12T14:00:00+01:00", "outage_started", {"outage": "O1", "environment": "production",
     "effect": "no_access", "at": "2026-01-12T14:00:00+01:00"}, {"id": "e2"}),
    ("2026-01-12T15:00:00+01:00", "outage_ended", {"outage": "O1", "at": "2026-01-12T15:00:00+01:00"}),
    ("2026-02-10T10:00:00Z", "corrected", {"target": "e2", "reason": "third-party probe", "data": {"outage": "O1",
     "environment": "production", "effect": "no_access", "at": "2026-01-12T13:30:00+01:00"}}),
    (*excluded("2026-01-12T14:30:00+01:00", "2026-01-12T15:00:00+01:00", "2026-02-20T10:00:00Z"), {"id": "e5"}),
    ("2026-03-01T09:00:00Z", "retracted", {"target": "e5", "reason": "claim withdrawn after customer logs"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("known_at", "gross", "excluded_seconds", "rate", "breach"),
    [
        ("2026-02-02T08:00:00Z", 3600, 0, "99.6337", False),
        ("2026-02-10T10:00:00Z", 5400, 0, "99.4505", True),
        ("2026-02-25T00:00:00Z", 5400, 1800, "99.6337", False),
        ("2026-03-01T09:00:00Z", 5400, 0, "99.4505", True),
    ],
)
def test_four_moments_of_knowledge_give_four_answers(
    known_at: str, gross: int, excluded_seconds: int, rate: str, breach: bool
) -> None:
    """S09: corrected, excluded, the exclusion withdrawn."""
    found = month_of("2026-01", S09, known_at=known_at)
    assert (found["prt_minutes"], found["status"]) == (16380, "final")
    assert (found["gross_unavailable_seconds"], found["excluded_seconds"]) == (gross, excluded_seconds)
    assert (found["ti_seconds"], found["td_percent"], found["breach"]) == (gross - excluded_seconds, rate, breach)


def test_a_breach_is_knowable_since_the_first_knowledge_that_proved_it_whatever_came_between() -> None:
    (row,) = register(S09)
    assert row["first_knowable_at"] == "2026-02-10T10:00:00Z"
    assert register(S09, known_at="2026-02-25T00:00:00Z") == []


def blocking(name: str, start: str, end: str | None, kind: str = "planned", **data: Any) -> list[Any]:
    """A maintenance that stops the service all along, recorded as it went."""
    begun = {"maintenance": name, "kind": kind, "at": start, **data}
    if kind == "emergency":
        begun.setdefault("urgency_reason", "a flaw being exploited")
    lines: list[Any] = [
        (start, "maintenance_started", begun, {"id": f"{name}-started"}),
        (start, "blocking_started", {"maintenance": name, "at": start}),
    ]
    if end is not None:
        lines += [
            (end, "blocking_ended", {"maintenance": name, "at": end}),
            (end, "maintenance_ended", {"maintenance": name, "at": end}),
        ]
    return lines


def announced(name: str, published_at: str, start: str, end: str) -> tuple[Any, ...]:
    slot = {"maintenance": name, "published_at": published_at, "planned_start": start, "planned_end": end}
    return (published_at, "maintenance_announced", slot)


S11 = [
    announced("M1", "2026-02-10T22:01:00+01:00", "2026-02-12T22:00:00+01:00", "2026-02-13T02:00:00+01:00"),
    *blocking("M1", "2026-02-12T22:00:00+01:00", "2026-02-13T01:30:00+01:00"),
    announced("M2", "2026-02-17T22:00:00+01:00", "2026-02-19T22:00:00+01:00", "2026-02-20T02:00:00+01:00"),
    *blocking("M2", "2026-02-19T22:00:00+01:00", "2026-02-20T02:00:00+01:00"),
    *blocking("M3", "2026-02-24T23:00:00+01:00", "2026-02-24T23:30:00+01:00"),
]


def test_work_at_night_costs_no_rate_whatever_its_notice() -> None:
    """S11.q2; and all of it counts under `unannounced=counts` but M2, told exactly 48 hours before (Amb-09)."""
    found = month_of("2026-02", S11)
    assert (found["prt_minutes"], found["gross_unavailable_seconds"], found["ti_seconds"]) == (15600, 0, 0)
    assert (found["td_percent"], found["breach"], found["status"]) == ("100.0000", False, "final")
    assert (found["total_outage_seconds"], found["out_of_prt_outage_seconds"]) == (35 * 360 + 4 * 3600 + 1800, 0)
    bare = month_of("2026-02", S11, reading={"unannounced": "counts"})
    assert (bare["gross_unavailable_seconds"], bare["ti_seconds"]) == (12600 + 1800, 12600 + 1800)


# --- which seconds are in the reference period ---


@pytest.mark.parametrize(
    ("start", "end", "ti"),
    [
        ("2026-03-03T06:59:59+01:00", "2026-03-03T07:00:00+01:00", 0),
        ("2026-03-03T06:59:59+01:00", "2026-03-03T07:00:01+01:00", 1),
        ("2026-03-03T19:59:59+01:00", "2026-03-03T20:00:00+01:00", 1),
        ("2026-03-03T20:00:00+01:00", "2026-03-03T20:00:01+01:00", 0),
        ("2026-03-07T10:00:00+01:00", "2026-03-08T19:00:00+01:00", 0),  # Saturday, Sunday
        ("2026-03-06T19:00:00+01:00", "2026-03-09T08:00:00+01:00", 7200),  # over a weekend
        ("2026-03-27T06:30:00Z", "2026-03-27T07:00:00Z", 1800),  # 07:30 in winter time
        ("2026-03-30T05:00:00Z", "2026-03-30T06:00:00Z", 3600),  # 07:00 in summer time
        ("2026-03-28T23:00:00Z", "2026-03-30T05:00:00Z", 0),  # the night the clocks change
        ("2026-02-27T19:00:00+01:00", "2026-03-02T08:00:00+01:00", 3600),  # the month's own part
        ("2026-03-31T19:30:00+02:00", "2026-04-01T09:00:00+02:00", 1800),
    ],
)
def test_only_seconds_of_the_month_between_7_and_20_on_working_days_count(start: str, end: str, ti: int) -> None:
    assert march(outage(start, end))["ti_seconds"] == ti


@pytest.mark.parametrize(
    ("month", "days"), [("2026-03", 22), ("2026-05", 17), ("2026-07", 22), ("2025-12", 22), ("2026-10", 22)]
)
def test_the_reference_period_is_13_hours_of_each_working_day(month: str, days: int) -> None:
    assert month_of(month)["prt_minutes"] == 780 * days


def test_an_outage_on_a_public_holiday_costs_nothing_there() -> None:
    good_friday = outage("2026-04-03T10:00:00+02:00", "2026-04-03T11:00:00+02:00")
    monday = outage("2026-04-06T10:00:00+02:00", "2026-04-06T11:00:00+02:00", "O2")  # Easter Monday
    found = month_of("2026-04", good_friday, monday)
    assert (found["prt_minutes"], found["ti_seconds"], found["out_of_prt_outage_seconds"]) == (780 * 21, 3600, 3600)
    local = month_of("2026-04", good_friday, monday, reading={"holidays": "fr_alsace_moselle"})
    assert (local["prt_minutes"], local["ti_seconds"]) == (780 * 20, 0)


def test_a_month_without_reference_period_has_no_rate() -> None:
    """Amb-13: before supply there is nothing to be available in, which is neither 100 nor 0 percent."""
    found = month_of("2025-08", outage("2025-08-05T10:00:00+02:00", "2025-08-05T18:00:00+02:00"))
    assert (found["prt_minutes"], found["ti_seconds"], found["td_percent"]) == (0, 0, None)
    assert (found["breach"], found["status"], found["range"]) == (None, "not_applicable", None)


def test_a_month_beyond_the_table_of_holidays_is_refused_not_guessed() -> None:
    with pytest.raises(Refused) as refused:
        month_of("2999-01")
    assert refused.value.code == "calendar_out_of_range"


def test_a_month_is_provisional_until_its_last_second_is_over() -> None:
    assert march(known_at="2026-03-31T21:59:59Z")["status"] == "provisional"
    assert march(known_at="2026-03-31T22:00:00Z")["status"] == "final"


# --- the switches of the month ---


SUPPLIED_LATE = ("2026-03-01T08:00:00Z", "contract_started", {**CONTRACT, "service_start": "2026-03-16T12:00:00+01:00"})


def test_the_reference_period_runs_only_while_the_service_is_supplied() -> None:
    """Amb-12: from noon of the 16th 8 hours and 11 days are left, and an outage before supply is nobody's."""
    lines = [SUPPLIED_LATE, *outage("2026-03-16T11:00:00+01:00", "2026-03-16T12:30:00+01:00")]
    clipped = march(lines)
    assert (clipped["prt_minutes"], clipped["ti_seconds"]) == (480 + 780 * 11, 1800)
    assert clipped["total_outage_seconds"] == 1800
    whole = march(lines, reading={"prt_month": "whole_month"})
    assert (whole["prt_minutes"], whole["ti_seconds"]) == (17160, 5400)


def test_suspension_and_termination_cut_the_reference_period() -> None:
    lines = [
        ("2026-03-02T09:00:00Z", "contract_suspended", {"effective_from": "2026-03-03T00:00:00+01:00"}),
        ("2026-03-03T09:00:00Z", "contract_resumed", {"effective_from": "2026-03-05T00:00:00+01:00"}),
        ("2026-03-09T09:00:00Z", "contract_terminated", {"effective_from": "2026-03-10T00:00:00+01:00"}),
        *outage("2026-03-04T10:00:00+01:00", "2026-03-05T08:00:00+01:00"),
    ]
    found = told(lines)
    finding = availability(found, Frames(found), "2026-03")
    assert (finding.result["prt_minutes"], finding.result["ti_seconds"]) == (4 * 780, 3600)
    assert {11, 12, 15} <= set(finding.because)  # the bounds of the service period are part of the reason
    assert {"switch": "prt_month", "value": "clipped_to_service"} in finding.workings["switches"]


OVER_TWO_MONTHS = outage("2026-03-31T19:00:00+02:00", "2026-04-01T09:00:00+02:00")


def test_an_outage_over_two_months_is_split_or_belongs_to_the_month_it_began_in() -> None:
    """Amb-14."""
    begun_in = {"month_split": "start_month"}
    split = [month_of(month, OVER_TWO_MONTHS)["ti_seconds"] for month in ("2026-03", "2026-04")]
    whole = [month_of(month, OVER_TWO_MONTHS, reading=begun_in) for month in ("2026-03", "2026-04")]
    assert split == [3600, 7200]
    assert [found["ti_seconds"] for found in whole] == [10800, 0]
    assert [found["total_outage_seconds"] for found in whole] == [14 * 3600, 0]
    assert [found["prt_minutes"] for found in whole] == [17160, 780 * 21]


def test_what_began_in_the_month_and_never_ended_is_cut_to_the_month_or_to_what_is_known() -> None:
    lines, begun_in = outage("2026-03-31T19:00:00+02:00", None), {"month_split": "start_month"}
    assert march(lines, reading=begun_in)["ti_seconds"] == 3600
    assert march(lines, reading=begun_in, known_at="2026-04-01T06:00:00Z")["ti_seconds"] == 7200


def test_an_outage_that_begins_with_the_month_belongs_to_it() -> None:
    lines, begun_in = outage("2026-04-01T00:00:00+02:00", "2026-04-01T08:00:00+02:00"), {"month_split": "start_month"}
    assert month_of("2026-04", lines, reading=begun_in)["ti_seconds"] == 3600
    assert march(lines, reading=begun_in)["ti_seconds"] == 0


def test_an_exclusion_after_the_month_shelters_the_outage_that_began_in_it() -> None:
    shelter = excluded("2026-04-01T07:00:00+02:00", "2026-04-01T08:00:00+02:00", "2026-04-02T00:00:00Z", outage="O1")
    also = outage("2026-04-01T07:30:00+02:00", "2026-04-01T07:45:00+02:00", "O2")  # another cause, of next month
    begun_in = {"month_split": "start_month"}
    assert march(OVER_TWO_MONTHS, shelter, reading=begun_in)["ti_seconds"] == 7200
    assert march(OVER_TWO_MONTHS, shelter, also, reading=begun_in)["ti_seconds"] == 7200 + 900


def test_a_month_may_be_the_contracts_own() -> None:
    """Amb-35: from the 16th to the 16th."""
    lines = [
        ("2026-01-01T08:00:00Z", "contract_started", {**CONTRACT, "service_start": "2026-01-16T00:00:00+01:00"}),
        *outage("2026-03-15T23:59:00+01:00", "2026-03-16T08:00:00+01:00"),
        *outage("2026-04-15T19:00:00+02:00", "2026-04-16T08:00:00+02:00", "O2"),
    ]
    own = {"month_kind": "contract_month"}
    found = march(lines, reading=own)
    assert (found["prt_minutes"], found["ti_seconds"]) == (780 * 22, 3600 + 3600)  # Easter Monday taken out
    assert month_of("2026-02", lines, reading=own)["ti_seconds"] == 0
    assert march(lines)["ti_seconds"] == 3600


def test_a_running_month_is_rated_on_its_whole_reference_period_or_on_the_time_so_far() -> None:
    """Amb-15: by the evening of Tuesday the 3rd two days of 13 hours have passed."""
    lines = outage("2026-03-03T10:00:00+01:00", "2026-03-03T10:10:00+01:00")
    noon = {"known_at": "2026-03-03T19:00:00Z"}
    full, elapsed = march(lines, **noon), march(lines, reading={"prt_basis": "elapsed"}, **noon)
    assert (full["prt_minutes"], full["breach"]) == (17160, False)
    assert (elapsed["prt_minutes"], elapsed["ti_seconds"], elapsed["breach"]) == (1560, 600, True)
    assert elapsed["status"] == "provisional"
    assert march(lines, reading={"prt_basis": "elapsed"})["prt_minutes"] == 17160  # over: the two are one


def test_a_rate_on_the_time_so_far_can_recover_so_it_is_no_breach_yet() -> None:
    lines = outage("2026-03-03T10:00:00+01:00", "2026-03-03T10:10:00+01:00")
    assert register(lines, reading={"prt_basis": "elapsed"}, known_at="2026-03-03T19:00:00Z") == []


def test_an_open_outage_runs_to_what_is_known_or_waits_for_its_end() -> None:
    lines = outage("2026-03-03T10:00:00+01:00", None)
    at_noon = {"known_at": "2026-03-03T11:00:00Z"}
    assert march(lines, **at_noon)["ti_seconds"] == 7200
    assert march(lines)["ti_seconds"] == 10 * 3600 + 780 * 60 * 20  # to the end of the month
    waiting = march(lines, reading={"open_outage": "ignore"}, **at_noon)
    assert (waiting["ti_seconds"], waiting["total_outage_seconds"]) == (0, 0)


def test_an_open_stop_for_maintenance_runs_to_what_is_known_too() -> None:
    lines = blocking("M1", "2026-03-03T10:00:00+01:00", None)
    at_noon = {"known_at": "2026-03-03T11:00:00Z"}
    assert march(lines, **at_noon)["ti_seconds"] == 7200
    assert march(lines, reading={"open_outage": "ignore"}, **at_noon)["ti_seconds"] == 0


TWO = [
    *outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00"),
    *outage("2026-03-03T10:30:00+01:00", "2026-03-03T11:30:00+01:00", "O2", effect="no_login"),
]


def test_a_second_lost_in_two_outages_is_lost_once_unless_they_are_summed() -> None:
    """Amb-10; an exclusion is summed likewise."""
    shelter = excluded("2026-03-03T10:45:00+01:00", "2026-03-03T11:15:00+01:00", "2026-03-04T00:00:00Z")
    union, summed = march(TWO, shelter), march(TWO, shelter, reading={"overlap": "sum"})
    assert (union["gross_unavailable_seconds"], union["excluded_seconds"], union["ti_seconds"]) == (5400, 1800, 3600)
    assert (summed["gross_unavailable_seconds"], summed["excluded_seconds"]) == (7200, 2700)
    assert (summed["ti_seconds"], summed["total_outage_seconds"]) == (4500, 7200)
    assert summed["excluded_by_ground"] == {"customer_equipment": 2700}


def test_a_sum_may_pass_the_reference_period_and_the_rate_is_then_below_zero() -> None:
    whole = [outage("2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", f"O{n}") for n in (1, 2)]
    found = march(*whole, reading={"overlap": "sum"})
    assert (found["ti_seconds"], found["td_percent"], found["breach"]) == (2 * MARCH, "-100.0000", True)
    assert march(*whole)["td_percent"] == "0.0000"


def some(name: str, affected: int, total: int, start: str, end: str) -> list[Any]:
    return outage(start, end, name, effect="partial_users", users_affected=affected, users_total=total)


def test_an_outage_of_some_users_counts_not_at_all_or_whole_or_by_their_share() -> None:
    """Amb-11; where two overlap, the greater share counts."""
    third = some("O1", 1, 3, "2026-03-03T10:00:00+01:00", "2026-03-03T10:10:00+01:00")
    half = some("O2", 5, 10, "2026-03-03T10:05:00+01:00", "2026-03-03T10:15:01+01:00")
    assert march(third, half)["ti_seconds"] == 0
    assert march(third, half, reading={"partial_effect": "any"})["ti_seconds"] == 901
    shared = march(third, half, reading={"partial_effect": "prorata"})
    assert shared["ti_seconds"] == 401  # 300 / 3 + 601 / 2 = 400.5, half up
    exact = workings(third, half, reading={"partial_effect": "prorata"})["sums"]
    assert exact["ti_seconds"] == "801/2"


def test_the_verdict_on_a_share_is_taken_on_the_exact_value() -> None:
    """5148 s are allowed: half a second more is a breach although it prints as 5148 s or 5149 s."""
    start, prorata = "2026-03-03T09:00:00+01:00", {"partial_effect": "prorata"}
    within = some("O1", 1, 2, start, "2026-03-03T11:51:36+01:00")  # 10296 s
    beyond = some("O1", 1, 2, start, "2026-03-03T11:51:37+01:00")
    assert march(within, reading=prorata)["breach"] is False
    assert march(beyond, reading=prorata)["breach"] is True
    assert march(beyond, reading=prorata)["remaining_budget_seconds"] == -1
    (row,) = register(beyond, reading=prorata)
    assert (row["amount"], row["limit"]) == ("10297/2 s", "5148 s")


# --- what nobody may use but no rate measures ---


NIGHT = outage("2026-03-03T19:30:00+01:00", "2026-03-04T00:00:00+01:00")


def test_an_outage_at_night_is_shown_beside_the_rate_and_no_breach_unless_that_is_pleaded() -> None:
    """Amb-08: a stop for maintenance, or what an exclusion explains, is no breach of the opening duty."""
    work = blocking("M1", "2026-03-03T22:00:00+01:00", "2026-03-03T23:00:00+01:00")
    found = march(NIGHT, work)
    assert (found["ti_seconds"], found["total_outage_seconds"]) == (1800, 16200)
    assert found["out_of_prt_outage_seconds"] == 3 * 3600
    assert register(NIGHT, work) == []
    rated = {"night_outage": "breach_of_access"}
    (row,) = register(NIGHT, work, reading=rated)
    assert (row["obligation"], row["clause"], row["what"]) == ("A5.1", "5", "not_open")
    assert (row["amount"], row["limit"], row["period"]) == ("10800 s", "0 s", "2026-03")
    assert row["first_knowable_at"] == "2026-03-03T19:00:01Z"  # open, and 20:00 has passed
    shelter = excluded("2026-03-03T20:00:00+01:00", "2026-03-04T00:00:00+01:00", "2026-03-05T00:00:00Z")
    assert register(NIGHT, work, shelter, reading=rated) == []
    assert march(NIGHT, work, shelter)["out_of_prt_outage_seconds"] == 3 * 3600


# --- the register ---


def test_a_running_outage_is_a_breach_from_the_second_after_the_allowance_is_used_up() -> None:
    """5148 s from 10:00 are used up at 11:25:48; a second later no month can recover."""
    lines = outage("2026-03-03T10:00:00+01:00", "2026-03-03T18:00:00+01:00")
    (row,) = register(lines)
    assert row["first_knowable_at"] == "2026-03-03T10:25:49Z"
    assert register(lines, known_at="2026-03-03T10:25:48Z") == []
    (early,) = register(lines, known_at="2026-03-03T10:25:49Z")
    assert early["first_knowable_at"] == "2026-03-03T10:25:49Z"


def test_a_breach_may_be_known_only_since_its_sources_told_or_since_they_attest_they_knew() -> None:
    start, end = "2026-03-03T10:00:00+01:00", "2026-03-03T12:00:00+01:00"
    late = [
        ("2026-05-01T00:00:00Z", "outage_started", outage(start, end)[0][2], {"attestedat": start}),
        ("2026-05-01T00:00:00Z", "outage_ended", outage(start, end)[1][2], {"attestedat": end}),
    ]
    assert register(late)[0]["first_knowable_at"] == "2026-05-01T00:00:00Z"
    assert register(late, knowledge="attested")[0]["first_knowable_at"] == "2026-03-03T10:25:49Z"


def test_a_breach_is_filed_by_the_last_day_of_its_month() -> None:
    lines = outage("2026-03-03T10:00:00+01:00", "2026-03-03T18:00:00+01:00")
    assert len(register(lines, days=(date(2026, 3, 31), date(2026, 3, 31)))) == 1
    assert register(lines, days=(date(2026, 3, 1), date(2026, 3, 30))) == []
    assert register(lines, days=(date(2026, 4, 1), date(2026, 4, 30))) == []


def test_a_breach_is_told_in_the_last_second_of_its_month() -> None:
    found = told(outage("2026-03-03T10:00:00+01:00", "2026-03-03T18:00:00+01:00"))
    (row,) = breaches(found, Frames(found), *ALL)
    assert row.on == at("2026-03-31T23:59:59+02:00")


def test_a_breach_learnt_within_the_last_second_of_knowledge_is_told_by_the_next() -> None:
    start, end = "2026-03-03T10:00:00+01:00", "2026-03-03T12:00:00+01:00"
    late = [("2026-03-05T09:00:00.5Z", *line[1:]) for line in outage(start, end)]
    (row,) = register(late, known_at="2026-03-05T09:00:00.7Z")
    assert row["first_knowable_at"] == "2026-03-05T09:00:01Z"


def test_an_own_month_of_the_contract_is_filed_by_its_last_day_too() -> None:
    lines = [
        ("2026-01-01T08:00:00Z", "contract_started", {**CONTRACT, "service_start": "2026-01-16T00:00:00+01:00"}),
        *outage("2026-04-03T10:00:00+02:00", "2026-04-03T18:00:00+02:00"),
    ]
    own = {"month_kind": "contract_month"}
    (row,) = register(lines, reading=own, days=(date(2026, 4, 15), date(2026, 4, 15)))
    assert row["period"] == "2026-03"
    assert register(lines, reading=own, days=(date(2026, 4, 16), date(2026, 4, 30))) == []


def test_a_breach_that_only_contested_facts_make_is_told_as_contested() -> None:
    lines = outage("2026-03-03T10:00:00+01:00", "2026-03-03T12:00:00+01:00")
    shelter = excluded("2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00", "2026-03-05T00:00:00Z")
    contested = ("2026-03-06T00:00:00Z", "exclusion_contested", {"exclusion": "X1", "reason": "our router was up"})
    rejected = ("2026-05-06T00:00:00Z", "exclusion_rejected", {"exclusion": "X1", "reason": "no proof"})
    assert register(lines, shelter) == []
    (row,) = register(lines, shelter, contested)
    assert (row["contested"], row["amount"]) == (True, "7200 s")
    assert row["first_knowable_at"] == "2026-03-03T10:25:49Z"  # nothing sheltered it then
    found = march(lines, shelter, contested)
    assert (found["ti_seconds"], found["breach"], found["contested_seconds"]) == (3600, False, 3600)
    assert found["range"] == {
        "td_percent_low": "99.3007", "td_percent_high": "99.6503", "breach_low": True, "breach_high": False,
    }  # fmt: skip
    (certain,) = register(lines, shelter, contested, rejected)
    assert (certain["contested"], certain["amount"]) == (False, "7200 s")


def test_months_are_told_in_order_and_only_those_broken() -> None:
    spring = outage("2026-04-07T10:00:00+02:00", "2026-04-07T12:00:00+02:00", "O2")
    winter = outage("2026-01-06T10:00:00+01:00", "2026-01-06T12:00:00+01:00")
    small = outage("2026-02-03T10:00:00+01:00", "2026-02-03T10:10:00+01:00", "O3")
    assert [row["period"] for row in register(spring, winter, small)] == ["2026-01", "2026-04"]


def test_an_outage_that_never_ended_breaks_every_month_asked_about_and_no_other() -> None:
    lines = outage("2026-03-03T10:00:00+01:00", None)
    rows = register(lines, days=(date(2026, 4, 1), date(2026, 6, 30)))
    assert [row["period"] for row in rows] == ["2026-04", "2026-05", "2026-06"]
    assert rows[0]["first_knowable_at"] == "2026-04-01T06:21:55Z"  # 21 days allow 4914 s


# --- how it is explained ---


def test_the_workings_show_each_stop_from_gross_to_counted_with_the_entries() -> None:
    shelter = excluded("2026-03-03T10:45:00+01:00", "2026-03-03T11:15:00+01:00", "2026-03-04T00:00:00Z")
    shown = workings(TWO, shelter)
    first, second = shown["stops"]
    assert first == {
        "id": "O1", "kind": "outage", "from": "2026-03-03T09:00:00Z", "to": "2026-03-03T10:00:00Z",
        "in_prt_seconds": 3600,
        "excluded": [{"exclusion": "X1", "ground": "customer_equipment", "seconds": 900, "positions": [15]}],
        "excluded_seconds": 900, "share": 1, "counted_seconds": 2700, "contested": False, "why_not": None,
        "positions": [11, 13],
    }  # fmt: skip
    assert (second["counted_seconds"], second["positions"]) == (2700 - 900, [12, 14])
    assert shown["reference"]["working_days"] == 22
    assert shown["formula"].startswith("art. 6: TD = (PRT - TI) / PRT = (1029600 - 3600) / 1029600")
    assert shown["switches"] == [{"switch": "overlap", "value": "union"}]


def test_the_holidays_cut_out_are_named() -> None:
    found = told()
    shown = availability(found, Frames(found), "2026-05").workings["reference"]
    assert shown["holidays"] == ["2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25"]
    assert shown["working_days"] == 17


def test_each_ground_is_told_apart_and_a_second_under_two_is_told_once() -> None:
    lines = outage("2026-03-03T10:00:00+01:00", "2026-03-03T12:00:00+01:00")
    one = excluded("2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00", "2026-03-05T00:00:00Z")
    other = excluded(
        "2026-03-03T10:30:00+01:00", "2026-03-03T11:30:00+01:00", "2026-03-05T00:00:00Z", "X2", ground="force_majeure"
    )
    found = march(lines, one, other)
    assert found["excluded_by_ground"] == {"force_majeure": 3600, "customer_equipment": 1800}
    assert list(found["excluded_by_ground"]) == ["force_majeure", "customer_equipment"]  # the order of article 6
    assert found["excluded_seconds"] == 5400


def test_an_exclusion_that_meets_no_stop_is_no_reason() -> None:
    elsewhere = excluded("2026-03-10T10:00:00+01:00", "2026-03-10T11:00:00+01:00", "2026-03-11T00:00:00Z")
    found = told(TWO, elsewhere)
    finding = availability(found, Frames(found), "2026-03")
    assert finding.because == (11, 12, 13, 14)
    assert finding.workings["exclusions"] == []


def test_the_reasons_are_the_entries_the_month_rests_on_and_no_others() -> None:
    elsewhere = outage("2026-05-05T10:00:00+02:00", "2026-05-05T11:00:00+02:00", "O9")
    other = outage("2026-03-10T10:00:00+01:00", "2026-03-10T11:00:00+01:00", "O8", environment="recette")
    found = told(TWO, other, elsewhere)
    assert availability(found, Frames(found), "2026-03").because == (11, 12, 13, 14)


def test_a_question_through_the_door_gives_the_same_bytes_twice(book: Any, tell: Any) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    for recorded_at, kind, data, _ in outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:25:49+01:00"):
        tell(recorded_at, kind, data)
    asked = [
        ask(book, "availability", contract="C1", month="2026-03", known_at="2026-04-02T00:00:00Z", reading={}).to_json()
        for _ in range(2)
    ]
    assert asked[0] == asked[1]
    assert '"td_percent":"99.4999","breach":true' in asked[0]
