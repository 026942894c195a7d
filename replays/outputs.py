"""What a command is told to write: refused where something is, made beside its place and moved there whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

from ledger.errors import Refused


def free(out: Path, parents: bool = False) -> Path:
    """The path, where nothing is yet and something may be put; with `parents` its directory may be made.

    Raises `Refused`: `file_exists`, `store_failed`.
    """
    if out.exists() or out.is_symlink():
        raise Refused("file_exists", f"{out} is there already; name another")
    if not (parents or out.parent.is_dir()):
        raise Refused("store_failed", f"{out}: cannot be written: {out.parent} is no directory")
    return out


@contextmanager
def whole(out: Path, parents: bool = False) -> Iterator[Path]:
    """Where to write it, as a file or a directory; at the end it is at `out`, or nothing of it is left.

    Raises `Refused`: as `free`, when it begins and when it ends, and `store_failed` where writing fails.
    """
    part = free(out, parents).with_name(f"{out.name}.part")
    try:
        if parents:
            out.parent.mkdir(parents=True, exist_ok=True)
        _remove(part)  # what a kill left of an earlier one
        yield part
        part.replace(free(out))
    except OSError as error:
        raise Refused("store_failed", f"{out}: cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            _remove(part)


def _remove(path: Path) -> None:
    if path.is_dir():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)
