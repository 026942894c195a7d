"""A row of the register is there as known at its `first_knowable_at`, and at no moment before, whatever was mended since."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import ContractStarted
from ledger.history import History
from ledger.spans import moment
from projections.breaches import breaches_of
from projections.finding import Breach, ceil_seconds
from projections.frame import Frames
from projections.validity import ANY
from projections.view_tables import Moment, units
from tests.story import CONTRACT, STARTED, history, instant

BEGUN = datetime(2026, 3, 2, 6, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAYS = {"maintenance": (date(2026, 1, 1), date(2026, 4, 12)), "backups": (date(2026, 3, 2), date(2026, 3, 13))}
MISSED = ("night_missed", "week_missed", "month_missed", "office_day_missed")
LASTING = ("slot_overrun", "outside_window", "early_blocking")  # broken once their first second has passed
READINGS: list[dict[str, str]] = [{}, {}, {"slot_overrun": "notice_breach"}, {"night": "calendar_date"},
                                  {"blocking_limit": "literal_cet"}, {"tier_retention": "generations"}]  # fmt: skip


class Told:
    """Random facts of one subject, some learnt late, corrected by minutes or days, retracted, or put back."""

    def __init__(self, seed: int, subject: str) -> None:
        self.random = Random(seed)
        self.lines: list[tuple[datetime, str, dict[str, Any], dict[str, str]]] = []
        service = self.random.random() < 0.4
        started = {**CONTRACT, "services": ["S1"] if service and self.random.random() < 0.5 else []}
        known = self.moment() if self.random.random() < 0.15 else instant(STARTED[0])
        self.tell(known, "contract_started", {**started, "service_start": self.chosen("2025-09-01T00:00:00+02:00", "2026-03-04T23:00:00Z")})
        self.streams = ["contract:C1", "service:S1"] if service else ["contract:C1"]
        for n in range(self.random.randint(1, 3)):
            getattr(self, subject)(n)
        self.bounds(service)
        self.lines.sort(key=lambda line: line[0])

    def chosen(self, *values: Any) -> Any:
        return self.random.choice(values)

    def moment(self) -> datetime:
        return BEGUN + self.random.randint(0, 40) * 6 * HOUR

    def learnt(self, happened: datetime) -> datetime:
        return happened + self.chosen(0, 0, 0, 1, 30, 60 * 26, 60 * 24 * 9) * MINUTE

    def tell(self, known: datetime, kind: str, data: dict[str, Any], stream: str = "contract:C1") -> None:
        data = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in data.items()}
        name = f"n{len(self.lines)}"
        self.lines.append((known, kind, data, {"id": name, "subject": stream}))
        if self.random.random() < 0.3:
            known += self.chosen(0, 1, 60 * 5, 60 * 24 * 4) * MINUTE
            act = {"target": name, "reason": "checked"}
            if self.random.random() < 0.5 and kind != "contract_started":
                kind = "retracted"
            else:
                kind, act["data"] = "corrected", self.mended(data)
            self.lines.append((known, kind, act, {"id": f"{name}-act", "subject": stream}))
            if self.random.random() < 0.25:
                back = {"target": f"{name}-act", "reason": "it was right"}
                self.lines.append((known + self.chosen(1, 60 * 30) * MINUTE, "retracted", back, {"id": f"{name}-back", "subject": stream}))

    def mended(self, data: dict[str, Any]) -> Any:
        moved = self.chosen(-1, 1, 25, -25, 60 * 24, -60 * 24 * 3) * MINUTE
        every = self.random.random() < 0.6
        found = dict(data)
        for name, value in data.items():
            if isinstance(value, str) and "T" in value and ":" in value and (every or self.random.random() < 0.5):
                found[name] = (instant(value) + moved).isoformat()
        if "locations" in found:
            found["locations"] = self.chosen([], ["A"], ["A", "B"])
        return found

    def bounds(self, service: bool) -> None:
        for _ in range(self.random.randint(0, 2)):
            when = self.moment()
            kind = self.chosen("contract_suspended", "contract_resumed", "contract_terminated")
            self.tell(self.learnt(when), kind, {"effective_from": when})
            if service:
                when = self.moment()
                kind = self.chosen("service_assigned", "service_unassigned")
                self.tell(self.learnt(when), kind, {"service": "S1", "effective_from": when})

    def maintenance(self, n: int) -> None:
        stream, name = self.chosen(*self.streams), {"maintenance": f"M{n}"}
        start = self.moment() + self.chosen(0, 0, 14, 15) * HOUR
        published = start - self.chosen(2, 47, 48, 49, 72) * HOUR
        end = start + self.chosen(1, 4, 13) * HOUR
        if self.random.random() < 0.7:
            slot = {**name, "published_at": published, "planned_start": start, "planned_end": start + 3 * HOUR}
            self.tell(self.learnt(published), "maintenance_announced", slot, stream)
            if self.random.random() < 0.3:
                moved = {**slot, "published_at": published + HOUR, "planned_start": start + HOUR, "planned_end": start + 2 * HOUR}
                self.tell(self.learnt(published + HOUR), "maintenance_rescheduled", moved, stream)
            if self.random.random() < 0.3:
                self.tell(self.learnt(start - HOUR), "maintenance_cancelled", {**name, "published_at": start - HOUR}, stream)
        elif self.random.random() < 0.5:
            told = {**self.chosen(name, {}), "at": published}
            self.tell(self.learnt(published), "maintenance_status_published", told, self.chosen(*self.streams))
        kind = self.chosen({"kind": "planned"}, {"kind": "planned"}, {"kind": "emergency", "urgency_reason": "a flaw"})
        self.tell(self.learnt(start), "maintenance_started", {**name, **kind, "at": start}, stream)
        if self.random.random() < 0.5:
            self.tell(self.learnt(start), "blocking_started", {**name, "at": start}, stream)
            self.tell(self.learnt(end - MINUTE), "blocking_ended", {**name, "at": end - MINUTE}, stream)
        if self.random.random() < 0.8:
            self.tell(self.learnt(end), "maintenance_ended", {**name, "at": end}, stream)

    def backups(self, n: int) -> None:
        stream, begun = self.chosen(*self.streams), self.moment()
        end = begun + HOUR
        tiers = self.chosen(["daily"], ["daily", "weekly"], ["daily", "weekly", "monthly"])
        of = {"backup": f"B{n}", "started_at": begun, "completed_at": end, "locations": self.chosen([], ["A"], ["A", "B"], ["A", "B"])}
        scope = self.chosen({"scope": "client_data", "tiers": tiers}, {"scope": "client_data", "tiers": tiers}, {"scope": "office_documents", "tiers": []})
        self.tell(self.learnt(end), "backup_completed", {**of, **scope}, stream)
        for _ in range(self.random.randint(0, 3)):
            when = end + self.chosen(0, 1, 30, 24 * 8) * HOUR
            kind = self.chosen("backup_copy_stored", "backup_copy_lost", "backup_deleted", "backup_verified")
            place = {"location": self.chosen("A", "B", "C")} if kind != "backup_deleted" or self.random.random() < 0.5 else {}
            more = {"outcome": self.chosen("passed", "failed")} if kind == "backup_verified" else {}
            self.tell(self.learnt(when), kind, {"backup": f"B{n}", "at": when, **place, **more}, stream)

    def whole(self) -> History:
        lines = [(known.isoformat(), *rest) for known, *rest in self.lines]
        return history(*lines, known_at=(BEGUN + 40 * 24 * HOUR).isoformat())


def rows(whole: History, subject: str, reading: dict[str, str], known_at: int) -> list[Breach]:
    then = whole.as_known(moment(known_at))
    return breaches_of(subject, then, Frames(then, reading), *DAYS[subject]) if then.own(ContractStarted) else []


def wrong(whole: History, subject: str, reading: dict[str, str]) -> list[tuple[str, Breach]]:
    """The rows that are not there when they could first be known, or that were there at an earlier moment.

    A maintenance and the copies of a backup may have been told of another instant then, a missed period may not. A
    deletion is filed under the tier that keeps longest, which by generations the backups that follow decide.
    """
    learnt = {ceil_seconds(known_at) for _, _, known_at in whole.known()}
    asked: dict[int, list[Breach]] = {}

    def told(row: Breach, known_at: int) -> list[str]:
        """The periods such a row was filed for, as known at a moment."""
        if known_at not in asked:
            asked[known_at] = rows(whole, subject, reading, known_at)
        alike = [each for each in asked[known_at] if (each.what, each.subject) == (row.what, row.subject)]
        return [each.period for each in alike if each.obligation == row.obligation or row.what == "purged_early"]

    found = []
    for row in rows(whole, subject, reading, whole.now):
        first, since = row.first_knowable_at, row.on + (row.what in LASTING)
        if first is None or not told(row, first) or (row.what in MISSED and row.period not in told(row, first)):
            found.append(("not there", row))
            continue
        before = {t for t in {*learnt, since, first - 1} if since <= t < first}
        early = [t for t in before if (told(row, t) if subject == "maintenance" else row.period in told(row, t))]
        if early:
            found.append((f"there at {moment(min(early))}", row))
    return found


@pytest.mark.parametrize("subject", ["maintenance", "backups"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9), reading=st.sampled_from(READINGS))
def test_a_row_is_first_there_when_it_says(subject: str, seed: int, reading: dict[str, str]) -> None:
    assert wrong(Told(seed, subject).whole(), subject, reading) == []


@pytest.mark.parametrize("subject", ["maintenance", "backups"])
def test_a_month_of_the_views_rests_on_its_kinds_of_facts_wherever_its_moments_were_found(subject: str) -> None:
    story = next(told for told in (Told(seed, subject) for seed in range(99)) if rows(told.whole(), subject, {}, told.whole().now))
    whole = story.whole()
    found, unit = units(Moment("C1", whole.streams, whole.position, whole.now))[f"breaches {subject} 2026-03"]()
    assert found
    assert ANY not in unit.kinds
    assert {"MaintenanceAnnounced", "BackupCompleted"} & unit.kinds
