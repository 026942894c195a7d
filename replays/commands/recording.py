"""`init`, `record`, `log`, `contracts`: facts into the ledger, and the ledger as it stands."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from replays.commands.options import json_option, ledger_option, read_only_ledger

PROGRESS_FROM = 5_000  # lines from which a bar is drawn


@click.command(epilog="Example: service-ledger init book.db --terms my-booklet.toml")
@click.argument("path", required=False)
@ledger_option
@click.option("--terms", "booklets", multiple=True, help="A booklet: a shipped name or a TOML file (repeatable).")
@click.option("--origin", help="The name this ledger signs under, like example.org/ledger.")
def init(path: str | None, url: str, booklets: tuple[str, ...], origin: str | None) -> None:
    """Make a new ledger, with its terms and calendar as the first entries."""
    from ledger import open_ledger
    from ledger.errors import Refused

    place = path or url
    if "://" not in place and Path(place).exists():
        raise Refused("ledger_exists", f"{place} is there already; record into it, or name another file")
    from ledger.terms import load_booklet

    chosen = booklets or ("cegid-expert",)
    for name in chosen:
        load_booklet(name)  # refuse a bad booklet before a file is made
    with open_ledger(place, booklets=chosen, origin=origin) as book:
        if book.position:
            raise Refused("ledger_exists", f"{place} holds {book.position} entries already")
        last = book.open()
    click.echo(f"{place}: a new ledger of {last} entries, running on {', '.join(chosen)}")


@click.command(
    epilog="Examples: service-ledger record events.jsonl. "
    "restic snapshots --json | service-ledger record - --from restic --subject contract:C1"
)
@click.argument("file")
@ledger_option
@click.option("--from", "adapter", help="What the file holds, when not CloudEvents lines: restic, borg, ...")
@click.option("--subject", help="The stream an adapter's events go to, like contract:C1.")
@click.option("--zone", help="The time zone of a tool that writes local times without offset.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the adapter, like location=DC-A (repeatable).",
)
@click.option("--recorded-by", default="operator", show_default=True, help="Who records, as a pseudonym.")
@click.option("--dry-run", is_flag=True, help="Check everything, write nothing.")
@json_option
def record(
    file: str,
    url: str,
    adapter: str | None,
    subject: str | None,
    zone: str | None,
    options: tuple[str, ...],
    recorded_by: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Record a file of CloudEvents lines (or - for stdin) as one batch, all or nothing."""
    import msgspec

    from ledger import open_ledger
    from ledger.cloudevents import drafts

    lines: Iterable[Any]
    lines = _adapted(adapter, file, subject, {**_named(options), "zone": zone}) if adapter is not None else _lines(file)
    with open_ledger(url, create=False, recorded_by=recorded_by) as book:
        batch = list(drafts(_with_progress(lines, "reading"), source=recorded_by))
        receipts = book.record_drafts(batch, dry_run)
    if as_json:
        for receipt in receipts:
            click.echo(msgspec.json.encode(receipt))
        return
    _summary(receipts, [type(draft.event).__name__ for draft in batch], dry_run)


def _lines(file: str) -> list[bytes]:
    from ledger.errors import Refused

    if file == "-":
        return sys.stdin.buffer.read().splitlines()
    try:
        return Path(file).read_bytes().splitlines()
    except OSError as error:
        raise Refused("no_file", f"{file}: {error.strerror or error}") from error


def _named(options: tuple[str, ...]) -> dict[str, str]:
    """The adapter's options given as `name=value`."""
    from ledger.errors import Refused

    for option in options:
        if "=" not in option:
            raise Refused("bad_parameter", f"--option {option!r}: write name=value")
    return dict(option.split("=", 1) for option in options)


def _adapted(adapter: str, file: str, subject: str | None, options: dict[str, Any]) -> list[dict[str, Any]]:
    from ledger.intake import read_with

    text = b"\n".join(_lines(file)).decode("utf-8", "replace")
    intake = read_with(adapter, text, subject=subject, **options)
    for note in intake.notes:
        click.echo(f"service-ledger: note: {note}", err=True)
    return list(intake.events)


def _with_progress(items: Iterable[Any], label: str) -> Iterator[Any]:
    """The same items; a bar on stderr when they are many and somebody looks."""
    listed = items if isinstance(items, list) else list(items)
    if len(listed) < PROGRESS_FROM or not sys.stderr.isatty():
        yield from listed
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(listed, description=label, console=Console(stderr=True), transient=True)


def _summary(receipts: list[Any], kinds: list[str], dry_run: bool) -> None:
    from ledger.events import wire_name

    outcomes = Counter(receipt.outcome for receipt in receipts)
    new, again = outcomes["recorded"], outcomes["already_recorded"]
    verb = "would be recorded" if dry_run else "recorded"
    last = max((receipt.position for receipt in receipts), default=0)
    tail = "" if dry_run or not receipts else f"; last position {last}"
    click.echo(f"{new} {verb}, {again} already recorded{tail}")
    fresh = Counter(wire_name(k) for k, r in zip(kinds, receipts, strict=True) if r.outcome == "recorded")
    for name, count in sorted(fresh.items()):
        click.echo(f"  {count:>7}  {name}")


@click.command(epilog="Example: service-ledger log --stream contract:C-2041 --type outage_started --from 2026-01")
@ledger_option
@click.option("--stream", help="Only this stream, like contract:C1 or service:S1.")
@click.option("--type", "types", multiple=True, help="Only events of this type (repeatable).")
@click.option("--from", "first", metavar="DATE", help="Happened on or after this day or month (UTC).")
@click.option("--to", "last", metavar="DATE", help="Happened on or before this day or month (UTC).")
@click.option("--known-at", metavar="INSTANT", help="Recorded by this instant.")
@click.option("--known-after", metavar="INSTANT", help="Recorded after this instant.")
@click.option("--position", type=int, help="Only this position.")
@click.option("--limit", type=int, help="At most so many entries.")
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

    from replays import show

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
                click.echo(msgspec.json.encode(to_cloudevent(at, entry)))
        else:
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
    upto = None if known_at is None else instant_of("--known-at", known_at)
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
