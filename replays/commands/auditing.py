"""`export` and `verify`: evidence taken away, and checked where nobody is trusted."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from ledger.counting import number_of
from replays.commands.options import (
    json_option,
    ledger_option,
    line_of,
    read_only_ledger,
    reading_option,
    switches_of,
)
from replays.commands.progress import progress
from replays.inputs import given

MAX_MEMORY_BYTES = 4 << 30


@click.command(
    epilog="Example: service-ledger export --contract C-2041 --from 2026-01 --to 2026-03 "
    "--known-at 2026-04-02T00:00:00Z --key ledger.key -o C-2041-2026Q1.zip"
)
@ledger_option
@click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")
@click.option("--from", "first", required=True, metavar="MONTH", help="The first month, 2026-01.")
@click.option("--to", "last", required=True, metavar="MONTH", help="The last month, included.")
@click.option(
    "--known-at",
    metavar="INSTANT",
    help="Know only what was recorded by then; `now`; `all`: every period taken as over. "
    "By default the moment the last entry was recorded, so that the same ledger gives the same bytes.",
)
@reading_option
@click.option("--key", metavar="FILE", help="Sign the present head, and the manifest, with this key.")
@click.option("--checkpoint", metavar="FILE", help="End at this checkpoint, signed before.")
@click.option("--earlier", multiple=True, metavar="FILE", help="Prove consistency with this checkpoint (repeatable).")
@click.option("--time-stamp", "stamps", multiple=True, metavar="FILE", help="An RFC 3161 token over the checkpoint.")
@click.option(
    "--format", "form", type=click.Choice(["bundle", "sqlite", "csv", "jsonl"]), default="bundle", show_default=True,
    help="A bundle that proves itself; or tables: a SQLite file, a directory of CSV or of JSON lines.",
)  # fmt: skip
@click.option("-o", "--output", required=True, metavar="PATH", help="What to write; refused if it is there.")
@json_option
def export(url: str, contract: str | None, form: str, output: str, as_json: bool, **options: Any) -> None:
    """Export one contract's evidence: entries, proofs, answers and a report, for an auditor to take away.

    Nothing of other contracts leaves but salted hashes.
    """
    from replays.commands.asking import only_contract
    from replays.export import export_bundle, gather
    from replays.outputs import free
    from replays.tabular import DIRECTORIES, write_tables

    out = free(Path(output), parents=form in DIRECTORIES)
    with read_only_ledger(url) as book:
        wanted = _wanted(book, contract or only_contract(book), options)
        with progress(silent=as_json) as drawn:
            if form == "bundle":
                manifest = export_bundle(book, wanted, out, drawn)
                files, size, root = len(manifest.files), manifest.size, manifest.root
                found = {"files": files, "size": size, "root": root}
                words = f"{number_of(files, 'file')}, {number_of(size, 'entry')} under {root}"
            else:
                rows = write_tables(form, book, gather(book, wanted, drawn), out, drawn)
                found, words = {"rows": rows}, number_of(rows, "row")
    if as_json:
        told = {"output": output, "format": form, "contract": wanted.contract, "known_at": wanted.known_at}
        click.echo(line_of({**told, **found}))
        return
    known = wanted.known_at.isoformat() if wanted.known_at else "any time, every period taken as over"
    click.echo(f"{output}: {words}, as known at {known}", err=True)


def _wanted(book: Any, contract: str, options: dict[str, Any]) -> Any:
    from ledger.checkpoint import parse_checkpoint
    from ledger.heads import own_head, sign_head
    from ledger.keys import origin_of, read_key
    from replays.export import Wanted

    key = checkpoint = None
    if options["key"] is not None:
        key = read_key(options["key"], origin_of(book.store))
    if options["checkpoint"] is not None:
        checkpoint = given(options["checkpoint"])
        own_head(book, checkpoint)
    elif options["key"] is not None:
        checkpoint = sign_head(book, options["key"])
    size = book.position if checkpoint is None else parse_checkpoint(checkpoint).size
    return Wanted(
        contract=contract,
        first=options["first"],
        last=options["last"],
        known_at=_known_at(book, options["known_at"], size),
        switches=switches_of(options["readings"]),
        checkpoint=checkpoint,
        key=key,
        earlier=tuple(map(given, options["earlier"])),
        stamps={f"{number:02d}": given(path) for number, path in enumerate(options["stamps"], 1)},
    )


def _known_at(book: Any, text: str | None, size: int) -> Any:
    from ledger.book import wall_clock
    from projections.questions import instant_of

    if text == "all":
        return None
    if text == "now":
        return wall_clock()
    if text is not None:
        return instant_of("--known-at", text)
    return next((entry.recorded_at for _, entry in book.entries(size, size)), None)


@click.command(epilog="Example: service-ledger verify C-2041-2026Q1.zip --policy trust.txt --held head-2025-12.txt")
@click.argument("what", metavar="LEDGER|BUNDLE|DIRECTORY")
@click.option("--held", metavar="FILE", help="A checkpoint held since before: nothing under it may have changed.")
@click.option("--policy", metavar="FILE", help="Whom you trust, in the words of C2SP tlog-policy.")
@click.option("--vkey", multiple=True, metavar="KEY", help="A verification key you trust, from elsewhere (repeatable).")
@click.option("--roots", metavar="FILE", help="PEM certificates of the time stamp authorities you trust.")
@click.option(
    "--max-bytes", type=click.IntRange(min=1), metavar="BYTES", help="Refuse a larger bundle (default: 4 GiB)."
)
@click.option(
    "--max-memory", type=click.IntRange(min=256 << 20), default=MAX_MEMORY_BYTES, metavar="BYTES",
    help="Take no more memory than this (default: 4 GiB; at least 256 MiB), whatever the file holds.",
)  # fmt: skip
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    what: str,
    held: str | None,
    policy: str | None,
    vkey: tuple[str, ...],
    roots: str | None,
    max_bytes: int | None,
    max_memory: int,
    as_json: bool,
) -> None:
    """Verify a ledger, a bundle or a published log, told apart by content; exit status 6 if a check fails.

    One line a check. Trust is what you bring: a key or policy from elsewhere, a head you held. A bundle needs
    no ledger, clock or network.
    """
    from ledger.notes import parse_vkey
    from ledger.policy import parse_policy
    from replays.bundle import MAX_BUNDLE_BYTES
    from replays.checks_heads import Trust, read_head
    from replays.commands.limits import memory_within
    from replays.verify import lines
    from replays.verify import verify as verified

    trust = Trust(
        keys=tuple(map(parse_vkey, vkey)),
        policy=None if policy is None else parse_policy(given(policy)),
        held=None if held is None else given(held),
        roots=None if roots is None else given(roots),
    )
    if trust.held is not None:
        read_head(trust.held)
    with progress(silent=as_json) as drawn, memory_within(max_memory):  # drawing starts a thread, which needs its own
        found = verified(what, trust, MAX_BUNDLE_BYTES if max_bytes is None else max_bytes, drawn)
    import json

    shown = [json.dumps(found.as_json(), ensure_ascii=False)] if as_json else lines(found)
    with suppress(BrokenPipeError):  # whoever reads no further is told by the status all the same
        for line in shown:
            click.echo(line)
    ctx.exit(found.exit_status)
