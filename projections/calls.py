"""The telephone: whether the line was open in its hours, and whether calls with priority went first.

Articles 12.6, 12.9 and 12.10. The line's hours are those of the plan: the longer hours of a plan that has them
(private), else those the clause on the telephone gives, else those of support. No line is owed while support is
suspended of right or the contract is not in force. Priority is owed where the plan promises it. The ledger has no
event for a caller who gave up: a call never answered waits to the end of its local day at most, and what
rests on such calls alone is contested.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple, cast

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import FOREVER, NEVER, Instant, Span, Spans, contains, difference, intersection, length, span, union
from ledger.tables import week_of
from ledger.workdays import Week
from projections.finding import Breach, Finding, at, known_since, spans_text, text
from projections.frame import Frame, Frames
from projections.ground import STOPS, days_span, first_provable, stretches, without_support

LINE = (e.SupportLineClosed, e.SupportLineOpened)
CALLS = (e.CallReceived, e.CallAnswered)


class Closure(NamedTuple):
    """One time the line did not answer: the fact that closed it, the one that opened it, the hours it took."""

    closed: Fact
    opened: Fact | None
    lost: Spans

    @property
    def facts(self) -> list[Fact]:
        return [fact for fact in (self.closed, self.opened) if fact is not None]


class Call(NamedTuple):
    """One call: when it came, and when it was answered, if it was; `until` is when it waited no more."""

    id: str
    stream: str
    received: Fact
    answered: Fact | None
    until: Instant

    @property
    def received_at(self) -> Instant:
        return at(self.received)

    @property
    def priority(self) -> bool:
        return bool(self.received.event.priority)

    @property
    def facts(self) -> list[Fact]:
        return [fact for fact in (self.received, self.answered) if fact is not None]


class Passed(NamedTuple):
    """A call answered while others, with priority, were waiting and should have come first."""

    call: Call
    answered_at: Instant
    what: str
    waiting: list[Call]
    frame: Frame

    @property
    def contested(self) -> bool:
        return all(call.answered is None for call in self.waiting)


# --- the line (A12.6, A12.10) ---


def phone_line(history: History, frames: Frames, first: date, last: date) -> Finding:
    """Seconds the line was to be open from `first` to `last`, local days included, and those it was closed in them.

    Each closure that meets the period is listed with its seconds within the hours; one not over runs to the
    knowledge instant, or to the end of the period. A plan without a telephone is owed none: 0.
    """
    within = days_span(frames, first, last)
    owed, closures = _owed(history, frames, within), _closures(history, frames, within)
    return Finding(
        result={
            "opening_seconds": length(owed),
            "closed_seconds": length(union(*(c.lost for c in closures))),
            "closures": [_shown(c) for c in closures],
        },
        workings={
            "clauses": ["art. 12.6", "art. 12.10"],
            "opening": spans_text(owed),
            "lost": {text(at(c.closed)): spans_text(c.lost) for c in closures},
            "switches": [{"switch": "private_hours", "value": frames.at(within[0]).reading.private_hours}],
        },
        because=positions_of(*(c.facts for c in closures), history.of(*STOPS), history.scope_changes),
    )


def _shown(closure: Closure) -> dict[str, Any]:
    return {
        "closed_at": text(at(closure.closed)),
        "opened_at": None if closure.opened is None else text(at(closure.opened)),
        "seconds": length(closure.lost),
        "reason": closure.closed.event.reason,
    }


def telephone_week(frame: Frame, plan: str) -> Week:
    """The line's hours of a plan (12.6, 12.10); none for a plan without support."""
    terms, own = frame.terms.support, frame.terms.support.plan(cast(e.Plan, plan))
    if own is None:
        return ()
    if own.extended_week and frame.reading.private_hours == "art_12_10":
        return week_of(own.extended_week)
    return week_of(terms.telephone_week or terms.week)


def _owed(history: History, frames: Frames, within: Span) -> Spans:
    """The seconds of a span in which the line was to be open."""
    opened = NEVER
    for piece, frame in stretches(history, frames, within):
        week = telephone_week(frame, history.scope_at(piece[0]).plan)
        opened = union(opened, frame.calendar.opening(week, piece) if week else NEVER)
    support = history.started.event.support_start
    begun = span(frames.at(within[0]).calendar.at(support), FOREVER) if support else history.in_force
    return difference(intersection(intersection(opened, history.in_force), begun), without_support(history))


def _closures(history: History, frames: Frames, within: Span) -> list[Closure]:
    """The closures that meet a span, each with the hours of it that were lost, by their instant."""
    owed = _owed(history, frames, within)
    found = []
    for closed, opened in _pairs(history):
        until = min(history.now, within[1]) if opened is None else at(opened)
        shut = intersection(span(at(closed), until), history.assigned(closed.stream))
        if intersection(span(at(closed), max(until, at(closed) + 1)), (within,)):
            found.append(Closure(closed, opened, intersection(shut, owed)))
    return sorted(found, key=lambda c: (at(c.closed), c.closed.position))


def _pairs(history: History) -> list[tuple[Fact, Fact | None]]:
    """Each closing of a line with the opening that ended it; an opening of what was open ends nothing."""
    pairs: list[tuple[Fact, Fact | None]] = []
    shut: dict[str, Fact] = {}
    for fact in sorted(history.of(*LINE), key=lambda f: (at(f), f.position)):
        if isinstance(fact.event, e.SupportLineClosed):
            shut.setdefault(fact.stream, fact)
        elif fact.stream in shut:
            pairs.append((shut.pop(fact.stream), fact))
    return pairs + [(closed, None) for closed in shut.values()]


# --- who goes first (A12.9) ---


def call_priority(history: History, frames: Frames, first: date, last: date) -> Finding:
    """Calls answered from `first` to `last`, local days included, while one with priority waited (A12.9).

    A call without priority passes none that has it; of two that have it, the one that came first goes first. A
    call waits from the second after it came to its answer: what comes or ends in the same second waits not. What
    was answered while no support was owed passed nobody.
    """
    passed = _passed(history, frames, days_span(frames, first, last))
    return Finding(
        result={
            "violations": [
                {
                    "call": p.call.id,
                    "answered_at": text(p.answered_at),
                    "waiting_priority_calls": [call.id for call in p.waiting],
                    "what": p.what,
                    "contested": p.contested,
                }
                for p in passed
            ]
        },
        workings={
            "clause": "art. 12.9",
            "waiting": {p.call.id: {c.id: text(c.received_at) for c in p.waiting} for p in passed},
            "never_answered": [call.id for call in _calls(history, frames) if call.answered is None],
        },
        because=positions_of(*(call.facts for p in passed for call in (p.call, *p.waiting))),
    )


def _calls(history: History, frames: Frames) -> list[Call]:
    """Every call received that counts, by its instant and id; an answer to no call is left aside."""
    answers = {(f.stream, f.event.call): f for f in history.of(e.CallAnswered)}
    found = []
    for fact in history.of(e.CallReceived):
        if history.counts(fact, at(fact)):
            answered = answers.get((fact.stream, fact.event.call))
            calendar = frames.at(at(fact)).calendar
            until = at(answered) if answered else calendar.at(calendar.local_date(at(fact)), "24:00")
            name = history.name(fact, fact.event.call)
            found.append(Call(name, fact.stream, fact, answered, until))
    return sorted(found, key=lambda call: (call.received_at, call.id))


def _passed(history: History, frames: Frames, within: Span) -> list[Passed]:
    calls, stopped = _calls(history, frames), without_support(history)
    found = []
    for call in calls:
        if call.answered is None or not within[0] <= call.until < within[1] or contains(stopped, call.until):
            continue
        frame, scope = frames.at(call.until), history.scope_at(call.until)
        plan = frame.terms.support.plan(cast(e.Plan, scope.plan))
        waiting = [other for other in calls if other.priority and _goes_first(other, call)]
        if plan is not None and plan.priority_calls and waiting:
            what = "arrival_order" if call.priority else "priority_passed_over"
            found.append(Passed(call, call.until, what, waiting, frame))
    return sorted(found, key=lambda p: (p.answered_at, p.call.id))


def _goes_first(other: Call, call: Call) -> bool:
    """Whether a call with priority was waiting on the same line when this one was answered, and came before it."""
    if other is call or other.stream != call.stream or not other.received_at < call.until < other.until:
        return False
    lines = {other.received.event.line, call.received.event.line} - {None}
    return len(lines) < 2 and (not call.priority or other.received_at < call.received_at)


# --- the register ---


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A12.6 (filed at the first second of the hours lost) and A12.9 (at the answer), local dates included."""
    within = days_span(frames, first, last)
    rows = [_closed(history, frames, c) for c in _closures(history, frames, _reach(history, within)) if c.lost]
    rows += [_overtaken(history, frames, p) for p in _passed(history, frames, within)]
    return sorted((r for r in rows if within[0] <= r.on < within[1]), key=lambda r: (r.on, r.obligation, r.subject))


def _reach(history: History, within: Span) -> Span:
    """The span, and as far on both sides as closures that meet it last: a row tells the whole of its closure."""
    lasting = [(at(c), within[1] if o is None else at(o)) for c, o in _pairs(history)]
    met = [s for s in lasting if s[0] < within[1] and within[0] < max(s[1], s[0] + 1)]
    return min([within[0], *(s[0] for s in met)]), max([within[1], *(s[1] for s in met)])


def _closed(history: History, frames: Frames, closure: Closure) -> Breach:
    on = closure.lost[0][0]
    key = (closure.closed.stream, closure.closed.position)

    def broken(then: History) -> bool:
        within = (on, on + 1)
        return any(c.lost and (c.closed.stream, c.closed.position) == key for c in _closures(then, frames, within))

    return Breach(
        obligation="A12.6", clause="12.6", what="line_closed", subject="line", period=text(on),
        amount=f"{length(closure.lost)} s", limit="0 s", on=on,
        first_knowable_at=first_provable(history, on + 1, broken), because=positions_of(closure.facts),
    )  # fmt: skip


def _overtaken(history: History, frames: Frames, passed: Passed) -> Breach:
    key, within = passed.call.received.position, (passed.answered_at, passed.answered_at + 1)

    def broken(then: History) -> bool:
        return any(p.call.received.position == key for p in _passed(then, frames, within))

    facts = [fact for call in (passed.call, *passed.waiting) for fact in call.facts]
    return Breach(
        obligation="A12.9", clause="12.9", what=passed.what, subject=passed.call.id, period=text(passed.answered_at),
        amount=f"{len(passed.waiting)} calls waiting", limit="0 calls waiting", on=passed.answered_at,
        first_knowable_at=first_provable(history, passed.answered_at, broken) or known_since(facts),
        because=positions_of(facts), contested=passed.contested,
    )  # fmt: skip
