"""Replays at a moment: what a naive filter gives, difference accounted for to the last figure, in one order always."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from ledger import open_ledger
from ledger.codec import decode_entry
from ledger.corrections import replacement, standing
from ledger.demo import DEMO
from ledger.errors import Refused
from ledger.events import Corrected, Retracted
from ledger.history import History
from ledger.spans import seconds
from projections import ask
from projections.asking import answer_from
from projections.frame import Frames
from projections.questions import question, read
from replays.as_of import Comparison, compare
from replays.figures import difference, leaves
from replays.verdicts import verdict
from tests.replaying import ASKED, Story, demo_path, some_switches
from tests.story import CONTRACT, STARTED, frame_entries, history, instant
from tests.test_availability import outage

AVAILABILITY = question("availability")
MARCH = {"month": "2026-03"}
END, END_LATER = "2026-03-03T11:00:00+01:00", "2026-03-03T12:30:00+01:00"
RANDOM_TRIPLES, DEMO_TRIPLES = 800, 200


@pytest.fixture(scope="module")
def demo() -> Iterator[Any]:
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        yield book


def found(known: History, asked: Any, values: Any, switches: Any) -> Any:
    return asked.function()(known, Frames(known, switches), **values)


def walked(comparison: Comparison) -> dict[str, Any]:
    """The first answer's figures, taken through the steps one by one."""
    figures = leaves(comparison.first.result)
    for step in comparison.steps:
        for path, (before, after) in step.changes.items():
            assert figures.get(path) == before, (path, step)
            figures[path] = after
    return {path: value for path, value in figures.items() if value is not None}


def figures_of(result: Any) -> dict[str, Any]:
    return {path: value for path, value in leaves(result).items() if value is not None}


# --- a naive filter and recompute ---


def test_a_replay_is_what_only_the_entries_recorded_by_then_would_give() -> None:
    """Random stories: the whole one asked at a moment, against one that never held the rest."""
    for seed in range(RANDOM_TRIPLES):
        story = Story(seed)
        known_at, (asked, values), switches = story.known_at(), story.asked(), story.reading()
        kept = [line for line in story.lines if line[0] <= known_at]
        if not kept or kept[0] is not STARTED:
            continue
        naive = history(*kept, known_at=known_at)
        assert found(story.whole(known_at), asked, values, switches) == found(naive, asked, values, switches), seed


def test_the_demo_replayed_is_what_only_its_entries_recorded_by_then_would_give(demo: Any) -> None:
    """Every row of the ledger filtered by its own instant and decoded afresh, for real and simulated contracts."""
    random = Random(4)
    raw = [(row.position, decode_entry(row.state)) for row in _rows(demo)]
    for _ in range(DEMO_TRIPLES):
        contract, asked, values, oldest = _a_question(random)
        known_at = instant(DEMO["known_at"]) - timedelta(seconds=random.randint(0, oldest * 86400))
        switches = some_switches(random)
        known = demo.history(contract, known_at=known_at)
        kept = [(p, e) for p, e in raw if e.recorded_at <= known_at]
        streams: dict[str, Any] = {}
        for p, e in kept:
            streams.setdefault(e.stream, []).append((p, e))
        naive = History(contract, streams, known_at=known_at, position=kept[-1][0], now=seconds(known_at))
        answers = [answer_from(h, asked, values, switches).to_json() for h in (known, naive)]
        assert answers[0] == answers[1], (contract, asked.name, values, known_at)


def _rows(book: Any) -> Iterator[Any]:
    start = 1
    while page := book.store.read(start, 1000):
        yield from page
        start = page[-1].position + 1


def _a_question(random: Random) -> tuple[str, Any, dict[str, Any], int]:
    """A contract's question, and how many days before the demo's end it was known already."""
    month = random.choice([f"2025-{m}" for m in (11, 12)] + [f"2026-0{m}" for m in range(1, 10)])
    any_month = f"{random.randint(2021, 2025)}-{random.randint(1, 12):02}"
    contract, name, params = random.choice(
        [
            ("C-2041", "availability", {"month": month}),
            ("C-2041", "maintenance", {}),
            ("C-2041", "backup_nights", {"first": month, "last": month}),
            ("C-2041", "support_response", {"start": "2025-10-01"}),
            ("C-2041", "breaches", {"first": month, "last": month}),
            ("C-REAL", "availability", {"month": any_month}),
            ("C-REAL", "maintenance", {}),
            ("C-REAL", "weather", {"at": f"{any_month}-11T10:00:00Z"}),
        ]
    )
    return contract, question(name), read(question(name), params), 330 if contract == "C-2041" else 5 * 365


def test_what_stands_is_what_resolving_each_act_by_its_definition_leaves() -> None:
    """An act counts unless a later act that counts withdraws it: told recursively, against the ledger's one pass."""
    for seed in range(200):
        known = Story(seed).whole()
        entries = known._known("contract:C1")
        by_id = {entry.id: position for position, entry, _ in entries}
        acts = {p: e.event for p, e, _ in entries if isinstance(e.event, Corrected | Retracted)}

        def stands(position: int, acts: Any = acts, by_id: Any = by_id) -> bool:
            against = [p for p, a in acts.items() if isinstance(a, Retracted) and by_id[a.target] == position]
            return not any(stands(p) for p in against)

        expected = []
        for position, entry, _ in entries:
            if position not in acts and stands(position):
                said = [a for p, a in sorted(acts.items()) if isinstance(a, Corrected) and by_id[a.target] == position
                        and stands(p)]  # fmt: skip
                expected.append(replacement(entry.event, said[-1]) if said else entry.event)  # type: ignore[arg-type]
        assert [fact.event for fact in standing(entries)] == expected, seed


# --- the walk from one moment to another ---


def test_the_steps_account_for_the_whole_difference_always() -> None:
    moved = 0
    for seed in range(70):
        story = Story(seed)
        one, two = sorted((story.known_at(), story.known_at()))
        if one < STARTED[0]:
            continue
        (asked, values), switches = story.asked(), story.reading()
        compared = compare(story.whole(one), story.whole(two), asked, values, switches)
        assert compared.accounted, seed
        assert walked(compared) == figures_of(compared.second.result), seed
        total = difference(leaves(compared.first.result), leaves(compared.second.result))
        assert total == compared.difference, seed
        without = compared.entries_without_effect + sum(s.position is not None for s in compared.steps)
        assert without == compared.entries_learnt, seed
        moved += bool(compared.steps)
    assert moved > 25  # the stories do move answers


def test_the_steps_account_for_the_demo_month_that_was_corrected(demo: Any) -> None:
    month = DEMO["corrected_month"]
    one, two = (demo.history("C-2041", known_at=instant(month[when])) for when in ("before", "after"))
    compared = compare(one, two, AVAILABILITY, {"month": month["month"]}, {})
    assert compared.accounted
    assert [step.type for step in compared.steps] == ["corrected"]
    assert compared.steps[0].changes["ti_seconds"] == [3600, 5160]
    assert compared.steps[0].changes["breach"] == [False, True]


def test_an_outage_learnt_corrected_retracted_and_retracted_again_moves_the_answer_each_time() -> None:
    lines = [
        STARTED,
        *outage("2026-03-03T10:00:00+01:00", END),
        ("2026-03-04T08:00:00Z", "corrected",
         {"target": "e12", "reason": "the log", "data": {"outage": "O1", "at": END_LATER}}, {"id": "longer"}),
        ("2026-03-05T08:00:00Z", "retracted", {"target": "longer", "reason": "another outage's log"}, {"id": "undo"}),
        ("2026-03-06T08:00:00Z", "retracted", {"target": "undo", "reason": "it was this one"}, {"id": "redo"}),
        ("2026-03-07T08:00:00Z", "retracted", {"target": "e11", "reason": "no outage at all"}, {"id": "gone"}),
    ]  # fmt: skip
    one = history(*lines, known_at="2026-03-01T00:00:00Z")
    two = history(*lines, known_at="2026-04-02T00:00:00Z")
    compared = compare(one, two, AVAILABILITY, MARCH, {})
    lost = [step.changes["ti_seconds"] for step in compared.steps if "ti_seconds" in step.changes]
    hour, longer = 3600, 9000
    assert lost[-5:] == [[lost[-5][0], hour], [hour, longer], [longer, hour], [hour, longer], [longer, 0]]
    assert compared.accounted


def test_entries_learnt_at_the_same_instant_are_walked_in_the_order_of_positions() -> None:
    same = "2026-03-04T08:00:00Z"
    longer = {"target": "e12", "reason": "first log", "data": {"outage": "O1", "at": END_LATER}}
    shorter = {"target": "e12", "reason": "second log", "data": {"outage": "O1", "at": "2026-03-03T10:10:00+01:00"}}
    facts = [STARTED, *outage("2026-03-03T10:00:00+01:00", END)]
    for first, last, lost in ((longer, shorter, 600), (shorter, longer, 9000)):
        lines = [*facts, (same, "corrected", first, {"id": "a"}), (same, "corrected", last, {"id": "b"})]
        one, two = history(*lines, known_at="2026-03-04T07:59:59Z"), history(*lines, known_at=same)
        compared = compare(one, two, AVAILABILITY, MARCH, {})
        walked_positions = [step.position for step in compared.steps if step.position is not None]
        assert walked_positions == [13, 14]
        assert compared.second.result["ti_seconds"] == lost


def test_a_second_before_it_was_recorded_it_is_not_known_and_at_the_second_it_is() -> None:
    lines = [STARTED, *outage("2026-03-03T10:00:00+01:00", END)]
    learnt = lines[2][0]
    before = instant(learnt) - timedelta(seconds=1)
    one, two = (history(*lines, known_at=t.isoformat()) for t in (before, instant(learnt)))
    assert not any(f.position == 12 for f in one.facts)
    assert any(f.position == 12 for f in two.facts)


def test_after_each_step_the_answer_is_the_one_given_then() -> None:
    """A walk over random stories; at each step a history of only what was known by then, at that moment."""
    steps = 0
    for seed in range(70, 130):
        story = Story(seed)
        one, two = sorted((story.known_at(), story.known_at()))
        if one < STARTED[0]:
            continue
        (asked, values), switches = story.asked(), story.reading()
        compared = compare(story.whole(one), story.whole(two), asked, values, switches)
        figures = leaves(compared.first.result)
        for n, step in enumerate(compared.steps):
            figures |= {path: after for path, (_, after) in step.changes.items()}
            same = n + 1 < len(compared.steps) and compared.steps[n + 1].learnt_at == step.learnt_at
            if same or not step.learnt_at:
                continue  # several entries of one second: only the last gives what was known by then
            given = answer_from(story.whole(step.learnt_at), asked, values, switches).result
            assert {p: v for p, v in figures.items() if v is not None} == figures_of(given), (seed, step)
            assert step.verdict == verdict(asked.name, given)
            steps += 1
    assert steps > 40


def test_time_that_passes_and_an_entry_learnt_then_are_two_steps() -> None:
    """A night over without its backup is missed from that second on, until the backup is recorded late."""
    backup = {"backup": "B1", "scope": "client_data", "tiers": ["daily"], "locations": ["A", "B"],
              "started_at": "2026-03-03T22:00:00+01:00", "completed_at": "2026-03-03T23:00:00+01:00"}  # fmt: skip
    late = "2026-03-05T09:00:00+01:00"
    lines = [STARTED, (late, "backup_completed", backup)]
    one, two = (history(*lines, known_at=t) for t in ("2026-03-04T06:59:59+01:00", late))
    nights = {"first": date(2026, 3, 3), "last": date(2026, 3, 3)}
    passed, learnt = compare(one, two, question("backup_nights"), nights, {}).steps
    assert (passed.type, passed.changes["missed"], passed.verdict) == ("time", [[], ["2026-03-03"]], "broken")
    assert (learnt.position, learnt.changes["missed"], learnt.verdict) == (11, [["2026-03-03"], []], "kept")


def test_two_entries_that_matter_only_together_show_nothing_alone_but_are_accounted_for() -> None:
    """An outage's end is nothing without its start: alone it moves no figure, in its place it does."""
    begun, (_, _, ended, _) = outage("2026-03-03T10:00:00+01:00", END)
    lines = [STARTED, begun, ("2026-03-03T13:00:00+01:00", "outage_ended", ended)]
    one, two = history(*lines, known_at="2026-03-01T00:00:00Z"), history(*lines, known_at="2026-04-02T00:00:00Z")
    steps = {step.position: step for step in compare(one, two, AVAILABILITY, MARCH, {}).steps}
    assert steps[12].alone == {}
    assert steps[12].changes["ti_seconds"][1] == 3600


def test_a_second_moment_that_knows_less_is_refused() -> None:
    story = Story(1)
    with pytest.raises(Refused, match="exchange the two") as refused:
        compare(story.whole("2026-04-01T00:00:00Z"), story.whole("2026-03-10T00:00:00Z"), *ASKED[0], {})
    assert refused.value.code == "bad_parameter"


def test_a_booklet_recorded_later_does_not_trip_the_walk() -> None:
    """Its first version counts as known from the start, so it is nothing learnt in between."""
    other = frame_entries("always-on")
    one, two = (history(STARTED, known_at=t) for t in ("2026-03-05T00:00:00Z", "2026-03-09T00:00:00Z"))
    for known in (one, two):
        late = [(20 + p, _recorded_at(e, "2026-03-06T00:00:00Z")) for p, e in other]
        known.streams = {**known.streams, "ledger": [*known.streams["ledger"], *late]}
        known.position = 40
    compared = compare(one, two, AVAILABILITY, MARCH, {})
    assert compared.accounted


def _recorded_at(entry: Any, when: str) -> Any:
    from msgspec.structs import replace

    return replace(entry, recorded_at=instant(when))


def test_rows_of_the_same_name_are_told_apart() -> None:
    rows = [{"obligation": "A9.2", "what": "x", "amount": 1}, {"obligation": "A9.2", "what": "x", "amount": 2}]
    assert leaves(rows) == {
        "[A9.2 x].obligation": "A9.2", "[A9.2 x].what": "x", "[A9.2 x].amount": 1,
        "[A9.2 x #2].obligation": "A9.2", "[A9.2 x #2].what": "x", "[A9.2 x #2].amount": 2,
    }  # fmt: skip


# --- the same bytes, and moments out of the ordinary ---


def test_asked_again_an_answer_is_the_same_bytes(demo: Any) -> None:
    for contract, asked, params in (("C-2041", "breaches", {"first": "2026-01", "last": "2026-03"}),
                                    ("C-REAL", "availability", {"month": "2025-10"})):  # fmt: skip
        once = ask(demo, asked, contract=contract, known_at=DEMO["known_at"], **params).to_json()
        with open_ledger(demo_path(), create=False, read_only=True) as again:
            assert ask(again, asked, contract=contract, known_at=DEMO["known_at"], **params).to_json() == once
        assert ask(demo, asked, contract=contract, known_at=DEMO["known_at"], **params).to_json() == once


def test_before_the_first_entry_the_contract_is_not_known(demo: Any) -> None:
    with pytest.raises(Refused) as refused:
        ask(demo, "availability", contract="C-2041", known_at="2020-01-01T00:00:00Z", month="2025-11")
    assert refused.value.code == "unknown_contract"


def test_the_contract_is_known_from_the_second_it_was_recorded() -> None:
    learnt = instant(STARTED[0])
    for offset, known in ((-1, False), (0, True), (1, True)):
        told = history(STARTED, known_at=(learnt + timedelta(seconds=offset)).isoformat())
        if known:
            assert told.started.event.contract == CONTRACT["contract"]
        else:
            with pytest.raises(Refused):
                _ = told.started
