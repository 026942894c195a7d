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
    replace_option,
    switches_of,
)

EXAMPLES: dict[str, str] = {  # by kind of parameter, for the help of each question
    "month": "2026-03",
    "week": "2026-W09",
    "date": "2026-03-01",
    "last_date": "2026-03-31",
    "instant": "2026-03-18T10:00:00+01:00",
    "count": "4",
}


PICTURED = ("requests_dashboard", "articles_dashboard")


class QuestionGroup(click.Group):
    """A group whose commands are questions: a name that is none is refused as the question it is."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from projections.questions import question

        found = super().get_command(ctx, cmd_name)
        if found is None:
            question(cmd_name)
        return found


@click.group(
    cls=QuestionGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: service-ledger ask availability --contract C-2041 --month 2026-03 --reading overlap=sum --explain",
)
def ask() -> None:
    """Ask a question about a contract, as known at any instant, under any reading.

    `service-ledger questions` lists what each takes.
    """


def _option(param: Param) -> click.Option:
    told = "required" if param.required else "optional" if param.default is None else f"default: {param.default}"
    text = f"{param.help[0].upper()}{param.help[1:]}.  [{told}]"
    names = dict.fromkeys([f"--{param.name.replace('_', '-')}", f"--{param.name}"])  # within-days, or as in Python
    return click.Option([*names, param.name], help=text, metavar=param.kind.upper().replace("LAST_", ""))


def example_of(question: Question) -> str:
    """The parameters a question cannot do without, as one would write them."""
    needed = [p for p in question.params if p.required and p.kind in EXAMPLES]
    return " ".join(f"--{p.name.replace('_', '-')} {EXAMPLES[p.kind]}" for p in needed)


def article_of(question: Question) -> str:
    """The clauses a question is of, in words."""
    return "every article" if question.article == "all" else f"article {question.article}"


def question_options(question: Question) -> list[click.Parameter]:
    """The command-line options of a question's parameters."""
    return [_option(param) for param in question.params]


def _command(question: Question) -> click.Command:
    @ledger_option
    @click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")
    @knowledge_options
    @json_option
    @click.option(
        "--picture", metavar="FILE", hidden=question.name not in PICTURED,
        help="Write a picture of it there (SVG); refused if it is there, unless --replace.",
    )  # fmt: skip
    @replace_option(hidden=question.name not in PICTURED)
    @click.option("--explain", is_flag=True, help="Show the workings and the entries it rests on.")
    def answer(
        url: str,
        contract: str | None,
        known_at: str | None,
        position: int | None,
        readings: tuple[str, ...],
        as_json: bool,
        picture: str | None,
        replace: bool,
        explain: bool,
        **params: Any,
    ) -> None:
        from projections.asking import ask as ask_ledger

        if replace and picture is None:
            raise click.UsageError("--replace is said of the file of --picture")
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
            if picture is not None:
                from replays import charts
                from replays.outputs import put

                put(picture, charts.picture(question.name, found.result).encode(), replacing=replace)
            if as_json:
                click.echo(found.to_json().encode())
                return
            from replays import show

            show.answer(found, question, book if explain else None)

    command = click.command(
        question.name,
        help=f"{question.summary[0].upper()}{question.summary[1:]} ({article_of(question)}).",
        short_help=f"{question.summary[0].upper()}{question.summary[1:]}.",
        epilog=f"Example: service-ledger ask {question.name} {example_of(question)}".rstrip(),
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
