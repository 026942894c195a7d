"""The Jenkins infrastructure status site, revision by revision, as events of one operated service.

Reads JSON lines, one a revision of a file of github.com/jenkins-infra/status (MIT): `incident` (the file's
first path), `path`, `commit`, `committed_at`, `change` (A, M, R..., D), `title`, `date`, `resolved`,
`resolvedWhen`, `severity`, `affected`. What a revision says is attested at its `committed_at`, the moment it
was merged. Times without an offset, and `-00:00`, are UTC. Only titles and facts are carried over.

The judgements, each in one place below: what was planned (`planned`), what a severity means (`SEVERITIES`),
a slot announced without an end (`ASSUMED_SLOT`), an end nobody can believe (`unusable_end`). A revision that
says resolved with an end still to come is believed when that end has come and no other revision came first:
the end is then attested at the end itself. A changed title or list of components alone is not told again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from ledger.errors import Refused
from ledger.intake.intake import Intake, cloudevent, counted, in_utc, instant, lines, named, short, written
from ledger.intake.told import Told, Version, tell

SOURCE = "https://github.com/jenkins-infra/status"
CHANNEL = "status.jenkins.io"

# severity, effect of an outage, whether a maintenance stops the service, why
SEVERITIES: tuple[tuple[str, str, bool, str], ...] = (
    ("down", "no_access", True, "the site's own word for a component that cannot be reached"),
    ("disrupted", "degraded", False, "it answers badly or in part: not the impossibility of access article 6 asks for"),
    ("notice", "degraded", False, "something to know about; claiming more would be our invention"),
)
EFFECTS = {severity: effect for severity, effect, _, _ in SEVERITIES}
STOPS = {severity: stops for severity, _, stops, _ in SEVERITIES}

# A record is planned when it was published this long before its own start: no error of time zone of the
# people who write there (UTC-7 to UTC+5:30) can make six hours of lead.
PLANNED_LEAD = timedelta(hours=6)
# Else its title must speak of intended work and of no failure; names of hosts are left out of the reading.
PLANNED_WORDS = re.compile(
    r"(?<![\w-])(maintenances?|migrat\w+|upgrad\w+|updates? (?:of|aks|eks|azure|publick8s|privatek8s)"
    r"|(?:version|dns) update|brownout|restart|operation|deployment|downgrading|reset|credential for)(?![\w-])",
    re.IGNORECASE,
)
FAILURE_WORDS = re.compile(
    r"(?<![\w-])(outage|down|incidents?|issues?|failed|fail|errors?|unavailable|unreachable|offline|slow|expired"
    r"|disruptions?|blocked|exceeded|broken|problems?)(?![\w-])",
    re.IGNORECASE,
)
HOST = re.compile(r"[\w*-]+(?:\.[\w-]+)+")

# An announcement that gives no end bounds nothing: a day, so that nobody is accused of overrunning a slot
# that was never told. Its event says so in its note.
ASSUMED_SLOT = timedelta(hours=24)
ASSUMED = "the announcement gave no end; the slot is taken as 24 hours"

WHEN = re.compile(r"^(\d{4})-(\d{1,2})-(\d{1,2})[T ]0*(\d{1,2}):(\d\d)(?::(\d\d))?\s*(UTC|Z|[+-]\d\d:\d\d)?$")

UnusableEnd = Literal["none", "publication"]


class Revision(NamedTuple):
    """One revision of one record, read."""

    number: int
    name: str
    committed_at: datetime
    removed: bool
    title: str
    start: datetime | None
    end: datetime | None
    resolved: bool
    severity: str
    affected: str | None
    evidence: tuple[str, ...]


def events(given: Any, *, subject: str, source: str = SOURCE, unusable_end: UnusableEnd = "none") -> Intake:
    """The history of the site as CloudEvents for the stream `subject`, by the moment each was attested.

    `unusable_end` says what becomes of a record that says it is resolved but gives no end after its start
    and before its own publication: `none` leaves it open, `publication` ends it when that revision was
    published, the latest moment it can have ended. Each such record is in the notes.
    """
    if unusable_end not in ("none", "publication"):
        raise Refused("unknown_value", f"unusable_end is none or publication, not {unusable_end!r}")
    told: list[tuple[datetime, dict[str, Any]]] = []
    notes: list[str] = []
    counts: Counter[str] = Counter()
    for revisions in _records(given):
        reading = _Record(revisions, unusable_end, counts)
        told += tell(revisions[0].name, list(reading.versions()), subject=subject, source=source)
        notes += [f"{revisions[0].name}: {note}" for note in reading.notes]
    told.sort(key=lambda pair: pair[0])  # stable: what one record says stays in its order
    return Intake([event for _, event in told], counted(+counts) + notes)


def planned(title: str, lead: timedelta) -> bool:
    """Whether a record is intended work: published `PLANNED_LEAD` ahead, or titled so and not as a failure."""
    words = HOST.sub("", title)
    return lead >= PLANNED_LEAD or (bool(PLANNED_WORDS.search(words)) and not FAILURE_WORDS.search(words))


def when(text: Any) -> datetime | None:
    """The instant a record's date means, or None when no date and time can be read in it."""
    found = WHEN.match(str(text or "").strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, offset = found.groups()
    zone = "+00:00" if offset in (None, "UTC", "Z", "-00:00") else offset
    try:
        return instant(f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second or '00'}{zone}")
    except ValueError:
        return None


def _records(given: Any) -> Iterator[list[Revision]]:
    """The revisions of each record, oldest first, records in the order they first appear."""
    rows: dict[str, list[Any]] = {}
    for number, row in lines(given):
        if not all(isinstance(row.get(field), str) for field in ("incident", "committed_at")):
            code = "missing_field" if rows else "unknown_format"
            raise Refused(code, "a revision has `incident` and `committed_at`", number)
        rows.setdefault(row["incident"], []).append(row)
    for incident, found in rows.items():
        found.sort(key=lambda row: instant(row["committed_at"]))
        yield [_revision(incident, n, row) for n, row in enumerate(found, 1)]


def _revision(incident: str, number: int, row: dict[str, Any]) -> Revision:
    commit, affected = row.get("commit"), row.get("affected") or ()
    return Revision(
        number=number,
        name=named(incident.removeprefix("content/issues/").removesuffix(".md"), 100),
        committed_at=instant(row["committed_at"]),
        removed=row.get("change") == "D",
        title=short(row.get("title")) or "",
        start=when(row.get("date")),
        end=when(row.get("resolvedWhen")),
        resolved=str(row.get("resolved")).lower() == "true",
        severity=str(row.get("severity")),
        affected=short(", ".join(map(str, affected)) if isinstance(affected, list) else affected),
        evidence=(f"{SOURCE}/commit/{commit}",) if commit else (),
    )


def _told(type: str, revision: Revision, /, **data: Any) -> Told:
    full = {**data, "evidence": list(revision.evidence) or None}
    return Told(type, {name: value for name, value in full.items() if value is not None})


class _Record:
    """One record on its way through its revisions: what was announced, what is held back, what is noted."""

    def __init__(self, revisions: list[Revision], unusable_end: UnusableEnd, counts: Counter[str]) -> None:
        self.revisions = revisions
        self.notes: list[str] = []
        self._unusable_end = unusable_end
        self._counts = counts
        self.performed = False
        self._published: dict[str, Told] = {}  # what was announced stays announced
        self._slot: tuple[datetime, datetime | None, bool] | None = None
        first = next((r for r in revisions if r.start is not None), None)
        self.planned = first is not None and planned(first.title, _lead(first))
        if first is not None and self.planned and not planned(first.title, timedelta()):
            self._note("records planned by their lead alone", f"planned by its lead alone: {first.title}")
        self.about = " · ".join(filter(None, (first.title, first.affected))) if first is not None else ""

    def versions(self) -> Iterator[Version]:
        """What stood under each revision that could be read, and when the end one had told ahead came."""
        for revision, following in zip_longest(self.revisions, self.revisions[1:]):
            published_at = revision.committed_at
            yield from self._version(revision, published_at, f"rev-{revision.number}")
            end, start = revision.end, revision.start
            if not revision.resolved or end is None or start is None or end <= max(start, published_at):
                continue
            if following is None or following.committed_at > end:
                self._counts["resolved with an end still to come: told when it had come"] += 1
                yield from self._version(revision, end, f"rev-{revision.number}-end")
        self._close()

    def _version(self, revision: Revision, now: datetime, label: str) -> Iterator[Version]:
        facts = self._removed(revision) if revision.removed else self._facts(revision, now)
        if facts is None:
            return
        self.performed = any(slot in facts for slot in ("outage", "started"))
        why = f"revision {revision.number} of the record" + (" removed its file" if revision.removed else "")
        yield Version(label, now, facts, why, revision.evidence)

    def _close(self) -> None:
        """What the whole record never came to say."""
        if self.performed or any(r.removed for r in self.revisions):
            return
        if self._published:
            self._note("maintenances announced that no later revision says took place", "announced, never confirmed")
        else:
            self._note("records of which nothing could be said", "nothing could be said")

    def _facts(self, revision: Revision, now: datetime) -> dict[str, Told] | None:
        if revision.start is None:
            self._note("revisions without a date one can read", f"revision {revision.number}: no readable date")
            return None
        if not self.planned:
            return self._outage(revision, revision.start, now)
        started = revision.start < now
        if revision.start >= revision.committed_at:
            self._publish(revision, revision.start)
        self._show(revision)
        return {**self._published, **(self._work(revision, revision.start, now) if started else {})}

    def _outage(self, revision: Revision, start: datetime, now: datetime) -> dict[str, Told] | None:
        if start > now:
            self._note(
                "revisions of an outage dated after their own publication, held until one is not",
                f"revision {revision.number}: starts {written(start)}, published {written(in_utc(now))}",
            )
            return None
        name = revision.name
        facts = {
            "outage": _told(
                "outage_started", revision, outage=name, environment="production",
                effect=EFFECTS.get(revision.severity, "degraded"), at=written(start), note=self.about or None,
            )
        }  # fmt: skip
        end, note = self._end(revision, start, now)
        if end is not None:
            facts["ended"] = _told("outage_ended", revision, outage=name, at=written(end), note=note)
        return facts

    def _work(self, revision: Revision, start: datetime, now: datetime) -> dict[str, Told]:
        """What a revision that stands after the start says was done."""
        name, stops = revision.name, STOPS.get(revision.severity, False)
        facts = {
            "started": _told(
                "maintenance_started", revision, maintenance=name, kind="planned", at=written(start),
                note=self.about or None,
            )
        }  # fmt: skip
        end, note = self._end(revision, start, now)
        if stops:
            facts["blocked"] = _told("blocking_started", revision, maintenance=name, at=written(start))
        if stops and end is not None:
            facts["unblocked"] = _told("blocking_ended", revision, maintenance=name, at=written(end))
        if end is not None:
            facts["ended"] = _told("maintenance_ended", revision, maintenance=name, at=written(end), note=note)
        return facts

    def _end(self, revision: Revision, start: datetime, now: datetime) -> tuple[datetime | None, str | None]:
        """When it ended, and what the event must say of it."""
        end = revision.end
        if not revision.resolved or (end is not None and end > max(start, now)):
            return None, None
        if end is not None and end > start:
            return end, None
        said = "no end one can read" if end is None else f"the end {written(end)}"
        kind = "no end one can read" if end is None else "an end not after the start"
        note = f"revision {revision.number}: resolved, with {said}, started {written(start)}"
        if self._unusable_end == "none" or now <= start:
            self._note(f"revisions that say resolved with {kind}: left open", note)
            return None, None
        self._note(f"revisions that say resolved with {kind}: ended when published", note)
        return in_utc(now), f"{note}; it had ended when this revision was published"

    def _publish(self, revision: Revision, start: datetime) -> None:
        """An announcement, or another slot for one, published before its start."""
        end = revision.end if revision.end is not None and revision.end > start else None
        stops = STOPS.get(revision.severity, False)
        slot = (start, end, stops)
        if self._slot is None:
            self._announce("maintenance_announced", revision, start, end)
        elif self._slot[1] is None and end is not None and self._slot[::2] == slot[::2]:
            last = next(reversed([s for s in self._published if s != "status"]))  # the end was told later
            data = {**self._published[last].data, "planned_end": written(end)}
            data.pop("note", None)
            self._published[last] = Told(self._published[last].type, data)
        elif self._slot[::2] != slot[::2] or (end is not None and end != self._slot[1]):
            self._announce("maintenance_rescheduled", revision, start, end)
        else:
            return
        self._slot = slot

    def _announce(self, kind: str, revision: Revision, start: datetime, end: datetime | None) -> None:
        assumed = start + ASSUMED_SLOT
        if end is None:
            self._counts["announcements without an end, taken as 24 hours"] += 1
        slot = "announced" if kind == "maintenance_announced" else f"rescheduled-{revision.number}"
        self._published[slot] = _told(
            kind, revision, maintenance=revision.name, published_at=written(revision.committed_at),
            planned_start=written(start), planned_end=written(end or assumed), channel=CHANNEL,
            blocking=STOPS.get(revision.severity, False), subject=revision.title or None,
            note=ASSUMED if end is None else None,
        )  # fmt: skip

    def _show(self, revision: Revision) -> None:
        """The page is the status of article 6: the first readable revision published it."""
        if "status" in self._published:
            return
        if "announced" not in self._published:
            self._counts["maintenances published only after they had begun"] += 1
        self._published["status"] = _told(
            "maintenance_status_published", revision, maintenance=revision.name, at=written(revision.committed_at)
        )

    def _removed(self, revision: Revision) -> dict[str, Told]:
        """A removed file: what was said to have happened is withdrawn, what was announced is called off."""
        self._note("records whose file was removed", f"revision {revision.number} removed the file")
        if "announced" not in self._published:
            return {slot: fact for slot, fact in self._published.items() if slot == "status"}
        self._published["cancelled"] = _told(
            "maintenance_cancelled", revision, maintenance=revision.name, published_at=written(revision.committed_at),
            reason="the record's file was removed",
        )  # fmt: skip
        return dict(self._published)

    def _note(self, what: str, note: str) -> None:
        self._counts[what] += 1
        self.notes.append(note)


def _lead(revision: Revision) -> timedelta:
    assert revision.start is not None
    return revision.start - revision.committed_at


def opening(
    subject: str, at: datetime, *, source: str = SOURCE, name: str = "Jenkins infrastructure"
) -> dict[str, Any]:
    """The `service_started` that opens the stream these events belong to."""
    service = subject.removeprefix("service:")
    data = {"service": service, "at": written(at), "name": name}
    return cloudevent("service_started", data, subject=subject, source=source, id=f"{service}#opened", attested_at=at)
