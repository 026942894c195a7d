"""Receipts as C2SP tlog-proof writes them: one entry, its place, and the way from it to a signed head.

The first line is `c2sp.org/tlog-proof@v1`; then, if there is any, `extra` and base64, which nothing
authenticates; `index` and the entry's number, the first being 0; the hashes of the inclusion proof in base64,
the leaf's sibling first; an empty line; and the signed checkpoint as it is. A receipt checks with nothing but
the entry's bytes and a key or a policy. One that cannot be read strictly is `Refused("bad_proof")`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from msgspec import Struct

from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.errors import Refused
from ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from ledger.notes import MAX_NOTE_BYTES, VerifierKey
from ledger.policy import Policy, accept

HEADER = "c2sp.org/tlog-proof@v1"
MAX_RECEIPT_BYTES = MAX_NOTE_BYTES + (1 << 17)
MAX_PATH = 63  # the proof in a tree of 2**63 - 1 leaves

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})\Z")


class Receipt(Struct, frozen=True):
    """Entry number `index` (the first is 0), its inclusion proof, and the signed checkpoint it leads to.

    `extra` is whatever the issuer added; it is not signed and proves nothing.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""


def format_receipt(receipt: Receipt) -> bytes:
    """The receipt's text; refused unless it would read back as the same receipt."""
    lines = [HEADER]
    lines += [f"extra {_base64(receipt.extra)}"] if receipt.extra else []
    lines += [f"index {receipt.index}", *map(_base64, receipt.path), "", ""]
    data = "\n".join(lines).encode() + receipt.checkpoint
    if parse_receipt(data) != receipt:
        raise Refused("bad_proof", "a receipt that would not read back")
    return data


def parse_receipt(data: bytes) -> Receipt:
    """The receipt in these bytes, nothing verified but its form and that of its checkpoint."""
    if len(data) > MAX_RECEIPT_BYTES:
        raise Refused("bad_proof", f"a receipt over {MAX_RECEIPT_BYTES} bytes")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Refused("bad_proof", "a receipt is ASCII up to its checkpoint") from None
    if lines[0] != HEADER or not blank:
        raise Refused("bad_proof", f"a receipt begins with {HEADER} and has an empty line before its checkpoint")
    extra = b""
    if len(lines) > 1 and lines[1].startswith("extra "):
        extra = _unbase64(lines.pop(1).removeprefix("extra "))
    index = _INDEX.match(lines[1]) if len(lines) > 1 else None
    if index is None or len(lines) - 2 > MAX_PATH:
        raise Refused("bad_proof", "a receipt has a line of index and a decimal number, then at most 63 hashes")
    path = tuple(_unbase64(line) for line in lines[2:])
    if any(len(part) != HASH_BYTES for part in path):
        raise Refused("bad_proof", "a hash is not 32 bytes long")
    parse_checkpoint(checkpoint)
    return Receipt(int(index[1]), path, checkpoint, extra)


def verify_receipt(entry: bytes, receipt: bytes, trust: VerifierKey | Policy) -> Checkpoint:
    """The head that proves this entry is in the log, at the receipt's `index`.

    The head must be signed by the log `trust` names and, under a policy, cosigned by its quorum. Raises
    `Refused`: `bad_note` for the head, `no_quorum` for its witnesses, `bad_proof` for the way to it.
    """
    read = parse_receipt(receipt)
    if isinstance(trust, Policy):
        head = accept(trust, read.checkpoint).checkpoint
    else:
        head = open_checkpoint(read.checkpoint, [trust])
    verify_inclusion(read.index, head.size, leaf_hash(entry), read.path, head.root)
    return head


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _unbase64(text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if not raw or _base64(raw) != text:
        raise Refused("bad_proof", "a line of a receipt is not base64")
    return raw
