"""The register of breaches: every promise every subject finds broken in a period, in one list."""

from __future__ import annotations

from datetime import date
from importlib import import_module

from ledger.history import History
from projections.finding import Breach, Finding
from projections.frame import Frames

# the subjects that judge; each module offers `breaches(history, frames, first, last)`
SUBJECTS: tuple[str, ...] = (
    "availability", "maintenance", "backups", "restores", "updates", "support", "anomalies",
    "dossiers", "deletions", "options", "recette", "storage", "service", "calls", "billing", "accounts", "entitlements",
)  # fmt: skip


def register(history: History, frames: Frames, first: date, last: date) -> Finding:
    """Every breach filed from `first` to `last`, local dates, both included, in the order they fell due."""
    return gathered([b for subject in SUBJECTS for b in breaches_of(subject, history, frames, first, last)])


def breaches_of(subject: str, history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """One subject's part of the register."""
    found: list[Breach] = import_module(f"projections.{subject}").breaches(history, frames, first, last)
    return found


def gathered(found: list[Breach]) -> Finding:
    """The register made of its subjects' parts, whatever order they come in."""
    found = sorted(found, key=lambda b: (b.on, b.obligation, b.subject, b.period, b.what))
    counts: dict[str, int] = {}
    for breach in found:
        counts[breach.obligation] = counts.get(breach.obligation, 0) + 1
    return Finding(
        result=[breach.row() for breach in found],
        workings={"by_obligation": dict(sorted(counts.items())), "contested": sum(b.contested for b in found)},
        because=tuple(sorted({position for breach in found for position in breach.because})),
    )
