"""Questions by name: what their parameters take, what they refuse, and what an answer says it depends on."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger.spans import FOREVER
from projections import ask
from projections.asking import answer_from
from projections.questions import BY_NAME, KINDS, QUESTIONS, instant_of, question, read, takes, written
from tests.conftest import Clock
from tests.story import CONTRACT, STARTED, at, history, instant

NIGHTS = BY_NAME["backup_nights"]


def code_of(kind: str, value: Any) -> str | None:
    try:
        KINDS[kind]("it", value)
    except Refused as refused:
        return refused.code
    return None


# --- the table ---


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda q: q.name)
def test_every_question_has_its_rule_its_words_and_parameters_of_known_kinds(asked: Any) -> None:
    assert callable(asked.function())
    assert asked.summary[0].islower()
    assert not asked.summary.endswith(".")
    assert {param.kind for param in asked.params} <= set(KINDS)
    assert len({param.name for param in asked.params}) == len(asked.params)
    assert BY_NAME[asked.name] is asked


def test_a_question_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(Refused, match=r"unknown_question: .*'availabilty'; did you mean 'availability'\?"):
        question("availabilty")
    with pytest.raises(Refused, match="see `service-ledger questions`"):
        question("zzzz")


# --- parameters ---

KIND_CASES: tuple[tuple[str, Any, Any], ...] = (
    # kind, given, what the rule gets or the code of the refusal
    ("month", "2026-03", "2026-03"),
    ("month", "1900-01", "1900-01"),
    ("month", "1899-12", "bad_month"),
    ("month", "9001-01", "bad_month"),
    ("month", "2026-13", "bad_month"),
    ("month", "2026-00", "bad_month"),
    ("month", "2026-3", "bad_month"),
    ("month", "2026-03-01", "bad_month"),
    ("month", "2026-03\n", "bad_month"),
    ("month", "２０２６-03", "bad_month"),
    ("month", 202603, "bad_month"),
    ("week", "2026-W09", "2026-W09"),
    ("week", "2020-W53", "2020-W53"),
    ("week", "2021-W53", "bad_week"),
    ("week", "2026-W00", "bad_week"),
    ("week", "2026-09", "bad_week"),
    ("week", 9, "bad_week"),
    ("week", "1899-W50", "bad_week"),
    ("date", "2026-03-31", date(2026, 3, 31)),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("date", "2026-02-29", "bad_date"),
    ("date", "2026-03", date(2026, 3, 1)),
    ("date", "2026-13", "bad_month"),
    ("date", date(2026, 3, 31), date(2026, 3, 31)),
    ("date", datetime(2026, 3, 31, tzinfo=UTC), "bad_date"),
    ("date", "20260331", "bad_date"),
    ("date", "2026-W10-2", "bad_date"),
    ("date", "1899-12-31", "bad_date"),
    ("date", date(9001, 1, 1), "bad_date"),
    ("date", 7, "bad_date"),
    ("last_date", "2026-03", date(2026, 3, 31)),
    ("last_date", "2024-02", date(2024, 2, 29)),
    ("last_date", "2026-12", date(2026, 12, 31)),
    ("last_date", "9000-12", date(9000, 12, 31)),
    ("last_date", "2026-03-15", date(2026, 3, 15)),
    ("instant", "2026-03-18T10:00:00+01:00", at("2026-03-18T09:00:00Z")),
    ("instant", "2026-03-18T10:00:00Z", at("2026-03-18T10:00:00Z")),
    ("instant", "2026-03-18 10:00+01:00", at("2026-03-18T09:00:00Z")),
    ("instant", "2026-03-18T10:00:00.999Z", at("2026-03-18T10:00:00Z")),
    ("instant", instant("2026-03-18T10:00:00Z"), at("2026-03-18T10:00:00Z")),
    ("instant", at("2026-03-18T10:00:00Z"), at("2026-03-18T10:00:00Z")),
    ("instant", "2026-03-18T10:00:00", "bad_instant"),
    ("instant", "2026-03-18", "bad_instant"),
    ("instant", "yesterday", "bad_instant"),
    ("instant", "2026-03-18T25:00:00Z", "bad_instant"),
    ("instant", "", "bad_instant"),
    ("instant", "9999-12-31T23:59:59-12:00", "bad_instant"),
    ("instant", "0001-01-01T00:00:00+14:00", "bad_instant"),
    ("instant", "1899-12-31T23:59:59Z", "bad_instant"),
    ("instant", 10**30, "bad_instant"),
    ("instant", -(10**30), "bad_instant"),
    ("instant", True, "bad_instant"),
    ("instant", None, "bad_instant"),
    ("ids", "M1", ("M1",)),
    ("ids", " M1 , M2,", ("M1", "M2")),
    ("ids", ["M1", "M2"], ("M1", "M2")),
    ("ids", "", "bad_parameter"),
    ("ids", ",", "bad_parameter"),
    ("ids", 5, "bad_parameter"),
    ("ids", [5], "bad_parameter"),
    ("count", "12", 12),
    ("count", 1, 1),
    ("count", "0", "bad_parameter"),
    ("count", "-1", "bad_parameter"),
    ("count", "٣", "bad_parameter"),
    ("count", True, "bad_parameter"),
    ("count", "1234567", "bad_parameter"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "expected"), KIND_CASES)
def test_a_parameter_is_made_exact_or_refused_by_its_own_code(kind: str, value: Any, expected: Any) -> None:
    code = code_of(kind, value)
    assert code == (expected if isinstance(expected, str) and expected.startswith("bad_") else None)
    if code is None:
        assert KINDS[kind]("it", value) == expected


def test_a_refusal_of_a_parameter_names_it_and_shows_how_to_write_it() -> None:
    with pytest.raises(Refused, match=r"bad_instant: until: 2026-03-18T10:00:00 has no offset from UTC; write .*\+01:00 or .*Z"):
        instant_of("until", "2026-03-18T10:00:00")
    with pytest.raises(Refused, match="missing_parameter: backup_nights needs last: last day"):
        read(NIGHTS, {"first": "2026-03-01"})
    with pytest.raises(Refused, match="bad_parameter: backup_nights has no parameter 'mnth'; it takes first, last"):
        read(NIGHTS, {"first": "2026-03-01", "last": "2026-03-02", "mnth": "2026-03"})
    with pytest.raises(Refused, match="it takes no parameters"):
        read(BY_NAME["backup_deletions"], {"month": "2026-03"})


@pytest.mark.parametrize(
    ("first", "last", "taken"),
    [("2026-03-02", "2026-03-02", True), ("2026-03-02", "2026-03-01", False), ("2026-03", "2026-03", True),
     ("1926-12-31", "2026-01-01", True), ("1925-12-31", "2026-01-01", False)],
)  # fmt: skip
def test_a_period_goes_forward_and_not_for_ever(first: str, last: str, taken: bool) -> None:
    if taken:
        assert set(read(NIGHTS, {"first": first, "last": last})) == {"first", "last"}
    else:
        with pytest.raises(Refused, match="bad_parameter"):
            read(NIGHTS, {"first": first, "last": last})


def test_weeks_and_months_go_forward_too() -> None:
    for name, first, last in (("backup_weeks", "2026-W10", "2026-W09"), ("backup_months", "2026-03", "2026-02")):
        with pytest.raises(Refused, match="bad_parameter"):
            read(BY_NAME[name], {"first": first, "last": last})
        assert read(BY_NAME[name], {"first": last, "last": first})


def test_what_may_be_left_out_is_left_out_of_what_the_answer_states() -> None:
    assert read(BY_NAME["maintenance"], {"maintenances": None}) == {}
    values = read(BY_NAME["weather"], {"at": "2026-03-18T10:00:00+01:00"})
    assert written(values) == {"at": "2026-03-18T09:00:00Z"}
    assert written(read(NIGHTS, {"first": "2026-03", "last": "2026-03"})) == {"first": "2026-03-01", "last": "2026-03-31"}
    assert written({"maintenances": ("M1", "M2")}) == {"maintenances": ["M1", "M2"]}


def test_what_is_due_is_told_for_thirty_days_unless_asked_otherwise() -> None:
    asked = BY_NAME["due"]
    given = {"at": "2026-03-18T10:00:00+01:00"}
    assert read(asked, given)["within_days"] == read(asked, {**given, "within_days": None})["within_days"] == 30
    assert written(read(asked, given)) == {"at": "2026-03-18T09:00:00Z", "within_days": 30}, "the answer states it"
    assert read(asked, {**given, "within_days": "7"})["within_days"] == 7
    with pytest.raises(Refused, match="bad_parameter"):
        read(asked, {**given, "within_days": "0"})
    assert takes(asked) == "at [within_days=30]"
    assert takes(BY_NAME["maintenance"]) == "[maintenances]"


# --- answers ---

ENVELOPE = {"specversion": "1.0", "source": "s", "subject": "contract:C1"}
O1 = {"outage": "O1", "environment": "production", "effect": "no_access", "at": "2026-03-03T09:00:00Z"}
ENDED = {"outage": "O1", "at": "2026-03-03T11:00:00Z"}


def event(event_id: str, kind: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**ENVELOPE, "id": event_id, "type": kind, "data": data, **more}


@pytest.fixture
def told(book: Any, clock: Clock) -> Any:
    """A contract, and in June an outage of March that its source had attested in March."""
    clock.set("2025-09-01T08:00:00Z")
    book.record([event("c", "contract_started", CONTRACT)])
    clock.set("2026-06-01T00:00:00.5Z")
    attested = {"attestedat": "2026-03-03T12:00:00Z"}
    book.record([event("o", "outage_started", O1, **attested), event("e", "outage_ended", ENDED, **attested)])
    return book


def ti(found: Any) -> int:
    return int(found.result["ti_seconds"])


def test_an_answer_says_all_it_depends_on(told: Any) -> None:
    found = ask(told, "availability", contract="C1", month="2026-03", known_at="2026-07-01T00:00:00+02:00", reading={"overlap": "sum"})
    assert (found.question, found.contract, found.params) == ("availability", "C1", {"month": "2026-03"})
    assert (found.known_at, found.position) == ("2026-06-30T22:00:00Z", 6)
    assert found.root == told.root_at(6)
    assert (found.reading["overlap"], found.reading["knowledge"]) == ("sum", "recorded")
    assert found.terms.startswith("cegid-expert ")
    assert {4, 5, 6} <= set(found.because)
    assert list(json.loads(found.to_json())) == list(found.__struct_fields__)


def test_the_same_question_gives_the_same_bytes_also_from_a_ledger_opened_anew(told: Any, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"contract": "C1", "month": "2026-03", "known_at": "2026-07-01T00:00:00Z"}
    one = ask(told, "availability", **asked).to_json()
    assert ask(told, "availability", **asked).to_json() == one
    with open_ledger(told.store.url, read_only=True) as fresh:
        assert ask(fresh, "availability", **asked).to_json() == one


def test_knowledge_is_by_instant_by_position_or_by_both(told: Any) -> None:
    def asked(**knowledge: Any) -> tuple[int, int]:
        found = ask(told, "availability", contract="C1", month="2026-03", **knowledge)
        return ti(found), found.position

    assert asked() == (7200, 6)
    assert asked(known_at="2026-06-01T00:00:00.499999Z") == (0, 4)
    assert asked(known_at="2026-06-01T00:00:00.5Z") == (7200, 6)
    assert asked(known_at=datetime(2026, 6, 1, 0, 0, 1, tzinfo=UTC)) == (7200, 6)
    assert asked(position=4)[1] == 4
    assert asked(position=6) == (7200, 6)
    assert asked(position=5, known_at="2026-06-01T00:00:01Z")[1] == 5
    assert asked(known_at="9999-12-31T23:59:59Z") == (7200, 6)


def test_by_attested_knowledge_a_fact_counts_from_when_its_source_knew_it_and_the_answer_says_so(told: Any) -> None:
    asked: dict[str, Any] = {"contract": "C1", "month": "2026-03", "known_at": "2026-03-31T22:00:00Z"}
    assert ti(ask(told, "availability", **asked)) == 0
    found = ask(told, "availability", reading={"knowledge": "attested"}, **asked)
    assert (ti(found), found.reading["knowledge"]) == (7200, "attested")


def test_an_adopted_reading_of_knowledge_is_the_knowledge_used_and_not_only_named(told: Any, clock: Clock) -> None:
    """An answer that states `attested` and was computed as recorded would be a false statement."""
    clock.set("2026-06-02T00:00:00Z")
    adopted = {"reading": "R", "switches": {"knowledge": "attested"}, "effective_from": "2026-02-28T23:00:00Z"}
    told.record([event("r", "reading_adopted", adopted)])
    both = [ask(told, "availability", contract="C1", month="2026-03", known_at=k) for k in ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z")]
    assert [(ti(f), f.reading["knowledge"]) for f in both] == [(0, "recorded"), (7200, "attested")], "adopted in June, unknown before"
    early = ask(told, "availability", contract="C1", month="2026-02", known_at="2026-07-01T00:00:00Z")
    assert early.reading["knowledge"] == "recorded", "in force from March only, midnight in Paris"
    forced = ask(told, "availability", contract="C1", month="2026-03", reading={"knowledge": "recorded"})
    assert forced.reading["knowledge"] == "recorded", "the question's own switch wins"


def test_an_answer_of_a_history_at_hand_states_the_knowledge_it_was_made_of() -> None:
    found = answer_from(history(STARTED, knowledge="attested"), BY_NAME["availability"], {"month": "2026-03"}, {})
    assert found.reading["knowledge"] == "attested"
    assert (found.known_at, found.root) == (None, None)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"name": "availabilty"}, "unknown_question"), ({"month": None}, "missing_parameter"), ({"month": "2026-13"}, "bad_month"),
        ({"contract": "C9"}, "unknown_contract"), ({"contract": 5}, "unknown_contract"), ({"known_at": "2026-07-01"}, "bad_instant"),
        ({"known_at": datetime(2026, 7, 1)}, "bad_instant"), ({"known_at": 5}, "bad_instant"), ({"known_at": "2025-08-31T00:00:00Z"}, "unknown_contract"),
        ({"position": 0}, "bad_position"), ({"position": 7}, "bad_position"), ({"position": "4"}, "bad_position"), ({"position": 3}, "unknown_contract"),
        ({"reading": {"overlaps": "sum"}}, "unknown_switch"), ({"reading": {"overlap": "both"}}, "unknown_switch_value"),
        ({"reading": {"overlap": None}}, "unknown_switch_value"), ({"reading": "overlap=sum"}, "unknown_switch"), ({"reading": 5}, "unknown_switch"),
        ({"until": "2026"}, "bad_parameter"), ({"month": "2101-01"}, "calendar_out_of_range"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_so_is_refused_by_its_code_and_never_answered_otherwise(options: dict[str, Any], code: str, told: Any) -> None:
    asked = {"contract": "C1", "month": "2026-03", **options}
    with pytest.raises(Refused) as refused:
        ask(told, asked.pop("name", "availability"), **asked)
    assert refused.value.code == code
    assert refused.value.exit_status == 5


EDGES: dict[str, tuple[Any, ...]] = {  # what a person might try, by kind
    "month": ("1900-01", "1969-12", "2026-03", "2100-12", "2101-01", "9000-12"),
    "week": ("1900-W01", "2020-W53", "2026-W09", "9000-W52"),
    "date": ("1970-01-01", "2024-02-29", "2100-12-31", "2150-01-01"),
    "last_date": ("1970-01-02", "2024-03", "2101-01-01", "2150-01-31"),
    "instant": ("1900-01-01T00:00:00+14:00", "2026-03-18T10:00:00+01:00", "9000-12-31T23:59:59-12:00"),
    "ids": (None, "O1", "nothing,of,that,name"),
    "count": (1, 400, 10**30),
}


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda q: q.name)
def test_at_the_ends_of_time_every_question_answers_or_refuses_and_never_breaks(asked: Any) -> None:
    whole = history(
        STARTED,
        ("2026-03-03T12:00:00Z", "outage_started", O1),
        ("2026-03-03T12:00:00Z", "backup_completed", {"backup": "B1", "scope": "client_data", "tiers": ["daily"],
         "started_at": "2026-03-03T01:00:00Z", "completed_at": "2026-03-03T02:00:00Z", "locations": ["A"]}),
    )  # fmt: skip
    longest = max((len(EDGES[p.kind]) for p in asked.params), default=1)
    for known_at in ("2026-03-18T00:00:00Z", "9999-12-31T23:59:59Z", None):
        known = whole if known_at is None else whole.as_known(instant(known_at))
        for n in range(longest):
            given = {p.name: EDGES[p.kind][n % len(EDGES[p.kind])] for p in asked.params}
            assert answered_or_refused(known, asked, given) in (0, 5)
    assert whole.now == FOREVER


def answered_or_refused(known: Any, asked: Any, given: dict[str, Any]) -> int:
    """The exit status a command would end with."""
    try:
        json.loads(answer_from(known, asked, read(asked, given), {}).to_json())
    except Refused as refused:
        return refused.exit_status
    return 0


def test_the_module_of_a_rule_is_imported_only_when_it_is_asked() -> None:
    table = import_module("projections.questions")
    assert not [name for name in vars(table) if name in {q.rule.partition(":")[0].rpartition(".")[2] for q in QUESTIONS}]
