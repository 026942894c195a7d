"""The SQL views say at every position what `ask` says, whatever was killed, replaced or restored meanwhile."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from eventsourcing.persistence import Tracking
from eventsourcing.sqlite import SQLiteDatastore, SQLiteTrackingRecorder

from ledger import open_ledger
from ledger.errors import Refused
from ledger.spans import seconds
from ledger.workdays import add_months
from projections import ask, views
from projections.validity import ANY, Now, Watch, Watched, followed
from projections.view_tables import BY_NAME, TABLES, plain
from tests.conftest import Clock
from tests.story import instant

ROOT = Path(__file__).parents[1]
EVIDENCE = ["sha256:" + "0" * 64]


# --- random lives ---


class Life:
    """Facts of two contracts on one service, as they may come: late, corrected, withdrawn, in any mixture."""

    def __init__(self, seed: int, path: Path, months: int = 3) -> None:
        self.dice = random.Random(seed)
        self.clock = Clock("2025-11-20T08:00:00Z")
        self.book = open_ledger(str(path), clock=self.clock)
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
        for kind, more in (("maintenance_started", {"kind": "planned"}), ("blocking_started", {}), ("blocking_ended", {}),
                           ("maintenance_ended", {})):  # fmt: skip
            if told or self.tell(stream, kind, maintenance=name, at=self.at(-back / 3), **more):
                return

    def backup(self, stream: str, n: int, back: float) -> None:
        name = f"B{n}"
        if not self.tell(stream, "backup_completed", backup=name, scope="client_data", tiers=[self.dice.choice(["daily", "weekly"])],
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
                [{"overlap": "sum"}, {"prt_basis": "elapsed"}, {"tier_retention": "generations"}, {"month_split": "start"},
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
        for field in ("at", "started_at", "from"):
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
    for name, until in (result("backup_retention") or {}).items():
        held = [copies.get(name, {}).get(key) for key in ("distinct_locations", "two_copies", "restorable")]
        found["backups"].add((name, until, *map(plain, held), int(name in owed)))
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


def shown(path: Path, contract: str, position: int) -> dict[str, set[tuple[Any, ...]]]:
    """The same from the views."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    with closing(sqlite3.connect(path)) as connection:
        for table in TABLES:
            columns = [c for c, _ in (*table.key, *table.figures) if c not in ("rule", "number", "filed_in", "filed_at")]
            rows = connection.execute(
                f"SELECT {', '.join(map(quoted, columns))} FROM {table.name} WHERE contract = ? "
                "AND known_from_position <= ? AND (known_to_position > ? OR known_to_position IS NULL)",
                (contract, position, position),
            ).fetchall()
            assert len(set(rows)) == len(rows)
            found[table.name] = set(rows)
    return found


def quoted(column: str) -> str:
    return f'"{column}"'


def agree(book: Any, path: Path, positions: range | list[int]) -> None:
    for position in positions:
        for contract in book.contracts():
            told, said = asked(book, contract, position), shown(path, contract, position)
            said["refusals"] = set()
            assert said == told, (position, contract, {t: (said[t] ^ told[t]) for t in told if said[t] != told[t]})


def life(seed: int, folder: Path, steps: int) -> Life:
    found = Life(seed, folder / "book.db")
    for _ in range(steps):
        found.step()
    return found


@pytest.mark.parametrize("seed", [1, 3])
def test_built_or_followed_the_views_say_at_every_position_what_ask_says(seed: int, tmp_path: Path) -> None:
    """Half is built and half followed, in batches of any length."""
    told = life(seed, tmp_path, 20)
    path = tmp_path / "v.db"
    views.build(told.book.store.url, path)
    for _ in range(12):
        told.step()
        if told.dice.random() < 0.4:
            views.follow(told.book, path, once=True)
    views.follow(told.book, path, once=True)
    agree(told.book, path, range(1, told.book.position + 1))
    built = tmp_path / "again.db"
    views.build(told.book.store.url, built)
    assert dump(built) == dump(path)
    told.book.close()


def dump(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return [sorted(connection.execute(f"SELECT * FROM {t.name}").fetchall(), key=repr) for t in TABLES]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 112))
def test_long_lives_agree_at_every_position(seed: int, tmp_path: Path) -> None:
    told = life(seed, tmp_path, 60)
    path = tmp_path / "v.db"
    views.build(told.book.store.url, path)
    agree(told.book, path, range(1, told.book.position + 1))
    told.book.close()


# --- once, and no moment without ---


FOLLOWER = """
import sys
from pathlib import Path
from ledger import open_ledger
from projections import views
views.BATCH = 3
with open_ledger(sys.argv[1], create=False, read_only=True) as book:
    views.follow(book, Path(sys.argv[2]), folded=lambda position: print(position, flush=True))
"""


def follower(book: Any, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FOLLOWER, book.store.url, str(path)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


def folded_upto(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT max(notification_id) FROM tracking WHERE application_name = 'service-ledger'").fetchone()[0]


def test_a_follower_killed_in_the_middle_of_a_batch_goes_on_exactly_once(tmp_path: Path) -> None:
    told = life(7, tmp_path, 4)
    path = tmp_path / "v.db"
    views.build(told.book.store.url, path)
    dice = random.Random(1)
    for _ in range(4):
        process = follower(told.book, path)
        assert process.stdout is not None
        for _ in range(8):
            told.step()
        process.stdout.readline()
        time.sleep(dice.random() * 0.06)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    views.follow(told.book, path, once=True)
    built = tmp_path / "again.db"
    views.build(told.book.store.url, built)
    assert dump(built) == dump(path)
    told.book.close()


def test_a_follower_hears_of_new_entries_and_two_of_them_share_the_work(tmp_path: Path) -> None:
    told = life(3, tmp_path, 2)
    path = tmp_path / "v.db"
    views.build(told.book.store.url, path)
    both = [follower(told.book, path) for _ in range(2)]
    for _ in range(12):
        told.step()
    until(lambda: folded_upto(path) == told.book.position)
    for process in both:
        assert process.poll() is None
        process.kill()
        process.communicate()
    built = tmp_path / "again.db"
    views.build(told.book.store.url, built)
    assert dump(built) == dump(path)
    told.book.close()


def test_a_new_building_takes_the_place_of_the_old_without_a_wrong_or_missing_answer(tmp_path: Path) -> None:
    told = life(5, tmp_path, 12)
    path, url = tmp_path / "v.db", told.book.store.url
    views.build(url, path)
    process = follower(told.book, path)
    wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        seen = 0
        while not done.is_set():
            with closing(sqlite3.connect(path, timeout=20)) as connection:
                connection.execute("BEGIN")
                position = connection.execute("SELECT notification_id FROM tracking WHERE application_name = 'service-ledger'").fetchone()
                rows = connection.execute("SELECT count(*) FROM contracts_now").fetchone()
            if position is None or rows != (2,) or position[0] < seen:
                wrong.append(f"{position} after {seen}, {rows} contracts")
            seen = position[0] if position else seen

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        told.step()
        views.build(url, path)
        told.step()
    until(lambda: folded_upto(path) == told.book.position)
    done.set()
    reader.join()
    process.kill()
    process.communicate()
    assert not wrong
    assert sorted(p.name for p in tmp_path.iterdir() if "new" in p.name) == []
    agree(told.book, path, [told.book.position])
    told.book.close()


def test_what_a_killed_building_left_is_cleared_away_and_two_do_not_build_at_once(tmp_path: Path) -> None:
    told = life(2, tmp_path, 3)
    path = tmp_path / "v.db"
    (tmp_path / "v.db.new").write_bytes(b"half")
    with views._builder(path):
        assert code_of(lambda: views.build(told.book.store.url, path)) == "locked"
    views.build(told.book.store.url, path)
    assert not (tmp_path / "v.db.new").exists()
    told.book.close()


def test_several_processes_build_what_one_does_and_say_how_far_they_are(tmp_path: Path) -> None:
    told = life(4, tmp_path, 10)
    progress: list[tuple[int, int]] = []
    for jobs in (1, 2):
        views.build(told.book.store.url, tmp_path / f"{jobs}.db", jobs=jobs, progress=lambda done, of: progress.append((done, of)))
    assert dump(tmp_path / "1.db") == dump(tmp_path / "2.db")
    assert progress == [(1, 2), (2, 2)] * 2
    told.book.close()


def test_views_built_from_a_position_say_the_same_from_there_on(tmp_path: Path) -> None:
    told = life(6, tmp_path, 20)
    path, since = tmp_path / "v.db", 14
    views.build(told.book.store.url, path, since=since)
    agree(told.book, path, range(since, told.book.position + 1))
    for refused in (0, told.book.position + 1):
        assert code_of(lambda refused=refused: views.build(told.book.store.url, path, since=refused)) == "bad_position"
    told.book.close()


# --- whose views these are ---


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def test_the_library_reads_the_position_as_its_own_tracking_record(tmp_path: Path) -> None:
    told = life(8, tmp_path, 5)
    path = tmp_path / "v.db"
    views.build(told.book.store.url, path)
    datastore = SQLiteDatastore(str(path), single_row_tracking=True)
    recorder = SQLiteTrackingRecorder(datastore)
    recorder.create_table()
    assert recorder.max_tracking_id("service-ledger") == told.book.position
    assert recorder.has_tracking_id("service-ledger", told.book.position)
    recorder.insert_tracking(Tracking("service-ledger", told.book.position + 1))
    datastore.close()
    assert folded_upto(path) == told.book.position + 1
    told.book.close()


def test_views_of_another_ledger_or_of_a_history_it_no_longer_holds_are_refused(tmp_path: Path) -> None:
    told = life(9, tmp_path, 5)
    path = tmp_path / "v.db"
    assert code_of(lambda: views.status(path)) == "no_file"
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(told.book.store.url)) as source, closing(sqlite3.connect(older)) as copy:
        source.backup(copy)
    for _ in range(4):
        told.step()
    views.build(told.book.store.url, path)
    assert views.status(path, told.book.store.url)["behind"] == 0
    with open_ledger(str(older)) as restored:
        assert code_of(lambda: views.follow(restored, path, once=True)) == "damaged_ledger"
        for n in range(12):
            restored.record([{"specversion": "1.0", "id": f"z{n}", "source": "z", "type": "outage_started", "subject": "service:S",
                              "data": {"outage": f"Z{n}", "environment": "production", "effect": "no_access", "at": "2025-11-21T08:00:00Z"}}])  # fmt: skip
        assert code_of(lambda: views.follow(restored, path, once=True)) == "damaged_ledger"
    (tmp_path / "x").mkdir()
    with closing(life(9, tmp_path / "x", 5).book) as other:
        assert code_of(lambda: views.follow(other, path, once=True)) == "bad_parameter"
    path.write_bytes(b"a letter to somebody, long enough to be one" * 9)
    assert code_of(lambda: views.build(told.book.store.url, path)) == "not_a_ledger"
    assert path.read_bytes().startswith(b"a letter")
    told.book.close()


# --- what an answer rests on ---


def test_a_comparison_holds_until_it_would_turn_and_arithmetic_ends_with_the_second() -> None:
    watch = Watch()
    now: Any = Now(100, lambda: watch)
    assert now < 160
    assert now + 5 < 140
    assert not now < 90
    assert min(now, 300) is now
    assert watch.until == 135
    assert sorted([(now, 1), (7, 2)])[0] == (7, 2)
    assert watch.until == 135, "what is behind stays behind"
    assert now - (now - 4) == 4
    assert watch.until == 135
    assert 150 - now == 50
    assert watch.until == 101
    with pytest.raises(TypeError):
        timedelta(seconds=now)


@pytest.mark.parametrize("look", ["facts", "own_facts", "streams", "last_known_at"])
def test_whoever_looks_at_the_entries_themselves_rests_on_every_one(look: str, tmp_path: Path) -> None:
    with closing(life(1, tmp_path, 5).book) as book:
        streams = book.history("C1").streams
        watched = Watched("C1", streams, position=book.position, now=seconds(instant("2025-12-01T00:00:00Z")))
        assert ANY not in followed(watched, lambda history: history.started)[1].kinds
        assert ANY not in followed(watched, lambda history: history.frame)[1].kinds
        assert ANY in followed(watched, lambda history: getattr(history, look))[1].kinds
        assert ANY in followed(watched, lambda history: history.as_known(instant("2025-12-01T00:00:00Z")))[1].kinds
