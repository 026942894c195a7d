"""A ledger in PostgreSQL cut off at every message, restarted, out of room, connections or time: whole, or it says so."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from typing import Any

import psycopg
import pytest

from ledger import open_ledger, tree
from ledger.errors import Refused
from ledger.postgres_rows import FEW
from replays.cli import run
from tests.conftest import Clock
from tests.postgres import Server, fresh_schema, server_user, started, with_options
from tests.test_tree import OPENING, outages
from tests.wire import Side, Wire

NOW = "2026-01-01T00:00:00Z"
BATCH = 7
BATCHES = count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Its write-ahead log is in files of 1 MB: a small limit on the size of files then leaves it room."""
    with started("max_connections = 16", "superuser_reserved_connections = 0", initdb=["--wal-segsize=1"]) as server:
        yield server


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    with Wire(server.folder) as wire:
        yield wire


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """A ledger of a contract, by the server itself."""
    with fresh_schema(server.url) as url:
        with opened(url) as book:
            book.record([OPENING])
        yield url


def opened(url: str, **options: Any) -> Any:
    return open_ledger(url, clock=Clock(NOW), **options)


def by(way: str, url: str) -> str:
    """The same ledger by another way."""
    return f"{way}&{url.partition('&')[2]}"


def batch() -> list[dict[str, Any]]:
    return outages(BATCH * next(BATCHES), BATCH)


def code_of(act: Callable[[], Any]) -> str:
    try:
        act()
    except Refused as refused:
        return refused.code if "\n" not in refused.message else f"{refused.code}, in several lines"
    return "ok"


def settled(book: Any) -> int:
    """How many entries there are once nobody writes any more."""
    with book.store.write() as transaction:
        last = transaction.last()
    return last.position if last else 0


def check_whole(url: str) -> None:
    """Positions and versions without a gap, nothing twice, the tree that of the entries."""
    with opened(url, create=False, read_only=True) as book:
        entries = dict(book.entries())
        assert list(entries) == list(range(1, book.position + 1))
        assert len({(entry.stream, entry.version) for entry in entries.values()}) == len(entries)
        assert len({(entry.stream, entry.source, entry.id) for entry in entries.values()}) == len(entries)
        assert tree.root_at(book.store, len(entries)) == tree.recomputed_root(book.store, len(entries))


# --- the connection is cut ---


@pytest.mark.parametrize(
    "half", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["between messages", "within one"]
)
@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("size", [BATCH, FEW + 1])
def test_cut_at_any_message_of_an_append_a_batch_is_there_or_not_and_is_recorded_once(
    server: Server, wire: Wire, url: str, size: int, side: Side, half: bool
) -> None:
    """The same ledger object goes on; it is told when nobody knows what became of the commit.

    Few rows go to the server with their COMMIT, and it works on both before it answers; more have a COPY first.
    """
    seen = set()
    with opened(url) as direct, opened(by(wire.url, url)) as book:
        book.record(batch())
        for after in count():
            before, events = settled(direct), outages(1_000_000 + after * size, size)
            wire.cut(side, after, half=half)
            code = code_of(lambda events=events: book.record(events))  # type: ignore[misc]
            wire.mend()
            there = settled(direct) - before
            assert there in (0, size)
            assert code in ("ok", "store_failed")
            assert code == "store_failed" or there == size, "acknowledged is kept"
            again = book.record(events)
            assert {receipt.outcome for receipt in again} == {"already_recorded" if there else "recorded"}
            assert [receipt.position for receipt in again] == list(range(before + 1, before + size + 1))
            seen.add((code, there))
            if not wire.was_cut:
                break
    assert after > 5
    assert ("ok", size) in seen
    assert (("store_failed", 0) in seen) == (side == "client" or size > FEW)
    assert (("store_failed", size) in seen) == (side == "server" or size <= FEW), "committed, the answer lost"
    check_whole(url)


@pytest.mark.parametrize("side", ["client", "server"])
def test_cut_at_any_message_of_opening_and_asking_it_answers_right_or_says_the_server_failed(
    wire: Wire, url: str, side: Side
) -> None:
    with opened(url) as book:
        book.record(batch())
        expected = [entry for _, entry in book.entries()]

    def ask() -> None:
        with opened(by(wire.url, url), create=False) as book:
            assert [entry for _, entry in book.entries()] == expected
            assert book.root_at(len(expected))

    codes = set()
    for after in count(0, 4):
        wire.cut(side, after)
        codes.add(code_of(ask))
        if not wire.was_cut:
            break
    assert codes == {"ok", "store_failed"}


@pytest.mark.soak
@pytest.mark.parametrize("side", ["client", "server"])
def test_cut_while_it_is_made_a_ledger_is_there_whole_or_is_made_again(server: Server, wire: Wire, side: Side) -> None:
    codes = set()
    for after in count(0, 40):
        with fresh_schema(wire.url) as url:
            wire.cut(side, after)

            def make(url: str = url) -> None:
                with opened(url) as book:
                    book.record([OPENING])

            codes.add(code_of(make))
            wire.mend()
            make()
            check_whole(url)
        if not wire.was_cut:
            break
    assert codes == {"ok", "store_failed"}


# --- the server ends ---


def test_a_server_that_crashes_and_restarts_amid_writes_keeps_what_it_acknowledged_and_is_found_again(
    server: Server, url: str
) -> None:
    """Each writer records one batch after another, and again whatever was refused."""
    acknowledged: dict[int, int] = {}
    refusals: set[str] = set()
    stop = threading.Event()

    def record() -> None:
        with opened(url, create=False) as book:
            while not stop.is_set():
                events, code = batch(), ""
                while code != "ok":
                    try:
                        for receipt in book.record(events):
                            acknowledged[receipt.position] = receipt.version
                        code = "ok"
                    except Refused as refused:
                        code = refused.code
                        refusals.add(code)
                        time.sleep(0.02)

    writers = [threading.Thread(target=record) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(2):
            grown(acknowledged, 10 * BATCH)
            server.stop("immediate")
            server.start()
        grown(acknowledged, 10 * BATCH)
    finally:
        stop.set()
        for writer in writers:
            writer.join(30)
    assert refusals == {"store_failed"}
    check_whole(url)
    with opened(url, create=False) as book:
        assert all(book.store.read_at(position).version == version for position, version in acknowledged.items())
        assert len(acknowledged) == book.position - 4, "each was acknowledged in the end, once"


def grown(acknowledged: dict[int, int], by_how_many: int) -> None:
    wanted, until = len(acknowledged) + by_how_many, time.monotonic() + 30
    while len(acknowledged) < wanted:
        assert time.monotonic() < until, "nothing was acknowledged any more"
        time.sleep(0.02)


# --- the server has no room ---


def writer_pid(book: Any) -> int:
    """The server's process that writes for a ledger."""
    return int(book.store._writer.info.backend_pid)


@contextmanager
def files_limited(pid: int, limit_bytes: int) -> Iterator[None]:
    """No file may grow beyond a size, for one process of the server: a stand-in for a full disk."""
    command = ["prlimit", f"--pid={pid}"]
    subprocess.run([*command, f"--fsize={limit_bytes}:unlimited"], user=server_user(), check=True)
    try:
        yield
    finally:
        subprocess.run([*command, "--fsize=unlimited:unlimited"], user=server_user(), check=False, capture_output=True)


def test_where_a_table_cannot_grow_a_batch_is_refused_and_recorded_when_there_is_room(url: str) -> None:
    limit = 1_200_000
    with opened(url, create=False) as book:
        book.record(outages(10_000_000, 1500))
        refused = 0
        with files_limited(writer_pid(book), limit):
            while refused < 2:
                before, events = book.position, outages(20_000_000 + 400 * next(BATCHES), 400)
                code = code_of(lambda events=events: book.record(events))  # type: ignore[misc]
                refused += code == "store_failed"
                assert book.position == before + (len(events) if code == "ok" else 0)
                assert before < 8000, "a table of more than the limit"
        assert book.record(events)[0].position == before + 1
    check_whole(url)


def test_where_the_write_ahead_log_cannot_grow_the_server_crashes_by_itself_and_the_batch_is_recorded_again(
    url: str,
) -> None:
    with opened(url, create=False) as book:
        book.record(batch())
        before = book.position
        with files_limited(writer_pid(book), 8192):
            events = outages(30_000_000, 700)
            assert code_of(lambda: book.record(events)) == "store_failed"
        until = time.monotonic() + 30
        while (code := code_of(lambda: book.record(events))) == "store_failed":  # while the server recovers
            assert time.monotonic() < until
            time.sleep(0.05)
        assert code == "ok"
        assert book.position == before + len(events)
    check_whole(url)


def test_a_server_out_of_connections_is_told_as_failed_and_found_again_when_some_are_free(
    server: Server, url: str
) -> None:
    with opened(url, create=False) as book, ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(server.url))
        with pytest.raises(Refused, match=r"store_failed: .*too many clients"):
            opened(url, create=False)
        assert code_of(lambda: book.record(batch())) == "store_failed"
        stack.close()
        assert code_of(lambda: book.record(batch())) == "ok"


# --- the server has no time ---


@pytest.mark.parametrize(
    ("option", "codes"),
    [("statement_timeout", ["store_failed"]), ("lock_timeout", ["ok"]), ("transaction_timeout", ["store_failed", "ok"])],
)
def test_a_timeout_of_the_server_while_another_writes_leaves_nothing_half_done(
    url: str, option: str, codes: list[str]
) -> None:
    """The ledger's own lock timeout stands instead of the server's. Others are the operator's: one that refuses the
    statement refuses the batch, one that ends the connection of a writer who waits has it wait once more on another."""
    with opened(url) as holder, opened(with_options(url, options=f"-c{option}%3D150"), create=False) as book:
        book.record(batch())
        before, found = book.position, []
        thread = threading.Thread(target=lambda: found.append(code_of(lambda: book.record(batch()))))
        with holder.store.write():
            thread.start()
            thread.join(0.6)
        thread.join(10)
        assert found[0] in codes
        assert book.position == before + (BATCH if found == ["ok"] else 0)
        assert code_of(lambda: book.record(batch())) == "ok"


def test_a_writer_that_is_idle_too_long_in_the_midst_is_put_out_and_the_next_goes_through(url: str) -> None:
    with opened(with_options(url, options="-cidle_in_transaction_session_timeout%3D50"), create=False) as book:

        def dawdle() -> None:
            with book.store.write() as transaction:
                transaction.last()
                time.sleep(0.3)
                transaction.last()

        assert code_of(dawdle) == "store_failed"
        assert code_of(lambda: book.record(batch())) == "ok"


def test_clients_whose_server_would_have_them_serializable_take_turns_and_none_fails(url: str) -> None:
    way = with_options(url, options="-cdefault_transaction_isolation%3Dserializable")
    found: list[str] = []

    def record() -> None:
        with opened(way, create=False) as book:
            found.extend(code_of(lambda: book.record(batch())) for _ in range(10))

    threads = [threading.Thread(target=record) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == ["ok"] * 30
    check_whole(url)


# --- it may not come in ---


def test_who_may_not_come_in_or_finds_nothing_is_told_so_in_one_line(
    server: Server, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(server.url, autocommit=True) as raw:
        raw.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    rules = server.data / "pg_hba.conf"
    rules.write_text("local all guarded scram-sha-256\n" + rules.read_text())
    server.reload()
    for way, code, said in (
        (url.replace("postgres@", "guarded:wrong@"), "store_failed", "password authentication failed"),
        (url.replace("postgres@", "guarded@"), "store_failed", "no password supplied"),
        (url.replace("postgres@", "absent@"), "store_failed", 'role "absent" does not exist'),
        (url.replace("/postgres?", "/absent?"), "no_ledger", "no such database"),
        (with_options(server.url, schema="absent"), "no_ledger", "service-ledger init"),
        (url.replace(str(server.folder), str(server.folder / "absent")), "store_failed", "No such file"),
        (url.replace("postgres@", "guarded:right@"), "read_only", "permission denied"),
    ):
        assert run(["log", "--ledger", way]) == 4
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert code in err
        assert said in err
        assert "wrong" not in err.replace("wrong_", "")
        assert "right" not in err


def test_a_port_where_nobody_listens_is_told_so_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{taken.getsockname()[1]}/book"
        assert code_of(lambda: opened(url)) == "store_failed"
