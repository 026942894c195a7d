"""Reference tables made from the code itself: for the command line and for README, never typed twice."""

from __future__ import annotations

import msgspec

from ledger.events import VOCABULARY

_BASE = ("evidence", "note")


def vocabulary() -> list[dict[str, object]]:
    """Every event: wire name, fields (optional ones in brackets), what it asserts."""
    rows: list[dict[str, object]] = []
    for name, kind in VOCABULARY.items():
        fields = [f for f in msgspec.structs.fields(kind) if f.name not in _BASE]
        shown = " ".join(f.encode_name if f.required else f"[{f.encode_name}]" for f in fields)
        rows.append({"event": name, "fields": shown, "says": (kind.__doc__ or "").strip()})
    return rows
