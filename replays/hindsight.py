"""Looking back at a period: when each breach happened, when it could first be known, and what would turn it.

`broken_at` is when the promise was broken by the facts as they stand now, `first_knowable_at` the earliest
knowledge that proves it, and the detection delay lies between the two. For a month of availability (article 6)
the margin is counted to the second, and each thing that could fall or be accepted is tried alone: a lever. Months
that were kept are shown too, by what they have to spare. Every instant is UTC, every period half-open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ledger.events import ExclusionContested, ExclusionRejected
from ledger.history import History, positions_of
from ledger.spans import Instant, seconds
from projections.breaches import SUBJECTS, breaches_of
from projections.exclusions import EMERGENCY, Exclusion
from projections.finding import Breach, text
from projections.frame import Frames
from projections.periods import months_between, over
from projections.tally import Tally, measure, month_of
from projections.unavailability import Stop, interruptions

AMOUNT = re.compile(r"(-?\d+) (\w+)")
RUNNING = {"kept": "kept so far (running)", "broken": "broken (running)", "contested": "contested so far (running)"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Lever(Struct, frozen=True, kw_only=True):
    """One thing that, shown alone, changes a month: by how many seconds of unavailability, and whether it turns it.

    `seconds` is what TI would become less what it is: negative favours the provider.
    """

    shown: str
    ground: str | None
    seconds: int
    turns: bool
    positions: tuple[int, ...]


class Month(Struct, frozen=True, kw_only=True):
    """A month of availability by its margin: `spare_seconds` below zero are what is missing to have kept it.

    `verdict` is by what has happened so far where the month is not `over`: it may yet be broken.
    """

    month: str
    over: bool
    verdict: str
    ti_seconds: int
    allowed_seconds: int
    spare_seconds: int
    excluded_by_ground: dict[str, int]
    levers: tuple[Lever, ...]


class Known(Struct, frozen=True, kw_only=True):
    """One breach in hindsight. `missing` says in its own unit what was short of the promise."""

    obligation: str
    what: str
    subject: str
    period: str
    contested: bool
    broken_at: str
    first_knowable_at: str | None
    detection_delay_seconds: int | None
    missing: str | None
    because: tuple[int, ...]


class Hindsight(Struct, frozen=True, kw_only=True):
    """The breaches of a period in the order they fell due, and its months of availability."""

    contract: str
    first: str
    last: str
    known_at: str | None
    position: int
    breaches: tuple[Known, ...]
    months: tuple[Month, ...]


def hindsight(history: History, frames: Frames, first: date, last: date) -> Hindsight:
    """The breaches filed from `first` to `last`, local dates, both included, and the months that end in them.

    Raises `Refused` as the register does.
    """
    stops = interruptions(history)
    found = [breach for subject in SUBJECTS for breach in breaches_of(subject, history, frames, first, last)]
    found.sort(key=lambda b: (b.on, b.obligation, b.subject, b.period, b.what))
    return Hindsight(
        contract=history.contract,
        first=first.isoformat(),
        last=last.isoformat(),
        known_at=None if history.known_at is None else text(seconds(history.known_at)),
        position=history.position,
        breaches=tuple(_known(history, frames, stops, breach) for breach in found),
        months=tuple(_months(history, frames, stops, first, last)),
    )


# --- breaches ---


def _known(history: History, frames: Frames, stops: Sequence[Stop], breach: Breach) -> Known:
    broken_at = _broken_at(history, frames, stops, breach)
    knowable = breach.first_knowable_at
    return Known(
        obligation=breach.obligation,
        what=breach.what,
        subject=breach.subject,
        period=breach.period,
        contested=breach.contested,
        broken_at=text(broken_at),
        first_knowable_at=None if knowable is None else text(knowable),
        detection_delay_seconds=None if knowable is None else max(0, knowable - broken_at),
        missing=missing(breach.amount, breach.limit),
        because=breach.because,
    )


def _broken_at(history: History, frames: Frames, stops: Sequence[Stop], breach: Breach) -> Instant:
    """A month breaks in the second its allowance is used up, a period at its end, anything else when it is filed."""
    if breach.what == "below_minimum":
        return _used_up(history, frames, stops, breach)
    return breach.on if breach.period == text(breach.on) else breach.on + 1


def _used_up(history: History, frames: Frames, stops: Sequence[Stop], breach: Breach) -> Instant:
    """The end of the first second beyond the allowance, by what is known now of what happened (A6.1)."""
    frame, label, span = month_of(history, frames, breach.period)

    def broken(at: Instant) -> bool:
        past = [replace(stop, end=min(stop.end, at)) for stop in stops if stop.start < at]
        tally = measure(history, frame, label, span, past)
        return bool(tally.breach(tally.ti_at_worst if breach.contested else tally.ti))

    low, high = span
    while high - low > 1:  # not broken at low; more time never takes a lost second back
        middle = (low + high) // 2
        low, high = (low, middle) if broken(middle) else (middle, high)
    return high


def missing(amount: str, limit: str) -> str | None:
    """How far an amount is from its limit, in the unit both name: `3600 s`; None where they name no number."""
    said, asked = MOMENT.findall(amount), MOMENT.findall(limit)
    if said and asked:
        return f"{_instant(said[-1]) - _instant(asked[-1])} s"
    found, wanted = AMOUNT.search(amount), AMOUNT.search(limit)
    if wanted is None:
        return None
    have = int(found[1]) if found else 0  # `none`: all of it is missing
    return f"{abs(int(wanted[1]) - have)} {wanted[2]}"


def _instant(written: str) -> Instant:
    return seconds(datetime.fromisoformat(written.replace("Z", "+00:00")))


# --- months ---


def _months(history: History, frames: Frames, stops: Sequence[Stop], first: date, last: date) -> Iterator[Month]:
    for label in months_between(first, last):
        frame, _, span = month_of(history, frames, label)
        if not first <= frame.calendar.local_date(span[1] - 1) <= last:
            continue
        tally = measure(history, frame, label, span, stops)
        if tally.prt and span[0] < history.now:  # of a month that has not begun there is nothing to look back at
            yield _month(history, tally, stops)


def _month(history: History, tally: Tally, stops: Sequence[Stop]) -> Month:
    grounds: dict[str, int] = {}
    levers = tuple(_levers(history, tally, stops))
    for lever in levers:
        if lever.ground is not None and lever.seconds > 0:
            grounds[lever.ground] = grounds.get(lever.ground, 0) + lever.seconds
    return Month(
        month=tally.label,
        over=over(tally.span[1], history.now),
        verdict=_verdict(tally),
        ti_seconds=_whole(tally.ti),
        allowed_seconds=tally.allowed.__floor__(),
        spare_seconds=(tally.allowed - tally.ti).__floor__(),
        excluded_by_ground=grounds,
        levers=levers,
    )


def _verdict(tally: Tally) -> str:
    """Kept or broken; contested where what is disputed decides it."""
    broken = tally.breach(tally.ti)
    return "contested" if broken != tally.breach(tally.ti_at_worst) else "broken" if broken else "kept"


def _levers(history: History, tally: Tally, stops: Sequence[Stop]) -> Iterator[Lever]:
    """Each stop, claim and exclusion of the month turned round alone; what changes nothing is left out."""
    for shown, ground, other, rest, positions in _cases(history, tally, stops):
        turned = measure(other, tally.frame, tally.label, tally.span, rest)
        if turned.ti != tally.ti:
            yield Lever(
                shown=shown,
                ground=ground,
                seconds=_whole(turned.ti - tally.ti),
                turns=turned.breach(turned.ti) != tally.breach(tally.ti),
                positions=positions,
            )


Case = tuple[str, str | None, History, Sequence[Stop], tuple[int, ...]]


def _cases(history: History, tally: Tally, stops: Sequence[Stop]) -> Iterator[Case]:
    for loss in tally.losses:
        stop, name = loss.by.stop, loss.by.name
        positions = positions_of(stop.facts)
        if stop.state == "claimed":
            accepted = [replace(s, state="accepted") if s is stop else s for s in stops]
            yield f"claim {name} is accepted", None, history, accepted, positions
        elif loss.by.certain:
            yield f"{stop.kind} {name} did not count", None, history, [s for s in stops if s is not stop], positions
    for each in tally.exclusions:
        if each.facts and each.ground != EMERGENCY:
            yield from _turned_round(history, each, stops)


def _turned_round(history: History, each: Exclusion, stops: Sequence[Stop]) -> Iterator[Case]:
    """A standing exclusion that falls, or a rejected one that stands after all."""
    positions = positions_of(each.facts)
    against = [f for f in each.facts if isinstance(f.event, ExclusionRejected | ExclusionContested)]
    claim = frozenset(each.facts[0].positions)
    if each.stands and each.state != "of right":
        yield f"exclusion {each.id} falls", each.ground, history.unlearning(claim), stops, positions
    elif against:
        without = history.unlearning(frozenset(p for f in against for p in f.positions))
        yield f"exclusion {each.id} stands", each.ground, without, stops, positions


def _whole(amount: Fraction | int) -> int:
    return (Fraction(amount) + Fraction(1, 2)).__floor__()


def month_rows(found: Hindsight) -> list[dict[str, Any]]:
    """The months as rows of a table."""
    return [
        {
            "month": m.month, "verdict": m.verdict if m.over else RUNNING[m.verdict], "ti_seconds": m.ti_seconds,
            "allowed": m.allowed_seconds, "spare": m.spare_seconds,
            "turned by": "; ".join(f"{lv.shown} ({lv.seconds:+} s)" for lv in m.levers if lv.turns) or None,
        }
        for m in found.months
    ]  # fmt: skip


def rows(found: Hindsight) -> list[dict[str, Any]]:
    """The breaches as rows of a table."""
    return [
        {
            "obligation": b.obligation, "what": b.what, "subject": b.subject, "period": b.period,
            "broken_at": b.broken_at, "first_knowable_at": b.first_knowable_at,
            "delay_seconds": b.detection_delay_seconds, "missing": b.missing,
        }
        for b in found.breaches
    ]  # fmt: skip
