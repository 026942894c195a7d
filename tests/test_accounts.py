"""Accounts told as a ledger: instructed, executed, and executed without being asked."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.history import History
from projections.accounts import accounts, breaches
from projections.frame import Frames
from tests.story import STARTED, at, history

MARCH = (date(2026, 3, 1), date(2026, 3, 31))


def received(instant: str, known: str = "", name: str = "I1") -> tuple[Any, ...]:
    return (known or instant, "account_instruction_received", {"instruction": name, "at": instant, "action": "create"})


def executed(instant: str, known: str = "", name: str = "I1") -> tuple[Any, ...]:
    return (known or instant, "account_instruction_executed", {"instruction": name, "at": instant})


def rows(told: History) -> list[tuple[str, str, bool]]:
    return [(r.subject, r.amount, r.contested) for r in breaches(told, Frames(told), *MARCH)]


@pytest.mark.parametrize(
    ("execution", "seconds", "found"),
    [
        ("2026-03-29T01:59:59+01:00", -1, [("I1", "1 s before it", True)]),
        ("2026-03-29T03:00:00+02:00", 0, []),
        ("2026-03-29T03:00:01+02:00", 1, []),
    ],
)
def test_an_execution_before_its_instruction_is_a_finding_to_the_second(execution: str, seconds: int, found: Any) -> None:
    # the instruction comes as the clocks go from 2:00 to 3:00
    told = history(STARTED, received("2026-03-29T01:00:00Z", known="2026-03-29T02:00:00Z"), executed(execution, known="2026-03-29T02:00:00Z"))
    assert accounts(told, Frames(told)).result["I1"]["seconds"] == seconds
    assert rows(told) == found


def test_an_instruction_not_carried_out_is_open_and_no_breach() -> None:
    told = history(STARTED, received("2026-03-02T08:00:00Z"))
    found = accounts(told, Frames(told))
    assert found.result == {"I1": {"received_at": "2026-03-02T08:00:00Z", "executed_at": None, "seconds": None}}
    assert found.workings["open"] == ["I1"]
    assert rows(told) == []


def test_what_is_removed_once_the_contract_is_over_needs_no_instruction() -> None:
    over = ("2026-01-02T08:00:00Z", "contract_terminated", {"effective_from": "2026-03-02T08:00:00Z"})
    lines = (executed("2026-03-02T07:59:59Z", name="I1"), executed("2026-03-02T08:00:00Z", name="I2"))
    assert rows(history(STARTED, over, *lines)) == [("I1", "no instruction", False)]


def test_what_nobody_asked_for_is_a_finding_until_an_instruction_is_known() -> None:
    told = (STARTED, executed("2026-03-02T08:00:00Z"), received("2026-03-01T08:00:00Z", known="2026-03-09T00:00:00Z"))
    early = history(*told, known_at="2026-03-08T00:00:00Z")
    (row,) = breaches(early, Frames(early), *MARCH)
    assert (row.obligation, row.what, row.amount, row.contested) == ("A11.1", "executed_without_instruction", "no instruction", False)
    assert row.first_knowable_at == at("2026-03-02T08:00:00Z")
    assert rows(history(*told)) == []


def test_a_row_is_filed_on_the_local_day_of_the_execution() -> None:
    told = history(STARTED, executed("2026-03-31T22:00:00Z"), executed("2026-02-28T23:00:00Z", name="I2"))
    assert [subject for subject, _, _ in rows(told)] == ["I2"]
