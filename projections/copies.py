"""Where the copies of one backup lie over time: stored, lost, found bad, deleted (article 9: two copies, two places).

Instants are whole seconds of UTC. A state holds from its instant to the next one's; what is told of the same
instant acts in the order of positions. What is told of a backup before it completed acts when it completes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from msgspec import Struct

from ledger import events as e
from ledger.corrections import Fact
from ledger.spans import FIRST, FOREVER, Instant, Spans, intersection, span, union
from projections.finding import at

CHANGES = (e.BackupCopyStored, e.BackupCopyLost, e.BackupDeleted, e.BackupVerified)


class Copies(Struct, frozen=True, kw_only=True):
    """Where the copies of one backup lie from `since` on.

    `unnamed`: no place was ever told, so it is taken to be held somewhere. `spoilt`: read back and found bad,
    in all its copies. `deleted`: nothing is left, and a deletion took the last of it.
    """

    since: Instant
    places: frozenset[str] = frozenset()
    bad: frozenset[str] = frozenset()
    unnamed: bool = False
    spoilt: bool = False
    deleted: bool = False

    @property
    def held(self) -> bool:
        return bool(self.places) or self.unnamed

    @property
    def restorable(self) -> bool:
        """At least one copy that was not found bad (A9.6)."""
        return not self.spoilt and (self.unnamed or bool(self.places - self.bad))


def copies_over_time(made: Fact, after: Sequence[Fact]) -> list[Copies]:
    """The states of the copies of the backup `made`, from its completion on, as `after` (by instant) changed them.

    A copy stored anew at a place replaces the bad one there; a backup found bad as a whole stays so.
    """
    completed_at, places = at(made, "completed_at"), frozenset(made.event.locations)
    states = [Copies(since=completed_at, places=places, unnamed=not places)]
    for fact in after:
        state = _next(states[-1], fact, max(at(fact), completed_at))
        if state.since == states[-1].since:
            states.pop()
        states.append(state)
    return states


def _next(state: Copies, fact: Fact, since: Instant) -> Copies:
    event = fact.event
    places, bad, unnamed, spoilt = state.places, state.bad, state.unnamed, state.spoilt
    if isinstance(event, e.BackupCopyStored):
        places, bad, unnamed = places | {event.location}, bad - {event.location}, False
    elif isinstance(event, e.BackupVerified):
        if event.outcome == "failed":
            bad, spoilt = (bad, True) if event.location is None else (bad | {event.location}, spoilt)
    elif event.location is None:
        places, unnamed = frozenset(), False
    else:
        places = places - {event.location}
    gone = not places and not unnamed
    taken = isinstance(event, e.BackupDeleted) and (state.held or event.location is None)
    deleted = gone and (state.deleted or taken)
    return Copies(since=since, places=places, bad=bad, unnamed=unnamed, spoilt=spoilt, deleted=deleted)


def copies_at(states: list[Copies], instant: Instant) -> Copies | None:
    """The state of copies at an instant; None before there was one."""
    place = bisect_right(states, instant, key=lambda state: state.since)
    return states[place - 1] if place else None


def deletions(states: list[Copies]) -> list[Instant]:
    """When a deletion left nothing of what was held, each time: a copy may be stored anew.

    Where nothing was held any more whenever one is told of, the first is given.
    """
    before = [None, *states]
    begun = [(b, s) for b, s in zip(before, states, strict=False) if s.deleted and not (b and b.deleted)]
    took = [state.since for earlier, state in begun if earlier is None or earlier.held]
    return took or [state.since for _, state in begun[:1]]


def stretches(states: list[Copies], holds: Callable[[Copies], bool], until: Instant) -> Spans:
    """The spans before `until` during which `holds` is true of the copies, unbroken ones as one."""
    ends = [*(state.since for state in states[1:]), FOREVER]
    found = ((state.since, end) for state, end in zip(states, ends, strict=True) if holds(state))
    return intersection(union(found), span(FIRST, until))
