"""Deletions of dossiers as they come in: the parts the booklets name, and no other words for them (A4.4)."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import Refused
from ledger.dossier_parts import check_parts
from ledger.events import DossierDeleted
from tests.story import CONTRACT, instant

ON = "2026-03-03T10:00:00Z"


def said(*parts: str) -> dict[str, Any]:
    return {"dossier": "D1", "at": ON, "parts": list(parts)}


@pytest.fixture
def contract(tell: Any) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)


@pytest.mark.usefixtures("contract")
def test_what_may_go_what_is_kept_and_anything_else_have_one_word_each(tell: Any) -> None:
    assert tell(ON, "dossier_deleted", said("sql_base", "portal", "box", "dp", "ged", "other")).outcome == "recorded"
    assert tell(ON, "dossier_deleted", {"dossier": "D2", "at": ON}).outcome == "recorded"


@pytest.mark.usefixtures("contract")
@pytest.mark.parametrize("part", ["SQL_BASE", "sql", "base SQL", "leportailcegid", "Box", "GED", "documents"])
def test_another_spelling_is_refused_and_told_the_words_there_are(tell: Any, book: Any, part: str) -> None:
    before = book.position
    with pytest.raises(Refused, match=f"'{part}' is not one of box, dp, ged, portal, sql_base, other") as refused:
        tell(ON, "dossier_deleted", said("sql_base", part))
    assert (refused.value.code, book.position) == ("unknown_value", before)


@pytest.mark.usefixtures("contract")
def test_the_same_part_twice_is_refused(tell: Any) -> None:
    with pytest.raises(Refused, match="the same part twice"):
        tell(ON, "dossier_deleted", said("box", "box"))


@pytest.mark.usefixtures("contract")
def test_in_a_long_batch_a_spelling_is_refused_too_and_nothing_is_written(book: Any, clock: Any) -> None:
    clock.set(ON)
    before = book.position
    batch = [
        {"specversion": "1.0", "id": f"d{n}", "source": "test", "type": "dossier_deleted", "subject": "contract:C1",
         "data": {"dossier": f"D{n}", "at": ON, "parts": ["box" if n < 11 else "Box"]}}
        for n in range(12)
    ]  # fmt: skip
    with pytest.raises(Refused, match="'Box' is not one of"):
        book.record(batch)
    assert book.position == before


@pytest.mark.usefixtures("contract")
def test_what_a_ledger_holds_from_before_keeps_its_words_and_may_be_corrected(
    tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("ledger.recording.check_parts", lambda *_: None)
        tell(ON, "dossier_deleted", said("SQL"), id="old")
    old = {"target": "old", "reason": "an hour earlier", "data": {**said("SQL"), "at": "2026-03-03T09:00:00Z"}}
    assert tell("2026-03-04T10:00:00Z", "corrected", old).outcome == "recorded"
    new = {"target": "old", "reason": "read again", "data": said("SQL", "Box")}
    with pytest.raises(Refused, match="'Box' is not one of"):
        tell("2026-03-04T10:00:00Z", "corrected", new)
    mended = {"target": "old", "reason": "read again", "data": said("sql_base")}
    assert tell("2026-03-04T10:00:00Z", "corrected", mended).outcome == "recorded"


def test_where_no_booklet_names_a_part_there_is_nothing_to_hold_it_against() -> None:
    event = DossierDeleted(dossier="D1", at=instant(ON), parts=("attic",))
    check_parts(event, frozenset)
    with pytest.raises(Refused):
        check_parts(event, lambda: {"cellar"})
