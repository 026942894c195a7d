"""Entitlements told as a ledger: what each plan gives, what was attested, who lacks a subscription."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from projections.entitlements import CONTROLS, attestations, breaches, entitlements, subscriptions
from projections.frame import Frames
from tests.story import CONTRACT, STARTED, at, history

NOW = at("2026-03-02T12:00:00Z")
MARCH = (date(2026, 3, 1), date(2026, 3, 31))


def attested(control: str, instant: str) -> tuple[Any, ...]:
    return (instant, "control_attested", {"control": control, "at": instant, "reference": "report 7"})


def counted(instant: str, count: int, **more: Any) -> tuple[Any, ...]:
    return (instant, "subscription_counted", {"at": instant, "count": count, **more})


@pytest.mark.parametrize(
    ("plan", "levels", "office", "hours"),
    [
        ("connect", ["connect"], ["standard"], None),
        ("open", ["connect", "open"], ["standard", "premium"], 8),
        ("private", ["connect", "open", "private"], ["standard", "premium"], 4),
    ],
)
def test_each_plan_holds_the_levels_below_it(plan: str, levels: list[str], office: list[str], hours: int | None) -> None:
    told = history(("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "plan": plan}))
    found = entitlements(told, Frames(told), NOW).result
    assert (found["plan"], found["learning_levels"], found["microsoft_365"]) == (plan, levels, office)
    assert (found["support"] and found["support"]["response_hours"]) == hours
    assert (found["support"] or {}).get("dashboards", []) == (["requests", "articles"] if plan == "private" else [])


def test_a_plan_holds_from_its_instant_and_the_contract_until_its_end() -> None:
    told = history(
        STARTED,
        ("2026-02-01T00:00:00Z", "contract_scope_changed", {"plan": "private", "effective_from": "2026-03-02T12:00:00Z"}),
        ("2026-06-01T00:00:00Z", "contract_terminated", {"effective_from": "2026-06-01T00:00:00Z"}),
    )
    plans = [entitlements(told, Frames(told), when).result["plan"] for when in (NOW - 1, NOW)]
    assert plans == ["open", "private"]
    ends = at("2026-06-01T00:00:00Z")
    assert [entitlements(told, Frames(told), when).result["in_force"] for when in (ends - 1, ends)] == [True, False]


def test_a_control_is_attested_by_the_id_of_its_obligation_or_its_own_name() -> None:
    told = history(
        STARTED,
        attested("A7.2", "2026-01-05T23:30:00Z"),  # the 6th in Paris
        attested("double_cooling", "2026-02-01T08:00:00Z"),
        attested("iso_27001", "2026-02-02T08:00:00Z"),
        ("2026-02-03T08:00:00Z", "backup_policy_published", {"version": "3", "at": "2026-02-03T08:00:00Z"}),
        attested("site_security", "2026-03-02T12:00:01Z"),
    )
    found = attestations(told, Frames(told), NOW)
    assert {id: row["attested_on"] for id, row in found.result.items()} == {
        "A7.1": None, "A7.2": "2026-02-01", "A7.3": None, "A7.4": None, "A8.1": "2026-02-03",
    }  # fmt: skip
    assert found.result["A7.2"]["controls"] == {
        "environment_monitoring": "2026-01-06", "fire_suppression": "2026-01-06", "double_cooling": "2026-02-01",
    }  # fmt: skip
    assert found.workings["others"] == ["iso_27001"]
    later = attestations(told, Frames(told), NOW + 1).result
    assert later["A7.3"]["attested_on"] == "2026-03-02"


def test_every_control_of_the_booklet_belongs_to_one_obligation() -> None:
    from ledger.terms import load_booklet

    promised = load_booklet("cegid-expert").terms.infrastructure
    assert promised is not None
    assert sorted(promised.controls) == sorted(name for _, _, names in CONTROLS for name in names)


@pytest.mark.parametrize(("count", "short"), [(399, 1), (400, 0), (401, 0)])
def test_one_subscription_for_each_user_is_the_customers_duty(count: int, short: int) -> None:
    told = history(STARTED, counted("2026-03-02T08:00:00Z", count))
    assert subscriptions(told, Frames(told), NOW).result["short_by"] == short
    rows = breaches(told, Frames(told), *MARCH)
    shown = [(r.obligation, r.what, r.amount, r.limit) for r in rows]
    assert shown == ([("A3.5", "client_subscriptions_short", "399 subscriptions", "400 subscriptions")] if short else [])


def test_the_count_names_its_users_and_the_latest_counts() -> None:
    told = history(STARTED, counted("2026-03-02T08:00:00Z", 10, users=12), counted("2026-03-02T09:00:00Z", 12, users=12))
    assert subscriptions(told, Frames(told), at("2026-03-02T08:59:59Z")).result["short_by"] == 2
    assert subscriptions(told, Frames(told), NOW).result["short_by"] == 0
    assert subscriptions(told, Frames(told), at("2026-03-02T07:59:59Z")).result["counted"] is None
    assert [r.first_knowable_at for r in breaches(told, Frames(told), *MARCH)] == [at("2026-03-02T08:00:00Z")]


def test_no_subscription_is_owed_outside_the_contract() -> None:
    over = ("2026-02-01T08:00:00Z", "contract_terminated", {"effective_from": "2026-03-02T08:00:00Z"})
    told = history(STARTED, over, counted("2026-03-02T07:59:59Z", 1), counted("2026-03-02T08:00:00Z", 2))
    assert [row.amount for row in breaches(told, Frames(told), *MARCH)] == ["1 subscriptions"]


def test_another_booklet_may_promise_none_of_it() -> None:
    from ledger.terms import load_booklet

    terms = load_booklet("always-on").terms
    told = history(("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "terms": "always-on"}), counted("2026-03-02T08:00:00Z", 1), booklet="always-on")
    assert (entitlements(told, Frames(told), NOW).result["learning_levels"] is None) == (terms.contents is None)
    assert (subscriptions(told, Frames(told), NOW).result is None) == (terms.subscriptions is None)
    assert terms.subscriptions is not None or breaches(told, Frames(told), *MARCH) == []
