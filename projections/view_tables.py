"""The tables of the SQL views, and the figures that go into them, each through the question it belongs to.

A row holds one thing's figures as `ask` gives them at every position from `known_from_position` up to, not
including, `known_to_position` (null: still). A unit is what is computed at once: a month, a subject's part of
the register. It says with its rows which facts and which moment they rest on (`validity`). Instants are UTC
text, amounts in the unit their column names, truths 0 and 1, lists and tables JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from ledger.errors import Refused
from ledger.events import ReadingAdopted
from ledger.history import History
from ledger.spans import FIRST, FOREVER, Instant, seconds
from ledger.workdays import add_months
from projections import maintenance
from projections.asking import _frame_named
from projections.backups import UNTIL_REPLACED, held, shown_end
from projections.bearing import CONTRACT, KINDS
from projections.breaches import SUBJECTS, breaches_of
from projections.finding import Breach, text
from projections.frame import Frames
from projections.kept import Kept
from projections.periods import months_between
from projections.questions import question
from projections.tally import month_of
from projections.validity import ANY, Watched, followed
from projections.watched import LookedAt

Value = str | int | None


class Table(NamedTuple):
    """One table: what a row is about besides its contract, its figures (column, type), the question they are of."""

    name: str
    key: tuple[tuple[str, type], ...]
    figures: tuple[tuple[str, type], ...]
    asks: str


TABLES: tuple[Table, ...] = (
    Table("contracts", (), (
        ("plan", str), ("production_named_users", int), ("options", str), ("service_start", str), ("services", str),
        ("in_force", int)), "the contract as it stands at the knowledge instant"),
    Table("availability", (("month", str),), (
        ("prt_minutes", int), ("gross_unavailable_seconds", int), ("excluded_seconds", int), ("ti_seconds", int),
        ("td_percent", str), ("breach", int), ("status", str), ("total_outage_seconds", int),
        ("out_of_prt_outage_seconds", int), ("remaining_budget_seconds", int), ("excluded_by_ground", str),
        ("contested_seconds", int), ("range", str)), "availability"),
    Table("maintenance", (("maintenance", str),), (
        ("notice_seconds", int), ("notice_breach", int), ("early_blocking_seconds", int),
        ("outside_window_seconds", int), ("slot_overrun_seconds", int), ("performed", int), ("kind", str),
        ("announced_at", str), ("recorded_late_seconds", int), ("late_recording", int),
        ("emergency_contested", int)), "maintenance"),
    Table("backups", (("backup", str),), (
        ("month", str), ("owed_until", str), ("distinct_locations", int), ("two_copies", int), ("restorable", int),
        ("guaranteed", int)), "backup_retention, backup_copies, restorable, the last two at the knowledge instant"),
    Table("breaches", (("rule", str), ("obligation", str), ("subject", str), ("period", str), ("what", str),
                       ("number", int), ("filed_in", str)), (
        ("clause", str), ("amount", str), ("limit", str), ("filed_at", str), ("first_knowable_at", str),
        ("because", str), ("contested", int)), "breaches, from service start to the end of the month"),
    Table("refusals", (("unit", str),), (("code", str), ("message", str)), "what `ask` refuses instead of answering"),
)  # fmt: skip
BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}

BY_MONTH = ("availability", "backups", "maintenance")  # whose part of the register is computed month by month
NO_MONTH = "0001-01"  # there is none before the service begins, but there may be backups
BEARING = frozenset(map(attrgetter("__name__"), (*KINDS, *CONTRACT)))  # what bears on the availability of a month

HELD = ("distinct_locations", "two_copies", "restorable")
Key = tuple[str, tuple[Value, ...]]  # table, and its key columns' values
Rows = dict[Key, tuple[Value, ...]]


class Unit(NamedTuple):
    """What was computed at once: which kinds of facts and which instant would have it computed anew.

    `ends_at` is where the period it judges ends, `FOREVER` where it judges no single period.
    """

    kinds: frozenset[str]
    until: Instant
    ends_at: Instant


class Moment:
    """A contract at a position: its histories, by which knowledge is meant."""

    def __init__(self, contract: str, streams: Mapping[str, Any], position: int, now: Instant) -> None:
        self.history = Watched(contract, streams, position=position, now=now)
        self._attested = Watched(contract, streams, position=position, now=now, knowledge="attested")
        self._frames: dict[str, Frames] = {}  # by knowledge; asking them again notes again what they rest on

    def meant(self, values: Mapping[str, Any]) -> History:
        """The history `ask` answers from: by recording, or by attestation where the contract's reading says so."""
        history = self.history
        if any("knowledge" in fact.event.switches for fact in history.own(ReadingAdopted)):
            adopted = _frame_named(history, self.frames(history), values).reading.knowledge
            if adopted != history.knowledge:
                self._attested.watch, self._attested.now = history.watch, history.now
                return self._attested
        return history

    def ask(self, name: str, **values: Any) -> Any:
        """The result of a question."""
        history = self.meant(values)
        return question(name).function()(history, self.frames(history), **values).result

    def frames(self, history: History) -> Frames:
        """The frames of one of the histories here."""
        if history.knowledge not in self._frames:
            self._frames[history.knowledge] = Frames(history)
        return self._frames[history.knowledge]

    def kept(self, values: Mapping[str, Any]) -> Kept:
        """The backups of the history that a question with these values is answered from."""
        history = self.meant(values)
        return Kept.of(history, self.frames(history))

    @cached_property
    def calendar(self) -> Any:
        """The calendar at service start. It rests on framing facts alone, which every unit is taken to rest on."""
        return self.frames(self.history).at(seconds(self.history.started.event.service_start)).calendar


def units(moment: Moment) -> dict[str, Callable[[], tuple[Rows, Unit]]]:
    """Every unit of the contract at this moment, by name, each to be computed when called.

    `calendar` has no rows: it says until when there is no month more.
    """
    found: dict[str, Callable[[], tuple[Rows, Unit]]] = {
        "calendar": lambda: _computed(moment, "calendar", _calendar_of),
        "contract": lambda: _computed(moment, "contract", _contract),
    }
    months = _months(moment)
    for label in months:
        found[f"availability {label}"] = lambda label=label: _month(moment, label)  # type: ignore[misc]
    found["maintenance"] = lambda: _computed(moment, "maintenance", _maintenance)
    for label in months or [NO_MONTH]:
        found[f"backups {label}"] = lambda label=label: _backups(moment, label, months or [NO_MONTH])  # type: ignore[misc]
    for label in months:
        found[f"breaches availability {label}"] = lambda label=label: _broken_month(moment, label)  # type: ignore[misc]
        found[f"breaches backups {label}"] = lambda label=label: _missing_backups(moment, label)  # type: ignore[misc]
        found[f"breaches maintenance {label}"] = lambda label=label: _worked(moment, label)  # type: ignore[misc]
    for subject in (subject for subject in SUBJECTS if subject not in BY_MONTH):
        found[f"breaches {subject}"] = lambda subject=subject: _register(moment, subject)  # type: ignore[misc]
    return found


def unit_of(key: Key, figures: tuple[Value, ...], known: Collection[str]) -> str:
    """The unit a row belongs to, of those `known`."""
    table, values = key
    if table == "availability":
        return f"availability {values[0]}"
    if table == "backups":
        months = sorted(name for name in known if name.startswith("backups "))
        return min(max(f"backups {figures[0]}", months[0]), months[-1])
    if table == "breaches":
        return f"breaches {values[0]}" + (f" {values[-1]}" if values[0] in BY_MONTH else "")
    return {"contracts": "contract", "refusals": str(values[:1] and values[0])}.get(table, table)


def next_month(moment: Moment) -> Instant:
    """The local midnight at which the month of the knowledge instant is over."""
    today = moment.calendar.local_date(moment.history.second)
    return moment.calendar.at(add_months(today.replace(day=1), 1))  # type: ignore[no-any-return]


# --- one unit each ---


def _computed(moment: Moment, name: str, rule: Callable[[Moment], Rows]) -> tuple[Rows, Unit]:
    rows, watch = followed(moment.history, lambda _: _refused_or(name, lambda: rule(moment)))
    return rows, Unit(frozenset(watch.kinds), watch.until, FOREVER)


def _refused_or(name: str, rule: Callable[[], Rows]) -> Rows:
    try:
        return rule()
    except Refused as refused:
        return {("refusals", (name,)): (refused.code, refused.message)}


def _refused(rows: Rows) -> bool:
    return any(table == "refusals" for table, _ in rows)


def _contract(moment: Moment) -> Rows:
    history = moment.history
    started, scope = history.started.event, history.scope_at(history.now)
    in_force = any(start <= history.now < end for start, end in history.in_force)
    services = [stream.removeprefix("service:") for stream in history.services]
    since = text(seconds(started.service_start))
    return {("contracts", ()): _values([scope.plan, scope.users, sorted(scope.options), since, services, in_force])}


def _calendar_of(moment: Moment) -> Rows:
    _period(moment)
    return {}


def _month(moment: Moment, label: str) -> tuple[Rows, Unit]:
    name = f"availability {label}"

    def rule(m: Moment) -> Rows:
        return {("availability", (label,)): _figures("availability", m.ask("availability", month=label))}

    rows, unit = _computed(moment, name, rule)
    if _refused(rows):
        return rows, unit
    history = moment.meant({"month": label})
    return rows, unit._replace(ends_at=month_of(history, moment.frames(history), label)[2][1])


def _maintenance(moment: Moment) -> Rows:
    history = moment.meant({})
    found = maintenance.told(history, moment.frames(history))
    return {("maintenance", (name,)): _figures("maintenance", row) for name, row in found.items()}


def _backups(moment: Moment, label: str, months: list[str]) -> tuple[Rows, Unit]:
    """The backups that completed in a month; the first and the last month have those before and after them too.

    What is told of a thing that began once none of them is owed any more bears on none of them.
    """
    first, last = _days(label)
    start = FIRST if label == months[0] else moment.calendar.at(first)
    end = FOREVER if label == months[-1] else moment.calendar.at(last, "24:00")

    def rule(m: Moment) -> Rows:
        if label == months[-1]:
            _period(m)  # until there is another month
        kept, now = m.kept({}), m.history.now
        standing = m.kept({"at": now})
        rows: Rows = {}
        for backup in kept.completed(start, end):
            now_so = standing.named.get(backup.name)
            lies = now_so.state_at(now) if now_so else None
            told = held(now_so, lies) if now_so and lies and not lies.deleted else {}
            rows["backups", (backup.name,)] = _values([
                m.calendar.local_date(backup.completed_at).isoformat()[:7], shown_end(kept, backup),
                *(told.get(name) for name in HELD), now_so is not None and standing.is_guaranteed(now_so, now),
            ])  # fmt: skip
        return rows

    rows, unit = _computed(moment, f"backups {label}", rule)
    if _refused(rows):
        return rows, unit
    owed = map(moment.kept({}).owed_until, moment.kept({}).completed(start, end))
    return rows, unit._replace(ends_at=max([end, *(FOREVER if until is None else until for until in owed)]))


def _missing_backups(moment: Moment, label: str) -> tuple[Rows, Unit]:
    """What backups broke that is filed in a calendar month.

    A thing that began after it changes nothing of it, unless it is what a backup deleted too early waited for.
    """
    rows, unit = _of_month(moment, "backups", label)
    if _refused(rows):
        return rows, unit
    last = _days(label)[1]
    waits = any(UNTIL_REPLACED in figures for figures in rows.values())
    return rows, unit if waits else unit._replace(ends_at=moment.calendar.at(last, "24:00"))


def _worked(moment: Moment, label: str) -> tuple[Rows, Unit]:
    """What maintenances broke that is filed in a calendar month: one that began after it changes nothing of it."""
    rows, unit = _of_month(moment, "maintenance", label)
    if _refused(rows):
        return rows, unit
    margin = 2 * 86_400  # it is filed by the date of the booklet then in force, wherever that keeps time
    return rows, unit._replace(ends_at=moment.calendar.at(_days(label)[1], "24:00") + margin)


def _of_month(moment: Moment, subject: str, label: str) -> tuple[Rows, Unit]:
    """A subject's part of the register that is filed in a calendar month.

    `first_knowable_at` is found in the entries themselves, of the kinds of facts that the rows were judged by.
    """
    first, last = _days(label)

    def rule(m: Moment) -> Rows:
        return _rows(subject, _filed(m, subject, max(first, _period(m)[0]), last), m.calendar)

    rows, unit = _computed(moment, f"breaches {subject} {label}", rule)
    return rows, unit._replace(kinds=unit.kinds - {ANY})


def _days(label: str) -> tuple[date, date]:
    """The first and the last day of a month."""
    first = date.fromisoformat(f"{label}-01")
    return first, add_months(first, 1) - timedelta(days=1)


def _broken_month(moment: Moment, label: str) -> tuple[Rows, Unit]:
    """The months' own breaches filed in a calendar month.

    `first_knowable_at` is found in the entries themselves, but only in those `bearing` keeps; and it is searched
    for up to now, and stays once found (`finding.earliest`). So where the rows rest on this very second, the
    verdicts are followed once more without it, and say how long they hold.
    """
    name = f"breaches availability {label}"
    first, last = _days(label)

    def rule(m: Moment, looked_at: LookedAt | None = None) -> Rows:
        return _rows(
            "availability",
            _filed(m, "availability", max(first, _period(m)[0]), last, looked_at),
            m.calendar,
        )

    rows, unit = _computed(moment, name, rule)
    if unit.until == moment.history.second + 1:
        _, verdicts = _computed(moment, name, lambda m: rule(m, {}))
        unit = unit._replace(until=verdicts.until)
    if _refused(rows):
        return rows, unit
    kinds = (unit.kinds - {ANY}) | BEARING if ANY in unit.kinds else unit.kinds
    return rows, unit._replace(kinds=kinds, ends_at=moment.calendar.at(last, "24:00"))


def _register(moment: Moment, subject: str) -> tuple[Rows, Unit]:
    """A subject's part of the register."""

    def rule(m: Moment) -> Rows:
        first, last = _period(m)
        return _rows(subject, _filed(m, subject, first, last), m.calendar) if first <= last else {}

    return _computed(moment, f"breaches {subject}", rule)


def _filed(moment: Moment, subject: str, first: date, last: date, looked_at: LookedAt | None = None) -> list[Breach]:
    start = _period(moment)[0]
    history = moment.meant({"first": start, "last": last})
    frames = moment.frames(history) if looked_at is None else Frames(history, None, looked_at)
    return breaches_of(subject, history, frames, first, last)


def _rows(subject: str, found: list[Breach], calendar: Any) -> Rows:
    rows: Rows = {}
    for breach in sorted(found, key=lambda b: (b.on, b.obligation, b.subject, b.period, b.what)):
        row = {**breach.row(), "filed_at": text(breach.on)}
        named = (subject, breach.obligation, breach.subject, breach.period, breach.what)
        month = calendar.local_date(breach.on).isoformat()[:7]
        number = next(n for n in range(1, len(found) + 2) if ("breaches", (*named, n, month)) not in rows)
        columns = BY_NAME["breaches"].figures
        rows["breaches", (*named, number, month)] = _values([row[column] for column, _ in columns])
    return rows


# --- periods ---


def _period(moment: Moment) -> tuple[date, date]:
    """From service start to the last day of the knowledge instant's month, both included."""
    over_at = next_month(moment)
    moment.history.watch.by(over_at)
    first = moment.calendar.local_date(seconds(moment.history.started.event.service_start))
    return first, moment.calendar.local_date(over_at - 1)


def _months(moment: Moment) -> list[str]:
    try:
        first, last = _period(moment)
    except Refused:  # no calendar to count months by: every unit says so
        return []
    return months_between(first, last) if first <= last else []


# --- values ---


def _figures(table: str, row: Mapping[str, Any]) -> tuple[Value, ...]:
    columns = [column for column, _ in BY_NAME[table].figures]
    assert set(columns) == set(row), (table, set(columns) ^ set(row))
    return _values([row[column] for column in columns])


def _values(values: list[Any]) -> tuple[Value, ...]:
    return tuple(map(plain, values))


def plain(value: Any) -> Value:
    """A figure as a database keeps it."""
    if value is None or type(value) in (str, int):
        return value  # type: ignore[no-any-return]
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list | dict | tuple):
        return msgspec.json.encode(value, enc_hook=int).decode()
    return int(value)  # a knowledge instant, or what was counted from it
