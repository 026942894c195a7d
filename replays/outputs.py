"""What a command is told to write: never over a ledger or a key; made beside its place and moved there whole.

What is there already stays (`file_exists`). A command whose file is the same thing again, only newer, may replace
it: a head and its proofs, or a calendar and a picture with `--replace`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ledger.errors import Refused
from ledger.headlock import replace


def output_path(file: str) -> Path:
    """Where an output is to be written: never over a ledger (`ledger_exists`) or a signing key (`bad_key`)."""
    from ledger.notes import PRIVATE_KEY
    from ledger.sqlite_header import head_of
    from ledger.sqlite_schema import HEADER_BYTES, is_header

    path = Path(file)
    with suppress(OSError, ValueError):  # what is wrong with the place is said by who writes there
        head = head_of(path, HEADER_BYTES) if path.is_file() else b""
        if is_header(head):
            raise Refused("ledger_exists", f"{file} is a ledger, over which nothing is written; name another file")
        if head.startswith(PRIVATE_KEY.encode()):
            raise Refused("bad_key", f"{file} is a key, over which nothing is written; name another file")
    return path


def free(out: Path, parents: bool = False) -> Path:
    """The path, where nothing is yet and something may be put; with `parents` its directory may be made.

    Raises `Refused`: `file_exists`, `store_failed`.
    """
    try:
        there = out.exists() or out.is_symlink()
    except OSError as error:  # no name a file can have there, or a closed directory
        raise Refused("store_failed", f"{out}: cannot be written: {error.strerror}") from None
    if there:
        raise Refused("file_exists", f"{out} is there already; name another")
    if not (parents or out.parent.is_dir()):
        raise Refused("store_failed", f"{out}: cannot be written: {out.parent} is no directory")
    return out


def put(file: str | None, data: bytes, *, replacing: bool) -> None:
    """The bytes in a file, on disk and whole or not at all; to stdout for None or `-`.

    A pipe or a device is written to, never replaced; behind a link, what it leads to is. Raises `Refused`:
    `file_exists` unless `replacing`, `store_failed`, and as `output_path`.
    """
    if file is None or file == "-":
        import click

        click.echo(data, nl=False)
        return
    path = output_path(file)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        target = path.resolve() if path.is_symlink() else path
        if not replacing:
            free(path)
        elif not target.parent.is_dir():
            raise Refused("store_failed", f"{file}: cannot be written: {target.parent} is no directory")
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise Refused("store_failed", f"{file}: cannot be written: {why}") from error
    replace(target, data)


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
        from shutil import rmtree

        rmtree(path)
    else:
        path.unlink(missing_ok=True)
