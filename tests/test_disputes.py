"""A dispute's life: opened over a question, fed, replayed, decided, closed, and no fact the other for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused
from ledger.checks import PARTIES
from ledger.events import wire_name
from projections import ask
from projections.frame import Frames
from projections.questions import QUESTIONS, question
from replays.disputes import dispute, disputes, holds, replayed
from tests.story import CONTRACT, STARTED, history
from tests.test_availability import outage

Tell = Callable[..., Any]
PROOF = ["sha256:" + "a" * 64]
LOST = [STARTED, *outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:40:00+01:00")]
OPENED = ("2026-04-03T08:00:00Z", "dispute_opened",
          {"dispute": "D-1", "question": "availability", "params": {"month": "2026-03"}, "by": "customer",
           "reason": "our probes say otherwise"})  # fmt: skip
FILED = ("2026-04-05T08:00:00Z", "dispute_evidence_filed",
         {"dispute": "D-1", "by": "customer", "reason": "probe log", "evidence": PROOF})  # fmt: skip
DECIDED = ("2026-05-05T08:00:00Z", "dispute_decided",
           {"dispute": "D-1", "decision": "each outage counts whole", "by": "expert", "reading": {"overlap": "sum"}})  # fmt: skip
CLOSED = ("2026-05-06T08:00:00Z", "dispute_closed", {"dispute": "D-1", "reason": "settled"})


def test_a_dispute_goes_from_open_to_decided_to_closed() -> None:
    states = []
    for upto in range(1, 5):
        told = history(*LOST, *(OPENED, FILED, DECIDED, CLOSED)[:upto])
        states.append(dispute(told, "D-1").state)
    assert states == ["open", "open", "decided", "closed"]


def test_it_tells_what_is_asked_by_whom_and_every_step_with_its_evidence() -> None:
    found = dispute(history(*LOST, OPENED, FILED, DECIDED), "D-1")
    assert (found.question, found.params, found.opened_by) == ("availability", {"month": "2026-03"}, "customer")
    assert [line["what"] for line in found.timeline] == ["dispute_opened", "dispute_evidence_filed", "dispute_decided"]
    assert found.timeline[1]["evidence"] == PROOF
    assert (found.decision, found.decided_reading) == ("each outage counts whole", {"overlap": "sum"})
    assert found.because == tuple(line["position"] for line in found.timeline)


def test_evidence_filed_after_the_decision_does_not_reopen_it() -> None:
    late = ("2026-05-06T08:00:00Z", *FILED[1:])
    assert dispute(history(*LOST, OPENED, DECIDED, late), "D-1").state == "decided"


def test_a_decision_withdrawn_is_no_decision() -> None:
    told = history(*LOST, OPENED, (*DECIDED, {"id": "decision"}),
                   ("2026-05-07T08:00:00Z", "retracted", {"target": "decision", "reason": "entered twice"}))  # fmt: skip
    found = dispute(told, "D-1")
    assert (found.state, found.decision, found.decided_reading) == ("open", None, {})


def test_as_known_before_it_was_opened_there_is_no_dispute() -> None:
    told = [*LOST, OPENED]
    assert disputes(history(*told, known_at="2026-04-03T07:59:59Z")) == []
    assert len(disputes(history(*told, known_at="2026-04-03T08:00:00Z"))) == 1


def test_an_unknown_dispute_is_one_line_that_names_those_there_are() -> None:
    with pytest.raises(Refused, match="D-1") as refused:
        dispute(history(*LOST, OPENED), "D-9")
    assert refused.value.code == "unknown_dispute"
    assert "\n" not in str(refused.value)
    with pytest.raises(Refused, match="known: none"):
        dispute(history(*LOST), "D-1")


# --- a decision is an opinion ---


def test_a_decision_alters_no_answer_to_any_question() -> None:
    """Every question that needs no parameter of its own, and the month in dispute, before and after the decision."""
    before, after = history(*LOST, OPENED, known_at="2026-06-01T00:00:00Z"), history(
        *LOST, OPENED, FILED, DECIDED, CLOSED, known_at="2026-06-01T00:00:00Z")  # fmt: skip
    asked = [(q, {}) for q in QUESTIONS if not any(p.required for p in q.params)]
    asked += [(question("availability"), {"month": "2026-03"})]
    assert len(asked) > 5
    for q, values in asked:
        one, two = (q.function()(h, Frames(h, {}), **values) for h in (before, after))
        assert one == two, q.name
    facts = [fact for fact in after.facts if not type(fact.event).__name__.startswith("Dispute")]
    assert facts == [fact for fact in before.facts if not type(fact.event).__name__.startswith("Dispute")]


def test_the_question_is_replayed_by_what_is_known_and_under_the_switches_given() -> None:
    double = outage("2026-03-03T10:00:00+01:00", "2026-03-03T10:40:00+01:00", "O2")
    short = outage("2026-03-03T10:00:00+01:00", "2026-03-03T10:50:00+01:00")
    told = history(STARTED, *short, *double, OPENED, DECIDED)
    found = dispute(told, "D-1")
    assert replayed(told, found, {}).result["breach"] is False
    assert replayed(told, found, found.decided_reading).result["breach"] is True


# --- legal holds ---


def held(*lines: Any) -> list[dict[str, Any]]:
    placed = ("2026-04-04T08:00:00Z", "legal_hold_placed",
              {"hold": "H-1", "dispute": "D-1", "at": "2026-04-04T08:00:00Z", "reason": "keep the backups of March"})  # fmt: skip
    return holds(history(*LOST, *backup("B1"), *backup("B2"), *backup("B3"), OPENED, placed, *lines))


def backup(name: str) -> list[Any]:
    data = {"backup": name, "scope": "client_data", "tiers": ["daily"], "started_at": "2026-03-03T21:00:00+01:00",
            "completed_at": "2026-03-03T22:00:00+01:00", "locations": ["A", "B"]}  # fmt: skip
    return [("2026-03-04T05:00:00Z", "backup_completed", data)]


def deleted(name: str, at: str) -> Any:
    return ("2026-04-20T08:00:00Z", "backup_deleted", {"backup": name, "at": at})


def test_a_hold_keeps_in_view_what_was_deleted_while_it_stood_to_the_second() -> None:
    (hold,) = held(deleted("B1", "2026-04-04T07:59:59Z"), deleted("B2", "2026-04-04T08:00:00Z"),
                   deleted("B3", "2026-04-04T08:00:01Z"))  # fmt: skip
    assert [row["what"] for row in hold["deleted_meanwhile"]] == ["B2", "B3"]
    assert hold["lifted_at"] is None


def test_a_hold_lifted_keeps_what_went_before_and_not_what_went_at_its_end() -> None:
    lifted = ("2026-04-10T08:00:00Z", "legal_hold_lifted", {"hold": "H-1", "at": "2026-04-10T08:00:00Z"})
    (hold,) = held(lifted, deleted("B1", "2026-04-10T07:59:59Z"), deleted("B2", "2026-04-10T08:00:00Z"))
    assert [row["what"] for row in hold["deleted_meanwhile"]] == ["B1"]
    assert hold["lifted_at"] == "2026-04-10T08:00:00Z"


def test_a_hold_is_shown_with_its_dispute() -> None:
    placed = ("2026-04-04T08:00:00Z", "legal_hold_placed",
              {"hold": "H-1", "dispute": "D-1", "at": "2026-04-04T08:00:00Z", "reason": "keep"})  # fmt: skip
    other = ("2026-04-04T08:00:00Z", "legal_hold_placed", {"hold": "H-2", "at": "2026-04-04T08:00:00Z", "reason": "audit"})
    found = dispute(history(*LOST, OPENED, placed, other), "D-1")
    assert [hold["hold"] for hold in found.holds] == ["H-1"]


# --- who may record what ---

SAYINGS: dict[str, tuple[str, dict[str, Any], str]] = {  # type -> data without `by`, and what must stand first
    "exclusion_contested": ("X", {"exclusion": "X-1", "reason": "no"}, "exclusion"),
    "exclusion_accepted": ("X", {"exclusion": "X-1", "reason": "yes"}, "exclusion"),
    "exclusion_upheld": ("X", {"exclusion": "X-1", "reason": "yes"}, "exclusion"),
    "exclusion_rejected": ("X", {"exclusion": "X-1", "reason": "no"}, "exclusion"),
    "outage_claim_accepted": ("K", {"claim": "K-1", "reason": "yes"}, "claim"),
    "outage_claim_rejected": ("K", {"claim": "K-1", "reason": "no"}, "claim"),
    "dispute_decided": ("D", {"dispute": "D-1", "decision": "so"}, "dispute"),
}  # fmt: skip
WRONG = [(wire_name(kind.__name__), party) for kind, allowed in PARTIES
         for party in ("provider", "customer", "both", "expert") if party not in allowed]  # fmt: skip
RIGHT = [(wire_name(kind.__name__), party) for kind, allowed in PARTIES for party in allowed]


def prepare(tell: Tell) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    span = {"from": "2026-03-03T10:00:00+01:00", "to": "2026-03-03T11:00:00+01:00"}
    tell("2026-03-04T08:00:00Z", "outage_claimed", {"claim": "K-1", **span, "reason": "down"})
    tell("2026-03-04T08:00:00Z", "exclusion_claimed",
         {"exclusion": "X-1", "ground": "force_majeure", **span, "statement": "flood", "evidence": PROOF})  # fmt: skip
    tell(OPENED[0], OPENED[1], OPENED[2])
    assert set(SAYINGS) == {wire_name(kind.__name__) for kind, _ in PARTIES}


@pytest.mark.parametrize(("kind", "party"), WRONG)
def test_what_a_party_may_not_say_is_refused(tell: Tell, kind: str, party: str) -> None:
    prepare(tell)
    with pytest.raises(Refused) as refused:
        tell("2026-04-10T08:00:00Z", kind, {**SAYINGS[kind][1], "by": party})
    assert refused.value.code == "wrong_party"


@pytest.mark.parametrize(("kind", "party"), RIGHT)
def test_what_a_party_may_say_is_recorded(tell: Tell, kind: str, party: str) -> None:
    prepare(tell)
    if kind in ("exclusion_upheld", "exclusion_rejected"):
        contest = {"exclusion": "X-1", "reason": "no", "by": "customer"}
        tell("2026-04-09T08:00:00Z", "exclusion_contested", contest)
    assert tell("2026-04-10T08:00:00Z", kind, {**SAYINGS[kind][1], "by": party}).outcome == "recorded"


def test_a_dispute_nobody_opened_takes_no_evidence_and_no_decision(book: Any, tell: Tell) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    for kind, data in ((FILED[1], FILED[2]), (DECIDED[1], DECIDED[2])):
        with pytest.raises(Refused):
            tell("2026-04-10T08:00:00Z", kind, data)


def test_an_accepted_claim_and_a_rejected_exclusion_move_the_verdict_by_facts_not_by_the_dispute(
    book: Any, tell: Tell
) -> None:
    prepare(tell)
    tell("2026-04-10T08:00:00Z", "outage_claim_accepted", {"claim": "K-1", "by": "provider"})

    def lost() -> int:
        found = ask(book, "availability", contract="C1", month="2026-03", known_at="2026-05-01T00:00:00Z")
        seconds: int = found.result["ti_seconds"]
        return seconds

    assert lost() == 0  # force majeure stands
    tell("2026-04-11T08:00:00Z", "exclusion_contested", {"exclusion": "X-1", "reason": "no flood", "by": "customer"})
    tell("2026-04-12T08:00:00Z", "dispute_decided", {"dispute": "D-1", "decision": "no flood", "by": "expert"})
    assert lost() == 0  # decided, but what happened is not rewritten by it
    tell("2026-04-13T08:00:00Z", "exclusion_rejected", {"exclusion": "X-1", "reason": "no flood", "by": "expert"})
    assert lost() == 3600


def test_a_dispute_shows_the_verdict_as_each_party_sees_it_and_as_decided(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from ledger import open_ledger
    from ledger.demo import record_demo
    from ledger.events import DisputeDecided, DisputeOpened
    from replays import disputes

    record_demo(str(tmp_path / "demo.db"))
    with open_ledger(str(tmp_path / "demo.db"), create=False) as book:
        opened = DisputeOpened(dispute="D-5", question="availability", params={"month": "2026-05"}, reason="contested", by="customer")
        book.record([opened, DisputeDecided(dispute="D-5", decision="as claimed", by="expert")], subject="contract:C-2041")
        contested = book.history("C-2041", known_at=datetime(2026, 6, 5, tzinfo=UTC))
        now = book.history("C-2041")
        found = disputes.dispute(now, "D-5")
        then = {view.seen_by: view for view in disputes.views(contested, found)}
        assert (then["provider"].verdict, then["customer"].verdict) == ("kept", "broken")
        assert {view.seen_by: view.verdict for view in disputes.views(now, found)} == {
            "provider": "broken", "customer": "broken", "decided": "broken",
        }  # fmt: skip


def test_a_row_of_the_register_that_only_contested_facts_break_is_broken_as_the_customer_sees_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from projections import breaches
    from replays.disputes import views

    monkeypatch.setattr(breaches, "SUBJECTS", ("availability",))
    flood = {"exclusion": "X-1", "ground": "force_majeure", "from": "2026-03-03T09:00:00+01:00",
             "to": "2026-03-03T13:00:00+01:00", "statement": "a flood", "evidence": PROOF}  # fmt: skip
    contest = {"exclusion": "X-1", "reason": "no flood", "by": "customer"}
    asked = {**OPENED[2], "question": "breaches", "params": {"first": "2026-03", "last": "2026-03"}}
    lines = [*LOST, ("2026-03-05T08:00:00Z", "exclusion_claimed", flood), (*OPENED[:2], asked)]
    for contested, customer, takes in ((False, "kept", "nothing contested"), (True, "broken", "contested exclusions fall")):
        told = history(*lines, *[("2026-04-04T08:00:00Z", "exclusion_contested", contest)] * contested)
        provider, seen = views(told, dispute(told, "D-1"))
        assert (provider.verdict, seen.verdict) == ("kept", customer)
        assert seen.takes.startswith(takes)


def test_what_comes_after_the_close_is_told_that_it_is_closed(tell: Any) -> None:
    for recorded_at, kind, data in (("2025-09-01T08:00:00Z", "contract_started", CONTRACT), OPENED, FILED, DECIDED, CLOSED):
        tell(recorded_at, kind, data)
    for _, kind, data in (FILED, DECIDED):
        with pytest.raises(Refused, match=r"out_of_order: .* is closed"):
            tell("2026-06-30T00:00:00Z", kind, data)
    with pytest.raises(Refused, match="twice"):
        tell("2026-06-30T00:00:00Z", CLOSED[1], CLOSED[2])
