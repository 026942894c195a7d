"""The primary dies in the middle of writes and its standby takes over: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger import merkle, open_ledger, tree
from ledger.codec import decode_entry
from ledger.errors import Refused
from ledger.store import NewRow, open_store
from projections import ask
from replays.verify import verify
from tests.conftest import Clock
from tests.postgres import Server, fresh_folder, run, started, with_options
from tests.story import instant
from tests.test_tree import OPENING, outages

ROOT = Path(__file__).parents[1]
ENDED = {**OPENING, "id": "end", "type": "outage_ended", "data": {"outage": "O0", "at": "2025-12-01T11:00:00Z"}}
PRIMARY = ("wal_level = replica", "max_wal_senders = 4", "hot_standby = on", "max_connections = 40")


class Pair:
    """A primary and its synchronous standby, which is called `second`."""

    def __init__(self, primary: Server, standby: Server) -> None:
        self.primary, self.standby = primary, standby

    @property
    def url(self) -> str:
        """Whichever of the two may be written, by one URL."""
        hosts = f"{self.primary.folder},{self.standby.folder}"
        return f"postgresql://postgres@/postgres?host={hosts}&target_session_attrs=read-write"

    def ask(self, statement: str) -> Any:
        """The first column of the primary's first row."""
        with psycopg.connect(self.primary.url, autocommit=True) as raw:
            return (raw.execute(statement).fetchone() or (None,))[0]


def until(found: Callable[[], Any], seconds: float = 20) -> Any:
    """Waits until something is found."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return answer


@contextmanager
def standby_of(primary: Server) -> Iterator[Server]:
    standby = Server(fresh_folder())
    try:
        way = f"host={primary.folder} user=postgres application_name=second"
        run("pg_basebackup", "-d", way, "-D", standby.data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        standby.configure(f"unix_socket_directories = '{standby.folder}'", "synchronous_standby_names = ''")
        standby.start()
        yield standby
    finally:
        if standby.is_running():
            standby.stop("immediate")
        standby.forget()


@pytest.fixture
def behind() -> Iterator[Pair]:
    """A primary that waits for nobody, and a standby that follows when it is let."""
    with started(*PRIMARY) as primary, standby_of(primary) as standby:
        yield Pair(primary, standby)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with started(*PRIMARY) as primary, standby_of(primary) as standby:
        primary.configure("synchronous_standby_names = 'second'")
        run("pg_ctl", "-D", primary.data, "reload")
        both = Pair(primary, standby)
        until(lambda: both.ask("SELECT sync_state = 'sync' FROM pg_stat_replication"))
        until(lambda: both.ask("SHOW synchronous_standby_names") == "second")
        yield both


# Records one outage after another until its input ends; says what was acknowledged, and tries again what was not.
WRITER = """
import json, select, sys, time
from datetime import timedelta
from ledger import Refused, open_ledger
from ledger.book import wall_clock
url, name, behind = sys.argv[1], sys.argv[2], int(sys.argv[3])
book = open_ledger(url, clock=lambda: wall_clock() - timedelta(seconds=behind), create=False)
number = tries = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    number += 1
    event = {"specversion": "1.0", "id": f"{name}{number}", "source": "t", "type": "outage_started",
             "subject": "contract:C1", "data": {"outage": f"{name}{number}", "environment": "production",
             "effect": "no_access", "at": "2025-12-01T10:00:00Z"}}
    while True:
        try:
            (receipt,) = book.record([event])
            break
        except Refused as refused:
            if refused.code not in ("store_failed", "read_only"):
                raise
            tries += 1
            time.sleep(0.05)
    print(json.dumps([event["id"], receipt.position, receipt.outcome, tries]), flush=True)
book.close()
"""


class Writer:
    """A process that records, and what it was acknowledged."""

    def __init__(self, url: str, name: str, behind_seconds: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER, url, name, str(behind_seconds)],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.acknowledged: list[tuple[str, int, str, int]] = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.acknowledged.append(tuple(json.loads(line)))

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            assert self.process.wait(30) == 0
        finally:
            self.process.kill()
            self.process.wait()
            self.thread.join()
            assert self.process.stdout is not None
            self.process.stdout.close()


def test_nothing_acknowledged_is_lost_or_doubled_when_the_primary_dies_amid_writes(pair: Pair) -> None:
    with open_ledger(pair.url) as book:
        book.record([OPENING])
    writers = [Writer(pair.url, name, behind) for name, behind in (("a", 0), ("b", 3), ("d", 0))]
    try:
        until(lambda: all(len(writer.acknowledged) >= 15 for writer in writers))
        held = open_store(pair.primary.url, create=False)
        seen = held.last()
        assert seen is not None
        root = tree.root_at(held, seen.position)
        held.close()
        before = [len(writer.acknowledged) for writer in writers]
        pair.primary.kill()
        run("pg_ctl", "-w", "-D", pair.standby.data, "promote")
        until(lambda: all(len(w.acknowledged) >= n + 15 for w, n in zip(writers, before, strict=True)))
    finally:
        for writer in writers:
            writer.end()
    assert max(writer.acknowledged[-1][3] for writer in writers) > 0, "somebody noticed and tried again"
    store = open_store(pair.standby.url, create=False)
    rows = store.read(1, 100_000)
    size = len(rows)
    assert [row.position for row in rows] == list(range(1, size + 1))
    entries = [decode_entry(row.state) for row in rows]
    assert [e.recorded_at for e in entries] == sorted(e.recorded_at for e in entries)
    assert max(Counter((e.source, e.id) for e in entries).values()) == 1
    told = [line for writer in writers for line in writer.acknowledged]
    assert [entries[position - 1].id for _, position, _, _ in told] == [name for name, _, _, _ in told]
    recorded = {e.id for e in entries if e.stream == "contract:C1"} - {OPENING["id"]}
    assert recorded == {name for name, *_ in told}, "each was acknowledged in the end, at once or when tried again"
    final = tree.recomputed_root(store, size)
    assert tree.root_at(store, size) == final
    proof = merkle.consistency_proof(seen.position, size, tree.node_of(store, size))
    merkle.verify_consistency(seen.position, size, proof, root, final)
    store.close()


def test_a_standby_is_read_and_followed_and_never_written(pair: Pair) -> None:
    with pytest.raises(Refused, match="read_only"):
        open_store(pair.standby.url, create=True)
    primary = open_store(pair.primary.url, create=True)
    with primary.write() as transaction:
        transaction.insert([NewRow("s", 1, "contract_started", b"{}")])
    until(lambda: pair.ask("SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication"))
    standby = open_store(pair.standby.url, create=True)
    assert (standby.openings(), standby.stat()["access"]) == (primary.openings(), "read_only")
    with pytest.raises(Refused, match="read_only"), standby.write():
        pass
    seen: list[int] = []

    def follow() -> None:
        with standby.subscribe() as subscription:
            seen.extend(notification.id for notification in islice(subscription, 3))

    thread = threading.Thread(target=follow)
    thread.start()
    for version in (2, 3):
        with primary.write() as transaction:
            transaction.insert([NewRow("s", version, "t", b"{}")])
    thread.join(10)
    assert seen == [1, 2, 3]
    run("pg_ctl", "-w", "-D", pair.standby.data, "promote")
    assert standby.stat()["access"] == "read_write"
    with standby.write() as transaction:
        transaction.insert([NewRow("s", 4, "t", b"{}")])
    for store in (primary, standby):
        store.close()
    missing = with_options(pair.standby.url, schema="missing")
    with pytest.raises(Refused, match="no_ledger"):
        open_store(missing, create=False)


def test_without_its_standby_the_primary_acknowledges_nothing(pair: Pair) -> None:
    """The wait for the standby is cut short by hand: committed here alone, and so told as not acknowledged."""
    with open_ledger(pair.primary.url, clock=Clock("2026-01-01T00:00:00Z")) as book:
        book.record([OPENING])
        last = book.position
        pair.standby.stop()
        said: list[str] = []

        def record() -> None:
            try:
                book.record(outages(1, 1))
                said.append("recorded")
            except Refused as refused:
                said.append(f"{refused}")

        thread = threading.Thread(target=record)
        thread.start()
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        pid = until(lambda: pair.ask(waiting))
        assert (said, book.position) == ([], last), "not acknowledged, and nobody sees it yet"
        pair.ask(f"SELECT pg_cancel_backend({pid})")
        thread.join(10)
        assert len(said) == 1
        assert said[0].startswith("store_failed")
        assert "record it again" in said[0]
        pair.standby.start()
        until(lambda: pair.ask("SELECT sync_state = 'sync' FROM pg_stat_replication"))
        (receipt,) = book.record(outages(1, 1))
        assert (receipt.outcome, receipt.position, book.position) == ("already_recorded", last + 1, last + 1)


# --- a standby that is behind ---


def test_a_standby_that_is_behind_answers_as_the_primary_did_at_its_position_and_takes_over_by_its_own_clock(
    behind: Pair,
) -> None:
    """Its answers name the position and root they rest on; a clock behind the last entry is refused, then set right."""
    months = {"contract": "C1", "month": "2025-12"}
    with open_ledger(behind.primary.url, clock=Clock("2026-01-01T00:00:00Z")) as primary:
        primary.record([OPENING, *outages(0, 1)])
        until(lambda: behind.ask("SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication"))
        with psycopg.connect(behind.standby.url, autocommit=True) as raw:
            raw.execute("SELECT pg_wal_replay_pause()")
            until(lambda: raw.execute("SELECT pg_get_wal_replay_pause_state() = 'paused'").fetchone() == (True,))
        primary.record([ENDED])
        with open_ledger(behind.standby.url, create=False) as standby:
            assert (standby.position, primary.position) == (5, 6)
            old = ask(standby, "availability", **months)
            assert old.to_json() == ask(primary, "availability", position=5, **months).to_json()
            assert old.result != ask(primary, "availability", **months).result
            assert (old.position, old.root) == (5, primary.root_at(5))
            with pytest.raises(Refused, match="read_only"):
                standby.record(outages(50, 1))
            with psycopg.connect(behind.standby.url, autocommit=True) as raw:
                raw.execute("SELECT pg_wal_replay_resume()")
            until(lambda: standby.position == 6)
            assert ask(standby, "availability", **months).to_json() == ask(primary, "availability", **months).to_json()
    behind.primary.kill()
    run("pg_ctl", "-w", "-D", behind.standby.data, "promote")
    clock = Clock("2025-12-31T23:59:54Z")
    with open_ledger(behind.standby.url, clock=clock, create=False) as book:
        with pytest.raises(Refused, match="clock_behind: the clock is 6 s behind"):
            book.record(outages(50, 1))
        assert book.position == 6
        clock.set("2025-12-31T23:59:55Z")
        (receipt,) = book.record(outages(50, 1))
        assert (receipt.position, receipt.recorded_at) == (7, instant("2026-01-01T00:00:00Z"))
    assert verify(behind.standby.url).holds
