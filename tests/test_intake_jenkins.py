"""What the Jenkins status site said, revision by revision, as events: every judgement held to an example."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger.intake import jenkins
from ledger.intake.intake import Intake, instant
from tests.conftest import Clock

SHARED = Path(__file__).parents[2] / "shared" / "real" / "jenkins_status_revisions.jsonl"
SUBJECT = "service:ci"


def revision(committed_at: str, date: str | None, **more: Any) -> dict[str, Any]:
    row = {
        "incident": "content/issues/2026-02-03-x.md", "path": "content/issues/2026-02-03-x.md", "commit": "c" * 40,
        "committed_at": committed_at, "change": "M", "title": "Builds are down", "date": date, "resolved": "false",
        "resolvedWhen": None, "severity": "down", "affected": ["ci.example.org"],
    }  # fmt: skip
    return {**row, **more}


def read(*rows: dict[str, Any], **options: Any) -> Intake:
    return jenkins.events("\n".join(json.dumps(row) for row in rows), subject=SUBJECT, **options)


def kinds(intake: Intake) -> list[str]:
    return [event["id"].partition("#")[2] for event in intake.events]


START, END = "2026-02-03T09:00:00-00:00", "2026-02-03T10:00:00-00:00"
SOLVED = {"resolved": "true", "resolvedWhen": END}
WORK = {"title": "Upgrade of ci.example.org"}


def test_an_outage_is_told_when_published_and_its_end_when_that_was() -> None:
    intake = read(revision("2026-02-03T10:20:00+01:00", START), revision("2026-02-03T11:30:00+01:00", START, **SOLVED))
    assert [(e["id"], e["attestedat"], e["data"]["at"]) for e in intake.events] == [
        ("2026-02-03-x#rev-1-outage_started", "2026-02-03T10:20:00+01:00", "2026-02-03T09:00:00Z"),
        ("2026-02-03-x#rev-2-outage_ended", "2026-02-03T11:30:00+01:00", "2026-02-03T10:00:00Z"),
    ]
    assert intake.events[0]["data"]["note"] == "Builds are down · ci.example.org"
    assert intake.events[0]["data"]["evidence"] == [f"https://github.com/jenkins-infra/status/commit/{'c' * 40}"]


@pytest.mark.parametrize(("severity", "effect", "stops"), [row[:3] for row in jenkins.SEVERITIES])
def test_a_severity_means_one_effect_and_a_stop_or_none(severity: str, effect: str, stops: bool) -> None:
    outage = read(revision("2026-02-03T09:20:00Z", START, severity=severity))
    work = read(revision("2026-02-03T09:20:00Z", START, severity=severity, **WORK))
    assert outage.events[0]["data"]["effect"] == effect
    assert ("rev-1-blocking_started" in kinds(work)) is stops


TITLES = (
    ("Maintenance on ci.example.org", 0, True),
    ("issues.example.org upgrade", 0, True),  # a host named issues is no failure
    ("Migration of plugin-site-issues", 0, True),
    ("Update Center slow", 0, False),  # `update` alone is a name
    ("Outage during maintenance", 0, False),  # a failure word wins
    ("ci.example.org down", 6 * 3600 - 1, False),
    ("ci.example.org down", 6 * 3600, True),  # nobody announces a failure six hours ahead
    ("ci.example.org", 0, False),
)


@pytest.mark.parametrize(("title", "lead_seconds", "expected"), TITLES)
def test_planned_work_is_told_by_its_title_or_its_lead(title: str, lead_seconds: int, expected: bool) -> None:
    assert jenkins.planned(title, timedelta(seconds=lead_seconds)) is expected


def test_work_published_ahead_is_announced_and_shown_then_done() -> None:
    intake = read(
        revision("2026-02-01T08:00:00Z", START, resolvedWhen=END, **WORK),
        revision("2026-02-03T10:05:00Z", START, **WORK, **SOLVED),
    )
    assert kinds(intake) == [
        "rev-1-maintenance_announced", "rev-1-maintenance_status_published", "rev-2-maintenance_started",
        "rev-2-blocking_started", "rev-2-blocking_ended", "rev-2-maintenance_ended",
    ]  # fmt: skip
    announced = intake.events[0]["data"]
    assert (announced["published_at"], announced["planned_end"]) == ("2026-02-01T08:00:00Z", "2026-02-03T10:00:00Z")
    assert announced["blocking"] is True


def test_an_announcement_without_an_end_takes_a_day_and_says_so_until_the_end_is_told() -> None:
    first = revision("2026-02-01T08:00:00Z", START, **WORK)
    told_later = revision("2026-02-02T08:00:00Z", START, resolvedWhen=END, **WORK)
    intake = read(first, told_later)
    assert intake.events[0]["data"]["planned_end"] == "2026-02-04T09:00:00Z"
    assert intake.events[0]["data"]["note"] == jenkins.ASSUMED
    assert kinds(intake)[2:] == ["rev-2-corrected-maintenance_announced"]
    assert intake.events[2]["data"]["data"]["planned_end"] == "2026-02-03T10:00:00Z"
    assert "1 x announcements without an end, taken as 24 hours" in intake.notes


def test_a_slot_moved_before_it_began_is_rescheduled_and_one_moved_after_is_corrected() -> None:
    moved = "2026-02-04T09:00:00-00:00"
    intake = read(
        revision("2026-02-01T08:00:00Z", START, **WORK),
        revision("2026-02-03T09:30:00Z", moved, **WORK),
        revision("2026-02-04T09:30:00Z", moved, **WORK),
        revision("2026-02-04T10:30:00Z", "2026-02-04T09:10:00-00:00", **WORK),
    )
    assert kinds(intake)[2:] == [
        "rev-2-maintenance_rescheduled", "rev-3-maintenance_started", "rev-3-blocking_started",
        "rev-4-corrected-blocking_started", "rev-4-corrected-maintenance_started",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("published", "announced"),
    [("2026-02-03T08:59:59Z", True), ("2026-02-03T09:00:00Z", True), ("2026-02-03T09:00:01Z", False)],
)
def test_work_published_after_its_start_was_never_announced_but_shown(published: str, announced: bool) -> None:
    found = kinds(read(revision(published, START, **WORK)))
    assert ("rev-1-maintenance_announced" in found) is announced
    assert ("rev-1-maintenance_started" in found) is not announced
    assert "rev-1-maintenance_status_published" in found


def test_an_end_before_the_start_is_no_end_unless_the_publication_is_taken_for_one() -> None:
    rows = (
        revision("2026-02-03T09:20:00Z", START),
        revision("2026-02-03T11:30:00Z", START, resolved="true", resolvedWhen="2026-01-03T10:00:00-00:00"),
    )
    left = read(*rows)
    assert kinds(left) == ["rev-1-outage_started"]
    assert "1 x revisions that say resolved with an end not after the start: left open" in left.notes
    ended = read(*rows, unusable_end="publication")
    assert kinds(ended) == ["rev-1-outage_started", "rev-2-outage_ended"]
    assert ended.events[1]["data"]["at"] == "2026-02-03T11:30:00Z"
    assert "resolved, with the end 2026-01-03T10:00:00Z" in ended.events[1]["data"]["note"]


def test_an_end_told_ahead_counts_when_it_has_come_and_no_other_revision_came_first() -> None:
    ahead = revision("2026-02-03T09:20:00Z", START, **SOLVED)
    alone = read(ahead)
    assert [(e["id"].partition("#")[2], e["attestedat"]) for e in alone.events] == [
        ("rev-1-outage_started", "2026-02-03T09:20:00Z"),
        ("rev-1-end-outage_ended", "2026-02-03T10:00:00Z"),
    ]
    assert kinds(read(ahead, revision("2026-02-03T09:59:59Z", START))) == ["rev-1-outage_started"]


def test_an_end_taken_back_is_retracted() -> None:
    intake = read(revision("2026-02-03T10:20:00Z", START, **SOLVED), revision("2026-02-03T11:00:00Z", START))
    assert kinds(intake)[2:] == ["rev-2-retracted-outage_ended"]
    assert intake.events[2]["data"]["reason"] == "revision 2 of the record: withdrawn"


def test_a_removed_file_withdraws_an_outage_and_calls_off_announced_work() -> None:
    gone = revision("2026-02-02T08:00:00Z", None, change="D")
    assert kinds(read(revision("2026-02-01T08:00:00Z", START, **WORK), gone))[2:] == ["rev-2-maintenance_cancelled"]
    later = revision("2026-02-05T08:00:00Z", None, change="D")
    assert kinds(read(revision("2026-02-03T09:20:00Z", START), later))[1:] == ["rev-2-retracted-outage_started"]


def test_an_outage_dated_after_its_publication_waits_for_a_revision_that_is_not() -> None:
    intake = read(revision("2026-02-03T08:59:59Z", START), revision("2026-02-03T09:10:00Z", START))
    assert kinds(intake) == ["rev-2-outage_started"]
    assert any("held until one is not" in note for note in intake.notes)


WRITTEN = (
    ("2026-02-03 09:00:00", "2026-02-03T09:00:00+00:00"),
    ("2026-02-03 09:00", "2026-02-03T09:00:00+00:00"),
    ("2026-02-03 09:00:00 UTC", "2026-02-03T09:00:00+00:00"),
    ("2026-02-03T9:00:00-00:00", "2026-02-03T09:00:00+00:00"),
    ("2026-02-3T011:00:00-00:00", "2026-02-03T11:00:00+00:00"),
    ("2026-02-03T09:00:00-06:00", "2026-02-03T09:00:00-06:00"),
    ("2026-02-03T28:00:00-00:00", None),
    ("2026-02-30T09:00:00-00:00", None),
    ("2026-02-03:09:00:30:00", None),
    ("", None),
    (None, None),
)


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
def test_a_date_is_read_as_it_was_meant_or_not_at_all(text: str | None, expected: str | None) -> None:
    found = jenkins.when(text)
    assert (None if found is None else found.isoformat()) == expected


def test_a_row_without_its_file_or_moment_is_refused_with_its_line() -> None:
    with pytest.raises(Refused) as refused:
        read(revision("2026-02-03T09:20:00Z", START), {"incident": "x"})
    assert (refused.value.code, refused.value.line) == ("missing_field", 2)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared history lies beside the checkout only")
def test_the_whole_real_history_is_recorded_without_a_refusal(tmp_path: Path) -> None:
    intake = jenkins.events(SHARED.read_text(), subject="service:jenkins-infra", unusable_end="publication")
    opened = jenkins.opening("service:jenkins-infra", instant("2020-11-26T00:00:00Z"))
    with open_ledger(str(tmp_path / "b.db"), clock=Clock("2026-12-01T00:00:00Z")) as book:
        receipts = book.record([opened, *intake.events])
    assert {receipt.outcome for receipt in receipts} == {"recorded"}
    attested = [instant(event["attestedat"]) for event in intake.events]
    assert attested == sorted(attested)
    count = Counter(event["type"] for event in intake.events)
    assert count["outage_started"] + count["maintenance_started"] >= 300
    assert "10 x revisions that say resolved with an end not after the start: ended when published" in intake.notes
    known = {note.partition(":")[0] for note in intake.notes}
    assert {"2021-06-08-fastly-outage", "2023-04-12-ci-outage"} <= known  # what no date could be read in is named
