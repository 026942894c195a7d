"""Verification finds each way to cheat by its own check, names the place, and says what it could not check."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.checkpoint import cosign_checkpoint
from ledger.errors import Refused
from ledger.merkle import leaf_hash
from ledger.notes import COSIGNATURE, parse_vkey, signer_from_seed
from ledger.policy import parse_policy
from ledger.tiles import ENTRIES, Tile, new_tiles, write_entries
from replays import cli
from replays.checks import Checks, Failed, NotChecked
from replays.checks_heads import Trust
from replays.export import hash_tile
from replays.verify import kind_of, lines, verify
from tests.bundles import KEY, ORIGIN, OTHER, Files, edited, export, head, make_ledger, pack, relisted, unpack

TRUST = Trust(keys=(KEY.verifier,))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("verify") / "book.db"
    make_ledger(path)
    return path


@pytest.fixture(scope="module")
def bundle(ledger: Path) -> Path:
    return export(ledger, ledger.with_name("bundle.zip"))


def failed(found: Any) -> set[str]:
    return {check.check for check in found.checks if check.state == "FAILED"}


def states(found: Any) -> dict[str, str]:
    return {check.check: check.state for check in found.checks}


# --- good ones ---


def test_a_good_bundle_verifies_with_the_key_alone(bundle: Path) -> None:
    found = verify(str(bundle), TRUST)
    assert found.holds, lines(found)
    assert found.exit_status == 0
    assert [name for name, state in states(found).items() if state == "not checked"] == [
        "held head", "witnesses", "time stamps",
    ]  # fmt: skip
    assert lines(found)[0].startswith("ok           container: ")
    assert any(line.startswith("cannot be checked: that entries shown as hashes only") for line in lines(found))


def test_without_trust_nothing_fails_and_the_signatures_stay_unchecked(bundle: Path) -> None:
    found = verify(str(bundle))
    assert found.holds
    assert states(found)["manifest signature"] == states(found)["policy"] == "not checked"


def test_an_unsigned_bundle_verifies_but_not_as_somebody_s(ledger: Path, tmp_path: Path) -> None:
    made = export(ledger, tmp_path / "u.zip", signed=False)
    assert verify(str(made)).holds
    assert failed(verify(str(made), TRUST)) == {"policy"}


def test_a_bundle_of_all_that_is_known_verifies(ledger: Path, tmp_path: Path) -> None:
    for number, change in enumerate(({"known_at": None}, {"switches": {"knowledge": "attested"}}, {"first": "2024-01"})):
        made = export(ledger, tmp_path / f"{number}.zip", **change)
        assert verify(str(made), TRUST).holds, lines(verify(str(made), TRUST))


def test_the_demo_contract_verifies_in_every_form(tmp_path: Path) -> None:
    from ledger.demo import DEMO, record_demo

    record_demo(str(tmp_path / "demo.db"))
    assert verify(str(tmp_path / "demo.db")).holds
    for contract in (DEMO["simulated_contract"], DEMO["real_contract"]):
        made = export(tmp_path / "demo.db", tmp_path / f"{contract}.zip", signed=False, contract=contract)
        assert verify(str(made)).holds, lines(verify(str(made)))


def test_a_held_head_is_compared_even_unsigned(ledger: Path, bundle: Path) -> None:
    with open_ledger(str(ledger), create=False) as book:
        held = [head(book, size) for size in (1, 256, 300, book.position)]
        strange, unsigned = head(book, 300, OTHER), held[2].partition(b"\n\n")[0] + b"\n"
    for one in (*held, unsigned):
        assert states(verify(str(bundle), Trust(keys=TRUST.keys, held=one)))["held head"] == "ok"
        assert states(verify(str(ledger), Trust(keys=TRUST.keys, held=one)))["held head"] == "ok"
    assert failed(verify(str(bundle), Trust(keys=TRUST.keys, held=strange))) == {"held head"}
    assert states(verify(str(bundle), Trust(held=strange)))["held head"] == "ok"  # whoever holds it knows from whom


# --- bad ones: what is altered, how it is packed again, which checks fail ---


def reroot(name: str) -> Callable[[Files], Files]:
    """One byte of a file flipped, and the manifest told and signed anew."""
    return lambda files: relisted(edited(files, name, lambda data: data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]))


def line_of(files: Files, number: int) -> bytes:
    return files["log/entries.tsv"].split(b"\n")[number] + b"\n"


def without_line(number: int) -> Callable[[Files], Files]:
    return lambda f: relisted(edited(f, "log/entries.tsv", lambda d: d.replace(line_of(f, number), b"")))


def swapped(files: Files) -> Files:
    first, second = line_of(files, 4), line_of(files, 5)
    return relisted(edited(files, "log/entries.tsv", lambda d: d.replace(first + second, second + first)))


def other_key(files: Files) -> Files:
    return relisted(files, OTHER, key=str(OTHER.verifier))


def answer_without(files: Files) -> Files:
    return relisted({name: data for name, data in files.items() if "breaches" not in name})


def altered(name: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    return lambda files: relisted(edited(files, name, lambda data: data.replace(old, new)))


def streams_without(files: Files) -> Files:
    """The service's entries left out, and the manifest silent of it."""
    kept = b"".join(line + b"\n" for line in files["log/entries.tsv"].splitlines() if b'"stream":"service:S1"' not in line)
    return relisted({**files, "log/entries.tsv": kept}, streams={"ledger": 3, "contract:C1": 5})


def last_left_out(files: Files) -> Files:
    lines_ = files["log/entries.tsv"].splitlines(keepends=True)
    return relisted({**files, "log/entries.tsv": b"".join(lines_[:-1])}, streams={"ledger": 3, "contract:C1": 5, "service:S1": 2})


ALTERATIONS: tuple[tuple[str, Callable[[Files], Files], set[str]], ...] = (
    ("an answer altered, not listed anew", lambda f: edited(f, "answers/02-availability.json", lambda d: d + b" "), {"files"}),
    ("an answer altered and signed", altered("answers/02-availability.json", b'"breach":true', b'"breach":false'), {"answers"}),
    ("an answer left out", answer_without, {"answers"}),
    ("a report that says otherwise", altered("report/report.en.html", b"BROKEN", b"kept"), {"report"}),
    ("terms altered", altered("terms/cegid-expert-2.json", b"99.5", b"95.5"), {"terms and calendars"}),
    ("a calendar altered", altered("calendars/fr-3.json", b"2026-05-01", b"2026-05-02"), {"terms and calendars"}),
    ("an entry altered", altered("log/entries.tsv", b"2026-02-10T13:00:00Z", b"2026-02-10T11:00:00Z"), {"entries"}),
    ("an entry left out", without_line(5), {"versions"}),
    ("the last entry left out", last_left_out, {"versions"}),
    ("a service left out", streams_without, {"versions"}),
    ("two entries swapped", swapped, {"entries"}),
    ("a leaf's hash altered", reroot("log/tile/0/000"), {"tiles"}),
    ("a hash in the last tile altered", reroot("log/tile/0/001.p/57"), {"root"}),
    ("a tile above altered", reroot("log/tile/1/000.p/1"), {"tiles"}),
    ("a tile left out", lambda f: relisted({n: d for n, d in f.items() if n != "log/tile/0/000"}), {"tiles"}),
    ("a tile too many", lambda f: relisted({**f, "log/tile/0/002": b"\0" * 8192}), {"tiles"}),
    ("another root in the manifest", lambda f: relisted(f, root="A" * 43 + "="), {"checkpoint"}),
    ("another size in the manifest", lambda f: relisted(f, size=312), {"checkpoint", "tiles"}),
    ("a size beyond all tiles", lambda f: relisted(f, size=2**50), {"manifest"}),
    ("another origin", lambda f: relisted(f, origin="other/log"), {"manifest signature", "checkpoint"}),
    ("another ledger's id", lambda f: relisted(f, ledger="0" * 32), {"entries"}),
    ("knowledge moved back", lambda f: relisted(f, position=308), {"recorded_at"}),
    ("knowledge moved on", lambda f: relisted(f, position=313), {"recorded_at"}),
    ("another instant of knowledge", lambda f: relisted(f, known_at="2026-02-01T00:00:00Z"), {"recorded_at"}),
    ("another period", lambda f: relisted(f, last="2026-02"), {"answers"}),
    ("another contract", lambda f: relisted(f, contract="C2"), {"versions"}),
    ("a manifest signed by another key", other_key, {"manifest signature"}),
    ("a manifest whose note is gone", lambda f: {n: d for n, d in f.items() if n != "manifest.note"}, {"manifest signature"}),
    ("a manifest with a space", lambda f: edited(f, "manifest.json", lambda d: d.replace(b":", b": ", 1)), {"manifest"}),
    ("a manifest with a field more", lambda f: relisted(f, more=1), {"manifest"}),
    ("a manifest of another format", lambda f: relisted(f, format="service-ledger-bundle/2"), {"manifest"}),
    ("a head signed by another key", lambda f: relisted({**f, "log/checkpoint": resigned(f)}), {"policy"}),
    ("both forms of a head", lambda f: relisted({**f, "log/head": f["log/checkpoint"].partition(b"\n\n")[0] + b"\n"}), {"checkpoint"}),
    ("an earlier head of another history", lambda f: relisted({**f, "proofs/checkpoint-200": strange_head(f)}), {"held head"}),
    ("a token over another head", lambda f: relisted({**f, "timestamps/a.tsr": b"x" * 99, "timestamps/a.txt": b"0" * 64 + b"\n"}), {"time stamps"}),
    ("readings that were not asked", altered("readings.json", b'"asked":{}', b'"asked":{"overlap":"sum"}'), {"answers"}),
    ("a reading told that was not in force", altered("readings.json", b'"overlap":"union"', b'"overlap":"sum"'), {"answers"}),
    ("a line that is no line", altered("log/entries.tsv", b"1\t", b"01\t"), {"entries"}),
    ("entries without their last newline", lambda f: relisted(edited(f, "log/entries.tsv", lambda d: d[:-1])), {"entries"}),
)  # fmt: skip


def resigned(files: Files) -> bytes:
    from ledger.checkpoint import parse_checkpoint, sign_checkpoint

    return sign_checkpoint(parse_checkpoint(files["log/checkpoint"]), OTHER)


def strange_head(files: Files) -> bytes:
    from ledger.checkpoint import Checkpoint, sign_checkpoint

    return sign_checkpoint(Checkpoint(ORIGIN, 200, b"\7" * 32), KEY)


@pytest.mark.parametrize(("alter", "expected"), [a[1:] for a in ALTERATIONS], ids=[a[0] for a in ALTERATIONS])
def test_each_alteration_fails_its_own_check(
    bundle: Path, tmp_path: Path, alter: Callable[[Files], Files], expected: set[str]
) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(pack(alter(unpack(bundle))))
    found = verify(str(bad), TRUST)
    assert failed(found) == expected, lines(found)
    assert found.exit_status == 6


def test_packing_the_same_files_again_gives_the_same_good_bundle(bundle: Path) -> None:
    files = unpack(bundle)
    assert pack(files) == pack(relisted(files)) == bundle.read_bytes()


def test_a_container_that_cannot_be_read_stops_every_other_check(bundle: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(bundle.read_bytes()[:-100])
    found = verify(str(cut), TRUST)
    assert failed(found) == {"container"}
    assert {check.state for check in found.checks[1:]} == {"not checked"}
    assert failed(verify(str(bundle), TRUST, max_bytes=1000)) == {"container"}


def test_the_first_bad_position_is_named(bundle: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(pack(altered("log/entries.tsv", b"2026-02-10T13:00:00Z", b"2026-02-10T11:00:00Z")(unpack(bundle))))
    (found,) = [check for check in verify(str(bad), TRUST).checks if check.state == "FAILED"]
    assert found.position == 307
    assert str(found).endswith("(first bad position: 307)")


# --- policies and witnesses ---


def test_a_quorum_of_witnesses_is_asked_for(ledger: Path, tmp_path: Path) -> None:
    witness = signer_from_seed("witness/one", b"w" * 32, COSIGNATURE)
    policy = parse_policy(f"log {KEY.verifier}\nwitness w1 {witness.verifier}\nquorum w1\n".encode())
    with open_ledger(str(ledger), create=False) as book:
        plain = head(book)
    cosigned = cosign_checkpoint(plain, witness, 1_775_000_000)
    good = verify(str(export(ledger, tmp_path / "w.zip", checkpoint=cosigned)), Trust(policy=policy))
    assert good.holds
    assert states(good)["witnesses"] == states(good)["policy"] == "ok"
    assert failed(verify(str(export(ledger, tmp_path / "p.zip", checkpoint=plain)), Trust(policy=policy))) == {"witnesses"}


def test_a_time_stamp_is_verified_against_the_roots_one_brings(ledger: Path, tmp_path: Path) -> None:
    from ledger.timestamps import request
    from tests.test_timestamps import Authority

    authority, stranger = (Authority(tmp_path / name) for name in ("a", "b"))
    with open_ledger(str(ledger), create=False) as book:
        signed = head(book)
    made = str(export(ledger, tmp_path / "t.zip", checkpoint=signed, stamps={"01": authority.answer(request(signed))}))
    assert states(verify(made, TRUST))["time stamps"] == "not checked"
    assert states(verify(made, Trust(keys=TRUST.keys, roots=authority.roots)))["time stamps"] == "ok"
    assert failed(verify(made, Trust(keys=TRUST.keys, roots=stranger.roots))) == {"time stamps"}


# --- ledgers ---


def tampered(ledger: Path, path: Path, *statements: str) -> Path:
    """A copy whose guards were taken off, changed, and put back."""
    shutil.copy(ledger, path)
    with sqlite3.connect(path) as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in guards:
            connection.execute(sql)
    return path


STATE = "UPDATE stored_events SET state = CAST(replace(CAST(state AS TEXT), '{}', '{}') AS BLOB) WHERE position = {}"
CHEATS: tuple[tuple[str, str, set[str], int | None], ...] = (
    ("an entry altered", STATE.format("13:00:00Z", "11:00:00Z", 307), {"held head"}, None),
    ("an entry under a full tile altered", STATE.format("O10", "O11", 6), {"tiles"}, 6),
    ("a space added", STATE.format('"version":', '"version": ', 307), {"canonical form"}, 307),
    ("an index column altered", "UPDATE stored_events SET topic = 'outage_ended' WHERE position = 306", {"columns"}, 306),
    ("a stream column altered", "UPDATE stored_events SET originator_id = 'contract:C8' WHERE position = 307", {"columns"}, 307),
    ("a version altered", STATE.format('"version":2', '"version":7', 306), {"columns", "versions"}, 306),
    ("an entry back-dated", STATE.format('"recorded_at":"2026-05-01', '"recorded_at":"2026-01-01', 310), {"recorded_at"}, 310),
    ("an entry that is none", "UPDATE stored_events SET state = x'7b7d' WHERE position = 307", {"canonical form", "columns"}, 307),
    ("a hash of the tree altered", "UPDATE tree_tiles SET hashes = zeroblob(8192)", {"tiles"}, 1),
    ("a root of the tree altered", "UPDATE tree_tiles SET root = zeroblob(32)", {"tiles"}, 1),
    ("an entry in the middle removed", "DELETE FROM stored_events WHERE position = 100", {"entries"}, None),
    ("the last entry cut off", "DELETE FROM stored_events WHERE position = 313", {"container"}, None),
    ("an entry deeper than can be read", "UPDATE stored_events SET state = CAST(replace(hex(zeroblob(30000)), '0', '[') AS BLOB) WHERE position = 307", {"canonical form", "columns"}, 307),
)  # fmt: skip


def test_a_good_ledger_verifies(ledger: Path) -> None:
    found = verify(str(ledger))
    assert found.holds
    assert found.kind == "ledger"
    assert states(found)["answers"] == "not checked"


@pytest.mark.parametrize(("statement", "expected", "position"), [c[1:] for c in CHEATS], ids=[c[0] for c in CHEATS])
def test_each_way_to_change_a_ledger_is_found(
    ledger: Path, tmp_path: Path, statement: str, expected: set[str], position: int | None
) -> None:
    with open_ledger(str(ledger), create=False) as book:
        held = head(book)
    found = verify(str(tampered(ledger, tmp_path / "bad.db", statement)), Trust(held=held))
    assert expected <= failed(found), lines(found)
    if position is not None:
        assert next(c.position for c in found.checks if c.check in expected and c.state == "FAILED") == position


def test_a_rewritten_tail_is_found_by_a_held_head_only(ledger: Path, tmp_path: Path) -> None:
    """Above the last full tile no hash is stored: what no head covers can be rewritten, and is said so."""
    with open_ledger(str(ledger), create=False) as book:
        held = head(book)
    bad = tampered(ledger, tmp_path / "bad.db", STATE.format("13:00:00Z", "11:00:00Z", 307))
    assert verify(str(bad)).holds
    assert failed(verify(str(bad), Trust(held=held))) == {"held head"}


def test_an_older_copy_is_behind_the_held_head(ledger: Path, tmp_path: Path) -> None:
    shutil.copy(ledger, tmp_path / "old.db")
    with open_ledger(str(ledger), create=False) as book:
        size = book.position
        held = head(book).replace(f"\n{size}\n".encode(), f"\n{size + 1}\n".encode())
    found = verify(str(tmp_path / "old.db"), Trust(held=held))
    assert failed(found) == {"held head"}
    assert next(check.position for check in found.checks if check.check == "held head") == size + 1


def test_entries_of_old_formats_and_of_unknown_types_are_canonical_as_they_stand() -> None:
    from replays.checks_entries import CANONICAL, EntryAudit

    base = ('{"stream":"contract:C1","version":1,"recorded_at":"2026-01-01T00:00:00Z","recorded_by":"t","source":"s",'
            '"id":"i","salt":"00","event":%s}')  # fmt: skip
    good = ('{"type":"backup_purged","backup":"B1","purged_at":"2026-01-01T00:00:00Z"}', '{"type":"from_tomorrow","x":[1,"é"]}')
    bad = ('{"type":"from_tomorrow","x":1.5}', '{"type":"from_tomorrow","x": 1}', '{"type":"from_tomorrow","x":1,"x":2}',
           '{"type":"outage_started","x":1}', '{"x":1,"type":"from_tomorrow"}', '{"type":"from_tomorrow","x":"\\u00e9"}',
           '{"type":["list"]}', "[]", '{"type":"from_tomorrow","x":NaN}')  # fmt: skip
    for event, is_good in [*((e, True) for e in good), *((e, False) for e in bad)]:
        audit = EntryAudit()
        audit.page([1], [(base % event).encode()])
        if is_good:
            assert audit.result(CANONICAL, "fine") == "fine", event
        else:
            with pytest.raises(Failed):
                audit.result(CANONICAL, "fine")


def test_the_clock_is_held_against_the_page_before() -> None:
    from replays.checks_entries import CLOCK, EntryAudit

    base = ('{"stream":"contract:C1","version":%d,"recorded_at":"2026-01-01T00:00:0%dZ","recorded_by":"t","source":"s",'
            '"id":"i%d","salt":"00","event":{"type":"outage_ended","outage":"O","at":"2026-01-01T00:00:00Z"}}')  # fmt: skip
    for second, is_good in ((4, False), (5, True), (6, True)):
        audit = EntryAudit()
        audit.page([1], [(base % (1, 5, 1)).encode()])
        audit.page([2], [(base % (2, second, 2)).encode()])
        if is_good:
            assert audit.result(CLOCK, "fine") == "fine"
        else:
            with pytest.raises(Failed):
                audit.result(CLOCK, "fine")


def test_a_head_of_another_log_is_not_taken_for_this_one_s(ledger: Path, bundle: Path) -> None:
    with open_ledger(str(ledger), create=False) as book:
        held = head(book, 300).replace(ORIGIN.encode(), b"other/log")
    assert failed(verify(str(bundle), Trust(held=held))) == {"held head"}


def test_entries_cut_at_other_places_are_not_taken_for_entries() -> None:
    """Rows whose bytes only together make canonical entries: a comma as good as a row's end."""
    from replays.checks_entries import CANONICAL, EntryAudit

    base = ('{"stream":"contract:C1","version":%d,"recorded_at":"2026-01-01T00:00:00Z","recorded_by":"t","source":"s",'
            '"id":"i%d","salt":"00","event":{"type":"outage_ended","outage":"O","at":"2026-01-01T00:00:00Z"}}')  # fmt: skip
    first, second, third = ((base % (n, n)).encode() for n in (1, 2, 3))
    cut = first.index(b',"version"')
    audit = EntryAudit()
    audit.page([1, 2, 3], [first[:cut], first[cut + 1 :], second + b"," + third])
    with pytest.raises(Failed):
        audit.result(CANONICAL, "fine")


# --- published logs ---


@pytest.fixture
def published(ledger: Path, tmp_path: Path) -> Path:
    """The static files of C2SP tlog-tiles, written here."""
    out = tmp_path / "log"
    with open_ledger(str(ledger), create=False) as book:
        for tile in new_tiles(0, book.position):
            path = out / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if tile.level == ENTRIES:
                rows = book.store.read(tile.number * 256 + 1, tile.width)
                path.write_bytes(write_entries([row.state for row in rows]))
            else:
                path.write_bytes(hash_tile(book.store, tile))
        (out / "checkpoint").write_bytes(head(book))
    return out


def test_a_published_log_verifies(published: Path, ledger: Path) -> None:
    with open_ledger(str(ledger), create=False) as book:
        held = head(book, 300)
    found = verify(str(published), Trust(keys=TRUST.keys, held=held))
    assert found.holds, lines(found)
    assert states(found)["held head"] == states(found)["entries"] == states(found)["policy"] == "ok"


def test_a_log_published_as_hashes_only_says_what_it_could_not_check(published: Path) -> None:
    shutil.rmtree(published / "tile" / "entries")
    found = verify(str(published), TRUST)
    assert found.holds
    assert states(found)["entries"] == states(found)["versions"] == "not checked"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("checkpoint", "checkpoint"), ("tile/0/000", "tiles"), ("tile/0/001.p/57", "root"), ("tile/1/000.p/1", "tiles"),
     ("tile/entries/000", "entries"), ("tile/entries/001.p/57", "entries")],
)  # fmt: skip
def test_a_published_file_altered_cut_or_gone_is_found(published: Path, path: str, expected: str) -> None:
    file = published / path
    whole = file.read_bytes()
    for changed in (whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:], whole[:-1], b"", whole + b"\0", None):
        if changed is None:
            file.unlink()
            if path == "checkpoint":
                with pytest.raises(Refused, match="not_evidence"):
                    verify(str(published), TRUST)
                return
        else:
            file.write_bytes(changed)
        found = failed(verify(str(published), TRUST))
        assert expected in found or found == {"tiles" if path.startswith("tile/0") else "policy"}, (path, found)


def test_a_partial_tile_may_have_given_way_to_the_full_one(published: Path) -> None:
    partial = published / Tile(0, 1, 57).path
    (published / Tile(0, 1).path).write_bytes(partial.read_bytes() + leaf_hash(b"later") * (256 - 57))
    partial.unlink()
    assert verify(str(published), TRUST).holds


# --- kinds, doors, lines ---


def test_kinds_are_told_by_content(ledger: Path, bundle: Path, published: Path, tmp_path: Path) -> None:
    assert [kind_of(str(path)) for path in (ledger, bundle, published)] == ["ledger", "bundle", "published"]
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").touch()
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    for name, code in (("text", "not_evidence"), ("empty", "not_evidence"), ("other.db", "not_a_ledger"), ("none", "no_file"), ("", "not_evidence"), ("a\0b", "no_file")):
        with pytest.raises(Refused) as no:
            verify(str(tmp_path / name))
        assert no.value.code == code, name


def test_the_command_prints_a_line_a_check_and_exits_by_the_verdict(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["verify", str(bundle), "--vkey", str(KEY.verifier)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing failed; 17 checks ok"
    assert cli.run(["verify", str(bundle), "--vkey", str(OTHER.verifier), "--json"]) == 6
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "failed"
    assert {check["check"] for check in told["checks"] if check["state"] == "FAILED"} == {"manifest signature", "policy"}
    (tmp_path / "bad").write_bytes(b"PK")
    assert cli.run(["verify", str(tmp_path / "bad")]) == 6
    assert "FAILED       container: cut_short: " in capsys.readouterr().out
    assert cli.run(["verify", str(tmp_path / "none")]) == 2
    assert cli.run(["verify", str(bundle), "--held", str(bundle)]) == 6 if bundle.stat().st_size < 1 << 20 else 2


def test_export_on_the_command_line_signs_and_verifies(ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(ledger, copy)
    assert cli.run(["key", "new", str(tmp_path / "k"), "-L", str(copy)]) == 0
    vkey = capsys.readouterr().out.strip()
    parse_vkey(vkey)
    out = tmp_path / "b.zip"
    words = ["export", "-L", str(copy), "--contract", "C1", "--from", "2026-01", "--to", "2026-02", "--key", str(tmp_path / "k")]
    assert cli.run([*words, "-o", str(out)]) == 0
    assert cli.run(["verify", str(out), "--vkey", vkey]) == 0
    capsys.readouterr()
    assert cli.run([*words, "-o", str(out)]) == 2  # never over a file that is there
    assert capsys.readouterr().err == f"service-ledger: file_exists: {out} is there already; name another\n"
    assert cli.run([*words, "-o", str(tmp_path / "again.zip")]) == 0
    assert (tmp_path / "again.zip").read_bytes() == out.read_bytes()


def test_a_check_that_stumbles_has_failed_and_one_that_rests_on_it_is_not_done() -> None:
    def stumble() -> str:
        return str([][1])

    def skip() -> str:
        raise NotChecked("nothing to check it by")

    checks = Checks()
    assert not checks.run("a", stumble)
    assert not checks.run("b", lambda: "fine", ("a",))
    assert not checks.run("c", lambda: "fine", ("b",))
    assert not checks.run("d", skip)
    assert checks.run("e", lambda: "two\nlines", ("d",))
    assert [check.state for check in checks.found] == ["FAILED", "not checked", "not checked", "not checked", "ok"]
    assert checks.found[-1].detail == "two lines"
