"""Signed notes and keys against the published cases of Go's sumdb/note, and against every known way to cheat with them."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import notes
from ledger.errors import Refused
from ledger.notes import COSIGNATURE, ED25519, Note, Signature, VerifierKey

VECTORS = Path(__file__).parents[2] / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the checkout")

# the published test keys and signatures of golang.org/x/mod, sumdb/note/note_test.go
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCH_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"

LOG = notes.signer_from_seed("example.org/log", bytes(32))
WITNESS = notes.signer_from_seed("example.org/witness", bytes(31) + b"w", COSIGNATURE)
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493  # the order of the group (RFC 8032, section 5.1)


def code(call: Any, *args: Any) -> str | None:
    try:
        call(*args)
    except Refused as no:
        return no.code if "\n" not in no.message else "a message of more than one line"
    return None


def note_of(*lines: str, text: str = TEXT) -> bytes:
    return (text + "\n" + "".join(lines)).encode()


def keys(*texts: str) -> list[VerifierKey]:
    return [notes.parse_vkey(text) for text in texts]


def test_a_key_is_read_and_written_the_same_both_halves() -> None:
    assert str(notes.parse_vkey(PETER)) == PETER
    signer = notes.parse_signer(PETER_PRIVATE)
    assert signer.text() == PETER_PRIVATE
    assert str(signer.verifier) == PETER
    assert notes.parse_signer(WITNESS.text()) == WITNESS
    assert notes.parse_vkey(str(WITNESS.verifier)).kind == COSIGNATURE


def test_signing_is_deterministic_and_gives_the_published_bytes() -> None:
    assert notes.sign_note(TEXT, [notes.parse_signer(PETER_PRIVATE)]) == note_of(PETER_LINE)


def test_a_private_key_shown_shows_no_secret() -> None:
    signer = notes.parse_signer(PETER_PRIVATE)
    assert "gQoUA" not in repr(signer) + str(signer)
    assert signer.seed.hex() not in repr(signer)
    assert signer.__rich_repr__() == [("name", "PeterNeumann")]


def test_signatures_of_unknown_keys_are_kept_and_prove_nothing() -> None:
    opened = notes.open_note(note_of(PETER_LINE, ENOCH_LINE), keys(PETER))
    assert opened.text == TEXT
    assert [key.name for key, _ in opened.verified] == ["PeterNeumann"]
    assert [signature.name for signature in opened.unknown] == ["EnochRoot"]
    both = notes.open_note(note_of(PETER_LINE, ENOCH_LINE), keys(ENOCH, PETER))
    assert [key.name for key, _ in both.verified] == ["PeterNeumann", "EnochRoot"]
    assert code(notes.open_note, note_of(PETER_LINE, ENOCH_LINE), []) == "bad_note"


def test_a_line_twice_counts_once() -> None:
    opened = notes.open_note(note_of(PETER_LINE, PETER_LINE, ENOCH_LINE, ENOCH_LINE), keys(PETER))
    assert (len(opened.verified), len(opened.unknown)) == (1, 1)


def test_a_bad_signature_of_a_known_key_refuses_the_note_even_beside_a_good_one() -> None:
    bad = PETER_LINE.replace("SffcvI", "SffcvJ")
    assert code(notes.open_note, note_of(bad), keys(PETER)) == "bad_note"
    assert code(notes.open_note, note_of(PETER_LINE, bad), keys(PETER)) == "bad_note"
    assert code(notes.open_note, note_of(PETER_LINE, text=TEXT + "x\n"), keys(PETER)) == "bad_note"


def test_two_keys_that_one_signature_could_mean_are_refused() -> None:
    assert code(notes.open_note, note_of(ENOCH_LINE), keys(ENOCH, PETER, ENOCH)) == "bad_key"


MALFORMED = {
    "the text alone": TEXT.encode(),
    "no signature": (TEXT + "\n").encode(),
    "no last newline": note_of(PETER_LINE)[:-1],
    "nothing": b"",
    "a blank line": b"\n\n",
    "a control character": b"\x01" + note_of(PETER_LINE),
    "a tab": note_of(PETER_LINE, text="a\tb\n"),
    "a carriage return": note_of(PETER_LINE).replace(b"\n", b"\r\n"),
    "no UTF-8": b"\xff" + note_of(PETER_LINE),
    "a surrogate in UTF-8": b"\xed\xa0\x80" + note_of(PETER_LINE),
    "another line after": note_of(PETER_LINE, "Unexpected line.\n"),
    "a space in the name": note_of(PETER_LINE.replace("Peter", "Peter ")),
    "a space of another script in the name": note_of(PETER_LINE.replace("Peter", "Peter\u2003")),
    "a plus sign in the name": note_of(PETER_LINE.replace("Peter", "Peter+")),
    "no name": note_of(PETER_LINE.replace("PeterNeumann", "")),
    "a hyphen for the dash": note_of(PETER_LINE.replace("—", "-")),
    "base64 without padding": note_of(PETER_LINE.replace("=", "")),
    "base64 with a spare bit": note_of(PETER_LINE.replace("nAM=", "nAN=")),
    "base64 of the URL kind": note_of(PETER_LINE.replace("/", "_")),
    "a key id and no signature": note_of("— PeterNeumann x08gow==\n"),
    "101 signatures": note_of(*[PETER_LINE] * 101),
    "over a mebibyte": note_of(PETER_LINE, text="x" * (1 << 20) + "\n"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_note_is_read_strictly(case: str) -> None:
    assert code(notes.parse_note, MALFORMED[case]) == "bad_note"


def test_limits_hold_to_the_last_signature_and_byte() -> None:
    assert len(notes.parse_note(note_of(*[PETER_LINE] * 100)).signatures) == 100
    room = notes.MAX_NOTE_BYTES - len(note_of(PETER_LINE, text="\n"))
    assert len(notes.parse_note(note_of(PETER_LINE, text="x" * room + "\n")).text) == room + 1
    assert code(notes.parse_note, note_of(PETER_LINE, text="x" * (room + 1) + "\n")) == "bad_note"


def test_blank_lines_in_the_text_belong_to_the_text() -> None:
    for text in ("\n", "\n\n\n", "a\n\nb\n", "a\n\n— not a signature\n\n"):
        data = notes.sign_note(text, [LOG])
        assert notes.open_note(data, [LOG.verifier]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "\ud800\n", "nul\0\n"])
def test_what_could_not_be_read_back_is_never_signed(text: str) -> None:
    assert code(notes.sign_note, text, [LOG]) == "bad_note"
    assert code(notes.sign_text, LOG, text) == "bad_note"


def test_signature_lines_can_be_added_later_and_once() -> None:
    data = notes.sign_note(TEXT, [LOG])
    line = notes.sign_text(WITNESS, TEXT, 1_700_000_000)
    both = notes.add_signatures(data, [line])
    assert both.startswith(data)
    assert notes.add_signatures(both, [line]) == both
    opened = notes.open_note(both, [LOG.verifier, WITNESS.verifier])
    assert [(key.name, signature.signed_at) for key, signature in opened.verified][1] == (WITNESS.name, 1_700_000_000)
    assert code(notes.add_signatures, data, [Signature("two words", b"abcd", b"x")]) == "bad_note"
    assert code(notes.add_signatures, data, [Signature("short", b"abcd", b"")]) == "bad_note"


def test_a_cosignature_signs_its_time_and_the_prefix_of_the_standard() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signature = notes.sign_text(WITNESS, TEXT, 7)
    assert signature.body[:8] == bytes(7) + b"\x07"
    message = b"cosignature/v1\ntime 7\n" + TEXT.encode()
    assert signature.body[8:] == Ed25519PrivateKey.from_private_bytes(WITNESS.seed).sign(message)
    moved = Signature(signature.name, signature.key_id, bytes(7) + b"\x08" + signature.body[8:])
    assert notes.verifies(WITNESS.verifier, TEXT, signature)
    assert not notes.verifies(WITNESS.verifier, TEXT, moved)
    assert notes.verifies(WITNESS.verifier, TEXT, notes.sign_text(WITNESS, TEXT, 2**63 - 1))
    assert not notes.verifies(WITNESS.verifier, TEXT, notes.sign_text(WITNESS, TEXT, 2**63))


def test_one_secret_under_two_types_or_names_signs_under_different_ids() -> None:
    as_witness = notes.signer_from_seed(LOG.name, LOG.seed, COSIGNATURE)
    assert as_witness.verifier.id != LOG.verifier.id
    plain = notes.sign_text(LOG, TEXT)
    assert not notes.verifies(as_witness.verifier, TEXT, plain)
    assert not notes.verifies(LOG.verifier, TEXT, notes.sign_text(as_witness, TEXT, 1))
    renamed = notes.signer_from_seed("example.org/other", LOG.seed)
    assert not notes.verifies(renamed.verifier, TEXT, plain)
    assert not notes.verifies(LOG.verifier, TEXT, Signature(plain.name, b"abcd", plain.body))
    assert not notes.verifies(LOG.verifier, TEXT, Signature("example.org/other", plain.key_id, plain.body))


@pytest.mark.parametrize("length", [0, 8, 63, 65, 71, 73])
def test_a_signature_of_another_length_does_not_verify(length: int) -> None:
    for key in (LOG.verifier, WITNESS.verifier):
        assert not notes.verifies(key, TEXT, Signature(key.name, key.id, bytes(length)))


def test_a_signature_whose_scalar_is_not_reduced_does_not_verify() -> None:
    good = notes.sign_text(LOG, TEXT)
    scalar = int.from_bytes(good.body[32:], "little")
    malleable = good.body[:32] + (scalar + L).to_bytes(32, "little")  # the same equation holds (RFC 8032, 5.1.7)
    assert notes.verifies(LOG.verifier, TEXT, good)
    assert not notes.verifies(LOG.verifier, TEXT, Signature(good.name, good.key_id, malleable))


def small_order_points() -> set[bytes]:
    """Every encoding of every point whose order divides 8, found by the curve's own arithmetic."""
    d = -121665 * pow(121666, -1, P) % P
    root_of_minus_one = pow(2, (P - 1) // 4, P)

    def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        t = d * a[0] * b[0] * a[1] * b[1]
        x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P)
        y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P)
        return x % P, y % P

    def times(n: int, point: tuple[int, int]) -> tuple[int, int]:
        total = (0, 1)
        while n:
            total, point, n = add(total, point) if n & 1 else total, add(point, point), n >> 1
        return total

    found: set[tuple[int, int]] = set()
    y = 2
    while len(found) < 8:
        y += 1
        square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        x = x if x * x % P == square else x * root_of_minus_one % P
        if x * x % P == square:
            torsion = times(L, (x, y))
            found |= {times(i, torsion) for i in range(8)}
    written = set()
    for x, y in found:
        for same in (y, y + P):
            if same < 1 << 255:
                signs = (0, 1) if x == 0 else (x & 1,)
                written |= {(same | sign << 255).to_bytes(32, "little") for sign in signs}
    return written


def vkey(public: bytes, kind: int = ED25519) -> str:
    return str(VerifierKey("example.org/log", kind, public))


def test_every_key_of_low_order_is_refused_in_every_way_to_write_it() -> None:
    weak = small_order_points()
    assert len(weak) == 14  # eight points; the identity and order 2 also with the sign of x = 0, and y + p where it fits
    assert {(1).to_bytes(32, "little"), bytes(32), (P - 1).to_bytes(32, "little")} <= weak
    for public in weak:
        for kind in (ED25519, COSIGNATURE):
            assert code(notes.parse_vkey, vkey(public, kind)) == "bad_key"


def test_under_a_low_order_key_one_signature_would_verify_for_every_text() -> None:
    identity = VerifierKey("example.org/log", ED25519, (1).to_bytes(32, "little"))
    forged = Signature(identity.name, identity.id, (1).to_bytes(32, "little") + bytes(32))
    assert notes.verifies(identity, "anything\n", forged)  # why `parse_vkey` refuses it
    assert code(notes.parse_vkey, str(identity)) == "bad_key"


def test_a_key_that_is_no_point_or_written_the_wrong_way_is_refused() -> None:
    assert code(notes.parse_vkey, vkey((2).to_bytes(32, "little"))) == "bad_key"  # y = 2 is not on the curve
    on_curve = [y for y in range(2, 19) if code(notes.parse_vkey, vkey(y.to_bytes(32, "little"))) is None]
    assert on_curve
    for y in on_curve:  # y + p means the same point
        assert code(notes.parse_vkey, vkey((y + P).to_bytes(32, "little"))) == "bad_key"


def written(name: str, kind: int, body: bytes) -> str:
    """A key's text with the right id whatever it holds."""
    raw = bytes([kind]) + body
    key_id = sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
    return f"{name}+{key_id}+{b64encode(raw).decode()}"


GOOD = notes.parse_vkey(PETER).public


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "++",
        PETER + "\n",
        " " + PETER,
        PETER.upper(),
        PETER.replace("c74f20a3", "C74F20A3"),
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # from note_test.go
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        written("a", 0x02, GOOD),
        written("a", 0x06, GOOD),
        written("a", 0x01, GOOD[:31]),
        written("a", 0x01, GOOD + b"x"),
        written("a b", 0x01, GOOD),
        written("", 0x01, GOOD),
        written("a\n", 0x01, GOOD),
        written("a" * 2000, 0x01, GOOD),
        PETER_PRIVATE,
    ],
)
def test_a_vkey_is_read_strictly(text: str) -> None:
    assert code(notes.parse_vkey, written("a", 0x01, GOOD)) is None
    assert code(notes.parse_vkey, text) == "bad_key"


def mangled(text: str) -> set[str]:
    """Every proper substring, and the text with one byte increased (the cases of note_test.go)."""
    parts = {text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)} - {text}
    return parts | {text[:i] + chr(ord(text[i]) + 1) + text[i + 1 :] for i in range(len(text))}


@pytest.mark.parametrize("text", [PETER, ENOCH])
def test_no_piece_of_a_vkey_and_no_vkey_with_a_byte_changed_is_a_key(text: str) -> None:
    assert all(code(notes.parse_vkey, part) == "bad_key" for part in mangled(text))


def test_no_piece_of_a_private_key_and_none_with_a_byte_changed_is_a_key() -> None:
    assert all(code(notes.parse_signer, part) == "bad_key" for part in mangled(PETER_PRIVATE))


@pytest.mark.parametrize(("name", "seed"), [("", bytes(32)), ("a b", bytes(32)), ("a+b", bytes(32)), ("a", bytes(31))])
def test_a_new_key_needs_a_name_and_32_bytes(name: str, seed: bytes) -> None:
    assert code(notes.signer_from_seed, name, seed) == "bad_key"


@needs_vectors
def test_the_published_cases_of_signed_notes_agree() -> None:
    data = json.loads((VECTORS / "golang-mod-sumdb" / "signed_note_cases.json").read_text())
    known = data["vkeys"]
    assert len(data["cases"]) == 14
    for case in data["cases"]:
        raw = case["msg"].encode() if "msg" in case else b64decode(case["msg_b64"])
        trusted = keys(*[known[name] for name in case["keys"]])
        if case["error"]:
            assert code(notes.open_note, raw, trusted) in ("bad_note", "bad_key"), case["name"]
            continue
        opened = notes.open_note(raw, trusted)
        assert opened.text == data["text"]
        assert [str(key) for key, _ in opened.verified] == [known[name] for name in case["verified"]], case["name"]
        assert len(opened.unknown) == len(case["unverified"]), case["name"]


@needs_vectors
def test_the_example_of_the_standard_verifies() -> None:
    key = (VECTORS / "c2sp" / "signed-note-example.vkey").read_text().strip()
    data = (VECTORS / "c2sp" / "signed-note-example.txt").read_bytes()
    assert notes.open_note(data, keys(key)).text == "This is an example message.\n"


names = st.text(st.characters(exclude_characters="+", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=20)
lines = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


@given(st.lists(lines, min_size=1, max_size=4), st.lists(st.tuples(names, st.binary(min_size=1, max_size=80)), min_size=1, max_size=3))
def test_a_note_reads_back_as_it_was_written(texts: list[str], signed: list[tuple[str, bytes]]) -> None:
    note = Note("\n".join(texts) + "\n", tuple(Signature(name, b"abcd", body) for name, body in signed))
    assert notes.parse_note(notes.format_note(note)) == note


@given(st.binary(max_size=200), st.sampled_from([b"", note_of(PETER_LINE), b"\n\n"]), st.integers(0, 300))
def test_junk_is_refused_or_reads_back_as_itself(junk: bytes, base: bytes, at: int) -> None:
    data = base[:at] + junk + base[at:]
    try:
        note = notes.parse_note(data)
    except Refused as no:
        assert no.code == "bad_note"  # noqa: PT017
    else:
        assert notes.format_note(note) == data


@given(st.text(max_size=80) | st.text("+09af=/ABC", max_size=80))
def test_junk_is_no_key(junk: str) -> None:
    assert code(notes.parse_vkey, junk) == "bad_key"
    assert code(notes.parse_signer, junk) == "bad_key"
    assert code(notes.parse_signer, "PRIVATE+KEY+" + junk) == "bad_key"
