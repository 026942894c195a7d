"""`service-ledger replay`: a question at two moments, under every reading, or under named readings."""

from __future__ import annotations

from typing import Any

import click

from projections.questions import QUESTIONS, Question
from replays.commands.asking import QuestionGroup, article_of, example_of, only_contract, question_options
from replays.commands.options import (
    json_option,
    knowledge_options,
    known_at_of,
    ledger_option,
    read_only_ledger,
    say_if_ahead,
)
from replays.commands.options import switches_of as _switches_of


@click.group(
    cls=QuestionGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  service-ledger replay availability --month 2026-02 \\
      --known-at 2026-03-05T00:00:00Z --and-known-at 2026-04-01T00:00:00Z
  service-ledger replay availability --month 2026-02 --sensitivity
  service-ledger replay availability --month 2026-02 --under readings.toml""",
)
def replay() -> None:
    """Replay a question: what was known when, under which reading, and what turns the verdict.

    Each takes what `ask` takes, and one or more of --and-known-at (or --and-position), --sensitivity and --under.
    """


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
        help=f"Replay: {question.summary} ({article_of(question)}).\n\nGive one or more of --and-known-at (or "
        "--and-position), --sensitivity and --under.",
        short_help=f"{question.summary[0].upper()}{question.summary[1:]}.",
        epilog=" ".join(f"Example: service-ledger replay {question.name} {example_of(question)} --sensitivity".split()),
        context_settings={"help_option_names": ["-h", "--help"]},
    )(command)
    made.params[1:1] = question_options(question)
    return made


def _replay(book: Any, question: Question, contract: str, as_json: bool, options: dict[str, Any]) -> None:
    from ledger.errors import Refused
    from projections.questions import read

    known_at, position = options.pop("known_at"), options.pop("position")
    later, later_position = options.pop("later"), options.pop("later_position")
    sensitive, files = options.pop("sensitivity"), options.pop("files")
    switches = _switches_of(options.pop("readings"))
    values = read(question, options)
    two = later is not None or later_position is not None
    if not (two or sensitive or files):
        raise Refused(
            "missing_parameter", "say what to replay: --and-known-at, --and-position, --sensitivity or --under"
        )
    first, root = _known(book, question, contract, known_at, position, switches, options)
    if two:
        second, later_root = _known(
            book, question, contract, later, later_position, switches, options, named="--and-known-at"
        )
        _compare(first, second, (root, later_root), question, values, switches, as_json)
    if sensitive:
        _sensitivity(first, question, values, switches, as_json)
    if files:
        when = {"known_at": first.known_at, "position": position}
        _under(book, contract, when, question, switches, options, files, as_json)


def _known(
    book: Any, question: Question, contract: str, when: str | None, position: int | None, switches: Any, params: Any,
    named: str = "--known-at",
) -> tuple[Any, str | None]:
    """The history `ask` would answer by (the contract may have adopted `knowledge=attested`), and the tree's root."""
    from projections.asking import ask
    from projections.questions import instant_of

    known = known_at_of(when, position)
    moment = None if known is None else instant_of(named, known)
    asked = ask(book, question.name, contract=contract, known_at=moment, position=position, reading=switches, **params)
    found = book.history(contract, known_at=moment, position=position, knowledge=asked.reading["knowledge"])
    say_if_ahead(book, found)
    return found, asked.root


def _compare(
    first: Any, second: Any, roots: Any, question: Question, values: Any, switches: Any, as_json: bool
) -> None:
    import msgspec
    from msgspec.structs import replace

    from replays import show
    from replays.as_of import compare
    from replays.commands.progress import progress

    with progress(silent=as_json) as tell:
        found = compare(first, second, question, values, switches, tell)
    answers = [replace(answer, root=root) for answer, root in zip((found.first, found.second), roots, strict=True)]
    found = replace(found, first=answers[0], second=answers[1])
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    show.comparison(found)


def _sensitivity(history: Any, question: Question, values: Any, switches: Any, as_json: bool) -> None:
    import msgspec

    from replays import show
    from replays.commands.progress import progress
    from replays.readings import sensitivity

    with progress(silent=as_json) as tell:
        found = sensitivity(history, question, values, switches, tell)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    show.sensitivity(found)


def _under(
    book: Any, contract: str, when: Any, question: Question, switches: Any, params: Any, files: Any, as_json: bool
) -> None:
    import msgspec

    from projections.asking import ask
    from replays import show
    from replays.readings import all_readings
    from replays.verdicts import verdict

    named = all_readings(files, switches)
    answers = [
        (r, ask(book, question.name, contract=contract, reading={**switches, **r.switches}, **when, **params))
        for r in named
    ]
    if as_json:
        click.echo(msgspec.json.encode([{"reading": r.name, "why": r.why, "answer": a} for r, a in answers]))
        return
    show.side_by_side([(r.name, verdict(question.name, a.result), a.result) for r, a in answers])


for _question in QUESTIONS:
    replay.add_command(_command(_question))
