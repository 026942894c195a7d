"""A result as its single figures, each by its path, and what differs between two results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Leaves = dict[str, Any]


def leaves(value: Any, path: str = "") -> Leaves:
    """Every figure of a result by its path (`R1.outcome`, `[2].amount`); lists of plain values stay whole."""
    if isinstance(value, dict) and value:
        found: Leaves = {}
        for name, inner in value.items():
            found.update(leaves(inner, f"{path}.{name}" if path else str(name)))
        return found
    if isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        found = {}
        seen: dict[str, int] = {}
        for inner in value:
            name = _row_name(inner)
            seen[name] = seen.get(name, 0) + 1
            number = f" #{seen[name]}" if seen[name] > 1 else ""
            found.update(leaves(inner, f"{path}[{name}{number}]"))
        return found
    return {path: value}


def _row_name(row: Mapping[str, Any]) -> str:
    """A row goes by what it is, not by where it stands: of the register, of a thing, of a threshold, of a closure."""
    names = [str(row[k]) for k in ("obligation", "what", "subject", "period") if k in row]
    names = names or [str(row[k]) for k in ("id", "threshold", "closed_at") if k in row][:1]
    return " ".join(names) if names else str(sorted(row.items()))


def difference(before: Leaves, after: Leaves) -> dict[str, list[Any]]:
    """Each figure that differs, with both values; `null` where it is not there."""
    paths = [*before, *(path for path in after if path not in before)]
    return {path: [before.get(path), after.get(path)] for path in paths if before.get(path) != after.get(path)}
