"""One question in, one answer out: from a ledger, or from a history that came another way.

An answer states everything it depends on, so that asked again with the same position and reading it is
the same bytes, whatever the engine, the store or the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from ledger import __version__
from ledger.book import Ledger
from ledger.errors import Refused
from ledger.history import History, positions_of
from ledger.readings import DEFAULT
from ledger.spans import Instant, Span, seconds
from ledger.workdays import Calendar, iso_week
from ledger.zones import TZ_VERSION
from projections.frame import Frame, Frames
from projections.questions import Question, instant_of, question, read, written


class Answer(Struct, frozen=True, kw_only=True):
    """A question's result, with all it depends on, its workings and the entries it rests on.

    `known_at` is null when all the ledger holds was asked for; `position` is the last entry looked at;
    `root` the tree's root over the entries up to `position`, null while the ledger has no tree.
    """

    question: str
    params: dict[str, Any]
    contract: str
    known_at: str | None
    position: int
    root: str | None
    reading: dict[str, str]
    terms: str
    calendar: str
    tz: str
    software: str
    result: Any
    workings: Any
    because: tuple[int, ...]

    def to_json(self) -> str:
        """The answer's canonical bytes as text: field order fixed, no spaces."""
        return msgspec.json.encode(self).decode()


def ask(
    ledger: Ledger,
    name: str,
    *,
    contract: str,
    known_at: datetime | str | None = None,
    position: int | None = None,
    reading: Mapping[str, str] | None = None,
    **params: Any,
) -> Answer:
    """Answer a question of `QUESTIONS` about a contract, as known at an instant or a position.

    Without either, all the ledger holds is known and every period counts as over. `reading` sets switches
    for this question. Raises `Refused` with the code that names what is wrong.
    """
    asked = question(name)
    values = read(asked, params)
    if not isinstance(reading, Mapping | None):
        raise Refused("unknown_switch", f"reading: {reading!r} is no table of switches; give a dict")
    switches = dict(reading or {})
    DEFAULT.with_switches(switches)  # refused before an instant is
    known = None if known_at is None else instant_of("known_at", known_at)
    history, frames = framed(ledger, values, switches, contract=contract, known_at=known, position=position)
    return answer_from(history, asked, values, switches, root=ledger.root_at(history.position), frames=frames)


def framed(
    ledger: Ledger,
    values: Mapping[str, Any],
    switches: Mapping[str, str],
    *,
    contract: str,
    known_at: datetime | None,
    position: int | None,
) -> tuple[History, Frames]:
    """What a question is asked of: what was known, as its reading counts knowledge, and what it is judged by."""
    knowledge = DEFAULT.with_switches(switches).knowledge
    history = ledger.history(contract, known_at=known_at, position=position, knowledge=knowledge)
    frames = Frames(history, switches)
    adopted = _frame_named(history, frames, values).reading.knowledge
    if adopted != knowledge:  # the contract's own reading asks for the time its sources attested
        history = ledger.history(contract, known_at=known_at, position=position, knowledge=adopted)
        frames = Frames(history, switches)
    return history, frames


def answer_from(
    history: History,
    asked: Question,
    values: Mapping[str, Any],
    switches: Mapping[str, str],
    *,
    root: str | None = None,
    frames: Frames | None = None,
) -> Answer:
    """The answer of a history already at hand, parameters already read."""
    started = history.started
    frames = frames or Frames(history, switches)
    frame = _frame_named(history, frames, values)
    finding = asked.function()(history, frames, **values)
    calendars = frames.calendars_within(*_period(values, history, frames))
    framing = {*frame.because, *started.positions, *positions_of(fact for fact, _ in calendars)}
    return Answer(
        question=asked.name,
        params=written(values),
        contract=history.contract,
        known_at=None if history.known_at is None else msgspec.to_builtins(history.known_at),
        position=history.position,
        root=root,
        reading={**frame.reading.as_dict(), "knowledge": history.knowledge},
        terms=frame.terms_version,
        calendar=", ".join([frame.calendar_version, *(name for _, name in calendars)]),
        tz=TZ_VERSION,
        software=__version__,
        result=finding.result,
        workings=finding.workings,
        because=tuple(sorted({*finding.because, *framing})),
    )


def _frame_named(history: History, frames: Frames, values: Mapping[str, Any]) -> Frame:
    """The terms and reading the answer names: those at the first instant of the period asked about."""
    return frames.at(_anchor(values, history, frames))


def _anchor(values: Mapping[str, Any], history: History, frames: Frames) -> Instant:
    for name in ("month", "first", "start", "at", "on"):
        value = values.get(name)
        if isinstance(value, int):
            return value
        if value is not None:
            return _first_instant(value, frames.at(seconds(history.started.event.service_start)))
    return min(history.now, history.last_known_at)


def _period(values: Mapping[str, Any], history: History, frames: Frames) -> Span:
    """From the first instant of the period asked about to its end; of an instant, or of no period, nothing more."""
    start = _anchor(values, history, frames)
    for name in ("month", "last", "end"):
        value = values.get(name)
        if value is not None:
            return start, value if isinstance(value, int) else _end(value, frames.at(start).calendar)
    return start, start


def _end(value: Any, calendar: Calendar) -> Instant:
    if isinstance(value, date):
        return calendar.at(value, "24:00")
    if "W" in value:
        return calendar.at(iso_week(value) + timedelta(days=6), "24:00")
    return calendar.month(int(value[:4]), int(value[5:7]))[1]


def _first_instant(value: Any, frame: Frame) -> Instant:
    if isinstance(value, date):
        return frame.calendar.at(value)
    if "W" in value:
        return frame.calendar.at(iso_week(value))
    return frame.calendar.at(date(int(value[:4]), int(value[5:7]), 1))
