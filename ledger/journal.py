"""What the ledger says of itself while it works: structured lines on stderr, silent unless enabled."""

from __future__ import annotations

from typing import Any

_enabled = False


def enable() -> None:
    """From now on, say on stderr what is done, as JSON lines."""
    global _enabled
    _enabled = True


def say(event: str, **fields: Any) -> None:
    """One thing that happened, with its facts; costs nothing while silent."""
    if not _enabled:
        return
    import sys

    import structlog  # late: it takes longer to import than most commands take to run

    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.get_logger().info(event, **fields)
