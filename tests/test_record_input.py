"""How much of a file `record` reads before it says no: a line's worth of events, a document's worth of a tool's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import Refused
from ledger.intake import ADAPTERS, OPTIONS, options_of
from replays.cli import run
from replays.commands import recording
from tests.story import CONTRACT

ROOT = Path(__file__).parents[1]
MEMORY_BYTES = 400 * 1024 * 1024  # of address space, the interpreter's own included
STARTED = json.dumps({"specversion": "1.0", "id": "c1", "source": "t", "type": "contract_started", "subject": "contract:C1", "data": CONTRACT})


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SERVICE_LEDGER", raising=False)
    assert run(["init", "b.db"]) == 0
    capsys.readouterr()
    return "b.db"


def entries(ledger: str, capsys: pytest.CaptureFixture[str]) -> int:
    capsys.readouterr()
    assert run(["log", "--ledger", ledger, "--json"]) == 0
    return len(capsys.readouterr().out.splitlines())


def within_memory(*arguments: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process that may have so much memory and no more."""
    code = f"import resource as r, sys; r.setrlimit(r.RLIMIT_AS, ({MEMORY_BYTES},) * 2); from replays.cli import main; main()"
    command = " ".join(f"'{word}'" for word in (sys.executable, "-c", code, *arguments))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(f"{command} {shell}", shell=True, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.mark.parametrize("shell", ["", "< /dev/zero"], ids=["a file", "standard input"])
@pytest.mark.parametrize("more", [(), ("--batch", "5"), ("--from", "jenkins", "--subject", "service:s"), ("--from", "restic", "--subject", "contract:C1")], ids=" ".join)
def test_what_never_ends_is_refused_in_bounded_memory(ledger: str, shell: str, more: tuple[str, ...]) -> None:
    found = within_memory("record", "-" if shell else "/dev/zero", "--ledger", ledger, *more, shell=shell)
    assert found.returncode == 3, found.stderr
    assert found.stderr.startswith("service-ledger: input_too_large: ")
    assert len(found.stderr.splitlines()) == 1


def test_a_line_too_long_is_named_and_nothing_of_the_file_is_recorded(
    ledger: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recording, "LONGEST_LINE_BYTES", 1000)
    before = entries(ledger, capsys)
    Path("long.jsonl").write_text(f"{STARTED}\n\n{'x' * 1001}\n{STARTED}\n")
    assert run(["record", "long.jsonl", "--ledger", ledger]) == 3
    assert capsys.readouterr().err == (
        "service-ledger: input_too_large: line 3: over 1,000 bytes; one event stands on a line; what a tool wrote is read with --from\n"
    )
    assert entries(ledger, capsys) == before


def test_nothing_is_read_after_the_line_that_is_too_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recording, "LONGEST_LINE_BYTES", 10_000)
    read, write = os.pipe()
    with os.fdopen(write, "wb") as writer:
        writer.write(b"x" * 40_000)
    path = tmp_path / "pipe"
    path.symlink_to(f"/dev/fd/{read}")
    with pytest.raises(Refused):
        list(recording._lines(str(path)))
    assert len(os.read(read, 65_536)) > 10_000
    os.close(read)


def test_a_line_as_long_as_it_may_be_is_read(
    ledger: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recording, "LONGEST_LINE_BYTES", 1000)
    Path("fits.jsonl").write_text(STARTED.ljust(999) + "\n" + STARTED.ljust(1000))
    assert run(["record", "fits.jsonl", "--ledger", ledger]) == 0
    assert "1 recorded, 1 already recorded" in capsys.readouterr().out


def test_the_batches_before_a_line_too_long_stand_and_are_told(
    ledger: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recording, "LONGEST_LINE_BYTES", 1000)
    Path("long.jsonl").write_text(f"{STARTED}\n{'x' * 1001}")
    assert run(["record", "long.jsonl", "--ledger", ledger, "--batch", "1"]) == 3
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "service-ledger: the 1 event of the batches before is recorded"
    assert "line 2" in told[1]


def test_a_document_on_one_line_may_be_longer_than_a_line_of_events(
    ledger: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("start.jsonl").write_text(STARTED)
    assert run(["record", "start.jsonl", "--ledger", ledger]) == 0
    monkeypatch.setattr(recording, "LONGEST_LINE_BYTES", 100)
    monkeypatch.setattr(recording, "LONGEST_DOCUMENT_BYTES", 1000)
    archives = {"archives": [{"name": f"a{n}", "id": "f" * 64, "start": "2026-03-02T22:00:00"} for n in range(5)]}
    Path("list.json").write_text(json.dumps(archives))
    asked = ["record", "list.json", "--ledger", ledger, "--from", "borg", "--subject", "contract:C1", "--zone", "UTC"]
    assert run(asked) == 0
    monkeypatch.setattr(recording, "LONGEST_DOCUMENT_BYTES", 400)
    capsys.readouterr()
    assert run(asked) == 3
    assert capsys.readouterr().err.startswith("service-ledger: input_too_large: list.json: over 400 bytes; ")


def test_a_document_may_begin_with_a_byte_order_mark(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("list.json").write_bytes(b'\xef\xbb\xbf{"archives": []}')
    assert run(["record", "list.json", "--ledger", ledger, "--from", "borg", "--subject", "contract:C1", "--zone", "UTC"]) == 0
    assert "note: borg: it holds nothing to record" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "code"), [(("--option", "subject=contract:C2"), "bad_parameter"), (("--option", "name=x"), "unknown_field"), (("--option", "zone=UTC"), "")]
)
def test_options_of_the_adapter_and_of_the_command_do_not_get_in_each_other_s_way(
    ledger: str, option: tuple[str, str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("list.json").write_text('{"archives": []}')
    zone = () if "zone=UTC" in option else ("--zone", "UTC")
    status = run(["record", "list.json", "--ledger", ledger, "--from", "borg", "--subject", "contract:C1", *zone, *option])
    assert bool(status) is bool(code)
    assert code in capsys.readouterr().err


def test_help_lists_every_adapter_what_it_reads_its_options_and_how_much_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["record", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, reads, _ in ADAPTERS:
        options = (option if default is ... else f"[{option}]" for option, default in options_of(name).items())
        assert " ".join([name, reads, *options]) in shown
    for name, says in OPTIONS:
        assert f"{name} {says}" in shown
    assert f"A line is at most {recording.LONGEST_LINE_BYTES >> 20} MiB" in shown
    assert f"at most {recording.LONGEST_DOCUMENT_BYTES >> 20} MiB" in shown


def test_readme_says_how_much_is_read() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"A line is at most {recording.LONGEST_LINE_BYTES >> 20} MiB long" in text
    memory = f"in at most {recording.DOCUMENT_MEMORY_BYTES >> 20} MiB of memory"
    assert f"At most {recording.LONGEST_DOCUMENT_BYTES >> 20} MiB are read as one file, {memory}" in text


SNAPSHOT = {"time": "2026-03-02T22:00:00.123456789+02:00", "tree": "t" * 64, "paths": ["/srv/data", "/etc"], "hostname": "backup-host-1", "username": "root", "uid": 0, "gid": 0, "tags": ["daily"]}
PART = 8  # of the size and of the memory that are allowed


def document(kind: str) -> bytes:
    """A file of the eighth part of what may be read."""
    size = recording.LONGEST_DOCUMENT_BYTES // PART
    if kind == "snapshots":
        rows = (json.dumps({**SNAPSHOT, "id": f"{n:064x}", "short_id": f"{n:08x}", "parent": f"{n:064x}"}).encode() for n in range(size // 440))
    else:
        unit = {"objects": b'{"":0}', "lists": b"[0]", "nesting": b"[" * 20 + b"]" * 20}[kind]
        rows = (unit for _ in range(size // (len(unit) + 1) - 1))
    return b"[" + b",".join(rows) + b"]"


@pytest.mark.parametrize(("kind", "adapter", "status"), [("snapshots", "restic", 0), ("objects", "restic", 3), ("lists", "alertmanager", 3), ("nesting", "borg", 3)])
def test_what_is_all_brackets_is_refused_before_it_fills_the_memory_and_an_export_of_that_size_is_read(
    tmp_path: Path, kind: str, adapter: str, status: int
) -> None:
    """In a process of its own, which has no free memory to take first."""
    data = document(kind)
    (tmp_path / "given").write_bytes(data)
    assert recording.LONGEST_DOCUMENT_BYTES // PART * 0.95 < len(data) <= recording.LONGEST_DOCUMENT_BYTES // PART
    options = {"zone": "UTC"} if adapter == "borg" else {}
    reading = f"""
import sys
from ledger import Refused
from replays.commands import recording
recording.DOCUMENT_MEMORY_BYTES //= {PART}
try:
    print(len(recording._adapted({adapter!r}, {str(tmp_path / "given")!r}, "contract:C1", {options})))
except Refused as refused:
    print(refused, file=sys.stderr)
    sys.exit(refused.exit_status)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", reading], capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert found.returncode == status, found.stderr
    if status:
        wanted = f"input_too_large: {tmp_path / 'given'}: reading it takes over {recording.DOCUMENT_MEMORY_BYTES // PART >> 20} MiB of memory; "
        assert found.stderr == f"{wanted}{recording.IN_PARTS}\n"
    else:
        assert int(found.stdout.split()[0]) == data.count(b"short_id")


@pytest.mark.parametrize("wrong", ['{"status": "firing", "alerts": []}', "[", "firing"])
def test_what_is_no_cloudevents_at_all_is_told_of_adapters(
    ledger: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hint = "what a tool wrote is read with --from"
    for text, hinted in ((wrong, True), (f"{STARTED}\n{wrong}", False)):
        Path("tool.json").write_text(text)
        assert run(["record", "tool.json", "--ledger", ledger]) == 3
        assert (hint in capsys.readouterr().err) is hinted
