"""Invoices told as a ledger: due days, quarters, the first one, uses beyond the order, the data pack."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.history import History
from projections.billing import billing_dates, breaches, data_pack, usage_overruns
from projections.frame import Frames
from tests.story import CONTRACT, STARTED, at, history


def codes(instant: str, known: str = "") -> tuple[Any, ...]:
    return (known or instant, "access_codes_communicated", {"at": instant})


def invoice(instant: str, name: str = "F1", **more: Any) -> tuple[Any, ...]:
    return (instant, "invoice_issued", {"invoice": name, "at": instant, **more})


def dates(told: History, count: int = 5, **reading: str) -> Any:
    return billing_dates(told, Frames(told, reading), count).result["dates"]


def early(told: History) -> list[tuple[str, str, str]]:
    found = breaches(told, Frames(told), date(2025, 1, 1), date(2026, 12, 31))
    return [(row.subject, row.amount, row.limit) for row in found]


def test_invoices_fall_due_each_quarter_from_the_local_day_of_the_access_codes() -> None:
    told = history(STARTED, codes("2025-09-09T22:30:00Z"))  # 00:30 of the 10th in Paris
    assert dates(told) == ["2025-09-10", "2025-12-10", "2026-03-10", "2026-06-10", "2026-09-10"]
    assert billing_dates(told, Frames(told), 1).result == {"dates": ["2025-09-10"], "first_invoice": "2025-09-10"}


@pytest.mark.parametrize(
    ("first", "anniversary", "civil"),
    [
        ("2025-11-30", ["2025-11-30", "2026-02-28", "2026-05-30"], ["2025-11-30", "2026-01-01", "2026-04-01"]),
        ("2027-11-30", ["2027-11-30", "2028-02-29", "2028-05-30"], ["2027-11-30", "2028-01-01", "2028-04-01"]),
        ("2028-02-29", ["2028-02-29", "2028-05-29", "2028-08-29"], ["2028-02-29", "2028-04-01", "2028-07-01"]),
        ("2025-10-01", ["2025-10-01", "2026-01-01", "2026-04-01"], ["2025-10-01", "2026-01-01", "2026-04-01"]),
        ("2025-12-31", ["2025-12-31", "2026-03-31", "2026-06-30"], ["2025-12-31", "2026-01-01", "2026-04-01"]),
    ],
)
def test_short_months_clamp_and_civil_quarters_are_those_of_the_year(first: str, anniversary: list[str], civil: list[str]) -> None:
    told = history(STARTED, codes(f"{first}T12:00:00+01:00"))
    assert dates(told, 3) == anniversary
    assert dates(told, 3, billing_quarter="civil") == civil


def test_nothing_falls_due_before_the_codes_nor_from_the_end() -> None:
    assert billing_dates(history(STARTED), Frames(history(STARTED)), 4).result == {"dates": [], "first_invoice": None}
    ended = ("2026-03-01T00:00:00Z", "contract_terminated", {"effective_from": "2026-03-10T00:00:00+01:00"})
    assert dates(history(STARTED, codes("2025-09-10T12:00:00Z"), ended)) == ["2025-09-10", "2025-12-10"]


@pytest.mark.parametrize(
    ("issued", "found"),
    [
        ("2025-09-09T23:59:59+02:00", [("F1", "2025-09-09", "2025-09-10")]),
        ("2025-09-10T00:00:00+02:00", []),  # the same local day, hours before the codes
        ("2025-09-10T12:00:00+02:00", []),
    ],
)
def test_an_invoice_before_the_day_of_the_codes_is_too_early(issued: str, found: Any) -> None:
    assert early(history(STARTED, codes("2025-09-10T12:00:00+02:00"), invoice(issued))) == found


def test_an_invoice_with_no_codes_is_too_early_until_codes_are_known() -> None:
    told = (STARTED, invoice("2025-09-10T12:00:00Z"), codes("2025-09-10T08:00:00Z", known="2025-10-01T00:00:00Z"))
    before = history(*told, known_at="2025-09-30T00:00:00Z")
    assert early(before) == [("F1", "2025-09-10", "no access codes yet")]
    assert breaches(before, Frames(before), date(2025, 9, 1), date(2025, 9, 30))[0].first_knowable_at == at("2025-09-10T12:00:00Z")
    assert early(history(*told)) == []


def test_each_invoice_is_shown_beside_the_due_day_it_is_for() -> None:
    told = history(STARTED, codes("2025-09-10T12:00:00Z"), invoice("2025-09-12T12:00:00Z"),
                   invoice("2025-11-28T12:00:00Z", "F2", period_first="2025-12-10"))  # fmt: skip
    shown = billing_dates(told, Frames(told), 4).workings["invoices"]
    assert [(i["invoice"], i["due_on"], i["days_after_due"]) for i in shown] == [("F1", "2025-09-10", 2), ("F2", "2025-12-10", -12)]


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.sampled_from(["anniversary", "civil"]))
def test_due_days_rise_and_lie_at_most_a_quarter_apart(first: date, quarter: str) -> None:
    told = history(STARTED, codes(f"{first}T12:00:00+00:00"))
    found = [date.fromisoformat(day) for day in dates(told, 9, billing_quarter=quarter)]
    assert found[0] == first
    gaps = [later - earlier for earlier, later in itertools.pairwise(found)]
    assert all(timedelta(0) < gap <= timedelta(days=92) for gap in gaps)
    assert min(gaps[1:]) >= timedelta(days=89)


@pytest.mark.parametrize(("measured", "over"), [(99, []), (100, []), (101, [("users", 1)])])
def test_a_use_is_over_only_above_what_was_ordered(measured: int, over: Any) -> None:
    told = history(STARTED, ("2026-03-02T00:00:00Z", "usage_measured",
                             {"at": "2026-03-02T00:00:00Z", "threshold": "users", "measured": measured, "ordered": 100}))  # fmt: skip
    found = usage_overruns(told, Frames(told), at("2026-03-02T00:00:00Z"))
    assert [(row["threshold"], row["over"]) for row in found.result] == over
    assert usage_overruns(told, Frames(told), at("2026-03-01T23:59:59Z")).result == []


def test_the_latest_measure_of_a_threshold_counts() -> None:
    def measured(instant: str, amount: int) -> tuple[Any, ...]:
        return (instant, "usage_measured", {"at": instant, "threshold": "users", "measured": amount, "ordered": 5})

    told = history(STARTED, measured("2026-03-02T00:00:00Z", 9), measured("2026-03-03T00:00:00Z", 5))
    assert usage_overruns(told, Frames(told), at("2026-03-04T00:00:00Z")).result == []


@pytest.mark.parametrize(("pack", "similar"), [(399, False), (400, True), (401, False), (None, None)])
def test_the_data_pack_has_the_quantity_of_the_main_product(pack: int | None, similar: bool | None) -> None:
    contract = {**CONTRACT, **({} if pack is None else {"data_pack_quantity": pack})}
    told = history(("2025-09-01T08:00:00Z", "contract_started", contract))
    found = data_pack(told, Frames(told), at("2026-03-01T00:00:00Z")).result
    assert found == {"pack": pack, "main": 400, "similar": similar}


def test_a_change_of_users_counts_from_its_instant() -> None:
    change = ("2026-01-01T00:00:00Z", "contract_scope_changed", {"production_named_users": 500, "data_pack_quantity": 500, "effective_from": "2026-03-01T00:00:00Z"})
    told = history(("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "data_pack_quantity": 400}), change)
    at_once, before = at("2026-03-01T00:00:00Z"), at("2026-02-28T23:59:59Z")
    assert [data_pack(told, Frames(told), when).result["main"] for when in (before, at_once)] == [400, 500]


def test_in_arrears_an_invoice_falls_due_after_its_period(tmp_path: Path) -> None:
    shipped = (Path(ledger.__file__).parent / "booklets" / "cegid-expert.toml").read_text()
    booklet = tmp_path / "arrears.toml"
    booklet.write_text(shipped.replace("in_advance = true", "in_advance = false"))
    told = history(STARTED, codes("2025-11-30T12:00:00Z"), booklet=str(booklet))
    assert dates(told, 3) == ["2026-02-28", "2026-05-30", "2026-08-30"]
    assert dates(told, 2, billing_quarter="civil") == ["2026-01-01", "2026-04-01"]


def test_a_booklet_that_bills_nothing_gives_null() -> None:
    from ledger.terms import load_booklet

    terms = load_booklet("always-on").terms
    started = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "terms": "always-on"})
    told = history(started, codes("2025-09-10T12:00:00Z"), invoice("2025-09-01T12:00:00Z"), booklet="always-on")
    assert (billing_dates(told, Frames(told), 2).result is None) == (terms.billing is None)
    assert (data_pack(told, Frames(told), at("2026-01-01T00:00:00Z")).result is None) == (terms.data_pack is None)
    assert terms.billing is not None or early(told) == []
