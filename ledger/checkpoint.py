"""A tree head in the words of C2SP tlog-checkpoint: whose log, how many entries, under which root.

The text is three lines or more: the origin, the size in decimal, the root in base64, and extension lines,
none of them empty. Signed, it is a note; a log's key bears the log's origin as its name, so that a head of
one ledger is never taken for another's. What cannot be read strictly is `Refused("bad_note")`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence

from msgspec import Struct

from ledger.errors import Refused
from ledger.merkle import HASH_BYTES, MAX_SIZE
from ledger.notes import SignerKey, VerifierKey, add_signatures, open_note, parse_note, sign_note, sign_text

_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_ROOT = re.compile(r"[A-Za-z0-9+/]{43}=\Z")
_UNFIT = re.compile(r"[\x00-\x1f\ud800-\udfff]")


class Checkpoint(Struct, frozen=True):
    """The tree of the log `origin` at `size` entries has the root of 32 bytes `root`."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """What is signed; refused unless it would read back as the same checkpoint."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        text = "".join(f"{line}\n" for line in lines)
        if parse_text(text) != self:
            raise Refused("bad_note", "a line of the checkpoint holds a newline")
        return text


def parse_text(text: str) -> Checkpoint:
    """The checkpoint a note's text says, exactly as the standard writes it."""
    *lines, after = text.split("\n")
    if len(lines) < 3 or after or not all(lines):
        raise Refused("bad_note", "a checkpoint is three lines or more, none of them empty")
    if _UNFIT.search("".join(lines)):
        raise Refused("bad_note", "a control character in a checkpoint")
    origin, size, root, *extensions = lines
    if not _SIZE.match(size) or int(size) > MAX_SIZE:
        raise Refused("bad_note", "a checkpoint's size is a decimal number below 2**63, without leading zeros")
    raw = b64decode(root) if _ROOT.match(root) else b""
    if len(raw) != HASH_BYTES or b64encode(raw).decode() != root:
        raise Refused("bad_note", "a checkpoint's root is the base64 of 32 bytes")
    return Checkpoint(origin, int(size), raw, tuple(extensions))


def parse_checkpoint(data: bytes) -> Checkpoint:
    """The checkpoint of a signed note, its signatures not verified."""
    return parse_text(parse_note(data).text)


def sign_checkpoint(checkpoint: Checkpoint, key: SignerKey) -> bytes:
    """The checkpoint as a note signed by its log; the key must bear the log's name."""
    if key.name != checkpoint.origin:
        raise Refused("bad_key", f"the key of {key.name} cannot sign for {checkpoint.origin}")
    return sign_note(checkpoint.text(), [key])


def cosign_checkpoint(data: bytes, witness: SignerKey, cosigned_at: int) -> bytes:
    """The signed checkpoint with a witness's line: it saw this head by `cosigned_at`, POSIX seconds.

    The witness must have verified the log's signature and the consistency with the last head it saw.
    """
    text = parse_note(data).text
    parse_text(text)
    return add_signatures(data, [sign_text(witness, text, cosigned_at)])


def open_checkpoint(data: bytes, keys: Sequence[VerifierKey], origin: str | None = None) -> Checkpoint:
    """The checkpoint, when one of the log's `keys` signed it.

    The origin must be `origin`, or, if that is not given, the name of a key whose signature verifies.
    """
    opened = open_note(data, keys)
    checkpoint = parse_text(opened.text)
    if checkpoint.origin not in ([key.name for key, _ in opened.verified] if origin is None else [origin]):
        raise Refused("bad_note", f"a checkpoint of {checkpoint.origin}, which is another log")
    return checkpoint
