"""What one event may say by itself: whole seconds, intervals that go forward, evidence, no personal data.

These checks need no history and hold for a new event and for a correction's payload alike; what may
follow what is `order.py`. Each raises `Refused` with its own code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from ledger import events as e
from ledger.errors import Refused
from ledger.events import Event
from ledger.workdays import add_months

SKEW = timedelta(seconds=5)  # how far a reporter's clock may be ahead of the ledger's
YEARS = (1900, 9000)  # both included: so that no rule's arithmetic leaves the years a date can have
PLANS = frozenset(  # instants that speak of what is to come, so may lie after the recording
    {"planned_start", "planned_end", "effective_from", "service_start"}
)
EVIDENCE = re.compile(r"^(sha256:[0-9a-f]{64}|[a-z][a-z0-9+.-]*://[^\s\x00-\x1f]{1,500})\Z")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
DEEPEST = 32  # how far plain data may be nested: what reads it again need not be clever
LARGEST = 2**63 - 1  # the largest whole number every reader of the bytes takes exactly
Patterns = tuple[tuple[str, re.Pattern[str]], ...]
PERSONAL: Patterns = (
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")),
    ("a telephone number", re.compile(r"(?<![\w.:/-])(?:\+|00)\d{1,3}(?:[ .()-]{0,3}\d){8,12}(?![\w])")),
    # one separator all along: 02.03.2026 10:00 is a date and a time
    ("a telephone number", re.compile(r"(?<![\w.:/-])0[1-9]([ .-]?)\d\d(?:\1\d\d){3}(?![\w])")),
    # thirteen digits in a row are more often a count of milliseconds
    (
        "a social security number",
        re.compile(
            r"(?<!\w)(?:[12] \d\d (?:0[1-9]|1[0-2]) \d[\dAB] \d{3} \d{3}(?: \d\d)?"
            r"|[12]\d\d(?:0[1-9]|1[0-2])\d[\dAB]\d{8})(?!\w)"
        ),
    ),
    ("a bank account number", re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[0-9A-Z]{4}){3,7}(?: ?[0-9A-Z]{1,3})?(?!\w)")),
)
EMAIL: Patterns = PERSONAL[:1]
# event, earlier instant, later instant, whether the later must be strictly after
INTERVALS: tuple[tuple[type[Event], str, str, bool], ...] = (
    (e.OutageClaimed, "from_", "to", True),
    (e.ExclusionClaimed, "from_", "to", True),
    (e.MaintenanceAnnounced, "planned_start", "planned_end", True),
    (e.MaintenanceRescheduled, "planned_start", "planned_end", True),
    (e.MaintenanceAnnounced, "published_at", "planned_start", False),
    (e.MaintenanceRescheduled, "published_at", "planned_start", False),
    (e.BackupCompleted, "started_at", "completed_at", False),
    (e.BackupFailed, "started_at", "failed_at", False),
    (e.InvoiceIssued, "period_first", "period_last", False),
    (e.CalendarPublished, "first", "last", False),
)
# who may say it (`by`, when told): exclusions are the customer's to accept and an expert's to decide, claims the
# provider's to accept
PARTIES: tuple[tuple[type[Event], tuple[e.Party, ...]], ...] = (
    (e.ExclusionContested, ("customer",)),
    (e.ExclusionAccepted, ("customer", "both")),
    (e.ExclusionUpheld, ("expert", "both")),
    (e.ExclusionRejected, ("expert", "both")),
    (e.OutageClaimAccepted, ("provider", "both")),
    (e.OutageClaimRejected, ("provider", "expert", "both")),
    (e.DisputeDecided, ("expert", "both")),
)
NEEDS_EVIDENCE: frozenset[type[Event]] = frozenset({e.ExclusionClaimed, e.SupportRequestExcluded})


def _fields_of(marker: str, *, required: bool = False) -> dict[type[Event], tuple[str, ...]]:
    found: dict[type[Event], tuple[str, ...]] = {}
    for kind in e.VOCABULARY.values():
        fields = msgspec.structs.fields(kind)
        found[kind] = tuple(f.name for f in fields if re.search(marker, str(f.type)) and (f.required or not required))
    return found


INSTANTS = _fields_of(r"datetime\.datetime")
DAYS = _fields_of(r"^(?!dict).*datetime\.date\b")
TEXTS = _fields_of("max_length")
FREE = _fields_of("max_length=2000")
WORDS = {kind: names for kind, names in _fields_of("max_length=2000", required=True).items() if names}  # reasons
PARTIES_OF = dict(PARTIES)
INTERVALS_OF = {k: tuple(i[1:] for i in INTERVALS if i[0] is k) for k in e.VOCABULARY.values()}


def check(event: Event, recorded_at: datetime) -> None:
    """Raise `Refused` unless the event may be said at `recorded_at` (aware), history aside."""
    kind = type(event)
    limit = recorded_at + SKEW
    for name in INSTANTS[kind]:
        instant = getattr(event, name)
        if instant is None:
            continue
        if not YEARS[0] <= instant.year <= YEARS[1]:
            check_years(instant, kind, name)
        if instant.microsecond:
            raise Refused("fraction_of_second", f"{_at(event, name)}: {instant.isoformat()}; round it first")
        if instant > limit and name not in PLANS:
            raise Refused(
                "occurred_after_recorded",
                f"{_at(event, name)}: {instant.isoformat()} is after the ledger's clock, {_iso(recorded_at)}",
            )
    for name in DAYS[kind]:
        check_years(getattr(event, name), kind, name)
    for earlier, later, strictly in INTERVALS_OF[kind]:
        _check_interval(event, earlier, later, strictly)
    for name in TEXTS[kind]:
        _check_text(event, name)
    if event.evidence or kind in NEEDS_EVIDENCE:
        _check_evidence(event)
    for name in WORDS.get(kind, ()):
        if not getattr(event, name).strip():
            raise Refused("no_reason", f"{_at(event, name)} is empty; say why")
    if kind in PARTIES_OF:
        _check_party(event, PARTIES_OF[kind])
    special = SPECIAL.get(kind)
    if special is not None:
        special(event, recorded_at)


def check_years(day: date | None, kind: type[Event], name: str) -> None:
    """Raise `Refused("impossible_date")` for a date or instant outside the years 1900 to 9000."""
    if day is None or YEARS[0] <= day.year <= YEARS[1]:
        return
    where = f"{e.wire_name(kind.__name__)}.{name}"
    raise Refused("impossible_date", f"{where}: {day.isoformat()} lies outside the years {YEARS[0]} to {YEARS[1]}")


def _check_party(event: Any, allowed: tuple[str, ...]) -> None:
    if event.by is not None and event.by not in allowed:
        raise Refused("wrong_party", f"{_at(event, 'by')}: the {event.by} may not say this; {' or '.join(allowed)} may")


def _check_interval(event: Event, earlier: str, later: str, strictly: bool) -> None:
    start, end = getattr(event, earlier), getattr(event, later)
    if start is None or end is None or end > start or (end == start and not strictly):
        return
    raise Refused(
        "not_after_start",
        f"{_at(event, later)}: {end.isoformat()} is not after {earlier.rstrip('_')}, {start.isoformat()}",
    )


def _check_text(event: Event, name: str) -> None:
    text = getattr(event, name)
    if text is None or type(text) is int:  # a correction names its target by id or position
        return
    free = name in FREE[type(event)]
    for part in (text,) if type(text) is str else text:
        if type(part) is not str or (not free and part.isprintable() and "@" not in part):
            continue  # most ids: nothing in them can be wrong
        if CONTROL.search(part):
            raise Refused("bad_id", f"{_at(event, name)} holds a control character")
        if len(part) >= 5:
            check_personal(part, _at(event, name), PERSONAL if free else EMAIL)


def check_personal(text: str, where: str, patterns: Patterns = PERSONAL) -> None:
    """Raise `Refused("personal_data")` when a free text looks like a person's e-mail, phone or number."""
    for what, pattern in patterns:
        if pattern.search(text):
            raise Refused("personal_data", f"{where} looks like it holds {what}; use a pseudonymous reference")


def _check_evidence(event: Event) -> None:
    if not event.evidence:
        raise Refused("no_evidence", f"{_at(event, 'evidence')}: give at least one reference")
    for reference in event.evidence:
        if not EVIDENCE.match(reference):
            raise Refused("bad_evidence", f"{_at(event, 'evidence')}: {reference[:80]!r}; sha256:<64 hex> or a URL")
        check_personal(reference, _at(event, "evidence"), EMAIL)


def _check_counts(event: Any, recorded_at: datetime) -> None:
    affected, total = event.users_affected, event.users_total
    if event.effect == "partial_users" and (affected is None or total is None):
        raise Refused("missing_counts", "partial_users needs users_affected and users_total")
    if affected is not None and total is not None and (affected > total or total == 0):
        raise Refused("missing_counts", f"{affected} users affected of {total} is impossible")
    if event.effect == "partial_users" and affected == 0:
        raise Refused("missing_counts", "partial_users with 0 users affected is no outage")


def _check_contract(event: Any, recorded_at: datetime) -> None:
    if event.support_start is None:
        return
    if event.support_start < add_months(_earliest_date(event.service_start), -12):  # else `local_days.py` says
        raise Refused("before_start", f"support_start {event.support_start} is over a year before service_start")


def _check_emergency(event: Any, recorded_at: datetime) -> None:
    if event.kind == "emergency" and not (event.urgency_reason or "").strip():
        raise Refused("no_reason", "an emergency maintenance says why it is urgent: urgency_reason (article 1)")


def _check_tiers(event: Any, recorded_at: datetime) -> None:
    if not event.tiers:
        raise Refused("unknown_value", f"{_at(event, 'tiers')}: name at least one of daily, weekly, monthly")
    if len(set(event.tiers)) != len(event.tiers):
        raise Refused("unknown_value", f"{_at(event, 'tiers')}: the same tier twice")
    if event.scope == "office_documents" and set(event.tiers) != {"daily"}:
        raise Refused("unknown_value", f"{_at(event, 'tiers')}: office documents have daily backups only (article 9)")


def _check_restore(event: Any, recorded_at: datetime) -> None:
    if event.target_date is None and event.backup is None:
        raise Refused("missing_field", "restore_requested names a target_date or a backup")
    if event.target_date is not None and event.target_date > _latest_date(event.requested_at):
        raise Refused("occurred_after_recorded", f"restore_requested.target_date {event.target_date} lies ahead")


def _earliest_date(at: datetime) -> date:
    """The date it is still by then where the day begins last, 12 hours behind UTC."""
    return (at.astimezone(UTC) - timedelta(hours=12)).date()


def _latest_date(at: datetime) -> date:
    """The date it is by then where the day begins first, 14 hours ahead of UTC: zones are for `local_days.py`."""
    return (at.astimezone(UTC) + timedelta(hours=14)).date()


def _check_activity(event: Any, recorded_at: datetime) -> None:
    if event.last_entry_date > _latest_date(recorded_at):
        raise Refused("occurred_after_recorded", f"last_entry_date {event.last_entry_date} lies ahead")


def _check_parts(event: Any, recorded_at: datetime) -> None:
    """Which parts there are is for `dossier_parts.py`."""
    if len(set(event.parts)) != len(event.parts):
        raise Refused("unknown_value", f"{_at(event, 'parts')}: the same part twice")


def _check_waiver(event: Any, recorded_at: datetime) -> None:
    if not event.reference.strip():
        raise Refused("missing_field", f"{_at(event, 'reference')} is blank; name the writing (article 3)")


def _check_rollout(event: Any, recorded_at: datetime) -> None:
    if event.kind == "version" and event.changes_version_number is False:
        raise Refused("bad_field", f"{e.wire_name(type(event).__name__)}: a version changes its number (article 10.1)")


def _check_agreed(event: Any, recorded_at: datetime) -> None:
    agreed_at = event.at or recorded_at
    earliest = (agreed_at.astimezone(UTC) - timedelta(hours=12)).date()  # where the day ends last
    if event.agreed_date < earliest:
        raise Refused("before_start", f"agreed_date {event.agreed_date} was past when it was agreed")


def _check_calendar(event: Any, recorded_at: datetime) -> None:
    from ledger.zones import rules  # late, as below: only what publishes or adopts needs it

    rules(event.zone)  # a zone nobody knows is refused here, not when a question needs it
    if not event.lists:
        raise Refused("missing_field", "calendar_published.lists names no list of holidays")
    for name, dates in event.lists.items():
        if list(dates) != sorted(set(dates)):
            raise Refused("bad_field", f"calendar_published.lists.{name}: dates must be sorted and unique")
        if dates and not event.first <= dates[0] <= dates[-1] <= event.last:
            raise Refused("bad_field", f"calendar_published.lists.{name}: a date lies outside first and last")


def _check_terms(event: Any, recorded_at: datetime) -> None:
    """Terms that could not be judged by would be known for ever, and every question refused."""
    from ledger.terms import parse_terms

    terms = parse_terms(event.content)
    if (event.terms, event.version) != (terms.id, terms.version):
        raise Refused(
            "bad_terms", f"the content is {terms.id} {terms.version}, the event says {event.terms} {event.version}"
        )


def _check_switches(event: Any, recorded_at: datetime) -> None:
    from ledger.readings import DEFAULT

    DEFAULT.with_switches(event.switches if isinstance(event, e.ReadingAdopted) else event.reading)


SPECIAL = {
    e.OutageStarted: _check_counts,
    e.ContractStarted: _check_contract,
    e.MaintenanceStarted: _check_emergency,
    e.BackupCompleted: _check_tiers,
    e.BackupFailed: _check_tiers,
    e.RestoreRequested: _check_restore,
    e.UpdateRolledOut: _check_rollout,
    e.UpdateAnnounced: _check_rollout,
    e.UpdateDateAgreed: _check_agreed,
    e.DossierActivityRecorded: _check_activity,
    e.DossierDeleted: _check_parts,
    e.ServiceReviewWaived: _check_waiver,
    e.CalendarPublished: _check_calendar,
    e.TermsVersionPublished: _check_terms,
    e.ReadingAdopted: _check_switches,
    e.AvailabilityStatementIssued: _check_switches,
    e.DisputeDecided: _check_switches,
}


def check_exact(values: Iterable[Any], where: str, depth: int = 1) -> None:
    """Raise `Refused("bad_field")` when plain JSON values hold what is not exact for every reader.

    A float, a whole number beyond 64 bits, lists and tables nested deeper than `DEEPEST`.
    """
    if depth > DEEPEST:
        raise Refused("bad_field", f"{where} is nested more than {DEEPEST} deep")
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is float or (kind is int and not -LARGEST <= value <= LARGEST):
            raise Refused("bad_field", f"{where}: {str(value)[:40]} is not exact everywhere; write it in quotes")
        if kind is dict:
            check_exact(value.values(), where, depth + 1)
        elif kind is list or kind is tuple:
            check_exact(value, where, depth + 1)


def _at(event: Event, field: str) -> str:
    return f"{e.wire_name(type(event).__name__)}.{field.rstrip('_')}"


def _iso(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
