"""What falls due as a calendar file (RFC 5545): the same ends, the same bytes, on every machine.

An entry's UID is made of the contract, the obligation, what is due and its subject, and not of the instant: an end
that moves moves the entry. Instants are local to the contract's zone, with its rules in the file. Nothing in it is
of the moment it is written: DTSTAMP is the instant that was asked about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ledger.errors import Refused
from projections.due import SAYS


def calendar_file(rows: Iterable[Mapping[str, Any]], contract: str, at: datetime, zone: str) -> bytes:
    """The rows of `due` as one VCALENDAR, an entry each. Raises `Refused("missing_extra")` without icalendar."""
    try:
        import icalendar
    except ImportError:
        raise Refused("missing_extra", "calendar files need the extra `service-ledger[calendar]` (icalendar)") from None
    rows = list(rows)
    years = [at.year, *(int(row["due_at"][:4]) for row in rows)]
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//service-ledger//due//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"service-ledger {contract}")
    for row in rows:
        calendar.add_component(_entry(icalendar.Event(), row, contract, at, ZoneInfo(zone)))
    calendar.add_missing_timezones(date(min(years) - 1, 1, 1), date(max(years) + 2, 1, 1))
    written: bytes = calendar.to_ical()
    return written


def _entry(event: Any, row: Mapping[str, Any], contract: str, at: datetime, zone: ZoneInfo) -> Any:
    due_at = datetime.fromisoformat(str(row["due_at"]).replace("Z", "+00:00"))
    event.add("uid", uid(row, contract))
    event.add("dtstamp", at.astimezone(UTC))
    event.add("dtstart", due_at.astimezone(zone))
    event.add("summary", f"{row['subject']}: {SAYS[row['what']]}")
    event.add("description", f"Contract {contract}, art. {row['clause']}, {row['obligation']}: due {row['due_at']}.")
    event.add("categories", [str(row["obligation"])])
    event.add("transp", "TRANSPARENT")
    return event


def uid(row: Mapping[str, Any], contract: str) -> str:
    """The same for the same thing due under the same obligation of the same contract, whenever it is due."""
    key = "\x1f".join([contract, str(row["obligation"]), str(row["what"]), str(row["subject"])])
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}@service-ledger"
