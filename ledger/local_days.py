"""Days that a fact names beside its instant: none of them may lie ahead, or be past, where its booklet keeps time.

`checks.py` knows no zone and lets pass whatever is today somewhere on earth. Here the zones of the booklets the
ledger has published are known; where they differ, a day passes that passes in one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime

from ledger.errors import Refused
from ledger.events import ContractStarted, DossierActivityRecorded, Event, RestoreRequested, UpdateDateAgreed
from ledger.spans import seconds
from ledger.workdays import Calendar, add_months


def check_days(event: Event, recorded_at: datetime, zones: Callable[[], Collection[str]]) -> None:
    """Raise `Refused` for a state or an activity of a day to come, a day agreed when past, support begun too early.

    Local dates, of the instant of asking, agreeing or starting where the event has it, else of `recorded_at`
    (aware); `zones` is asked only where a day is named.
    """
    if isinstance(event, UpdateDateAgreed):
        today = min(_dates(event.at or recorded_at, zones))
        if event.agreed_date < today:
            raise Refused("before_start", f"agreed_date {event.agreed_date} was past when it was agreed, on {today}")
    elif isinstance(event, ContractStarted) and event.support_start is not None:
        if event.support_start < add_months(min(_dates(event.service_start, zones)), -12):
            raise Refused("before_start", f"support_start {event.support_start} is over a year before service_start")
    elif isinstance(event, RestoreRequested) and event.target_date is not None:
        _not_ahead("restore_requested.target_date", event.target_date, max(_dates(event.requested_at, zones)))
    elif isinstance(event, DossierActivityRecorded):
        _not_ahead("dossier_activity_recorded.last_entry_date", event.last_entry_date, max(_dates(recorded_at, zones)))


def _dates(instant: datetime, zones: Callable[[], Collection[str]]) -> list[date]:
    return [Calendar(zone, frozenset()).local_date(seconds(instant)) for zone in zones()]


def _not_ahead(field: str, day: date, today: date) -> None:
    if day > today:
        raise Refused("occurred_after_recorded", f"{field} {day} lies ahead of {today}")
