"""Answers and entries for people: tables a person can read, drawn by rich, without any figure of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ledger.counting import agreed, number_of

WIDTH = 200  # where nobody's window tells one
AMOUNTS = ("amount", "limit", "missing")
GAP = 3  # what a table puts between two columns, at most


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever read our output had enough: the command line says so once, for every command."""
        raise BrokenPipeError


def console() -> Console:
    """Where tables go: stdout, as wide as the window."""
    return _Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH, highlight=False, soft_wrap=False)


def rows(found: Iterable[Mapping[str, Any]], empty: str = "nothing to show", title: str | None = None) -> None:
    """Rows of the same keys as one table."""
    listed = list(found)
    out = console()
    if not listed:
        out.print(empty, markup=False)
        return
    names = list(listed[0])
    cells = [[_shown(name, row[name]) for name in names] for row in listed]
    columns = [[name, *column] for name, column in zip(names, zip(*cells, strict=True), strict=True)]
    if not sys.stdout.isatty():  # a program, or a file: each row a line, and nothing of it cut
        out.width = max(WIDTH, sum(max(map(len, column)) + GAP for column in columns))
    elif sum(max(len(word) for cell in column for word in ["", *cell.split()]) + GAP for column in columns) > out.width:
        _blocks(out, names, cells, title)
        return
    table = Table(box=SIMPLE, title=title, title_justify="left", pad_edge=False)
    for name in names:
        numeric = all(isinstance(row[name], int) and not isinstance(row[name], bool) for row in listed)
        short = out.width >= WIDTH and all(len(_cell(row[name])) <= 24 for row in listed)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=short)
    for row in cells:
        table.add_row(*row)
    out.print(table)


def _blocks(out: Console, names: list[str], cells: list[list[str]], title: str | None) -> None:
    """Rows one below the other, for a window too narrow to show ids and instants whole beside each other."""
    if title:
        out.print(title, markup=False, style="italic")
    wide = max(map(len, names))
    for row in cells:
        out.print()
        for name, cell in zip(names, row, strict=True):
            out.print(f"{name:<{wide}}  {cell}", markup=False, soft_wrap=True)


def entries(pairs: Iterable[Any]) -> None:
    """Entries of the ledger, a line each, streamed."""
    from ledger.codec import Unread, payload_of, topic_of

    shown = False
    for position, entry in pairs:
        shown = True
        payload = {k: v for k, v in payload_of(entry.event).items() if k not in ("content", "lists")}
        said = " ".join(f"{name}={_cell(value)}" for name, value in payload.items())
        unread = " (unread: written by a newer version)" if isinstance(entry.event, Unread) else ""
        recorded = entry.recorded_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        sys.stdout.write(f"{position:>7}  {recorded}  {entry.stream:<20}  {topic_of(entry.event)}{unread}  {said}\n")
    if not shown:
        sys.stdout.write("no entry is like that\n")


def answer(found: Any, question: Any, book: Any = None) -> None:
    """One answer: what was asked, the result, and (with a ledger) the workings and the entries."""
    out = console()
    when = found.known_at or "all the ledger holds"
    params = " ".join(f"{name} {_cell(value)}" for name, value in found.params.items())
    out.print(f"{question.name} {params}  contract {found.contract}", markup=False, style="bold")
    out.print(f"as known at {when} (position {found.position}), terms {found.terms}", markup=False)
    changed = _changed(found.reading)
    out.print(f"reading: {changed or 'default'}", markup=False)
    if found.reading["knowledge"] == "attested":
        out.print("by the times its sources attested, not by the ledger's own clock", markup=False)
    out.print()
    _result(found.result)
    if book is not None:
        explain(found, book)


def comparison(found: Any) -> None:
    """Two answers, and the walk from the first to the second."""
    out = console()
    moments = [a.known_at or f"position {a.position}" for a in (found.first, found.second)]
    out.print(f"{found.first.question}  contract {found.first.contract}: {moments[0]} -> {moments[1]}", style="bold")
    if not found.difference:
        learnt = number_of(found.entries_learnt, "entry was", "entries were")
        out.print(f"the same answer at both; {learnt} learnt in between", markup=False)
        return
    rows([{"figure": what, "first": b, "second": a} for what, b, a in _told(found.difference)])
    out.print("Step by step, in the order it was learnt", style="bold")
    for step in found.steps:
        what = "" if step.position is None else f"  position {step.position}  {step.type}"
        out.print(f"  {step.learnt_at or 'at last'}{what}  {step.says}", markup=False, soft_wrap=True)
        for what, before, after in _told(step.changes):
            out.print(f"      {what}: {before} -> {after}", markup=False, soft_wrap=True)
        if step.position is not None and step.alone != step.changes:
            out.print("      alone: " + _moves(step.alone), markup=False, soft_wrap=True)
    out.print(f"  {number_of(found.entries_without_effect, 'other entry')} moved nothing", markup=False)


def _moves(changes: Mapping[str, Any], most: int | None = None) -> str:
    told = [f"{what} {before} -> {after}" for what, before, after in _told(changes)]
    return "; ".join(told[:most]) + ("; ..." if most is not None and len(told) > most else "") or "nothing"


def _told(changes: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Each figure with what it was and what it is; a row that comes or goes once, by its amount and limit."""
    there: dict[str, tuple[bool, bool]] = {}  # whether any figure of the row stands before, and after
    for path, (before, after) in changes.items():
        was, now = there.get(_row(path), (False, False))
        there[_row(path)] = was or before is not None, now or after is not None
    told: dict[str, tuple[str, str, str]] = {}
    for path, (before, after) in changes.items():
        row = _row(path)
        if not row or there[row] == (True, True):
            name = path.rpartition(".")[2]
            told[path] = path, _shown(name, before), _shown(name, after)
        elif row not in told:
            sums = [_sum(changes, row, side) if stands else "-" for side, stands in enumerate(there[row])]
            told[row] = row[1:], sums[0], sums[1]
    return list(told.values())


def _row(path: str) -> str:
    """The row of a list that a figure's path leads into; empty where it leads into none."""
    return path.partition("].")[0] if path.startswith("[") and "]." in path else ""


def _sum(changes: Mapping[str, Any], row: str, side: int) -> str:
    amount, limit = (changes.get(f"{row}].{name}", (None, None))[side] for name in ("amount", "limit"))
    return "there" if amount is None else f"{_shown('amount', amount)} (limit {_shown('limit', limit)})"


def sensitivity(found: Any) -> None:
    """How the verdict depends on the reading."""
    out = console()
    every = "every reading" if found.coverage == "every" else "every reading tried"
    words = {"kept": f"kept under {every}", "broken": f"broken under {every}", "contested": "contested"}
    out.print(
        f"verdict: {found.verdict}; {words.get(found.outcome, f'nothing to judge under {every}')}",
        style="bold", markup=False,
    )  # fmt: skip
    held = "held over all of them" if found.coverage == "every" else "not held over all of them: too many to search"
    readings = f"{found.readings:,} reading" + ("s" if found.readings > 1 else "")
    out.print(f"{readings}; {held}, by computing {number_of(found.evaluated, 'part')}", markup=False)
    out.print(f"switches that change a figure: {_cell(list(found.live))}", markup=False)
    for settings in found.clauses[:12]:
        out.print("  turned by " + " with ".join(map(_setting, settings)), markup=False)
    if len(found.clauses) > 12:
        out.print(f"  and by {number_of(len(found.clauses) - 12, 'more set')}: see --json", markup=False)
    moved = [f for f in found.flips if f.changes]
    rows(
        [
            {"switch": f"{f.switch}={f.value}", "article": f.article, "ambiguity": f.ambiguity, "verdict": f.verdict,
             "changes": _moves(f.changes, 4)}
            for f in sorted(moved, key=lambda f: not f.turns)
        ],
        empty="no switch alone changes a figure",
    )  # fmt: skip


def _setting(each: Any) -> str:
    clause = ", ".join(word for word in (f"art. {each.article}" if each.article else "", each.ambiguity) if word)
    return f"{each.switch}={each.value} ({clause})"


def side_by_side(named: list[tuple[str, str, Any]]) -> None:
    """One question under named readings, a column each."""
    from replays.figures import leaves

    columns = [(name, verdict, leaves(result)) for name, verdict, result in named]
    paths = list(dict.fromkeys(path for _, _, found in columns for path in found))
    table = [{"figure": "verdict", **{name: verdict for name, verdict, _ in columns}}]
    table += [{"figure": path, **{name: _cell(found.get(path)) for name, _, found in columns}} for path in paths]
    rows(table)


def dispute(found: Any, verdict: Any, views: Iterable[Any] = ()) -> None:
    """A dispute: what is asked, what happened in it, and the verdict now."""
    from projections.questions import question

    out = console()
    out.print(f"dispute {found.dispute}: {found.state}; {found.reason}", style="bold", markup=False)
    rows([{k: line[k] for k in ("at", "position", "what", "by", "says", "evidence")} for line in found.timeline])
    for hold in found.holds:
        gone = _cell([d["what"] for d in hold["deleted_meanwhile"]])
        out.print(f"hold {hold['hold']} since {hold['placed_at']}; deleted meanwhile: {gone}", markup=False)
    if found.decision:
        out.print(f"decided: {found.decision} {_cell(found.decided_reading)} (facts stay as they were)", markup=False)
    rows([{f: getattr(view, f) for f in view.__struct_fields__} for view in views], title="The verdict, as seen by")
    answer(verdict, question(found.question))


def explain(found: Any, book: Any) -> None:
    """The workings, and the entries the answer rests on."""
    out = console()
    out.print("Workings", style="bold")
    _tree(out, found.workings, 1)
    out.print("Rests on", style="bold")
    shown = list(found.because)[:60]
    entries((position, _entry(book, position)) for position in shown)
    if len(found.because) > len(shown):
        more = number_of(len(found.because) - len(shown), "more entry")
        out.print(f"  and {more}: see --json", markup=False)


def _entry(book: Any, position: int) -> Any:
    from ledger.codec import decode_entry

    return decode_entry(book.store.read_at(position).state)


def _changed(reading: Mapping[str, str]) -> str:
    from ledger.readings import DEFAULT

    default = DEFAULT.as_dict()
    return ", ".join(f"{name}={value}" for name, value in reading.items() if default[name] != value)


def _result(result: Any) -> None:
    if isinstance(result, list):
        rows(result, empty="none")
    elif isinstance(result, dict) and result and all(isinstance(v, dict) for v in result.values()):
        rows([{"id": name, **value} for name, value in result.items()])
    elif isinstance(result, dict):
        if not result:
            console().print("none")
            return
        nested = {k: v for k, v in result.items() if isinstance(v, dict) and v and k == "requests"}
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="cyan")
        table.add_column(overflow="fold")
        for name, value in result.items():
            if name not in nested:
                table.add_row(name, _cell(value))
        console().print(table)
        console().print()
        for value in nested.values():
            rows([{"id": name, **row} for name, row in value.items()])
    else:
        console().print(_cell(result), markup=False)


def _tree(out: Console, value: Any, depth: int) -> None:
    pad = "  " * depth
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict | list) and inner and not _flat(inner):
                out.print(f"{pad}{name}:", markup=False)
                _tree(out, inner, depth + 1)
            else:
                out.print(f"{pad}{name}: {_cell(inner)}", markup=False, soft_wrap=True)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                out.print(
                    pad + "- " + "  ".join(f"{k}: {_cell(v)}" for k, v in inner.items()), markup=False, soft_wrap=True
                )
            else:
                out.print(f"{pad}- {_cell(inner)}", markup=False, soft_wrap=True)
    else:
        out.print(f"{pad}{_cell(value)}", markup=False)


def _flat(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value
    return not any(isinstance(v, dict | list) for v in inner) and len(value) <= 12


def _shown(name: str, value: Any) -> str:
    """The value of a field; of an amount, which answers keep as they write it, one thing as one."""
    return agreed(_cell(value)) if name in AMOUNTS else _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(v) for v in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_cell(v)}" for k, v in value.items()) or "none"
    text = str(value)  # a control character of an event must not steer the reader's terminal
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
