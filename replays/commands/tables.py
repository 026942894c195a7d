"""The tables the software is built from, shown as they are: questions, switches, events, codes."""

from __future__ import annotations

import json

import click

from replays.commands.options import json_option


@click.command()
@json_option
def questions(as_json: bool) -> None:
    """List the questions and their parameters."""
    from projections.questions import QUESTIONS, takes

    _print(
        [{"question": q.name, "article": q.article, "parameters": takes(q), "answers": q.summary} for q in QUESTIONS],
        as_json,
    )


@click.command()
@json_option
def switches(as_json: bool) -> None:
    """List the switches of a reading: values (default first), clause and reason."""
    from ledger.readings import SWITCHES

    _print(
        [{"switch": s.name, "values": " | ".join(s.values), "article": s.article, "why": s.why} for s in SWITCHES],
        as_json,
    )


@click.command()
@json_option
def events(as_json: bool) -> None:
    """List the event vocabulary: wire name, fields, meaning."""
    from replays.reference import vocabulary

    _print(vocabulary(), as_json)


@click.command()
@json_option
def codes(as_json: bool) -> None:
    """List refusal codes with their exit status."""
    from ledger.errors import EXIT_INTERNAL, EXIT_USAGE, REFUSALS

    said = (
        *REFUSALS,
        ("usage", EXIT_USAGE, "the command's words are off"),
        ("internal", EXIT_INTERNAL, "a defect of ours"),
    )
    _print([{"code": code, "exit": status, "means": meaning} for code, status, meaning in said], as_json)


@click.command(epilog='Example: eval "$(service-ledger completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the shell's completion script."""
    from click.shell_completion import get_completion_class

    from replays.commands.root import root

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(root, {}, "service-ledger", "_SERVICE_LEDGER_COMPLETE").source())


def _print(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    from replays import show

    show.rows(rows)
