"""When a month's breach could first be known: the knowledge at which its sums first said so, found by leaps.

Asking the whole month again at each moment something was learnt costs the square of its entries. But what is
learnt of one thing moves the month's sum by no more than the seconds that thing ever claimed of it. So from a
moment at which the month had so many seconds to spare, every moment is passed over by which what was learnt since,
all taken at its worst, could not have used them up. Only where it could is the month asked again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

from ledger.errors import Refused
from ledger.history import History
from ledger.spans import FIRST, FOREVER, Instant, Spans, moment, union
from projections.bearing import ITSELF, Bearing, Near, Running, ThingKey, Told
from projections.exclusions import window
from projections.finding import earliest, first_true
from projections.tally import Tally, measure
from projections.unavailability import interruptions

Excess = Callable[[Tally], Fraction | None]  # above zero: broken; None: not to be said yet, so not broken


class Knowable:
    """When the months of one history could first be known to be broken, judged as now: by the frames they have."""

    def __init__(self, history: History) -> None:
        self._history = history

    @cached_property
    def _bearing(self) -> Bearing:
        return Bearing(self._history)

    def first(self, month: Tally, excess: Excess, *, anywhere: bool = False) -> Instant | None:
        """The earliest knowledge at which `excess` of the month was above zero; None when it never was.

        What counts lies in the reference hours, or `anywhere` in the month.
        """
        near = self._bearing.near(month.span, running_on=month.frame.reading.month_split != "split")
        upto = min(self._history.now + 1, FOREVER)  # what is known within its last second

        def beyond(known_at: Instant) -> Fraction | None:
            known = near.history.as_known(moment(known_at))
            try:
                return excess(measure(known, month.frame, month.label, month.span, interruptions(known)))
            except Refused as refused:
                if refused.code == "unknown_contract":
                    return None
                raise

        if not _bounded(month):
            return earliest(lambda known_at: (beyond(known_at) or 0) > 0, near.learnt, upto)
        return _leap(near, beyond, Seconds((month.span,) if anywhere else _counting(month)), upto)


def _bounded(month: Tally) -> bool:
    """Whether a thing moves the sum by its own seconds of the month at most, and time by those that pass."""
    reading = month.frame.reading
    return (reading.overlap, reading.month_split) == ("union", "split") and reading.prt_basis != "elapsed"


def _counting(month: Tally) -> Spans:
    """The seconds of the month that may count, whatever the service period: the hours, and a bare window (Amb-09)."""
    frame, span = month.frame, month.span
    hours = frame.calendar.opening(frame.terms.availability.week, span)
    return union(hours, window(frame, span)) if frame.reading.unannounced == "counts" else hours


def _leap(near: Near, beyond: Callable[[Instant], Fraction | None], counting: Seconds, upto: Instant) -> Instant | None:
    """As `earliest`, past every moment that the last one asked about shows to be too early."""
    moments = [m for m in near.learnt if FIRST < m <= upto]
    ends = [*(m - 1 for m in moments[1:]), upto]  # between two moments only time passes
    learning = Learning(near, counting)
    place = 0
    while place < len(moments):
        low = moments[place]
        excess = beyond(low)
        if excess is not None and excess > 0:
            return low
        learning.begin(low)
        spare = -(excess or 0)
        while learning.moved(ends[place]) <= spare:
            place += 1
            if place == len(moments):
                return None
            learning.upto(moments[place])
            if learning.moved(moments[place]) > spare:
                break
        else:
            low, high = moments[place], ends[place]  # at `low` it is not broken; by `high` it may be
            if high > low and (beyond(high) or 0) > 0:
                return first_true(lambda known_at: (beyond(known_at) or 0) > 0, low, min(high, FOREVER))
            place += 1
    return None


class Seconds:
    """A set of seconds, to be asked how many of them lie between two instants."""

    def __init__(self, spans: Spans) -> None:
        self._starts = [start for start, _ in spans]
        self._spans = spans
        self._before = [0, *accumulate(end - start for start, end in spans)]

    def between(self, start: Instant, end: Instant) -> int:
        return max(0, self._up_to(end) - self._up_to(start))

    def _up_to(self, instant: Instant) -> int:
        place = bisect_right(self._starts, instant)
        if place == 0:
            return 0
        start, end = self._spans[place - 1]
        return self._before[place - 1] + min(instant, end) - start


class Learning:
    """By how much what was learnt since a moment may have moved a month's sum, at its worst, in seconds.

    A thing learnt of counts whole: from the first instant any version of it tells to the last, or to the moment
    looked at while it may be running. So do the exclusions that name it, and the outages an exclusion names: what
    is learnt of one decides how the other stands. What runs unheard of counts the time that passes. What the
    contract says of itself moves everything.
    """

    def __init__(self, near: Near, counting: Seconds) -> None:
        self._near = near
        self._counting = counting
        self._told = sorted(((near.known_at(told), n) for n, told in enumerate(near.told)), reverse=True)
        self._kin = _kin(near)
        self._states: dict[ThingKey, Running] = {}
        self._running: set[ThingKey] = set()
        self.begin(FIRST)

    def begin(self, instant: Instant) -> None:
        """Counts anew from an instant: all known by then is known."""
        self._take(instant)
        self._since = instant
        self._ran = frozenset(self._running)
        self._whole = 0  # of the things learnt of that are over
        self._amounts: dict[ThingKey, int] = {}
        self._heard: dict[ThingKey, Instant] = {}  # of those that run, from when
        self._bounds_moved = False

    def upto(self, instant: Instant) -> None:
        """Learns what became known up to an instant."""
        for told in self._take(instant):
            self._bounds_moved = self._bounds_moved or told.thing[1:] == ITSELF
            for thing in (told.thing, *self._kin.get(told.thing, ())):
                self._count(thing)

    def moved(self, instant: Instant) -> int:
        """The most by which the sum may differ between the two instants."""
        if self._bounds_moved:
            return FOREVER
        moved = self._whole
        if self._running:
            unheard = len(self._running) > len(self._heard)
            start = min([*self._heard.values(), *([self._since] if unheard else [])])
            moved += self._counting.between(start, instant)
        return moved

    def _take(self, instant: Instant) -> list[Told]:
        taken = []
        while self._told and self._told[-1][0] <= instant:
            told = self._near.told[self._told.pop()[1]]
            state = self._states.setdefault(told.thing, Running())
            state.take(told.turn)
            (self._running.add if state else self._running.discard)(told.thing)
            taken.append(told)
        return taken

    def _count(self, thing: ThingKey) -> None:
        reach = self._near.reaches[thing]
        self._heard.pop(thing, None)
        self._whole -= self._amounts.pop(thing, 0)
        if thing in self._running:
            self._heard[thing] = reach.first
            return
        until = max(reach.until, self._since) if thing in self._ran else reach.until
        self._amounts[thing] = self._counting.between(reach.first, until)
        self._whole += self._amounts[thing]


def _kin(near: Near) -> dict[ThingKey, set[ThingKey]]:
    """The exclusions that name an outage, by any version, what is so called, and the other way."""
    named: dict[str, set[ThingKey]] = {}
    for thing, reach in near.reaches.items():
        for outage in reach.outages or ():
            named.setdefault(outage, set()).add(thing)
    if named:
        for thing in near.reaches:
            if thing[1] in ("outage", "claim") and thing[2] in named:
                named[thing[2]].add(thing)
    found: dict[ThingKey, set[ThingKey]] = {}
    for family in named.values():
        for thing in family:
            found.setdefault(thing, set()).update(family - {thing})
    return found
