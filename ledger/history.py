"""What was known of one contract at one moment: its own facts and its services', corrected, in order.

As-of is no feature here: a history at an earlier moment is a shorter history. `known_at` keeps the
entries recorded (or, when `knowledge` is `attested`, attested) at or before that instant; a position
keeps the entries up to it. A service's facts count while the contract is on the service: rules cut them
with `assigned`. Nothing here reads a clock or a store; a rule receives this and nothing else of the past.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain
from operator import itemgetter

from ledger.corrections import (
    ACTS,
    Acts,
    Fact,
    Known,
    amended,
    known_as_recorded,
    settled,
    standing,
    targets_of,
    where_named,
)
from ledger.errors import Refused
from ledger.events import (
    CalendarPublished,
    ContractResumed,
    ContractScopeChanged,
    ContractStarted,
    ContractSuspended,
    ContractTerminated,
    Corrected,
    Event,
    OptionCancelled,
    OptionSubscribed,
    ReadingAdopted,
    Retracted,
    ServiceAssigned,
    ServiceUnassigned,
    TermsVersionPublished,
)
from ledger.kept_entries import Entries, Groups, KeptEntries, grouped
from ledger.spans import ALWAYS, FOREVER, NEVER, Instant, Spans, contains, difference, seconds, span, union


class History:
    """The standing facts of a contract at one knowledge, and the instant that knowledge reaches to.

    `now` is the knowledge instant in whole seconds (`FOREVER` when all is asked of the ledger without an
    instant): what is open runs to it, what is due after it is pending. `position` is the last position
    looked at. Facts come in the order of their positions, each event of every stream once.
    """

    def __init__(
        self,
        contract: str,
        streams: Mapping[str, Entries],
        *,
        known_at: datetime | None,
        position: int,
        now: Instant,
        knowledge: str = "recorded",
        without: frozenset[int] = frozenset(),
    ) -> None:
        self.contract = contract
        self.streams = streams
        self.known_at = known_at
        self.position = position
        self.now = now
        self.knowledge = knowledge
        self.without = without
        self._own_stream = f"contract:{contract}"
        self._of: dict[type[Event], list[Fact]] = {}
        self._last_of: dict[type[Event], dict[tuple[str, str], Fact]] = {}
        self._groups: dict[str, tuple[Groups, int]] = {}  # by type, and the last position known
        self._acts: dict[str, Acts] = {}

    def as_known(self, known_at: datetime) -> History:
        """The same contract's history at another, earlier or later, instant of knowledge."""
        return History(
            self.contract,
            self.streams,
            known_at=known_at,
            position=self.position,
            now=seconds(known_at),
            knowledge=self.knowledge,
            without=self.without,
        )

    def unlearning(self, positions: frozenset[int]) -> History:
        """This history as if the entries at these positions had not been learnt either."""
        return History(
            self.contract,
            self.streams,
            known_at=self.known_at,
            position=self.position,
            now=self.now,
            knowledge=self.knowledge,
            without=self.without | positions,
        )

    def known_positions(self) -> list[int]:
        """The positions of every entry this history knows of, in order: contract, services and frame."""
        return sorted(position for stream in self.streams for position, _, _ in self._known(stream))

    def known(self) -> list[Known]:
        """Every entry this history knows of with the moment it became known, stream by stream."""
        return [known for stream in self.streams for known in self._known(stream)]

    def last_known_position(self, stream: str) -> int:
        """The position of the last entry of a stream that may be known; 0 when none is."""
        if self.knowledge == "attested":
            return self.position
        known = self._known_by_time(stream)
        return known[-1][0] if known else 0

    def told(self, *kinds: type[Event]) -> Mapping[str, Entries]:
        """The entries themselves by stream, for who looks among them for those of these types and what acts on them."""
        return self.streams

    # --- what is known ---

    def _known(self, stream: str) -> list[Known]:
        known = self._known_by_time(stream)
        return [k for k in known if k[0] not in self.without] if self.without else known

    def _known_by_time(self, stream: str) -> list[Known]:
        entries = self.streams.get(stream, ())
        upto = bisect_right(entries, self.position, key=itemgetter(0))
        if self.knowledge == "attested":
            moments = [(p, e, min(e.attested_at or e.recorded_at, e.recorded_at)) for p, e in entries[:upto]]
            return [k for k in moments if self.known_at is None or k[2] <= self.known_at]
        if self.known_at is not None:
            upto = bisect_right(entries, self.known_at, hi=upto, key=lambda pair: pair[1].recorded_at)
        if isinstance(entries, KeptEntries):
            return entries.known[:upto]
        return known_as_recorded(entries[:upto])

    @cached_property
    def facts(self) -> list[Fact]:
        """Every standing fact of the contract and of its services, in the order of positions."""
        found = list(self.own_facts)
        for stream in self._services:
            found += standing(self._known(stream))
        return sorted(found, key=lambda fact: fact.position) if self._services else found

    @cached_property
    def own_facts(self) -> list[Fact]:
        """The standing facts of the contract's own stream."""
        return standing(self._known(self._own_stream))

    def of(self, *kinds: type[Event]) -> list[Fact]:
        """The standing facts of these types, of the contract and its services, in the order of positions."""
        if len(kinds) == 1:
            found = self._of.get(kinds[0])
            if found is None:
                streams = [self._own_stream, *self._services]
                found = [fact for stream in streams for fact in self._of_stream(stream, kinds)]
                if len(streams) > 1:
                    found.sort(key=_position)
                self._of[kinds[0]] = found
            return found
        return sorted((fact for kind in kinds for fact in self.of(kind)), key=_position)

    def last_of(self, kind: type[Event]) -> Mapping[tuple[str, str], Fact]:
        """The last standing fact of a type about each thing: by stream, and the id its first field names."""
        facts = self.of(kind)
        found = self._last_of.get(kind)
        if found is None:
            field = kind.__struct_fields__[0]
            found = self._last_of[kind] = {(fact.stream, getattr(fact.event, field)): fact for fact in facts}
        return found

    def own(self, *kinds: type[Event]) -> list[Fact]:
        """The standing facts of these types of the contract's own stream, in the order of positions."""
        return self._of_stream(self._own_stream, kinds)

    def _of_stream(self, stream: str, kinds: tuple[type[Event], ...]) -> list[Fact]:
        """Only what was asked for is made a fact: most questions look at a few of a stream's entries."""
        if len(kinds) == 1:
            return self._of_kind(stream, kinds[0])
        entries = [known for kind in kinds for known in self._group(stream, kind)]
        return standing(sorted(entries, key=itemgetter(0)), self._acts_of(stream)) if entries else []

    def _of_kind(self, stream: str, kind: type[Event]) -> list[Fact]:
        known = self._group(stream, kind)
        if not known:
            return []
        entries, acts = self.streams.get(stream, ()), self._acts_of(stream)
        if isinstance(entries, KeptEntries) and self._as_kept and kind not in ACTS:
            return amended(entries.facts(kind, len(known)), known, acts)
        return standing(known, acts)

    @property
    def _as_kept(self) -> bool:
        """Whether knowledge is what kept entries are sorted out by."""
        return self.knowledge == "recorded" and not self.without

    def _group(self, stream: str, kind: type[Event]) -> Sequence[Known]:
        """What is known of a stream's entries of one type."""
        grouping = self._groups.get(stream)
        if grouping is None:
            known, entries = self._known(stream), self.streams.get(stream, ())
            groups = entries.groups if isinstance(entries, KeptEntries) and self._as_kept else grouped(known)
            grouping = self._groups[stream] = groups, known[-1][0] if known else 0
        groups, last = grouping
        found = groups.get(kind, ())
        return found[: bisect_right(found, last, key=itemgetter(0))]

    def _acts_of(self, stream: str) -> Acts:
        """Resolved over the whole stream: an id names an entry among all of it, not among a few types."""
        acts = self._acts.get(stream)
        if acts is None:
            said = sorted([*self._group(stream, Corrected), *self._group(stream, Retracted)], key=itemgetter(0))
            acts = self._acts[stream] = settled(said, self._named(stream, said)) if said else Acts(set(), {})
        return acts

    def _named(self, stream: str, acts: list[Known]) -> Mapping[str, Sequence[int]]:
        entries = self.streams.get(stream, ())
        if isinstance(entries, KeptEntries) and self._as_kept:
            return entries.named(targets_of(acts))
        return where_named(self._known(stream), targets_of(acts))

    @cached_property
    def last_known_at(self) -> Instant:
        """When the contract's latest entry became known, in whole seconds."""
        known = self._known(self._own_stream)
        return seconds(max(map(itemgetter(2), known), default=self.started.known_at))

    @cached_property
    def frame(self) -> list[Fact]:
        """The standing facts of the stream `ledger`: terms and calendars.

        They frame what is judged rather than being learnt of the contract, so the first version of each
        booklet and calendar counts as known from the beginning; what came after it only when known.
        """
        known: dict[int, Known] = {each[0]: each for each in self._known("ledger")}
        named: set[tuple[type[Event], str]] = set()
        for position, entry in self.streams.get("ledger", ()):
            event = entry.event
            if isinstance(event, TermsVersionPublished | CalendarPublished) and position not in self.without:
                name = (type(event), event.terms if isinstance(event, TermsVersionPublished) else event.calendar)
                if name not in named:
                    named.add(name)
                    known.setdefault(position, (position, entry, entry.recorded_at))
        return standing([known[position] for position in sorted(known)])

    # --- the contract and its services ---

    @cached_property
    def started(self) -> Fact:
        """The fact that opened the contract. Raises `Refused("unknown_contract")` when not known yet."""
        opened = self.own(ContractStarted)
        if opened:
            return opened[0]
        when = f"up to position {self.position}" if self.known_at is None else f"at {self.known_at.isoformat()}"
        raise Refused("unknown_contract", f"the ledger knows no contract {self.contract!r} {when}")

    @cached_property
    def _services(self) -> dict[str, Spans]:
        """The services the contract runs on, each with the spans of time it is on it."""
        found: dict[str, Spans] = {}
        for fact in self.own(ContractStarted, ServiceAssigned, ServiceUnassigned):
            event = fact.event
            if isinstance(event, ContractStarted):
                for service in event.services:
                    found[f"service:{service}"] = span(seconds(event.service_start), FOREVER)
            elif isinstance(event, ServiceAssigned):
                stream = f"service:{event.service}"
                found[stream] = union(found.get(stream, NEVER), span(seconds(event.effective_from), FOREVER))
            elif isinstance(event, ServiceUnassigned):
                stream = f"service:{event.service}"
                found[stream] = difference(found.get(stream, NEVER), span(seconds(event.effective_from), FOREVER))
        return found

    @property
    def services(self) -> list[str]:
        """The streams of the services the contract is or was on."""
        return list(self._services)

    def assigned(self, stream: str) -> Spans:
        """When facts of a stream count for this contract: always for its own."""
        return ALWAYS if stream.startswith("contract:") else self._services.get(stream, NEVER)

    def counts(self, fact: Fact, at: Instant) -> bool:
        """Whether a fact that happened at an instant counts for this contract."""
        return fact.stream.startswith("contract:") or contains(self.assigned(fact.stream), at)

    @cached_property
    def in_force(self) -> Spans:
        """The service period: from service start to termination, suspensions taken out, half-open."""
        started = self.started.event
        period = span(seconds(started.service_start), FOREVER)
        suspended_at: Instant | None = None
        for fact in self.own(ContractSuspended, ContractResumed, ContractTerminated):
            event = fact.event
            if isinstance(event, ContractSuspended):
                suspended_at = seconds(event.effective_from)
            elif isinstance(event, ContractResumed) and suspended_at is not None:
                period = difference(period, span(suspended_at, seconds(event.effective_from)))
                suspended_at = None
            elif isinstance(event, ContractTerminated):
                period = difference(period, span(seconds(event.effective_from), FOREVER))
        if suspended_at is not None:
            period = difference(period, span(suspended_at, FOREVER))
        return period

    def scope_at(self, at: Instant) -> Scope:
        """Plan, users, options and tenancy in force at an instant (articles 3 and 13)."""
        scope = Scope.of(self.started)
        for fact in self.scope_changes:
            if seconds(fact.event.effective_from) <= at:
                scope.take(fact)
        return scope

    @cached_property
    def scope_changes(self) -> list[Fact]:
        """The facts that changed what the contract covers, in the order in which they take effect."""
        found = self.own(OptionSubscribed, OptionCancelled, ContractScopeChanged)
        return sorted(found, key=lambda fact: (seconds(fact.event.effective_from), fact.position))

    def adopted_at(self, at: Instant) -> list[Fact]:
        """The readings adopted for the contract and in force at an instant, oldest first."""
        return [f for since, f in self._adopted if since <= at]

    @property
    def adopted_from(self) -> list[Instant]:
        """The instants from which readings adopted for the contract take effect, oldest first."""
        return [since for since, _ in self._adopted]

    @cached_property
    def _adopted(self) -> list[tuple[Instant, Fact]]:
        found = [(seconds(f.event.effective_from), f) for f in self.own(ReadingAdopted)]
        return sorted(found, key=lambda pair: (pair[0], pair[1].position))

    def name(self, fact: Fact, identity: str) -> str:
        """How a thing is called in answers: its id, with its service where another stream uses the same."""
        if fact.stream.startswith("contract:") or not self._services:
            return identity
        kind = type(fact.event)
        field = kind.__struct_fields__[0]
        others = {f.stream for f in self.of(kind) if getattr(f.event, field) == identity}
        return identity if others == {fact.stream} else f"{fact.stream.partition(':')[2]}/{identity}"


class Scope:
    """What the contract covers at an instant; `positions` are the entries that made it so."""

    def __init__(self) -> None:
        self.plan = "open"
        self.users = 0
        self.single_tenant = False
        self.options: set[str] = set()
        self.data_pack_quantity: int | None = None
        self.positions: list[int] = []

    @classmethod
    def of(cls, started: Fact) -> Scope:
        scope = cls()
        event = started.event
        scope.plan, scope.users, scope.single_tenant = event.plan, event.production_named_users, event.single_tenant
        scope.options = set(event.options)
        scope.data_pack_quantity = event.data_pack_quantity
        scope.positions = list(started.positions)
        return scope

    def take(self, fact: Fact) -> None:
        event = fact.event
        if isinstance(event, OptionSubscribed):
            self.options.add(event.option)
        elif isinstance(event, OptionCancelled):
            self.options.discard(event.option)
        elif isinstance(event, ContractScopeChanged):
            self.plan = event.plan or self.plan
            self.users = event.production_named_users if event.production_named_users is not None else self.users
            self.single_tenant = self.single_tenant if event.single_tenant is None else event.single_tenant
            if event.data_pack_quantity is not None:
                self.data_pack_quantity = event.data_pack_quantity
        else:
            return
        self.positions += fact.positions


def _position(fact: Fact) -> int:
    return fact.position


def positions_of(*facts: Iterable[Fact]) -> tuple[int, ...]:
    """The positions of the entries these facts rest on, in order, each once."""
    return tuple(sorted(set(chain.from_iterable(fact.positions for group in facts for fact in group))))
