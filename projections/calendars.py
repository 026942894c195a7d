"""One table of public holidays out of its versions: each day goes by the version in force on it (Amb-40).

A period may hold the day a new version takes effect, and a delay may run across it. So a frame judges by all
versions that are known, each on its own days; none of them changes a day before its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import structs

from ledger.corrections import Fact
from ledger.spans import Instant, seconds
from ledger.workdays import Calendar, CalendarData

DAY = timedelta(days=1)


def in_turn(versions: Sequence[Fact]) -> list[Fact]:
    """The versions of a calendar, of two of one instant the one recorded last being the later."""
    return sorted(versions, key=lambda f: (seconds(f.event.effective_from), f.position))


def place_at(versions: Sequence[Fact], instant: Instant) -> int:
    """Which of the versions in turn is in force at an instant: the last that took effect by then, else the first."""
    return max(sum(seconds(f.event.effective_from) <= instant for f in versions) - 1, 0)


def by_day(versions: Sequence[tuple[Instant, CalendarData]], place: int) -> CalendarData:
    """The version at `place`, and on the days of the others theirs: those in turn, each from its instant on.

    A version's days begin with the first local midnight it is in force at. One that lacks a list of the version at
    `place`, is of another zone or leaves days of its own uncovered is not gone on to: on its days, and those beyond
    it, the one beside it stays.
    """
    if len(versions) == 1:
        return versions[0][1]
    tables = [table for _, table in versions]
    begins = [date.min, *(_first_day(since, table.zone) for since, table in versions[1:]), date.max]
    low = high = place
    while low > 0 and _joins(tables[low - 1], tables[low], begins[low], tables[place]):
        low -= 1
    while high + 1 < len(tables) and _joins(tables[high], tables[high + 1], begins[high + 1], tables[place]):
        high += 1
    taken = range(low, high + 1)
    begins[low], begins[high + 1] = date.min, date.max
    lists = {
        name: tuple(day for n in taken for day in tables[n].lists[name] if begins[n] <= day < begins[n + 1])
        for name in tables[place].lists
    }
    return structs.replace(tables[place], first=tables[low].first, last=tables[high].last, lists=lists)


def _first_day(since: Instant, zone: str) -> date:
    calendar = Calendar(zone, frozenset())
    day = calendar.local_date(since)
    return day if calendar.at(day) == since else day + DAY


def _joins(before: CalendarData, after: CalendarData, on: date, asked: CalendarData) -> bool:
    """Whether one table can be gone on with by the next from a day on."""
    whole = before.last >= on - DAY and after.first <= on
    return whole and all(t.zone == asked.zone and t.lists.keys() >= asked.lists.keys() for t in (before, after))
