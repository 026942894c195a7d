"""Reading the log from end to end: a page is fetched while the one before it is decoded and folded.

A page comes from the store as one value, its entries a line each, so that the engine puts it together without
Python's lock: on another core, or on the server. Canonical JSON has no line ends of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ledger.codec import Entry, decode_entries, decode_lines
from ledger.store import Lines, Store

if TYPE_CHECKING:
    from concurrent.futures import Future

FIRST = 1024  # entries of the first page
LONGEST = 8192  # and of any; fewer where entries are long
PAGE_BYTES = 4 * 1024 * 1024
DECODED = 64  # entries decoded at once: few enough to stay in the processor's own memory until they are folded


def read_log(store: Store, start: int, stop: int | None) -> Iterator[tuple[int, Entry]]:
    """Every entry from position `start` to `stop`, both included, with two pages in memory at most.

    Raises what `Store.lines` raises, and `Refused("damaged_ledger")` where bytes are no entry.
    """
    limit = FIRST
    page = store.lines(start, limit, stop)
    if page.number < limit:
        for some in _decoded(store, page):
            yield from some
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # late: most ledgers have one page, or are not read whole

    with ThreadPoolExecutor(1, "ledger-read") as thread:
        while page.number:
            ahead: Future[Lines] | None = None
            if page.number == limit:
                limit = max(1, min(LONGEST, PAGE_BYTES * page.number // max(len(page.lines), 1)))
                begun: Future[None] = Future()
                ahead = thread.submit(_fetch, store, page.first + page.number, limit, stop, begun)
                begun.result()  # or the thread would wait for Python's lock until this page is done
            for some in _decoded(store, page):
                yield from some
            if ahead is None:
                return
            page = ahead.result()


def _fetch(store: Store, start: int, limit: int, stop: int | None, begun: Future[None]) -> Lines:
    begun.set_result(None)
    return store.lines(start, limit, stop)


def _decoded(store: Store, page: Lines) -> Iterator[Iterator[tuple[int, Entry]]]:
    """The entries of a page, some at a time."""
    first, number, lines = page
    if number == 0:
        return
    if not lines or lines.count(b"\n") != number - 1:  # somebody's bytes are empty, or have line ends of their own
        for some in store.pages(first, number, first + number - 1):
            yield zip([position for position, _ in some], decode_entries([s for _, s in some]), strict=True)
        return
    step, begin, end = len(lines) * DECODED // number, 0, 0
    while end < len(lines):
        end = lines.find(b"\n", begin + step)
        end = len(lines) if end < 0 else end
        entries = decode_lines(lines[begin:end])
        yield zip(range(first, first + len(entries)), entries, strict=True)
        first += len(entries)
        begin = end + 1
