"""The recette environment: how large it is, how old, and how often it is loaded anew.

Articles 3 and 4. The environment is judged by its latest measure (A4.6). Of the loads a customer asks for, the first
two of a year are included and the others billable (A4.7); the initial load is none of them (A3.6). A load belongs to
the year of its request, or where none is known of its execution; years are local dates, `[anniversary, next
anniversary)`. Who may have one is a matter of options.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import FOREVER, Instant, contains, moment, seconds
from ledger.workdays import add_months
from projections.finding import Breach, Finding, at, ceil_seconds, earliest, text
from projections.frame import Frame, Frames
from projections.ground import kinds_named, latest, learnt_at

NOT_PROMISED = "the booklet says nothing of a recette environment"
VERSIONS = (e.UpdateRolledOut, e.UpdateRolledBack)
LOADS = (e.RecetteRefreshRequested, e.RecetteRefreshed, e.RecetteRefreshRefused)
COUNTS = ("requested", "done", "included", "billable")  # of a year, in the order shown
# what may change a verdict of this subject, by how the names of its types begin
BEARING = kinds_named(
    "Recette", "UpdateRolled", "Contract", "Option", "ServiceAssigned", "ServiceUnassigned", "Corrected", "Retracted"
)


class Load(NamedTuple):
    """One load asked for or done: its year by the reading, and whether it is among those included."""

    id: str
    facts: tuple[Fact, ...]
    at: Instant
    frame: Frame
    year: date
    included: bool

    def of(self, kind: type[e.Event]) -> Fact | None:
        """The fact of that type, the first if there are several."""
        return next((fact for fact in self.facts if isinstance(fact.event, kind)), None)


# --- questions ---


def recette_limits(history: History, frames: Frames, at: Instant) -> Finding:
    """The latest measure at or before an instant against its limits, included, and the age of the version (A4.6).

    `over` is null where nothing was measured; `version_behind` where a version is unknown or not of numbers.
    """
    terms, measured = frames.at(at).terms.recette, latest(history, e.RecetteMeasured, at)
    recette, production = (_version(_versions(history, place), at) for place in ("recette", "production"))
    over = _over(frames.at(at), measured) if measured and terms else None
    result = {
        "named_users": measured.event.named_users if measured else None,
        "limit_users": terms.named_users if terms else None,
        "dossiers": measured.event.dossiers if measured else None,
        "limit_dossiers": terms.dossiers if terms else None,
        "over": over,
        "version_behind": _behind(recette, production) if terms else None,
    }
    facts = [fact for fact in (measured, recette, production) if fact]
    workings = {
        "measured_at": _instant(measured), "recette": recette.event.version if recette else None,
        "production": production.event.version if production else None, "positions": list(positions_of(facts)),
        "clause": f"art. {terms.article}" if terms else NOT_PROMISED,
    }  # fmt: skip
    return Finding(result=result, workings=workings, because=positions_of(facts))


def recette_refreshes(history: History, frames: Frames) -> Finding:
    """Per year that had any: loads requested and done, and those included and billable (A4.7).

    A year is named by its first day: by `refresh_year` an anniversary of the start of service (also where
    any twelve months are counted) or a 1 January. A load refused is requested, and neither included nor billable.
    """
    result: dict[str, dict[str, int]] = {}
    shown: list[dict[str, Any]] = []
    loads = _loads(history, frames)
    for load in loads:
        refused = load.of(e.RecetteRefreshRefused) is not None
        counts = result.setdefault(load.year.isoformat(), dict.fromkeys(COUNTS, 0))
        counts["requested"] += load.of(e.RecetteRefreshRequested) is not None
        counts["done"] += load.of(e.RecetteRefreshed) is not None
        counts["included"] += load.included and not refused
        counts["billable"] += not load.included and not refused
        shown.append({
            "refresh": load.id, "at": text(load.at), "year": load.year.isoformat(), "refused": refused,
            "included": load.included, "positions": list(positions_of(load.facts)),
        })  # fmt: skip
    frame = loads[-1].frame if loads else frames.at(seconds(history.started.event.service_start))
    terms = frame.terms.recette
    workings = {
        "loads": shown, "per_year": terms.refreshes_per_year if terms else None, "switch": "refresh_year",
        "value": frame.reading.refresh_year, "clause": f"art. {terms.article}" if terms else NOT_PROMISED,
    }  # fmt: skip
    return Finding(result=result, workings=workings, because=positions_of(*(load.facts for load in loads)))


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A4.6 and A4.7 filed from `first` to `last`, local dates, both included.

    `client_over_limit` is the customer's, filed at the measure; `recette_behind` at the instant it fell behind.
    """
    found = []
    for row in _rows(history, frames):
        if first <= frames.at(row.on).calendar.local_date(row.on) <= last:
            found.append(_dated(history, frames, row))
    return sorted(found, key=lambda row: (row.on, row.obligation, row.what, row.subject))


# --- what was broken ---


class Row(NamedTuple):
    """One promise broken, before it is known since when that could be proved."""

    obligation: str
    what: str
    subject: str
    on: Instant
    clause: str
    amount: str
    limit: str
    facts: tuple[Fact, ...]


def _rows(history: History, frames: Frames) -> Iterator[Row]:
    yield from _over_limit(history, frames)
    yield from _fallen_behind(history, frames)
    yield from _refused_or_billed(history, frames)


def _over_limit(history: History, frames: Frames) -> Iterator[Row]:
    for fact in history.of(e.RecetteMeasured):
        frame = frames.at(at(fact))
        terms = frame.terms.recette
        if terms and _owed(history, fact) and _over(frame, fact):
            yield Row(
                "A4.6", "client_over_limit", history.contract, at(fact), terms.article,
                f"{fact.event.named_users} users, {fact.event.dossiers} dossiers",
                f"{terms.named_users} users, {terms.dossiers} dossiers", (fact,),
            )  # fmt: skip


def _fallen_behind(history: History, frames: Frames) -> Iterator[Row]:
    """Each time the recette environment came to be older than production while the option was in force."""
    was, ours, theirs = False, _versions(history, "recette"), _versions(history, "production")
    for instant in _turns(history):
        recette, production = _version(ours, instant), _version(theirs, instant)
        terms = frames.at(instant).terms.recette
        owed = contains(history.in_force, instant) and "recette" in history.scope_at(instant).options
        behind = bool(terms and owed and _behind(recette, production))
        if behind and not was and terms and recette and production:
            yield Row(
                "A4.6", "recette_behind", history.contract, instant, terms.article, recette.event.version,
                production.event.version, (recette, production),
            )  # fmt: skip
        was = behind


def _refused_or_billed(history: History, frames: Frames) -> Iterator[Row]:
    for load in _loads(history, frames):
        terms = load.frame.terms.recette
        refused, done = load.of(e.RecetteRefreshRefused), load.of(e.RecetteRefreshed)
        if not load.included or terms is None or "recette" not in history.scope_at(load.at).options:
            continue
        limit = f"{terms.refreshes_per_year} included a year"
        if refused and _owed(history, refused):
            yield Row("A4.7", "refresh_refused", load.id, at(refused), terms.article, "refused", limit, load.facts)
        if done and done.event.billed and _owed(history, done):
            yield Row("A4.7", "refresh_billed", load.id, at(done), terms.article, "billed", limit, load.facts)


def _dated(history: History, frames: Frames, row: Row) -> Breach:
    """Provable by the earliest knowledge that shows the same row, and never before its instant."""

    def shown(known_at: Instant) -> bool:
        then = history.as_known(moment(known_at))
        return bool(then.own(e.ContractStarted)) and any(r[:4] == row[:4] for r in _rows(then, frames))

    upto = FOREVER if history.known_at is None else ceil_seconds(history.known_at)
    moments = {row.on, *(known_at for known_at in learnt_at(history, *BEARING) if known_at > row.on)}
    return Breach(
        obligation=row.obligation, clause=row.clause, what=row.what, subject=row.subject, period=text(row.on),
        amount=row.amount, limit=row.limit, on=row.on, first_knowable_at=earliest(shown, moments, upto),
        because=positions_of(row.facts),
    )  # fmt: skip



def _owed(history: History, fact: Fact) -> bool:
    return history.counts(fact, at(fact)) and contains(history.in_force, at(fact))


# --- measures and versions ---


def _over(frame: Frame, measured: Fact) -> bool:
    terms = frame.terms.recette
    assert terms is not None
    return bool(measured.event.named_users > terms.named_users or measured.event.dossiers > terms.dossiers)


def _versions(history: History, environment: str) -> list[tuple[Instant, Fact | None]]:
    """The roll-out whose version an environment has from each instant on: the latest that says one, not rolled back."""
    standing: list[Fact] = []
    found: list[tuple[Instant, Fact | None]] = []
    for fact in sorted(history.of(*VERSIONS), key=lambda f: (at(f), f.position)):
        if fact.event.environment != environment or not history.counts(fact, at(fact)):
            continue
        if isinstance(fact.event, e.UpdateRolledOut):
            standing.append(fact)
        else:
            back = (fact.stream, fact.event.update)
            standing = [other for other in standing if (other.stream, other.event.update) != back]
        found.append((at(fact), next((other for other in reversed(standing) if other.event.version), None)))
    return found


def _version(versions: list[tuple[Instant, Fact | None]], instant: Instant) -> Fact | None:
    place = bisect_right(versions, instant, key=itemgetter(0))
    return versions[place - 1][1] if place else None


def _behind(recette: Fact | None, production: Fact | None) -> bool | None:
    """Whether the recette version is the older one, number by number; `10.2` and `10.2.0` are the same."""
    ours = _numbers(recette.event.version) if recette else None
    theirs = _numbers(production.event.version) if production else None
    return None if ours is None or theirs is None else ours < theirs


def _numbers(version: str) -> tuple[int, ...] | None:
    parts = version.removeprefix("v").split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    numbers = [int(part) for part in parts]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _turns(history: History) -> list[Instant]:
    """The instants up to now at which one environment may come to be older than the other, or that begin to matter."""
    found = {at(fact) for fact in history.of(*VERSIONS)} | {start for start, _ in history.in_force}
    found |= {seconds(fact.event.effective_from) for fact in history.scope_changes}
    return sorted(instant for instant in found if instant <= history.now)  # what is to come has not come


def _instant(fact: Fact | None) -> str | None:
    return text(at(fact)) if fact else None


# --- loads ---


def _loads(history: History, frames: Frames) -> list[Load]:
    """The loads in order, each with its year; a load refused or initial takes none of those included."""
    told: dict[tuple[str, str], list[Fact]] = {}
    for fact in sorted(history.of(*LOADS), key=lambda f: (at(f), f.position)):
        if history.counts(fact, at(fact)):
            told.setdefault((fact.stream, fact.event.refresh), []).append(fact)
    found: list[Load] = []
    for (_, identity), facts in sorted(told.items(), key=lambda item: (at(item[1][0]), item[0])):
        if any(isinstance(f.event, e.RecetteRefreshed) and f.event.kind == "initial" for f in facts):
            continue
        asked = [fact for fact in facts if isinstance(fact.event, e.RecetteRefreshRequested)]
        instant = at((asked or facts)[0])
        frame = frames.at(instant)
        if frame.terms.recette is None:
            continue
        year = _year(history, frame, instant)
        included = sum(_uses(frame, load, instant, year) for load in found) < frame.terms.recette.refreshes_per_year
        name = history.name(facts[0], identity)
        found.append(Load(name, tuple(facts), instant, frame, year, included))
    return found


def _uses(frame: Frame, load: Load, instant: Instant, year: date) -> bool:
    """Whether an earlier load takes one of those included in the year of this instant."""
    if load.of(e.RecetteRefreshRefused) or not load.included:
        return False
    if frame.reading.refresh_year == "rolling":
        local_date = frame.calendar.local_date
        return add_months(local_date(load.at), 12) > local_date(instant)
    return load.year == year


def _year(history: History, frame: Frame, instant: Instant) -> date:
    """The first day of the year an instant is in; the anniversary of a 29 February is the 28th without one."""
    day = frame.calendar.local_date(instant)
    if frame.reading.refresh_year == "civil":
        return day.replace(month=1, day=1)
    start = frame.calendar.local_date(seconds(history.started.event.service_start))
    years = day.year - start.year
    begun = add_months(start, 12 * years)
    return begun if begun <= day else add_months(start, 12 * (years - 1))
