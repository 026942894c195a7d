"""Tables hold what the bundle holds, point to each other, and are never written over something."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.errors import Refused
from ledger.merkle import leaf_hash
from replays import tabular
from replays.export import Wanted, gather
from replays.tabular import FORMATS, write_csv, write_jsonl, write_sqlite, write_tables
from tests.bundles import FOREIGN_ID, KNOWN_AT, make_ledger


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: Any) -> Any:
    path = tmp_path_factory.mktemp("tables") / "book.db"
    make_ledger(path, foreign=20)
    with open_ledger(str(path), create=False) as book:
        yield book, gather(book, Wanted(contract="C1", first="2026-01", last="2026-03", known_at=KNOWN_AT))


def test_the_sqlite_file_is_sound_and_joined(gathered: Any, tmp_path: Path) -> None:
    book, found = gathered
    rows = write_sqlite(book, found, tmp_path / "x.sqlite")
    with sqlite3.connect(tmp_path / "x.sqlite") as made:
        assert made.execute("PRAGMA foreign_key_check").fetchall() == []
        assert made.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        breach = made.execute(
            "SELECT b.obligation, e.type, e.stream FROM breaches b JOIN breach_entries USING (breach) "
            "JOIN entries e USING (position) WHERE b.obligation = 'A6.1' ORDER BY position"
        ).fetchall()
        assert ("A6.1", "outage_started", "service:S1") in breach
        months = made.execute("SELECT month, td_percent, breach FROM availability ORDER BY month").fetchall()
        assert [month for month, _, _ in months] == ["2026-01", "2026-02", "2026-03"]
        assert [breach for _, _, breach in months] == [0, 1, 0]
        assert {"stream", "type", "recorded_at", "id"} <= {
            name for (sql,) in made.execute("SELECT sql FROM sqlite_master WHERE type='index' AND tbl_name='entries' AND sql IS NOT NULL")
            for name in sql.replace("[", " ").replace("]", " ").replace('"', " ").split()
        }  # fmt: skip
        tables = [name for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table, to in (("entries", "streams"), ("answer_entries", "entries"), ("availability", "answers")):
            assert to in [row[2] for row in made.execute(f"PRAGMA foreign_key_list({table})")]
        assert rows == sum(made.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables if not name.startswith(("entries_fts", "sqlite")))
    assert FOREIGN_ID.encode() not in (tmp_path / "x.sqlite").read_bytes()


def test_each_entry_carries_its_bytes_and_its_hash(gathered: Any, tmp_path: Path) -> None:
    book, found = gathered
    write_sqlite(book, found, tmp_path / "x.sqlite")
    with sqlite3.connect(tmp_path / "x.sqlite") as made:
        for position, text, told in made.execute("SELECT position, entry, leaf_hash FROM entries"):
            assert text.encode() == book.store.read_at(position).state
            assert leaf_hash(text.encode()).hex() == told


def test_answers_in_tables_are_the_answers(gathered: Any, tmp_path: Path) -> None:
    book, found = gathered
    write_jsonl(book, found, tmp_path / "j")
    rows = [json.loads(line) for line in (tmp_path / "j" / "answers.jsonl").read_text().splitlines()]
    assert [json.loads(row["result"]) for row in rows] == [json.loads(a.to_json())["result"] for a in found.answers]
    because = [json.loads(line) for line in (tmp_path / "j" / "answer_entries.jsonl").read_text().splitlines()]
    assert [row["position"] for row in because if row["answer"] == 2] == list(found.answers[1].because)


def test_csv_reads_back_row_for_row(gathered: Any, tmp_path: Path) -> None:
    book, found = gathered
    count = write_csv(book, found, tmp_path / "c")
    read = {}
    for path in (tmp_path / "c").iterdir():
        with path.open(newline="") as file:
            read[path.stem] = list(csv.DictReader(file))
    assert sum(map(len, read.values())) == count
    assert [row["breach"] for row in read["availability"]] == ["false", "true", "false"]
    assert {row["stream"] for row in read["entries"]} == {"ledger", "contract:C1", "service:S1"}


def test_the_three_forms_hold_the_same_number_of_rows(gathered: Any, tmp_path: Path) -> None:
    book, found = gathered
    assert len({write(book, found, tmp_path / form, None) for form, write in FORMATS.items()}) == 1


def test_nothing_is_written_over(gathered: Any, tmp_path: Path) -> None:
    book, found = gathered
    (tmp_path / "there").write_text("mine")
    for write in FORMATS.values():
        with pytest.raises(Refused, match="file_exists"):
            write(book, found, tmp_path / "there", None)
    assert (tmp_path / "there").read_text() == "mine"


@pytest.mark.parametrize("form", FORMATS)
def test_tables_come_whole_or_not_at_all_and_tell_how_far_they_are(
    gathered: Any, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, found = gathered
    told: list[tuple[str, int, int]] = []
    write_tables(form, book, found, tmp_path / "out", lambda *step: told.append(step))
    assert told[-1] == ("entries written", sum(found.streams.values()), sum(found.streams.values()))

    def full(row: Any) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(tabular, "_reading", full)  # the last table
    with pytest.raises(Refused, match="store_failed"):
        write_tables(form, book, found, tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
