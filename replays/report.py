"""The report a judge reads: what was promised, what was found, on which entries, and how to verify it; two languages.

Pure: from the answers alone, so that a verifier writes it again and compares. Pages are self-contained HTML
without script, fonts or links; whatever comes from the ledger is escaped. The texts are in `report_texts` and
`words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from typing import Any, NamedTuple

from msgspec import Struct

from ledger.readings import SWITCHES
from projections.asking import Answer
from projections.obligations import BY_ID
from replays.dossier_pages import html_cell
from replays.report_texts import LANGUAGES, STYLE
from replays.shown import Period
from replays.words import moments, tables
from replays.words.language import NOTHING, Language, languages

MOST_ROWS = 400  # of a table
MOST_ENTRIES = 2_000
MOST_POSITIONS = 60  # in a cell


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
    zone: str


class Relied(NamedTuple):
    """An entry an answer rests on."""

    position: int
    stream: str
    type: str
    recorded_at: str
    leaf_hash: str


def pages(about: About, answers: Sequence[Answer], entries: Sequence[Relied]) -> dict[str, bytes]:
    """The report in each language, as the bytes of a page."""
    return {lang.code: _page(lang, about, answers, entries).encode() for lang in languages(about.zone)}


def _page(lang: Language, about: About, answers: Sequence[Answer], entries: Sequence[Relied]) -> str:
    t = LANGUAGES[lang.code]
    asked: dict[str, list[Answer]] = {}
    for answer in answers:
        asked.setdefault(answer.question, []).append(answer)
    title = f"{t['title']} {about.contract}, {_months(lang, about)}"
    parts = [
        f'<!DOCTYPE html>\n<html lang="{lang.code}"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(t['intro'].format(zone=about.zone))}</p>",
        _head(lang, about, answers),
        *_availability(lang, asked.get("availability", [])),
        *_breaches(lang, asked.get("breaches", [])),
        *_by_id(lang, "restore_decision", asked),
        *_by_id(lang, "maintenance", asked),
        *_nights(lang, asked),
        *_by_id(lang, "updates", asked),
        *_support(lang, asked.get("support_response", [])),
        *_reading(lang, answers),
        *_entries(lang, entries),
        *_how(lang),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _months(lang: Language, about: About) -> str:
    first, last = lang.value("month", about.period.first), lang.value("month", about.period.last)
    return first if first == last else f"{first} – {last}"


def _head(lang: Language, about: About, answers: Sequence[Answer]) -> str:
    t = LANGUAGES[lang.code]
    terms = ", ".join(dict.fromkeys(f"{answer.terms}; {t['calendar']} {answer.calendar}" for answer in answers))
    rows = (
        (t["contract"], about.contract),
        (t["period"], _months(lang, about)),
        (t["terms"], terms),
        (t["known_at"], _exact(lang, about.known_at) or t["all_known"]),
        (t["position"], f"{about.position} / {about.size}"),
        (t["ledger"], f"{about.ledger}; {about.origin}"),
        (t["root"], about.root),
        (t["software"], f"service-ledger {about.software}; tzdata {about.tz}"),
    )
    return _table(None, rows, heads_first=True)


def _exact(lang: Language, known_at: str | None) -> str:
    """A moment of knowledge in words, and to the fraction as it was given."""
    if known_at is None:
        return ""
    return lang.value("at", known_at) + (f" [{known_at}]" if "." in known_at else "")


def _availability(lang: Language, answers: Sequence[Answer]) -> Iterable[str]:
    """Article 6: each month's rate and, under it, how it came about."""
    t = LANGUAGES[lang.code]
    yield f"<h2>{t['availability']}</h2>"
    rows = [
        (
            lang.value("month", answer.params["month"]),
            *(lang.value(name, answer.result[name]) for name in _RATES),
            _verdict(t, answer.result["breach"]),
            lang.value("status", answer.result["status"]),
            _positions(answer.because),
        )
        for answer in answers
    ]
    yield _table([t[name] for name in _RATE_COLUMNS], rows)
    for answer in answers:
        yield f"<h3>{escape(lang.value('month', answer.params['month']))}</h3>"
        yield from _workings(lang, answer.workings or {})


_RATES = ("prt_minutes", "gross_unavailable_seconds", "excluded_seconds", "ti_seconds", "td_percent")
_RATE_COLUMNS = ("month", "prt", "gross", "excluded", "ti", "td", "breach", "status", "because")


def _verdict(t: dict[str, str], breach: bool | None) -> str:
    return t["undecided" if breach is None else "broken" if breach else "kept"]


def _workings(lang: Language, workings: dict[str, Any]) -> Iterable[str]:
    """The formula, and each stop from its whole length to the seconds that count."""
    t = LANGUAGES[lang.code]
    for name in ("formula", "breach_if"):
        if workings.get(name):
            yield f"<p>{t[name]}{lang.colon}<code>{escape(lang.value(name, workings[name]))}</code></p>"
    all_stops = workings.get("stops") or []
    if not all_stops:
        yield f"<p>{t['no_stop']}</p>"
        return
    stops = all_stops[:MOST_ROWS]
    rows = [
        (
            *(lang.value(name, stop.get(name)) for name in _STOPS),
            lang.value("why_not", stop.get("why_not")),
            _positions(stop.get("positions") or ()),
        )
        for stop in stops
    ]
    yield _table([t[name] for name in _STOP_COLUMNS], rows)
    yield from _left_out(lang, len(all_stops), MOST_ROWS)


_STOPS = ("id", "kind", "from", "to", "in_prt_seconds", "excluded_seconds", "counted_seconds")
_STOP_COLUMNS = ("id", "kind", "from", "to", "in_prt", "excluded", "counted", "why_not", "because")


def _breaches(lang: Language, answers: Sequence[Answer]) -> Iterable[str]:
    """The register: every promise found broken in the period."""
    t = LANGUAGES[lang.code]
    yield f"<h2>{t['breaches']}</h2>"
    rows = [
        (
            row["obligation"],
            f"art. {row['clause']}",
            lang.owed(row["obligation"], BY_ID[row["obligation"]].text),
            *(lang.value(name, row[name]) for name in _ROW),
            t["contested"] if row["contested"] else "",
            _positions(row["because"]),
        )
        for answer in answers
        for row in answer.result[:MOST_ROWS]
    ]
    yield _table([t[name] for name in _BREACH_COLUMNS], rows) if rows else f"<p>{t['no_breach']}</p>"
    yield from _left_out(lang, max((len(answer.result) for answer in answers), default=0), MOST_ROWS)


_ROW = ("what", "subject", "period", "amount", "limit", "first_knowable_at")
_BREACH_COLUMNS = (
    "obligation", "clause", "owed", "what", "subject", "when", "amount", "limit", "first_knowable", "contested_column",
    "because",
)  # fmt: skip


def _by_id(lang: Language, question: str, asked: dict[str, list[Answer]]) -> Iterable[str]:
    """What was found of each thing: its fields as the answer gives them, and the reason the workings give."""
    t = LANGUAGES[lang.code]
    yield f"<h2>{t[question]}</h2>"
    rows = []
    for answer in asked.get(question, []):
        for identity, found in islice(answer.result.items(), MOST_ROWS):
            why = (answer.workings or {}).get(identity)
            why = why if isinstance(why, dict) else {}
            told = {k: v for k, v in found.items() if v is not None} if isinstance(found, dict) else found
            positions = why.get("positions") or why.get("entries") or ()
            shown = lang.value("", told) if told else t["no_fault"]
            rows.append((identity, shown, lang.value("why", why.get("why")), _positions(positions)))
    yield _table([t[name] for name in ("id", "found", "reason", "because")], rows) if rows else f"<p>{t['nothing']}</p>"
    yield from _left_out(lang, max((len(a.result) for a in asked.get(question, [])), default=0), MOST_ROWS)


def _nights(lang: Language, asked: dict[str, list[Answer]]) -> Iterable[str]:
    """Article 9: nights and months with their backup, and those without."""
    t = LANGUAGES[lang.code]
    yield f"<h2>{t['backups']}</h2>"
    rows = [
        (
            t[question],
            lang.value("period", f"{answer.params['first']}/{answer.params['last']}"),
            lang.value("counted", len(answer.result["fulfilled"])),
            lang.value("missed", answer.result["missed"]),
            lang.value("pending", answer.result["pending"]),
        )
        for question in ("backup_nights", "backup_months")
        for answer in asked.get(question, [])
    ]
    yield _table([t[name] for name in ("obligation", "period", "fulfilled", "missed", "pending")], rows)
    early = [
        (identity, *(lang.value(name, why.get(name)) for name in ("deleted_at", "owed_until")),
         lang.value("short_by_seconds", found["short_by_seconds"]))
        for answer in asked.get("backup_deletions", [])
        for identity, found in answer.result.items()
        for why in [(answer.workings or {}).get(identity) or {}]
        if found["early"]
    ]  # fmt: skip
    if early:
        yield f"<h3>{t['backup_deletions']}</h3>"
        yield _table([t[name] for name in ("id", "deleted_at", "owed_until", "short_by")], early[:MOST_ROWS])
        yield from _left_out(lang, len(early), MOST_ROWS)


def _support(lang: Language, answers: Sequence[Answer]) -> Iterable[str]:
    """Article 12.2: the share of requests taken in charge in time, a support year a row."""
    t = LANGUAGES[lang.code]
    yield f"<h2>{t['support_response']}</h2>"
    rows = [
        (
            lang.value("start", answer.params["start"]),
            *(lang.value(name, answer.result[name]) for name in ("counted", "met", "ratio_percent")),
            _verdict(t, answer.result["breach"]),
            lang.value("status", answer.result["status"]),
        )
        for answer in answers
    ]
    columns = ("year_from", "counted_requests", "met", "ratio", "breach", "status")
    yield _table([t[name] for name in columns], rows) if rows else f"<p>{t['nothing']}</p>"


def _reading(lang: Language, answers: Sequence[Answer]) -> Iterable[str]:
    """Every switch: what it is about, what was taken, and why its default is what it is."""
    t = LANGUAGES[lang.code]
    yield f"<h2>{t['reading']}</h2><p>{t['reading_intro']}</p>"
    taken = answers[0].reading
    rows = [
        (f"{s.name}={taken[s.name]}", lang.about(s.name), lang.meaning(s.name, taken[s.name]), lang.why(s.name))
        for s in SWITCHES
    ]
    yield _table([t[name] for name in ("switch", "about", "value", "why")], rows)


def _entries(lang: Language, entries: Sequence[Relied]) -> Iterable[str]:
    t = LANGUAGES[lang.code]
    yield f"<h2>{t['entries']}</h2><p>{t['entries_intro']}</p>"
    streams = {stream: html_cell(stream) for stream in {each.stream for each in entries}}
    rows = "\n".join(  # the one table that may be long: a row costs no more than it must
        f"<tr><td>{each.position}</td>{streams[each.stream]}<td>{escape(each.type)}</td>"
        f'<td>{moments.instant(lang.code, lang.zone, each.recorded_at)}</td><td class="long">{each.leaf_hash}</td></tr>'
        for each in entries[:MOST_ENTRIES]
    )
    heads = [t[name] for name in ("position_short", "stream", "type", "recorded_at", "leaf_hash")]
    yield _table(heads, ()).replace("</table>", f"{rows}\n</table>")
    yield from _left_out(lang, len(entries), MOST_ENTRIES)
    said = tables.facts()
    types = [
        (kind, re.sub(r"{\w+}", "…", said[kind][lang.code])) for kind in sorted({e.type for e in entries} & set(said))
    ]
    yield f"<p>{t['types_intro']}</p>"
    yield _table([t["type"], t["says"]], types)


def _how(lang: Language) -> Iterable[str]:
    t = LANGUAGES[lang.code]
    yield f"<h2>{t['how']}</h2><p>{t['how_1']}</p>"
    yield "<pre>service-ledger verify bundle.zip --vkey KEY --held CHECKPOINT\npython verify.py bundle.zip</pre>"
    yield f"<p>{t['how_2']}</p><p>{t['how_3']}</p>"


def _positions(positions: Sequence[int]) -> str:
    told = ", ".join(map(str, positions[:MOST_POSITIONS]))
    return told if len(positions) <= MOST_POSITIONS else f"{told}, … ({len(positions)})"


def _left_out(lang: Language, count: int, most: int) -> Iterable[str]:
    """How many rows a table is short of: nobody reads thousands, and the answers hold them all."""
    if count > most:
        more = count - most
        yield f"<p>{LANGUAGES[lang.code]['cut' if more > 1 else 'cut_one'].format(count=more)}</p>"


def _table(heads: Sequence[str] | None, rows: Sequence[Sequence[str]], heads_first: bool = False) -> str:
    lines = ["<table>"]
    if heads:
        lines.append("<thead><tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr></thead>")
    for row in rows:
        cells = [html_cell(cell or NOTHING) for cell in row]
        if heads_first:
            cells[0] = f"<th>{escape(row[0])}</th>"
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</table>"])
