"""`service-ledger terms`: the booklets shipped and recorded, and recording another one."""

from __future__ import annotations

import json

import click

from replays.commands.options import Family, by_itself, json_option, ledger_option, read_only_ledger, tell


@click.group(
    cls=Family,
    epilog="Example: service-ledger terms record my-booklet.toml --effective-from 2026-01-01T00:00:00+01:00",
)
def terms() -> None:
    """Show booklets; record another one, or a new version of one, in the ledger."""


@terms.command("list")
@ledger_option
@json_option
def list_terms(url: str, as_json: bool) -> None:
    """List the booklets recorded in the ledger, by version."""
    from ledger.events import TermsVersionPublished
    from replays import show

    with read_only_ledger(url) as book:
        rows = [
            {
                "position": position,
                "terms": entry.event.terms,
                "version": entry.event.version,
                "effective_from": entry.event.effective_from.isoformat(),
                "recorded_at": entry.recorded_at.isoformat(timespec="seconds"),
            }
            for position, entry in book.stream("ledger")
            if isinstance(entry.event, TermsVersionPublished)
        ]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        show.rows(rows, empty="no booklet is recorded")


@terms.command("check")
@click.argument("file", metavar="BOOKLET")
@json_option
def check(file: str, as_json: bool) -> None:
    """Check whether a ledger can run on a booklet: a TOML file, or one that is shipped (cegid-expert, always-on)."""
    from ledger.terms import load_booklet

    booklet = load_booklet(file)
    tell(
        {"booklet": file, "terms": booklet.id, "version": booklet.version, "verdict": "ok"},
        f"{file}: booklet {booklet.id} version {booklet.version} can be used",
        as_json,
    )


@terms.command("record")
@click.argument("file", metavar="BOOKLET")
@ledger_option
@click.option(
    "--effective-from", required=True, metavar="INSTANT", help="When it takes effect, 2026-01-01T00:00:00+01:00."
)
@click.option("--recorded-by", default="operator", show_default=True, help="Who records, as a pseudonym.")
@json_option
def record_terms(file: str, url: str, effective_from: str, recorded_by: str, as_json: bool) -> None:
    """Record a booklet, a TOML file or one that is shipped, whole, as a fact with a date like any other."""
    from ledger import open_ledger
    from ledger.events import CalendarPublished
    from ledger.published import published_calendar, published_terms
    from ledger.terms import load_booklet
    from ledger.workdays import load_calendar
    from projections.questions import instant_of

    booklet = load_booklet(file)
    since = instant_of("--effective-from", effective_from)
    events: list[object] = [published_terms(booklet, since)]
    with open_ledger(url, create=False, recorded_by=recorded_by) as book:
        known = {e.event.calendar for _, e in book.stream("ledger") if isinstance(e.event, CalendarPublished)}
        if booklet.calendar is not None and booklet.calendar not in known:
            events.append(published_calendar(load_calendar(booklet.calendar), since))
        with by_itself():
            receipts = book.record(events, subject="ledger")
    if as_json:
        import msgspec

        click.echo(b"\n".join(map(msgspec.json.encode, receipts)))
        return
    click.echo(
        f"booklet {booklet.id} version {booklet.version}: {receipts[0].outcome}, position {receipts[0].position}"
    )
