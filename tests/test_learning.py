"""A stream is learnt before the lock, caught up under it, and forgotten alone when a batch of it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.errors import Refused
from ledger.learning import Learning
from tests.conftest import Clock
from tests.story import CONTRACT
from tests.test_tree import OPENING, outages

ENDED = {**outages(3, 1)[0], "id": "end", "type": "outage_ended", "data": {"outage": "O3", "at": "2025-12-01T12:00:00Z"}}
LONGER = {**OPENING, "id": "longer", "type": "corrected",
          "data": {"target": "end", "data": {"outage": "O3", "at": "2025-12-01T13:00:00Z"}, "reason": "the log", "evidence": "sha256:" + "0" * 64}}  # fmt: skip
OTHER = {**OPENING, "id": "c2", "subject": "contract:C2", "data": {**CONTRACT, "contract": "C2"}}


class Watched:
    """A store that says what was asked of it, and lets somebody else in before the write lock is taken."""

    def __init__(self, store: Any) -> None:
        self.store, self.asked = store, []
        self.meanwhile: Any = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read_stream(self, name: str, *bounds: Any) -> Any:
        self.asked.append(f"learnt {name}")
        return self.store.read_stream(name, *bounds)

    @contextmanager
    def write(self) -> Iterator[Any]:
        self.meanwhile()
        with self.store.write() as transaction:
            self.asked.append("locked")
            yield Tail(transaction, self.asked)


class Tail:
    """A transaction that says how much of a stream was learnt under the lock."""

    def __init__(self, transaction: Any, asked: list[str]) -> None:
        self.transaction, self.asked = transaction, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transaction, name)

    def tail(self, stream: str, after_version: int) -> Any:
        rows = self.transaction.tail(stream, after_version)
        self.asked.append(f"caught up {len(rows)} of {stream}")
        return rows


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "book.db")
    with opened(path) as book:
        book.record([OPENING, OTHER, *outages(0, 300), ENDED, LONGER])
    return path


def opened(path: str) -> Any:
    return open_ledger(path, clock=Clock("2026-01-01T00:00:00Z"))


def watched(book: Any) -> Watched:
    book._recording._store = store = Watched(book.store)
    return store


def test_a_stream_is_learnt_before_the_lock_and_what_others_append_meanwhile_under_it(path: str) -> None:
    with opened(path) as book, opened(path) as other:
        store = watched(book)
        store.meanwhile = lambda: other.record(outages(400, 2))
        receipts = book.record(outages(299, 1) + outages(401, 2))
        assert store.asked == ["learnt contract:C1", "locked", "caught up 2 of contract:C1"]
        assert [r.outcome for r in receipts] == ["already_recorded", "already_recorded", "recorded"]
        store.asked.clear()
        store.meanwhile = lambda: other.record(outages(500, 3))
        book.record(outages(499, 1))
        assert store.asked == ["locked", "caught up 3 of contract:C1"], "it is kept"


def test_who_writes_alone_looks_at_no_stream_again(path: str) -> None:
    with opened(path) as book, opened(path) as other:
        store = watched(book)
        second = {**outages(0, 1)[0], "subject": "contract:C2"}
        book.record([*outages(500, 1), second])
        store.asked.clear()
        book.record(outages(501, 2) + outages(500, 1))
        book.record(outages(501, 1))
        assert store.asked == ["locked", "locked"]
        other.record(outages(510, 2))
        for n in (600, 601):
            book.record(outages(n, 1))
        assert store.asked[2:] == ["locked", "caught up 2 of contract:C1", "locked"], "once, as others wrote once"
        book.record([{**second, "id": "later", "data": {**second["data"], "outage": "later"}}])
        assert store.asked[5:] == ["locked", "caught up 0 of contract:C2"], "it may have been told of too"
        assert [r.outcome for r in book.record(outages(510, 3))] == ["already_recorded", "already_recorded", "recorded"]


def test_what_was_taken_back_is_no_last_entry_of_ones_own(path: str) -> None:
    with opened(path) as book:
        store = watched(book)
        book.record(outages(500, 1))
        position = book.position
        book.record(outages(501, 3), dry_run=True)
        with pytest.raises(Refused, match="end_without_start"):
            book.record([*outages(501, 1), {**ENDED, "id": "no", "data": {**ENDED["data"], "outage": "none"}}])
        store.asked.clear()
        receipts = book.record(outages(500, 2))
        assert store.asked == ["learnt contract:C1", "locked", "caught up 0 of contract:C1"]
        assert [r.position for r in receipts] == [position, position + 1]


def test_what_is_learnt_is_what_the_writer_of_it_knows(path: str) -> None:
    with opened(path) as book:
        book.record(outages(600, 1))
        kept = book._recording._streams["contract:C1"]
        book.record([{**LONGER, "id": "again"}])
        learnt = Learning(book.store).learnt("contract:C1")
        assert (learnt.version, learnt.keys) == (kept.version, kept.keys)
        assert len(learnt.groups) == len(kept.groups) > 100
        assert all(learnt.group(group) == kept.group(group) for group in tuple(learnt.groups))
        assert learnt.dirty == {("outage", "O3")}
        assert Learning(book.store).learnt("contract:none").version == 0


def test_a_refused_batch_has_its_own_streams_learnt_again_and_no_other(path: str) -> None:
    with opened(path) as book:
        store = watched(book)
        second = {**outages(0, 1)[0], "subject": "contract:C2"}
        book.record([second, *outages(700, 1)])
        store.asked.clear()
        with pytest.raises(Refused, match="end_without_start"):
            book.record([*outages(701, 1), {**ENDED, "id": "no", "data": {**ENDED["data"], "outage": "none"}}])
        book.record([{**second, "id": "x", "data": {**second["data"], "outage": "x"}}, *outages(701, 1)])
        assert store.asked == ["locked", "learnt contract:C1", "locked", "caught up 0 of contract:C1"]


def test_a_batch_of_many_streams_learns_each_under_the_lock_once(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.recording.LEARNT_AHEAD", 1)
    with opened(path) as book:
        store = watched(book)
        book.record([*outages(800, 1), {**outages(1, 1)[0], "subject": "contract:C2"}])
        assert store.asked == ["locked", "caught up 303 of contract:C1", "caught up 1 of contract:C2"]
