"""Whatever is given to verify: one line a check, a code of its own, an exit status, and no more memory than allowed."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import rfc8785

from ledger.errors import Refused
from ledger.merkle import Frontier, leaf_hash, leaf_hashes
from ledger.tiles import Tile
from replays import cli
from replays.bundle import FORMAT, MANIFEST, digest, write_bundle
from replays.commands.limits import memory_within

MEMORY_BYTES = 1 << 30
FIELDS: dict[str, Any] = {
    "format": FORMAT, "origin": "o", "ledger": "l", "contract": "C1", "first": "2026-01", "last": "2026-01",
    "known_at": None, "position": 1, "size": 1, "root": "x", "key": None, "software": "0", "tz": "t", "streams": {},
    "files": [],
}  # fmt: skip
ENTRY = (
    b'{"stream":"ledger","version":%d,"recorded_at":"2026-01-01T00:00:00Z","recorded_by":"o","source":"s","id":"i",'
    b'"salt":"00","event":%b}'
)
LEDGER_HEAD = b"SQLite format 3\0" + bytes(52) + b"SLdg" + bytes(28)


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    write_bundle(out, [(name, lambda data=data: [data], digest([data])) for name, data in files.items()])
    return out.getvalue()


def bundle(manifest: bytes) -> bytes:
    return zipped({MANIFEST: manifest})


def telling(**changed: Any) -> bytes:
    return rfc8785.dumps({**FIELDS, **changed})


def listing(files: dict[str, bytes], **changed: Any) -> bytes:
    """A bundle whose files are as its manifest lists them."""
    listed = [{"path": name, "bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in sorted(files.items())]
    return zipped({MANIFEST: telling(files=listed, **changed), **files})


def treed(states: list[bytes], **changed: Any) -> bytes:
    """A bundle of fewer than 256 entries with the right tree over them."""
    leaves = leaf_hashes(states)
    root = b64encode(Frontier().append(leaves).root()).decode()
    lines = b"".join(b"%d\t%b\n" % (n, state) for n, state in enumerate(states, 1))
    files = {"log/head": f"o\n{len(states)}\n{root}\n".encode(), "log/entries.tsv": lines,
             f"log/{Tile(0, 0, len(states)).path}": b"".join(leaves)}  # fmt: skip
    return listing(files, size=len(states), position=len(states), root=root, **changed)


def bomb() -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as made:
        made.writestr(MANIFEST, bytes(64 << 20))
    return out.getvalue()


def checkpoint(size: str) -> bytes:
    return f"o\n{size}\n{b64encode(bytes(32)).decode()}\n\n\N{EM DASH} o AAAAAAAA\n".encode()


MANY = telling().replace(b'"streams":{}', b'"streams":{%b}' % b",".join(b'"%x":1' % n for n in range(600_000)))
# what is in the file; the code of the refusal, or the check that fails and what it says
CASES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not_evidence: "),
    "words": (b"hello\n", "not_evidence: "),
    "another program's database": (b"SQLite format 3\0" + bytes(84), "not_a_ledger: "),
    "a ledger's first bytes": (LEDGER_HEAD, "container: damaged_ledger: "),
    "a ledger's first bytes, then noise": (LEDGER_HEAD + bytes(range(256)) * 40, "container: damaged_ledger: "),
    "a zip cut short": (zipped({MANIFEST: telling()})[:-1], "container: cut_short: "),
    "a zip's first bytes": (b"PK\3\4", "container: cut_short: "),
    "a zip bomb": (bomb(), "container: bad_bundle: 'manifest.json' is compressed"),
    "a million lists in each other": (bundle(b"[" * 1_000_000), "manifest: bad_bundle: manifest.json cannot be read"),
    "objects in each other": (bundle(b'{"streams":' + b'{"a":' * 500_000), "manifest: bad_bundle: "),
    "a number of a hundred thousand digits": (
        bundle(telling().replace(b'"size":1', b'"size":' + b"9" * 100_000)), "manifest: over_limit: "),
    "more entries than there is room for": (bundle(telling(size=2**53 - 1)), "manifest: over_limit: too few tiles"),
    "a number beyond JSON's": (
        bundle(telling(files=[{"path": "verify.py", "bytes": 1, "sha256": "0" * 64}]).replace(b'"bytes":1', b'"bytes":%d' % 2**60)),
        "manifest: over_limit: "),
    "more streams than a manifest holds": (bundle(MANY), "manifest: over_limit: manifest.json is "),
    "a line of 60 MB": (
        listing({"log/head": b"o\n1\n" + b64encode(leaf_hash(b"x")) + b"\n", "log/entries.tsv": b"1\t" + b"a" * (60 << 20) + b"\n",
                 f"log/{Tile(0, 0, 1).path}": leaf_hash(b"x")}, root=b64encode(leaf_hash(b"x")).decode()),
        "entries: a line of entries.tsv over 70000 bytes"),
    "an entry of lists in each other": (
        treed([ENTRY % (1, b'{"type":"later","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}")]), "entries: "),
}  # fmt: skip


def verified(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    status = cli.run(["verify", *words])
    told = capsys.readouterr()
    return status, (told.out + told.err).splitlines()


@pytest.fixture
def little_memory() -> Iterator[None]:
    """This process may grow by no more than the limit while the test runs."""
    with memory_within(MEMORY_BYTES):
        yield


@pytest.mark.parametrize("what", CASES)
@pytest.mark.usefixtures("little_memory")
def test_each_bad_file_is_refused_with_its_own_code(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, expected = CASES[what]
    (tmp_path / "given").write_bytes(data)
    status, lines = verified(capsys, str(tmp_path / "given"))
    assert status == (4 if expected.startswith("not_a_ledger") else 6)
    if ": " in expected.removesuffix(": ") or expected.startswith("entries"):
        failed = [line for line in lines if line.startswith("FAILED")]
        assert failed[0].startswith(f"FAILED       {expected}"), failed
        assert re.fullmatch(r"1 of 1 check FAILED|\d+ of \d+ checks FAILED", lines[-1])
    else:
        assert len(lines) == 1
        assert lines[0].startswith(f"service-ledger: {expected}")


def test_a_pipe_a_device_a_circle_of_links_and_a_closed_file_are_told_and_never_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "astray").symlink_to("nowhere")
    for name, code, status in (
        (str(tmp_path / "pipe"), "not_evidence", 6),
        ("/dev/zero", "not_evidence", 6),
        ("/dev/null", "not_evidence", 6),
        (str(tmp_path), "not_evidence", 6),
        (str(tmp_path / "circle"), "no_file", 2),
        (str(tmp_path / "astray"), "no_file", 2),
        ("/proc/self/mem", "no_file", 2),
    ):
        found, lines = verified(capsys, name)
        assert (found, len(lines)) == (status, 1), name
        assert lines[0].startswith(f"service-ledger: {code}: {name}: "), lines


@pytest.mark.usefixtures("little_memory")
def test_a_published_folder_of_links_pipes_and_huge_sizes_is_read_no_further_than_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, make, expected in (
        ("device", lambda to: to.symlink_to("/dev/zero"), "not_evidence: "),
        ("pipe", os.mkfifo, "not_evidence: "),
        ("folder", lambda to: to.mkdir(), "not_evidence: "),
        ("huge", lambda to: to.write_bytes(checkpoint("9223372036854775807")), "tiles: tile/0/000 is missing"),
        ("digits", lambda to: to.write_bytes(checkpoint("9" * 100_000)), "checkpoint: bad_note: "),
        ("empty", lambda to: to.write_bytes(b""), "checkpoint: bad_note: "),
    ):
        folder = tmp_path / name
        folder.mkdir()
        make(folder / "checkpoint")
        status, lines = verified(capsys, str(folder))
        assert status == 6
        assert [line for line in lines if line.startswith((f"FAILED       {expected}", f"service-ledger: {expected}"))], (name, lines)
    tile = tmp_path / "huge" / "tile" / "0" / "000"
    tile.parent.mkdir(parents=True)
    os.mkfifo(tile)
    assert "FAILED       tiles: tile/0/000 is missing (first bad position: 1)" in verified(capsys, str(tmp_path / "huge"))[1]


def test_a_bundle_that_wants_more_memory_than_allowed_fails_and_says_so(tmp_path: Path) -> None:
    """Lists in a correction take twenty times the memory of their bytes; the limit holds whatever the file says.

    In a process of its own: this one may hold free memory to take first.
    """
    event = b'{"type":"corrected","target":1,"data":{"x":[' + b",".join([b"[]"] * 21_000) + b']},"reason":"r"}'
    states = [ENTRY % (n, event) for n in range(1, 121)]
    path = tmp_path / "given"
    path.write_bytes(treed(states, streams={"ledger": len(states)}))
    verifying = f"""
from replays.commands.limits import memory_within
from replays.verify import verify
with memory_within(48 << 20):
    print(*verify({str(path)!r}).checks, sep="\\n")
"""
    told = subprocess.run([sys.executable, "-c", verifying], capture_output=True, text=True, check=True).stdout
    assert "FAILED       entries: over_limit: it takes more memory than the verifier allows" in told
    assert "not checked  answers: it rests on: entries" in told


def test_what_wants_more_memory_outside_a_check_is_refused() -> None:
    with pytest.raises(Refused, match="over_limit"), memory_within(64 << 20):
        bytearray(1 << 30)


def test_the_limit_on_memory_is_given_back() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with memory_within(8 << 30):
        assert resource.getrlimit(resource.RLIMIT_AS)[0] > 8 << 30  # beside what the process has already
    assert resource.getrlimit(resource.RLIMIT_AS) == before
