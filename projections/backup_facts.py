"""The successful backups of a contract, each made of the facts told of it once, whichever history they are read in.

Instants are whole seconds of UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cached_property
from operator import is_

from msgspec import Struct

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History
from ledger.promises import TierTerms
from ledger.spans import FIRST, Instant
from ledger.workdays import add_months
from projections.copies import CHANGES, Copies, copies_at, copies_over_time
from projections.eras import Eras
from projections.finding import at
from projections.frame import Frame

KEPT_BACKUPS = 10_240  # with what was worked out of them, 1.6 KB each: of five contracts, say, of five years


class Backup(Struct, frozen=True, kw_only=True, dict=True):
    """One successful backup; `after` is what became of its copies, in the order of instants.

    `completed_on` is the local date its days are counted from (D-DAYS), `states` where its copies lay over time.
    """

    name: str
    fact: Fact
    after: tuple[Fact, ...]
    scope: str
    started_at: Instant
    completed_at: Instant
    frame: Frame

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (self.fact, *self.after)

    @cached_property
    def completed_on(self) -> date:
        return self.frame.calendar.local_date(self.completed_at)

    @cached_property
    def last_told(self) -> Instant:
        """The last instant told of it."""
        return max(self.completed_at, at(self.after[-1])) if self.after else self.completed_at

    @cached_property
    def kept_until(self) -> dict[str, Instant]:
        """Until when each of its tiers that are promised keeps it by its duration."""
        frame, tiers = self.frame, self.fact.event.tiers
        promised = frame.terms.backups.tiers.items()
        return {tier: kept_until(frame, terms, self.completed_at, self.completed_on)
                for tier, terms in promised if tier in tiers}  # fmt: skip

    @cached_property
    def states(self) -> list[Copies]:
        return copies_over_time(self.fact, self.after)

    def state_at(self, instant: Instant) -> Copies | None:
        """Where its copies lie at an instant; None before it completed."""
        return copies_at(self.states, instant)

    def restorable(self, instant: Instant) -> bool:
        state = self.state_at(instant)
        return state is not None and state.restorable


def kept_until(frame: Frame, tier: TierTerms, completed_at: Instant, completed_on: date) -> Instant:
    """Until when a tier is kept by its duration, counted as the switch `retention_count` says (Amb-17, D-DAYS)."""
    keep, calendar, count = tier.kept, frame.calendar, frame.reading.retention_count
    last = add_months(completed_on, keep.months)
    if count == "hours" and keep.months:  # the same wall time so many months on
        minute, second = divmod(calendar.wall_seconds(completed_at) % 86_400, 60)
        return calendar.at(last, f"{minute // 60:02}:{minute % 60:02}") + second + keep.days * 86_400
    if count == "hours":
        return completed_at + keep.days * 86_400
    return calendar.at(last + timedelta(days=keep.days - (count == "first_day_counts")), "24:00")


def backups_of(history: History, eras: Eras) -> list[Backup]:
    """Every successful backup that counts for a contract, as its facts stand, in the order of their positions."""
    facts = history.of(e.BackupCompleted)
    if history.services:
        facts = [f for f in facts if f.stream.startswith("contract:") or history.counts(f, at(f, "started_at"))]
    names = [fact.event.backup for fact in facts]
    if len(set(names)) < len(names):
        facts, names = _told_apart(history, facts)
    after: dict[tuple[str, str], list[Fact]] = {}
    for kind in CHANGES:
        for fact in history.of(kind):
            after.setdefault((fact.stream, fact.event.backup), []).append(fact)
    found: list[Backup] = []
    start, end, frame = eras.stretch(FIRST)  # in which the one before completed
    for name, fact in zip(names, facts, strict=True):
        told = _told_after(fact, after) if after else ()
        made = _last_made.get(id(fact))
        completed_at = at(fact, "completed_at") if made is None else made.completed_at
        if not start <= completed_at < end:
            start, end, frame = eras.stretch(completed_at)
        if made is None or made.frame is not frame or made.after is not told or made.name != name:
            made = _backup(name, fact, told, completed_at, frame)
        found.append(made)
    return found


def _told_apart(history: History, facts: Iterable[Fact]) -> tuple[list[Fact], list[str]]:
    """The last fact of each backup of a stream, with its name: its id where no other stream has a backup so called."""
    made = {(fact.stream, fact.event.backup): fact for fact in facts}
    uses = Counter(identity for _, identity in made)
    names = [identity if uses[identity] == 1 else history.name(fact, identity) for (_, identity), fact in made.items()]
    return list(made.values()), names


def _told_after(fact: Fact, after: Mapping[tuple[str, str], list[Fact]]) -> tuple[Fact, ...]:
    told = after.get((fact.stream, fact.event.backup))
    return () if told is None else tuple(sorted(told, key=lambda f: (at(f), f.position)))


# by the identity of the fact, and by that of its frame as well; each backup holds both
_last_made: dict[int, Backup] = {}
_made: dict[tuple[int, int], Backup] = {}


def _backup(name: str, fact: Fact, after: tuple[Fact, ...], completed_at: Instant, frame: Frame) -> Backup:
    """The one backup of these facts, in whichever history they are read: what was worked out of it is kept with it."""
    found = _made.get((id(fact), id(frame)))
    if found is None or found.name != name or not _same(found.after, after):
        found = Backup(
            name=name, fact=fact, after=after, scope=fact.event.scope, started_at=at(fact, "started_at"),
            completed_at=completed_at, frame=frame,
        )  # fmt: skip
        if len(_made) >= KEPT_BACKUPS:
            _last_made.clear()
            _made.clear()
        _made[id(fact), id(frame)] = found
    _last_made[id(fact)] = found
    return found


def _same(some: tuple[Fact, ...], others: tuple[Fact, ...]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))
