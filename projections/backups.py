"""Every night, week and month has its backup, kept its time, in two places (article 9).

A period is fulfilled by a successful backup, whatever became of it since: a verification that fails later takes
it from what can be restored, not from what was made. Without one it is missed once it is over and pending
before; one not wholly inside the service period is not owed, and listed only if a backup was made in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

from ledger.corrections import Fact
from ledger.events import ContractResumed, ContractSuspended, ContractTerminated
from ledger.history import History, positions_of
from ledger.spans import FOREVER, Instant, Span
from ledger.workdays import iso_week
from projections.backup_facts import Backup
from projections.backup_proofs import Proofs
from projections.copies import Copies, deletions, stretches
from projections.finding import Breach, Finding, text
from projections.frame import Frame, Frames
from projections.kept import CLIENT_DATA, OFFICE, Kept, Period, picked
from projections.periods import over


class Duty(NamedTuple):
    """One row: whose backups are to be made, the obligation, its code when missed, and the switches that bear on it."""

    name: str  # of the tier, or of the scope that has none
    scope: str
    tier: str | None
    obligation: str
    missed: str
    switches: tuple[str, ...]


NIGHTLY = Duty("daily", CLIENT_DATA, "daily", "A9.2", "night_missed", ("night",))
WEEKLY = Duty("weekly", CLIENT_DATA, "weekly", "A9.3", "week_missed", ())
MONTHLY = Duty("monthly", CLIENT_DATA, "monthly", "A9.4", "month_missed", ())
EVERY_DAY = Duty(OFFICE, OFFICE, None, "A9.5", "office_day_missed", ())
SERVICE_PERIOD = (ContractSuspended, ContractResumed, ContractTerminated)  # what decides which periods are owed
UNTIL_REPLACED = "until later backups replace it"
RETENTION = ("retention_count", "tier_retention", "restore_target")
DUTIES: dict[str, Duty] = {duty.name: duty for duty in (NIGHTLY, WEEKLY, MONTHLY, EVERY_DAY)}


# --- which periods had their backup ---


def backup_nights(history: History, frames: Frames, first: date, last: date) -> Finding:
    """The nights of the evenings `first` to `last` (D-NIGHT, by start; Amb-16): fulfilled, missed, pending (A9.2)."""
    kept = Kept.of(history, frames)
    return _judged(kept, NIGHTLY, kept.nights(first, last))


def backup_weeks(history: History, frames: Frames, first: str, last: str) -> Finding:
    """The ISO weeks `first` to `last` ("2026-W09"), local Monday to Sunday, by start (A9.3)."""
    kept = Kept.of(history, frames)
    return _judged(kept, WEEKLY, kept.weeks(iso_week(first), iso_week(last)))


def backup_months(history: History, frames: Frames, first: str, last: str) -> Finding:
    """The calendar months `first` to `last` ("2026-03"), local midnights, by start (A9.4)."""
    kept = Kept.of(history, frames)
    return _judged(kept, MONTHLY, kept.months(*(date.fromisoformat(f"{month}-01") for month in (first, last))))


def office_days(history: History, frames: Frames, first: date, last: date) -> Finding:
    """The local days `first` to `last` of the shared office space, by start (A9.5)."""
    kept = Kept.of(history, frames)
    return _judged(kept, EVERY_DAY, kept.office_days(first, last))


def _judged(kept: Kept, duty: Duty, periods: list[Period]) -> Finding:
    result: dict[str, list[str]] = {"fulfilled": [], "missed": [], "pending": []}
    made: dict[str, list[Backup]] = {}
    not_owed, waiting = [], {}
    for period in periods:
        backups = kept.within(duty.scope, duty.tier, period)
        if backups:
            made[period.label] = backups
            result["fulfilled"].append(period.label)
        elif not kept.is_owed(period):
            not_owed.append(period.label)
        else:
            result["missed" if over(period.span[1], kept.history.now) else "pending"].append(period.label)
            waiting[period.label] = [text(instant) for instant in period.span]
    used = [backup for backups in made.values() for backup in backups]
    required = f"1 successful backup: {duty.scope}" + (f", tier {duty.tier}" if duty.tier else "")
    return Finding(
        result=result,
        workings={
            "clause": f"art. {_clause(periods[0].frame, duty)}" if periods else "art. 9",
            "required": f"{required}, by {periods[0].by}" if periods else required,
            "switches": [{"switch": s, "value": p.frame.reading[s]} for p in periods[:1] for s in duty.switches],
            "backups": {
                label: {"backups": [b.name for b in backups], "positions": list(positions_of(b.fact for b in backups))}
                for label, backups in made.items()
            },
            "without": waiting,
            "not_owed": not_owed,
            "failed": _failures(kept, duty, periods),
            "made_but_not_restorable": _found_bad(used),
        },
        because=positions_of((b.fact for b in used), kept.history.of(*SERVICE_PERIOD)),
    )


def _failures(kept: Kept, duty: Duty, periods: list[Period]) -> list[dict[str, Any]]:
    """The failed attempts in these periods: a failed backup fulfils nothing (A9.2)."""
    failures = ((p.label, f) for p in periods if kept.failed for f in kept.failures(duty.scope, duty.tier, p))
    return [
        {"period": label, "backup": f.event.backup, "reason": f.event.reason, "positions": list(f.positions)}
        for label, f in failures
    ]


def _found_bad(backups: Iterable[Backup]) -> dict[str, str]:
    """The backups made that cannot be restored any more since a verification failed, and since when."""
    found: dict[str, str] = {}
    for backup in backups:
        for state in backup.states if backup.after else ():
            if state.held and not state.restorable:
                found.setdefault(backup.name, text(state.since))
    return found


# --- how long each is kept, and where ---


def backup_retention(history: History, frames: Frames, backups: tuple[str, ...] | None = None) -> Finding:
    """Until when each backup is owed: the latest end of its tiers (A9.2 to A9.5, A9.8; D-DAYS; Amb-17, Amb-27).

    Null while only a later backup could end it and none is known. Raises `Refused("unknown_id")`.
    """
    kept = Kept.of(history, frames)
    asked = picked(kept.named, backups, "successful backup")
    return Finding(
        result={b.name: shown_end(kept, b) for b in asked},
        workings={b.name: _retention(kept, b) for b in asked},
        because=positions_of((b.fact for b in asked), kept.ended),
    )


def _retention(kept: Kept, backup: Backup) -> dict[str, Any]:
    last = _last_tier(kept, backup)
    reading = backup.frame.reading
    return {
        "clause": f"art. {_clause(backup.frame, DUTIES[last] if last else None)}",
        "completed_on": backup.completed_on.isoformat(),
        "kept_longest_as": last,
        "tier_retention": reading.tier_retention,
        "retention_count": reading.retention_count,
        "positions": list(backup.fact.positions),
    }


def _last_tier(kept: Kept, backup: Backup) -> str | None:
    """The tier that has it kept longest; of two that end together, the longer one."""
    ends = list(kept.tier_ends(backup).items())  # the shortest tier first
    return max(reversed(ends), key=lambda end: FOREVER if end[1] is None else end[1])[0] if ends else None


def backup_deletions(history: History, frames: Frames) -> Finding:
    """Of which backups a deletion left nothing, whether before they were due, and by how many seconds (A9.2).

    Deleted copy by copy, the deletion of the last copy counts; where copies were stored anew since, the first such
    deletion. `short_by_seconds` is null where the end of what was owed is not known yet.
    """
    kept = Kept.of(history, frames)
    result, workings = {}, {}
    facts: list[Fact] = []
    for gone_at, backup in sorted(_deleted(kept), key=lambda pair: (pair[0], pair[1].name)):
        until = kept.owed_until(backup)
        early = until is None or gone_at < until
        short_by = None if until is None else max(0, until - gone_at)
        result[backup.name] = {"early": early, "short_by_seconds": short_by}
        workings[backup.name] = {
            **_retention(kept, backup),
            "deleted_at": text(gone_at),
            "owed_until": None if until is None else text(until),
        }
        facts += backup.facts
    return Finding(result=result, workings=workings, because=positions_of(facts, kept.ended))


def _deleted(kept: Kept) -> list[tuple[Instant, Backup]]:
    return [(gone_at, backup) for backup in kept.backups if backup.after for gone_at in deletions(backup.states)[:1]]


def backup_copies(history: History, frames: Frames, at: Instant) -> Finding:
    """In how many distinct places each backup lies at an instant, all those made and not wholly deleted (A9.6).

    `two_copies` is as many places as the booklet asks; a backup whose places were never told has none to count,
    and is taken to be held.
    """
    kept = Kept.of(history, frames)
    result, workings = {}, {}
    facts: list[Fact] = []
    for backup in kept.backups:
        state = backup.state_at(at)
        if state is None or state.deleted:
            continue
        result[backup.name] = held(backup, state)
        workings[backup.name] = {
            "clause": f"art. {backup.frame.terms.backups.article}",
            "places": sorted(state.places),
            "required_places": backup.frame.terms.backups.places,
            "found_bad": ["everywhere"] if state.spoilt else sorted(state.bad & state.places),
            "positions": list(positions_of(backup.facts)),
        }
        facts += backup.facts
    return Finding(result=result, workings=workings, because=positions_of(facts))


def held(backup: Backup, state: Copies) -> dict[str, Any]:
    """In how many places a backup lies in a state of its copies, and whether that is enough, and of use."""
    places = len(state.places)
    enough = places >= backup.frame.terms.backups.places
    return {"distinct_locations": places, "two_copies": enough, "restorable": state.restorable}


def restorable(history: History, frames: Frames, at: Instant) -> Finding:
    """The client-data backups owed and restorable at an instant, by completion, then name (A9.1, A9.8, Amb-31)."""
    kept = Kept.of(history, frames)
    reading = kept.eras.at(at).reading
    owed = kept.owed_at(at)
    return Finding(
        result={"guaranteed": [b.name for b in kept.guaranteed(at)]},
        workings={
            "clause": f"art. {kept.eras.at(at).terms.backups.article}",
            "owed": {b.name: shown_end(kept, b) for b in owed},
            "owed_but_not_restorable": [b.name for b in owed if not b.restorable(at)],
            "switches": [{"switch": s, "value": reading[s]} for s in RETENTION],
        },
        because=positions_of(*(b.facts for b in owed), kept.ended),
    )


def shown_end(kept: Kept, backup: Backup) -> str | None:
    """Until when a backup is owed, as text."""
    until = kept.owed_until(backup)
    return None if until is None else text(until)


def office_last_state(history: History, frames: Frames, at: Instant) -> Finding:
    """The last successful backup of the office documents at an instant; null when it is not held any more (A9.5)."""
    kept = Kept.of(history, frames)
    made = [b for b in kept.backups if b.scope == OFFICE and b.completed_at <= at]
    last = made[-1:]
    held = [b.name for b in made if b.restorable(at)]
    return Finding(
        result={"backup": last[0].name if last and last[0].name in held else None},
        workings={
            "clause": f"art. {_clause(kept.eras.at(at), EVERY_DAY)}",
            "last_made": [b.name for b in last],
            "last_held": held[-1:],
        },
        because=positions_of(*(b.facts for b in last)),
    )


def _clause(frame: Frame, duty: Duty | None) -> str:
    """The article that promises a tier, or backups at all."""
    terms = frame.terms.backups
    written = terms.office_documents if duty is EVERY_DAY else terms.tiers.get(duty.name) if duty else None  # type: ignore[call-overload]
    return written.article if written else terms.article


# --- the register ---


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """What backups broke of A9.2 to A9.6, filed from `first` to `last`, local dates, included.

    A missed period is filed at its last second: of the client's data and of the office documents alike, whether or
    not the ledger ever heard of such a backup.
    """
    kept = Kept.of(history, frames)
    within = kept.eras.calendar.day(first, last)
    proofs = Proofs(kept)
    rows = [*_missed(kept, proofs, first, last)]
    for backup in kept.backups:
        if backup.completed_at >= within[1] or backup.last_told < within[0]:
            continue  # each of its rows is filed at an instant told of it
        if backup.after or len(set(backup.fact.event.locations)) < backup.frame.terms.backups.places:
            rows += [*_purged(kept, proofs, backup), *_thin(kept, proofs, backup), *_lost(kept, proofs, backup)]
    found = [row for row in rows if within[0] <= row.on < within[1]]
    return sorted(found, key=lambda row: (row.on, row.obligation, row.subject, row.period, row.what))


def _missed(kept: Kept, proofs: Proofs, first: date, last: date) -> Iterable[Breach]:
    """The periods that are over without their backup: provable from their end, once known to be owed and without."""
    started = kept.history.started
    for duty, periods in _periods(kept, first, last):
        for period in periods:
            end = period.span[1]
            made = kept.within(duty.scope, duty.tier, period)
            if made or not over(end, kept.history.now) or not kept.is_owed(period):
                continue
            yield Breach(
                obligation=duty.obligation,
                clause=_clause(period.frame, duty),
                what=duty.missed,
                subject=duty.name,
                period=period.label,
                amount="0 backups",
                limit="1 backup",
                on=end - 1,
                first_knowable_at=proofs.missed(duty.scope, duty.tier, period),
                because=positions_of([started], kept.failures(duty.scope, duty.tier, period)),
            )


def _periods(kept: Kept, first: date, last: date) -> Iterable[tuple[Duty, list[Period]]]:
    """The periods of each duty that may end on these days: none is owed before the service began."""
    in_force, calendar = kept.history.in_force, kept.eras.calendar
    if not in_force:
        return
    first = max(first, calendar.local_date(in_force[0][0]))
    if last < first:
        return
    yield NIGHTLY, kept.nights(first - timedelta(days=1), last)
    yield WEEKLY, kept.weeks(first - timedelta(days=first.weekday()), last)
    yield MONTHLY, kept.months(first, last)
    yield EVERY_DAY, kept.office_days(first, last)


def _purged(kept: Kept, proofs: Proofs, backup: Backup) -> Iterable[Breach]:
    """A9.2 to A9.5: what was still held is deleted before the latest of its tiers lets it go, each time."""
    until = kept.owed_until(backup)
    for gone_at in deletions(backup.states):
        before = backup.state_at(gone_at - 1)
        if (until is not None and gone_at >= until) or (before is not None and not before.held):
            continue  # where it was lost before, the loss is the breach
        tier = _last_tier(kept, backup)
        assert tier is not None, "what no tier has kept is owed for no time"
        limit = UNTIL_REPLACED if until is None else f"{until - backup.completed_at} s"
        amount = f"{gone_at - backup.completed_at} s"
        yield _copy_breach(proofs, backup, DUTIES[tier], "purged_early", amount, limit, gone_at, lambda s: s.deleted)


def _thin(kept: Kept, proofs: Proofs, backup: Backup) -> Iterable[Breach]:
    """A9.6: fewer places than promised while it is owed and held at all, one row for each unbroken stretch.

    Office documents too: article 9 calls them the client's data, and excepts them from the first sentence only.
    """
    required = backup.frame.terms.backups.places

    def thin(state: Copies) -> bool:
        return 0 < len(state.places) < required

    for start, _ in _while_owed(kept, backup, thin):
        state = backup.state_at(start)
        assert state is not None
        places = f"{len(state.places)} place{'s' * (len(state.places) > 1)}"
        yield _copy_breach(proofs, backup, None, "redundancy_breach", places, f"{required} places", start, thin)


def _lost(kept: Kept, proofs: Proofs, backup: Backup) -> Iterable[Breach]:
    """A9.6: no copy is left to restore from while it is owed, other than by a deletion."""

    def lost(state: Copies) -> bool:
        return not state.restorable and not state.deleted

    for start, _ in _while_owed(kept, backup, lost):
        yield _copy_breach(proofs, backup, None, "state_lost", "0 usable copies", "1 usable copy", start, lost)


def _while_owed(kept: Kept, backup: Backup, holds: Callable[[Copies], bool]) -> tuple[Span, ...]:
    until = kept.owed_until(backup)
    return stretches(backup.states, holds, FOREVER if until is None else until)


def _copy_breach(
    proofs: Proofs, backup: Backup, duty: Duty | None, what: str, amount: str, limit: str, on: Instant,
    holds: Callable[[Copies], bool],
) -> Breach:  # fmt: skip
    """Provable from `on`, once facts are known that show the copies so at that instant."""
    return Breach(
        obligation=duty.obligation if duty else "A9.6",
        clause=_clause(backup.frame, duty),
        what=what,
        subject=backup.name,
        period=text(on),
        amount=amount,
        limit=limit,
        on=on,
        first_knowable_at=proofs.copies(backup, on, holds),
        because=positions_of(backup.facts),
    )
