"""The sections of a dossier's page, in one language, as blocks: each says one thing a judge asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ledger.readings import SWITCHES, switch_named
from ledger.spans import seconds
from projections.finding import text
from projections.obligations import OBLIGATIONS, Obligation
from replays import timeline
from replays.dossier_pages import Block, heading, picture, sentence, table
from replays.dossier_texts import LANGUAGES
from replays.dossier_told import Dossier
from replays.dossier_workings import cut, workings
from replays.figures import leaves
from replays.verdicts import verdict
from replays.words import moments
from replays.words.language import NOTHING, Language

BANDS = {"kept": "#8dc891", "broken": "#c43c39", "not_judged": "#d9d9d9"}
MOST_CHANGES = 6  # of one row
MOST_FIGURES = 120  # shown beside each other when they are all the same; else those that differ
MOST_SETS = 12  # of switches that turn the verdict together
MOST_MARKS = 60  # facts on one line


class Page(Struct, frozen=True, kw_only=True):
    """What is told, in which language, with which words."""

    told: Dossier
    lang: Language
    t: dict[str, str]


def pages(told: Dossier, lang: Language) -> list[Block]:
    """The dossier in a language, as blocks."""
    page = Page(told=told, lang=lang, t=LANGUAGES[lang.code])
    t = page.t
    return [
        heading(f"{t['title']} {told.dispute.dispute}", 1),
        sentence(t["intro"].format(zone=told.zone)),
        *_brief(page),
        *_matter(page),
        *_owed(page),
        *_verdicts(page),
        *_months(page),
        *_learnt(page),
        *_knowable(page),
        *_clauses(page),
        *_levers(page),
        heading(t["workings"]),
        *workings(lang, t, told.answers["now"].workings, told.dispute.question),
        *_facts(page),
        heading(t["how"]),
        sentence(t["how_note"]),
    ]


def _brief(page: Page) -> list[Block]:
    """The verdict before anything else."""
    told, t = page.told, page.t
    now, first = told.answers["now"], next(iter(told.answers.values()))
    lines = [t["brief_matter"].format(question=_question(page))]
    for name, answer in (("brief_now", now), ("brief_first", first)):
        known_at = page.lang.value("known_at", answer.known_at)
        lines.append(t[name].format(known_at=known_at, verdict=t[verdict(answer.question, answer.result)]))
    if isinstance(now.result, Mapping) and now.result.get("status") == "provisional":
        lines.insert(2, t["brief_running"])
    found = told.sensitivity
    if found.readings == 1:
        return [heading(t["brief"]), *map(sentence, [*lines, t["brief_one"]])]
    count = page.lang.amount(found.readings, "")
    lines.append(t[f"brief_{found.coverage}"].format(count=count, outcome=t[f"every_{found.outcome}"]))
    return [heading(t["brief"]), *map(sentence, lines)]


def _question(page: Page) -> str:
    found, lang = page.told.dispute, page.lang
    named = lang.named(found.params)
    return f"{lang.value('question', found.question)} ({named})" if named else lang.value("question", found.question)


def _matter(page: Page) -> list[Block]:
    told, lang, t = page.told, page.lang, page.t
    found, now = told.dispute, told.answers["now"]
    chosen = {s.name: now.reading[s.name] for s in SWITCHES if now.reading[s.name] != s.default}
    rows = [
        (t["contract"], told.contract),
        (t["question"], _question(page)),
        (t["reason"], lang.quote(found.reason)),
        (t["opened"], lang.value("at", found.opened_at)),
        (t["by"], lang.value("by", found.opened_by)),
        (t["state"], lang.value("state_of_dispute", found.state)),
        (t["known_at"], lang.value("at", now.known_at)),
        (t["last_position"], lang.value("position", now.position)),
        (t["root"], now.root or NOTHING),
        (t["terms"], now.terms),
        (t["calendar"], now.calendar),
        (t["reading_used"], lang.semicolon.join(_reading(page, *one) for one in chosen.items()) or t["by_default"]),
        (t["made_with"], f"service-ledger {now.software}, {t['zones']} {now.tz}"),
    ]
    return [heading(t["matter"]), table((t["item"], t["value"]), rows), *_course(page)]


def _course(page: Page) -> list[Block]:
    told, lang, t = page.told, page.lang, page.t
    said = {fact.position: lang.fact(fact.kind, fact.payload) for fact in told.facts}
    course = [
        (lang.value("at", line["at"]), str(line["position"]), said[line["position"]], lang.value("by", line["by"]))
        for line in told.dispute.timeline
    ]
    blocks = [heading(t["course"]), table([t[n] for n in ("at", "position", "what", "by")], course)]
    if told.dispute.decision:
        reading = lang.semicolon.join(_reading(page, *one) for one in told.dispute.decided_reading.items())
        decided = f"{t['decision']}{lang.colon}{lang.quote(told.dispute.decision)}"
        blocks.append(sentence(f"{decided}{f' ({reading})' if reading else ''}. {t['decided_note']}"))
    holds = [
        (each["hold"], lang.value("at", each["placed_at"]), lang.value("at", each["lifted_at"]),
         ", ".join(gone["what"] for gone in each["deleted_meanwhile"]) or NOTHING)
        for each in told.dispute.holds
    ]  # fmt: skip
    if holds:
        names = ("hold", "since", "until", "deleted_meanwhile")
        blocks += [heading(t["holds"], 3), table([t[n] for n in names], holds)]
    return blocks


def _reading(page: Page, switch: str, value: str) -> str:
    lang = page.lang
    return f"{lang.about(switch)}{lang.colon}{lang.reading(switch, value)}"


def at_stake(told: Dossier) -> list[Obligation]:
    """The obligations the question judges; of the register, those found broken."""
    now = told.answers["now"]
    if told.dispute.question == "breaches":
        broken = {row["obligation"] for row in now.result}
        return [each for each in OBLIGATIONS if each.id in broken]
    return [each for each in OBLIGATIONS if each.rule.endswith(f":{told.dispute.question}")]


def _owed(page: Page) -> list[Block]:
    lang, t = page.lang, page.t
    rows = [(each.id, each.clause, lang.owed(each.id, each.text), lang.value("by", each.who))
            for each in at_stake(page.told)]  # fmt: skip
    names = ("obligation", "article", "owed", "owed_by")
    return [heading(t["owed"]), table([t[n] for n in names], rows)] if rows else []


def _verdicts(page: Page) -> list[Block]:
    """Each answer a column, each figure a row; the verdict first."""
    told, lang, t = page.told, page.lang, page.t
    columns = {name: leaves(answer.result) for name, answer in told.answers.items()}
    blocks, paths = _few(page, list(columns.values()))
    rows = [[t["verdict"], *(t[verdict(a.question, a.result)] for a in told.answers.values())]]
    for path in paths:
        shown = [lang.figure(path, found.get(path)) for found in columns.values()]
        rows.append([lang.path(path, told.dispute.question), *shown])
    return [heading(t["verdicts"]), *blocks, *cut(t, (t["figure"], *(t[name] for name in columns)), rows)]


def _few(page: Page, columns: list[dict[str, Any]]) -> tuple[list[Block], list[str]]:
    """The figures shown: all of them; of too many those of what is judged; of still too many those that differ."""
    t = page.t
    paths = list(dict.fromkeys(path for found in columns for path in found if path))
    if len(paths) <= MOST_FIGURES:
        return [], paths
    states = [path for path in paths if path.endswith(".state")]
    idle = {s.removesuffix(".state") for s in states if {f.get(s) for f in columns} == {"nothing_to_judge"}}
    blocks = [sentence(t["idle"].format(count=len(idle)))] if idle else []
    paths = [path for path in paths if path.rpartition(".")[0] not in idle]
    if len(paths) <= MOST_FIGURES:
        return blocks, paths
    differing = [path for path in paths if len({repr(found.get(path)) for found in columns}) > 1]
    said = t["only_differing" if differing else "none_differs"].format(count=page.lang.amount(len(paths), ""))
    return [*blocks, sentence(said)], differing


def _months(page: Page) -> list[Block]:
    drawn, t = page.told.pictures, page.t
    blocks = [heading(t["month"])] if drawn.months else []
    for each in drawn.months:
        bars = [b._replace(label=f"{b.label} ({page.lang.value('ground', b.ground)})") if b.ground else b
                for b in each.bars]  # fmt: skip
        kinds = {bar.kind for bar in bars}
        legend = [(kind, t[kind]) for kind in timeline.FILLS if kind in kinds]
        days = [moments.short_day(page.lang.code, day) for day in each.days]
        caption = t["month_caption"].format(month=page.lang.value("month", each.month))
        hours = page.lang.choose(("{:02}:00", "{} h"))
        blocks.append(picture(timeline.month(days, bars, legend, hours), caption))
    if drawn.nights:
        found = {kind: drawn.nights[kind] for kind in timeline.NIGHTS}
        legend = [(kind, t[kind]) for kind, days in found.items() if days]
        calendar = timeline.nights(found, legend, lambda written: page.lang.value("", written))
        blocks += [heading(t["nights"]), picture(calendar, t["nights_caption"])]
    return blocks


def _learnt(page: Page) -> list[Block]:
    told, lang, t = page.told, page.lang, page.t
    first, last = lang.value("at", told.comparison.first.known_at), lang.value("at", text(seconds(told.known_at)))
    blocks = [heading(t["learnt"]), sentence(t["learnt_note"].format(first=first, last=last))]
    if not told.comparison.steps:
        return [*blocks, sentence(t["no_step"])]
    said = {fact.position: lang.fact(fact.kind, fact.payload) for fact in told.facts}
    rows = []
    number = 0
    for step in told.comparison.steps:
        if step.position is None:
            until = lang.value("at", step.learnt_at) if step.learnt_at else NOTHING
            rows.append((NOTHING, until, NOTHING, t["time_passed"], _changes(page, step.changes), NOTHING))
            continue
        number += 1
        rows.append((str(number), lang.value("at", step.learnt_at), str(step.position), said[step.position],
                     _changes(page, step.changes), _changes(page, step.alone)))  # fmt: skip
    heads = [t[name] for name in ("number", "at", "position", "fact", "moved", "alone")]
    return [*blocks, picture(_line(page), t["knowledge_caption"]), *cut(t, heads, rows)]


def _line(page: Page) -> str:
    """Marks from the earlier knowledge to now, the line coloured by the verdict after each."""
    told, t = page.told, page.t
    begin, end = moments.seconds_of(str(told.comparison.first.known_at)), seconds(told.known_at)
    marks = []
    number = 0
    for step in told.comparison.steps:
        number += step.position is not None
        place = (moments.seconds_of(step.learnt_at) - begin) / max(end - begin, 1) if step.learnt_at else 1.0
        label = "" if step.position is None else str(number)
        marks.append(timeline.Mark(min(max(place, 0.0), 1.0), label, "", step.verdict))
    start = verdict(told.dispute.question, told.comparison.first.result)
    states = {name: (colour, t[name]) for name, colour in BANDS.items()}
    ends = [page.lang.day(at) for at in (begin, end)]
    return timeline.knowledge([timeline.Mark(0.0, "", "", start), *marks], ends[0], ends[1], states)


def _knowable(page: Page) -> list[Block]:
    lang, t = page.lang, page.t
    rows = [
        (b.obligation, lang.value("what", b.what), lang.value("subject", b.subject), lang.value("period", b.period),
         lang.value("at", b.broken_at), lang.value("at", b.first_knowable_at),
         lang.value("delay_seconds", b.detection_delay_seconds), lang.value("missing", b.missing))
        for b in page.told.breaches
    ]  # fmt: skip
    names = ("obligation", "breach", "what", "period", "broken_at", "first_knowable_at", "delay", "missing")
    heads = [page.lang.label("subject") if name == "what" else t[name] for name in names]
    return [heading(t["knowable"]), *cut(t, heads, rows)] if rows else []


def _clauses(page: Page) -> list[Block]:
    told, lang, t = page.told, page.lang, page.t
    found = told.sensitivity
    blocks = [heading(t["clauses"]), sentence(f"{t['clauses_note']} {t[f'coverage_{found.coverage}']}")]
    reading = told.answers["now"].reading
    rows = [
        (_article(flip.switch), lang.about(flip.switch), lang.reading(flip.switch, reading[flip.switch]),
         lang.reading(flip.switch, flip.value), t[flip.verdict], _changes(page, flip.changes), lang.why(flip.switch))
        for flip in found.flips if flip.changes
    ]  # fmt: skip
    if rows:
        names = ("article", "choice", "reading", "other", "other_verdict", "changes", "why")
        blocks.append(table([t[n] for n in names], rows))
    else:
        blocks.append(sentence(t["no_clause"]))
    for turning in found.turning_sets[:MOST_SETS]:
        sides = f" {t['with']} ".join(lang.reading(*one.split("=", 1)) for one in turning)
        blocks.append(sentence(f"{t['turned_by']}{lang.colon}{sides}."))
    more = len(found.turning_sets) - MOST_SETS
    if more > 0:
        blocks.append(sentence(t["turned_by_more" if more > 1 else "turned_by_one_more"].format(count=more)))
    return [*blocks, *_inert(page, {flip.switch for flip in found.flips if flip.changes})]


def _inert(page: Page, live: set[str]) -> list[Block]:
    """The choices that bear on the question and move nothing, so that nobody need ask whether they were seen."""
    told, lang, t = page.told, page.lang, page.t
    reading = told.answers["now"].reading
    rows = []
    for name in dict.fromkeys(flip.switch for flip in told.sensitivity.flips):
        if name not in live:
            others = [value for value in switch_named(name).values if value != reading[name]]
            other = lang.semicolon.join(lang.reading(name, value) for value in others)
            rows.append((_article(name), lang.about(name), lang.reading(name, reading[name]), other, lang.why(name)))
    heads = [t[n] for n in ("article", "choice", "reading", "other", "why")]
    return [heading(t["inert"], 3), table(heads, rows)] if rows else []


def _article(switch: str) -> str:
    found = switch_named(switch)
    return f"{found.article} ({found.amb})" if found.amb else found.article


def _levers(page: Page) -> list[Block]:
    lang, t = page.lang, page.t
    blocks: list[Block] = []
    for found in page.told.months:
        spare = found.spare_seconds
        amount = lang.value("seconds", abs(spare)) if spare else lang.value("", "0 s")
        margin = "short_of" if spare < 0 else "to_spare" if found.over else "left"
        blocks += [heading(t["levers"]), sentence(t[margin].format(amount=amount))]
        rows = [(lang.note(lv.shown) or lv.shown, lang.value("ground", lv.ground), lang.value("seconds", lv.seconds),
                 t["yes"] if lv.turns else t["no"], lang.value("positions", list(lv.positions)))
                for lv in found.levers]  # fmt: skip
        if rows:
            blocks.append(table([t[n] for n in ("shown", "ground", "seconds", "turns", "position")], rows))
    return blocks


def _facts(page: Page) -> list[Block]:
    told, lang, t = page.told, page.lang, page.t
    rows = [
        (str(f.position), lang.value("at", f.recorded_at), lang.stream(f.stream), lang.fact(f.kind, f.payload),
         f.leaf_hash)
        for f in told.facts
    ]  # fmt: skip
    blocks = [heading(t["facts"])]
    placed = [f for f in told.facts if f.happened_at is not None]
    if 0 < len(placed) <= MOST_MARKS:
        pairs = [(str(f.position), f.happened_at or 0, moments.seconds_of(f.recorded_at)) for f in placed]
        ends = [lang.day(at) for at in timeline.ends(pairs)]
        drawn = timeline.facts(pairs, (ends[0], ends[1]), (t["happened"], t["was_recorded"]))
        blocks.append(picture(drawn, t["facts_caption"]))
    heads = [t[n] for n in ("position", "recorded", "stream", "fact", "receipt")]
    return [*blocks, *cut(t, heads, rows)]


def _changes(page: Page, changes: Mapping[str, list[Any]]) -> str:
    """Each figure from what it was to what it is; a row that comes or goes is said once."""
    lang, t, asked = page.lang, page.t, page.told.dispute.question
    shown: list[str] = []
    for path, (before, after) in changes.items():
        row = path.partition("]")[0] + "]" if "[" in path else ""
        if row and (before is None or after is None):
            said = f"{lang.path(row, asked)}{lang.colon}{t['comes' if before is None else 'goes']}"
        else:
            said = f"{lang.path(path, asked)}{lang.colon}{lang.figure(path, before)} → {lang.figure(path, after)}"
        shown += [] if said in shown else [said]
    return lang.semicolon.join(shown[:MOST_CHANGES] + (["…"] if len(shown) > MOST_CHANGES else [])) or NOTHING
