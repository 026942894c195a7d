"""`statement` and `dispute`: what was stated, what is contested, and the life of a dispute."""

from __future__ import annotations

from typing import Any

import click

from replays.commands.asking import only_contract
from replays.commands.options import (
    Family,
    by_itself,
    json_option,
    known_at_of,
    ledger_option,
    read_only_ledger,
    reading_option,
    say_if_ahead,
    switches_of,
)

PARTIES = click.Choice(["provider", "customer", "both", "expert"])


def _contract(function: Any) -> Any:
    return click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")(function)


def _writer(function: Any) -> Any:
    return click.option("--recorded-by", default="operator", show_default=True, help="Who records, as a pseudonym.")(
        function
    )


def _known(function: Any) -> Any:
    told = "As known at this instant, 2026-04-02T00:00:00Z; `now` (default), or `all` the ledger holds."
    return click.option("--known-at", metavar="INSTANT", help=told)(function)


def _history(book: Any, contract: str | None, known_at: str | None) -> Any:
    """What is known at the instant; now is the end of the second that runs, as for what is stated in it."""
    from ledger.spans import moment
    from projections.finding import ceil_seconds
    from projections.questions import instant_of

    known = known_at_of(known_at, None)
    known = None if known is None else moment(ceil_seconds(instant_of("--known-at", known)))
    found = book.history(contract or only_contract(book), known_at=known)
    _ = found.started  # refused where nobody knew of the contract then
    say_if_ahead(book, found)
    return found


@click.group(cls=Family, epilog="Example: service-ledger statement issue --contract C1 --month 2026-02 --id S-2026-02")
def statement() -> None:
    """Issue monthly statements, list them, see which need restating and why."""


@statement.command("issue")
@ledger_option
@_contract
@click.option("--month", required=True, metavar="MONTH", help="The month stated, 2026-02.")
@click.option("--id", "name", help="The statement's id; statement-<month> when left out.")
@click.option("--replaces", help="The statement this one restates.")
@reading_option
@_known
@_writer
@json_option
def issue(
    url: str, contract: str | None, month: str, name: str | None, replaces: str | None, readings: tuple[str, ...],
    known_at: str | None, recorded_by: str, as_json: bool,
) -> None:  # fmt: skip
    """Record a month's figures as stated; refused when they do not replay."""
    from ledger import open_ledger
    from projections.questions import instant_of
    from replays import statements

    with open_ledger(url, create=False, recorded_by=recorded_by) as book, by_itself():
        found = known_at_of(known_at, None) or book.clock()
        receipt, answer = statements.issue(
            book,
            contract or only_contract(book),
            month,
            statement=name or f"statement-{month}",
            known_at=instant_of("--known-at", found),
            reading=switches_of(readings),
            replaces=replaces,
        )
    if as_json:
        click.echo(_json({"receipt": receipt, "answer": answer}))
        return
    result = answer.result
    rate = "no rate" if result["td_percent"] is None else f"{result['td_percent']} %"
    broken = {True: "broken", False: "kept", None: "nothing to judge"}[result["breach"]]
    click.echo(
        f"{receipt.outcome} at position {receipt.position}: {month}, {rate}, {broken}, "
        f"{result['status']}, as known at {answer.known_at}"
    )


@statement.command("list")
@ledger_option
@_contract
@_known
@json_option
def list_statements(url: str, contract: str | None, known_at: str | None, as_json: bool) -> None:
    """List statements beside what would be said now."""
    import msgspec

    from replays import show
    from replays.statements import statements

    with read_only_ledger(url) as book:
        found = statements(_history(book, contract, known_at))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    show.rows(
        [
            {
                "statement": s.statement, "month": s.month, "issued_at": s.issued_at, "known_at": s.known_at,
                "stated_td": s.figures.get("td_percent"), "now_td": s.figures_now.get("td_percent"),
                "stated_breach": s.figures.get("breach"), "now_breach": s.figures_now.get("breach"),
                "restatement_needed": s.restatement_needed, "replaced_by": s.replaced_by,
                "contested": "; ".join(s.contested_by) or None,
            }
            for s in found
        ],
        empty="no statement is recorded",
    )  # fmt: skip


@statement.command("explain")
@click.argument("name", metavar="STATEMENT")
@ledger_option
@_contract
@_known
@json_option
def explain_statement(name: str, url: str, contract: str | None, known_at: str | None, as_json: bool) -> None:
    """Tell what was learnt since a statement was issued, and which entry moved its figures."""
    import msgspec

    from ledger.errors import Refused
    from projections.questions import instant_of, question, read
    from replays import show
    from replays.as_of import compare
    from replays.commands.progress import progress
    from replays.statements import statements

    with read_only_ledger(url) as book:
        later = _history(book, contract, known_at)
        said = next((s for s in statements(later) if s.statement == name), None)
        if said is None:
            raise Refused("unknown_statement", f"no statement {name!r} is recorded of {later.contract}")
        earlier = book.history(later.contract, known_at=instant_of("known_at", said.known_at), position=said.position)
        asked = question("availability")
        with progress(silent=as_json) as tell:
            found = compare(earlier, later, asked, read(asked, {"month": said.month}), said.reading, tell)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        show.comparison(found)


@click.group(
    cls=Family,
    epilog="Example: service-ledger dispute open D-1 --contract C1 --question availability --param month=2026-02 "
    "--reason 'our probes say otherwise' --by customer"
)
def dispute() -> None:
    """Open a dispute over a question, file evidence, replay it, record the decision, close it."""


@dispute.command("open")
@click.argument("name", metavar="DISPUTE")
@ledger_option
@_contract
@click.option("--question", required=True, help="The question in dispute, like availability.")
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of it, month=2026-02 (repeatable)."
)
@click.option("--reason", required=True, help="Why; no personal data.")
@click.option("--by", type=PARTIES, help="Which party; not told when left out.")
@click.option("--statement", "stated", help="The statement it contests.")
@_writer
@json_option
def open_dispute(
    name: str, url: str, contract: str | None, question: str, params: tuple[str, ...], reason: str, by: Any,
    stated: str | None, recorded_by: str, as_json: bool,
) -> None:  # fmt: skip
    """Open a dispute over a question, under an id of your own, like D-1."""
    from ledger.errors import Refused
    from ledger.events import DisputeOpened
    from projections.questions import question as find
    from projections.questions import read

    for param in params:
        if "=" not in param:
            raise Refused("bad_parameter", f"--param {param!r}: write name=value")
    given: dict[str, str] = {n: v for n, _, v in (param.partition("=") for param in params)}
    read(find(question), given)
    _record(
        url, contract, recorded_by,
        DisputeOpened(dispute=name, question=question, params=given, reason=reason, by=by, statement=stated), as_json,
    )  # fmt: skip


@dispute.command("file")
@click.argument("name", metavar="DISPUTE")
@ledger_option
@_contract
@click.option("--evidence", "evidence", multiple=True, required=True, help="sha256:<64 hex> or a URL (repeatable).")
@click.option("--reason", help="What it shows.")
@click.option("--by", type=PARTIES, help="Which party; not told when left out.")
@_writer
@json_option
def file_evidence(
    name: str, url: str, contract: str | None, evidence: tuple[str, ...], reason: str | None, by: Any, recorded_by: str,
    as_json: bool,
) -> None:  # fmt: skip
    """File evidence in a dispute."""
    from ledger.events import DisputeEvidenceFiled

    filed = DisputeEvidenceFiled(dispute=name, by=by, reason=reason, evidence=evidence)
    _record(url, contract, recorded_by, filed, as_json)


@dispute.command("replay")
@click.argument("name", metavar="DISPUTE")
@ledger_option
@_contract
@_known
@reading_option
@click.option("--record", "keep", is_flag=True, help="Record that it was replayed, with the answer's digest.")
@_writer
@json_option
def replay_dispute(
    name: str, url: str, contract: str | None, known_at: str | None, readings: tuple[str, ...], keep: bool,
    recorded_by: str, as_json: bool,
) -> None:  # fmt: skip
    """Answer the disputed question again, as known now or at another instant."""
    from hashlib import sha256

    from ledger import open_ledger
    from ledger.events import DisputeReplayed
    from ledger.spans import moment
    from projections.asking import ask
    from projections.finding import ceil_seconds
    from projections.questions import question
    from replays import disputes, show

    with open_ledger(url, create=False, read_only=not keep, recorded_by=recorded_by) as book:
        history = _history(book, contract, known_at)
        found = disputes.dispute(history, name)
        known = history.known_at or (book.clock() if keep else None)  # what is recorded can be asked again, to the byte
        reading = switches_of(readings)
        answer = ask(
            book, found.question, contract=history.contract, reading=reading, **found.params,
            known_at=None if known is None else moment(ceil_seconds(known)),
            position=None if known is None else history.position,
        )  # fmt: skip
        if keep and known is not None:
            digest = sha256(answer.to_json().encode()).hexdigest()
            event = DisputeReplayed(
                dispute=name, position=answer.position, answer_sha256=digest, known_at=moment(ceil_seconds(known)),
                note=f"reading: {', '.join(readings)}" if readings else None,
            )  # fmt: skip
            book.record([event], subject=f"contract:{history.contract}")
        if as_json:
            click.echo(answer.to_json())
        else:
            show.answer(answer, question(found.question), book)


@dispute.command("decide")
@click.argument("name", metavar="DISPUTE")
@ledger_option
@_contract
@click.option("--decision", required=True, help="What was decided; no personal data.")
@click.option("--by", type=PARTIES, required=True, help="Who decided.")
@click.option("--reading", "readings", multiple=True, metavar="SWITCH=VALUE", help="The reading decided (repeatable).")
@_writer
@json_option
def decide(
    name: str, url: str, contract: str | None, decision: str, by: Any, readings: tuple[str, ...], recorded_by: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Record a decision; it alters no fact."""
    from ledger.events import DisputeDecided
    from ledger.readings import DEFAULT

    switches = switches_of(readings)
    DEFAULT.with_switches(switches)
    decided = DisputeDecided(dispute=name, decision=decision, by=by, reading=switches)
    _record(url, contract, recorded_by, decided, as_json)


@dispute.command("close")
@click.argument("name", metavar="DISPUTE")
@ledger_option
@_contract
@click.option("--reason", help="Why.")
@_writer
@json_option
def close(name: str, url: str, contract: str | None, reason: str | None, recorded_by: str, as_json: bool) -> None:
    """Close a dispute."""
    from ledger.events import DisputeClosed

    _record(url, contract, recorded_by, DisputeClosed(dispute=name, reason=reason), as_json)


@dispute.command("list")
@ledger_option
@_contract
@_known
@json_option
def list_disputes(url: str, contract: str | None, known_at: str | None, as_json: bool) -> None:
    """List disputes."""
    import msgspec

    from replays import show
    from replays.disputes import disputes

    with read_only_ledger(url) as book:
        found = disputes(_history(book, contract, known_at))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    show.rows(
        [
            {"dispute": d.dispute, "state": d.state, "question": d.question, "params": d.params,
             "opened_at": d.opened_at, "by": d.opened_by, "reason": d.reason, "decision": d.decision}
            for d in found
        ],
        empty="no dispute is recorded",
    )  # fmt: skip


@dispute.command("show")
@click.argument("name", metavar="DISPUTE")
@ledger_option
@_contract
@_known
@json_option
def show_dispute(name: str, url: str, contract: str | None, known_at: str | None, as_json: bool) -> None:
    """Show one dispute: its timeline, holds, and the verdict as known now."""
    import msgspec

    from replays import disputes, show

    with read_only_ledger(url) as book:
        history = _history(book, contract, known_at)
        found = disputes.dispute(history, name)
        answer = disputes.replayed(history, found, {})
        seen = disputes.views(history, found)
    if as_json:
        click.echo(msgspec.json.encode({"dispute": found, "views": seen, "answer": answer}))
        return
    show.dispute(found, answer, seen)


def _record(url: str, contract: str | None, recorded_by: str, event: Any, as_json: bool) -> None:
    from ledger import open_ledger
    from ledger.events import DisputeOpened
    from replays.disputes import dispute as dispute_named

    with open_ledger(url, create=False, recorded_by=recorded_by) as book:
        named = contract or only_contract(book)
        if not isinstance(event, DisputeOpened):
            dispute_named(book.history(named), event.dispute)
        stream = f"contract:{named}"
        with by_itself():
            receipt = book.record([event], subject=stream)[0]
    click.echo(_json(receipt) if as_json else f"{receipt.outcome} at position {receipt.position} of {stream}")


def _json(value: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(value)
