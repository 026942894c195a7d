"""The periods questions are asked over: months, weeks and days of the contract's calendar, as spans."""

from __future__ import annotations

from datetime import date, timedelta

from ledger.spans import Instant, Span
from ledger.workdays import Calendar, add_months


def month_span(calendar: Calendar, label: str, anchor: date | None = None) -> Span:
    """The half-open span of a month written `2026-03`: local midnights.

    With `anchor` (the day the service began), the contract month that begins in that calendar month on
    the anchor's day (switch `month_kind = contract_month`); a day the month lacks is its last day.
    """
    year, month = int(label[:4]), int(label[5:7])
    if anchor is None:
        return calendar.month(year, month)
    months = (year - anchor.year) * 12 + month - anchor.month
    first, following = add_months(anchor, months), add_months(anchor, months + 1)
    return calendar.at(first), calendar.at(following)


def months_between(first: date, last: date) -> list[str]:
    """The labels of every calendar month that holds a day from `first` to `last`, both included."""
    labels, day = [], first.replace(day=1)
    while day <= last:
        labels.append(f"{day.year:04d}-{day.month:02d}")
        day = add_months(day, 1)
    return labels


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def over(end: Instant, now: Instant) -> bool:
    """Whether a period that ends before `end` is over at the knowledge instant `now`."""
    return now >= end
