"""`init`, `record`: a new ledger, and facts into it, from files and standard input."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import click

from ledger.counting import number_of
from replays.commands.options import json_option, ledger_option, tell

PROGRESS_FROM = 5_000  # lines from which progress is shown to whoever looks
LONGEST_LINE_BYTES = 4 * 1024 * 1024  # an entry holds 65,535; blanks and \u escapes may make its line longer
LONGEST_DOCUMENT_BYTES = 32 * 1024 * 1024  # of what an adapter reads, all of which is in memory at once
# what reading one may take: exports of that size took 180 to 322 MiB, tiny objects without sense up to 2,182
DOCUMENT_MEMORY_BYTES = 512 * 1024 * 1024
IN_PARTS = "record it in parts, or ask the tool for less of it"


@click.command(epilog="Example: service-ledger init book.db --terms my-booklet.toml")
@click.argument("path", required=False)
@ledger_option
@click.option(
    "--terms",
    "booklets",
    multiple=True,
    metavar="BOOKLET",
    help="A booklet to run on: a shipped name or a TOML file (repeatable; contracts run on the first unless they name "
    "another).  [default: cegid-expert]",
)
@click.option(
    "--origin",
    metavar="NAME",
    help="The name this ledger signs under, like example.org/ledger: at most 146 characters, no space, no plus sign. "
    "Never changed afterwards.  [default: service-ledger/ and the ledger's own id]",
)
@json_option
def init(path: str | None, url: str, booklets: tuple[str, ...], origin: str | None, as_json: bool) -> None:
    """Make a new ledger, with its terms and calendar as the first entries."""
    from ledger import open_ledger
    from ledger.errors import Refused
    from ledger.keys import origin_of
    from ledger.store import shown

    place = path or url
    if "://" not in place and Path(place).exists() and Path(place).stat().st_size:
        raise Refused("ledger_exists", f"{shown(place)} is there already; record into it, or name another file")
    from ledger.terms import load_booklet

    chosen = booklets or ("cegid-expert",)
    for name in chosen:
        load_booklet(name)  # refuse a bad booklet before a file is made
    with open_ledger(place, booklets=chosen, origin=origin) as book:
        if book.position:
            raise Refused("ledger_exists", f"{shown(place)} holds {number_of(book.position, 'entry')} already")
        last, name = book.open(), origin_of(book.store)
    tell(
        {"ledger": shown(place), "origin": name, "position": last, "terms": chosen},
        f"{shown(place)}: a new ledger of {number_of(last, 'entry')}, running on {', '.join(chosen)}",
        as_json,
    )


class _WithAdapters(click.Command):
    """A command whose help also lists the adapters and their options, read from their table when it is asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from ledger.intake import OPTIONS
        from replays.reference import adapters

        with formatter.section("Adapters (--from): what each reads, its options (in brackets: may be left out)"):
            formatter.write_dl([(r["adapter"], f"{r['reads']}  {r['options']}".rstrip()) for r in adapters()])
        with formatter.section("Options of adapters (--option NAME=VALUE)"):
            formatter.write_dl(list(OPTIONS))
        super().format_epilog(ctx, formatter)


@click.command(
    cls=_WithAdapters,
    epilog="""\b
Examples:
  service-ledger record events.jsonl
  restic snapshots --json | service-ledger record - --from restic --subject contract:C1
  service-ledger record list.json --from borg --subject contract:C1 --zone UTC --option location=DC-A""",
)
@click.argument("file")
@ledger_option
@click.option(
    "--from",
    "adapter",
    metavar="ADAPTER",
    help=f"The tool that wrote the file, when not CloudEvents lines; at most {LONGEST_DOCUMENT_BYTES >> 20} MiB of it.",
)
@click.option("--subject", metavar="STREAM", help="The stream an adapter's events go to, like contract:C1.")
@click.option("--zone", help="The same as --option zone=...")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the adapter, like location=DC-A (repeatable).",
)
@click.option("--recorded-by", default="operator", show_default=True, help="Who records, as a pseudonym.")
@click.option("--dry-run", is_flag=True, help="Check everything, write nothing; not with --batch.")
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

    A line is at most 4 MiB long. What a tool wrote is turned into events by an adapter, named with --from.
    What `log --json` prints can be recorded in another ledger; that ledger keeps its own opening.
    """
    from ledger import open_ledger
    from ledger.cloudevents import drafts

    if dry_run and batch is not None:
        raise click.UsageError("--dry-run checks the whole file as one batch; leave --batch out")
    if adapter is None and (subject or zone or options):
        raise click.UsageError("--subject, --zone and --option are for the files of tools: say which with --from")
    lines: Iterable[Any]
    lines = _lines(file) if adapter is None else _adapted(adapter, file, subject, _named(options, zone))
    told = _Told(as_json, dry_run)
    with open_ledger(url, create=False, recorded_by=recorded_by) as book:
        given = _without_openings(_hinted(drafts(_with_progress(lines), source=recorded_by)))
        with told.standing():
            while chunk := list(islice(given, batch)):
                told.begin(len(chunk))
                told.take(chunk, book.record_drafts(chunk, dry_run))
    told.end(file, noted=adapter is not None)  # an adapter that has no event says why


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

    def end(self, file: str, noted: bool) -> None:
        if not self.outcomes and not noted:
            click.echo(f"service-ledger: {file} holds no event", err=True)
        if self.as_json:
            return
        verb = "would be recorded" if self.dry_run else "recorded"
        tail = "" if self.dry_run or not self.last else f"; last position {self.last}"
        click.echo(f"{self.outcomes['recorded']} {verb}, {self.outcomes['already_recorded']} already recorded{tail}")
        for name, count in sorted(self.fresh.items()):
            click.echo(f"  {count:>7}  {name}")


def _hinted(given: Iterable[Any]) -> Iterator[Any]:
    """Where the first line is no CloudEvents object at all, it may be what a tool wrote."""
    from ledger.errors import Refused

    try:
        yield from given
    except Refused as refused:
        foreign = refused.code == "bad_json" or (refused.code == "bad_envelope" and "specversion" in refused.message)
        if refused.line != 1 or not foreign:
            raise
        raise Refused(refused.code, f"{refused.message}; what a tool wrote is read with --from", 1) from None


def _without_openings(given: Iterable[Any]) -> Iterator[Any]:
    """A ledger opened once says so itself: the opening of the ledger these lines come from is passed over."""
    from ledger.events import LedgerOpened

    for draft in given:
        if isinstance(draft.event, LedgerOpened):
            where = f"line {draft.line}" if draft.line else "an event"
            click.echo(f"service-ledger: note: {where} opened another ledger; passed over", err=True)
        else:
            yield draft


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """The file, or standard input for `-`. What reading it raises is refused as `no_file`."""
    from ledger.errors import Refused

    try:
        if file == "-":
            yield sys.stdin.buffer
            return
        with Path(file).open("rb") as stream:
            yield stream
    except OSError as error:
        raise Refused("no_file", f"{file}: {error.strerror or error}") from error


def _lines(file: str) -> Iterator[bytes]:
    """Its lines; one that is longer than any event is refused before the rest of it is read."""
    from ledger.errors import Refused

    with _opened(file) as stream:
        number = 1
        while line := stream.readline(LONGEST_LINE_BYTES + 1):
            if len(line) > LONGEST_LINE_BYTES:
                hint = "one event stands on a line; what a tool wrote is read with --from"
                raise Refused("input_too_large", f"over {LONGEST_LINE_BYTES:,} bytes; {hint}", number)
            yield line
            number += 1


def _document(file: str) -> str:
    """All of it, which an adapter reads as a whole; nothing past the limit is read."""
    from ledger.errors import Refused
    from ledger.texts import text_of

    with _opened(file) as stream:
        data = stream.read(LONGEST_DOCUMENT_BYTES + 1)
    if len(data) > LONGEST_DOCUMENT_BYTES:
        raise Refused("input_too_large", f"{file}: over {LONGEST_DOCUMENT_BYTES:,} bytes; {IN_PARTS}")
    text: str = text_of(data)
    return text


def _named(options: tuple[str, ...], zone: str | None) -> dict[str, str]:
    """The adapter's options given as `name=value`, and its zone."""
    from ledger.errors import Refused

    for option in options:
        if "=" not in option:
            raise Refused("bad_parameter", f"--option {option!r}: write name=value")
        if option.startswith("subject="):
            raise Refused("bad_parameter", "--option subject=...: write --subject")
    named = dict(option.split("=", 1) for option in options)
    return {**named, "zone": zone} if zone is not None else named


def _adapted(adapter: str, file: str, subject: str | None, options: dict[str, Any]) -> list[dict[str, Any]]:
    from ledger.errors import Refused
    from ledger.intake import read_with
    from replays.commands.limits import memory_within

    wants = f"{file}: reading it takes over {DOCUMENT_MEMORY_BYTES >> 20} MiB of memory; {IN_PARTS}"
    try:
        with memory_within(DOCUMENT_MEMORY_BYTES, Refused("input_too_large", wants)):
            intake = read_with(adapter, _document(file), subject=subject, **options)
    except Refused as refused:
        if refused.code == "unknown_format":
            raise Refused(refused.code, f"{file}: {refused.message}", refused.line) from None
        raise
    for note in intake.notes:
        click.echo(f"service-ledger: note: {note}", err=True)
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
