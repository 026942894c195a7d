"""Half-open spans of time and their algebra, in whole seconds, so that no second is lost or twice.

An instant is an `int`: seconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX). A span
is `(start, end)` with `start < end`, and holds every second `start <= s < end`. A `Spans` is a tuple
of spans in order, disjoint and never touching: one set of seconds has exactly one such tuple, so
equality of sets is `==`. Every function takes and gives `Spans` in that form; `union` also takes any
spans at all, in any order, empty ones included, and is how the form is made.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import chain

Instant = int
Span = tuple[Instant, Instant]
Spans = tuple[Span, ...]

NEVER: Spans = ()
FIRST: Instant = -62135596800  # 0001-01-01T00:00:00Z
FOREVER: Instant = 253402300799  # 9999-12-31T23:59:59Z
ALWAYS: Spans = ((FIRST, FOREVER),)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def seconds(moment: datetime) -> Instant:
    """The instant of an aware datetime; a fraction of a second is dropped towards the past."""
    return (moment - _EPOCH) // _SECOND


def moment(instant: Instant) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(seconds=instant)


def span(start: Instant, end: Instant) -> Spans:
    """The seconds `start <= s < end`; none when `end <= start`."""
    return ((start, end),) if start < end else NEVER


def union(*parts: Iterable[Span]) -> Spans:
    """The seconds in any of the parts, each once."""
    ordered = [s for s in chain.from_iterable(parts) if s[0] < s[1]]
    if len(ordered) < 2:
        return tuple(ordered)
    ordered.sort()
    joined: list[Span] = []
    start, end = ordered[0]
    for next_start, next_end in ordered[1:]:
        if next_start > end:
            joined.append((start, end))
            start, end = next_start, next_end
        elif next_end > end:
            end = next_end
    joined.append((start, end))
    return tuple(joined)


def intersection(a: Spans, b: Spans) -> Spans:
    """The seconds in both."""
    if not a or not b:
        return NEVER
    if len(b) == 1 and b[0][0] <= a[0][0] and a[-1][1] <= b[0][1]:
        return a  # mostly so: cut to what holds it whole
    common: list[Span] = []
    i, j = _before(a, b[0][0]), _before(b, a[0][0])
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if start < end:
            common.append((start, end))
        if a[i][1] <= b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


def difference(a: Spans, b: Spans) -> Spans:
    """The seconds of `a` that are not in `b`."""
    if not a or not b:
        return a
    left: list[Span] = []
    j = _before(b, a[0][0])
    for start, end in a:
        while j < len(b) and b[j][1] <= start:
            j += 1
        k, cursor = j, start
        while k < len(b) and b[k][0] < end:
            if b[k][0] > cursor:
                left.append((cursor, b[k][0]))
            cursor = max(cursor, b[k][1])
            k += 1
        if cursor < end:
            left.append((cursor, end))
    return tuple(left)


def _before(spans: Spans, instant: Instant) -> int:
    """The place of the last span that begins by an instant, or the first: none before it reaches beyond."""
    return max(0, bisect_right(spans, (instant, FOREVER + 1)) - 1) if len(spans) > 4 else 0


def length(spans: Spans) -> int:
    """How many seconds, counted once each."""
    return sum(end - start for start, end in spans)


def contains(spans: Spans, instant: Instant) -> bool:
    """Whether the second that begins at `instant` is in the set."""
    place = bisect_right(spans, (instant, FOREVER + 1))
    return place > 0 and instant < spans[place - 1][1]
