"""The table of obligations held against the rules, the vocabulary and the code; and where a contract stands."""

from __future__ import annotations

import re
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ledger import events as e
from ledger.history import History
from ledger.terms import load_booklet
from projections.frame import Frames
from projections.obligations import BY_ID, HOW, OBLIGATIONS, STATES, obligations, obligations_table
from tests.story import CONTRACT, STARTED, at, history

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
MARCH = "2026-03-15T12:00:00Z"
APRIL = "2026-04-01T00:00:00Z"


def states(told: History, instant: str = MARCH, **reading: str) -> dict[str, str]:
    return {id: row["state"] for id, row in obligations(told, Frames(told, reading), at(instant)).result.items()}


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


def test_what_no_subject_of_the_register_looks_at_is_never_said_to_be_kept() -> None:
    from projections.breaches import SUBJECTS

    subjects = {o.id: o.rule.partition(":")[0].removeprefix("projections.") for o in OBLIGATIONS if o.over}
    unseen = {id for id, subject in subjects.items() if subject not in SUBJECTS}
    found = states(history(STARTED, known_at=APRIL))
    assert {found[id] for id in unseen} <= {"nothing_to_judge"}
    # the smaller subjects enter the register together
    assert {subjects[id] for id in unseen} in (set(), {"service", "calls", "billing", "accounts", "entitlements"})


def test_the_table_is_written_as_markdown_a_row_each_with_its_switches() -> None:
    rows = obligations_table().splitlines()
    assert len(rows) == len(OBLIGATIONS) + 2
    assert all(row.count("|") == rows[0].count("|") for row in rows)
    (row,) = [row for row in rows if row.startswith("| A5.5 |")]
    assert "`blocking_limit`" in row
    assert "tests/test_maintenance.py" in row


# --- where a contract stands ---


def test_a_month_with_no_backup_is_broken_and_its_availability_kept() -> None:
    found = states(history(STARTED, known_at=APRIL))
    assert (found["A9.2"], found["A9.3"], found["A6.1"], found["A1.6"], found["A7.1"]) == (
        "broken", "broken", "kept", "nothing_to_judge", "nothing_to_judge",
    )  # fmt: skip


@pytest.mark.parametrize(("known_at", "state"), [("2026-03-31T21:59:59Z", "pending"), ("2026-03-31T22:00:00Z", "kept")])
def test_what_is_not_broken_is_pending_until_the_period_is_over(known_at: str, state: str) -> None:
    assert states(history(STARTED, known_at=known_at))["A6.1"] == state


def test_only_what_was_put_to_the_test_is_kept() -> None:
    def rolled(day: str) -> tuple[Any, ...]:
        return (f"{day}T10:00:00Z", "update_rolled_out", {"update": day, "at": f"{day}T10:00:00Z", "kind": "corrective_patch"})

    assert states(history(STARTED, known_at=APRIL))["A10.2a"] == "nothing_to_judge"
    assert states(history(STARTED, rolled("2026-02-28"), known_at=APRIL))["A10.2a"] == "nothing_to_judge"
    assert states(history(STARTED, rolled("2026-03-01"), known_at=APRIL))["A10.2a"] == "kept"
    for instant, state in (("2026-02-28T23:00:00Z", "kept"), ("2026-02-28T22:59:59Z", "nothing_to_judge"), ("2026-03-31T22:00:00Z", "nothing_to_judge")):
        edge = (instant, "update_rolled_out", {"update": "U", "at": instant, "kind": "corrective_patch"})
        assert states(history(STARTED, edge, known_at=APRIL))["A10.2a"] == state


def test_an_option_that_is_not_in_force_is_not_judged() -> None:
    roll = ("2026-03-05T10:00:00Z", "update_rolled_out", {"update": "U", "at": "2026-03-05T10:00:00Z", "kind": "version"})
    with_option = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "options": ["personalised_update"]})
    assert states(history(STARTED, roll, known_at=APRIL))["A10.3"] == "nothing_to_judge"
    assert states(history(with_option, roll, known_at=APRIL))["A10.3"] == "broken"


def test_only_contested_breaches_leave_an_obligation_contested() -> None:
    roll = ("2026-03-05T10:00:00Z", "update_rolled_out", {"update": "U", "at": "2026-03-05T10:00:00Z", "kind": "version"})
    with_recette = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "options": ["recette", "personalised_update"]})
    assert states(history(with_recette, roll, known_at=APRIL))["A10.4"] == "contested"


def test_one_breach_nobody_contests_is_enough() -> None:
    from projections.obligations import _state

    told = history(STARTED, known_at=APRIL)
    rows = [{"contested": True}, {"contested": False}]
    month = (date(2026, 3, 1), date(2026, 3, 31))
    found = [_state(told, Frames(told), BY_ID["A10.4"], month, some, at(MARCH)) for some in (rows, rows[:1], rows[1:])]
    assert found == ["broken", "contested", "broken"]


def test_the_share_of_requests_is_judged_over_the_support_year() -> None:
    request = ("2026-03-02T09:00:00Z", "support_request_registered", {"request": "R", "at": "2026-03-02T09:00:00Z"})
    found = obligations(history(STARTED, request), Frames(history(STARTED, request)), at("2025-10-01T00:00:00Z")).result
    assert found["A12.2b"] == {"state": "broken", "breaches": 1, "period": "2025-09-01/2026-08-31"}
    assert found["A4.7"]["period"] == "2025-09-01/2026-08-31"
    before = obligations(history(STARTED, request), Frames(history(STARTED, request)), at("2026-08-31T21:59:59Z")).result
    after = obligations(history(STARTED, request), Frames(history(STARTED, request)), at("2026-08-31T22:00:00Z")).result
    assert (before["A12.2b"]["period"], after["A12.2b"]["period"]) == ("2025-09-01/2026-08-31", "2026-09-01/2027-08-31")


def test_nothing_is_owed_before_the_service_and_every_state_is_counted() -> None:
    told = history(STARTED)
    found = obligations(told, Frames(told), at("2025-07-15T00:00:00Z"))
    assert {row["state"] for row in found.result.values()} == {"nothing_to_judge"}
    assert sum(found.workings["states"].values()) == len(OBLIGATIONS)
    assert list(found.workings["states"]) == [state for state, _ in STATES]


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
