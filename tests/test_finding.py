"""What rules give back: rounding only for display, and the earliest knowledge that proves a breach."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.finding import Breach, ceil_seconds, earliest, percent, spans_text, text
from tests.story import at, instant


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (Fraction(199, 200), "99.5000"),
        (Fraction(1024451, 1029600), "99.4999"),
        (Fraction(1), "100.0000"),
        (Fraction(0), "0.0000"),
        (Fraction(1, 3), "33.3333"),
        (Fraction(2, 3), "66.6667"),
        (Fraction(1999999, 2000000), "100.0000"),  # 99.99995 exactly: half goes up
        (Fraction(19999989, 20000000), "99.9999"),
        (Fraction(-1, 200), "-0.5000"),
    ],
)
def test_a_rate_is_shown_with_four_decimals_half_up(part: Fraction, shown: str) -> None:
    assert percent(part) == shown


def test_knowledge_in_the_middle_of_a_second_is_reached_with_the_next() -> None:
    assert ceil_seconds(instant("2026-03-03T10:00:00Z")) == at("2026-03-03T10:00:00Z")
    assert ceil_seconds(instant("2026-03-03T10:00:00.000001Z")) == at("2026-03-03T10:00:01Z")


def test_instants_are_written_in_utc() -> None:
    assert text(at("2026-03-03T10:00:00+01:00")) == "2026-03-03T09:00:00Z"
    assert spans_text(((0, 60),)) == [["1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"]]


@given(st.integers(1, 500), st.sets(st.integers(1, 500), min_size=1, max_size=8), st.integers(1, 500))
def test_the_earliest_proof_is_the_first_second_it_holds_from_the_first_knowledge_on(
    threshold: int, moments: set[int], upto: int
) -> None:
    found = earliest(lambda known_at: known_at >= threshold, moments, upto)
    naive = next((s for s in range(min(moments), upto + 1) if s >= threshold), None)
    assert found == naive


def test_nothing_is_the_earliest_where_nothing_ever_proved_it() -> None:
    assert earliest(lambda known_at: False, [1, 2, 3], 100) is None


def test_a_breach_is_shown_in_the_order_of_the_register() -> None:
    breach = Breach(obligation="A6.1", clause="6", what="below_minimum", subject="C1", period="2026-03", amount="2 s",
                    limit="1 s", on=0, first_knowable_at=None, because=(3, 1))  # fmt: skip
    assert list(breach.row()) == [
        "obligation", "clause", "what", "subject", "period", "amount", "limit", "first_knowable_at", "because", "contested",
    ]  # fmt: skip
