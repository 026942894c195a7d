"""What the ledger's own stream has published to judge by: which booklets and calendars, and which of them stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from ledger.belonging import LEDGER_STREAM
from ledger.codec import Entry, decode_entry
from ledger.corrections import known_as_recorded, standing
from ledger.errors import Refused
from ledger.events import CalendarPublished, Event, TermsVersionPublished
from ledger.store import Row

if TYPE_CHECKING:
    from ledger.terms import Booklet
    from ledger.workdays import CalendarData

PARTS = ("deleted_parts", "kept_parts")  # of a booklet's table `dossiers`


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


class Published:
    """What stands in the ledger's own stream while a batch is taken: what is stored, and the batch's own entries."""

    def __init__(
        self, stored: Callable[[], Iterable[Row]], batch: Callable[[], Iterable[tuple[int, Entry]]]
    ) -> None:
        self._stored = stored
        self._batch = batch
        self._zones: frozenset[str] = frozenset()
        self._parts: frozenset[str] | None = None

    def check_booklet(self, name: str) -> None:
        """Raise `Refused("unknown_terms")` unless a version of the booklet stands; a contract cannot run on none."""
        known = sorted({e.terms for e in self._standing() if isinstance(e, TermsVersionPublished)})
        if name not in known:
            raise Refused("unknown_terms", f"no booklet {name!r} is recorded; it knows {', '.join(known) or 'none'}")

    def check_not_last(self, published: TermsVersionPublished | CalendarPublished, position: int) -> None:
        """Raise `Refused("wrong_target")` when retracting would leave no version of a booklet or calendar."""
        kind, name = type(published), _name(published)
        rest = self._standing(without=position)
        if name not in {_name(e) for e in rest if isinstance(e, kind)}:
            raise Refused(
                "wrong_target", f"it is the only version of {name!r}, which contracts run on; correct it instead"
            )

    def zones(self) -> frozenset[str]:
        """The zones the booklets keep time in that stand when the batch first asks."""
        if not self._zones:
            self._zones = frozenset(
                e.content["zone"] for e in self._standing() if isinstance(e, TermsVersionPublished)
            )
        return self._zones

    def parts(self) -> frozenset[str]:
        """The parts of a dossier, going or kept, that the booklets name that stand when the batch first asks."""
        if self._parts is None:
            tables = [e.content.get("dossiers", {}) for e in self._standing() if isinstance(e, TermsVersionPublished)]
            self._parts = frozenset(part for table in tables for key in PARTS for part in table.get(key, ()))
        return self._parts

    def _standing(self, without: int | None = None) -> list[Event]:
        stored = [(row.position, decode_entry(row.state)) for row in self._stored()]
        batch = [(p, entry) for p, entry in self._batch() if entry.stream == LEDGER_STREAM]
        return [f.event for f in standing(known_as_recorded([*stored, *batch])) if f.position != without]


def _name(published: TermsVersionPublished | CalendarPublished) -> str:
    return published.terms if isinstance(published, TermsVersionPublished) else published.calendar
