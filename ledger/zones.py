"""Between instants and wall clocks, in any zone of the IANA database, as whole seconds.

A wall clock is read as seconds since its own 1970-01-01 00:00 ("wall seconds"): date and time of day,
no zone. Between two changes of offset it runs along UTC, so time is cut in pieces of one offset each,
and whatever holds on the wall clock holds in time after a shift per piece. The rules are those of the
`tzdata` package and never the machine's: a question gives the same seconds everywhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from tzdata import IANA_VERSION

from ledger.errors import Refused
from ledger.spans import FIRST, FOREVER, Instant, moment

TZ_VERSION: str = IANA_VERSION  # the release of the rules in use, such as "2026a"; answers name it

DAY = 86_400  # seconds on a wall clock; in time a day may have an hour more or less
Piece = tuple[Instant, Instant, int]  # start, end, seconds east of UTC

_PROBE = 5 * DAY  # two changes of one zone lie 6.9 days apart or more, everywhere in tzdata
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal()
_SECOND = timedelta(seconds=1)


def wall_seconds(zone: str, at: Instant) -> int:
    """What the zone's wall clock shows at an instant."""
    year = _year_pieces(zone, year_of(at))
    return at + next((offset for _, end, offset in year if at < end), year[-1][2])  # the last one goes on for ever


def local_moment(zone: str, at: Instant) -> datetime:
    """The instant as an aware datetime of the zone; `Refused("calendar_out_of_range")` beyond datetimes."""
    try:
        return moment(at).astimezone(rules(zone))
    except OverflowError as error:
        raise beyond(f"instant {at}") from error


@lru_cache(maxsize=8192)
def instant_at(zone: str, wall: int, fold: int = 0) -> Instant:
    """The instant a wall clock shows that.

    A time clocks jump over gives the instant of the jump. A time shown twice gives the first instant,
    the second with `fold=1`.
    """
    near = tuple(pieces(zone, wall - 2 * DAY, wall + 2 * DAY))
    shown = [wall - offset for start, end, offset in near if start <= wall - offset < end]
    if shown:
        return shown[-1] if fold else shown[0]
    for start, _, offset in near:
        if wall - offset < start:  # the clock jumps over it when this piece starts
            return start
    raise beyond(f"second {wall} of the wall clock")


def pieces(zone: str, start: Instant, end: Instant) -> Iterator[Piece]:
    """`[start, end)` cut where the offset changes, in order (and at each new year of UTC)."""
    for year in range(year_of(start), year_of(end - 1) + 1):
        for piece_start, piece_end, offset in _year_pieces(zone, year):
            if piece_start < end and start < piece_end:
                yield max(piece_start, start), min(piece_end, end), offset


@lru_cache(maxsize=1024)
def _year_pieces(zone: str, year: int) -> tuple[Piece, ...]:
    end = (day_number(date(year, 12, 31)) + 1) * DAY
    piece = start = day_number(date(year, 1, 1)) * DAY
    offset = _offset(zone, start)
    found: list[Piece] = []
    while start < end - 1:
        probe = min(start + _PROBE, end - 1)
        if _offset(zone, probe) != offset:
            probe = _change(zone, start, probe, offset)
            found.append((piece, probe, offset))
            piece, offset = probe, _offset(zone, probe)
        start = probe
    return (*found, (piece, end, offset))


def _change(zone: str, start: Instant, end: Instant, offset: int) -> Instant:
    """The first instant after `start` whose offset is another; `end` has one."""
    return start + bisect_left(range(start, end), True, key=lambda at: _offset(zone, at) != offset)


def _offset(zone: str, at: Instant) -> int:
    """Seconds east of UTC. The outermost two days of datetimes cannot be shifted: as the days beside them."""
    utc = moment(min(max(at, FIRST + 2 * DAY), FOREVER - 2 * DAY))
    return (utc.astimezone(rules(zone)).replace(tzinfo=UTC) - utc) // _SECOND


@lru_cache(maxsize=64)
def rules(zone: str) -> ZoneInfo:
    """The zone's rules, from the `tzdata` package; `Refused("bad_zone")` for a name that is not there."""
    if zone not in _names():
        raise Refused("bad_zone", f"{zone!r} is not a time zone of the IANA database ({TZ_VERSION})")
    from importlib import resources

    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as table:
        return ZoneInfo.from_file(table, key=zone)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    from importlib import resources  # slower to import than all of this module

    return frozenset((resources.files("tzdata") / "zones").read_text("ascii").split())


# --- days of a wall clock by number, 0 is 1970-01-01 ---


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def day_of(number: int) -> date:
    """The date that many days after 1970-01-01; `Refused("calendar_out_of_range")` beyond years 1 to 9999."""
    if not 1 <= number + _EPOCH_DAY <= _LAST_DAY:
        raise beyond(f"day {number} since 1970-01-01")
    return date.fromordinal(number + _EPOCH_DAY)


def shifted(day: date, days: int) -> date:
    """That many days later, or earlier; refused as `day_of`."""
    return day_of(day_number(day) + days)


def year_of(seconds: int) -> int:
    """The year of that second since 1970; the nearest of years 1 to 9999 beyond them."""
    return date.fromordinal(min(max(seconds // DAY + _EPOCH_DAY, 1), _LAST_DAY)).year


def beyond(what: str) -> Refused:
    """The refusal of what no date can name."""
    return Refused("calendar_out_of_range", f"{what} lies beyond the years 1 to 9999")
