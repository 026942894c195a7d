"""What each restore request could ask for, and whether it was given: the state of a day, or a named backup (article 9).

The state of a day is the last successful backup completed on that local date. A request is judged at the
instant it was made: by what was owed then (`projections.kept`) and could still be restored. Article 9 sets no
delay, so the time a restore took is measured and judged by nothing (A9.1).
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import Instant
from projections.backup_facts import Backup, kept_until
from projections.finding import Breach, Finding, at, text
from projections.frame import Frames
from projections.ground import first_provable
from projections.kept import CLIENT_DATA, OFFICE, Kept, Period, picked
from projections.periods import over

ANSWERS = (e.RestoreStarted, e.RestoreCompleted, e.RestoreFailed, e.RestoreRefused)
NOT_GIVEN: dict[type, str] = {e.RestoreFailed: "restore_failed", e.RestoreRefused: "restore_refused"}


class Request(Struct, frozen=True, kw_only=True):
    """One restore request and what became of it, in the order of instants."""

    name: str
    fact: Fact
    after: tuple[Fact, ...]
    requested_at: Instant

    @property
    def refusal(self) -> Fact | None:
        """The refusal or failure it ended with; None while it runs, or once a later attempt gave the state back."""
        ended = [fact for fact in self.after if not isinstance(fact.event, e.RestoreStarted)]
        return ended[-1] if ended and type(ended[-1].event) in NOT_GIVEN else None


class Decision(Struct, frozen=True, kw_only=True):
    """What was owed for one request. `backup` is what it is restored from; `rests_on` the backups looked at."""

    outcome: str
    breach: bool
    why: str
    day: date | None = None  # the local date whose state was asked for
    backup: Backup | None = None
    rests_on: tuple[Backup, ...] = ()


def restore_decision(history: History, frames: Frames, restores: tuple[str, ...] | None = None) -> Finding:
    """For each request: restorable, out_of_retention or backup_missing, and the nearest guaranteed states (A9.1, A9.8).

    `nearest_earlier` completed before the local day asked for, `nearest_later` after it. A breach is a state that
    should exist and does not, or one that exists and was refused. Raises `Refused("unknown_id")`.
    """
    kept = Kept.of(history, frames)
    asked = picked({request.name: request for request in _requests(history)}, restores, "restore")
    result, workings = {}, {}
    facts: list[Fact] = []
    for request in asked:
        decision = _decide(kept, request)
        near = _nearest(kept, request, decision)
        result[request.name] = _row(request, decision, *near)
        workings[request.name] = _workings(kept, request, decision)
        facts += [*_facts(request, decision), *(fact for backup in near if backup for fact in backup.facts)]
    return Finding(result=result, workings=workings, because=positions_of(facts))


def _row(request: Request, decision: Decision, earlier: Backup | None, later: Backup | None) -> dict[str, Any]:
    return {
        "outcome": decision.outcome,
        "backup": decision.backup.name if decision.backup else None,
        "nearest_earlier": earlier.name if earlier else None,
        "nearest_later": later.name if later else None,
        "breach": _broken(request, decision) is not None,
    }


def _nearest(kept: Kept, request: Request, decision: Decision) -> tuple[Backup | None, Backup | None]:
    """The guaranteed states on either side of the day asked for, as of the request (A9.8)."""
    if decision.day is None:
        return None, None
    start, end = kept.eras.on(decision.day).calendar.day(decision.day)
    offered = kept.guaranteed(request.requested_at, request.fact.event.scope)
    earlier = [b for b in offered if b.completed_at < start]
    later = [b for b in offered if b.completed_at >= end]
    return earlier[-1] if earlier else None, later[0] if later else None


def _broken(request: Request, decision: Decision) -> str | None:
    """The code of what was broken (A9.1): the state is missing, or it was there and not given."""
    if decision.breach:
        return "state_missing"
    if decision.outcome == "restorable" and request.refusal is not None:
        return NOT_GIVEN[type(request.refusal.event)]
    return None


# --- deciding ---


def _decide(kept: Kept, request: Request) -> Decision:
    event = request.fact.event
    if event.backup is not None:
        return _named(kept, request)
    if event.scope == OFFICE:
        return _last_office_state(kept, request)
    return _only_last(kept, request, _dated(kept, request))


def _dated(kept: Kept, request: Request) -> Decision:
    """The state of a day (of any day, when the request names neither day nor backup)."""
    day: date | None = request.fact.event.target_date
    instants, made = kept.ordered(CLIENT_DATA, None, "completed_at")
    made = made[: bisect_right(instants, request.requested_at)]
    if day is not None:
        start, end = kept.eras.on(day).calendar.day(day)
        made = [b for b in made if start <= b.completed_at < end]
    found = _held(kept, request, made, day)
    if found is not None:
        return found
    if day is None:
        return Decision(outcome="backup_missing", breach=False, why="no backup is owed")
    if made:
        why = f"{made[-1].name} is owed no more"
        return Decision(outcome="out_of_retention", breach=False, why=why, day=day, rests_on=tuple(made))
    return _never_made(kept, request, day)


def _held(kept: Kept, request: Request, made: list[Backup], day: date | None) -> Decision | None:
    """The last of these backups that is owed and can be restored; missing when one is owed and none can be."""
    owed = [backup for backup in made if kept.owed(backup, request.requested_at)]
    usable = [backup for backup in owed if backup.restorable(request.requested_at)]
    if usable:
        why = f"{usable[-1].name} is owed and can be restored"
        return Decision(
            outcome="restorable", breach=False, why=why, day=day, backup=usable[-1], rests_on=tuple(usable[-1:])
        )
    if owed:
        why = f"{owed[-1].name} is still owed and no copy of it can be restored"
        return Decision(outcome="backup_missing", breach=True, why=why, day=day, rests_on=tuple(owed))
    return None


def _never_made(kept: Kept, request: Request, day: date) -> Decision:
    """No backup was completed on the day: missing while its daily state would be owed, else out of retention.

    A night's backup ends on either of two dates, so the state of a day comes from the night that ends on it or
    from the one that begins on it. It is a breach once one of these is over without its backup; where both have
    theirs, completed on the days around, nothing was promised of this date.
    """
    due = [period for period in _sources(kept, day) if kept.is_owed(period)]
    if not due or not _would_be_owed(kept, request, day):
        return Decision(outcome="out_of_retention", breach=False, why="no state of that day is owed any more", day=day)
    empty = [period for period in due if not kept.within(CLIENT_DATA, "daily", period)]
    ended = [period.label for period in empty if over(period.span[1], request.requested_at)]
    why = f"no backup was completed on {day}; " + (
        f"over without one: {', '.join(ended)}" if ended else "no night for it is over without its backup"
    )
    return Decision(outcome="backup_missing", breach=bool(ended), why=why, day=day)


def _sources(kept: Kept, day: date) -> list[Period]:
    """The nights, or by `night=calendar_date` the day, whose backup may give the state of a day (Amb-16)."""
    night = kept.night(day)
    return [night] if night.by == "completed_at" else [kept.night(day - timedelta(days=1)), night]


def _would_be_owed(kept: Kept, request: Request, day: date) -> bool:
    """Whether a daily backup completed in the last second of the day would be owed at the request (A9.2)."""
    frame = kept.eras.on(day)
    tier, end = frame.terms.backups.daily, frame.calendar.day(day)[1]
    if tier is None:
        return False
    if frame.reading.tier_retention == "generations":
        instants, _ = kept.ordered(CLIENT_DATA, "daily", "completed_at")
        since = bisect_right(instants, request.requested_at) - bisect_right(instants, end - 1)
        return since < tier.generations
    return request.requested_at < kept_until(frame, tier, end - 1, day)


def _named(kept: Kept, request: Request) -> Decision:
    """A backup asked for by name: the same rule on that one."""
    event = request.fact.event
    backup = kept.find(request.fact.stream, event.backup, event.scope)
    if backup is None:
        why = f"no successful backup {event.backup!r} of {event.scope} is known, or several are"
        return Decision(outcome="backup_missing", breach=False, why=why)
    day = backup.completed_on
    if backup.completed_at > request.requested_at:
        why = f"{backup.name} was not completed yet"
        return Decision(outcome="backup_missing", breach=False, why=why, day=day, rests_on=(backup,))
    found = _held(kept, request, [backup], day)
    if found is None:
        why = f"{backup.name} is owed no more"
        found = Decision(outcome="out_of_retention", breach=False, why=why, day=day, rests_on=(backup,))
    return found if event.scope == OFFICE else _only_last(kept, request, found)


def _only_last(kept: Kept, request: Request, decision: Decision) -> Decision:
    """`restore_target=last_backup_only`: no state but the last may be asked for (Amb-31)."""
    if kept.eras.at(request.requested_at).reading.restore_target != "last_backup_only":
        return decision
    last = kept.guaranteed(request.requested_at)
    asked = decision.backup.completed_on if decision.backup else decision.day
    if not last or last[0] is decision.backup or (asked is not None and asked > last[0].completed_on):
        return decision
    why = f"only the last backup, {last[0].name}, may be asked for"
    return Decision(outcome="out_of_retention", breach=False, why=why, day=decision.day, rests_on=tuple(last))


def _last_office_state(kept: Kept, request: Request) -> Decision:
    """A9.5: the office documents are restored to the state of their last backup, and to no other day's."""
    day: date | None = request.fact.event.target_date
    instants, made = kept.ordered(OFFICE, None, "completed_at")
    last = made[: bisect_right(instants, request.requested_at)][-1:]
    if not last:
        return _no_office_state(kept, request, day)
    if day is not None and day > last[0].completed_on and _last_due(kept, request, day):
        return _no_office_state(kept, request, day)
    if day is not None and day != last[0].completed_on:
        why = f"only the last state, {last[0].name} of {last[0].completed_on}, is owed"
        return Decision(outcome="out_of_retention", breach=False, why=why, day=day, rests_on=tuple(last))
    found = _held(kept, request, last, day)
    return found or Decision(outcome="out_of_retention", breach=False, why="no state is promised", day=day)


def _no_office_state(kept: Kept, request: Request, day: date | None) -> Decision:
    """None was made, that day or ever: a breach once a day it was owed for is over."""
    local = kept.eras.at(request.requested_at).calendar.local_date(request.requested_at)
    due = _office_due(kept, request, day or local - timedelta(days=1))
    why = "no backup of the office documents was made"
    return Decision(outcome="backup_missing", breach=due, why=why, day=day)


def _last_due(kept: Kept, request: Request, day: date) -> bool:
    """Whether the last state there should have been is that of the day: no later one's day is over."""
    return _office_due(kept, request, day) and not _office_due(kept, request, day + timedelta(days=1))


def _office_due(kept: Kept, request: Request, day: date) -> bool:
    """Whether a backup of the day was owed, and its day over when the state was asked for."""
    (period,) = kept.office_days(day, day)
    return kept.is_owed(period) and over(period.span[1], request.requested_at)


# --- requests ---


def _requests(history: History) -> list[Request]:
    """The requests that count for the contract, by instant and name; what answers no known request is ignored."""
    after: dict[tuple[str, str], list[Fact]] = {}
    for fact in history.of(*ANSWERS):
        after.setdefault((fact.stream, fact.event.restore), []).append(fact)
    found = []
    for fact in history.of(e.RestoreRequested):
        requested_at = at(fact, "requested_at")
        if history.counts(fact, requested_at):
            told = sorted(after.get((fact.stream, fact.event.restore), ()), key=lambda f: (at(f), f.position))
            name = history.name(fact, fact.event.restore)
            found.append(Request(name=name, fact=fact, after=tuple(told), requested_at=requested_at))
    return sorted(found, key=lambda request: (request.requested_at, request.name))


def _facts(request: Request, decision: Decision) -> list[Fact]:
    return [request.fact, *request.after, *(fact for backup in decision.rests_on for fact in backup.facts)]


def _workings(kept: Kept, request: Request, decision: Decision) -> dict[str, Any]:
    frame = kept.eras.at(request.requested_at)
    chosen = decision.backup
    until = kept.owed_until(chosen) if chosen else None
    used = [f.event.backup for f in request.after if isinstance(f.event, e.RestoreCompleted)]
    return {
        "clause": f"art. {frame.terms.restores.article}",
        "requested_at": text(request.requested_at),
        "state_of": decision.day.isoformat() if decision.day else None,
        "why": decision.why,
        "completed_at": text(chosen.completed_at) if chosen else None,
        "owed_until": text(until) if until is not None else None,
        "broken": _broken(request, decision),
        "started_after_seconds": _elapsed(request, e.RestoreStarted),
        "completed_after_seconds": _elapsed(request, e.RestoreCompleted),
        "restored_from": used[-1] if used else None,
        "switches": [
            {"switch": switch, "value": frame.reading[switch]}
            for switch in ("night", "retention_count", "tier_retention", "restore_target")
        ],
        "positions": list(positions_of(_facts(request, decision))),
    }


def _elapsed(request: Request, kind: type[e.Event]) -> int | None:
    """Seconds from the request to the first fact of a kind: measured only, article 9 sets no delay."""
    found = [at(fact) for fact in request.after if isinstance(fact.event, kind)]
    return found[0] - request.requested_at if found else None


# --- the register ---


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """What restores broke of A9.1, filed from `first` to `last`, local dates, included.

    A missing state is filed at its request, a refusal or a failure at its own instant.
    """
    kept = Kept.of(history, frames)
    start, end = kept.eras.calendar.day(first, last)
    rows = (_breach(kept, request) for request in _requests(history))
    return sorted(
        (row for row in rows if row is not None and start <= row.on < end), key=lambda row: (row.on, row.subject)
    )


def _breach(kept: Kept, request: Request) -> Breach | None:
    decision = _decide(kept, request)
    what = _broken(request, decision)
    if what is None:
        return None
    refusal = None if what == "state_missing" else request.refusal
    on = at(refusal) if refusal else request.requested_at
    return Breach(
        obligation="A9.1",
        clause=kept.eras.at(request.requested_at).terms.restores.article,
        what=what,
        subject=request.name,
        period=text(on),
        amount="0 states",
        limit=f"state of {decision.day}" if decision.day else "1 state",
        on=on,
        first_knowable_at=_knowable(kept, request, what, on),
        because=tuple(sorted({*positions_of(_facts(request, decision)), *kept.history.started.positions})),
    )


def _knowable(kept: Kept, request: Request, what: str, on: Instant) -> Instant | None:
    """The earliest knowledge that showed the same broken of the same request."""
    if kept.eras.at(request.requested_at).comparing:
        return None

    def shown(then: History) -> bool:
        known = Kept.of(then, kept.eras.frames)
        return any(
            each.fact.position == request.fact.position and _broken(each, _decide(known, each)) == what
            for each in _requests(then)
        )

    return first_provable(kept.history, on, shown)
