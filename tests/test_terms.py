"""A booklet is read whole from its file or from the entry that recorded it; a wrong one is refused in a line."""

from __future__ import annotations

import copy
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import Refused
from ledger.readings import DEFAULT
from ledger.terms import Booklet, Terms, calendar_for, content_of, load_booklet, parse_terms, shipped_booklets
from ledger.workdays import CalendarData, load_calendar

CEGID: Booklet = load_booklet("cegid-expert")
SHIPPED = Path(__file__).parents[1] / "ledger" / "booklets"
FRENCH = {"fr": load_calendar("fr")}
ALSACE = DEFAULT.with_switches({"holidays": "fr_alsace_moselle"})
MISSING = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The Cegid content with one value set otherwise, or (MISSING) taken out."""
    content: Any = copy.deepcopy(CEGID.content)
    *parents, last = [int(key) if key.isdigit() else key for key in re.findall(r"\w+", path)]
    table = content
    for key in parents:
        table = table[key]
    if value is MISSING:
        del table[last]
    else:
        table[last] = value
    return content  # type: ignore[no-any-return]


def refusal(content: dict[str, Any], name: str | None = "x.toml") -> str:
    with pytest.raises(Refused) as refused:
        parse_terms(content, name)
    assert refused.value.code == "bad_terms"
    assert "\n" not in refused.value.message
    return refused.value.message


# --- the booklets we ship -----------------------------------------------------------------------


def test_two_booklets_are_shipped_and_both_are_sound() -> None:
    assert shipped_booklets() == ("always-on", "cegid-expert")
    for name in shipped_booklets():
        booklet = load_booklet(name)
        assert (booklet.id, booklet.version) == (name, "1")


def test_every_table_of_the_booklet_names_its_article() -> None:
    for name in shipped_booklets():
        content = load_booklet(name).content
        tables = {key: table for key, table in content.items() if isinstance(table, dict)}
        assert [key for key, table in tables.items() if not table.get("article")] == []


def test_the_numbers_of_the_booklet_are_those_of_the_rules() -> None:
    """RULES.md, articles 3, 4, 5, 10, 12, 14, 15: what the other tests do not compute with."""
    t: Terms = CEGID.terms
    assert t.dossiers
    assert t.recette
    assert t.options
    assert t.storage
    assert t.reviews
    assert t.subscriptions
    assert t.billing
    assert t.data_pack
    assert t.infrastructure
    assert t.contents
    assert t.support.private
    assert t.maintenance.notice_seconds == 172_800
    assert t.updates.notice_seconds == 0
    assert (t.updates.announced, t.updates.not_announced) == (("version",), ("corrective_patch",))
    assert (t.updates.not_agreed, t.updates.agreed_with_option) == (("regulatory_patch",), "personalised_update")
    assert (t.anomalies.plan_seconds, t.anomalies.fix_working_days) == (43_200, 6)
    assert (t.dossiers.active_months, t.dossiers.unused_years) == (12, 6)
    assert (t.dossiers.tick_on, t.dossiers.untick_until, t.dossiers.billed_from) == ("10-01", "12-25", "01-01")
    assert (t.dossiers.untick_before_day, t.dossiers.stop_months, t.dossiers.recovery_days) == (25, 1, 45)
    assert (t.recette.more_than_users, t.recette.environments, t.recette.requires_option) == (
        300, 1, "personalised_update",
    )  # fmt: skip
    assert (t.recette.named_users, t.recette.dossiers, t.recette.refreshes_per_year) == (10, 50, 2)
    assert t.options.single_tenant_only == ("personalised_update", "recette")
    assert (t.storage.gigabytes_per_user, t.reviews.per_month, t.subscriptions.per_user) == (5, 1, 1)
    assert (t.billing.every_months, t.billing.in_advance, t.billing.first_on) == (3, True, "access_codes")
    assert t.data_pack.same_quantity
    assert (t.infrastructure.generators, t.infrastructure.generators_on_site) == (2, 1)
    assert set(t.contents.connect) < set(t.contents.private)
    assert (t.support.private.priority_calls, t.support.private.dashboards) == (True, ("requests", "articles"))
    assert set(t.availability.exclusions) == {
        "emergency_maintenance", "force_majeure", "customer_equipment", "outside_service_scope",
    }  # fmt: skip
    assert (t.availability.environments, t.availability.effects) == (("production",), ("no_access", "no_login"))
    assert t.statements is None  # the booklet sets no delay to contest a statement


# --- the file, the content and the entry mean the same ------------------------------------------


@pytest.mark.parametrize("name", ["cegid-expert", "always-on"])
def test_the_recorded_content_gives_the_same_terms_as_the_file(name: str) -> None:
    booklet = load_booklet(name)
    recorded = json.loads(json.dumps(content_of(booklet)))
    assert parse_terms(recorded) == booklet.terms


@pytest.mark.parametrize("name", ["cegid-expert", "always-on"])
def test_a_content_is_plain_data_without_floats_or_dates(name: str) -> None:
    def kinds(value: Any) -> set[type]:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return {type(value)}.union(*map(kinds, inner))

    assert kinds(load_booklet(name).content) <= {dict, list, str, int, bool}


def test_the_content_of_a_booklet_fits_an_entry() -> None:
    assert len(json.dumps(CEGID.content)) < 60_000


def test_terms_are_values_that_hash() -> None:
    assert hash(parse_terms(CEGID.content)) == hash(CEGID.terms)


def test_parsing_changes_nothing_in_the_content() -> None:
    content = changed("maintenance.window", {"article": "5", "complement_of_reference": True})
    before = copy.deepcopy(content)
    parse_terms(content)
    assert content == before


# --- loading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path])
def test_a_provider_loads_its_own_booklet_by_path(tmp_path: Path, kind: type) -> None:
    own = tmp_path / "ours"  # any name will do where a folder is given too
    own.write_text((SHIPPED / "always-on.toml").read_text("utf-8").replace('id = "always-on"', 'id = "ours"'), "utf-8")
    assert load_booklet(kind(own)).id == "ours"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cegid-exprt", "no booklet named 'cegid-exprt' is shipped; write cegid-expert"),
        ("zzz", "no booklet named 'zzz' is shipped; write always-on or cegid-expert"),
        ("", "no booklet named '' is shipped; write always-on or cegid-expert"),
        ("..", "no booklet named '..' is shipped; write always-on or cegid-expert"),
    ],
)
def test_an_unknown_name_is_refused_with_those_there_are(name: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        load_booklet(name)
    assert (refused.value.code, refused.value.message) == ("unknown_terms", said)


def test_a_path_that_cannot_be_read_is_refused_by_its_path(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(Refused, match=re.escape(str(path))) as refused:
            load_booklet(path)
        assert refused.value.code == "no_file"


def test_a_file_that_never_ends_is_refused() -> None:
    with pytest.raises(Refused, match="input_too_large: /dev/zero: over 1,048,576 bytes"):
        load_booklet("/dev/zero")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"id = ", r"booklet bad\.toml: not TOML: .*Invalid value"),
        (b'id = "a"\nid = "b"\n', r"booklet bad\.toml: not TOML: .*line 2"),
        (b'id = "\xff"', r"booklet bad\.toml: not TOML: .*utf-8"),
        (b"", r"booklet bad\.toml: id: missing, and nothing stands in for it"),
    ],
)
def test_a_file_that_is_no_booklet_is_refused_by_its_name(tmp_path: Path, written: bytes, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(written)
    with pytest.raises(Refused, match=said) as refused:
        load_booklet(path)
    assert refused.value.code == "bad_terms"


# --- every way a booklet can be wrong -----------------------------------------------------------

HOURS = {"days": ["mon"], "start": "09:00", "end": "12:00"}
WINDOW = {"article": "5"}

WRONG: list[tuple[str, Any, str]] = [
    ("availability.minimum_percent", "99,5", "'99,5' is not a decimal number in quotes; write \"99.5\""),
    ("availability.minimum_percent", 99.5, '99.5 is a float; write it in quotes, so that it is exact: "99.5"'),
    ("availability.minimum_percent", 99, "99 is not a decimal number in quotes; write \"99\""),
    ("availability.minimum_percent", "100.01", "100.01 percent is over 100"),
    ("availability.minimum_percent", MISSING, "missing, and nothing stands in for it"),
    ("availability.minimum_percent", None, "null says nothing; leave the key out"),
    ("availability.article", "", "'' is empty or too long"),
    ("availability.reference", [], "no hours; a rate needs hours to be a rate of"),
    ("availability.reference[0].start", "7:00", "'7:00' is not an hour of the day; write \"07:00\""),
    ("availability.reference[0].days[4]", "fry", "'fry' is not one of fri, mon, sat, sun, thu, tue, wed; did you mean"),
    ("availability.environments[0]", "prod", "'prod' is not one of production, recette; did you mean 'production'?"),
    ("availability.effects[0]", "slow", "'slow' is not one of degraded, no_access, no_login, partial_users"),
    ("availability.exclusions[0]", "strike", "'strike' is not one of customer_equipment, emergency_maintenance, "),
    ("availability.minimal_percent", "99.5", "no such key; did you mean 'minimum_percent'?"),
    ("availabilty", {}, "no such key; did you mean 'availability'?"),
    ("zone", "Europe/Pariss", "'Europe/Pariss' is not a time zone of the IANA database"),
    ("zone", "", "'' is empty or too long"),
    ("title", 5, "5 is not text in quotes"),
    ("maintenance", MISSING, "missing, and nothing stands in for it"),
    ("maintenance.notice_hours", "48", "'48' is not a whole number"),
    ("maintenance.notice_hours", True, "True is not a whole number"),
    ("maintenance.notice_hours", -1, "-1 is below 0"),
    ("maintenance.notice_hours", 10**9, "1000000000 is above 1000000"),
    ("maintenance.status_page", "yes", "'yes' is not true or false"),
    ("maintenance.window.nights", "20:00", "'20:00' is not a table"),
    ("maintenance.window.nights.end", "20:00", "a night ends when it starts"),
    ("maintenance.window.complement_of_reference", True, "write either this or nights, hours and whole days"),
    ("maintenance.evening_limit.until", "20:00", "20:00 is not after 20:00, or that is no evening"),
    ("maintenance.evening_limit.days", [], 'no weekday; write "mon" to "sun"'),
    ("maintenance.evening_limit.written_offset", "CET", "'CET' is not an offset from UTC; write \"+01:00\""),
    ("backups.hourly", {}, "no such key"),
    ("backups.dayly", {}, "no such key; did you mean 'daily'?"),
    ("backups.daily.keep", "7 calendar days", "'7 calendar days' is not a duration; write \"7 days\""),
    ("backups.daily.keep", 7, "7 is not a duration; write \"7 days\""),
    ("backups.daily.generations", 0, "0 is below 1"),
    ("backups.places", 3, "2 copies cannot lie in 3 places"),
    ("updates.announced[0]", "major", "'major' is not one of corrective_patch, regulatory_patch, version"),
    ("updates.announced", ["version", "corrective_patch"], "corrective_patch is in not_announced too"),
    ("updates.agreed", ["regulatory_patch"], "regulatory_patch is in not_agreed too"),
    ("support.week", [], "no hours; a delay in working hours needs some"),
    ("support.open.response_hours", 0, "0 is below 1"),
    ("support.premium", {}, "no such key"),
    ("support.minimum_percent", 75, "75 is not a decimal number in quotes; write \"75\""),
    ("support.private.dashboards[0]", "demands", "'demands' is not one of articles, requests"),
    ("dossiers.untick_until", "12-32", "'12-32' is not a day of the year; write \"12-25\""),
    ("billing.first_on", "signature", "'signature' is not one of access_codes, service_start"),
    ("calendar.dates", ["2026-12-25"], 'dates are read with holidays = "inline" only'),
    ("calendar.first", date(2026, 12, 25), '2026-12-25 is a bare date or time; write it in quotes: "2026-12-25"'),
]


BESIDE: list[tuple[str, Any, str]] = [  # what is wrong shows in the table above, or in a field beside
    ("availability.reference[0].start", "20:00", "availability.reference[0].end: 20:00 is not after 20:00; "),
    ("maintenance.window", WINDOW, "maintenance.window.complement_of_reference: write either this or nights,"),
    ("maintenance.window", WINDOW | {"hours": [HOURS] * 2}, "maintenance.window.hours: mon 09:00-12:00 and 09:00-"),
    ("support.week[1].start", "12:00", "support.week: mon 09:00-12:30 and 12:00-17:30 overlap"),
    ("support.telephone_week[1].start", "12:29", "support.telephone_week: mon 09:00-12:30 and 12:29-17:30 overlap"),
    ("support.private.extended_week[1].days", ["thu"], "support.private.extended_week: thu 09:00-17:00 and "),
    ("statements", {"article": "1", "contest_days": 0}, "statements.contest_days: 0 is below 1"),
    ("calendar.first", "2026-12-25", 'calendar.dates: dates are read with holidays = "inline" only'),
]


@pytest.mark.parametrize(("path", "value", "said"), [(p, v, f"{p}: {said}") for p, v, said in WRONG] + BESIDE)
def test_a_wrong_booklet_is_refused_with_its_file_the_place_and_the_remedy(path: str, value: Any, said: str) -> None:
    assert refusal(changed(path, value)).startswith(f"booklet x.toml: {said}")


INLINE = {"article": "1", "holidays": "inline", "dates": ["2026-01-01", "2026-12-25"], "first": "2026-01-01",
          "last": "2026-12-31"}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("dates", ["2026-12-25", "2026-01-01"], "calendar.dates: dates are written in order, each once"),
        ("dates", ["2026-01-01", "2026-01-01"], "calendar.dates: dates are written in order, each once"),
        ("dates", ["2027-01-01"], "calendar.dates: a date lies outside 2026-01-01 to 2026-12-31"),
        ("dates", ["2026-02-30"], "calendar.dates[0]: '2026-02-30' is not a date; write \"2026-12-25\""),
        ("dates", ["25/12/2026"], "calendar.dates[0]: '25/12/2026' is not a date; write \"2026-12-25\""),
        ("last", "2025-12-31", "calendar.last: 2025-12-31 is before 2026-01-01"),
        ("last", MISSING, "calendar.first: inline dates need the `first` and the `last` day they are complete for"),
    ],
)
def test_wrong_inline_holidays_are_refused(key: str, value: Any, said: str) -> None:
    calendar = {name: each for name, each in (INLINE | {key: value}).items() if each is not MISSING}
    assert refusal(changed("calendar", calendar)) == f"booklet x.toml: {said}"


def test_a_content_without_a_file_is_named_by_its_id() -> None:
    assert refusal(changed("title", 5), None) == "booklet cegid-expert: title: 5 is not text in quotes"
    assert refusal({}, None) == "booklet without id: id: missing, and nothing stands in for it"


def test_a_backup_promise_without_a_tier_is_refused() -> None:
    content = changed("backups.daily", MISSING)
    del content["backups"]["weekly"], content["backups"]["monthly"]
    assert refusal(content).endswith("backups.daily: no tier is kept; write at least one of daily, weekly, monthly")


# --- the calendar the terms are judged by -------------------------------------------------------


def test_the_switch_holidays_chooses_the_list_of_the_french_table() -> None:
    metro, alsace = (calendar_for(CEGID.terms, FRENCH, reading) for reading in (DEFAULT, ALSACE))
    assert metro.zone == alsace.zone == "Europe/Paris"
    assert metro.is_working_day(date(2026, 4, 3))
    assert not alsace.is_working_day(date(2026, 4, 3))  # Good Friday
    assert not metro.is_working_day(date(2026, 5, 25))  # Whit Monday


def test_the_booklet_names_the_table_it_needs_and_it_is_shipped() -> None:
    assert CEGID.calendar == CEGID.terms.calendar.id == "fr" == load_calendar("fr").id
    assert load_booklet("always-on").calendar is None


def test_a_table_that_is_not_recorded_is_refused() -> None:
    with pytest.raises(Refused, match=r"booklet cegid-expert: calendar\.holidays: no table 'fr' is recorded"):
        calendar_for(CEGID.terms, {}, DEFAULT)


def table(**lists: tuple[date, ...]) -> dict[str, CalendarData]:
    return {"fr": CalendarData("fr", "1", "Europe/Brussels", date(2026, 1, 1), date(2026, 12, 31), lists, "a test")}


def test_a_table_of_one_list_leaves_no_choice_and_the_zone_is_the_booklets() -> None:
    one = table(belgian=(date(2026, 7, 21),))
    calendar = calendar_for(CEGID.terms, one, DEFAULT)
    assert calendar == calendar_for(CEGID.terms, one, ALSACE)
    assert (calendar.zone, sorted(calendar.holidays)) == ("Europe/Paris", [date(2026, 7, 21)])


def test_a_list_the_booklet_names_goes_before_the_switch() -> None:
    terms = parse_terms(changed("calendar.named_list", "fr_alsace_moselle"))
    assert calendar_for(terms, FRENCH, DEFAULT) == calendar_for(CEGID.terms, FRENCH, ALSACE)


def test_a_table_without_the_list_is_refused() -> None:
    with pytest.raises(Refused, match="no list 'fr_metro'") as refused:
        calendar_for(CEGID.terms, table(a=(), b=()), DEFAULT)
    assert refused.value.code == "bad_terms"


def test_inline_holidays_hold_for_the_days_they_are_complete_for() -> None:
    calendar = calendar_for(parse_terms(changed("calendar", INLINE)), {}, ALSACE)
    assert calendar.holidays == {date(2026, 1, 1), date(2026, 12, 25)}
    assert (calendar.first, calendar.last) == (date(2026, 1, 1), date(2026, 12, 31))


def test_a_booklet_without_holidays_has_none_for_ever() -> None:
    calendar = calendar_for(load_booklet("always-on").terms, FRENCH, ALSACE)
    assert calendar.is_working_day(date(1900, 12, 25)) == calendar.is_working_day(date(2026, 12, 25))
    assert (calendar.zone, calendar.holidays) == ("America/New_York", frozenset())
