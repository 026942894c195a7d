"""The dossier of a dispute: everything a judge needs on pages, and the evidence beside them, in one deterministic zip.

Facts in the order they were recorded, the clauses at stake with both readings, each verdict with its workings, what
was known when, what would turn it, receipts of the entries relied on; English and French, HTML and PDF, and the
bundle that `verify` checks. The container follows the bundle's own rules, so the same dispute at the same knowledge
gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import msgspec

from ledger.book import Ledger
from ledger.codec import payload_of, topic_of
from ledger.errors import Refused
from ledger.heads import receipt
from ledger.history import History
from ledger.notes import SignerKey
from ledger.spans import moment, seconds
from ledger.tree import node_of
from ledger.workdays import Calendar, add_months, iso_week
from projections.asking import Answer, ask
from projections.frame import Frames
from projections.obligations import OBLIGATIONS
from projections.questions import question, read
from projections.tally import month_of
from replays.as_of import Comparison, compare
from replays.bundle import MANIFEST
from replays.checks import Progress
from replays.disputes import Dispute, dispute
from replays.dossier_pages import html, pdf
from replays.dossier_sections import pages
from replays.dossier_texts import LANGUAGES
from replays.dossier_told import Dossier, Fact
from replays.export import Wanted, export_bundle
from replays.hindsight import Hindsight, Known, hindsight
from replays.outputs import free, whole
from replays.pictures import pictures
from replays.readings import sensitivity
from replays.words import moments
from replays.words.language import languages

FORMAT = "service-ledger-dossier/1"

Days = tuple[date, date]  # both included
MOST_WALKED = 1000  # entries learnt since the end of a period, one by one; beyond, since the opening of the dispute


def gather(
    book: Ledger, contract: str, name: str, known_at: datetime, progress: Progress | None = None
) -> Dossier:
    """Replays the dispute. Raises `Refused`: `unknown_dispute`, and what asking its question raises."""
    history = book.history(contract, known_at=known_at)
    found = dispute(history, name)
    asked = question(found.question)
    values = read(asked, found.params)
    opened_at = moment(moments.seconds_of(found.opened_at))

    def answer(when: datetime, reading: Mapping[str, str]) -> Answer:
        params: dict[str, Any] = dict(found.params)
        return ask(book, asked.name, contract=contract, known_at=when, reading=reading, **params)

    answers = {"at_opening": answer(opened_at, {}), "now": answer(known_at, {})}
    if found.decided_reading:
        answers["as_decided"] = answer(known_at, found.decided_reading)
    calendar = Frames(history).at(seconds(opened_at)).calendar
    period = _period(values)
    first_at = _first_at(history, calendar, values, period, opened_at)
    if not _is_known(book.history(contract, known_at=first_at)):  # recorded once the period was over
        first_at = opened_at
    if first_at < opened_at:
        answers = {"at_first": answer(first_at, {}), **answers}
    since = book.history(contract, known_at=first_at)
    if "month" not in values and len(history.known_positions()) - len(since.known_positions()) > MOST_WALKED:
        since = book.history(contract, known_at=opened_at)
    comparison = compare(since, history, asked, values, {}, progress)
    back = hindsight(history, Frames(history), *period) if period else None
    return Dossier(
        dispute=found,
        contract=contract,
        zone=calendar.zone,
        known_at=known_at,
        period=period,
        answers=answers,
        comparison=comparison,
        sensitivity=sensitivity(history, asked, values, {}, progress),
        months=tuple(m for m in back.months if m.month == values.get("month")) if back else (),
        breaches=_breaches(back, asked.name),
        facts=_facts(book, history, found, [*answers.values()], comparison),
        pictures=pictures(history, asked.name, period, answers["now"].result, answers["now"].workings),
    )


def _period(values: Mapping[str, Any]) -> Days | None:
    """The first and last day a question is about, both included; None where it names no period."""
    if "month" in values:
        return _first_day(values["month"]), add_months(_first_day(values["month"]), 1) - timedelta(days=1)
    if "start" in values:
        return values["start"], add_months(values["start"], 12) - timedelta(days=1)
    if "first" not in values:
        return None
    last = values["last"]
    if isinstance(last, str):
        first_of_last = _first_day(last)
        last = first_of_last + timedelta(days=6) if "W" in last else add_months(first_of_last, 1) - timedelta(days=1)
    return _first_day(values["first"]), last


def _first_day(value: Any) -> date:
    if isinstance(value, date):
        return value
    return iso_week(value) if "W" in value else date.fromisoformat(f"{value}-01")


def _first_at(
    history: History, calendar: Calendar, values: Mapping[str, Any], period: Days | None, opened_at: datetime
) -> datetime:
    """The end of the period in dispute, when its verdict was first due; else, or if later, the opening."""
    if "month" in values:
        return min(moment(month_of(history, Frames(history), values["month"])[2][1]), opened_at)
    return opened_at if period is None else min(moment(calendar.day(*period)[1]), opened_at)


def _is_known(then: History) -> bool:
    """Whether the contract was known then."""
    try:
        return then.started is not None
    except Refused as no:
        if no.code != "unknown_contract":
            raise
        return False


def _breaches(back: Hindsight | None, asked: str) -> tuple[Known, ...]:
    """The breaches of the period that are of what the question judges."""
    if back is None:
        return ()
    judged = {each.id for each in OBLIGATIONS if asked == "breaches" or each.rule.endswith(f":{asked}")}
    return tuple(known for known in back.breaches if known.obligation in judged)


HAPPENED = ("at", "started_at", "requested_at", "published_at", "from", "known_at")


def _facts(
    book: Ledger, history: History, found: Dispute, answers: Iterable[Answer], comparison: Comparison
) -> tuple[Fact, ...]:
    """The entries relied on, in the order of positions, each with what it says and its leaf hash."""
    wanted = set(found.because) | {s.position for s in comparison.steps if s.position is not None}
    wanted |= {position for answer in answers for position in answer.because}
    node = node_of(book.store, book.position)
    frame = {p for fact in (*history.frame, history.started) for p in fact.positions}
    rows = []
    for entries in history.streams.values():
        for position, entry in entries:
            if position in wanted:
                recorded = entry.recorded_at.isoformat(timespec="seconds").replace("+00:00", "Z")
                payload = payload_of(entry.event)
                said = payload.get("data") if isinstance(payload.get("data"), dict) else payload
                moments_said = [said[name] for name in HAPPENED if said and isinstance(said.get(name), str)]
                happened = moments.seconds_of((moments_said or [recorded])[0])
                rows.append(
                    Fact(
                        position=position,
                        recorded_at=recorded,
                        stream=entry.stream,
                        kind=topic_of(entry.event),
                        payload=payload,
                        happened_at=None if position in frame else happened,
                        leaf_hash=node(0, position - 1).hex(),
                    )
                )
    return tuple(sorted(rows, key=lambda fact: fact.position))


# --- the file ---


def write_dossier(
    book: Ledger,
    contract: str,
    name: str,
    known_at: datetime,
    out: Path,
    *,
    with_pdf: bool = True,
    checkpoint: bytes | None = None,
    key: SignerKey | None = None,
    progress: Progress | None = None,
) -> Dossier:
    """Writes the dossier of a dispute to `out`, whole or not at all; the same arguments give the same bytes.

    Under a signed `checkpoint` of this ledger it holds a receipt (a C2SP tlog-proof) for each entry relied on;
    `key`, which must have signed it, signs the bundle's manifest too. Raises `Refused`: as `gather`;
    `head_conflict`; `file_exists`; `store_failed`; `missing_extra` without the reports extra, unless `with_pdf` is
    false.
    """
    free(out)
    told = gather(book, contract, name, known_at, progress)
    files: dict[str, bytes] = {}
    for language in languages(told.zone):
        words = LANGUAGES[language.code]
        title = f"{words['title']} {name}"
        blocks = pages(told, language)
        files[f"dossier.{language.code}.html"] = html(language.code, title, blocks)
        if with_pdf:
            files[f"dossier.{language.code}.pdf"] = pdf(language.code, title, words["page"], blocks)
    files["bundle.zip"] = _evidence(book, told, out, checkpoint, key, progress)
    if checkpoint is not None:
        for fact in told.facts:
            files[f"receipts/{fact.position}.proof"] = receipt(book.store, fact.position, checkpoint)
    files[MANIFEST] = _manifest(told, files)
    with whole(out) as part, part.open("wb") as file:
        write_zip(file, files)
    return told


def write_zip(out: BinaryIO, files: Mapping[str, bytes]) -> None:
    """Stored as they are, the manifest first, nothing in the headers but names and sizes: as a bundle is."""
    with ZipFile(out, "w", ZIP_STORED) as archive:
        for path in sorted(files, key=lambda name: (name != MANIFEST, name)):
            member = ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o100644 << 16
            archive.writestr(member, files[path])


def _evidence(
    book: Ledger, told: Dossier, out: Path, checkpoint: bytes | None, key: SignerKey | None, progress: Progress | None
) -> bytes:
    """The bundle of the months the dispute is about: those of its period, of the moment it names, of its opening."""
    named = [value[:7] for key, value in told.dispute.params.items() if key in ("at", "on")]
    months = [f"{day:%Y-%m}" for day in told.period] if told.period else named or [told.dispute.opened_at[:7]]
    part = out.with_name(f"{out.name}.bundle.part")
    wanted = Wanted(
        contract=told.contract, first=months[0], last=months[-1], known_at=told.known_at, checkpoint=checkpoint,
        key=key,
    )  # fmt: skip
    try:
        part.unlink(missing_ok=True)  # what a kill left of an earlier one
        export_bundle(book, wanted, part, progress)
        return part.read_bytes()
    except Refused as no:  # of the file that was asked for, not of what lies beside it meanwhile
        raise Refused(no.code, no.message.replace(str(part), str(out))) from None
    finally:
        part.unlink(missing_ok=True)


def _manifest(told: Dossier, files: Mapping[str, bytes]) -> bytes:
    import rfc8785

    listed: list[Any] = [
        {"path": path, "bytes": len(data), "sha256": sha256(data).hexdigest()} for path, data in sorted(files.items())
    ]
    return rfc8785.dumps({"format": FORMAT, "dispute": told.dispute.dispute, "contract": told.contract,
                          "known_at": str(msgspec.to_builtins(told.known_at)),
                          "position": told.answers["now"].position, "files": listed})  # fmt: skip
