"""What holds for every event of a long batch at once: the checks of `checks.py`, made column by column.

A batch is mostly sound, and of few types. Where the columns of a type (all its instants, all its texts ...)
prove that `check` would pass each of its events, none need be held against it singly. A column proves or
says nothing: what it does not prove is checked one by one, and refused there with its own code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import chain
from operator import attrgetter, ge, gt
from typing import Any

from msgspec.structs import astuple, fields

from ledger.checks import (
    DAYS,
    FREE,
    INSTANTS,
    INTERVALS_OF,
    NEEDS_EVIDENCE,
    PARTIES_OF,
    PLANS,
    SKEW,
    SPECIAL,
    TEXTS,
    WORDS,
    YEARS,
)
from ledger.events import VOCABULARY, BackupCompleted, BackupFailed, Event, OutageStarted

FEWEST = 8  # events of a type below which columns cost more than they save
EARLIEST_ON, LATEST_ON = date(YEARS[0], 1, 1), date(YEARS[1], 12, 31)
EARLIEST_AT = datetime(YEARS[0], 1, 2, tzinfo=UTC)  # a day within: an instant's year is that of its own offset
LATEST_AT = datetime(YEARS[1], 12, 30, tzinfo=UTC)
# the fields a special check looks at; of a type that is not here it is made one by one
LOOKED_AT: dict[type[Event], tuple[str, ...]] = {
    OutageStarted: ("effect", "users_affected", "users_total"),
    BackupCompleted: ("scope", "tiers"),
    BackupFailed: ("scope", "tiers"),
}
REQUIRED = {kind: frozenset(f.name for f in fields(kind) if f.required) for kind in VOCABULARY.values()}
_microsecond = attrgetter("microsecond")


def sound(events: Iterable[Event], recorded_at: datetime) -> frozenset[type[Event]]:
    """The types whose events of this batch all pass `checks.check` at `recorded_at`, as far as columns tell."""
    of_type: dict[type[Event], list[Event]] = {}
    for event in events:
        kind = type(event)
        if kind in of_type:
            of_type[kind].append(event)
        else:
            of_type[kind] = [event]
    return frozenset(kind for kind, some in of_type.items() if len(some) >= FEWEST and _sound(kind, some, recorded_at))


def _sound(kind: type[Event], events: Sequence[Event], recorded_at: datetime) -> bool:
    if kind in NEEDS_EVIDENCE or kind in WORDS or kind in PARTIES_OF:
        return False
    if kind in SPECIAL and kind not in LOOKED_AT:
        return False
    try:
        columns = _Columns(kind, events)
        return (
            not any(columns["evidence"])
            and _instants_sound(kind, columns, recorded_at)
            and _texts_sound(kind, columns)
            and _looks_sound(kind, columns, events, recorded_at)
        )
    except Exception:  # a refusal, or a Struct made by hand that holds anything: the check itself will say
        return False


class _Columns(dict[str, Sequence[Any]]):
    """What these events, all of one type, say in each field."""

    def __init__(self, kind: type[Event], events: Sequence[Event]) -> None:
        super().__init__(zip(kind.__struct_fields__, zip(*map(astuple, events), strict=True), strict=True))
        self._kind = kind

    def said(self, name: str) -> Sequence[Any]:
        """Likewise of one field, of those that say something there."""
        column = self[name]
        return column if name in REQUIRED[self._kind] else [value for value in column if value is not None]


def _instants_sound(kind: type[Event], columns: _Columns, recorded_at: datetime) -> bool:
    for name in INSTANTS[kind]:
        instants = columns.said(name)
        latest = LATEST_AT if name in PLANS else min(LATEST_AT, recorded_at + SKEW)
        if not instants:
            continue
        if any(map(EARLIEST_AT.__gt__, instants)) or any(map(latest.__lt__, instants)):  # in UTC, whatever their zones
            return False
        if any(map(_microsecond, instants)):
            return False
    for name in DAYS[kind]:
        days = columns.said(name)
        if days and (min(days) < EARLIEST_ON or max(days) > LATEST_ON):
            return False
    for earlier, later, strictly in INTERVALS_OF[kind]:
        if not all(map(gt if strictly else ge, columns[later], columns[earlier])):
            return False  # an open end is no instant: checked one by one
    return True


def _texts_sound(kind: type[Event], columns: _Columns) -> bool:
    """Free text is searched one by one; in ids and names nothing can be wrong but these characters."""
    for name in TEXTS[kind]:
        texts = columns.said(name)
        if not texts:
            continue
        if name in FREE[kind]:
            return False
        together = "".join(texts if type(texts[0]) is str else chain.from_iterable(set(texts)))
        if not together.isprintable() or "@" in together:
            return False
    return True


def _looks_sound(kind: type[Event], columns: _Columns, events: Sequence[Event], recorded_at: datetime) -> bool:
    """The special check, made once for each combination of what it looks at."""
    if kind not in SPECIAL:
        return True
    looked_at = zip(*map(columns.__getitem__, LOOKED_AT[kind]), strict=True)
    for event in dict(zip(looked_at, events, strict=True)).values():
        SPECIAL[kind](event, recorded_at)
    return True
