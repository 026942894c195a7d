"""Which fact may follow which, what is refused under which code, and what recording again does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger.events import BackupFailed, OutageEnded
from tests.conftest import Clock
from tests.story import CONTRACT, instant

NOW = "2026-06-10T12:00:00Z"
O1 = {"outage": "O1", "environment": "production", "effect": "no_access", "at": "2026-06-10T09:00:00+02:00"}
B1 = {
    "backup": "B1",
    "scope": "client_data",
    "tiers": ["daily"],
    "started_at": "2026-06-10T01:00:00+02:00",
    "completed_at": "2026-06-10T02:00:00+02:00",
    "locations": ["DC-A", "DC-B"],
}
X1 = {
    "exclusion": "X1",
    "ground": "force_majeure",
    "from": "2026-06-10T09:00:00+02:00",
    "to": "2026-06-10T09:30:00+02:00",
    "evidence": "sha256:" + "a" * 64,
}
M1 = {
    "maintenance": "M1",
    "published_at": "2026-06-08T09:00:00Z",
    "planned_start": "2026-06-10T20:00:00+02:00",
    "planned_end": "2026-06-10T23:00:00+02:00",
}
W1 = {"maintenance": "M1", "kind": "planned", "at": "2026-06-10T06:00:00Z"}
R1 = {"request": "R1", "at": "2026-06-10T08:00:00Z", "channel": "portal"}

Told = Callable[..., Any]
Line = tuple[str, dict[str, Any]]


@pytest.fixture
def contract(tell: Told) -> Told:
    tell("2026-06-01T00:00:00Z", "contract_started", CONTRACT)
    return tell


REFUSED: tuple[tuple[str, str, list[Line], Line], ...] = (
    # why, code, what stands, what is refused
    ("no offset", "no_offset", [], ("outage_started", {**O1, "at": "2026-06-10T09:00:00"})),
    ("second 60", "second_60", [], ("outage_started", {**O1, "at": "2026-06-09T23:59:60Z"})),
    ("30 February", "impossible_date", [], ("outage_started", {**O1, "at": "2026-02-30T09:00:00+01:00"})),
    ("fraction", "fraction_of_second", [], ("outage_started", {**O1, "at": "2026-06-10T09:00:00.5Z"})),
    ("future", "occurred_after_recorded", [], ("outage_started", {**O1, "at": "2026-06-10T12:00:06Z"})),
    ("unknown effect", "unknown_value", [], ("outage_started", {**O1, "effect": "slow-ish"})),
    ("unknown environment", "unknown_value", [], ("outage_started", {**O1, "environment": "prod2"})),
    ("unknown type", "unknown_type", [], ("outage_strated", O1)),
    ("unknown field", "unknown_field", [], ("outage_started", {**O1, "users_afected": 1})),
    ("missing field", "missing_field", [], ("outage_ended", {"outage": "O1"})),
    ("number for text", "bad_field", [], ("outage_started", {**O1, "outage": 7})),
    ("float", "bad_field", [], ("backup_completed", {**B1, "size_bytes": 1.5})),
    ("empty id", "bad_id", [], ("outage_started", {**O1, "outage": ""})),
    ("control character", "bad_id", [], ("outage_started", {**O1, "outage": "O\n1"})),
    ("no counts", "missing_counts", [], ("outage_started", {**O1, "effect": "partial_users"})),
    ("absurd counts", "missing_counts", [],
     ("outage_started", {**O1, "effect": "partial_users", "users_affected": 9, "users_total": 8})),
    ("outage twice", "twice", [("outage_started", O1)], ("outage_started", O1)),
    ("end without start", "end_without_start", [], ("outage_ended", {"outage": "O9", "at": "2026-06-10T08:00:00Z"})),
    ("ended twice", "twice",
     [("outage_started", O1), ("outage_ended", {"outage": "O1", "at": "2026-06-10T08:00:00Z"})],
     ("outage_ended", {"outage": "O1", "at": "2026-06-10T08:00:01Z"})),
    ("end before start", "not_after_start", [("outage_started", O1)],
     ("outage_ended", {"outage": "O1", "at": "2026-06-10T08:59:59+02:00"})),
    ("zero length", "not_after_start", [("outage_started", O1)],
     ("outage_ended", {"outage": "O1", "at": "2026-06-10T07:00:00Z"})),
    ("exclusion without evidence", "no_evidence", [], ("exclusion_claimed", {**X1, "evidence": []})),
    ("evidence of no form", "bad_evidence", [], ("exclusion_claimed", {**X1, "evidence": "ticket 12"})),
    ("unknown ground", "unknown_value", [], ("exclusion_claimed", {**X1, "ground": "sunspots"})),
    ("exclusion backwards", "not_after_start", [], ("exclusion_claimed", {**X1, "to": X1["from"]})),
    ("accepted without claim", "end_without_start", [], ("exclusion_accepted", {"exclusion": "X9"})),
    ("slot backwards", "not_after_start", [], ("maintenance_announced", {**M1, "planned_end": M1["planned_start"]})),
    ("announced in the future", "occurred_after_recorded", [],
     ("maintenance_announced", {**M1, "published_at": "2026-06-10T13:00:00Z"})),
    ("announced after it begins", "not_after_start", [],
     ("maintenance_announced", {**M1, "planned_start": "2026-06-08T08:59:59Z"})),
    ("announced twice", "twice", [("maintenance_announced", M1)], ("maintenance_announced", M1)),
    ("rescheduled unknown", "end_without_start", [], ("maintenance_rescheduled", M1)),
    ("rescheduled after it started", "out_of_order", [("maintenance_announced", M1), ("maintenance_started", W1)],
     ("maintenance_rescheduled", {**M1, "published_at": "2026-06-10T06:00:01Z"})),
    ("emergency without reason", "no_reason", [], ("maintenance_started", {**W1, "kind": "emergency"})),
    ("blocking outside work", "end_without_start", [],
     ("blocking_started", {"maintenance": "M1", "at": "2026-06-10T06:00:00Z"})),
    ("blocking before work", "before_start", [("maintenance_started", W1)],
     ("blocking_started", {"maintenance": "M1", "at": "2026-06-10T05:59:59Z"})),
    ("work ends while blocked", "out_of_order",
     [("maintenance_started", W1), ("blocking_started", {"maintenance": "M1", "at": "2026-06-10T06:10:00Z"})],
     ("maintenance_ended", {"maintenance": "M1", "at": "2026-06-10T06:20:00Z"})),
    ("backup completed before it started", "not_after_start", [],
     ("backup_completed", {**B1, "completed_at": "2026-06-10T00:59:59+02:00"})),
    ("backup of no tier", "unknown_value", [], ("backup_completed", {**B1, "tiers": []})),
    ("backup of an unknown tier", "unknown_value", [], ("backup_completed", {**B1, "tiers": ["hourly"]})),
    ("weekly office backup", "unknown_value", [],
     ("backup_completed", {**B1, "scope": "office_documents", "tiers": ["weekly"]})),
    ("unknown backup", "end_without_start", [], ("backup_deleted", {"backup": "B9", "at": "2026-06-10T06:00:00Z"})),
    ("deleted twice", "twice",
     [("backup_completed", B1), ("backup_deleted", {"backup": "B1", "at": "2026-06-10T06:00:00Z"})],
     ("backup_deleted", {"backup": "B1", "at": "2026-06-10T06:00:01Z"})),
    ("lost where it never was", "unknown_reference", [("backup_completed", B1)],
     ("backup_copy_lost", {"backup": "B1", "location": "DC_B", "at": "2026-06-10T06:00:00Z"})),
    ("restore of tomorrow", "occurred_after_recorded", [],
     ("restore_requested", {"restore": "R1", "scope": "client_data", "requested_at": "2026-06-10T10:00:00+02:00",
                            "target_date": "2026-06-12"})),
    ("restore of an unknown backup", "unknown_reference", [],
     ("restore_requested", {"restore": "R1", "scope": "client_data", "requested_at": "2026-06-10T10:00:00+02:00",
                            "backup": "B9"})),
    ("restore refused without reason", "missing_field",
     [("restore_requested", {"restore": "R1", "scope": "client_data", "requested_at": "2026-06-10T10:00:00+02:00",
                             "target_date": "2026-06-09"})],
     ("restore_refused", {"restore": "R1", "at": "2026-06-10T09:00:00Z"})),
    ("personal data", "personal_data", [], ("outage_started", {**O1, "cause_hint": "call jeanne.d@example.org"})),
    ("a telephone number", "personal_data", [], ("outage_started", {**O1, "note": "rappeler le 06 12 34 56 78"})),
    ("too long a text", "text_too_long", [], ("outage_started", {**O1, "note": "x" * 2001})),
    ("version without a new number", "bad_field", [],
     ("update_rolled_out", {"update": "U1", "at": "2026-06-10T06:00:00Z", "kind": "version",
                            "changes_version_number": False})),
    ("roll-back of nothing", "end_without_start", [], ("update_rolled_back", {"update": "U1", "at": "2026-06-10T06:00:00Z"})),
    ("agreed for yesterday", "before_start", [],
     ("update_date_agreed", {"update": "U1", "agreed_date": "2026-06-08", "at": "2026-06-10T06:00:00Z"})),
    ("taken before registered", "before_start", [("support_request_registered", R1)],
     ("support_request_taken_in_charge", {"request": "R1", "at": "2026-06-10T07:59:59Z"})),
    ("excluded without evidence", "no_evidence", [("support_request_registered", R1)],
     ("support_request_excluded", {"request": "R1", "reason": "no remote assistance"})),
    ("criticality 4", "unknown_value", [],
     ("anomaly_qualified", {"anomaly": "A1", "criticality": 4, "at": "2026-06-10T06:00:00Z"})),
    ("recette without personalised updates", "ineligible_option", [],
     ("option_subscribed", {"option": "recette", "effective_from": "2026-07-01T00:00:00+02:00"})),
    ("contract twice", "twice", [], ("contract_started", CONTRACT)),
    ("another contract's start", "wrong_stream", [], ("contract_started", {**CONTRACT, "contract": "C2"})),
    ("the ledger's own event", "wrong_stream", [],
     ("signing_key_retired", {"key": "k", "at": "2026-06-10T06:00:00Z", "reason": "r"})),
    ("unknown target", "unknown_target", [], ("retracted", {"target": "e99", "reason": "never said"})),
    ("correction of the identity", "changed_identity", [("outage_started", O1)],
     ("corrected", {"target": "e2", "data": {**O1, "outage": "O2"}, "reason": "r"})),
    ("correction of another shape", "missing_field", [("outage_started", O1)],
     ("corrected", {"target": "e2", "data": {"outage": "O1", "at": O1["at"]}, "reason": "r"})),
    ("correction without reason", "no_reason", [("outage_started", O1)],
     ("corrected", {"target": "e2", "data": O1, "reason": " "})),
    ("correction that ends before the start", "impossible_history",
     [("outage_started", O1), ("outage_ended", {"outage": "O1", "at": "2026-06-10T08:00:00Z"})],
     ("corrected", {"target": "e3", "data": {"outage": "O1", "at": "2026-06-10T06:00:00Z"}, "reason": "r"})),
    ("retracting the start and not the end", "impossible_history",
     [("outage_started", O1), ("outage_ended", {"outage": "O1", "at": "2026-06-10T08:00:00Z"})],
     ("retracted", {"target": "e2", "reason": "r"})),
    ("retracting twice", "already_retracted", [("outage_started", O1), ("retracted", {"target": "e2", "reason": "r"})],
     ("retracted", {"target": "e2", "reason": "r"})),
    ("retracting the contract", "wrong_target", [], ("retracted", {"target": "e1", "reason": "r"})),
    ("correcting a retraction", "wrong_target", [("outage_started", O1), ("retracted", {"target": "e2", "reason": "r"})],
     ("corrected", {"target": "e3", "data": {}, "reason": "r"})),
)  # fmt: skip


@pytest.mark.parametrize(("why", "code", "stands", "bad"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_refused_has_its_code_and_writes_nothing(
    why: str, code: str, stands: list[Line], bad: Line, contract: Told, book: Any
) -> None:
    for kind, data in stands:
        contract(NOW, kind, data)
    before = book.position
    with pytest.raises(Refused) as refused:
        contract(NOW, *bad, id="bad")
    assert refused.value.code == code, str(refused.value)
    assert refused.value.event_id == "bad"
    assert refused.value.line == 1
    assert book.position == before
    assert "\n" not in str(refused.value)


def test_the_first_entry_opens_the_ledger_and_its_terms_follow(contract: Told, book: Any) -> None:
    kinds = [type(entry.event).__name__ for _, entry in book.entries()]
    assert kinds == ["LedgerOpened", "TermsVersionPublished", "CalendarPublished", "ContractStarted"]
    assert [position for position, _ in book.entries()] == [1, 2, 3, 4]


def test_recording_again_says_already_recorded_with_the_first_position(contract: Told) -> None:
    first = contract(NOW, "outage_started", O1, id="probe-1")
    again = contract("2026-06-10T13:00:00Z", "outage_started", O1, id="probe-1")
    assert (again.outcome, again.position, again.recorded_at) == (
        "already_recorded",
        first.position,
        first.recorded_at,
    )


def test_the_same_instant_at_another_offset_is_the_same_fact(contract: Told) -> None:
    contract(NOW, "outage_started", O1, id="probe-1")
    again = contract(NOW, "outage_started", {**O1, "at": "2026-06-10T07:00:00Z"}, id="probe-1")
    assert again.outcome == "already_recorded"


def test_the_same_key_with_other_content_is_a_conflict(contract: Told, book: Any) -> None:
    contract(NOW, "outage_started", O1, id="probe-1")
    before = book.position
    with pytest.raises(Refused, match="conflict"):
        contract(NOW, "outage_started", {**O1, "effect": "no_login"}, id="probe-1")
    assert book.position == before
    assert contract(NOW, "outage_started", {**O1, "outage": "O2"}, id="probe-1", source="other").outcome == "recorded"


def test_a_batch_is_all_or_nothing_and_the_refusal_names_the_line(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    lines = [
        json.dumps(
            {"specversion": "1.0", "source": "s", "id": str(n), "type": kind, "subject": "contract:C1", "data": data}
        )
        for n, (kind, data) in enumerate(
            [("contract_started", CONTRACT), ("outage_started", O1), ("outage_started", O1)]
        )
    ]
    with pytest.raises(Refused) as refused:
        book.record("\n".join([lines[0], "", lines[1], lines[2]]))
    assert (refused.value.code, refused.value.line, refused.value.event_id) == ("twice", 4, "2")
    assert book.position == 0
    assert [r.position for r in book.record("\n".join(lines[:2]))] == [4, 5]


def test_a_dry_run_checks_everything_and_writes_nothing(contract: Told, book: Any, clock: Clock) -> None:
    event = {
        "specversion": "1.0",
        "source": "s",
        "id": "1",
        "type": "outage_started",
        "subject": "contract:C1",
        "data": O1,
    }
    clock.set(NOW)
    assert book.record([event], dry_run=True)[0].outcome == "recorded"
    assert book.position == 4
    assert book.record([event])[0].position == 5


def test_an_event_for_a_stream_nobody_opened_is_refused(tell: Told) -> None:
    with pytest.raises(Refused, match="unknown_stream"):
        tell(NOW, "outage_started", O1)
    with pytest.raises(Refused, match="unknown_stream"):
        tell(NOW, "outage_started", O1, subject="service:S1")
    with pytest.raises(Refused, match="unknown_stream"):
        tell(NOW, "outage_started", O1, subject="customer:S1")


def test_a_service_named_by_a_contract_may_be_recorded_of(tell: Told) -> None:
    tell("2026-06-01T00:00:00Z", "contract_started", {**CONTRACT, "services": ["S1"]})
    assert tell(NOW, "outage_started", O1, subject="service:S1").version == 1
    assert tell(NOW, "service_started", {"service": "S2", "at": NOW}, subject="service:S2").version == 1
    with pytest.raises(Refused, match="wrong_stream"):
        tell(NOW, "support_request_registered", R1, subject="service:S1")


def test_a_clock_a_little_behind_stamps_the_last_time_and_further_behind_is_refused(contract: Told) -> None:
    contract(NOW, "outage_started", O1)
    late = contract("2026-06-10T11:59:55Z", "outage_ended", {"outage": "O1", "at": "2026-06-10T08:00:00Z"})
    assert late.recorded_at == instant(NOW)
    with pytest.raises(Refused, match="clock_behind"):
        contract("2026-06-10T11:59:54Z", "outage_started", {**O1, "outage": "O2"})


def test_time_fills_a_missing_at_and_must_agree_with_a_present_one(contract: Told, book: Any) -> None:
    without = {k: v for k, v in O1.items() if k != "at"}
    contract(NOW, "outage_started", without, time="2026-06-10T09:00:00+02:00")
    assert book.stream("contract:C1")[-1][1].event.at == instant("2026-06-10T07:00:00Z")
    with pytest.raises(Refused, match="time_disagrees"):
        contract(NOW, "outage_started", {**O1, "outage": "O2"}, time="2026-06-10T09:00:01+02:00")


def test_attested_time_is_kept_and_may_not_lie_ahead(contract: Told, book: Any) -> None:
    contract(NOW, "outage_started", O1, attestedat="2026-06-10T09:05:00+02:00")
    assert book.stream("contract:C1")[-1][1].attested_at == instant("2026-06-10T07:05:00Z")
    with pytest.raises(Refused, match="occurred_after_recorded"):
        contract(NOW, "outage_started", {**O1, "outage": "O2"}, attestedat="2026-06-10T12:00:06Z")


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        ({"specversion": "0.3"}, "bad_envelope"),
        ({"source": ""}, "bad_envelope"),
        ({"id": 7}, "bad_envelope"),
        ({"data": [1]}, "bad_envelope"),
        ({"attestdat": "2026-01-01T00:00:00Z"}, "unknown_field"),
        ({"attestedat": "yesterday"}, "bad_field"),
        ({"time": "2026-06-10T09:00:00"}, "no_offset"),
    ],
)
def test_an_envelope_that_cannot_be_taken_is_refused(
    envelope: dict[str, Any], code: str, book: Any, clock: Clock
) -> None:
    clock.set(NOW)
    event = {"specversion": "1.0", "source": "s", "id": "1", "type": "contract_started", "subject": "contract:C1",
             "data": CONTRACT, **envelope}  # fmt: skip
    with pytest.raises(Refused) as refused:
        book.record([event])
    assert refused.value.code == code
    assert book.position == 0


@pytest.mark.parametrize("text", ["{", "[]", "null", "\x00", '{"a":1}}', "é"])
def test_a_line_that_is_no_json_object_is_refused(text: str, book: Any) -> None:
    with pytest.raises(Refused, match=r"bad_json|bad_envelope"):
        book.record(text)


def test_event_structs_need_their_stream_and_are_recorded_once(contract: Told, book: Any, clock: Clock) -> None:
    contract(NOW, "outage_started", O1)
    ended = OutageEnded(outage="O1", at=instant("2026-06-10T08:00:00Z"))
    with pytest.raises(Refused, match="subject="):
        book.record(ended)
    assert book.record(ended, subject="contract:C1")[0].outcome == "recorded"
    assert book.record(ended, subject="contract:C1")[0].outcome == "already_recorded"


def test_a_second_writer_sees_what_the_first_wrote(tmp_path: Path, clock: Clock) -> None:
    path = str(tmp_path / "two.db")
    clock.set(NOW)
    envelope = {"specversion": "1.0", "source": "s", "subject": "contract:C1"}
    with open_ledger(path, clock=clock) as one, open_ledger(path, clock=clock) as two:
        one.record([{**envelope, "id": "1", "type": "contract_started", "data": CONTRACT}])
        two.record([{**envelope, "id": "2", "type": "outage_started", "data": O1}])
        end = {"outage": "O1", "at": "2026-06-10T08:00:00Z"}
        assert one.record([{**envelope, "id": "3", "type": "outage_ended", "data": end}])[0].version == 3
        assert two.record([{**envelope, "id": "1", "type": "contract_started", "data": CONTRACT}])[0].position == 4
        with pytest.raises(Refused, match="twice"):
            two.record([{**envelope, "id": "4", "type": "outage_ended", "data": end}])


def test_a_reopened_ledger_holds_what_it_held_and_orders_as_before(tmp_path: Path, clock: Clock) -> None:
    path = str(tmp_path / "again.db")
    clock.set(NOW)
    envelope = {"specversion": "1.0", "source": "s", "subject": "contract:C1"}
    wrong = {**O1, "at": "2026-06-10T11:00:00Z"}
    with open_ledger(path, clock=clock) as book:
        book.record([
            {**envelope, "id": "1", "type": "contract_started", "data": CONTRACT},
            {**envelope, "id": "2", "type": "outage_started", "data": wrong},
            {**envelope, "id": "3", "type": "corrected", "data": {"target": "2", "data": O1, "reason": "probe log"}},
        ])  # fmt: skip
    with open_ledger(path, clock=clock, create=False) as book:
        ended = {"outage": "O1", "at": "2026-06-10T10:00:00Z"}  # before the start as first recorded
        assert book.record([{**envelope, "id": "4", "type": "outage_ended", "data": ended}])[0].version == 4
        again = {"target": "2", "data": {**O1, "at": "2026-06-10T07:00:00Z"}, "reason": "probe log"}
        assert (
            book.record([{**envelope, "id": "3", "type": "corrected", "data": again}])[0].outcome == "already_recorded"
        )


def test_a_backup_that_failed_may_succeed_under_the_same_id(contract: Told) -> None:
    failed = BackupFailed(backup="B1", scope="client_data", tiers=("daily",),
                          started_at=instant("2026-06-09T23:00:00Z"), failed_at=instant("2026-06-09T23:10:00Z"))  # fmt: skip
    assert failed.reason is None
    contract(NOW, "backup_failed", {"backup": "B1", "scope": "client_data", "tiers": ["daily"],
                                    "started_at": "2026-06-09T23:00:00Z", "failed_at": "2026-06-09T23:10:00Z"})  # fmt: skip
    assert contract(NOW, "backup_completed", B1).outcome == "recorded"


def test_blocking_learnt_after_the_work_had_ended_is_taken_inside_it(contract: Told) -> None:
    contract(NOW, "maintenance_started", W1)
    contract(NOW, "maintenance_ended", {"maintenance": "M1", "at": "2026-06-10T08:00:00Z"})
    contract(NOW, "blocking_started", {"maintenance": "M1", "at": "2026-06-10T07:00:00Z"})
    contract(NOW, "blocking_ended", {"maintenance": "M1", "at": "2026-06-10T08:00:00Z"})
    with pytest.raises(Refused, match="out_of_order"):
        contract(NOW, "blocking_started", {"maintenance": "M1", "at": "2026-06-10T08:00:00Z"})
