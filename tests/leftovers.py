"""What of a French page is still English, and what of any page is a name for programs.

English is text that the English page has too, and English words beside French ones; names for programs are those
with underscores or dots in them. Codes of choices stand in <code>, people's words in quotation marks: both may stay.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from html.parser import HTMLParser

# what may stand the same on both pages: signs, numbers, ids, codes, hashes, names of files and of programs
ALLOWED = tuple(
    re.compile(pattern)
    for pattern in (
        r"[–−…\s]*",
        r"[\d, /]+",  # positions
        r"−?\d{1,3}[ \u00a0](s|min)( \(−?\d+\u00a0min\))?",
        r"[()\s\u202f;.]+",  # between codes
        r"[0-9a-f]{32,64}|[A-Za-z0-9+/]{43}=",  # hashes
        r"[A-Z]{1,2}-[\w.-]+(, [A-Z]{1,2}-[\w.-]+)*",  # ids and lists of them
        r"A\d+\.\d+[a-e]?|D-\d+",  # obligations, disputes
        r"art\. [\d., ]+(art\. [\d.]+)?|[\d., ]+( \(Amb-\d+\))?",  # clauses
        r"service\u00a0\S+|(contract|service|ledger)(:\S+)?( [a-z_]+)?",  # streams, and types of entries
        r"[a-z_0-9]+=[a-z_0-9]+|[a-z]+(_[a-z]+)+|corrected|retracted",  # switches with their value, types
        r"cegid-expert \d+|fr \d{4}-\d+|[0-9a-f]{32}; \S+|service-ledger \S+; tzdata \S+|DC-[AB](, DC-[AB])*",
        r"service-ledger verify .*|[\w.-]+/[\w./-]+",
    )
)
# words spelt alike in both languages
ALIKE = {"Obligation", "Clause", "clause", "TI", "TD", "PRT", "production", "maintenance", "Maintenance (article 5)",
         "Position", "Open", "exclusions", "Exclusions", "qualification", "A-1 – qualification"}  # fmt: skip
ENGLISH = re.compile(
    r"\b(the|of|and|is|was|were|not|by|from|to|with|which|when|until|for|has|have|had|known|learnt|owed|yes|entry|"
    r"broken|kept|between|its|this|that|what|under|month|night|backups?|outage|breach)\b", re.IGNORECASE
)  # fmt: skip
QUOTED = re.compile(r"«[^»]*»|\([a-z_]+=[a-z_0-9]+\)|[a-z]+(?:_[a-z0-9]+)+|\b\w+\.zip|service-ledger \w+|\S*/\S*|\S*[0-9-]\S*")


NAME = re.compile(r"\w+(?:_\w+)+|[\w-]+(?:\.[\w-]+)*\.[A-Za-z_][\w-]*|\w+\[")
MEANT = re.compile(
    r"«[^»]*»|“[^”]*”"  # quoted
    r"|https?://\S+|sha256:[0-9a-f]+"
    r"|\bbundle\.zip\b|\breceipts/\d+\.proof\b"  # files beside the page
)


class _Texts(HTMLParser):
    def __init__(self, hidden: tuple[str, ...]) -> None:
        super().__init__()
        self.found: list[str] = []
        self._tags = hidden
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self._tags

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._tags

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.append(data.strip())


def texts(page: str, *hidden: str) -> list[str]:
    """The texts of a page, one for each node, pictures included, elements of these names left out."""
    reader = _Texts(("style", "pre", *hidden))
    reader.feed(page)
    return reader.found


def names(text: str, ids: Collection[str] = ()) -> list[str]:
    """What of a text is a name for programs; what is meant to stand there, and ids people gave, put aside."""
    found = NAME.findall(MEANT.sub(" ", text))
    if not found:
        return []
    for known in sorted((each for each in ids if each in text and NAME.search(each)), key=len, reverse=True):
        text = text.replace(known, " ")
    return NAME.findall(MEANT.sub(" ", text))


def names_on(page: str, ids: Collection[str] = ()) -> list[str]:
    """Those of a page."""
    return sorted({name for text in texts(page, "code") for name in names(text, ids)})


def same(english: str, french: str) -> list[str]:
    """What the French page says word for word as the English one does, and may not."""
    both = set(texts(english)) & set(texts(french))
    return sorted(text for text in both - ALIKE if not any(pattern.fullmatch(text) for pattern in ALLOWED))


def mixed(french: str) -> list[str]:
    """French texts with English words in them; what is quoted, codes and ids put aside."""
    return [text for text in texts(french) if ENGLISH.search(QUOTED.sub(" ", text)) and not _allowed(text)]


def _allowed(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in ALLOWED)
