"""Long work tells how far it is on a terminal, and says nothing there where nobody looks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.keys import make_key
from projections.questions import question, read
from replays import cli
from replays.readings import sensitivity
from tests.bundles import make_ledger
from tests.replaying import Story

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("progress")
    make_ledger(folder / "book.db", foreign=20)
    with open_ledger(str(folder / "book.db"), create=False) as book:
        make_key(book, folder / "k")
    return folder


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    """The command with a terminal for its stderr alone: what it prints, and what is drawn."""

    def on_terminal(*words: str) -> tuple[str, str]:
        terminal = Terminal()
        with monkeypatch.context() as patched:
            patched.setenv("TERM", "xterm")
            patched.setenv("SERVICE_LEDGER", str(place / "book.db"))
            patched.setattr(sys, "stderr", terminal)
            assert cli.run(list(words)) == 0, terminal.getvalue()
        return capsys.readouterr().out, terminal.getvalue()

    return on_terminal


def test_long_work_tells_how_far_it_is_and_leaves_stdout_to_the_answer(place: Path, run: Callable[..., tuple[str, str]]) -> None:
    words = ["export", "--contract", "C1", "--from", "2026-01", "--to", "2026-01"]
    _, drawn = run(*words, "-o", str(place / "b.zip"))
    assert "files written" in drawn
    assert "questions answered" in drawn
    _, drawn = run(*words, "--format", "jsonl", "-o", str(place / "rows"))
    assert "entries written" in drawn
    printed, drawn = run("publish", str(place / "www"), "--key", str(place / "k"))
    assert "files written" in drawn
    assert printed.startswith(f"{place / 'www'}: ")
    for what, expected in ((place / "b.zip", "answers found again"), (place / "book.db", "entries read"), (place / "www", "entries read")):
        printed, drawn = run("verify", str(what))
        assert expected in drawn
        assert printed.splitlines()[-1].startswith("nothing failed")
    printed, drawn = run("verify", str(place / "book.db"), "--json")
    assert drawn == ""
    assert printed.startswith("{")


def test_readings_tell_how_many_are_computed_in_a_replay_and_in_a_dossier(place: Path, run: Callable[..., tuple[str, str]]) -> None:
    month = ["--contract", "C1", "--month", "2026-01", "--sensitivity"]
    printed, drawn = run("replay", "availability", *month)
    assert "readings computed" in drawn
    assert printed.startswith("verdict: ")
    printed, drawn = run("replay", "availability", *month, "--json")
    assert (drawn, printed[0]) == ("", "{")
    opened = ["dispute", "open", "D-1", "--contract", "C1", "--question", "availability", "--param", "month=2026-01"]
    run(*opened, "--reason", "not as promised")
    _, drawn = run("dossier", "D-1", "--contract", "C1", "--no-pdf", "-o", str(place / "d.zip"))
    assert "readings computed" in drawn


def test_what_is_told_of_readings_ends_where_all_are_computed() -> None:
    told: list[tuple[str, int, int]] = []
    asked = question("breaches")
    found = sensitivity(Story(1).whole(), asked, read(asked, {"first": "2026-03", "last": "2026-03"}), {}, lambda *one: told.append(one))
    computed = [(done, of) for what, done, of in told if what == "readings computed"]
    parts = [(done, of) for what, done, of in told if what == "parts searched"]
    assert computed == sorted(computed, key=lambda one: one[0])
    assert all(done <= of for done, of in computed)
    assert computed[-1][0] == computed[-1][1] <= found.evaluated
    assert parts == [(n, len(parts)) for n in range(1, len(parts) + 1)]
    assert len(parts) > 1


def test_where_nobody_looks_nothing_is_drawn_and_rich_is_not_imported(place: Path) -> None:
    code = ("import sys\nfrom replays import cli\nstatus = cli.run(['verify', sys.argv[1]])\n"
            "assert not [name for name in sys.modules if name.split('.')[0] == 'rich']\nsys.exit(status)")  # fmt: skip
    ran = subprocess.run([sys.executable, "-c", code, str(place / "book.db")], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
