"""Where the verdict of a question in parts is another one: against trying every reading of small made-up parts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replays.parts import REGISTER, STANDING
from replays.regions import Part
from replays.turning import Turning, verdict_of
from tests.test_regions import evaluate, every_reading

CHOICES = {"a": ("1",), "b": ("1", "2"), "c": ("1",)}


def row(obligation: str, contested: bool) -> Any:
    return SimpleNamespace(obligation=obligation, contested=contested)


ROWS = st.lists(st.builds(row, st.sampled_from(["A1", "A2"]), st.sampled_from([True, True, False])), max_size=2)
STATES = st.sampled_from([{"A1": {"state": "kept"}}, {"A1": {"state": "pending"}}, {"A2": {"state": "kept"}}, {}])


def rules(said: Any) -> Any:
    """A rule is what it says, or a switch to look at and a rule for each of its values (left as it stands, 1, 2)."""
    looks = st.tuples(st.sampled_from(sorted(CHOICES)), said, said, said)
    return said | st.tuples(st.sampled_from(sorted(CHOICES)), said | looks, said | looks, said)


FILED, UNFILED = rules(ROWS), rules(STATES)


def check(asked: str, made: list[Any]) -> None:
    """The regions found hold exactly the readings whose verdict is not the first."""
    parts = [Part(lambda flipped, rule=rule: evaluate(rule, flipped), CHOICES) for rule in made]  # type: ignore[misc]
    assert all(part.explore(1000) for part in parts)
    first = verdict_of(asked, [part.at({}).found for part in parts])
    regions, every = Turning(asked, [part.answered for part in parts], CHOICES, 10_000).regions(first)
    assert every
    for flipped in every_reading(CHOICES):
        turned = verdict_of(asked, [evaluate(rule, flipped)[0] for rule in made]) != first
        assert turned == any(all(flipped.get(n) == v for n, v in region.items()) for region in regions), flipped


@settings(deadline=None)
@given(st.lists(FILED, min_size=1, max_size=2), st.lists(UNFILED, min_size=1, max_size=3))
def test_of_obligations_the_readings_that_turn_the_verdict_are_those_found(filed: Any, unfiled: Any) -> None:
    check(STANDING, [*filed, *unfiled])


@settings(deadline=None)
@given(st.lists(FILED, min_size=1, max_size=3))
def test_of_the_register_too(filed: Any) -> None:
    check(REGISTER, filed)


@settings(deadline=None)
@given(rules(st.sampled_from([{"breach": True}, {"breach": False}, {"breach": None}])))
def test_of_a_question_in_one_part_too(rule: Any) -> None:
    check("availability", [rule])


CONTESTED, BROKEN = [row("A1", True)], [row("A1", False)]
KEPT, OTHER = {"A1": {"state": "kept"}}, {"A2": {"state": "kept"}}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([[], KEPT], "kept"), ([BROKEN, KEPT], "broken"), ([CONTESTED, KEPT], "not_judged"),
        ([CONTESTED, KEPT, OTHER], "kept"), ([CONTESTED, BROKEN, OTHER], "broken"), ([[], {"A1": {"state": "pending"}}], "not_judged"),
    ],
)  # fmt: skip
def test_a_contested_breach_breaks_no_obligation_and_leaves_it_unkept(parts: list[Any], expected: str) -> None:
    assert verdict_of(STANDING, parts) == expected


def test_a_search_that_is_cut_short_is_told() -> None:
    made = [(name, BROKEN, [], []) for name in ("a", "c")]
    parts = [Part(lambda flipped, rule=rule: evaluate(rule, flipped), CHOICES) for rule in made]  # type: ignore[misc]
    assert all(part.explore(1000) for part in parts)
    answered = [part.answered for part in parts]
    assert Turning(REGISTER, answered, CHOICES, 0).regions("broken") == ([], False)
    assert Turning(REGISTER, answered, CHOICES, 9).regions("broken") == ([{"a": "1", "c": "1"}], True)
