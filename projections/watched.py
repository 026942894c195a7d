"""Which switches a rule looked at: what a replay needs to know to not compute the same thing twice."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from ledger.readings import SWITCHES, Reading, switch_named
from ledger.spans import Span, Spans
from ledger.workdays import Calendar, Week, heeds_holidays

_NAMES = frozenset(switch.name for switch in SWITCHES)
LookedAt = dict[str, None]  # the names of switches, in the order they were looked at


class WatchedReading(Reading):
    """A reading that notes every switch looked at, so that a replay knows on which its result rests.

    A rule decides by attribute (`reading.overlap`). `reading["overlap"]` is how workings list the switches of a
    question whether they decided anything or not, and notes nothing: what is compared is the result. Asked for all
    its values at once (`as_dict`, `changed`, iteration, comparison), it notes them all.
    """

    __slots__ = ("_looked_at",)
    _looked_at: LookedAt

    def __init__(self, reading: Reading, looked_at: LookedAt) -> None:
        object.__setattr__(self, "_looked_at", looked_at)
        object.__getattribute__(self, "__dict__").update(dict(Reading.as_dict(reading)))

    def __getattribute__(self, name: str) -> Any:
        if name in _NAMES:
            object.__getattribute__(self, "_looked_at").setdefault(name)
        elif name == "__dict__":
            object.__getattribute__(self, "_looked_at").update(dict.fromkeys(sorted(_NAMES)))
        return object.__getattribute__(self, name)

    def __getitem__(self, name: str) -> str:
        value: str = object.__getattribute__(self, "__dict__")[name]
        return value

    __hash__ = Reading.__hash__


class WatchedCalendar(Calendar, frozen=True, cache_hash=True, kw_only=True):
    """A calendar that notes the switch `holidays` where a day is asked about on which its lists differ."""

    open_days: tuple[date, ...]  # in order
    looked_at: LookedAt

    def is_holiday(self, day: date) -> bool:
        if self._open_within(day, day):
            self.looked_at.setdefault("holidays")
        return Calendar.is_holiday(self, day)

    def opening(self, week: Week, within: Span) -> Spans:
        start, end = within
        if start < end and heeds_holidays(week):
            first, last = self.local_date(start), self.local_date(end - 1)
            if self._open_within(first, last):
                self.looked_at.setdefault("holidays")
        return Calendar.opening(self, week, within)

    def _open_within(self, first: date, last: date) -> bool:
        place = bisect_left(self.open_days, first)
        return place < len(self.open_days) and self.open_days[place] <= last


def differing(lists: Mapping[str, Iterable[date]]) -> tuple[date, ...]:
    """The days on which not all lists agree, in order."""
    days = [frozenset(each) for each in lists.values()]
    return tuple(sorted(frozenset.union(*days) - frozenset.intersection(*days)))


def watched_calendar(
    calendar: Calendar, lists: Mapping[str, Iterable[date]], open_days: tuple[date, ...], looked_at: LookedAt
) -> Calendar:
    """The calendar, watched on the `open_days` where the lists that `holidays` chooses from differ."""
    if len(lists) > 1 and not lists.keys() >= set(switch_named("holidays").values):
        looked_at.setdefault("holidays")  # one of its values is refused
    fields = {name: getattr(calendar, name) for name in Calendar.__struct_fields__}
    return WatchedCalendar(**fields, open_days=open_days, looked_at=looked_at)
