"""How a ledger's costs grow with its entries and its contracts: each figure is bytes, or a ratio within this run.

Run `python tests/benchmarks/bench_scale.py` (100 thousand and a million entries), `--entries 100000 1000000 10000000`
(12 GB of disk while it runs), or `--quick`. Every size is measured with 1,000 and with 100 entries a contract, up to
10,000 contracts. The ledgers are filled straight through the store with what `record` writes. The smallest of a kind
is the base: appends, questions and receipts are put to it and to the larger one in turns, so that a machine that
slows down slows both, and what stays near 1.00 does not grow. Verify and export are processor time and the highest
memory of a process of their own.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from bench_core import START, Clock, _day

from ledger import heads, open_ledger, tree
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.codec import decode_entry
from ledger.notes import signer_from_seed
from ledger.store import NewRow, Row
from projections import ask

FILLED_AT_ONCE = 250_000
SAMPLE = 5 if "--quick" in sys.argv else 50  # contracts asked about, and receipts made, spread over all
LOT, LOTS, WRITTEN_TO = 5_000, 7, 10  # entries a batch, batches, and the contracts they go to
RECORDED = START + timedelta(days=3650)
WRITTEN = START + timedelta(days=9000)
MONTH = {"first": "2021-01-01", "last": "2021-01-31"}
KEY = signer_from_seed("bench/scale", b"k" * 32)
ALONE = r"""
import json, re, time
from pathlib import Path
began = time.process_time()
{}
peak = re.search(r"VmHWM:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
print(json.dumps([time.process_time() - began, int(peak[1]) / 1024]))
"""
VERIFY = """
from replays.verify import verify
assert verify({path!r}).holds
"""
EXPORT = """
from ledger import open_ledger
from replays.export import Wanted, export_bundle
with open_ledger({path!r}, create=False, read_only=True) as book:
    export_bundle(book, Wanted(contract={name!r}, first="2021-01", last="2021-01", known_at=None), Path({out!r}))
"""


class Measured(NamedTuple):
    """One ledger's figures; those beside the base's are ratios already, seconds are only divided by one another."""

    entries: int
    contracts: int
    state_bytes: float  # an entry's canonical bytes
    file_bytes: float  # the file, for each entry
    append: float  # a batch recorded / the same into the base
    first: float  # availability of a month as known at an instant, of a contract nothing was read of / the same of the base
    cold: float  # the same again, nothing kept, its pages in the machine's memory
    receipt: float
    fleet: float  # one contract's breaches of a month / the same of the base
    asked: float  # all contracts' breaches of a month / one as-of question: from a sample
    verified: float  # seconds an entry
    verify_mib: float
    exported: float  # seconds
    export_mib: float
    bundle_bytes: float  # for each entry of the whole ledger: its tree's hashes are in every bundle


# --- filling ---


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


class Form(NamedTuple):
    """What `record` writes of one event: its topic and bytes, with places for what differs, and when."""

    topic: str
    state: bytes
    recorded_at: datetime


def written(folder: Path, count: int) -> list[Form]:
    """One contract's first events, all recorded at once and taken apart by minutes."""
    clock = Clock()
    clock.now = RECORDED
    path = folder / "one.db"
    with open_ledger(str(path), clock=clock) as book:
        opened = book.open()
        book.record(list(islice(told(1), count)))
        found = forms(book.store.read(opened + 1, count))
    path.unlink()
    return [form._replace(recorded_at=RECORDED + timedelta(minutes=n)) for n, form in enumerate(found, 1)]


def forms(stored: Sequence[Row]) -> list[Form]:
    """The entries of a contract C0, to be written of others."""
    return [Form(row.topic, _with_places(row.state), decode_entry(row.state).recorded_at) for row in stored]


def _with_places(state: bytes) -> bytes:
    salt = json.loads(state)["salt"].encode()
    found = state.replace(b"%", b"%%").replace(b'"C0"', b'"%(contract)b"').replace(b'"contract:C0"', b'"%(stream)b"')
    found = found.replace(salt, b"%(salt)b").replace(b'"id":"c0"', b'"id":"c%(number)b"')
    return found.replace(json.loads(state)["recorded_at"].encode(), b"%(at)b")


def rows(made: Sequence[Form], contracts: int) -> Iterator[NewRow]:
    """Version by version over all contracts, as they come in life."""
    chance = random.Random(len(made) * contracts)
    for version, (topic, state, recorded_at) in enumerate(made, 1):
        at = recorded_at.isoformat().replace("+00:00", "Z").encode()
        for c in range(contracts):
            name = f"C{c}"
            salt = f"{chance.getrandbits(128):032x}".encode()
            places = {b"contract": name.encode(), b"stream": f"contract:{name}".encode(), b"salt": salt,
                      b"number": str(c).encode(), b"at": at}  # fmt: skip
            yield NewRow(f"contract:{name}", version, topic, state % places)


def fill(folder: Path, entries: int, contracts: int) -> Path:
    """The ledger of so many entries; one that lies there is filled on from its last."""
    path = folder / f"{entries}-{contracts}.db"
    fill_with(path, written(folder, entries // contracts), contracts, RECORDED)
    return path


def fill_with(path: Path, made: Sequence[Form], contracts: int, opened_at: datetime) -> None:
    """Writes these entries of each of the contracts straight into the store."""
    clock = Clock()
    clock.now = opened_at
    with open_ledger(str(path), clock=clock) as book:
        opened = book.open() if book.position == 0 else next(n for n, e in book.entries() if e.stream != "ledger") - 1
        found = islice(rows(made, contracts), book.position - opened, None)
        while batch := list(islice(found, FILLED_AT_ONCE)):
            with book.store.write() as transaction:
                transaction._connection.execute("PRAGMA cache_size = -400000")  # each contract's page of the index
                at = transaction.insert(batch)
                tree.extend(transaction, at, [row.state for row in batch])


# --- measuring ---


def timed(action: Callable[[], Any]) -> float:
    gc.collect()
    began = time.process_time()
    action()
    return time.process_time() - began


def in_turns(actions: Sequence[tuple[Callable[[], Any], Callable[[], Any]]]) -> tuple[float, float]:
    """The medians of what is done to this ledger, and of the same done to the base, one after the other."""
    pairs = [(timed(mine), timed(base)) for mine, base in actions]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def forgetting(book: Any, question: str, name: str, **params: Any) -> Callable[[], Any]:
    def asked() -> None:
        book._kept.clear()
        book._positions.clear()
        book._roots.clear()
        ask(book, question, contract=name, **params)

    return asked


def spread(count: int, of: int) -> list[int]:
    return [n * of // count for n in range(count)]


def asking(book: Any, base: Any, contracts: int, of_base: int, known: datetime) -> tuple[float, float, float, float]:
    """An as-of question, at first and again, and a fleet question beside the base's; the fleet's whole in as-of ones."""
    pairs = [(f"C{c}", f"C{b}") for c, b in zip(spread(SAMPLE, contracts), spread(SAMPLE, of_base), strict=True)]
    as_of = {"month": "2021-01", "known_at": known}
    for name, ledger in ((pairs[0][0], book), (pairs[0][1], base)):
        forgetting(ledger, "availability", name, **as_of)()
    questions = [(forgetting(book, "availability", c, **as_of), forgetting(base, "availability", b, **as_of))
                 for c, b in pairs]  # fmt: skip
    first, its_first = in_turns(questions)
    mine, its = in_turns(questions)
    fleet, its_fleet = in_turns([(forgetting(book, "breaches", c, **MONTH), forgetting(base, "breaches", b, **MONTH))
                                 for c, b in pairs])  # fmt: skip
    return first / its_first, mine / its, fleet / its_fleet, contracts * fleet / mine


def receipts(book: Any, base: Any) -> float:
    made = []
    for ledger in (book, base):
        size = ledger.position
        head = sign_checkpoint(Checkpoint(KEY.name, size, tree.root_at(ledger.store, size)), KEY)
        made.append([lambda s=ledger.store, p=1 + at, h=head: heads.receipt(s, p, h) for at in spread(SAMPLE, size)])
    mine, its = in_turns(list(zip(*made, strict=True)))
    return mine / its


def appending(path: Path, base: Path) -> float:
    """Batches recorded in turns, checks, idempotency, tree and commit included; the first, which loads streams, is
    not counted. Both ledgers are left longer: a copy of the base is used."""
    peer = base.with_suffix(".peer")
    shutil.copy(base, peer)
    clock = Clock()
    clock.now = WRITTEN
    with open_ledger(str(path), clock=clock) as book, open_ledger(str(peer), clock=clock) as other:
        lots = list(_lots())
        mine, its = in_turns([(lambda lot=lot: book.record(lot), lambda lot=lot: other.record(lot)) for lot in lots][1:])
    peer.unlink()
    return mine / its


def _lots() -> Iterator[list[dict[str, Any]]]:
    envelope = {"specversion": "1.0", "source": "bench"}
    events = (event for day in range(1_000, 10**6) for c in range(WRITTEN_TO)
              for event in _day(envelope, f"contract:C{c}", day))  # fmt: skip
    for _ in range(LOTS):
        yield list(islice(events, LOT))


def alone(code: str) -> tuple[float, float]:
    """Processor seconds and the highest memory, in MiB, of Python code in a process of its own."""
    ran = subprocess.run([sys.executable, "-c", ALONE.format(code)], stdout=subprocess.PIPE, check=True,
                         cwd=Path(__file__).parents[2])  # fmt: skip
    seconds, peak = json.loads(ran.stdout)
    return seconds, peak


def measure(folder: Path, entries: int, contracts: int, base: tuple[Path, int] | None) -> Measured:
    path = fill(folder, entries, contracts)
    per = entries // contracts
    known = RECORDED + timedelta(minutes=per * 0.9)  # nearly all of it: a real as-of
    beside, of_base = base or (path, contracts)
    with ExitStack() as stack:
        book, peer = (stack.enter_context(open_ledger(str(p), create=False, read_only=True)) for p in (path, beside))
        count = book.position
        states = [len(row.state) for at in spread(SAMPLE, count) for row in book.store.read(at + 100, 10)]
        first, cold, fleet, asked = asking(book, peer, contracts, of_base, known)
        receipt = receipts(book, peer)
    size = path.stat().st_size
    out = folder / "bundle.zip"
    exported, export_mib = alone(EXPORT.format(path=str(path), name=f"C{contracts - 1}", out=str(out)))
    verified, verify_mib = alone(VERIFY.format(path=str(path)))
    append = appending(path, beside) if base else 1.0
    return Measured(
        entries, contracts, statistics.mean(states), size / count, append, first, cold, receipt, fleet, asked,
        verified / count, verify_mib, exported, export_mib, out.stat().st_size / count,
    )  # fmt: skip


COLUMNS: tuple[tuple[str, Callable[[Measured, Measured], str]], ...] = (
    # heading, what is shown of a row and its base
    ("entries", lambda m, b: f"{m.entries:,}"),
    ("contracts", lambda m, b: f"{m.contracts:,}"),
    ("bytes an entry", lambda m, b: f"{m.state_bytes:.0f}"),
    ("file bytes an entry", lambda m, b: f"{m.file_bytes:.0f}"),
    ("append a batch", lambda m, b: f"{m.append:.2f}"),
    ("as-of question", lambda m, b: f"{m.cold:.2f}"),
    ("at first touch", lambda m, b: f"{m.first:.2f}"),
    ("receipt", lambda m, b: f"{m.receipt:.2f}"),
    ("fleet, a contract", lambda m, b: f"{m.fleet:.2f}"),
    ("fleet, all / as-of", lambda m, b: f"{m.asked:,.0f}"),
    ("verify an entry", lambda m, b: f"{m.verified / b.verified:.2f}"),
    ("verify MiB", lambda m, b: f"{m.verify_mib:.0f}"),
    ("export", lambda m, b: f"{m.exported / b.exported:.1f}"),
    ("export MiB", lambda m, b: f"{m.export_mib:.0f}"),
    ("bundle bytes an entry", lambda m, b: f"{m.bundle_bytes:.1f}"),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--quick", action="store_true", help="20,000 and 40,000 entries")
    parser.add_argument("--folder", type=Path, help="keep the ledgers there, and take those that are there")
    options = parser.parse_args()
    bases: dict[int, tuple[Path, int]] = {}
    first: dict[int, Measured] = {}
    folder = options.folder or Path(tempfile.mkdtemp(prefix="scale-"))
    sys.stdout.write("| " + " | ".join(heading for heading, _ in COLUMNS) + " |\n" + "|---:" * len(COLUMNS) + "|\n")
    try:
        for entries in [20_000, 40_000] if options.quick else options.entries:
            for each in (1000, 100):
                if entries // each > 10_000:
                    continue
                found = measure(folder, entries, entries // each, bases.get(each))
                bases.setdefault(each, (folder / f"{entries}-{entries // each}.db", entries // each))
                base = first.setdefault(each, found)
                sys.stdout.write("| " + " | ".join(shown(found, base) for _, shown in COLUMNS) + " |\n")
                (folder / "bundle.zip").unlink()
                sys.stdout.flush()
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
