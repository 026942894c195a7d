"""`key`, `checkpoint`, `receipt`, `prove`, `publish`: what others may hold the ledger to, and what they check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ledger.counting import number_of
from replays.commands.options import F, Family, by_itself, json_option, ledger_option, line_of, read_only_ledger, tell
from replays.commands.progress import progress
from replays.inputs import given
from replays.outputs import put


def output_option(function: F) -> F:
    """`-o`: a file instead of stdout, replaced whole."""
    told = "Write to this file instead of stdout; what is there is replaced, whole."
    return click.option("-o", "--output", metavar="FILE", help=told)(function)


def made(output: str | None, data: bytes, found: dict[str, Any], as_json: bool) -> None:
    """What a command made, to its file or stdout; for programs what it is, with its text where no file holds it."""
    to_file = output is not None and output != "-"
    if to_file or not as_json:
        put(output, data, replacing=True)
    if as_json:
        found |= {"output": output} if to_file else {"output": None, "text": data.decode()}
        tell(found, "", as_json)


def apart(output: str | None, as_json: bool) -> None:
    """Beside the JSON nothing else stands on stdout. Raises `click.UsageError` where something should."""
    if as_json and output == "-":
        raise click.UsageError("--json needs a file for what is made; name it in place of -")


def head_told(head: Any) -> dict[str, Any]:
    """A tree head for programs: whose log, how many entries, under which root (base64)."""
    from ledger.tree import root_text

    return {"origin": head.origin, "size": head.size, "root": root_text(head.root)}


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
@json_option
def key_new(file: str, url: str, recorded_by: str, as_json: bool) -> None:
    """Make a key for the ledger, mode 0600, record it, print its verification key.

    Beside it lies FILE.head, the last head it signed. Keep both together, in one place only: whoever copies
    both elsewhere can sign two histories, and nothing here could see it.
    """
    from ledger import open_ledger
    from ledger.keys import make_key

    with open_ledger(url, create=False, recorded_by=recorded_by) as book:
        made_key = str(make_key(book, file))
    tell({"key": made_key, "file": file}, made_key, as_json)


@key.command("show")
@click.argument("file")
@json_option
def key_show(file: str, as_json: bool) -> None:
    """Print the verification key of a key file."""
    from ledger.keys import read_key

    shown = str(read_key(file, kind=None).verifier)
    tell({"key": shown, "file": file}, shown, as_json)


@key.command("retire")
@click.argument("key", metavar="FILE|VKEY")
@ledger_option
@click.option("--reason", required=True, help="Why, as it will stand in the ledger.")
@click.option("--recorded-by", default="operator", show_default=True, help="Who records, as a pseudonym.")
@json_option
def key_retire(key: str, url: str, reason: str, recorded_by: str, as_json: bool) -> None:
    """Record that a key signs no more; of a lost one, give the verification key."""
    from ledger import open_ledger
    from ledger.keys import read_key, retire_key
    from ledger.notes import parse_vkey

    retired = parse_vkey(key) if "+" in key and not Path(key).exists() else read_key(key).verifier
    with open_ledger(url, create=False, recorded_by=recorded_by) as book, by_itself():
        receipt = retire_key(book, retired, reason)
    tell({"key": str(retired), "receipt": receipt}, f"{retired}: retired", as_json)


# --- heads ---


@click.command(epilog="Example: service-ledger checkpoint --key ledger.key -o head-2026-03.txt")
@ledger_option
@click.option("--key", required=True, metavar="FILE", help="The ledger's key file.")
@output_option
@json_option
def checkpoint(url: str, key: str, output: str | None, as_json: bool) -> None:
    """Sign the present head, once every stored byte was read again.

    Refused with `head_conflict` when the ledger does not continue the last head this key signed: an old copy,
    a changed entry, a second writer. Give the head to whoever should be able to hold you to it.
    """
    from ledger.checkpoint import parse_checkpoint
    from ledger.heads import sign_head

    with read_only_ledger(url) as book:
        signed = sign_head(book, key)
    made(output, signed, head_told(parse_checkpoint(signed)), as_json)


def _head(book: Any, key: str | None, checkpoint: str | None) -> bytes:
    """The head a command speaks against: signed now, or given and checked."""
    from ledger.heads import own_head, sign_head

    if (key is None) == (checkpoint is None):
        raise click.UsageError("give --key or --checkpoint, one of them")
    if key is not None:
        return sign_head(book, key)
    assert checkpoint is not None
    data = given(checkpoint)
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
@json_option
def receipt(
    position: int, url: str, key: str | None, checkpoint: str | None, entry: str | None, output: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Prove that an entry is in the ledger, against a signed head (C2SP tlog-proof)."""
    from ledger import heads
    from ledger.checkpoint import parse_checkpoint

    apart(entry, as_json)
    with read_only_ledger(url) as book:
        head = _head(book, key, checkpoint)
        proof = heads.receipt(book.store, position, head)
        if entry is not None:
            put(entry, book.store.read_at(position).state, replacing=True)
    made(output, proof, {"position": position, **head_told(parse_checkpoint(head)), "entry": entry}, as_json)


@click.command(
    "verify-receipt", epilog="Example: service-ledger verify-receipt entry-42.json entry-42.receipt --policy trust.txt"
)
@click.argument("entry", metavar="ENTRYFILE")
@click.argument("receipt", metavar="RECEIPT")
@click.option(
    "--policy", metavar="FILE", help="Your own C2SP tlog-policy: the log's key, witnesses, quorum; or --vkey."
)
@click.option("--vkey", metavar="KEY", help="The log's verification key, from elsewhere than the receipt; or --policy.")
@json_option
def verify_receipt(entry: str, receipt: str, policy: str | None, vkey: str | None, as_json: bool) -> None:
    """Check a receipt: no ledger, clock or network is needed. The entry's bytes must be exact."""
    from ledger import proofs
    from ledger.notes import parse_vkey
    from ledger.policy import parse_policy

    if (policy is None) == (vkey is None):
        raise click.UsageError("give --policy or --vkey, one of them")
    trust = parse_policy(given(policy)) if policy is not None else parse_vkey(vkey or "")
    data = given(receipt)
    head = proofs.verify_receipt(given(entry), data, trust)
    position = proofs.parse_receipt(data).index + 1
    tell(
        {"verdict": "ok", "position": position, **head_told(head)},
        f"ok: position {position} of {head.size} in {head.origin}",
        as_json,
    )


@click.command(epilog="Example: service-ledger prove --from head-2026-03.txt --key ledger.key -o growth.txt")
@ledger_option
@click.option("--from", "held", required=True, metavar="FILE", help="The checkpoint somebody holds.")
@head_options
@output_option
@json_option
def prove(url: str, held: str, key: str | None, checkpoint: str | None, output: str | None, as_json: bool) -> None:
    """Prove that the ledger continues a head somebody holds.

    Prints the line `old` and the held size, the proof's hashes, an empty line and the later checkpoint: the
    body of a C2SP tlog-witness add-checkpoint request, which any witness takes.
    """
    from ledger import heads
    from ledger.checkpoint import parse_checkpoint

    with read_only_ledger(url) as book:
        before, later = heads.own_head(book, given(held)), _head(book, key, checkpoint)
        proof = heads.extension(book.store, before, later)
    made(output, proof, {"from_size": before.size, **head_told(parse_checkpoint(later))}, as_json)


@click.command("verify-growth", epilog="Example: service-ledger verify-growth head-2026-03.txt growth.txt --vkey KEY")
@click.argument("held", metavar="HELD")
@click.argument("growth", metavar="PROOF")
@click.option("--vkey", required=True, metavar="KEY", help="The log's verification key, got from elsewhere.")
@output_option
@json_option
def verify_growth(held: str, growth: str, vkey: str, output: str | None, as_json: bool) -> None:
    """Check what `prove` printed against the head you hold; -o keeps the later one, to hold from now on."""
    from ledger.checkpoint import open_checkpoint
    from ledger.heads import check_extension
    from ledger.notes import parse_vkey

    log = parse_vkey(vkey)
    before = open_checkpoint(given(held), [log])
    head, data = check_extension(given(growth), before, [log])
    found = {"verdict": "ok", "from_size": before.size, **head_told(head), "output": output}
    size = number_of(head.size, "entry")
    words = f"ok: {head.origin} grew from {before.size} to {size}, and the first {before.size} stand"
    if output is not None:
        made(output, data, found, as_json)
    if output is None or not as_json:  # the head stands alone where it goes to stdout
        click.echo(line_of(found) if as_json else words, err=output == "-")


# --- publishing ---


@click.command(epilog="Example: service-ledger publish public/ --key ledger.key --hashes-only")
@click.argument("directory")
@ledger_option
@head_options
@click.option("--hashes-only", is_flag=True, help="Leave tile/entries out: hashes of salted entries, nothing to read.")
@json_option
def publish(
    directory: str, url: str, key: str | None, checkpoint: str | None, hashes_only: bool, as_json: bool
) -> None:
    """Write the ledger as static files that any web server serves (C2SP tlog-tiles).

    WARNING: without --hashes-only this publishes EVERY ENTRY OF EVERY CONTRACT, in the clear, to whoever can
    read the directory. To show one contract to one auditor, export a bundle instead.

    Publishing again writes only what grew.
    """
    from ledger.publishing import publish as write_files

    with read_only_ledger(url) as book:
        head = _head(book, key, checkpoint)
        with progress(silent=as_json) as told:
            done = write_files(book, directory, head, hashes_only=hashes_only, progress=told)
    shown = "hashes only" if hashes_only else "all readable"
    tell(
        {
            "directory": directory, **head_told(done.head), "hashes_only": hashes_only,
            "written": done.written, "removed": done.removed,
        },
        f"{directory}: {number_of(done.head.size, 'entry')} of {done.head.origin}, {shown}; "
        f"{number_of(len(done.written), 'file')} written, {len(done.removed)} removed",
        as_json,
    )  # fmt: skip
