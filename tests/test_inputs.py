"""Inputs read as one: whole, and no longer than such a file can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import Refused
from replays import inputs
from replays.inputs import given


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "head").write_bytes(b"all of it\n")
    assert given(str(tmp_path / "head")) == b"all of it\n"


def test_what_cannot_be_read_or_is_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_FILE_BYTES", 10)
    (tmp_path / "fits").write_bytes(b"x" * 10)
    (tmp_path / "long").write_bytes(b"x" * 11)
    assert len(given(str(tmp_path / "fits"))) == 10
    for name, why in (("none", "No such file or directory"), ("", "Is a directory"), ("long", "over 10 bytes")):
        with pytest.raises(Refused, match=why) as refused:
            given(str(tmp_path / name))
        assert refused.value.code == "no_file"
        assert str(tmp_path / name) in refused.value.message
