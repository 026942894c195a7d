"""What a bundle says of itself: whose log, of which contract and period, known when, and every file's hash.

`manifest.json` is RFC 8785 canonical JSON and signed as a C2SP note: of the text whose two lines are the format's
name and the manifest's SHA-256. What is not exactly that is `Refused("bad_bundle")`.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from ledger.counting import number_of
from ledger.errors import Refused
from ledger.events import CalendarPublished, TermsVersionPublished
from ledger.tiles import WIDTH
from replays.bundle import FORMAT, is_member_name

_HEX = re.compile(r"[0-9a-f]{64}\Z")
_UNFIT = re.compile(r"[^a-z0-9_-]+")


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the bundle."""

    path: str
    bytes: int
    sha256: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The bundle in one page; `position` is the last entry the answers know of, `size` how many the head covers."""

    format: str
    origin: str
    ledger: str
    contract: str
    first: str
    last: str
    known_at: str | None
    position: int
    size: int
    root: str
    key: str | None
    software: str
    tz: str
    streams: dict[str, int]
    files: list[File]


def write_manifest(manifest: Manifest) -> bytes:
    """The manifest's canonical bytes."""
    import rfc8785

    return rfc8785.dumps(msgspec.to_builtins(manifest))


def most_bytes(files: int) -> int:
    """The longest a manifest of so many files may be; what it decodes to takes about twenty times as much."""
    return (4 << 20) + 400 * files


def read_manifest(data: bytes) -> Manifest:
    """The manifest in these bytes. Raises `Refused`: `bad_bundle`, `over_limit` for numbers beyond what is there."""
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        code = "over_limit" if "out of range" in str(error) else "bad_bundle"
        raise Refused(code, f"manifest.json cannot be read: {str(error)[:200]}") from None
    if found.format != FORMAT:
        raise Refused("bad_bundle", f"its format is {found.format[:60]!r}; this software reads {FORMAT}")
    if not 0 < found.position <= found.size:
        raise Refused("bad_bundle", f"it speaks of position {found.position} of {number_of(found.size, 'entry')}")
    if found.size > WIDTH * len(found.files):  # before anything is counted as far as a stranger says
        raise Refused("over_limit", f"too few tiles for {number_of(found.size, 'entry')}")
    numbers = [*found.streams.values(), *(file.bytes for file in found.files)]
    if max(numbers, default=0) >= 2**53:
        raise Refused("over_limit", f"the manifest holds the number {max(numbers)}")
    if not all(number >= 0 for number in numbers) or not all(_HEX.match(file.sha256) for file in found.files):
        raise Refused("bad_bundle", "a number or a hash of the manifest is none")
    paths = [file.path for file in found.files]
    if paths != sorted(set(paths)) or not all(map(is_member_name, paths)):
        raise Refused("bad_bundle", "the manifest's files are not in order, or one of them is named twice")
    if write_manifest(found) != data:
        raise Refused("bad_bundle", "manifest.json is not canonical JSON (RFC 8785)")
    return found


def note_text(manifest: bytes) -> str:
    """What is signed of a manifest."""
    return f"{FORMAT}\n{sha256(manifest).hexdigest()}\n"


def frame_file(position: int, event: Any) -> tuple[str, bytes] | None:
    """The file that shows a booklet or a calendar to readers, byte for byte as in its entry; None for others."""
    if isinstance(event, TermsVersionPublished):
        return f"terms/{_plain(event.terms)}-{position}.json", msgspec.json.encode(event.content)
    if isinstance(event, CalendarPublished):
        return f"calendars/{_plain(event.calendar)}-{position}.json", msgspec.json.encode(event)
    return None


def _plain(name: str) -> str:
    """An id as part of a file's name."""
    return _UNFIT.sub("-", name.lower())[:60].strip("-") or "x"
