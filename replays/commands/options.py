"""Options several commands share: which ledger, as known when, under which reading, in which form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_LEDGER = "service-ledger.db"


class Family(click.Group):
    """A group whose page shows the first sentence of each command whole, on as many lines as it takes."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        if cmd.short_help is None:
            cmd.short_help = " ".join((cmd.help or "").split("\n\n")[0].split())
        super().add_command(cmd, name)


def ledger_option(function: F) -> F:
    """`--ledger`, from the environment's SERVICE_LEDGER, else a file in this folder."""
    return click.option(
        "-L",
        "--ledger",
        "url",
        envvar="SERVICE_LEDGER",
        default=DEFAULT_LEDGER,
        show_default=True,
        help="The ledger: a file, or postgresql://... (environment: SERVICE_LEDGER).",
    )(function)


def json_option(function: F) -> F:
    """`--json`: the data as JSON on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def replace_option(hidden: bool = False) -> Callable[[F], F]:
    """`--replace`: what is at the output's place gives way."""
    return click.option("--replace", is_flag=True, hidden=hidden, help="Replace the file that is there, whole.")


def tell(found: Any, words: str, as_json: bool) -> None:
    """What a command came to, on stdout: for programs as a line of JSON, for people in words."""
    click.echo(line_of(found) if as_json else words)


def line_of(found: Any) -> bytes:
    """A line of JSON; a file's name that is no UTF-8 is escaped in it as Python reads it, byte by byte."""
    import msgspec

    try:
        return msgspec.json.encode(found)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(found)).encode()


@contextmanager
def by_itself() -> Iterator[None]:
    """What a command records for its caller is no line of a file, and bears an id nobody gave: they are not told."""
    from ledger.errors import Refused

    try:
        yield
    except Refused as no:
        raise Refused(no.code, no.message) from None


def reading_option(function: F) -> F:
    """`--reading`: switches set for this once."""
    told = "Set a switch of the reading; `service-ledger switches` lists them (repeatable)."
    return click.option("--reading", "readings", multiple=True, metavar="SWITCH=VALUE", help=told)(function)


def knowledge_options(function: F) -> F:
    """`--known-at`, `--position`, `--reading`."""
    for option in (
        reading_option,
        click.option("--position", type=int, help="Know only the entries up to this position."),
        click.option(
            "--known-at",
            metavar="INSTANT",
            help="Know only what was recorded by then, 2026-04-02T00:00:00Z; `now` (default), or `all`: "
            "everything held, every period taken as over.",
        ),
    ):
        function = option(function)
    return function


def read_only_ledger(url: str) -> Any:
    """The ledger opened for reading; it must exist."""
    from ledger import open_ledger

    return open_ledger(url, create=False, read_only=True)


def switches_of(readings: tuple[str, ...]) -> dict[str, str]:
    """The switches given as `name=value`."""
    from ledger.errors import Refused
    from ledger.readings import parse_switch

    found: dict[str, str] = {}
    for name, value in map(parse_switch, readings):
        if found.setdefault(name, value) != value:
            raise Refused("bad_parameter", f"--reading: {name} is given as {found[name]} and as {value}")
    return found


def say_if_ahead(book: Any, history: Any) -> None:
    """On stderr, where the knowledge asked for lies in the future: allowed, and nothing more is known for it."""
    from ledger.spans import FOREVER
    from projections.finding import ceil_seconds

    if ceil_seconds(book.clock()) < history.now < FOREVER:
        click.echo(
            f"service-ledger: note: {history.known_at.isoformat()} lies ahead; judged by what is held now", err=True
        )


def known_at_of(text: str | None, position: int | None) -> Any:
    """The knowledge instant asked for: now unless told otherwise; None for all."""
    from ledger.book import wall_clock

    if text == "all" or (text is None and position is not None):
        return None
    if text is None or text == "now":
        return wall_clock()
    return text
