"""Successive versions of one record become facts, corrections and retractions the ledger takes."""

from __future__ import annotations

from typing import Any

from ledger import open_ledger
from ledger.intake.told import Told, Version, tell
from tests.conftest import Clock
from tests.story import instant

SOURCE = "https://status.example.org"


def outage(start: str, end: str | None = None, effect: str = "no_access", **more: Any) -> dict[str, Told]:
    facts = {
        "outage": Told(
            "outage_started", {"outage": "O1", "environment": "production", "effect": effect, "at": start, **more}
        )
    }
    if end is not None:
        facts["ended"] = Told("outage_ended", {"outage": "O1", "at": end})
    return facts


def version(number: int, at: str, facts: dict[str, Told]) -> Version:
    return Version(f"rev-{number}", instant(at), facts, f"version {number}", ("https://status.example.org/1",))


def told(*versions: Version) -> list[dict[str, Any]]:
    return [event for _, event in tell("O1", versions, subject="contract:C1", source=SOURCE)]


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["id"] for event in events]


FIRST = version(1, "2026-03-02T10:00:00Z", outage("2026-03-02T09:00:00Z"))


def test_a_first_version_is_said_at_the_moment_it_was_made_public() -> None:
    events = told(FIRST)
    assert ids(events) == ["O1#rev-1-outage_started"]
    assert events[0]["attestedat"] == "2026-03-02T10:00:00Z"


def test_a_version_that_says_the_same_says_nothing() -> None:
    later = outage("2026-03-02T10:00:00+01:00", evidence=["https://status.example.org/2"])
    assert ids(told(FIRST, version(2, "2026-03-02T11:00:00Z", later))) == ["O1#rev-1-outage_started"]


def test_a_changed_fact_is_corrected_whole_with_the_change_as_the_reason() -> None:
    events = told(FIRST, version(2, "2026-03-02T11:00:00Z", outage("2026-03-02T09:30:00Z")))
    assert ids(events)[1:] == ["O1#rev-2-corrected-outage_started"]
    assert events[1]["data"] == {
        "target": "O1#rev-1-outage_started",
        "data": outage("2026-03-02T09:30:00Z")["outage"].data,
        "reason": "version 2: at was 2026-03-02T09:00:00Z, is 2026-03-02T09:30:00Z",
        "evidence": ["https://status.example.org/1"],
    }


def test_a_window_moved_past_its_old_end_has_its_end_moved_first() -> None:
    before = version(1, "2026-03-02T12:00:00Z", outage("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"))
    after = version(2, "2026-03-02T13:00:00Z", outage("2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z"))
    assert ids(told(before, after))[2:] == ["O1#rev-2-corrected-outage_ended", "O1#rev-2-corrected-outage_started"]


def test_a_window_moved_before_its_old_start_has_its_start_moved_first() -> None:
    before = version(1, "2026-03-02T12:00:00Z", outage("2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z"))
    after = version(2, "2026-03-02T13:00:00Z", outage("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"))
    assert ids(told(before, after))[2:] == ["O1#rev-2-corrected-outage_started", "O1#rev-2-corrected-outage_ended"]


def test_what_vanishes_is_withdrawn_end_first_and_may_be_said_anew() -> None:
    both = version(1, "2026-03-02T12:00:00Z", outage("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"))
    none = version(2, "2026-03-02T13:00:00Z", {})
    again = version(3, "2026-03-02T14:00:00Z", outage("2026-03-02T09:00:00Z"))
    assert ids(told(both, none, again))[2:] == [
        "O1#rev-2-retracted-outage_ended",
        "O1#rev-2-retracted-outage_started",
        "O1#rev-3-outage_started",
    ]


def test_the_ledger_takes_a_record_that_was_changed_in_every_way(tmp_path: Any) -> None:
    versions = (
        FIRST,
        version(2, "2026-03-02T11:00:00Z", outage("2026-03-02T09:00:00Z", "2026-03-02T10:30:00Z")),
        version(3, "2026-03-02T12:00:00Z", outage("2026-03-02T10:45:00Z", "2026-03-02T11:30:00Z", "degraded")),
        version(4, "2026-03-02T13:00:00Z", outage("2026-03-02T10:45:00Z")),
        version(5, "2026-03-02T14:00:00Z", {}),
        version(6, "2026-03-02T15:00:00Z", outage("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z")),
    )
    start = {"contract": "C1", "plan": "open", "service_start": "2026-01-01T00:00:00Z"}
    with open_ledger(str(tmp_path / "b.db"), clock=Clock("2026-03-03T00:00:00Z")) as book:
        opened = {"specversion": "1.0", "id": "1", "source": "t", "type": "contract_started", "subject": "contract:C1"}
        book.record([{**opened, "data": start}, *told(*versions)])
        facts = [f.event for f in book.history("C1").own_facts[1:]]
    assert [(type(f).__name__, f.at.isoformat()) for f in facts] == [
        ("OutageStarted", "2026-03-02T08:00:00+00:00"),
        ("OutageEnded", "2026-03-02T09:00:00+00:00"),
    ]
