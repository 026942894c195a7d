"""The same schema with its entries in partitions by stream: appended to, read, verified, guarded and copied as ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger import postgres_schema as sql
from ledger.copying import copy
from ledger.postgres_recorder import LedgerRecorder
from ledger.postgres_store import PostgresStore
from ledger.store import NewRow, open_store
from replays.verify import verify
from tests.postgres import fresh_schema, meddling, shared_url
from tests.test_postgres_recorder import OnServer
from tests.test_postgres_store import (  # noqa: F401  the same promises, on the partitioned tables
    FORBIDDEN,
    filled,
    opened,
    raw,
    store,
    test_a_batch_larger_than_a_block_of_the_copy_is_whole,
    test_a_story_has_the_same_bytes_roots_and_answers_on_both_engines,
    test_an_entry_taken_out_is_missed_on_reading,
    test_entries_cut_off_the_end_are_missed_on_reading_and_on_writing,
    test_guards_taken_off_are_missed_on_opening,
    test_only_full_tiles_are_stored_each_once,
    test_openings_are_those_topics_alone,
    test_pages_follow_each_other_to_the_end,
    test_proofs_hold_at_any_size,
    test_what_is_rolled_back_leaves_no_gap,
)
from tests.test_sqlite_recorder import library
from tests.test_sqlite_store import append, positions

PARTITIONS = 8

# What a partitioned table asks for beside the tables' own text. No unique index of one can be on the position alone,
# so the positions of a statement are compared among themselves; that they are the next ones after the head, which one
# row under a lock says, is the schema's own trigger. A trigger of the table is not asked of what is put straight into
# a partition, so nothing may be.
BESIDE = """
CREATE FUNCTION positions_differ() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF (SELECT count(*) <> count(DISTINCT a.position) FROM added AS a) THEN
    RAISE EXCEPTION 'one entry has one position' USING ERRCODE = 'unique_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER positions_differ AFTER INSERT ON stored_events
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION positions_differ();
ALTER TABLE stored_events ENABLE ALWAYS TRIGGER positions_differ;
DO $$ BEGIN
  FOR number IN 0..{last} LOOP
    EXECUTE format('CREATE TABLE stored_events_%s PARTITION OF stored_events
      FOR VALUES WITH (MODULUS {count}, REMAINDER %s)', number, number);
    EXECUTE format('CREATE TRIGGER nothing_goes_straight_in BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE
      ON stored_events_%s FOR EACH STATEMENT EXECUTE FUNCTION never()', number);
    EXECUTE format('ALTER TABLE stored_events_%s ENABLE ALWAYS TRIGGER nothing_goes_straight_in', number);
  END LOOP;
END $$;
"""


def partitioned() -> str:
    """The schema's own text with three words changed, and what goes beside it."""
    text = sql.ddl()
    for plain, split in (
        ("position bigint PRIMARY KEY CHECK", "position bigint NOT NULL CHECK"),
        (
            "UNIQUE (originator_id, originator_version)\n);",
            "PRIMARY KEY (position, originator_id),\n"
            "UNIQUE (originator_id, originator_version)\n) PARTITION BY HASH (originator_id);",
        ),
    ):
        assert text.count(plain) == 1
        text = text.replace(plain, split)
    return text + BESIDE.replace("{count}", str(PARTITIONS)).replace("{last}", str(PARTITIONS - 1))


def make(url: str) -> str:
    with meddling(shared_url(), schema := url.split("schema=")[1].split("&")[0]) as session:
        session.execute(f"CREATE SCHEMA {schema}")
        session.execute(partitioned())
    return url


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_schema(shared_url()) as url:
        yield make(url)


@pytest.mark.soak
class TestApplicationRecorderOnPartitions(OnServer, library.ApplicationRecorderTestCase[LedgerRecorder]):
    def create_recorder(self) -> LedgerRecorder:
        stack = ExitStack()
        self.addCleanup(stack.close)
        opened_store = opened(make(stack.enter_context(fresh_schema(shared_url()))))
        stack.callback(opened_store.close)
        return opened_store.recorder

    def test_concurrent_throughput(self) -> None:
        """A measurement of the library's, made on the plain tables."""


def test_streams_are_spread_and_read_back_in_the_order_of_the_ledger(store: PostgresStore, raw: Any) -> None:  # noqa: F811
    batch = [NewRow(f"s{n % 50}", n // 50 + 1, "t", f"{n}".encode()) for n in range(1000)]
    with store.write() as transaction:
        transaction.insert(batch)
    assert [row[1:] for row in store.read(1, 2000)] == batch
    assert [row.version for row in store.read_stream("s7")] == list(range(1, 21))
    held = [raw.execute(f"SELECT count(*) FROM stored_events_{n}").fetchone()[0] for n in range(PARTITIONS)]
    assert sum(held) == 1000
    assert min(held) > 0
    assert int(store.stat()["bytes"]) > 100_000, "the partitions count"


def test_a_ledger_of_the_story_verifies_and_is_copied_to_and_from(filled: Any, tmp_path: Path) -> None:  # noqa: F811
    assert verify(filled.store.url).holds
    plain = open_store(str(tmp_path / "book.db"), create=True)
    with fresh_schema(shared_url()) as other:
        again = opened(make(other))
        assert copy(filled.store, plain).root == copy(plain, again).root
        again.close()
    plain.close()


def test_nothing_is_changed_removed_or_put_straight_into_a_partition(store: PostgresStore, raw: Any) -> None:  # noqa: F811
    append(store, 1, 20)
    statements = [statement for statement in FORBIDDEN if "ON CONFLICT (position)" not in statement]
    for n in range(PARTITIONS):
        statements += [f"UPDATE stored_events_{n} SET state = ''", f"DELETE FROM stored_events_{n}", f"TRUNCATE stored_events_{n}",
                       f"INSERT INTO stored_events_{n} VALUES (21, 's', 21, 't', '')"]  # fmt: skip
    for role in ("origin", "replica"):
        raw.execute(f"SET session_replication_role = {role}")
        for statement in statements:
            with pytest.raises(psycopg.IntegrityError, match="never changed or removed"):
                raw.execute(statement)
    assert positions(store) == list(range(1, 21))


@pytest.mark.parametrize(
    "values",
    ["(2, 's', 2, 't', ''), (2, 'new', 1, 't', '')", "(2, 'a', 1, 't', ''), (3, 'b', 1, 't', ''), (3, 'c', 1, 't', '')",
     "(2, 'a', 1, 't', ''), (2, 'b', 1, 't', ''), (4, 'c', 1, 't', '')", "(1, 'new', 1, 't', '')", "(3, 'new', 1, 't', '')",
     "(2, 's', 1, 't', '')", "(2, 's', 3, 't', '')"],
)  # fmt: skip
def test_a_position_is_given_once_although_no_index_is_on_it_alone(store: PostgresStore, raw: Any, values: str) -> None:  # noqa: F811
    append(store, 1)
    with pytest.raises(psycopg.IntegrityError):
        raw.execute(f"INSERT INTO stored_events VALUES {values}")
    assert (positions(store), append(store, 2)) == ([1], 2)


def test_every_question_follows_the_partitions_indexes(store: PostgresStore, raw: Any) -> None:  # noqa: F811
    append(store, 1, 300)
    raw.execute(sql.settings(store._server.schema, 5, False))
    for statement, parameters, partitions in (
        (*sql.page_query(5, 10), PARTITIONS),
        (sql._OPENINGS, (), PARTITIONS),
        ("SELECT * FROM stored_events WHERE originator_id = %s AND originator_version > %s ORDER BY 3", ["s", 3], 1),
    ):
        plan = "\n".join(line for (line,) in raw.execute("EXPLAIN " + statement, parameters))
        assert plan.count("Index Scan") == partitions, "a question about a stream goes to one partition"
        assert "Seq Scan" not in plan
        assert "Sort  (" not in plan, "partitions are merged in order"
