"""A dossier's pages as blocks, and the blocks as HTML and as PDF: headings, sentences, tables and pictures.

Both forms are made of the same blocks, so they say the same. HTML is self-contained, without script; the PDF is
set by typst with fonts that come as a package, without date or host in it, so that it is the same bytes again.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from html import escape
from math import isqrt
from pathlib import Path

from msgspec import Struct

from ledger.errors import Refused
from ledger.readings import SWITCHES
from replays.report_texts import STYLE

CODE = re.compile(rf"\b((?:{'|'.join(s.name for s in SWITCHES)})=[a-z0-9_]+)\b")  # of a choice of reading


class Block(Struct, frozen=True, kw_only=True):
    """One piece of a page: a heading (`level` 1 to 3), a sentence, a table, or a picture with its caption."""

    kind: str
    text: str = ""
    level: int = 0
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    svg: str = ""


def heading(text: str, level: int = 2) -> Block:
    return Block(kind="heading", text=text, level=level)


def sentence(text: str) -> Block:
    return Block(kind="sentence", text=text)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Block:
    shown = tuple(head[:1].upper() + head[1:] for head in heads)
    return Block(kind="table", heads=shown, rows=tuple(tuple(map(str, row)) for row in rows))


def picture(svg: str, caption: str) -> Block:
    return Block(kind="picture", svg=svg, text=caption)


def html(language: str, title: str, blocks: Sequence[Block]) -> bytes:
    """The page in one file."""
    head = f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    style = f"<style>{STYLE}svg{{max-width:100%;height:auto}}figure{{margin:1em 0}}</style></head><body>"
    return "\n".join([head + style, *map(_html, blocks), "</body></html>\n"]).encode()


def _html(block: Block) -> str:
    if block.kind == "heading":
        return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
    if block.kind == "picture":
        return f"<figure>{block.svg}<figcaption>{escape(block.text)}</figcaption></figure>"
    if block.kind == "sentence":
        return f"<p>{_marked(block.text)}</p>"
    head = "".join(f"<th>{escape(cell)}</th>" for cell in block.heads)
    rows = "".join("<tr>" + "".join(map(html_cell, row)) + "</tr>\n" for row in block.rows)
    return f"<table><thead><tr>{head}</tr></thead>\n{rows}</table>"


def html_cell(cell: str) -> str:
    """A cell; one with a word too long for its column may part it anywhere."""
    long = ' class="long"' if any(len(word) > 24 for word in cell.split()) else ""
    return f"<td{long}>{_marked(cell)}</td>"


def _marked(text: str) -> str:
    """A text with the codes of choices, which are for programs, set apart."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def pdf(language: str, title: str, foot: str, blocks: Sequence[Block]) -> bytes:
    """The same blocks as a PDF; `foot` says where `{now}` and `{all}`, the page and their number, stand.

    Raises `Refused("missing_extra")` without the reports extra.
    """
    try:
        import font_roboto  # type: ignore[import-untyped]
        import typst
    except ImportError:
        needed = "PDF needs the extra `service-ledger[reports]` (typst, font-roboto); or leave it out (--no-pdf)"
        raise Refused("missing_extra", needed) from None
    fonts = Path(font_roboto.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.typ"
        page.write_text(_typst(language, title, foot, blocks, Path(folder)), encoding="utf-8")
        made: bytes = typst.compile(
            str(page), root=folder, font_paths=[str(fonts)], ignore_system_fonts=True, format="pdf", timestamp=0
        )
    return made


SPACES = "\u200b\u00a0\u202f"  # that may stay: where a line may break, and where it may not
LONGEST_WHOLE = 1500  # letters of a cell that is never parted by the end of a page
SETTINGS = """#set page(paper: "a4", flipped: true, margin: 1.6cm, footer: context {footer})
#set text(font: "Roboto", size: 9pt, lang: {language})
#set par(justify: false)
#set table(stroke: 0.4pt + luma(150), inset: 4pt)
#show table.cell.where(y: 0): set text(weight: "bold")
#show table: set text(size: 7.5pt)
"""


def _typst(language: str, title: str, foot: str, blocks: Sequence[Block], folder: Path) -> str:
    """Every text goes in as a string literal: nothing of the ledger is ever read as markup."""
    settings = SETTINGS.replace("{footer}", _footer(title, foot)).replace("{language}", _literal(language))
    out = [settings, f"#set document(title: {_literal(title)}, date: none)\n"]
    for number, block in enumerate(blocks):
        if block.kind == "heading":
            out.append(f"#heading(level: {block.level}, {_literal(block.text)})\n")
        elif block.kind == "sentence":
            out.append(f"#par({_breakable(block.text)})\n")
        elif block.kind == "picture":
            (folder / f"{number}.svg").write_text(block.svg, encoding="utf-8")
            image = f'image("{number}.svg", width: 100%)'
            out.append(f"#figure({image}, caption: {_literal(block.text)}, supplement: none)\n")
        else:
            out.append(_typst_table(block))
    return "".join(out)


def _footer(title: str, foot: str) -> str:
    """The title, and which page of how many this is, as typst counts them."""
    counts = {"{now}": "str(counter(page).get().first())", "{all}": "str(counter(page).final().first())"}
    parts = [counts.get(part) or _literal(part) for part in re.split(r"({now}|{all})", foot) if part]
    return f"[#text(size: 7.5pt)[#{_literal(title)} #h(1fr) #({' + '.join(parts)})]]"


def _typst_table(block: Block) -> str:
    widest = [max([len(row[n]) for row in (block.heads, *block.rows)], default=1) for n in range(len(block.heads))]
    columns = ", ".join("auto" if width <= 24 else f"{isqrt(100 * min(width, 200))}fr" for width in widest)
    cells = [f"table.header({', '.join(map(_literal, block.heads))})"]
    cells += [", ".join(map(_breakable, row)) for row in block.rows]
    whole = "true" if max(widest, default=0) > LONGEST_WHOLE else "false"
    return f"#[#set table.cell(breakable: {whole})\n#table(columns: ({columns},), {', '.join(cells)})]\n"


def _breakable(cell: str) -> str:
    """Choices set apart. Long paths and codes may break after their signs, hashes anywhere: zero-width spaces tell."""
    words = [part.split(" ") for part in CODE.split(cell)]
    parts = [" ".join(word if len(word) < 24 else _broken(word) for word in part) for part in words]
    told = [f"raw({_literal(part)})" if n % 2 else _literal(part) for n, part in enumerate(parts) if part or n == 0]
    return " + ".join(told)


def _broken(word: str) -> str:
    parts = re.split(r"(?<=[=_/:.-])", word)
    return "\u200b".join(part[n : n + 8] if len(part) > 24 else part
                         for part in parts for n in range(0, len(part) if len(part) > 24 else 1, 8))  # fmt: skip


def _literal(text: str) -> str:
    """A string of typst: backslash and quote escaped, what cannot be seen left out."""
    seen = "".join(c if c.isprintable() or c in SPACES else " " for c in text)
    return json.dumps(seen, ensure_ascii=False).replace("\\\\", "\\u{5c}")
