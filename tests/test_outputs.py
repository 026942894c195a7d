"""Outputs: never over what is there, whole at the end, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import Refused
from replays.outputs import free, put, whole


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "folder", "link"):
        with pytest.raises(Refused, match="is there already; name another") as refused:
            free(tmp_path / name)
        assert refused.value.code == "file_exists"
    assert free(tmp_path / "new") == tmp_path / "new"


def test_a_place_in_no_directory_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no directory") as refused:
        free(tmp_path / "none" / "new")
    assert refused.value.code == "store_failed"
    with whole(tmp_path / "none" / "new", parents=True) as part:
        part.mkdir()
    assert (tmp_path / "none" / "new").is_dir()


def test_it_is_at_its_place_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "out.part").write_text("left by a kill")
    with whole(tmp_path / "out") as part, part.open("w") as file:
        file.write("all")
        assert not (tmp_path / "out").exists()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "all")]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt(), Refused("no_ledger", "x")])
def test_of_what_fails_on_the_way_nothing_is_left(tmp_path: Path, failure: BaseException) -> None:
    def write() -> None:
        with whole(tmp_path / "out") as part:
            part.write_text("half")
            raise failure

    with pytest.raises((Refused, KeyboardInterrupt)) as raised:
        write()
    assert list(tmp_path.iterdir()) == []
    if isinstance(failure, OSError):
        assert str(raised.value) == f"store_failed: {tmp_path / 'out'}: cannot be written: No space left on device"


def test_what_came_to_be_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    def write() -> None:
        with whole(tmp_path / "out") as part:
            part.write_text("mine")
            (tmp_path / "out").write_text("another's")

    with pytest.raises(Refused, match="file_exists"):
        write()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "another's")]


def test_a_file_is_put_whole_and_what_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    put(str(tmp_path / "out"), b"first", replacing=False)
    with pytest.raises(Refused, match="file_exists"):
        put(str(tmp_path / "out"), b"second", replacing=False)
    assert (tmp_path / "out").read_bytes() == b"first"
    put(str(tmp_path / "out"), b"third", replacing=True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out", b"third")]


@pytest.mark.parametrize("replacing", [False, True])
def test_where_putting_fails_what_was_there_is_there_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replacing: bool) -> None:
    if replacing:
        (tmp_path / "out").write_bytes(b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Refused, match=r"store_failed: .*cannot be written: No space left on device"):
        put(str(tmp_path / "out"), b"half", replacing=replacing)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([b"before"] if replacing else [])


def test_a_link_is_followed_only_where_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"before")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(Refused, match="file_exists"):
        put(str(tmp_path / "link"), b"new", replacing=False)
    put(str(tmp_path / "link"), b"new", replacing=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "out").read_bytes() == b"new"


@pytest.mark.parametrize("replacing", [False, True])
def test_a_device_is_written_to_and_a_directory_refused(tmp_path: Path, replacing: bool) -> None:
    put("/dev/null", b"gone", replacing=replacing)
    for name, why in ((str(tmp_path), "Is a directory"), ("/dev/full", "No space left on device")):
        with pytest.raises(Refused, match=why) as refused:
            put(name, b"x", replacing=replacing)
        assert refused.value.code == "store_failed"
