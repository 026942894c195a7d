"""What an event names besides its own thing must be known when it is said, and is not asked for again later."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import Refused
from ledger.codec import event_of
from ledger.events import VOCABULARY
from ledger.order import MUST_FOLLOW, take
from ledger.references import NAMES, check_references, named_by
from tests.story import CONTRACT

NOW = "2026-06-10T12:00:00Z"
B1 = {"backup": "B1", "scope": "client_data", "tiers": ["daily"], "started_at": "2026-06-10T01:00:00Z",
      "completed_at": "2026-06-10T02:00:00Z", "locations": ["A"]}  # fmt: skip
R1 = {"restore": "R1", "scope": "client_data", "requested_at": "2026-06-10T10:00:00Z", "backup": "B1"}
X1 = {"exclusion": "X1", "ground": "force_majeure", "from": "2026-06-10T07:00:00Z", "to": "2026-06-10T07:30:00Z",
      "evidence": "sha256:" + "a" * 64, "outage": "O1"}  # fmt: skip
O1 = {"outage": "O1", "environment": "production", "effect": "no_access", "at": "2026-06-10T07:00:00Z"}
M1 = {"maintenance": "M1", "published_at": "2026-06-08T09:00:00Z", "planned_start": "2026-06-10T20:00:00Z", "planned_end": "2026-06-10T23:00:00Z"}  # fmt: skip


def test_the_table_names_events_and_nouns_there_are() -> None:
    nouns = {step.noun for step in MUST_FOLLOW}
    for kind, field, named in NAMES:
        assert field in VOCABULARY[kind].__struct_fields__, kind
        assert set(named) <= nouns, kind


def test_an_event_that_names_nothing_else_needs_nothing() -> None:
    assert named_by(event_of("outage_started", O1)) == []
    assert named_by(event_of("restore_requested", {**R1, "backup": None, "target_date": "2026-06-09"})) == []
    check_references(event_of("outage_started", O1), {})


@pytest.mark.parametrize(
    ("kind", "data", "first", "said"),
    [
        ("restore_requested", R1, "backup_completed", B1),
        ("exclusion_claimed", X1, "outage_started", O1),
        ("disaster_recovered", {"disaster": "D1", "at": "2026-06-10T11:00:00Z", "backup": "B1"}, "backup_completed", B1),
        ("outage_linked", {"outage": "O1", "maintenance": "M1"}, "maintenance_announced", M1),
        ("outage_linked", {"outage": "O1", "maintenance": "M1"}, "maintenance_started", {"maintenance": "M1", "kind": "planned", "at": NOW}),
    ],
)  # fmt: skip
def test_what_is_named_must_be_known(kind: str, data: dict[str, Any], first: str, said: dict[str, Any], tell: Any) -> None:
    tell(NOW, "contract_started", CONTRACT)
    for opened, what in (("disaster_declared", {"disaster": "D1", "at": "2026-06-10T10:00:00Z"}), ("outage_started", {**O1, "outage": "O1" if kind == "outage_linked" else "O9"})):
        tell(NOW, opened, what)
    with pytest.raises(Refused, match="unknown_reference"):
        tell(NOW, kind, data)
    tell(NOW, first, said)
    assert tell(NOW, kind, data).outcome == "recorded"


@pytest.mark.parametrize("how", ["named at the start", "assigned", "assigned and left"])
def test_a_contract_on_shared_services_may_name_what_is_theirs(how: str, tell: Any) -> None:
    tell(NOW, "contract_started", {**CONTRACT, "services": ["S1"]} if how == "named at the start" else CONTRACT)
    if how != "named at the start":
        tell(NOW, "service_assigned", {"service": "S1", "effective_from": "2026-01-01T00:00:00Z"})
    if how == "assigned and left":
        tell(NOW, "service_unassigned", {"service": "S1", "effective_from": "2026-05-01T00:00:00Z"})
    assert tell(NOW, "restore_requested", R1).outcome == "recorded"
    with pytest.raises(Refused, match="unknown_reference"):  # statements and disputes are a contract's own
        tell(NOW, "legal_hold_placed", {"hold": "H1", "at": "2026-06-10T10:00:00Z", "reason": "suit", "dispute": "D1"})


def test_a_service_names_only_what_is_its_own(tell: Any) -> None:
    tell(NOW, "contract_started", {**CONTRACT, "services": ["S1"]})
    tell(NOW, "outage_started", O1, subject="contract:C1")
    with pytest.raises(Refused, match="unknown_reference"):
        tell(NOW, "exclusion_claimed", X1, subject="service:S1")


def test_a_correction_may_not_bring_in_an_unknown_name_nor_need_again_what_was_known(tell: Any) -> None:
    tell(NOW, "contract_started", CONTRACT)
    tell(NOW, "backup_completed", B1, id="b")
    tell(NOW, "restore_requested", R1, id="r")
    with pytest.raises(Refused, match="unknown_reference"):
        tell(NOW, "corrected", {"target": "r", "data": {**R1, "backup": "B9"}, "reason": "r"})
    tell(NOW, "retracted", {"target": "b", "reason": "another customer's"})
    later = {**R1, "requested_at": "2026-06-10T10:30:00Z"}
    assert tell(NOW, "corrected", {"target": "r", "data": later, "reason": "r"}).outcome == "recorded"
    with pytest.raises(Refused, match="unknown_reference"):
        tell(NOW, "restore_requested", {**R1, "restore": "R2"})


def test_the_fold_itself_asks_for_no_reference() -> None:
    """What was accepted once is never refused when its stream is folded again."""
    take(event_of("restore_requested", R1), {})
