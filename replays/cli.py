"""The command `service-ledger`: names every command, translates every refusal once, knows the wall clock.

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

# name, module:function, one line for --help; in the order a new user meets them
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("demo", "replays.commands.demo:demo", "Build the demo ledger and show what can be asked of it."),
    ("init", "replays.commands.recording:init", "Make a new ledger."),
    ("record", "replays.commands.recording:record", "Record events from a file or stdin, all or nothing."),
    ("log", "replays.commands.log:log", "Show entries: by stream, type, period, known time."),
    ("contracts", "replays.commands.log:contracts", "List the contracts the ledger knows."),
    ("terms", "replays.commands.terms:terms", "Show booklets; record another one in the ledger."),
    ("ask", "replays.commands.asking:ask", "Ask a question, as of any instant, under any reading."),
    ("replay", "replays.commands.replay:replay", "Replay a question: two moments, every reading, named readings."),
    ("statement", "replays.commands.disputing:statement", "Issue monthly statements; see which need restating."),
    ("dispute", "replays.commands.disputing:dispute", "Open, feed, replay, decide and close a dispute."),
    ("hindsight", "replays.commands.hindsight:hindsight", "How late each breach could be known, what would turn it."),
    ("detect", "replays.commands.detect:detect", "Find verdicts that moved and maintenance that looks played."),
    ("dossier", "replays.commands.dossier:dossier", "Write a dispute as one file a judge can read and verify."),
    ("due", "replays.commands.due:due", "What is due next: every running clock; list, JSON or calendar file."),
    ("obligations", "replays.commands.obligations:obligations", "List what is owed, or where a contract stands on it."),
    ("copy", "replays.commands.copy:copy", "Copy a ledger to another file or server, verified."),
    ("key", "replays.commands.evidence:key", "Make, show and retire the keys that sign heads."),
    ("checkpoint", "replays.commands.evidence:checkpoint", "Sign the present head, every byte read again first."),
    ("receipt", "replays.commands.evidence:receipt", "Prove that an entry is in the ledger, against a head."),
    ("verify-receipt", "replays.commands.evidence:verify_receipt", "Check a receipt, without ledger or network."),
    ("prove", "replays.commands.evidence:prove", "Prove that the ledger continues a head somebody holds."),
    ("verify-growth", "replays.commands.evidence:verify_growth", "Check such a proof against the head you hold."),
    ("export", "replays.commands.auditing:export", "Write one contract's evidence for an auditor: bundle or tables."),
    ("verify", "replays.commands.auditing:verify", "Verify a ledger, a bundle or a published log, trusting nobody."),
    ("publish", "replays.commands.evidence:publish", "Write the ledger as static files, all entries or hashes only."),
    ("timestamp", "replays.commands.witnessing:timestamp", "Have a head's time told by an authority (RFC 3161)."),
    ("witness", "replays.commands.witnessing:witness", "Cosign heads of somebody's ledger, as their witness."),
    ("views", "replays.commands.views:views", "Answers in SQL tables: build them, follow live, see how far they are."),
    ("questions", "replays.commands.tables:questions", "List the questions and their parameters."),
    ("switches", "replays.commands.tables:switches", "List the switches of a reading, with values and reasons."),
    ("events", "replays.commands.tables:events", "List the event vocabulary."),
    ("codes", "replays.commands.tables:codes", "List refusal codes and exit statuses."),
    ("completion", "replays.commands.tables:completion", "Print shell completion for bash, zsh or fish."),
)

SUMMARY = """An event-sourced ledger of service-level facts for SaaS contracts.

  It records outages, maintenance, backups, restores, updates and support as
  immutable events, and rebuilds availability, backup retention and breaches
  for any point in time, as known at any point in time."""
OUTPUT_FAILED = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG)  # of a stream nobody named
OPTIONS = (
    ("--version", "Show the version and exit."),
    ("-v, --verbose", "Say on stderr what is done, as JSON lines."),
    ("-h, --help", "Show this message and exit."),
)
EXAMPLES = """Examples:
    service-ledger demo
        shows it all on a ledger made for it
    service-ledger ask availability --ledger service-ledger-demo.db \\
        --contract C-2041 --month 2026-02 --known-at 2026-03-05T00:00:00Z --explain
        asks one question of it, as known at an instant, with its workings

  The ledger is --ledger, or the environment's SERVICE_LEDGER, or ./service-ledger.db."""


def help_page() -> str:
    """The first page of help."""
    lines = ["Usage: service-ledger [OPTIONS] COMMAND [ARGS]...", "", f"  {SUMMARY}", "", "Options:"]
    lines += [f"  {name:<13}  {what}" for name, what in OPTIONS]
    wide = max(len(name) for name, _, _ in COMMANDS)
    lines += ["", "Commands:", *(f"  {name:<{wide}}  {what}" for name, _, what in COMMANDS), "", f"  {EXAMPLES}"]
    return "\n".join(lines)


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
