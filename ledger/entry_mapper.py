"""Entries as the `eventsourcing` library stores events: the seam its applications and projections read through."""

from __future__ import annotations

from eventsourcing.persistence import Cipher, Compressor, JSONTranscoder, Mapper, StoredEvent, Transcoder

from ledger.codec import Entry, decode_entry, encode_entry, topic_of
from ledger.errors import Refused


class EntryMapper(Mapper[str]):
    """Takes an `Entry` to the library's `StoredEvent` and back: topic the wire name, state the canonical bytes.

    No compressor and no cipher: the bytes stored are the bytes hashed and exported.
    """

    def __init__(
        self,
        transcoder: Transcoder | None = None,
        compressor: Compressor | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        if compressor is not None or cipher is not None:
            raise ValueError("an entry is stored as the bytes that are hashed: no compressor, no cipher")
        super().__init__(transcoder or JSONTranscoder())

    def to_stored_event(self, domain_event: Entry) -> StoredEvent:  # type: ignore[override]  # our events are entries
        return StoredEvent(
            originator_id=domain_event.stream,
            originator_version=domain_event.version,
            topic=topic_of(domain_event.event),
            state=encode_entry(domain_event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Entry:  # type: ignore[override]  # our events are entries
        """The entry of a stored event. Raises `Refused("damaged_ledger")` if its bytes name another place."""
        entry = decode_entry(stored_event.state)
        if (entry.stream, entry.version) != (stored_event.originator_id, stored_event.originator_version):
            raise Refused(
                "damaged_ledger",
                f"the entry stored as {stored_event.originator_id} {stored_event.originator_version} "
                f"says it is {entry.stream} {entry.version}",
            )
        return entry
