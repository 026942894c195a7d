"""Whether a head is the one to believe: by the verifier's own keys, policy, and the heads it held before.

Trust never comes from what is verified. A key the bundle itself names proves only that its parts belong together.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, parse_text
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.merkle import EMPTY_ROOT
from ledger.notes import VerifierKey, open_note, parse_note, parse_vkey
from ledger.policy import Judged, Policy, judge, short_of_quorum
from ledger.tree import root_text
from replays.checks import Failed, NotChecked


class Trust(Struct, frozen=True, kw_only=True):
    """What the verifier brings: the log's keys, a policy, a checkpoint held since before, an authority's roots.

    `roots` are the PEM certificates of the time stamp authorities trusted.
    """

    keys: tuple[VerifierKey, ...] = ()
    policy: Policy | None = None
    held: bytes | None = None
    roots: bytes | None = None

    @property
    def logs(self) -> tuple[VerifierKey, ...]:
        """Every key trusted to sign as a log."""
        return tuple(dict.fromkeys([*self.keys, *(log.key for log in (self.policy.logs if self.policy else ()))]))


def check_note(trust: Trust, note: bytes | None, text: str, named: str | None, origin: str) -> str:
    """The manifest's signature."""
    if note is None or named is None:
        if note is not None or named is not None:
            raise Failed("the manifest names a key and is not signed, or is signed and names none")
        raise NotChecked("the bundle is not signed")
    own = parse_vkey(named)
    opened = open_note(note, {own: None, **dict.fromkeys(trust.logs)})
    if opened.text != text or own.name != origin or own not in [key for key, _ in opened.verified]:
        raise Failed("it signs another manifest, or under another name than the log's")
    if not trust.logs:
        raise NotChecked(f"it verifies under the key the bundle names itself ({named}); whose that is, --vkey tells")
    if own not in trust.logs:
        raise Failed(f"signed by a key you do not trust: {named}")
    return f"signed by {named}"


def check_policy(trust: Trust, checkpoint: bytes | None) -> Judged:
    """The log's signature under its own origin, by a key the verifier trusts."""
    if not trust.logs:
        raise NotChecked("no key to check the head's signature by; give --vkey or --policy")
    if checkpoint is None:
        raise Failed("the head is not signed")
    return judge(trust.policy or Policy((), (), (), None), checkpoint, trust.keys)


def check_witnesses(trust: Trust, judged: Judged | None) -> str:
    """Who cosigned the head, and whether they suffice."""
    if trust.policy is None or not trust.policy.witnesses:
        raise NotChecked("no policy that names witnesses")
    if judged is None:
        raise NotChecked("it rests on: policy")
    if not judged.quorum_met:
        raise Failed(f"no_quorum: {short_of_quorum(judged)}")
    if trust.policy.quorum is None:
        known = number_of(len(judged.cosigned), "known witness", "known witnesses")
        raise NotChecked(f"the policy asks for none; {known} cosigned")
    times = [datetime.fromtimestamp(at, UTC).isoformat() for _, at in judged.cosigned if at < 2**33]
    return f"{len(judged.cosigned)} cosigned, the first at {min(times, default='an unreadable time')}"


def check_held(trust: Trust, head: Checkpoint, root_at: Callable[[int], bytes]) -> str:
    """That the log goes on from the head the verifier held: nothing before it changed."""
    if trust.held is None:
        raise NotChecked("no head held before; give --held")
    held = read_head(trust.held, trust.logs)
    if held.origin != head.origin:
        raise Failed(f"the held head is of {held.origin}, this log is {head.origin}")
    if held.size > head.size:
        raise Failed(f"the held head speaks of {number_of(held.size, 'entry')}, this log of {head.size}: its end was "
                     "cut off, or this is an older copy", head.size + 1)  # fmt: skip
    found = root_at(held.size) if held.size else EMPTY_ROOT
    if found != held.root:
        raise Failed(
            f"its first {held.size} entries have the root {root_text(found)}, the held head {root_text(held.root)}: "
            "history was rewritten"
        )
    return f"the first {held.size} entries are those of the held head"


def read_head(data: bytes, keys: tuple[VerifierKey, ...] = ()) -> Checkpoint:
    """A checkpoint, verified if keys are given and it is signed; or the three lines of an unsigned head."""
    try:
        parse_note(data)
    except Refused:
        try:
            return parse_text(data.decode())
        except UnicodeDecodeError:
            raise Refused("bad_note", "a head that is not UTF-8") from None
    return open_checkpoint(data, keys) if keys else parse_checkpoint(data)
