"""Since when a thing may have been: the first instant any entry tells of it, and from ever where that is in doubt."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.spans import FIRST, FOREVER
from replays.beginnings import Beginnings
from tests.story import STARTED, at, history
from tests.test_availability import outage

BEGUN, ENDED = outage("2026-03-03T10:00:00+01:00", "2026-03-09T12:00:00+01:00")
ACCEPTED = ("2026-03-10T09:00:00Z", "outage_claim_accepted", {"claim": "K1", "by": "provider"})
CLAIMED = ("2026-03-09T09:00:00Z", "outage_claimed",
           {"claim": "K1", "from": "2026-03-04T10:00:00Z", "to": "2026-03-04T11:00:00Z"})  # fmt: skip


def begun(*lines: Any) -> list[int]:
    """Of each line after the contract's start, since when what it tells of may have been."""
    told = history(STARTED, *lines)
    found = Beginnings(told)
    return [found.of(position) for position in range(11, 11 + len(lines))]


def test_what_ended_began_with_its_first_entry() -> None:
    start = at("2026-03-03T10:00:00+01:00")
    assert begun(BEGUN, ENDED) == [start, start]
    assert begun(CLAIMED, ACCEPTED) == [at("2026-03-04T10:00:00Z")] * 2


def test_an_announcement_is_of_the_work_it_announces() -> None:
    slot = {"maintenance": "M1", "published_at": "2026-03-01T10:00:00Z", "planned_start": "2026-03-05T22:00:00Z",
            "planned_end": "2026-03-05T23:00:00Z"}  # fmt: skip
    announced = ("2026-03-01T10:00:00Z", "maintenance_announced", slot)
    work = {"maintenance": "M1", "kind": "planned", "at": "2026-03-05T22:00:00Z"}
    worked = ("2026-03-05T22:00:00Z", "maintenance_started", work)
    assert begun(announced, worked) == [at("2026-03-01T10:00:00Z")] * 2


def test_what_no_other_entry_need_precede_stands_by_itself() -> None:
    held = [(f"2026-0{n}-05T10:00:00Z", "service_review_held", {"at": f"2026-0{n}-05T10:00:00Z"}) for n in (3, 4)]
    assert begun(*held) == [at("2026-03-05T10:00:00Z"), at("2026-04-05T10:00:00Z")]


def test_a_day_or_a_month_counts_from_the_first_instant_it_has_anywhere() -> None:
    waived = ("2026-04-02T10:00:00Z", "service_review_waived", {"month": "2026-03", "reference": "mail"})
    assert begun(waived) == [at("2026-02-28T00:00:00Z")]
    asked = {"restore": "R1", "scope": "client_data", "requested_at": "2026-03-20T10:00:00Z", "target_date": "2026-03-18"}
    assert begun(("2026-03-20T10:00:00Z", "restore_requested", asked)) == [at("2026-03-17T00:00:00Z")]


@pytest.mark.parametrize("type", ["corrected", "retracted"])
def test_what_was_corrected_or_withdrawn_may_always_have_been(type: str) -> None:
    data = {"data": {"outage": "O1", "at": "2026-02-03T10:00:00Z"}} if type == "corrected" else {}
    act = ("2026-03-12T08:00:00Z", type, {"target": "ended", "reason": "the log", **data})
    assert begun(BEGUN, (*ENDED[:3], {"id": "ended"}), act) == [FIRST, FIRST, FIRST]


def test_so_may_what_the_contract_says_of_itself_and_what_nobody_heard_of() -> None:
    over = ("2026-03-12T08:00:00Z", "contract_terminated", {"effective_from": "2026-06-01T00:00:00Z"})
    assert begun(over) == [FIRST]
    assert Beginnings(history(STARTED)).of(4711) == FIRST < FOREVER
