"""What monitors post: Alertmanager, Grafana, PagerDuty and Uptime Kuma, as outages begun and ended.

An alert says what its rule says: whether the service could not be reached is the caller's knowledge, given
as `effect` (default `degraded`, which counts against nobody) or, for Alertmanager and Grafana, as a label
`effect` on the rule. An outage begins where the tool says so; a rule's waiting time (`for:`) is not added.

Adapters remember nothing. One payload read alone, and read again, gives the same events, so that recording
twice harms nothing; a log of payloads, oldest first (JSON lines or a list), also tells changes: a window
edited becomes a correction, a reopened incident a retraction. Fractions of a second are cut off; titles and
messages stay behind, because people edit them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from ledger.checks import EVIDENCE
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.intake.intake import Intake, counted, in_utc, instant, named, objects, short, written
from ledger.intake.told import Told, Version, tell

STILL_FIRING = "0001-01-01"  # how Alertmanager and Grafana write an end that is not there
EFFECTS = frozenset({"no_access", "no_login", "degraded"})


class Sight(NamedTuple):
    """What one payload says of one thing: its name, the moment it speaks of, the facts by slot."""

    name: str
    at: datetime
    facts: dict[str, Told]


class Marks(NamedTuple):
    """By what a payload is known as its tool's: in words, and as a test of the posted object."""

    words: str
    stand_in: Callable[[dict[str, Any]], bool]


class Reading:
    """The payloads of one call that bear the tool's marks, and what is noted about them and the others.

    Raises `Refused("unknown_format")` where others there are and none that bears them.
    """

    def __init__(self, given: Any, subject: str, source: str, marks: Marks) -> None:
        posted = objects(given)
        self.payloads = [payload for payload in posted if marks.stand_in(payload)]
        if posted and not self.payloads:
            raise Refused("unknown_format", f"no payload has {marks.words}")
        self._envelope = {"subject": subject, "source": source}
        self._counts: Counter[str] = Counter()
        self._notes: list[str] = []
        if others := len(posted) - len(self.payloads):
            self._counts[f"payloads without {marks.words}, passed over"] = others

    def note(self, note: str) -> None:
        """Say what was passed over."""
        self._notes.append(note)

    def count(self, what: str) -> None:
        """Count one more of what is told by number alone."""
        self._counts[what] += 1

    def intake(self, sights: Iterator[Sight]) -> Intake:
        """The events of what was seen, things in the order they first appear, each through its sights."""
        seen: dict[str, list[Sight]] = {}
        for sight in sights:
            seen.setdefault(sight.name, []).append(sight)
        events: list[dict[str, Any]] = []
        for name, found in seen.items():
            versions = [
                Version(f"{n}-{sight.at:%Y%m%dT%H%M%SZ}", sight.at, sight.facts, f"payload of {written(sight.at)}")
                for n, sight in enumerate(found, 1)
            ]
            events += [event for _, event in tell(name, versions, **self._envelope, labelled=False)]
        return Intake(events, counted(self._counts) + self._notes)


def outage(name: str, start: datetime, end: datetime | None, effect: str, **more: Any) -> dict[str, Told]:
    """The facts of an outage; an end that is not after its start is left out. `more` without None."""
    if effect not in EFFECTS:
        raise Refused("unknown_value", f"effect {effect!r}; give {', '.join(sorted(EFFECTS))}")
    data = {"outage": name, "environment": "production", "effect": effect, "at": written(start), **more}
    facts = {"outage": Told("outage_started", {n: v for n, v in data.items() if v is not None})}
    if end is not None and end > start:
        facts["ended"] = Told("outage_ended", {"outage": name, "at": written(end)})
    return facts


def link(url: Any) -> list[str] | None:
    """A tool's own page on the thing, as evidence; None when it gives none."""
    return [str(url)] if EVIDENCE.match(str(url or "")) else None


# --- Alertmanager, Grafana ---

ALERTMANAGER = Marks(
    '`alerts` and `version` "4"',
    lambda posted: isinstance(posted.get("alerts"), list) and posted.get("version") == "4",
)
GRAFANA = Marks("`alerts` and `orgId`", lambda posted: isinstance(posted.get("alerts"), list) and "orgId" in posted)


def alertmanager(
    given: Any, *, subject: str, source: str = "alertmanager", effect: str = "degraded", alertname: str = ""
) -> Intake:
    """Alertmanager's webhook, version 4: an outage for each alert and its `startsAt`.

    With `alertname`, only alerts of that name (text with commas for several). Resent alerts say nothing
    new; an alert without `fingerprint` is named by the digest of its labels.
    """
    reading = Reading(given, subject, source, ALERTMANAGER)
    return reading.intake(_alerts(reading, effect, alertname))


def grafana(
    given: Any, *, subject: str, source: str = "grafana", effect: str = "degraded", alertname: str = ""
) -> Intake:
    """Grafana's unified alerting webhook, which writes its alerts as Alertmanager does."""
    reading = Reading(given, subject, source, GRAFANA)
    return reading.intake(_alerts(reading, effect, alertname))


def _alerts(reading: Reading, effect: str, alertname: str) -> Iterator[Sight]:
    wanted = frozenset(name.strip() for name in alertname.split(",") if name.strip())
    for payload in reading.payloads:
        if payload.get("truncatedAlerts"):
            one, many = "alert was cut off by the sender and is", "alerts were cut off by the sender and are"
            reading.note(f"{number_of(payload['truncatedAlerts'], one, many)} lost here")
        for alert in payload.get("alerts", ()):
            labels = alert.get("labels") or {}
            if wanted and labels.get("alertname") not in wanted:
                reading.count("alerts of other names, left out")
                continue
            start = instant(alert["startsAt"])
            resolved = alert.get("status") == "resolved" and not str(alert["endsAt"]).startswith(STILL_FIRING)
            end = instant(alert["endsAt"]) if resolved else None
            digest = sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]
            name = f"{named(alert.get('fingerprint') or digest, 64)}-{in_utc(start):%Y%m%dT%H%M%SZ}"
            hint = short(labels.get("alertname"))
            facts = outage(name, start, end, str(labels.get("effect") or effect), cause_hint=hint)
            yield Sight(name, in_utc(end or start), facts)


# --- PagerDuty ---

PAGERDUTY = Marks(
    "`event` with its `event_type`",
    lambda posted: isinstance(posted.get("event"), dict) and isinstance(posted["event"].get("event_type"), str),
)


def pagerduty(given: Any, *, subject: str, source: str = "pagerduty", effect: str = "degraded") -> Intake:
    """PagerDuty's webhook, version 3: an incident begins at its `created_at`.

    It ends at the `occurred_at` of `incident.resolved`, for no field of the incident says when; a later
    `incident.reopened` in the same log withdraws that end.
    """
    reading = Reading(given, subject, source, PAGERDUTY)
    return reading.intake(_incidents(reading, effect))


def _incidents(reading: Reading, effect: str) -> Iterator[Sight]:
    ended: dict[str, datetime] = {}
    for payload in reading.payloads:
        event = payload["event"]
        kind, data = event["event_type"], event.get("data") or {}
        if not kind.startswith("incident.") or not data.get("created_at"):
            reading.count(f"payloads of {kind}, which tell no incident's beginning")
            continue
        name, at = named(data["id"]), in_utc(instant(event["occurred_at"]))
        if kind == "incident.resolved":
            ended[name] = at
        elif kind == "incident.reopened" and ended.pop(name, None) is None:
            reading.note(f"{name}: reopened; its end is withdrawn only where this log holds it")
        facts = outage(name, instant(data["created_at"]), ended.get(name), effect, evidence=link(data.get("html_url")))
        yield Sight(name, at, facts)


# --- Uptime Kuma ---

UPTIME_KUMA = Marks("`heartbeat` and `msg`", lambda posted: "heartbeat" in posted and "msg" in posted)
KUMA: dict[int, str] = {0: "DOWN", 1: "UP", 2: "PENDING", 3: "MAINTENANCE"}


def uptime_kuma(given: Any, *, subject: str, source: str = "uptime-kuma", effect: str = "no_access") -> Intake:
    """Uptime Kuma's webhook: from DOWN to the next UP of the same monitor. Its times are UTC, unmarked.

    An UP names no DOWN, so give a log: an UP alone ends nothing and is noted. The effect is `no_access`
    unless said otherwise: a probe of Kuma fails when the address does not answer.
    """
    reading = Reading(given, subject, source, UPTIME_KUMA)
    return reading.intake(_beats(reading, effect))


def _beats(reading: Reading, effect: str) -> Iterator[Sight]:
    down: dict[str, datetime] = {}
    for payload in reading.payloads:
        beat = payload.get("heartbeat")
        if not isinstance(beat, dict):
            reading.count("payloads without a heartbeat (tests, certificate notices)")
            continue
        monitor, at = named(beat["monitorID"]), _kuma_instant(str(beat["time"]))
        status = KUMA.get(beat["status"], str(beat["status"]))
        if status == "DOWN":
            start = down.setdefault(monitor, at)
            name = f"monitor-{monitor}-{start:%Y%m%dT%H%M%SZ}"
            yield Sight(name, at, outage(name, start, None, effect))
        elif status == "UP" and monitor in down:
            start = down.pop(monitor)
            name = f"monitor-{monitor}-{start:%Y%m%dT%H%M%SZ}"
            yield Sight(name, at, outage(name, start, at, effect))
        elif status == "UP":
            reading.note(f"monitor {monitor} UP at {written(at)} without its DOWN in this log: it ends nothing")
        else:
            reading.count(f"heartbeats {status}, which are no outage")


def _kuma_instant(text: str) -> datetime:
    return instant(text if text.endswith("Z") or "+" in text else f"{text}Z").astimezone(UTC)
