"""Bytes and values: an entry's canonical JSON both ways, old formats read as today's, CloudEvents in and out.

An entry is written once, in this order: `stream, version, recorded_at, recorded_by, source, id,
attested_at` (only if given)`, salt, event{type, ...}`; UTF-8, no spaces, no floats, instants in RFC 3339
with the offset they came with. Those bytes are stored, hashed, exported and read for ever; nothing here
encodes an entry a second time. An event type whose shape changed got a new name, and `UPCASTS` reads the
old name as today's event; a type this software does not know becomes `Unread`, kept and shown as such.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Union

import msgspec
from msgspec import Struct

from ledger.errors import Refused
from ledger.events import VOCABULARY, Event, wire_name

FORMAT_VERSION = 2
MAX_ENTRY_BYTES = 65_535


class Unread(Struct, frozen=True):
    """An event this software cannot read: its type, and its bytes as they stand in the entry."""

    type: str
    raw: bytes


if TYPE_CHECKING:
    AnyEvent = Event | Unread
else:
    AnyEvent = Union[tuple(VOCABULARY.values())]  # noqa: UP007  # one tagged union; `Unread` is put in by hand


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One line of the ledger: an event, where it stands, and when and by whom it was recorded."""

    stream: str
    version: int
    recorded_at: datetime
    recorded_by: str
    source: str
    id: str
    attested_at: datetime | None = None
    salt: str
    event: AnyEvent


class _Raw(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stream: str
    version: int
    recorded_at: datetime
    recorded_by: str
    source: str
    id: str
    attested_at: datetime | None = None
    salt: str
    event: msgspec.Raw


_encoder = msgspec.json.Encoder()
_one = msgspec.json.Decoder(Entry)
_page = msgspec.json.Decoder(list[Entry])
_raw = msgspec.json.Decoder(_Raw)


def _backup_purged(fields: dict[str, Any]) -> dict[str, Any]:
    """Format 1 said `backup_purged {backup, purged_at, ...}`; today `backup_deleted {backup, at, ...}`."""
    fields["at"] = fields.pop("purged_at")
    return {**fields, "type": "backup_deleted"}


def _contract_registered(fields: dict[str, Any]) -> dict[str, Any]:
    """Format 1 said `contract_registered {contract_id, named_users, ...}`; today `contract_started`."""
    fields["contract"] = fields.pop("contract_id")
    fields["production_named_users"] = fields.pop("named_users", 0)
    return {**fields, "type": "contract_started"}


def _exclusion_invoked(fields: dict[str, Any]) -> dict[str, Any]:
    """Format 1 said `exclusion_invoked` with one evidence text; today `exclusion_claimed` with a list."""
    fields["evidence"] = [fields["evidence"]]
    return {**fields, "type": "exclusion_claimed"}


UPCASTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "backup_purged": _backup_purged,
    "contract_registered": _contract_registered,
    "exclusion_invoked": _exclusion_invoked,
}


def topic_of(event: Event | Unread) -> str:
    """The wire name of an event."""
    return event.type if isinstance(event, Unread) else TOPICS[type(event)]


TOPICS: dict[type[Event], str] = {kind: name for name, kind in VOCABULARY.items()}


def encode_entry(entry: Entry) -> bytes:
    """The canonical bytes of a new entry. Raises `Refused("too_large")` over 65,535 bytes."""
    assert not isinstance(entry.event, Unread), "an unread event is never written anew"
    try:
        state = _encoder.encode(entry)
    except UnicodeEncodeError:
        raise Refused("bad_field", "a text holds half of a surrogate pair, which UTF-8 cannot write") from None
    if len(state) > MAX_ENTRY_BYTES:
        raise Refused("too_large", f"the entry takes {len(state)} bytes; the limit is {MAX_ENTRY_BYTES}")
    return state


def encode_entries(entries: Sequence[Entry]) -> list[bytes]:
    """As `encode_entry` for each, in one call, but which of them it refuses is not said."""
    try:
        states = _encoder.encode_lines(entries).split(b"\n")
    except UnicodeEncodeError:
        return [encode_entry(entry) for entry in entries]
    states.pop()  # what comes after the last line's end; no line holds another, as JSON escapes them in texts
    return states if max(map(len, states), default=0) <= MAX_ENTRY_BYTES else [encode_entry(entry) for entry in entries]


def decode_entry(state: bytes) -> Entry:
    """The entry of these bytes. Raises `Refused("damaged_ledger")` when they are no entry at all."""
    try:
        return _one.decode(state)
    except (msgspec.DecodeError, ValueError):
        return _decode_otherwise(state)


def decode_entries(states: Sequence[bytes]) -> Sequence[Entry]:
    """The entries of a page, decoded in one call; as `decode_entry` for each."""
    try:
        entries = _page.decode(b"[" + b",".join(states) + b"]")
    except (msgspec.DecodeError, ValueError):
        entries = []
    if len(entries) == len(states):  # empty bytes alone would be an empty page
        return entries
    return [decode_entry(state) for state in states]


def decode_lines(lines: bytes) -> Sequence[Entry]:
    """As `decode_entries`, of entries a line each, without a line end after the last."""
    try:
        entries = _one.decode_lines(lines)
    except (msgspec.DecodeError, ValueError):
        entries = []
    if len(entries) == lines.count(b"\n") + 1:  # it passes over an empty line
        return entries
    return [decode_entry(state) for state in lines.split(b"\n")]


def _decode_otherwise(state: bytes) -> Entry:
    try:
        raw = _raw.decode(state)
        fields = msgspec.json.decode(raw.event, type=dict[str, Any])
        kind = fields["type"]
    except (msgspec.DecodeError, ValueError, KeyError) as e:
        raise Refused("damaged_ledger", f"these bytes are no entry: {e}") from e
    return Entry(
        stream=raw.stream,
        version=raw.version,
        recorded_at=raw.recorded_at,
        recorded_by=raw.recorded_by,
        source=raw.source,
        id=raw.id,
        attested_at=raw.attested_at,
        salt=raw.salt,
        event=_upcast(kind, fields, bytes(raw.event)),
    )


def _upcast(kind: str, fields: dict[str, Any], raw: bytes) -> Event | Unread:
    upcast = UPCASTS.get(kind)
    if upcast is None:
        return Unread(kind, raw)
    try:
        today = upcast(fields)
        event = msgspec.convert(today, VOCABULARY[today["type"]])
    except (msgspec.ValidationError, KeyError):
        return Unread(kind, raw)
    return event


def payload_of(event: Event | Unread) -> dict[str, Any]:
    """The event's fields as plain JSON values, without its type, in their canonical order."""
    if isinstance(event, Unread):
        fields: dict[str, Any] = msgspec.json.decode(event.raw)
    else:
        fields = msgspec.to_builtins(event)
    fields.pop("type")
    return fields


def event_of(kind: str, payload: dict[str, Any]) -> Event:
    """The event of a type with this payload. Raises `Refused` with the code that names the fault."""
    cls = VOCABULARY.get(kind)
    if cls is None:
        raise Refused("unknown_type", f"no event type is called {kind!r}{_nearest(kind, VOCABULARY)}")
    try:
        return msgspec.convert(payload, cls)
    except RecursionError:
        raise Refused("bad_field", f"{kind}: nested too deeply to be read") from None
    except (msgspec.ValidationError, ValueError) as e:
        raise _fault(str(e), kind, payload) from e


def salts(count: int) -> list[str]:
    """Salts for new entries, 128 random bits each as 32 hex digits: no hash of an entry can be guessed at."""
    return os.urandom(16 * count).hex(" ", -16).split()


# --- what msgspec says, in the ledger's words ---

_PATH = re.compile(r" - at `\$\.?(.*)`$")
_MESSAGES: tuple[tuple[str, str, str], ...] = (
    ("timezone component", "no_offset", "has no offset from UTC; write it like 2026-03-31T09:00:00+02:00"),
    ("Invalid enum value", "unknown_value", "is not one of the values this field takes"),
    ("unknown field", "unknown_field", "is no field of this event"),
    ("missing required field", "missing_field", "is missing"),
    ("of length <=", "text_too_long", "is over its limit of characters"),
    ("of length >=", "bad_id", "is empty"),
    ("matching regex", "bad_field", "is no month; write 2026-03"),
)


def _fault(message: str, kind: str, payload: dict[str, Any]) -> Refused:
    found = _PATH.search(message)
    field = found.group(1) if found else ""
    value = _value_at(payload, field)
    if "RFC3339" in message:
        return _bad_time(kind, field, value)
    for marker, code, sentence in _MESSAGES:
        if marker in message:
            return Refused(code, _sentence(kind, field, message, value, code, sentence))
    return Refused("bad_field", f"{kind}.{field}: {message.split(' - at ')[0]}; it says {_brief(value)}")


def _sentence(kind: str, field: str, message: str, value: Any, code: str, sentence: str) -> str:
    if code in ("unknown_field", "missing_field"):
        name = message.split("`")[1]
        near = _nearest(name, [f.encode_name for f in msgspec.structs.fields(VOCABULARY[kind])])
        where = f"{kind}.{field}.{name}" if field else f"{kind}.{name}"
        return f"{where} {sentence}" + (near if code == "unknown_field" else "")
    if code == "unknown_value":
        return f"{kind}.{field}: {_brief(value)} {sentence}: {_choices(kind, field)}"
    return f"{kind}.{field}: {_brief(value)} {sentence}"


def _choices(kind: str, field: str) -> str:
    name = field.split("[")[0]
    for f in msgspec.structs.fields(VOCABULARY[kind]):
        if f.encode_name == name:
            return ", ".join(_literals(str(f.type)))
    return "see the vocabulary"


def _literals(annotation: str) -> list[str]:
    inside = re.search(r"Literal\[([^\]]*)\]", annotation)
    return [part.strip().strip("'") for part in inside.group(1).split(",")] if inside else []


def _bad_time(kind: str, field: str, value: Any) -> Refused:
    text = str(value)
    if re.search(r"[T ]\d\d:\d\d:60", text):
        return Refused("second_60", f"{kind}.{field}: {text!r} is a leap second; write the second after it")
    if re.match(r"^\d{4}-\d\d-\d\d", text):
        return Refused("impossible_date", f"{kind}.{field}: {text!r} does not exist, or is not written whole")
    return Refused(
        "bad_field",
        f"{kind}.{field}: {_brief(value)} is no date or instant; write it like 2026-03-31T09:00:00+02:00",
    )


def _value_at(payload: Any, path: str) -> Any:
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]", path):
        try:
            payload = payload[name] if name else payload[int(index)]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return payload


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(name: str, names: Any) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


assert all(wire_name(kind.__name__) == name for name, kind in VOCABULARY.items())
