"""restic's JSON: snapshot lists, copies at a second site, `forget` lists and the summary of one backup.

`restic snapshots --json` is the source to prefer: it holds full ids and the writer's offset. A snapshot keeps
its identity through `restic tag` and `restic copy`, which both give it a new id and its first one as
`original`: that first id names the backup here. What restic does not write down, the caller must say:
when copies were made (`copied_at`) and when `forget` ran (`deleted_at`). Fractions of a second are cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from ledger.errors import Refused
from ledger.intake.intake import Intake, instant, objects
from ledger.intake.stored import Catalogue, moment_given, tiers_of
from ledger.texts import text_of

FULL_ID = 64
INCOMPLETE = "restic could not read every source; the snapshot is incomplete"
NO_END = "restic before 0.17 does not say when a snapshot ended; its end is its time"


def events(
    given: Any,
    *,
    subject: str,
    source: str = "restic",
    location: str = "restic",
    scope: str = "client_data",
    tiers: Any = ("daily",),
    copied_at: str | datetime | None = None,
    deleted_at: str | datetime | None = None,
    since: str | date | None = None,
) -> Intake:
    """Backups of one restic repository as CloudEvents for the stream `subject`.

    `given` is the JSON of `snapshots` (grouped or not), of `forget`, or the JSON lines of `backup`.
    `location` names where the repository lies. Tags daily (nightly), weekly and monthly tell the tiers,
    else `tiers`. With `copied_at` the list is that of a copy: snapshots that carry `original` were stored
    here then. A `forget` list needs `deleted_at`, and looks the same after `--dry-run`: give a real one.
    """
    rows = _rows(given)
    book = Catalogue(subject=subject, source=source, scope=scope, since=since)
    copied = None if copied_at is None else moment_given(copied_at, "copied_at")
    if any("message_type" in row for row in rows):
        _backup_run(rows, book, location, tiers)
    elif any("keep" in row or "remove" in row for row in rows):
        if deleted_at is None:
            raise Refused("missing_field", "restic does not say when forget ran: give deleted_at")
        _forget(rows, book, location, moment_given(deleted_at, "deleted_at"))
    else:
        for snapshot in _snapshots(rows):
            _snapshot(snapshot, book, location, tiers, copied)
    return book.intake()


def _rows(given: Any) -> list[dict[str, Any]]:
    """The objects of a JSON list, of JSON lines, or one object; an empty list may come as null."""
    text = text_of(given)
    if isinstance(text, str) and text.strip() in ("", "null"):
        if not text.strip():
            raise Refused("unknown_format", "an empty text, which restic never writes: look what it said on stderr")
        return []
    return objects(text)


def _snapshots(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        for snapshot in row["snapshots"] if "group_key" in row else [row]:
            if not snapshot.keys() >= {"id", "time", "tree"}:
                raise Refused("unknown_format", "a record that is no snapshot: it lacks `id`, `time` or `tree`")
            yield snapshot


def _snapshot(row: dict[str, Any], book: Catalogue, location: str, tiers: Any, copied: datetime | None) -> None:
    own, original = str(row["id"]), row.get("original")
    backup = str(original or own)
    if len(backup) < FULL_ID:
        book.note(f"{backup}: a short id names no snapshot for ever; use `restic snapshots --json`")
        return
    summary = row.get("summary") or {}
    start = instant(str(summary.get("backup_start") or row["time"]))
    if not book.passes(start):
        return
    if copied is not None:
        if original is None:
            book.note(f"{own[:8]}: carries no `original`, so it was made here and is no copy")
        else:
            book.stored(backup, location, copied, note=f"as snapshot {own[:8]}")
        return
    if not summary.get("backup_end"):
        book.count(NO_END)
    book.completed(
        backup, tiers_of(row.get("tags") or (), tiers), start, instant(str(summary.get("backup_end") or row["time"])),
        locations=[location], size_bytes=summary.get("total_bytes_processed"),
    )  # fmt: skip


def _backup_run(rows: list[dict[str, Any]], book: Catalogue, location: str, tiers: Any) -> None:
    """The messages of one `restic backup --json`."""
    kinds = [str(row.get("message_type")) for row in rows]
    summary = next((row for row in rows if row.get("message_type") == "summary"), None)
    if summary is not None and not {"snapshot_id", "data_added"} & summary.keys():
        book.note("messages of another command than backup, which tell of no backup")
        return
    if summary is None or not summary.get("snapshot_id"):
        book.note("no snapshot was made, and restic does not say when it tried: record the failure by hand")
        return
    backup = str(summary["snapshot_id"])
    if len(backup) < FULL_ID or not summary.get("backup_end"):
        book.note(f"{backup}: no full id and times (restic before 0.17); use `restic snapshots --json`")
        return
    start, end = instant(summary["backup_start"]), instant(summary["backup_end"])
    if not book.passes(start):
        return
    if "error" in kinds or "exit_error" in kinds:
        book.note(f"{backup[:8]}: {INCOMPLETE}: told as failed")
        book.failed(backup, tiers_of((), tiers), start, end, INCOMPLETE)
        return
    size = summary.get("total_bytes_processed")
    book.completed(backup, tiers_of((), tiers), start, end, locations=[location], size_bytes=size)


def _forget(rows: list[dict[str, Any]], book: Catalogue, location: str, at: datetime) -> None:
    for group in rows:
        for snapshot in group.get("remove") or ():
            book.deleted(str(snapshot.get("original") or snapshot["id"]), at, location, "restic forget")
