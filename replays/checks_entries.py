"""Every entry read strictly: its one way to be written, its place in its stream, the clock that never goes back.

Pages are decoded and written again in two calls, and compared as lines: an entry's bytes hold no newline, so
equal texts mean equal entries one by one. Only a page that differs is looked at entry by entry. Entries of old
formats, or of types this software does not know, are read as today's but compared as they stand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

import msgspec

from ledger.codec import MAX_ENTRY_BYTES, TOPICS, UPCASTS, Entry, Unread, decode_entry
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.events import VOCABULARY
from replays.checks import Failed

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)
_FIELDS = ("stream", "version", "recorded_at", "recorded_by", "source", "id", "attested_at", "salt", "event")
CANONICAL, VERSIONS, CLOCK, COLUMNS = "canonical form", "versions", "recorded_at", "columns"

Columns = tuple[Sequence[str], Sequence[int], Sequence[str]]  # streams, versions and topics of some entries


class EntryAudit:
    """Entries page by page, in the order of positions; the first problem of each check is kept."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.count = 0
        self._problems: dict[str, tuple[str, int]] = {}
        self._last: datetime | None = None

    def result(self, check: str, told: str) -> str:
        """What a check says in the end. Raises `Failed` with its first problem."""
        if check in self._problems:
            raise Failed(*self._problems[check])
        return told

    def streams(self) -> str:
        """How many streams the entries are of."""
        return number_of(len(self.versions), "stream")

    def page(
        self, positions: Sequence[int], states: Sequence[bytes], columns: Columns | None = None
    ) -> Sequence[Entry | None]:
        """Checks a page; its entries, None for what is none. `columns` are streams, versions and topics as indexed."""
        found = _written_the_one_way(states)
        if found is None or max(map(len, states)) > MAX_ENTRY_BYTES:
            return self._one_by_one(positions, states, columns)
        said = [e.stream for e in found], [e.version for e in found]
        if columns is not None:
            topics = [TOPICS[type(e.event)] for e in found]  # type: ignore[index]  # none of them is unread
            if (*said, topics) != tuple(map(list, columns)):
                self._compare(positions, found, topics, columns)
        self._order(positions, *said)
        self._clock(positions, [e.recorded_at for e in found])
        self.count += len(states)
        return found

    def _one_by_one(
        self, positions: Sequence[int], states: Sequence[bytes], columns: Columns | None
    ) -> Sequence[Entry | None]:
        """As `page`, where something is not written the one way, or by types this software does not have."""
        entries = [self._one(position, state) for position, state in zip(positions, states, strict=True)]
        if columns is not None:
            topics = [_topic(entry, state) for entry, state in zip(entries, states, strict=True)]
            self._compare(positions, entries, topics, columns)
        read = [(position, entry) for position, entry in zip(positions, entries, strict=True) if entry is not None]
        places = [position for position, _ in read]
        self._order(places, [e.stream for _, e in read], [e.version for _, e in read])
        self._clock(places, [e.recorded_at for _, e in read])
        self.count += len(states)
        return entries

    def problem(self, check: str, message: str, position: int) -> None:
        self._problems.setdefault(check, (message, position))

    def _one(self, position: int, state: bytes) -> Entry | None:
        try:
            if len(state) > MAX_ENTRY_BYTES:
                raise ValueError(f"an entry of {number_of(len(state), 'byte')}")
            entry = decode_entry(state)
            if isinstance(entry.event, Unread) or _encoder.encode(entry) != state:
                _check_raw(state, entry)
            return entry
        except (Refused, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            why = error.message if isinstance(error, Refused) else str(error)
            self.problem(CANONICAL, f"not an entry's canonical bytes: {why[:120]}", position)
            return None

    def _compare(
        self, positions: Sequence[int], entries: Sequence[Entry | None], topics: Sequence[str], columns: Columns
    ) -> None:
        for position, entry, topic, *column in zip(positions, entries, topics, *columns, strict=True):
            if entry is None or [entry.stream, entry.version, topic] != column:
                told = "an unreadable entry" if entry is None else f"{entry.stream} {entry.version} {topic}"
                self.problem(COLUMNS, f"the index says {' '.join(map(str, column))}, the bytes {told}", position)
                return

    def _order(self, positions: Sequence[int], streams: Sequence[str], versions: Sequence[int]) -> None:
        last = self.versions
        for position, stream, version in zip(positions, streams, versions, strict=True):
            if version != last.get(stream, 0) + 1:
                expected = last.get(stream, 0) + 1
                self.problem(VERSIONS, f"{stream} goes on with version {version}, not {expected}", position)
            last[stream] = version

    def _clock(self, positions: Sequence[int], moments: Sequence[datetime]) -> None:
        if not moments:
            return
        last = self._last or moments[0]
        if moments[0] < last or moments != sorted(moments):
            for before, after, position in zip([last, *moments], moments, positions, strict=False):
                if after < before:
                    self.problem(CLOCK, f"recorded at {after.isoformat()}, before the entry before it", position)
                    break
        self._last = moments[-1]


def _written_the_one_way(states: Sequence[bytes]) -> Sequence[Entry] | None:
    """The entries of a page on which all is canonical; None where anything is not, or is none of today's."""
    text = b"\n".join([*states, b""])
    if text.count(b"\n") != len(states):
        return None
    try:
        entries = _decoder.decode_lines(text)
        return entries if _encoder.encode_lines(entries) == text else None
    except Exception:  # whatever it is, the entries are now looked at one by one
        return None


def _topic(entry: Entry | None, state: bytes) -> str:
    """The wire name as the bytes say it, which an old entry's name may be."""
    if entry is None:
        return ""
    if isinstance(entry.event, Unread):
        return entry.event.type
    if state:
        return str(msgspec.json.decode(state)["event"]["type"])
    return TOPICS[type(entry.event)]


def _check_raw(state: bytes, entry: Entry) -> None:
    """Canonical JSON of an entry that today's types do not write: order, spaces, duplicates, floats."""
    raw = msgspec.json.decode(state)
    kind = raw["event"]["type"]
    if isinstance(entry.event, Unread) and (kind in VOCABULARY or kind in UPCASTS):
        raise ValueError(f"{kind} with fields this software does not read")
    if not isinstance(entry.event, Unread) and kind not in UPCASTS:
        raise ValueError("it is not written as this software writes it")
    json.loads(state, parse_float=_no_float, parse_constant=_no_float)
    if msgspec.json.encode(raw) != state:
        raise ValueError("spaces, a field twice, or another escape than canonical JSON has")
    if tuple(raw) != tuple(name for name in _FIELDS if name != "attested_at" or name in raw):
        raise ValueError("its fields are not in their order")
    if msgspec.to_builtins(entry.recorded_at) != raw["recorded_at"] or next(iter(raw["event"])) != "type":
        raise ValueError("an instant or a type that is not written the one way")


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"a number that is not whole: {text[:30]}")
