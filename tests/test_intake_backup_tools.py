"""restic, borg, pgBackRest and Barman: what their lists say becomes facts, and what they hide is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger.intake import Intake, barman, borg, pgbackrest, restic
from tests.conftest import Clock
from tests.story import CONTRACT

SHARED = Path(__file__).parents[2] / "shared" / "shapes"
C1 = "contract:C1"
ID_1, ID_2, ID_COPY = "a" * 64, "b" * 64, "c" * 64
LATER = Clock("2026-12-01T00:00:00Z")


def recorded(tmp_path: Path, *intakes: Intake) -> list[str]:
    """The outcomes of recording these one after the other into one contract."""
    started = {
        "specversion": "1.0",
        "id": "s",
        "source": "t",
        "type": "contract_started",
        "subject": C1,
        "data": CONTRACT,
    }
    outcomes: list[str] = []
    with open_ledger(str(tmp_path / "b.db"), clock=LATER) as book:
        book.record([started])
        for intake in intakes:
            outcomes += [receipt.outcome for receipt in book.record(intake.events)]
    return outcomes


def told(intake: Intake) -> list[tuple[str, str]]:
    return [(event["type"], event["data"]["backup"]) for event in intake.events]


# --- restic ---


def snapshot(id: str, time: str = "2026-03-02T22:00:00.123456789+01:00", **more: Any) -> dict[str, Any]:
    return {"time": time, "id": id, "short_id": id[:8], "tree": "t", "paths": ["/srv"], "hostname": "h", **more}


def test_a_snapshot_is_a_backup_whose_tags_tell_its_tiers() -> None:
    intake = restic.events([snapshot(ID_1, tags=["nightly", "weekly", "client-7"])], subject=C1, location="site-a")
    assert intake.events[0]["data"] == {
        "backup": ID_1, "scope": "client_data", "tiers": ["daily", "weekly"], "locations": ["site-a"],
        "started_at": "2026-03-02T22:00:00+01:00", "completed_at": "2026-03-02T22:00:00+01:00",
    }  # fmt: skip
    assert intake.notes == [f"1 x {restic.NO_END}"]


def test_a_newer_restic_tells_the_end_and_the_size() -> None:
    summary = {
        "backup_start": "2026-03-02T22:00:00.9Z",
        "backup_end": "2026-03-02T22:31:00.9Z",
        "total_bytes_processed": 7,
    }
    data = restic.events([snapshot(ID_1, summary=summary)], subject=C1).events[0]["data"]
    assert (data["started_at"], data["completed_at"], data["size_bytes"]) == (
        "2026-03-02T22:00:00Z",
        "2026-03-02T22:31:00Z",
        7,
    )


def test_a_tagged_snapshot_is_the_same_backup_and_a_copied_one_a_copy(tmp_path: Path) -> None:
    first = restic.events([snapshot(ID_1)], subject=C1, location="site-a")
    tagged = restic.events([snapshot(ID_2, original=ID_1, tags=["legal-hold"])], subject=C1, location="site-a")
    assert tagged.events == first.events
    copied = restic.events(
        [snapshot(ID_COPY, original=ID_1), snapshot(ID_2)],
        subject=C1,
        location="site-b",
        copied_at="2026-03-03T06:00:00Z",
    )
    assert told(copied) == [("backup_copy_stored", ID_1)]
    assert any("no copy" in note for note in copied.notes)
    assert recorded(tmp_path, first, tagged, copied, copied) == [
        "recorded", "already_recorded", "recorded", "already_recorded",
    ]  # fmt: skip


def test_forget_says_what_went_but_not_when() -> None:
    groups = [{"keep": [snapshot(ID_1)], "remove": [snapshot(ID_2)]}, {"keep": [], "remove": None}]
    with pytest.raises(Refused) as refused:
        restic.events(groups, subject=C1)
    assert refused.value.code == "missing_field"
    intake = restic.events(groups, subject=C1, deleted_at="2026-03-20T03:00:00Z")
    assert told(intake) == [("backup_deleted", ID_2)]


def run_of_restic(*more: dict[str, Any], **summary: Any) -> str:
    rows = [{"message_type": "status"}, *more, {"message_type": "summary", **summary}]
    return "\n".join(map(json.dumps, rows))


TIMES = {"backup_start": "2026-03-02T22:00:00Z", "backup_end": "2026-03-02T22:31:00Z"}


def test_a_run_that_missed_a_source_is_a_failed_backup_though_a_snapshot_exists() -> None:
    whole = restic.events(run_of_restic(snapshot_id=ID_1, **TIMES), subject=C1)
    assert told(whole) == [("backup_completed", ID_1)]
    partial = restic.events(run_of_restic({"message_type": "error"}, snapshot_id=ID_1, **TIMES), subject=C1)
    assert told(partial) == [("backup_failed", ID_1)]
    old = restic.events(run_of_restic(snapshot_id="b51a020e"), subject=C1)
    assert old.events == []
    assert "use `restic snapshots --json`" in old.notes[0]


def test_records_from_before_since_are_left_out_and_counted() -> None:
    rows = [snapshot(ID_1, "2026-03-01T23:59:59Z"), snapshot(ID_2, "2026-03-02T00:00:00Z")]
    intake = restic.events(rows, subject=C1, since="2026-03-02")
    assert told(intake) == [("backup_completed", ID_2)]
    assert "1 x records from before `since`, left out" in intake.notes


# --- borg ---


def archive(name: str, start: str, end: str | None = None, **more: Any) -> dict[str, Any]:
    row = {"name": name, "id": "f" * 64, "start": start, **more}
    return row if end is None else {**row, "end": end}


def borg_list(*archives: dict[str, Any], zone: str = "Europe/Paris", **options: Any) -> Intake:
    return borg.events({"archives": list(archives)}, subject=C1, zone=zone, **options)


@pytest.mark.parametrize(
    ("local", "zone", "expected"),
    [
        ("2025-10-26T01:59:59.000000", "Europe/Paris", "2025-10-26T01:59:59+02:00"),
        ("2025-10-26T03:00:00.000000", "Europe/Paris", "2025-10-26T03:00:00+01:00"),
        ("2025-10-26T02:15:00.999999", "UTC", "2025-10-26T02:15:00Z"),
    ],
)
def test_a_local_time_means_one_instant_of_its_zone(local: str, zone: str, expected: str) -> None:
    assert borg_list(archive("a", local), zone=zone).events[0]["data"]["started_at"] == expected


@pytest.mark.parametrize(
    ("local", "zone", "code"),
    [
        ("2025-10-26T02:00:00.000000", "Europe/Paris", "no_offset"),
        ("2025-10-26T02:59:59.000000", "Europe/Paris", "no_offset"),
        ("2026-03-29T02:30:00.000000", "Europe/Paris", "impossible_date"),
        ("2026-03-02T02:30:00.000000", "Europe/Parish", "bad_zone"),
    ],
)
def test_a_time_that_was_twice_or_never_is_refused_by_archive(local: str, zone: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        borg_list(archive("nightly-7", local), zone=zone)
    assert refused.value.code == code
    assert "nightly-7" in refused.value.message or code == "bad_zone"


def test_an_archive_is_named_by_its_name_which_may_tell_its_tier() -> None:
    intake = borg_list(archive("weekly-2026-W09", "2026-03-01T22:00:00", "2026-03-01T22:40:00"), location="DC-A")
    data = intake.events[0]["data"]
    assert (data["backup"], data["tiers"], data["checksum"]) == ("weekly-2026-W09", ["weekly"], "borg:" + "f" * 64)
    assert (data["completed_at"], data["locations"]) == ("2026-03-01T22:40:00+01:00", ["DC-A"])


@pytest.mark.parametrize(("status", "kind"), [(0, "backup_completed"), (1, "backup_completed"), (2, "backup_failed")])
def test_the_exit_status_of_create_is_the_callers_to_tell(status: int, kind: str) -> None:
    report = {"archive": archive("a", "2026-03-01T22:00:00", "2026-03-01T22:40:00", stats={"original_size": 5})}
    intake = borg.events(json.dumps(report, indent=4), subject=C1, zone="UTC", exit_status=status)
    assert told(intake) == [(kind, "a")]
    assert bool(intake.notes) is (status == 1)


def log(*messages: str) -> str:
    rows = ({"type": "log_message", "time": 1772492400.25 + n, "message": m} for n, m in enumerate(messages))
    return "\n".join(map(json.dumps, rows))


def test_a_prune_log_tells_deletions_and_a_dry_run_none() -> None:
    lines = (
        "Keeping archive (rule: daily #1):  c  Sun [c]", "Would prune:   b   Sat [b]", "Pruning archive (1/1):  a  Sat [a]",
    )  # fmt: skip
    intake = borg.events(log(*lines), subject=C1, zone="UTC", location="DC-A")
    assert told(intake) == [("backup_deleted", "a")]
    assert intake.events[0]["data"]["at"] == "2026-03-02T23:00:02Z"
    assert intake.notes == ["b: would be pruned; a dry run deletes nothing"]


def test_a_check_verifies_what_it_analysed_only_when_it_found_no_problem() -> None:
    good = log("Analyzing archive a (1/2)", "Analyzing archive b (2/2)", borg.ALL_WELL)
    assert told(borg.events(good, subject=C1, zone="UTC")) == [("backup_verified", "a"), ("backup_verified", "b")]
    bad = borg.events(
        log("Analyzing archive a (1/1)", "Archive consistency check complete, problems found."), subject=C1, zone="UTC"
    )
    assert bad.events == []
    assert "a check of a" in bad.notes[0]


# --- pgBackRest ---


def stanza(*backups: dict[str, Any], code: int = 0, held: bool = False) -> list[dict[str, Any]]:
    status = {"code": code, "message": "ok" if not code else "missing stanza path", "lock": {"backup": {"held": held}}}
    return [{"name": "main", "status": status, "backup": list(backups)}]


def pg_backup(label: str, key: int = 1, **more: Any) -> dict[str, Any]:
    times = {"start": 1772485200, "stop": 1772486400}
    return {
        "label": label,
        "type": "full",
        "timestamp": times,
        "error": False,
        "database": {"repo-key": key},
        "info": {"size": 9},
        **more,
    }


def test_backups_of_two_repositories_are_two_backups_each_in_its_place() -> None:
    rows = stanza(pg_backup("20260302-210000F"), pg_backup("20260302-213000F", key=2, annotation={"kept": "monthly"}))
    intake = pgbackrest.events(json.dumps(rows), subject=C1, locations="1=DC-A")
    assert [(e["data"]["backup"], e["data"]["locations"], e["data"]["tiers"]) for e in intake.events] == [
        ("main:20260302-210000F", ["DC-A"], ["daily"]),
        ("main:20260302-213000F", ["repo2"], ["monthly"]),
    ]
    assert intake.events[0]["data"]["started_at"] == "2026-03-02T21:00:00Z"


def test_a_good_info_is_no_verification_and_a_bad_one_fails_it() -> None:
    assert told(pgbackrest.events(stanza(pg_backup("x")), subject=C1)) == [("backup_completed", "main:x")]
    bad = pgbackrest.events(stanza(pg_backup("x", error=True)), subject=C1)
    assert bad.events[1]["data"]["outcome"] == "failed"


def test_a_missing_stanza_and_a_running_backup_are_notes() -> None:
    assert "missing stanza path" in pgbackrest.events(stanza(code=1), subject=C1).notes[0]
    assert "being made" in pgbackrest.events(stanza(held=True), subject=C1).notes[0]


def test_verify_tells_the_damage_that_info_does_not_see() -> None:
    text = (
        "stanza: main\nstatus: error\n  backup: x, status: invalid, total files checked: 9\n    checksum invalid: 1\n"
    )
    with pytest.raises(Refused):
        pgbackrest.events(text, subject=C1)
    intake = pgbackrest.events(text, subject=C1, verified_at="2026-03-05T06:00:00Z")
    assert [(e["data"]["backup"], e["data"]["outcome"]) for e in intake.events] == [("main:x", "failed")]


# --- Barman ---


def done(backup_id: str, end: int) -> dict[str, Any]:
    return {
        "backup_id": backup_id,
        "end_time": "local",
        "end_time_timestamp": str(end),
        "status": "DONE",
        "size_bytes": 1,
    }


def test_a_list_tells_the_end_by_its_epoch_and_the_beginning_by_the_id() -> None:
    intake = barman.events({"main": [done("20260302T220000", 1772487000)]}, subject=C1, zone="Europe/Paris")
    data = intake.events[0]["data"]
    assert (data["backup"], data["started_at"], data["completed_at"]) == (
        "main:20260302T220000", "2026-03-02T21:00:00Z", "2026-03-02T21:30:00Z",
    )  # fmt: skip
    assert "size_bytes" not in data  # it grows with the WAL


def test_a_beginning_told_twice_is_the_last_before_the_end() -> None:
    twice = {"main": [done("20251026T023000", 1761441000), done("20251026T023000", 1761444600)]}
    starts = [e["data"]["started_at"] for e in barman.events(twice, subject=C1, zone="Europe/Paris").events]
    assert starts == ["2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z"]
    with pytest.raises(Refused) as refused:
        barman.events({"main": [done("20251026T033000", 1761441000)]}, subject=C1, zone="Europe/Paris")
    assert refused.value.code == "not_after_start"


def test_a_failed_backup_has_no_time_but_its_id_and_a_started_one_waits() -> None:
    rows = {
        "main": [
            {"backup_id": "20260302T220000", "status": "FAILED"},
            {"backup_id": "20260303T220000", "status": "STARTED"},
        ]
    }
    intake = barman.events(rows, subject=C1, zone="Europe/Paris")
    assert told(intake) == [("backup_failed", "main:20260302T220000")]
    assert barman.NO_END in intake.events[0]["data"]["reason"]
    assert "STARTED" in intake.notes[0]
    with pytest.raises(Refused) as refused:
        barman.events({"main": [{"backup_id": "20251026T023000", "status": "FAILED"}]}, subject=C1, zone="Europe/Paris")
    assert refused.value.code == "no_offset"


def test_a_verification_names_its_backup_or_is_a_note() -> None:
    text = "Verifying backup '{}' on server ['main']\nCalling pg_verifybackup\n{}\n"
    moment = {"verified_at": "2026-03-05T06:00:00Z", "zone": "UTC", "subject": C1}
    assert told(barman.events(text.format("20260302T220000", barman.WELL), **moment)) == [
        ("backup_verified", "main:20260302T220000")
    ]
    assert barman.events(text.format("20260302T220000", "error"), **moment).events[0]["data"]["outcome"] == "failed"
    assert "names no backup" in barman.events(text.format("latest", barman.WELL), **moment).notes[0]


# --- what every tool's records share ---


def test_an_end_before_its_start_is_taken_as_the_start_and_said() -> None:
    intake = borg_list(archive("a", "2026-03-01T22:00:00", "2026-03-01T21:00:00"), zone="UTC")
    assert intake.events[0]["data"]["completed_at"] == "2026-03-01T22:00:00Z"
    assert intake.notes == ["a: ends 2026-03-01T21:00:00Z, before it starts: taken as ending when it starts"]


@pytest.mark.parametrize("tiers", ["hourly", "", [], "daily,yearly"])
def test_a_tier_nobody_promised_is_refused(tiers: Any) -> None:
    with pytest.raises(Refused) as refused:
        restic.events([snapshot(ID_1)], subject=C1, tiers=tiers)
    assert refused.value.code == "unknown_value"


@pytest.mark.parametrize(("given", "code"), [("2026-03-05T06:00:00", "no_offset"), ("yesterday", "impossible_date")])
def test_a_moment_given_needs_an_offset_and_a_date_that_exists(given: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        restic.events([snapshot(ID_1, original=ID_2)], subject=C1, copied_at=given)
    assert refused.value.code == code


REAL: tuple[tuple[str, Any, dict[str, Any], int], ...] = (
    # file, adapter, options, events
    ("restic/snapshots.json", restic, {"location": "site-a"}, 4),
    ("restic/snapshots_after_tag.json", restic, {"location": "site-a"}, 4),
    ("restic/snapshots_grouped.json", restic, {}, 4),
    ("restic/snapshots_siteB_after_copy.json", restic, {"location": "site-b", "copied_at": "2026-11-23T00:00:00Z"}, 4),
    ("restic/forget_dryrun.json", restic, {"deleted_at": "2026-11-23T00:00:00Z"}, 0),
    ("restic/backup.jsonl", restic, {}, 0),
    ("borg/list.json", borg, {"zone": "UTC"}, 3),
    ("borg/list_all_keys.json", borg, {"zone": "UTC"}, 3),
    ("borg/list_dst_ambiguous_utc.json", borg, {"zone": "UTC"}, 2),
    ("borg/info_last3.json", borg, {"zone": "UTC"}, 3),
    ("borg/create.json", borg, {"zone": "UTC"}, 1),
    ("borg/create_missing_source.json", borg, {"zone": "UTC", "exit_status": 1}, 1),
    ("borg/prune_logjson.jsonl", borg, {"zone": "UTC"}, 0),
    ("borg/check_logjson.jsonl", borg, {"zone": "UTC"}, 3),
    ("pgbackrest/info.json", pgbackrest, {}, 3),
    ("pgbackrest/pgb_info_backup_running.json", pgbackrest, {}, 3),
    ("pgbackrest/info_missing_stanza.json", pgbackrest, {}, 0),
    ("pgbackrest/verify_repo2_corrupt.txt", pgbackrest, {"verified_at": "2026-11-23T00:00:00Z"}, 1),
    ("barman/list_backups_final.json", barman, {"zone": "Europe/Paris"}, 4),
    ("barman/list_backups_in_progress.json", barman, {"zone": "Europe/Paris"}, 3),
    ("barman/show_backup.json", barman, {"zone": "Europe/Paris"}, 1),
    ("barman/verify_backup.txt", barman, {"zone": "Europe/Paris", "verified_at": "2026-11-23T00:00:00Z"}, 0),
)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared shapes lie beside the checkout only")
@pytest.mark.parametrize(("file", "tool", "options", "count"), REAL, ids=[row[0] for row in REAL])
def test_what_the_real_tools_wrote_is_read(file: str, tool: Any, options: dict[str, Any], count: int) -> None:
    intake = tool.events((SHARED / file).read_text(), subject=C1, **options)
    assert len(intake.events) == count
    assert intake.events or intake.notes or count == 0


@pytest.mark.skipif(not SHARED.exists(), reason="the shared shapes lie beside the checkout only")
def test_what_the_real_tools_wrote_is_recorded_and_recorded_again_harmlessly(tmp_path: Path) -> None:
    files = ("restic/snapshots.json", "restic/snapshots_siteB_after_copy.json", "restic/snapshots_after_tag.json",
             "pgbackrest/info.json", "pgbackrest/verify_repo2_corrupt.txt", "barman/list_backups_with_failed.json",
             "barman/list_backups_final.json", "barman/show_backup.json", "borg/list.json", "borg/info_last3.json")  # fmt: skip
    chosen = {file: (tool, options) for file, tool, options, _ in REAL}
    chosen["barman/list_backups_with_failed.json"] = (barman, {"zone": "Europe/Paris"})
    intakes = [chosen[f][0].events((SHARED / f).read_text(), subject=C1, **chosen[f][1]) for f in files]
    outcomes = recorded(tmp_path, *intakes, *intakes)
    half = len(outcomes) // 2
    assert set(outcomes[half:]) == {"already_recorded"}
    assert outcomes[:half].count("recorded") == 19


@pytest.mark.skipif(not SHARED.exists(), reason="the shared shapes lie beside the checkout only")
def test_the_real_ambiguous_list_is_refused_in_paris() -> None:
    for file in ("list_dst_ambiguous_paris.json", "list.json"):
        with pytest.raises(Refused) as refused:
            borg.events((SHARED / "borg" / file).read_text(), subject=C1, zone="Europe/Paris")
        assert refused.value.code == "no_offset"
