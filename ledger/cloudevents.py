"""CloudEvents 1.0, structured JSON: how events come in, one object a line, and how entries go out.

`subject` is the stream; `source` and `id` are the key under which an event is recorded once; `time`
fills a missing `at` and must agree with a present one; the extension `attestedat` says when the source
system knew a backfilled fact. Attributes that only carry transport (tracing, partitioning) are let go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import starmap
from operator import itemgetter
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ledger.checks import YEARS, check_exact, check_years
from ledger.codec import Entry, Unread, event_of, payload_of, topic_of
from ledger.errors import Refused
from ledger.events import VOCABULARY, CallAnswered, ContractStarted, Event, Instant, ServiceStarted
from ledger.texts import text_of

STREAM = re.compile(r"^(ledger|(contract|service):[^\s\x00-\x1f/]{1,128})\Z")
TRANSPORT = frozenset(
    "datacontenttype dataschema traceparent tracestate partitionkey sequence sequencetype sampledrate "
    "dataref expirytime recordedtime severitynumber severitytext correlationid causationid".split()
)
LEDGER = frozenset({"ledgerposition", "ledgerrecordedat", "ledgerrecordedby"})  # ours, on the way out
KNOWN = LEDGER | frozenset({"specversion", "id", "source", "type", "subject", "time", "data", "attestedat"})
PLAIN = (KNOWN | TRANSPORT) - {"attestedat"}
UNUSUAL = (KeyError, TypeError, ValueError, AttributeError, RecursionError)  # a validation error is a ValueError
HAS_PLAIN = frozenset(k for k, c in VOCABULARY.items() if any("dict" in str(f.type) for f in msgspec.structs.fields(c)))
HAS_AT = frozenset(k for k, c in VOCABULARY.items() if "at" in c.__struct_fields__)


def _is_typed(cls: type[Event]) -> bool:
    """Whether no field of an event can hold what is not exact: plain data, or a whole number without bound."""
    return not any(re.search("dict|<class 'int'>|, int]", str(f.type)) for f in msgspec.structs.fields(cls))


TYPED: dict[str, type[Event]] = {kind: cls for kind, cls in VOCABULARY.items() if _is_typed(cls)}
LISTS: dict[str, type[list[Event]]] = {kind: list[cls] for kind, cls in TYPED.items()}  # type: ignore[valid-type]
SIX = ("specversion", "id", "source", "type", "subject", "data")


class _Line(Struct, forbid_unknown_fields=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    data: msgspec.Raw
    time: str | None = None
    attestedat: str | None = None


_line = msgspec.json.Decoder(_Line)
_typed = {kind: msgspec.json.Decoder(cls) for kind, cls in TYPED.items()}


class Draft(Struct, frozen=True, kw_only=True, gc=False):
    """An event on its way in: the stream it is for, its key, and where in the input it stood."""

    stream: str
    source: str
    id: str
    event: Event
    attested_at: datetime | None = None
    line: int | None = None


def drafts(
    given: str | bytes | Iterable[Any], *, subject: str | None = None, source: str = "ledger"
) -> Iterator[Draft]:
    """Drafts of CloudEvents (JSON lines, or dicts) or event Structs, in order.

    `subject` and `source` serve event Structs, which carry neither; their id is the digest of their
    content, so that the same fact given twice is recorded once. Blank lines are passed over. Raises
    `Refused` with the 1-based line.
    """
    for line, item in enumerate(_items(given), 1):
        if isinstance(item, dict):
            yield draft_of(item, line)
        elif isinstance(item, (str, bytes)):
            draft = _quick_line(item, line)
            if draft is not None:
                yield draft
            elif item.strip():
                yield from_cloudevent(_parsed(item, line), line)
        elif isinstance(item, Draft):
            yield item
        elif isinstance(item, Event):
            yield _of_struct(item, subject, source, line)
        elif isinstance(item, Mapping):
            yield from_cloudevent(item, line)
        else:
            raise Refused("bad_envelope", f"{type(item).__name__} is no event; give CloudEvents or event Structs", line)


def _items(given: Any) -> Iterable[Any]:
    """Lines end where a file's do; JSON may hold the other characters `str.splitlines` cuts at."""
    if isinstance(given, bytes):
        return given.split(b"\n")
    if isinstance(given, str):
        return given.split("\n")
    if isinstance(given, Mapping | Struct):
        return [given]
    if not isinstance(given, Iterable):
        raise Refused("bad_envelope", f"{type(given).__name__} holds no events; give lines, dicts or event Structs")
    return given


def _parsed(text: str | bytes, line: int) -> dict[str, Any]:
    if line == 1:  # some editors begin a file with a byte order mark
        text = text.removeprefix("\ufeff") if isinstance(text, str) else text.removeprefix(b"\xef\xbb\xbf")
    try:
        found = msgspec.json.decode(text)
    except RecursionError:
        raise Refused("bad_json", "nested too deeply to be an event", line) from None
    except (msgspec.DecodeError, ValueError) as e:
        text_of(text, line)  # where it is no text at all, that is said instead
        raise Refused("bad_json", f"not JSON: {e}", line) from None
    if not isinstance(found, dict):
        raise Refused("bad_json", "each line is one JSON object, a CloudEvents 1.0 event", line)
    return found


def _of_struct(event: Event, subject: str | None, source: str, line: int) -> Draft:
    if subject is None and isinstance(event, ContractStarted):
        subject = f"contract:{event.contract}"
    if subject is None and isinstance(event, ServiceStarted):
        subject = f"service:{event.service}"
    if subject is None:
        raise Refused("bad_envelope", "an event without envelope needs subject=, the stream it is for", line)
    from hashlib import sha256

    try:
        event = exact(event)
    except Refused as refused:
        raise refused.at(line) from None
    digest = sha256(msgspec.json.encode(event)).hexdigest()[:32]
    return Draft(stream=_stream(subject, line, None), source=source, id=digest, event=event, line=line)


def exact(event: Event) -> Event:
    """The event as its bytes will say it: a Struct made in Python was never held against its types.

    Raises `Refused` as `codec.event_of`.
    """
    kind = topic_of(event)
    try:
        fields = msgspec.json.decode(msgspec.json.encode(event))
    except (TypeError, ValueError, RecursionError) as e:
        raise Refused("bad_field", f"{kind} holds what JSON cannot say: {e}") from None
    fields.pop("type")
    check_exact(fields.values(), kind)
    return event_of(kind, fields)


def from_cloudevent(attributes: Mapping[str, Any], line: int | None = None) -> Draft:
    """The draft of one CloudEvents object. Raises `Refused` naming line and event id."""
    event_id = attributes.get("id")
    known_id = event_id if isinstance(event_id, str) else None
    try:
        return _draft(attributes, line)
    except Refused as refused:
        raise refused.at(line, known_id) from None


def draft_of(attributes: dict[str, Any], line: int) -> Draft:
    """As `from_cloudevent`, asking less often."""
    return _quick(attributes, line) or from_cloudevent(attributes, line)


def drafts_of(given: Sequence[dict[str, Any]], first_line: int) -> list[Draft]:
    """As `draft_of` for each: of plain events with nothing wrong about any of them all is asked together."""
    found = _quick_many(given, first_line)
    return [draft_of(each, line) for line, each in enumerate(given, first_line)] if found is None else found


def _quick_many(given: Sequence[dict[str, Any]], first_line: int) -> list[Draft] | None:
    """As `_quick`, column by column; None unless it would take each, and each has no more than the six attributes."""
    try:
        if set(map(len, given)) != {6}:
            return None
        versions, ids, sources, kinds, streams, data = (list(map(itemgetter(name), given)) for name in SIX)
        if set(versions) != {"1.0"} or set(map(type, data)) != {dict}:
            return None
        if not (all(ids) and "".join(ids).isprintable() and max(map(len, ids)) <= 256):
            return None
        if not all(starmap(_is_place, set(zip(streams, sources, strict=True)))):
            return None
        of_kind: dict[str, Iterator[Event]] = {}
        for kind in set(kinds):
            mine = [each for each, its in zip(data, kinds, strict=True) if its == kind]
            of_kind[kind] = iter(msgspec.convert(mine, LISTS[kind]))
    except UNUSUAL:
        return None
    rows = enumerate(zip(streams, sources, ids, kinds, strict=True), first_line)
    return [Draft(stream=stream, source=source, id=id_, event=next(of_kind[kind]), line=line)
            for line, (stream, source, id_, kind) in rows]  # fmt: skip


def _quick(attributes: dict[str, Any], line: int) -> Draft | None:
    """The draft of a plain event with nothing wrong about it; None for all others, which `from_cloudevent` reads.

    What it takes, and as what, is the same: this only asks less often.
    """
    try:
        cls = TYPED[attributes["type"]]
        stream, source, event_id = attributes["subject"], attributes["source"], attributes["id"]
        data, version = attributes["data"], attributes["specversion"]
        if version != "1.0" or (len(attributes) > 6 and not attributes.keys() <= PLAIN):  # six are those just read
            return None
        event = msgspec.convert(data if type(data) is dict else None, cls)
        return _drafted(stream, source, event_id, event, attributes.get("time"), line)
    except UNUSUAL:
        return None


def _quick_line(text: str | bytes, line: int) -> Draft | None:
    """As `_quick`, from JSON: the data goes straight into the event's type."""
    try:
        read = _line.decode(text)
        if read.attestedat is not None:
            return None
        event = _typed[read.type].decode(read.data)
        return _drafted(read.subject, read.source, read.id, event, read.time, line)
    except UNUSUAL:
        return None


def _drafted(stream: str, source: str, event_id: str, event: Event, time: Any, line: int) -> Draft | None:
    if not (_is_place(stream, source) and event_id and len(event_id) <= 256 and event_id.isprintable()):
        return None
    if time is not None:
        at: datetime | None = getattr(event, "at", None)
        if at is None or at != msgspec.convert(time, Instant) or not YEARS[0] <= at.year <= YEARS[1]:
            return None
    return Draft(stream=stream, source=source, id=event_id, event=event, line=line)


@lru_cache(maxsize=16_384)  # many events come from few places
def _is_place(stream: str, source: str) -> bool:
    """Whether nothing is wrong about where an event belongs and where it comes from."""
    return 0 < len(source) <= 256 and (stream + source).isprintable() and STREAM.match(stream) is not None


def _draft(attributes: Mapping[str, Any], line: int | None) -> Draft:
    _check_envelope(attributes)
    kind, data = attributes["type"], attributes.get("data", {})
    if not isinstance(data, Mapping):
        raise Refused("bad_envelope", "data must be a JSON object")
    payload = dict(data)
    if kind in HAS_PLAIN:
        payload = _plain(payload, kind)
    check_exact(payload.values(), f"{kind}.data")
    if isinstance(payload.get("evidence"), str):
        payload["evidence"] = [payload["evidence"]]
    moment = _instant(attributes, "time")
    if moment is not None and kind in HAS_AT:
        payload.setdefault("at", attributes["time"])
    event = event_of(kind, payload)
    if moment is not None and kind in HAS_AT and event.at != moment:  # type: ignore[attr-defined]
        raise Refused("time_disagrees", f"time says {attributes['time']}, data.at says {payload['at']}")
    return Draft(
        stream=_stream(attributes["subject"], line, attributes["id"]),
        source=attributes["source"],
        id=attributes["id"],
        event=event,
        attested_at=_instant(attributes, "attestedat"),
        line=line,
    )


def _plain(payload: dict[str, Any], kind: str) -> dict[str, Any]:
    """Python values inside free data, a datetime or a Decimal, as the JSON they will be stored as."""
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(payload))
    except (TypeError, ValueError, RecursionError) as e:
        raise Refused("bad_field", f"{kind}.data holds what JSON cannot say: {e}") from None
    return plain


def _check_envelope(attributes: Mapping[str, Any]) -> None:
    if attributes.get("specversion") != "1.0":
        raise Refused("bad_envelope", f'specversion must be "1.0", not {attributes.get("specversion")!r}')
    for name in ("id", "source", "type", "subject"):
        value = attributes.get(name)
        if not isinstance(value, str) or not value:
            raise Refused("bad_envelope", f"the attribute {name} must be a text that is not empty")
        if len(value) > 256 or not value.isprintable():
            raise Refused("bad_id", f"the attribute {name} is over 256 characters or not printable")
    for name in attributes:
        if name not in KNOWN and name not in TRANSPORT:
            raise Refused("unknown_field", f"the ledger knows no attribute {name!r}; put facts into data")


def _instant(attributes: Mapping[str, Any], name: str) -> datetime | None:
    text = attributes.get(name)
    if text is None:
        return None
    payload = {"call": "envelope", "at": text}
    try:
        moment: datetime = event_of("call_answered", payload).at  # type: ignore[attr-defined]
        check_years(moment, CallAnswered, "at")
    except Refused as refused:
        raise Refused(refused.code, refused.message.replace("call_answered.at", name)) from None
    return moment


def _stream(subject: str, line: int | None, event_id: str | None) -> str:
    if not STREAM.match(subject):
        raise Refused(
            "unknown_stream", f"subject {subject!r} is neither contract:<id> nor service:<id>", line, event_id
        )
    return subject


def to_cloudevent(position: int, entry: Entry) -> dict[str, Any]:
    """An entry as a CloudEvents object; what only the ledger knows stands in extension attributes."""
    event = entry.event
    out: dict[str, Any] = {
        "specversion": "1.0",
        "id": entry.id,
        "source": entry.source,
        "type": topic_of(event),
        "subject": entry.stream,
    }
    at = None if isinstance(event, Unread) else getattr(event, "at", None)
    if at is not None:
        out["time"] = msgspec.to_builtins(at)
    out["datacontenttype"] = "application/json"
    if entry.attested_at is not None:
        out["attestedat"] = msgspec.to_builtins(entry.attested_at)
    out["ledgerposition"] = position
    out["ledgerrecordedat"] = msgspec.to_builtins(entry.recorded_at)
    out["ledgerrecordedby"] = entry.recorded_by
    out["data"] = payload_of(event)
    return out
