"""An entry passes through the library's stored event and comes back; other places and ciphers are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.codec import Entry, Unread, encode_entry
from ledger.entry_mapper import EntryMapper
from ledger.errors import Refused
from ledger.events import BackupDeleted, OutageEnded
from tests.story import instant

AT = instant("2026-03-03T09:00:00+01:00")
ENTRY = Entry(
    stream="contract:C1", version=3, recorded_at=AT, recorded_by="ops", source="probe", id="p-1", salt="ab" * 16,
    event=OutageEnded(outage="O1", at=AT),
)  # fmt: skip
FIELDS = ("stream", "version", "recorded_at", "recorded_by", "source", "id", "attested_at", "salt", "event")


def test_the_topic_is_the_wire_name_and_the_state_the_canonical_bytes() -> None:
    stored = EntryMapper().to_stored_event(ENTRY)
    assert (stored.originator_id, stored.originator_version, stored.topic) == ("contract:C1", 3, "outage_ended")
    assert stored.state == encode_entry(ENTRY)


def test_an_entry_comes_back_as_it_went() -> None:
    mapper = EntryMapper()
    back = mapper.to_domain_event(mapper.to_stored_event(ENTRY))
    assert [getattr(back, f) for f in FIELDS] == [getattr(ENTRY, f) for f in FIELDS]


def test_an_event_of_format_1_comes_back_as_todays() -> None:
    stored = EntryMapper().to_stored_event(ENTRY)
    old = stored.state.replace(
        b'{"type":"outage_ended","outage":"O1","at":', b'{"type":"backup_purged","backup":"B1","purged_at":'
    )
    back = EntryMapper().to_domain_event(replace(stored, topic="backup_purged", state=old))
    assert isinstance(back.event, BackupDeleted)


def test_an_event_nobody_knows_yet_comes_back_unread() -> None:
    stored = EntryMapper().to_stored_event(ENTRY)
    back = EntryMapper().to_domain_event(replace(stored, state=stored.state.replace(b"outage_ended", b"moon_landed")))
    assert isinstance(back.event, Unread)
    assert back.event.type == "moon_landed"


@pytest.mark.parametrize("change", [{"originator_id": "contract:C2"}, {"originator_version": 4}, {"state": b"[]"}])
def test_bytes_that_do_not_belong_where_they_stand_are_damage(change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="damaged_ledger"):
        EntryMapper().to_domain_event(replace(EntryMapper().to_stored_event(ENTRY), **change))


@pytest.mark.parametrize("option", ["cipher", "compressor"])
def test_stored_bytes_are_neither_enciphered_nor_compressed(option: str) -> None:
    with pytest.raises(ValueError, match="no compressor, no cipher"):
        EntryMapper(**{option: object()})
