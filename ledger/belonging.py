"""Which stream an event belongs in: the ledger's own, a contract's, or a service's that contracts share."""

from __future__ import annotations

from collections.abc import Callable

from ledger.cloudevents import Draft
from ledger.codec import topic_of
from ledger.errors import Refused
from ledger.events import (
    VOCABULARY,
    CalendarPublished,
    ContractStarted,
    Corrected,
    Event,
    LedgerOpened,
    Retracted,
    ServiceStarted,
    SigningKeyMade,
    SigningKeyRetired,
    TermsVersionPublished,
    TreeStarted,
)

LEDGER_STREAM = "ledger"
LEDGER_EVENTS: frozenset[type[Event]] = frozenset(
    {LedgerOpened, TermsVersionPublished, CalendarPublished, SigningKeyMade, SigningKeyRetired, TreeStarted}
)
_SHARED_PREFIXES = ("Outage", "Exclusion", "Maintenance", "Blocking", "Backup", "Disaster", "Update", "LegalHold")
SERVICE_EVENTS: frozenset[type[Event]] = frozenset(
    kind
    for kind in VOCABULARY.values()
    if kind.__name__.startswith(_SHARED_PREFIXES)
    or kind.__name__ in ("ServiceStarted", "ControlAttested", "TestsCompleted")
)
ORDINARY = frozenset(VOCABULARY.values()) - LEDGER_EVENTS - {ContractStarted, ServiceStarted}  # of an open contract


def check_stream(draft: Draft, version: int, named_services: Callable[[], set[str]]) -> None:
    """Raise `Refused` unless the draft's event may enter its stream, which stands at `version`.

    A contract's stream opens with its `contract_started`; a service's with `service_started`, or once a
    contract names it.
    """
    if version and type(draft.event) in ORDINARY and draft.stream.startswith("contract:"):
        return
    owner, _, identity = draft.stream.partition(":")
    act = isinstance(draft.event, Corrected | Retracted)
    if owner == LEDGER_STREAM:
        _check_ledger(draft, version, act)
    elif type(draft.event) in LEDGER_EVENTS:
        raise Refused("wrong_stream", f"{topic_of(draft.event)} belongs in the stream `ledger`")
    elif owner == "service":
        _check_service(draft, version, act, identity, named_services)
    else:
        _check_contract(draft, version, identity)


def _check_ledger(draft: Draft, version: int, act: bool) -> None:
    if type(draft.event) not in LEDGER_EVENTS and not act:
        raise Refused("wrong_stream", f"{topic_of(draft.event)} belongs in contract:<id> or service:<id>")
    if isinstance(draft.event, LedgerOpened) and (version or draft.source != "ledger"):
        raise Refused("twice", "the ledger is open already")


def _check_service(
    draft: Draft, version: int, act: bool, identity: str, named_services: Callable[[], set[str]]
) -> None:
    event = draft.event
    if type(event) not in SERVICE_EVENTS and not act:
        raise Refused("wrong_stream", f"{topic_of(event)} belongs in contract:<id>, not in {draft.stream}")
    if isinstance(event, ServiceStarted):
        _check_named(event.service, identity, draft.stream)
    elif version == 0 and identity not in named_services():
        raise Refused("unknown_stream", f"no contract runs on {draft.stream} and no service_started opened it")


def _check_contract(draft: Draft, version: int, identity: str) -> None:
    event = draft.event
    if isinstance(event, ServiceStarted):
        raise Refused("wrong_stream", f"service_started belongs in service:{event.service}")
    if isinstance(event, ContractStarted):
        _check_named(event.contract, identity, draft.stream)
    elif version == 0:
        raise Refused("unknown_stream", f"{draft.stream} is not open; record its contract_started first")


def _check_named(said: str, identity: str, stream: str) -> None:
    if said != identity:
        raise Refused("wrong_stream", f"the event speaks of {said!r}, the subject is {stream!r}")
