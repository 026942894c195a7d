"""Columns never say more than the checks: what one event may not say makes its whole type unproven."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.checks import SPECIAL, check
from ledger.codec import event_of
from ledger.columns import FEWEST, LOOKED_AT, sound
from ledger.errors import Refused
from ledger.events import BackupCompleted, BackupFailed, Event, InvoiceIssued, OutageEnded, OutageStarted
from tests.test_checks import KEPT, NOW, OUT, SAID

MANY = FEWEST + 3
REFUSED = [(why, kind, data) for why, kind, data, code in SAID if code is not None]
SAYABLE = [(kind, data) for _, kind, data, code in SAID if code is None]


def kept(**changes: Any) -> Event:
    return event_of("backup_completed", {**KEPT, **changes})


@pytest.mark.parametrize(("why", "kind", "data"), REFUSED, ids=[row[0] for row in REFUSED])
@pytest.mark.parametrize("place", [0, 5, MANY])
def test_a_type_is_unproven_when_one_of_its_events_may_not_be_said(
    why: str, kind: str, data: dict[str, Any], place: int
) -> None:
    bad = event_of(kind, data)
    good = [event_of(kind, said) for each, said in SAYABLE if each == kind]
    proven = [event for event in good if sound([event] * MANY, NOW)]  # so that nothing but the bad one is in the way
    events = (proven or good or [bad])[:1] * MANY
    events.insert(place, bad)
    assert type(bad) not in sound(events, NOW)


def test_what_is_said_most_is_proven_at_once() -> None:
    ended = event_of("outage_ended", {"outage": "O1", "at": OUT["at"]})
    events = [kept(), event_of("outage_started", OUT), ended] * FEWEST
    assert sound(events, NOW) == {BackupCompleted, OutageStarted, OutageEnded}
    assert sound(events[3:], NOW) == frozenset()  # one less than columns are worth


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(SAID), min_size=FEWEST, max_size=3 * FEWEST))
def test_whatever_is_proven_passes_its_checks_one_by_one(rows: list[Any]) -> None:
    events = [event_of(kind, data) for _, kind, data, _ in rows]
    proven = sound(events, NOW)
    for event in events:
        if type(event) in proven:
            check(event, NOW)


def test_a_special_check_looks_at_nothing_but_the_fields_named_for_it() -> None:
    for kind, fields in LOOKED_AT.items():
        event = kept() if kind is not OutageStarted else event_of("outage_started", OUT)
        seen = {name: getattr(event, name) for name in fields}
        SPECIAL[kind](SimpleNamespace(**seen), NOW)  # another field would be an AttributeError
    assert set(LOOKED_AT) == {OutageStarted, BackupCompleted, BackupFailed}


@pytest.mark.parametrize("wrong", [
    {"started_at": "2026-06-10T01:00:00.5Z"}, {"completed_at": "2026-06-10T12:00:06Z"}, {"started_at": "1899-12-31T00:00:00Z"},
    {"started_at": "2026-06-10T02:00:01Z"}, {"backup": "a\x7fb"}, {"backup": "a@b.fr"}, {"locations": ["A", "me@x.fr"]},
    {"evidence": ["no reference"]}, {"note": "call 01 23 45 67 89"}, {"tiers": ["daily", "daily"]},
])  # fmt: skip
def test_each_fault_alone_is_seen_in_its_column(wrong: dict[str, Any]) -> None:
    assert BackupCompleted in sound([kept()] * MANY, NOW)
    with pytest.raises(Refused):
        check(kept(**wrong), NOW)
    assert BackupCompleted not in sound([*[kept()] * MANY, kept(**wrong)], NOW)


def test_a_day_outside_the_years_is_seen_in_its_column() -> None:
    invoice = {"invoice": "I1", "at": OUT["at"], "period_first": "2026-01-01", "period_last": "2026-12-31"}
    for last, proven in (("9000-12-31", True), ("9001-01-01", False)):
        events = [event_of("invoice_issued", invoice)] * MANY + [event_of("invoice_issued", {**invoice, "period_last": last})]
        assert (InvoiceIssued in sound(events, NOW)) is proven, last


def test_a_different_combination_at_the_very_end_is_looked_at() -> None:
    other = msgspec.structs.replace(kept(), scope="office_documents", tiers=("daily", "weekly"))
    assert BackupCompleted not in sound([*[kept()] * MANY, other], NOW)


def test_instants_of_one_zone_are_compared_in_utc_in_the_hour_told_twice() -> None:
    zone = ZoneInfo("Europe/Paris")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=zone)  # 00:30 UTC
    again = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=zone)  # 01:10 UTC, though 02:10 < 02:30 on the wall
    recorded_at = datetime(2026, 10, 25, 0, 40, tzinfo=ZoneInfo("UTC"))
    ended = [OutageEnded(outage="O1", at=first)] * MANY
    assert OutageEnded in sound(ended, recorded_at)
    assert OutageEnded not in sound([*ended, OutageEnded(outage="O1", at=again)], recorded_at)
    with pytest.raises(Refused):
        check(OutageEnded(outage="O1", at=again), recorded_at)


@pytest.mark.parametrize("wrong", [{"at": "2026"}, {"at": 5}, {"outage": 7}, {"outage": None, "at": datetime(2026, 1, 1)}])
def test_a_struct_of_the_wrong_types_proves_nothing(wrong: dict[str, Any]) -> None:
    good = OutageEnded(outage="O1", at=NOW - timedelta(hours=1))
    assert OutageEnded not in sound([*[good] * MANY, msgspec.structs.replace(good, **wrong)], NOW)


def test_an_interval_without_an_end_is_checked_one_by_one() -> None:
    unended = msgspec.structs.replace(kept(), completed_at=None)
    assert BackupCompleted not in sound([*[kept()] * MANY, unended], NOW)
