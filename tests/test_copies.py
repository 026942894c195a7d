"""Copies against a second way of counting them: sets of places, event by event."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.corrections import Fact
from ledger.spans import moment
from projections.copies import copies_at, deletions, stretches
from projections.frame import Frames
from projections.kept import Kept
from tests.story import STARTED, history

PLACES = ("A", "B", "C")
STEPS = st.tuples(
    st.integers(-3, 20),
    st.sampled_from(["copy_stored", "copy_lost", "deleted", "verified"]),
    st.sampled_from([*PLACES, None]),
)


def backup(locations: list[str], steps: list[tuple[int, str, str | None]]) -> Any:
    """The one backup of a ledger, completed at second 0, and what became of it, a second a step."""

    def text(second: int) -> str:
        return moment(1_772_000_000 + second).isoformat()

    data = {"backup": "B", "scope": "client_data", "tiers": ["daily"], "started_at": text(0), "completed_at": text(0)}
    lines: list[Any] = [STARTED, (text(0), "backup_completed", {**data, "locations": locations})]
    for second, kind, place in steps:
        more = {"outcome": "failed"} if kind == "verified" else {}
        where = {"location": place} if place else {}
        lines.append((text(30), f"backup_{kind}", {"backup": "B", "at": text(second), **where, **more}))
    known = history(*lines)
    return Kept(known, Frames(known)).backups[0]


def naive(facts: list[Fact], upto: int, locations: list[str]) -> tuple[set[str], bool]:
    """The places at a second, and whether a copy can be restored, by going through all that was told by then."""
    places, bad, spoilt, somewhere = set(locations), set(), False, not locations
    for fact in facts:
        name, event = type(fact.event).__name__, fact.event
        if (event.at.timestamp() - 1_772_000_000) > upto:
            continue
        if name == "BackupCopyStored":
            places.add(event.location)
            bad.discard(event.location)
            somewhere = False
        elif name == "BackupVerified":
            spoilt = spoilt or event.location is None
            bad |= {event.location} - {None}
        elif event.location is None:
            places, somewhere = set(), False
        else:
            places.discard(event.location)
    return places, not spoilt and (somewhere or bool(places - bad))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PLACES), max_size=3),
    st.lists(STEPS.filter(lambda step: step[2] is not None or step[1] in ("deleted", "verified")), max_size=6),
)
def test_places_and_restorability_agree_with_going_through_all_that_was_told(locations: Any, steps: Any) -> None:
    found = backup(locations, steps)
    ordered = sorted(found.after, key=lambda fact: (fact.event.at, fact.position))
    for second in range(22):
        state = copies_at(found.states, found.completed_at + second)
        assert state is not None
        assert (set(state.places), state.restorable) == naive(ordered, second, locations), second
        assert not (state.deleted and state.held)


def test_there_is_nothing_before_the_backup_completed() -> None:
    found = backup(["A"], [])
    assert copies_at(found.states, found.completed_at - 1) is None


def test_what_is_told_of_the_same_second_is_one_state() -> None:
    found = backup(["A"], [(5, "copy_lost", "A"), (5, "copy_stored", "B")])
    assert [set(state.places) for state in found.states] == [{"A"}, {"B"}]
    assert stretches(found.states, lambda state: not state.held, found.completed_at + 100) == ()


def test_a_copy_told_of_before_completion_is_there_from_completion_on() -> None:
    found = backup(["A"], [(-3, "copy_stored", "B")])
    assert [(state.since - found.completed_at, set(state.places)) for state in found.states] == [(0, {"A", "B"})]


def test_a_deleted_backup_stays_deleted_whatever_is_told_of_it_then() -> None:
    found = backup(["A"], [(5, "deleted", None), (9, "verified", None), (12, "copy_lost", "A")])
    assert deletions(found.states) == [found.completed_at + 5]


def test_a_copy_stored_after_a_deletion_stands_again_and_the_deletion_was_one() -> None:
    found = backup(["A"], [(5, "deleted", None), (9, "copy_stored", "B"), (12, "deleted", "B"), (15, "deleted", None)])
    assert [state.held for state in found.states] == [True, False, True, False, False]
    assert deletions(found.states) == [found.completed_at + 5, found.completed_at + 12]


def test_a_deletion_of_what_was_lost_takes_nothing() -> None:
    lost = backup(["A"], [(5, "copy_lost", "A"), (8, "deleted", None)])
    assert deletions(lost.states) == [lost.completed_at + 8]
    again = backup(["A"], [(5, "copy_lost", "A"), (8, "deleted", None), (9, "copy_stored", "B"), (11, "deleted", "B")])
    assert deletions(again.states) == [again.completed_at + 11]
    assert deletions(backup(["A"], [(5, "copy_lost", "A")]).states) == []


def test_a_copy_found_bad_is_replaced_by_a_new_one_and_a_backup_found_bad_is_not() -> None:
    replaced = backup(["A"], [(5, "verified", "A"), (9, "copy_stored", "A")])
    spoilt = backup(["A"], [(5, "verified", None), (9, "copy_stored", "A")])
    assert [state.restorable for state in replaced.states] == [True, False, True]
    assert [state.restorable for state in spoilt.states] == [True, False, False]
