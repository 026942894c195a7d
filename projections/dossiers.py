"""Dossiers nobody types into: active, inactive or unused at a date, ticked to be kept, and billed from when to when.

Article 4. The age of a dossier counts from the day its last entry or import was typed, opening balances left
out (A4.1); its years without activity from the closing date that activity was for (Amb-22). Each activity opens
a stretch that lasts until the next: a dossier typed into again is billed no more, from the next month on. Days
are local dates; "until" a day takes the day in, to 24:00. Nothing is owed or billed outside the service period.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import FOREVER, Instant, contains, intersection, seconds
from ledger.terms import DossierTerms
from ledger.workdays import Calendar, add_months, iso_month_label
from projections.dossier_facts import Dossier, asked, dossiers_of, happened, knowable
from projections.finding import Breach, Finding, at, text
from projections.frame import Frame, Frames
from projections.periods import months_between, over

NOT_PROMISED = "the booklet says nothing of dossiers"
NO_ACTIVITY = "no entry or import is known"
ENDS = (e.DossierUnticked, e.DossierDeleted)  # who is deleted is kept no more, whether unticked before or not


class Schedule(NamedTuple):
    """The dates of one stretch without activity; `untick_by` is 24:00 of `untick_until`, exclusive."""

    terms: DossierTerms
    frame: Frame
    counted_from: date
    completed_on: date
    tick_on: date
    untick_until: date
    untick_by: Instant
    billing_from: date


class Stretch(NamedTuple):
    """From one activity until the day of the next (None: there is none known), and what was done in between."""

    activity: Fact
    until: date | None
    schedule: Schedule
    told: list[Fact]


class Run(NamedTuple):
    """Days billed without a break: from `since` to `last`, both included; None while it goes on."""

    since: date
    last: date | None
    facts: tuple[Fact, ...]


# --- questions ---


def dossier_state(history: History, frames: Frames, on: date, dossiers: tuple[str, ...] | None = None) -> Finding:
    """Per dossier active, inactive or unused on a local date; null where no activity up to it is known (A4.1).

    Active: the last entry or import is less than 12 months old, strictly. Unused: inactive, and 6 years
    completed without one; 5 with `dossier_years=ordinal`. Raises `Refused("unknown_id")`.
    """
    frame = _frame_on(frames, on)
    result: dict[str, str | None] = {}
    workings: dict[str, Any] = {}
    relied: list[Fact] = []
    for dossier in asked(history, dossiers):
        last = [fact for fact in _activities(frames, dossier) if fact.event.last_entry_date <= on][-1:]
        relied += last
        terms = frame.terms.dossiers
        if terms is None or not last:
            why = NOT_PROMISED if terms is None else f"{NO_ACTIVITY} up to {on}"
            result[dossier.name], workings[dossier.name] = None, {"why": why}
            continue
        typed_on = last[0].event.last_entry_date
        inactive_from = add_months(typed_on, terms.active_months)
        unused_from = max(inactive_from, add_months(typed_on, 12 * _years(frame, terms)))
        state = "active" if on < inactive_from else "inactive" if on < unused_from else "unused"
        result[dossier.name] = state
        workings[dossier.name] = {
            "last_entry_date": typed_on.isoformat(), "kind": last[0].event.kind, "active_until": _before(inactive_from),
            "unused_from": unused_from.isoformat(), "switch": "dossier_years", "value": frame.reading.dossier_years,
            "clause": f"art. {terms.article}", "positions": list(positions_of(last)),
        }  # fmt: skip
    return Finding(result=result, workings=workings, because=positions_of(relied))


def dossier_schedule(history: History, frames: Frames, dossiers: tuple[str, ...] | None = None) -> Finding:
    """Per dossier the local dates of tick, last untick and first bill after its last activity (A4.2, Amb-22).

    Nulls where no activity is known. A dossier may be unticked to 24:00 of `untick_until`, given in the workings
    as an instant, exclusive. Raises `Refused("unknown_id")`.
    """
    result: dict[str, dict[str, str | None]] = {}
    workings: dict[str, Any] = {}
    relied: list[Fact] = []
    for dossier in asked(history, dossiers):
        last = _activities(frames, dossier)[-1:]
        found = _schedule(frames, last[0]) if last else None
        relied += last
        result[dossier.name] = {
            "tick_on": found.tick_on.isoformat() if found else None,
            "untick_until": found.untick_until.isoformat() if found else None,
            "billing_from": found.billing_from.isoformat() if found else None,
        }
        workings[dossier.name] = _shown(found, last)
    return Finding(result=result, workings=workings, because=positions_of(relied))


def dossier_billing(history: History, frames: Frames, until: date, dossiers: tuple[str, ...] | None = None) -> Finding:
    """Per dossier the months owed up to a local date, included (A4.2, A4.3).

    `billed_from` is the first day ever billed as things stand, be it after `until`, null for none; a dossier
    ticked late is billed from its tick.
    `last_billed_month` is null while billing goes on. Raises `Refused("unknown_id")`.
    """
    result: dict[str, Any] = {}
    workings: dict[str, Any] = {}
    relied: list[Fact] = []
    for dossier in asked(history, dossiers):
        stretches = _stretches(frames, dossier)
        runs = _runs(history, frames, stretches)
        last = runs[-1].last if runs else None
        result[dossier.name] = {
            "billed_from": runs[0].since.isoformat() if runs else None,
            "last_billed_month": iso_month_label(last) if last else None,
            "months": _months(history, frames, runs, until),
        }
        facts = [s.activity for s in stretches] + [f for s in stretches for f in s.told]
        relied += facts
        spans = [[run.since.isoformat(), run.last.isoformat() if run.last else None] for run in runs]
        workings[dossier.name] = {
            **_shown(stretches[-1].schedule if stretches else None, [s.activity for s in stretches[-1:]]),
            "billed_days": spans, "switches": _switches(frames, until), "positions": list(positions_of(facts)),
        }  # fmt: skip
    return Finding(result=result, workings=workings, because=positions_of(relied))


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A4.2 and A4.3 filed from `first` to `last`, local dates, both included.

    An invoice without right is filed at the invoice, a tick not done or not told as 25 December ends.
    """
    found: list[Breach] = []
    for dossier in dossiers_of(history):
        for row in _rows(history, frames, dossier):
            if first <= _calendar(frames, row.on).local_date(row.on) <= last:
                found.append(_dated(history, frames, dossier, row))
    return sorted(found, key=lambda row: (row.on, row.obligation, row.subject, row.period, row.what))


def _dated(history: History, frames: Frames, dossier: Dossier, row: Row) -> Breach:
    def shown(then: History, same: Dossier) -> bool:
        return any((r.obligation, r.what, r.period) == row[:3] for r in _rows(then, frames, same))

    since = row.on + 1 if row.what == "tick_notice_missing" else row.on
    return Breach(
        obligation=row.obligation, clause=row.clause, what=row.what, subject=dossier.name, period=row.period,
        amount=row.amount, limit=row.limit, on=row.on, first_knowable_at=knowable(history, dossier, since, shown),
        because=positions_of(row.facts),
    )  # fmt: skip


# --- what was broken ---


class Row(NamedTuple):
    """One promise broken, before it is known since when that could be proved."""

    obligation: str
    what: str
    period: str
    clause: str
    amount: str
    limit: str
    on: Instant
    facts: list[Fact]


def _rows(history: History, frames: Frames, dossier: Dossier) -> Iterator[Row]:
    stretches = _stretches(frames, dossier)
    for stretch in stretches:
        yield from _tick_missing(history, stretch)
    runs = _runs(history, frames, stretches)
    for invoice in dossier.of(e.DossierInvoiced):
        if stretches:  # without any activity known, nothing says what was owed
            yield from _without_right(history, frames, stretches, runs, invoice)


def _without_right(
    history: History, frames: Frames, stretches: list[Stretch], runs: list[Run], invoice: Fact
) -> Iterator[Row]:
    """A month invoiced that is not among the months owed: before billing begins (A4.2), or after it ended (A4.3)."""
    month = invoice.event.month
    first = date(int(month[:4]), int(month[5:]), 1)
    if month in _months(history, frames, runs, add_months(first, 1) - timedelta(days=1)):
        return
    ended = [iso_month_label(run.last) for run in runs if run.last and run.last < first]
    limit = f"last month owed {ended[-1]}" if ended else "no month owed yet"
    clause = stretches[-1].schedule.terms.article
    facts = [invoice, *(s.activity for s in stretches), *(f for s in stretches for f in s.told)]
    yield Row(
        "A4.3" if ended else "A4.2", "invoiced_without_right", month, clause,
        f"{month} invoiced", limit, happened(invoice), facts,
    )  # fmt: skip


def _tick_missing(history: History, stretch: Stretch) -> Iterator[Row]:
    """Not ticked by the end of 1 October, or the customer not told before 25 December ended (A4.2)."""
    schedule, calendar = stretch.schedule, stretch.schedule.frame.calendar
    due_by = calendar.at(schedule.tick_on, "24:00")
    typed_again = stretch.until is not None and stretch.until <= schedule.untick_until
    gone = any(isinstance(f.event, e.DossierDeleted) and at(f) < due_by for f in stretch.told)
    owed = contains(history.in_force, calendar.at(schedule.tick_on)) and not typed_again and not gone
    if not owed or not over(schedule.untick_by, history.now):
        return
    ticks = [fact for fact in stretch.told if isinstance(fact.event, e.DossierTicked)]
    done = any(at(tick) < due_by for tick in ticks)
    informed = any(tick.event.customer_informed and at(tick) < schedule.untick_by for tick in ticks)
    if not (done and informed):
        amount = "customer not informed" if done else "not ticked in time"
        yield Row(
            "A4.2", "tick_notice_missing", schedule.tick_on.isoformat(), schedule.terms.article, amount,
            f"ticked on {schedule.tick_on}, customer informed", schedule.untick_by - 1, [stretch.activity, *ticks],
        )  # fmt: skip


# --- the dates of a dossier ---


def _activities(frames: Frames, dossier: Dossier) -> list[Fact]:
    """The entries and imports, one a day, by day; opening balances are none (A4.1)."""
    by_day: dict[date, Fact] = {}
    for fact in dossier.of(e.DossierActivityRecorded):
        terms = _frame_on(frames, fact.event.last_entry_date).terms.dossiers
        if terms is None or fact.event.kind not in terms.not_activity:
            by_day[fact.event.last_entry_date] = fact
    return list(by_day.values())


def _schedule(frames: Frames, activity: Fact) -> Schedule | None:
    """Judged by the terms and the reading in force on the tick they lead to; None where none are promised."""
    counted_from = activity.event.closing_date or activity.event.last_entry_date
    expected = _dates(_frame_on(frames, counted_from), counted_from)
    return _dates(_frame_on(frames, expected.tick_on), counted_from) if expected else None


def _dates(frame: Frame, counted_from: date) -> Schedule | None:
    """The first 1 January after the years completed, and the 1 October and 25 December before it (A4.2)."""
    terms = frame.terms.dossiers
    if terms is None:
        return None
    completed_on = add_months(counted_from, 12 * _years(frame, terms))
    billing_from = _following(terms.billed_from, completed_on)
    untick_until = _preceding(terms.untick_until, billing_from)
    return Schedule(
        terms=terms, frame=frame, counted_from=counted_from, completed_on=completed_on,
        tick_on=_preceding(terms.tick_on, billing_from), untick_until=untick_until,
        untick_by=frame.calendar.at(untick_until, "24:00"), billing_from=billing_from,
    )  # fmt: skip


def _years(frame: Frame, terms: DossierTerms) -> int:
    """Six completed years, or the sixth begun: five completed (Amb-22)."""
    return terms.unused_years - (frame.reading.dossier_years == "ordinal")


def _stretches(frames: Frames, dossier: Dossier) -> list[Stretch]:
    """Each activity that has a schedule, with the ticks, unticks and deletions up to the day of the next."""
    activities = _activities(frames, dossier)
    found = []
    for place, activity in enumerate(activities):
        schedule = _schedule(frames, activity)
        if schedule is None:
            continue
        since = activity.event.last_entry_date
        until = activities[place + 1].event.last_entry_date if place + 1 < len(activities) else None
        days = [(schedule.frame.calendar.local_date(at(f)), f) for f in dossier.of(e.DossierTicked, *ENDS)]
        told = [fact for day, fact in days if since <= day and (until is None or day < until)]
        found.append(Stretch(activity, until, schedule, told))
    return found


def _runs(history: History, frames: Frames, stretches: list[Stretch]) -> list[Run]:
    """When the dossier was billed, in order, cut to the service period."""
    if not history.in_force:
        return []
    calendar = _calendar(frames, history.in_force[0][0])
    opened = calendar.local_date(history.in_force[0][0])
    ended_at = history.in_force[-1][1]
    closed = None if ended_at == FOREVER else _calendar(frames, ended_at).local_date(ended_at - 1)
    found = []
    for stretch in stretches:
        typed_until = None if stretch.until is None else stretch.until - timedelta(days=1)
        for run in _billed(frames, stretch, history.in_force[0][0]):
            since = max(run.since, opened)
            last = min((day for day in (run.last, typed_until, closed) if day is not None), default=None)
            if last is None or since <= last:
                found.append(Run(since, last, run.facts))
    return found


def _billed(frames: Frames, stretch: Stretch, service_start: Instant) -> Iterator[Run]:
    """Billing runs from 1 January, or from a later tick (A4.2), until it is unticked in time (A4.3).

    A dossier whose 25 December was over before the service began is ticked by default ("par défaut, ces
    dossiers sont cochés"); any other once the ledger holds a tick, or an untick that found it ticked by itself.
    """
    schedule = stretch.schedule
    since = schedule.billing_from if schedule.untick_by <= service_start else None
    first_due = next((f for f in stretch.told if at(f) >= schedule.frame.calendar.at(schedule.tick_on)), None)
    facts: tuple[Fact, ...] = (stretch.activity,)
    for fact in stretch.told:
        frame = frames.at(at(fact))
        day = frame.calendar.local_date(at(fact))
        if isinstance(fact.event, e.DossierTicked):
            since, facts = since or max(day, schedule.billing_from), (*facts, fact)
        elif since is not None or (fact is first_due and isinstance(fact.event, e.DossierUnticked)):
            if at(fact) >= schedule.untick_by:
                yield Run(since or schedule.billing_from, _last_billed(frame, schedule.terms, day), (*facts, fact))
            since = None  # unticked up to 25 December included: never billed
    if since is not None:
        yield Run(since, None, facts)


def _last_billed(frame: Frame, terms: DossierTerms, day: date) -> date:
    """The last day billed after an untick: the 24th still stops with the month, the 25th with the next (A4.3)."""
    if frame.reading.stop == "day_to_day":
        return add_months(day, terms.stop_months)
    months = terms.stop_months - (day.day < terms.untick_before_day)
    return add_months(day.replace(day=1), max(months, 0) + 1) - timedelta(days=1)


def _months(history: History, frames: Frames, runs: list[Run], until: date) -> list[str]:
    """The labels of the months the runs touch up to a day, those the service was wholly suspended left out."""
    found: set[str] = set()
    for run in runs:
        for label in months_between(run.since, min(run.last or until, until)) if run.since <= until else ():
            year, month = int(label[:4]), int(label[5:])
            span = _frame_on(frames, date(year, month, 1)).calendar.month(year, month)
            if intersection((span,), history.in_force):
                found.add(label)
    return sorted(found)


def _shown(found: Schedule | None, last: list[Fact]) -> dict[str, Any]:
    if found is None:
        return {"why": NOT_PROMISED if last else NO_ACTIVITY}
    free_until = found.billing_from - timedelta(days=1)
    extra = (free_until.year - found.completed_on.year) * 12 + free_until.month - found.completed_on.month
    return {
        "last_entry_date": last[0].event.last_entry_date.isoformat(),
        "counted_from": found.counted_from.isoformat(), "years": _years(found.frame, found.terms),
        "completed_on": found.completed_on.isoformat(), "extended_months": extra,
        "tick_on": found.tick_on.isoformat(), "untick_until": found.untick_until.isoformat(),
        "untick_until_at": text(found.untick_by), "billing_from": found.billing_from.isoformat(),
        "switch": "dossier_years", "value": found.frame.reading.dossier_years, "clause": f"art. {found.terms.article}",
        "positions": list(positions_of(last)),
    }  # fmt: skip


def _switches(frames: Frames, day: date) -> dict[str, str]:
    reading = _frame_on(frames, day).reading
    return {"dec25": reading.dec25, "monthly_25": reading.monthly_25, "stop": reading.stop}


def _frame_on(frames: Frames, day: date) -> Frame:
    """The frame in force as a local day begins."""
    near = frames.at(seconds(datetime.combine(day, time(12), UTC)))
    return frames.at(near.calendar.at(day))


def _calendar(frames: Frames, instant: Instant) -> Calendar:
    return frames.at(instant).calendar


def _following(month_day: str, day: date) -> date:
    """The first such day of the year strictly after `day`."""
    return next(d for d in (_in_year(month_day, day.year + n) for n in (0, 1)) if d > day)


def _preceding(month_day: str, day: date) -> date:
    """The last such day of the year strictly before `day`."""
    return next(d for d in (_in_year(month_day, day.year - n) for n in (0, 1)) if d < day)


def _in_year(month_day: str, year: int) -> date:
    """29 February is the 28th of a year without one."""
    return add_months(date(2000, int(month_day[:2]), int(month_day[3:])), 12 * (year - 2000))


def _before(day: date) -> str:
    return (day - timedelta(days=1)).isoformat()
