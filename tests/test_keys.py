"""Keys in files: made once, for their owner's eyes, and known to the ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger.checkpoint import open_checkpoint
from ledger.heads import sign_head
from ledger.keys import keys_of, make_key, origin_of, read_key, retire_key, write_key
from ledger.notes import COSIGNATURE, MAX_ORIGIN_CHARACTERS, parse_vkey
from tests.conftest import Clock

ORIGIN = "example.org/ledger"


@pytest.fixture
def named(tmp_path: Path) -> Any:
    with open_ledger(str(tmp_path / "book.db"), clock=Clock("2026-01-01T00:00:00Z"), origin=ORIGIN) as book:
        book.open()
        yield book


def code_of(call: Any, *given: Any) -> str:
    with pytest.raises(Refused) as refused:
        call(*given)
    return refused.value.code


def test_a_key_is_named_after_the_origin_and_recorded(named: Any, tmp_path: Path) -> None:
    before = named.position
    made = make_key(named, tmp_path / "k")
    assert made.name == origin_of(named.store) == ORIGIN
    assert parse_vkey(str(made)) == made == read_key(tmp_path / "k", ORIGIN).verifier
    entry = dict(named.entries(before + 1))[before + 1]
    assert (entry.stream, entry.event.key) == ("ledger", str(made))
    assert keys_of(named) == ([made], [])


def test_the_key_and_its_first_head_are_for_their_owner_alone_whatever_the_umask(named: Any, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_key(named, tmp_path / "k")
    finally:
        os.umask(before)
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "k", tmp_path / "k.head")} == {0o600}
    head = open_checkpoint((tmp_path / "k.head").read_bytes(), [read_key(tmp_path / "k").verifier], ORIGIN)
    assert head.size == 0


def test_a_key_is_one_line_of_text(tmp_path: Path) -> None:
    key = write_key(tmp_path / "k", ORIGIN)
    assert (tmp_path / "k").read_text() == key.text() + "\n"
    assert read_key(tmp_path / "k") == key


def test_a_key_is_never_overwritten(named: Any, tmp_path: Path) -> None:
    make_key(named, tmp_path / "k")
    kept = (tmp_path / "k").read_bytes()
    last = named.position
    for head in (True, False):
        assert code_of(make_key, named, tmp_path / "k") == "bad_key", head
        (tmp_path / "k.head").unlink(missing_ok=True)
    assert code_of(write_key, tmp_path / "k", ORIGIN) == "bad_key"
    assert (tmp_path / "k").read_bytes() == kept
    assert named.position == last


def test_a_key_is_not_made_beside_the_last_head_of_another(named: Any, tmp_path: Path) -> None:
    make_key(named, tmp_path / "k")
    (tmp_path / "k").unlink()
    assert code_of(make_key, named, tmp_path / "k") == "bad_key"
    assert not (tmp_path / "k").exists()


def test_two_keys_have_different_secrets(named: Any, tmp_path: Path) -> None:
    assert make_key(named, tmp_path / "a") != make_key(named, tmp_path / "b")
    assert len(keys_of(named)[0]) == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o660, 0o777])
def test_a_key_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    write_key(tmp_path / "k", ORIGIN)
    (tmp_path / "k").chmod(mode)
    assert code_of(read_key, tmp_path / "k") == "bad_key"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_its_owner_alone_can_get_at_is_read(tmp_path: Path, mode: int) -> None:
    write_key(tmp_path / "k", ORIGIN)
    (tmp_path / "k").chmod(mode)
    assert read_key(tmp_path / "k").name == ORIGIN


def test_what_is_no_regular_file_of_one_name_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "k", ORIGIN)
    (tmp_path / "link").symlink_to(tmp_path / "k")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "pipe", "missing", "", "no/where"):
        assert code_of(read_key, tmp_path / name) == "bad_key", name
    (tmp_path / "second").hardlink_to(tmp_path / "k")
    assert code_of(read_key, tmp_path / "k") == "bad_key"


def wrong_texts() -> list[tuple[str, Any]]:
    return [
        ("empty", lambda t: b""),
        ("without its newline", lambda t: t[:-1]),
        ("a second line", lambda t: t + b"\n"),
        ("a space before", lambda t: b" " + t),
        ("CRLF", lambda t: t[:-1] + b"\r\n"),
        ("not UTF-8", lambda t: b"\xff" + t),
        ("another id", lambda t: t.replace(b"+", b"+0", 3)),
        ("a public key", lambda t: t.removeprefix(b"PRIVATE+KEY+")),
        ("very long", lambda t: t * 1000),
    ]


@pytest.mark.parametrize(("what", "change"), wrong_texts(), ids=[name for name, _ in wrong_texts()])
def test_a_key_of_another_form_is_refused_and_no_secret_told(tmp_path: Path, what: str, change: Any) -> None:
    key = write_key(tmp_path / "k", ORIGIN)
    (tmp_path / "k").write_bytes(change((tmp_path / "k").read_bytes()))
    with pytest.raises(Refused) as refused:
        read_key(tmp_path / "k")
    assert refused.value.code == "bad_key"
    assert key.text()[-20:-4] not in str(refused.value)


def test_a_key_of_another_name_or_type_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "k", ORIGIN)
    write_key(tmp_path / "w", "witness", COSIGNATURE)
    assert code_of(read_key, tmp_path / "k", "example.org/other") == "bad_key"
    assert code_of(read_key, tmp_path / "k", None, COSIGNATURE) == "bad_key"
    assert code_of(read_key, tmp_path / "w") == "bad_key"
    assert read_key(tmp_path / "w", "witness", COSIGNATURE).name == "witness"


@pytest.mark.parametrize("letter", ["x", "é"])
def test_the_longest_origin_a_ledger_may_have_is_one_its_key_bears(tmp_path: Path, letter: str) -> None:
    origin = letter * MAX_ORIGIN_CHARACTERS
    with open_ledger(str(tmp_path / "long.db"), clock=Clock(), origin=origin) as book:
        assert make_key(book, tmp_path / "k").name == origin
        assert sign_head(book, tmp_path / "k").startswith(f"{origin}\n".encode())


def test_an_older_ledger_whose_origin_no_key_can_bear_gets_none_and_nothing_is_left(tmp_path: Path) -> None:
    with open_ledger(str(tmp_path / "odd.db"), clock=Clock()) as book:
        book._origin = "x" * (MAX_ORIGIN_CHARACTERS + 1)
        last = book.open()
        assert code_of(make_key, book, tmp_path / "k") == "bad_key"
        assert book.position == last
    assert not (tmp_path / "k").exists()
    assert not (tmp_path / "k.head").exists()


def test_a_key_that_could_not_be_recorded_is_not_left_behind(named: Any, tmp_path: Path) -> None:
    named.clock.set("2025-01-01T00:00:00Z")
    assert code_of(make_key, named, tmp_path / "k") == "clock_behind"
    assert not (tmp_path / "k").exists()
    assert not (tmp_path / "k.head").exists()


def test_a_directory_that_is_not_there_is_said(named: Any, tmp_path: Path) -> None:
    assert code_of(make_key, named, tmp_path / "no" / "k") == "store_failed"


def test_a_key_is_retired_once_and_only_by_its_ledger(named: Any, tmp_path: Path) -> None:
    made = make_key(named, tmp_path / "k")
    stranger = write_key(tmp_path / "s", ORIGIN).verifier
    assert code_of(retire_key, named, stranger, "lost") == "bad_key"
    retire_key(named, made, "lost")
    assert keys_of(named) == ([made], [made])
    assert code_of(retire_key, named, made, "lost again") == "twice"


def test_a_recorded_text_that_is_no_key_is_passed_over(named: Any, tmp_path: Path) -> None:
    named.record([{"specversion": "1.0", "id": "x", "source": "t", "type": "signing_key_made", "subject": "ledger",
                   "data": {"key": "no key", "at": "2025-12-31T00:00:00Z"}}])  # fmt: skip
    assert keys_of(named) == ([], [])


def test_a_ledger_without_entries_has_no_name_to_sign_under(tmp_path: Path) -> None:
    with open_ledger(str(tmp_path / "empty.db")) as book:
        assert code_of(origin_of, book.store) == "no_ledger"
