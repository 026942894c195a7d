"""A question in the parts that are judged apart: the register by subject, and by month where a subject costs by it;
where a contract stands, by what each subject files and by obligation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from ledger.history import History
from ledger.spans import FOREVER, Instant, moment, seconds
from ledger.workdays import add_months
from projections.breaches import SUBJECTS, breaches_of, gathered
from projections.frame import Frames
from projections.obligations import Obligation
from projections.periods import months_between
from projections.questions import Question
from projections.standing import FILINGS, JUDGED, Filing, filed, standing, unfiled

REGISTER = "breaches"
STANDING = "obligations"
BY_MONTH = ("availability", "maintenance")  # subjects of the register that cost by the period asked about
# whether these broke a month, nothing decides that begins after it; of other subjects clocks run on beyond it
SETTLED = tuple(Filing("month", subject) for subject in (*BY_MONTH, "backups", "restores"))


class Part(NamedTuple):
    """One part of a question, and the subject of the register it is of (None: of another question).

    Nothing that begins at or after `beyond` bears on it, unless a reading counts months by what began in them.
    """

    judge: Callable[[History, Frames], Any]
    subject: str | None
    beyond: Instant = FOREVER


def parts_of(asked: Question, values: Mapping[str, Any]) -> list[Part]:
    """The parts of a question. What they find, in this order, `together` makes the question's result."""
    if asked.name == STANDING:
        return [*(_filing(each, values["at"]) for each in FILINGS), *(_unfiled(each, values["at"]) for each in JUDGED)]
    if asked.name != REGISTER:
        return [whole(asked, values)]
    first, last = values["first"], values["last"]
    return [
        _filed(subject, *days)
        for subject in SUBJECTS
        for days in (months(first, last) if subject in BY_MONTH else [(first, last)])
    ]


def whole(asked: Question, values: Mapping[str, Any]) -> Part:
    """The question as one part."""
    return Part(lambda history, frames: asked.function()(history, frames, **values).result, None)


def together(asked: str, found: Sequence[Any]) -> Any:
    """The result that the parts of a question come to."""
    if asked == STANDING:
        bare = {id: row for part in found[len(FILINGS) :] for id, row in part.items()}
        return standing(bare, [breach for part in found[: len(FILINGS)] for breach in part]).result
    if asked == REGISTER:
        return gathered([breach for part in found for breach in part]).result
    if len(found) > 1:
        return {name: row for part in found for name, row in part.items()}
    return found[0]


def _filed(subject: str, first: date, last: date) -> Part:
    # of backups what comes later is told too: until when one was owed that another has replaced since
    beyond = _over(last) if subject in BY_MONTH else FOREVER
    return Part(lambda history, frames: breaches_of(subject, history, frames, first, last), subject, beyond)


def _filing(filing: Filing, at: Instant) -> Part:
    beyond = _month_over(at) if filing in SETTLED else FOREVER
    return Part(lambda history, frames: filed(history, frames, at, filing), None, beyond)


def _unfiled(each: Obligation, at: Instant) -> Part:
    beyond = _month_over(at) if each.over == "month" else FOREVER
    return Part(lambda history, frames: {each.id: unfiled(history, frames, at, each)}, None, beyond)


def _month_over(at: Instant) -> Instant:
    """An instant by which the local month that holds `at` is over, whatever the zone."""
    latest = moment(at).date() + timedelta(days=1)  # that the clocks show anywhere
    return _over(add_months(latest.replace(day=1), 1) - timedelta(days=1))


def _over(day: date) -> Instant:
    """An instant by which a day is over anywhere."""
    return seconds(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=2))


def months(first: date, last: date) -> Sequence[tuple[date, date]]:
    """The days from `first` to `last`, both included, month by month."""
    starts = [date(int(label[:4]), int(label[5:7]), 1) for label in months_between(first, last)]
    return [(max(first, day), min(last, add_months(day, 1) - timedelta(days=1))) for day in starts]
