"""What falls due told as a ledger: each running clock with its end, and none that does not run."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.history import History
from projections.due import CLOCKS, OBLIGATION, WHAT, due
from projections.frame import Frames
from projections.ground import turn
from projections.obligations import BY_ID
from tests.story import CONTRACT, STARTED, at, history

MONDAY = "2026-03-02T10:00:00+01:00"


def ends(told: History, instant: str = MONDAY, days: int = 30, only: str = "", **reading: str) -> list[tuple[str, str, str]]:
    found = due(told, Frames(told, reading), at(instant), days).result
    return [(row["due_at"], row["what"], row["subject"]) for row in found if only in row["what"]]


def backup(name: str, completed: str, *tiers: str) -> tuple[Any, ...]:
    return (completed, "backup_completed", {"backup": name, "scope": "client_data", "tiers": list(tiers), "started_at": completed,
                                            "completed_at": completed, "locations": ["a", "b"]})  # fmt: skip


def test_a_request_is_due_at_its_limit_until_it_is_answered() -> None:
    request = (MONDAY, "support_request_registered", {"request": "R1", "at": MONDAY})
    taken = ("2026-03-02T15:00:00+01:00", "support_request_taken_in_charge", {"request": "R1", "at": "2026-03-02T15:00:00+01:00"})
    told = history(STARTED, request, taken)
    found = ends(told, only="take_in_charge")
    assert found == [("2026-03-03T10:30:00Z", "take_in_charge", "R1")]  # 10:00-12:30, 14:30-17:30, 9:00-11:30
    assert ends(told, "2026-03-02T14:59:59+01:00", only="take_in_charge") == found
    assert ends(told, "2026-03-02T15:00:00+01:00", only="take_in_charge") == []
    assert ends(history(STARTED), only="take_in_charge") == []


def test_a_request_of_the_support_year_before_is_still_due() -> None:
    since = "2026-08-31T17:00:00+02:00"
    told = history(STARTED, (since, "support_request_registered", {"request": "R1", "at": since}))
    assert ends(told, "2026-09-01T08:00:00+02:00", only="take_in_charge") == [("2026-09-02T08:00:00Z", "take_in_charge", "R1")]


@pytest.mark.parametrize(("criticality", "what"), [(1, "action_plan"), (2, "fix_or_workaround"), (3, None)])
def test_an_anomaly_is_due_by_its_criticality(criticality: int, what: str | None) -> None:
    facts = [(MONDAY, "anomaly_qualified", {"anomaly": "A1", "criticality": criticality, "at": MONDAY}),
             (MONDAY, "anomaly_reproduced", {"anomaly": "A1", "at": MONDAY})]  # fmt: skip
    found = [row[1:] for row in ends(history(STARTED, *facts)) if row[2] == "A1"]
    assert found == ([(what, "A1")] if what else [])


@pytest.mark.parametrize(
    ("instant", "night"),
    [
        ("2026-03-02T06:59:59+01:00", [("2026-03-02T06:00:00Z", "2026-03-01")]),
        ("2026-03-02T07:00:00+01:00", []),
        ("2026-03-02T19:59:59+01:00", []),
        ("2026-03-02T20:00:00+01:00", [("2026-03-03T06:00:00Z", "2026-03-02")]),
    ],
)
def test_the_running_night_without_a_backup_is_due_at_its_end(instant: str, night: Any) -> None:
    assert [(end, label) for end, _, label in ends(history(STARTED), instant, only="of_the_night")] == night


def test_a_night_that_has_its_backup_is_not_due_and_the_backup_is_until_its_days_are_over() -> None:
    told = history(STARTED, backup("B1", "2026-03-02T21:00:00+01:00", "daily"))
    now = "2026-03-02T22:00:00+01:00"
    assert ends(told, now, only="of_the_night") == []
    assert ends(told, now, only="retention") == [("2026-03-09T23:00:00Z", "retention_ends", "B1")]
    assert ends(told, now, days=7, only="retention") == []
    gone = ("2026-03-04T00:00:00Z", "backup_deleted", {"backup": "B1", "at": "2026-03-04T00:00:00Z"})
    assert ends(history(STARTED, backup("B1", "2026-03-02T21:00:00+01:00", "daily"), gone), "2026-03-05T00:00:00Z", only="retention") == []


def test_week_month_and_day_that_run_are_due_at_their_ends() -> None:
    found = [row for row in ends(history(STARTED)) if row[1].startswith(("backup_of", "hold"))]
    assert found == [
        ("2026-03-02T23:00:00Z", "backup_of_office_documents", "2026-03-02"),
        ("2026-03-08T23:00:00Z", "backup_of_the_week", "2026-W10"),
        ("2026-03-31T22:00:00Z", "hold_review", "2026-03"),
        ("2026-03-31T22:00:00Z", "backup_of_the_month", "2026-03"),
    ]


def test_a_slot_can_be_announced_in_time_to_48_hours_before() -> None:
    slot = {"maintenance": "M1", "published_at": MONDAY, "planned_start": "2026-03-30T22:00:00+02:00", "planned_end": "2026-03-30T23:00:00+02:00"}
    told = history(STARTED, (MONDAY, "maintenance_announced", slot))
    assert ends(told, only="last_notice") == [("2026-03-28T20:00:00Z", "last_notice", "M1")]
    assert ends(told, only="last_notice", notice_clock="wall") == [("2026-03-28T21:00:00Z", "last_notice", "M1")]
    assert ends(told, "2026-03-28T20:00:01Z", only="last_notice") == []


def test_a_booked_day_is_due_until_the_update_is_in_production() -> None:
    agreed = (MONDAY, "update_date_agreed", {"update": "U1", "agreed_date": "2026-03-10", "at": MONDAY})
    rolled = ("2026-03-10T08:00:00Z", "update_rolled_out", {"update": "U1", "at": "2026-03-10T08:00:00Z"})
    told = history(STARTED, agreed, rolled)
    assert ends(told, only="roll_out") == [("2026-03-10T23:00:00Z", "roll_out_on_the_agreed_day", "U1")]
    assert ends(told, "2026-03-10T08:00:00Z", only="roll_out") == []


def test_a_dossier_is_due_to_be_ticked_unticked_and_asked_back() -> None:
    facts = [
        ("2025-09-02T08:00:00Z", "dossier_activity_recorded", {"dossier": "D1", "kind": "entry", "last_entry_date": "2019-06-01", "closing_date": "2019-12-31"}),
        ("2025-10-01T08:00:00Z", "dossier_ticked", {"dossier": "D1", "at": "2025-10-01T08:00:00Z"}),
        ("2025-12-10T08:00:00Z", "dossier_deleted", {"dossier": "D2", "at": "2025-12-10T08:00:00Z", "parts": ["sql_base"]}),
    ]  # fmt: skip
    told = history(STARTED, *facts)
    assert ends(told, "2025-09-15T00:00:00Z", only="_dossier") == [("2025-10-01T22:00:00Z", "tick_dossier", "D1")]
    assert ends(told, "2025-12-11T00:00:00Z", only="_dossier") == [("2025-12-25T23:00:00Z", "untick_dossier", "D1")]
    assert ends(told, "2025-12-27T00:00:00Z", only="recovery") == [("2026-01-24T23:00:00Z", "ask_recovery", "D2")]


def test_an_invoice_is_due_on_its_day_until_it_is_issued() -> None:
    codes = ("2025-09-10T08:00:00Z", "access_codes_communicated", {"at": "2025-09-10T08:00:00Z"})
    issued = ("2026-03-10T08:00:00Z", "invoice_issued", {"invoice": "F3", "at": "2026-03-10T08:00:00Z"})
    told = history(STARTED, codes, issued)
    assert ends(told, only="invoice") == [("2026-03-09T23:00:00Z", "issue_invoice", "2026-03-10")]
    assert ends(told, "2026-03-09T23:00:00Z", only="invoice") == [("2026-03-09T23:00:00Z", "issue_invoice", "2026-03-10")]
    assert ends(told, "2026-03-10T08:00:01Z", only="invoice") == []


def test_an_invoice_issued_ahead_for_its_period_is_due_no_more() -> None:
    codes = ("2025-09-10T08:00:00Z", "access_codes_communicated", {"at": "2025-09-10T08:00:00Z"})
    ahead = ("2026-02-20T08:00:00Z", "invoice_issued", {"invoice": "F3", "at": "2026-02-20T08:00:00Z", "period_first": "2026-03-10"})
    assert ends(history(STARTED, codes, ahead), only="invoice") == []


def test_a_statement_may_be_contested_and_a_contest_is_to_be_answered_where_the_booklet_says_by_when(tmp_path: Path) -> None:
    shipped = (Path(ledger.__file__).parent / "booklets" / "cegid-expert.toml").read_text()
    booklet = tmp_path / "statements.toml"
    booklet.write_text(shipped + '\n[statements]\narticle = "6"\ncontest_days = 10\nanswer_days = 5\n')
    said = {"month": "2026-02", "known_at": "2026-03-01T08:00:00Z", "position": 9, "reading": {}, "figures": {}}
    issued = ("2026-03-01T08:00:00Z", "availability_statement_issued", {"statement": "S1", **said})
    contest = ("2026-03-03T08:00:00Z", "statement_contested", {"statement": "S1", "reason": "an outage is missing"})
    again = ("2026-03-05T08:00:00Z", "availability_statement_issued", {"statement": "S2", "replaces": "S1", **said})
    told = history(STARTED, issued, contest, again, booklet=str(booklet))
    assert ends(told, only="_statement") == [("2026-03-11T23:00:00Z", "contest_statement", "S1")]
    assert ends(told, "2026-03-04T00:00:00Z", only="answer") == [("2026-03-08T23:00:00Z", "answer_contest", "S1")]
    assert ends(told, "2026-03-06T00:00:00Z", only="answer") == []
    assert ends(told, "2026-03-06T00:00:00Z", only="_statement") == [("2026-03-15T23:00:00Z", "contest_statement", "S2")]
    assert ends(history(STARTED, issued), only="_statement") == []


def test_the_window_holds_both_its_ends_and_is_in_order() -> None:
    found = ends(history(STARTED), "2026-02-28T23:00:00Z", days=31)
    assert ("2026-03-31T22:00:00Z", "hold_review", "2026-03") in found
    assert ends(history(STARTED), "2026-03-24T22:00:00Z", days=7, only="review") == [("2026-03-31T22:00:00Z", "hold_review", "2026-03")]
    assert ends(history(STARTED), "2026-03-24T21:59:59Z", days=7, only="review") == []
    assert [end for end, _, _ in found] == sorted(end for end, _, _ in found)


def test_nothing_is_due_of_a_contract_that_ended() -> None:
    ended = ("2026-02-01T00:00:00Z", "contract_terminated", {"effective_from": "2026-02-01T00:00:00Z"})
    codes = ("2025-09-10T08:00:00Z", "access_codes_communicated", {"at": "2025-09-10T08:00:00Z"})
    assert ends(history(STARTED, codes, ended)) == []


def test_every_code_names_an_obligation_of_the_table_and_is_used_once() -> None:
    assert len(OBLIGATION) == len(WHAT)
    assert set(OBLIGATION.values()) <= set(BY_ID)
    assert len(set(CLOCKS)) == len(CLOCKS)


@pytest.mark.parametrize(
    ("origin", "day", "months", "first"),
    [
        ("2024-02-29", "2025-02-27", 12, "2024-02-29"),
        ("2024-02-29", "2025-02-28", 12, "2025-02-28"),
        ("2024-02-29", "2028-02-28", 12, "2027-02-28"),
        ("2024-02-29", "2028-02-29", 12, "2028-02-29"),
        ("2026-01-31", "2026-02-27", 1, "2026-01-31"),
        ("2026-01-31", "2026-02-28", 1, "2026-02-28"),
        ("2026-01-31", "2026-03-30", 1, "2026-02-28"),
        ("2025-09-01", "2025-08-31", 12, "2024-09-01"),
    ],
)
def test_turns_follow_one_another_from_a_short_day_on(origin: str, day: str, months: int, first: str) -> None:
    assert turn(date.fromisoformat(origin), date.fromisoformat(day), months) == date.fromisoformat(first)


# --- the calendar file and the command ---

ROWS = [
    {"due_at": "2026-03-31T22:00:00Z", "what": "hold_review", "clause": "3", "subject": "2026-03", "obligation": "A3.2"},
    {"due_at": "2026-03-03T06:00:00Z", "what": "backup_of_the_night", "clause": "9", "subject": "2026-03-02", "obligation": "A9.2"},
]


def test_a_calendar_file_is_the_same_bytes_and_reads_back_as_the_same_instants() -> None:
    icalendar = pytest.importorskip("icalendar")
    from replays.calendar_file import calendar_file, uid
    from tests.story import instant

    written = calendar_file(ROWS, "C1", instant(MONDAY), "Europe/Paris")
    assert written == calendar_file(ROWS, "C1", instant("2026-03-02T09:00:00Z"), "Europe/Paris")
    events = icalendar.Calendar.from_ical(written).walk("VEVENT")
    starts = [event["DTSTART"].dt for event in events]
    assert [start.astimezone(instant(MONDAY).tzinfo) for start in starts] == [instant(row["due_at"]) for row in ROWS]
    assert b"DTSTART;TZID=Europe/Paris:20260401T000000" in written
    assert b"BEGIN:VTIMEZONE" in written
    later = [{**row, "due_at": row["due_at"].replace("2026", "2039")} for row in ROWS]  # past where rules are written by default
    (zone,) = icalendar.Calendar.from_ical(calendar_file(later, "C1", instant(MONDAY), "Europe/Paris")).walk("VTIMEZONE")
    assert b"2039" in zone.to_ical()
    assert [str(event["UID"]) for event in events] == [uid(row, "C1") for row in ROWS]
    assert {event["DTSTAMP"].dt for event in events} == {instant("2026-03-02T09:00:00Z")}


def test_an_end_that_moves_keeps_its_uid_and_another_contract_has_another() -> None:
    from replays.calendar_file import uid

    moved = {**ROWS[0], "due_at": "2026-04-01T22:00:00Z"}
    assert uid(moved, "C1") == uid(ROWS[0], "C1")
    assert len({uid(ROWS[0], "C1"), uid(ROWS[1], "C1"), uid(ROWS[0], "C2")}) == 3


def test_the_command_lists_prints_json_and_writes_the_file(tmp_path: Path, capsys: Any) -> None:
    import json

    from ledger import open_ledger
    from replays.cli import run
    from tests.conftest import Clock

    path = str(tmp_path / "due.db")
    with open_ledger(path, clock=Clock("2025-09-01T08:00:00Z"), recorded_by="test") as book:
        event = {"specversion": "1.0", "id": "e1", "source": "t", "type": "contract_started", "subject": "contract:C1"}
        book.record([{**event, "data": CONTRACT}])
    asked = ["due", "-L", path, "--at", MONDAY, "--within", "1w"]
    assert run([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["what"] for row in found] == ["backup_of_office_documents", "backup_of_the_week"]
    assert run(asked) == 0
    assert "the week ends" in capsys.readouterr().out
    pytest.importorskip("icalendar")
    assert run([*asked, "--ical", str(tmp_path / "due.ics")]) == 0
    assert (tmp_path / "due.ics").read_bytes().count(b"BEGIN:VEVENT") == 2
    assert run([*asked[:-1], "soon"]) == 5


def test_what_was_recorded_in_the_second_of_the_knowledge_is_known(book: Any, clock: Any) -> None:
    from projections import ask

    envelope = {"specversion": "1.0", "source": "t", "subject": "contract:C1"}
    request = {"request": "R1", "at": MONDAY}
    clock.set("2026-03-02T09:00:01Z")
    book.record([{**envelope, "id": "c", "type": "contract_started", "data": CONTRACT}])
    clock.set("2026-03-02T09:30:00.25Z")
    book.record([{**envelope, "id": "r", "type": "support_request_registered", "data": request}])
    for knowledge in ({"known_at": "2026-03-02T09:30:00.75Z"}, {"position": book.position}):
        for instant, known in (("2026-03-02T09:30:00Z", False), ("2026-03-02T09:30:01Z", True)):
            found = ask(book, "due", contract="C1", at=instant, **knowledge)
            asked = [(row["what"], row["subject"]) for row in found.result]
            assert (("take_in_charge", "R1") in asked) is known, (knowledge, instant)
