"""Learning a stream from its stored entries, one by one, whoever appended them.

A long stream is learnt before the write lock is asked for, so that nobody waits while it is; what was appended
meanwhile is learnt under the lock.
"""

from __future__ import annotations

from ledger import order
from ledger.codec import Entry, Unread, decode_entry
from ledger.corrections import resolve_target
from ledger.errors import Refused
from ledger.events import Corrected, Retracted
from ledger.order import ThingKey
from ledger.store import Row, Store
from ledger.streams import StreamState, without_collector


class Learning:
    """What is learnt from one store, and the entries looked up on the way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.entries: dict[int, Entry] = {}  # looked at without the store: those a batch is about to append
        self.recalled: dict[int, Entry] = {}  # and those of the store that were read together

    def learnt(self, name: str) -> StreamState:
        """A stream as far as it is committed, from its beginning."""
        stream = StreamState(name)
        rows = self._store.read_stream(name)
        with without_collector(len(rows)):
            for row in rows:
                self._learn(stream, row)
        return stream

    def _learn(self, stream: StreamState, row: Row) -> None:
        """Fold an entry another batch, or another writer, appended."""
        assert row.version == stream.version + 1, (row.stream, row.version, stream.version)
        entry = decode_entry(row.state)
        event = entry.event
        stream.version = row.version
        stream.of_source(entry.source)[entry.id] = row.position
        if isinstance(event, Unread):
            return
        if isinstance(event, Corrected | Retracted):
            target = self.position_of(stream, event.target, row.position)
            if target is not None:
                touched, positions = self.group(stream, target)
                positions.append(row.position)
                stream.dirty.add(touched)
            return
        group = order.group_of(event)
        if group is None:
            return
        stream.follow(group, row.position)
        if group in stream.dirty:
            return
        try:
            order.take(event, stream.things)
        except Refused:  # accepted once under knowledge since corrected: fold the group as it stands
            stream.dirty.add(group)

    def position_of(self, stream: StreamState, target: str | int, before: int) -> int | None:
        """Where the entry lies that a correction before position `before` names, if the stream holds it."""
        if isinstance(target, str):
            return resolve_target(target, before, {target: stream.named(target)})
        known = 0 < target < before and self.entry(target).stream == stream.name
        return target if known else None

    def group(self, stream: StreamState, position: int) -> tuple[ThingKey, list[int]]:
        """The group an entry belongs to, with its positions; an entry no step orders is a group of its own."""
        event = self.entry(position).event
        while isinstance(event, Corrected | Retracted):
            target = self.position_of(stream, event.target, position)
            assert target is not None, "a correction of the store names an entry before it"
            position, event = target, self.entry(target).event
        together = None if isinstance(event, Unread) else order.group_of(event)
        if together is not None:
            return together, stream.group(together)
        alone = ("entry", str(position))
        positions = stream.group(alone)
        if not positions:
            positions.append(position)
        return alone, positions

    def recall(self, positions: list[int]) -> None:
        """Reads the committed entries at these positions in one go, in place of those read so before."""
        stored = [position for position in positions if position not in self.entries]
        self.recalled = {position: decode_entry(state) for position, state in self._store.states_at(stored)}

    def entry(self, position: int) -> Entry:
        """The entry at a position, of the batch at hand or of the store."""
        entry = self.entries.get(position) or self.recalled.get(position)
        if entry is None:
            row = self._row_at(position)
            assert row is not None, position
            entry = decode_entry(row.state)
        return entry

    def _row_at(self, position: int) -> Row | None:
        return self._store.read_at(position)
