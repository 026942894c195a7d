"""The French table of holidays against the law, the formula and the `holidays` package."""

from __future__ import annotations

from datetime import date, timedelta

import holidays as peer
import msgspec
import pytest

from ledger.errors import Refused
from ledger.workdays import (
    CalendarData,
    Hours,
    alsace_moselle_extra,
    easter_sunday,
    french_holidays,
    load_calendar,
)

FR = load_calendar("fr")
PARIS = FR.calendar("fr_metro")
YEARS = range(1970, 2101)
WHIT_MONDAYS_WORKED = {date(2005, 5, 16), date(2006, 6, 5), date(2007, 5, 28)}  # by default, and holidays all the same


def refusal(call: object, *args: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as refused:
        call(*args)
    return refused.value.code


def test_the_table_is_what_the_formula_says_for_every_year() -> None:
    assert (FR.id, FR.zone, FR.first, FR.last) == ("fr", "Europe/Paris", date(1970, 1, 1), date(2100, 12, 31))
    metro = {day for year in YEARS for day in french_holidays(year)}
    assert FR.lists["fr_metro"] == tuple(sorted(metro))
    extra = {day for year in YEARS for day in alsace_moselle_extra(year)}
    assert FR.lists["fr_alsace_moselle"] == tuple(sorted(metro | extra))
    assert len(extra - metro) == 2 * len(YEARS)


def test_the_table_fits_in_one_entry_of_the_ledger() -> None:
    assert len(msgspec.json.encode(FR)) < 60_000
    assert len(FR.source) <= 2000


def test_the_holidays_package_differs_only_on_the_whit_mondays_of_2005_to_2007() -> None:
    theirs = set(peer.country_holidays("FR", years=YEARS))
    assert theirs ^ set(FR.lists["fr_metro"]) == WHIT_MONDAYS_WORKED
    assert not theirs & WHIT_MONDAYS_WORKED
    moselle = set(peer.country_holidays("FR", subdiv="57", years=YEARS))
    assert moselle ^ set(FR.lists["fr_alsace_moselle"]) == WHIT_MONDAYS_WORKED


def test_eight_may_is_a_holiday_again_from_1982() -> None:
    eighths = [date(year, 5, 8) for year in range(1970, 1986)]
    assert [day.year for day in eighths if PARIS.is_holiday(day)] == [1975, 1982, 1983, 1984, 1985]
    assert easter_sunday(1975) + timedelta(days=39) == date(1975, 5, 8)  # that year it was Ascension


def test_two_feasts_on_one_date_are_one_holiday() -> None:
    short = [year for year in YEARS if len(french_holidays(year)) < (11 if year >= 1982 else 10)]
    assert short == [1986, 1997, 2008, 2059, 2070, 2081, 2092]
    assert french_holidays(2008) >= {date(2008, 5, 1), date(2008, 5, 8), date(2008, 5, 12)}


def test_the_eleven_holidays_of_2026() -> None:
    written = "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25".split()
    assert sorted(french_holidays(2026)) == [date.fromisoformat(f"2026-{day}") for day in written]
    assert sorted(alsace_moselle_extra(2026)) == [date(2026, 4, 3), date(2026, 12, 26)]


@pytest.mark.parametrize(
    "day",
    ["1818-03-22", "1943-04-25", "1981-04-19", "2000-04-23", "2008-03-23", "2024-03-31", "2038-04-25", "2049-04-18"],
)
def test_known_easters(day: str) -> None:
    """The earliest and the latest there can be, the exceptions of the golden number, and a clock-change Sunday."""
    assert easter_sunday(int(day[:4])) == date.fromisoformat(day)


def test_the_law_before_1970_is_not_known() -> None:
    assert refusal(french_holidays, 1969) == "calendar_out_of_range"


def test_the_days_outside_the_french_table_are_refused() -> None:
    assert PARIS.is_holiday(date(2100, 12, 25))
    assert refusal(PARIS.is_holiday, date(2101, 1, 1)) == "calendar_out_of_range"
    assert refusal(PARIS.opening, (Hours((1,), "07:00", "20:00"),), PARIS.month(1969, 12)) == "calendar_out_of_range"


@pytest.mark.parametrize("name", ["de", "", "../cegid-expert", "fr.toml", "FR"])
def test_a_table_that_is_not_shipped_is_refused(name: str) -> None:
    assert refusal(load_calendar, name) == "unknown_terms"


def test_a_list_the_table_does_not_have_is_refused() -> None:
    assert refusal(FR.calendar, "fr_guadeloupe") == "bad_terms"


@pytest.mark.parametrize(
    "days", [["2026-05-01", "2026-01-01"], ["2026-01-01", "2026-01-01"], ["2025-12-31"], ["2027-01-01"]]
)
def test_a_table_whose_dates_are_out_of_order_or_range_does_not_decode(days: list[str]) -> None:
    table = {"id": "x", "version": "1", "zone": "UTC", "first": "2026-01-01", "last": "2026-12-31", "source": "a test"}
    assert msgspec.convert({**table, "lists": {"all": ["2026-01-01"], "none": []}}, CalendarData).lists["none"] == ()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**table, "lists": {"all": days}}, CalendarData)
