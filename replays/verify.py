"""Verification of evidence somebody else may have written: a ledger, a bundle, or a log published as files.

What is given is told apart by its content. `verify` never believes it, and needs nothing beside it but what the
verifier brings: a key or policy of their own, a head they held. A bundle needs no store, no clock, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ledger.counting import number_of
from ledger.errors import EXIT_OK, EXIT_PROOF, Refused
from ledger.sqlite_header import head_of
from ledger.sqlite_schema import HEADER_BYTES, MAGIC, is_header
from replays.bundle import MAX_BUNDLE_BYTES, Bundle
from replays.checks import Check, Checks, Progress
from replays.checks_heads import Trust

_KEEPER = "who keeps the signing key, and that what was recorded is true and complete"
_TWO = "without a head held before, a witness or a time stamp: that no second history was written, or all of it later"
_AFTER = "what came after the latest head held before, witness or time stamp: that no second history was written of it"
ANCHORS = ("held head", "witnesses", "time stamps")
UNPROVABLE: dict[str, tuple[str, ...]] = {
    "bundle": ("that entries shown as hashes only hold nothing more of this contract", _KEEPER, _TWO),
    "dossier": (
        "that the dossier's own pages say what the bundle inside proves: `service-ledger dossier` makes them again",
        "that entries shown as hashes only hold nothing more of this contract",
        _KEEPER,
        _TWO,
    ),
    "ledger": (_KEEPER, _TWO),
    "published": (_KEEPER, _TWO),
}


class Verification(Struct, frozen=True):
    """What was verified, every check of it, and what none of them can show."""

    kind: str
    checks: tuple[Check, ...]
    cannot_be_checked: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return all(check.state != "FAILED" for check in self.checks)

    @property
    def exit_status(self) -> int:
        return EXIT_OK if self.holds else EXIT_PROOF

    def as_json(self) -> dict[str, Any]:
        """For programs: the checks, and `verdict`, `ok` or `failed`."""
        return {**msgspec.to_builtins(self), "verdict": "ok" if self.holds else "failed"}


def kind_of(what: str) -> str:
    """`ledger`, `bundle`, `dossier` or `published`, by content.

    Raises `Refused`: `no_file`, `not_a_ledger`, `not_evidence`.
    """
    if "://" in what:
        return "ledger"
    path = Path(what)
    try:
        if path.is_dir():
            if not (path / "checkpoint").is_file():
                raise Refused("not_evidence", f"{what}: a directory without a file `checkpoint` is no published log")
            return "published"
        if path.exists() and not path.is_file():  # which may keep a reader waiting for ever
            raise Refused("not_evidence", f"{what}: a pipe or a device; give a file")
        head = head_of(path, HEADER_BYTES)  # the ledger may be open in this process
    except (OSError, ValueError) as error:
        raise Refused("no_file", f"{what}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if head.startswith(MAGIC):
        if not is_header(head):
            raise Refused("not_a_ledger", f"{what}: a database of something else")
        return "ledger"
    if not head.startswith(b"PK"):
        raise Refused("not_evidence", f"{what}: neither a ledger, a bundle nor a published log")
    from replays.checks_dossier import is_dossier

    return "dossier" if is_dossier(path) else "bundle"


def verify(
    what: str, trust: Trust | None = None, max_bytes: int = MAX_BUNDLE_BYTES, progress: Progress | None = None
) -> Verification:
    """Every check of a ledger, a bundle or a published log. Raises `Refused` when it is none of them."""
    kind = kind_of(what)
    checks = Checks(progress)
    trust = trust or Trust()
    if kind == "dossier":
        from replays.checks_dossier import check_dossier

        check_dossier(Path(what), trust, max_bytes, checks)
    elif kind == "bundle":
        _bundle(Path(what), trust, max_bytes, checks)
    elif kind == "ledger":
        _ledger(what, trust, checks)
    else:
        from replays.checks_log import check_published

        check_published(Path(what), trust, checks)
    anchored = any(check.state == "ok" and check.check in ANCHORS for check in checks.found)
    unprovable = tuple(_AFTER if anchored and what is _TWO else what for what in UNPROVABLE[kind])
    return Verification(kind, tuple(checks.found), unprovable)


def _bundle(path: Path, trust: Trust, max_bytes: int, checks: Checks) -> None:
    from replays.checks_bundle import ORDER, check_bundle

    try:
        bundle = Bundle(path, max_bytes)
    except Refused as no:
        checks.add("container", "FAILED", str(no))
        for name in ORDER[1:]:
            checks.add(name, "not checked", "it rests on: container")
        return
    with bundle:
        held = f"{number_of(len(bundle.members), 'file')}, {number_of(bundle.size, 'byte')}"
        checks.add("container", "ok", f"{held}, written the one way")
        check_bundle(bundle, trust, checks)


def _ledger(url: str, trust: Trust, checks: Checks) -> None:
    from ledger.store import open_store
    from replays.checks_log import check_ledger

    try:
        store = open_store(url, create=False, read_only=True)
    except Refused as no:
        if no.code != "damaged_ledger":
            raise
        checks.add("container", "FAILED", str(no))
        return
    try:
        check_ledger(store, trust, checks)
    finally:
        store.close()


def lines(found: Verification) -> Sequence[str]:
    """The verification for people: a line a check, what cannot be checked, and the verdict."""
    failed = sum(check.state == "FAILED" for check in found.checks)
    done = sum(check.state == "ok" for check in found.checks)
    return [
        *map(str, found.checks),
        *(f"cannot be checked: {what}" for what in found.cannot_be_checked),
        f"{failed} of {number_of(len(found.checks), 'check')} FAILED"
        if failed
        else f"nothing failed; {number_of(done, 'check')} ok",
    ]
