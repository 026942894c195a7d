"""Maintenances told as a ledger and judged by article 5: notice, window, blocking, slot; and A6.6, its status."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.history import History
from ledger.spans import moment
from projections.finding import Breach, text
from projections.frame import Frames
from projections.maintenance import LATE_RECORDING_SECONDS, breaches, maintenance
from tests.story import CONTRACT, STARTED, at, history, instant

PARIS = ZoneInfo("Europe/Paris")
ON_SERVICE = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["mt-1"]})
MT_1 = {"subject": "service:mt-1"}
HOUR = 3600
TWO_DAYS = 172_800


def paris(wall: str) -> str:
    """RFC 3339 text of what clocks in Paris show; a time shown twice is the first."""
    return datetime.fromisoformat(wall).replace(tzinfo=PARIS).isoformat()


def announced(published: str, start: str, end: str, m: str = "M1", known: str = "", **data: Any) -> tuple[Any, ...]:
    data = {"published_at": paris(published), "planned_start": paris(start), "planned_end": paris(end), **data}
    return (known or paris(published), "maintenance_announced", {"maintenance": m, **data})


def rescheduled(*slot: str, **data: Any) -> tuple[Any, ...]:
    recorded_at, _, told = announced(*slot, **data)
    return (recorded_at, "maintenance_rescheduled", told)


def cancelled(published: str, m: str = "M1") -> tuple[Any, ...]:
    return (paris(published), "maintenance_cancelled", {"maintenance": m, "published_at": paris(published)})


def started(wall: str, m: str = "M1", kind: str = "planned", known: str = "", **data: Any) -> tuple[Any, ...]:
    if kind == "emergency":
        data.setdefault("urgency_reason", "a patch that cannot wait")
    return (known or paris(wall), "maintenance_started", {"maintenance": m, "kind": kind, "at": paris(wall), **data})


def ended(wall: str, m: str = "M1", known: str = "") -> tuple[Any, ...]:
    return (known or paris(wall), "maintenance_ended", {"maintenance": m, "at": paris(wall)})


def blocked(start: str, end: str | None, m: str = "M1") -> list[tuple[Any, ...]]:
    lines = [(paris(start), "blocking_started", {"maintenance": m, "at": paris(start)})]
    if end is not None:
        lines.append((paris(end), "blocking_ended", {"maintenance": m, "at": paris(end)}))
    return lines


def work(start: str, end: str, m: str = "M1", **data: Any) -> list[tuple[Any, ...]]:
    """Work that stops the service for as long as it lasts."""
    return [started(start, m, **data), *blocked(start, end, m), ended(end, m)]


def on(lines: list[tuple[Any, ...]], **extras: Any) -> list[tuple[Any, ...]]:
    return [(*line, extras) for line in lines]


def judged(*lines: Any, reading: dict[str, str] | None = None, m: str = "M1", **known: Any) -> dict[str, Any]:
    told = history(STARTED, *lines, **known)
    found: dict[str, Any] = maintenance(told, Frames(told, reading)).result[m]
    return found


def workings(*lines: Any, reading: dict[str, str] | None = None, m: str = "M1", **known: Any) -> dict[str, Any]:
    told = history(STARTED, *lines, **known)
    found: dict[str, Any] = maintenance(told, Frames(told, reading)).workings[m]
    return found


def register(*lines: Any, reading: dict[str, str] | None = None, **known: Any) -> list[Breach]:
    told = history(STARTED, *lines, **known)
    return breaches(told, Frames(told, reading), date(2025, 9, 1), date(2027, 12, 31))


def codes(*lines: Any, **asked: Any) -> list[tuple[str, str]]:
    return [(row.obligation, row.what) for row in register(*lines, **asked)]


# a maintenance everybody is content with: told three days ahead, Thursday 22:00 to 02:00
TOLD = announced("2026-02-16T22:00:00", "2026-02-19T22:00:00", "2026-02-20T02:00:00")
DONE = work("2026-02-19T22:00:00", "2026-02-20T01:00:00")


# --- A5.3, notice ---

S11 = [
    announced("2026-02-10T22:01:00", "2026-02-12T22:00:00", "2026-02-13T02:00:00", "M1"),
    *work("2026-02-12T22:00:00", "2026-02-13T01:30:00", "M1"),
    announced("2026-02-17T22:00:00", "2026-02-19T22:00:00", "2026-02-20T02:00:00", "M2"),
    *work("2026-02-19T22:00:00", "2026-02-20T02:00:00", "M2"),
    *work("2026-02-24T23:00:00", "2026-02-24T23:30:00", "M3"),
]


def test_s11_one_minute_short_exactly_48_hours_and_never_announced() -> None:
    told = history(STARTED, *S11)
    found = maintenance(told, Frames(told), ("M1", "M2", "M3"))
    keys = ("notice_seconds", "notice_breach", "early_blocking_seconds", "outside_window_seconds", "slot_overrun_seconds")
    assert [list(row)[:5] for row in found.result.values()] == [list(keys)] * 3
    assert {m: tuple(row[key] for key in keys) for m, row in found.result.items()} == {
        "M1": (172_740, True, 0, 0, 0),
        "M2": (172_800, False, 0, 0, 0),
        "M3": (None, True, 0, 0, None),
    }
    assert found.because == tuple(range(11, 25))


def test_the_register_of_s11_names_short_notice_no_notice_and_no_status() -> None:
    rows = register(*S11)
    assert [(r.obligation, r.what, r.subject, r.amount, r.limit, r.clause) for r in rows] == [
        ("A5.3", "short_notice", "M1", "172740 s", "172800 s", "5"),
        ("A5.3", "no_notice", "M3", "none", "172800 s", "5"),
        ("A6.6", "status_not_published", "M3", "0 publications", "1 publication", "6"),
    ]
    assert [r.because for r in rows] == [(11, 12), (21,), (21,)]
    assert [r.period for r in rows] == ["2026-02-12T21:00:00Z", "2026-02-24T22:00:00Z", "2026-02-24T22:00:00Z"]


@pytest.mark.parametrize(
    ("published", "start", "elapsed", "wall"),
    [
        # an ordinary week
        ("2026-02-17T22:00:01", "2026-02-19T22:00:00", TWO_DAYS - 1, TWO_DAYS - 1),
        ("2026-02-17T22:00:00", "2026-02-19T22:00:00", TWO_DAYS, TWO_DAYS),
        ("2026-02-17T21:59:59", "2026-02-19T22:00:00", TWO_DAYS + 1, TWO_DAYS + 1),
        # the night of 29 March 2026 has an hour less
        ("2026-03-28T22:00:00", "2026-03-30T22:00:00", TWO_DAYS - HOUR, TWO_DAYS),
        ("2026-03-28T21:00:01", "2026-03-30T22:00:00", TWO_DAYS - 1, TWO_DAYS + HOUR - 1),
        ("2026-03-28T21:00:00", "2026-03-30T22:00:00", TWO_DAYS, TWO_DAYS + HOUR),
        ("2026-03-28T22:00:01", "2026-03-30T22:00:00", TWO_DAYS - HOUR - 1, TWO_DAYS - 1),
        # the night of 25 October 2026 has an hour more
        ("2026-10-24T23:00:00", "2026-10-26T22:00:00", TWO_DAYS, TWO_DAYS - HOUR),
        ("2026-10-24T23:00:01", "2026-10-26T22:00:00", TWO_DAYS - 1, TWO_DAYS - HOUR - 1),
        ("2026-10-24T22:00:00", "2026-10-26T22:00:00", TWO_DAYS + HOUR, TWO_DAYS),
        ("2026-10-24T22:00:01", "2026-10-26T22:00:00", TWO_DAYS + HOUR - 1, TWO_DAYS - 1),
    ],
)
def test_48_hours_are_counted_as_they_pass_or_as_clocks_show_them(
    published: str, start: str, elapsed: int, wall: int
) -> None:
    lines = [announced(published, start, start[:11] + "23:00:00"), *work(start, start[:11] + "22:30:00")]
    for clock, expected in (("elapsed", elapsed), ("wall", wall)):
        row = judged(*lines, reading={"notice_clock": clock})
        assert (row["notice_seconds"], row["notice_breach"]) == (expected, expected < TWO_DAYS)


# first told four days ahead for 20:00-06:00; the second slot follows an hour before it begins
FIRST = announced("2026-02-15T20:00:00", "2026-02-19T20:00:00", "2026-02-20T06:00:00")


@pytest.mark.parametrize(
    ("slot", "material"),
    [
        (("2026-02-19T22:00:00", "2026-02-20T02:00:00"), "first"),  # inside
        (("2026-02-19T20:00:00", "2026-02-20T06:00:00"), "first"),  # the same
        (("2026-02-19T22:00:00", "2026-02-20T06:00:00"), "first"),  # to the same end
        (("2026-02-19T22:00:00", "2026-02-20T06:00:01"), "second"),  # a second past the end
        (("2026-02-19T19:59:59", "2026-02-20T06:00:00"), "second"),  # a second before the start
        (("2026-02-20T20:00:00", "2026-02-21T06:00:00"), "second"),  # the next night
    ],
)
def test_a_new_slot_inside_the_old_one_keeps_its_date_and_any_other_starts_notice_anew(
    slot: tuple[str, str], material: str
) -> None:
    lines = [FIRST, rescheduled("2026-02-19T19:00:00", *slot), *work(slot[0], "2026-02-21T00:00:00")]
    since = {"first": "2026-02-15T20:00:00", "second": "2026-02-19T19:00:00"}
    for value, dated in (("material_change", material), ("any_change", "second"), ("never", "first")):
        row = judged(*lines, reading={"reschedule_notice": value})
        assert row["notice_seconds"] == at(paris(slot[0])) - at(paris(since[dated])), value
        assert row["announced_at"] == "2026-02-19T18:00:00Z"  # in force is the second, whatever dates it


def test_a_slot_narrowed_twice_keeps_the_first_date_and_one_widened_between_does_not() -> None:
    narrower = rescheduled("2026-02-18T20:00:00", "2026-02-19T21:00:00", "2026-02-20T05:00:00")
    narrowest = rescheduled("2026-02-19T12:00:00", "2026-02-19T22:00:00", "2026-02-20T04:00:00")
    wider = rescheduled("2026-02-18T20:00:00", "2026-02-19T19:00:00", "2026-02-20T05:00:00")
    done = work("2026-02-19T22:00:00", "2026-02-20T03:00:00")
    assert judged(FIRST, narrower, narrowest, *done)["notice_seconds"] == 4 * 86_400 + 2 * HOUR
    assert judged(FIRST, wider, narrowest, *done)["notice_seconds"] == 26 * HOUR
    dated = [row["notice_runs_from_it"] for row in workings(FIRST, wider, narrowest, *done)["announcements"]]
    assert dated == [False, True, False]


def test_what_is_published_after_the_work_began_is_not_in_force() -> None:
    late = rescheduled("2026-02-19T22:00:01", "2026-02-20T22:00:00", "2026-02-21T02:00:00")
    in_time = rescheduled("2026-02-19T22:00:00", "2026-02-20T22:00:00", "2026-02-21T02:00:00")
    begun = [started("2026-02-19T22:00:00"), ended("2026-02-19T23:00:00")]
    assert judged(TOLD, late, *begun)["notice_seconds"] == 3 * 86_400
    assert judged(TOLD, in_time, *begun)["notice_seconds"] == 86_400


def test_the_latest_by_publication_is_in_force_whatever_the_order_of_recording() -> None:
    second = rescheduled("2026-02-18T20:00:00", "2026-02-19T21:00:00", "2026-02-20T05:00:00", known=paris("2026-02-19T09:00:00"))
    third = rescheduled("2026-02-19T08:00:00", "2026-02-19T22:00:00", "2026-02-20T06:00:00")
    assert judged(FIRST, third, second, *DONE)["announced_at"] == "2026-02-19T07:00:00Z"


def test_a_maintenance_cancelled_then_performed_had_no_notice() -> None:
    row = judged(TOLD, cancelled("2026-02-19T10:00:00"), *DONE)
    assert (row["notice_seconds"], row["notice_breach"], row["slot_overrun_seconds"]) == (None, True, None)
    assert codes(TOLD, cancelled("2026-02-19T10:00:00"), *DONE) == [("A5.3", "no_notice")]
    assert register(TOLD, cancelled("2026-02-19T10:00:00"), *DONE)[0].because == (11, 12, 13)


def test_a_cancellation_published_after_the_start_takes_no_notice_away() -> None:
    assert not judged(TOLD, cancelled("2026-02-19T22:00:01"), *DONE)["notice_breach"]
    assert judged(TOLD, cancelled("2026-02-19T22:00:00"), *DONE)["notice_breach"]


def test_a_maintenance_not_performed_breaks_nothing_announced_or_cancelled() -> None:
    short = announced("2026-02-19T21:00:00", "2026-02-19T22:00:00", "2026-02-20T02:00:00")
    for lines, notice in (([short], HOUR), ([short, cancelled("2026-02-19T21:30:00")], None)):
        row = judged(*lines)
        assert (row["performed"], row["kind"]) == (False, None)
        assert (row["notice_seconds"], row["notice_breach"]) == (notice, False)
        assert codes(*lines) == []


def test_the_same_work_announced_under_two_ids_is_judged_by_the_id_it_was_done_under() -> None:
    twin = announced("2026-02-19T20:00:00", "2026-02-19T22:00:00", "2026-02-20T02:00:00", "M2")
    done = work("2026-02-19T22:00:00", "2026-02-20T01:00:00", "M2")
    assert judged(TOLD, twin, *done, m="M2")["notice_seconds"] == 2 * HOUR
    assert not judged(TOLD, twin, *done, m="M1")["performed"]
    assert codes(TOLD, twin, *done) == [("A5.3", "short_notice")]


def test_notice_runs_from_publication_planning_or_receipt_as_read() -> None:
    dates = {"planned_at": paris("2026-02-10T22:00:00"), "received_at": paris("2026-02-18T22:00:00")}
    lines = [announced("2026-02-16T22:00:00", "2026-02-19T22:00:00", "2026-02-20T02:00:00", **dates), *DONE]
    days = {"published": 3, "planned": 9, "received": 1}
    for value, count in days.items():
        row = judged(*lines, reading={"notice_reference": value})
        assert (row["notice_seconds"], row["notice_breach"]) == (count * 86_400, count < 2)
        assert workings(*lines, reading={"notice_reference": value})["notice"]["field"] == f"{value}_at"


def test_an_announcement_without_the_date_asked_for_counts_from_publication_and_says_so() -> None:
    found = workings(TOLD, *DONE, reading={"notice_reference": "received"})
    assert (found["notice"]["field"], found["notice"]["seconds"]) == ("published_at", 3 * 86_400)
    assert found["notes"] == ["the announcement has no received_at: notice runs from its publication"]
    assert workings(TOLD, *DONE)["notes"] == []


def test_a_notice_recorded_a_day_after_its_publication_is_marked_late() -> None:
    assert LATE_RECORDING_SECONDS == 86_400
    for known, late in (("2026-02-17T22:00:00", 86_400), ("2026-02-17T22:00:01", 86_401), ("2026-02-16T22:00:00", 0)):
        told = announced("2026-02-16T22:00:00", "2026-02-19T22:00:00", "2026-02-20T02:00:00", known=paris(known))
        row = judged(told, *DONE)
        assert (row["recorded_late_seconds"], row["late_recording"]) == (late, late > 86_400)
        assert not row["notice_breach"]
    assert judged(*DONE)["recorded_late_seconds"] is None
    known = paris("2026-02-19T21:00:00")
    inside = rescheduled("2026-02-17T21:00:00", "2026-02-19T22:00:00", "2026-02-20T01:00:00", known=known)
    row = judged(TOLD, inside, *DONE)  # dated by the first, in force is the second, learnt two days later
    assert (row["notice_seconds"], row["recorded_late_seconds"], row["late_recording"]) == (3 * 86_400, TWO_DAYS, True)


def test_a_correction_that_changes_no_more_than_a_note_moves_no_figure_and_no_moment() -> None:
    def mended(position: int, data: dict[str, Any]) -> tuple[Any, ...]:
        return ("2026-05-10T00:00:00Z", "corrected", {"target": position, "data": data, "reason": "as the change log has it"})

    def moments(*lines: Any) -> list[tuple[str, Any]]:
        return [(row.what, row.first_knowable_at) for row in register(*lines)]

    noted = {**DONE[0][2], "change_ref": "CHG-1"}
    for act in (mended(10, CONTRACT), mended(11, TOLD[2]), mended(12, noted)):
        assert judged(TOLD, *DONE, act) == judged(TOLD, *DONE)
    found = moments(*DONE)
    assert [what for what, _ in found] == ["no_notice", "status_not_published"]
    for act in (mended(10, CONTRACT), mended(11, noted)):
        assert moments(*DONE, act) == found


def test_a_corrected_publication_changes_the_notice_from_its_correction_on() -> None:
    data = {**TOLD[2], "published_at": paris("2026-02-18T09:00:00")}
    correction = (paris("2026-02-25T09:00:00"), "corrected", {"target": "e11", "data": data, "reason": "wrong page"})
    lines = [TOLD, *DONE, correction]
    assert not judged(*lines, known_at=paris("2026-02-25T08:59:59"))["notice_breach"]
    after = judged(*lines, known_at=paris("2026-02-25T09:00:00"))
    assert (after["notice_seconds"], after["notice_breach"], after["late_recording"]) == (37 * HOUR, True, True)
    assert register(*lines)[0].because == (11, 12, 16)
    retracted = (paris("2026-02-26T09:00:00"), "retracted", {"target": 16, "reason": "the page was right"})
    assert judged(*lines, retracted) == judged(TOLD, *DONE)


# --- A5.4 and A5.2, the window ---


@pytest.mark.parametrize(
    ("start", "end", "outside"),
    [
        ("2026-02-19T20:00:00", "2026-02-20T07:00:00", 0),  # a whole night of the week
        ("2026-02-19T19:59:59", "2026-02-19T21:00:00", 1),
        ("2026-02-19T22:00:00", "2026-02-20T07:00:01", 1),  # past 07:00
        ("2026-02-20T20:00:00", "2026-02-23T07:00:00", 0),  # Friday evening to Monday 07:00
        ("2026-02-20T20:00:00", "2026-02-23T09:30:00", 9000),
        ("2026-05-14T07:00:00", "2026-05-14T20:00:00", 0),  # Ascension
        ("2026-05-13T20:00:00", "2026-05-15T07:00:01", 1),
        ("2026-03-29T00:00:00", "2026-03-30T08:00:00", HOUR),  # clocks change on the Sunday
        ("2026-02-19T12:00:00", "2026-02-20T12:00:00", 13 * HOUR),
    ],
)
def test_planned_work_outside_the_window_counts_by_the_second(start: str, end: str, outside: int) -> None:
    lines = [announced("2026-01-05T22:00:00", start, end), *work(start, end)]
    assert judged(*lines)["outside_window_seconds"] == outside
    assert (("A5.4", "outside_window") in codes(*lines)) == (outside > 0)


def test_the_holidays_of_alsace_open_the_window_only_under_their_reading() -> None:
    lines = work("2026-04-03T09:00:00", "2026-04-03T10:00:00")  # Good Friday
    assert judged(*lines)["outside_window_seconds"] == HOUR
    assert judged(*lines, reading={"holidays": "fr_alsace_moselle"})["outside_window_seconds"] == 0


def test_another_booklet_is_judged_by_its_own_hours() -> None:
    lines = [  # Sunday 02:00-06:00 in New York, 72 hours ahead, and no status page
        announced("2026-02-12T08:00:00", "2026-02-15T08:00:00", "2026-02-15T12:00:00"),
        *work("2026-02-15T07:30:00", "2026-02-15T12:00:30"),
    ]
    row = judged(*lines, booklet="always-on")
    assert (row["notice_seconds"], row["notice_breach"]) == (72 * HOUR, False)
    assert (row["outside_window_seconds"], row["early_blocking_seconds"]) == (1830, 0)
    bare = work("2026-02-15T08:00:00", "2026-02-15T09:00:00")
    assert [(r.what, r.limit, r.clause) for r in register(*bare, booklet="always-on")] == [("no_notice", "259200 s", "3")]


# --- A5.5, blocking before 22:00 ---


@pytest.mark.parametrize(
    ("start", "end", "local", "literal"),
    [
        ("2026-02-20T21:59:59", "2026-02-20T22:00:00", 1, 1),  # Friday
        ("2026-02-20T22:00:00", "2026-02-20T22:00:01", 0, 0),
        ("2026-02-20T19:59:59", "2026-02-20T20:00:01", 1, 1),  # the first second is A5.4's
        ("2026-02-22T21:59:59", "2026-02-22T22:00:00", 0, 0),  # Sunday
        ("2026-05-13T21:59:59", "2026-05-13T22:00:00", 1, 1),  # the eve of Ascension
        ("2026-05-14T20:00:00", "2026-05-14T22:00:00", 0, 0),  # its evening
        ("2026-02-23T00:00:00", "2026-02-23T07:00:00", 0, 0),  # Monday to 07:00
        ("2026-07-02T22:00:00", "2026-07-02T23:00:00", 0, HOUR),  # summer: 22:00 CET is 23:00
        ("2026-07-02T22:59:59", "2026-07-02T23:00:01", 0, 1),
        ("2026-07-02T20:00:00", "2026-07-03T07:00:00", 2 * HOUR, 3 * HOUR),
        ("2026-12-03T22:00:00", "2026-12-03T23:00:00", 0, 0),  # winter: the same hour
        ("2026-03-27T20:00:00", "2026-03-30T07:00:00", 2 * HOUR, 2 * HOUR),  # Friday, still winter
        ("2026-03-30T20:00:00", "2026-03-31T07:00:00", 2 * HOUR, 3 * HOUR),  # Monday, summer
    ],
)
def test_blocking_before_22_00_on_a_weekday_evening_counts_by_the_second(
    start: str, end: str, local: int, literal: int
) -> None:
    lines = [announced("2026-01-05T22:00:00", start, end), *work(start, end)]
    for value, seconds in (("local_22", local), ("literal_cet", literal)):
        assert judged(*lines, reading={"blocking_limit": value})["early_blocking_seconds"] == seconds
        assert (("A5.5", "early_blocking") in codes(*lines, reading={"blocking_limit": value})) == (seconds > 0)


def test_work_without_blocking_may_begin_at_20_00() -> None:
    lines = [started("2026-02-19T20:00:00"), *blocked("2026-02-19T22:00:00", "2026-02-19T23:00:00")]
    row = judged(*lines, ended("2026-02-20T02:00:00"))
    assert (row["early_blocking_seconds"], row["outside_window_seconds"]) == (0, 0)


def test_several_stops_of_one_maintenance_add_up() -> None:
    stops = [*blocked("2026-02-19T20:10:00", "2026-02-19T20:20:00"), *blocked("2026-02-19T21:50:00", "2026-02-19T22:30:00")]
    found = workings(started("2026-02-19T20:00:00"), *stops, ended("2026-02-20T02:00:00"))
    assert found["early_blocking"] == [
        ["2026-02-19T19:10:00Z", "2026-02-19T19:20:00Z"],
        ["2026-02-19T20:50:00Z", "2026-02-19T21:00:00Z"],
    ]
    assert (found["blocking_in_window_seconds"], found["allowed_blocking_seconds"]) == (50 * 60, 30 * 60)


HOLIDAYS = {date(2026, 4, 6), date(2026, 5, 1), date(2026, 11, 11), date(2026, 12, 25)}
QUARTER = 900


def hours_of(start: datetime, end: datetime) -> dict[str, int]:
    """A slow oracle: each quarter of an hour by the wall clock alone."""
    found = {"outside": 0, "early": 0, "allowed": 0}
    while start < end:
        local = start.astimezone(PARIS)
        free = local.weekday() >= 5 or local.date() in HOLIDAYS
        if free or local.hour >= 22 or local.hour < 7:
            found["allowed"] += QUARTER
        else:
            found["early" if local.hour >= 20 else "outside"] += QUARTER
        start += timedelta(seconds=QUARTER)
    return found


@given(
    st.sampled_from(["2026-03-26T00:00:00", "2026-04-03T00:00:00", "2026-04-29T00:00:00", "2026-10-23T00:00:00",
                     "2026-11-09T00:00:00", "2026-12-22T00:00:00"]),
    st.integers(0, 4 * 96), st.integers(1, 4 * 96),
)  # fmt: skip
def test_early_and_allowed_blocking_are_the_blocking_inside_the_window(day: str, after: int, lasts: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(seconds=after * QUARTER)
    end = start + timedelta(seconds=lasts * QUARTER)
    told = [(end.isoformat(), kind, {"maintenance": "M1", "at": at_.isoformat(), **more}) for kind, at_, more in (
        ("maintenance_started", start, {"kind": "planned"}), ("blocking_started", start, {}),
        ("blocking_ended", end, {}), ("maintenance_ended", end, {}),
    )]  # fmt: skip
    expected, row, shown = hours_of(start, end), judged(*told), workings(*told)
    assert row["early_blocking_seconds"] == expected["early"]
    assert row["outside_window_seconds"] == expected["outside"]
    assert shown["allowed_blocking_seconds"] == expected["allowed"]
    assert expected["early"] + expected["allowed"] == shown["blocking_in_window_seconds"]


# --- the slot (Amb-36) and what has not ended ---


def test_work_past_its_slot_is_noted_and_breaks_the_notice_only_where_read_so() -> None:
    for end, over in (("2026-02-20T02:00:00", 0), ("2026-02-20T02:00:01", 1), ("2026-02-20T05:00:00", 3 * HOUR)):
        lines = [TOLD, *work("2026-02-19T22:00:00", end)]
        row = judged(*lines)
        assert (row["slot_overrun_seconds"], row["notice_breach"]) == (over, False)
        strict = judged(*lines, reading={"slot_overrun": "notice_breach"})
        assert (strict["slot_overrun_seconds"], strict["notice_breach"]) == (over, over > 0)
        rows = register(*lines, reading={"slot_overrun": "notice_breach"})
        assert [(r.what, r.amount) for r in rows] == ([("slot_overrun", f"{over} s")] if over else [])
        assert register(*lines) == []


def test_work_wholly_after_its_slot_overruns_it_by_its_own_length() -> None:
    assert judged(TOLD, *work("2026-02-21T22:00:00", "2026-02-21T23:00:00"))["slot_overrun_seconds"] == HOUR


def test_running_work_is_measured_up_to_what_is_known() -> None:
    begun = [TOLD, started("2026-02-19T22:00:00"), *blocked("2026-02-19T22:00:00", None)]
    for now, outside, over in (
        ("2026-02-20T01:00:00", 0, 0),
        ("2026-02-20T02:00:01", 0, 1),
        ("2026-02-20T07:00:00", 0, 5 * HOUR),
        ("2026-02-20T07:00:01", 1, 5 * HOUR + 1),
    ):
        row = judged(*begun, known_at=paris(now))
        assert (row["outside_window_seconds"], row["slot_overrun_seconds"]) == (outside, over)
    assert workings(*begun, known_at=paris("2026-02-20T03:00:00"))["notes"] == ["not ended: taken to 2026-02-20T02:00:00Z"]


def test_without_an_instant_work_that_never_ended_reaches_its_slot_and_no_further() -> None:
    begun = [started("2026-02-19T21:00:00"), *blocked("2026-02-19T21:30:00", None)]
    with_slot = workings(TOLD, *begun)
    assert with_slot["work"] == [["2026-02-19T20:00:00Z", "2026-02-20T01:00:00Z"]]
    assert with_slot["blocking"] == [["2026-02-19T20:30:00Z", "2026-02-20T01:00:00Z"]]
    assert with_slot["notes"] == ["not ended: taken to 2026-02-20T01:00:00Z"]
    assert judged(TOLD, *begun)["slot_overrun_seconds"] == 0


def test_without_an_instant_or_a_slot_it_reaches_the_last_it_was_heard_of() -> None:
    assert workings(started("2026-02-19T10:00:00"))["work"] == []
    assert judged(started("2026-02-19T10:00:00"))["outside_window_seconds"] == 0
    heard = [started("2026-02-19T10:00:00"), *blocked("2026-02-19T10:00:00", "2026-02-19T10:10:00")]
    assert judged(*heard)["outside_window_seconds"] == 600  # that it was at work then is known


# --- emergencies and other environments ---


def test_an_emergency_owes_no_notice_and_no_hours() -> None:
    lines = work("2026-02-19T09:00:00", "2026-02-19T21:00:00", kind="emergency")
    row = judged(*lines)
    assert (row["kind"], row["notice_seconds"], row["notice_breach"]) == ("emergency", None, False)
    assert (row["early_blocking_seconds"], row["outside_window_seconds"]) == (0, 0)
    assert codes(*lines) == [("A6.6", "status_not_published")]


def test_an_emergency_that_was_announced_shows_its_notice_without_owing_it() -> None:
    lines = [announced("2026-02-19T08:00:00", "2026-02-19T09:00:00", "2026-02-19T10:00:00")]
    lines += work("2026-02-19T09:00:00", "2026-02-19T11:00:00", kind="emergency")
    for reading in ({}, {"slot_overrun": "notice_breach"}):
        row = judged(*lines, reading=reading)
        assert (row["notice_seconds"], row["notice_breach"], row["slot_overrun_seconds"]) == (HOUR, False, HOUR)


def test_an_emergency_declared_after_its_stop_is_contested_unless_the_later_word_holds() -> None:
    for known, late in (("2026-02-19T10:00:00", False), ("2026-02-19T10:00:01", True)):
        begun = started("2026-02-19T09:00:00", kind="emergency", known=paris(known))
        rest = blocked("2026-02-19T09:00:00", "2026-02-19T10:00:00")
        lines = [begun, *[(paris(known), kind, data) for _, kind, data in rest], ended("2026-02-19T10:30:00")]
        assert judged(*lines)["emergency_contested"] is late
        assert not judged(*lines, reading={"relabel": "accepted"})["emergency_contested"]


def test_an_emergency_still_running_is_not_declared_too_late() -> None:
    slot = announced("2026-02-19T08:00:00", "2026-02-19T09:00:00", "2026-02-19T10:00:00")
    known = paris("2026-02-19T11:00:00")  # past its slot, which is all the ledger knows of its end
    begun = [started("2026-02-19T09:00:00", kind="emergency", known=known), *blocked("2026-02-19T09:00:00", None)]
    assert not judged(slot, *begun)["emergency_contested"]
    assert judged(slot, *begun, *blocked("2026-02-19T09:00:00", "2026-02-19T10:00:00")[1:])["emergency_contested"]


def test_planned_work_called_an_emergency_afterwards_is_contested_and_a_corrected_detail_is_not() -> None:
    said = {"maintenance": "M1", "kind": "emergency", "at": paris("2026-02-19T09:00:00"), "urgency_reason": "a leak"}
    afterwards = (paris("2026-02-25T09:00:00"), "corrected", {"target": "e11", "data": said, "reason": "it was urgent"})
    relabelled = [*work("2026-02-19T09:00:00", "2026-02-19T10:00:00"), afterwards]
    detail = [*work("2026-02-19T09:00:00", "2026-02-19T10:00:00", kind="emergency"), afterwards]
    assert judged(*relabelled)["emergency_contested"]
    assert judged(*relabelled)["outside_window_seconds"] == 0
    assert judged(*relabelled, known_at=paris("2026-02-25T08:00:00"))["outside_window_seconds"] == HOUR
    assert not judged(*detail)["emergency_contested"]


def test_a_reading_that_accepts_no_emergency_or_only_evidence_contests_the_others() -> None:
    plain = work("2026-02-19T09:00:00", "2026-02-19T10:00:00", kind="emergency")
    shown = work("2026-02-19T09:00:00", "2026-02-19T10:00:00", kind="emergency", evidence=["https://example.org/cve"])
    contested = {
        value: tuple(judged(*lines, reading={"emergency": value})["emergency_contested"] for lines in (plain, shown))
        for value in ("as_declared", "evidenced_only", "not_accepted")
    }
    assert contested == {
        "as_declared": (False, False), "evidenced_only": (True, False), "not_accepted": (True, True),
    }  # fmt: skip


def test_work_on_recette_is_shown_and_owes_nothing() -> None:
    lines = work("2026-02-19T09:00:00", "2026-02-19T21:00:00", environment="recette")
    row = judged(*lines)
    assert (row["performed"], row["notice_breach"]) == (True, False)
    assert (row["early_blocking_seconds"], row["outside_window_seconds"]) == (0, 0)
    assert codes(*lines) == []
    slot = announced("2026-02-19T08:00:00", "2026-02-19T09:00:00", "2026-02-19T10:00:00", environment="recette")
    assert judged(slot, *lines)["slot_overrun_seconds"] == 0


# --- services ---


def on_service(*lines: Any, reading: dict[str, str] | None = None, **known: Any) -> dict[str, Any]:
    told = history(ON_SERVICE, *lines, **known)
    found: dict[str, Any] = maintenance(told, Frames(told, reading)).result
    return found


def test_work_on_a_service_counts_for_the_seconds_the_contract_is_on_it() -> None:
    left = (paris("2026-02-19T10:00:00"), "service_unassigned", {"service": "mt-1", "effective_from": paris("2026-02-19T10:00:00")})
    lines = on(work("2026-02-19T09:00:00", "2026-02-19T11:00:00"), **MT_1)
    assert on_service(*lines)["M1"]["outside_window_seconds"] == 2 * HOUR
    assert on_service(left, *lines)["M1"]["outside_window_seconds"] == HOUR
    later = on(work("2026-02-19T10:00:00", "2026-02-19T11:00:00"), **MT_1)
    assert on_service(left, *later) == {}


def test_a_maintenance_to_come_counts_where_its_last_slot_meets_the_contract() -> None:
    left = (paris("2026-02-18T10:00:00"), "service_unassigned", {"service": "mt-1", "effective_from": paris("2026-02-20T10:00:00")})
    moved = rescheduled("2026-02-17T22:00:00", "2026-02-20T22:00:00", "2026-02-21T02:00:00")
    assert list(on_service(left, *on([TOLD], **MT_1))) == ["M1"]
    assert on_service(left, *on([TOLD, moved], **MT_1)) == {}
    back = (paris("2026-02-18T11:00:00"), "service_assigned", {"service": "mt-1", "effective_from": paris("2026-02-21T00:00:00")})
    assert list(on_service(left, back, *on([TOLD, moved], **MT_1))) == ["M1"]


def test_the_same_id_on_a_service_is_named_with_it() -> None:
    service = on([TOLD, *DONE], **MT_1)
    own = announced("2026-02-17T22:00:00", "2026-02-26T22:00:00", "2026-02-27T02:00:00")
    assert list(on_service(*service)) == ["M1"]
    assert list(on_service(*service, own)) == ["mt-1/M1", "M1"]
    told = history(ON_SERVICE, *service, own)
    assert list(maintenance(told, Frames(told), ("mt-1/M1",)).result) == ["mt-1/M1"]


def test_nothing_is_owed_after_the_contract_has_ended() -> None:
    over = (paris("2026-02-19T09:00:00"), "contract_terminated", {"effective_from": paris("2026-02-19T09:30:00")})
    assert judged(over, *work("2026-02-19T09:00:00", "2026-02-19T11:00:00"))["outside_window_seconds"] == HOUR // 2
    after = [over, *work("2026-02-19T09:30:00", "2026-02-19T11:00:00")]
    assert not judged(*after)["notice_breach"]
    assert codes(*after) == []


# --- knowledge ---


def test_under_attested_knowledge_an_end_or_a_stop_without_its_start_is_no_maintenance() -> None:
    kept = {"attestedat": paris("2026-02-19T11:00:00")}
    late = "2026-03-01T09:00:00Z"
    lines = [
        (late, "maintenance_started", {"maintenance": "M1", "kind": "planned", "at": paris("2026-02-19T09:00:00")}),
        *[(late, kind, data, kept) for _, kind, data in blocked("2026-02-19T09:30:00", "2026-02-19T10:00:00")],
        (late, "maintenance_ended", {"maintenance": "M1", "at": paris("2026-02-19T10:00:00")}, kept),
    ]
    told = history(STARTED, *lines, known_at=paris("2026-02-20T09:00:00"), knowledge="attested")
    assert maintenance(told, Frames(told)).result == {}
    begun = (*lines[0], kept)
    told = history(STARTED, begun, *lines[1:], known_at=paris("2026-02-20T09:00:00"), knowledge="attested")
    assert maintenance(told, Frames(told)).result["M1"]["outside_window_seconds"] == HOUR


def test_a_maintenance_asked_for_that_nobody_knows_is_refused_by_name() -> None:
    told = history(STARTED, TOLD)
    with pytest.raises(Refused, match="no maintenance 'M9' is known of this contract; known: M1") as refused:
        maintenance(told, Frames(told), ("M1", "M9"))
    assert refused.value.code == "unknown_id"
    assert maintenance(told, Frames(told), ("M1", "M1")).result.keys() == {"M1"}


def test_answers_come_by_start_whatever_the_order_of_telling_or_asking() -> None:
    told = history(STARTED, *S11[6:], *S11[:6])
    assert list(maintenance(told, Frames(told), ("M3", "M1", "M2")).result) == ["M1", "M2", "M3"]


# --- A6.6, the status ---

BARE = work("2026-02-24T23:00:00", "2026-02-24T23:30:00")


def page(wall: str, **data: Any) -> tuple[Any, ...]:
    return (paris(wall), "maintenance_status_published", {"at": paris(wall), **data})


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([], False),
        ([page("2026-02-24T23:00:00", maintenance="M1")], True),
        ([page("2026-02-24T23:00:01", maintenance="M1")], False),  # after the start
        ([page("2026-02-24T23:00:00")], True),  # of all maintenances
        ([page("2026-01-02T09:00:00")], True),  # no frequency is written
        ([page("2026-02-24T22:00:00", maintenance="M2")], False),  # of another one
        ([announced("2026-02-24T22:59:00", "2026-02-24T23:00:00", "2026-02-25T01:00:00")], True),
        ([announced("2026-02-24T20:00:00", "2026-02-24T23:00:00", "2026-02-25T01:00:00"), cancelled("2026-02-24T21:00:00")], True),
    ],
)
def test_a_maintenance_that_starts_with_nothing_published_breaks_a6_6(lines: list[Any], shown: bool) -> None:
    assert (("A6.6", "status_not_published") in codes(*lines, *BARE)) is not shown


def test_a_page_of_the_service_or_of_the_contract_shows_the_work_of_the_service() -> None:
    on_both = (*ON_SERVICE[:2], {**CONTRACT, "services": ["mt-1", "mt-2"]})
    for subject, shown in (("contract:C1", True), ("service:mt-1", True), ("service:mt-2", False)):
        told = history(on_both, (*page("2026-02-24T09:00:00"), {"subject": subject}), *on(BARE, **MT_1))
        found = {row.what for row in breaches(told, Frames(told), date(2026, 2, 24), date(2026, 2, 24))}
        assert ("status_not_published" not in found) is shown, subject


# --- the register ---


def test_a_breach_is_filed_under_its_local_day() -> None:
    told = history(STARTED, *work("2026-02-20T00:00:00", "2026-02-20T08:00:00"))  # 23:00 UTC the day before
    by_day = {day: [r.what for r in breaches(told, Frames(told), day, day)] for day in (date(2026, 2, 19), date(2026, 2, 20))}
    assert by_day == {date(2026, 2, 19): [], date(2026, 2, 20): ["no_notice", "status_not_published", "outside_window"]}
    brief = history(STARTED, *work("2026-02-20T00:00:00", "2026-02-20T00:30:00"))  # over at 23:30 UTC the day before
    assert len(breaches(brief, Frames(brief), date(2026, 2, 20), date(2026, 2, 20))) == 2
    west = history(STARTED, *work("2026-02-20T03:00:00", "2026-02-20T04:00:00"), booklet="always-on")  # 21:00 in New York
    assert len(breaches(west, Frames(west), date(2026, 2, 19), date(2026, 2, 19))) == 2
    long = history(STARTED, *work("2026-02-20T20:00:00", "2026-02-23T08:00:00"))
    assert [r.what for r in breaches(long, Frames(long), date(2026, 2, 23), date(2026, 2, 23))] == ["outside_window"]


PROVEN: dict[str, tuple[list[Any], dict[str, str], dict[str, str]]] = {
    # what happened, the reading, and when each breach could first be proven
    "recorded as it happened": (
        [TOLD, *work("2026-02-19T21:00:00", "2026-02-20T07:30:00")],
        {"slot_overrun": "notice_breach"},
        {"A5.5": "2026-02-19T21:00:01", "A5.3": "2026-02-20T02:00:01", "A5.4": "2026-02-20T07:00:01"},
    ),
    "recorded a week later": (
        [(paris("2026-02-27T09:00:00"), *line[1:]) for line in work("2026-02-19T21:00:00", "2026-02-20T07:30:00")],
        {},
        dict.fromkeys(("A5.3", "A6.6", "A5.5", "A5.4"), "2026-02-27T09:00:00"),
    ),
    "a reschedule learnt afterwards": (
        [TOLD, *DONE, rescheduled("2026-02-19T20:00:00", "2026-02-19T21:59:00", "2026-02-20T02:00:00", known=paris("2026-02-21T09:00:00"))],
        {},
        {"A5.3": "2026-02-21T09:00:00"},
    ),
    "an end corrected past the window": (
        [
            TOLD, started("2026-02-19T22:00:00"), ended("2026-02-20T06:50:00"),
            (paris("2026-02-20T09:00:00"), "corrected",
             {"target": "e13", "data": ended("2026-02-20T07:20:00")[2], "reason": "read off the wrong line"}),
        ],
        {},
        {"A5.4": "2026-02-20T09:00:00"},
    ),
    "an end that was known later than the breach": (
        [TOLD, started("2026-02-19T22:00:00"), ended("2026-02-20T07:20:00", known=paris("2026-02-22T09:00:00"))],
        {},
        {"A5.4": "2026-02-20T07:00:01"},
    ),
    "a stop learnt later than the work": (
        [TOLD, started("2026-02-19T20:00:00"), ended("2026-02-19T22:30:00"), *[
            (paris("2026-02-22T09:00:00"), *line[1:]) for line in blocked("2026-02-19T21:00:00", "2026-02-19T21:30:00")
        ]],
        {},
        {"A5.5": "2026-02-22T09:00:00"},
    ),
    "an announcement withdrawn after the work": (
        [TOLD, *DONE, (paris("2026-02-25T09:00:00"), "retracted", {"target": "e11", "reason": "never sent"})],
        {},
        {"A5.3": "2026-02-25T09:00:00", "A6.6": "2026-02-25T09:00:00"},
    ),
    "a start moved by a minute": (
        [*DONE, (paris("2026-02-25T09:00:00"), "corrected",
                 {"target": "e11", "data": {**DONE[0][2], "at": paris("2026-02-19T21:59:00")}, "reason": "the log says"})],
        {},
        {"A5.3": "2026-02-19T22:00:00", "A6.6": "2026-02-19T22:00:00"},
    ),
    "an end withdrawn": (
        [
            TOLD, started("2026-02-19T22:00:00"), ended("2026-02-20T06:50:00"),
            (paris("2026-02-25T09:00:00"), "retracted", {"target": "e13", "reason": "of another work"}),
        ],
        {},
        {"A5.4": "2026-02-25T09:00:00"},
    ),
    "a termination withdrawn": (
        [
            ("2026-02-01T00:00:00Z", "contract_terminated", {"effective_from": "2026-02-10T00:00:00Z"}), *DONE,
            (paris("2026-02-25T09:00:00"), "retracted", {"target": "e11", "reason": "renewed"}),
        ],
        {},
        {"A5.3": "2026-02-25T09:00:00", "A6.6": "2026-02-25T09:00:00"},
    ),
    "the end of a suspension learnt late": (
        [
            ("2026-02-01T00:00:00Z", "contract_suspended", {"effective_from": "2026-02-10T00:00:00Z"}), *DONE,
            (paris("2026-02-25T09:00:00"), "contract_resumed", {"effective_from": "2026-02-12T00:00:00Z"}),
        ],
        {},
        {"A5.3": "2026-02-25T09:00:00", "A6.6": "2026-02-25T09:00:00"},
    ),
    "a status of all maintenances withdrawn": (
        [
            (paris("2026-02-19T20:00:00"), "maintenance_status_published", {"at": paris("2026-02-19T20:00:00")}), *DONE,
            (paris("2026-02-25T09:00:00"), "retracted", {"target": "e11", "reason": "of another site"}),
        ],
        {},
        {"A5.3": "2026-02-19T22:00:00", "A6.6": "2026-02-25T09:00:00"},
    ),
    "a cancellation moved by a minute": (
        [
            TOLD, cancelled("2026-02-19T20:00:00"), *DONE,
            (paris("2026-02-25T09:00:00"), "corrected",
             {"target": "e12", "data": cancelled("2026-02-19T20:01:00")[2], "reason": "the log says"}),
        ],
        {},
        {"A5.3": "2026-02-19T22:00:00"},
    ),
    "begun before the service was owed, and still going on": (
        [
            ("2026-02-01T00:00:00Z", "contract_suspended", {"effective_from": "2026-02-10T00:00:00Z"}),
            ("2026-02-02T00:00:00Z", "contract_resumed", {"effective_from": paris("2026-02-19T23:00:00")}),
            started("2026-02-19T22:00:00"), ended("2026-02-20T02:00:00"),
        ],
        {},
        {"A5.3": "2026-02-19T23:00:01", "A6.6": "2026-02-19T23:00:01"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", PROVEN)
def test_each_breach_is_provable_from_the_second_it_says_and_not_before(story: str) -> None:
    lines, reading, expected = PROVEN[story]
    told = history(STARTED, *lines, known_at="2026-03-01T00:00:00Z")
    found = breaches(told, Frames(told, reading), date(2026, 2, 1), date(2026, 2, 28))
    assert {row.obligation: row.first_knowable_at for row in found} == {o: at(paris(t)) for o, t in expected.items()}
    for row in found:
        assert row.first_knowable_at is not None
        for known, provable in ((row.first_knowable_at - 1, False), (row.first_knowable_at, True)):
            then = told.as_known(moment(known))
            rows = breaches(then, Frames(then, reading), date(2026, 2, 1), date(2026, 2, 28))
            assert ((row.obligation, row.what) in {(r.obligation, r.what) for r in rows}) is provable, row.what



def test_a_work_that_came_to_be_owed_by_mere_time_is_provable_from_then_on() -> None:
    """Nothing is learnt after its start: that the service went on an hour later had been known for weeks."""
    found = register(
        ("2026-02-01T00:00:00Z", "contract_suspended", {"effective_from": "2026-02-10T00:00:00Z"}),
        ("2026-02-02T00:00:00Z", "contract_resumed", {"effective_from": paris("2026-02-19T23:00:00")}),
        announced("2026-02-19T21:00:00", "2026-02-19T22:00:00", "2026-02-20T02:00:00"), started("2026-02-19T22:00:00"),
    )  # fmt: skip
    assert [(row.what, row.first_knowable_at) for row in found] == [("short_notice", at(paris("2026-02-19T23:00:01")))]


# --- what changes nothing ---


def answers(told: History) -> Any:
    found = maintenance(told, Frames(told))
    return found, breaches(told, Frames(told), date(2026, 1, 1), date(2026, 12, 31))


EVENTFUL = [
    FIRST,
    rescheduled("2026-02-19T19:00:00", "2026-02-19T19:30:00", "2026-02-20T02:00:00"),
    *work("2026-02-19T19:30:00", "2026-02-20T07:30:00"),
    announced("2026-02-23T20:00:00", "2026-02-24T22:00:00", "2026-02-25T02:00:00", "M2"),
    cancelled("2026-02-24T12:00:00", "M2"),
    *work("2026-02-24T21:00:00", "2026-02-24T23:00:00", "M2"),
    *work("2026-02-25T09:00:00", "2026-02-25T10:00:00", "M3", kind="emergency"),
]


@given(st.lists(st.integers(-14 * 4, 14 * 4), min_size=64, max_size=64))
def test_writing_instants_with_another_offset_changes_nothing(quarters: list[int]) -> None:
    zones = iter([timezone(timedelta(minutes=15 * quarter)) for quarter in quarters])

    def moved(line: tuple[Any, ...]) -> tuple[Any, ...]:
        data = {
            key: instant(value).astimezone(next(zones)).isoformat() if key.endswith("at") or key.startswith("planned_") else value
            for key, value in line[2].items()
        }
        return (line[0], line[1], data)

    assert answers(history(STARTED, *map(moved, EVENTFUL))) == answers(history(STARTED, *EVENTFUL))


@given(st.integers(0, len(EVENTFUL)))
def test_what_is_recorded_later_never_changes_an_earlier_answer(known: int) -> None:
    lines = sorted([STARTED, *EVENTFUL], key=lambda line: instant(line[0]))
    upto = lines[known][0]
    then = [line for line in lines if instant(line[0]) <= instant(upto)]
    assert answers(history(*lines, known_at=upto)) == answers(history(*then, known_at=upto))


def test_the_answer_is_the_same_through_a_ledger_on_disk(tell: Any, book: Any) -> None:
    from projections import ask

    tell(*STARTED)
    for line in S11:
        tell(*line)
    answer = ask(book, "maintenance", contract="C1", maintenances="M1,M3")
    told = history(STARTED, *S11)
    assert answer.result == maintenance(told, Frames(told), ("M1", "M3")).result
    assert text(at(paris("2026-02-10T22:01:00"))) == answer.result["M1"]["announced_at"]
