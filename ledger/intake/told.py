"""One thing told again and again: successive versions of a record become facts, corrections, retractions.

A public record (a status page's file, a feed's entry) is edited in place; a ledger is not. Each version is
turned into the facts that stood under it; what is new is said, what changed is corrected, what vanished is
retracted, each attested at the moment of that version, in an order the ledger's own rules allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ledger import order
from ledger.codec import event_of
from ledger.errors import Refused
from ledger.intake.intake import cloudevent


class Told(NamedTuple):
    """One fact under a version: its wire name and payload."""

    type: str
    data: dict[str, Any]


class Version(NamedTuple):
    """One version of a record: its label, when it was made public, the facts under it by slot.

    A slot names the place a fact takes in the life of the thing (`started`, `ended` ...), so that a later
    version's fact in the same slot is the same fact told otherwise. `why` opens the reason of a correction.
    """

    label: str
    attested_at: datetime
    facts: Mapping[str, Told]
    why: str
    evidence: tuple[str, ...] = ()


class _Standing(NamedTuple):
    id: str
    slot: str
    fact: Told


Step = tuple[str, str]  # say, correct or retract; the slot


def tell(
    name: str, versions: Sequence[Version], *, subject: str, source: str, labelled: bool = True
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """The CloudEvents that tell `versions`, each with the moment it was attested.

    Ids are `<name>#<label>-<wire name>`, and `-corrected-`/`-retracted-` before the wire name of the fact a
    correction or retraction speaks of. With `labelled` false, what is said first is `<name>#<wire name>` and
    carries no `attestedat`, so that one version read alone says it in the same words. A fact that differs in
    its `evidence` alone is not told again. Raises `Refused` when a version tells what no ledger could take.
    """
    standing: list[_Standing] = []
    used: set[str] = set()
    for version in versions:
        for verb, slot in _ordered(standing, version):
            short = f"{name}#{version.facts[slot].type}" if verb == "say" and not labelled else ""
            new_id = short if short and short not in used else f"{name}#{version.label}-"
            event, standing = _take(new_id, standing, version, verb, slot)
            used.add(event["id"])
            attested_at = version.attested_at if labelled else None
            yield (version.attested_at, cloudevent(**event, subject=subject, source=source, attested_at=attested_at))


def _ordered(standing: list[_Standing], version: Version) -> list[Step]:
    """What this version changes, in the first order whose every step the ledger's rules allow."""
    before = {s.slot: s.fact for s in standing}
    steps: list[Step] = [("retract", s.slot) for s in reversed(standing) if s.slot not in version.facts]
    steps += [("correct", s) for s, f in before.items() if s in version.facts and _differs(f, version.facts[s])]
    steps += [("say", s) for s in version.facts if s not in before]
    found = _allowed(standing, version, steps)
    if found is None:
        for fact in version.facts.values():
            event_of(fact.type, fact.data)  # a fact that cannot be read says so itself
        raise Refused(
            "impossible_history", f"{version.why}: no order of {steps} is possible after what was told before"
        )
    return found


def _allowed(standing: list[_Standing], version: Version, steps: list[Step]) -> list[Step] | None:
    if not steps:
        return []
    for n, (verb, slot) in enumerate(steps):
        after = _changed(standing, "", version, verb, slot)
        if not _stands(after):
            continue
        rest = _allowed(after, version, steps[:n] + steps[n + 1 :])
        if rest is not None:
            return [(verb, slot), *rest]
    return None


def _stands(standing: list[_Standing]) -> bool:
    things: dict[order.ThingKey, order.Thing] = {}
    try:
        for said in standing:
            order.take(event_of(said.fact.type, said.fact.data), things)
    except Refused:
        return False
    return True


def _changed(standing: list[_Standing], new_id: str, version: Version, verb: str, slot: str) -> list[_Standing]:
    if verb == "retract":
        return [s for s in standing if s.slot != slot]
    if verb == "say":
        return [*standing, _Standing(new_id, slot, version.facts[slot])]
    return [s._replace(fact=version.facts[slot]) if s.slot == slot else s for s in standing]


def _take(
    id: str, standing: list[_Standing], version: Version, verb: str, slot: str
) -> tuple[dict[str, Any], list[_Standing]]:
    """The event of one step, and what stands after it; an `id` that ends in `-` is completed."""
    said = next((s for s in standing if s.slot == slot), None)
    if said is None:
        fact = version.facts[slot]
        new_id = id + fact.type if id.endswith("-") else id
        return {"kind": fact.type, "data": fact.data, "id": new_id}, _changed(standing, new_id, version, verb, slot)
    kind = {"correct": "corrected", "retract": "retracted"}[verb]
    data: dict[str, Any] = {"target": said.id}
    reason = f"{version.why}: withdrawn"
    if verb == "correct":
        data["data"] = version.facts[slot].data
        reason = f"{version.why}: {_difference(said.fact, version.facts[slot])}"
    data["reason"] = reason
    data["evidence"] = list(version.evidence) or None
    event = {"kind": kind, "data": data, "id": f"{id}{kind}-{said.fact.type}"}
    return event, _changed(standing, said.id, version, verb, slot)


def _said(fact: Told) -> dict[str, Any]:
    """What a fact says, evidence aside, with instants as instants: another offset says nothing new."""
    event = event_of(fact.type, fact.data)
    return {n: getattr(event, n) for n in event.__struct_fields__ if n != "evidence"}


def _differs(one: Told, other: Told) -> bool:
    return one.type != other.type or _said(one) != _said(other)


def _difference(before: Told, after: Told) -> str:
    old, new = _said(before), _said(after)
    return "; ".join(
        f"{n} was {before.data.get(n, 'not given')}, is {after.data.get(n, 'not given')}"
        for n in old
        if old[n] != new[n]
    )
