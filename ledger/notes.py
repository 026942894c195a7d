"""Signed notes as C2SP signed-note writes them: a text, a blank line, and one line per signature.

A signature line is an em dash, a space, the key's name, a space, and the base64 of four bytes of key id and
the signature. The id is the start of SHA-256 over name, newline, type byte and public key. Two types are
known: `0x01` signs the text itself with Ed25519, `0x04` is a witness's cosignature/v1 (C2SP tlog-cosignature),
which signs the text and the instant it did so. Signatures of other keys are kept and prove nothing. A note
that cannot be read strictly or does not verify is `Refused("bad_note")`, a key `Refused("bad_key")`.

Keys are written `name+id+base64` (verifier) and `PRIVATE+KEY+name+id+base64` (signer), as Go's sumdb/note
does; a low-order public key, under which anything verifies, is no key.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from msgspec import Struct

from ledger.errors import Refused

ED25519 = 0x01
COSIGNATURE = 0x04

MAX_NOTE_BYTES = 1 << 20
MAX_SIGNATURES = 100
MAX_KEY_CHARACTERS = 1000
MAX_RECORDED_VKEY = 200  # of a key of ours, as `signing_key_made` holds it
MAX_ORIGIN_CHARACTERS = MAX_RECORDED_VKEY - len("+01234567+") - 44  # beside key id and base64 of type and key
MAX_TIME = 2**63 - 1

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID = re.compile(r"[0-9a-f]{8}\Z")
PRIVATE_KEY = "PRIVATE+KEY+"
_DASH = "\N{EM DASH} "

_P = 2**255 - 19  # the field of Ed25519, and d of its curve (RFC 8032, section 5.1)
_D = -121665 * pow(121666, -1, _P) % _P
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_LOW_ORDER = frozenset((0, 1, _P - 1, _ORDER_8, _P - _ORDER_8))  # y of the eight points of order 1, 2, 4 and 8


class VerifierKey(Struct, frozen=True):
    """A public key, who it belongs to, and which type of signature it verifies."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand before this key's signatures."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([self.kind]) + self.public)}"


class SignerKey(Struct, frozen=True):
    """A private key; shown, it tells its name and no secret."""

    name: str
    kind: int
    seed: bytes

    def __repr__(self) -> str:
        return f"SignerKey({self.name!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("name", self.name)]

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.kind, public)

    def text(self) -> str:
        """The secret as it is kept in a key file."""
        return f"{PRIVATE_KEY}{self.name}+{self.verifier.id.hex()}+{_base64(bytes([self.kind]) + self.seed)}"


class Signature(Struct, frozen=True):
    """One signature line: who signed, the four bytes of key id, and the signature itself."""

    name: str
    key_id: bytes
    body: bytes

    @property
    def signed_at(self) -> int | None:
        """The instant a cosignature/v1 tells, in POSIX seconds; none if this is not as long as one."""
        return int.from_bytes(self.body[:8], "big") if len(self.body) == 72 else None


class Note(Struct, frozen=True):
    """A text, which ends in a newline, and its signatures, not verified."""

    text: str
    signatures: tuple[Signature, ...]


class OpenedNote(Struct, frozen=True):
    """A text some known key signed: the signatures that verify, each with its key, and those of unknown keys."""

    text: str
    verified: tuple[tuple[VerifierKey, Signature], ...]
    unknown: tuple[Signature, ...]


def parse_note(data: bytes) -> Note:
    """The note in these bytes, nothing verified."""
    if len(data) > MAX_NOTE_BYTES:
        raise Refused("bad_note", f"a note over {MAX_NOTE_BYTES} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Refused("bad_note", "a note that is not UTF-8") from None
    if _CONTROL.search(whole):
        raise Refused("bad_note", "a control character in a note")
    text, blank, signatures = whole.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise Refused("bad_note", "a note ends in a blank line and signature lines, each with its newline")
    if signatures.count("\n") > MAX_SIGNATURES:
        raise Refused("bad_note", f"more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(_parse_signature(line) for line in signatures[:-1].split("\n")))


def _parse_signature(line: str) -> Signature:
    name, space, body = line.removeprefix(_DASH).partition(" ")
    raw = _unbase64(body)
    if not line.startswith(_DASH) or not space or not is_key_name(name) or raw is None or len(raw) < 5:
        raise Refused("bad_note", "a line after the text that is no signature")
    return Signature(name, raw[:4], raw[4:])


def format_note(note: Note) -> bytes:
    """The bytes of a note; refused unless they would read back as the same note."""
    lines = [f"{_DASH}{s.name} {_base64(s.key_id + s.body)}\n" for s in note.signatures]
    data = _text_bytes(note.text) + _text_bytes("".join(("\n", *lines)))
    if parse_note(data) != note:
        raise Refused("bad_note", "a signature that cannot stand in a note")
    return data


def _text_bytes(text: str) -> bytes:
    """A note's text as it is signed: UTF-8, the last line with its newline."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise Refused("bad_note", "a text without its last newline, or with a control character")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused("bad_note", "a text that cannot be written as UTF-8") from None


def open_note(data: bytes, keys: Iterable[VerifierKey]) -> OpenedNote:
    """The text of a note that at least one of `keys` signed.

    A signature that names one of the keys and does not verify refuses the whole note (C2SP signed-note,
    "Signatures"). The same line twice counts once.
    """
    note, known = parse_note(data), _by_id(keys)
    verified: dict[Signature, VerifierKey] = {}
    unknown: dict[Signature, None] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            unknown[signature] = None
        elif signature not in verified:
            if not verifies(key, note.text, signature):
                raise Refused("bad_note", f"the signature of {key.name} does not verify")
            verified[signature] = key
    if not verified:
        raise Refused("bad_note", "no known key signed this note")
    return OpenedNote(note.text, tuple((key, signature) for signature, key in verified.items()), tuple(unknown))


def _by_id(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.id), key) is not key:
            raise Refused("bad_key", f"two keys of the name {key.name} with the same id")
    return known


def verifies(key: VerifierKey, text: str, signature: Signature) -> bool:
    """Whether the signature is that key's over that text."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    message, body = _text_bytes(text), signature.body
    if key.kind == COSIGNATURE:
        signed_at = signature.signed_at
        if signed_at is None or signed_at > MAX_TIME:
            return False
        message, body = _cosigned(text, signed_at), body[8:]
    if len(body) != 64 or (signature.name, signature.key_id) != (key.name, key.id):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(body, message)
    except InvalidSignature:
        return False
    return True


def sign_text(key: SignerKey, text: str, signed_at: int | None = None) -> Signature:
    """The key's signature over a text; a witness's (`COSIGNATURE`) says when, in POSIX seconds."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    assert (signed_at is not None) == (key.kind == COSIGNATURE), "a cosignature tells its time, a signature does not"
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    if signed_at is None:
        return Signature(key.name, key.verifier.id, private.sign(_text_bytes(text)))
    body = signed_at.to_bytes(8, "big") + private.sign(_cosigned(text, signed_at))
    return Signature(key.name, key.verifier.id, body)


def _cosigned(text: str, signed_at: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (signed_at, _text_bytes(text))


def sign_note(text: str, signers: Sequence[SignerKey]) -> bytes:
    """A note with the signature of each key, none of them a witness's."""
    return format_note(Note(text, tuple(sign_text(key, text) for key in signers)))


def add_signatures(data: bytes, more: Iterable[Signature]) -> bytes:
    """The same note with more signature lines; a line it has already is not added again."""
    note = parse_note(data)
    return format_note(Note(note.text, tuple(dict.fromkeys((*note.signatures, *more)))))


def is_key_name(name: str) -> bool:
    """Whether a key may be called so: not empty, no space of any script, no plus sign, no control character."""
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " or "\ud800" <= c <= "\udfff" for c in name)


def parse_vkey(text: str) -> VerifierKey:
    """The verifier key written `name+id+base64`."""
    name, key_id, kind, public = _key_parts(text)
    key = VerifierKey(name, kind, public)
    if key.id != key_id:
        raise Refused("bad_key", "a key whose id is not that of its name and bytes")
    if not _is_safe_point(public):
        raise Refused("bad_key", f"the public key of {name} is no point of Ed25519, or one of low order")
    return key


def parse_signer(text: str) -> SignerKey:
    """The private key written `PRIVATE+KEY+name+id+base64`; no message quotes any of it."""
    if not text.startswith(PRIVATE_KEY):
        raise Refused("bad_key", "a private key begins with PRIVATE+KEY+")
    name, key_id, kind, seed = _key_parts(text.removeprefix(PRIVATE_KEY))
    key = SignerKey(name, kind, seed)
    if key.verifier.id != key_id:
        raise Refused("bad_key", "a private key whose id is not that of its name and bytes")
    return key


def signer_from_seed(name: str, seed: bytes, kind: int = ED25519) -> SignerKey:
    """The private key of 32 secret bytes, which the caller drew from the machine's own source of chance."""
    if not is_key_name(name) or len(name) > MAX_KEY_CHARACTERS // 2:
        raise Refused("bad_key", "a key's name is not empty, not long, and holds no space and no plus sign")
    if len(seed) != 32 or kind not in (ED25519, COSIGNATURE):
        raise Refused("bad_key", "an Ed25519 key has 32 bytes")
    return SignerKey(name, kind, seed)


def _key_parts(text: str) -> tuple[str, bytes, int, bytes]:
    """Name, id, type byte and 32 bytes of a key's text."""
    if len(text) > MAX_KEY_CHARACTERS:
        raise Refused("bad_key", f"a key over {MAX_KEY_CHARACTERS} characters")
    name, _, rest = text.partition("+")
    key_id, _, body = rest.partition("+")
    raw = _unbase64(body)
    if not is_key_name(name) or not _KEY_ID.match(key_id) or raw is None or len(raw) < 2:
        raise Refused("bad_key", "a key is written name+id+base64, the id as 8 hex digits")
    if raw[0] not in (ED25519, COSIGNATURE):
        raise Refused("bad_key", f"a key of type 0x{raw[0]:02x}; 0x01 and 0x04 are known")
    if len(raw) != 33:
        raise Refused("bad_key", "an Ed25519 key has 32 bytes")
    return name, bytes.fromhex(key_id), raw[0], raw[1:]


def _is_safe_point(public: bytes) -> bool:
    """Whether the bytes are a point of the curve, written the one right way, of no low order.

    `cryptography` loads low-order keys, under which one signature verifies for every text; RFC 8032,
    section 5.1.3, has `y < p`, and `x` from `x^2 = (y^2 - 1) / (d y^2 + 1)`, which must be a square.
    """
    y = int.from_bytes(public, "little") & ~(1 << 255)
    if y >= _P or y in _LOW_ORDER:
        return False
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return pow(square, (_P - 1) // 2, _P) == 1


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _unbase64(text: str) -> bytes | None:
    """The bytes of standard base64 (RFC 4648, section 4) written the one right way, or nothing."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if _base64(raw) == text else None
