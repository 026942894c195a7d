"""Every question there is, asked of the demo ledger: the same bytes in any order, and from a ledger opened anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.demo import DEMO, record_demo
from projections import ask
from projections.asking import Answer
from projections.questions import QUESTIONS, Question

PARAMS: dict[str, Any] = {
    "month": "2026-02",
    "first": "2026-01",
    "last": "2026-03",
    "start": "2025-10-01",
    "at": "2026-03-12T12:00:00+01:00",
    "on": "2026-03-12",
    "until": "2026-12",
    "count": 4,
    "within_days": 30,
}
WEEKS = {"first": "2026-W03", "last": "2026-W09"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = str(tmp_path_factory.mktemp("answers") / "demo.db")
    record_demo(made)
    return made


def asked(book: Any, question: Question) -> Answer:
    kinds = {param.name: param.kind for param in question.params if param.required}
    params = {name: WEEKS[name] if kind == "week" else PARAMS[name] for name, kind in kinds.items()}
    return ask(book, question.name, contract=DEMO["simulated_contract"], known_at=DEMO["known_at"], **params)


def test_every_question_gives_the_same_bytes_in_any_order_and_from_a_ledger_opened_anew(path: str) -> None:
    with open_ledger(path, create=False) as book:
        forth = {q.name: asked(book, q).to_json() for q in QUESTIONS}
        back = {q.name: asked(book, q).to_json() for q in reversed(QUESTIONS)}
    assert forth == back
    with open_ledger(path, create=False) as book:
        assert {q.name: asked(book, q).to_json() for q in QUESTIONS} == forth


def test_an_answer_names_all_it_depends_on(path: str) -> None:
    with open_ledger(path, create=False) as book:
        for question in QUESTIONS:
            answer = asked(book, question)
            assert answer.root == book.root_at(answer.position), question.name
            assert answer.reading["overlap"] == "union"
            assert {2, 3} <= set(answer.because), question.name
            assert list(answer.because) == sorted(set(answer.because))
            assert max(answer.because) <= answer.position


def test_an_answer_at_a_position_does_not_change_when_more_is_recorded(path: str, tmp_path: Path) -> None:
    with open_ledger(path, create=False) as book:
        position = book.position // 2
        before = ask(book, "availability", contract="C-2041", month="2025-11", position=position).to_json()
        outage = {"outage": "late", "environment": "production", "effect": "no_access", "at": "2025-11-20T10:00:00Z"}
        book.record([{"specversion": "1.0", "id": "late", "source": "t", "type": "outage_started",
                      "subject": "contract:C-2041", "data": outage}])  # fmt: skip
        assert ask(book, "availability", contract="C-2041", month="2025-11", position=position).to_json() == before
        assert ask(book, "availability", contract="C-2041", month="2025-11").to_json() != before
