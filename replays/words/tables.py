"""The tables of texts, read once from the TOML files beside this module, with French spaces set as they are printed."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

NARROW = "\u202f"  # no-break and narrow: before ; : ? ! % and inside guillemets, and between thousands
FIRM = "\u00a0"  # no-break: between a number and its unit


def spaced(text: str) -> str:
    """French text with its no-break spaces where print has them."""
    text = re.sub(r" ([;:?!%»])", rf"{NARROW}\1", text).replace("« ", f"«{NARROW}")
    text = re.sub(r"(?<=\d) (?=\d{3}\b)", NARROW, text)
    return re.sub(r"(?<=\d) (?=(?:h|min|s|j|octets?|Go|jours?|ans?|heures?)\b)", FIRM, text)


@cache
def fields() -> dict[str, str]:
    """French for the names of fields."""
    return _flat(_read("labels")["fields"])


@cache
def fields_within() -> dict[str, dict[str, str]]:
    """French for the names of fields that mean or agree otherwise within a question or a field, by its name."""
    return {outer: _flat(table) for outer, table in _read("labels")["within"].items()}


@cache
def english() -> dict[str, str]:
    """English for the few names of fields that are no words of it."""
    return dict(_read("labels")["english"])


@cache
def by_period() -> dict[str, dict[str, str]]:
    """The name of a field whose value is a month or a week, as `field/month`, by language."""
    return dict(_read("labels")["by_period"])


@cache
def words() -> dict[str, str]:
    """French for values, whatever field holds them."""
    return _flat(_read("values")["words"])


@cache
def words_in() -> dict[str, dict[str, str]]:
    """French for values of one field, by the field."""
    return {field: _flat(table) for field, table in _read("values")["in"].items()}


class Note(NamedTuple):
    """A sentence of a rule: its English as a pattern, its French, and its English where readers have another."""

    pattern: re.Pattern[str]
    french: str
    english: str | None


@cache
def notes() -> tuple[Note, ...]:
    """The sentences of rules, those of their own before the patterns they would fit too."""
    return tuple(
        Note(re.compile(pattern), spaced(french), shown[0] if shown else None)
        for pattern, french, *shown in _read("notes")["note"]
    )


@cache
def notes_of_one_word() -> tuple[Note, ...]:
    """Those of `notes` that an id, a hash or a name may be: a pattern that has a space asks for one."""
    return tuple(note for note in notes() if " " not in note.pattern.pattern)


@cache
def switches() -> dict[str, dict[str, str]]:
    """French for each switch: `about`, `why`, and each value's meaning."""
    return {name: _flat(table) for name, table in _read("switches").items()}


@cache
def obligations() -> dict[str, str]:
    """What is owed, in French, by the obligation's id."""
    return _flat(_read("obligations")["owed"])


@cache
def facts() -> dict[str, dict[str, str]]:
    """The sentence of each kind of fact, by its wire name, then by language."""
    return {kind: {"en": table["en"], "fr": spaced(table["fr"])} for kind, table in _read("events").items()}


def _flat(table: dict[str, str]) -> dict[str, str]:
    return {name: spaced(text) for name, text in table.items()}


def _read(name: str) -> dict[str, Any]:
    file = resources.files("replays.words").joinpath(f"{name}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))
