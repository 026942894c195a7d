"""One language of a page: names, values, sentences of rules and facts of the ledger, as its reader is shown them.

English keeps the software's own words, made readable; French takes every word from the tables. Ids, codes, hashes
and quoted data are shown as they are, quoted where they are sentences.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ledger.counting import agreed
from ledger.readings import SWITCHES, switch_named
from ledger.spans import Instant
from ledger.zones import local_moment
from replays.words import moments, tables
from replays.words.tables import FIRM, NARROW

NOTHING = "–"
NUMBER = "#"  # in place of a field's name: a text of digits is a number here, not an id or a version
PLAIN = {"positions", "position", "because", "entries", "target", "size", "year", "format"}  # numbers that are names
ENDING = re.compile(r"\((s|x)\)")
AFTER_NUMBER = re.compile(r"{(\w+)}((?:[ \u00a0][^\W\d_]+(?:\((?:s|x)\))?){1,3})")
UNITS = ("seconds", "bytes", "minutes", "percent")
UNIT_OF = {"excluded_by_ground": "seconds"}
SPANS_OF_DAYS = {"billed_days"}  # lists of first and last day, both included
CAPITALS = {"td", "ti", "prt", "id"}
SAID = {"reason", "note", "decision", "rationale", "urgency_reason", "cause_hint", "origin"}  # in people's own words
PERIODS = (("month", moments.MONTH), ("week", moments.WEEK))
HIDDEN = ("content", "lists")  # of a fact: a whole booklet, a whole calendar; the bundle holds them
_SWITCHES = {switch.name for switch in SWITCHES}


class Language(Struct, frozen=True):
    """A language by its code, `en` or `fr`, and the zone whose legal time it writes.

    With `quotes` it shows a fact: what people wrote in one is theirs, though a rule may use the same word.
    """

    code: str
    zone: str
    quotes: bool = False

    @property
    def colon(self) -> str:
        return f"{NARROW}: " if self.code == "fr" else ": "

    @property
    def semicolon(self) -> str:
        return f"{NARROW}; " if self.code == "fr" else "; "

    def quote(self, text: str) -> str:
        return f"«{NARROW}{text}{NARROW}»" if self.code == "fr" else f"“{text}”"

    def day(self, at: Instant) -> str:
        """The day an instant falls on by legal time."""
        return moments.day(self.code, local_moment(self.zone, at).date())

    # --- names ---

    def label(self, name: str, *within: str) -> str:
        """The name of a field, by what it stands within where that differs; a day in words; an id as it is."""
        if not self.known(name):
            return self.percentile(name) or moments.said(self.code, self.zone, name) or name
        if self.code == "fr":
            tabled = (tables.fields_within().get(outer, {}).get(name) for outer in reversed(within))
            own = next((found for found in tabled if found), None)
            return own or tables.fields().get(name) or tables.words().get(name) or tables.switches()[name]["about"]
        if name in tables.english():
            return tables.english()[name]
        parts = name.split("_")
        parts = parts[:-1] if len(parts) > 1 and parts[-1] in UNITS else parts
        return " ".join(part.upper() if part in CAPITALS else part for part in parts)

    def label_of(self, name: str, value: Any, *within: str) -> str:
        """The name of a field by its value too: a first or last day may be a month or a week, an end a whole month."""
        kind = next((k for k, form in PERIODS if isinstance(value, str) and re.fullmatch(form, value)), None)
        return tables.by_period().get(f"{name}/{kind}", {}).get(self.code) or self.label(name, *within)

    def percentile(self, name: str) -> str | None:
        """`p90` in words."""
        found = re.fullmatch(r"p(\d+)", name)
        if found is None:
            return None
        if found[1] == "100":
            return self.choose(("longest", "le plus long"))
        return self.choose((f"{found[1]}th percentile", f"{found[1]}e centile"))

    def path(self, path: str, *within: str) -> str:
        """The path of a figure in a result: `R-1.outcome`, `[A9.2 night_missed daily 2026-02-07].amount`."""
        return " – ".join(self._steps(path, within))

    def _steps(self, path: str, within: tuple[str, ...]) -> list[str]:
        """Its names in words from either end; what is left in the middle is an id, which may have dots of its own."""
        row = re.fullmatch(r"(?:([^\[\]]+))?\[([^\]]*)\](?:\.(.+))?", path)
        if row:
            head, inner, rest = row.groups()
            named = ", ".join(self._part(part) for part in inner.split(" "))
            inside = (*within, head.rpartition(".")[2]) if head else within
            return [*(self._steps(head, within) if head else ()), named, *(self._steps(rest, inside) if rest else ())]
        first, dot, others = path.partition(".")
        if dot and (self.known(first) or moments.said(self.code, self.zone, first)):
            return [self.label(first, *within), *self._steps(others, (*within, first))]
        before, dot, last = path.rpartition(".")
        if dot and (self.known(last) or self.percentile(last)):
            return [*self._steps(before, within), self.label(last, *within, *before.split("."))]
        return [self.label(path, *within)]

    def _part(self, part: str) -> str:
        return self.choose(("no.", "n°")) + f" {part[1:]}" if part.startswith("#") else self.value("", part)

    def dated(self, name: str) -> bool:
        """Whether this names a day, a week, a month or a moment."""
        return moments.said(self.code, self.zone, name) is not None

    def known(self, name: str) -> bool:
        """Whether this is a name the tables have, not an id."""
        return name in tables.fields() or name in tables.words() or name in _SWITCHES

    def figure(self, path: str, value: Any) -> str:
        """The value of a figure by its path: its name says what it is, or what it stands under."""
        parts = re.split(r"[.\]]", path)
        unit = next((u for part in reversed(parts) if (u := unit_of(part))), "")
        return self.value(parts[-1], value, unit)

    # --- values ---

    def value(self, name: str, value: Any, unit: str = "") -> str:
        """A value of the field of that name, with its unit."""
        if value is None or value in ([], {}, (), ""):
            return NOTHING
        if isinstance(value, bool):
            return self.choose(("yes", "oui") if value else ("no", "non"))
        unit = unit_of(name) or unit
        if isinstance(value, int):
            return str(value) if name in PLAIN else self.amount(value, unit)
        if isinstance(value, Mapping):
            return self._table(name, value, unit)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return self._list(name, value, unit)
        return self._text(name, str(value), unit)

    def choose(self, pair: tuple[str, str]) -> str:
        return pair[self.code == "fr"]

    def amount(self, value: int, unit: str) -> str:
        if unit == "seconds":
            return moments.duration(self.code, value)
        shown = moments.number(self.code, value)
        octets = self.choose(("byte" if value == 1 else "bytes", "octet" if abs(value) < 2 else "octets"))
        after = {"bytes": octets, "minutes": "min", "percent": "%"}.get(unit)
        return f"{shown}{FIRM}{after}" if after else shown

    def _text(self, name: str, text: str, unit: str) -> str:
        if name in SAID and (self.quotes or name == "reason"):
            return self.quote(text)
        shown = moments.said(self.code, self.zone, text)
        if shown is not None:
            return shown
        if (unit == "percent" or name == NUMBER) and re.fullmatch(r"-?\d+(\.\d+)?", text):
            number = moments.decimal(self.code, text)
            return f"{number}{self.choose(('', NARROW))}%" if unit == "percent" else number
        if name in _SWITCHES and text in switch_named(name).values:
            return self.meaning(name, text)
        return self.word(name, text) or self.note(text) or (self.quote(text) if " " in text.strip() else text)

    def word(self, name: str, text: str) -> str | None:
        """A word the software uses for a value; None for anything else."""
        found = tables.words_in().get(name, {}).get(text) or tables.words().get(text)
        return found if found is None or self.code == "fr" else text.replace("_", " ")

    def note(self, text: str) -> str | None:
        """A sentence of a rule; None for what no rule says."""
        for pattern, french, english in tables.notes() if " " in text else tables.notes_of_one_word():
            found = pattern.fullmatch(text)
            if found:
                named = set(pattern.groupindex.values())
                groups = [g if n in named else self._group(g) for n, g in enumerate(found.groups(), 1)]
                if self.code == "en":
                    return english.format("", *groups) if english else agreed(self._english(text, found, groups))
                numbers = {str(n): group for n, group in enumerate(found.groups(), 1)}
                many = ", " in "".join(found.groups()[-1:])
                return ENDING.sub(r"\1" if many else "", self._agreeing(french, numbers)).format("", *groups)
        return None

    def _agreeing(self, template: str, values: Mapping[str, Any]) -> str:
        """A template whose words agree with the number put in before them: `{1} lieu(x)`, `{users} named user(s)`."""

        def ended(found: re.Match[str]) -> str:
            written = str(values.get(found[1]))
            if not re.fullmatch(r"-?\d+", written):
                return found[0]
            many = abs(int(written)) > 1 if self.code == "fr" else abs(int(written)) != 1
            return f"{{{found[1]}}}" + ENDING.sub(r"\1" if many else "", found[2])

        return AFTER_NUMBER.sub(ended, template)

    def _group(self, text: str) -> str:
        parts = text.split(", ")
        if len(parts) > 1 and all(moments.said(self.code, self.zone, part) for part in parts):
            return ", ".join(self.value("", part) for part in parts)
        shown = self.value(NUMBER, text)
        return text if shown.startswith(("«", "“")) else shown

    def _english(self, text: str, found: re.Match[str], groups: Sequence[str]) -> str:
        out, last = [], 0
        for number, group in enumerate(groups, 1):
            out += [text[last : found.start(number)], group]
            last = found.end(number)
        return "".join([*out, text[last:]])

    def _list(self, name: str, values: Sequence[Any], unit: str) -> str:
        if name in SPANS_OF_DAYS:
            return self.semicolon.join(moments.day_span(self.code, *pair) for pair in values)
        if all(isinstance(v, str) and re.fullmatch(moments.DATE, v) for v in values):
            return moments.days(self.code, values)
        if all(_is_span(v) for v in values):
            return self.semicolon.join(self._span(v) for v in values)
        if _is_span(values):
            return self._span(values)
        shown = [self.value(name, v, unit) for v in values]
        plain = all(not isinstance(v, Mapping | list | tuple) for v in values) and not any(", " in s for s in shown)
        return (", " if plain else self.semicolon).join(shown)

    def _span(self, pair: Sequence[str]) -> str:
        short = moments.within_a_day(self.code, self.zone, *pair)
        return short or moments.between(self.code, *(self.value("", part) for part in pair))

    def _table(self, name: str, table: Mapping[str, Any], unit: str) -> str:
        if {"switch", "value"} <= set(table):
            taken = self.reading(table["switch"], table["value"])
            rest = {k: v for k, v in table.items() if k not in ("switch", "value")}
            return self.semicolon.join([taken, *([self._table(name, rest, unit)] if rest else [])])
        if set(table) <= _SWITCHES:
            return self.semicolon.join(self.reading(*pair) for pair in table.items())
        return self.semicolon.join(self._pair(k, v, unit, name) for k, v in table.items())

    def _pair(self, name: str, value: Any, unit: str, *within: str) -> str:
        """A name with its value, one colon at most: names inside it stand in brackets."""
        shown, label = self.value(name, value, unit), self.label_of(name, value, *within)
        nested = isinstance(value, Mapping) and value and not set(value) <= _SWITCHES
        return f"{label} ({shown})" if nested else f"{label}{self.colon}{shown}"

    def named(self, values: Mapping[str, Any]) -> str:
        """The parameters of a question, each by its name."""
        return ", ".join(self._pair(name, value, "") for name, value in values.items())

    # --- readings, obligations, facts ---

    def about(self, switch: str) -> str:
        """What a switch is about."""
        return tables.switches()[switch]["about"] if self.code == "fr" else switch.replace("_", " ")

    def meaning(self, switch: str, value: str) -> str:
        """What a value of a switch makes of the facts."""
        return tables.switches()[switch][value] if self.code == "fr" else dict(switch_named(switch).choices)[value]

    def reading(self, switch: str, value: str) -> str:
        """What a value of a switch makes of the facts, and the code of the choice."""
        return f"{self.meaning(switch, value)} ({switch}={value})"

    def why(self, switch: str) -> str:
        """Why the switch has its default."""
        return tables.switches()[switch]["why"] if self.code == "fr" else switch_named(switch).why

    def owed(self, obligation: str, english: str) -> str:
        """What an obligation owes."""
        return tables.obligations()[obligation] if self.code == "fr" else english

    def stream(self, name: str) -> str:
        """A stream of the ledger: of the contract or the service of an id, or the ledger's own."""
        kind, colon, identity = name.partition(":")
        shown = self.choose((kind, {"ledger": "registre"}.get(kind) or self.label(kind)))
        return f"{shown}{FIRM}{identity}" if colon else shown

    def fact(self, kind: str, payload: Mapping[str, Any]) -> str:
        """A fact as a sentence, then the fields the sentence does not name."""
        return replace(self, quotes=True)._fact(kind, payload)

    def _fact(self, kind: str, payload: Mapping[str, Any]) -> str:
        template = tables.facts().get(kind, {}).get(self.code)
        rest = {name: value for name, value in payload.items() if name not in HIDDEN}
        said = f"{kind}"
        if template is not None:
            named = re.findall(r"{(\w+)}", template)
            shown = {name: self.value(name, payload.get(name)) for name in named}
            said = re.sub(r"{(\w+)}", lambda found: shown[found[1]], self._agreeing(template, payload))
            rest = {name: value for name, value in rest.items() if name not in named}
        if not rest:
            return said
        told = self.semicolon.join(self._pair(k, v, "") for k, v in rest.items())
        return f"{said} {told[0].upper()}{told[1:]}."


def unit_of(name: str) -> str:
    """The unit a name tells (`ti_seconds`, `td_percent_low`), empty where it tells none."""
    if name in UNIT_OF:
        return UNIT_OF[name]
    return next((unit for unit in UNITS if unit in name.split("_")), "")


def _is_span(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(v, str) and re.fullmatch(moments.INSTANT, v) for v in value)
    )


def languages(zone: str) -> tuple[Language, Language]:
    """English and French, in the legal time of a zone."""
    return Language("en", zone), Language("fr", zone)
