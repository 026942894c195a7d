"""What falls due next: every clock that runs at an instant, with the end it runs to, soonest first.

A clock is shown as it was known at the instant asked about (or at the knowledge instant, if that is earlier): what
came to be known later is not there. Each is the very end the subject's own rule judges by. Days end at 24:00 local.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ledger import events as e
from ledger.history import History, positions_of
from ledger.promises import MaintenanceTerms
from ledger.spans import FOREVER, Instant, contains, moment, seconds
from ledger.workdays import Calendar, end_of_days_after, iso_month_label, iso_week_label
from projections.anomalies import anomaly
from projections.backups import backup_months, backup_nights, backup_weeks, office_days
from projections.billing import billing_dates
from projections.deletions import dossier_recovery
from projections.dossiers import dossier_schedule
from projections.finding import Finding, text
from projections.finding import at as instant_of
from projections.frame import Frame, Frames
from projections.ground import support_start, turn
from projections.kept import Kept
from projections.service import service_reviews
from projections.support import support_response
from projections.weather import weather

DAY = 86_400

# what falls due: its code, the obligation, what it says to a person
WHAT: tuple[tuple[str, str, str], ...] = (
    ("take_in_charge", "A12.2a", "a technician is to take the request in charge"),
    ("action_plan", "A12.3a", "the corrective action plan is to be delivered"),
    ("fix_or_workaround", "A12.3b", "a correction or a workaround is to be delivered"),
    ("backup_of_the_night", "A9.2", "the night ends, and has no backup yet"),
    ("backup_of_the_week", "A9.3", "the week ends, and has no backup yet"),
    ("backup_of_the_month", "A9.4", "the month ends, and has no backup yet"),
    ("backup_of_office_documents", "A9.5", "the day ends, and has no backup of office documents yet"),
    ("retention_ends", "A9.8", "the backup is owed no more"),
    ("last_notice", "A5.3", "the last instant at which this slot can be announced in time"),
    ("roll_out_on_the_agreed_day", "A10.3", "the agreed day ends, and the update is not rolled out"),
    ("tick_dossier", "A4.2", "the dossier is to be ticked and the customer told"),
    ("untick_dossier", "A4.2", "the last day to untick the dossier ends"),
    ("ask_recovery", "A4.5", "the last day to ask for the deleted dossier ends"),
    ("hold_review", "A3.2", "the month ends, and has no service review yet"),
    ("contest_statement", "A6.7", "the last day to contest the statement ends"),
    ("answer_contest", "A6.7", "the last day to answer the contested statement ends"),
    ("issue_invoice", "A14.1", "the invoice of the period falls due"),
)
OBLIGATION: dict[str, str] = {what: obligation for what, obligation, _ in WHAT}
SAYS: dict[str, str] = {what: says for what, _, says in WHAT}


class Due(NamedTuple):
    """One end: when, what, by which clause, of what thing, and the entries that set its clock going."""

    due_at: Instant
    what: str
    clause: str
    subject: str
    positions: tuple[int, ...] = ()


class Asked(NamedTuple):
    """The clocks' common ground: what was known, the instant, the frame then and the contract's local day."""

    history: History
    frames: Frames
    at: Instant
    until: Instant
    frame: Frame

    @property
    def calendar(self) -> Calendar:
        return self.frame.calendar

    @property
    def day(self) -> date:
        return self.calendar.local_date(self.at)


def due(history: History, frames: Frames, at: Instant, within_days: int) -> Finding:
    """Everything that falls due from an instant to so many times 24 hours later, both included, soonest first."""
    known = history if at > history.now else history.as_known(moment(at))  # its own moment holds parts of a second
    asked = Asked(known, frames, at, min(at + within_days * DAY, FOREVER), frames.at(at))
    found = [each for clock in CLOCKS for each in clock(asked) if asked.at <= each.due_at <= asked.until]
    found.sort(key=lambda d: (d.due_at, OBLIGATION[d.what], d.what, d.subject))
    return Finding(
        result=[
            {
                "due_at": text(each.due_at),
                "what": each.what,
                "clause": each.clause,
                "subject": each.subject,
                "obligation": OBLIGATION[each.what],
            }
            for each in found
        ],
        workings={
            "window": [text(asked.at), text(asked.until)],
            "as_known_at": text(known.now),
            "says": {what: says for what, says in SAYS.items() if any(each.what == what for each in found)},
        },
        because=tuple(sorted({position for each in found for position in each.positions})),
    )


# --- support (article 12) ---


def _requests(asked: Asked) -> Iterator[Due]:
    """Requests waiting, of this period of support and the one before."""
    terms, origin = asked.frame.terms.support, support_start(asked.history, asked.calendar)
    if asked.day < origin:
        return
    this = turn(origin, asked.day, terms.period_months)
    for start in dict.fromkeys((max(turn(origin, this - timedelta(days=1), terms.period_months), origin), this)):
        finding = support_response(asked.history, asked.frames, start)
        for id, row in finding.result["requests"].items():
            shown = finding.workings["requests"][id]
            if row["state"] == "pending" and shown["limit_reached_at"] is not None:
                end = _when(shown["limit_reached_at"])
                yield Due(end, "take_in_charge", terms.article, id, tuple(shown["entries"]))


def _anomalies(asked: Asked) -> Iterator[Due]:
    finding = anomaly(asked.history, asked.frames)
    for id, row in finding.result.items():
        if row["state"] == "pending" and row["deadline"] is not None:
            shown = finding.workings[id]
            what = "action_plan" if shown["stages"][-1]["criticality"] == 1 else "fix_or_workaround"
            clause = shown["clause"].removeprefix("art. ")
            yield Due(_when(row["deadline"]), what, clause, id, tuple(shown["entries"]))


# --- backups (article 9) ---


def _running(asked: Asked) -> Iterator[Due]:
    """The night, week, month and day that run and have no backup yet."""
    day, week, month = asked.day, iso_week_label(asked.day), iso_month_label(asked.day)
    history, frames = asked.history, asked.frames
    periods = (
        ("backup_of_the_night", backup_nights(history, frames, day - timedelta(days=1), day)),
        ("backup_of_the_week", backup_weeks(history, frames, week, week)),
        ("backup_of_the_month", backup_months(history, frames, month, month)),
        ("backup_of_office_documents", office_days(history, frames, day, day)),
    )
    for what, finding in periods:
        for label in finding.result["pending"]:
            start, end = (_when(instant) for instant in finding.workings["without"][label])
            if start <= asked.at < end:
                yield Due(end, what, finding.workings["clause"].removeprefix("art. "), label)


def _retention(asked: Asked) -> Iterator[Due]:
    """Backups still held, whose last tier ends in the window."""
    kept = Kept.of(asked.history, asked.frames)
    for backup in kept.backups:
        until = kept.owed_until(backup)
        if until is not None and asked.at <= until <= asked.until and backup.restorable(asked.at):
            yield Due(until, "retention_ends", backup.frame.terms.backups.article, backup.name, backup.fact.positions)


# --- maintenance and updates (articles 5 and 10) ---


def _notices(asked: Asked) -> Iterator[Due]:
    """Slots planned whose notice is still possible: until then they can be announced anew in time."""
    finding = weather(asked.history, asked.frames, asked.at)
    for row in finding.result["maintenance_planned"]:
        start = _when(row["slot"][0])
        frame = asked.frames.at(start)
        if row["environment"] in frame.terms.availability.environments:
            last = _before(frame, frame.terms.maintenance, start)
            yield Due(last, "last_notice", frame.terms.maintenance.article, row["id"], finding.because)


def _before(frame: Frame, terms: MaintenanceTerms, start: Instant) -> Instant:
    """So many hours before, as they pass or as clocks show them (Amb-04)."""
    last = start - terms.notice_seconds
    if frame.reading.notice_clock == "wall":
        wall = frame.calendar.wall_seconds
        last += wall(start) - terms.notice_seconds - wall(last)
    return last


def _agreed(asked: Asked) -> Iterator[Due]:
    """Updates whose agreed day comes, not yet in production."""
    done = {f.event.update for f in asked.history.of(e.UpdateRolledOut) if f.event.environment == "production"}
    last = {fact.event.update: fact for fact in asked.history.of(e.UpdateDateAgreed)}
    for update, fact in last.items():
        if update not in done:
            end = asked.calendar.at(fact.event.agreed_date, "24:00")
            yield Due(end, "roll_out_on_the_agreed_day", asked.frame.terms.updates.article, update, fact.positions)


# --- dossiers (article 4) ---


def _dossiers(asked: Asked) -> Iterator[Due]:
    """The tick owed, and the last day to take it off again."""
    terms = asked.frame.terms.dossiers
    if terms is None:
        return
    finding = dossier_schedule(asked.history, asked.frames)
    for id, row in finding.result.items():
        marks = [f for f in asked.history.of(e.DossierTicked, e.DossierUnticked, e.DossierDeleted) if _is(f, id)]
        marks.sort(key=lambda f: (instant_of(f), f.position))
        if row["tick_on"] is None or (marks and isinstance(marks[-1].event, e.DossierDeleted)):
            continue
        ticked = bool(marks) and isinstance(marks[-1].event, e.DossierTicked)
        what, day = ("untick_dossier", row["untick_until"]) if ticked else ("tick_dossier", row["tick_on"])
        yield Due(asked.calendar.at(date.fromisoformat(day), "24:00"), what, terms.article, id, positions_of(marks))


def _is(fact: Any, name: str) -> bool:
    return fact.event.dossier == name or f"{fact.stream.partition(':')[2]}/{fact.event.dossier}" == name


def _recoveries(asked: Asked) -> Iterator[Due]:
    """Deleted dossiers that may still be asked back."""
    for id, recoveries in dossier_recovery(asked.history, asked.frames).workings.items():
        for shown in recoveries[-1:]:
            if shown.get("requested_at") is None and shown.get("last_day") is not None:
                clause = shown["clause"].removeprefix("art. ")
                end = asked.calendar.at(date.fromisoformat(shown["last_day"]), "24:00")
                yield Due(end, "ask_recovery", clause, id, tuple(shown["positions"]))


# --- reviews, statements, invoices (articles 3, 6, 14) ---


def _reviews(asked: Asked) -> Iterator[Due]:
    """The review of the running month."""
    label = iso_month_label(asked.day)
    finding = service_reviews(asked.history, asked.frames, label, label)
    for month in finding.result["pending"]:
        end = asked.calendar.month(asked.day.year, asked.day.month)[1]
        yield Due(end, "hold_review", finding.workings[month]["clause"].removeprefix("art. "), month)


def _statements(asked: Asked) -> Iterator[Due]:
    """Statements that may be contested, and contests to be answered, where the booklet sets a delay."""
    contests = {f.event.statement: f for f in reversed(asked.history.of(e.StatementContested))}
    issued = asked.history.of(e.AvailabilityStatementIssued)
    replaced = {fact.event.replaces for fact in issued}
    for fact in issued:
        frame, id = asked.frames.at(seconds(fact.event.known_at)), fact.event.statement
        terms, contest = frame.terms.statements, contests.get(id)
        since, what = (fact, "contest_statement") if contest is None else (contest, "answer_contest")
        if terms is None or id in replaced:
            continue
        days = terms.contest_days if contest is None else terms.answer_days
        if days is not None:
            known = since.first_known_at if contest is None else since.known_at
            end = end_of_days_after(frame.calendar, seconds(known), days)
            yield Due(end, what, terms.article, id, since.positions)


def _invoices(asked: Asked) -> Iterator[Due]:
    """The due days in the window that no invoice answers yet."""
    first = (billing_dates(asked.history, asked.frames, 1).result or {}).get("first_invoice")
    if first is None or not contains(asked.history.in_force, asked.at):
        return
    until = asked.calendar.local_date(asked.until)
    months = (until.year - date.fromisoformat(first).year) * 12 + until.month + 12
    finding = billing_dates(asked.history, asked.frames, max(months, 1))
    issued = {row["due_on"] for row in finding.workings["invoices"]}
    for day in finding.result["dates"]:
        if day not in issued:
            clause = finding.workings["clause"].removeprefix("art. ")
            yield Due(asked.calendar.at(date.fromisoformat(day)), "issue_invoice", clause, day, finding.because)


def _when(written: str) -> Instant:
    return seconds(datetime.fromisoformat(written.replace("Z", "+00:00")))


CLOCKS: tuple[Callable[[Asked], Iterator[Due]], ...] = (
    _requests, _anomalies, _running, _retention, _notices, _agreed, _dossiers, _recoveries, _reviews, _statements,
    _invoices,
)  # fmt: skip
