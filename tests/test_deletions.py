"""Stories of dossiers deleted: what went, until when it may be asked back, and which backup lasts that long."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.workdays import add_months
from projections.deletions import breaches, deletion_coherence, dossier_recovery
from projections.finding import Breach
from projections.frame import Frames
from tests.story import STARTED, at, history

EXTENDED = {"recovery_45d": "extended_642"}
ON = "2026-03-03T10:00:00+01:00"  # day 45 is Friday 17 April 2026


def deleted(at: str = ON, *parts: str, dossier: str = "D1") -> tuple[Any, ...]:
    return (at, "dossier_deleted", {"dossier": dossier, "at": at, "parts": list(parts)})


def requested(at: str) -> tuple[Any, ...]:
    return (at, "dossier_recovery_requested", {"dossier": "D1", "at": at})


def quoted(at: str) -> tuple[Any, ...]:
    return (at, "recovery_quoted", {"dossier": "D1", "at": at})


def backup(name: str, completed_at: str, *tiers: str, scope: str = "client_data") -> tuple[Any, ...]:
    data = {"backup": name, "scope": scope, "tiers": list(tiers), "started_at": completed_at,
            "completed_at": completed_at}  # fmt: skip
    return (completed_at, "backup_completed", data)


def recovery(*lines: Any, reading: dict[str, str] | None = None) -> Any:
    told = history(STARTED, *lines)
    return dossier_recovery(told, Frames(told, reading)).result["D1"]


def coherence(day: date, *lines: Any, reading: dict[str, str] | None = None) -> Any:
    told = history(STARTED, *lines)
    return deletion_coherence(told, Frames(told, reading), day, day).result[day.isoformat()]


def rows(*lines: Any, **known: Any) -> list[Breach]:
    told = history(STARTED, *lines, **known)
    return breaches(told, Frames(told), date(2026, 1, 1), date(2026, 12, 31))


# --- A4.5 ---


@pytest.mark.parametrize(
    ("requested_at", "in_time"),
    [
        ("2026-04-17T23:59:59+02:00", True),
        ("2026-04-18T00:00:00+02:00", False),
        ("2026-04-17T22:00:00Z", False),
        ("2026-03-03T10:00:00+01:00", True),
    ],
)
def test_a_dossier_may_be_asked_back_until_24_00_of_day_45(requested_at: str, in_time: bool) -> None:
    assert recovery(deleted(), requested(requested_at)) == {
        "deadline": "2026-04-17T22:00:00Z", "requested_in_time": in_time, "quote_owed": in_time, "quoted": False,
    }  # fmt: skip


def test_the_day_of_deletion_is_the_local_one_and_is_not_counted() -> None:
    assert recovery(deleted("2026-03-03T22:59:59Z"))["deadline"] == "2026-04-17T22:00:00Z"
    assert recovery(deleted("2026-03-03T23:00:00Z"))["deadline"] == "2026-04-18T22:00:00Z"


@pytest.mark.parametrize(
    ("deleted_on", "strict", "extended"),
    [
        ("2026-03-03", "2026-04-17", "2026-04-17"),  # a Friday
        ("2026-03-04", "2026-04-18", "2026-04-20"),  # a Saturday, to Monday
        ("2026-02-20", "2026-04-06", "2026-04-07"),  # Easter Monday, to Tuesday
        ("2026-03-17", "2026-05-01", "2026-05-04"),  # 1 May, a Friday, to Monday
    ],
)
def test_a_last_day_that_is_not_worked_moves_on_only_by_the_other_reading(
    deleted_on: str, strict: str, extended: str
) -> None:
    line = deleted(f"{deleted_on}T10:00:00+01:00")
    assert recovery(line)["deadline"] == f"{strict}T22:00:00Z"
    assert recovery(line, reading=EXTENDED)["deadline"] == f"{extended}T22:00:00Z"


def test_who_does_not_ask_is_owed_no_quote() -> None:
    found = recovery(deleted())
    assert (found["requested_in_time"], found["quote_owed"], found["quoted"]) == (None, False, False)


def test_each_deletion_has_its_own_request() -> None:
    lines = (deleted(), requested("2026-03-05T10:00:00Z"), quoted("2026-03-06T10:00:00Z"),
             deleted("2026-06-01T10:00:00Z"))  # fmt: skip
    assert recovery(*lines)["requested_in_time"] is None
    told = history(STARTED, *lines)
    first, last = dossier_recovery(told, Frames(told)).workings["D1"]
    assert (first["requested_in_time"], first["quoted"], last["quoted"]) == (True, True, False)


def test_a_request_in_time_without_a_quote_is_an_open_finding_from_its_knowledge_on() -> None:
    asked = ("2026-04-01T08:00:00Z", *requested("2026-03-20T08:00:00Z")[1:])
    row, = rows(deleted(), asked)  # fmt: skip
    assert (row.obligation, row.what, row.contested) == ("A4.5", "quote_missing", True)
    assert (row.on, row.first_knowable_at) == (at("2026-03-20T08:00:00Z"), at("2026-04-01T08:00:00Z"))
    assert rows(deleted(), asked, quoted("2026-09-01T08:00:00Z")) == []
    assert rows(deleted(), requested("2026-04-18T00:00:00+02:00")) == []
    told = history(STARTED, deleted(), asked)
    assert dossier_recovery(told, Frames(told)).workings["D1"][0]["open_finding"]


def test_a_dossier_named_that_was_not_deleted_has_no_deadline_and_an_unknown_one_is_refused() -> None:
    ticked = (ON, "dossier_ticked", {"dossier": "D2", "at": ON})
    told = history(STARTED, deleted(), ticked)
    assert list(dossier_recovery(told, Frames(told)).result) == ["D1"]
    assert dossier_recovery(told, Frames(told), ("D2",)).result["D2"]["deadline"] is None
    with pytest.raises(Refused, match="no dossier 'D3' is known of contract C1; known: D1, D2"):
        dossier_recovery(told, Frames(told), ("D3",))


# --- A4.4 ---


def test_a_deletion_takes_the_sql_base_the_portal_and_the_box_and_nothing_else() -> None:
    assert rows(deleted(ON, "sql_base", "portal", "box")) == []
    assert rows(deleted(ON)) == []  # which parts went is not known
    row, = rows(deleted(ON, "sql_base", "ged", "dp"))  # fmt: skip
    assert (row.obligation, row.what, row.amount, row.limit) == (
        "A4.4", "deleted_too_much", "dp, ged", "sql_base, portal, box",
    )  # fmt: skip
    assert (row.on, row.contested, row.because) == (at(ON), False, (11,))


def test_a_part_in_words_no_booklet_has_stands_from_before_and_is_one_to_be_kept() -> None:
    assert [row.amount for row in rows(deleted(ON, "sql_base", "SQL"))] == ["SQL"]
    assert [row.amount for row in rows(deleted(ON, "box", "other"))] == ["other"]


def test_once_the_contract_is_over_nothing_is_promised_to_be_kept() -> None:
    for end, found in (("2026-03-03T10:00:00+01:00", []), ("2026-03-03T10:00:01+01:00", ["dp"])):
        over = ("2026-01-03T08:00:00Z", "contract_terminated", {"effective_from": end})
        assert [row.amount for row in rows(over, deleted("2026-03-03T10:00:00+01:00", "sql_base", "dp"))] == found


def test_parts_corrected_later_are_provable_from_the_correction_on() -> None:
    wrong = {"dossier": "D1", "at": ON, "parts": ["ged"]}
    corrected = ("2026-05-01T08:00:00Z", "corrected", {"target": "x1", "data": wrong, "reason": "read the log again"})
    row, = rows((*deleted(ON, "sql_base"), {"id": "x1"}), corrected)  # fmt: skip
    assert row.first_knowable_at == at("2026-05-01T08:00:00Z")


# --- the 45 days against the backups ---


def test_only_a_monthly_backup_can_last_45_days_and_only_one_made_late_enough() -> None:
    found = coherence(date(2026, 5, 15))  # day 45 is 29 June
    assert found["recovery_until"] == "2026-06-29T22:00:00Z"
    assert found["covering"] == ["monthly"]
    assert found["tiers"] == {
        "daily": {"owed_until_at_best": "2026-05-22T22:00:00Z", "made_from": None},
        "weekly": {"owed_until_at_best": "2026-06-12T22:00:00Z", "made_from": None},
        "monthly": {"owed_until_at_best": "2026-07-15T22:00:00Z", "made_from": "2026-04-29"},
    }
    assert (found["backup"], found["covered"]) == (None, None)


@pytest.mark.parametrize(("made_on", "covered"), [("2026-04-28", False), ("2026-04-29", True), ("2026-05-15", True)])
def test_a_real_monthly_covers_day_45_from_the_day_the_terms_say(made_on: str, covered: bool) -> None:
    found = coherence(date(2026, 5, 15), backup("B1", f"{made_on}T23:00:00+02:00", "monthly"))
    assert (found["backup"], found["covered"]) == ("B1", covered)


def test_a_backup_completed_after_the_deletion_or_of_office_documents_covers_nothing() -> None:
    lost = deleted("2026-05-15T10:00:00+02:00")
    late = backup("B1", "2026-05-15T11:00:00+02:00", "monthly")
    found = coherence(date(2026, 5, 15), lost, late)
    assert (found["covered"], found["dossiers"]) == (True, {"D1": None})  # of that day, but after the deletion
    early = backup("B0", "2026-05-15T09:00:00+02:00", "monthly")
    assert coherence(date(2026, 5, 15), lost, early)["dossiers"] == {"D1": True}
    for made_on, covers in (("2026-04-28", False), ("2026-04-29", True)):
        line = backup("B0", f"{made_on}T23:00:00+02:00", "monthly")
        assert coherence(date(2026, 5, 15), lost, line)["dossiers"] == {"D1": covers}
    assert coherence(date(2026, 5, 15), backup("B2", "2026-05-14T09:00:00+02:00", "daily",
                                               scope="office_documents"))["backup"] is None  # fmt: skip


def test_the_longest_owed_of_those_completed_counts_not_the_last_one() -> None:
    lines = (backup("M", "2026-05-10T23:00:00+02:00", "monthly"), backup("N", "2026-05-14T23:00:00+02:00", "daily"))
    assert coherence(date(2026, 5, 15), *lines)["backup"] == "M"


def test_nothing_is_owed_once_the_contract_has_ended() -> None:
    over = ("2026-05-01T08:00:00Z", "contract_terminated", {"effective_from": "2026-06-01T00:00:00+02:00"})
    found = coherence(date(2026, 5, 15), backup("M", "2026-05-10T23:00:00+02:00", "monthly"), over)
    assert (found["covered"], found["owed_until"]) == (False, "2026-05-31T22:00:00Z")


def test_the_other_ways_of_counting_shorten_what_is_kept() -> None:
    day = date(2026, 5, 15)
    assert coherence(day, reading={"retention_count": "first_day_counts"})["tiers"]["monthly"]["made_from"] == "2026-04-30"
    daily = coherence(day, reading={"retention_count": "hours"})["tiers"]["daily"]["owed_until_at_best"]
    assert daily == "2026-05-22T21:59:59Z"
    assert coherence(date(2026, 3, 4), reading=EXTENDED)["recovery_until"] == "2026-04-20T22:00:00Z"


@settings(max_examples=40, deadline=None)
@given(day=st.dates(date(2025, 10, 1), date(2030, 12, 31)))
def test_the_day_from_which_a_monthly_covers_is_the_first_whose_two_months_reach_day_45(day: date) -> None:
    made_from = date.fromisoformat(coherence(day)["tiers"]["monthly"]["made_from"])
    last_day = day + timedelta(days=45)
    assert add_months(made_from, 2) >= last_day > add_months(made_from - timedelta(days=1), 2)


def test_a_booklet_without_dossiers_promises_nothing() -> None:
    told = history(STARTED, deleted(ON, "ged"), requested("2026-03-05T10:00:00Z"), booklet="always-on")
    frames, day = Frames(told), date(2026, 3, 3)
    assert dossier_recovery(told, frames).result["D1"]["deadline"] is None
    assert deletion_coherence(told, frames, day, day).result == {"2026-03-03": None}
    assert breaches(told, frames, date(2026, 1, 1), date(2026, 12, 31)) == []
