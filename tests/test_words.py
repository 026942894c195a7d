"""Words: whatever a rule, a switch, an obligation or a fact can say has its French, and each language its own way."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
import pytest

from ledger import open_ledger
from ledger.codec import payload_of
from ledger.errors import Refused
from ledger.events import VOCABULARY
from ledger.readings import SWITCHES
from projections.frame import Frames
from projections.obligations import OBLIGATIONS
from projections.questions import QUESTIONS, read
from replays.dossier_texts import WORDS as DOSSIER_WORDS
from replays.report_texts import WORDS as REPORT_WORDS
from replays.words import moments, tables
from replays.words.language import Language, languages
from tests import spoken
from tests.replaying import Story, demo_path

EN, FR = languages("Europe/Paris")
VALUES = {value for switch in SWITCHES for value in (switch.name, *switch.values)}
PARTS = re.compile(r"[a-z]+(_[a-z0-9]+)+")
# words of the source that no reader is shown: names of periods and of kinds of obligation
UNSAID = {"contract_year", "support_year", "human_fact", "documentary", "term", "unknown_contract"}


# --- the tables are whole ---


def test_each_switch_has_its_french_value_by_value() -> None:
    assert list(tables.switches()) == [switch.name for switch in SWITCHES]
    for switch in SWITCHES:
        assert set(tables.switches()[switch.name]) == {"about", "why", *switch.values}, switch.name


def test_each_obligation_says_in_french_what_is_owed() -> None:
    assert list(tables.obligations()) == [each.id for each in OBLIGATIONS]


def test_each_kind_of_fact_is_a_sentence_in_both_languages_of_fields_it_always_has() -> None:
    assert set(tables.facts()) == set(VOCABULARY)
    for kind, event in VOCABULARY.items():
        always = {field.encode_name for field in msgspec.structs.fields(event) if field.required}
        named = [set(re.findall(r"{(\w+)}", tables.facts()[kind][code])) for code in ("en", "fr")]
        assert named[0] == named[1] <= always, kind


def test_each_field_of_a_fact_and_each_parameter_has_a_french_name() -> None:
    fields = {f.encode_name for event in VOCABULARY.values() for f in msgspec.structs.fields(event)}
    params = {param.name for question in QUESTIONS for param in question.params}
    assert sorted(name for name in fields | params | {q.name for q in QUESTIONS} if not FR.known(name)) == []


def test_each_name_a_rule_gives_a_figure_has_a_french_name() -> None:
    assert sorted(key for key in spoken.names() if not FR.known(key) and key not in UNSAID) == []


def test_each_sentence_in_the_source_of_a_rule_has_its_french() -> None:
    owed = {text for each in OBLIGATIONS for text in (each.text, *each.needs)}
    unsaid = {text for text in spoken.sentences() - owed if not spoken.SOURCE.search(text) and not (FR.note(text) or FR.word("", text))}
    assert sorted(unsaid) == []


def test_each_word_in_the_source_of_a_rule_has_its_french() -> None:
    found = {word for word in spoken.codes() if not FR.known(word)}
    assert sorted(found - VALUES - set(VOCABULARY) - UNSAID) == []


@pytest.mark.parametrize("code", ["en", "fr"])
def test_page_words_are_there_in_both_languages(code: str) -> None:
    for words in (REPORT_WORDS, DOSSIER_WORDS):
        assert len({name for name, _, _ in words}) == len(words)
        assert all(english.strip() and french.strip() for _, english, french in words)
        for name, english, french in words:
            assert re.findall(r"{\w+}", english) == re.findall(r"{\w+}", french) or sorted(
                re.findall(r"{\w+}", english)
            ) == sorted(re.findall(r"{\w+}", french)), name


# --- answers, as given ---

MONTHS = ("2026-02", "2025-11", "2026-06")
GIVEN = {"at": "2026-04-16T03:00:00Z", "start": "2025-10-01", "on": "2026-09-30", "until": "2026-09-30", "count": "8",
         "within_days": "40"}  # fmt: skip
READINGS = ({"partial_effect": "prorata", "emergency": "evidenced_only"}, {"anomaly_clock": "end_of_8h"})


def params(question: Any, month: str) -> dict[str, Any]:
    weeks = {"first": "2026-W05", "last": "2026-W14"}
    given = {p.name: weeks[p.name] if p.kind == "week" else GIVEN.get(p.name, month) for p in question.params if p.required}
    return read(question, given)


@cache
def demo() -> Any:
    with open_ledger(demo_path(), create=False, read_only=True) as book:
        return book.history("C-2041")


def unsaid(history: Any, answered: Any) -> set[tuple[str, str]]:
    """What of an answer a reader of French would be shown in the software's English."""
    said = {text for entries in history.streams.values() for _, e in entries for text in spoken.strings(payload_of(e.event))}
    said |= {key for entries in history.streams.values() for _, e in entries for key in payload_of(e.event)}
    found = set()
    for name, value in spoken.leaves(answered):
        if value is None:
            if not (FR.known(name) or name in said or moments.said("fr", "Europe/Paris", name) or _data(name, said)):
                found.add((name, "as a name"))
        elif isinstance(value, str) and _english(value) and not (FR.word(name, value) or FR.note(value)):
            found.add((name, value))
    return {(name, value) for name, value in found if value not in said | VALUES}


def _english(value: str) -> bool:
    return re.search(r"[a-z] [a-z]", value) is not None or PARTS.fullmatch(value) is not None


def _data(name: str, said: set[str]) -> bool:
    """An id of a service's thing goes by both; numbers and shares are no words."""
    return re.fullmatch(r"p\d+|\d+|A\d+\.\d+[a-e]?", name) is not None or name.partition("/")[2] in said


def found_unsaid(question: Any, history: Any, month: str, reading: dict[str, str]) -> set[tuple[str, str]]:
    try:
        finding = question.function()(history, Frames(history, reading), **params(question, month))
    except Refused:
        return set()
    return unsaid(history, finding.result) | unsaid(history, finding.workings)


def test_every_answer_over_the_demo_is_said_in_french() -> None:
    assert {q.name: found for q in QUESTIONS if (found := found_unsaid(q, demo(), MONTHS[0], {}))} == {}


@pytest.mark.soak
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name)
def test_every_answer_over_other_months_readings_and_stories_is_said_in_french(question: Any) -> None:
    stories = [Story(seed).whole() for seed in range(3)]
    found = {each for month in MONTHS[1:] for each in found_unsaid(question, demo(), month, {})}
    found |= {each for reading in READINGS for each in found_unsaid(question, demo(), MONTHS[0], reading)}
    found |= {each for history in stories for each in found_unsaid(question, history, "2026-03", {})}
    assert sorted(found) == []


# --- how each language writes ---


@pytest.mark.parametrize(
    ("written", "english", "french"),
    [
        ("2026-02-17T14:31:00Z", "Tuesday 17 February 2026 at 15:31 (UTC+1)", "mardi 17 février 2026 à 15 h 31 (UTC+1)"),
        ("2026-07-01T00:00:05+02:00", "Wednesday 1 July 2026 at 00:00:05 (UTC+2)", "mercredi 1er juillet 2026 à 0 h 00 min 05 s (UTC+2)"),
        ("2026-03-29T01:00:00Z", "Sunday 29 March 2026 at 03:00 (UTC+2)", "dimanche 29 mars 2026 à 3 h 00 (UTC+2)"),
        ("2026-02-07", "7 February 2026", "7 février 2026"),
        ("2026-02", "February 2026", "février 2026"),
        ("2026-W09", "week 9 of 2026", "semaine 9 de 2026"),
        ("2026-01/2026-03", "from January 2026 to March 2026", "de janvier 2026 à mars 2026"),
        ("2026-02-30", "2026-02-30", "2026-02-30"),
        ("B-2026-02-07", "B-2026-02-07", "B-2026-02-07"),
    ],
)
def test_moments_are_written_in_legal_time_with_their_offset(written: str, english: str, french: str) -> None:
    assert [EN.value("", written), FR.value("", written).replace("\u00a0", " ")] == [english, french]


@pytest.mark.parametrize(
    ("name", "value", "english", "french"),
    [
        ("ti_seconds", 5160, "5,160 s (1 h 26 min)", "5 160 s (1 h 26 min)"),
        ("remaining_budget_seconds", -480, "−480 s (8 min)", "−480 s (8 min)"),
        ("notice_seconds", 424_800, "424,800 s (4 d 22 h)", "424 800 s (4 j 22 h)"),
        ("td_percent", "99.4487", "99.4487%", "99,4487 %"),
        ("bytes", 2_060_000_000_000, "2,060,000,000,000 bytes", "2 060 000 000 000 octets"),
        ("positions", [1613, 1762], "1613, 1762", "1613, 1762"),
        ("version", "25.2", "25.2", "25.2"),
        ("breach", True, "yes", "oui"),
        ("range", None, "–", "–"),
        ("plan", "open", "open", "Open"),
        ("overlap", "sum", "each outage counts whole", "chaque indisponibilité compte en entier"),
        ("amount", "0 backups", "0 backups", "0 sauvegarde"),
        ("limit", "2 places", "2 places", "2 lieux"),
        ("clause", "art. 12.2", "art. 12.2", "art. 12.2"),
        ("missed", ["2026-02-06", "2026-02-07", "2026-02-09"],
         "from 6 February 2026 to 7 February 2026, 9 February 2026", "du 6 février 2026 au 7 février 2026, 9 février 2026"),
        ("work", [["2026-04-16T05:00:00Z", "2026-04-16T05:55:00Z"]],
         "Thursday 16 April 2026 from 07:00 to 07:55 (UTC+2)", "jeudi 16 avril 2026 de 7 h 00 à 7 h 55 (UTC+2)"),
        ("reason", "the log says", "“the log says”", "« the log says »"),
        ("excluded_by_ground", {"force_majeure": 60}, "force majeure: 60 s (1 min)", "Force Majeure : 60 s (1 min)"),
    ],
)
def test_values_are_written_with_their_unit(name: str, value: Any, english: str, french: str) -> None:
    plain = FR.value(name, value).replace("\u00a0", " ").replace("\u202f", " ")
    assert [EN.value(name, value).replace("\u00a0", " "), plain] == [english, french]


def test_a_zone_of_another_offset_is_written_with_its_own() -> None:
    assert Language("fr", "Asia/Kolkata").value("at", "2026-02-17T14:31:00Z").endswith("(UTC+5:30)")


def test_a_fact_is_a_sentence_and_what_it_does_not_name_comes_after() -> None:
    told = {"outage": "O-06", "environment": "production", "effect": "no_access", "at": "2026-02-17T14:05:00+01:00",
            "vantage": "fr-metro/paris-1"}  # fmt: skip
    assert FR.fact("outage_started", told).replace("\u00a0", " ").replace("\u202f", " ") == (
        "L’indisponibilité O-06 a commencé le mardi 17 février 2026 à 14 h 05 (UTC+1) en production : aucun accès. "
        "Point d’observation : fr-metro/paris-1."
    )
    assert FR.fact("written_by_a_newer_version", {"at": "x"}) == "written_by_a_newer_version Moment\u202f: x."


def test_french_signs_are_never_parted_from_their_word() -> None:
    texts = [*tables.fields().values(), *tables.words().values(), *tables.obligations().values()]
    texts += [text for table in tables.switches().values() for text in table.values()]
    texts += [table["fr"] for table in tables.facts().values()] + [french for _, french in tables.notes()]
    parted = [text for text in texts if re.search(r" [;:?!%»]|« |[A-Za-z][;?!]|[a-zé]:|'", text)]
    assert parted == []


def test_no_sentence_has_a_space_it_could_do_without() -> None:
    """What has no space is held against the sentences of one word alone."""
    for pattern, _ in tables.notes():
        assert not re.search(r" [?*]|\([^()]* [^()]*\)[?*]|\|[^()]* ", pattern.pattern), pattern.pattern
