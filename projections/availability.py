"""The service is available 99.5 percent of a month's reference hours, or the month is a breach (article 6).

TD = (PRT - TI) / PRT. PRT is the reference period, TI the unavailability inside it once the exclusions are
taken out; the verdict is TI / PRT > 1 - minimum, on exact fractions, whatever the rate looks like rounded.
What is contested keeps its place in the main figure and gives a range beside it. Months are half-open spans
between local midnights; amounts are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from ledger.corrections import Fact
from ledger.events import ContractResumed, ContractSuspended, ContractTerminated, MaintenanceCancelled
from ledger.history import History, positions_of
from ledger.spans import FIRST, FOREVER, Instant, Spans, difference, intersection, length, union
from ledger.spans import seconds as instant_of
from ledger.workdays import add_months
from projections.exclusions import EMERGENCY, GROUNDS, Exclusion, notice, told
from projections.finding import Breach, Finding, at, spans_text, text
from projections.frame import Frames
from projections.knowable import Excess, Knowable
from projections.periods import months_between
from projections.tally import Loss, Parts, Tally, measure, month_of, without
from projections.unavailability import Stop, by_weight, interruptions, weighed


def availability(history: History, frames: Frames, month: str) -> Finding:
    """PRT, TI, the rate and the verdict of a month (A6.1 to A6.7), `month` as 2026-03.

    `prt_minutes` is the whole reference period, also while the month runs, unless `prt_basis=elapsed`.
    Seconds are rounded half up where an outage counts by its share of users, the budget down; the exact
    sums are in the workings. `range` is null unless contested facts bear on the rate. Raises `Refused`
    ("calendar_out_of_range") where the table of holidays does not reach the month.
    """
    tally = _tally(history, frames, month)
    result = {name: figure(tally) for name, figure in RESULT.items()}
    return Finding(result=result, workings=_workings(history, tally), because=_because(history, tally))


def figures(history: History, frames: Frames, month: str, names: Iterable[str]) -> dict[str, Any]:
    """Of the result of `availability` those of these names, without how they came about, and nothing more computed."""
    tally = _tally(history, frames, month)
    return {name: RESULT[name](tally) for name in names}


def _tally(history: History, frames: Frames, month: str) -> Tally:
    frame, label, span = month_of(history, frames, month)
    near = span if not frame.comparing and frame.reading.month_split == "split" else (FIRST, FOREVER)
    return measure(history, frame, label, span, interruptions(history, near))


# --- what is shown ---


def _status(t: Tally) -> str:
    return "not_applicable" if not t.prt else "provisional" if t.provisional else "final"


def _range(t: Tally) -> dict[str, Any] | None:
    """The rate when no contested exclusion stands and every open claim holds, and when it is the other way."""
    if t.ti_at_worst == t.ti or not t.prt:
        return None
    return {
        "td_percent_low": t.rate(t.ti_at_worst),
        "td_percent_high": t.rate(t.ti),
        "breach_low": t.breach(t.ti_at_worst),
        "breach_high": t.breach(t.ti),
    }


def _by_ground(t: Tally) -> dict[str, Fraction]:
    """What each ground takes out, in the order of article 6; a second under two grounds is the first one's."""
    found: dict[str, Fraction] = {}
    left: Parts = [(loss.spans, loss.by.weight) for loss in t.losses if loss.by.certain]
    overlap = t.overlap
    left = left if overlap == "sum" else by_weight(left)
    for ground in GROUNDS:
        spans = union(*(spans for each, spans in t.shelters if each.ground == ground))
        if not spans:
            continue
        before, left = left, without(left, spans)
        if amount := weighed(before, overlap) - weighed(left, overlap):
            found[ground] = amount
    return found


RESULT: dict[str, Callable[[Tally], Any]] = {
    "prt_minutes": lambda t: t.prt // 60,
    "gross_unavailable_seconds": lambda t: _rounded(t.gross),
    "excluded_seconds": lambda t: _rounded(t.gross - t.ti),
    "ti_seconds": lambda t: _rounded(t.ti),
    "td_percent": lambda t: t.rate(t.ti),
    "breach": lambda t: t.breach(t.ti),
    "status": _status,
    "total_outage_seconds": lambda t: _rounded(t.total),
    "out_of_prt_outage_seconds": lambda t: _rounded(t.outside),
    "remaining_budget_seconds": lambda t: (t.allowed - t.ti).__floor__(),
    "excluded_by_ground": lambda t: {ground: _rounded(amount) for ground, amount in _by_ground(t).items()},
    "contested_seconds": lambda t: _rounded(t.ti_at_worst - t.ti),
    "range": _range,
}


def _rounded(amount: Fraction) -> int:
    return amount.numerator if amount.denominator == 1 else (amount + Fraction(1, 2)).__floor__()


def _exact(amount: Fraction) -> int | str:
    return amount.numerator if amount.denominator == 1 else str(amount)


def _workings(history: History, t: Tally) -> dict[str, Any]:
    article = f"art. {t.frame.terms.availability.article}"
    limit = f"TI > PRT x {t.frame.terms.availability.allowed} = {_exact(t.allowed)} s"
    formula = f"{article}: no reference period, no rate"
    if t.prt:
        formula = f"{article}: TD = (PRT - TI) / PRT = ({t.prt} - {_exact(t.ti)}) / {t.prt} = {t.rate(t.ti)} %"
    return {
        "formula": formula,
        "breach_if": f"{article}: {limit}",
        "period": [text(t.span[0]), text(t.span[1])],
        "reference": _reference_row(history, t),
        "stops": _stop_rows(t),
        "exclusions": _exclusion_rows(t),
        "sums": {
            "gross_seconds": _exact(t.gross),
            "excluded_seconds": _exact(t.gross - t.ti),
            "ti_seconds": _exact(t.ti),
            "allowed_seconds": _exact(t.allowed),
            "ti_seconds_if_all_contested_is_lost": _exact(t.ti_at_worst),
        },
        "switches": [{"switch": name, "value": t.frame.reading[name]} for name in _switches(history, t)],
    }


def _reference_row(history: History, t: Tally) -> dict[str, Any]:
    """PRT day by day: how many days have hours in it, and which holidays have none."""
    calendar, week = t.frame.calendar, t.frame.terms.availability.week
    worked: set[date] = set()
    for start, end in t.reference:
        day, last = calendar.local_date(start), calendar.local_date(end - 1)
        worked.update(day + timedelta(days=n) for n in range((last - day).days + 1))
    first, last = calendar.local_date(t.span[0]), calendar.local_date(t.span[1] - 1)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    ordinary = {weekday for hours in week if not hours.on_holidays for weekday in hours.days}
    supplied = intersection(history.in_force, (t.span,))
    return {
        "prt_seconds": t.prt,
        "whole_prt_seconds": length(t.reference),
        "working_days": len(worked),
        "holidays": [str(day) for day in days if day in calendar.holidays and day.isoweekday() in ordinary],
        "service_period": spans_text(supplied),
    }


def _stop_rows(t: Tally) -> list[dict[str, Any]]:
    shelter = union(*(spans for _, spans in t.shelters))
    return [_stop_row(t, loss, shelter) for loss in t.losses]


def _stop_row(t: Tally, loss: Loss, shelter: Spans) -> dict[str, Any]:
    by, stop = loss.by, loss.by.stop
    left = difference(loss.spans, shelter)
    excluded = [
        {"exclusion": each.id, "ground": each.ground, "seconds": seconds, "positions": list(positions_of(each.facts))}
        for each, spans in (t.shelters if left != loss.spans else ())
        if (seconds := length(intersection(loss.spans, spans)))
    ]
    return {
        "id": by.name,
        "kind": stop.kind,
        "from": text(stop.start),
        "to": None if stop.open else text(stop.end),
        "in_prt_seconds": length(loss.spans),
        "excluded": excluded,
        "excluded_seconds": length(loss.spans) - length(left),
        "share": _exact(by.weight),
        "counted_seconds": _exact(by.weight * length(left)) if by.certain else 0,
        "contested": bool(by.weight) and (loss.disputed or bool(intersection(loss.spans, t.doubtful))),
        "why_not": "a claim nobody has accepted yet" if loss.disputed and by.weight else by.why_not or None,
        "positions": list(positions_of(stop.facts)),
    }


def _exclusion_rows(t: Tally) -> list[dict[str, Any]]:
    reaches: dict[int, list[Spans]] = {}
    for each, spans in t.shelters:
        reaches.setdefault(id(each), []).append(spans)
    every = union(*(loss.spans for loss in t.losses if loss.by.certain))
    return [_exclusion_row(each, union(*reaches.get(id(each), ())), every) for each in _telling(t)]


def _exclusion_row(each: Exclusion, reach: Spans, every: Spans) -> dict[str, Any]:
    return {
        "id": each.id,
        "ground": each.ground,
        "spans": spans_text(each.spans),
        "state": each.state,
        "stands": each.stands,
        "contested": each.contested,
        "excluded_seconds": length(intersection(every, reach)),
        "positions": list(positions_of(each.facts)),
    }


def _telling(t: Tally) -> list[Exclusion]:
    """The exclusions that meet a stop; the window as a period is shown by what it takes out of each stop."""
    every = union(*(loss.by.spans for loss in t.losses if loss.by.weight))
    found = [each for each in t.exclusions if each.facts and intersection(each.spans, every)]
    return sorted(found, key=lambda each: (each.spans, each.ground, each.id))


def _switches(history: History, t: Tally) -> list[str]:
    """The switches that had something to decide in this month."""
    stops, read = [each.stop for each in t.stops], t.frame.reading
    losses: Parts = [(loss.spans, loss.by.weight) for loss in t.losses if loss.by.certain]
    emergency = any(each.ground == EMERGENCY for each in t.exclusions)
    owing_notice = [stop for stop in stops if stop.kind == "planned" and read["unannounced"] == "counts"]
    decided = {
        "prt_month": intersection(history.in_force, (t.span,)) != (t.span,),
        "month_kind": read["month_kind"] != "calendar",
        "month_split": any(stop.start < t.span[0] or stop.end > t.span[1] for stop in stops),
        "prt_basis": t.provisional,
        "open_outage": any(stop.open for stop in stops),
        "overlap": weighed(losses, "sum") != weighed(losses, "union"),
        "partial_effect": any(getattr(stop.facts[0].event, "effect", "") == "partial_users" for stop in stops),
        "window_exclusion": any(loss.by.stop.kind == "planned" and loss.spans for loss in t.losses),
        **dict.fromkeys(("unannounced", "notice_reference", "notice_clock", "reschedule_notice"), bool(owing_notice)),
        "emergency": emergency,
        "relabel": emergency,
        "concurrent": any(each.outages is not None for each in t.exclusions),
        "night_outage": bool(t.outside),
    }
    return [name for name, did in decided.items() if did]


def _because(history: History, t: Tally) -> tuple[int, ...]:
    """The entries the month rests on: what counts, what was set against it, what bounds the service period."""
    weighty = [each for each in t.stops if each.weight]
    facts: list[Fact] = [fact for each in weighty for fact in each.stop.facts]
    facts += [fact for each in _telling(t) for fact in each.facts]
    facts += [
        fact
        for fact in history.of(ContractSuspended, ContractResumed, ContractTerminated)
        if at(fact, "effective_from") < t.span[1]
    ]
    planned = [each.stop for each in weighty if each.stop.kind == "planned"]
    if planned and t.frame.reading.unannounced == "counts":
        facts += [fact for stop in planned for fact in notice(history, t.frame, stop)]
        facts += [fact for stop in planned for fact in told(history, stop, MaintenanceCancelled)]
    return positions_of(facts)


# --- the register ---

LONGER_THAN_A_MONTH = 40 * 86_400


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """The months whose last day lies from `first` to `last` and that broke A6.1, or A5.1 where that is rated.

    A month still running is broken once what is lost exceeds the whole month's allowance: no second of it
    comes back. Where only contested facts would break it, the row is contested.
    """
    stops, knowable = frames.once(interruptions), Knowable(history)
    rows: list[Breach] = []
    for label in _labels(history, frames, stops, first, last):
        frame, _, span = month_of(history, frames, label)
        if span[0] < span[1] and first <= frame.calendar.local_date(span[1] - 1) <= last:
            tally = measure(history, frame, label, span, stops)
            rows += _below_minimum(history, tally, knowable) + _not_open(history, tally, knowable)
    return rows


def _labels(history: History, frames: Frames, stops: Sequence[Stop], first: date, last: date) -> list[str]:
    """The months that a stop touches and that can end in the days asked about; no other can be broken."""
    calendar = frames.at(instant_of(history.started.event.service_start)).calendar
    start, end = calendar.day(first, last)
    local = calendar.local_date
    near = [s for s in stops if s.end > start - LONGER_THAN_A_MONTH and s.start < end]
    months = {(local(s.start).replace(day=1), local(min(s.end, end) - 1).replace(day=1)) for s in near}
    # a contract month is named by the calendar month it begins in
    return sorted({label for begins, until in months for label in months_between(add_months(begins, -1), until)})


def _excess(t: Tally, ti: Fraction) -> Fraction | None:
    """What is lost beyond the allowance; None where no rate is, or one on the time so far that may still recover."""
    if not t.prt or (t.provisional and t.frame.reading.prt_basis == "elapsed"):
        return None
    return ti - t.allowed


def _settled(t: Tally, ti: Fraction) -> bool:
    """Whether the month is broken for good."""
    return (_excess(t, ti) or 0) > 0


def _below_minimum(history: History, t: Tally, knowable: Knowable) -> list[Breach]:
    """A6.1, contested when the range straddles the minimum."""
    if not _settled(t, t.ti_at_worst):
        return []
    contested = not _settled(t, t.ti)
    amount = t.ti_at_worst if contested else t.ti

    def excess(other: Tally) -> Fraction | None:
        return _excess(other, other.ti_at_worst if contested else other.ti)

    return [_row(history, t, "A6.1", t.frame.terms.availability.article, "below_minimum", amount, t.allowed, contested,
                 _first_knowable_at(t, knowable, excess))]  # fmt: skip


def _not_open(history: History, t: Tally, knowable: Knowable) -> list[Breach]:
    """A5.1, where an outage out of the reference hours that no maintenance explains is rated (Amb-08)."""
    if t.frame.reading.night_outage != "breach_of_access" or not t.closed:
        return []
    known_at = _first_knowable_at(t, knowable, lambda other: other.closed, anywhere=True)
    article = t.frame.terms.maintenance.article
    return [_row(history, t, "A5.1", article, "not_open", t.closed, Fraction(0), False, known_at)]


def _row(
    history: History, t: Tally, obligation: str, clause: str, what: str, amount: Fraction, limit: Fraction,
    contested: bool, known_at: Instant | None,
) -> Breach:  # fmt: skip
    return Breach(
        obligation=obligation, clause=clause, what=what, subject=history.contract, period=t.label,
        amount=f"{_exact(amount)} s", limit=f"{_exact(limit)} s", on=t.span[1] - 1, first_knowable_at=known_at,
        because=_because(history, t), contested=contested,
    )  # fmt: skip


def _first_knowable_at(t: Tally, knowable: Knowable, excess: Excess, anywhere: bool = False) -> Instant | None:
    # where only verdicts are compared, it is no part of one, and the dearest of it
    return None if t.frame.comparing else knowable.first(t, excess, anywhere=anywhere)
