"""What a command is given to read as one: a key's words, a head, a proof, a policy; none of them is long."""

from __future__ import annotations

import sys
from pathlib import Path

from ledger.errors import Refused

MAX_FILE_BYTES = 1 << 23  # no such file may be longer; what it holds has its own, lower limits


def given(file: str) -> bytes:
    """Its bytes, of standard input for `-`. Raises `Refused("no_file")`, also where it is longer than any such file."""
    try:
        if file == "-":
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise Refused("no_file", f"{file}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise Refused("no_file", f"{file}: over {MAX_FILE_BYTES} bytes; not a file of this kind")
    return data
