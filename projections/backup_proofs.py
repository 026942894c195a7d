"""When what backups broke could first be known: a backup withdrawn or mended since proved the contrary while it stood.

Most periods never had a backup by any version of any entry; of them only the contract is to be known. Thousands of
backups may have been made, so only those that were ever corrected or withdrawn, or do not count, are looked at anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History
from ledger.spans import FOREVER, NEVER, Instant, Span, Spans, moment, seconds
from projections.backup_facts import Backup
from projections.concerning import Concerning, Key
from projections.copies import CHANGES, Copies, copies_at, copies_over_time
from projections.finding import at, ceil_seconds
from projections.frame import Frame
from projections.ground import first_provable, learnt_at
from projections.kept import OFFICE, Kept, Period


class Proofs:
    """Since when the rows of one register of backups could be proved."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._doubtful: dict[str, list[tuple[Instant, int, Key, Any]]] = {}

    def missed(self, scope: str, tier: str | None, period: Period) -> Instant | None:
        """The first knowledge, from its end on, at which a period was owed a backup and had none."""
        if period.frame.comparing:
            return None
        start, end = period.span

        def gives(said: Any) -> bool:
            fits = said.scope == scope and (tier is None or tier in said.tiers)
            return fits and start <= seconds(getattr(said, period.by)) < end

        def broken(then: History) -> bool:
            made = [f for f in then.of(e.BackupCompleted) if gives(f.event) and _counts(then, f)]
            return not made and period.owed_within(then.in_force)

        doubtful = {key for _, _, key, said in self._around(period.by, period.span) if gives(said)}
        if doubtful:
            return first_provable(self._told.history(*sorted(doubtful)), end, broken)
        known = bisect_right(self._service_periods, end, key=lambda each: each[0])
        owed = (since for since, spans in self._service_periods[max(known - 1, 0) :] if period.owed_within(spans))
        return next((max(end, since) for since in owed), None)

    def copies(self, backup: Backup, on: Instant, holds: Callable[[Copies], bool]) -> Instant | None:
        """The first knowledge, from `on`, that a backup was owed then and `holds` was true of its copies."""
        if backup.frame.comparing:
            return None

        key = backup.fact.stream, backup.fact.event.backup
        others = self._replacing(backup, key, on)

        def broken(then: History) -> bool:
            made = [f for f in then.of(e.BackupCompleted) if _counts(then, f)]
            own = [f for f in made if (f.stream, f.event.backup) == key]
            if not own or any(at(f, "effective_from") <= on for f in then.of(e.ContractTerminated)):
                return False
            told = [f for f in then.of(*CHANGES) if (f.stream, f.event.backup) == key]
            state = copies_at(copies_over_time(own[-1], sorted(told, key=lambda f: (at(f), f.position))), on)
            return state is not None and holds(state) and on < self._kept_until(own[-1], made)

        known = (backup.fact, *(fact for fact in backup.after if at(fact) <= on))
        late = self._service_periods[-1][0] > on or any(ceil_seconds(fact.known_at) > on for fact in known)
        if late or not self._told.acted_on.isdisjoint({key, *others}):
            return first_provable(self._told.history(key, *sorted(others)), on, broken)
        return on

    def _replacing(self, backup: Backup, key: Key, on: Instant) -> set[Key]:
        """The other backups that end, or by some version of them ended, what was owed of one before an instant."""
        if not self._until_replaced(backup.scope, backup.frame):
            return set()
        versions = [said for said in self._told.versions(key) if isinstance(said, e.BackupCompleted)]
        start = min(seconds(said.completed_at) for said in versions)
        counted = {(b.fact.stream, b.fact.event.backup) for b in self._kept.completed(start, on + 1)}
        return (counted | {k for _, _, k, _ in self._around("completed_at", (start, on + 1))}) - {key}

    def _until_replaced(self, scope: str, frame: Frame) -> bool:
        return scope == OFFICE or frame.reading.tier_retention == "generations"

    def _kept_until(self, made: Fact, every: list[Fact]) -> Instant:
        """Until when a backup told so is kept, beside `every` other one told of."""
        completed_at = at(made, "completed_at")
        frame, said = self._kept.eras.at(completed_at), made.event
        if not self._until_replaced(said.scope, frame):
            then = Backup(name=said.backup, fact=made, after=(), scope=said.scope, started_at=at(made, "started_at"),
                          completed_at=completed_at, frame=frame)  # fmt: skip
            return max(then.kept_until.values(), default=completed_at)
        office, tiers = frame.terms.backups.office_documents, frame.terms.backups.tiers.items()
        counts: dict[str | None, int] = {tier: terms.generations for tier, terms in tiers if tier in said.tiers}
        if said.scope == OFFICE:
            counts = {} if office is None else {None: office.states}
        later = sorted((at(f, "completed_at"), f.event.backup, f) for f in every if f.event.scope == said.scope)
        ends = [completed_at]
        for tier, count in counts.items():
            after = [end for end, name, f in later if (end, name) > (completed_at, said.backup)
                     and (tier is None or tier in f.event.tiers)]  # fmt: skip
            ends.append(after[count - 1] if len(after) >= count else FOREVER)
        return max(ends)

    @cached_property
    def _told(self) -> Concerning:
        return Concerning(self._kept.history, (e.BackupCompleted, *CHANGES), "backup")

    @cached_property
    def _service_periods(self) -> list[tuple[Instant, Spans]]:
        """The service period as it was known from each moment on at which the contract said something of itself."""
        bounds = self._told.history()
        found = [(since, bounds.as_known(moment(since))) for since in sorted(learnt_at(bounds))]
        return [(since, then.in_force if then.own(e.ContractStarted) else NEVER) for since, then in found]

    def _around(self, by: str, within: Span) -> list[tuple[Instant, int, Key, Any]]:
        """What doubtful backups ever said whose instant `by` lies in a span."""
        if by not in self._doubtful:
            said = [(seconds(getattr(said, by)), key, said) for key, said in self._in_doubt]
            self._doubtful[by] = sorted((instant, n, key, each) for n, (instant, key, each) in enumerate(said))
        found, (start, end) = self._doubtful[by], within
        return found[bisect_left(found, (start,)) : bisect_left(found, (end,))]

    @cached_property
    def _in_doubt(self) -> list[tuple[Key, Any]]:
        return list(self._versions_in_doubt())

    def _versions_in_doubt(self) -> Iterator[tuple[Key, Any]]:
        """All that was ever said of the making of backups that were acted upon, or do not count: the rest stands."""
        counted = {(backup.fact.stream, backup.fact.event.backup) for backup in self._kept.backups}
        for key in self._told.acted_on | (self._told.things - counted):
            for said in self._told.versions(key):
                if isinstance(said, e.BackupCompleted):
                    yield key, said


def _counts(history: History, fact: Any) -> bool:
    return history.counts(fact, at(fact, "started_at"))
