"""Words: whatever a rule, a switch, an obligation or a fact can say has its French, and each language its own way."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
import pytest

from ledger import open_ledger
from ledger.codec import payload_of, topic_of
from ledger.errors import Refused
from ledger.events import VOCABULARY
from ledger.readings import SWITCHES
from projections.asking import Answer, answer_from
from projections.frame import Frames
from projections.obligations import OBLIGATIONS
from projections.questions import QUESTIONS, question, read
from replays.dossier_pages import CODE
from replays.dossier_texts import LANGUAGES
from replays.dossier_texts import WORDS as DOSSIER_WORDS
from replays.dossier_workings import workings
from replays.figures import leaves
from replays.report_texts import WORDS as REPORT_WORDS
from replays.words import moments, tables
from replays.words.language import Language, languages
from tests import spoken
from tests.leftovers import names
from tests.replaying import Story, demo_path
from tests.test_worked_cases import CASES, told

EN, FR = languages("Europe/Paris")
KINDS = {*VOCABULARY, *tables.fields(), *tables.words()}  # words of the software, though people may have used them
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
        ("remaining_budget_seconds", -480, "−480 s (−8 min)", "−480 s (−8 min)"),
        ("notice_seconds", 424_800, "424,800 s (4 d 22 h)", "424 800 s (4 j 22 h)"),
        ("td_percent", "99.4487", "99.4487%", "99,4487 %"),
        ("over_bytes", 0, "0 bytes", "0 octet"),
        ("over_bytes", 1, "1 byte", "1 octet"),
        ("limit", "1 B", "1 B", "1 octet"),
        ("limit", "1 reviews", "1 review", "1 revue de service"),
        ("amount", "10 users, 1 dossiers", "10 users, 1 dossier", "10 utilisateurs, 1 dossier"),
        ("amount", "1 users, 50 dossiers", "1 user, 50 dossiers", "1 utilisateur, 50 dossiers"),
        ("amount", "2 calls waiting", "2 calls waiting", "2 appels en attente"),
        ("amount", "1 calls waiting", "1 call waiting", "1 appel en attente"),
        ("why", "1 usable copy", "1 usable copy", "1 copie utilisable"),
        ("why", "3 usable copies", "3 usable copies", "3 copies utilisables"),
        ("why", "over without one: 2026-02-07", "over without one: 7 February 2026", "période écoulée sans sauvegarde : 7 février 2026"),
        ("why", "over without one: 2026-02-07, 2026-02-08", "over without one: 7 February 2026, 8 February 2026",
         "périodes écoulées sans sauvegarde : 7 février 2026, 8 février 2026"),
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
        ("reason", "contested", "“contested”", "« contested »"),
        ("state", "contested", "contested", "contestée"),
        ("why", "the backup is owed no more", "the backup is owed no more", "la sauvegarde cesse d’être due"),
        ("why", "B-1 is owed no more", "B-1 is owed no more", "B-1 n’est plus due"),
        ("required", "1 successful backup: office_documents, by started_at",
         "1 successful backup: office documents, by when it began",
         "une sauvegarde réussie (documents bureautiques), à la date de son début"),
        ("billed_days", [["2026-01-01", "2026-03-31"], ["2026-05-01", None]],
         "from 1 January 2026 to 31 March 2026; from 1 May 2026",
         "du 1er janvier 2026 au 31 mars 2026 ; à compter du 1er mai 2026"),
        ("notes", ["nobody said what it is: treated as a version", "the plan promises no delay (article 12)"],
         "nobody said what it is: treated as a version, the plan promises no delay (article 12)",
         "personne n’en a dit la nature : traitée comme une version, la formule ne promet aucun délai (article 12)"),
        ("switches", {"gigabyte": "decimal"}, "1 GO is 1,000,000,000 bytes (gigabyte=decimal)",
         "1 Go vaut 1 000 000 000 octets (gigabyte=decimal)"),
        ("why", {"switch": "overlap", "value": "sum", "changes_version_number": False},
         "each outage counts whole (overlap=sum); changes version number: no",
         "chaque indisponibilité compte en entier (overlap=sum) ; change le numéro de version : non"),
        ("excluded_by_ground", {"force_majeure": 60}, "force majeure: 60 s (1 min)", "Force Majeure : 60 s (1 min)"),
    ],
)
def test_values_are_written_with_their_unit(name: str, value: Any, english: str, french: str) -> None:
    plain = FR.value(name, value).replace("\u00a0", " ").replace("\u202f", " ")
    assert [EN.value(name, value).replace("\u00a0", " "), plain] == [english, french]


@pytest.mark.parametrize(
    ("asked", "path", "english", "french"),
    [
        ("support_response", "requests.S-20.working_seconds", "requests – S-20 – working", "demandes – S-20 – durée en Heures ouvrées"),
        ("support_response", "requests.S.20.open", "requests – S.20 – open", "demandes – S.20 – temps d’ouverture compté"),
        ("weather", "maintenance_running[M-05].kind", "maintenance running – M-05 – kind", "maintenances en cours – M-05 – nature"),
        ("requests_dashboard", "2026-02.response_seconds.p50", "February 2026 – response – 50th percentile",
         "février 2026 – temps de première réponse – 50e centile"),
        ("breaches", "[A9.2 night_missed daily 2026-02-07 #2].amount", "A9.2, night missed, daily, 7 February 2026, no. 2 – amount",
         "A9.2, nuit sans sauvegarde, Sauvegarde Quotidienne, 7 février 2026, n° 2 – constaté"),
        ("accounts", "open", "open", "instructions en attente"),
        ("maintenance", "2026-11-ci.j-1.34.notice_seconds", "2026-11-ci.j-1.34 – notice", "2026-11-ci.j-1.34 – préavis"),
        ("availability", "td_percent", "TD", "TD"),
    ],
)  # fmt: skip
def test_the_path_of_a_figure_is_words_around_the_id_it_leads_through(asked: str, path: str, english: str, french: str) -> None:
    assert [EN.path(path, asked), FR.path(path, asked)] == [english, french]


@pytest.mark.parametrize(
    ("params", "english", "french"),
    [
        ({"first": "2026-02", "last": "2026-03"}, "first month: February 2026, last month: March 2026",
         "premier mois : février 2026, dernier mois : mars 2026"),
        ({"first": "2026-W05", "last": "2026-W06"}, "first week: week 5 of 2026, last week: week 6 of 2026",
         "première semaine : semaine 5 de 2026, dernière semaine : semaine 6 de 2026"),
        ({"first": "2026-02-01", "last": "2026-02-28"}, "first: 1 February 2026, last: 28 February 2026",
         "premier jour : 1er février 2026, dernier jour : 28 février 2026"),
        ({"until": "2026-09"}, "until the end of: September 2026", "jusqu’à la fin de : septembre 2026"),
        ({"within_days": "40"}, "within days: 40", "horizon, en jours : 40"),
    ],
)  # fmt: skip
def test_the_parameters_of_a_question_are_named_by_what_they_are_given(params: dict[str, str], english: str, french: str) -> None:
    assert [EN.named(params), FR.named(params).replace("\u202f", " ")] == [english, french]


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


def test_a_fact_says_what_people_wrote_as_they_wrote_it_and_has_one_colon_at_a_time() -> None:
    undone = {"target": "e4", "reason": "withdrawn"}
    assert "est retirée\u202f: «\u202fwithdrawn\u202f»." in FR.fact("retracted", undone)
    mended = {"target": "e4", "reason": "log", "data": {"outage": "O1", "at": "2026-02-17T14:05:00+01:00"}}
    assert EN.fact("corrected", mended).endswith("It now says this (outage: O1; at: Tuesday 17 February 2026 at 14:05 (UTC+1)).")
    opened = {"dispute": "D", "question": "availability", "reason": "why", "params": {"month": "2026-02"}}
    assert FR.fact("dispute_opened", opened).endswith(" Paramètres (mois\u202f: février 2026).")


@pytest.mark.parametrize(
    ("users", "dossiers", "english", "french"),
    [
        (1, 1, "1 named user and 1 dossier", "1 utilisateur nommé et 1 dossier"),
        (0, 2, "0 named users and 2 dossiers", "0 utilisateur nommé et 2 dossiers"),
        (1200, 1, "1,200 named users and 1 dossier", "1 200 utilisateurs nommés et 1 dossier"),
    ],
)
def test_words_after_a_number_agree_with_it(users: int, dossiers: int, english: str, french: str) -> None:
    told = {"at": "2026-02-17T14:05:00+01:00", "named_users": users, "dossiers": dossiers}
    assert EN.fact("recette_measured", told).endswith(f"held {english}.")
    quoted = {"request": "S", "reason": "1 user(s) away"}
    assert "1 user(s) away" in EN.fact("support_request_excluded", quoted)  # what people wrote is theirs
    assert FR.fact("recette_measured", told).replace("\u202f", " ").endswith(f"comptait {french}.")


# --- no name for programs ---


def shown(lang: Language, answered: Any, ids: set[str]) -> set[str]:
    """The names for programs among what a reader is shown of an answer."""
    words = LANGUAGES[lang.code]
    found = leaves(answered.result)
    said = [part for path, value in found.items() for part in (lang.path(path, answered.question), lang.figure(path, value))]
    for block in workings(lang, words, answered.workings, answered.question):
        said += [block.text, *block.heads, *(cell for row in block.rows for cell in row)]
    return {name for text in said for name in names(CODE.sub(" ", text), ids - KINDS)}


def ids_of(known: Any) -> set[str]:
    """What people called things, entries, sources and places."""
    entries = [entry for stream in known.streams.values() for _, entry in stream]
    return {e.id for e in entries} | {text for e in entries for text in spoken.strings(payload_of(e.event))}


@cache
def answers() -> list[tuple[str, Answer, set[str]]]:
    """An answer to every question of the demo, and those of every worked case, each with what people called things."""
    named = ids_of(demo())
    found = [(asked.name, answer_from(demo(), asked, params(asked, MONTHS[0]), {}), named) for asked in QUESTIONS]
    for case in CASES:
        for each in case["questions"]:
            known = told(case["events"], each)
            try:
                answered = answer_from(known, question(each["question"]), read(question(each["question"]), each.get("params", {})), each.get("reading", {}))
            except Refused:
                continue
            if "rows" in each:  # of a year's register, what the case is about
                rows = [row for row in answered.result if row["obligation"] == each["rows"]["of"]]
                answered = msgspec.structs.replace(answered, result=rows)
            found.append((case["title"], answered, ids_of(known)))
    return found


@pytest.mark.parametrize("lang", [EN, FR], ids=["en", "fr"])
def test_no_name_for_programs_is_shown_of_any_answer(lang: Language) -> None:
    left = [(name, shown(lang, answered, ids)) for name, answered, ids in answers()]
    assert [(name, found) for name, found in left if found] == []


@pytest.mark.parametrize("lang", [EN, FR], ids=["en", "fr"])
def test_no_name_for_programs_is_shown_of_any_fact(lang: Language) -> None:
    for case in CASES:
        known = told(case["events"], {})
        ids = ids_of(known) - KINDS
        for stream in known.streams.values():
            for _, entry in stream:
                said = CODE.sub(" ", lang.fact(topic_of(entry.event), payload_of(entry.event)))
                assert names(said, ids) == [], said


def test_french_signs_are_never_parted_from_their_word() -> None:
    texts = [*tables.fields().values(), *tables.words().values(), *tables.obligations().values()]
    texts += [text for table in tables.switches().values() for text in table.values()]
    texts += [table["fr"] for table in tables.facts().values()] + [note.french for note in tables.notes()]
    parted = [text for text in texts if re.search(r" [;:?!%»]|« |[A-Za-z][;?!]|[a-zé]:|'", text)]
    assert parted == []


def test_no_sentence_has_a_space_it_could_do_without() -> None:
    """What has no space is held against the sentences of one word alone."""
    for note in tables.notes():
        assert not re.search(r" [?*]|\([^()]* [^()]*\)[?*]|\|[^()]* ", note.pattern.pattern), note.pattern.pattern
