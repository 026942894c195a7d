"""What a writer knows of one stream: which keys were used, how each thing stands, which entries made it so."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ledger import order
from ledger.corrections import Known, standing
from ledger.errors import Refused
from ledger.order import Thing, ThingKey


class StreamState:
    """The folded state of one stream; kept between batches, caught up under the write lock."""

    __slots__ = ("dirty", "epoch", "groups", "keys", "name", "of_contract", "things", "version")

    def __init__(self, name: str) -> None:
        self.name = name
        self.of_contract = name.startswith("contract:")
        self.version = 0
        self.epoch = 0  # the one in which it was caught up last (`Recording.epoch`)
        self.keys: dict[str, dict[str, int]] = {}  # where the event of a source and an id is, by both
        self.things: dict[ThingKey, Thing] = {}
        self.groups: dict[ThingKey, int | list[int]] = {}  # of most there is but one entry: its position alone
        self.dirty: set[ThingKey] = set()  # groups to fold anew: a correction touched them

    def of_source(self, source: str) -> dict[str, int]:
        """The positions of a source's events by their ids; what is put there is remembered."""
        keys = self.keys.get(source)
        if keys is None:
            keys = self.keys[source] = {}
        return keys

    def follow(self, group: ThingKey, position: int) -> None:
        """The entry at a position belongs to a group, as its last."""
        before = self.groups.get(group)
        if before is None:
            self.groups[group] = position
        elif isinstance(before, list):
            before.append(position)
        else:
            self.groups[group] = [before, position]

    def group(self, group: ThingKey) -> list[int]:
        """The positions of a group's entries, in order; what is put there is remembered."""
        found = self.groups.get(group)
        if not isinstance(found, list):
            found = self.groups[group] = [] if found is None else [found]
        return found

    def named(self, event_id: str) -> list[int]:
        """The positions of the events of an id, whatever their sources, in order."""
        return sorted(keys[event_id] for keys in self.keys.values() if event_id in keys)


def folded(known: Sequence[Known], forgive: bool = False) -> dict[ThingKey, Thing]:
    """How things stand after these entries, corrections applied. Raises `Refused` unless it shall `forgive`."""
    things: dict[ThingKey, Thing] = {}
    for fact in standing(known):
        try:
            order.take(fact.event, things)
        except Refused:
            if not forgive:
                raise
    return things


def replace_group(stream: StreamState, group: ThingKey, things: dict[ThingKey, Thing]) -> None:
    """Put newly folded things in the place of a group's old ones."""
    noun, name = group
    for key in ((noun, name), ("announcement", name)) if noun == "maintenance" else (group,):
        stream.things.pop(key, None)
    stream.things.update(things)


@contextmanager
def without_collector(count: int) -> Iterator[None]:
    """Let the garbage collector rest during a long batch: nothing in it is cyclic, and it would walk it all.

    What a batch made that is so much that it would be walked at once is counted as old instead, with the little that
    was young before.
    """
    paused = count > 500 and gc.isenabled()
    before = gc.get_count()[0]
    if paused:
        gc.disable()
    try:
        yield
    finally:
        if paused:
            if gc.get_count()[0] - before > gc.get_threshold()[0] and not gc.get_freeze_count():
                gc.freeze()  # and back at once: the collector's way to call all there is old, unwalked
                gc.unfreeze()
            gc.enable()
