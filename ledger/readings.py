"""Where the booklet is silent or contradicts itself: each open choice a named switch, all of them one reading.

A switch's first value is its default. The defaults follow one order of interpretation: clear words are
not interpreted (Code civil 1192); the clauses explain each other (1189); a meaning that gives a clause
an effect goes before one that gives it none (1191); what stays in doubt binds the author of a standard
form (1190); who invokes an exception proves it (1353). No other value is less honest for that: it is
what the other party will plead. Unknown switches and values are refused, never ignored.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NoReturn

from msgspec import Struct

from ledger.errors import Refused

Lean = Literal["customer", "provider", "neutral"]

# the questions that many switches turn, by family
_RATE = ("availability",)
_WORK = ("maintenance",)
_HELP = ("support_response",)
_FAULT = ("anomaly",)
_KEPT = ("backup_retention", "backup_deletions", "backup_copies", "restorable", "restore_decision")
_EVERY = ("*",)


class Switch(Struct, frozen=True):
    """One open choice: its values in order, default first, each with what it makes of the facts.

    `amb` is its row among the ambiguities, empty for the one switch that is not about the text;
    `article` and `obligations` say where it is applied; `questions` which answers it can turn (the
    register, `breaches`, asks them all); `lean` is the party the default favours against the other
    values, `neutral` where that depends on the facts; `why` is the reason of the default.
    """

    name: str
    choices: tuple[tuple[str, str], ...]
    amb: str
    article: str
    obligations: tuple[str, ...]
    questions: tuple[str, ...]
    lean: Lean
    why: str

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(value for value, _ in self.choices)

    @property
    def default(self) -> str:
        return self.choices[0][0]

    def bears_on(self, question: str) -> bool:
        """Whether an answer to this question may change with the switch."""
        return question == "breaches" or "*" in self.questions or question in self.questions


# fmt: off
SWITCHES: tuple[Switch, ...] = (
    # articles 5 and 6: access, maintenance, availability
    Switch("blocking_limit",
           (("local_22", "no blocking before 22:00 legal time, all year"),
            ("literal_cet", "no blocking before 22:00 UTC+1, which is 23:00 in summer")),
           "Amb-01", "5", ("A5.5",), _WORK, "provider",
           "the same sentence writes CET and CEST for the slot: CET is short for Paris time (1188, 1189)"),
    Switch("emergency",
           (("as_declared", "blocking work declared an emergency, with its urgency, is excluded"),
            ("not_accepted", "no emergency is excluded"),
            ("evidenced_only", "only an emergency recorded with evidence is excluded")),
           "Amb-02", "5, 6", ("A5.6", "A6.3"), (*_RATE, *_WORK), "provider",
           "the text sets no cap, only that the stop be urgent; a late or bare declaration shows as contested"),
    Switch("window_exclusion",
           (("temporal", "what happens in the maintenance window is excluded, whatever its cause"),
            ("causal", "a stop for planned work is excluded even where it overruns the window")),
           "Amb-03", "1, 6", ("A1.6", "A6.3"), _RATE, "customer",
           "article 1 defines the window as a period; overrunning it is no emergency by itself"),
    Switch("notice_clock",
           (("elapsed", "48 hours are 172,800 seconds that pass"),
            ("wall", "48 hours are read on the clock of the wall")),
           "Amb-04", "5", ("A5.3",), _WORK, "neutral",
           "a delay in hours runs hour by hour: across a clock change the customer gains or loses a real hour"),
    Switch("reschedule_notice",
           (("material_change", "a new slot inside the announced one keeps its notice, any other starts it anew"),
            ("any_change", "every change starts the notice anew"),
            ("never", "the first announcement counts")),
           "Amb-05", "5", ("A5.3",), _WORK, "neutral",
           "notice exists so that the customer knows 48 hours ahead that this time is at risk"),
    Switch("holidays",
           (("fr_metro", "the 11 public holidays of metropolitan France"),
            ("fr_alsace_moselle", "the same, Good Friday and 26 December")),
           "Amb-07", "1, 5, 6, 12.6", ("A1.8", "A5.2", "A5.5", "A6.1", "A12.2a", "A12.3a", "A12.3b"),
           (*_RATE, *_WORK, *_HELP, *_FAULT, "dossier_recovery", "deletion_coherence"), "neutral",
           "\"jours fériés français\" is the national list; a local one needs an annex"),
    Switch("night_outage",
           (("reported_not_rated", "an outage at night is shown beside the rate"),
            ("breach_of_access", "an outage at night that no maintenance explains breaks the opening duty")),
           "Amb-08", "5", ("A5.1",), _RATE, "provider",
           "the reference period is the only slot that is guaranteed"),
    Switch("unannounced",
           (("no_td_effect", "short notice is a finding of its own"),
            ("counts", "work without its notice has no shelter in the window")),
           "Amb-09", "5, 6", ("A5.3", "A6.3"), _RATE, "provider",
           "the list of exclusions does not depend on notice: findings stay separate"),
    Switch("overlap",
           (("union", "a second lost in two outages is lost once"),
            ("sum", "each outage counts whole")),
           "Amb-10", "6", ("A6.4",), _RATE, "provider",
           "TI is the time of unavailability \"du Service\"; a sum could pass the reference period"),
    Switch("partial_effect",
           (("exclude", "an outage of some users is shown, not counted"),
            ("any", "an outage of some users counts whole"),
            ("prorata", "it counts by the share of users affected")),
           "Amb-11", "6", ("A6.2",), _RATE, "provider",
           "the definition looks at the Service, not at a user; a login failure of the whole client is not partial"),
    Switch("prt_month",
           (("clipped_to_service", "the reference period runs only while the service is supplied"),
            ("whole_month", "the reference period is the whole month's")),
           "Amb-12", "6", ("A6.1",), _RATE, "customer",
           "availability cannot be promised before supply, after the end, or in a suspension"),
    Switch("month_split",
           (("split", "each month owns its seconds"),
            ("start_month", "an outage belongs whole to the month it began in")),
           "Amb-14", "6", ("A6.1",), _RATE, "neutral",
           "\"base mensuelle\": a month is judged on what happened in it"),
    Switch("open_outage",
           (("until_known_at", "an outage still open runs to the moment of knowledge"),
            ("ignore", "an outage counts once it is over")),
           "Amb-15", "6", ("A6.1",), _RATE, "customer",
           "what is known is counted, and the answer is marked provisional"),
    Switch("prt_basis",
           (("full_month", "a running month is rated on its whole reference period"),
            ("elapsed", "a running month is rated on the reference period so far")),
           "Amb-15", "6", ("A6.1",), _RATE, "provider",
           "the promise is monthly, so its allowance is the month's"),
    Switch("concurrent",
           (("excluded_only_where_sole_cause", "an exclusion holds only where nothing of the provider's failed too"),
            ("excluded_if_any", "an exclusion holds wherever its ground does")),
           "Amb-29", "6", ("A6.3",), _RATE, "customer",
           "the provider invokes the exclusion and proves it, interval by interval (1353)"),
    Switch("notice_reference",
           (("published", "notice runs from publication"),
            ("planned", "notice runs from the provider's own planning"),
            ("received", "notice runs from receipt by the customer")),
           "Amb-33", "5", ("A5.3",), _WORK, "neutral",
           "a plan the customer cannot see gives no advance"),
    Switch("month_kind",
           (("calendar", "a month is a calendar month"),
            ("contract_month", "a month runs from the contract's day of the month")),
           "Amb-35", "6", ("A6.1",), _RATE, "neutral", "the usual sense of a month"),
    Switch("slot_overrun",
           (("observation", "running past the announced slot inside the window is noted"),
            ("notice_breach", "the excess was not planned 48 hours ahead and breaks the notice")),
           "Amb-36", "5", ("A5.3",), _WORK, "provider",
           "inside the window no rule is broken by it"),
    Switch("relabel",
           (("contested_until_accepted", "an outage called an emergency afterwards is contested until accepted"),
            ("accepted", "the later word holds at once")),
           "Amb-38", "5, 6", ("A5.6", "A6.3"), (*_RATE, *_WORK), "customer",
           "later knowledge is allowed, and visible by when it was recorded"),
    # article 9: backups and restores
    Switch("night",
           (("window_20_07_start", "a night's backup starts between 20:00 and 07:00"),
            ("calendar_date", "a night's backup starts on its date")),
           "Amb-16", "5, 9", ("A9.2",), ("backup_nights",), "neutral",
           "article 5, \"toutes les nuits entre 20:00 et 7:00\", is the only definition of a night"),
    Switch("retention_count",
           (("calendar_days_after", "the day of the backup is not counted; the last day ends at 24:00"),
            ("hours", "7 days are 168 hours from completion"),
            ("first_day_counts", "the day of the backup is the first day")),
           "Amb-17", "9", ("A9.2", "A9.3", "A9.4"), (*_KEPT, "deletion_coherence"), "customer",
           "the day of the act is not counted and the last one ends at 24:00 (CPC 641, 642 by analogy)"),
    Switch("tier_retention",
           (("duration", "a backup is kept for its time"),
            ("generations", "the last 7, 4 and 2 are kept, as pruning tools do")),
           "Amb-27", "9", ("A9.2", "A9.3", "A9.4", "A9.8"), _KEPT, "neutral",
           "\"conservée\" with a duration says how long, not how many"),
    Switch("restore_target",
           (("any_retained_state", "any state still kept may be asked for"),
            ("last_backup_only", "only the last backup may be asked for")),
           "Amb-31", "9", ("A9.1",), ("restorable", "restore_decision"), "customer",
           "else keeping 7, 4 and 2 has no use (1191); only office files say \"dernière sauvegarde\""),
    # article 10: updates
    Switch("regulatory_patch_notice",
           (("by_version_number", "announced if it changes the version number"),
            ("always", "a regulatory patch is always announced"),
            ("never", "a regulatory patch is never announced")),
           "Amb-21", "10", ("A10.2a", "A10.3"), ("updates",), "neutral",
           "10.1 knows two classes only, told apart by the version number"),
    # article 12: support and anomalies
    Switch("support_hours",
           (("art_12_2", "the afternoon opens at 14:30"),
            ("art_12_6", "the afternoon opens at 14:00")),
           "Amb-06", "12.2, 12.6", ("A12.2a", "A12.2b", "A12.3a", "A12.6", "A12.7"), (*_HELP, *_FAULT), "provider",
           "12.2 says \"ouvert\" beside the commitment, 12.6 is about the telephone: both keep an effect"),
    Switch("support_period",
           (("anniversary", "twelve months from each anniversary of the start of support"),
            ("rolling", "the twelve months before any day")),
           "Amb-18", "12.2", ("A12.2b",), _HELP, "neutral", "the text fixes the start of the period"),
    Switch("out_of_hours",
           (("next_opening", "a request registered out of hours starts at the next opening"),
            ("not_counted", "a request registered out of hours is not counted")),
           "Amb-19", "12.2", ("A12.2a", "A12.2b"), _HELP, "customer",
           "\"intervenu pendant les Heures ouvrées\" dates the start of the delay, it does not drop the request"),
    Switch("private_hours",
           (("art_12_10", "Private's delays run in its extended hours"),
            ("art_12_2", "Private's delays run in the hours of Open")),
           "Amb-19", "12.2, 12.10", ("A12.2a", "A12.2b", "A12.3a", "A12.10"), (*_HELP, *_FAULT), "customer",
           "extended hours are the \"période d'ouverture\" of a Private customer"),
    Switch("working_day_end",
           (("midnight", "the last working day ends at 24:00"),
            ("closing", "it ends when support closes"),
            ("same_time", "it ends at the hour of the qualification")),
           "Amb-20", "12.3", ("A12.3b",), _FAULT, "provider", "a delay in days ends at 24:00 (CPC 642)"),
    Switch("anomaly_clock",
           (("qualified_and_reproduced", "the delay runs from the end of qualification and reproduction"),
            ("end_of_8h", "the delay runs from the end of the response delay")),
           "Amb-20", "12.3", ("A12.3a", "A12.3b"), _FAULT, "provider",
           "\"à l'issue de cette qualification et de cette reproduction\""),
    Switch("reclassified",
           (("from_reclassification", "another criticality starts its own delay"),
            ("from_first", "the delay runs from the first qualification")),
           "Amb-20", "12.3", ("A12.3a", "A12.3b"), _FAULT, "provider",
           "the delay of a criticality follows the qualification that found it"),
    # article 4: dossiers, recette, storage
    Switch("dossier_years",
           (("completed", "billing begins on the 1 January after six completed years"),
            ("ordinal", "billing begins at the start of the sixth year, five years completed")),
           "Amb-22", "4", ("A4.1", "A4.2"), ("dossier_schedule", "dossier_billing", "dossier_state"), "customer",
           "only completed years make \"moins de 6 ans\", \"minimum 6 ans\" and \"jusqu'à 11 mois\" true at once"),
    Switch("dec25", (("inclusive", "a dossier may be unticked until 25 December 24:00"),),
           "Amb-23", "4", ("A4.2",), ("dossier_schedule", "dossier_billing"), "neutral",
           "\"jusqu'au 25 décembre\" takes the day in"),
    Switch("monthly_25", (("exclusive", "unticking on the 25th is too late for this month"),),
           "Amb-23", "4", ("A4.3",), ("dossier_billing",), "neutral", "\"avant le 25\" leaves the day out"),
    Switch("stop",
           (("end_of_month", "billing stops with the month"),
            ("day_to_day", "billing stops a month after the day of unticking")),
           "Amb-23", "4", ("A4.3",), ("dossier_billing",), "customer",
           "billing is by the month, so it stops with one"),
    Switch("recovery_45d",
           (("strict", "the 45th day is the last, whatever day it is"),
            ("extended_642", "a 45th day that is not worked moves to the next working day")),
           "Amb-23", "4", ("A4.5",), ("dossier_recovery", "deletion_coherence"), "provider",
           "words as written; the extension of CPC 642 is for delays of procedure"),
    Switch("refresh_year",
           (("contract", "two in each year of the contract"),
            ("civil", "two in each calendar year"),
            ("rolling", "two in any twelve months")),
           "Amb-24", "4", ("A4.7",), ("recette_refreshes",), "neutral", "a subscription counts in its own years"),
    Switch("gigabyte",
           (("decimal", "1 GO is 1,000,000,000 bytes"),
            ("binary", "1 GO is 1,073,741,824 bytes")),
           "Amb-25", "4", ("A4.8",), ("storage",), "provider", "the unit of the International System"),
    Switch("pooled",
           (("yes", "the space of all users is one"),
            ("per_user", "each user has its own limit")),
           "Amb-25", "4", ("A4.8",), ("storage",), "customer", "the space is \"commun\""),
    # article 14: invoices
    Switch("billing_quarter",
           (("anniversary", "quarters run from the first invoice"),
            ("civil", "quarters are those of the year")),
           "Amb-26", "14", ("A14.1", "A14.2"), ("billing_dates",), "neutral", "the first invoice starts the term"),
    # what counts as known
    Switch("knowledge",
           (("recorded", "known since the ledger recorded it"),
            ("attested", "known since its source attests it knew, for facts recorded later")),
           "", "", (), _EVERY, "neutral", "the ledger vouches for its own clock only"),
)

# The rows that leave no choice to a reader: what was settled, and why.
SETTLED: tuple[tuple[str, str, str], ...] = (
    ("Amb-13", "no reference period in a month: not applicable", "the formula has no value, neither 100 nor 0"),
    ("Amb-18", "pending requests are not counted; one missed of one is a breach", "no least sample is written"),
    ("Amb-28", "whole seconds, second 60 refused, verdicts on exact fractions", "99.50 displayed is not 99.50"),
    ("Amb-30", "only specific developments written in the Perimeter", "the last sentence reconciles the two (1189)"),
    ("Amb-32", "emergency work inside the window changes no rate", "\"à tout moment\" only widens"),
    ("Amb-34", "Friday evening is restricted; Sunday night and a holiday evening are free",
     "Saturday 00:00 is Saturday; on holidays \"à tout moment\""),
    ("Amb-37", "work in the reference period counts, and breaks article 5", "notice is no exclusion"),
    ("Amb-39", "Auteur: the publisher; Documentation: the current one; Environnement: annex 1; Portail: Cegidlife; "
     "12.7 \"ouverture du Service\": support hours", "words the booklet uses without defining"),
    ("Amb-40", "the calendar in force on the day", "the past is not recomputed with a new calendar unless asked"),
)
# fmt: on

_BY_NAME: dict[str, Switch] = {switch.name: switch for switch in SWITCHES}


def switch_named(name: str) -> Switch:
    """The switch of that name; `Refused("unknown_switch")`, with the nearest name, where there is none."""
    try:
        return _BY_NAME[name]
    except (KeyError, TypeError):
        near = difflib.get_close_matches(str(name), _BY_NAME, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; `service-ledger switches` lists them"
        raise Refused("unknown_switch", f"no switch is named {name!r}{hint}") from None


def parse_switch(text: str) -> tuple[str, str]:
    """`"overlap=sum"` -> `("overlap", "sum")`, checked against the table."""
    name, sign, value = (part.strip() for part in text.partition("="))
    if not sign:
        raise Refused("unknown_switch", f"{text!r} is not a switch and its value; write overlap=sum")
    return name, _checked(name, value)


def _checked(name: str, value: object) -> str:
    switch = switch_named(name)
    if not isinstance(value, str) or value not in switch.values:
        listed = " or ".join(switch.values)
        raise Refused("unknown_switch_value", f"switch {name} has no value {value!r}; write {listed}")
    return value


class Reading(Mapping[str, str]):
    """One value for every switch, in the table's order; frozen, compared and hashed by value.

    Made from `DEFAULT` by `with_switches`; read as `reading.overlap`, `reading["overlap"]` or
    `reading.as_dict()`. `knowledge` alone is not about the contract's text.
    """

    def __init__(self, switches: Mapping[str, str] = {}) -> None:
        for name in switches:
            switch_named(name)
        values = {s.name: _checked(s.name, switches[s.name]) if s.name in switches else s.default for s in SWITCHES}
        self.__dict__.update(values)

    def with_switches(self, switches: Mapping[str, str]) -> Reading:
        """This reading with some switches set otherwise.

        Raises `Refused`: `unknown_switch`, naming the nearest; `unknown_switch_value`, listing the values.
        """
        for name, value in switches.items():
            _checked(name, value)
        changed = Reading.__new__(Reading)
        changed.__dict__.update(self.__dict__ | dict(switches))
        return changed

    def as_dict(self) -> dict[str, str]:
        """Every switch and its value, in the table's order, as answers carry it."""
        return dict(self.__dict__)

    def changed(self) -> dict[str, str]:
        """The switches that are not at their default, in the table's order."""
        return {name: value for name, value in self.__dict__.items() if value != _BY_NAME[name].default}

    def __getitem__(self, name: str) -> str:
        value: str = self.__dict__[name]
        return value

    def __getattr__(self, name: str) -> str:  # only reached where there is no such switch
        raise AttributeError(f"no switch is named {name!r}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reading) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        return f"Reading({self.changed()!r})"

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("a reading does not change; use with_switches")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a reading does not change; use with_switches")


DEFAULT = Reading()
