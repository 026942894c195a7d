"""Bytes as text: UTF-8, or a refusal that says where it is not; nothing is put in place of a letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger import Refused
from ledger.intake import ADAPTERS, options_of, read_with
from ledger.texts import text_of
from replays.cli import run

CASES: tuple[tuple[bytes, int | None, str], ...] = (
    # the bytes, the line refused or None, the text or what is said
    (b"", None, ""),
    ("é\n日本".encode(), None, "é\n日本"),
    (b"\xef\xbb\xbf{}", None, "{}"),
    (b"ab\xffc", 1, "byte 0xff at byte 3 of the line"),
    (b"one\ntwo\n\xe9", 3, "byte 0xe9 at byte 1 of the line"),
    ("one\né".encode()[:-1], 2, "byte 0xc3 at byte 1 of the line"),
    (b"\xef\xbb\xbfab\xff", 1, "byte 0xff at byte 3 of the line"),
    (b"\xed\xa0\x80", 1, "byte 0xed at byte 1 of the line"),  # half a surrogate pair
    (b"\xc0\xaf", 1, "byte 0xc0 at byte 1 of the line"),  # a slash written too long
    ("{}".encode("utf-16"), 1, "byte 0xff at byte 1 of the line; it looks like UTF-16, save it as UTF-8"),
)


@pytest.mark.parametrize(("data", "line", "told"), CASES)
def test_what_is_no_utf_8_is_refused_at_its_first_byte(data: bytes, line: int | None, told: str) -> None:
    if line is None:
        assert text_of(data) == told
        return
    with pytest.raises(Refused) as refused:
        text_of(data)
    assert (refused.value.code, refused.value.line, refused.value.message) == ("bad_json", line, f"not UTF-8: {told}")


def test_what_is_no_bytes_is_as_it_came() -> None:
    assert text_of("é") == "é"
    assert text_of([1]) == [1]


@pytest.mark.parametrize("name", [row[0] for row in ADAPTERS])
def test_no_adapter_reads_what_is_no_utf_8(name: str) -> None:
    needed = {option: "UTC" if option == "zone" else "x" for option, default in options_of(name).items() if default is ...}
    with pytest.raises(Refused, match="not UTF-8: byte 0xff at byte 4 of the line") as refused:
        read_with(name, b'{}\n{"a\xff"}', subject="contract:C1", **needed)
    assert (refused.value.code, refused.value.line) == ("bad_json", 2)


@pytest.mark.parametrize("more", [(), ("--from", "alertmanager", "--subject", "contract:C1")], ids=["events", "a tool's"])
def test_a_letter_that_is_none_is_named_and_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "b.db"]) == 0
    alert = {"status": "firing", "labels": {"alertname": "caf@"}, "startsAt": "2026-03-02T09:00:00Z", "endsAt": "", "fingerprint": "f1"}
    event = {"specversion": "1.0", "id": "c@", "source": "t", "type": "contract_started", "subject": "contract:C1", "data": {}}
    posted = json.dumps({"version": "4", "alerts": [alert]} if more else event).encode().replace(b"@", b"\xe9")  # Latin-1
    Path("given").write_bytes(posted)
    capsys.readouterr()
    assert run(["record", "given", "--ledger", "b.db", *more]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"service-ledger: bad_json: line 1: not UTF-8: byte 0xe9 at byte {posted.index(0xE9) + 1} of the line")
    assert told.err.count("\n") == 1
