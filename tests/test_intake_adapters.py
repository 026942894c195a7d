"""Adapters are found by name, say what they need, and share one reading of instants and short texts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from ledger import Refused
from ledger.intake import ADAPTERS, OPTIONS, adapter, intake, options_of, read_with


@pytest.mark.parametrize(("name", "reads", "place"), ADAPTERS)
def test_every_adapter_of_the_table_is_there_and_documented(name: str, reads: str, place: str) -> None:
    function = adapter(name)
    assert function.__doc__
    assert import_module(f"ledger.intake.{place.partition(':')[0]}").__doc__
    assert reads
    assert isinstance(options_of(name), dict)


REFUSED: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("no such adapter", "unknown_value", "morse", {"subject": "contract:C1"}),
    ("no subject", "missing_field", "jenkins", {}),
    ("an option it does not take", "unknown_field", "jenkins", {"subject": "service:s", "zone": "UTC"}),
    ("an option it must have", "missing_field", "borg", {"subject": "contract:C1"}),
    ("a value an option does not take", "unknown_value", "jenkins", {"subject": "service:s", "unusable_end": "soon"}),
    (
        "a zone that is none",
        "bad_zone",
        "barman",
        {
            "subject": "contract:C1",
            "zone": "Paris",
            "given": '{"m": [{"backup_id": "20260302T220000", "status": "FAILED"}]}',
        },
    ),
    ("text that is no JSON", "bad_json", "jenkins", {"subject": "service:s", "given": "{"}),
    ("JSON of another shape", "bad_json", "jenkins", {"subject": "service:s", "given": [1]}),
    ("JSON nested without end", "bad_json", "statuspage", {"subject": "contract:C1", "given": "[" * 100_000}),
    (
        "a place without its repository",
        "unknown_value",
        "pgbackrest",
        {"subject": "contract:C1", "given": "[]", "locations": "DC-A"},
    ),
    (
        "a status that is no number",
        "unknown_value",
        "borg",
        {"subject": "contract:C1", "given": '{"archives": []}', "zone": "UTC", "exit_status": "good"},
    ),
    (
        "an epoch that is no moment",
        "impossible_date",
        "barman",
        {
            "subject": "contract:C1",
            "zone": "UTC",
            "given": '{"m": [{"backup_id": "20260302T220000", "status": "DONE", "end_time_timestamp": "1e300"}]}',
        },
    ),
    (
        "a year that UTC has not",
        "bad_field",
        "pagerduty",
        {
            "subject": "contract:C1",
            "given": '{"event": {"event_type": "incident.triggered", "occurred_at": "9999-12-31T23:59:59-12:00", "data": {"id": "1", "created_at": "x"}}}',
        },
    ),
    ("an option called as the text is", "unknown_field", "jenkins", {"subject": "service:s", "name": "x"}),
)


@pytest.mark.parametrize(("why", "code", "name", "given"), REFUSED)
def test_what_an_adapter_cannot_do_is_refused_by_code(why: str, code: str, name: str, given: dict[str, Any]) -> None:
    options = dict(given)
    text = options.pop("given", "")
    with pytest.raises(Refused) as refused:
        read_with(name, text, **options)
    assert refused.value.code == code


def test_an_option_that_is_none_is_not_given() -> None:
    assert read_with("jenkins", "", subject="service:s", zone=None).events == []


INSTANTS = (
    ("2026-02-03T09:00:00Z", "2026-02-03T09:00:00Z"),
    ("2026-02-03T09:00:00.999999999+02:00", "2026-02-03T09:00:00+02:00"),  # cut off, never rounded up
    ("2026-02-03 09:00:00.000 UTC", "2026-02-03T09:00:00Z"),
    ("2026-02-03T09:00:00-00:00", "2026-02-03T09:00:00Z"),
)


@pytest.mark.parametrize(("text", "expected"), INSTANTS)
def test_an_instant_is_kept_to_the_second_with_its_offset(text: str, expected: str) -> None:
    assert intake.written(intake.instant(text)) == expected


def test_an_instant_without_offset_is_no_instant() -> None:
    with pytest.raises(ValueError, match="no offset"):
        intake.instant("2026-02-03T09:00:00")


def test_a_title_is_one_short_line_without_personal_data() -> None:
    assert intake.short("  a\n\tb ") == "a b"
    assert intake.short("") is None
    assert intake.short("x" * 200) == "x" * 159 + "…"
    assert intake.short("ask jo@example.org") == "(title withheld: it looks like personal data)"


def test_lines_are_ended_by_line_feeds_alone() -> None:
    assert list(intake.lines('{"a": "x\u2028y"}\n\n{"b": 1}')) == [(1, {"a": "x\u2028y"}), (3, {"b": 1})]


def test_an_option_that_is_missing_is_told_with_what_it_says() -> None:
    with pytest.raises(Refused, match=r"the adapter borg needs zone, the IANA zone the tool ran in, .* like Europe/Paris$"):
        read_with("borg", "{}", subject="contract:C1")


def test_each_option_an_adapter_takes_is_told_and_no_other() -> None:
    told = {name for name, _ in OPTIONS}
    assert told - {"source"} == {option for name, _, _ in ADAPTERS for option in options_of(name)}
