"""The quick way in and the careful one say the same of every event: the same draft, or the same refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import cloudevents
from ledger.cloudevents import Draft, drafts, from_cloudevent
from ledger.codec import event_of, payload_of
from ledger.errors import Refused
from ledger.events import VOCABULARY
from tests.test_events import any_event

STARTED = {"outage": "O1", "environment": "production", "effect": "partial_users", "users_affected": 3, "users_total": 9, "at": "2026-03-03T10:00:00+01:00"}
ENDED = {"outage": "O1", "at": "2026-03-03T11:00:00+01:00"}
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "probe", "type": "outage_started", "subject": "contract:C1", "data": STARTED}
ODD: tuple[Any, ...] = (
    None, "", "x", "x" * 257, "a\nb", "a\u2028b", "é", "1.0", 1, 1.0, -1, 2**63, 2**70, True, [], ["x"], [1.5], {}, {"a": 1.5},
    "2026-03-03T09:00:00Z", "2026-03-03T10:00:00+01:00", "2026-03-03T10:00:00", "1899-01-01T00:00:00Z", "9001-01-01T00:00:00Z",
    "2026-03-03T10:00:60Z", "contract:C2", "service:s", "ledger", "contract:", "outage_started", "outage_ended", "sha256:" + "a" * 64,
)  # fmt: skip
NAMES = ("specversion", "id", "source", "type", "subject", "data", "time", "attestedat", "traceparent", "ledgerposition", "colour")


def outcome(read: Callable[[], Any]) -> Any:
    try:
        found = read()
    except Refused as refused:
        return refused.code, refused.message, refused.line, refused.event_id
    return repr(found)  # an equal instant of another offset is another draft


def is_said_the_same(attributes: dict[str, Any]) -> None:
    assert outcome(lambda: next(drafts([attributes]))) == outcome(lambda: from_cloudevent(attributes, 1)), attributes
    for some in ([attributes], [ENVELOPE, attributes, {**ENVELOPE, "type": "outage_ended", "data": ENDED}]):
        one_by_one = outcome(lambda some=some: [from_cloudevent(each, n) for n, each in enumerate(some, 3)])
        assert outcome(lambda some=some: cloudevents.drafts_of(some, 3)) == one_by_one, attributes
    for text in (json.dumps(attributes), json.dumps(attributes, ensure_ascii=False).encode()):
        careful = outcome(lambda text=text: from_cloudevent(cloudevents._parsed(text, 1), 1))
        assert outcome(lambda text=text: next(drafts([text]))) == careful, text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ODD, ids=lambda value: str(value)[:20])
def test_an_envelope_with_one_odd_attribute_is_said_the_same(name: str, value: Any) -> None:
    is_said_the_same({**ENVELOPE, name: value})
    is_said_the_same({key: other for key, other in ENVELOPE.items() if key != name})


@pytest.mark.parametrize("name", [*STARTED, "type", "note", "evidence", "colour"])
@pytest.mark.parametrize("value", ODD, ids=lambda value: str(value)[:20])
def test_data_with_one_odd_field_is_said_the_same(name: str, value: Any) -> None:
    is_said_the_same({**ENVELOPE, "data": {**STARTED, name: value}})
    is_said_the_same({**ENVELOPE, "time": STARTED["at"], "data": {key: v for key, v in STARTED.items() if key != name}})


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(VOCABULARY)), st.data(), st.sampled_from(NAMES), st.sampled_from(ODD))
def test_any_event_is_said_the_same(kind: str, data: st.DataObject, name: str, value: Any) -> None:
    event = data.draw(any_event(VOCABULARY[kind]))
    attributes = {**ENVELOPE, "type": kind, "data": payload_of(event)}
    is_said_the_same(attributes)
    is_said_the_same({**attributes, name: value})
    field = data.draw(st.sampled_from([f.encode_name for f in msgspec.structs.fields(VOCABULARY[kind])]))
    is_said_the_same({**attributes, "data": {**attributes["data"], field: value}})


@pytest.mark.parametrize("at", ["1899-12-31T23:59:59Z", "1900-01-01T00:00:00Z", "9000-12-31T23:59:59Z", "9001-01-01T00:00:00Z"])
def test_a_time_at_the_edge_of_the_years_is_said_the_same(at: str) -> None:
    is_said_the_same({**ENVELOPE, "time": at, "data": {**STARTED, "at": at}})


def test_data_that_is_no_table_is_said_the_same() -> None:
    for attributes in ({**ENVELOPE, "data": event_of("outage_started", STARTED)}, {**ENVELOPE, "data": MappingProxyType(STARTED)}):
        assert outcome(lambda a=attributes: next(drafts([a]))) == outcome(lambda a=attributes: from_cloudevent(a, 1))


@pytest.mark.parametrize("text", [
    '{"id":"a",%s', '{"id":1,%s', '{"data":{"outage":1},%s', '{"data":{},%s', '{"colour":1,%s', '{"type":"backup_failed",%s',
])  # fmt: skip
def test_an_attribute_said_twice_is_taken_as_it_was(text: str) -> None:
    line = text % json.dumps(ENVELOPE)[1:]
    assert outcome(lambda: next(drafts([line]))) == outcome(lambda: from_cloudevent(cloudevents._parsed(line, 1), 1))


def test_what_is_common_goes_the_quick_way_and_what_is_not_does_not() -> None:
    line = json.dumps({**ENVELOPE, "time": "2026-03-03T09:00:00Z"})
    quick = cloudevents._quick_line(line, 7)
    assert quick == Draft(stream="contract:C1", source="probe", id="1", event=event_of("outage_started", STARTED), line=7)
    assert cloudevents._quick(dict(ENVELOPE), 7) == quick
    for changes in ({"attestedat": STARTED["at"]}, {"data": {**STARTED, "at": None}}, {"source": "x" * 257}):
        assert cloudevents._quick({**ENVELOPE, **changes}, 7) is None
        assert cloudevents._quick_line(json.dumps({**ENVELOPE, **changes}), 7) is None
        assert cloudevents._quick_many([ENVELOPE, {**ENVELOPE, **changes}], 7) is None
    assert cloudevents._quick_many([ENVELOPE, ENVELOPE], 6)[1:] == [msgspec.structs.replace(quick)]
    assert not {"corrected", "retracted", "ledger_opened", "reading_adopted"} & set(cloudevents.TYPED)
