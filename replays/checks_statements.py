"""The verdicts a ledger itself holds, given again: statements issued, and the answers disputes were replayed with.

Whose they are is noted as the entries go by, and where those entries are that a month's figures rest on; then contract
after contract is read alone, for figures no more of it than that, and each verdict is asked again of what had been
recorded before it, at its own knowledge, position and reading. Memory is bounded by one contract and the services it
runs on, and eight bytes for each entry figures may rest on.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import Any, Protocol, cast

from ledger.belonging import LEDGER_STREAM
from ledger.book import Ledger, services_named
from ledger.codec import Entry, decode_entries, decode_entry
from ledger.corrections import ACTS, corrections_of, replacement
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.events import AvailabilityStatementIssued, Corrected, DisputeReplayed, Event
from ledger.history import History
from ledger.kept_entries import KeptEntries
from ledger.merkle import frontier
from ledger.spans import seconds
from ledger.store import Store
from ledger.streams import without_collector
from ledger.tree import node_of, root_text
from projections.asking import ask
from projections.bearing import FIGURED
from replays.checks import Failed, NotChecked
from replays.disputes import dispute
from replays.statements import replay

PAGE = 4096
KEPT_ENTRIES = 50_000  # of services, between two contracts
KEPT_ROOTS = 1_000
STATEMENTS, REPLAYS = "statements", "dispute replays"
KINDS: tuple[type[Event], ...] = (AvailabilityStatementIssued, DisputeReplayed)
NEWER = ("unknown_switch", "unknown_value", "unknown_question", "bad_parameter")  # said by a release that knows more
READING = re.compile(r"reading: (\w+=\w+(?:, \w+=\w+)*)")  # how a recorded replay notes its switches

NOTED = FIGURED | {*KINDS, *ACTS}

Streams = Mapping[str, KeptEntries]
Moment = tuple[datetime, int, str, int]  # known at, position, how knowledge is counted, entries of the frame
Said = tuple[int, Any]  # the position of an entry, and the verdict it tells


class Evidence(Protocol):
    """What the entries are read from: a store or a bundle."""

    def streams(self, contract: str) -> Streams:
        """The streams a contract is judged by: the ledger's, its own, its services'."""

    def reached(self, position: int, known_at: datetime) -> tuple[int, bool]:
        """The last position up to `position` recorded by an instant, and whether that is certain."""

    def root_at(self, size: int) -> str:
        """The tree's root over the first `size` entries, base64."""


class Verdicts:
    """Whose verdicts a ledger holds, noted page by page, and their checks."""

    def __init__(self) -> None:
        self._streams: dict[type[Event], dict[str, int]] = {kind: {} for kind in KINDS}  # with their first position
        self._figured: dict[str, array[int]] = {}  # the positions of what figures rest on
        self._amended: set[str] = set()  # an act may name an entry of any kind

    def note(self, positions: Iterable[int], entries: Iterable[Entry | None]) -> None:
        for position, entry in zip(positions, entries, strict=True):
            if entry is None or type(entry.event) not in NOTED:
                continue
            kind, stream = type(entry.event), entry.stream
            if kind in KINDS:
                self._streams[kind].setdefault(stream, position)
            elif kind in ACTS:
                self._amended.add(stream)
            found = self._figured.get(stream)
            if found is None:
                found = self._figured[stream] = array("Q")
            found.append(position)

    @property
    def figured(self) -> Mapping[str, Sequence[int]]:
        """Of streams where nothing is corrected or withdrawn, the positions of the entries that figures rest on."""
        return {stream: found for stream, found in self._figured.items() if stream not in self._amended}

    def statements(self, evidence: Evidence) -> str:
        """The figures and the root of each statement, and of each correction of one."""
        told = "is what the entries give", "are what the entries give"
        return self._again(AvailabilityStatementIssued, evidence, _stated, _state, told)

    def replays(self, evidence: Evidence) -> str:
        """The digest of each answer a dispute was replayed with."""
        told = "has the digest of the answer given again", "have the digest of the answer given again"
        return self._again(DisputeReplayed, evidence, _replayed, _ask, told)

    def _again(
        self, kind: type[Event], evidence: Evidence, verdicts: Callable[[KeptEntries], Iterator[Said]],
        again: Callable[[Then, int, Any], None], told: tuple[str, str],
    ) -> str:  # fmt: skip
        count = 0
        wrong: list[tuple[int, str]] = []
        unread: list[tuple[int, str]] = []
        for stream, first in self._streams[kind].items():
            if not stream.startswith("contract:"):
                raise Failed(f"a verdict in {stream}, which is no contract", first)
            streams = evidence.streams(stream.partition(":")[2])
            asked: dict[Moment, tuple[History, bool]] = {}
            with without_collector(len(streams[stream])):
                for position, said in verdicts(streams[stream]):
                    count += 1
                    try:
                        again(Then(stream, streams, position, evidence, asked), position, said)
                    except Refused as no:
                        (unread if no.code in NEWER else wrong).append((position, no.message))
                    except NotChecked as why:
                        unread.append((position, str(why)))
        return _ended(count, wrong, unread, told)


def _ended(
    count: int, wrong: list[tuple[int, str]], unread: list[tuple[int, str]], told: tuple[str, str]
) -> str:
    if wrong:
        position, why = min(wrong)
        raise Failed(f"{number_of(len(wrong), f'of {count} is', f'of {count} are')} not found again: {why}", position)
    if unread:
        position, why = min(unread)
        raise NotChecked(f"{len(unread)} of {count}, the first at position {position}: {why}")
    return number_of(count, *told) if count else "none is recorded"


class Then:
    """A contract as it stood before a verdict was recorded, in a ledger's place: `history` and `root_at`."""

    def __init__(
        self, stream: str, streams: Streams, before: int, evidence: Evidence, asked: dict[Moment, tuple[History, bool]]
    ) -> None:
        self.contract = stream.partition(":")[2]
        self.before = before
        self.certain = True  # that the last position looked at is the ledger's own then
        self.root_at = evidence.root_at
        self._reached = evidence.reached
        frame = streams[LEDGER_STREAM]
        earlier = frame[: bisect_left(frame, before, key=itemgetter(0))]
        self._streams: dict[str, Any] = {**streams, LEDGER_STREAM: earlier}
        self._asked = asked  # the moment asked of last: statements issued together share it

    def history(self, contract: str, *, known_at: datetime, position: int, knowledge: str = "recorded") -> History:
        """As the ledger's own, of what it held then."""
        if not 0 < position < self.before:
            raise Refused("bad_position", f"it names position {position}, which was not there before it")
        moment = known_at, position, knowledge, len(self._streams[LEDGER_STREAM])
        if moment not in self._asked:
            self._asked.clear()
            self._asked[moment] = self._history(contract, known_at, position, knowledge)
        history, self.certain = self._asked[moment]
        return history

    def _history(self, contract: str, known_at: datetime, position: int, knowledge: str) -> tuple[History, bool]:
        certain = True
        if knowledge == "recorded":
            position, certain = self._reached(position, known_at)
        now = seconds(known_at)
        history = History(contract, self._streams, known_at=known_at, position=position, now=now, knowledge=knowledge)
        return history, certain

    def as_ledger(self) -> Ledger:
        """Who asks wants of a ledger only what is here."""
        return cast(Ledger, self)


def _stated(entries: KeptEntries) -> Iterator[Said]:
    """Each statement as issued, and as each correction of it would have it."""
    issued = dict(entries.of(AvailabilityStatementIssued))
    for position, entry in issued.items():
        yield position, entry.event
    if entries.of(Corrected):
        for position, correction, target in corrections_of(entries.known):
            if target in issued:
                yield position, replacement(cast(Event, issued[target].event), correction)


def _state(then: Then, position: int, said: AvailabilityStatementIssued) -> None:
    last = replay(then.as_ledger(), then.contract, said, said.position or position - 1)
    if said.root is None or then.root_at(last) == said.root:
        return
    if not then.certain:
        raise NotChecked("its figures are found again; up to where its root reaches, entries shown as hashes hide")
    raise Refused("figures_do_not_replay", f"the tree's root at position {last} is another than the one stated")


def _replayed(entries: KeptEntries) -> Iterator[Said]:
    return ((position, entry.event) for position, entry in entries.of(DisputeReplayed))


def _ask(then: Then, position: int, said: DisputeReplayed) -> None:
    """The digest is of the answer's bytes, its release included, which the entry does not name: so another
    digest alone is no lie, and only said."""
    asked = dispute(then.history(then.contract, known_at=said.known_at, position=position - 1), said.dispute)
    switches = READING.fullmatch(said.note or "")
    answer = ask(
        then.as_ledger(), asked.question, contract=then.contract, known_at=said.known_at,
        position=said.position or position - 1, **asked.params,
        reading=dict(pair.split("=") for pair in switches[1].split(", ")) if switches else {},
    )  # fmt: skip
    if sha256(answer.to_json().encode()).hexdigest() != said.answer_sha256:
        raise NotChecked("this release gives an answer of another digest; it does not tell which release gave that one")


# --- what the entries are read from ---


class Bundled:
    """The entries of a bundle: of others it knows only how many there are."""

    def __init__(self, streams: Streams, root_of: Callable[[int], str]) -> None:
        self._streams = streams
        self.root_at = root_of
        seen = sorted((p, entry.recorded_at) for entries in streams.values() for p, entry in entries)
        self._positions = [position for position, _ in seen]
        self._moments = [recorded_at for _, recorded_at in seen]

    def streams(self, contract: str) -> Streams:
        return self._streams

    def reached(self, position: int, known_at: datetime) -> tuple[int, bool]:
        """Between two entries shown, those that are not may have been recorded before or after the instant."""
        place = bisect_right(self._moments, known_at)
        known = self._positions[place - 1] if place else 0
        beyond = self._positions[place] if place < len(self._positions) else position + 1
        last = min(position, beyond - 1)
        return last, last <= known


class Stored:
    """The entries of a store up to `size`, a contract at a time; of the streams in `only`, those at its positions."""

    def __init__(self, store: Store, size: int, only: Mapping[str, Sequence[int]] | None = None) -> None:
        self.store = store
        self.size = size
        self._only = only or {}
        self._shared: OrderedDict[str, KeptEntries] = OrderedDict()  # what several contracts run on
        self.root_at = lru_cache(KEPT_ROOTS)(self._root_at)  # statements issued together state one root
        self._node = node_of(store, size)  # of any earlier tree too

    def streams(self, contract: str) -> Streams:
        own = self._read(f"contract:{contract}")
        services = [f"service:{name}" for name in services_named(own)]
        return {f"contract:{contract}": own, **{name: self._kept(name) for name in [LEDGER_STREAM, *services]}}

    def _kept(self, stream: str) -> KeptEntries:
        found = self._shared.pop(stream, None) or self._read(stream)
        while sum(map(len, self._shared.values())) + len(found) > KEPT_ENTRIES and self._shared:
            self._shared.popitem(last=False)
        self._shared[stream] = found
        return found

    def _read(self, stream: str) -> KeptEntries:
        found = KeptEntries()
        for positions, states in self._pages(stream):
            with without_collector(len(states)):
                found.append_all(list(zip(positions, decode_entries(states), strict=True)))
        return found

    def _pages(self, stream: str) -> Iterator[tuple[list[int], list[bytes]]]:
        only, after = self._only.get(stream), 0
        if only is not None:
            for start in range(0, len(only), PAGE):
                found = self.store.states_at(only[start : start + PAGE])
                if len(found) != len(only[start : start + PAGE]):
                    raise Failed(f"entries of {stream} are gone that were there a moment ago")
                yield [position for position, _ in found], [state for _, state in found]
            return
        while rows := self.store.read_stream(stream, after_version=after, upto_position=self.size, limit=PAGE):
            yield [row.position for row in rows], [row.state for row in rows]
            after = rows[-1].version

    def reached(self, position: int, known_at: datetime) -> tuple[int, bool]:
        low, high = 0, position
        while low < high:
            middle = high if high == position else (low + high + 1) // 2  # mostly all of it was known
            row = self.store.read_at(middle)
            assert row is not None, middle
            if decode_entry(row.state).recorded_at <= known_at:
                low = middle
            else:
                high = middle - 1
        return low, True

    def _root_at(self, size: int) -> str:
        return root_text(frontier(size, self._node).root())
