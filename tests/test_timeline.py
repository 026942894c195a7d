"""Pictures from plain data: every bar, mark and night is drawn where its figures say, and the same twice."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from replays import timeline
from replays.timeline import Bar, Mark

STATES = {"kept": ("#8dc891", "kept"), "broken": ("#c43c39", "broken")}
SVG = "{http://www.w3.org/2000/svg}"


def parts(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(SVG + tag))


def titled(svg: str, title: str) -> dict[str, float]:
    (found,) = [e for e in parts(svg, "rect") if (e.findtext(SVG + "title") or "") == title]
    return {name: float(found.attrib[name]) for name in ("x", "y", "width", "height")}


def test_a_bar_stands_on_its_day_and_is_as_long_as_its_seconds() -> None:
    drawn = timeline.month(["2026-03-01", "2026-03-02"], [Bar(1, 43_200, 64_800, "outage", "O1")], [("outage", "outage")])
    bar = titled(drawn, "O1")
    assert bar["x"] == 92 + 864 / 2
    assert bar["width"] == 864 / 4
    assert bar["y"] == 34 + 15 + 3
    assert [e.text for e in parts(drawn, "text")][-2:] == ["O1", "outage"]


@pytest.mark.parametrize(("seconds", "width"), [(1, 2.0), (199, 2.0), (201, 2.01), (86_400, 864.0)])
def test_what_is_short_is_still_seen(seconds: int, width: float) -> None:
    bar = titled(timeline.month(["d"], [Bar(0, 0, seconds, "outage", "O1")], []), "O1")
    assert bar["width"] == pytest.approx(width, abs=0.01)


def test_the_reference_period_lies_under_what_happened_in_it() -> None:
    drawn = timeline.month(["d"], [Bar(0, 0, 9, "outage", "O1"), Bar(0, 0, 90, "prt", "PRT")], [])
    assert drawn.index("<title>PRT") < drawn.index("<title>O1")


def test_the_line_changes_colour_where_the_verdict_turned() -> None:
    drawn = timeline.knowledge([Mark(0.0, "", "", "kept"), Mark(0.25, "1", "learnt", "broken")], "a", "b", STATES)
    bands = [(float(e.attrib["x"]), float(e.attrib["width"]), e.attrib["fill"]) for e in parts(drawn, "rect") if e.attrib.get("height") == "14"]
    assert bands == [(40.0, 220.0, "#8dc891"), (260.0, 660.0, "#c43c39")]


def test_a_missing_night_is_crossed_and_the_others_are_not() -> None:
    drawn = timeline.nights({"fulfilled": ["2026-02-06"], "missed": ["2026-02-07"], "pending": []}, [("missed", "missing")])
    assert len(parts(drawn, "path")) == 1
    assert titled(drawn, "2026-02-07")["x"] == 100 + 26 * 6 + 1


def test_words_of_the_ledger_are_never_markup() -> None:
    drawn = timeline.month(["<b>"], [Bar(0, 0, 9, "outage", "</svg><script>")], [("outage", "a & b")])
    assert "<script>" not in drawn
    assert ElementTree.fromstring(drawn) is not None


def test_the_same_data_are_the_same_bytes() -> None:
    one, two = (timeline.nights({"fulfilled": ["2026-02-06"]}, []) for _ in range(2))
    assert one == two


def test_an_exclusion_lies_over_the_lower_half_of_what_it_excludes() -> None:
    drawn = timeline.month(["d"], [Bar(0, 0, 9000, "excluded", "X1"), Bar(0, 0, 9000, "outage", "O1")], [])
    outage, excluded = titled(drawn, "O1"), titled(drawn, "X1")
    assert drawn.index("<title>O1") < drawn.index("<title>X1")
    assert outage["y"] < excluded["y"]
    assert outage["y"] + outage["height"] == excluded["y"] + excluded["height"]


def test_days_and_hours_are_written_as_the_reader_wants_them() -> None:
    drawn = timeline.month(["lun. 2"], [Bar(0, 0, 9, "prt")], [], "{} h")
    assert [e.text for e in parts(drawn, "text")][:2] == ["0 h", "3 h"]
    calendar = timeline.nights({"missed": ["2026-02-07"]}, [], {"2026-02-07": "7 février", "2026-02": "février"}.__getitem__)
    assert "février" in [e.text for e in parts(calendar, "text")]
    assert titled(calendar, "7 février")["width"] == 24


def test_a_fact_joins_when_it_happened_to_when_it_was_recorded() -> None:
    drawn = timeline.facts([("10", 0, 0), ("11", 0, 100_000), ("12", 50_000, 50_010)], ("a", "b"), ("happened", "recorded"))
    joins = [e.attrib for e in parts(drawn, "line") if e.attrib["stroke"] != "#666"]
    assert [(float(e["x1"]), float(e["x2"]), e["stroke"]) for e in joins] == [
        (92.0, 92.0, "#2f5f99"),
        (507.0, 507.08, "#2f5f99"),
        (92.0, 922.0, "#c43c39"),  # learnt a day later or more
    ]
    assert [e.text for e in parts(drawn, "text")][2:5] == ["10", "12", "11"]


def test_a_name_without_room_at_its_right_stands_at_its_left() -> None:
    drawn = timeline.month(["d"], [Bar(0, 80_000, 86_000, "outage", "O-123")], [])
    (name,) = (e for e in parts(drawn, "text") if e.text == "O-123")
    assert name.attrib["text-anchor"] == "end"
