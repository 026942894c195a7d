"""Options: who may have one, and since when one in force is one that the contract may not have.

Article 3 (A3.4). Options are for a service of a single tenant; a recette environment is also for more than 300 named
users who have personalised updates, and is one at most. The ledger refuses to record the subscription of an option
against this. What a contract began with, or lost the right to by a change of its scope, is a fact, and flagged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from ledger import events as e
from ledger.history import History, positions_of
from ledger.spans import FOREVER, Instant
from projections.finding import Breach, Finding, text
from projections.finding import at as instant_of
from projections.frame import Frames
from projections.ground import first_provable, in_force, kinds_named, latest, stretches

# what may show that an option is not to be had, by how the names of its types begin
BEARING = kinds_named("Contract", "Option", "RecetteMeasured", "Service", "Corrected", "Retracted")


class Against(NamedTuple):
    """What stands against an option, and what article 3 asks instead."""

    reason: str
    asked: str


def recette_eligibility(history: History, frames: Frames, at: Instant) -> Finding:
    """Per option in force at an instant, whether the contract may have it, and what stands against it (A3.4).

    More than 300 users is strict; the environments are those of the latest measure. What the booklet does not
    ask stands against nothing.
    """
    terms, scope, measured = frames.at(at).terms, history.scope_at(at), latest(history, e.RecetteMeasured, at)
    found = _against(history, frames, at)
    reasons = {option: [each.reason for each in told] for option, told in found.items()}
    result = {option: {"eligible": not against, "reasons": against} for option, against in reasons.items()}
    workings = {
        "named_users": scope.users, "more_than_users": terms.recette.more_than_users if terms.recette else None,
        "single_tenant": scope.single_tenant, "options": sorted(scope.options),
        "environments": measured.event.environments if measured else None,
        "clause": f"art. {terms.options.article}" if terms.options else "not promised",
    }  # fmt: skip
    return Finding(result=result, workings=workings, because=_rests_on(history, at))


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """A row `option_ineligible` each time an option in force came to be one the contract may not have (A3.4).

    The customer's, filed at that instant, from `first` to `last`, local dates, both included.
    """
    rows = [
        _row(history, frames, option, on, told)
        for option, on, told in _fallen(history, frames)
        if first <= frames.at(on).calendar.local_date(on) <= last
    ]
    return sorted(rows, key=lambda row: (row.on, row.subject))


def _row(history: History, frames: Frames, option: str, on: Instant, told: list[Against]) -> Breach:
    def shown(then: History) -> bool:
        return any(each[:2] == (option, on) for each in _fallen(then, frames))

    terms = frames.at(on).terms
    stated = terms.options or terms.recette
    assert stated is not None, "what no booklet asks stands against nothing"
    return Breach(
        obligation="A3.4", clause=stated.article, what="option_ineligible", subject=option, period=text(on),
        amount=", ".join(each.reason for each in told), limit=", ".join(each.asked for each in told), on=on,
        first_knowable_at=first_provable(history, on, shown, BEARING), because=_rests_on(history, on),
    )  # fmt: skip


def _fallen(history: History, frames: Frames) -> Iterator[tuple[str, Instant, list[Against]]]:
    """Each option with the instant it came to be one the contract may not have, while both are in force."""
    were: set[str] = set()
    for instant in _turns(history, frames):
        found = _against(history, frames, instant) if in_force(history, instant) else {}
        barred = {option: told for option, told in found.items() if told}
        yield from ((option, instant, told) for option, told in barred.items() if option not in were)
        were = set(barred)


def _turns(history: History, frames: Frames) -> list[Instant]:
    """The instants up to now at which a right to an option may end: where scope, terms or measure change, or service
    begins."""
    if not history.in_force:
        return []
    found = {start for start, _ in history.in_force} | {end for _, end in history.in_force if end < FOREVER}
    found |= {span[0] for span, _ in stretches(history, frames, (min(found), FOREVER))}
    found |= {instant_of(fact) for fact in history.of(e.RecetteMeasured)}
    return sorted(instant for instant in found if instant <= history.now)  # what is to come has not come


def _against(history: History, frames: Frames, instant: Instant) -> dict[str, list[Against]]:
    """Per option in force at an instant, in the order of their names, what stands against it."""
    terms, scope = frames.at(instant).terms, history.scope_at(instant)
    measured = latest(history, e.RecetteMeasured, instant)
    found: dict[str, list[Against]] = {}
    for option in sorted(scope.options):
        told = found.setdefault(option, [])
        if terms.options and option in terms.options.single_tenant_only and not scope.single_tenant:
            told.append(Against("not_single_tenant", "single tenant"))
        if option == "recette" and terms.recette is not None:
            recette = terms.recette
            if scope.users <= recette.more_than_users:
                told.append(Against("too_few_users", f"more than {recette.more_than_users} users"))
            if recette.requires_option and recette.requires_option not in scope.options:
                told.append(Against(f"no_{recette.requires_option}", f"with {recette.requires_option}"))
            if measured and measured.event.environments > recette.environments:
                told.append(Against("too_many_environments", f"environments up to {recette.environments}"))
    return found


def _rests_on(history: History, instant: Instant) -> tuple[int, ...]:
    measured = latest(history, e.RecetteMeasured, instant)
    return tuple(sorted({*history.scope_at(instant).positions, *positions_of([measured] if measured else [])}))
