"""Where a contract stands on each obligation: broken, contested, pending, kept, or nothing to judge."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.history import History
from projections.finding import Breach
from projections.frame import Frames
from projections.obligations import OBLIGATIONS
from projections.standing import STATES, obligations, standing
from tests.story import CONTRACT, STARTED, at, history

MARCH = "2026-03-15T12:00:00Z"
APRIL = "2026-04-01T00:00:00Z"


def states(told: History, instant: str = MARCH, **reading: str) -> dict[str, str]:
    return {id: row["state"] for id, row in obligations(told, Frames(told, reading), at(instant)).result.items()}


def test_what_no_subject_of_the_register_looks_at_is_never_said_to_be_kept() -> None:
    from projections.breaches import SUBJECTS

    subjects = {o.id: o.rule.partition(":")[0].removeprefix("projections.") for o in OBLIGATIONS if o.over}
    unseen = {id for id, subject in subjects.items() if subject not in SUBJECTS}
    found = states(history(STARTED, known_at=APRIL))
    assert {found[id] for id in unseen} <= {"nothing_to_judge"}
    # the smaller subjects enter the register together
    assert {subjects[id] for id in unseen} in (set(), {"service", "calls", "billing", "accounts", "entitlements"})


def test_a_month_with_no_backup_is_broken_and_its_availability_kept() -> None:
    found = states(history(STARTED, known_at=APRIL))
    assert (found["A9.2"], found["A9.3"], found["A6.1"], found["A1.6"], found["A7.1"]) == (
        "broken", "broken", "kept", "nothing_to_judge", "nothing_to_judge",
    )  # fmt: skip


@pytest.mark.parametrize(("known_at", "state"), [("2026-03-31T21:59:59Z", "pending"), ("2026-03-31T22:00:00Z", "kept")])
def test_what_is_not_broken_is_pending_until_the_period_is_over(known_at: str, state: str) -> None:
    assert states(history(STARTED, known_at=known_at))["A6.1"] == state


def test_only_what_was_put_to_the_test_is_kept() -> None:
    def rolled(day: str) -> tuple[Any, ...]:
        return (f"{day}T10:00:00Z", "update_rolled_out", {"update": day, "at": f"{day}T10:00:00Z", "kind": "corrective_patch"})

    assert states(history(STARTED, known_at=APRIL))["A10.2a"] == "nothing_to_judge"
    assert states(history(STARTED, rolled("2026-02-28"), known_at=APRIL))["A10.2a"] == "nothing_to_judge"
    assert states(history(STARTED, rolled("2026-03-01"), known_at=APRIL))["A10.2a"] == "kept"
    for instant, state in (("2026-02-28T23:00:00Z", "kept"), ("2026-02-28T22:59:59Z", "nothing_to_judge"), ("2026-03-31T22:00:00Z", "nothing_to_judge")):
        edge = (instant, "update_rolled_out", {"update": "U", "at": instant, "kind": "corrective_patch"})
        assert states(history(STARTED, edge, known_at=APRIL))["A10.2a"] == state


def test_an_option_that_is_not_in_force_is_not_judged() -> None:
    roll = ("2026-03-05T10:00:00Z", "update_rolled_out", {"update": "U", "at": "2026-03-05T10:00:00Z", "kind": "version"})
    with_option = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "options": ["personalised_update"]})
    assert states(history(STARTED, roll, known_at=APRIL))["A10.3"] == "nothing_to_judge"
    assert states(history(with_option, roll, known_at=APRIL))["A10.3"] == "broken"


def test_only_contested_breaches_leave_an_obligation_contested() -> None:
    roll = ("2026-03-05T10:00:00Z", "update_rolled_out", {"update": "U", "at": "2026-03-05T10:00:00Z", "kind": "version"})
    with_recette = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "options": ["recette", "personalised_update"]})
    assert states(history(with_recette, roll, known_at=APRIL))["A10.4"] == "contested"


def test_one_breach_nobody_contests_is_enough() -> None:
    def row(contested: bool) -> Breach:
        return Breach(
            obligation="A10.4", clause="10.4", what="untested", subject="U", period="2026-03-05T10:00:00Z", amount="0",
            limit="1", on=at(MARCH), first_knowable_at=None, because=(11,), contested=contested,
        )  # fmt: skip

    rows = [row(contested=True), row(contested=False)]
    found = [standing({}, some).result["A10.4"] for some in (rows, rows[:1], rows[1:])]
    assert [(each["state"], each["breaches"]) for each in found] == [("broken", 2), ("contested", 1), ("broken", 1)]


def test_the_share_of_requests_is_judged_over_the_support_year() -> None:
    request = ("2026-03-02T09:00:00Z", "support_request_registered", {"request": "R", "at": "2026-03-02T09:00:00Z"})
    found = obligations(history(STARTED, request), Frames(history(STARTED, request)), at("2025-10-01T00:00:00Z")).result
    assert found["A12.2b"] == {"state": "broken", "breaches": 1, "period": "2025-09-01/2026-08-31"}
    assert found["A4.7"]["period"] == "2025-09-01/2026-08-31"
    before = obligations(history(STARTED, request), Frames(history(STARTED, request)), at("2026-08-31T21:59:59Z")).result
    after = obligations(history(STARTED, request), Frames(history(STARTED, request)), at("2026-08-31T22:00:00Z")).result
    assert (before["A12.2b"]["period"], after["A12.2b"]["period"]) == ("2025-09-01/2026-08-31", "2026-09-01/2027-08-31")


def test_nothing_is_owed_before_the_service_and_every_state_is_counted() -> None:
    told = history(STARTED)
    found = obligations(told, Frames(told), at("2025-07-15T00:00:00Z"))
    assert {row["state"] for row in found.result.values()} == {"nothing_to_judge"}
    assert sum(found.workings["states"].values()) == len(OBLIGATIONS)
    assert list(found.workings["states"]) == [state for state, _ in STATES]
