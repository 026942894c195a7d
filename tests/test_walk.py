"""A walk judges anew only the parts that may turn, and comes to what judging everything anew comes to."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.history import History
from projections.frame import Frames
from projections.questions import question
from replays.figures import leaves
from replays.walk import Walk, learnt_between
from tests.story import STARTED, history
from tests.test_availability import outage

YEAR = {"first": date(2026, 1, 1), "last": date(2026, 12, 31)}


def walk(lines: list[Any], first: str, last: str, **knowledge: str) -> tuple[Walk, History, History, list[Any]]:
    one, two = (history(*lines, known_at=t, **knowledge) for t in (first, last))
    learnt = learnt_between(one, two)
    return Walk(one, two, learnt, question("breaches"), YEAR, {}), one, two, learnt


def test_an_entry_that_no_part_asked_for_has_none_judged_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    review = ("2026-03-02T09:00:00Z", "service_review_held", {"at": "2026-03-02T09:00:00Z"})
    walked, one, two, _ = walk([STARTED, review], "2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z")
    state = walked.wait(walked.begin(one.now), 0, two.now)
    judged: list[str | None] = []
    plain = Walk._judged
    monkeypatch.setattr(Walk, "_judged", lambda self, part, *seen: (judged.append(part.subject), plain(self, part, *seen))[1])
    walked.learn(state, 1, two.now)
    assert "service" in judged
    assert not {"backups", "availability"} & set(judged)


def test_until_it_says_a_part_holds_time_alone_leaves_it() -> None:
    walked, one, _, _ = walk([STARTED], "2026-03-02T12:00:00+01:00", "2026-03-03T12:00:00+01:00")
    state = walked.begin(one.now)
    assert walked.wait(state, 0, state.until - 1) is state
    assert walked.wait(state, 0, state.until) is not state


@pytest.mark.parametrize("knowledge", ["recorded", "attested"])
def test_by_position_or_by_what_is_not_learnt_yet_the_same_is_known(knowledge: str) -> None:
    lines = [STARTED, *outage("2026-03-03T10:00:00+01:00", "2026-03-03T17:00:00+01:00")]
    walked, _, two, learnt = walk(lines, "2026-03-01T00:00:00Z", "2026-04-02T00:00:00Z", knowledge=knowledge)
    state = walked.begin(two.now)
    for count in range(1, len(learnt) + 1):
        state = walked.learn(state, count, two.now)
        unlearnt = two.unlearning(frozenset(each.position for each in learnt[count:]))
        assert state.figures == leaves(question("breaches").function()(unlearnt, Frames(unlearnt), **YEAR).result)
