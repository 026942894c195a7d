"""What monitors and status pages post: each payload alone says the same for ever, a log also says what changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger.intake import Intake, read_with
from ledger.intake.status_pages import IMPACTS, betterstack, google_cloud, instatus, statuspage
from ledger.intake.webhooks import alertmanager, grafana, pagerduty, uptime_kuma
from tests.conftest import Clock
from tests.story import CONTRACT

SHARED = Path(__file__).parents[2] / "shared" / "shapes" / "webhooks"
C1 = "contract:C1"


def kinds(intake: Intake) -> list[str]:
    return [event["id"].partition("#")[2] for event in intake.events]


def times(intake: Intake) -> list[str]:
    return [event["data"]["at"] for event in intake.events]


def log(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


# --- Alertmanager, Grafana ---


def alert(status: str = "firing", **more: Any) -> dict[str, Any]:
    row = {
        "status": status, "labels": {"alertname": "Probe failure", "job": "http"}, "annotations": {"summary": "said by a person"},
        "startsAt": "2026-03-02T10:00:00.999999999+01:00", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "f1",
    }  # fmt: skip
    return {**row, **more}


def post(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts), **more}


def post_of_grafana(*alerts: dict[str, Any]) -> dict[str, Any]:
    return post(*alerts, version="1", orgId=1)


RESOLVED = alert("resolved", endsAt="2026-03-02T09:30:00.5Z")


@pytest.mark.parametrize(("read", "posted"), [(alertmanager, post), (grafana, post_of_grafana)])
def test_an_alert_is_an_outage_from_where_it_starts(read: Any, posted: Any) -> None:
    intake = read(posted(alert()), subject=C1)
    data = intake.events[0]["data"]
    assert data == {
        "outage": "f1-20260302T090000Z", "environment": "production", "effect": "degraded",
        "at": "2026-03-02T10:00:00+01:00", "cause_hint": "Probe failure",
    }  # fmt: skip
    assert "attestedat" not in intake.events[0]


def test_a_resolved_alert_says_its_start_again_and_its_end_and_a_resent_one_nothing_new() -> None:
    first, resolved = alertmanager(post(alert()), subject=C1), alertmanager(post(RESOLVED), subject=C1)
    assert resolved.events[0] == first.events[0]
    assert kinds(resolved) == ["outage_started", "outage_ended"]
    whole = alertmanager(log(post(alert()), post(alert()), post(RESOLVED)), subject=C1)
    assert whole.events == resolved.events


def test_what_an_alert_costs_is_said_by_its_rule_or_by_the_caller() -> None:
    labelled = alert(labels={"alertname": "a", "effect": "no_login"})
    assert alertmanager(post(labelled), subject=C1).events[0]["data"]["effect"] == "no_login"
    assert alertmanager(post(alert()), subject=C1, effect="no_access").events[0]["data"]["effect"] == "no_access"
    with pytest.raises(Refused) as refused:
        alertmanager(post(alert()), subject=C1, effect="gone")
    assert refused.value.code == "unknown_value"


def test_alerts_cut_off_and_alerts_of_other_names_are_told_by_number() -> None:
    intake = alertmanager(post(alert(), truncatedAlerts=3), subject=C1, alertname="Disk full, Backup late")
    assert intake.events == []
    assert intake.notes == [
        "1 x alerts of other names, left out",
        "3 alerts were cut off by the sender and are lost here",
    ]


def test_one_alert_cut_off_is_told_as_one() -> None:
    assert alertmanager(post(alert(), truncatedAlerts=1), subject=C1).notes == [
        "1 alert was cut off by the sender and is lost here"
    ]


def test_an_alert_without_a_fingerprint_is_named_by_its_labels() -> None:
    one, other = alert(fingerprint=None), alert(fingerprint=None, labels={"alertname": "Probe failure", "job": "ssh"})
    names = {event["data"]["outage"] for event in alertmanager(post(one, other), subject=C1).events}
    assert len(names) == 2
    again = alertmanager(post(one), subject=C1).events[0]["data"]["outage"]
    assert again in names


# --- PagerDuty ---


def duty(kind: str, at: str) -> dict[str, Any]:
    data = {
        "id": "P1",
        "type": "incident",
        "created_at": "2026-03-02T09:00:00Z",
        "html_url": "https://pd.example.org/P1",
        "title": "t",
    }
    return {"event": {"event_type": kind, "occurred_at": at, "agent": None, "data": data}}


TRIGGERED = duty("incident.triggered", "2026-03-02T09:00:05Z")
SOLVED = duty("incident.resolved", "2026-03-02T09:40:00.169Z")


def test_an_incident_ends_when_its_resolution_occurred() -> None:
    intake = pagerduty(log(TRIGGERED, duty("incident.acknowledged", "2026-03-02T09:01:00Z"), SOLVED), subject=C1)
    assert (kinds(intake), times(intake)) == (
        ["outage_started", "outage_ended"],
        ["2026-03-02T09:00:00Z", "2026-03-02T09:40:00Z"],
    )
    assert pagerduty(SOLVED, subject=C1).events == intake.events


def test_a_reopened_incident_loses_its_end_where_the_log_holds_it() -> None:
    reopened = duty("incident.reopened", "2026-03-02T10:00:00Z")
    again = duty("incident.resolved", "2026-03-02T11:00:00Z")
    intake = pagerduty([TRIGGERED, SOLVED, reopened, again], subject=C1)
    assert kinds(intake) == [
        "outage_started", "outage_ended", "3-20260302T100000Z-retracted-outage_ended", "4-20260302T110000Z-outage_ended",
    ]  # fmt: skip
    alone = pagerduty(reopened, subject=C1)
    assert kinds(alone) == ["outage_started"]
    assert "withdrawn only where this log holds it" in alone.notes[0]


def test_what_speaks_of_no_incident_is_counted() -> None:
    intake = pagerduty(
        {"event": {"event_type": "service.updated", "occurred_at": "2026-03-02T09:00:00Z", "data": {}}}, subject=C1
    )
    assert (intake.events, intake.notes) == (
        [],
        ["1 x payloads of service.updated, which tell no incident's beginning"],
    )


# --- Uptime Kuma ---


def beat(status: int, time: str) -> dict[str, Any]:
    return {
        "heartbeat": {"monitorID": 7, "status": status, "time": time, "important": True},
        "monitor": {"id": 7},
        "msg": "m",
    }


def test_a_monitor_is_down_from_its_down_to_its_next_up_in_utc() -> None:
    rows = [beat(2, "2026-03-02 08:59:00.000"), beat(0, "2026-03-02 09:00:00.000"), beat(0, "2026-03-02 09:01:00.000"),
            beat(1, "2026-03-02 09:05:00.000"), {"heartbeat": None, "msg": "test"}]  # fmt: skip
    intake = uptime_kuma(log(*rows), subject=C1)
    assert times(intake) == ["2026-03-02T09:00:00Z", "2026-03-02T09:05:00Z"]
    assert intake.events[0]["data"]["effect"] == "no_access"
    assert sorted(intake.notes) == [
        "1 x heartbeats PENDING, which are no outage",
        "1 x payloads without a heartbeat (tests, certificate notices)",
    ]


def test_an_up_alone_ends_nothing_and_is_noted() -> None:
    intake = uptime_kuma(beat(1, "2026-03-02 09:05:00.000"), subject=C1)
    assert intake.events == []
    assert "without its DOWN" in intake.notes[0]


# --- Statuspage ---


def page(**more: Any) -> dict[str, Any]:
    row = {
        "id": "i1", "name": "typed by a person", "status": "investigating", "impact": "critical", "shortlink": "https://stspg.example.org/1",
        "created_at": "2026-03-02T09:10:00.441Z", "updated_at": "2026-03-02T09:10:00.441Z", "resolved_at": None,
        "scheduled_for": None, "scheduled_until": None,
        "incident_updates": [{"status": "investigating", "created_at": "2026-03-02T09:10:00Z", "display_at": "2026-03-02T09:00:00Z"}],
    }  # fmt: skip
    return {"page": {"id": "p"}, "incident": {**row, **more}}


def test_an_incident_begins_where_its_first_update_is_displayed() -> None:
    intake = statuspage(page(), subject=C1)
    assert (kinds(intake), times(intake)) == (["outage_started"], ["2026-03-02T09:00:00Z"])
    assert intake.events[0]["data"]["evidence"] == ["https://stspg.example.org/1"]


def test_an_edit_in_a_log_is_a_correction_and_alone_a_conflict(tmp_path: Path) -> None:
    later = page(impact="minor", updated_at="2026-03-02T09:30:00Z", resolved_at="2026-03-02T09:25:00Z")
    whole = statuspage(log(page(), later), subject=C1)
    assert kinds(whole) == ["outage_started", "2-20260302T093000Z-corrected-outage_started", "outage_ended"]
    assert "effect was no_access, is degraded" in whole.events[1]["data"]["reason"]
    with open_ledger(str(tmp_path / "b.db"), clock=Clock("2026-12-01T00:00:00Z")) as book:
        book.record(
            [
                {
                    "specversion": "1.0",
                    "id": "s",
                    "source": "t",
                    "type": "contract_started",
                    "subject": C1,
                    "data": CONTRACT,
                }
            ]
        )
        book.record(statuspage(page(), subject=C1).events)
        with pytest.raises(Refused) as refused:
            book.record(statuspage(later, subject=C1).events)
        assert refused.value.code == "conflict"
        assert [r.outcome for r in book.record(whole.events)] == ["already_recorded", "recorded", "recorded"]


def scheduled(slot: str = "2026-03-05T21:00:00Z", *steps: tuple[str, str], **more: Any) -> dict[str, Any]:
    updates = [{"status": status, "created_at": at, "display_at": at} for status, at in steps]
    return page(
        impact="maintenance", scheduled_for=slot, scheduled_until="2026-03-05T23:00:00Z", incident_updates=updates,
        created_at="2026-03-02T09:00:00Z", **more,
    )  # fmt: skip


def test_a_scheduled_incident_is_announced_moved_and_done() -> None:
    moved = "2026-03-05T22:00:00Z"
    steps = (("in_progress", "2026-03-05T22:01:00Z"), ("completed", "2026-03-05T22:40:00Z"))
    intake = statuspage(
        log(
            scheduled(),
            scheduled(moved, updated_at="2026-03-04T09:00:00Z"),
            scheduled(moved, *steps[:1], updated_at="2026-03-05T22:01:00Z"),
            scheduled(moved, *steps, updated_at="2026-03-05T22:40:00Z"),
        ),
        subject=C1,
    )
    assert kinds(intake) == [
        "maintenance_announced", "maintenance_status_published", "maintenance_rescheduled", "maintenance_started",
        "maintenance_ended",
    ]  # fmt: skip
    assert intake.events[2]["data"]["published_at"] == "2026-03-04T09:00:00Z"


def test_a_slot_edited_once_work_began_reschedules_nothing() -> None:
    step = ("in_progress", "2026-03-05T21:00:00Z")
    row = scheduled("2026-03-07T21:00:00Z", step, updated_at="2026-03-05T21:30:00Z")
    row["incident"]["scheduled_until"] = "2026-03-07T23:00:00Z"
    intake = statuspage(log(scheduled("2026-03-05T21:00:00Z", step), row), subject=C1)
    assert kinds(intake) == ["maintenance_announced", "maintenance_status_published", "maintenance_started"]


def test_the_incidents_of_the_api_are_read_without_a_wrapper() -> None:
    rows = [page()["incident"], {**page()["incident"], "id": "i2"}]
    assert len(statuspage({"incidents": rows}, subject=C1).events) == 2
    assert len(statuspage(rows, subject=C1).events) == 2


def document(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What Statuspage's API answers at scheduled-maintenances.json; with `more` its summary.json."""
    return {"page": {"id": "p", "time_zone": "Etc/UTC"}, **more, "scheduled_maintenances": [row["incident"] for row in rows]}


STEPS = (("scheduled", "2026-03-02T09:00:00Z"), ("in_progress", "2026-03-05T21:02:00Z"), ("verifying", "2026-03-05T22:00:00Z"), ("completed", "2026-03-05T22:40:00Z"))
SLOT = "2026-03-05T21:00:00Z"
STOPPED, SLOTS = "a page does not tell whether maintenance stopped the service: record blocking_started by hand", "the API tells a maintenance's last slot alone: one it had before is not in its document"
FAR = {"scheduled": 1, "in_progress": 2, "verifying": 3, "completed": 4}


@pytest.mark.parametrize(("status", "expected"), [("scheduled", []), ("in_progress", ["maintenance_started"]), ("verifying", ["maintenance_started"]), ("completed", ["maintenance_started", "maintenance_ended"])])
def test_the_scheduled_maintenances_of_the_api_are_told_as_far_as_they_went(status: str, expected: list[str]) -> None:
    row = scheduled(SLOT, *STEPS[: FAR[status]], id="m1", status=status, started_at="2026-03-02T09:00:00Z", updated_at=STEPS[FAR[status] - 1][1])
    intake = statuspage(document(row), subject=C1)
    assert kinds(intake) == ["maintenance_announced", "maintenance_status_published", *expected]
    announced = intake.events[0]["data"]
    assert (announced["published_at"], announced["planned_start"], announced["planned_end"]) == ("2026-03-02T09:00:00Z", SLOT, "2026-03-05T23:00:00Z")
    assert times(Intake(intake.events[2:], [])) == ["2026-03-05T21:02:00Z", "2026-03-05T22:40:00Z"][: len(expected)]
    assert intake.notes == [STOPPED, SLOTS]


def test_a_document_and_the_webhooks_before_it_say_the_same() -> None:
    row = scheduled(SLOT, *STEPS, id="m1", status="completed", updated_at="2026-03-05T22:40:00Z")
    assert statuspage(document(row), subject=C1).events == statuspage(row, subject=C1).events


def test_the_summary_tells_its_incidents_and_its_maintenance() -> None:
    row = scheduled(SLOT, id="m1", status="scheduled")
    for incidents, expected in (([], 2), ([page()["incident"]], 3)):
        assert len(statuspage(document(row, incidents=incidents, components=[], status={"indicator": "none"}), subject=C1).events) == expected
    assert statuspage(document(incidents=[]), subject=C1) == Intake([], [])
    assert read_with("statuspage", document(), subject=C1).notes == ["statuspage: it holds nothing to record"]


LEFT_OPEN: tuple[tuple[str, dict[str, Any], list[str], str | None], ...] = (
    # what the record holds, the facts, what is noted of it
    ("completed, and no step before", {"status": "completed", "steps": STEPS[::3]}, ["maintenance_announced", "maintenance_status_published"], "completed, and no update tells when it began"),
    ("under way, and no step", {"status": "in_progress", "steps": STEPS[:1]}, ["maintenance_announced", "maintenance_status_published"], "in_progress, and no update tells when it began"),
    ("verifying, and no beginning", {"status": "verifying", "steps": STEPS[2:3]}, ["maintenance_announced", "maintenance_status_published"], "verifying, and no update tells when it began"),
    ("its end by resolved_at alone", {"status": "completed", "steps": STEPS[:2], "resolved_at": "2026-03-05T22:40:00Z"}, ["maintenance_announced", "maintenance_status_published", "maintenance_started", "maintenance_ended"], None),
    ("an end at its beginning", {"status": "completed", "steps": (STEPS[1], ("completed", STEPS[1][1]))}, ["maintenance_announced", "maintenance_status_published", "maintenance_started"], "completed, and no update tells an end after its beginning"),
    ("published once its slot had begun", {"status": "in_progress", "steps": STEPS[:2], "created_at": "2026-03-05T21:01:00Z"}, ["maintenance_status_published", "maintenance_started"], "recorded without announcement"),
    ("no slot", {"status": "scheduled", "steps": STEPS[:1], "scheduled_for": None}, ["maintenance_status_published"], "recorded without announcement"),
)  # fmt: skip


@pytest.mark.parametrize(("why", "given", "expected", "noted"), LEFT_OPEN, ids=[row[0] for row in LEFT_OPEN])
def test_what_a_page_leaves_open_is_noted_and_never_made_up(why: str, given: dict[str, Any], expected: list[str], noted: str | None) -> None:
    more = dict(given)
    row = scheduled(SLOT, *more.pop("steps"), id="m1", updated_at="2026-03-05T22:40:00Z")
    row["incident"] |= more
    intake = statuspage(document(row), subject=C1)
    assert kinds(intake) == expected
    assert [note for note in intake.notes if note not in (STOPPED, SLOTS)] == [note for note in intake.notes if noted and noted in note and note.startswith("m1: ")]
    assert len(intake.notes) == (2 if noted is None else 3)


def test_the_maintenances_of_the_api_are_recorded_and_again_harmlessly(tmp_path: Path) -> None:
    """As a page that was read later once more: it had gone on."""
    before, after = (document(scheduled(SLOT, *STEPS[:n], id="m1", status=STEPS[n - 1][0], updated_at=STEPS[n - 1][1])) for n in (2, 4))
    with open_ledger(str(tmp_path / "b.db"), clock=Clock("2026-12-01T00:00:00Z")) as book:
        book.record([{"specversion": "1.0", "id": "s", "source": "t", "type": "contract_started", "subject": C1, "data": CONTRACT}])
        assert [r.outcome for r in book.record(statuspage(before, subject=C1).events)] == ["recorded"] * 3
        assert [r.outcome for r in book.record(statuspage(after, subject=C1).events)] == ["already_recorded"] * 3 + ["recorded"]


@pytest.mark.parametrize(
    ("read", "payload"),
    [(statuspage, {"component_update": {"new_status": "degraded_performance"}}), (instatus, {"component_update": {"new_status": "DEGRADEDPERFORMANCE"}})],
)
def test_what_is_no_incident_is_counted(read: Any, payload: dict[str, Any]) -> None:
    intake = read(payload, subject=C1)
    assert (intake.events, intake.notes) == (
        [],
        ["1 x payloads that hold neither incident nor maintenance (components, tests)"],
    )


# --- Better Stack, Instatus, Google Cloud ---


def better(indicator: str, updated_at: str, **more: Any) -> dict[str, Any]:
    row = {
        "id": "9",
        "name": "n",
        "created_at": "2026-03-02T09:00:00Z",
        "updated_at": updated_at,
        "shortlink": "https://s.example.org/9",
    }
    return {"event_type": "incident", "page": {"status_indicator": indicator}, "incident": {**row, **more}}


def test_better_stack_ends_where_the_page_is_operational_again_and_only_there() -> None:
    rows = [
        better("downtime", "2026-03-02T09:00:00Z"),
        better("operational", "2026-03-02T09:50:00Z"),
        better("operational", "2026-03-03T10:00:00Z"),
    ]
    intake = betterstack(log(*rows), subject=C1, effect="no_access")
    assert (kinds(intake), times(intake)) == (
        ["outage_started", "outage_ended"],
        ["2026-03-02T09:00:00Z", "2026-03-02T09:50:00Z"],
    )
    work = {"event_type": "maintenance", "page": {"id": "1"}, "maintenance": {"id": "8", "created_at": "2026-03-02T09:00:00Z", "updated_at": "2026-03-02T09:00:00Z",
                            "starts_at": "2026-03-05T21:00:00Z", "ends_at": "2026-03-05T23:00:00Z"}}  # fmt: skip
    assert kinds(betterstack(work, subject=C1)) == ["maintenance_announced", "maintenance_status_published"]


def test_instatus_tells_impact_and_steps_and_a_slot_only_where_it_sends_one() -> None:
    incident = {
        "id": "5",
        "impact": "MAJOROUTAGE",
        "created_at": "2026-03-02T09:00:00Z",
        "updated_at": "2026-03-02T09:30:00Z",
        "resolved_at": "2026-03-02T09:30:00Z",
    }
    assert instatus({"incident": incident}, subject=C1).events[0]["data"]["effect"] == "no_access"
    work = {"id": "6", "created_at": "2026-03-02T09:00:00Z", "updated_at": "2026-03-05T22:00:00Z", "duration": "90",
            "maintenance_updates": [{"status": "COMPLETED", "created_at": "2026-03-05T22:00:00Z"}, {"status": "INPROGRESS", "created_at": "2026-03-05T21:00:00Z"}]}  # fmt: skip
    assert kinds(instatus({"maintenance": work}, subject=C1)) == [
        "maintenance_status_published",
        "maintenance_started",
        "maintenance_ended",
    ]
    slot = instatus({"maintenance": {**work, "start": "2026-03-05T21:00:00Z"}}, subject=C1).events[0]["data"]
    assert slot["planned_end"] == "2026-03-05T22:30:00Z"
    assert instatus({"maintenance": {**work, "id": ""}}, subject=C1).notes == [
        "1 x records of kind maintenance without an id, passed over"
    ]


def test_google_cloud_attests_at_its_creation_what_had_happened_by_then() -> None:
    row = {"id": "g", "begin": "2026-03-02T09:00:00+00:00", "end": "2026-03-02T10:00:00+00:00", "created": "2026-03-03T08:00:00+00:00",
           "modified": "2026-03-03T09:00:00+00:00", "status_impact": "SERVICE_OUTAGE"}  # fmt: skip
    assert [e.get("attestedat") for e in google_cloud([row], subject=C1).events] == ["2026-03-03T08:00:00Z"] * 2
    live = {**row, "created": "2026-03-02T09:20:00+00:00"}
    assert [e.get("attestedat") for e in google_cloud(live, subject=C1).events] == ["2026-03-02T09:20:00Z", None]


@pytest.mark.parametrize(("page_name", "impact", "effect"), [row[:3] for row in IMPACTS])
def test_each_impact_of_the_table_means_its_effect(page_name: str, impact: str, effect: str) -> None:
    row = {"id": "1", "created_at": "2026-03-02T09:00:00Z", "updated_at": "2026-03-02T09:00:00Z", "impact": impact,
           "begin": "2026-03-02T09:00:00Z", "created": "2026-03-02T09:00:00Z", "status_impact": impact}  # fmt: skip
    given = row if page_name == "google-cloud" else {"incident": row}
    assert read_with(page_name, given, subject=C1).events[0]["data"]["effect"] == effect


REAL = (
    # file, adapter, events
    ("alertmanager_v4.json", "alertmanager", 1),
    ("alertmanager_gist_ns_offset.json", "alertmanager", 1),
    ("grafana_webhook.json", "grafana", 1),
    ("pagerduty_v3.json", "pagerduty", 1),
    ("uptime_kuma.json", "uptime-kuma", 1),
    ("statuspage_incident_api.json", "statuspage", 2),
    ("more_statuspage_incidents_telerik_2016.json", "statuspage", 10),
    ("statuspage_webhook_component.json", "statuspage", 0),
    ("betterstack_statuspage.json", "betterstack", 1),
    ("instatus_like_maintenance.json", "instatus", 0),
    ("google_cloud_incident.json", "google-cloud", 2),
)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared shapes lie beside the checkout only")
def test_what_the_real_tools_posted_is_recorded_and_recorded_again_harmlessly(tmp_path: Path) -> None:
    for n, (file, name, count) in enumerate(REAL):
        started = {"contract": f"C{n}", "plan": "open", "service_start": "2016-01-01T00:00:00Z"}
        envelope = {
            "specversion": "1.0",
            "id": "s",
            "source": "t",
            "type": "contract_started",
            "subject": f"contract:C{n}",
        }
        given = json.loads((SHARED / file).read_text())
        intake = read_with(name, given.get("payload", given), subject=f"contract:C{n}")
        assert len(intake.events) == count, file
        assert intake.events or intake.notes, file
        with open_ledger(str(tmp_path / "b.db"), clock=Clock("2026-12-01T00:00:00Z")) as book:
            book.record([{**envelope, "data": started}])
            first, second = book.record(intake.events), book.record(intake.events)
        assert {receipt.outcome for receipt in first} <= {"recorded"}
        assert {receipt.outcome for receipt in second} <= {"already_recorded"}
