"""Corrections and retractions on their way in, held against what they change; and whether two say the same.

Nothing is edited: an act is an entry like any other, refused when the history it would leave contradicts itself.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from ledger.checks import check
from ledger.cloudevents import Draft
from ledger.codec import Entry, Unread, payload_of, topic_of
from ledger.corrections import check_identity, replacement, withdrawn
from ledger.dossier_parts import check_parts
from ledger.errors import Refused
from ledger.events import (
    CalendarPublished,
    ContractStarted,
    Corrected,
    Event,
    LedgerOpened,
    Retracted,
    TermsVersionPublished,
)
from ledger.knowledge import Knowledge
from ledger.local_days import check_days
from ledger.order import ThingKey
from ledger.streams import StreamState, folded, replace_group

LONGEST_ID = 128  # of an event, as a target may name it


def act(
    known: Knowledge,
    stream: StreamState,
    draft: Draft,
    event: Corrected | Retracted,
    position: int,
    recorded_at: datetime,
) -> Event:
    """The event in its canonical form, with the stream as it stands after it at `position`. Raises `Refused`."""
    target = _target(known, stream, event.target, draft.stream, position)
    original = known.entry(target).event
    if isinstance(original, LedgerOpened | ContractStarted) and isinstance(event, Retracted):
        raise Refused("wrong_target", f"{topic_of(original)} opens the stream; correct it instead")
    if isinstance(original, TermsVersionPublished | CalendarPublished) and isinstance(event, Retracted):
        known.published.check_not_last(original, target)
    group, positions = known.group(stream, target)
    if isinstance(event, Corrected):
        event = _checked(known, stream, event, original, recorded_at)
    if isinstance(event.target, int):
        event = msgspec.structs.replace(event, target=_name_of(known, stream, target))
    if target in withdrawn(known.known(positions)):
        raise Refused("already_retracted", f"the entry at position {target} is retracted already")
    trial = Entry(
        stream=draft.stream, version=stream.version + 1, recorded_at=recorded_at, recorded_by="",
        source=draft.source, id=draft.id, salt="", event=event,
    )  # fmt: skip
    _stand(known, stream, group, positions, (position, trial, recorded_at))
    positions.append(position)
    return event


def _target(known: Knowledge, stream: StreamState, target: str | int, name: str, position: int) -> int:
    found = known.position_of(stream, target, position)
    if found is None:
        raise Refused("unknown_target", f"{name} holds no entry {target!r}; name an event id or a position of it")
    if isinstance(target, str) and len(stream.named(target)) > 1:
        raise Refused("unknown_target", f"several sources used the id {target!r}; name the entry by its position")
    return found


def _checked(
    known: Knowledge, stream: StreamState, event: Corrected, original: Event | Unread, recorded_at: datetime
) -> Corrected:
    if isinstance(original, Corrected | Retracted | Unread | LedgerOpened):
        what = topic_of(original)
        raise Refused("wrong_target", f"{what} cannot be corrected; correct the first entry again, or retract")
    replaced = replacement(original, event)
    check(replaced, recorded_at)
    check_days(replaced, recorded_at, known.published.zones)
    check_parts(replaced, known.published.parts, before=original)
    known.check_names(replaced, stream, original)
    check_identity(original, replaced)
    return msgspec.structs.replace(event, data=payload_of(replaced))


def _name_of(known: Knowledge, stream: StreamState, position: int) -> str | int:
    """An entry's id where it names that entry alone, so that the target holds in another ledger too."""
    name = known.entry(position).id
    return name if len(stream.named(name)) == 1 and len(name) <= LONGEST_ID else position


def _stand(
    known: Knowledge, stream: StreamState, group: ThingKey, positions: list[int], trial: tuple[int, Entry, datetime]
) -> None:
    """Fold the group as it would stand; `impossible_history` when it contradicts itself."""
    try:
        things = folded([*known.known(positions), trial])
    except Refused as refused:
        raise Refused("impossible_history", f"after this, {refused.code}: {refused.message}") from None
    replace_group(stream, group, things)
    stream.dirty.discard(group)


def says_same(known: Knowledge, stream: StreamState, event: Event, first: Event | Unread, position: int) -> bool:
    """Whether an event says what the entry at `position` does.

    Equal instants are equal whatever their offset; corrections and retractions are stored in canonical form.
    """
    if not isinstance(first, Corrected | Retracted) or type(event) is not type(first):
        return event == first
    assert isinstance(event, Corrected | Retracted)
    target = known.position_of(stream, event.target, position)
    if target is None or target != known.position_of(stream, first.target, position):
        return False
    if (event.reason, event.evidence, event.note) != (first.reason, first.evidence, first.note):
        return False
    original = known.entry(target).event
    if isinstance(event, Retracted) or isinstance(first, Retracted) or isinstance(original, Unread):
        return True
    try:
        return replacement(original, event) == replacement(original, first)
    except Refused:  # what cannot be read is not what was recorded
        return False
