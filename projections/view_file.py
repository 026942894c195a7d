"""The file of the SQL views: its tables, made with `sqlite-utils`, and the statements put to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ledger.errors import Refused
from ledger.sqlite_schema import Connection
from projections.view_fold import State, Version
from projections.view_tables import BY_NAME, TABLES, Key, Unit

APPLICATION = "service-ledger"  # the name under which the library's `tracking` table knows this projection
APPLICATION_ID = int.from_bytes(b"SLvw", "big")
VERSION = 1
# as `eventsourcing.sqlite.SQLiteTrackingRecorder` makes it with one row per application, its mark included
TRACKING = (
    "CREATE TABLE tracking "
    "(application_name TEXT, notification_id INTEGER, PRIMARY KEY (application_name)) WITHOUT ROWID",
    "INSERT INTO tracking VALUES ('__migration__', 1)",
)
_TRACK = (
    "INSERT INTO tracking VALUES (?, ?) ON CONFLICT (application_name) DO UPDATE "
    "SET notification_id = excluded.notification_id WHERE tracking.notification_id < excluded.notification_id "
    "RETURNING notification_id"
)


def make(connection: Any) -> None:
    """Makes the tables, empty, in an empty database."""
    from sqlite_utils import Database

    views = Database(connection)
    for table in TABLES:
        key = [column for column, _ in table.key]
        columns = {"contract": str, **dict(table.key), **dict(table.figures)}
        made = views.table(table.name)
        made.create(
            {**columns, "known_from_position": int, "known_to_position": int},
            not_null={"contract", *key, "known_from_position"},
        )
        made.create_index(["contract", *key, "known_from_position"], unique=True)
        views.create_view(f"{table.name}_now", f"SELECT * FROM {table.name} WHERE known_to_position IS NULL")
    views.table("about").create({"name": str, "value": str}, pk="name")
    views.table("units").create(
        {"contract": str, "unit": str, "kinds": str, "until": int, "ends_at": int}, pk=("contract", "unit")
    )
    views.table("units").create_index(["until"])
    views.table("told_by").create({"contract": str, "stream": str}, pk=("contract", "stream"))
    views.table("told_by").create_index(["stream"])
    for table in TABLES:  # partial, which sqlite-utils does not make: what is current, and only once
        key_columns = ", ".join(["contract", *(column for column, _ in table.key)])
        connection.execute(
            f"CREATE UNIQUE INDEX {table.name}_current ON {table.name} ({key_columns}) WHERE known_to_position IS NULL"
        )
    for statement in (*TRACKING, f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION}"):
        connection.execute(statement)


# --- what it says of itself ---


def describe(views: Connection, said: dict[str, str]) -> None:
    """Writes what the views are of."""
    views.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", said.items())


def about(views: Connection) -> dict[str, str]:
    """Of which ledger, by which software, from which position on; and the tree's root they were folded up to."""
    return {"root": "", **dict(views.execute("SELECT name, value FROM about ORDER BY name"))}


def since(views: Connection) -> int:
    """The first position they answer as of."""
    return int(about(views)["known_from_position"])


def position(views: Connection) -> int | None:
    """The position they were folded up to; None before the first."""
    found = views.execute("SELECT notification_id FROM tracking WHERE application_name = ?", (APPLICATION,)).fetchone()
    return None if found is None else int(found[0])


def track(views: Connection, position: int, root: str) -> None:
    """Notes, in the transaction of the rows, the position they were folded up to, which only grows."""
    if views.execute(_TRACK, (APPLICATION, position)).fetchone() is None:
        raise Refused("store_failed", f"the views were at position {position} or further already")
    describe(views, {"root": root})


def counts(views: Connection) -> dict[str, int]:
    """How many rows each table holds, all versions counted."""
    return {t.name: views.execute(f"SELECT count(*) FROM {t.name}").fetchone()[0] for t in TABLES}


# --- rows ---


def load(views: Connection, contract: str) -> State:
    """The current rows of a contract and what they rest on."""
    current: dict[Key, Version] = {}
    for table in TABLES:
        width = len(table.key)
        names = [column for column, _ in (*table.key, *table.figures)]
        columns = ", ".join(f'"{name}"' for name in names)
        for row in views.execute(
            f"SELECT known_from_position{',' * bool(names)} {columns} FROM {table.name} "
            "WHERE contract = ? AND known_to_position IS NULL",
            (contract,),
        ):
            key = (table.name, tuple(row[1 : width + 1]))
            current[key] = Version(key, tuple(row[width + 1 :]), row[0], None)
    known = {
        name: Unit(frozenset(json.loads(kinds)), until, ends_at)
        for name, kinds, until, ends_at in views.execute(
            "SELECT unit, kinds, until, ends_at FROM units WHERE contract = ?", (contract,)
        )
    }
    return State(current, known)


def save(
    views: Connection,
    contract: str,
    ended: Sequence[Version],
    state: State,
    told_by: Sequence[str],
    *,
    after: int,
) -> None:
    """Writes what a fold from position `after` gave: versions that ended, those begun, what they rest on."""
    closed = [version for version in ended if version.known_from <= after]
    begun = [version for version in state.current.values() if version.known_from > after]
    _close(views, contract, closed)
    _insert(views, contract, [version for version in ended if version.known_from > after] + begun)
    views.execute("DELETE FROM units WHERE contract = ?", (contract,))
    views.executemany(
        "INSERT INTO units VALUES (?, ?, ?, ?, ?)",
        [(contract, name, json.dumps(sorted(u.kinds)), u.until, u.ends_at) for name, u in state.units.items()],
    )
    views.executemany("INSERT OR IGNORE INTO told_by VALUES (?, ?)", [(contract, stream) for stream in told_by])


def _close(views: Connection, contract: str, versions: Iterable[Version]) -> None:
    for version in versions:
        table = BY_NAME[version.key[0]]
        where = " AND ".join(
            ["contract = ?", *(f"{column} = ?" for column, _ in table.key), "known_to_position IS NULL"]
        )
        found = views.execute(
            f"UPDATE {table.name} SET known_to_position = ? WHERE {where}",
            (version.known_to, contract, *version.key[1]),
        )
        assert found.rowcount == 1, version


def _insert(views: Connection, contract: str, versions: Sequence[Version]) -> None:
    for table in TABLES:
        rows = [(contract, *v.key[1], *v.figures, v.known_from, v.known_to) for v in versions if v.key[0] == table.name]
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            views.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)


def concerned(views: Connection, streams: Iterable[str], now: int) -> list[str]:
    """The contracts told by any of these streams, and those of which something may have turned by an instant."""
    found = [c for (c,) in views.execute("SELECT DISTINCT contract FROM units WHERE until <= ?", (now,))]
    for stream in sorted(streams):
        found += [c for (c,) in views.execute("SELECT contract FROM told_by WHERE stream = ?", (stream,))]
    return found
