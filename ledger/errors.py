"""Every way the ledger says no, named once: a stable code, what it means, and the exit status it gives.

A refusal is an answer to its caller, never a crash: nothing was written, and the message says what is
wrong, where, and what to do. Codes never change their meaning; doors translate them once.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_INTERNAL = 1  # a defect of ours
EXIT_USAGE = 2  # the words of the command are off
EXIT_INPUT = 3  # an event or a file of events was refused
EXIT_STORE = 4  # the ledger file or server cannot be used so
EXIT_QUESTION = 5  # the question cannot be answered as asked
EXIT_PROOF = 6  # a check of evidence failed

# code, exit status, what it means
REFUSALS: tuple[tuple[str, int, str], ...] = (
    # what an event says
    ("bad_json", EXIT_INPUT, "the line is not one JSON object"),
    ("bad_envelope", EXIT_INPUT, "the object is not a CloudEvents 1.0 event the ledger can take"),
    ("unknown_type", EXIT_INPUT, "no event of this type is in the vocabulary"),
    ("unknown_value", EXIT_INPUT, "the value is not one of those the field takes"),
    ("unknown_field", EXIT_INPUT, "the event has no such field"),
    ("missing_field", EXIT_INPUT, "a field the event needs is not there"),
    ("bad_field", EXIT_INPUT, "the field holds a value of another kind"),
    ("no_offset", EXIT_INPUT, "an instant without an offset from UTC"),
    ("second_60", EXIT_INPUT, "a leap second, which POSIX time cannot hold"),
    ("impossible_date", EXIT_INPUT, "a date or time that does not exist, or lies outside the years 1900 to 9000"),
    ("fraction_of_second", EXIT_INPUT, "facts are kept to the whole second"),
    ("occurred_after_recorded", EXIT_INPUT, "it says it happened after the ledger heard of it"),
    ("time_disagrees", EXIT_INPUT, "the envelope's time and the event's `at` differ"),
    ("not_after_start", EXIT_INPUT, "an end that is not after its start"),
    ("before_start", EXIT_INPUT, "earlier than what it follows"),
    ("missing_counts", EXIT_INPUT, "users affected without both counts, or absurd counts"),
    ("no_reason", EXIT_INPUT, "this fact needs a reason"),
    ("no_evidence", EXIT_INPUT, "this fact needs evidence"),
    ("bad_evidence", EXIT_INPUT, "evidence is `sha256:` and 64 hex digits, or a URL"),
    ("personal_data", EXIT_INPUT, "free text that looks like personal data"),
    ("text_too_long", EXIT_INPUT, "a text over its limit"),
    ("too_large", EXIT_INPUT, "an entry over 65,535 bytes"),
    ("input_too_large", EXIT_INPUT, "a line or a file over what is read of one"),
    ("unknown_format", EXIT_INPUT, "the file holds nothing of what the tool named writes"),
    ("bad_id", EXIT_INPUT, "an identifier that is empty, too long, or holds control characters"),
    # what may follow what
    ("unknown_stream", EXIT_INPUT, "nobody opened this contract or service"),
    ("wrong_stream", EXIT_INPUT, "this event does not belong in that stream"),
    ("end_without_start", EXIT_INPUT, "it ends or follows something never begun"),
    ("twice", EXIT_INPUT, "it was said already under another event id"),
    ("out_of_order", EXIT_INPUT, "it cannot follow what is recorded of the same thing"),
    ("unknown_reference", EXIT_INPUT, "it names something the stream does not know"),
    ("ineligible_option", EXIT_INPUT, "the contract does not allow this option (article 3)"),
    ("after_termination", EXIT_INPUT, "the contract had ended"),
    ("wrong_party", EXIT_INPUT, "this party may not record this fact"),
    ("unknown_target", EXIT_INPUT, "no such entry to correct or retract in this stream"),
    ("wrong_target", EXIT_INPUT, "that entry cannot be corrected or retracted so"),
    ("changed_identity", EXIT_INPUT, "a correction may not change what an entry is about"),
    ("already_retracted", EXIT_INPUT, "that entry is retracted already"),
    ("impossible_history", EXIT_INPUT, "after it, the stream would contradict itself"),
    ("figures_do_not_replay", EXIT_INPUT, "a statement whose figures the ledger does not find again"),
    ("conflict", EXIT_INPUT, "this source and id were recorded with other content"),
    ("clock_behind", EXIT_STORE, "the machine's clock is behind the ledger's last entry"),
    # terms and readings
    ("bad_terms", EXIT_INPUT, "the booklet cannot be used as written"),
    ("unknown_terms", EXIT_INPUT, "no booklet of that name is recorded or shipped"),
    ("unknown_switch", EXIT_QUESTION, "no reading has such a switch"),
    ("unknown_switch_value", EXIT_QUESTION, "the switch has no such value"),
    # questions
    ("unknown_question", EXIT_QUESTION, "there is no such question"),
    ("unknown_contract", EXIT_QUESTION, "the ledger knows no such contract at that moment"),
    ("unknown_id", EXIT_QUESTION, "the contract's history holds nothing of that name"),
    ("bad_parameter", EXIT_QUESTION, "the question's parameter cannot be read"),
    ("missing_parameter", EXIT_QUESTION, "the question needs another parameter"),
    ("bad_month", EXIT_QUESTION, "a month is written 2026-03"),
    ("bad_week", EXIT_QUESTION, "a week is written 2026-W09"),
    ("bad_date", EXIT_QUESTION, "a date is written 2026-03-31"),
    ("bad_instant", EXIT_QUESTION, "an instant is written 2026-03-31T09:00:00+02:00"),
    ("bad_position", EXIT_QUESTION, "a position is a whole number from 1 to the ledger's last"),
    ("bad_zone", EXIT_QUESTION, "no such time zone"),
    ("calendar_out_of_range", EXIT_QUESTION, "the calendar's table does not reach that date"),
    # the store
    ("no_ledger", EXIT_STORE, "there is no ledger at that place"),
    ("ledger_exists", EXIT_STORE, "there is a ledger at that place already"),
    ("same_ledger", EXIT_STORE, "both names lead to one ledger"),
    ("not_a_ledger", EXIT_STORE, "that file is not a ledger"),
    ("newer_ledger", EXIT_STORE, "written by a newer version of this software"),
    ("read_only", EXIT_STORE, "the ledger cannot be written"),
    ("locked", EXIT_STORE, "another process holds the ledger"),
    ("store_failed", EXIT_STORE, "the disk or the server failed; what was acknowledged is kept"),
    ("damaged_ledger", EXIT_STORE, "the stored bytes contradict themselves"),
    ("no_file", EXIT_USAGE, "the file cannot be read"),
    ("file_exists", EXIT_USAGE, "the file to write is there already; nothing is written over"),
    ("missing_extra", EXIT_USAGE, "an optional part of the software is not installed"),
    ("cannot_write", EXIT_STORE, "an output could not be written; what was recorded stands"),
    # evidence
    ("bad_key", EXIT_PROOF, "a key that is missing, unsafe or of another form"),
    ("bad_note", EXIT_PROOF, "a signed note that cannot be read or does not verify"),
    ("bad_proof", EXIT_PROOF, "a proof that does not hold"),
    ("bad_bundle", EXIT_PROOF, "a bundle that cannot be read strictly"),
    ("not_evidence", EXIT_PROOF, "neither a ledger, a bundle, a dossier nor a published log"),
    ("cut_short", EXIT_PROOF, "a bundle that does not end as one: cut short, or bytes after it"),
    ("over_limit", EXIT_PROOF, "larger than the verifier allows, or it claims more than it can hold"),
    ("bad_policy", EXIT_PROOF, "a trust policy that cannot be read strictly"),
    ("no_quorum", EXIT_PROOF, "too few of the policy's witnesses cosigned the head"),
    ("head_conflict", EXIT_PROOF, "this ledger contradicts a head already signed"),
    ("unknown_dispute", EXIT_QUESTION, "no such dispute is recorded"),
    ("unknown_statement", EXIT_QUESTION, "no such statement is recorded"),
)

EXIT_STATUS: dict[str, int] = {code: status for code, status, _ in REFUSALS}


class Refused(Exception):
    """The ledger said no, and nothing was written.

    `code` is one of `REFUSALS`; `message` one plain line; `line` the 1-based line of the input and
    `event_id` the event's own id, where there is one.
    """

    def __init__(self, code: str, message: str, line: int | None = None, event_id: str | None = None) -> None:
        assert code in EXIT_STATUS, code
        self.code = code
        self.message = message
        self.line = line
        self.event_id = event_id
        super().__init__(code, message, line, event_id)

    @property
    def exit_status(self) -> int:
        """The status of the code; what a line of the input is refused for is the input's fault, never a question's."""
        status = EXIT_STATUS[self.code]
        told_of_input = self.line is not None or self.event_id is not None
        return EXIT_INPUT if status == EXIT_QUESTION and told_of_input else status

    def at(self, line: int | None = None, event_id: str | None = None) -> Refused:
        """The same refusal, told where in the input it arose."""
        return Refused(self.code, self.message, self.line or line, self.event_id or event_id)

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        where += [f"event {self.event_id}"] if self.event_id is not None else []
        return f"{self.code}: " + (f"{', '.join(where)}: " if where else "") + self.message
