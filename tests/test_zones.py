"""Wall clocks of real zones: the ordinary, the half-hour, the skipped date and the midnight change."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from io import BytesIO
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.spans import FIRST, FOREVER, moment, seconds
from ledger.zones import (
    _PROBE,
    DAY,
    day_number,
    day_of,
    instant_at,
    local_moment,
    pieces,
    rules,
    shifted,
    wall_seconds,
    year_of,
)

ZONES = [
    "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "America/Sao_Paulo",
    "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Asia/Gaza", "Africa/Monrovia", "Europe/Dublin",
]  # fmt: skip
EPOCH = datetime(1970, 1, 1)


def wall(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(seconds=1)


def utc(text: str) -> int:
    return seconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def table(zone: str) -> bytes:
    return resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()


@cache
def plain(zone: str) -> ZoneInfo:
    """The package's rules, as the machine's may be older: Morocco's differ from one release to the next."""
    return ZoneInfo.from_file(BytesIO(table(zone)))


def shown(zone: str, at: int) -> int:
    """What a wall clock shows, by plain datetimes."""
    return (moment(at).astimezone(plain(zone)).replace(tzinfo=None) - EPOCH) // timedelta(seconds=1)


def changes(tzif: bytes) -> list[int]:
    """The instants a TZif file (RFC 9636, version 2 block) changes the offset at."""

    def counts(at: int) -> tuple[int, ...]:
        return struct.unpack(">6l", tzif[at + 20 : at + 44])

    utc_marks, std_marks, leaps, times, types, letters = counts(0)
    start = 44 + times * 5 + types * 6 + letters + leaps * 8 + std_marks + utc_marks
    times, types = counts(start)[3:5]
    start += 44
    at = struct.unpack(f">{times}q", tzif[start : start + 8 * times])
    of = tzif[start + 8 * times : start + 9 * times]
    first_type = start + 9 * times
    offsets = [struct.unpack_from(">l", tzif, first_type + 6 * kind)[0] for kind in of]
    return [a for a, before, after in zip(at[1:], offsets, offsets[1:], strict=False) if before != after]


instants = st.integers(utc("1900-01-01"), utc("2120-01-01"))
anywhere = st.tuples(st.sampled_from(ZONES), instants)
near_changes = st.builds(
    lambda change, away: (change[0], change[1] + away),
    st.sampled_from([(zone, at) for zone in ZONES for at in changes(table(zone))]),
    st.integers(-2 * 3600, 2 * 3600) | st.integers(-2, 2),
)


@given(anywhere | near_changes)
def test_a_wall_clock_shows_what_plain_datetimes_show(place: tuple[str, int]) -> None:
    zone, at = place
    assert wall_seconds(zone, at) == shown(zone, at)
    assert local_moment(zone, at).astimezone(UTC) == moment(at)


@given(anywhere | near_changes, st.integers(1, 500 * DAY))
def test_pieces_tile_the_time_and_each_has_the_one_offset_it_says(place: tuple[str, int], size: int) -> None:
    zone, start = place
    found = list(pieces(zone, start, start + size))
    assert found[0][0] == start
    assert found[-1][1] == start + size
    assert all(a[1] == b[0] for a, b in pairwise(found))
    for piece_start, piece_end, offset in found:
        for at in {piece_start, (piece_start + piece_end) // 2, piece_end - 1}:
            assert shown(zone, at) - at == offset


@given(anywhere | near_changes)
def test_the_instant_of_what_a_clock_shows_is_the_first_or_the_second_time(place: tuple[str, int]) -> None:
    zone, at = place
    reading = shown(zone, at)
    both = {instant_at(zone, reading), instant_at(zone, reading, fold=1)}
    assert at in both
    assert all(shown(zone, instant) == reading for instant in both)
    assert instant_at(zone, reading) == min(both)


@given(near_changes, st.booleans())
def test_a_time_no_clock_shows_is_the_instant_of_the_jump(place: tuple[str, int], offset_before: bool) -> None:
    zone, near = place
    reading = near + shown(zone, near - 3 * 3600 * offset_before) - (near - 3 * 3600 * offset_before)
    at = instant_at(zone, reading)
    if shown(zone, at) != reading:
        assert shown(zone, at - 1) < reading < shown(zone, at)
        assert instant_at(zone, reading, fold=1) == at


@pytest.mark.parametrize(
    ("zone", "reading", "first", "second"),
    [
        ("Europe/Paris", "2026-03-29T01:59:59", "2026-03-29T00:59:59", None),
        ("Europe/Paris", "2026-03-29T02:00:00", "2026-03-29T01:00:00", None),  # jumped over
        ("Europe/Paris", "2026-03-29T02:30:00", "2026-03-29T01:00:00", None),
        ("Europe/Paris", "2026-03-29T03:00:00", "2026-03-29T01:00:00", None),
        ("Europe/Paris", "2026-10-25T01:59:59", "2026-10-24T23:59:59", None),
        ("Europe/Paris", "2026-10-25T02:00:00", "2026-10-25T00:00:00", "2026-10-25T01:00:00"),
        ("Europe/Paris", "2026-10-25T02:59:59", "2026-10-25T00:59:59", "2026-10-25T01:59:59"),
        ("Europe/Paris", "2026-10-25T03:00:00", "2026-10-25T02:00:00", None),
        ("Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00", "2026-04-04T15:15:00"),  # half an hour
        ("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:30:00", None),
        ("Asia/Kolkata", "2026-03-29T02:30:00", "2026-03-28T21:00:00", None),
        ("America/Sao_Paulo", "2018-11-04T00:00:00", "2018-11-04T03:00:00", None),  # midnight itself is jumped over
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00", None),  # a date that never was
        ("America/St_Johns", "2006-10-29T00:00:30", "2006-10-29T02:30:30", "2006-10-29T03:30:30"),
    ],
)
def test_known_changes_of_the_clock(zone: str, reading: str, first: str, second: str | None) -> None:
    assert instant_at(zone, wall(reading)) == utc(first)
    assert instant_at(zone, wall(reading), fold=1) == utc(second or first)


def test_no_zone_changes_its_offset_twice_between_two_probes() -> None:
    for name in (resources.files("tzdata") / "zones").read_text("ascii").split():
        found = changes(table(name))
        assert all(b - a > _PROBE for a, b in pairwise(found)), name


@pytest.mark.parametrize("name", ["", "Paris", "europe/paris", "../UTC", "/etc/localtime", "Europe", "CEST", "+01:00"])
def test_a_name_that_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        wall_seconds(name, 0)
    assert refused.value.code == "bad_zone"


def test_the_rules_are_read_from_the_package_and_keep_their_name() -> None:
    assert str(rules("Europe/Paris")) == "Europe/Paris"
    assert local_moment("Europe/Paris", 0).isoformat() == "1970-01-01T01:00:00+01:00"


def test_the_ends_of_time_have_an_offset_but_no_local_datetime_beyond_them() -> None:
    assert wall_seconds("America/New_York", FIRST) < FIRST
    assert wall_seconds("Asia/Kolkata", FOREVER) == FOREVER + 19800
    for at in (FOREVER, FOREVER + 1, 10**15):
        with pytest.raises(Refused) as refused:
            local_moment("Asia/Kolkata", at)
        assert refused.value.code == "calendar_out_of_range"
    with pytest.raises(Refused):
        instant_at("UTC", FOREVER + 1)


@given(st.dates())
def test_a_day_and_its_number_are_one(day: date) -> None:
    assert day_of(day_number(day)) == day
    assert year_of(day_number(day) * DAY) == year_of(day_number(day) * DAY + DAY - 1) == day.year


def test_days_beyond_the_first_and_the_last_year_are_refused() -> None:
    assert day_number(date(1970, 1, 1)) == 0
    for day, n in ((date.max, 1), (date.min, -1)):
        assert shifted(day, 0) == day
        with pytest.raises(Refused) as refused:
            shifted(day, n)
        assert refused.value.code == "calendar_out_of_range"
