"""Worked cases, reckoned by hand from the contract's text and its rules: boundaries first, each with its reason.

`cases/*.json` tell them in a neutral form: what was recorded when on the ledger's clock, what is asked as known
when and under which reading, and what the answer must say, or the code it is refused with. A case opens with the
contract of `story.CONTRACT` (an Open plan from 1 September 2025) unless it tells of another.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused
from ledger.corrections import ACTS
from ledger.events import OutageStarted
from ledger.history import History
from ledger.readings import SWITCHES
from projections.asking import answer_from
from projections.availability import RESULT, figures
from projections.bearing import FIGURED
from projections.frame import Frames
from projections.questions import question, read
from tests.story import STARTED, history

FOLDER = Path(__file__).with_name("cases")
CASES: list[dict[str, Any]] = [case for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text())]
CORE = {
    "availability", "maintenance", "backup_nights", "backup_weeks", "backup_months", "office_days", "backup_retention",
    "backup_deletions", "backup_copies", "restorable", "restore_decision", "office_last_state", "updates",
    "support_response", "anomaly",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_a_worked_case_gets_its_answers(case: dict[str, Any]) -> None:
    for asked in case["questions"]:
        found, expected = answered(case["events"], asked), asked["expect"]
        assert cut(found, expected) == expected, (asked, case["why"])


@pytest.mark.parametrize("switched", [{}, *({s.name: value} for s in SWITCHES for value in s.values)], ids=str)
def test_figures_rest_on_no_kind_that_verification_leaves_out(switched: dict[str, str], monkeypatch: Any) -> None:
    """Statements are asked again of the entries of these kinds alone, where nothing is corrected."""
    asked_for: set[Any] = set()
    group = History._group

    def noted(self: History, stream: str, kind: Any) -> Any:
        asked_for.add(kind)
        return group(self, stream, kind)

    monkeypatch.setattr(History, "_group", noted)
    for case in CASES:
        for asked in case["questions"]:
            if asked["question"] == "availability" and "refused" not in str(asked["expect"]):
                known = told(case["events"], asked)
                figures(known, Frames(known, {**asked.get("reading", {}), **switched}), asked["params"]["month"], RESULT)
    assert asked_for <= FIGURED | {*ACTS}, asked_for - FIGURED
    assert OutageStarted in asked_for


def test_the_cases_ask_of_all_that_is_promised_by_the_hour_and_every_one_says_why() -> None:
    assert {asked["question"] for case in CASES for asked in case["questions"]} >= CORE
    assert len({case["title"] for case in CASES}) == len(CASES)
    assert all(case["why"] and case["questions"] for case in CASES)


def answered(events: list[dict[str, Any]], asked: dict[str, Any]) -> Any:
    """The answer's result, or the code of its refusal."""
    switches = asked.get("reading", {})
    known = told(events, asked)
    try:
        named = question(asked["question"])
        return listed(answer_from(known, named, read(named, asked.get("params", {})), switches).result, asked.get("rows"))
    except Refused as refused:
        return {"refused": refused.code}


def listed(result: Any, rows: dict[str, Any] | None) -> Any:
    """Of the register the rows `of` an obligation, and of each what to `show`; of anything else all."""
    if rows is None:
        return result
    return sorted([row[name] for name in rows["show"]] for row in result if row["obligation"] == rows["of"])


def told(events: list[dict[str, Any]], asked: dict[str, Any]) -> History:
    """What of the events is known to who asks."""
    lines = [line(event) for event in events]
    if all(kind != "contract_started" for _, kind, *_ in lines):
        lines.insert(0, (*STARTED, {"id": "e1"}))
    knowledge = asked.get("reading", {}).get("knowledge", "recorded")
    return history(*lines, known_at=asked.get("known_at"), knowledge=knowledge)


def line(event: dict[str, Any]) -> tuple[Any, ...]:
    """An event of a case as a line of a story."""
    extras = {"id": event["id"], "subject": event.get("stream", "contract:C1"), "attestedat": event.get("attested_at")}
    return event["recorded_at"], event["type"], event["data"], extras


def cut(found: Any, expected: Any) -> Any:
    """What was found, of what the case speaks of: of a table the keys it names, of anything else all."""
    if isinstance(found, dict) and isinstance(expected, dict) and expected:
        return {key: cut(found[key], told) for key, told in expected.items() if key in found}
    return found
