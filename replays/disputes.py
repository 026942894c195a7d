"""The life of a dispute: opened over a question, evidence filed, replayed, decided, closed; facts stay facts.

A dispute names a question of a contract and its parameters. Its state is folded from events; a decision is
an opinion about a reading or a fact and is shown as such: it never alters what happened. What a legal hold
keeps in view is listed with the deletions recorded since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ledger.corrections import Fact
from ledger.errors import Refused
from ledger.events import (
    BackupDeleted,
    DisputeClosed,
    DisputeDecided,
    DisputeEvidenceFiled,
    DisputeOpened,
    DisputeReplayed,
    DossierDeleted,
    LegalHoldLifted,
    LegalHoldPlaced,
)
from ledger.history import History, positions_of
from ledger.spans import FOREVER, Instant, seconds
from projections.asking import Answer, answer_from
from projections.finding import text
from projections.questions import question, read
from replays.verdicts import verdict

_STATES: tuple[tuple[type[Any], str], ...] = (
    (DisputeOpened, "open"),
    (DisputeEvidenceFiled, "open"),
    (DisputeReplayed, "open"),
    (DisputeDecided, "decided"),
    (DisputeClosed, "closed"),
)


class Dispute(Struct, frozen=True, kw_only=True):
    """A dispute as it stands: what is asked, by whom and why, what was filed, replayed and decided."""

    dispute: str
    state: str
    question: str
    params: dict[str, str]
    opened_at: str
    opened_by: str | None
    reason: str
    statement: str | None
    timeline: tuple[dict[str, Any], ...]
    decision: str | None
    decided_reading: dict[str, str]
    holds: tuple[dict[str, Any], ...]
    because: tuple[int, ...]


def disputes(history: History) -> list[Dispute]:
    """Every dispute known of the contract, oldest first."""
    return [_dispute(fact, history) for fact in history.of(DisputeOpened)]


def dispute(history: History, name: str) -> Dispute:
    """One dispute. Raises `Refused("unknown_dispute")`, naming those there are."""
    found = disputes(history)
    for one in found:
        if one.dispute == name:
            return one
    known = ", ".join(d.dispute for d in found) or "none"
    raise Refused("unknown_dispute", f"no dispute {name!r} is known of {history.contract}; known: {known}")


def _dispute(opened: Fact, history: History) -> Dispute:
    name = opened.event.dispute
    kinds = [kind for kind, _ in _STATES]
    facts = [f for f in history.of(*kinds) if f.event.dispute == name]
    decided = [f for f in facts if isinstance(f.event, DisputeDecided)]
    return Dispute(
        dispute=name,
        state=dict(_STATES)[type(_weightiest(facts))],
        question=opened.event.question,
        params=dict(opened.event.params),
        opened_at=text(seconds(opened.known_at)),
        opened_by=opened.event.by,
        reason=opened.event.reason,
        statement=opened.event.statement,
        timeline=tuple(_line(f) for f in facts),
        decision=decided[-1].event.decision if decided else None,
        decided_reading=dict(decided[-1].event.reading) if decided else {},
        holds=tuple(h for h in holds(history) if h["dispute"] == name),
        because=positions_of(facts),
    )


def _weightiest(facts: list[Fact]) -> Any:
    order = [kind for kind, _ in _STATES]
    return max((f.event for f in facts), key=lambda event: order.index(type(event)))


def _line(fact: Fact) -> dict[str, Any]:
    event = fact.event
    said = getattr(event, "decision", None) or getattr(event, "reason", None)
    return {
        "at": text(seconds(fact.known_at)),
        "position": fact.position,
        "what": type(event).__struct_config__.tag,
        "by": getattr(event, "by", None),
        "says": said,
        "evidence": list(event.evidence),
    }


def holds(history: History) -> list[dict[str, Any]]:
    """Legal holds with what was deleted while each stood: a hold keeps deletions in view, it cannot stop them."""
    lifted = {f.event.hold: f for f in history.of(LegalHoldLifted)}
    found = []
    for fact in history.of(LegalHoldPlaced):
        start = seconds(fact.event.at)
        end = seconds(lifted[fact.event.hold].event.at) if fact.event.hold in lifted else FOREVER
        found.append(
            {
                "hold": fact.event.hold,
                "dispute": fact.event.dispute,
                "placed_at": text(start),
                "lifted_at": None if end == FOREVER else text(end),
                "reason": fact.event.reason,
                "deleted_meanwhile": _deleted(history, start, end),
            }
        )
    return found


def _deleted(history: History, start: Instant, end: Instant) -> list[dict[str, Any]]:
    return [
        {
            "what": getattr(f.event, "backup", None) or f.event.dossier,
            "at": text(seconds(f.event.at)),
            "position": f.position,
        }
        for f in history.of(BackupDeleted, DossierDeleted)
        if start <= seconds(f.event.at) < end
    ]


def replayed(history: History, found: Dispute, switches: Mapping[str, str]) -> Answer:
    """The disputed question, answered by this history under these switches."""
    asked = question(found.question)
    return answer_from(history, asked, read(asked, found.params), switches)


class View(Struct, frozen=True, kw_only=True):
    """The verdict as one party sees it, or as decided, and what that way of seeing takes for granted."""

    seen_by: str
    verdict: str
    td_percent: str | None
    takes: str


def views(history: History, found: Dispute) -> list[View]:
    """The verdict as the provider sees it, as the customer does, and (once decided) as decided.

    The provider lets its exclusions stand and no open claim count; the customer lets contested exclusions
    fall and its claims count (the range of article 6); a decision is the same facts under its reading.
    """
    result = replayed(history, found, {}).result
    seen = [_view("provider", found, result, "exclusions stand as claimed, open claims do not count")]
    doubt = result.get("range") if isinstance(result, dict) else None
    disputed = isinstance(result, list) and any(row["contested"] for row in result)
    takes = "contested exclusions fall, open claims count"
    if doubt:
        broken = "broken" if doubt["breach_low"] else "kept"
        seen.append(View(seen_by="customer", verdict=broken, td_percent=doubt["td_percent_low"], takes=takes))
    elif disputed:  # of the register, a row that only contested facts break
        seen.append(View(seen_by="customer", verdict="broken", td_percent=None, takes=takes))
    else:
        seen.append(_view("customer", found, result, "nothing contested bears on it"))
    if found.decision is not None:
        decided = replayed(history, found, found.decided_reading).result
        reading = (
            ", ".join(f"{name}={value}" for name, value in found.decided_reading.items()) or "the reading in force"
        )
        seen.append(_view("decided", found, decided, reading))
    return seen


def _view(seen_by: str, found: Dispute, result: Any, takes: str) -> View:
    percent = result.get("td_percent") if isinstance(result, dict) else None
    return View(seen_by=seen_by, verdict=verdict(found.question, result), td_percent=percent, takes=takes)
