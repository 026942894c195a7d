"""Stories of options: who may have one, and since when the contract had one that it may not have (A3.4)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from projections.frame import Frames
from projections.options import breaches, recette_eligibility
from tests.story import CONTRACT, at, history

NOW = "2026-03-01T12:00:00Z"
BOTH = ["personalised_update", "recette"]


def started(**data: Any) -> tuple[Any, ...]:
    return ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "options": BOTH, **data})


WITH = started()


def changed(effective_from: str, known_at: str = "2025-10-01T08:00:00Z", **data: Any) -> tuple[Any, ...]:
    return (known_at, "contract_scope_changed", {"effective_from": effective_from, **data})


def option(said: str, name: str, effective_from: str) -> tuple[Any, ...]:
    return ("2025-10-01T08:00:00Z", f"option_{said}", {"option": name, "effective_from": effective_from})


def measured(at: str, environments: int) -> tuple[Any, ...]:
    return (at, "recette_measured", {"at": at, "named_users": 1, "dossiers": 1, "environments": environments})


def eligibility(*lines: Any, when: str = NOW, booklet: str = "cegid-expert") -> Any:
    told = history(*lines, booklet=booklet)
    return recette_eligibility(told, Frames(told), at(when)).result


def rows(*lines: Any, first: str = "2024-01-01", last: str = "2030-12-31", **told_as: Any) -> Any:
    told = history(*lines, **told_as)
    return [row.row() for row in breaches(told, Frames(told), date.fromisoformat(first), date.fromisoformat(last))]


def flagged(*lines: Any, **asked: Any) -> list[tuple[str, str, str]]:
    return [(row["subject"], row["period"], row["amount"]) for row in rows(*lines, **asked)]


# --- who may have one ---


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        ({"production_named_users": 301}, []),
        ({"production_named_users": 300}, ["too_few_users"]),
        ({"single_tenant": False}, ["not_single_tenant"]),
        ({"options": ["recette"]}, ["no_personalised_update"]),
    ],
)
def test_a_recette_is_for_more_than_300_users_alone_on_their_service_with_updates_of_their_own(
    data: dict[str, Any], reasons: list[str]
) -> None:
    assert eligibility(started(**data))["recette"] == {"eligible": not reasons, "reasons": reasons}


def test_one_recette_at_most() -> None:
    assert eligibility(WITH, measured("2026-02-01T08:00:00Z", 1))["recette"]["eligible"]
    found = eligibility(WITH, measured("2026-02-01T08:00:00Z", 2))
    assert found["recette"]["reasons"] == ["too_many_environments"]


def test_options_are_those_in_force_at_the_instant() -> None:
    bare, taken = started(options=[]), option("subscribed", "personalised_update", NOW)
    assert eligibility(bare, taken, when="2026-03-01T11:59:59Z") == {}
    assert eligibility(bare, taken) == {"personalised_update": {"eligible": True, "reasons": []}}


def test_a_booklet_that_asks_nothing_of_options_bars_none() -> None:
    lines = (started(production_named_users=1, single_tenant=False), measured("2026-02-01T08:00:00Z", 2))
    assert eligibility(*lines, booklet="always-on")["recette"]["eligible"]
    assert rows(*lines, booklet="always-on") == []


# --- what the register tells ---


def test_what_a_contract_began_with_and_may_not_have_is_flagged_option_by_option_a3_4() -> None:
    begun = "2025-08-31T22:00:00Z"
    assert rows(WITH) == rows(started(production_named_users=301)) == rows(started(options=[])) == []
    assert flagged(started(production_named_users=300)) == [("recette", begun, "too_few_users")]
    assert flagged(started(options=["recette"])) == [("recette", begun, "no_personalised_update")]
    assert flagged(started(single_tenant=False, production_named_users=10)) == [
        ("personalised_update", begun, "not_single_tenant"),
        ("recette", begun, "not_single_tenant, too_few_users"),
    ]


def test_a_row_says_what_stands_against_the_option_what_is_asked_and_since_when_it_was_known() -> None:
    (row,) = rows(WITH, changed("2026-03-01T10:00:00+01:00", production_named_users=300))
    assert row == {
        "obligation": "A3.4", "clause": "3", "what": "option_ineligible", "subject": "recette",
        "period": "2026-03-01T09:00:00Z", "amount": "too_few_users", "limit": "more than 300 users",
        "first_knowable_at": "2026-03-01T09:00:00Z", "because": [10, 11], "contested": False,
    }  # fmt: skip


def test_an_option_lost_by_a_change_of_scope_is_flagged_from_that_instant_and_once() -> None:
    fewer = changed("2026-03-01T10:00:00Z", production_named_users=300)
    again = changed("2026-04-01T10:00:00Z", production_named_users=200)
    more = changed("2026-05-01T10:00:00Z", production_named_users=301)
    relapse = changed("2026-06-01T10:00:00Z", single_tenant=False)
    assert flagged(WITH, fewer, again) == [("recette", "2026-03-01T10:00:00Z", "too_few_users")]
    assert flagged(WITH, fewer, more, relapse) == [
        ("recette", "2026-03-01T10:00:00Z", "too_few_users"),
        ("personalised_update", "2026-06-01T10:00:00Z", "not_single_tenant"),
        ("recette", "2026-06-01T10:00:00Z", "not_single_tenant"),
    ]
    assert flagged(WITH, fewer, known_at="2026-03-01T09:59:59Z") == [], "what is to come has not come"


def test_personalised_updates_that_end_leave_a_recette_without_right_and_a_second_one_too() -> None:
    ended = option("cancelled", "personalised_update", "2026-03-01T10:00:00Z")
    assert flagged(WITH, ended) == [("recette", "2026-03-01T10:00:00Z", "no_personalised_update")]
    assert flagged(WITH, option("cancelled", "recette", "2026-03-01T10:00:00Z"), ended) == []
    assert flagged(WITH, measured("2026-02-01T08:00:00Z", 2)) == [
        ("recette", "2026-02-01T08:00:00Z", "too_many_environments")
    ]


def test_nothing_is_flagged_outside_the_contract() -> None:
    over = ("2025-10-01T08:00:00Z", "contract_terminated", {"effective_from": "2026-03-01T10:00:00Z"})
    assert rows(WITH, over, changed("2026-03-01T10:00:00Z", production_named_users=1)) == []
    assert flagged(WITH, over, changed("2026-03-01T09:59:59Z", production_named_users=1)) == [
        ("recette", "2026-03-01T09:59:59Z", "too_few_users")
    ]


def test_a_change_of_scope_learnt_late_shows_the_option_from_then_on_and_not_before() -> None:
    late = changed("2026-03-01T10:00:00Z", "2026-04-10T10:00:00Z", production_named_users=300)
    assert rows(WITH, late, known_at="2026-04-10T09:59:59Z") == []
    assert [row["first_knowable_at"] for row in rows(WITH, late)] == ["2026-04-10T10:00:00Z"]


def test_a_row_is_filed_on_its_local_day() -> None:
    fewer = changed("2026-02-28T23:00:00Z", production_named_users=300)  # 1 March in Paris
    assert len(rows(WITH, fewer, first="2026-03-01", last="2026-03-01")) == 1
    assert rows(WITH, fewer, last="2026-02-28") == []
