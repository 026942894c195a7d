"""Stories of dossiers nobody types into: their state, their tick, and the months they are billed (article 4)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.workdays import add_months
from projections.dossiers import breaches, dossier_billing, dossier_schedule, dossier_state
from projections.finding import Breach, text
from projections.frame import Frames
from tests.story import CONTRACT, STARTED, at, history

EARLY = ("2019-01-01T08:00:00Z", "contract_started",
         {**CONTRACT, "service_start": "2019-01-01T00:00:00+01:00", "support_start": "2019-01-01"})  # fmt: skip


def activity(on: str, closing: str | None = None, kind: str = "entry", dossier: str = "D1") -> tuple[Any, ...]:
    data = {"dossier": dossier, "kind": kind, "last_entry_date": on, **({"closing_date": closing} if closing else {})}
    return (f"{on}T12:00:00Z", "dossier_activity_recorded", data)


def said(kind: str, at: str, dossier: str = "D1", **data: Any) -> tuple[Any, ...]:
    return (at, f"dossier_{kind}", {"dossier": dossier, "at": at, **data})


def invoiced(month: str, at: str, dossier: str = "D1") -> tuple[Any, ...]:
    return (at, "dossier_invoiced", {"dossier": dossier, "month": month, "at": at})


CLOSED_2019 = activity("2019-12-20", closing="2019-12-31")
TICKED = said("ticked", "2025-10-01T00:00:00+02:00")


def state(*lines: Any, on: date, reading: dict[str, str] | None = None) -> Any:
    told = history(*lines)
    return dossier_state(told, Frames(told, reading), on).result


def schedule(*lines: Any, reading: dict[str, str] | None = None, dossier: str = "D1") -> Any:
    told = history(*lines)
    found = dossier_schedule(told, Frames(told, reading))
    return found.result[dossier], found.workings[dossier]


def billing(*lines: Any, until: date = date(2026, 6, 30), reading: dict[str, str] | None = None, **known: Any) -> Any:
    told = history(*lines, **known)
    return dossier_billing(told, Frames(told, reading), until).result["D1"]


def rows(*lines: Any, first: date = date(2019, 1, 1), last: date = date(2030, 12, 31), **known: Any) -> list[Breach]:
    told = history(*lines, **known)
    return breaches(told, Frames(told), first, last)


# --- A4.1 ---


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2025, 3, 9), None),
        (date(2025, 3, 10), "active"),
        (date(2026, 3, 9), "active"),
        (date(2026, 3, 10), "inactive"),  # 12 months old is not less than 12 months old
        (date(2031, 3, 9), "inactive"),
        (date(2031, 3, 10), "unused"),
    ],
)
def test_a_dossier_is_active_for_less_than_12_months_and_unused_from_6_years_on(on: date, expected: str) -> None:
    assert state(STARTED, activity("2025-03-10"), on=on) == {"D1": expected}


def test_an_import_counts_and_an_opening_balance_does_not() -> None:
    lines = (STARTED, activity("2024-01-10"), activity("2026-01-10", kind="opening_balance"))
    assert state(*lines, on=date(2026, 2, 1)) == {"D1": "inactive"}
    assert state(*lines, activity("2026-01-11", kind="import"), on=date(2026, 2, 1)) == {"D1": "active"}


def test_a_dossier_of_opening_balances_only_has_no_state_and_the_workings_say_why() -> None:
    told = history(STARTED, activity("2026-01-10", kind="opening_balance"))
    found = dossier_state(told, Frames(told), date(2026, 2, 1))
    assert found.result == {"D1": None}
    assert found.workings["D1"]["why"] == "no entry or import is known up to 2026-02-01"


def test_twelve_months_from_29_february_end_on_28_february() -> None:
    assert state(STARTED, activity("2024-02-29"), on=date(2025, 2, 27)) == {"D1": "active"}
    assert state(STARTED, activity("2024-02-29"), on=date(2025, 2, 28)) == {"D1": "inactive"}


def test_the_ordinal_reading_takes_the_sixth_year_begun() -> None:
    line = activity("2020-03-10")
    assert state(STARTED, line, on=date(2025, 3, 10)) == {"D1": "inactive"}
    assert state(STARTED, line, on=date(2025, 3, 10), reading={"dossier_years": "ordinal"}) == {"D1": "unused"}


def test_a_dossier_nobody_knows_is_refused_with_those_known() -> None:
    told = history(STARTED, CLOSED_2019)
    with pytest.raises(Refused, match="no dossier 'D9' is known of contract C1; known: D1") as refused:
        dossier_state(told, Frames(told), date(2026, 1, 1), ("D9",))
    assert refused.value.code == "unknown_id"


def test_a_service_dossier_counts_while_the_contract_is_on_the_service() -> None:
    started = (*STARTED[:2], {**CONTRACT, "services": ["mt-1"]})
    off = ("2026-01-01T00:00:00Z", "service_unassigned", {"service": "mt-1", "effective_from": "2026-01-01T00:00:00Z"})
    later = (*activity("2026-02-01"), {"subject": "service:mt-1"})
    then = (*activity("2025-12-01"), {"subject": "service:mt-1"})
    assert state(started, off, later, on=date(2026, 3, 1)) == {}
    assert state(started, off, then, on=date(2026, 3, 1)) == {"D1": "active"}


# --- A4.2: the dates ---


@pytest.mark.parametrize(
    ("closing", "tick_on", "billing_from", "extended_months"),
    [
        ("2019-12-31", "2025-10-01", "2026-01-01", 0),
        ("2020-01-01", "2026-10-01", "2027-01-01", 11),
        ("2020-01-31", "2026-10-01", "2027-01-01", 11),
        ("2020-02-29", "2026-10-01", "2027-01-01", 10),
        ("2020-11-30", "2026-10-01", "2027-01-01", 1),
        ("2020-12-31", "2026-10-01", "2027-01-01", 0),
    ],
)
def test_billing_begins_on_1_january_after_six_completed_years(
    closing: str, tick_on: str, billing_from: str, extended_months: int
) -> None:
    result, workings = schedule(STARTED, activity("2020-01-02", closing=closing))
    assert result == {"tick_on": tick_on, "untick_until": f"{tick_on[:4]}-12-25", "billing_from": billing_from}
    assert workings["extended_months"] == extended_months
    assert workings["untick_until_at"] == f"{tick_on[:4]}-12-25T23:00:00Z"


def test_the_ordinal_reading_bills_a_year_earlier() -> None:
    result, _ = schedule(STARTED, CLOSED_2019, reading={"dossier_years": "ordinal"})
    assert result == {"tick_on": "2024-10-01", "untick_until": "2024-12-25", "billing_from": "2025-01-01"}


def test_a_reading_adopted_before_the_tick_decides_its_dates() -> None:
    adopted = ("2021-01-01T08:00:00Z", "reading_adopted",
               {"switches": {"dossier_years": "ordinal"}, "reading": "R1",
                "effective_from": "2021-01-01T00:00:00+01:00"})  # fmt: skip
    assert schedule(EARLY, adopted, CLOSED_2019)[0]["billing_from"] == "2025-01-01"


def test_without_a_closing_date_the_years_count_from_the_day_of_typing() -> None:
    assert schedule(STARTED, activity("2019-06-30"))[0]["billing_from"] == "2026-01-01"


def test_the_last_activity_counts_and_an_opening_balance_moves_nothing() -> None:
    lines = (STARTED, CLOSED_2019, activity("2022-02-01", closing="2021-12-31"))
    assert schedule(*lines)[0]["billing_from"] == "2028-01-01"
    balance = activity("2024-01-01", closing="2023-12-31", kind="opening_balance")
    assert schedule(*lines, balance)[0]["billing_from"] == "2028-01-01"


def test_a_dossier_without_activity_has_no_dates() -> None:
    result, workings = schedule(STARTED, TICKED)
    assert set(result.values()) == {None}
    assert workings == {"why": "no entry or import is known"}


@settings(max_examples=60, deadline=None)
@given(closing=st.dates(date(2000, 1, 1), date(2040, 12, 31)))
def test_a_dossier_is_free_for_six_years_and_at_most_twelve_months_more(closing: date) -> None:
    result, _ = schedule(STARTED, activity("2000-01-01", closing=closing.isoformat()))
    billed = date.fromisoformat(result["billing_from"])
    assert (billed.month, billed.day) == (1, 1)
    assert add_months(closing, 72) < billed <= add_months(closing, 72) + timedelta(days=366)


# --- A4.2 and A4.3: the months ---


def test_a_dossier_ticked_on_1_october_is_billed_from_1_january_month_by_month() -> None:
    assert billing(STARTED, CLOSED_2019, TICKED, until=date(2025, 12, 31))["months"] == []
    assert billing(STARTED, CLOSED_2019, TICKED, until=date(2026, 3, 1)) == {
        "billed_from": "2026-01-01", "last_billed_month": None, "months": ["2026-01", "2026-02", "2026-03"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("unticked_at", "last_month"),
    [
        ("2025-12-25T23:59:59+01:00", None),  # to 25 December included
        ("2025-12-26T00:00:00+01:00", "2026-01"),  # after the 25th: the next month is the last
        ("2026-01-24T23:59:59+01:00", "2026-01"),
        ("2026-01-25T00:00:00+01:00", "2026-02"),
        ("2026-03-24T23:59:59+01:00", "2026-03"),
        ("2026-03-24T23:00:00Z", "2026-04"),  # the 25th in Paris
        ("2026-03-31T23:00:00+02:00", "2026-04"),  # summer time
    ],
)
def test_unticking_before_the_25th_stops_with_the_month_and_later_with_the_next(
    unticked_at: str, last_month: str | None
) -> None:
    found = billing(STARTED, CLOSED_2019, TICKED, said("unticked", unticked_at))
    assert found["last_billed_month"] == last_month
    assert found["months"][-1:] == ([last_month] if last_month else [])
    assert (found["billed_from"] is None) is (last_month is None)


@pytest.mark.parametrize(
    ("unticked_at", "last_month"),
    [
        ("2026-03-24T12:00:00+01:00", "2026-04"),
        ("2026-03-26T12:00:00+01:00", "2026-04"),
        ("2026-01-31T12:00:00+01:00", "2026-02"),
    ],
)
def test_day_to_day_stops_a_month_after_the_untick(unticked_at: str, last_month: str) -> None:
    found = billing(STARTED, CLOSED_2019, TICKED, said("unticked", unticked_at), reading={"stop": "day_to_day"})
    assert found["last_billed_month"] == last_month


def test_a_dossier_ticked_late_is_billed_from_its_tick() -> None:
    late = said("ticked", "2026-03-15T10:00:00+01:00")
    assert billing(STARTED, CLOSED_2019, late, until=date(2026, 4, 1)) == {
        "billed_from": "2026-03-15", "last_billed_month": None, "months": ["2026-03", "2026-04"],
    }  # fmt: skip
    assert billing(STARTED, CLOSED_2019)["billed_from"] is None  # never ticked: nothing to bill


def test_a_dossier_long_unused_when_the_service_began_is_ticked_by_default() -> None:
    old = activity("2010-03-01", closing="2009-12-31")
    found = billing(STARTED, old, until=date(2025, 10, 31))
    assert found == {"billed_from": "2025-09-01", "last_billed_month": None, "months": ["2025-09", "2025-10"]}


def test_an_untick_shows_that_the_dossier_was_ticked_by_itself() -> None:
    found = billing(STARTED, CLOSED_2019, said("unticked", "2026-03-25T00:00:00+01:00"))
    assert (found["billed_from"], found["last_billed_month"]) == ("2026-01-01", "2026-04")
    assert billing(STARTED, CLOSED_2019, said("unticked", "2025-12-25T23:59:59+01:00"))["billed_from"] is None
    early = said("unticked", "2025-09-30T10:00:00+02:00")  # nothing was marked yet
    assert billing(STARTED, CLOSED_2019, early)["billed_from"] is None
    again = (early, said("unticked", "2026-01-02T10:00:00+01:00"), said("unticked", "2026-02-02T10:00:00+01:00"))
    assert billing(STARTED, CLOSED_2019, *again)["months"] == ["2026-01"]
    assert billing(STARTED, CLOSED_2019, said("deleted", "2026-03-24T10:00:00+01:00"))["billed_from"] is None


def test_a_dossier_ticked_again_is_billed_again() -> None:
    lines = (TICKED, said("unticked", "2026-01-10T10:00:00+01:00"), said("ticked", "2026-04-02T10:00:00+02:00"))
    assert billing(STARTED, CLOSED_2019, *lines, until=date(2026, 5, 1))["months"] == ["2026-01", "2026-04", "2026-05"]


def test_a_dossier_typed_into_again_is_billed_no_more_from_the_next_month() -> None:
    found = billing(STARTED, CLOSED_2019, TICKED, activity("2026-03-10"))
    assert (found["months"], found["last_billed_month"]) == (["2026-01", "2026-02", "2026-03"], "2026-03")
    assert billing(STARTED, CLOSED_2019, TICKED, activity("2026-03-01"))["last_billed_month"] == "2026-02"


def test_a_service_begun_as_25_december_ended_finds_the_dossier_ticked() -> None:
    begun = (*STARTED[:2], {**CONTRACT, "service_start": "2025-12-26T00:00:00+01:00"})
    before = (*STARTED[:2], {**CONTRACT, "service_start": "2025-12-25T23:59:59+01:00"})
    assert billing(begun, CLOSED_2019)["billed_from"] == "2026-01-01"
    assert billing(before, CLOSED_2019)["billed_from"] is None


def test_a_dossier_deleted_is_billed_no_longer_than_one_unticked() -> None:
    found = billing(STARTED, CLOSED_2019, TICKED, said("deleted", "2026-03-24T10:00:00+01:00"))
    assert found["last_billed_month"] == "2026-03"
    assert billing(STARTED, CLOSED_2019, TICKED, said("deleted", "2025-12-25T10:00:00+01:00"))["billed_from"] is None


def test_nothing_is_billed_after_the_contract_or_while_it_is_suspended() -> None:
    over = ("2026-02-01T08:00:00Z", "contract_terminated", {"effective_from": "2026-03-01T00:00:00+01:00"})
    assert billing(STARTED, CLOSED_2019, TICKED, over)["last_billed_month"] == "2026-02"
    stop = ("2026-02-01T08:00:00Z", "contract_suspended", {"effective_from": "2026-02-01T00:00:00+01:00"})
    resume = ("2026-03-01T08:00:00Z", "contract_resumed", {"effective_from": "2026-03-01T00:00:00+01:00"})
    found = billing(STARTED, CLOSED_2019, TICKED, stop, resume, until=date(2026, 3, 31))
    assert found["months"] == ["2026-01", "2026-03"]


# --- breaches ---


def test_a_month_invoiced_before_billing_begins_is_without_right() -> None:
    row, = rows(STARTED, CLOSED_2019, TICKED, invoiced("2025-12", "2025-12-05T10:00:00+01:00"))  # fmt: skip
    assert (row.obligation, row.what, row.period, row.limit) == (
        "A4.2", "invoiced_without_right", "2025-12", "no month owed yet",
    )  # fmt: skip
    assert text(row.on) == "2025-12-05T09:00:00Z"
    assert row.first_knowable_at == row.on
    assert rows(STARTED, CLOSED_2019, TICKED, invoiced("2026-01", "2026-01-05T10:00:00+01:00")) == []


def test_a_month_invoiced_after_the_last_one_is_provable_once_the_untick_is_known() -> None:
    unticked = ("2026-05-10T09:00:00Z", *said("unticked", "2026-03-24T10:00:00+01:00")[1:])
    row, = rows(STARTED, CLOSED_2019, TICKED, invoiced("2026-04", "2026-04-01T08:00:00+02:00"), unticked)  # fmt: skip
    assert (row.obligation, row.limit) == ("A4.3", "last month owed 2026-03")
    assert row.first_knowable_at == at("2026-05-10T09:00:00Z")
    late = said("unticked", "2026-03-25T10:00:00+01:00")
    assert rows(STARTED, CLOSED_2019, TICKED, invoiced("2026-04", "2026-04-01T08:00:00+02:00"), late) == []


def test_an_invoice_after_several_runs_names_the_last_month_owed() -> None:
    lines = (TICKED, said("unticked", "2026-01-10T10:00:00+01:00"), said("ticked", "2026-04-02T10:00:00+02:00"),
             said("unticked", "2026-05-10T10:00:00+02:00"))  # fmt: skip
    row, = rows(STARTED, CLOSED_2019, *lines, invoiced("2026-06", "2026-06-01T10:00:00+02:00"))  # fmt: skip
    assert (row.obligation, row.limit) == ("A4.3", "last month owed 2026-05")
    row, = rows(STARTED, CLOSED_2019, *lines, invoiced("2026-02", "2026-02-01T10:00:00+01:00"))  # fmt: skip
    assert (row.obligation, row.limit) == ("A4.3", "last month owed 2026-01")


def test_an_invoice_of_a_dossier_without_known_activity_is_not_judged() -> None:
    assert rows(STARTED, invoiced("2026-01", "2026-01-05T10:00:00+01:00")) == []


@pytest.mark.parametrize(
    ("ticks", "amount"),
    [
        ([], "not ticked in time"),
        (["2025-10-02T00:00:00+02:00"], "not ticked in time"),
        (["2025-10-01T23:59:59+02:00"], None),
    ],
)
def test_a_tick_not_done_by_1_october_is_missing_once_25_december_is_over(ticks: list[str], amount: str | None) -> None:
    lines = (EARLY, CLOSED_2019, *(said("ticked", tick) for tick in ticks))
    found = rows(*lines)
    assert [row.amount for row in found] == ([amount] if amount else [])
    for row in found:
        assert (row.obligation, row.what, row.period) == ("A4.2", "tick_notice_missing", "2025-10-01")
        assert (text(row.on), row.first_knowable_at) == ("2025-12-25T22:59:59Z", row.on + 1)


def test_a_customer_not_told_before_25_december_is_missing_too() -> None:
    silent = said("ticked", "2025-10-01T01:00:00+02:00", customer_informed=False)
    assert [row.amount for row in rows(EARLY, CLOSED_2019, silent)] == ["customer not informed"]
    told = said("ticked", "2025-11-01T01:00:00+01:00")
    assert rows(EARLY, CLOSED_2019, silent, told) == []
    late = said("ticked", "2025-12-26T00:00:00+01:00")
    assert len(rows(EARLY, CLOSED_2019, silent, late)) == 1


def test_no_tick_is_owed_for_a_dossier_deleted_before_1_october_was_over() -> None:
    assert rows(EARLY, CLOSED_2019, said("deleted", "2025-10-01T23:59:59+02:00")) == []
    assert len(rows(EARLY, CLOSED_2019, said("deleted", "2025-10-02T00:00:00+02:00"))) == 1


def test_no_tick_is_missing_before_its_time_or_outside_the_service() -> None:
    assert rows(EARLY, CLOSED_2019, known_at="2025-12-25T22:59:59Z") == []
    assert len(rows(EARLY, CLOSED_2019, known_at="2025-12-25T23:00:00Z")) == 1
    assert rows(EARLY, CLOSED_2019, activity("2025-12-25")) == []  # typed into before the day was over
    assert rows((*STARTED[:2], {**CONTRACT, "service_start": "2025-10-02T00:00:00+02:00"}), CLOSED_2019) == []


def test_a_tick_retracted_is_missing_from_its_retraction_on() -> None:
    retracted = ("2026-02-01T10:00:00Z", "retracted", {"target": "t1", "reason": "another dossier"})
    row, = rows(EARLY, CLOSED_2019, (*TICKED, {"id": "t1"}), retracted)  # fmt: skip
    assert row.first_knowable_at == at("2026-02-01T10:00:00Z")


def test_a_booklet_without_dossiers_promises_nothing() -> None:
    told = history(STARTED, CLOSED_2019, invoiced("2025-01", "2025-01-05T10:00:00+01:00"), booklet="always-on")
    frames = Frames(told)
    assert dossier_state(told, frames, date(2026, 1, 1)).result == {"D1": None}
    assert dossier_schedule(told, frames).result["D1"]["tick_on"] is None
    assert dossier_billing(told, frames, date(2026, 1, 1)).result["D1"]["months"] == []
    assert breaches(told, frames, date(2019, 1, 1), date(2030, 1, 1)) == []
