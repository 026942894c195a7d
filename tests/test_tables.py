"""A hand-written table is read whole and exactly, or refused in one line that says where and what to write."""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction

import pytest
from msgspec import Struct

from ledger.tables import (
    Clock,
    Duration,
    Keep,
    MonthDay,
    Nightly,
    Offset,
    WeekHours,
    Wrong,
    disjoint,
    iso_days,
    keep_of,
    offset_seconds,
    read_table,
    week_of,
)
from ledger.workdays import Hours


class Sample(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rate: Fraction = Fraction(0)
    hour: Clock = "00:00"
    keep: Duration = "1 day"
    on: MonthDay = "01-01"
    offset: Offset = "+00:00"
    night: Nightly | None = None
    week: tuple[WeekHours, ...] = ()


def read(toml: str) -> Sample:
    return read_table(tomllib.loads(toml), Sample)


@pytest.mark.parametrize(
    ("written", "exact"),
    [("99.5", Fraction(199, 2)), ("99.9", Fraction(999, 10)), ("100", Fraction(100)), ("0", Fraction(0))],
)
def test_a_percentage_in_quotes_is_exact(written: str, exact: Fraction) -> None:
    assert read(f'rate = "{written}"').rate == exact


@pytest.mark.parametrize(
    "written", ["100.1", "101", "-1", "99,5", "99.5%", "1e2", "", " 99.5", "1/2", "nan", "99.5\\n", "٩٩"]
)
def test_a_percentage_written_otherwise_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"^rate: "):
        read(f'rate = "{written}"')


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('rate = "99,5"', "rate: '99,5' is not a decimal number in quotes; write \"99.5\""),
        ('rate = "99.5 %"', "rate: '99.5 %' is not a decimal number in quotes; write \"99.5\""),
        ("rate = 99.5", 'rate: 99.5 is a float; write it in quotes, so that it is exact: "99.5"'),
        ("rate = 99", 'rate: 99 is not a decimal number in quotes; write "99"'),
        ("on = 2026-12-25", 'on: 2026-12-25 is a bare date or time; write it in quotes: "2026-12-25"'),
        ("hour = 07:00:00", 'hour: 07:00:00 is a bare date or time; write it in quotes: "07:00:00"'),
        ('hour = "7:00"', "hour: '7:00' is not an hour of the day; write \"07:00\""),
        ('hour = "24:01"', "hour: '24:01' is not an hour of the day; write \"07:00\""),
        ('hour = "07:00\\n"', "hour: '07:00\\n' is not an hour of the day; write \"07:00\""),
        ("hour = 7", "hour: 7 is not an hour of the day; write \"07:00\""),
        ('keep = "7 nights"', "keep: '7 nights' is not a duration; write \"7 days\""),
        ('keep = "0 days"', "keep: '0 days' is not a duration; write \"7 days\""),
        ('on = "02-30"', "on: '02-30' is not a day of the year; write \"12-25\""),
        ('on = "04-31"', "on: '04-31' is not a day of the year; write \"12-25\""),
        ('offset = "1:00"', "offset: '1:00' is not an offset from UTC; write \"+01:00\""),
        ('night = { start = "20:00", end = "20:00" }', "night.end: a night ends when it starts"),
        ('night = { start = "20:00" }', "night.end: missing, and nothing stands in for it"),
        ('night = "20:00"', "night: '20:00' is not a table"),
        ('nigth = "20:00"', "nigth: no such key; did you mean 'night'?"),
        ('night = { strat = "20:00", end = "07:00" }', "night.strat: no such key; did you mean 'start'?"),
        ("week = 5", "week: 5 is not a list"),
        (
            'week = [{ days = ["mon"], start = "09:00", end = "12:00" }, { days = ["mno"], start = "9", end = "9" }]',
            "week[1].days[0]: 'mno' is not one of fri, mon, sat, sun, thu, tue, wed; did you mean 'mon'?",
        ),
        (
            'week = [{ days = ["mon"], start = "09:00", end = "09:00" }]',
            "week[0].end: 09:00 is not after 09:00; write a night as two, to 24:00 and from 00:00",
        ),
        ('week = [{ days = [], start = "09:00", end = "10:00" }]', 'week[0].days: no weekday; write "mon" to "sun"'),
        (
            'week = [{ days = ["mon", "mon"], start = "09:00", end = "10:00" }]',
            "week[0].days: a weekday is written twice",
        ),
        (
            'week = [{ days = ["mon"], start = "09:00", end = "10:00", on_holidays = "yes" }]',
            "week[0].on_holidays: 'yes' is not true or false",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place_and_its_remedy(toml: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        read(toml)
    assert str(refused.value) == said


def test_an_absent_value_is_left_out_not_null() -> None:
    with pytest.raises(ValueError, match=r"^week\[0\]\.days: null says nothing; leave the key out$"):
        read_table({"week": [{"days": None}]}, Sample)


def test_a_key_that_is_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(ValueError, match=r"^zzz: no such key$"):
        read("zzz = 1")


@pytest.mark.parametrize("hour", ["00:00", "07:00", "23:59", "24:00"])
def test_an_hour_of_the_day_goes_from_midnight_to_midnight(hour: str) -> None:
    assert read(f'hour = "{hour}"').hour == hour


@pytest.mark.parametrize("day", ["01-31", "02-29", "04-30", "12-25"])
def test_every_day_a_year_can_have_is_one(day: str) -> None:
    assert read(f'on = "{day}"').on == day


@pytest.mark.parametrize(
    ("duration", "kept"),
    [
        ("7 days", Keep(days=7)),
        ("1 day", Keep(days=1)),
        ("4 weeks", Keep(days=28)),
        ("2 months", Keep(months=2)),
        ("3 years", Keep(months=36)),
    ],
)
def test_a_week_is_seven_days_and_a_year_twelve_months(duration: str, kept: Keep) -> None:
    assert keep_of(duration) == kept


@pytest.mark.parametrize(("offset", "size"), [("+01:00", 3600), ("-05:00", -18000), ("+05:30", 19800), ("+00:00", 0)])
def test_an_offset_is_seconds_east_of_utc(offset: str, size: int) -> None:
    assert offset_seconds(offset) == size


def test_weekdays_are_numbered_as_iso_8601_does_in_order() -> None:
    assert iso_days(("sun", "mon", "fri")) == (1, 5, 7)


def test_a_night_is_two_pieces_of_the_clock_holidays_included() -> None:
    every = (1, 2, 3, 4, 5, 6, 7)
    assert Nightly(start="20:00", end="07:00").week() == (
        Hours(every, "00:00", "07:00", True),
        Hours(every, "20:00", "24:00", True),
    )
    assert Nightly(start="01:00", end="05:00").week() == (Hours(every, "01:00", "05:00", True),)
    assert Nightly(start="20:00", end="00:00").week() == (Hours(every, "20:00", "24:00", True),)


def test_the_hours_of_a_week_become_those_of_the_calendar() -> None:
    written = (WeekHours(days=("fri", "mon"), start="09:00", end="17:00", on_holidays=True),)
    assert week_of(written) == (Hours((1, 5), "09:00", "17:00", True),)


def test_hours_may_touch_but_not_overlap() -> None:
    morning = WeekHours(days=("mon", "tue"), start="09:00", end="12:00")
    disjoint("week", (morning, WeekHours(days=("mon",), start="12:00", end="13:00")))
    disjoint("week", (morning, WeekHours(days=("wed",), start="09:00", end="13:00")))
    with pytest.raises(Wrong, match="tue 09:00-12:00 and 11:59-13:00 overlap"):
        disjoint("week", (WeekHours(days=("tue",), start="11:59", end="13:00"), morning))
