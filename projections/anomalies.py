"""Anomalies: until when a plan, a correction or a workaround was owed for each defect, and whether it came.

Article 12.3. Criticality 1 has a delay in working hours of the plan, criticality 2 one in working days,
criticality 3 none. The delay runs from the end of the qualification and the reproduction; no delay is set for
the qualification itself, which is measured and shown. A delivery within the delay is met (`delays`), and so is one
before the qualification. Each criticality an anomaly had is a stage, judged by the terms and the reading of the
instant its qualification ended; an earlier stage is judged too, if its deadline passed before the next began.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple, cast

from msgspec import Struct

from ledger import events as e
from ledger.corrections import Fact
from ledger.errors import Refused
from ledger.history import History, positions_of
from ledger.spans import FOREVER, Instant, moment
from projections.delays import Clock, Delay, clock_of
from projections.finding import Breach, Finding, at, ceil_seconds, earliest, text
from projections.frame import Frames
from projections.ground import kinds_named, learnt_at

# of each criticality: the obligation, the code of its breach, what is owed
OWED: dict[int, tuple[str, str, tuple[type[e.Event], ...]]] = {
    1: ("A12.3a", "no_plan_in_time", (e.ActionPlanDelivered,)),
    2: ("A12.3b", "no_fix_in_time", (e.FixDelivered, e.WorkaroundDelivered)),
}
DELIVERIES = (e.ActionPlanDelivered, e.WorkaroundDelivered, e.FixDelivered)
KINDS = (e.AnomalyQualified, e.AnomalyReproduced, e.AnomalyReclassified, *DELIVERIES)
# what may change a verdict of this subject, by how the names of its types begin
BEARING = kinds_named(
    "Anomaly", "ActionPlan", "Workaround", "Fix", "SupportRequestRe", "SupportSus", "SupportRes", "Contract",
    "Corrected", "Retracted",
)  # fmt: skip
STOPS = (e.SupportSuspended, e.SupportResumed, e.ContractSuspended, e.ContractResumed, e.ContractTerminated)
UNQUALIFIED = "not qualified, for which the clause sets no delay (A12.3d)"
SWITCHES = ("anomaly_clock", "reclassified", "working_day_end", "support_hours", "private_hours")


class Anomaly(Struct, frozen=True, kw_only=True):
    """All that is known of one anomaly; `request` is the one it was reported by, where that is known."""

    id: str
    facts: tuple[Fact, ...]
    request: Fact | None

    def first(self, *kinds: type[e.Event]) -> Fact | None:
        """The earliest fact of these types."""
        return next((fact for fact in self.facts if isinstance(fact.event, kinds)), None)


class Stage(NamedTuple):
    """One criticality of an anomaly from `since` until the next; `state` None where the next came before it was due."""

    criticality: int
    since: Instant
    until: Instant
    clock_from: Instant
    delay: Delay | None
    delivery: Fact | None
    state: str | None


class Judged(NamedTuple):
    """An anomaly with its stages, in order; the last one is the answer. `why` says why it has none."""

    anomaly: Anomaly
    stages: list[Stage]
    clock: Clock
    clock_from: Instant | None
    why: str | None
    positions: tuple[int, ...]


# --- questions ---


def anomaly(history: History, frames: Frames, anomalies: tuple[str, ...] | None = None) -> Finding:
    """Per anomaly the deadline of its present criticality, UTC or null, and its state (A12.3a to A12.3d).

    `met` when delivered in time: by the deadline, and before it where a day ends with it (24:00 is the next day);
    `pending` while it may be; `missed` after; `no_deadline` for criticality 3, a plan without support, and while not
    qualified. Raises `Refused("unknown_id")`.
    """
    judged = [_judge(history, frames, each) for each in _asked(history, anomalies)]
    return Finding(
        result={each.anomaly.id: _answer(each) for each in judged},
        workings={each.anomaly.id: _workings(each) for each in judged},
        because=tuple(sorted({position for each in judged for position in each.positions})),
    )


def _answer(judged: Judged) -> dict[str, Any]:
    last = judged.stages[-1] if judged.stages else None
    if last is None or last.state is None:
        return {"deadline": None, "state": "no_deadline"}
    return {"deadline": None if last.delay is None else text(last.delay.deadline), "state": last.state}


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A12.3a and A12.3b: stages missed whose delay ended on a local date `first` to `last`, both included.

    Filed at the last second of the delay. Contested, for want of a plan, where a correction or a workaround
    came in time: the clause asks for the plan all the same.
    """
    rows, moments = [], learnt_at(history, *BEARING)
    for judged in (_judge(history, frames, each) for each in _known(history)):
        local_date = judged.clock.frame.calendar.local_date
        for place, stage in enumerate(judged.stages):
            if stage.state == "missed" and stage.delay and first <= local_date(stage.delay.deadline - 1) <= last:
                rows.append(_row(history, frames, judged, place, moments))
    return sorted(rows, key=lambda row: (row.on, row.subject, row.obligation))


def _row(history: History, frames: Frames, judged: Judged, place: int, moments: set[Instant]) -> Breach:
    stage = judged.stages[place]
    assert stage.delay is not None
    obligation, what, _ = OWED[stage.criticality]
    other = judged.anomaly.first(e.WorkaroundDelivered, e.FixDelivered)  # in time, it meets criticality 2
    return Breach(
        obligation=obligation,
        clause=judged.clock.frame.terms.anomalies.article,
        what=what,
        subject=judged.anomaly.id,
        period=f"{text(stage.clock_from)}/{text(stage.delay.deadline)}",
        amount="not delivered" if stage.delivery is None else f"delivered {text(at(stage.delivery))}",
        limit=f"by {text(stage.delay.deadline)}",
        on=stage.delay.deadline - 1,
        first_knowable_at=_knowable(history, frames, judged, place, moments),
        because=judged.positions,
        contested=other is not None and at(other) <= stage.delay.last,
    )


# --- the anomalies of a history ---


def _known(history: History) -> list[Anomaly]:
    """Every anomaly somebody spoke of, by its first instant and its id."""
    told: dict[str, list[Fact]] = {}
    for fact in sorted(history.of(*KINDS), key=lambda f: (at(f), f.position)):
        told.setdefault(fact.event.anomaly, []).append(fact)
    requests = {fact.event.request: fact for fact in history.of(e.SupportRequestRegistered)}
    found = [_anomaly(identity, facts, requests) for identity, facts in told.items()]
    return sorted(found, key=lambda anomaly: (at(anomaly.facts[0]), anomaly.id))


def _anomaly(identity: str, facts: list[Fact], requests: dict[str, Fact]) -> Anomaly:
    linked = [getattr(fact.event, "request", None) for fact in facts]
    request = next((requests[name] for name in linked if name in requests), None)
    return Anomaly(id=identity, facts=tuple(facts), request=request)


def _asked(history: History, names: tuple[str, ...] | None) -> list[Anomaly]:
    known = _known(history)
    for name in names or ():
        if all(each.id != name for each in known):
            shown = ", ".join(each.id for each in known[:5]) or "none"
            raise Refused("unknown_id", f"no anomaly {name!r} is known of contract {history.contract}; known: {shown}")
    return [each for each in known if names is None or each.id in names]


# --- judging ---


def _judge(history: History, frames: Frames, anomaly: Anomaly) -> Judged:
    ended_at = _ended(anomaly)
    from_at = at(anomaly.facts[0]) if ended_at is None else ended_at
    frame, scope = frames.at(from_at), history.scope_at(from_at)
    clock = clock_of(history, frame, cast(e.Plan, scope.plan))
    clock_from, why = (None, UNQUALIFIED) if ended_at is None else _clock_from(history, anomaly, clock, ended_at)
    used = [*anomaly.facts, *([anomaly.request] if anomaly.request else []), *history.of(*STOPS)]
    stages = [] if clock_from is None else _stages(history, anomaly, clock, clock_from)
    return Judged(anomaly, stages, clock, clock_from, why, tuple(sorted({*positions_of(used), *scope.positions})))


def _ended(anomaly: Anomaly) -> Instant | None:
    """The end of the qualification and of the reproduction; of the first alone where the second never was."""
    qualified, reproduced = anomaly.first(e.AnomalyQualified), anomaly.first(e.AnomalyReproduced)
    if qualified is None:
        return None
    return at(qualified) if reproduced is None else max(at(qualified), at(reproduced))


def _clock_from(history: History, anomaly: Anomaly, clock: Clock, ended_at: Instant) -> tuple[int | None, str | None]:
    """Amb-20: from qualification and reproduction, or from the end of the response delay of its request."""
    if clock.week is None:
        return None, "its plan has no support clock (article 12)"
    if clock.frame.reading.anomaly_clock == "qualified_and_reproduced":
        return ended_at, None
    if anomaly.request is None:
        return None, "anomaly_clock=end_of_8h, and no request it was reported by is known"
    registered_at, support = at(anomaly.request), clock.frame.terms.support
    name = cast(e.Plan, history.scope_at(registered_at).plan)
    plan, waiting = support.plan(name), clock_of(history, clock.frame, name)
    if plan is None or not support.handles(anomaly.request.event.channel):
        return None, "anomaly_clock=end_of_8h, and its request started no clock"
    end = waiting.after(registered_at, plan.response_seconds)
    return end, "anomaly_clock=end_of_8h, and clocks stopped for good before" if end is None else None


def _stages(history: History, anomaly: Anomaly, clock: Clock, clock_from: Instant) -> list[Stage]:
    """The criticalities in force one after the other; the same one again is no other stage."""
    said = [fact for fact in anomaly.facts if isinstance(fact.event, e.AnomalyQualified | e.AnomalyReclassified)]
    qualified = next(place for place, fact in enumerate(said) if isinstance(fact.event, e.AnomalyQualified))
    turns: list[Fact] = []
    for fact in said[qualified:]:
        if not turns or fact.event.criticality != turns[-1].event.criticality:
            turns.append(fact)
    ends = [*(at(fact) for fact in turns[1:]), FOREVER]
    restarts = clock.frame.reading.reclassified == "from_reclassification"
    return [
        _stage(history.now, anomaly, clock, turn, until, max(at(turn), clock_from) if n and restarts else clock_from)
        for n, (turn, until) in enumerate(zip(turns, ends, strict=True))
    ]


def _stage(now: Instant, anomaly: Anomaly, clock: Clock, turn: Fact, until: Instant, clock_from: Instant) -> Stage:
    criticality = turn.event.criticality
    delay = _delay(clock, criticality, clock_from)
    delivery = anomaly.first(*OWED[criticality][2]) if criticality in OWED else None
    state: str | None = "no_deadline"
    delivered_at = None if delivery is None else at(delivery)
    if delay is not None:
        state = _state(now, until, delay.last, delivered_at)
    elif criticality in OWED and delivered_at is not None and delivered_at <= until:
        state = "met"  # the clock stands still before its end: what came was in time
    elif criticality in OWED and not clock.ended and now < FOREVER:
        state = "pending" if now < until else None  # it stands still until support goes on
    return Stage(criticality, at(turn), until, clock_from, delay, delivery, state)


def _state(now: Instant, until: Instant, last: Instant, delivered_at: Instant | None) -> str | None:
    """Delivered at the last instant is met; None where another criticality came while it was still pending."""
    if delivered_at is not None and delivered_at <= min(last, until):
        return "met"
    if until <= last:
        return None
    return "missed" if now > last else "pending"


def _delay(clock: Clock, criticality: int, clock_from: Instant) -> Delay | None:
    """The delay of a criticality from an instant on; None for 3, and where clocks stop for good before its end."""
    terms = clock.frame.terms.anomalies
    if criticality == 1:
        return clock.hours(clock_from, terms.plan_seconds)
    return clock.days(clock_from, terms.fix_working_days) if criticality == 2 else None


# --- workings ---


def _workings(judged: Judged) -> dict[str, Any]:
    anomaly, reading = judged.anomaly, judged.clock.frame.reading
    qualified, reproduced = anomaly.first(e.AnomalyQualified), anomaly.first(e.AnomalyReproduced)
    delivered = anomaly.first(*DELIVERIES)
    early = delivered is not None and (qualified is None or at(delivered) < at(qualified))
    return {
        "clause": f"art. {judged.clock.frame.terms.anomalies.article}",
        "entries": list(positions_of(anomaly.facts)),
        "qualified_at": None if qualified is None else text(at(qualified)),
        "reproduced_at": None if reproduced is None else text(at(reproduced)),
        "qualification": _qualification(judged),
        "clock_from": None if judged.clock_from is None else text(judged.clock_from),
        "stages": [_shown(stage) for stage in judged.stages],
        "why": judged.why,
        "delivered_before_qualification": early,
        "switches": [{"switch": name, "value": reading[name]} for name in SWITCHES],
    }


def _qualification(judged: Judged) -> dict[str, Any] | None:
    """How long qualifying took since the request was registered: no clause limits it (A12.3d)."""
    request, qualified = judged.anomaly.request, judged.anomaly.first(e.AnomalyQualified)
    if request is None or qualified is None:
        return None
    week, running = judged.clock.week or (), judged.clock.running
    return {
        "request": request.event.request,
        "registered_at": text(at(request)),
        "elapsed_seconds": at(qualified) - at(request),
        "working_seconds": running.working_seconds(week, at(request), at(qualified)),
    }


def _shown(stage: Stage) -> dict[str, Any]:
    owed = OWED[stage.criticality][2] if stage.criticality in OWED else ()
    return {
        "criticality": stage.criticality,
        "since": text(stage.since),
        "until": None if stage.until == FOREVER else text(stage.until),
        "owed": [e.wire_name(kind.__name__) for kind in owed],
        "clock_from": text(stage.clock_from),
        "deadline": None if stage.delay is None else text(stage.delay.deadline),
        "in_time_until": None if stage.delay is None else text(stage.delay.last),
        "delivered_at": None if stage.delivery is None else text(at(stage.delivery)),
        "state": stage.state or "another criticality came first",
    }


# --- when it was provable ---


def _knowable(history: History, frames: Frames, judged: Judged, place: int, moments: set[Instant]) -> Instant | None:
    """The earliest knowledge that showed the stage missed, once over: then, or by what was learnt later."""

    def missed(known_at: Instant) -> bool:
        then = history.as_known(moment(known_at))
        if not then.own(e.ContractStarted):
            return False
        same = [_judge(then, frames, each) for each in _known(then) if each.id == judged.anomaly.id]
        stages = [each.stages[place] for each in same if len(each.stages) > place]
        return any(s.state == "missed" and s.criticality == judged.stages[place].criticality for s in stages)

    over = cast(Delay, judged.stages[place].delay).last + 1
    upto = FOREVER if history.known_at is None else ceil_seconds(history.known_at)
    return earliest(missed, {over, *(known_at for known_at in moments if known_at > over)}, upto)
