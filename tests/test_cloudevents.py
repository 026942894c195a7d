"""Events come in as CloudEvents and go out as CloudEvents, and what went out comes in again as the same fact."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.cloudevents import Draft, drafts, from_cloudevent, to_cloudevent
from ledger.codec import decode_entry, encode_entry
from ledger.errors import Refused
from ledger.events import (
    VOCABULARY,
    AvailabilityStatementIssued,
    ContractStarted,
    OutageEnded,
    OutageStarted,
    ServiceStarted,
)
from tests.story import entry, instant
from tests.test_events import any_event

ENDED = {"outage": "O1", "at": "2026-03-03T10:00:00Z"}
EVENT = {"specversion": "1.0", "id": "1", "source": "probe", "type": "outage_ended", "subject": "contract:C1", "data": ENDED}


def line(**changes: Any) -> str:
    return json.dumps({**EVENT, **changes}, ensure_ascii=False)


def only(given: Any, **options: Any) -> Draft:
    (draft,) = drafts(given, **options)
    return draft


def refused(given: Any, **options: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        list(drafts(given, **options))
    return caught.value


# --- lines ---


@pytest.mark.parametrize(
    "text",
    [line(), line().encode(), line() + "\n", "\n\r\n" + line() + "\r\n\n", "\ufeff" + line(), b"\xef\xbb\xbf" + line().encode()],
    ids=["text", "bytes", "with its end", "blank lines and carriage returns", "a mark at the start", "the mark in bytes"],
)  # fmt: skip
def test_a_line_is_an_event_however_it_is_given(text: Any) -> None:
    draft = only(text)
    assert (draft.stream, draft.source, draft.id) == ("contract:C1", "probe", "1")
    assert draft.event == OutageEnded(outage="O1", at=datetime(2026, 3, 3, 10, tzinfo=UTC))


@pytest.mark.parametrize("given", [EVENT, [EVENT], (e for e in [EVENT]), [line()], [line().encode()], iter([only(line())])])
def test_dicts_lines_and_drafts_may_come_from_anything_one_can_go_through(given: Any) -> None:
    assert only(given).id == "1"


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_a_line_feed_ends_a_line(mark: str) -> None:
    """JSON may hold what Python would split a text at."""
    text = line(data={**ENDED, "note": f"a{mark}b"}).replace(json.dumps(mark)[1:-1], mark)
    if mark in "\u2028\u2029\x85":
        assert only(text).event.note == f"a{mark}b"  # type: ignore[attr-defined]
    else:
        assert refused(text).code == "bad_json", "a control character inside a string is no JSON"


def test_the_line_is_counted_with_the_blank_ones() -> None:
    assert [d.line for d in drafts(f"\n{line()}\n\n{line(id='2')}")] == [2, 4]
    assert refused(f"{line()}\n\n{line(type='x')}").line == 3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad_json"), ("nonsense", "bad_json"), ("[]", "bad_json"), ("[" + line() + "]", "bad_json"), ("null", "bad_json"),
        ("7", "bad_json"), ('"x"', "bad_json"), ("{}{}", "bad_json"), ("{'a': 1}", "bad_json"), ("\x00", "bad_json"),
        (b"\xff\xfe{", "bad_json"), (b'{"id": "\xff"}', "bad_json"), ('{"id": "\\ud800"}', "bad_json"), ("NaN", "bad_json"),
        ("[" * 100_000, "bad_json"), ('{"a":' * 100_000, "bad_json"), ("{}", "bad_envelope"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_event_says_so(text: Any, code: str) -> None:
    found = refused(text)
    assert (found.code, found.line) == (code, 1)
    assert len(found.message) < 200


@pytest.mark.parametrize("given", [None, 7, [7], [None], [["x"]], object()], ids=["None", "7", "[7]", "[None]", "[[x]]", "an object"])
def test_what_holds_no_events_says_so(given: Any) -> None:
    assert refused(given).code == "bad_envelope"


# --- the envelope ---


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"specversion": None}, "bad_envelope"), ({"specversion": "1.1"}, "bad_envelope"), ({"id": ""}, "bad_envelope"),
        ({"id": None}, "bad_envelope"), ({"source": 1}, "bad_envelope"), ({"type": ""}, "bad_envelope"), ({"subject": None}, "bad_envelope"),
        ({"id": "x" * 257}, "bad_id"), ({"source": "a\nb"}, "bad_id"), ({"id": "\x1b[2J"}, "bad_id"), ({"id": "a\u2028"}, "bad_id"),
        ({"subject": "C1"}, "unknown_stream"), ({"subject": "contract:"}, "unknown_stream"), ({"subject": "contract:a b"}, "unknown_stream"),
        ({"subject": "contract:a/b"}, "unknown_stream"), ({"subject": "service:" + "x" * 129}, "unknown_stream"),
        ({"subject": "Contract:C1"}, "unknown_stream"), ({"subject": "ledger:x"}, "unknown_stream"),
        ({"type": "outage_ende"}, "unknown_type"), ({"type": "Event"}, "unknown_type"),
        ({"data": None}, "bad_envelope"), ({"data": "x"}, "bad_envelope"), ({"data": []}, "bad_envelope"), ({"data": {}}, "missing_field"),
        ({"data_base64": "e30="}, "unknown_field"), ({"severity": 1}, "unknown_field"), ({"datas": {}}, "unknown_field"),
        ({"attestedat": "2026-03-03"}, "impossible_date"), ({"attestedat": "soon"}, "bad_field"), ({"attestedat": 5}, "bad_field"),
        ({"attestedat": "2026-03-03T10:00:00"}, "no_offset"), ({"attestedat": "0001-01-01T00:00:00Z"}, "impossible_date"),
        ({"time": "2026-03-03T10:00:60Z"}, "second_60"), ({"time": "2026-03-03T10:00:01Z"}, "time_disagrees"),
        ({"time": "9999-12-31T23:59:59-12:00"}, "impossible_date"),
        ({"data": {**ENDED, "at": None}, "time": "2026-03-03T10:00:00Z"}, "bad_field"),
        ({"data": {**ENDED, "outage": 1.5}}, "bad_field"), ({"data": {**ENDED, "outage": 10**30}}, "bad_field"),
    ],
)  # fmt: skip
def test_an_envelope_that_is_off_is_refused_by_name(changes: dict[str, Any], code: str) -> None:
    given = {key: value for key, value in {**EVENT, **changes}.items() if value is not None or key in ("id", "data")}
    found = refused([given])
    assert (found.code, found.line) == (code, 1)
    assert found.event_id == (given["id"] if isinstance(given["id"], str) else None)


def test_an_id_of_256_characters_is_one_still() -> None:
    assert only([{**EVENT, "id": "x" * 256}]).id == "x" * 256


def test_attributes_that_only_carry_transport_are_let_go() -> None:
    carried = {"datacontenttype": "application/json", "traceparent": "00-1", "dataschema": "x", "ledgerposition": 7, "ledgerrecordedat": "x"}
    assert only([{**EVENT, **carried}]) == only([EVENT])


def test_time_fills_a_missing_at_whatever_its_offset_and_says_nothing_where_there_is_none() -> None:
    filled = only([{**EVENT, "data": {"outage": "O1"}, "time": "2026-03-03T11:00:00+01:00"}])
    assert filled.event.at.isoformat() == "2026-03-03T11:00:00+01:00"  # type: ignore[attr-defined]
    assert only([{**EVENT, "time": "2026-03-03T11:00:00+01:00"}]).event.at == instant("2026-03-03T10:00:00Z")  # type: ignore[attr-defined]
    optional = {**EVENT, "type": "support_request_withdrawn", "data": {"request": "R1"}}
    assert only([optional]).event.at is None  # type: ignore[attr-defined]
    assert only([{**optional, "time": ENDED["at"]}]).event.at == instant(ENDED["at"])  # type: ignore[attr-defined]
    waived = {**EVENT, "type": "service_review_waived", "data": {"month": "2026-03", "reference": "x"}, "time": ENDED["at"]}
    assert "at" not in only([waived]).event.__struct_fields__


def test_one_piece_of_evidence_may_stand_without_a_list() -> None:
    assert only([{**EVENT, "data": {**ENDED, "evidence": "https://example.org/1"}}]).event.evidence == ("https://example.org/1",)


def test_python_values_in_free_data_become_what_they_will_be_stored_as() -> None:
    figures = {"when": datetime(2026, 3, 1, tzinfo=UTC), "td": Decimal("99.5"), "list": (1, 2), 7: "key"}
    stated = {"statement": "T", "month": "2026-03", "known_at": ENDED["at"], "position": 4, "reading": {}, "figures": figures}
    event = only([{**EVENT, "type": "availability_statement_issued", "data": stated}]).event
    assert isinstance(event, AvailabilityStatementIssued)
    assert event.figures == {"when": "2026-03-01T00:00:00Z", "td": "99.5", "list": [1, 2], "7": "key"}
    back = decode_entry(encode_entry(entry("contract:C1", 1, ENDED["at"], event))).event
    assert back == event, "what is recorded again must be the same fact"


@pytest.mark.parametrize("figures", [{"x": object()}, {"x": 1.5}, {"x": 10**30}, {"x": {1, 2.5}}])
def test_free_data_that_no_reader_would_take_exactly_is_refused(figures: Any) -> None:
    stated = {"statement": "T", "month": "2026-03", "known_at": ENDED["at"], "position": 4, "reading": {}, "figures": figures}
    assert refused([{**EVENT, "type": "availability_statement_issued", "data": stated}]).code == "bad_field"


def test_data_nested_without_end_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["x"] = endless
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    for figures in (endless, {"x": deep}):
        stated = {"statement": "T", "month": "2026-03", "known_at": ENDED["at"], "position": 4, "reading": {}, "figures": figures}
        assert refused([{**EVENT, "type": "availability_statement_issued", "data": stated}]).code == "bad_field"


# --- event Structs ---

AT = instant("2026-03-03T10:00:00Z")


def test_a_struct_needs_its_stream_and_a_start_brings_its_own() -> None:
    assert refused([OutageEnded(outage="O1", at=AT)]).code == "bad_envelope"
    draft = only(OutageEnded(outage="O1", at=AT), subject="contract:C1", source="me")
    assert (draft.stream, draft.source, len(draft.id)) == ("contract:C1", "me", 32)
    assert only(ContractStarted(contract="C7", plan="open", service_start=AT)).stream == "contract:C7"
    assert only(ServiceStarted(service="S7", at=AT)).stream == "service:S7"
    assert refused(OutageEnded(outage="O1", at=AT), subject="nowhere").code == "unknown_stream"


def test_the_id_of_a_struct_is_its_content() -> None:
    one, same, other = (only(OutageEnded(outage=o, at=AT), subject="contract:C1").id for o in ("O1", "O1", "O2"))
    assert one == same != other


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (OutageEnded(outage="O1", at=datetime(2026, 3, 3, 10)), "no_offset"),
        (OutageEnded(outage="O1", at="2026-03-03"), "impossible_date"),  # type: ignore[arg-type]
        (OutageEnded(outage=7, at=AT), "bad_field"),  # type: ignore[arg-type]
        (OutageEnded(outage="", at=AT), "bad_id"),
        (OutageEnded(outage="O\ud800", at=AT), "bad_field"),
        (OutageEnded(outage="O1", at=None), "bad_field"),  # type: ignore[arg-type]
        (OutageEnded(outage="O1", at=AT, note="x" * 2001), "text_too_long"),
        (OutageEnded(outage=object(), at=AT), "bad_field"),  # type: ignore[arg-type]
        (AvailabilityStatementIssued(statement="T", month="2026-03", known_at=AT, position=4, reading={}, figures={"td": 99.5}), "bad_field"),
        (OutageStarted(outage="O1", environment="prod", effect="no_access", at=AT), "unknown_value"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_struct_made_in_python_is_held_against_its_types(event: Any, code: str) -> None:
    """msgspec checks what it decodes, never what a program builds."""
    found = refused([event], subject="contract:C1")
    assert (found.code, found.line) == (code, 1)


def test_a_struct_is_recorded_as_its_bytes_will_read() -> None:
    draft = only(OutageEnded(outage="O1", at=AT, evidence=["https://example.org/1"]), subject="contract:C1")  # type: ignore[arg-type]
    assert draft.event.evidence == ("https://example.org/1",)


# --- there and back ---


@pytest.mark.parametrize("name", VOCABULARY, ids=str)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_what_goes_out_as_a_cloudevent_comes_in_as_the_same_fact(name: str, data: st.DataObject) -> None:
    event = data.draw(any_event(VOCABULARY[name]))
    attested = data.draw(st.none() | st.just("2026-01-01T10:00:00.25+01:00"))
    written = entry("contract:C1", 3, "2026-01-02T00:00:00Z", event, id="é-1", attestedat=attested)
    out = to_cloudevent(9, written)
    assert list(out)[:5] == ["specversion", "id", "source", "type", "subject"]
    assert (out["ledgerposition"], out["ledgerrecordedat"], out["ledgerrecordedby"]) == (9, "2026-01-02T00:00:00Z", "test")
    draft = only(msgspec.json.encode(out))
    assert (draft.stream, draft.source, draft.id, draft.event) == ("contract:C1", "test", "é-1", event)
    assert draft.attested_at == written.attested_at
    at = getattr(event, "at", None)
    assert out.get("time") == (None if at is None else msgspec.to_builtins(at))
    assert from_cloudevent(out) == msgspec.structs.replace(draft, line=None)


def test_an_unread_entry_goes_out_as_it_was_written() -> None:
    newer = encode_entry(entry("contract:C1", 1, "2026-01-02T00:00:00Z", OutageEnded(outage="O1", at=AT))).replace(b"outage_ended", b"quantum_ended")
    out = to_cloudevent(4, decode_entry(newer))
    assert (out["type"], out["data"]) == ("quantum_ended", {"outage": "O1", "at": "2026-03-03T10:00:00Z"})
    assert refused([out]).code == "unknown_type"
