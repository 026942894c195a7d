"""The demo put together and recorded by a simulated clock, with the names of what is worth asking of it.

The clock of a demo ledger is no clock: it says, for each fact, the moment that fact was learnt, so that the
ledger looks as if it had been kept all along. Its opening entry says so in its origin, `demo/simulated-clock`,
and so does the note of each contract. Nothing recorded by another clock ever looks like that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from ledger.book import Ledger, open_ledger
from ledger.counting import number_of
from ledger.demo.real import STREAM, real_events
from ledger.demo.routine import backups, office_documents, requests
from ledger.demo.told import CONTRACT, SIMULATED, Event, said
from ledger.demo.year import NOTE, year
from ledger.errors import Refused
from ledger.intake.intake import instant

ORIGIN = "demo/simulated-clock"
REAL_CONTRACT = "C-REAL"

DEMO: dict[str, Any] = {
    "simulated_contract": CONTRACT,
    "real_contract": REAL_CONTRACT,
    "real_service": STREAM.partition(":")[2],
    "first_month": "2025-10",
    "last_month": "2026-09",
    "known_at": "2026-10-01T06:00:00Z",  # all of the year is learnt; nothing later is due
    "support_start": "2025-10-01",
    "breach_month": "2025-11",
    "corrected_month": {  # an end corrected on 2026-03-20 makes it a breach
        "month": "2026-02",
        "before": "2026-03-05T00:00:00Z",
        "after": "2026-04-01T00:00:00Z",
        "entry": "corrected/outage-ended/O-06",
    },
    "excluded_month": {  # an exclusion claimed on 2026-05-21, rejected by an expert on 2026-06-22
        "month": "2026-05",
        "before": "2026-06-05T00:00:00Z",
        "after": "2026-07-01T00:00:00Z",
        "entry": "exclusion/X-2/rejected",
    },
    "restores": {"restorable": "R-1", "out_of_retention": "R-2", "backup_missing": "R-3"},
    "backups": {
        "failed_night": "2025-11-18", "missed_night": "2026-02-07", "retried_night": "2026-05-05",
        "late": {"night": "2026-03-21", "before": "2026-03-25T00:00:00Z", "after": "2026-04-01T00:00:00Z"},
        "purged_early": "B-2026-05-10", "copy_lost": "B-2026-03-08",
        "one_copy_at": "2026-03-12T12:00:00+01:00",
    },
    "maintenance": {
        "proper": "M-01", "short_notice": "M-03", "overrun": "M-05", "early_blocking": "M-07", "emergency": "M-10",
    },
    "updates": {"informed_late": "U-26.1", "patch": "P-26.1.1"},
    "switch_that_turns_support": {"support_hours": "art_12_6"},
    # the real service has no facts but outages and maintenance: ask of it availability, maintenance, weather
    "real_breach_month": "2025-10",
    "real_learnt_late": {"month": "2022-04", "before": "2022-05-02T00:00:00Z", "after": "2022-05-04T00:00:00Z"},
}  # fmt: skip


def demo_events() -> list[Event]:
    """The whole story as CloudEvents with `attestedat`, in the order it was learnt; always the same."""
    return sorted(_told(), key=lambda event: instant(event["attestedat"]))


def _told() -> Iterator[Event]:
    real = real_events()
    yield real[0]
    yield {
        **said(
            "2020-11-26 00:00", "contract_started", "contract-real", subject=f"contract:{REAL_CONTRACT}",
            contract=REAL_CONTRACT, plan="open", service_start="2021-01-01 00:00",
            services=[real[0]["data"]["service"]],
            note=f"{NOTE}; the history of the service it runs on is real and public",
        ),
        "attestedat": real[0]["attestedat"],
    }  # fmt: skip
    yield from real[1:]
    yield from year()
    yield from backups()
    yield from office_documents()
    yield from requests()


def record_demo(url: str, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Make a ledger at `url` and record the demo in it, each fact at the moment it was learnt; its summary.

    Facts learnt at the same moment are one batch. `progress` is told how many of how many facts stand. A demo that
    was cut short goes on from its last batch. Raises `Refused("ledger_exists")` when `url` holds another ledger.
    """
    events = demo_events()
    clock = _SimulatedClock()
    with open_ledger(url, clock=clock, recorded_by="demo", origin=ORIGIN) as book:
        reached = _reached(book, url)
        done = 0
        for learnt_at, group in groupby(events, key=lambda event: instant(event["attestedat"])):
            clock.now = learnt_at.astimezone(UTC)
            batch = list(group)
            if clock.now > reached:
                book.record(batch)
            done += len(batch)
            if progress is not None:
                progress(done, len(events))
        return {**summary(events), "position": book.position}


def _reached(book: Ledger, url: str) -> datetime:
    """When the last of the demo was learnt that stands already."""
    if not book.position:
        return datetime.min.replace(tzinfo=UTC)
    ((_, first),) = book.entries(1, 1)
    if getattr(first.event, "origin", None) != ORIGIN:
        there = number_of(book.position, "entry")
        raise Refused("ledger_exists", f"{url} holds {there}; the demo needs a ledger of its own")
    ((_, last),) = book.entries(book.position)
    return last.recorded_at


def summary(events: list[Event]) -> dict[str, Any]:
    """What the story holds: how many events, of which types, of which streams, learnt between which moments."""
    return {
        "events": len(events),
        "simulated": sum(event["source"] == SIMULATED for event in events),
        "first_learnt_at": events[0]["attestedat"],
        "last_learnt_at": events[-1]["attestedat"],
        "streams": dict(sorted(Counter(event["subject"] for event in events).items())),
        "types": dict(sorted(Counter(event["type"] for event in events).items())),
        "ask": DEMO,
    }


class _SimulatedClock:
    """Says the moment it was last set to."""

    def __init__(self) -> None:
        self.now = datetime(1970, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now
