"""The verdict under every reading: what the shared work gives is what asking each reading plainly gives."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import product
from math import prod
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import replays.parts as parts
import replays.readings as subject
from ledger import open_ledger
from ledger.demo import DEMO
from ledger.errors import Refused
from ledger.history import History
from ledger.readings import DEFAULT, SWITCHES, Switch, switch_named
from projections.breaches import breaches_of
from projections.frame import Frames
from projections.questions import question, read
from replays.readings import Sensitivity, all_readings, read_readings, sensitivity
from replays.verdicts import verdict
from tests.replaying import ASKED, Story, WiderStory, demo_path, some_switches
from tests.story import STARTED, history, instant
from tests.test_availability import outage

AVAILABILITY = question("availability")
BREACHES, OBLIGATIONS = question("breaches"), question("obligations")
FAMILY = [s for s in SWITCHES if s.bears_on("availability") and s.name != "knowledge" and len(s.values) > 1]
KNOWN = "2026-04-20T00:00:00Z"
Key = frozenset[tuple[str, str]]


@pytest.fixture(scope="module")
def demo() -> Iterator[Any]:
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        yield book


def asked(name: str, **params: str) -> tuple[Any, dict[str, Any]]:
    return question(name), read(question(name), params)


QUESTIONS = (
    asked("availability", month="2026-03"),
    asked("maintenance"),
    asked("support_response", start="2025-09-01"),
    asked("backup_retention"),
    asked("backup_deletions"),
    asked("backup_nights", first="2026-03-01", last="2026-03-31"),
    asked("restorable", at="2026-03-20T10:00:00+01:00"),
    asked("restore_decision"),
    asked("breaches", first="2026-03", last="2026-04"),
    asked("obligations", at="2026-03-20T10:00:00+01:00"),
)


def without_proof(result: Any) -> Any:
    """A result as it is compared: `first_knowable_at` is left out where only verdicts are."""
    if isinstance(result, list):
        return [{name: value for name, value in row.items() if name != "first_knowable_at"} for row in result]
    return result


def plain(known: History, asked: Any, values: Any, switches: dict[str, str]) -> Any:
    return without_proof(asked.function()(known, Frames(known, switches), **values).result)


def every_reading(chosen: Iterable[Switch]) -> list[dict[str, str]]:
    found = list(chosen)
    return [dict(zip([s.name for s in found], values, strict=True)) for values in product(*(s.values for s in found))]


def brute(known: History, asked: Any, values: Any, chosen: Iterable[Switch]) -> dict[Key, Any]:
    """The result of every combination of these switches, each computed by itself; keyed by what is not default."""
    return {
        frozenset((n, v) for n, v in reading.items() if v != DEFAULT[n]): plain(known, asked, values, reading)
        for reading in every_reading(chosen)
    }


def check(name: str, found: Sensitivity, results: dict[Key, Any]) -> None:
    """What is said holds over every combination: outcome, flips, live switches, and the smallest sets that turn it."""
    verdicts = {key: verdict(name, result) for key, result in results.items()}
    first = verdicts[frozenset()]
    assert found.coverage == "every"
    assert found.verdict == first
    assert found.outcome == (first if set(verdicts.values()) == {first} else "contested")
    flips = {(f.switch, f.value): (f.verdict, bool(f.changes)) for f in found.flips}
    for (flip, *others), result in ((list(key), result) for key, result in results.items() if key):
        if not others and flip in flips:
            assert flips[flip] == (verdict(name, result), result != results[frozenset()])
    turning = [key for key, value in verdicts.items() if value != first]
    smallest = {key for key in turning if not any(other < key for other in turning)}
    assert {frozenset(tuple(t.split("=")) for t in one) for one in found.turning_sets} == smallest
    assert set(found.live) == {
        switch
        for key, result in results.items()
        for switch, value in key
        for less in [key - {(switch, value)}]
        for other in [less, *(less | {(switch, v)} for v in switch_named(switch).values)]
        if other in results and results[other] != result
    }


def looked_at_most(name: str, random: Random, count: int) -> list[Switch]:
    bearing = [s for s in SWITCHES if s.bears_on(name) and s.name != "knowledge" and len(s.values) > 1]
    return random.sample(bearing, min(count, len(bearing)))


@pytest.mark.parametrize(("asked", "values"), QUESTIONS, ids=[q.name for q, _ in QUESTIONS])
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_what_is_said_of_every_reading_is_what_asking_each_one_plainly_says(
    asked: Any, values: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The full product of three or four switches of the question, on a small random history."""
    story = WiderStory(seed)
    chosen = looked_at_most(asked.name, story.random, 3 if asked in (BREACHES, OBLIGATIONS) else 4)
    with monkeypatch.context() as patch:
        patch.setattr(subject, "SWITCHES", tuple(chosen))
        known = story.whole(KNOWN)
        found = sensitivity(known, asked, values, {})
    check(asked.name, found, brute(known, asked, values, chosen))


@pytest.mark.parametrize(("asked", "values"), QUESTIONS, ids=[q.name for q, _ in QUESTIONS])
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_any_reading_drawn_from_the_whole_space_lies_in_a_region_that_says_what_it_says(
    asked: Any, values: Any, seed: int
) -> None:
    """All switches at once, of which nobody could try every combination: drawn at random and asked plainly."""
    story = WiderStory(seed)
    known = story.whole(KNOWN)
    run = subject._Parts(known, asked, values, {}, subject._choices(known, {}))
    assert all(part.explore(subject.MOST_REGIONS) for part in run.parts)
    evaluated = run.evaluated
    for _ in range(8):
        switches = some_switches(story.random, most=len(SWITCHES) - 1)
        flipped = {name: value for name, value in switches.items() if value != DEFAULT[name] and name in run.choices}
        assert without_proof(run.at(flipped).result) == plain(known, asked, values, switches), switches
    assert run.evaluated == evaluated  # nothing was left outside the regions


@pytest.mark.soak
@pytest.mark.parametrize("name", ["maintenance", "support_response", "restore_decision"])
def test_every_combination_of_every_switch_of_a_question_agrees(name: str) -> None:
    """The whole product, nothing sampled: 864 readings of maintenance, 32 of support, 36 of a restore."""
    for seed in range(3):
        known = WiderStory(seed).whole(KNOWN)
        asked, values = next(pair for pair in QUESTIONS if pair[0].name == name)
        found = sensitivity(known, asked, values, {})
        bearing = [s for s in SWITCHES if s.bears_on(name) and s.name != "knowledge" and len(s.values) > 1]
        assert found.readings == len(every_reading(bearing))
        check(name, found, brute(known, asked, values, bearing))


def test_a_year_is_the_sum_of_its_months(demo: Any) -> None:
    """What the parts rest on: the register of a year holds the rows of its months' registers, whatever the reading."""
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    random = Random(11)
    for switches in [{}, *(some_switches(random, most=20) for _ in range(4))]:
        for name in parts.BY_MONTH:
            whole = breaches_of(name, known, Frames(known, switches), date(2025, 10, 1), date(2026, 9, 30))
            months = [
                row
                for first, last in parts.months(date(2025, 10, 1), date(2026, 9, 30))
                for row in breaches_of(name, known, Frames(known, switches), first, last)
            ]
            key = attrgetter("on", "obligation", "subject", "what")
            assert sorted(months, key=key) == sorted(whole, key=key)


def test_which_things_there_are_is_no_matter_of_reading(demo: Any) -> None:
    """What taking maintenances and anomalies one by one rests on: names, and each row whether asked alone or not."""
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    random = Random(12)
    for name in subject.ONE_BY_ONE:
        rule = question(name).function()
        names = list(rule(known, Frames(known, {}), None).result)
        assert names
        for _ in range(5):
            frames = Frames(known, some_switches(random, most=20))
            together = rule(known, frames, None).result
            assert list(together) == names
            assert {n: row for n in names for row in rule(known, frames, (n,)).result.values()} == together


def test_a_rule_decides_by_attribute_and_shows_by_name() -> None:
    """`reading["x"]` notes nothing, so it may only stand where workings show a switch: {"switch": .., "value": ..}."""
    for path in sorted((Path(__file__).parents[1] / "projections").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        shown = {id(inner) for node in ast.walk(tree) if _shows(node) for inner in ast.walk(node)}
        read = [node for node in ast.walk(tree) if isinstance(node, ast.Subscript) and _is_reading(node.value)]
        assert [f"{path.name}:{node.lineno}" for node in read if id(node) not in shown] == []


def _shows(node: ast.AST) -> bool:
    if isinstance(node, ast.Dict):
        return {key.value for key in node.keys if isinstance(key, ast.Constant)} == {"switch", "value"}
    # both only make workings: which switches to name there, and what a reader must know
    return isinstance(node, ast.FunctionDef) and node.name in ("_switches", "_notes")


def _is_reading(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in ("reading", "read")


def test_a_rule_that_looked_at_no_flipped_switch_is_not_run_again(demo: Any) -> None:
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    run = subject._Parts(known, *asked("breaches", first="2026-01", last="2026-02"), {}, subject._choices(known, {}))
    run.at({})
    before = run.evaluated
    run.at({"gigabyte": "binary"})
    assert run.evaluated == before + 1  # storage alone


def test_a_year_holds_over_all_its_readings_though_few_are_computed(demo: Any) -> None:
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    found = sensitivity(known, *asked("breaches", first="2025-10", last="2026-09"), {})
    assert found.coverage == "every"
    assert found.outcome == "broken"  # a night was missed, whatever a clause means
    assert found.readings == prod(len(s.values) for s in SWITCHES if s.name != "knowledge")
    assert found.evaluated < 1000


def test_a_reading_the_contract_adopted_is_where_the_flips_start_from() -> None:
    """Adopted: `sum`, from the start. The default is then another reading, and turns the verdict back."""
    hours = "2026-03-03T10:00:00+01:00", "2026-03-03T10:50:00+01:00"
    adopted = {"reading": "R1", "switches": {"overlap": "sum"}, "effective_from": "2025-09-01T00:00:00+02:00"}
    lines = [STARTED, ("2025-09-02T08:00:00Z", "reading_adopted", adopted),
             *outage(*hours, "O1"), *outage(*hours, "O2")]  # fmt: skip
    known = history(*lines, known_at="2026-04-02T00:00:00Z")
    found = sensitivity(known, AVAILABILITY, {"month": "2026-03"}, {})
    assert (found.verdict, found.outcome) == ("broken", "contested")
    assert ("overlap=union",) in found.turning_sets
    ((clause,),) = [c for c, s in zip(found.clauses, found.turning_sets, strict=True) if s == ("overlap=union",)]
    assert (clause.switch, clause.article, clause.ambiguity) == ("overlap", "6", "Amb-10")


# one outage too many in March if the share of users counts, one at night in April if that is rated
BOTH_BROKEN = [
    STARTED,
    *outage("2026-03-03T10:00:00+01:00", "2026-03-03T12:00:00+01:00", "O1", effect="partial_users",
            users_affected=399, users_total=400),
    *outage("2026-04-07T22:00:00+02:00", "2026-04-07T23:00:00+02:00", "O2"),
]  # fmt: skip
STRICT = {"partial_effect": "any", "night_outage": "breach_of_access"}


def test_a_register_broken_in_two_parts_is_kept_only_where_neither_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SUBJECTS", ("availability",))
    known = history(*BOTH_BROKEN, known_at="2026-05-04T00:00:00Z")
    found = sensitivity(known, *asked("breaches", first="2026-03", last="2026-04"), STRICT)
    assert (found.verdict, found.outcome, found.coverage) == ("broken", "contested", "every")
    assert found.turning_sets == (("night_outage=reported_not_rated", "partial_effect=exclude"),)
    assert [(c.article, c.ambiguity) for c in found.clauses[0]] == [("5", "Amb-08"), ("6", "Amb-11")]


def test_a_search_cut_short_claims_nothing_of_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SUBJECTS", ("availability",))
    known = history(*BOTH_BROKEN, known_at="2026-05-04T00:00:00Z")
    register = asked("breaches", first="2026-03", last="2026-04")
    with monkeypatch.context() as patch:
        patch.setattr(subject, "MOST_JOINED", 0)
        assert sensitivity(known, *register, STRICT).coverage == "some"
    with monkeypatch.context() as patch:
        patch.setattr(subject, "MOST_REGIONS", 1)
        assert sensitivity(known, AVAILABILITY, {"month": "2026-03"}, {}).coverage == "some"
    assert sensitivity(known, *register, STRICT).coverage == "every"


def test_kept_broken_and_contested_in_the_demo(demo: Any) -> None:
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    asked = question("support_response")
    found = sensitivity(known, asked, read(asked, {"start": DEMO["support_start"]}), {})
    assert (found.verdict, found.outcome) == ("kept", "contested")
    ((turning,),) = [one for one in found.turning_sets if len(one) == 1][:1]
    assert turning == "support_hours=art_12_6"
    flip = next(f for f in found.flips if f.switch == "support_hours")
    assert (flip.turns, flip.ambiguity, flip.article) == (True, "Amb-06", "12.2, 12.6")
    quiet = sensitivity(known, AVAILABILITY, {"month": "2026-08"}, {})
    assert quiet.verdict == quiet.outcome == "kept"


def test_a_verdict_turned_only_by_two_switches_together_is_found() -> None:
    """Two outages of some users at the same time: each alone within the allowance, summed and counted whole not."""
    some = {"effect": "partial_users", "users_affected": 10, "users_total": 400}
    lines = [
        STARTED,
        *outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00", "O1", **some),
        *outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00", "O2", **some),
    ]
    known = history(*lines, known_at="2026-04-02T00:00:00Z")
    found = sensitivity(known, AVAILABILITY, {"month": "2026-03"}, {})
    assert found.verdict == "kept"
    assert found.outcome == "contested"
    assert ("overlap=sum", "partial_effect=any") in found.turning_sets
    assert not any(len(one) == 1 for one in found.turning_sets)


def test_no_reference_period_is_nothing_to_judge_under_every_reading() -> None:
    known = history(STARTED, known_at="2026-04-02T00:00:00Z")
    found = sensitivity(known, AVAILABILITY, {"month": "2025-07"}, {"prt_month": "clipped_to_service"})
    assert found.verdict == "not_judged"
    assert found.outcome == "contested"  # under prt_month=whole_month there is something to judge
    assert all(one[0] == "prt_month=whole_month" for one in found.turning_sets)


def test_the_switches_of_the_question_are_where_the_flips_start_from() -> None:
    lines = [STARTED, *outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:30:00+01:00", effect="partial_users",
                              users_affected=10, users_total=400)]  # fmt: skip
    known = history(*lines, known_at="2026-04-02T00:00:00Z")
    found = sensitivity(known, AVAILABILITY, {"month": "2026-03"}, {"partial_effect": "any"})
    assert found.verdict == "broken"
    assert {f.value for f in found.flips if f.switch == "partial_effect"} == {"exclude", "prorata"}


def test_every_flip_that_moves_nothing_is_marked_so() -> None:
    known = history(STARTED, known_at="2026-04-02T00:00:00Z")
    found = sensitivity(known, AVAILABILITY, {"month": "2026-03"}, {})
    assert found.live == ()
    assert all(f.changes == {} and not f.turns for f in found.flips)
    assert {f.switch for f in found.flips} == {s.name for s in FAMILY}


def test_the_same_question_gives_the_same_bytes_twice() -> None:
    import msgspec

    known = Story(5).whole("2026-04-20T00:00:00Z")
    one, two = (msgspec.json.encode(sensitivity(known, *ASKED[0], {})) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"breach": True}, "broken"), ({"breach": False}, "kept"), ({"breach": None}, "not_judged"),
        ([], "kept"), ([{"contested": True}], "kept"), ([{"contested": False}], "broken"),
        ({"M1": {"notice_breach": True}}, "broken"), ({"M1": {"outside_window_seconds": 1}}, "broken"),
        ({"M1": {"outside_window_seconds": 0, "notice_breach": False}}, "kept"), ({}, "not_judged"),
        ({"missed": 3}, "broken"), ({"missed": []}, "kept"),
    ],
)  # fmt: skip
def test_a_verdict_has_three_values(result: Any, expected: str) -> None:
    assert verdict("any", result) == expected


# --- named readings ---


def toml(tmp_path: Path, text: str, name: str = "readings.toml") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_named_readings_are_read_in_order_with_why(tmp_path: Path) -> None:
    path = toml(tmp_path, '[provider]\nswitches = {overlap = "union"}\nwhy = "one Service"\n[customer]\nswitches = {overlap = "sum"}\n')
    provider, customer = read_readings(path)
    assert (provider.name, provider.switches, provider.why) == ("provider", {"overlap": "union"}, "one Service")
    assert (customer.name, customer.why) == ("customer", "")


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("not toml", "bad_terms", "not TOML"),
        ("", "bad_terms", "names no reading"),
        ('a = 1', "bad_terms", "needs `switches`"),
        ('[a]\nwhy = "x"', "bad_terms", "needs `switches`"),
        ('[a]\nswitches = {}\nwho = "x"', "bad_terms", "has no 'who'"),
        ('[a]\nswitches = {overlap = "sum", overlap = "union"}', "bad_terms", "not TOML"),
        ('[a]\nswitches = {overlapp = "sum"}', "unknown_switch", "overlap"),
        ('[a]\nswitches = {overlap = "some"}', "unknown_switch_value", "union or sum"),
    ],
)  # fmt: skip
def test_readings_that_cannot_be_used_are_refused_in_one_line(tmp_path: Path, text: str, code: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        read_readings(toml(tmp_path, text))
    assert refused.value.code == code
    assert "\n" not in str(refused.value)


def test_two_files_that_contradict_each_other_are_refused_and_that_repeat_each_other_are_not(tmp_path: Path) -> None:
    one = toml(tmp_path, '[expert]\nswitches = {overlap = "sum"}', "one.toml")
    same = toml(tmp_path, '[expert]\nswitches = {overlap = "sum"}', "same.toml")
    other = toml(tmp_path, '[expert]\nswitches = {overlap = "union"}', "other.toml")
    assert [r.name for r in all_readings([one, same])] == ["expert"]
    with pytest.raises(Refused, match="contradicts") as refused:
        all_readings([one, other])
    assert refused.value.code == "bad_terms"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        read_readings(str(tmp_path / "none.toml"))
    assert refused.value.code == "no_file"
    with pytest.raises(Refused, match="input_too_large: /dev/zero: over 1,048,576 bytes"):
        read_readings("/dev/zero")
