"""The command `service-ledger`: mounts every command, translates every refusal once, knows the wall clock.

Data goes to stdout, messages to stderr. Exit statuses: 0 done; 1 a defect of ours; 2 the command's words
are off; 3 an event or a file of events was refused; 4 the ledger cannot be used so; 5 the question cannot
be answered as asked; 6 a check of evidence failed; 130 interrupted. A command's module is imported only
when it runs.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from ledger import __version__

# name, module:function, one line for --help; in the order a new user meets them
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("demo", "replays.commands.demo:demo", "Build the demo ledger and show what can be asked of it."),
    ("init", "replays.commands.recording:init", "Make a new ledger."),
    ("record", "replays.commands.recording:record", "Record events from a file or stdin, all or nothing."),
    ("log", "replays.commands.recording:log", "Show entries: by stream, type, period, known time."),
    ("contracts", "replays.commands.recording:contracts", "List the contracts the ledger knows."),
    ("terms", "replays.commands.terms:terms", "Show booklets; record another one in the ledger."),
    ("ask", "replays.commands.asking:ask", "Ask a question, as of any instant, under any reading."),
    ("replay", "replays.commands.replay:replay", "Replay a question: two moments, every reading, named readings."),
    ("questions", "replays.commands.tables:questions", "List the questions and their parameters."),
    ("switches", "replays.commands.tables:switches", "List the switches of a reading, with values and reasons."),
    ("events", "replays.commands.tables:events", "List the event vocabulary."),
    ("codes", "replays.commands.tables:codes", "List refusal codes and exit statuses."),
    ("completion", "replays.commands.tables:completion", "Print shell completion for bash, zsh or fish."),
)


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _, _ in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for name, where, _ in COMMANDS:
            if name == cmd_name:
                module, _, attribute = where.partition(":")
                command = getattr(import_module(module), attribute)
                assert isinstance(command, click.Command)
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, _, line in COMMANDS])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Examples: `service-ledger demo` shows it all on a ledger made for it. `service-ledger ask availability "
    "--contract C1 --month 2026-03 --known-at 2026-04-02T00:00:00Z --explain` asks one question. "
    "The ledger is --ledger, or the environment's SERVICE_LEDGER, or ./service-ledger.db.",
)
@click.version_option(__version__, prog_name="service-ledger")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is done, as JSON lines.")
def root(verbose: bool) -> None:
    """An event-sourced ledger of service-level facts for SaaS contracts.

    It records outages, maintenance, backups, restores, updates and support as immutable events, and
    rebuilds availability, backup retention and breaches for any point in time, as known at any point in
    time.
    """
    if verbose:
        from ledger import journal

        journal.enable()


def main() -> None:
    """Run the command line; every refusal becomes one line on stderr and its exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    from ledger.errors import EXIT_INTERNAL, EXIT_USAGE, Refused

    try:
        status = root.main(arguments, prog_name="service-ledger", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except Refused as refused:
        click.echo(f"service-ledger: {refused}", err=True)
        return refused.exit_status
    except click.exceptions.NoArgsIsHelpError as usage:
        click.echo(usage.format_message(), err=True)
        return EXIT_USAGE
    except click.ClickException as usage:
        click.echo(f"service-ledger: usage: {usage.format_message()} (--help tells more)", err=True)
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("service-ledger: interrupted; nothing half-written", err=True)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as defect:
        if os.environ.get("SERVICE_LEDGER_DEBUG"):
            raise
        click.echo(
            f"service-ledger: internal: {type(defect).__name__}: {str(defect).splitlines()[:1]}; this is a defect of "
            "ours; SERVICE_LEDGER_DEBUG=1 shows where",
            err=True,
        )
        return EXIT_INTERNAL


if __name__ == "__main__":
    main()
