"""Reading the log from end to end, a page fetched while the one before it is decoded and folded; or one stream of it.

A page comes from the store as one value, its entries a line each, so that the engine puts it together without
Python's lock: on another core, or on the server. Canonical JSON has no line ends of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from ledger.codec import Entry, decode_entries, decode_lines
from ledger.store import Lines, Store
from ledger.worker import Worker, aside

FIRST = 1024  # entries of the first page
APART = 512  # entries of a stream that take longer to fetch than a thread to begin
LONGEST = 2048  # and of any; fewer where entries are long
PAGE_BYTES = 4 * 1024 * 1024
DECODED = 64  # entries decoded at once: few enough to stay in the processor's own memory until they are folded


def read_log(store: Store, start: int, stop: int | None) -> Iterator[tuple[int, Entry]]:
    """Every entry from position `start` to `stop`, both included, with two pages in memory at most.

    Raises what `Store.lines` raises, and `Refused("damaged_ledger")` where bytes are no entry.
    """
    limit = FIRST
    page = store.lines(start, limit, stop)
    if len(page.positions) < limit:
        for some in _decoded(store, page):
            yield from some
        return
    with closing(Worker("ledger-read")) as worker:
        while number := len(page.positions):
            full, limit = number == limit, _next(page)
            ahead = worker.begin(store.lines, page.positions[-1] + 1, limit, stop) if full else None
            for some in _decoded(store, page):
                yield from some
            if ahead is None:
                return
            page = ahead()


def _next(page: Lines) -> int:
    """How many entries to ask for after these: of the same length they would fill a page."""
    return max(1, min(LONGEST, PAGE_BYTES * len(page.positions) // max(len(page.lines), 1)))


def _decoded(store: Store, page: Lines) -> Iterator[Iterator[tuple[int, Entry]]]:
    """The entries of a page, some at a time."""
    positions, lines = page
    if not _are_lines(page):
        for some in store.pages(positions[0], len(positions), positions[-1]) if positions else ():
            yield zip([position for position, _ in some], decode_entries([s for _, s in some]), strict=True)
        return
    step, begin, end, first = len(lines) * DECODED // len(positions), 0, 0, positions[0]
    while end < len(lines):
        end = lines.find(b"\n", begin + step)
        end = len(lines) if end < 0 else end
        entries = decode_lines(lines[begin:end])
        yield zip(range(first, first + len(entries)), entries, strict=True)
        first += len(entries)
        begin = end + 1


def _are_lines(page: Lines) -> bool:
    """Whether each line is an entry: somebody's bytes may be empty, or have line ends of their own."""
    return page.lines != b"" and page.lines.count(b"\n") == len(page.positions) - 1


def read_stream(store: Store, stream: str, after_version: int) -> list[tuple[int, Entry]]:
    """Every entry of a stream after a version, in order. Raises as `read_log` does."""
    found: list[tuple[int, Entry]] = []
    for page in _stream_pages(store, stream, after_version):
        if _are_lines(page):
            entries = decode_lines(page.lines)
        else:
            rows = store.read_stream(stream, after_version + len(found), limit=len(page.positions))
            entries = decode_entries([row.state for row in rows])
        found += zip(page.positions, entries, strict=True)
    return found


def _stream_pages(store: Store, stream: str, after: int) -> Iterator[Lines]:
    """The entries of a stream after a version, some at a time."""
    if store.reads_apart:
        yield from _pages_apart(store, stream, after, store.last_version(stream))
        return
    limit = FIRST
    while True:
        page = store.stream_lines(stream, after, limit)
        yield page
        if len(page.positions) < limit:
            return
        after += limit
        limit = _next(page)


def _pages_apart(store: Store, stream: str, after: int, last: int) -> Iterator[Lines]:
    """Likewise up to version `last`: each page but the first is fetched beside. Each entry of a stream lies in a page
    of its own of the ledger's file, so that fetching many takes as long as all else."""
    count = last - after
    if count < APART:
        if count > 0:
            yield store.stream_lines(stream, after, count)
        return
    first = max(1, min(FIRST, count * 7 // 20))  # fetched and decoded here while the other thread is at the second;
    second = min(FIRST, (count - first) * 7 // 10 + 1)  # the third is shorter, as it may be waited for
    ahead: Callable[[], Lines] | None = aside("ledger-read", store.stream_lines, stream, after + first, second)
    page = store.stream_lines(stream, after, first)
    after += first
    while page.positions:
        yield page
        if ahead is None:
            return
        page = ahead()
        after += len(page.positions)
        ahead = aside("ledger-read", store.stream_lines, stream, after, _next(page)) if after < last else None
