"""Workings as blocks of a page: one value a row of a table, many of a kind a table of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replays.dossier_pages import Block, heading, sentence, table
from replays.words.language import NOTHING, Language

MOST_COLUMNS = 11  # of one table on a page across
MOST_ROWS = 400


def workings(language: Language, words: Mapping[str, str], found: Any) -> list[Block]:
    """The workings of an answer under headings of the third level."""
    return list(_of(language, words, found, "")) if isinstance(found, Mapping) else []


def _of(language: Language, words: Mapping[str, str], found: Mapping[str, Any], named: str) -> Iterator[Block]:
    rows = [(language.label(k), language.value(k, v)) for k, v in found.items() if not _many(k, v)]
    if rows:
        if named:
            yield heading(_capital(named), 3)
        yield from cut(words, (words["item"], words["value"]), rows)
    for name, inner in found.items():
        if _many(name, inner):
            title = language.label(name)
            yield from _inner(language, words, name, inner, f"{named} – {title}" if named else title)


def _inner(language: Language, words: Mapping[str, str], name: str, inner: Any, title: str) -> Iterator[Block]:
    if isinstance(inner, list):
        named = [("", row) for row in inner]
    else:
        named = list(inner.items())
        if not all(isinstance(row, Mapping) for _, row in named):
            yield from _of(language, words, inner, title)
            return
    columns = [c for c in dict.fromkeys(key for _, row in named for key in row) if _told(c, named)]
    deep = any(_many(key, value) for _, row in named for key, value in row.items())
    if deep or len(columns) > MOST_COLUMNS or (len(named) == 1 and isinstance(inner, Mapping)):
        for number, (key, row) in enumerate(named, 1):
            yield from _of(language, words, row, f"{title} – {language.label(key) if key else number}")
        return
    ids = [] if isinstance(inner, list) else [language.label("id")]
    rows = [
        [*([language.value("", key)] if ids else []), *(language.value(c, row.get(c)) for c in columns)]
        for key, row in named
    ]
    yield heading(_capital(title), 3)
    yield from cut(words, [*ids, *map(language.label, columns)], rows)


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
    if len(rows) > MOST_ROWS:
        yield sentence(words["cut"].format(count=len(rows) - MOST_ROWS))
