"""What a month adds up to: its reference period, what was lost of it, and what the exclusions give back.

The formulas of article 6, exact: U is every interruption that counts, X every exclusion that stands, and
TI = |U in PRT| - |U in PRT in X|. Beside the main figure stands the worst one, in which no contested
exclusion holds and every open claim does. Spans are half-open; sums are seconds, fractions where an outage
counts by its share of users.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property

from msgspec import Struct

from ledger.history import History
from ledger.spans import FIRST, FOREVER, NEVER, Span, Spans, difference, intersection, length, union
from ledger.spans import seconds as instant_of
from projections.exclusions import WINDOW, Exclusion, applied, exclusions, unsheltered, window
from projections.finding import percent
from projections.frame import Frame, Frames
from projections.periods import month_span, over
from projections.unavailability import Counted, Stop, by_weight, counted, weighed

Parts = list[tuple[Spans, Fraction]]


class Loss(Struct, frozen=True, kw_only=True):
    """A stop, and the seconds of the month's reference period it costs before any exclusion."""

    by: Counted
    spans: Spans

    @property
    def disputed(self) -> bool:
        return self.by.stop.state == "claimed"


class Tally(Struct, frozen=True, kw_only=True, dict=True):
    """The sums of one month, exact, in seconds; each is worked out when it is asked for."""

    label: str
    span: Span
    frame: Frame
    provisional: bool
    within: Span  # what is looked at: the month, or as far as what began in it went on
    whole: Spans  # the reference period of that
    prt: int  # how much of the month's the rate is taken of
    stops: tuple[Counted, ...]  # every stop near, counted or not
    losses: tuple[Loss, ...]  # those of this month
    exclusions: tuple[Exclusion, ...]
    shelters: tuple[tuple[Exclusion, Spans], ...]  # those that stand, and how far

    @cached_property
    def overlap(self) -> str:
        """How seconds lost twice count (Amb-10); where no two stops meet, it makes no difference."""
        weighty = [loss.by.spans for loss in self.losses if loss.by.weight]
        apart = len(weighty) < 2 or length(union(*weighty)) == sum(map(length, weighty))
        return "union" if apart else self.frame.reading.overlap

    @cached_property
    def reference(self) -> Spans:
        """The month's whole reference period."""
        return intersection(self.whole, (self.span,))

    @cached_property
    def gross(self) -> Fraction:
        """What was lost of the reference period, before any exclusion."""
        return weighed(self._certain, self.overlap)

    @cached_property
    def ti(self) -> Fraction:
        """TI: what was lost, less what the exclusions that stand give back."""
        return weighed(without(self._certain, self._shelter), self.overlap)

    @cached_property
    def ti_at_worst(self) -> Fraction:
        """The same with contested exclusions fallen and open claims accepted."""
        if not any(each.contested for each in self._standing) and all(s.certain for s in self.stops if s.weight):
            return self.ti
        every = self._together((loss.spans, loss.by.weight) for loss in self.losses if loss.by.weight)
        return weighed(without(every, self._least), self.overlap)

    @cached_property
    def doubtful(self) -> Spans:
        """What only contested exclusions shelter."""
        return difference(self._shelter, self._least)

    @cached_property
    def total(self) -> Fraction:
        """What was lost, in and out of the reference period."""
        whole = self._together((loss.by.spans, loss.by.weight) for loss in self.losses if loss.by.certain)
        return weighed(_within(whole, self.within), self.overlap)

    @cached_property
    def outside(self) -> Fraction:
        """What was lost out of the reference period, in no maintenance."""
        return weighed(self._night, self.overlap)

    @cached_property
    def closed(self) -> Fraction:
        """Of that, what no exclusion explains."""
        explained = union(*(spans for each, spans in self.shelters if each.ground != WINDOW))
        return weighed(without(self._night, explained), self.overlap)

    @property
    def allowed(self) -> Fraction:
        return self.frame.terms.availability.allowed * self.prt

    def breach(self, ti: Fraction) -> bool | None:
        """TI / PRT > 1 - minimum, exactly; None where there is no reference period (Amb-13)."""
        return ti > self.allowed if self.prt else None

    def rate(self, ti: Fraction) -> str | None:
        return percent((self.prt - ti) / self.prt) if self.prt else None

    # --- what the sums are made of ---

    @cached_property
    def _certain(self) -> Parts:
        return self._together((loss.spans, loss.by.weight) for loss in self.losses if loss.by.certain)

    @cached_property
    def _standing(self) -> list[Exclusion]:
        return [each for each in self.exclusions if each.stands]

    @cached_property
    def _shelter(self) -> Spans:
        return union(*(spans for _, spans in self.shelters))

    @cached_property
    def _least(self) -> Spans:
        """What exclusions that nobody contests give back, be every claim accepted."""
        weighty = [each for each in self.stops if each.weight]
        undisputed = [each for each in self._standing if not each.contested]
        return union(*(spans for _, spans in applied(undisputed, weighty, self.frame.reading)))

    @cached_property
    def _night(self) -> Parts:
        work = union(*(each.spans for each in self.stops if each.certain and each.stop.maintenance))
        outages = ((lost.by.spans, lost.by.weight) for lost in self.losses
                   if lost.by.certain and not lost.by.stop.maintenance)  # fmt: skip
        return _within(without(self._together(outages), union(self.whole, work)), self.within)

    def _together(self, parts: Iterable[tuple[Spans, Fraction]]) -> Parts:
        """The parts as they are added up: each by itself, or those of one weight as one."""
        return list(parts) if self.overlap == "sum" else by_weight(parts)


def month_of(history: History, frames: Frames, label: str) -> tuple[Frame, str, Span]:
    """The month's span, calendar or of the contract (Amb-35), and the frame of its first instant."""
    service_start = instant_of(history.started.event.service_start)
    calendar = frames.at(service_start).calendar
    frame = frames.at(month_span(calendar, label)[0])
    span = month_span(frame.calendar, label)
    of_contract = month_span(frame.calendar, label, frame.calendar.local_date(service_start))
    if of_contract == span or frame.reading.month_kind == "calendar":
        return frame, label, span
    return frames.at(of_contract[0]), label, of_contract


def _reference(history: History, frame: Frame, within: Span) -> Spans:
    """The reference period (D-PRT), only while the service is supplied unless `prt_month=whole_month` (Amb-12)."""
    supplied = intersection(history.in_force, (within,))
    if supplied != (within,) and frame.reading.prt_month == "whole_month":
        supplied = (within,)
    if not supplied:
        return NEVER
    hull = supplied[0][0], supplied[-1][1]
    return intersection(frame.calendar.opening(frame.terms.availability.week, hull), supplied)


def _reach(history: History, frame: Frame, span: Span, stops: Sequence[Stop]) -> tuple[Span, list[Counted]]:
    """The span looked at and what touches it: the month, or with `month_split=start_month` as far as
    what began in the month went on (Amb-14)."""
    found = counted(history, frame, stops, span)
    inside = all(span[0] <= each.spans[0][0] and each.spans[-1][1] <= span[1] for each in found)
    if inside or frame.reading.month_split == "split":
        return span, found
    ends = [each.spans[-1][1] for each in found if _belongs(frame, span, each)]
    end = max([span[1], *(end for end in ends if end < FOREVER)])  # what never ended is cut to the month
    return (span[0], end), counted(history, frame, stops, (span[0], end))


def _belongs(frame: Frame, span: Span, each: Counted) -> bool:
    return span[0] <= each.spans[0][0] < span[1] or frame.reading.month_split == "split"


def measure(history: History, frame: Frame, label: str, span: Span, stops: Sequence[Stop]) -> Tally:
    """What a month adds up to, of these stops."""
    reading = frame.reading
    within, near = _reach(history, frame, span, stops)
    reference = rated = _reference(history, frame, within)
    if history.now < within[1] and reading.prt_basis == "elapsed":
        rated = intersection(reference, ((FIRST, history.now),))
    losses = tuple(
        Loss(by=each, spans=_lost(history, frame, each, rated, within)) for each in near if _belongs(frame, span, each)
    )
    claimed = exclusions(history, frame, near, within)
    standing = [each for each in claimed if each.stands]
    return Tally(
        label=label, span=span, frame=frame, provisional=not over(span[1], history.now), within=within,
        whole=reference, prt=length(intersection(rated, (span,))), stops=tuple(near), losses=losses,
        exclusions=tuple(claimed),
        shelters=tuple(applied(standing, [each for each in near if each.certain], reading)),
    )  # fmt: skip


def _lost(history: History, frame: Frame, each: Counted, rated: Spans, within: Span) -> Spans:
    """A stop's seconds in the reference period, and those in the window that want of notice lays bare (Amb-09)."""
    inside = intersection(each.spans, rated)
    if unsheltered(history, frame, each):
        return union(inside, intersection(each.spans, window(frame, within)))
    return inside


def without(parts: Iterable[tuple[Spans, Fraction]], spans: Spans) -> Parts:
    return [(difference(part, spans), weight) for part, weight in parts]


def _within(parts: Iterable[tuple[Spans, Fraction]], within: Span) -> Parts:
    return [(intersection(part, (within,)), weight) for part, weight in parts]
