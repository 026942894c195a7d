"""What no such tool wrote is refused, what the tool wrote and the ledger has no use for is a note: every pair is tried."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger import Refused
from ledger.intake import ADAPTERS, read_with, reads

NAMES = [name for name, _, _ in ADAPTERS]
OPTIONS: dict[str, dict[str, str]] = {
    "restic": {"deleted_at": "2026-03-09T06:00:00Z"},
    "borg": {"zone": "UTC"},
    "pgbackrest": {"verified_at": "2026-03-09T06:00:00Z"},
    "barman": {"zone": "UTC", "verified_at": "2026-03-09T06:00:00Z"},
}


def lines(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


SNAPSHOT = {"time": "2026-03-02T22:00:00Z", "tree": "t", "paths": ["/srv"], "hostname": "h", "id": "a" * 64, "short_id": "a" * 8}
ARCHIVE = {"name": "nightly-1", "archive": "nightly-1", "id": "f" * 64, "start": "2026-03-02T22:00:00.000000"}
LOGGED = {"type": "log_message", "time": 1772492400.25, "levelname": "INFO", "name": "borg.archive"}
STANZA = {"name": "main", "status": {"code": 0, "message": "ok"}, "archive": [], "backup": []}
PG_BACKUP = {"label": "20260302-210000F", "type": "full", "timestamp": {"start": 1772485200, "stop": 1772486400}, "database": {"repo-key": 1}}
ALERT = {"status": "firing", "labels": {"alertname": "Probe"}, "startsAt": "2026-03-02T09:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "f1"}
ALERTMANAGER = {"version": "4", "groupKey": "{}", "receiver": "r", "status": "firing", "alerts": [ALERT]}
GRAFANA = {"version": "1", "orgId": 1, "receiver": "r", "status": "firing", "state": "alerting", "title": "t", "alerts": [ALERT]}
DUTY = {"id": "P1", "type": "incident", "created_at": "2026-03-02T09:00:00Z", "title": "t"}
SPAN = {"created_at": "2026-03-02T09:00:00Z", "updated_at": "2026-03-02T09:10:00Z"}
PAGE = {"meta": {"unsubscribe": "u"}, "page": {"id": "p", "status_indicator": "major"}}
GITHUB = {
    "id": "9", "title": "t", "url": "https://example.org/9", "status_sequence": ["Investigating", "Resolved"], "impact": "minor", "components": ["API"],
    "published_at": "2026-03-02T09:00:00Z", "updated_at": "2026-03-02T10:00:00Z", "started_at": "2026-03-02T09:00:00Z", "resolved_at": "2026-03-02T10:00:00Z",
    "downtime_start": "2026-03-02T09:00:00Z", "downtime_end": "2026-03-02T10:00:00Z", "impact_window": None,
    "updates": [{"at": "2026-03-02T09:00:00Z", "status": "Investigating"}],
}  # fmt: skip
GITHUB_SEEN = {"incident": "9", "sha": "s", "seen_at": "2026-03-02T10:00:00Z", "statuses": ["Resolved"], "resolved": True, "stated_window": False}
JENKINS = {"incident": "content/issues/a.md", "commit": "c", "committed_at": "2026-03-02T10:00:00Z", "change": "A", "title": "ci outage", "date": "2026-03-02 09:00:00", "severity": "down"}
MONITOR = {"heartbeat": {"monitorID": 7, "status": 0, "time": "2026-03-02 09:00:00.000"}, "monitor": {"id": 7}, "msg": "m"}

# what each tool writes of which the ledger records something
TELLING: tuple[tuple[str, str], ...] = (
    ("jenkins", lines(JENKINS)),
    ("github-status", lines(GITHUB)),
    ("restic", json.dumps([SNAPSHOT])),
    ("restic", json.dumps([{"group_key": {"hostname": "h"}, "snapshots": [SNAPSHOT]}], indent=2)),
    ("restic", json.dumps([{"host": "h", "keep": [], "remove": [SNAPSHOT], "reasons": []}])),
    ("borg", json.dumps({"archives": [ARCHIVE], "repository": {"id": "r"}}, indent=4)),
    ("borg", json.dumps({"archive": {**ARCHIVE, "end": ARCHIVE["start"]}, "repository": {"id": "r"}})),
    ("borg", lines({"type": "progress_message", "message": "m"}, {**LOGGED, "message": "Pruning archive (1/1):  a  Sat [a]"})),
    ("pgbackrest", json.dumps([{**STANZA, "backup": [PG_BACKUP]}])),
    ("pgbackrest", "stanza: main\nstatus: ok\n  backup: x, status: valid, total files checked: 9\n"),
    ("barman", json.dumps({"main": [{"backup_id": "20260302T220000", "status": "DONE", "end_time_timestamp": "1772489000"}]})),
    ("barman", json.dumps({"main": {"backup_id": "20260302T220000", "status": "FAILED"}})),
    ("barman", "Verifying backup '20260302T220000' on server ['main']\nbackup successfully verified\n"),
    ("alertmanager", json.dumps(ALERTMANAGER)),
    ("grafana", json.dumps(GRAFANA)),
    ("pagerduty", json.dumps({"event": {"id": "e", "event_type": "incident.triggered", "occurred_at": "2026-03-02T09:00:05Z", "data": DUTY}})),
    ("uptime-kuma", lines(MONITOR)),
    ("statuspage", json.dumps({**PAGE, "incident": {**SPAN, "id": "i1", "impact": "major", "resolved_at": None}})),
    ("statuspage", json.dumps({"page": {"id": "p"}, "incidents": [{**SPAN, "id": "i1", "impact": "minor"}]})),
    ("statuspage", json.dumps({"page": {"id": "p"}, "incidents": [{**SPAN, "id": "i1", "impact": None}, {**SPAN, "id": "i2", "impact": "minor"}]})),
    ("statuspage", json.dumps({"page": {"id": "p"}, "scheduled_maintenances": [{**SPAN, "id": "m1", "impact": "maintenance", "status": "scheduled", "scheduled_for": "2026-03-05T21:00:00Z", "scheduled_until": "2026-03-05T23:00:00Z"}]})),
    ("betterstack", json.dumps({**PAGE, "event_type": "incident", "incident": {**SPAN, "id": "9", "shortlink": "https://s.example.org/9"}})),
    ("instatus", json.dumps({**PAGE, "incident": {**SPAN, "id": "5", "impact": "MAJOROUTAGE", "resolved_at": None}})),
    ("google-cloud", json.dumps([{"id": "g", "begin": "2026-03-02T09:00:00+00:00", "created": "2026-03-02T09:20:00+00:00", "status_impact": "SERVICE_OUTAGE"}])),
)  # fmt: skip

# what each tool writes of which it records nothing: lists of nothing, tests, components, dry runs, messages of other commands
IDLE: tuple[tuple[str, str], ...] = (
    ("jenkins", ""),
    ("github-status", lines(GITHUB_SEEN)),
    ("restic", "[]"),
    ("restic", "null\n"),
    ("restic", json.dumps([{"host": "h", "keep": [SNAPSHOT], "remove": None, "reasons": []}])),
    ("restic", lines({"message_type": "status"}, {"message_type": "summary", "data_added": 7})),
    ("restic", lines({"message_type": "summary", "files_restored": 3})),
    ("borg", json.dumps({"archives": [], "repository": {"id": "r"}})),
    ("borg", lines({**LOGGED, "message": "src/a.txt"})),
    ("pgbackrest", "[]"),
    ("pgbackrest", json.dumps([STANZA])),
    ("pgbackrest", "stanza: main\nstatus: ok\n"),
    ("barman", json.dumps({"main": []})),
    ("alertmanager", json.dumps({**ALERTMANAGER, "alerts": []})),
    ("grafana", json.dumps({**GRAFANA, "alerts": []})),
    ("pagerduty", json.dumps({"event": {"id": "e", "event_type": "pagey.ping", "occurred_at": "2026-03-02T09:00:05Z", "data": {"message": "Hello"}}})),
    ("uptime-kuma", json.dumps({"heartbeat": None, "monitor": None, "msg": "Testing"})),
    ("statuspage", json.dumps({**PAGE, "component_update": {"new_status": "operational"}, "component": {"id": "c"}})),
    ("statuspage", json.dumps({"page": {"id": "p"}, "incidents": []})),
    ("statuspage", json.dumps({"page": {"id": "p"}, "scheduled_maintenances": []})),
    ("statuspage", json.dumps({"page": {"id": "p"}, "components": [], "incidents": [], "scheduled_maintenances": [], "status": {"indicator": "none"}})),
    ("betterstack", json.dumps({**PAGE, "event_type": "component_update", "component_update": {"new_status": "operational"}})),
    ("instatus", json.dumps({**PAGE, "component_update": {"new_status": "OPERATIONAL"}, "component": {"id": "c"}})),
    ("google-cloud", "[]"),
)  # fmt: skip

# what none of them writes
ALIEN = (
    "{}", "5", '"text"', "[1]", "hello", "<html></html>", '{"id": "x", "created_at": "2026-03-02T09:00:00Z"}', '{"alerts": [], "incidents": [{}]}',
    '{"page": {"id": "p"}, "incident": {"id": "i1", "impact": ""}}', '{"event": "x", "page": 1, "heartbeat": 0}', '[{"id": "x", "time": "2026-03-02T09:00:00Z"}]', '{"alerts": null, "orgId": 1}', '{"total_size": 6, "snapshots_count": 4}',
    '{"specversion":"1.0","id":"c1","source":"crm","type":"contract_started","subject":"contract:C1","data":{}}',
)  # fmt: skip
NO_TEXT = ("restic", "borg", "pgbackrest", "barman")  # commands, which write something or failed


def read(name: str, text: str) -> Any:
    return read_with(name, text, subject="contract:C1", **OPTIONS.get(name, {}))


def refused(name: str, text: str) -> Refused:
    with pytest.raises(Refused) as found:
        read(name, text)
    return found.value


def test_every_adapter_has_a_sample_that_tells_and_one_that_does_not() -> None:
    assert {name for name, _ in TELLING} == {name for name, _ in IDLE} == set(NAMES)


@pytest.mark.parametrize(("name", "text"), TELLING)
def test_what_a_tool_wrote_is_read_by_its_adapter(name: str, text: str) -> None:
    assert read(name, text).events


@pytest.mark.parametrize(("name", "text"), IDLE)
def test_what_a_tool_wrote_and_tells_nothing_is_a_note(name: str, text: str) -> None:
    intake = read(name, text)
    assert intake.events == []
    assert intake.notes


def test_the_messages_of_another_command_of_restic_are_no_backup_that_failed() -> None:
    assert "another command" in read("restic", lines({"message_type": "summary", "files_restored": 3})).notes[0]
    assert "record the failure by hand" in read("restic", lines({"message_type": "exit_error"})).notes[0]


@pytest.mark.parametrize("name", NAMES)
def test_what_another_tool_wrote_is_refused_and_what_was_expected_is_said(name: str) -> None:
    others = [text for writer, text in TELLING + IDLE if writer != name and json_like(text)]
    for text in [*others, *ALIEN]:
        found = refused(name, text)
        assert found.code in ("unknown_format", "bad_json"), (text, found)
        assert found.message.endswith(f"; expected {reads(name)}"), (text, found)
        assert "\n" not in found.message


def json_like(text: str) -> bool:
    """Whether there is something in it: a list of nothing tells no writer."""
    return text.strip() not in ("", "[]", "null")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_text_is_an_empty_log_but_no_answer_of_a_command(name: str) -> None:
    if name in NO_TEXT:
        assert refused(name, "\n").code in ("unknown_format", "bad_json")
    else:
        assert read(name, "\n") == ([], [f"{name}: it holds nothing to record"])


def test_one_strange_payload_in_a_log_of_the_tool_s_own_is_counted() -> None:
    intake = read("alertmanager", lines(ALERTMANAGER, GRAFANA, {}))
    assert len(intake.events) == 1
    assert intake.notes == ['2 x payloads without `alerts` and `version` "4", passed over']


def test_a_strange_record_among_a_command_s_is_refused() -> None:
    found = refused("restic", lines({**SNAPSHOT, "struct_type": "snapshot"}, {"name": "src", "type": "dir", "path": "/src"}))
    assert found.code == "unknown_format"
    assert refused("jenkins", lines(JENKINS, MONITOR)).line == 2
