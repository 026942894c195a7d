"""What every adapter gives back, and the few readings they share: instants, short texts, envelopes.

An adapter is a pure function from what a tool wrote to CloudEvents the ledger can record, with a note for
each record it passed over or took otherwise than written: nothing is dropped in silence. Instants are kept
to the whole second: a fraction is cut off here, since recording refuses it. Only facts are carried over:
times, states and short titles, never the sentences somebody wrote about them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ledger.checks import check_personal
from ledger.errors import Refused
from ledger.texts import text_of

SHORT = 160  # characters of a title that are kept
FRACTION = re.compile(r"(:\d\d)[.,]\d+")
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")


class Intake(NamedTuple):
    """CloudEvents in the order they were learnt, and what the adapter did not take as it was written."""

    events: list[dict[str, Any]]
    notes: list[str]


def cloudevent(
    kind: str, data: dict[str, Any], *, subject: str, source: str, id: str, attested_at: datetime | str | None = None
) -> dict[str, Any]:
    """One CloudEvents 1.0 object; `attested_at` is when the source itself knew the fact."""
    event: dict[str, Any] = {"specversion": "1.0", "id": id, "source": source, "type": kind, "subject": subject}
    if attested_at is not None:
        event["attestedat"] = attested_at if isinstance(attested_at, str) else written(attested_at)
    event["data"] = {name: value for name, value in data.items() if value is not None}
    return event


def instant(text: str) -> datetime:
    """The instant RFC 3339 text names, whole seconds. Raises `ValueError` without an offset from UTC."""
    found = datetime.fromisoformat(FRACTION.sub(r"\1", text.strip()).replace("Z", "+00:00").replace(" UTC", "+00:00"))
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return found.replace(microsecond=0)


def written(at: datetime) -> str:
    """RFC 3339, whole seconds, `Z` for UTC; another offset stays as it came."""
    text = at.isoformat(timespec="seconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def in_utc(at: datetime) -> datetime:
    """The same instant in UTC."""
    return at.astimezone(UTC)


def short(text: Any, limit: int = SHORT) -> str | None:
    """A title on one line, cut to `limit`; None when empty, withheld when it looks like personal data."""
    line = UNPRINTABLE.sub(" ", str(text or "")).strip()
    if not line:
        return None
    if len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    try:
        check_personal(line, "title")
    except Refused:
        return "(title withheld: it looks like personal data)"
    return line


def named(text: Any, limit: int = 128) -> str:
    """An identifier out of a tool's own: printable, without blanks, never empty."""
    found = UNPRINTABLE.sub("-", str(text)).strip("-")
    if not found:
        raise Refused("bad_id", "the tool's record carries no identifier")
    return found[:limit]


def parsed(given: Any, line: int | None = None) -> Any:
    """JSON text as its value; a value as it is. Raises `Refused("bad_json")`."""
    if not isinstance(given, str | bytes):
        return given
    text = text_of(given, line or 1)
    try:
        return json.loads(text)
    except RecursionError:
        raise Refused("bad_json", "nested too deeply", line) from None
    except ValueError as e:
        raise Refused("bad_json", f"not JSON: {e}", line) from e


def objects(given: Any) -> list[dict[str, Any]]:
    """One JSON object, a list of them, or JSON lines: the objects; none in an empty text.

    Raises `Refused`: `bad_json`, and `unknown_format` for JSON that is nothing of these.
    """
    text = text_of(given)
    try:
        found = parsed(text)
    except Refused:
        return [row for _, row in lines(text)]
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list | tuple) or not all(isinstance(row, dict) for row in rows):
        raise Refused("unknown_format", "neither an object, a list of objects, nor JSON lines")
    return list(rows)


def lines(given: Any) -> Iterable[tuple[int, dict[str, Any]]]:
    """JSON lines, or a list of objects, each with its 1-based line. Raises `Refused("bad_json")`."""
    text = text_of(given)
    for number, line in enumerate(text.split("\n") if isinstance(text, str) else text, 1):
        if isinstance(line, str) and not line.strip():
            continue
        found = parsed(line, number)
        if not isinstance(found, dict):
            raise Refused("bad_json", "each line is one JSON object", number)
        yield number, found


def counted(counts: dict[str, int]) -> list[str]:
    """The summary lines that close an adapter's notes: how many of each, largest first."""
    return [f"{number} x {what}" for what, number in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]
