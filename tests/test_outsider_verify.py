"""The verifier shipped in the bundle shares no line with the software, and finds what the software finds."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.errors import Refused
from replays import outsider_verify
from replays.verify import verify
from tests.bundles import KEY, OTHER, Files, export, head, make_ledger, pack, unpack
from tests.test_verify import ALTERATIONS, STATE, TRUST, failed, tampered

SOURCE = Path(outsider_verify.__file__)
OURS_ALONE = {"answers", "report"}  # recomputing needs the software


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("outsider") / "book.db"
    make_ledger(path)
    return path


@pytest.fixture(scope="module")
def bundle(ledger: Path) -> Path:
    return export(ledger, ledger.with_name("bundle.zip"))


def theirs(data: bytes, vkey: str | None = str(KEY.verifier), held: bytes | None = None) -> dict[str, str]:
    results = outsider_verify.Verifier(io.BytesIO(data), vkey, held).results
    return {name: state for name, (state, _) in results.items()}


def bad(results: dict[str, str]) -> set[str]:
    return {name for name, state in results.items() if state == "FAILED"}


def test_it_is_short_and_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    text = SOURCE.read_text()
    assert len(text.splitlines()) <= 310
    found = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name.split(".")[0] for name in found} - sys.stdlib_module_names == {"cryptography"}


def test_both_say_the_same_lines_of_a_good_bundle(bundle: Path) -> None:
    ours = {check.check: check.state for check in verify(str(bundle), TRUST).checks}
    found = theirs(bundle.read_bytes())
    assert list(found) == list(ours)
    assert {name: state for name, state in found.items() if state != ours[name]} == dict.fromkeys(
        ("answers", "statements", "dispute replays"), "not checked"
    )


def test_both_say_the_same_of_heads_held_and_keys_trusted(ledger: Path, bundle: Path, tmp_path: Path) -> None:
    from replays.checks_heads import Trust

    with open_ledger(str(ledger), create=False) as book:
        heads = [head(book, 1), head(book, 256), head(book), head(book, 300, OTHER)]
    later = heads[2].replace(b"\n313\n", b"\n314\n")
    for held in (None, *heads, later):
        for key in (None, KEY, OTHER):
            trust = Trust(keys=() if key is None else (key.verifier,), held=held)
            vkey = None if key is None else str(key.verifier)
            assert bad(theirs(bundle.read_bytes(), vkey, held)) == failed(verify(str(bundle), trust)), (held, key)


@pytest.mark.parametrize("alter", [a[1] for a in ALTERATIONS], ids=[a[0] for a in ALTERATIONS])
def test_both_agree_on_each_alteration(bundle: Path, tmp_path: Path, alter: Callable[[Files], Files]) -> None:
    data = pack(alter(unpack(bundle)))
    (tmp_path / "bad.zip").write_bytes(data)
    ours = failed(verify(str(tmp_path / "bad.zip"), TRUST))
    assert bad(theirs(data)) == ours - OURS_ALONE


def test_both_agree_on_containers_that_no_bundle_has(bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    at = whole.index(b"PK\1\2")
    evil = whole.replace(b"readings.json", b"../../../evil")
    cases = (b"", b"PK", whole[:-1], whole[:5000], whole + b"\0", b"\0" + whole, evil, whole[:at] + whole[at + 46 :],
             whole.replace(b"verify.py", b"FORMAT.md"), *(flipped(whole, at + n) for n in range(60)),
             *(flipped(whole, n) for n in range(44)), *(flipped(whole, len(whole) - n) for n in range(1, 23)))  # fmt: skip
    for number, data in enumerate(cases):
        path = tmp_path / "bad.zip"
        path.write_bytes(b"PK" + data[2:] if number > 1 else data)
        try:
            ours = bool(failed(verify(str(path), TRUST)))
        except Refused:
            ours = True
        assert bool(bad(theirs(path.read_bytes()))) == ours, number


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


def test_a_flipped_bit_anywhere_fails_in_both(bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    for at in range(3, len(whole), len(whole) // 40):
        data = flipped(whole, at)
        (tmp_path / "bad.zip").write_bytes(data)
        ours, found = failed(verify(str(tmp_path / "bad.zip"), TRUST)), bad(theirs(data))
        assert ours, at
        assert found, at


def test_both_see_an_entry_that_was_back_dated_before_the_head_was_signed(ledger: Path, tmp_path: Path) -> None:
    statement = STATE.format('"recorded_at":"2026-05-01', '"recorded_at":"2026-01-01', 311)
    bad_ledger = tampered(ledger, tmp_path / "bad.db", statement)
    made = export(bad_ledger, tmp_path / "bad.zip", known_at=None, earlier=())
    assert bad(theirs(made.read_bytes())) == failed(verify(str(made), TRUST)) == {"recorded_at"}


def test_it_runs_alone_from_inside_the_bundle(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_bytes(unpack(bundle)["verify.py"])
    (tmp_path / "bad.zip").write_bytes(bundle.read_bytes()[:-1])
    run = [sys.executable, "-I", str(tmp_path / "verify.py")]
    good = subprocess.run([*run, str(bundle), "--vkey", str(KEY.verifier)], capture_output=True, text=True, cwd=tmp_path)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("ok           container: ")
    assert subprocess.run([*run, "bad.zip"], capture_output=True, cwd=tmp_path).returncode == 6
    assert b"python verify.py" in subprocess.run(run, capture_output=True, cwd=tmp_path).stderr


def test_it_reads_the_demo_s_bundles(tmp_path: Path) -> None:
    from ledger.demo import DEMO, record_demo

    record_demo(str(tmp_path / "demo.db"))
    made = export(tmp_path / "demo.db", tmp_path / "b.zip", signed=False, contract=DEMO["simulated_contract"])
    assert not bad(theirs(made.read_bytes(), None))
