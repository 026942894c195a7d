"""Which engine a ledger's name leads to, and what is said when it leads nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ledger import store
from ledger.errors import Refused
from ledger.events import VOCABULARY
from ledger.store import OPENING_TOPICS, Store, open_store

ROOT = Path(__file__).parents[1]


def refusal(url: str, **options: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        open_store(url, **({"create": True} | options)).close()
    return refused.value


def test_a_path_is_a_sqlite_file(tmp_path: Path) -> None:
    opened: Store = open_store(str(tmp_path / "book.db"), create=True)
    assert (opened.url, opened.stat()["engine"]) == (str(tmp_path / "book.db"), "sqlite")
    opened.close()


def test_four_slashes_name_an_absolute_file(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/book.db", create=True).close()
    assert (tmp_path / "book.db").is_file()


def test_three_slashes_name_a_file_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///books/../book.db", create=True).close()
    assert (tmp_path / "book.db").is_file()


@pytest.mark.parametrize("odd", ["a?mode=ro#b.db", "100%20.db", "été — facturé.db", "mode=memory&cache=shared"])
def test_a_file_may_have_an_odd_name(tmp_path: Path, odd: str) -> None:
    open_store(str(tmp_path / odd), create=True).close()
    assert [p.name for p in tmp_path.iterdir()] == [odd]


@pytest.mark.parametrize("url", ["mysql://there/book", "http://there", ":memory:", "sqlite:///:memory:", ""])
def test_a_name_that_leads_nowhere_is_refused(url: str) -> None:
    assert refusal(url).code == "no_ledger"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_postgresql_without_its_extra_says_what_to_install(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ledger.postgres_store", None)
    refused = refusal(f"{scheme}://there/book")
    assert refused.code == "missing_extra"
    assert "service-ledger[postgres]" in refused.message


def test_postgresql_is_opened_by_its_own_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ModuleType("ledger.postgres_store")
    monkeypatch.setattr(engine, "open_postgres", lambda url, **options: (url, options), raising=False)
    monkeypatch.setitem(sys.modules, "ledger.postgres_store", engine)
    assert open_store("postgresql://there/book", create=False, read_only=True, lock_timeout_seconds=3) == (
        "postgresql://there/book",
        {"create": False, "read_only": True, "lock_timeout_seconds": 3},
    )


def test_the_opening_topics_are_in_the_vocabulary() -> None:
    assert set(OPENING_TOPICS) <= set(VOCABULARY)


def test_the_mapper_is_found_here_and_nothing_else_is_made_up() -> None:
    assert store.EntryMapper.__name__ == "EntryMapper"
    with pytest.raises(AttributeError):
        store.NoSuchThing  # noqa: B018  # the look itself is the test


def test_opening_and_writing_a_ledger_leaves_the_library_unimported(tmp_path: Path) -> None:
    code = (
        "import sys; from ledger.store import NewRow, open_store; s = open_store(sys.argv[1], create=True)\n"
        "with s.write() as t: t.insert([NewRow('s', 1, 't', b'')])\n"
        "s.read(1, 1); s.close(); assert 'eventsourcing' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "book.db")], cwd=ROOT, check=True, timeout=30)
