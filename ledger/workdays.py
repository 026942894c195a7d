"""Which seconds are working time: holidays, working days, weekly hours, nights and delays of one place.

A `Calendar` is a value: a zone, a table of holidays, and exceptional spans. Instants are whole seconds
of UTC (`ledger.spans`), spans are half-open, days are `date`s of the calendar's zone. A second is open
when the wall clock shows a time inside the week's hours: where clocks jump forward the skipped times
hold no second, where they go back the repeated times hold each of theirs. So hours that tile the wall
clock tile time itself, in every zone, on every day.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from operator import ge

import msgspec

from ledger import zones
from ledger.errors import Refused
from ledger.spans import FOREVER, NEVER, Instant, Span, Spans, difference, length, union
from ledger.zones import DAY, beyond, day_number, day_of, shifted, year_of


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One weekly segment, `start <= wall clock < end` on each of `days` (ISO: 1 Monday to 7 Sunday).

    `start` and `end` are "HH:MM", `end` up to "24:00"; a night is two segments. A public holiday has
    the hours of its weekday only where `on_holidays`. Segments of a week may touch or overlap.
    Raises `ValueError` for other days or times, and for `end <= start`.
    """

    days: tuple[int, ...]
    start: str
    end: str
    on_holidays: bool = False

    def __post_init__(self) -> None:
        _check_days(self.days)
        if seconds_of_day(self.start) >= seconds_of_day(self.end):
            raise ValueError(f"hours end after they start, unlike {self.start} to {self.end}")


Week = tuple[Hours, ...]


class Calendar(msgspec.Struct, frozen=True, cache_hash=True):
    """The working time of one zone, as far as its table of holidays reaches.

    `holidays` is complete from `first` to `last`, both included; None is no limit on that side. What
    depends on holidays is refused outside (`calendar_out_of_range`): a date the table does not reach is
    not a date without holidays. `closings` are cut out of every opening and then `openings` added, so
    that an exceptional opening holds within an exceptional closing. Raises `Refused("bad_zone")`.
    """

    zone: str
    holidays: frozenset[date]
    first: date | None = None
    last: date | None = None
    closings: Spans = NEVER
    openings: Spans = NEVER
    working_days: tuple[int, ...] = (1, 2, 3, 4, 5)

    def __post_init__(self) -> None:
        _check_days(self.working_days)
        zones.rules(self.zone)
        msgspec.structs.force_setattr(self, "closings", union(self.closings))
        msgspec.structs.force_setattr(self, "openings", union(self.openings))

    # --- between instants and the wall clock ---

    def local_date(self, at: Instant) -> date:
        """The date the wall clock shows at that instant."""
        return day_of(self.wall_seconds(at) // DAY)

    def local(self, at: Instant) -> datetime:
        """The instant as an aware datetime of the zone, for display: subtract instants, never these."""
        return zones.local_moment(self.zone, at)

    def wall_seconds(self, at: Instant) -> int:
        """What the wall clock shows, as seconds since its own 1970-01-01 00:00: for delays read off clocks."""
        return zones.wall_seconds(self.zone, at)

    def at(self, day: date, time: str = "00:00", fold: int = 0) -> Instant:
        """The instant the wall clock shows `time` on `day`; "24:00" is the next day's "00:00".

        A time that clocks jump over gives the instant of the jump. A time shown twice gives the first
        instant, the second with `fold=1`.
        """
        return zones.instant_at(self.zone, day_number(day) * DAY + seconds_of_day(time), fold)

    def day(self, first: date, last: date | None = None) -> Span:
        """The span of whole days `[first 00:00, last 24:00)`; of one day without `last`.

        Raises `Refused("bad_parameter")` when `last` is before `first`. A day its zone left out
        (Apia, 2011-12-30) starts and ends at one instant.
        """
        last = first if last is None else last
        _check_order(first, last)
        return self.at(first), self.at(last, "24:00")

    def month(self, year: int, month: int) -> Span:
        """The calendar month, from local midnight to local midnight (D-MONTH)."""
        return self.day(date(year, month, 1), date(year, month, _month_days(year, month)))

    # --- days ---

    def is_holiday(self, day: date) -> bool:
        """Whether the table names the day (D-HOL); refused outside its range."""
        self._check_covered(day, day)
        return day in self.holidays

    def is_working_day(self, day: date) -> bool:
        """One of `working_days` (Monday to Friday) and no public holiday (D-JO); refused outside the table."""
        return not self.is_holiday(day) and day.isoweekday() in self.working_days

    def add_working_days(self, day: date, n: int) -> date:
        """The n-th working day after `day`, which is not counted itself; `day` for 0."""
        assert n >= 0, n
        while n:
            day = shifted(day, 1)
            n -= self.is_working_day(day)
        return day

    def nights(
        self, first: date, last: date, start: str = "20:00", end: str = "07:00"
    ) -> tuple[tuple[date, Span], ...]:
        """The nights of the evenings `first` to `last`, both included, each named by its evening (D-NIGHT).

        A night runs from `start` to `end` of the next day, or of the same day when `end` is later than
        `start`. 20:00 to 07:00 is 11 hours, 10 or 12 where the clocks change.
        """
        _check_order(first, last)
        overnight = int(seconds_of_day(end) <= seconds_of_day(start))
        days = [shifted(first, n) for n in range((last - first).days + 1)]
        return tuple((day, (self.at(day, start), self.at(shifted(day, overnight), end))) for day in days)

    # --- hours ---

    def opening(self, week: Week, within: Span) -> Spans:
        """The seconds of the week's hours inside `within`, exceptions applied (D-PRT, D-SUP-OPEN, D-SUP-PRIV).

        Refused outside the table's range, unless every segment holds on holidays too.
        """
        start, end = within
        if start >= end:
            return NEVER
        if heeds_holidays(week):
            self._check_covered(self.local_date(start), self.local_date(end - 1))
        often = type(start) is type(end) is int and end - start <= OFTEN_ASKED  # a watched instant is not kept
        found = _often_opened if often else _opened
        return self._with_exceptions(found(self.zone, self.holidays, week, start, end), start, end)

    def working_seconds(self, week: Week, start: Instant, end: Instant) -> int:
        """How many seconds of `[start, end)` are open (D-HO); 0 when `end <= start`."""
        return length(self.opening(week, (start, end)))

    def deadline(self, week: Week, start: Instant, seconds: int) -> Instant:
        """The earliest instant by which that many open seconds have elapsed since `start` (D-HO).

        A delay used up at closing time ends there, not at the next opening; `seconds=0` gives `start`.
        Refused when the calendar ends first.
        """
        assert seconds >= 0, seconds
        limit = self.at(self.last, "24:00") if self.last and heeds_holidays(week) else FOREVER
        left, reach = seconds, 8 * DAY
        while left and start < limit:
            until = min(start + reach, limit)
            for opened, closed in self.opening(week, (start, until)):
                if closed - opened >= left:
                    return opened + left
                left -= closed - opened
            start, reach = until, reach * 2
        if left:
            raise Refused("calendar_out_of_range", f"the calendar ends {left} open seconds before the delay does")
        return start

    def _with_exceptions(self, opened: Spans, start: Instant, end: Instant) -> Spans:
        if self.closings:
            opened = difference(opened, self.closings)
        return union(opened, _clip(self.openings, start, end)) if self.openings else opened

    def _check_covered(self, first: date, last: date) -> None:
        for day in (first, last):
            if (self.first and day < self.first) or (self.last and day > self.last):
                reach = f"from {self.first or 'ever'} to {self.last or 'ever'}"
                raise Refused("calendar_out_of_range", f"the table of holidays is known {reach}, not on {day}")


def end_of_days_after(calendar: Calendar, at: Instant, days: int) -> Instant:
    """24:00 of the last of `days` days, the local date of `at` not counted (D-DAYS, CPC 641-642 by analogy)."""
    return calendar.at(shifted(calendar.local_date(at), days), "24:00")


def add_months(day: date, n: int) -> date:
    """The same day number `n` months later (earlier, if negative), else the last day of that month (D-DAYS)."""
    year, month = divmod(day.year * 12 + day.month - 1 + n, 12)
    if not 1 <= year <= 9999:
        raise beyond(f"{day} and {n} months")
    return date(year, month + 1, min(day.day, _month_days(year, month + 1)))


def _month_days(year: int, month: int) -> int:
    return 31 if month == 12 else (date(year, month + 1, 1) - date(year, month, 1)).days


# --- labels of weeks and months ---


def iso_week(label: str) -> date:
    """The Monday of an ISO 8601 week, "2026-W09"; `Refused("bad_week")` for anything else."""
    if re.fullmatch("[0-9]{4}-W[0-9]{2}", label):
        try:
            return date.fromisocalendar(int(label[:4]), int(label[6:]), 1)
        except ValueError as error:
            raise Refused("bad_week", f"{label} is not a week of that year (ISO 8601)") from error
    raise Refused("bad_week", f"a week is written 2026-W09, not {label!r}")


def iso_week_label(day: date) -> str:
    """The ISO 8601 week a day belongs to, "2026-W09"; its year is that of the week's Thursday."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def iso_month(label: str) -> tuple[int, int]:
    """The year and month of "2026-03"; `Refused("bad_month")` for anything else."""
    if re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])", label) and label >= "0001":
        return int(label[:4]), int(label[5:])
    raise Refused("bad_month", f"a month is written 2026-03, not {label!r}")


def iso_month_label(day: date) -> str:
    """The month a day belongs to, "2026-03"."""
    return f"{day.year:04}-{day.month:02}"


@lru_cache(maxsize=2048)
def seconds_of_day(time: str) -> int:
    """Seconds from 00:00 to "HH:MM" on the wall clock, "24:00" included; `ValueError` for anything else."""
    if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]|24:00", time):
        raise ValueError(f"a time of day is written 07:00, up to 24:00, not {time!r}")
    return int(time[:2]) * 3600 + int(time[3:]) * 60


# --- tables of holidays: data, and the formula they are checked against ---


class CalendarData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A versioned table of holidays: named lists of dates, each complete from `first` to `last` included."""

    id: str
    version: str
    zone: str
    first: date
    last: date
    lists: dict[str, tuple[date, ...]]
    source: str

    def __post_init__(self) -> None:
        for name, days in self.lists.items():
            if any(map(ge, days, days[1:])) or (days and not self.first <= days[0] <= days[-1] <= self.last):
                raise ValueError(f"the dates of {name} must be sorted, unique, and from {self.first} to {self.last}")

    def calendar(self, holidays: str, closings: Spans = NEVER, openings: Spans = NEVER) -> Calendar:
        """The calendar that takes its holidays from the list of that name; `Refused("bad_terms")` without one."""
        if holidays not in self.lists:
            raise Refused("bad_terms", f"calendar {self.id} has no list {holidays!r}, only {', '.join(self.lists)}")
        return Calendar(self.zone, _frozen(self.lists[holidays]), self.first, self.last, closings, openings)


@lru_cache(maxsize=16)
def load_calendar(id: str) -> CalendarData:
    """The table of that name shipped with the package; `Refused("unknown_terms")` when there is none."""
    from importlib import resources  # slower to import than all of this module

    table = resources.files("ledger") / "booklets" / "calendars" / f"{id}.toml"
    if not re.fullmatch("[a-z0-9_-]+", id) or not table.is_file():
        raise Refused("unknown_terms", f"no calendar named {id!r} is shipped")
    return msgspec.toml.decode(table.read_bytes(), type=CalendarData)


def french_holidays(year: int) -> frozenset[date]:
    """The public holidays of metropolitan France in force that year, from 1970 on (Code du travail, L3133-1).

    Ten fixed or movable feasts, and 8 May since law 81-893 of 2 October 1981: decree 59-533 of 1959 had
    taken it off. Two may share a date (8 May 1997, 1 May 2008: Ascension), so count dates, not feasts.
    """
    if year < 1970:
        raise Refused("calendar_out_of_range", f"French holidays are known from 1970 on, not in {year}")
    fixed = [(1, 1), (5, 1), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]
    if year >= 1982:
        fixed.append((5, 8))
    easter = easter_sunday(year)
    movable = (easter + timedelta(days=n) for n in (1, 39, 50))  # Easter Monday, Ascension, Whit Monday
    return frozenset(date(year, month, day) for month, day in fixed) | frozenset(movable)


def alsace_moselle_extra(year: int) -> frozenset[date]:
    """Good Friday and 26 December: what Alsace and Moselle add (Code du travail, L3134-13)."""
    return frozenset({easter_sunday(year) - timedelta(days=2), date(year, 12, 26)})


def easter_sunday(year: int) -> date:
    """Easter of the Gregorian calendar, by the anonymous computus of 1876."""
    century, of_century = divmod(year, 100)
    golden = year % 19
    moon_drift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - moon_drift + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - epact - of_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


# --- the wall clock of a week, in seconds since its own 1970-01-01 00:00: no zone yet ---

_MAX = 2**62  # greater than any instant
OFTEN_ASKED = 62 * DAY


def _wall_opening(week: Week, holidays: dict[int, frozenset[int]], start: int, end: int) -> Iterator[Span]:
    """The wall seconds the week opens in `[start, end)`, year by year."""
    for year in range(year_of(start), year_of(end - 1) + 1):
        yield from _clip(_wall_year(week, year, holidays.get(year, frozenset())), start, end)


@lru_cache(maxsize=256)  # a year of two segments a day is about 60 kB
def _wall_year(week: Week, year: int, holidays: frozenset[int]) -> Spans:
    everyday, on_holiday = (_by_weekday(week, holiday) for holiday in (False, True))
    opened: list[Span] = []
    for number in range(day_number(date(year, 1, 1)), day_number(date(year, 12, 31)) + 1):
        weekday = (number + 3) % 7  # day 0, 1970-01-01, was a Thursday: 3 from Monday 0
        for start, end in (on_holiday if number in holidays else everyday)[weekday]:
            opened.append((number * DAY + start, number * DAY + end))
    return union(opened)


def _by_weekday(week: Week, holiday: bool) -> tuple[Spans, ...]:
    held = [hours for hours in week if hours.on_holidays or not holiday]
    return tuple(
        union((seconds_of_day(h.start), seconds_of_day(h.end)) for h in held if weekday in h.days)
        for weekday in range(1, 8)
    )


def _opened(zone: str, holidays: frozenset[date], week: Week, start: int, end: int) -> Spans:
    """The instants the week opens in `[start, end)`."""
    by_year = _by_year(holidays)
    opened: list[Span] = []
    for piece_start, piece_end, offset in zones.pieces(zone, start, end):
        for wall_start, wall_end in _wall_opening(week, by_year, piece_start + offset, piece_end + offset):
            opened.append((wall_start - offset, wall_end - offset))
    return union(opened)


_often_opened = lru_cache(maxsize=512)(_opened)  # a month is asked about again and again, for one contract and for all


def heeds_holidays(week: Week) -> bool:
    """Whether a public holiday changes any of the hours."""
    return not all(hours.on_holidays for hours in week)


@lru_cache(maxsize=64)
def _by_year(holidays: frozenset[date]) -> dict[int, frozenset[int]]:
    numbers: dict[int, set[int]] = {}
    for day in holidays:
        numbers.setdefault(day.year, set()).add(day_number(day))
    return {year: frozenset(days) for year, days in numbers.items()}


@lru_cache(maxsize=64)
def _frozen(days: tuple[date, ...]) -> frozenset[date]:
    return frozenset(days)  # the same object again keeps its hash, which costs more than the lookup


def _check_days(days: tuple[int, ...]) -> None:
    if not days or not set(days) <= set(range(1, 8)):
        raise ValueError(f"days of the week are numbered 1 (Monday) to 7 (Sunday), not {list(days)}")


def _check_order(first: date, last: date) -> None:
    if last < first:
        raise Refused("bad_parameter", f"the last day, {last}, is before the first, {first}")


def _clip(spans: Spans, start: int, end: int) -> list[Span]:
    """As `intersection` with one span, without walking through what lies before it."""
    low = max(bisect_right(spans, (start, _MAX)) - 1, 0)
    part = spans[low : bisect_left(spans, (end, end))]
    return [(max(s, start), min(e, end)) for s, e in part if e > start]
