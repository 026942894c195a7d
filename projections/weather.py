"""The sky over the service at an instant: work running and planned, outages open (article 6, "service Météo").

Valid time decides: what had begun by `at` and not ended by then, as known at the history's own instant of
knowledge. What happens after `at` does not show, whenever it was recorded. Spans are half-open: what ends at
`at` is over. Every environment shows, under its name; what a customer merely claims is not weather.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import NEVER, Instant, contains, intersection, seconds, span
from projections.finding import Finding, text
from projections.frame import Frames

ANNOUNCED = (e.MaintenanceAnnounced, e.MaintenanceRescheduled)
PUBLISHED = (*ANNOUNCED, e.MaintenanceCancelled)
WORKED = (e.MaintenanceStarted, e.MaintenanceEnded, e.BlockingStarted, e.BlockingEnded)
OUTAGES = (e.OutageStarted, e.OutageEnded)


class Thing(Struct, frozen=True, kw_only=True):
    """A maintenance or an outage of one stream, and the facts of it that had happened by the instant, in time."""

    stream: str
    name: str
    facts: tuple[Fact, ...]

    def last(self, *kinds: type) -> Fact | None:
        return next((fact for fact in reversed(self.facts) if isinstance(fact.event, kinds)), None)


class Line(Struct, frozen=True, kw_only=True):
    """One line of the weather: since (or from) when, what it shows, and the facts behind it."""

    since: Instant
    shows: dict[str, Any]
    facts: tuple[Fact, ...]


def weather(history: History, frames: Frames, at: Instant) -> Finding:
    """Maintenances running and planned, and outages open, at an instant, each with its `service` (A6.6).

    `service` is `contract` for the contract's own stream. `blocking` says whether the service is stopped now
    (running, open) or is to be (planned; null where the announcement does not say). A maintenance is planned
    once published, until it starts, is cancelled, or its slot is over.
    """
    works = _things(history, at, "maintenance", (*PUBLISHED, *WORKED))
    lines = {
        "maintenance_running": [_running(history, work, at) for work in works],
        "maintenance_planned": [_planned(history, work, at) for work in works],
        "outages_open": [_open(history, frames, each, at) for each in _things(history, at, "outage", OUTAGES)],
    }
    shown = {name: _ordered(found) for name, found in lines.items()}
    return Finding(
        result={name: [line.shows for line in found] for name, found in shown.items()},
        workings={"clause": f"art. {frames.at(at).terms.availability.article}", **_workings(history, at, shown)},
        because=positions_of(*(line.facts for found in shown.values() for line in found)),
    )


def _running(history: History, work: Thing, at: Instant) -> Line | None:
    """Work begun and not ended, with the slot it was announced for, if any."""
    started, stopped = work.last(e.MaintenanceStarted), work.last(e.BlockingStarted, e.BlockingEnded)
    if started is None or work.last(e.MaintenanceEnded) or not contains(history.assigned(work.stream), at):
        return None
    slot = None if work.last(e.MaintenanceCancelled) else work.last(*ANNOUNCED)
    blocking = stopped is not None and isinstance(stopped.event, e.BlockingStarted)
    shows = {
        **_named(work, started.event.environment),
        "kind": started.event.kind,
        "since": text(_when(started)),
        "slot": None if slot is None else _slot(slot),
        "blocking": blocking,
    }
    return Line(since=_when(started), shows=shows, facts=work.facts)


def _planned(history: History, work: Thing, at: Instant) -> Line | None:
    """Work announced, its slot not over, and nothing of it begun or called off."""
    slot = work.last(*ANNOUNCED)
    if slot is None or work.last(e.MaintenanceCancelled, *WORKED):
        return None
    start, end = seconds(slot.event.planned_start), seconds(slot.event.planned_end)
    if end <= at or intersection(span(start, end), history.assigned(work.stream)) == NEVER:
        return None
    announced = work.last(e.MaintenanceAnnounced)
    shows = {
        **_named(work, announced.event.environment if announced else "production"),
        "kind": "planned",
        "slot": _slot(slot),
        "announced_at": text(_when(slot)),
        "blocking": _said(work, "blocking"),
    }
    return Line(since=start, shows=shows, facts=work.facts)


def _open(history: History, frames: Frames, outage: Thing, at: Instant) -> Line | None:
    """An outage begun and not ended; blocking where its effect is one availability is about (A6.2)."""
    started = outage.last(e.OutageStarted)
    if started is None or outage.last(e.OutageEnded) or not contains(history.assigned(outage.stream), at):
        return None
    shows = {
        **_named(outage, started.event.environment),
        "effect": started.event.effect,
        "since": text(_when(started)),
        "blocking": started.event.effect in frames.at(at).terms.availability.effects,
    }
    return Line(since=_when(started), shows=shows, facts=outage.facts)


# --- what had happened by then ---


def _things(history: History, at: Instant, field: str, kinds: Sequence[type[e.Event]]) -> list[Thing]:
    """Every maintenance or outage, with its facts up to `at` in time; an end stands before a start of its second."""
    told: dict[tuple[str, str], list[Fact]] = {}
    for fact in history.of(*kinds):
        told.setdefault((fact.stream, getattr(fact.event, field)), []).append(fact)
    uses = Counter(identity for _, identity in told)
    found = []
    for (stream, identity), facts in told.items():
        elsewhere = uses[identity] > 1 and stream.startswith("service:")
        name = f"{stream.partition(':')[2]}/{identity}" if elsewhere else identity
        by_then = sorted((fact for fact in facts if _when(fact) <= at), key=_in_time)
        found.append(Thing(stream=stream, name=name, facts=tuple(by_then)))
    return found


def _when(fact: Fact) -> Instant:
    """When what a fact says became so: publication, or the instant it happened."""
    return seconds(fact.event.published_at if isinstance(fact.event, PUBLISHED) else fact.event.at)


def _in_time(fact: Fact) -> tuple[Instant, bool, int]:
    return _when(fact), isinstance(fact.event, e.BlockingStarted), fact.position


def _said(work: Thing, field: str) -> Any:
    """What the announcements said last of a field; another slot need not say again what stays."""
    found = [getattr(f.event, field) for f in work.facts if isinstance(f.event, ANNOUNCED)]
    return next((value for value in reversed(found) if value is not None), None)


# --- what is shown ---


def _named(thing: Thing, environment: str) -> dict[str, Any]:
    owner, _, service = thing.stream.partition(":")
    return {"id": thing.name, "service": service if owner == "service" else owner, "environment": environment}


def _slot(fact: Fact) -> list[str]:
    return [text(seconds(fact.event.planned_start)), text(seconds(fact.event.planned_end))]


def _ordered(lines: list[Line | None]) -> list[Line]:
    found = [line for line in lines if line is not None]
    return sorted(found, key=lambda line: (line.since, line.shows["id"], line.shows["service"]))


def _workings(history: History, at: Instant, shown: dict[str, list[Line]]) -> dict[str, Any]:
    """The entries behind each line, and whether the instant asked lies beyond what was known."""
    beyond = at > history.now
    return {
        "at": text(at),
        "note": f"asked beyond what is known: nothing is known after {text(history.now)}" if beyond else None,
        "lines": [
            {"in": name, "id": line.shows["id"], "positions": list(positions_of(line.facts))}
            for name, found in shown.items()
            for line in found
        ],
    }
