"""The algebra of spans against plain sets of seconds, and instants against datetimes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.spans import (
    ALWAYS,
    FIRST,
    FOREVER,
    NEVER,
    Span,
    Spans,
    contains,
    difference,
    intersection,
    length,
    moment,
    seconds,
    span,
    union,
)

LOW, HIGH = -20, 40  # instants before 1970 too

pairs = st.tuples(st.integers(LOW, HIGH), st.integers(LOW, HIGH))  # empty and reversed ones included
loose = st.lists(pairs, max_size=8)
canonical = loose.map(lambda parts: union(parts))


def held(parts: list[Span] | Spans) -> set[int]:
    """The seconds of half-open pairs, one by one."""
    return {second for start, end in parts for second in range(start, end)}


def assert_canonical(spans: Spans) -> None:
    assert isinstance(spans, tuple)
    assert all(start < end for start, end in spans)
    assert all(end < start for (_, end), (start, _) in pairwise(spans))


@given(st.lists(loose, max_size=4))
def test_a_union_holds_every_second_of_any_spans_at_all(parts: list[list[Span]]) -> None:
    whole = union(*parts)
    assert_canonical(whole)
    assert held(whole) == set().union(*(held(part) for part in parts))


@given(canonical, canonical)
def test_an_intersection_holds_the_seconds_in_both(a: Spans, b: Spans) -> None:
    assert_canonical(intersection(a, b))
    assert held(intersection(a, b)) == held(a) & held(b)


@given(canonical, canonical)
def test_a_difference_holds_the_seconds_only_in_the_first(a: Spans, b: Spans) -> None:
    assert_canonical(difference(a, b))
    assert held(difference(a, b)) == held(a) - held(b)


@given(canonical)
def test_a_length_counts_each_second_once(a: Spans) -> None:
    assert length(a) == len(held(a))


@given(canonical, st.integers(LOW - 2, HIGH + 2))
def test_a_second_is_in_the_spans_from_its_start_and_not_at_the_end(a: Spans, instant: int) -> None:
    assert contains(a, instant) == (instant in held(a))


@given(pairs)
def test_a_span_that_does_not_end_after_it_starts_holds_nothing(pair: Span) -> None:
    assert_canonical(span(*pair))
    assert held(span(*pair)) == held([pair])


@given(canonical)
def test_one_set_of_seconds_has_one_form(a: Spans) -> None:
    one_by_one = [(second, second + 1) for second in sorted(held(a), reverse=True)]
    assert union(one_by_one) == a
    assert union(a) == a


@given(canonical, canonical)
def test_what_is_common_and_what_is_left_make_the_whole_again(a: Spans, b: Spans) -> None:
    assert union(intersection(a, b), difference(a, b)) == a
    assert length(union(a, b)) == length(a) + length(b) - length(intersection(a, b))


@given(canonical, st.integers(LOW, HIGH))
def test_cutting_spans_at_an_instant_changes_no_second(a: Spans, cut: int) -> None:
    before, after = intersection(a, span(LOW, cut)), intersection(a, span(cut, HIGH))
    assert union(before, after) == a


@given(canonical)
def test_nothing_and_always_are_the_ends_of_the_algebra(a: Spans) -> None:
    assert union(a, NEVER) == a == intersection(a, ALWAYS)
    assert intersection(a, NEVER) == NEVER == difference(a, ALWAYS)
    assert union(difference(ALWAYS, a), a) == ALWAYS


def test_touching_spans_are_one_and_a_second_apart_they_are_two() -> None:
    assert union([(0, 5)], [(5, 9)]) == ((0, 9),)
    assert union([(0, 5)], [(6, 9)]) == ((0, 5), (6, 9))


def test_a_span_ends_before_the_second_it_names() -> None:
    assert contains(((10, 20),), 10)
    assert contains(((10, 20),), 19)
    assert not contains(((10, 20),), 20)
    assert not contains(((10, 20),), 9)


@given(st.integers(FIRST, FOREVER))
def test_an_instant_and_its_moment_are_one(instant: int) -> None:
    assert seconds(moment(instant)) == instant
    assert moment(instant).tzinfo is UTC


@given(st.integers(FIRST + 86400, FOREVER - 86400), st.integers(-1439, 1439))
def test_writing_a_moment_with_another_offset_is_the_same_instant(instant: int, minutes: int) -> None:
    there = moment(instant).astimezone(timezone(timedelta(minutes=minutes)))
    assert seconds(there) == instant


@given(st.integers(FIRST, FOREVER - 1), st.integers(0, 999_999))
def test_a_fraction_of_a_second_is_dropped_towards_the_past(instant: int, microseconds: int) -> None:
    assert seconds(moment(instant) + timedelta(microseconds=microseconds)) == instant


def test_the_ends_of_time_are_those_of_datetimes() -> None:
    assert moment(FIRST) == datetime.min.replace(tzinfo=UTC)
    assert moment(FOREVER) == datetime.max.replace(tzinfo=UTC, microsecond=0)
    assert seconds(datetime(1970, 1, 1, tzinfo=UTC)) == 0


def test_a_moment_without_an_offset_is_no_instant() -> None:
    with pytest.raises(TypeError):
        seconds(datetime(2026, 3, 1))
