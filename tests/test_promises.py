"""The seconds a booklet's promises make of a calendar: reference hours, window, early evening, support hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from ledger.readings import DEFAULT
from ledger.spans import NEVER, Spans, difference, intersection, length, span, union
from ledger.terms import Booklet, Terms, load_booklet, parse_terms
from ledger.workdays import Calendar, french_holidays
from tests.story import at

CEGID: Booklet = load_booklet("cegid-expert")
ALWAYS_ON: Booklet = load_booklet("always-on")
TERMS: Terms = CEGID.terms
MAINTENANCE = TERMS.maintenance
PARIS = Calendar(
    "Europe/Paris",
    frozenset(day for year in (2025, 2026, 2027) for day in french_holidays(year)),
    date(2025, 1, 1),
    date(2027, 12, 31),
)
NEW_YORK = Calendar("America/New_York", frozenset())
LITERAL = "literal_cet"


def of(*pairs: str) -> Spans:
    """`"2026-03-03T20:00+01:00 2026-03-03T22:00+01:00"` -> the span between them."""
    return union(*(span(*map(at, pair.split())) for pair in pairs))


def opening(terms: Terms, calendar: Calendar, day: date) -> int:
    return length(calendar.opening(terms.availability.week, calendar.day(day)))


# --- availability (article 6) -------------------------------------------------------------------


def test_the_rate_is_exact_and_allows_one_part_in_two_hundred() -> None:
    assert TERMS.availability.minimum_percent == Fraction(199, 2)
    assert TERMS.availability.allowed == Fraction(1, 200)


def test_the_reference_period_has_780_minutes_a_working_day_and_none_else() -> None:
    working, friday, saturday, holiday = date(2026, 3, 3), date(2026, 3, 6), date(2026, 3, 7), date(2026, 4, 6)
    assert [opening(TERMS, PARIS, day) for day in (working, friday, saturday, holiday)] == [46800, 46800, 0, 0]


@pytest.mark.parametrize(("month", "minutes"), [(1, 16380), (2, 15600), (3, 17160)])
def test_the_reference_period_of_the_first_months_of_2026(month: int, minutes: int) -> None:
    assert length(PARIS.opening(TERMS.availability.week, PARIS.month(2026, month))) == minutes * 60


@pytest.mark.parametrize("vantage", [None, "", "fr-metro", "FR_METRO", "fr-metro/paris-1", "fr", "Paris-2", "FR-75", "fr-2A", "France métropolitaine"])
def test_availability_is_judged_from_metropolitan_france(vantage: str | None) -> None:
    assert TERMS.availability.judged_from(vantage)


@pytest.mark.parametrize("vantage", ["fr-reunion", "FR-974", "France-Reunion", "France d'outre-mer", "us-east-1", "de", "abroad"])
def test_what_is_seen_from_elsewhere_only_is_not_judged(vantage: str) -> None:
    assert not TERMS.availability.judged_from(vantage)
    assert ALWAYS_ON.terms.availability.judged_from(vantage)


# --- the maintenance window (article 5, D-WIN) --------------------------------------------------


@pytest.mark.parametrize("year", [2025, 2026])
@pytest.mark.parametrize("month", range(1, 13))
def test_the_window_is_exactly_the_complement_of_the_reference_period(year: int, month: int) -> None:
    whole = PARIS.month(year, month)
    reference = PARIS.opening(TERMS.availability.week, whole)
    window = MAINTENANCE.window_spans(PARIS, whole)
    assert union(reference, window) == (whole,)
    assert intersection(reference, window) == NEVER
    assert window == difference((whole,), reference)


@pytest.mark.parametrize("first", [date(2026, 3, 27), date(2026, 10, 23), date(2026, 4, 30)])
def test_the_window_is_what_a_clock_on_the_wall_shows_hour_by_hour(first: date) -> None:
    """Over a clock change, forward and back, and over a holiday: against plain datetimes."""
    zone = ZoneInfo("Europe/Paris")
    start, end = PARIS.day(first, first + timedelta(days=4))
    window = MAINTENANCE.window_spans(PARIS, (start, end))
    for second in range(start, end, 1800):
        local = datetime.fromtimestamp(second, UTC).astimezone(zone)
        worked = local.weekday() < 5 and local.date() not in french_holidays(local.year)
        stopped = not worked or local.hour >= 20 or local.hour < 7
        assert any(a <= second < b for a, b in window) == stopped, local


def test_the_window_opens_at_20_00_and_closes_at_07_00_to_the_second() -> None:
    tuesday = PARIS.day(date(2026, 3, 3))
    assert MAINTENANCE.window_spans(PARIS, tuesday) == of(
        "2026-03-03T00:00:00+01:00 2026-03-03T07:00:00+01:00", "2026-03-03T20:00:00+01:00 2026-03-04T00:00:00+01:00"
    )


def test_the_window_of_a_weekend_with_easter_runs_from_friday_evening_to_tuesday_morning() -> None:
    assert MAINTENANCE.window_spans(PARIS, PARIS.day(date(2026, 4, 3), date(2026, 4, 7)))[1] == (
        at("2026-04-03T20:00:00+02:00"),
        at("2026-04-07T07:00:00+02:00"),
    )


def test_the_window_is_asked_within_one_span_several_or_none() -> None:
    night, noon = of("2026-03-03T21:00:00Z 2026-03-03T22:00:00Z"), of("2026-03-03T11:00:00Z 2026-03-03T12:00:00Z")
    assert MAINTENANCE.window_spans(PARIS, night[0]) == night
    assert MAINTENANCE.window_spans(PARIS, union(night, noon)) == night
    assert MAINTENANCE.window_spans(PARIS, NEVER) == NEVER
    assert MAINTENANCE.window_spans(PARIS, (5, 5)) == NEVER


def test_a_window_written_as_the_complement_of_the_reference_is_the_same_window() -> None:
    content = CEGID.content | {
        "maintenance": CEGID.content["maintenance"] | {"window": {"article": "5", "complement_of_reference": True}}
    }
    other = parse_terms(content).maintenance
    for month in range(1, 13):
        whole = PARIS.month(2026, month)
        assert other.window_spans(PARIS, whole) == MAINTENANCE.window_spans(PARIS, whole)


# --- no blocking in the early evening (article 5, D-BLK, Amb-01) --------------------------------


def test_in_winter_both_readings_keep_blocking_out_from_20_00_to_22_00() -> None:
    tuesday = PARIS.day(date(2026, 2, 10))
    early = of("2026-02-10T20:00:00+01:00 2026-02-10T22:00:00+01:00")
    assert MAINTENANCE.early_spans(PARIS, tuesday) == early
    assert MAINTENANCE.early_spans(PARIS, tuesday, DEFAULT.blocking_limit) == early
    assert MAINTENANCE.early_spans(PARIS, tuesday, LITERAL) == early


def test_in_summer_22_00_cet_to_the_letter_is_23_00_in_paris() -> None:
    tuesday = PARIS.day(date(2026, 7, 7))
    assert MAINTENANCE.early_spans(PARIS, tuesday) == of("2026-07-07T20:00:00+02:00 2026-07-07T22:00:00+02:00")
    assert MAINTENANCE.early_spans(PARIS, tuesday, LITERAL) == of("2026-07-07T20:00:00+02:00 2026-07-07T21:00:00Z")


@pytest.mark.parametrize("limit", ["local_22", LITERAL])
def test_friday_evening_is_restricted_sunday_night_and_a_holiday_evening_are_free(limit: str) -> None:
    """Amb-34: 2026-05-01 is a Friday and a holiday, its eve an ordinary Thursday."""
    days = {
        "friday": date(2026, 3, 6), "saturday": date(2026, 3, 7), "sunday": date(2026, 3, 8),
        "eve": date(2026, 4, 30), "holiday": date(2026, 5, 1),
    }  # fmt: skip
    free = {name for name, day in days.items() if not MAINTENANCE.early_spans(PARIS, PARIS.day(day), limit)}
    assert free == {"saturday", "sunday", "holiday"}


@pytest.mark.parametrize(
    ("within", "early"),
    [
        ("2026-02-10T19:59:59+01:00 2026-02-10T20:00:00+01:00", 0),
        ("2026-02-10T19:59:59+01:00 2026-02-10T20:00:01+01:00", 1),
        ("2026-02-10T21:59:59+01:00 2026-02-11T02:00:00+01:00", 1),
        ("2026-02-10T22:00:00+01:00 2026-02-11T07:00:00+01:00", 0),
    ],
)
@pytest.mark.parametrize("limit", ["local_22", LITERAL])
def test_the_early_evening_begins_at_20_00_and_is_over_at_22_00(within: str, early: int, limit: str) -> None:
    assert length(MAINTENANCE.early_spans(PARIS, of(within), limit)) == early


def test_a_stop_that_begins_after_22_00_in_summer_is_early_only_to_the_letter() -> None:
    stop = of("2026-07-07T22:30:00+02:00 2026-07-08T01:00:00+02:00")
    assert MAINTENANCE.early_spans(PARIS, stop) == NEVER
    assert length(MAINTENANCE.early_spans(PARIS, stop, LITERAL)) == 1800


@pytest.mark.parametrize(("limit", "hours"), [("local_22", 2 * 22), (LITERAL, 2 * 20 + 3 * 2)])
def test_over_the_month_of_a_clock_change_the_letter_adds_an_hour_an_evening(limit: str, hours: int) -> None:
    """March 2026: 22 working days, the last two in summer time."""
    assert length(MAINTENANCE.early_spans(PARIS, PARIS.month(2026, 3), limit)) == hours * 3600


def test_an_early_evening_outside_the_window_is_no_part_of_it() -> None:
    weekend = {"article": "5", "whole_days": ["sat", "sun"]}
    other = parse_terms(CEGID.content | {"maintenance": CEGID.content["maintenance"] | {"window": weekend}})
    assert other.maintenance.early_spans(PARIS, PARIS.month(2026, 2)) == NEVER


# --- backups (article 9) ------------------------------------------------------------------------


def test_the_tiers_are_kept_7_days_4_weeks_and_2_months() -> None:
    kept = {tier: (each.kept.days, each.kept.months, each.generations) for tier, each in TERMS.backups.tiers.items()}
    assert kept == {"daily": (7, 0, 7), "weekly": (28, 0, 4), "monthly": (0, 2, 2)}
    assert (TERMS.backups.copies, TERMS.backups.places) == (2, 2)


def test_a_night_is_11_hours_and_10_or_12_where_clocks_change() -> None:
    night = TERMS.backups.night
    nights = PARIS.nights(date(2026, 3, 27), date(2026, 3, 28), night.start, night.end)
    back = PARIS.nights(date(2026, 10, 24), date(2026, 10, 24), night.start, night.end)
    assert [(end - start) // 3600 for _, (start, end) in (*nights, *back)] == [11, 10, 12]


# --- support (article 12) -----------------------------------------------------------------------

WEEKS = [
    # plan, switches, Thursday, Friday, the first opening of the afternoon
    ("open", {}, "6:30", "6:00", "14:30"),
    ("open", {"support_hours": "art_12_6"}, "7:00", "6:30", "14:00"),
    ("open", {"private_hours": "art_12_2"}, "6:30", "6:00", "14:30"),
    ("private", {}, "9:00", "8:00", None),
    ("private", {"support_hours": "art_12_6"}, "9:00", "8:00", None),
    ("private", {"private_hours": "art_12_2"}, "6:30", "6:00", "14:30"),
    ("private", {"private_hours": "art_12_2", "support_hours": "art_12_6"}, "7:00", "6:30", "14:00"),
]


@pytest.mark.parametrize(("plan", "switches", "thursday", "friday", "afternoon"), WEEKS)
def test_support_is_open_in_the_hours_of_the_plan_and_the_reading(
    plan: str, switches: dict[str, str], thursday: str, friday: str, afternoon: str | None
) -> None:
    week = TERMS.support.week_for(plan, DEFAULT.with_switches(switches))  # type: ignore[arg-type]
    assert week is not None
    days = [PARIS.opening(week, PARIS.day(day)) for day in (date(2026, 3, 5), date(2026, 3, 6))]
    assert [f"{length(day) // 3600}:{length(day) % 3600 // 60:02}" for day in days] == [thursday, friday]
    second = f"{PARIS.local(days[0][1][0]):%H:%M}" if len(days[0]) > 1 else None
    assert second == afternoon
    assert PARIS.opening(week, PARIS.day(date(2026, 4, 6))) == NEVER  # Easter Monday


def test_connect_has_no_support_clock() -> None:
    assert TERMS.support.plan("connect") is None
    assert TERMS.support.week_for("connect", DEFAULT) is None


def test_requests_are_answered_in_8_or_4_working_hours_three_times_of_four() -> None:
    support = TERMS.support
    assert support.open
    assert support.private
    assert (support.open.response_seconds, support.private.response_seconds) == (28800, 14400)
    assert support.minimum_percent / 100 == Fraction(3, 4)
    assert support.period_months == 12


# --- another provider ---------------------------------------------------------------------------


def test_always_on_is_promised_every_second_of_a_year_with_no_holidays() -> None:
    terms = ALWAYS_ON.terms
    year = NEW_YORK.day(date(2026, 1, 1), date(2026, 12, 31))
    assert NEW_YORK.opening(terms.availability.week, year) == (year,)
    assert terms.availability.allowed == Fraction(1, 1000)


@pytest.mark.parametrize(
    ("sunday", "hours"), [(date(2026, 3, 1), 4), (date(2026, 3, 8), 3), (date(2026, 11, 1), 4), (date(2026, 3, 2), 0)]
)
def test_always_on_works_on_sunday_mornings_an_hour_less_where_the_clock_jumps(sunday: date, hours: int) -> None:
    """The clock jumps from 02:00 to 03:00 on 8 March 2026; on 1 November it repeats 01:00, before the window."""
    assert length(ALWAYS_ON.terms.maintenance.window_spans(NEW_YORK, NEW_YORK.day(sunday))) == hours * 3600


def test_always_on_has_no_early_evening_and_other_numbers() -> None:
    terms = ALWAYS_ON.terms
    assert terms.maintenance.early_spans(NEW_YORK, NEW_YORK.month(2026, 7), LITERAL) == NEVER
    assert terms.maintenance.notice_seconds == 72 * 3600
    assert {tier: (t.kept.days, t.kept.months) for tier, t in terms.backups.tiers.items()} == {
        "daily": (14, 0), "weekly": (56, 0), "monthly": (0, 12),
    }  # fmt: skip
    assert terms.backups.places == 3


def test_always_on_leaves_no_choice_of_support_hours_where_it_writes_one_week() -> None:
    for value in ("art_12_2", "art_12_6"):
        week = ALWAYS_ON.terms.support.week_for("open", DEFAULT.with_switches({"support_hours": value}))
        assert week is not None
        assert length(NEW_YORK.opening(week, NEW_YORK.day(date(2026, 3, 3)))) == 10 * 3600


def test_a_booklet_without_a_table_promises_nothing_of_it() -> None:
    assert ALWAYS_ON.terms.dossiers is None
    assert ALWAYS_ON.terms.storage is None
    assert ALWAYS_ON.terms.support.plan("connect") is None
