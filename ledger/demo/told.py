"""How the simulated part is written down: local times of Paris, a line a fact, jitter without randomness."""

from __future__ import annotations

import re
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from ledger.intake.intake import cloudevent

SIMULATED = "urn:service-ledger:simulated"
CONTRACT = "C-2041"
PARIS = ZoneInfo("Europe/Paris")
LOCAL = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?$")

Event = dict[str, Any]


def local(text: str) -> str:
    """`2025-11-13 09:12`, a time of Paris, as RFC 3339 with its offset of that day."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).isoformat()


def said(learnt: str, type: str, id: str, /, subject: str = f"contract:{CONTRACT}", **data: Any) -> Event:
    """One simulated fact; `learnt` and every local time among `data` are times of Paris."""
    payload = {n.rstrip("_"): local(v) if isinstance(v, str) and LOCAL.match(v) else v for n, v in data.items()}
    return cloudevent(type, payload, subject=subject, source=SIMULATED, id=id, attested_at=local(learnt))


def proof(of: str) -> list[str]:
    """The digest a simulated piece of evidence would have."""
    return ["sha256:" + sha256(of.encode()).hexdigest()]


def between(low: int, high: int, *about: object) -> int:
    """A number from `low` to `high`, both included, that is always the same for the same things."""
    digest = sha256("/".join(map(str, about)).encode()).digest()
    return low + int.from_bytes(digest[:8], "big") % (high - low + 1)


def days_between(first: date, last: date) -> list[date]:
    """Each day from `first` to `last`, both included."""
    return [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
