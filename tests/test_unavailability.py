"""Which interruptions count: where, for whom, seen from where, claimed by whom, on which service (articles 4 to 6)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.spans import length, union
from projections.frame import Frames
from projections.unavailability import interruptions, unavailable, weighed
from tests.story import CONTRACT, at
from tests.test_availability import blocking, march, outage, told, workings
from tests.test_exclusions import MT_1, ON_SERVICE

TEN, ELEVEN, NOON = "2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00", "2026-03-03T12:00:00+01:00"
LATER = "2026-03-05T00:00:00Z"


def lost(*lines: Any, reading: dict[str, str] | None = None, **known: Any) -> int:
    found: int = march(*lines, reading=reading, **known)["ti_seconds"]
    return found


@pytest.mark.parametrize(
    ("data", "ti", "why_not"),
    [
        ({"effect": "no_access"}, 3600, None),
        ({"effect": "no_login"}, 3600, None),
        ({"effect": "degraded"}, 0, "effect degraded leaves access and login (art. 6)"),
        ({"environment": "recette"}, 0, "environment recette is not rated (art. 6)"),
        ({"vantage": "paris-1"}, 3600, None),
        ({"vantage": "FR_METRO/Lyon"}, 3600, None),
        ({"vantage": "montreal"}, 0, "seen from montreal only (art. 4)"),
        ({"effect": "partial_users", "users_affected": 3, "users_total": 4}, 0, "some users only (partial_effect=exclude)"),
        ({"effect": "partial_users", "users_affected": 4, "users_total": 4}, 3600, None),
    ],
)
def test_an_outage_counts_on_production_for_all_users_seen_from_france(
    data: dict[str, Any], ti: int, why_not: str | None
) -> None:
    lines = outage(TEN, ELEVEN, **data)
    assert lost(lines) == ti
    (row,) = workings(lines)["stops"]
    assert (row["counted_seconds"], row["in_prt_seconds"], row["why_not"]) == (ti, 3600, why_not)


def test_an_outage_seen_from_anywhere_counts_where_the_booklet_names_no_place() -> None:
    lines = [("2025-09-01T08:00:00Z", "contract_started", CONTRACT), *outage(TEN, ELEVEN, vantage="montreal")]
    assert lost(lines, booklet="always-on") == 3600


def test_a_stop_for_maintenance_elsewhere_than_on_production_is_not_rated() -> None:
    assert lost(blocking("M1", TEN, ELEVEN)) == 3600
    assert lost(blocking("M1", TEN, ELEVEN, environment="recette")) == 0


def test_work_that_stops_nobody_costs_nothing() -> None:
    assert lost([line for line in blocking("M1", TEN, ELEVEN) if not line[1].startswith("blocking")]) == 0


def test_each_stop_of_one_maintenance_counts_and_the_time_between_does_not() -> None:
    marks = [("blocking_started", TEN), ("blocking_ended", "2026-03-03T10:10:00+01:00")]
    marks += [("blocking_started", "2026-03-03T10:50:00+01:00"), ("blocking_ended", ELEVEN)]
    lines = [(TEN, "maintenance_started", {"maintenance": "M1", "kind": "planned", "at": TEN})]
    lines += [(when, kind, {"maintenance": "M1", "at": when}) for kind, when in marks]
    assert lost(lines) == 1200
    assert [row["in_prt_seconds"] for row in workings(lines)["stops"]] == [600, 600]


# --- what a customer claims ---

CLAIM = (LATER, "outage_claimed", {"claim": "K1", "from": TEN, "to": ELEVEN})
ACCEPTED = ("2026-03-06T00:00:00Z", "outage_claim_accepted", {"claim": "K1"})
REJECTED = ("2026-03-07T00:00:00Z", "outage_claim_rejected", {"claim": "K1", "reason": "our probes saw nothing"})


@pytest.mark.parametrize(
    ("answers", "ti", "contested"),
    [((), 0, 3600), ((ACCEPTED,), 3600, 0), ((REJECTED,), 0, 0), ((ACCEPTED, REJECTED), 0, 0)],
)
def test_a_claimed_outage_counts_once_accepted_and_until_answered_opens_a_range(
    answers: tuple[Any, ...], ti: int, contested: int
) -> None:
    found = march(CLAIM, *answers)
    assert (found["ti_seconds"], found["contested_seconds"]) == (ti, contested)
    assert (found["range"] is None) == (contested == 0)
    (row,) = workings(CLAIM, *answers)["stops"]
    assert (row["kind"], row["counted_seconds"], row["contested"]) == ("claim", ti, contested > 0)


def test_a_claim_of_seconds_already_lost_contests_nothing() -> None:
    found = march(CLAIM, outage(TEN, NOON))
    assert (found["ti_seconds"], found["contested_seconds"], found["range"]) == (7200, 0, None)


def test_a_claim_of_some_users_has_no_share_to_count_by() -> None:
    some = (LATER, "outage_claimed", {"claim": "K1", "from": TEN, "to": ELEVEN, "effect": "partial_users"})
    assert lost(some, ACCEPTED, reading={"partial_effect": "any"}) == 3600
    assert lost(some, ACCEPTED, reading={"partial_effect": "prorata"}) == 0


# --- services ---


def test_an_outage_of_a_service_counts_while_the_contract_is_on_it() -> None:
    joined = ("2026-03-03T10:00:00+01:00", "service_assigned", {"service": "mt-2", "effective_from": TEN})
    left = ("2026-03-03T11:00:00+01:00", "service_unassigned", {"service": "mt-2", "effective_from": ELEVEN})
    lines = outage("2026-03-03T09:00:00+01:00", NOON, on={"subject": "service:mt-2"})
    assert lost(lines) == 0
    assert lost(joined, lines) == 7200
    assert lost(joined, left, lines) == 3600


def test_two_outages_of_one_name_on_two_streams_are_two_and_told_apart() -> None:
    lines = [ON_SERVICE, outage(TEN, ELEVEN), outage(ELEVEN, NOON, on=MT_1)]
    assert lost(*lines) == 7200
    assert [row["id"] for row in workings(*lines)["stops"]] == ["O1", "mt-1/O1"]


# --- what is known only in part ---


def test_an_end_known_before_its_start_is_no_outage_yet() -> None:
    """Under `knowledge=attested` an end may be attested earlier than the start it belongs to."""
    begun, ended = outage(TEN, ELEVEN)
    lines = [(LATER, *begun[1:3], {"attestedat": "2026-03-04T00:00:00Z"}), (LATER, *ended[1:3], {"attestedat": ELEVEN})]
    attested = {"knowledge": "attested"}
    assert lost(lines, known_at="2026-03-03T23:59:59Z", **attested) == 0
    assert lost(lines, known_at="2026-03-04T00:00:00Z", **attested) == 3600


def test_stops_of_work_not_known_to_have_begun_wait_for_it_and_its_end_ends_them() -> None:
    work, start, end, over = blocking("M1", TEN, ELEVEN)
    lines = [
        (LATER, *work[1:3], {"attestedat": "2026-03-03T12:00:00Z"}), (LATER, *start[1:3], {"attestedat": TEN}),
        (LATER, *end[1:3]), (LATER, *over[1:3], {"attestedat": ELEVEN}),
    ]  # fmt: skip
    attested = {"knowledge": "attested"}
    assert lost(lines, known_at="2026-03-03T11:59:59Z", **attested) == 0
    assert lost(lines, known_at="2026-03-04T12:00:00Z", **attested) == 3600  # no blocking_ended known: the work's end


def test_a_stop_begun_again_before_its_end_is_known_is_one_stop() -> None:
    lines = [(TEN, "maintenance_started", {"maintenance": "M1", "kind": "planned", "at": TEN})]
    marks = [("blocking_started", TEN, TEN), ("blocking_ended", "2026-03-03T10:10:00+01:00", LATER)]
    marks += [("blocking_started", "2026-03-03T10:50:00+01:00", ELEVEN), ("blocking_ended", ELEVEN, ELEVEN)]
    lines += [(LATER, kind, {"maintenance": "M1", "at": when}, {"attestedat": known}) for kind, when, known in marks]
    assert lost(lines, knowledge="attested", known_at=NOON) == 3600
    assert lost(lines, knowledge="attested") == 1200


# --- for others to ask ---


def test_the_seconds_unavailable_are_those_of_every_stop_that_counts_in_and_out_of_hours() -> None:
    found = told(outage(TEN, ELEVEN), blocking("M1", "2026-03-03T10:30:00+01:00", "2026-03-03T23:00:00+01:00"), CLAIM)
    day = at("2026-03-03T00:00:00+01:00"), at("2026-03-03T22:00:00+01:00")
    assert unavailable(found, Frames(found).at(day[0]), day) == ((at(TEN), day[1]),)
    assert unavailable(found, Frames(found).at(day[0]), (day[0], at(TEN))) == ()


def test_looking_near_a_span_finds_every_stop_that_touches_it() -> None:
    found = told(outage(TEN, ELEVEN), blocking("M1", ELEVEN, NOON), outage(NOON, None, "O2"))
    every = interruptions(found)
    assert [stop.key[1] for stop in every] == ["O1", "M1", "O2"]
    for within in ((at(TEN), at(ELEVEN)), (at(ELEVEN), at(NOON)), (at(NOON), at(NOON) + 1), (at(TEN), at(NOON))):
        touching = [stop for stop in every if stop.start < within[1] and stop.end > within[0]]
        assert [s for s in interruptions(found, within) if s.start < within[1] and s.end > within[0]] == touching


PARTS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40))).map(union),
        st.sampled_from([Fraction(1), Fraction(1, 3), Fraction(2, 7)]),
    ),
    max_size=5,
)


@given(parts=PARTS)
def test_a_second_lost_to_several_costs_the_greatest_share_or_their_sum(parts: list[Any]) -> None:
    shares = [[weight for spans, weight in parts if any(a <= s < b for a, b in spans)] for s in range(40)]
    assert weighed(parts, "union") == sum((max(each) for each in shares if each), Fraction(0))
    assert weighed(parts, "sum") == sum((sum(each) for each in shares), Fraction(0))
    assert weighed(parts, "sum") <= sum(length(spans) for spans, _ in parts)
