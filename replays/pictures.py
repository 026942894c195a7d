"""What a dossier draws of a month: its reference period, stops, exclusions, slots and nights, by local day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from ledger.events import MaintenanceAnnounced, MaintenanceCancelled, MaintenanceRescheduled
from ledger.history import History
from ledger.spans import Instant, Span, Spans, intersection, span
from ledger.workdays import Calendar
from projections.finding import at
from projections.frame import Frames
from projections.questions import question
from projections.tally import Tally, measure, month_of
from projections.unavailability import interruptions
from replays import timeline


def month_data(history: History, values: Mapping[str, Any]) -> dict[str, Any]:
    """The month's bars by local day, and its nights of backup; nothing where no month is in dispute."""
    if "month" not in values:
        return {}
    frame, label, within = month_of(history, Frames(history), values["month"])
    tally = measure(history, frame, label, within, interruptions(history))
    calendar = frame.calendar
    first, last = calendar.local_date(within[0]), calendar.local_date(within[1] - 1)
    asked = question("backup_nights")
    nights = asked.function()(history, Frames(history), first, last).result
    days = [str(first + timedelta(days=n)) for n in range((last - first).days + 1)]
    return {"days": days, "bars": _bars(history, calendar, tally, within, days), "nights": nights}


def _bars(
    history: History, calendar: Calendar, tally: Tally, within: Span, days: list[str]
) -> tuple[timeline.Bar, ...]:
    drawn: list[tuple[str, str, Spans]] = [("prt", "", tally.reference)]
    for loss in tally.stops:
        kind = "maintenance" if loss.stop.maintenance else "outage"
        drawn.append((kind, loss.name, loss.spans))
    for each in tally.exclusions:
        if each.stands and each.facts:
            drawn.append(("excluded", f"{each.id} ({each.ground})", each.spans))
    drawn += [("announced", name, slot) for name, slot in _slots(history)]
    return tuple(
        bar
        for kind, name, spans in drawn
        for start, end in intersection(spans, (within,))
        for bar in _by_day(calendar, days, start, end, kind, name)
    )


def _slots(history: History) -> Iterable[tuple[str, Spans]]:
    gone = {(f.stream, f.event.maintenance) for f in history.of(MaintenanceCancelled)}
    last = {(f.stream, f.event.maintenance): f for f in history.of(MaintenanceAnnounced, MaintenanceRescheduled)}
    for key, fact in last.items():
        if key not in gone:
            yield key[1], span(at(fact, "planned_start"), at(fact, "planned_end"))


def _by_day(
    calendar: Calendar, days: list[str], start: Instant, end: Instant, kind: str, label: str
) -> Iterable[timeline.Bar]:
    """A span cut at local midnights, by the clock of the wall."""
    while start < end:
        day = calendar.local_date(start)
        midnight = calendar.day(day, day)[1]
        until = min(end, midnight)
        begin = calendar.wall_seconds(start) % timeline.DAY_SECONDS
        finish = timeline.DAY_SECONDS if until == midnight else calendar.wall_seconds(until) % timeline.DAY_SECONDS
        if str(day) in days and finish > begin:
            yield timeline.Bar(days.index(str(day)), begin, finish, kind, label)
        start = until
