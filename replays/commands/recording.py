"""`init`, `record`: a new ledger, and facts into it, from files and standard input."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ledger.counting import number_of
from replays.commands.options import json_option, ledger_option

PROGRESS_FROM = 5_000  # lines from which progress is shown to whoever looks


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
    if "://" not in place and Path(place).exists() and Path(place).stat().st_size:
        raise Refused("ledger_exists", f"{place} is there already; record into it, or name another file")
    from ledger.terms import load_booklet

    chosen = booklets or ("cegid-expert",)
    for name in chosen:
        load_booklet(name)  # refuse a bad booklet before a file is made
    with open_ledger(place, booklets=chosen, origin=origin) as book:
        if book.position:
            raise Refused("ledger_exists", f"{place} holds {number_of(book.position, 'entry')} already")
        last = book.open()
    click.echo(f"{place}: a new ledger of {number_of(last, 'entry')}, running on {', '.join(chosen)}")


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
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    metavar="LINES",
    help="Record so many events at a time, each batch whole or not at all; the whole file when left out. "
    "For very long files: memory follows the batch.",
)
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
    batch: int | None,
    as_json: bool,
) -> None:
    """Record a file of CloudEvents lines (or - for stdin) as one batch, all or nothing.

    What `log --json` prints can be recorded in another ledger; that ledger keeps its own opening.
    """
    from ledger import open_ledger
    from ledger.cloudevents import drafts

    if dry_run and batch is not None:
        raise click.UsageError("--dry-run checks the whole file as one batch; leave --batch out")
    if adapter is None and (subject or zone or options):
        raise click.UsageError("--subject, --zone and --option are for the files of tools: say which with --from")
    lines: Iterable[Any]
    lines = _adapted(adapter, file, subject, {**_named(options), "zone": zone}) if adapter is not None else _lines(file)
    told = _Told(as_json, dry_run)
    with open_ledger(url, create=False, recorded_by=recorded_by) as book:
        given = _without_openings(drafts(_with_progress(lines), source=recorded_by))
        with told.standing():
            while chunk := list(islice(given, batch)):
                told.begin(len(chunk))
                told.take(chunk, book.record_drafts(chunk, dry_run))
    told.end(file)


class _Told:
    """What the user is told: receipts as they come (--json), or a summary at the end."""

    def __init__(self, as_json: bool, dry_run: bool) -> None:
        self.as_json = as_json
        self.dry_run = dry_run
        self.outcomes: Counter[str] = Counter()
        self.fresh: Counter[str] = Counter()
        self.last = 0

    def begin(self, count: int) -> None:
        """Say that a long batch is under way."""
        if count >= PROGRESS_FROM and sys.stderr.isatty():
            click.echo(f"service-ledger: recording {number_of(count, 'event')} as one batch", err=True)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Say after a refusal what of the file stands."""
        from ledger.errors import Refused

        try:
            yield
        except (Refused, KeyboardInterrupt):
            if self.outcomes:
                stands = sum(self.outcomes.values())
                told = number_of(stands, "event of the batches before is", "events of the batches before are")
                click.echo(f"service-ledger: the {told} recorded", err=True)
            raise

    def take(self, chunk: list[Any], receipts: list[Any]) -> None:
        import msgspec

        from ledger.codec import topic_of

        self.outcomes.update(receipt.outcome for receipt in receipts)
        self.last = max(self.last, *(receipt.position for receipt in receipts))
        self.fresh.update(topic_of(d.event) for d, r in zip(chunk, receipts, strict=True) if r.outcome == "recorded")
        if self.as_json:
            sys.stdout.buffer.write(b"".join(msgspec.json.encode(receipt) + b"\n" for receipt in receipts))

    def end(self, file: str) -> None:
        if not self.outcomes:
            click.echo(f"service-ledger: {file} holds no event", err=True)
        if self.as_json:
            return
        verb = "would be recorded" if self.dry_run else "recorded"
        tail = "" if self.dry_run or not self.last else f"; last position {self.last}"
        click.echo(f"{self.outcomes['recorded']} {verb}, {self.outcomes['already_recorded']} already recorded{tail}")
        for name, count in sorted(self.fresh.items()):
            click.echo(f"  {count:>7}  {name}")


def _without_openings(given: Iterable[Any]) -> Iterator[Any]:
    """A ledger opened once says so itself: the opening of the ledger these lines come from is passed over."""
    from ledger.events import LedgerOpened

    for draft in given:
        if isinstance(draft.event, LedgerOpened):
            where = f"line {draft.line}" if draft.line else "an event"
            click.echo(f"service-ledger: note: {where} opened another ledger; passed over", err=True)
        else:
            yield draft


def _lines(file: str) -> Iterator[bytes]:
    from ledger.errors import Refused

    try:
        if file == "-":
            yield from sys.stdin.buffer
            return
        with Path(file).open("rb") as stream:
            yield from stream
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
    from ledger.errors import Refused
    from ledger.intake import read_with

    text = b"".join(_lines(file)).decode("utf-8", "replace")
    intake = read_with(adapter, text, subject=subject, **options)
    for note in intake.notes:
        click.echo(f"service-ledger: note: {note}", err=True)
    if text.strip() and not intake.events and not intake.notes:
        raise Refused("bad_field", f"{file}: there is nothing in it that {adapter} writes")
    return list(intake.events)


def _with_progress(lines: Iterable[Any]) -> Iterator[Any]:
    """The same lines; once they are many and somebody looks, how many were read so far, on stderr."""
    looking = sys.stderr.isatty()
    number = 0
    for number, line in enumerate(lines, 1):
        yield line
        if looking and number % PROGRESS_FROM == 0:
            click.echo(f"\rservice-ledger: {number} lines read", err=True, nl=False)
    if looking and number >= PROGRESS_FROM:
        click.echo(f"\rservice-ledger: {number} lines read", err=True)
