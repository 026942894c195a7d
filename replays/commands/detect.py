"""`service-ledger detect`: verdicts that moved after publication, and maintenance that looks played."""

from __future__ import annotations

import click

from replays.commands.asking import only_contract
from replays.commands.options import (
    json_option,
    knowledge_options,
    known_at_of,
    ledger_option,
    read_only_ledger,
    say_if_ahead,
)
from replays.commands.options import switches_of as _switches_of


@click.command(epilog="Example: service-ledger detect --contract C-REAL --known-at 2026-10-01T06:00:00Z")
@ledger_option
@click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")
@knowledge_options
@json_option
def detect(
    url: str, contract: str | None, known_at: str | None, position: int | None, readings: tuple[str, ...], as_json: bool
) -> None:
    """Search a contract's history for verdicts that moved, late words, short notice, chained slots; with evidence."""
    import msgspec

    from ledger.readings import DEFAULT
    from projections.frame import Frames
    from projections.questions import instant_of
    from replays import show
    from replays.detectors import detect as search

    switches = _switches_of(readings)
    knowledge = DEFAULT.with_switches(switches).knowledge
    with read_only_ledger(url) as book:
        known = known_at_of(known_at, position)
        moment = None if known is None else instant_of("--known-at", known)
        named = contract or only_contract(book)
        history = book.history(named, known_at=moment, position=position, knowledge=knowledge)
        say_if_ahead(book, history)
        found = search(history, Frames(history, switches))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    show.rows([msgspec.to_builtins(one) for one in found], empty="nothing of the kind is found")
