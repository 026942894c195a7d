"""Kill -9 in the middle of appends: what was acknowledged is there, batches are whole or absent, and the ledger goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.sqlite_schema import BESIDE
from replays.verify import verify
from tests.conftest import Clock
from tests.story import CONTRACT

ROOT = Path(__file__).parents[1]
BATCH = 7
CHILD = """
import json, sys
from ledger import open_ledger

def outage(n):
    data = {"outage": f"O{n}", "environment": "production", "effect": "no_access", "at": "2026-01-05T10:00:00Z"}
    return {"specversion": "1.0", "id": f"o{n}", "source": "child", "type": "outage_started",
            "subject": "contract:C1", "data": data}

first = int(sys.argv[2])
with open_ledger(sys.argv[1], create=False) as book:
    for start in range(first, first + 10**6, int(sys.argv[3])):
        for receipt in book.record([outage(n) for n in range(start, start + int(sys.argv[3]))]):
            sys.stdout.write(json.dumps([receipt.position, receipt.version]) + "\\n")
        sys.stdout.write("acknowledged\\n")
        sys.stdout.flush()
"""


def started(path: Path) -> None:
    with open_ledger(str(path), clock=Clock("2026-01-01T00:00:00Z")) as book:
        book.record([{"specversion": "1.0", "id": "c1", "source": "t", "type": "contract_started",
                      "subject": "contract:C1", "data": CONTRACT}])  # fmt: skip


def killed(path: Path, first: int, after: float, many: int = BATCH) -> list[list[int]]:
    """Let a child record batches, kill it after a while, and return the receipts it acknowledged."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(first), str(many)],
                             stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert child.stdout is not None
    told = [child.stdout.readline()]  # it is under way
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    receipts: list[list[int]] = []
    batch: list[list[int]] = []
    for line in told:
        if line == "acknowledged\n":
            receipts += batch
            batch = []
        elif line.endswith("]\n"):
            batch.append(json.loads(line))
    return receipts


def check_after(path: Path, receipts: list[list[int]], many: int = BATCH) -> int:
    """Every acknowledged receipt stands where it said; whole batches only; the bytes prove themselves."""
    with open_ledger(str(path), create=False) as book:
        entries: dict[int, Any] = dict(book.entries())
        assert sorted(entries) == list(range(1, book.position + 1))
        for position, version in receipts:
            assert (entries[position].stream, entries[position].version) == ("contract:C1", version)
        outages = len(entries) - 4
        assert outages % many == 0
        assert outages >= len(receipts)
    found = verify(str(path))
    assert found.holds, [str(check) for check in found.checks if check.state == "FAILED"]
    return outages


def test_a_killed_writer_loses_nothing_it_acknowledged_and_leaves_no_half_batch(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    started(path)
    done = 0
    for after in (0.15, 0.31, 0.05):
        receipts = killed(path, done, after)
        assert receipts
        done = check_after(path, receipts)


def test_a_writer_killed_while_rows_go_in_beside_it_leaves_whole_batches(tmp_path: Path) -> None:
    path, many = tmp_path / "book.db", 5 * BESIDE
    started(path)
    done = 0
    for after in (0.01, 0.04, 0.08, 0.12):  # a batch takes about as long as the last
        done = check_after(path, killed(path, done, after, many), many)
    assert done >= 4 * many


@pytest.mark.soak
def test_thirty_kills_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    started(path)
    done = 0
    for round_ in range(30):
        done = check_after(path, killed(path, done, 0.01 + 0.013 * (round_ % 11)))
