"""A month's sums against a slow count of every second, written from the contract's words with plain datetime."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.availability import availability
from projections.frame import Frames
from projections.tally import measure, month_of
from projections.unavailability import interruptions
from tests.story import CONTRACT, history

PARIS = ZoneInfo("Europe/Paris")
HOLIDAYS = {date(2026, *day) for day in ((1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25), (7, 14))}
MONTHS = {"2026-03": (2026, 3), "2026-04": (2026, 4), "2026-05": (2026, 5)}
KINDS = ("outage", "planned", "emergency", "recette", "degraded")


class Down(NamedTuple):
    """An interruption the test tells, in seconds since 1970."""

    name: str
    kind: str
    start: int
    end: int


class Out(NamedTuple):
    """An exclusion the test tells; `names` an outage or nothing."""

    name: str
    start: int
    end: int
    names: str | None


class Story(NamedTuple):
    month: str
    supplied_from: int
    downs: tuple[Down, ...]
    outs: tuple[Out, ...]


# --- the slow count ---


@cache
def in_reference(minute: int) -> bool:
    """Art. 6: from 07:00 to 20:00, Monday to Friday, but public holidays; true of a whole minute or of none."""
    local = datetime.fromtimestamp(minute * 60, UTC).astimezone(PARIS)
    return local.weekday() < 5 and local.date() not in HOLIDAYS and 7 <= local.hour < 20


@cache
def reference_minutes(first: int, last: int) -> list[int]:
    return [minute for minute in range(first // 60, last // 60) if in_reference(minute)]


def midnight(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=PARIS).timestamp())


def slow_count(story: Story, first: int, last: int, overlap: str, concurrent: str) -> dict[str, int]:
    """The sums from `first` to `last`, as far as the service is supplied."""
    first = max(first, story.supplied_from)
    counting = [d for d in story.downs if d.kind in ("outage", "planned", "emergency")]
    sums: Counter[str] = Counter()
    for second in {s for d in counting for s in range(max(d.start, first), min(d.end, last))}:
        running = [d for d in counting if d.start <= second < d.end]
        times = len(running) if overlap == "sum" else 1
        sums["total"] += times
        if in_reference(second // 60):
            sums["gross"] += times
            sums["excluded"] += times * is_excluded(second, running, story.outs, concurrent)
    return {name: sums[name] for name in ("gross", "excluded", "total")}


def of_month(story: Story, overlap: str, concurrent: str) -> dict[str, int]:
    year, month = MONTHS[story.month]
    first, last = midnight(year, month), midnight(year, month + 1)
    late = (max(0, min(60, story.supplied_from - 60 * minute)) for minute in reference_minutes(first, last))
    return {"prt": sum(60 - lost for lost in late), **slow_count(story, first, last, overlap, concurrent)}


def is_excluded(second: int, running: list[Down], outs: tuple[Out, ...], concurrent: str) -> bool:
    """Art. 6 (ii) to (v): an emergency, an interval claimed, or one claimed for an outage with no other cause."""
    holding = [out for out in outs if out.start <= second < out.end]
    if any(d.kind == "emergency" for d in running) or any(out.names is None for out in holding):
        return True
    if concurrent == "excluded_if_any":
        return bool(holding)
    explained = {out.names for out in holding}
    for out in holding:
        others = [d for d in running if d.kind == "planned" or d.name != out.names]
        if all(d.kind != "planned" and d.name in explained for d in others):
            return True
    return False


# --- telling it to the house ---


def written(second: int, offset: int = 0) -> str:
    return datetime.fromtimestamp(second, timezone(timedelta(minutes=offset))).isoformat()


def lines_of(story: Story, offset: int = 0) -> list[Any]:
    lines: list[Any] = []
    for down in story.downs:
        start, end = written(down.start, offset), written(down.end, offset)
        if down.kind in ("planned", "emergency"):
            begun = {"maintenance": down.name, "kind": down.kind, "at": start, "urgency_reason": "a flaw"}
            lines += [("maintenance_started", begun), ("blocking_started", {"maintenance": down.name, "at": start})]
            lines += [("blocking_ended", {"maintenance": down.name, "at": end})]
        else:
            environment = "recette" if down.kind == "recette" else "production"
            effect = "degraded" if down.kind == "degraded" else "no_login"
            begun = {"outage": down.name, "environment": environment, "effect": effect, "at": start}
            lines += [("outage_started", begun), ("outage_ended", {"outage": down.name, "at": end})]
    for out in story.outs:
        claim: dict[str, Any] = {"exclusion": out.name, "ground": "force_majeure", "evidence": "https://e.example/1"}
        claim |= {"from": written(out.start, offset), "to": written(out.end, offset)}
        lines.append(("exclusion_claimed", claim if out.names is None else {**claim, "outage": out.names}))
    return lines


def sums(story: Story, offset: int = 0, month: str | None = None, **switches: str) -> dict[str, int]:
    supplied = {**CONTRACT, "service_start": written(story.supplied_from), "support_start": None}
    lines = [("2026-12-31T00:00:00Z", kind, data) for kind, data in lines_of(story, offset)]
    found = history(("2025-01-01T00:00:00Z", "contract_started", supplied), *lines)
    t = measure(found, *month_of(found, Frames(found, switches), month or story.month), interruptions(found))
    result = availability(found, Frames(found, switches), month or story.month).result
    assert result["ti_seconds"] == t.ti == t.gross - result["excluded_seconds"]
    return {"prt": t.prt, "gross": int(t.gross), "excluded": result["excluded_seconds"], "total": int(t.total)}


def lost(story: Story, **switches: str) -> int:
    found = sums(story, **switches)
    return found["gross"] - found["excluded"]


# --- what Hypothesis tells ---


@st.composite
def instants(draw: st.DrawFn, month: str) -> int:
    """A second of the month or just around it, often within some seconds of an edge of the hours."""
    year, number = MONTHS[month]
    day = midnight(year, number) + 86_400 * draw(st.integers(-2, 32))
    hour = draw(st.sampled_from((0, 6, 7, 10, 12, 19, 20, 22)))
    return day + 3600 * hour + draw(st.integers(-3, 3) | st.integers(-3600, 3600))


@st.composite
def stories(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS) -> Story:
    month = draw(st.sampled_from(sorted(MONTHS)))
    lengths = st.integers(1, 5) | st.integers(1, 20_000) | st.sampled_from((3600, 46_800, 100_000))
    downs, outs = [], []
    around = draw(instants(month))  # most near one another, so that they meet
    for n in range(draw(st.integers(0, 5))):
        start = draw(st.integers(around - 4000, around + 4000) | instants(month))
        downs.append(Down(f"O{n}", draw(st.sampled_from(kinds)), start, start + draw(lengths)))
    for n in range(draw(st.integers(0, 4))):
        start = draw(st.integers(around - 4000, around + 4000))
        names = draw(st.sampled_from((None, "O0", "O1", "O2", "O9")))
        outs.append(Out(f"X{n}", start, start + draw(lengths), names))
    supplied_from = draw(st.sampled_from((1_767_225_600, around - 1000, around + 2000)))
    return Story(month, supplied_from, tuple(downs), tuple(outs))


@pytest.mark.parametrize("concurrent", ["excluded_only_where_sole_cause", "excluded_if_any"])
@pytest.mark.parametrize("overlap", ["union", "sum"])
@settings(max_examples=25, deadline=None)
@given(story=stories())
def test_the_algebra_of_spans_counts_what_a_count_of_every_second_counts(
    overlap: str, concurrent: str, story: Story
) -> None:
    assert sums(story, overlap=overlap, concurrent=concurrent) == of_month(story, overlap, concurrent)


@settings(max_examples=30, deadline=None)
@given(story=stories(), day=st.integers(0, 30), cut=st.integers(1, 49_999), overlap=st.sampled_from(["union", "sum"]))
def test_splitting_an_outage_in_two_that_touch_changes_nothing(story: Story, day: int, cut: int, overlap: str) -> None:
    start = midnight(*MONTHS[story.month]) + 86_400 * day + 18_000
    whole = Down("A", "outage", start, start + 50_000)
    halves = (whole._replace(end=whole.start + cut), Down("B", "outage", whole.start + cut, whole.end))
    kept = story._replace(outs=tuple(out._replace(names=None) for out in story.outs))
    one, two = kept._replace(downs=(*kept.downs, whole)), kept._replace(downs=(*kept.downs, *halves))
    assert sums(one, overlap=overlap) == sums(two, overlap=overlap)


@settings(max_examples=30, deadline=None)
@given(story=stories(), offset=st.integers(-14 * 60, 14 * 60))
def test_writing_instants_with_another_offset_changes_nothing(story: Story, offset: int) -> None:
    assert sums(story, offset) == sums(story)


SWITCHED = st.fixed_dictionaries(
    {
        "overlap": st.sampled_from(["union", "sum"]),
        "concurrent": st.sampled_from(["excluded_only_where_sole_cause", "excluded_if_any"]),
        "month_split": st.sampled_from(["split", "start_month"]),
        "window_exclusion": st.sampled_from(["temporal", "causal"]),
        "unannounced": st.sampled_from(["no_td_effect", "counts"]),
        "prt_month": st.sampled_from(["clipped_to_service", "whole_month"]),
    }
)


@settings(max_examples=40, deadline=None)
@given(story=stories(), switches=SWITCHED)
def test_an_exclusion_never_raises_what_is_lost(story: Story, switches: dict[str, str]) -> None:
    for n in range(len(story.outs)):
        without = story._replace(outs=story.outs[:n] + story.outs[n + 1 :])
        assert lost(story, **switches) <= lost(without, **switches)


@settings(max_examples=40, deadline=None)
@given(story=stories(), switches=SWITCHED)
def test_an_outage_never_lowers_what_is_lost(story: Story, switches: dict[str, str]) -> None:
    """A stop for maintenance may: an emergency, or planned work under `causal`, shelters its interval whole."""
    for n in (n for n, down in enumerate(story.downs) if down.kind not in ("planned", "emergency")):
        without = story._replace(downs=story.downs[:n] + story.downs[n + 1 :])
        assert lost(without, **switches) <= lost(story, **switches)


@settings(max_examples=25, deadline=None)
@given(story=stories())
def test_what_the_months_lose_is_what_the_whole_span_loses(story: Story) -> None:
    whole = slow_count(story, midnight(2026, 1), midnight(2026, 8), "union", "excluded_only_where_sole_cause")
    parts = [sums(story, month=f"2026-{month:02}") for month in range(1, 8)]
    for name in whole:
        assert sum(part[name] for part in parts) == whole[name], name


@settings(max_examples=30, deadline=None)
@given(story=stories())
def test_where_each_outage_is_one_months_whole_the_months_still_lose_the_same(story: Story) -> None:
    """Summed, since two outages of two months may overlap."""
    whole = slow_count(story, midnight(2026, 1), midnight(2026, 8), "sum", "excluded_if_any")
    switches = {"month_split": "start_month", "overlap": "sum", "concurrent": "excluded_if_any"}
    parts = [sums(story, month=f"2026-{month:02}", **switches) for month in range(1, 8)]
    assert sum(part["gross"] - part["excluded"] for part in parts) == whole["gross"] - whole["excluded"]
    assert sum(part["total"] for part in parts) == whole["total"]


@settings(max_examples=25, deadline=None)
@given(story=stories())
def test_no_month_loses_more_than_its_reference_period(story: Story) -> None:
    found = sums(story)
    assert 0 <= found["gross"] - found["excluded"] <= found["gross"] <= min(found["prt"], found["total"])
