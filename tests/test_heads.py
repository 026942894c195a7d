"""A head is signed over bytes read again, and one key never signs two histories, however the ledger was copied."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, heads, merkle, open_ledger, tree
from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.headlock import HeadLock
from ledger.keys import make_key, origin_of, read_key, retire_key, write_key
from ledger.notes import COSIGNATURE, signer_from_seed
from ledger.policy import accept, parse_policy
from ledger.proofs import verify_receipt
from ledger.store import NewRow, open_store
from tests.conftest import Clock
from tests.story import CONTRACT

ROOT = Path(__file__).parents[1]
NOW = "2026-01-01T00:00:00Z"


def outages(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"specversion": "1.0", "id": f"o{n}", "source": "t", "type": "outage_started", "subject": "contract:C1",
         "data": {"outage": f"O{n}", "environment": "production", "effect": "no_access", "at": "2025-12-01T10:00:00Z"}}
        for n in range(first, first + count)
    ]  # fmt: skip


OPENING = {"specversion": "1.0", "id": "c1", "source": "t", "type": "contract_started", "subject": "contract:C1",
           "data": CONTRACT}  # fmt: skip


def again(path: Path) -> Any:
    return open_ledger(str(path), clock=Clock(NOW), create=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a ledger of about 600 entries, `book.db`, and its key, `k`."""
    with open_ledger(str(tmp_path / "book.db"), clock=Clock(NOW)) as book:
        book.record([OPENING, *outages(0, 590)])
        make_key(book, tmp_path / "k")
    return tmp_path


def copy(place: Path, name: str) -> Path:
    """The ledger as it stands, in another file."""
    with closing(sqlite3.connect(place / "book.db")) as source, closing(sqlite3.connect(place / name)) as target:
        source.backup(target)
    return place / name


def tamper(path: Path, *statements: str) -> None:
    """Somebody with the file takes the triggers away, writes what they like, and puts the triggers back."""
    with closing(sqlite3.connect(path)) as raw:
        triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            raw.execute(statement)
        for _, trigger in triggers:
            raw.execute(trigger)
        raw.commit()


def sign(place: Path, name: str = "book.db") -> bytes:
    with again(place / name) as book:
        return heads.sign_head(book, place / "k")


def grow(place: Path, name: str = "book.db", first: int = 1000, count: int = 5) -> int:
    with again(place / name) as book:
        book.record(outages(first, count))
        return int(book.position)


def refused(call: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as found:
        call()
    return found.value


def test_the_head_signed_is_that_of_every_entry(place: Path) -> None:
    signed = sign(place)
    with again(place / "book.db") as book:
        head = open_checkpoint(signed, [read_key(place / "k").verifier], origin_of(book.store))
        states = [row.state for row in book.store.read(1, 10_000)]
    assert head.size == len(states)
    assert head.root == merkle.root(merkle.leaf_hashes(states))
    assert (place / "k.head").read_bytes() == signed


def test_the_same_head_is_signed_once_and_a_grown_ledger_anew(place: Path) -> None:
    first = sign(place)
    written = (place / "k.head").stat()
    assert sign(place) == first
    assert (place / "k.head").stat().st_mtime_ns == written.st_mtime_ns
    last = grow(place)
    assert parse_checkpoint(sign(place)).size == last


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_a_ledger_that_grew_across_tiles_is_signed_again(place: Path, count: int) -> None:
    sign(place)
    assert parse_checkpoint(sign(place)).size < grow(place, count=count)
    sign(place)


def test_a_restored_older_copy_is_not_signed_even_once_it_has_grown_again(place: Path) -> None:
    older = copy(place, "older.db")
    grow(place)
    sign(place)
    no = refused(lambda: sign(place, older.name))
    assert no.code == "head_conflict"
    assert "missing here" in no.message
    grow(place, older.name, first=5000, count=50)
    no = refused(lambda: sign(place, older.name))
    assert no.code == "head_conflict"
    assert "another history" in no.message
    sign(place)


def test_a_copy_that_says_the_same_may_be_signed(place: Path) -> None:
    signed = sign(place)
    assert sign(place, copy(place, "same.db").name) == signed


def test_a_diverging_copy_of_the_same_size_is_not_signed(place: Path) -> None:
    other = copy(place, "other.db")
    grow(place, first=1000)
    grow(place, other.name, first=2000)
    sign(place, other.name)
    assert refused(lambda: sign(place)).code == "head_conflict"


RACER = """
import sys
from pathlib import Path
from ledger import Refused, heads, open_ledger
path, key = sys.argv[1:]
with open_ledger(path, create=False) as book:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        sys.stdout.write(heads.sign_head(book, key).decode())
    except Refused as no:
        print(no.code)
"""


def test_of_two_processes_racing_with_diverging_copies_one_signs(place: Path) -> None:
    copy(place, "other.db")
    grow(place, "book.db", first=1000, count=700)
    grow(place, "other.db", first=2000, count=700)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(place / name), str(place / "k")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for name in ("book.db", "other.db")
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [racer.communicate(timeout=30)[0] for racer in racers]
    assert sorted(text == "head_conflict\n" for text in told) == [False, True]
    (signed,) = [text for text in told if text != "head_conflict\n"]
    assert (place / "k.head").read_text() == signed


@pytest.mark.parametrize("forget", [False, True], ids=["counter kept", "counter forged"])
@pytest.mark.parametrize("signed_before", [False, True])
def test_a_tail_cut_off_is_found(place: Path, signed_before: bool, forget: bool) -> None:
    if signed_before:
        sign(place)
    forged = ["UPDATE sqlite_sequence SET seq = 560"] if forget else []
    tamper(place / "book.db", "DELETE FROM stored_events WHERE position > 560", *forged)
    if forget and not signed_before:  # above the last full tile, under no head: nobody can tell, but for the key's entry
        assert refused(lambda: sign(place)).code == "bad_key"
        return
    assert refused(lambda: sign(place)).code == ("head_conflict" if forget else "damaged_ledger")


def test_a_tail_cut_off_below_a_tile_is_found_though_no_head_was_signed(place: Path) -> None:
    tamper(place / "book.db", "DELETE FROM stored_events WHERE position > 500", "UPDATE sqlite_sequence SET seq = 500")
    with again(place / "book.db") as book:
        no = refused(lambda: heads.present_head(book.store, "o", book.position))
    assert no.code == "damaged_ledger"
    assert "beyond the last position 500" in no.message


FLIP = "UPDATE stored_events SET state = CAST(replace(CAST(state AS TEXT), 'no_access', 'no_login_') AS BLOB) WHERE position = {}"


@pytest.mark.parametrize("position", [10, 256, 257, 512])
def test_a_changed_byte_under_a_full_tile_is_found_with_its_position(place: Path, position: int) -> None:
    tamper(place / "book.db", FLIP.format(position))
    no = refused(lambda: sign(place))
    assert no.code == "damaged_ledger"
    assert f"position {position} " in no.message


@pytest.mark.parametrize("position", [513, 590])
def test_a_changed_byte_above_the_last_tile_is_found_once_a_head_covered_it(place: Path, position: int) -> None:
    sign(place)
    grow(place)
    tamper(place / "book.db", FLIP.format(position))
    no = refused(lambda: sign(place))
    assert no.code == "head_conflict"
    assert "was changed" in no.message


@pytest.mark.parametrize(
    "statement",
    ["UPDATE tree_tiles SET hashes = zeroblob(8192) WHERE id = 1", "UPDATE tree_tiles SET root = zeroblob(32) WHERE id = 1",
     "DELETE FROM tree_tiles WHERE id = 1", "DELETE FROM tree_tiles"],
)  # fmt: skip
def test_a_changed_or_missing_tile_is_found(place: Path, statement: str) -> None:
    tamper(place / "book.db", statement)
    assert refused(lambda: sign(place)).code == "damaged_ledger"


def test_two_ways_to_the_root_that_disagree_are_damage(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 65,536 entries on a higher tile can be wrong where every tile of leaves is right."""
    monkeypatch.setattr(tree, "root_at", lambda _store, _size: bytes(32))
    assert "another root" in refused(lambda: sign(place)).message


def test_an_entry_taken_out_of_the_middle_is_found_with_its_position(place: Path) -> None:
    tamper(place / "book.db", "DELETE FROM stored_events WHERE position = 300")
    no = refused(lambda: sign(place))
    assert no.code == "damaged_ledger"
    assert "300" in no.message


def test_a_missing_last_head_is_refused_and_any_signed_head_put_back_helps(place: Path) -> None:
    signed = sign(place)
    (place / "k.head").unlink()
    no = refused(lambda: sign(place))
    assert no.code == "head_conflict"
    assert "k.head is missing" in no.message
    (place / "k.head").write_bytes(signed)
    grow(place)
    sign(place)


def test_a_last_head_of_another_key_or_damaged_is_refused(place: Path) -> None:
    signed = sign(place)
    stranger = write_key(place / "s", parse_checkpoint(signed).origin)
    for head in (b"", signed[:-1], signed.replace(b"\n", b"\n\n", 1), sign_checkpoint(parse_checkpoint(signed), stranger)):
        (place / "k.head").write_bytes(head)
        assert refused(lambda: sign(place)).code == "bad_note"


def test_a_last_head_that_is_a_link_is_refused(place: Path) -> None:
    sign(place)
    (place / "k.head").rename(place / "elsewhere")
    (place / "k.head").symlink_to(place / "elsewhere")
    assert refused(lambda: sign(place)).code == "store_failed"


KILLED = """
import os, signal, sys
from ledger import heads, open_ledger
from ledger.headlock import HeadLock
put = HeadLock.put
def put_and_die(lock, head):
    put(lock, head)
    os.kill(os.getpid(), signal.SIGKILL)
HeadLock.put = put_and_die
with open_ledger(sys.argv[1], create=False) as book:
    print(heads.sign_head(book, sys.argv[2]))
"""


def test_a_kill_after_the_last_head_was_written_and_before_the_signature_left_does_no_harm(place: Path) -> None:
    grow(place)
    before = (place / "k.head").read_bytes()
    told = subprocess.run([sys.executable, "-c", KILLED, str(place / "book.db"), str(place / "k")], cwd=ROOT, capture_output=True, timeout=30)
    assert (told.returncode, told.stdout) == (-9, b"")
    written = (place / "k.head").read_bytes()
    assert written != before
    assert sign(place) == written
    grow(place, first=2000)
    sign(place)


def test_the_signature_leaves_only_after_the_last_head_is_on_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (place / "k.head").read_bytes()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert refused(lambda: sign(place)).code == "store_failed"
    monkeypatch.undo()
    assert (place / "k.head").read_bytes() == before
    assert not list(place.glob(".*tmp"))


def test_a_lock_held_by_another_is_waited_for_and_then_said(place: Path) -> None:
    with HeadLock(place / "k"), again(place / "book.db") as book:
        assert refused(lambda: heads.sign_head(book, place / "k", wait_seconds=0.05)).code == "locked"
    sign(place)


def test_a_key_of_another_ledger_unknown_to_this_one_or_retired_signs_nothing(place: Path) -> None:
    with open_ledger(str(place / "second.db"), clock=Clock(NOW)) as second:
        second.open()
        assert refused(lambda: heads.sign_head(second, place / "k")).code == "bad_key"
    with again(place / "book.db") as book:
        origin = origin_of(book.store)
        stranger = write_key(place / "s", origin)
        (place / "s.head").write_bytes(sign_checkpoint(Checkpoint(origin, 0, merkle.EMPTY_ROOT), stranger))
        assert refused(lambda: heads.sign_head(book, place / "s")).code == "bad_key"
        retire_key(book, read_key(place / "k").verifier, "moved")
    assert refused(lambda: sign(place)).code == "bad_key"


def test_a_second_ledger_under_the_same_name_is_not_signed_by_the_first_ones_key(place: Path) -> None:
    sign(place)
    with again(place / "book.db") as book:
        origin = origin_of(book.store)
    with open_ledger(str(place / "twin.db"), clock=Clock(NOW), origin=origin) as twin:
        twin.record([OPENING, *outages(0, 800)])
        assert refused(lambda: heads.sign_head(twin, place / "k")).code == "head_conflict"


def test_reading_again_gives_the_root_the_tree_gives(place: Path) -> None:
    with again(place / "book.db") as book:
        for size in (1, 255, 256, 257, 512, book.position):
            assert heads.reread(book.store, size) == tree.recomputed_root(book.store, size)


# --- receipts and proofs ---


def test_a_receipt_is_verified_by_whoever_has_the_entry_and_the_key(place: Path) -> None:
    early = sign(place)
    grow(place, count=300)
    late = sign(place)
    key = read_key(place / "k").verifier
    with again(place / "book.db") as book:
        for checkpoint in (early, late):
            size = parse_checkpoint(checkpoint).size
            for position in (1, 255, 256, 257, 512, 513, size):
                receipt = heads.receipt(book.store, position, checkpoint)
                row = book.store.read_at(position)
                assert verify_receipt(row.state, receipt, key).size == size
                assert refused(lambda row=row, receipt=receipt: verify_receipt(row.state + b" ", receipt, key)).code == "bad_proof"
        size = parse_checkpoint(early).size
        for position in (-1, 0, size + 1):
            assert refused(lambda position=position: heads.receipt(book.store, position, early)).code == "bad_position"


def test_no_receipt_leaves_a_ledger_that_contradicts_the_head(place: Path) -> None:
    signed = sign(place)
    tamper(copy(place, "changed.db"), FLIP.format(10))
    with again(place / "changed.db") as book:
        assert refused(lambda: heads.receipt(book.store, 10, signed)).code == "damaged_ledger"
    with open_ledger(str(place / "second.db"), clock=Clock(NOW)) as second:
        second.open()
        assert refused(lambda: heads.receipt(second.store, 1, signed)).code == "head_conflict"
        second.record([OPENING, *outages(0, 700)])
        assert refused(lambda: heads.receipt(second.store, 1, signed)).code == "head_conflict"


def test_receipts_under_heads_in_turn_are_those_a_ledger_just_opened_gives(place: Path) -> None:
    early = sign(place)
    grow(place, count=300)
    late = sign(place)
    asked = [(position, head) for position in (590, 1, 256, 257) for head in (early, late, early)]
    with again(place / "book.db") as book:
        given = [heads.receipt(book.store, position, head) for position, head in asked]
    for (position, head), receipt in zip(asked, given, strict=True):
        with again(place / "book.db") as book:
            assert heads.receipt(book.store, position, head) == receipt


def test_a_receipt_refused_for_a_damaged_tile_is_given_once_the_tile_is_put_back(place: Path) -> None:
    signed = sign(place)
    with again(place / "book.db") as book:
        whole = book.store.tile(0, 1)
        tamper(place / "book.db", "UPDATE tree_tiles SET hashes = zeroblob(8192) WHERE id = 1")
        assert refused(lambda: heads.receipt(book.store, 300, signed)).code == "damaged_ledger"
        tamper(place / "book.db", f"UPDATE tree_tiles SET hashes = x'{whole.hex()}' WHERE id = 1")
        assert heads.receipt(book.store, 300, signed)


def test_a_changed_tile_above_the_lowest_is_told_from_a_changed_entry(tmp_path: Path) -> None:
    states = [b"entry %d" % n for n in range(256 * 256 + 10)]
    key = signer_from_seed("t/log", b"k" * 32)
    path = tmp_path / "tall.db"
    with closing(open_store(str(path), create=True)) as store:
        with store.write() as transaction:
            at = transaction.insert([NewRow("contract:C1", n, "outage_started", state) for n, state in enumerate(states, 1)])
            tree.extend(transaction, at, states)
        signed = sign_checkpoint(Checkpoint(key.name, len(states), tree.root_at(store, len(states))), key)
        for position in (1, 300, 65_536, 65_537):
            assert verify_receipt(states[position - 1], heads.receipt(store, position, signed), key.verifier)
    tamper(path, "UPDATE tree_tiles SET hashes = zeroblob(8192) WHERE id = 1 << 48")
    with closing(open_store(str(path), create=False)) as store:
        no = refused(lambda: heads.receipt(store, 300, signed))
        assert (no.code, "a tile of the tree over position 300" in no.message) == ("damaged_ledger", True)
        assert heads.receipt(store, 65_537, signed)  # whose way to the root does not lead through it


def test_a_given_head_must_be_signed_by_a_key_of_the_ledger(place: Path) -> None:
    signed = sign(place)
    head = parse_checkpoint(signed)
    stranger = write_key(place / "s", head.origin)
    with again(place / "book.db") as book:
        assert heads.own_head(book, signed) == head
        assert refused(lambda: heads.own_head(book, sign_checkpoint(head, stranger))).code == "bad_note"
        forked = sign_checkpoint(Checkpoint(head.origin, head.size, bytes(32)), read_key(place / "k"))
        assert refused(lambda: heads.own_head(book, forked)).code == "head_conflict"
        ahead = sign_checkpoint(Checkpoint(head.origin, head.size + 1, bytes(32)), read_key(place / "k"))
        assert refused(lambda: heads.own_head(book, ahead)).code == "head_conflict"


@pytest.mark.parametrize("count", [0, 1, 300])
def test_an_extension_proves_that_a_later_head_continues_a_held_one(place: Path, count: int) -> None:
    held = sign(place)
    if count:
        grow(place, count=count)
    later = sign(place)
    keys = [read_key(place / "k").verifier]
    with again(place / "book.db") as book:
        proof = heads.extension(book.store, parse_checkpoint(held), later)
    assert heads.check_extension(proof, parse_checkpoint(held), keys) == (parse_checkpoint(later), later)


def test_an_extension_that_does_not_hold_is_refused(place: Path) -> None:
    held = parse_checkpoint(sign(place))
    grow(place)
    later = sign(place)
    key = read_key(place / "k").verifier
    with again(place / "book.db") as book:
        proof = heads.extension(book.store, held, later)
        other = Checkpoint(held.origin, held.size, bytes(32))
        assert refused(lambda: heads.extension(book.store, other, later)).code == "head_conflict"
        assert refused(lambda: heads.extension(book.store, parse_checkpoint(later), sign_checkpoint(held, read_key(place / "k")))).code == "head_conflict"
    lines = proof.split(b"\n")
    assert refused(lambda: heads.check_extension(proof, other, [key])).code == "bad_proof"
    assert refused(lambda: heads.check_extension(b"\n".join([lines[0], *lines[2:]]), held, [key])).code == "bad_proof"
    assert refused(lambda: heads.check_extension(b"\n".join([lines[0], b"x", *lines[2:]]), held, [key])).code == "bad_proof"
    assert refused(lambda: heads.check_extension(b"old 07\n" + b"\n".join(lines[1:]), held, [key])).code == "bad_proof"
    assert refused(lambda: heads.check_extension(later, held, [key])).code == "head_conflict"
    assert refused(lambda: heads.check_extension(proof, None, [key])).code == "head_conflict"
    assert refused(lambda: heads.check_extension(proof, held, [write_key(place / "s", key.name).verifier])).code == "bad_note"


def test_a_witness_cosigns_what_continues_the_last_head_it_saw_and_nothing_else(place: Path) -> None:
    first = sign(place)
    log = read_key(place / "k").verifier
    witness = write_key(place / "w", "witness.example", COSIGNATURE).verifier
    policy = parse_policy(f"log {log}\nwitness W {witness}\nquorum W\n".encode())
    cosigned = heads.cosign(place / "w", log, first, 1_767_225_600)
    assert accept(policy, cosigned).cosigned == ((witness, 1_767_225_600),)
    grow(place)
    later = sign(place)
    assert refused(lambda: heads.cosign(place / "w", log, later, 1_767_225_700)).code == "head_conflict"
    with again(place / "book.db") as book:
        proof = heads.extension(book.store, parse_checkpoint(first), later)
    assert accept(policy, heads.cosign(place / "w", log, proof, 1_767_225_700)).quorum_met
    assert refused(lambda: heads.cosign(place / "w", log, first, 1_767_225_800)).code == "head_conflict"
    head = parse_checkpoint(later)
    forked = sign_checkpoint(Checkpoint(head.origin, head.size, bytes(32)), read_key(place / "k"))
    assert refused(lambda: heads.cosign(place / "w", log, forked, 1_767_225_800)).code == "head_conflict"


def test_a_folder_copied_whole_takes_the_protection_with_it_and_signs_apart(place: Path, tmp_path_factory: Any) -> None:
    """What this cannot prevent, said in `ledger.headlock`: only somebody who holds both heads sees it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "all"
    copy(place, "other.db")
    shutil.copytree(place, elsewhere)
    grow(place, first=1000)
    grow(elsewhere, "other.db", first=2000)
    one, two = parse_checkpoint(sign(place)), parse_checkpoint(sign(elsewhere, "other.db"))
    assert (one.size, one.root != two.root) == (two.size, True)
    with again(place / "book.db") as book:
        assert refused(lambda: heads.proof_lines(book.store, two, one)).code == "head_conflict"
