"""What a dossier draws: months with their reference period, stops, exclusions and slots, and nights of backup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

from ledger.events import MaintenanceAnnounced, MaintenanceCancelled, MaintenanceRescheduled
from ledger.history import History
from ledger.spans import Instant, Span, Spans, intersection, span
from ledger.workdays import Calendar
from projections.finding import at
from projections.frame import Frames
from projections.periods import months_between
from projections.questions import question
from projections.tally import Tally, measure, month_of
from projections.unavailability import interruptions
from replays import timeline
from replays.words.moments import seconds_of

MOST_MONTHS = 3  # drawn hour by hour
MOST_NIGHTS = 400
ACCESS = ("availability", "maintenance")  # questions whose months are drawn
KEPT = ("availability", "backup_nights", "backup_weeks", "backup_months", "restore_decision", "breaches")


class Drawn(Struct, frozen=True, kw_only=True):
    """One month: its label, its local days, and what is drawn on them."""

    month: str
    days: tuple[date, ...]
    bars: tuple[timeline.Bar, ...]


class Pictures(Struct, frozen=True, kw_only=True):
    """The months drawn hour by hour, and the nights owed a backup by whether they had it."""

    months: tuple[Drawn, ...] = ()
    nights: dict[str, list[str]] = {}


def pictures(history: History, asked: str, period: tuple[date, date] | None, found: Any, workings: Any) -> Pictures:
    """What is drawn for a question over a period of local days, both included, or about things in no given period.

    Of things (maintenances, restores) those found broken are drawn first, in the months of their days.
    """
    calendar = Frames(history).at(min(history.now, history.last_known_at)).calendar
    days = sorted(set(_days(calendar, _at_stake(found, workings))))
    months = months_between(*period) if period else list(dict.fromkeys(f"{day:%Y-%m}" for day in days))
    drawn = months if asked in ACCESS else []
    nights: dict[str, list[str]] = {}
    if asked in KEPT and months and (period or asked == "restore_decision"):
        nights = _nights(history, months)
    return Pictures(months=tuple(_month(history, label) for label in drawn[:MOST_MONTHS]), nights=nights)


def _at_stake(found: Any, workings: Any) -> Any:
    """The workings of what was found broken, or of everything where nothing was."""
    if not isinstance(found, Mapping) or not isinstance(workings, Mapping):
        return {}
    broken = {name for name, row in found.items() if isinstance(row, Mapping) and _broken(row)}
    return {name: inner for name, inner in workings.items() if name in (broken or found)}


def _broken(row: Mapping[str, Any]) -> bool:
    return bool(row.get("breach") or row.get("notice_breach")) or any(
        (row.get(name) or 0) > 0 for name in ("early_blocking_seconds", "outside_window_seconds")
    )


def _days(calendar: Calendar, value: Any) -> Iterable[date]:
    """The local days of work done and of states asked for."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, Mapping) or name in ("work", "state_of"):
                yield from _days(calendar, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _days(calendar, inner)
    elif isinstance(value, str):
        yield calendar.local_date(seconds_of(value)) if "T" in value else date.fromisoformat(value)


def _nights(history: History, months: list[str]) -> dict[str, list[str]]:
    frame, _, within = month_of(history, Frames(history), months[0])
    first = frame.calendar.local_date(within[0])
    last = frame.calendar.local_date(month_of(history, Frames(history), months[-1])[2][1] - 1)
    last = min(last, first + timedelta(days=MOST_NIGHTS))
    found: dict[str, list[str]] = question("backup_nights").function()(history, Frames(history), first, last).result
    return found


def _month(history: History, label: str) -> Drawn:
    frame, name, within = month_of(history, Frames(history), label)
    tally = measure(history, frame, name, within, interruptions(history))
    calendar = frame.calendar
    first, last = calendar.local_date(within[0]), calendar.local_date(within[1] - 1)
    days = tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
    return Drawn(month=label, days=days, bars=_bars(history, calendar, tally, within, days))


def _bars(
    history: History, calendar: Calendar, tally: Tally, within: Span, days: tuple[date, ...]
) -> tuple[timeline.Bar, ...]:
    drawn: list[tuple[str, str, str, Spans]] = [("prt", "", "", tally.reference)]
    for loss in tally.stops:
        kind = "maintenance" if loss.stop.maintenance else "outage"
        drawn.append((kind, loss.name, "", loss.spans))
    for each in tally.exclusions:
        if each.stands and each.facts:
            drawn.append(("excluded", each.id, each.ground, each.spans))
    drawn += [("announced", name, "", slot) for name, slot in _slots(history)]
    return tuple(
        bar
        for kind, name, ground, spans in drawn
        for start, end in intersection(spans, (within,))
        for bar in _by_day(calendar, days, start, end, timeline.Bar(0, 0, 0, kind, name, ground))
    )


def _slots(history: History) -> Iterable[tuple[str, Spans]]:
    gone = {(f.stream, f.event.maintenance) for f in history.of(MaintenanceCancelled)}
    last = {(f.stream, f.event.maintenance): f for f in history.of(MaintenanceAnnounced, MaintenanceRescheduled)}
    for key, fact in last.items():
        if key not in gone:
            yield key[1], span(at(fact, "planned_start"), at(fact, "planned_end"))


def _by_day(
    calendar: Calendar, days: tuple[date, ...], start: Instant, end: Instant, bar: timeline.Bar
) -> Iterable[timeline.Bar]:
    """A span cut at local midnights, by the clock of the wall."""
    while start < end:
        day = calendar.local_date(start)
        midnight = calendar.day(day, day)[1]
        until = min(end, midnight)
        begin = calendar.wall_seconds(start) % timeline.DAY_SECONDS
        finish = timeline.DAY_SECONDS if until == midnight else calendar.wall_seconds(until) % timeline.DAY_SECONDS
        if day in days and finish > begin:
            yield bar._replace(row=days.index(day), start=begin, end=finish)
        start = until
