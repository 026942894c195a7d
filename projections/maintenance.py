"""Planned work is told 48 hours ahead, done in the window, and stops nobody before 22:00 (article 5).

Each maintenance is judged by the terms and the reading in force when its work began, or is to begin. Spans are
half-open, in whole seconds. Work not ended runs to the knowledge instant; where all was asked without an
instant, no further than its slot or the last it was heard of: nothing more is known of it. A maintenance of a
service counts for the seconds the contract is on that service, and nothing is owed outside the service period.
Emergencies and other environments than production are shown and owe no notice and no hours (A5.6, A6.5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from msgspec import Struct

from ledger import events as e
from ledger.corrections import Fact
from ledger.errors import Refused
from ledger.history import History, positions_of
from ledger.spans import FOREVER, NEVER, Instant, Spans, contains, difference, intersection, length, moment, span, union
from projections.concerning import Concerning
from projections.finding import Breach, Finding, at, ceil_seconds, spans_text, text
from projections.frame import Frame, Frames
from projections.ground import first_provable
from projections.notice import dated, in_force, reference, seconds_given

# Ours, not the contract's: article 5 sets no delay between publishing a notice and recording it. One that the
# ledger learnt of more than a day after it is said to have been published proves little, and is marked.
LATE_RECORDING_SECONDS = 86_400

ANNOUNCED = (e.MaintenanceAnnounced, e.MaintenanceRescheduled)
STOPS = (e.BlockingStarted, e.BlockingEnded)
TOLD = (*ANNOUNCED, e.MaintenanceCancelled, e.MaintenanceStarted, e.MaintenanceEnded, *STOPS)
SWITCHES = ("notice_reference", "notice_clock", "reschedule_notice", "slot_overrun", "blocking_limit")


def maintenance(history: History, frames: Frames, maintenances: tuple[str, ...] | None = None) -> Finding:
    """Notice, window, early blocking and slot of each maintenance, all when none is named (A5.1 to A5.7).

    `notice_seconds` runs from the announcement in force at the start of the work (the latest known, before it
    starts) to its planned start, null when none is in force. Raises `Refused("unknown_id")`.
    """
    measured = [_measure(history, frames, work) for work in _asked(_works(history), maintenances)]
    return Finding(
        result={m.work.name: _row(m) for m in measured},
        workings={m.work.name: _workings(m) for m in measured},
        because=positions_of(*(m.work.facts for m in measured)),
    )


def told(history: History, frames: Frames) -> dict[str, Any]:
    """The result of `maintenance` of all of them, without how it came about."""
    return {work.name: _row(_measure(history, frames, work)) for work in _works(history)}


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """What maintenances broke of A5.3, A5.4, A5.5 and A6.6, filed from `first` to `last`, local dates, included.

    Notice and status are filed at the start of the work, the others at the first second that breaks them.
    """
    rows: list[Breach] = []
    told: Concerning | None = None
    for work in _works(history):
        if work.started is not None and _near(work, first, last):
            m = _measure(history, frames, work)
            found = [row for row in _broken(history, m) if first <= m.frame.calendar.local_date(row.on) <= last]
            if found and not m.frame.comparing:
                told = told or Concerning(history, (*TOLD, e.MaintenanceStatusPublished), "maintenance")
            rows += [_breach(m, row, _first_shown(told, frames, m, row)) for row in found]
    return sorted(rows, key=lambda row: (row.on, row.obligation, row.subject, row.what))


class Row(NamedTuple):
    """One promise broken, before it is known since when that could be proved: not before `since`."""

    obligation: str
    what: str
    amount: str
    limit: str
    on: Instant
    since: Instant
    facts: Sequence[Fact]


def _broken(history: History, m: Measured) -> list[Row]:
    """The rows of one maintenance. What lasts is provable once its first second has passed, even before its end."""
    begun, limit = m.work.start_at, f"{m.frame.terms.maintenance.notice_seconds} s"
    called_off = [fact for fact in (*m.work.announced, *m.work.cancelled) if at(fact, "published_at") <= begun]
    rows = _lasting(m, "A5.3", "slot_overrun", (m.overrun or NEVER) if m.overran else NEVER)
    rows += _lasting(m, "A5.4", "outside_window", m.outside)
    rows += _lasting(m, "A5.5", "early_blocking", m.early)
    if m.short and m.notice is None:
        rows.append(Row("A5.3", "no_notice", "none", limit, begun, begun, called_off))
    elif m.short:
        rows.append(Row("A5.3", "short_notice", f"{m.notice} s", limit, begun, begun, m.chain))
    if m.owing and m.frame.terms.maintenance.status_page and not _shown(history, m.work):
        rows.append(Row("A6.6", "status_not_published", "0 publications", "1 publication", begun, begun, ()))
    return rows


def _lasting(m: Measured, obligation: str, what: str, spans: Spans) -> list[Row]:
    return [Row(obligation, what, f"{length(spans)} s", "0 s", on, on + 1, m.work.facts) for on, _ in spans[:1]]


def _breach(m: Measured, row: Row, first_knowable_at: Instant | None) -> Breach:
    assert m.work.started is not None
    return Breach(
        obligation=row.obligation, what=row.what, subject=m.work.name, period=text(row.on), amount=row.amount,
        limit=row.limit, on=row.on, first_knowable_at=first_knowable_at,
        clause=(m.frame.terms.availability if row.obligation == "A6.6" else m.frame.terms.maintenance).article,
        because=positions_of([m.work.started, *row.facts]),
    )  # fmt: skip


def _first_shown(told: Concerning | None, frames: Frames, m: Measured, row: Row) -> Instant | None:
    """The first knowledge at which this work broke this promise: what stood then may be withdrawn or mended since."""
    if told is None:
        return None

    def broken(then: History) -> bool:
        works = [work for work in _works(then) if work.started is not None]
        rows = [each for work in works for each in _broken(then, _measure(then, frames, work))]
        return (row.obligation, row.what) in [each[:2] for each in rows]

    near = told.history((m.work.stream, m.work.id), general=row.obligation == "A6.6")
    owed_since = m.spent[0][0] + 1 if m.spent else row.since  # by mere time, whatever was learnt before
    return first_provable(near, row.since, broken) or owed_since


def _shown(history: History, work: Work) -> bool:
    """A6.6 to the letter: by the start, an announcement, or a status of it or of all maintenances, was published.

    Neither the age of a status nor an announcement called off matters here (A5.3 sees to notice), and an
    emergency is a maintenance "en cours" as any other.
    """
    if any(at(fact, "published_at") <= work.start_at for fact in work.announced):
        return True
    pages = (work.stream, f"contract:{history.contract}")
    for fact in history.of(e.MaintenanceStatusPublished):
        named = fact.event.maintenance
        general = named is None and fact.stream in pages and history.counts(fact, at(fact))
        if at(fact) <= work.start_at and (general or (fact.stream, named) == (work.stream, work.id)):
            return True
    return False


class Work(Struct, frozen=True, kw_only=True):
    """All that is known of one maintenance of one stream; `announced` in the order of publication."""

    stream: str
    id: str
    name: str
    facts: tuple[Fact, ...]
    announced: tuple[Fact, ...]
    cancelled: tuple[Fact, ...]
    started: Fact | None
    ended: Fact | None
    blocking: tuple[Fact, ...]

    @property
    def start_at(self) -> Instant:
        """When work began; before that, when it is to begin."""
        return at(self.started) if self.started else at((self.in_force or self.announced)[-1], "planned_start")

    @property
    def in_force(self) -> tuple[Fact, ...]:
        """The announcements published by the start of the work, the one in force last; none once cancelled."""
        return in_force(self.announced, self.cancelled, at(self.started) if self.started else None)

    @property
    def kind(self) -> str | None:
        return self.started.event.kind if self.started else None

    @property
    def environment(self) -> str:
        """Where work is done: as started; before that, as announced (another slot does not move it)."""
        first = self.started or self.announced[0]
        return getattr(first.event, "environment", "production")


def _works(history: History) -> list[Work]:
    """The maintenances that count for the contract, by start and name; what has no beginning is not one."""
    told: dict[tuple[str, str], list[Fact]] = {}
    for fact in history.of(*TOLD):
        told.setdefault((fact.stream, fact.event.maintenance), []).append(fact)
    # a maintenance is told by facts of several types: all of them say whether its id is used elsewhere too
    uses = Counter(identity for _, identity in told)
    works = [_work(stream, identity, facts, uses[identity] > 1) for (stream, identity), facts in told.items()]
    counted = [work for work in works if (work.started or work.announced) and _counts(history, work)]
    return sorted(counted, key=lambda work: (work.start_at, work.name))


def _work(stream: str, identity: str, facts: list[Fact], elsewhere: bool) -> Work:
    def of(*kinds: type) -> tuple[Fact, ...]:
        return tuple(fact for fact in facts if isinstance(fact.event, kinds))

    prefix = f"{stream.partition(':')[2]}/" if elsewhere and stream.startswith("service:") else ""
    announced = sorted(of(*ANNOUNCED), key=lambda f: (at(f, "published_at"), f.position))
    stops = sorted(of(*STOPS), key=lambda f: (at(f), isinstance(f.event, e.BlockingStarted), f.position))
    return Work(
        stream=stream, id=identity, name=prefix + identity, facts=tuple(facts), announced=tuple(announced),
        cancelled=of(e.MaintenanceCancelled), blocking=tuple(stops),
        started=next(iter(of(e.MaintenanceStarted)), None), ended=next(iter(of(e.MaintenanceEnded)), None),
    )  # fmt: skip


def _counts(history: History, work: Work) -> bool:
    """Whether the work, or the slot it was last announced for, meets the time the contract is on the service."""
    planned = (work.in_force or work.announced)[-1:]
    ends_at = _until(work, history.now) if work.started else at(planned[0], "planned_end")
    reached = span(work.start_at, max(ends_at, work.start_at + 1))
    return intersection(reached, history.assigned(work.stream)) != NEVER


def _asked(works: list[Work], names: tuple[str, ...] | None) -> list[Work]:
    known = [work.name for work in works]
    for name in names or ():
        if name not in known:
            listed = ", ".join(known[:5]) or "none"
            raise Refused("unknown_id", f"no maintenance {name!r} is known of this contract; known: {listed}")
    return [work for work in works if names is None or work.name in names]


def _near(work: Work, first: date, last: date) -> bool:
    """Whether a breach of it may fall on these days, in any zone: spares measuring the rest."""
    over = work.ended is not None and (first - moment(at(work.ended)).date()).days > 1
    return not over and (moment(work.start_at).date() - last).days <= 1


class Measured(Struct, frozen=True, kw_only=True):
    """One maintenance against article 5: its notice, and its seconds by what they broke.

    `chain` runs from the announcement whose date counts to the one in force. `owing`: performed in production
    while the service was owed; `judged`: planned besides. `spent` and `blocked` are work and stops while owed.
    """

    work: Work
    frame: Frame
    owing: bool
    judged: bool
    chain: tuple[Fact, ...]
    notice: int | None
    spent: Spans
    blocked: Spans
    outside: Spans
    early: Spans
    overrun: Spans | None
    contested: str | None

    @property
    def short(self) -> bool:
        """A5.3: planned work performed without its notice; 48:00:00 to the second is met."""
        return self.judged and (self.notice is None or self.notice < self.frame.terms.maintenance.notice_seconds)

    @property
    def overran(self) -> bool:
        """Amb-36: planned work past its slot, where the reading asks notice of the excess too."""
        return self.judged and bool(self.overrun) and self.frame.reading.slot_overrun == "notice_breach"


def _measure(history: History, frames: Frames, work: Work) -> Measured:
    frame, until = frames.at(work.start_at), _until(work, history.now)
    owed = intersection(history.assigned(work.stream), history.in_force)
    spent = intersection(span(work.start_at, until), owed) if work.started else NEVER
    blocked = intersection(_blocked(work, until), spent)
    production = work.environment in frame.terms.availability.environments  # A6.5
    owing = production and work.started is not None and (spent != NEVER or contains(owed, work.start_at))
    judged, window = owing and work.kind == "planned", frame.terms.maintenance.window_spans
    chain = dated(work.in_force, frame.reading)
    after = span(at(chain[-1], "planned_end"), FOREVER) if chain and production else NEVER
    return Measured(
        work=work, frame=frame, owing=owing, chain=chain, notice=seconds_given(chain, frame), spent=spent,
        blocked=blocked,
        outside=difference(spent, window(frame.calendar, spent)) if judged else NEVER,  # A5.2, A5.4
        early=_early(frame, blocked) if judged else NEVER,  # A5.5
        overrun=intersection(spent, after) if chain else None,
        judged=judged, contested=_contested(history, frame, work, until),
    )  # fmt: skip


def _until(work: Work, now: Instant) -> Instant:
    """The end of work; not ended, it runs to `now`, or without one to its slot's end or its last known instant."""
    if work.ended or now < FOREVER:
        return at(work.ended) if work.ended else now
    return max([work.start_at, *(at(f, "planned_end") for f in work.in_force[-1:]), *(at(f) for f in work.blocking)])


def _blocked(work: Work, until: Instant) -> Spans:
    """When the service was stopped. A stop whose end is not known lasts to the next one, or to `until`."""
    stops, since = [], None
    for fact in work.blocking:
        if since is not None:
            stops.append((since, at(fact)))
        since = at(fact) if isinstance(fact.event, e.BlockingStarted) else None
    return union(stops, [] if since is None else [(since, until)])


def _early(frame: Frame, blocked: Spans) -> Spans:
    """Stops in the part of the window that is not for stops (Amb-01)."""
    if not blocked:
        return NEVER
    return frame.terms.maintenance.early_spans(frame.calendar, blocked, frame.reading.blocking_limit)


def _contested(history: History, frame: Frame, work: Work, until: Instant) -> str | None:
    """Why a declared emergency is open to dispute, null when it stands (A5.6; Amb-02, Amb-38)."""
    if work.started is None or work.kind != "emergency":
        return None
    if frame.reading.emergency == "not_accepted":
        return "emergency=not_accepted: no declaration is taken at its word"
    if frame.reading.emergency == "evidenced_only" and not work.started.event.evidence:
        return "emergency=evidenced_only: declared without evidence"
    if not (work.started.event.urgency_reason or "").strip():
        return "no reason of urgency is given"
    stops = _blocked(work, until) or span(work.start_at, until)
    still_open = work.ended is None and not any(isinstance(f.event, e.BlockingEnded) for f in work.blocking[-1:])
    over = stops[:-1] if still_open else stops
    late = bool(over) and frame.reading.relabel != "accepted" and _said_late(history, work.started, over[0][1])
    return "declared after the stop had ended" if late else None


def _said_late(history: History, started: Fact, over_at: Instant) -> bool:
    """Whether it was not known as an emergency when the first stop was over; corrections of the rest do not count."""
    if started.known_at <= moment(over_at) or started.first_known_at > moment(over_at):
        return started.first_known_at > moment(over_at)
    then = history.as_known(moment(min(over_at, history.now))).of(e.MaintenanceStarted)
    return not any(fact.position == started.position and fact.event.kind == "emergency" for fact in then)


# --- what is shown ---


def _row(m: Measured) -> dict[str, Any]:
    late = max(0, ceil_seconds(m.chain[-1].known_at) - at(m.chain[-1], "published_at")) if m.chain else None
    return {
        "notice_seconds": m.notice,
        "notice_breach": m.short or m.overran,
        "early_blocking_seconds": length(m.early),
        "outside_window_seconds": length(m.outside),
        "slot_overrun_seconds": None if m.overrun is None else length(m.overrun),
        "performed": m.work.started is not None,
        "kind": m.work.kind,
        "announced_at": text(at(m.chain[-1], "published_at")) if m.chain else None,
        "recorded_late_seconds": late,
        "late_recording": late is not None and late > LATE_RECORDING_SECONDS,
        "emergency_contested": m.contested is not None,
    }


def _workings(m: Measured) -> dict[str, Any]:
    windowed = m.frame.terms.maintenance.window_spans(m.frame.calendar, m.blocked)
    return {
        "clause": f"art. {m.frame.terms.maintenance.article}",
        "environment": m.work.environment,
        "announcements": [_announcement(fact, m.chain) for fact in (*m.work.announced, *m.work.cancelled)],
        "notice": _notice_workings(m) if m.chain else None,
        "work": spans_text(m.spent),
        "outside_window": spans_text(m.outside),
        "blocking": spans_text(m.blocked),
        "blocking_in_window_seconds": length(windowed),
        "allowed_blocking_seconds": length(difference(windowed, _early(m.frame, m.blocked))),
        "early_blocking": spans_text(m.early),
        "slot_overrun": None if m.overrun is None else spans_text(m.overrun),
        "notes": _notes(m),
        "positions": list(positions_of(m.work.facts)),
        "switches": [{"switch": name, "value": m.frame.reading[name]} for name in SWITCHES],
    }


def _notice_workings(m: Measured) -> dict[str, Any]:
    field = reference(m.chain, m.frame)
    ends = {"from": text(at(m.chain[0], field)), "field": field, "to": text(at(m.chain[-1], "planned_start"))}
    return {**ends, "seconds": m.notice, "required_seconds": m.frame.terms.maintenance.notice_seconds}


def _announcement(fact: Fact, chain: tuple[Fact, ...]) -> dict[str, Any]:
    slot = [] if isinstance(fact.event, e.MaintenanceCancelled) else ["planned_start", "planned_end"]
    return {
        "published_at": text(at(fact, "published_at")),
        "slot": [text(at(fact, field)) for field in slot],  # empty: called off
        "in_force": fact in chain[-1:],
        "notice_runs_from_it": fact in chain[:1],
        "positions": list(fact.positions),
    }


def _notes(m: Measured) -> list[str]:
    """What a reader must know beside the numbers."""
    notes, wanted = [], f"{m.frame.reading['notice_reference']}_at"
    if m.chain and reference(m.chain, m.frame) != wanted:
        notes.append(f"the announcement has no {wanted}: notice runs from its publication")
    if m.work.started and not m.work.ended:
        notes.append(f"not ended: taken to {text(max([m.work.start_at, *(end for _, end in m.spent)]))}")
    if m.work.started and not m.judged:
        notes.append("article 5 asks no notice of it: an emergency, not production, or outside the service period")
    return notes if m.contested is None else [*notes, f"contested: {m.contested}"]
