"""`service-ledger replay`: a question at two moments, under every reading, or under named readings."""

from __future__ import annotations

from typing import Any

import click

from projections.questions import QUESTIONS, Question
from replays.commands.asking import QuestionGroup, only_contract, question_options
from replays.commands.options import json_option, knowledge_options, known_at_of, ledger_option, read_only_ledger
from replays.commands.options import switches_of as _switches_of


@click.group(
    cls=QuestionGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Examples: service-ledger replay availability --contract C1 --month 2026-02 --known-at 2026-03-05T00:00:00Z "
    "--and-known-at 2026-04-01T00:00:00Z. service-ledger replay availability --month 2026-02 --sensitivity. "
    "service-ledger replay availability --month 2026-02 --under readings.toml",
)
def replay() -> None:
    """Replay a question: what was known when, under which reading, and what turns the verdict."""


def _command(question: Question) -> click.Command:
    @ledger_option
    @click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")
    @knowledge_options
    @click.option("--and-known-at", "later", metavar="INSTANT", help="A second moment of knowledge (`now`, `all`).")
    @click.option("--and-position", "later_position", type=int, help="A second position.")
    @click.option("--sensitivity", is_flag=True, help="Flip every switch that bears on the question.")
    @click.option("--under", "files", multiple=True, metavar="FILE", help="Named readings in TOML (repeatable).")
    @json_option
    def command(url: str, contract: str | None, as_json: bool, **options: Any) -> None:
        with read_only_ledger(url) as book:
            _replay(book, question, contract or only_contract(book), as_json, options)

    made = click.command(
        question.name,
        help=f"Replay: {question.summary} (article {question.article}).",
        context_settings={"help_option_names": ["-h", "--help"]},
    )(command)
    made.params[1:1] = question_options(question)
    return made


def _replay(book: Any, question: Question, contract: str, as_json: bool, options: dict[str, Any]) -> None:
    from ledger.errors import Refused
    from ledger.readings import DEFAULT
    from projections.questions import instant_of, read

    known_at, position = options.pop("known_at"), options.pop("position")
    later, later_position = options.pop("later"), options.pop("later_position")
    sensitive, files = options.pop("sensitivity"), options.pop("files")
    switches = _switches_of(options.pop("readings"))
    values = read(question, options)
    knowledge = DEFAULT.with_switches(switches).knowledge

    def history(when: str | None, at: int | None) -> Any:
        known = known_at_of(when, at)
        moment = None if known is None else instant_of("--known-at", known)
        return book.history(contract, known_at=moment, position=at, knowledge=knowledge)

    if not (later or later_position or sensitive or files):
        raise Refused(
            "missing_parameter", "say what to replay: --and-known-at, --and-position, --sensitivity or --under"
        )
    first = history(known_at, position)
    _say_future(book, first)
    if later or later_position:
        second = history(later, later_position)
        _say_future(book, second)
        _check_order(first, second)
        _compare(first, second, question, values, switches, as_json)
    if sensitive:
        _sensitivity(first, question, values, switches, as_json)
    if files:
        _under(first, question, values, switches, files, as_json)


def _check_order(first: Any, second: Any) -> None:
    from ledger.errors import Refused

    if (second.now, second.position) < (first.now, first.position):
        raise Refused("bad_parameter", "the second moment must not be before the first; exchange the two")


def _say_future(book: Any, history: Any) -> None:
    from ledger.spans import FOREVER, seconds

    if seconds(book.clock()) < history.now < FOREVER:
        click.echo(
            f"service-ledger: note: {history.known_at.isoformat()} lies ahead; judged by what is held now", err=True
        )


def _compare(first: Any, second: Any, question: Question, values: Any, switches: Any, as_json: bool) -> None:
    import msgspec

    from replays import show
    from replays.as_of import compare

    found = compare(first, second, question, values, switches)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    show.comparison(found)


def _sensitivity(history: Any, question: Question, values: Any, switches: Any, as_json: bool) -> None:
    import msgspec

    from replays import show
    from replays.readings import sensitivity

    found = sensitivity(history, question, values, switches)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    show.sensitivity(found)


def _under(history: Any, question: Question, values: Any, switches: Any, files: Any, as_json: bool) -> None:
    import msgspec

    from projections.asking import answer_from
    from replays import show
    from replays.readings import read_readings, verdict

    named = [reading for path in files for reading in read_readings(path)]
    answers = [(r, answer_from(history, question, values, {**switches, **r.switches})) for r in named]
    if as_json:
        click.echo(msgspec.json.encode([{"reading": r.name, "why": r.why, "answer": a} for r, a in answers]))
        return
    show.side_by_side([(r.name, verdict(question.name, a.result), a.result) for r, a in answers])


for _question in QUESTIONS:
    replay.add_command(_command(_question))
