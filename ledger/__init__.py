"""The ledger records: what happened, when, and since when it is known."""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` says it, without the time it takes to import
if TYPE_CHECKING:
    from typing import Any

    from ledger.book import Ledger, open_ledger
    from ledger.errors import Refused

__version__ = "0.4.0"
__all__ = ["Ledger", "Refused", "__version__", "open_ledger"]


def __getattr__(name: str) -> Any:
    """The public names, imported when first used, so that a command starts with what it needs only."""
    if name in ("Ledger", "open_ledger"):
        from ledger import book

        return getattr(book, name)
    if name == "Refused":
        from ledger.errors import Refused

        return Refused
    raise AttributeError(name)
