"""The live screen as lines of text: pure, so any width and height can be looked at in a test.

Every line fits the width and there are never more lines than the height: the terminal neither wraps
nor scrolls, which is what makes a live view flicker.
"""

from __future__ import annotations

import textwrap

from rich.text import Text

from bluegreen.domain.verdict import Outcome
from bluegreen.text import one_line
from bluegreen.ui.bars import bar
from bluegreen.ui.format import clock, duration
from bluegreen.ui.glyphs import OUTCOME_STYLE, STAGE_STYLE, UNICODE, Glyphs
from bluegreen.ui.links import links_line
from bluegreen.ui.stage_strip import running, strip
from bluegreen.ui.tier_rows import one_line_tiers, tier_rows
from bluegreen.ui.time_left import Usual, expected, seconds_left
from bluegreen.ui.timeline import Progress, StageView, Timeline
from bluegreen.ui.verdict_rows import check_rows, verdict_rows

_BLOCKS = 2
"""Stages that are told in full: the one that runs, and what failed before it."""
_GAPS = 2
_STEPS = 3
_WARNINGS = 3


def screen(
    timeline: Timeline,
    *,
    now: float,
    width: int,
    height: int,
    glyphs: Glyphs = UNICODE,
    note: str = "",
    usual: Usual | None = None,
    keys: str = "",
    linked: bool = False,
) -> list[Text]:
    """The lines of the live view at epoch second `now`; `usual` is what stages took before.

    `keys`: what can be typed, where somebody listens. `linked`: the terminal opens links.
    """
    known = usual or {}
    head = _head(timeline, now, width, glyphs, known) + _traffic(timeline, width)
    stages = _stages(timeline, now, width, glyphs=glyphs, known=known)
    tiers = tier_rows(timeline, width, glyphs)
    following = _hold(timeline, now, width) + _next(timeline, now, width)
    verdict, rows, warnings = (
        _verdict(timeline, width),
        _rows(timeline, width),
        _warnings(timeline, width, note),
    )
    pages = [links_line(timeline.links)] if linked and timeline.links else []
    keyed = [*pages, *([Text(keys, style="dim")] if keys else [])]
    # What is left out first where there is no room: the limits, the single fleets, the steps, the words.
    for parts in (
        (stages, tiers, verdict, rows, following, warnings, keyed),
        (stages, tiers, verdict, following, warnings, keyed),
        (stages, one_line_tiers(timeline, width, glyphs), verdict, following, warnings),
        (stages[:2], one_line_tiers(timeline, width, glyphs), following),
    ):
        lines = [*head, *(line for part in parts for line in part)]
        if len(lines) <= height:
            break
    spare = height - len(lines)
    if spare >= _GAPS:
        lines = [*head, *parts[0], Text(), *parts[1], Text(), *(line for part in parts[2:] for line in part)]
    if len(lines) > height > len(following) + 2:  # whatever is cut, it is not what comes next
        lines = [*lines[: height - len(following)], *following]
    return [_fit(line, width, glyphs) for line in lines[: max(1, height)]]


def title(timeline: Timeline, glyphs: Glyphs = UNICODE) -> str:
    """`lab · promotion v1.0.0 → v1.1.0 · deployment 2`."""
    versions = f" {glyphs.arrow} ".join(v for v in (", ".join(timeline.from_versions), timeline.version) if v)
    parts = [timeline.stack, f"{timeline.intent} {versions}".strip(), f"deployment {timeline.number}"]
    return one_line(f" {glyphs.dot} ".join(parts))


def _fit(line: Text, width: int, glyphs: Glyphs) -> Text:
    if line.cell_len > width:
        line = line.copy()
        line.truncate(width - 1)
        line.append(glyphs.ellipsis)
    line.no_wrap = True
    return line


def _head(timeline: Timeline, now: float, width: int, glyphs: Glyphs, known: Usual) -> list[Text]:
    first = Text(title(timeline, glyphs), style="bold")
    if timeline.operator:
        first.append(f" {glyphs.dot} by {timeline.operator}", style="dim")
    elapsed = (timeline.ended_at or now) - timeline.started_at
    left = seconds_left(timeline, now, known) if timeline.ended_at is None else 0.0
    words = f", about {duration(left)} left  " if left >= 1 else "  "
    second = Text(f"elapsed {duration(elapsed)}{words}")
    done = elapsed / max(elapsed + left, 1.0)
    second.append(bar(done, min(40, max(8, width - 50)), glyphs), style="cyan")
    return [first, second]


def _traffic(timeline: Timeline, width: int) -> list[Text]:
    """Where the users are, and what becomes of them without this deployer."""
    shares: dict[str, list[str]] = {}
    for tier in timeline.tiers:
        if tier.percent is not None:
            sides = ((100 - tier.percent, tier.blue), (tier.percent, tier.green))
            words = ", ".join(f"{part} % {version}" for part, version in sides if part and version)
            shares.setdefault(words, []).append(str(tier.tier))
    if len(shares) == 1:
        where = next(iter(shares))
    else:
        where = "; ".join(f"{', '.join(tiers)}: {words}" for words, tiers in shares.items())
    if not where:
        return []
    guarded = [tier for tier in timeline.tiers if tier.guarded and tier.percent and tier.blue]
    dies = ""
    if guarded and timeline.falls_back_after and timeline.ending.open:
        blue = ", ".join(dict.fromkeys(tier.blue for tier in guarded))
        dies = f"; if this deployer dies: back to {blue} within {duration(timeline.falls_back_after)}"
    return _labelled("traffic", f"{where}{dies}", width, style="bold")


def _stages(timeline: Timeline, now: float, width: int, *, glyphs: Glyphs, known: Usual) -> list[Text]:
    """All in one line, and what the one that runs is doing.

    What a rollback made pointless is left out.
    """
    stages = [stage for stage in timeline.stages if stage.state is not Progress.DROPPED]
    if not stages:
        return []
    told = [one for one in stages if one.state in (Progress.RUNNING, Progress.FAILED)][-_BLOCKS:]
    blocks = [line for stage in told for line in _stage(stage, now, width, glyphs, known)]
    return [strip(stages, now, width, glyphs, known), *blocks]


def _stage(stage: StageView, now: float, width: int, glyphs: Glyphs, known: Usual) -> list[Text]:
    style = STAGE_STYLE[stage.state]
    seconds = stage.elapsed(now)
    failed = stage.state is Progress.FAILED
    took = f"failed after {duration(seconds)}" if failed else running(seconds, expected(stage, known))
    name = f"{glyphs.stage[stage.state]} {'rollback: ' if stage.back else ''}{stage.title}"
    room = min(width, 100) - len(took) - 1
    if len(name) > room:
        name = name[: room - 1] + glyphs.ellipsis
    lines = [Text(f"{name:<{room}} {took}", style=style)]
    unfinished = [step for step in stage.steps.values() if step.state is not Progress.DONE and step.words]
    for step in unfinished[:_STEPS]:
        tier = f"{step.tier}: " if step.tier else ""
        red = step.state is Progress.FAILED
        lines.append(Text(f"    {tier}{one_line(step.words)}", style="red" if red else "dim"))
    return lines


def _verdict(timeline: Timeline, width: int) -> list[Text]:
    verdict = timeline.verdict
    if verdict is None:
        return []
    at = "" if verdict.percent is None else f" at {verdict.percent} %"
    hold = ", holding" if verdict.hold else ", your decision is needed" if verdict.ask else ""
    said = f"{verdict.outcome}{at}{hold}: {verdict.reason}"
    return _labelled("verdict", said, width, style=OUTCOME_STYLE[verdict.outcome])


def _rows(timeline: Timeline, width: int) -> list[Text]:
    if timeline.verdict is None:
        return []
    verdict = timeline.verdict
    found = [*verdict_rows(verdict.findings, width), *check_rows(verdict.checks)]
    return [Text(words, style="bold red" if breach else "") for words, breach in found]


def _hold(timeline: Timeline, now: float, width: int) -> list[Text]:
    """Who holds it, why, and until when."""
    hold = timeline.hold
    if hold is None or not timeline.ending.open:
        return []
    left = f" (in {duration(hold.until - now)})" if hold.until > now else ""
    words = f"since {clock(hold.since)} {hold.words}; until {clock(hold.until)}{left}, {hold.then}"
    return _labelled("on hold", words, width, style="bold yellow")


def _next(timeline: Timeline, now: float, width: int) -> list[Text]:
    words, at = timeline.upcoming()
    if not words:
        return []
    when = f", at {clock(at)} (in {duration(at - now)})" if at is not None and at > now else ""
    verdict = timeline.verdict
    decides = verdict is not None and timeline.ending.open and timeline.hold is None
    deadline = verdict.deadline if verdict and decides else 0.0
    then = f"; decides by {clock(deadline)}, then pauses for you" if deadline > now else ""
    judged = verdict is not None and decides and words == verdict.next
    unless = ", if all checks pass" if verdict and judged and verdict.outcome is not Outcome.PASS else ""
    return _labelled("next", f"{words}{when}{unless}{then}", width)


def _warnings(timeline: Timeline, width: int, note: str) -> list[Text]:
    lines: list[Text] = []
    for warning in timeline.warnings[-_WARNINGS:]:
        lines += _labelled("warning", f"{clock(warning.at)} {warning.words}", width, style="yellow")
    return lines + (_labelled("note", note, width, style="bold") if note else [])


def _labelled(label: str, words: str, width: int, *, style: str = "") -> list[Text]:
    """`words` over at most two lines behind a label."""
    wrapped = textwrap.wrap(one_line(words), max(20, width - 10), max_lines=2, placeholder=" ...")
    return [
        Text.assemble((f"{label if index == 0 else '':<9} ", "dim"), (part, style))
        for index, part in enumerate(wrapped)
    ]
