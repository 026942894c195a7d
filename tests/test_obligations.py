"""The table of obligations held against the rules, the vocabulary and the code; and what the command says of it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ledger import events as e
from ledger.terms import load_booklet
from projections.obligations import BY_ID, HOW, OBLIGATIONS, obligations_table
from tests.story import CONTRACT

ROOT = Path(__file__).parents[1]
RULES = ROOT.parent / "shared" / "RULES.md"
# every id of the rules, by article: how many it has, and the letters of those with parts
IDS = [
    *(f"A1.{n}" for n in range(1, 12)), "A2.1", *(f"A3.{n}" for n in range(1, 8)), *(f"A4.{n}" for n in range(11)),
    *(f"A5.{n}" for n in range(1, 8)), *(f"A6.{n}" for n in range(1, 8)), *(f"A7.{n}" for n in range(1, 5)), "A8.1",
    *(f"A9.{n}" for n in range(1, 9)), "A10.1", *(f"A10.2{part}" for part in "abcd"), "A10.3", "A10.4", "A10.5",
    "A11.1", "A11.2", "A11.3", "A12.1", *(f"A12.2{part}" for part in "abcde"), *(f"A12.3{part}" for part in "abcd"),
    *(f"A12.{n}" for n in range(4, 12)), "A13.1", "A13.2", "A14.1", "A14.2", "A14.3", "A15.1", "A15.2",
]  # fmt: skip


# --- the table ---


def test_every_id_of_the_rules_has_its_row_in_their_order() -> None:
    assert [o.id for o in OBLIGATIONS] == IDS
    assert len(BY_ID) == len(IDS)


@pytest.mark.skipif(not RULES.exists(), reason="the rules do not lie beside this checkout")
def test_the_ids_and_how_each_is_decided_are_those_of_the_rules() -> None:
    section = RULES.read_text().partition("\n## 2.")[2].partition("\n## 3.")[0]
    found = re.findall(r"^(?:\| |\* \*\*|.*?\*\*)(A\d+\.\d+[a-e]?)\b", section, re.MULTILINE)
    found += re.findall(r"\*\*(A\d+\.\d+[a-e]?)\*\*", section)
    assert set(found) <= set(IDS)
    assert {id for id in IDS if id not in found} == set()
    letters = {"L": "decided", "P": "human_fact", "D": "documentary"}
    told = re.findall(r"^\| (A\d+\.\d+[a-e]?) \|.*\| ([LPD])(?: \([^|]*\))? \|$", section, re.MULTILINE)
    assert len(told) > 30
    assert {id: BY_ID[id].how for id, _ in told} == {id: letters[letter] for id, letter in told}


def test_every_word_of_the_table_is_known() -> None:
    terms = load_booklet("cegid-expert").terms
    for each in OBLIGATIONS:
        assert each.how in HOW
        assert each.who in ("provider", "customer", "both")
        assert each.over in ("", "month", "support_year", "contract_year")
        for need in each.needs:
            kind, _, said = need.partition(" ")
            assert kind in e.VOCABULARY, each.id
            assert not said or said.partition("=")[0] in e.VOCABULARY[kind].__struct_fields__, each.id
        if each.promised and not each.promised.startswith(("option:", "support.plan")):
            value: Any = terms
            for name in each.promised.split("."):
                value = getattr(value, name)
            assert value, each.id


def test_every_rule_exists_and_has_its_test() -> None:
    for each in OBLIGATIONS:
        kind, _, name = each.rule.partition(":")
        if kind.startswith("projections."):
            assert callable(getattr(import_module(kind), name)), each.id
        elif kind == "switch":
            assert name in (switch.name for switch in import_module("ledger.readings").SWITCHES), each.id
        elif kind == "term":
            assert getattr(load_booklet("cegid-expert").terms, name.split(".")[0]), each.id
        assert not each.test or (ROOT / each.test).exists(), each.id


def test_what_is_decided_has_a_rule_and_what_has_none_is_documentary() -> None:
    assert [o.id for o in OBLIGATIONS if not o.rule and o.how != "documentary"] == []


def test_every_code_the_subjects_file_belongs_to_a_row_judged_over_a_period() -> None:
    named = set()
    for path in (ROOT / "projections").glob("*.py"):
        if path.stem != "obligations":
            named |= set(re.findall(r'obligation="(A[0-9.]+[a-e]?)"', path.read_text()))
    assert named
    assert [id for id in sorted(named) if not BY_ID[id].over] == []


def test_the_table_is_written_as_markdown_a_row_each_with_its_switches() -> None:
    rows = obligations_table().splitlines()
    assert len(rows) == len(OBLIGATIONS) + 2
    assert all(row.count("|") == rows[0].count("|") for row in rows)
    (row,) = [row for row in rows if row.startswith("| A5.5 |")]
    assert "`blocking_limit`" in row
    assert "tests/test_maintenance.py" in row


# --- the command ---


def run(*words: str) -> int:
    from replays.cli import run as run_words

    return run_words(["obligations", *words])


def test_the_command_prints_the_table_without_a_ledger(capsys: Any) -> None:
    import json

    assert run("--json") == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == IDS


def test_the_command_says_where_a_contract_stands(tmp_path: Path, capsys: Any) -> None:
    import json

    from ledger import open_ledger
    from tests.conftest import Clock

    path = str(tmp_path / "stand.db")
    with open_ledger(path, clock=Clock("2025-09-01T08:00:00Z"), recorded_by="test") as book:
        event = {"specversion": "1.0", "id": "e1", "source": "t", "type": "contract_started", "subject": "contract:C1"}
        book.record([{**event, "data": CONTRACT}])
    asked = ("-L", path, "--contract", "C1", "--at", "2026-03-15T12:00:00Z", "--known-at", "2026-04-01T00:00:00Z")
    assert run(*asked, "--state", "broken", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert "A9.2" in [row["id"] for row in found]
    assert {row["state"] for row in found} == {"broken"}
    assert run(*asked) == 0
    assert "nothing_to_judge" in capsys.readouterr().out
    assert run(*asked, "--state", "fine") == 5
