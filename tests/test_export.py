"""A bundle is the same bytes every time, shows one customer's entries whole, and nothing of another's."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from ledger import open_ledger
from ledger.errors import Refused
from ledger.merkle import leaf_hash
from ledger.notes import signer_from_seed
from projections import ask
from replays.export import Wanted, export_bundle
from replays.shown import period
from tests.bundles import FOREIGN_ID, KEY, KNOWN_AT, ORIGIN, OTHER, event, export, head, make_ledger, unpack
from tests.conftest import Clock
from tests.story import CONTRACT


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("export") / "book.db"
    make_ledger(path)
    return path


@pytest.fixture(scope="module")
def files(ledger: Path) -> dict[str, bytes]:
    return unpack(export(ledger, ledger.with_name("bundle.zip")))


def test_the_same_ledger_gives_the_same_bytes_from_a_copy_too(ledger: Path, tmp_path: Path) -> None:
    once, again = export(ledger, tmp_path / "1.zip"), export(ledger, tmp_path / "2.zip")
    shutil.copy(ledger, tmp_path / "copy.db")
    copied = export(tmp_path / "copy.db", tmp_path / "3.zip")
    assert once.read_bytes() == again.read_bytes() == copied.read_bytes()


def test_another_argument_gives_other_bytes(ledger: Path, tmp_path: Path) -> None:
    once = export(ledger, tmp_path / "1.zip").read_bytes()
    for number, change in enumerate(({"last": "2026-02"}, {"known_at": None}, {"switches": {"overlap": "sum"}}), 2):
        assert export(ledger, tmp_path / f"{number}.zip", **change).read_bytes() != once


def test_nothing_of_another_customer_leaves(ledger: Path, files: dict[str, bytes]) -> None:
    with open_ledger(str(ledger), create=False) as book:
        foreign = [row.state for row in book.store.read_stream(f"contract:{FOREIGN_ID}")]
    assert len(foreign) > 300
    everything = b"\n".join(files.values())
    assert FOREIGN_ID.encode() not in everything
    assert b"O10" in foreign[1]
    assert b'"O10"' not in everything
    salts = {json.loads(state)["salt"] for state in foreign}
    assert not [salt for salt in salts if salt.encode() in everything]
    assert leaf_hash(foreign[7]) in b"".join(files.values())  # but its hash is in the tree


def test_the_contract_s_streams_are_shown_whole(ledger: Path, files: dict[str, bytes]) -> None:
    with open_ledger(str(ledger), create=False) as book:
        rows = [row for name in ("ledger", "contract:C1", "service:S1") for row in book.store.read_stream(name)]
    expected = b"".join(b"%d\t%b\n" % (row.position, row.state) for row in sorted(rows))
    assert files["log/entries.tsv"] == expected
    assert json.loads(files["manifest.json"])["streams"] == {"ledger": 3, "contract:C1": 5, "service:S1": 2}


def test_answers_are_the_ledger_s_own_bytes(ledger: Path, files: dict[str, bytes]) -> None:
    names = sorted(name for name in files if name.startswith("answers/"))
    assert [name[11:-5] for name in names] == [
        "availability", "availability", "availability", "maintenance", "backup_nights", "backup_nights",
        "backup_nights", "backup_months", "backup_deletions", "restore_decision", "updates", "support_response",
        "breaches",
    ]  # fmt: skip
    with open_ledger(str(ledger), create=False) as book:
        for name in names:
            given = json.loads(files[name])
            again = ask(book, given["question"], contract="C1", known_at=KNOWN_AT, **given["params"])
            assert files[name] == again.to_json().encode()
    assert json.loads(files[names[1]])["result"]["breach"] is True
    assert json.loads(files[names[2]])["result"]["ti_seconds"] == 0  # recorded after what is known


def test_attested_knowledge_looks_at_the_whole_ledger_here_as_there(ledger: Path, tmp_path: Path) -> None:
    made = unpack(export(ledger, tmp_path / "b.zip", switches={"knowledge": "attested"}))
    given = json.loads(made["answers/02-availability.json"])
    with open_ledger(str(ledger), create=False) as book:
        again = ask(book, "availability", contract="C1", known_at=KNOWN_AT, month="2026-02", reading={"knowledge": "attested"})
        assert given["position"] == book.position
    assert made["answers/02-availability.json"] == again.to_json().encode()


def test_all_that_is_known_looks_at_the_last_entry(ledger: Path, tmp_path: Path) -> None:
    manifest = json.loads(unpack(export(ledger, tmp_path / "b.zip", known_at=None))["manifest.json"])
    assert manifest["position"] == manifest["size"]
    assert manifest["known_at"] is None


def test_known_at_counts_entries_recorded_at_that_very_instant(ledger: Path, tmp_path: Path) -> None:
    positions = []
    for second in ("00:59:59", "01:00:00"):
        at = datetime.fromisoformat(f"2026-03-01T{second}+01:00")
        made = unpack(export(ledger, tmp_path / f"{len(positions)}.zip", known_at=at))
        positions.append(json.loads(made["manifest.json"])["position"])
    assert positions[0] < positions[1]


def test_a_reading_adopted_by_the_question_is_told(ledger: Path, tmp_path: Path) -> None:
    told = json.loads(unpack(export(ledger, tmp_path / "b.zip", switches={"overlap": "sum"}))["readings.json"])
    assert told["asked"] == {"overlap": "sum"}
    assert told["reading"]["overlap"] == "sum"


def test_an_earlier_signed_head_ends_the_bundle_where_it_ends(ledger: Path, tmp_path: Path) -> None:
    with open_ledger(str(ledger), create=False) as book:
        earlier = head(book, 309)
    made = unpack(export(ledger, tmp_path / "b.zip", checkpoint=earlier, earlier=(), known_at=None))
    assert json.loads(made["manifest.json"])["size"] == 309
    assert made["log/checkpoint"] == earlier
    assert max(int(line.split(b"\t")[0]) for line in made["log/entries.tsv"].splitlines()) <= 309


def test_without_a_key_the_head_stands_unsigned(ledger: Path, tmp_path: Path) -> None:
    made = unpack(export(ledger, tmp_path / "b.zip", signed=False))
    assert made["log/head"].startswith(f"{ORIGIN}\n".encode())
    assert not {"manifest.note", "log/checkpoint"} & set(made)


def test_what_cannot_be_exported_is_refused_and_leaves_no_file(ledger: Path, tmp_path: Path) -> None:
    with open_ledger(str(ledger), create=False) as book:
        strange = head(book, 100, OTHER)
        forged = head(book).replace(b"\n3", b"\n1", 1)
        elsewhere = signer_from_seed("other/log", b"k" * 32)
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"contract": "C9"}, "unknown_contract"),
        ({"first": "2026-13"}, "bad_month"),
        ({"first": "2026-04"}, "bad_parameter"),
        ({"first": "1900-01", "last": "2400-01"}, "bad_parameter"),
        ({"known_at": datetime.fromisoformat("2020-01-01T00:00:00Z")}, "unknown_contract"),
        ({"switches": {"overlap": "none"}}, "unknown_switch_value"),
        ({"key": OTHER}, "bad_note"),
        ({"key": elsewhere}, "bad_note"),
        ({"checkpoint": strange}, "bad_note"),
        ({"checkpoint": None}, "bad_key"),
        ({"checkpoint": forged, "key": None}, "head_conflict"),
    )
    for change, code in cases:
        with pytest.raises(Refused) as no:
            export(ledger, tmp_path / "b.zip", **change)
        assert no.value.code == code, change
    assert not list(tmp_path.iterdir())


def test_progress_is_told_as_it_goes(ledger: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with open_ledger(str(ledger), create=False) as book:
        wanted = Wanted(contract="C1", first="2026-01", last="2026-01", known_at=KNOWN_AT)
        export_bundle(book, wanted, tmp_path / "b.zip", lambda *step: told.append(step))
    assert {what for what, _, _ in told} == {"questions answered", "files hashed", "files written"}
    assert all(0 < done <= of for _, done, of in told)


def test_a_period_is_its_months(tmp_path: Path) -> None:
    found = period("2025-11", "2026-02")
    assert found.months() == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert (str(found.first_on), str(found.last_on)) == ("2025-11-01", "2026-02-28")


def test_the_report_reads_in_both_languages_and_stands_alone(files: dict[str, bytes]) -> None:
    english, french = (files[f"report/report.{language}.html"].decode() for language in ("en", "fr"))
    rate = json.loads(files["answers/02-availability.json"])["result"]["td_percent"]
    assert f"{rate} %" in english
    assert f"{rate.replace('.', ',')}\u202f%" in french
    assert "BROKEN" in english
    assert "MANQUÉ" in french
    assert "Manquements constatés" in french
    for page in (english, french):
        assert not re.search(r"<script|<link|<img|https?://|url\(", page)
        assert str(json.loads(files["manifest.json"])["root"]) in page
        for position in json.loads(files["answers/02-availability.json"])["because"]:
            assert f"<tr><td>{position}</td>" in page


def test_what_comes_from_the_ledger_is_escaped_in_the_report(tmp_path: Path) -> None:
    clock, evil = Clock("2025-12-01T00:00:00Z"), "O<img src=x>&\"'"
    with open_ledger(str(tmp_path / "e.db"), clock=clock, origin=ORIGIN) as book:
        book.record([event(1, "contract_started", CONTRACT)])
        clock.set("2026-04-01T00:00:00Z")
        told = {"outage": evil, "environment": "production", "effect": "no_access", "at": "2026-02-10T10:00:00Z"}
        book.record([event(2, "outage_started", told)])
    made = unpack(export(tmp_path / "e.db", tmp_path / "e.zip", signed=False))
    assert b"<img" not in made["report/report.en.html"]
    assert b"O&lt;img src=x&gt;&amp;&quot;&#x27;" in made["report/report.en.html"]


def test_the_format_and_the_second_verifier_are_shipped(files: dict[str, bytes]) -> None:
    here = resources.files("replays")
    assert files["FORMAT.md"] == here.joinpath("FORMAT.md").read_bytes()
    assert files["verify.py"] == here.joinpath("outsider_verify.py").read_bytes()
    assert KEY.text().encode() not in b"".join(files.values())


def test_a_zip_program_finds_every_file_listed(ledger: Path, tmp_path: Path) -> None:
    made = export(ledger, tmp_path / "b.zip")
    with zipfile.ZipFile(made) as opened:
        assert opened.testzip() is None
        listed = [file["path"] for file in json.loads(opened.read("manifest.json"))["files"]]
        assert sorted([*listed, "manifest.json", "manifest.note"]) == sorted(opened.namelist())
