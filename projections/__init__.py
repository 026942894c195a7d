"""Projections judge: pure functions of what was known, what is promised, and the period asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from projections.asking import Answer, ask

__all__ = ["Answer", "ask"]


def __getattr__(name: str) -> Any:
    """`ask` and `Answer`, imported when first used."""
    if name in __all__:
        from projections import asking

        return getattr(asking, name)
    raise AttributeError(name)
