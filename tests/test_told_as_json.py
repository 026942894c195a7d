"""What a command came to can be read by a program: `--json` on every one, a line of JSON for each result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ledger import open_ledger
from ledger.checkpoint import parse_checkpoint
from replays.cli import run
from replays.commands.root import root
from tests.bundles import make_ledger
from tests.test_evidence_cli import Shell
from tests.test_timestamps import Authority

WITHOUT = ["completion"]  # it prints a program itself


def commands(group: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        yield name, group
        return
    for each in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), each)
        assert found is not None
        yield from commands(found, f"{name} {each}".strip())


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICE_LEDGER", "book.db")
    make_ledger(tmp_path / "book.db", foreign=20)
    return Shell(tmp_path, capsys)


def told(shell: Shell, line: str, *more: str) -> dict[str, Any]:
    """The one result of a command, which says nothing else."""
    status, out, err = shell.told(f"{line} --json", *more)
    assert (status, err, out.count("\n")) == (0, "", 1), (status, out, err)
    found: dict[str, Any] = json.loads(out)
    return found


def position() -> int:
    with open_ledger("book.db", create=False) as book:
        return book.position


def test_every_command_takes_it() -> None:
    without = [name for name, command in commands(root) if "--json" not in {o for p in command.params for o in p.opts}]
    assert without == WITHOUT


def test_a_new_ledger_and_a_copy_of_it(shell: Shell) -> None:
    made = told(shell, "init new.db --terms cegid-expert --terms always-on --origin example.org/l")
    assert made == {"ledger": "new.db", "origin": "example.org/l", "position": made["position"], "terms": ["cegid-expert", "always-on"]}
    copied = told(shell, "copy new.db other.db")
    assert (copied["from"], copied["to"], copied["position"], copied["copied"]) == ("new.db", "other.db", made["position"], made["position"])
    assert told(shell, "copy new.db other.db") == {**copied, "copied": 0}


def test_the_demo_is_a_line_for_the_ledger_and_one_for_each_answer(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.demo.record_demo", lambda url, drawn: {"events": 5, "position": 7})
    built = told(shell, "demo --ledger tour.db --build-only")
    assert built == {"ledger": "tour.db", "events": 5, "position": 7, "recorded": 7}
    monkeypatch.setattr("replays.commands.demo._tour", lambda _: [("why", "availability", {"contract": "C1", "month": "2026-01"}, "2026-03-01T00:00:00Z")])
    monkeypatch.setattr("replays.commands.demo._build", lambda url, as_json: None)
    answered = told(shell, "demo --ledger book.db")
    assert answered["command"].startswith("service-ledger ask availability --ledger book.db --contract C1")
    assert answered["answer"]["result"]["prt_minutes"] > 0


def test_a_key_made_shown_and_retired(shell: Shell) -> None:
    made = told(shell, "key new k")
    assert made == told(shell, "key show k") == {"key": shell("key show k").strip(), "file": "k"}
    retired = told(shell, "key retire k --reason lost")
    assert (retired["key"], retired["receipt"]["position"], retired["receipt"]["outcome"]) == (made["key"], position(), "recorded")


def test_heads_receipts_and_growth(shell: Shell) -> None:
    vkey = told(shell, "key new k")["key"]
    head = told(shell, "checkpoint --key k")
    signed = parse_checkpoint(head["text"].encode())
    assert (head["size"], head["origin"], head["output"]) == (signed.size, signed.origin, None)
    assert told(shell, "checkpoint --key k -o held") == {"origin": head["origin"], "size": head["size"], "root": head["root"], "output": "held"}
    assert Path("held").read_text() == head["text"]
    receipt = told(shell, "receipt 4 --checkpoint held --entry e -o r")
    assert (receipt["position"], receipt["root"], receipt["entry"], receipt["output"]) == (4, head["root"], "e", "r")
    checked = told(shell, f"verify-receipt e r --vkey {vkey}")
    assert checked == {"verdict": "ok", "position": 4, "origin": head["origin"], "size": head["size"], "root": head["root"]}
    shell("terms record always-on --effective-from 2026-01-01T00:00:00Z")
    growth = told(shell, "prove --from held --key k -o growth")
    assert (growth["from_size"], growth["size"]) == (head["size"], position())
    grown = told(shell, f"verify-growth held growth --vkey {vkey} -o later")
    assert grown == {"verdict": "ok", **growth, "output": "later"}
    later = Path("later").read_text()
    assert told(shell, f"verify-growth held growth --vkey {vkey}") == {**grown, "output": None}
    assert told(shell, f"verify-growth held growth --vkey {vkey} -o -") == {**grown, "output": None, "text": later}
    status, out, err = shell.told(f"verify-growth held growth --vkey {vkey} -o -")
    assert (status, out, err[:4]) == (0, later, "ok: "), "the head stands alone"
    assert shell.refused("receipt 4 --checkpoint held --entry - --json") == ("usage", 2)


def test_a_witness_and_a_time_stamp(shell: Shell, tmp_path: Path) -> None:
    vkey = told(shell, "key new k")["key"]
    witness = told(shell, "witness new w --name witness.example")
    assert witness["key"].startswith("witness.example+")
    head = told(shell, "checkpoint --key k -o head")
    seen = told(shell, f"witness cosign head --key w --log {vkey} --at 2026-03-01T00:00:00Z -o cosigned")
    assert seen == {**head, "cosigned_at": "2026-03-01T00:00:00Z", "output": "cosigned"}
    authority = Authority(tmp_path / "tsa")
    asked = told(shell, "timestamp request head -o head.tsq")
    assert (asked["checkpoint"], asked["output"], len(asked["sha256"])) == ("head", "head.tsq", 64)
    Path("answer").write_bytes(authority.answer(Path("head.tsq").read_bytes()))
    kept = told(shell, "timestamp add head answer --roots tsa/root.pem -o head.tsr")
    assert told(shell, "timestamp verify head head.tsr --roots tsa/root.pem") == {k: v for k, v in kept.items() if k != "output"}
    assert kept["verdict"] == "ok"
    for line in ("timestamp request head --json", "timestamp add head answer --roots tsa/root.pem -o - --json"):
        assert shell.refused(line) == ("usage", 2)


def test_published_files(shell: Shell) -> None:
    shell("key new k")
    done = told(shell, "publish www --key k --hashes-only")
    assert (done["directory"], done["size"], done["hashes_only"], done["removed"]) == ("www", position(), True, [])
    assert "checkpoint" in done["written"]
    assert all((Path("www") / name).is_file() for name in done["written"])
    assert told(shell, "publish www --key k --hashes-only") == {**done, "written": []}


def test_an_export_and_a_dossier(shell: Shell) -> None:
    months = "--contract C1 --from 2026-01 --to 2026-01"
    done = told(shell, f"export {months} -o b.zip")
    assert (done["output"], done["format"], done["contract"], done["size"]) == ("b.zip", "bundle", "C1", position())
    assert done["files"] > 10
    rows = told(shell, f"export {months} --format jsonl --known-at all -o rows")
    assert (rows["known_at"], rows["format"]) == (None, "jsonl")
    assert rows["rows"] == sum(len(path.read_text().splitlines()) for path in Path("rows").glob("*.jsonl"))
    shell("dispute open D-1 --contract C1 --question availability --param month=2026-01 --reason other")
    dossier = told(shell, "dossier D-1 --contract C1 --no-pdf -o d.zip")
    assert (dossier["output"], dossier["dispute"], dossier["state"], dossier["signed"]) == ("d.zip", "D-1", "open", False)
    assert set(dossier["relied_on"]) <= set(range(1, position() + 1))


def test_a_booklet_that_can_be_used(shell: Shell) -> None:
    assert told(shell, "terms check always-on") == {"booklet": "always-on", "terms": "always-on", "version": "1", "verdict": "ok"}


def test_views_followed_are_a_line_for_each_position_reached(shell: Shell) -> None:
    shell("views build --from last")
    assert told(shell, "views follow --once") == {"position": position()}
    shell("terms record always-on --effective-from 2026-01-01T00:00:00Z")
    assert told(shell, "views follow --once") == {"position": position()}
    assert shell.told("views follow --once") == (0, "", f"folded up to position {position()}\n")


def test_a_calendar_file_and_its_rows_are_had_at_once(shell: Shell) -> None:
    status, out, err = shell.told("due --contract C1 --at 2026-01-05T00:00:00Z --ical due.ics --json")
    assert (status, err) == (0, f"due.ics: {len(json.loads(out))} entries\n")
    assert Path("due.ics").read_bytes().startswith(b"BEGIN:VCALENDAR")


def test_no_password_of_a_server_is_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "mysql://me:secret@db.example.org/x"]) == 4
    assert run(["views", "status", "--ledger", "mysql://me:secret@db.example.org/x"]) != 0
    told = capsys.readouterr().err
    assert "secret" not in told
    assert "mysql://me:***@db.example.org/x" in told
