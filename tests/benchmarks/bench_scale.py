"""How a ledger's costs grow with its entries and its contracts: each figure is bytes, or a ratio within this run.

Run `python tests/benchmarks/bench_scale.py` (100 thousand and a million entries), with `--entries 10000000` by hand
(it takes 20 GB of disk and an hour), or `--quick`. Every size is measured with 1,000 and with 100 entries a contract.
Appending is measured by the wall clock, beside raw SQLite in turns; questions, verify and export by processor time.
"Base" is the smallest ledger with as many entries a contract: what stays near 1.00 there does not grow with the ledger.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from bench_core import START, Clock, _day, connection, pages

from ledger import open_ledger
from projections import ask
from replays.export import Wanted, export_bundle
from replays.verify import verify

BATCH = 50_000
SAMPLE = 60  # contracts asked about, spread over all
RECORDED = START + timedelta(days=3650)
MONTH = {"first": "2021-01-01", "last": "2021-01-31"}
INSERT = "INSERT INTO raw (originator_id, originator_version, topic, state) VALUES (?,?,?,?)"


class Measured(NamedTuple):
    """One ledger's figures; seconds are of this machine and only ever divided by one another."""

    entries: int
    contracts: int
    state_bytes: float  # an entry's canonical bytes
    file_bytes: float  # the file, for each entry
    append_to_raw: float  # raw executemany of the same rows in the same batches, divided by ours
    append_late: float  # the same, over the last quarter of the batches
    cold: float
    warm: float
    fleet: float  # one contract's part of the question to all
    verified: float  # an entry's part
    exported: float
    bundle_bytes: float  # for each entry of the whole ledger: its tree's hashes are in every bundle


def told(contracts: int) -> Iterator[dict[str, Any]]:
    """The events of `bench_core`, side by side and without end."""
    envelope = {"specversion": "1.0", "source": "bench"}
    for c in range(contracts):
        data = {"contract": f"C{c}", "plan": "open", "service_start": "2021-01-01T00:00:00+01:00"}
        yield {**envelope, "id": f"c{c}", "type": "contract_started", "subject": f"contract:C{c}", "data": data}
    day = 0
    while True:
        for c in range(contracts):
            yield from _day(envelope, f"contract:C{c}", day)
        day += 1


def timed(action: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    gc.collect()
    began = clock()
    action()
    return clock() - began


def worked(action: Callable[[], Any]) -> float:
    """Processor seconds: what reads from the page cache does not wait for a disk, only for its neighbours."""
    return timed(action, time.process_time)


def append(folder: Path, entries: int, contracts: int) -> tuple[list[float], list[float]]:
    """Batch by batch, ours and raw in turns, so that a disk that slows down slows both."""
    clock, ours, raw = Clock(), [], []
    events = told(contracts)
    with open_ledger(str(folder / "book.db"), clock=clock) as book, closing(connection(folder / "raw.db")) as plain:
        for number in range(0, entries, BATCH):
            clock.now = RECORDED + timedelta(hours=number // BATCH)
            batch = list(islice(events, min(BATCH, entries - number)))
            before = book.position
            ours.append(timed(lambda b=batch: book.record(b)))
            rows = [tuple(row)[1:] for row in book.store.read(before + 1, BATCH + 10)]
            raw.append(timed(lambda r=rows: commit(plain, r)))
    return ours, raw


def commit(plain: Any, rows: list[Any]) -> None:
    plain.execute("BEGIN IMMEDIATE")
    plain.executemany(INSERT, rows)
    plain.execute("COMMIT")


def measure(folder: Path, entries: int, contracts: int) -> Measured:
    ours, raw = append(folder, entries, contracts)
    (folder / "raw.db").unlink()
    late = max(1, len(ours) // 4)
    path = folder / "book.db"
    known = RECORDED + timedelta(hours=entries // BATCH * 0.9)  # nearly all of it: a real as-of
    names = [f"C{n * contracts // SAMPLE}" for n in range(min(SAMPLE, contracts))]
    with open_ledger(str(path), create=False, read_only=True) as book:
        states = [len(row.state) for row in islice(pages(book), 20_000)]

        def availability(name: str) -> Any:
            return ask(book, "availability", contract=name, month="2021-01", known_at=known)

        availability(names[0])
        cold = [forgetting(book, lambda n=n: availability(n)) for n in names]
        warm = [worked(lambda n=n: availability(n)) for n in names]
        fleet = [forgetting(book, lambda n=n: ask(book, "breaches", contract=n, **MONTH)) for n in names]
        wanted = Wanted(contract=names[-1], first="2021-01", last="2021-01", known_at=None)
        exported = worked(lambda: export_bundle(book, wanted, folder / "bundle.zip"))
        count = book.position
    verified = worked(lambda: checked(verify(str(path))))
    return Measured(
        entries, contracts, statistics.mean(states), path.stat().st_size / count, sum(raw) / sum(ours),
        sum(raw[-late:]) / sum(ours[-late:]), statistics.median(cold), statistics.median(warm), statistics.median(fleet),
        verified / count, exported, (folder / "bundle.zip").stat().st_size / count,
    )  # fmt: skip


def forgetting(book: Any, action: Callable[[], Any]) -> float:
    book._kept.clear()
    book._positions.clear()
    return worked(action)


def checked(found: Any) -> None:
    assert found.holds, found.checks


COLUMNS = (
    # heading, what is shown of a row and its base
    ("entries", lambda m, b: f"{m.entries:,}"),
    ("contracts", lambda m, b: f"{m.contracts:,}"),
    ("bytes an entry", lambda m, b: f"{m.state_bytes:.0f}"),
    ("file bytes an entry", lambda m, b: f"{m.file_bytes:.0f}"),
    ("append / raw", lambda m, b: f"{m.append_to_raw:.2f}"),
    ("its last quarter", lambda m, b: f"{m.append_late:.2f}"),
    ("as-of cold / base", lambda m, b: f"{m.cold / b.cold:.2f}"),
    ("warm / its cold", lambda m, b: f"{m.warm / m.cold:.2f}"),
    ("a contract of the fleet / base", lambda m, b: f"{m.fleet / b.fleet:.2f}"),
    ("verify an entry / base", lambda m, b: f"{m.verified / b.verified:.2f}"),
    ("export / base", lambda m, b: f"{m.exported / b.exported:.2f}"),
    ("bundle bytes an entry", lambda m, b: f"{m.bundle_bytes:.1f}"),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--quick", action="store_true", help="20,000 and 100,000 entries")
    options = parser.parse_args()
    bases: dict[int, Measured] = {}
    sys.stdout.write("| " + " | ".join(heading for heading, _ in COLUMNS) + " |\n" + "|---:" * len(COLUMNS) + "|\n")
    for entries in [20_000, 100_000] if options.quick else options.entries:
        for each in (1000, 100):
            if entries // each > 10_000:
                continue
            with tempfile.TemporaryDirectory() as folder:
                found = measure(Path(folder), entries, entries // each)
            base = bases.setdefault(each, found)
            sys.stdout.write("| " + " | ".join(shown(found, base) for _, shown in COLUMNS) + " |\n")
            sys.stdout.write(
                f"<!-- here: cold {found.cold * 1e3:.1f} ms, fleet {found.fleet * 1e3:.1f} ms a contract, verify "
                f"{found.verified * 1e6:.1f} us an entry, export {found.exported:.2f} s -->\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
