"""Barman's JSON: `list-backups`, `show-backup`, and the text of `verify-backup`.

`end_time` is local and naive, so the epoch in `end_time_timestamp` (a text) is read instead. A list tells no
beginning: it is the local time in the backup's id, in the zone the caller names. A backup that FAILED carries
nothing but its id. Sizes are left out: they grow with the WAL that belongs to a backup.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ledger.errors import Refused
from ledger.intake.intake import Intake, parsed
from ledger.intake.stored import Catalogue, epoch, local_instant, moment_given, tiers_of
from ledger.texts import text_of
from ledger.zones import rules

BACKUP_ID = re.compile(r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)$")
VERIFYING = re.compile(r"Verifying backup '([^']+)' on server \[?'([^']+)'\]?")
WELL = "backup successfully verified"
NO_END = "Barman does not say when it failed; taken as its beginning"


def events(
    given: Any,
    *,
    subject: str,
    zone: str,
    source: str = "barman",
    location: str = "barman",
    scope: str = "client_data",
    tiers: Any = ("daily",),
    verified_at: str | datetime | None = None,
    since: str | date | None = None,
) -> Intake:
    """Backups of every server as CloudEvents for the stream `subject`, each named `<server>:<backup id>`.

    `zone` is the IANA zone Barman ran in. Raises `Refused("no_offset")` for a failed backup whose local
    time was twice. The text of `verify-backup` needs `verified_at`, which it does not tell.
    """
    book = Catalogue(subject=subject, source=source, scope=scope, since=since)
    text = text_of(given)
    if isinstance(text, str) and VERIFYING.search(text):
        if verified_at is None:
            raise Refused("missing_field", "barman verify-backup does not say when it ran: give verified_at")
        _verify(text, book, moment_given(verified_at, "verified_at"), location)
        return book.intake()
    servers = parsed(text)
    told = tiers_of((), tiers)
    for server, rows in _servers(servers):
        for row in sorted(rows, key=lambda row: str(row["backup_id"])):
            _backup(f"{server}:{row['backup_id']}", row, book, zone, location, told)
    return book.intake()


def _servers(given: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    """Each server with its backups: a list of them, or the one that was asked for."""
    found = given.items() if isinstance(given, dict) else ()
    servers = [(name, rows if isinstance(rows, list) else [rows]) for name, rows in found]
    if not servers or not all(isinstance(row, dict) and "backup_id" in row for _, rows in servers for row in rows):
        raise Refused("unknown_format", "no object of servers, each with backups that have a `backup_id`")
    return servers


def _backup(name: str, row: dict[str, Any], book: Catalogue, zone: str, location: str, tiers: list[str]) -> None:
    status = row.get("status")
    if status == "FAILED":
        start = local_instant(_id_time(row["backup_id"]), zone, name)
        if book.passes(start):
            book.failed(name, tiers, start, start, f"Barman says FAILED; {NO_END}")
        return
    if status != "DONE":
        book.note(f"{name}: {status}, so it is told when it is done")
        return
    base = row.get("base_backup_information") or {}
    end = epoch(row.get("end_time_timestamp") or base["end_time_timestamp"])
    begun = base.get("begin_time_timestamp")
    start = epoch(begun) if begun else _begun(row["backup_id"], zone, end, name)
    if book.passes(start):
        book.completed(name, tiers, start, end, locations=[location])


def _id_time(backup_id: Any) -> str:
    found = BACKUP_ID.match(str(backup_id))
    if found is None:
        raise Refused("bad_id", f"{backup_id!r} is no Barman backup id")
    year, month, day, hour, minute, second = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}"


def _begun(backup_id: Any, zone: str, end: datetime, name: str) -> datetime:
    """The beginning a list tells by the id alone; of two that share a local time, the last before the end."""
    text = _id_time(backup_id)
    naive = datetime.fromisoformat(text)
    both = {naive.replace(tzinfo=rules(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    before = [at for at in both if at <= end + timedelta(seconds=1)]
    if not before:
        raise Refused("not_after_start", f"{name}: began {text} in {zone}, after its end; the zone is another")
    return max(before)


def _verify(text: str, book: Catalogue, at: datetime, location: str) -> None:
    found = VERIFYING.search(text)
    assert found is not None
    backup, server = found.groups()
    if not BACKUP_ID.match(backup):
        book.note(f"{server}: verified {backup!r}, which names no backup: call verify-backup with its id")
        return
    book.verified(f"{server}:{backup}", at, WELL in text, location)
