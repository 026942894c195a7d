"""Fixtures: a clock one can set, a ledger in a fresh file, and the URL of a new one on each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from replays.verify import verify
from tests.story import instant


class Clock:
    """A clock that says what it was told."""

    def __init__(self, now: str = "2025-01-01T00:00:00Z") -> None:
        self.now = instant(now)

    def __call__(self) -> datetime:
        return self.now

    def set(self, text: str) -> None:
        self.now = instant(text)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A ledger that is not there yet, on each engine in turn."""
    if request.param == "sqlite":
        yield str(tmp_path / "book.db")
        return
    from tests.postgres import fresh_schema, shared_url

    with fresh_schema(shared_url()) as named:
        yield named


@pytest.fixture
def book(tmp_path: Path, clock: Clock) -> Iterator[Any]:
    """An empty ledger on a fresh file, with the fixture `clock`."""
    from ledger import open_ledger

    path = str(tmp_path / "book.db")
    with open_ledger(path, clock=clock, recorded_by="test") as opened:
        yield opened
        recorded = opened.position
    if recorded:  # the outsider's check: whatever a test did, the bytes it left prove themselves
        found = verify(path)
        assert found.holds, [str(check) for check in found.checks if check.state == "FAILED"]


@pytest.fixture
def tell(book: Any, clock: Clock) -> Callable[..., Any]:
    """Record one line of a story: `tell(recorded_at, type, data, subject=..., id=...)`; its receipt."""
    count = 0

    def one(recorded_at: str, kind: str, data: dict[str, Any], **attributes: Any) -> Any:
        nonlocal count
        count += 1
        clock.set(recorded_at)
        event = {
            "specversion": "1.0",
            "id": attributes.pop("id", f"e{count}"),
            "source": attributes.pop("source", "test"),
            "type": kind,
            "subject": attributes.pop("subject", "contract:C1"),
            "data": data,
            **attributes,
        }
        return book.record([event])[0]

    return one
