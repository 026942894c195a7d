"""How long an answer stays the same: what it looked at of a history, and at which moment it may turn.

A `Now` stands for the knowledge instant and notes each comparison made with it; a `Watched` history notes the
types of facts a rule asks for. As long as no fact of those types is added and every comparison would come out
alike, the rule would take the same steps: its answer is the same, and need not be computed again. Whatever
cannot be followed so (arithmetic that ends in a figure, a hash, a date made of it) ends the answer's validity
with the second it was computed for; what Python's C code cannot take at all raises `TypeError`, and `followed`
then computes with a plain instant. So a mistake here costs time, not truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import total_ordering
from typing import Any, TypeVar

from ledger import events as e
from ledger.corrections import Fact, Known
from ledger.events import Event
from ledger.history import History
from ledger.kept_entries import Entries
from ledger.spans import FOREVER, Instant, seconds

T = TypeVar("T")
ANY = "any"  # looked at the entries themselves: whatever is added may bear on it
# what every answer may rest on, through the history's own properties: those facts are rare
FRAMING: frozenset[str] = frozenset(
    kind.__name__
    for kind in (
        e.ContractStarted, e.ContractSuspended, e.ContractResumed, e.ContractTerminated, e.ServiceAssigned,
        e.ServiceUnassigned, e.OptionSubscribed, e.OptionCancelled, e.ContractScopeChanged, e.ReadingAdopted,
        e.Corrected, e.Retracted,
    )
)  # fmt: skip


class Watch:
    """What one computation looked at. `until` is the first second at which its answer may differ."""

    def __init__(self) -> None:
        self.kinds: set[str] = set(FRAMING)
        self.until: Instant = FOREVER

    def by(self, instant: Instant) -> None:
        """The answer may be another from this instant on."""
        self.until = min(self.until, instant)


@total_ordering
class Now:
    """The knowledge instant as a rule sees it: an `int` that notes what it is compared with.

    Knowledge only moves on, so that of each comparison only the later turning is noted. Plain whole numbers
    added or taken away give a `Now` beside it; anything else gives a plain number and ends the validity.
    """

    __slots__ = ("_shift", "_value", "_watched")

    def __init__(self, value: Instant, watched: Callable[[], Watch], shift: int = 0) -> None:
        self._value = value  # of the knowledge instant itself
        self._shift = shift
        self._watched = watched

    def _exact(self) -> int:
        self._watched().by(self._value + 1)
        return self._value + self._shift

    def __lt__(self, other: Any) -> bool:
        if isinstance(other, Now):
            return self._shift < other._shift  # both move on together
        if type(other) is not int:
            return self._exact() < other  # type: ignore[no-any-return]
        if self._value + self._shift < other:
            self._watched().by(other - self._shift)
            return True
        return False

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Now):
            return self._shift == other._shift
        if type(other) is not int:
            return self._exact() == other
        if self._value + self._shift == other:
            self._watched().by(self._value + 1)
            return True
        if self._value + self._shift < other:
            self._watched().by(other - self._shift)
        return False

    def __hash__(self) -> int:
        return hash(self._exact())

    def __add__(self, other: Any) -> Any:
        return Now(self._value, self._watched, self._shift + other) if type(other) is int else self._exact() + other

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Now):
            return self._shift - other._shift
        return Now(self._value, self._watched, self._shift - other) if type(other) is int else self._exact() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self._exact()

    def __mul__(self, other: Any) -> Any:
        return self._exact() * other

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return self._exact() // other

    def __mod__(self, other: Any) -> Any:
        return self._exact() % other

    def __index__(self) -> int:
        return self._exact()

    __int__ = __index__

    def __bool__(self) -> bool:
        return bool(self._exact())

    def __repr__(self) -> str:
        return repr(self._exact())

    __str__ = __repr__


class Watched(History):
    """A history that notes, in `watch`, the types of facts asked for.

    `position` and `without` bound what is read and are no figure of any answer; they note nothing more.
    """

    def __init__(
        self, contract: str, streams: Mapping[str, Entries], *, position: int, now: Instant, knowledge: str = "recorded"
    ) -> None:
        self.watch = Watch()
        self._told: Mapping[str, Entries] = {}
        self._quiet = 0  # above 0, a property that notes its own types is at work
        self.second = now  # the knowledge instant itself: whoever reads it says `watch.by` when that matters
        watching: Any = Now(now, lambda: self.watch)
        super().__init__(contract, streams, known_at=None, position=position, now=watching, knowledge=knowledge)

    @property
    def streams(self) -> Mapping[str, Entries]:
        """The entries themselves."""
        if not self._quiet:
            self.watch.kinds.add(ANY)
        return self._told

    @streams.setter
    def streams(self, told: Mapping[str, Entries]) -> None:
        self._told = told

    def told(self, *kinds: type[Event]) -> Mapping[str, Entries]:
        self.watch.kinds.update(kind.__name__ for kind in kinds)
        return self._told

    def last_known_position(self, stream: str) -> int:
        """What lies beyond it is looked at by nobody, so that of which types it is need not be noted."""
        return self._quietly(lambda: History.last_known_position(self, stream))

    def as_known(self, known_at: datetime) -> History:
        """As the history's own. What was known by an earlier second of recording, no later entry alters."""
        if self.knowledge == "recorded" and seconds(known_at) < self.second:
            return self._quietly(lambda: History.as_known(self, known_at))
        return History.as_known(self, known_at)

    def of(self, *kinds: type[Event]) -> list[Fact]:
        self.watch.kinds.update(kind.__name__ for kind in kinds)
        return super().of(*kinds)

    def own(self, *kinds: type[Event]) -> list[Fact]:
        self.watch.kinds.update(kind.__name__ for kind in kinds)
        return super().own(*kinds)

    def _of_stream(self, stream: str, kinds: tuple[type[Event], ...]) -> list[Fact]:
        return self._quietly(lambda: History._of_stream(self, stream, kinds))

    @property
    def frame(self) -> list[Fact]:
        """Terms and calendars: an entry in the stream `ledger` ends the validity of everything."""
        found = self.__dict__.get("_frame")
        if found is None:
            found = self.__dict__["_frame"] = self._quietly(lambda: _property("frame")(self))
        return found

    @property
    def last_known_at(self) -> Instant:
        return seconds(max((known[2] for known in self._known(self._own_stream)), default=self.started.known_at))

    @property
    def facts(self) -> list[Fact]:
        return _property("facts")(self)

    @property
    def own_facts(self) -> list[Fact]:
        return _property("own_facts")(self)

    def _known(self, stream: str) -> list[Known]:
        if not self._quiet:
            self.watch.kinds.add(ANY)
        return self._quietly(lambda: History._known(self, stream))

    def _quietly(self, act: Callable[[], T]) -> T:
        self._quiet += 1
        try:
            return act()
        finally:
            self._quiet -= 1


def _property(name: str) -> Callable[[History], list[Fact]]:
    """How `History` works a cached property out."""
    found: Callable[[History], list[Fact]] = History.__dict__[name].func
    return found


def followed(history: Watched, rule: Callable[[History], T]) -> tuple[T, Watch]:
    """What a rule answers of a history, and how long that holds. The rule turns its answer into plain values."""
    watch = history.watch = Watch()
    now: Any = history.now
    try:
        return rule(history), watch
    except TypeError:  # C code that takes no `Now`
        history.now = now._exact()
        try:
            return rule(history), watch
        finally:
            history.now = now
