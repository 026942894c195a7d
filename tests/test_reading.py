"""The log read from end to end: all of it once and in order, whatever its bytes, on both engines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import codec, open_ledger, reading
from ledger.errors import Refused
from ledger.store import Lines, NewRow, open_store
from tests.conftest import Clock
from tests.test_portions import OPENING, outages

COUNT = 34  # entries: three of the ledger's own, the opening, thirty outages


@pytest.fixture
def book(url: str) -> Iterator[Any]:
    with open_ledger(url, clock=Clock("2026-01-01T00:00:00Z")) as book:
        book.record([OPENING, *outages(0, COUNT - 4)])
        yield book


def row_by_row(book: Any) -> list[tuple[int, codec.Entry]]:
    return [(row.position, codec.decode_entry(row.state)) for row in book.store.read(1, 2000)]


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ledger-read")]


@pytest.mark.parametrize("first", [1, 3, COUNT - 1, COUNT, COUNT + 1])
@pytest.mark.parametrize("decoded", [1, 2, 128])
@pytest.mark.parametrize("page_bytes", [1, 3000, 1 << 20])
def test_every_entry_is_read_once_and_in_order_whatever_the_pages(
    book: Any, monkeypatch: pytest.MonkeyPatch, first: int, decoded: int, page_bytes: int
) -> None:
    monkeypatch.setattr(reading, "FIRST", first)
    monkeypatch.setattr(reading, "LONGEST", 7)
    monkeypatch.setattr(reading, "DECODED", decoded)
    monkeypatch.setattr(reading, "PAGE_BYTES", page_bytes)
    every = row_by_row(book)
    assert len(every) == COUNT
    assert list(book.entries()) == every
    for start, stop in ((1, COUNT), (2, 9), (5, 5), (COUNT, None), (COUNT + 1, None), (9, 2), (3, COUNT + 10), (-4, 4)):
        assert list(book.entries(start, stop)) == every[max(start, 1) - 1 : stop], (start, stop)


def test_the_engine_puts_a_page_together_as_its_rows_stand(book: Any) -> None:
    states = [row.state for row in book.store.read(1, 100)]
    assert book.store.lines(1, 100) == Lines(range(1, COUNT + 1), b"\n".join(states))
    assert book.store.lines(3, 4, 5) == Lines(range(3, 6), b"\n".join(states[2:5]))
    assert book.store.lines(COUNT + 1, 4) == Lines(range(COUNT + 1, COUNT + 1), b"")


def test_bytes_with_line_ends_of_their_own_are_read_as_they_stand(book: Any) -> None:
    entry = codec.decode_entry(book.store.read_at(COUNT).state)
    versions = range(entry.version + 1, entry.version + 4)
    spaced = [
        codec.encode_entry(entry).replace(f'"version":{entry.version}'.encode(), f'"version":\n{n}'.encode())
        for n in versions
    ]
    with book.store.write() as transaction:
        transaction.insert([NewRow(entry.stream, n, "outage_started", s) for n, s in zip(versions, spaced, strict=True)])
    assert [e.version for _, e in book.entries()][-3:] == list(versions)
    assert list(book.entries()) == row_by_row(book)


@pytest.mark.parametrize("longest", [1, 2, 7, 8192])  # the last page then holds these bytes alone, or among others
@pytest.mark.parametrize("state", [b"", b"\n", b"{}", b"null"])
def test_bytes_that_are_no_entry_are_refused(
    book: Any, monkeypatch: pytest.MonkeyPatch, state: bytes, longest: int
) -> None:
    monkeypatch.setattr(reading, "FIRST", min(longest, 1024))
    monkeypatch.setattr(reading, "LONGEST", longest)
    entry = codec.decode_entry(book.store.read_at(COUNT).state)
    with book.store.write() as transaction:
        transaction.insert([NewRow(entry.stream, entry.version + 1, "outage_started", state)])
    with pytest.raises(Refused, match="damaged_ledger"):
        list(book.entries())
    assert len(list(book.entries(stop=COUNT))) == COUNT


def test_a_type_nobody_knows_yet_is_read_as_such_among_others(book: Any) -> None:
    row = book.store.read_at(COUNT)
    newer = row.state.replace(b"outage_started", b"quantum_started").replace(b'"version":31', b'"version":32')
    with book.store.write() as transaction:
        transaction.insert([NewRow(row.stream, row.version + 1, "quantum_started", newer)])
    *_, (position, entry) = book.entries()
    assert (position, type(entry.event)) == (COUNT + 1, codec.Unread)


@pytest.fixture(params=["in turn", "apart"])
def apart(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether any stream is long enough for a second thread to fetch of it."""
    if request.param == "apart":
        monkeypatch.setattr(reading, "APART", 1)
    return bool(request.param == "apart")


@pytest.mark.parametrize("first", [1, 5, 1024])
@pytest.mark.parametrize("longest", [1, 7, 30, 31, 8192])
def test_a_stream_is_read_whole_whatever_the_pages(
    book: Any, monkeypatch: pytest.MonkeyPatch, longest: int, first: int, apart: bool
) -> None:
    monkeypatch.setattr(reading, "FIRST", first)
    monkeypatch.setattr(reading, "LONGEST", longest)
    every = row_by_row(book)
    own = [(position, entry) for position, entry in every if entry.stream == "contract:C1"]
    for after in (0, 1, 30, 31, 40):
        assert reading.read_stream(book.store, "contract:C1", after) == own[after:]
    assert book.stream("ledger") == every[:3]
    assert book.stream("contract:C2") == []
    states = [codec.encode_entry(entry) for _, entry in own]
    assert book.store.stream_lines("contract:C1", 2, 2) == Lines([own[2][0], own[3][0]], b"\n".join(states[2:4]))
    assert book.store.stream_lines("contract:C1", 99, 2) == Lines([], b"")
    assert [book.store.last_version(name) for name in ("contract:C1", "ledger", "contract:C2")] == [COUNT - 3, 3, 0]


@pytest.mark.parametrize("state", [b"", b"\n", b"{}", None])
def test_a_stream_of_anybodys_bytes_is_read_as_they_stand_or_refused(
    book: Any, state: bytes | None, apart: bool
) -> None:
    entry = codec.decode_entry(book.store.read_at(COUNT).state)
    version = entry.version + 1
    spaced = codec.encode_entry(entry).replace(f'"version":{entry.version}'.encode(), f'"version":\n{version}'.encode())
    before = book.stream("contract:C1")
    with book.store.write() as transaction:
        transaction.insert([NewRow(entry.stream, version, "outage_started", spaced if state is None else state)])
    for after in (0, entry.version):
        if state is None:
            assert [e.version for _, e in reading.read_stream(book.store, entry.stream, after)][-1] == version
        else:
            with pytest.raises(Refused, match="damaged_ledger"):
                reading.read_stream(book.store, entry.stream, after)
    if state is None:
        assert [p for p, _ in book.stream(entry.stream)] == [*(p for p, _ in before), COUNT + 1]


def test_a_reading_left_halfway_leaves_no_thread(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FIRST", 4)
    monkeypatch.setattr(reading, "LONGEST", 4)
    entries = book.entries()
    for _ in range(6):
        next(entries)
    assert readers()
    entries.close()
    assert not readers()


def test_what_fails_on_the_page_ahead_is_told_when_it_is_its_turn(
    book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FIRST", 4)
    asked = book.store.lines

    def failing(start: int, *more: Any) -> Lines:
        if start > 4:
            raise Refused("store_failed", "the disk failed")
        found: Lines = asked(start, *more)
        return found

    monkeypatch.setattr(book.store, "lines", failing)
    entries = book.entries()
    assert [next(entries)[0] for _ in range(4)] == [1, 2, 3, 4]
    with pytest.raises(Refused, match="store_failed"):
        next(entries)
    assert not readers()


def test_the_rest_of_a_long_stream_is_fetched_beside_and_what_fails_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger(str(tmp_path / "book.db"), clock=Clock("2026-01-01T00:00:00Z")) as book:
        book.record([OPENING, *outages(0, 2 * reading.APART)])
        every = [pair for pair in row_by_row(book) if pair[1].stream == "contract:C1"]
        asked, by, failing = book.store.stream_lines, [], []

        def watched(stream: str, after: int, limit: int) -> Lines:
            by.append((threading.current_thread().name, after))
            if after in failing:
                raise Refused("store_failed", "the disk failed")
            found: Lines = asked(stream, after, limit)
            return found

        monkeypatch.setattr(book.store, "stream_lines", watched)
        assert reading.read_stream(book.store, "contract:C1", 0) == every
        assert [after for name, after in sorted(by, key=lambda call: call[1]) if name == "ledger-read"] == [358, 825]
        assert {name for name, after in by if after == 0} == {"MainThread"}
        for after in (0, 358, 825):
            failing[:] = [after]
            with pytest.raises(Refused, match="store_failed"):
                book.stream("contract:C1")
        failing.clear()
        assert book.stream("contract:C1") == every, "nothing of what failed was kept"
        by.clear()
        book.record(outages(2 * reading.APART, 3))
        assert len(book.stream("contract:C1")) == len(every) + 3
        assert {name for name, _ in by} == {"MainThread"}, "few are not worth a thread"


def test_a_ledger_with_a_hole_is_refused(tmp_path: Path, apart: bool) -> None:
    import sqlite3

    path = tmp_path / "book.db"
    store = open_store(str(path), create=True)
    with store.write() as transaction:
        transaction.insert([NewRow("s", n, "t", b"{}") for n in range(1, 10)])
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TRIGGER entries_are_never_removed")
        raw.execute("DELETE FROM stored_events WHERE position = 5")
    raw.close()
    for start, limit in ((1, 9), (4, 2), (5, 3)):
        with pytest.raises(Refused, match="damaged_ledger"):
            store.lines(start, limit)
    assert len(store.lines(6, 9).positions) == 4
    for after, limit in ((0, 9), (3, 3), (4, 1)):
        with pytest.raises(Refused, match="damaged_ledger"):
            store.stream_lines("s", after, limit)
    assert store.stream_lines("s", 5, 9).positions == [6, 7, 8, 9]
    for after in (0, 4):
        with pytest.raises(Refused, match="damaged_ledger"):
            reading.read_stream(store, "s", after)
    store.close()
