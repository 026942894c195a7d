"""A ledger opened twice in one process keeps SQLite's locks, so that no other process takes its log away."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.sqlite_header import OpenFile, head_of
from replays.verify import verify
from tests.test_tree import OPENING, outages

ANOTHER = """
import sys
from ledger import open_ledger
from tests.test_tree import outages
book = open_ledger(sys.argv[1])
if len(sys.argv) > 2:
    print(book.record(outages(int(sys.argv[2]), 1))[0].position)
book.close()
"""


def another(path: Path, *event: int) -> str:
    """What another process says that opens the ledger, records one event if told to, and closes it."""
    told = [sys.executable, "-c", ANOTHER, str(path), *map(str, event)]
    done = subprocess.run(told, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=True)
    return done.stdout.strip()


def opened_again(path: Path) -> None:
    open_ledger(str(path), read_only=True).close()


def verified(path: Path) -> None:
    assert verify(str(path)).holds


@pytest.mark.parametrize("meanwhile", [opened_again, verified, lambda path: head_of(path, 100)])
def test_what_is_acknowledged_is_kept_when_the_file_is_opened_twice_in_one_process_and_closed_by_another(
    tmp_path: Path, meanwhile: Any
) -> None:
    path = tmp_path / "book.db"
    with open_ledger(str(path)) as book:
        book.record([OPENING, *outages(0, 2)])
        meanwhile(path)
        another(path)
        assert path.with_name("book.db-wal").exists(), "another process was not the last one"
        first = book.record(outages(2, 1))[0].position
        assert another(path, 3) == str(first + 1)
        assert [r.position for r in book.record(outages(4, 1))] == [first + 2]
    with open_ledger(str(path)) as book:
        assert [entry.id for _, entry in book.entries(first)] == ["o2", "o3", "o4"]


def test_a_reader_sees_what_another_process_appends_after_the_file_was_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    with open_ledger(str(path)) as book:
        book.record([OPENING])
    with open_ledger(str(path), read_only=True) as reader:
        position = reader.position
        opened_again(path)
        another(path)
        for n in range(3):
            assert another(path, n) == str(position + n + 1)
            assert reader.position == position + n + 1


def test_a_descriptor_is_kept_while_a_store_has_the_file_open_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    stores = [open_ledger(str(path)) for _ in range(5)]
    stores[0].record([OPENING])
    (held,) = [file for place, file in OpenFile._all.items() if place[1] == path.stat().st_ino]
    assert len(held._descriptors) == 1
    for book in stores:
        book.close()
        book.close()
    assert held not in OpenFile._all.values()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_is_no_ledger_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"something else" * 100)
    for _ in range(3):
        with pytest.raises(Exception, match="not_a_ledger"):
            open_ledger(str(path))
    assert path.stat().st_ino not in {place[1] for place in OpenFile._all}
