"""The file guards itself: whoever opens it may append the next entry and change nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger import sqlite_schema as sql
from ledger.errors import EXIT_STATUS, Refused
from ledger.store import OPENING_TOPICS, NewRow, Row

NAMES = "(position, originator_id, originator_version, topic, state)"


@pytest.fixture
def book() -> Iterator[sqlite3.Connection]:
    """Three entries of `a` and two of `b`, in a connection of anybody's: plain, as the sqlite3 shell opens it."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        sql.make_schema(connection)
        topics = ["contract_started", "x", "y", "service_started", "x"]
        rows = [NewRow("ab"[i // 3], i % 3 + 1, topic, b"%d" % i) for i, topic in enumerate(topics)]
        assert sql.append(connection, rows, None) == 1
        yield connection


def everything(book: sqlite3.Connection) -> list[tuple[object, ...]]:
    return book.execute("SELECT * FROM stored_events ORDER BY position").fetchall()


FORGERIES = {
    "a changed entry": "UPDATE stored_events SET state = x'00' WHERE position = 2",
    "a moved entry": "UPDATE stored_events SET position = 9 WHERE position = 5",
    "an upsert": "INSERT INTO stored_events VALUES (5, 'b', 3, 'x', x'') ON CONFLICT DO UPDATE SET state = x'00'",
    "a removed entry": "DELETE FROM stored_events WHERE position = 2",
    "a removed last entry": "DELETE FROM stored_events WHERE position = 5",
    "everything removed": "DELETE FROM stored_events",
    "replaced by its version": f"INSERT OR REPLACE INTO stored_events {NAMES} VALUES (NULL, 'a', 2, 'x', x'00')",
    "replaced by its last version": f"REPLACE INTO stored_events {NAMES} VALUES (NULL, 'b', 2, 'x', x'00')",
    "replaced by its position": f"REPLACE INTO stored_events {NAMES} VALUES (2, 'c', 1, 'x', x'00')",
    "replaced by the last position": f"REPLACE INTO stored_events {NAMES} VALUES (5, 'b', 3, 'x', x'00')",
    "a version left out": f"INSERT INTO stored_events {NAMES} VALUES (NULL, 'a', 5, 'x', x'00')",
    "a version of before": f"INSERT INTO stored_events {NAMES} VALUES (NULL, 'a', 0, 'x', x'00')",
    "a version said again": f"INSERT INTO stored_events {NAMES} VALUES (NULL, 'a', 3, 'x', x'00')",
    "a position left out": f"INSERT INTO stored_events {NAMES} VALUES (7, 'a', 4, 'x', x'00')",
    "position nought": f"INSERT INTO stored_events {NAMES} VALUES (0, 'a', 4, 'x', x'00')",
    "a position below nought": f"INSERT INTO stored_events {NAMES} VALUES (-1, 'a', 4, 'x', x'00')",
    "no stream": f"INSERT INTO stored_events {NAMES} VALUES (NULL, NULL, 1, 'x', x'00')",
    "no bytes": f"INSERT INTO stored_events {NAMES} VALUES (NULL, 'a', 4, 'x', NULL)",
}


@pytest.mark.parametrize("statement", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("recursive_triggers", [0, 1])
def test_the_file_refuses(book: sqlite3.Connection, statement: str, recursive_triggers: int) -> None:
    book.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
    before = everything(book)
    with pytest.raises(sqlite3.IntegrityError):
        book.execute(statement)
    assert everything(book) == before


@pytest.mark.parametrize("position", ["NULL", "6"])
def test_the_file_takes_the_next_entry_and_gives_it_the_next_position(book: sqlite3.Connection, position: str) -> None:
    book.execute(f"INSERT INTO stored_events {NAMES} VALUES ({position}, 'a', 4, 'x', x'00')")
    assert everything(book)[-1] == (6, "a", 4, "x", b"\0")


def test_a_position_is_not_given_again_after_its_entry_was_cut_off(book: sqlite3.Connection) -> None:
    book.execute("DROP TRIGGER entries_are_never_removed")
    book.execute("DELETE FROM stored_events WHERE position = 5")
    with pytest.raises(Refused, match="damaged_ledger"):
        sql.append(book, [NewRow("b", 2, "x", b"")], None)
    with pytest.raises(Refused, match="damaged_ledger"):
        sql.append(book, [NewRow("b", 3, "x", b"")], 4)


@pytest.mark.parametrize("cut", ["position = 5", "position > 0"])
def test_reading_the_last_entry_misses_what_was_cut_off_the_end(book: sqlite3.Connection, cut: str) -> None:
    book.execute("DROP TRIGGER entries_are_never_removed")
    book.execute(f"DELETE FROM stored_events WHERE {cut}")
    with pytest.raises(Refused, match="damaged_ledger"):
        sql.last_row(book)


def test_reading_misses_what_was_taken_out_of_the_middle(book: sqlite3.Connection) -> None:
    book.execute("DROP TRIGGER entries_are_never_removed")
    book.execute("DELETE FROM stored_events WHERE position = 2")
    for question in (
        lambda: sql.page_rows(book, 1, 10),
        lambda: sql.page_rows(book, 2, 10),
        lambda: sql.page_rows(book, 2, 1),
        lambda: sql.stream_rows(book, "a", 0),
        lambda: sql.stream_rows(book, "a", 1),
    ):
        with pytest.raises(Refused, match="damaged_ledger"):
            question()
    assert [row.position for row in sql.page_rows(book, 3, 10)] == [3, 4, 5]
    assert [row.version for row in sql.stream_rows(book, "a", 2)] == [3]


def test_the_last_entry_of_nothing_is_none() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        sql.make_schema(connection)
        assert sql.last_row(connection) is None


def test_a_page_keeps_to_its_bounds_both_included(book: sqlite3.Connection) -> None:
    def positions(*bounds: object) -> list[int]:
        return [row.position for row in sql.page_rows(book, *bounds)]  # type: ignore[arg-type]

    assert positions(2, 10) == [2, 3, 4, 5]
    assert positions(2, 10, 4) == [2, 3, 4]
    assert positions(2, 2, 4) == [2, 3]
    assert positions(0, 2) == [1, 2]
    assert positions(-5, 2) == [1, 2]
    assert positions(6, 10) == positions(1, 0) == positions(1, -1) == positions(4, 9, 3) == []
    assert positions(1, 10, None, ["x", "y"]) == [2, 3, 5]
    assert positions(3, 1, 5, ["x"]) == [5]


def test_a_stream_keeps_to_its_bounds(book: sqlite3.Connection) -> None:
    def versions(*bounds: object) -> list[int]:
        return [row.version for row in sql.stream_rows(book, "a", *bounds)]  # type: ignore[arg-type]

    assert versions(0) == [1, 2, 3]
    assert versions(1) == [2, 3]
    assert versions(0, 2) == [1, 2]
    assert versions(0, None, 1) == [1]
    assert versions(3) == versions(0, 0) == versions(0, None, 0) == []
    assert sql.stream_rows(book, "nobody", 0) == []


def test_rows_are_named(book: sqlite3.Connection) -> None:
    assert sql.page_rows(book, 4, 1) == [Row(position=4, stream="b", version=1, topic="service_started", state=b"3")]
    assert sql.last_row(book) == Row(position=5, stream="b", version=2, topic="x", state=b"4")
    assert type(sql.page_rows(book, 4, 1)[0]) is type(sql.last_row(book)) is Row


def test_openings_are_found_without_a_scan(book: sqlite3.Connection) -> None:
    assert [row.topic for row in sql.opening_rows(book)] == ["contract_started", "service_started"]
    plan = book.execute(f"EXPLAIN QUERY PLAN {sql._OPENINGS}").fetchall()
    assert [step[-1] for step in plan] == ["SCAN stored_events USING INDEX openings"]
    assert book.execute(
        "SELECT count(*) FROM stored_events INDEXED BY openings WHERE " + sql._IS_OPENING
    ).fetchone() == (2,)
    assert all(f"'{topic}'" in sql.SCHEMA[1] for topic in OPENING_TOPICS)


def test_a_stream_is_found_by_its_index_even_when_cut_at_a_position(book: sqlite3.Connection) -> None:
    statement = f"EXPLAIN QUERY PLAN {sql._STREAM} AND position <= ? ORDER BY originator_version"
    (step,) = book.execute(statement, ("a", 1, 5)).fetchall()
    assert "originator_id=? AND originator_version>?" in step[-1]
    assert "SEARCH" in step[-1]


def test_a_database_of_something_else_gets_no_ledger() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE mine (x)")
        with pytest.raises(Refused, match="not_a_ledger"):
            sql.make_schema(connection)
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_a_file_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "book.db")) as connection:
        sql.make_schema(connection)
        connection.commit()
    head = (tmp_path / "book.db").read_bytes()[: sql.HEADER_BYTES]
    assert head[68:72] == b"SLdg"
    assert sql.is_header(head)
    assert not sql.is_header(head[:71])
    assert not sql.is_header(head.replace(b"SLdg", b"SLdh"))
    assert not sql.is_header(b"sqlite" + head[6:])


def test_every_meaning_is_a_refusal_we_know_and_a_code_sqlite_has() -> None:
    known = {getattr(sqlite3, name) for name in dir(sqlite3) if name.startswith("SQLITE_")}
    assert {code for code, _, _ in sql.MEANINGS} <= known
    assert {name for _, name, _ in sql.MEANINGS} <= set(EXIT_STATUS)
