"""What the provider may set against an interruption: the window, emergencies, and the exclusions it claims.

Article 6 (i) to (v). `exclusions` are all of them, `applied` how far each reaches where two causes meet.
What stands though it is disputed, or was said only afterwards, is `contested`: it keeps its place in the
main figure, and opens a range beside it. Spans are half-open, in whole seconds of UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from ledger.corrections import Fact
from ledger.events import (
    Event,
    ExclusionAccepted,
    ExclusionClaimed,
    ExclusionContested,
    ExclusionRejected,
    ExclusionUpheld,
    MaintenanceAnnounced,
    MaintenanceCancelled,
    MaintenanceRescheduled,
)
from ledger.history import History
from ledger.promises import MaintenanceTerms
from ledger.readings import Reading
from ledger.spans import NEVER, Instant, Span, Spans, contains, difference, intersection, moment, span, union
from ledger.workdays import Calendar
from projections.finding import at
from projections.frame import Frame
from projections.notice import dated, in_force, seconds_given
from projections.unavailability import Counted, Key, Stop

WINDOW = "maintenance_window"  # ground (i) of article 6; (ii) to (v) are the events' own
EMERGENCY = "emergency_maintenance"
GROUNDS = (WINDOW, EMERGENCY, "force_majeure", "customer_equipment", "outside_service_scope")  # in its order


class Exclusion(Struct, frozen=True, kw_only=True):
    """Seconds the provider does not answer for, on a ground of article 6, and whether that stands.

    `outages` are the stops it names; None where it names none and so holds for its interval whole.
    """

    id: str
    ground: str
    spans: Spans
    state: str
    stands: bool
    contested: bool
    outages: frozenset[Key] | None = None
    facts: tuple[Fact, ...] = ()


def exclusions(history: History, frame: Frame, stops: Sequence[Counted], within: Span) -> list[Exclusion]:
    """Everything set against the stops inside `within`: the window (i), emergencies (ii), claims (ii to v)."""
    claims = _claimed(history, frame, stops, within)
    return [
        *_window(history, frame, stops, within),
        *_emergencies(history, frame, stops, claims),
        *claims,
    ]


def applied(found: Sequence[Exclusion], stops: Sequence[Counted], reading: Reading) -> list[tuple[Exclusion, Spans]]:
    """Each exclusion with the seconds it takes out, two causes at once considered (Amb-29).

    Under `excluded_only_where_sole_cause` one that names an outage gives way where another stop runs that
    nothing excludes; one that names none, and every one under `excluded_if_any`, holds for its interval.
    """
    if all(each.outages is None for each in found) or reading.concurrent == "excluded_if_any":
        return [(each, each.spans) for each in found]
    general = union(*(each.spans for each in found if each.outages is None))
    named = [each for each in found if each.outages is not None]
    about = _about(named)
    # where something runs that nothing excludes, which an exclusion of it never meets
    bare = union(*(difference(difference(by.spans, general), about(by.stop)) for by in stops))
    return [(each, each.spans if each.outages is None else difference(each.spans, bare)) for each in found]


def _about(named: Sequence[Exclusion]) -> Callable[[Stop], Spans]:
    """Of a stop, the seconds of the exclusions that name it, or its kind, as their cause."""
    by_key: dict[Key, list[Spans]] = {}
    for each in named:
        for key in each.outages or ():
            by_key.setdefault(key, []).append(each.spans)
    emergencies = [each.spans for each in named if each.ground == EMERGENCY]

    def about(stop: Stop) -> Spans:
        if stop.maintenance:
            return union(*emergencies) if stop.kind == "emergency" else NEVER
        return union(*by_key.get(stop.key, ()))

    return about


def _window(history: History, frame: Frame, stops: Sequence[Counted], within: Span) -> list[Exclusion]:
    """Ground (i): the window as a period, or the planned stops that began in it (Amb-03)."""
    bare = [each for each in stops if unsheltered(history, frame, each)]
    if frame.reading.window_exclusion == "temporal":
        spans = difference(window(frame, within), union(*(each.spans for each in bare)))
        return [_of_right(WINDOW, spans, ())]
    laid_bare = set(map(id, bare))
    planned = [s for s in stops if s.stop.kind == "planned" and s.weight and id(s) not in laid_bare]
    return [_of_right(each.name, each.spans, each.stop.facts) for each in planned if _began_in_window(frame, each.stop)]


def _of_right(id: str, spans: Spans, facts: tuple[Fact, ...]) -> Exclusion:
    return Exclusion(id=id, ground=WINDOW, spans=spans, state="of right", stands=True, contested=False, facts=facts)


def _began_in_window(frame: Frame, stop: Stop) -> bool:
    return contains(window(frame, (stop.start, stop.start + 1)), stop.start)


def window(frame: Frame, within: Span) -> Spans:
    """The seconds of the maintenance window inside `within` (D-WIN)."""
    calendar, terms = frame.calendar, frame.terms.maintenance
    if type(calendar) is Calendar and type(within[0]) is type(within[1]) is int:  # nothing of it is watched
        return _window_spans(terms, calendar, within)
    return terms.window_spans(calendar, within)


@lru_cache(maxsize=512)
def _window_spans(terms: MaintenanceTerms, calendar: Calendar, within: Span) -> Spans:
    """A month's window is asked about again and again, for one contract and for all."""
    return terms.window_spans(calendar, within)


def unsheltered(history: History, frame: Frame, each: Counted) -> bool:
    """Whether the window gives a planned stop no shelter, for want of its notice (Amb-09)."""
    return (
        each.stop.kind == "planned"
        and each.weight > 0
        and frame.reading.unannounced == "counts"
        and not noticed(history, frame, each.stop)
    )


def told(history: History, stop: Stop, *kinds: type[Event]) -> list[Fact]:
    """The facts of these types that speak of a planned stop's maintenance."""
    return [fact for fact in history.of(*kinds) if (fact.stream, fact.event.maintenance) == stop.key]


def notice(history: History, frame: Frame, stop: Stop) -> tuple[Fact, ...]:
    """The announcements a planned stop's notice runs between, by the rule and the switches of A5.3."""
    announced = told(history, stop, MaintenanceAnnounced, MaintenanceRescheduled)
    called_off = told(history, stop, MaintenanceCancelled)
    return dated(in_force(announced, called_off, at(stop.facts[0])), frame.reading)


def noticed(history: History, frame: Frame, stop: Stop) -> bool:
    """Whether the announcement in force gave the terms' notice of a planned stop (A5.3)."""
    seconds = seconds_given(notice(history, frame, stop), frame)
    return seconds is not None and seconds >= frame.terms.maintenance.notice_seconds


def _emergencies(
    history: History, frame: Frame, stops: Sequence[Counted], claims: Sequence[Exclusion]
) -> Iterator[Exclusion]:
    """Ground (ii): each emergency stop; contested when declared afterwards, or where a claim of it is disputed."""
    disputed = union(*(c.spans for c in claims if c.ground == EMERGENCY and c.state in ("contested", "rejected")))
    for each in stops:
        if each.stop.kind != "emergency" or not each.weight:
            continue
        work = each.stop.facts[0]
        late = _said_late(history, frame, work, None if each.stop.open else each.stop.end, _is_emergency)
        bare = not (work.event.urgency_reason or "").strip()  # urgency is part of what the word means (A1.9)
        doubtful = each.spans if late or bare else intersection(each.spans, disputed)
        for spans, contested in ((difference(each.spans, doubtful), False), (doubtful, True)):
            if spans:
                yield Exclusion(
                    id=each.name, ground=EMERGENCY, spans=spans, state="declared",
                    stands=_admitted(frame, EMERGENCY, work), contested=contested, facts=each.stop.facts,
                )  # fmt: skip


def _claimed(history: History, frame: Frame, stops: Sequence[Counted], within: Span) -> list[Exclusion]:
    """The exclusions the provider claimed: what its customer or an expert said last decides."""
    claimed = history.of(ExclusionClaimed)
    if not claimed:
        return []
    said: dict[Key, list[Fact]] = {}
    for fact in history.of(ExclusionContested, ExclusionAccepted, ExclusionUpheld, ExclusionRejected):
        said.setdefault((fact.stream, fact.event.exclusion), []).append(fact)
    outages: dict[str, list[Counted]] = {}
    for each in stops:
        if not each.stop.maintenance:
            outages.setdefault(each.stop.key[1], []).append(each)
    found = []
    for fact in claimed:
        start, end = at(fact, "from_"), at(fact, "to")
        spans = intersection(span(start, end), history.assigned(fact.stream))
        if start < within[1] and end > within[0] and spans:
            answers = said.get((fact.stream, fact.event.exclusion), [])
            found.append(_exclusion(history, frame, fact, answers, spans, outages.get(fact.event.outage, ())))
    return found


def _exclusion(
    history: History, frame: Frame, fact: Fact, answers: list[Fact], spans: Spans, outages_so_called: Sequence[Counted]
) -> Exclusion:
    event = fact.event
    state = STATES[type(answers[-1].event)] if answers else "claimed"
    outages = None if event.outage is None else _named(fact, outages_so_called)
    late = False
    if event.ground == EMERGENCY and state == "claimed":
        named = [each.stop for each in outages_so_called if outages and each.stop.key in outages]
        ended = max((stop.end for stop in named), default=at(fact, "to"))
        still_open = any(stop.open for stop in named)
        late = _said_late(history, frame, fact, None if still_open else ended, _claims_emergency)
    return Exclusion(
        id=history.name(fact, event.exclusion), ground=event.ground, spans=spans, state=state,
        stands=state != "rejected" and _admitted(frame, event.ground, fact),
        contested=state == "contested" or late, outages=outages, facts=(fact, *answers),
    )  # fmt: skip


STATES: dict[type[Any], str] = {
    ExclusionContested: "contested",
    ExclusionAccepted: "accepted",
    ExclusionUpheld: "upheld",
    ExclusionRejected: "rejected",
}


def _named(fact: Fact, outages_so_called: Sequence[Counted]) -> frozenset[Key]:
    """The stops an exclusion names: of its own stream, else of any stream of the contract."""
    own = (fact.stream, fact.event.outage)
    keys = {each.stop.key for each in outages_so_called}
    return frozenset({own} if own in keys or not keys else keys)


def _admitted(frame: Frame, ground: str, fact: Fact) -> bool:
    """Whether the contract knows the ground at all (A6.3), and the reading this emergency (Amb-02)."""
    if ground not in frame.terms.availability.exclusions:
        return False
    emergency = frame.reading.emergency if ground == EMERGENCY else "as_declared"
    return emergency == "as_declared" or (emergency == "evidenced_only" and bool(fact.event.evidence))


def _said_late(history: History, frame: Frame, fact: Fact, ended: Instant | None, said: Callable[[Any], bool]) -> bool:
    """Whether what a fact says now was first said after the stop it is about had ended (Amb-38)."""
    if frame.reading.relabel == "accepted" or ended is None:
        return False
    if fact.first_known_at > moment(ended):
        return True
    if fact.known_at <= moment(ended):
        return False
    # corrected since: what did it say when the stop ended?
    then = [f for f in history.as_known(moment(ended)).of(type(fact.event)) if f.position == fact.position]
    return not any(said(f.event) for f in then)


def _is_emergency(event: Any) -> bool:
    return bool(event.kind == "emergency")


def _claims_emergency(event: Any) -> bool:
    return bool(event.ground == EMERGENCY)
