"""When a month's breach could first be known, found by leaps, is what asking at every moment finds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.events import ContractStarted
from ledger.history import History
from ledger.spans import FOREVER, moment
from projections import knowable
from projections.availability import breaches
from projections.finding import ceil_seconds, earliest
from projections.frame import Frames
from projections.knowable import Excess, Knowable, Seconds
from projections.tally import Tally, measure, month_of
from projections.unavailability import interruptions
from tests.replaying import Story, text
from tests.story import CONTRACT, STARTED, at, history
from tests.test_availability import outage

MARCH = date(2026, 3, 1), date(2026, 4, 30)
READINGS: list[dict[str, str]] = [
    {}, {"night_outage": "breach_of_access"}, {"unannounced": "counts"}, {"relabel": "accepted"},
    {"concurrent": "excluded_only_where_sole_cause"}, {"concurrent": "excluded_if_any", "partial_effect": "any"},
    {"partial_effect": "prorata", "open_outage": "ignore"}, {"emergency": "evidenced_only"},
    {"window_exclusion": "temporal", "unannounced": "counts"}, {"prt_month": "whole_month"},
    {"overlap": "sum"}, {"month_split": "start_month"}, {"prt_basis": "elapsed"}, {"month_kind": "contract_month"},
]  # fmt: skip


def slowly(whole: History, month: Tally, excess: Excess, *, anywhere: bool = False) -> int | None:
    """The oracle: the whole history judged anew at each moment anything at all was learnt."""
    entries = [e for name, told in whole.streams.items() if name != "ledger" for p, e in told if p <= whole.position]
    attested = whole.knowledge == "attested"
    known = [min((attested and e.attested_at) or e.recorded_at, e.recorded_at) for e in entries]
    learnt = {max(month.span[0], ceil_seconds(m)) for m in known}

    def broken(known_at: int) -> bool:
        then = whole.as_known(moment(known_at))
        try:
            found = excess(measure(then, month.frame, month.label, month.span, interruptions(then)))
        except Refused:  # not a contract yet
            return False
        return found is not None and found > 0

    return earliest(broken, learnt, min(whole.now + 1, FOREVER))


def both(whole: History, reading: dict[str, str]) -> list[tuple[int | None, int | None]]:
    """Of each breach of the register: when it could first be known by leaps, and slowly."""
    found: list[tuple[int | None, int | None]] = []

    class Twice(Knowable):
        def first(self, month: Tally, excess: Excess, *, anywhere: bool = False) -> int | None:
            by_leaps = super().first(month, excess, anywhere=anywhere)
            found.append((by_leaps, slowly(whole, month, excess, anywhere=anywhere)))
            return by_leaps

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("projections.availability.Knowable", Twice)
        breaches(whole, Frames(whole, reading), *MARCH)
    return found


class OnService(Story):
    """A story told partly of a service the contract is put on, taken off, suspended or recorded late."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        random = self.random
        service = {"subject": "service:S1"}
        moved = {line[3]["id"] for line in self.lines[1:] if random.random() < 0.4 and not line[3]["id"].startswith("act")}
        lines = [self._put(line, service) if self._root(line) in moved else line for line in self.lines[1:]]
        started = {**CONTRACT, "services": ["S1"]} if random.random() < 0.7 else CONTRACT
        own = [(text(self.moment()) if random.random() < 0.2 else STARTED[0], "contract_started", started, {"id": "c"})]
        for _ in range(random.randint(0, 2)):
            known, when = self.moment(), text(self.moment())
            kind = random.choice(["contract_suspended", "contract_resumed", "contract_terminated"])
            own.append((text(known), kind, {"effective_from": when}, {"id": f"{kind}-{random.random()}"}))
            when = text(self.moment())
            own.append((text(self.later(known)), random.choice(["service_unassigned", "service_assigned"]),
                        {"service": "S1", "effective_from": when}, {"id": f"s-{random.random()}"}))  # fmt: skip
        self.lines = sorted([*own, *lines], key=lambda line: line[0])

    def _root(self, line: Any) -> str:
        """The entry an act is of in the end: a correction stands in its target's stream."""
        data, name = line[2], line[3]["id"]
        while "target" in data:
            name = data["target"]
            data = next(other[2] for other in self.lines[1:] if other[3]["id"] == name)
        return str(name)

    def _put(self, line: Any, extras: dict[str, str]) -> Any:
        return (*line[:3], {**line[3], **extras})


def attested(lines: list[Any], random: Any) -> list[Any]:
    """Some of the entries with an earlier instant at which their source knew."""
    found = []
    for line in lines:
        extras = dict(line[3]) if len(line) > 3 else {}
        said = line[2].get("at") or line[2].get("from")
        if said and random.random() < 0.5:
            extras["attestedat"] = said
        found.append((*line[:3], extras))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(READINGS), st.booleans(), st.booleans())
def test_leaps_find_what_asking_at_every_moment_finds(seed: int, reading: dict[str, str], service: bool, sourced: bool) -> None:
    story = (OnService if service else Story)(seed)
    lines = attested(story.lines, story.random) if sourced else story.lines
    known_at = story.known_at() if story.random.random() < 0.5 else None
    whole = history(*lines, known_at=known_at, knowledge="attested" if sourced else "recorded")
    if not whole.own(ContractStarted):
        return  # recorded after the knowledge asked for: it has no register
    for by_leaps, slow in both(whole, reading):
        assert by_leaps == slow


def measured(monkeypatch: pytest.MonkeyPatch, lines: list[Any], reading: dict[str, str] | None = None) -> int:
    """How often the month is measured to find when its breach could first be known."""
    count = 0

    def counted(*given: Any) -> Tally:
        nonlocal count
        count += 1
        return measure(*given)

    monkeypatch.setattr(knowable, "measure", counted)
    whole = history(*lines)
    (row,) = [row for row in breaches(whole, Frames(whole, reading), *MARCH) if row.obligation == "A6.1"]
    assert row.first_knowable_at is not None
    return count


def short(number: int, seconds: int = 60) -> list[Any]:
    """The outages of a day in March, a minute each, every ten minutes from 10:00, each told as it happens."""
    start = at("2026-03-02T09:00:00Z") + number // 40 * 86_400 + number % 40 * 600
    return outage(text(moment(start)), text(moment(start + seconds)), f"O{number}")


def test_an_ordinary_month_is_asked_only_where_it_may_break(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred outages, known at a thousand moments; the allowance is used up by the eighty-sixth."""
    lines = [STARTED, *(line for n in range(500) for line in short(n))]
    assert measured(monkeypatch, lines) <= 10


def test_exclusions_that_give_most_of_it_back_make_it_ask_more_often_but_not_at_every_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[Any] = [STARTED]
    for n in range(400):
        begun, ended = short(n)
        proof = ["sha256:" + "b" * 64]
        claim = {"exclusion": f"X{n}", "ground": "force_majeure", "from": begun[2]["at"], "to": ended[2]["at"],
                 "outage": f"O{n}", "statement": "the region was dark", "evidence": proof}  # fmt: skip
        lines += [begun, ended, *([(ended[0], "exclusion_claimed", claim)] if n % 3 else [])]
    assert measured(monkeypatch, lines) <= 60


def test_what_runs_unheard_of_breaks_the_month_as_time_passes() -> None:
    """Nothing is learnt between 10:00 and the end of the month, but the outage goes on."""
    whole = history(STARTED, *outage("2026-03-03T10:00:00+01:00", None))
    (row,) = breaches(whole, Frames(whole), date(2026, 3, 1), date(2026, 3, 31))
    assert row.row()["first_knowable_at"] == "2026-03-03T10:25:49Z"


@pytest.mark.parametrize(
    ("start", "end", "count"), [(0, 5, 0), (0, 11, 1), (12, 18, 6), (5, 35, 15), (15, 15, 0), (30, 12, 0), (19, 99, 6)]
)
def test_seconds_between_two_instants(start: int, end: int, count: int) -> None:
    assert Seconds(((10, 20), (30, 35))).between(start, end) == count
    assert Seconds(()).between(start, end) == 0


def test_a_later_knowledge_of_a_shorter_past_does_not_hide_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = outage("2026-03-03T10:00:00+01:00", "2026-03-03T12:00:00+01:00")
    shorter = {"outage": "O1", "at": "2026-03-03T10:10:00+01:00"}
    longer = {"outage": "O1", "at": "2026-03-03T13:00:00+01:00"}
    whole = history(
        STARTED, begun, (*ended[:3], {"id": "end"}),
        ("2026-03-05T00:00:00Z", "corrected", {"target": "end", "reason": "less", "data": shorter}, {"id": "less"}),
        ("2026-03-06T00:00:00Z", "corrected", {"target": "end", "reason": "more", "data": longer}),
    )  # fmt: skip
    assert both(whole, {}) == [(at("2026-03-03T10:25:49Z"),) * 2]


def test_the_end_of_an_outage_may_decide_how_an_exclusion_of_many_more_seconds_stands() -> None:
    """The emergency was declared while O1 ran; that O1 was over a minute earlier makes it late, and contested."""
    proof = ["sha256:" + "b" * 64]
    claim = {"exclusion": "X1", "ground": "emergency_maintenance", "from": "2026-03-03T10:00:00+01:00", "outage": "O1",
             "to": "2026-03-03T13:12:00+01:00", "statement": "the disks were failing", "evidence": proof}  # fmt: skip
    long = outage("2026-03-03T10:00:00+01:00", "2026-03-03T13:00:00+01:00", "O2")
    short_one, its_end = outage("2026-03-03T13:10:00+01:00", "2026-03-03T13:11:00+01:00", "O1")
    declared_at, heard_at = "2026-03-03T13:12:00+01:00", "2026-03-03T13:30:00+01:00"
    told = [(declared_at, *line[1:3]) for line in (*long, short_one)]
    whole = history(STARTED, *told, (declared_at, "exclusion_claimed", claim), (heard_at, *its_end[1:3]))
    assert both(whole, {"concurrent": "excluded_if_any"}) == [(at(heard_at), at(heard_at))]


def test_an_exclusion_beyond_the_month_bears_on_an_outage_that_began_in_it_and_counts_for_it_whole() -> None:
    begun, ended = outage("2026-03-31T19:30:00+02:00", "2026-04-01T20:00:00+02:00")
    claim = {"exclusion": "X1", "ground": "force_majeure", "from": "2026-04-01T07:00:00+02:00",
             "to": "2026-04-01T20:00:00+02:00", "statement": "a flood", "evidence": ["sha256:" + "b" * 64]}  # fmt: skip
    whole = history(
        STARTED, ("2026-04-03T10:00:00Z", "exclusion_claimed", claim, {"id": "flood"}),
        *(("2026-04-05T10:00:00Z", *line[1:3]) for line in (begun, ended)),
        ("2026-04-10T10:00:00Z", "retracted", {"target": "flood", "reason": "it was another house"}),
    )  # fmt: skip
    assert both(whole, {"month_split": "start_month"}) == [(at("2026-04-10T10:00:00Z"),) * 2]


def excess_of(limit: int) -> Callable[[Tally], Fraction]:
    return lambda tally: tally.ti - limit


def test_a_month_that_never_was_beyond_has_no_such_moment() -> None:
    whole = history(STARTED, *outage("2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00"))
    frame, label, span = month_of(whole, Frames(whole), "2026-03")
    month = measure(whole, frame, label, span, interruptions(whole))
    assert Knowable(whole).first(month, excess_of(3600)) is None
    assert Knowable(whole).first(month, excess_of(3599)) == at("2026-03-03T10:00:00Z")
