"""The command `service-ledger`: runs the command that is named, translates every refusal once.

Data goes to stdout, messages to stderr. Exit statuses: 0 done; 1 a defect of ours; 2 the command's words
are off; 3 an event or a file of events was refused; 4 the ledger cannot be used so; 5 the question cannot
be answered as asked; 6 a check of evidence failed; 130 interrupted. A command's module is imported only
when it runs, and nothing at all for the first page of help.
"""

from __future__ import annotations

import errno
import os
import sys

from ledger import __version__
from replays.command_list import help_page

OUTPUT_FAILED = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG)  # of a stream nobody named


def main() -> None:
    """Run the command line; every refusal becomes one line on stderr and its exit status."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # whoever started us closed it
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):  # a narrow terminal shows a mark for what it cannot write
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    status = None
    try:
        status = _first_page(arguments)
        if status is None:
            status = _command(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _say("interrupted; nothing half-written", 130)
    except BrokenPipeError:  # whoever read our output had enough
        _give_up_stdout()
        return status or 0
    except Exception as defect:
        if isinstance(defect, OSError) and (defect.filename or defect.errno in OUTPUT_FAILED):
            return _cannot_write(defect)
        if os.environ.get("SERVICE_LEDGER_DEBUG"):
            raise
        first = (str(defect).splitlines() or [""])[0]
        message = f"internal: {type(defect).__name__}: {first}; this is a defect of ours"
        return _say(f"{message}; SERVICE_LEDGER_DEBUG=1 shows where", 1)


def _first_page(arguments: list[str]) -> int | None:
    """Help and version without importing anything; None for all else."""
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(help_page() + "\n")
    elif arguments == ["--version"]:
        sys.stdout.write(f"service-ledger, version {__version__}\n")
    else:
        return None
    return 0


def _command(arguments: list[str]) -> int:
    import click

    from ledger.errors import EXIT_USAGE, Refused
    from replays.commands.root import root

    streams = sys.stdout, sys.stderr
    try:
        status = root.main(arguments, prog_name="service-ledger", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except Refused as refused:
        return _say(str(refused), refused.exit_status)
    except click.exceptions.NoArgsIsHelpError as usage:
        sys.stderr.write(usage.format_message() + "\n")
        return EXIT_USAGE
    except click.ClickException as usage:
        return _say(f"usage: {' '.join(usage.format_message().split())} (--help tells more)", EXIT_USAGE)
    except click.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as ended:  # click's own way out: completion, and a closed pipe, whose streams it then wraps
        if sys.stdout is not streams[0]:
            sys.stdout, sys.stderr = streams
            raise BrokenPipeError from None
        return ended.code if isinstance(ended.code, int) else 0


def _say(message: str, status: int) -> int:
    """One line on stderr, whatever an event or a file name brought into it."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    sys.stderr.write(f"service-ledger: {shown}\n")
    return status


def _cannot_write(error: OSError) -> int:
    """A file that was named, or stdout; the ledger's own files refuse by themselves."""
    if not error.filename:
        _give_up_stdout()
    where = error.filename or "the output"
    return _say(f"cannot_write: {where}: {error.strerror}; what was recorded stands", 4)


def _give_up_stdout() -> None:
    """So that the interpreter does not complain of the closed pipe once more when it ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:
        return


if __name__ == "__main__":
    main()
