"""Whom a verifier trusts, in the words of C2SP tlog-policy: the logs, the witnesses, and how many must agree.

A policy is the verifier's own file, never part of what is verified. Lines of `log <vkey> [<url>]`,
`witness <name> <vkey> [<url>]`, `group <name> all|any|<k> <member>...` and one `quorum <name>|none`; a name
is defined before it is used; `#` begins a comment line. A head is good when one of the logs signed it under
its own origin and the witnesses that cosigned it meet the quorum. Names are octets without meaning outside
the file. What is not exactly that is `Refused("bad_policy")` with its line, or `Refused("bad_key")`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec import Struct

from ledger.checkpoint import Checkpoint, parse_text
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.notes import COSIGNATURE, ED25519, VerifierKey, open_note, parse_vkey

MAX_POLICY_BYTES = 1 << 17

_UNFIT = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_SPACE = re.compile(rb"[ \t]+")
_THRESHOLD = re.compile(rb"[1-9][0-9]{0,4}\Z")


class Log(Struct, frozen=True):
    """A log whose heads are accepted, and where it can be reached."""

    key: VerifierKey
    url: str | None = None


class Witness(Struct, frozen=True):
    """A witness whose cosignature counts, what the policy calls it, and where it can be reached."""

    name: bytes
    key: VerifierKey
    url: str | None = None


class Group(Struct, frozen=True):
    """A group has cosigned when at least so many of its members, witnesses or groups, have."""

    name: bytes
    at_least: int
    members: tuple[bytes, ...]


class Policy(Struct, frozen=True):
    """The trust of one verifier; a `quorum` of `None` asks for no witness."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: bytes | None

    def is_met(self, cosigned: Iterable[VerifierKey]) -> bool:
        """Whether the witnesses with these keys are a quorum."""
        if self.quorum is None:
            return True
        keys = set(cosigned)
        agreed = {witness.name: witness.key in keys for witness in self.witnesses}
        for group in self.groups:  # each names only what stands before it
            agreed[group.name] = sum(agreed[member] for member in group.members) >= group.at_least
        return agreed[self.quorum]


class Judged(Struct, frozen=True):
    """A head a log of the policy signed: by which key, which witnesses cosigned it when, and whether they suffice.

    Each witness stands once, with the earliest POSIX second it told.
    """

    checkpoint: Checkpoint
    log: VerifierKey
    cosigned: tuple[tuple[VerifierKey, int], ...]
    quorum_met: bool


def judge(policy: Policy, data: bytes, logs: Iterable[VerifierKey] = ()) -> Judged:
    """What the policy says of a signed checkpoint; `logs` are keys trusted besides those it lists.

    Refused when no log signed it under its own origin, or a signature of a known key does not verify.
    """
    log_keys = dict.fromkeys([*(log.key for log in policy.logs), *logs])
    witness_keys = dict.fromkeys(witness.key for witness in policy.witnesses)
    opened = open_note(data, log_keys | witness_keys)
    checkpoint = parse_text(opened.text)
    signed = [key for key, _ in opened.verified if key in log_keys and key.name == checkpoint.origin]
    if not signed:
        raise Refused("bad_note", f"no log of the policy signed this head of {checkpoint.origin} as its own")
    cosigned: dict[VerifierKey, int] = {}
    for key, signature in opened.verified:
        if key in witness_keys and signature.signed_at is not None:
            cosigned[key] = min(signature.signed_at, cosigned.get(key, signature.signed_at))
    return Judged(checkpoint, signed[0], tuple(cosigned.items()), policy.is_met(cosigned))


def accept(policy: Policy, data: bytes, logs: Iterable[VerifierKey] = ()) -> Judged:
    """The same, refused with `no_quorum` when too few witnesses cosigned."""
    judged = judge(policy, data, logs)
    if not judged.quorum_met:
        raise Refused("no_quorum", short_of_quorum(judged))
    return judged


def short_of_quorum(judged: Judged) -> str:
    """That those who cosigned are not enough."""
    known = number_of(len(judged.cosigned), "known witness of this head is", "known witnesses of this head are")
    return f"the {known} not the quorum"


def parse_policy(data: bytes) -> Policy:
    """The policy in a file's bytes."""
    if len(data) > MAX_POLICY_BYTES:
        raise Refused("bad_policy", f"a policy over {MAX_POLICY_BYTES} bytes")
    if _UNFIT.search(data):
        raise Refused("bad_policy", "a policy holds no control character but tab and newline")
    *lines, after = data.split(b"\n")
    if after:  # cut short, a line may name another group and still read well
        raise Refused("bad_policy", "the policy's last line has no newline", line=len(lines) + 1)
    reading = _Reading()
    for number, line in enumerate(lines, start=1):
        words = _SPACE.split(line.strip(b" \t"))
        if words == [b""] or words[0].startswith(b"#"):
            continue
        try:
            reading.read(words)
        except Refused as no:
            raise no.at(line=number) from None
    return reading.policy()


class _Reading:
    """A policy as far as it has been read."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorums: list[bytes] = []
        self.defined: set[bytes] = set()
        self.grouped: set[bytes] = set()

    def read(self, words: list[bytes]) -> None:
        for keyword, least, most, take in _LINES:
            if words[0] == keyword:
                if not least <= len(words) - 1 <= most:
                    raise Refused("bad_policy", f"a {keyword.decode()} line with too few words or too many")
                return take(self, *words[1:])
        raise Refused("bad_policy", "a line begins with log, witness, group or quorum")

    def log(self, key: bytes, url: bytes | None = None) -> None:
        self.logs.append(Log(_key(key, ED25519, (log.key for log in self.logs)), _url(url)))

    def witness(self, name: bytes, key: bytes, url: bytes | None = None) -> None:
        self.define(name)
        others = (witness.key for witness in self.witnesses)
        self.witnesses.append(Witness(name, _key(key, COSIGNATURE, others), _url(url)))

    def group(self, name: bytes, threshold: bytes, *members: bytes) -> None:
        for member in members:
            if member not in self.defined:
                raise Refused("bad_policy", "a group's member is a witness or group defined above it")
            if member in self.grouped:
                raise Refused("bad_policy", "a witness or group is a member once, so that it counts once")
            self.grouped.add(member)
        self.define(name)
        if threshold in (b"any", b"all"):
            at_least = 1 if threshold == b"any" else len(members)
        elif _THRESHOLD.match(threshold) and int(threshold) <= len(members):
            at_least = int(threshold)
        else:
            raise Refused("bad_policy", "a group asks for any, all, or a number from 1 to that of its members")
        self.groups.append(Group(name, at_least, members))

    def quorum(self, name: bytes) -> None:
        if self.quorums:
            raise Refused("bad_policy", "a policy has one quorum line")
        if name != b"none" and name not in self.defined:
            raise Refused("bad_policy", "the quorum is none, or a witness or group defined above it")
        self.quorums.append(name)

    def define(self, name: bytes) -> None:
        if name == b"none" or name in self.defined:
            raise Refused("bad_policy", "a name is defined once, and is not none")
        self.defined.add(name)

    def policy(self) -> Policy:
        if not self.quorums:
            raise Refused("bad_policy", "a policy has one quorum line")
        quorum = None if self.quorums == [b"none"] else self.quorums[0]
        return Policy(tuple(self.logs), tuple(self.witnesses), tuple(self.groups), quorum)


_MANY = 1 << 17
# keyword, words after it at least and at most, how it is taken
_LINES: tuple[tuple[bytes, int, int, Callable[..., None]], ...] = (
    (b"log", 1, 2, _Reading.log),
    (b"witness", 2, 3, _Reading.witness),
    (b"group", 3, _MANY, _Reading.group),
    (b"quorum", 1, 1, _Reading.quorum),
)


def _key(text: bytes, kind: int, others: Iterable[VerifierKey]) -> VerifierKey:
    """A key of the type its place asks for, its public key not in `others` under whatever name."""
    try:
        key = parse_vkey(text.decode())
    except UnicodeDecodeError:
        raise Refused("bad_key", "a key that is not UTF-8") from None
    if key.kind != kind:
        raise Refused("bad_key", "a log's key is of type 0x01, a witness's of type 0x04")
    if any(key.public == other.public for other in others):
        raise Refused("bad_policy", "the same public key twice")
    return key


def _url(text: bytes | None) -> str | None:
    return None if text is None else text.decode(errors="backslashreplace")
