"""The peer of the benchmarks: an `eventsourcing` application as its users write it, on either engine.

Its events carry the same data as ours; it makes each by a call, saves a hundred at a time, and replays its notification
log section by section, each notification made the event it was.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from eventsourcing.application import Application, LocalNotificationLog
from eventsourcing.domain import Aggregate, event

from tests.benchmarks.ratios import Spent, spent

SECTION = Application.log_section_size  # as it comes


class Service(Aggregate):
    """An aggregate whose events say what ours do, unchecked."""

    @event("Happened")
    def happen(self, kind: str, data: dict[str, Any]) -> None:
        self.last = kind


def application(**environment: str) -> Any:
    """An application, its store named by the library's own environment variables."""
    return Application(environment)


def save_hundreds(app: Any, given: Sequence[Mapping[str, Any]], *, one_stream: bool) -> tuple[Spent, Spent]:
    """What making these events (CloudEvents) and saving a hundred at a time takes, and what of it `save()` alone.

    They go into a stream for each of their subjects, as ours do, or all into one, which the library does with less.
    """
    services: dict[str, Any] = {"" if one_stream else one["subject"]: Service() for one in given}
    app.save(*services.values())
    wall = processor = 0.0

    def make_and_save() -> None:
        nonlocal wall, processor
        told: dict[str, Any] = {}
        for n, one in enumerate(given, 1):
            subject = "" if one_stream else one["subject"]
            service = told[subject] = services[subject]
            service.happen(one["type"], one["data"])
            if n % 100 == 0:
                began, worked = time.perf_counter(), time.process_time()
                app.save(*told.values())
                wall += time.perf_counter() - began
                processor += time.process_time() - worked
                told.clear()

    whole = spent(make_and_save)
    return whole, Spent(wall, processor)


def read_log(app: Any, section: int) -> None:
    """Every notification of the log, in sections of this length."""
    log, start = LocalNotificationLog(app.recorder, section_size=section), 1
    while notifications := log.select(start=start, limit=section):
        for notification in notifications:
            app.mapper.to_domain_event(notification)
        start = notifications[-1].id + 1
