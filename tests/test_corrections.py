"""What stands after corrections and retractions, against a slow oracle that reads the rule word for word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.codec import Entry, decode_entry, encode_entry, event_of
from ledger.corrections import Fact, Known, check_identity, known_as_recorded, standing, withdrawn
from ledger.errors import Refused
from ledger.events import BackupFailed, Corrected, OutageStarted, Retracted
from tests.story import entry

START = datetime(2026, 3, 3, 9, tzinfo=UTC)


def started(minute: int = 0, outage: str = "O1") -> OutageStarted:
    at = START + timedelta(minutes=minute)
    return OutageStarted(outage=outage, environment="production", effect="no_access", at=at)


def said(minute: int, outage: str = "O1") -> dict[str, Any]:
    at = (START + timedelta(minutes=minute)).isoformat()
    return {"outage": outage, "environment": "production", "effect": "no_access", "at": at}


def stream(*events: Any, first: int = 10, ids: dict[int, str] | None = None) -> list[Known]:
    """Entries of one stream a day apart, positions from `first`, ids `e<position>` unless told otherwise."""
    made: list[tuple[int, Entry]] = []
    for n, event in enumerate(events):
        position = first + n
        recorded_at = (START + timedelta(days=1 + n)).isoformat()
        made.append((position, entry("contract:C1", n + 1, recorded_at, event, id=(ids or {}).get(position, f"e{position}"))))
    return known_as_recorded(made)


def minutes(facts: list[Fact]) -> list[int]:
    return [(fact.event.at - START) // timedelta(minutes=1) for fact in facts]


def corrected(target: str | int, minute: int) -> Corrected:
    return Corrected(target=target, data=said(minute), reason="probe log")


def retracted(target: str | int) -> Retracted:
    return Retracted(target=target, reason="said in error")


STORIES: tuple[tuple[str, list[Any], list[int]], ...] = (
    # what happens, entries from position 10, the minutes that stand
    ("nothing", [started(0)], [0]),
    ("a correction", [started(0), corrected(10, 5)], [5]),
    ("a correction by id", [started(0), corrected("e10", 5)], [5]),
    ("the last correction wins", [started(0), corrected(10, 5), corrected(10, 7)], [7]),
    ("a correction to itself", [started(0), corrected(10, 0)], [0]),
    ("a retraction", [started(0), retracted(10)], []),
    ("a retracted correction", [started(0), corrected(10, 5), retracted(11)], [0]),
    ("the last correction retracted: the one before stands", [started(0), corrected(10, 5), corrected(10, 7), retracted(12)], [5]),
    ("the first of two corrections retracted", [started(0), corrected(10, 5), corrected(10, 7), retracted(11)], [7]),
    ("a retracted retraction", [started(0), retracted(10), retracted(11)], [0]),
    ("retracted again after that", [started(0), retracted(10), retracted(11), retracted(10)], []),
    ("a retraction retracted, and that retraction too", [started(0), retracted(10), retracted(11), retracted(12)], []),
    ("a correction, then the entry retracted and restored", [started(0), corrected(10, 5), retracted(10), retracted(12)], [5]),
    ("a correction of the second of two", [started(0), started(3, "O2"), Corrected(target=11, data=said(4, "O2"), reason="r")], [0, 4]),
    ("an act on what is not known here", [started(0), retracted("e9"), corrected(9, 5)], [0]),
)  # fmt: skip


@pytest.mark.parametrize(("what", "events", "stand"), STORIES, ids=[s[0] for s in STORIES])
def test_what_stands_after(what: str, events: list[Any], stand: list[int]) -> None:
    assert minutes(standing(stream(*events))) == stand


def test_a_fact_tells_since_when_and_by_which_entries_it_is_known() -> None:
    known = stream(started(0), corrected(10, 5))
    (before,) = standing(known[:1])
    (after,) = standing(known)
    assert (before.known_at, before.first_known_at, before.positions) == (known[0][2], known[0][2], (10,))
    assert (after.known_at, after.first_known_at, after.positions) == (known[1][2], known[0][2], (10, 11))
    assert (after.position, after.id, after.source, after.recorded_by) == (10, "e10", "test", "test")


@pytest.mark.parametrize(
    ("what", "acts", "known_since"),
    [
        ("said again", [corrected(10, 0)], 0),
        ("said again twice", [corrected(10, 0), corrected(10, 0)], 0),
        ("mended", [corrected(10, 5)], 1),
        ("mended and said again", [corrected(10, 5), corrected(10, 5)], 1),
        ("mended, unmended", [corrected(10, 5), corrected(10, 0)], 2),
        ("mended, unmended, said again", [corrected(10, 5), corrected(10, 0), corrected(10, 0)], 2),
        ("mended, and that retracted", [corrected(10, 5), retracted(11)], 0),
        ("mended twice, the second retracted", [corrected(10, 5), corrected(10, 7), retracted(12)], 1),
        ("a note is added", [Corrected(target=10, data={**said(0), "note": "by probe 7"}, reason="r")], 0),
        ("evidence is added", [Corrected(target=10, data={**said(0), "evidence": ["sha256:" + "0" * 64]}, reason="r")], 1),
        ("in another offset", [Corrected(target=10, data={**said(0), "at": "2026-03-03T10:00:00+01:00"}, reason="r")], 0),
    ],
)
def test_what_an_entry_says_is_known_since_it_says_so(what: str, acts: list[Any], known_since: int) -> None:
    known = stream(started(0), *acts)
    (fact,) = standing(known)
    assert (fact.known_at, fact.first_known_at) == (known[known_since][2], known[0][2])


def test_retracting_a_correction_gives_back_the_very_facts_of_before() -> None:
    known = stream(started(0), started(3, "O2"), corrected(10, 5), retracted(12))
    assert standing(known) == standing(known[:2]) != standing(known[:3])


def test_a_correction_to_itself_changes_nothing_that_is_said() -> None:
    known = stream(started(0), corrected(10, 0))
    assert [fact.event for fact in standing(known)] == [fact.event for fact in standing(known[:1])]


def test_a_correction_replaces_the_whole_payload() -> None:
    first = OutageStarted(outage="O1", environment="production", effect="no_access", at=START, note="by probe 7")
    (fact,) = standing(stream(first, corrected(10, 0)))
    assert fact.event.note is None


def test_an_id_means_the_last_entry_of_that_id_before() -> None:
    """Two sources may use one id; the writer refuses such a name, and what was recorded before keeps its sense."""
    same = {10: "x", 12: "x"}
    known = stream(started(0), retracted("x"), started(3, "O2"), ids=same)
    assert minutes(standing(known)) == [3]
    twice = stream(started(0), started(3, "O2"), retracted("x"), ids={10: "x", 11: "x"})
    assert minutes(standing(twice)) == [0]


def test_a_correction_known_before_its_target_waits_for_it() -> None:
    """Under attested knowledge an act may count as known earlier than what it speaks of."""
    known = stream(started(0), corrected("e10", 5), retracted("e11"))
    assert standing([known[1]]) == []
    assert standing([known[1], known[2]]) == []
    early = [(10, known[0][1], known[0][2]), (11, known[1][1], START)]
    (fact,) = standing(early)
    assert minutes([fact]) == [5]
    assert fact.known_at == known[0][2], "known only once the entry itself was"


def test_withdrawn_names_entries_corrections_and_retractions() -> None:
    known = stream(started(0), corrected(10, 5), retracted(11), retracted(12), retracted(10))
    assert withdrawn(known) == {12, 10}
    assert withdrawn(known[:3]) == {11}


def test_an_unread_entry_and_what_is_said_of_it_are_passed_over() -> None:
    newer = encode_entry(entry("contract:C1", 1, "2026-03-04T09:00:00Z", started(0))).replace(
        b'"outage_started"', b'"quantum_outage_started"'
    )
    known = known_as_recorded([(10, decode_entry(newer)), *((p, e) for p, e, _ in stream(corrected(10, 5), started(1), first=11))])
    assert minutes(standing(known)) == [1]


def test_a_correction_a_newer_version_wrote_makes_its_fact_unread_and_not_a_crash() -> None:
    newer = Corrected(target=10, data={**said(5), "certainty": "high"}, reason="r")
    assert minutes(standing(stream(started(0), started(1, "O2"), newer))) == [1]
    assert minutes(standing(stream(started(0), newer, corrected(10, 7)))) == [7]


def test_a_correction_may_not_speak_of_another_thing() -> None:
    check_identity(started(0), started(9))
    with pytest.raises(Refused, match="changed_identity"):
        check_identity(started(0), started(0, "O2"))
    failed = {"scope": "client_data", "tiers": ["daily"], "started_at": "2026-03-03T00:00:00Z", "failed_at": "2026-03-03T01:00:00Z"}
    one, other = (event_of("backup_failed", {"backup": b, **failed}) for b in ("B1", "B2"))
    assert isinstance(one, BackupFailed)
    with pytest.raises(Refused, match="changed_identity"):
        check_identity(one, other)
    ticked = {"at": "2026-03-03T00:00:00Z"}  # no step orders ticks, and a dossier is a dossier all the same
    with pytest.raises(Refused, match="changed_identity"):
        check_identity(*(event_of("dossier_ticked", {"dossier": d, **ticked}) for d in ("D1", "D2")))
    rolled = {"update": "U1", "at": "2026-03-03T00:00:00Z"}
    with pytest.raises(Refused, match="changed_identity"):  # a roll-out is one thing in each environment
        check_identity(event_of("update_rolled_out", rolled), event_of("update_rolled_out", {**rolled, "environment": "recette"}))


# --- the oracle ---


Act = tuple[str, int, int, bool]  # what, which earlier entry, minute, whether named by id
LIVES = st.lists(st.tuples(st.sampled_from(["say", "correct", "retract"]), st.integers(0, 30), st.integers(0, 59), st.booleans()), max_size=14)  # fmt: skip


def told(acts: list[Act]) -> list[Known]:
    events: list[Any] = [started(0, "O0")]
    for what, which, minute, by_id in acts:
        position = 10 + which % len(events)
        target: str | int = f"e{position}" if by_id else position
        if what == "say":
            events.append(started(minute, f"O{len(events)}"))
        elif what == "correct":
            events.append(Corrected(target=target, data=said(minute, f"O{position - 10}"), reason="r"))
        else:
            events.append(retracted(target))
    return stream(*events)


def naive(known: list[Known]) -> list[tuple[int, Any, tuple[int, ...]]]:
    """An entry stands unless a standing retraction names it; of its standing corrections the last is what it says."""
    names = {e.id: p for p, e, _ in known}

    def target(event: Any) -> int:
        found = event.target if isinstance(event.target, int) else names[event.target]
        assert isinstance(found, int)
        return found

    def stands(position: int) -> bool:
        return not any(isinstance(e.event, Retracted) and target(e.event) == position and stands(p) for p, e, _ in known)

    found = []
    for position, written, _ in known:
        if isinstance(written.event, Corrected | Retracted) or not stands(position):
            continue
        corrections = [(p, e.event) for p, e, _ in known if isinstance(e.event, Corrected) and target(e.event) == position and stands(p)]
        if corrections:
            last, event = corrections[-1]
            found.append((position, event_of("outage_started", event.data), (position, last)))
        else:
            found.append((position, written.event, (position,)))
    return found


@given(LIVES)
@example([("correct", 0, 5, False), ("retract", 1, 0, True), ("retract", 2, 0, False), ("retract", 2, 0, False)])
def test_what_stands_is_what_filtering_and_replaying_finds(acts: list[Act]) -> None:
    known = told(acts)
    assert [(f.position, f.event, f.positions) for f in standing(known)] == naive(known)


@given(LIVES, st.integers(0, 15))
def test_what_is_recorded_later_never_changes_what_stood(acts: list[Act], cut: int) -> None:
    known = told(acts)
    moment = known[min(cut, len(known) - 1)][2]
    before = [k for k in known if k[2] <= moment]
    assert standing(before) == standing(told(acts[: len(before) - 1]))


@given(LIVES, st.integers(0, 15), st.integers(0, 59))
def test_retracting_any_new_correction_gives_back_the_facts_of_before(acts: list[Act], which: int, minute: int) -> None:
    before = standing(told(acts))
    position = 10 + which % (len(acts) + 1)
    after = told([*acts, ("correct", which % (len(acts) + 1), minute, False), ("retract", len(acts) + 1, 0, True)])
    assert standing(after) == before, position
