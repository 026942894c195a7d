"""`copy`: a ledger moved to another file or server, resumable, verified on both sides at the end."""

from __future__ import annotations

import sys

import click

from ledger.counting import number_of
from replays.commands.options import json_option, tell


@click.command(
    epilog="Example: service-ledger copy book.db 'postgresql://ledger@db.example.org/ledgers?schema=desk_1'"
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_option
def copy(source: str, target: str, as_json: bool) -> None:
    """Copy a ledger to another place, engine or server, with the same positions, bytes and root.

    Each is a file, or postgresql://... TO is made if need be; if it holds a beginning of FROM, copying goes on after
    it, so that what was cut short is run again. It may not be FROM itself under another name. From then on record
    into one of the two only: a ledger that is written in two places is two ledgers.
    """
    from ledger.copying import check_apart
    from ledger.copying import copy as copy_ledger
    from ledger.store import open_store, shown
    from ledger.tree import root_text

    check_apart(source, target)
    held = open_store(source, create=False, read_only=True)
    try:
        made = open_store(target, create=True)
        try:
            copied = copy_ledger(held, made, None if as_json else _Progress())
        finally:
            made.close()
    finally:
        held.close()
    size, root = number_of(copied.size, "entry"), root_text(copied.root)
    tell(
        {
            "from": shown(source), "to": shown(target), "position": copied.size, "copied": copied.written,
            "root": root, "verdict": "ok",
        },
        f"{size}, {copied.written} of them copied now, root {root}: verified",
        as_json,
    )  # fmt: skip


class _Progress:
    """One line on stderr: rewritten in place for who looks, each tenth for a log."""

    def __init__(self) -> None:
        self.told = ("", -1)
        self.looking = sys.stderr.isatty()

    def __call__(self, stage: str, done: int, of: int) -> None:
        tenth = done * 10 // of
        if self.looking:
            click.echo(f"\rservice-ledger: {done} of {number_of(of, 'entry')} {stage}", err=True, nl=done == of)
        elif (stage, tenth) != self.told:
            click.echo(f"service-ledger: {done} of {number_of(of, 'entry')} {stage}", err=True)
        self.told = (stage, tenth)
