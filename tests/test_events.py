"""Facts are inert, and their bytes come back as themselves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.codec import decode_entries, decode_entry, encode_entry, event_of, payload_of, topic_of
from ledger.errors import Refused
from ledger.events import VOCABULARY, Event, OutageStarted
from tests.story import entry

OFFSETS = st.integers(-14 * 4, 14 * 4).map(lambda quarter: timezone(timedelta(minutes=15 * quarter)))
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=OFFSETS).map(
    lambda d: d.replace(microsecond=0)
)


def any_event(kind: type[Event]) -> st.SearchStrategy[Event]:
    fields = {}
    for field in msgspec.structs.fields(kind):
        text = str(field.type)
        if "dict" in text:
            fields[field.name] = st.just({"a": ["2026-01-01"]} if "date" in text else {"a": "b"})
        elif "datetime.datetime" in text:
            fields[field.name] = INSTANTS if field.required else st.none() | INSTANTS
        elif "datetime.date" in text:
            days = st.dates(date(1990, 1, 1), date(2090, 1, 1))
            fields[field.name] = days if field.required else st.none() | days
        elif field.required or "str" in text or "Literal" in text:
            fields[field.name] = _plain(field.type)
    return st.fixed_dictionaries(fields).map(lambda made: msgspec.convert(msgspec.to_builtins(
        {**{k.rstrip("_"): v for k, v in made.items()}}), kind))  # fmt: skip


def _plain(kind: Any) -> st.SearchStrategy[Any]:
    schema = msgspec.json.schema(kind)
    return _of_schema(schema)


def _of_schema(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "anyOf" in schema:
        return st.one_of([_of_schema(s) for s in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("pattern"):
        return st.just("2026-03")
    kind = schema.get("type")
    if kind == "string":
        return st.text(min_size=1, max_size=20, alphabet="abcXYZ019-é ")
    if kind == "integer":
        return st.integers(0, 10**6)
    if kind == "boolean":
        return st.booleans()
    if kind == "array":
        return st.lists(_of_schema(schema["items"]), max_size=3).map(tuple)
    return st.none()


@pytest.mark.parametrize("name", VOCABULARY, ids=str)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_what_is_encoded_decodes_to_the_same_fact_and_the_same_bytes(name: str, data: st.DataObject) -> None:
    event = data.draw(any_event(VOCABULARY[name]))
    state = encode_entry(entry("contract:C1", 1, "2026-01-01T00:00:00Z", event))
    back = decode_entry(state)
    assert back.event == event
    assert topic_of(back.event) == name
    assert msgspec.json.encode(back) == state
    assert event_of(name, payload_of(event)) == event
    assert decode_entries([state, state])[1] == back


def test_every_event_says_in_one_sentence_what_it_asserts() -> None:
    for name, kind in VOCABULARY.items():
        doc = (kind.__doc__ or "").strip()
        assert doc.endswith("."), name
        assert kind.__struct_config__.frozen, name


def test_an_instant_keeps_the_offset_it_came_with() -> None:
    payload = {"outage": "O", "environment": "production", "effect": "no_access", "at": "2026-03-03T10:00:00+01:00"}
    event = event_of("outage_started", payload)
    assert isinstance(event, OutageStarted)
    assert event.at == datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert payload_of(event)["at"] == "2026-03-03T10:00:00+01:00"


def test_an_entry_over_65535_bytes_is_refused() -> None:
    event = event_of("backup_completed", {
        "backup": "B", "scope": "client_data", "tiers": ["daily"], "started_at": "2026-01-01T00:00:00Z",
        "completed_at": "2026-01-01T00:00:00Z", "locations": ["x" * 199] * 400,
    })  # fmt: skip
    with pytest.raises(Refused, match="too_large"):
        encode_entry(entry("contract:C1", 1, "2026-01-01T00:00:00Z", event))
