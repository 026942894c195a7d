"""Workings as blocks of a page: one value a row of a table, many of a kind a table of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replays.dossier_pages import Block, heading, sentence, table
from replays.words.language import NOTHING, Language, unit_of

MOST_COLUMNS = 11  # of one table on a page across
MOST_ROWS = 400


def workings(language: Language, words: Mapping[str, str], found: Any, asked: str) -> list[Block]:
    """The workings of the answer to a question under headings of the third level."""
    return list(_of(language, words, found, "", (asked,))) if isinstance(found, Mapping) else []


Within = tuple[str, ...]  # the question, and the names a value stands under


def _of(
    language: Language, words: Mapping[str, str], found: Mapping[str, Any], named: str, within: Within
) -> Iterator[Block]:
    unit = unit_of(within[-1])
    rows = [
        (language.label(k, *within), language.value(k, v, unit)) for k, v in _readings(found) if not _many(k, v)
    ]
    if rows:
        if named:
            yield heading(_capital(named), 3)
        yield from cut(words, (words["item"], words["value"]), rows)
    for name, inner in found.items():
        if _many(name, inner):
            title = language.label(name, *within)
            yield from _inner(language, words, inner, f"{named} – {title}" if named else title, (*within, name))


def _readings(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values by their names; a switch told apart from its value goes with it."""
    apart = isinstance(found.get("switch"), str) and "value" in found
    for name, value in found.items():
        if apart and name == "switch":
            yield "switches", [{"switch": value, "value": found["value"]}]
        elif not (apart and name == "value"):
            yield name, value


def _inner(language: Language, words: Mapping[str, str], inner: Any, title: str, within: Within) -> Iterator[Block]:
    if isinstance(inner, list):
        named = [("", row) for row in inner]
    else:
        named = list(inner.items())
        if not all(isinstance(row, Mapping) for _, row in named):
            yield from _of(language, words, inner, title, within)
            return
    named = [(key, dict(_readings(row))) for key, row in named]
    columns = [c for c in dict.fromkeys(key for _, row in named for key in row) if _told(c, named)]
    deep = any(_many(key, value) for _, row in named for key, value in row.items())
    if deep or len(columns) > MOST_COLUMNS or (len(named) == 1 and isinstance(inner, Mapping)):
        for number, (key, row) in enumerate(named, 1):
            yield from _of(language, words, row, f"{title} – {language.label(key) if key else number}", within)
        return
    days = all(language.dated(key) for key, _ in named)
    ids = [] if isinstance(inner, list) else [language.label("period" if days else "id")]
    rows = [
        [*([language.value("", key)] if ids else []), *(language.value(c, row.get(c)) for c in columns)]
        for key, row in named
    ]
    yield heading(_capital(title), 3)
    yield from cut(words, [*ids, *(language.label(c, *within) for c in columns)], rows)


def _many(name: str, value: Any) -> bool:
    """Whether a value wants a place of its own: rows, or names that each have several values."""
    if name == "switches":
        return False
    if isinstance(value, list):
        return bool(value) and all(isinstance(row, Mapping) for row in value)
    if not isinstance(value, Mapping):
        return False
    return len(value) > 3 or any(isinstance(inner, Mapping | list) for inner in value.values())


def _told(column: str, named: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
    return any(row.get(column) not in (None, [], {}, "") for _, row in named)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def cut(words: Mapping[str, str], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Block]:
    """A table, and how many rows of it are left out where there are too many to read."""
    yield table(heads, [[cell or NOTHING for cell in row] for row in rows[:MOST_ROWS]])
    more = len(rows) - MOST_ROWS
    if more > 0:
        yield sentence(words["cut" if more > 1 else "cut_one"].format(count=more))
