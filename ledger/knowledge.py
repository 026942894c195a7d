"""What a writer knows under the lock: each stream it touches, caught up with other writers, and its own batch.

A stream is folded once, kept between batches and only then caught up, so no check is ever made on stale
knowledge and none costs a reading of the whole stream.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import chain

from ledger.belonging import LEDGER_STREAM
from ledger.codec import Entry, Unread, decode_entry
from ledger.corrections import Known, known_as_recorded
from ledger.events import ContractScopeChanged, ContractStarted, Event, ServiceAssigned
from ledger.learning import Learning
from ledger.order import ThingKey
from ledger.published import Published
from ledger.references import CONTRACT, check_references, named_by
from ledger.store import Row, Store, Transaction
from ledger.streams import StreamState, folded, replace_group


class Knowledge(Learning):
    """One batch's: `entries` are those it has taken so far and not let go, the first it took at `first_position`."""

    def __init__(
        self,
        store: Store,
        transaction: Transaction,
        kept: OrderedDict[str, StreamState],
        first_position: int,
        epoch: int,
    ) -> None:
        super().__init__(store)
        self._transaction = transaction
        self._kept = kept
        self._first_position = first_position
        self._epoch = epoch  # a stream caught up in the same one is so still
        self._services: set[str] = set()
        self._openings_read = False
        self._own: dict[int, Entry] = {}  # of the ledger's own stream, among those let go
        self.caught_up: dict[str, StreamState] = {}
        self.published = Published(self._stored, self._taken)

    def _stored(self) -> list[Row]:
        """The ledger's own stream as it stood before this batch."""
        return [row for row in self._transaction.tail(LEDGER_STREAM, 0) if row.position < self._first_position]

    def stream(self, name: str) -> StreamState:
        """The stream as it stands, caught up with what other batches and writers appended: once in a batch."""
        stream = self._kept.get(name)
        if stream is None:
            stream = self._kept[name] = StreamState(name)
        else:
            self._kept.move_to_end(name)
        self.caught_up[name] = stream
        if stream.epoch != self._epoch:
            for row in self._transaction.tail(name, stream.version):
                self._learn(stream, row)
            stream.epoch = self._epoch
        return stream

    def known(self, positions: Iterable[int]) -> list[Known]:
        """The entries at these positions, known since they were recorded."""
        return known_as_recorded([(position, self.entry(position)) for position in positions])

    def let_go(self) -> None:
        """Lets go the entries taken so far, which the transaction holds by now; whoever asks for one reads it there."""
        self._own.update((p, entry) for p, entry in self.entries.items() if entry.stream == LEDGER_STREAM)
        self.entries.clear()

    def _taken(self) -> Iterable[tuple[int, Entry]]:
        """The batch's own entries, of the ledger's stream at least."""
        return chain(self._own.items(), self.entries.items())

    def _row_at(self, position: int) -> Row | None:
        """One of the batch that was let go is only in its transaction."""
        if position < self._first_position:
            return super()._row_at(position)
        return next(iter(self._transaction.read(position, 1)), None)

    def named_services(self) -> set[str]:
        """Every service a contract names, those taken so far included."""
        if not self._openings_read:
            self._openings_read = True
            for row in self._store.openings():
                self.name_services(decode_entry(row.state).event)
        return self._services

    def name_services(self, event: Event | Unread) -> None:
        """Notes which services an event names, if it is one that does."""
        if isinstance(event, ContractStarted):
            self._services.update(event.services)
        elif isinstance(event, ServiceAssigned):
            self._services.add(event.service)

    def check_names(self, event: Event, stream: StreamState, before: Event | None = None) -> None:
        """What the event names must be known; what a correction names as `before` was known once."""
        named = named_by(event)
        if named and (before is None or named != named_by(before)):
            for noun, name in (*named, CONTRACT):
                self.refold(stream, ("maintenance" if noun == "announcement" else noun, name))
            check_references(event, stream.things)
        if isinstance(event, ContractStarted | ContractScopeChanged) and event.terms is not None:
            self.published.check_booklet(event.terms)

    def refold(self, stream: StreamState, group: ThingKey) -> None:
        """Fold a group anew if a correction touched it since."""
        if group not in stream.dirty:
            return
        replace_group(stream, group, folded(self.known(stream.group(group)), forgive=True))
        stream.dirty.discard(group)
