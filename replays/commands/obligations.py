"""`service-ledger obligations`: the table of what is owed, or where one contract stands on each of it."""

from __future__ import annotations

import json
from typing import Any

import click

from replays.commands.options import (
    json_option,
    knowledge_options,
    known_at_of,
    ledger_option,
    read_only_ledger,
    switches_of,
)


@click.command(
    epilog="""\b
Examples:
  service-ledger obligations
  service-ledger obligations --contract C-2041 --at 2026-03-31T12:00:00+02:00 --state broken"""
)
@ledger_option
@click.option("--contract", help="Say where this contract stands; without it, the table of obligations.")
@click.option("--at", "instant", metavar="INSTANT", help="The period is the one that holds it (default: now).")
@click.option(
    "--state", "wanted", multiple=True, metavar="STATE",
    help="Only those in this state: broken, contested, pending, kept or nothing_to_judge (repeatable).",
)  # fmt: skip
@knowledge_options
@json_option
def obligations(
    url: str,
    contract: str | None,
    instant: str | None,
    wanted: tuple[str, ...],
    known_at: str | None,
    position: int | None,
    readings: tuple[str, ...],
    as_json: bool,
) -> None:
    """List every obligation of the booklet, or where a contract stands on each."""
    from replays import show

    if contract is None and (instant or wanted):
        raise click.UsageError("--at and --state ask where a contract stands: say which with --contract")
    found = _table() if contract is None else _standing(url, contract, instant, known_at, position, readings)
    if wanted:
        found = [row for row in found if row.get("state") in _checked(wanted)]
    click.echo(json.dumps(found, ensure_ascii=False)) if as_json else show.rows(found)


def _table() -> list[dict[str, Any]]:
    from projections.obligations import OBLIGATIONS

    return [
        {"id": o.id, "clause": o.clause, "owed": o.text, "by": o.who, "how": o.how, "over": o.over, "rule": o.rule,
         "switches": list(o.switches), "test": o.test}
        for o in OBLIGATIONS
    ]  # fmt: skip


def _standing(
    url: str, contract: str, instant: str | None, known_at: str | None, position: int | None, readings: tuple[str, ...]
) -> list[dict[str, Any]]:
    from ledger.book import wall_clock
    from ledger.spans import seconds
    from projections.frame import Frames
    from projections.obligations import BY_ID
    from projections.questions import instant_of
    from projections.standing import obligations as standing

    known = known_at_of(known_at, position)
    switches = switches_of(readings)
    with read_only_ledger(url) as book:
        history = book.history(
            contract,
            known_at=None if known is None else instant_of("known_at", known),
            position=position,
            knowledge=switches.get("knowledge", "recorded"),
        )
        when = seconds(instant_of("at", wall_clock() if instant in (None, "now") else instant))
        states = standing(history, Frames(history, switches), when).result
    return [{"id": id, "clause": BY_ID[id].clause, "owed": BY_ID[id].text, **row} for id, row in states.items()]


def _checked(wanted: tuple[str, ...]) -> tuple[str, ...]:
    from ledger.errors import Refused
    from projections.standing import STATES

    known = [state for state, _ in STATES]
    for state in wanted:
        if state not in known:
            raise Refused("bad_parameter", f"state: {state!r} is none of {', '.join(known)}")
    return wanted
