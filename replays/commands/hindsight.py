"""`service-ledger hindsight`: when each breach happened, when it could be known, and what would turn it."""

from __future__ import annotations

from typing import Any

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


@click.command(epilog="Example: service-ledger hindsight --contract C-2041 --first 2025-10 --last 2026-09")
@ledger_option
@click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")
@click.option("--first", required=True, metavar="DATE", help="First day (or month), 2026-03-01.")
@click.option("--last", required=True, metavar="DATE", help="Last day (or month), included, 2026-03-31.")
@knowledge_options
@json_option
def hindsight(
    url: str, contract: str | None, first: str, last: str, known_at: str | None, position: int | None,
    readings: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Look back: how late each breach could be known, and the seconds each month missed or had to spare."""
    import msgspec

    from projections.asking import ask
    from projections.frame import Frames
    from projections.questions import instant_of, question, read
    from replays.hindsight import hindsight as look_back

    days = read(question("breaches"), {"first": first, "last": last})
    switches = _switches_of(readings)
    with read_only_ledger(url) as book:
        named = contract or only_contract(book)
        known = known_at_of(known_at, position)
        moment = None if known is None else instant_of("--known-at", known)
        asked = ask(book, "breaches", contract=named, known_at=moment, position=position, reading=switches, **days)
        history = book.history(named, known_at=moment, position=position, knowledge=asked.reading["knowledge"])
        say_if_ahead(book, history)
        found = look_back(history, Frames(history, switches), days["first"], days["last"])
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    _show(found)


def _show(found: Any) -> None:
    from replays import show
    from replays.hindsight import month_rows, rows

    show.rows(rows(found), empty="no promise was broken in the period")
    show.rows(month_rows(found), empty="no month of availability ends in the period")
