"""Stories of updates: announced or not, agreed or not, rolled out, back, and out again (article 10)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.history import History
from projections.finding import Breach
from projections.frame import Frames
from projections.updates import RESULT_CODES, WHAT, breaches, updates
from tests.story import CONTRACT, STARTED, history

OUT = "2026-03-03T21:00:00+01:00"  # a Tuesday evening
WITH_OPTION = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "options": ["personalised_update"]})
WITH_RECETTE = (
    "2025-09-01T08:00:00Z",
    "contract_started",
    {**CONTRACT, "options": ["personalised_update", "recette"]},
)
ON_SERVICE = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["mt-1"]})
MT_1 = {"subject": "service:mt-1"}


def announced(published_at: str, update: str = "U1", **data: Any) -> tuple[Any, ...]:
    return (published_at, "update_announced", {"update": update, "published_at": published_at, **data})


def rolled_out(at: str = OUT, update: str = "U1", **data: Any) -> tuple[Any, ...]:
    return (at, "update_rolled_out", {"update": update, "at": at, **data})


def rolled_back(at: str, update: str = "U1") -> tuple[Any, ...]:
    return (at, "update_rolled_back", {"update": update, "at": at})


def agreed(at: str | None, agreed_date: str, update: str = "U1", recorded_at: str = "") -> tuple[Any, ...]:
    data = {"update": update, "agreed_date": agreed_date, **({"at": at} if at else {})}
    return (recorded_at or at, "update_date_agreed", data)


def on(line: tuple[Any, ...], **extras: Any) -> tuple[Any, ...]:
    return (*line, extras)


def codes(*lines: Any, reading: dict[str, str] | None = None, **known: Any) -> dict[str, list[str]]:
    told = history(*lines, **known)
    result: dict[str, list[str]] = updates(told, Frames(told, reading)).result
    return result


def workings(*lines: Any, reading: dict[str, str] | None = None, update: str = "U1") -> dict[str, Any]:
    told = history(*lines)
    found: dict[str, Any] = updates(told, Frames(told, reading)).workings[update]["roll_outs"][0]
    return found


def register(told: History, first: str = "2026-01-01", last: str = "2026-12-31") -> list[Breach]:
    return breaches(told, Frames(told), date.fromisoformat(first), date.fromisoformat(last))


# --- A10.2a: told before ---


@pytest.mark.parametrize(
    ("published_at", "found"),
    [
        ("2026-03-03T20:59:59+01:00", []),
        ("2026-03-03T21:00:00+01:00", ["informed_late"]),
        ("2026-03-03T21:00:01+01:00", ["informed_late"]),
    ],
)
def test_an_update_is_announced_strictly_before_it_is_rolled_out_a10_2a(published_at: str, found: list[str]) -> None:
    assert codes(STARTED, announced(published_at), rolled_out(kind="version")) == {"U1": found}


def test_an_update_never_announced_is_not_informed_and_one_not_rolled_out_is_owed_nothing() -> None:
    told = [STARTED, rolled_out(kind="version"), announced("2026-03-05T10:00:00+01:00", "U2")]
    assert codes(*told) == {"U1": ["not_informed"], "U2": []}


def test_one_announcement_in_time_is_enough_however_many_come_late() -> None:
    told = [announced("2026-03-01T10:00:00+01:00"), announced("2026-03-04T10:00:00+01:00")]
    assert codes(STARTED, *told, rolled_out(kind="version")) == {"U1": []}


def test_an_announcement_for_recette_tells_nothing_of_production() -> None:
    told = announced("2026-03-01T10:00:00+01:00", environment="recette")
    assert codes(STARTED, told, rolled_out(kind="version")) == {"U1": ["not_informed"]}


def test_a_roll_out_in_recette_needs_no_notice_a10_4() -> None:
    assert codes(STARTED, rolled_out(kind="version", environment="recette")) == {"U1": []}


@pytest.mark.parametrize(
    ("said", "kind", "found"),
    [
        ({"kind": "corrective_patch"}, "corrective_patch", []),
        ({"changes_version_number": False}, "corrective_patch", []),
        ({"kind": "corrective_patch", "changes_version_number": False}, "corrective_patch", []),
        ({"kind": "corrective_patch", "changes_version_number": True}, "version", ["not_informed"]),
        ({"changes_version_number": True}, "version", ["not_informed"]),
        ({}, "version", ["not_informed"]),
    ],
)
def test_versions_and_corrective_patches_are_told_apart_by_the_version_number_a10_1(said: Any, kind: str, found: list[str]) -> None:
    assert codes(STARTED, rolled_out(**said)) == {"U1": found}
    assert workings(STARTED, rolled_out(**said))["kind"] == kind


def test_what_nothing_is_said_of_is_treated_as_a_version_and_the_workings_say_so() -> None:
    assert workings(STARTED, rolled_out())["kind_is"] == "nobody said what it is: treated as a version"


def test_a_roll_out_that_does_not_say_what_it_is_takes_it_from_the_announcement() -> None:
    late = announced("2026-03-04T10:00:00+01:00", kind="corrective_patch", changes_version_number=False)
    assert codes(STARTED, rolled_out(), late) == {"U1": []}
    early = announced("2026-03-02T10:00:00+01:00", kind="version")
    shown = workings(STARTED, early, rolled_out(), late)
    assert (shown["kind"], shown["changes_version_number"]) == ("version", True), "the one before goes first"
    latest = announced("2026-03-02T11:00:00+01:00", kind="corrective_patch")
    assert workings(STARTED, early, latest, rolled_out())["kind"] == "corrective_patch", "and the latest of those"
    own = workings(STARTED, early, rolled_out(kind="corrective_patch"))
    assert (own["kind"], own["kind_is"]) == ("corrective_patch", "named by the roll-out")


@pytest.mark.parametrize(
    ("value", "changes", "found"),
    [
        ("by_version_number", True, ["not_informed"]),
        ("by_version_number", False, []),
        ("by_version_number", None, []),
        ("always", False, ["not_informed"]),
        ("never", True, []),
    ],
)
def test_a_regulatory_patch_is_announced_as_the_reading_says_amb_21(
    value: str, changes: bool | None, found: list[str]
) -> None:
    said: dict[str, Any] = {} if changes is None else {"changes_version_number": changes}
    line = rolled_out(kind="regulatory_patch", **said)
    assert codes(STARTED, line, reading={"regulatory_patch_notice": value}) == {"U1": found}
    why = workings(STARTED, line, reading={"regulatory_patch_notice": value})["information"]["why"]
    assert why == {"switch": "regulatory_patch_notice", "value": value, "changes_version_number": changes}


def test_a_booklet_with_a_delay_measures_it_and_names_kinds_of_its_own() -> None:
    started = ("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    five_days, short = "2026-02-26T20:00:00Z", "2026-02-26T20:00:01Z"
    for published_at, found in ((five_days, []), (short, ["informed_late"])):
        told = [started, announced(published_at), rolled_out(kind="regulatory_patch")]
        assert codes(*told, booklet="always-on") == {"U1": found}
    told_history = history(started, announced(short), rolled_out(kind="version"), booklet="always-on")
    (row,) = register(told_history)
    assert (row.clause, row.amount, row.limit) == ("5", "431999 s", "432000 s")


# --- A10.3: the agreed day ---


def test_with_the_option_a_version_and_a_corrective_patch_need_an_agreed_day_a10_3() -> None:
    for kind in ("version", "corrective_patch"):
        told = [announced("2026-03-01T10:00:00+01:00"), rolled_out(kind=kind)]
        assert codes(WITH_OPTION, *told) == {"U1": ["no_agreed_date"]}
        assert codes(STARTED, *told) == {"U1": []}, "without the option nothing is agreed"


@pytest.mark.parametrize("value", ["by_version_number", "always", "never"])
def test_a_regulatory_patch_needs_no_agreed_day_whatever_the_reading(value: str) -> None:
    told = [announced("2026-03-01T10:00:00+01:00"), rolled_out(kind="regulatory_patch", changes_version_number=True)]
    assert codes(WITH_OPTION, *told, reading={"regulatory_patch_notice": value}) == {"U1": []}


@pytest.mark.parametrize(
    ("agreed_at", "found"),
    [
        ("2026-03-03T20:59:59+01:00", []),
        ("2026-03-03T21:00:00+01:00", ["no_agreed_date"]),
        ("2026-03-03T21:00:01+01:00", ["no_agreed_date"]),
    ],
)
def test_a_day_agreed_at_the_instant_of_the_roll_out_is_not_agreed_before(agreed_at: str, found: list[str]) -> None:
    told = [announced("2026-03-01T10:00:00+01:00"), agreed(agreed_at, "2026-03-03"), rolled_out(kind="version")]
    assert codes(WITH_OPTION, *told) == {"U1": found}


@pytest.mark.parametrize(
    ("recorded_at", "found"),
    [("2026-03-03T19:59:59.5Z", []), ("2026-03-03T20:00:00Z", ["no_agreed_date"])],
)
def test_an_agreement_without_its_instant_dates_from_when_the_ledger_knew(recorded_at: str, found: list[str]) -> None:
    told = [announced("2026-03-01T10:00:00+01:00"), agreed(None, "2026-03-03", recorded_at=recorded_at)]
    assert codes(WITH_OPTION, *told, rolled_out(kind="version")) == {"U1": found}


def test_correcting_the_agreed_day_leaves_the_moment_it_was_first_known() -> None:
    first = on(agreed(None, "2026-03-04", recorded_at="2026-03-02T09:00:00Z"), id="d1")
    corrected = ("2026-03-10T09:00:00Z", "corrected", {
        "target": "d1", "reason": "typed one day off", "evidence": "sha256:" + "0" * 64,
        "data": {"update": "U1", "agreed_date": "2026-03-03"},
    })  # fmt: skip
    told = [WITH_OPTION, announced("2026-03-01T10:00:00+01:00"), first, rolled_out(kind="version"), corrected]
    assert codes(*told, known_at="2026-03-09T00:00:00Z") == {"U1": ["not_on_agreed_date"]}
    assert codes(*told) == {"U1": []}


def test_under_attested_knowledge_an_agreement_dates_from_when_its_source_knew() -> None:
    late = on(agreed(None, "2026-03-03", recorded_at="2026-04-01T09:00:00Z"), attestedat="2026-03-02T09:00:00Z")
    told = [WITH_OPTION, announced("2026-03-01T10:00:00+01:00"), rolled_out(kind="version"), late]
    assert codes(*told) == {"U1": ["no_agreed_date"]}
    assert codes(*told, knowledge="attested") == {"U1": []}


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("2026-03-02T23:59:59+01:00", ["not_on_agreed_date"]),
        ("2026-03-03T00:00:00+01:00", []),
        ("2026-03-02T23:00:00Z", []),
        ("2026-03-03T23:59:59+01:00", []),
        ("2026-03-04T00:00:00+01:00", ["not_on_agreed_date"]),
    ],
)
def test_the_agreed_day_is_a_day_of_the_contract_zone(at: str, found: list[str]) -> None:
    told = [announced("2026-03-01T10:00:00+01:00"), agreed("2026-03-01T10:00:00+01:00", "2026-03-03")]
    assert codes(WITH_OPTION, *told, rolled_out(at, kind="version")) == {"U1": found}


def test_on_the_night_clocks_change_the_agreed_day_is_still_the_local_one() -> None:
    told = [announced("2026-03-01T10:00:00+01:00"), agreed("2026-03-01T10:00:00+01:00", "2026-03-30")]
    assert codes(WITH_OPTION, *told, rolled_out("2026-03-29T21:59:59Z", kind="version"))["U1"] == ["not_on_agreed_date"]
    assert codes(WITH_OPTION, *told, rolled_out("2026-03-29T22:00:00Z", kind="version"))["U1"] == []


def test_the_last_day_agreed_before_the_roll_out_is_the_one_owed() -> None:
    told = [
        announced("2026-02-01T10:00:00+01:00"),
        agreed("2026-02-10T10:00:00+01:00", "2026-03-03"),
        agreed("2026-02-20T10:00:00+01:00", "2026-03-10"),
        rolled_out(kind="version"),
        agreed("2026-03-03T22:00:00+01:00", "2026-03-03"),
    ]
    assert codes(WITH_OPTION, *told) == {"U1": ["not_on_agreed_date"]}
    assert workings(WITH_OPTION, *told)["agreed_day"]["agreed_date"] == "2026-03-10"


def test_the_option_counts_while_it_is_in_force() -> None:
    taken = ("2026-03-01T10:00:00Z", "option_subscribed",
             {"option": "personalised_update", "effective_from": OUT})  # fmt: skip
    told = [announced("2026-02-01T10:00:00+01:00"), taken]
    assert codes(STARTED, *told, rolled_out("2026-03-03T20:59:59+01:00", kind="version")) == {"U1": []}
    assert codes(STARTED, *told, rolled_out(OUT, kind="version")) == {"U1": ["no_agreed_date"]}
    left = ("2026-03-02T10:00:00Z", "option_cancelled", {"option": "personalised_update", "effective_from": OUT})
    assert codes(WITH_OPTION, told[0], left, rolled_out(OUT, kind="version")) == {"U1": []}


# --- several roll-outs ---


def test_each_roll_out_of_an_update_rolled_back_is_judged_and_the_codes_are_those_of_all() -> None:
    told = [
        WITH_OPTION,
        rolled_out("2026-03-03T21:00:00+01:00", kind="version"),
        rolled_back("2026-03-03T23:00:00+01:00"),
        announced("2026-03-04T10:00:00+01:00"),
        agreed("2026-03-04T10:00:00+01:00", "2026-03-10"),
        rolled_out("2026-03-11T21:00:00+01:00", kind="version"),
    ]
    assert codes(*told) == {"U1": ["informed_late", "no_agreed_date", "not_on_agreed_date"]}
    told_history = history(*told)
    rows = register(told_history)
    assert [(row.period, row.what) for row in rows] == [
        ("2026-03-03T20:00:00Z", "informed_late"),
        ("2026-03-03T20:00:00Z", "no_agreed_date"),
        ("2026-03-11T20:00:00Z", "not_on_agreed_date"),
    ]
    shown = updates(told_history, Frames(told_history)).workings["U1"]
    assert [each["broken"] for each in shown["roll_outs"]] == [
        ["informed_late", "no_agreed_date"],
        ["not_on_agreed_date"],
    ]
    assert shown["rolled_back_at"] == ["2026-03-03T22:00:00Z"]


# --- A10.2b and A10.4, in the workings and the register only ---


@pytest.mark.parametrize(
    ("told", "amount"),
    [
        ([], "not notified"),
        ([("2026-03-03T21:00:00+01:00", "update_impact_notified")], "0 s"),
        ([("2026-03-03T20:59:59+01:00", "update_impact_notified")], None),
        ([("2026-03-03T20:59:59+01:00", "update_announced")], None),
    ],
)
def test_training_needed_is_told_before_the_roll_out_a10_2b(told: list[tuple[str, str]], amount: str | None) -> None:
    lines = [(at, kind, {"update": "U1", "published_at": at, "training_needed": True}) for at, kind in told]
    book = [STARTED, announced("2026-03-01T10:00:00+01:00"), *lines, rolled_out(kind="version", training_needed=True)]
    assert codes(*book) == {"U1": []}, "no code of the question"
    assert [(row.obligation, row.what, row.amount) for row in register(history(*book))] == (
        [("A10.2b", "impact_not_notified", amount)] if amount else []
    )


def test_a_need_of_training_said_only_afterwards_was_not_told_before() -> None:
    later = ("2026-03-05T10:00:00Z", "update_impact_notified", {"update": "U1", "published_at": "2026-03-05T10:00:00Z"})
    book = [STARTED, announced("2026-03-01T10:00:00+01:00"), rolled_out(kind="version"), later]
    (row,) = register(history(*book))
    assert (row.what, row.first_knowable_at) == ("impact_not_notified", register_instant("2026-03-05T10:00:00Z"))


def register_instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("tested_at", "amount"),
    [
        (None, "tests not completed"),
        ("2026-03-03T21:00:01+01:00", "-1 s"),
        ("2026-03-03T21:00:00+01:00", None),
    ],
)
def test_production_before_the_tests_end_is_a_flag_with_the_option_recette_a10_4(
    tested_at: str | None, amount: str | None
) -> None:
    tested = [(tested_at, "tests_completed", {"update": "U1", "at": tested_at})] if tested_at else []
    book = [
        announced("2026-03-01T10:00:00+01:00"),
        agreed("2026-03-01T10:00:00+01:00", "2026-03-03"),
        rolled_out(kind="version"),
        *tested,
    ]
    rows = register(history(WITH_RECETTE, *book))
    assert [(r.obligation, r.what, r.amount, r.contested) for r in rows] == (
        [("A10.4", "before_tests_completed", amount, True)] if amount else []
    )
    assert register(history(WITH_OPTION, *book)) == []


def test_a_regulatory_patch_waits_for_no_tests() -> None:
    book = [WITH_RECETTE, rolled_out(kind="regulatory_patch", changes_version_number=False)]
    assert register(history(*book)) == []


def test_a_maintenance_that_carries_a_roll_out_is_named_in_the_workings_a10_5() -> None:
    assert workings(STARTED, rolled_out(kind="corrective_patch", maintenance_id="M7"))["maintenance"] == "M7"


# --- services, the service period ---


def test_an_update_of_a_service_counts_while_the_contract_is_on_it() -> None:
    leaves = ("2026-03-01T09:00:00Z", "service_unassigned", {"service": "mt-1", "effective_from": OUT})
    out = on(rolled_out("2026-03-03T20:59:59+01:00", kind="version"), **MT_1)
    gone = on(rolled_out(OUT, "U2", kind="version"), **MT_1)
    assert codes(ON_SERVICE, leaves, out, gone) == {"U1": ["not_informed"]}


def test_a_service_announcement_and_an_agreement_of_the_contract_speak_of_one_update() -> None:
    on_both = ("2025-09-01T08:00:00Z", "contract_started",
               {**CONTRACT, "services": ["mt-1"], "options": ["personalised_update"]})  # fmt: skip
    told = [
        on(announced("2026-03-01T10:00:00+01:00"), **MT_1),
        agreed("2026-03-02T10:00:00+01:00", "2026-03-03"),
        on(rolled_out(kind="version"), **MT_1),
    ]
    assert codes(on_both, *told) == {"U1": []}
    assert codes(on_both, told[0], told[2]) == {"U1": ["no_agreed_date"]}


def test_the_same_id_on_two_services_names_two_updates_by_their_service() -> None:
    started = ("2025-09-01T08:00:00Z", "contract_started", {**CONTRACT, "services": ["mt-1", "mt-2"]})
    told = [
        on(announced("2026-03-01T10:00:00+01:00"), **MT_1),
        on(rolled_out(kind="version"), **MT_1),
        on(rolled_out(kind="version"), subject="service:mt-2"),
    ]
    assert codes(started, *told) == {"mt-1/U1": [], "mt-2/U1": ["not_informed"]}


def test_nothing_is_owed_outside_the_service_period() -> None:
    ended = ("2026-03-01T09:00:00Z", "contract_terminated", {"effective_from": OUT})
    assert codes(STARTED, ended, rolled_out(OUT, kind="version")) == {"U1": []}
    assert codes(STARTED, ended, rolled_out("2026-03-03T20:59:59+01:00", kind="version")) == {"U1": ["not_informed"]}


# --- knowledge ---


def test_an_announcement_recorded_late_mends_what_was_not_informed() -> None:
    late = ("2026-03-10T09:00:00Z", *announced("2026-03-01T10:00:00+01:00")[1:])
    book = [STARTED, rolled_out(kind="version"), late]
    assert codes(*book, known_at="2026-03-09T00:00:00Z") == {"U1": ["not_informed"]}
    assert codes(*book, known_at="2026-03-10T09:00:00Z") == {"U1": []}


def test_correcting_and_retracting_move_the_verdict_and_a_retracted_correction_gives_it_back() -> None:
    corrected = ("2026-03-10T09:00:00Z", "corrected", {
        "target": "a1", "reason": "the page shows another hour",
        "evidence": "sha256:" + "0" * 64,
        "data": {"update": "U1", "published_at": "2026-03-04T10:00:00+01:00"},
    })  # fmt: skip
    undone = ("2026-03-11T09:00:00Z", "retracted", {"target": 13, "reason": "wrong page"})
    book = [STARTED, on(announced("2026-03-01T10:00:00+01:00"), id="a1"), rolled_out(kind="version"), corrected, undone]
    assert codes(*book, known_at="2026-03-10T08:59:59Z") == {"U1": []}
    assert codes(*book, known_at="2026-03-10T09:00:00Z") == {"U1": ["informed_late"]}
    assert codes(*book) == {"U1": []}


def test_a_row_is_knowable_once_knowledge_showed_the_same_code_and_not_before_the_roll_out() -> None:
    gone = ("2026-03-20T09:00:00Z", "retracted", {"target": "a1", "reason": "it was another page"})
    late = announced("2026-03-25T10:00:00Z")
    out = ("2026-03-03T19:59:57Z", *rolled_out(kind="version")[1:])  # recorded by a clock three seconds behind
    book = [STARTED, on(announced("2026-03-01T10:00:00+01:00"), id="a1"), out, gone, late]
    (row,) = register(history(*book, known_at="2026-03-21T00:00:00Z"))
    assert (row.what, row.first_knowable_at) == ("not_informed", register_instant("2026-03-20T09:00:00Z"))
    (row,) = register(history(*book))
    assert (row.what, row.first_knowable_at) == ("informed_late", register_instant("2026-03-25T10:00:00Z"))
    (row,) = register(history(STARTED, out))
    assert row.first_knowable_at == register_instant("2026-03-03T20:00:00Z")


def test_under_attested_knowledge_a_row_was_knowable_when_its_source_knew() -> None:
    late = on(("2026-05-01T09:00:00Z", *rolled_out(kind="version")[1:]), attestedat="2026-03-05T09:00:00Z")
    (row,) = register(history(STARTED, late))
    assert row.first_knowable_at == register_instant("2026-05-01T09:00:00Z")
    (row,) = register(history(STARTED, late, knowledge="attested"))
    assert row.first_knowable_at == register_instant("2026-03-05T09:00:00Z")


def test_the_register_files_a_row_on_the_local_date_of_its_roll_out() -> None:
    told = history(STARTED, rolled_out("2026-03-31T23:30:00Z", kind="version"))  # 1 April in Paris
    assert register(told, "2026-03-01", "2026-03-31") == []
    (row,) = register(told, "2026-04-01", "2026-04-01")
    assert row.row() == {
        "obligation": "A10.2a", "clause": "10.2", "what": "not_informed", "subject": "U1",
        "period": "2026-03-31T23:30:00Z", "amount": "not announced", "limit": "more than 0 s",
        "first_knowable_at": "2026-03-31T23:30:00Z", "because": [11], "contested": False,
    }  # fmt: skip


def test_asking_for_some_updates_gives_those_and_an_unknown_one_is_refused() -> None:
    told = history(STARTED, rolled_out(kind="version"), rolled_out(update="U2", kind="version"))
    finding = updates(told, Frames(told), ("U2",))
    assert (finding.result, finding.because) == ({"U2": ["not_informed"]}, (10, 12))
    with pytest.raises(Refused, match="no update 'U3' is known of contract C1; known: U1, U2") as refused:
        updates(told, Frames(told), ("U3",))
    assert refused.value.code == "unknown_id"


def test_an_update_nobody_announced_agreed_or_rolled_out_in_order_never_breaks_the_rule() -> None:
    """What is attested may lack its beginning: a rollback alone, tests alone, documents alone."""
    at = "2026-03-03T10:00:00Z"
    told = [
        STARTED,
        rolled_back(at),
        (at, "tests_completed", {"update": "U2", "at": at}),
        (at, "update_documentation_published", {"update": "U3", "published_at": at}),
    ]
    assert codes(*told) == {"U1": [], "U2": [], "U3": []}


def test_the_question_lists_codes_of_the_table_in_its_order() -> None:
    assert tuple(row[0] for row in WHAT)[: len(RESULT_CODES)] == RESULT_CODES


# --- properties ---

INSTANT = st.integers(0, 20).map(lambda hours: datetime(2026, 3, 2, 22, tzinfo=UTC) + timedelta(hours=hours))
OFFSET = st.sampled_from([0, 60, 120, -300, 345]).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(deadline=None)
@given(st.lists(INSTANT, max_size=4), st.lists(st.tuples(INSTANT, st.integers(2, 4)), max_size=3), INSTANT, OFFSET)
def test_offsets_and_the_order_of_recording_change_no_code(
    published: list[datetime], agreements: list[tuple[datetime, int]], out: datetime, offset: timezone
) -> None:
    agreements = list(dict(agreements).items())  # two days agreed at one instant: the later entry wins
    lines = [announced(at.isoformat()) for at in published]
    lines += [agreed(at.isoformat(), f"2026-03-{day:02}") for at, day in agreements]
    lines += [rolled_out(out.isoformat(), kind="version")]
    elsewhere = [announced(at.astimezone(offset).isoformat()) for at in published]
    elsewhere += [agreed(at.astimezone(offset).isoformat(), f"2026-03-{day:02}") for at, day in agreements]
    elsewhere = [rolled_out(out.astimezone(offset).isoformat(), kind="version"), *reversed(elsewhere)]
    found = codes(WITH_OPTION, *lines)["U1"]
    assert codes(WITH_OPTION, *elsewhere)["U1"] == found
    assert ("not_informed" in found) == (not published)
    assert ("informed_late" in found) == (bool(published) and min(published) >= out)
    assert ("no_agreed_date" in found) == all(at >= out for at, _ in agreements)


@settings(deadline=None)
@given(st.lists(st.tuples(INSTANT, st.booleans()), max_size=5), INSTANT)
def test_a_fact_recorded_later_changes_no_earlier_answer(told: list[tuple[datetime, bool]], out: datetime) -> None:
    lines = [STARTED, rolled_out(out.isoformat(), kind="version")]
    until = datetime(2026, 3, 10, tzinfo=UTC)
    later = [
        (f"2026-03-1{n + 1}T00:00:00Z", *(announced if notice else rolled_back)(at.isoformat())[1:])
        for n, (at, notice) in enumerate(told)
    ]
    assert codes(*lines, *later, known_at=until.isoformat()) == codes(*lines, known_at=until.isoformat())
