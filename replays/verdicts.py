"""What a result comes to: a promise kept, broken, or nothing to judge."""

from __future__ import annotations

from typing import Any, Literal

Verdict = Literal["kept", "broken", "not_judged"]
# what there is, what is counted, what is to come: none of it says whether a promise was kept
TELLING = frozenset({
    "restorable", "weather", "due", "entitlements", "attestations", "requests_dashboard", "articles_dashboard",
})  # fmt: skip


def verdict(question: str, result: Any) -> Verdict:
    """Whether a result says a promise was kept, broken, or nothing was to judge."""
    found = _broken(question, result)
    return "not_judged" if found is None else "broken" if found else "kept"


def _broken(question: str, result: Any) -> bool | None:
    if question in TELLING:
        return None
    if question == "obligations":
        judged = {row.get("state") for row in result.values() if isinstance(row, dict)} & {"kept", "broken"}
        return "broken" in judged if judged else None
    if question == "service_reviews":
        return bool(result["missing"])
    if isinstance(result, list):
        return bool([row for row in result if not row.get("contested")])
    if "breach" in result:
        return None if result["breach"] is None else bool(result["breach"])
    if "missed" in result:
        return bool(result["missed"])
    rows = [row for row in result.values() if isinstance(row, dict | list)]
    if not rows:
        return None
    return any(_row_broken(row) for row in rows)


def _row_broken(row: Any) -> bool:
    if isinstance(row, list):
        return bool(row)
    amounts = ("early_blocking_seconds", "outside_window_seconds")
    return (
        any(bool(row.get(name)) for name in ("breach", "notice_breach", "early"))
        or any((row.get(name) or 0) > 0 for name in amounts)
        or row.get("state") == "missed"
        or row.get("two_copies") is False
    )
