"""Monthly statements: recorded when their figures replay, never edited, restated when more is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger.events import AvailabilityStatementIssued
from ledger.terms import load_booklet
from replays import statements
from replays.statements import Standing, figures_of, issue
from tests.story import CONTRACT, frame_entries, history, instant

Tell = Callable[..., Any]
ISSUED_AT = "2026-04-02T08:00:00Z"


@pytest.fixture
def told(book: Any, tell: Tell, clock: Any) -> Any:
    """A contract and an hour's outage on 3 March 2026; the clock stands where statements are issued."""
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    tell("2026-03-03T09:04:00Z", "outage_started",
         {"outage": "O1", "environment": "production", "effect": "no_access", "at": "2026-03-03T10:00:00+01:00"})  # fmt: skip
    tell("2026-03-03T10:03:00Z", "outage_ended", {"outage": "O1", "at": "2026-03-03T11:00:00+01:00"}, id="end")
    clock.set(ISSUED_AT)
    return book


def issued(book: Any, name: str = "S-1", **more: Any) -> Any:
    return issue(book, "C1", "2026-03", statement=name, known_at=book.clock(), **more)


def standing(book: Any, known_at: str | None = None) -> list[Standing]:
    return statements.statements(book.history("C1", known_at=None if known_at is None else instant(known_at)))


def longer(tell: Tell, at: str = "2026-04-10T08:00:00Z", **more: Any) -> None:
    data = {"outage": "O1", "at": "2026-03-03T12:00:00+01:00"}
    tell(at, "corrected", {"target": "end", "data": data, "reason": "the log says noon"}, id="longer", **more)


def said(**changes: Any) -> AvailabilityStatementIssued:
    fields = {"statement": "S-1", "month": "2026-03", "known_at": instant(ISSUED_AT), "position": 6, "reading": {},
              "figures": {"ti_seconds": 3600, "breach": False}}  # fmt: skip
    return AvailabilityStatementIssued(**{**fields, **changes})  # type: ignore[arg-type]


def recorded(book: Any, event: Any) -> Any:
    statements.watch(book)
    return book.record([event], subject="contract:C1")[0]


# --- issuing ---


def test_a_statement_says_what_was_known_where_and_under_which_reading(told: Any) -> None:
    receipt, answer = issued(told, reading={"overlap": "sum"})
    (one,) = standing(told)
    assert receipt.outcome == "recorded"
    assert one.figures == figures_of(answer) == one.figures_now
    assert (one.position, one.reading, one.restatement_needed) == (answer.position, {"overlap": "sum"}, False)
    assert one.figures["ti_seconds"] == 3600
    assert one.because == (receipt.position,)


def test_figures_that_do_not_replay_are_refused_and_nothing_is_written(told: Any) -> None:
    before = told.position
    with pytest.raises(Refused, match="ti_seconds 3600, not 3599") as refused:
        recorded(told, said(figures={"ti_seconds": 3599}))
    assert refused.value.code == "figures_do_not_replay"
    assert told.position == before
    assert recorded(told, said()).outcome == "recorded"


@pytest.mark.parametrize("figures", [{}, {"ti_seconds": 3600, "no_such": 1}, {"ti_seconds": "3600"}, {"breach": True}])
def test_no_figures_unknown_figures_and_figures_of_another_kind_do_not_replay(told: Any, figures: Any) -> None:
    with pytest.raises(Refused) as refused:
        recorded(told, said(figures=figures))
    assert refused.value.code == "figures_do_not_replay"


def test_a_root_the_tree_did_not_have_is_refused(told: Any) -> None:
    with pytest.raises(Refused, match="root") as refused:
        recorded(told, said(root="A" * 43 + "="))
    assert refused.value.code == "figures_do_not_replay"
    position = told.history("C1", known_at=instant(ISSUED_AT)).position
    assert recorded(told, said(root=told.root_at(position))).outcome == "recorded"


def test_a_statement_not_brought_through_the_door_that_replays_it_is_refused(told: Any) -> None:
    with pytest.raises(Refused, match="statement issue") as refused:
        told.record([said()], subject="contract:C1")
    assert refused.value.code == "figures_do_not_replay"


def test_a_position_the_ledger_does_not_have_is_refused(told: Any) -> None:
    with pytest.raises(Refused) as refused:
        recorded(told, said(position=999))
    assert refused.value.code == "bad_position"


def test_figures_are_those_known_at_the_instant_stated_not_later_ones(told: Any, tell: Tell, clock: Any) -> None:
    """Known at the second of the correction it is a breach; a second before it is not."""
    longer(tell)
    clock.set("2026-04-11T08:00:00Z")
    _, before = issue(told, "C1", "2026-03", statement="S-1", known_at=instant("2026-04-10T07:59:59Z"))
    _, at = issue(told, "C1", "2026-03", statement="S-2", known_at=instant("2026-04-10T08:00:00Z"))
    assert (before.result["ti_seconds"], at.result["ti_seconds"]) == (3600, 7200)


def test_of_a_month_that_has_not_begun_nothing_can_be_stated(told: Any) -> None:
    with pytest.raises(Refused, match="bad_parameter: 2030-01 has not begun"):
        issue(told, "C1", "2030-01", statement="S", known_at=told.clock())
    begun = instant("2026-04-01T00:00:00+02:00")
    with pytest.raises(Refused, match="bad_parameter"):
        issue(told, "C1", "2026-04", statement="S", known_at=begun)


def test_an_unknown_contract_and_an_unknown_statement_to_replace_are_refused(told: Any) -> None:
    with pytest.raises(Refused) as refused:
        issue(told, "C9", "2026-03", statement="S", known_at=told.clock())
    assert refused.value.code == "unknown_contract"
    with pytest.raises(Refused) as refused:
        issued(told, replaces="S-0")
    assert refused.value.code == "unknown_statement"


def test_the_same_statement_twice_is_refused(told: Any) -> None:
    issued(told)
    with pytest.raises(Refused):
        issued(told)
    assert len(standing(told)) == 1


# --- restating ---


def test_later_knowledge_asks_for_a_restatement_until_one_replaces_it(told: Any, tell: Tell, clock: Any) -> None:
    issued(told)
    assert not standing(told)[0].restatement_needed
    longer(tell)
    (one,) = standing(told)
    assert one.restatement_needed
    assert (one.figures["ti_seconds"], one.figures_now["ti_seconds"]) == (3600, 7200)
    clock.set("2026-04-12T08:00:00Z")
    issued(told, "S-2", replaces="S-1")
    first, second = standing(told)
    assert (first.restatement_needed, first.replaced_by) == (False, "S-2")
    assert first.figures["ti_seconds"] == 3600  # never edited
    assert (second.restatement_needed, second.figures["ti_seconds"]) == (False, 7200)


def test_a_restatement_is_itself_restated_when_more_is_learnt(told: Any, tell: Tell, clock: Any) -> None:
    issued(told)
    longer(tell)
    clock.set("2026-04-12T08:00:00Z")
    issued(told, "S-2", replaces="S-1")
    tell("2026-04-13T08:00:00Z", "retracted", {"target": "longer", "reason": "another server's log"})
    assert [(s.statement, s.restatement_needed) for s in standing(told)] == [("S-1", False), ("S-2", True)]


def test_as_known_before_the_correction_nothing_needed_restating(told: Any, tell: Tell) -> None:
    issued(told)
    longer(tell)
    assert not standing(told, "2026-04-10T07:59:59Z")[0].restatement_needed
    assert standing(told, "2026-04-10T08:00:00Z")[0].restatement_needed


def test_a_statement_under_a_reading_is_compared_under_that_reading(told: Any, tell: Tell) -> None:
    """Some users' outage counts under `any` only: the statement under the default does not move."""
    issued(told, "S-default")
    issued(told, "S-any", reading={"partial_effect": "any"})
    data = {"outage": "O2", "environment": "production", "effect": "partial_users", "users_affected": 3,
            "users_total": 400, "at": "2026-03-05T10:00:00+01:00"}  # fmt: skip
    tell("2026-04-10T08:00:00Z", "outage_started", data)
    tell("2026-04-10T08:00:00Z", "outage_ended", {"outage": "O2", "at": "2026-03-05T11:00:00+01:00"})
    assert {s.statement: s.restatement_needed for s in standing(told)} == {"S-default": False, "S-any": True}


def test_a_statement_by_the_sources_clock_is_compared_by_it(told: Any, tell: Tell, clock: Any) -> None:
    """As known on 20 March: the end was corrected in April, which its source attests it knew in March already."""
    longer(tell, attestedat="2026-03-04T08:00:00Z")
    clock.set("2026-04-12T08:00:00Z")
    for name, knowledge in (("S-own", "recorded"), ("S-source", "attested")):
        issue(told, "C1", "2026-03", statement=name, known_at=instant("2026-03-20T00:00:00Z"),
              reading={"knowledge": knowledge})  # fmt: skip
    own, source = standing(told, "2026-03-20T00:00:00Z") or standing(told)
    assert (own.figures["ti_seconds"], source.figures["ti_seconds"]) == (3600, 7200)
    assert (own.figures_now["ti_seconds"], source.figures_now["ti_seconds"]) == (7200, 7200)


# --- contesting, and deadlines ---


def test_a_contest_stands_beside_the_statement_and_changes_no_figure(told: Any, tell: Tell) -> None:
    issued(told)
    tell("2026-04-05T08:00:00Z", "statement_contested", {"statement": "S-1", "reason": "ours say two hours", "by": "customer"})
    (one,) = standing(told)
    assert one.contested_by == ("customer: ours say two hours",)
    assert not one.restatement_needed
    assert len(one.because) == 2


def test_the_shipped_booklet_sets_no_delay_so_there_is_no_deadline(told: Any, tell: Tell) -> None:
    issued(told)
    tell("2026-04-05T08:00:00Z", "statement_contested", {"statement": "S-1", "reason": "no", "by": "customer"})
    (one,) = standing(told)
    assert (one.contest_until, one.answer_until) == (None, None)


def test_a_booklet_that_sets_delays_gives_both_deadlines_at_the_end_of_their_last_day(tmp_path: Path, clock: Any) -> None:
    source = Path(load_booklet.__code__.co_filename).parent / "booklets" / "cegid-expert.toml"
    booklet = tmp_path / "delays.toml"
    text = source.read_text(encoding="utf-8") + "\n[statements]\narticle = \"6\"\ncontest_days = 15\nanswer_days = 10\n"
    booklet.write_text(text, encoding="utf-8")
    with open_ledger(str(tmp_path / "d.db"), clock=clock, booklets=(str(booklet),)) as book:
        clock.set("2025-09-01T08:00:00Z")
        started = {"specversion": "1.0", "id": "c", "source": "t", "type": "contract_started", "subject": "contract:C1"}
        book.record([{**started, "data": CONTRACT}])
        clock.set(ISSUED_AT)
        issued(book)
        clock.set("2026-04-05T08:00:00Z")
        contest = {"specversion": "1.0", "id": "k", "source": "t", "type": "statement_contested", "subject": "contract:C1"}
        book.record([{**contest, "data": {"statement": "S-1", "reason": "no", "by": "customer"}}])
        (one,) = standing(book)
    # 15 days after 2 April end with the 17th, 10 after the 5th with the 15th: 24:00 in Paris is 22:00Z in summer
    assert (one.contest_until, one.answer_until) == ("2026-04-17T22:00:00Z", "2026-04-15T22:00:00Z")


def test_without_statements_there_is_nothing_to_list() -> None:
    assert frame_entries()
    assert statements.statements(history(("2025-09-01T08:00:00Z", "contract_started", CONTRACT))) == []
