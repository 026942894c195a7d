"""By what a fact is judged: the terms in force, the reading of them, and the calendar, at an instant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from msgspec import Struct

from ledger.corrections import Fact
from ledger.errors import Refused
from ledger.events import CalendarPublished, ContractScopeChanged, TermsVersionPublished
from ledger.history import History
from ledger.readings import DEFAULT, Reading
from ledger.spans import Instant, seconds
from ledger.terms import Terms, calendar_for, parse_terms
from ledger.workdays import Calendar, CalendarData
from projections.watched import LookedAt, WatchedReading, watched_calendar

T = TypeVar("T")


class Frame(Struct, frozen=True, kw_only=True):
    """Terms, reading and calendar in force at one instant, with the entries that brought them."""

    terms: Terms
    reading: Reading
    calendar: Calendar
    terms_version: str  # "cegid-expert 2025-06"
    calendar_version: str
    because: tuple[int, ...]
    comparing: bool = False  # only verdicts are compared: a rule may leave `first_knowable_at` out


class Frames:
    """The frames of one contract over time: `at` an instant, under the question's own switches.

    Terms and readings change from an instant (`effective_from`) on; a rule over a period asks for the
    frame at the period's first instant. A switch named by the question wins over any adopted reading.
    """

    def __init__(
        self, history: History, switches: Mapping[str, str] | None = None, looked_at: LookedAt | None = None,
        shared: dict[Any, Any] | None = None,
    ) -> None:  # fmt: skip
        self._history = history
        self._looked_at = looked_at  # filled with the switches a rule looks at, when given
        self._shared = shared  # by several frames of one history: what no reading bears on
        self._switches = dict(switches or {})
        DEFAULT.with_switches(self._switches)  # refuse unknown ones at once
        self._found: dict[int, Frame] = {}  # by how many changes had taken effect

    def at(self, instant: Instant) -> Frame:
        """The frame in force at an instant. Raises `Refused("unknown_terms")`."""
        changes = bisect_right(self._changes, instant)
        found = self._found.get(changes)
        if found is None:
            found = self._found[changes] = self._at(instant)
        return found

    @cached_property
    def _changes(self) -> list[Instant]:
        """When anything takes effect that a frame is made of: between two of these it is one and the same."""
        history = self._history
        published = [f for f in history.frame if isinstance(f.event, TermsVersionPublished | CalendarPublished)]
        facts = [*published, *history.scope_changes]
        return sorted({*(seconds(f.event.effective_from) for f in facts), *history.adopted_from})

    def _at(self, instant: Instant) -> Frame:
        terms_fact, named_by = self._terms(instant)
        adopted = self._history.adopted_at(instant)
        calendar_fact = self._calendar(terms_fact, instant)
        return self._frame(terms_fact, calendar_fact, [*named_by, *adopted], adopted)

    def once(self, work: Callable[[History], T]) -> T:
        """What is read in the history alone, under no reading: done once for all frames that share it."""
        if self._shared is None:
            return work(self._history)
        if work not in self._shared:
            self._shared[work] = work(self._history)
        found: T = self._shared[work]
        return found

    def with_switches(self, switches: Mapping[str, str]) -> Frames:
        """The same frames with other switches set by the question."""
        return Frames(self._history, {**self._switches, **switches})

    def _frame(self, terms_fact: Fact, calendar_fact: Fact | None, because: list[Fact], adopted: list[Fact]) -> Frame:
        reading = DEFAULT
        for fact in adopted:
            reading = reading.with_switches(fact.event.switches)
        reading = reading.with_switches(self._switches)
        terms = _parsed(_Same(terms_fact.event))
        published = None if calendar_fact is None else calendar_fact.event
        calendar = _calendar_for(_Same(terms_fact.event), _Same(published), reading.holidays)
        if self._looked_at is not None:
            reading = WatchedReading(reading, self._looked_at)
            if calendar_fact is not None and terms.calendar.named_list is None:
                calendar = watched_calendar(calendar, calendar_fact.event.lists, self._looked_at)
        facts = [terms_fact, *because] + ([] if calendar_fact is None else [calendar_fact])
        return Frame(
            terms=terms,
            reading=reading,
            calendar=calendar,
            terms_version=f"{terms_fact.event.terms} {terms_fact.event.version}",
            calendar_version="none" if calendar_fact is None else _version(calendar_fact.event),
            because=tuple(sorted({p for f in facts for p in f.positions})),
            comparing=self._looked_at is not None,
        )

    def _terms(self, instant: Instant) -> tuple[Fact, list[Fact]]:
        """The booklet's version in force, and the change of scope that put the contract on that booklet."""
        named, named_by = self._named_terms(instant)
        published = [f for f in self._history.frame if isinstance(f.event, TermsVersionPublished)]
        if named is None and published:
            named = published[0].event.terms
        return _in_force([f for f in published if f.event.terms == named], instant, f"booklet {named!r}"), named_by

    def _named_terms(self, instant: Instant) -> tuple[str | None, list[Fact]]:
        named: str | None = self._history.started.event.terms
        named_by: list[Fact] = []
        for fact in self._history.scope_changes:  # in the order in which they take effect
            event = fact.event
            if isinstance(event, ContractScopeChanged) and event.terms and seconds(event.effective_from) <= instant:
                named, named_by = event.terms, [fact]
        return named, named_by

    def _calendar(self, terms_fact: Fact, instant: Instant) -> Fact | None:
        wanted = _parsed(_Same(terms_fact.event)).calendar.id
        if wanted is None:
            return None
        published = [f for f in self._history.frame if isinstance(f.event, CalendarPublished)]
        return _in_force([f for f in published if f.event.calendar == wanted], instant, f"calendar {wanted!r}")


def _in_force(versions: list[Fact], instant: Instant, what: str) -> Fact:
    """The version in force at an instant: the latest that takes effect by then, else the first."""
    if not versions:
        raise Refused("unknown_terms", f"the ledger holds no {what}; record it with `service-ledger terms`")
    begun = [f for f in versions if seconds(f.event.effective_from) <= instant]
    return max(begun, key=lambda f: (seconds(f.event.effective_from), f.position)) if begun else versions[0]


class _Same:
    """An event as a key of a cache, which keeps it: the same one only, so that nothing is compared or encoded."""

    def __init__(self, event: Any) -> None:
        self.event = event

    def __hash__(self) -> int:
        return id(self.event)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.event is other.event


@lru_cache(maxsize=64)
def _parsed(published: _Same) -> Terms:
    return parse_terms(published.event.content)


@lru_cache(maxsize=64)
def _calendar_for(terms: _Same, published: _Same, holidays: str) -> Calendar:
    """The one calendar of these terms and this table (of no event: none), which then keeps its hash."""
    event = published.event
    tables = {} if event is None else {event.calendar: _calendar_data(event)}
    return calendar_for(_parsed(terms), tables, DEFAULT.with_switches({"holidays": holidays}))


def _calendar_data(event: Any) -> CalendarData:
    return CalendarData(
        id=event.calendar, version=event.version, zone=event.zone, first=event.first, last=event.last,
        lists=event.lists, source=event.origin,
    )  # fmt: skip


def _version(event: Any) -> str:
    return f"{event.calendar} {event.version}"
