"""A second verifier of service-ledger bundles, which shares no line with the software that writes them.

Standard library and `cryptography` only; written from FORMAT.md, to be read by an expert in one sitting. It compares
every hash, header and signature, and recomputes no answer: for that there is `service-ledger verify`.
One line a check: ok, FAILED or not checked. Exit status 0 when nothing FAILED, 6 otherwise.

    python verify.py bundle.zip [--vkey NAME+ID+KEY] [--held CHECKPOINT-FILE]
"""

from __future__ import annotations

import json
import re
import struct
import sys
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

FORMAT = "service-ledger-bundle/1"
Skip, MOMENT = NotImplementedError, datetime.fromisoformat  # a check is skipped where there is nothing to check it by
canonical = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
NAME = re.compile(
    r"(manifest\.(json|note)|log/(checkpoint|head|entries\.tsv|tile/[0-9]+/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]+)?)"
    r"|proofs/(checkpoint-[0-9]+|consistency-[0-9]+-[0-9]+\.txt)|timestamps/[a-z0-9_-]+\.(tsr|txt)|readings\.json"
    r"|(terms|calendars)/[a-z0-9_-]+\.json|answers/[0-9]+-[a-z_]+\.json|report/report\.(en|fr)\.html|FORMAT\.md|verify\.py)"
)
FIELDS = "contract files first format key known_at last ledger origin position root size software streams tz".split()
ENTRY_FIELDS = "stream version recorded_at recorded_by source id attested_at salt event".split()
SKIPPED = dict.fromkeys(("witnesses", "answers", "statements", "dispute replays"), "needs the software")
NAMING = ("contract_started", "contract_registered", "service_assigned", "corrected")  # events that may name a service
# each check, and on how many of TREE it rests
TREE = ("container", "manifest", "files", "checkpoint", "tiles", "root", "entries", "canonical form")
TABLE = (
    ("container", 0), ("manifest", 1), ("manifest signature", 2), ("files", 2), ("checkpoint", 3), ("policy", 4),
    ("held head", 6), ("witnesses", 4), ("time stamps", 4), ("tiles", 3), ("root", 5), ("entries", 6),
    ("canonical form", 7), ("versions", 8), ("recorded_at", 8), ("terms and calendars", 8), ("answers", 8),
    ("statements", 8), ("dispute replays", 8), ("report", 3),
)  # fmt: skip


def bad_if(wrong: object, why: str) -> None:
    if wrong:
        raise ValueError(why)


def strict_json(data: bytes, sort: bool = False) -> Any:
    """JSON that reads back as the same bytes: no spaces, no name twice, no float, names sorted if asked (RFC 8785)."""
    value = json.loads(data, parse_float=str, parse_constant=str)  # a float comes back in quotes, and so differs
    bad_if(canonical(value, sort_keys=sort).encode() != data, "JSON not written the one way")
    return value


def signed_text(note: bytes, vkey: str, origin: str) -> str:
    """The text of a note which that key, `name+id+base64`, signed under the log's name (C2SP signed-note, Ed25519)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    name, key_id, rest = vkey.split("+", 2)
    key = b64decode(rest, validate=True)
    told = sha256(name.encode() + b"\n" + key).hexdigest()[:8]
    bad_if((name, len(key), key[0], told) != (origin, 33, 1, key_id), f"not an Ed25519 key of {origin}")
    text, _, lines = note.decode().rpartition("\n\n")
    for dash, signer, body in (line.split(" ") for line in lines.split("\n")[:-1]):
        raw = b64decode(body, validate=True)
        if (dash, signer, raw[:4].hex()) == ("\u2014", name, key_id):
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], f"{text}\n".encode())
            return f"{text}\n"
    raise ValueError(f"{name} did not sign it with that key")


def head_of(data: bytes) -> tuple[str, int, str]:
    """Origin, size and root of a head (C2SP tlog-checkpoint), signed or not."""
    text = data.decode()
    lines = (text.rpartition("\n\n")[0] + "\n" if "\n\n" in text else text).split("\n")
    bad_if(len(lines) < 4 or not all(lines[:-1]) or lines[-1] or str(int(lines[1])) != lines[1], "no checkpoint")
    return lines[0], int(lines[1]), lines[2]


def tree(hashes: list[bytes]) -> bytes:
    """The root over leaf hashes (RFC 6962): an odd last one rises as it is."""
    while len(hashes) > 1:
        odd = hashes[-1:] if len(hashes) % 2 else []
        hashes = [sha256(b"\1" + a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=False)] + odd
    return hashes[0] if hashes else sha256(b"").digest()


class Verifier:
    def __init__(self, file: BinaryIO, vkey: str | None = None, held: bytes | None = None) -> None:
        self.file, self.vkey, self.held, self.faults = file, vkey, held, dict[str, str]()
        self.last, self.frames, self.streams = dict[str, int](), dict[int, bytes](), {"ledger"}
        self.clock, self.results = MOMENT("0001-01-01T00:00:00Z"), dict.fromkeys([name for name, _ in TABLE], ("", ""))
        for name, needs in sorted(TABLE, key=lambda row: row[1]):
            bad = [need for need in TREE[:needs] if self.results[need][0] != "ok"]
            try:
                if bad or name in SKIPPED:
                    raise Skip(f"it rests on: {bad[0]}" if bad else SKIPPED[name])
                bad_if(name in self.faults, self.faults.get(name, ""))
                self.results[name] = ("ok", getattr(self, name.replace(" ", "_"), lambda: "as it should be")())
            except Skip as why:
                self.results[name] = ("not checked", str(why))
            except Exception as error:  # what a stranger wrote and cannot be read has failed
                self.results[name] = ("FAILED", " ".join(f"{type(error).__name__} {error}".split())[:200])

    def container(self) -> str:
        self.at: dict[str, tuple[int, int, int]] = {}  # found by `zipfile`; every header is written again and compared
        here, last, tail = 0, "", b""
        for info in zipfile.ZipFile(self.file).infolist():
            name, size = info.orig_filename, info.file_size
            bad_if(not NAME.fullmatch(name) or (name == "manifest.json") != (not last), f"{name[:60]!r} is misplaced")
            bad_if(last != "manifest.json" and name <= last, f"{name} stands twice, or out of order")
            told = (20, 0, 0, 0, 33, info.CRC, size, size, len(name), 0)
            local = struct.pack("<4s5H3I2H", b"PK\3\4", *told) + name.encode()
            bad_if(self.cut(here, len(local)) != local, f"{name} is not stored the one way")
            tail += struct.pack("<4s6H3I5H2I", b"PK\1\2", 0x314, *told, 0, 0, 0, 0o100644 << 16, here) + name.encode()
            self.at[name] = (here + len(local), size, info.CRC)
            here, last = here + len(local) + size, name
        count, size = len(self.at), len(tail)
        if count >= 0xFFFF:  # zip64, for many files; over 4 GiB this program gives up
            tail += struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 0x32D, 45, 0, 0, count, count, size, here)
            tail += struct.pack("<4sIQI", b"PK\6\7", 0, here + size, 1)
        tail += struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *[min(count, 0xFFFF)] * 2, size, here, 0)
        bad_if(self.cut(here, len(tail) + 1) != tail, "the end is not written the one way")
        return f"{count} files"

    def cut(self, at: int, size: int) -> bytes:
        self.file.seek(at)
        return self.file.read(size)

    def chunks(self, name: str) -> Iterator[bytes]:
        (at, size, told), crc = self.at[name], 0
        bad_if(size > 64 << 20 and name != "log/entries.tsv", f"{name} is too large")
        for start in range(at, at + size, 1 << 18):
            chunk = self.cut(start, min(1 << 18, at + size - start))
            crc = zlib.crc32(chunk, crc)
            yield chunk
        bad_if(crc != told, f"{name} is not the bytes its header tells of")

    def read(self, name: str) -> bytes:
        return b"".join(self.chunks(name))

    def manifest(self) -> str:
        self.raw = self.read("manifest.json")
        m = self.m = strict_json(self.raw, sort=True)
        paths = [path for _, path, _ in map(dict.values, m["files"])]
        good = list(m) == FIELDS and m["format"] == FORMAT and m["first"] <= m["last"] and paths == sorted(set(paths))
        bad_if(not good or not 0 < m["position"] <= m["size"] <= 256 * len(paths), "not a manifest of this format")
        return f"contract {m['contract']}, {m['first']} to {m['last']}"

    def manifest_signature(self) -> str:
        key = self.m["key"]
        if key is None and "manifest.note" not in self.at:
            raise Skip("the bundle is not signed")
        text = signed_text(self.read("manifest.note"), key, self.m["origin"])
        bad_if(text != f"{FORMAT}\n{sha256(self.raw).hexdigest()}\n", "another manifest was signed")
        bad_if(self.vkey not in (None, key), "signed by another key")
        if self.vkey is None:
            raise Skip("it verifies under the key the bundle itself names; whose that is, --vkey tells")
        return "signed by your key"

    def files(self) -> str:
        listed = {file["path"]: file for file in self.m["files"]}
        bad_if(set(listed) != set(self.at) - {"manifest.json", "manifest.note"}, "not the files that are listed")
        for path, told in listed.items():
            found = sha256()
            for chunk in self.chunks(path):
                found.update(chunk)
            bad_if((told["bytes"], told["sha256"]) != (self.at[path][1], found.hexdigest()), f"{path} is another file")
        return f"{len(listed)} files are as listed"

    def checkpoint(self) -> str:
        name = "log/head" if "log/head" in self.at else "log/checkpoint"
        self.head, told = self.read(name), (self.m["origin"], self.m["size"], self.m["root"])
        good = head_of(self.head) == told and (b"\n\n" in self.head) == ("log/checkpoint" in self.at)
        bad_if(not good, "not the head the manifest names, or both forms of it")
        return f"{self.m['size']} entries under the root {self.m['root']}"

    def policy(self) -> str:
        if self.vkey is None:
            raise Skip("give --vkey; a policy needs the software")
        signed_text(self.head, self.vkey, self.m["origin"])
        return "the head is signed by your key"

    def time_stamps(self) -> str:
        for name in [name for name in self.at if name.endswith(".tsr")]:
            told, over = self.read(name[:-3] + "txt"), sha256(self.head).digest()
            bad_if(told != f"{over.hex()}\n".encode() or over not in self.read(name), f"{name} is not over this head")
        raise Skip("who issued a token, `openssl ts -verify` tells")

    def tile(self, level: int, number: int) -> list[bytes]:
        width, groups, rest = min((self.m["size"] >> 8 * level) - number * 256, 256), f"{number % 1000:03d}", number
        while rest := rest // 1000:
            groups = f"x{rest % 1000:03d}/{groups}"
        data = self.read(f"log/tile/{level}/{groups}" + ("" if width == 256 else f".p/{width}"))
        bad_if(len(data) != width * 32, f"tile {number} of level {level} has another size")
        return [data[at : at + 32] for at in range(0, len(data), 32)]

    def tiles(self) -> str:
        count, below, level = 0, list[bytes](), 0
        while held := self.m["size"] >> 8 * level:
            tiles = [self.tile(level, number) for number in range(-(-held // 256))]
            bad_if(level and [one for hashes in tiles for one in hashes] != below, f"level {level} is wrong")
            below = [tree(hashes) for hashes in tiles if len(hashes) == 256]
            level, count = level + 1, count + len(tiles)
        bad_if(count != sum(name.startswith("log/tile/") for name in self.at), "a tile too many")
        return f"{count} tile{'s' * (count > 1)}, each hashed into the one above"

    def root_at(self, size: int) -> str:
        full, rest = size // 256, size % 256  # the hashes over whole tiles, then what is left of the last one
        hashes = [one for number in range(-(-full // 256)) for one in self.tile(1, number)][:full]
        return b64encode(tree(hashes + ([tree(self.tile(0, full)[:rest])] if rest else []))).decode()

    def root(self) -> str:
        bad_if(self.root_at(self.m["size"]) != self.m["root"], "the tiles have another root")
        return "the tiles have the root of the head"

    def held_head(self) -> str:
        names = [name for name in self.at if name.startswith("proofs/checkpoint-")]
        for data in [*map(self.read, names), *filter(None, [self.held])]:  # the tiles prove what the proofs would
            origin, size, root = head_of(data)
            good = origin == self.m["origin"] and size <= self.m["size"] and self.root_at(size) == root
            bad_if(not good, f"the log does not go on from the head of {size} entries of {origin}")
        if self.held is None:
            raise Skip("give --held")
        if self.vkey and b"\n\n" in self.held:
            signed_text(self.held, self.vkey, self.m["origin"])
        return "the log goes on from the head you held"

    def entries(self) -> str:
        at, size, _ = self.at["log/entries.tsv"]
        end, last, hashes, tile = at + size, 0, list[bytes](), -1
        while at < end:
            line, newline, _ = self.cut(at, min(70_000, end - at)).partition(b"\n")
            number, tab, entry = line.partition(b"\t")
            position = int(number)
            good = newline and tab and b"%d" % position == number and last < position <= self.m["size"]
            bad_if(not good, f"after position {last} comes no line of an entry")
            before, (tile, at_leaf) = tile, divmod(position - 1, 256)
            hashes = hashes if tile == before else self.tile(0, tile)
            bad_if(hashes[at_leaf] != sha256(b"\0" + entry).digest(), f"position {position} has another hash")
            self.entry(position, entry)
            at, last = at + len(line) + 1, position
        if self.m["streams"] != {stream: self.last.get(stream, 0) for stream in self.streams}:
            self.faults.setdefault("versions", "the entries do not end where the manifest says, or lack a stream")
        if self.m["known_at"] is None and self.m["position"] != self.m["size"]:
            self.faults.setdefault("recorded_at", "all is known, yet the answers stop before the last entry")
        return f"{sum(self.last.values())} entries have the hashes of their places"

    def entry(self, position: int, raw: bytes) -> None:
        m, own = self.m, f"contract:{self.m['contract']}"
        try:
            e = strict_json(raw)
            event, now, stream = e["event"], MOMENT(e["recorded_at"]), e["stream"]
            bad_if(list(e) != [f for f in ENTRY_FIELDS if f in e] or len(raw) > 65_535, "not an entry's fields")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self.faults.setdefault("canonical form", f"position {position}: {error}")
            return
        good = position > 1 or (event["ledger"], event["origin"]) == (m["ledger"], m["origin"])
        bad_if(not good or stream not in m["streams"], f"position {position} is of no stream or ledger of the manifest")
        if e["version"] != self.last.get(stream, 0) + 1:
            self.faults.setdefault("versions", f"position {position}: {stream} has a gap")
        known = m["known_at"] is None or now <= MOMENT(m["known_at"])
        if now < self.clock or known != (position <= m["position"]):
            self.faults.setdefault("recorded_at", f"position {position}: earlier than the one before, or wrongly known")
        self.last[stream], self.clock = e["version"], now
        if stream == own and event["type"] in NAMING:
            data = event["data"] if event["type"] == "corrected" else event
            named = [*data.get("services", []), *filter(None, [data.get("service")])]
            self.streams |= {own, *(f"service:{name}" for name in named)}
        if stream == "ledger" and event["type"] in ("terms_version_published", "calendar_published"):
            self.frames[position] = canonical(event.get("content", event)).encode()

    def terms_and_calendars(self) -> str:
        given = [json.loads(self.read(name)) for name in self.at if name.startswith("answers/")]
        relied = {position for answer in given for position in answer["because"]} & set(self.frames)
        names = [name for name in self.at if name.startswith(("terms/", "calendars/"))]
        shown = {int(name[:-5].rpartition("-")[2]): self.read(name) for name in names}
        bad_if(shown != {p: self.frames[p] for p in relied}, "a file is missing, or not as in the entry in force")
        return f"{len(names)} as in their entries"


def main(arguments: list[str]) -> int:
    options = dict(zip(arguments[1::2], arguments[2::2], strict=False))
    if len(arguments) % 2 == 0 or arguments[0] in ("-h", "--help") or not set(options) <= {"--vkey", "--held"}:
        sys.exit(__doc__)
    try:
        held = Path(options["--held"]).read_bytes() if "--held" in options else None
        results = Verifier(Path(arguments[0]).open("rb"), options.get("--vkey"), held).results  # noqa: SIM115
    except OSError as error:
        sys.exit(f"verify: {error.filename}: {error.strerror}")
    print(*(f"{state:<11}  {name}: {detail}" for name, (state, detail) in results.items()), sep="\n")  # noqa: T201
    return 6 if any(state == "FAILED" for state, _ in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
