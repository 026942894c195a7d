"""By what a fact is judged: the terms in force, the reading of them, and the calendar, at an instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
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
        self._found: dict[tuple[int, int, tuple[int, ...]], Frame] = {}

    def at(self, instant: Instant) -> Frame:
        """The frame in force at an instant. Raises `Refused("unknown_terms")`."""
        terms_fact, named_by = self._terms(instant)
        adopted = self._history.adopted_at(instant)
        calendar_fact = self._calendar(terms_fact, instant)
        key = (terms_fact.position, -1 if calendar_fact is None else calendar_fact.position,
               tuple(f.position for f in (*named_by, *adopted)))  # fmt: skip
        if key not in self._found:
            self._found[key] = self._frame(terms_fact, calendar_fact, [*named_by, *adopted], adopted)
        return self._found[key]

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
        terms = _parsed(_Content(terms_fact.event))
        calendars = {} if calendar_fact is None else {calendar_fact.event.calendar: _calendar_data(calendar_fact.event)}
        calendar = calendar_for(terms, calendars, reading)
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
        wanted = _parsed(_Content(terms_fact.event)).calendar.id
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


class _Content:
    """A terms event as a key of the cache: by identity of its content."""

    def __init__(self, event: TermsVersionPublished) -> None:
        self.content = event.content
        self.key = (event.terms, event.version, msgspec.json.encode(event.content))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self.key == other.key


@lru_cache(maxsize=64)
def _parsed(content: _Content) -> Terms:
    return parse_terms(content.content)


def _calendar_data(event: Any) -> CalendarData:
    return CalendarData(
        id=event.calendar, version=event.version, zone=event.zone, first=event.first, last=event.last,
        lists=event.lists, source=event.origin,
    )  # fmt: skip


def _version(event: Any) -> str:
    return f"{event.calendar} {event.version}"
