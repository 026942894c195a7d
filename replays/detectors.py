"""Searches a contract's whole history for what looks played: verdicts that moved, words said late, slots chained.

A finding is no verdict: it names the entries it rests on, and says in seconds what was found. What counts:

verdict_changed      the month's verdict on availability, asked at its end (or at its first statement, if that came
                     within a month) and again at every later change of knowledge that bears on it, is another one;
                     the entry that did it is named
figures_changed      the same, where the unavailability moved and the verdict did not
declared_late        planned work of which no announcement was published by its start, and the first word of it was
                     published after; or an announcement dated before the start, and recorded only when the ledger had
                     known for a while that the work had begun (learnt in one go, it says how often somebody looked)
notice_shortened     another slot, not inside the one it replaces, published with less than the terms' notice to its
                     start and with less than the slot it replaces had; a slot of the same start and no end is none
class_changed        a correction that turns planned work into an emergency or back, or gives an outage another effect
slots_chained        a slot of another maintenance that begins inside an announced slot or within an hour of its end,
                     ends after it, and was published later and with less than the notice: an extension under another
                     name, which as a reschedule would have had to wait its notice; slots without an end are none
collector_changed    figures or classes that moved because what collects the facts read an unchanged page otherwise, by
                     its own word: told once for each thing, as it says nothing of what the provider did
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ledger.codec import Entry
from ledger.corrections import Fact, replacement, resolve_target
from ledger.errors import Refused
from ledger.events import (
    AvailabilityStatementIssued,
    Corrected,
    MaintenanceAnnounced,
    MaintenanceCancelled,
    MaintenanceEnded,
    MaintenanceRescheduled,
    MaintenanceStarted,
    MaintenanceStatusPublished,
    OutageEnded,
    OutageStarted,
)
from ledger.history import History, positions_of
from ledger.intake.github_status import COLLECTOR
from ledger.intake.jenkins import ASSUMED
from ledger.spans import FOREVER, Instant, Span, contains, moment, seconds
from projections.bearing import bearing
from projections.finding import at, ceil_seconds, text
from projections.frame import Frame, Frames
from projections.periods import months_between
from projections.tally import measure, month_of
from projections.unavailability import interruptions

STATED_WITHIN_SECONDS = 31 * 86_400  # after the month: what a first statement says is what was said of it
CHAINED_SECONDS = 3600  # ours: how long after a slot's end another one still looks like the same work going on
KINDS = (
    "verdict_changed", "figures_changed", "declared_late", "notice_shortened", "class_changed", "slots_chained",
    "collector_changed",
)  # fmt: skip

Key = tuple[str, str]  # stream, id


class Detected(Struct, frozen=True, kw_only=True):
    """One finding: its kind, about what, when it was done, what was found, by how many seconds, on which entries."""

    kind: str
    about: str
    at: str
    says: str
    seconds: int | None
    evidence: tuple[int, ...]


def detect(history: History, frames: Frames) -> list[Detected]:
    """Every finding over the whole history, by kind and time."""
    works = list(_works(history))
    moved, collected = _by_the_collector(history, [*_verdicts_changed(history, frames), *_classes_changed(history)])
    found = [
        *moved,
        *_declared_late(frames, works),
        *_notice_shortened(frames, works),
        *_slots_chained(frames, works),
        *collected,
    ]
    return sorted(found, key=lambda d: (KINDS.index(d.kind), d.at, d.about, d.evidence))


def _by_the_collector(history: History, found: Iterable[Detected]) -> tuple[list[Detected], list[Detected]]:
    """What moved because the provider's word did, and apart, thing by thing, what only the collector moved."""
    entries = {p: entry for stream in history.streams.values() for p, entry in stream}
    moved: list[Detected] = []
    collected: dict[str, list[Detected]] = {}
    for one in found:
        event = entries[one.evidence[-1]].event
        if isinstance(event, Corrected) and COLLECTOR in (event.reason or ""):
            collected.setdefault(one.about, []).append(one)
        else:
            moved.append(one)
    return moved, [_together(group) for group in collected.values()]


def _together(group: list[Detected]) -> Detected:
    first = min(group, key=lambda one: one.at)
    times = "once" if len(group) == 1 else f"{len(group)} times"
    says = f"{times}, though the page had not changed; first: {first.says}"
    evidence = tuple(sorted({position for one in group for position in one.evidence}))
    return replace(first, kind="collector_changed", says=says, evidence=evidence)


# --- months whose verdict moved ---


def _verdicts_changed(history: History, frames: Frames) -> Iterator[Detected]:
    begun = seconds(history.started.event.service_start)
    calendar = frames.at(begun).calendar
    heard = max(seconds(fact.known_at) for fact in history.facts)  # of its services too
    for label in months_between(calendar.local_date(begun), calendar.local_date(min(history.now, heard))):
        frame, _, span = month_of(history, frames, label)
        if span[1] <= history.now:
            yield from _moves(history, frame, label, span)


def _moves(history: History, frame: Frame, label: str, span: Span) -> Iterator[Detected]:
    near, learnt = bearing(history, span, running_on=frame.reading.month_split != "split")
    published_at = _published_at(history, label, span)
    stood = _found(near.as_known(moment(published_at)), frame, label, span)
    for instant in [known for known in learnt if published_at < known <= min(history.now, FOREVER - 1)]:
        then = near.as_known(moment(instant))
        reached = _found(then, frame, label, span)
        if stood is not None and reached is not None and reached != stood:
            turned = reached[0] != stood[0]
            says = f"{stood[1]} s lost, then {reached[1]} s"
            yield Detected(
                kind="verdict_changed" if turned else "figures_changed", about=label, at=text(instant),
                says=f"{_word(stood[0])}, then {_word(reached[0])}" if turned else says,
                seconds=instant - span[1], evidence=_did_it(then, near, instant, frame, label, span, reached),
            )  # fmt: skip
        stood = reached or stood


def _published_at(history: History, label: str, span: Span) -> Instant:
    """A statement issued late, once more was known, hides nothing that moved before it."""
    stated = [at(f, "known_at") for f in history.of(AvailabilityStatementIssued) if f.event.month == label]
    first = min(stated, default=span[1])
    return max(span[1], first) if first <= span[1] + STATED_WITHIN_SECONDS else span[1]


Figures = tuple[bool | None, Fraction]


def _found(known: History, frame: Frame, label: str, span: Span) -> Figures | None:
    """The month's verdict and unavailability at a knowledge; None before the contract is known: nothing was said."""
    try:
        tally = measure(known, frame, label, span, interruptions(known))
    except Refused as refused:
        if refused.code == "unknown_contract":
            return None
        raise
    return tally.breach(tally.ti), tally.ti


def _did_it(
    then: History, near: History, instant: Instant, frame: Frame, label: str, span: Span, reached: Figures
) -> tuple[int, ...]:
    """Of what was learnt at the instant, in the order of positions, the entry with which the new figures came."""
    before = set(near.as_known(moment(instant - 1)).known_positions())
    fresh = [position for position in then.known_positions() if position not in before]
    for n, position in enumerate(fresh, 1):
        if _found(then.unlearning(frozenset(fresh[n:])), frame, label, span) == reached:
            return (position,)
    return tuple(fresh)


def _word(verdict: bool | None) -> str:
    return {True: "broken", False: "kept", None: "nothing to judge"}[verdict]


# --- planned work: what was said of it, and when ---


class _Work(Struct, frozen=True, kw_only=True):
    """What was told of one maintenance, in the order it was published."""

    key: Key
    announced: tuple[Fact, ...]
    started: Fact | None
    words: tuple[Fact, ...]  # announcements and statuses of it
    cancelled: bool


def _works(history: History) -> Iterator[_Work]:
    kinds = (MaintenanceAnnounced, MaintenanceRescheduled, MaintenanceCancelled, MaintenanceStarted,
             MaintenanceStatusPublished)  # fmt: skip
    told: dict[Key, list[Fact]] = {}
    for fact in history.of(*kinds):
        if fact.event.maintenance is not None and history.counts(fact, _said_at(fact)):
            told.setdefault((fact.stream, fact.event.maintenance), []).append(fact)
    for key, facts in told.items():
        announced = [f for f in facts if isinstance(f.event, MaintenanceAnnounced | MaintenanceRescheduled)]
        statuses = [f for f in facts if isinstance(f.event, MaintenanceStatusPublished)]
        yield _Work(
            key=key,
            announced=tuple(sorted(announced, key=lambda f: (at(f, "published_at"), f.position))),
            started=next((f for f in facts if isinstance(f.event, MaintenanceStarted)), None),
            words=tuple(sorted([*announced, *statuses], key=lambda f: (_said_at(f), f.position))),
            cancelled=any(isinstance(f.event, MaintenanceCancelled) for f in facts),
        )


def _said_at(fact: Fact) -> Instant:
    return at(fact, "published_at") if hasattr(fact.event, "published_at") else at(fact)


def _declared_late(frames: Frames, works: Iterable[_Work]) -> Iterator[Detected]:
    """A5.3: planned work in production nobody was told of by its start."""
    for work in works:
        begun = work.started
        if begun is None or begun.event.kind != "planned" or not _rated(frames, begun):
            continue
        start = at(begun)
        in_time = [f for f in work.announced if at(f, "published_at") <= start]
        backdated = bool(in_time) and min(map(_known_at, in_time)) > max(start, _known_at(begun))
        word = min(in_time, key=_known_at) if backdated else next(iter(work.words), begun)
        if in_time and not backdated:
            continue
        said_at = _known_at(word) if backdated or word is begun else _said_at(word)
        if said_at > start:
            says = "announced by its own date, recorded after it began" if backdated else "first told after it began"
            yield _about(work, said_at, "declared_late", says, said_at - start, positions_of([begun, word]))


def _known_at(fact: Fact) -> Instant:
    return ceil_seconds(fact.first_known_at)


def _rated(frames: Frames, fact: Fact) -> bool:
    return getattr(fact.event, "environment", "production") in frames.at(at(fact)).terms.availability.environments


def _notice_shortened(frames: Frames, works: Iterable[_Work]) -> Iterator[Detected]:
    """Amb-05: a slot inside the one it replaces keeps its notice; any other starts it anew."""
    for work in works:
        for old, new in zip(work.announced, work.announced[1:], strict=False):
            if work.started is not None and at(new, "published_at") > at(work.started):
                continue
            notice, before = _notice(new), _notice(old)
            if not _inside(old, new) and notice < min(_required(frames, new), before):
                says = f"{notice} s of notice, where the slot before had {before} s"
                yield _about(work, at(new, "published_at"), "notice_shortened", says, before - notice,
                             positions_of([old, new]))  # fmt: skip


def _inside(old: Fact, new: Fact) -> bool:
    if new.event.note == ASSUMED:  # its end is the reader's, not the source's: only the start says anything
        return at(new, "planned_start") == at(old, "planned_start")
    return at(old, "planned_start") <= at(new, "planned_start") and at(new, "planned_end") <= at(old, "planned_end")


def _notice(fact: Fact) -> int:
    return at(fact, "planned_start") - at(fact, "published_at")


def _required(frames: Frames, fact: Fact) -> int:
    return frames.at(at(fact, "planned_start")).terms.maintenance.notice_seconds


def _slots_chained(frames: Frames, works: Iterable[_Work]) -> Iterator[Detected]:
    slots = [(work, work.announced[-1]) for work in works if work.announced and not work.cancelled]
    slots.sort(key=lambda pair: (at(pair[1], "planned_start"), pair[1].position))
    for n, (later, new) in enumerate(slots):
        if _notice(new) >= _required(frames, new):
            continue
        for earlier, old in slots[:n]:
            if earlier.key[0] == later.key[0] and _chains(old, new):
                says = f"goes on from {earlier.key[1]}, with {_notice(new)} s of notice of its own"
                beyond = at(new, "planned_end") - at(old, "planned_end")
                yield _about(later, at(new, "published_at"), "slots_chained", says, beyond, positions_of([old, new]))


def _chains(old: Fact, new: Fact) -> bool:
    if ASSUMED in (old.event.note, new.event.note):
        return False  # an end the source never gave bounds nothing
    gap = at(new, "planned_start") - at(old, "planned_end")
    after = at(new, "planned_end") > at(old, "planned_end") and at(new, "published_at") > at(old, "published_at")
    return gap <= CHAINED_SECONDS and after


def _about(work: _Work, when: Instant, kind: str, says: str, seconds: int, evidence: tuple[int, ...]) -> Detected:
    return Detected(kind=kind, about=work.key[1], at=text(when), says=says, seconds=seconds, evidence=evidence)


# --- what a correction made of it ---


def _classes_changed(history: History) -> Iterator[Detected]:
    """Each correction that gave work another kind, or an outage another effect, against what stood before it."""
    for stream in history.streams:
        known = [(p, e) for p, e, _ in history._known(stream)]
        ended = _ends(history, stream)
        for found, event in _changes(known, ended):
            if contains(history.assigned(stream), seconds(event.at)):
                yield found


def _ends(history: History, stream: str) -> dict[str, Instant]:
    facts = [f for f in history.of(OutageEnded, MaintenanceEnded) if f.stream == stream]
    return {getattr(f.event, "outage", None) or f.event.maintenance: at(f) for f in facts}


def _changes(known: list[tuple[int, Entry]], ended: dict[str, Instant]) -> Iterator[tuple[Detected, Any]]:
    by_id: dict[str, list[int]] = {}
    stood: dict[int, Any] = {}
    for position, entry in known:
        event = entry.event
        if isinstance(event, OutageStarted | MaintenanceStarted):
            stood[position] = event
        elif isinstance(event, Corrected):
            target = resolve_target(event.target, position, by_id)
            if target in stood:
                before, after = stood[target], replacement(stood[target], event)
                stood[target] = after
                if _class(before) != _class(after):
                    yield _changed(before, after, entry, (target, position), ended), after
        by_id.setdefault(entry.id, []).append(position)


def _class(event: Any) -> str:
    named: str = getattr(event, "kind", None) or event.effect
    return named


def _changed(before: Any, after: Any, entry: Entry, evidence: tuple[int, int], ended: dict[str, Instant]) -> Detected:
    name = getattr(before, "outage", None) or before.maintenance
    said_at, over = ceil_seconds(entry.recorded_at), ended.get(name)
    late = None if over is None else said_at - over
    when = "" if late is None or late <= 0 else ", after it was over"
    return Detected(
        kind="class_changed", about=name, at=text(said_at), says=f"{_class(before)}, then {_class(after)}{when}",
        seconds=late, evidence=evidence,
    )  # fmt: skip
