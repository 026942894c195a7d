"""The group all commands hang from: it lists them without importing any, and imports the one that runs."""

from __future__ import annotations

import difflib
from importlib import import_module

import click

from ledger import __version__
from replays.command_list import COMMANDS, help_page


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

    def get_help(self, ctx: click.Context) -> str:
        return help_page()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="service-ledger")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is done, as JSON lines.")
def root(verbose: bool) -> None:
    """An event-sourced ledger of service-level facts for SaaS contracts."""
    if verbose:
        from ledger import journal

        journal.enable()
