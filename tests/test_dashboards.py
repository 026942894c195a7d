"""The dashboards told as a ledger: what a month counted, how long requests waited, what was read."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.history import History
from projections.dashboards import articles_dashboard, nearest_rank, requests_dashboard
from projections.frame import Frames
from projections.support import support_response
from tests.story import CONTRACT, STARTED, history

PRIVATE = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": "private"})
MARCH = (date(2026, 3, 1), date(2026, 3, 31))


def request(name: str, since: str, taken: str | None = None, **more: Any) -> list[tuple[Any, ...]]:
    lines = [(since, "support_request_registered", {"request": name, "at": since, **more})]
    if taken:
        lines.append((taken, "support_request_taken_in_charge", {"request": name, "at": taken}))
    return lines


def march(told: History) -> Any:
    return requests_dashboard(told, Frames(told), *MARCH).result["2026-03"]


@pytest.mark.parametrize(
    ("answer", "seconds", "state"),
    [
        ("2026-03-03T10:00:00+01:00", 4 * 3600, "met"),  # Monday 15:00 to 18:00, Tuesday 9:00 to 10:00
        ("2026-03-03T10:00:01+01:00", 4 * 3600 + 1, "missed"),
        ("2026-03-03T09:59:59+01:00", 4 * 3600 - 1, "met"),
    ],
)
def test_private_has_four_working_hours_to_the_second(answer: str, seconds: int, state: str) -> None:
    row = march(history(PRIVATE, *request("R", "2026-03-02T15:00:00+01:00", answer)))
    assert row["response_seconds"] == {"p50": seconds, "p90": seconds, "p95": seconds, "p100": seconds}
    assert (row["met"], row["missed"]) == ((1, 0) if state == "met" else (0, 1))


def test_a_month_counts_by_criticality_and_by_channel_what_is_not_told_last() -> None:
    told = history(
        PRIVATE,
        *request("A", "2026-03-02T10:00:00+01:00", "2026-03-02T10:00:10+01:00", channel="web", criticality=1),
        *request("B", "2026-03-02T10:00:00+01:00", "2026-03-02T10:00:20+01:00", channel="web"),
        *request("C", "2026-03-31T23:59:59+02:00", channel="phone", criticality=3),
        *request("D", "2026-04-01T00:00:00+02:00", channel="phone"),
        *request("S", "2026-03-02T10:00:00+01:00", "2026-03-02T10:00:00+01:00", channel="sam"),
        known_at="2026-04-01T00:00:00Z",
    )
    assert march(told) == {
        "registered": 4,
        "taken_in_charge": 3,
        "met": 2,
        "missed": 0,
        "pending": 1,
        "not_judged": 1,
        "by_criticality": {"1": 1, "3": 1, "unknown": 2},
        "by_channel": {"phone": 1, "sam": 1, "web": 2},
        "response_seconds": {"p50": 10, "p90": 20, "p95": 20, "p100": 20},
    }


def test_an_empty_month_has_no_percentile_and_every_month_asked_has_its_row() -> None:
    told = history(STARTED)
    found = requests_dashboard(told, Frames(told), date(2026, 1, 31), date(2026, 3, 1)).result
    assert list(found) == ["2026-01", "2026-02", "2026-03"]
    assert found["2026-02"]["response_seconds"] == {"p50": None, "p90": None, "p95": None, "p100": None}


def test_it_says_what_support_says_of_each_request() -> None:
    told = history(
        STARTED,
        *request("A", "2026-03-02T10:00:00+01:00", "2026-03-03T17:00:00+01:00"),
        *request("B", "2026-03-06T17:00:00+01:00", "2026-03-09T09:00:00+01:00"),
        *request("C", "2026-03-27T16:59:59+01:00", "2026-03-30T09:00:00+02:00"),
        ("2026-03-10T08:00:00Z", "support_suspended", {"at": "2026-03-10T08:00:00Z", "reason": "unpaid"}),
        ("2026-03-12T08:00:00Z", "support_resumed", {"at": "2026-03-12T08:00:00Z"}),
        *request("D", "2026-03-09T10:00:00+01:00", "2026-03-12T17:00:00+01:00"),
        *request("E", "2026-03-20T10:00:00+01:00"),
    )
    frames = Frames(told)
    workings = requests_dashboard(told, frames, *MARCH).workings
    support = support_response(told, frames, date(2025, 9, 1)).result["requests"]
    assert workings["states"] == {name: row["state"] for name, row in support.items()}
    answered = [name for name in support if name != "E"]
    assert [workings["working_seconds"][n] for n in answered] == [support[n]["working_seconds"] for n in answered]


def test_what_was_excluded_withdrawn_or_has_no_clock_is_not_judged() -> None:
    excluded = ("2026-03-02T12:00:00Z", "support_request_excluded", {"request": "A", "reason": "no remote access", "evidence": ["https://e.example/1"]})
    withdrawn = ("2026-03-02T12:00:00Z", "support_request_withdrawn", {"request": "B", "at": "2026-03-02T12:00:00Z"})
    told = history(STARTED, *request("A", "2026-03-02T09:00:00Z"), *request("B", "2026-03-02T09:00:00Z"), excluded, withdrawn)
    connect = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": "connect"})
    assert march(told)["not_judged"] == 2
    assert march(history(connect, *request("A", "2026-03-02T09:00:00Z")))["not_judged"] == 1


def test_articles_are_counted_by_month_of_local_time() -> None:
    def read(article: str, instant: str) -> tuple[Any, ...]:
        return (instant, "knowledge_article_consulted", {"article": article, "at": instant})

    told = history(PRIVATE, read("K1", "2026-02-28T23:30:00Z"), read("K1", "2026-03-02T00:00:00Z"), read("K0", "2026-03-02T00:00:00Z"),
                   read("K1", "2026-03-31T22:00:00Z"))  # fmt: skip
    found = articles_dashboard(told, Frames(told), date(2026, 2, 1), date(2026, 3, 31))
    assert found.result == {"2026-02": {"total": 0, "articles": {}}, "2026-03": {"total": 3, "articles": {"K0": 1, "K1": 2}}}


@pytest.mark.parametrize(("contract", "promised"), [(PRIVATE, True), (STARTED, False)])
def test_dashboards_published_are_listed_and_promised_to_private_only(contract: Any, promised: bool) -> None:
    given_on = [("2026-03-05T00:00:00Z", "dashboard_published", {"at": "2026-03-05T00:00:00Z", "dashboard": d}) for d in ("requests", "articles")]
    told = history(contract, *given_on)
    for found in (requests_dashboard(told, Frames(told), *MARCH), articles_dashboard(told, Frames(told), *MARCH)):
        assert found.workings["promised"] is promised
        assert [row["at"] for row in found.workings["published"]] == ["2026-03-05T00:00:00Z"]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(1, 100))
def test_a_percentile_occurred_and_enough_figures_do_not_exceed_it(waited: list[int], percentile: int) -> None:
    found = nearest_rank(waited, percentile)
    assert found in waited
    share = Fraction(sum(w <= found for w in waited), len(waited))
    below = [w for w in waited if w < found]
    assert share >= Fraction(percentile, 100) > Fraction(len(below), len(waited))


def test_a_request_answered_in_the_second_it_was_taken_back_was_answered() -> None:
    withdrawn = ("2026-03-02T12:00:00Z", "support_request_withdrawn", {"request": "B", "at": "2026-03-02T12:00:00Z"})
    assert march(history(STARTED, *request("B", "2026-03-02T09:00:00Z", "2026-03-02T12:00:00Z"), withdrawn))["met"] == 1
    assert march(history(STARTED, *request("B", "2026-03-02T09:00:00Z", "2026-03-02T12:00:01Z"), withdrawn))["met"] == 0
