"""The telephone told as a ledger: closed in its hours or out of them, and who was answered first."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.history import History
from projections.calls import breaches, call_priority, phone_line
from projections.frame import Frames
from tests.story import CONTRACT, STARTED, at, history

PRIVATE = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": "private"})
CONNECT = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": "connect"})
MONDAY, TUESDAY, FRIDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 6)


def closed(instant: str, known: str = "") -> tuple[Any, ...]:
    return (known or instant, "support_line_closed", {"at": instant})


def opened(instant: str) -> tuple[Any, ...]:
    return (instant, "support_line_opened", {"at": instant})


def received(call: str, instant: str, priority: bool = False, **more: Any) -> tuple[Any, ...]:
    return (instant, "call_received", {"call": call, "at": instant, "priority": priority, **more})


def answered(call: str, instant: str) -> tuple[Any, ...]:
    return (instant, "call_answered", {"call": call, "at": instant})


def line(told: History, first: date, last: date, **reading: str) -> Any:
    return phone_line(told, Frames(told, reading), first, last).result


def violations(told: History) -> Any:
    found = call_priority(told, Frames(told), MONDAY, FRIDAY).result["violations"]
    return [(v["call"], v["what"], v["waiting_priority_calls"], v["contested"]) for v in found]


@pytest.mark.parametrize(
    ("contract", "day", "reading", "hours"),
    [
        (STARTED, MONDAY, {}, 7),  # 9:00 to 12:30, 14:00 to 17:30 (12.6)
        (STARTED, FRIDAY, {}, 6.5),  # to 17:00
        (PRIVATE, MONDAY, {}, 9),  # 12.10
        (PRIVATE, FRIDAY, {}, 8),
        (PRIVATE, MONDAY, {"private_hours": "art_12_2"}, 7),
        (STARTED, date(2026, 4, 6), {}, 0),  # Easter Monday
        (STARTED, date(2026, 3, 7), {}, 0),  # Saturday
        (CONNECT, MONDAY, {}, 0),
        (STARTED, date(2025, 8, 29), {}, 0),  # before the service
    ],
)
def test_the_line_is_open_in_the_hours_of_the_plan(contract: Any, day: date, reading: dict[str, str], hours: float) -> None:
    assert line(history(contract), day, day, **reading)["opening_seconds"] == hours * 3600


@pytest.mark.parametrize(
    ("shut", "open_again", "seconds"),
    [
        ("2026-03-02T12:30:00+01:00", "2026-03-02T14:00:00+01:00", 0),  # the whole lunch break
        ("2026-03-02T12:29:59+01:00", "2026-03-02T14:00:00+01:00", 1),
        ("2026-03-02T12:30:00+01:00", "2026-03-02T14:00:01+01:00", 1),
        ("2026-03-06T17:00:00+01:00", "2026-03-09T09:00:00+01:00", 0),  # Friday evening to Monday morning
        ("2026-03-06T16:59:59+01:00", "2026-03-09T09:00:00+01:00", 1),
        ("2026-03-27T17:00:00+01:00", "2026-03-30T09:00:01+02:00", 1),  # over the clock change
    ],
)
def test_a_closure_counts_to_the_second_within_the_hours(shut: str, open_again: str, seconds: int) -> None:
    told = history(STARTED, closed(shut), opened(open_again))
    found = line(told, date(2026, 3, 1), date(2026, 3, 31))
    assert found["closed_seconds"] == seconds
    assert [c["seconds"] for c in found["closures"]] == [seconds]
    rows = breaches(told, Frames(told), date(2026, 3, 1), date(2026, 3, 31))
    assert [(r.obligation, r.what, r.amount) for r in rows] == ([("A12.6", "line_closed", f"{seconds} s")] if seconds else [])


def test_a_line_not_open_again_is_closed_to_the_knowledge_instant() -> None:
    told = (STARTED, closed("2026-03-02T09:00:00+01:00"))
    assert line(history(*told, known_at="2026-03-02T08:10:00Z"), MONDAY, FRIDAY)["closed_seconds"] == 600
    assert line(history(*told), MONDAY, MONDAY)["closed_seconds"] == 7 * 3600


def test_a_row_tells_its_whole_closure_and_is_filed_once() -> None:
    told = history(STARTED, closed("2026-03-02T17:00:00+01:00"), opened("2026-03-03T09:30:00+01:00"))
    first, second = (breaches(told, Frames(told), day, day) for day in (MONDAY, TUESDAY))
    assert [(r.amount, r.on) for r in first] == [("3600 s", at("2026-03-02T16:00:00Z"))]
    assert second == []


def test_it_is_provable_once_known_and_never_before_its_first_second() -> None:
    ahead = history(STARTED, closed("2026-03-02T08:00:00+01:00"), opened("2026-03-02T10:00:00+01:00"))
    late = history(STARTED, closed("2026-03-02T09:00:00+01:00", known="2026-03-04T00:00:00Z"))
    assert breaches(ahead, Frames(ahead), MONDAY, MONDAY)[0].first_knowable_at == at("2026-03-02T08:00:01Z")
    assert breaches(late, Frames(late), MONDAY, MONDAY)[0].first_knowable_at == at("2026-03-04T00:00:00Z")


def test_no_line_is_owed_while_support_is_suspended() -> None:
    off = ("2026-03-02T08:00:00Z", "support_suspended", {"at": "2026-03-02T10:00:00+01:00", "reason": "unpaid"})
    told = history(STARTED, off, closed("2026-03-02T11:00:00+01:00"))
    assert line(told, MONDAY, MONDAY) | {"closures": []} == {"opening_seconds": 3600, "closed_seconds": 0, "closures": []}


def test_a_change_of_plan_at_noon_changes_the_hours_from_noon() -> None:
    change = ("2026-03-01T00:00:00Z", "contract_scope_changed", {"plan": "private", "effective_from": "2026-03-02T12:00:00+01:00"})
    assert line(history(STARTED, change), MONDAY, MONDAY)["opening_seconds"] == 9 * 3600


@pytest.mark.parametrize(
    ("came", "went", "answer", "passed"),
    [
        ("10:00:00", "10:05:00", "10:04:59", True),
        ("10:00:00", "10:05:00", "10:05:00", False),  # answered in the same second
        ("10:00:00", "10:00:09", "10:00:00", False),  # came in the very second
        ("10:00:00", "10:00:09", "10:00:01", True),
    ],
)
def test_a_call_without_priority_passes_none_that_waits(came: str, went: str, answer: str, passed: bool) -> None:
    day = "2026-03-02T{}+01:00"
    told = history(PRIVATE, received("N", day.format("09:59:00")), received("P", day.format(came), True),
                   answered("N", day.format(answer)), answered("P", day.format(went)))  # fmt: skip
    assert violations(told) == ([("N", "priority_passed_over", ["P"], False)] if passed else [])
    rows = breaches(told, Frames(told), MONDAY, MONDAY)
    assert [(r.obligation, r.subject) for r in rows] == ([("A12.9", "N")] if passed else [])


def test_no_call_is_passed_over_while_no_support_is_owed() -> None:
    calls = [received("P", "2026-03-02T10:00:00Z", True), received("N", "2026-03-02T10:00:05Z"), answered("N", "2026-03-02T10:01:00Z")]
    suspended = ("2026-03-02T09:00:00Z", "support_suspended", {"at": "2026-03-02T09:00:00Z", "reason": "untrained users"})
    assert len(violations(history(PRIVATE, *calls))) == 1
    assert violations(history(PRIVATE, suspended, *calls)) == []
    for end, found in (("2026-03-02T10:01:00Z", 0), ("2026-03-02T10:01:01Z", 1)):
        over = ("2026-01-02T08:00:00Z", "contract_terminated", {"effective_from": end})
        assert len(violations(history(PRIVATE, over, *calls))) == found


def test_calls_with_priority_go_in_the_order_they_came() -> None:
    told = history(
        PRIVATE,
        received("A", "2026-03-02T10:00:00+01:00", True),
        received("B", "2026-03-02T10:00:01+01:00", True),
        received("C", "2026-03-02T10:00:01+01:00", True),
        answered("B", "2026-03-02T10:01:00+01:00"),
        answered("C", "2026-03-02T10:02:00+01:00"),
        answered("A", "2026-03-02T10:02:00+01:00"),
    )
    assert violations(told) == [("B", "arrival_order", ["A"], False)]


def test_a_call_never_answered_waits_out_its_day_and_is_contested() -> None:
    told = history(
        PRIVATE,
        received("P", "2026-03-02T10:00:00+01:00", True),
        received("N", "2026-03-02T10:01:00+01:00"),
        answered("N", "2026-03-02T10:02:00+01:00"),
        received("M", "2026-03-03T09:01:00+01:00"),
        answered("M", "2026-03-03T09:02:00+01:00"),
    )
    assert violations(told) == [("N", "priority_passed_over", ["P"], True)]


@pytest.mark.parametrize("contract", [STARTED, CONNECT])
def test_other_plans_promise_no_priority_and_other_lines_do_not_meet(contract: Any) -> None:
    calls = [
        received("P", "2026-03-02T10:00:00+01:00", True, line="a"),
        received("N", "2026-03-02T10:01:00+01:00", line="b"),
        answered("N", "2026-03-02T10:02:00+01:00"),
    ]
    assert violations(history(contract, *calls)) == violations(history(PRIVATE, *calls)) == []


def test_one_call_surely_passed_over_leaves_nothing_to_contest() -> None:
    told = history(
        PRIVATE,
        received("P", "2026-03-02T10:00:00+01:00", True),
        received("Q", "2026-03-02T10:00:00+01:00", True),
        received("N", "2026-03-02T10:01:00+01:00"),
        answered("N", "2026-03-02T10:02:00+01:00"),
        answered("Q", "2026-03-02T10:03:00+01:00"),
    )
    assert violations(told) == [("N", "priority_passed_over", ["P", "Q"], False)]
