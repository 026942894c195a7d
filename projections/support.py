"""Support: how many working seconds each request waited for a technician, and what share of them was in time.

Article 12.2. A request's clock runs in the opening hours of the plan in force when it was registered, from
its registration to the first answer: taken in charge, or resolved at once. It stands still while support is
suspended of right and outside the service period. `working_seconds <= limit` is met, to the second; a request
without an answer is pending until that is no longer possible. One miss breaks nothing: the share of a period
does. Requests of a period are judged by the terms and the reading of its first instant.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple, cast

from msgspec import Struct, structs

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, Scope, positions_of
from ledger.spans import FOREVER, Instant, Spans, difference, intersection, length, moment, seconds, union
from ledger.workdays import Calendar, Week, add_months
from projections.finding import Breach, Finding, at, ceil_seconds, earliest, percent, spans_text, text
from projections.frame import Frame, Frames
from projections.ground import kinds_named, learnt_at, support_start, without_support
from projections.periods import over

# every state a request may be in, whether it counts in the share, and what it says
STATES: tuple[tuple[str, bool, str], ...] = (
    ("met", True, "answered within the plan's working hours"),
    ("missed", True, "not answered within them"),
    ("pending", False, "not answered, and its hours have not run out"),
    ("excluded", False, "the customer had not met its own duties (12.2)"),
    ("withdrawn", False, "taken back by the customer before its hours ran out"),
    ("not_counted", False, "its clock never started: see `why`"),
    ("no_clock", False, "the plan promises no delay (article 12)"),
)
COUNTED = frozenset(state for state, counts, _ in STATES if counts)

KINDS = (
    e.SupportRequestRegistered, e.SupportRequestAcknowledged, e.SupportRequestTakenInCharge,
    e.SupportRequestResolved, e.SupportRequestExcluded, e.SupportRequestWithdrawn,
)  # fmt: skip
STOPS = (e.SupportSuspended, e.SupportResumed, e.ContractSuspended, e.ContractResumed, e.ContractTerminated)
# what may change a verdict of this subject, by how the names of its types begin
BEARING = kinds_named("SupportRequest", "SupportSuspended", "SupportResumed", "Contract", "Corrected", "Retracted")


class Period(NamedTuple):
    """The days `[first, following)` as instants, half-open, and what they are judged by.

    `stopped` is when no support is owed, `running` the frame's calendar without it.
    """

    first: date
    following: date
    start: Instant
    end: Instant
    frame: Frame
    stopped: Spans
    running: Calendar


class Request(Struct, kw_only=True):
    """All that is known of one registered request: at most one fact of each type."""

    id: str
    facts: dict[type[e.Event], Fact]

    @property
    def registered_at(self) -> Instant:
        return at(self.facts[e.SupportRequestRegistered])

    @property
    def answered_at(self) -> Instant | None:
        """When a technician took it in charge or, at once, resolved it: whichever came first."""
        answers = (self.moment(e.SupportRequestTakenInCharge), self.moment(e.SupportRequestResolved))
        return min((each for each in answers if each is not None), default=None)

    def moment(self, kind: type[e.Event]) -> Instant | None:
        """When it happened; what does not say its instant happened, at the latest, when it was first known."""
        fact = self.facts.get(kind)
        if fact is None:
            return None
        return seconds(fact.first_known_at) if fact.event.at is None else at(fact)


class Waited(Struct, frozen=True, kw_only=True):
    """One request against its limit: the open seconds it waited, null where no clock ran, and where that leaves it."""

    request: Request
    scope: Scope
    state: str
    why: str | None = None
    limit: int | None = None
    week: Week = ()
    open: Spans | None = None

    @property
    def seconds(self) -> int | None:
        return None if self.open is None else length(self.open)


# --- questions ---


def support_response(history: History, frames: Frames, start: date) -> Finding:
    """The requests registered in the period that begins on `start`, and the share answered in time (A12.2a, A12.2b).

    The period is the terms' number of months from local midnight to local midnight; with `support_period=rolling`
    it is as long and ends with the local day of the knowledge instant, if that comes before its own end. A
    request not answered runs to the knowledge instant; where all was asked without one, to the end of the
    period or to its first second too late, whichever is later. `counted` 0 is not applicable, and no breach.
    """
    period = _rolled(history, frames, _period(history, frames, start))
    waited = _waited(history, period)
    counted, met = _share(waited)
    return Finding(
        result={
            "requests": {w.request.id: {"working_seconds": w.seconds, "state": w.state} for w in waited},
            "counted": counted,
            "met": met,
            "ratio_percent": percent(Fraction(met, counted)) if counted else None,
            "breach": _below(period, waited),
            "status": "not_applicable" if not counted else "final" if over(period.end, history.now) else "provisional",
        },
        workings=_workings(period, waited),
        because=_rests_on(history, waited),
    )


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A12.2b: periods of support that are over, ended on a local date `first` to `last`, both included.

    Filed at the last second of the period. A period still running is never below: every request may yet come.
    """
    rows: list[Breach] = []
    began = frames.at(seconds(history.started.event.service_start)).calendar
    period = _period(history, frames, support_start(history, began))
    latest = max((request.registered_at for request in _requests(history)), default=period.start - 1)
    while period.start <= latest and (period.following - last).days <= 1 and over(period.end, history.now):
        waited = _waited(history, period)
        if first < period.following and _below(period, waited):
            rows.append(_row(history, period, waited))
        period = _period(history, frames, period.following)
    return rows


def _row(history: History, period: Period, waited: list[Waited]) -> Breach:
    counted, met = _share(waited)
    terms = period.frame.terms.support
    return Breach(
        obligation="A12.2b",
        clause=terms.article,
        what="ratio_below",
        subject="support",
        period=f"{period.first}/{period.following - timedelta(days=1)}",
        amount=f"{percent(Fraction(met, counted))} %",
        limit=f"{percent(terms.minimum_percent / 100)} %",
        on=period.end - 1,
        first_knowable_at=_knowable(history, period, waited),
        because=_rests_on(history, waited),
    )


def _share(waited: list[Waited]) -> tuple[int, int]:
    """How many requests count, and how many of them were met."""
    return sum(w.state in COUNTED for w in waited), sum(w.state == "met" for w in waited)


def _below(period: Period, waited: list[Waited]) -> bool:
    """A12.2b on exact numbers: 3 of 4 is 75 percent; 1 missed of 1 is a breach (Amb-18)."""
    counted, met = _share(waited)
    return counted > 0 and Fraction(met * 100, counted) < period.frame.terms.support.minimum_percent


# --- the period (D-Y12) ---


def _period(history: History, frames: Frames, first: date) -> Period:
    """The period from a day on, counted from the start of support where that falls on it.

    So the periods of a support begun on 29 February follow one another without gap or overlap.
    """
    frame = _frame_on(frames, first)
    origin, months = support_start(history, frame.calendar), frame.terms.support.period_months
    since = (first.year - origin.year) * 12 + first.month - origin.month
    counted_from_origin = add_months(origin, since) == first
    following = add_months(origin, since + months) if counted_from_origin else add_months(first, months)
    return _spanned(history, frame, first, following)


def _rolled(history: History, frames: Frames, period: Period) -> Period:
    """With `support_period=rolling` (Amb-18), as many months to the end of the local day of the knowledge instant."""
    if period.frame.reading.support_period != "rolling" or over(period.end, history.now):
        return period
    following = period.frame.calendar.local_date(history.now) + timedelta(days=1)
    first = add_months(following, -period.frame.terms.support.period_months)
    return _spanned(history, _frame_on(frames, first), first, following)


def _frame_on(frames: Frames, day: date) -> Frame:
    near = seconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return frames.at(frames.at(near).calendar.at(day))


def _spanned(history: History, frame: Frame, first: date, following: date) -> Period:
    calendar, stopped = frame.calendar, without_support(history)
    running = structs.replace(
        calendar, closings=union(calendar.closings, stopped), openings=difference(calendar.openings, stopped)
    )
    days = (calendar.at(first), calendar.at(following))
    return Period(first, following, *days, frame, stopped, running)


# --- requests ---


def _requests(history: History) -> list[Request]:
    """The requests registered, by their instant and id; what follows no registration is left aside."""
    found: dict[str, Request] = {}
    for fact in history.of(*KINDS):
        request = found.setdefault(fact.event.request, Request(id=fact.event.request, facts={}))
        request.facts.setdefault(type(fact.event), fact)
    registered = [request for request in found.values() if e.SupportRequestRegistered in request.facts]
    return sorted(registered, key=lambda request: (request.registered_at, request.id))


def _waited(history: History, period: Period) -> list[Waited]:
    scopes: dict[tuple[int, ...], Scope] = {}
    changes = [(seconds(f.event.effective_from), f.position) for f in history.of(e.ContractScopeChanged)]
    found = []
    for request in _requests(history):
        if period.start <= request.registered_at < period.end:
            in_force = tuple(position for since, position in changes if since <= request.registered_at)
            if in_force not in scopes:
                scopes[in_force] = history.scope_at(request.registered_at)
            found.append(_wait(history, period, request, scopes[in_force]))
    return found


def _wait(history: History, period: Period, request: Request, scope: Scope) -> Waited:
    terms, reading = period.frame.terms.support, period.frame.reading
    name = cast(e.Plan, scope.plan)
    plan, week = terms.plan(name), terms.week_for(name, reading)
    if plan is None or week is None:
        return Waited(request=request, scope=scope, state="no_clock")
    if (why := _unstarted(history, period, request, week)) is not None:
        return Waited(request=request, scope=scope, state="not_counted", why=why, limit=plan.response_seconds)
    until = _until(history, period, request, week, plan.response_seconds)
    opened = period.running.opening(week, (request.registered_at, until))
    state = _state(request, length(opened) > plan.response_seconds)
    return Waited(request=request, scope=scope, state=state, limit=plan.response_seconds, week=week, open=opened)


def _unstarted(history: History, period: Period, request: Request, week: Week) -> str | None:
    """Why a request starts no clock: before support, given to somebody else (A3.3), or out of hours (Amb-19)."""
    frame, since = period.frame, request.registered_at
    channel = request.facts[e.SupportRequestRegistered].event.channel
    if since < frame.calendar.at(support_start(history, frame.calendar)):
        return "registered before support began"
    if not frame.terms.support.handles(channel):
        return f"channel {channel} handles no requests (A3.3)"
    if frame.reading.out_of_hours == "not_counted" and not frame.calendar.opening(week, (since, since + 1)):
        return "registered out of hours, with out_of_hours=not_counted"
    return None


def _until(history: History, period: Period, request: Request, week: Week, limit: int) -> Instant:
    """Where its clock stops: the answer, the withdrawal, or what is known by now."""
    stops = [request.answered_at, request.moment(e.SupportRequestWithdrawn)]
    known = [each for each in stops if each is not None]
    if known:
        return min(known)
    if history.now < FOREVER:
        return history.now
    return max(period.end, _reached(period, request, week, limit + 1) or period.end)


def _state(request: Request, late: bool) -> str:
    answered_at, withdrawn_at = request.answered_at, request.moment(e.SupportRequestWithdrawn)
    if e.SupportRequestExcluded in request.facts:
        return "excluded"
    if late:
        return "missed"  # a request taken back after its hours ran out stays missed
    if answered_at is not None and (withdrawn_at is None or answered_at <= withdrawn_at):
        return "met"
    return "pending" if withdrawn_at is None else "withdrawn"


def _reached(period: Period, request: Request, week: Week, wanted: int) -> Instant | None:
    """When that many open seconds have passed since registration; None when clocks stop for good before."""
    since, stopped = request.registered_at, period.stopped
    if stopped and stopped[-1][1] == FOREVER:
        left = period.running.working_seconds(week, since, stopped[-1][0])
        if left < wanted:
            return None
    return period.running.deadline(week, since, wanted)


# --- workings ---


def _workings(period: Period, waited: list[Waited]) -> dict[str, Any]:
    terms, reading = period.frame.terms.support, period.frame.reading
    switches = ("support_period", "support_hours", "private_hours", "out_of_hours")
    states = [w.state for w in waited]
    return {
        "clause": f"art. {terms.article}",
        "period": [text(period.start), text(period.end)],
        "minimum_percent": percent(terms.minimum_percent / 100),
        "states": {state: states.count(state) for state, _, _ in STATES},
        "unacknowledged": [w.request.id for w in waited if e.SupportRequestAcknowledged not in w.request.facts],
        "requests": {w.request.id: _shown(period, w) for w in waited},
        "switches": [{"switch": name, "value": reading[name]} for name in switches],
    }


def _shown(period: Period, w: Waited) -> dict[str, Any]:
    """One request, step by step. That it was acknowledged is A12.2c: owed, with no delay that could be missed."""
    request = w.request
    due_at = None if w.open is None or w.limit is None else _reached(period, request, w.week, w.limit)
    until = (request.registered_at, max([request.registered_at + 1, *(end for _, end in w.open or ())]))
    return {
        "entries": list(positions_of(request.facts.values())),
        "registered_at": text(request.registered_at),
        "channel": request.facts[e.SupportRequestRegistered].event.channel,
        "plan": w.scope.plan,
        "limit_seconds": w.limit,
        "limit_reached_at": None if due_at is None else text(due_at),
        **{f"{name}_at": _told(request, kind) for name, kind in _TOLD},
        "open": None if w.open is None else spans_text(w.open),
        "stood_still": spans_text(intersection(period.stopped, (until,))),
        "why": w.why,
    }


_TOLD: tuple[tuple[str, type[e.Event]], ...] = (
    ("acknowledged", e.SupportRequestAcknowledged),
    ("taken_in_charge", e.SupportRequestTakenInCharge),
    ("resolved", e.SupportRequestResolved),
    ("withdrawn", e.SupportRequestWithdrawn),
)


def _told(request: Request, kind: type[e.Event]) -> str | None:
    instant = request.moment(kind)
    return None if instant is None else text(instant)


def _rests_on(history: History, waited: list[Waited]) -> tuple[int, ...]:
    facts = [fact for w in waited for fact in w.request.facts.values()]
    scopes = {position for w in waited for position in w.scope.positions}
    return tuple(sorted({*positions_of(facts, history.of(*STOPS) if waited else ()), *scopes}))


# --- when it was provable ---


def _knowable(history: History, period: Period, waited: list[Waited]) -> Instant | None:
    """The earliest knowledge that showed the share below, once the period was over: entries learnt, hours run out."""
    open_still = [w for w in waited if w.open is not None and w.request.answered_at is None]
    late = [_reached(period, w.request, w.week, (w.limit or 0) + 1) for w in open_still]
    learnt = {period.end, *(known_at for known_at in learnt_at(history, *BEARING) if known_at > period.end)}
    asked = FOREVER if history.known_at is None else ceil_seconds(history.known_at)
    upto = min(asked, max([*learnt, *(instant for instant in late if instant is not None)]))
    return earliest(lambda known_at: _below_then(history.as_known(moment(known_at)), period), learnt, upto)


def _below_then(history: History, period: Period) -> bool:
    if not history.own(e.ContractStarted):
        return False
    then = _spanned(history, period.frame, period.first, period.following)
    return _below(then, _waited(history, then))
