"""Numbers of things: one is one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.counting import agreed, number_of


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        (0, ("file",), "0 files"), (1, ("file",), "1 file"), (2, ("file",), "2 files"),
        (1, ("entry",), "1 entry"), (2, ("entry",), "2 entries"), (3, ("more entry",), "3 more entries"), (2, ("day",), "2 days"),
        (1, ("file is", "files are"), "1 file is"), (12, ("file is", "files are"), "12 files are"),
    ],
)  # fmt: skip
def test_one_thing_is_told_as_one(number: int, words: tuple[str, ...], told: str) -> None:
    assert number_of(number, *words) == told


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1 reviews", "1 review"), ("0 reviews", "0 reviews"), ("11 reviews", "11 reviews"), ("2.1 days", "2.1 days"),
        ("1 users, 1 dossiers", "1 user, 1 dossier"), ("1 calls waiting", "1 call waiting"), ("1 backup", "1 backup"),
        ("5700 s", "5700 s"), ("1 s", "1 s"), ("delivered 2026-03-13T10:00:00Z", "delivered 2026-03-13T10:00:00Z"),
    ],
)  # fmt: skip
def test_an_amount_of_one_is_said_as_one(written: str, said: str) -> None:
    assert agreed(written) == said


THINGS = re.compile(r" (more |other )?(answers|checks|entries|events|facts|files|receipts|rows|streams|tiles|tokens)\b")
ROOT = Path(__file__).parents[1]
ALONE = {"outsider_verify.py"}  # shares no line with the software


def by_hand(source: str) -> Iterator[str]:
    """Numbers put before many things in an f-string; limits that are named in capitals are never one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for before, number, after in zip(["", *node.values], node.values, node.values[1:], strict=False):
                first = isinstance(before, ast.Constant) and str(before.value).endswith("first ")  # the first n of them
                many = isinstance(after, ast.Constant) and THINGS.match(str(after.value))
                limit = not isinstance(number, ast.FormattedValue) or ast.unparse(number.value).isupper()
                if many and not first and not limit:
                    yield ast.unparse(node)


def test_no_message_counts_things_by_hand() -> None:
    found = {}
    for folder in ("ledger", "projections", "replays"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name not in ALONE and (told := list(by_hand(path.read_text()))):
                found[path.name] = told
    assert found == {}
    assert list(by_hand('f"{len(x)} entries read"')) == ["f'{len(x)} entries read'"]
