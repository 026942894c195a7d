"""The table of steps: for each event that speaks of a thing, what it may follow and what it leaves.

It stays a table, so that it can be read beside the contract; `order.py` folds by it.
"""

from __future__ import annotations

from typing import NamedTuple

NOTHING = ""  # the status of a thing nobody spoke of yet


class Step(NamedTuple):
    """One row: event type, the noun and the field that names the thing, and what the event needs and leaves."""

    type: str
    noun: str
    id_field: str
    follows: tuple[str, ...]  # statuses it may follow; empty: any, nothing included
    becomes: str | None  # None: the status stays
    at: str  # the field compared with the thing's beginning; empty: none
    once: bool = False  # at most once for a thing
    strictly: bool = False  # must be after the beginning, not merely not before
    again: bool = False  # may be said again and again, as long as the thing is there to say it of


_K = ("known",)
MUST_FOLLOW: tuple[Step, ...] = (
    Step("contract_started", "contract", "", (NOTHING,), "running", "service_start"),
    Step("contract_scope_changed", "contract", "", ("running", "suspended"), None, ""),
    Step("option_subscribed", "contract", "", ("running", "suspended"), None, ""),
    Step("option_cancelled", "contract", "", ("running", "suspended"), None, ""),
    Step("contract_suspended", "contract", "", ("running",), "suspended", ""),
    Step("contract_resumed", "contract", "", ("suspended",), "running", ""),
    Step("contract_terminated", "contract", "", ("running", "suspended"), None, "effective_from", once=True),
    Step("service_assigned", "contract", "", ("running", "suspended"), None, ""),
    Step("service_unassigned", "contract", "", ("running", "suspended"), None, ""),
    Step("access_codes_communicated", "contract", "", ("running", "suspended"), None, "", once=True),
    Step("service_started", "service", "service", (NOTHING,), "running", "at"),
    Step("outage_started", "outage", "outage", (NOTHING,), "open", "at"),
    Step("outage_ended", "outage", "outage", ("open",), "ended", "at", strictly=True),
    Step("outage_linked", "outage", "outage", ("open", "ended"), None, ""),
    Step("outage_claimed", "claim", "claim", (NOTHING,), "claimed", "from_"),
    Step("outage_claim_accepted", "claim", "claim", ("claimed", "rejected"), "accepted", ""),
    Step("outage_claim_rejected", "claim", "claim", ("claimed", "accepted"), "rejected", ""),
    Step("exclusion_claimed", "exclusion", "exclusion", (NOTHING,), "claimed", "from_"),
    Step("exclusion_contested", "exclusion", "exclusion", ("claimed",), "contested", ""),
    Step("exclusion_accepted", "exclusion", "exclusion", ("claimed", "contested"), "accepted", ""),
    Step("exclusion_upheld", "exclusion", "exclusion", ("claimed", "contested"), "upheld", ""),
    Step("exclusion_rejected", "exclusion", "exclusion", ("claimed", "contested"), "rejected", ""),
    Step("maintenance_announced", "announcement", "maintenance", (NOTHING,), "announced", ""),
    Step("maintenance_rescheduled", "announcement", "maintenance", ("announced",), None, ""),
    Step("maintenance_cancelled", "announcement", "maintenance", ("announced",), "cancelled", ""),
    Step("maintenance_started", "maintenance", "maintenance", (NOTHING,), "started", "at"),
    Step("blocking_started", "maintenance", "maintenance", ("started", "ended"), "blocked", "at"),
    Step("blocking_ended", "maintenance", "maintenance", ("blocked",), "started", "at", strictly=True),
    Step("maintenance_ended", "maintenance", "maintenance", ("started",), "ended", ""),
    Step("backup_completed", "backup", "backup", (NOTHING, "failed"), "kept", "completed_at"),
    Step("backup_failed", "backup", "backup", (NOTHING, "failed"), "failed", "failed_at"),
    Step("backup_verified", "backup", "backup", ("kept", "deleted"), None, "at"),
    Step("backup_copy_stored", "backup", "backup", ("kept", "deleted"), None, ""),
    Step("backup_copy_lost", "backup", "backup", ("kept", "deleted"), None, "at"),
    Step("backup_deleted", "backup", "backup", ("kept",), None, "at"),
    Step("restore_requested", "restore", "restore", (NOTHING,), "requested", "requested_at"),
    Step("restore_started", "restore", "restore", ("requested", "failed"), "started", "at"),
    Step("restore_completed", "restore", "restore", ("requested", "started"), "completed", "at"),
    Step("restore_failed", "restore", "restore", ("requested", "started"), "failed", "at"),
    Step("restore_refused", "restore", "restore", ("requested",), "refused", "at"),
    Step("disaster_declared", "disaster", "disaster", (NOTHING,), "declared", "at"),
    Step("disaster_recovered", "disaster", "disaster", ("declared",), "recovered", "at"),
    Step("update_rolled_out", "rollout", "update+environment", (NOTHING, "rolled_back"), "rolled_out", "at"),
    Step("update_rolled_back", "rollout", "update+environment", ("rolled_out",), "rolled_back", "at"),
    Step("support_request_registered", "request", "request", (NOTHING,), "known", "at"),
    Step("support_request_acknowledged", "request", "request", _K, None, "at", once=True),
    Step("support_request_taken_in_charge", "request", "request", _K, None, "at", once=True),
    Step("support_request_resolved", "request", "request", _K, None, "at", once=True),
    Step("support_request_excluded", "request", "request", _K, None, "at", once=True),
    Step("support_request_withdrawn", "request", "request", _K, None, "at", once=True),
    Step("support_suspended", "support", "", (NOTHING, "running"), "suspended", "at"),
    Step("support_resumed", "support", "", ("suspended",), "running", "at", strictly=True),
    Step("support_line_closed", "support_line", "", (NOTHING, "open"), "closed", "at"),
    Step("support_line_opened", "support_line", "", ("closed",), "open", "at", strictly=True),
    Step("call_received", "call", "call", (NOTHING,), "waiting", "at"),
    Step("call_answered", "call", "call", ("waiting",), "answered", "at"),
    Step("anomaly_reproduced", "anomaly", "anomaly", (), None, "", once=True),
    Step("anomaly_qualified", "anomaly", "anomaly", (NOTHING,), "known", "at"),
    Step("anomaly_reclassified", "anomaly", "anomaly", _K, None, "at"),
    Step("action_plan_delivered", "anomaly", "anomaly", (), None, "", once=True),
    Step("workaround_delivered", "anomaly", "anomaly", (), None, "", once=True),
    Step("fix_delivered", "anomaly", "anomaly", (), None, "", once=True),
    Step("recette_refresh_requested", "refresh", "refresh", (NOTHING,), "requested", "at"),
    Step("recette_refreshed", "refresh", "refresh", (NOTHING, "requested"), "done", "at"),
    Step("recette_refresh_refused", "refresh", "refresh", ("requested",), "refused", "at"),
    Step("account_instruction_received", "instruction", "instruction", (NOTHING,), "known", "at"),
    Step("account_instruction_executed", "instruction", "instruction", (), "executed", "at", once=True),
    Step("invoice_issued", "invoice", "invoice", (NOTHING,), "issued", "at"),
    Step("availability_statement_issued", "statement", "statement", (NOTHING,), "issued", ""),
    Step("statement_contested", "statement", "statement", ("issued",), None, ""),
    Step("dispute_opened", "dispute", "dispute", (NOTHING,), "open", ""),
    Step("dispute_evidence_filed", "dispute", "dispute", ("open", "decided"), None, "", again=True),
    Step("dispute_replayed", "dispute", "dispute", ("open", "decided"), None, "", again=True),
    Step("dispute_decided", "dispute", "dispute", ("open", "decided"), "decided", "", again=True),
    Step("dispute_closed", "dispute", "dispute", ("open", "decided"), "closed", ""),
    Step("legal_hold_placed", "hold", "hold", (NOTHING,), "placed", "at"),
    Step("legal_hold_lifted", "hold", "hold", ("placed",), "lifted", "at", strictly=True),
)
