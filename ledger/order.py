"""What may follow what: one table of steps, and a fold that refuses whatever the table does not allow.

A *thing* is what events speak of by the same id within one stream (an outage, a backup, a request). It
has a status, and each step says from which statuses an event may come and what status it leaves.
Events are taken in the order of their positions; a fact may be recorded long after it happened, so only
the instants inside the events are compared, never the moment of recording.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from ledger.errors import Refused
from ledger.events import VOCABULARY, Event

NOTHING = ""  # the status of a thing nobody spoke of yet


class Step(NamedTuple):
    """One row: event type, the noun and the field that names the thing, and what the event needs and leaves."""

    type: str
    noun: str
    id_field: str
    follows: tuple[str, ...]  # statuses it may follow; empty: any, nothing included
    becomes: str | None  # None: the status stays
    at: str  # the field compared with the thing's beginning; empty: none
    once: bool = False  # at most once for a thing
    strictly: bool = False  # must be after the beginning, not merely not before


_K = ("known",)
MUST_FOLLOW: tuple[Step, ...] = (
    Step("contract_started", "contract", "", (NOTHING,), "running", "service_start"),
    Step("contract_scope_changed", "contract", "", ("running", "suspended"), None, ""),
    Step("option_subscribed", "contract", "", ("running", "suspended"), None, ""),
    Step("option_cancelled", "contract", "", ("running", "suspended"), None, ""),
    Step("contract_suspended", "contract", "", ("running",), "suspended", ""),
    Step("contract_resumed", "contract", "", ("suspended",), "running", ""),
    Step("contract_terminated", "contract", "", ("running", "suspended"), None, "effective_from", once=True),
    Step("service_assigned", "contract", "", ("running", "suspended"), None, ""),
    Step("service_unassigned", "contract", "", ("running", "suspended"), None, ""),
    Step("access_codes_communicated", "contract", "", ("running", "suspended"), None, "", once=True),
    Step("service_started", "service", "service", (NOTHING,), "running", "at"),
    Step("outage_started", "outage", "outage", (NOTHING,), "open", "at"),
    Step("outage_ended", "outage", "outage", ("open",), "ended", "at", strictly=True),
    Step("outage_linked", "outage", "outage", ("open", "ended"), None, ""),
    Step("outage_claimed", "claim", "claim", (NOTHING,), "claimed", "from_"),
    Step("outage_claim_accepted", "claim", "claim", ("claimed", "rejected"), "accepted", ""),
    Step("outage_claim_rejected", "claim", "claim", ("claimed", "accepted"), "rejected", ""),
    Step("exclusion_claimed", "exclusion", "exclusion", (NOTHING,), "claimed", "from_"),
    Step("exclusion_contested", "exclusion", "exclusion", ("claimed",), "contested", ""),
    Step("exclusion_accepted", "exclusion", "exclusion", ("claimed", "contested"), "accepted", ""),
    Step("exclusion_upheld", "exclusion", "exclusion", ("claimed", "contested"), "upheld", ""),
    Step("exclusion_rejected", "exclusion", "exclusion", ("claimed", "contested"), "rejected", ""),
    Step("maintenance_announced", "announcement", "maintenance", (NOTHING,), "announced", ""),
    Step("maintenance_rescheduled", "announcement", "maintenance", ("announced",), None, ""),
    Step("maintenance_cancelled", "announcement", "maintenance", ("announced",), "cancelled", ""),
    Step("maintenance_started", "maintenance", "maintenance", (NOTHING,), "started", "at"),
    Step("blocking_started", "maintenance", "maintenance", ("started", "ended"), "blocked", "at"),
    Step("blocking_ended", "maintenance", "maintenance", ("blocked",), "started", "at", strictly=True),
    Step("maintenance_ended", "maintenance", "maintenance", ("started",), "ended", ""),
    Step("backup_completed", "backup", "backup", (NOTHING, "failed"), "kept", "completed_at"),
    Step("backup_failed", "backup", "backup", (NOTHING, "failed"), "failed", "failed_at"),
    Step("backup_verified", "backup", "backup", ("kept", "deleted"), None, "at"),
    Step("backup_copy_stored", "backup", "backup", ("kept", "deleted"), None, ""),
    Step("backup_copy_lost", "backup", "backup", ("kept", "deleted"), None, "at"),
    Step("backup_deleted", "backup", "backup", ("kept",), None, "at"),
    Step("restore_requested", "restore", "restore", (NOTHING,), "requested", "requested_at"),
    Step("restore_started", "restore", "restore", ("requested", "failed"), "started", "at"),
    Step("restore_completed", "restore", "restore", ("requested", "started"), "completed", "at"),
    Step("restore_failed", "restore", "restore", ("requested", "started"), "failed", "at"),
    Step("restore_refused", "restore", "restore", ("requested",), "refused", "at"),
    Step("disaster_declared", "disaster", "disaster", (NOTHING,), "declared", "at"),
    Step("disaster_recovered", "disaster", "disaster", ("declared",), "recovered", "at"),
    Step("update_rolled_out", "rollout", "update+environment", (NOTHING, "rolled_back"), "rolled_out", "at"),
    Step("update_rolled_back", "rollout", "update+environment", ("rolled_out",), "rolled_back", "at"),
    Step("support_request_registered", "request", "request", (NOTHING,), "known", "at"),
    Step("support_request_acknowledged", "request", "request", _K, None, "at", once=True),
    Step("support_request_taken_in_charge", "request", "request", _K, None, "at", once=True),
    Step("support_request_resolved", "request", "request", _K, None, "at", once=True),
    Step("support_request_excluded", "request", "request", _K, None, "at", once=True),
    Step("support_request_withdrawn", "request", "request", _K, None, "at", once=True),
    Step("support_suspended", "support", "", (NOTHING, "running"), "suspended", "at"),
    Step("support_resumed", "support", "", ("suspended",), "running", "at", strictly=True),
    Step("support_line_closed", "support_line", "", (NOTHING, "open"), "closed", "at"),
    Step("support_line_opened", "support_line", "", ("closed",), "open", "at", strictly=True),
    Step("call_received", "call", "call", (NOTHING,), "waiting", "at"),
    Step("call_answered", "call", "call", ("waiting",), "answered", "at"),
    Step("anomaly_reproduced", "anomaly", "anomaly", (), None, "", once=True),
    Step("anomaly_qualified", "anomaly", "anomaly", (NOTHING,), "known", "at"),
    Step("anomaly_reclassified", "anomaly", "anomaly", _K, None, "at"),
    Step("action_plan_delivered", "anomaly", "anomaly", (), None, "", once=True),
    Step("workaround_delivered", "anomaly", "anomaly", (), None, "", once=True),
    Step("fix_delivered", "anomaly", "anomaly", (), None, "", once=True),
    Step("recette_refresh_requested", "refresh", "refresh", (NOTHING,), "requested", "at"),
    Step("recette_refreshed", "refresh", "refresh", (NOTHING, "requested"), "done", "at"),
    Step("recette_refresh_refused", "refresh", "refresh", ("requested",), "refused", "at"),
    Step("account_instruction_received", "instruction", "instruction", (NOTHING,), "known", "at"),
    Step("account_instruction_executed", "instruction", "instruction", (), "executed", "at", once=True),
    Step("invoice_issued", "invoice", "invoice", (NOTHING,), "issued", "at"),
    Step("availability_statement_issued", "statement", "statement", (NOTHING,), "issued", ""),
    Step("statement_contested", "statement", "statement", ("issued",), None, ""),
    Step("dispute_opened", "dispute", "dispute", (NOTHING,), "open", ""),
    Step("dispute_evidence_filed", "dispute", "dispute", ("open", "decided"), None, ""),
    Step("dispute_replayed", "dispute", "dispute", ("open", "decided"), None, ""),
    Step("dispute_decided", "dispute", "dispute", ("open", "decided"), "decided", ""),
    Step("dispute_closed", "dispute", "dispute", ("open", "decided"), "closed", ""),
    Step("legal_hold_placed", "hold", "hold", (NOTHING,), "placed", "at"),
    Step("legal_hold_lifted", "hold", "hold", ("placed",), "lifted", "at", strictly=True),
)

STEPS: dict[type[Event], Step] = {VOCABULARY[step.type]: step for step in MUST_FOLLOW}
assert len(STEPS) == len(MUST_FOLLOW)

ThingKey = tuple[str, str]


class Thing:
    """What the stream knows of one thing so far; folded, never stored."""

    __slots__ = ("began_at", "facts", "places", "seen", "status")

    def __init__(self) -> None:
        self.status = NOTHING
        self.began_at: datetime | None = None  # the instant an end is compared with
        self.seen: tuple[str, ...] = ()  # as places, of a few: a ledger's writer keeps a great many things
        self.places: frozenset[str] = frozenset()
        self.facts: dict[str, Any] = {}


def thing_of(event: Event) -> ThingKey | None:
    """The thing an event speaks of, as (noun, id); None when nothing need precede or follow it."""
    step = STEPS.get(type(event))
    if step is None:
        return None
    field = step.id_field
    if not field:
        return (step.noun, "")
    if "+" not in field:
        return (step.noun, getattr(event, field))
    return (step.noun, "/".join([getattr(event, name) for name in field.split("+")]))


def group_of(event: Event) -> ThingKey | None:
    """The things that must be folded together when one of their events is corrected."""
    key = thing_of(event)
    return ("maintenance", key[1]) if key is not None and key[0] == "announcement" else key


def take(event: Event, things: dict[ThingKey, Thing]) -> None:
    """Fold one event into what the stream knows, or raise `Refused` and change nothing."""
    key = thing_of(event)
    if key is None:
        return
    step = STEPS[type(event)]
    thing = things.get(key) or Thing()
    _check_step(step, event, key, thing)
    special = SPECIAL.get(step.type)
    if special is not None:
        special(event, thing, things)
    if step.type not in thing.seen:
        thing.seen = (*thing.seen, step.type)
    if step.becomes is not None:
        thing.status = step.becomes
        if step.at:
            thing.began_at = getattr(event, step.at)
    after = AFTER.get(step.type)
    if after is not None:
        after(event, thing)
    things[key] = thing


def _check_step(step: Step, event: Event, key: ThingKey, thing: Thing) -> None:
    name = f"{key[0]} {key[1]}".strip()
    if step.follows and thing.status not in step.follows:
        if thing.status == NOTHING:
            raise Refused("end_without_start", f"{step.type}: no {name} is known in this stream; record it first")
        if step.type in thing.seen:
            raise Refused("twice", f"{step.type}: {name} has it already; to change it, record a correction")
        raise Refused("out_of_order", f"{step.type} cannot follow: {name} is {thing.status}")
    if step.once and step.type in thing.seen:
        raise Refused("twice", f"{step.type}: {name} has it already; to change it, record a correction")
    if not step.at or thing.began_at is None:
        return
    at = getattr(event, step.at)
    if at is None or at > thing.began_at or (at == thing.began_at and not step.strictly):
        return
    code, what = ("not_after_start", "not after") if step.strictly else ("before_start", "before")
    raise Refused(code, f"{step.type}: {at.isoformat()} is {what} {thing.began_at.isoformat()}, where {name} began")


# --- what a table of statuses cannot say ---


def _announcement(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    work = things.get(("maintenance", event.maintenance))
    if work is None or work.status == NOTHING:
        return
    started_at = work.facts["started_at"]
    if event.published_at > started_at:
        raise Refused(
            "out_of_order", f"maintenance {event.maintenance} had already started at {started_at.isoformat()}"
        )


def _work_started(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    thing.facts["started_at"] = event.at


def _within_work(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    started_at, ended_at = thing.facts["started_at"], thing.facts.get("ended_at")
    late = ended_at is not None and (event.at > ended_at or (event.at == ended_at and thing.status == "ended"))
    if event.at < started_at or late:
        raise Refused("out_of_order", f"blocking of {event.maintenance} outside its work, which began {started_at}")


def _work_ended(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    started_at, last_at = thing.facts["started_at"], thing.began_at
    assert last_at is not None
    if event.at <= started_at or event.at < last_at:
        latest = max(started_at, last_at).isoformat()
        raise Refused("not_after_start", f"maintenance_ended: {event.at.isoformat()} is not after {latest}")


def _stays_ended(event: Any, thing: Thing) -> None:
    """A blocking learnt after the work had ended leaves it ended."""
    if "ended_at" in thing.facts:
        thing.status = "ended"


def _ended(event: Any, thing: Thing) -> None:
    thing.facts["ended_at"] = event.at


def _places_left(event: Any, thing: Thing) -> None:
    thing.places = thing.places - {event.location} if event.location is not None else frozenset()
    if not thing.places:
        thing.status = "deleted"


def _copies(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    thing.places = frozenset(event.locations)


def _copy_stored(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    thing.places = thing.places | {event.location}
    thing.status = "kept"  # a copy learnt of after the others were deleted can be deleted in its turn


def _copy_known(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    if event.location is not None and event.location not in thing.places:
        known = ", ".join(sorted(thing.places)) or "none"
        raise Refused(
            "unknown_reference", f"no copy of backup {event.backup} lies at {event.location!r}; known: {known}"
        )


def _lost(event: Any, thing: Thing) -> None:
    thing.places = thing.places - {event.location}


def _started(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    thing.facts = {
        "users": event.production_named_users,
        "single_tenant": event.single_tenant,
        "options": set(event.options),
        "services": set(event.services),
        "since": {},  # option or service: the instant of its last change
        "shared": bool(event.services),  # it runs on services, or once did
    }


def _within_term(event: Any, thing: Thing) -> None:
    """A termination is often recorded months ahead: until it takes effect the contract lives on."""
    ends_at = thing.facts.get("ends_at")
    effective = event.at if hasattr(event, "at") else event.effective_from
    if ends_at is not None and effective >= ends_at:
        raise Refused("after_termination", f"the contract ends at {ends_at.isoformat()}")


def _codes(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    _within_term(event, thing)


def _terminated(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    thing.facts["ends_at"] = event.effective_from


def _suspended(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    _within_term(event, thing)
    thing.facts["suspended_at"] = event.effective_from


def _resumed(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    _within_term(event, thing)
    suspended_at = thing.facts["suspended_at"]
    if event.effective_from <= suspended_at:
        raise Refused("not_after_start", f"contract_resumed: it was suspended from {suspended_at.isoformat()}")


def _in_turn(event: Any, thing: Thing, name: str) -> None:
    """What comes and goes (an option, a service) changes forward in time; an earlier change is a correction."""
    last = thing.facts["since"].get(name)
    if last is not None and event.effective_from < last:
        raise Refused("before_start", f"{name} changed last from {last.isoformat()}; correct or retract that first")
    thing.facts["since"][name] = event.effective_from


def _scope_changed(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    _within_term(event, thing)
    if event.production_named_users is not None:
        thing.facts["users"] = event.production_named_users
    if event.single_tenant is not None:
        thing.facts["single_tenant"] = event.single_tenant


def _option(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    """Article 3: options need a single tenant; recette also more than 300 users and personalised updates."""
    _within_term(event, thing)
    if event.option in thing.facts["options"]:
        raise Refused("twice", f"the option {event.option} is in force already")
    if not thing.facts["single_tenant"]:
        raise Refused("ineligible_option", f"the option {event.option} needs a single-tenant service (article 3)")
    if event.option == "recette":
        if thing.facts["users"] <= 300:
            raise Refused("ineligible_option", "recette needs more than 300 named users (article 3)")
        if "personalised_update" not in thing.facts["options"]:
            raise Refused("ineligible_option", "recette needs the option personalised_update (article 3)")
    _in_turn(event, thing, event.option)
    thing.facts["options"].add(event.option)


def _option_cancelled(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    _within_term(event, thing)
    if event.option not in thing.facts["options"]:
        raise Refused("end_without_start", f"the option {event.option} is not in force")
    _in_turn(event, thing, event.option)
    thing.facts["options"].discard(event.option)


def _assigned(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    _within_term(event, thing)
    if event.service in thing.facts["services"]:
        raise Refused("twice", f"the contract runs on service {event.service} already")
    _in_turn(event, thing, f"service {event.service}")
    thing.facts["services"].add(event.service)
    thing.facts["shared"] = True


def _unassigned(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    _within_term(event, thing)
    if event.service not in thing.facts["services"]:
        raise Refused("end_without_start", f"the contract does not run on service {event.service}")
    _in_turn(event, thing, f"service {event.service}")
    thing.facts["services"].discard(event.service)


SPECIAL: dict[str, Callable[[Any, Thing, dict[ThingKey, Thing]], None]] = {
    "maintenance_announced": _announcement,
    "maintenance_rescheduled": _announcement,
    "maintenance_cancelled": _announcement,
    "maintenance_started": _work_started,
    "blocking_started": _within_work,
    "blocking_ended": _within_work,
    "maintenance_ended": _work_ended,
    "backup_completed": _copies,
    "backup_copy_stored": _copy_stored,
    "backup_copy_lost": _copy_known,
    "backup_deleted": _copy_known,
    "contract_started": _started,
    "contract_scope_changed": _scope_changed,
    "option_subscribed": _option,
    "option_cancelled": _option_cancelled,
    "service_assigned": _assigned,
    "service_unassigned": _unassigned,
    "contract_suspended": _suspended,
    "contract_resumed": _resumed,
    "contract_terminated": _terminated,
    "access_codes_communicated": _codes,
}
AFTER: dict[str, Callable[[Any, Thing], None]] = {
    "maintenance_ended": _ended,
    "blocking_ended": _stays_ended,
    "backup_deleted": _places_left,
    "backup_copy_lost": _lost,
}
