"""The door: a ledger opened by its name, to record into and to ask about.

This is where a store, a clock and a recorder meet; nothing below it reads the time by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from threading import Lock
from types import TracebackType
from typing import Any, Self

from ledger.belonging import LEDGER_STREAM
from ledger.checks import EMAIL, check, check_personal
from ledger.cloudevents import Draft, drafts, exact
from ledger.codec import FORMAT_VERSION, Entry, decode_entries, decode_entry
from ledger.deferred import deferred
from ledger.errors import Refused
from ledger.events import (
    AvailabilityStatementIssued,
    ContractStarted,
    Corrected,
    Event,
    LedgerOpened,
    ServiceAssigned,
)
from ledger.history import History
from ledger.kept_entries import KeptEntries
from ledger.published import published_calendar, published_terms
from ledger.reading import DECODED, read_log, read_stream
from ledger.recording import Receipt, Recording
from ledger.spans import FOREVER, seconds
from ledger.store import Store, open_store
from ledger.streams import without_collector

PAGE = 1024  # entries read at once
KEPT_ROOTS = 4096
KEPT_ENTRIES = 500_000  # decoded entries kept for asking again
Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


def open_ledger(
    url: str,
    *,
    clock: Clock = wall_clock,
    recorded_by: str = "operator",
    create: bool = True,
    read_only: bool = False,
    booklets: Sequence[str] = ("cegid-expert",),
    origin: str | None = None,
) -> Ledger:
    """Open a ledger: a path or `sqlite:///path` is a SQLite file, `postgresql://...` a database.

    A ledger that does not exist is made (unless `create` is false: `Refused("no_ledger")`); its opening
    entries, with the full content of the `booklets` (shipped names or TOML paths; the first is what
    contracts run on by default) and their calendars, are written with the first batch. `read_only` opens
    what is there and never changes it. `origin` is the name a new ledger signs under, one its keys can bear: at
    most `ledger.notes.MAX_ORIGIN_CHARACTERS`, or `Refused("text_too_long")`. `recorded_by` is a pseudonym:
    `Refused("bad_id")` when it is empty, over 256 characters or not printable, `Refused("personal_data")` when it
    is an e-mail address.
    """
    if not recorded_by.strip() or len(recorded_by) > 256 or not recorded_by.isprintable():
        raise Refused("bad_id", "recorded_by is empty, over 256 characters or not printable")
    check_personal(recorded_by, "recorded_by", EMAIL)
    if origin is not None:  # before a file is made
        from ledger.notes import MAX_ORIGIN_CHARACTERS, is_key_name

        if len(origin) > MAX_ORIGIN_CHARACTERS:
            long = f"{len(origin)} characters, where the name of a key has {MAX_ORIGIN_CHARACTERS} at most"
            raise Refused("text_too_long", f"origin: {long}")
        check(exact(LedgerOpened(ledger="-", origin=origin, format=FORMAT_VERSION)), wall_clock())
        if not is_key_name(origin):
            raise Refused("bad_id", f"origin {origin!r}: keys are called so, without a space or a plus sign")
    store = open_store(url, create=create and not read_only, read_only=read_only)
    return Ledger(store, clock, recorded_by, tuple(booklets), origin)


class Ledger:
    """One open ledger. Use as a context manager, or `close()` it."""

    def __init__(
        self, store: Store, clock: Clock, recorded_by: str, booklets: Sequence[str], origin: str | None
    ) -> None:
        self.store = store
        self.clock = clock
        self.recorded_by = recorded_by
        self._booklets = booklets
        self._origin = origin
        self._recording = Recording(store, clock, recorded_by, self._opening)
        self._keeping = Lock()
        self.check_statement: Callable[[Draft], None] | None = None
        self._roots: dict[int, str] = {}
        self._kept: OrderedDict[str, KeptEntries] = OrderedDict()
        self._positions: dict[datetime, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file or the connections; what was acknowledged is durable already."""
        self.store.close()

    # --- recording ---

    def record(
        self, events: Any, *, subject: str | None = None, source: str | None = None, dry_run: bool = False
    ) -> list[Receipt]:
        """Record CloudEvents (JSON lines or dicts) or event Structs as one atomic batch.

        Returns a receipt for each event, in order. Raises `Refused` with code, line and event id; then
        nothing was written. Event Structs need `subject`, their stream (a `ContractStarted` brings its
        own). After it returns, kill -9 and power loss lose nothing.
        """
        with without_collector(PAGE):
            late = deferred(events)
            if late is not None:
                return self._recording.record(late, dry_run=dry_run)
            batch = list(drafts(events, subject=subject, source=source or self.recorded_by))
            return self.record_drafts(batch, dry_run)

    def record_drafts(self, batch: Sequence[Draft], dry_run: bool = False) -> list[Receipt]:
        """As `record`, for events already parsed.

        A statement is recorded only when `check_statement` finds its figures again; without one (the
        floors above set it: `replays.statements`) it is refused as `figures_do_not_replay`.
        """
        for draft in batch:
            if isinstance(draft.event, AvailabilityStatementIssued):
                self._check_statement(draft)
        return self._recording.record(batch, dry_run=dry_run)

    def _check_statement(self, draft: Draft) -> None:
        try:
            if self.check_statement is None:
                raise Refused(
                    "figures_do_not_replay",
                    "statements are issued with `service-ledger statement issue`, which replays them",
                )
            self.check_statement(draft)
        except Refused as refused:
            raise refused.at(draft.line, draft.id) from None

    def open(self) -> int:
        """Write the opening entries now, and return the last position. Harmless when they stand."""
        self._recording.record([])
        return self.position

    def _opening(self, opened_at: datetime) -> list[Event]:
        """The first entries: who this ledger is, what it judges by, which days are holidays."""
        from uuid import uuid4

        from ledger.terms import load_booklet
        from ledger.workdays import load_calendar

        identity = uuid4().hex
        opened: list[Event] = [
            LedgerOpened(ledger=identity, origin=self._origin or f"service-ledger/{identity}", format=FORMAT_VERSION)
        ]
        calendars: list[str] = []
        since = datetime(1970, 1, 1, tzinfo=UTC)
        for name in self._booklets:
            booklet = load_booklet(name)
            opened.append(published_terms(booklet, since))
            if booklet.calendar is not None and booklet.calendar not in calendars:
                calendars.append(booklet.calendar)
        for calendar in calendars:
            opened.append(published_calendar(load_calendar(calendar), since))
        return [exact(event) for event in opened]

    # --- reading ---

    @property
    def position(self) -> int:
        """The last position; 0 for a ledger nothing was recorded in."""
        last = self.store.last()
        return 0 if last is None else last.position

    def entries(
        self, start: int = 1, stop: int | None = None, topics: Sequence[str] = ()
    ) -> Iterator[tuple[int, Entry]]:
        """Every entry from position `start` to `stop`, both included, page by page, in bounded memory."""
        if not topics:
            return read_log(self.store, start, stop)
        return self._of_topics(start, stop, topics)

    def _of_topics(self, start: int, stop: int | None, topics: Sequence[str]) -> Iterator[tuple[int, Entry]]:
        for page in self.store.pages(start, PAGE, stop, topics):
            for first in range(0, len(page), DECODED):
                some = page[first : first + DECODED]
                entries = decode_entries([state for _, state in some])
                yield from zip([position for position, _ in some], entries, strict=True)

    def stream(self, name: str) -> list[tuple[int, Entry]]:
        """Every entry of one stream, in order; what was read is kept for the next time it is asked for."""
        if any("\ud800" <= letter <= "\udfff" for letter in name):  # bytes of a terminal that are no UTF-8
            return []
        with self._keeping:  # two threads must not add the same entries twice
            kept = self._kept.setdefault(name, KeptEntries())
            self._kept.move_to_end(name)
            try:
                with without_collector(PAGE):
                    entries = read_stream(self.store, name, kept[-1][1].version if kept else 0)
                    kept.append_all(entries)
            except BaseException:  # whatever interrupted it, half of it may be taken in
                del self._kept[name]
                raise
            if entries:
                self._let_go()
            return kept.as_it_stands()

    def _let_go(self) -> None:
        held = sum(map(len, self._kept.values()))
        while held > KEPT_ENTRIES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            held -= len(oldest)

    def position_at(self, known_at: datetime) -> int:
        """The last position recorded at or before an instant; 0 when there is none."""
        known_at = known_at.astimezone(UTC)  # two instants of one zone may look equal when clocks go back
        found = self._positions.get(known_at)
        if found is not None:
            return found
        row = self.store.last()
        if row is None or decode_entry(row.state).recorded_at <= known_at:
            return 0 if row is None else row.position
        low, high = 0, row.position - 1
        while low < high:
            middle = (low + high + 1) // 2
            row = self.store.read_at(middle)
            assert row is not None, middle
            if decode_entry(row.state).recorded_at <= known_at:
                low = middle
            else:
                high = middle - 1
        if len(self._positions) > KEPT_ROOTS:
            self._positions.clear()
        self._positions[known_at] = low  # for ever: a later entry is there, and none comes before it
        return low

    def root_at(self, position: int) -> str:
        """The tree's root over the first `position` entries, in base64."""
        found = self._roots.get(position)
        if found is None:
            from ledger.tree import root_at, root_text

            if len(self._roots) > KEPT_ROOTS:
                self._roots.clear()
            found = self._roots[position] = root_text(root_at(self.store, position))
        return found

    def history(
        self,
        contract: str,
        *,
        known_at: datetime | None = None,
        position: int | None = None,
        knowledge: str = "recorded",
    ) -> History:
        """What was known of a contract: by instant, by position, or (neither) all the ledger holds.

        With a position alone, knowledge reaches to the moment that entry was recorded. Raises
        `Refused("bad_position")` and `Refused("unknown_contract")`.
        """
        last = self.position
        if position is not None and not (type(position) is int and 0 < position <= last):
            raise Refused("bad_position", f"position {position!r} is not in the ledger; it holds 1 to {last}")
        own = self.stream(f"contract:{contract}")
        if not own:
            raise Refused("unknown_contract", f"the ledger knows no contract {contract!r}{self._known_contracts()}")
        if known_at is not None:
            now = seconds(known_at)
            cut = last if knowledge == "attested" else self.position_at(known_at)
            cut = cut if position is None else min(cut, position)
        elif position is not None:
            row = self.store.read_at(position)
            assert row is not None
            now, cut = seconds(decode_entry(row.state).recorded_at), position
        else:
            now, cut = FOREVER, last
        streams = {f"contract:{contract}": own, LEDGER_STREAM: self.stream(LEDGER_STREAM)}
        for service in services_named(own):
            streams[f"service:{service}"] = self.stream(f"service:{service}")
        return History(contract, streams, known_at=known_at, position=cut, now=now, knowledge=knowledge)

    def contracts(self) -> list[str]:
        """The ids of every contract ever opened here, in the order of their opening."""
        found = (decode_entry(row.state).event for row in self.store.openings())
        return list(dict.fromkeys(event.contract for event in found if isinstance(event, ContractStarted)))

    def _known_contracts(self) -> str:
        known = self.contracts()
        if not known:
            return "; none is recorded yet"
        shown = ", ".join(known[:5])
        return f"; it knows {shown}" + (f" and {len(known) - 5} more" if len(known) > 5 else "")


def services_named(entries: Iterable[tuple[int, Entry]]) -> list[str]:
    """Every service a contract's stream ever names, corrections included, in order."""
    found: dict[str, None] = {}
    if isinstance(entries, KeptEntries):
        entries = entries.of(ContractStarted, ServiceAssigned, Corrected)
    for _, entry in entries:
        event = entry.event
        if isinstance(event, ContractStarted):
            found.update(dict.fromkeys(event.services))
        elif isinstance(event, ServiceAssigned):
            found[event.service] = None
        elif isinstance(event, Corrected):
            named = event.data.get("services", ())
            found.update(dict.fromkeys([*named, *([event.data["service"]] if "service" in event.data else [])]))
    return list(found)
