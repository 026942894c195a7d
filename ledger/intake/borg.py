"""borg's JSON: archive lists, one archive's report, and the logs of prune and check.

borg 1.x writes local times without an offset: the caller must name the zone they were written in, and a time
that clocks showed twice is refused, for nothing in the file tells which one was meant. Run borg under TZ=UTC.
Archives are named by their name; the archive id goes to `checksum`; sizes are left out, for `create` and
`info` tell different ones of one archive. Fractions of a second are cut off.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from ledger.errors import Refused
from ledger.intake.intake import Intake, lines, parsed
from ledger.intake.stored import Catalogue, epoch, local_instant, tiers_of
from ledger.texts import text_of

PRUNED = re.compile(r"^Pruning archive(?: \([^)]*\))?:\s+(\S+)")
WOULD_PRUNE = re.compile(r"^Would prune:\s+(\S+)")
LOGGED = re.compile(r'\s*\{"type": *"(log_message|progress_\w+|archive_progress|file_status|question_\w+)"')
CHECKED = re.compile(r"^Analyzing archive (\S+) \(\d+/\d+\)")
ALL_WELL = "Archive consistency check complete, no problems found."
NO_END = "the list does not say when archives ended (ask it for the key `end`); their end is their start"


def events(
    given: Any,
    *,
    subject: str,
    zone: str,
    source: str = "borg",
    location: str = "borg",
    scope: str = "client_data",
    tiers: Any = ("daily",),
    exit_status: int | str = 0,
    since: str | date | None = None,
) -> Intake:
    """Archives of one borg repository as CloudEvents for the stream `subject`.

    `given` is the JSON of `list`, `info` or `create`, or the JSON lines of `--log-json prune` or `check`.
    `zone` is the IANA zone borg ran in. An archive's name tells its tiers when it holds the words daily
    (nightly), weekly or monthly, else `tiers`. `exit_status` is borg's, of `create` alone, which does not
    write it down: 1 is noted, 2 and more is a failed backup. Raises `Refused("no_offset")` for a time that
    was twice, naming the archive.
    """
    book = Catalogue(subject=subject, source=source, scope=scope, since=since)
    if isinstance(given, str | bytes) and _is_log(given):
        _log([row for _, row in lines(given)], book, location)
        return book.intake()
    report = parsed(given)
    if not isinstance(report, dict) or not ("archives" in report or "archive" in report):
        raise Refused("unknown_format", "neither `archives` nor an `archive`")
    if not re.fullmatch(r"[0-9]{1,3}", str(exit_status)):
        raise Refused("unknown_value", f"exit_status {exit_status!r}: give the number borg ended with")
    if "archive" in report:
        _archive(report["archive"], book, zone, location, tiers, int(exit_status))
    for row in report.get("archives", ()):
        _archive(row, book, zone, location, tiers, 0)
    return book.intake()


def _is_log(given: str | bytes) -> bool:
    text = text_of(given)
    return LOGGED.match(text) is not None


def _archive(row: dict[str, Any], book: Catalogue, zone: str, location: str, tiers: Any, exit_status: int) -> None:
    name = str(row["name"])
    start = _instant(row["start"], zone, name)
    if not book.passes(start):
        return
    if not row.get("end"):
        book.count(NO_END)
    end = _instant(row.get("end") or row["start"], zone, name)
    told = tiers_of(re.split(r"[^A-Za-z]+", name), tiers)
    if exit_status >= 2:
        book.failed(name, told, start, end, f"borg create ended with {exit_status}")
        return
    note = None
    if exit_status == 1:
        note = "borg create ended with a warning: a file may be missing or have changed while it was read"
        book.note(f"{name}: {note}")
    book.completed(name, told, start, end, locations=[location], checksum=f"borg:{row['id']}", note=note)


def _instant(text: str, zone: str, name: str) -> datetime:
    return local_instant(str(text), zone, f"archive {name}")


def _log(rows: list[dict[str, Any]], book: Catalogue, location: str) -> None:
    """Log lines carry epoch times, so no zone is needed."""
    checked: list[str] = []
    for row in rows:
        message = str(row.get("message", "")).strip()
        if found := PRUNED.match(message):
            book.deleted(found[1], epoch(row["time"]), location, "borg prune")
        elif found := WOULD_PRUNE.match(message):
            book.note(f"{found[1]}: would be pruned; a dry run deletes nothing")
        elif found := CHECKED.match(message):
            checked.append(found[1])
        elif message == ALL_WELL:
            for name in checked:
                book.verified(name, epoch(row["time"]), True, location)
            checked = []
    if checked:
        book.note(f"a check of {', '.join(checked)} that does not say no problems found: look, and record what failed")
