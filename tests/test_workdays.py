"""Working time of the contract, and of other zones, week by week and day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.spans import FOREVER, NEVER, Instant, difference, intersection, length, seconds, union
from ledger.workdays import (
    Calendar,
    Hours,
    Week,
    add_months,
    end_of_days_after,
    french_holidays,
    iso_month,
    iso_month_label,
    iso_week,
    iso_week_label,
    load_calendar,
    seconds_of_day,
)
from ledger.zones import rules

MON_FRI = (1, 2, 3, 4, 5)
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
PRT = (Hours(MON_FRI, "07:00", "20:00"),)
SUPPORT = (  # 12.2
    Hours((1, 2, 3, 4), "09:00", "12:30"),
    Hours((1, 2, 3, 4), "14:30", "17:30"),
    Hours((5,), "09:00", "12:30"),
    Hours((5,), "14:30", "17:00"),
)
PRIVATE = (Hours((1, 2, 3, 4), "09:00", "18:00"), Hours((5,), "09:00", "17:00"))  # 12.10
ALWAYS_OPEN = (Hours(EVERY_DAY, "00:00", "24:00", on_holidays=True),)
FR = load_calendar("fr")
PARIS = FR.calendar("fr_metro")
DAY = 86_400


def utc(text: str) -> Instant:
    return seconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def paris(text: str) -> Instant:
    """An instant as a Paris clock shows it, by plain datetimes."""
    return seconds(datetime.fromisoformat(text).replace(tzinfo=rules("Europe/Paris")))


def refusal(call: object, *args: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as refused:
        call(*args)
    assert "\n" not in refused.value.message
    return refused.value.code


# --- the contract's own hours ---


@pytest.mark.parametrize("year", [2024, 2025, 2026, 2027])
def test_prt_of_a_month_is_780_minutes_a_working_day(year: int) -> None:
    for month in range(1, 13):
        first = date(year, month, 1)
        days = [first + timedelta(days=n) for n in range(31) if (first + timedelta(days=n)).month == month]
        working = [day for day in days if day.weekday() < 5 and day not in french_holidays(year)]
        opened = PARIS.opening(PRT, PARIS.month(year, month))
        assert length(opened) == 780 * 60 * len(working)
        assert [PARIS.local_date(start) for start, _ in opened] == working
        assert [day for day in days if PARIS.is_working_day(day)] == working


@pytest.mark.parametrize(("month", "working"), [((2026, 2), 20), ((2026, 3), 22), ((2026, 5), 17), ((2024, 5), 19)])
def test_known_months_have_their_known_working_days(month: tuple[int, int], working: int) -> None:
    assert PARIS.working_seconds(PRT, *PARIS.month(*month)) == working * 780 * 60


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_maintenance_window_is_exactly_the_rest_of_the_time(year: int) -> None:
    """Article 5: every night, and the whole of Saturdays, Sundays and holidays (D-WIN)."""
    whole = PARIS.day(date(year, 1, 1), date(year, 12, 31))
    nights = [night for _, night in PARIS.nights(date(year - 1, 12, 31), date(year, 12, 31))]
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    free = [PARIS.day(day) for day in days if day.weekday() >= 5 or day in french_holidays(year)]
    window = intersection(union(nights, free), (whole,))
    opened = PARIS.opening(PRT, whole)
    assert intersection(window, opened) == NEVER
    assert union(window, opened) == (whole,)
    assert window == difference((whole,), opened)


@pytest.mark.parametrize(
    ("evening", "hours"),
    [
        ("2025-03-28", 11), ("2025-03-29", 10), ("2025-03-30", 11), ("2025-10-24", 11), ("2025-10-25", 12),
        ("2025-10-26", 11), ("2026-03-28", 10), ("2026-10-24", 12), ("2026-07-13", 11),
    ],
)  # fmt: skip
def test_a_night_has_eleven_hours_but_ten_or_twelve_when_the_clocks_change(evening: str, hours: int) -> None:
    day = date.fromisoformat(evening)
    ((named, (start, end)),) = PARIS.nights(day, day)
    assert named == day
    assert start == paris(f"{evening}T20:00:00")
    assert end == paris(f"{day + timedelta(days=1)}T07:00:00")
    assert end - start == hours * 3600


def test_nights_are_named_by_their_evening_and_may_end_on_the_same_day() -> None:
    named = PARIS.nights(date(2026, 2, 27), date(2026, 3, 2))
    assert [f"{day}" for day, _ in named] == ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
    ((_, early),) = PARIS.nights(date(2026, 3, 2), date(2026, 3, 2), "01:00", "05:00")
    assert early == (paris("2026-03-02T01:00:00"), paris("2026-03-02T05:00:00"))
    ((_, late),) = PARIS.nights(date(2026, 3, 2), date(2026, 3, 2), "22:00", "24:00")
    assert late == (paris("2026-03-02T22:00:00"), paris("2026-03-03T00:00:00"))
    ((_, round_the_clock),) = PARIS.nights(date(2026, 3, 2), date(2026, 3, 2), "20:00", "20:00")
    assert round_the_clock == (paris("2026-03-02T20:00:00"), paris("2026-03-03T20:00:00"))
    assert refusal(PARIS.nights, date(2026, 3, 2), date(2026, 3, 1)) == "bad_parameter"


def test_support_days_have_the_contracts_hours() -> None:
    def day_of(week: Week, day: int) -> float:
        return PARIS.working_seconds(week, *PARIS.day(date(2026, 3, day))) / 3600

    assert [day_of(SUPPORT, day) for day in range(2, 9)] == [6.5, 6.5, 6.5, 6.5, 6, 0, 0]
    assert [day_of(PRIVATE, day) for day in range(2, 9)] == [9, 9, 9, 9, 8, 0, 0]


def test_the_lunch_break_and_the_edges_of_the_day_are_closed() -> None:
    day = PARIS.day(date(2026, 3, 3))
    assert PARIS.opening(SUPPORT, day) == (
        (paris("2026-03-03T09:00:00"), paris("2026-03-03T12:30:00")),
        (paris("2026-03-03T14:30:00"), paris("2026-03-03T17:30:00")),
    )
    lunch = paris("2026-03-03T12:30:00"), paris("2026-03-03T14:30:00")
    assert PARIS.working_seconds(SUPPORT, *lunch) == 0
    assert PARIS.working_seconds(SUPPORT, lunch[0] - 1, lunch[1] + 1) == 2


def test_four_hours_used_up_on_friday_at_closing_are_met_until_monday_morning() -> None:
    """D-HO: the limit reached Friday 17:00:00 is met Monday 09:00:00 and missed at 09:00:01."""
    start = paris("2026-03-06T10:30:00")
    assert PARIS.deadline(SUPPORT, start, 4 * 3600 + 1800) == paris("2026-03-06T17:00:00")
    assert PARIS.working_seconds(SUPPORT, start, paris("2026-03-06T17:00:00")) == 4 * 3600 + 1800
    assert PARIS.working_seconds(SUPPORT, start, paris("2026-03-09T09:00:00")) == 4 * 3600 + 1800
    assert PARIS.working_seconds(SUPPORT, start, paris("2026-03-09T09:00:01")) == 4 * 3600 + 1801
    assert PARIS.deadline(SUPPORT, start, 4 * 3600 + 1801) == paris("2026-03-09T09:00:01")


def test_a_delay_that_starts_outside_the_hours_runs_from_the_next_opening() -> None:
    friday_night = paris("2026-04-03T21:00:00")
    assert PARIS.deadline(SUPPORT, friday_night, 1) == paris("2026-04-07T09:00:01")  # Easter Monday between
    assert PARIS.deadline(SUPPORT, friday_night, 0) == friday_night
    assert PARIS.deadline(SUPPORT, paris("2026-03-03T13:00:00"), 3600) == paris("2026-03-03T15:30:00")


def test_a_delay_of_a_whole_year_of_hours_is_found_too() -> None:
    start = paris("2026-01-01T00:00:00")
    year = PARIS.working_seconds(PRT, start, paris("2027-01-01T00:00:00"))
    assert PARIS.deadline(PRT, start, year) == paris("2026-12-31T20:00:00")


def test_a_month_runs_between_paris_midnights_and_a_day_has_23_24_or_25_hours() -> None:
    assert PARIS.month(2026, 3) == (utc("2026-02-28T23:00:00"), utc("2026-03-31T22:00:00"))
    assert PARIS.month(2026, 12) == (paris("2026-12-01T00:00:00"), paris("2027-01-01T00:00:00"))
    hours = {day: PARIS.day(date.fromisoformat(day)) for day in ("2026-03-29", "2026-03-30", "2026-10-25")}
    assert [(end - start) / 3600 for start, end in hours.values()] == [23, 24, 25]
    assert PARIS.day(date(2026, 3, 1), date(2026, 3, 31)) == PARIS.month(2026, 3)
    assert refusal(PARIS.day, date(2026, 3, 2), date(2026, 3, 1)) == "bad_parameter"


def test_the_clock_on_the_wall_gains_and_loses_the_hour_that_time_does_not() -> None:
    before, after = paris("2026-03-28T12:00:00"), paris("2026-03-29T12:00:00")
    assert after - before == 23 * 3600
    assert PARIS.wall_seconds(after) - PARIS.wall_seconds(before) == 24 * 3600
    assert PARIS.local(after).isoformat() == "2026-03-29T12:00:00+02:00"


def test_an_instant_belongs_to_the_date_of_its_zone() -> None:
    at = utc("2026-03-31T22:00:00")
    assert PARIS.local_date(at - 1) == date(2026, 3, 31)
    assert PARIS.local_date(at) == date(2026, 4, 1)
    assert Calendar("America/New_York", frozenset()).local_date(at) == date(2026, 3, 31)
    assert Calendar("Asia/Kolkata", frozenset()).local_date(utc("2026-03-31T18:30:00")) == date(2026, 4, 1)


def test_a_time_is_found_on_its_day_before_and_after_the_change_of_clocks() -> None:
    assert PARIS.at(date(2026, 3, 28), "24:00") == PARIS.at(date(2026, 3, 29)) == utc("2026-03-28T23:00:00")
    assert PARIS.at(date(2026, 3, 29), "02:30") == utc("2026-03-29T01:00:00")
    assert PARIS.at(date(2026, 10, 25), "02:30") == utc("2026-10-25T00:30:00")
    assert PARIS.at(date(2026, 10, 25), "02:30", fold=1) == utc("2026-10-25T01:30:00")


# --- holidays and exceptions ---


def test_holidays_close_the_hours_that_do_not_hold_on_them() -> None:
    easter_monday = PARIS.day(date(2026, 4, 6))
    assert PARIS.is_holiday(date(2026, 4, 6))
    assert not PARIS.is_working_day(date(2026, 4, 6))
    assert PARIS.opening(PRT, easter_monday) == NEVER
    assert PARIS.opening(ALWAYS_OPEN, easter_monday) == (easter_monday,)
    assert PARIS.opening((*PRT, Hours((1,), "10:00", "11:00", on_holidays=True)), easter_monday) == (
        (paris("2026-04-06T10:00:00"), paris("2026-04-06T11:00:00")),
    )


def test_good_friday_is_a_holiday_only_in_alsace_and_moselle() -> None:
    strasbourg = FR.calendar("fr_alsace_moselle")
    assert PARIS.is_working_day(date(2026, 4, 3))
    assert not strasbourg.is_working_day(date(2026, 4, 3))
    assert strasbourg != PARIS


def test_the_nth_working_day_skips_weekends_and_holidays_and_not_the_day_itself() -> None:
    assert PARIS.add_working_days(date(2026, 4, 2), 0) == date(2026, 4, 2)
    assert PARIS.add_working_days(date(2026, 4, 2), 1) == date(2026, 4, 3)
    assert PARIS.add_working_days(date(2026, 4, 2), 2) == date(2026, 4, 7)
    assert PARIS.add_working_days(date(2026, 4, 4), 1) == date(2026, 4, 7)
    assert PARIS.add_working_days(date(2026, 4, 30), 6) == date(2026, 5, 12)  # 1 and 8 May


def test_working_days_are_those_of_the_provider() -> None:
    sunday_to_thursday = Calendar("Asia/Riyadh", frozenset(), working_days=(7, 1, 2, 3, 4))
    assert [sunday_to_thursday.is_working_day(date(2026, 3, day)) for day in (5, 6, 7, 8)] == [True, False, False, True]
    for days in ((), (0,), (8,)):
        with pytest.raises(ValueError, match="numbered 1"):
            Calendar("UTC", frozenset(), working_days=days)


def test_exceptions_are_cut_out_and_then_added() -> None:
    closed = paris("2026-03-03T08:00:00"), paris("2026-03-03T18:00:00")
    opened = paris("2026-03-03T10:00:00"), paris("2026-03-03T11:00:00")
    night = paris("2026-03-03T22:00:00"), paris("2026-03-03T23:00:00")
    calendar = FR.calendar("fr_metro", closings=(closed,), openings=(opened, night))
    assert calendar.opening(PRT, PARIS.day(date(2026, 3, 3))) == (
        (paris("2026-03-03T07:00:00"), closed[0]),
        opened,
        (closed[1], paris("2026-03-03T20:00:00")),
        night,
    )
    assert calendar.opening(PRT, (night[0] + 60, night[1] - 60)) == ((night[0] + 60, night[1] - 60),)
    assert calendar.opening((), PARIS.day(date(2026, 3, 3))) == (opened, night)


# --- the reach of a table ---


def test_what_the_table_does_not_reach_is_refused_and_its_last_day_is_not() -> None:
    calendar = Calendar("Europe/Paris", frozenset({date(2026, 1, 1)}), date(2026, 1, 1), date(2026, 12, 31))
    year = calendar.day(date(2026, 1, 1), date(2026, 12, 31))
    assert calendar.working_seconds(PRT, *year) == 260 * 780 * 60
    assert calendar.is_holiday(date(2026, 1, 1))
    assert calendar.is_working_day(date(2026, 12, 31))
    for day in (date(2025, 12, 31), date(2027, 1, 1)):
        assert refusal(calendar.is_holiday, day) == "calendar_out_of_range"
        assert refusal(calendar.is_working_day, day) == "calendar_out_of_range"
    assert refusal(calendar.opening, PRT, (year[0] - 1, year[1])) == "calendar_out_of_range"
    assert refusal(calendar.opening, PRT, (year[0], year[1] + 1)) == "calendar_out_of_range"
    assert refusal(calendar.working_seconds, SUPPORT, year[1], year[1] + 1) == "calendar_out_of_range"
    assert refusal(calendar.add_working_days, date(2026, 12, 31), 1) == "calendar_out_of_range"


def test_what_no_holiday_changes_needs_no_table() -> None:
    calendar = Calendar("Europe/Paris", frozenset(), date(2026, 1, 1), date(2026, 1, 1))
    beyond = calendar.day(date(2030, 3, 1), date(2030, 3, 31))
    assert calendar.opening(ALWAYS_OPEN, beyond) == (beyond,)
    assert calendar.deadline(ALWAYS_OPEN, beyond[0], 3600) == beyond[0] + 3600
    assert calendar.nights(date(2030, 3, 1), date(2030, 3, 1))[0][0] == date(2030, 3, 1)
    assert calendar.opening(PRT, (beyond[1], beyond[0])) == NEVER


def test_a_delay_may_end_with_the_table_but_not_after_it() -> None:
    calendar = Calendar("Europe/Paris", frozenset(), date(2026, 1, 1), date(2026, 12, 31))
    start = paris("2026-12-31T19:00:00")
    assert calendar.deadline(PRT, start, 3600) == paris("2026-12-31T20:00:00")
    assert refusal(calendar.deadline, PRT, start, 3601) == "calendar_out_of_range"
    assert refusal(calendar.deadline, PRT, utc("2025-12-01T00:00:00"), 1) == "calendar_out_of_range"
    assert refusal(calendar.deadline, PRT, utc("2027-06-01T00:00:00"), 1) == "calendar_out_of_range"


def test_a_delay_that_no_hour_will_ever_end_is_refused() -> None:
    never = Calendar("UTC", frozenset())
    assert refusal(never.deadline, (), 0, 1) == "calendar_out_of_range"
    closed = Calendar("UTC", frozenset(), closings=((DAY, FOREVER),))
    assert closed.deadline(ALWAYS_OPEN, 0, DAY) == DAY
    with pytest.raises(AssertionError):
        never.deadline(ALWAYS_OPEN, 0, -1)


def test_days_that_no_date_names_are_refused() -> None:
    assert refusal(PARIS.local_date, 10**15) == "calendar_out_of_range"
    assert refusal(Calendar("America/New_York", frozenset()).day, date.max) == "calendar_out_of_range"
    assert refusal(add_months, date(9999, 12, 1), 1) == "calendar_out_of_range"
    assert refusal(end_of_days_after, PARIS, 0, 10**7) == "calendar_out_of_range"


# --- other zones ---


def test_round_the_clock_in_utc_is_one_span_over_years() -> None:
    calendar = Calendar("UTC", frozenset())
    within = (utc("2019-12-31T23:59:59"), utc("2027-01-01T00:00:01"))
    assert calendar.opening(ALWAYS_OPEN, within) == (within,)
    assert calendar.deadline(ALWAYS_OPEN, within[0], 10**8) == within[0] + 10**8


@pytest.mark.parametrize(
    ("zone", "day", "nine"),
    [
        ("America/New_York", "2026-03-06", "2026-03-06T14:00:00"),
        ("America/New_York", "2026-03-09", "2026-03-09T13:00:00"),
        ("Asia/Kolkata", "2026-03-09", "2026-03-09T03:30:00"),
        ("Australia/Lord_Howe", "2026-04-03", "2026-04-02T22:00:00"),
        ("Australia/Lord_Howe", "2026-04-06", "2026-04-05T22:30:00"),
        ("UTC", "2026-03-09", "2026-03-09T09:00:00"),
    ],
)
def test_nine_oclock_is_nine_oclock_of_the_zone(zone: str, day: str, nine: str) -> None:
    calendar = Calendar(zone, frozenset())
    ((start, end),) = calendar.opening((Hours(MON_FRI, "09:00", "17:00"),), calendar.day(date.fromisoformat(day)))
    assert start == utc(nine) == calendar.at(date.fromisoformat(day), "09:00")
    assert end - start == 8 * 3600


def test_a_half_hour_change_makes_a_day_half_an_hour_longer_or_shorter() -> None:
    calendar = Calendar("Australia/Lord_Howe", frozenset())
    lengths = [end - start for start, end in (calendar.day(date(2026, 4, 5)), calendar.day(date(2026, 10, 4)))]
    assert lengths == [DAY + 1800, DAY - 1800]
    hours = (Hours((7,), "01:30", "02:00", on_holidays=True),)
    assert calendar.working_seconds(hours, *calendar.day(date(2026, 4, 5))) == 3600  # 01:30 to 02:00, twice


def test_a_date_its_zone_left_out_has_no_second() -> None:
    apia = Calendar("Pacific/Apia", frozenset())
    start, end = apia.day(date(2011, 12, 30))
    assert start == end == utc("2011-12-30T10:00:00")
    assert apia.opening(ALWAYS_OPEN, (start, end)) == NEVER


def test_a_zone_that_is_none_is_refused_when_the_calendar_is_made() -> None:
    assert refusal(Calendar, "Europe/Lyon", frozenset()) == "bad_zone"


# --- values ---


def test_calendars_are_values() -> None:
    again = Calendar("Europe/Paris", frozenset(FR.lists["fr_metro"]), FR.first, FR.last)
    assert again == PARIS
    assert hash(again) == hash(PARIS)
    loose = Calendar("UTC", frozenset(), closings=((5, 9), (1, 5), (3, 3)))
    assert loose == Calendar("UTC", frozenset(), closings=((1, 9),))
    assert loose != Calendar("UTC", frozenset(), openings=((1, 9),))
    with pytest.raises(AttributeError):
        PARIS.zone = "UTC"  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": [0], "start": "07:00", "end": "20:00"},
        {"days": [8], "start": "07:00", "end": "20:00"},
        {"days": [], "start": "07:00", "end": "20:00"},
        {"days": [1], "start": "20:00", "end": "07:00"},
        {"days": [1], "start": "07:00", "end": "07:00"},
        {"days": [1], "start": "7:00", "end": "20:00"},
        {"days": [1], "start": "07:60", "end": "20:00"},
        {"days": [1], "start": "07:00", "end": "24:01"},
        {"days": [1], "start": "07:00", "end": "20:00:00"},
        {"days": [1], "start": "07:00", "end": "20:00\n"},
        {"days": [1], "start": "07:00", "end": "20:00", "on_holiday": True},
    ],
)
def test_hours_that_are_none_do_not_decode(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Hours)


def test_hours_decode_from_a_table() -> None:
    written = msgspec.toml.decode(b'week = [{days = [1, 2], start = "00:00", end = "24:00"}]', type=dict[str, Week])
    assert written == {"week": (Hours((1, 2), "00:00", "24:00"),)}
    assert (seconds_of_day("00:00"), seconds_of_day("23:59"), seconds_of_day("24:00")) == (0, DAY - 60, DAY)


# --- dates and labels ---


@pytest.mark.parametrize(
    ("day", "n", "later"),
    [
        ("2026-01-31", 1, "2026-02-28"), ("2024-01-31", 1, "2024-02-29"), ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"), ("2026-03-31", -1, "2026-02-28"), ("2026-01-15", -13, "2024-12-15"),
        ("2026-11-30", 3, "2027-02-28"), ("2026-12-31", 0, "2026-12-31"), ("2026-05-31", 1, "2026-06-30"),
    ],
)  # fmt: skip
def test_months_later_is_the_same_day_number_or_the_last_of_the_month(day: str, n: int, later: str) -> None:
    assert add_months(date.fromisoformat(day), n) == date.fromisoformat(later)


def test_days_are_counted_from_the_paris_date_which_does_not_count() -> None:
    """D-DAYS: 45 days after a deletion end at 24:00 of the 45th day."""
    late_evening = utc("2026-03-31T21:59:59")  # 23:59:59 of the 31st in Paris
    assert end_of_days_after(PARIS, late_evening, 1) == paris("2026-04-02T00:00:00")
    assert end_of_days_after(PARIS, late_evening + 1, 1) == paris("2026-04-03T00:00:00")
    assert end_of_days_after(PARIS, late_evening, 0) == paris("2026-04-01T00:00:00")
    assert end_of_days_after(PARIS, paris("2026-03-01T10:00:00"), 45) == paris("2026-04-16T00:00:00")


def test_a_week_is_known_by_its_thursday() -> None:
    assert iso_week("2026-W09") == date(2026, 2, 23)
    assert iso_week("2026-W53") == date(2026, 12, 28)
    assert iso_week_label(date(2027, 1, 3)) == "2026-W53"
    assert iso_week_label(date(2024, 12, 30)) == "2025-W01"


@given(st.dates(min_value=date(1, 1, 8), max_value=date(9999, 12, 1)))
def test_a_label_leads_back_to_its_days(day: date) -> None:
    assert iso_week(iso_week_label(day)) == day - timedelta(days=day.weekday())
    assert iso_month(iso_month_label(day)) == (day.year, day.month)


WRONG_WEEKS = [
    "2025-W53",
    "2026-W00",
    "2026-W54",
    "2026-W9",
    "2026W09",
    "2026-w09",
    "",
    "0000-W01",
    "2026-W09\n",
    "٢٠٢٦-W09",
]
WRONG_MONTHS = ["2026-00", "2026-13", "2026-3", "202603", "", "0000-01", "2026-03\n", "٢٠٢٦-03", "2026-03-01"]


@pytest.mark.parametrize("label", WRONG_WEEKS)
def test_a_label_that_is_no_week_is_refused(label: str) -> None:
    assert refusal(iso_week, label) == "bad_week"


@pytest.mark.parametrize("label", WRONG_MONTHS)
def test_a_label_that_is_no_month_is_refused(label: str) -> None:
    assert refusal(iso_month, label) == "bad_month"
