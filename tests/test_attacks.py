"""The attack table: what each way to cheat comes to, under each set of anchors a verifier may have.

A cell names the checks that FAIL; an empty one says that the lie stands, and its row says why. The same in
words is the threat model of the README. Where no key is spoken of, the liar has none; `operator` holds the
log's key and the true software, and signs whatever he likes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, timestamps
from ledger.checkpoint import open_checkpoint
from ledger.heads import check_extension
from ledger.policy import accept
from ledger.proofs import verify_receipt
from replays.checks_heads import Trust
from replays.outsider_verify import Verifier
from replays.verify import verify
from tests import attacks as by
from tests.attacks import Case, Scene, make_case, make_scene

Attack = Callable[[Case], None]
Cells = dict[str, str]

# what the verifier brings besides the log's verification key
ANCHORS: dict[str, frozenset[str]] = {
    "signed head": frozenset(),
    "held head": frozenset({"held"}),
    "witness": frozenset({"witness"}),
    "time stamp": frozenset({"stamp"}),
    "all": frozenset({"held", "witness", "stamp"}),
}


def same(found: str) -> Cells:
    """Found by whoever has the log's key."""
    return dict.fromkeys(ANCHORS, found)


def more(found: str, *, held: str = "", witness: str = "", stamp: str = "") -> Cells:
    """`found` under every anchor, and what each finds besides; all of it under all."""
    told = (found, _and(found, held), _and(found, witness), _and(found, stamp), _and(found, held, witness, stamp))
    return dict(zip(ANCHORS, told, strict=True))


def _and(*names: str) -> str:
    return ", ".join(filter(None, names))


ANCHORED = more("", held="held head", witness="witnesses", stamp="time stamps")
WITNESSED = more("", witness="witnesses", stamp="time stamps")
HELD, STAMPED = more("", held="held head"), more("", stamp="time stamps")
FILE = more("signed head", held="held head")
BAD_HEAD = more("signed head", witness="witnesses", stamp="time stamps")
LATER = {"held": "held head", "witness": "witnesses", "stamp": "time stamps"}  # what finds whatever is signed again

# why a cell is empty
RESIGNED = "the operator's signature is good under any text of his; only what others kept of an earlier state tells"
TAIL = f"{RESIGNED}, and the head held ends before what was changed"
OLD = "it is what was true then, cosigned and stamped in time; only a newer head tells that it is old"
TWIN = f"{RESIGNED}; a time stamp tells that a history existed, not that it was the only one"
BACKDATED = "the log truly goes on from what was held and witnessed; that it was written later only a time stamp tells"
FALSE = "it was false from the first day and never changed: no evidence of a record makes what is recorded true"
HIDDEN = "entries of others are hashes too; that one of the contract's own is among them only a second bundle or copy tells"
READING = "nothing is false: readings.json and each answer name the reading; it is the reader who must agree with it"
SOFTWARE = "a verifier that comes from the liar may say what it likes; take `verify.py` from a release, never from the bundle"
SIZE = "the root does not bind the size; the entry is under it all the same, and whoever reads the tiles sees the lie"
ELSEWHERE = "only who brings this anchor looks at it"
NO_LINE = "the log's own signature is good; a line of a witness, or a stamp over these very bytes, is asked for by few"


def edited(change: Any, **options: Any) -> Attack:
    return partial(by.in_file, change, **options)


def operator(change: Any) -> Attack:
    return partial(by.resigned, change)


def signed_for(change: Attack) -> Attack:
    return partial(by.by_operator, change)


def zipped_as(change: Any) -> Attack:
    return partial(by.raw_changed, change)


PROOFS = ("proofs/checkpoint-259", "proofs/consistency-259-261.txt")

# the attack, on what, what it is, what is found; why not, where a cell is empty
TABLE: tuple[tuple[Attack, str, str, Cells, str], ...] = (
    # the ledger's file, by somebody without the key
    (edited(by.SHORTER), "ledger", "an entry says something else", more("tiles, signed head", held="held head"), ""),
    (edited(by.SHORTER, tiles=True), "ledger", "an entry says something else, and the tree is made to fit", FILE, ""),
    (edited(by.SALTED, tiles=True), "ledger", "only an entry's salt is another", FILE, ""),
    (edited(by.swapped), "ledger", "two entries swapped", more("versions, recorded_at, tiles, signed head", held="held head"), ""),
    (edited(by.swapped, tiles=True), "ledger", "two entries swapped, and the tree is made to fit", more("versions, recorded_at, signed head", held="held head"), ""),
    (by.gap_in_file, "ledger", "an entry dropped", same("entries"), ""),
    (edited(by.dropped_and_renumbered, tiles=True), "ledger", "two entries dropped, the rest moved up, all made to fit", FILE, ""),
    (edited(by.inserted, tiles=True), "ledger", "two entries inserted, all made to fit", FILE, ""),
    (by.tail_cut(258, counter=False), "ledger", "the tail cut off", same("container"), ""),
    (by.tail_cut(258, counter=True), "ledger", "the tail cut off, and the counter put back", FILE, ""),
    (by.tail_cut(250, counter=True), "ledger", "the tail cut off below a full tile, and the counter put back", more("tiles, signed head", held="held head"), ""),
    (by.old_copy_new_head, "ledger", "rolled back to an old copy", FILE, ""),
    (by.old_copy, "ledger", "rolled back to an old copy, shown with the head of then", HELD, OLD),
    (by.column_forged("originator_id", "'contract:C2x'"), "ledger", "the index files an entry under another stream", same("columns"), ""),
    (by.column_forged("originator_version", "9999"), "ledger", "the index gives an entry another version", same("columns"), ""),
    (by.column_forged("topic", "'outage_ended'"), "ledger", "the index gives an entry another type", same("columns"), ""),
    (by.in_database("UPDATE tree_tiles SET hashes = zeroblob(8192)"), "ledger", "a tile of the tree altered", same("tiles"), ""),
    (by.in_database("UPDATE tree_tiles SET root = zeroblob(32)"), "ledger", "the root kept over a tile altered", same("tiles"), ""),
    (by.in_database("INSERT INTO tree_tiles SELECT id + 1, root, hashes FROM tree_tiles"), "ledger", "a tile over entries that are not there", same("tiles"), ""),
    (by.in_database("DELETE FROM tree_tiles"), "ledger", "every tile of the tree removed", same("tiles"), ""),
    (by.trigger_removed, "ledger", "the guard against changes removed from the schema", same("container"), ""),
    # the head shown with the ledger
    (partial(by.with_head, by.head_not_signed), "ledger", "the head is not signed", BAD_HEAD, ""),
    (partial(by.with_head, by.head_of_another_key), "ledger", "the head is signed by another key of the same name", BAD_HEAD, ""),
    (partial(by.with_head, by.head_of_another_origin), "ledger", "the head is of another origin", BAD_HEAD, ""),
    (partial(by.with_head, by.head_bigger), "ledger", "the head claims one entry more", BAD_HEAD, ""),
    (partial(by.with_head, by.head_bigger_signed), "ledger", "operator: the head claims one entry more, signed", BAD_HEAD, ""),
    (partial(by.with_head, by.head_of_another_ledger), "ledger", "operator: the head is another ledger's, signed", BAD_HEAD, ""),
    (by.without_witness, "ledger", "operator: the witness's line is left out", WITNESSED, NO_LINE),
    (by.witness_of_ones_own, "ledger", "operator: cosigned by a witness outside the quorum", WITNESSED, NO_LINE),
    (by.witness_of_another_head, "ledger", "operator: the witness's line is over another head", WITNESSED, NO_LINE),
    (by.held_of_another_size, "ledger", "the head held was altered: another size", HELD, ELSEWHERE),
    (by.held_forged, "ledger", "the head held was forged: another key", HELD, ELSEWHERE),
    (by.held_of_another_history, "ledger", "operator: the head held is of another history", HELD, ELSEWHERE),
    (by.stamp_missing, "ledger", "there is no time stamp", STAMPED, ELSEWHERE),
    (by.stamp_over_another, "ledger", "the time stamp is over another head", STAMPED, ELSEWHERE),
    (by.stamp_altered, "ledger", "the time stamp's instant altered", STAMPED, ELSEWHERE),
    (by.stamp_of_another_authority, "ledger", "the time stamp is of an authority nobody trusts", STAMPED, ELSEWHERE),
    # the ledger's file, by the operator, who signs what he made
    (operator(by.SHORTER), "ledger", "operator: history rewritten and signed again", ANCHORED, RESIGNED),
    (by.rewritten_under_a_statement, "ledger", "operator: history rewritten under an issued statement, and signed again", more("statements", **LATER), ""),
    (operator(by.SHORTER_LATE), "ledger", "operator: rewritten after the head held, and signed again", WITNESSED, TAIL),
    (operator(by.dropped_and_renumbered), "ledger", "operator: entries dropped without a gap, and signed again", ANCHORED, RESIGNED),
    (operator(by.CHEAPER_TERMS), "ledger", "operator: the entry of the terms replaced, and signed again", ANCHORED, RESIGNED),
    (operator(by.EARLIER_IN_ORDER), "ledger", "operator: recorded_at forged within its neighbours, and signed again", WITNESSED, TAIL),
    (operator(by.EARLIER), "ledger", "operator: recorded_at forged to before its neighbours, and signed again", more("recorded_at", **LATER), ""),
    (operator(by.dropped), "ledger", "operator: entries dropped, their versions a gap, and signed again", more("versions", **LATER), ""),
    (operator(by.SPACED), "ledger", "operator: an entry written otherwise than canonically, and signed again", more("columns, canonical form, versions", **LATER), ""),
    (partial(by.twin, stamped_in_time=False), "ledger", "operator: a second ledger from day one, written later", ANCHORED, RESIGNED),
    (partial(by.twin, stamped_in_time=True), "ledger", "operator: a second ledger from day one, kept and stamped all along", more("", held="held head", witness="witnesses"), TWIN),
    (by.clock_set_back, "ledger", "operator: facts learnt later recorded under a clock set back", STAMPED, BACKDATED),
    (by.lie_from_the_start, "ledger", "operator: an outage recorded shorter than it was, at once", same(""), FALSE),
    # published files
    (by.published_tile_changed, "published", "a tile altered", same("tiles"), ""),
    (partial(by.published_removed, "tile/0/000"), "published", "a tile removed", same("tiles"), ""),
    (partial(by.published_changed, "tile/entries/000", b"2026-01-20T19:00", b"2026-01-20T14:30"), "published", "an entry says something else", same("entries"), ""),
    (partial(by.published_removed, "tile/entries/000"), "published", "a bundle of entries removed", same("entries"), ""),
    (partial(by.with_head, by.head_not_signed), "published", "the head is not signed", more("checkpoint", witness="witnesses", stamp="time stamps"), ""),
    (partial(by.with_head, by.head_of_another_key), "published", "the head is signed by another key of the same name", more("policy", witness="witnesses", stamp="time stamps"), ""),
    (partial(by.with_head, by.head_of_another_origin), "published", "the head is of another origin", more("policy, entries", **LATER), ""),
    (partial(by.with_head, by.head_bigger), "published", "the head claims one entry more", more("policy, tiles", witness="witnesses", stamp="time stamps"), ""),
    (partial(by.with_head, by.head_bigger_signed), "published", "operator: the head claims one entry more, signed", more("tiles", witness="witnesses", stamp="time stamps"), ""),
    (partial(by.with_head, by.head_of_another_ledger), "published", "operator: the head is another ledger's, signed", more("root", witness="witnesses", stamp="time stamps"), ""),
    (partial(by.republished, by.old_copy), "published", "rolled back to what was published before", HELD, OLD),
    (partial(by.republished, operator(by.SHORTER)), "published", "operator: history rewritten and signed again", ANCHORED, RESIGNED),
    (partial(by.republished, operator(by.dropped)), "published", "operator: entries dropped, their versions a gap, and signed again", more("versions", **LATER), ""),
    (partial(by.republished, partial(by.twin, stamped_in_time=True)), "published", "operator: a second ledger from day one, kept and stamped all along", more("", held="held head", witness="witnesses"), TWIN),
    # a bundle's container
    (zipped_as(by.byte_flipped), "bundle", "a byte of the zip flipped", same("files"), ""),
    (zipped_as(by.header_flipped), "bundle", "a local header tells otherwise than the directory", same("container"), ""),
    (zipped_as(by.cut_short), "bundle", "the zip cut short", same("container"), ""),
    (zipped_as(by.bytes_after), "bundle", "a byte after the zip", same("container"), ""),
    (zipped_as(by.bytes_before), "bundle", "a script before the zip", same("not_evidence"), ""),
    (zipped_as(by.comment_added), "bundle", "a comment on the zip", same("container"), ""),
    (zipped_as(by.link), "bundle", "a file that is a symbolic link", same("container"), ""),
    (partial(by.made_by_zipfile, more=(("answers/01-availability.json", b"{}"),)), "bundle", "a name twice", same("container"), ""),
    (partial(by.member_added, "verify.py", b""), "bundle", "a name twice, the second right after the first", same("container"), ""),
    (partial(by.member_added, "../../etc/cron.d/x", b""), "bundle", "a name that climbs out of its folder", same("container"), ""),
    (partial(by.member_added, "/etc/x", b""), "bundle", "a name from the root of the disk", same("container"), ""),
    (by.bomb, "bundle", "a compressed bomb", same("container"), ""),
    (by.bomb_with_a_small_header, "bundle", "headers that promise four gigabytes", same("container"), ""),
    # a bundle's files, by somebody without the key
    (by.ENTRY_CHANGED, "bundle", "an entry says something else", same("files"), ""),
    (partial(by.by_insider, by.ENTRY_CHANGED), "bundle", "an entry says something else, and the manifest lists it", same("manifest signature, entries"), ""),
    (by.ANSWER_CHANGED, "bundle", "an answer altered", same("files"), ""),
    (partial(by.by_insider, by.ANSWER_CHANGED), "bundle", "an answer altered, and the manifest lists it", same("manifest signature, answers"), ""),
    (partial(by.file_changed, "report/report.fr.html", "97,", "99,"), "bundle", "the report altered", same("files"), ""),
    (partial(by.file_changed, "verify.py", '"FAILED"', '"ok"'), "bundle", "the verifier in the bundle altered", same("files"), ""),
    (partial(by.file_added, "answers/10-availability.json"), "bundle", "a file added", same("files"), ""),
    (partial(by.file_removed, "readings.json"), "bundle", "a file removed", same("files"), ""),
    (partial(by.file_renamed, "answers/02-maintenance.json", "answers/02-updates.json"), "bundle", "a file renamed", same("files"), ""),
    (by.manifest_changed, "bundle", "the manifest altered", same("manifest signature, answers"), ""),
    (partial(by.file_removed, "manifest.note"), "bundle", "the manifest's signature removed", same("manifest signature"), ""),
    (by.bundle_not_signed, "bundle", "every signature removed, as of a ledger without a key", more("policy", stamp="time stamps"), ""),
    (by.key_replaced, "bundle", "the key in the manifest replaced, an answer altered", same("manifest signature, answers"), ""),
    (by.head_and_key_replaced, "bundle", "history rewritten, signed throughout with a key of the liar's own", more("manifest signature, policy", held="held head", stamp="time stamps"), ""),
    # a bundle's files, listed and signed for by the operator; the head is the true one
    (signed_for(by.ENTRY_CHANGED), "bundle", "operator: an entry says something else", same("entries"), ""),
    (signed_for(by.entry_and_tiles_changed), "bundle", "operator: an entry says something else, and the tiles fit it", same("root"), ""),
    (signed_for(partial(by.file_changed, "log/entries.tsv", '"O20-b","salt":"0', '"O20-b","salt":"f')), "bundle", "operator: an entry's salt altered", same("entries"), ""),
    (signed_for(by.line_for_another_position), "bundle", "operator: an entry shown for another position", same("entries"), ""),
    (signed_for(by.lines_swapped), "bundle", "operator: two entries swapped", same("entries"), ""),
    (signed_for(by.tile_changed), "bundle", "operator: a tile altered", same("tiles"), ""),
    (signed_for(partial(by.file_removed, "log/tile/0/000")), "bundle", "operator: a tile removed", same("tiles"), ""),
    (signed_for(partial(by.file_added, "log/tile/0/002.p/1")), "bundle", "operator: a tile too many", same("tiles"), ""),
    (signed_for(by.lines_hidden("O20-a", "O20-b")), "bundle", "operator: entries of the contract left as hashes, in the middle", same("versions"), ""),
    (signed_for(by.lines_hidden("O29-a", "O29-b", "O31-a", "O31-b")), "bundle", "operator: entries of the contract left as hashes, at the end", same("versions"), ""),
    (by.tail_hidden, "bundle", "operator: the same, with manifest and answers made to fit", same(""), HIDDEN),
    (signed_for(by.ANSWER_CHANGED), "bundle", "operator: an answer altered", same("answers"), ""),
    (signed_for(by.answer_dropped), "bundle", "operator: an answer dropped", same("answers"), ""),
    (signed_for(partial(by.file_added, "answers/10-availability.json")), "bundle", "operator: an answer to nothing that was asked", same("answers"), ""),
    (signed_for(partial(by.file_changed, "answers/01-availability.json", '"overlap":"union"', '"overlap":"sum"')), "bundle", "operator: the reading an answer names altered", same("answers"), ""),
    (signed_for(partial(by.file_changed, "readings.json", '"asked":{}', '"asked":{"overlap":"sum"}')), "bundle", "operator: the reading of the questions altered", same("answers"), ""),
    (by.favourable_reading, "bundle", "operator: every question asked under a reading that suits him", same(""), READING),
    (signed_for(partial(by.file_changed, "terms/cegid-expert-2.json", '"99.5"', '"90.5"')), "bundle", "operator: the terms shown altered", same("terms and calendars"), ""),
    (signed_for(partial(by.file_removed, "terms/cegid-expert-2.json")), "bundle", "operator: the terms left out", same("terms and calendars"), ""),
    (signed_for(partial(by.file_changed, "calendars/fr-3.json", '"2026-01-01"', '"2026-01-02"')), "bundle", "operator: the calendar shown altered", same("terms and calendars"), ""),
    (signed_for(partial(by.file_changed, "report/report.fr.html", "97,", "99,")), "bundle", "operator: the report altered", same("report"), ""),
    (signed_for(partial(by.file_changed, "verify.py", '"FAILED"', '"ok"')), "bundle", "operator: the verifier in the bundle altered", same(""), SOFTWARE),
    (partial(by.manifest_tells, first="2025-12"), "bundle", "operator: the manifest names another period", same("answers"), ""),
    (partial(by.manifest_tells, contract="C2"), "bundle", "operator: the manifest names another contract", same("versions"), ""),
    (partial(by.manifest_tells, known_at="2026-01-25T00:00:00Z"), "bundle", "operator: the manifest names another instant of knowledge", same("recorded_at"), ""),
    (partial(by.manifest_tells, streams={"contract:C1": 9, "ledger": 4}), "bundle", "operator: the manifest leaves a stream out", same("entries"), ""),
    (by.manifest_spaced, "bundle", "operator: the manifest is not canonical: spaces", same("manifest"), ""),
    (by.manifest_key_twice, "bundle", "operator: the manifest is not canonical: a key twice", same("manifest"), ""),
    # a bundle's head, its proofs and tokens
    (partial(by.bundle_head, by.head_not_signed), "bundle", "operator: the head is not signed", same("checkpoint"), ""),
    (partial(by.bundle_head, by.head_of_another_key), "bundle", "operator: the head is signed by another key of the same name", more("policy", stamp="time stamps"), ""),
    (partial(by.bundle_head, by.head_of_another_origin), "bundle", "operator: the head is of another origin", more("manifest signature, policy, held head, entries", stamp="time stamps"), ""),
    (partial(by.bundle_head, by.head_bigger), "bundle", "the head claims one entry more", more("policy, tiles", stamp="time stamps"), ""),
    (partial(by.bundle_head, by.head_bigger_signed), "bundle", "operator: the head claims one entry more, signed", more("tiles", witness="witnesses", stamp="time stamps"), ""),
    (partial(by.bundle_head, by.head_of_another_ledger), "bundle", "operator: the head is another ledger's, signed", more("root", witness="witnesses", stamp="time stamps"), ""),
    (partial(by.bundle_head_by, by.without_witness), "bundle", "operator: the witness's line is left out", WITNESSED, NO_LINE),
    (partial(by.bundle_head_by, by.witness_of_ones_own), "bundle", "operator: cosigned by a witness outside the quorum", WITNESSED, NO_LINE),
    (partial(by.bundle_head_by, by.witness_of_another_head), "bundle", "operator: the witness's line is over another head", more("", witness="policy", stamp="time stamps"), NO_LINE),
    (signed_for(by.proof_dropped), "bundle", "operator: the proof from an earlier head dropped", same("held head"), ""),
    (signed_for(by.proof_changed), "bundle", "operator: the proof from an earlier head altered", same("held head"), ""),
    (partial(by.stamps, by.stamp_missing), "bundle", "operator: there is no time stamp", STAMPED, ELSEWHERE),
    (partial(by.stamps, by.stamp_over_another), "bundle", "operator: the time stamp is over another head", same("time stamps"), ""),
    (partial(by.stamps, by.stamp_altered), "bundle", "operator: the time stamp's instant altered", STAMPED, ELSEWHERE),
    (partial(by.stamps, by.stamp_of_another_authority), "bundle", "operator: the time stamp is of an authority nobody trusts", STAMPED, ELSEWHERE),
    # a bundle truly exported from a ledger that was made into another
    (by.old_bundle, "bundle", "an old bundle shown again", HELD, OLD),
    (partial(by.whole_bundle, by.SHORTER), "bundle", "operator: history rewritten and signed again", ANCHORED, RESIGNED),
    (partial(by.whole_bundle, by.SHORTER_LATE), "bundle", "operator: rewritten after the head held, and signed again", WITNESSED, TAIL),
    (partial(by.whole_bundle, by.CHEAPER_TERMS), "bundle", "operator: the entry of the terms replaced, and signed again", ANCHORED, RESIGNED),
    (partial(by.whole_bundle, by.EARLIER_IN_ORDER), "bundle", "operator: recorded_at forged within its neighbours, and signed again", WITNESSED, TAIL),
    (partial(by.log_bundle, by.EARLIER), "bundle", "operator: recorded_at forged to before its neighbours, and signed again", more("recorded_at", **LATER), ""),
    (partial(by.log_bundle, by.dropped), "bundle", "operator: entries dropped, their versions a gap, and signed again", more("versions", **LATER), ""),
    (partial(by.log_bundle, by.SPACED), "bundle", "operator: an entry written otherwise than canonically, and signed again", more("canonical form", **LATER), ""),
    (partial(by.twin_bundle, stamped_in_time=False), "bundle", "operator: a second ledger from day one, written later", ANCHORED, RESIGNED),
    (partial(by.twin_bundle, stamped_in_time=True), "bundle", "operator: a second ledger from day one, kept and stamped all along", more("", held="held head", witness="witnesses"), TWIN),
    # a receipt; with a head held, `growth` is the proof that the receipt's head goes on from it
    (by.receipt_entry_changed, "receipt", "the entry says something else", same("bad_proof"), ""),
    (by.receipt_for_another_index, "receipt", "it is of another position", same("bad_proof"), ""),
    (by.receipt_path_changed, "receipt", "a hash of the proof altered", same("bad_proof"), ""),
    (by.receipt_of_another_ledger, "receipt", "it is of another ledger", more("bad_note", held="growth", stamp="time stamps"), ""),
    (partial(by.receipt_under_another_head, by.head_not_signed), "receipt", "the head is not signed", more("bad_note", held="growth", stamp="time stamps"), ""),
    (partial(by.receipt_under_another_head, by.head_of_another_key), "receipt", "the head is signed by another key of the same name", more("bad_note", held="growth", stamp="time stamps"), ""),
    (partial(by.receipt_under_another_head, by.head_of_another_origin), "receipt", "the head is of another origin", more("bad_note", held="growth", stamp="time stamps"), ""),
    (partial(by.receipt_under_another_head, by.head_bigger), "receipt", "the head claims one entry more", more("bad_note", held="growth", stamp="time stamps"), ""),
    (partial(by.receipt_under_another_head, by.head_bigger_signed), "receipt", "operator: the head claims one entry more, signed", more("", witness="no_quorum", stamp="time stamps"), SIZE),
    (partial(by.receipt_under_another_head, by.head_of_another_ledger), "receipt", "operator: the head is another ledger's, signed",
     dict(zip(ANCHORS, ("bad_proof", "bad_proof, growth", "no_quorum", "bad_proof, time stamps", "no_quorum, growth, time stamps"), strict=True)), ""),
    (partial(by.receipt_under_another_head, by.head_without_witness), "receipt", "operator: the witness's line is left out", more("", witness="no_quorum", stamp="time stamps"), NO_LINE),
    (partial(by.receipt_of, operator(by.SHORTER)), "receipt", "operator: history rewritten and signed again", more("", held="growth", witness="no_quorum", stamp="time stamps"), RESIGNED),
    (partial(by.receipt_of, partial(by.twin, stamped_in_time=True)), "receipt", "operator: a second ledger from day one, kept and stamped all along", more("", held="growth", witness="no_quorum"), TWIN),
)  # fmt: skip


# --- the verifier's side ---


def failed(case: Case, on: str, anchors: frozenset[str]) -> list[str]:
    """The checks that fail; nothing where the lie stands."""
    looked = {"ledger": in_ledger, "bundle": in_bundle, "published": in_published, "receipt": in_receipt}[on]
    try:
        return sorted(looked(case, anchors))
    except Refused as no:
        return [no.code]


def trust_of(case: Case, anchors: frozenset[str]) -> Trust:
    policy = case.scene.policy if "witness" in anchors else None
    return Trust(keys=(case.scene.key.verifier,), policy=policy, held=case.held if "held" in anchors else None)


def is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except Refused:
        return True
    return False


def not_stamped(case: Case, token: bytes | None, head: bytes) -> bool:
    """Whether the authority the verifier trusts did not see this head by the day it had to be seen."""
    if token is None:
        return True
    told = []
    return is_refused(lambda: told.append(timestamps.verify(token, head, case.scene.roots))) or told[0] > case.scene.deadline


def beside(case: Case, anchors: frozenset[str]) -> list[str]:
    """What is checked of a head and token that come beside what they are about."""
    found = []
    if "witness" in anchors and is_refused(lambda: accept(case.scene.policy, case.head)):
        found.append("witnesses")
    if "stamp" in anchors and not_stamped(case, case.stamp, case.head):
        found.append("time stamps")
    return found


def in_ledger(case: Case, anchors: frozenset[str]) -> list[str]:
    """`verify` of a ledger against the head that came with it, then against the head held."""
    key = case.scene.key.verifier
    checks = verify(str(case.ledger), Trust(keys=(key,), held=case.head)).checks
    wrong = [check.check for check in checks if check.state == "FAILED"]
    found = [name for name in wrong if name != "held head"]
    if "held head" in wrong or is_refused(lambda: open_checkpoint(case.head, [key])):
        found.append("signed head")
    if "held" in anchors:
        again = verify(str(case.ledger), trust_of(case, anchors)).checks
        found += [check.check for check in again if (check.check, check.state) == ("held head", "FAILED")]
    return found + beside(case, anchors)


def in_bundle(case: Case, anchors: frozenset[str]) -> list[str]:
    path = case.folder / "bundle.zip"
    path.write_bytes(by.zipped(case.bundle) if case.raw is None else case.raw)
    outsider = by_outsider(case, path, anchors)
    try:
        states = {check.check: check.state for check in verify(str(path), trust_of(case, anchors)).checks}
    except Refused:
        assert outsider["container"] == "FAILED"
        raise
    check_agreement(case, states, outsider, anchors)
    wrong = [name for name, state in states.items() if state == "FAILED"]
    if "stamp" in anchors and states["checkpoint"] == "ok" and "time stamps" not in wrong:
        with zipfile.ZipFile(path) as files:
            tokens = [files.read(name) for name in files.namelist() if name.endswith(".tsr")]
            names = files.namelist()
            head = files.read("log/checkpoint") if "log/checkpoint" in names else b""
        if not_stamped(case, tokens[0] if tokens else None, head):
            wrong.append("time stamps")
    return wrong


def in_published(case: Case, anchors: frozenset[str]) -> list[str]:
    found = [check.check for check in verify(str(case.www), trust_of(case, anchors)).checks if check.state == "FAILED"]
    return found + [name for name in beside(case, anchors) if name not in found]


def in_receipt(case: Case, anchors: frozenset[str]) -> list[str]:
    """A receipt under the key or policy; with a head held, the proof that the receipt's head goes on from it."""
    key = case.scene.key.verifier
    trust = case.scene.policy if "witness" in anchors else key
    try:
        verify_receipt(case.entry, case.receipt, trust)
        found = []
    except Refused as no:
        found = [no.code]
    if "held" in anchors:
        held = open_checkpoint(case.held, [key])
        found += ["growth"] if is_refused(lambda: check_extension(case.growth, held, [key])) else []
    if "stamp" in anchors and not_stamped(case, case.stamp, case.receipt.partition(b"\n\n")[2]):
        found.append("time stamps")
    return found


def by_outsider(case: Case, path: Path, anchors: frozenset[str]) -> dict[str, str]:
    """What the verifier shipped in the bundle says; run from here, as one that came from elsewhere."""
    with path.open("rb") as file:
        found = Verifier(file, str(case.scene.key.verifier), case.held if "held" in anchors else None).results
    return {name: state for name, (state, _) in found.items()}


def check_agreement(case: Case, ours: dict[str, str], theirs: dict[str, str], anchors: frozenset[str]) -> None:
    """Both verifiers FAIL the same checks, as far as the second one looks."""
    aside = {"witnesses", "answers", "report"}  # which it leaves to the software
    aside |= {"policy"} if "witness" in anchors else set()  # it takes a key, no policy
    if [case.bundle.get(name) for name in PROOFS] != [case.scene.bundle[name] for name in PROOFS]:
        aside.add("held head")  # it has the tiles prove what the proofs would, and leaves those unread
    assert set(ours) == set(theirs)
    for name in set(ours) - aside:
        both = {ours[name], theirs[name]}
        assert both != {"ok", "FAILED"}, f"{name}: {ours[name]} here, {theirs[name]} there"
        if ours[name] == "FAILED" and theirs[name] == "not checked":
            assert "FAILED" in theirs.values(), f"{name}: the second verifier passes it over"
    if "FAILED" in theirs.values():
        assert "FAILED" in ours.values()


# --- the table, held against the code ---


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("attacks"))


@pytest.mark.parametrize("on", ["ledger", "bundle", "published", "receipt"])
@pytest.mark.parametrize("anchors", ANCHORS.values(), ids=ANCHORS)
def test_what_is_honest_fails_nowhere(scene: Scene, tmp_path: Path, on: str, anchors: frozenset[str]) -> None:
    assert failed(make_case(scene, tmp_path, on), on, anchors) == []


@pytest.mark.parametrize("row", TABLE, ids=[f"{on}-{what}".replace(" ", "_") for _, on, what, _, _ in TABLE])
def test_each_attack_comes_to_what_the_table_says(scene: Scene, tmp_path: Path, row: tuple[Attack, str, str, Cells, str]) -> None:
    attack, on, _, cells, _ = row
    case = make_case(scene, tmp_path, on)
    attack(case)
    assert {name: failed(case, on, ANCHORS[name]) for name in cells} == {name: sorted(told.split(", ")) if told else [] for name, told in cells.items()}


def test_the_table_is_whole_and_every_empty_cell_has_its_reason() -> None:
    assert len(TABLE) >= 30
    assert len({(on, what) for _, on, what, _, _ in TABLE}) == len(TABLE)
    for _, on, what, cells, why in TABLE:
        assert tuple(cells) == tuple(ANCHORS), (on, what)
        assert bool(why) == ("" in cells.values()), (on, what)


def test_what_more_anchors_find_fewer_do_not_miss() -> None:
    for _, on, what, cells, _ in TABLE:
        assert cells["all"] or not any(cells.values()), (on, what)


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        (zipped_as(by.header_flipped), "the header of 'manifest.json' is not as the directory tells"),
        (zipped_as(by.cut_short), "cut short, or bytes after it"),
        (zipped_as(by.bytes_after), "cut short, or bytes after it"),
        (zipped_as(by.comment_added), "cut short, or bytes after it"),
        (zipped_as(by.link), "no plain file of mode 0644"),
        (partial(by.member_added, "verify.py", b""), "stands twice"),
        (partial(by.member_added, "../../etc/cron.d/x", b""), "a name no bundle has: '../../etc/cron.d/x'"),
        (partial(by.member_added, "/etc/x", b""), "a name no bundle has: '/etc/x'"),
        (by.bomb, "'manifest.json' is compressed"),
        (by.bomb_with_a_small_header, "the header of 'verify.py' is not as the directory tells"),
    ],
)  # fmt: skip
def test_a_container_is_refused_for_the_attack_and_nothing_else(scene: Scene, tmp_path: Path, attack: Attack, why: str) -> None:
    case = make_case(scene, tmp_path, "bundle")
    attack(case)
    (tmp_path / "bundle.zip").write_bytes(case.raw or b"")
    (check,) = [check for check in verify(str(tmp_path / "bundle.zip")).checks if check.state == "FAILED"]
    assert (check.check, why in check.detail) == ("container", True), check.detail


def test_no_flipped_byte_of_an_entry_keeps_the_signed_head(scene: Scene, tmp_path: Path) -> None:
    """Those that leave no JSON, too: the file is altered as it is, and its columns stay."""
    state = scene.entry
    for at in range(0, len(state), 5):
        case = make_case(scene, tmp_path, "ledger")
        flipped = (state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :]).hex()
        by.in_database(f"UPDATE stored_events SET state = x'{flipped}' WHERE position = 11")(case)
        assert {"tiles", "signed head"} <= set(failed(case, "ledger", frozenset())), at


def test_no_flipped_byte_of_a_bundle_goes_unseen_by_either_verifier(scene: Scene, tmp_path: Path) -> None:
    case = make_case(scene, tmp_path, "bundle")
    whole = by.zipped(case.bundle)
    for at in range(0, len(whole), len(whole) // 60):
        case.raw = whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]
        assert failed(case, "bundle", frozenset()), at
