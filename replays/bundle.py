"""A bundle's container: a zip of members as they are, which can be written in one way only and is read only so.

Every header is a function of name, size and checksum: no compression, no extra fields but zip64's where a number
needs it, no comments, 1980-01-01 00:00, mode 0644. `manifest.json` comes first, the others follow in the byte
order of their names, without a gap between them. The reader writes each header anew and compares: what differs
in a single bit (compressed, encrypted, overlapping, a link, a name twice, bytes before, between or after) is
`Refused("bad_bundle")` before any member is read, and no member is read beyond its limit (`over_limit`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self
from zlib import crc32

from ledger.counting import number_of
from ledger.errors import Refused

FORMAT = "service-ledger-bundle/1"
MANIFEST, NOTE = "manifest.json", "manifest.note"
MAX_BUNDLE_BYTES = 4 << 30  # refused above, unless the verifier allows more
MAX_MEMBER_BYTES = 64 << 20  # of what is read at once
MAX_MEMBERS = 300_000
MAX_NAME_BYTES = 200
CHUNK = 1 << 18

_NAME = re.compile(
    r"(manifest\.(json|note)|log/(checkpoint|head|entries\.tsv|tile/[0-9]+/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]+)?)"
    r"|proofs/(checkpoint-[0-9]+|consistency-[0-9]+-[0-9]+\.txt)|timestamps/[a-z0-9_-]+\.(tsr|txt)|readings\.json"
    r"|(terms|calendars)/[a-z0-9_-]+\.json|answers/[0-9]+-[a-z_]+\.json|report/report\.(en|fr)\.html|FORMAT\.md|verify\.py)"
)
_WIDE = 0xFFFFFFFF
_MANY = 0xFFFF
_DATE = 0x21  # 1980-01-01
_MODE = 0o100644 << 16
_UNIX = 3 << 8
_CENTRAL = "<4s6H3I5H2I"
_END = "<4s4H2IH"
_END64 = "<4sQ2H2I4Q"
_LOCATOR = "<4sIQI"
_CENTRAL_BYTES, _END_BYTES, _END64_BYTES, _LOCATOR_BYTES = map(struct.calcsize, (_CENTRAL, _END, _END64, _LOCATOR))

Source = Callable[[], Iterable[bytes]]


class Member(NamedTuple):
    """One file of the bundle: its name, its size, the CRC-32 of its bytes, and where its header stands."""

    name: str
    size: int
    crc: int
    offset: int


class Digest(NamedTuple):
    """What the manifest and the headers say of a file."""

    size: int
    crc: int
    sha256: str


def is_member_name(name: str) -> bool:
    """Whether a file so called has a place in a bundle: no way up, no way out, nothing beside what belongs there."""
    return len(name) <= MAX_NAME_BYTES and _NAME.fullmatch(name) is not None


def in_order(name: str) -> tuple[bool, bytes]:
    """The order of members: the manifest, then byte by byte."""
    return name != MANIFEST, name.encode()


# --- headers, each a function of what it tells ---


def _local(name: bytes, size: int, crc: int) -> bytes:
    extra = struct.pack("<HHQQ", 1, 16, size, size) if size >= _WIDE else b""
    shown = min(size, _WIDE)
    version = 45 if extra else 20
    numbers = (version, 0, 0, 0, _DATE, crc, shown, shown, len(name), len(extra))
    return struct.pack("<4s5H3I2H", b"PK\3\4", *numbers) + name + extra


def _central(name: bytes, size: int, crc: int, offset: int) -> bytes:
    wide = [size] * 2 * (size >= _WIDE) + [offset] * (offset >= _WIDE)
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version, shown = 45 if wide else 20, min(size, _WIDE)
    numbers = (_UNIX | version, version, 0, 0, 0, _DATE, crc, shown, shown, len(name), len(extra), 0, 0, 0, _MODE)
    return struct.pack(_CENTRAL, b"PK\1\2", *numbers, min(offset, _WIDE)) + name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    """What stands after the directory of `count` members, `size` bytes from `offset` on."""
    last = struct.pack(_END, b"PK\5\6", 0, 0, *[min(count, _MANY)] * 2, min(size, _WIDE), min(offset, _WIDE), 0)
    if count < _MANY and size < _WIDE and offset < _WIDE:
        return last
    wide = struct.pack(_END64, b"PK\6\6", _END64_BYTES - 12, _UNIX | 45, 45, 0, 0, count, count, size, offset)
    return wide + struct.pack(_LOCATOR, b"PK\6\7", 0, offset + size, 1) + last


# --- writing ---


def digest(chunks: Iterable[bytes]) -> Digest:
    """Size and checksums of a file's bytes, in bounded memory."""
    size, crc, found = 0, 0, sha256()
    for chunk in chunks:
        size += len(chunk)
        crc = crc32(chunk, crc)
        found.update(chunk)
    return Digest(size, crc, found.hexdigest())


def write_bundle(out: BinaryIO, members: Sequence[tuple[str, Source, Digest]]) -> None:
    """Writes the zip of these files, their order put right; each source is read once and must keep its digest."""
    directory: list[bytes] = []
    offset = 0
    for name, source, told in sorted(members, key=lambda member: in_order(member[0])):
        if not is_member_name(name):
            raise Refused("bad_bundle", f"no file of a bundle is called {name!r}")
        head = _local(name.encode(), told.size, told.crc)
        out.write(head)
        size = crc = 0
        for chunk in source():
            size, crc = size + len(chunk), crc32(chunk, crc)
            out.write(chunk)
        assert (size, crc) == (told.size, told.crc), f"{name} changed while it was exported"
        directory.append(_central(name.encode(), size, crc, offset))
        offset += len(head) + size
    for entry in directory:
        out.write(entry)
    out.write(_end(len(directory), sum(map(len, directory)), offset))


# --- reading ---


class Bundle:
    """A bundle open for reading, its container verified. Use as a context manager.

    Raises `Refused`: `no_file`, `cut_short`, `over_limit`, and `bad_bundle` for whatever else is not exactly as
    written above.
    """

    def __init__(
        self, path: Path, max_bytes: int = MAX_BUNDLE_BYTES, is_name: Callable[[str], bool] = is_member_name
    ) -> None:
        self._is_name = is_name  # which files belong in it
        try:
            if not path.is_file():
                raise Refused("no_file", f"{path}: there is no such file")
            self._file = path.open("rb")
        except OSError as error:
            raise Refused("no_file", f"{path}: cannot be read: {error.strerror}") from None
        try:
            self.size = self._file.seek(0, 2)
            if self.size > max_bytes:
                raise Refused("over_limit", f"{self.size} bytes, over the limit of {max_bytes}")
            self.members: dict[str, Member] = {member.name: member for member in self._directory()}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, name: str, limit: int = MAX_MEMBER_BYTES) -> bytes:
        """All of a file, of at most `limit` bytes. Raises `Refused`: `bad_bundle` (missing), `over_limit`."""
        if name not in self.members:
            raise Refused("bad_bundle", f"{name} is missing")
        if self.members[name].size > limit:
            raise Refused("over_limit", f"{name} is {self.members[name].size} bytes, over the limit of {limit}")
        return b"".join(self.stream(name))

    def stream(self, name: str) -> Iterator[bytes]:
        """A file's bytes in pieces; after the last, its CRC-32 has been compared."""
        if name not in self.members:
            raise Refused("bad_bundle", f"{name} is missing")
        member = self.members[name]
        at = member.offset + len(_local(name.encode(), member.size, member.crc))
        end, crc = at + member.size, 0
        while at < end:
            self._file.seek(at)
            chunk = self._file.read(min(CHUNK, end - at))
            if not chunk:
                raise Refused("bad_bundle", f"{name} ends before its last byte")
            crc = crc32(chunk, crc)
            at += len(chunk)
            yield chunk
        if crc != member.crc:
            raise Refused("bad_bundle", f"{name} is not the bytes its header tells of (CRC-32)")

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _directory(self) -> Iterator[Member]:
        """The members in their order, each header compared with the one way to write it."""
        count, size, offset = self._find_end()
        at, expected, last = offset, 0, None
        for number in range(1, count + 1):
            member = self._member(number, at, offset + size)
            at += len(_central(member.name.encode(), member.size, member.crc, member.offset))
            if last is None and member.name != MANIFEST:
                raise Refused("bad_bundle", f"the first file is {member.name!r}, not {MANIFEST}")
            if last is not None and in_order(member.name) <= in_order(last):
                raise Refused("bad_bundle", f"{member.name!r} stands twice, or out of order")
            if member.offset != expected:
                raise Refused("bad_bundle", f"{member.name!r} begins at byte {member.offset}, not {expected}")
            head = _local(member.name.encode(), member.size, member.crc)
            if self._at(expected, len(head)) != head:
                raise Refused("bad_bundle", f"the header of {member.name!r} is not as the directory tells")
            expected += len(head) + member.size
            last = member.name
            yield member
        if expected != offset or at != offset + size:
            raise Refused("bad_bundle", "bytes between the files and the end that no file accounts for")

    def _find_end(self) -> tuple[int, int, int]:
        """How many members, and size and place of the directory."""
        tail = self._at(max(self.size - _END_BYTES, 0), _END_BYTES)
        if len(tail) != _END_BYTES or not tail.startswith(b"PK\5\6"):
            raise Refused("cut_short", "it does not end as a zip without a comment does: cut short, or bytes after it")
        _, _, _, _, count, size, offset, _ = struct.unpack(_END, tail)
        if count == _MANY or _WIDE in (size, offset):
            wide = self._at(max(self.size - _END_BYTES - _LOCATOR_BYTES - _END64_BYTES, 0), _END64_BYTES)
            if len(wide) == _END64_BYTES and wide.startswith(b"PK\6\6"):
                *_, count, size, offset = struct.unpack(_END64, wide)
        if not 0 < count <= MAX_MEMBERS:
            code = "over_limit" if count else "bad_bundle"
            raise Refused(code, f"{number_of(count, 'file')}; a bundle has 1 to {MAX_MEMBERS}")
        expected = _end(count, size, offset) if max(size, offset) <= self.size else b""
        if offset + size + len(expected) != self.size or self._at(offset + size, len(expected)) != expected:
            raise Refused("bad_bundle", "the end of the zip does not fit its directory: cut short, or bytes added")
        return count, size, offset

    def _member(self, number: int, at: int, end: int) -> Member:
        """What the directory tells at `at`, if it tells it the one right way."""
        head = self._at(at, _CENTRAL_BYTES) if at + _CENTRAL_BYTES <= end else b""
        if len(head) != _CENTRAL_BYTES or not head.startswith(b"PK\1\2"):
            raise Refused("bad_bundle", f"the directory has no entry {number} where it belongs")
        fields = struct.unpack(_CENTRAL, head)
        flags, method, crc, stored, size, name_bytes, extra_bytes = (fields[n] for n in (3, 4, 7, 8, 9, 10, 11))
        offset = fields[16]
        raw = self._at(at + _CENTRAL_BYTES, min(name_bytes, MAX_NAME_BYTES + 1))
        extra = self._at(at + _CENTRAL_BYTES + name_bytes, min(extra_bytes, 28))
        wide = [value for (value,) in struct.iter_unpack("<Q", extra[4 : 4 + (len(extra) - 4) // 8 * 8])]
        if size == _WIDE and len(wide) >= 2:
            size, wide = wide[0], wide[2:]
        if offset == _WIDE and wide:
            offset = wide[0]
        name = raw.decode("ascii", errors="replace")
        if not self._is_name(name):
            raise Refused("bad_bundle", f"file {number} has a name no bundle has: {name[:60]!r}")
        for odd, what in (
            (flags & 1, "encrypted"),
            (method, "compressed"),
            (flags, "marked with flags"),
            (fields[15] != _MODE, "no plain file of mode 0644"),
            (stored != min(size, _WIDE), "of two sizes"),
        ):
            if odd:
                raise Refused("bad_bundle", f"{name!r} is {what}")
        expected = _central(raw, size, crc, offset)
        if self._at(at, len(expected)) != expected:
            raise Refused("bad_bundle", f"{name!r} is not written as the format says")
        return Member(name, size, crc, offset)
