"""What rules can say, for the tests of words: every key, word and sentence in their source, and in answers given."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# rooms of the middle floor that ask, keep or show answers and add nothing to them
SILENT = {"asking", "questions", "watched", "validity", "bearing", "__init__"}
RULES = sorted(p for p in (ROOT / "projections").glob("*.py") if p.stem not in SILENT and not p.stem.startswith("view"))
NOT_SHOWN = {"Refused"}  # calls whose words are refusals
# of a source and of no answer: places in tables, columns of the list of obligations, parts of a refusal
SOURCE = re.compile(r"^\| |^successful backup$|^decided once|^the ledger decides|^recorded, nothing|^7 place7$|^7: |^7 up to 7$|^named by the 7$|^no backup was completed on 7$")


def names() -> set[str]:
    """Every name a rule gives a field of its result or workings."""
    found = set()
    for path in RULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                found |= {k.value for k in node.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)}
    return found


def sentences() -> set[str]:
    """Every sentence in a rule's source that is not a docstring nor a refusal, `7` in place of what is filled in."""
    found = set()
    for path in RULES:
        for text in _texts(ast.parse(path.read_text())):
            if re.search(r"[a-z] [a-z(]|\d [a-zA-Z]|[a-z]: ", text):
                found.add(text.strip(" ,;"))
    return found


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in NOT_SHOWN:
        return
    if isinstance(node, ast.Raise | ast.Assert):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.JoinedStr):
        yield "".join(v.value if isinstance(v, ast.Constant) else "7" for v in node.values)  # type: ignore[misc]
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def codes() -> set[str]:
    """Every word of parts joined by underscores in a rule's source: what it calls things, and by what fields it asks."""
    texts = {text for path in RULES for text in _texts(ast.parse(path.read_text()))}
    return {text for text in texts if re.fullmatch(r"[a-z]+(_[a-z]+)+", text)}


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of an answer with the name of the field it stands in."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, None
            yield from leaves(inner, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, value


def strings(value: Any) -> set[str]:
    """Every text in a payload: ids, places and whatever people wrote."""
    return {v for _, v in leaves(value) if isinstance(v, str)}
