"""What stands: the facts that remain of some entries once corrections and retractions are applied.

A correction replaces the whole payload of an earlier entry; a retraction withdraws an entry, a
correction or a retraction. Only entries one knows of act, and the last standing correction wins, by
position. Nothing is edited: each fact keeps the positions that made it what it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct, structs

from ledger.codec import Entry, Unread, event_of, topic_of
from ledger.errors import Refused
from ledger.events import VOCABULARY, Corrected, Event, Retracted
from ledger.order import thing_of

IDENTITY: dict[type[Event], str | None] = {
    kind: next((f.name for f in structs.fields(kind)[:1] if "max_length=128" in str(f.type)), None)
    for kind in VOCABULARY.values()
}


class Fact(Struct, frozen=True, kw_only=True, gc=False):
    """One event as it stands: what it says, and since when and by which entries the ledger knows it.

    `known_at` is when its present content (but for `NOTES`) became known; `first_known_at` when its first version did.
    `positions` are the entries it rests on: its own first, then the correction that made it so.
    """

    position: int
    stream: str
    event: Any  # an Event; `Any` so that rules read the fields of the subject they asked for
    known_at: datetime
    first_known_at: datetime
    positions: tuple[int, ...]
    source: str
    id: str
    recorded_by: str


ACTS = (Corrected, Retracted)
NOTES = frozenset({"note", "change_ref"})  # what an event says to its readers alone: no rule reads it
Known = tuple[int, Entry, datetime]  # position, entry, the moment it counts as known


class Acts(NamedTuple):
    """What the corrections and retractions of a stream come to."""

    gone: set[int]  # positions of entries, corrections and retractions that are withdrawn
    corrections: dict[int, list[Known]]  # position of an entry -> its standing corrections, the last first


def standing(entries: Sequence[Known], acts: Acts | None = None) -> list[Fact]:
    """The facts that stand, in the order of positions. `entries` are one stream's, in that order.

    `acts` are those of the whole stream when `entries` are only some of it.
    """
    gone, corrections = resolved(entries) if acts is None else acts
    if not gone and not corrections:
        return [fact_of(known) for known in entries if not isinstance(known[1].event, Corrected | Retracted | Unread)]
    facts: list[Fact] = []
    for known in entries:
        event = known[1].event
        if known[0] in gone or isinstance(event, Corrected | Retracted | Unread):
            continue
        said = corrections.get(known[0])
        fact = fact_of(known) if said is None else _corrected(known, said)
        if fact is not None:
            facts.append(fact)
    return facts


def amended(facts: list[Fact], entries: Sequence[Known], acts: Acts) -> list[Fact]:
    """As `standing`, of entries of one type whose own `facts` are at hand: only what acts touch is made anew."""
    touched = acts.gone | acts.corrections.keys()
    if not touched:
        return facts
    places = [bisect_left(entries, position, key=itemgetter(0)) for position in touched]
    found: list[Fact | None] = [*facts]
    for place, position in zip(places, touched, strict=True):
        if place < len(entries) and entries[place][0] == position:
            said = None if position in acts.gone else acts.corrections.get(position)
            found[place] = None if said is None else _corrected(entries[place], said)
    return [fact for fact in found if fact is not None]


def withdrawn(entries: Sequence[Known]) -> set[int]:
    """The positions of the entries, corrections and retractions that are retracted and so do not stand."""
    return resolved(entries).gone


def resolved(entries: Sequence[Known]) -> Acts:
    """Which positions are withdrawn, and which corrections of each target stand."""
    acts = [known for known in entries if isinstance(known[1].event, Corrected | Retracted)]
    return settled(acts, where_named(entries, targets_of(acts))) if acts else Acts(set(), {})


def targets_of(acts: Iterable[Known]) -> set[str | int]:
    """The entries that corrections and retractions speak of, as they name them."""
    return {e.event.target for _, e, _ in acts if isinstance(e.event, Corrected | Retracted)}


def settled(acts: Sequence[Known], by_id: Mapping[str, Sequence[int]]) -> Acts:
    """What these corrections and retractions, all that are known of a stream, come to.

    `by_id` holds the positions of the entries they name by id; a position after an act is not looked at.
    """
    gone: set[int] = set()
    corrections: dict[int, list[Known]] = {}
    for known in reversed(acts):  # what came last is judged first: nothing later can withdraw it
        position, entry, _ = known
        event = entry.event
        assert isinstance(event, Corrected | Retracted)
        if position in gone:
            continue
        target = resolve_target(event.target, position, by_id)
        if target is None:
            continue  # not known at this moment
        if isinstance(event, Retracted):
            gone.add(target)
        else:
            corrections.setdefault(target, []).append(known)
    return Acts(gone, corrections)


def corrections_of(entries: Sequence[Known]) -> Iterator[tuple[int, Corrected, int]]:
    """Each correction of a stream, standing or not: its position, what it says, the position it speaks of."""
    found = [(position, entry.event) for position, entry, _ in entries if isinstance(entry.event, Corrected)]
    by_id = where_named(entries, {said.target for _, said in found})
    for position, said in found:
        target = resolve_target(said.target, position, by_id)
        if target is not None:
            yield position, said, target


def where_named(entries: Iterable[Known], named: Set[str | int]) -> dict[str, list[int]]:
    """The positions of the entries of the ids that are named, in order."""
    by_id: dict[str, list[int]] = {}
    for position, entry, _ in entries:
        if entry.id in named:
            by_id.setdefault(entry.id, []).append(position)
    return by_id


def resolve_target(target: str | int, before: int, by_id: Mapping[str, Sequence[int]]) -> int | None:
    """The position a correction or retraction speaks of: the last entry of that id before it."""
    if isinstance(target, int):
        return target
    earlier = [position for position in by_id.get(target, ()) if position < before]
    return earlier[-1] if earlier else None


def fact_of(known: Known) -> Fact:
    """What an entry says by itself."""
    position, entry, known_at = known
    return Fact(
        position=position,
        stream=entry.stream,
        event=entry.event,
        known_at=known_at,
        first_known_at=known_at,
        positions=(position,),
        source=entry.source,
        id=entry.id,
        recorded_by=entry.recorded_by,
    )


def _corrected(known: Known, corrections: Sequence[Known]) -> Fact | None:
    """The fact as last corrected; None when a newer version wrote the correction so that it is unread here."""
    position, entry, first_known_at = known
    try:
        replaced = _instead(entry, corrections[0])
    except Refused:
        return None
    return Fact(
        position=position,
        stream=entry.stream,
        event=replaced,
        known_at=max(_since(known, corrections, replaced), first_known_at),
        first_known_at=first_known_at,
        positions=(position, corrections[0][0]),
        source=entry.source,
        id=entry.id,
        recorded_by=entry.recorded_by,
    )


def _since(known: Known, corrections: Sequence[Known], content: Event) -> datetime:
    """Since when the entry has said what it says: a correction that repeats it, or mends a note, says nothing new."""
    content = _bare(content)
    since = corrections[0][2]
    for before in corrections[1:]:
        try:
            said = _instead(known[1], before)
        except Refused:
            return since
        if _bare(said) != content:
            return since
        since = before[2]
    original = known[1].event
    assert not isinstance(original, Unread)
    return since if _bare(original) != content else known[2]


def _bare(event: Event) -> Event:
    """The event without its notes."""
    return structs.replace(event, **dict.fromkeys(NOTES & set(event.__struct_fields__)))


def _instead(entry: Entry, correction: Known) -> Event:
    """What a correction has an entry say. Raises `Refused` as `replacement`."""
    original, said = entry.event, correction[1].event
    assert not isinstance(original, Unread)
    assert isinstance(said, Corrected)
    return replacement(original, said)


def replacement(original: Event, correction: Corrected) -> Event:
    """What the corrected entry says. Raises `Refused` as `codec.event_of` when the payload cannot be read."""
    payload = dict(correction.data)
    if isinstance(payload.get("evidence"), str):
        payload["evidence"] = [payload["evidence"]]
    return event_of(topic_of(original), payload)


def check_identity(original: Event, replaced: Event) -> None:
    """Raise `Refused("changed_identity")` when a correction would speak of another thing than its target."""
    field = IDENTITY[type(original)]
    moved = field is not None and getattr(original, field) != getattr(replaced, field)
    if moved or thing_of(original) != thing_of(replaced):
        raise Refused("changed_identity", f"the correction speaks of another {field}; retract and record anew")


def known_as_recorded(entries: Iterable[tuple[int, Entry]]) -> list[Known]:
    """Each entry with its recording as the moment it became known."""
    return [(position, entry, entry.recorded_at) for position, entry in entries]
