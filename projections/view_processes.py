"""Work shared by several processes: given out in pieces, taken back as it is done, and none outlives who asked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from ledger.errors import Refused

Piece = TypeVar("Piece")
Done = TypeVar("Done")
AHEAD = 2  # pieces each process may be ahead of who takes them back: bounds what waits


def shared(work: Callable[[Piece], Done], pieces: Iterator[Piece], jobs: int) -> Iterator[Done]:
    """What `work` makes of the pieces, by this process or by `jobs` others, in whatever order they are done.

    Raises `Refused("store_failed")` when one of the processes was killed.
    """
    if jobs < 2:
        yield from map(work, pieces)
        return
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        under_way = {pool.submit(work, piece) for piece in islice(pieces, AHEAD * jobs)}
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            under_way |= {pool.submit(work, piece) for piece in islice(pieces, len(done))}
            yield from (each.result() for each in done)
    except BrokenProcessPool as error:
        raise Refused("store_failed", "a process that folded contracts was killed; the old views stand") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """In a process that works: were the one that gives it work killed, it would wait for more for ever."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
