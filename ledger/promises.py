"""The promises judged against a clock: rate, window, nights, delays, each a frozen value with its article.

Hours are local to the booklet's zone and half-open; percentages are exact fractions; `article` says where
a promise is written. What a promise leaves open is a switch (`ledger.readings`), given by the caller. The
promises that only count things stand in `ledger.terms`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from ledger.events import Effect, Environment, Ground, Option, Plan, Tier, UpdateKind
from ledger.readings import Reading
from ledger.spans import NEVER, Instant, Span, Spans, difference, intersection, seconds, span, union
from ledger.tables import (
    Clock,
    Duration,
    Keep,
    Name,
    Nightly,
    Offset,
    Positive,
    Weekday,
    WeekHours,
    Whole,
    Wrong,
    disjoint,
    iso_days,
    keep_of,
    offset_seconds,
    week_of,
)
from ledger.workdays import Calendar, Hours, Week, seconds_of_day

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


class Promise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the booklet, with the article it is taken from."""

    article: Name


class CalendarTerms(Promise, frozen=True):
    """Which days are public holidays: a recorded table (`fr`), `inline` dates, or `none`.

    A table with several lists is read by the switch `holidays`, unless `named_list` says which.
    Inline `dates` are complete from `first` to `last`, both included.
    """

    holidays: Name
    named_list: Name | None = None
    dates: tuple[date, ...] = ()
    first: date | None = None
    last: date | None = None

    @property
    def id(self) -> str | None:
        """The id of the recorded table; None where none is needed."""
        return None if self.holidays in ("none", "inline") else self.holidays

    def __post_init__(self) -> None:
        inline = self.holidays == "inline"
        if inline and (self.first is None or self.last is None):
            raise Wrong("first", "inline dates need the `first` and the `last` day they are complete for")
        if not inline and (self.dates or self.first or self.last):
            raise Wrong("dates", 'dates are read with holidays = "inline" only')
        if self.first and self.last and self.last < self.first:
            raise Wrong("last", f"{self.last} is before {self.first}")
        if any(later <= earlier for earlier, later in pairwise(self.dates)):
            raise Wrong("dates", "dates are written in order, each once")
        if any((self.first or day) > day or day > (self.last or day) for day in self.dates):
            raise Wrong("dates", f"a date lies outside {self.first} to {self.last}")


class AvailabilityTerms(Promise, frozen=True):
    """The rate promised for a month over the reference hours (D-PRT), and what may lower it (article 6).

    `minimum_percent` is exact. `vantages` are patterns (of file names: `*`, `?`, `[0-9]`) of the places
    availability is judged from; none written is anywhere.
    """

    minimum_percent: Fraction
    reference: tuple[WeekHours, ...]
    environments: tuple[Environment, ...]
    effects: tuple[Effect, ...]
    exclusions: tuple[Ground, ...]
    vantages: tuple[Name, ...] = ()

    def __post_init__(self) -> None:
        if not self.reference:
            raise Wrong("reference", "no hours; a rate needs hours to be a rate of")
        disjoint("reference", self.reference)

    @property
    def week(self) -> Week:
        return week_of(self.reference)

    @property
    def allowed(self) -> Fraction:
        """The greatest share of the reference period that may be lost: 1/200 for 99.5 percent."""
        return 1 - self.minimum_percent / 100

    def judged_from(self, vantage: str | None) -> bool:
        """Whether an outage seen from there counts; one that says nothing of its vantage does (A4.0)."""
        written = vantage and vantage.casefold().replace("_", "-")
        return not written or not self.vantages or any(fnmatchcase(written, each) for each in self.vantages)


class WindowTerms(Promise, frozen=True):
    """When the service may be stopped for maintenance: nights, hours and whole days, or all but the reference.

    `outside_of` holds the availability's reference hours where the booklet says `complement_of_reference`.
    """

    nights: Nightly | None = None
    hours: tuple[WeekHours, ...] = ()
    whole_days: tuple[Weekday, ...] = ()
    whole_holidays: bool = False
    complement_of_reference: bool = False
    outside_of: tuple[WeekHours, ...] = ()

    def __post_init__(self) -> None:
        written = bool(self.nights or self.hours or self.whole_days or self.whole_holidays)
        if written == (self.complement_of_reference or bool(self.outside_of)):
            raise Wrong("complement_of_reference", "write either this or nights, hours and whole days, and one of them")
        disjoint("hours", self.hours)

    @property
    def week(self) -> Week:
        """The window's weekly hours, without the whole holidays."""
        nights = self.nights.week() if self.nights else ()
        days = (Hours(iso_days(self.whole_days), "00:00", "24:00", True),) if self.whole_days else ()
        return (*week_of(self.hours), *nights, *days)


class EveningLimit(Promise, frozen=True):
    """From `start` to `until` of these days, no holidays, planned work may not stop the service (D-BLK).

    `written_offset` is the fixed offset of the zone the booklet names for `until`, taken to the letter.
    """

    days: tuple[Weekday, ...]
    start: Clock
    until: Clock
    written_offset: Offset | None = None

    def __post_init__(self) -> None:
        if not "00:00" < self.start < self.until:
            raise Wrong("until", f"{self.until} is not after {self.start}, or that is no evening")
        if not self.days:
            raise Wrong("days", 'no weekday; write "mon" to "sun"')


class MaintenanceTerms(Promise, frozen=True):
    """Planned work: its notice in hours, its window, and the part of it that is not for stops (article 5)."""

    notice_hours: Whole
    window: WindowTerms
    evening_limit: EveningLimit | None = None
    status_page: bool = False

    @property
    def notice_seconds(self) -> int:
        return self.notice_hours * 3600

    def window_spans(self, calendar: Calendar, within: Span | Spans) -> Spans:
        """The seconds of the maintenance window inside `within` (D-WIN)."""
        window, asked = self.window, _spans(within)
        if window.outside_of:
            return difference(asked, _opening(calendar, week_of(window.outside_of), asked))
        opened = _opening(calendar, window.week, asked)
        if window.whole_holidays:
            ordinary = _opening(calendar, (Hours(EVERY_DAY, "00:00", "24:00"),), asked)
            opened = union(opened, difference(asked, ordinary))
        return opened

    def early_spans(self, calendar: Calendar, within: Span | Spans, blocking_limit: str = "local_22") -> Spans:
        """The seconds of the window inside `within` in which planned work may not stop the service (D-BLK).

        `blocking_limit=literal_cet` takes the hour in the fixed offset it is written in: 22:00 CET is
        21:00 UTC all year, 23:00 on a summer evening in Paris (Amb-01).
        """
        limit = self.evening_limit
        if limit is None:
            return NEVER
        literal = blocking_limit == "literal_cet" and limit.written_offset is not None
        evenings = (Hours(iso_days(limit.days), limit.start, "24:00" if literal else limit.until),)
        early = _opening(calendar, evenings, _spans(within))
        if literal:
            early = union(*(span(start, min(end, _literal(calendar, start, limit))) for start, end in early))
        return intersection(early, self.window_spans(calendar, within))


class TierTerms(Promise, frozen=True):
    """How long a backup of a tier is kept, and how many would be if they were counted (Amb-27)."""

    keep: Duration
    generations: Positive

    @property
    def kept(self) -> Keep:
        """Kept to 24:00 of the day that many days or months after completion; 4 weeks are 28 days."""
        return keep_of(self.keep)


class OfficeDocumentTerms(Promise, frozen=True):
    """Office documents: a backup every so many days, and how many past states are owed (1 is the last)."""

    every_days: Positive
    states: Positive


class BackupTerms(Promise, frozen=True, dict=True):
    """Backups of client data: the night they start in, copies and places, and each tier (article 9)."""

    night: Nightly
    copies: Positive
    places: Positive
    daily: TierTerms | None = None
    weekly: TierTerms | None = None
    monthly: TierTerms | None = None
    office_documents: OfficeDocumentTerms | None = None

    def __post_init__(self) -> None:
        if self.places > self.copies:
            raise Wrong("places", f"{self.copies} copies cannot lie in {self.places} places")
        if not self.tiers:
            raise Wrong("daily", "no tier is kept; write at least one of daily, weekly, monthly")

    @cached_property
    def tiers(self) -> dict[Tier, TierTerms]:
        """The tiers the booklet promises, shortest first."""
        written: dict[Tier, TierTerms | None] = {"daily": self.daily, "weekly": self.weekly, "monthly": self.monthly}
        return {tier: terms for tier, terms in written.items() if terms is not None}


class RestoreTerms(Promise, frozen=True):
    """Restores are made on request; after a disaster with best efforts. No delay is a number (article 9)."""

    on_request: bool
    disaster_best_efforts: bool = False


class UpdateTerms(Promise, frozen=True):
    """Which updates are announced and which have an agreed date (article 10).

    `notice_hours` 0 is any time before; a kind in neither list is decided by its version number (Amb-21).
    """

    notice_hours: Whole
    announced: tuple[UpdateKind, ...]
    not_announced: tuple[UpdateKind, ...] = ()
    impact_notice: bool = False
    agreed: tuple[UpdateKind, ...] = ()
    not_agreed: tuple[UpdateKind, ...] = ()
    agreed_with_option: Option | None = None

    def __post_init__(self) -> None:
        for field, other in (("announced", "not_announced"), ("agreed", "not_agreed")):
            if both := sorted(set(getattr(self, field)) & set(getattr(self, other))):
                raise Wrong(field, f"{both[0]} is in {other} too")

    @property
    def notice_seconds(self) -> int:
        return self.notice_hours * 3600


class PlanTerms(Promise, frozen=True):
    """What one plan adds: its response delay in working hours, longer hours, priority, dashboards."""

    response_hours: Positive
    extended_week: tuple[WeekHours, ...] = ()
    priority_calls: bool = False
    dashboards: tuple[Literal["requests", "articles"], ...] = ()

    def __post_init__(self) -> None:
        disjoint("extended_week", self.extended_week)

    @property
    def response_seconds(self) -> int:
        return self.response_hours * 3600


class SupportTerms(Promise, frozen=True):
    """The share of requests taken in charge in time, over which period, in whose hours (article 12.2).

    `telephone_week` is the opening another clause gives (12.6). A plan without a table has no clock.
    """

    minimum_percent: Fraction
    period_months: Positive
    week: tuple[WeekHours, ...]
    telephone_week: tuple[WeekHours, ...] = ()
    not_support_channels: tuple[Name, ...] = ()
    connect: PlanTerms | None = None
    open: PlanTerms | None = None
    private: PlanTerms | None = None

    def __post_init__(self) -> None:
        if not self.week:
            raise Wrong("week", "no hours; a delay in working hours needs some")
        disjoint("week", self.week)
        disjoint("telephone_week", self.telephone_week)

    def plan(self, plan: Plan) -> PlanTerms | None:
        """The plan's own terms; None where it has no support clock."""
        return {"connect": self.connect, "open": self.open, "private": self.private}[plan]

    def handles(self, channel: str | None) -> bool:
        """Whether requests by a channel are support's to handle, however it is written: `SAM` is `sam` (A3.3)."""
        return channel is None or channel.strip().casefold() not in map(str.casefold, self.not_support_channels)

    def week_for(self, plan: Plan, reading: Reading) -> Week | None:
        """The plan's period of opening, in which its working hours run (D-SUP-OPEN, D-SUP-PRIV).

        `private_hours=art_12_2` gives a plan with extended hours those of Open, which `support_hours`
        chooses between 12.2 and 12.6 (Amb-06, Amb-19). None for a plan without a clock.
        """
        own = self.plan(plan)
        if own is None:
            return None
        if own.extended_week and reading.private_hours == "art_12_10":
            return week_of(own.extended_week)
        by_telephone = self.telephone_week and reading.support_hours == "art_12_6"
        return week_of(self.telephone_week if by_telephone else self.week)


class AnomalyTerms(Promise, frozen=True):
    """Criticality 1: a plan within working hours; criticality 2: a fix within working days; 3: nothing (12.3)."""

    plan_hours: Positive
    fix_working_days: Positive

    @property
    def plan_seconds(self) -> int:
        return self.plan_hours * 3600


# --- spans --------------------------------------------------------------------------------------


def _spans(within: Span | Spans) -> Spans:
    if within and isinstance(within[0], int):
        return union((within,))
    return within


def _opening(calendar: Calendar, week: Week, within: Spans) -> Spans:
    return union(*(calendar.opening(week, each) for each in within)) if week else NEVER


def _literal(calendar: Calendar, evening: Instant, limit: EveningLimit) -> Instant:
    """The instant of `limit.until` on the date of that evening, on a clock that keeps the written offset."""
    day = calendar.local_date(evening)
    midnight = seconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return midnight + seconds_of_day(limit.until) - offset_seconds(limit.written_offset or "+00:00")
