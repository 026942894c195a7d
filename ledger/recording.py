"""Check, stamp, append: the one way a fact enters the ledger, whole batches or nothing.

Under the store's write lock: the ledger's own clock stamps `recorded_at`, never decreasing; each event
is held against what its stream knows (`order.py`) and against itself (`checks.py`); the key `source` and
`id` makes recording again harmless. What a stream knows is folded once and kept, and catches up with
other writers under the lock, so no check is ever made on stale knowledge.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from ledger import tree
from ledger.acts import act, says_same
from ledger.belonging import LEDGER_STREAM, ORDINARY, check_stream
from ledger.checks import SKEW, check
from ledger.cloudevents import Draft
from ledger.codec import TOPICS, Entry, decode_entry, encode_entries, encode_entry, salts
from ledger.columns import FEWEST, sound
from ledger.corrections import ACTS
from ledger.deferred import Deferred
from ledger.dossier_parts import check_parts
from ledger.errors import Refused
from ledger.events import Event, ServiceAssigned, TreeStarted
from ledger.knowledge import Knowledge
from ledger.learning import Learning
from ledger.local_days import check_days
from ledger.order import PLANS, Plan, fold
from ledger.references import NAMING
from ledger.store import Row, Store, Transaction, Values
from ledger.streams import StreamState, without_collector

LEARNT_AHEAD = 64  # streams of a batch, at most, that are learnt before it asks for the lock
CACHED_ENTRIES = 2_000_000  # what the kept streams may hold together before the oldest is let go
PLAIN = frozenset(PLANS) & ORDINARY - NAMING - {ServiceAssigned}  # their order is all to ask, once they are sound
_stream = attrgetter("stream")


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
        self._held_at_most = 0  # entries in the kept streams
        self._begun = self._committed = 0  # batches; unequal: what the last one folded may never have been written
        self._last: bytes | None = None  # the ledger's last entry when a batch of ours had it last
        self._epoch = 0

    def record(self, drafts: Sequence[Draft] | Deferred, *, dry_run: bool = False) -> list[Receipt]:
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
                batch = _Batch(self, transaction)
                try:
                    receipts = batch.record(drafts, dry_run=dry_run)
                    if dry_run:
                        raise _DryRun
                except BaseException:
                    self._forget(batch, number)
                    raise
                self._let_go(batch.known.caught_up.values())
        except _DryRun:
            return receipts
        self._committed = number
        return receipts

    def _learnt_ahead(self, drafts: Sequence[Draft] | Deferred) -> dict[str, StreamState]:
        """The streams of a batch that are not kept, learnt while others may write."""
        named = drafts.streams if isinstance(drafts, Deferred) else set(map(_stream, drafts))
        missing = named - self._streams.keys()
        if len(missing) > LEARNT_AHEAD:  # a batch of many is long however it is done
            return {}
        return {name: Learning(self._store).learnt(name) for name in missing}

    def _forget(self, batch: _Batch, number: int) -> None:
        """What a batch folded and never wrote; under the lock, so that all other streams stay known."""
        for name in batch.known.caught_up:
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

    def epoch(self, last: Row | None) -> int:
        """Under the lock: the number of the time in which nobody else writes; what was caught up in it is so still."""
        state = None if last is None else last.state
        if state is None or state != self._last:  # each entry's salt makes it the only one of its bytes
            self._epoch += 1
            self._last = state
        return self._epoch

    def wrote(self, last: bytes) -> None:
        """Under the lock: these are the bytes of the ledger's last entry, if the batch is committed."""
        self._last = last

    def _let_go(self, touched: Iterable[StreamState]) -> None:
        """Lets the streams go that were not used for longest, when all may hold too much; counted only then."""
        self._held_at_most += sum(stream.version for stream in touched)
        if self._held_at_most <= CACHED_ENTRIES:
            return
        held = sum(stream.version for stream in self._streams.values())
        while held > CACHED_ENTRIES and len(self._streams) > 1:
            held -= self._streams.popitem(last=False)[1].version
        self._held_at_most = held


class _DryRun(Exception):
    pass


class _Batch:
    """One batch under the write lock: its stamp, the rows not put in the store yet, what it knows."""

    def __init__(self, recording: Recording, transaction: Transaction) -> None:
        self._recording = recording
        self._transaction = transaction
        self._recorded_by = recording._recorded_by
        last = transaction.last()
        before = decode_entry(last.state).recorded_at if last is not None else None
        self.recorded_at = recording.stamp(before)
        self._latest = self.recorded_at + SKEW
        self._sound: frozenset[type[Event]] = frozenset()  # types whose events need no check one by one
        self._next = (last.position if last is not None else 0) + 1
        self._rows: list[Values] = []
        self.known = Knowledge(recording._store, transaction, recording._streams, self._next, recording.epoch(last))
        self._salts: Iterator[str] = iter(())
        self._taken: list[Entry] = []  # and not encoded yet
        self._portion: Sequence[Draft] = ()  # those at hand, until one of them was said before
        if last is None:
            opening = enumerate(recording._opening(self.recorded_at), 1)
            self.take([Draft(stream=LEDGER_STREAM, source="ledger", id=f"opening-{n}", event=e) for n, e in opening])
        elif transaction.begin_tree():
            self._log_tree(last.position)

    def _log_tree(self, size: int) -> None:
        """A ledger written without a tree gets one over what it holds, and an entry that says so."""
        tree.build(self._transaction, size)
        event = TreeStarted(size=size, root=tree.root_text(tree.recomputed_root(self._transaction, size)))
        self.take([Draft(stream=LEDGER_STREAM, source="ledger", id=f"tree-{size}", event=event)])

    def record(self, drafts: Sequence[Draft] | Deferred, *, dry_run: bool) -> list[Receipt]:
        """Takes all drafts, and puts what they become into the store unless it is a `dry_run`."""
        receipts: list[Receipt] = []
        for portion in self._portions(drafts):
            receipts += self.take(portion)
            if not dry_run:
                self._put(more=len(receipts) < len(drafts))
                if isinstance(drafts, Deferred):
                    self.known.let_go()
        return receipts

    def _portions(self, drafts: Sequence[Draft] | Deferred) -> Iterator[Sequence[Draft]]:
        """The drafts a few at a time, one portion at least: what is taken together is still at hand when put.

        A portion ends where a tile of the tree may be full, so that none is begun twice.
        """
        start, before, portion = 0, 0, self._transaction.portion
        while start < len(drafts) or start == 0:
            over = 0 if self._next == before else (self._next - 1) % portion  # where nothing was new, none was begun
            before = self._next
            yield drafts[start : start + portion - over]
            start += portion - over

    def _put(self, *, more: bool) -> None:
        """What was taken goes into the store and the tree."""
        rows, self._rows = self._rows, []
        if rows:
            first = self._transaction.insert(rows, more=more)
            assert first == self._next - len(rows), (first, self._next, len(rows))
            states = [row[-1] for row in rows]
            tree.extend(self._transaction, first, states)
            self._recording.wrote(states[-1])

    def take(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Checks and encodes these, and answers for each. Raises `Refused` naming line and id."""
        many = len(drafts) >= FEWEST
        self._sound = sound([draft.event for draft in drafts], self.recorded_at) if many else frozenset()
        self._salts = iter(salts(len(drafts)))
        self._portion = drafts if many else ()
        receipts: list[Receipt] = []
        try:
            self._take_each(drafts, receipts)
        except Refused as refused:
            self._encode(drafts)  # what is wrong with an earlier one is said first
            draft = drafts[len(receipts)]
            raise refused.at(draft.line, draft.id) from None
        self._encode(drafts)
        return receipts

    def _encode(self, drafts: Sequence[Draft]) -> None:
        """What was taken of these becomes rows, in one call. Raises `Refused` naming line and id."""
        taken, self._taken = self._taken, []
        try:
            states = encode_entries(taken)
        except Refused:
            _refuse_first(taken, drafts)
            raise
        self._rows += [
            (entry.stream, entry.version, TOPICS[type(entry.event)], state)  # type: ignore[index]  # none is unread
            for entry, state in zip(taken, states, strict=True)
        ]

    def _take_each(self, drafts: Sequence[Draft], receipts: list[Receipt]) -> None:
        """Takes one after the other; of what is plain nothing is asked twice. Raises `Refused` at the next of them."""
        known, recorded_at, recorded_by, salts = self.known, self.recorded_at, self._recorded_by, self._salts
        caught_up, entries, taken = known.caught_up, known.entries, self._taken
        plain = {kind: PLANS[kind] for kind in self._sound & PLAIN}
        position = self._next
        for draft in drafts:
            name, source, event_id, event = draft.stream, draft.source, draft.id, draft.event
            stream = caught_up.get(name) or known.stream(name)
            keys = stream.keys.get(source) or stream.of_source(source)
            if event_id in keys:
                receipts.append(self._again(draft, keys[event_id], stream))
                continue
            plan = plain.get(type(event))
            if plan is not None and stream.version and stream.of_contract and draft.attested_at is None:
                _follow(plan, event, stream, position, known)
            else:
                event = self._special(draft, stream, position)
            stream.version = version = stream.version + 1
            entry = Entry(
                stream=name, version=version, recorded_at=recorded_at, recorded_by=recorded_by,
                source=source, id=event_id, attested_at=draft.attested_at, salt=next(salts), event=event,
            )  # fmt: skip
            taken.append(entry)
            entries[position] = entry
            keys[event_id] = position
            receipts.append(Receipt(position, name, version, recorded_at, "recorded"))
            position += 1
        self._next = position

    def _special(self, draft: Draft, stream: StreamState, position: int) -> Event:
        """What is not plain is held against all there is; the event as it is to be recorded."""
        event, known = draft.event, self.known
        kind = type(event)
        if not (stream.version and stream.of_contract and kind in ORDINARY):
            check_stream(draft, stream.version, known.named_services)
        if draft.attested_at is not None and draft.attested_at > self._latest:
            raise Refused("occurred_after_recorded", f"attestedat {draft.attested_at.isoformat()} lies ahead")
        if kind not in self._sound:
            check(event, self.recorded_at)
            check_days(event, self.recorded_at, known.published.zones)
            check_parts(event, known.published.parts)
        plan = PLANS.get(kind)
        if plan is not None:
            if kind in NAMING:
                known.check_names(event, stream)
            _follow(plan, event, stream, position, known)
        elif isinstance(event, ACTS):
            event = act(known, stream, draft, event, position, self.recorded_at)
        known.name_services(event)
        return event

    def _recall(self, drafts: Sequence[Draft]) -> None:
        """What these say again is read at once: recorded again, a long batch would ask for each by itself."""
        known, positions = self.known, []
        for name in dict.fromkeys(map(_stream, drafts)):
            if name not in known.caught_up:
                known.stream(name)
        for draft in drafts:
            position = known.caught_up[draft.stream].of_source(draft.source).get(draft.id)
            if position is not None:
                positions.append(position)
        known.recall(positions)

    def _again(self, draft: Draft, position: int, stream: StreamState) -> Receipt:
        if self._portion:
            portion, self._portion = self._portion, ()
            self._recall(portion)
        first = self.known.entry(position)
        same = says_same(self.known, stream, draft.event, first.event, position)
        if draft.attested_at != first.attested_at or not same:
            where = f"source {draft.source} and id {draft.id} stand at position {position}"
            raise Refused("conflict", f"{where} with other content")
        return Receipt(position, draft.stream, first.version, first.recorded_at, "already_recorded")


def _follow(plan: Plan, event: Event, stream: StreamState, position: int, known: Knowledge) -> None:
    """The event takes its place among those of its thing, if it may follow them."""
    key = (plan.noun, plan.name(event))
    group = key if plan.within == plan.noun else (plan.within, key[1])
    if stream.dirty:
        known.refold(stream, group)
    fold(plan, key, event, stream.things)
    if group in stream.groups:
        stream.follow(group, position)
    else:
        stream.groups[group] = position  # as `follow` would, of most events


def _refuse_first(taken: Sequence[Entry], drafts: Sequence[Draft]) -> None:
    """Raises what is wrong with the first of these that cannot be encoded, at the draft it was taken from."""
    for entry in taken:
        try:
            encode_entry(entry)
        except Refused as refused:
            key = (entry.stream, entry.source, entry.id)
            draft = next(d for d in drafts if (d.stream, d.source, d.id) == key)
            raise refused.at(draft.line, draft.id) from None
