"""The switches are those of the rules, and a reading holds one value for each, or is refused."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path

import pytest

from ledger.errors import Refused
from ledger.readings import DEFAULT, SETTLED, SWITCHES, Reading, parse_switch, switch_named

SHARED = Path(__file__).parents[2] / "shared"

# RULES.md section 4 (and DESIGN.md section 4 for the last): row, then each switch with its values, default first.
RULES = """
01 blocking_limit = local_22 | literal_cet
02 emergency = as_declared | not_accepted | evidenced_only
03 window_exclusion = temporal | causal
04 notice_clock = elapsed | wall
05 reschedule_notice = material_change | any_change | never
06 support_hours = art_12_2 | art_12_6
07 holidays = fr_metro | fr_alsace_moselle
08 night_outage = reported_not_rated | breach_of_access
09 unannounced = no_td_effect | counts
10 overlap = union | sum
11 partial_effect = exclude | any | prorata
12 prt_month = clipped_to_service | whole_month
14 month_split = split | start_month
15 open_outage = until_known_at | ignore
15 prt_basis = full_month | elapsed
16 night = window_20_07_start | calendar_date
17 retention_count = calendar_days_after | hours | first_day_counts
18 support_period = anniversary | rolling
19 out_of_hours = next_opening | not_counted
19 private_hours = art_12_10 | art_12_2
20 working_day_end = midnight | closing | same_time
20 anomaly_clock = qualified_and_reproduced | end_of_8h
20 reclassified = from_reclassification | from_first
21 regulatory_patch_notice = by_version_number | always | never
22 dossier_years = completed | ordinal
23 dec25 = inclusive
23 monthly_25 = exclusive
23 stop = end_of_month | day_to_day
23 recovery_45d = strict | extended_642
24 refresh_year = contract | civil | rolling
25 gigabyte = decimal | binary
25 pooled = yes | per_user
26 billing_quarter = anniversary | civil
27 tier_retention = duration | generations
29 concurrent = excluded_only_where_sole_cause | excluded_if_any
31 restore_target = any_retained_state | last_backup_only
33 notice_reference = published | planned | received
35 month_kind = calendar | contract_month
36 slot_overrun = observation | notice_breach
38 relabel = contested_until_accepted | accepted
-- knowledge = recorded | attested
"""
ROWS = [re.split(r" = | \| ", line[3:]) for line in RULES.strip().splitlines()]

QUESTIONS = set(
    """availability maintenance backup_nights backup_weeks backup_months office_days backup_retention backup_deletions
    backup_copies restorable restore_decision office_last_state updates support_response anomaly dossier_schedule
    dossier_billing dossier_recovery deletion_coherence dossier_state recette_refreshes recette_limits recette_eligibility storage
    service_reviews billing_dates weather *""".split()
)


@pytest.mark.parametrize(("name", "values"), [(row[0], tuple(row[1:])) for row in ROWS])
def test_each_switch_of_the_rules_has_its_values_and_its_default_first(name: str, values: tuple[str, ...]) -> None:
    assert switch_named(name).values == values
    assert switch_named(name).default == DEFAULT[name] == values[0]


def test_there_is_no_switch_that_the_rules_do_not_write() -> None:
    assert sorted(switch.name for switch in SWITCHES) == sorted(row[0] for row in ROWS)


def test_each_switch_names_its_row_of_the_ambiguities() -> None:
    written = {row[0]: line[:2] for row, line in zip(ROWS, RULES.strip().splitlines(), strict=True)}
    assert {s.name: s.amb.removeprefix("Amb-") or "--" for s in SWITCHES} == written


def test_every_row_of_the_ambiguities_is_a_switch_or_settled() -> None:
    rows = {s.amb for s in SWITCHES if s.amb} | {amb for amb, _, _ in SETTLED}
    assert rows == {f"Amb-{n:02}" for n in range(1, 41)}


def test_each_switch_says_where_it_is_applied_and_why_its_default_is_so() -> None:
    for switch in SWITCHES:
        assert switch.why, switch.name
        assert set(switch.questions) <= QUESTIONS, switch.name
        assert all(re.fullmatch(r"A\d+\.\d+[a-e]?", each) for each in switch.obligations), switch.name
        assert all(meaning for _, meaning in switch.choices), switch.name
        assert switch.name == "knowledge" or (switch.article and switch.obligations), switch.name


@pytest.mark.skipif(not SHARED.exists(), reason="the rules lie beside the repository")
def test_the_obligations_switches_bear_on_are_in_the_rules() -> None:
    text = (SHARED / "RULES.md").read_text("utf-8")
    for obligation in {each for s in SWITCHES for each in s.obligations}:
        assert obligation in text, obligation


@pytest.mark.skipif(not SHARED.exists(), reason="the rules lie beside the repository")
def test_the_rules_write_the_same_switches_today() -> None:
    text = (SHARED / "RULES.md").read_text("utf-8")
    table = text[text.index("| 01 |") : text.index("**Replay under another reading.**")]
    value = r"\**[a-z][a-z0-9_]*\**(?: \([^)]*\))?"
    found = {
        name: tuple(re.match(r"\w+", each.strip("* "))[0] for each in values.split(r"\|"))  # type: ignore[index]
        for name, values in re.findall(rf"\b([a-z][a-z0-9_]+) = ({value}(?: \\\| {value})*)", table)
    }
    ours = {s.name: s.values for s in SWITCHES if s.amb}
    assert {name: values for name, values in found.items() if ours.get(name) != values} == {}
    assert set(found) == set(ours)


@pytest.mark.skipif(not SHARED.exists(), reason="the scenarios lie beside the repository")
def test_the_default_reading_of_the_scenarios_is_ours() -> None:
    theirs = json.loads((SHARED / "scenarios.json").read_text("utf-8"))["default_reading"]
    assert {name: DEFAULT[name] for name in theirs} == theirs


def test_a_question_is_borne_on_by_its_switches_and_the_register_by_all() -> None:
    overlap, knowledge = switch_named("overlap"), switch_named("knowledge")
    assert overlap.bears_on("availability")
    assert not overlap.bears_on("backup_nights")
    assert knowledge.bears_on("backup_nights")
    assert all(switch.bears_on("breaches") for switch in SWITCHES)


# --- a reading ---


def test_a_reading_is_read_by_attribute_by_key_and_whole() -> None:
    assert DEFAULT.overlap == DEFAULT["overlap"] == DEFAULT.as_dict()["overlap"] == "union"
    assert list(DEFAULT) == list(DEFAULT.as_dict()) == [switch.name for switch in SWITCHES]
    assert len(DEFAULT) == len(SWITCHES)


def test_another_reading_keeps_every_other_switch_and_the_order_of_the_table() -> None:
    summed = DEFAULT.with_switches({"pooled": "per_user", "overlap": "sum"})
    assert (summed.overlap, summed.pooled, summed.emergency) == ("sum", "per_user", "as_declared")
    assert DEFAULT.overlap == "union"
    assert list(summed.as_dict()) == list(DEFAULT.as_dict())
    assert summed.changed() == {"overlap": "sum", "pooled": "per_user"}
    assert DEFAULT.with_switches({"pooled": "per_user"}).with_switches({"overlap": "sum"}) == summed
    assert repr(summed) == "Reading({'overlap': 'sum', 'pooled': 'per_user'})"


def test_readings_are_equal_and_hash_by_value_however_they_were_made() -> None:
    summed = DEFAULT.with_switches({"overlap": "sum"})
    assert summed == Reading({"overlap": "sum"}) != DEFAULT
    assert hash(summed) == hash(Reading({"overlap": "sum"}))
    assert summed.with_switches({"overlap": "union"}) == DEFAULT
    assert Reading(summed.as_dict()) == summed
    assert DEFAULT.as_dict() != DEFAULT


def test_a_copied_or_pickled_reading_is_the_same_reading() -> None:
    summed = DEFAULT.with_switches({"overlap": "sum"})
    assert copy.deepcopy(summed) == pickle.loads(pickle.dumps(summed)) == summed


def test_a_reading_does_not_change() -> None:
    with pytest.raises(AttributeError, match="does not change"):
        DEFAULT.overlap = "sum"
    with pytest.raises(AttributeError, match="does not change"):
        del DEFAULT.overlap
    DEFAULT.as_dict()["overlap"] = "sum"
    assert DEFAULT.overlap == "union"


def test_the_dictionary_a_reading_was_made_from_is_not_kept() -> None:
    switches = {"overlap": "sum"}
    reading = DEFAULT.with_switches(switches)
    switches["overlap"] = "union"
    assert reading.overlap == "sum"


def test_an_attribute_that_is_no_switch_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="overlaps"):
        _ = DEFAULT.overlaps


@pytest.mark.parametrize("make", [Reading, DEFAULT.with_switches])
def test_an_unknown_switch_is_refused_with_the_nearest_name(make: object) -> None:
    with pytest.raises(Refused) as refused:
        make({"overlaps": "sum"})  # type: ignore[operator]
    assert refused.value.code == "unknown_switch"
    assert "'overlaps'" in refused.value.message
    assert "did you mean 'overlap'?" in refused.value.message


def test_a_switch_like_no_other_is_refused_with_the_place_of_the_table() -> None:
    with pytest.raises(Refused) as refused:
        DEFAULT.with_switches({"zzzzzz": "sum"})
    assert refused.value.message == "no switch is named 'zzzzzz'; `service-ledger switches` lists them"


@pytest.mark.parametrize("value", ["Union", "", "both", 1, None, ["sum"]])
@pytest.mark.parametrize("make", [Reading, DEFAULT.with_switches])
def test_an_unknown_value_is_refused_with_the_values_there_are(make: object, value: object) -> None:
    with pytest.raises(Refused) as refused:
        make({"overlap": value})  # type: ignore[operator]
    assert refused.value.code == "unknown_switch_value"
    assert refused.value.message == f"switch overlap has no value {value!r}; write union or sum"


def test_a_switch_of_one_value_takes_no_other() -> None:
    with pytest.raises(Refused, match="write inclusive"):
        DEFAULT.with_switches({"dec25": "exclusive"})


@pytest.mark.parametrize("text", ["overlap=sum", " overlap = sum "])
def test_a_switch_is_parsed_from_the_words_of_a_command(text: str) -> None:
    assert parse_switch(text) == ("overlap", "sum")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("overlap", "unknown_switch"),
        ("", "unknown_switch"),
        ("=sum", "unknown_switch"),
        ("overlaps=sum", "unknown_switch"),
        ("overlap=", "unknown_switch_value"),
        ("overlap=sum=union", "unknown_switch_value"),
    ],
)
def test_words_that_are_no_switch_are_refused(text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_switch(text)
    assert refused.value.code == code
