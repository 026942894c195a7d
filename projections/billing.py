"""Invoices: when each falls due, which came too early, what was used beyond the order, and the data pack's quantity.

Articles 14 and 15. The subscription is billed every quarter in advance from the local day the access codes were
communicated; a day a month lacks is its last day, and the following ones are counted from the first day again.
An invoice before that day is a breach. No amount is in the ledger: uses are in the units they were measured in.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import Instant
from ledger.terms import BillingTerms
from ledger.workdays import add_months
from projections.finding import Breach, Finding, at, text
from projections.frame import Frame, Frames
from projections.ground import days_span, first_provable

NOT_PROMISED = "the booklet promises nothing of it"


class Start(NamedTuple):
    """What the first invoice hangs on: its local day (None: not known yet), terms, frame, and the fact of it."""

    day: date | None
    terms: BillingTerms | None
    frame: Frame
    facts: list[Fact]


def billing_dates(history: History, frames: Frames, count: int) -> Finding:
    """The first `count` local days on which an invoice falls due, and the first one's (A14.1, A14.2; Amb-26).

    In advance, a period's invoice falls due on its first day; in arrears, on the first day after it. With
    `billing_quarter=civil` the second period begins with the next quarter of the year. Both null or empty while
    the access codes are not communicated. Nothing falls due from the day a contract ends. `result` is null where
    the booklet bills nothing.
    """
    start = _start(history, frames)
    if start.terms is None:
        return Finding(result=None, workings={"why": NOT_PROMISED})
    dates = _dates(history, start, count)
    return Finding(
        result={
            "dates": [day.isoformat() for day in dates],
            "first_invoice": None if start.day is None else start.day.isoformat(),
        },
        workings={
            "clause": f"art. {start.terms.article}",
            "first_on": start.terms.first_on,
            "every_months": start.terms.every_months,
            "in_advance": start.terms.in_advance,
            "switch": {"switch": "billing_quarter", "value": start.frame.reading.billing_quarter},
            "invoices": [_invoice(start, dates, fact) for fact in _invoices(history)],
        },
        because=positions_of(start.facts, _invoices(history), history.own(e.ContractTerminated)),
    )


def _start(history: History, frames: Frames) -> Start:
    service = frames.at(at(history.started, "service_start"))
    codes = sorted(history.own(e.AccessCodesCommunicated), key=lambda f: (at(f), f.position))[:1]
    if service.terms.billing is not None and service.terms.billing.first_on == "service_start":
        day = service.calendar.local_date(at(history.started, "service_start"))
        return Start(day, service.terms.billing, service, [history.started])
    if not codes:
        return Start(None, service.terms.billing, service, [])
    frame = frames.at(at(codes[0]))
    return Start(frame.calendar.local_date(at(codes[0])), frame.terms.billing, frame, codes)


def _dates(history: History, start: Start, count: int) -> list[date]:
    """The due days in order; none from the local day the contract ends on."""
    if start.day is None or start.terms is None:
        return []
    every, skipped = start.terms.every_months, 0 if start.terms.in_advance else 1
    if start.frame.reading.billing_quarter == "civil":
        # the quarter the first day falls in: the periods after the first begin with those of the year
        begun = date(start.day.year, start.day.month - (start.day.month - 1) % every, 1) if every <= 12 else start.day
        periods = [start.day, *(add_months(begun, every * n) for n in range(1, count + skipped))]
    else:
        periods = [add_months(start.day, every * n) for n in range(count + skipped)]
    ends = [start.frame.calendar.local_date(at(f, "effective_from")) for f in history.own(e.ContractTerminated)]
    return [day for day in periods[skipped:] if all(day < end for end in ends)]


def _invoices(history: History) -> list[Fact]:
    return sorted(history.own(e.InvoiceIssued), key=lambda f: (at(f), f.event.invoice))


def _invoice(start: Start, dates: list[date], fact: Fact) -> dict[str, Any]:
    """One invoice beside the due day it is for: that of the period it names, else the last one by then."""
    issued_on = start.frame.calendar.local_date(at(fact))
    named = [day for day in dates if day == fact.event.period_first]
    passed = named or [day for day in dates if day <= issued_on]
    due = passed[-1] if passed else None
    return {
        "invoice": fact.event.invoice,
        "issued_on": issued_on.isoformat(),
        "due_on": None if due is None else due.isoformat(),
        "days_after_due": None if due is None else (issued_on - due).days,
        "too_early": _early(start, fact),
        "entries": list(fact.positions),
    }


def _early(start: Start, fact: Fact) -> bool:
    """A14.2: issued before the local day of the first invoice, or while nothing had given it one."""
    return start.terms is not None and (start.day is None or start.frame.calendar.local_date(at(fact)) < start.day)


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A14.2 for the invoices issued on a local date `first` to `last`, both included."""
    start, (begin, end) = _start(history, frames), days_span(frames, first, last)
    early = [f for f in _invoices(history) if begin <= at(f) < end and _early(start, f)]
    return [_row(history, frames, start, fact) for fact in early]


def _row(history: History, frames: Frames, start: Start, fact: Fact) -> Breach:
    assert start.terms is not None

    def broken(then: History) -> bool:
        begun = _start(then, frames)
        return any(f.position == fact.position and _early(begun, f) for f in _invoices(then))

    return Breach(
        obligation="A14.2", clause=start.terms.article, what="invoice_too_early", subject=fact.event.invoice,
        period=text(at(fact)), amount=start.frame.calendar.local_date(at(fact)).isoformat(),
        limit="no access codes yet" if start.day is None else start.day.isoformat(), on=at(fact),
        first_knowable_at=first_provable(history, at(fact), broken), because=positions_of([fact], start.facts),
    )  # fmt: skip


# --- uses beyond the order (A14.3) and the data pack (A15.1) ---


def usage_overruns(history: History, frames: Frames, at: Instant) -> Finding:
    """The thresholds of the order form that the latest measure by an instant exceeds, and by how much (A14.3).

    Exceeding breaks nothing: it lets the price be updated. A measure at the threshold is within it.
    """
    latest: dict[str, Fact] = {}
    for fact in sorted(history.own(e.UsageMeasured), key=lambda f: (f.event.at, f.position)):
        if _at(fact) <= at:
            latest[fact.event.threshold] = fact
    over = {name: f for name, f in sorted(latest.items()) if f.event.measured > f.event.ordered}
    return Finding(
        result=[
            {
                "threshold": name,
                "measured": f.event.measured,
                "ordered": f.event.ordered,
                "over": f.event.measured - f.event.ordered,
                "measured_at": text(_at(f)),
            }
            for name, f in over.items()
        ],
        workings={
            "clause": "art. 14",
            "latest": {name: [f.event.measured, f.event.ordered] for name, f in sorted(latest.items())},
        },
        because=positions_of(latest.values()),
    )


def _at(fact: Fact) -> Instant:
    return at(fact)


def data_pack(history: History, frames: Frames, at: Instant) -> Finding:
    """The quantity of the data pack beside that of the main product, its named users, at an instant (A15.1).

    `similar` is read as the same quantity; null where no pack is subscribed. `result` is null where the booklet
    has no such pack.
    """
    frame, scope = frames.at(at), history.scope_at(at)
    if frame.terms.data_pack is None:
        return Finding(result=None, workings={"why": NOT_PROMISED})
    pack, same = scope.data_pack_quantity, frame.terms.data_pack.same_quantity
    return Finding(
        result={
            "pack": pack,
            "main": scope.users,
            "similar": None if pack is None else pack == scope.users or not same,
        },
        workings={
            "clause": f"art. {frame.terms.data_pack.article}",
            "difference": None if pack is None else pack - scope.users,
            "same_quantity": same,
        },
        because=tuple(sorted(set(scope.positions))),
    )
