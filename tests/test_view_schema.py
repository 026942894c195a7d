"""Views in a schema of PostgreSQL: what readers see while they are replaced, who may, and what is refused."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.errors import Refused
from projections import view_schema, views
from replays.cli import run
from tests.postgres import cut_connections, shared_url, with_options
from tests.viewed import Files, Life, Schemas, agree, code_of, dump, engine_of, folded_upto, life

CONTRACTS = "SELECT count(*) FROM contracts_now"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Schemas]:
    with engine_of("postgresql", tmp_path) as found:
        assert isinstance(found, Schemas)
        yield found


@pytest.fixture
def told(engine: Schemas) -> Iterator[Life]:
    """A short life, its views built."""
    with closing((found := life(2, engine, 3)).book):
        build(engine)
        yield found


def build(engine: Schemas, **options: Any) -> dict[str, Any]:
    return views.build(engine.url, views.place_of(engine.url), **options)


def follow_once(engine: Schemas, book: Any) -> None:
    views.follow(book, views.place_of(engine.url), once=True)


# --- readers while tables are replaced ---


def test_the_swap_waits_for_a_snapshot_in_which_the_new_tables_would_be_empty(engine: Schemas, told: Life) -> None:
    """REPEATABLE READ: its snapshot is older than the new rows, and a name it uses later leads to the new tables."""
    with engine.reading(begin="BEGIN ISOLATION LEVEL REPEATABLE READ") as select:
        assert select("SELECT 1") == [(1,)]
        builder = threading.Thread(target=build, args=[engine])
        builder.start()
        with psycopg.connect(engine.server, autocommit=True) as watching:
            waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND query LIKE '%%pg_sleep%%'"
            while builder.is_alive() and watching.execute(waits, (engine.schema,)).fetchone() == (0,):
                builder.join(0.01)
        assert builder.is_alive()
        assert select(CONTRACTS) == [(2,)]
    builder.join()
    assert engine.unfinished() == []
    agree(engine, told.book, [told.book.position])


def test_a_swap_that_waits_in_vain_leaves_the_old_views(engine: Schemas, told: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_schema, "SNAPSHOT_TRIES", 2)
    before = dump(engine)
    with engine.reading(begin="BEGIN ISOLATION LEVEL REPEATABLE READ") as select:
        assert select(CONTRACTS) == [(2,)]
        assert code_of(lambda: build(engine)) == "locked"
    assert (dump(engine), engine.unfinished()) == (before, [])


def test_who_reads_the_old_tables_reads_on_and_the_next_building_clears_them_away(engine: Schemas, told: Life) -> None:
    with engine.reading() as select:
        assert select(CONTRACTS) == [(2,)]
        build(engine)
        assert engine.unfinished() == [f"{engine.schema}_views_old"]
        assert select(CONTRACTS) == [(2,)]
    build(engine)
    assert engine.unfinished() == []


# --- killed in the middle ---


def test_a_building_cut_off_leaves_the_old_views_and_the_next_goes_on(engine: Schemas, told: Life) -> None:
    before = dump(engine)
    told.step()
    assert code_of(lambda: build(engine, progress=lambda done, of: cut_connections(engine.server, engine.schema))) == "store_failed"
    assert dump(engine) == before
    build(engine)
    assert engine.unfinished() == []
    agree(engine, told.book, [told.book.position])


def test_a_follower_cut_off_in_the_middle_of_a_batch_goes_on_exactly_there(
    engine: Schemas, told: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, position = dump(engine), folded_upto(engine)
    for _ in range(4):
        told.step()
    fold, calls = views._folded, [0]

    def cut(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            cut_connections(engine.server, engine.schema)
        return fold(*given)

    monkeypatch.setattr(views, "_folded", cut)
    assert code_of(lambda: follow_once(engine, told.book)) == "store_failed"
    assert calls == [2]
    assert (dump(engine), folded_upto(engine)) == (before, position)
    follow_once(engine, told.book)
    agree(engine, told.book, range(position, told.book.position + 1))


# --- who may ---


@contextmanager
def role(engine: Schemas) -> Iterator[str]:
    name = f"reader_{os.getpid()}_{engine.schema}"
    with psycopg.connect(engine.server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
        try:
            yield name
        finally:
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


def test_a_reader_needs_select_alone_and_keeps_it_when_the_tables_are_replaced(engine: Schemas, told: Life) -> None:
    schema = f"{engine.schema}_views"
    with role(engine) as reader, closing(psycopg.connect(engine.server, autocommit=True)) as asked:
        asked.execute(f"GRANT USAGE ON SCHEMA {schema} TO {reader}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}")
        build(engine)
        asked.execute(f"SET ROLE {reader}; SET search_path = {schema}")
        assert asked.execute(CONTRACTS).fetchone() == (2,)
        assert asked.execute("SELECT max(notification_id) FROM notification_tracking").fetchone() == (told.book.position,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            asked.execute("DELETE FROM contracts")


def test_a_role_without_the_right_is_refused_in_one_line(engine: Schemas, told: Life) -> None:
    with role(engine) as stranger:
        url = engine.url.replace("postgres@", f"{stranger}@")
        there = views.place_of(url)
        assert code_of(lambda: views.status(there)) == "read_only"
        assert code_of(lambda: views.follow(told.book, there, once=True)) == "read_only"
        assert code_of(lambda: views.build(engine.url, there)) == "read_only"
    assert engine.unfinished() == []


# --- where they stand ---


def test_a_schema_that_holds_something_else_is_left_as_it_was(engine: Schemas, told: Life) -> None:
    for where in (engine.url.split("&application_name")[0], engine.other("letters")):
        with psycopg.connect(engine.server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {engine.schema}_letters")
        place = views.place_of(engine.url, where)
        assert code_of(lambda place=place: views.build(engine.url, place)) == "not_a_ledger"
        assert code_of(lambda place=place: views.follow(told.book, place, once=True)) == "not_a_ledger"
    assert told.book.position


def test_views_of_either_engine_serve_a_ledger_of_the_other(engine: Schemas, told: Life, tmp_path: Path) -> None:
    in_file = str(tmp_path / "v.db")
    views.build(engine.url, views.place_of(engine.url, in_file))
    with Files(tmp_path).reading(in_file) as select:
        assert select(CONTRACTS) == [(2,)]
    with closing(life(2, Files(tmp_path), 1).book) as book:
        where = engine.other("of_a_file")
        assert views.build(book.store.url, views.place_of(book.store.url, where))["behind"] == 0
        with engine.reading(where) as select:
            assert select(CONTRACTS) == [(2,)]


def test_what_cannot_be_a_place_is_refused_with_its_code(engine: Schemas, told: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    book = engine.url
    assert code_of(lambda: views.status(views.place_of(book, engine.other("none")))) == "no_file"
    assert code_of(lambda: views.place_of(book, engine.other("x" * (60 - len(engine.schema))))) == "no_file"
    assert code_of(lambda: views.status(views.place_of(book, "postgresql://postgres@/postgres?host=/nowhere"))) == "store_failed"
    nowhere = with_options(shared_url().replace("/postgres?", "/nowhere?"), schema="v")
    assert code_of(lambda: views.status(views.place_of(book, nowhere))) == "no_ledger"
    with psycopg.connect(engine.server, autocommit=True) as connection:
        connection.execute(f"DROP TABLE {engine.schema}_views.breaches CASCADE")
    assert code_of(lambda: views.status(views.place_of(book))) == "not_a_ledger"
    monkeypatch.setitem(sys.modules, "ledger.postgres_store", None)
    with pytest.raises(Refused, match=r"service-ledger\[postgres\]") as refused:
        views.place_of(book)
    assert refused.value.code == "missing_extra"


def test_the_commands_build_follow_and_show_them(engine: Schemas, told: Life, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert run(["views", *words, "--ledger", engine.url]) == 0
        found = capsys.readouterr()
        return found.out + found.err

    assert json.loads(said("build", "--json"))["behind"] == 0
    told.step()
    assert json.loads(said("status", "--json"))["behind"] > 0
    assert f"folded up to position {told.book.position}" in said("follow", "--once")
    shown = json.loads(said("status", "--json"))
    assert shown["behind"] == 0
    assert shown["rows"]["contracts"] >= 2
    assert f"schema {engine.schema}_views" in shown["views"]
