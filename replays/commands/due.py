"""`service-ledger due`: what falls due next for a contract, as a list, JSON or a calendar file."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import click

from ledger.counting import number_of
from replays.commands.options import (
    json_option,
    knowledge_options,
    ledger_option,
    read_only_ledger,
    replace_option,
    switches_of,
)


@click.command(
    epilog="Example: service-ledger due --contract C-2041 --at 2026-03-18T10:00:00+01:00 --within 7d --ical due.ics"
)
@ledger_option
@click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")
@click.option("--at", "instant", metavar="INSTANT", help="From when on (default: now).")
@click.option("--within", default="30d", show_default=True, metavar="DAYS", help="How far ahead: 7d, 4w.")
@knowledge_options
@json_option
@click.option(
    "--ical", metavar="FILE", help="Write a calendar file (RFC 5545) there; refused if it is there, unless --replace."
)
@replace_option()
def due(
    url: str,
    contract: str | None,
    instant: str | None,
    within: str,
    known_at: str | None,
    position: int | None,
    readings: tuple[str, ...],
    as_json: bool,
    ical: str | None,
    replace: bool,
) -> None:
    """List every running clock of a contract with the end it runs to, soonest first."""
    from ledger.book import wall_clock
    from ledger.spans import seconds
    from projections.due import SAYS
    from projections.due import due as due_by
    from projections.frame import Frames
    from projections.questions import instant_of
    from replays import show
    from replays.commands.asking import only_contract

    if replace and ical is None:
        raise click.UsageError("--replace is said of the file of --ical")
    days, switches = _days(within), switches_of(readings)
    now = wall_clock().replace(microsecond=0) + timedelta(seconds=1)  # all recorded in this second is known then
    when = instant_of("at", now if instant in (None, "now") else instant)
    # the clocks are those known at the instant itself: nothing said later is looked at, so `all` needs no bound
    told = wall_clock() if known_at == "now" else known_at
    known = None if told in (None, "all") else instant_of("known_at", told)
    with read_only_ledger(url) as book:
        named = contract or only_contract(book)
        knowledge = switches.get("knowledge", "recorded")
        history = book.history(named, known_at=known, position=position, knowledge=knowledge)
        frames = Frames(history, switches)
        found = due_by(history, frames, seconds(when), days).result
        zone = frames.at(seconds(when)).terms.zone
    if ical is not None:
        from replays.calendar_file import calendar_file
        from replays.outputs import put

        put(ical, calendar_file(found, named, when, zone), replacing=replace)
        click.echo(f"{ical}: {number_of(len(found), 'entry')}", err=True)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    elif ical is None:
        show.rows([_shown(row, SAYS) for row in found], empty=f"nothing falls due within {number_of(days, 'day')}")


def _shown(row: dict[str, Any], says: dict[str, str]) -> dict[str, Any]:
    return {**row, "says": says[row["what"]]}


def _days(within: str) -> int:
    """Whole days of `30d` or `4w`. Raises `Refused("bad_parameter")`."""
    from ledger.errors import Refused

    found = re.fullmatch(r"([1-9]\d{0,3})([dw]?)", within)
    if found is None:
        raise Refused("bad_parameter", f"within: {within!r} is no number of days; write 30d or 4w")
    return int(found[1]) * (7 if found[2] == "w" else 1)
