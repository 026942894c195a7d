"""Answers kept in SQL tables beside the ledger: built whole and swapped in, then followed entry by entry.

Anybody with SQLite or Datasette asks them; `view_tables` says what they hold. The file carries the position it
was folded up to, in the `eventsourcing` library's own `tracking` table, written in the transaction that writes
the rows: whatever is killed, the next `follow` goes on exactly there. The library's `ProjectionRunner` is not
used, because it commits once an event; a batch here is whatever was committed meanwhile. The file keeps a
rollback journal, not a -wal, so that it is one file: a new one takes its place by rename, and whoever reads the
old one reads on in it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from ledger import __version__
from ledger.book import Ledger, open_ledger
from ledger.codec import decode_entry
from ledger.errors import Refused
from ledger.events import LedgerOpened
from ledger.headlock import beside, sync_directory, take
from ledger.spans import Instant, seconds
from ledger.zones import TZ_VERSION
from projections import view_file as file
from projections.view_fold import Clockwork, State, Version, fold

LOCK_TIMEOUT_SECONDS = 30.0  # how long a writer of the views waits for a reader or another
BATCH = 5_000  # positions a follower takes in one transaction, at most
CHUNK = 16  # contracts folded with one opening of the ledger: bounds the decoded entries kept
Progress = Callable[[int, int], None]  # contracts done, of how many
Folded = tuple[str, list[Version], State, list[str]]  # contract, versions ended, its state, the streams it is told by


def default_path(url: str) -> Path:
    """Where the views of a ledger in a file lie unless told otherwise."""
    if "://" in url and not url.startswith("sqlite:"):
        raise Refused("missing_parameter", f"{url}: say with --views in which file its views shall lie")
    return Path(f"{url.removeprefix('sqlite:///')}.views.db")


# --- building ---


def build(url: str, path: Path, *, since: int = 1, jobs: int = 1, progress: Progress | None = None) -> dict[str, Any]:
    """Builds the views of a ledger anew beside the old ones, swaps them in, and says what stands.

    They answer as of every position from `since` to the ledger's last. `jobs` processes share the contracts.
    Raises `Refused`: `locked` (another builds them), `bad_position`, `not_a_ledger` (another file lies there).
    """
    with open_ledger(url, create=False, read_only=True) as book, _builder(path) as new:
        last = book.position
        if not 1 <= since <= max(last, 1):
            raise Refused("bad_position", f"position {since} is not in the ledger; it holds 1 to {last}")
        with closing(_created(new)) as views:
            file.describe(views, _about(book, since))
            _fill(views, url, book, since, last, jobs, progress)
        _swap(book, new, path)
    return status(path, url)


def _fill(
    views: sqlite3.Connection, url: str, book: Ledger, since: int, last: int, jobs: int, progress: Progress | None
) -> None:
    contracts = book.contracts()
    size = min(CHUNK, max(1, len(contracts) // (4 * jobs)))
    chunks = [(url, contracts[n : n + size], since - 1, last) for n in range(0, len(contracts), size)]
    done = 0
    views.execute("BEGIN")
    with _workers(jobs) as mapped:
        for folded in mapped(_fold_chunk, chunks):
            for each in folded:
                file.save(views, *each, after=since - 1)
            done += len(folded)
            if progress is not None:
                progress(done, len(contracts))
    file.track(views, last, book.root_at(last) if last else "")
    views.execute("COMMIT")


@contextmanager
def _workers(jobs: int) -> Iterator[Callable[..., Any]]:
    """A `map` over processes, or over this one; results come as they are done."""
    if jobs < 2:
        yield map
        return
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield pool.imap_unordered


def _fold_chunk(chunk: tuple[str, Sequence[str], int, int]) -> list[Folded]:
    """Folds some contracts from their beginning; each process opens the ledger by itself."""
    url, contracts, after, upto = chunk
    with open_ledger(url, create=False, read_only=True) as book:
        clockwork = clockwork_of(book)
        return [_folded(book, contract, State(), after, upto, clockwork) for contract in contracts]


def _folded(book: Ledger, contract: str, state: State, after: int, upto: int, clockwork: Clockwork) -> Folded:
    streams = book.history(contract).streams
    return contract, fold(contract, streams, state, after, upto, clockwork), state, list(streams)


@contextmanager
def _builder(path: Path) -> Iterator[Path]:
    """The file to build in, and the lock that keeps others from it meanwhile; what a killed one left goes."""
    if path.exists():
        _connect(path).close()  # refused unless these are views
    lock = os.open(beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        take(lock, f"{path} is being built", 0)
        new = beside(path, ".new")
        for left in (new, beside(new, "-journal")):
            left.unlink(missing_ok=True)
        try:
            yield new
        finally:
            for left in (new, beside(new, "-journal")):
                left.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _swap(book: Ledger, new: Path, path: Path) -> None:
    """Puts the new file in the old one's place, as far on as that was, when nobody is writing to either."""
    with closing(_connect(new)) as views:
        while _batch(book, views):
            pass
        _sync(views)
    with _held(path) as folded_upto:
        with closing(_connect(new)) as views:
            while (file.position(views) or 0) < folded_upto and _batch(book, views):
                pass
        new.replace(path)
    sync_directory(path.parent)


# --- following ---


def follow(book: Ledger, path: Path, *, once: bool = False, folded: Callable[[int], None] | None = None) -> None:
    """Takes the views up to the ledger's last position, batch by batch, and (unless `once`) on as entries come.

    `folded` is told each position reached. Several may follow at once: each batch is one's alone. Where the file
    is replaced by a new building, the new one is followed. Raises `Refused`: `no_file`, `not_a_ledger`,
    `bad_parameter` (views of another ledger, or of another version of this software), `damaged_ledger` (the ledger
    does not hold the history they were folded from).
    """
    follower = _Follower(book, path)
    try:
        for position in chain(follower.catch_up(), () if once else _news(book, follower)):
            if folded is not None:
                folded(position)
    finally:
        follower.close()


def _news(book: Ledger, follower: _Follower) -> Iterator[int]:
    with book.store.subscribe(gt=follower.position) as subscription:
        for notification in subscription:
            if notification.id is not None and notification.id > follower.position:
                yield from follower.catch_up()


class _Follower:
    """The views' file, open, and opened again when another has taken its place."""

    def __init__(self, book: Ledger, path: Path) -> None:
        self._book = book
        self._path = path
        self._clockwork = clockwork_of(book)
        self._views: sqlite3.Connection | None = None
        self._identity: tuple[int, int] = (0, 0)
        self.position = 0

    def catch_up(self) -> Iterator[int]:
        """Folds what is new in batches; the position after each."""
        while True:
            found = _batch(self._book, self._open(), self._clockwork, self._is_there)
            if found is None:  # replaced
                self.close()
                continue
            if found:
                self.position = found
                yield found
            else:
                self.position = file.position(self._open()) or 0
                return

    def close(self) -> None:
        if self._views is not None:
            self._views.close()
        self._views = None

    def _open(self) -> sqlite3.Connection:
        if self._views is None or not self._is_there():
            self.close()
            self._identity = _identity(self._path)
            self._views = _connect(self._path)
            _check(self._book, self._views, self._path)
        return self._views

    def _is_there(self) -> bool:
        return _identity(self._path) == self._identity


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _batch(
    book: Ledger,
    views: sqlite3.Connection,
    clockwork: Clockwork | None = None,
    is_there: Callable[[], bool] = lambda: True,
) -> int | None:
    """Folds one batch in one transaction; the position after it, 0 if there was none, None if the file is gone."""
    last = book.position
    if (file.position(views) or 0) >= last and is_there():
        return 0
    clockwork = clockwork or clockwork_of(book)
    with _writing(views):
        if not is_there():
            return None
        after = file.position(views) or 0  # another follower may have been here
        upto = min(last, after + BATCH)
        if after >= upto:
            return 0
        for contract in _touched(book, views, after, upto, clockwork):
            state = file.load(views, contract)
            begin = after if state.units else max(after, file.since(views) - 1)
            file.save(views, *_folded(book, contract, state, begin, upto, clockwork), after=after)
        file.track(views, upto, book.root_at(upto))
    return upto


def _touched(book: Ledger, views: sqlite3.Connection, after: int, upto: int, clockwork: Clockwork) -> list[str]:
    """The contracts that the entries after a position, or the time passed by them, may concern."""
    streams: set[str] = set()
    start = after + 1
    while start <= upto:
        page = book.store.read(start, 1000, upto)
        streams.update(row.stream for row in page)
        start += len(page)
    named = dict.fromkeys(
        stream.removeprefix("contract:") for stream in sorted(streams) if stream.startswith("contract:")
    )
    if "ledger" in streams:
        named.update(dict.fromkeys(book.contracts()))
    return list({**named, **dict.fromkeys(file.concerned(views, streams, clockwork.second(upto)))})


def clockwork_of(book: Ledger) -> Clockwork:
    """When each position was recorded, asked of the ledger once."""
    known: dict[int, Instant] = {}

    def second(position: int) -> Instant:
        found = known.get(position)
        if found is None:
            if len(known) > 200_000:
                known.clear()
            row = book.store.read_at(position)
            assert row is not None, position
            found = known[position] = seconds(decode_entry(row.state).recorded_at)
        return found

    def reached(instant: Instant, after: int, upto: int) -> int:
        low, step = after, 1  # not reached at `low`: galloping, since it is often near
        while low < upto and second(min(low + step, upto)) < instant:
            low, step = min(low + step, upto), step * 2
        if low >= upto:
            return upto + 1
        high = min(low + step, upto)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if second(middle) < instant else (low, middle)
        return high

    return Clockwork(second, reached)


# --- the file ---


def _created(path: Path) -> sqlite3.Connection:
    """A new file with empty tables; nobody reads it before it is synced and put in its place."""
    connection = _opened(path, "rwc")
    connection.execute("PRAGMA synchronous = OFF")
    file.make(connection)
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to views that are there. Raises `Refused` where there are none, or something else."""
    if not path.exists():
        raise Refused("no_file", f"{path}: there are no views; make them with `service-ledger views build`")
    try:
        connection = _opened(path, "rw")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise Refused("not_a_ledger", f"{path}: these are no views ({error}); it was left as it is") from error
    if application != file.APPLICATION_ID or version != file.VERSION:
        connection.close()
        raise Refused("not_a_ledger", f"{path}: these are no views this software knows; it was left as it is")
    return connection


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None
    )


@contextmanager
def _writing(views: sqlite3.Connection) -> Iterator[None]:
    """One transaction, under the write lock from its beginning. Raises `Refused("locked")`, `("store_failed")`."""
    try:
        views.execute("BEGIN IMMEDIATE")
        try:
            yield
            views.execute("COMMIT")
        finally:
            if views.in_transaction:
                views.execute("ROLLBACK")
    except sqlite3.Error as error:
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        raise Refused("locked" if busy else "store_failed", f"the views cannot be written: {error}") from error


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """Keeps writers off the views at a path, if any; the position these had come to. A reader is not disturbed."""
    if not path.exists():
        yield 0
        return
    with closing(_connect(path)) as old, _writing(old):
        yield file.position(old) or 0


def _sync(views: sqlite3.Connection) -> None:
    """Puts on disk what was written without waiting for it."""
    (_, _, name) = views.execute("PRAGMA database_list").fetchone()
    descriptor = os.open(name, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- what stands ---


def status(path: Path, url: str | None = None) -> dict[str, Any]:
    """What the views hold, up to which position, and how far the ledger has gone on since."""
    with closing(_connect(path)) as views:
        found: dict[str, Any] = {"views": str(path), **file.about(views), "position": file.position(views)}
        found["rows"] = file.counts(views)
        if url is not None:
            with open_ledger(url, create=False, read_only=True) as book:
                _check(book, views, path)
                found["behind"] = book.position - (found["position"] or 0)
    return found


def _about(book: Ledger, since: int) -> dict[str, str]:
    opened = next((entry.event for _, entry in book.entries(1, 1)), None)
    identity = opened.ledger if isinstance(opened, LedgerOpened) else ""
    return {"ledger": identity, "software": __version__, "tz": TZ_VERSION, "known_from_position": str(since)}


def _check(book: Ledger, views: sqlite3.Connection, path: Path) -> None:
    """Raises `Refused` unless the views were folded from this ledger's history, by this software."""
    said, now = file.about(views), _about(book, 1)
    if said["ledger"] not in ("", now["ledger"]):
        raise Refused("bad_parameter", f"{path}: these are the views of another ledger")
    for part in ("software", "tz"):
        if said[part] != now[part]:
            raise Refused("bad_parameter", f"{path}: built with {part} {said[part]}, this is {now[part]}: build anew")
    position = file.position(views) or 0
    if position > book.position or (position and said["root"] != book.root_at(position)):
        raise Refused("damaged_ledger", f"{path}: the ledger does not hold the history these views know to {position}")
