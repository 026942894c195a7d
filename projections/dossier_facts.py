"""The dossiers a contract knows, each with what was told of it in order, and when a verdict on one could be had.

A dossier is known by its stream and id. What a service's stream tells of one counts while the contract is on
that service; an activity, which has a day and no instant, counts as of noon UTC of its day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any

from msgspec import Struct

from ledger import events as e
from ledger.codec import Entry
from ledger.corrections import Fact, resolve_target
from ledger.errors import Refused
from ledger.history import History
from ledger.spans import FOREVER, Instant, moment, seconds
from projections.finding import at, ceil_seconds, earliest

KINDS = (
    e.DossierActivityRecorded, e.DossierTicked, e.DossierUnticked, e.DossierDeleted,
    e.DossierRecoveryRequested, e.RecoveryQuoted, e.DossierInvoiced,
)  # fmt: skip
# what else may change a verdict on a dossier
CONTRACT = (
    e.ContractStarted, e.ContractSuspended, e.ContractResumed, e.ContractTerminated, e.ServiceAssigned,
    e.ServiceUnassigned,
)  # fmt: skip


class Dossier(Struct, frozen=True, kw_only=True):
    """All that is known of one dossier, by instant and position."""

    stream: str
    id: str
    name: str
    facts: tuple[Fact, ...]

    def of(self, *kinds: type[e.Event]) -> list[Fact]:
        """The facts of these types, by instant and position."""
        return [fact for fact in self.facts if isinstance(fact.event, kinds)]


def happened(fact: Fact) -> Instant:
    """When it happened: noon UTC of an activity's day; an invoice without its instant, when it was first known."""
    if isinstance(fact.event, e.DossierActivityRecorded):
        return seconds(datetime.combine(fact.event.last_entry_date, time(12), UTC))
    return at(fact) if fact.event.at is not None else seconds(fact.first_known_at)


def dossiers_of(history: History) -> list[Dossier]:
    """Every dossier somebody told something of that counts for the contract, by name."""
    told: dict[tuple[str, str], list[Fact]] = {}
    for fact in sorted(history.of(*KINDS), key=lambda f: (happened(f), f.position)):
        if history.counts(fact, happened(fact)):
            told.setdefault((fact.stream, fact.event.dossier), []).append(fact)
    uses = Counter(identity for _, identity in told)
    found = []
    for (stream, identity), facts in told.items():
        elsewhere = uses[identity] > 1 and stream.startswith("service:")
        name = f"{stream.partition(':')[2]}/{identity}" if elsewhere else identity
        found.append(Dossier(stream=stream, id=identity, name=name, facts=tuple(facts)))
    return sorted(found, key=lambda dossier: dossier.name)


def asked(history: History, names: tuple[str, ...] | None) -> list[Dossier]:
    """The dossiers of these names, all when None. Raises `Refused("unknown_id")`."""
    known = dossiers_of(history)
    for name in names or ():
        if all(dossier.name != name for dossier in known):
            listed = ", ".join(dossier.name for dossier in known[:5]) or "none"
            raise Refused("unknown_id", f"no dossier {name!r} is known of contract {history.contract}; known: {listed}")
    return [dossier for dossier in known if names is None or dossier.name in names]


def knowable(
    history: History, dossier: Dossier, since: Instant, shown: Callable[[History, Dossier], bool]
) -> Instant | None:
    """The earliest knowledge from `since` on by which `shown` held of the dossier; None when it never did."""
    cut, moments = _cut(history, dossier)

    def provable(known_at: Instant) -> bool:
        then = cut.as_known(moment(known_at))
        if not then.own(e.ContractStarted):
            return False
        return any(shown(then, same) for same in dossiers_of(then))

    upto = FOREVER if history.known_at is None else ceil_seconds(history.known_at)
    return earliest(provable, {since, *(known_at for known_at in moments if known_at > since)}, upto)


def _cut(history: History, dossier: Dossier) -> tuple[History, set[Instant]]:
    """The history with only this dossier and the contract itself, and the instants at which that became known."""
    streams, moments = {}, set()
    for stream, entries in history.streams.items():
        streams[stream] = _kept(history, stream, entries, dossier)
        for _, entry in streams[stream]:
            said_at = entry.attested_at if history.knowledge == "attested" else None
            moments.add(ceil_seconds(min(said_at or entry.recorded_at, entry.recorded_at)))
    cut = History(
        history.contract, streams, known_at=history.known_at, position=history.position, now=history.now,
        knowledge=history.knowledge, without=history.without,
    )  # fmt: skip
    return cut, moments


def _kept(history: History, stream: str, entries: Any, dossier: Dossier) -> list[tuple[int, Entry]]:
    """The entries of a stream that may bear on the dossier; a correction stays with the entry it is of."""
    by_id: dict[str, list[int]] = {}
    kept: dict[int, Entry] = {}
    for position, entry in entries:
        event = entry.event
        if position > history.position:
            break
        if isinstance(event, e.Corrected | e.Retracted):
            bears = resolve_target(event.target, position, by_id) in kept
        else:
            its = isinstance(event, KINDS) and (stream, event.dossier) == (dossier.stream, dossier.id)
            bears = its or isinstance(event, CONTRACT)
        by_id.setdefault(entry.id, []).append(position)
        if bears:
            kept[position] = entry
    return list(kept.items())
