"""Which fact may follow which: every row of the table walked, its instants a second before, at and after."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.codec import event_of
from ledger.errors import Refused
from ledger.events import VOCABULARY
from ledger.order import AFTER, MUST_FOLLOW, NOTHING, SPECIAL, STEPS, Thing, ThingKey, group_of, take, thing_of
from tests.story import CONTRACT

Line = tuple[str, dict[str, Any]]
DAY = "2026-06-10T"
OUT = {"outage": "O1", "environment": "production", "effect": "no_access"}
SPAN = {"from": f"{DAY}09:00:00Z", "to": f"{DAY}09:30:00Z"}
SLOT = {"maintenance": "M1", "planned_start": f"{DAY}20:00:00Z", "planned_end": f"{DAY}23:00:00Z"}
KEPT = {"backup": "B1", "scope": "client_data", "tiers": ["daily"], "started_at": f"{DAY}00:00:00Z"}
ROLLED = {"update": "U1", "environment": "production"}
ASKED = {"restore": "R1", "scope": "client_data", "target_date": "2026-06-09"}


def on(clock: str) -> dict[str, str]:
    return {"at": f"{DAY}{clock}Z"}


def since(day: str) -> dict[str, str]:
    return {"effective_from": f"{day}T00:00:00Z"}


def folded(*lines: Line) -> dict[ThingKey, Thing]:
    things: dict[ThingKey, Thing] = {}
    for kind, data in lines:
        take(event_of(kind, data), things)
    return things


def known_of(things: dict[ThingKey, Thing]) -> dict[ThingKey, list[Any]]:
    """All that is known, as it is now whatever is done to the things later."""
    said = {key: [getattr(thing, slot) for slot in Thing.__slots__ if slot != "facts"] for key, thing in things.items()}
    return copy.deepcopy({key: [*said[key], dict(thing.facts)] for key, thing in things.items()})


def code_of(*lines: Line) -> str | None:
    """The refusal of the last line, after the others were taken; None when it is taken too."""
    things = folded(*lines[:-1])
    before = known_of(things)
    try:
        take(event_of(*lines[-1]), things)
    except Refused as refused:
        assert known_of(things) == before, "a refused event leaves what is known as it was"
        return refused.code
    return None


OUTAGE: Line = ("outage_started", {**OUT, **on("09:00:00")})
OVER: Line = ("outage_ended", {"outage": "O1", **on("10:00:00")})
CLAIM: Line = ("outage_claimed", {"claim": "K1", **SPAN})
EXCLUSION: Line = ("exclusion_claimed", {"exclusion": "X1", "ground": "force_majeure", **SPAN})
TOLD: Line = ("maintenance_announced", {**SLOT, "published_at": f"{DAY}06:00:00Z"})
CALLED_OFF: Line = ("maintenance_cancelled", {"maintenance": "M1", "published_at": f"{DAY}07:00:00Z"})
WORK: Line = ("maintenance_started", {"maintenance": "M1", "kind": "planned", **on("20:00:00")})
WORKED: Line = ("maintenance_ended", {"maintenance": "M1", **on("22:00:00")})
BLOCK: Line = ("blocking_started", {"maintenance": "M1", **on("20:30:00")})
UNBLOCK: Line = ("blocking_ended", {"maintenance": "M1", **on("21:00:00")})
FAILED: Line = ("backup_failed", {**KEPT, "failed_at": f"{DAY}01:00:00Z"})
DONE: Line = ("backup_completed", {**KEPT, "completed_at": f"{DAY}02:00:00Z", "locations": ["A", "B"]})
GONE: Line = ("backup_deleted", {"backup": "B1", **on("03:00:00")})
GONE_A: Line = ("backup_deleted", {"backup": "B1", "location": "A", **on("03:00:00")})
GONE_B: Line = ("backup_deleted", {"backup": "B1", "location": "B", **on("03:00:00")})
LOST_A: Line = ("backup_copy_lost", {"backup": "B1", "location": "A", **on("03:00:00")})
STORED_C: Line = ("backup_copy_stored", {"backup": "B1", "location": "C", **on("02:30:00")})
GONE_C: Line = ("backup_deleted", {"backup": "B1", "location": "C", **on("04:00:00")})
REQUESTED: Line = ("restore_requested", {**ASKED, "requested_at": f"{DAY}09:00:00Z"})
RESTORED: Line = ("restore_completed", {"restore": "R1", **on("12:00:00")})
FAILED_RESTORE: Line = ("restore_failed", {"restore": "R1", **on("11:00:00")})
UPDATED: Line = ("update_rolled_out", {**ROLLED, **on("21:00:00")})
ROLLED_BACK: Line = ("update_rolled_back", {**ROLLED, **on("22:00:00")})
ASK: Line = ("support_request_registered", {"request": "Q1", **on("09:00:00")})
CONTRACTED: Line = ("contract_started", CONTRACT)
SUSPENDED: Line = ("contract_suspended", since("2026-02-10"))
RESUMED: Line = ("contract_resumed", since("2026-02-20"))
ENDED: Line = ("contract_terminated", since("2027-01-01"))
UPDATES: Line = ("option_subscribed", {"option": "personalised_update", **since("2026-03-01")})
RECETTE: Line = ("option_subscribed", {"option": "recette", **since("2026-03-01")})
TAKEN: Line = ("service_assigned", {"service": "S1", **since("2026-03-01")})
LEFT: Line = ("service_unassigned", {"service": "S1", **since("2026-04-01")})

WALKS: tuple[tuple[str, list[Line], str | None], ...] = (
    # why, lines, the code of the last (None: taken)
    ("an outage", [OUTAGE, OVER], None),
    ("an outage twice", [OUTAGE, OUTAGE], "twice"),
    ("an outage that ended cannot start again", [OUTAGE, OVER, OUTAGE], "twice"),
    ("an end of nothing", [OVER], "end_without_start"),
    ("an end at the start", [OUTAGE, ("outage_ended", {"outage": "O1", **on("09:00:00")})], "not_after_start"),
    ("an end a second before the start", [OUTAGE, ("outage_ended", {"outage": "O1", **on("08:59:59")})], "not_after_start"),
    ("an end a second after the start", [OUTAGE, ("outage_ended", {"outage": "O1", **on("09:00:01")})], None),
    ("ended twice", [OUTAGE, OVER, OVER], "twice"),
    ("another outage meanwhile", [OUTAGE, ("outage_started", {**OUT, "outage": "O2", **on("09:10:00")})], None),
    ("linked when open", [OUTAGE, ("outage_linked", {"outage": "O1", "incident": "I1"})], None),
    ("linked when over", [OUTAGE, OVER, ("outage_linked", {"outage": "O1", "incident": "I1"})], None),
    ("linked when unknown", [("outage_linked", {"outage": "O1"})], "end_without_start"),
    ("a claim accepted", [CLAIM, ("outage_claim_accepted", {"claim": "K1"})], None),
    ("a claim accepted, then rejected", [CLAIM, ("outage_claim_accepted", {"claim": "K1"}), ("outage_claim_rejected", {"claim": "K1", "reason": "r"})], None),
    ("a claim rejected twice", [CLAIM, ("outage_claim_rejected", {"claim": "K1", "reason": "r"}), ("outage_claim_rejected", {"claim": "K1", "reason": "r"})], "twice"),
    ("a claim nobody made", [("outage_claim_accepted", {"claim": "K1"})], "end_without_start"),
    ("an exclusion contested, then accepted", [EXCLUSION, ("exclusion_contested", {"exclusion": "X1", "reason": "r"}), ("exclusion_accepted", {"exclusion": "X1"})], None),
    ("an exclusion accepted, then contested", [EXCLUSION, ("exclusion_accepted", {"exclusion": "X1"}), ("exclusion_contested", {"exclusion": "X1", "reason": "r"})], "out_of_order"),
    ("an exclusion upheld, then rejected", [EXCLUSION, ("exclusion_upheld", {"exclusion": "X1", "reason": "r"}), ("exclusion_rejected", {"exclusion": "X1", "reason": "r"})], "out_of_order"),
    ("an exclusion contested twice", [EXCLUSION, *[("exclusion_contested", {"exclusion": "X1", "reason": "r"})] * 2], "twice"),
    ("work announced and done", [TOLD, WORK, BLOCK, UNBLOCK, WORKED], None),
    ("work nobody announced", [WORK, WORKED], None),
    ("rescheduled", [TOLD, ("maintenance_rescheduled", {**SLOT, "published_at": f"{DAY}07:00:00Z"})], None),
    ("rescheduled before it was announced", [("maintenance_rescheduled", {**SLOT, "published_at": f"{DAY}07:00:00Z"})], "end_without_start"),
    ("rescheduled after it was called off", [TOLD, CALLED_OFF, ("maintenance_rescheduled", {**SLOT, "published_at": f"{DAY}07:30:00Z"})], "out_of_order"),
    ("called off twice", [TOLD, CALLED_OFF, CALLED_OFF], "twice"),
    ("announced once it had started", [WORK, ("maintenance_announced", {**SLOT, "published_at": f"{DAY}20:00:01Z"})], "out_of_order"),
    ("announced as it started", [WORK, ("maintenance_announced", {**SLOT, "published_at": f"{DAY}20:00:00Z"})], None),
    ("announced before it started, learnt after", [WORK, TOLD], None),
    ("called off once it had started", [TOLD, WORK, ("maintenance_cancelled", {"maintenance": "M1", "published_at": f"{DAY}20:00:01Z"})], "out_of_order"),
    ("called off, and yet it started", [TOLD, CALLED_OFF, WORK], None),
    ("work twice", [WORK, WORK], "twice"),
    ("work ends as it starts", [WORK, ("maintenance_ended", {"maintenance": "M1", **on("20:00:00")})], "not_after_start"),
    ("work ends a second after it starts", [WORK, ("maintenance_ended", {"maintenance": "M1", **on("20:00:01")})], None),
    ("work ends while the service is stopped", [WORK, BLOCK, WORKED], "out_of_order"),
    ("work ends before the service answered", [WORK, BLOCK, UNBLOCK, ("maintenance_ended", {"maintenance": "M1", **on("20:59:59")})], "not_after_start"),
    ("work ends as the service answers", [WORK, BLOCK, UNBLOCK, ("maintenance_ended", {"maintenance": "M1", **on("21:00:00")})], None),
    ("stopped before work", [WORK, ("blocking_started", {"maintenance": "M1", **on("19:59:59")})], "before_start"),
    ("stopped as work starts", [WORK, ("blocking_started", {"maintenance": "M1", **on("20:00:00")})], None),
    ("stopped without work", [BLOCK], "end_without_start"),
    ("stopped twice", [WORK, BLOCK, BLOCK], "twice"),
    ("stopped again after it answered", [WORK, BLOCK, UNBLOCK, ("blocking_started", {"maintenance": "M1", **on("21:00:00")})], None),
    ("stopped again before it answered", [WORK, BLOCK, UNBLOCK, ("blocking_started", {"maintenance": "M1", **on("20:59:59")})], "before_start"),
    ("answers as it stops", [WORK, BLOCK, ("blocking_ended", {"maintenance": "M1", **on("20:30:00")})], "not_after_start"),
    ("answers without a stop", [WORK, UNBLOCK], "out_of_order"),
    ("a stop learnt after the end, inside", [WORK, WORKED, BLOCK, UNBLOCK], None),
    ("a stop learnt after the end, that begins at the end", [WORK, WORKED, ("blocking_started", {"maintenance": "M1", **on("22:00:00")})], "out_of_order"),
    ("a stop learnt after the end, to the end", [WORK, WORKED, BLOCK, ("blocking_ended", {"maintenance": "M1", **on("22:00:00")})], None),
    ("a stop learnt after the end, beyond it", [WORK, WORKED, BLOCK, ("blocking_ended", {"maintenance": "M1", **on("22:00:01")})], "out_of_order"),
    ("a second stop learnt after the end", [WORK, WORKED, BLOCK, UNBLOCK, ("blocking_started", {"maintenance": "M1", **on("21:30:00")})], None),
    ("ended again after a stop learnt late", [WORK, WORKED, BLOCK, UNBLOCK, WORKED], "twice"),
    ("a backup that failed, failed, and succeeded", [FAILED, FAILED, DONE], None),
    ("a backup that succeeded cannot fail", [DONE, FAILED], "out_of_order"),
    ("a backup that succeeds before it failed", [FAILED, ("backup_completed", {**KEPT, "completed_at": f"{DAY}00:59:59Z"})], "before_start"),
    ("a backup twice", [DONE, DONE], "twice"),
    ("a backup deleted everywhere", [DONE, GONE], None),
    ("a backup deleted everywhere twice", [DONE, GONE, GONE], "twice"),
    ("a backup deleted in one place, then the other", [DONE, GONE_A, GONE_B], None),
    ("a backup deleted twice in one place", [DONE, GONE_A, GONE_A], "unknown_reference"),
    ("a backup deleted in one place, then everywhere", [DONE, GONE_A, GONE], None),
    ("a backup deleted in both places, then everywhere", [DONE, GONE_A, GONE_B, GONE], "twice"),
    ("a backup deleted before it was done", [DONE, ("backup_deleted", {"backup": "B1", **on("01:59:59")})], "before_start"),
    ("a failed backup has nothing to delete", [FAILED, GONE], "out_of_order"),
    ("a copy lost where none was", [DONE, ("backup_copy_lost", {"backup": "B1", "location": "C", **on("03:00:00")})], "unknown_reference"),
    ("a copy lost twice", [DONE, LOST_A, LOST_A], "unknown_reference"),
    ("a lost copy stored again", [DONE, LOST_A, ("backup_copy_stored", {"backup": "B1", "location": "A", **on("04:00:00")}), LOST_A], None),
    ("a copy learnt of after the others were deleted is deleted in its turn", [DONE, GONE, STORED_C, GONE_C], None),
    ("verified after it was deleted: learnt late", [DONE, GONE, ("backup_verified", {"backup": "B1", **on("02:30:00")})], None),
    ("verified, never made", [("backup_verified", {"backup": "B1", **on("02:30:00")})], "end_without_start"),
    ("a restore", [REQUESTED, ("restore_started", {"restore": "R1", **on("10:00:00")}), RESTORED], None),
    ("a restore that failed is begun again", [REQUESTED, FAILED_RESTORE, ("restore_started", {"restore": "R1", **on("11:30:00")}), RESTORED], None),
    ("a restore begun before it was asked", [REQUESTED, ("restore_started", {"restore": "R1", **on("08:59:59")})], "before_start"),
    ("a restore completed twice", [REQUESTED, RESTORED, RESTORED], "twice"),
    ("a restore refused once it was done", [REQUESTED, RESTORED, ("restore_refused", {"restore": "R1", "reason": "r", **on("13:00:00")})], "out_of_order"),
    ("a disaster recovered before it struck", [("disaster_declared", {"disaster": "D", **on("09:00:00")}), ("disaster_recovered", {"disaster": "D", **on("08:59:59")})], "before_start"),
    ("an update taken back and out again", [UPDATED, ROLLED_BACK, ("update_rolled_out", {**ROLLED, **on("23:00:00")})], None),
    ("an update out again before it was taken back", [UPDATED, ROLLED_BACK, ("update_rolled_out", {**ROLLED, **on("21:59:59")})], "before_start"),
    ("an update in each environment", [UPDATED, ("update_rolled_out", {"update": "U1", "environment": "recette", **on("20:00:00")})], None),
    ("an update taken back elsewhere", [UPDATED, ("update_rolled_back", {"update": "U1", "environment": "recette", **on("22:00:00")})], "end_without_start"),
    ("a request taken in charge", [ASK, ("support_request_taken_in_charge", {"request": "Q1", **on("09:00:00")})], None),
    ("a request taken in charge twice", [ASK, *[("support_request_taken_in_charge", {"request": "Q1", **on("09:30:00")})] * 2], "twice"),
    ("a request acknowledged and withdrawn without an instant", [ASK, ("support_request_acknowledged", {"request": "Q1", **on("09:01:00")}), ("support_request_withdrawn", {"request": "Q1"})], None),
    ("a request resolved before it came", [ASK, ("support_request_resolved", {"request": "Q1", **on("08:59:59")})], "before_start"),
    ("support resumed, never suspended", [("support_resumed", on("09:00:00"))], "end_without_start"),
    ("support resumed as it is suspended", [("support_suspended", {**on("09:00:00"), "reason": "r"}), ("support_resumed", on("09:00:00"))], "not_after_start"),
    ("support suspended again before it resumed", [("support_suspended", {**on("09:00:00"), "reason": "r"}), ("support_resumed", on("10:00:00")), ("support_suspended", {**on("09:59:59"), "reason": "r"})], "before_start"),
    ("the line closed and open", [("support_line_closed", on("09:00:00")), ("support_line_opened", on("10:00:00")), ("support_line_closed", on("10:00:00"))], None),
    ("the line open as it closes", [("support_line_closed", on("09:00:00")), ("support_line_opened", on("09:00:00"))], "not_after_start"),
    ("a call answered twice", [("call_received", {"call": "L1", **on("09:00:00")}), *[("call_answered", {"call": "L1", **on("09:01:00")})] * 2], "twice"),
    ("an anomaly corrected before it was qualified", [("fix_delivered", {"anomaly": "A1", **on("09:00:00")}), ("anomaly_qualified", {"anomaly": "A1", "criticality": 1, **on("10:00:00")})], None),
    ("an anomaly corrected twice", [*[("fix_delivered", {"anomaly": "A1", **on("09:00:00")})] * 2], "twice"),
    ("an anomaly reclassified, never qualified", [("anomaly_reclassified", {"anomaly": "A1", "criticality": 1, **on("10:00:00")})], "end_without_start"),
    ("a refresh done without a request", [("recette_refreshed", {"refresh": "F1", **on("09:00:00")})], None),
    ("a refresh refused once it was done", [("recette_refresh_requested", {"refresh": "F1", **on("09:00:00")}), ("recette_refreshed", {"refresh": "F1", **on("10:00:00")}), ("recette_refresh_refused", {"refresh": "F1", "reason": "r", **on("11:00:00")})], "out_of_order"),
    ("an instruction carried out before it was known", [("account_instruction_executed", {"instruction": "I1", **on("09:00:00")})], None),
    ("an instruction carried out twice", [*[("account_instruction_executed", {"instruction": "I1", **on("09:00:00")})] * 2], "twice"),
    ("a hold lifted as it is placed", [("legal_hold_placed", {"hold": "H", "reason": "r", **on("09:00:00")}), ("legal_hold_lifted", {"hold": "H", **on("09:00:00")})], "not_after_start"),
    ("a dispute decided and closed", [("dispute_opened", {"dispute": "D", "question": "q", "reason": "r"}), ("dispute_decided", {"dispute": "D", "decision": "d"}), ("dispute_closed", {"dispute": "D"})], None),
    ("evidence after a dispute is closed", [("dispute_opened", {"dispute": "D", "question": "q", "reason": "r"}), ("dispute_closed", {"dispute": "D"}), ("dispute_evidence_filed", {"dispute": "D"})], "out_of_order"),
    # the contract
    ("a contract twice", [CONTRACTED, CONTRACTED], "twice"),
    ("suspended and resumed", [CONTRACTED, SUSPENDED, RESUMED, SUSPENDED], None),
    ("suspended twice", [CONTRACTED, SUSPENDED, SUSPENDED], "twice"),
    ("resumed, never suspended", [CONTRACTED, RESUMED], "out_of_order"),
    ("resumed as it was suspended", [CONTRACTED, SUSPENDED, ("contract_resumed", since("2026-02-10"))], "not_after_start"),
    ("terminated while suspended", [CONTRACTED, SUSPENDED, ENDED], None),
    ("terminated before it began", [CONTRACTED, ("contract_terminated", since("2025-08-01"))], "before_start"),
    ("terminated twice", [CONTRACTED, ENDED, ENDED], "twice"),
    ("a change before a termination recorded ahead", [CONTRACTED, ENDED, ("contract_scope_changed", {**since("2026-12-31"), "production_named_users": 5})], None),
    ("a change as the contract ends", [CONTRACTED, ENDED, ("contract_scope_changed", {**since("2027-01-01"), "production_named_users": 5})], "after_termination"),
    ("suspended and resumed before a termination recorded ahead", [CONTRACTED, ENDED, SUSPENDED, RESUMED], None),
    ("suspended after the end", [CONTRACTED, ENDED, ("contract_suspended", since("2027-01-01"))], "after_termination"),
    ("resumed after the end", [CONTRACTED, SUSPENDED, ENDED, ("contract_resumed", since("2027-01-01"))], "after_termination"),
    ("a service after the end", [CONTRACTED, ENDED, ("service_assigned", {"service": "S1", **since("2027-01-01")})], "after_termination"),
    ("a service left after the end", [CONTRACTED, TAKEN, ENDED, ("service_unassigned", {"service": "S1", **since("2027-01-01")})], "after_termination"),
    ("an option after the end", [CONTRACTED, ENDED, ("option_subscribed", {"option": "personalised_update", **since("2027-01-01")})], "after_termination"),
    ("an option cancelled after the end", [CONTRACTED, UPDATES, ENDED, ("option_cancelled", {"option": "personalised_update", **since("2027-01-01")})], "after_termination"),
    ("access codes after the end", [CONTRACTED, ("contract_terminated", since("2026-06-10")), ("access_codes_communicated", on("00:00:00"))], "after_termination"),
    ("access codes twice", [CONTRACTED, *[("access_codes_communicated", on("09:00:00"))] * 2], "twice"),
    ("a service twice", [CONTRACTED, TAKEN, TAKEN], "twice"),
    ("a service left that it is not on", [CONTRACTED, LEFT], "end_without_start"),
    ("a service left and taken again", [CONTRACTED, TAKEN, LEFT, ("service_assigned", {"service": "S1", **since("2026-04-01")})], None),
    ("a service taken again before it was left", [CONTRACTED, TAKEN, LEFT, ("service_assigned", {"service": "S1", **since("2026-03-31")})], "before_start"),
    ("a service left before it was taken", [CONTRACTED, TAKEN, ("service_unassigned", {"service": "S1", **since("2026-02-28")})], "before_start"),
    ("a service of the first hour left", [("contract_started", {**CONTRACT, "services": ["S1"]}), LEFT], None),
    ("personalised updates", [CONTRACTED, UPDATES], None),
    ("an option twice", [CONTRACTED, UPDATES, UPDATES], "twice"),
    ("recette with more than 300 users and personalised updates", [CONTRACTED, UPDATES, RECETTE], None),
    ("recette without personalised updates", [CONTRACTED, RECETTE], "ineligible_option"),
    ("recette with 300 users", [("contract_started", {**CONTRACT, "production_named_users": 300}), UPDATES, RECETTE], "ineligible_option"),
    ("recette with 301 users", [("contract_started", {**CONTRACT, "production_named_users": 301}), UPDATES, RECETTE], None),
    ("recette once users are 300", [CONTRACTED, UPDATES, ("contract_scope_changed", {**since("2026-03-01"), "production_named_users": 300}), RECETTE], "ineligible_option"),
    ("an option on a shared tenancy", [("contract_started", {**CONTRACT, "single_tenant": False}), UPDATES], "ineligible_option"),
    ("an option once the tenancy is shared", [CONTRACTED, ("contract_scope_changed", {**since("2026-03-01"), "single_tenant": False}), UPDATES], "ineligible_option"),
    ("an option cancelled that is not in force", [CONTRACTED, ("option_cancelled", {"option": "recette", **since("2026-03-01")})], "end_without_start"),
    ("an option cancelled before it began", [CONTRACTED, UPDATES, ("option_cancelled", {"option": "personalised_update", **since("2026-02-28")})], "before_start"),
    ("an option cancelled and taken again", [CONTRACTED, UPDATES, ("option_cancelled", {"option": "personalised_update", **since("2026-04-01")}), ("option_subscribed", {"option": "personalised_update", **since("2026-05-01")})], None),
    ("a scope change of no contract", [("contract_scope_changed", since("2026-03-01"))], "end_without_start"),
    # steps not walked above
    ("a service", [("service_started", {"service": "S1", **on("09:00:00")}), ("service_started", {"service": "S2", **on("09:00:00")})], None),
    ("an exclusion rejected", [EXCLUSION, ("exclusion_rejected", {"exclusion": "X1", "reason": "r"})], None),
    ("an exclusion upheld", [EXCLUSION, ("exclusion_upheld", {"exclusion": "X1", "reason": "r"})], None),
    ("a restore refused", [REQUESTED, ("restore_refused", {"restore": "R1", "reason": "r", **on("09:00:00")})], None),
    ("a disaster recovered", [("disaster_declared", {"disaster": "D", **on("09:00:00")}), ("disaster_recovered", {"disaster": "D", **on("09:00:00")})], None),
    ("a request excluded, without an instant", [ASK, ("support_request_excluded", {"request": "Q1", "reason": "r"})], None),
    ("a request resolved", [ASK, ("support_request_resolved", {"request": "Q1", **on("09:30:00")})], None),
    ("an anomaly reproduced, qualified, planned, worked around and reclassified",
     [("anomaly_reproduced", {"anomaly": "A1", **on("09:00:00")}), ("anomaly_qualified", {"anomaly": "A1", "criticality": 2, **on("10:00:00")}),
      ("action_plan_delivered", {"anomaly": "A1", **on("11:00:00")}), ("workaround_delivered", {"anomaly": "A1", **on("11:00:00")}),
      ("anomaly_reclassified", {"anomaly": "A1", "criticality": 1, **on("10:00:00")})], None),
    ("a call answered", [("call_received", {"call": "L1", **on("09:00:00")}), ("call_answered", {"call": "L1", **on("09:00:00")})], None),
    ("a refresh refused", [("recette_refresh_requested", {"refresh": "F1", **on("09:00:00")}), ("recette_refresh_refused", {"refresh": "F1", "reason": "r", **on("09:00:00")})], None),
    ("an instruction received", [("account_instruction_received", {"instruction": "I1", **on("09:00:00")}), ("account_instruction_executed", {"instruction": "I1", **on("09:00:00")})], None),
    ("an invoice twice", [*[("invoice_issued", {"invoice": "V1", **on("09:00:00")})] * 2], "twice"),
    ("a statement contested, and again", [("availability_statement_issued", {"statement": "T1", "month": "2026-03", "known_at": f"{DAY}09:00:00Z", "position": 4, "reading": {}, "figures": {}}), *[("statement_contested", {"statement": "T1", "reason": "r"})] * 2], None),
    ("a dispute with evidence, replayed", [("dispute_opened", {"dispute": "D", "question": "q", "reason": "r"}), ("dispute_evidence_filed", {"dispute": "D"}), ("dispute_replayed", {"dispute": "D", "position": 4, "known_at": f"{DAY}09:00:00Z", "answer_sha256": "x"}), ("dispute_decided", {"dispute": "D", "decision": "d"}), ("dispute_decided", {"dispute": "D", "decision": "on appeal"})], None),
    ("a hold lifted", [("legal_hold_placed", {"hold": "H", "reason": "r", **on("09:00:00")}), ("legal_hold_lifted", {"hold": "H", **on("09:00:01")})], None),
    ("service left", [CONTRACTED, TAKEN, LEFT], None),
    ("access codes", [CONTRACTED, ("access_codes_communicated", on("09:00:00"))], None),
)  # fmt: skip


@pytest.mark.parametrize(("why", "lines", "code"), WALKS, ids=[walk[0] for walk in WALKS])
def test_what_may_follow(why: str, lines: list[Line], code: str | None) -> None:
    assert code_of(*lines) == code


def test_every_step_is_taken_in_some_walk() -> None:
    taken = {line[0] for _, lines, code in WALKS for line in (lines if code is None else lines[:-1])}
    assert {step.type for step in MUST_FOLLOW} - taken == set()


ONCE = [step.type for step in MUST_FOLLOW if step.once]


@pytest.mark.parametrize("kind", ONCE)
def test_what_is_said_once_of_a_thing_is_refused_the_second_time(kind: str) -> None:
    lines = next(ls if code is None else ls[:-1] for _, ls, code in WALKS if kind in [line[0] for line in (ls if code is None else ls[:-1])])
    upto = max(n for n, line in enumerate(lines) if line[0] == kind)
    assert code_of(*lines[: upto + 1], lines[upto]) == "twice"


def test_the_table_names_what_the_vocabulary_has() -> None:
    for step in MUST_FOLLOW:
        fields = set(VOCABULARY[step.type].__struct_fields__)
        assert not step.id_field or set(step.id_field.split("+")) <= fields, step
        assert not step.at or step.at in fields, step
        reached = {s.becomes for s in MUST_FOLLOW if s.noun == step.noun} | {NOTHING}
        assert set(step.follows) <= reached | {"deleted"}, (step, "a status nothing leaves")
    assert {*SPECIAL, *AFTER} <= {step.type for step in MUST_FOLLOW}


def test_work_and_its_announcement_are_folded_together_and_roll_outs_by_environment() -> None:
    assert thing_of(event_of(*TOLD)) == ("announcement", "M1")
    assert group_of(event_of(*TOLD)) == group_of(event_of(*WORK)) == ("maintenance", "M1")
    assert thing_of(event_of(*UPDATED)) == ("rollout", "U1/production")
    assert thing_of(event_of("service_review_held", on("09:00:00"))) is None
    take(event_of("service_review_held", on("09:00:00")), {})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([line for _, lines, _ in WALKS for line in lines]), max_size=12))
def test_a_refused_event_leaves_what_is_known_as_it_was_whatever_came_before(lines: list[Line]) -> None:
    things: dict[ThingKey, Thing] = {}
    for kind, data in lines:
        before = known_of(things)
        try:
            take(event_of(kind, data), things)
        except Refused:
            assert known_of(things) == before


def test_every_event_that_speaks_of_a_thing_by_id_is_in_the_table_or_needs_no_order() -> None:
    """A new event of a noun the table knows cannot slip past it unseen."""
    nouns = {field for step in MUST_FOLLOW for field in step.id_field.split("+")} - {"", "environment"}
    free = {  # said of a thing at any time, before it too
        "maintenance_status_published", "update_announced", "update_impact_notified", "update_documentation_published",
        "update_date_agreed", "tests_completed",
    }  # fmt: skip
    for name, kind in VOCABULARY.items():
        first = msgspec.structs.fields(kind)[0].name
        if first in nouns and kind not in STEPS:
            assert name in free, name
