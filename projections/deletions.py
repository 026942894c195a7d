"""Dossiers deleted: no more of them than promised, 45 days to ask for one back, and whether a backup lasts as long.

Article 4. Only the SQL base and what is linked to the portal and the box go (A4.4). After a deletion by mistake
the customer may ask until day 45, 24:00 local time, the day of deletion not counted; what is owed then is a
quote, and no delay is set for it (A4.5). Backups of article 9 are kept for days, weeks and months of their own:
`deletion_coherence` lays both side by side. Instants are UTC, a deadline is the first instant that is too late.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.promises import TierTerms
from ledger.spans import FOREVER, Instant, seconds
from ledger.terms import DossierTerms
from projections.backup_facts import kept_until
from projections.dossier_facts import Dossier, asked, dossiers_of, knowable
from projections.finding import Breach, Finding, at, text
from projections.frame import Frame, Frames, Same
from projections.ground import ended_at
from projections.periods import days_between

KEPT_ENDS = 10_240  # of backups
LONGEST_KEPT_DAYS = 3660  # how far back a tier is looked for: ours, longer than any delay of a booklet in use


class Recovery(NamedTuple):
    """One deletion and what followed it up to the next; `deadline` is None where no delay is promised."""

    deleted: Fact
    frame: Frame
    last_day: date | None
    deadline: Instant | None
    requested: Fact | None
    quoted: Fact | None

    @property
    def in_time(self) -> bool | None:
        """Whether the request came by day 45, 24:00; None where there is no request, or no delay."""
        if self.requested is None or self.deadline is None:
            return None
        return at(self.requested) < self.deadline

    @property
    def facts(self) -> list[Fact]:
        return [fact for fact in (self.deleted, self.requested, self.quoted) if fact]


# --- questions ---


def dossier_recovery(history: History, frames: Frames, dossiers: tuple[str, ...] | None = None) -> Finding:
    """Per deleted dossier until when it may be asked back, and whether a quote is owed and given (A4.5).

    `deadline` is 24:00 of the last day, exclusive, of the last deletion; the others are in the workings. A
    dossier named that is not deleted has nulls. Raises `Refused("unknown_id")`.
    """
    result: dict[str, Any] = {}
    workings: dict[str, Any] = {}
    relied: list[Fact] = []
    for dossier in asked(history, dossiers):
        found = _recoveries(frames, dossier)
        if found:
            result[dossier.name] = _row(found[-1])
            workings[dossier.name] = [_workings(recovery) for recovery in found]
            relied += [fact for recovery in found for fact in recovery.facts]
        elif dossiers is not None:
            result[dossier.name] = {"deadline": None, "requested_in_time": None, "quote_owed": False, "quoted": False}
            workings[dossier.name] = {"why": "no deletion of it is known"}
    return Finding(result=result, workings=workings, because=positions_of(relied))


def deletion_coherence(history: History, frames: Frames, first: date, last: date) -> Finding:
    """Per day of deletion, whether a backup made up to it is still owed on day 45 (A4.5 against A9.2 to A9.4).

    By the terms: `owed_until_at_best` is for a backup of the tier completed that very day, `made_from` the
    earliest day one must have been completed to be owed still at the deadline, null where none made by then is;
    `covering` names the tiers that can cover. `backup` is the last to expire of those completed by the end of
    the day, as known; `covered` null where none is known. `dossiers` are those deleted that day, each with
    whether a backup completed by its deletion covers it. No promise is broken where none covers.
    """
    backups = _Backups(history, frames)
    lost = [(dossier, r) for dossier in dossiers_of(history) for r in _recoveries(frames, dossier)]
    result: dict[str, Any] = {}
    relied: list[Fact] = []
    for day in days_between(first, last):
        frame = _frame_on(frames, day)
        terms = frame.terms.dossiers
        if terms is None:
            result[day.isoformat()] = None
            continue
        deadline = frame.calendar.at(_last_day(frame, terms, day), "24:00")
        tiers = {tier: _tier(frame, written, day, deadline) for tier, written in frame.terms.backups.tiers.items()}
        held = backups.longest(frame.calendar.at(day, "24:00") - 1)
        deleted = {d.name: r for d, r in lost if r.frame.calendar.local_date(at(r.deleted)) == day}
        result[day.isoformat()] = {
            "recovery_until": text(deadline), "tiers": tiers,
            "covering": [tier for tier, row in tiers.items() if row["made_from"] is not None],
            "backup": held.fact.event.backup if held else None,
            "owed_until": text(held.until) if held else None,
            "covered": held.until >= deadline if held else None,
            "dossiers": {name: _covered(backups, recovery) for name, recovery in deleted.items()},
        }  # fmt: skip
        relied += ([held.fact] if held else []) + [r.deleted for r in deleted.values()]
    return Finding(result=result, workings=_coherence_workings(frames, first), because=positions_of(relied))


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A4.4 filed at the deletion and of A4.5 filed at the request, local dates, both included.

    What is deleted once the contract is over was not promised to be kept. No delay is set for the quote: one that
    is missing shows as contested until it is given.
    """
    found: list[Breach] = []
    for dossier in dossiers_of(history):
        for row in _broken(history, frames, dossier):
            if first <= frames.at(row.on).calendar.local_date(row.on) <= last:
                found.append(_dated(history, frames, dossier, row))
    return sorted(found, key=lambda row: (row.on, row.obligation, row.subject))


class Row(NamedTuple):
    """One promise broken, before it is known since when that could be proved."""

    obligation: str
    what: str
    on: Instant
    clause: str
    amount: str
    limit: str
    contested: bool
    facts: list[Fact]


def _broken(history: History, frames: Frames, dossier: Dossier) -> Iterator[Row]:
    end = ended_at(history)
    for recovery in _recoveries(frames, dossier):
        terms, deleted = recovery.frame.terms.dossiers, recovery.deleted
        if terms is None:
            continue
        extra = sorted(set(deleted.event.parts) - set(terms.deleted_parts))
        if extra and at(deleted) < end:  # A4.4
            gone, allowed = ", ".join(extra), ", ".join(terms.deleted_parts)
            yield Row("A4.4", "deleted_too_much", at(deleted), terms.article, gone, allowed, False, [deleted])
        if recovery.in_time and recovery.quoted is None and recovery.requested:  # A4.5
            row = ("A4.5", "quote_missing", at(recovery.requested), terms.article, "0 quotes", "1 quote")
            yield Row(*row, True, recovery.facts)


def _dated(history: History, frames: Frames, dossier: Dossier, row: Row) -> Breach:
    def shown(then: History, same: Dossier) -> bool:
        return any((r.obligation, r.what, r.on) == row[:3] for r in _broken(then, frames, same))

    return Breach(
        obligation=row.obligation, clause=row.clause, what=row.what, subject=dossier.name, period=text(row.on),
        amount=row.amount, limit=row.limit, on=row.on, first_knowable_at=knowable(history, dossier, row.on, shown),
        because=positions_of(row.facts), contested=row.contested,
    )  # fmt: skip


# --- asking a dossier back ---


def _recoveries(frames: Frames, dossier: Dossier) -> list[Recovery]:
    deletions = dossier.of(e.DossierDeleted)
    ends = [*(at(deletion) for deletion in deletions), FOREVER][1:]  # the next deletion of the same dossier
    return [_recovery(frames, dossier, *pair) for pair in zip(deletions, ends, strict=True)]


def _recovery(frames: Frames, dossier: Dossier, deleted: Fact, end: Instant) -> Recovery:
    """What followed a deletion, up to the next: the first request, and the first quote."""
    frame = frames.at(at(deleted))
    terms = frame.terms.dossiers
    last_day = _last_day(frame, terms, frame.calendar.local_date(at(deleted))) if terms else None

    def first(kind: type[e.Event]) -> Fact | None:
        return next((fact for fact in dossier.of(kind) if at(deleted) <= at(fact) < end), None)

    return Recovery(
        deleted, frame, last_day, frame.calendar.at(last_day, "24:00") if last_day else None,
        first(e.DossierRecoveryRequested), first(e.RecoveryQuoted),
    )  # fmt: skip


def _last_day(frame: Frame, terms: DossierTerms, deleted_on: date) -> date:
    """Day 45, the day of deletion not counted; not worked, it moves on with `recovery_45d=extended_642` (Amb-23)."""
    day = deleted_on + timedelta(days=terms.recovery_days)
    if frame.reading.recovery_45d == "extended_642" and not frame.calendar.is_working_day(day):
        return frame.calendar.add_working_days(day, 1)
    return day


def _row(recovery: Recovery) -> dict[str, Any]:
    return {
        "deadline": None if recovery.deadline is None else text(recovery.deadline),
        "requested_in_time": recovery.in_time,
        "quote_owed": recovery.in_time is True,
        "quoted": recovery.quoted is not None,
    }


def _workings(recovery: Recovery) -> dict[str, Any]:
    terms = recovery.frame.terms.dossiers
    if terms is None:
        return {"deleted_at": text(at(recovery.deleted)), "why": "the booklet says nothing of dossiers"}
    open_still = recovery.in_time is True and recovery.quoted is None
    return {
        "deleted_at": text(at(recovery.deleted)), "parts": list(recovery.deleted.event.parts),
        "parts_kept_by_right": sorted(set(recovery.deleted.event.parts) - set(terms.deleted_parts)),
        "recovery_days": terms.recovery_days,
        "last_day": recovery.last_day.isoformat() if recovery.last_day else None, **_row(recovery),
        "requested_at": text(at(recovery.requested)) if recovery.requested else None,
        "quoted_at": text(at(recovery.quoted)) if recovery.quoted else None,
        "open_finding": "a quote is owed; the clause sets no delay for it" if open_still else None,
        "switch": "recovery_45d", "value": recovery.frame.reading.recovery_45d, "clause": f"art. {terms.article}",
        "positions": list(positions_of(recovery.facts)),
    }  # fmt: skip


# --- backups against the 45 days ---


class Held(NamedTuple):
    """A backup of client data and until when its tiers keep it owed; the longest of those completed by then."""

    until: Instant
    fact: Fact


class _Backups:
    """The backups of client data by completion, each with the longest owed of all completed by then."""

    def __init__(self, history: History, frames: Frames) -> None:
        ended = history.in_force[-1][1] if history.in_force else FOREVER
        self._completed: list[Instant] = []
        self._longest: list[Held] = []
        made = [(at(f, "completed_at"), f) for f in history.of(e.BackupCompleted) if f.event.scope == "client_data"]
        for completed_at, fact in sorted(made, key=lambda pair: (pair[0], pair[1].position)):
            until = _held_until(Same(frames.at(completed_at)), Same(fact))
            if until is not None and history.counts(fact, at(fact, "started_at")):
                held = Held(min(until, ended), fact)
                self._longest.append(max([held, *self._longest[-1:]], key=lambda each: each.until))
                self._completed.append(completed_at)

    def longest(self, instant: Instant) -> Held | None:
        """Of the backups completed at or before an instant, the one owed longest; None where none is known."""
        place = bisect_right(self._completed, instant)
        return self._longest[place - 1] if place else None


@lru_cache(maxsize=KEPT_ENDS)  # the same ones at whichever moment
def _held_until(frame: Same, fact: Same) -> Instant | None:
    """Until when a backup's tiers keep it; None where none of them is promised."""
    promised, said = frame.it.terms.backups.tiers.items(), fact.it.event
    ends = [_kept_until(frame.it, terms, at(fact.it, "completed_at")) for tier, terms in promised if tier in said.tiers]
    return max(ends, default=None)


def _covered(backups: _Backups, recovery: Recovery) -> bool | None:
    held = backups.longest(at(recovery.deleted))
    return None if held is None or recovery.deadline is None else held.until >= recovery.deadline


def _kept_until(frame: Frame, tier: TierTerms, completed_at: Instant) -> Instant:
    return kept_until(frame, tier, completed_at, frame.calendar.local_date(completed_at))


def _tier(frame: Frame, tier: TierTerms, day: date, deadline: Instant) -> dict[str, str | None]:
    """How long a backup of the tier made on the day is owed, and from what day on one had to be made."""
    best = _kept_until(frame, tier, frame.calendar.at(day, "24:00") - 1)
    made_from = day if best >= deadline else None
    while made_from is not None and (day - made_from).days < LONGEST_KEPT_DAYS:
        earlier = made_from - timedelta(days=1)
        if _kept_until(frame, tier, frame.calendar.at(earlier, "24:00") - 1) < deadline:
            break
        made_from = earlier
    return {"owed_until_at_best": text(best), "made_from": made_from.isoformat() if made_from else None}


def _coherence_workings(frames: Frames, first: date) -> dict[str, Any]:
    frame = _frame_on(frames, first)
    terms = frame.terms.dossiers
    if terms is None:
        return {"why": "the booklet says nothing of dossiers"}
    return {
        "recovery_days": terms.recovery_days, "kept": {t: w.keep for t, w in frame.terms.backups.tiers.items()},
        "switches": {"recovery_45d": frame.reading.recovery_45d, "retention_count": frame.reading.retention_count},
        "clauses": f"art. {terms.article}, art. {frame.terms.backups.article}",
        "says": "a quote is owed for 45 days; whether a backup still holds the dossier depends on the day of its tier",
    }  # fmt: skip


def _frame_on(frames: Frames, day: date) -> Frame:
    """The frame in force as a local day begins."""
    near = frames.at(seconds(datetime.combine(day, time(12), UTC)))
    return frames.at(near.calendar.at(day))
