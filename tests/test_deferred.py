"""A long batch of dicts, whose drafts are made as they are taken, is recorded as any other, on both engines."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from ledger import cloudevents, deferred
from ledger.columns import FEWEST
from ledger.errors import Refused
from ledger.knowledge import Knowledge
from ledger.sqlite_schema import BESIDE
from ledger.terms import load_booklet
from tests.test_portions import (
    ENVELOPE,
    FIRST,
    OPENING,
    correction,
    opened,
    outage,
    outages,
    salted,
    stored,
)

LONG = deferred.LONG
SINCE = {"effective_from": "2024-01-01T00:00:00Z"}


def test_it_stores_what_drafts_made_before_would(url: str, tmp_path: Path) -> None:
    told = [OPENING, *outages(0, LONG + 70)]
    with opened(url) as book, opened(str(tmp_path / "other.db")) as other:
        assert deferred.deferred(told) is not None
        receipts = book.record(told)
        assert receipts == other.record_drafts(list(cloudevents.drafts(told)))
        assert [r.position for r in receipts] == list(range(FIRST, FIRST + len(told)))
        assert salted(book) == salted(other)
        assert {r.outcome for r in book.record(told)} == {"already_recorded"}


def test_no_entry_is_held_longer_than_its_portion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    let_go = Knowledge.let_go
    monkeypatch.setattr(Knowledge, "let_go", lambda known: (held.append(len(known.entries)), let_go(known)))
    with opened(str(tmp_path / "book.db")) as book:
        book.record([OPENING, *outages(0, LONG)])
    assert max(held) <= BESIDE + FIRST
    assert sum(held) == LONG + FIRST, "the ledger's own opening entries too"


def test_what_a_portion_let_go_is_repeated_or_contradicted_later(url: str) -> None:
    with opened(url) as book:
        book.record([OPENING])
        *_, repeated = book.record([*outages(0, LONG), outage(9)])
        assert (repeated.position, repeated.outcome) == (FIRST + 10, "already_recorded")
        before = stored(book)
        other = [*outages(LONG, LONG), outage(LONG + 3, effect="no_login")]
        with pytest.raises(Refused, match="conflict") as refused:
            book.record(other)
        assert (refused.value.line, refused.value.event_id) == (LONG + 1, f"o{LONG + 3}")
        assert stored(book) == before


def test_what_is_no_event_is_named_with_its_line_and_nothing_is_written(url: str) -> None:
    wrong = {**outage(LONG), "data": {**outage(LONG)["data"], "at": "yesterday"}}
    with opened(url) as book:
        book.record([OPENING])
        for batch in ([*outages(0, LONG), wrong], [*outages(0, LONG - 1), wrong, outage(LONG - 1)]):
            with pytest.raises(Refused, match="bad_") as refused:
                book.record(batch)
            assert (refused.value.line, refused.value.event_id) == (batch.index(wrong) + 1, f"o{LONG}")
        assert book.position == FIRST


def test_a_trial_writes_nothing_and_sees_what_it_took(url: str) -> None:
    with opened(url) as book:
        book.record([OPENING])
        receipts = book.record([*outages(0, LONG), outage(9)], dry_run=True)
        assert (receipts[-2].position, receipts[-1].outcome) == (FIRST + LONG, "already_recorded")
        assert book.position == FIRST


def test_a_service_has_events_once_an_earlier_portion_named_it(url: str) -> None:
    started = {**OPENING, "data": {**OPENING["data"], "services": ["S1"]}}
    since = {"effective_from": "2025-01-01T00:00:00+01:00"}
    assigned = [{**ENVELOPE, "id": f"a{n}", "type": "service_assigned", "data": {"service": f"S{n}", **since}}
                for n in range(2, 2 + FEWEST)]  # fmt: skip  # so many that none is checked by itself
    some = [{**outage(LONG), "subject": f"service:S{n}"} for n in (1, 2)]
    with opened(url) as book:
        told = [started, *assigned, *outages(0, LONG), *some]
        assert [r.stream for r in book.record(told)[-2:]] == ["service:S1", "service:S2"]
        with pytest.raises(Refused, match="unknown_stream"):
            book.record([*outages(LONG, LONG), {**outage(LONG), "subject": "service:none"}])


def test_a_contract_may_begin_on_a_booklet_that_an_earlier_portion_published(url: str) -> None:
    booklet = load_booklet("cegid-expert")
    content = {**booklet.content, "id": "other"}
    data = {"terms": "other", "version": booklet.version, "content": content, **SINCE}
    published = {**ENVELOPE, "subject": "ledger", "id": "p", "type": "terms_version_published", "data": data}
    begun = {**OPENING, "id": "c2", "subject": "contract:C2", "data": {**OPENING["data"], "contract": "C2", "terms": "other"}}
    with opened(url) as book:
        book.record([OPENING])
        with pytest.raises(Refused, match="unknown_terms"):
            book.record([*outages(0, LONG), begun])
        assert book.record([published, *outages(0, LONG), begun])[-1].stream == "contract:C2"


@pytest.mark.parametrize(
    "other",
    [
        correction(1, "o1", effect="no_login"),
        {**ENVELOPE, "id": "r", "type": "retracted", "data": {"target": "o1"}},
        {**ENVELOPE, "id": "s", "type": "availability_statement_issued", "data": {}},
        {**ENVELOPE, "id": "x", "type": ["outage_started"]},
        {"id": "x", "type": "outage_started"},
        {**ENVELOPE, "id": "x", "subject": 7, "type": "outage_started"},
        "{}",
        OrderedDict(outage(LONG)),
    ],
    ids=["corrected", "retracted", "statement", "no type", "no subject", "no stream", "line", "mapping"],
)
def test_what_is_held_against_others_and_what_is_no_event_is_read_before(other: Any) -> None:
    told = outages(0, LONG)
    assert deferred.deferred(told) is not None
    assert deferred.deferred([*told, other]) is None
    assert deferred.deferred(tuple(told)) is deferred.deferred(told[1:]) is None
