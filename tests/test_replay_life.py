"""A dispute's whole life: facts learnt, corrected and withdrawn while questions are asked, stated and disputed.

Whatever is recorded later, an answer once given is given again to the byte at its instant or its position; a statement
wants restating exactly while its figures are no longer those found; a dispute is where its events have brought it, and
no decision moves a fact. Every answer given is held at the end against a naive replay: the rows known by then, decoded
afresh and folded from the first one.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger import Refused, open_ledger
from ledger.codec import decode_entry
from ledger.history import History
from ledger.spans import seconds
from projections import ask
from projections.asking import answer_from
from projections.questions import question, read
from replays.as_of import compare
from replays.disputes import disputes
from replays.figures import leaves
from replays.statements import figures_of, issue, statements
from replays.verify import verify
from tests.story import CONTRACT, instant

MONTH = "2026-03"
BEGUN = instant("2026-04-01T08:00:00Z")  # March is over: what is learnt from now on is later knowledge
PROOF = ["sha256:" + "a" * 64]
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("availability", {"month": MONTH}),
    ("breaches", {"first": MONTH, "last": "2026-04"}),
    ("weather", {"at": "2026-03-10T10:00:00+01:00"}),
]
READINGS: list[dict[str, str]] = [
    {}, {"overlap": "sum"}, {"emergency": "not_accepted"}, {"concurrent": "excluded_if_any", "partial_effect": "any"},
]  # fmt: skip
THINGS = st.integers(0, 2)
MINUTES = st.integers(1, 120)
GROUNDS = st.sampled_from(["force_majeure", "customer_equipment", "outside_service_scope"])


class Given:
    """An answer as it was given: what was asked, known at which instant and position, and its bytes."""

    def __init__(self, asked: str, params: dict[str, Any], reading: dict[str, str], known_at: datetime, answer: Any) -> None:
        self.asked, self.params, self.reading = asked, params, reading
        self.known_at, self.position, self.root = known_at, answer.position, answer.root
        self.text = answer.to_json()


@settings(max_examples=5, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
class ReplayLife(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="replays-"))
        self.now = BEGUN - timedelta(days=200)
        self.book = open_ledger(str(self.folder / "book.db"), clock=lambda: self.now, recorded_by="test")
        self.book.open()
        self.count = 0
        self.told: list[str] = []  # the ids of what was taken
        self.outages = 0
        self.given: list[Given] = []
        self.figures: dict[str, dict[str, Any]] = {}
        assert self.tell("contract_started", CONTRACT)
        self.told.clear()
        self.now = BEGUN
        for day in (3, 10):
            self.an_outage_is_learnt(day=day, minute=60, length=80, effect="no_access")

    def tell(self, kind: str, data: dict[str, Any], id: str | None = None) -> bool:
        """Record one event; a refusal writes nothing, whatever its reason."""
        self.count += 1
        name = id or f"e{self.count}"
        event = {"specversion": "1.0", "source": "test", "id": name, "type": kind,
                 "subject": "contract:C1", "data": data}  # fmt: skip
        before = self.book.position
        try:
            self.book.record([event])
        except Refused:
            assert self.book.position == before
            return False
        self.told.append(name)
        return True

    # --- facts ---

    @rule(day=st.integers(2, 13), minute=st.integers(0, 300), length=MINUTES,
          effect=st.sampled_from(["no_access", "no_login", "degraded"]))  # fmt: skip
    def an_outage_is_learnt(self, day: int, minute: int, length: int, effect: str) -> None:
        self.outages += 1
        name = f"O{self.outages}"
        start = instant(f"2026-03-{day:02}T09:00:00Z") + timedelta(minutes=minute)
        data = {"outage": name, "environment": "production", "effect": effect, "at": start.isoformat()}
        assert self.tell("outage_started", data)
        assert self.tell("outage_ended", {"outage": name, "at": (start + timedelta(minutes=length)).isoformat()}, f"end-{name}")

    @rule(which=st.integers(0, 9), minute=st.integers(0, 1500))
    def an_end_is_corrected(self, which: int, minute: int) -> None:
        name = f"O{1 + which % self.outages}"
        at = instant("2026-03-03T09:00:00Z") + timedelta(minutes=10 * minute)
        data = {"outage": name, "at": at.isoformat()}
        self.tell("corrected", {"target": f"end-{name}", "data": data, "reason": "the log", "evidence": PROOF})

    @rule(back=st.integers(0, 5))
    def something_is_withdrawn(self, back: int) -> None:
        """A fact, a correction, or a retraction: then what it withdrew stands again."""
        self.tell("retracted", {"target": self.told[-1 - back % len(self.told)], "reason": "not so"})

    @rule(n=THINGS, which=st.integers(0, 9), ground=GROUNDS, day=st.integers(2, 13))
    def an_exclusion_is_claimed(self, n: int, which: int, ground: str, day: int) -> None:
        start = instant(f"2026-03-{day:02}T08:00:00Z")
        data = {"exclusion": f"X{n}", "ground": ground, "outage": f"O{1 + which % self.outages}", "from": start.isoformat(),
                "to": (start + timedelta(hours=10)).isoformat(), "statement": "not ours", "evidence": PROOF}  # fmt: skip
        self.tell("exclusion_claimed", data)

    @rule(n=THINGS, said=st.sampled_from([("contested", "customer"), ("accepted", "customer"), ("rejected", "expert")]))
    def it_is_answered(self, n: int, said: tuple[str, str]) -> None:
        self.tell(f"exclusion_{said[0]}", {"exclusion": f"X{n}", "by": said[1], "reason": "see the log"})

    @rule(hours=st.sampled_from([0, 1, 30, 24 * 20]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    # --- questions, statements, disputes ---

    @rule(asked=st.sampled_from(QUESTIONS), reading=st.sampled_from(READINGS))
    def a_question_is_asked(self, asked: tuple[str, dict[str, Any]], reading: dict[str, str]) -> None:
        name, params = asked
        answer = ask(self.book, name, contract="C1", known_at=self.now, reading=reading, **params)
        self.given.append(Given(name, params, reading, self.now, answer))
        self.now += timedelta(seconds=1)  # what is learnt later is learnt at another instant

    @precondition(lambda self: self.given)
    @rule(which=st.integers(0, 99))
    def it_is_asked_again(self, which: int) -> None:
        one = self.given[which % len(self.given)]
        for position in (None, one.position):
            again = ask(self.book, one.asked, contract="C1", known_at=one.known_at, position=position,
                        reading=one.reading, **one.params)  # fmt: skip
            assert again.to_json() == one.text

    @precondition(lambda self: self.given)
    @rule(which=st.integers(0, 99))
    def it_is_compared_with_now(self, which: int) -> None:
        one = self.given[which % len(self.given)]
        histories = [self.book.history("C1", known_at=moment) for moment in (one.known_at, self.now)]
        asked = question(one.asked)
        found = compare(histories[0], histories[1], asked, read(asked, one.params), one.reading)
        assert found.accounted
        figures = leaves(found.first.result)
        for step in found.steps:
            for path, (before, after) in step.changes.items():
                assert figures.get(path) == before
                figures[path] = after
        assert {p: v for p, v in figures.items() if v is not None} == {
            p: v for p, v in leaves(found.second.result).items() if v is not None
        }

    @rule(replaces=st.booleans())
    def the_month_is_stated(self, replaces: bool) -> None:
        name = f"S-{len(self.figures) + 1}"
        former = next(reversed(self.figures), None) if replaces else None
        _, answer = issue(self.book, "C1", MONTH, statement=name, known_at=self.now, replaces=former)
        self.figures[name] = figures_of(answer)
        self.now += timedelta(seconds=1)

    @rule(n=THINGS, what=st.sampled_from(["opened", "evidence_filed", "decided", "closed"]))
    def a_dispute_goes_on(self, n: int, what: str) -> None:
        data: dict[str, Any] = {"dispute": f"D-{n}"}
        if what == "opened":
            data |= {"question": "availability", "params": {"month": MONTH}, "by": "customer", "reason": "our probes"}
        elif what == "evidence_filed":
            data |= {"by": "customer", "reason": "probe log", "evidence": PROOF}
        elif what == "decided":
            data |= {"decision": "each outage counts whole", "by": "expert", "reading": {"overlap": "sum"}}
        else:
            data |= {"reason": "settled"}
        facts = [(f.position, f.event) for f in self.book.history("C1").facts if "ispute" not in type(f.event).__name__]
        before = ask(self.book, "availability", contract="C1", known_at=self.now, month=MONTH).result
        self.tell(f"dispute_{what}", data)
        after = [(f.position, f.event) for f in self.book.history("C1").facts if "ispute" not in type(f.event).__name__]
        assert after == facts, "a dispute alters no fact"
        assert ask(self.book, "availability", contract="C1", known_at=self.now, month=MONTH).result == before

    # --- what holds all along ---

    @invariant()
    def a_statement_wants_restating_while_its_figures_are_not_those_found(self) -> None:
        if not getattr(self, "figures", None):
            return
        known = self.book.history("C1", known_at=self.now)
        now = figures_of(ask(self.book, "availability", contract="C1", known_at=self.now, month=MONTH))
        for one in statements(known):
            assert one.figures == self.figures[one.statement]
            assert one.restatement_needed == (self.figures[one.statement] != now and one.replaced_by is None)

    @invariant()
    def a_dispute_is_where_its_standing_events_have_brought_it(self) -> None:
        if not hasattr(self, "book"):
            return
        known = self.book.history("C1")
        kinds: dict[str, set[str]] = {}
        for fact in known.facts:
            if type(fact.event).__name__.startswith("Dispute"):
                kinds.setdefault(fact.event.dispute, set()).add(type(fact.event).__name__)
        for one in disputes(known):
            said = kinds[one.dispute]
            reached = "closed" if "DisputeClosed" in said else "decided" if "DisputeDecided" in said else "open"
            assert one.state == reached
            assert (one.decision is None) == ("DisputeDecided" not in said)

    def teardown(self) -> None:
        if not hasattr(self, "book"):
            return
        rows = [(row.position, row.state) for row in self.book.store.read(1, 10_000)]
        for one in self.given:
            assert self._naive(one, rows) == one.text
        path = str(self.folder / "book.db")
        self.book.close()
        assert verify(path).holds
        shutil.rmtree(self.folder)

    def _naive(self, one: Given, rows: list[tuple[int, bytes]]) -> str:
        streams: dict[str, Any] = {}
        last = 0
        for position, entry in ((p, decode_entry(state)) for p, state in rows):
            if entry.recorded_at <= one.known_at:
                streams.setdefault(entry.stream, []).append((position, entry))
                last = position
        known = History("C1", streams, known_at=one.known_at, position=last, now=seconds(one.known_at))
        asked = question(one.asked)
        return answer_from(known, asked, read(asked, one.params), one.reading, root=one.root).to_json()


TestReplayLife = ReplayLife.TestCase


@pytest.mark.soak
def test_many_lives_of_disputes() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(ReplayLife, settings=settings(max_examples=15, stateful_step_count=40, deadline=None))
