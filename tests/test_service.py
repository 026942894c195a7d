"""Service reviews told as a ledger: held, waived, missing, pending, and the months that are owed none."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.history import History
from projections.frame import Frames
from projections.service import breaches, service_reviews
from tests.story import CONTRACT, STARTED, at, history

MID_MONTH = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "service_start": "2025-09-10T00:00:00+02:00"})


def held(instant: str, known: str = "") -> tuple[Any, ...]:
    return (known or instant, "service_review_held", {"at": instant})


def waived(month: str, known: str) -> tuple[Any, ...]:
    return (known, "service_review_waived", {"month": month, "reference": "letter 12"})


def reviews(told: History, first: str, last: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = service_reviews(told, Frames(told), first, last).result
    return {state: months for state, months in found.items() if months}


def rows(told: History, first: date, last: date) -> list[tuple[str, str]]:
    return [(row.what, row.period) for row in breaches(told, Frames(told), first, last)]


@pytest.mark.parametrize(
    ("instant", "state"),
    [
        ("2026-02-28T23:59:59+01:00", "missing"),
        ("2026-03-01T00:00:00+01:00", "held"),
        ("2026-03-31T23:59:59+02:00", "held"),
        ("2026-04-01T00:00:00+02:00", "missing"),
    ],
)
def test_a_review_belongs_to_the_local_month_it_was_held_in(instant: str, state: str) -> None:
    assert reviews(history(STARTED, held(instant)), "2026-03", "2026-03") == {state: ["2026-03"]}


def test_a_written_waiver_stands_for_the_month_it_names_even_when_told_later() -> None:
    told = (STARTED, waived("2026-03", "2026-05-02T00:00:00Z"))
    assert reviews(history(*told), "2026-03", "2026-04") == {"waived": ["2026-03"], "missing": ["2026-04"]}
    assert reviews(history(*told, known_at="2026-05-01T00:00:00Z"), "2026-03", "2026-03") == {"missing": ["2026-03"]}


@pytest.mark.parametrize(
    ("known_at", "state"), [("2026-03-31T21:59:59Z", "pending"), ("2026-03-31T22:00:00Z", "missing")]
)
def test_a_month_is_missing_once_it_is_over(known_at: str, state: str) -> None:
    told = history(STARTED, known_at=known_at)
    assert reviews(told, "2026-03", "2026-03") == {state: ["2026-03"]}
    assert rows(told, date(2026, 3, 1), date(2026, 3, 31)) == ([("review_missing", "2026-03")] if state == "missing" else [])


def test_a_month_not_wholly_in_service_is_owed_none_and_shows_one_held() -> None:
    ended = ("2025-12-15T00:00:00Z", "contract_terminated", {"effective_from": "2025-12-15T00:00:00Z"})
    told = history(MID_MONTH, held("2025-12-03T10:00:00Z"), ended)
    assert reviews(told, "2025-08", "2026-01") == {"held": ["2025-12"], "missing": ["2025-10", "2025-11"]}


def test_a_suspension_of_one_second_takes_its_month_out() -> None:
    off = ("2025-11-05T00:00:00Z", "contract_suspended", {"effective_from": "2025-11-05T00:00:00Z"})
    on = ("2025-11-06T00:00:00Z", "contract_resumed", {"effective_from": "2025-11-05T00:00:01Z"})
    assert reviews(history(STARTED, off, on), "2025-10", "2025-12") == {"missing": ["2025-10", "2025-12"]}


def test_a_row_is_filed_at_the_last_second_of_its_month_and_provable_when_it_is_over() -> None:
    told = history(STARTED)
    (row,) = breaches(told, Frames(told), date(2026, 3, 31), date(2026, 4, 29))
    assert (row.obligation, row.clause, row.amount, row.limit) == ("A3.2", "3", "0 reviews", "1 reviews")
    assert row.on == at("2026-03-31T21:59:59Z")
    assert row.first_knowable_at == at("2026-03-31T22:00:00Z")
    assert rows(told, date(2026, 3, 1), date(2026, 3, 30)) == []


def test_a_review_retracted_later_was_provable_missing_only_then() -> None:
    gone = ("2026-04-20T00:00:00Z", "retracted", {"target": "r1", "reason": "another customer's"})
    told = history(STARTED, (*held("2026-03-10T10:00:00Z"), {"id": "r1"}), gone)
    (row,) = breaches(told, Frames(told), date(2026, 3, 1), date(2026, 3, 31))
    assert row.first_knowable_at == at("2026-04-20T00:00:00Z")


def test_a_booklet_without_reviews_owes_none() -> None:
    from ledger.terms import load_booklet

    promised = load_booklet("always-on").terms.reviews
    started = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "terms": "always-on"})
    found = reviews(history(started, booklet="always-on"), "2026-01", "2026-01")
    assert (promised is None) == (found == {})
