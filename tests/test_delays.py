"""Delays of support: where hours and days of article 12.3 end, and which second is the last in time."""

from __future__ import annotations

from typing import Any

import pytest

from projections.delays import Clock, clock_of
from projections.finding import text
from projections.frame import Frames
from tests.story import STARTED, at, history

MONDAY = at("2026-03-02T10:12:13+01:00")


def clock(*lines: Any, reading: dict[str, str] | None = None) -> Clock:
    book = history(STARTED, *lines, known_at="2026-12-01T00:00:00Z")
    return clock_of(book, Frames(book, reading).at(MONDAY), "open")


@pytest.mark.parametrize(
    ("value", "deadline", "last"),
    [
        ("midnight", "2026-03-10T23:00:00Z", "2026-03-10T22:59:59Z"),  # D-DAYS: 24:00 begins the seventh day
        ("closing", "2026-03-10T16:30:00Z", "2026-03-10T16:30:00Z"),
        ("same_time", "2026-03-10T09:12:13Z", "2026-03-10T09:12:13Z"),  # so many days elapsed are not exceeded
    ],
)
def test_a_delay_in_days_ends_with_its_last_day_and_24_00_is_the_next_amb_20(
    value: str, deadline: str, last: str
) -> None:
    delay = clock(reading={"working_day_end": value}).days(MONDAY, 6)
    assert delay is not None
    assert (text(delay.deadline), text(delay.last)) == (deadline, last)


def test_hours_used_up_at_closing_are_not_exceeded_before_the_next_opening_d_ho() -> None:
    delay = clock().hours(at("2026-01-15T09:30:00+01:00"), 12 * 3600)  # Thursday 6 h, Friday 6 h
    assert delay is not None
    assert (text(delay.deadline), text(delay.last)) == ("2026-01-16T16:00:00Z", "2026-01-19T08:00:00Z")


def test_a_clock_that_stops_for_good_has_no_end_of_a_delay_beyond() -> None:
    over = ("2026-03-02T10:00:00Z", "contract_terminated", {"effective_from": "2026-03-10T22:59:59Z"})
    assert clock(over).days(MONDAY, 6) is None
    assert clock(over).hours(MONDAY, 60 * 3600) is None
    assert clock(over).after(MONDAY, 3600) == MONDAY + 3600
