"""Pictures for a dossier, drawn as plain SVG from plain data: a month's days, what was learnt when, nights of backup.

Nothing is measured here but the page: instants come in as seconds of the contract's local day or as fractions of a
period, and the same data give the same bytes. Colours are told apart by shade and by text too, for print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

DAY_SECONDS = 86_400
FILLS = {  # what is drawn, its colour, whether it is an outline only
    "prt": ("#e8eef7", False),
    "maintenance": ("#7aa6d8", False),
    "announced": ("#2f5f99", True),
    "outage": ("#c43c39", False),
    "excluded": ("#3f9a45", False),  # over the lower half of what it excludes
}
NIGHTS = {"fulfilled": "#8dc891", "missed": "#c43c39", "pending": "#d9d9d9"}
FONT = 'font-family="Roboto, Arial, sans-serif"'


class Bar(NamedTuple):
    """A span within one local day: `row` counts days from 0, `start` and `end` are seconds of the day."""

    row: int
    start: int
    end: int
    kind: str
    label: str = ""
    ground: str = ""


class Mark(NamedTuple):
    """A moment on a line, `place` from 0 (its beginning) to 1 (its end); `state` colours the line from it on."""

    place: float
    number: str
    label: str
    state: str


def month(
    days: Sequence[str], bars: Iterable[Bar], legend: Sequence[tuple[str, str]], hours: str = "{:02}:00"
) -> str:
    """A month, a row a day and midnight to midnight across; `legend` names each kind drawn, `hours` writes an hour."""
    left, top, width, row = 92, 34, 864, 15
    height = top + row * len(days) + 44
    out = [_open(left + width + 20, height)]
    for hour in range(0, 25, 3):
        x = left + width * hour // 24
        out.append(f'<line x1="{x}" y1="{top - 4}" x2="{x}" y2="{top + row * len(days)}" stroke="#ccc"/>')
        out.append(_text(x, top - 9, hours.format(hour), "middle"))
    for n, day in enumerate(days):
        out.append(_text(left - 6, top + row * n + 11, day, "end"))
    for bar in sorted(bars, key=lambda b: (list(FILLS).index(b.kind), b.row, b.start)):
        out.append(_bar(bar, left, top, width, row))
    x = left
    for kind, word in legend:
        fill, outline = FILLS[kind]
        paint = f'fill="none" stroke="{fill}" stroke-width="2"' if outline else f'fill="{fill}"'
        out.append(f'<rect x="{x}" y="{height - 26}" width="16" height="11" {paint}/>')
        out.append(_text(x + 22, height - 16, word))
        x += 40 + 7 * len(word)
    return "".join([*out, "</svg>\n"])


def _bar(bar: Bar, left: int, top: int, width: int, row: int) -> str:
    fill, outline = FILLS[bar.kind]
    x = left + width * bar.start / DAY_SECONDS
    wide = max(width * (bar.end - bar.start) / DAY_SECONDS, 2.0)  # a minute must be seen too
    inset = 0 if bar.kind == "prt" else 3
    paint = f'fill="none" stroke="{fill}" stroke-width="1.5"' if outline else f'fill="{fill}"'
    high = row - 1 - 2 * inset
    y = top + row * bar.row + inset
    if bar.kind == "excluded":
        y, high = y + high // 2, high - high // 2
    place = f'x="{x:.2f}" y="{y}" width="{wide:.2f}" height="{high}"'
    drawn = f"<rect {place} {paint}><title>{escape(bar.label)}</title></rect>"
    short = bar.label if bar.kind in ("outage", "maintenance") else ""
    if not short:
        return drawn
    last = x + wide + 3 + 7 * len(short) > left + width  # no room after it
    return drawn + _text(x - 3 if last else x + wide + 3, top + row * bar.row + 11, short, "end" if last else "start")


def knowledge(marks: Sequence[Mark], first: str, last: str, states: dict[str, tuple[str, str]]) -> str:
    """When what was known moved the answer: a line coloured by the verdict, a numbered mark for each step.

    `states` gives each state its colour and its word; the first mark's state holds from the beginning of the line.
    """
    left, width, y = 40, 880, 52
    out = [_open(left + width + 40, 112)]
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        x = left + width * mark.place
        until = left + width * (following.place if following else 1.0)
        wide = max(until - x, 1)
        out.append(f'<rect x="{x:.2f}" y="{y}" width="{wide:.2f}" height="14" fill="{states[mark.state][0]}"/>')
    taken = -100.0
    for mark in marks:
        x = left + width * mark.place
        if mark.number:
            lift = 14 if x - taken < 16 else 0
            taken = x
            out.append(f'<line x1="{x:.2f}" y1="{y - 8 - lift}" x2="{x:.2f}" y2="{y + 18}" stroke="#111"/>')
            out.append(_text(x, y - 12 - lift, mark.number, "middle", mark.label))
    out += [_text(left, y + 32, first), _text(left + width, y + 32, last, "end")]
    x = left
    for state in dict.fromkeys(mark.state for mark in marks):
        colour, word = states[state]
        out.append(f'<rect x="{x}" y="94" width="16" height="11" fill="{colour}"/>' + _text(x + 22, 104, word))
        x += 40 + 7 * len(word)
    return "".join([*out, "</svg>\n"])


def nights(
    found: Mapping[str, Sequence[str]], legend: Sequence[tuple[str, str]], say: Callable[[str], str] = str
) -> str:
    """A calendar of nights, a row a month: present, missing, not due yet; `found` lists the dates of each.

    `say` writes a date (`2026-02-07`) or a month (`2026-02`) for the reader.
    """
    of = {day: kind for kind, days in found.items() for day in days}
    months = sorted({day[:7] for day in of})
    cell, left, top = 26, 100, 28
    out = [_open(left + 31 * cell + 20, top + cell * len(months) + 44)]
    for day in range(1, 32):
        out.append(_text(left + cell * (day - 1) + cell // 2, top - 8, str(day), "middle"))
    for n, label in enumerate(months):
        out.append(_text(left - 8, top + cell * n + 17, say(label), "end"))
        for night, kind in of.items():
            if night.startswith(label):
                x, y = left + cell * (int(night[8:]) - 1), top + cell * n
                place = f'x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}"'
                out.append(f'<rect {place} fill="{NIGHTS[kind]}"><title>{escape(say(night))}</title></rect>')
                if kind == "missed":  # a cross, so that it is seen without colour
                    out.append(f'<path d="M{x + 7} {y + 7}l12 12m0 -12l-12 12" stroke="#fff" stroke-width="2"/>')
    x, y = left, top + cell * len(months) + 16
    for kind, word in legend:
        out.append(f'<rect x="{x}" y="{y}" width="16" height="11" fill="{NIGHTS[kind]}"/>')
        out.append(_text(x + 22, y + 10, word))
        x += 40 + 7 * len(word)
    return "".join([*out, "</svg>\n"])


Placed = tuple[str, int, int]  # a fact by the number of its entry, when it happened, when it was recorded; seconds


def ends(facts: Sequence[Placed]) -> tuple[int, int]:
    """The first and last moment of some facts, in both times."""
    told = [at for _, *both in facts for at in both]
    return min(told), max(told)


def facts(placed: Sequence[Placed], first_and_last: tuple[str, str], lines: tuple[str, str]) -> str:
    """Two lines over one stretch of time: when facts happened, above, and when each was recorded, below."""
    left, width, above, below = 92, 830, 40, 120
    begin, end = ends(placed)
    out = [_open(left + width + 40, 216)]
    for y, word in ((above, lines[0]), (below, lines[1])):
        out.append(f'<line x1="{left}" y1="{y}" x2="{left + width}" y2="{y}" stroke="#666"/>')
        out.append(_text(left - 8, y + 4, word, "end"))
    taken: list[float] = [-100.0] * 4  # the last label of each of four rows below the line
    for number, happened, recorded in sorted(placed, key=lambda fact: fact[2]):
        x, z = (left + width * (at - begin) / max(end - begin, 1) for at in (happened, recorded))
        late = "#c43c39" if recorded - happened >= DAY_SECONDS else "#2f5f99"  # learnt a day later or more
        out.append(f'<line x1="{x:.2f}" y1="{above}" x2="{z:.2f}" y2="{below}" stroke="{late}"/>')
        out.append(f'<circle cx="{x:.2f}" cy="{above}" r="3" fill="{late}"/>')
        out.append(f'<circle cx="{z:.2f}" cy="{below}" r="3" fill="{late}"/>')
        row = next((n for n, at in enumerate(taken) if z - at > 8 * len(number)), None)
        if row is not None:
            taken[row] = z
            out.append(_text(z, below + 20 + 13 * row, number, "middle"))
    out.append(_text(left, 206, first_and_last[0]))
    out.append(_text(left + width, 206, first_and_last[1], "end"))
    return "".join([*out, "</svg>\n"])


def _open(width: int, height: int) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect width="{width}" height="{height}" fill="#fff"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", title: str = "") -> str:
    told = f"<title>{escape(title)}</title>" if title else ""
    halo = 'paint-order="stroke" stroke="#fff" stroke-width="2.5"'  # readable over what it crosses
    place = f'x="{x:.6g}" y="{y}" font-size="11" {FONT} text-anchor="{anchor}"'
    return f"<text {place} {halo}>{told}{escape(text)}</text>"
