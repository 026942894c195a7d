"""`service-ledger views`: answers kept in SQL tables beside the ledger: built, followed live, looked at."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from replays.commands.options import Family, json_option, ledger_option, read_only_ledger

views_option = click.option(
    "--views",
    "where",
    metavar="PLACE",
    help="A file, or postgresql://... (default: beside the ledger, LEDGER.views.db or schema LEDGER_views).",
)


@click.group(
    cls=Family,
    epilog="""\b
Example:
  service-ledger views build
  sqlite3 service-ledger.db.views.db 'SELECT contract, month, td_percent FROM availability_now WHERE breach'"""
)
def views() -> None:
    """Answers in SQL tables: availability, maintenance, backups, breaches, contracts, as known at every position.

    A row holds from known_from_position up to, not including, known_to_position (null: still). The views
    NAME_now hold what is known now.
    """


@views.command(epilog="Example: service-ledger views build --from 120000 --jobs 2")
@ledger_option
@views_option
@click.option("--from", "since", metavar="POSITION", default="1", show_default=True,
              help="The first position they shall answer as of; `last` for what is known now alone.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that share the work.")
@json_option
def build(url: str, where: str | None, since: str, jobs: int, as_json: bool) -> None:
    """Build the views anew beside the old ones, and swap them in at once."""
    from projections import views as made

    progress = _progress if sys.stderr.isatty() and not as_json else None
    found = made.build(url, made.place_of(url, where), since=_position(url, since), jobs=jobs, progress=progress)
    _show(found, as_json)


@views.command(epilog="Example: service-ledger views follow --once")
@ledger_option
@views_option
@click.option("--once", is_flag=True, help="Catch up and end.")
@json_option
def follow(url: str, where: str | None, once: bool, as_json: bool) -> None:
    """Take the views up to the ledger's last position, and on as entries come, each exactly once.

    With --json a line for each position reached, as they come.
    """
    from projections import views as made

    place, reached = made.place_of(url, where), None

    def folded(position: int) -> None:
        nonlocal reached
        reached = position
        _folded(position, as_json)

    with read_only_ledger(url) as book:
        made.follow(book, place, once=once, folded=folded)
    if reached is None:  # nothing had come since
        _folded(made.status(place)["position"], as_json)


@views.command(epilog="Example: service-ledger views status --json")
@ledger_option
@views_option
@json_option
def status(url: str, where: str | None, as_json: bool) -> None:
    """Show what the views hold, up to which position, and how far the ledger has gone on since."""
    from projections import views as made

    _show(made.status(made.place_of(url, where), url), as_json)


def _position(url: str, text: str) -> int:
    from ledger.errors import Refused

    if text == "last":
        with read_only_ledger(url) as book:
            return max(int(book.position), 1)
    if not text.isdecimal():
        raise Refused("bad_position", f"--from: {text!r} is no position; a whole number, or `last`")
    return int(text)


def _progress(done: int, of: int) -> None:
    click.echo(f"\rfolding contracts {done}/{of}" + ("\n" if done == of else ""), err=True, nl=False)


def _folded(position: int, as_json: bool) -> None:
    """On stderr for who looks; for programs the position on stdout, at once."""
    words = f"folded up to position {position}"
    click.echo(json.dumps({"position": position}) if as_json else words, err=not as_json)


def _show(found: dict[str, Any], as_json: bool) -> None:
    from replays import show

    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    rows = found.pop("rows")
    show.rows([{"what": name, "is": str(value)} for name, value in found.items()])
    show.rows([{"table": name, "rows": count} for name, count in rows.items()])
