"""The two dashboards as pictures: Vega-Lite specifications made of a finding's figures, and the SVG drawn of them.

A specification holds every figure it shows and no address to fetch one from; the same figures give the same
specification, and the same bytes of SVG from the same version of the drawing library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ledger.errors import Refused

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
VERSION = "5.20"
# state, colour: told apart without red against green (Okabe and Ito)
STATES: tuple[tuple[str, str], ...] = (
    ("met", "#0072B2"),
    ("missed", "#D55E00"),
    ("pending", "#999999"),
    ("not_judged", "#DDDDDD"),
)
SHARES = ("p50", "p90", "p95", "p100")
TOP = 12  # articles shown; the others together


def requests_chart(result: Mapping[str, Any]) -> dict[str, Any]:
    """Of `requests_dashboard`: requests by month and state above, working hours to the first answer below."""
    counts = [{"month": m, "state": state, "requests": row[state]} for m, row in result.items() for state, _ in STATES]
    waits = [
        {"month": m, "share": share, "hours": row["response_seconds"][share] / 3600}
        for m, row in result.items()
        for share in SHARES
        if row["response_seconds"][share] is not None
    ]
    names, colours = zip(*STATES, strict=True)
    bars = _panel(counts, "bar", "month", "requests", "Requests", "state")
    bars["encoding"]["color"]["scale"] = {"domain": list(names), "range": list(colours)}
    line = {"type": "line", "point": True}
    lines = _panel(waits, line, "month", "hours", "Working hours to the first answer", "share")
    lines["encoding"]["color"]["scale"] = {"domain": list(SHARES)}
    resolve = {"scale": {"color": "independent"}}
    return {"$schema": SCHEMA, "vconcat": [bars, lines], "resolve": resolve}


def articles_chart(result: Mapping[str, Any]) -> dict[str, Any]:
    """Of `articles_dashboard`: how often the articles were read over all its months, the most read first."""
    totals: dict[str, int] = {}
    for row in result.values():
        for article, times in row["articles"].items():
            totals[article] = totals.get(article, 0) + times
    ordered = sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [{"article": article, "readings": times} for article, times in ordered[:TOP]]
    if ordered[TOP:]:
        shown.append({"article": "others", "readings": sum(times for _, times in ordered[TOP:])})
    return {
        "$schema": SCHEMA,
        "data": {"values": shown},
        "mark": "bar",
        "encoding": {
            "y": {"field": "article", "type": "nominal", "sort": None, "title": "Article"},
            "x": {"field": "readings", "type": "quantitative", "title": "Times read"},
        },
    }


def svg(spec: Mapping[str, Any]) -> str:
    """The picture of a specification. Raises `Refused("missing_extra")` without the drawing library."""
    try:
        import vl_convert
    except ImportError:
        needed = "pictures need the extra `service-ledger[reports]` (vl-convert-python)"
        raise Refused("missing_extra", needed) from None
    drawn: str = vl_convert.vegalite_to_svg(json.dumps(spec), vl_version=VERSION, allowed_base_urls=[])
    return drawn


def _panel(values: list[dict[str, Any]], mark: Any, x: str, y: str, title: str, colour: str) -> dict[str, Any]:
    return {
        "data": {"values": values},
        "mark": mark,
        "width": 480,
        "height": 180,
        "encoding": {
            "x": {"field": x, "type": "ordinal", "title": None},
            "y": {"field": y, "type": "quantitative", "title": title},
            "color": {"field": colour, "type": "nominal", "title": None},
        },
    }


CHARTS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "requests_dashboard": requests_chart,
    "articles_dashboard": articles_chart,
}


def picture(question: str, result: Mapping[str, Any]) -> str:
    """The SVG of a question's result. Raises `Refused("bad_parameter")` for a question that has no picture."""
    if question not in CHARTS:
        raise Refused("bad_parameter", f"{question} has no picture; {' and '.join(CHARTS)} have")
    return svg(CHARTS[question](result))
