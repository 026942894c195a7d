"""Checkpoints read and written exactly, a real one of the Go checksum database among them."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint as heads
from ledger import notes
from ledger.checkpoint import Checkpoint
from ledger.errors import Refused
from ledger.merkle import EMPTY_ROOT
from ledger.notes import COSIGNATURE

VECTORS = Path(__file__).parents[2] / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the checkout")

# size 35,225,469 of sum.golang.org, as its server signed it (FiloSottile/torchwood, cmd/litewitness/testdata/sumdb.txt)
SUMDB_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB = """go.sum database tree
35225469
vt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=

— sum.golang.org Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uYOBV2KA2HgXpD+gu9HHONebHLAyaKbbTM75QTtPydhKCExixSfwQ=
""".encode()

LOG = notes.signer_from_seed("example.org/log", bytes(32))
OTHER = notes.signer_from_seed("example.org/other", bytes(31) + b"o")
WITNESS = notes.signer_from_seed("example.org/witness", bytes(31) + b"w", COSIGNATURE)
ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
HEAD = Checkpoint(LOG.name, 7, EMPTY_ROOT)


def code(call: Any, *args: Any) -> str | None:
    try:
        call(*args)
    except Refused as no:
        return no.code if "\n" not in no.message else "a message of more than one line"
    return None


def test_a_real_checkpoint_of_the_go_checksum_database_verifies() -> None:
    key = notes.parse_vkey(SUMDB_KEY)
    head = heads.open_checkpoint(SUMDB, [key], origin="go.sum database tree")
    assert head.size == 35_225_469
    assert b64encode(head.root).decode() == "vt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ="
    assert code(heads.open_checkpoint, SUMDB.replace(b"35225469", b"35225468"), [key], "go.sum database tree") == "bad_note"
    assert code(heads.open_checkpoint, SUMDB, [key]) == "bad_note"  # its origin is not the name of its key


def test_a_checkpoint_is_three_lines_and_reads_back() -> None:
    assert HEAD.text() == f"example.org/log\n7\n{ROOT}\n"
    assert heads.parse_text(HEAD.text()) == HEAD
    extended = Checkpoint(LOG.name, 0, EMPTY_ROOT, ("one", "two"))
    assert extended.text() == f"example.org/log\n0\n{ROOT}\none\ntwo\n"
    assert heads.parse_text(extended.text()) == extended


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"o\n1\n{ROOT}",
        f"o\n1\n{ROOT}\nx",
        f"o\n1\n{ROOT}\n\n",
        f"o\n1\n{ROOT}\nx\n\ny\n",
        f"\n1\n{ROOT}\n",
        "o\n1\n",
        f"o\n\n{ROOT}\n",
        f"o\n01\n{ROOT}\n",
        f"o\n00\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n1 \n{ROOT}\n",
        f"o\n1_0\n{ROOT}\n",
        f"o\n0x1\n{ROOT}\n",
        f"o\n\u0661\n{ROOT}\n",
        f"o\n{2**63}\n{ROOT}\n",
        f"o\n{'9' * 10_000}\n{ROOT}\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{ROOT[:-2]}V=\n",
        f"o\n1\n{ROOT} \n",
        f"o\n1\n {ROOT}\n",
        "o\n1\nAAAA\n",
        "o\n1\n" + b64encode(bytes(33)).decode() + "\n",
        "o\n1\n" + b64encode(bytes(31)).decode() + "\n",
        f"o\r\n1\r\n{ROOT}\r\n",
        f"o\to\n1\n{ROOT}\n",
    ],
)
def test_a_checkpoint_is_read_strictly(text: str) -> None:
    assert code(heads.parse_text, f"o\n{2**63 - 1}\n{ROOT}\n") is None
    assert code(heads.parse_text, text) == "bad_note"


@pytest.mark.parametrize(
    "head",
    [
        Checkpoint("", 1, EMPTY_ROOT),
        Checkpoint("a\nb", 1, EMPTY_ROOT),
        Checkpoint("a\n1\n" + ROOT, 1, EMPTY_ROOT),
        Checkpoint("a", -1, EMPTY_ROOT),
        Checkpoint("a", 2**63, EMPTY_ROOT),
        Checkpoint("a", 1, EMPTY_ROOT[1:]),
        Checkpoint("a", 1, EMPTY_ROOT, ("",)),
        Checkpoint("a", 1, EMPTY_ROOT, ("x\ny",)),
        Checkpoint("\ud800", 1, EMPTY_ROOT),
    ],
)
def test_what_would_not_read_back_is_never_written(head: Checkpoint) -> None:
    assert code(head.text) == "bad_note"


def test_a_log_signs_under_its_own_name_and_no_other() -> None:
    data = heads.sign_checkpoint(HEAD, LOG)
    assert heads.open_checkpoint(data, [LOG.verifier]) == HEAD
    assert heads.parse_checkpoint(data) == HEAD
    assert code(heads.sign_checkpoint, HEAD, OTHER) == "bad_key"
    assert code(heads.open_checkpoint, data, [OTHER.verifier]) == "bad_note"
    stranger = notes.sign_note(HEAD.text(), [OTHER])  # signed well, by the key of another log
    assert code(heads.open_checkpoint, stranger, [OTHER.verifier, LOG.verifier]) == "bad_note"
    assert code(heads.open_checkpoint, data, [LOG.verifier], "example.org/elsewhere") == "bad_note"


def test_a_signed_note_that_is_no_checkpoint_is_refused() -> None:
    data = notes.sign_note("example.org/log\nhello\n", [LOG])
    assert code(heads.open_checkpoint, data, [LOG.verifier]) == "bad_note"
    assert code(heads.cosign_checkpoint, data, WITNESS, 1) == "bad_note"


def test_a_witness_adds_its_line_and_changes_nothing_else() -> None:
    data = heads.sign_checkpoint(HEAD, LOG)
    cosigned = heads.cosign_checkpoint(data, WITNESS, 1_700_000_000)
    assert cosigned.startswith(data)
    assert heads.open_checkpoint(cosigned, [LOG.verifier, WITNESS.verifier]) == HEAD
    assert heads.open_checkpoint(cosigned, [LOG.verifier]) == HEAD


def test_the_example_of_the_cosignature_standard_reads() -> None:
    # C2SP tlog-cosignature, the example; its keys are not published, so nothing is verified
    data = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    ).encode()
    assert heads.parse_checkpoint(data).size == 20_852_163
    assert [s.signed_at for s in notes.parse_note(data).signatures] == [None, 1_679_315_147]


@needs_vectors
def test_the_tree_texts_of_go_agree() -> None:
    golden = json.loads((VECTORS / "golang-mod-sumdb" / "signed_note_cases.json").read_text())["tree_golden"]
    head = heads.parse_text(golden["text"])
    assert (head.origin, head.size, head.text()) == (golden["origin"], golden["n"], golden["text"])
    other, *bad = golden["bad"]
    assert heads.parse_text(other).origin != golden["origin"]  # the origin is for `open_checkpoint` to compare
    assert [code(heads.parse_text, text) for text in bad] == ["bad_note"] * 2


@needs_vectors
def test_the_shared_files_are_those_quoted_here() -> None:
    folder = VECTORS / "golang-mod-sumdb"
    assert (folder / "sum.golang.org-35225469.checkpoint").read_bytes() == SUMDB
    assert (folder / "sum.golang.org.vkey").read_text().strip() == SUMDB_KEY


line = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(line, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(line, max_size=3))
def test_every_checkpoint_reads_back(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    head = Checkpoint(origin, size, root, tuple(extensions))
    assert heads.parse_text(head.text()) == head


@given(st.text(max_size=100) | st.builds("{}\n{}\n{}\n".format, st.text(max_size=5), st.text("0123456789", max_size=22), st.just(ROOT)))
def test_junk_is_refused_or_reads_back_as_itself(junk: str) -> None:
    try:
        head = heads.parse_text(junk)
    except Refused as no:
        assert no.code == "bad_note"  # noqa: PT017
    else:
        assert head.text() == junk
