"""Restore requests told as ledgers: what was owed when they were made, and whether it was given (article 9)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.errors import Refused
from projections import restores
from projections.frame import Frames
from tests.story import CONTRACT, STARTED, at, history


def made(name: str, started_at: str, completed_at: str, *tiers: str, **more: Any) -> tuple[Any, ...]:
    """A successful backup, recorded when it completed unless `recorded_at` says otherwise."""
    recorded_at, extras = more.pop("recorded_at", completed_at), more.pop("extras", {})
    data = {
        "backup": name, "scope": "client_data", "tiers": list(tiers or ("daily",)), "started_at": started_at,
        "completed_at": completed_at, "locations": ["DC-A", "DC-B"], **more,
    }  # fmt: skip
    return (recorded_at, "backup_completed", data, extras)


def march(day: int, *tiers: str) -> tuple[Any, ...]:
    return made(f"B03{day:02}", f"2026-03-{day:02}T01:00:00+01:00", f"2026-03-{day:02}T02:00:00+01:00", *tiers)


def office(name: str, completed_at: str) -> tuple[Any, ...]:
    return made(name, completed_at, completed_at, scope="office_documents")


def failed(name: str, started_at: str, failed_at: str, scope: str = "client_data") -> tuple[Any, ...]:
    data = {"backup": name, "scope": scope, "tiers": ["daily"], "started_at": started_at, "failed_at": failed_at}
    return (failed_at, "backup_failed", {**data, "reason": "snapshot error"})


def asks(name: str, requested_at: str, target: str | None = None, **more: Any) -> tuple[Any, ...]:
    extras = more.pop("extras", {})
    data = {"restore": name, "scope": "client_data", "requested_at": requested_at, **more}
    return (requested_at, "restore_requested", {**data, **({"target_date": target} if target else {})}, extras)


def told(kind: str, when: str, recorded_at: str | None = None, **data: Any) -> tuple[Any, ...]:
    return (recorded_at or when, kind, {"at": when, **data})


def finding(*lines: Any, known_at: str | None = None, reading: Any = None, names: Any = None) -> Any:
    known = history(*lines, known_at=known_at)
    return restores.restore_decision(known, Frames(known, reading), restores=names)


def decided(*lines: Any, **asked: Any) -> Any:
    return finding(*lines, **asked).result


def only(*lines: Any, **asked: Any) -> tuple[str, str | None, bool]:
    """Outcome, backup and breach of the one request."""
    (row,) = decided(*lines, **asked).values()
    return row["outcome"], row["backup"], row["breach"]


def rows(*lines: Any, first: str = "2026-03-01", last: str = "2026-03-31", known_at: str | None = None) -> list[Any]:
    known = history(*lines, known_at=known_at)
    return restores.breaches(known, Frames(known), date.fromisoformat(first), date.fromisoformat(last))


SPRING = (
    STARTED,
    made("B0222", "2026-02-22T01:00:00+01:00", "2026-02-22T02:00:00+01:00", "daily", "weekly"),
    march(1, "daily", "weekly", "monthly"),
    *(march(day, "daily", *(("weekly",) if day == 8 else ())) for day in range(2, 13)),
    failed("B0313", "2026-03-13T01:00:00+01:00", "2026-03-13T02:00:00+01:00"),
    march(14), march(15, "daily", "weekly"), march(16), march(17), march(18),
)  # fmt: skip
R1 = asks("R1", "2026-03-18T10:00:00+01:00", "2026-03-10")
R2 = asks("R2", "2026-03-18T10:05:00+01:00", "2026-03-13")
R3 = asks("R3", "2026-03-18T23:59:59+01:00", "2026-03-11")
R4 = asks("R4", "2026-03-19T00:00:00+01:00", "2026-03-11")
MISSING, RESTORABLE, OUT = "backup_missing", "restorable", "out_of_retention"


def row(outcome: str, backup: str | None, earlier: str | None, later: str | None, breach: bool) -> dict[str, Any]:
    return {"outcome": outcome, "backup": backup, "nearest_earlier": earlier, "nearest_later": later, "breach": breach}


# --- the state of a day ---


def test_a_state_is_expired_never_taken_on_its_last_second_or_just_past_it() -> None:
    """S22.q2: the 10th expired; the 13th failed; the 11th ends with 18 March, 24:00."""
    assert decided(*SPRING, R1, R2, R3, R4, names=("R1", "R2", "R3", "R4")) == {
        "R1": row(OUT, None, "B0308", "B0311", False),
        "R2": row(MISSING, None, "B0312", "B0314", True),
        "R3": row(RESTORABLE, "B0311", "B0308", "B0312", False),
        "R4": row(OUT, None, "B0308", "B0312", False),
    }


def test_a_day_never_taken_is_missing_until_its_week_is_over() -> None:
    """A daily state of the 13th would be owed to 20 March, 24:00."""
    last, past = (asks("R", f"2026-03-{when}+01:00", "2026-03-13") for when in ("20T23:59:59", "21T00:00:00"))
    assert only(*SPRING, last) == (MISSING, None, True)
    assert only(*SPRING, past) == (OUT, None, False)
    shorter = {"reading": {"retention_count": "first_day_counts"}}
    assert only(*SPRING, last, **shorter) == (OUT, None, False)


def test_by_generations_a_day_never_taken_is_missing_until_seven_later_ones() -> None:
    generations = {"reading": {"tier_retention": "generations"}}
    late = asks("R", "2026-03-22T10:00:00+01:00", "2026-03-13")
    assert only(*SPRING, march(19), late, **generations) == (MISSING, None, True)
    assert only(*SPRING, march(19), march(20), late, **generations) == (OUT, None, False)


@pytest.mark.parametrize(
    ("requested_at", "breach"),
    [("2026-03-13T06:59:59+01:00", False), ("2026-03-13T07:00:00+01:00", True), ("2026-03-13T07:00:01+01:00", True)],
)
def test_a_state_is_due_once_its_night_is_over(requested_at: str, breach: bool) -> None:
    assert only(STARTED, march(12), asks("R", requested_at, "2026-03-13")) == (MISSING, None, breach)


@pytest.mark.parametrize(("requested_at", "breach"), [("2026-03-13T23:59:59+01:00", False), ("2026-03-14T00:00:00+01:00", True)])
def test_by_calendar_date_a_state_is_due_at_the_end_of_the_day(requested_at: str, breach: bool) -> None:
    reading = {"night": "calendar_date"}
    assert only(STARTED, march(12), asks("R", requested_at, "2026-03-13"), reading=reading) == (MISSING, None, breach)


def test_nights_whose_backups_completed_on_the_days_around_owe_no_state_of_the_day_between() -> None:
    """30 March 22:30 to 23:05, then 1 April 06:50 to 07:35: both nights have theirs, 31 March has no state."""
    evening = made("B5", "2026-03-30T22:30:00+02:00", "2026-03-30T23:05:00+02:00")
    morning = made("B6", "2026-04-01T06:50:00+02:00", "2026-04-01T07:35:00+02:00")
    asked = asks("R", "2026-04-02T10:00:00+02:00", "2026-03-31")
    assert only(STARTED, evening, morning, asked) == (MISSING, None, False)
    assert only(STARTED, evening, asked) == (MISSING, None, True)
    assert only(STARTED, evening, morning, asked, reading={"night": "calendar_date"}) == (MISSING, None, True)


def test_no_state_was_owed_of_a_day_before_the_service() -> None:
    assert only(STARTED, asks("R", "2025-09-02T10:00:00+02:00", "2025-08-30")) == (OUT, None, False)


def test_of_two_backups_of_a_day_the_latest_is_its_state() -> None:
    again = made("AGAIN", "2026-03-17T04:00:00+01:00", "2026-03-17T05:00:00+01:00")
    asked = asks("R", "2026-03-18T10:00:00+01:00", "2026-03-17")
    assert decided(*SPRING, again, asked) == {"R": row(RESTORABLE, "AGAIN", "B0316", "B0318", False)}
    spoilt = told("backup_verified", "2026-03-17T06:00:00+01:00", backup="AGAIN", outcome="failed")
    assert only(*SPRING, again, spoilt, asked) == (RESTORABLE, "B0317", False)


def test_a_state_owed_and_gone_is_a_breach() -> None:
    asked = asks("R", "2026-03-18T10:00:00+01:00", "2026-03-17")
    purged = told("backup_deleted", "2026-03-18T09:00:00+01:00", backup="B0317")
    later = told("backup_deleted", "2026-03-18T10:00:01+01:00", backup="B0317")
    assert decided(*SPRING, purged, asked) == {"R": row(MISSING, None, "B0316", "B0318", True)}
    assert only(*SPRING, asked, later) == (RESTORABLE, "B0317", False)
    lost = [told("backup_copy_lost", "2026-03-18T09:00:00+01:00", backup="B0317", location=p) for p in ("DC-A", "DC-B")]
    assert only(*SPRING, lost[0], asked) == (RESTORABLE, "B0317", False)
    assert only(*SPRING, *lost, asked) == (MISSING, None, True)


def test_a_backup_of_a_day_still_running_at_the_request_is_not_its_state_yet() -> None:
    running = made("B", "2026-03-19T06:50:00+01:00", "2026-03-19T07:35:00+01:00")
    assert only(*SPRING, running, asks("R", "2026-03-19T07:34:59+01:00", "2026-03-19")) == (MISSING, None, False)
    assert only(*SPRING, running, asks("R", "2026-03-19T07:35:00+01:00", "2026-03-19")) == (RESTORABLE, "B", False)


def test_what_was_learnt_later_changes_no_earlier_decision() -> None:
    late = made("B0313", "2026-03-13T03:00:00+01:00", "2026-03-13T04:00:00+01:00", recorded_at="2026-03-25T00:00:00Z")
    assert only(*SPRING, R2, late, known_at="2026-03-24T23:59:59Z") == (MISSING, None, True)
    assert only(*SPRING, R2, late, known_at="2026-03-25T00:00:00Z") == (RESTORABLE, "B0313", False)


# --- a named backup; the last backup only ---


def test_a_named_backup_is_decided_by_the_same_rule() -> None:
    asked = [asks("R", "2026-03-18T10:00:00+01:00", backup=name) for name in ("B0308", "B0310", "B0318")]
    assert decided(*SPRING, asked[0]) == {"R": row(RESTORABLE, "B0308", "B0301", "B0311", False)}
    assert decided(*SPRING, asked[1]) == {"R": row(OUT, None, "B0308", "B0311", False)}
    purged = told("backup_deleted", "2026-03-18T09:00:00+01:00", backup="B0318")
    assert decided(*SPRING, purged, asked[2]) == {"R": row(MISSING, None, "B0317", None, True)}


def test_a_named_backup_nobody_knows_is_missing_without_a_breach() -> None:
    found = finding(*SPRING, asks("R", "2026-03-18T10:00:00+01:00", backup="B0313"))
    assert found.result == {"R": row(MISSING, None, None, None, False)}
    assert "no successful backup 'B0313'" in found.workings["R"]["why"]
    early = finding(*SPRING, asks("R", "2026-03-18T01:30:00+01:00", backup="B0318"))
    assert early.result["R"]["breach"] is False
    assert early.workings["R"]["why"] == "B0318 was not completed yet"


def test_a_contract_names_a_backup_of_its_service() -> None:
    opened = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["a", "b"]})
    on_a = (*march(17)[:3], {"subject": "service:a"})
    on_b = (*march(17)[:3], {"subject": "service:b"})
    asked = asks("R", "2026-03-18T10:00:00+01:00", backup="B0317")
    assert only(opened, on_a, asked) == (RESTORABLE, "B0317", False)
    assert only(opened, on_a, on_b, asked)[0] == MISSING  # which of the two is not said
    said = asks("R", "2026-03-18T10:00:00+01:00", backup="b/B0317")
    assert only(opened, on_a, on_b, said) == (RESTORABLE, "b/B0317", False)


def test_a_request_of_a_service_counts_while_the_contract_is_on_it() -> None:
    opened = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["a"]})
    left = ("2026-03-18T08:00:00Z", "service_unassigned", {"service": "a", "effective_from": "2026-03-18T09:00:00+01:00"})
    on_a = {"subject": "service:a"}
    asked = [asks(f"R{hour}", f"2026-03-18T{hour}:59:59+01:00", "2026-03-17", extras=dict(on_a)) for hour in ("08", "09")]
    assert list(decided(opened, (*march(17)[:3], dict(on_a)), left, *asked)) == ["R08"]


def test_by_the_last_backup_only_reading_no_other_state_may_be_asked_for() -> None:
    """Amb-31."""
    reading = {"reading": {"restore_target": "last_backup_only"}}

    def asking(target: str) -> Any:
        return decided(*SPRING, asks("R", "2026-03-18T10:00:00+01:00", target), **reading)["R"]

    assert asking("2026-03-18") == row(RESTORABLE, "B0318", None, None, False)
    assert asking("2026-03-17") == row(OUT, None, None, "B0318", False)
    assert asking("2026-03-13") == row(OUT, None, None, "B0318", False)
    named = asks("R", "2026-03-18T10:00:00+01:00", backup="B0317")
    assert only(*SPRING, named, **reading) == (OUT, None, False)
    gone = told("backup_deleted", "2026-03-18T09:00:00+01:00", backup="B0318")
    assert only(*SPRING, gone, asks("R", "2026-03-18T10:00:00+01:00", "2026-03-18"), **reading) == (MISSING, None, True)


# --- office documents ---


def office_asks(requested_at: str, target: str | None = None, **more: Any) -> tuple[Any, ...]:
    return asks("R", requested_at, target, scope="office_documents", **more)


def test_office_documents_come_back_as_of_their_last_backup_only() -> None:
    """A9.5: "restaurés à l'état de leur dernière sauvegarde"."""
    lines = (STARTED, office("O1", "2026-03-16T22:00:00+01:00"), office("O2", "2026-03-17T22:00:00+01:00"))
    when = "2026-03-18T10:00:00+01:00"
    assert only(*lines, office_asks(when, "2026-03-17")) == (RESTORABLE, "O2", False)
    assert decided(*lines, office_asks(when, "2026-03-16")) == {"R": row(OUT, None, None, "O2", False)}
    assert only(*lines, office_asks(when, "2026-03-18")) == (OUT, None, False)
    assert only(*lines, office_asks("2026-03-17T12:00:00+01:00", "2026-03-16")) == (RESTORABLE, "O1", False)
    assert only(*lines, office_asks(when, backup="O2")) == (RESTORABLE, "O2", False)
    assert only(*lines, office_asks(when, backup="O1")) == (OUT, None, False)
    last_only = {"reading": {"restore_target": "last_backup_only"}}
    assert only(*lines, march(18), office_asks(when, backup="O2"), **last_only) == (RESTORABLE, "O2", False)
    gone = told("backup_deleted", "2026-03-18T09:00:00+01:00", backup="O2")
    assert only(*lines, gone, office_asks(when, "2026-03-17")) == (MISSING, None, True)


def test_office_documents_never_backed_up_are_a_breach_once_a_day_is_over_without() -> None:
    asked = office_asks("2026-03-18T10:00:00+01:00", "2026-03-17")
    assert only(*SPRING, asked) == (MISSING, None, True)
    tried = failed("OF", "2026-03-10T01:00:00+01:00", "2026-03-10T01:10:00+01:00", scope="office_documents")
    assert only(*SPRING, tried, asked) == (MISSING, None, True)
    assert only(*SPRING, office_asks("2026-03-18T10:00:00+01:00", "2026-03-18")) == (MISSING, None, False)


def test_the_office_state_that_should_be_the_last_is_missed_however_old_the_one_before_is() -> None:
    lines = (STARTED, office("O1", "2026-03-14T22:00:00+01:00"))
    when = "2026-03-18T10:00:00+01:00"
    assert only(*lines, office_asks(when, "2026-03-17")) == (MISSING, None, True)
    assert only(*lines, office_asks(when, "2026-03-16")) == (OUT, None, False), "that of the 17th would be the last"
    assert only(*lines, office_asks("2026-03-18T00:00:00+01:00", "2026-03-17")) == (MISSING, None, True)
    assert only(*lines, office_asks("2026-03-17T23:59:59+01:00", "2026-03-17")) == (OUT, None, False)
    ended = ("2026-03-01T09:00:00+01:00", "contract_terminated", {"effective_from": "2026-03-17T12:00:00+01:00"})
    assert only(STARTED, ended, office("O1", "2026-03-14T22:00:00+01:00"), office_asks(when, "2026-03-17")) == (OUT, None, False)


# --- what became of the request ---


def test_a_refused_or_failed_restore_of_a_guaranteed_state_is_a_breach() -> None:
    refused = told("restore_refused", "2026-03-19T09:00:00+01:00", restore="R3", reason="too old")
    gone_wrong = told("restore_failed", "2026-03-19T09:00:00+01:00", restore="R3", reason="disk")
    assert only(*SPRING, R3, refused) == (RESTORABLE, "B0311", True)
    assert only(*SPRING, R3, gone_wrong) == (RESTORABLE, "B0311", True)
    assert only(*SPRING, R4, told("restore_refused", "2026-03-19T09:00:00Z", restore="R4", reason="gone")) == (OUT, None, False)


def test_of_two_failures_the_last_one_is_filed() -> None:
    again = [told("restore_failed", f"2026-03-{day}T09:00:00+01:00", restore="R3") for day in (19, 20)]
    started = told("restore_started", "2026-03-19T12:00:00+01:00", restore="R3", backup="B0311")
    assert [r.period for r in rows(*SPRING, R3, again[0], started, again[1])] == ["2026-03-20T08:00:00Z"]


def test_a_failed_restore_given_later_is_measured_and_no_breach() -> None:
    lines = (
        *SPRING, R3,
        told("restore_started", "2026-03-19T08:59:59+01:00", restore="R3", backup="B0311"),
        told("restore_failed", "2026-03-19T09:59:59+01:00", restore="R3"),
        told("restore_started", "2026-03-19T10:59:59+01:00", restore="R3", backup="B0311"),
        told("restore_completed", "2026-03-19T11:59:59+01:00", restore="R3", backup="B0311"),
    )  # fmt: skip
    found = finding(*lines)
    assert found.result["R3"]["breach"] is False
    assert found.workings["R3"]["started_after_seconds"] == 9 * 3600
    assert found.workings["R3"]["completed_after_seconds"] == 12 * 3600
    assert found.workings["R3"]["restored_from"] == "B0311"
    assert only(*lines, known_at="2026-03-19T10:30:00+01:00") == (RESTORABLE, "B0311", True)


def test_the_register_files_a_refusal_at_its_instant_and_a_missing_state_at_its_request() -> None:
    refused = told("restore_refused", "2026-03-19T09:00:00+01:00", recorded_at="2026-03-20T00:00:00Z",
                   restore="R3", reason="too old")  # fmt: skip
    found = rows(*SPRING, R2, R3, refused)
    assert [(r.obligation, r.what, r.subject, r.period, r.clause) for r in found] == [
        ("A9.1", "state_missing", "R2", "2026-03-18T09:05:00Z", "9"),
        ("A9.1", "restore_refused", "R3", "2026-03-19T08:00:00Z", "9"),
    ]
    assert found[0].first_knowable_at == at("2026-03-18T09:05:00Z")
    assert found[1].first_knowable_at == at("2026-03-20T00:00:00Z")
    assert [r.subject for r in rows(*SPRING, R2, R3, refused, first="2026-03-19")] == ["R3"]
    assert [r.subject for r in rows(*SPRING, R2, R3, refused, last="2026-03-18")] == ["R2"]
    assert rows(*SPRING, R1, R4) == []


def test_a_purge_learnt_after_the_request_is_knowable_when_it_was_learnt() -> None:
    asked = asks("R", "2026-03-18T10:00:00+01:00", "2026-03-17")
    purged = told("backup_deleted", "2026-03-18T09:00:00+01:00", recorded_at="2026-03-22T00:00:00Z", backup="B0317")
    (found,) = rows(*SPRING, asked, purged)
    assert (found.what, found.first_knowable_at) == ("state_missing", at("2026-03-22T00:00:00Z"))
    assert rows(*SPRING, asked, purged, known_at="2026-03-21T23:59:59Z") == []


def test_a_missing_state_is_knowable_from_when_the_ledger_first_said_so() -> None:
    asked = asks("R", "2026-03-18T10:00:00+01:00", "2026-03-17")
    lines = [line if line[2].get("backup") != "B0317" else (*line[:3], {"id": "b17"}) for line in SPRING]
    withdrawn = ("2026-03-25T00:00:00Z", "retracted", {"target": "b17", "reason": "of another customer"})
    (found,) = rows(*lines, asked, withdrawn)
    assert (found.what, found.first_knowable_at) == ("state_missing", at("2026-03-25T00:00:00Z"))
    assert rows(*lines, asked, withdrawn, known_at="2026-03-24T23:59:59Z") == []
    gone = (*told("backup_deleted", "2026-03-18T09:00:00+01:00", backup="B0317"), {"id": "gone"})
    mended = {"target": "gone", "reason": "why", "evidence": ["sha256:" + "0" * 64],
              "data": {"backup": "B0317", "at": "2026-03-18T09:00:00+01:00", "reason": "space"}}  # fmt: skip
    (found,) = rows(*lines, gone, asked, ("2026-03-25T00:00:00Z", "corrected", mended))
    assert found.first_knowable_at == at("2026-03-18T09:00:00Z"), "that of the request: nothing else was ever known"


def test_an_answer_without_a_request_is_ignored() -> None:
    refused = told("restore_refused", "2026-03-19T09:00:00+01:00", restore="R9", reason="unknown")
    assert decided(STARTED, refused) == {}
    assert rows(STARTED, refused) == []


def test_a_request_is_asked_by_its_name() -> None:
    assert list(decided(*SPRING, R1, R2, names=("R2",))) == ["R2"]
    with pytest.raises(Refused, match=r"unknown_id.*'R9'.*R1, R2"):
        decided(*SPRING, R1, R2, names=("R9",))


def test_an_answer_rests_on_the_request_the_backup_and_the_nearest_states() -> None:
    found = finding(STARTED, march(8, "weekly"), march(11), march(12), R3)
    assert found.result["R3"] == row(RESTORABLE, "B0311", "B0308", "B0312", False)
    assert found.because == (11, 12, 13, 14)


def test_a_request_written_with_another_offset_is_the_same_request() -> None:
    utc = asks("R3", "2026-03-18T22:59:59Z", "2026-03-11")
    assert finding(*SPRING, utc) == finding(*SPRING, R3)
