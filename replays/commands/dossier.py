"""`service-ledger dossier`: a dispute in one file a judge can read, with the evidence that verifies it."""

from __future__ import annotations

import click

from ledger.counting import number_of
from replays.commands.asking import only_contract
from replays.commands.options import json_option, ledger_option, read_only_ledger, tell


@click.command(epilog="Example: service-ledger dossier D-1 --contract C-2041 --key ledger.key -o dossier.zip")
@click.argument("name", metavar="DISPUTE")
@ledger_option
@click.option("--contract", help="The contract's id; not needed when the ledger holds only one.")
@click.option("--known-at", metavar="INSTANT", help="As known at this instant; `now` when left out.")
@click.option(
    "-o", "--output", "--out", "out", default="dossier.zip", metavar="FILE", show_default=True,
    help="What to write; refused if it is there.",
)  # fmt: skip
@click.option("--key", metavar="FILE", help="Sign the present head with this key: a receipt for each entry relied on.")
@click.option("--no-pdf", is_flag=True, help="HTML only; needs no extra.")
@json_option
def dossier(
    name: str, url: str, contract: str | None, known_at: str | None, out: str, key: str | None, no_pdf: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Write a dispute's dossier: HTML and PDF in two languages, and the bundle that verifies it."""
    from ledger.book import wall_clock
    from ledger.heads import sign_head
    from ledger.keys import origin_of, read_key
    from ledger.spans import moment
    from projections.finding import ceil_seconds
    from projections.questions import instant_of
    from replays.commands.progress import progress
    from replays.dossier import write_dossier
    from replays.outputs import free, output_path

    written_to = free(output_path(out))
    asked = wall_clock() if known_at in (None, "now") else instant_of("--known-at", known_at)
    with read_only_ledger(url) as book:
        signer = None if key is None else read_key(key, origin_of(book.store))
        head = None if key is None else sign_head(book, key)
        with progress(silent=as_json) as drawn:
            told = write_dossier(
                book, contract or only_contract(book), name, moment(ceil_seconds(asked)), written_to,
                with_pdf=not no_pdf, checkpoint=head, key=signer, progress=drawn,
            )  # fmt: skip
    proven = "" if key is None else ", each with its receipt"
    relied = number_of(len(told.facts), "entry")
    tell(
        {
            "output": out, "dispute": told.dispute.dispute, "contract": told.contract, "state": told.dispute.state,
            "known_at": told.known_at, "relied_on": [fact.position for fact in told.facts], "signed": key is not None,
        },
        f"{out}: dispute {told.dispute.dispute}, {told.dispute.state}, {relied} relied on{proven}",
        as_json,
    )  # fmt: skip
