"""The two dashboards: requests by month with how long they waited, and the articles of the knowledge base read.

Article 12.11 promises them to a plan that has them and sets neither a frequency nor a form, so nothing here can be
broken: the figures are those a dashboard of the booklet would show, and the ones published are listed. A request
belongs to the local month it was registered in and is judged by the terms and reading of that instant, its clock
as article 12.2 has it: working seconds of the plan in force then, not running while support is suspended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple, cast

from msgspec import structs

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import FOREVER, Instant, Spans, difference, seconds, union
from projections.finding import Finding, at, text
from projections.frame import Frames
from projections.ground import STOPS, days_span, without_support
from projections.periods import months_between

PERCENTILES = (50, 90, 95, 100)
STATES = ("met", "missed", "pending", "not_judged")
ENDS = (e.SupportRequestTakenInCharge, e.SupportRequestResolved)
CLOSES = (*ENDS, e.SupportRequestExcluded, e.SupportRequestWithdrawn)


class Request(NamedTuple):
    """One request of a month: what is known of it, the working seconds to its first answer, and its state."""

    fact: Fact
    month: str
    taken: bool
    seconds: int | None
    state: str
    facts: list[Fact]


def requests_dashboard(history: History, frames: Frames, first: date, last: date) -> Finding:
    """Requests registered from `first` to `last`, local days included, by month.

    Percentiles of the working seconds to the first answer are by the nearest rank: figures that occurred, null
    where nothing was answered. `not_judged` are excluded, withdrawn or given to who handles no requests (A3.3), or
    of a plan without a clock.
    """
    found = _requests(history, frames, first, last)
    by_month = {label: [r for r in found if r.month == label] for label in months_between(first, last)}
    return Finding(
        result={label: _row(requests) for label, requests in by_month.items()},
        workings={
            **_published(history, frames, first, last, "requests"),
            "working_seconds": {r.fact.event.request: r.seconds for r in found},
            "states": {r.fact.event.request: r.state for r in found},
        },
        because=positions_of(*(r.facts for r in found), history.of(*STOPS), history.scope_changes),
    )


def articles_dashboard(history: History, frames: Frames, first: date, last: date) -> Finding:
    """How often each article of the knowledge base was read from `first` to `last`, local days included, by month."""
    within = days_span(frames, first, last)
    read = [f for f in history.of(e.KnowledgeArticleConsulted) if within[0] <= at(f) < within[1]]
    counted = [f for f in read if history.counts(f, at(f))]
    months: dict[str, Counter[str]] = {label: Counter() for label in months_between(first, last)}
    for fact in counted:
        months[_month(frames, at(fact))][fact.event.article] += 1
    return Finding(
        result={
            label: {"total": articles.total(), "articles": dict(sorted(articles.items()))}
            for label, articles in months.items()
        },
        workings=_published(history, frames, first, last, "articles"),
        because=positions_of(counted),
    )


def nearest_rank(waited: Iterable[int], percentile: int) -> int | None:
    """The least figure that at least that share of them do not exceed: a figure that occurred, never one between."""
    ordered = sorted(waited)
    return ordered[max(-(-percentile * len(ordered) // 100), 1) - 1] if ordered else None


def _row(requests: list[Request]) -> dict[str, Any]:
    waited = [r.seconds for r in requests if r.seconds is not None and r.taken and r.state in ("met", "missed")]
    states = Counter(r.state for r in requests)
    return {
        "registered": len(requests),
        "taken_in_charge": sum(r.taken for r in requests),
        **{state: states[state] for state in STATES},
        "by_criticality": _counts(r.fact.event.criticality for r in requests),
        "by_channel": _counts(r.fact.event.channel for r in requests),
        "response_seconds": {f"p{p}": nearest_rank(waited, p) for p in PERCENTILES},
    }


def _counts(values: Iterable[Any]) -> dict[str, int]:
    """How many of each, what is not told last under `unknown`."""
    counter = Counter("unknown" if value is None else str(value) for value in values)
    return {name: counter[name] for name in sorted(counter, key=lambda name: (name == "unknown", name))}


def _requests(history: History, frames: Frames, first: date, last: date) -> list[Request]:
    within, stopped = days_span(frames, first, last), without_support(history)
    ends: dict[tuple[str, str], list[Fact]] = {}
    for fact in history.of(*CLOSES):
        ends.setdefault((fact.stream, fact.event.request), []).append(fact)
    registered = [f for f in history.of(e.SupportRequestRegistered) if within[0] <= at(f) < within[1]]
    counted = sorted((f for f in registered if history.counts(f, at(f))), key=lambda f: (at(f), f.event.request))
    return [_request(history, frames, f, ends.get((f.stream, f.event.request), []), stopped) for f in counted]


def _request(history: History, frames: Frames, fact: Fact, ends: list[Fact], stopped: Spans) -> Request:
    frame, scope = frames.at(at(fact)), history.scope_at(at(fact))
    plan_name = cast(e.Plan, scope.plan)
    plan, week = frame.terms.support.plan(plan_name), frame.terms.support.week_for(plan_name, frame.reading)
    answered_at = min((at(f) for f in ends if isinstance(f.event, ENDS)), default=None)
    month, taken, facts = _month(frames, at(fact)), answered_at is not None, [fact, *ends]
    if plan is None or week is None or not frame.terms.support.handles(fact.event.channel):
        return Request(fact, month, taken, None, "not_judged", facts)
    closed = union(frame.calendar.closings, stopped)
    running = structs.replace(frame.calendar, closings=closed, openings=difference(frame.calendar.openings, stopped))
    until = _until(history, answered_at, ends)
    waited = None if until == FOREVER else running.working_seconds(week, at(fact), until)
    late = waited is None or waited > plan.response_seconds  # asked without an instant, every delay has run out
    return Request(fact, month, taken, waited, _state(ends, answered_at, late), facts)


def _until(history: History, answered_at: Instant | None, ends: list[Fact]) -> Instant:
    """Where its clock stops: its first answer, its withdrawal, or what is known by now."""
    gone = [_moment(f) for f in ends if isinstance(f.event, e.SupportRequestWithdrawn)]
    return min([*gone, *([] if answered_at is None else [answered_at])], default=history.now)


def _moment(fact: Fact) -> Instant:
    """When it happened; what does not say its instant happened, at the latest, when it was first known."""
    return seconds(fact.first_known_at) if fact.event.at is None else at(fact)


def _state(ends: list[Fact], answered_at: Instant | None, late: bool) -> str:
    if any(isinstance(f.event, e.SupportRequestExcluded) for f in ends):
        return "not_judged"
    if late:
        return "missed"  # also one taken back after its hours ran out
    withdrawn_at = min((_moment(f) for f in ends if isinstance(f.event, e.SupportRequestWithdrawn)), default=None)
    if answered_at is not None and (withdrawn_at is None or answered_at <= withdrawn_at):
        return "met"
    return "pending" if withdrawn_at is None else "not_judged"


def _month(frames: Frames, instant: Instant) -> str:
    return frames.at(instant).calendar.local_date(instant).isoformat()[:7]


def _published(history: History, frames: Frames, first: date, last: date, which: str) -> dict[str, Any]:
    """Which dashboards of that kind were given to the customer, and whether its plan has them (A12.11)."""
    within = days_span(frames, first, last)
    scope = history.scope_at(within[0])
    plan = frames.at(within[0]).terms.support.plan(cast(e.Plan, scope.plan))
    given = [f for f in history.of(e.DashboardPublished) if f.event.dashboard == which and history.counts(f, at(f))]
    return {
        "clause": "art. 12.11",
        "promised": plan is not None and which in plan.dashboards,
        "published": [
            {"at": text(at(f)), "entries": list(f.positions)} for f in given if within[0] <= at(f) < within[1]
        ],
    }
