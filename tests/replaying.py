"""What the tests of replays share: the demo's ledger, made once, and random stories with bad luck in them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from ledger.history import History
from ledger.readings import SWITCHES
from projections.questions import question
from tests.story import STARTED, history

BEGUN = datetime(2026, 3, 2, 6, tzinfo=UTC)
GRID = timedelta(hours=7)  # coarse on purpose: several facts are learnt at the same instant
EVIDENCE = ["sha256:" + "0" * 64]


@lru_cache(maxsize=1)
def demo_path() -> str:
    """The demo's ledger, recorded once a session in a folder of its own."""
    from ledger.demo import record_demo

    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = str(Path(folder) / "demo.db")
    record_demo(path)
    return path


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


class Story:
    """Random facts about March 2026: outages, claims, exclusions, works, corrected and retracted, often at once."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.lines: list[Any] = [STARTED]
        for n in range(self.random.randint(4, 9)):
            self.random.choice(self.tellers())(n)
        self.lines.sort(key=lambda line: line[0])

    def tellers(self) -> tuple[Callable[[int], None], ...]:
        return (self.outage, self.outage, self.claim, self.exclusion, self.work)

    def tell(self, learnt: datetime, kind: str, data: dict[str, Any], id: str) -> None:
        self.lines.append((text(learnt), kind, data, {"id": id}))

    def moment(self) -> datetime:
        return BEGUN + self.random.randint(0, 90) * GRID

    def later(self, since: datetime) -> datetime:
        return since + self.random.randint(0, 12) * GRID

    def minutes(self, most: int) -> timedelta:
        return timedelta(minutes=self.random.randint(1, most))

    def outage(self, n: int) -> None:
        """An outage, its end (or none), and corrections and retractions of it, of themselves too."""
        start = self.moment() + self.minutes(300)
        effect = self.random.choice(["no_access", "no_access", "no_login", "partial_users", "degraded"])
        counts = {"users_affected": 30, "users_total": 400} if effect == "partial_users" else {}
        data = {"outage": f"O{n}", "environment": "production", "effect": effect, "at": text(start), **counts}
        learnt = self.later(start)
        self.tell(learnt, "outage_started", data, f"start-{n}")
        if self.random.random() < 0.85:
            end = start + self.minutes(90)
            known = self.later(max(end, learnt))
            self.tell(known, "outage_ended", {"outage": f"O{n}", "at": text(end)}, f"end-{n}")
            self.undo(f"end-{n}", {"outage": f"O{n}", "at": text(end + self.minutes(60))}, known)
        self.undo(f"start-{n}", {**data, "effect": "no_access"}, learnt)

    def undo(self, target: str, data: dict[str, Any] | None, since: datetime) -> None:
        """A correction, its retraction, the retraction of that one, and so on, each with some luck."""
        while self.random.random() < 0.4 and len(self.lines) < 60:
            since = self.later(since)
            name = f"act-{len(self.lines)}"
            if data is not None and self.random.random() < 0.6:  # what is an act itself can only be retracted
                self.tell(since, "corrected", {"target": target, "reason": "the log says", "data": data}, name)
            else:
                self.tell(since, "retracted", {"target": target, "reason": "not so"}, name)
            self.undo(name, None, since)

    def claim(self, n: int) -> None:
        start = self.moment()
        data = {"claim": f"K{n}", "from": text(start), "to": text(start + self.minutes(80)), "reason": "no answer"}
        learnt = self.later(start)
        self.tell(learnt, "outage_claimed", data, f"claim-{n}")
        for _ in range(self.random.randint(0, 2)):
            kind, by = self.random.choice([("outage_claim_accepted", "provider"), ("outage_claim_rejected", "expert")])
            said = {"claim": f"K{n}", "by": by, "reason": "checked"}
            self.tell(self.later(learnt), kind, said, f"claim-{n}/{self.random.randint(0, 10**9)}")

    def exclusion(self, n: int) -> None:
        self.outage(n)
        start = self.moment()
        ground = self.random.choice(["force_majeure", "customer_equipment", "emergency_maintenance"])
        data = {"exclusion": f"X{n}", "ground": ground, "from": text(start), "to": text(start + 30 * GRID),
                "statement": "not ours", "evidence": EVIDENCE}  # fmt: skip
        if self.random.random() < 0.5:
            data["outage"] = f"O{n}"
        learnt = self.later(start)
        self.tell(learnt, "exclusion_claimed", data, f"exclusion-{n}")
        for kind, by in (("exclusion_contested", "customer"), ("exclusion_rejected", "expert")):
            if self.random.random() < 0.5:
                said = {"exclusion": f"X{n}", "by": by, "reason": "see the log"}
                self.tell(self.later(learnt), kind, said, f"{kind}-{n}")
        self.undo(f"exclusion-{n}", {**data, "ground": "outside_service_scope"}, learnt)

    def work(self, n: int) -> None:
        published = self.moment()
        start = published + timedelta(hours=self.random.choice([20, 47, 48, 60]))
        end = start + self.minutes(240)
        slot = {"maintenance": f"M{n}", "published_at": text(published), "planned_start": text(start),
                "planned_end": text(end)}  # fmt: skip
        self.tell(self.later(published), "maintenance_announced", slot, f"announced-{n}")
        kind = self.random.choice(["planned", "planned", "emergency"])
        why = {"urgency_reason": "a flaw"} if kind == "emergency" else {}
        work = {"maintenance": f"M{n}", "kind": kind, "at": text(start), **why}
        begun = self.later(start)
        self.tell(begun, "maintenance_started", work, f"work-{n}")
        if self.random.random() < 0.7:
            stop = {"maintenance": f"M{n}", "at": text(start + self.minutes(60))}
            self.tell(self.later(start), "blocking_started", stop, f"stop-{n}")
        self.tell(self.later(end), "maintenance_ended", {"maintenance": f"M{n}", "at": text(end)}, f"done-{n}")
        self.undo(f"work-{n}", {**work, "kind": "emergency", "urgency_reason": "a flaw"}, begun)

    # --- what may be asked of it ---

    def known_at(self) -> str:
        """A moment of knowledge; half the time one at which something was learnt, to the second."""
        if self.random.random() < 0.5:
            found: str = self.random.choice(self.lines)[0]
            return found
        return text(self.moment() + timedelta(seconds=self.random.randint(0, 3600)))

    def whole(self, known_at: str | None = None) -> History:
        return history(*self.lines, known_at=known_at)

    def asked(self) -> tuple[Any, dict[str, Any]]:
        return self.random.choice(ASKED)

    def reading(self) -> dict[str, str]:
        return some_switches(self.random)


class WiderStory(Story):
    """Besides, requests of support and backups, some of them lost, deleted or asked back."""

    def tellers(self) -> tuple[Any, ...]:
        return (self.outage, self.claim, self.exclusion, self.work, self.request, self.request, self.backup, self.backup)

    def request(self, n: int) -> None:
        when = self.moment() + self.minutes(400)
        said = {"request": f"S{n}", "at": text(when), "channel": self.random.choice(["portal", "phone"])}
        self.tell(when, "support_request_registered", said, f"asked-{n}")
        if self.random.random() < 0.8:
            answered = when + timedelta(hours=self.random.choice([3, 9, 26, 50]))
            data = {"request": f"S{n}", "at": text(answered)}
            self.tell(answered, "support_request_taken_in_charge", data, f"answered-{n}")

    def backup(self, n: int) -> None:
        start = self.moment() + self.minutes(200)
        end = start + timedelta(hours=1)
        tiers = self.random.choice([["daily"], ["daily", "weekly"], ["monthly"]])
        data = {"backup": f"B{n}", "scope": "client_data", "tiers": tiers, "started_at": text(start),
                "completed_at": text(end), "locations": ["DC-A", "DC-B"]}  # fmt: skip
        self.tell(end, "backup_completed", data, f"made-{n}")
        gone = end + timedelta(days=self.random.choice([1, 6, 7, 8, 27, 30]), minutes=self.random.randint(0, 59))
        if self.random.random() < 0.6:
            self.tell(gone, "backup_deleted", {"backup": f"B{n}", "at": text(gone)}, f"deleted-{n}")
        if self.random.random() < 0.6:
            wanted = {"restore": f"R{n}", "scope": "client_data", "requested_at": text(gone), "target_date": text(end)[:10]}
            self.tell(gone, "restore_requested", wanted, f"wanted-{n}")


def some_switches(random: Random, most: int = 4) -> dict[str, str]:
    """A few switches, each at any of its values."""
    chosen = random.sample([s for s in SWITCHES if s.name != "knowledge"], random.randint(0, most))
    return {s.name: random.choice(s.values) for s in chosen}


def _asked() -> list[tuple[Any, dict[str, Any]]]:
    from projections.questions import read

    given = (
        ("availability", {"month": "2026-03"}),
        ("maintenance", {}),
        ("breaches", {"first": "2026-03", "last": "2026-04"}),
        ("weather", {"at": "2026-03-20T10:00:00+01:00"}),
        ("obligations", {"at": "2026-03-20T10:00:00+01:00"}),
    )
    return [(question(name), read(question(name), params)) for name, params in given]


ASKED = _asked()
