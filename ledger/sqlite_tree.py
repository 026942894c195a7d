"""The tree's tiles in the SQLite file: insert-only, each full tile once, with the root over it beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

LEVEL_BITS = 48  # a tile's key: its level, then its number, in one integer

TREE_SCHEMA = (
    """CREATE TABLE tree_tiles (
  id INTEGER PRIMARY KEY,
  root BLOB NOT NULL,
  hashes BLOB NOT NULL
)""",
    """CREATE TRIGGER tiles_never_change BEFORE UPDATE ON tree_tiles
BEGIN SELECT RAISE(ABORT, 'a tile of the tree is never changed'); END""",
    """CREATE TRIGGER tiles_are_never_removed BEFORE DELETE ON tree_tiles
BEGIN SELECT RAISE(ABORT, 'a tile of the tree is never removed'); END""",
    """CREATE TRIGGER tiles_are_written_once BEFORE INSERT ON tree_tiles
WHEN EXISTS (SELECT 1 FROM tree_tiles WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'a tile of the tree is written once'); END""",
)


class Connection(Protocol):
    """What is asked of a `sqlite3.Connection` here."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...


def has_tree(connection: Connection) -> bool:
    """Whether the file has the tree's table; schema version 1 had none."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tree_tiles'").fetchone() is not None


def begin_tree(connection: Connection, schema_version: int) -> bool:
    """Inside a transaction: gives a file of schema version 1 the tree's table; whether it had to."""
    if has_tree(connection):
        return False
    for statement in TREE_SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {schema_version}")
    return True


def put_tile(connection: Connection, level: int, number: int, root: bytes, hashes: bytes) -> None:
    """Stores a full tile; a tile that is there is refused by the schema."""
    connection.execute(
        "INSERT INTO tree_tiles (id, root, hashes) VALUES (?, ?, ?)", (level << LEVEL_BITS | number, root, hashes)
    )


def tile(connection: Connection, level: int, number: int) -> bytes | None:
    """The hashes of a full tile, or None where there is none yet."""
    key = level << LEVEL_BITS | number
    found = _asked(connection, "SELECT hashes FROM tree_tiles WHERE id = ?", (key,))
    return found[0][0] if found else None


def tile_roots(connection: Connection, level: int, first: int, count: int) -> list[bytes]:
    """The roots over the full tiles of a level from number `first`, at most `count`, in order."""
    low = level << LEVEL_BITS | first
    statement = "SELECT root FROM tree_tiles WHERE id >= ? AND id < ? ORDER BY id"
    return [row[0] for row in _asked(connection, statement, (low, low + count))]


def _asked(connection: Connection, statement: str, parameters: Sequence[Any]) -> list[Any]:
    """Rows of the tree's table, none where the file has no such table: which is looked for only after it failed."""
    try:
        return list(connection.execute(statement, parameters))
    except Exception:
        if has_tree(connection):
            raise
        return []
