"""How a verification is told: one line a check, and what nothing in it could show.

A check ends as `ok`, `FAILED` or `not checked`, with a sentence and, where one is to blame, the first bad
position. A check that stumbles over what it reads has failed: nothing a stranger wrote becomes a traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from ledger.errors import Refused

State = Literal["ok", "FAILED", "not checked"]
Progress = Callable[[str, int, int], None]  # what is done, how many of it, of how many


class Check(Struct, frozen=True):
    """One line: what was checked, how it ended, what is to be said of it."""

    check: str
    state: State
    detail: str
    position: int | None = None

    def __str__(self) -> str:
        where = "" if self.position is None else f" (first bad position: {self.position})"
        return f"{self.state:<11}  {self.check}: {self.detail}{where}"


class NotChecked(Exception):
    """There was nothing to check it by; the message says what would do."""


class Failed(Exception):
    """A check failed, at a position of the ledger where there is one."""

    def __init__(self, message: str, position: int | None = None) -> None:
        self.position = position
        super().__init__(message)


def _tell_nobody(what: str, done: int, of: int) -> None:
    """Where nobody wants to know how far it has got."""


class Checks:
    """The checks of one verification, in their order."""

    def __init__(self, tell: Progress | None = None) -> None:
        self.tell: Progress = tell or _tell_nobody
        self.found: list[Check] = []
        self._unmet: set[str] = set()

    def run(self, name: str, check: Callable[[], str], needs: Sequence[str] = ()) -> bool:
        """Runs one, unless one it `needs` failed; whether it ended well."""
        lacking = next((need for need in needs if self.state_of(need) == "FAILED" or need in self._unmet), None)
        if lacking is not None:
            self._unmet.add(name)
            return self.add(name, "not checked", f"it rests on: {lacking}")
        try:
            return self.add(name, "ok", check())
        except NotChecked as why:
            return self.add(name, "not checked", str(why))
        except Failed as why:
            return self.add(name, "FAILED", str(why), why.position)
        except Refused as no:
            return self.add(name, "FAILED", f"{no.code}: {no.message}")
        except MemoryError:
            return self.add(name, "FAILED", "over_limit: it takes more memory than the verifier allows")
        except Exception as error:
            return self.add(name, "FAILED", f"cannot be read: {type(error).__name__}: {str(error)[:200]}")

    def add(self, name: str, state: State, detail: str, position: int | None = None) -> bool:
        self.found.append(Check(name, state, " ".join(detail.split()), position))
        return state == "ok"

    def state_of(self, name: str) -> State | None:
        return next((check.state for check in self.found if check.check == name), None)
