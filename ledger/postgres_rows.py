"""Rows on their way into PostgreSQL: few by one INSERT, which waits for no answer, many by COPY."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from ledger.postgres_schema import COLUMNS
from ledger.store import Values
from ledger.tiles import WIDTH

if TYPE_CHECKING:
    from ledger.postgres_schema import Connection

PORTION = 2 * WIDTH  # about as many rows as the way to the server holds, so that neither end waits for the other
FEW = 16  # rows that go in by one INSERT, which can be sent with the COMMIT; COPY is a conversation
_INSERT = f"INSERT INTO stored_events ({COLUMNS}) VALUES (%s, %s, %s, %s, %b)"
COPY = f"COPY stored_events ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
COPY_BEGINS, COPY_ENDS = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"  # around what `blocks` gives


def insert_few(connection: Connection, rows: Sequence[Values], position: int) -> None:
    """Inserts at most `FEW` rows from a position on."""
    parameters = [v for p, row in enumerate(rows, position) for v in (p, *row)]
    connection.execute(_INSERT + ", (%s, %s, %s, %s, %b)" * (len(rows) - 1), parameters)


def append(connection: Connection, rows: Sequence[Values], last: int) -> int:
    """Inserts rows after position `last`, under the write lock, and returns the position of the first of them.

    COPY is as quick as an INSERT for one row, when both are waited for, and three times as quick for hundreds
    (measured, PostgreSQL 18).
    """
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(COPY_BEGINS)
        for block in blocks(rows, last + 1):
            copy.write(block)
        copy.write(COPY_ENDS)
    return last + 1


def blocks(rows: Sequence[Values], position: int) -> Iterator[bytes]:
    """The rows as PostgreSQL's binary COPY has them (its manual, COPY, "Binary Format"), a thousand at a time."""
    for start in range(0, len(rows), 1000):
        block: list[bytes] = []
        for stream, version, topic, state in rows[start : start + 1000]:
            pack, of_stream, name, of_topic, kind = _place(stream, topic)
            block += pack(5, 8, position, of_stream, name, 8, version, of_topic, kind, len(state)), state
            position += 1
        yield b"".join(block)


@lru_cache(maxsize=16_384)  # many rows are of few streams and topics
def _place(stream: str, topic: str) -> tuple[Callable[..., bytes], int, bytes, int, bytes]:
    """What packs a row up to its state, and the stream and topic as it takes them, each after its length.

    Five fields: the position, of 8 bytes; the stream; the version, of 8 bytes; the topic; how long the state is.
    """
    name, kind = stream.encode(), topic.encode()
    return struct.Struct(f">hiqi{len(name)}siqi{len(kind)}si").pack, len(name), name, len(kind), kind
