"""What status pages post: Statuspage, Better Stack, Instatus and Google Cloud, as outages and maintenance.

A page's own scale of impact is read as `IMPACTS` says. Titles and texts stay behind: people edit them. As
with every webhook here, a payload read alone always gives the same events, and a log of payloads, oldest
first, also tells what changed: see `ledger.intake.webhooks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from ledger.intake.intake import Intake, in_utc, instant, named, written
from ledger.intake.told import Told
from ledger.intake.webhooks import Marks, Reading, Sight, link, outage

# page, impact it writes, effect of an outage, why
IMPACTS: tuple[tuple[str, str, str, str], ...] = (
    ("statuspage", "critical", "no_access", "the top of the page's scale: a major outage"),
    ("statuspage", "major", "degraded", "a partial outage: some parts fail"),
    ("statuspage", "minor", "degraded", "parts answer badly"),
    ("statuspage", "none", "degraded", "reported as without impact: kept, never counted"),
    ("instatus", "MAJOROUTAGE", "no_access", "the top of the page's scale"),
    ("instatus", "PARTIALOUTAGE", "degraded", "some parts fail"),
    ("instatus", "DEGRADEDPERFORMANCE", "degraded", "parts answer badly"),
    ("google-cloud", "SERVICE_OUTAGE", "no_access", "the product could not be used"),
    ("google-cloud", "SERVICE_DISRUPTION", "degraded", "the product failed in part"),
    ("google-cloud", "SERVICE_INFORMATION", "degraded", "told for information"),
)
EFFECTS = {(page, impact): effect for page, impact, effect, _ in IMPACTS}

Row = dict[str, Any]
SCHEDULED = "scheduled_maintenances"  # as Statuspage's API names its list


def _is_in(writing: Callable[[str], str], posted: Row) -> bool:
    """Whether the page's words stand in an incident or maintenance, in one of several, or in a component's change.

    Statuspage writes impacts and statuses in small letters, Instatus in capitals; Better Stack writes none, and says
    of what it posts which `event_type` it is.
    """
    if listed := _listed(posted):
        told = [_word(row, "impact") for rows in listed for row in rows] or [None]
    elif "component_update" in posted:
        told = [_word(posted["component_update"], "new_status")]
    else:
        told = [_word(posted["incident"] if "incident" in posted else _bare(posted), "impact")]
    return "event_type" not in posted and any(word and word == writing(word) for word in told)


def _word(row: Any, field: str) -> str | None:
    word = row.get(field) if isinstance(row, dict) else None
    return word if isinstance(word, str) else None


def _listed(posted: Row) -> list[list[Any]]:
    """The lists of a document of Statuspage's API, its summary's both."""
    return [posted[name] for name in ("incidents", SCHEDULED) if isinstance(posted.get(name), list)]


def _bare(posted: Row) -> Row | None:
    return posted if "id" in posted and "created_at" in posted else None


def _is_empty_list(posted: Row) -> bool:
    """Statuspage's API answers so when there is no incident, or no maintenance."""
    listed = _listed(posted)
    return "page" in posted and bool(listed) and not any(listed)


def _is_work(posted: Row) -> bool:
    return "event_type" not in posted and ("maintenance" in posted or "maintenances" in posted)


WORDS = "an incident or a maintenance whose `impact`, or a component whose `new_status`, is written as"
STATUSPAGE = Marks(
    f"{WORDS} Statuspage does (`major`)",
    lambda posted: _is_in(str.lower, posted) or _is_empty_list(posted),
)
BETTERSTACK = Marks(
    "`event_type` and `page`",
    lambda posted: isinstance(posted.get("event_type"), str) and isinstance(posted.get("page"), dict),
)
INSTATUS = Marks(
    f"a maintenance, or {WORDS} Instatus does (`MAJOROUTAGE`)",
    lambda posted: _is_work(posted) or _is_in(str.upper, posted),
)
GOOGLE_CLOUD = Marks(
    "`id`, `begin` and `status_impact`", lambda posted: posted.keys() >= {"id", "begin", "status_impact"}
)


def statuspage(given: Any, *, subject: str, source: str = "statuspage") -> Intake:
    """Statuspage's webhook, or its API's incidents and scheduled maintenances: outages, and maintenance.

    An incident begins where its first update is displayed (`display_at`, else `created_at`); a scheduled
    one is announced at `created_at`, and rescheduled where a later payload of the log names another slot.
    Its work begins and ends with the updates `in_progress` and `completed` (else `resolved_at`); its `started_at`
    is when it was published. What a page cannot tell of it is noted: whether the service was stopped, that it was
    called off, and in a document of the API a slot it had before.
    """
    reading = Reading(given, subject, source, STATUSPAGE)
    return reading.intake(_statuspage(reading))


def _statuspage(reading: Reading) -> Iterator[Sight]:
    published: dict[str, dict[str, Told]] = {}
    left_open: dict[str, str | None] = {}  # by the last that is told of each
    for payload in reading.payloads:
        incidents = _rows(payload, "incident", "incidents", reading)
        work = [row for row in incidents if row.get("scheduled_for")]
        work += _rows(payload, "scheduled_maintenance", SCHEDULED, reading)
        for row in work:
            name, at = named(row["id"]), _told_at(row)
            facts = _scheduled(published.setdefault(name, {}), row, at)
            left_open[name] = _left_open(row, facts)
            yield Sight(name, at, facts)
        for row in incidents:
            if row.get("scheduled_for"):
                continue
            name, at = named(row["id"]), _told_at(row)
            start = min(map(instant, _shown(row) or [row.get("started_at") or row["created_at"]]))
            end = instant(row["resolved_at"]) if row.get("resolved_at") else None
            effect = EFFECTS.get(("statuspage", str(row.get("impact"))), "degraded")
            yield Sight(name, at, outage(name, start, end, effect, evidence=_link(row)))
    for name, why in left_open.items():
        if why is not None:
            reading.note(f"{name}: {why}")
    if left_open:
        reading.note("a page does not tell whether maintenance stopped the service: record blocking_started by hand")
        if any(SCHEDULED in payload for payload in reading.payloads):
            reading.note("the API tells a maintenance's last slot alone: one it had before is not in its document")


def _told_at(row: Row) -> datetime:
    return in_utc(instant(row.get("updated_at") or row.get("resolved_at") or row["created_at"]))


def _scheduled(told: dict[str, Told], row: Row, at: datetime) -> dict[str, Told]:
    """All facts of a scheduled maintenance."""
    if row.get("status") == "completed" and row.get("resolved_at") and "completed" not in _statuses(row):
        row = {**row, "incident_updates": [*_updates(row), {"status": "completed", "created_at": row["resolved_at"]}]}
    slot = (row["scheduled_for"], row["scheduled_until"]) if row.get("scheduled_for") else None
    return _published(told, row, slot, at, _work(row, ("in_progress",), ("completed",)))


def _left_open(row: Row, facts: dict[str, Told]) -> str | None:
    """What the record of a scheduled maintenance does not tell, though it says that it goes so far."""
    status = row.get("status")
    if status in ("in_progress", "verifying", "completed") and "started" not in facts:
        return f"{status}, and no update tells when it began, or that it was not called off: no work is recorded"
    if status == "completed" and "ended" not in facts:
        return "completed, and no update tells an end after its beginning: it is recorded as begun"
    if "announced" not in facts:
        return "published when its slot had begun, or without one: recorded without announcement"
    return None


def betterstack(given: Any, *, subject: str, source: str = "betterstack", effect: str = "degraded") -> Intake:
    """Better Stack's status page webhook.

    Its incidents tell neither impact nor resolution: `effect` is the caller's, and an incident ends where
    the page reads `operational` again, at that payload's `updated_at`. Its maintenance tells its slot and never that it
    began, so it is announced and no more.
    """
    reading = Reading(given, subject, source, BETTERSTACK)
    return reading.intake(_betterstack(reading, effect))


def _betterstack(reading: Reading, effect: str) -> Iterator[Sight]:
    published: dict[str, dict[str, Told]] = {}
    ended: dict[str, datetime] = {}
    for payload in reading.payloads:
        over = (payload.get("page") or {}).get("status_indicator") == "operational"
        for row in _rows(payload, "incident", "incidents", reading):
            name, at = named(row["id"]), in_utc(instant(row["updated_at"]))
            if over:
                ended.setdefault(name, at)  # what is posted after the end tells no other end
            end = instant(row["resolved_at"]) if row.get("resolved_at") else ended.get(name)
            yield Sight(name, at, outage(name, instant(row["created_at"]), end, effect, evidence=_link(row)))
        for row in _rows(payload, "maintenance", "maintenances", reading):
            name, at = named(row["id"]), in_utc(instant(row["updated_at"]))
            slot = (row["starts_at"], row["ends_at"])
            yield Sight(name, at, _published(published.setdefault(name, {}), row, slot, at, {}))


def instatus(given: Any, *, subject: str, source: str = "instatus") -> Intake:
    """Instatus's webhook: incidents with their impact; maintenance with `duration` in minutes.

    Its maintenance names no planned beginning, only steps: the one that says in progress starts it. A
    `start`, where one is sent, makes an announcement with the slot `[start, start + duration)`.
    """
    reading = Reading(given, subject, source, INSTATUS)
    return reading.intake(_instatus(reading))


def _instatus(reading: Reading) -> Iterator[Sight]:
    published: dict[str, dict[str, Told]] = {}
    for payload in reading.payloads:
        for row in _rows(payload, "incident", "incidents", reading):
            name, at = named(row["id"]), in_utc(instant(row["updated_at"]))
            end = instant(row["resolved_at"]) if row.get("resolved_at") else None
            effect = EFFECTS.get(("instatus", str(row.get("impact"))), "degraded")
            yield Sight(name, at, outage(name, instant(row["created_at"]), end, effect, evidence=_link(row)))
        for row in _rows(payload, "maintenance", "maintenances", reading):
            name, at = named(row["id"]), in_utc(instant(row["updated_at"]))
            slot = None
            if row.get("start") and row.get("duration"):
                slot = (row["start"], written(instant(row["start"]) + timedelta(minutes=int(row["duration"]))))
            work = _work(row, ("INPROGRESS",), ("COMPLETED",))
            yield Sight(name, at, _published(published.setdefault(name, {}), row, slot, at, work))


def google_cloud(given: Any, *, subject: str, source: str = "google-cloud") -> Intake:
    """Google Cloud's incidents.json: often written whole a day after the end.

    What had happened by `created` is attested at it; an end that came later is attested by nothing here.
    """
    reading = Reading(given, subject, source, GOOGLE_CLOUD)
    intake = reading.intake(_google_cloud(reading))
    created = {named(row["id"]): instant(row["created"]) for row in reading.payloads if row.get("created")}
    for event in intake.events:
        at, known = event["data"].get("at"), created.get(event["id"].partition("#")[0])
        if at is not None and known is not None and instant(at) <= known:
            event["attestedat"] = written(known)
    return intake


def _google_cloud(reading: Reading) -> Iterator[Sight]:
    for row in reading.payloads:
        name, at = named(row["id"]), in_utc(instant(row.get("modified") or row["created"]))
        end = instant(row["end"]) if row.get("end") else None
        effect = EFFECTS.get(("google-cloud", str(row.get("status_impact"))), "degraded")
        yield Sight(name, at, outage(name, instant(row["begin"]), end, effect))


# --- what the pages share ---


def _rows(payload: Row, one: str, many: str, reading: Reading) -> list[Row]:
    """The records of a payload, wrapped or bare; one without an id is noted and left out."""
    if isinstance(payload.get(one), dict):
        rows = [payload[one]]
    elif isinstance(payload.get(many), list):
        rows = list(payload[many])
    else:
        rows = [payload] if one == "incident" and "created_at" in payload and "id" in payload else []
    for row in rows:
        if not row.get("id"):
            reading.count(f"records of kind {one} without an id, passed over")
    if not rows and one == "incident" and not ({"maintenance", "maintenances", SCHEDULED} & set(payload)):
        reading.count("payloads that hold neither incident nor maintenance (components, tests)")
    return [row for row in rows if row.get("id")]


def _link(row: Row) -> list[str] | None:
    return link(row.get("shortlink") or row.get("url"))


def _updates(row: Row) -> list[Row]:
    return list(row.get("incident_updates") or row.get("maintenance_updates") or ())


def _statuses(row: Row) -> list[str]:
    return [str(update.get("status")) for update in _updates(row)]


def _shown(row: Row) -> list[str]:
    return [str(update.get("display_at") or update["created_at"]) for update in _updates(row)]


def _published(
    told: dict[str, Told], row: Row, slot: tuple[str, str] | None, at: datetime, work: dict[str, Told]
) -> dict[str, Told]:
    """All facts of a maintenance: announced, rescheduled, shown on the page, done.

    `told` holds what was announced and is kept from payload to payload of one log; once work began, no
    other slot is one. The page that posts is itself the status of article 6, from `created_at` on.
    """
    name, first = named(row["id"]), instant(row["created_at"])
    shown = Told("maintenance_status_published", {"maintenance": name, "at": written(first)})
    if slot is not None:
        planned = (written(instant(slot[0])), written(instant(slot[1])))
        last = next(reversed(told.values())).data if told else None
        if last is None and first <= instant(slot[0]):
            told["announced"] = _announcement("maintenance_announced", name, first, planned, _link(row))
        elif last is None or work or at > instant(slot[0]):
            pass
        elif (last["planned_start"], last["planned_end"]) != planned:
            told[f"rescheduled-{len(told)}"] = _announcement("maintenance_rescheduled", name, at, planned, _link(row))
    return {**told, "status": shown, **work}


def _announcement(kind: str, name: str, at: datetime, slot: tuple[str, str], link: list[str] | None) -> Told:
    data = {
        "maintenance": name, "published_at": written(at), "planned_start": slot[0], "planned_end": slot[1],
        "evidence": link,
    }  # fmt: skip
    return Told(kind, {field: value for field, value in data.items() if value is not None})


def _work(row: Row, starts: tuple[str, ...], ends: tuple[str, ...]) -> dict[str, Told]:
    """Begun and ended by the updates that say so; an end that is not after the beginning is left out."""
    name = named(row["id"])
    shown = sorted(
        (instant(str(update.get("display_at") or update["created_at"])), str(update.get("status")))
        for update in _updates(row)
    )
    start = next((at for at, status in shown if status in starts), None)
    end = next((at for at, status in shown if status in ends), None)
    facts: dict[str, Told] = {}
    if start is not None:
        facts["started"] = Told("maintenance_started", {"maintenance": name, "kind": "planned", "at": written(start)})
        if end is not None and end > start:
            facts["ended"] = Told("maintenance_ended", {"maintenance": name, "at": written(end)})
    return facts
