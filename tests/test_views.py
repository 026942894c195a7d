"""The SQL views say at every position what `ask` says, whatever was killed, replaced or restored meanwhile."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import Tracking, TrackingRecorder
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.sqlite import SQLiteDatastore, SQLiteTrackingRecorder

from ledger import open_ledger
from ledger.copying import copy
from ledger.errors import Refused
from ledger.spans import seconds
from ledger.store import open_store
from projections import views
from projections.validity import ANY, Now, Watch, Watched, followed
from tests.postgres import shared_url
from tests.story import instant
from tests.viewed import Engine, Files, Life, agree, code_of, dump, engine_of, folded_upto, life

ROOT = Path(__file__).parents[1]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine_of(request.param, tmp_path) as found:
        yield found


def build(engine: Engine, where: str | None = None, **options: Any) -> dict[str, Any]:
    return views.build(engine.url, views.place_of(engine.url, where), **options)


def follow_once(engine: Engine, book: Any) -> None:
    views.follow(book, views.place_of(engine.url), once=True)


def same_as_built_anew(engine: Engine) -> None:
    build(engine, engine.other("again"))
    assert dump(engine, engine.other("again")) == dump(engine)


@pytest.mark.parametrize(("seed", "engine"), [(1, "sqlite"), (3, "postgresql")], indirect=["engine"])
def test_built_or_followed_the_views_say_at_every_position_what_ask_says(seed: int, engine: Engine) -> None:
    """Half is built and half followed, in batches of any length."""
    with closing((told := life(seed, engine, 12)).book):
        build(engine)
        for _ in range(8):
            told.step()
            if told.dice.random() < 0.4:
                follow_once(engine, told.book)
        follow_once(engine, told.book)
        agree(engine, told.book, range(1, told.book.position + 1))
        same_as_built_anew(engine)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 106))
def test_long_lives_agree_at_every_position(seed: int, tmp_path: Path) -> None:
    with engine_of(("sqlite", "postgresql")[seed % 2], tmp_path) as engine, closing((told := life(seed, engine, 60)).book):
        build(engine)
        agree(engine, told.book, range(1, told.book.position + 1))


def test_what_a_backup_deleted_too_early_waited_for_is_told_though_it_comes_months_later(tmp_path: Path) -> None:
    with engine_of("sqlite", tmp_path) as engine, closing((told := life(1, engine, 0)).book):
        for days, name in ((10, "B1"), (2, "B2")):
            told.clock.now += timedelta(days=days)
            made = {"started_at": told.at(-0.1), "completed_at": told.at(), "tiers": ["daily"], "locations": ["A", "B"]}
            assert told.tell("contract:C1", "backup_completed", backup=name, scope="office_documents", **made)
            if name == "B1":
                told.clock.now += timedelta(days=1)
                assert told.tell("contract:C1", "backup_deleted", backup=name, at=told.at())
                told.clock.now += timedelta(days=40)  # another month, and the one after it not yet
                assert told.tell("contract:C2", "outage_started", outage="O", environment="production", effect="degraded", at=told.at())
                build(engine)
        follow_once(engine, told.book)
        agree(engine, told.book, [told.book.position - 1, told.book.position])
        same_as_built_anew(engine)


def test_a_backup_from_before_the_service_began_stands_in_the_views_before_and_after_it_does(tmp_path: Path) -> None:
    with engine_of("sqlite", tmp_path) as engine, closing((told := life(1, engine, 0)).book):
        late = {"contract": "C3", "plan": "open", "service_start": "2026-02-10T00:00:00+01:00", "production_named_users": 1}
        assert told.tell("contract:C3", "contract_started", **late)
        made = {"started_at": told.at(-0.1), "completed_at": told.at(), "tiers": ["weekly"], "locations": ["A", "B"]}
        assert told.tell("contract:C3", "backup_completed", backup="B1", scope="client_data", **made)
        build(engine)
        agree(engine, told.book, [told.book.position])
        for days, place in ((1, "A"), (90, "B")):
            told.clock.now += timedelta(days=days)
            assert told.tell("contract:C3", "backup_copy_lost", backup="B1", location=place, at=told.at())
            follow_once(engine, told.book)
        agree(engine, told.book, range(1, told.book.position + 1))
        same_as_built_anew(engine)


# --- once, and no moment without ---


FOLLOWER = """
import sys
from ledger import open_ledger
from projections import views
views.BATCH = 3
with open_ledger(sys.argv[1], create=False, read_only=True) as book:
    views.follow(book, views.place_of(sys.argv[1]), folded=lambda position: print(position, flush=True))
"""


def follower(engine: Engine) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", FOLLOWER, engine.url], cwd=ROOT, text=True, stdout=subprocess.PIPE)


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_follower_killed_in_the_middle_of_a_batch_goes_on_exactly_once(engine: Engine) -> None:
    dice = random.Random(1)
    with closing((told := life(7, engine, 4)).book):
        build(engine)
        for _ in range(2):
            process = follower(engine)
            assert process.stdout is not None
            for _ in range(5):
                told.step()
            process.stdout.readline()
            time.sleep(dice.random() * 0.06)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        follow_once(engine, told.book)
        assert folded_upto(engine) == told.book.position
        same_as_built_anew(engine)


def test_a_follower_hears_of_new_entries_and_two_of_them_share_the_work(engine: Engine) -> None:
    with closing((told := life(3, engine, 2)).book):
        build(engine)
        both = [follower(engine) for _ in range(2)]
        for _ in range(8):
            told.step()
        until(lambda: folded_upto(engine) == told.book.position)
        for process in both:
            assert process.poll() is None
            process.kill()
            process.communicate()
        same_as_built_anew(engine)


def one_more(told: Life) -> None:
    """Steps on until something was recorded."""
    reached = told.book.position
    while told.book.position == reached:
        told.step()


def test_a_new_building_takes_the_place_of_the_old_without_a_wrong_or_missing_answer(engine: Engine) -> None:
    told = life(5, engine, 4)
    build(engine)
    one_more(told)
    process = follower(engine)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{told.book.position}\n"
    wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        seen, statement = 0, f"SELECT notification_id FROM {engine.tracking} WHERE application_name = 'service-ledger'"
        while not done.is_set():
            try:
                with engine.reading() as select:
                    position, rows = select(statement), select("SELECT count(*) FROM contracts_now")
            except Exception as error:
                wrong.append(str(error))
                return
            if not position or rows != [(2,)] or position[0][0] < seen:
                wrong.append(f"{position} after {seen}, {rows} contracts")
                return
            seen = position[0][0]

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(2):
        one_more(told)
        build(engine)
        one_more(told)
    until(lambda: folded_upto(engine) == told.book.position)
    done.set()
    reader.join()
    process.kill()
    process.communicate()
    assert not wrong
    assert engine.unfinished() == []
    agree(engine, told.book, [told.book.position])
    told.book.close()


BUILDER = """
import os, signal, sys
from projections import views
def stop(done, of):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
views.build(sys.argv[1], views.place_of(sys.argv[1]), progress=stop)
"""


def test_a_building_killed_in_the_middle_leaves_the_old_views_and_the_next_clears_it_away(engine: Engine) -> None:
    with closing((told := life(2, engine, 3)).book):
        build(engine)
        before = dump(engine)
        told.step()
        process = subprocess.run([sys.executable, "-c", BUILDER, engine.url], cwd=ROOT)
        assert process.returncode == -signal.SIGKILL
        assert engine.unfinished() != []
        assert dump(engine) == before
        until(lambda: builds(engine))
        assert engine.unfinished() == []
        agree(engine, told.book, [told.book.position])


def test_the_processes_of_a_building_that_is_killed_end_with_it(tmp_path: Path) -> None:
    killed = BUILDER.replace("progress=stop", "jobs=2, progress=stop").replace(
        "    if done == 2:", "    for worker in multiprocessing.active_children(): print(worker.pid, flush=True)\n    if True:")  # fmt: skip
    with engine_of("sqlite", tmp_path) as engine, closing(life(6, engine, 3).book):
        process = subprocess.run([sys.executable, "-c", f"import multiprocessing, sys\n{killed}", engine.url],
                                 cwd=ROOT, capture_output=True, text=True, timeout=60)  # fmt: skip
        assert process.returncode == -signal.SIGKILL
        workers = process.stdout.split()
        assert len(workers) == 2
        until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def builds(engine: Engine) -> bool:
    """Whether it could be built: a server may need a moment to see that the last builder is gone."""
    try:
        build(engine)
    except Refused as refused:
        if refused.code == "locked":
            return False
        raise
    return True


def test_two_do_not_build_at_once(engine: Engine) -> None:
    with closing(life(2, engine, 3).book):
        with views.place_of(engine.url).building():
            assert code_of(lambda: build(engine)) == "locked"
        assert engine.unfinished() == []
        build(engine)


def test_the_query_in_the_readme_finds_the_months_below_their_minimum(engine: Engine) -> None:
    text = (ROOT / "README.md").read_text().split("```sql\n", 1)[1].split("```")[0].replace("desk_1_views.", "").replace(";", "")
    with closing((told := life(5, engine, 0)).book):
        told.clock.now += timedelta(days=20)
        assert told.tell("service:S", "outage_started", outage="O", environment="production", effect="no_access", at=told.at())
        told.clock.now += timedelta(days=3)
        assert told.tell("service:S", "outage_ended", outage="O", at=told.at())
        told.clock.now += timedelta(days=30)
        assert told.tell("service:S", "outage_started", outage="P", environment="production", effect="no_access", at=told.at())
        build(engine)
        with engine.reading() as select:
            found, below = select(text), select("SELECT contract, month FROM availability_now WHERE breach = 1 ORDER BY month, contract")
    assert [row[:2] for row in found] == below != []


def test_several_processes_build_what_one_does_and_say_how_far_they_are(engine: Engine) -> None:
    with closing(life(4, engine, 3).book):
        progress: list[tuple[int, int]] = []
        places = [engine.other(f"jobs{jobs}") for jobs in (1, 2)]
        for jobs, where in enumerate(places, 1):
            build(engine, where, jobs=jobs, progress=lambda done, of: progress.append((done, of)))
        assert dump(engine, places[0]) == dump(engine, places[1])
        assert progress == [(1, 2), (2, 2)] * 2


def test_views_built_from_a_position_say_the_same_from_there_on(engine: Engine) -> None:
    with closing((told := life(6, engine, 10)).book):
        since = 10
        build(engine, since=since)
        agree(engine, told.book, range(since, told.book.position + 1))
        for refused in (0, told.book.position + 1):
            assert code_of(lambda refused=refused: build(engine, since=refused)) == "bad_position"


# --- whose views these are ---


def recorder_of(engine: Engine) -> tuple[Any, TrackingRecorder]:
    """The library's own recorder over the views."""
    if isinstance(engine, Files):
        files = SQLiteDatastore(views.place_of(engine.url).name, single_row_tracking=True)
        return files, SQLiteTrackingRecorder(files)
    server = shared_url().split("host=")[1].split("&")[0]
    schemas = PostgresDatastore("postgres", server, "5432", "postgres", "", schema=f"{engine.schema}_views")
    return schemas, PostgresTrackingRecorder(schemas)


def test_the_library_reads_the_position_as_its_own_tracking_record(engine: Engine) -> None:
    with closing((told := life(8, engine, 5)).book):
        build(engine)
        datastore, recorder = recorder_of(engine)
        recorder.create_table()
        assert recorder.max_tracking_id("service-ledger") == told.book.position
        assert recorder.has_tracking_id("service-ledger", told.book.position)
        recorder.insert_tracking(Tracking("service-ledger", told.book.position + 1))
        datastore.close()
        assert folded_upto(engine) == told.book.position + 1


def test_views_of_another_ledger_or_of_a_history_it_no_longer_holds_are_refused(engine: Engine, tmp_path: Path) -> None:
    place = views.place_of(engine.url)
    with closing((told := life(9, engine, 2)).book):
        assert code_of(lambda: views.status(place)) == "no_file"
        older = str(tmp_path / "older.db")
        with closing(open_store(older, create=True)) as target:
            copy(told.book.store, target)
        for _ in range(3):
            told.step()
        build(engine)
        assert views.status(place, engine.url)["behind"] == 0
    with open_ledger(older) as restored:
        with pytest.raises(Refused, match="restored from an older copy") as refused:
            views.follow(restored, place, once=True)
        assert refused.value.code == "damaged_ledger"
        while restored.position <= folded_upto(engine):
            said = {"outage": f"Z{restored.position}", "environment": "production", "effect": "no_access", "at": "2025-11-21T08:00:00Z"}
            restored.record([{"specversion": "1.0", "id": said["outage"], "source": "z", "type": "outage_started", "subject": "service:S", "data": said}])
        with pytest.raises(Refused, match="another history") as refused:
            views.follow(restored, place, once=True)
        assert refused.value.code == "damaged_ledger"
        views.build(older, place)
        assert views.status(place, older)["behind"] == 0
    (tmp_path / "x").mkdir()
    with closing(life(9, Files(tmp_path / "x"), 5).book) as other:
        assert code_of(lambda: views.follow(other, place, once=True)) == "bad_parameter"
        assert code_of(lambda: views.build(other.store.url, place)) == "bad_parameter"


def test_views_of_another_version_are_refused_and_built_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing((told := life(9, engine, 3)).book):
        for module in ("view_store", "view_file", "view_schema"):
            monkeypatch.setattr(f"projections.{module}.VERSION", 7)
        build(engine)
        monkeypatch.undo()
        with pytest.raises(Refused, match="views of version 7, this software knows 2: build anew") as refused:
            follow_once(engine, told.book)
        assert refused.value.code == "not_a_ledger"
        build(engine)
        follow_once(engine, told.book)


def test_what_is_no_views_is_left_as_it_was(tmp_path: Path) -> None:
    with closing(life(9, Files(tmp_path), 3).book) as book:
        path = tmp_path / "book.db.views.db"
        for content in (b"a letter to somebody, long enough to be one" * 9, None):
            if content is None:
                path.unlink()
                with closing(sqlite3.connect(path)) as connection:
                    connection.execute("CREATE TABLE letters (text)")
            else:
                path.write_bytes(content)
            before = path.read_bytes()
            for act in (lambda: build(Files(tmp_path)), lambda: follow_once(Files(tmp_path), book)):
                assert code_of(act) == "not_a_ledger"
            assert path.read_bytes() == before
        assert code_of(lambda: build(Files(tmp_path), str(tmp_path / "nowhere" / "v.db"))) == "store_failed"
        assert code_of(lambda: build(Files(tmp_path), "http://nowhere")) == "no_file"


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
    with closing(life(1, Files(tmp_path), 5).book) as book:
        streams = book.history("C1").streams
        watched = Watched("C1", streams, position=book.position, now=seconds(instant("2025-12-01T00:00:00Z")))
        assert ANY not in followed(watched, lambda history: history.started)[1].kinds
        assert ANY not in followed(watched, lambda history: history.frame)[1].kinds
        assert ANY in followed(watched, lambda history: getattr(history, look))[1].kinds
        assert ANY in followed(watched, lambda history: history.as_known(instant("2025-12-01T00:00:00Z")))[1].kinds
