"""Monthly statements: issued as events whose figures replay, contested, restated when knowledge changes.

A statement says a month's availability as known at an instant and a position, under a reading; it is
recorded only when asking again gives its figures. It is never edited: when later knowledge gives other
figures, `restatement_needed` stands beside it until another statement replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from ledger.book import Ledger
from ledger.cloudevents import Draft
from ledger.corrections import Fact
from ledger.errors import Refused
from ledger.events import AvailabilityStatementIssued, StatementContested
from ledger.history import History
from ledger.readings import DEFAULT
from ledger.recording import Receipt
from ledger.spans import moment, seconds
from ledger.workdays import end_of_days_after
from projections.asking import Answer, ask, framed
from projections.availability import figures
from projections.finding import ceil_seconds, text
from projections.frame import Frames
from projections.questions import instant_of, question, read
from projections.tally import month_of

FIGURES = (
    "prt_minutes",
    "gross_unavailable_seconds",
    "excluded_seconds",
    "ti_seconds",
    "td_percent",
    "breach",
    "status",
)


class Standing(Struct, frozen=True, kw_only=True):
    """A statement as it stands at some knowledge: its figures, what would be said now, who contests it.

    `restatement_needed` is true while the figures differ from `figures_now` and no later statement
    replaces it. Deadlines are instants (UTC) of the booklet's delays, null where it sets none.
    """

    statement: str
    month: str
    issued_at: str
    known_at: str
    position: int
    reading: dict[str, str]
    figures: dict[str, Any]
    figures_now: dict[str, Any]
    restatement_needed: bool
    replaced_by: str | None
    contested_by: tuple[str, ...]
    contest_until: str | None
    answer_until: str | None
    because: tuple[int, ...]


def figures_of(answer: Answer) -> dict[str, Any]:
    """What a statement says of an availability answer."""
    return {name: answer.result[name] for name in FIGURES}


def issue(
    book: Ledger,
    contract: str,
    month: str,
    *,
    statement: str,
    known_at: datetime,
    reading: Mapping[str, str] | None = None,
    replaces: str | None = None,
) -> tuple[Receipt, Answer]:
    """Issue the statement of a month, with the figures found as known at an instant.

    Raises `Refused`: `unknown_contract`, `unknown_statement` (the one it replaces), `conflict` (that id was
    issued with other figures), and what `ask` raises.
    """
    switches = dict(reading or {})
    known_at = moment(ceil_seconds(known_at))  # kept to the second; the position says the rest
    answer = ask(book, "availability", contract=contract, known_at=known_at, reading=switches, month=month)
    values = read(question("availability"), {"month": month})
    history, frames = framed(book, values, switches, contract=contract, known_at=known_at, position=None)
    if month_of(history, frames, month)[2][0] >= seconds(known_at):
        raise Refused("bad_parameter", f"{month} has not begun at {text(seconds(known_at))}: there is nothing to state")
    if replaces is not None and replaces not in {f.event.statement for f in _issued(book.history(contract))}:
        raise Refused("unknown_statement", f"no statement {replaces!r} is recorded for {contract}")
    event = AvailabilityStatementIssued(
        statement=statement,
        month=month,
        known_at=known_at,
        position=answer.position,
        reading=switches,
        figures=figures_of(answer),
        root=answer.root,
        replaces=replaces,
    )
    watch(book)
    receipt = book.record([event], subject=f"contract:{contract}", source="statements")[0]
    return receipt, answer


def watch(book: Ledger) -> None:
    """Let `book` record statements: each is asked again first, and refused when its figures are not found."""
    book.check_statement = lambda draft: check(book, draft)


def check(book: Ledger, draft: Draft) -> None:
    """Raise `Refused("figures_do_not_replay")` unless the statement's question gives its figures and root again."""
    said = draft.event
    assert isinstance(said, AvailabilityStatementIssued)
    position = replay(book, draft.stream.partition(":")[2], said, said.position or None)
    if said.root is not None and said.root != (root := book.root_at(position)):
        raise Refused("figures_do_not_replay", f"the tree's root at position {position} is {root}")


def replay(book: Ledger, contract: str, said: AvailabilityStatementIssued, position: int | None) -> int:
    """Ask again what a statement says, as known at its instant and up to a position; the last position looked at.

    Raises `Refused`: `figures_do_not_replay` unless its figures are found again, else as `ask`.
    """
    values = read(question("availability"), {"month": said.month})
    known_at = instant_of("known_at", said.known_at)
    history, frames = framed(book, values, said.reading, contract=contract, known_at=known_at, position=position)
    found = figures(history, frames, said.month, FIGURES)
    wrong = [name for name, value in said.figures.items() if name not in FIGURES or found[name] != value]
    if wrong or not said.figures:
        named = ", ".join(f"{n} {found[n] if n in FIGURES else None!r}, not {said.figures[n]!r}" for n in wrong)
        where = f"{said.month} at position {said.position}"
        raise Refused("figures_do_not_replay", f"{where}: the ledger finds {named or 'no figures'}")
    return history.position


def statements(history: History) -> list[Standing]:
    """Every statement known, oldest first, each beside what would be said now."""
    issued = _issued(history)
    replaced = {f.event.replaces: f.event.statement for f in issued if f.event.replaces is not None}
    contests = history.of(StatementContested)
    return [_standing(fact, history, replaced, contests) for fact in issued]


def _issued(history: History) -> list[Fact]:
    return history.of(AvailabilityStatementIssued)


def _by_knowledge(history: History, switches: Mapping[str, str], month: str) -> History:
    """The history as the statement's reading counts what is known: by the ledger's clock or its sources'."""
    asked = month_of(history, Frames(history, switches), month)[0].reading.knowledge
    if asked == history.knowledge:
        return history
    return History(
        history.contract, history.streams, known_at=history.known_at, position=history.position, now=history.now,
        knowledge=asked, without=history.without,
    )  # fmt: skip


def _standing(fact: Fact, history: History, replaced: Mapping[str, str], contests: list[Fact]) -> Standing:
    said = fact.event
    switches = {k: v for k, v in said.reading.items() if k in DEFAULT.as_dict()}
    history = _by_knowledge(history, switches, said.month)
    frames = Frames(history, switches)
    result = question("availability").function()(history, frames, month=said.month).result
    now = {name: result[name] for name in said.figures if name in result}
    mine = [c for c in contests if c.event.statement == said.statement]
    promised = frames.at(seconds(said.known_at)).terms.statements
    calendar = frames.at(seconds(said.known_at)).calendar

    def until(since: datetime, days: int | None) -> str | None:
        return None if days is None else text(end_of_days_after(calendar, seconds(since), days))

    return Standing(
        statement=said.statement,
        month=said.month,
        issued_at=text(seconds(fact.first_known_at)),
        known_at=text(seconds(said.known_at)),
        position=said.position,
        reading=switches,
        figures=dict(said.figures),
        figures_now=now,
        restatement_needed=now != dict(said.figures) and said.statement not in replaced,
        replaced_by=replaced.get(said.statement),
        contested_by=tuple(f"{c.event.by or 'unnamed party'}: {c.event.reason}" for c in mine),
        contest_until=until(fact.first_known_at, promised.contest_days if promised else None),
        answer_until=until(mine[0].known_at, promised.answer_days if promised else None) if mine else None,
        because=tuple(sorted({*fact.positions, *(p for c in mine for p in c.positions)})),
    )
