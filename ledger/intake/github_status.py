"""GitHub's public status page as a collector saw it, version by version, as events of one operated service.

Reads the JSON lines of github.com/mrshu/github-statuses (MIT), all in one text, in any order, told apart by
their fields: incidents (`status_sequence`, `updates`, `impact`, `downtime_start`), versions of the feed's
entries (`sha`, `seen_at`, `statuses`, `stated_window`) and changes of what was parsed (`before`, `after`).
A fact is attested when the collector first saw it (`seen_at`); for an incident no version was kept of, when
the page says it was last updated. No text of an incident is carried over: title, impact, components.

What an impact means is the table of `ledger.intake.status_pages`, whose scale the page uses.
Everything is kept as it was seen, errors included; the reason of a correction says what it looks like: a new
version of the page, a change of the collector without one, a window moved far from the page's own updates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ledger.errors import Refused
from ledger.intake.intake import Intake, counted, instant, lines, named, short, written
from ledger.intake.status_pages import IMPACTS
from ledger.intake.told import Told, Version, tell

SOURCE = "https://www.githubstatus.com"
CHANNEL = "www.githubstatus.com"

EFFECTS = {impact: effect for page, impact, effect, _ in IMPACTS if page == "statuspage"}  # the page is one of theirs

FRESH = timedelta(hours=24)  # a change seen this soon after a new version of the page comes from that version
FAR = timedelta(days=30)  # a window this far from the page's own updates looks like an error of its text
COLLECTOR = "a change of the collector: no new version of the page was seen"
SLOT = "the slot is what the page then did; the text that announced it is not carried over"


class Seen(NamedTuple):
    """One version of a feed entry: when it was seen, whether it said resolved, whether it stated a window."""

    at: datetime
    resolved: bool
    window: bool


class Parsed(NamedTuple):
    """What was read out of an entry at a moment."""

    at: datetime
    start: datetime
    end: datetime | None
    impact: str
    why: str


def events(given: Any, *, subject: str, source: str = SOURCE) -> Intake:
    """The page's incidents and maintenances as CloudEvents for the stream `subject`, as they were seen."""
    incidents, seen, changes = _sorted_apart(given)
    told: list[tuple[datetime, dict[str, Any]]] = []
    notes: list[str] = []
    counts: Counter[str] = Counter()
    for incident, row in incidents.items():
        record = _Record(row, seen.get(incident, []), changes.get(incident, []), counts)
        told += tell(record.name, list(record.versions()), subject=subject, source=source)
        notes += [f"{record.name}: {note}" for note in record.notes]
    missing = (set(seen) | set(changes)) - set(incidents)
    counts["versions or changes of incidents that are not given"] += len(missing)
    told.sort(key=lambda pair: pair[0])
    return Intake([event for _, event in told], counted(+counts) + notes)


def _sorted_apart(given: Any) -> tuple[dict[str, Any], dict[str, list[Any]], dict[str, list[Any]]]:
    """Incidents by id, and the versions and changes of each, oldest first."""
    incidents: dict[str, Any] = {}
    seen: dict[str, list[Any]] = {}
    changes: dict[str, list[Any]] = {}
    for number, row in lines(given):
        if "status_sequence" in row and "id" in row:
            incidents[str(row["id"])] = row
        elif "statuses" in row and "seen_at" in row:
            seen.setdefault(str(row["incident"]), []).append(row)
        elif "before" in row and "after" in row:
            changes.setdefault(str(row["incident"]), []).append(row)
        else:
            code = "missing_field" if incidents or seen or changes else "unknown_format"
            raise Refused(code, "neither an incident, a version of a feed entry, nor a change", number)
    for rows in (*seen.values(), *changes.values()):
        rows.sort(key=lambda row: instant(row["seen_at"]))
    return incidents, seen, changes


class _Record:
    """One incident or maintenance of the page, on its way through the versions the collector saw."""

    def __init__(self, row: dict[str, Any], seen: list[Any], changes: list[Any], counts: Counter[str]) -> None:
        self.row = row
        self.name = named(row["id"])
        self.notes: list[str] = []
        self._counts = counts
        self._changes = changes
        last = instant(row["updated_at"])
        self.seen = [Seen(instant(v["seen_at"]), bool(v["resolved"]), bool(v["stated_window"])) for v in seen]
        if not self.seen:
            self.seen = [Seen(last, bool(row.get("downtime_end")), bool(row.get("impact_window")))]
            self._note("incidents no version was kept of: attested when last updated", "no version kept")
        self.evidence = (str(row["url"]),) if row.get("url") else ()
        self.about = " · ".join(filter(None, (short(row.get("title")), short(", ".join(row.get("components") or ())))))

    def versions(self) -> Iterator[Version]:
        if self.row.get("impact") == "maintenance":
            yield from self._maintenance()
            return
        for n, parsed in enumerate(self._parsed(), 1):
            facts = self._outage(parsed)
            if facts:
                yield Version(f"seen-{n}", parsed.at, facts, parsed.why, self.evidence)
            else:
                self._note(
                    "windows of no length, to the page's minute: nothing said of them",
                    f"{written(parsed.start)} to {written(parsed.end or parsed.start)}",
                )

    # --- incidents ---

    def _parsed(self) -> Iterator[Parsed]:
        """What was known of window and impact, from the first sight to the last change."""
        row = self.row
        updates = (row["started_at"], row["resolved_at"], row["impact"])
        final = (row["downtime_start"], row["downtime_end"], row["impact"])
        first = tuple(self._changes[0]["before"]) if self._changes else final
        told = next((v for v in self.seen if v.window), None)
        if not self._changes and told is not self.seen[0] and updates[:2] != final[:2]:
            first = updates  # the window was stated by a later version than the first
        points: list[tuple[datetime, tuple[Any, ...] | None, str]] = [(self.seen[0].at, first, "first seen")]
        known = self._resolved_at()
        if known is not None and known > self.seen[0].at:
            points.append((known, None, "seen resolved"))
        if not self._changes and first != final:
            points.append((max(told.at if told is not None else self.seen[-1].at, instant(final[0])), final, ""))
        points += [(instant(change["seen_at"]), tuple(change["after"]), "") for change in self._changes]
        values = first
        for at, change, why in sorted(points, key=lambda point: point[0]):
            values = change or values
            yield self._at(at, values, known, why or self._why(at, values))

    def _resolved_at(self) -> datetime | None:
        return next((v.at for v in self.seen if v.resolved), None)

    def _at(self, at: datetime, values: tuple[Any, ...], resolved_at: datetime | None, why: str) -> Parsed:
        ended = resolved_at is not None and resolved_at <= at
        end = instant(values[1]) if values[1] and ended else None
        return Parsed(at, instant(values[0]), end, str(values[2]), why)

    def _why(self, at: datetime, values: tuple[Any, ...]) -> str:
        """What a change looks like, opening the reason of its corrections."""
        fresh = any(at - FRESH <= v.at <= at for v in self.seen[1:])
        what = "a new version of the page" if fresh else COLLECTOR
        self._counts["changes of the page" if fresh else "changes of the collector"] += 1
        away = abs(instant(values[0]) - instant(self.row["started_at"]))
        if away > FAR:
            what += (
                f"; kept as seen, {away.days} days from the page's own updates, which looks like an error of its text"
            )
            self._note(
                "windows kept as seen though far from the page's own updates", f"{values[0]}: {away.days} days away"
            )
        return f"seen {written(at)}, {what}"

    def _outage(self, parsed: Parsed) -> dict[str, Told]:
        if parsed.end is not None and parsed.end <= parsed.start:
            return {}
        impact = f"impact {parsed.impact}"
        fact = {
            "outage": self.name, "environment": "production", "effect": EFFECTS.get(parsed.impact, "degraded"),
            "at": written(parsed.start), "note": f"{self.about} ({impact})" if self.about else impact,
            "evidence": list(self.evidence),
        }  # fmt: skip
        facts = {"outage": Told("outage_started", fact)}
        if parsed.end is not None:
            facts["ended"] = Told("outage_ended", {"outage": self.name, "at": written(parsed.end)})
        return facts

    # --- maintenance ---

    def _maintenance(self) -> Iterator[Version]:
        """Scheduled is the announcement, In progress the start, Completed the end, by the page's own times."""
        times: dict[str, str] = {}
        for update in self.row["updates"]:
            times.setdefault(update["status"], update["at"])
        scheduled, started, ended = (times.get(s) for s in ("Scheduled", "In progress", "Completed"))
        if started is None:
            self._note("maintenances that never were in progress: nothing said", "never in progress")
            return
        for n, version in enumerate(self.seen, 1):
            facts: dict[str, Told] = {}
            if scheduled is not None and scheduled <= started < (ended or "9"):
                facts["announced"] = self._announced(scheduled, started, ended)
            if instant(started) <= version.at:
                facts["started"] = self._told(
                    "maintenance_started", kind="planned", at=started, note=self.about or None
                )
            if version.resolved and ended is not None and ended > started:
                facts["ended"] = self._told("maintenance_ended", at=ended)
            yield Version(f"seen-{n}", version.at, facts, f"seen {written(version.at)}", self.evidence)

    def _announced(self, scheduled: str, started: str, ended: str | None) -> Told:
        return self._told(
            "maintenance_announced", published_at=scheduled, planned_start=started,
            planned_end=ended or written(instant(started) + FRESH), channel=CHANNEL,
            subject=short(self.row.get("title")), note=SLOT,
        )  # fmt: skip

    def _told(self, type: str, **data: Any) -> Told:
        full = {"maintenance": self.name, **data, "evidence": list(self.evidence)}
        return Told(type, {n: v for n, v in full.items() if v is not None})

    def _note(self, what: str, note: str) -> None:
        self._counts[what] += 1
        self.notes.append(note)
