"""How much notice an announcement gave: from which date it runs, and how its hours are counted.

Article 5, Amb-04, Amb-05 and Amb-33. A switch is looked at only where its values differ for the announcements at
hand, so that a replay under every reading need not try what could not matter.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.corrections import Fact
from ledger.readings import Reading
from ledger.spans import Instant
from projections.finding import at
from projections.frame import Frame


def in_force(announced: Iterable[Fact], called_off: Iterable[Fact], started_at: Instant | None) -> tuple[Fact, ...]:
    """The announcements published by the start of the work, the one in force last; none once it is called off.

    Before there is a start, all of them were.
    """

    def by_start(fact: Fact) -> bool:
        return started_at is None or at(fact, "published_at") <= started_at

    if any(map(by_start, called_off)):
        return ()
    return tuple(sorted(filter(by_start, announced), key=lambda fact: (at(fact, "published_at"), fact.position)))


def dated(announced: tuple[Fact, ...], reading: Reading) -> tuple[Fact, ...]:
    """The announcements from the one whose date counts to the one in force (Amb-05)."""
    if len(announced) < 2:
        return announced
    first = 0 if reading.reschedule_notice == "never" else len(announced) - 1
    while reading.reschedule_notice == "material_change" and first and _inside(announced[first], announced[first - 1]):
        first -= 1
    return announced[first:]


def _inside(new: Fact, old: Fact) -> bool:
    """A slot within the old one: the customer knew already that this time was at risk."""
    return at(old, "planned_start") <= at(new, "planned_start") and at(new, "planned_end") <= at(old, "planned_end")


def reference(chain: tuple[Fact, ...], frame: Frame) -> str:
    """The field notice runs from (Amb-33): publication where the announcement lacks the one asked for."""
    event = chain[0].event
    if event.planned_at is None and event.received_at is None:
        return "published_at"
    field = f"{frame.reading.notice_reference}_at"
    return field if getattr(event, field) is not None else "published_at"


def seconds_given(chain: tuple[Fact, ...], frame: Frame) -> int | None:
    """Seconds from the date that counts to the planned start, as they pass or as clocks show them (Amb-04)."""
    if not chain:
        return None
    since, start = at(chain[0], reference(chain, frame)), at(chain[-1], "planned_start")
    by_the_wall = frame.calendar.wall_seconds(start) - frame.calendar.wall_seconds(since)
    if by_the_wall != start - since and frame.reading.notice_clock == "wall":
        return by_the_wall
    return start - since
