"""The engine of working time against a slow oracle that knows nothing but plain datetimes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.spans import Instant, Span, Spans, length, moment, seconds, union
from ledger.workdays import Calendar, Hours, Week, load_calendar
from ledger.zones import rules

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
SUPPORT = (  # 12.2
    Hours((1, 2, 3, 4), "09:00", "12:30"),
    Hours((1, 2, 3, 4), "14:30", "17:30"),
    Hours((5,), "09:00", "12:30"),
    Hours((5,), "14:30", "17:00"),
)
PARIS = load_calendar("fr").calendar("fr_metro")
DAY = 86_400


def utc(text: str) -> Instant:
    return seconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


# --- the oracle: is this second open? ---


def is_open(calendar: Calendar, week: Week, at: Instant) -> bool:
    """One second, by plain datetimes and nothing else of the engine."""
    if any(start <= at < end for start, end in calendar.openings):
        return True
    if any(start <= at < end for start, end in calendar.closings):
        return False
    local = moment(at).astimezone(rules(calendar.zone))
    clock = f"{local:%H:%M}"
    return any(
        local.isoweekday() in hours.days
        and hours.start <= clock < hours.end
        and (hours.on_holidays or local.date() not in calendar.holidays)
        for hours in week
    )


def open_by_oracle(calendar: Calendar, week: Week, within: Span, step: int) -> Spans:
    return union((at, at + step) for at in range(*within, step) if is_open(calendar, week, at))


CHANGES = [  # a zone and the start of a UTC day around which its clock may change
    ("Europe/Paris", "2025-03-30"), ("Europe/Paris", "2025-10-26"), ("Europe/Paris", "2026-05-13"),
    ("America/New_York", "2026-03-08"), ("America/New_York", "2026-11-01"), ("Asia/Kolkata", "2026-03-29"),
    ("Australia/Lord_Howe", "2026-04-05"), ("Australia/Lord_Howe", "2026-10-04"), ("UTC", "2025-12-31"),
    ("America/Sao_Paulo", "2018-11-04"), ("America/St_Johns", "2006-10-29"), ("Pacific/Apia", "2011-12-30"),
]  # fmt: skip

clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59])) | st.just("24:00")
segments = st.builds(
    lambda days, times, on_holidays: Hours(tuple(sorted(days)), *sorted(times), on_holidays),
    st.sets(st.integers(1, 7), min_size=1),
    st.sets(clocks, min_size=2, max_size=2),
    st.booleans(),
)
weeks = st.lists(segments, min_size=1, max_size=4).map(tuple)


@st.composite
def places(draw: st.DrawFn) -> tuple[Calendar, Instant]:
    """A calendar with holidays and exceptions around a day, and an instant of that day, on a whole minute."""
    zone, day = draw(st.sampled_from(CHANGES))
    middle = date.fromisoformat(day)
    start = utc(day)
    minutes = st.integers(-3 * 1440, 3 * 1440).map(lambda minute: start + minute * 60)
    exceptions = st.lists(st.tuples(minutes, minutes), max_size=2).map(union)
    days_off = draw(st.sets(st.integers(-3, 3), max_size=2))
    held = frozenset(middle + timedelta(days=n) for n in days_off)
    return Calendar(zone, held, closings=draw(exceptions), openings=draw(exceptions)), draw(minutes)


@settings(max_examples=60, deadline=None)
@given(places(), weeks, st.integers(1, 2 * 1440))
def test_opening_is_what_the_oracle_sees_minute_by_minute(
    place: tuple[Calendar, Instant], week: Week, minutes: int
) -> None:
    calendar, start = place
    within = (start, start + minutes * 60)
    seen = open_by_oracle(calendar, week, within, 60)
    assert calendar.opening(week, within) == seen
    assert calendar.working_seconds(week, *within) == length(seen)


@settings(max_examples=60, deadline=None)
@given(places(), weeks, st.integers(0, 20 * 3600))
def test_a_deadline_is_the_first_instant_by_which_the_seconds_have_elapsed(
    place: tuple[Calendar, Instant], week: Week, wanted: int
) -> None:
    calendar, start = place
    found = calendar.deadline(week, start, wanted)
    assert calendar.working_seconds(week, start, found) == wanted
    assert found == start if not wanted else calendar.working_seconds(week, start, found - 1) == wanted - 1


@settings(max_examples=25, deadline=None)
@given(places(), weeks, st.integers(0, 300))
def test_a_deadline_is_where_the_oracle_stops_counting(
    place: tuple[Calendar, Instant], week: Week, minutes: int
) -> None:
    calendar, at = place
    found, left = calendar.deadline(week, at, minutes * 60), minutes
    limit = at + 3 * DAY
    while left and at < limit:
        left -= is_open(calendar, week, at)
        at += 60
    assert found == at if not left else found > limit


@settings(deadline=None)
@given(places(), weeks, st.lists(st.integers(-3 * DAY, 3 * DAY), min_size=3, max_size=3).map(sorted))
def test_cutting_the_time_asked_about_changes_no_second(
    place: tuple[Calendar, Instant], week: Week, cuts: list[int]
) -> None:
    calendar, middle = place
    start, cut, end = (middle + away for away in cuts)
    parts = calendar.opening(week, (start, cut)), calendar.opening(week, (cut, end))
    assert union(*parts) == calendar.opening(week, (start, end))


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_hours_that_tile_the_wall_clock_tile_time(zone: str, day: str) -> None:
    calendar = Calendar(zone, frozenset())
    within = (utc(day) - 3 * DAY, utc(day) + 3 * DAY)
    cuts = ["00:00", "00:01", "01:15", "02:00", "02:30", "03:00", "23:00", "24:00"]
    parts = [calendar.opening((Hours(EVERY_DAY, a, b),), within) for a, b in pairwise(cuts)]
    assert union(*parts) == (within,)
    assert sum(map(length, parts)) == 6 * DAY


@pytest.mark.parametrize("first", ["2025-03-27", "2025-10-23"])
def test_support_hours_second_by_second_over_a_clock_change(first: str) -> None:
    day = date.fromisoformat(first)  # a Thursday, to the Monday after the change
    week = (*SUPPORT, Hours((7,), "01:30", "03:30"))
    within = (PARIS.at(day) + 7, PARIS.at(day + timedelta(days=4), "09:10"))
    assert PARIS.opening(week, within) == open_by_oracle(PARIS, week, within, 1)
