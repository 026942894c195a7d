"""Moments, days and amounts as English and French write them, in the legal time of the contract's zone.

Nothing here rounds: an instant keeps its seconds, an amount all its digits. Instants come in as answers and facts
write them (`2026-02-17T14:31:00Z`, or with the offset they came with) and are shown with the offset of legal time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from ledger.spans import Instant, seconds
from ledger.zones import local_moment
from replays.words.tables import FIRM, NARROW

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
DATE, WEEK, MONTH = r"\d{4}-\d\d-\d\d", r"\d{4}-W\d\d", r"\d{4}-\d\d"
DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
           "novembre", "décembre"),
}  # fmt: skip


def seconds_of(written: str) -> Instant:
    """The instant a text names, in whole seconds."""
    return seconds(datetime.fromisoformat(written.replace("Z", "+00:00")))


@lru_cache(maxsize=8192)
def instant(language: str, zone: str, written: str) -> str:
    """`mardi 17 février 2026 à 15 h 31 (UTC+1)`, `Tuesday 17 February 2026 at 15:31 (UTC+1)`."""
    local = local_moment(zone, seconds_of(written))
    shown = f"{DAYS[language][local.weekday()]} {day(language, local.date())}"
    return f"{shown} {'à' if language == 'fr' else 'at'} {_clock(language, local)} ({_offset(local)})"


def within_a_day(language: str, zone: str, first: str, last: str) -> str | None:
    """`lundi 6 octobre 2025 de 9 h 10 à 11 h 40 (UTC+2)`; None for a span of two days or two offsets."""
    begin, end = (local_moment(zone, seconds_of(written)) for written in (first, last))
    if begin.date() != end.date() or begin.utcoffset() != end.utcoffset():
        return None
    shown = f"{DAYS[language][begin.weekday()]} {day(language, begin.date())}"
    clocks = [_clock(language, local) for local in (begin, end)]
    words = ("de", "à") if language == "fr" else ("from", "to")
    return f"{shown} {words[0]} {clocks[0]} {words[1]} {clocks[1]} ({_offset(begin)})"


def _clock(language: str, local: datetime) -> str:
    if language == "fr":
        after = f"{FIRM}min{FIRM}{local.second:02}{FIRM}s" if local.second else ""
        return f"{local.hour}{FIRM}h{FIRM}{local.minute:02}{after}"
    return f"{local.hour:02}:{local.minute:02}" + (f":{local.second:02}" if local.second else "")


def _offset(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def day(language: str, on: date) -> str:
    """`1er mars 2026`, `1 March 2026`."""
    first = "1er" if language == "fr" and on.day == 1 else str(on.day)
    return f"{first} {MONTHS[language][on.month - 1]} {on.year}"


def short_day(language: str, on: date) -> str:
    """`mar. 17`, `Tue 17`: for the edge of a picture."""
    return f"{DAYS[language][on.weekday()][:3]}{'.' if language == 'fr' else ''} {on.day}"


def month(language: str, written: str) -> str:
    """`février 2026`, `February 2026`."""
    return f"{MONTHS[language][int(written[5:7]) - 1]} {written[:4]}"


def week(language: str, written: str) -> str:
    """`semaine 9 de 2026` (ISO weeks), `week 9 of 2026`."""
    number, year = int(written[6:]), written[:4]
    return f"semaine {number} de {year}" if language == "fr" else f"week {number} of {year}"


def said(language: str, zone: str, text: str) -> str | None:
    """A moment, or two parted by a slash, in words; None for anything else."""
    if "/" in text:
        first, last = (said(language, zone, part) for part in text.split("/", 1))
        if first is None or last is None:
            return None
        months = language == "fr" and re.fullmatch(MONTH, text.split("/")[0])
        return f"{_of(first)} à {last}" if months else between(language, first, last)
    for pattern, show in _SHOWN:
        if re.fullmatch(pattern, text):
            try:
                return show(language, zone, text)
            except (ValueError, IndexError):  # shaped like a date, and none
                return None
    return None


_SHOWN: tuple[tuple[str, Callable[[str, str, str], str]], ...] = (
    (INSTANT, instant),
    (DATE, lambda language, _, text: day(language, date.fromisoformat(text))),
    (WEEK, lambda language, _, text: week(language, text)),
    (MONTH, lambda language, _, text: month(language, text)),
)


def _of(month: str) -> str:
    return f"d’{month}" if month[0] in "ao" else f"de {month}"


def between(language: str, first: str, last: str) -> str:
    """`du … au …`, `from … to …`."""
    return f"du {first} au {last}" if language == "fr" else f"from {first} to {last}"


def day_span(language: str, first: str, last: str | None) -> str:
    """Two dates, both included, or the first one of days without an end."""
    shown = [day(language, date.fromisoformat(each)) for each in (first, last) if each is not None]
    if len(shown) == 1:
        return f"{'à compter du' if language == 'fr' else 'from'} {shown[0]}"
    return shown[0] if first == last else between(language, *shown)


def days(language: str, written: Sequence[str]) -> str:
    """Dates in order, those that follow each other as one stretch."""
    found = [date.fromisoformat(text) for text in written]
    stretches: list[list[date]] = []
    for one in found:
        if stretches and one - stretches[-1][-1] == timedelta(days=1):
            stretches[-1].append(one)
        else:
            stretches.append([one])
    shown = [
        day(language, s[0]) if len(s) == 1 else between(language, day(language, s[0]), day(language, s[-1]))
        for s in stretches
    ]
    return ", ".join(shown)


def number(language: str, value: int) -> str:
    """A whole number, its thousands parted; `−` for a minus sign."""
    return f"{value:,}".replace(",", NARROW if language == "fr" else ",").replace("-", "−")


def decimal(language: str, written: str) -> str:
    """A decimal number as answers write it, with the language's sign."""
    whole, dot, rest = written.partition(".")
    return number(language, int(whole)) + (("," if language == "fr" else ".") + rest if dot else "")


def duration(language: str, value: int) -> str:
    """Seconds, and the same in hours: `5 160 s (1 h 26 min)`; in days too from four days on."""
    shown = f"{number(language, value)}{FIRM}s"
    sign = "−" if value < 0 else ""
    return f"{shown} ({sign}{_hours(language, abs(value))})" if abs(value) >= 60 else shown


def _hours(language: str, value: int) -> str:
    days, rest = divmod(value, 86_400) if value >= 4 * 86_400 else (0, value)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    parts = ((days, "j" if language == "fr" else "d"), (hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{amount}{FIRM}{unit}" for amount, unit in parts if amount)
