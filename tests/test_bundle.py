"""The container can be written in one way only, and whatever differs from it is refused in one line."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from ledger.errors import Refused
from replays import bundle
from replays.bundle import Bundle, digest, is_member_name, write_bundle

FILES = {"manifest.json": b"{}", "FORMAT.md": b"words", "answers/01-availability.json": b"a" * 300, "verify.py": b""}


def zipped(files: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    write_bundle(out, [(n, (lambda d=d: [d]), digest([d])) for n, d in (FILES if files is None else files).items()])
    return out.getvalue()


def opened(tmp_path: Path, data: bytes, **limits: int) -> Bundle:
    path = tmp_path / "b.zip"
    path.write_bytes(data)
    return Bundle(path, **limits)


def read_all(tmp_path: Path, data: bytes) -> dict[str, bytes]:
    with opened(tmp_path, data) as found:
        return {name: found.read(name) for name in found.members}


def ordinary(tmp_path: Path, *members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip as other programs write them."""
    path = tmp_path / "o.zip"
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, data in members:
            made.writestr(zipfile.ZipInfo(name), data, compression)
    return path.read_bytes()


def test_what_is_written_reads_back_here_and_elsewhere(tmp_path: Path) -> None:
    with opened(tmp_path, zipped()) as found:
        assert list(found.members) == ["manifest.json", "FORMAT.md", "answers/01-availability.json", "verify.py"]
        assert {name: found.read(name) for name in found.members} == FILES
    with zipfile.ZipFile(tmp_path / "b.zip") as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == FILES
        assert {i.compress_type for i in other.infolist()} == {zipfile.ZIP_STORED}


def test_the_order_in_which_files_are_given_does_not_matter() -> None:
    assert zipped(dict(reversed(FILES.items()))) == zipped()


def test_every_single_byte_counts(tmp_path: Path) -> None:
    """Whichever byte is flipped, opening or reading refuses: never another file, never a traceback."""
    data = zipped()
    for at in range(len(data)):
        for bit in (1, 0x80):
            changed = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            with pytest.raises(Refused) as no:
                read_all(tmp_path, changed)
            ending = len(data) - 22 <= at < len(data) - 18
            assert no.value.code == ("cut_short" if ending else "bad_bundle"), at
            assert "\n" not in str(no.value)


def test_cut_short_anywhere_it_is_refused(tmp_path: Path) -> None:
    data = zipped()
    for size in range(len(data)):
        with pytest.raises(Refused, match="cut_short"):
            opened(tmp_path, data[:size])


@pytest.mark.parametrize("odd", [b"\0", b"PK\5\6" + b"\0" * 18, b"more"])
def test_bytes_before_or_after_are_refused(tmp_path: Path, odd: bytes) -> None:
    with pytest.raises(Refused, match="bad_bundle"):
        opened(tmp_path, odd + zipped())
    with pytest.raises(Refused, match="bad_bundle" if odd.startswith(b"PK") else "cut_short"):
        opened(tmp_path, zipped() + odd)


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "answers\\01-a.json", "log/tile/../../x", "log/tile/0/..", "FORMAT.MD", "terms/é.json",
     "answers/", "a" * 300, "", "log/tile/0/000.p/..", "manifest.json\n", "verify.py/x", "terms/../verify.py"],
)  # fmt: skip
def test_a_name_that_has_no_place_in_a_bundle_is_refused(tmp_path: Path, name: str) -> None:
    assert not is_member_name(name)
    with pytest.raises(Refused, match="bad_bundle"):
        zipped({**FILES, name: b"x"})
    raw = zipped({**FILES, "readings.json": b"x"}).replace(b"readings.json", name.encode()[:13].ljust(13, b"_"))
    with pytest.raises(Refused, match="bad_bundle"):
        opened(tmp_path, raw)


def test_the_zips_of_other_programs_are_refused(tmp_path: Path) -> None:
    cases = (
        (ordinary(tmp_path, ("manifest.json", b"{}")), "mode 0644"),
        (ordinary(tmp_path, ("manifest.json", b"{}" * 999), compression=zipfile.ZIP_DEFLATED), "compressed"),
        (ordinary(tmp_path, ("manifest.json", b"\0" * 10_000_000), compression=zipfile.ZIP_DEFLATED), "compressed"),
    )
    for data, why in cases:
        with pytest.raises(Refused, match=why):
            opened(tmp_path, data)


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    data = zipped({**FILES, "terms/a-1.json": b"good", "terms/b-1.json": b"evil"})
    with pytest.raises(Refused, match="twice"):
        opened(tmp_path, data.replace(b"terms/b-1.json", b"terms/a-1.json"))


def test_marks_of_encryption_links_and_comments_are_refused(tmp_path: Path) -> None:
    data = zipped()
    at = data.index(b"PK\1\2")
    for offset, value, why in ((8, 1, "encrypted"), (10, 8, "compressed"), (38, 0o120777 << 16, "0644"), (32, 1, "not written")):
        size = 4 if offset == 38 else 2
        changed = data[: at + offset] + value.to_bytes(size, "little") + data[at + offset + size :]
        with pytest.raises(Refused, match=why):
            opened(tmp_path, changed)


def test_files_that_overlap_are_refused(tmp_path: Path) -> None:
    data = zipped()
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    changed = data[: second + 42] + (0).to_bytes(4, "little") + data[second + 46 :]
    with pytest.raises(Refused, match="begins at byte"):
        opened(tmp_path, changed)


def test_bytes_between_the_files_and_the_directory_are_refused(tmp_path: Path) -> None:
    data = zipped()
    at = data.index(b"PK\1\2")
    moved = bytearray(data[:at] + b"hidden" + data[at:])
    moved[-6:-2] = (at + 6).to_bytes(4, "little")
    with pytest.raises(Refused, match="no file accounts for"):
        opened(tmp_path, bytes(moved))


def test_another_local_header_than_the_directory_tells_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped())
    data[6] = 8  # a flag that `zipfile` would not look at
    with pytest.raises(Refused, match="not as the directory"):
        opened(tmp_path, bytes(data))


def test_huge_numbers_cost_nothing(tmp_path: Path) -> None:
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 0x32D, 45, 0, 0, 2**60, 2**60, 2**62, 2**62)
    for data, code in ((tail, "bad_bundle"), (wide + struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1) + tail, "over_limit")):
        with pytest.raises(Refused, match=code):
            opened(tmp_path, data)


def test_limits_are_kept_to_the_byte(tmp_path: Path) -> None:
    data = zipped()
    opened(tmp_path, data, max_bytes=len(data)).__exit__(None, None, None)
    with pytest.raises(Refused, match="over the limit"):
        opened(tmp_path, data, max_bytes=len(data) - 1)
    with opened(tmp_path, data) as found:
        assert found.read("FORMAT.md", 5) == b"words"
        with pytest.raises(Refused, match="over the limit"):
            found.read("FORMAT.md", 4)
        with pytest.raises(Refused, match="missing"):
            found.read("readings.json")


def test_many_files_are_written_as_zip64_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"manifest.json": b"{}", **{f"log/tile/0/x{n // 1000:03d}/{n % 1000:03d}": b"" for n in range(65_535)}}
    data = zipped(files)
    with opened(tmp_path, data) as found:
        assert len(found.members) == 65_536
    with zipfile.ZipFile(tmp_path / "b.zip") as other:
        assert len(other.namelist()) == 65_536
    monkeypatch.setattr(bundle, "MAX_MEMBERS", 65_535)
    with pytest.raises(Refused, match="a bundle has 1 to"):
        opened(tmp_path, data)


def test_sizes_beyond_four_gigabytes_have_their_zip64_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit lowered, the same code writes and reads the wide form."""
    monkeypatch.setattr(bundle, "_WIDE", 250)
    with opened(tmp_path, zipped()) as found:
        assert {name: found.read(name) for name in found.members} == FILES
        assert found.members["verify.py"].offset > 250


def test_no_file_and_a_directory_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(Refused, match="no_file"):
            Bundle(path)
