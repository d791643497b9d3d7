"""The compact summary of a finished run: what stays on the terminal."""

from __future__ import annotations

from rich.text import Text

from bluegreen.domain.journal import Ending
from bluegreen.domain.reports import Result
from bluegreen.errors import ExitCode
from bluegreen.text import one_line
from bluegreen.ui.format import clock, duration, ending_label
from bluegreen.ui.glyphs import ENDING_STYLE, UNICODE, Glyphs
from bluegreen.ui.screen import title
from bluegreen.ui.timeline import Progress, Timeline

_SLOWEST = 3


def summary(timeline: Timeline | None, result: Result, *, glyphs: Glyphs = UNICODE) -> list[Text]:
    """How it ended, where the traffic is, what took long, what was warned of and what to do next."""
    good = result.exit_code == ExitCode.RELEASED  # what was asked for was done, a rollback too
    sign = glyphs.stage[Progress.DONE if good else Progress.FAILED]
    header = result.header
    named = title(timeline, glyphs) if timeline else f"{header.stack} {glyphs.dot} deployment {header.number}"
    took = (
        f" in {duration(timeline.ended_at - timeline.started_at)}" if timeline and timeline.ended_at else ""
    )
    style = ENDING_STYLE[Ending.RELEASED if good else result.ending]
    label = ending_label(header.intent, result.ending)
    lines = [Text.assemble((f"{sign} {label}", style), f"  {named}{took}")]
    lines.append(_row("", result.words))
    lines += [_row("traffic", words) for words in result.traffic]
    if timeline:
        lines += _of_story(timeline, result.words)
    if result.next_step:
        lines.append(_row("next", result.next_step, "bold"))
    return lines


def _of_story(timeline: Timeline, said: str) -> list[Text]:
    timed = [(s.elapsed(s.ended_at), s.title) for s in timeline.stages if s.ended_at is not None]
    slowest = sorted(timed, reverse=True)[:_SLOWEST]
    lines = [_row("time", "; ".join(f"{duration(took)} {name}" for took, name in slowest))] if slowest else []
    if timeline.decision and timeline.decision.partition(": ")[2] not in said:
        lines.append(_row("decided", timeline.decision))
    lines += [_row("warning", f"{clock(w.at)} {w.words}", "yellow") for w in timeline.warnings]
    return lines


def _row(label: str, words: str, style: str = "") -> Text:
    return Text.assemble((f"  {label:<8} ", "dim"), (one_line(words), style))
