"""A question taken in parts: followed from entry to entry, it says after each what the whole says plainly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from ledger.history import History
from projections.frame import Frames
from projections.questions import question, read
from replays.figures import leaves
from replays.parts import Part, parts_of, together
from replays.walk import Learnt, State, Walk, learnt_between
from tests.replaying import BEGUN, WiderStory, some_switches, text
from tests.story import STARTED, history
from tests.test_availability import outage

MONTHS = (
    ("obligations", {"at": "2026-03-20T10:00:00+01:00"}),
    ("obligations", {"at": "2026-02-28T23:30:00Z"}),  # the first of March already, in Paris
    ("breaches", {"first": "2026-02", "last": "2026-03"}),
)
SWITCHES_THAT_REACH_ON = ("month_split", "month_kind", "tier_retention", "unannounced", "night_outage", "prt_basis")


class LongStory(WiderStory):
    """From the middle of January to May, so that much happens before the period asked about, and much after it."""

    def moment(self) -> Any:
        return BEGUN + timedelta(days=self.random.randint(-45, 70), hours=self.random.choice([0, 7, 14]))

    def tellers(self) -> tuple[Callable[[int], None], ...]:
        return (*super().tellers(), self.support, self.update, self.documents, self.long_outage, self.measure, self.status)

    def support(self, n: int) -> None:
        begun = self.moment()
        self.tell(begun, "support_suspended", {"at": text(begun), "reason": "unpaid"}, f"suspended-{n}")
        self.tell(begun + timedelta(days=2), "support_resumed", {"at": text(begun + timedelta(days=2))}, f"resumed-{n}")

    def update(self, n: int) -> None:
        when = self.moment()
        told = when + timedelta(days=self.random.choice([-3, 0, 4]), minutes=-5)
        said = {"update": f"U{n}", "published_at": text(told), "planned_date": text(when)[:10]}
        self.tell(told, "update_announced", said, f"announced-U{n}")
        done = {"update": f"U{n}", "at": text(when), "environment": "production", "kind": "version"}
        self.tell(self.later(when), "update_rolled_out", done, f"rolled-{n}")

    def documents(self, n: int) -> None:
        start = self.moment()
        end = start + timedelta(minutes=20)
        said = {"backup": f"F{n}", "scope": "office_documents", "tiers": ["daily"], "started_at": text(start),
                "completed_at": text(end), "locations": ["DC-A"]}  # fmt: skip
        self.tell(end, "backup_completed", said, f"made-F{n}")
        if self.random.random() < 0.5:
            gone = end + timedelta(days=self.random.choice([1, 40]))
            self.tell(gone, "backup_deleted", {"backup": f"F{n}", "at": text(gone)}, f"deleted-F{n}")

    def long_outage(self, n: int) -> None:
        """Begun in one month, known to be over in another."""
        start = self.moment()
        end = start + timedelta(days=self.random.randint(5, 40))
        said = {"outage": f"L{n}", "environment": "production", "effect": "no_access", "at": text(start)}
        self.tell(start, "outage_started", said, f"start-L{n}")
        self.tell(end, "outage_ended", {"outage": f"L{n}", "at": text(end)}, f"end-L{n}")

    def measure(self, n: int) -> None:
        when = self.moment()
        self.tell(when, "storage_measured", {"at": text(when), "bytes": 2_100 * 10**9}, f"measured-{n}")

    def status(self, n: int) -> None:
        """Of one maintenance, or of all; sometimes told late."""
        when = self.moment()
        of_one = {"maintenance": f"M{self.random.randint(0, n)}"} if self.random.random() < 0.5 else {}
        self.tell(self.later(when), "maintenance_status_published", {"at": text(when), **of_one}, f"status-{n}")


def asked(number: int) -> tuple[Any, dict[str, Any]]:
    name, params = MONTHS[number % len(MONTHS)]
    return question(name), read(question(name), params)


def some_reading(random: Random) -> dict[str, str]:
    """None, any, or those by which what came after a period may count for it."""
    kind = random.randint(0, 2)
    if kind == 2:
        found = some_switches(random, most=30)
        return {name: value for name, value in found.items() if name in SWITCHES_THAT_REACH_ON}
    return some_switches(random) if kind else {}


def plainly(known: History, rule: Any, values: Any, switches: dict[str, str]) -> dict[str, Any]:
    return leaves(rule.function()(known, Frames(known, switches), **values).result)


def check_walk(seed: int) -> int:
    """Follows a story from entry to entry and asks the whole at each; the number of entries followed."""
    story = LongStory(seed)
    (rule, values), switches = asked(seed), some_reading(story.random)
    known_at = story.random.choice(["2026-03-10T00:00:00Z", "2026-04-02T00:00:00Z"])
    first, second = story.whole(known_at), story.whole("2026-06-20T00:00:00Z")
    learnt = learnt_between(first, second)
    walk = Walk(first, second, learnt, rule, values, switches)
    state, alone = walk.begin(first.now), walk.begin(second.now)
    for count, each in enumerate(learnt, 1):
        now = max(first.now, each.second)
        state = walk.learn(walk.wait(state, count - 1, now), count, now)
        then = History(second.contract, second.streams, known_at=None, position=each.position, now=now)
        assert state.figures == plainly(then, rule, values, switches), (seed, each)
        check_alone(walk, alone, each, learnt, second, lambda known: plainly(known, rule, values, switches))
    return len(learnt)


def check_alone(
    walk: Walk, alone: State, each: Learnt, learnt: list[Learnt], second: History, plain: Callable[[History], Any]
) -> None:
    others = frozenset(other.position for other in learnt) - {each.position}
    assert walk.learn_alone(alone, each, second.now).figures == plain(second.unlearning(others)), each


def test_after_each_entry_the_parts_say_what_the_whole_says() -> None:
    assert sum(check_walk(seed) for seed in range(6)) > 50


@pytest.mark.parametrize("number", range(len(MONTHS)))
def test_the_parts_together_are_the_whole(number: int) -> None:
    rule, values = asked(number)
    for seed in range(4):
        known = LongStory(seed).whole("2026-04-20T00:00:00Z")
        found = [part.judge(known, Frames(known)) for part in parts_of(rule, values)]
        assert leaves(together(rule.name, found)) == plainly(known, rule, values, {})


def test_where_a_contract_stands_nobody_asks_since_when_a_breach_was_known(monkeypatch: pytest.MonkeyPatch) -> None:
    from projections.knowable import Knowable

    lines = [STARTED, *outage("2026-03-03T10:00:00+01:00", "2026-03-03T17:00:00+01:00")]
    known = history(*lines, known_at="2026-04-02T00:00:00Z")
    monkeypatch.setattr(Knowable, "first", lambda *asked, **more: pytest.fail("asked since when"))
    rule, values = asked(0)
    assert plainly(known, rule, values, {})["A6.1.state"] == "broken"


def judged(lines: list[Any], told: list[Any], number: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many parts are judged anew for what is told in April."""
    first, second = (history(*lines, *told, known_at=t) for t in ("2026-04-02T00:00:00Z", "2026-04-30T00:00:00Z"))
    learnt = learnt_between(first, second)
    walk = Walk(first, second, learnt, *asked(number), {})
    state = walk.wait(walk.begin(first.now), 0, second.now)
    parts: list[Part] = []
    plain = Walk._judged
    monkeypatch.setattr(Walk, "_judged", lambda self, part, *seen: (parts.append(part), plain(self, part, *seen))[1])
    for count in range(1, len(learnt) + 1):
        state = walk.learn(state, count, second.now)
    assert len(learnt) == len(told)
    return len(parts)


MARCH = [STARTED, *outage("2026-03-03T10:00:00+01:00", "2026-03-03T17:00:00+01:00")]
NIGHT = {"backup": "B9", "scope": "client_data", "tiers": ["daily"], "locations": ["DC-A", "DC-B"],
         "started_at": "2026-04-09T21:30:00+02:00", "completed_at": "2026-04-09T22:30:00+02:00"}  # fmt: skip
LATER = [
    *outage("2026-04-07T10:00:00+02:00", "2026-04-07T11:00:00+02:00", "O9"),
    ("2026-04-10T04:30:00Z", "backup_completed", NIGHT),
]


def test_what_began_when_the_month_was_over_has_nothing_of_it_judged_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(MARCH, LATER, 0, monkeypatch) == 0


def test_of_the_register_backups_alone_are_judged_anew_for_a_later_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two subjects look at backups: backups, and restores."""
    assert judged(MARCH, LATER, 2, monkeypatch) == 2


def test_what_is_said_in_april_of_an_outage_of_march_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = outage("2026-03-31T12:00:00+02:00", "2026-04-07T11:00:00+02:00", "O9")
    assert judged([*MARCH, begun], [ended], 0, monkeypatch) > 0
    again = ("2026-04-08T08:00:00Z", "corrected",
             {"target": "o-end", "reason": "log", "data": {"outage": "O1", "at": "2026-03-03T17:30:00+01:00"}})  # fmt: skip
    start, (when, kind, data, *_) = MARCH[1], MARCH[2]
    assert judged([STARTED, start, (when, kind, data, {"id": "o-end"})], [again], 0, monkeypatch) > 0


@pytest.mark.parametrize("adopted", [False, True])
def test_where_a_month_goes_on_with_what_began_in_it_a_later_exclusion_is_judged(adopted: bool) -> None:
    """Under `month_split=start_month` March has the outage until its end in April, less what is excluded of that."""
    switches = {"month_split": "start_month"}
    reading = {"reading": "R1", "switches": switches, "effective_from": "2025-09-01T00:00:00+02:00"}
    excluded = {"exclusion": "X1", "ground": "force_majeure", "from": "2026-04-03T10:00:00+02:00",
                "to": "2026-04-07T11:00:00+02:00", "statement": "flood", "evidence": ["sha256:" + "0" * 64]}  # fmt: skip
    lines = [
        STARTED,
        ("2025-09-02T08:00:00Z", "reading_adopted", reading if adopted else {**reading, "switches": {"pooled": "yes"}}),
        *outage("2026-03-31T12:00:00+02:00", "2026-04-07T11:00:00+02:00"),
        ("2026-04-20T08:00:00Z", "exclusion_claimed", excluded),
    ]
    first, second = (history(*lines, known_at=t) for t in ("2026-04-19T00:00:00Z", "2026-04-30T00:00:00Z"))
    (rule, values), learnt = asked(2), learnt_between(first, second)
    given = {} if adopted else switches
    walk = Walk(first, second, learnt, rule, values, given)
    before = walk.wait(walk.begin(first.now), 0, second.now)
    after = walk.learn(before, 1, second.now)
    assert before.figures != after.figures == plainly(second, rule, values, given)
