"""`key`, `checkpoint`, `receipt`, `prove`, `publish`, `timestamp`, `witness`: what others may hold the ledger to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ledger.counting import number_of
from replays.commands.options import Family, ledger_option, read_only_ledger
from replays.commands.progress import progress

F = TypeVar("F", bound=Callable[..., Any])
MAX_FILE_BYTES = 1 << 23  # no file read here may be longer; what it holds has its own, lower limits


def output_option(function: F) -> F:
    """`-o`: a file instead of stdout, replaced whole."""
    return click.option("-o", "--output", metavar="FILE", help="Write to this file instead of stdout.")(function)


def head_options(function: F) -> F:
    """`--key` or `--checkpoint`: a head signed now, or one signed before."""
    for option in (
        click.option("--checkpoint", metavar="FILE", help="Or a checkpoint signed before; nothing is read again."),
        click.option("--key", metavar="FILE", help="Sign the present head first, with this key; or --checkpoint."),
    ):
        function = option(function)
    return function


# --- keys ---


@click.group(cls=Family, epilog="Example: service-ledger key new ledger.key --ledger book.db")
def key() -> None:
    """Make, show and retire the keys that sign a ledger's heads."""


@key.command("new")
@click.argument("file")
@ledger_option
@click.option("--recorded-by", default="operator", show_default=True, help="Who records, as a pseudonym.")
def key_new(file: str, url: str, recorded_by: str) -> None:
    """Make a key for the ledger, mode 0600, record it, print its verification key.

    Beside it lies FILE.head, the last head it signed. Keep both together, in one place only: whoever copies
    both elsewhere can sign two histories, and nothing here could see it.
    """
    from ledger import open_ledger
    from ledger.keys import make_key

    with open_ledger(url, create=False, recorded_by=recorded_by) as book:
        click.echo(str(make_key(book, file)))


@key.command("show")
@click.argument("file")
def key_show(file: str) -> None:
    """Print the verification key of a key file."""
    from ledger.keys import read_key

    click.echo(str(read_key(file, kind=None).verifier))


@key.command("retire")
@click.argument("key", metavar="FILE|VKEY")
@ledger_option
@click.option("--reason", required=True, help="Why, as it will stand in the ledger.")
@click.option("--recorded-by", default="operator", show_default=True, help="Who records, as a pseudonym.")
def key_retire(key: str, url: str, reason: str, recorded_by: str) -> None:
    """Record that a key signs no more; of a lost one, give the verification key."""
    from ledger import open_ledger
    from ledger.keys import read_key, retire_key
    from ledger.notes import parse_vkey

    retired = parse_vkey(key) if "+" in key and not Path(key).exists() else read_key(key).verifier
    with open_ledger(url, create=False, recorded_by=recorded_by) as book:
        retire_key(book, retired, reason)
    click.echo(f"{retired}: retired")


# --- heads ---


@click.command(epilog="Example: service-ledger checkpoint --key ledger.key -o head-2026-03.txt")
@ledger_option
@click.option("--key", required=True, metavar="FILE", help="The ledger's key file.")
@output_option
def checkpoint(url: str, key: str, output: str | None) -> None:
    """Sign the present head, once every stored byte was read again.

    Refused with `head_conflict` when the ledger does not continue the last head this key signed: an old copy,
    a changed entry, a second writer. Give the head to whoever should be able to hold you to it.
    """
    from ledger.heads import sign_head

    with read_only_ledger(url) as book:
        signed = sign_head(book, key)
    _write(output, signed)


def _head(book: Any, key: str | None, checkpoint: str | None) -> bytes:
    """The head a command speaks against: signed now, or given and checked."""
    from ledger.heads import own_head, sign_head

    if (key is None) == (checkpoint is None):
        raise click.UsageError("give --key or --checkpoint, one of them")
    if key is not None:
        return sign_head(book, key)
    assert checkpoint is not None
    data = _read(checkpoint)
    own_head(book, data)
    return data


@click.command(
    epilog="Example: service-ledger receipt 42 --checkpoint head.txt --entry entry-42.json -o entry-42.receipt"
)
@click.argument("position", type=int)
@ledger_option
@head_options
@click.option("--entry", metavar="FILE", help="Write the entry's exact bytes here: the receipt is over them.")
@output_option
def receipt(
    position: int, url: str, key: str | None, checkpoint: str | None, entry: str | None, output: str | None
) -> None:
    """Prove that an entry is in the ledger, against a signed head (C2SP tlog-proof)."""
    from ledger import heads

    with read_only_ledger(url) as book:
        made = heads.receipt(book.store, position, _head(book, key, checkpoint))
        if entry is not None:
            _write(entry, book.store.read_at(position).state)
    _write(output, made)


@click.command(
    "verify-receipt", epilog="Example: service-ledger verify-receipt entry-42.json entry-42.receipt --policy trust.txt"
)
@click.argument("entry", metavar="ENTRYFILE")
@click.argument("receipt", metavar="RECEIPT")
@click.option(
    "--policy", metavar="FILE", help="Your own C2SP tlog-policy: the log's key, witnesses, quorum; or --vkey."
)
@click.option("--vkey", metavar="KEY", help="The log's verification key, from elsewhere than the receipt; or --policy.")
def verify_receipt(entry: str, receipt: str, policy: str | None, vkey: str | None) -> None:
    """Check a receipt: no ledger, clock or network is needed. The entry's bytes must be exact."""
    from ledger import proofs
    from ledger.notes import parse_vkey
    from ledger.policy import parse_policy

    if (policy is None) == (vkey is None):
        raise click.UsageError("give --policy or --vkey, one of them")
    trust = parse_policy(_read(policy)) if policy is not None else parse_vkey(vkey or "")
    data = _read(receipt)
    head = proofs.verify_receipt(_read(entry), data, trust)
    click.echo(f"ok: position {proofs.parse_receipt(data).index + 1} of {head.size} in {head.origin}")


@click.command(epilog="Example: service-ledger prove --from head-2026-03.txt --key ledger.key -o growth.txt")
@ledger_option
@click.option("--from", "held", required=True, metavar="FILE", help="The checkpoint somebody holds.")
@head_options
@output_option
def prove(url: str, held: str, key: str | None, checkpoint: str | None, output: str | None) -> None:
    """Prove that the ledger continues a head somebody holds.

    Prints the line `old` and the held size, the proof's hashes, an empty line and the later checkpoint: the
    body of a C2SP tlog-witness add-checkpoint request, which any witness takes.
    """
    from ledger import heads

    with read_only_ledger(url) as book:
        made = heads.extension(book.store, heads.own_head(book, _read(held)), _head(book, key, checkpoint))
    _write(output, made)


@click.command("verify-growth", epilog="Example: service-ledger verify-growth head-2026-03.txt growth.txt --vkey KEY")
@click.argument("held", metavar="HELD")
@click.argument("growth", metavar="PROOF")
@click.option("--vkey", required=True, metavar="KEY", help="The log's verification key, got from elsewhere.")
@output_option
def verify_growth(held: str, growth: str, vkey: str, output: str | None) -> None:
    """Check what `prove` printed against the head you hold; -o keeps the later one, to hold from now on."""
    from ledger.checkpoint import open_checkpoint
    from ledger.heads import check_extension
    from ledger.notes import parse_vkey

    log = parse_vkey(vkey)
    before = open_checkpoint(_read(held), [log])
    head, data = check_extension(_read(growth), before, [log])
    if output is not None:
        _write(output, data)
    size = number_of(head.size, "entry")
    click.echo(f"ok: {head.origin} grew from {before.size} to {size}, and the first {before.size} stand")


# --- publishing ---


@click.command(epilog="Example: service-ledger publish public/ --key ledger.key --hashes-only")
@click.argument("directory")
@ledger_option
@head_options
@click.option("--hashes-only", is_flag=True, help="Leave tile/entries out: hashes of salted entries, nothing to read.")
def publish(directory: str, url: str, key: str | None, checkpoint: str | None, hashes_only: bool) -> None:
    """Write the ledger as static files that any web server serves (C2SP tlog-tiles).

    WARNING: without --hashes-only this publishes EVERY ENTRY OF EVERY CONTRACT, in the clear, to whoever can
    read the directory. To show one contract to one auditor, export a bundle instead.

    Publishing again writes only what grew.
    """
    from ledger.publishing import publish as write_files

    with read_only_ledger(url) as book:
        head = _head(book, key, checkpoint)
        with progress() as tell:
            done = write_files(book, directory, head, hashes_only=hashes_only, progress=tell)
    shown = "hashes only" if hashes_only else "all readable"
    click.echo(
        f"{directory}: {number_of(done.head.size, 'entry')} of {done.head.origin}, {shown}; "
        f"{number_of(len(done.written), 'file')} written, {len(done.removed)} removed"
    )


# --- time stamps and witnesses ---


@click.group(
    cls=Family,
    epilog="""\b
Example: service-ledger timestamp request head.txt -o head.tsq
         (send head.tsq to an authority, which answers head.tsr)
         service-ledger timestamp add head.txt head.tsr --roots authority.pem -o stamps/head.tsr"""
)
def timestamp() -> None:
    """Have a head's time told by an authority (RFC 3161); no network is used here."""


def roots_option(function: F) -> F:
    """`--roots`: the certificates the verifier trusts."""
    return click.option("--roots", required=True, metavar="PEM", help="The authority's root certificates.")(function)


@timestamp.command("request")
@click.argument("checkpoint", metavar="CHECKPOINT")
@output_option
def timestamp_request(checkpoint: str, output: str | None) -> None:
    """Write the request to send to an authority: a SHA-256, nothing else."""
    from ledger.timestamps import request

    _write(output, request(_read(checkpoint)))


@timestamp.command("add")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.argument("response", metavar="RESPONSE")
@roots_option
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to keep the response.")
def timestamp_add(checkpoint: str, response: str, roots: str, output: str) -> None:
    """Keep an authority's response, once it verifies."""
    data = _read(response)
    told = _stamped(checkpoint, data, roots)
    _write(output, data)
    click.echo(told, err=output == "-")


@timestamp.command("verify")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.argument("response", metavar="RESPONSE")
@roots_option
def timestamp_verify(checkpoint: str, response: str, roots: str) -> None:
    """Check a response over a checkpoint's exact bytes, and tell its instant."""
    click.echo(_stamped(checkpoint, _read(response), roots))


def _stamped(checkpoint: str, response: bytes, roots: str) -> str:
    from ledger.timestamps import verify

    told = verify(response, _read(checkpoint), _read(roots))
    return f"ok: {checkpoint} existed by {told.isoformat(timespec='seconds').replace('+00:00', 'Z')}"


@click.group(
    cls=Family,
    epilog="Example: service-ledger witness cosign growth.txt --key witness.key --log VKEY -o cosigned.txt",
)
def witness() -> None:
    """Be a witness of somebody's ledger: cosign its heads, each only if it continues the last."""


@witness.command("new")
@click.argument("file")
@click.option("--name", required=True, help="The witness's name, like witness.example.org.")
def witness_new(file: str, name: str) -> None:
    """Make a witness's key, mode 0600, and print its verification key, as a policy names it."""
    from ledger.keys import write_key
    from ledger.notes import COSIGNATURE

    click.echo(str(write_key(file, name, COSIGNATURE).verifier))


@witness.command("cosign")
@click.argument("head", metavar="PROOF|CHECKPOINT")
@click.option("--key", required=True, metavar="FILE", help="The witness's key file.")
@click.option("--log", required=True, metavar="VKEY", help="The verification key of the ledger it watches.")
@click.option("--at", metavar="INSTANT", help="When it is cosigned; now, if not told.")
@output_option
def witness_cosign(head: str, key: str, log: str, at: str | None, output: str | None) -> None:
    """Cosign a later head from what `prove` printed; the first one from a checkpoint alone."""
    from ledger.book import wall_clock
    from ledger.heads import cosign
    from ledger.notes import parse_vkey
    from ledger.spans import seconds
    from projections.questions import instant_of

    cosigned_at = seconds(wall_clock() if at is None else instant_of("--at", at))
    _write(output, cosign(key, parse_vkey(log), _read(head), cosigned_at))


# --- files ---


def _read(file: str) -> bytes:
    from ledger.errors import Refused

    try:
        if file == "-":
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise Refused("no_file", f"{file}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise Refused("no_file", f"{file}: over {MAX_FILE_BYTES} bytes; not a file of this kind")
    return data


def _write(file: str | None, data: bytes) -> None:
    """To stdout, or to a file that is replaced whole; a pipe or device is written to, never replaced."""
    from ledger.errors import Refused
    from ledger.headlock import replace
    from replays.outputs import output_path

    if file is None or file == "-":
        click.echo(data, nl=False)
        return
    try:
        path = output_path(file).resolve()
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
    except (OSError, ValueError, RuntimeError) as error:
        raise Refused("no_file", f"{file}: {getattr(error, 'strerror', None) or error}") from error
    replace(path, data)
