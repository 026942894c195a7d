"""Accounts: from the customer's instruction to its execution, and what was done without one (article 11).

The article sets no delay, so the seconds are measured and shown. Accounts are created, deleted and given their
first password on the customer's instruction: an execution without one, or before it, is a finding.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from ledger import events as e
from ledger.corrections import Fact
from ledger.history import History, positions_of
from ledger.spans import Instant
from projections.finding import Breach, Finding, at, text
from projections.frame import Frames
from projections.ground import days_span, ended_at, first_provable

KINDS = (e.AccountInstructionReceived, e.AccountInstructionExecuted)
CLAUSE = "11"


class Instruction(NamedTuple):
    """One instruction: the fact that received it and the one that executed it, where known."""

    id: str
    received: Fact | None
    executed: Fact | None

    @property
    def facts(self) -> list[Fact]:
        return [fact for fact in (self.received, self.executed) if fact is not None]

    @property
    def began_at(self) -> Instant:
        return min(at(fact) for fact in self.facts)

    @property
    def seconds(self) -> int | None:
        """From the instruction to its execution; below zero where it was executed first."""
        return None if self.received is None or self.executed is None else at(self.executed) - at(self.received)

    @property
    def unasked(self) -> bool:
        """A11.1: executed with no instruction, or before it; in the same second is on instruction."""
        return self.executed is not None and (self.seconds is None or self.seconds < 0)


def accounts(history: History, frames: Frames) -> Finding:
    """Per instruction when it was received and executed, and the elapsed seconds between, null while open (A11.1)."""
    found = _instructions(history)
    return Finding(
        result={each.id: _row(each) for each in found},
        workings={
            "clause": f"art. {CLAUSE}",
            "delay": "none is set: measured and shown",
            "open": [each.id for each in found if each.executed is None],
            "executed_without_instruction": [each.id for each in found if each.unasked],
            "actions": {each.id: each.received.event.action for each in found if each.received is not None},
        },
        because=positions_of(*(each.facts for each in found)),
    )


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A11.1 for executions without instruction, up to the contract's end; filed there, both dates included.

    One whose instruction came afterwards is contested: the customer said then that it wanted it.
    """
    start, end = days_span(frames, first, last)
    rows = [_breach(history, each) for each in _unasked(history)]
    return sorted((row for row in rows if start <= row.on < end), key=lambda row: (row.on, row.subject))


def _row(each: Instruction) -> dict[str, Any]:
    return {
        "received_at": None if each.received is None else text(at(each.received)),
        "executed_at": None if each.executed is None else text(at(each.executed)),
        "seconds": each.seconds,
    }


def _instructions(history: History) -> list[Instruction]:
    """Everything known of each instruction that counts, by its first instant and id."""
    found: dict[tuple[str, str], dict[type[e.Event], Fact]] = {}
    for fact in history.of(*KINDS):
        if history.counts(fact, at(fact)):
            found.setdefault((fact.stream, fact.event.instruction), {}).setdefault(type(fact.event), fact)
    listed = [
        Instruction(history.name(next(iter(facts.values())), identity), *(facts.get(kind) for kind in KINDS))
        for (_, identity), facts in found.items()
    ]
    return sorted(listed, key=lambda each: (each.began_at, each.id))


def _unasked(history: History) -> list[Instruction]:
    """Those executed without an instruction while the contract ran; what is removed after its end was not asked for."""
    end = ended_at(history)
    return [i for i in _instructions(history) if i.unasked and i.executed is not None and at(i.executed) < end]


def _breach(history: History, each: Instruction) -> Breach:
    assert each.executed is not None
    on = at(each.executed)

    def broken(then: History) -> bool:
        return any(i.id == each.id for i in _unasked(then))

    return Breach(
        obligation="A11.1", clause=CLAUSE, what="executed_without_instruction", subject=each.id, period=text(on),
        amount="no instruction" if each.seconds is None else f"{-each.seconds} s before it", limit="an instruction",
        on=on, first_knowable_at=first_provable(history, on, broken), because=positions_of(each.facts),
        contested=each.received is not None,
    )  # fmt: skip
