"""Parts of a dossier that a deletion takes: the words the recorded booklets have for them, and `other` for the rest.

Article 4 says which may go and names some that stay (`deleted_parts`, `kept_parts`). A part in other letters would be
read as one to be kept, and so as a promise broken; it is refused. What stands in a ledger from before this was asked
keeps its meaning: whatever is not among those that may go was deleted too much.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ledger.codec import Unread
from ledger.errors import Refused
from ledger.events import DossierDeleted, Event

OTHER = "other"  # whatever else of the dossier; what it was is told in the note


def check_parts(event: Event, named: Callable[[], Collection[str]], before: Event | Unread | None = None) -> None:
    """Raise `Refused("unknown_value")` for a part no recorded booklet names, unless `before` named it already.

    `before` is what a correction replaces; `named` is asked only of a deletion that names parts. Where no booklet
    names any, there is nothing to hold them against.
    """
    if not isinstance(event, DossierDeleted) or not event.parts:
        return
    known = named()
    said = before.parts if isinstance(before, DossierDeleted) else ()
    for part in event.parts if known else ():
        if part not in known and part != OTHER and part not in said:
            words = ", ".join([*sorted(known), OTHER])
            raise Refused("unknown_value", f"dossier_deleted.parts: {part!r} is not one of {words}")
