"""A ledger lives: writers, corrections, clocks and refusals in any order, held against a list that replays it all.

The list knows nothing of caches, groups or what another writer wrote: for each event it folds everything
from the start, and says what must become of it. Two writers on one file, and one opened only to look, must agree.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from ledger import Refused, open_ledger
from ledger.checks import SKEW, check
from ledger.cloudevents import Draft, from_cloudevent
from ledger.codec import Entry, encode_entry, payload_of, topic_of
from ledger.corrections import Known, check_identity, replacement, standing, withdrawn
from ledger.events import ContractStarted, Corrected, Retracted
from ledger.order import Thing, ThingKey, take
from ledger.references import check_references
from tests.story import CONTRACT

BASE = datetime(2026, 6, 10, 12, tzinfo=UTC)
THINGS = st.integers(1, 2)
MINUTES = st.integers(0, 5)


def moment(minute: int) -> str:
    return (BASE + timedelta(minutes=minute - 60)).isoformat()


def said(kind: str, n: int, a: int, b: int) -> tuple[str, dict[str, Any]]:
    """An event about the n-th thing of its kind, at minutes drawn: often impossible, sometimes not."""
    slot = {"maintenance": f"M{n}", "published_at": moment(a), "planned_start": moment(a + b), "planned_end": moment(a + b + 3)}
    kept = {"backup": f"B{n}", "scope": "client_data", "tiers": ["daily"], "started_at": moment(a)}
    data: dict[str, dict[str, Any]] = {
        "outage_started": {"outage": f"O{n}", "environment": "production", "effect": ("no_access", "no_login")[b % 2], "at": moment(a)},
        "outage_ended": {"outage": f"O{n}", "at": moment(a)},
        "maintenance_announced": slot,
        "maintenance_cancelled": {"maintenance": f"M{n}", "published_at": moment(a)},
        "maintenance_started": {"maintenance": f"M{n}", "kind": ("planned", "emergency")[b % 2], "at": moment(a)},
        "blocking_started": {"maintenance": f"M{n}", "at": moment(a)},
        "blocking_ended": {"maintenance": f"M{n}", "at": moment(a)},
        "maintenance_ended": {"maintenance": f"M{n}", "at": moment(a)},
        "backup_completed": {**kept, "completed_at": moment(b), "locations": ["A", "B"][: b % 3]},
        "backup_failed": {**kept, "failed_at": moment(b)},
        "backup_deleted": {"backup": f"B{n}", "at": moment(a), **({"location": "AB"[b % 2]} if b % 3 else {})},
        "restore_requested": {"restore": f"R{n}", "scope": "client_data", "requested_at": moment(a), "backup": f"B{1 + b % 2}"},
        "restore_completed": {"restore": f"R{n}", "at": moment(a)},
        "contract_suspended": {"effective_from": moment(a)},
        "contract_resumed": {"effective_from": moment(a)},
        "service_assigned": {"service": f"S{n}", "effective_from": moment(a)},
        "service_unassigned": {"service": f"S{n}", "effective_from": moment(a)},
        "service_review_held": {"at": moment(a)},
    }  # fmt: skip
    return kind, data[kind]


KINDS = (
    "outage_started outage_ended maintenance_announced maintenance_cancelled maintenance_started blocking_started blocking_ended "
    "maintenance_ended backup_completed backup_failed backup_deleted restore_requested restore_completed contract_suspended "
    "contract_resumed service_assigned service_unassigned service_review_held"
).split()
SAID = st.tuples(st.sampled_from(KINDS), THINGS, MINUTES, MINUTES)
ACT = st.tuples(st.sampled_from(["corrected", "retracted"]), st.integers(0, 99), MINUTES, MINUTES)
WRITER = st.booleans()


class Replay:
    """The naive ledger: a list of what was recorded, folded from its first entry for every question."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.first = 4  # three entries open the ledger

    def known(self) -> list[Known]:
        return [(self.first + n, entry, entry.recorded_at) for n, entry in enumerate(self.entries)]

    def outcome(self, draft: Draft, now: datetime) -> str:
        """What must become of an event: `recorded`, `already_recorded`, or the code of its refusal; it is taken if recorded."""
        try:
            return self._outcome(draft, now)
        except Refused as refused:
            return refused.code

    def _outcome(self, draft: Draft, now: datetime) -> str:
        known = self.known()
        again = [e for _, e, _ in known if (e.source, e.id) == (draft.source, draft.id)]
        if again:
            return "already_recorded" if again[0].event == self._canonical(draft.event) else "conflict"
        check(draft.event, now)
        event = self._act(draft.event, known) if isinstance(draft.event, Corrected | Retracted) else draft.event
        if not isinstance(event, Corrected | Retracted):
            things = fold(known)
            check_references(event, things)
            take(event, things)
        entry = Entry(
            stream=draft.stream, version=len(self.entries) + 1, recorded_at=now, recorded_by="test", source=draft.source,
            id=draft.id, salt="", event=event,
        )  # fmt: skip
        if isinstance(event, Corrected | Retracted):
            try:
                fold([*known, (self.first + len(known), entry, now)])
            except Refused:
                return "impossible_history"
        self.entries.append(entry)
        return "recorded"

    def _canonical(self, event: Any) -> Any:
        """As it is stored: an act names its target by its id, and a correction says the payload in canonical form."""
        if not isinstance(event, Corrected | Retracted):
            return event
        found = [e for p, e, _ in self.known() if event.target in (p, e.id)]
        if not found:
            return event
        event = structs.replace(event, target=found[0].id)
        if isinstance(event, Corrected) and not isinstance(found[0].event, Corrected | Retracted):
            payload = json.dumps(payload_of(replacement(found[0].event, event)))
            event = structs.replace(event, data=json.loads(payload))
        return event

    def _act(self, event: Any, known: list[Known]) -> Any:
        event = self._canonical(event)
        found = [(p, e.event) for p, e, _ in known if event.target in (p, e.id)]
        if not found:
            raise Refused("unknown_target", "")
        position, original = found[0]
        if isinstance(event, Retracted) and isinstance(original, ContractStarted):
            raise Refused("wrong_target", "")
        if isinstance(event, Corrected):
            if isinstance(original, Corrected | Retracted):
                raise Refused("wrong_target", "")
            replaced = replacement(original, event)
            check(replaced, known[-1][2] + timedelta(days=1))
            if getattr(replaced, "backup", None) != getattr(original, "backup", None):
                check_references(replaced, fold(known))
            check_identity(original, replaced)
        if position in withdrawn(known):
            raise Refused("already_retracted", "")
        return event


def fold(known: list[Known]) -> dict[ThingKey, Thing]:
    things: dict[ThingKey, Thing] = {}
    for fact in standing(known):
        take(fact.event, things)
    return things


@settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
class Life(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        self.now = BASE
        self.last = BASE  # the ledger's own clock
        self.count = 0
        self.replay = Replay()
        self.sent: list[dict[str, Any]] = []
        self.writers = [self._opened(), self._opened()]
        self.writers[0].open()
        self.tell([("contract_started", CONTRACT)], 0)
        self.say_what_makes_sense(1, 0, False)

    def _opened(self) -> Any:
        return open_ledger(str(self.folder / "book.db"), clock=lambda: self.now, recorded_by="test")

    def event(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        self.count += 1
        return {"specversion": "1.0", "source": "test", "id": f"e{self.count}", "type": kind, "subject": "contract:C1", "data": data}

    def act(self, what: str, which: int, a: int, b: int) -> tuple[str, dict[str, Any]]:
        """A correction or retraction of some entry, by id or by position, at times of none or of itself."""
        place = which % (len(self.replay.entries) + 1)
        target: Any = f"e{place + 1}" if which % 2 else self.replay.first + place
        if what == "retracted":
            return what, {"target": target, "reason": "r"}
        original = self.replay.entries[min(place, len(self.replay.entries) - 1)].event
        kind = topic_of(original)
        data = said(kind, thing_number(original, b), a, b)[1] if kind in KINDS else CONTRACT
        return what, {"target": target, "reason": "r", "data": data}

    def tell(self, lines: list[tuple[str, dict[str, Any]]], writer: int) -> None:
        self.send([self.event(kind, data) for kind, data in lines], writer)

    def send(self, events: list[dict[str, Any]], writer: int) -> None:
        """Record a batch with one of the writers; what becomes of it must be what the list says."""
        before = list(self.replay.entries)
        behind = self.last - self.now
        now = max(self.now, self.last)
        expected = ["clock_behind"] if behind > SKEW else [self.replay.outcome(from_cloudevent(e), now) for e in events]
        refusal = next((code for code in expected if code not in ("recorded", "already_recorded")), None)
        position = self.writers[writer].position
        outcomes = told(lambda: [r.outcome for r in self.writers[writer].record(events)])
        if refusal is not None:
            self.replay.entries = before
            assert outcomes == [refusal], (expected, events)
            assert self.writers[writer].position == position, "nothing is written on refusal"
            return
        assert outcomes == expected, events
        if "recorded" in expected:
            self.last = now
        self.sent += events

    def outcomes(self, event: dict[str, Any], *more: Any) -> set[str]:
        """What each writer says would become of it."""
        return {told(lambda w=writer: [w.record([event], dry_run=True)[0].outcome])[0] for writer in (*self.writers, *more)}

    @rule(line=SAID, writer=WRITER)
    def say(self, line: Any, writer: bool) -> None:
        self.tell([said(*line)], writer)

    @rule(n=THINGS, a=MINUTES, writer=WRITER)
    def say_what_makes_sense(self, n: int, a: int, writer: bool) -> None:
        """A whole thing in one batch: else most of a random life would be refused."""
        for kinds in (("outage_started", "outage_ended"), ("maintenance_started", "blocking_started"), ("backup_completed", "restore_requested")):
            self.tell([said(kind, n, a + m, a + 1 + m) for m, kind in enumerate(kinds)], writer)

    @rule(lines=st.lists(SAID, min_size=2, max_size=4), writer=WRITER)
    def say_a_batch(self, lines: Any, writer: bool) -> None:
        self.tell([said(*line) for line in lines], writer)

    @rule(act=ACT, writer=WRITER)
    def correct_or_retract(self, act: Any, writer: bool) -> None:
        self.tell([self.act(*act)], writer)

    @rule(acts=st.lists(st.tuples(st.booleans(), st.integers(0, 4), MINUTES, MINUTES, WRITER), min_size=2, max_size=6))
    def correct_and_retract_what_was_said_last(self, acts: Any) -> None:
        for retract, back, a, b, writer in acts:
            place = max(len(self.replay.entries) - 1 - back, 0)
            self.tell([self.act("retracted" if retract else "corrected", place, a, b)], writer)

    @rule(act=ACT, line=SAID, writer=WRITER)
    def correct_and_say_in_one_batch(self, act: Any, line: Any, writer: bool) -> None:
        self.tell([self.act(*act), said(*line)], writer)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 99), other=st.booleans(), writer=WRITER)
    def say_again(self, which: int, other: bool, writer: bool) -> None:
        """The same key: with the same content harmless, with other content a conflict."""
        event = self.sent[which % len(self.sent)]
        self.send([{**event, "data": {**event["data"], "note": "changed"}} if other else event], writer)

    @rule(seconds=st.sampled_from([0, 1, 3600, -3, -5]))
    def move_the_clock(self, seconds: int) -> None:
        self.now = max(self.now, self.last) + timedelta(seconds=seconds)

    @rule(line=SAID, microseconds=st.sampled_from([5_000_001, 6_000_000, 600_000_000]), writer=WRITER)
    def say_by_a_clock_far_behind(self, line: Any, microseconds: int, writer: bool) -> None:
        self.now = self.last - timedelta(microseconds=microseconds)
        self.tell([said(*line)], writer)
        self.now = self.last

    @rule(which=WRITER)
    def reopen(self, which: bool) -> None:
        self.writers[which].close()
        self.writers[which] = self._opened()

    @rule(line=SAID, act=ACT, acts=st.booleans())
    def writers_old_and_new_agree(self, line: Any, act: Any, acts: bool) -> None:
        self.now = max(self.now, self.last)
        event = self.event(*(self.act(*act) if acts else said(*line)))
        with self._opened() as fresh:
            found = self.outcomes(event, fresh)
        kept = list(self.replay.entries)
        expected = self.replay.outcome(from_cloudevent(event), self.now)
        self.replay.entries = kept
        assert found == {expected}, event

    @invariant()
    def the_ledger_holds_what_the_list_holds(self) -> None:
        if not hasattr(self, "writers"):
            return
        held = list(self.writers[0].entries())
        assert [p for p, _ in held] == list(range(1, len(held) + 1))
        assert [(e.id, e.event) for _, e in held[3:]] == [(e.id, e.event) for e in self.replay.entries]
        assert [e.version for _, e in held[3:]] == list(range(1, len(held) - 2))
        moments = [e.recorded_at for _, e in held]
        assert moments == sorted(moments)
        assert moments[3:] == [e.recorded_at for e in self.replay.entries], "the stamp is the clock's, or the last one's"

    def teardown(self) -> None:
        if not hasattr(self, "writers"):
            return
        held = [(e, state) for (_, e), state in zip(self.writers[1].entries(), self._states(), strict=True)]
        assert all(encode_entry(e) == state for e, state in held)
        facts = self.writers[1].history("C1").facts
        assert [(f.event, f.positions) for f in facts] == [(f.event, f.positions) for f in standing(self.replay.known())]
        for writer in self.writers:
            writer.close()
        shutil.rmtree(self.folder)

    def _states(self) -> list[bytes]:
        return [row.state for row in self.writers[1].store.read(1, 10_000)]


def told(record: Callable[[], list[str]]) -> list[str]:
    """The outcomes, or the one code of the refusal."""
    try:
        return record()
    except Refused as refused:
        return [refused.code]


def thing_number(event: Any, b: int) -> int:
    """The number of the thing an event is about, and now and then another's."""
    name = str(getattr(event, event.__struct_fields__[0]))
    return 1 + b % 2 if b == 5 or not name[-1:].isdigit() else int(name[-1])


TestLife = Life.TestCase


@pytest.mark.soak
def test_many_lives() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Life, settings=settings(max_examples=150, stateful_step_count=60, deadline=None))
