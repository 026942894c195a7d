"""Since when what an entry tells of may have begun, by all that was ever told of it.

What begins after a period is over does not bear on what happened in it; so a replay need not judge a period anew for
an entry about a later thing. In doubt a thing has always been: where an entry of it was corrected or withdrawn, where
nothing of it has an instant, and where the contract or its readings themselves are told of.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from ledger.corrections import ACTS
from ledger.events import Event
from ledger.history import History
from ledger.kept_entries import Entries
from ledger.order import group_of
from ledger.spans import FIRST, FOREVER, Instant, seconds
from projections.concerning import entries_of, targets_of_acts
from projections.validity import FRAMING

Thing = tuple[str, str]  # noun and id, in whichever stream: an answer tells namesakes apart


class Beginnings:
    """The first instant told of each thing a history ever heard of, in whole seconds of UTC."""

    def __init__(self, history: History) -> None:
        self._things: dict[int, Thing] = {}
        self._first: dict[Thing, Instant] = {}
        for stream, entries in history.streams.items():
            if stream != "ledger":
                self._take(entries)

    def of(self, position: int) -> Instant:
        """Since when the thing may have been that the entry at a position tells of."""
        thing = self._things.get(position)
        return FIRST if thing is None else self._first[thing]

    def _take(self, entries: Entries) -> None:
        for position, entry in entries:
            event = entry.event
            if isinstance(event, Event) and type(event).__name__ not in FRAMING:
                thing = group_of(event) or ("entry", str(position))
                self._things[position] = thing
                self._first[thing] = min(self._first.get(thing, FOREVER), _first_told(event))
        for target in targets_of_acts(entries, entries_of(entries, ACTS)).values():
            if target in self._things:
                self._first[self._things[target]] = FIRST


def _first_told(event: Event) -> Instant:
    """The first instant an event tells, of a day or a month the first anywhere; `FOREVER` where it tells none."""
    told: list[Any] = [getattr(event, name) for name in type(event).__struct_fields__]
    days = [value for value in told if isinstance(value, date) and not isinstance(value, datetime)]
    month = getattr(event, "month", None)
    days += [date.fromisoformat(f"{month}-01")] if month else []
    anywhere = [datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1) for day in days]
    return min(map(seconds, (*(value for value in told if isinstance(value, datetime)), *anywhere)), default=FOREVER)
