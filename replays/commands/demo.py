"""`service-ledger demo`: a ledger made for it, and the questions worth asking of it, with their commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ledger.counting import number_of
from replays.commands.options import json_option, line_of

DEFAULT_DEMO = "service-ledger-demo.db"


@click.command(epilog="Example: service-ledger demo --ledger tour.db")
@click.option("-L", "--ledger", "url", default=DEFAULT_DEMO, show_default=True, help="Where to build the demo ledger.")
@click.option("--build-only", is_flag=True, help="Build the ledger and ask nothing.")
@json_option
def demo(url: str, build_only: bool, as_json: bool) -> None:
    """Build the demo ledger and show what can be asked of it.

    It holds the real public history of the Jenkins project's infrastructure (contract C-REAL) and a
    simulated contract year (C-2041: backups with gaps, maintenance, outages, restores, updates, support),
    each fact recorded by a simulated clock at the moment it was learnt. With --json a line for the ledger, then
    one for each answer.
    """
    from ledger.demo import DEMO

    _build(url, as_json)
    if build_only:
        return
    tour = _tour(DEMO)
    for number, (why, question, params, known_at) in enumerate(tour, 1):
        command = _command(url, question, params, known_at)
        if not as_json:
            click.echo(f"\n({number}) {why}")
            click.echo(f"    $ {command}\n")
        _ask(url, question, params, known_at, {"why": why, "command": command} if as_json else None)
    if as_json:
        return
    click.echo("\nAdd --explain to any of them for the workings and the entries the answer rests on.")


def _build(url: str, as_json: bool) -> None:
    from ledger import open_ledger
    from ledger.demo import ORIGIN, record_demo
    from ledger.errors import Refused
    from ledger.store import shown

    before = 0
    if Path(url).exists() and Path(url).stat().st_size:  # one cut short at once left nothing in it
        with open_ledger(url, create=False) as book:
            opened, before = next((entry.event for _, entry in book.entries(1, 1)), None), book.position
        if before and getattr(opened, "origin", None) != ORIGIN:
            raise Refused("ledger_exists", f"{shown(url)} is another ledger; name another file with --ledger")
    drawn, place = _progress if sys.stderr.isatty() and not as_json else None, shown(url)
    told = record_demo(url, drawn)  # one that was cut short goes on
    if as_json:
        click.echo(line_of({"ledger": place, **told, "recorded": told["position"] - before}))
        return
    if told["position"] == before:
        click.echo(f"{place}: the demo ledger is there already", err=True)
        return
    click.echo(
        f"{place}: {number_of(told['events'], 'fact')} recorded, {told['simulated']} of them simulated, learnt between "
        f"{told['first_learnt_at'][:10]} and {told['last_learnt_at'][:10]}",
        err=True,
    )


def _progress(done: int, of: int) -> None:
    if done == of or done % 200 < 5:
        click.echo(f"\rrecording {done}/{of}" + ("\n" if done == of else ""), err=True, nl=False)


def _tour(names: dict[str, Any]) -> list[tuple[str, str, dict[str, str], str]]:
    """What is shown, why, and as known when."""
    corrected, end = names["corrected_month"], names["known_at"]
    contract = names["simulated_contract"]
    return [
        ("Availability of a month that broke the promise of 99.5 %", "availability",
         {"contract": contract, "month": names["breach_month"]}, end),
        ("Every promise broken in a year", "breaches",
         {"contract": contract, "first": names["first_month"], "last": names["last_month"]}, end),
        ("What was owed for each restore request", "restore_decision", {"contract": contract}, end),
        ("One month as known when its statement was due ...", "availability",
         {"contract": contract, "month": corrected["month"]}, corrected["before"]),
        ("... and the same month after a correction was recorded: the verdict turns", "availability",
         {"contract": contract, "month": corrected["month"]}, corrected["after"]),
        ("A real month of the Jenkins infrastructure, by its public status history", "availability",
         {"contract": names["real_contract"], "month": names["real_breach_month"]}, end),
    ]  # fmt: skip


def _command(url: str, question: str, params: dict[str, str], known_at: str) -> str:
    from ledger.store import shown

    options = " ".join(f"--{name} {value}" for name, value in params.items())
    return f"service-ledger ask {question} --ledger {shown(url)} {options} --known-at {known_at}"


def _ask(url: str, question: str, params: dict[str, str], known_at: str, told: dict[str, str] | None) -> None:
    """The answer for people; for programs, with what is `told` of it, as a line of JSON."""
    from projections.asking import ask
    from projections.questions import question as find
    from replays import show
    from replays.commands.options import read_only_ledger

    with read_only_ledger(url) as book:
        answer = ask(book, question, known_at=known_at, **params)  # type: ignore[arg-type]
        if told is None:
            show.answer(answer, find(question))
        else:
            click.echo(line_of({**told, "answer": answer}))
