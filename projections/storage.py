"""The shared office space: how many bytes are held, how many may be, and what the customer is over by.

Article 4. The limit is so many gigabytes for each subscribed user, and the extensions bought (A4.8). The space
is one for all users; with `pooled=per_user` the largest user's bytes are held against one user's limit. An
extension is space of the contract: it is added whole to either. A limit reached to the byte is kept.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import FOREVER, Instant, contains, moment
from projections.finding import Breach, Finding, at, ceil_seconds, earliest, text
from projections.frame import Frame, Frames
from projections.ground import kinds_named, latest, learnt_at

GIGABYTE: dict[str, int] = {"decimal": 10**9, "binary": 2**30}  # bytes, by the switch `gigabyte` (Amb-25)
# what may change a verdict of this subject, by how the names of its types begin
BEARING = kinds_named("Storage", "Contract", "ServiceAssigned", "ServiceUnassigned", "Corrected", "Retracted")


class Space(NamedTuple):
    """One measure against its limit; None where nothing was measured or nothing is promised."""

    frame: Frame
    users: int
    bytes: int | None
    limit: int | None
    facts: tuple[Fact, ...]
    positions: tuple[int, ...]

    @property
    def over(self) -> int | None:
        """Bytes above the limit, 0 for none."""
        return None if self.bytes is None or self.limit is None else max(self.bytes - self.limit, 0)


# --- questions ---


def storage(history: History, frames: Frames, at: Instant) -> Finding:
    """The bytes held by the latest measure at or before an instant, against the limit at that instant (A4.8).

    `users` are those of the measure, or where it says none the named users of the contract. `limit_bytes` is
    null where the booklet promises no space; `bytes` and `over_bytes` where nothing fit was measured.
    """
    measured = latest(history, e.StorageMeasured, at)
    space = _space(history, frames, measured, at)
    reading, terms = space.frame.reading, space.frame.terms.storage
    result = {"bytes": space.bytes, "limit_bytes": space.limit, "over_bytes": space.over, "users": space.users}
    workings = {
        "measured_at": None if measured is None else _instant(measured),
        "gigabytes_per_user": terms.gigabytes_per_user if terms else None,
        "gigabyte_bytes": GIGABYTE[reading.gigabyte],
        "extension_bytes": sum(fact.event.bytes for fact in _extensions(history, at)),
        "switches": {"gigabyte": reading.gigabyte, "pooled": reading.pooled},
        "clause": f"art. {terms.article}" if terms else "the booklet promises no space",
        "positions": list(space.positions),
    }
    return Finding(result=result, workings=workings, because=space.positions)


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """A row `client_over_storage` per measure above the limit of its instant: the customer's to buy or delete (A4.8).

    Filed at the measure, from `first` to `last`, local dates, both included. No penalty is set.
    """
    found = []
    for fact in history.of(e.StorageMeasured):
        if first <= frames.at(at(fact)).calendar.local_date(at(fact)) <= last:
            found += _row(history, frames, fact)
    return sorted(found, key=lambda row: (row.on, row.because))


# --- one measure ---


def _row(history: History, frames: Frames, measured: Fact) -> list[Breach]:
    space = _owed(history, frames, measured)
    if space is None or not space.over or space.frame.terms.storage is None:
        return []
    return [
        Breach(
            obligation="A4.8", clause=space.frame.terms.storage.article, what="client_over_storage",
            subject=history.contract, period=text(at(measured)), amount=f"{space.bytes} B", limit=f"{space.limit} B",
            on=at(measured), first_knowable_at=_knowable(history, frames, measured), because=space.positions,
        )
    ]  # fmt: skip


def _owed(history: History, frames: Frames, measured: Fact) -> Space | None:
    """The space at a measure that counts for the contract while it is in force."""
    instant = at(measured)
    counted = history.counts(measured, instant) and contains(history.in_force, instant)
    return _space(history, frames, measured, instant) if counted else None


def _space(history: History, frames: Frames, measured: Fact | None, instant: Instant) -> Space:
    frame, scope = frames.at(instant), history.scope_at(instant)
    terms, reading = frame.terms.storage, frame.reading
    pooled, told = reading.pooled == "yes", measured.event.users if measured else None
    users = scope.users if told is None else told
    held = None
    if measured:
        held = measured.event.bytes if pooled else measured.event.largest_user_bytes
    extensions = _extensions(history, instant)
    limit = None
    if terms is not None:
        own = terms.gigabytes_per_user * GIGABYTE[reading.gigabyte] * (users if pooled else 1)
        limit = own + sum(fact.event.bytes for fact in extensions)
    facts = (*extensions, *([measured] if measured else []))
    positions = {*positions_of(facts), *(scope.positions if told is None else ())}
    return Space(frame, users, held, limit, facts, tuple(sorted(positions)))


def _extensions(history: History, instant: Instant) -> list[Fact]:
    """The extensions in force at an instant."""
    told = history.of(e.StorageExtensionSubscribed)
    since = ((at(fact, "effective_from"), fact) for fact in told)
    return [fact for begun, fact in since if begun <= instant and history.counts(fact, begun)]


def _knowable(history: History, frames: Frames, measured: Fact) -> Instant | None:
    """The earliest knowledge that showed this measure above its limit, and never before the measure."""

    def shown(known_at: Instant) -> bool:
        then = history.as_known(moment(known_at))
        same = [fact for fact in then.of(e.StorageMeasured) if fact.position == measured.position]
        if not same or not then.own(e.ContractStarted):
            return False
        space = _owed(then, frames, same[0])
        return space is not None and bool(space.over)

    upto = FOREVER if history.known_at is None else ceil_seconds(history.known_at)
    later = {known_at for known_at in learnt_at(history, *BEARING) if known_at > at(measured)}
    return earliest(shown, {at(measured), *later}, upto)



def _instant(fact: Fact) -> str:
    return text(at(fact))
