"""A ledger copied between engines is the same ledger, however often the copy was cut short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger, tree
from ledger.copying import check_apart, copy
from ledger.errors import Refused
from ledger.store import NewRow, Store, open_store
from replays.cli import run
from tests.conftest import Clock
from tests.postgres import fresh_schema, meddling, shared_url, with_options
from tests.test_sqlite_header import another
from tests.test_tree import OPENING, outages

WAYS = (("sqlite", "postgresql"), ("postgresql", "sqlite"), ("sqlite", "sqlite"), ("postgresql", "postgresql"))


class Places:
    """Names of fresh ledgers, of the engine one asks for; what is opened is closed in the end."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.count = folder, stack, 0

    def name(self, engine: str) -> str:
        self.count += 1
        if engine == "sqlite":
            return str(self.folder / f"{self.count}.db")
        return self.stack.enter_context(fresh_schema(shared_url()))

    def open(self, name: str, *, create: bool = True) -> Store:
        store = open_store(name, create=create)
        self.stack.callback(store.close)
        return store

    def filled(self, engine: str, outages_told: int = 700) -> tuple[str, Store]:
        """A ledger of a contract and its outages."""
        name = self.name(engine)
        with open_ledger(name, clock=Clock("2026-01-01T00:00:00Z")) as book:
            book.record([OPENING])
            book.record(outages(0, outages_told))
        return name, self.open(name)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    with ExitStack() as stack:
        yield Places(tmp_path, stack)


def held(store: Store) -> tuple[Any, ...]:
    rows = store.read(1, 100_000)
    return rows, tree.root_at(store, len(rows)), store.openings(), store.tile_roots(0, 0, 99)


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_a_copy_has_the_same_positions_bytes_tiles_and_root(places: Places, source: str, target: str) -> None:
    _, old = places.filled(source)
    new = places.open(places.name(target))
    told: list[tuple[str, int, int]] = []
    copied = copy(old, new, lambda *step: told.append(step), page=300)
    assert held(new) == held(old)
    size = len(held(old)[0])
    assert copied == (size, size, tree.recomputed_root(old, size))
    assert [step for step in told if step[1] == step[2]] == [("copied", size, size), ("verified", size, size)]


def test_a_copy_can_be_recorded_into_and_goes_on_as_the_first_would(places: Places) -> None:
    _, old = places.filled("sqlite")
    copy(old, places.open(name := places.name("postgresql")))
    with open_ledger(name, clock=Clock("2026-01-02T00:00:00Z"), create=False) as book:
        assert [r.outcome for r in book.record(outages(699, 2))] == ["already_recorded", "recorded"]
        assert tree.root_at(book.store, book.position) == tree.recomputed_root(book.store, book.position)


@pytest.mark.parametrize("cut_at", [1, 255, 256, 257, 600])
def test_a_copy_cut_short_goes_on_where_it_was(places: Places, cut_at: int) -> None:
    _, old = places.filled("sqlite")
    new = places.open(places.name("postgresql"))

    def cut(stage: str, done: int, of: int) -> None:
        if done >= cut_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(old, new, cut, page=cut_at)
    last = new.last()
    assert last is not None
    assert last.position == cut_at
    size = len(held(old)[0])
    assert copy(old, new)[:2] == (size, size - cut_at)
    assert copy(old, new)[:2] == (size, 0), "once more is harmless"
    assert held(new) == held(old)


def test_a_source_that_grew_is_caught_up_with(places: Places) -> None:
    name, old = places.filled("sqlite")
    new = places.open(places.name("postgresql"))
    copy(old, new)
    with open_ledger(name, clock=Clock("2026-01-02T00:00:00Z"), create=False) as book:
        book.record(outages(5000, 30))
    assert copy(old, new).written == 30
    assert held(new) == held(old)


def refused(source: Store, target: Store) -> Refused:
    before = held(target)
    with pytest.raises(Refused) as found:
        copy(source, target)
    assert held(target) == before, "nothing was written"
    return found.value


def test_another_ledger_is_not_written_over(places: Places) -> None:
    _, old = places.filled("sqlite")
    _, other = places.filled("postgresql", 3)
    assert (refused(old, other).code, refused(other, old).code) == ("ledger_exists", "ledger_exists")


@pytest.mark.parametrize("changed", [{"stream": "x"}, {"topic": "x"}, {"state": b"x"}])
def test_a_beginning_that_differs_in_its_last_entry_is_another_ledger(places: Places, changed: dict[str, Any]) -> None:
    _, old = places.filled("sqlite", 5)
    new = places.open(places.name("postgresql"))
    rows = [NewRow(*row[1:]) for row in old.read(1, 4)]
    if "stream" in changed:
        changed["version"] = 1
    rows[-1] = rows[-1]._replace(**changed)
    with new.write() as transaction:
        transaction.insert(rows)
    assert "position 4" in refused(old, new).message


def test_a_target_that_holds_more_is_no_copy(places: Places) -> None:
    _, old = places.filled("sqlite", 5)
    new = places.open(places.name("postgresql"))
    copy(old, new)
    with open_ledger(new.url, clock=Clock("2026-01-02T00:00:00Z"), create=False) as book:
        book.record(outages(5000, 1))
    assert refused(old, new).code == "ledger_exists"


def test_somebody_who_writes_to_the_target_meanwhile_is_noticed(places: Places) -> None:
    _, old = places.filled("sqlite")
    new = places.open(places.name("postgresql"))

    def meddle(stage: str, done: int, of: int) -> None:
        with new.write() as transaction:
            transaction.insert([NewRow("other", 1, "t", b"")])

    with pytest.raises(Refused, match=r"ledger_exists: somebody"):
        copy(old, new, meddle, page=100)


def test_what_was_altered_while_it_was_copied_is_found_in_the_end(places: Places) -> None:
    _, old = places.filled("sqlite")
    new = places.open(name := places.name("postgresql"))
    schema = name.split("schema=")[1].split("&")[0]

    def alter(stage: str, done: int, of: int) -> None:
        if stage == "copied" and done == of:
            with meddling(shared_url(), schema) as raw:
                raw.execute("ALTER TABLE stored_events DISABLE TRIGGER USER")
                raw.execute("UPDATE stored_events SET topic = 'x' WHERE position = 300")

    with pytest.raises(Refused, match=r"damaged_ledger: .*position 300"):
        copy(old, new, alter)


def test_a_tree_that_is_not_that_of_the_entries_is_found_in_the_end(places: Places) -> None:
    _, old = places.filled("sqlite")
    new = places.open(places.name("postgresql"))
    with new.write() as transaction:
        transaction.insert([NewRow(*row[1:]) for row in old.read(1, 256)])
        transaction.put_tile(0, 0, bytes(32), bytes(8192))
    with pytest.raises(Refused, match=r"damaged_ledger: .*another root"):
        copy(old, new)


def test_an_empty_ledger_is_copied_too(places: Places) -> None:
    old, new = places.open(places.name("sqlite")), places.open(places.name("postgresql"))
    assert copy(old, new)[:2] == (0, 0)


# --- the command ---


def test_the_command_says_what_it_did_and_shows_progress_on_stderr(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    name, old = places.filled("sqlite")
    target = places.name("postgresql")
    size = len(held(old)[0])
    for written in (size, 0):
        assert run(["copy", name, target]) == 0
        out, err = capsys.readouterr()
        root = tree.root_text(tree.root_at(old, size))
        assert out == f"{size} entries, {written} of them copied now, root {root}: verified\n"
        assert f"service-ledger: {size} of {size} entries verified" in err
    assert held(places.open(target, create=False)) == held(old)


def test_the_command_makes_nothing_where_there_is_nothing_to_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["copy", str(tmp_path / "none.db"), str(tmp_path / "new.db")]) == 4
    assert "no_ledger" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# --- a ledger is not copied to itself ---


def in_a_file(folder: Path) -> Iterator[str]:
    """Other ways to write the name of the ledger in `book.db`."""
    path = folder / "book.db"
    (folder / "link.db").symlink_to("book.db")
    (folder / "folder").symlink_to(folder)
    (folder / "hard.db").hardlink_to(path)
    yield from (str(path), f"sqlite:///{path}", "book.db", "sqlite:///book.db", "./book.db", f"{folder}/../{folder.name}//book.db")
    yield from ("link.db", "folder/book.db", "hard.db", "sqlite:///hard.db")


def test_a_file_is_not_copied_to_itself_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_ledger("book.db", clock=Clock("2026-01-01T00:00:00Z")) as book:
        book.record([OPENING])
    names = list(in_a_file(tmp_path))
    files, held_bytes = sorted(tmp_path.iterdir()), (tmp_path / "book.db").read_bytes()
    for source, target in [*((names[0], name) for name in names), *((name, names[0]) for name in names)]:
        assert run(["copy", source, target]) == 4
        told = capsys.readouterr().err
        assert told == "service-ledger: same_ledger: both names lead to one ledger; a ledger is copied to another place\n", (source, target)
    assert (sorted(tmp_path.iterdir()), (tmp_path / "book.db").read_bytes()) == (files, held_bytes)


def test_a_copy_refused_for_being_itself_takes_no_lock_from_a_ledger_open_in_this_process(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    with open_ledger(str(path)) as book:
        book.record([OPENING, *outages(0, 2)])
        (tmp_path / "hard.db").hardlink_to(path)
        for name in ("book.db", "hard.db"):
            assert run(["copy", str(path), str(tmp_path / name)]) == 4
        another(path)
        assert path.with_name("book.db-wal").exists(), "another process was not the last one"
        first = book.record(outages(2, 1))[0].position
        assert another(path, 3) == str(first + 1)
        assert [r.position for r in book.record(outages(4, 1))] == [first + 2]


def test_a_schema_is_not_copied_to_itself_whatever_it_is_called(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    name, _ = places.filled("postgresql", 3)
    schema = name.split("schema=")[1].split("&")[0]
    names = [name, name.replace("postgresql://", "postgres://"), with_options(name, connect_timeout="9"), with_options(shared_url(), options=f"-csearch_path%3D{schema}")]
    for other in names:
        assert run(["copy", name, other]) == 4
        assert capsys.readouterr().err.startswith("service-ledger: same_ledger: ")


def test_places_that_are_not_there_or_of_another_engine_are_apart(places: Places, tmp_path: Path) -> None:
    (tmp_path / "to.db").symlink_to("nowhere.db")
    schema, other = places.name("postgresql"), places.name("postgresql")
    sqlite, _ = places.filled("sqlite", 1)
    for target in (str(tmp_path / "none.db"), str(tmp_path / "to.db"), schema):
        check_apart(sqlite, target)
    check_apart(schema, other)
