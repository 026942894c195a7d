"""`service-ledger ask`: a subcommand for each question, made from the table of questions."""

from __future__ import annotations

from typing import Any

import click

from projections.questions import QUESTIONS, Param, Question
from replays.commands.options import (
    json_option,
    knowledge_options,
    known_at_of,
    ledger_option,
    read_only_ledger,
    switches_of,
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: service-ledger ask availability --contract C-2041 --month 2026-03 --reading overlap=sum --explain",
)
def ask() -> None:
    """Ask a question about a contract, as known at any instant, under any reading."""


def _option(param: Param) -> click.Option:
    text = param.help + ("" if param.required else " (optional)")
    return click.Option([f"--{param.name}"], help=text, metavar=param.kind.upper().replace("LAST_", ""))


def question_options(question: Question) -> list[click.Parameter]:
    """The command-line options of a question's parameters."""
    return [_option(param) for param in question.params]


def _command(question: Question) -> click.Command:
    @ledger_option
    @click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")
    @knowledge_options
    @json_option
    @click.option("--explain", is_flag=True, help="Show the workings and the entries it rests on.")
    def answer(
        url: str,
        contract: str | None,
        known_at: str | None,
        position: int | None,
        readings: tuple[str, ...],
        as_json: bool,
        explain: bool,
        **params: Any,
    ) -> None:
        from projections.asking import ask as ask_ledger
        from replays import show

        with read_only_ledger(url) as book:
            found = ask_ledger(
                book,
                question.name,
                contract=contract or only_contract(book),
                known_at=known_at_of(known_at, position),
                position=position,
                reading=switches_of(readings),
                **params,
            )
            if as_json:
                click.echo(found.to_json())
                return
            show.answer(found, question, book if explain else None)

    command = click.command(
        question.name,
        help=f"{question.summary[0].upper()}{question.summary[1:]} (article {question.article}).",
        context_settings={"help_option_names": ["-h", "--help"]},
    )(answer)
    command.params[1:1] = question_options(question)
    return command


def only_contract(book: Any) -> str:
    """The ledger's one contract; refused when there is none or a choice."""
    from ledger.errors import Refused

    known: list[str] = book.contracts()
    if len(known) == 1:
        return known[0]
    shown = ", ".join(known[:8]) or "none yet"
    raise Refused("missing_parameter", f"say which contract with --contract; the ledger knows {shown}")


for _question in QUESTIONS:
    ask.add_command(_command(_question))
