"""What an event may name besides its own thing: the backup of a restore, the outage of an exclusion.

Held against what stands when the event is recorded, and not again: that the backup is retracted later
does not unsay the request. So this is no part of the fold of `order.py`.
"""

from __future__ import annotations

from ledger.errors import Refused
from ledger.events import VOCABULARY, Event
from ledger.order import Thing, ThingKey

CONTRACT: ThingKey = ("contract", "")
NAMES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # event, field, the nouns of what it may name
    ("outage_linked", "maintenance", ("maintenance", "announcement")),
    ("exclusion_claimed", "outage", ("outage",)),
    ("restore_requested", "backup", ("backup",)),
    ("restore_started", "backup", ("backup",)),
    ("restore_completed", "backup", ("backup",)),
    ("restore_failed", "backup", ("backup",)),
    ("disaster_recovered", "backup", ("backup",)),
    ("availability_statement_issued", "replaces", ("statement",)),
    ("dispute_opened", "statement", ("statement",)),
    ("service_credit_granted", "statement", ("statement",)),
    ("legal_hold_placed", "dispute", ("dispute",)),
)
_FIELDS = {VOCABULARY[kind]: (field, nouns) for kind, field, nouns in NAMES}
NAMING = frozenset(_FIELDS) | {VOCABULARY["contract_started"], VOCABULARY["contract_scope_changed"]}  # and booklets
_NEVER_SHARED = frozenset({"statement", "dispute"})  # a service has none


def named_by(event: Event) -> list[ThingKey]:
    """The things of which the event says that one is known; empty when it names none."""
    field, nouns = _FIELDS.get(type(event), ("", ()))
    name = getattr(event, field) if field else None
    return [] if name is None else [(noun, name) for noun in nouns]


def check_references(event: Event, things: dict[ThingKey, Thing]) -> None:
    """Raise `Refused("unknown_reference")` when the event names what its stream does not know.

    A contract that runs, or ran, on shared services may name what is theirs.
    """
    named = named_by(event)
    if not named or any(key in things for key in named):
        return
    noun, name = named[0]
    contract = things.get(CONTRACT)
    if noun not in _NEVER_SHARED and contract is not None and contract.facts.get("shared"):
        return
    raise Refused("unknown_reference", f"no {noun} {name!r} is known in this stream; record it first")
