"""By what a fact is judged: terms, readings and calendars from the instant they take effect."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import Refused
from projections.frame import Frames
from projections.watched import WatchedReading
from tests.story import STARTED, at, history

ADOPTED = {"reading": "R1", "switches": {"overlap": "sum"}, "effective_from": "2026-02-01T00:00:00+01:00"}


def adopted(*extra: Any) -> Any:
    return history(STARTED, ("2026-01-15T09:00:00Z", "reading_adopted", ADOPTED), *extra)


def test_a_reading_holds_from_the_instant_it_takes_effect() -> None:
    frames = Frames(adopted())
    assert frames.at(at("2026-01-31T22:59:59Z")).reading.overlap == "union"
    assert frames.at(at("2026-01-31T23:00:00Z")).reading.overlap == "sum"


def test_a_switch_of_the_question_wins_over_the_adopted_reading() -> None:
    frames = Frames(adopted(), {"overlap": "union"})
    assert frames.at(at("2026-03-01T00:00:00Z")).reading.overlap == "union"


def test_an_unknown_switch_is_refused_at_once() -> None:
    with pytest.raises(Refused, match="unknown_switch"):
        Frames(adopted(), {"overlaps": "sum"})


def test_the_adopted_reading_is_among_what_an_answer_rests_on() -> None:
    frame = Frames(adopted()).at(at("2026-03-01T00:00:00Z"))
    assert frame.because == (2, 3, 11)


def test_a_frame_is_made_once_for_a_stretch_of_time() -> None:
    frames = Frames(adopted())
    assert frames.at(at("2026-03-01T00:00:00Z")) is frames.at(at("2026-04-01T00:00:00Z"))


def test_a_watched_reading_tells_which_switches_were_looked_at() -> None:
    looked_at: dict[str, None] = {}
    frame = Frames(adopted(), {}, looked_at).at(at("2026-03-01T00:00:00Z"))
    assert isinstance(frame.reading, WatchedReading)
    before = set(looked_at)
    assert frame.reading.overlap == "sum"
    assert set(looked_at) - before == {"overlap"}
    assert frame.reading["partial_effect"] == "exclude"  # shown, not decided by
    assert "partial_effect" not in looked_at
    frame.reading.as_dict()
    assert "partial_effect" in looked_at
