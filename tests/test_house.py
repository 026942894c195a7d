"""The house rules, held against the code: floors, subjects, doors, first sentences, sizes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("ledger", "projections", "replays")
MODULES = sorted(p for floor in FLOORS for p in (ROOT / floor).rglob("*.py"))
SUBJECTS = {
    "availability", "maintenance", "weather", "backups", "restores", "updates", "support", "anomalies", "dossiers",
    "service", "recette", "storage", "calls", "billing", "accounts", "dashboards", "deletions", "entitlements",
    "options",
}  # fmt: skip
SHARED_GROUND = {"unavailability": "availability", "kept": "backups"}  # a subject's own second room
# modules that may reach the machine: clocks, files, processes, databases, the network
DOORS = {
    "ledger/book.py", "ledger/recording.py", "ledger/sqlite_store.py", "ledger/sqlite_file.py", "ledger/sqlite_checkpoint.py", "ledger/worker.py",
    "ledger/sqlite_queue.py", "ledger/sqlite_header.py", "ledger/postgres_store.py", "ledger/store.py",
    "ledger/journal.py", "ledger/codec.py", "ledger/sqlite_recorder.py", "ledger/terms.py", "ledger/keys.py", "ledger/publishing.py", "replays/cli.py", "replays/show.py",
    "ledger/witnesses.py", "ledger/timestamps.py", "ledger/signing.py", "ledger/headlock.py", "ledger/evidence.py",
    "projections/view_file.py", "projections/view_processes.py",
}  # fmt: skip
DOOR_FOLDERS = ("replays/commands/", "ledger/intake/")
MACHINE = {"sqlite3", "psycopg", "os", "time", "socket", "subprocess", "http", "urllib", "random", "threading"}
LONGEST_MODULE = 400
LONGER_MODULES = {"ledger/events.py": "the vocabulary stays in one file"}
LONGEST_FUNCTION = 70


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_down(path: Path) -> None:
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    above = FLOORS[floor + 1 :]
    assert not {i for i in imports(path) if i.split(".")[0] in above}


@pytest.mark.parametrize("path", [p for p in MODULES if p.stem in SUBJECTS and p.parts[-2] == "projections"], ids=name)
def test_a_subject_imports_no_other_subject(path: Path) -> None:
    others = {i.split(".")[1] for i in imports(path) if i.startswith("projections.")}
    mine = {path.stem} | {room for room in SHARED_GROUND if path.stem in ("backups", "restores") or SHARED_GROUND[room] == path.stem}
    assert not (others & (SUBJECTS | set(SHARED_GROUND))) - mine


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_doors_reach_the_machine(path: Path) -> None:
    if name(path) in DOORS or name(path).startswith(DOOR_FOLDERS):
        return
    reached = {i.split(".")[0] for i in imports(path)} & MACHINE
    assert not reached, reached


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[-2] == "projections"], ids=name)
def test_only_where_views_stand_does_a_projection_know_an_engine(path: Path) -> None:
    """`views` asks for the way to a server by its URL; `view_schema` puts tables beside the ledger's."""
    engines = {i for i in imports(path) if i.startswith(("ledger.sqlite_", "ledger.postgres_"))}
    assert not engines or name(path) in ("projections/views.py", "projections/view_schema.py")


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_doors_ask_the_clock(path: Path) -> None:
    if name(path) in DOORS or name(path).startswith(DOOR_FOLDERS):
        return
    asked = [
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today")
        and isinstance(node.value, ast.Name) and node.value.id in ("datetime", "date", "time")
    ]  # fmt: skip
    assert not asked


def test_every_module_opens_with_a_sentence_of_its_own() -> None:
    first: dict[str, str] = {}
    for path in MODULES:
        doc = ast.get_docstring(ast.parse(path.read_text()))
        assert doc, f"{name(path)} has no docstring"
        sentence = doc.splitlines()[0]
        assert sentence not in first, (name(path), first[sentence])
        first[sentence] = name(path)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    if name(path) not in LONGER_MODULES:
        assert len(path.read_text().splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_function_fits_a_page(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, node.name


def test_the_top_level_holds_what_was_agreed_and_nothing_else() -> None:
    agreed = {"ledger", "projections", "replays", "tests", "README.md", "pyproject.toml"}
    made = re.compile(r"\.|.*\.egg-info$|.*\.db($|[-.])")  # by tools, or a ledger and what lies beside it: README's demo
    found = {p.name for p in ROOT.iterdir() if not made.match(p.name)}
    assert found - {"build", "dist", "__pycache__"} <= agreed


def test_no_file_tells_a_path_or_host_of_the_machine_it_was_written_on() -> None:
    marks = ["/wo" + "rk/", "/ro" + "ot/", "pypi" + ".org", "deb.deb" + "ian.org", "registry.npm" + "js"]
    for path in [*MODULES, *(ROOT / "tests").rglob("*.py"), ROOT / "pyproject.toml", ROOT / "README.md"]:
        text = path.read_text()
        assert not [mark for mark in marks if mark in text], name(path)
