"""The space of readings cut into regions: against trying every reading of small made-up rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from replays.regions import Part, Region, joined, merged, smallest

CHOICES = {"a": ("1",), "b": ("1", "2"), "c": ("1",), "d": ("1", "2")}
# a rule is an answer, or a switch to look at and a rule for each of its values (left as it stands, 1, 2)
RULES = st.recursive(
    st.integers(0, 2),
    lambda inner: st.tuples(st.sampled_from(sorted(CHOICES)), inner, inner, inner),
    max_leaves=12,
)


def evaluate(rule: Any, flipped: Mapping[str, str]) -> tuple[Any, list[str]]:
    """What a rule says in a reading, and the switches it looked at."""
    looked_at: dict[str, None] = {}
    while isinstance(rule, tuple):
        name, *branches = rule
        looked_at.setdefault(name)
        rule = branches[int(flipped.get(name, 0))]
    return rule, list(looked_at)


def every_reading(choices: Mapping[str, Sequence[str]] = CHOICES) -> Iterator[dict[str, str]]:
    for values in product(*((None, *others) for others in choices.values())):
        yield {name: value for name, value in zip(choices, values, strict=True) if value is not None}


def lies_in(flipped: Mapping[str, str], region: Region) -> bool:
    return all(flipped.get(name) == value for name, value in region.items())


def explored(rule: Any) -> Part:
    part = Part(lambda flipped: evaluate(rule, flipped), CHOICES)
    assert part.explore(1000)
    return part


def regions(part: Part, wanted: int) -> list[Region]:
    return [answer.region for answer in part.answered if answer.found == wanted]


@settings(deadline=None)
@given(RULES)
def test_the_regions_cover_every_reading_and_say_of_each_what_the_rule_says(rule: Any) -> None:
    part = explored(rule)
    for flipped in every_reading():
        said = {answer.found for answer in part.answered if lies_in(flipped, answer.region)}
        assert said == {evaluate(rule, flipped)[0]}


@settings(deadline=None)
@given(RULES)
def test_no_region_is_evaluated_twice(rule: Any) -> None:
    part = explored(rule)
    keys = [frozenset(answer.region.items()) for answer in part.answered]
    assert len(set(keys)) == len(keys)


@settings(deadline=None)
@given(RULES)
def test_a_switch_turns_what_is_said_where_some_reading_differs_in_it_alone(rule: Any) -> None:
    turned = {
        name
        for flipped in every_reading()
        for name, others in CHOICES.items()
        for value in others
        if evaluate(rule, flipped)[0] != evaluate(rule, {**flipped, name: value})[0]
    }
    assert explored(rule).turned_by() == turned


@settings(deadline=None)
@given(RULES)
def test_the_smallest_sets_are_those_of_every_reading(rule: Any) -> None:
    sought = {frozenset(f.items()) for f in every_reading() if evaluate(rule, f)[0] == 1}
    assert set(smallest(regions(explored(rule), 1))) == {s for s in sought if not any(o < s for o in sought)}


@settings(deadline=None)
@given(RULES)
def test_merged_regions_hold_the_same_readings(rule: Any) -> None:
    before = regions(explored(rule), 1)
    after = merged(before, CHOICES)
    assert len(after) <= len(before)
    for flipped in every_reading():
        assert any(lies_in(flipped, r) for r in before) == any(lies_in(flipped, r) for r in after)


@settings(deadline=None)
@given(st.lists(RULES, min_size=1, max_size=3))
def test_joined_regions_hold_the_readings_that_lie_in_one_of_each_part(rules: list[Any]) -> None:
    parts = [explored(rule) for rule in rules]
    found = joined([regions(part, 1) for part in parts], 10_000)
    assert found is not None
    for flipped in every_reading():
        both = all(evaluate(rule, flipped)[0] == 1 for rule in rules)
        assert any(lies_in(flipped, region) for region in found) == both


def test_all_values_of_a_switch_are_one_region_that_does_not_name_it() -> None:
    assert merged([{"b": None, "a": "1"}, {"b": "1", "a": "1"}, {"b": "2", "a": "1"}], CHOICES) == [{"a": "1"}]
    assert len(merged([{"b": None}, {"b": "1"}], CHOICES)) == 2


def test_a_search_that_is_cut_short_says_so() -> None:
    part = Part(lambda flipped: (0, ["a", "b", "c", "d"]), CHOICES)
    assert not part.explore(10)
    assert Part(lambda flipped: (0, []), CHOICES).explore(1)
    wide = [[{name: value} for value in (None, "1")] for name in CHOICES]
    assert joined(wide, 10) is None
    assert len(joined(wide, 16) or ()) == 16
