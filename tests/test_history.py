"""A history at an earlier moment is a shorter history: what was known, since when, of which contract and services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import open_ledger
from ledger.cloudevents import to_cloudevent
from ledger.codec import event_of
from ledger.errors import Refused
from ledger.events import (
    BlockingStarted,
    CalendarPublished,
    OutageEnded,
    OutageStarted,
    ReadingAdopted,
    TermsVersionPublished,
)
from ledger.history import History, positions_of
from ledger.spans import ALWAYS, FOREVER, NEVER
from tests.conftest import Clock
from tests.story import CONTRACT, STARTED, at, entry, frame_entries, history, instant

O1 = {"outage": "O1", "environment": "production", "effect": "no_access", "at": "2026-03-03T09:00:00Z"}
STOP = ("2026-03-03T09:10:00Z", "outage_started", O1)
SERVICE = {"subject": "service:S1"}


def kinds(found: History) -> list[str]:
    return [type(fact.event).__name__ for fact in found.facts]


def change(recorded_at: str, kind: str, effective_from: str, **data: Any) -> tuple[str, str, dict[str, Any]]:
    return recorded_at, kind, {"effective_from": effective_from, **data}


# --- what is known when ---


@pytest.mark.parametrize(
    ("known_at", "knows"),
    [("2026-03-03T09:09:59Z", 1), ("2026-03-03T09:10:00Z", 2), ("2026-03-03T09:10:01Z", 2), ("2025-09-01T08:00:00Z", 1)],
)
def test_an_entry_is_known_from_the_instant_it_was_recorded_on(known_at: str, knows: int) -> None:
    assert len(history(STARTED, STOP, known_at=known_at).facts) == knows


def test_the_boundary_is_kept_to_the_microsecond() -> None:
    whole = history(STARTED, ("2026-03-03T09:10:00.5Z", "outage_started", O1))
    assert len(whole.as_known(instant("2026-03-03T09:10:00.499999Z")).facts) == 1
    late = whole.as_known(instant("2026-03-03T09:10:00.500000Z"))
    assert (len(late.facts), late.now) == (2, at("2026-03-03T09:10:00Z"))


def test_before_the_contract_was_recorded_it_is_unknown_and_the_refusal_says_when() -> None:
    early = history(STARTED, STOP, known_at="2025-09-01T07:59:59Z")
    assert early.facts == []
    with pytest.raises(Refused, match=r"unknown_contract: .*'C1' at 2025-09-01T07:59:59"):
        _ = early.started


def test_a_position_keeps_the_entries_up_to_it() -> None:
    whole = history(STARTED, STOP, ("2026-03-03T10:00:00Z", "outage_ended", {"outage": "O1", "at": "2026-03-03T09:30:00Z"}))
    cut = History("C1", whole.streams, known_at=None, position=11, now=FOREVER)
    assert kinds(cut) == ["ContractStarted", "OutageStarted"]
    assert cut.known_positions() == [2, 3, 10, 11]
    both = History("C1", whole.streams, known_at=instant("2026-03-03T09:09:59Z"), position=11, now=0)
    assert kinds(both) == ["ContractStarted"], "an instant and a position: what both let through"


def test_several_entries_of_one_instant_are_cut_by_position_and_not_by_time() -> None:
    same = [STARTED, STOP, (STOP[0], "outage_started", {**O1, "outage": "O2"})]
    whole = history(*same)
    assert len(whole.as_known(instant(STOP[0])).facts) == 3
    assert len(History("C1", whole.streams, known_at=None, position=11, now=FOREVER).facts) == 2


def test_attested_knowledge_counts_a_fact_from_when_its_source_knew_it() -> None:
    lines = [STARTED, ("2026-06-01T00:00:00Z", "outage_started", O1, {"attestedat": "2026-03-03T09:20:00Z"})]
    moment = "2026-03-03T09:20:00Z"
    assert kinds(history(*lines, known_at=moment)) == ["ContractStarted"]
    attested = history(*lines, known_at=moment, knowledge="attested")
    assert kinds(attested) == ["ContractStarted", "OutageStarted"]
    assert attested.of(OutageStarted)[0].known_at == instant(moment)
    assert kinds(history(*lines, known_at="2026-03-03T09:19:59Z", knowledge="attested")) == ["ContractStarted"]


def test_an_attestation_after_the_recording_changes_nothing() -> None:
    """A source cannot make the ledger know later what it knew already."""
    lines = [STARTED, (*STOP, {"attestedat": "2026-03-03T09:10:04Z"})]
    assert history(*lines, knowledge="attested").of(OutageStarted)[0].known_at == instant(STOP[0])


def test_a_correction_attested_before_its_target_waits_for_it() -> None:
    lines = [
        STARTED,
        ("2026-06-01T00:00:00Z", "outage_started", O1, {"id": "o", "attestedat": "2026-03-04T00:00:00Z"}),
        ("2026-06-01T00:00:00Z", "corrected", {"target": "o", "reason": "r", "data": {**O1, "effect": "no_login"}},
         {"id": "c", "attestedat": "2026-03-03T12:00:00Z"}),
        ("2026-06-01T00:00:00Z", "retracted", {"target": "c", "reason": "r"}, {"attestedat": "2026-03-05T00:00:00Z"}),
    ]  # fmt: skip
    effects = []
    for known_at in ("2026-03-03T13:00:00Z", "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"):
        effects.append([f.event.effect for f in history(*lines, known_at=known_at, knowledge="attested").of(OutageStarted)])
    assert effects == [[], ["no_login"], ["no_access"]]


def test_a_correction_is_known_from_its_own_recording_on() -> None:
    lines = [STARTED, STOP, ("2026-04-10T09:00:00Z", "corrected", {"target": 11, "data": {**O1, "at": "2026-03-03T08:00:00Z"}, "reason": "r"})]
    ats = [history(*lines, known_at=k).of(OutageStarted)[0].event.at for k in ("2026-04-10T08:59:59Z", "2026-04-10T09:00:00Z")]
    assert ats == [instant("2026-03-03T09:00:00Z"), instant("2026-03-03T08:00:00Z")]


def test_facts_by_type_come_in_the_order_of_positions_whatever_the_order_of_the_types() -> None:
    lines = [STARTED, STOP, ("2026-03-03T10:00:00Z", "outage_ended", {"outage": "O1", "at": "2026-03-03T09:30:00Z"}),
             ("2026-03-03T11:00:00Z", "outage_started", {**O1, "outage": "O2"})]  # fmt: skip
    found = history(*lines)
    for wanted in ((OutageStarted, OutageEnded), (OutageEnded, OutageStarted)):
        assert [f.position for f in found.of(*wanted)] == [f.position for f in found.own(*wanted)] == [11, 12, 13]
    assert found.of(BlockingStarted) == []
    assert positions_of(found.of(OutageEnded), found.of(OutageStarted)) == (11, 12, 13)
    assert found.last_known_at == at("2026-03-03T11:00:00Z")


def test_a_history_can_unlearn_entries_and_what_it_unlearnt_stays_so() -> None:
    lines = [STARTED, STOP, ("2026-03-03T10:00:00Z", "outage_ended", {"outage": "O1", "at": "2026-03-03T09:30:00Z"})]
    without = history(*lines).unlearning(frozenset({12}))
    assert kinds(without) == ["ContractStarted", "OutageStarted"]
    assert kinds(without.unlearning(frozenset({11}))) == ["ContractStarted"]
    assert kinds(without.as_known(instant("2026-04-01T00:00:00Z"))) == ["ContractStarted", "OutageStarted"]


# --- services ---


def on_service(recorded_at: str, outage: str, at_: str) -> tuple[Any, ...]:
    return recorded_at, "outage_started", {**O1, "outage": outage, "at": at_}, {"subject": "service:S1"}


ASSIGNED = change("2026-01-01T00:00:00Z", "service_assigned", "2026-02-01T00:00:00Z", service="S1")
LEFT = change("2026-03-01T00:00:00Z", "service_unassigned", "2026-04-01T00:00:00Z", service="S1")


def test_a_service_counts_from_its_assignment_to_its_end_half_open() -> None:
    found = history(STARTED, ASSIGNED, LEFT)
    assert found.services == ["service:S1"]
    assert found.assigned("service:S1") == ((at("2026-02-01T00:00:00Z"), at("2026-04-01T00:00:00Z")),)
    assert found.assigned("contract:C1") == ALWAYS
    assert found.assigned("service:S9") == NEVER


def test_a_service_named_at_the_start_counts_from_the_start_of_service() -> None:
    start = (STARTED[0], "contract_started", {**CONTRACT, "services": ["S1"]})
    assert history(start).assigned("service:S1") == ((at("2025-08-31T22:00:00Z"), FOREVER),)


def test_a_service_left_and_taken_again_counts_in_both_spans() -> None:
    again = change("2026-05-01T00:00:00Z", "service_assigned", "2026-06-01T00:00:00Z", service="S1")
    spans = history(STARTED, ASSIGNED, LEFT, again).assigned("service:S1")
    assert spans == ((at("2026-02-01T00:00:00Z"), at("2026-04-01T00:00:00Z")), (at("2026-06-01T00:00:00Z"), FOREVER))


def test_the_facts_of_a_service_come_with_the_contract_s_and_rules_ask_whether_they_count() -> None:
    found = history(STARTED, ASSIGNED, on_service("2026-03-03T09:10:00Z", "S-O1", "2026-03-03T09:00:00Z"), LEFT,
                    on_service("2026-04-01T00:00:00Z", "S-O2", "2026-04-01T00:00:00Z"))  # fmt: skip
    assert [f.position for f in found.facts] == [10, 11, 12, 13, 14]
    mixed = history(STARTED, ASSIGNED, on_service("2026-03-03T09:10:00Z", "S-O1", "2026-03-03T09:00:00Z"), STOP)
    assert [f.position for f in mixed.of(OutageStarted)] == [12, 13]
    counted = {f.event.outage: found.counts(f, at(f.event.at.isoformat())) for f in found.of(OutageStarted)}
    assert counted == {"S-O1": True, "S-O2": False}


def test_a_service_is_unknown_before_its_assignment_was_recorded() -> None:
    lines = [STARTED, on_service("2025-12-01T00:00:00Z", "S-O1", "2025-12-01T00:00:00Z"), ASSIGNED]
    assert history(*lines, known_at="2025-12-31T23:59:59Z").of(OutageStarted) == []
    assert len(history(*lines, known_at="2026-01-01T00:00:00Z").of(OutageStarted)) == 1


def test_a_service_learnt_by_a_correction_counts_for_later_knowledge_only(book: Any, tell: Any) -> None:
    tell("2026-01-01T00:00:00Z", "contract_started", CONTRACT, id="start")
    tell("2026-01-02T00:00:00Z", "service_started", {"service": "S1", "at": "2026-01-01T00:00:00Z"}, subject="service:S1")
    tell("2026-03-03T09:10:00Z", "outage_started", O1, subject="service:S1")
    correction = {"target": "start", "data": {**CONTRACT, "services": ["S1"]}, "reason": "annex 1"}
    tell("2026-04-01T00:00:00Z", "corrected", correction)
    assert book.history("C1", known_at=instant("2026-03-31T23:59:59Z")).of(OutageStarted) == []
    late = book.history("C1", known_at=instant("2026-04-01T00:00:00Z"))
    assert [f.stream for f in late.of(OutageStarted)] == ["service:S1"]
    tell("2026-04-02T00:00:00Z", "retracted", {"target": "e4", "reason": "another annex"})
    assert book.history("C1").of(OutageStarted) == []


def test_a_thing_is_called_by_its_id_and_with_its_service_where_two_streams_use_one() -> None:
    found = history(STARTED, ASSIGNED, STOP, on_service("2026-03-03T09:10:00Z", "O1", "2026-03-03T09:00:00Z"),
                    on_service("2026-03-03T09:10:00Z", "O7", "2026-03-03T09:00:00Z"))  # fmt: skip
    assert [found.name(f, f.event.outage) for f in found.of(OutageStarted)] == ["O1", "S1/O1", "O7"]


# --- the contract over time ---


SUSPENDED = change("2026-02-01T00:00:00Z", "contract_suspended", "2026-02-10T00:00:00Z")
RESUMED = change("2026-02-15T00:00:00Z", "contract_resumed", "2026-02-20T00:00:00Z")
ENDED = change("2026-03-01T00:00:00Z", "contract_terminated", "2026-06-01T00:00:00Z")
START = at("2025-08-31T22:00:00Z")


@pytest.mark.parametrize(
    ("lines", "spans"),
    [
        ([], ((START, FOREVER),)),
        ([SUSPENDED], ((START, at("2026-02-10T00:00:00Z")),)),
        ([SUSPENDED, RESUMED], ((START, at("2026-02-10T00:00:00Z")), (at("2026-02-20T00:00:00Z"), FOREVER))),
        ([ENDED], ((START, at("2026-06-01T00:00:00Z")),)),
        ([SUSPENDED, RESUMED, ENDED], ((START, at("2026-02-10T00:00:00Z")), (at("2026-02-20T00:00:00Z"), at("2026-06-01T00:00:00Z")))),
        ([ENDED, SUSPENDED, RESUMED], ((START, at("2026-02-10T00:00:00Z")), (at("2026-02-20T00:00:00Z"), at("2026-06-01T00:00:00Z")))),
        ([SUSPENDED, RESUMED, change("2026-03-01T00:00:00Z", "contract_suspended", "2026-01-01T00:00:00Z"),
          change("2026-03-01T00:00:00Z", "contract_resumed", "2026-02-15T00:00:00Z")],
         ((START, at("2026-01-01T00:00:00Z")), (at("2026-02-20T00:00:00Z"), FOREVER))),
    ],
    ids=["running", "suspended", "resumed", "terminated", "all three", "terminated first", "an earlier one learnt later"],
)  # fmt: skip
def test_the_service_period_leaves_out_suspensions_and_ends_with_the_contract(lines: list[Any], spans: Any) -> None:
    assert history(STARTED, *lines).in_force == spans


def test_the_scope_at_an_instant_is_the_last_change_in_force_by_then() -> None:
    found = history(
        STARTED,
        change("2026-01-01T00:00:00Z", "contract_scope_changed", "2026-02-01T00:00:00Z", production_named_users=500),
        change("2026-01-01T00:00:00Z", "option_subscribed", "2026-02-01T00:00:00Z", option="personalised_update"),
        change("2026-01-01T00:00:00Z", "option_cancelled", "2026-05-01T00:00:00Z", option="personalised_update"),
    )
    before, during, after = (found.scope_at(at(t)) for t in ("2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z", "2026-05-01T00:00:00Z"))
    assert (before.users, before.options, before.positions) == (400, set(), [10])
    assert (during.users, during.options, during.positions) == (500, {"personalised_update"}, [10, 11, 12])
    assert (after.users, after.options, after.single_tenant, after.plan) == (500, set(), True, "open")


def test_scope_changes_hold_in_the_order_they_take_effect_and_not_as_recorded() -> None:
    """An amendment learnt late does not undo the one that took effect after it."""
    found = history(
        STARTED,
        change("2026-01-01T00:00:00Z", "contract_scope_changed", "2026-04-01T00:00:00Z", production_named_users=500),
        change("2026-05-01T00:00:00Z", "contract_scope_changed", "2026-03-01T00:00:00Z", production_named_users=350),
        change("2026-05-01T00:00:00Z", "contract_scope_changed", "2026-03-01T00:00:00Z", plan="private"),
    )
    users = [found.scope_at(at(t)).users for t in ("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")]
    assert users == [400, 350, 500]
    assert found.scope_at(at("2026-03-01T00:00:00Z")).plan == "private"
    assert found.scope_at(at("2026-03-01T00:00:00Z")).data_pack_quantity is None


def test_a_scope_change_says_only_what_it_names() -> None:
    found = history(
        (STARTED[0], "contract_started", {**CONTRACT, "data_pack_quantity": 7}),
        change("2026-01-01T00:00:00Z", "contract_scope_changed", "2026-02-01T00:00:00Z", single_tenant=False),
        change("2026-01-01T00:00:00Z", "contract_scope_changed", "2026-03-01T00:00:00Z", data_pack_quantity=9),
    )
    told = [found.scope_at(at(t)) for t in ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")]
    assert [(s.single_tenant, s.data_pack_quantity, s.users) for s in told] == [(False, 7, 400), (False, 9, 400)]


def test_readings_adopted_hold_from_their_instant_oldest_first() -> None:
    def adopted(name: str, since: str, recorded_at: str = "2026-01-01T00:00:00Z") -> Any:
        return change(recorded_at, "reading_adopted", since, reading=name, switches={"overlap": "sum"})

    found = history(STARTED, adopted("late", "2026-04-01T00:00:00Z"), adopted("early", "2026-02-01T00:00:00Z"),
                    adopted("same", "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"))  # fmt: skip
    names = [[f.event.reading for f in found.adopted_at(at(t))] for t in ("2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z")]
    assert names == [[], ["early"], ["early", "late", "same"]]
    early = found.as_known(instant("2026-04-30T00:00:00Z"))
    assert [f.event.reading for f in early.adopted_at(at("2026-04-01T00:00:00Z"))] == ["early", "late"]


# --- the frame ---


def framed(*more: tuple[str, Any]) -> History:
    """Contract C1 with more entries in the stream `ledger`, each (recorded_at, event)."""
    entries = list(frame_entries())
    entries += [(20 + n, entry("ledger", 10 + n, moment, event)) for n, (moment, event) in enumerate(more)]
    own = [(10, entry("contract:C1", 1, STARTED[0], history(STARTED).started.event))]
    return History("C1", {"ledger": entries, "contract:C1": own}, known_at=None, position=40, now=FOREVER)


def terms_version(version: str, booklet: str = "cegid-expert", since: str = "2026-01-01T00:00:00Z") -> TermsVersionPublished:
    content = {**frame_entries(booklet)[0][1].event.content, "version": version}
    return TermsVersionPublished(terms=booklet, version=version, effective_from=instant(since), content=content)


def versions(found: History) -> list[str]:
    return [f"{f.event.terms} {f.event.version}" for f in found.frame if isinstance(f.event, TermsVersionPublished)]


def test_the_first_version_of_the_terms_frames_every_knowledge_and_a_later_one_only_its_own() -> None:
    """A version recorded in April must not change what was answered in March."""
    found = framed(("2026-04-01T00:00:00Z", terms_version("2")))
    first = versions(found)[0]
    assert versions(found) == [first, "cegid-expert 2"]
    assert versions(found.as_known(instant("2026-03-31T23:59:59Z"))) == [first]
    assert versions(found.as_known(instant("2026-04-01T00:00:00Z"))) == [first, "cegid-expert 2"]
    assert versions(found.as_known(instant("2024-01-01T00:00:00Z"))) == [first], "before the ledger itself was opened"
    assert any(isinstance(f.event, CalendarPublished) for f in found.as_known(instant("2024-01-01T00:00:00Z")).frame)


def test_another_booklet_recorded_late_frames_earlier_knowledge_with_its_first_version() -> None:
    found = framed(("2026-04-01T00:00:00Z", terms_version("1", "always-on")), ("2026-05-01T00:00:00Z", terms_version("2", "always-on")))
    assert versions(found.as_known(instant("2026-03-01T00:00:00Z")))[1:] == ["always-on 1"]


# --- properties over random lives ---

HOURS = st.integers(0, 2000)
LINE = st.one_of(
    st.tuples(st.just("outage"), st.integers(0, 5), HOURS),
    st.tuples(st.just("service_outage"), st.integers(0, 5), HOURS),
    st.tuples(st.just("assign"), st.integers(0, 1), HOURS),
    st.tuples(st.just("suspend"), st.integers(0, 1), HOURS),
    st.tuples(st.just("scope"), st.integers(1, 900), HOURS),
    st.tuples(st.just("adopt"), st.integers(0, 1), HOURS),
    st.tuples(st.just("correct"), st.integers(0, 30), HOURS),
    st.tuples(st.just("retract"), st.integers(0, 30), HOURS),
    st.tuples(st.just("terms"), st.integers(2, 9), HOURS),
)
LINES = st.lists(LINE, max_size=12)
LONGER = st.lists(LINE, min_size=8, max_size=20)
GAPS = st.lists(st.integers(0, 3), min_size=20, max_size=20)
BASE = datetime(2026, 1, 1, tzinfo=UTC)  # what happens, happens from here on
RECORDED = BASE + timedelta(days=90)  # and is recorded from here on


def streams_of(lines: list[tuple[str, int, int]], gaps: list[int]) -> History:
    """Entries in random order and time; nothing checks that they make sense, and a history must hold all the same."""
    recorded = RECORDED
    streams: dict[str, list[Any]] = {"ledger": list(frame_entries()), "contract:C1": [], "service:S1": []}
    position = 9

    def add(stream: str, kind: str, data: dict[str, Any]) -> None:
        nonlocal position
        position += 1
        version = len(streams[stream]) + 1
        streams[stream].append((position, entry(stream, version, recorded.isoformat(), event_of(kind, data), id=f"e{position}")))

    add("contract:C1", "contract_started", CONTRACT)
    for (what, n, hours), gap in zip(lines, gaps, strict=False):
        recorded += timedelta(hours=gap)
        moment = (BASE + timedelta(hours=hours)).isoformat()
        on = on_target(streams, n)
        if what == "outage":
            add("contract:C1", "outage_started", {**O1, "outage": f"O{n}", "at": moment})
        elif what == "service_outage":
            add("service:S1", "outage_started", {**O1, "outage": f"O{n}", "at": moment})
        elif what == "assign":
            add("contract:C1", ("service_assigned", "service_unassigned")[n], {"service": "S1", "effective_from": moment})
        elif what == "suspend":
            add("contract:C1", ("contract_suspended", "contract_resumed")[n], {"effective_from": moment})
        elif what == "scope":
            add("contract:C1", "contract_scope_changed", {"effective_from": moment, "production_named_users": n})
        elif what == "adopt":
            add("contract:C1", "reading_adopted", {"reading": f"R{n}", "switches": {"overlap": ("sum", "union")[n]}, "effective_from": moment})
        elif what == "terms":
            position += 1
            streams["ledger"].append((position, entry("ledger", position, recorded.isoformat(), terms_version(str(n)), id=f"e{position}")))
        elif on is not None and what == "retract":
            add(on[0], "retracted", {"target": f"e{on[1]}", "reason": "r"})
        elif on is not None and type(on[2].event).__name__ == "OutageStarted":
            add(on[0], "corrected", {"target": f"e{on[1]}", "reason": "r", "data": {**O1, "outage": on[2].event.outage, "at": moment}})
    return History("C1", streams, known_at=None, position=position, now=FOREVER)


def on_target(streams: dict[str, list[Any]], n: int) -> tuple[str, int, Any] | None:
    """The n-th entry but the contract's start."""
    pairs = [(s, p, e) for s in ("contract:C1", "service:S1") for p, e in streams[s] if type(e.event).__name__ != "ContractStarted"]
    return pairs[n % len(pairs)] if pairs else None


def shown(found: History) -> dict[str, Any]:
    """All a rule can ask of a history."""
    moments = [at(BASE.isoformat()) + 3600 * h for h in (0, 100, 500, 1000, 2000)]
    known = any(type(f.event).__name__ == "ContractStarted" for f in found.own_facts)
    return {
        "facts": found.facts,
        "by type": [found.of(kind) for kind in {type(f.event) for f in found.facts}] and sorted(f.position for k in {type(f.event) for f in found.facts} for f in found.of(k)),
        "frame": found.frame,
        "services": {s: found.assigned(s) for s in found.services},
        "in force": found.in_force if known else None,
        "scopes": [(s.users, s.plan, s.positions) for s in map(found.scope_at, moments)] if known else None,
        "adopted": [[f.position for f in found.adopted_at(m)] for m in moments],
        "now": found.now,
    }  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(LINES, GAPS, st.integers(0, 12), st.integers(-1, 1))
def test_an_entry_recorded_after_k_never_changes_what_was_known_at_k(lines: Any, gaps: Any, cut: int, shift: int) -> None:
    whole = streams_of(lines, gaps)
    moments = sorted({e.recorded_at for s in ("contract:C1", "service:S1") for _, e in whole.streams[s]})
    known_at = moments[min(cut, len(moments) - 1)] + timedelta(seconds=shift)
    then = {name: [(p, e) for p, e in entries if e.recorded_at <= known_at] for name, entries in whole.streams.items()}
    last = max((p for entries in then.values() for p, _ in entries), default=0)
    shorter = History("C1", then, known_at=known_at, position=last, now=whole.as_known(known_at).now)
    assert shown(whole.as_known(known_at)) == shown(shorter)


@settings(max_examples=60, deadline=None)
@given(LINES, GAPS)
def test_facts_by_type_are_the_facts_whatever_is_asked_first(lines: Any, gaps: Any) -> None:
    one, other = streams_of(lines, gaps), streams_of(lines, gaps)
    every = {type(f.event) for f in one.facts}
    assert sorted((f for kind in every for f in other.of(kind)), key=lambda f: f.position) == one.facts
    own = [f for f in one.facts if f.stream == "contract:C1"]
    assert [f for f in own if isinstance(f.event, ReadingAdopted)] == other.own(ReadingAdopted)


@settings(max_examples=40, deadline=None)
@given(LONGER, GAPS, st.integers(0, 30))
def test_as_known_from_a_ledger_is_a_fresh_history_of_that_knowledge(tmp_path_factory: Any, lines: Any, gaps: Any, hours: int) -> None:
    """Through the store and back: what a kept history says of an earlier moment is what asking then would say."""
    path: Path = tmp_path_factory.mktemp("as-known") / "book.db"
    clock = Clock("2026-01-01T00:00:00Z")
    with open_ledger(str(path), clock=clock, recorded_by="test") as book:
        told = [pair for entries in streams_of(lines, gaps).streams.values() for pair in entries if pair[0] >= 10]
        for position, written in sorted(told, key=lambda pair: pair[0]):
            clock.now = max(clock.now, written.recorded_at)
            try:
                book.record([to_cloudevent(position, written)])
            except Refused:
                continue  # nonsense is refused: what is left is a life
        whole = book.history("C1")
        for moment in (RECORDED + timedelta(hours=hours), RECORDED + timedelta(hours=hours, microseconds=-1)):
            for knowledge in ("recorded", "attested"):
                fresh = book.history("C1", known_at=moment, knowledge=knowledge)
                again = book.history("C1", knowledge=knowledge).as_known(moment)
                assert shown(fresh) == shown(again)
            assert shown(whole.as_known(moment)) == shown(book.history("C1", known_at=moment))
