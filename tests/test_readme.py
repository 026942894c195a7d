"""README says what is: its tables are made from the code, its commands run and print what it shows."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from replays.cli import run
from replays.reference import BLOCKS

README = Path(__file__).parents[1] / "README.md"


def test_the_tables_of_readme_are_those_of_the_code() -> None:
    text = README.read_text()
    fresh = text
    for name, make in BLOCKS.items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        assert pattern.search(fresh), name
        made = make()
        fresh = pattern.sub(lambda m, made=made: f"{m.group(1)}{made}\n{m.group(2)}", fresh)
    if os.environ.get("UPDATE_README"):
        README.write_text(fresh)
        return
    assert fresh == text, "README is stale: run UPDATE_README=1 pytest tests/test_readme.py"


def test_the_commands_of_readme_print_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = README.read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SERVICE_LEDGER", raising=False)

    def ran(block: re.Match[str]) -> str:
        command = block.group(1).splitlines()[0].removeprefix("$ service-ledger ")
        assert run(shlex.split(command)) == 0, command
        shown = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines()).strip("\n")
        return f"```console\n$ service-ledger {command}\n{shown}\n```" if shown else f"```console\n$ service-ledger {command}\n```"

    fresh = re.sub(r"```console\n(.*?)\n```", ran, text, flags=re.DOTALL)
    if os.environ.get("UPDATE_README"):
        README.write_text(fresh)
        return
    assert fresh == text, "README is stale: run UPDATE_README=1 pytest tests/test_readme.py"


def test_every_module_named_in_the_house_map_is_there() -> None:
    root = README.parent
    block = README.read_text().split("## The house")[1].split("```")[1]
    floor = ""
    for line in block.splitlines():
        if match := re.match(r"^(\w+)/ ", line):
            floor = match.group(1)
        for name in re.findall(r"\b(\w+\.py)\b", line):
            assert (root / floor / name).exists() or (root / "tests" / name).exists(), (floor, name)


@pytest.mark.parametrize("extra", ["dev"])
def test_the_two_commands_name_what_the_project_offers(extra: str) -> None:
    assert f".[{extra}]" in README.read_text()
