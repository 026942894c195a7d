"""Ratios of the evidence: hashing, appending with the tree, receipts as a ledger grows, and what a verifier pays.

Run `python tests/benchmarks/bench_evidence.py` (up to a million entries), `--ten` (ten million), or `--quick`.
Times of a shared machine mean little; each line is a ratio to a peer in the same run, with the goal.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import heads, merkle, open_ledger, tree
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.keys import make_key, origin_of, read_key
from ledger.notes import signer_from_seed
from ledger.proofs import verify_receipt
from ledger.publishing import publish
from ledger.store import NewRow, Store, open_store

STATE_BYTES = 400  # about what an entry is
BATCH = 10_000
KEY = signer_from_seed("bench/log", b"k" * 32)


def timed(action: Callable[[], Any]) -> float:
    gc.collect()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def line(what: str, ratio: float, goal: str, note: str = "") -> None:
    sys.stdout.write(f"{what:<62} {ratio:>8.2f} x   goal {goal:<8} {note}\n")


def states(first: int, count: int) -> list[bytes]:
    return [
        b'{"stream":"contract:C1","version":%d,"pad":"' % n + b"x" * (STATE_BYTES - 48) + b'"}'
        for n in range(first, first + count)
    ]


def append(store: Store, first: int, count: int, *, with_tree: bool) -> None:
    """Rows straight into the store: what the tree adds is seen best where nothing else is paid."""
    for start in range(first, first + count, BATCH):
        given = states(start, min(BATCH, first + count - start))
        with store.write() as transaction:
            at = transaction.insert(
                [NewRow("contract:C1", start + n, "outage_started", s) for n, s in enumerate(given)]
            )
            if with_tree:
                tree.extend(transaction, at, given)


@contextmanager
def store_at(path: Path) -> Iterator[Store]:
    store = open_store(str(path), create=True)
    try:
        yield store
    finally:
        store.close()


def hashing(count: int) -> None:
    given = states(1, count)
    raw = timed(lambda: [sha256(state).digest() for state in given])
    leaf = timed(lambda: merkle.leaf_hashes(given))
    leaves = merkle.leaf_hashes(given)
    grown = timed(lambda: merkle.Frontier().append(leaves))
    line(
        "leaf hashes / bare SHA-256 of the same bytes",
        raw / leaf,
        ">= 0.7",
        f"{count / leaf / 1e6:.2f} M a second here",
    )
    line(
        "leaf hashes and tree / bare SHA-256",
        raw / (leaf + grown),
        ">= 0.3",
        f"{count / (leaf + grown) / 1e6:.2f} M a second here",
    )


def appending(folder: Path, count: int) -> None:
    """In turns, so that a disk that slows down slows both."""
    spent = {True: 0.0, False: 0.0}
    step = count // 4
    with store_at(folder / "with.db") as with_tree, store_at(folder / "without.db") as without:
        for first in range(1, count, step):
            spent[False] += timed(lambda first=first: append(without, first, step, with_tree=False))
            spent[True] += timed(lambda first=first: append(with_tree, first, step, with_tree=True))
    line(
        "append with the tree / append without",
        spent[False] / spent[True],
        ">= 0.5",
        f"{count} entries, {BATCH} a batch",
    )


def receipts(folder: Path, sizes: list[int]) -> None:
    """Each of a place nothing was read of before and again, beside the bare reads and hashes one is made of."""
    first_cost = 0.0
    path = folder / "grown.db"
    with store_at(path) as store, closing(sqlite3.connect(path)) as plain:
        size = 0
        for wanted in sizes:
            append(store, size + 1, wanted - size, with_tree=True)
            size = wanted
            head = sign_checkpoint(Checkpoint(KEY.name, size, tree.root_at(store, size)), KEY)
            positions = [1 + n * (size - 1) // 399 for n in range(400)]
            heads.receipt(store, 1, head)
            bare = bare_reads(plain, size)
            hashes = hashes_of(lambda p=size // 2 + 1, head=head: heads.receipt(store, p, head))
            cold, read, hashed = [], [], []
            for ours, other in zip(positions[::2], positions[1::2], strict=True):  # in turns, each at a place of its own
                cold.append(timed_once(lambda p=ours, head=head: heads.receipt(store, p, head)))
                read.append(timed_once(lambda p=other, bare=bare: bare(p)))
                hashed.append(timed_once(lambda n=hashes: [sha256(PAIR).digest() for _ in range(n)]))
            made = [timed_once(lambda p=p, head=head: heads.receipt(store, p, head)) for p in positions[::2]]
            first_one = statistics.median([afresh(path, size // 3 + n, head) for n in range(20)])
            cost, first = statistics.median(made), statistics.median(cold)
            first_cost = first_cost or cost
            line(f"a receipt at {size:,} entries / at {sizes[0]:,}", cost / first_cost, "< 4",
                 f"median {cost * 1e3:.2f} ms, p95 {sorted(made)[-10] * 1e3:.2f} ms here (goal < 2 ms)")  # fmt: skip
            line(f"... nothing read before / its {hashes} bare hashes and its bare reads",
                 first / (statistics.median(read) + statistics.median(hashed)), "< 3",
                 f"median {first * 1e3:.2f} ms, least {min(cold) * 1e3:.2f} ms here (goal < 2 ms)")  # fmt: skip
            line("... the first under a head, in a ledger just opened / one more", first_one / first, "< 3",
                 f"median {first_one * 1e3:.2f} ms here")  # fmt: skip
        checking(store, size, head, cost)
        reading_again(store, size)


def afresh(path: Path, position: int, head: bytes) -> float:
    with store_at(path) as store:
        store.last()
        return timed_once(lambda: heads.receipt(store, position, head))


PAIR = b"\1" + bytes(64)


def bare_reads(plain: sqlite3.Connection, size: int) -> Callable[[int], None]:
    """The rows a receipt needs, by bare statements: its entry and the full tiles over it."""

    def read(position: int) -> None:
        plain.execute("SELECT state FROM stored_events WHERE position = ?", (position,)).fetchone()
        level = 0
        while size >> 8 * level:
            whole, at = size >> 8 * (level + 1), (position - 1) >> 8 * (level + 1)
            if at < whole:
                plain.execute("SELECT hashes FROM tree_tiles WHERE id = ?", (level << 48 | at,)).fetchone()
            level += 1

    return read


def hashes_of(action: Callable[[], Any]) -> int:
    """How many hashes are computed on the way."""
    count = 0

    def counted(data: bytes) -> Any:
        nonlocal count
        count += 1
        return sha256(data)

    merkle.sha256 = counted  # type: ignore[attr-defined]
    try:
        action()
    finally:
        merkle.sha256 = sha256  # type: ignore[attr-defined]
    return count


def timed_once(action: Callable[[], Any]) -> float:
    """Processor time: what is read lies in the page cache, and waits are for neighbours, not for a disk."""
    began = time.process_time()
    action()
    return time.process_time() - began


def checking(store: Store, size: int, head: bytes, cost: float) -> None:
    row = store.read_at(size // 3)
    assert row is not None
    receipt = heads.receipt(store, size // 3, head)
    signature = statistics.median([timed_once(lambda: heads.open_checkpoint(head, [KEY.verifier])) for _ in range(50)])
    checked = statistics.median(
        [timed_once(lambda: verify_receipt(row.state, receipt, KEY.verifier)) for _ in range(50)]
    )
    line(
        "checking a receipt / checking its signature alone", checked / signature, "< 3", f"{checked * 1e3:.2f} ms here"
    )
    line("checking a receipt / making it", checked / cost, "< 1")


def reading_again(store: Store, size: int) -> None:
    def read() -> None:
        for start in range(1, size + 1, heads.PAGE):
            store.read(start, heads.PAGE)

    again = timed(lambda: heads.present_head(store, KEY.name, size))
    bare = timed(read)
    line(
        "reading every byte again before signing / reading alone",
        again / bare,
        "< 6",
        f"{size / again / 1e6:.2f} M a second here",
    )


def publishing(folder: Path, count: int) -> None:
    with open_ledger(str(folder / "published.db"), origin=KEY.name) as book:
        made = make_key(book, folder / "k")
        assert made.name == origin_of(book.store)
        before = book.position
        rows = states(1, count)
        with book.store.write() as transaction:
            transaction.insert([NewRow("contract:C1", n, "outage_started", s) for n, s in enumerate(rows, 1)])
            tree.extend(transaction, before + 1, rows)
        key = read_key(folder / "k")
        head = sign_checkpoint(heads.present_head(book.store, key.name, book.position), key)
        first = timed(lambda: publish(book, folder / "www", head))
        again = timed(lambda: publish(book, folder / "www", head))
    line("publishing again without growth / publishing first", again / first, "< 0.2", f"{count} entries")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--ten", action="store_true")
    options = parser.parse_args()
    sizes = [1_000, 20_000] if options.quick else [10_000, 100_000, 1_000_000, *([10_000_000] if options.ten else [])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hashing(min(200_000, sizes[-1]))
        appending(folder, min(200_000, sizes[-1]))
        publishing(folder, min(50_000, sizes[-1]))
        receipts(folder, sizes)


if __name__ == "__main__":
    main()
