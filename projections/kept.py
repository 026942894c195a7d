"""Which backups exist, until when each is owed, and where its copies lie: the ground backups and restores share.

A backup of a service counts for the contract when it started while the contract was on the service: that is
the state it holds. What becomes of it later counts wherever the contract is then. A backup is judged by the
terms and the reading in force when it completed, a night when it begins. Instants are whole seconds of UTC,
spans half-open: a backup is owed while `completed_at <= t < owed_until`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from ledger import events as e
from ledger.corrections import Fact
from ledger.errors import Refused
from ledger.history import History
from ledger.spans import FIRST, FOREVER, Instant, Span, Spans
from ledger.workdays import iso_week_label
from projections.backup_facts import Backup, backups_of
from projections.copies import CHANGES
from projections.eras import Eras
from projections.finding import at
from projections.frame import Frame, Frames
from projections.periods import days_between, months_between

T = TypeVar("T")
CLIENT_DATA = "client_data"
OFFICE = "office_documents"
FACTS = (e.BackupCompleted, *CHANGES, e.BackupFailed)
LOOKED_AT = (*FACTS, e.ContractTerminated, e.ReadingAdopted, e.ContractScopeChanged)


class Period(NamedTuple):
    """A night, day, week or month that is to have its backup: one whose instant `by` lies in `span`."""

    label: str
    span: Span
    by: str  # "started_at" or "completed_at"
    frame: Frame
    promised: bool  # whether the booklet promises such a backup at all

    def owed_within(self, service: Spans) -> bool:
        """Whether it is promised and lies wholly inside a service period."""
        start, end = self.span
        return self.promised and any(first <= start and end <= last for first, last in service)


# --- all the backups of a contract ---


class Kept:
    """Every successful backup that counts for a contract, in the order they completed, and what it is owed."""

    @classmethod
    def of(cls, history: History, frames: Frames) -> Kept:
        """Those of a history, the same ones whoever asks."""
        return frames.made(history, cls, LOOKED_AT)

    def __init__(self, history: History, frames: Frames) -> None:
        self.history = history
        self.eras = Eras(history, frames)
        self.backups = sorted(backups_of(history, self.eras), key=attrgetter("completed_at", "name"))
        self.named = {backup.name: backup for backup in self.backups}
        self.failed = [f for f in history.of(e.BackupFailed) if history.counts(f, at(f, "started_at"))]
        self.ended = history.of(e.ContractTerminated)
        self._ordered: dict[tuple[str, str | None, str], tuple[list[Instant], list[Backup]]] = {}
        self._failed: dict[str, list[Any]] = {}
        self._longest: int | None = None
        self._ends: dict[str, dict[str, Instant | None]] = {}

    def completed(self, start: Instant, end: Instant) -> list[Backup]:
        """The backups that completed in `[start, end)`."""
        instants = self._completions
        return self.backups[bisect_left(instants, start) : bisect_left(instants, end)]

    @cached_property
    def _completions(self) -> list[Instant]:
        return [backup.completed_at for backup in self.backups]

    def find(self, stream: str, identity: str, scope: str) -> Backup | None:
        """The backup a fact of `stream` means by that id: its own stream's, or else the only one so called."""
        found = [b for b in self.backups if identity in (b.name, b.fact.event.backup) and b.scope == scope]
        own = [b for b in found if b.fact.stream == stream]
        return own[0] if own else found[0] if len(found) == 1 else None

    def ordered(self, scope: str, tier: str | None, by: str) -> tuple[list[Instant], list[Backup]]:
        """The backups of a scope and tier (None: any) by one of their instants, with these instants."""
        key = (scope, tier, by)
        if key not in self._ordered:
            chosen = [b for b in self.backups if b.scope == scope]
            if tier is not None:
                chosen = [b for b in chosen if tier in b.fact.event.tiers]
            if by != "completed_at":  # the order they are in
                chosen.sort(key=attrgetter(by, "name"))
            self._ordered[key] = (list(map(attrgetter(by), chosen)), chosen)
        return self._ordered[key]

    def within(self, scope: str, tier: str | None, period: Period) -> list[Backup]:
        """The successful backups that give a period its backup."""
        instants, chosen = self.ordered(scope, tier, period.by)
        start, end = period.span
        return chosen[bisect_left(instants, start) : bisect_left(instants, end)]

    # --- until when each is owed ---

    def tier_ends(self, backup: Backup) -> dict[str, Instant | None]:
        """Until when each tier it belongs to, of those promised, has it owed (A9.2 to A9.5); None: not ended yet."""
        if backup.name not in self._ends:
            self._ends[backup.name] = self._tier_ends(backup)
        return self._ends[backup.name]

    def _tier_ends(self, backup: Backup) -> dict[str, Instant | None]:
        terms, reading = backup.frame.terms.backups, backup.frame.reading
        if backup.scope == OFFICE:  # A9.5: only the last state
            office = terms.office_documents
            return {} if office is None else {OFFICE: self._superseded_at(backup, None, office.states)}
        if reading.tier_retention != "generations":
            return {**backup.kept_until}
        return {
            tier: self._superseded_at(backup, tier, written.generations)
            for tier, written in terms.tiers.items() if tier in backup.fact.event.tiers
        }  # fmt: skip

    def _superseded_at(self, backup: Backup, tier: str | None, count: int) -> Instant | None:
        """When the `count`-th later backup of its scope and tier completed (Amb-27); None: not yet, as known."""
        instants, chosen = self.ordered(backup.scope, tier, "completed_at")
        place = chosen.index(backup, bisect_left(instants, backup.completed_at)) + count
        return instants[place] if place < len(instants) else None

    def owed_until(self, backup: Backup) -> Instant | None:
        """The latest end of its tiers (A9.8), or the end of the contract: nothing is owed from there on.

        None while not superseded; its own completion when no tier of it is promised.
        """
        ends = self.tier_ends(backup).values()
        until = None if None in ends else max((end for end in ends if end is not None), default=backup.completed_at)
        for fact in self.ended:
            ended_at = at(fact, "effective_from")
            until = max(backup.completed_at, ended_at if until is None else min(until, ended_at))
        return until

    def owed(self, backup: Backup, instant: Instant) -> bool:
        if not backup.completed_at <= instant:
            return False
        until = self.owed_until(backup)
        return until is None or instant < until

    def owed_at(self, instant: Instant, scope: str = CLIENT_DATA) -> list[Backup]:
        """The backups of a scope that are owed at an instant, in the order they completed."""
        instants, chosen = self.ordered(scope, None, "completed_at")
        oldest = 0 if scope == OFFICE else bisect_left(instants, instant - self._longest_kept())
        return [b for b in chosen[oldest : bisect_right(instants, instant)] if self.owed(b, instant)]

    def _longest_kept(self) -> int:
        """Seconds after its completion by which no backup of client data is owed any more: spares counting days."""
        if self._longest is None:
            frames = {id(backup.frame): backup.frame for backup in self.backups}.values()
            if any(frame.reading.tier_retention == "generations" for frame in frames):
                self._longest = FOREVER - FIRST
            else:
                keeps = [tier.kept for frame in frames for tier in frame.terms.backups.tiers.values()]
                days = max((keep.days + 31 * keep.months for keep in keeps), default=0)
                self._longest = (days + 2) * 86_400  # to 24:00, of a day that clocks may lengthen
        return self._longest

    def guaranteed(self, instant: Instant, scope: str = CLIENT_DATA) -> list[Backup]:
        """The backups of a scope that are owed and restorable at an instant, in the order they completed.

        `restore_target=last_backup_only` leaves only the last of them to be asked for (Amb-31).
        """
        found = [b for b in self.owed_at(instant, scope) if b.restorable(instant)]
        return found[-1:] if self.eras.at(instant).reading.restore_target == "last_backup_only" else found

    def is_guaranteed(self, backup: Backup, instant: Instant) -> bool:
        """Whether one of the client's data is among those, looking at no other unless it may be only the last."""
        if self.eras.at(instant).reading.restore_target == "last_backup_only":
            return backup in self.guaranteed(instant)
        return backup.scope == CLIENT_DATA and self.owed(backup, instant) and backup.restorable(instant)

    # --- which periods are owed a backup ---

    def night(self, evening: date) -> Period:
        """The night of an evening (D-NIGHT), or the calendar date as `night=calendar_date` reads it (Amb-16)."""
        frame = self.eras.on(evening)
        if frame.reading.night != "calendar_date":
            frame = self.eras.at(frame.calendar.at(evening, frame.terms.backups.night.start))
        return _nights(frame, evening, evening)[0]

    def nights(self, first: date, last: date) -> list[Period]:
        """The nights of the evenings `first` to `last`, both included."""
        start, end = self.eras.calendar.day(first, last)
        if self.eras.alike(start, end):
            return _nights(self.eras.at(start), first, last)
        return [self.night(evening) for evening in days_between(first, last)]

    def weeks(self, first: date, last: date) -> list[Period]:
        """The ISO weeks of the Mondays from `first`, one of them, to `last`: local, Monday to Sunday."""
        frames = [(monday, self.eras.on(monday)) for monday in days_between(first, last)[::7]]
        return [
            Period(iso_week_label(monday), frame.calendar.day(monday, monday + timedelta(days=6)), "started_at",
                   frame, frame.terms.backups.weekly is not None)
            for monday, frame in frames
        ]  # fmt: skip

    def months(self, first: date, last: date) -> list[Period]:
        """The calendar months that hold a day from `first` to `last` (D-MONTH)."""
        days = [date.fromisoformat(f"{label}-01") for label in months_between(first, last)]
        return [
            Period(day.isoformat()[:7], frame.calendar.month(day.year, day.month), "started_at",
                   frame, frame.terms.backups.monthly is not None)
            for day, frame in ((day, self.eras.on(day)) for day in days)
        ]  # fmt: skip

    def office_days(self, first: date, last: date) -> list[Period]:
        """The local days `first` to `last`, each with the days before it that a booklet's longer cycle adds."""
        periods = []
        for day in days_between(first, last):
            frame = self.eras.on(day)
            office = frame.terms.backups.office_documents
            cycle = timedelta(days=office.every_days - 1 if office else 0)
            span = frame.calendar.day(day - cycle, day)
            periods.append(Period(day.isoformat(), span, "started_at", frame, office is not None))
        return periods

    def failures(self, scope: str, tier: str | None, period: Period) -> list[Fact]:
        """The failed attempts in a period, in the order of their instants: they fulfil nothing."""
        field = "started_at" if period.by == "started_at" else "failed_at"
        if field not in self._failed:
            self._failed[field] = sorted((at(f, field), f.position, f) for f in self.failed)
        start, end = period.span
        failed = self._failed[field]
        tried = [f for _, _, f in failed[bisect_left(failed, (start,)) : bisect_left(failed, (end,))]]
        return [f for f in tried if f.event.scope == scope and (tier is None or tier in f.event.tiers)]

    def is_owed(self, period: Period) -> bool:
        """Whether the booklet promises it and the period lies wholly inside the service period."""
        return period.owed_within(self.history.in_force)


def _nights(frame: Frame, first: date, last: date) -> list[Period]:
    hours, calendar, promised = frame.terms.backups.night, frame.calendar, frame.terms.backups.daily is not None
    if frame.reading.night == "calendar_date":
        days = days_between(first, last)
        return [Period(d.isoformat(), calendar.day(d), "completed_at", frame, promised) for d in days]
    nights = calendar.nights(first, last, hours.start, hours.end)
    return [Period(evening.isoformat(), span, "started_at", frame, promised) for evening, span in nights]


def picked(things: Mapping[str, T], names: Iterable[str] | None, noun: str) -> list[T]:
    """The things asked for by name, all when none is named, in their own order. Raises `Refused("unknown_id")`."""
    if names is None:
        return list(things.values())
    for name in names:
        if name not in things:
            known = ", ".join(list(things)[:5]) or "none"
            raise Refused("unknown_id", f"no {noun} {name!r} is known of this contract; known: {known}")
    asked = set(names)
    return [thing for name, thing in things.items() if name in asked]
