"""What is kept of a stream for asking again gives the answers of a stream read anew, whatever is appended since."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import kept_entries, open_ledger
from ledger.book import services_named
from ledger.events import OutageStarted
from ledger.history import History
from ledger.kept_entries import KeptEntries
from ledger.spans import FOREVER
from tests.conftest import Clock
from tests.story import CONTRACT, instant
from tests.test_history import GAPS, LONGER, shown, streams_of

START = {"specversion": "1.0", "source": "s", "type": "contract_started"}


def started(name: str) -> dict[str, Any]:
    data = {"contract": name, "plan": "open", "service_start": "2026-01-01T00:00:00Z"}
    return {**START, "id": name, "subject": f"contract:{name}", "data": data}


@settings(max_examples=80, deadline=None)
@given(LONGER, GAPS, st.integers(0, 20), st.integers(0, 25), st.sampled_from(["recorded", "attested"]))
def test_a_history_of_kept_entries_is_a_history_of_the_entries(
    lines: Any, gaps: Any, first: int, upto: int, knowledge: str
) -> None:
    plain = streams_of(lines, gaps)
    kept = {name: KeptEntries(entries[:first]) for name, entries in plain.streams.items()}
    early = {name: entries.as_it_stands() for name, entries in kept.items()}
    for name, entries in plain.streams.items():
        kept[name].append_all(entries[first:])
    moments = sorted({e.recorded_at for entries in plain.streams.values() for _, e in entries})
    for ours, theirs in ((kept, plain.streams), (early, {name: e[:first] for name, e in plain.streams.items()})):
        for known_at in (None, moments[upto % len(moments)]):
            for position in (plain.position, 9 + upto):
                for without in (frozenset[int](), frozenset({10 + first})):
                    options: Any = {"known_at": known_at, "position": position, "now": FOREVER, "knowledge": knowledge,
                                    "without": without}  # fmt: skip
                    assert shown(History("C1", ours, **options)) == shown(History("C1", theirs, **options))
        own, others = ours["contract:C1"], theirs["contract:C1"]
        assert own == others
        assert services_named(own) == services_named(list(others))


def test_a_stream_asked_for_is_not_moved_by_what_is_appended_later(tmp_path: Path) -> None:
    clock = Clock("2026-02-01T00:00:00Z")
    with open_ledger(str(tmp_path / "book.db"), clock=clock, recorded_by="test") as book:
        book.record([started("C1")])
        before, history = book.stream("contract:C1"), book.history("C1")
        assigned = {**START, "id": "a", "type": "service_assigned", "subject": "contract:C1",
                    "data": {"service": "S", "effective_from": "2026-01-02T00:00:00Z"}}  # fmt: skip
        book.record([assigned])
        assert len(book.stream("contract:C1")) == 2
        assert len(before) == 1
        assert services_named(before) == []
        assert services_named(book.stream("contract:C1")) == ["S"]
        assert (len(history.facts), history.services) == (1, [])


def test_a_position_asked_for_again_is_the_same_and_the_hour_told_twice_is_two_hours(tmp_path: Path) -> None:
    clock = Clock("2026-10-25T00:15:00Z")
    with open_ledger(str(tmp_path / "book.db"), clock=clock, recorded_by="test") as book:
        for name, moment in (("C1", "2026-10-25T00:15:00Z"), ("C2", "2026-10-25T00:45:00Z"), ("C3", "2026-10-25T02:00:00Z")):
            clock.set(moment)
            book.record([started(name)])
        zone = ZoneInfo("Europe/Paris")
        summer = datetime(2026, 10, 25, 2, 30, tzinfo=zone)  # 00:30 UTC
        winter = summer.replace(fold=1)  # 01:30 UTC, and equal to the other as datetimes of one zone are
        last = book.position
        for _ in range(2):
            assert (book.position_at(summer), book.position_at(winter)) == (last - 2, last - 1)
        newest = instant("2026-10-25T02:00:00Z")
        assert book.position_at(newest) == last
        book.record([started("C4")])  # at that very instant still
        assert book.position_at(newest) == last + 1
        assert book.position_at(newest - timedelta(microseconds=1)) == last - 1


@pytest.mark.parametrize("many", [5000])
def test_the_positions_remembered_are_bounded(tmp_path: Path, many: int) -> None:
    clock = Clock("2026-02-01T00:00:00Z")
    with open_ledger(str(tmp_path / "book.db"), clock=clock, recorded_by="test") as book:
        book.record([started("C1")])
        for n in range(many):
            assert book.position_at(instant("2026-01-01T00:00:00Z") + timedelta(seconds=n)) == 0
        assert 0 < len(book._positions) < many


def test_a_question_interrupted_while_entries_are_taken_in_spoils_no_later_one(
    book: Any, tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    for n in range(6):
        at = f"2026-03-03T1{n}:00:00+01:00"
        tell("2026-03-04T00:00:00Z", "outage_started", {"outage": f"O{n}", "environment": "production", "effect": "no_access", "at": at})
    whole = kept_entries.grouped

    def interrupted(entries: Any, found: Any = None) -> Any:
        if found is None:
            return whole(entries)
        whole(entries[: len(entries) // 2], found)
        raise KeyboardInterrupt

    monkeypatch.setattr(kept_entries, "grouped", interrupted)
    with pytest.raises(KeyboardInterrupt):
        book.history("C1")
    monkeypatch.setattr(kept_entries, "grouped", whole)
    assert [fact.event.outage for fact in book.history("C1").of(OutageStarted)] == [f"O{n}" for n in range(6)]
