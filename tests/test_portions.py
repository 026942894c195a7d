"""A long batch goes through the ledger a portion at a time, and a long reading a page at a time, on both engines."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import IntegrityError

from ledger import codec, open_ledger, postgres_tree, tree
from ledger.belonging import LEDGER_STREAM
from ledger.errors import Refused
from ledger.knowledge import Knowledge
from ledger.sqlite_queue import WriterQueue
from ledger.sqlite_schema import AT_ONCE, BESIDE
from ledger.store import NewRow, Store, open_store
from tests.conftest import Clock
from tests.postgres import fresh_schema, meddling, shared_url, with_options
from tests.story import instant

ENVELOPE = {"specversion": "1.0", "source": "probe", "subject": "contract:C1"}
OPENING = {**ENVELOPE, "id": "opening", "type": "contract_started",
           "data": {"contract": "C1", "plan": "open", "service_start": "2025-01-01T00:00:00+01:00"}}  # fmt: skip
FIRST = 4  # the position of the opening; the ledger's own three stand before


def opened(url: str) -> Any:
    return open_ledger(url, clock=Clock("2026-01-01T00:00:00Z"))


def outage(number: int, **other: Any) -> dict[str, Any]:
    at = (instant("2025-01-01T00:00:00Z") + timedelta(minutes=number)).isoformat()
    data = {"outage": f"O{number}", "environment": "production", "effect": "no_access", "at": at, **other}
    return {**ENVELOPE, "id": f"o{number}", "type": "outage_started", "data": data}


def outages(first: int, count: int) -> list[dict[str, Any]]:
    return [outage(number) for number in range(first, first + count)]


def correction(number: int, target: str, **other: Any) -> dict[str, Any]:
    reason = {"target": target, "reason": "the log says so", "evidence": ["sha256:" + "0" * 64]}
    return {**ENVELOPE, "id": f"c{number}", "type": "corrected",
            "data": {**reason, "data": outage(number, **other)["data"]}}  # fmt: skip


def salted(book: Any) -> list[bytes]:
    return [state.replace(codec.decode_entry(state).salt.encode(), b"") for (state,) in stored(book)][FIRST - 1 :]


def stored(book: Any) -> list[tuple[bytes]]:
    return [(state,) for page in book.store.pages(1, 1000) for _, state in page]


def test_a_batch_in_portions_stores_what_many_batches_would(url: str, tmp_path: Path) -> None:
    told = [OPENING, *outages(0, 2 * BESIDE + 70)]
    with opened(url) as book, opened(str(tmp_path / "other.db")) as other:
        receipts = book.record(told)
        for start in range(0, len(told), 300):
            other.record(told[start : start + 300])
        assert [r.position for r in receipts] == list(range(FIRST, FIRST + len(told)))
        assert salted(book) == salted(other)
        size = book.position
        assert tree.root_at(book.store, size) == tree.recomputed_root(book.store, size)


def test_a_batch_refused_in_its_last_portion_leaves_nothing_and_names_the_line(url: str) -> None:
    with opened(url) as book:
        book.record([OPENING])
        before = stored(book)
        ended = {**ENVELOPE, "id": "e", "type": "outage_ended", "data": {"outage": "none", "at": "2025-06-01T00:00:00Z"}}
        with pytest.raises(Refused, match="end_without_start") as refused:
            book.record([*outages(0, 2 * BESIDE), ended])
        assert (refused.value.line, refused.value.event_id) == (2 * BESIDE + 1, "e")
        assert stored(book) == before
        assert book.record(outages(0, 1))[0].position == FIRST + 1, "and its streams are known as they stand"


def linked(number: int, **named: str) -> dict[str, Any]:
    return {**ENVELOPE, "id": f"l{number}", "type": "outage_linked", "data": {"outage": f"O{number}", **named}}


def service(number: int, subject: str) -> dict[str, Any]:
    data = {"service": f"S{number}", "at": "2025-01-01T00:00:00Z"}
    return {**ENVELOPE, "id": f"s{number}", "subject": subject, "type": "service_started", "data": data}


@pytest.mark.parametrize(
    ("sound", "wrong", "code"),
    [
        ([linked(n, incident="I") for n in range(20)], linked(20, maintenance="none"), "unknown_reference"),
        (outages(30, 20), {**outage(50), "attestedat": "2026-01-02T00:00:00Z"}, "occurred_after_recorded"),
        (outages(30, 20), {**outage(50), "subject": "contract:C2"}, "unknown_stream"),
        (outages(30, 20), {**outage(50), "subject": "ledger"}, "wrong_stream"),
        ([service(n, f"service:S{n}") for n in range(20)], service(20, "contract:C1"), "wrong_stream"),
        (outages(30, 20), {**outage(45), "id": "again"}, "twice"),
    ],
    ids=["reference", "attested", "unopened", "ledger", "service", "twice"],
)
def test_amid_many_of_its_type_an_event_is_refused_as_alone(
    tmp_path: Path, sound: list[Any], wrong: dict[str, Any], code: str
) -> None:
    with opened(str(tmp_path / "ledger.db")) as book:
        book.record([OPENING, *outages(0, 25)])
        before = book.position
        for batch in ([*sound, wrong, *outages(60, 20)], [*outages(60, 20), *sound, wrong]):
            with pytest.raises(Refused) as refused:
                book.record(batch)
            assert (refused.value.code, refused.value.event_id) == (code, wrong["id"])
            assert refused.value.line == batch.index(wrong) + 1
        assert book.position == before
        book.record(sound)
        with pytest.raises(Refused, match=code):
            book.record([wrong])


def test_a_later_portion_corrects_and_repeats_what_an_earlier_one_put(url: str) -> None:
    with opened(url) as book:
        told = [OPENING, *outages(0, BESIDE), correction(7, "o7", effect="no_login"), outage(9)]
        *_, corrected, repeated = book.record(told)
        assert (corrected.position, corrected.outcome) == (FIRST + BESIDE + 1, "recorded")
        assert (repeated.position, repeated.outcome) == (FIRST + 10, "already_recorded")
        with pytest.raises(Refused, match="conflict"):
            book.record([*outages(BESIDE, BESIDE), outage(BESIDE, effect="no_login")])
        assert book.position == corrected.position


def test_a_trial_of_a_long_batch_writes_nothing(url: str) -> None:
    with opened(url) as book:
        book.record([OPENING])
        receipts = book.record(outages(0, BESIDE + 50), dry_run=True)
        assert receipts[-1].position == FIRST + BESIDE + 50
        assert book.position == FIRST
        assert [r.outcome for r in book.record(outages(0, 2))] == ["recorded", "recorded"]


def rows(first: int, count: int) -> list[NewRow]:
    return [NewRow("s", version, "t", b"%d" % version) for version in range(first, first + count)]


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    found = open_store(url, create=True)
    yield found
    found.close()


def test_rows_go_in_whatever_their_number(store: Store) -> None:
    first = 1
    for count in (1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE):
        with store.write() as transaction:
            assert transaction.insert(rows(first, count), more=count == AT_ONCE) == first
        first += count
    assert [(row.position, row.version, row.state) for row in store.read(1, first)] == [
        (n, n, b"%d" % n) for n in range(1, first)
    ]


@pytest.mark.parametrize("swallowed", [False, True])
def test_a_row_that_does_not_follow_is_told_after_those_still_to_come_at_the_latest(
    store: Store, swallowed: bool
) -> None:
    gap = rows(2 * AT_ONCE + 1, 1)

    def write() -> None:
        with store.write() as transaction:
            try:
                transaction.insert([*rows(1, AT_ONCE), *gap], more=True)
                transaction.insert(rows(AT_ONCE + 1, 1))
            except IntegrityError:
                if not swallowed:
                    raise

    with pytest.raises(IntegrityError):
        write()
    assert store.last() is None


def test_a_question_between_rows_is_answered_with_those_before_it(store: Store) -> None:
    with store.write() as transaction:
        transaction.insert(rows(1, 3), more=True)
        assert [row.position for row in transaction.read(1, 10)] == [1, 2, 3]
        transaction.insert(rows(4, 2), more=True)
    assert [row.version for row in store.read(1, 10)] == [1, 2, 3, 4, 5]


def test_a_failure_while_rows_are_still_to_come_rolls_all_back(store: Store) -> None:
    def fail() -> None:
        with store.write() as transaction:
            transaction.insert(rows(1, 3), more=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.last() is None
    with store.write() as transaction:
        assert transaction.insert(rows(1, 1)) == 1


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ledger-insert")]


def test_sqlite_takes_portions_in_beside_the_writer_and_has_them_all_before_anything_else_is_asked(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "book.db"), create=True)
    with store.write() as transaction:
        assert transaction.last() is None
        assert transaction.portion == BESIDE, "or none would go beside"
        assert transaction.insert(rows(1, BESIDE), more=True) == 1
        assert threads(), "one is at work"
        transaction.put_tile(0, 0, b"r" * 32, b"h" * 32 * 256)
        assert transaction.insert(rows(BESIDE + 1, BESIDE), more=True) == BESIDE + 1
        transaction.put_tile(0, 1, b"s" * 32, b"h" * 32 * 256)
        assert transaction.tile_roots(0, 0, 9) == [b"r" * 32, b"s" * 32]
        assert [row.version for row in transaction.tail("s", 2 * BESIDE - 2)] == [2 * BESIDE - 1, 2 * BESIDE]
        assert transaction.insert(rows(2 * BESIDE + 1, BESIDE), more=True) == 2 * BESIDE + 1
        assert transaction.insert(rows(3 * BESIDE + 1, 1)) == 3 * BESIDE + 1
    assert not threads(), "none outlives its batch"
    assert [row.version for row in store.read(1, 4 * BESIDE)] == list(range(1, 3 * BESIDE + 2))
    store.close()


@pytest.mark.parametrize("swallowed", [False, True])
@pytest.mark.parametrize("then", ["more", "ask", "nothing"])
def test_what_sqlite_refuses_beside_the_writer_is_told_and_rolls_all_back(
    tmp_path: Path, then: str, swallowed: bool
) -> None:
    store = open_store(str(tmp_path / "book.db"), create=True)
    gap = [*rows(1, BESIDE - 1), *rows(BESIDE + 1, 1)]

    def write() -> None:
        with store.write() as transaction:
            transaction.last()
            transaction.insert(gap, more=True)
            try:
                if then == "more":
                    transaction.insert(rows(BESIDE + 2, 1))
                elif then == "ask":
                    transaction.read(1, 1)
            except IntegrityError:
                if not swallowed:
                    raise

    with pytest.raises(IntegrityError, match="only follows"):
        write()
    assert (store.last(), threads()) == (None, [])
    with store.write() as transaction:
        assert transaction.insert(rows(1, 1)) == 1
    store.close()


def test_who_interrupts_the_wait_for_the_last_rows_leaves_nothing_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.sqlite_beside import Beside

    def interrupted(beside: Beside) -> None:
        raise KeyboardInterrupt

    def write() -> None:
        with store.write() as transaction:
            transaction.last()
            transaction.insert(rows(1, BESIDE), more=True)
            monkeypatch.setattr(Beside, "settle", interrupted)

    store = open_store(str(tmp_path / "book.db"), create=True)
    with pytest.raises(KeyboardInterrupt):
        write()
    monkeypatch.undo()
    assert store.last() is None
    with store.write() as transaction:
        assert transaction.insert(rows(1, 1)) == 1
    store.close()


def test_who_interrupts_the_end_of_a_batch_on_postgresql_leaves_nothing_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(connection: Any, tiles: Any) -> None:
        raise KeyboardInterrupt

    with fresh_schema(shared_url()) as named, opened(named) as book:
        book.record([OPENING])
        monkeypatch.setattr(postgres_tree, "put_tiles", interrupted)
        with pytest.raises(KeyboardInterrupt):
            book.record(outages(0, 300))
        monkeypatch.undo()
        assert book.position == FIRST
        with open_ledger(named, clock=Clock("2026-01-01T00:00:00Z")) as other:
            assert other.record(outages(0, 300))[-1].position == FIRST + 300
        assert book.record(outages(300, 1))[0].position == FIRST + 301
        assert tree.root_at(book.store, FIRST + 301) == tree.recomputed_root(book.store, FIRST + 301)


def test_a_tile_is_stored_whatever_the_server_takes_a_backslash_for(tmp_path: Path) -> None:
    with fresh_schema(shared_url()) as named, opened(with_options(named, options="-cstandard_conforming_strings%3Doff")) as book:
        book.record([OPENING, *outages(0, 300)])
        assert tree.root_at(book.store, book.position) == tree.recomputed_root(book.store, book.position)


def test_who_interrupts_giving_up_the_place_in_the_queue_gives_up_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(str(tmp_path / "book.db")) as book, opened(str(tmp_path / "book.db")) as other:
        book.record([OPENING])
        written = os.pwrite

        def interrupted(*given: Any) -> int:
            monkeypatch.setattr(os, "pwrite", written)
            raise KeyboardInterrupt

        leave = WriterQueue.leave

        def left(queue: WriterQueue) -> None:
            if queue._number is not None:
                monkeypatch.setattr(os, "pwrite", interrupted)
            leave(queue)

        monkeypatch.setattr(WriterQueue, "leave", left)
        with pytest.raises(KeyboardInterrupt):
            book.record(outages(0, 1))
        monkeypatch.undo()
        assert book.record(outages(1, 1))[0].position == FIRST + 2
        assert other.record(outages(2, 1))[0].position == FIRST + 3


def test_a_long_batch_and_a_long_reading_go_on_where_no_thread_may_begin_any_more(url: str, tmp_path: Path) -> None:
    """Python lets none begin once its main thread has ended: another thread may still be recording."""
    script = (
        "import sys, threading, time\n"
        "from ledger import open_ledger\n"
        "from tests.test_portions import OPENING, opened, outages\n"
        "def work():\n"
        "    threading.main_thread().join(); time.sleep(0.2)\n"
        "    with opened(sys.argv[1]) as book:\n"
        "        book.record([OPENING, *outages(0, 3000)])\n"
        "        print(len(list(book.entries())), book.position)\n"
        "threading.Thread(target=work).start()\n"
    )
    told = [sys.executable, "-c", script, url]
    done = subprocess.run(told, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)
    assert (done.stdout.split(), done.stderr) == (["3004", "3004"], "")


def test_recorded_again_a_long_batch_is_looked_up_portion_by_portion(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(url) as book:
        first = book.record([OPENING, *outages(0, 2500)])
        asked: list[str] = []
        for name in ("read_at", "states_at"):
            real = getattr(book.store, name)
            monkeypatch.setattr(book.store, name, lambda *of, real=real, name=name: (asked.append(name), real(*of))[1])
        again = book.record([OPENING, *outages(0, 2500)])
        assert [r.position for r in again] == [r.position for r in first]
        assert {r.outcome for r in again} == {"already_recorded"}
        assert asked.count("states_at") <= 6, "a portion at a time"
        assert "read_at" not in asked
        with pytest.raises(Refused, match="conflict"):
            book.record([*outages(0, 1200), {**outage(1200), "data": {**outage(1200)["data"], "note": "otherwise"}}])


def test_an_entry_too_large_is_named_before_what_is_wrong_with_a_later_one(url: str) -> None:
    large = {**outage(3), "data": {**outage(3)["data"], "note": "x" * 2000, "evidence": ["https://a.example/" + "y" * 400] * 200}}
    ended = {**ENVELOPE, "id": "e", "type": "outage_ended", "data": {"outage": "none", "at": "2025-06-01T00:00:00Z"}}
    with opened(url) as book:
        book.record([OPENING])
        for told in ([*outages(0, 3), large, *outages(4, 20), ended], [*outages(0, 3), large]):
            with pytest.raises(Refused, match="too_large") as refused:
                book.record(told)
            assert (refused.value.line, refused.value.event_id) == (4, "o3")
        assert book.position == FIRST


def test_what_a_batch_put_itself_is_not_taken_for_what_stood_before_it(store: Store) -> None:
    with store.write() as transaction:
        transaction.insert([NewRow(LEDGER_STREAM, version, "t", b"") for version in (1, 2, 3)])
        known = Knowledge(store, transaction, OrderedDict(), first_position=3, epoch=1)
        assert [row.position for row in known._stored()] == [1, 2]


def test_pages_hold_all_there_is_once_and_in_order(store: Store) -> None:
    with store.write() as transaction:
        transaction.insert([*rows(1, 9), NewRow("o", 1, "other", b"o")])
    for limit in (1, 2, 3, 5, 9, 10, 11):
        pages = list(store.pages(1, limit))
        assert [position for page in pages for position, _ in page] == list(range(1, 11))
        assert {len(page) for page in pages[:-1]} <= {limit}
    assert list(store.pages(3, 2, stop=6)) == [[(3, b"3"), (4, b"4")], [(5, b"5"), (6, b"6")]]
    assert list(store.pages(1, 4, topics=["other"])) == [[(10, b"o")]]
    assert list(store.pages(11, 4)) == []


def test_a_reading_left_halfway_disturbs_nobody(store: Store) -> None:
    with store.write() as transaction:
        transaction.insert(rows(1, 9))
    reading = store.pages(1, 2)
    assert next(reading) == [(1, b"1"), (2, b"2")]
    with store.write() as transaction:
        assert transaction.insert(rows(10, 1)) == 10
    assert next(reading)[0] == (3, b"3")
    reading.close()  # type: ignore[attr-defined]  # a generator, on both engines
    assert len(store.read(1, 20)) == 10


def test_pages_refuse_a_ledger_with_a_hole() -> None:
    with fresh_schema(shared_url()) as named:
        store = open_store(named, create=True)
        with store.write() as transaction:
            transaction.insert(rows(1, 9))
        with meddling(shared_url(), store._server.schema) as raw:  # type: ignore[attr-defined]
            raw.execute("SET session_replication_role = replica; ALTER TABLE stored_events DISABLE TRIGGER ALL")
            raw.execute("DELETE FROM stored_events WHERE position = 5")
        with pytest.raises(Refused, match="damaged_ledger"):
            list(store.pages(1, 2))
        store.close()
