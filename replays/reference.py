"""Reference tables made from the code itself: for the command line and for README, never typed twice."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ledger.events import VOCABULARY

_BASE = ("evidence", "note")


def vocabulary() -> list[dict[str, object]]:
    """Every event: wire name, fields (optional ones in brackets), what it asserts."""
    rows: list[dict[str, object]] = []
    for name, kind in VOCABULARY.items():
        fields = [f for f in msgspec.structs.fields(kind) if f.name not in _BASE]
        shown = " ".join(f.encode_name if f.required else f"[{f.encode_name}]" for f in fields)
        rows.append({"event": name, "fields": shown, "says": (kind.__doc__ or "").strip()})
    return rows


def events_table() -> str:
    """The vocabulary as a Markdown table."""
    rows = ["| event | fields | says |", "|---|---|---|"]
    rows += [f"| `{r['event']}` | {r['fields']} | {r['says']} |" for r in vocabulary()]
    return "\n".join(rows)


def adapters() -> list[dict[str, str]]:
    """Every adapter: its name, what it reads, the options it takes, those in brackets that may be left out."""
    from ledger.intake import ADAPTERS, options_of

    rows = []
    for name, reads, _ in ADAPTERS:
        options = [option if default is ... else f"[{option}]" for option, default in options_of(name).items()]
        rows.append({"adapter": name, "reads": reads, "options": " ".join(options)})
    return rows


def adapters_table() -> str:
    """The adapters, and what their options say, as two Markdown tables."""
    from ledger.intake import OPTIONS

    rows = ["| `--from` | reads | options |", "|---|---|---|"]
    rows += [f"| `{r['adapter']}` | {r['reads']} | {r['options']} |" for r in adapters()]
    rows += ["", "| option | says |", "|---|---|"]
    rows += [f"| `{name}` | {says} |" for name, says in OPTIONS]
    return "\n".join(rows)


def questions_table() -> str:
    """The questions as a Markdown table."""
    from projections.questions import QUESTIONS, takes

    rows = ["| question | article | parameters | answers |", "|---|---|---|---|"]
    for q in QUESTIONS:
        rows.append(f"| `{q.name}` | {q.article} | {takes(q)} | {q.summary} |")
    return "\n".join(rows)


def switches_table() -> str:
    """The switches as a Markdown table."""
    from ledger.readings import SWITCHES

    rows = ["| switch | values | article | why the default |", "|---|---|---|---|"]
    for s in SWITCHES:
        values = " · ".join([f"**{s.values[0]}**", *s.values[1:]])
        rows.append(f"| `{s.name}` | {values} | {s.article} | {s.why.replace('|', '/')} |")
    return "\n".join(rows)


def obligations_table() -> str:
    """Every obligation of the booklet as a Markdown table."""
    from projections.obligations import obligations_table as made

    return made()


BLOCKS: dict[str, Callable[[], str]] = {
    "adapters": adapters_table,
    "questions": questions_table,
    "events": events_table,
    "switches": switches_table,
    "obligations": obligations_table,
}
