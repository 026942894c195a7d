"""Check, stamp, append: the one way a fact enters the ledger, whole batches or nothing.

Under the store's write lock: the ledger's own clock stamps `recorded_at`, never decreasing; each event
is held against what its stream knows (`order.py`) and against itself (`checks.py`); the key `source` and
`id` makes recording again harmless. What a stream knows is folded once and kept, and catches up with
other writers under the lock, so no check is ever made on stale knowledge.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, cast

import msgspec
from msgspec import Struct

from ledger import tree
from ledger.belonging import LEDGER_STREAM, ORDINARY, check_stream
from ledger.checks import SKEW, check
from ledger.cloudevents import Draft
from ledger.codec import TOPICS, Entry, Unread, decode_entry, encode_entry, payload_of, salts, topic_of
from ledger.columns import FEWEST, sound
from ledger.corrections import ACTS, Known, check_identity, known_as_recorded, replacement, withdrawn
from ledger.errors import Refused
from ledger.events import (
    CalendarPublished,
    ContractScopeChanged,
    ContractStarted,
    Corrected,
    Event,
    LedgerOpened,
    Retracted,
    ServiceAssigned,
    TermsVersionPublished,
    TreeStarted,
)
from ledger.learning import Learning
from ledger.local_days import check_days
from ledger.order import PLANS, ThingKey, fold
from ledger.published import Published
from ledger.references import CONTRACT, NAMING, check_references, named_by
from ledger.store import NewRow, Store, Transaction
from ledger.streams import Key, StreamState, folded, replace_group, without_collector

LONGEST_ID = 128  # of an event, as a target may name it
new_row = cast(Callable[[tuple[str, int, str, bytes]], NewRow], partial(tuple.__new__, NewRow))  # half its cost
LEARNT_AHEAD = 64  # streams of a batch, at most, that are learnt before it asks for the lock
CACHED_ENTRIES = 2_000_000  # what the kept streams may hold together before the oldest is let go


class Receipt(Struct, frozen=True, gc=False):
    """Where an event stands in the ledger, and whether this call put it there."""

    position: int
    stream: str
    version: int
    recorded_at: datetime
    outcome: Literal["recorded", "already_recorded"]


class Recording:
    """The writing side of one ledger. Threads may share it; the store's lock orders them."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], recorded_by: str, opening: Callable[[datetime], list[Event]]
    ) -> None:
        self._store = store
        self._clock = clock
        self._recorded_by = recorded_by
        self._opening = opening
        self._streams: OrderedDict[str, StreamState] = OrderedDict()  # changed under the store's lock alone
        self._begun = self._committed = 0  # batches; unequal: what the last one folded may never have been written

    def record(self, drafts: Sequence[Draft], *, dry_run: bool = False) -> list[Receipt]:
        """Append one batch, all or nothing, and return a receipt for each draft, in order.

        Raises `Refused` naming the line and the event's id; nothing is then written. With `dry_run`
        every check is made and nothing is written either way.
        """
        ahead = self._learnt_ahead(drafts)
        try:
            with without_collector(len(drafts)), self._store.write() as transaction:
                if self._begun != self._committed:
                    self._streams.clear()  # under the lock: another thread may be folding before it
                number = self._begun = self._begun + 1
                for name, stream in ahead.items():
                    self._streams.setdefault(name, stream)
                batch = _Batch(self, transaction, drafts)
                try:
                    receipts = batch.take(drafts)
                    if dry_run:
                        raise _DryRun
                    if batch.rows:
                        first = transaction.insert(batch.rows)
                        assert first == batch.first_position, (first, batch.first_position)
                        tree.extend(transaction, first, [row.state for row in batch.rows])
                except BaseException:
                    self._forget(batch, number)
                    raise
                self._let_go()
        except _DryRun:
            return receipts
        self._committed = number
        return receipts

    def _learnt_ahead(self, drafts: Sequence[Draft]) -> dict[str, StreamState]:
        """The streams of a batch that are not kept, learnt while others may write."""
        missing = {draft.stream for draft in drafts if draft.stream not in self._streams}
        if len(missing) > LEARNT_AHEAD:  # a batch of many is long however it is done
            return {}
        return {name: Learning(self._store).learnt(name) for name in missing}

    def _forget(self, batch: _Batch, number: int) -> None:
        """What a batch folded and never wrote; under the lock, so that all other streams stay known."""
        for name in batch._caught_up:
            self._streams.pop(name, None)
        self._committed = number

    def stamp(self, last_recorded_at: datetime | None) -> datetime:
        """The moment of recording. Raises `Refused("clock_behind")` when the clock fell far behind."""
        now = self._clock()
        if now.tzinfo is None:
            raise Refused("clock_behind", "the clock given to the ledger tells no offset from UTC")
        now = now.astimezone(UTC)
        if last_recorded_at is None or now >= last_recorded_at:
            return now
        if last_recorded_at - now <= SKEW:
            return last_recorded_at
        behind = (last_recorded_at - now) // timedelta(seconds=1)
        raise Refused("clock_behind", f"the clock is {behind} s behind the last entry; set it right and record again")

    def _let_go(self) -> None:
        held = sum(stream.version for stream in self._streams.values())
        while held > CACHED_ENTRIES and len(self._streams) > 1:
            held -= self._streams.popitem(last=False)[1].version


class _DryRun(Exception):
    pass


class _Batch(Learning):
    """One batch under the write lock: its stamp, the rows it will insert, the streams it touches."""

    def __init__(self, recording: Recording, transaction: Transaction, drafts: Sequence[Draft]) -> None:
        super().__init__(recording._store)
        self._recording = recording
        self._transaction = transaction
        self._recorded_by = recording._recorded_by
        last = transaction.last()
        before = decode_entry(last.state).recorded_at if last is not None else None
        self.recorded_at = recording.stamp(before)
        self._latest = self.recorded_at + SKEW
        self._sound: frozenset[type[Event]] = frozenset()  # types whose events need no check one by one
        self.first_position = self._next = (last.position if last is not None else 0) + 1
        self.rows: list[NewRow] = []
        self._published = Published(partial(transaction.tail, LEDGER_STREAM, 0), self._entries)
        self._caught_up: dict[str, StreamState] = {}
        self._services: set[str] | None = None
        self._salts = salts()
        if last is None:
            opening = enumerate(recording._opening(self.recorded_at), 1)
            self.take(Draft(stream=LEDGER_STREAM, source="ledger", id=f"opening-{n}", event=e) for n, e in opening)
        elif transaction.begin_tree():
            self._log_tree(last.position)
        if len(drafts) >= FEWEST:
            self._sound = sound([draft.event for draft in drafts], self.recorded_at)

    def _log_tree(self, size: int) -> None:
        """A ledger written without a tree gets one over what it holds, and an entry that says so."""
        tree.build(self._transaction, size)
        event = TreeStarted(size=size, root=tree.root_text(tree.recomputed_root(self._transaction, size)))
        self.take([Draft(stream=LEDGER_STREAM, source="ledger", id=f"tree-{size}", event=event)])

    def take(self, drafts: Iterable[Draft]) -> list[Receipt]:
        receipts = []
        try:
            for draft in drafts:
                receipts.append(self._take(draft))
        except Refused as refused:
            raise refused.at(draft.line, draft.id) from None
        return receipts

    def _take(self, draft: Draft) -> Receipt:
        name, event_id, event = draft.stream, draft.id, draft.event
        stream = self._caught_up.get(name) or self._stream(name)
        kind = type(event)
        keys = stream.keys
        if event_id in keys:
            found = stream.find(draft.source, event_id)
            if found is not None:
                return self._again(draft, found, stream)
        if not (stream.version and stream.of_contract and kind in ORDINARY):
            check_stream(draft, stream.version, self._named_services)
        if draft.attested_at is not None and draft.attested_at > self._latest:
            raise Refused("occurred_after_recorded", f"attestedat {draft.attested_at.isoformat()} lies ahead")
        if kind not in self._sound:
            check(event, self.recorded_at)
            check_days(event, self.recorded_at, self._published.zones)
        position = self._next
        plan = PLANS.get(kind)
        if plan is not None:
            if kind in NAMING:
                self._check_names(event, stream)
            key, group = plan.things(event)
            if group in stream.dirty:
                self._refold(stream, group)
            fold(plan, key, event, stream.things)
            if group in stream.groups:
                stream.groups[group].append(position)
            else:
                stream.groups[group] = [position]
        elif isinstance(event, ACTS):
            event = self._act(draft, event, stream)
        version = stream.version + 1
        entry = Entry(
            stream=name, version=version, recorded_at=self.recorded_at, recorded_by=self._recorded_by,
            source=draft.source, id=event_id, attested_at=draft.attested_at, salt=next(self._salts), event=event,
        )  # fmt: skip
        self.rows.append(new_row((name, version, TOPICS[kind], encode_entry(entry))))
        self._entries[position] = entry
        self._next = position + 1
        stream.version = version
        known = (draft.source, position, version)
        keys[event_id] = (known,) if event_id not in keys else (*keys[event_id], known)
        return Receipt(position, name, version, self.recorded_at, "recorded")

    def _again(self, draft: Draft, found: Key, stream: StreamState) -> Receipt:
        source, position, version = found
        first = self._entry(position)
        if draft.attested_at != first.attested_at or not self._says_same(draft.event, first.event, stream, position):
            where = f"source {source} and id {draft.id} stand at position {position}"
            raise Refused("conflict", f"{where} with other content")
        return Receipt(position, draft.stream, version, first.recorded_at, "already_recorded")

    def _says_same(self, event: Event, first: Event | Unread, stream: StreamState, position: int) -> bool:
        """Equal instants are equal whatever their offset; corrections and retractions are stored in canonical form."""
        if not isinstance(first, Corrected | Retracted) or type(event) is not type(first):
            return event == first
        assert isinstance(event, Corrected | Retracted)
        target = self._position_of(stream, event.target, position)
        if target is None or target != self._position_of(stream, first.target, position):
            return False
        if (event.reason, event.evidence, event.note) != (first.reason, first.evidence, first.note):
            return False
        original = self._entry(target).event
        if isinstance(event, Retracted) or isinstance(first, Retracted) or isinstance(original, Unread):
            return True
        try:
            return replacement(original, event) == replacement(original, first)
        except Refused:  # what cannot be read is not what was recorded
            return False

    # --- streams ---

    def _stream(self, name: str) -> StreamState:
        """The stream as it stands, caught up with what other batches and writers appended: once in a batch."""
        streams = self._recording._streams
        stream = streams.get(name)
        if stream is None:
            stream = streams[name] = StreamState(name)
        else:
            streams.move_to_end(name)
        self._caught_up[name] = stream
        for row in self._transaction.tail(name, stream.version):
            self._learn(stream, row)
        return stream

    def _named_services(self) -> set[str]:
        if self._services is None:
            self._services = set()
            for row in self._recording._store.openings():
                self._name_services(decode_entry(row.state).event)
        for entry in self._entries.values():
            self._name_services(entry.event)
        return self._services

    def _name_services(self, event: Event | Unread) -> None:
        assert self._services is not None
        if isinstance(event, ContractStarted):
            self._services.update(event.services)
        elif isinstance(event, ServiceAssigned):
            self._services.add(event.service)

    def _check_names(self, event: Event, stream: StreamState, before: Event | None = None) -> None:
        """What the event names must be known; what a correction names as `before` was known once."""
        named = named_by(event)
        if named and (before is None or named != named_by(before)):
            for noun, name in (*named, CONTRACT):
                self._refold(stream, ("maintenance" if noun == "announcement" else noun, name))
            check_references(event, stream.things)
        if isinstance(event, ContractStarted | ContractScopeChanged) and event.terms is not None:
            self._published.check_booklet(event.terms)

    # --- corrections and retractions ---

    def _act(self, draft: Draft, event: Corrected | Retracted, stream: StreamState) -> Event:
        """Checks a correction or retraction against what it changes; the event in its canonical form."""
        target = self._target(stream, event.target, draft.stream)
        original = self._entry(target).event
        if isinstance(original, LedgerOpened | ContractStarted) and isinstance(event, Retracted):
            raise Refused("wrong_target", f"{topic_of(original)} opens the stream; correct it instead")
        if isinstance(original, TermsVersionPublished | CalendarPublished) and isinstance(event, Retracted):
            self._published.check_not_last(original, target)
        group, positions = self._group(stream, target)
        if isinstance(event, Corrected):
            event = self._check_correction(event, original, stream)
        if isinstance(event.target, int):
            event = msgspec.structs.replace(event, target=self._name_of(stream, target))
        self._check_standing(stream, group, positions, target, draft, event)
        positions.append(self._next)
        return event

    def _name_of(self, stream: StreamState, position: int) -> str | int:
        """An entry's id where it names that entry alone, so that the target holds in another ledger too."""
        name = self._entry(position).id
        return name if len(stream.keys[name]) == 1 and len(name) <= LONGEST_ID else position

    def _check_correction(self, event: Corrected, original: Event | Unread, stream: StreamState) -> Corrected:
        if isinstance(original, Corrected | Retracted | Unread | LedgerOpened):
            what = topic_of(original)
            raise Refused("wrong_target", f"{what} cannot be corrected; correct the first entry again, or retract")
        replaced = replacement(original, event)
        check(replaced, self.recorded_at)
        check_days(replaced, self.recorded_at, self._published.zones)
        self._check_names(replaced, stream, original)
        check_identity(original, replaced)
        return msgspec.structs.replace(event, data=payload_of(replaced))

    def _check_standing(
        self, stream: StreamState, group: ThingKey, positions: list[int], target: int, draft: Draft, event: Event
    ) -> None:
        """Fold the group as it would stand; `impossible_history` when it contradicts itself."""
        known = self._known(positions)
        if target in withdrawn(known):
            raise Refused("already_retracted", f"the entry at position {target} is retracted already")
        trial = Entry(
            stream=draft.stream, version=stream.version + 1, recorded_at=self.recorded_at, recorded_by="",
            source=draft.source, id=draft.id, salt="", event=event,
        )  # fmt: skip
        try:
            things = folded([*known, (self._next, trial, self.recorded_at)])
        except Refused as refused:
            raise Refused("impossible_history", f"after this, {refused.code}: {refused.message}") from None
        replace_group(stream, group, things)
        stream.dirty.discard(group)

    def _refold(self, stream: StreamState, group: ThingKey) -> None:
        if group not in stream.dirty:
            return
        replace_group(stream, group, folded(self._known(stream.groups[group]), forgive=True))
        stream.dirty.discard(group)

    def _target(self, stream: StreamState, target: str | int, name: str) -> int:
        found = self._position_of(stream, target, self._next)
        if found is None:
            raise Refused("unknown_target", f"{name} holds no entry {target!r}; name an event id or a position of it")
        if isinstance(target, str) and len(stream.keys[target]) > 1:
            raise Refused("unknown_target", f"several sources used the id {target!r}; name the entry by its position")
        return found

    def _known(self, positions: Iterable[int]) -> list[Known]:
        return known_as_recorded([(position, self._entry(position)) for position in positions])
