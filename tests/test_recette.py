"""Stories of the recette environment: its limits and version, and its two loads a year."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.finding import Breach
from projections.frame import Frames
from projections.recette import breaches, recette_limits, recette_refreshes
from tests.story import CONTRACT, at, history

NOW = "2026-03-01T12:00:00Z"


def started(**data: Any) -> tuple[Any, ...]:
    options = {"options": ["personalised_update", "recette"]}
    return ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, **options, **data})


WITH = started()


def measured(at: str, users: int, dossiers: int, **data: Any) -> tuple[Any, ...]:
    return (at, "recette_measured", {"at": at, "named_users": users, "dossiers": dossiers, **data})


def rolled_out(environment: str, version: str | None, at: str, update: str = "U1") -> tuple[Any, ...]:
    data = {"update": update, "at": at, "environment": environment, **({"version": version} if version else {})}
    return (at, "update_rolled_out", data)


def rolled_back(environment: str, at: str, update: str = "U1") -> tuple[Any, ...]:
    return (at, "update_rolled_back", {"update": update, "at": at, "environment": environment})


def load(said: str, refresh: str, at: str, **data: Any) -> tuple[Any, ...]:
    return (at, f"recette_{said}", {"refresh": refresh, "at": at, **data})


def asked(refresh: str, at: str) -> tuple[Any, ...]:
    return load("refresh_requested", refresh, at)


def done(refresh: str, at: str, **data: Any) -> tuple[Any, ...]:
    return load("refreshed", refresh, at, **data)


def refused(refresh: str, at: str) -> tuple[Any, ...]:
    return load("refresh_refused", refresh, at, reason="no time")


def limits(*lines: Any, when: str = NOW, booklet: str = "cegid-expert") -> Any:
    told = history(*lines, booklet=booklet)
    return recette_limits(told, Frames(told), at(when)).result


def refreshes(*lines: Any, reading: str = "contract", booklet: str = "cegid-expert") -> Any:
    told = history(*lines, booklet=booklet)
    found = recette_refreshes(told, Frames(told, {"refresh_year": reading})).result
    return {year: tuple(counts.values()) for year, counts in found.items()}


def rows(*lines: Any, booklet: str = "cegid-expert", **known: Any) -> list[Breach]:
    told = history(*lines, booklet=booklet, **known)
    return breaches(told, Frames(told), date(2024, 1, 1), date(2030, 12, 31))


def codes(*lines: Any, **known: Any) -> list[tuple[str, str]]:
    return [(row.obligation, row.what) for row in rows(*lines, **known)]


# --- A4.6 ---


@pytest.mark.parametrize(("users", "dossiers", "over"), [(10, 50, False), (11, 50, True), (10, 51, True)])
def test_the_limits_of_10_users_and_50_dossiers_are_included(users: int, dossiers: int, over: bool) -> None:
    line = measured("2026-02-01T08:00:00Z", users, dossiers)
    assert limits(WITH, line) == {
        "named_users": users, "limit_users": 10, "dossiers": dossiers, "limit_dossiers": 50, "over": over,
        "version_behind": None,
    }  # fmt: skip
    assert codes(WITH, line) == ([("A4.6", "client_over_limit")] if over else [])


def test_the_latest_measure_at_or_before_the_instant_counts() -> None:
    lines = (WITH, measured("2026-02-01T08:00:00Z", 10, 50), measured(NOW, 12, 60))
    assert limits(*lines, when="2026-03-01T11:59:59Z")["over"] is False
    assert limits(*lines)["over"] is True
    assert limits(WITH)["over"] is None


@pytest.mark.parametrize(
    ("recette", "production", "behind"),
    [
        ("10.2", "10.2", False), ("10.2", "10.2.0", False), ("10.10", "10.9", False), ("10.9", "10.10", True),
        ("10.2", "10.2.1", True), ("11", "10.9", False), ("spring", "10.2", None), (None, "10.2", None),
    ],
)  # fmt: skip
def test_the_recette_has_the_version_of_production_or_a_later_one(
    recette: str | None, production: str, behind: bool | None
) -> None:
    lines = (rolled_out("recette", recette, "2026-01-05T08:00:00Z"), rolled_out("production", production, NOW))
    assert limits(WITH, *lines)["version_behind"] is behind
    assert codes(WITH, *lines) == ([("A4.6", "recette_behind")] if behind else [])


def test_a_recette_falls_behind_when_production_moves_first_and_each_time_anew() -> None:
    lines = (
        rolled_out("recette", "1.0", "2026-01-05T08:00:00Z", "U1"),
        rolled_out("production", "1.0", "2026-01-06T08:00:00Z", "U1"),
        rolled_out("production", "1.1", "2026-01-10T08:00:00Z", "U2"),
        rolled_out("production", "1.1.1", "2026-01-11T08:00:00Z", "U2b"),  # behind already
        rolled_out("recette", "1.1.1", "2026-01-12T08:00:00Z", "U2"),
        rolled_out("production", "1.2", "2026-01-20T08:00:00Z", "U3"),
        rolled_back("production", "2026-01-21T08:00:00Z", "U3"),
    )
    found = rows(WITH, *lines)
    assert [(row.on, row.amount, row.limit) for row in found] == [
        (at("2026-01-10T08:00:00Z"), "1.0", "1.1"), (at("2026-01-20T08:00:00Z"), "1.1.1", "1.2"),
    ]  # fmt: skip
    assert [row.first_knowable_at for row in found] == [row.on for row in found]
    assert limits(WITH, *lines)["version_behind"] is False
    assert limits(WITH, *lines, when="2026-01-20T08:00:00Z")["version_behind"] is True
    assert rows(started(options=[]), *lines) == []


def test_a_roll_out_learnt_later_is_provable_from_then_on() -> None:
    late = ("2026-02-15T08:00:00Z", *rolled_out("production", "1.1", "2026-01-10T08:00:00Z", "U2")[1:])
    row, = rows(WITH, rolled_out("recette", "1.0", "2026-01-05T08:00:00Z"), late)  # fmt: skip
    assert row.first_knowable_at == at("2026-02-15T08:00:00Z")


# --- A4.7 ---


def test_two_loads_of_a_contract_year_are_included_and_the_others_billable() -> None:
    loads = (asked("R1", "2025-10-01T08:00:00Z"), done("R1", "2025-10-02T08:00:00Z"), done("R2", "2025-12-01T08:00:00Z"),
             asked("R3", "2026-08-31T21:59:59Z"), done("R3", "2026-09-02T08:00:00Z", billed=True))  # fmt: skip
    assert refreshes(WITH, *loads) == {"2025-09-01": (2, 3, 2, 1)}
    assert codes(WITH, *loads) == []


def test_a_load_belongs_to_the_local_year_of_its_request() -> None:
    assert refreshes(WITH, asked("R1", "2026-08-31T21:59:59Z")) == {"2025-09-01": (1, 0, 1, 0)}
    assert refreshes(WITH, asked("R1", "2026-08-31T22:00:00Z")) == {"2026-09-01": (1, 0, 1, 0)}


def test_the_initial_load_is_none_of_the_two() -> None:
    initial = done("R0", "2025-09-05T08:00:00Z", kind="initial", billed=True)
    loads = (done("R1", "2025-10-01T08:00:00Z"), done("R2", "2025-12-01T08:00:00Z"))
    assert refreshes(WITH, initial, *loads) == {"2025-09-01": (0, 2, 2, 0)}
    assert codes(WITH, initial, *loads) == []


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ("contract", {"2025-09-01": (0, 3, 2, 1)}),
        ("civil", {"2025-01-01": (0, 2, 2, 0), "2026-01-01": (0, 1, 1, 0)}),
        ("rolling", {"2025-09-01": (0, 3, 2, 1)}),
    ],
)
def test_a_year_is_that_of_the_reading(reading: str, expected: dict[str, Any]) -> None:
    loads = [done(f"R{n}", f"{day}T08:00:00Z") for n, day in enumerate(("2025-10-01", "2025-12-01", "2026-01-15"))]
    assert refreshes(WITH, *loads, reading=reading) == expected


def test_rolling_twelve_months_end_on_the_same_day_a_year_later() -> None:
    days = ("2025-10-01", "2025-12-01", "2026-09-30", "2026-10-01")
    loads = [done(f"R{n}", f"{day}T08:00:00Z") for n, day in enumerate(days)]
    assert refreshes(WITH, *loads, reading="rolling") == {"2025-09-01": (0, 2, 2, 0), "2026-09-01": (0, 2, 1, 1)}
    assert refreshes(WITH, *loads)["2026-09-01"] == (0, 2, 2, 0)


def test_a_service_begun_on_29_february_has_its_anniversary_on_the_28th() -> None:
    leap = started(service_start="2024-02-29T00:00:00+01:00", support_start="2024-02-29")
    loads = (asked("R1", "2025-02-27T22:59:59Z"), asked("R2", "2025-02-27T23:00:00Z"), asked("R3", "2028-02-28T12:00:00Z"),
             asked("R4", "2028-02-29T12:00:00Z"))  # fmt: skip
    assert list(refreshes(leap, *loads)) == ["2024-02-29", "2025-02-28", "2027-02-28", "2028-02-29"]


def test_refusing_or_billing_one_of_the_first_two_is_a_breach_and_the_third_is_not() -> None:
    lines = (
        asked("R1", "2025-10-01T08:00:00Z"), refused("R1", "2025-10-03T08:00:00Z"),
        done("R2", "2025-11-01T08:00:00Z"), done("R3", "2025-12-01T08:00:00Z", billed=True),
        asked("R4", "2026-01-01T08:00:00Z"), refused("R4", "2026-01-03T08:00:00Z"),
    )  # fmt: skip
    assert refreshes(WITH, *lines) == {"2025-09-01": (2, 2, 2, 0)}
    assert [(r.what, r.subject, r.on) for r in rows(WITH, *lines)] == [
        ("refresh_refused", "R1", at("2025-10-03T08:00:00Z")), ("refresh_billed", "R3", at("2025-12-01T08:00:00Z")),
    ]  # fmt: skip
    assert rows(started(options=["personalised_update"]), *lines) == []


def test_a_load_found_to_be_the_second_is_provable_once_the_other_is_retracted() -> None:
    first = (*done("R1", "2025-10-01T08:00:00Z"), {"id": "r1"})
    gone = ("2026-03-01T08:00:00Z", "retracted", {"target": "r1", "reason": "another client"})
    lines = (first, done("R2", "2025-11-01T08:00:00Z"), done("R3", "2025-12-01T08:00:00Z", billed=True))
    assert rows(WITH, *lines) == []
    row, = rows(WITH, *lines, gone)  # fmt: skip
    assert row.first_knowable_at == at("2026-03-01T08:00:00Z")


def test_an_option_still_to_begin_is_behind_nothing_yet() -> None:
    lines = [
        started(options=["personalised_update"]), rolled_out("recette", "26.1", "2026-01-10T08:00:00Z"),
        rolled_out("production", "26.2", "2026-01-11T08:00:00Z", update="U2"),
        ("2026-02-01T08:00:00Z", "option_subscribed", {"option": "recette", "effective_from": "2026-04-01T08:00:00Z"}),
    ]  # fmt: skip
    assert rows(*lines, known_at="2026-04-01T07:59:59Z") == []
    assert [row.on for row in rows(*lines, known_at="2026-04-01T08:00:00Z")] == [at("2026-04-01T08:00:00Z")]


@settings(max_examples=40, deadline=None)
@given(days=st.lists(st.dates(date(2025, 9, 1), date(2028, 8, 31)), max_size=8))
def test_no_year_includes_more_than_two_and_every_load_is_included_or_billable(days: list[date]) -> None:
    loads = [done(f"R{n}", f"{day}T12:00:00Z") for n, day in enumerate(days)]
    for reading in ("contract", "civil", "rolling"):
        found = refreshes(WITH, *loads, reading=reading)
        assert sum(included + billable for _, _, included, billable in found.values()) == len(days)
        assert all(included <= 2 for _, _, included, _ in found.values())


def test_a_booklet_without_recette_promises_nothing() -> None:
    lines = (WITH, measured("2026-02-01T08:00:00Z", 99, 99), done("R1", "2025-12-01T08:00:00Z", billed=True))
    assert limits(*lines, booklet="always-on")["over"] is None
    assert refreshes(*lines, booklet="always-on") == {}
    assert rows(*lines, booklet="always-on") == []
