"""What the SQL views cost and save: built, followed, asked; what a fold is made of; what memory a building takes.

Run `python tests/benchmarks/bench_views.py`, `--contracts N --days N` for another size, or `--quick`. Times of a
shared machine mean little; lines with a ratio compare to a peer in the same run. `--scale 100000 1000000` builds
views of what is known now of ledgers so long (a contract for each thousand entries) by one process and by two, each
time in a fresh interpreter, and shows the most memory each held; `--minutes N` stops a building then, unfinished.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledger import open_ledger
from ledger.headlock import beside
from projections import ask, view_fold, view_tables, views
from tests.benchmarks.bench_core import START, Clock, _day
from tests.benchmarks.bench_scale import fill_with, forms
from tests.postgres import server_url, with_options


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
    place = views.place_of(url, str(path))
    sys.stdout.write(f"--- {contracts} contracts, {days} days, {book.position} entries\n")
    whole = timed(lambda: views.build(url, place))
    said("built, as of every position", f"{book.position / whole:,.0f} /s", "entries; one process")
    two = timed(lambda: views.build(url, place, jobs=2))
    said("two processes / one", f"{whole / two:.2f} x")
    with server_url() as server:
        schema = views.place_of(url, with_options(server, schema="bench_views"))
        said("in a schema of PostgreSQL / in a file, one process", f"{whole / timed(lambda: views.build(url, schema)):.2f} x")
    now = timed(lambda: views.build(url, views.place_of(url, str(folder / "now.db")), since=book.position))
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
    views.follow(book, views.place_of(book.store.url, str(path)), once=True)


def fleet(book: Any, path: Path, contracts: int, days: int) -> None:
    """One month of every contract: asked, and selected."""
    month = (START + timedelta(days=days // 2)).strftime("%Y-%m")
    asked = timed(lambda: [ask(book, "availability", contract=f"C{n}", month=month, position=book.position) for n in range(contracts)])
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT contract, td_percent FROM availability_now WHERE month = ?"
        assert len(connection.execute(query, (month,)).fetchall()) == contracts
        selected = statistics.median(timed(lambda: connection.execute(query, (month,)).fetchall()) for _ in range(20))
    said("fleet question: selected / asked of each contract", f"{asked / selected:,.0f} x", f"{selected * 1e3:.2f} ms here")


# --- memory ---

ENTRIES_EACH = 1000  # of a contract
DAYS_EACH = ENTRIES_EACH * 5 // 7  # seven entries in five days


def scaled(folder: Path, entries: int, minutes: float, processes: list[int]) -> None:
    """A ledger of its own, then a building by so many processes each."""
    path = folder / f"{entries}.db"
    if not path.exists():
        contracts = max(4, entries // ENTRIES_EACH)
        with recorded(folder / f"{entries}-one.db", 1, min(DAYS_EACH, entries // contracts)) as one:
            stored = [row for row in one.store.read(1, entries) if row.stream == "contract:C0"]
        fill_with(path, forms(stored), contracts, START)
    found = {jobs: _built_apart(path, jobs, minutes) for jobs in processes}
    for jobs, one in found.items():
        sys.stdout.write(
            f"| {one['position']:,} | {one['contracts']:,} | {jobs} | {one['done']:,} | {one['parent_mb']:.0f} | "
            f"{one['half_mb']:.0f} | {one['worker_mb']:.0f} | {one['views_mb']:.0f} | {one['rate'] / found[processes[0]]['rate']:.2f} |\n"
        )
        sys.stdout.flush()


def _built_apart(path: Path, jobs: int, minutes: float) -> dict[str, Any]:
    command = [sys.executable, __file__, "--build", str(path), "--jobs", str(jobs), "--minutes", str(minutes)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


class _TimeIsUp(Exception):
    """The building was long enough."""


def build_and_tell(path: Path, jobs: int, minutes: float) -> None:
    """Builds in this process and prints, as JSON, how far it came and the most memory it and each worker held."""
    with open_ledger(str(path), create=False, read_only=True) as book:
        found: dict[str, Any] = {"position": book.position, "contracts": len(book.contracts()), "done": 0, "worker_mb": 0.0}
    began = time.perf_counter()
    target = path.with_suffix(f".{jobs}.views.db")

    def progress(done: int, of: int) -> None:
        spent = time.perf_counter() - began
        workers = [peak_mb(child.pid) for child in multiprocessing.active_children() if child.pid]
        new = beside(target, ".new")
        found.update(
            done=done, rate=done / spent, parent_mb=peak_mb(), worker_mb=max([found["worker_mb"], *workers]),
            views_mb=new.stat().st_size / 1e6,
        )  # fmt: skip
        if done * 2 <= of:
            found["half_mb"] = found["parent_mb"]
        sys.stderr.write(f"\r{jobs} jobs: {done}/{of} contracts, {found['parent_mb']:.0f} MB, workers {found['worker_mb']:.0f} MB ")
        if spent > minutes * 60 and done < of:
            raise _TimeIsUp

    with suppress(_TimeIsUp):  # what is shown on the way goes to stderr
        views.build(str(path), views.place_of(str(path), str(target)), since=found["position"], jobs=jobs, progress=progress)
    sys.stderr.write("\n")
    sys.stdout.write(json.dumps({"half_mb": 0.0, **found}))


def peak_mb(pid: int | str = "self") -> float:
    """The most memory a process held, from what the kernel says of it (0 where it says nothing)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--contracts", type=int, default=20)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--scale", type=int, nargs="*", metavar="ENTRIES")
    parser.add_argument("--folder", type=Path, help="where ledgers of --scale lie, or are made and kept")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2], help="of --scale: the buildings to make")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build_and_tell(options.build, options.jobs, options.minutes)
        return
    if options.scale:
        sys.stdout.write("| entries | contracts | jobs | built | MB | MB half way | MB a worker | MB of views | rate / the first |\n")
        sys.stdout.write("|---:" * 9 + "|\n")
        with tempfile.TemporaryDirectory() as folder:
            for entries in options.scale:
                scaled(options.folder or Path(folder), entries, options.minutes, options.processes)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), 4 if options.quick else options.contracts, 60 if options.quick else options.days)


if __name__ == "__main__":
    main()
