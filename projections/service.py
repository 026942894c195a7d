"""Service reviews: whether the customer's contact met it each month, or both wrote that it need not (article 3).

A review is owed for each local calendar month that lies wholly within the service; the month a contract starts,
ends, is suspended or resumed in is not owed one, and shows one held or waived all the same. A review belongs to
the month it was held in, a waiver to the month it names, whenever it was written. A month is missing once it is over.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import Span, difference
from projections.finding import Breach, Finding, at, text
from projections.frame import Frames
from projections.ground import first_provable, frame_on
from projections.periods import month_span, months_between, over

STATES = ("held", "waived", "missing", "pending")
PERIOD = (e.ContractSuspended, e.ContractResumed, e.ContractTerminated)


class Month(NamedTuple):
    """One month: what it was owed, what took place, and where that leaves it (None: nothing owed, nothing held)."""

    label: str
    span: Span
    article: str
    required: int
    held: list[Fact]
    waivers: list[Fact]
    state: str | None


def service_reviews(history: History, frames: Frames, first: str, last: str) -> Finding:
    """The months `first` to `last` ("2026-03"), both included: review held, waived in writing, missing, pending (A3.2).

    A month is held when as many reviews took place in it as the booklet promises. A month in none of the lists was
    owed none.
    """
    months = _months(history, frames, date.fromisoformat(f"{first}-01"), date.fromisoformat(f"{last}-01"))
    return Finding(
        result={state: [m.label for m in months if m.state == state] for state in STATES},
        workings={m.label: _shown(m) for m in months},
        because=positions_of(*([*m.held, *m.waivers] for m in months), history.of(*PERIOD)),
    )


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A3.2 for the months that end on a local date `first` to `last`, filed at their last second."""
    missing = [m for m in _months(history, frames, first, last) if m.state == "missing"]
    rows = [_row(history, frames, m) for m in missing]
    local = frame_on(frames, first).calendar.local_date
    return [row for row in rows if first <= local(row.on) <= last]


def _row(history: History, frames: Frames, month: Month) -> Breach:
    day = date.fromisoformat(f"{month.label}-01")

    def broken(then: History) -> bool:
        return [m.state for m in _months(then, frames, day, day)] == ["missing"]

    return Breach(
        obligation="A3.2", clause=month.article, what="review_missing", subject="service_review", period=month.label,
        amount=f"{len(month.held)} reviews", limit=f"{month.required} reviews", on=month.span[1] - 1,
        first_knowable_at=first_provable(history, month.span[1], broken), because=positions_of(month.held),
    )  # fmt: skip


def _months(history: History, frames: Frames, first: date, last: date) -> list[Month]:
    return [_month(history, frames, label) for label in months_between(first, last)]


def _month(history: History, frames: Frames, label: str) -> Month:
    frame = frame_on(frames, date.fromisoformat(f"{label}-01"))
    start, end = month_span(frame.calendar, label)
    told = [f for f in history.of(e.ServiceReviewHeld) if start <= at(f) < end and history.counts(f, at(f))]
    waivers = [f for f in history.own(e.ServiceReviewWaived) if f.event.month == label]
    promised = frame.terms.reviews
    whole = not difference(((start, end),), history.in_force)
    required = promised.per_month if promised is not None and whole else 0
    article = "3" if promised is None else promised.article
    held = sorted(told, key=lambda f: (at(f), f.position))
    state = _state(history, end, required, held, waivers)
    return Month(label, (start, end), article, required, held, waivers, state)


def _state(history: History, end: int, required: int, held: list[Fact], waivers: list[Fact]) -> str | None:
    if held and len(held) >= required:
        return "held"
    if waivers:
        return "waived"
    if required == 0:
        return None
    return "missing" if over(end, history.now) else "pending"


def _shown(month: Month) -> dict[str, Any]:
    return {
        "clause": f"art. {month.article}",
        "required": month.required,
        "held_at": [text(at(f)) for f in month.held],
        "waivers": [f.event.reference for f in month.waivers],
        "entries": list(positions_of(month.held, month.waivers)),
        "state": month.state or "not owed: not wholly in service, or not promised",
    }
