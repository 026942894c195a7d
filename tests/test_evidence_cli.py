"""The evidence commands as a user types them: what they print, what they refuse, with which status."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.checkpoint import open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.keys import write_key
from ledger.notes import MAX_ORIGIN_CHARACTERS, parse_vkey
from ledger.policy import accept, parse_policy
from replays.cli import run
from replays.command_list import COMMANDS
from tests.test_heads import OPENING, outages, tamper
from tests.test_publishing import outsider
from tests.test_timestamps import Authority


class Shell:
    """Runs commands in one folder, whose ledger is `book.db`."""

    def __init__(self, folder: Path, capture: Any) -> None:
        self.folder = folder
        self._capture = capture

    def __call__(self, line: str, *more: str) -> str:
        """The stdout of a command that must succeed."""
        status, out, err = self.told(line, *more)
        assert status == 0, err
        return out

    def told(self, line: str, *more: str) -> tuple[int, str, str]:
        status = run([*line.split(), *more])
        out, err = self._capture.readouterr()
        return status, out, err

    def refused(self, line: str, *more: str) -> tuple[str, int]:
        """Code and status of a command that must refuse, in one line and without a traceback."""
        status, out, err = self.told(line, *more)
        assert out == ""
        assert err.count("\n") == 1, err
        program, code, _ = err.split(": ", 2)
        assert program == "service-ledger"
        return code, status

    def grow(self, first: int, count: int) -> None:
        with open_ledger("book.db", create=False) as book:
            book.record(outages(first, count))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICE_LEDGER", "book.db")
    with open_ledger("book.db") as book:
        book.record([OPENING, *outages(0, 300)])
    return Shell(tmp_path, capsys)


@pytest.fixture
def vkey(shell: Shell) -> str:
    """The verification key of the ledger's key, `k`."""
    return shell("key new k").strip()


def test_a_key_is_made_shown_recorded_and_retired(shell: Shell, vkey: str) -> None:
    assert shell("key show k").strip() == vkey == str(parse_vkey(vkey))
    made = json.loads(shell("log --stream ledger --type signing_key_made --json"))
    assert made["data"]["key"] == vkey
    assert shell.refused("key new k") == ("bad_key", 6)
    shell("checkpoint --key k")
    shell("key retire", vkey, "--reason", "moved to another machine")
    assert shell.refused("checkpoint --key k") == ("bad_key", 6)
    assert shell.refused("key retire k --reason again") == ("twice", 3)


def test_a_checkpoint_is_printed_or_written_and_is_the_same_until_something_is_recorded(shell: Shell, vkey: str) -> None:
    printed = shell("checkpoint --key k")
    head = open_checkpoint(printed.encode(), [parse_vkey(vkey)])
    assert head.size > 300
    assert shell("checkpoint --key k -o head.txt") == ""
    assert Path("head.txt").read_text() == printed
    shell.grow(1000, 1)
    assert shell("checkpoint --key k") != printed


def test_a_receipt_travels_with_its_entry_and_is_checked_elsewhere(
    shell: Shell, vkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("checkpoint --key k -o head.txt")
    shell("receipt 42 --checkpoint head.txt --entry e42 -o r42")
    assert shell("receipt 42 --key k").encode() == Path("r42").read_bytes()
    Path("book.db").rename("gone.db")  # the verifier has no ledger
    said = shell("verify-receipt e42 r42 --vkey", vkey)
    assert said.startswith("ok: position 42 of ")
    Path("policy").write_text(f"log {vkey}\nquorum none\n")
    assert shell("verify-receipt e42 r42 --policy policy") == said
    Path("e42").write_bytes(Path("e42").read_bytes().replace(b"O", b"0", 1))
    assert shell.refused("verify-receipt e42 r42 --vkey", vkey) == ("bad_proof", 6)


def test_growth_is_proven_to_whoever_holds_a_head(shell: Shell, vkey: str) -> None:
    shell("checkpoint --key k -o held")
    shell.grow(1000, 500)
    shell("prove --from held --key k -o growth")
    assert "and the first" in shell("verify-growth held growth -o later --vkey", vkey)
    assert Path("later").read_text() == shell("checkpoint --key k")
    assert shell("prove --from held --checkpoint later") == Path("growth").read_text()
    assert shell.refused("prove --from later --checkpoint held") == ("head_conflict", 6)
    Path("growth").write_text(Path("growth").read_text().replace("old ", "old 1", 1))
    assert shell.refused("verify-growth held growth --vkey", vkey) == ("head_conflict", 6)


def test_a_published_folder_is_verified_by_an_outsider_and_hashes_only_tells_nothing(shell: Shell, vkey: str) -> None:
    said = shell("publish www --key k")
    assert "all readable" in said
    assert len(outsider(shell.folder / "www", parse_vkey(vkey))) > 300
    assert "0 files written, 0 removed" in shell("publish www --key k")
    assert "hashes only" in shell("publish quiet --key k --hashes-only")
    assert not (shell.folder / "quiet/tile/entries").exists()
    assert "EVERY ENTRY OF EVERY CONTRACT" in shell("publish --help")


def test_a_witness_cosigns_what_prove_printed_and_the_policy_counts_it(shell: Shell, vkey: str) -> None:
    witness = shell("witness new w --name witness.example").strip()
    assert shell("key show w").strip() == witness
    Path("policy").write_text(f"log {vkey}\nwitness W {witness}\nquorum W\n")
    shell("checkpoint --key k -o first")
    shell("witness cosign first --key w --at 2026-01-02T00:00:00+01:00 -o cosigned --log", vkey)
    judged = accept(parse_policy(Path("policy").read_bytes()), Path("cosigned").read_bytes())
    assert [at for _, at in judged.cosigned] == [1_767_308_400]
    shell.grow(1000, 5)
    shell("prove --from first --key k -o growth")
    shell("witness cosign growth --key w -o cosigned --log", vkey)
    assert shell.refused("witness cosign first --key w --log", vkey) == ("head_conflict", 6)
    shell("receipt 3 --checkpoint cosigned --entry e -o r")
    assert shell("verify-receipt e r --policy policy").startswith("ok:")
    shell("receipt 3 --key k -o r")
    assert shell.refused("verify-receipt e r --policy policy") == ("no_quorum", 6)
    assert "0 files written" not in shell("publish www --checkpoint cosigned")
    assert Path("www/checkpoint").read_bytes() == Path("cosigned").read_bytes()


def test_a_time_stamp_is_requested_kept_and_verified(shell: Shell, vkey: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    shell("checkpoint --key k -o head")
    shell("timestamp request head -o head.tsq")
    Path("answer").write_bytes(authority.answer(Path("head.tsq").read_bytes()))
    said = shell("timestamp add head answer --roots tsa/root.pem -o head.tsr")
    assert said.startswith("ok: head existed by 20")
    assert shell("timestamp verify head head.tsr --roots tsa/root.pem") == said
    assert Path("head.tsr").read_bytes() == Path("answer").read_bytes()
    shell.grow(1000, 1)
    shell("checkpoint --key k -o head2")
    assert shell.refused("timestamp add head2 answer --roots tsa/root.pem -o no.tsr") == ("bad_proof", 6)
    assert not Path("no.tsr").exists()
    assert shell.refused("timestamp verify head head.tsr --roots head") == ("bad_policy", 6)


@pytest.mark.parametrize(
    ("line", "code", "status"),
    [
        ("checkpoint --key missing", "bad_key", 6),
        ("checkpoint --key book.db", "bad_key", 6),
        ("checkpoint --key k --ledger no.db", "no_ledger", 4),
        ("key show head", "bad_key", 6),
        ("key new no/where/k", "store_failed", 4),
        ("key retire head --reason r", "bad_key", 6),
        ("receipt 0 --key k", "bad_position", 5),
        ("receipt 99999 --checkpoint head", "bad_position", 5),
        ("receipt 1 --checkpoint missing", "no_file", 2),
        ("receipt 1 --checkpoint k", "bad_note", 6),
        ("receipt 1 --checkpoint book.db", "bad_note", 6),
        ("prove --from book.db --key k", "bad_note", 6),
        ("verify-receipt head head --policy head", "bad_policy", 6),
        ("verify-receipt head head --vkey x", "bad_key", 6),
        ("publish book.db --key k", "store_failed", 4),
        ("timestamp request book.db", "bad_note", 6),
        ("timestamp verify head head --roots head", "bad_proof", 6),
        ("witness new k --name w", "bad_key", 6),
        ("witness new w2 --name two+words", "bad_key", 6),
        ("witness cosign head --key k --log x", "bad_key", 6),
        ("receipt 1", "usage", 2),
        ("receipt 1 --key k --checkpoint head", "usage", 2),
        ("verify-receipt head head", "usage", 2),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(shell: Shell, vkey: str, line: str, code: str, status: int) -> None:
    shell("checkpoint --key k -o head")
    assert shell.refused(line) == (code, status)


def test_a_key_others_can_read_or_a_ledger_that_was_changed_signs_nothing(shell: Shell, vkey: str) -> None:
    Path("k").chmod(0o640)
    assert shell.refused("checkpoint --key k") == ("bad_key", 6)
    Path("k").chmod(0o600)
    tamper(Path("book.db"), "UPDATE stored_events SET state = CAST(replace(CAST(state AS TEXT), 'O5\"', 'O6\"') AS BLOB) WHERE position = 10")
    assert shell.refused("checkpoint --key k") == ("damaged_ledger", 4)


def test_a_restored_copy_is_refused_with_its_own_code(shell: Shell, vkey: str) -> None:
    Path("older.db").write_bytes(Path("book.db").read_bytes())
    shell.grow(1000, 1)
    shell("checkpoint --key k")
    assert shell.refused("checkpoint --key k --ledger older.db") == ("head_conflict", 6)


def test_a_head_no_key_of_the_ledger_signed_is_no_head_though_its_root_is_right(shell: Shell, vkey: str) -> None:
    head = parse_checkpoint(shell("checkpoint --key k").encode())
    shell("checkpoint --key k -o head")
    Path("forged").write_bytes(sign_checkpoint(head, write_key("s", head.origin)))
    for line in ("receipt 1 --checkpoint forged", "prove --from forged --key k", "prove --from head --checkpoint forged", "publish www --checkpoint forged"):
        assert shell.refused(line) == ("bad_note", 6), line


def test_an_output_that_is_a_pipe_is_written_to_and_not_replaced(shell: Shell, vkey: str) -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    shell("checkpoint --key k -o pipe")
    assert os.read(reader, 10_000).decode() == shell("checkpoint --key k")
    os.close(reader)
    assert Path("pipe").is_fifo()


def test_every_evidence_command_has_an_example(shell: Shell) -> None:
    for name, where, _ in COMMANDS:
        if where.startswith("replays.commands.evidence:"):
            assert "Example: service-ledger" in shell(f"{name} --help")


def test_help_says_how_long_an_origin_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--help"]) == 0
    assert f"at most {MAX_ORIGIN_CHARACTERS} characters" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "line",
    [
        "checkpoint --key ledger.key -o {}", "receipt 4 --key ledger.key --entry {}", "receipt 4 --key ledger.key -o {}",
        "due --at 2036-01-01T00:00:00Z --ical {}", "ask requests_dashboard --first 2026-01 --last 2026-02 --picture {}", "dossier D-1 --no-pdf -o {}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["book.db", "link.db"])
def test_no_output_is_written_over_a_ledger(shell: Shell, line: str, name: str) -> None:
    shell("key new ledger.key")
    (shell.folder / "link.db").symlink_to("book.db")
    before = (shell.folder / "book.db").read_bytes()
    assert shell.refused(line.format(name)) == ("ledger_exists", 4)
    assert (shell.folder / "book.db").read_bytes() == before


@pytest.mark.parametrize("line", ["checkpoint --key ledger.key -o {}", "due --at 2036-01-01T00:00:00Z --ical {}"])
def test_no_output_is_written_over_a_key(shell: Shell, line: str) -> None:
    shell("key new ledger.key")
    before = (shell.folder / "ledger.key").read_bytes()
    assert shell.refused(line.format("ledger.key"))[0] == "bad_key"
    assert (shell.folder / "ledger.key").read_bytes() == before
