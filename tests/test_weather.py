"""The weather of a service told as a ledger and looked at from one instant to the next (article 6)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.finding import Finding
from projections.frame import Frames
from projections.weather import weather
from tests.story import CONTRACT, STARTED, at, history, instant

ON_SERVICE = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["mt-1"]})
MT_1 = {"subject": "service:mt-1"}

SLOT = {"planned_start": "2026-02-19T22:00:00Z", "planned_end": "2026-02-20T02:00:00Z"}


def told(what: str, when: str, /, **data: Any) -> tuple[Any, ...]:
    """A line recorded as it happened, about M1 (an outage: O1)."""
    thing = {"outage": "O1"} if what.startswith("outage") else {"maintenance": "M1"}
    published = what in ("maintenance_announced", "maintenance_rescheduled", "maintenance_cancelled")
    return (when, what, {**thing, "published_at" if published else "at": when, **data})


ANNOUNCED = told("maintenance_announced", "2026-02-16T10:00:00Z", **SLOT, blocking=True)
BEGUN = told("maintenance_started", "2026-02-19T22:10:00Z", kind="planned")
STOPPED = told("blocking_started", "2026-02-19T22:30:00Z")
BACK = told("blocking_ended", "2026-02-19T23:30:00Z")
OVER = told("maintenance_ended", "2026-02-20T00:00:00Z")
DOWN = told("outage_started", "2026-02-19T23:40:00Z", environment="production", effect="no_login")
UP = told("outage_ended", "2026-02-19T23:50:00Z")
NIGHT = (ANNOUNCED, BEGUN, STOPPED, BACK, DOWN, UP, OVER)


def seen(when: str, *lines: Any, known_at: str | None = None, contract: Any = STARTED) -> Finding:
    book = history(contract, *lines, known_at=known_at)
    return weather(book, Frames(book), at(when))


def short(when: str, *lines: Any, **known: Any) -> str:
    """One word a line: `planned M1`, `running M1!` where the service is stopped, `open O1!`."""
    result = seen(when, *lines, **known).result
    words = [f"planned {line['id']}" for line in result["maintenance_planned"]]
    for key, word in (("maintenance_running", "running"), ("outages_open", "open")):
        words += [f"{word} {line['id']}{'!' if line['blocking'] else ''}" for line in result[key]]
    return ", ".join(words)


@pytest.mark.parametrize(
    ("when", "sky"),
    [
        ("2026-02-16T09:59:59Z", ""),  # not published yet
        ("2026-02-16T10:00:00Z", "planned M1"),
        ("2026-02-19T22:09:59Z", "planned M1"),  # late to start
        ("2026-02-19T22:10:00Z", "running M1"),
        ("2026-02-19T22:29:59Z", "running M1"),
        ("2026-02-19T22:30:00Z", "running M1!"),
        ("2026-02-19T23:29:59Z", "running M1!"),
        ("2026-02-19T23:30:00Z", "running M1"),
        ("2026-02-19T23:40:00Z", "running M1, open O1!"),
        ("2026-02-19T23:49:59Z", "running M1, open O1!"),
        ("2026-02-19T23:50:00Z", "running M1"),
        ("2026-02-19T23:59:59Z", "running M1"),
        ("2026-02-20T00:00:00Z", ""),
    ],
)
def test_each_thing_shows_from_its_first_second_to_before_its_end(when: str, sky: str) -> None:
    assert short(when, *NIGHT) == sky


def test_a_line_says_what_since_when_and_whether_the_service_is_stopped() -> None:
    running = seen("2026-02-19T23:45:00Z", *NIGHT)
    assert running.result == {
        "maintenance_running": [
            {
                "id": "M1", "service": "contract", "environment": "production", "kind": "planned",
                "since": "2026-02-19T22:10:00Z", "slot": ["2026-02-19T22:00:00Z", "2026-02-20T02:00:00Z"],
                "blocking": False,
            }
        ],
        "maintenance_planned": [],
        "outages_open": [
            {
                "id": "O1", "service": "contract", "environment": "production", "effect": "no_login",
                "since": "2026-02-19T23:40:00Z", "blocking": True,
            }
        ],
    }  # fmt: skip
    assert running.because == (11, 12, 13, 14, 15)
    planned = seen("2026-02-17T00:00:00Z", *NIGHT)
    assert planned.result["maintenance_planned"] == [
        {
            "id": "M1", "service": "contract", "environment": "production", "kind": "planned",
            "slot": ["2026-02-19T22:00:00Z", "2026-02-20T02:00:00Z"], "announced_at": "2026-02-16T10:00:00Z",
            "blocking": True,
        }
    ]  # fmt: skip
    assert planned.because == (11,)
    assert planned.workings["clause"] == "art. 6"


def test_an_announcement_that_does_not_say_whether_it_stops_the_service_leaves_it_open() -> None:
    silent = told("maintenance_announced", "2026-02-16T10:00:00Z", **SLOT)
    moved = told("maintenance_rescheduled", "2026-02-17T10:00:00Z", **SLOT)
    for lines, blocking in (([silent], None), ([ANNOUNCED, moved], True)):
        assert seen("2026-02-18T00:00:00Z", *lines).result["maintenance_planned"][0]["blocking"] is blocking


def test_a_planned_slot_that_nobody_started_is_gone_when_it_is_over() -> None:
    assert short("2026-02-20T01:59:59Z", ANNOUNCED) == "planned M1"
    assert short("2026-02-20T02:00:00Z", ANNOUNCED) == ""


def test_the_slot_shown_is_the_one_published_last_by_then() -> None:
    later = {"planned_start": "2026-02-21T22:00:00Z", "planned_end": "2026-02-22T02:00:00Z"}
    moved = told("maintenance_rescheduled", "2026-02-18T10:00:00Z", **later)
    for when, start in (("2026-02-18T09:59:59Z", "2026-02-19T22:00:00Z"), ("2026-02-18T10:00:00Z", "2026-02-21T22:00:00Z")):
        assert seen(when, ANNOUNCED, moved).result["maintenance_planned"][0]["slot"][0] == start


def test_a_cancelled_maintenance_is_planned_no_more() -> None:
    called_off = told("maintenance_cancelled", "2026-02-18T10:00:00Z")
    assert short("2026-02-18T09:59:59Z", ANNOUNCED, called_off) == "planned M1"
    assert short("2026-02-18T10:00:00Z", ANNOUNCED, called_off) == ""
    performed = seen("2026-02-19T22:10:00Z", ANNOUNCED, called_off, BEGUN).result["maintenance_running"][0]
    assert performed["slot"] is None


def test_an_emergency_runs_without_a_slot_and_a_degraded_service_is_not_stopped() -> None:
    urgent = told("maintenance_started", "2026-02-19T22:10:00Z", kind="emergency", urgency_reason="a leak")
    slow = told("outage_started", "2026-02-19T22:00:00Z", environment="recette", effect="degraded")
    result = seen("2026-02-19T23:00:00Z", urgent, slow).result
    assert [(w["kind"], w["slot"]) for w in result["maintenance_running"]] == [("emergency", None)]
    assert [(o["environment"], o["blocking"]) for o in result["outages_open"]] == [("recette", False)]


def test_what_was_not_known_does_not_show_and_what_was_learnt_later_does() -> None:
    late = ("2026-02-25T09:00:00Z", *DOWN[1:])
    assert short("2026-02-19T23:45:00Z", late, known_at="2026-02-25T08:59:59Z") == ""
    assert short("2026-02-19T23:45:00Z", late, known_at="2026-02-25T09:00:00Z") == "open O1!"


def test_an_instant_beyond_what_is_known_is_answered_from_it_and_says_so() -> None:
    asked = seen("2026-03-01T00:00:00Z", DOWN, known_at="2026-02-20T00:00:00Z")
    assert [line["id"] for line in asked.result["outages_open"]] == ["O1"]
    assert asked.workings["note"] == "asked beyond what is known: nothing is known after 2026-02-20T00:00:00Z"
    assert seen("2026-02-20T00:00:00Z", DOWN, known_at="2026-02-20T00:00:00Z").workings["note"] is None


def test_an_end_without_its_start_shows_nothing() -> None:
    early = {"attestedat": "2026-02-19T22:00:00Z"}
    lines = [(*line, early) for line in (BACK, OVER, UP)]
    book = history(STARTED, *lines, known_at="2026-02-21T00:00:00Z", knowledge="attested")
    assert weather(book, Frames(book), at("2026-02-19T23:45:00Z")).result["maintenance_running"] == []


def test_a_service_shows_while_the_contract_is_on_it_and_its_plans_where_their_slot_is() -> None:
    lines = [(*line, MT_1) for line in (ANNOUNCED, BEGUN, DOWN)]
    left = ("2026-02-01T09:00:00Z", "service_unassigned", {"service": "mt-1", "effective_from": "2026-02-19T23:45:00Z"})
    before = seen("2026-02-19T23:44:59Z", left, *lines, contract=ON_SERVICE).result
    assert [line["service"] for line in before["maintenance_running"] + before["outages_open"]] == ["mt-1", "mt-1"]
    assert short("2026-02-19T23:45:00Z", left, *lines, contract=ON_SERVICE) == ""
    assert short("2026-02-19T21:00:00Z", left, *lines, contract=ON_SERVICE) == "planned M1"
    gone = ("2026-02-01T09:00:00Z", "service_unassigned", {"service": "mt-1", "effective_from": "2026-02-19T22:00:00Z"})
    assert short("2026-02-19T21:00:00Z", gone, *lines, contract=ON_SERVICE) == ""


def test_one_id_in_two_streams_shows_twice_under_its_own_service() -> None:
    lines = [ANNOUNCED, (*ANNOUNCED, MT_1)]
    planned = seen("2026-02-18T00:00:00Z", *lines, contract=ON_SERVICE).result["maintenance_planned"]
    assert [(line["id"], line["service"]) for line in planned] == [("M1", "contract"), ("mt-1/M1", "mt-1")]


def test_several_lines_come_by_when_they_begin() -> None:
    lines = [
        (a, "outage_started", {"outage": o, "environment": "production", "effect": "no_access", "at": a})
        for o, a in (("O3", "2026-02-19T22:00:00Z"), ("O2", "2026-02-19T21:00:00Z"), ("O1", "2026-02-19T22:00:00Z"))
    ]
    assert short("2026-02-19T23:00:00Z", *lines) == "open O2!, open O1!, open O3!"


@given(st.integers(-3600, 4 * 86_400), st.lists(st.integers(-14, 14), min_size=32, max_size=32))
def test_the_hour_offsets_are_written_in_changes_nothing(after: int, hours: list[int]) -> None:
    when = at("2026-02-16T10:00:00Z") + after
    zones = iter([timezone(timedelta(hours=hour)) for hour in hours])

    def moved(line: tuple[Any, ...]) -> tuple[Any, ...]:
        data = dict(line[2])
        for key in sorted(data.keys() & {"at", "published_at", "planned_start", "planned_end"}):
            data[key] = instant(data[key]).astimezone(next(zones)).isoformat()
        return (line[0], line[1], data)

    plain, other = history(STARTED, *NIGHT), history(STARTED, *map(moved, NIGHT))
    assert weather(plain, Frames(plain), when) == weather(other, Frames(other), when)


@given(st.integers(-3600, 4 * 86_400))
def test_what_happens_after_the_instant_never_shows(after: int) -> None:
    when = at("2026-02-16T10:00:00Z") + after
    by_then = [line for line in NIGHT if at(line[0]) <= when]
    whole, part = history(STARTED, *NIGHT), history(STARTED, *by_then)
    assert weather(whole, Frames(whole), when).result == weather(part, Frames(part), when).result


def test_the_weather_is_the_same_through_a_ledger_on_disk(tell: Any, book: Any) -> None:
    from projections import ask

    tell(*STARTED)
    for line in NIGHT:
        tell(*line)
    answer = ask(book, "weather", contract="C1", at="2026-02-20T00:45:00+01:00")
    assert answer.result == seen("2026-02-19T23:45:00Z", *NIGHT).result
    assert datetime.fromisoformat(answer.result["outages_open"][0]["since"]) == instant("2026-02-19T23:40:00Z")
