"""A table written by hand, read into frozen values: exact, complete, or refused with the place and the remedy.

Knows how a booklet writes hours, weekdays, percentages and durations, not what any of them promises.
Only text, whole numbers, true and false, lists and tables are read: a float cannot hold 99.5 exactly, and
a bare TOML date would not survive the canonical bytes it is recorded in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cache, lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct, inspect

from ledger.workdays import Hours, Week

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Whole = Annotated[int, Meta(ge=0, le=1_000_000)]
Positive = Annotated[int, Meta(ge=1, le=1_000_000)]
Clock = Annotated[
    str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z", title="an hour of the day", examples=["07:00"])
]
Offset = Annotated[
    str, Meta(pattern=r"^[+-](0[0-9]|1[0-4]):[0-5][0-9]\Z", title="an offset from UTC", examples=["+01:00"])
]
Duration = Annotated[
    str, Meta(pattern=r"^[1-9][0-9]{0,3} (day|week|month|year)s?\Z", title="a duration", examples=["7 days"])
]
MonthDay = Annotated[
    str,
    Meta(
        pattern=r"^((0[13-9]|1[0-2])-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9])|(0[13578]|1[02])-31)\Z",
        title="a day of the year",
        examples=["12-25"],
    ),
]

T = TypeVar("T")


class Wrong(ValueError):
    """A value that is wrong beside its neighbours: in which field of the table, and why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class WeekHours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hours `[start, end)`, local to the booklet's zone, of some weekdays; on holidays only if it says so."""

    days: tuple[Weekday, ...]
    start: Clock
    end: Clock
    on_holidays: bool = False

    def __post_init__(self) -> None:
        if not self.days:
            raise Wrong("days", 'no weekday; write "mon" to "sun"')
        if len(set(self.days)) < len(self.days):
            raise Wrong("days", "a weekday is written twice")
        if self.start >= self.end:
            raise Wrong("end", f"{self.end} is not after {self.start}; write a night as two, to 24:00 and from 00:00")

    def hours(self) -> Hours:
        return Hours(iso_days(self.days), self.start, self.end, self.on_holidays)


class Nightly(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each night `[start, end)`, local: from its evening to the next morning when `end` is not after `start`."""

    start: Clock
    end: Clock

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise Wrong("end", "a night ends when it starts")

    @property
    def over_midnight(self) -> bool:
        return self.end < self.start

    def week(self) -> Week:
        """Every night of every week as hours of days, holidays included."""
        every = tuple(range(1, 8))
        if not self.over_midnight:
            return (Hours(every, self.start, self.end, True),)
        morning = (Hours(every, "00:00", self.end, True),) if self.end > "00:00" else ()
        return (*morning, Hours(every, self.start, "24:00", True))


class Keep(Struct, frozen=True):
    """How long a thing is kept: days, or months of the calendar. A week is seven days, a year twelve months."""

    days: int = 0
    months: int = 0


@lru_cache(maxsize=256)  # of few durations, told of every backup
def keep_of(duration: str) -> Keep:
    """`"4 weeks"` -> 28 days; `"2 months"` -> 2 months."""
    count, unit = duration.split()
    scale = {"day": (1, 0), "week": (7, 0), "month": (0, 1), "year": (0, 12)}[unit.removesuffix("s")]
    return Keep(int(count) * scale[0], int(count) * scale[1])


def offset_seconds(offset: str) -> int:
    """`"+01:00"` -> 3600."""
    size = int(offset[1:3]) * 3600 + int(offset[4:6]) * 60
    return -size if offset[0] == "-" else size


def iso_days(days: tuple[Weekday, ...]) -> tuple[int, ...]:
    """Weekday names as ISO numbers, Monday 1 to Sunday 7, in order."""
    return tuple(sorted(WEEKDAYS.index(day) + 1 for day in days))


@cache
def week_of(written: tuple[WeekHours, ...]) -> Week:
    """The hours of a week as the calendar takes them."""
    return tuple(each.hours() for each in written)


def disjoint(field: str, written: tuple[WeekHours, ...]) -> None:
    """Refuse hours of one week that overlap; hours that touch are fine."""
    for day in WEEKDAYS:
        hours = sorted((each.start, each.end) for each in written if day in each.days)
        for (start, end), (next_start, next_end) in pairwise(hours):
            if next_start < end:
                raise Wrong(field, f"{day} {start}-{end} and {next_start}-{next_end} overlap")


# --- reading ------------------------------------------------------------------------------------


def read_table(content: Mapping[str, Any], kind: type[T]) -> T:
    """The table as a value of `kind`; `ValueError` with one line, `path.in.the.table: what is wrong; what to write`."""
    _refuse_inexact(content, "")
    try:
        return msgspec.convert(content, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ValueError(_explain(error, content, kind)) from None


def _refuse_inexact(value: Any, path: str) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_inexact(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            _refuse_inexact(inner, f"{path}[{place}]")
    elif isinstance(value, float):
        raise ValueError(f'{path}: {value!r} is a float; write it in quotes, so that it is exact: "{value!r}"')
    elif value is None:
        raise ValueError(f"{path}: null says nothing; leave the key out")
    elif not isinstance(value, str | int):
        raise ValueError(f'{path}: {value} is a bare date or time; write it in quotes: "{value}"')


def _decode(kind: type, value: Any) -> Any:
    assert kind is Fraction, kind
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", value):
        near = str(value).replace(",", ".").strip(" %")
        hint = near if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", near) else "99.5"
        raise ValueError(f'{value!r} is not a decimal number in quotes; write "{hint}"')
    if Fraction(value) > 100:
        raise ValueError(f"{value} percent is over 100")
    return Fraction(value)


_KINDS = {
    "int": "a whole number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
}


def _explain(error: msgspec.ValidationError, content: Any, kind: type) -> str:
    """One line for a person who writes a booklet, out of one for a person who writes Python."""
    message, _, at = str(error).partition(" - at `$")
    path = at.rstrip("`").lstrip(".")
    value, node = _walk(content, inspect.type_info(kind), path)
    cause = error.__cause__
    if isinstance(cause, Wrong):
        return f"{_join(path, cause.field)}: {cause}"
    if missing := re.fullmatch(r"Object missing required field `(.+)`", message):
        return f"{_join(path, missing[1])}: missing, and nothing stands in for it"
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", message):
        names = [field.encode_name for field in node.fields] if isinstance(node, inspect.StructType) else []
        return f"{_join(path, unknown[1])}: no such key{_nearest(unknown[1], names)}"
    return f"{path}: {_misfit(message, value, node)}"


def _misfit(message: str, value: Any, node: Any) -> str:
    if isinstance(node, inspect.Metadata):  # a pattern, with its name and an example
        schema = node.extra_json_schema or {}
        if "title" in schema:
            return f'{value!r} is not {schema["title"]}; write "{schema["examples"][0]}"'
        node = node.type
    if isinstance(node, inspect.LiteralType):
        return f"{value!r} is not one of {', '.join(map(str, node.values))}{_nearest(value, node.values)}"
    if isinstance(node, inspect.DateType):
        return f'{value!r} is not a date; write "2026-12-25"'
    if expected := re.match(r"Expected `(\w+)(?: \| null)?`, got", message):
        return f"{value!r} is not {_KINDS.get(expected[1], expected[1])}"
    if bound := re.match(r"Expected `int` ([<>]=) (-?[0-9]+)", message):
        return f"{value} is {'below' if bound[1] == '>=' else 'above'} {bound[2]}"
    if message.startswith("Expected `str` of length"):
        return f"{value!r:.40} is empty or too long"
    return message


def _walk(content: Any, node: Any, path: str) -> tuple[Any, Any]:
    """The value and the declared type at a path such as `support.week[1].days[0]`."""
    node = _inner(node)
    for name, place in re.findall(r"([A-Za-z_][A-Za-z_0-9]*)|\[([0-9]+)\]", path):
        if name:
            node = _inner(next(field.type for field in node.fields if field.encode_name == name))
            content = content[name]
        else:
            node = _inner(node.item_type)
            content = content[int(place)]
    return content, node


def _inner(node: Any) -> Any:
    """The declared type without `| None`."""
    if isinstance(node, inspect.UnionType):
        return next(kind for kind in node.types if not isinstance(kind, inspect.NoneType))
    return node


def _nearest(written: object, names: Any) -> str:
    near = difflib.get_close_matches(str(written), [str(name) for name in names], n=1, cutoff=0.55)
    return f"; did you mean {near[0]!r}?" if near else ""


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field
