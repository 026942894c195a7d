"""The collector rests during a long batch, and what little the others left it is still its own to collect."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from ledger.streams import without_collector


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector() -> Iterator[list[int]]:
    """The generations walked meanwhile; the collector as it was, afterwards."""
    walked: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            walked.append(about["generation"])

    gc.collect()
    gc.callbacks.append(note)
    yield walked
    gc.callbacks.remove(note)
    assert gc.isenabled()


def test_a_long_batch_is_not_walked_and_a_short_one_is_left_alone(collector: list[int]) -> None:
    with without_collector(1000):
        kept = [[n] for n in range(50_000)]
    after = [[n] for n in range(100)]
    assert collector == []
    with without_collector(10):
        more = [[n] for n in range(50_000)]
    assert collector
    assert len(kept) + len(after) + len(more) == 100_100


def test_what_a_batch_that_made_little_found_is_collected_as_ever(collector: list[int]) -> None:
    """However often it comes: counted as old, garbage would wait for a walk of all there is."""
    for _ in range(50):
        gone = weakref.ref(Cycle())
        with without_collector(1000):
            kept = [[n] for n in range(gc.get_threshold()[0] // 2)]
        del kept
        gc.collect(0)
        assert gone() is None


def test_within_another_and_where_it_rests_already_nothing_is_done(collector: list[int]) -> None:
    with without_collector(1000):
        with without_collector(1000):
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with without_collector(1000):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_goes_on_after_an_error(collector: list[int]) -> None:
    with pytest.raises(ZeroDivisionError), without_collector(1000):
        raise ZeroDivisionError
    assert gc.isenabled()
