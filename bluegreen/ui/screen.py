"""The live screen as lines of text: pure, so any width and height can be looked at in a test.

Every line fits the width and there are never more lines than the height: the terminal neither wraps
nor scrolls, which is what makes a live view flicker.
"""

from __future__ import annotations

import textwrap

from rich.text import Text

from bluegreen.domain.release import Color
from bluegreen.text import one_line
from bluegreen.ui.figures import Figures, figures
from bluegreen.ui.format import clock, duration, percent, rate, share
from bluegreen.ui.glyphs import OUTCOME_STYLE, STAGE_STYLE, UNICODE, Glyphs
from bluegreen.ui.time_left import Usual, expected, seconds_left
from bluegreen.ui.timeline import Progress, StageView, TierView, Timeline
from bluegreen.ui.verdict_rows import check_rows, verdict_rows

_FEWEST_STAGES = 3
_STEPS = 3
_WARNINGS = 3
_OVER = "bold red"
_HOSTS = 6
"""More are a number."""


def screen(
    timeline: Timeline,
    *,
    now: float,
    width: int,
    height: int,
    glyphs: Glyphs = UNICODE,
    note: str = "",
    usual: Usual | None = None,
) -> list[Text]:
    """The lines of the live view at epoch second `now`; `usual` is what stages took before."""
    known = usual or {}
    head = _head(timeline, now, width, glyphs, known) + _traffic(timeline, width)
    tiers = _tiers(timeline, width, glyphs)
    following = _hold(timeline, now, width) + _next(timeline, now, width)
    rest = following + _warnings(timeline, width, note)
    rows = _rows(timeline, width)
    tail = _verdict(timeline, width) + rows + rest
    room = height - len(head) - len(tail) - len(tiers) - 2
    if room < _FEWEST_STAGES:
        tail = _verdict(timeline, width) + rest
        room += len(rows)
    if room < _FEWEST_STAGES:  # the stages come before the figures of single fleets
        tiers = _one_line_tiers(timeline, width, glyphs)
        room = height - len(head) - len(tail) - len(tiers)
    if room < _FEWEST_STAGES:  # what comes next comes before all warnings
        tail = following
        room = height - len(head) - len(tail) - len(tiers)
    stages = _stages(timeline, now, width, max(room, _FEWEST_STAGES), glyphs=glyphs, known=known)
    lines = [*head, *stages]
    gap = [Text()] if len(lines) + len(tiers) + len(tail) + 2 <= height else []
    lines += [*gap, *tiers, *gap, *tail]
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
    second.append(_bar(done, min(40, max(8, width - 50)), glyphs), style="cyan")
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


def _bar(fraction: float, width: int, glyphs: Glyphs) -> str:
    full = round(fraction * width)
    if fraction > 0 and full == 0:
        full = 1
    return glyphs.full * full + glyphs.rest * (width - full)


def _stages(
    timeline: Timeline, now: float, width: int, room: int, *, glyphs: Glyphs, known: Usual
) -> list[Text]:
    """The stages that fit, around the current one; the others as one line before and after.

    What a rollback made pointless is left out.
    """
    stages = [stage for stage in timeline.stages if stage.state is not Progress.DROPPED]
    blocks = [_stage(stage, now, width, glyphs, known) for stage in stages]
    if not blocks:
        return []
    if sum(map(len, blocks)) <= room:
        return [line for block in blocks for line in block]
    first, last = _window([len(block) for block in blocks], _focus(stages), room - 2)
    lines = [line for block in blocks[first : last + 1] for line in block]
    if first:
        lines.insert(0, Text(f"{glyphs.stage[Progress.DONE]} {first} earlier stages", style="dim"))
    after = stages[last + 1 :]
    if after:
        left = duration(sum(expected(stage, known) for stage in after))
        more = f"{glyphs.stage[Progress.WAITING]} {len(after)} more stages, about {left}"
        lines.append(Text(more, style="dim"))
    return lines


def _focus(stages: list[StageView]) -> int:
    """The stage that runs, else the last one that began."""
    begun = [index for index, stage in enumerate(stages) if stage.started_at is not None]
    running = [index for index in begun if stages[index].state is Progress.RUNNING]
    return (running or begun or [0])[-1]


def _window(heights: list[int], focus: int, room: int) -> tuple[int, int]:
    """First and last of the blocks around `focus` that fit into `room` lines."""
    first = last = focus
    used = heights[focus]
    while True:
        sides = [index for index in (last + 1, first - 1) if 0 <= index < len(heights)]
        sides.sort(key=lambda index: abs(index - focus))
        if not sides or used + heights[sides[0]] > room:
            return first, last
        used += heights[sides[0]]
        first, last = min(first, sides[0]), max(last, sides[0])


def _stage(stage: StageView, now: float, width: int, glyphs: Glyphs, known: Usual) -> list[Text]:
    style = STAGE_STYLE[stage.state]
    took = _took(stage, now, known)
    name = f"{glyphs.stage[stage.state]} {'rollback: ' if stage.back else ''}{stage.title}"
    room = min(width, 100) - len(took) - 1
    if len(name) > room:
        name = name[: room - 1] + glyphs.ellipsis
    lines = [Text(f"{name:<{room}} {took}", style=style)]
    if stage.state in (Progress.RUNNING, Progress.FAILED):
        unfinished = [step for step in stage.steps.values() if step.state is not Progress.DONE and step.words]
        for step in unfinished[:_STEPS]:
            tier = f"{step.tier}: " if step.tier else ""
            red = step.state is Progress.FAILED
            lines.append(Text(f"    {tier}{one_line(step.words)}", style="red" if red else "dim"))
    return lines


def _took(stage: StageView, now: float, known: Usual) -> str:
    elapsed, about = duration(stage.elapsed(now)), f"about {duration(expected(stage, known))}"
    return {
        Progress.WAITING: about,
        Progress.RUNNING: f"{elapsed} of {about}",
        Progress.DROPPED: "",
        Progress.FAILED: f"failed after {elapsed}",
        Progress.DONE: elapsed,
    }[stage.state]


def _share(tier: TierView, arm: Color) -> int | None:
    if tier.percent is None:
        return None
    return tier.percent if arm is Color.GREEN else 100 - tier.percent


def _columns(found: Figures | None, glyphs: Glyphs) -> str:
    if found is None:
        return f"{glyphs.dash:>9} {glyphs.dash:>9} {glyphs.dash:>9}"
    p95 = glyphs.dash if found.p95_ms is None else f"{found.p95_ms:.0f} ms"
    return f"{rate(found.rate):>9} {share(found.error_rate):>9} {p95:>9}"


def _tiers(timeline: Timeline, width: int, glyphs: Glyphs) -> list[Text]:
    if not timeline.tiers:
        return []
    bar = min(50, max(8, width - 88))
    columns = f"{'req/s':>9} {'errors':>9} {'p95':>9}  hosts"
    heading = f"{'tier':<5}{'fleet':<6}{'version':<11}{'share':>6} {'':<{bar}} {columns}"
    lines = [Text(heading, style="dim")]
    for tier in timeline.tiers:
        arms = [(arm, v) for arm, v in ((Color.BLUE, tier.blue), (Color.GREEN, tier.green)) if v]
        for index, (arm, version) in enumerate(arms):
            weight = _share(tier, arm)
            over = arm is Color.GREEN and _over(timeline, tier)
            line = Text(f"{tier.tier if index == 0 else '':<5}")
            line.append(f"{arm:<6}", style=str(arm))
            line.append(f"{version[:10]:<11}{percent(weight):>6} ".replace("—", glyphs.dash))
            line.append(_bar((weight or 0) / 100, bar, glyphs), style=str(arm))
            style = _OVER if over else ""
            line.append(f" {_columns(figures(timeline.periods, tier.tier, arm), glyphs)}", style=style)
            # On a narrow terminal it is the hosts that are cut.
            line.append(f"{'  over limit' if over else ''}  {_hosts(tier, arm, glyphs)}", style=style)
            line.rstrip()
            lines.append(line)
    return lines


def _one_line_tiers(timeline: Timeline, width: int, glyphs: Glyphs) -> list[Text]:
    lines = []
    for tier in timeline.tiers:
        found = figures(timeline.periods, tier.tier, Color.GREEN)
        weights = f"{tier.tier:<5}green {percent(tier.percent):>5} "
        line = Text(weights.replace("—", glyphs.dash))
        line.append(_bar((tier.percent or 0) / 100, min(30, max(8, width - 52)), glyphs), style="green")
        over = _over(timeline, tier)
        line.append(f" {_columns(found, glyphs)}{' !' if over else ''}", style=_OVER if over else "")
        lines.append(line)
    return lines


def _over(timeline: Timeline, tier: TierView) -> bool:
    """Whether the newest verdict has a figure of the tier beyond its limit."""
    found = timeline.verdict.findings if timeline.verdict else ()
    return any(one.row is not None and one.row.over for one in found if one.tier is tier.tier)


def _hosts(tier: TierView, arm: Color, glyphs: Glyphs) -> str:
    """A sign for each healthy host, a number where there are many."""
    count = tier.hosts.get(arm, 0)
    return glyphs.host * count if count <= _HOSTS else f"{glyphs.host} x {count}"


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
    return _labelled("next", f"{words}{when}{then}", width)


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
