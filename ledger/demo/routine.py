"""The simulated year's routine: nights of backups with their gaps, a day's documents, thirty requests for help."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from ledger.demo.told import Event, between, days_between, proof, said
from ledger.workdays import add_months

FIRST, LAST = date(2025, 10, 1), date(2026, 9, 30)
PLACES = ["DC-A", "DC-B"]
REPORT = "06:30"  # the provider's morning report: what the night did is learnt with it

FAILED = date(2025, 11, 18)  # tried and failed, never made good
MISSED = date(2026, 2, 7)  # not even tried
RETRIED = date(2026, 5, 5)  # failed at first, then done in the same night
LATE = (date(2026, 3, 21), date(2026, 3, 30))  # done, learnt nine days later
PURGED = (date(2026, 5, 10), date(2026, 5, 25))  # a weekly one, deleted long before its four weeks
LOST = (date(2026, 3, 8), "2026-03-12 10:15", "2026-03-13 09:00")  # its copy at DC-B, lost and replaced
NO_OFFICE = date(2026, 1, 14)


def backups() -> Iterator[Event]:
    """Client data every night, weekly on Sundays, monthly on the first; deleted the night after they are owed."""
    for night in days_between(FIRST, LAST):
        yield from _night(night)
    name, lost_at, stored_at = f"B-{LOST[0]}", LOST[1], LOST[2]
    reason = "volume unreadable after a firmware fault"
    yield said(
        "2026-03-12 10:40",
        "backup_copy_lost",
        f"copy-lost/{name}",
        backup=name,
        location="DC-B",
        at=lost_at,
        reason=reason,
    )
    yield said(
        "2026-03-13 09:20", "backup_copy_stored", f"copy-stored/{name}", backup=name, location="DC-B", at=stored_at
    )
    for month in range(10, 22):
        sunday = _first_sunday(date(2025 + (month - 1) // 12, (month - 1) % 12 + 1, 1))
        name = f"B-{sunday}"
        done = f"{sunday + timedelta(days=2)} 15:00"
        yield said(f"{done[:-5]}15:10", "backup_verified", f"verified/{name}", backup=name, at=done)


def _night(night: date) -> Iterator[Event]:
    name, learnt = f"B-{night}", f"{LATE[1] if night == LATE[0] else night + timedelta(days=1)} {REPORT}"
    tiers = ["daily"] + ["weekly"] * (night.weekday() == 6) + ["monthly"] * (night.day == 1)
    start = f"{night} 21:{between(25, 35, 'start', night):02}"
    if night == MISSED:
        return
    if night in (FAILED, RETRIED):
        failed_at = f"{night} 22:{between(10, 50, 'failed', night):02}"
        yield said(
            learnt, "backup_failed", f"failed/{name}", backup=name, scope="client_data", tiers=tiers,
            started_at=start, failed_at=failed_at, reason="snapshot timed out",
        )  # fmt: skip
        if night == FAILED:
            return
        start = f"{night + timedelta(days=1)} 01:30"
    minutes, size = between(48, 85, "minutes", night), 410_000_000_000 + 350_000_000 * (night - FIRST).days
    done = str(datetime.fromisoformat(start) + timedelta(minutes=minutes))
    yield said(
        learnt, "backup_completed", f"completed/{name}", backup=name, scope="client_data", tiers=tiers,
        started_at=start, completed_at=done, locations=PLACES, checksum=proof(name)[0],
        size_bytes=size + 1_000_003 * between(0, 900, "size", night),
    )  # fmt: skip
    yield from _deletion(name, date.fromisoformat(done[:10]), tiers, night, learnt)


def _deletion(name: str, completed_on: date, tiers: list[str], night: date, learnt: str) -> Iterator[Event]:
    """The night after the last day it is owed: 7 days, 4 weeks or 2 months after completion (article 9)."""
    owed = completed_on + timedelta(days=28 if "weekly" in tiers else 7)
    if "monthly" in tiers:
        owed = max(owed, add_months(completed_on, 2))
    gone = PURGED[1] if night == PURGED[0] else owed + timedelta(days=1)
    if gone > LAST:
        return
    report = max(learnt, f"{gone} {REPORT}")
    yield said(report, "backup_deleted", f"deleted/{name}", backup=name, at=f"{gone} 03:20")


def office_documents() -> Iterator[Event]:
    """The day's changed office documents, every evening but one."""
    for day in days_between(FIRST, LAST):
        if day == NO_OFFICE:
            continue
        name, minutes = f"F-{day}", between(6, 19, "office", day)
        yield said(
            f"{day + timedelta(days=1)} {REPORT}", "backup_completed", f"completed/{name}", backup=name,
            scope="office_documents", tiers=["daily"], started_at=f"{day} 19:30",
            completed_at=f"{day} 19:{30 + minutes}", locations=PLACES,
        )  # fmt: skip


def _first_sunday(month: date) -> date:
    return month + timedelta(days=(6 - month.weekday()) % 7)


# request, registered, taken in charge; 8 working hours of support (12.2: 09:00-12:30, 14:30-17:30, Fridays to 17:00)
REQUESTS: tuple[tuple[str, str, str], ...] = (
    ("S-01", "2025-10-06 09:10", "2025-10-06 11:40"),
    ("S-02", "2025-10-15 16:05", "2025-10-16 10:20"),
    ("S-03", "2025-10-23 18:20", "2025-10-24 15:05"),  # registered after hours: counted from the next opening
    ("S-04", "2025-10-31 09:00", "2025-11-03 11:00"),  # eight hours to the second, over a weekend
    ("S-05", "2025-11-10 15:10", "2025-11-13 10:30"),  # the 11th is a holiday: 10 h 20, missed
    ("S-06", "2025-11-13 09:25", "2025-11-13 09:50"),
    ("S-07", "2025-11-25 11:00", "2025-11-26 09:45"),
    ("S-08", "2025-12-08 10:00", "2025-12-09 12:10"),  # 8 h 40, missed
    ("S-09", "2025-12-18 14:45", "2025-12-19 11:15"),
    ("S-10", "2026-01-05 09:00", "2026-01-06 10:20"),  # 7 h 50; 8 h 20 if lunch ends at 14:00 (12.6)
    ("S-11", "2026-01-13 16:30", "2026-01-14 12:00"),
    ("S-12", "2026-01-22 10:15", "2026-01-22 11:05"),
    ("S-13", "2026-02-03 09:30", "2026-02-04 15:10"),  # 10 h 10, missed
    ("S-14", "2026-02-10 11:20", "2026-02-10 16:00"),
    ("S-15", "2026-02-17 14:40", "2026-02-17 15:00"),
    ("S-16", "2026-02-26 17:00", "2026-02-27 11:40"),
    ("S-17", "2026-03-05 09:45", "2026-03-06 12:25"),  # 9 h 10, missed
    ("S-18", "2026-03-16 10:05", "2026-03-16 14:50"),
    ("S-19", "2026-03-24 14:35", "2026-03-24 17:10"),
    ("S-20", "2026-04-03 15:30", "2026-04-07 11:30"),  # Easter Monday between: 4 h 00
    ("S-21", "2026-04-16 09:05", "2026-04-16 10:10"),
    ("S-22", "2026-05-12 09:00", "2026-05-13 10:15"),  # 7 h 45; 8 h 15 if lunch ends at 14:00 (12.6)
    ("S-23", "2026-05-19 09:05", "2026-05-19 10:30"),
    ("S-24", "2026-05-28 16:10", "2026-06-01 09:20"),  # 7 h 40; one lunch: 8 h 10 under 12.6
    ("S-25", "2026-06-10 11:10", "2026-06-10 12:20"),
    ("S-26", "2026-06-23 09:15", "2026-06-25 09:35"),  # 13 h 20, missed
    ("S-27", "2026-07-09 10:40", "2026-07-10 09:30"),
    ("S-28", "2026-07-28 14:30", "2026-07-30 12:00"),  # 12 h 30, missed
    ("S-29", "2026-08-20 16:20", "2026-08-24 15:00"),  # 11 h 10, missed
    ("S-30", "2026-09-15 09:50", "2026-09-15 11:55"),
)


def requests() -> Iterator[Event]:
    """Thirty requests: registered, acknowledged, taken in charge, answered the next day."""
    for n, (request, registered, taken) in enumerate(REQUESTS):
        acknowledged = later(registered, 2)
        answered = later(taken, 24 * 60 + between(5, 90, request))
        channel = ("portal", "phone", "e-mail")[n % 3]
        yield said(
            registered,
            "support_request_registered",
            f"registered/{request}",
            request=request,
            at=registered,
            channel=channel,
        )
        yield said(
            acknowledged, "support_request_acknowledged", f"acknowledged/{request}", request=request, at=acknowledged
        )
        yield said(taken, "support_request_taken_in_charge", f"taken/{request}", request=request, at=taken)
        yield said(answered, "support_request_resolved", f"resolved/{request}", request=request, at=answered)


def later(text: str, minutes: int) -> str:
    """A local time some minutes later, by the wall clock."""
    return str(datetime.fromisoformat(text) + timedelta(minutes=minutes))
