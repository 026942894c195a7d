"""What of a French page is still English: text the English page has too, and English words beside French ones."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# what may stand the same on both pages: signs, numbers, ids, codes, hashes, names of files and of programs
ALLOWED = tuple(
    re.compile(pattern)
    for pattern in (
        r"[–−…\s]*",
        r"[\d, /]+",  # positions
        r"−?\d{1,3}[ \u00a0](s|min)( \(\d+\u00a0min\))?",
        r"[0-9a-f]{32,64}|[A-Za-z0-9+/]{43}=",  # hashes
        r"[A-Z]{1,2}-[\w.-]+(, [A-Z]{1,2}-[\w.-]+)*",  # ids and lists of them
        r"A\d+\.\d+[a-e]?|D-\d+",  # obligations, disputes
        r"art\. [\d., ]+(art\. [\d.]+)?|[\d., ]+( \(Amb-\d+\))?",  # clauses
        r"(contract|service|ledger)(:\S+)?( [a-z_]+)?",  # streams, and types of entries
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


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "pre")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.append(data.strip())


def texts(page: str) -> list[str]:
    """The texts of a page, one for each node, pictures included."""
    reader = _Texts()
    reader.feed(page)
    return reader.found


def same(english: str, french: str) -> list[str]:
    """What the French page says word for word as the English one does, and may not."""
    both = set(texts(english)) & set(texts(french))
    return sorted(text for text in both - ALIKE if not any(pattern.fullmatch(text) for pattern in ALLOWED))


def mixed(french: str) -> list[str]:
    """French texts with English words in them; what is quoted, codes and ids put aside."""
    return [text for text in texts(french) if ENGLISH.search(QUOTED.sub(" ", text)) and not _allowed(text)]


def _allowed(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in ALLOWED)
