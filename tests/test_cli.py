"""The command line as a person meets it: data on stdout, one plain line on stderr, documented exit statuses."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from projections.questions import QUESTIONS
from replays.charts import CHARTS
from replays.cli import run
from replays.command_list import COMMANDS
from tests.story import CONTRACT

ROOT = Path(__file__).parents[1]
O1 = {"outage": "O1", "environment": "production", "effect": "no_access", "at": "2026-03-03T10:00:00+01:00"}
Said = tuple[int, str, str]


def line(event_id: str, kind: str, data: dict[str, Any], subject: str = "contract:C1") -> str:
    return json.dumps({"specversion": "1.0", "id": event_id, "source": "t", "type": kind, "subject": subject, "data": data})


LINES = [
    line("c1", "contract_started", CONTRACT),
    line("o1", "outage_started", O1),
    line("o2", "outage_ended", {"outage": "O1", "at": "2026-03-03T11:25:49+01:00"}),
]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in a folder of its own: status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SERVICE_LEDGER", raising=False)

    def one(*arguments: str) -> Said:
        status = run(list(arguments))
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return status, shown.out, shown.err

    return one


@pytest.fixture
def recorded(say: Callable[..., Said]) -> Callable[..., Said]:
    """The same, with a ledger of three events at the default place."""
    Path("events.jsonl").write_text("\n".join(LINES))
    assert say("init")[0] == 0
    assert say("record", "events.jsonl")[0] == 0
    return say


def test_a_new_ledger_records_a_file_and_answers(recorded: Callable[..., Said]) -> None:
    status, out, err = recorded("ask", "availability", "--month", "2026-03", "--known-at", "2027-01-01T00:00:00Z", "--explain")
    assert (status, err) == (0, "")
    assert "99.4999" in out
    assert "Workings" in out
    status, out, _ = recorded("ask", "availability", "--month", "2026-03", "--json")
    assert json.loads(out)["result"]["ti_seconds"] == 5149


def test_recording_again_changes_nothing_and_a_dry_run_writes_nothing(recorded: Callable[..., Said]) -> None:
    assert "0 recorded, 3 already recorded" in recorded("record", "events.jsonl")[1]
    Path("more.jsonl").write_text(line("o3", "outage_started", {**O1, "outage": "O2"}))
    assert "would be recorded" in recorded("record", "more.jsonl", "--dry-run")[1]
    assert "1 recorded, 0 already recorded" in recorded("record", "more.jsonl")[1]


def test_the_log_filters_and_what_it_prints_can_be_recorded_elsewhere(recorded: Callable[..., Said]) -> None:
    assert "outage_ended" in recorded("log", "--stream", "contract:C1", "--type", "outage_ended")[1]
    assert "outage" not in recorded("log", "--from", "2026-04", "--to", "2026-05")[1]
    stored = recorded("log", "--position", "5", "--bytes")[1]
    assert json.loads(stored)["event"]["type"] == "outage_started"
    Path("again.jsonl").write_text(recorded("log", "--stream", "contract:C1", "--json")[1])
    assert recorded("init", "other.db")[0] == 0
    assert "3 recorded" in recorded("record", "again.jsonl", "--ledger", "other.db")[1]


def test_contracts_terms_and_tables_are_listed(recorded: Callable[..., Said]) -> None:
    assert json.loads(recorded("contracts", "--json")[1])[0]["contract"] == "C1"
    assert "cegid-expert" in recorded("terms", "list")[1]
    for table, word in (("questions", "availability"), ("switches", "overlap"), ("events", "outage_started"), ("codes", "clock_behind"), ("codes", "internal")):
        assert word in recorded(table)[1]
        assert json.loads(recorded(table, "--json")[1])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str, say: Callable[..., Said]) -> None:
    status, out, _ = say("completion", shell)
    assert status == 0
    assert "_SERVICE_LEDGER_COMPLETE" in out


REFUSED: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (4, "no_ledger", ("ask", "availability", "--ledger", "none.db", "--contract", "C1", "--month", "2026-03")),
    (4, "not_a_ledger", ("log", "--ledger", "events.jsonl")),
    (4, "ledger_exists", ("init",)),
    (2, "no_file", ("record", "none.jsonl")),
    (3, "bad_json", ("record", "garbage.bin")),
    (3, "unknown_type", ("record", "unknown.jsonl")),
    (5, "bad_month", ("ask", "availability", "--month", "2026-13")),
    (5, "missing_parameter", ("ask", "availability")),
    (5, "bad_instant", ("ask", "availability", "--month", "2026-03", "--known-at", "2026-03-03T10:00:00")),
    (5, "bad_instant", ("ask", "weather", "--at", "yesterday")),
    (5, "bad_position", ("ask", "availability", "--month", "2026-03", "--position", "0")),
    (5, "bad_position", ("ask", "availability", "--month", "2026-03", "--position", "99999999999999999999")),
    (5, "unknown_contract", ("ask", "availability", "--month", "2026-03", "--contract", "C9")),
    (5, "unknown_switch", ("ask", "availability", "--month", "2026-03", "--reading", "overlapp=sum")),
    (5, "unknown_switch_value", ("ask", "availability", "--month", "2026-03", "--reading", "overlap=both")),
    (5, "unknown_id", ("ask", "maintenance", "--maintenances", "M9")),
    (5, "bad_week", ("ask", "backup_weeks", "--first", "2026-W60", "--last", "2026-W61")),
    (5, "bad_date", ("ask", "backup_nights", "--first", "2026-02-30", "--last", "2026-03-01")),
    (5, "bad_parameter", ("ask", "backup_nights", "--first", "2026-03-02", "--last", "2026-03-01")),
    (5, "unknown_question", ("ask", "availabillity", "--month", "2026-03")),
    (3, "unknown_stream", ("log", "--stream", "contract:C9")),
    (3, "bad_terms", ("terms", "check", "bad.toml")),
    (2, "usage", ("asks",)),
    (2, "usage", ("ask", "availability", "--mont", "2026-03")),
)


@pytest.mark.parametrize(("status", "code", "arguments"), REFUSED, ids=lambda value: value if isinstance(value, str) else None)
def test_what_is_wrong_is_said_in_one_line_with_its_status(
    status: int, code: str, arguments: tuple[str, ...], recorded: Callable[..., Said]
) -> None:
    Path("garbage.bin").write_bytes(bytes(range(256)) * 4)
    Path("unknown.jsonl").write_text(line("x", "outage_strated", O1))
    Path("bad.toml").write_text("[booklet\n")
    found, out, err = recorded(*arguments)
    assert found == status, err
    assert code in err
    assert out == ""
    assert len(err.strip().splitlines()) == 1


def test_a_ledger_of_a_newer_version_says_so(recorded: Callable[..., Said]) -> None:
    raw = sqlite3.connect("service-ledger.db")
    raw.execute("PRAGMA user_version = 99")
    raw.commit()
    raw.close()
    status, _, err = recorded("contracts")
    assert (status, "newer_ledger" in err) == (4, True)


def test_every_command_helps_and_the_help_names_them_all(say: Callable[..., Said]) -> None:
    status, out, _ = say("--help")
    assert status == 0
    for name, _, sentence in COMMANDS:
        assert name in out
        assert sentence.split()[0] in out
        assert say(name, "--help")[0] == 0


def test_what_is_due_is_asked_for_as_many_days_as_the_command_lists(recorded: Callable[..., Said]) -> None:
    asked = json.loads(recorded("ask", "due", "--at", "2036-03-18T10:00:00+01:00", "--json")[1])
    assert (asked["params"]["within_days"], bool(asked["result"])) == (30, True)
    assert asked["result"] == json.loads(recorded("due", "--at", "2036-03-18T10:00:00+01:00", "--json")[1])
    assert "[default: 30]" in recorded("ask", "due", "--help")[1]
    assert "[default: 30d]" in recorded("due", "--help")[1]


def pages() -> list[tuple[str, ...]]:
    """Every command and command of a group, as one would ask for its help."""
    from click import Context, Group

    from replays.commands.root import root

    found: list[tuple[str, ...]] = []
    for name, _, _ in COMMANDS:
        command = root.get_command(Context(root), name)
        found += [(name,), *((name, one) for one in (command.commands if isinstance(command, Group) else ()))]
    return found


def test_no_page_of_help_cuts_a_summary_short_or_keeps_back_what_must_be_given(say: Callable[..., Said]) -> None:
    for page in pages():
        shown = " ".join(say(*page, "--help")[1].split())
        assert "article all" not in shown
        assert "..." not in shown.partition("Commands:")[2], f"{page}: a summary is cut short"
        if page[0] == "replay" and len(page) > 1:
            assert "--and-known-at (or --and-position), --sensitivity and --under" in shown
    for question in QUESTIONS:
        shown = say("ask", question.name, "--help")[1]
        for param in question.params:
            assert ("[required]" if param.required else f"[default: {param.default}]" if param.default else "[optional]") in shown
        assert ("--picture" in shown) is (question.name in CHARTS)


def test_help_names_the_states_and_booklets_there_are(say: Callable[..., Said]) -> None:
    from ledger.terms import shipped_booklets
    from projections.standing import STATES

    shown = " ".join(say("obligations", "--help")[1].split())
    assert "broken, contested, pending, kept or nothing_to_judge" in shown
    assert {state for state, _ in STATES} == {"broken", "contested", "pending", "kept", "nothing_to_judge"}
    shown = " ".join(say("terms", "check", "--help")[1].split())
    assert all(name in shown for name in shipped_booklets())


def test_what_a_command_records_can_be_had_as_json(recorded: Callable[..., Said]) -> None:
    asked = (
        ("statement", "issue", "--month", "2026-03", "--id", "S1", "--json"),
        ("dispute", "open", "D1", "--question", "availability", "--param", "month=2026-03", "--reason", "other probes", "--json"),
        ("dispute", "file", "D1", "--evidence", f"sha256:{'0' * 64}", "--json"),
        ("dispute", "decide", "D1", "--decision", "the provider is right", "--by", "expert", "--json"),
        ("dispute", "close", "D1", "--json"),
        ("terms", "record", "always-on", "--effective-from", "2026-01-01T00:00:00Z", "--json"),
    )
    for arguments in asked:
        status, out, err = recorded(*arguments)
        assert (status, err) == (0, ""), arguments
        found = json.loads(out.splitlines()[0])
        assert found.get("receipt", found)["outcome"] == "recorded"
        assert arguments[:2] != ("statement", "issue") or found["answer"]["result"]["ti_seconds"] == 5149


def test_a_dossier_s_file_is_named_as_every_other_output(say: Callable[..., Said]) -> None:
    assert "-o, --output, --out FILE" in say("dossier", "--help")[1]


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, timeout=60, check=False, **options
    )


def test_help_starts_without_what_only_other_commands_need() -> None:
    code = "import sys; from replays.cli import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    heavy = ("eventsourcing", "msgspec", "rich", "structlog", "zoneinfo", "sqlite3", "cryptography")
    loaded = process("-c", code).stderr
    assert not [name for name in heavy if f"'{name}'" in loaded]


def test_a_reader_who_leaves_early_and_a_person_who_interrupts_get_no_traceback(tmp_path: Path) -> None:
    piped = process("-c", "import subprocess,sys; p=subprocess.Popen([sys.executable,'-m','replays.cli','events'],"
                    "stdout=subprocess.PIPE,stderr=subprocess.PIPE); p.stdout.readline(); p.stdout.close();"
                    "print(p.stderr.read().decode()); print(p.wait())")  # fmt: skip
    assert "Traceback" not in piped.stdout
    assert piped.stdout.strip().splitlines()[-1] == "0"


def test_stdin_is_a_file_like_any_other(recorded: Callable[..., Said]) -> None:
    found = process("-m", "replays.cli", "record", "-", "--json", input=line("o9", "outage_started", {**O1, "outage": "O9"}))
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["outcome"] == "recorded"


# --- what is not the ledger's fault ---


def as_process(*arguments: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with what a shell puts after it."""
    command = " ".join(f"'{word}'" for word in (sys.executable, "-m", "replays.cli", *arguments))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(f"{command} {shell}", shell=True, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize(("shell", "status"), [("> /dev/full", 4), (">&-", 0), ("<&-", 0)])
def test_an_output_that_takes_nothing_is_one_line_and_what_was_recorded_stands(
    recorded: Callable[..., Said], shell: str, status: int
) -> None:
    Path("more.jsonl").write_text(line("o3", "outage_started", {**O1, "outage": "O2"}))
    done = as_process("record", "more.jsonl", shell=shell)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1 if status else 0), done.stderr
    assert ("cannot_write: the output: No space left on device" in done.stderr) == bool(status)
    assert "0 recorded, 1 already recorded" in recorded("record", "more.jsonl")[1]


def test_a_file_that_cannot_be_written_is_named(recorded: Callable[..., Said]) -> None:
    status, _, err = recorded("due", "--contract", "C1", "--within", "30", "--ical", "none/x.ics")
    assert (status, err) == (4, "service-ledger: store_failed: none/x.ics: cannot be written: none is no directory\n")


@pytest.mark.parametrize("written", [("due", "--ical"), ("ask", "requests_dashboard", "--first", "2026-03", "--last", "2026-03", "--picture")])
def test_a_calendar_or_picture_that_is_there_stays_unless_it_is_to_be_replaced(recorded: Callable[..., Said], written: tuple[str, ...]) -> None:
    Path("out").write_text("mine")
    assert recorded(*written, "out") == (2, "", "service-ledger: file_exists: out is there already; name another\n")
    assert Path("out").read_text() == "mine"
    assert recorded(*written, "out", "--replace")[0] == 0
    assert len(Path("out").read_text()) > 100


def test_a_failed_check_is_told_by_the_status_whoever_stops_reading(recorded: Callable[..., Said]) -> None:
    with sqlite3.connect("service-ledger.db") as raw:
        (guard,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'entries_never_change'").fetchone()
        raw.execute("DROP TRIGGER entries_never_change")
        raw.execute("UPDATE stored_events SET state = replace(state, 'no_access', 'no_acces5')")
        raw.execute(guard)
    raw.close()
    command = f"({sys.executable} -m replays.cli verify service-ledger.db; echo $? >&2) | true"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, check=False)
    assert done.stderr.strip() == "6"


def test_what_goes_to_a_file_or_a_program_is_cut_nowhere(say: Callable[..., Said]) -> None:
    name = "M-" + "long" * 25
    told = {"maintenance": name, "published_at": "2026-02-01T00:00:00Z", "planned_start": "2026-03-03T21:00:00Z", "planned_end": "2026-03-04T01:00:00Z"}
    Path("events.jsonl").write_text("\n".join([LINES[0], line("m", "maintenance_announced", told)]))
    say("init")
    say("record", "events.jsonl")
    assert name in say("ask", "maintenance")[1]


def test_a_refusal_amid_batches_says_what_stands(recorded: Callable[..., Said]) -> None:
    Path("more.jsonl").write_text(line("o3", "outage_started", {**O1, "outage": "O2"}) + "\n" + line("x", "nothing_known", {}))
    status, _, err = recorded("record", "more.jsonl", "--batch", "1")
    assert (status, err.splitlines()[0]) == (3, "service-ledger: the 1 event of the batches before is recorded")
    assert "unknown_type: line 2" in err


def test_a_file_that_no_such_tool_wrote_is_no_success(recorded: Callable[..., Said]) -> None:
    status, _, err = recorded("record", "events.jsonl", "--from", "alertmanager", "--subject", "contract:C1")
    assert (status, err) == (3, "service-ledger: unknown_format: events.jsonl: no payload has `alerts` and `version` \"4\"; expected Alertmanager's webhook, version 4\n")
    assert recorded("record", "events.jsonl", "--zone", "Europe/Paris")[0] == 2


def test_an_empty_file_can_be_made_a_ledger_and_its_command_can_be_pasted(say: Callable[..., Said]) -> None:
    Path("a b.db").touch()
    _, _, err = say("log", "-L", "a b.db")
    assert "`service-ledger init 'a b.db'`" in err.replace(f"{Path.cwd()}/", "")
    assert say("init", "a b.db")[0] == 0


# --- words that are off ---

OFF: tuple[tuple[str, int, str], ...] = (
    # the command, its status, what it says
    ("completion", 2, "usage: Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish (--help tells more)"),
    ("log --bytes --json", 2, "usage: --bytes and --json are two ways to print an entry; give one (--help tells more)"),
    ("due --replace", 2, "usage: --replace is said of the file of --ical (--help tells more)"),
    ("ask weather --at 2026-03-03T09:00:00Z --replace", 2, "usage: --replace is said of the file of --picture (--help tells more)"),
    ("ask billing_dates --count 1000000", 5, "bad_parameter: count: '1000000' is no whole number from 1 to 999999"),
    ("ask weather --at 2026-07-01T09:00:00", 5, "bad_instant: at: 2026-07-01T09:00:00 has no offset from UTC; write 2026-07-01T09:00:00+02:00 or 2026-07-01T09:00:00Z"),
    ("ask weather --at 2026-03-29T02:30:00", 5, "bad_instant: at: 2026-03-29T02:30:00 has no offset from UTC; write 2026-03-29T02:30:00Z, or another time: in Paris clocks jumped over it"),
    ("ask weather --at 2026-10-25T02:30:00", 5, "bad_instant: at: 2026-10-25T02:30:00 has no offset from UTC; write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00 (in Paris it was twice), or 2026-10-25T02:30:00Z"),
    ("ask availability --month 2026-03 --position 2", 5, "unknown_contract: the ledger knows no contract 'C1' up to position 2"),
    ("replay availability --month 2026-03 --and-known-at x", 5, "bad_instant: --and-known-at: 'x' is no instant; write 2026-03-31T09:00:00+02:00"),
    ("terms check mine", 3, "bad_terms: booklet mine: not TOML: Expected '=' after a key in a key/value pair (at line 1, column 4)"),
    ("terms check folder", 3, "unknown_terms: no booklet named 'folder' is shipped; write always-on or cegid-expert"),
    ("terms check nowhere", 3, "unknown_terms: no booklet named 'nowhere' is shipped; write always-on or cegid-expert"),
    ("terms record always-on --effective-from 1800-01-01T00:00:00Z", 3, "impossible_date: terms_version_published.effective_from"),
    ("dispute open D1 --question availability --param month=2026-03 --reason jo@example.org", 3, "personal_data: dispute_opened.reason looks like it holds an e-mail address"),
    ("record empty.json --from alertmanager --subject contract:C1", 0, "note: alertmanager: it holds nothing to record"),
    ("log --stream contract:C2", 3, "unknown_stream: the ledger holds no stream 'contract:C2'"),
)  # fmt: skip


@pytest.mark.parametrize(("command", "status", "told"), OFF, ids=[row[0][:40] for row in OFF])
def test_what_is_off_is_said_in_one_line_that_helps(recorded: Callable[..., Said], command: str, status: int, told: str) -> None:
    Path("mine").write_text("no booklet")
    Path("empty.json").write_text('{"version": "4", "alerts": []}')
    Path("folder").mkdir()
    found, out, err = recorded(*command.split())
    assert found == status
    assert err.startswith(f"service-ledger: {told}")
    assert err.count("\n") == 1
    assert out == "" if status else out


def test_a_name_that_is_no_utf_8_names_nothing_and_a_file_so_called_is_told_byte_by_byte(recorded: Callable[..., Said]) -> None:
    """As a shell hands bytes over: each that is no UTF-8 as half of a surrogate pair."""
    odd = os.fsdecode(b"\xff")
    assert recorded("ask", "availability", "--contract", odd, "--month", "2026-03") == (
        5, "", "service-ledger: unknown_contract: the ledger knows no contract '\\udcff'; it knows C1\n")  # fmt: skip
    assert recorded("log", "--stream", f"contract:{odd}")[:2] == (3, "")
    assert json.loads(recorded("init", f"{odd}.db", "--json")[1])["ledger"] == f"{odd}.db"
    assert json.loads(recorded("copy", "service-ledger.db", f"{odd}2.db", "--json")[1])["to"] == f"{odd}2.db"
    assert json.loads(recorded("export", "--from", "2026-03", "--to", "2026-03", "-o", f"{odd}.zip", "--json")[1])["output"] == f"{odd}.zip"


def test_a_name_too_long_for_a_file_is_refused_as_any_place_that_cannot_be_written(recorded: Callable[..., Said]) -> None:
    long = "x" * 300
    for words in (("due", "--ical"), ("export", "--from", "2026-03", "--to", "2026-03", "-o")):
        assert recorded(*words, long) == (4, "", f"service-ledger: store_failed: {long}: cannot be written: File name too long\n")


def test_a_statement_of_a_month_without_a_rate_says_so(recorded: Callable[..., Said]) -> None:
    assert ": 1999-01, no rate, nothing to judge, not_applicable, " in recorded("statement", "issue", "--month", "1999-01")[1]


def test_now_is_said_wherever_an_instant_is_asked_for(recorded: Callable[..., Said]) -> None:
    for command in ("due --at now", "obligations --contract C1 --at now", "log --known-at now --limit 1", "log --known-at all --limit 1"):
        assert recorded(*command.split())[0] == 0, command


def test_the_first_page_of_help_is_a_table_whose_columns_stand(say: Callable[..., Said]) -> None:
    lines = say("--help")[1].splitlines()
    begun = lines.index("Commands:") + 1
    table = lines[begun : begun + len(COMMANDS)]
    assert {line.index(what) for line, (_, _, what) in zip(table, COMMANDS, strict=True)} == {max(len(name) for name, _, _ in COMMANDS) + 4}
