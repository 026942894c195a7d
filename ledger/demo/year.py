"""The simulated year of contract C-2041: what broke, what was planned, what was asked, claimed and corrected.

Each line is one fact: when it was learnt, what it is, its id, what it says; times are of Paris. The numbers
were chosen so that 2025-11 is a breach, 2026-02 becomes one when an end is corrected, 2026-05 when an
exclusion falls, and the other months are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.demo.routine import later
from ledger.demo.told import CONTRACT, Event, proof, said

NOTE = "simulated: the contract, its year and the clock it is recorded by (demo/simulated-clock) are made up"


def contract() -> Iterator[Event]:
    """The contract begins; what is billed, reviewed, measured and instructed during its year."""
    begun = "2025-09-30 16:00"
    yield said(
        begun, "contract_started", "contract", contract=CONTRACT, plan="open", service_start="2025-10-01 00:00",
        support_start="2025-10-01", production_named_users=400, single_tenant=True, region="fr", note=NOTE,
    )  # fmt: skip
    yield said("2025-10-01 09:05", "access_codes_communicated", "access-codes", at="2025-10-01 09:00")
    yield said("2025-10-01 09:10", "backup_policy_published", "policy-1", version="1", at="2025-10-01 09:00")
    for n, first, last in (
        (1, "2025-10-01", "2025-12-31"), (2, "2026-01-01", "2026-03-31"),
        (3, "2026-04-01", "2026-06-30"), (4, "2026-07-01", "2026-09-30"),
    ):  # fmt: skip
        at = f"{first} 10:00"
        yield said(at, "invoice_issued", f"invoice/{n}", invoice=f"I-{n}", at=at, period_first=first, period_last=last)
    for month in (
        "2025-10",
        "2025-11",
        "2025-12",
        "2026-01",
        "2026-03",
        "2026-04",
        "2026-06",
        "2026-07",
        "2026-08",
        "2026-09",
    ):
        at = f"{month}-16 11:00"  # none in May: the review is missing; February's was waived
        yield said(at, "service_review_held", f"review/{month}", at=at)
    yield said(
        "2026-02-12 10:00", "service_review_waived", "review/2026-02", month="2026-02", reference="letter 2026-02-12"
    )
    for at, stored in (
        ("2025-10-15 08:00", 1_210_000_000_000), ("2026-01-15 08:00", 1_530_000_000_000),
        ("2026-04-15 08:00", 1_840_000_000_000), ("2026-07-15 08:00", 2_060_000_000_000),  # over 400 x 5 GB
    ):  # fmt: skip
        yield said(at, "storage_measured", f"storage/{at[:10]}", at=at, bytes=stored, users=400)
    yield said(
        "2026-07-20 15:00",
        "storage_extension_subscribed",
        "storage/extension",
        bytes=500_000_000_000,
        effective_from="2026-08-01 00:00",
    )
    yield said(
        "2025-10-06 10:00",
        "account_instruction_received",
        "account/1",
        instruction="AC-1",
        at="2025-10-06 10:00",
        action="create",
    )
    yield said(
        "2025-10-07 09:30", "account_instruction_executed", "account/1-done", instruction="AC-1", at="2025-10-07 09:25"
    )


# outage, effect, from, to, minutes until its start and its end were learnt, more of its start
OUTAGES: tuple[tuple[str, str, str, str, int, int, dict[str, Any]], ...] = (
    ("O-01", "no_access", "2025-10-09 11:02", "2025-10-09 11:14", 4, 3, {}),
    ("O-02", "no_access", "2025-11-13 09:12", "2025-11-13 10:47", 4, 3, {}),  # 95 min of the 74.1 allowed: breach
    ("O-03", "no_access", "2025-12-21 02:10", "2025-12-21 03:05", 5, 4, {}),  # a Sunday night: out of the hours
    ("O-04", "no_login", "2025-12-11 17:40", "2025-12-11 18:00", 6, 3, {}),
    ("O-05", "partial_users", "2026-01-22 10:00", "2026-01-22 11:30", 9, 3, {"users_affected": 40, "users_total": 400}),
    ("O-06", "no_access", "2026-02-17 14:05", "2026-02-17 15:05", 4, 3, {}),  # 60 min, until it is corrected
    ("O-07", "no_access", "2026-03-24 14:00", "2026-03-24 14:25", 4, 3, {}),
    ("O-08", "degraded", "2026-04-28 09:30", "2026-04-28 12:10", 20, 5, {"cause_hint": "slow searches"}),
    ("O-09", "no_access", "2026-05-19 08:20", "2026-05-19 10:05", 4, 3, {}),  # 105 min of the 66.3 allowed
    ("O-10", "no_access", "2026-07-09 10:30", "2026-07-09 11:00", 4, 3, {}),
    ("O-11", "no_access", "2026-08-04 16:45", "2026-08-04 16:57", 3 * 1440, 2 * 1440 + 1430, {}),  # learnt days later
    ("O-12", "no_access", "2026-09-12 23:00", "2026-09-12 23:40", 5, 4, {}),
)


def outages() -> Iterator[Event]:
    """What probes saw, and the end that a log later corrected."""
    for outage, effect, start, end, start_lag, end_lag, more in OUTAGES:
        learnt, over = later(start, start_lag), later(end, end_lag)
        learnt_of_end = max(learnt, over)
        yield said(
            learnt, "outage_started", f"outage-started/{outage}", outage=outage, environment="production",
            effect=effect, at=start, vantage="fr-metro/paris-1", **more,
        )  # fmt: skip
        yield said(learnt_of_end, "outage_ended", f"outage-ended/{outage}", outage=outage, at=end)
    yield said(
        "2026-03-20 11:30", "corrected", "corrected/outage-ended/O-06", target="outage-ended/O-06",
        data={"outage": "O-06", "at": "2026-02-17T15:31:00+01:00"},
        reason="the access log of the front servers shows the first answered request at 15:31, not 15:05",
        evidence=proof("front access log 2026-02-17"),
    )  # fmt: skip


CLAIMS: tuple[Event, ...] = (
    said("2026-03-25 09:30", "exclusion_claimed", "exclusion/X-1", exclusion="X-1", ground="force_majeure",
         outage="O-07",
         from_="2026-03-24 14:00", to="2026-03-24 14:25", statement="regional power failure", evidence=proof("X-1")),
    said("2026-03-30 10:00", "exclusion_accepted", "exclusion/X-1/accepted", exclusion="X-1", by="customer"),
    said("2026-05-21 17:00", "exclusion_claimed", "exclusion/X-2", exclusion="X-2", ground="customer_equipment",
         outage="O-09",
         from_="2026-05-19 08:20", to="2026-05-19 10:05", statement="customer's gateway", evidence=proof("X-2")),
    said("2026-05-27 11:00", "exclusion_contested", "exclusion/X-2/contested", exclusion="X-2", by="customer",
         reason="two other customers lost access in the same minutes"),
    said("2026-06-22 15:00", "exclusion_rejected", "exclusion/X-2/rejected", exclusion="X-2", by="expert",
         reason="the gateway's log shows it up; the failure was upstream of it", evidence=proof("expert report X-2")),
    said("2026-07-10 09:00", "exclusion_claimed", "exclusion/X-3", exclusion="X-3", ground="outside_service_scope",
         outage="O-10",
         from_="2026-07-09 10:30", to="2026-07-09 11:00", statement="customer's network", evidence=proof("X-3")),
    said("2026-07-15 14:00", "retracted", "retracted/exclusion/X-3", target="exclusion/X-3",
         reason="claimed of the wrong incident", evidence=proof("X-3 withdrawn")),
    said("2026-07-08 09:15", "outage_claimed", "claim/K-1", claim="K-1", from_="2026-07-07 09:00",
         to="2026-07-07 09:25",
         reason="nobody at the Lyon office could open the service"),
    said("2026-07-10 16:00", "outage_claim_accepted", "claim/K-1/accepted", claim="K-1", by="provider"),
    said("2026-03-23 09:00", "dispute_opened", "dispute/D-1", dispute="D-1", question="availability",
         params={"month": "2026-02"}, by="customer", reason="the statement for February rests on the uncorrected end"),
)  # fmt: skip

# maintenance, published, planned start and end, work from and to, blocking from and to (or none)
WORKS: tuple[tuple[str, str, str, str, str, str, str | None, str | None], ...] = (
    ("M-01", "2025-10-20 10:00", "2025-10-25 08:00", "2025-10-25 12:00",  # the day before the clocks change
     "2025-10-25 08:05", "2025-10-25 11:40", "2025-10-25 08:30", "2025-10-25 11:00"),
    ("M-02", "2025-12-01 09:30", "2025-12-06 07:00", "2025-12-06 11:00",
     "2025-12-06 07:00", "2025-12-06 10:20", "2025-12-06 07:30", "2025-12-06 10:00"),
    ("M-03", "2026-01-11 23:00", "2026-01-13 22:00", "2026-01-13 23:45",  # 47 hours of notice
     "2026-01-13 22:00", "2026-01-13 23:30", "2026-01-13 22:05", "2026-01-13 23:20"),
    ("M-04", "2026-03-09 14:00", "2026-03-14 08:00", "2026-03-14 12:00",
     "2026-03-14 08:00", "2026-03-14 11:15", "2026-03-14 08:10", "2026-03-14 10:50"),
    ("M-05", "2026-04-13 10:00", "2026-04-16 02:00", "2026-04-16 06:00",  # 50 minutes past 07:00, a Thursday
     "2026-04-16 02:00", "2026-04-16 07:55", "2026-04-16 02:10", "2026-04-16 07:50"),
    ("M-06", "2026-07-13 09:00", "2026-07-18 07:00", "2026-07-18 12:00",
     "2026-07-18 07:00", "2026-07-18 11:30", "2026-07-18 07:30", "2026-07-18 11:00"),
    ("M-07", "2026-08-17 16:00", "2026-08-20 20:00", "2026-08-20 23:30",  # stopped at 20:30, before 22:00
     "2026-08-20 20:00", "2026-08-20 22:50", "2026-08-20 20:30", "2026-08-20 22:40"),
    ("M-08", "2026-09-14 11:00", "2026-09-17 22:00", "2026-09-17 23:30",
     "2026-09-17 22:10", "2026-09-17 23:05", None, None),
)  # fmt: skip


def maintenance() -> Iterator[Event]:
    """Announced works, one of them moved, one called off, and an emergency in broad daylight."""
    for name, published, planned_start, planned_end, start, end, stopped, answered in WORKS:
        yield said(
            published, "maintenance_announced", f"announced/{name}", maintenance=name, published_at=published,
            planned_start=planned_start, planned_end=planned_end, blocking=stopped is not None, channel="portal",
        )  # fmt: skip
        yield said(published, "maintenance_status_published", f"status/{name}", maintenance=name, at=published)
        yield said(start, "maintenance_started", f"work-started/{name}", maintenance=name, kind="planned", at=start)
        if stopped is not None and answered is not None:
            yield said(stopped, "blocking_started", f"stopped/{name}", maintenance=name, at=stopped)
            yield said(answered, "blocking_ended", f"answered/{name}", maintenance=name, at=answered)
        yield said(end, "maintenance_ended", f"work-ended/{name}", maintenance=name, at=end)
    yield said(
        "2026-07-14 10:00", "maintenance_rescheduled", "rescheduled/M-06", maintenance="M-06",
        published_at="2026-07-14 10:00", planned_start="2026-07-18 07:00", planned_end="2026-07-18 11:30",
        blocking=True,
        channel="portal",
    )  # fmt: skip
    yield from _called_off()
    yield from _emergency()


def _called_off() -> Iterator[Event]:
    at = "2026-02-23 10:00"
    yield said(
        at, "maintenance_announced", "announced/M-09", maintenance="M-09", published_at=at, blocking=True,
        planned_start="2026-02-28 08:00", planned_end="2026-02-28 12:00", channel="portal",
    )  # fmt: skip
    yield said(at, "maintenance_status_published", "status/M-09", maintenance="M-09", at=at)
    gone = "2026-02-26 15:00"
    yield said(gone, "maintenance_cancelled", "cancelled/M-09", maintenance="M-09", published_at=gone, reason="put off")


def _emergency() -> Iterator[Event]:
    start, end = "2026-06-10 11:00", "2026-06-10 12:10"
    yield said(
        start, "maintenance_started", "work-started/M-10", maintenance="M-10", kind="emergency", at=start,
        urgency_reason="a flaw of the front servers was being exploited", change_ref="CH-881", evidence=proof("CH-881"),
    )  # fmt: skip
    yield said(start, "maintenance_status_published", "status/M-10", maintenance="M-10", at=start)
    yield said(start, "blocking_started", "stopped/M-10", maintenance="M-10", at=start)
    yield said(end, "blocking_ended", "answered/M-10", maintenance="M-10", at=end)
    yield said(end, "maintenance_ended", "work-ended/M-10", maintenance="M-10", at=end)


ASKED: tuple[Event, ...] = (
    # restores: one restorable, one out of retention, one whose backup was never made
    said("2025-12-04 09:00", "restore_requested", "restore/R-1", restore="R-1", scope="client_data",
         requested_at="2025-12-04 09:00", target_date="2025-12-01"),
    said("2025-12-04 13:40", "restore_completed", "restore/R-1/done", restore="R-1", at="2025-12-04 13:35",
         backup="B-2025-12-01"),
    said("2026-01-20 10:00", "restore_requested", "restore/R-2", restore="R-2", scope="client_data",
         requested_at="2026-01-20 10:00", target_date="2025-12-30"),
    said("2026-01-20 15:00", "restore_refused", "restore/R-2/refused", restore="R-2", at="2026-01-20 15:00",
         reason="that day is no longer kept; the states of 28 December and of 1 January are"),
    said("2026-02-10 08:50", "restore_requested", "restore/R-3", restore="R-3", scope="client_data",
         requested_at="2026-02-10 08:50", target_date="2026-02-07"),
    said("2026-02-10 17:00", "restore_failed", "restore/R-3/failed", restore="R-3", at="2026-02-10 16:50",
         reason="no backup of that night"),
    # updates: told before, told after, a corrective patch nobody need be told of, a regulatory one, told before
    said("2025-11-20 10:00", "update_announced", "update/U-25.2", update="U-25.2", published_at="2025-11-20 10:00",
         kind="version", version="25.2", planned_date="2025-12-06", changes_version_number=True),
    said("2025-11-20 10:05", "update_documentation_published", "update/U-25.2/doc", update="U-25.2",
         published_at="2025-11-20 10:05"),
    said("2025-12-06 09:50", "update_rolled_out", "update/U-25.2/out", update="U-25.2", at="2025-12-06 09:45",
         kind="version",
         version="25.2", changes_version_number=True, maintenance_id="M-02"),
    said("2026-01-22 11:00", "update_announced", "update/R-2026-1", update="R-2026-1", published_at="2026-01-22 11:00",
         kind="regulatory_patch", planned_date="2026-01-27"),
    said("2026-01-27 22:40", "update_rolled_out", "update/R-2026-1/out", update="R-2026-1", at="2026-01-27 22:30",
         kind="regulatory_patch", changes_version_number=False),
    said("2026-03-14 10:45", "update_rolled_out", "update/U-26.1/out", update="U-26.1", at="2026-03-14 10:40",
         kind="version",
         version="26.1", changes_version_number=True, maintenance_id="M-04"),
    said("2026-03-16 09:00", "update_announced", "update/U-26.1", update="U-26.1", published_at="2026-03-16 09:00",
         kind="version", version="26.1", changes_version_number=True),
    said("2026-04-22 21:10", "update_rolled_out", "update/P-26.1.1/out", update="P-26.1.1", at="2026-04-22 21:00",
         kind="corrective_patch", version="26.1.1", changes_version_number=False),
    said("2026-06-29 10:00", "update_announced", "update/U-26.2", update="U-26.2", published_at="2026-06-29 10:00",
         kind="version", version="26.2", planned_date="2026-07-18", changes_version_number=True),
    said("2026-07-18 10:35", "update_rolled_out", "update/U-26.2/out", update="U-26.2", at="2026-07-18 10:30",
         kind="version",
         version="26.2", changes_version_number=True, maintenance_id="M-06"),
    # anomalies: a plan in time, a correction two days late, one without a limit
    said("2025-12-09 11:05", "anomaly_reproduced", "anomaly/A-1/reproduced", anomaly="A-1", at="2025-12-09 11:00",
         request="S-08"),
    said("2025-12-09 11:05", "anomaly_qualified", "anomaly/A-1", anomaly="A-1", criticality=1, at="2025-12-09 11:00",
         request="S-08"),
    said("2025-12-10 16:00", "action_plan_delivered", "anomaly/A-1/plan", anomaly="A-1", at="2025-12-10 16:00"),
    said("2026-03-03 10:00", "anomaly_reproduced", "anomaly/A-2/reproduced", anomaly="A-2", at="2026-03-03 10:00"),
    said("2026-03-03 10:00", "anomaly_qualified", "anomaly/A-2", anomaly="A-2", criticality=2, at="2026-03-03 10:00"),
    said("2026-03-13 11:00", "fix_delivered", "anomaly/A-2/fix", anomaly="A-2", at="2026-03-13 11:00"),
    said("2026-05-05 15:00", "anomaly_qualified", "anomaly/A-3", anomaly="A-3", criticality=3, at="2026-05-05 15:00"),
)  # fmt: skip


def year() -> Iterator[Event]:
    """Everything of the simulated year but its routine; to be put in the order it was learnt."""
    yield from contract()
    yield from outages()
    yield from CLAIMS
    yield from maintenance()
    yield from ASKED
