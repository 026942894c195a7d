"""Random lives of contracts, what `ask` says of them, and what SQL views on either engine say."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import pytest

from ledger import open_ledger
from ledger.errors import Refused
from ledger.spans import seconds
from ledger.workdays import add_months
from projections import ask, views
from projections.view_tables import BY_NAME, TABLES, plain
from tests.conftest import Clock
from tests.postgres import fresh_schema, shared_url, with_options

EVIDENCE = ["sha256:" + "0" * 64]


# --- where ledgers and views stand ---


class Files:
    """A ledger in a file, and views in files beside it."""

    tracking = "tracking"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = str(folder / "book.db")

    def other(self, name: str) -> str:
        """Where another ledger, or other views, may stand."""
        return str(self.folder / f"{name}.db")

    @contextmanager
    def reading(self, where: str | None = None) -> Iterator[Select]:
        """One transaction of somebody who reads the views."""
        with closing(sqlite3.connect(views.place_of(self.url, where).name, timeout=20)) as connection:
            connection.execute("BEGIN")
            yield lambda statement, *values: connection.execute(statement, values).fetchall()

    def unfinished(self) -> list[str]:
        """What buildings left."""
        return sorted(p.name for p in self.folder.iterdir() if ".new" in p.name)


class Schemas:
    """A ledger in a schema, and views in schemas beside it."""

    tracking = "notification_tracking"

    def __init__(self, server: str, url: str) -> None:
        self.server = server
        self.url = url
        self.schema = url.split("schema=")[1].split("&")[0]

    def other(self, name: str) -> str:
        return with_options(self.server, schema=f"{self.schema}_{name}")

    @contextmanager
    def reading(self, where: str | None = None, begin: str = "BEGIN") -> Iterator[Select]:
        schema = where.split("schema=")[1] if where else f"{self.schema}_views"
        with closing(psycopg.connect(self.server, autocommit=True)) as connection:
            connection.execute(f'SET search_path = "{schema}"')
            connection.execute(begin)
            yield lambda statement, *values: connection.execute(statement.replace("?", "%s"), values).fetchall()

    def schemas(self) -> list[str]:
        with psycopg.connect(self.server) as connection:
            statement = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s) ORDER BY nspname"
            return [name for (name,) in connection.execute(statement, (self.schema + "_",))]

    def unfinished(self) -> list[str]:
        return [name for name in self.schemas() if name.endswith(("_new", "_old"))]


Engine = Files | Schemas
Select = Callable[..., list[Any]]


@contextmanager
def engine_of(kind: str, folder: Path) -> Iterator[Engine]:
    """A fresh place for a ledger on an engine."""
    if kind == "sqlite":
        yield Files(folder)
        return
    with fresh_schema(shared_url()) as url:
        engine = Schemas(shared_url(), url)
        yield engine
        with psycopg.connect(engine.server, autocommit=True) as connection:
            for schema in engine.schemas():
                connection.execute(f'DROP SCHEMA "{schema}" CASCADE')


# --- random lives ---


class Life:
    """Facts of two contracts on one service, as they may come: late, corrected, withdrawn, in any mixture."""

    def __init__(self, seed: int, url: str, months: int = 3) -> None:
        self.dice = random.Random(seed)
        self.clock = Clock("2025-11-20T08:00:00Z")
        self.book = open_ledger(url, clock=self.clock)
        self.end = self.clock.now + timedelta(days=30 * months)
        self.count = 0
        self.said: list[tuple[str, str]] = []  # stream, id
        for contract in ("C1", "C2"):
            self.tell(f"contract:{contract}", "contract_started", contract=contract, plan="open", services=["S"],
                      service_start="2025-11-25T00:00:00+01:00", production_named_users=10)  # fmt: skip

    def tell(self, stream: str, kind: str, /, **data: Any) -> bool:
        self.count += 1
        event = {"specversion": "1.0", "id": f"e{self.count}", "source": "life", "type": kind, "subject": stream, "data": data}
        try:
            self.book.record([event])
        except Refused:
            return False
        if kind != "contract_started":
            self.said.append((stream, f"e{self.count}"))
        return True

    def at(self, days: float = 0) -> str:
        return (self.clock.now + timedelta(days=days)).replace(microsecond=0).isoformat()

    def step(self) -> None:
        """Some time passes, and one thing is told."""
        self.clock.now += timedelta(seconds=self.dice.choice([0, 1, 60, 3_600, 40_000, 86_400, 300_000, 800_000]))
        stream = self.dice.choice(["contract:C1", "contract:C1", "contract:C2", "service:S"])
        n = self.dice.randint(1, 4)
        back = self.dice.choice([0, 0.01, 0.3, 2, 9])
        self.dice.choice([self.outage, self.outage, self.maintenance, self.backup, self.backup, self.exclusion, self.change,
                          self.act, self.act])(stream, n, back)  # fmt: skip

    def outage(self, stream: str, n: int, back: float) -> None:
        effect = self.dice.choice(["no_access", "degraded", "no_login"])
        if not self.tell(stream, "outage_started", outage=f"O{n}", environment="production", effect=effect, at=self.at(-back)):
            self.tell(stream, "outage_ended", outage=f"O{n}", at=self.at(-back / 2))

    def maintenance(self, stream: str, n: int, back: float) -> None:
        name = f"M{n}"
        starts, ends = self.at(3 - back), self.at(3.2 - back)
        told = self.dice.random() < 0.5 and self.tell(
            stream, "maintenance_announced", maintenance=name, published_at=self.at(), planned_start=starts, planned_end=ends
        )
        if self.dice.random() < 0.4:
            of = self.dice.choice([name, name, f"M{self.dice.randint(1, 4)}", None])
            self.tell(stream, "maintenance_status_published", at=self.at(-back / 2), **({} if of is None else {"maintenance": of}))
        for kind, more in (("maintenance_started", {"kind": "planned"}), ("blocking_started", {}), ("blocking_ended", {}),
                           ("maintenance_ended", {})):  # fmt: skip
            if told or self.tell(stream, kind, maintenance=name, at=self.at(-back / 3), **more):
                return

    def backup(self, stream: str, n: int, back: float) -> None:
        name = f"B{n}" if self.dice.random() < 0.7 else f"B{self.count}"
        scope, tiers = self.dice.choice([("client_data", ["daily"]), ("client_data", ["weekly"]), ("office_documents", ["daily"])])
        if self.dice.random() < 0.1:
            self.tell(stream, "backup_failed", backup=name, scope=scope, tiers=tiers, started_at=self.at(-back - 0.1),
                      failed_at=self.at(-back), reason="full")  # fmt: skip
        elif not self.tell(stream, "backup_completed", backup=name, scope=scope, tiers=tiers,
                         started_at=self.at(-back - 0.1), completed_at=self.at(-back), locations=["A", "B"]):  # fmt: skip
            self.dice.choice([
                lambda: self.tell(stream, "backup_deleted", backup=name, at=self.at(-back / 9)),
                lambda: self.tell(stream, "backup_verified", backup=name, at=self.at(-back / 9), outcome="failed"),
                lambda: self.tell(stream, "backup_copy_lost", backup=name, at=self.at(-back / 9), location="A"),
            ])()  # fmt: skip

    def exclusion(self, stream: str, n: int, back: float) -> None:
        if not self.tell(stream, "exclusion_claimed", exclusion=f"X{n}", ground="force_majeure", statement="storm", evidence=EVIDENCE,
                         **{"from": self.at(-back - 0.2), "to": self.at(-back)}):  # fmt: skip
            kind = self.dice.choice(["exclusion_contested", "exclusion_accepted", "exclusion_rejected"])
            self.tell(stream, kind, exclusion=f"X{n}", reason="so it is", by="customer", evidence=EVIDENCE)

    def change(self, stream: str, n: int, back: float) -> None:
        own = stream if stream.startswith("contract") else "contract:C2"
        self.dice.choice([
            lambda: self.tell(own, "service_unassigned", service="S", effective_from=self.at(-back)),
            lambda: self.tell(own, "service_assigned", service="S", effective_from=self.at(-back)),
            lambda: self.tell(own, "contract_suspended", effective_from=self.at(-back)),
            lambda: self.tell(own, "contract_resumed", effective_from=self.at(-back)),
            lambda: self.tell(own, "reading_adopted", reading=f"R{self.count}", effective_from=self.at(-back), switches=self.dice.choice(
                [{"overlap": "sum"}, {"prt_basis": "elapsed"}, {"tier_retention": "generations"}, {"restore_target": "last_backup_only"}, {"month_split": "start"},
                 {"knowledge": "attested"}, {"month_kind": "contract_month"}, {"night_outage": "breach_of_access"}])),
        ])()  # fmt: skip

    def act(self, stream: str, n: int, back: float) -> None:
        if not self.said:
            return
        stream, target = self.dice.choice(self.said[-8:])
        if self.dice.random() < 0.5:
            self.tell(stream, "retracted", target=target, reason="it was not so")
            return
        found = next(e.event for _, e in self.book.stream(stream) if e.id == target)
        data = json.loads(json.dumps(_plain_fields(found)))
        if "scope" in data and self.dice.random() < 0.3:
            data |= {"scope": self.dice.choice(["client_data", "office_documents"]), "tiers": ["daily"]}
        if "maintenance" in data and "page_hash" not in data and self.dice.random() < 0.3:
            data["maintenance"] = f"M{self.dice.randint(1, 4)}"
        for field in ("at", "started_at", "completed_at", "from"):
            if data.get(field):
                data[field] = (datetime.fromisoformat(data[field]) - timedelta(days=self.dice.choice([0.001, 1, 20]))).isoformat()
        self.tell(stream, "corrected", target=target, data=data, reason="clocks", evidence=EVIDENCE)


def _plain_fields(event: Any) -> dict[str, Any]:
    found = msgspec.to_builtins(event)
    found.pop("type", None)
    return {name: value for name, value in found.items() if value is not None}


# --- what ask says ---


def asked(book: Any, contract: str, position: int) -> dict[str, set[tuple[Any, ...]]]:
    """Every row of every table but `refusals`, by the question it belongs to, as of a position."""
    found: dict[str, set[tuple[Any, ...]]] = {table.name: set() for table in TABLES}

    def result(question: str, **params: Any) -> Any:
        try:
            return ask(book, question, contract=contract, position=position, **params).result
        except Refused:
            return None

    try:
        history = book.history(contract, position=position)
        started = history.started.event.service_start
    except Refused:
        return found
    zone = ZoneInfo("Europe/Paris")
    now = datetime.fromtimestamp(history.now, zone)
    day, end = started.astimezone(zone).date(), add_months(now.date().replace(day=1), 1)
    month = day.replace(day=1)
    while month < end:
        figures = result("availability", month=month.isoformat()[:7])
        if figures is not None:
            found["availability"].add((month.isoformat()[:7], *_figures("availability", figures)))
        month = add_months(month, 1)
    for name, figures in (result("maintenance") or {}).items():
        found["maintenance"].add((name, *_figures("maintenance", figures)))
    copies, owed = result("backup_copies", at=now), (result("restorable", at=now) or {"guaranteed": []})["guaranteed"]
    try:
        retention = ask(book, "backup_retention", contract=contract, position=position)
    except Refused:
        retention = None
    for name, until in (retention.result if retention else {}).items():
        held = [copies.get(name, {}).get(key) for key in ("distinct_locations", "two_copies", "restorable")]
        completed_in = retention.workings[name]["completed_on"][:7]
        found["backups"].add((name, completed_in, until, *map(plain, held), int(name in owed)))
    last = end - timedelta(days=1)
    rows = result("breaches", first=day.isoformat(), last=last.isoformat()) if day <= last else []
    columns = [c for c, _ in BY_NAME["breaches"].figures if c != "filed_at"]
    keys = ("obligation", "subject", "period", "what")
    found["breaches"] = {tuple(row[k] for k in keys) + tuple(plain(row[c]) for c in columns) for row in rows or []}
    assert len(found["breaches"]) == len(rows or [])
    scope = history.scope_at(history.now)
    on = [s.removeprefix("service:") for s in history.services]
    in_force = any(start <= history.now < stop for start, stop in history.in_force)
    since = datetime.fromtimestamp(seconds(started), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found["contracts"] = {(scope.plan, scope.users, plain(sorted(scope.options)), since, plain(on), int(in_force))}
    return found


def _figures(table: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(plain(row[column]) for column, _ in BY_NAME[table].figures)


def shown(select: Select, contract: str, position: int) -> dict[str, set[tuple[Any, ...]]]:
    """The same from the views."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    for table in TABLES:
        columns = [c for c, _ in (*table.key, *table.figures) if c not in ("rule", "number", "filed_in", "filed_at")]
        rows = select(
            f"SELECT {', '.join(map(quoted, columns))} FROM {table.name} WHERE contract = ? "
            "AND known_from_position <= ? AND (known_to_position > ? OR known_to_position IS NULL)",
            contract, position, position,
        )  # fmt: skip
        assert len(set(rows)) == len(rows)
        found[table.name] = set(rows)
    return found


def quoted(column: str) -> str:
    return f'"{column}"'


def agree(engine: Engine, book: Any, positions: range | list[int]) -> None:
    """Raises unless the views say at these positions of every contract what `ask` says."""
    with engine.reading() as select:
        for position in positions:
            for contract in book.contracts():
                told, said = asked(book, contract, position), shown(select, contract, position)
                said["refusals"] = set()
                assert said == told, (position, contract, {t: (said[t] ^ told[t]) for t in told if said[t] != told[t]})


def dump(engine: Engine, where: str | None = None) -> list[Any]:
    with engine.reading(where) as select:
        return [sorted(select(f"SELECT * FROM {t.name}"), key=repr) for t in TABLES]


def folded_upto(engine: Engine, where: str | None = None) -> int:
    with engine.reading(where) as select:
        return select(f"SELECT notification_id FROM {engine.tracking} WHERE application_name = 'service-ledger'")[0][0]


def life(seed: int, engine: Engine, steps: int) -> Life:
    found = Life(seed, engine.url)
    for _ in range(steps):
        found.step()
    return found


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code
