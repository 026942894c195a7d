"""The vocabulary: every fact the ledger can hold, each a frozen value that asserts one thing.

Facts are inert: no behaviour, no codec, no display. Instants are aware datetimes that keep the offset
they came with, to the whole second; intervals are half-open `[from, to)`; dates are calendar dates of
the contract's zone. The wire name of an event is its class name in snake case. Fields are named as in
the contract's rules; a field with a default is written only when it differs from it. Ids (`outage`,
`backup`, `request` ...) name one thing within one stream. A name once used never changes its meaning:
a changed event gets a new name, and the old one is read through `codec.UPCASTS`.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Instant = Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=2000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=0, le=10**15)]
Month = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])\Z")]

Plan = Literal["connect", "open", "private"]
Option = Literal["personalised_update", "recette"]
Environment = Literal["production", "recette"]
Effect = Literal["no_access", "no_login", "partial_users", "degraded"]
Ground = Literal["force_majeure", "customer_equipment", "outside_service_scope", "emergency_maintenance"]
MaintenanceKind = Literal["planned", "emergency"]
Scope = Literal["client_data", "office_documents"]
Tier = Literal["daily", "weekly", "monthly"]
UpdateKind = Literal["version", "corrective_patch", "regulatory_patch"]
ActivityKind = Literal["entry", "import", "opening_balance"]
Criticality = Literal[1, 2, 3]
Party = Literal["provider", "customer", "both", "expert"]


def wire_name(class_name: str) -> str:
    """`OutageStarted` -> `outage_started`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name.rpartition(".")[2]).lower()


class Event(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,  # nothing in an event leads back to it, so the collector need not walk the millions there may be
    tag_field="type",
    tag=wire_name,
    rename={"from_": "from"},
):
    """What every event may carry: references to evidence, and a note in free text."""

    evidence: tuple[str, ...] = ()
    note: Text | None = None


# --- the ledger itself: stream `ledger` ---------------------------------------------------------


class LedgerOpened(Event):
    """The first entry of every ledger: its own id, the origin it signs under, its format version."""

    ledger: Id
    origin: Name
    format: int


class TermsVersionPublished(Event):
    """A booklet's full content, in force from an instant for the contracts that run on it."""

    terms: Id
    version: Name
    effective_from: Instant
    content: dict[str, Any]


class CalendarPublished(Event):
    """A table of public holidays, complete from `first` to `last`, as named lists of dates."""

    calendar: Id
    version: Name
    zone: Name
    effective_from: Instant
    first: date
    last: date
    lists: dict[str, tuple[date, ...]]
    origin: Text = ""


class SigningKeyMade(Event):
    """A key signs this ledger's heads from now on; `key` is its verification key."""

    key: Name
    at: Instant


class SigningKeyRetired(Event):
    """The key signs no more."""

    key: Name
    at: Instant
    reason: Text


class TreeStarted(Event):
    """A ledger written without a tree got one over its first `size` entries."""

    size: Count
    root: Name


# --- contracts and services ---


class ContractStarted(Event):
    """A contract is in force: its plan, its people, the services it runs on (article 3, annex 1)."""

    contract: Id
    plan: Plan
    service_start: Instant
    support_start: date | None = None
    options: tuple[Option, ...] = ()
    production_named_users: Count = 0
    single_tenant: bool = False
    services: tuple[Id, ...] = ()
    terms: Id | None = None
    region: Name | None = None
    document_versions: tuple[Name, ...] = ()
    data_pack_quantity: Count | None = None


class ContractScopeChanged(Event):
    """From an instant, other numbers hold; a field left out stays as it was."""

    effective_from: Instant
    plan: Plan | None = None
    production_named_users: Count | None = None
    single_tenant: bool | None = None
    data_pack_quantity: Count | None = None
    terms: Id | None = None


class OptionSubscribed(Event):
    """An option of article 3 is in force from an instant."""

    option: Option
    effective_from: Instant


class OptionCancelled(Event):
    """The option ends at an instant."""

    option: Option
    effective_from: Instant


class ContractSuspended(Event):
    """The service is suspended by agreement or of right."""

    effective_from: Instant
    reason: Text | None = None


class ContractResumed(Event):
    """The suspension is over."""

    effective_from: Instant


class ContractTerminated(Event):
    """The contract ends; nothing is owed from that instant."""

    effective_from: Instant
    reason: Text | None = None


class AccessCodesCommunicated(Event):
    """The customer got its access codes: the date of the first invoice (article 14)."""

    at: Instant


class ReadingAdopted(Event):
    """The contract's switches are set from an instant, by whom and why."""

    reading: Id
    switches: dict[str, str]
    effective_from: Instant
    by: Party | None = None
    rationale: Text | None = None


class ServiceStarted(Event):
    """An operated service exists, on which contracts may run; opens its stream."""

    service: Id
    at: Instant
    name: Name | None = None


class ServiceAssigned(Event):
    """The contract runs on a service from an instant: the service's events count for it."""

    service: Id
    effective_from: Instant


class ServiceUnassigned(Event):
    """The contract leaves a service at an instant."""

    service: Id
    effective_from: Instant


# --- outages and exclusions (article 6) ---


class OutageStarted(Event):
    """From an instant the service was impaired: where, what could not be done, seen from where."""

    outage: Id
    environment: Environment
    effect: Effect
    at: Instant
    users_affected: Count | None = None
    users_total: Count | None = None
    vantage: Name | None = None
    cause_hint: Text | None = None


class OutageEnded(Event):
    """The outage was over at an instant."""

    outage: Id
    at: Instant


class OutageClaimed(Event):
    """The customer says the service was impaired during an interval."""

    claim: Id
    from_: Instant
    to: Instant
    environment: Environment = "production"
    effect: Effect = "no_access"
    reason: Text | None = None


class OutageClaimAccepted(Event):
    """The provider accepts a claimed outage, whole."""

    claim: Id
    by: Party | None = None
    reason: Text | None = None


class OutageClaimRejected(Event):
    """The provider or an expert rejects a claimed outage."""

    claim: Id
    reason: Text
    by: Party | None = None


class OutageLinked(Event):
    """An outage was caused by a maintenance or belongs to an incident."""

    outage: Id
    maintenance: Id | None = None
    incident: Id | None = None


class ExclusionClaimed(Event):
    """The provider says an interval is none of its unavailability, on one of four grounds (6 ii-v)."""

    exclusion: Id
    ground: Ground
    from_: Instant
    to: Instant
    outage: Id | None = None
    statement: Text | None = None


class ExclusionContested(Event):
    """The customer contests an exclusion."""

    exclusion: Id
    reason: Text
    by: Party | None = None


class ExclusionAccepted(Event):
    """The customer accepts an exclusion."""

    exclusion: Id
    reason: Text | None = None
    by: Party | None = None


class ExclusionUpheld(Event):
    """An expert or arbiter upholds an exclusion."""

    exclusion: Id
    reason: Text
    by: Party | None = None


class ExclusionRejected(Event):
    """An expert or arbiter rejects an exclusion; it stands no more."""

    exclusion: Id
    reason: Text
    by: Party | None = None


# --- maintenance (article 5) ---


class MaintenanceAnnounced(Event):
    """A planned maintenance was published with its slot."""

    maintenance: Id
    published_at: Instant
    planned_start: Instant
    planned_end: Instant
    environment: Environment = "production"
    blocking: bool | None = None
    channel: Name | None = None
    subject: Text | None = None
    planned_at: Instant | None = None
    received_at: Instant | None = None


class MaintenanceRescheduled(Event):
    """Another slot was published for an announced maintenance."""

    maintenance: Id
    published_at: Instant
    planned_start: Instant
    planned_end: Instant
    blocking: bool | None = None
    channel: Name | None = None
    subject: Text | None = None
    planned_at: Instant | None = None
    received_at: Instant | None = None


class MaintenanceCancelled(Event):
    """The announced maintenance was called off."""

    maintenance: Id
    published_at: Instant
    reason: Text | None = None


class MaintenanceStarted(Event):
    """Work began; an emergency says why it was urgent."""

    maintenance: Id
    kind: MaintenanceKind
    at: Instant
    environment: Environment = "production"
    urgency_reason: Text | None = None
    change_ref: Name | None = None


class MaintenanceEnded(Event):
    """Work ended."""

    maintenance: Id
    at: Instant


class BlockingStarted(Event):
    """The maintenance stopped the service."""

    maintenance: Id
    at: Instant


class BlockingEnded(Event):
    """The service answered again."""

    maintenance: Id
    at: Instant


class MaintenanceStatusPublished(Event):
    """The status of maintenances was shown to the customer (service Météo, article 6)."""

    at: Instant
    maintenance: Id | None = None
    page_hash: Name | None = None


# --- backups and restores (article 9) ---


class BackupCompleted(Event):
    """A backup succeeded: of what, for which tiers, when, and where its copies lie."""

    backup: Id
    scope: Scope
    tiers: tuple[Tier, ...]
    started_at: Instant
    completed_at: Instant
    locations: tuple[Name, ...] = ()
    size_bytes: Count | None = None
    checksum: Name | None = None


class BackupFailed(Event):
    """A backup was tried and failed."""

    backup: Id
    scope: Scope
    tiers: tuple[Tier, ...]
    started_at: Instant
    failed_at: Instant
    reason: Text | None = None


class BackupVerified(Event):
    """A backup was read back: it passed, or it cannot be restored."""

    backup: Id
    at: Instant
    outcome: Literal["passed", "failed"] = "passed"
    location: Name | None = None


class BackupCopyStored(Event):
    """One more copy lies at a place."""

    backup: Id
    location: Name
    at: Instant


class BackupCopyLost(Event):
    """The copy at a place is gone or unreadable."""

    backup: Id
    location: Name
    at: Instant
    reason: Text | None = None


class BackupDeleted(Event):
    """The backup was deleted, at one place or (no location) everywhere."""

    backup: Id
    at: Instant
    location: Name | None = None
    reason: Text | None = None
    legal_basis: Text | None = None


class BackupPolicyPublished(Event):
    """The provider's written backup policy, by version (article 8)."""

    version: Name
    at: Instant
    schedule: Text | None = None


class RestoreRequested(Event):
    """The customer asks for the state of a day, or for a named backup."""

    restore: Id
    scope: Scope
    requested_at: Instant
    target_date: date | None = None
    backup: Id | None = None
    dossiers: tuple[Id, ...] = ()
    requester_ref: Id | None = None


class RestoreStarted(Event):
    """The restore began, from a backup."""

    restore: Id
    at: Instant
    backup: Id | None = None


class RestoreCompleted(Event):
    """The state was given back."""

    restore: Id
    at: Instant
    backup: Id | None = None


class RestoreFailed(Event):
    """The restore was tried and failed."""

    restore: Id
    at: Instant
    reason: Text | None = None
    backup: Id | None = None


class RestoreRefused(Event):
    """The provider refused the restore."""

    restore: Id
    at: Instant
    reason: Text


class DisasterDeclared(Event):
    """A disaster struck the infrastructure."""

    disaster: Id
    at: Instant
    reason: Text | None = None


class DisasterRecovered(Event):
    """The service was restored from the backup held most fit."""

    disaster: Id
    at: Instant
    backup: Id | None = None
    rationale: Text | None = None


# --- updates (article 10) ---


class UpdateAnnounced(Event):
    """The customer was told the date of an update."""

    update: Id
    published_at: Instant
    kind: UpdateKind | None = None
    version: Name | None = None
    planned_date: date | None = None
    environment: Environment = "production"
    changes_version_number: bool | None = None
    training_needed: bool = False


class UpdateImpactNotified(Event):
    """The customer was told that an update may need paid services or training."""

    update: Id
    published_at: Instant
    training_needed: bool = True


class UpdateDocumentationPublished(Event):
    """The update's documentation was made available."""

    update: Id
    published_at: Instant


class UpdateDateAgreed(Event):
    """Provider and customer agreed the day of an update in production (option, article 10.3)."""

    update: Id
    agreed_date: date
    at: Instant | None = None


class TestsCompleted(Event):
    """The customer finished its tests in the recette environment (article 10.4)."""

    update: Id
    at: Instant


class UpdateRolledOut(Event):
    """An update reached an environment."""

    update: Id
    at: Instant
    environment: Environment = "production"
    kind: UpdateKind | None = None
    changes_version_number: bool | None = None
    version: Name | None = None
    maintenance_id: Id | None = None
    training_needed: bool = False


class UpdateRolledBack(Event):
    """An update was taken back."""

    update: Id
    at: Instant
    environment: Environment = "production"
    reason: Text | None = None


# --- support (article 12) ---


class SupportRequestRegistered(Event):
    """A request was registered in the provider's tools, by which channel."""

    request: Id
    at: Instant
    channel: Name | None = None
    criticality: Criticality | None = None
    subject: Text | None = None


class SupportRequestAcknowledged(Event):
    """The customer got an electronic acknowledgement."""

    request: Id
    at: Instant


class SupportRequestTakenInCharge(Event):
    """A technician took the request in charge."""

    request: Id
    at: Instant


class SupportRequestResolved(Event):
    """The request was answered."""

    request: Id
    at: Instant


class SupportRequestExcluded(Event):
    """The request does not count: the customer did not meet its own duties."""

    request: Id
    reason: Text
    at: Instant | None = None


class SupportRequestWithdrawn(Event):
    """The customer took the request back."""

    request: Id
    at: Instant | None = None
    reason: Text | None = None


class SupportSuspended(Event):
    """Support is suspended of right (12.2): clocks stop."""

    at: Instant
    reason: Text


class SupportResumed(Event):
    """Support goes on."""

    at: Instant


class SupportLineClosed(Event):
    """The telephone line does not answer."""

    at: Instant
    reason: Text | None = None


class SupportLineOpened(Event):
    """The telephone line answers again."""

    at: Instant


class CallReceived(Event):
    """A call waits on the line, with or without priority (12.9)."""

    call: Id
    at: Instant
    priority: bool = False
    line: Name | None = None


class CallAnswered(Event):
    """The call was answered."""

    call: Id
    at: Instant


class KnowledgeArticleConsulted(Event):
    """Somebody of the customer read an article of the knowledge base (12.11)."""

    article: Id
    at: Instant


# --- anomalies (12.3) ---


class AnomalyReproduced(Event):
    """The provider reproduced the anomaly."""

    anomaly: Id
    at: Instant
    request: Id | None = None


class AnomalyQualified(Event):
    """The provider qualified the anomaly."""

    anomaly: Id
    criticality: Criticality
    at: Instant
    request: Id | None = None


class AnomalyReclassified(Event):
    """The anomaly has another criticality from an instant."""

    anomaly: Id
    criticality: Criticality
    at: Instant
    reason: Text | None = None


class ActionPlanDelivered(Event):
    """The customer got a corrective action plan."""

    anomaly: Id
    at: Instant


class WorkaroundDelivered(Event):
    """The customer got a workaround."""

    anomaly: Id
    at: Instant


class FixDelivered(Event):
    """The customer got a correction."""

    anomaly: Id
    at: Instant


# --- dossiers (article 4) ---


class DossierActivityRecorded(Event):
    """An entry, import or opening balance was typed into a dossier, by date of typing."""

    dossier: Id
    kind: ActivityKind
    last_entry_date: date
    closing_date: date | None = None


class DossierTicked(Event):
    """The dossier is marked to be kept."""

    dossier: Id
    at: Instant
    customer_informed: bool = True


class DossierUnticked(Event):
    """The mark is taken off: billing ends, the dossier may be deleted."""

    dossier: Id
    at: Instant


class DossierDeleted(Event):
    """Parts of the dossier were deleted, as the booklet names them (`sql_base`, `box`, `dp` …), or `other`."""

    dossier: Id
    at: Instant
    parts: tuple[Name, ...] = ()


class DossierRecoveryRequested(Event):
    """The customer asks for a dossier deleted by mistake."""

    dossier: Id
    at: Instant


class RecoveryQuoted(Event):
    """The provider offered a quote for the recovery."""

    dossier: Id
    at: Instant


class DossierInvoiced(Event):
    """A month of keeping a dossier was billed."""

    dossier: Id
    month: Month
    at: Instant | None = None


# --- reviews, recette, storage, accounts, invoices (articles 3, 4, 7, 8, 11, 14) ---


class ServiceReviewHeld(Event):
    """The monthly service review took place."""

    at: Instant


class ServiceReviewWaived(Event):
    """The parties agreed in writing to skip a month's review."""

    month: Month
    reference: Name


class RecetteRefreshRequested(Event):
    """The customer asks that the recette data be loaded anew from production."""

    refresh: Id
    at: Instant


class RecetteRefreshed(Event):
    """The recette data were loaded from production."""

    refresh: Id
    at: Instant
    kind: Literal["initial", "refresh"] = "refresh"
    billed: bool = False


class RecetteRefreshRefused(Event):
    """The provider refused a refresh."""

    refresh: Id
    at: Instant
    reason: Text


class RecetteMeasured(Event):
    """How much of the recette environment is used."""

    at: Instant
    named_users: Count
    dossiers: Count
    environments: Count = 1


class StorageMeasured(Event):
    """How many bytes the shared office space holds, for how many subscribed users."""

    at: Instant
    bytes: Count
    users: Count | None = None
    largest_user_bytes: Count | None = None


class StorageExtensionSubscribed(Event):
    """More bytes were bought."""

    bytes: Count
    effective_from: Instant


class SubscriptionCounted(Event):
    """How many office subscriptions the customer holds (article 3)."""

    at: Instant
    count: Count
    users: Count | None = None


class UsageMeasured(Event):
    """A measured use against a threshold of the order form (article 14)."""

    at: Instant
    threshold: Name
    measured: Count
    ordered: Count


class AccountInstructionReceived(Event):
    """The customer instructs to create or delete an account (article 11)."""

    instruction: Id
    at: Instant
    action: Literal["create", "delete", "reset_password"] | None = None


class AccountInstructionExecuted(Event):
    """The instruction was carried out."""

    instruction: Id
    at: Instant


class InvoiceIssued(Event):
    """An invoice of the subscription was issued, for a period."""

    invoice: Id
    at: Instant
    period_first: date | None = None
    period_last: date | None = None


class DashboardPublished(Event):
    """A dashboard was given to the customer (12.11)."""

    at: Instant
    dashboard: Literal["requests", "articles"]


class ControlAttested(Event):
    """A control of the infrastructure was attested (articles 7 and 8)."""

    control: Id
    at: Instant
    reference: Name | None = None


class SpecificReportHomologated(Event):
    """A customer's own report was homologated after an update (article 10.2)."""

    report: Id
    at: Instant


# --- statements and disputes ---


class AvailabilityStatementIssued(Event):
    """A monthly statement: its figures, and what was known and under which reading they were found."""

    statement: Id
    month: Month
    known_at: Instant
    position: Count
    reading: dict[str, str]
    figures: dict[str, Any]
    root: Name | None = None
    replaces: Id | None = None


class StatementContested(Event):
    """A party contests a statement."""

    statement: Id
    reason: Text
    by: Party | None = None


class DisputeOpened(Event):
    """A dispute is open over a question of this contract."""

    dispute: Id
    question: Name
    reason: Text
    params: dict[str, str] = {}
    by: Party | None = None
    statement: Id | None = None


class DisputeEvidenceFiled(Event):
    """A party files evidence in a dispute."""

    dispute: Id
    by: Party | None = None
    reason: Text | None = None


class DisputeReplayed(Event):
    """The question of a dispute was replayed: at which position, with which answer's digest."""

    dispute: Id
    position: Count
    known_at: Instant
    answer_sha256: Name


class DisputeDecided(Event):
    """An expert, a judge or both parties decided."""

    dispute: Id
    decision: Text
    by: Party | None = None
    reading: dict[str, str] = {}


class DisputeClosed(Event):
    """The dispute is over."""

    dispute: Id
    reason: Text | None = None


class LegalHoldPlaced(Event):
    """Nothing that bears on the dispute may be deleted."""

    hold: Id
    at: Instant
    reason: Text
    dispute: Id | None = None


class LegalHoldLifted(Event):
    """The hold is lifted."""

    hold: Id
    at: Instant
    reason: Text | None = None


class ServiceCreditGranted(Event):
    """The provider granted a credit; the booklet itself promises none."""

    credit: Id
    at: Instant
    reason: Text | None = None
    statement: Id | None = None


class SubjectDataErased(Event):
    """A key of the vault of personal data was destroyed; no event changes by it."""

    vault_key: Id
    at: Instant


# --- corrections ---


class Corrected(Event):
    """For later knowledge, an earlier entry of this stream says `data` instead, whole."""

    target: Id | int
    data: dict[str, Any]
    reason: Text


class Retracted(Event):
    """For later knowledge, an earlier entry, correction or retraction of this stream was not said."""

    target: Id | int
    reason: Text


def _subclasses(kind: type[Event]) -> list[type[Event]]:
    return [c for s in kind.__subclasses__() for c in (s, *_subclasses(s))]


VOCABULARY: dict[str, type[Event]] = {wire_name(c.__name__): c for c in _subclasses(Event)}
