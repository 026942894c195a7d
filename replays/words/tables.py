"""The tables of texts, read once from the TOML files beside this module, with French spaces set as they are printed."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

NARROW = "\u202f"  # no-break and narrow: before ; : ? ! % and inside guillemets, and between thousands
FIRM = "\u00a0"  # no-break: between a number and its unit


def spaced(text: str) -> str:
    """French text with its no-break spaces where print has them."""
    text = re.sub(r" ([;:?!%»])", rf"{NARROW}\1", text).replace("« ", f"«{NARROW}")
    text = re.sub(r"(?<=\d) (?=\d{3}\b)", NARROW, text)
    return re.sub(r"(?<=\d) (?=(?:h|min|s|j|octets|Go|jours|ans|heures)\b)", FIRM, text)


@cache
def fields() -> dict[str, str]:
    """French for the names of fields."""
    return _flat(_read("labels")["fields"])


@cache
def words() -> dict[str, str]:
    """French for values, whatever field holds them."""
    return _flat(_read("values")["words"])


@cache
def words_in() -> dict[str, dict[str, str]]:
    """French for values of one field, by the field."""
    return {field: _flat(table) for field, table in _read("values")["in"].items()}


@cache
def notes() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The sentences of rules: the English as a pattern, and the French."""
    return tuple((re.compile(english), spaced(french)) for english, french in _read("notes")["note"])


@cache
def notes_of_one_word() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those of `notes` that an id, a hash or a name may be: a pattern that has a space asks for one."""
    return tuple((pattern, french) for pattern, french in notes() if " " not in pattern.pattern)


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
