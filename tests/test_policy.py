"""Trust policies read strictly, and heads judged by them: which log, which witnesses, quorum or not."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint, notes, policy
from ledger.checkpoint import Checkpoint
from ledger.errors import Refused
from ledger.merkle import EMPTY_ROOT
from ledger.notes import COSIGNATURE, SignerKey

LOG = notes.signer_from_seed("example.org/log", bytes(32))
OTHER = notes.signer_from_seed("example.org/other", bytes(31) + b"o")
WITNESSES = {
    name: notes.signer_from_seed(f"{name.lower()}.example", bytes(30) + name.encode(), COSIGNATURE)
    for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
}
X1, Y1 = (str(WITNESSES[name].verifier) for name in ("X1", "Y1"))
L1, L2 = str(LOG.verifier), str(OTHER.verifier)
HEAD = Checkpoint(LOG.name, 9, EMPTY_ROOT)
SIGNED = checkpoint.sign_checkpoint(HEAD, LOG)

WITNESS_LINES = "\n".join(f"witness {name} {key.verifier}" for name, key in WITNESSES.items())

# two organisations, the example of C2SP tlog-policy with keys of our own
TWO_LEVELS = f"""# whom we trust
log {L1} https://log.example.org/

{WITNESS_LINES}
group X-witnesses 2 X1 X2 X3
\tgroup  Y-witnesses\tany Y1 Y2 Y3  \n
group X-and-Y all X-witnesses Y-witnesses
   # a comment after spaces
quorum X-and-Y
"""


def parse(text: str) -> policy.Policy:
    return policy.parse_policy(text.encode())


def refusal(call: Any, *args: Any) -> Refused | None:
    try:
        call(*args)
    except Refused as no:
        assert "\n" not in no.message  # noqa: PT017
        return no
    return None


def code(call: Any, *args: Any) -> str | None:
    no = refusal(call, *args)
    return no.code if no else None


def cosigned(*names: str, at: int = 1_700_000_000) -> bytes:
    data = SIGNED
    for name in names:
        data = checkpoint.cosign_checkpoint(data, WITNESSES[name], at)
    return data


def test_a_policy_of_two_levels_reads_as_written() -> None:
    read = parse(TWO_LEVELS)
    assert [(log.key, log.url) for log in read.logs] == [(LOG.verifier, "https://log.example.org/")]
    assert [(w.name, w.key, w.url) for w in read.witnesses] == [
        (name.encode(), key.verifier, None) for name, key in WITNESSES.items()
    ]
    assert [(g.name, g.at_least, len(g.members)) for g in read.groups] == [
        (b"X-witnesses", 2, 3),
        (b"Y-witnesses", 1, 3),
        (b"X-and-Y", 2, 2),
    ]
    assert read.quorum == b"X-and-Y"


def test_the_quorum_is_met_by_exactly_the_sets_of_witnesses_it_describes() -> None:
    read = parse(TWO_LEVELS)
    for count in range(7):
        for names in combinations(WITNESSES, count):
            met = sum(name[0] == "X" for name in names) >= 2 and any(name[0] == "Y" for name in names)
            assert read.is_met(WITNESSES[name].verifier for name in names) == met, names


def test_a_head_is_judged_by_its_signatures() -> None:
    read = parse(TWO_LEVELS)
    few = policy.judge(read, cosigned("X1", "Y3", at=5))
    assert (few.checkpoint, few.log, few.quorum_met) == (HEAD, LOG.verifier, False)
    assert few.cosigned == ((WITNESSES["X1"].verifier, 5), (WITNESSES["Y3"].verifier, 5))
    assert code(policy.accept, read, cosigned("X1", "Y3")) == "no_quorum"
    assert policy.accept(read, cosigned("X1", "Y3", "X2")).quorum_met


def test_a_witness_that_cosigned_twice_counts_once_and_from_its_earliest_time() -> None:
    data = cosigned("X1", at=20)
    data = checkpoint.cosign_checkpoint(data, WITNESSES["X1"], 10)
    data = checkpoint.cosign_checkpoint(data, WITNESSES["X1"], 30)
    judged = policy.judge(parse(TWO_LEVELS), data)
    assert judged.cosigned == ((WITNESSES["X1"].verifier, 10),)
    assert not judged.quorum_met


def test_a_cosignature_that_does_not_verify_refuses_the_head() -> None:
    line = notes.sign_text(WITNESSES["X1"], HEAD.text(), 5)
    forged = notes.Signature(line.name, line.key_id, bytes(7) + b"\x06" + line.body[8:])
    assert code(policy.judge, parse(TWO_LEVELS), notes.add_signatures(SIGNED, [forged])) == "bad_note"


def test_witnesses_alone_make_no_head() -> None:
    only = notes.format_note(notes.Note(HEAD.text(), notes.parse_note(cosigned("X1", "X2", "Y1")).signatures[1:]))
    assert code(policy.judge, parse(TWO_LEVELS), only) == "bad_note"


def test_a_log_of_the_policy_speaks_for_itself_only() -> None:
    read = parse(f"log {L1}\nlog {L2}\nquorum none\n")
    assert policy.accept(read, SIGNED).log == LOG.verifier
    usurped = notes.sign_note(HEAD.text(), [OTHER])
    assert code(policy.judge, read, usurped) == "bad_note"
    both = notes.sign_note(HEAD.text(), [OTHER, LOG])
    assert policy.accept(read, both).log == LOG.verifier


def test_a_policy_without_logs_takes_the_log_the_caller_knows() -> None:
    read = parse("quorum none\n")
    assert code(policy.judge, read, SIGNED) == "bad_note"
    assert policy.accept(read, SIGNED, [LOG.verifier]).log == LOG.verifier
    assert code(policy.accept, parse(f"witness w {X1}\nquorum w\n"), SIGNED, [LOG.verifier]) == "no_quorum"
    listed = parse(f"log {L1}\nquorum none\n")
    assert policy.accept(listed, SIGNED, [notes.parse_vkey(L1)]).quorum_met  # the same key from both sides


def test_only_the_policys_own_witnesses_are_counted() -> None:
    read = parse(f"log {L1}\nwitness v {Y1}\nquorum none\n")
    judged = policy.judge(read, cosigned("X1", "Y1", at=5), [WITNESSES["X1"].verifier])
    assert judged.cosigned == ((WITNESSES["Y1"].verifier, 5),)


def test_the_quorum_may_be_one_witness() -> None:
    read = parse(f"log {L1}\nwitness w {X1}\nwitness v {Y1}\nquorum w\n")
    assert policy.judge(read, cosigned("X1")).quorum_met
    assert not policy.judge(read, cosigned("Y1")).quorum_met


WITNESS = f"witness w {X1}\n"


@pytest.mark.parametrize(
    ("text", "refused", "line"),
    [
        ("", "bad_policy", None),
        ("# nothing\n", "bad_policy", None),
        ("quorum none", "bad_policy", 1),
        ("quorum none\nquorum none\n", "bad_policy", 2),
        ("quorum none\nlog\n", "bad_policy", 2),
        ("quorum\n", "bad_policy", 1),
        ("quorum none # comment\n", "bad_policy", 1),
        ("quorum w\n" + WITNESS, "bad_policy", 1),
        ("Quorum none\n", "bad_policy", 1),
        ("quorum none\n\nsomething else\n", "bad_policy", 3),
        ("quorum none\r\n", "bad_policy", None),
        ("quorum none\n\0", "bad_policy", None),
        ("quorum none\x7f\n", "bad_policy", None),
        (f"log {L1} https://a b\nquorum none\n", "bad_policy", 1),
        (f"log {L1}\nlog {L1}\nquorum none\n", "bad_policy", 2),
        (f"log {L1}\nlog {notes.signer_from_seed('another.example', LOG.seed).verifier}\nquorum none\n", "bad_policy", 2),
        (WITNESS + f"witness v {X1}\nquorum none\n", "bad_policy", 2),
        (WITNESS + f"witness w {Y1}\nquorum none\n", "bad_policy", 2),
        (f"witness none {X1}\nquorum none\n", "bad_policy", 1),
        (f"witness w {X1} u v\nquorum none\n", "bad_policy", 1),
        (WITNESS + "group w any w\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group none any w\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g any\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g any v\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g any g\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g any none\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g any w w\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g any w\ngroup h any w\nquorum none\n", "bad_policy", 3),
        (WITNESS + "group g 0 w\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g 2 w\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g 01 w\nquorum none\n", "bad_policy", 2),
        (WITNESS + f"group g {'9' * 6000} w\nquorum none\n", "bad_policy", 2),
        (WITNESS + "group g most w\nquorum none\n", "bad_policy", 2),
        ("quorum none\n" + "#" * policy.MAX_POLICY_BYTES + "\n", "bad_policy", None),
        (f"log {X1}\nquorum none\n", "bad_key", 1),
        (f"witness w {L1}\nquorum none\n", "bad_key", 1),
        ("log nonsense\nquorum none\n", "bad_key", 1),
        (f"\nlog {notes.VerifierKey('a', 1, bytes(32))}\nquorum none\n", "bad_key", 2),
    ],
)
def test_a_policy_is_read_strictly_and_the_refusal_names_the_line(text: str, refused: str, line: int | None) -> None:
    no = refusal(parse, text)
    assert no is not None
    assert (no.code, no.line) == (refused, line)


def test_names_are_octets_and_may_be_any() -> None:
    kelvin = f"witness \N{KELVIN SIGN} {X1}\nwitness K {Y1}\n".encode()
    read = policy.parse_policy(kelvin + b"witness \xff\xfe " + str(WITNESSES["X2"].verifier).encode() + b"\nquorum \xff\xfe\n")
    assert [w.name for w in read.witnesses] == ["\N{KELVIN SIGN}".encode(), b"K", b"\xff\xfe"]
    assert read.is_met([WITNESSES["X2"].verifier])
    assert not read.is_met([WITNESSES["X1"].verifier, WITNESSES["Y1"].verifier])
    assert refusal(policy.parse_policy, b"log \xff\nquorum none\n") is not None


def test_as_many_logs_witnesses_and_groups_as_the_standard_recommends_are_read() -> None:
    def key(number: int, kind: int) -> SignerKey:
        return notes.signer_from_seed(f"{'long' * 30}{number}.example", number.to_bytes(32, "big"), kind)

    lines = [f"log {key(i, notes.ED25519).verifier} https://{'x' * 200}" for i in range(32)]
    lines += [f"witness w{i} {key(i + 100, COSIGNATURE).verifier} https://{'x' * 200}" for i in range(32)]
    lines += ["group g0 any w0", *(f"group g{i} all w{i} g{i - 1}" for i in range(1, 32)), "quorum g31"]
    read = parse("\n".join(lines) + "\n")
    assert (len(read.logs), len(read.witnesses), len(read.groups)) == (32, 32, 32)
    assert read.is_met(w.key for w in read.witnesses)
    assert not read.is_met(w.key for w in read.witnesses[1:])


words = st.sampled_from(["log", "witness", "group", "quorum", "none", "any", "all", "1", "2", "w", "g", L1, X1, Y1, " ", "\t", "\n", "\n", "#"])


@given(st.binary(max_size=60) | st.lists(words, max_size=30).map(lambda parts: " ".join(parts).encode()))
def test_junk_is_refused_or_is_a_policy_that_can_be_asked(junk: bytes) -> None:
    for data in (junk, junk + b"\nquorum none\n"):
        try:
            read = policy.parse_policy(data)
        except Refused as no:
            assert no.code in ("bad_policy", "bad_key")  # noqa: PT017
        else:
            assert read.is_met([w.key for w in read.witnesses])
