"""Every obligation of the booklet in one table: who owes it, how it is decided, by which rule, from which facts.

One row for each id of the rules, those included that nothing here can decide: a documentary one is recorded and
never judged, one resting on a human fact is judged once somebody recorded it.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.readings import SWITCHES

HOW: dict[str, str] = {
    "decided": "the ledger decides alone from events",
    "human_fact": "decided once a human fact (cause, criticality, agreement) is recorded",
    "documentary": "recorded, nothing to compute",
}


class Obligation(NamedTuple):
    """One row. `who` owes it; `over` is the period it is judged over, empty where nothing breaks it by itself.

    `rule` is what decides or shows it: `module:function` of projections, `term:` a table of the booklet, `switch:` a
    choice of reading, or empty. `needs` are the events that put it to the test, each with the value a field must
    have (`maintenance_started kind=planned`); with none, it is owed whatever happens. `promised` is the place in the
    terms, or the option, without which it is not owed.
    """

    id: str
    clause: str
    text: str
    who: str
    how: str
    over: str
    rule: str
    needs: tuple[str, ...] = ()
    promised: str = ""

    @property
    def switches(self) -> tuple[str, ...]:
        """The switches that bear on it, as the table of switches has them."""
        return tuple(switch.name for switch in SWITCHES if self.id in switch.obligations)

    @property
    def test(self) -> str:
        """The test module that tries its rule."""
        kind, _, rest = self.rule.partition(":")
        if not rest:
            return ""
        return {"term": "tests/test_terms.py", "switch": "tests/test_readings.py"}.get(
            kind, f"tests/test_{kind.removeprefix('projections.')}.py"
        )


_P, _C, _B = "provider", "customer", "both"
_L, _H, _D = "decided", "human_fact", "documentary"
_M = "month"
_SUPPORT, _CALLS, _DOSSIERS = "projections.support:support_response", "projections.calls:", "projections.dossiers:"
_WORK, _RATE = "projections.maintenance:maintenance", "projections.availability:availability"
_UPDATES, _FAULTS = "projections.updates:updates", "projections.anomalies:anomaly"
_BACKUPS, _RESTORES, _RECETTE = "projections.backups:", "projections.restores:restore_decision", "projections.recette:"
_ENTITLED, _BILLING = "projections.entitlements:", "projections.billing:"
_PLANNED = ("maintenance_started kind=planned",)

# fmt: off
OBLIGATIONS: tuple[Obligation, ...] = tuple(Obligation(*row) for row in (
    # article 1: definitions
    ("A1.1", "1", "an anomaly is reproducible and measured against the documentation", _P, _H, "",
     _FAULTS, ("anomaly_reproduced",)),
    ("A1.2", "1", "criticality 1: an essential function is out, with no way round", _P, _H, "",
     _FAULTS, ("anomaly_qualified criticality=1",)),
    ("A1.3", "1", "criticality 2: a function is out, with a way round", _P, _H, "",
     _FAULTS, ("anomaly_qualified criticality=2",)),
    ("A1.4", "1", "criticality 3: every other anomaly", _P, _H, "",
     _FAULTS, ("anomaly_qualified criticality=3",)),
    ("A1.5", "1", "a request exists when the customer reports it", _C, _H, "",
     _SUPPORT, ("support_request_registered",)),
    ("A1.6", "1", "the maintenance window is a period, not a cause", _B, _L, "",
     "switch:window_exclusion"),
    ("A1.7", "1", "working hours are those support is open", _B, _L, "", "term:support.week"),
    ("A1.8", "1", "working days: Monday to Friday without public holidays", _B, _L, "",
     "switch:holidays"),
    ("A1.9", "1", "an emergency has an urgent cause, no cap and no notice", _P, _H, "",
     _WORK, ("maintenance_started kind=emergency",)),
    ("A1.10", "1", "updates are decided by the publisher alone", _P, _D, "", ""),
    ("A1.11", "1", "who the contact and the support are", _P, _D, "", ""),
    # article 2
    ("A2.1", "2", "the booklet wins over the general terms", _B, _D, "", "", ("contract_started",)),
    # article 3: content
    ("A3.1", "3", "the perimeter and the users are those of annex 1", _P, _L, "",
     "projections.entitlements:entitlements", ("contract_started", "contract_scope_changed")),
    ("A3.2", "3", "one service review a month, unless waived in writing", _P, _L, _M,
     "projections.service:service_reviews", (), "reviews"),
    ("A3.3", "3", "a request given to the contact starts no clock", _B, _L, "",
     _SUPPORT, ("support_request_registered",), "support.not_support_channels"),
    ("A3.4", "3", "options for a single tenant; recette above 300 users", _C, _L, _M,
     "projections.options:recette_eligibility", ("option_subscribed",), "options"),
    ("A3.5", "3", "an office subscription for each user", _C, _H, _M,
     _ENTITLED + "subscriptions", ("subscription_counted",), "subscriptions"),
    ("A3.6", "3", "the first recette data are a copy of production", _P, _H, "",
     _RECETTE + "recette_refreshes", ("recette_refreshed kind=initial",)),
    ("A3.7", "3", "specific developments only where written", _B, _D, "", ""),
    # article 4: limits
    ("A4.0", "4", "availability is judged from metropolitan France", _P, _H, "",
     "term:availability.vantages", ("outage_started",)),
    ("A4.1", "4", "when a dossier is active, inactive, unused", _B, _L, "",
     _DOSSIERS + "dossier_state", ("dossier_activity_recorded",)),
    ("A4.2", "4", "ticked on 1 October, unticked to 25 December, billed from 1 January", _P, _L, _M,
     _DOSSIERS + "dossier_schedule", ("dossier_ticked", "dossier_invoiced"), "dossiers"),
    ("A4.3", "4", "unticking before the 25th ends billing with the month", _P, _L, _M,
     _DOSSIERS + "dossier_billing", ("dossier_unticked", "dossier_invoiced"), "dossiers"),
    ("A4.4", "4", "a deletion leaves the documents kept", _P, _H, _M,
     "projections.deletions:breaches", ("dossier_deleted",), "dossiers"),
    ("A4.5", "4", "a recovery asked within 45 days gets a quote", _P, _L, _M,
     "projections.deletions:dossier_recovery", ("dossier_recovery_requested",), "dossiers"),
    ("A4.6", "4", "recette: ten users, fifty dossiers, never behind production", _B, _L, _M,
     _RECETTE + "recette_limits", ("recette_measured", "update_rolled_out environment=recette"), "recette"),
    ("A4.7", "4", "two recette refreshes a year are included", _P, _L, "contract_year",
     _RECETTE + "recette_refreshes", ("recette_refresh_requested", "recette_refreshed kind=refresh"), "recette"),
    ("A4.8", "4", "office space: so many gigabytes for each user", _C, _L, _M,
     "projections.storage:storage", ("storage_measured",), "storage"),
    ("A4.9", "4", "professional use of the space, kept small", _C, _D, "", ""),
    ("A4.10", "4", "no specific development is included", _B, _D, "", ""),
    # article 5: access and maintenance
    ("A5.1", "5", "open all day, every day, but for maintenance", _P, _L, _M,
     _RATE, ("outage_started environment=production",)),
    ("A5.2", "5", "the window: nights, Saturdays, Sundays, holidays", _B, _L, "",
     "term:maintenance.window"),
    ("A5.3", "5", "planned work is announced 48 hours ahead", _P, _L, _M, _WORK, _PLANNED),
    ("A5.4", "5", "planned work stays in the window", _P, _L, _M, _WORK, _PLANNED),
    ("A5.5", "5", "no stop before 22:00 on a weekday evening", _P, _L, _M,
     _WORK, _PLANNED, "maintenance.evening_limit"),
    ("A5.6", "5", "an emergency may come at any time", _P, _H, "",
     _WORK, ("maintenance_started kind=emergency",)),
    ("A5.7", "5", "no channel is stated for the announcement", _P, _L, "",
     "switch:notice_reference", ("maintenance_announced",)),
    # article 6: availability
    ("A6.1", "6", "at least 99.5 % of the reference hours of a month", _P, _L, _M, _RATE),
    ("A6.2", "6", "available is: one can reach it and log in", _P, _H, "",
     _RATE, ("outage_started",)),
    ("A6.3", "6", "four grounds take time out, once claimed and proved", _P, _H, "",
     _RATE, ("exclusion_claimed",)),
    ("A6.4", "6", "the rate: reference hours less what was lost", _P, _L, "", _RATE),
    ("A6.5", "6", "production alone is rated", _P, _L, "",
     "term:availability.environments", ("outage_started",)),
    ("A6.6", "6", "the status of maintenances is published at all times", _P, _H, _M,
     _WORK, ("maintenance_started",), "maintenance.status_page"),
    ("A6.7", "6", "no remedy is stated", _P, _D, "", ""),
    # articles 7 and 8: infrastructure
    ("A7.1", "7", "power backed by two generators, one on site", _P, _D, "",
     _ENTITLED + "attestations", ("control_attested",)),
    ("A7.2", "7", "fire, smoke and flood watched, cooling doubled", _P, _D, "",
     _ENTITLED + "attestations", ("control_attested",)),
    ("A7.3", "7", "the site is guarded day and night", _P, _D, "",
     _ENTITLED + "attestations", ("control_attested",)),
    ("A7.4", "7", "several networks and operators reach it", _P, _D, "",
     _ENTITLED + "attestations", ("control_attested",)),
    ("A8.1", "8", "systems are kept up, backups have a policy", _P, _D, "",
     _ENTITLED + "attestations", ("control_attested", "backup_policy_published")),
    # article 9: backups
    ("A9.1", "9", "a state still owed is restored on request", _P, _L, _M,
     _RESTORES, ("restore_requested",)),
    ("A9.2", "9", "a backup each night, kept seven days", _P, _L, _M,
     _BACKUPS + "backup_nights", (), "backups.daily"),
    ("A9.3", "9", "a backup each week, kept four weeks", _P, _L, _M,
     _BACKUPS + "backup_weeks", (), "backups.weekly"),
    ("A9.4", "9", "a backup each month, kept two months", _P, _L, _M,
     _BACKUPS + "backup_months", (), "backups.monthly"),
    ("A9.5", "9", "office documents: daily, the last state owed", _P, _L, _M,
     _BACKUPS + "office_days", (), "backups.office_documents"),
    ("A9.6", "9", "two copies in two places", _P, _L, _M,
     _BACKUPS + "backup_copies", ("backup_completed",)),
    ("A9.7", "9", "after a disaster, restored as soon as may be", _P, _D, "",
     "", ("disaster_declared", "disaster_recovered")),
    ("A9.8", "9", "kept to the latest end of its tiers", _P, _L, "",
     _BACKUPS + "backup_retention", ("backup_completed",)),
    # article 10: updates
    ("A10.1", "10.1", "versions and patches, told apart by the number", _P, _L, "",
     _UPDATES, ("update_rolled_out",)),
    ("A10.2a", "10.2", "the date is told before the roll-out", _P, _L, _M,
     _UPDATES, ("update_rolled_out environment=production",)),
    ("A10.2b", "10.2", "training needed is told before", _P, _H, _M,
     _UPDATES, ("update_rolled_out training_needed=True", "update_impact_notified"), "updates.impact_notice"),
    ("A10.2c", "10.2", "no consent is asked; the documentation is published", _P, _D, "",
     _UPDATES, ("update_documentation_published",)),
    ("A10.2d", "10.2", "specific reports are homologated apart, at a price", _B, _D, "",
     "", ("specific_report_homologated",)),
    ("A10.3", "10.3", "with the option, a day is agreed before and held", _P, _L, _M,
     _UPDATES, ("update_rolled_out environment=production",), "option:personalised_update"),
    ("A10.4", "10.4", "with a recette, production follows the tests", _P, _H, _M,
     _UPDATES, ("update_rolled_out environment=production",), "option:recette"),
    ("A10.5", "10.5", "a roll-out that stops the service is maintenance", _P, _L, "",
     _WORK, ("update_rolled_out",)),
    # article 11: accounts
    ("A11.1", "11", "accounts are made and removed on instruction", _P, _H, _M,
     "projections.accounts:accounts", ("account_instruction_executed",)),
    ("A11.2", "11", "rights and passwords are the customer's to keep", _C, _D, "", ""),
    ("A11.3", "11", "a shared space, private and common folders", _P, _D, "", ""),
    # article 12: support
    ("A12.1", "12.1", "an account on the portal", _P, _D, "", ""),
    ("A12.2a", "12.2", "a technician takes a request in charge within the plan's hours", _P, _L, "",
     _SUPPORT, ("support_request_registered",)),
    ("A12.2b", "12.2", "three requests of four, in each twelve months", _P, _L, "support_year",
     _SUPPORT, ("support_request_registered",), "support.plan"),
    ("A12.2c", "12.2", "a request is acknowledged electronically", _P, _L, "",
     _SUPPORT, ("support_request_acknowledged",)),
    ("A12.2d", "12.2", "the customer describes, trains and gives access", _C, _H, "",
     _SUPPORT, ("support_request_excluded",)),
    ("A12.2e", "12.2", "support may be suspended: clocks stop", _P, _H, "",
     _SUPPORT, ("support_suspended", "support_resumed")),
    ("A12.3a", "12.3", "criticality 1: a plan within twelve working hours", _P, _L, _M,
     _FAULTS, ("anomaly_qualified criticality=1", "anomaly_reclassified criticality=1"), "support.plan"),
    ("A12.3b", "12.3", "criticality 2: a fix or workaround within six working days", _P, _L, _M,
     _FAULTS, ("anomaly_qualified criticality=2", "anomaly_reclassified criticality=2"), "support.plan"),
    ("A12.3c", "12.3", "criticality 3: no delay", _P, _L, "",
     _FAULTS, ("anomaly_qualified criticality=3",)),
    ("A12.3d", "12.3", "qualifying has no limit: it is measured", _P, _L, "",
     _FAULTS, ("anomaly_qualified",)),
    ("A12.4", "12.4", "a knowledge base", _P, _D, "", ""),
    ("A12.5", "12.5", "access to the portal", _P, _D, "", ""),
    ("A12.6", "12.6", "the telephone is open in its hours", _P, _H, _M,
     _CALLS + "phone_line", ("support_line_closed",), "support.plan"),
    ("A12.7", "12.7", "remote assistance in the opening hours", _P, _D, "", "switch:support_hours"),
    ("A12.8", "12.8", "web assistance: invitations and recordings", _P, _D, "", ""),
    ("A12.9", "12.9", "private: its calls are answered first", _P, _H, _M,
     _CALLS + "call_priority", ("call_answered",), "support.plan.priority_calls"),
    ("A12.10", "12.10", "private: longer hours", _P, _L, "",
     _CALLS + "phone_line", (), "support.plan.extended_week"),
    ("A12.11", "12.11", "private: two dashboards, with no frequency", _P, _D, "",
     "projections.dashboards:requests_dashboard", ("dashboard_published",), "support.plan.dashboards"),
    # articles 13 to 15
    ("A13.1", "13", "each level holds the contents of those below it", _P, _D, "",
     _ENTITLED + "entitlements"),
    ("A13.2", "13", "office contents of each level", _P, _D, "", _ENTITLED + "entitlements"),
    ("A14.1", "14", "billed each quarter in advance", _P, _L, "",
     _BILLING + "billing_dates", ("invoice_issued",), "billing"),
    ("A14.2", "14", "the first invoice not before the access codes", _P, _L, _M,
     _BILLING + "billing_dates", ("invoice_issued",), "billing"),
    ("A14.3", "14", "use beyond the order lets the price be updated", _C, _H, "",
     _BILLING + "usage_overruns", ("usage_measured",)),
    ("A15.1", "15", "the data pack has the quantity of the main product", _C, _L, "",
     _BILLING + "data_pack", ("contract_started", "contract_scope_changed"), "data_pack"),
    ("A15.2", "15", "what the data pack holds", _P, _D, "", ""),
))
# fmt: on
BY_ID: dict[str, Obligation] = {obligation.id: obligation for obligation in OBLIGATIONS}


def obligations_table() -> str:
    """The coverage table as Markdown: a row for each obligation."""
    rows = ["| id | clause | what is owed | by | how | rule | switches | test |", "|---|---|---|---|---|---|---|---|"]
    for o in OBLIGATIONS:
        rule, switches = (f"`{o.rule}`" if o.rule else "", " ".join(f"`{name}`" for name in o.switches))
        rows.append(f"| {o.id} | {o.clause} | {o.text} | {o.who} | {o.how} | {rule} | {switches} | {o.test} |")
    return "\n".join(rows)
