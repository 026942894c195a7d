"""What a rule gives back: a result, its workings, and the entries it rests on.

A broken promise is a finding, never an exception. Values here are plain (text, whole numbers, lists and
dicts of them), so that any door can show them and the same finding is always the same bytes; nothing in
this module knows a page, a table or JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from msgspec import Struct

from ledger.corrections import Fact
from ledger.spans import FIRST, FOREVER, Instant, Spans, moment, seconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class Finding(Struct, frozen=True, kw_only=True):
    """One question answered: `result` in the shape the question promises, and how it came about."""

    result: Any
    workings: Any = None
    because: tuple[int, ...] = ()  # positions of the entries it rests on, in order


class Breach(Struct, frozen=True, kw_only=True):
    """One promise broken (or, when `contested`, broken unless a contested fact stands).

    `obligation` is the id in the rules (A6.1 ...), `subject` what it is about, `period` the day, week,
    month or instant it belongs to; `amount` and `limit` are in the unit their text names; `on` is the
    instant by which the register files it; `first_knowable_at` the earliest knowledge that proves it.
    """

    obligation: str
    clause: str
    what: str
    subject: str
    period: str
    amount: str
    limit: str
    on: Instant
    first_knowable_at: Instant | None
    because: tuple[int, ...]
    contested: bool = False

    def row(self) -> dict[str, Any]:
        """The breach as plain values, in the order the register shows them."""
        return {
            "obligation": self.obligation,
            "clause": self.clause,
            "what": self.what,
            "subject": self.subject,
            "period": self.period,
            "amount": self.amount,
            "limit": self.limit,
            "first_knowable_at": None if self.first_knowable_at is None else text(self.first_knowable_at),
            "because": list(self.because),
            "contested": self.contested,
        }


def text(instant: Instant) -> str:
    """An instant as answers write it: UTC, whole seconds, `2026-03-03T09:00:00Z`."""
    return f"{moment(instant).isoformat()[:19]}Z"


def spans_text(spans: Spans) -> list[list[str]]:
    """Spans as pairs of instants, half-open."""
    return [[text(start), text(end)] for start, end in spans]


def at(fact: Fact, field: str = "at") -> Instant:
    """An instant of a fact's event, in whole seconds."""
    return seconds(getattr(fact.event, field))


def percent(part: Fraction) -> str:
    """A ratio as a percentage with four decimals, half up; for display, never for a verdict."""
    scaled = part * 1_000_000
    whole = (scaled.numerator * 2 + scaled.denominator) // (scaled.denominator * 2)
    sign, whole = ("-", -whole) if whole < 0 else ("", whole)
    return f"{sign}{whole // 10_000}.{whole % 10_000:04d}"


def known_since(*facts: Iterable[Fact]) -> Instant | None:
    """The instant by which all of these facts were known as they stand, rounded up to a whole second."""
    moments = [fact.known_at for group in facts for fact in group]
    return None if not moments else ceil_seconds(max(moments))


def ceil_seconds(known_at: datetime) -> Instant:
    """The first whole second at which a knowledge instant is reached."""
    return -((_EPOCH - known_at) // _SECOND)


def earliest(provable: Callable[[Instant], bool], moments: Iterable[Instant], upto: Instant) -> Instant | None:
    """The earliest knowledge instant at which something was provable.

    `moments` are the instants at which knowledge changed; between two of them only the passing of time
    can make it provable, and once it has, it stays so until the next one. None when it never was.
    """
    ordered = sorted({m for m in moments if FIRST < m <= upto})
    for i, low in enumerate(ordered):
        high = ordered[i + 1] - 1 if i + 1 < len(ordered) else upto
        if provable(low):
            return low
        if high > low and provable(high):
            return first_true(provable, low, min(high, FOREVER))
    return None


def first_true(provable: Callable[[Instant], bool], low: Instant, high: Instant) -> Instant:
    """The first instant at which something is provable: not yet at `low`, for good by `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if provable(middle) else (middle, high)
    return high
