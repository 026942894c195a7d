"""Stories for the tests: a few lines of events become a history, and a question its answer.

`history(...)` needs no store: each line is (recorded_at, type, data) or (recorded_at, type, data, extras) for
the stream `contract:C1`, positions counted from 10. The ledger's own frame (terms, calendar) stands before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ledger.cloudevents import from_cloudevent
from ledger.codec import Entry
from ledger.events import CalendarPublished, TermsVersionPublished
from ledger.history import History
from ledger.spans import FOREVER, seconds

CONTRACT = {
    "contract": "C1",
    "plan": "open",
    "service_start": "2025-09-01T00:00:00+02:00",
    "support_start": "2025-09-01",
    "options": [],
    "production_named_users": 400,
    "single_tenant": True,
}
STARTED = ("2025-09-01T08:00:00Z", "contract_started", CONTRACT)


def instant(text: str) -> datetime:
    """An aware datetime from RFC 3339 text."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def at(text: str) -> int:
    """The whole-second instant of RFC 3339 text."""
    return seconds(instant(text))


@lru_cache(maxsize=8)
def frame_entries(booklet: str = "cegid-expert") -> tuple[tuple[int, Entry], ...]:
    """The ledger's own first entries: a booklet and its calendar."""
    from ledger.terms import load_booklet
    from ledger.workdays import load_calendar

    found = load_booklet(booklet)
    since = datetime(1970, 1, 1, tzinfo=UTC)
    events: list[Any] = [
        TermsVersionPublished(terms=found.id, version=found.version, effective_from=since, content=found.content)
    ]
    if found.calendar is not None:
        data = load_calendar(found.calendar)
        events.append(
            CalendarPublished(
                calendar=data.id, version=data.version, zone=data.zone, effective_from=since,
                first=data.first, last=data.last, lists=data.lists, origin=data.source,
            )
        )
    return tuple((n, entry("ledger", n, "2025-01-01T00:00:00Z", event)) for n, event in enumerate(events, 2))


def entry(stream: str, version: int, recorded_at: str, event: Any, **extras: Any) -> Entry:
    """An entry as the ledger would hold it."""
    attested = extras.get("attestedat")
    return Entry(
        stream=stream, version=version, recorded_at=instant(recorded_at), recorded_by="test", source="test",
        id=str(extras.get("id", f"{stream}-{version}")), attested_at=None if attested is None else instant(attested),
        salt="0" * 32, event=event,
    )  # fmt: skip


def history(
    *lines: Any, known_at: str | None = None, knowledge: str = "recorded", booklet: str = "cegid-expert"
) -> History:
    """The history of contract C1 told by these lines, in order; a fourth item of a line may give
    `subject`, `id` and `attestedat`."""
    streams: dict[str, list[tuple[int, Entry]]] = {"ledger": list(frame_entries(booklet))}
    position = 9
    for line in lines:
        recorded_at, kind, data, *rest = line
        extras = dict(rest[0]) if rest else {}
        subject = extras.pop("subject", "contract:C1")
        position += 1
        draft = from_cloudevent(
            {"specversion": "1.0", "id": extras.get("id", f"e{position}"), "source": "test", "type": kind,
             "subject": subject, "data": data}
        )  # fmt: skip
        entries = streams.setdefault(subject, [])
        extras.setdefault("id", f"e{position}")
        entries.append((position, entry(subject, len(entries) + 1, recorded_at, draft.event, **extras)))
    return History(
        "C1",
        streams,
        known_at=None if known_at is None else instant(known_at),
        position=position,
        now=FOREVER if known_at is None else at(known_at),
        knowledge=knowledge,
    )
