"""Answers kept in SQL tables beside the ledger: built whole and swapped in, then followed entry by entry.

Anybody with SQL asks them; `view_tables` says what they hold, `view_store` how they are kept, `view_file` and
`view_schema` where. They carry the position they were folded up to, in the `eventsourcing` library's own tracking
table, written in the transaction that writes the rows: whatever is killed, the next `follow` goes on exactly there.
The library's `ProjectionRunner` is not used, because it commits once an event; a batch here is whatever was committed
meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from ledger import __version__
from ledger.book import Ledger, open_ledger
from ledger.codec import decode_entry
from ledger.errors import Refused
from ledger.events import LedgerOpened
from ledger.spans import Instant, seconds
from ledger.store import shown
from ledger.zones import TZ_VERSION
from projections.view_fold import Clockwork, State, Version, fold
from projections.view_processes import shared
from projections.view_store import Building, Place, Tables

BATCH = 5_000  # positions a follower takes in one transaction, at most
CHUNK = 16  # contracts folded with one opening of the ledger: bounds the decoded entries kept
Progress = Callable[[int, int], None]  # contracts done, of how many
Folded = tuple[str, list[Version], State, list[str]]  # contract, versions ended, its state, the streams it is told by
Chunk = tuple[str, Sequence[str], int, int]  # the ledger, contracts, after position, up to position


def place_of(url: str, views: str | None = None) -> Place:
    """Where the views of a ledger stand: in the file or database `views` names, else beside the ledger.

    Beside a file that is a file of its name and `.views.db`; beside a schema of PostgreSQL, one of its name and
    `_views`. Raises `Refused`: `missing_extra`, `no_file` (no place for views).
    """
    where = views or url
    if _is_postgres(where):
        return _schema_place(url, views)
    scheme, separator, rest = where.partition("://")
    if separator and scheme != "sqlite":
        raise Refused("no_file", f"{shown(where)}: views are a file, sqlite:///path or postgresql://...")
    path = rest.removeprefix("/") if separator else where
    from projections.view_file import FilePlace

    return FilePlace(Path(path if views else f"{path}.views.db"))


def _schema_place(url: str, views: str | None) -> Place:
    try:
        from ledger.postgres_store import DEFAULT_SCHEMA, LedgerServer
        from projections.view_schema import SchemaPlace
    except ImportError as error:
        raise Refused(
            "missing_extra", f"{views or url}: PostgreSQL needs the extra `service-ledger[postgres]` ({error})"
        ) from error
    if views and re.search(r"[?&]schema=[^&]", views):
        return SchemaPlace(views, LedgerServer(views, True, 1).schema)
    ledger = LedgerServer(url, True, 1).schema if _is_postgres(url) else DEFAULT_SCHEMA
    return SchemaPlace(views or url, f"{ledger}_views")


def _is_postgres(url: str) -> bool:
    return url.startswith(("postgresql://", "postgres://"))


# --- building ---


def build(url: str, place: Place, *, since: int = 1, jobs: int = 1, progress: Progress | None = None) -> dict[str, Any]:
    """Builds the views of a ledger anew beside the old ones, swaps them in, and says what stands.

    They answer as of every position from `since` to the ledger's last. `jobs` processes share the contracts.
    Raises `Refused`: `locked` (another builds them), `bad_position`, `not_a_ledger` (something else lies there),
    `bad_parameter` (the views of another ledger do).
    """
    with open_ledger(url, create=False, read_only=True) as book:
        last = book.position
        if not 1 <= since <= max(last, 1):
            raise Refused("bad_position", f"position {since} is not in the ledger; it holds 1 to {last}")
        with place.building() as building:
            _refuse_another(book, place)
            building.tables.describe(_about(book, since))
            _fill(building.tables, url, book, since, last, jobs, progress)
            _swap(book, building)
    return status(place, url)


def _fill(tables: Tables, url: str, book: Ledger, since: int, last: int, jobs: int, progress: Progress | None) -> None:
    """Chunk by chunk, each in a transaction: none grows with the ledger, and on a server none holds others up."""
    contracts = book.contracts()
    size = min(CHUNK, max(1, len(contracts) // (4 * jobs)))
    chunks = ((url, contracts[n : n + size], since - 1, last) for n in range(0, len(contracts), size))
    done = 0
    for folded in shared(_fold_chunk, chunks, jobs):
        with tables.writing():
            for each in folded:
                tables.save(*each, after=since - 1)
        done += len(folded)
        if progress is not None:
            progress(done, len(contracts))
    with tables.writing():
        tables.track(last, book.root_at(last) if last else "")


def _fold_chunk(chunk: Chunk) -> list[Folded]:
    """Folds some contracts from their beginning; each process opens the ledger by itself."""
    url, contracts, after, upto = chunk
    with open_ledger(url, create=False, read_only=True) as book:
        clockwork = clockwork_of(book)
        return [_folded(book, contract, State(), after, upto, clockwork) for contract in contracts]


def _folded(book: Ledger, contract: str, state: State, after: int, upto: int, clockwork: Clockwork) -> Folded:
    streams = book.history(contract).streams
    return contract, fold(contract, streams, state, after, upto, clockwork), state, list(streams)


def _swap(book: Ledger, building: Building) -> None:
    """Puts the new tables in the old ones' place, as far on as those were, when nobody is writing to either."""
    tables, clockwork = building.tables, clockwork_of(book)
    while _batch(book, tables, clockwork):
        pass
    building.settle()
    with building.taking_over() as folded_upto:
        while (tables.position() or 0) < folded_upto and _fold_batch(book, tables, clockwork):
            pass


# --- following ---


def follow(book: Ledger, place: Place, *, once: bool = False, folded: Callable[[int], None] | None = None) -> None:
    """Takes the views up to the ledger's last position, batch by batch, and (unless `once`) on as entries come.

    `folded` is told each position reached. Several may follow at once: each batch is one's alone. Where new tables
    take the place of these, the new ones are followed. Raises `Refused`: `no_file`, `not_a_ledger`, `bad_parameter`
    (views of another ledger, or of another version of this software), `damaged_ledger` (the ledger does not hold the
    history they were folded from), `read_only`, `locked`, `store_failed`.
    """
    follower = _Follower(book, place)
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
    """The tables that stand, open, and opened again when others have taken their place."""

    def __init__(self, book: Ledger, place: Place) -> None:
        self._book = book
        self._place = place
        self._clockwork = clockwork_of(book)
        self._tables: Tables | None = None
        self.position = 0

    def catch_up(self) -> Iterator[int]:
        """Folds what is new in batches; the position after each."""
        while True:
            found = _batch(self._book, self._opened(), self._clockwork)
            if found is None:
                self.close()
                continue
            if found:
                self.position = found
                yield found
            else:
                self.position = self._opened().position() or 0
                return

    def close(self) -> None:
        if self._tables is not None:
            self._tables.close()
        self._tables = None

    def _opened(self) -> Tables:
        if self._tables is None:
            tables = self._place.connect()
            try:
                _check(self._book, tables, self._place)
            except BaseException:
                tables.close()
                raise
            self._tables = tables
        return self._tables


def _batch(book: Ledger, tables: Tables, clockwork: Clockwork) -> int | None:
    """Folds one batch in one transaction; the position after it, 0 if there was none, None if others stand now."""
    if (tables.position() or 0) >= book.position and tables.stand():
        return 0
    with tables.writing():
        return _fold_batch(book, tables, clockwork) if tables.stand() else None


def _fold_batch(book: Ledger, tables: Tables, clockwork: Clockwork) -> int:
    after, last = tables.position() or 0, book.position
    upto = min(last, after + BATCH)
    if after >= upto:
        return 0
    for contract in _touched(book, tables, after, upto, clockwork):
        state = tables.load(contract)
        begin = after if state.units else max(after, tables.since() - 1)
        tables.save(*_folded(book, contract, state, begin, upto, clockwork), after=after)
    tables.track(upto, book.root_at(upto))
    return upto


def _touched(book: Ledger, tables: Tables, after: int, upto: int, clockwork: Clockwork) -> list[str]:
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
    return list({**named, **dict.fromkeys(tables.concerned(streams, clockwork.second(upto)))})


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


# --- what stands ---


def status(place: Place, url: str | None = None) -> dict[str, Any]:
    """What the views hold, up to which position, and how far the ledger has gone on since."""
    with closing(place.connect(read_only=True)) as tables:
        found: dict[str, Any] = {"views": place.name, **tables.about(), "position": tables.position()}
        found["rows"] = tables.counts()
        if url is not None:
            with open_ledger(url, create=False, read_only=True) as book:
                _check(book, tables, place)
                found["behind"] = book.position - (found["position"] or 0)
    return found


def _about(book: Ledger, since: int) -> dict[str, str]:
    said = {"ledger": _identity(book), "software": __version__, "tz": TZ_VERSION}
    return {**said, "known_from_position": str(since)}


def _identity(book: Ledger) -> str:
    opened = next((entry.event for _, entry in book.entries(1, 1)), None)
    return opened.ledger if isinstance(opened, LedgerOpened) else ""


def _refuse_another(book: Ledger, place: Place) -> None:
    """A building never takes the place of another ledger's views."""
    try:
        tables = place.connect(read_only=True)
    except Refused:  # none stand, or some of another version
        return
    with closing(tables):
        _check_ledger(book, tables.about(), place)


def _check_ledger(book: Ledger, said: dict[str, str], place: Place) -> None:
    if said["ledger"] not in ("", _identity(book)):
        raise Refused("bad_parameter", f"{place.name}: these are the views of another ledger")


def _check(book: Ledger, tables: Tables, place: Place) -> None:
    """Raises `Refused` unless the views were folded from this ledger's history, by this software."""
    said, now = tables.about(), _about(book, 1)
    _check_ledger(book, said, place)
    for part in ("software", "tz"):
        if said[part] != now[part]:
            built = f"built with {part} {said[part]}, this is {now[part]}"
            raise Refused("bad_parameter", f"{place.name}: {built}: build anew")
    position, root = tables.folded()
    last = book.position
    if position > last:
        raise Refused(
            "damaged_ledger",
            f"{place.name}: folded up to position {position}, but the ledger ends at {last}: was it restored from an "
            "older copy? Build anew",
        )
    if position and root != book.root_at(position):
        raise Refused(
            "damaged_ledger", f"{place.name}: up to position {position} the ledger holds another history: build anew"
        )
