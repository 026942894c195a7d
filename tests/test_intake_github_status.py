"""GitHub's status page, as its collector saw it: windows, impacts and the errors that were published."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger.intake import github_status
from ledger.intake.intake import Intake, cloudevent, instant
from tests.conftest import Clock

SHARED = Path(__file__).parents[2] / "shared" / "real" / "github_status"
FILES = ("incidents_nomessages.jsonl", "atom_revisions.jsonl", "parsed_corrections.jsonl")
SUBJECT = "service:forge"
WINDOW = ("2026-02-11T15:26:00Z", "2026-02-11T15:46:00Z")


def incident(window: tuple[str, str] = WINDOW, **more: Any) -> dict[str, Any]:
    start, end = window
    return {
        "id": "7", "title": "Incident with Search", "url": "https://status.example.org/incidents/7",
        "published_at": end, "updated_at": end, "status_sequence": ["Investigating", "Resolved"],
        "started_at": WINDOW[0], "resolved_at": WINDOW[1], "impact_window": None, "downtime_start": start,
        "downtime_end": end, "updates": [], "impact": "minor", "components": ["Search"], **more,
    }  # fmt: skip


def seen(at: str, resolved: bool = True, window: str | None = None) -> dict[str, Any]:
    return {
        "incident": "7", "seen_at": at, "rev": 1, "sha": "0", "statuses": [], "resolved": resolved, "stated_window": window,
    }  # fmt: skip


def change(at: str, before: tuple[str, str, str], after: tuple[str, str, str]) -> dict[str, Any]:
    return {"incident": "7", "seen_at": at, "before": list(before), "after": list(after)}


def read(*rows: dict[str, Any]) -> Intake:
    return github_status.events("\n".join(json.dumps(row) for row in rows), subject=SUBJECT)


def kinds(intake: Intake) -> list[str]:
    return [event["id"].partition("#")[2] for event in intake.events]


def test_an_incident_is_known_when_first_seen_and_its_end_when_seen_resolved() -> None:
    intake = read(incident(), seen("2026-02-11T15:30:00Z", resolved=False), seen("2026-02-12T05:00:00Z"))
    assert [(e["type"], e["attestedat"]) for e in intake.events] == [
        ("outage_started", "2026-02-11T15:30:00Z"),
        ("outage_ended", "2026-02-12T05:00:00Z"),
    ]
    assert intake.events[0]["data"]["note"] == "Incident with Search · Search (impact minor)"


@pytest.mark.parametrize(("impact", "effect"), list(github_status.EFFECTS.items()))
def test_an_impact_means_one_effect(impact: str, effect: str) -> None:
    assert read(incident(impact=impact), seen("2026-02-12T05:00:00Z")).events[0]["data"]["effect"] == effect


def test_a_window_stated_by_a_later_version_corrects_the_one_of_the_updates() -> None:
    stated = incident(("2026-02-11T15:00:00Z", WINDOW[1]))
    first, second = seen("2026-02-12T05:00:00Z"), seen("2026-02-14T05:00:00Z", window="15:00 to 15:46")
    intake = read(stated, first, second)
    assert intake.events[0]["data"]["at"] == WINDOW[0]
    assert kinds(intake)[2:] == ["seen-2-corrected-outage_started"]
    assert intake.events[2]["data"]["reason"].startswith("seen 2026-02-14T05:00:00Z, a new version of the page: at was")
    assert kinds(read(stated, second)) == ["seen-1-outage_started", "seen-1-outage_ended"]  # stated at first sight


def test_a_change_without_a_new_version_is_the_collectors_and_says_so() -> None:
    rows = (
        incident(impact="major"),
        seen("2026-02-12T05:00:00Z"),
        change("2026-03-12T05:00:00Z", (*WINDOW, "minor"), (*WINDOW, "major")),
    )
    reason = read(*rows).events[2]["data"]["reason"]
    assert reason.startswith("seen 2026-03-12T05:00:00Z, a change of the collector")
    assert "impact minor" in reason
    assert "impact major" in reason
    again = read(*rows, seen("2026-03-12T04:55:00Z")).events[2]["data"]["reason"]
    assert again.startswith("seen 2026-03-12T05:00:00Z, a new version of the page")


def test_a_window_moved_months_away_is_kept_as_it_was_seen_and_named() -> None:
    typo = ("2025-08-11T15:26:00Z", "2025-08-11T15:46:00Z")
    intake = read(
        incident(typo),
        seen("2026-02-12T05:00:00Z"),
        seen("2026-02-18T05:00:00Z"),
        change("2026-02-18T05:01:00Z", (*WINDOW, "minor"), (*typo, "minor")),
    )
    assert kinds(intake)[2:] == ["seen-2-corrected-outage_started", "seen-2-corrected-outage_ended"]
    assert intake.events[2]["data"]["data"]["at"] == typo[0]
    assert "184 days from the page's own updates, which looks like an error" in intake.events[2]["data"]["reason"]
    assert any("far from the page's own updates" in note for note in intake.notes)


def test_changes_before_the_resolution_move_nothing_back() -> None:
    """A change parsed while the incident ran tells no end: the end is known when the page says resolved."""
    ends = ("2026-02-11T16:00:00Z", "2026-02-11T17:00:00Z")
    intake = read(
        incident((WINDOW[0], ends[1])),
        seen("2026-02-11T15:30:00Z", resolved=False),
        change("2026-02-11T16:10:00Z", (*WINDOW, "minor"), (WINDOW[0], ends[0], "minor")),
        change("2026-02-12T05:05:00Z", (WINDOW[0], ends[0], "minor"), (WINDOW[0], ends[1], "minor")),
        seen("2026-02-12T05:00:00Z"),
    )
    assert [(e["type"], e["data"].get("at")) for e in intake.events] == [
        ("outage_started", WINDOW[0]),
        ("outage_ended", ends[0]),
        ("corrected", None),
    ]


def test_a_window_without_length_is_noted_and_told_once_it_has_one() -> None:
    flat = (WINDOW[0], WINDOW[0])
    assert read(incident(flat, resolved_at=flat[1]), seen("2026-02-12T05:00:00Z")).events == []
    grown = read(
        incident(),
        seen("2026-02-12T05:00:00Z"),
        change("2026-02-14T05:00:00Z", (*flat, "minor"), (*WINDOW, "minor")),
    )
    assert kinds(grown) == ["seen-2-outage_started", "seen-2-outage_ended"]
    assert "1 x windows of no length, to the page's minute: nothing said of them" in grown.notes


def test_a_maintenance_follows_the_pages_own_steps() -> None:
    times = ("2026-02-09T10:00:00Z", "2026-02-11T15:26:00Z", "2026-02-11T15:46:00Z")
    updates = [{"at": at, "status": s} for at, s in zip(times, ("Scheduled", "In progress", "Completed"), strict=True)]
    row = incident(impact="maintenance", updates=updates)
    running, done = seen("2026-02-11T15:30:00Z", resolved=False), seen("2026-02-12T05:00:00Z")
    intake = read(row, running, done)
    assert kinds(intake) == ["seen-1-maintenance_announced", "seen-1-maintenance_started", "seen-2-maintenance_ended"]
    announced = intake.events[0]["data"]
    assert (announced["published_at"], announced["planned_start"], announced["planned_end"]) == times
    assert announced["note"] == github_status.SLOT


def test_a_line_of_another_kind_is_refused_with_its_number() -> None:
    with pytest.raises(Refused) as refused:
        read(incident(), {"id": "7"})
    assert (refused.value.code, refused.value.line) == ("missing_field", 2)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared history lies beside the checkout only")
def test_the_whole_real_history_is_recorded_without_a_refusal(tmp_path: Path) -> None:
    given = "".join((SHARED / name).read_text() for name in FILES)
    intake = github_status.events(given, subject="service:github")
    opened = cloudevent(
        "service_started", {"service": "github", "at": "2022-03-01T00:00:00Z"}, subject="service:github",
        source=github_status.SOURCE, id="opened",
    )  # fmt: skip
    with open_ledger(str(tmp_path / "b.db"), clock=Clock("2026-12-01T00:00:00Z")) as book:
        receipts = book.record([opened, *intake.events])
    assert {receipt.outcome for receipt in receipts} == {"recorded"}
    attested = [instant(event["attestedat"]) for event in intake.events]
    assert attested == sorted(attested)
    count = Counter(event["type"] for event in intake.events)
    assert (count["outage_started"], count["maintenance_started"]) == (779, 18)
    assert count["corrected"] > 186
    assert any(note.startswith("31200202") and "181 days" in note for note in intake.notes)
