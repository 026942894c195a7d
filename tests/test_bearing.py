"""A history cut to a period answers of it as the whole does, at every moment something was learnt."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.spans import moment
from projections.availability import breaches
from projections.bearing import bearing
from projections.frame import Frames
from projections.tally import measure, month_of
from projections.unavailability import interruptions
from tests.story import at
from tests.test_availability import ALL, S09, blocking, excluded, outage, told
from tests.test_exclusions import MT_1, ON_SERVICE

MARCH = at("2026-03-01T00:00:00+01:00"), at("2026-04-01T00:00:00+02:00")
LATE = "2026-06-01T00:00:00Z"


def kept(*lines: Any, **known: Any) -> list[str]:
    cut, _ = bearing(told(*lines, **known), MARCH)
    return [entry.event.__class__.__name__ for entries in cut.streams.values() for _, entry in entries]


def test_only_what_may_touch_the_period_is_kept_and_what_the_contract_says_of_itself() -> None:
    february = outage("2026-02-03T10:00:00+01:00", "2026-02-03T11:00:00+01:00")
    april = outage("2026-04-03T10:00:00+02:00", "2026-04-03T11:00:00+02:00", "O2")
    backup = ("2026-03-03T22:00:00+01:00", "backup_failed", {
        "backup": "B1", "scope": "client_data", "tiers": ["daily"], "started_at": "2026-03-03T21:00:00+01:00",
        "failed_at": "2026-03-03T22:00:00+01:00"})  # fmt: skip
    inside = outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00", "O3")
    assert kept(february, april, backup, inside) == ["ContractStarted", "OutageStarted", "OutageEnded"]


@pytest.mark.parametrize(
    "before",
    [
        outage("2026-02-03T10:00:00+01:00", None),
        [*outage("2026-02-03T10:00:00+01:00", None),
         (LATE, "outage_ended", {"outage": "O1", "at": "2026-02-03T11:00:00+01:00"})],
        [*outage("2026-02-03T10:00:00+01:00", None),
         ("2026-02-04T00:00:00Z", "outage_ended", {"outage": "O1", "at": "2026-02-03T11:00:00+01:00"}, {"id": "end"}),
         ("2026-02-05T00:00:00Z", "retracted", {"target": "end", "reason": "it was another one"})],
        [*outage("2026-04-03T10:00:00+02:00", "2026-04-03T11:00:00+02:00"),
         (LATE, "corrected", {"target": 11, "reason": "a month early", "data": {
             "outage": "O1", "environment": "production", "effect": "no_access", "at": "2026-03-31T10:00:00+02:00"}})],
    ],
    ids=["open", "ended but told late", "end withdrawn", "moved by a correction"],
)  # fmt: skip
def test_what_may_have_run_in_the_period_at_some_knowledge_is_kept(before: list[Any]) -> None:
    assert "OutageStarted" in kept(before)


def test_a_correction_keeps_its_target_where_another_entry_has_the_same_id() -> None:
    """An id is unique for its source only: the nearest earlier entry of that id is meant."""
    start, end = "2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00"
    begun, ended = outage(start, end)
    right = {"outage": "O1", "at": "2026-03-03T12:00:00+01:00"}
    lines = [
        begun, (*ended[:3], {"id": "same"}),
        (end, "access_codes_communicated", {"at": end}, {"id": "same"}),
        (LATE, "retracted", {"target": "same", "reason": "the codes"}),
        (LATE, "corrected", {"target": 12, "reason": "an hour more", "data": right}),
    ]  # fmt: skip
    whole = told(lines)
    cut, _ = bearing(whole, MARCH)
    assert [(s.start, s.end) for s in interruptions(cut)] == [(s.start, s.end) for s in interruptions(whole)]


def test_what_lies_after_the_position_asked_about_or_is_left_out_is_not_learnt() -> None:
    found = told(outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00"))
    whole, learnt = bearing(found, MARCH)
    assert [len(entries) for entries in whole.streams.values()] == [3]
    assert learnt == [MARCH[0], at("2026-03-03T09:00:00Z"), at("2026-03-03T10:00:00Z")]
    without, learnt = bearing(found.unlearning(frozenset({12})), MARCH)
    assert (without.without, learnt) == (frozenset({12}), [MARCH[0], at("2026-03-03T09:00:00Z")])
    found.position = 11
    assert bearing(found, MARCH)[1] == [MARCH[0], at("2026-03-03T09:00:00Z")]


def test_what_a_source_attests_is_learnt_then_only_where_attested_knowledge_is_asked_for() -> None:
    start = "2026-03-03T10:00:00+01:00"
    line = (LATE, *outage(start, None)[0][1:3], {"attestedat": start})
    assert bearing(told(line), MARCH)[1] == [MARCH[0], at(LATE)]
    assert bearing(told(line, knowledge="attested"), MARCH)[1] == [MARCH[0], at(start)]


STORIES: dict[str, list[Any]] = {
    "S09": S09,
    "services": [
        ON_SERVICE,
        *outage("2026-03-03T10:00:00+01:00", "2026-03-03T12:00:00+01:00", on=MT_1),
        *blocking("M1", "2026-03-04T10:00:00+01:00", "2026-03-04T12:00:00+01:00", "emergency"),
        ("2026-03-05T00:00:00Z", "service_unassigned", {"service": "mt-1", "effective_from": "2026-03-03T11:00:00Z"}),
        excluded("2026-03-03T10:00:00+01:00", "2026-03-03T10:30:00+01:00", "2026-04-02T00:00:00Z"),
        ("2026-04-03T00:00:00Z", "exclusion_contested", {"exclusion": "X1", "reason": "our router was up"}),
    ],
    "claims and bounds": [
        ("2026-03-05T00:00:00Z", "outage_claimed", {
            "claim": "K1", "from": "2026-03-03T10:00:00+01:00", "to": "2026-03-03T12:00:00+01:00"}),
        ("2026-03-15T00:00:00Z", "contract_suspended", {"effective_from": "2026-03-10T00:00:00+01:00"}),
        ("2026-03-16T00:00:00Z", "outage_claim_accepted", {"claim": "K1"}),
        ("2026-05-16T00:00:00Z", "outage_claim_rejected", {"claim": "K1", "reason": "our probes saw nothing"}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("knowledge", ["recorded", "attested"])
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("month", ["2026-01", "2026-03"])
def test_the_cut_history_gives_the_month_of_the_whole_at_every_knowledge(
    story: str, month: str, knowledge: str
) -> None:
    whole = told(STORIES[story], knowledge=knowledge)
    frame, label, span = month_of(whole, Frames(whole), month)
    cut, learnt = bearing(whole, span)
    assert learnt == sorted(set(learnt))
    assert learnt[0] >= span[0]
    moments = {at(line[0]) for line in STORIES[story]} | set(learnt)
    for known_at in sorted(m for m in moments if m >= span[0]):
        one, other = (each.as_known(moment(known_at)) for each in (whole, cut))
        a, b = (measure(each, frame, label, span, interruptions(each)) for each in (one, other))
        assert (a.gross, a.ti, a.ti_at_worst, a.prt, a.total) == (b.gross, b.ti, b.ti_at_worst, b.prt, b.total)


def test_a_breach_of_a_contract_recorded_late_is_knowable_since_the_contract_is() -> None:
    contract = ("2026-05-01T00:00:00.5Z", *ON_SERVICE[1:])
    found = told(contract, outage("2026-03-03T10:00:00+01:00", "2026-03-03T18:00:00+01:00", on=MT_1))
    (row,) = breaches(found, Frames(found), *ALL)
    assert row.row()["first_knowable_at"] == "2026-05-01T00:00:01Z"  # the first whole second by which it was known
