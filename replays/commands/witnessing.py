"""`timestamp`, `witness`: what others say of a head: since when it was there, and that they saw it."""

from __future__ import annotations

from hashlib import sha256

import click

from replays.commands.evidence import apart, head_told, made, output_option
from replays.commands.options import F, Family, json_option, tell
from replays.inputs import given
from replays.outputs import put


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
@json_option
def timestamp_request(checkpoint: str, output: str | None, as_json: bool) -> None:
    """Write the request to send to an authority: a SHA-256, nothing else."""
    from ledger.timestamps import request

    data = given(checkpoint)
    apart(output or "-", as_json)
    put(output, request(data), replacing=True)
    if as_json:
        tell({"checkpoint": checkpoint, "sha256": sha256(data).hexdigest(), "output": output}, "", as_json)


@timestamp.command("add")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.argument("response", metavar="RESPONSE")
@roots_option
@click.option(
    "-o", "--output", required=True, metavar="FILE",
    help="Where to keep the response; what is there is replaced, whole.",
)  # fmt: skip
@json_option
def timestamp_add(checkpoint: str, response: str, roots: str, output: str, as_json: bool) -> None:
    """Keep an authority's response, once it verifies."""
    apart(output, as_json)
    data = given(response)
    found = _stamped(checkpoint, data, roots)
    put(output, data, replacing=True)
    if output == "-":
        click.echo(_words(found), err=True)
    else:
        tell({**found, "output": output}, _words(found), as_json)


@timestamp.command("verify")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.argument("response", metavar="RESPONSE")
@roots_option
@json_option
def timestamp_verify(checkpoint: str, response: str, roots: str, as_json: bool) -> None:
    """Check a response over a checkpoint's exact bytes, and tell its instant."""
    found = _stamped(checkpoint, given(response), roots)
    tell(found, _words(found), as_json)


def _stamped(checkpoint: str, response: bytes, roots: str) -> dict[str, str]:
    from ledger.timestamps import verify

    told = verify(response, given(checkpoint), given(roots))
    existed_by = told.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"verdict": "ok", "checkpoint": checkpoint, "existed_by": existed_by}


def _words(found: dict[str, str]) -> str:
    return f"ok: {found['checkpoint']} existed by {found['existed_by']}"


@click.group(
    cls=Family,
    epilog="Example: service-ledger witness cosign growth.txt --key witness.key --log VKEY -o cosigned.txt",
)
def witness() -> None:
    """Be a witness of somebody's ledger: cosign its heads, each only if it continues the last."""


@witness.command("new")
@click.argument("file")
@click.option("--name", required=True, help="The witness's name, like witness.example.org.")
@json_option
def witness_new(file: str, name: str, as_json: bool) -> None:
    """Make a witness's key, mode 0600, and print its verification key, as a policy names it."""
    from ledger.keys import write_key
    from ledger.notes import COSIGNATURE

    made_key = str(write_key(file, name, COSIGNATURE).verifier)
    tell({"key": made_key, "file": file}, made_key, as_json)


@witness.command("cosign")
@click.argument("head", metavar="PROOF|CHECKPOINT")
@click.option("--key", required=True, metavar="FILE", help="The witness's key file.")
@click.option("--log", required=True, metavar="VKEY", help="The verification key of the ledger it watches.")
@click.option("--at", metavar="INSTANT", help="When it is cosigned; now, if not told.")
@output_option
@json_option
def witness_cosign(head: str, key: str, log: str, at: str | None, output: str | None, as_json: bool) -> None:
    """Cosign a later head from what `prove` printed; the first one from a checkpoint alone."""
    from ledger.book import wall_clock
    from ledger.checkpoint import parse_checkpoint
    from ledger.heads import cosign
    from ledger.notes import parse_vkey
    from ledger.spans import moment, seconds
    from projections.questions import instant_of

    cosigned_at = seconds(wall_clock() if at in (None, "now") else instant_of("--at", at))
    cosigned = cosign(key, parse_vkey(log), given(head), cosigned_at)
    found = {**head_told(parse_checkpoint(cosigned)), "cosigned_at": moment(cosigned_at)}
    made(output, cosigned, found, as_json)
