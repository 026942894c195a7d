"""Keys in files: made once, readable by their owner alone, known to the ledger whose heads they sign.

A key file holds one line, `PRIVATE+KEY+name+id+base64`; a ledger's key bears the ledger's origin as its name.
It is never overwritten, and never read when another user could have read it, or when it has a second name in
the file system: the last head it signed (`ledger.headlock`) lies beside the one name. Making and retiring a
key are entries of the stream `ledger`. What is wrong with a key is `Refused("bad_key")`.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.belonging import LEDGER_STREAM
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.cloudevents import Draft
from ledger.codec import decode_entry
from ledger.corrections import known_as_recorded, standing
from ledger.errors import Refused
from ledger.events import Event, LedgerOpened, SigningKeyMade, SigningKeyRetired
from ledger.headlock import beside, replace, sync_directory
from ledger.merkle import EMPTY_ROOT
from ledger.notes import (
    ED25519,
    MAX_KEY_CHARACTERS,
    MAX_RECORDED_VKEY,
    SignerKey,
    VerifierKey,
    parse_signer,
    parse_vkey,
    signer_from_seed,
)
from ledger.store import Store

if TYPE_CHECKING:
    from ledger.book import Ledger
    from ledger.recording import Receipt


def origin_of(store: Store) -> str:
    """The name the ledger signs under: what its first entry says."""
    first = store.read_at(1)
    opened = decode_entry(first.state).event if first is not None else None
    if not isinstance(opened, LedgerOpened):
        raise Refused("no_ledger", f"{store.url}: nothing is recorded in it yet, so it has no name to sign under")
    return opened.origin


def make_key(book: Ledger, path: str | Path) -> VerifierKey:
    """A new key for this ledger in the file `path`, recorded in the ledger; nothing is left of a refused one."""
    path = Path(path)
    book.open()
    origin = origin_of(book.store)
    if beside(path, ".head").exists():
        raise Refused("bad_key", f"{beside(path, '.head')} is there: the last head of another key; name another file")
    key = write_key(path, origin)
    try:
        vkey = str(key.verifier)
        if len(vkey) > MAX_RECORDED_VKEY:
            raise Refused("bad_key", f"the origin {origin} is too long for the name of a key")
        # the head of no entry: from now on a missing head is a lost one, never a first one
        replace(beside(path, ".head"), sign_checkpoint(Checkpoint(origin, 0, EMPTY_ROOT), key), 0o600)
        _record(book, "made", vkey, SigningKeyMade(key=vkey, at=_now(book)))
    except Refused:
        for file in (path, beside(path, ".head")):
            with suppress(OSError):
                file.unlink()
        raise
    return key.verifier


def retire_key(book: Ledger, key: VerifierKey, reason: str) -> Receipt:
    """Record that the key signs no more. Raises `Refused`: `bad_key` (not this ledger's), `twice`."""
    made, retired = keys_of(book)
    if key not in made:
        raise Refused("bad_key", f"the ledger knows no key {key}")
    if key in retired:
        raise Refused("twice", f"the key {key} is retired already")
    return _record(book, "retired", str(key), SigningKeyRetired(key=str(key), at=_now(book), reason=reason))


def _record(book: Ledger, what: str, vkey: str, event: Event) -> Receipt:
    name = sha256(vkey.encode()).hexdigest()[:32]
    return book.record_drafts([Draft(stream=LEDGER_STREAM, source="ledger", id=f"key-{what}-{name}", event=event)])[0]


def _now(book: Ledger) -> datetime:
    return book.clock().replace(microsecond=0)


def keys_of(book: Ledger) -> tuple[list[VerifierKey], list[VerifierKey]]:
    """The keys ever made for the ledger, and those retired, as its entries stand; unreadable ones are left out."""
    made: dict[VerifierKey, None] = {}
    retired: dict[VerifierKey, None] = {}
    for fact in standing(known_as_recorded(book.stream(LEDGER_STREAM))):
        if isinstance(fact.event, SigningKeyMade | SigningKeyRetired):
            with suppress(Refused):  # anybody may record a text that is no key
                found = made if isinstance(fact.event, SigningKeyMade) else retired
                found[parse_vkey(fact.event.key)] = None
    return list(made), list(retired)


def write_key(path: str | Path, name: str, kind: int = ED25519) -> SignerKey:
    """A new key of that name in a file that was not there, mode 0600, on disk when this returns."""
    from secrets import token_bytes

    path = Path(path)
    key = signer_from_seed(name, token_bytes(32), kind)
    text = f"{key.text()}\n".encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Refused("bad_key", f"{path} is there already; a key is never overwritten") from None
    except OSError as error:
        raise Refused("store_failed", f"{path}: cannot be made: {error.strerror}") from error
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        sync_directory(path.parent)
    except OSError as error:
        path.unlink()
        raise Refused("store_failed", f"{path}: cannot be written: {error.strerror}") from error
    return key


def read_key(path: str | Path, name: str | None = None, kind: int | None = ED25519) -> SignerKey:
    """The key in a file only its owner may read; of that name and type, where one is given."""
    data = _read_private(Path(path))
    try:
        line, newline, after = data.decode().partition("\n")
        key = parse_signer(line)
    except UnicodeDecodeError:
        raise Refused("bad_key", f"{path}: a key that is not UTF-8") from None
    except Refused as no:
        raise Refused(no.code, f"{path}: {no.message}") from None
    if not newline or after:
        raise Refused("bad_key", f"{path}: a key file holds one line and nothing else")
    if kind is not None and key.kind != kind:
        wanted = "a ledger signs with an Ed25519 key" if kind == ED25519 else "a witness has a key of its own type"
        raise Refused("bad_key", f"{path}: of type 0x{key.kind:02x}; {wanted}")
    if name is not None and key.name != name:
        raise Refused("bad_key", f"{path}: the key of {key.name}, not of {name}")
    return key


def _read_private(path: Path) -> bytes:
    # O_NONBLOCK: opening a pipe must not wait for its other end; what was opened is what is looked at
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        why = "a link, not a file" if path.is_symlink() else error.strerror
        raise Refused("bad_key", f"{path}: {why}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Refused("bad_key", f"{path}: not a file")
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077:
            raise Refused("bad_key", f"{path}: mode {mode:04o} lets others at it; chmod 600, and better a new key")
        if found.st_nlink != 1:
            raise Refused("bad_key", f"{path}: {found.st_nlink} names for one key; each would keep a last head")
        return os.read(descriptor, 4 * MAX_KEY_CHARACTERS + 2)
    finally:
        os.close(descriptor)
