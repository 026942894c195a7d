"""Where a contract stands on every obligation: what the register holds of it, and what was owed or put to the test.

An obligation is judged over its period: a month, a year of support, a year of the contract. What each subject files
in such a period and how each obligation stands where nothing is filed are asked for apart and put together, so that
whoever asks again (under another reading, a moment later) need ask only for what may have turned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, cast

from ledger import events as e
from ledger.checks import DAYS, INSTANTS
from ledger.history import History
from ledger.spans import Instant, intersection, moment, seconds
from projections.breaches import SUBJECTS, breaches_of
from projections.finding import Breach, Finding
from projections.frame import Frame, Frames
from projections.ground import days_span, support_start, turn
from projections.obligations import BY_ID, OBLIGATIONS, Obligation
from projections.periods import over

Days = tuple[date, date]  # both included

STATES: tuple[tuple[str, str], ...] = (
    ("broken", "the register holds a breach of it in the period"),
    ("contested", "the register holds only breaches that rest on contested facts"),
    ("pending", "nothing is broken, and the period is not over"),
    ("kept", "it was owed or put to the test in the period, and nothing is broken"),
    ("nothing_to_judge", "not promised, not owed, not put to the test, or never broken by itself"),
)


class Filing(NamedTuple):
    """A subject of the register, and the period over which obligations of its are judged."""

    over: str
    subject: str


def _subject(each: Obligation) -> str:
    return each.rule.partition(":")[0].removeprefix("projections.")


FILINGS: tuple[Filing, ...] = (
    *(Filing("month", subject) for subject in SUBJECTS),
    *dict.fromkeys(Filing(each.over, _subject(each)) for each in OBLIGATIONS if each.over not in ("", "month")),
)
JUDGED: tuple[Obligation, ...] = tuple(each for each in OBLIGATIONS if each.over)


def obligations(history: History, frames: Frames, at: Instant) -> Finding:
    """Of each obligation, where the contract stands: `STATES`, over the period that holds the instant.

    That is its local calendar month; for the share of requests the support year, for refreshes the contract year,
    counted from their first day. The breaches are those the register files in the period, as known; one whose
    deadline falls in a later period belongs there. `pending` until the period is over at the knowledge instant.
    """
    rows = [breach for filing in FILINGS for breach in filed(history, frames, at, filing)]
    return standing({each.id: unfiled(history, frames, at, each) for each in JUDGED}, rows)


def filed(history: History, frames: Frames, at: Instant, filing: Filing) -> list[Breach]:
    """What a subject files in the period that holds the instant, of the obligations judged over such a period.

    Since when a breach could be known is left out: no state rests on it.
    """
    frames = frames.comparing
    days = _period(history, frames.at(at), filing.over, at)
    found = breaches_of(filing.subject, history, frames, *days)
    return [breach for breach in found if BY_ID[breach.obligation].over == filing.over]


def unfiled(history: History, frames: Frames, at: Instant, each: Obligation) -> dict[str, str]:
    """The state of an obligation where no breach of it is filed, and the period it is judged over."""
    frame = frames.at(at)
    days = _period(history, frame, each.over, at)
    return {"state": _state(history, frames, frame, each, days, at), "period": f"{days[0]}/{days[1]}"}


def standing(unfiled: Mapping[str, Mapping[str, str]], filed: Iterable[Breach]) -> Finding:
    """Where the contract stands, of both: what is filed goes before the state an obligation would have without."""
    by_id: dict[str, list[Breach]] = {}
    for breach in filed:
        by_id.setdefault(breach.obligation, []).append(breach)
    result: dict[str, Any] = {}
    for each in OBLIGATIONS:
        rows, bare = by_id.get(each.id, []), unfiled.get(each.id, {})
        state = _filed_state(rows) if rows else bare.get("state", "nothing_to_judge")
        result[each.id] = {"state": state, "breaches": len(rows), "period": bare.get("period")}
    states = [row["state"] for row in result.values()]
    return Finding(
        result=result,
        workings={"states": {state: states.count(state) for state, _ in STATES}, "means": dict(STATES)},
        because=tuple(sorted({position for rows in by_id.values() for row in rows for position in row.because})),
    )


def _filed_state(rows: list[Breach]) -> str:
    return "contested" if all(row.contested for row in rows) else "broken"


def _period(history: History, frame: Frame, over: str, at: Instant) -> Days:
    """The local days of a period that hold an instant, both included."""
    day = frame.calendar.local_date(at)
    if over == "month":
        origin, months = day.replace(day=1), 1
    elif over == "support_year":
        origin = support_start(history, frame.calendar)
        months = frame.terms.support.period_months
    else:
        origin, months = frame.calendar.local_date(seconds(history.started.event.service_start)), 12
    first = turn(origin, day, months)
    return first, turn(origin, first + timedelta(days=31 * months), months) - timedelta(days=1)


def _state(history: History, frames: Frames, frame: Frame, each: Obligation, days: Days, at: Instant) -> str:
    """Where an obligation stands that nothing is filed against."""
    if each.how == "documentary" or _subject(each) not in SUBJECTS:  # the latter: nobody looked
        return "nothing_to_judge"
    start, end = days_span(frames, *days)
    if not intersection(history.in_force, ((start, end),)) or not _promised(history, frame, each.promised, at):
        return "nothing_to_judge"
    if each.needs and not any(_tested(history, need, start, end, days) for need in each.needs):
        return "nothing_to_judge"
    return "kept" if over(end, history.now) else "pending"


def _promised(history: History, frame: Frame, place: str, at: Instant) -> bool:
    """Whether the terms have it: a table or number that is there and not empty, or an option in force."""
    scope = history.scope_at(at)
    if place.startswith("option:"):
        return place.removeprefix("option:") in scope.options
    value: Any = frame.terms
    for name in place.split(".") if place else ():
        value = value.plan(cast(e.Plan, scope.plan)) if name == "plan" else getattr(value, name)
        if not value:
            return False
    return True


def _tested(history: History, need: str, start: Instant, end: Instant, days: Days) -> bool:
    """Whether a fact of that kind, saying that, falls in the period."""
    kind, _, said = need.partition(" ")
    field, _, wanted = said.partition("=")
    falls = partial(_falls, within=(moment(start), moment(end)), days=days)
    return any(
        (not field or str(getattr(f.event, field)) == wanted) and falls(f.event)
        for f in reversed(history.of(e.VOCABULARY[kind]))
    )


def _falls(event: e.Event, within: tuple[datetime, datetime], days: Days) -> bool:
    """Whether an instant, a day or a month the event tells lies in the period; the earliest it tells counts."""
    kind = type(event)
    instants: list[datetime] = [value for name in INSTANTS[kind] if (value := getattr(event, name)) is not None]
    if instants:
        return within[0] <= min(instants) < within[1]
    on = [value for name in DAYS[kind] if (value := getattr(event, name)) is not None]
    month = getattr(event, "month", None)
    on += [date.fromisoformat(f"{month}-01")] if month else []
    return bool(on) and days[0] <= min(on) <= days[1]
