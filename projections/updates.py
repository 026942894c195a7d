"""Updates: what reached production, whether the customer was told before, and whether the day was the agreed one.

Article 10. An update is known by its stream and id; what the contract's own stream says of an id that only
a service rolled out is said of the service's update. Every roll-out to production that counts for the
contract, while it is in force, is judged by itself, by the terms and the reading of its instant; an update
rolled back and out again is judged twice, and its codes are those of both.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from msgspec import Struct

from ledger import events as e
from ledger.corrections import Fact
from ledger.errors import Refused
from ledger.history import History, Scope, positions_of
from ledger.spans import FOREVER, Instant, contains, moment, seconds
from projections.finding import Breach, Finding, at, ceil_seconds, earliest, text
from projections.frame import Frame, Frames
from projections.ground import kinds_named, learnt_at

# code, obligation, part of the article, whether it is a flag (contested) and no broken promise, what it says
WHAT: tuple[tuple[str, str, str, bool, str], ...] = (
    ("informed_late", "A10.2a", "2", False, "announced, but not before it was in production"),
    ("not_informed", "A10.2a", "2", False, "in production, and never announced"),
    ("no_agreed_date", "A10.3", "3", False, "in production without a day agreed before"),
    ("not_on_agreed_date", "A10.3", "3", False, "in production on another day than the agreed one"),
    ("impact_not_notified", "A10.2b", "2", False, "needs training, and the customer was not told before"),
    ("before_tests_completed", "A10.4", "4", True, "in production before the customer had ended its tests"),
)
RESULT_CODES = ("informed_late", "not_informed", "no_agreed_date", "not_on_agreed_date")  # what `updates` lists
_ORDER = {row[0]: place for place, row in enumerate(WHAT)}

KINDS = (
    e.UpdateAnnounced, e.UpdateImpactNotified, e.UpdateDocumentationPublished, e.UpdateDateAgreed,
    e.TestsCompleted, e.UpdateRolledOut, e.UpdateRolledBack,
)  # fmt: skip
# what may change a verdict of this subject, by how the names of its types begin
BEARING = kinds_named(
    "Update", "Tests", "Contract", "Option", "ServiceAssigned", "ServiceUnassigned", "Corrected", "Retracted"
)


class Update(Struct, kw_only=True):
    """One update; `facts` count for the contract, `elsewhere` happened while it was not on the service."""

    stream: str
    id: str
    name: str = ""
    facts: list[Fact] = []
    elsewhere: list[Fact] = []

    def of(self, *kinds: type[e.Event], production: bool = False) -> list[Fact]:
        """The facts of these types; those of production only, if asked."""
        found = [fact for fact in self.facts if isinstance(fact.event, kinds)]
        return [fact for fact in found if not production or fact.event.environment == "production"]


class Kind(NamedTuple):
    """What an update is and who said so; `changes` is None where nobody said if its number changes (10.1)."""

    kind: str
    changes: bool | None
    said: str


class Broken(NamedTuple):
    """A code of `WHAT`, with what was found and what was owed, in words or with a unit."""

    what: str
    amount: str
    limit: str


class Part(NamedTuple):
    """One promise held against one roll-out: what is broken, how that was found, and on which entries."""

    broken: Broken | None
    workings: dict[str, Any]
    positions: tuple[int, ...]


class Judged(NamedTuple):
    """One roll-out to production, by what it is and by each promise of the article."""

    rollout: Fact
    frame: Frame
    kind: Kind
    parts: dict[str, Part]

    @property
    def codes(self) -> list[str]:
        """What is broken, in the order of `WHAT`."""
        return sorted((p.broken.what for p in self.parts.values() if p.broken), key=_ORDER.__getitem__)


# --- questions ---


def updates(history: History, frames: Frames, updates: tuple[str, ...] | None = None) -> Finding:
    """Per update, what its roll-outs to production missed: a list of `RESULT_CODES`, empty where nothing (article 10).

    An update not rolled out has an empty list. A10.2b and A10.4 are in the workings. Raises `Refused("unknown_id")`.
    """
    result: dict[str, list[str]] = {}
    workings: dict[str, Any] = {}
    positions: set[int] = set()
    for update in _asked(history, updates):
        judged = [_judge(history, frames, update, rollout) for rollout in _owed(history, update)]
        codes = {code for each in judged for code in each.codes}
        result[update.name] = [code for code in RESULT_CODES if code in codes]
        workings[update.name] = _workings(update, judged)
        positions.update(positions_of(update.facts), *(p.positions for each in judged for p in each.parts.values()))
    return Finding(result=result, workings=workings, because=tuple(sorted(positions)))


def breaches(history: History, frames: Frames, first: date, last: date) -> list[Breach]:
    """Rows of A10.2a, A10.2b, A10.3, A10.4 for the roll-outs of the local dates `first` to `last`, both included.

    A row is filed at its roll-out, and was knowable once the ledger's knowledge showed the same code.
    """
    rows: list[Breach] = []
    for update in _known(history):
        for rollout in _owed(history, update):
            if first <= frames.at(at(rollout)).calendar.local_date(at(rollout)) <= last:
                judged = _judge(history, frames, update, rollout)
                rows += [_row(history, frames, update, judged, b, p) for p in judged.parts.values() if (b := p.broken)]
    return sorted(rows, key=lambda row: (row.on, row.subject, _ORDER[row.what]))


def _row(history: History, frames: Frames, update: Update, judged: Judged, broken: Broken, part: Part) -> Breach:
    _, obligation, _, flag, _ = WHAT[_ORDER[broken.what]]
    return Breach(
        obligation=obligation,
        clause=_clause(judged.frame, broken.what),
        what=broken.what,
        subject=update.name,
        period=text(at(judged.rollout)),
        amount=broken.amount,
        limit=broken.limit,
        on=at(judged.rollout),
        first_knowable_at=_knowable(history, frames, judged.rollout, broken.what),
        because=part.positions,
        contested=flag,
    )


def _clause(frame: Frame, what: str) -> str:
    """The part of the article where the booklet has parts ("10.3"), else the article it names."""
    article, dot, _ = frame.terms.updates.article.partition(".")
    return article + dot + (WHAT[_ORDER[what]][2] if dot else "")


# --- the updates of a history ---


def _known(history: History) -> list[Update]:
    """Every update somebody spoke of, by the instant it was first spoken of and its name."""
    found: dict[tuple[str, str], Update] = {}
    for fact in sorted(history.of(*KINDS), key=lambda f: (_moment(f), f.position)):
        key = (fact.stream, fact.event.update)
        update = found.setdefault(key, Update(stream=fact.stream, id=key[1]))
        (update.facts if history.counts(fact, seconds(_moment(fact))) else update.elsewhere).append(fact)
    _share(found, f"contract:{history.contract}")
    known = [update for update in found.values() if update.facts]
    uses = Counter(update.id for update in known)
    for update in known:
        service = uses[update.id] > 1 and update.stream.startswith("service:")
        update.name = f"{update.stream.partition(':')[2]}/{update.id}" if service else update.id
    return sorted(known, key=lambda u: (_moment(u.facts[0]), u.name))


def _share(found: dict[tuple[str, str], Update], own: str) -> None:
    """Give what the contract's own stream says of a service's update (an agreed day, an e-mail) to that update."""
    for key in [key for key in found if key[0] == own]:
        theirs = [update for other, update in found.items() if other[0] != own and other[1] == key[1] and update.facts]
        if theirs and not found[key].of(e.UpdateRolledOut):
            said = found.pop(key).facts
            for update in theirs:
                update.facts = sorted([*update.facts, *said], key=lambda f: (_moment(f), f.position))


def _asked(history: History, names: tuple[str, ...] | None) -> list[Update]:
    known = _known(history)
    for name in names or ():
        if all(update.name != name for update in known):
            shown = ", ".join(update.name for update in known[:5]) or "none"
            raise Refused("unknown_id", f"no update {name!r} is known of contract {history.contract}; known: {shown}")
    return [update for update in known if names is None or update.name in names]


def _owed(history: History, update: Update) -> list[Fact]:
    """The roll-outs to production while the contract was in force: nothing is owed outside the service period."""
    return [f for f in update.of(e.UpdateRolledOut, production=True) if contains(history.in_force, at(f))]


def _moment(fact: Fact) -> datetime:
    """When it happened; a day agreed without its instant was agreed, at the latest, when the ledger first knew."""
    happened: datetime | None = getattr(fact.event, "published_at", None) or getattr(fact.event, "at", None)
    return (happened or fact.first_known_at).astimezone(UTC)


# --- one roll-out ---


def _judge(history: History, frames: Frames, update: Update, rollout: Fact) -> Judged:
    frame, scope = frames.at(at(rollout)), history.scope_at(at(rollout))
    kind = _kind(update, rollout)
    parts = {
        "information": _information(update, rollout, kind, frame),
        "agreed_day": _agreement(update, rollout, kind, frame, scope),
        "training": _training(update, rollout, frame),
        "tests": _tests(update, rollout, kind, frame, scope),
    }
    return Judged(rollout, frame, kind, parts)


def _kind(update: Update, rollout: Fact) -> Kind:
    """The two classes of 10.1 are told apart by the version number: where nobody names the kind, and above the name."""
    kind, said = _said(update, rollout, "kind")
    changes, _ = _said(update, rollout, "changes_version_number")
    if kind is not None and not (kind == "corrective_patch" and changes):
        return Kind(kind, True if kind == "version" else changes, f"named by the {said}")
    if changes is None:
        # who pleads an exception proves it (Code civil 1353): what nobody called a patch is a version
        return Kind("version", None, "nobody said what it is: treated as a version")
    return Kind("version" if changes else "corrective_patch", changes, "told by its version number (10.1)")


def _said(update: Update, rollout: Fact, field: str) -> tuple[Any, str]:
    """What the roll-out says of itself, else what the latest announcement before it says, else a later one."""
    if getattr(rollout.event, field) is not None:
        return getattr(rollout.event, field), "roll-out"
    told = [fact for fact in update.of(e.UpdateAnnounced) if getattr(fact.event, field) is not None]
    before = [fact for fact in told if fact.event.published_at < rollout.event.at]
    said = [*reversed(before), *told[len(before) :]]
    return (getattr(said[0].event, field), "announcement") if said else (None, "")


def _information(update: Update, rollout: Fact, kind: Kind, frame: Frame) -> Part:
    """A10.2a: the customer is told the date before the roll-out; at the same instant is not before."""
    required, why = _needs_notice(kind, frame)
    owed = frame.terms.updates.notice_seconds
    announced = update.of(e.UpdateAnnounced, production=True)
    longest = max((at(rollout) - at(fact, "published_at") for fact in announced), default=None)
    limit = f"{owed} s" if owed else "more than 0 s"
    broken = None
    if required and longest is None:
        broken = Broken("not_informed", "not announced", limit)
    elif required and longest is not None and longest < max(owed, 1):
        broken = Broken("informed_late", f"{longest} s", limit)
    workings = {
        "clause": f"art. {_clause(frame, 'not_informed')}",
        "required": required,
        "why": why,
        "notice_seconds": longest,
        "announcements": [_announcement(fact, rollout) for fact in update.of(e.UpdateAnnounced)],
        "said_while_not_on_the_service": list(positions_of(update.elsewhere)),
    }
    return Part(broken, workings, positions_of([rollout], announced))


def _needs_notice(kind: Kind, frame: Frame) -> tuple[bool, Any]:
    """Amb-21: 10.2 excepts corrective patches only, and 10.1 knows no regulatory ones."""
    terms, value = frame.terms.updates, frame.reading.regulatory_patch_notice
    if kind.kind in (*terms.announced, *terms.not_announced):
        required = kind.kind in terms.announced
        return required, f"{kind.kind}: {'to be announced' if required else 'excepted'}"
    required = value == "always" or (value == "by_version_number" and kind.changes is True)
    return required, {"switch": "regulatory_patch_notice", "value": value, "changes_version_number": kind.changes}


def _announcement(fact: Fact, rollout: Fact) -> dict[str, Any]:
    return {
        "entries": list(fact.positions),
        "environment": fact.event.environment,
        "published_at": text(at(fact, "published_at")),
        "notice_seconds": at(rollout) - at(fact, "published_at"),
        "planned_date": fact.event.planned_date and str(fact.event.planned_date),
    }


def _agreement(update: Update, rollout: Fact, kind: Kind, frame: Frame, scope: Scope) -> Part:
    """A10.3: with the option, the day is agreed before; the last one agreed by then is the one owed."""
    terms = frame.terms.updates
    joint, option = kind.kind in terms.agreed, terms.agreed_with_option
    required = joint and (option is None or option in scope.options)
    day = frame.calendar.local_date(at(rollout))
    agreed = update.of(e.UpdateDateAgreed)
    owed = next((f.event.agreed_date for f in reversed(agreed) if _moment(f) < rollout.event.at), None)
    broken = None
    if required and owed is None:
        broken = Broken("no_agreed_date", "no agreed date", "a date agreed before the roll-out")
    elif required and owed != day:
        broken = Broken("not_on_agreed_date", str(day), str(owed))
    workings = {
        "clause": f"art. {_clause(frame, 'no_agreed_date')}",
        "required": required,
        "option": option if option is None else f"{option} {'in force' if option in scope.options else 'not in force'}",
        "agreed_date": owed and str(owed),
        "agreements": [_agreed(fact, rollout) for fact in agreed],
    }
    return Part(broken, workings, _positions(scope if joint else None, [rollout, *(agreed if required else ())]))


def _agreed(fact: Fact, rollout: Fact) -> dict[str, Any]:
    return {
        "entries": list(fact.positions),
        "agreed_date": str(fact.event.agreed_date),
        "agreed_at" if fact.event.at else "agreed_by": text(ceil_seconds(_moment(fact))),
        "before_the_roll_out": _moment(fact) < rollout.event.at,
    }


def _training(update: Update, rollout: Fact, frame: Frame) -> Part:
    """A10.2b: where training or other paid work is needed, the customer is told so before the roll-out."""
    told = [f for f in update.of(e.UpdateAnnounced, e.UpdateImpactNotified) if f.event.training_needed]
    needed = rollout.event.training_needed or bool(told)
    longest = max((at(rollout) - at(fact, "published_at") for fact in told), default=None)
    broken = None
    if frame.terms.updates.impact_notice and needed and (longest is None or longest <= 0):
        amount = "not notified" if longest is None else f"{longest} s"
        broken = Broken("impact_not_notified", amount, "more than 0 s")
    workings = {"clause": f"art. {_clause(frame, 'impact_not_notified')}", "needed": needed, "notice_seconds": longest}
    return Part(broken, {**workings, "entries": list(positions_of(told))}, positions_of([rollout], told))


def _tests(update: Update, rollout: Fact, kind: Kind, frame: Frame, scope: Scope) -> Part:
    """A10.4: with a recette environment, production is planned together once the tests are over; a flag.

    The clause says what may be planned then, and not that nothing may come before.
    """
    joint = kind.kind in frame.terms.updates.agreed  # what needs no joint planning waits for no tests
    required = joint and "recette" in scope.options
    ended = min((at(fact) for fact in update.of(e.TestsCompleted)), default=None)
    broken = None
    if required and (ended is None or at(rollout) < ended):
        amount = "tests not completed" if ended is None else f"{at(rollout) - ended} s"
        broken = Broken("before_tests_completed", amount, "0 s after the tests")
    clause = f"art. {_clause(frame, 'before_tests_completed')}"
    workings = {"clause": clause, "applies": required, "tests_completed_at": None if ended is None else text(ended)}
    tests = update.of(e.TestsCompleted) if required else []
    return Part(broken, workings, _positions(scope if joint else None, [rollout, *tests]))


def _positions(scope: Scope | None, facts: list[Fact]) -> tuple[int, ...]:
    """Those of facts, and of what made the contract's options what they were."""
    return tuple(sorted({*positions_of(facts), *(scope.positions if scope else ())}))


def _workings(update: Update, judged: list[Judged]) -> dict[str, Any]:
    others = [fact for fact in update.of(e.UpdateRolledOut) if all(fact is not each.rollout for each in judged)]
    return {
        "roll_outs": [_shown(each) for each in judged],
        "rolled_back_at": [text(at(fact)) for fact in update.of(e.UpdateRolledBack, production=True)],
        "documented_at": [text(at(fact, "published_at")) for fact in update.of(e.UpdateDocumentationPublished)],
        "not_judged": list(positions_of(others)),  # not in production, or while the contract was not in force
    }


def _shown(judged: Judged) -> dict[str, Any]:
    rollout, kind = judged.rollout, judged.kind
    return {
        "entries": list(rollout.positions),
        "at": text(at(rollout)),
        "local_date": str(judged.frame.calendar.local_date(at(rollout))),
        "kind": kind.kind,
        "kind_is": kind.said,
        "changes_version_number": kind.changes,
        **{name: part.workings for name, part in judged.parts.items()},
        "maintenance": rollout.event.maintenance_id,  # A10.5: where it stops the service, article 5 judges it too
        "broken": judged.codes,
    }


def _knowable(history: History, frames: Frames, rollout: Fact, what: str) -> Instant | None:
    """The earliest knowledge that showed this code for this roll-out, and never before the roll-out."""
    upto = FOREVER if history.known_at is None else ceil_seconds(history.known_at)
    since = ceil_seconds(rollout.first_known_at)
    moments = [known_at for known_at in learnt_at(history, *BEARING) if known_at >= since]
    found = earliest(lambda k: what in _codes(history.as_known(moment(k)), frames, rollout), moments, upto)
    return None if found is None else max(found, at(rollout))


def _codes(history: History, frames: Frames, rollout: Fact) -> set[str]:
    """What a roll-out broke by another knowledge; nothing while that knew no contract, or not of the roll-out."""
    if not history.own(e.ContractStarted):
        return set()
    same = [(u, f) for u in _known(history) for f in _owed(history, u) if f.position == rollout.position]
    return {code for u, f in same for code in _judge(history, frames, u, f).codes}
