"""What records of backup tools have in common: tiers, places, local times that mean one instant, ids.

A tool remembers nothing of what was read before, so the same record always becomes the same event: reading
a list again records nothing twice. A record changed since (a size that grew, a tag that moved a tier) comes
with the same id and other content, which the ledger refuses as a conflict rather than choosing for you; for
that reason facts that change by themselves are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from ledger.errors import Refused
from ledger.intake.intake import Intake, cloudevent, counted, instant, named, written
from ledger.zones import rules

TIERS = ("daily", "weekly", "monthly")
# words by which a tag or annotation tells a tier
TIER_WORDS = {"daily": "daily", "nightly": "daily", "weekly": "weekly", "monthly": "monthly"}


def tiers_of(words: Iterable[Any], given: Any) -> list[str]:
    """The tiers the record's own tags tell, else those the caller gave (a list, or text with commas)."""
    told = {TIER_WORDS[str(word).lower()] for word in words if str(word).lower() in TIER_WORDS}
    if not told:
        names = given.split(",") if isinstance(given, str) else list(given)
        told = {str(name).strip() for name in names}
    unknown = told - set(TIERS)
    if unknown or not told:
        raise Refused("unknown_value", f"tiers are {', '.join(TIERS)}; not {', '.join(sorted(unknown)) or 'none'}")
    return [tier for tier in TIERS if tier in told]


def moment_given(value: str | datetime, option: str) -> datetime:
    """An instant given as an option. Raises `Refused("no_offset")` or `Refused("impossible_date")`."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Refused("no_offset", f"{option}: {value} has no offset from UTC")
        return value.replace(microsecond=0)
    try:
        return instant(value)
    except ValueError as e:
        code = "no_offset" if "offset" in str(e) else "impossible_date"
        raise Refused(code, f"{option}: {e}") from e


def since_given(value: str | date | None) -> datetime | None:
    """The option `since`: an instant, or a day, which begins at 00:00 UTC."""
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    if isinstance(value, str) and len(value) == 10:
        return moment_given(f"{value}T00:00:00Z", "since")
    return moment_given(value, "since")


def local_instant(text: str, zone: str, what: str) -> datetime:
    """The instant a naive local time means in `zone`, whole seconds, with its offset.

    Raises `Refused("no_offset")` when clocks showed that time twice, `Refused("impossible_date")` when they
    never did, `Refused("bad_zone")`.
    """
    try:
        naive = datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError as e:
        raise Refused("impossible_date", f"{what}: {e}") from e
    if naive.tzinfo is not None:
        return naive
    first, second = (naive.replace(tzinfo=rules(zone), fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(rules(zone)).replace(tzinfo=None) != naive:
        raise Refused("impossible_date", f"{what}: {text} never was in {zone}, where clocks jumped over it")
    if first.utcoffset() != second.utcoffset():
        raise Refused("no_offset", f"{what}: {text} was twice in {zone}; run the tool under TZ=UTC and say zone=UTC")
    return first


def epoch(value: Any) -> datetime:
    """Seconds since 1970 (a number, or a number as text), cut to the whole second, in UTC.

    Raises `Refused("impossible_date")` for what is no such number, or lies beyond the years there are.
    """
    try:
        return datetime.fromtimestamp(int(float(value)), UTC)
    except (TypeError, ValueError, OverflowError, OSError) as e:
        raise Refused("impossible_date", f"{value!r} is no moment in seconds since 1970") from e


class Catalogue:
    """The events of one tool's records, in the order given, and the notes on what was left out."""

    def __init__(self, *, subject: str, source: str, scope: str, since: str | date | None = None) -> None:
        self._envelope = {"subject": subject, "source": source}
        self._scope = scope
        self._since = since_given(since)
        self._events: list[dict[str, Any]] = []
        self._notes: list[str] = []
        self._counts: Counter[str] = Counter()

    def passes(self, at: datetime) -> bool:
        """Whether a record of that moment is asked for; one before `since` is counted and left out."""
        if self._since is None or at >= self._since:
            return True
        self._counts["records from before `since`, left out"] += 1
        return False

    def note(self, note: str) -> None:
        """Say what was left out or taken otherwise than written."""
        self._notes.append(note)

    def count(self, what: str) -> None:
        """Count one more of what is told by number alone."""
        self._counts[what] += 1

    def completed(self, backup: str, tiers: list[str], start: datetime, end: datetime, **more: Any) -> None:
        """A backup that succeeded; `more` are further fields, None left out."""
        self._say(
            "backup_completed", backup, "", scope=self._scope, tiers=tiers, started_at=written(start),
            completed_at=written(self._not_before(backup, start, end)), **more,
        )  # fmt: skip

    def failed(self, backup: str, tiers: list[str], start: datetime, end: datetime, reason: str) -> None:
        """A backup that failed, or left something out."""
        self._say(
            "backup_failed", backup, "", scope=self._scope, tiers=tiers, started_at=written(start),
            failed_at=written(self._not_before(backup, start, end)), reason=reason,
        )  # fmt: skip

    def verified(self, backup: str, at: datetime, passed: bool, location: str | None = None, **more: Any) -> None:
        """A backup that was read back."""
        outcome = "passed" if passed else "failed"
        self._say("backup_verified", backup, written(at), at=written(at), outcome=outcome, location=location, **more)

    def stored(self, backup: str, location: str, at: datetime, **more: Any) -> None:
        """One more copy."""
        self._say("backup_copy_stored", backup, location, location=location, at=written(at), **more)

    def deleted(self, backup: str, at: datetime, location: str | None, reason: str) -> None:
        """A backup that was deleted, at a place or everywhere."""
        self._say("backup_deleted", backup, location or "", at=written(at), location=location, reason=reason)

    def _not_before(self, backup: str, start: datetime, end: datetime) -> datetime:
        if end >= start:
            return end
        self.note(f"{backup}: ends {written(end)}, before it starts: taken as ending when it starts")
        return start

    def _say(self, kind: str, backup: str, which: str, **data: Any) -> None:
        id = "/".join(filter(None, (kind, backup, which)))
        self._events.append(cloudevent(kind, {"backup": named(backup), **data}, id=id, **self._envelope))

    def intake(self) -> Intake:
        """What was gathered."""
        return Intake(self._events, counted(self._counts) + self._notes)
