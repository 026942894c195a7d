"""PostgreSQL keeps the same promises as a file does: under writers at once, lost connections, roles and meddling."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError

from ledger import codec, open_ledger, postgres_schema, tree
from ledger import postgres_schema as sql
from ledger.errors import Refused
from ledger.postgres_store import LedgerServer, PostgresStore, open_postgres
from ledger.store import NewRow, open_store
from projections.asking import ask
from tests.conftest import Clock
from tests.postgres import cut_connections, fresh_schema, meddling, shared_url, started, with_options
from tests.story import instant

# the same promises, by the same tests: each is given this module's `store`, `book` and `filled`
from tests.test_recording import *  # noqa: F403
from tests.test_sqlite_store import (  # noqa: F401
    ACKNOWLEDGER,
    CREATOR,
    WRITER,
    append,
    code_of,
    died,
    outputs,
    positions,
    rows,
    script,
    test_a_failed_insert_commits_nothing_even_if_its_error_is_swallowed,
    test_a_new_ledger_holds_nothing,
    test_a_transaction_is_over_when_its_with_is,
    test_a_version_that_does_not_follow_is_refused_with_all_its_batch,
    test_a_writing_thread_reads_what_was_committed_and_may_not_write_again,
    test_columns_are_the_rows_column_by_column,
    test_entries_at_positions_come_in_order_and_those_that_are_not_there_do_not,
    test_openings_are_those_topics_alone,
    test_positions_follow_each_other_across_transactions_and_streams,
    test_threads_share_a_store,
    test_what_is_rolled_back_leaves_no_gap,
)
from tests.test_tree import (  # noqa: F401
    OPENING,
    outages,
    test_a_refused_batch_leaves_the_tree_as_it_was,
    test_only_full_tiles_are_stored_each_once,
    test_proofs_hold_at_any_size,
    test_the_root_at_every_size_is_the_naive_root,
)


def opened(url: str, **options: Any) -> PostgresStore:
    return open_postgres(url, **{"create": True, "read_only": False, "lock_timeout_seconds": 5} | options)


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_schema(shared_url()) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = opened(url)
    yield store
    store.close()


@pytest.fixture
def raw(store: PostgresStore) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection in the ledger's schema."""
    with meddling(shared_url(), store._server.schema) as connection:
        yield connection


@pytest.fixture
def book(url: str, clock: Clock) -> Iterator[Any]:
    with open_ledger(url, clock=clock, recorded_by="test") as book:
        yield book


@pytest.fixture
def filled(url: str) -> Iterator[Any]:
    """As in `test_tree`: 1,204 entries in batches of uneven sizes."""
    with open_ledger(url, clock=Clock("2026-01-01T00:00:00Z")) as book:
        book.record([OPENING])
        done = 0
        for size in (1, 251, 1, 255, 256, 257, 3, 176):
            book.record(outages(done, size))
            done += size
        yield book


# --- the same on both engines ---


def test_a_story_has_the_same_bytes_roots_and_answers_on_both_engines(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uuid.uuid4", lambda: type("Fixed", (), {"hex": "0" * 32}))
    told = []
    for name in (str(tmp_path / "book.db"), url):
        clock, drawn = Clock("2026-01-01T00:00:00Z"), count()
        monkeypatch.setattr("ledger.recording.salts", lambda wanted, drawn=drawn: [f"{next(drawn):032x}" for _ in range(wanted)])
        with open_ledger(name, clock=clock) as book:
            book.record([OPENING])
            for n in range(3):
                clock.set(f"2026-01-0{n + 2}T00:00:00Z")
                book.record(outages(n * 300, 300))
            book.record([{**outages(7, 1)[0], "id": "end", "type": "outage_ended",
                          "data": {"outage": "O7", "at": "2025-12-01T12:00:00Z"}}])  # fmt: skip
            last = book.position
            answers = [
                repr(ask(book, "availability", contract="C1", known_at=known, month="2025-12"))
                for known in (instant("2026-01-01T12:00:00Z"), instant("2026-01-05T00:00:00Z"))
            ]
            stored = book.store.read(1, 10_000)
            told.append((stored, [tree.root_at(book.store, n) for n in (1, 255, 256, 257, last)], answers,
                         book.store.openings(), book.store.last(), book.store.read_stream("contract:C1", 5, 400, 30)))  # fmt: skip
    assert told[0] == told[1]
    assert len(told[0][0]) > 900


def test_what_it_holds_is_there_when_opened_again(url: str) -> None:
    store = opened(url)
    append(store, 1, 3)
    store.close()
    store.close()
    store = opened(url, create=False)
    assert append(store, 4) == 4
    assert store.stat() | {"bytes": 0} == {
        "engine": "postgresql", "entries": 4, "bytes": 0, "schema_version": 2, "access": "read_write",
    }  # fmt: skip
    assert int(store.stat()["bytes"]) > 8192
    store.close()


def test_several_ledgers_live_in_one_database(url: str) -> None:
    with fresh_schema(shared_url()) as other:
        first, second = opened(url), opened(other)
        assert [append(first, 1, 3), append(second, 1), append(first, 4)] == [1, 1, 4]
        assert second.stat()["entries"] == 1
        first.close()
        second.close()


def test_the_schema_may_be_named_by_the_search_path_in_the_options(url: str) -> None:
    store = opened(url)
    schema = store._server.schema
    append(store, 1)
    store.close()
    store = opened(with_options(shared_url(), options=f"-c%20search_path%3D{schema}"), create=False)
    assert positions(store) == [1]
    store.close()


def test_a_ledger_without_a_name_lives_in_a_schema_of_its_own() -> None:
    assert LedgerServer("postgresql://there/book", False, 5).schema == "service_ledger"


def test_a_batch_larger_than_a_block_of_the_copy_is_whole(store: PostgresStore) -> None:
    batch = [NewRow(f"s{n % 7}", n // 7 + 1, "é", "né".encode() * (n % 50)) for n in range(2503)]
    with store.write() as transaction:
        assert transaction.insert(batch) == 1
    assert [row[1:] for row in store.read(1, 5000)] == batch


def test_pages_follow_each_other_to_the_end(store: PostgresStore) -> None:
    append(store, 1, 100)
    assert [row.position for row in store.read(40, 5)] == [40, 41, 42, 43, 44]
    assert [row.position for row in store.read(98, 50)] == [98, 99, 100]
    assert store.read(101, 5) == []
    assert [row.position for row in store.read(1, 500, stop=3)] == [1, 2, 3]
    assert store.read(1, 500, topics=["other"]) == []


# --- acknowledged means durable ---


@pytest.mark.parametrize("asked", ["off", "local", "remote_write", "on"])
def test_no_connection_acknowledges_before_disks_have_it(url: str, asked: str) -> None:
    store = opened(with_options(url, options=f"-csynchronous_commit%3D{asked}"))
    append(store, 1)
    store.last()
    assert store._writer is not None
    for connection in (store._writer, *store._idle):
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    store.close()


def test_remote_apply_is_more_than_on_and_stays(url: str) -> None:
    store = opened(with_options(url, options="-csynchronous_commit%3Dremote_apply"))
    append(store, 1)
    assert store._writer is not None
    assert store._writer.execute("SHOW synchronous_commit").fetchone() == ("remote_apply",)
    store.close()


def test_a_warning_while_committing_is_no_acknowledgement(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby that never answers: the wait is cut short and PostgreSQL commits here alone, with a warning."""
    append(store, 1)
    real = psycopg.Connection.execute

    def warned(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        if query == "COMMIT":
            real(self, "DO $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication'; END $$")
        return real(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", warned)
    with pytest.raises(Refused, match=r"store_failed: .*synchronous"):
        append(store, 2)
    monkeypatch.undo()
    assert append(store, 3) == 3


def test_what_was_acknowledged_survives_a_kill_of_the_client_and_no_batch_is_half_there(url: str) -> None:
    for delay in (0.05, 0.17):
        process = script(ACKNOWLEDGER, url)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        acknowledged = died(process)
        store = opened(url, create=False)
        with store.write():
            pass  # the server has noticed by now that the killed one is gone
        versions = [row.version for row in store.read_stream("s")]
        assert versions == list(range(1, len(versions) + 1)) == positions(store)
        assert len(versions) >= int(acknowledged[-1])
        ends = {0}
        while max(ends) < len(versions):
            ends.add(max(ends) + 1 + max(ends) % 40)
        assert len(versions) in ends, "a whole number of batches"
        store.close()


# --- writers ---


def test_processes_writing_at_once_leave_no_gap_and_lose_nothing(url: str) -> None:
    outputs(*(script(WRITER, url, name, 60) for name in "abc"))
    store = opened(url, create=False)
    assert positions(store) == list(range(1, 361))
    assert [row.version for row in store.read_stream("shared")] == list(range(1, 181))
    store.close()


def test_processes_making_the_same_ledger_at_once_all_succeed(url: str) -> None:
    assert outputs(*(script(CREATOR, url) for _ in range(4))) == ["2\n"] * 4


def waiting(store: PostgresStore, expected: int) -> bool:
    """Whether, within a few seconds, that many writers stand in the ledger's queue."""
    schema = store._server.schema
    with meddling(shared_url(), schema) as raw:
        for _ in range(500):
            statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'advisory'"
            if raw.execute(statement, (schema,)).fetchone() == (expected,):
                return True
            time.sleep(0.01)
    return False


def test_writers_are_served_in_the_order_they_came(url: str) -> None:
    stores = [opened(url) for _ in range(6)]
    served: list[int] = []

    def run(number: int) -> None:
        with stores[number].write() as transaction:
            served.append(number)
            transaction.insert(rows(1, 1, f"s{number}"))

    threads = []
    with stores[0].write():
        for number in range(1, 6):
            threads.append(threading.Thread(target=run, args=(number,)))
            threads[-1].start()
            assert waiting(stores[0], number)
    for thread in threads:
        thread.join()
    assert served == [1, 2, 3, 4, 5]
    for store in stores:
        store.close()


def test_a_ledger_another_connection_keeps_is_locked_for_writing_and_open_for_reading(url: str) -> None:
    store, other = opened(url, lock_timeout_seconds=0.1), opened(url)
    append(store, 1)
    with other.write():
        assert code_of(lambda: append(store, 2)) == "locked"
        assert positions(store) == [1]
    assert append(store, 2) == 2
    store.close()
    other.close()


def test_a_ledger_another_thread_keeps_is_locked_for_writing(url: str) -> None:
    store = opened(url, lock_timeout_seconds=0.05)
    found: list[str] = []
    with store.write():
        thread = threading.Thread(target=lambda: found.append(code_of(lambda: append(store, 1))))
        thread.start()
        thread.join()
    assert found == ["locked"]
    assert append(store, 1) == 1
    store.close()


def test_a_store_is_not_closed_by_the_thread_that_writes_to_it_nor_used_afterwards(url: str) -> None:
    store = opened(url)
    with store.write() as transaction:
        transaction.insert(rows(1))
        with pytest.raises(AssertionError, match="writing still"):
            store.close()
    store.close()
    for use in (store.last, lambda: append(store, 2)):
        with pytest.raises(AssertionError, match="closed"):
            use()


# --- the connection is lost ---


def test_after_a_cut_reading_and_writing_go_on_by_themselves(store: PostgresStore) -> None:
    append(store, 1)
    store.last()
    cut_connections(shared_url(), store._server.schema)
    assert positions(store) == [1]
    cut_connections(shared_url(), store._server.schema)
    assert append(store, 2) == 2


@pytest.mark.parametrize("moment", ["after the lock", "after the insert", "before the commit"])
def test_a_cut_in_the_midst_of_a_transaction_writes_nothing_and_the_next_one_goes_through(
    store: PostgresStore, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(store, 1)

    def cut() -> None:
        cut_connections(shared_url(), store._server.schema)

    def interrupted() -> None:
        with store.write() as transaction:
            if moment == "after the lock":
                cut()
            transaction.insert(rows(2, 50))
            if moment == "after the insert":
                cut()
                transaction.tail("s", 0)
            cut()

    with pytest.raises(Refused) as refused:
        interrupted()
    assert refused.value.code == "store_failed"
    if moment == "before the commit":
        assert "record the same events again" in refused.value.message
    assert append(store, 2) == 2
    assert positions(store) == [1, 2]


def test_a_commit_whose_answer_is_lost_is_settled_by_recording_again(
    book: Any, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    clock.set("2026-01-01T00:00:00Z")
    book.record([OPENING])
    last = book.position
    real = psycopg.Connection.execute

    def lost(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        answer = real(self, query, *args, **options)
        if query == "COMMIT":
            cut_connections(shared_url(), book.store._server.schema)
            real(self, "SELECT 1")  # finds the connection cut, as the COMMIT would have
        return answer

    monkeypatch.setattr(psycopg.Connection, "execute", lost)
    with pytest.raises(Refused, match=r"store_failed: .*record the same events again"):
        book.record(outages(1, 3))
    monkeypatch.undo()
    again = book.record(outages(1, 3))
    assert [receipt.outcome for receipt in again] == ["already_recorded"] * 3
    assert book.position == last + 3


def test_a_server_that_restarts_is_found_again() -> None:
    with started() as server:
        store = opened(server.url)
        append(store, 1)
        store.last()
        server.stop()
        assert code_of(store.last) == "store_failed"
        assert code_of(lambda: append(store, 2)) == "store_failed"
        server.start()
        assert positions(store) == [1]
        assert append(store, 2) == 2
        store.close()
        server.configure("fsync = off")
        server.stop()
        server.start()
        store = opened(server.url)
        with pytest.raises(Refused, match=r"store_failed: .*fsync"):
            append(store, 3)
        store.close()


# --- the clock ---


def test_recorded_at_never_decreases_on_a_machine_whose_clock_is_behind(url: str) -> None:
    with open_ledger(url, clock=Clock("2026-01-01T00:00:10Z")) as ahead:
        ahead.record([OPENING])
        with open_ledger(url, clock=(behind := Clock("2026-01-01T00:00:05Z"))) as other:
            (receipt,) = other.record(outages(1, 1))
            assert receipt.recorded_at.isoformat() == "2026-01-01T00:00:10+00:00", "5 s behind stamps the last entry's"
            behind.set("2026-01-01T00:00:04Z")
            with pytest.raises(Refused, match="clock_behind"):
                other.record(outages(2, 1))
        stamps = [codec.decode_entry(row.state).recorded_at for row in ahead.store.read(1, 100)]
    assert stamps == sorted(stamps)


# --- what nobody may do ---

FORBIDDEN = (
    "UPDATE stored_events SET state = ''",
    "DELETE FROM stored_events",
    "TRUNCATE stored_events",
    "UPDATE tree_tiles SET root = root",
    "DELETE FROM tree_tiles",
    "TRUNCATE tree_tiles",
    "DELETE FROM head",
    "TRUNCATE head",
    "UPDATE head SET position = 0",
    "INSERT INTO stored_events SELECT * FROM stored_events ON CONFLICT (position) DO UPDATE SET state = ''",
    "MERGE INTO stored_events USING head ON true WHEN MATCHED THEN DELETE",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_even_the_owner_is_refused_by_the_triggers(
    store: PostgresStore, raw: psycopg.Connection[Any], statement: str
) -> None:
    append(store, 1, 2)
    for role in ("origin", "replica"):
        raw.execute(f"SET session_replication_role = {role}")
        with pytest.raises(psycopg.IntegrityError, match="never changed or removed"):
            raw.execute(statement)
    assert positions(store) == [1, 2]


@pytest.mark.parametrize(
    "values",
    ["(3, 's', 2, 't', ''), (4, 's', 3, 't', '')", "(2, 's', 3, 't', '')", "(3, 'new', 1, 't', '')",
     "(2, 's', 2, 't', ''), (4, 's', 3, 't', '')", "(2, 's', 3, 't', ''), (3, 's', 2, 't', '')",
     "(2, 'new', 1, 't', ''), (3, 'new', 3, 't', '')", "(2, 's', 0, 't', '')", "(0, 's', 2, 't', '')",
     "(1, 's', 2, 't', '')", "(2, 's', 1, 't', '')", "(3, 's', 3, 't', ''), (2, 's', 2, 't', '')"],
)  # fmt: skip
def test_an_entry_only_follows_whoever_inserts_it(
    store: PostgresStore, raw: psycopg.Connection[Any], values: str
) -> None:
    append(store, 1)
    with pytest.raises(psycopg.IntegrityError):
        raw.execute(f"INSERT INTO stored_events VALUES {values}")
    raw.execute("INSERT INTO stored_events VALUES (2, 's', 2, 't', ''), (3, 'new', 7, 't', ''), (4, 's', 3, 't', '')")
    assert append(store, 4) == 5


@pytest.mark.parametrize("settings", ["enable_hashagg = off", "enable_sort = on", "work_mem = '64kB'"])
def test_versions_in_another_order_are_seen_however_the_session_plans(
    store: PostgresStore, raw: psycopg.Connection[Any], settings: str
) -> None:
    batch = [[n, f"s{n % 40}", n // 40 + 1] for n in range(1, 4001)]
    raw.execute(f"SET {settings}")
    statement = "INSERT INTO stored_events SELECT *, 't', '' FROM unnest(%s::bigint[], %s::text[], %s::bigint[])"
    for swapped in (0, 3959):  # the first of their stream, and the last
        disordered = [list(row) for row in batch]
        one, next_of_stream = disordered[swapped], disordered[swapped + 40]
        one[2], next_of_stream[2] = next_of_stream[2], one[2]
        with pytest.raises(psycopg.IntegrityError, match="last of its stream"):
            raw.execute(statement, list(map(list, zip(*disordered, strict=True))))
    raw.execute(statement, list(map(list, zip(*batch, strict=True))))
    assert store.read_at(4000) is not None


@pytest.fixture
def role(store: PostgresStore, raw: psycopg.Connection[Any]) -> Iterator[str]:
    """A role of the server that may do nothing yet."""
    name = f"{store._server.schema}_role"
    raw.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
    yield name
    raw.execute(f"DROP OWNED BY {name}")
    raw.execute(f"DROP ROLE {name}")


def test_an_admitted_role_appends_and_reads_and_can_do_nothing_else(
    store: PostgresStore, raw: psycopg.Connection[Any], url: str, role: str
) -> None:
    raw.execute("SELECT admit(%s)", (role,))
    with meddling(shared_url(), store._server.schema) as session:
        session.execute(f"SET SESSION AUTHORIZATION {role}")
        append(store, 1, 2)
        session.execute("SELECT take_head()")
        session.execute("INSERT INTO stored_events VALUES (3, 's', 3, 't', '')")
        for statement in (*FORBIDDEN, "ALTER TABLE stored_events DISABLE TRIGGER ALL", "DROP TABLE stored_events",
                          "SET session_replication_role = replica", f"SELECT admit('{role}')",
                          "CREATE TABLE mine ()"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)
    as_role = opened(with_options(url, options=f"-crole%3D{role}"))
    assert append(as_role, 4) == 4
    assert as_role.stat()["access"] == "read_write"
    as_role.close()
    assert positions(store) == [1, 2, 3, 4]


def test_a_role_that_was_not_admitted_is_told_so(url: str, role: str) -> None:
    assert code_of(lambda: opened(with_options(url, options=f"-crole%3D{role}"), create=False)) == "read_only"


# --- reading only ---


def test_a_store_opened_read_only_reads_and_refuses_to_write(url: str) -> None:
    writer = opened(url)
    append(writer, 1)
    store = opened(url, create=False, read_only=True)
    assert positions(store) == [1]
    append(writer, 2)
    assert positions(store) == [1, 2], "it sees what others append"
    assert store.stat()["access"] == "read_only"
    assert code_of(lambda: append(store, 3)) == "read_only"
    store.close()
    writer.close()


def test_a_session_that_may_only_read_says_so(url: str) -> None:
    opened(url).close()
    store = opened(with_options(url, options="-cdefault_transaction_read_only%3Don"))
    assert code_of(lambda: append(store, 1)) == "read_only"
    store.close()


def test_without_the_pool_the_ledger_is_used_and_the_recorder_says_what_to_install(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ledger.postgres_recorder", None)
    assert append(store, 1) == 1
    with pytest.raises(Refused, match=r"missing_extra: .*service-ledger\[postgres\]"):
        store.subscribe()


# --- what is no ledger ---


def test_a_missing_ledger_is_not_made_unasked_and_the_refusal_says_how_to(url: str) -> None:
    with pytest.raises(Refused, match=r"no_ledger: .*service-ledger init 'postgres"):
        opened(url, create=False)


@pytest.mark.parametrize("table", ["stored_events (x int)", "head (x int)"])
def test_a_schema_of_something_else_is_refused_and_not_touched(url: str, table: str) -> None:
    schema = url.split("schema=")[1].split("&")[0]
    with meddling(shared_url(), schema) as raw:
        raw.execute(f"CREATE SCHEMA {schema}")
        raw.execute(f"CREATE TABLE {table}")
        for create in (True, False):
            assert code_of(lambda create=create: opened(url, create=create)) == "not_a_ledger"
        found = raw.execute("SELECT count(*) FROM pg_class WHERE relnamespace = %s::regnamespace", (schema,)).fetchone()
        assert found == (1,)


@pytest.mark.parametrize(
    ("name", "code"),
    [("postgresql://h/d?schema=pg_catalog", "no_ledger"), ("postgresql://h/d?schema=" + "x" * 64, "no_ledger"),
     ("postgresql://h/d?nonsense=1", "no_ledger"), ("postgresql://u:secret@127.0.0.1:1/d", "store_failed")],
)  # fmt: skip
def test_a_url_that_leads_nowhere_is_refused_and_its_password_not_repeated(name: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        open_store(name, create=True)
    assert refused.value.code == code
    assert "secret" not in str(refused.value)


def test_a_missing_database_is_no_ledger() -> None:
    assert code_of(lambda: opened(shared_url().replace("/postgres?", "/absent?"))) == "no_ledger"


def test_a_ledger_of_a_newer_schema_is_refused(store: PostgresStore, raw: psycopg.Connection[Any], url: str) -> None:
    raw.execute("UPDATE head SET schema_version = schema_version + 1")
    assert code_of(lambda: opened(url)) == "newer_ledger"


FIRST_GUARD = """
CREATE OR REPLACE FUNCTION entries_only_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE head SET position = (SELECT max(position) FROM added);
  RETURN NULL;
END $$;
ALTER TABLE head DISABLE TRIGGER head_never_goes_back; UPDATE head SET schema_version = 1;
ALTER TABLE head ENABLE ALWAYS TRIGGER head_never_goes_back;
"""  # that of schema version 1 sorted what was added; what it said is of no matter here


@pytest.fixture
def older(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    append(store, 1)
    raw.execute(f"SET search_path = {store._server.schema}; {FIRST_GUARD}")


@pytest.mark.usefixtures("older")
def test_an_older_ledger_is_brought_up_to_date_once(raw: psycopg.Connection[Any], url: str) -> None:
    reader = opened(url, create=False, read_only=True)
    assert reader.stat()["schema_version"] == 1, "who may only read leaves it as it is"
    reader.close()
    for _ in range(2):
        other = opened(url, create=False)
        assert (other.stat()["schema_version"], positions(other)) == (postgres_schema.SCHEMA_VERSION, [1])
        other.close()
    with pytest.raises(psycopg.IntegrityError, match="last of its stream"):
        raw.execute("INSERT INTO stored_events VALUES (2, 's', 3, 't', '')")


@pytest.mark.usefixtures("older")
def test_a_role_that_may_not_bring_a_ledger_up_to_date_is_told_who_may(
    raw: psycopg.Connection[Any], url: str, role: str
) -> None:
    raw.execute("SELECT admit(%s)", (role,))
    with pytest.raises(Refused, match=r"schema is version 1.*its owner") as refused:
        opened(with_options(url, options=f"-crole%3D{role}"), create=False)
    assert refused.value.code == "read_only"


# --- damage ---

OFF = "ALTER TABLE stored_events DISABLE TRIGGER USER"
ON = "ALTER TABLE stored_events ENABLE ALWAYS TRIGGER entries_never_change; ALTER TABLE stored_events ENABLE ALWAYS TRIGGER entries_only_follow"


@pytest.mark.parametrize(
    "statement",
    [OFF, "DROP TRIGGER entries_only_follow ON stored_events", "DROP TRIGGER head_never_goes_back ON head",
     "CREATE OR REPLACE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"],
)  # fmt: skip
def test_guards_taken_off_are_missed_on_opening(
    store: PostgresStore, raw: psycopg.Connection[Any], url: str, statement: str
) -> None:
    raw.execute(statement)
    assert code_of(lambda: opened(url)) == "damaged_ledger"


def test_an_entry_taken_out_is_missed_on_reading(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    append(store, 1, 200)
    raw.execute(f"{OFF}; DELETE FROM stored_events WHERE position = 100; {ON}")
    assert code_of(lambda: store.read(1, 1000)) == "damaged_ledger"
    assert code_of(lambda: store.read_stream("s")) == "damaged_ledger"
    assert [len(store.read(1, 99)), len(store.read(101, 1000))] == [99, 100], "the rest can be read"


def test_a_hole_somebody_made_is_not_filled(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    append(store, 1, 200)
    raw.execute(f"{OFF}; DELETE FROM stored_events WHERE position = 100; {ON}")
    with pytest.raises(psycopg.IntegrityError, match="last of the ledger"):
        raw.execute("INSERT INTO stored_events VALUES (100, 'new', 1, 't', ''), (202, 'new', 2, 't', '')")


def test_entries_cut_off_the_end_are_missed_on_reading_and_on_writing(
    store: PostgresStore, raw: psycopg.Connection[Any]
) -> None:
    append(store, 1, 200)
    raw.execute(f"{OFF}; DELETE FROM stored_events WHERE position > 150; {ON}")
    assert code_of(store.last) == code_of(store.stat) == "damaged_ledger"
    assert code_of(lambda: append(store, 151)) == "damaged_ledger"
    with pytest.raises(Refused, match="damaged_ledger"), store.write() as transaction:
        transaction.last()
    assert len(store.read(1, 1000)) == 150


def test_a_tile_is_written_once(store: PostgresStore) -> None:
    def put() -> None:
        with store.write() as transaction:
            transaction.put_tile(0, 0, bytes(32), bytes(8192))

    put()
    assert (store.tile(0, 0), store.tile(0, 1), store.tile_roots(0, 0, 9)) == (bytes(8192), None, [bytes(32)])
    with pytest.raises(IntegrityError):
        put()


# --- questions follow an index ---


def test_every_question_follows_an_index_however_large_the_ledger(
    store: PostgresStore, raw: psycopg.Connection[Any]
) -> None:
    append(store, 1, 300)
    raw.execute(sql.settings(store._server.schema, 5, False))
    for statement, parameters in (
        sql.page_query(5, 10),
        sql.page_query(5, 10, 20, ["t"]),
        (sql._OPENINGS, ()),
        (
            "SELECT * FROM stored_events WHERE originator_id = %s AND originator_version > %s ORDER BY originator_version",
            ["s", 3],
        ),
    ):
        plan = "\n".join(line for (line,) in raw.execute("EXPLAIN " + statement, parameters))
        assert "Index" in plan, plan
        assert "Seq Scan" not in plan, plan
        assert "Sort" not in plan, plan
