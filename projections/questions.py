"""The questions by name: what the command line, HTTP, the page, SQL views and replays all ask.

One table. A question names its parameters and the function that answers it as `module:function`, which
is imported only when it is asked. Parameters come as text or as Python values; `read` makes them exact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any, NamedTuple

from ledger.errors import Refused
from ledger.spans import FIRST, FOREVER, Instant, moment, seconds

YEARS = (1900, 9000)  # both included, as for events: so that no rule's arithmetic leaves the years there are
LONGEST_YEARS = 100  # of a period asked about day by day


class Param(NamedTuple):
    """One parameter: its name, what kind of value it takes, whether it may be left out, and what it is then."""

    name: str
    kind: str  # a key of KINDS
    help: str
    required: bool = True
    default: str | None = None


class Question(NamedTuple):
    """One row: the name, the article, what it answers, its parameters, and where its rule is."""

    name: str
    article: str
    summary: str
    params: tuple[Param, ...]
    rule: str

    def function(self) -> Any:
        """The rule that answers, imported now."""
        module, _, name = self.rule.partition(":")
        return getattr(import_module(module), name)


MONTH = Param("month", "month", "a month, 2026-03")
FIRST_DAY = Param("first", "date", "first day (or month), 2026-03-01")
LAST_DAY = Param("last", "last_date", "last day (or month), included, 2026-03-31")
ON = Param("on", "date", "a day, 2026-03-31")
UNTIL = Param("until", "last_date", "last day (or month), included, 2026-03-31")
AT = Param("at", "instant", "an instant, 2026-03-18T10:00:00+01:00")


def _ids(name: str) -> Param:
    return Param(name, "ids", f"ids of {name}, separated by commas; all when left out", required=False)


QUESTIONS: tuple[Question, ...] = (
    Question("availability", "6", "availability of a month: PRT, TI, rate, breach", (MONTH,),
             "projections.availability:availability"),
    Question("maintenance", "5", "notice, window, blocking and slot of each maintenance", (_ids("maintenances"),),
             "projections.maintenance:maintenance"),
    Question("backup_nights", "9", "which nights had their backup", (FIRST_DAY, LAST_DAY),
             "projections.backups:backup_nights"),
    Question("backup_weeks", "9", "which weeks had their backup",
             (Param("first", "week", "first week, 2026-W09"), Param("last", "week", "last week, included")),
             "projections.backups:backup_weeks"),
    Question("backup_months", "9", "which months had their backup",
             (Param("first", "month", "first month, 2026-03"), Param("last", "month", "last month, included")),
             "projections.backups:backup_months"),
    Question("office_days", "9", "which days had their backup of office documents", (FIRST_DAY, LAST_DAY),
             "projections.backups:office_days"),
    Question("backup_retention", "9", "until when each backup is owed", (_ids("backups"),),
             "projections.backups:backup_retention"),
    Question("backup_deletions", "9", "which deletions came too early, by how much", (),
             "projections.backups:backup_deletions"),
    Question("backup_copies", "9", "in how many places each backup lies at an instant", (AT,),
             "projections.backups:backup_copies"),
    Question("restorable", "9", "which backups are owed and restorable at an instant", (AT,),
             "projections.backups:restorable"),
    Question("restore_decision", "9", "what was owed for each restore request", (_ids("restores"),),
             "projections.restores:restore_decision"),
    Question("office_last_state", "9", "the last state of the office documents at an instant", (AT,),
             "projections.backups:office_last_state"),
    Question("updates", "10", "what each update missed: information, agreed date", (_ids("updates"),),
             "projections.updates:updates"),
    Question("weather", "6", "maintenance running and planned, outages open, at an instant", (AT,),
             "projections.weather:weather"),
    Question("support_response", "12.2", "working seconds each request waited, and the share of a year in time",
             (Param("start", "date", "first day of the twelve months, 2025-09-01"),),
             "projections.support:support_response"),
    Question("anomaly", "12.3", "deadline and state of each qualified anomaly", (_ids("anomalies"),),
             "projections.anomalies:anomaly"),
    Question("dossier_state", "4", "which dossiers are active, inactive or unused on a day", (ON, _ids("dossiers")),
             "projections.dossiers:dossier_state"),
    Question("dossier_schedule", "4", "when each dossier is ticked, until when it may be unticked, when billing begins",
             (_ids("dossiers"),), "projections.dossiers:dossier_schedule"),
    Question("dossier_billing", "4", "which months of keeping each dossier may be billed", (UNTIL, _ids("dossiers")),
             "projections.dossiers:dossier_billing"),
    Question("dossier_recovery", "4", "until when a deleted dossier may be asked back, and the quote owed",
             (_ids("dossiers"),), "projections.deletions:dossier_recovery"),
    Question("deletion_coherence", "4, 9", "whether a backup still holds a dossier on the last day to ask for it",
             (FIRST_DAY, LAST_DAY), "projections.deletions:deletion_coherence"),
    Question("recette_eligibility", "3", "whether the contract may have each option it has, and why not", (AT,),
             "projections.options:recette_eligibility"),
    Question("recette_limits", "4", "use of the recette environment against its limits", (AT,),
             "projections.recette:recette_limits"),
    Question("recette_refreshes", "4", "refreshes of recette data a year: included and billable", (),
             "projections.recette:recette_refreshes"),
    Question("storage", "4", "bytes held against the users' space", (AT,), "projections.storage:storage"),
    Question("phone_line", "12.6", "seconds the telephone was to be open, and was closed", (FIRST_DAY, LAST_DAY),
             "projections.calls:phone_line"),
    Question("call_priority", "12.9", "calls answered while one with priority waited", (FIRST_DAY, LAST_DAY),
             "projections.calls:call_priority"),
    Question("requests_dashboard", "12.11", "requests by month: counts, states, working seconds to the first answer",
             (FIRST_DAY, LAST_DAY), "projections.dashboards:requests_dashboard"),
    Question("articles_dashboard", "12.11", "articles of the knowledge base read, by month", (FIRST_DAY, LAST_DAY),
             "projections.dashboards:articles_dashboard"),
    Question("service_reviews", "3", "which months had their service review",
             (Param("first", "month", "first month, 2026-03"), Param("last", "month", "last month, included")),
             "projections.service:service_reviews"),
    Question("billing_dates", "14", "the days invoices fall due", (Param("count", "count", "how many days"),),
             "projections.billing:billing_dates"),
    Question("usage_overruns", "14", "measured uses beyond the order at an instant", (AT,),
             "projections.billing:usage_overruns"),
    Question("data_pack", "15", "the data pack's quantity beside the main product's", (AT,),
             "projections.billing:data_pack"),
    Question("accounts", "11", "each account instruction: received, executed, seconds", (),
             "projections.accounts:accounts"),
    Question("entitlements", "13", "what the plan gives access to at an instant", (AT,),
             "projections.entitlements:entitlements"),
    Question("attestations", "7, 8", "when each infrastructure control was last attested", (AT,),
             "projections.entitlements:attestations"),
    Question("subscriptions", "3", "office subscriptions counted beside the users", (AT,),
             "projections.entitlements:subscriptions"),
    Question("obligations", "all", "where the contract stands on every obligation", (AT,),
             "projections.standing:obligations"),
    Question("due", "all", "what falls due from an instant on, soonest first",
             (AT, Param("within_days", "count", "how many days ahead", required=False, default="30")),
             "projections.due:due"),
    Question("breaches", "all", "the register: every promise broken in a period", (FIRST_DAY, LAST_DAY),
             "projections.breaches:register"),
)  # fmt: skip

BY_NAME: dict[str, Question] = {question.name: question for question in QUESTIONS}


def question(name: str) -> Question:
    """The question of that name. Raises `Refused("unknown_question")`."""
    found = BY_NAME.get(name)
    if found is None:
        import difflib

        near = difflib.get_close_matches(name, BY_NAME, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see `service-ledger questions`"
        raise Refused("unknown_question", f"there is no question {name!r}; {hint}")
    return found


def takes(asked: Question) -> str:
    """Its parameters by name, in brackets those that may be left out, with what they are then."""
    shown = {p: p.name if p.default is None else f"{p.name}={p.default}" for p in asked.params}
    return " ".join(name if p.required else f"[{name}]" for p, name in shown.items())


def read(asked: Question, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the rule takes them. Raises `Refused` naming the parameter."""
    known = {param.name for param in asked.params}
    for name in given:
        if name not in known:
            takes = ", ".join(p.name for p in asked.params) or "no parameters"
            raise Refused("bad_parameter", f"{asked.name} has no parameter {name!r}; it takes {takes}")
    values: dict[str, Any] = {}
    for param in asked.params:
        value = given.get(param.name)
        if value is None:
            value = param.default
        if value is None:
            if param.required:
                raise Refused("missing_parameter", f"{asked.name} needs {param.name}: {param.help}")
            continue
        values[param.name] = KINDS[param.kind](param.name, value)
    _check_order(asked, values)
    return values


def written(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as an answer states them: plain text and lists."""
    return {name: _written(name, value) for name, value in values.items()}


def _written(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, date):
        return value.isoformat()
    return moment(value).strftime("%Y-%m-%dT%H:%M:%SZ") if name == "at" else value


def _check_order(asked: Question, values: Mapping[str, Any]) -> None:
    first, last = values.get("first"), values.get("last")
    if first is None or last is None:
        return
    if last < first:
        raise Refused("bad_parameter", f"{asked.name}: last {last} is before first {first}")
    if int(str(last)[:4]) - int(str(first)[:4]) > LONGEST_YEARS:
        raise Refused("bad_parameter", f"{asked.name}: {first} to {last} is over {LONGEST_YEARS} years; ask in parts")


# --- kinds of values ---


def _month(name: str, value: Any) -> str:
    if not (isinstance(value, str) and re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", value)):
        raise Refused("bad_month", f"{name}: {value!r} is no month; write 2026-03")
    _check_year("bad_month", name, int(value[:4]), value)
    return value


def _week(name: str, value: Any) -> str:
    from ledger.workdays import iso_week

    if not isinstance(value, str):
        raise Refused("bad_week", f"{name}: {value!r} is no week; write 2026-W09")
    _check_year("bad_week", name, iso_week(value).year, value)
    return value


def _date(name: str, value: Any) -> date:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}", value):
        value = f"{_month(name, value)}-01"
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            value = date.fromisoformat(value)
    except ValueError:
        pass  # 30 February: refused below
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Refused("bad_date", f"{name}: {value!r} is no date; write 2026-03-31")
    _check_year("bad_date", name, value.year, value)
    return value


def _last_date(name: str, value: Any) -> date:
    from datetime import timedelta

    from ledger.workdays import add_months

    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}", value):
        return add_months(_date(name, value), 1) - timedelta(days=1)
    return _date(name, value)


def instant_of(name: str, value: Any) -> datetime:
    """An aware datetime from text or datetime. Raises `Refused("bad_instant")`."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Refused("bad_instant", f"{name}: {value!r} is no instant; write 2026-03-31T09:00:00+02:00") from None
    if not isinstance(value, datetime):
        raise Refused("bad_instant", f"{name}: {value!r} is no instant; write 2026-03-31T09:00:00+02:00")
    if value.tzinfo is None:
        raise Refused("bad_instant", f"{name}: {value.isoformat()} has no offset from UTC; {_with_offset(value)}")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Refused("bad_instant", f"{name}: {value.isoformat()} lies beyond the years 1 to 9999 in UTC") from None


def _with_offset(local: datetime) -> str:
    """How to write it as it is in Paris, where most booklets keep time, on the days of a clock change too."""
    from ledger.zones import rules

    first, second = (local.replace(tzinfo=rules("Europe/Paris"), fold=fold) for fold in (0, 1))
    shown = local.isoformat()
    if first.utcoffset() == second.utcoffset():
        return f"write {first.isoformat()} or {shown}Z"
    if first.astimezone(UTC) < second.astimezone(UTC):
        return f"write {first.isoformat()} or {second.isoformat()} (in Paris it was twice), or {shown}Z"
    return f"write {shown}Z, or another time: in Paris clocks jumped over it"


def _at(name: str, value: Any) -> Instant:
    if type(value) is int:  # whole seconds, as rules count them
        value = moment(min(max(value, FIRST), FOREVER))
    at = instant_of(name, value)
    _check_year("bad_instant", name, at.year, at.isoformat())
    return seconds(at)


def _check_year(code: str, name: str, year: int, value: Any) -> None:
    if not YEARS[0] <= year <= YEARS[1]:
        raise Refused(code, f"{name}: {value} lies outside the years {YEARS[0]} to {YEARS[1]}")


def _identities(name: str, value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    found = tuple(part.strip() for part in parts if isinstance(part, str) and part.strip())
    if not found:
        raise Refused("bad_parameter", f"{name}: name at least one id, or leave it out for all")
    return found


def _count(name: str, value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Refused("bad_parameter", f"{name}: {value!r} is no whole number from 1 to 999999")
    return value


KINDS = {
    "month": _month,
    "week": _week,
    "date": _date,
    "last_date": _last_date,
    "instant": _at,
    "ids": _identities,
    "count": _count,
}
