"""What one event may not say by itself: each refusal at its edge, and what looks wrong and is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ledger.checks import (
    DEEPEST,
    EVIDENCE,
    INTERVALS,
    LARGEST,
    PARTIES,
    WORDS,
    check,
    check_exact,
    check_personal,
)
from ledger.codec import event_of
from ledger.errors import Refused
from ledger.events import VOCABULARY, wire_name
from tests.story import CONTRACT, frame_entries, instant

NOW = instant("2026-06-10T12:00:00Z")
SHA = "sha256:" + "a" * 64
OUT = {"outage": "O1", "environment": "production", "effect": "no_access", "at": "2026-06-10T09:00:00Z"}
KEPT = {"backup": "B1", "scope": "client_data", "tiers": ["daily"], "started_at": "2026-06-10T01:00:00Z", "completed_at": "2026-06-10T02:00:00Z"}
TOLD = {"maintenance": "M1", "published_at": "2026-06-08T09:00:00Z", "planned_start": "2026-06-10T20:00:00Z", "planned_end": "2026-06-10T23:00:00Z"}
WORK = {"maintenance": "M1", "kind": "planned", "at": "2026-06-10T09:00:00Z"}
CLAIM = {"exclusion": "X1", "ground": "force_majeure", "from": "2026-06-10T09:00:00Z", "to": "2026-06-10T09:30:00Z", "evidence": [SHA]}
ASKED = {"restore": "R1", "scope": "client_data", "requested_at": "2026-06-10T09:00:00Z"}
TERMS = frame_entries()[0][1].event
CALENDAR = {"calendar": "x", "version": "1", "zone": "Europe/Paris", "effective_from": "2026-01-01T00:00:00Z",
            "first": "2026-01-01", "last": "2026-12-31", "lists": {"fr": ["2026-01-01", "2026-12-25"]}}  # fmt: skip
STATED = {"statement": "T1", "month": "2026-03", "known_at": "2026-06-10T09:00:00Z", "position": 4, "figures": {}}
AGREED = {"update": "U1", "agreed_date": "2026-06-10"}


def code_of(kind: str, data: dict[str, Any], recorded_at: datetime = NOW) -> str | None:
    try:
        check(event_of(kind, data), recorded_at)
    except Refused as refused:
        return refused.code
    return None


SAID: tuple[tuple[str, str, dict[str, Any], str | None], ...] = (
    # why, type, data, code (None: may be said)
    # instants: 5 s of skew, what is planned, fractions, years
    ("five seconds ahead of the ledger", "outage_started", {**OUT, "at": "2026-06-10T12:00:05Z"}, None),
    ("six seconds ahead", "outage_started", {**OUT, "at": "2026-06-10T12:00:06Z"}, "occurred_after_recorded"),
    ("ahead in another offset", "outage_started", {**OUT, "at": "2026-06-10T14:00:06+02:00"}, "occurred_after_recorded"),
    ("the same wall time, an earlier instant", "outage_started", {**OUT, "at": "2026-06-10T14:00:05+02:00"}, None),
    ("a slot lies ahead", "maintenance_announced", TOLD, None),
    ("a publication may not", "maintenance_announced", {**TOLD, "published_at": "2026-06-10T12:00:06Z"}, "occurred_after_recorded"),
    ("terms take effect when they will", "contract_scope_changed", {"effective_from": "2027-01-01T00:00:00Z"}, None),
    ("a microsecond", "outage_started", {**OUT, "at": "2026-06-10T09:00:00.000001Z"}, "fraction_of_second"),
    ("the year 1899", "outage_started", {**OUT, "at": "1899-12-31T23:59:59Z"}, "impossible_date"),
    ("the year 1900", "outage_started", {**OUT, "at": "1900-01-01T00:00:00Z"}, None),
    ("the year 9000", "contract_scope_changed", {"effective_from": "9000-12-31T23:59:59Z"}, None),
    ("the year 9001", "contract_scope_changed", {"effective_from": "9001-01-01T00:00:00Z"}, "impossible_date"),
    ("the first year there is, east of UTC", "contract_scope_changed", {"effective_from": "0001-01-01T00:00:00+14:00"}, "impossible_date"),
    ("the last year there is, west of UTC", "contract_scope_changed", {"effective_from": "9999-12-31T23:59:59-12:00"}, "impossible_date"),
    ("a date of 1900", "restore_requested", {**ASKED, "target_date": "1900-01-01"}, None),
    ("another slot of no length", "maintenance_rescheduled", {**TOLD, "planned_end": TOLD["planned_start"]}, "not_after_start"),
    ("another slot published as it begins", "maintenance_rescheduled", {**TOLD, "published_at": "2026-06-10T11:00:00Z", "planned_start": "2026-06-10T11:00:00Z"}, None),
    ("a date of year 1", "restore_requested", {**ASKED, "target_date": "0001-01-01"}, "impossible_date"),
    ("a date that is left out", "restore_requested", {**ASKED, "backup": "B1"}, None),
    # intervals
    ("a slot of no length", "maintenance_announced", {**TOLD, "planned_end": TOLD["planned_start"]}, "not_after_start"),
    ("a slot of a second", "maintenance_announced", {**TOLD, "planned_end": "2026-06-10T20:00:01Z"}, None),
    ("published as it begins", "maintenance_announced", {**TOLD, "published_at": "2026-06-10T11:00:00Z", "planned_start": "2026-06-10T11:00:00Z"}, None),
    ("published a second after it begins", "maintenance_rescheduled", {**TOLD, "published_at": "2026-06-10T11:00:01Z", "planned_start": "2026-06-10T11:00:00Z"}, "not_after_start"),
    ("an exclusion of no length", "exclusion_claimed", {**CLAIM, "to": CLAIM["from"]}, "not_after_start"),
    ("an exclusion that ends before, told in another offset", "exclusion_claimed", {**CLAIM, "to": "2026-06-10T10:30:00+02:00"}, "not_after_start"),
    ("a backup of no length", "backup_completed", {**KEPT, "completed_at": KEPT["started_at"]}, None),
    ("a backup done before it began", "backup_completed", {**KEPT, "completed_at": "2026-06-10T00:59:59Z"}, "not_after_start"),
    ("an invoice of a day", "invoice_issued", {"invoice": "V", "at": OUT["at"], "period_first": "2026-06-01", "period_last": "2026-06-01"}, None),
    ("an invoice backwards", "invoice_issued", {"invoice": "V", "at": OUT["at"], "period_first": "2026-06-02", "period_last": "2026-06-01"}, "not_after_start"),
    ("an invoice of half a period", "invoice_issued", {"invoice": "V", "at": OUT["at"], "period_first": "2026-06-02"}, None),
    # users, tiers, reasons, evidence
    ("one of one user", "outage_started", {**OUT, "effect": "partial_users", "users_affected": 1, "users_total": 1}, None),
    ("none of one user", "outage_started", {**OUT, "effect": "partial_users", "users_affected": 0, "users_total": 1}, "missing_counts"),
    ("two of one user", "outage_started", {**OUT, "effect": "partial_users", "users_affected": 2, "users_total": 1}, "missing_counts"),
    ("none of no users", "outage_started", {**OUT, "users_affected": 0, "users_total": 0}, "missing_counts"),
    ("one count", "outage_started", {**OUT, "effect": "partial_users", "users_affected": 1}, "missing_counts"),
    ("counts of an outage for all", "outage_started", {**OUT, "users_affected": 3, "users_total": 4}, None),
    ("all tiers", "backup_completed", {**KEPT, "tiers": ["daily", "weekly", "monthly"]}, None),
    ("no tier", "backup_failed", {"backup": "B", "scope": "client_data", "tiers": [], "started_at": OUT["at"], "failed_at": OUT["at"]}, "unknown_value"),
    ("a tier twice", "backup_completed", {**KEPT, "tiers": ["daily", "daily"]}, "unknown_value"),
    ("office documents daily", "backup_completed", {**KEPT, "scope": "office_documents"}, None),
    ("office documents daily and weekly", "backup_completed", {**KEPT, "scope": "office_documents", "tiers": ["daily", "weekly"]}, "unknown_value"),
    ("an emergency with its reason", "maintenance_started", {**WORK, "kind": "emergency", "urgency_reason": "CVE"}, None),
    ("an emergency with blanks for a reason", "maintenance_started", {**WORK, "kind": "emergency", "urgency_reason": "  "}, "no_reason"),
    ("an emergency without", "maintenance_started", {**WORK, "kind": "emergency"}, "no_reason"),
    ("a review waived in no writing", "service_review_waived", {"month": "2026-03", "reference": "  "}, "missing_field"),
    ("an exclusion with a URL", "exclusion_claimed", {**CLAIM, "evidence": ["https://example.org/t/1"]}, None),
    ("an exclusion without evidence", "exclusion_claimed", {**CLAIM, "evidence": []}, "no_evidence"),
    ("evidence of no form", "outage_started", {**OUT, "evidence": ["ticket 12"]}, "bad_evidence"),
    ("a digest of 63 digits", "outage_started", {**OUT, "evidence": ["sha256:" + "a" * 63]}, "bad_evidence"),
    ("a digest in capitals", "outage_started", {**OUT, "evidence": ["sha256:" + "A" * 64]}, "bad_evidence"),
    ("a digest and a line end", "outage_started", {**OUT, "evidence": [SHA + "\n"]}, "bad_evidence"),
    ("a URL with somebody's address", "outage_started", {**OUT, "evidence": ["https://example.org/?of=jeanne.d@example.org"]}, "personal_data"),
    ("one good reference and one bad", "exclusion_claimed", {**CLAIM, "evidence": [SHA, "x"]}, "bad_evidence"),
    # who says it
    ("the customer contests", "exclusion_contested", {"exclusion": "X1", "reason": "r", "by": "customer"}, None),
    ("the provider contests its own claim", "exclusion_contested", {"exclusion": "X1", "reason": "r", "by": "provider"}, "wrong_party"),
    ("the provider accepts its own claim", "exclusion_accepted", {"exclusion": "X1", "by": "provider"}, "wrong_party"),
    ("nobody says who", "exclusion_accepted", {"exclusion": "X1"}, None),
    ("the customer decides", "exclusion_upheld", {"exclusion": "X1", "reason": "r", "by": "customer"}, "wrong_party"),
    ("an expert decides", "exclusion_rejected", {"exclusion": "X1", "reason": "r", "by": "expert"}, None),
    ("the customer accepts its own claim", "outage_claim_accepted", {"claim": "K", "by": "customer"}, "wrong_party"),
    ("the provider alone decides a dispute", "dispute_decided", {"dispute": "D", "decision": "d", "by": "provider"}, "wrong_party"),
    # contracts, restores, updates, dossiers
    ("support a year before service", "contract_started", {**CONTRACT, "support_start": "2024-09-01"}, None),
    ("support a year and two days before service", "contract_started", {**CONTRACT, "support_start": "2024-08-30"}, "before_start"),
    ("no date of support", "contract_started", {**CONTRACT, "support_start": None}, None),
    ("a restore of neither day nor backup", "restore_requested", ASKED, "missing_field"),
    ("a restore of today", "restore_requested", {**ASKED, "target_date": "2026-06-10"}, None),
    ("a restore of tomorrow", "restore_requested", {**ASKED, "target_date": "2026-06-11"}, "occurred_after_recorded"),
    ("a restore of the day it is already in the east", "restore_requested", {**ASKED, "requested_at": "2026-06-10T10:00:00Z", "target_date": "2026-06-11"}, None),
    ("the same instant written further west", "restore_requested", {**ASKED, "requested_at": "2026-06-10T05:00:00-05:00", "target_date": "2026-06-11"}, None),
    ("a version with its number", "update_rolled_out", {"update": "U", "at": OUT["at"], "kind": "version", "changes_version_number": True}, None),
    ("a version that keeps its number", "update_announced", {"update": "U", "published_at": OUT["at"], "kind": "version", "changes_version_number": False}, "bad_field"),
    ("a patch that keeps its number", "update_rolled_out", {"update": "U", "at": OUT["at"], "kind": "corrective_patch", "changes_version_number": False}, None),
    ("agreed for the day", "update_date_agreed", AGREED, None),
    ("agreed for yesterday, which it still is in the west", "update_date_agreed", {**AGREED, "agreed_date": "2026-06-09", "at": "2026-06-10T11:59:59Z"}, None),
    ("agreed for yesterday", "update_date_agreed", {**AGREED, "agreed_date": "2026-06-09", "at": "2026-06-10T12:00:00Z"}, "before_start"),
    ("agreed for yesterday, without an instant", "update_date_agreed", {**AGREED, "agreed_date": "2026-06-09"}, "before_start"),
    ("an entry typed tomorrow", "dossier_activity_recorded", {"dossier": "D", "kind": "entry", "last_entry_date": "2026-06-12"}, "occurred_after_recorded"),
    ("an entry typed where it is tomorrow", "dossier_activity_recorded", {"dossier": "D", "kind": "entry", "last_entry_date": "2026-06-11"}, None),
    # texts
    ("a line end in a note", "outage_started", {**OUT, "note": "a\nb"}, "bad_id"),
    ("a tab in an id", "outage_started", {**OUT, "outage": "O\t1"}, "bad_id"),
    ("a separator of lines", "outage_started", {**OUT, "note": "a\u2028b"}, "bad_id"),
    ("an escape in a place", "backup_completed", {**KEPT, "locations": ["DC-A", "DC\x1b[31m"]}, "bad_id"),
    ("accents and typographic signs", "outage_started", {**OUT, "note": "coupure « réseau » – n° 12 … 100 €"}, None),
    ("an address as an id", "outage_started", {**OUT, "outage": "jeanne.d@example.org"}, "personal_data"),
    ("an address among the dossiers", "restore_requested", {**ASKED, "backup": "B1", "dossiers": ["D1", "a.b@example.org"]}, "personal_data"),
    ("a telephone number as an id is an id", "outage_started", {**OUT, "outage": "06 12 34 56 78"}, None),
    ("a correction by position", "corrected", {"target": 4, "data": {}, "reason": "r"}, None),
    # what frames
    ("a calendar", "calendar_published", CALENDAR, None),
    ("a calendar of no zone", "calendar_published", {**CALENDAR, "zone": "Mars/Base"}, "bad_zone"),
    ("a calendar without lists", "calendar_published", {**CALENDAR, "lists": {}}, "missing_field"),
    ("a list of no holidays", "calendar_published", {**CALENDAR, "lists": {"none": []}}, None),
    ("a calendar out of order", "calendar_published", {**CALENDAR, "lists": {"fr": ["2026-12-25", "2026-01-01"]}}, "bad_field"),
    ("a holiday twice", "calendar_published", {**CALENDAR, "lists": {"fr": ["2026-01-01", "2026-01-01"]}}, "bad_field"),
    ("a holiday before the table", "calendar_published", {**CALENDAR, "lists": {"fr": ["2025-12-31"]}}, "bad_field"),
    ("a holiday after the table", "calendar_published", {**CALENDAR, "lists": {"fr": ["2027-01-01"]}}, "bad_field"),
    ("the last of the holidays after the table", "calendar_published", {**CALENDAR, "lists": {"fr": ["2026-06-01", "2027-01-01"]}}, "bad_field"),
    ("the first of the holidays before the table", "calendar_published", {**CALENDAR, "lists": {"fr": ["2025-12-31", "2026-06-01"]}}, "bad_field"),
    ("a table backwards", "calendar_published", {**CALENDAR, "first": "2027-01-01"}, "not_after_start"),
    ("terms nobody can judge by", "terms_version_published", {"terms": "x", "version": "1", "effective_from": OUT["at"], "content": {"id": "x"}}, "bad_terms"),
    ("terms under another name", "terms_version_published", {"terms": "other", "version": TERMS.version, "effective_from": OUT["at"], "content": TERMS.content}, "bad_terms"),
    ("terms under another version", "terms_version_published", {"terms": TERMS.terms, "version": "99", "effective_from": OUT["at"], "content": TERMS.content}, "bad_terms"),
    ("the terms that ship", "terms_version_published", {"terms": TERMS.terms, "version": TERMS.version, "effective_from": OUT["at"], "content": TERMS.content}, None),
    ("a reading", "reading_adopted", {"reading": "R", "switches": {"overlap": "sum"}, "effective_from": OUT["at"]}, None),
    ("a reading of an unknown switch", "reading_adopted", {"reading": "R", "switches": {"overlaps": "sum"}, "effective_from": OUT["at"]}, "unknown_switch"),
    ("a reading of an unknown value", "reading_adopted", {"reading": "R", "switches": {"overlap": "both"}, "effective_from": OUT["at"]}, "unknown_switch_value"),
    ("a statement under an unknown switch", "availability_statement_issued", {**STATED, "reading": {"x": "y"}}, "unknown_switch"),
    ("a decision by an unknown value", "dispute_decided", {"dispute": "D", "decision": "d", "reading": {"overlap": "both"}}, "unknown_switch_value"),
)  # fmt: skip


@pytest.mark.parametrize(("why", "kind", "data", "code"), SAID, ids=[row[0] for row in SAID])
def test_what_may_be_said(why: str, kind: str, data: dict[str, Any], code: str | None) -> None:
    assert code_of(kind, data) == code


PERSONAL_OR_NOT: tuple[tuple[str, bool], ...] = (
    ("ask jeanne.d@example.org", True),
    ("j@x.fr", True),
    ("a probe@paris-1 has no dot", False),
    ("call 06 12 34 56 78", True),
    ("call 06.12.34.56.78.", True),
    ("call 0612345678", True),
    ("call +33 6 12 34 56 78", True),
    ("call +33 (0)6 12 34 56 78", True),
    ("call 0033 612345678", True),
    ("on 02.03.2026 10:00", False),
    ("from 05-06-2026 10:30 to 11:30", False),
    ("at 2026-06-10T10:00:00+02:00", False),
    ("error 0x80070005 at 10.0.12.34", False),
    ("see https://example.org/t/0612345678", False),
    ("after 1749549600123 ms", False),
    ("build 20260610120000", False),
    ("NIR 1 84 12 76 451 089 46", True),
    ("NIR 184127645108946", True),
    ("NIR 2 84 01 2A 451 089", True),
    ("IBAN FR76 3000 6000 0112 3456 7890 189", True),
    ("IBAN FR7630006000011234567890189", True),
    ("sha256:" + "0" * 64, False),
    ("commit 3ae504c01234567890abcdef", False),
    ("12 users of 400, 3.5 s, 99.95 %", False),
)  # fmt: skip


@pytest.mark.parametrize(("text", "personal"), PERSONAL_OR_NOT)
def test_personal_data_is_refused_in_free_text_and_dates_are_not_telephones(text: str, personal: bool) -> None:
    assert (code_of("outage_started", {**OUT, "note": text}) == "personal_data") is personal
    if not personal:
        check_personal(text, "note")


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in WORDS.items() for n in names], ids=lambda x: getattr(x, "__name__", x))
def test_a_reason_that_is_asked_for_is_more_than_blanks(kind: Any, name: str) -> None:
    check(kind(**{**minimal(kind), name: "r"}), NOW)
    with pytest.raises(Refused, match="no_reason"):
        check(kind(**{**minimal(kind), name: " \u00a0 "}), NOW)


def test_reasons_are_asked_for_where_a_fact_is_undone_or_denied() -> None:
    denied = {"Corrected", "Retracted", "ExclusionContested", "ExclusionRejected", "RestoreRefused", "SupportSuspended"}
    assert denied <= {kind.__name__ for kind in WORDS}


def minimal(kind: Any) -> dict[str, Any]:
    """The fields an event cannot do without."""
    given: dict[str, Any] = {"evidence": (SHA,)}
    for field in msgspec.structs.fields(kind):
        if field.required:
            given[field.name] = NOW if "datetime" in str(field.type) else {} if "dict" in str(field.type) else "x"
    return given


def test_the_tables_name_fields_there_are() -> None:
    for kind, earlier, later, _ in INTERVALS:
        assert {earlier, later} <= set(kind.__struct_fields__), kind
    for party, allowed in PARTIES:
        assert "by" in party.__struct_fields__
        assert "provider" not in allowed or wire_name(party.__name__).startswith("outage_claim")
    assert EVIDENCE.match(SHA)


# --- plain data ---


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("values", "exact"),
    [
        ([1, "1.5", None, True, {"a": [LARGEST, -LARGEST]}], True),
        ([1.0], False),
        ([{"a": [{"b": 0.1}]}], False),
        ([LARGEST + 1], False),
        ([(-LARGEST - 1,)], False),
        ([float("nan")], False),
        ([nested(DEEPEST - 1)], True),
        ([nested(DEEPEST)], False),
    ],
)
def test_plain_data_is_exact_for_every_reader(values: list[Any], exact: bool) -> None:
    if exact:
        check_exact(values, "x")
    else:
        with pytest.raises(Refused, match="bad_field: x"):
            check_exact(values, "x")


def test_an_event_at_any_instant_of_the_years_allowed_never_breaks_a_check() -> None:
    """Date arithmetic near the ends of the calendar must refuse, not crash."""
    edges = ("1900-01-01T00:00:00+14:00", "9000-12-31T23:59:59-12:00", "1900-01-01T00:00:00Z")
    for kind, data in (("contract_started", {**CONTRACT, "support_start": "1900-01-01"}), ("update_date_agreed", AGREED), ("restore_requested", ASKED)):
        for name in ("service_start", "at", "requested_at"):
            if name in VOCABULARY[kind].__struct_fields__:
                for edge in edges:
                    code_of(kind, {**data, name: edge}, datetime(9000, 12, 31, tzinfo=UTC))
