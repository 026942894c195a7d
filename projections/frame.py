"""By what a fact is judged: the terms in force, the reading of them, and the calendar, at an instant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from msgspec import Struct, structs

from ledger.corrections import Fact
from ledger.errors import Refused
from ledger.events import CalendarPublished, ContractScopeChanged, Event, TermsVersionPublished
from ledger.history import History
from ledger.readings import DEFAULT, Reading
from ledger.spans import Instant, seconds
from ledger.terms import Terms, calendar_for, parse_terms
from ledger.workdays import Calendar, CalendarData
from projections.calendars import by_day, in_turn, place_at
from projections.watched import LookedAt, WatchedReading, differing, watched_calendar

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
        shared: dict[Any, Any] | None = None, *, comparing: bool = False,
    ) -> None:  # fmt: skip
        self._history = history
        self._looked_at = looked_at  # filled with the switches a rule looks at, when given
        self._shared = shared  # by several frames of one history: what no reading bears on
        self._comparing = comparing or looked_at is not None
        self._switches = dict(switches or {})
        DEFAULT.with_switches(self._switches)  # refuse unknown ones at once
        self._found: dict[int, Frame] = {}  # by how many changes had taken effect
        self._made: dict[Any, Any] = {}  # of this history, by what made it
        self._other: tuple[History, dict[Any, Any]] = history, self._made  # and of the last other one asked about

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
        versions = self._calendars(terms_fact)
        return self._frame(terms_fact, versions, place_at(versions, instant), [*named_by, *adopted], adopted)

    def calendars_within(self, start: Instant, end: Instant) -> list[tuple[Fact, str]]:
        """The versions of the calendar that take effect after `start` and before `end`, in turn, and their names."""
        versions = self._calendars(self._terms(start)[0])
        within = [f for f in versions[place_at(versions, start) + 1 :] if seconds(f.event.effective_from) < end]
        return [(fact, _version(fact.event)) for fact in within]

    def once(self, work: Callable[[History], T]) -> T:
        """What is read in the history alone, under no reading: done once for all frames that share it."""
        if self._shared is None:
            return work(self._history)
        if work not in self._shared:
            self._shared[work] = work(self._history)
        found: T = self._shared[work]
        return found

    def made(self, history: History, make: Callable[[History, Frames], T], kinds: Iterable[type[Event]]) -> T:
        """What `make` makes of a history under these frames: once for the history they are of, and for the last other.

        `kinds` are the facts it looks at; a history that notes what is asked of it hears of them each time.
        """
        if self._looked_at is not None:
            return make(history, self)
        if history is self._history:
            kept = self._made
        else:
            if history is not self._other[0]:
                self._other = history, {}
            kept = self._other[1]
        found: T | None = kept.get(make)
        if found is None:
            found = kept[make] = make(history, self)
        else:
            for kind in kinds:
                history.of(kind)
        return found

    def with_switches(self, switches: Mapping[str, str]) -> Frames:
        """The same frames with other switches set by the question."""
        return Frames(self._history, {**self._switches, **switches})

    @cached_property
    def comparing(self) -> Frames:
        """The same frames for who compares verdicts only: a rule may leave `first_knowable_at` out."""
        if self._comparing:
            return self
        return Frames(self._history, self._switches, shared=self._shared, comparing=True)

    def _frame(
        self, terms_fact: Fact, versions: list[Fact], place: int, because: list[Fact], adopted: list[Fact]
    ) -> Frame:
        facts = [terms_fact, *because, *versions[place : place + 1]]
        published = tuple(Same(fact.event) for fact in versions)
        frame = _framed(
            Same(terms_fact.event), published, place, tuple(sorted({p for f in facts for p in f.positions})),
            tuple(Same(fact.event) for fact in adopted), tuple(self._switches.items()), self._comparing,
        )  # fmt: skip
        if self._looked_at is None:
            return frame
        calendar = frame.calendar
        if published and frame.terms.calendar.named_list is None:
            lists, open_days = _table(published, place).lists, _open_days(published, place)
            calendar = watched_calendar(calendar, lists, open_days, self._looked_at)
        reading = WatchedReading(frame.reading, self._looked_at)
        return structs.replace(frame, reading=reading, calendar=calendar)

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

    def _calendars(self, terms_fact: Fact) -> list[Fact]:
        """The known versions of the calendar the terms name, in turn; none where they name none."""
        wanted = _parsed(Same(terms_fact.event)).calendar.id
        if wanted is None:
            return []
        published = [f for f in self._history.frame if isinstance(f.event, CalendarPublished)]
        versions = in_turn([f for f in published if f.event.calendar == wanted])
        if not versions:
            raise _unknown(f"calendar {wanted!r}")
        return versions


def _in_force(versions: list[Fact], instant: Instant, what: str) -> Fact:
    """The version in force at an instant: the latest that takes effect by then, else the first."""
    if not versions:
        raise _unknown(what)
    begun = [f for f in versions if seconds(f.event.effective_from) <= instant]
    return max(begun, key=lambda f: (seconds(f.event.effective_from), f.position)) if begun else versions[0]


def _unknown(what: str) -> Refused:
    return Refused("unknown_terms", f"the ledger holds no {what}; record it with `service-ledger terms`")


class Same:
    """A thing as a key of a cache, which keeps it: the same one only, so that nothing is compared or encoded."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.it is other.it


@lru_cache(maxsize=64)
def _parsed(published: Same) -> Terms:
    return parse_terms(published.it.content)


@lru_cache(maxsize=256)
def _framed(
    terms: Same, published: tuple[Same, ...], place: int, because: tuple[int, ...], adopted: tuple[Same, ...],
    switches: tuple[tuple[str, str], ...], comparing: bool,
) -> Frame:  # fmt: skip
    """The one frame of these facts, whichever history of the contract they are read in."""
    reading = DEFAULT
    for each in adopted:
        reading = reading.with_switches(each.it.switches)
    reading = reading.with_switches(dict(switches))
    return Frame(
        terms=_parsed(terms),
        reading=reading,
        calendar=_calendar_for(terms, published, place, reading.holidays),
        terms_version=f"{terms.it.terms} {terms.it.version}",
        calendar_version=_version(published[place].it) if published else "none",
        because=because,
        comparing=comparing,
    )


@lru_cache(maxsize=64)
def _calendar_for(terms: Same, published: tuple[Same, ...], place: int, holidays: str) -> Calendar:
    """The one calendar of these terms and this table (of no event: none), which then keeps its hash."""
    tables = {published[place].it.calendar: _table(published, place)} if published else {}
    return calendar_for(_parsed(terms), tables, DEFAULT.with_switches({"holidays": holidays}))


@lru_cache(maxsize=64)
def _table(published: tuple[Same, ...], place: int) -> CalendarData:
    return by_day([(seconds(each.it.effective_from), _calendar_data(each.it)) for each in published], place)


@lru_cache(maxsize=64)
def _open_days(published: tuple[Same, ...], place: int) -> tuple[date, ...]:
    return differing(_table(published, place).lists)


def _calendar_data(event: Any) -> CalendarData:
    return CalendarData(
        id=event.calendar, version=event.version, zone=event.zone, first=event.first, last=event.last,
        lists=event.lists, source=event.origin,
    )  # fmt: skip


def _version(event: Any) -> str:
    return f"{event.calendar} {event.version}"
