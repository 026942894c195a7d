"""A long batch of CloudEvents whose drafts are made as they are taken, a portion at a time.

A hundred thousand drafts made beforehand fill memory that is fetched once more to take them. Made a portion at a
time they use the same memory over and over, which the processor still has at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from ledger.cloudevents import Draft, drafts_of
from ledger.codec import TOPICS
from ledger.corrections import ACTS
from ledger.events import AvailabilityStatementIssued

LONG = 4096  # events below which all drafts are made at once
# held against what other entries say: those must be at hand
AT_ONCE = frozenset(TOPICS[kind] for kind in (*ACTS, AvailabilityStatementIssued))
_type, _subject = itemgetter("type"), itemgetter("subject")


class Deferred:
    """The drafts of CloudEvents given as dicts, made whenever some are asked for; `streams` are those they name."""

    def __init__(self, given: Sequence[dict[str, Any]], streams: set[str]) -> None:
        self._given = given
        self.streams = streams

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, part: slice) -> list[Draft]:
        """Raises `Refused` as `drafts` does."""
        return drafts_of(self._given[part], part.indices(len(self))[0] + 1)


def deferred(given: Any) -> Deferred | None:
    """Those of a long list of dicts; None where it is better, or simpler, to make them all first."""
    if type(given) is not list or len(given) < LONG or set(map(type, given)) != {dict}:
        return None
    try:
        kinds, streams = set(map(_type, given)), set(map(_subject, given))
        if kinds & AT_ONCE or not all(type(stream) is str for stream in streams):
            return None
    except (KeyError, TypeError):  # no event: what is wrong is said when it is read
        return None
    return Deferred(given, streams)
