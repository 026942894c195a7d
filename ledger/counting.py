"""Numbers of things as English says them: one entry, two entries."""

from __future__ import annotations

import re

_ONE = re.compile(r"(?<![\d.,-])1 (backup|call|day|dossier|hour|month|place|review|state|subscription|user|week)s\b")


def number_of(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `2 files`, `2 entries`; `many` where there is more to it: `number_of(n, "file is", "files are")`."""
    if number == 1:
        return f"1 {one}"
    return f"{number} {many or (f'{one[:-1]}ies' if one.endswith('ry') else f'{one}s')}"


def agreed(amount: str) -> str:
    """An amount as answers write it and keep it (`1 reviews`), as it is said (`1 review`)."""
    return _ONE.sub(r"1 \1", amount)
