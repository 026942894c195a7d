"""The worked cases that came with the contract, through the whole house, when they lie beside the checkout.

The same cases are told as stories of our own in the tests of each subject, which need no other file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from projections import ask
from projections.questions import BY_NAME
from tests.conftest import Clock
from tests.story import CONTRACT

SHARED = Path(__file__).parents[2] / "shared" / "scenarios.json"
CASES: dict[str, Any] = json.loads(SHARED.read_text()) if SHARED.exists() else {"scenarios": [], "refusals": []}


def cloudevent(event: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event.get("id", f"n{number}"),
        "source": "scenario",
        "type": event["type"],
        "subject": f"contract:{event['contract']}",
        "data": event["data"],
    }


def recorded(path: Path, events: list[dict[str, Any]]) -> Any:
    clock = Clock()
    book = open_ledger(str(path / "book.db"), clock=clock, recorded_by="test")
    for number, event in enumerate(events):
        clock.set(event["recorded_at"])
        book.record([cloudevent(event, number)])
    return book, clock


@pytest.mark.parametrize("scenario", CASES["scenarios"], ids=lambda s: s["id"])
def test_each_question_of_a_scenario_gets_its_expected_answer(scenario: dict[str, Any], tmp_path: Path) -> None:
    book, _ = recorded(tmp_path, scenario["events"])
    with book:
        for question in scenario["questions"]:
            if question["projection"] not in BY_NAME:
                continue
            answer = ask(
                book,
                question["projection"],
                contract=question["contract"],
                known_at=question["as_known_at"],
                reading=question["reading"],
                **question["params"],
            )
            expected = question["expect"]
            found = pick(answer.result, expected)
            assert found == expected, (question["id"], question["arithmetic"])


def pick(found: Any, expected: Any) -> Any:
    """The found result, cut down to the keys the expected one speaks of."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if not expected or (len(expected) == len(found) and set(expected) == set(found)):
            return {k: pick(found[k], expected[k]) for k in found} if expected else found
        return {k: pick(found[k], v) for k, v in expected.items() if k in found}
    return found


@pytest.mark.parametrize("case", CASES["refusals"], ids=lambda c: c["id"])
def test_each_refused_event_is_refused_and_nothing_is_written(case: dict[str, Any], tmp_path: Path) -> None:
    opening = {"type": "contract_started", "contract": "C1", "recorded_at": "2026-06-01T00:00:00Z", "data": CONTRACT}
    book, clock = recorded(tmp_path, [opening, *case["given"]])
    with book:
        before = book.position
        clock.set(case["bad"]["recorded_at"])
        with pytest.raises(Refused):
            book.record([cloudevent({**case["bad"], "id": "bad"}, 99)])
        assert book.position == before, case["why"]
