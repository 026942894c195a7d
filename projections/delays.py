"""Delays of support: when so many working hours, or working days, of a plan have passed, standstills left out.

Article 12.3. A delay in hours runs in the seconds support is open, and what comes when they are just used up is in
time (D-HO). A delay in days does not count the local day it starts from, and ends with its last day (D-DAYS): 24:00
is the first instant of the next day, and what comes then is late.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from msgspec import Struct, structs

from ledger import events as e
from ledger.history import History
from ledger.spans import FOREVER, NEVER, Instant, Spans, difference, union
from ledger.workdays import Calendar, Week
from projections.frame import Frame
from projections.ground import without_support


class Delay(NamedTuple):
    """When a delay ends, and the last instant at which a delivery is still in time.

    The two differ where working hours run out at closing time, since none passes until the next opening; and where
    a delay ends with a day, whose last second is the one before.
    """

    deadline: Instant
    last: Instant


class Clock(Struct, frozen=True, kw_only=True):
    """The clock of one plan: its week (None: it has none), and the calendar without the time it stood still."""

    frame: Frame
    week: Week | None
    stopped: Spans
    running: Calendar
    ended: bool = False  # the contract, and with it all that was owed

    @property
    def ends_at(self) -> Instant:
        """When it stops for good; `FOREVER` if it does not."""
        return self.stopped[-1][0] if self.stopped and self.stopped[-1][1] == FOREVER else FOREVER

    def after(self, since: Instant, wanted: int) -> Instant | None:
        """When that many working seconds have passed; None where the clock stops for good before."""
        assert self.week is not None
        if self.ends_at < FOREVER and self.running.working_seconds(self.week, since, self.ends_at) < wanted:
            return None
        return self.running.deadline(self.week, since, wanted)

    def hours(self, since: Instant, wanted: int) -> Delay | None:
        """The delay of that many working seconds; used up at closing, they are not exceeded before the next opening."""
        deadline, late = (self.after(since, wanted + more) for more in (0, 1))
        return None if deadline is None else Delay(deadline, deadline if late is None else late - 1)

    def days(self, since: Instant, count: int) -> Delay | None:
        """The delay of that many working days, the local day of `since` not counted."""
        day = self._day(self.frame.calendar.local_date(since), count)
        delay = None if day is None else self._end(since, day)
        return None if delay is None or delay.deadline > self.ends_at else delay

    def _day(self, day: date, count: int) -> date | None:
        """The working day that many after `day`; one on which support stood still all through is not counted."""
        calendar = self.frame.calendar
        while count:
            day = calendar.add_working_days(day, 1)
            if self.ends_at <= calendar.at(day):
                return None
            opened = calendar.opening(self.week or (), calendar.day(day))
            count -= not opened or difference(opened, self.stopped) != NEVER
        return day

    def _end(self, since: Instant, day: date) -> Delay:
        """Amb-20: the last working day ends at 24:00, or the delay when support closes, or at the hour it began."""
        calendar, value = self.frame.calendar, self.frame.reading.working_day_end
        if value == "same_time":
            local = calendar.local(since)
            same = calendar.at(day, f"{local:%H:%M}") + local.second
            return Delay(same, same)
        opened = calendar.opening(self.week or (), calendar.day(day))
        if value == "closing" and opened:
            return Delay(opened[-1][1], opened[-1][1])
        midnight = calendar.at(day, "24:00")
        return Delay(midnight, midnight - 1)


def clock_of(history: History, frame: Frame, plan: e.Plan) -> Clock:
    """The clock of a plan by the terms and the reading of a frame."""
    stopped, calendar = without_support(history), frame.calendar
    closings, openings = union(calendar.closings, stopped), difference(calendar.openings, stopped)
    running = structs.replace(calendar, closings=closings, openings=openings)
    ended = bool(history.own(e.ContractTerminated))
    week = frame.terms.support.week_for(plan, frame.reading)
    return Clock(frame=frame, week=week, stopped=stopped, running=running, ended=ended)
