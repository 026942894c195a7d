"""What a bundle shows of a ledger, and what is asked of it: the same for whoever writes it and whoever reads it.

The ledger's own stream, the contract's, and those of every service it ever named, each whole up to the head.
`Shown` stands where a ledger stands when a question is asked, so an answer from a bundle and one from the store
come through the same door. The questions are a function of the contract and the period, so that none can be
left out of a bundle unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

from msgspec import Struct

from ledger.belonging import LEDGER_STREAM
from ledger.book import Ledger, services_named
from ledger.codec import Entry
from ledger.errors import Refused
from ledger.events import LedgerOpened
from ledger.history import History
from ledger.spans import FOREVER, seconds
from ledger.workdays import add_months
from projections.asking import Answer, ask
from projections.frame import Frames
from projections.ground import support_start
from projections.questions import KINDS

MAX_ANSWERS = 10_000

Asked = tuple[str, dict[str, Any]]


class Period(Struct, frozen=True):
    """The months a bundle is about, `2026-01` to `2026-03`, both included."""

    first: str
    last: str

    @property
    def first_on(self) -> date:
        return date.fromisoformat(f"{self.first}-01")

    @property
    def last_on(self) -> date:
        return add_months(date.fromisoformat(f"{self.last}-01"), 1) - timedelta(days=1)

    def months(self) -> list[str]:
        start = self.first_on
        count = (int(self.last[:4]) - start.year) * 12 + int(self.last[5:]) - start.month + 1
        return [add_months(start, n).strftime("%Y-%m") for n in range(count)]


def period(first: str, last: str) -> Period:
    """The period of these months. Raises `Refused`: `bad_month`, `bad_parameter` (ends before it begins, too long)."""
    for name, value in (("--from", first), ("--to", last)):
        KINDS["month"](name, value)
    found = Period(first, last)
    if last < first:
        raise Refused("bad_parameter", f"the period ends in {last}, before it begins in {first}")
    if len(found.months()) * 2 > MAX_ANSWERS // 2:
        raise Refused("bad_parameter", f"{first} to {last} is too long; export it in parts")
    return found


def streams_of(contract: str, own: Iterable[tuple[int, Entry]]) -> list[str]:
    """The streams a bundle of this contract shows, from the entries of its own."""
    return [LEDGER_STREAM, f"contract:{contract}", *(f"service:{name}" for name in services_named(own))]


class Shown:
    """The entries of a contract's bundle, in a ledger's place: it answers `history` and `root_at`.

    `size` is the head's, `position` the last entry known at `known_at` among all of the ledger's; `root_of`
    gives the tree's root, base64, at a size up to the head's.
    """

    def __init__(
        self,
        contract: str,
        streams: Mapping[str, Sequence[tuple[int, Entry]]],
        *,
        size: int,
        position: int,
        known_at: datetime | None,
        root_of: Callable[[int], str],
    ) -> None:
        self.contract = contract
        self.streams = streams
        self.size = size
        self.position = position
        self.known_at = known_at
        self._root_of = root_of
        self._roots: dict[int, str] = {}
        self._histories: dict[str, History] = {}

    def history(
        self,
        contract: str,
        *,
        known_at: datetime | None = None,
        position: int | None = None,
        knowledge: str = "recorded",
    ) -> History:
        """As a ledger's own that ends at the head: attested knowledge looks at all of it."""
        assert (contract, known_at, position) == (self.contract, self.known_at, None)
        if not self.streams.get(f"contract:{contract}"):
            raise Refused("unknown_contract", f"nothing of the contract {contract!r} is here")
        found = self._histories.get(knowledge)
        if found is None:
            cut = self.size if known_at is None or knowledge == "attested" else self.position
            now = FOREVER if known_at is None else seconds(known_at)
            found = self._histories[knowledge] = History(
                contract, self.streams, known_at=known_at, position=cut, now=now, knowledge=knowledge
            )
        return found

    def root_at(self, position: int) -> str:
        """The tree's root over the first `position` entries, base64."""
        if position not in self._roots:
            self._roots[position] = self._root_of(position)
        return self._roots[position]

    @property
    def opened(self) -> LedgerOpened:
        """The ledger's first entry. Raises `Refused("bad_bundle")` where it is missing."""
        first = next(iter(self.streams.get(LEDGER_STREAM, ())), None)
        if first is None or first[0] != 1 or not isinstance(first[1].event, LedgerOpened):
            raise Refused("bad_bundle", "position 1 is not the entry that opened a ledger")
        return first[1].event

    @property
    def zone(self) -> str:
        """The zone of the contract's calendar by what is known: the legal time its pages write."""
        history = self.history(self.contract, known_at=self.known_at)
        return Frames(history).at(min(history.now, history.last_known_at)).calendar.zone

    def questions(self, asked: Period) -> list[Asked]:
        """Every question a bundle answers, in the order of its files."""
        months = asked.months()
        whole = {"first": asked.first, "last": asked.last}
        found: list[Asked] = [("availability", {"month": month}) for month in months]
        found.append(("maintenance", {}))
        found += [("backup_nights", {"first": month, "last": month}) for month in months]
        found += [("backup_months", whole), ("backup_deletions", {}), ("restore_decision", {}), ("updates", {})]
        found += [("support_response", {"start": day.isoformat()}) for day in self._support_years(asked)]
        return [*found, ("breaches", whole)]

    def _support_years(self, asked: Period) -> list[date]:
        """The first days of the contract's support years that the period touches (article 12.2)."""
        history = self.history(self.contract, known_at=self.known_at)
        origin = support_start(history, Frames(history).at(seconds(history.started.event.service_start)).calendar)
        after = max(asked.first_on.year - origin.year - 1, 0)
        years = (add_months(origin, 12 * n) for n in range(after, after + len(asked.months()) // 12 + 4))
        return [day for day in years if day <= asked.last_on and add_months(day, 12) > asked.first_on]

    def answer(self, asked: Asked, switches: Mapping[str, str]) -> Answer:
        """The answer to one of them."""
        name, params = asked
        ledger = cast(Ledger, self)  # `ask` wants of a ledger what is here
        return ask(ledger, name, contract=self.contract, known_at=self.known_at, reading=switches, **params)


def answer_name(number: int, question: str) -> str:
    """The file of the answer to a question, the first being number 1."""
    return f"answers/{number:02d}-{question}.json"


def frames_of(shown: Shown, answers: Iterable[Answer]) -> list[tuple[int, Entry]]:
    """The entries of booklets and calendars that the answers rest on: what was in force."""
    positions = {position for answer in answers for position in answer.because}
    return [(p, entry) for p, entry in shown.streams[LEDGER_STREAM] if p in positions]
