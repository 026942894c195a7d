"""A calendar of several versions: each day goes by the version in force on it (Amb-40)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.spans import seconds
from ledger.workdays import CalendarData
from projections import ask
from projections.calendars import by_day
from projections.questions import instant_of

EVER = seconds(instant_of("at", "1970-01-01T00:00:00Z"))
ENVELOPE = {"specversion": "1.0", "source": "t"}
CONTRACT = {"contract": "C1", "plan": "open", "service_start": "2025-09-01T00:00:00+02:00"}
JUNE_15 = "2026-06-15"


def at(text: str) -> int:
    return seconds(instant_of("at", text))


def table(version: str, *days: str, first: str = "2026-01-01", last: str = "2026-12-31", **other: Any) -> CalendarData:
    listed = {"fr": tuple(map(date.fromisoformat, days))}
    fields: dict[str, Any] = {"id": "t", "zone": "Europe/Paris", "lists": listed, "source": "", **other}
    return CalendarData(version=version, first=date.fromisoformat(first), last=date.fromisoformat(last), **fields)


OLD, NEW = table("1", "2026-05-01", "2026-06-15"), table("2", "2026-05-08", "2026-06-16")


def listed(data: CalendarData) -> list[str]:
    return [day.isoformat() for day in data.lists["fr"]]


@pytest.mark.parametrize("place", [0, 1])
def test_each_day_goes_by_the_version_in_force_at_its_midnight(place: int) -> None:
    for since, days in (
        ("2026-06-15T00:00:00+02:00", ["2026-05-01", "2026-06-16"]),
        ("2026-06-15T00:00:01+02:00", ["2026-05-01", "2026-06-15", "2026-06-16"]),
        ("2026-06-16T00:00:01+02:00", ["2026-05-01", "2026-06-15"]),
        ("2026-05-08T00:00:00+02:00", ["2026-05-01", "2026-05-08", "2026-06-16"]),
    ):
        assert listed(by_day([(EVER, OLD), (at(since), NEW)], place)) == days


def test_what_one_version_knows_is_known_as_far_as_they_follow_each_other() -> None:
    june = at("2026-06-10T00:00:00+02:00")
    half = table("1", "2026-05-01", last="2026-06-09")
    after = table("2", "2027-05-08", first="2026-06-10", last="2027-12-31")
    for place in (0, 1):
        whole = by_day([(EVER, half), (june, after)], place)
        assert (whole.first, whole.last) == (date(2026, 1, 1), date(2027, 12, 31))
    late = table("2", "2027-05-08", first="2026-06-11", last="2027-12-31")
    assert by_day([(EVER, half), (june, late)], 0) == half, "a day between them is in neither"
    assert by_day([(EVER, half), (june, late)], 1) == late


def test_a_version_without_the_list_or_of_another_zone_changes_nothing_of_the_one_asked_of() -> None:
    june = at("2026-06-10T00:00:00+02:00")
    for other in (
        table("2", "2026-06-16", lists={"de": (date(2026, 6, 16),)}),
        table("2", "2026-06-16", zone="Europe/London"),
    ):
        assert by_day([(EVER, OLD), (june, other)], 0) == OLD
        assert by_day([(EVER, OLD), (june, other)], 1) == other


def test_of_two_versions_of_one_day_the_later_holds() -> None:
    versions = [
        (EVER, OLD),
        (at("2026-06-10T09:00:00+02:00"), table("2", "2026-06-12")),
        (at("2026-06-10T15:00:00+02:00"), table("3", "2026-06-13")),
    ]
    for place in range(3):
        assert listed(by_day(versions, place)) == ["2026-05-01", "2026-06-13"]


def published(version: str, since: str, *days: str) -> dict[str, Any]:
    lists = {name: list(days) for name in ("fr_metro", "fr_alsace_moselle")}
    data = {
        "calendar": "fr", "version": version, "zone": "Europe/Paris", "effective_from": since, "lists": lists,
        "first": "2025-01-01", "last": "2027-12-31",
    }  # fmt: skip
    return {**ENVELOPE, "id": version, "subject": "ledger", "type": "calendar_published", "data": data}


def outage(kind: str, at: str, **more: str) -> dict[str, Any]:
    data = {"outage": "O", "at": at, **more}
    return {**ENVELOPE, "id": kind, "subject": "contract:C1", "type": f"outage_{kind}", "data": data}


def test_a_calendar_of_the_middle_of_a_month_counts_from_its_day_on(book: Any, clock: Any) -> None:
    clock.set("2026-05-01T00:00:00Z")
    book.record([{**ENVELOPE, "id": "c", "subject": "contract:C1", "type": "contract_started", "data": CONTRACT}])
    clock.set("2026-05-20T00:00:00Z")
    new = book.record([published("2026-2", "2026-06-10T00:00:00+02:00", "2026-06-02", JUNE_15)])[0].position
    clock.set("2026-06-16T00:00:00Z")
    book.record([
        outage("started", "2026-06-15T10:00:00+02:00", environment="production", effect="no_access"),
        outage("ended", "2026-06-15T12:00:00+02:00"),
    ])  # fmt: skip
    june = ask(book, "availability", contract="C1", month="2026-06")
    assert (june.result["prt_minutes"], june.result["ti_seconds"]) == (21 * 780, 0), "the 2nd of June stays open"
    assert (june.calendar, new in june.because) == ("fr 2026-1, fr 2026-2", True)
    before = ask(book, "availability", contract="C1", month="2026-06", position=new - 1)
    assert (before.result["prt_minutes"], before.calendar) == (22 * 780, "fr 2026-1")
    may = ask(book, "availability", contract="C1", month="2026-05")
    assert (may.calendar, new in may.because) == ("fr 2026-1", False)
    july = ask(book, "availability", contract="C1", month="2026-07")
    assert (july.calendar, july.result["prt_minutes"]) == ("fr 2026-2", 23 * 780), "14 July is no holiday in it"
