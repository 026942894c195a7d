"""What the plan gives access to, which controls were attested and when, and whether every user has a subscription.

Articles 13 (contents), 7 and 8 (infrastructure, attested and never computed) and 3 (the customer's own office
subscriptions, one for each user). Only the last can be found wanting, and it is the customer's duty.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple, cast

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import Instant
from projections import ground
from projections.finding import Breach, Finding, text
from projections.finding import at as instant_of
from projections.frame import Frame, Frames

OFFICE = "microsoft_"  # the prefix of the office contents among a plan's contents

# of each documentary obligation, what attests it: its own id, or the booklet's names of its controls
CONTROLS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("A7.1", "7", ("backup_power",)),
    ("A7.2", "7", ("environment_monitoring", "fire_suppression", "double_cooling")),
    ("A7.3", "7", ("site_security",)),
    ("A7.4", "7", ("several_networks_and_operators",)),
    ("A8.1", "8", ("system_upkeep", "backup_policy", "proactive_actions")),
)


def entitlements(history: History, frames: Frames, at: Instant) -> Finding:
    """The plan at an instant and what it gives: learning levels, office contents, support (A13.1, A13.2).

    Levels and contents are null where the booklet has none of the kind, `support` where the plan has no clock.
    """
    frame, scope = frames.at(at), history.scope_at(at)
    contents = frame.terms.contents
    given = None if contents is None else getattr(contents, scope.plan)
    return Finding(
        result={
            "plan": scope.plan,
            "in_force": ground.in_force(history, at),
            "learning_levels": None if given is None else [name for name in given if not name.startswith(OFFICE)],
            "microsoft_365": None
            if given is None
            else [name.removeprefix(OFFICE) for name in given if name.startswith(OFFICE)],
            "support": _support(frame, scope.plan),
        },
        workings={
            "clauses": [] if contents is None else [f"art. {contents.article}"],
            "options": sorted(scope.options),
            "users": scope.users,
        },
        because=tuple(sorted(set(scope.positions))),
    )


def _support(frame: Frame, plan: str) -> dict[str, Any] | None:
    own = frame.terms.support.plan(cast(e.Plan, plan))
    if own is None:
        return None
    return {
        "response_hours": own.response_hours,
        "longer_hours": bool(own.extended_week),
        "priority_calls": own.priority_calls,
        "dashboards": list(own.dashboards),
    }


def attestations(history: History, frames: Frames, at: Instant) -> Finding:
    """Per documentary obligation the local day it was last attested by an instant, null if never (A7.1 to A8.1).

    `controls` gives that day for each control the booklet names. A control is attested under the obligation's id,
    which speaks of all of its controls, or under its own name; a published backup policy attests that one. Other
    names attested are listed in the workings. No delay between two attestations is set.
    """
    frame = frames.at(at)
    told = [f for f in history.of(e.ControlAttested, e.BackupPolicyPublished) if _counts(history, f, at)]
    told.sort(key=lambda f: (instant_of(f), f.position))
    promised = () if frame.terms.infrastructure is None else frame.terms.infrastructure.controls
    known = {name for id, _, names in CONTROLS for name in (id, *names)}
    return Finding(
        result={id: _attested(frame, id, [n for n in names if n in promised], told) for id, _, names in CONTROLS},
        workings={
            "clauses": ["art. 7", "art. 8"],
            "promised": list(promised),
            "others": sorted({_control(f) for f in told} - known),
            "references": {_control(f): f.event.reference for f in told if isinstance(f.event, e.ControlAttested)},
        },
        because=positions_of(told),
    )


def _counts(history: History, fact: Fact, at: Instant) -> bool:
    return instant_of(fact) <= at and history.counts(fact, instant_of(fact))


def _control(fact: Fact) -> str:
    return "backup_policy" if isinstance(fact.event, e.BackupPolicyPublished) else str(fact.event.control)


def _attested(frame: Frame, id: str, names: list[str], told: Iterable[Fact]) -> dict[str, Any]:
    days: dict[str, date] = {}
    for fact in told:
        days[_control(fact)] = frame.calendar.local_date(instant_of(fact))
    by_name = {name: max((days[n] for n in (id, name) if n in days), default=None) for name in names}
    last = max((day for name, day in days.items() if name in (id, *names)), default=None)
    return {"attested_on": _shown(last), "controls": {name: _shown(day) for name, day in by_name.items()}}


def _shown(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


# --- office subscriptions (A3.5) ---


class Count(NamedTuple):
    """One count of subscriptions beside the users it had to cover."""

    fact: Fact
    users: int
    required: int
    article: str
    positions: tuple[int, ...]

    @property
    def short_by(self) -> int:
        return max(self.required - int(self.fact.event.count), 0)


def subscriptions(history: History, frames: Frames, at: Instant) -> Finding:
    """The latest count of office subscriptions by an instant beside the users it had to cover (A3.5).

    The users are those the count says, else the contract's named users at that instant. All null before a first
    count; `result` is null where the booklet asks for none.
    """
    if frames.at(at).terms.subscriptions is None:
        return Finding(result=None, workings={"why": "the booklet asks for no subscription"})
    counts = [c for c in _counted(history, frames) if instant_of(c.fact) <= at]
    last = counts[-1] if counts else None
    return Finding(
        result={
            "counted": None if last is None else last.fact.event.count,
            "users": None if last is None else last.users,
            "required": None if last is None else last.required,
            "short_by": None if last is None else last.short_by,
            "counted_at": None if last is None else text(instant_of(last.fact)),
        },
        workings={
            "clause": "art. 3",
            "counts": {text(instant_of(c.fact)): [c.fact.event.count, c.required] for c in counts},
        },
        because=() if last is None else last.positions,
    )


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """The customer's rows of A3.5: counts below the users while the contract was in force.

    Filed at the count, from `first` to `last`, local dates, both included.
    """
    start, end = ground.days_span(frames, first, last)
    short = [c for c in _short(history, frames) if start <= instant_of(c.fact) < end]
    return [_row(history, frames, count) for count in short]


def _short(history: History, frames: Frames) -> list[Count]:
    return [c for c in _counted(history, frames) if c.short_by and ground.in_force(history, instant_of(c.fact))]


def _counted(history: History, frames: Frames) -> list[Count]:
    found = []
    for fact in sorted(history.own(e.SubscriptionCounted), key=lambda f: (f.event.at, f.position)):
        terms, scope = frames.at(instant_of(fact)).terms.subscriptions, history.scope_at(instant_of(fact))
        if terms is not None:
            users = scope.users if fact.event.users is None else fact.event.users
            positions = tuple(sorted({*fact.positions, *(scope.positions if fact.event.users is None else ())}))
            found.append(Count(fact, users, users * terms.per_user, terms.article, positions))
    return found


def _row(history: History, frames: Frames, count: Count) -> Breach:
    on = instant_of(count.fact)

    def broken(then: History) -> bool:
        return any(c.fact.position == count.fact.position for c in _short(then, frames))

    return Breach(
        obligation="A3.5", clause=count.article, what="client_subscriptions_short", subject="office_subscriptions",
        period=text(on), amount=f"{count.fact.event.count} subscriptions", limit=f"{count.required} subscriptions",
        on=on, first_knowable_at=ground.first_provable(history, on, broken), because=count.positions,
    )  # fmt: skip
