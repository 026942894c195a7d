"""Bytes never change meaning: entries of format version 1 read as today's, unknown newer ones are kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.codec import Unread, decode_entries, decode_entry, encode_entry, payload_of, topic_of
from ledger.errors import Refused
from ledger.events import BackupDeleted, ContractStarted, ExclusionClaimed

SHA = "sha256:" + "0" * 62 + "11"
HEAD = (
    b'{"stream":"contract:C1","version":1,"recorded_at":"2025-09-01T08:00:00Z","recorded_by":"ops","source":"s",'
    b'"id":"1","salt":"00000000000000000000000000000000","event":'
)
# entries as format version 1 wrote them; these bytes must read so for ever
VERSION_1 = (
    HEAD + b'{"type":"contract_registered","contract_id":"C1","plan":"open",'
    b'"service_start":"2025-09-01T00:00:00+02:00","named_users":400,"single_tenant":true}}',
    HEAD + b'{"type":"backup_purged","backup":"B1","purged_at":"2026-03-10T02:00:00+01:00","reason":"rotation"}}',
    HEAD + b'{"type":"exclusion_invoked","exclusion":"X1","ground":"customer_equipment",'
    b'"from":"2026-01-12T14:30:00+01:00","to":"2026-01-12T15:00:00+01:00","evidence":"' + SHA.encode() + b'"}}',
)


def test_version_1_entries_read_as_todays_events() -> None:
    contract, deleted, claimed = (decode_entry(state).event for state in VERSION_1)
    assert isinstance(contract, ContractStarted)
    assert (contract.contract, contract.production_named_users) == ("C1", 400)
    assert isinstance(deleted, BackupDeleted)
    assert deleted.at == datetime(2026, 3, 10, 1, tzinfo=UTC)
    assert isinstance(claimed, ExclusionClaimed)
    assert claimed.evidence == (SHA,)


def test_a_page_of_old_and_new_entries_reads_as_a_whole() -> None:
    today = encode_entry(decode_entry(VERSION_1[0]))
    assert b'"contract_started"' in today
    assert [topic_of(e.event) for e in decode_entries([*VERSION_1, today])] == [
        "contract_started", "backup_deleted", "exclusion_claimed", "contract_started",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "newer",
    [
        b'{"type":"quantum_outage_started","outage":"O1"}',
        b'{"type":"outage_ended","outage":"O1","at":"2026-01-01T00:00:00Z","certainty":"high"}',
    ],
)
def test_an_event_of_a_newer_version_is_kept_and_shown_unread(newer: bytes) -> None:
    event = decode_entry(HEAD + newer + b"}").event
    assert isinstance(event, Unread)
    assert event.raw == newer
    assert payload_of(event)["outage"] == "O1"


def test_an_old_entry_that_cannot_be_read_as_today_s_is_kept_unread() -> None:
    event = decode_entry(HEAD + b'{"type":"backup_purged","backup":"B1"}}').event
    assert isinstance(event, Unread)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"stream":"x"}', HEAD + b"7}", b"\xff\xfe"])
def test_bytes_that_are_no_entry_say_so(broken: bytes) -> None:
    with pytest.raises(Refused, match="damaged_ledger"):
        decode_entry(broken)
