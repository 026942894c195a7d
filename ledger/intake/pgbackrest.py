"""pgBackRest's `info --output=json`, and the text of its `verify`.

Times are epoch seconds. Backups of two repositories are different backups, each with its own label, not
copies of one another: each is told where it lies. `info` sees no damage to stored files and exits 0 either
way; only `verify` does, so a good `info` is no verification. A backup being made is only a lock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from ledger.errors import Refused
from ledger.intake.intake import Intake, parsed
from ledger.intake.stored import Catalogue, epoch, moment_given, tiers_of
from ledger.texts import text_of

STANZA = re.compile(r"^stanza: (\S+)")
VERIFIED = re.compile(r"^\s*backup: (\S+?), status: (\w+)")


def events(
    given: Any,
    *,
    subject: str,
    source: str = "pgbackrest",
    locations: Mapping[str, str] | str = "",
    scope: str = "client_data",
    tiers: Any = ("daily",),
    verified_at: str | datetime | None = None,
    since: str | date | None = None,
) -> Intake:
    """Backups of every stanza as CloudEvents for the stream `subject`, each named `<stanza>:<label>`.

    `locations` names where each repository lies: a mapping, or text like `1=DC-A,2=DC-B`; one not named is
    `repo<key>`. An annotation whose value is daily (nightly), weekly or monthly tells the tier, else
    `tiers`. The text of `verify` needs `verified_at`, which it does not tell.
    """
    book = Catalogue(subject=subject, source=source, scope=scope, since=since)
    text = text_of(given)
    if isinstance(text, str) and text.lstrip().startswith("stanza:"):
        if verified_at is None:
            raise Refused("missing_field", "pgBackRest's verify does not say when it ran: give verified_at")
        _verify(text, book, moment_given(verified_at, "verified_at"))
        return book.intake()
    places = _places(locations)
    stanzas = parsed(text)
    if not isinstance(stanzas, list) or not all(map(_is_stanza, stanzas)):
        raise Refused("unknown_format", "no list of stanzas, each with `name`, `status` and `backup`")
    for stanza in stanzas:
        name, status = str(stanza["name"]), stanza["status"]
        if status.get("code"):
            book.note(f"{name}: {status.get('message')}: no backup is told")
        if ((status.get("lock") or {}).get("backup") or {}).get("held"):
            book.note(f"{name}: a backup is being made; it is told when it is done")
        for row in stanza["backup"]:
            _backup(name, row, book, places, tiers)
    return book.intake()


def _is_stanza(row: Any) -> bool:
    if not isinstance(row, dict) or "name" not in row:
        return False
    return isinstance(row.get("status"), dict) and isinstance(row.get("backup"), list)


def _places(given: Mapping[str, str] | str) -> dict[str, str]:
    if isinstance(given, str):
        pairs = [pair.partition("=") for pair in given.split(",") if pair.strip()]
        if any(not (key.strip() and place.strip()) for key, _, place in pairs):
            raise Refused("unknown_value", f"locations {given!r}: write 1=DC-A,2=DC-B: key and place")
        return {key.strip(): place.strip() for key, _, place in pairs}
    return {str(key): place for key, place in given.items()}


def _backup(stanza: str, row: dict[str, Any], book: Catalogue, places: dict[str, str], tiers: Any) -> None:
    backup, times = f"{stanza}:{row['label']}", row["timestamp"]
    start, end = epoch(times["start"]), epoch(times["stop"])
    if not book.passes(start):
        return
    key = str((row.get("database") or {}).get("repo-key", 1))
    words = (row.get("annotation") or {}).values()
    book.completed(
        backup, tiers_of(words, tiers), start, end, locations=[places.get(key, f"repo{key}")],
        size_bytes=(row.get("info") or {}).get("size"), note=f"{row.get('type', 'full')} backup",
    )  # fmt: skip
    if row.get("error"):
        book.note(f"{backup}: made with page checksum errors: told as failing verification")
        book.verified(backup, end, False, note="page checksum errors were found while it was made")


def _verify(text: str, book: Catalogue, at: datetime) -> None:
    stanza = None
    for line in text.split("\n"):
        if found := STANZA.match(line):
            stanza = found[1]
        elif (found := VERIFIED.match(line)) and stanza is not None:
            book.verified(f"{stanza}:{found[1]}", at, found[2] == "valid")
