"""The door: opened by a name, read by position and by instant, shared by threads, never asked of the wrong ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger import Refused, open_ledger
from ledger import book as door
from ledger.codec import encode_entry
from ledger.events import ContractStarted, LedgerOpened, OutageStarted
from tests.conftest import Clock
from tests.story import CONTRACT, at, instant

NOW = "2026-06-10T12:00:00Z"
ENVELOPE = {"specversion": "1.0", "source": "s", "subject": "contract:C1"}


def started(contract: str = "C1", **more: Any) -> dict[str, Any]:
    data = {**CONTRACT, "contract": contract, **more}
    return {**ENVELOPE, "subject": f"contract:{contract}", "id": f"start-{contract}", "type": "contract_started", "data": data}


def outage(name: str, contract: str = "C1", effect: str = "no_access") -> dict[str, Any]:
    data = {"outage": name, "environment": "production", "effect": effect, "at": "2026-06-10T09:00:00Z"}
    return {**ENVELOPE, "subject": f"contract:{contract}", "id": f"start-{name}", "type": "outage_started", "data": data}


def ended(name: str) -> dict[str, Any]:
    return {**ENVELOPE, "id": f"end-{name}", "type": "outage_ended", "data": {"outage": name, "at": "2026-06-10T10:00:00Z"}}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "a.db")


# --- opening ---


def test_a_ledger_begins_with_who_it_is_and_what_it_judges_by(book: Any) -> None:
    assert book.position == 0
    assert list(book.entries()) == []
    assert book.contracts() == []
    last = book.open()
    first = next(iter(book.entries()))[1].event
    assert isinstance(first, LedgerOpened)
    assert first.origin == f"service-ledger/{first.ledger}"
    assert book.open() == last == book.position, "opening what is open changes nothing"


def test_no_two_ledgers_are_the_same(tmp_path: Path) -> None:
    named = []
    for name in ("a", "b"):
        with open_ledger(str(tmp_path / name)) as book:
            book.open()
            named.append(next(iter(book.entries()))[1].event.ledger)
    assert named[0] != named[1]


def test_a_ledger_signs_under_the_origin_it_was_given(path: str) -> None:
    with open_ledger(path, origin="example.org/ledger") as book:
        book.open()
        assert next(iter(book.entries()))[1].event.origin == "example.org/ledger"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"origin": ""}, "bad_id"), ({"origin": "a b"}, "bad_id"), ({"origin": "a+b"}, "bad_id"), ({"origin": "x" * 147}, "text_too_long"), ({"origin": "x" * 201}, "text_too_long"), ({"origin": "a\nb"}, "bad_id"), ({"origin": "me@example.org"}, "personal_data"),
        ({"recorded_by": " "}, "bad_id"), ({"recorded_by": "x" * 257}, "bad_id"), ({"recorded_by": "a\x07"}, "bad_id"),
        ({"recorded_by": "jeanne.d@example.org"}, "personal_data"), ({"create": False}, "no_ledger"), ({"read_only": True}, "no_ledger"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_written_is_refused_before_a_file_is_made(options: dict[str, Any], code: str, path: str) -> None:
    with pytest.raises(Refused) as refused:
        open_ledger(path, **options)
    assert refused.value.code == code
    assert not Path(path).exists()


def test_an_unknown_booklet_is_refused_and_nothing_is_written(path: str) -> None:
    with open_ledger(path, booklets=("no-such",)) as book:
        with pytest.raises(Refused, match="unknown_terms"):
            book.record([started()])
        assert book.position == 0


def test_reading_only_reads_and_nothing_else(path: str, clock: Clock) -> None:
    clock.set(NOW)
    with open_ledger(path, clock=clock) as book:
        book.record([started(), outage("O1")])
    with open_ledger(path, clock=clock, read_only=True) as book:
        assert book.history("C1").of(OutageStarted)[0].event.outage == "O1"
        with pytest.raises(Refused, match="read_only"):
            book.record([outage("O2")])
        assert book.position == 5


def test_what_is_already_there_may_be_told_again_only_by_a_writer(path: str, clock: Clock) -> None:
    """Even recording again, which writes nothing, takes the writer's lock: the answer must not be stale."""
    with open_ledger(path, clock=clock) as book:
        book.open()
    with open_ledger(path, clock=clock, read_only=True) as book, pytest.raises(Refused, match="read_only"):
        book.record([])


# --- reading ---


def test_pages_join_without_a_gap_and_stop_where_asked(book: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.set(NOW)
    book.record([started(), *(outage(f"O{n}") for n in range(7))])
    monkeypatch.setattr(door, "PAGE", 3)
    assert [p for p, _ in book.entries()] == list(range(1, 12))
    assert [p for p, _ in book.entries(4, 9)] == [4, 5, 6, 7, 8, 9]
    assert [p for p, _ in book.entries(9, 9)] == [9]
    assert [p for p, _ in book.entries(10, 9)] == []
    assert [p for p, _ in book.entries(topics=("contract_started",))] == [4]
    assert [p for p, _ in book.entries(6, 8, ("outage_started",))] == [6, 7, 8]
    assert [p for p, _ in book.entries(12)] == []


def test_the_position_of_an_instant_is_the_last_recorded_by_it(book: Any, clock: Clock) -> None:
    moments = ["2026-06-10T12:00:00Z", "2026-06-10T12:00:00Z", "2026-06-10T12:00:05.25Z", "2026-06-11T00:00:00Z", "2026-06-11T00:00:00Z"]
    for n, moment in enumerate(moments):
        clock.set(moment)
        book.record([started(f"C{n}")])
    recorded = [entry.recorded_at for _, entry in book.entries()]
    asked = ["2020-01-01T00:00:00Z", "2026-06-10T11:59:59.999999Z", *moments, "2026-06-10T12:00:05.249999Z", "2030-01-01T00:00:00Z"]
    for moment in map(instant, asked):
        assert book.position_at(moment) == sum(r <= moment for r in recorded), moment


def test_what_was_kept_of_a_stream_follows_what_others_append(path: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.set(NOW)
    monkeypatch.setattr(door, "KEPT_ENTRIES", 2)
    with open_ledger(path, clock=clock) as one, open_ledger(path, clock=clock) as two:
        one.record([started(), started("C2")])
        for n in range(4):
            two.record([outage(f"O{n}"), outage(f"P{n}", "C2")])
            assert len(one.stream("contract:C1")) == len(one.stream("contract:C2")) == n + 2
            assert len(one._kept) == 1, "what is kept is bounded"
        assert [e.version for _, e in one.stream("contract:C1")] == [1, 2, 3, 4, 5]
        one.stream("contract:C1").clear()
        assert len(one.stream("contract:C1")) == 5, "a caller's list is its own"


@pytest.mark.parametrize("position", [0, -1, 6, 10**30, True, "4", 4.0])
def test_a_position_the_ledger_does_not_hold_is_refused(position: Any, book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started(), outage("O1")])
    with pytest.raises(Refused, match=r"bad_position: .*it holds 1 to 5"):
        book.history("C1", position=position)


def test_a_position_reaches_to_the_moment_its_entry_was_recorded(book: Any, clock: Clock) -> None:
    clock.set("2026-06-10T12:00:00.75Z")
    book.record([started()])
    clock.set("2026-06-11T12:00:00Z")
    book.record([outage("O1")])
    early = book.history("C1", position=4)
    assert (early.position, early.known_at, early.now) == (4, None, at(NOW))
    assert len(early.facts) == 1
    both = book.history("C1", position=5, known_at=instant("2026-06-10T13:00:00Z"))
    assert (both.position, len(both.facts)) == (4, 1), "an instant and a position: what both let through"
    attested = book.history("C1", known_at=instant("2026-06-10T13:00:00Z"), knowledge="attested")
    assert attested.position == 5, "what was attested may be recorded at any position"


def test_an_unknown_contract_is_refused_with_those_there_are(book: Any, clock: Clock) -> None:
    with pytest.raises(Refused, match="none is recorded yet"):
        book.history("C1")
    clock.set(NOW)
    for n in range(7):
        book.record([started(f"C{n}")])
    with pytest.raises(Refused, match=r"'C9'; it knows C0, C1, C2, C3, C4 and 2 more"):
        book.history("C9")
    assert book.contracts() == [f"C{n}" for n in range(7)]


def test_an_entry_s_bytes_are_those_that_were_written(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started(), {**outage("O1"), "attestedat": "2026-06-10T11:00:00+02:00"}])
    for position, entry in book.entries():
        assert encode_entry(entry) == book.store.read_at(position).state


# --- recording ---


def test_structs_and_dicts_are_recorded_alike(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    contract = ContractStarted(contract="C1", plan="open", service_start=instant("2025-09-01T00:00:00Z"))
    assert book.record(contract)[0].stream == "contract:C1"
    assert book.record([contract])[0].outcome == "already_recorded"
    with pytest.raises(Refused, match="twice"):
        book.record([contract], source="another")


@pytest.mark.parametrize("events", [[], "", b"", "\n \n", iter([])])
def test_recording_nothing_opens_the_ledger_and_gives_no_receipt(events: Any, book: Any) -> None:
    assert book.record(events) == []
    assert book.position == 3


def test_a_dry_run_neither_writes_nor_leaves_anything_behind_in_the_writer(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    receipts = book.record([started(), outage("O1")], dry_run=True)
    assert [(r.position, r.outcome) for r in receipts] == [(4, "recorded"), (5, "recorded")]
    assert book.position == 0
    book.record([started()])
    for _ in range(2):
        assert book.record([outage("O1")], dry_run=True)[0].version == 2
    assert book.record([outage("O1"), ended("O1")])[1].version == 3


def test_a_refused_batch_leaves_nothing_behind_in_the_writer(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started()])
    with pytest.raises(Refused, match="end_without_start"):
        book.record([outage("O1"), ended("O2")])
    assert book.record([outage("O1")])[0].version == 2, "the outage of the refused batch was never recorded"


def test_a_batch_that_could_not_be_committed_leaves_nothing_behind_in_the_writer(
    book: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk failed at the last moment: what the writer folded in vain must not be built upon."""
    clock.set(NOW)
    book.record([started()])
    write = book.store.write

    @contextmanager
    def failing() -> Iterator[Any]:
        with write() as transaction:
            yield transaction
            raise Refused("store_failed", "the disk is full")

    monkeypatch.setattr(book.store, "write", failing)
    with pytest.raises(Refused, match="store_failed"):
        book.record([outage("O1"), ended("O1")])
    monkeypatch.setattr(book.store, "write", write)
    assert book.position == 4
    assert [r.version for r in book.record([outage("O1"), ended("O1")])] == [2, 3]


def test_threads_share_a_ledger_and_refusals_of_one_never_touch_the_batch_of_another(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started()])
    refused, failed = [], []

    def write(thread: int) -> None:
        try:
            for n in range(25):
                name = f"{thread}-{n}"
                if n % 3 == 0:
                    try:
                        book.record([outage(f"x{name}"), ended(f"y{name}")])
                    except Refused as refusal:
                        refused.append(refusal.code)
                book.record([outage(name), ended(name)])
                assert book.history("C1").started.position == 4
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert refused == ["end_without_start"] * 36
    entries = list(book.entries())
    assert [p for p, _ in entries] == list(range(1, 205))
    assert [e.version for _, e in book.stream("contract:C1")] == list(range(1, 202))
    assert [p for p, _ in book.stream("contract:C1")] == list(range(4, 205)), "kept once, whoever asked"


def test_a_statement_is_not_recorded_by_hand(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    stated = {"statement": "T1", "month": "2026-05", "known_at": NOW, "position": 4, "reading": {}, "figures": {}}
    with pytest.raises(Refused, match=r"figures_do_not_replay: line 2, event t"):
        book.record([started(), {**ENVELOPE, "id": "t", "type": "availability_statement_issued", "data": stated}])
    assert book.position == 0


# --- what frames a contract ---


def test_a_contract_runs_on_terms_there_are(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    with pytest.raises(Refused, match=r"unknown_terms: .*'gold' is recorded; it knows cegid-expert"):
        book.record([started(terms="gold")])
    book.record([started(terms="cegid-expert")])
    change = {**ENVELOPE, "id": "c", "type": "contract_scope_changed", "data": {"effective_from": NOW, "terms": "always-on"}}
    with pytest.raises(Refused, match="unknown_terms"):
        book.record([change])
    assert book.record([published("always-on"), change])[1].outcome == "recorded", "the batch itself may bring them"


def published(name: str, version: str | None = None) -> dict[str, Any]:
    from ledger.terms import load_booklet

    booklet = load_booklet(name)
    version = version or booklet.version
    data = {"terms": name, "version": version, "effective_from": NOW, "content": {**booklet.content, "version": version}}
    return {**ENVELOPE, "subject": "ledger", "id": f"terms-{name}-{version}", "type": "terms_version_published", "data": data}


def test_the_last_version_of_what_contracts_run_on_is_never_retracted(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started()])

    def retract(target: Any, name: str) -> Any:
        return {**ENVELOPE, "subject": "ledger", "id": name, "type": "retracted", "data": {"target": target, "reason": "r"}}

    for target in ("opening-2", "opening-3"):
        with pytest.raises(Refused, match=r"wrong_target: .*only version"):
            book.record([retract(target, "r")])
    with pytest.raises(Refused, match=r"wrong_target: .*opens the stream"):
        book.record([retract("opening-1", "r")])
    book.record([published("cegid-expert", "next"), retract("opening-2", "r1")])
    with pytest.raises(Refused, match="only version"):
        book.record([retract("terms-cegid-expert-next", "r2")])
    book.record([retract("r1", "r3"), retract("terms-cegid-expert-next", "r2")])


# --- targets ---


def test_a_target_given_by_position_is_written_as_the_id_it_stands_for(book: Any, clock: Clock) -> None:
    """In another ledger the position would be another entry's."""
    clock.set(NOW)
    book.record([started(), outage("O1"), outage("O2")])

    def retract(target: Any, **more: Any) -> dict[str, Any]:
        return {**ENVELOPE, "id": f"r{target}", "type": "retracted", "data": {"target": target, "reason": "r"}, **more}

    book.record([retract(5)])
    assert book.stream("contract:C1")[-1][1].event.target == "start-O1"
    assert book.record([retract(5)])[0].outcome == "already_recorded"
    assert book.record([{**retract(5), "data": {"target": "start-O1", "reason": "r"}}])[0].outcome == "already_recorded"
    with pytest.raises(Refused, match="conflict"):
        book.record([{**retract(5), "data": {"target": 6, "reason": "r"}}])
    with pytest.raises(Refused, match="conflict"):
        book.record([{**retract(5), "data": {"target": 5, "reason": "another"}}])
    book.record([{**outage("O3"), "id": "start-O2", "source": "other"}])
    with pytest.raises(Refused, match="several sources"):
        book.record([retract("start-O2")])
    book.record([retract(6)])
    assert book.stream("contract:C1")[-1][1].event.target == 6, "an id of two entries names neither"


def test_an_id_too_long_to_be_named_is_corrected_by_position(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started(), {**outage("O1"), "id": "x" * 129}])
    correction = {"target": 5, "reason": "r", "data": {**outage("O1")["data"], "effect": "no_login"}}
    book.record([{**ENVELOPE, "id": "c", "type": "corrected", "data": correction}])
    assert book.stream("contract:C1")[-1][1].event.target == 5
    assert book.history("C1").of(OutageStarted)[0].event.effect == "no_login"


@pytest.mark.parametrize("target", [0, -1, 4, 7, 10**18, "nobody", "c"])
def test_a_target_of_another_stream_or_none_or_itself_is_unknown(target: Any, book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started("C0"), started(), outage("O1")])
    with pytest.raises(Refused, match="unknown_target"):
        book.record([{**ENVELOPE, "id": "c", "type": "retracted", "data": {"target": target, "reason": "r"}}])


def test_what_is_retracted_is_corrected_only_once_it_stands_again(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    correction = {"target": "start-O1", "reason": "r", "data": {**outage("O1")["data"], "effect": "no_login"}}
    corrected = {**ENVELOPE, "id": "c", "type": "corrected", "data": correction}
    retract = {**ENVELOPE, "id": "r", "type": "retracted", "data": {"target": "start-O1", "reason": "r"}}
    book.record([started(), outage("O1"), retract])
    with pytest.raises(Refused, match="already_retracted"):
        book.record([corrected])
    again = {**ENVELOPE, "id": "rr", "type": "retracted", "data": {"target": "r", "reason": "r"}}
    book.record([again, corrected])
    assert book.history("C1").of(OutageStarted)[0].event.effect == "no_login"


def test_a_correction_recorded_again_with_data_nobody_can_read_is_a_conflict(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    data = outage("O1")["data"]
    corrected = {**ENVELOPE, "id": "c", "type": "corrected", "data": {"target": "start-O1", "reason": "r", "data": data}}
    book.record([started(), outage("O1"), corrected])
    for wrong in ({**data, "effect": "no_login"}, {**data, "effect": "??"}, {}):
        with pytest.raises(Refused, match="conflict"):
            book.record([{**corrected, "data": {"target": "start-O1", "reason": "r", "data": wrong}}])
    with pytest.raises(Refused, match="conflict"):
        book.record([{**corrected, "type": "retracted", "data": {"target": "start-O1", "reason": "r"}}])


def test_the_same_key_with_another_attestation_is_a_conflict(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started(), {**outage("O1"), "attestedat": "2026-06-10T09:05:00Z"}])
    assert book.record([{**outage("O1"), "attestedat": "2026-06-10T11:05:00+02:00"}])[0].outcome == "already_recorded"
    for other in ({}, {"attestedat": "2026-06-10T09:05:01Z"}):
        with pytest.raises(Refused, match="conflict"):
            book.record([{**outage("O1"), **other}])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"at": "2026-06-10T12:00:06Z"}, "occurred_after_recorded"),
        ({"note": "jeanne.d@example.org"}, "personal_data"),
        ({"effect": "partial_users"}, "missing_counts"),
        ({"evidence": "ticket 12"}, "bad_evidence"),
        ({"at": "2026-06-10T09:00:00"}, "no_offset"),
        ({"outage": "O2"}, "changed_identity"),
        ({"type": "outage_ended"}, "bad_field"),
        ({"severity": "high"}, "unknown_field"),
    ],
)
def test_a_correction_is_held_to_what_the_event_itself_would_be(changes: dict[str, Any], code: str, book: Any, clock: Clock) -> None:
    clock.set(NOW)
    book.record([started(), outage("O1")])
    correction = {"target": "start-O1", "reason": "r", "data": {**outage("O1")["data"], **changes}}
    with pytest.raises(Refused) as refused:
        book.record([{**ENVELOPE, "id": "c", "type": "corrected", "data": correction}])
    assert refused.value.code == code
    assert book.position == 5


# --- several writers: what one has folded and another has not ---


def test_a_writer_new_to_a_stream_takes_and_refuses_as_the_one_that_knew_it_all(path: str, clock: Clock) -> None:
    """References are held against the stream as corrected, however the writer came to know it."""
    clock.set(NOW)
    backup = {"backup": "B1", "scope": "client_data", "tiers": ["daily"], "started_at": "2026-06-10T01:00:00Z", "completed_at": "2026-06-10T02:00:00Z"}
    on_services = {"target": "start-C1", "reason": "annex 1", "data": {**CONTRACT, "services": ["S1"]}}
    stories: list[list[tuple[str, dict[str, Any]]]] = [
        [("corrected", on_services)],
        [("corrected", on_services), ("retracted", {"target": "e0", "reason": "r"})],
        [("backup_completed", backup)],
        [("backup_completed", backup), ("retracted", {"target": "e0", "reason": "r"})],
        [("backup_completed", backup), ("retracted", {"target": "e0", "reason": "r"}), ("retracted", {"target": "e1", "reason": "r"})],
    ]
    asked = {"restore": "R1", "scope": "client_data", "requested_at": "2026-06-10T10:00:00Z", "backup": "B1"}
    request = {**ENVELOPE, "id": "ask", "type": "restore_requested", "data": asked}
    outcomes = []
    for n, story in enumerate(stories):
        with open_ledger(f"{path}{n}", clock=clock) as one, open_ledger(f"{path}{n}", clock=clock) as late:
            one.record([started()])
            for m, (kind, data) in enumerate(story):
                one.record([{**ENVELOPE, "id": f"e{m}", "type": kind, "data": data}])
            outcomes.append([outcome(writer, request) for writer in (one, late)])
    assert outcomes == [["recorded"] * 2, ["unknown_reference"] * 2, ["recorded"] * 2, ["unknown_reference"] * 2, ["recorded"] * 2]


def outcome(writer: Any, event: dict[str, Any]) -> str:
    """What would become of the event: its outcome, or the code of its refusal; nothing is written."""
    try:
        return str(writer.record([event], dry_run=True)[0].outcome)
    except Refused as refused:
        return refused.code


def test_a_service_s_stream_opens_with_the_batch_that_names_it(book: Any, clock: Clock) -> None:
    clock.set(NOW)
    on_service = {**outage("O1"), "subject": "service:S1"}
    with pytest.raises(Refused, match="unknown_stream"):
        book.record([started(), on_service])
    assert [r.stream for r in book.record([started(services=["S1"]), on_service])] == ["contract:C1", "service:S1"]
    assigned = {**ENVELOPE, "id": "a", "type": "service_assigned", "data": {"service": "S2", "effective_from": NOW}}
    assert book.record([assigned, {**outage("O2"), "subject": "service:S2"}])[1].version == 1


def test_a_writer_of_many_streams_forgets_the_oldest_and_learns_it_again(book: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger import recording

    clock.set(NOW)
    monkeypatch.setattr(recording, "CACHED_ENTRIES", 4)
    for contract in ("C1", "C2", "C3"):
        book.record([started(contract), outage("O1", contract)])
    assert list(book._recording._streams) == ["contract:C2", "contract:C3"]
    assert book.record([{**ended("O1")}])[0].version == 3
    with pytest.raises(Refused, match="twice"):
        book.record([{**outage("O1", "C2"), "id": "again"}])
