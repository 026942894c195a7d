"""What is set against an outage: the window, emergencies, claims, and what is contested of them (article 6 i to v)."""

from __future__ import annotations

from typing import Any

import pytest

from projections.availability import availability
from projections.exclusions import EMERGENCY, GROUNDS, WINDOW
from projections.frame import Frames
from projections.maintenance import maintenance
from tests.story import CONTRACT, history
from tests.test_availability import EVIDENCE, announced, blocking, excluded, march, month_of, outage, told, workings

TEN, ELEVEN, NOON = "2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00", "2026-03-03T12:00:00+01:00"
HALF_PAST = "2026-03-03T10:30:00+01:00"
LATER, MUCH_LATER = "2026-03-05T00:00:00Z", "2026-03-20T00:00:00Z"
OUTAGE = outage(TEN, NOON)
SHELTER = excluded(TEN, ELEVEN, LATER)


def said(verb: str, recorded_at: str = MUCH_LATER, name: str = "X1") -> tuple[Any, ...]:
    return (recorded_at, f"exclusion_{verb}", {"exclusion": name, "reason": "as the logs show"})


def lost(*lines: Any, reading: dict[str, str] | None = None, **known: Any) -> tuple[int, int]:
    """What the month lost, and how much of what it did not lose is contested."""
    found = march(*lines, reading=reading, **known)
    return found["ti_seconds"], found["contested_seconds"]


# --- what stands ---


@pytest.mark.parametrize(
    ("answers", "ti", "contested"),
    [
        ((), 3600, 0),
        (("contested",), 3600, 3600),
        (("accepted",), 3600, 0),
        (("contested", "accepted"), 3600, 0),
        (("contested", "upheld"), 3600, 0),
        (("contested", "rejected"), 7200, 0),
        (("rejected",), 7200, 0),
    ],
)
def test_a_claim_stands_until_rejected_and_is_contested_until_decided(
    answers: tuple[str, ...], ti: int, contested: int
) -> None:
    assert lost(OUTAGE, SHELTER, [said(verb) for verb in answers]) == (ti, contested)


def test_a_claim_before_the_answer_is_judged_by_what_was_said_then() -> None:
    story = [*OUTAGE, SHELTER, said("contested", "2026-03-10T00:00:00Z"), said("rejected")]
    assert lost(story, known_at="2026-03-09T00:00:00Z") == (3600, 0)
    assert lost(story, known_at="2026-03-10T00:00:00Z") == (3600, 3600)
    assert lost(story, known_at=MUCH_LATER) == (7200, 0)


def test_seconds_under_a_contested_and_an_accepted_claim_are_not_contested() -> None:
    again = excluded(TEN, HALF_PAST, LATER, "X2", ground="force_majeure")
    assert lost(OUTAGE, SHELTER, said("contested"), again, said("accepted", name="X2")) == (3600, 1800)


def test_a_ground_the_booklet_does_not_know_excludes_nothing() -> None:
    lines = [
        ("2025-09-01T08:00:00Z", "contract_started", CONTRACT),
        *OUTAGE,
        excluded(TEN, ELEVEN, LATER, ground="outside_service_scope"),
    ]
    assert march(lines)["ti_seconds"] == 3600
    assert march(lines, booklet="always-on")["ti_seconds"] == 7200


def test_the_grounds_are_those_of_article_6_in_its_order() -> None:
    assert GROUNDS[:2] == (WINDOW, EMERGENCY)
    assert len(set(GROUNDS)) == 5


# --- two causes at once (Amb-29) ---

OTHER = outage(HALF_PAST, NOON, "O2")


def test_a_claim_for_one_outage_gives_way_where_another_runs_too() -> None:
    named = excluded(TEN, ELEVEN, LATER, outage="O1")
    assert lost(OUTAGE, OTHER, named)[0] == 5400
    assert lost(OUTAGE, OTHER, named, reading={"concurrent": "excluded_if_any"})[0] == 3600
    assert lost(OUTAGE, OTHER, SHELTER)[0] == 3600  # it names no outage: its interval whole
    switches = workings(OUTAGE, OTHER, named)["switches"]
    assert {"switch": "concurrent", "value": "excluded_only_where_sole_cause"} in switches


def test_another_outage_that_is_itself_excluded_is_no_other_cause() -> None:
    named, also = excluded(TEN, ELEVEN, LATER, outage="O1"), excluded(TEN, NOON, LATER, "X2", outage="O2")
    assert lost(OUTAGE, OTHER, named, also)[0] == 3600
    assert lost(OUTAGE, OTHER, named, also, said("rejected", name="X2"))[0] == 5400


def test_an_exclusion_shows_what_it_takes_out_where_a_general_one_does_too() -> None:
    named, general = excluded(TEN, ELEVEN, LATER, outage="O1"), excluded(HALF_PAST, NOON, LATER, "X2")
    rows = workings(OUTAGE, OTHER, named, general)["exclusions"]
    assert [(row["id"], row["excluded_seconds"]) for row in rows] == [("X1", 3600), ("X2", 5400)]


def test_a_maintenance_of_the_same_name_is_not_the_outage_an_exclusion_names() -> None:
    work = blocking("O1", HALF_PAST, ELEVEN)
    assert lost(outage(TEN, ELEVEN), work, excluded(TEN, ELEVEN, LATER, outage="O1"))[0] == 1800


@pytest.mark.parametrize("other", [{"environment": "recette"}, {"effect": "degraded"}, {"vantage": "montreal"}])
def test_what_does_not_count_is_no_other_cause(other: dict[str, str]) -> None:
    ignored = outage(HALF_PAST, NOON, "O2", **other)
    assert lost(OUTAGE, ignored, excluded(TEN, ELEVEN, LATER, outage="O1"))[0] == 3600


def test_an_open_claim_is_another_cause_in_the_worst_case_only() -> None:
    open_claim = (LATER, "outage_claimed", {"claim": "K1", "from": HALF_PAST, "to": NOON})
    assert lost(OUTAGE, open_claim, excluded(TEN, ELEVEN, LATER, outage="O1")) == (3600, 1800)


# --- emergencies (Amb-02, Amb-38) ---

EMERGENCY_STOP = blocking("M1", TEN, ELEVEN, "emergency")


@pytest.mark.parametrize(
    ("emergency", "bare", "evidenced"), [("as_declared", 0, 0), ("not_accepted", 3600, 3600), ("evidenced_only", 3600, 0)]
)
def test_an_emergency_stop_is_excluded_as_declared_never_or_with_evidence(
    emergency: str, bare: int, evidenced: int
) -> None:
    reading = {"emergency": emergency}
    assert lost(EMERGENCY_STOP, reading=reading)[0] == bare
    assert lost(blocking("M1", TEN, ELEVEN, "emergency", evidence=[EVIDENCE]), reading=reading)[0] == evidenced
    found = march(EMERGENCY_STOP, reading=reading)
    assert (found["gross_unavailable_seconds"], found["excluded_seconds"]) == (3600, 3600 - bare)
    assert found["excluded_by_ground"] == ({} if bare else {"emergency_maintenance": 3600})


@pytest.mark.parametrize(("emergency", "ti"), [("as_declared", 3600), ("not_accepted", 7200), ("evidenced_only", 3600)])
def test_an_exclusion_claimed_as_an_emergency_obeys_the_same_switch(emergency: str, ti: int) -> None:
    claim = excluded(TEN, ELEVEN, LATER, ground=EMERGENCY)
    assert lost(OUTAGE, claim, said("accepted"), reading={"emergency": emergency})[0] == ti


def test_an_emergency_declared_before_its_stop_ended_is_not_contested_and_one_declared_after_is() -> None:
    stop = blocking("M1", TEN, ELEVEN, "emergency")
    for recorded_at, contested in (("2026-03-03T11:00:00+01:00", 0), ("2026-03-03T11:00:01+01:00", 3600)):
        told_late = [(recorded_at, *line[1:]) for line in stop]
        assert lost(told_late) == (0, contested)
        assert lost(told_late, reading={"relabel": "accepted"}) == (0, 0)


def test_an_emergency_without_its_urgency_is_contested_however_early_it_was_declared() -> None:
    stop = blocking("M1", TEN, ELEVEN, "emergency", urgency_reason=" ")
    assert lost(stop) == (0, 3600)


def test_what_is_declared_while_the_stop_still_runs_is_not_late_within_the_second_either() -> None:
    declared = [("2026-03-03T09:30:00.5Z", *line[1:]) for line in blocking("M1", TEN, None, "emergency")]
    assert lost(declared, known_at="2026-03-03T09:30:00.7Z") == (0, 0)
    told_so = ("2026-03-03T09:30:00.5Z", *excluded(TEN, HALF_PAST, LATER, ground=EMERGENCY, outage="O1")[1:])
    assert lost(outage(TEN, None), told_so, known_at="2026-03-03T09:30:00.7Z") == (0, 0)


def corrected(recorded_at: str, target: str, **data: Any) -> tuple[Any, ...]:
    return (recorded_at, "corrected", {"target": target, "data": data, "reason": "it was urgent"})


def test_planned_work_called_an_emergency_afterwards_is_contested() -> None:
    stop = blocking("M1", TEN, ELEVEN)
    urgent = {"maintenance": "M1", "kind": "emergency", "at": TEN, "urgency_reason": "a flaw being exploited"}
    assert lost(stop) == (3600, 0)
    assert lost(stop, corrected(HALF_PAST, "M1-started", **urgent)) == (0, 0)
    late = corrected("2026-03-03T11:00:01+01:00", "M1-started", **urgent)
    assert lost(stop, late) == (0, 3600)
    assert lost(stop, late, reading={"relabel": "accepted"}) == (0, 0)
    tidied = corrected(LATER, "M1-started", **urgent, change_ref="CHG-1")
    assert lost(stop, corrected(HALF_PAST, "M1-started", **urgent), tidied) == (0, 0)  # said in time, then tidied


def test_an_emergency_called_so_late_is_contested_until_it_is_accepted() -> None:
    late = [(LATER, *line[1:]) for line in EMERGENCY_STOP]
    claim = excluded(TEN, ELEVEN, LATER, ground=EMERGENCY)
    assert lost(late, claim) == (0, 3600)
    assert lost(late, claim, said("accepted")) == (0, 0)
    assert lost(late, claim, said("contested"), said("upheld")) == (0, 0)


def test_an_emergency_declared_in_time_can_still_be_contested_through_a_claim_of_it() -> None:
    claim = excluded(TEN, HALF_PAST, LATER, ground=EMERGENCY)
    assert lost(EMERGENCY_STOP, claim) == (0, 0)
    assert lost(EMERGENCY_STOP, claim, said("contested")) == (0, 1800)
    assert lost(EMERGENCY_STOP, claim, said("contested"), reading={"relabel": "accepted"}) == (0, 1800)


def test_an_outage_claimed_as_an_emergency_after_it_ended_is_contested() -> None:
    after = excluded(TEN, ELEVEN, LATER, ground=EMERGENCY, outage="O1")
    during = excluded(TEN, ELEVEN, "2026-03-03T11:30:00+01:00", ground=EMERGENCY, outage="O1")
    at_once = excluded(TEN, ELEVEN, ELEVEN, ground=EMERGENCY)
    assert lost(OUTAGE, after) == (3600, 3600)
    assert lost(OUTAGE, after, said("accepted")) == (3600, 0)
    assert lost(OUTAGE, after, reading={"relabel": "accepted"}) == (3600, 0)
    assert lost(OUTAGE, during) == (3600, 0)  # the outage it names still ran
    assert lost(OUTAGE, at_once) == (3600, 0)


def test_an_accepted_emergency_is_not_held_against_itself_where_its_stop_is_recorded_too() -> None:
    late = [(LATER, *line[1:]) for line in blocking("M1", TEN, NOON, "emergency")]
    named = excluded(TEN, NOON, LATER, ground=EMERGENCY, outage="O1")
    assert lost(OUTAGE, late, named, said("accepted")) == (0, 0)


def test_other_grounds_may_be_claimed_afterwards_without_being_contested() -> None:
    assert lost(OUTAGE, excluded(TEN, ELEVEN, MUCH_LATER, outage="O1")) == (3600, 0)


# --- the window (Amb-03, Amb-09) ---

OVERRUN = blocking("M1", "2026-03-03T23:00:00+01:00", "2026-03-04T07:30:00+01:00")
IN_TIME = announced("M1", "2026-02-20T10:00:00+01:00", "2026-03-03T23:00:00+01:00", "2026-03-04T06:00:00+01:00")


def test_planned_work_that_overruns_the_window_counts_unless_the_window_is_its_cause() -> None:
    assert lost(IN_TIME, OVERRUN)[0] == 1800
    causal = march(IN_TIME, OVERRUN, reading={"window_exclusion": "causal"})
    assert (causal["gross_unavailable_seconds"], causal["ti_seconds"]) == (1800, 0)
    assert causal["excluded_by_ground"] == {"maintenance_window": 1800}


@pytest.mark.parametrize(
    ("start", "ti"),
    [("2026-03-04T06:59:59+01:00", 0), ("2026-03-04T07:00:00+01:00", 1800), ("2026-03-03T19:59:59+01:00", 1801)],
)
def test_a_stop_that_did_not_begin_in_the_window_is_not_caused_by_it(start: str, ti: int) -> None:
    stop = blocking("M1", start, "2026-03-04T07:30:00+01:00")
    assert lost(IN_TIME, stop, reading={"window_exclusion": "causal"})[0] == ti


def test_a_stop_that_began_the_night_before_the_month_is_caused_by_the_window_too() -> None:
    stop = blocking("M1", "2026-03-31T23:00:00+02:00", "2026-04-01T07:30:00+02:00")
    assert month_of("2026-04", stop)["ti_seconds"] == 1800
    assert month_of("2026-04", stop, reading={"window_exclusion": "causal"})["ti_seconds"] == 0


def test_work_in_the_reference_hours_counts_however_well_announced() -> None:
    """Amb-37: notice is no exclusion."""
    notice = announced("M1", "2026-02-01T10:00:00+01:00", TEN, ELEVEN)
    assert lost(notice, blocking("M1", TEN, ELEVEN))[0] == 3600


@pytest.mark.parametrize(
    ("published_at", "ti"),
    [("2026-03-01T23:00:00+01:00", 1800), ("2026-03-01T23:00:01+01:00", 8 * 3600 + 1800), (None, 8 * 3600 + 1800)],
)
def test_work_without_its_notice_finds_no_shelter_where_that_is_pleaded(published_at: str | None, ti: int) -> None:
    slot = ("2026-03-03T23:00:00+01:00", "2026-03-04T06:00:00+01:00")
    notice = [announced("M1", published_at, *slot)] if published_at else []
    assert lost(notice, OVERRUN)[0] == 1800
    assert lost(notice, OVERRUN, reading={"unannounced": "counts"})[0] == ti
    both = {"unannounced": "counts", "window_exclusion": "causal"}
    assert lost(notice, OVERRUN, reading=both)[0] == (0 if ti == 1800 else ti)


def test_work_called_off_or_moved_too_late_is_work_without_notice() -> None:
    counts, whole = {"unannounced": "counts"}, 8 * 3600 + 1800
    off = ("2026-03-02T10:00:00+01:00", "maintenance_cancelled", {"maintenance": "M1",
           "published_at": "2026-03-02T10:00:00+01:00"})  # fmt: skip
    moved = ("2026-03-02T10:00:00+01:00", "maintenance_rescheduled", {
        "maintenance": "M1", "published_at": "2026-03-02T10:00:00+01:00",
        "planned_start": "2026-03-03T22:30:00+01:00", "planned_end": "2026-03-04T06:00:00+01:00"})  # fmt: skip
    assert lost(IN_TIME, OVERRUN, reading=counts)[0] == 1800
    assert lost(IN_TIME, off, OVERRUN, reading=counts)[0] == whole
    assert lost(IN_TIME, moved, OVERRUN, reading=counts)[0] == whole
    found = told(IN_TIME, moved, OVERRUN)
    because = availability(found, Frames(found, counts), "2026-03").because
    assert 12 in because  # the entry that moved it
    assert 11 not in because


MOVED_WITHIN = (IN_TIME, ("2026-03-02T10:00:00+01:00", "maintenance_rescheduled", {
    "maintenance": "M1", "published_at": "2026-03-02T10:00:00+01:00",
    "planned_start": "2026-03-03T23:00:00+01:00", "planned_end": "2026-03-04T05:00:00+01:00"}))  # fmt: skip
OVER_THE_CLOCKS = announced("M1", "2026-03-27T22:00:00+01:00", "2026-03-29T22:00:00+02:00", "2026-03-30T06:00:00+02:00")
RECEIVED = [(*IN_TIME[:2], {**IN_TIME[2], "planned_at": "2026-02-10T10:00:00+01:00", "received_at": "2026-03-02T23:00:00+01:00"})]


@pytest.mark.parametrize(
    ("notice", "starts", "switches", "sheltered"),
    [
        (MOVED_WITHIN, "2026-03-03T23:00:00+01:00", {}, True),  # Amb-05: this time was known to be at risk
        (MOVED_WITHIN, "2026-03-03T23:00:00+01:00", {"reschedule_notice": "any_change"}, False),
        (MOVED_WITHIN, "2026-03-03T23:00:00+01:00", {"reschedule_notice": "never"}, True),
        ([OVER_THE_CLOCKS], "2026-03-29T22:00:00+02:00", {}, False),  # Amb-04: 47 hours passed
        ([OVER_THE_CLOCKS], "2026-03-29T22:00:00+02:00", {"notice_clock": "wall"}, True),
        (RECEIVED, "2026-03-03T23:00:00+01:00", {}, True),
        (RECEIVED, "2026-03-03T23:00:00+01:00", {"notice_reference": "received"}, False),  # Amb-33
        (RECEIVED, "2026-03-03T23:00:00+01:00", {"notice_reference": "planned"}, True),
    ],
)
def test_work_without_shelter_is_the_work_whose_notice_is_short(
    notice: Any, starts: str, switches: dict[str, str], sheltered: bool
) -> None:
    work = blocking("M1", starts, starts.replace("T22:", "T23:").replace("T23:00", "T23:30"))
    found = told(*notice, *work)
    reading = {"unannounced": "counts", **switches}
    row = maintenance(found, Frames(found, reading)).result["M1"]
    assert row["notice_breach"] != sheltered
    answer = availability(found, Frames(found, reading), "2026-03")
    assert (answer.result["ti_seconds"] == 0) == sheltered
    assert set(switches) <= {each["switch"] for each in answer.workings["switches"]}


def test_what_is_published_once_the_work_has_begun_is_no_notice_of_it() -> None:
    work = [("2026-03-04T12:00:00Z", *line[1:]) for line in OVERRUN]
    after = announced("M1", "2026-03-03T23:30:00+01:00", "2026-03-06T23:00:00+01:00", "2026-03-07T06:00:00+01:00")
    assert lost(after, work, reading={"unannounced": "counts"})[0] == 8 * 3600 + 1800


def test_an_emergency_owes_no_notice() -> None:
    at_night = blocking("M1", "2026-03-03T23:00:00+01:00", "2026-03-04T06:00:00+01:00", "emergency")
    assert lost(at_night, reading={"unannounced": "counts"})[0] == 0


def in_new_york(*lines: Any, reading: dict[str, str] | None = None) -> dict[str, Any]:
    """A booklet whose reference hours are all hours, its window Sunday 02:00 to 06:00, 72 hours of notice."""
    found = history(("2025-09-01T08:00:00Z", "contract_started", CONTRACT), *lines, booklet="always-on")
    result: dict[str, Any] = availability(found, Frames(found, reading), "2026-03").result
    return result


def test_where_the_window_lies_in_the_reference_hours_it_excludes_by_the_clock_or_by_the_cause() -> None:
    notice = announced("M1", "2026-03-04T02:00:00-05:00", "2026-03-08T01:00:00-05:00", "2026-03-08T05:00:00-04:00")
    work = blocking("M1", "2026-03-08T01:00:00-05:00", "2026-03-08T05:00:00-04:00")  # clocks go forward at 02:00
    found = in_new_york(notice, *work)
    assert found["prt_minutes"] == 31 * 1440 - 60
    assert (found["gross_unavailable_seconds"], found["ti_seconds"]) == (3 * 3600, 3600)
    assert found["excluded_by_ground"] == {"maintenance_window": 7200}
    failure = outage("2026-03-15T03:00:00-04:00", "2026-03-15T04:00:00-04:00")
    assert in_new_york(*failure)["ti_seconds"] == 0  # a period shelters whatever happens in it
    assert in_new_york(*failure, reading={"window_exclusion": "causal"})["ti_seconds"] == 3600
    bare = in_new_york(*work, reading={"unannounced": "counts"})
    assert (bare["gross_unavailable_seconds"], bare["ti_seconds"]) == (3 * 3600, 3 * 3600)


# --- services and their contracts ---

ON_SERVICE = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["mt-1"]})
MT_1 = {"subject": "service:mt-1"}


def test_a_claim_of_the_contract_may_name_an_outage_of_its_service() -> None:
    lines = [ON_SERVICE, outage(TEN, NOON, on=MT_1), outage(HALF_PAST, NOON, "O2", on=MT_1)]
    named = excluded(TEN, ELEVEN, LATER, outage="O1")
    own_too = excluded(TEN, NOON, LATER, "X2", outage="O2")
    assert lost(*lines, named)[0] == 5400
    assert lost(*lines, named, own_too)[0] == 3600


def test_a_claim_on_the_service_holds_only_while_the_contract_is_on_it() -> None:
    left = ("2026-03-03T10:30:00+01:00", "service_unassigned", {"service": "mt-1", "effective_from": HALF_PAST})
    own = outage(TEN, NOON, "O2")
    shelter = (*excluded(TEN, ELEVEN, LATER), MT_1)
    assert lost(ON_SERVICE, own, shelter)[0] == 3600
    assert lost(ON_SERVICE, left, own, shelter)[0] == 5400
