"""What the ledger's own stream has published to judge by: which booklets and calendars, and which of them stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ledger.corrections import Known, standing
from ledger.errors import Refused
from ledger.events import CalendarPublished, TermsVersionPublished

if TYPE_CHECKING:
    from ledger.terms import Booklet
    from ledger.workdays import CalendarData


def published_terms(booklet: Booklet, since: datetime) -> TermsVersionPublished:
    """The event that publishes a booklet, whole, in force from an instant."""
    return TermsVersionPublished(
        terms=booklet.id, version=booklet.version, effective_from=since, content=booklet.content
    )


def published_calendar(data: CalendarData, since: datetime) -> CalendarPublished:
    """The event that publishes a table of public holidays, whole, in force from an instant."""
    return CalendarPublished(
        calendar=data.id,
        version=data.version,
        zone=data.zone,
        effective_from=since,
        first=data.first,
        last=data.last,
        lists=data.lists,
        origin=data.source,
    )


def check_booklet(name: str, own: Sequence[Known]) -> None:
    """Raise `Refused("unknown_terms")` unless a version of the booklet stands; a contract cannot run on none."""
    known = sorted({f.event.terms for f in standing(own) if isinstance(f.event, TermsVersionPublished)})
    if name not in known:
        raise Refused("unknown_terms", f"no booklet {name!r} is recorded; it knows {', '.join(known) or 'none'}")


def check_not_last(published: TermsVersionPublished | CalendarPublished, position: int, own: Sequence[Known]) -> None:
    """Raise `Refused("wrong_target")` when retracting would leave no version of a booklet or calendar."""
    kind, name = type(published), _name(published)
    rest = [f for f in standing(own) if f.position != position and isinstance(f.event, kind)]
    if name not in {_name(f.event) for f in rest}:
        raise Refused("wrong_target", f"it is the only version of {name!r}, which contracts run on; correct it instead")


def _name(published: TermsVersionPublished | CalendarPublished) -> str:
    return published.terms if isinstance(published, TermsVersionPublished) else published.calendar
