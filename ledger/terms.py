"""What the contract promises: a booklet read from its file or from the entry that recorded it, whole and checked.

A booklet is TOML, ours (`ledger/booklets/*.toml`) or a provider's own. Its content is plain data (text,
whole numbers, true and false, lists, tables) and is recorded in full by `TermsVersionPublished`;
`parse_terms` makes the same `Terms` of it years later. What is wrong with a booklet is said in one line:
the file, the place in its tables, and what to write instead.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, structs

from ledger.errors import Refused
from ledger.events import ActivityKind, Option
from ledger.promises import (
    AnomalyTerms,
    AvailabilityTerms,
    BackupTerms,
    CalendarTerms,
    MaintenanceTerms,
    Promise,
    RestoreTerms,
    SupportTerms,
    UpdateTerms,
)
from ledger.readings import Reading
from ledger.tables import MonthDay, Name, Positive, Whole, Wrong, read_table
from ledger.workdays import Calendar, CalendarData

_SHIPPED = resources.files("ledger") / "booklets"
LONGEST_TOML_BYTES = 1024 * 1024  # what it says is recorded in an entry of 65,535


class DossierTerms(Promise, frozen=True):
    """The life of a dossier: active, inactive, unused, ticked, billed, deleted, recovered (article 4)."""

    active_months: Positive
    unused_years: Positive
    not_activity: tuple[ActivityKind, ...]
    tick_on: MonthDay
    untick_until: MonthDay
    billed_from: MonthDay
    untick_before_day: Positive
    stop_months: Whole
    recovery_days: Whole
    deleted_parts: tuple[Name, ...]
    kept_parts: tuple[Name, ...] = ()


class RecetteTerms(Promise, frozen=True):
    """Who may have a recette environment, and how large it is; all limits included but `more_than_users`."""

    more_than_users: Whole
    environments: Positive
    named_users: Positive
    dossiers: Positive
    refreshes_per_year: Whole
    requires_option: Option | None = None


class OptionTerms(Promise, frozen=True):
    """Options that only a single-tenant contract may take (article 3)."""

    single_tenant_only: tuple[Option, ...]


class StorageTerms(Promise, frozen=True):
    """The shared office space: gigabytes for each subscribed user, and the formats it takes (article 4)."""

    gigabytes_per_user: Positive
    formats: tuple[Name, ...] = ()


class ReviewTerms(Promise, frozen=True):
    """Service reviews in a calendar month (article 3)."""

    per_month: Positive


class SubscriptionTerms(Promise, frozen=True):
    """Office subscriptions the customer holds for each user (article 3)."""

    per_user: Positive


class BillingTerms(Promise, frozen=True):
    """Invoices: every so many months, in advance or in arrears, the first on what date (article 14)."""

    every_months: Positive
    in_advance: bool
    first_on: Literal["access_codes", "service_start"]


class DataPackTerms(Promise, frozen=True):
    """The data pack is subscribed in the quantity of the main product (article 15)."""

    same_quantity: bool


class InfrastructureTerms(Promise, frozen=True):
    """What is attested, not computed: machines and controls (articles 7 and 8)."""

    controls: tuple[Name, ...]
    generators: Whole = 0
    generators_on_site: Whole = 0


class ContentTerms(Promise, frozen=True):
    """Training contents each plan gives access to (article 13)."""

    connect: tuple[Name, ...] = ()
    open: tuple[Name, ...] = ()
    private: tuple[Name, ...] = ()


class StatementTerms(Promise, frozen=True):
    """Days to contest a monthly statement and to answer; None: the booklet sets no such delay."""

    contest_days: Positive | None = None
    answer_days: Positive | None = None


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a booklet. What only some providers promise may be None."""

    id: Name
    version: Name
    title: Name
    zone: Name
    calendar: CalendarTerms
    availability: AvailabilityTerms
    maintenance: MaintenanceTerms
    backups: BackupTerms
    restores: RestoreTerms
    updates: UpdateTerms
    support: SupportTerms
    anomalies: AnomalyTerms
    dossiers: DossierTerms | None = None
    recette: RecetteTerms | None = None
    options: OptionTerms | None = None
    storage: StorageTerms | None = None
    reviews: ReviewTerms | None = None
    subscriptions: SubscriptionTerms | None = None
    billing: BillingTerms | None = None
    data_pack: DataPackTerms | None = None
    infrastructure: InfrastructureTerms | None = None
    contents: ContentTerms | None = None
    statements: StatementTerms | None = None

    def __post_init__(self) -> None:
        try:
            Calendar(self.zone, frozenset())
        except Refused as refused:
            raise Wrong("zone", f'{refused.message}; write "Europe/Paris"') from None
        if self.maintenance.window.complement_of_reference:
            structs.force_setattr(self.maintenance.window, "outside_of", self.availability.reference)


class Booklet(Struct, frozen=True):
    """A booklet as read: `content` is what is recorded, `terms` what it means."""

    content: dict[str, Any]
    terms: Terms

    @property
    def id(self) -> str:
        return self.terms.id

    @property
    def version(self) -> str:
        return self.terms.version

    @property
    def calendar(self) -> str | None:
        """The id of the table of holidays it needs; None where it needs none."""
        return self.terms.calendar.id


def load_booklet(booklet: str | Path) -> Booklet:
    """A booklet shipped with the package, by name, or a provider's own, by the path of its TOML file.

    Raises `Refused`: `unknown_terms` (no such name, with the nearest), `no_file`, `input_too_large`, `bad_terms`.
    """
    if isinstance(booklet, Path) or booklet.endswith(".toml") or "/" in booklet or _is_own(booklet):
        path = Path(booklet)
        try:
            return _booklet(read_toml(path), path.name)
        except OSError as error:
            raise Refused("no_file", f"booklet {path}: {error.strerror}; give the path of a TOML file") from None
    if booklet not in shipped_booklets():
        near = difflib.get_close_matches(booklet, shipped_booklets(), n=1) or list(shipped_booklets())
        raise Refused("unknown_terms", f"no booklet named {booklet!r} is shipped; write {' or '.join(near)}")
    return _booklet((_SHIPPED / f"{booklet}.toml").read_bytes(), f"{booklet}.toml")


def _is_own(name: str) -> bool:
    """Whether it is no name of a shipped booklet, and a file that lies here is called so."""
    with suppress(OSError, ValueError):  # no name a file can have
        return name not in shipped_booklets() and Path(name).is_file()
    return False


def read_toml(path: Path) -> bytes:
    """The bytes of a TOML file somebody wrote. Raises `OSError`, and `Refused("input_too_large")`."""
    with path.open("rb") as file:
        data = file.read(LONGEST_TOML_BYTES + 1)
    if len(data) > LONGEST_TOML_BYTES:
        raise Refused("input_too_large", f"{path}: over {LONGEST_TOML_BYTES:,} bytes")
    return data


def shipped_booklets() -> tuple[str, ...]:
    """The names of the booklets that come with the package."""
    names = (each.name for each in _SHIPPED.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def parse_terms(content: Mapping[str, Any], name: str | None = None) -> Terms:
    """The terms a content means; the same for a file and for the entry that recorded it.

    Raises `Refused("bad_terms")` with one line: the booklet (`name`), the place, and what to write.
    """
    try:
        return read_table(content, Terms)
    except ValueError as error:
        raise Refused("bad_terms", f"booklet {name or content.get('id', 'without id')}: {error}") from None


def content_of(booklet: Booklet) -> dict[str, Any]:
    """The plain data to record as `TermsVersionPublished.content`."""
    return booklet.content


def calendar_for(terms: Terms, calendars: Mapping[str, CalendarData], reading: Reading) -> Calendar:
    """The calendar the terms are judged by: their zone, and the public holidays they name.

    `calendars` are the recorded tables by id. A table with a list for the switch `holidays` is read by it
    (Amb-07); a list the booklet names, a table of one list, inline dates and `none` are not open to choice.
    Raises `Refused("bad_terms")` for a table or list that is not there.
    """
    written = terms.calendar
    if written.holidays == "none":
        return Calendar(terms.zone, frozenset())
    if written.holidays == "inline":
        return Calendar(terms.zone, frozenset(written.dates), written.first, written.last)
    if (data := calendars.get(written.holidays)) is None:
        raise Refused("bad_terms", f"booklet {terms.id}: calendar.holidays: no table {written.holidays!r} is recorded")
    only = next(iter(data.lists)) if len(data.lists) == 1 else reading.holidays
    calendar = data.calendar(written.named_list or only)
    return calendar if calendar.zone == terms.zone else structs.replace(calendar, zone=terms.zone)


def _booklet(toml: bytes, name: str) -> Booklet:
    try:
        content = tomllib.loads(toml.decode("utf-8"))
    except ValueError as error:  # neither UTF-8 nor TOML
        raise Refused("bad_terms", f"booklet {name}: not TOML: {error}") from None
    return Booklet(content, parse_terms(content, name))
