"""Notice told as announcements: from when it runs, how it is counted, and which switches had anything to decide."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.events import MaintenanceAnnounced, MaintenanceRescheduled
from projections.frame import Frames
from projections.notice import dated, reference, seconds_given
from tests.story import STARTED, at, history

# Paris clocks go forward on 29 March 2026: from noon to noon two days later are 47 hours
FIRST = {"maintenance": "M1", "published_at": "2026-03-27T12:00:00+01:00", "planned_start": "2026-03-29T12:00:00+02:00",
         "planned_end": "2026-03-29T18:00:00+02:00"}  # fmt: skip
INSIDE = {**FIRST, "published_at": "2026-03-28T12:00:00+01:00", "planned_end": "2026-03-29T14:00:00+02:00"}
LATER = {**FIRST, "published_at": "2026-03-28T12:00:00+01:00", "planned_end": "2026-03-29T19:00:00+02:00"}
HOUR = 3600


def told(*slots: dict[str, Any], **switches: str) -> tuple[Any, dict[str, None]]:
    """The notice in seconds of slots announced one after the other, and the switches looked at."""
    kinds = ["maintenance_announced", *["maintenance_rescheduled"] * (len(slots) - 1)]
    known = history(STARTED, *((slot["published_at"], kind, slot) for kind, slot in zip(kinds, slots, strict=True)))
    looked_at: dict[str, None] = {}
    frame = Frames(known, switches, looked_at).at(at("2026-03-29T12:00:00Z"))
    chain = dated(tuple(known.of(MaintenanceAnnounced, MaintenanceRescheduled)), frame.reading)
    return seconds_given(chain, frame), looked_at


@pytest.mark.parametrize(("clock", "hours"), [("elapsed", 47), ("wall", 48)])
def test_across_a_clock_change_hours_that_pass_are_not_those_the_wall_shows(clock: str, hours: int) -> None:
    assert told(FIRST, notice_clock=clock)[0] == hours * HOUR


@pytest.mark.parametrize(
    ("slot", "value", "hours"),
    [
        (INSIDE, "material_change", 47), (LATER, "material_change", 23), (INSIDE, "any_change", 23),
        (LATER, "any_change", 23), (INSIDE, "never", 47), (LATER, "never", 47),
    ],
)  # fmt: skip
def test_another_slot_starts_its_notice_anew_as_the_reading_says(slot: dict[str, Any], value: str, hours: int) -> None:
    assert told(FIRST, slot, reschedule_notice=value)[0] == hours * HOUR


@pytest.mark.parametrize(
    ("value", "hours"), [("published", 47), ("planned", 51), ("received", 47)]
)
def test_notice_runs_from_the_date_asked_for_where_the_announcement_has_it(value: str, hours: int) -> None:
    planned = {**FIRST, "planned_at": "2026-03-27T08:00:00+01:00"}
    assert told(planned, notice_reference=value)[0] == hours * HOUR


def test_a_switch_is_looked_at_only_where_it_decides_something() -> None:
    winter = {**FIRST, "published_at": "2026-03-10T12:00:00+01:00", "planned_start": "2026-03-13T12:00:00+01:00"}
    assert set(told(winter)[1]) == set()
    assert set(told(FIRST)[1]) == {"notice_clock"}
    assert set(told(winter, {**winter, "published_at": "2026-03-11T12:00:00+01:00"})[1]) == {"reschedule_notice"}
    assert set(told({**winter, "received_at": "2026-03-10T13:00:00+01:00"})[1]) == {"notice_reference"}


def test_no_announcement_gives_no_notice() -> None:
    frame = Frames(history(STARTED)).at(at("2026-03-29T12:00:00Z"))
    assert seconds_given((), frame) is None
    assert reference(tuple(history(STARTED, (FIRST["published_at"], "maintenance_announced", FIRST)).of(MaintenanceAnnounced)), frame) == "published_at"
