"""What the SQL views cost and save: built, followed, asked; and what a fold is made of.

Run `python tests/benchmarks/bench_views.py`, `--contracts N --days N` for another size, or `--quick`. Times of a
shared machine mean little; lines with a ratio compare to a peer in the same run.
"""

from __future__ import annotations

import argparse
import gc
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import open_ledger
from projections import ask, view_fold, view_tables, views
from tests.benchmarks.bench_core import START, Clock, _day


def timed(action: Callable[[], Any]) -> float:
    gc.collect()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def said(what: str, figure: str, note: str = "") -> None:
    sys.stdout.write(f"{what:<66} {figure:>14}   {note}\n")


def recorded(path: Path, contracts: int, days: int) -> Any:
    """Contracts side by side, each day's facts recorded that evening: nightly backups, an outage every fifth day."""
    clock = Clock()
    book = open_ledger(str(path), clock=clock)
    envelope = {"specversion": "1.0", "source": "bench"}
    names = [f"C{n}" for n in range(contracts)]
    book.record([
        {**envelope, "id": f"c{name}", "type": "contract_started", "subject": f"contract:{name}",
         "data": {"contract": name, "plan": "open", "service_start": "2021-01-01T00:00:00+01:00"}} for name in names
    ])  # fmt: skip
    for day in range(days):
        clock.now = START + timedelta(days=day, hours=23, minutes=30)
        book.record([event for name in names for event in _day(envelope, f"contract:{name}", day)])
    return book


def parts(book: Any, contract: str) -> dict[str, float]:
    """Where the seconds of one contract's fold go: which units."""
    spent: dict[str, float] = defaultdict(float)
    units = view_tables.units

    def counted(moment: Any) -> Any:
        def of(name: str, compute: Callable[[], Any]) -> Callable[[], Any]:
            def act() -> Any:
                began = time.perf_counter()
                try:
                    return compute()
                finally:
                    spent[" ".join(name.split(" ")[: 2 if name.startswith("breaches") else 1])] += time.perf_counter() - began

            return act

        return {name: of(name, compute) for name, compute in units(moment).items()}

    streams = book.history(contract).streams
    view_fold.units = counted
    try:
        whole = timed(lambda: view_fold.fold(contract, streams, view_fold.State(), 0, book.position, views.clockwork_of(book)))
    finally:
        view_fold.units = units
    spent["what to compute, and when"] = whole - sum(spent.values())
    return dict(spent)


def measure(folder: Path, contracts: int, days: int) -> None:
    book = recorded(folder / "book.db", contracts, days)
    url, path = book.store.url, folder / "v.db"
    sys.stdout.write(f"--- {contracts} contracts, {days} days, {book.position} entries\n")
    whole = timed(lambda: views.build(url, path))
    said("built, as of every position", f"{book.position / whole:,.0f} /s", "entries; one process")
    two = timed(lambda: views.build(url, path, jobs=2))
    said("two processes / one", f"{whole / two:.2f} x")
    now = timed(lambda: views.build(url, folder / "now.db", since=book.position))
    said("built, as of the last position alone", f"{now / contracts * 1e3:.1f} ms", "a contract")
    spent = parts(book, "C0")
    shares = sorted(spent.items(), key=lambda pair: -pair[1])[:6]
    said("of which", "", ", ".join(f"{name} {share / sum(spent.values()):.0%}" for name, share in shares))
    followed = timed(lambda: _tomorrow(book, path, contracts, days))
    said("followed: a day of all contracts, recorded and folded", f"{followed / contracts * 1e3:.1f} ms", "a contract")
    fleet(book, path, contracts, days)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said("peak memory of this process", f"{peak:.0f} MB", f"views {path.stat().st_size / 1e6:.1f} MB")
    book.close()


def _tomorrow(book: Any, path: Path, contracts: int, day: int) -> None:
    book.clock.now = START + timedelta(days=day, hours=23, minutes=30)
    envelope = {"specversion": "1.0", "source": "bench"}
    book.record([event for n in range(contracts) for event in _day(envelope, f"contract:C{n}", day)])
    views.follow(book, path, once=True)


def fleet(book: Any, path: Path, contracts: int, days: int) -> None:
    """One month of every contract: asked, and selected."""
    month = (START + timedelta(days=days // 2)).strftime("%Y-%m")
    asked = timed(lambda: [ask(book, "availability", contract=f"C{n}", month=month, position=book.position) for n in range(contracts)])
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT contract, td_percent FROM availability_now WHERE month = ?"
        assert len(connection.execute(query, (month,)).fetchall()) == contracts
        selected = statistics.median(timed(lambda: connection.execute(query, (month,)).fetchall()) for _ in range(20))
    said("fleet question: selected / asked of each contract", f"{asked / selected:,.0f} x", f"{selected * 1e3:.2f} ms here")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--contracts", type=int, default=20)
    parser.add_argument("--days", type=int, default=180)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), 4 if options.quick else options.contracts, 60 if options.quick else options.days)


if __name__ == "__main__":
    main()
