"""`log`, `contracts`: the ledger as it stands, entry by entry and contract by contract."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from replays.commands.options import json_option, known_at_of, ledger_option, read_only_ledger


@click.command(epilog="Example: service-ledger log --stream contract:C-2041 --type outage_started --from 2026-01")
@ledger_option
@click.option("--stream", help="Only this stream, like contract:C1 or service:S1.")
@click.option("--type", "types", multiple=True, help="Only events of this type, as in `events` (repeatable).")
@click.option("--from", "first", metavar="DATE", help="Happened on or after this day or month (UTC), 2026-03-01.")
@click.option("--to", "last", metavar="DATE", help="Happened on or before this day or month (UTC).")
@click.option("--known-at", metavar="INSTANT", help="Recorded by this instant, `now` or `all`.")
@click.option("--known-after", metavar="INSTANT", help="Recorded after this instant.")
@click.option("--position", type=int, help="Only this position.")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many entries.")
@click.option("--bytes", "as_bytes", is_flag=True, help="Print the stored bytes of each entry, a line each.")
@json_option
def log(
    url: str,
    stream: str | None,
    types: tuple[str, ...],
    first: str | None,
    last: str | None,
    known_at: str | None,
    known_after: str | None,
    position: int | None,
    limit: int | None,
    as_bytes: bool,
    as_json: bool,
) -> None:
    """Show entries, oldest first: a table, CloudEvents lines (--json), or the stored bytes (--bytes)."""
    from itertools import islice

    if as_bytes and as_json:
        raise click.UsageError("--bytes and --json are two ways to print an entry; give one")
    chosen = _filter(types, first, last, known_at, known_after)
    with read_only_ledger(url) as book:
        found = islice((pair for pair in _pairs(book, stream, position, types) if chosen(*pair)), limit)
        if as_bytes:
            for at, _ in found:
                sys.stdout.buffer.write(book.store.read_at(at).state + b"\n")
        elif as_json:
            import msgspec

            from ledger.cloudevents import to_cloudevent

            for at, entry in found:
                sys.stdout.buffer.write(msgspec.json.encode(to_cloudevent(at, entry)) + b"\n")
        else:
            from replays import show

            show.entries(found)


def _pairs(book: Any, stream: str | None, position: int | None, types: tuple[str, ...]) -> Iterable[Any]:
    from ledger.errors import Refused

    if position is not None:
        if not 0 < position <= book.position:
            raise Refused("bad_position", f"position {position} is not in the ledger; it holds 1 to {book.position}")
        pairs = book.entries(position, position)
        return (pair for pair in pairs if stream is None or pair[1].stream == stream)
    if stream is None:
        return book.entries(topics=types)  # type: ignore[no-any-return]
    found = book.stream(stream)
    if not found:
        raise Refused("unknown_stream", f"the ledger holds no stream {stream!r}")
    return found  # type: ignore[no-any-return]


def _filter(
    types: tuple[str, ...], first: str | None, last: str | None, known_at: str | None, known_after: str | None
) -> Any:
    from ledger.codec import topic_of
    from ledger.errors import Refused
    from ledger.events import VOCABULARY
    from projections.questions import KINDS, instant_of

    for name in types:
        if name not in VOCABULARY:
            raise Refused("unknown_type", f"no event type is called {name!r}; see `service-ledger events`")
    first_on: Any = None if first is None else KINDS["date"]("--from", first)
    last_on: Any = None if last is None else KINDS["last_date"]("--to", last)
    known = None if known_at is None else known_at_of(known_at, None)
    upto = None if known is None else instant_of("--known-at", known)
    after = None if known_after is None else instant_of("--known-after", known_after)

    def chosen(position: int, entry: Any) -> bool:
        if types and topic_of(entry.event) not in types:
            return False
        if (upto is not None and entry.recorded_at > upto) or (after is not None and entry.recorded_at <= after):
            return False
        if first_on is None and last_on is None:
            return True
        happened = happened_at(entry)
        day = happened.date()
        return not ((first_on is not None and day < first_on) or (last_on is not None and day > last_on))

    return chosen


def happened_at(entry: Any) -> datetime:
    """When an entry's event happened: its first instant, in UTC; the recording when it tells none."""
    from datetime import UTC

    from ledger.checks import INSTANTS

    names = INSTANTS.get(type(entry.event), ())
    chosen = next((getattr(entry.event, n) for n in names if getattr(entry.event, n) is not None), None)
    moment: datetime = chosen or entry.recorded_at
    return moment.astimezone(UTC)


@click.command()
@ledger_option
@json_option
def contracts(url: str, as_json: bool) -> None:
    """List the contracts the ledger knows."""
    import json

    from replays import show

    with read_only_ledger(url) as book:
        rows = []
        for name in book.contracts():
            started = book.history(name).started.event
            rows.append(
                {
                    "contract": name,
                    "plan": started.plan,
                    "service_start": started.service_start.isoformat(),
                    "services": list(started.services),
                    "entries": len(book.stream(f"contract:{name}")),
                }
            )
    if as_json:
        click.echo(json.dumps(rows))
    else:
        show.rows(rows, empty="no contract is recorded yet; record a contract_started")
