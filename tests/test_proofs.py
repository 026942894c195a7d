"""Receipts: written and read the one right way, and refused wherever they stretch the truth."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint, merkle, notes, policy, proofs
from ledger.checkpoint import Checkpoint
from ledger.errors import Refused
from ledger.notes import COSIGNATURE
from ledger.proofs import Receipt

LOG = notes.signer_from_seed("example.org/log", bytes(32))
OTHER = notes.signer_from_seed("example.org/other", bytes(31) + b"o")
WITNESS = notes.signer_from_seed("example.org/witness", bytes(31) + b"w", COSIGNATURE)
ENTRIES = [b"entry %d" % i for i in range(11)]
LEAVES = merkle.leaf_hashes(ENTRIES)
TOP = merkle.root(LEAVES)
SIGNED = checkpoint.sign_checkpoint(Checkpoint(LOG.name, 11, TOP), LOG)


def node(level: int, index: int) -> bytes:
    return merkle.root(LEAVES[index << level : index + 1 << level])


def receipt(index: int = 6, **changes: Any) -> Receipt:
    fields = {"index": index, "path": tuple(merkle.inclusion_proof(index, 11, node)), "checkpoint": SIGNED}
    return Receipt(**(fields | changes))


GOOD = proofs.format_receipt(receipt())


def code(call: Any, *args: Any) -> str | None:
    try:
        call(*args)
    except Refused as no:
        return no.code if "\n" not in no.message else "a message of more than one line"
    return None


def test_a_receipt_is_written_line_by_line_as_the_standard_says() -> None:
    path = [b64encode(part).decode() for part in merkle.inclusion_proof(6, 11, node)]
    lines = ["c2sp.org/tlog-proof@v1", "index 6", *path, "", ""]
    assert "\n".join(lines).encode() + SIGNED == GOOD
    extra = proofs.format_receipt(receipt(extra=b"agev1"))
    assert extra.split(b"\n")[1:3] == [b"extra YWdldjE=", b"index 6"]


@pytest.mark.parametrize("index", range(11))
def test_every_entry_has_a_receipt_that_proves_it_and_no_other(index: int) -> None:
    data = proofs.format_receipt(receipt(index))
    assert proofs.parse_receipt(data) == receipt(index)
    assert proofs.verify_receipt(ENTRIES[index], data, LOG.verifier) == Checkpoint(LOG.name, 11, TOP)
    for other in range(11):
        if other != index:
            assert code(proofs.verify_receipt, ENTRIES[other], data, LOG.verifier) == "bad_proof"
            moved = data.replace(b"index %d\n" % index, b"index %d\n" % other)
            assert code(proofs.verify_receipt, ENTRIES[index], moved, LOG.verifier) == "bad_proof"


def test_the_only_entry_of_a_log_needs_no_hashes() -> None:
    head = checkpoint.sign_checkpoint(Checkpoint(LOG.name, 1, LEAVES[0]), LOG)
    data = proofs.format_receipt(Receipt(0, (), head))
    assert data == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + head
    assert proofs.verify_receipt(ENTRIES[0], data, LOG.verifier).size == 1
    assert code(proofs.verify_receipt, ENTRIES[1], data, LOG.verifier) == "bad_proof"


def test_a_receipt_under_another_key_or_of_another_log_is_refused() -> None:
    assert code(proofs.verify_receipt, ENTRIES[6], GOOD, OTHER.verifier) == "bad_note"
    stolen = notes.sign_note(Checkpoint(LOG.name, 11, TOP).text(), [OTHER])
    assert code(proofs.verify_receipt, ENTRIES[6], proofs.format_receipt(receipt(checkpoint=stolen)), OTHER.verifier) == "bad_note"


def test_a_receipt_whose_head_is_of_another_size_is_refused() -> None:
    shorter = checkpoint.sign_checkpoint(Checkpoint(LOG.name, 6, TOP), LOG)
    assert code(proofs.verify_receipt, ENTRIES[6], proofs.format_receipt(receipt(checkpoint=shorter)), LOG.verifier) == "bad_proof"
    empty = checkpoint.sign_checkpoint(Checkpoint(LOG.name, 0, merkle.EMPTY_ROOT), LOG)
    assert code(proofs.verify_receipt, ENTRIES[6], proofs.format_receipt(receipt(checkpoint=empty)), LOG.verifier) == "bad_proof"


def test_extra_data_proves_nothing_and_breaks_nothing() -> None:
    data = proofs.format_receipt(receipt(extra=bytes(range(256))))
    assert proofs.verify_receipt(ENTRIES[6], data, LOG.verifier).size == 11
    assert proofs.parse_receipt(data).extra == bytes(range(256))


def test_under_a_policy_the_witnesses_must_be_there_too() -> None:
    trust = policy.parse_policy(f"log {LOG.verifier}\nwitness w {WITNESS.verifier}\nquorum w\n".encode())
    assert code(proofs.verify_receipt, ENTRIES[6], GOOD, trust) == "no_quorum"
    seen = proofs.format_receipt(receipt(checkpoint=checkpoint.cosign_checkpoint(SIGNED, WITNESS, 5)))
    assert proofs.verify_receipt(ENTRIES[6], seen, trust).size == 11
    assert code(proofs.verify_receipt, ENTRIES[5], seen, trust) == "bad_proof"
    assert proofs.verify_receipt(ENTRIES[6], seen, LOG.verifier).size == 11


HASH = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 6",
        "\nc2sp.org/tlog-proof@v1\nindex 6",
        " c2sp.org/tlog-proof@v1\nindex 6",
        "c2sp.org/tlog-proof@v1\r\nindex 6",
        "c2sp.org/tlog-proof@v1\nindex",
        "c2sp.org/tlog-proof@v1\nindex ",
        "c2sp.org/tlog-proof@v1\nindex 06",
        "c2sp.org/tlog-proof@v1\nindex -6",
        "c2sp.org/tlog-proof@v1\nindex  6",
        "c2sp.org/tlog-proof@v1\nindex 6 ",
        "c2sp.org/tlog-proof@v1\nindex ٦",
        "c2sp.org/tlog-proof@v1\nindex " + "9" * 10_000,
        "c2sp.org/tlog-proof@v1\nextra\nindex 6",
        "c2sp.org/tlog-proof@v1\nextra \nindex 6",
        "c2sp.org/tlog-proof@v1\nextra YW\nindex 6",
        "c2sp.org/tlog-proof@v1\nextra YWdldjE=\nextra YWdldjE=\nindex 6",
        "c2sp.org/tlog-proof@v1\nextra YWdldjE=",
        "c2sp.org/tlog-proof@v1\nindex 6\nextra YWdldjE=",
        "c2sp.org/tlog-proof@v1\nindex 6\nAAAA",
        "c2sp.org/tlog-proof@v1\nindex 6\n" + HASH[:-1],
        "c2sp.org/tlog-proof@v1\nindex 6\n" + HASH[:-2] + "B=",
        "c2sp.org/tlog-proof@v1\nindex 6\n" + b64encode(bytes(33)).decode(),
        "c2sp.org/tlog-proof@v1\nindex 6" + f"\n{HASH}" * 64,
        "c2sp.org/tlog-proof@v1\nindex 6\n" + "A" * proofs.MAX_RECEIPT_BYTES,
    ],
)
def test_a_receipt_is_read_strictly(head: str) -> None:
    assert proofs.parse_receipt(b"c2sp.org/tlog-proof@v1\nindex 6" + f"\n{HASH}".encode() * 63 + b"\n\n" + SIGNED).index == 6
    assert code(proofs.parse_receipt, head.encode() + b"\n\n" + SIGNED) == "bad_proof"


def test_a_receipt_without_a_checkpoint_that_reads_is_refused() -> None:
    assert code(proofs.parse_receipt, GOOD[: GOOD.index(b"\n\n")]) == "bad_proof"
    assert code(proofs.parse_receipt, GOOD[: GOOD.index(b"\n\n") + 2]) == "bad_note"
    assert code(proofs.parse_receipt, GOOD[:-1]) == "bad_note"
    assert code(proofs.parse_receipt, GOOD + b"\n") == "bad_note"
    assert code(proofs.parse_receipt, GOOD.replace(b"\n11\n", b"\n011\n")) == "bad_note"


@pytest.mark.parametrize(("index", "path"), [(-1, ()), (10**19, ()), (6, (b"short",)), (6, (b"",)), (6, (bytes(32),) * 64)])
def test_what_would_not_read_back_is_never_written(index: int, path: tuple[bytes, ...]) -> None:
    assert code(proofs.format_receipt, Receipt(6, (bytes(32),) * 63, SIGNED)) is None
    assert code(proofs.format_receipt, Receipt(index, path, SIGNED)) in ("bad_proof", "bad_note")


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_receipt_with_any_byte_changed_is_refused(at: int, change: int) -> None:
    data = GOOD[:at] + bytes([GOOD[at] ^ change]) + GOOD[at + 1 :]
    assert code(proofs.verify_receipt, ENTRIES[6], data, LOG.verifier) in ("bad_proof", "bad_note")


@given(st.binary(max_size=100), st.integers(0, len(GOOD)), st.integers(0, 200))
def test_junk_is_refused_or_reads_back_as_itself(junk: bytes, at: int, cut: int) -> None:
    data = GOOD[:at] + junk + GOOD[at + cut :]
    try:
        read = proofs.parse_receipt(data)
    except Refused as no:
        assert no.code in ("bad_proof", "bad_note")  # noqa: PT017
    else:
        assert proofs.format_receipt(read) == data
