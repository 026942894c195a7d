"""The tree's tiles in PostgreSQL: insert-only, each full tile once, with the root over it beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.postgres_schema import Connection


def put_tiles(connection: Connection, tiles: Sequence[tuple[int, int, bytes, bytes]]) -> None:
    """Stores full tiles, in one round trip; one that is there is refused by the schema."""
    statement = (
        "INSERT INTO tree_tiles (level, number, root, hashes) "
        "SELECT * FROM unnest(%b::integer[], %b::bigint[], %b::bytea[], %b::bytea[])"
    )
    connection.execute(statement, [list(column) for column in zip(*tiles, strict=True)])


def tile(connection: Connection, level: int, number: int) -> bytes | None:
    """The hashes of a full tile, or None where there is none yet."""
    statement = "SELECT hashes FROM tree_tiles WHERE level = %s AND number = %s"
    found = connection.execute(statement, (level, number), binary=True).fetchone()
    return None if found is None else found[0]


def tile_roots(connection: Connection, level: int, first: int, count: int) -> list[bytes]:
    """The roots over the full tiles of a level from number `first`, at most `count`, in order."""
    statement = "SELECT root FROM tree_tiles WHERE level = %s AND number >= %s AND number < %s ORDER BY number"
    return [row[0] for row in connection.execute(statement, (level, first, first + count), binary=True).fetchall()]
