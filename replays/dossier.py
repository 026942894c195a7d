"""The dossier of a dispute: everything a judge needs on pages, and the evidence beside them, in one deterministic zip.

Facts in the order they were recorded, the clauses at stake with both readings, each verdict with its workings, what
was known when, what would turn it, receipts of the entries relied on; English and French, HTML and PDF, and the
bundle that `verify` checks. The container follows the bundle's own rules, so the same dispute at the same knowledge
gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import msgspec
from msgspec import Struct

from ledger.book import Ledger
from ledger.codec import payload_of, topic_of
from ledger.history import History
from ledger.readings import switch_named
from ledger.spans import moment, seconds
from ledger.tree import node_of
from projections.asking import Answer, ask
from projections.finding import text
from projections.frame import Frames
from projections.questions import question, read
from projections.tally import month_of
from replays import timeline
from replays.as_of import Comparison, compare, leaves
from replays.bundle import MANIFEST
from replays.disputes import Dispute, dispute
from replays.dossier_pages import Block, heading, html, pdf, picture, sentence, table
from replays.dossier_texts import LANGUAGES
from replays.export import Wanted, export_bundle
from replays.hindsight import Month, hindsight
from replays.pictures import month_data
from replays.readings import Sensitivity, sensitivity, verdict

FORMAT = "service-ledger-dossier/1"
BANDS = {"kept": "#8dc891", "broken": "#c43c39", "not_judged": "#d9d9d9"}
MOST_CHANGES = 6  # of one row; the answers in the bundle hold all


class Dossier(Struct, frozen=True, kw_only=True):
    """What a dossier tells, before it is put in words."""

    dispute: Dispute
    contract: str
    known_at: datetime
    answers: dict[str, Answer]  # by when and under which reading, in the order they are shown
    comparison: Comparison
    sensitivity: Sensitivity
    months: tuple[Month, ...]
    facts: tuple[tuple[str, ...], ...]
    pictures: dict[str, Any]


def gather(book: Ledger, contract: str, name: str, known_at: datetime) -> Dossier:
    """Replays the dispute. Raises `Refused`: `unknown_dispute`, and what asking its question raises."""
    history = book.history(contract, known_at=known_at)
    found = dispute(history, name)
    asked = question(found.question)
    values = read(asked, found.params)
    opened_at = moment(seconds(_instant(found.opened_at)))

    def answer(when: datetime, reading: Mapping[str, str]) -> Answer:
        params: dict[str, Any] = dict(found.params)
        return ask(book, asked.name, contract=contract, known_at=when, reading=reading, **params)

    answers = {"at_opening": answer(opened_at, {}), "now": answer(known_at, {})}
    if found.decided_reading:
        answers["as_decided"] = answer(known_at, found.decided_reading)
    since = book.history(contract, known_at=_since(history, values, opened_at))
    comparison = compare(since, history, asked, values, {})
    return Dossier(
        dispute=found,
        contract=contract,
        known_at=known_at,
        answers={"at_first": comparison.first, **answers},
        comparison=comparison,
        sensitivity=sensitivity(history, asked, values, {}),
        months=_months(history, values),
        facts=_facts(book, history, found, answers.values(), comparison),
        pictures=month_data(history, values),
    )


def _instant(written: str) -> datetime:
    return datetime.fromisoformat(written.replace("Z", "+00:00"))


def _since(history: History, values: Mapping[str, Any], opened_at: datetime) -> datetime:
    """The end of the month in dispute, when its verdict was first due; else, or if later, the opening."""
    if "month" not in values:
        return opened_at
    _, _, span = month_of(history, Frames(history), values["month"])
    return min(moment(span[1]), opened_at)


def _months(history: History, values: Mapping[str, Any]) -> tuple[Month, ...]:
    if "month" not in values:
        return ()
    frame, _, span = month_of(history, Frames(history), values["month"])
    last = frame.calendar.local_date(span[1] - 1)
    first = frame.calendar.local_date(span[0])
    found = hindsight(history, Frames(history), first, last)
    return tuple(month for month in found.months if month.month == values["month"])


def _facts(
    book: Ledger, history: History, found: Dispute, answers: Iterable[Answer], comparison: Comparison
) -> tuple[tuple[str, ...], ...]:
    """The entries relied on, in the order of positions, each with what it says and its leaf hash."""
    wanted = set(found.because) | {s.position for s in comparison.steps if s.position is not None}
    wanted |= {position for answer in answers for position in answer.because}
    node = node_of(book.store, book.position)
    rows = []
    for entries in history.streams.values():
        for position, entry in entries:
            if position in wanted:
                said = {k: v for k, v in payload_of(entry.event).items() if k not in ("content", "lists")}
                recorded = entry.recorded_at.isoformat(timespec="seconds").replace("+00:00", "Z")
                row = (recorded, entry.stream, topic_of(entry.event), _plain(said), node(0, position - 1).hex())
                rows.append((position, row))
    return tuple((str(position), *row) for position, row in sorted(rows))


# --- pages ---


def pages(told: Dossier, language: str) -> list[Block]:
    """The dossier in a language, as blocks."""
    t = LANGUAGES[language]
    return [
        heading(f"{t['title']} {told.dispute.dispute}", 1),
        sentence(t["intro"]),
        *_matter(told, t),
        *_verdicts(told, t),
        *_month(told, t),
        *_learnt(told, t),
        *_clauses(told, t),
        *_levers(told, t),
        heading(t["workings"]),
        table((t["item"], t["value"]), [(k, _plain(v)) for k, v in _figures(told.answers["now"].workings).items()]),
        heading(t["facts"]),
        table([t[n] for n in ("position", "recorded", "stream", "type", "fact", "receipt")], told.facts),
        heading(t["how"]),
        sentence(t["how_note"]),
    ]


def _matter(told: Dossier, t: Mapping[str, str]) -> list[Block]:
    found, now = told.dispute, told.answers["now"]
    rows = [
        (t["contract"], told.contract), (t["question"], f"{_word(found.question, t)}, {_plain(found.params)}"),
        (t["reason"], found.reason), (t["opened"], found.opened_at), (t["by"], _word(found.opened_by, t)),
        (t["state"], _word(found.state, t)), (t["known_at"], str(now.known_at)), (t["position"], str(now.position)),
        (t["terms"], f"{now.terms}; {now.calendar}; tzdata {now.tz}; service-ledger {now.software}"),
    ]  # fmt: skip
    blocks = [heading(t["matter"]), table((t["item"], t["value"]), rows), heading(t["course"])]
    course = [
        (line["at"], str(line["position"]), line["what"], _word(line["by"], t), line["says"] or "–",
         _plain(line["evidence"]))
        for line in found.timeline
    ]  # fmt: skip
    blocks.append(table([t[n] for n in ("at", "position", "what", "by", "says", "evidence")], course))
    if found.decision:
        decided = f"{t['decision']}: {found.decision} ({_plain(found.decided_reading)}). {t['decided_note']}"
        blocks.append(sentence(decided))
    return blocks


def _verdicts(told: Dossier, t: Mapping[str, str]) -> list[Block]:
    """Each answer a column, each figure a row; the verdict first."""
    columns = {name: leaves(answer.result) for name, answer in told.answers.items()}
    rows = [[t["verdict"], *(t[verdict(a.question, a.result)] for a in told.answers.values())]]
    for path in dict.fromkeys(path for found in columns.values() for path in found):
        rows.append([_word(path, t), *(_word(found.get(path), t) for found in columns.values())])
    return [heading(t["verdicts"]), table((t["figure"], *(t[name] for name in columns)), rows)]


def _month(told: Dossier, t: Mapping[str, str]) -> list[Block]:
    if not told.pictures:
        return []
    kinds = {bar.kind for bar in told.pictures["bars"]}
    legend = [(kind, t[kind]) for kind in timeline.FILLS if kind in kinds]
    drawn = timeline.month(told.pictures["days"], told.pictures["bars"], legend)
    found = {kind: told.pictures["nights"][kind] for kind in timeline.NIGHTS}
    calendar = timeline.nights(found, [(kind, t[kind]) for kind, days in found.items() if days])
    blocks = [heading(t["month"]), picture(drawn, t["month_caption"]), heading(t["nights"])]
    return [*blocks, picture(calendar, t["nights_caption"])]


def _learnt(told: Dossier, t: Mapping[str, str]) -> list[Block]:
    steps = [step for step in told.comparison.steps if step.position is not None]
    blocks = [heading(t["learnt"]), sentence(t["learnt_note"])]
    if not steps:
        return [*blocks, sentence(t["no_step"])]
    rows = [
        (str(n), step.learnt_at, str(step.position), step.type, step.says, _changes(step.changes), _changes(step.alone))
        for n, step in enumerate(steps, 1)
    ]
    heads = [t[name] for name in ("number", "at", "position", "type", "says", "moved", "alone")]
    return [*blocks, picture(_line(told, t), t["knowledge_caption"]), table(heads, rows)]


def _line(told: Dossier, t: Mapping[str, str]) -> str:
    """Marks from the earlier knowledge to now, the line coloured by the verdict after each."""
    first, asked = told.comparison.first, told.dispute.question
    begin, end = seconds(_instant(str(first.known_at))), seconds(told.known_at)
    state: str = verdict(asked, first.result)
    marks = [timeline.Mark(0.0, "", "", state)]
    for n, step in enumerate([s for s in told.comparison.steps if s.position is not None], 1):
        turned = step.changes.get("breach")
        if turned is not None:
            state = {True: "broken", False: "kept", None: "not_judged"}[turned[1]]
        place = (seconds(_instant(step.learnt_at)) - begin) / max(end - begin, 1)
        marks.append(timeline.Mark(min(max(place, 0.0), 1.0), str(n), step.says, state))
    states = {name: (colour, t[name]) for name, colour in BANDS.items()}
    return timeline.knowledge(marks, text(begin)[:10], text(end)[:10], states)


def _clauses(told: Dossier, t: Mapping[str, str]) -> list[Block]:
    found = told.sensitivity
    tried = f"{found.readings} {t['tried']}: {t[found.outcome]}; {t[f'coverage_{found.coverage}']}."
    blocks = [heading(t["clauses"]), sentence(t["clauses_note"]), sentence(tried)]
    reading = told.answers["now"].reading
    rows = []
    for flip in found.flips:
        if flip.changes:
            said = dict(switch_named(flip.switch).choices)
            taken, other = reading[flip.switch], flip.value
            rows.append((f"{flip.article} ({flip.ambiguity})", f"{flip.switch}={taken}: {said[taken]}",
                         f"{flip.switch}={other}: {said[other]}", t[flip.verdict], _changes(flip.changes)))  # fmt: skip
    if not rows:
        return [*blocks, sentence(t["no_clause"])]
    return [*blocks, table([t[n] for n in ("article", "reading", "other", "other_verdict", "changes")], rows)]


def _levers(told: Dossier, t: Mapping[str, str]) -> list[Block]:
    blocks: list[Block] = []
    for found in told.months:
        blocks += [heading(t["levers"]), sentence(f"{t['spare']}: {found.spare_seconds}")]
        rows = [(lv.shown, lv.ground or "–", f"{lv.seconds:+}", t["yes"] if lv.turns else t["no"], _plain(lv.positions))
                for lv in found.levers]  # fmt: skip
        if rows:
            blocks.append(table([t[n] for n in ("shown", "ground", "seconds", "turns", "position")], rows))
    return blocks


def _word(value: Any, t: Mapping[str, str]) -> str:
    """A value in the page's language where it has a word for it."""
    plain = _plain(value)
    return t.get(plain, plain)


def _figures(workings: Any) -> dict[str, Any]:
    return leaves(workings) if workings else {}


def _changes(changes: Mapping[str, list[Any]]) -> str:
    shown = [f"{path}: {_plain(b)} → {_plain(a)}" for path, (b, a) in list(changes.items())[:MOST_CHANGES]]
    return "; ".join(shown + (["…"] if len(changes) > MOST_CHANGES else [])) or "–"


def _plain(value: Any) -> str:
    if value is None or value in ([], {}, ()):
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(inner) for inner in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


# --- the file ---


def write_dossier(
    book: Ledger, contract: str, name: str, known_at: datetime, out: Path, with_pdf: bool = True
) -> Dossier:
    """Writes the dossier of a dispute to `out`, whole or not at all; the same arguments give the same bytes.

    Raises `Refused`: as `gather`; `missing_extra` without the reports extra, unless `with_pdf` is false.
    """
    told = gather(book, contract, name, known_at)
    files: dict[str, bytes] = {}
    for language, words in LANGUAGES.items():
        title = f"{words['title']} {name}"
        blocks = pages(told, language)
        files[f"dossier.{language}.html"] = html(language, title, blocks)
        if with_pdf:
            files[f"dossier.{language}.pdf"] = pdf(language, title, blocks)
    files["bundle.zip"] = _evidence(book, told, out)
    files[MANIFEST] = _manifest(told, files)
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            _zip(file, files)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return told


def _zip(out: BinaryIO, files: Mapping[str, bytes]) -> None:
    """Stored as they are, the manifest first, nothing in the headers but names and sizes: as a bundle is."""
    with ZipFile(out, "w", ZIP_STORED) as archive:
        for path in sorted(files, key=lambda name: (name != MANIFEST, name)):
            member = ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o100644 << 16
            archive.writestr(member, files[path])


def _evidence(book: Ledger, told: Dossier, out: Path) -> bytes:
    """The bundle of the months the dispute is about: those its parameters name, else that of its opening."""
    named = [value[:7] for key, value in told.dispute.params.items() if key in ("month", "first", "last", "at", "on")]
    months = sorted(named) or [told.dispute.opened_at[:7]]
    part = out.with_name(f"{out.name}.bundle.part")
    try:
        wanted = Wanted(contract=told.contract, first=months[0], last=months[-1], known_at=told.known_at)
        export_bundle(book, wanted, part)
        return part.read_bytes()
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
