"""Stories of the shared office space: five gigabytes a user, to the byte, and what was bought besides."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.finding import Breach
from projections.frame import Frames
from projections.storage import breaches, storage
from tests.story import STARTED, at, history

ON = "2026-03-01T12:00:00Z"
GO = 10**9


def measured(size: int, on: str = ON, **data: Any) -> tuple[Any, ...]:
    return (on, "storage_measured", {"at": on, "bytes": size, **data})


def bought(size: int, effective_from: str) -> tuple[Any, ...]:
    data = {"bytes": size, "effective_from": effective_from}
    return (effective_from, "storage_extension_subscribed", data)


def space(*lines: Any, when: str = ON, booklet: str = "cegid-expert", **reading: str) -> Any:
    told = history(STARTED, *lines, booklet=booklet)
    return storage(told, Frames(told, reading), at(when)).result


def rows(*lines: Any, booklet: str = "cegid-expert", **known: Any) -> list[Breach]:
    told = history(STARTED, *lines, booklet=booklet, **known)
    return breaches(told, Frames(told), date(2026, 3, 1), date(2026, 3, 31))


@pytest.mark.parametrize(("size", "over"), [(50 * GO - 1, 0), (50 * GO, 0), (50 * GO + 1, 1)])
def test_ten_users_share_fifty_gigabytes_to_the_byte(size: int, over: int) -> None:
    line = measured(size, users=10)
    assert space(line) == {"bytes": size, "limit_bytes": 50 * GO, "over_bytes": over, "users": 10}
    assert [(row.obligation, row.what, row.amount, row.limit) for row in rows(line)] == (
        [("A4.8", "client_over_storage", "50000000001 B", "50000000000 B")] if over else []
    )


def test_without_users_of_its_own_a_measure_is_held_against_the_named_users() -> None:
    assert space(measured(1)) == {"bytes": 1, "limit_bytes": 2000 * GO, "over_bytes": 0, "users": 400}
    fewer = ("2026-02-01T08:00:00Z", "contract_scope_changed",
             {"effective_from": ON, "production_named_users": 310})  # fmt: skip
    assert space(fewer, measured(1))["limit_bytes"] == 1550 * GO
    assert space(fewer, measured(1, "2026-03-01T11:59:59Z"), when="2026-03-01T11:59:59Z")["users"] == 400


def test_a_binary_gigabyte_is_larger() -> None:
    assert space(measured(1, users=10), gigabyte="binary")["limit_bytes"] == 50 * 2**30


def test_by_the_other_reading_each_user_has_a_limit() -> None:
    line = measured(6 * GO, users=10, largest_user_bytes=5 * GO + 1)
    assert space(line)["over_bytes"] == 0
    assert space(line, pooled="per_user") == {
        "bytes": 5 * GO + 1, "limit_bytes": 5 * GO, "over_bytes": 1, "users": 10,
    }  # fmt: skip
    assert space(measured(60 * GO, users=10), pooled="per_user")["over_bytes"] is None  # largest not measured


def test_extensions_count_from_their_instant_on_and_add_up() -> None:
    line = measured(51 * GO, users=10)
    assert space(bought(GO, "2026-03-01T12:00:01Z"), line)["over_bytes"] == GO
    assert space(bought(GO, ON), line)["over_bytes"] == 0
    assert space(bought(GO, ON), bought(2 * GO, "2026-02-01T00:00:00Z"), line)["limit_bytes"] == 53 * GO


def test_the_latest_measure_at_or_before_the_instant_counts() -> None:
    lines = (measured(1, "2026-02-01T08:00:00Z", users=10), measured(2, users=10))
    assert space(*lines, when="2026-03-01T11:59:59Z")["bytes"] == 1
    assert space(*lines)["bytes"] == 2
    assert space() == {"bytes": None, "limit_bytes": 2000 * GO, "over_bytes": None, "users": 400}


def test_a_measure_over_the_limit_is_provable_when_recorded_and_stays_with_its_instant() -> None:
    late = ("2026-03-20T08:00:00Z", *measured(60 * GO, users=10)[1:])
    row, = rows(late, bought(20 * GO, "2026-03-10T00:00:00Z"))  # fmt: skip
    assert (row.on, row.first_knowable_at) == (at(ON), at("2026-03-20T08:00:00Z"))
    assert rows(late, known_at="2026-03-19T08:00:00Z") == []
    wrong = ("2026-03-25T08:00:00Z", "corrected",
             {"target": "m1", "data": measured(61 * GO, users=10)[2], "reason": "one disk was left out"})  # fmt: skip
    row, = rows((*measured(40 * GO, users=10), {"id": "m1"}), wrong)  # fmt: skip
    assert row.first_knowable_at == at("2026-03-25T08:00:00Z")


def test_nothing_is_over_outside_the_service_period_or_the_days_asked() -> None:
    over = ("2026-02-01T08:00:00Z", "contract_terminated", {"effective_from": ON})
    assert rows(over, measured(60 * GO, users=10)) == []
    assert len(rows(over, measured(60 * GO, "2026-03-01T11:59:59Z", users=10))) == 1
    assert len(rows(measured(60 * GO, "2026-02-28T23:00:00Z", users=10))) == 1  # 1 March in Paris
    assert rows(measured(60 * GO, "2026-02-28T22:59:59Z", users=10)) == []


def test_a_booklet_without_storage_promises_none() -> None:
    line = measured(60 * GO, users=10)
    assert space(line, booklet="always-on") == {
        "bytes": 60 * GO, "limit_bytes": None, "over_bytes": None, "users": 10,
    }  # fmt: skip
    assert rows(line, booklet="always-on") == []


@settings(max_examples=40, deadline=None)
@given(size=st.integers(0, 10**14), users=st.integers(0, 1000), extra=st.integers(0, 10**13))
def test_over_and_limit_always_make_up_what_is_held(size: int, users: int, extra: int) -> None:
    found = space(measured(size, users=users), bought(extra, "2026-01-01T00:00:00Z"))
    assert found["over_bytes"] == max(0, size - users * 5 * GO - extra)
