"""Bytes as text: UTF-8 and nothing else, so that no letter of what is recorded was made up here."""

from __future__ import annotations

from typing import Any

from ledger.errors import Refused

UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def text_of(given: Any, line: int = 1) -> Any:
    """Bytes as the text they are, without a byte order mark at its beginning; anything else as it came.

    `line` is the number of the first line. Raises `Refused("bad_json")` with the line of the first byte that is no
    UTF-8, and its place there, from 1.
    """
    if not isinstance(given, bytes):
        return given
    try:
        return given.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        data, at = error.object, error.start  # the mark is off it already
        begun = data.rfind(b"\n", 0, at) + 1
        told = f"not UTF-8: byte 0x{data[at]:02x} at byte {at - begun + 1} of the line"
        if given.startswith(UTF_16):
            told += "; it looks like UTF-16, save it as UTF-8"
        raise Refused("bad_json", told, line + data.count(b"\n", 0, at)) from None
