"""What several rules stand on: the frame of a local day, when nothing is owed, since when a breach was provable.

It gives no verdict. Days are local to the contract's calendar, instants whole seconds of UTC, spans half-open.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History
from ledger.spans import FOREVER, NEVER, Instant, Span, Spans, contains, difference, moment, seconds, span, union
from ledger.workdays import Calendar, add_months
from projections.concerning import entries_of
from projections.finding import at, ceil_seconds, earliest
from projections.frame import Frame, Frames

# what stops support: of right (12.2), or with the contract
STOPS = (e.SupportSuspended, e.SupportResumed, e.ContractSuspended, e.ContractResumed, e.ContractTerminated)


def frame_on(frames: Frames, day: date) -> Frame:
    """The frame in force at the first instant of a local day."""
    near = seconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return frames.at(frames.at(near).calendar.at(day))


def days_span(frames: Frames, first: date, last: date) -> Span:
    """The local days `first` to `last`, both included, as one half-open span."""
    return frame_on(frames, first).calendar.at(first), frame_on(frames, last).calendar.at(last, "24:00")


def support_start(history: History, calendar: Calendar) -> date:
    """The first local day of support; of the service, where the contract names no other (12.2)."""
    started = history.started.event
    day: date = started.support_start or calendar.local_date(seconds(started.service_start))
    return day


def turn(origin: date, day: date, months: int) -> date:
    """The first day of the turn that holds a day: turns of so many months, counted from `origin` each time.

    So those of an origin on the 31st or on 29 February follow one another without gap or overlap (D-DAYS, D-Y12).
    """
    number = ((day.year - origin.year) * 12 + day.month - origin.month) // months
    number -= add_months(origin, number * months) > day
    return add_months(origin, number * months)


def stretches(history: History, frames: Frames, within: Span) -> list[tuple[Span, Frame]]:
    """The pieces of a span in each of which one frame and one scope of the contract hold."""
    framing = [*history.scope_changes, *history.own(e.ReadingAdopted), *history.frame]
    starts = {seconds(f.event.effective_from) for f in framing if hasattr(f.event, "effective_from")}
    cuts = sorted({within[0], *(s for s in starts if within[0] < s < within[1]), within[1]})
    return [((start, end), frames.at(start)) for start, end in itertools.pairwise(cuts)]


def without_support(history: History) -> Spans:
    """When no support is owed: before its first day, suspended of right (A12.2e), the contract suspended or over."""
    stopped, since = NEVER, None
    for fact in sorted(history.of(e.SupportSuspended, e.SupportResumed), key=lambda f: (at(f), f.position)):
        if isinstance(fact.event, e.SupportSuspended):
            since = at(fact) if since is None else since
        elif since is not None:
            stopped, since = union(stopped, span(since, at(fact))), None
    outside = difference(span(at(history.started, "service_start"), FOREVER), history.in_force)
    return union(stopped, outside, NEVER if since is None else span(since, FOREVER))


def in_force(history: History, instant: Instant) -> bool:
    """Whether the contract is in force at an instant."""
    return contains(history.in_force, instant)


def ended_at(history: History) -> Instant:
    """When the contract ends, and with it all that is owed; `FOREVER` while no end is known."""
    return min((seconds(fact.event.effective_from) for fact in history.own(e.ContractTerminated)), default=FOREVER)


def latest(history: History, kind: type[e.Event], instant: Instant) -> Fact | None:
    """The latest fact of a type, by its own instant, at or before an instant, that counts for the contract."""
    told = [fact for fact in history.of(kind) if at(fact) <= instant and history.counts(fact, at(fact))]
    return max(told, key=lambda fact: (at(fact), fact.position), default=None)


def first_provable(
    history: History, since: Instant, broken: Callable[[History], bool], bearing: Sequence[type[e.Event]] = ()
) -> Instant | None:
    """The earliest knowledge, from `since` on, that showed `broken`: after an entry learnt, or as time passed.

    `since` is the breach's own instant or deadline: nothing is provable before it. `bearing` are the types whose
    entries can show it (none named: any); others are not looked at.
    """
    if since <= history.now and _shown(history.as_known(moment(since)), broken):
        return since  # mostly so, and spares looking for what was learnt after it
    learnt = {since, *(known_at for known_at in learnt_at(history, *bearing) if known_at > since)}
    upto = max(learnt) if history.known_at is None else max(since, ceil_seconds(history.known_at))
    return earliest(lambda known_at: _shown(history.as_known(moment(known_at)), broken), learnt, upto)


def _shown(then: History, broken: Callable[[History], bool]) -> bool:
    return bool(then.own(e.ContractStarted)) and broken(then)


def kinds_named(*beginnings: str) -> tuple[type[e.Event], ...]:
    """The types of events whose names begin so."""
    return tuple(kind for kind in e.VOCABULARY.values() if kind.__name__.startswith(beginnings))


def learnt_at(history: History, *kinds: type[e.Event]) -> set[Instant]:
    """The whole seconds at which entries of these types, or any of the contract or its services, became known."""
    if kinds:
        told = [entries_of(entries, kinds) for entries in history.told(*kinds).values()]
    else:
        told = [entries for stream, entries in history.streams.items() if stream != "ledger"]
    entries = [entry for stream in told for position, entry in stream if position <= history.position]
    attested = history.knowledge == "attested"
    moments = {min((attested and k.attested_at) or k.recorded_at, k.recorded_at) for k in entries}
    return {ceil_seconds(known_at) for known_at in moments}
