"""What may follow what: a fold that refuses whatever the table of steps (`steps.py`) does not allow.

A *thing* is what events speak of by the same id within one stream (an outage, a backup, a request). It
has a status, and each step says from which statuses an event may come and what status it leaves.
Events are taken in the order of their positions; a fact may be recorded long after it happened, so only
the instants inside the events are compared, never the moment of recording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import Struct

from ledger.errors import Refused
from ledger.events import VOCABULARY, Event
from ledger.steps import MUST_FOLLOW, NOTHING, Step

STEPS: dict[type[Event], Step] = {VOCABULARY[step.type]: step for step in MUST_FOLLOW}
assert len(STEPS) == len(MUST_FOLLOW)

ThingKey = tuple[str, str]


NOTHING_SAID: Mapping[str, Any] = MappingProxyType({})


class Thing(Struct, gc=False):
    """What the stream knows of one thing so far; folded, never stored."""

    status: str = NOTHING
    began_at: datetime | None = None  # the instant an end is compared with
    seen: tuple[str, ...] = ()  # as places, of a few: a ledger's writer keeps a great many things
    places: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = NOTHING_SAID  # of most: what is said is a new one's, never put into this


def thing_of(event: Event) -> ThingKey | None:
    """The thing an event speaks of, as (noun, id); None when nothing need precede or follow it."""
    plan = PLANS.get(type(event))
    return None if plan is None else (plan.noun, plan.name(event))


def group_of(event: Event) -> ThingKey | None:
    """The things that must be folded together when one of their events is corrected."""
    plan = PLANS.get(type(event))
    return None if plan is None else (plan.within, plan.name(event))


def take(event: Event, things: dict[ThingKey, Thing]) -> None:
    """Fold one event into what the stream knows, or raise `Refused` and change nothing."""
    plan = PLANS.get(type(event))
    if plan is not None:
        fold(plan, (plan.noun, plan.name(event)), event, things)


def fold(plan: Plan, key: ThingKey, event: Event, things: dict[ThingKey, Thing]) -> None:
    """As `take`, for an event whose plan and thing are at hand."""
    step, opens, special, after, becomes, at, first, _, _, _ = plan
    thing = things.get(key)
    if thing is None:
        if not opens:
            raise _unknown(step, key)
        new = thing = Thing(NOTHING, None, first)
    else:
        new = None
        _check_step(step, event, key, thing)
    if special is not None:
        special(event, thing, things)
    if new is None and step.type not in thing.seen:
        thing.seen = (*thing.seen, step.type)
    if becomes is not None:
        thing.status = becomes
        if at is not None:
            thing.began_at = at(event)
    if after is not None:
        after(event, thing)
    if new is not None:
        things[key] = new


def _check_step(step: Step, event: Event, key: ThingKey, thing: Thing) -> None:
    if step.follows and thing.status not in step.follows:
        if thing.status == NOTHING:
            raise _unknown(step, key)
        if step.type in thing.seen and not step.again:
            raise _twice(step, key)
        raise Refused("out_of_order", f"{step.type} cannot follow: {_called(key)} is {thing.status}")
    if step.once and step.type in thing.seen:
        raise _twice(step, key)
    if not step.at or thing.began_at is None:
        return
    at = getattr(event, step.at)
    if at is None or at > thing.began_at or (at == thing.began_at and not step.strictly):
        return
    code, what = ("not_after_start", "not after") if step.strictly else ("before_start", "before")
    began = f"{thing.began_at.isoformat()}, where {_called(key)} began"
    raise Refused(code, f"{step.type}: {at.isoformat()} is {what} {began}")


def _twice(step: Step, key: ThingKey) -> Refused:
    return Refused("twice", f"{step.type}: {_called(key)} has it already; to change it, record a correction")


def _unknown(step: Step, key: ThingKey) -> Refused:
    return Refused(
        "end_without_start", f"{step.type}: no {_called(key)} is known in this stream; record it first"
    )


def _called(key: ThingKey) -> str:
    return f"{key[0]} {key[1]}".strip()


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
    thing.facts = {**thing.facts, "started_at": event.at}


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
    thing.facts = {**thing.facts, "ended_at": event.at}


def _places_left(event: Any, thing: Thing) -> None:
    thing.places = thing.places - {event.location} if event.location is not None else frozenset()
    if not thing.places:
        thing.status = "deleted"


def _copies(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    thing.places = _places(tuple(event.locations))


@lru_cache(maxsize=1024)  # most backups lie in the same few places
def _places(locations: tuple[str, ...]) -> frozenset[str]:
    return frozenset(locations)


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
    thing.facts = {**thing.facts, "ends_at": event.effective_from}


def _suspended(event: Any, thing: Thing, things: dict[ThingKey, Thing]) -> None:
    _within_term(event, thing)
    thing.facts = {**thing.facts, "suspended_at": event.effective_from}


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
        thing.facts = {**thing.facts, "users": event.production_named_users}
    if event.single_tenant is not None:
        thing.facts = {**thing.facts, "single_tenant": event.single_tenant}


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
    thing.facts = {**thing.facts, "shared": True}


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


class Plan(NamedTuple):
    """All that folding an event of one type needs, looked up once."""

    step: Step
    opens: bool  # whether it may be the first of its thing
    special: Callable[[Any, Thing, dict[ThingKey, Thing]], None] | None
    after: Callable[[Any, Thing], None] | None
    becomes: str | None
    at: Callable[[Any], datetime | None] | None
    first: tuple[str, ...]  # what a thing has seen after this alone
    noun: str
    name: Callable[[Any], str]  # of the thing, as the event says it
    within: str  # the noun of the group it is folded in, of the same name


def _plan(step: Step) -> Plan:
    opens = not step.follows or NOTHING in step.follows
    within = "maintenance" if step.noun == "announcement" else step.noun  # folded with the work it announces
    special, after = SPECIAL.get(step.type), AFTER.get(step.type)
    at = attrgetter(step.at) if step.at else None
    return Plan(
        step, opens, special, after, step.becomes, at, (step.type,), step.noun, _name(step.id_field), within
    )


def _name(field: str) -> Callable[[Any], str]:
    if not field:
        return lambda event: ""
    if "+" in field:
        return lambda event: "/".join([getattr(event, part) for part in field.split("+")])
    return attrgetter(field)


PLANS = {kind: _plan(step) for kind, step in STEPS.items()}
