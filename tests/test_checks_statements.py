"""Verification gives every verdict of a ledger again: statements to their figures and root, replays to their digest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.codec import decode_entry, encode_entry
from ledger.events import AvailabilityStatementIssued, DisputeReplayed
from ledger.merkle import leaf_hashes, root
from ledger.tree import root_text
from replays.checks import Check
from replays.statements import issue, watch
from replays.verify import verify
from tests.bundles import event, export, outage
from tests.conftest import Clock
from tests.story import CONTRACT, instant

ISSUED_AT = "2026-04-02T08:00:00Z"
Change = Callable[[list[bytes]], list[bytes]]


def make(path: Path, reading: dict[str, str] | None = None, statements: int = 1, **contract: Any) -> Path:
    """Contracts C1 and C2 on service S1; 70 minutes out in March 2026, and statements of it issued in April."""
    clock = Clock("2025-12-01T00:00:00Z")
    with open_ledger(str(path), clock=clock, recorded_by="t") as book:
        for name in ("C1", "C2"):
            told = {**CONTRACT, "contract": name, "services": ["S1"], **contract}
            book.record([event(1, "contract_started", told, f"contract:{name}")])
        clock.set("2026-03-04T00:00:00Z")
        book.record(outage(100, "2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z"))
        book.record(outage(101, "2026-03-03T12:00:00Z", "2026-03-03T12:10:00Z", "service:S1"))
        clock.set(ISSUED_AT)
        for number in range(statements):
            for name in ("C1", "C2"):
                issue(book, name, "2026-03", statement=f"S-{number}", known_at=instant(ISSUED_AT), reading=reading)
        clock.set("2026-05-01T00:00:00Z")
        right = {"outage": "O100", "at": "2026-03-03T12:00:00Z"}
        told = {"target": "e201", "reason": "the log says noon", "data": right}
        book.record([event(9, "corrected", told)])  # what is learnt later moves no statement
    return path


def forge(path: Path, change: Change) -> Path:
    """The entries' bytes changed by somebody with the file, the tree and the roots of later statements made to fit."""
    with closing(sqlite3.connect(path)) as raw:
        rules = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            raw.execute(f'DROP TRIGGER "{name}"')
        states = [state for (state,) in raw.execute("SELECT state FROM stored_events ORDER BY position")]
        for position, state in enumerate(_rooted(change(states)), 1):
            raw.execute("UPDATE stored_events SET state = ? WHERE position = ?", (state, position))
        for _, sql in rules:
            raw.execute(sql)
        raw.commit()
    return path


def _rooted(states: list[bytes]) -> list[bytes]:
    found: list[bytes] = []
    for state in states:
        said = json.loads(state)["event"]
        if said["type"] == "availability_statement_issued":
            true = root_text(root(leaf_hashes(found[: said["position"]])))
            state = state.replace(said["root"].encode(), true.encode())
        found.append(state)
    return found


def replaced(old: str, new: str, count: int = -1) -> Change:
    def change(states: list[bytes]) -> list[bytes]:
        after = [state.replace(old.encode(), new.encode()) for state in states]
        assert after != states, "nothing was changed"
        return after

    return change


def check(path: Path, name: str = "statements") -> Check:
    found = verify(str(path))
    assert not [c for c in found.checks if c.state == "FAILED" and c.check != name], found.checks
    return next(c for c in found.checks if c.check == name)


def both(path: Path) -> tuple[Check, Check]:
    """What the ledger's own verification says, and that of a bundle of contract C1 taken from it."""
    return check(path), check(export(path, path.with_suffix(".zip"), signed=False))


# --- statements ---


def test_statements_are_found_again_though_more_is_known_since(tmp_path: Path) -> None:
    own, shown = both(make(tmp_path / "book.db", statements=2))
    assert (own.state, own.detail) == ("ok", "4 are what the entries give")
    assert (shown.state, shown.detail) == ("ok", "2 are what the entries give")


@pytest.mark.parametrize("reading", [{"overlap": "sum", "open_outage": "ignore"}, {"knowledge": "attested"}])
def test_a_statement_is_found_again_under_its_own_reading(tmp_path: Path, reading: dict[str, str]) -> None:
    assert [found.state for found in both(make(tmp_path / "book.db", reading))] == ["ok", "ok"]


def test_without_statements_there_is_nothing_to_find_again(tmp_path: Path) -> None:
    own, shown = both(make(tmp_path / "book.db", statements=0))
    assert (own.state, own.detail) == (shown.state, shown.detail) == ("ok", "none is recorded")


def test_an_entry_rewritten_under_an_issued_statement_is_found_where_the_statement_stands(tmp_path: Path) -> None:
    """The operator makes an outage shorter and every hash fit, but leaves the figures: they do not replay."""
    path = forge(make(tmp_path / "book.db"), replaced("2026-03-03T11:00:00Z", "2026-03-03T10:20:00Z"))
    own, shown = both(path)
    assert own.state == shown.state == "FAILED"
    assert own.position == shown.position == 10
    assert "1 of 2 is not found again" in own.detail  # only contract C1 was on that outage
    assert "ti_seconds 1800, not 4200" in own.detail


def test_an_entry_of_a_service_rewritten_makes_the_statements_of_all_its_contracts_fail(tmp_path: Path) -> None:
    own = check(forge(make(tmp_path / "book.db"), replaced("2026-03-03T12:10:00Z", "2026-03-03T12:01:00Z")))
    assert (own.state, own.position) == ("FAILED", 10)
    assert "2 of 2 are not found again" in own.detail


def test_a_statement_whose_figures_were_rewritten_is_found(tmp_path: Path) -> None:
    own, shown = both(forge(make(tmp_path / "book.db"), replaced('"ti_seconds":4200', '"ti_seconds":1200')))
    assert (own.state, own.position, shown.position) == ("FAILED", 10, 10)
    assert "ti_seconds 4200, not 1200" in own.detail


def test_a_root_that_the_tree_never_had_is_found_though_the_figures_are_right(tmp_path: Path) -> None:
    path = make(tmp_path / "book.db")
    with open_ledger(str(path), create=False) as book:
        said = next(e.event for _, e in book.entries() if isinstance(e.event, AvailabilityStatementIssued))
        other = book.root_at(said.position - 1)
    with closing(sqlite3.connect(path)) as raw:
        (rule,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'entries_never_change'").fetchone()
        raw.execute("DROP TRIGGER entries_never_change")
        (state,) = raw.execute("SELECT state FROM stored_events WHERE position = 10").fetchone()
        raw.execute("UPDATE stored_events SET state = ? WHERE position = 10", (state.replace(said.root.encode(), other.encode()),))
        raw.execute(rule)
        raw.commit()
    own = check(path)
    assert (own.state, own.position) == ("FAILED", 10)
    assert "the tree's root at position 9 is another" in own.detail


def test_a_statement_of_a_position_that_was_not_there_yet_is_found(tmp_path: Path) -> None:
    own = check(forge(make(tmp_path / "book.db"), lambda states: [
        state.replace(b'"position":9', b'"position":13') if n == 9 else state for n, state in enumerate(states)
    ]))  # fmt: skip
    assert (own.state, own.position) == ("FAILED", 10)
    assert "position 13, which was not there" in own.detail


def test_a_statement_corrected_to_figures_that_do_not_replay_is_found_where_the_correction_stands(tmp_path: Path) -> None:
    path = make(tmp_path / "book.db")
    with open_ledger(str(path), create=False, clock=Clock("2026-05-02T00:00:00Z")) as book:
        stated = next(e for _, e in book.entries() if isinstance(e.event, AvailabilityStatementIssued))
        data = {name: value for name, value in json.loads(encode_entry(stated))["event"].items() if name != "type"}
        data["figures"]["ti_seconds"] = 0
        told = {"target": stated.id, "reason": "we say so", "data": data}
        last = book.record([event(77, "corrected", told)])[0].position
    own = check(path)
    assert (own.state, own.position) == ("FAILED", last)
    assert "1 of 3" in own.detail


def test_a_statement_under_a_switch_this_release_does_not_know_is_not_checked(tmp_path: Path) -> None:
    path = make(tmp_path / "book.db", {"overlap": "sum"})
    own, shown = both(forge(path, replaced('{"overlap":"sum"}', '{"newest_switch":"sum"}')))
    assert own.state == shown.state == "not checked"
    assert "2 of 2, the first at position 10" in own.detail


def test_a_statement_is_found_again_where_others_entries_hide_up_to_where_it_reached(tmp_path: Path) -> None:
    """In a bundle the position a statement names is often another contract's: known only as a hash."""
    path = make(tmp_path / "book.db", statements=0)
    clock = Clock("2026-06-01T00:00:00Z")
    with open_ledger(str(path), create=False, clock=clock) as book:
        watch(book)
        book.record(outage(300, "2026-05-03T10:00:00Z", "2026-05-03T11:00:00Z", "contract:C2"))
        clock.set("2026-06-02T00:00:00Z")
        book.record(outage(301, "2026-05-04T10:00:00Z", "2026-05-04T11:00:00Z", "contract:C2"))
        _, answer = issue(book, "C1", "2026-03", statement="S-1", known_at=instant("2026-06-01T12:00:00Z"))
        root_then = book.root_at(answer.position)
        # one that names a later position than its instant reached: whose root it is cannot be seen from the bundle
        far = {"statement": "S-2", "month": "2026-03", "known_at": "2026-06-01T12:00:00Z", "reading": {},
               "position": answer.position + 1, "figures": {"ti_seconds": answer.result["ti_seconds"]}}  # fmt: skip
        book.record([event(60, "availability_statement_issued", {**far, "root": root_then})])
    own, shown = both(path)
    assert (own.state, shown.state) == ("ok", "not checked")
    assert "entries shown as hashes hide" in shown.detail


# --- replays of disputes ---


def disputed(path: Path) -> int:
    """A dispute of contract C1 replayed on record under a reading; the position of that entry."""
    from hashlib import sha256

    from projections import ask

    clock = Clock("2026-05-03T00:00:00Z")
    with open_ledger(str(path), create=False, clock=clock) as book:
        told = {"dispute": "D-1", "question": "availability", "params": {"month": "2026-03"}, "reason": "two hours"}
        book.record([event(70, "dispute_opened", told)])
        known_at = instant("2026-05-03T00:00:00Z")
        answer = ask(book, "availability", contract="C1", month="2026-03", known_at=known_at, reading={"overlap": "sum"})
        said = DisputeReplayed(
            dispute="D-1", position=answer.position, known_at=known_at, note="reading: overlap=sum",
            answer_sha256=sha256(answer.to_json().encode()).hexdigest(),
        )  # fmt: skip
        return book.record([said], subject="contract:C1", source="t")[0].position


def test_the_answer_a_dispute_was_replayed_with_is_found_again_by_its_digest(tmp_path: Path) -> None:
    path = make(tmp_path / "book.db")
    disputed(path)
    assert check(path, "dispute replays").detail == "1 has the digest of the answer given again"
    made = export(path, tmp_path / "c1.zip", signed=False, known_at=None)
    assert check(made, "dispute replays").state == "ok"


def test_another_digest_is_told_and_proves_nothing_by_itself(tmp_path: Path) -> None:
    path = make(tmp_path / "book.db")
    last = disputed(path)
    forge(path, replaced("reading: overlap=sum", "reading: overlap=union"))
    found = check(path, "dispute replays")
    assert found.state == "not checked"
    assert f"at position {last}" in found.detail


def test_a_verdict_filed_under_what_is_no_contract_is_found() -> None:
    from replays.checks import Failed
    from replays.checks_statements import Verdicts

    stated = decode_entry(
        b'{"stream":"service:S1","version":1,"recorded_at":"2026-04-02T08:00:00Z","recorded_by":"t","source":"t",'
        b'"id":"e","salt":"00","event":{"type":"availability_statement_issued","statement":"S","month":"2026-03",'
        b'"known_at":"2026-04-02T08:00:00Z","position":4,"reading":{},"figures":{}}}'
    )
    verdicts = Verdicts()
    verdicts.note([7], [stated])
    with pytest.raises(Failed, match="service:S1") as failed:
        verdicts.statements(None)  # type: ignore[arg-type]
    assert failed.value.position == 7
