"""Which interruptions of the service count against it: outages, claims of them, and stops for maintenance.

Articles 4, 5 and 6. A `Stop` is an interruption as recorded; `counted` cuts it to the contract and weighs
it; `weighed` adds up what several cost together. Spans are half-open, in whole seconds of UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction
from operator import itemgetter
from typing import Any

from msgspec import Struct

from ledger.corrections import Fact
from ledger.events import (
    BlockingEnded,
    BlockingStarted,
    MaintenanceEnded,
    MaintenanceStarted,
    OutageClaimAccepted,
    OutageClaimed,
    OutageClaimRejected,
    OutageEnded,
    OutageStarted,
)
from ledger.history import History
from ledger.spans import FIRST, FOREVER, NEVER, Instant, Span, Spans, intersection, length, moment, span, union
from projections.finding import at
from projections.frame import Frame

WHOLE = Fraction(1)
NOTHING = Fraction(0)

Key = tuple[str, str]  # stream, id



class Stop(Struct, frozen=True, kw_only=True):
    """One interruption as recorded: an outage, a customer's claim of one, or a stop for maintenance.

    `kind` is outage, claim, planned or emergency; `end` is the knowledge instant where still `open`. The
    first of `facts` says what was interrupted. `state` of a claim: claimed, accepted or rejected.
    """

    kind: str
    key: Key
    start: Instant
    end: Instant
    open: bool
    facts: tuple[Fact, ...]
    state: str = ""

    @property
    def maintenance(self) -> bool:
        return self.kind in ("planned", "emergency")


class Counted(Struct, frozen=True, kw_only=True):
    """A stop as the contract counts it: its seconds, the share of the service they cost, or why none."""

    name: str
    stop: Stop
    spans: Spans
    weight: Fraction
    why_not: str = ""

    @property
    def certain(self) -> bool:
        """Whether it counts in the main figure; a claim nobody has accepted only may."""
        return bool(self.weight) and self.stop.state != "claimed"


# --- what was interrupted, as recorded ---


def interruptions(history: History, within: Span = (FIRST, FOREVER)) -> list[Stop]:
    """Every interruption the history holds that may touch `within`, by start; an end without its start is none."""
    around = moment(within[0]), moment(within[1])
    found = [*_outages(history, around), *_claims(history), *_blockings(history, around)]
    return sorted(found, key=lambda stop: (stop.start, stop.kind, stop.key))


Around = tuple[datetime, datetime]  # compared before instants are worked out: most facts lie elsewhere


def _outages(history: History, around: Around) -> Iterator[Stop]:
    after, before = around
    ended = history.last_of(OutageEnded)
    for fact in history.of(OutageStarted):
        event = fact.event
        if event.at < before:
            key = fact.stream, event.outage
            end = ended.get(key)
            if end is None or end.event.at > after:
                yield from _stop(history, "outage", key, (fact,), fact, end)


def _claims(history: History) -> Iterator[Stop]:
    decided = {(f.stream, f.event.claim): f for f in history.of(OutageClaimAccepted, OutageClaimRejected)}
    for fact in history.of(OutageClaimed):
        key = fact.stream, fact.event.claim
        verdict = decided.get(key)  # the last one: a later acceptance or rejection replaces the former
        state = "claimed"
        if verdict is not None:
            state = "accepted" if isinstance(verdict.event, OutageClaimAccepted) else "rejected"
        facts = (fact,) if verdict is None else (fact, verdict)
        yield Stop(
            kind="claim", key=key, start=at(fact, "from_"), end=at(fact, "to"), open=False, facts=facts, state=state
        )


def _blockings(history: History, around: Around) -> Iterator[Stop]:
    """The stops of each maintenance: its blockings paired in time; the end of the work ends an open one."""
    over = history.last_of(MaintenanceEnded)
    works: dict[Key, Fact] = {}
    for fact in history.of(MaintenanceStarted):
        key = fact.stream, fact.event.maintenance
        if fact.event.at < around[1] and (key not in over or over[key].event.at > around[0]):
            works[key] = fact
    marks: dict[Key, list[Fact]] = {}
    for fact in history.of(BlockingStarted, BlockingEnded):
        # of work nobody knows to have begun, neither kind nor environment is known
        if (key := (fact.stream, fact.event.maintenance)) in works:
            marks.setdefault(key, []).append(fact)
    for key, found in marks.items():
        work = works[key]
        begun: Fact | None = None
        for mark in sorted(found, key=lambda f: (at(f), f.position)):
            if isinstance(mark.event, BlockingStarted):
                begun = begun or mark
            elif begun is not None:
                yield from _stop(history, work.event.kind, key, (work, begun), begun, mark)
                begun = None
        if begun is not None:
            yield from _stop(history, work.event.kind, key, (work, begun), begun, over.get(key))


def _stop(
    history: History, kind: str, key: Key, facts: tuple[Fact, ...], begun: Fact, ended: Fact | None
) -> Iterator[Stop]:
    start, end = at(begun), history.now if ended is None else at(ended)
    if start < end:
        facts = facts if ended is None else (*facts, ended)
        yield Stop(kind=kind, key=key, start=start, end=end, open=ended is None, facts=facts)


# --- what of it counts ---


def counted(history: History, frame: Frame, stops: Iterable[Stop], within: Span) -> list[Counted]:
    """The stops that touch `within`, cut to when their facts count for the contract (not to `within`).

    Under `prt_month=clipped_to_service` nothing counts before supply, after the end, or in a suspension (Amb-12).
    """
    found = []
    in_force = history.in_force
    for stop in stops:
        if stop.start >= within[1] or stop.end <= within[0]:
            continue
        whole = spans = span(stop.start, stop.end)
        if not stop.key[0].startswith("contract:"):
            spans = intersection(spans, history.assigned(stop.key[0]))
        supplied = intersection(spans, in_force)
        if supplied != spans and frame.reading.prt_month == "clipped_to_service":
            spans = supplied
        if spans is whole or any(start < within[1] and end > within[0] for start, end in spans):
            weight, why_not = _weight(stop, frame)
            name = history.name(stop.facts[0], stop.key[1])
            found.append(Counted(name=name, stop=stop, spans=spans, weight=weight, why_not=why_not))
    return found


def unavailable(history: History, frame: Frame, within: Span) -> Spans:
    """The seconds of `within` in which the service counts as unavailable, in and out of the reference hours.

    Outages, accepted claims and stops for maintenance, exclusions not taken out; an outage of some users
    whole where `partial_effect` counts it at all.
    """
    stops = counted(history, frame, interruptions(history, within), within)
    return intersection(union(*(each.spans for each in stops if each.certain)), (within,))


def weighed(parts: Iterable[tuple[Spans, Fraction]], overlap: str) -> Fraction:
    """The seconds lost, each by its weight: `sum` adds the parts up, `union` takes the greatest weight (Amb-10)."""
    if overlap == "sum":
        return sum((weight * length(spans) for spans, weight in parts), NOTHING)
    found = by_weight(parts)
    if len(found) < 2:
        return length(found[0][0]) * found[0][1] if found else NOTHING
    lost, covered = NOTHING, NEVER
    for spans, weight in sorted(found, key=itemgetter(1), reverse=True):
        all_of_it = union(covered, spans)
        lost += weight * (length(all_of_it) - length(covered))
        covered = all_of_it
    return lost


def by_weight(parts: Iterable[tuple[Spans, Fraction]]) -> list[tuple[Spans, Fraction]]:
    """The parts of each weight as one: fewer and longer, where a second lost twice is lost once.

    Of an equal weight made twice there may be two: told apart by identity, which costs no comparing of fractions.
    """
    found: dict[int, tuple[Fraction, list[Spans]]] = {}
    for spans, weight in parts:
        same = found.get(id(weight))
        if same is None:
            found[id(weight)] = weight, [spans]
        else:
            same[1].append(spans)
    return [(each[0] if len(each) == 1 else union(*each), weight) for weight, each in found.values()]


def _weight(stop: Stop, frame: Frame) -> tuple[Fraction, str]:
    """The share of the service a stop costs (A6.2, A6.5, A4.0), and in words why none."""
    promised, event = frame.terms.availability, stop.facts[0].event
    why_not = ""
    if event.environment not in promised.environments:
        why_not = f"environment {event.environment} is not rated (art. {promised.article})"
    elif stop.state == "rejected":
        why_not = "the claim was rejected"
    elif stop.open and frame.reading.open_outage == "ignore":
        why_not = "not over yet (open_outage=ignore)"
    elif stop.maintenance:
        return WHOLE, ""  # a stop for maintenance leaves no access to anyone
    elif not promised.judged_from(getattr(event, "vantage", None)):
        why_not = f"seen from {event.vantage} only (art. 4)"
    elif event.effect in promised.effects:
        return WHOLE, ""
    elif event.effect == "partial_users":
        return _partial(event, frame.reading.partial_effect)
    else:
        why_not = f"effect {event.effect} leaves access and login (art. {promised.article})"
    return NOTHING, why_not


def _partial(event: Any, partial_effect: str) -> tuple[Fraction, str]:
    """An outage of some users; one of all users is not partial, whatever its name (Amb-11)."""
    total = getattr(event, "users_total", None)
    if partial_effect == "any" or (total and event.users_affected == total):
        return WHOLE, ""
    if partial_effect == "exclude":
        return NOTHING, "some users only (partial_effect=exclude)"
    if not total or event.users_affected is None:
        return NOTHING, "the share of users is not known (partial_effect=prorata)"
    return Fraction(event.users_affected, total), ""
