"""The verdict under every reading: what the shared work gives is what asking each reading plainly gives."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from random import Random
from typing import Any

import pytest

import replays.readings as subject
from ledger import open_ledger
from ledger.demo import DEMO
from ledger.errors import Refused
from ledger.history import History
from ledger.readings import SWITCHES, Switch
from projections.frame import Frames
from projections.questions import question, read
from replays.readings import Sensitivity, all_readings, read_readings, sensitivity, verdict
from tests.replaying import ASKED, Story, demo_path
from tests.story import STARTED, history, instant
from tests.test_availability import outage

AVAILABILITY = question("availability")
BREACHES = question("breaches")
FAMILY = [s for s in SWITCHES if s.bears_on("availability") and s.name != "knowledge" and len(s.values) > 1]


@pytest.fixture(scope="module")
def demo() -> Iterator[Any]:
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        yield book


def plain(known: History, asked: Any, values: Any, switches: dict[str, str]) -> str:
    return verdict(asked.name, asked.function()(known, Frames(known, switches), **values).result)


def every_reading(chosen: list[Switch]) -> list[dict[str, str]]:
    return [dict(zip([s.name for s in chosen], values, strict=True)) for values in product(*(s.values for s in chosen))]


def brute(known: History, asked: Any, values: Any, chosen: list[Switch]) -> dict[frozenset[tuple[str, str]], str]:
    """The verdict of every combination of these switches, each computed by itself; keyed by what is not default."""
    return {
        frozenset((n, v) for n, v in reading.items() if v != subject.DEFAULT[n]): plain(known, asked, values, reading)
        for reading in every_reading(chosen)
    }


def check(found: Sensitivity, verdicts: dict[frozenset[tuple[str, str]], str]) -> None:
    """What is said holds over every combination: outcome, count, flips, and the smallest sets that turn it."""
    first = verdicts[frozenset()]
    assert found.exhaustive
    assert found.coverage == "every"
    assert found.verdict == first
    assert found.readings_tried == len(verdicts)
    assert found.outcome == (first if set(verdicts.values()) == {first} else "contested")
    assert {(f.switch, f.value): f.verdict for f in found.flips} == {
        next(iter(key)): value for key, value in verdicts.items() if len(key) == 1
    }
    turning = [key for key, value in verdicts.items() if value != first]
    smallest = {key for key in turning if not any(other < key for other in turning)}
    assert {frozenset(tuple(t.split("=")) for t in one) for one in found.turning_sets} == smallest


def test_over_a_few_switches_it_says_what_asking_every_reading_plainly_says(monkeypatch: Any) -> None:
    contested = 0
    for seed in range(30):
        story = Story(seed)
        asked, values = ASKED[0] if seed % 3 else ASKED[2]
        chosen = story.random.sample(FAMILY, 4)
        monkeypatch.setattr(subject, "SWITCHES", tuple(chosen))
        known = story.whole("2026-04-20T00:00:00Z")
        found = sensitivity(known, asked, values, {})
        check(found, brute(known, asked, values, chosen))
        contested += found.outcome == "contested"
    assert contested > 1


def test_shared_parts_give_each_reading_what_it_gives_alone(demo: Any, monkeypatch: Any) -> None:
    """The register of the demo's year is taken by subject; every memoised result against a plain one."""
    chosen = [s for s in SWITCHES if s.name in ("blocking_limit", "support_hours", "overlap", "tier_retention", "night")]
    monkeypatch.setattr(subject, "SWITCHES", tuple(chosen))
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    values = read(BREACHES, {"first": "2026-01", "last": "2026-02"})
    run = subject._Runs(known, BREACHES, values, {})
    for switches in every_reading(chosen)[::3]:
        flipped = {n: v for n, v in switches.items() if v != subject.DEFAULT[n]}
        rows = [dict(row) for row in BREACHES.function()(known, Frames(known, switches), **values).result]
        shared = [dict(row) for row in run(flipped).result]
        for row in (*rows, *shared):
            del row["first_knowable_at"]  # left out where only verdicts are compared
        assert shared == rows, switches


def test_a_rule_that_looked_at_no_flipped_switch_is_not_run_again(demo: Any) -> None:
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    values = read(BREACHES, {"first": "2026-01", "last": "2026-02"})
    run = subject._Runs(known, BREACHES, values, {})
    run({})
    run({"gigabyte": "binary"})
    assert len(run._parts["availability"]) == 1
    assert len(run._parts["storage"]) == 2


def test_more_readings_than_are_tried_is_said_and_nothing_claimed_of_the_rest(demo: Any) -> None:
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    found = sensitivity(known, BREACHES, read(BREACHES, {"first": "2025-10", "last": "2026-09"}), {})
    assert not found.exhaustive
    assert found.coverage == "some"
    month = sensitivity(known, AVAILABILITY, {"month": "2025-11"}, {})
    assert not month.exhaustive  # 16 switches of availability have more combinations than are tried
    assert month.coverage == "live"
    assert month.outcome == "broken"


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


def test_combinations_of_live_switches_are_all_tried_where_they_are_few(demo: Any) -> None:
    """`live`: the product of the live switches is covered, and each agrees with asking it plainly."""
    asked = question("maintenance")
    known = demo.history("C-2041", known_at=instant(DEMO["known_at"]))
    found = sensitivity(known, asked, {}, {})
    live = [s for s in SWITCHES if s.name in found.live]
    assert live
    random = Random(3)
    for switches in random.sample(every_reading(live), 5):
        changed = any(plain(known, asked, {}, {**switches, s.name: v}) != plain(known, asked, {}, switches)
                      for s, v in combinations_of_inert(found, "maintenance"))  # fmt: skip
        assert not changed


def combinations_of_inert(found: Sensitivity, name: str) -> list[tuple[Switch, str]]:
    inert = [s for s in SWITCHES if s.bears_on(name) and s.name not in found.live and s.name != "knowledge"]
    return [(s, v) for (s,) in combinations(inert, 1) for v in s.values]
