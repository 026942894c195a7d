"""The SQL views whatever engine keeps them: which tables there are, and every statement put to their rows.

An engine (`view_file`, `view_schema`) makes the tables of `LAYOUTS`, runs the statements below, which are the same
SQL on both, and knows how new tables take the place of old ones. Nothing here knows a file or a server.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NamedTuple, Protocol

from ledger.errors import Refused
from projections.view_fold import State, Version
from projections.view_tables import BY_NAME, TABLES, Key, Table, Unit

APPLICATION = "service-ledger"  # the name under which the library's tracking table knows this projection
MIGRATION = ("__migration__", 1)  # the row by which the library knows a tracking table with one row an application
VERSION = 2  # of the tables and what they mean


class Index(NamedTuple):
    """An index over columns; `current` keeps it to the rows that hold still, of which there is one a key."""

    columns: tuple[str, ...]
    unique: bool = False
    current: bool = False


class Layout(NamedTuple):
    """One table as an engine is to make it. One without a primary key has a view `NAME_now` of what holds still."""

    name: str
    columns: Mapping[str, type]
    primary: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()


def _layout(table: Table) -> Layout:
    key = ("contract", *(column for column, _ in table.key))
    columns = {"contract": str, **dict(table.key), **dict(table.figures)}
    return Layout(
        table.name,
        {**columns, "known_from_position": int, "known_to_position": int},
        not_null=(*key, "known_from_position"),
        indexes=(Index((*key, "known_from_position"), unique=True), Index(key, unique=True, current=True)),
    )


LAYOUTS: tuple[Layout, ...] = (
    *map(_layout, TABLES),
    Layout("about", {"name": str, "value": str}, ("name",)),
    Layout("units", {"contract": str, "unit": str, "kinds": str, "until": int, "ends_at": int}, ("contract", "unit"),
           indexes=(Index(("until",)),)),
    Layout("told_by", {"contract": str, "stream": str}, ("contract", "stream"), indexes=(Index(("stream",)),)),
)  # fmt: skip


def absent(name: str) -> Refused:
    """That no views stand there."""
    return Refused("no_file", f"{name}: there are no views; make them with `service-ledger views build`")


def other(name: str) -> Refused:
    """That something else lies there."""
    return Refused("not_a_ledger", f"{name} holds something else than views; it was left as it is")


def check_version(name: str, version: int) -> None:
    """Raises `Refused` unless the tables are of the version this software writes; a building replaces others."""
    if version != VERSION:
        raise Refused("not_a_ledger", f"{name}: views of version {version}, this software knows {VERSION}: build anew")


def now_view(name: str) -> str:
    """What the view `NAME_now` of a table selects."""
    return f"SELECT * FROM {name} WHERE known_to_position IS NULL"


class Tables(ABC):
    """The tables of some views, open. Raises `Refused` where their engine fails: `locked`, `store_failed`, `read_only`.

    A statement has `?` for each parameter and gives its rows, or for what changes rows how many.
    """

    tracking: ClassVar[str]  # what the library calls its tracking table on this engine

    @abstractmethod
    def select(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows a statement gives."""

    @abstractmethod
    def change(self, statement: str, *parameters: Any) -> int:
        """Runs a statement; how many rows it changed."""

    @abstractmethod
    def insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Puts rows with all their columns in a table."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """One transaction that no other writer has a part in; an exception undoes it."""

    @abstractmethod
    def stand(self) -> bool:
        """Whether these are still the tables that stand there; once others took their place, open those."""

    @abstractmethod
    def close(self) -> None:
        """Gives the file or the connection back; what was not committed is undone."""

    # --- what they say of themselves ---

    def describe(self, said: Mapping[str, str]) -> None:
        """Writes what the views are of."""
        for name, value in said.items():
            self.change(
                "INSERT INTO about VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value
            )

    def about(self) -> dict[str, str]:
        """Of which ledger, by which software, from which position on; and the tree's root they were folded up to."""
        return {"root": "", **dict(self.select("SELECT name, value FROM about ORDER BY name"))}

    def since(self) -> int:
        """The first position they answer as of."""
        return int(self.about()["known_from_position"])

    def position(self) -> int | None:
        """The position they were folded up to; None before the first."""
        found = self.select(f"SELECT notification_id FROM {self.tracking} WHERE application_name = ?", APPLICATION)
        return int(found[0][0]) if found else None

    def folded(self) -> tuple[int, str]:
        """The position they were folded up to (0: none) and the tree's root there, as of one moment."""
        ((position, root),) = self.select(
            f"SELECT (SELECT notification_id FROM {self.tracking} WHERE application_name = ?), "
            "(SELECT value FROM about WHERE name = 'root')",
            APPLICATION,
        )
        return position or 0, root or ""

    def track(self, position: int, root: str) -> None:
        """Notes, in the transaction of the rows, the position they were folded up to, which only grows.

        The statement is `eventsourcing`'s own, of its tracking recorders.
        """
        moved = self.change(
            f"INSERT INTO {self.tracking} VALUES (?, ?) ON CONFLICT (application_name) DO UPDATE "
            "SET notification_id = excluded.notification_id "
            f"WHERE {self.tracking}.notification_id < excluded.notification_id",
            APPLICATION, position,
        )  # fmt: skip
        if not moved:
            raise Refused("store_failed", f"the views were at position {position} or further already")
        self.describe({"root": root})

    def counts(self) -> dict[str, int]:
        """How many rows each table holds, all versions counted."""
        return {t.name: int(self.select(f"SELECT count(*) FROM {t.name}")[0][0]) for t in TABLES}

    # --- rows ---

    def load(self, contract: str) -> State:
        """The current rows of a contract and what they rest on."""
        current: dict[Key, Version] = {}
        for table in TABLES:
            width = len(table.key)
            columns = ", ".join(["known_from_position", *(f'"{name}"' for name, _ in (*table.key, *table.figures))])
            for row in self.select(
                f"SELECT {columns} FROM {table.name} WHERE contract = ? AND known_to_position IS NULL", contract
            ):
                key = (table.name, tuple(row[1 : width + 1]))
                current[key] = Version(key, tuple(row[width + 1 :]), row[0], None)
        known = {
            name: Unit(frozenset(json.loads(kinds)), until, ends_at)
            for name, kinds, until, ends_at in self.select(
                "SELECT unit, kinds, until, ends_at FROM units WHERE contract = ?", contract
            )
        }
        return State(current, known)

    def save(
        self, contract: str, ended: Sequence[Version], state: State, told_by: Sequence[str], *, after: int
    ) -> None:
        """Writes what a fold from position `after` gave: versions that ended, those begun, what they rest on."""
        for version in ended:
            if version.known_from <= after:
                self._end(contract, version)
        begun = [version for version in (*ended, *state.current.values()) if version.known_from > after]
        for table in TABLES:
            rows = [
                (contract, *v.key[1], *v.figures, v.known_from, v.known_to) for v in begun if v.key[0] == table.name
            ]
            self.insert(table.name, rows)
        units = [(contract, name, json.dumps(sorted(u.kinds)), u.until, u.ends_at) for name, u in state.units.items()]
        self.change("DELETE FROM units WHERE contract = ?", contract)
        self.insert("units", units)
        for stream in told_by:
            self.change("INSERT INTO told_by VALUES (?, ?) ON CONFLICT DO NOTHING", contract, stream)

    def _end(self, contract: str, version: Version) -> None:
        table = BY_NAME[version.key[0]]
        where = " AND ".join(["contract = ?", *(f"{column} = ?" for column, _ in table.key)])
        found = self.change(
            f"UPDATE {table.name} SET known_to_position = ? WHERE {where} AND known_to_position IS NULL",
            version.known_to, contract, *version.key[1],
        )  # fmt: skip
        assert found == 1, version

    def concerned(self, streams: Iterable[str], now: int) -> list[str]:
        """The contracts told by any of these streams, and those of which something may have turned by an instant."""
        found = [c for (c,) in self.select("SELECT DISTINCT contract FROM units WHERE until <= ?", now)]
        for stream in sorted(streams):
            found += [c for (c,) in self.select("SELECT contract FROM told_by WHERE stream = ?", stream)]
        return found


class Building(Protocol):
    """New tables that nobody reads yet, beside those that stand or alone."""

    @property
    def tables(self) -> Tables:
        """The new tables, open."""

    def settle(self) -> None:
        """Makes what was written so far fit to be read when it takes its place; may wait."""

    def taking_over(self) -> AbstractContextManager[int]:
        """Keeps writers off the tables that stand, and gives the position these have come to (0: there are none).

        What is written to the new ones in this `with` is one transaction. At its end they stand where the old ones
        did, at once; who is reading the old ones is not disturbed.
        """


class Place(Protocol):
    """Where views stand, or shall."""

    name: str
    """How they are called in answers and refusals."""

    def connect(self, *, read_only: bool = False) -> Tables:
        """The tables that stand there. Raises `Refused`: `no_file` (none), `not_a_ledger` (something else, or tables
        of another version of this software)."""

    def building(self) -> AbstractContextManager[Building]:
        """New, empty tables, kept from other builders; what a killed one left goes first.

        Raises `Refused`: `locked`, `not_a_ledger` (what stands there is something else).
        """
