"""What a result comes to: kept, broken, or nothing to judge."""

from __future__ import annotations

from typing import Any

import pytest

from projections.questions import QUESTIONS
from replays.verdicts import TELLING, verdict


def states(*said: str) -> dict[str, Any]:
    return {f"A{n}": {"state": state} for n, state in enumerate(said)}


@pytest.mark.parametrize(
    ("question", "result", "said"),
    [
        ("availability", {"breach": True}, "broken"),
        ("availability", {"breach": False}, "kept"),
        ("availability", {"breach": None}, "not_judged"),
        ("backup_nights", {"fulfilled": ["2026-02-01"], "missed": ["2026-02-02"], "pending": []}, "broken"),
        ("breaches", [{"contested": None}], "broken"),
        ("breaches", [{"contested": "the customer's word against the provider's"}], "kept"),
        ("obligations", states("kept", "broken", "nothing_to_judge"), "broken"),
        ("obligations", states("kept", "pending"), "kept"),
        ("obligations", states("pending", "nothing_to_judge", "contested"), "not_judged"),
        ("service_reviews", {"held": [], "waived": ["2026-02"], "missing": [], "pending": []}, "kept"),
        ("service_reviews", {"held": [], "waived": [], "missing": ["2026-05"], "pending": []}, "broken"),
        ("weather", {"maintenance_running": ["M"], "maintenance_planned": [], "outages_open": ["O"]}, "not_judged"),
        ("due", [{"what": "backup_of_the_night"}], "not_judged"),
        ("restorable", {"guaranteed": ["B"], "at_best": ["B", "C"]}, "not_judged"),
        ("requests_dashboard", {"2026-02": {"met": 3, "missed": 1}}, "not_judged"),
    ],
)
def test_a_result_says_what_became_of_the_promise(question: str, result: Any, said: str) -> None:
    assert verdict(question, result) == said


def test_what_only_tells_is_a_question_there_is() -> None:
    assert {asked.name for asked in QUESTIONS} >= TELLING
