"""The ground the smaller rules share: pieces of time under one frame, and when a breach could be shown."""

from __future__ import annotations

from datetime import date

from ledger import events as e
from ledger.spans import FOREVER
from projections.frame import Frames
from projections.ground import days_span, first_provable, frame_on, in_force, stretches, without_support
from tests.story import STARTED, at, history


def test_days_run_from_local_midnight_to_local_midnight_over_a_clock_change() -> None:
    frames = Frames(history(STARTED))
    start, end = days_span(frames, date(2026, 3, 29), date(2026, 3, 29))
    assert (start, end - start) == (at("2026-03-28T23:00:00Z"), 23 * 3600)
    assert frame_on(frames, date(2026, 3, 29)).calendar.zone == "Europe/Paris"


def test_a_span_is_cut_where_scope_or_reading_change_and_nowhere_else() -> None:
    plan = ("2026-03-01T00:00:00Z", "contract_scope_changed", {"plan": "private", "effective_from": "2026-03-10T00:00:00Z"})
    told = history(STARTED, plan)
    within = (at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"))
    cut = at("2026-03-10T00:00:00Z")
    assert [piece for piece, _ in stretches(told, Frames(told), within)] == [(within[0], cut), (cut, within[1])]
    assert [piece for piece, _ in stretches(told, Frames(told), (cut, within[1]))] == [(cut, within[1])]


def test_nothing_is_owed_while_suspended_nor_after_the_end() -> None:
    told = history(
        STARTED,
        ("2026-03-02T00:00:00Z", "support_suspended", {"at": "2026-03-02T00:00:00Z", "reason": "unpaid"}),
        ("2026-03-03T00:00:00Z", "support_resumed", {"at": "2026-03-03T00:00:00Z"}),
        ("2026-06-01T00:00:00Z", "contract_terminated", {"effective_from": "2026-06-01T00:00:00Z"}),
    )
    end = at("2026-06-01T00:00:00Z")
    assert without_support(told) == ((at("2026-03-02T00:00:00Z"), at("2026-03-03T00:00:00Z")), (end, FOREVER))
    assert (in_force(told, end - 1), in_force(told, end)) == (True, False)


def test_a_breach_is_provable_when_its_last_entry_is_known_and_never_before_its_deadline() -> None:
    invoice = ("2026-03-05T00:00:00Z", "invoice_issued", {"invoice": "I1", "at": "2026-03-01T00:00:00Z"})
    told = history(STARTED, invoice)

    def provable_since(deadline: str) -> int | None:
        return first_provable(told, at(deadline), lambda then: bool(then.of(e.InvoiceIssued)))

    assert provable_since("2026-03-01T00:00:00Z") == at("2026-03-05T00:00:00Z")
    assert provable_since("2026-03-09T00:00:00Z") == at("2026-03-09T00:00:00Z")
    assert first_provable(told, 0, lambda then: bool(then.of(e.InvoiceIssued))) == at("2026-03-05T00:00:00Z")
    assert first_provable(told, 0, lambda then: False) is None
