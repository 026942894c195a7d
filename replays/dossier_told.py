"""What a dossier tells, as plain values: the dispute replayed, before it is put in the words of any language."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from msgspec import Struct

from ledger.spans import Instant
from projections.asking import Answer
from replays.as_of import Comparison
from replays.disputes import Dispute
from replays.hindsight import Known, Month
from replays.pictures import Pictures
from replays.readings import Sensitivity


class Fact(Struct, frozen=True, kw_only=True):
    """An entry relied on: where it stands, when it was recorded and when what it says happened, and its leaf hash.

    `happened_at` is None for what only frames the contract: its terms, its calendar, its beginning.
    """

    position: int
    recorded_at: str
    stream: str
    kind: str
    payload: dict[str, Any]
    happened_at: Instant | None
    leaf_hash: str


class Dossier(Struct, frozen=True, kw_only=True):
    """A dispute and all that is told of it.

    `answers` go by when they were known and under which reading, in the order they are shown; `period` is the days
    the question is about, both included, if it is about any.
    """

    dispute: Dispute
    contract: str
    zone: str
    known_at: datetime
    period: tuple[date, date] | None
    answers: dict[str, Answer]
    comparison: Comparison
    sensitivity: Sensitivity
    months: tuple[Month, ...]
    breaches: tuple[Known, ...]
    facts: tuple[Fact, ...]
    pictures: Pictures
