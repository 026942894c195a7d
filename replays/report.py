"""The report a judge reads: what was promised, what was found, on which entries, and how to verify it; two languages.

Pure: from the answers alone, so that a verifier writes it again and compares. Pages are self-contained HTML
without script, fonts or links; whatever comes from the ledger is escaped. The texts are in `report_texts`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

from msgspec import Struct

from projections.asking import Answer
from replays.report_texts import LANGUAGES, STYLE, Texts
from replays.shown import Period


class About(Struct, frozen=True, kw_only=True):
    """What the bundle is of, as the manifest says it."""

    contract: str
    period: Period
    known_at: str | None
    position: int
    origin: str
    ledger: str
    size: int
    root: str
    software: str
    tz: str


class Relied(NamedTuple):
    """An entry an answer rests on."""

    position: int
    stream: str
    type: str
    recorded_at: str
    leaf_hash: str


def pages(about: About, answers: Sequence[Answer], entries: Sequence[Relied]) -> dict[str, bytes]:
    """The report in each language, as the bytes of a page."""
    return {texts.language: _page(texts, about, answers, entries).encode() for texts in LANGUAGES}


def _page(texts: Texts, about: About, answers: Sequence[Answer], entries: Sequence[Relied]) -> str:
    t = texts.say
    asked: dict[str, list[Answer]] = {}
    for answer in answers:
        asked.setdefault(answer.question, []).append(answer)
    title = f"{t['title']} {about.contract}, {about.period.first} – {about.period.last}"
    parts = [
        f'<!DOCTYPE html>\n<html lang="{texts.language}"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{t['intro']}</p>",
        _head(texts, about, answers),
        *_availability(texts, asked.get("availability", [])),
        *_breaches(texts, asked.get("breaches", [])),
        *_by_id(texts, "restore_decision", asked),
        *_by_id(texts, "maintenance", asked),
        *_nights(texts, asked),
        *_by_id(texts, "updates", asked),
        *_support(texts, asked.get("support_response", [])),
        *_reading(texts, answers),
        *_entries(texts, entries),
        *_how(texts, about),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _head(texts: Texts, about: About, answers: Sequence[Answer]) -> str:
    t = texts.say
    terms = ", ".join(dict.fromkeys(f"{answer.terms}; {t['calendar']} {answer.calendar}" for answer in answers))
    rows = (
        (t["contract"], about.contract),
        (t["period"], f"{about.period.first} – {about.period.last}"),
        (t["terms"], terms),
        (t["known_at"], about.known_at or t["all_known"]),
        (t["position"], f"{about.position} / {about.size}"),
        (t["ledger"], f"{about.ledger}; {about.origin}"),
        (t["root"], about.root),
        (t["software"], f"service-ledger {about.software}; tzdata {about.tz}"),
    )
    return _table(None, rows, heads_first=True)


def _availability(texts: Texts, answers: Sequence[Answer]) -> Iterable[str]:
    """Article 6: each month's rate and, under it, how it came about."""
    t = texts.say
    yield f"<h2>{t['availability']}</h2>"
    rows = []
    for answer in answers:
        found = answer.result
        rows.append(
            (
                answer.params["month"],
                texts.number(found["prt_minutes"]),
                texts.number(found["gross_unavailable_seconds"]),
                texts.number(found["excluded_seconds"]),
                texts.number(found["ti_seconds"]),
                texts.percent(found["td_percent"]),
                texts.verdict(found["breach"]),
                t.get(found["status"], found["status"]),
                _positions(answer.because),
            )
        )
    yield _table([t[name] for name in _RATE_COLUMNS], rows)
    for answer in answers:
        yield f"<h3>{escape(answer.params['month'])}</h3>"
        yield from _workings(texts, answer.workings or {})


_RATE_COLUMNS = ("month", "prt", "gross", "excluded", "ti", "td", "breach", "status", "because")


def _workings(texts: Texts, workings: dict[str, Any]) -> Iterable[str]:
    """The formula, and each stop from its whole length to the seconds that count."""
    t = texts.say
    for name in ("formula", "breach_if"):
        if workings.get(name):
            yield f"<p>{t[name]}: <code>{escape(texts.decimal(str(workings[name])))}</code></p>"
    stops = workings.get("stops") or []
    if not stops:
        yield f"<p>{t['no_stop']}</p>"
        return
    rows = [
        (
            stop.get("id"),
            stop.get("kind"),
            stop.get("from"),
            stop.get("to"),
            texts.number(stop.get("in_prt_seconds")),
            texts.number(stop.get("excluded_seconds")),
            texts.number(stop.get("counted_seconds")),
            stop.get("why_not") or "",
            _positions(stop.get("positions") or ()),
        )
        for stop in stops
    ]
    yield _table([t[name] for name in _STOP_COLUMNS], rows)


_STOP_COLUMNS = ("id", "kind", "from", "to", "in_prt", "excluded", "counted", "why_not", "because")


def _breaches(texts: Texts, answers: Sequence[Answer]) -> Iterable[str]:
    """The register: every promise found broken in the period."""
    t = texts.say
    yield f"<h2>{t['breaches']}</h2>"
    rows = [
        (
            row["obligation"],
            f"art. {row['clause']}",
            t.get(row["what"], row["what"]),
            row["subject"],
            row["period"],
            row["amount"],
            row["limit"],
            row["first_knowable_at"] or "",
            t["contested"] if row["contested"] else "",
            _positions(row["because"]),
        )
        for answer in answers
        for row in answer.result
    ]
    yield _table([t[name] for name in _BREACH_COLUMNS], rows) if rows else f"<p>{t['no_breach']}</p>"


_BREACH_COLUMNS = (
    "obligation", "clause", "what", "subject", "when", "amount", "limit", "first_knowable", "contested", "because",
)  # fmt: skip


def _by_id(texts: Texts, question: str, asked: dict[str, list[Answer]]) -> Iterable[str]:
    """What was found of each thing: its fields as the answer gives them, and the reason the workings give."""
    t = texts.say
    yield f"<h2>{t[question]}</h2>"
    rows = []
    for answer in asked.get(question, []):
        for identity, found in answer.result.items():
            why = (answer.workings or {}).get(identity)
            reason = why.get("why", "") if isinstance(why, dict) else ""
            positions = why.get("positions", ()) if isinstance(why, dict) else ()
            rows.append((identity, _plain(texts, found), reason, _positions(positions)))
    yield _table([t[name] for name in ("id", "found", "reason", "because")], rows) if rows else f"<p>{t['nothing']}</p>"


def _nights(texts: Texts, asked: dict[str, list[Answer]]) -> Iterable[str]:
    """Article 9: nights and months with their backup, and those without."""
    t = texts.say
    yield f"<h2>{t['backups']}</h2>"
    rows = [
        (
            t[question],
            f"{answer.params['first']} – {answer.params['last']}",
            texts.number(len(answer.result["fulfilled"])),
            ", ".join(answer.result["missed"]) or "–",
            ", ".join(answer.result["pending"]) or "–",
        )
        for question in ("backup_nights", "backup_months")
        for answer in asked.get(question, [])
    ]
    early = [
        (t["backup_deletions"], identity, "", texts.number(found["short_by_seconds"]) + " s", "")
        for answer in asked.get("backup_deletions", [])
        for identity, found in answer.result.items()
        if found["early"]
    ]
    yield _table([t[name] for name in ("obligation", "period", "fulfilled", "missed", "pending")], rows + early)


def _support(texts: Texts, answers: Sequence[Answer]) -> Iterable[str]:
    """Article 12.2: the share of requests taken in charge in time, a support year a row."""
    t = texts.say
    yield f"<h2>{t['support_response']}</h2>"
    rows = [
        (
            answer.params["start"],
            texts.number(answer.result["counted"]),
            texts.number(answer.result["met"]),
            texts.percent(answer.result["ratio_percent"]),
            texts.verdict(answer.result["breach"]),
            t.get(answer.result["status"], answer.result["status"]),
        )
        for answer in answers
    ]
    columns = ("year_from", "counted_requests", "met", "ratio", "breach", "status")
    yield _table([t[name] for name in columns], rows) if rows else f"<p>{t['nothing']}</p>"


def _reading(texts: Texts, answers: Sequence[Answer]) -> Iterable[str]:
    t = texts.say
    yield f"<h2>{t['reading']}</h2><p>{t['reading_intro']}</p>"
    yield _table([t["switch"], t["value"]], list(answers[0].reading.items()))


def _entries(texts: Texts, entries: Sequence[Relied]) -> Iterable[str]:
    t = texts.say
    yield f"<h2>{t['entries']}</h2><p>{t['entries_intro']}</p>"
    yield _table([t[name] for name in ("position_short", "stream", "kind", "recorded_at", "leaf_hash")], entries)


def _how(texts: Texts, about: About) -> Iterable[str]:
    t = texts.say
    yield f"<h2>{t['how']}</h2><p>{t['how_1']}</p>"
    yield "<pre>service-ledger verify bundle.zip --vkey KEY --held CHECKPOINT\npython verify.py bundle.zip</pre>"
    yield f"<p>{t['how_2']}</p><p>{t['how_3']}</p>"


def _positions(positions: Iterable[int]) -> str:
    return ", ".join(map(str, positions))


def _plain(texts: Texts, found: Any) -> str:
    """An answer's value in words: `name: value` pairs, lists by commas."""
    if isinstance(found, dict):
        return "; ".join(f"{name}: {_plain(texts, value)}" for name, value in found.items() if value is not None)
    if isinstance(found, list):
        return ", ".join(_plain(texts, value) for value in found) or "–"
    if isinstance(found, bool):
        return texts.say["yes"] if found else texts.say["no"]
    return texts.number(found) if isinstance(found, int) else str(found) if found is not None else "–"


def _table(heads: Sequence[str] | None, rows: Sequence[Sequence[Any]], heads_first: bool = False) -> str:
    lines = ["<table>"]
    if heads:
        lines.append("<thead><tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr></thead>")
    for row in rows:
        cells = [escape(cell if isinstance(cell, str) else json.dumps(cell)) for cell in row]
        if heads_first:
            lines.append(f"<tr><th>{cells[0]}</th><td>{'</td><td>'.join(cells[1:])}</td></tr>")
        else:
            lines.append(f"<tr><td>{'</td><td>'.join(cells)}</td></tr>")
    return "\n".join([*lines, "</table>"])
