"""The frames of a contract over time, looked up once for each stretch between two changes of terms or reading."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date

from ledger import events as e
from ledger.history import History
from ledger.spans import FIRST, FOREVER, Instant, seconds
from ledger.workdays import Calendar
from projections.frame import Frame, Frames

PUBLISHED = (e.TermsVersionPublished, e.CalendarPublished)


class Eras:
    """Those of one history; `calendar` is that of the service's start."""

    def __init__(self, history: History, frames: Frames) -> None:
        published = [fact for fact in history.frame if isinstance(fact.event, PUBLISHED)]
        framing = [*history.own(e.ReadingAdopted, e.ContractScopeChanged), *published]
        changes = {seconds(fact.event.effective_from) for fact in framing}
        self._starts = sorted({FIRST, *changes})
        self.frames = frames
        self._found: dict[int, Frame] = {}
        self.calendar: Calendar = self.at(seconds(history.started.event.service_start)).calendar

    def at(self, instant: Instant) -> Frame:
        place = bisect_right(self._starts, instant) - 1  # the first begins before all
        frame = self._found.get(place)
        if frame is None:
            frame = self._found[place] = self.frames.at(self._starts[place])
        return frame

    def stretch(self, instant: Instant) -> tuple[Instant, Instant, Frame]:
        """The half-open stretch of time around an instant in which one frame is in force, and that frame."""
        place = bisect_right(self._starts, instant)
        end = self._starts[place] if place < len(self._starts) else FOREVER + 1
        return self._starts[place - 1], end, self.at(instant)

    def alike(self, start: Instant, end: Instant) -> bool:
        """Whether one frame is in force from `start` to `end`."""
        return bisect_right(self._starts, start) == bisect_right(self._starts, end)

    def on(self, day: date) -> Frame:
        """The frame at the first instant of a local day."""
        return self.at(self.calendar.at(day))
