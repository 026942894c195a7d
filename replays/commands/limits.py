"""A ceiling on what reading a stranger's file may cost in memory, whatever the file says of itself."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ledger.errors import Refused


@contextmanager
def memory_within(limit_bytes: int, refused: Refused | None = None) -> Iterator[None]:
    """The memory this process may take beside what it has while the work is done; a lower limit that stands is kept.

    Raises `refused`, or `Refused("over_limit")`, where the work wanted more.
    """
    soft, hard = before = resource.getrlimit(resource.RLIMIT_AS)
    wanted = min(limit for limit in (_taken() + limit_bytes, soft, hard) if limit != resource.RLIM_INFINITY)
    with suppress(ValueError, OSError):  # a system that cannot hold to it
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    except MemoryError:
        told = f"it takes more than {limit_bytes} bytes of memory (--max-memory)"
        raise (refused or Refused("over_limit", told)) from None
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, before)


def _taken() -> int:
    """The bytes of address space of this process; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0
