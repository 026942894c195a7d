"""Which switches a rule looked at: what a replay needs to know to not compute the same thing twice."""

from __future__ import annotations

from typing import Any

from ledger.readings import SWITCHES, Reading

_NAMES = frozenset(switch.name for switch in SWITCHES)


class WatchedReading(Reading):
    """A reading that notes every switch looked at, so that a replay knows on which its result rests.

    Asked for all its values at once (`as_dict`, `changed`, iteration, comparison), it notes them all.
    """

    __slots__ = ("_looked_at",)
    _looked_at: set[str]

    def __init__(self, reading: Reading, looked_at: set[str]) -> None:
        object.__setattr__(self, "_looked_at", looked_at)
        object.__getattribute__(self, "__dict__").update(dict(Reading.as_dict(reading)))

    def __getattribute__(self, name: str) -> Any:
        if name in _NAMES:
            object.__getattribute__(self, "_looked_at").add(name)
        elif name == "__dict__":
            object.__getattribute__(self, "_looked_at").update(_NAMES)
        return object.__getattribute__(self, name)

    def __getitem__(self, name: str) -> str:
        value: str = getattr(self, name)
        return value

    __hash__ = Reading.__hash__
