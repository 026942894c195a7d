"""Every command by its name, and the first page of help; nothing is imported to show it."""

from __future__ import annotations

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
