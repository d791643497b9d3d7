"""The compact summary of a finished run: what stays on the terminal."""

from __future__ import annotations

from rich.text import Text

from bluegreen.domain.journal import Ending
from bluegreen.ui.glyphs import ENDING_STYLE, UNICODE, Glyphs
from bluegreen.ui.screen import title
from bluegreen.ui.story import Progress, Story
from bluegreen.ui.view import Closing
from bluegreen.ui.words import clock, duration

__all__ = ["summary"]

_SLOWEST = 3


def summary(story: Story | None, closing: Closing, *, glyphs: Glyphs = UNICODE) -> list[Text]:
    """How it ended, where the traffic is, what took long, what was warned of and what to do next."""
    good = closing.ending in (Ending.RELEASED, Ending.TORN_DOWN)
    sign = glyphs.stage[Progress.DONE if good else Progress.FAILED]
    named = title(story, glyphs) if story else f"{closing.stack} {glyphs.dot} deployment {closing.number}"
    took = f" in {duration(story.ended_at - story.started_at)}" if story and story.ended_at else ""
    style = ENDING_STYLE[closing.ending]
    lines = [Text.assemble((f"{sign} {closing.ending}", style), f"  {named}{took}")]
    lines.append(_row("", closing.words))
    lines += [_row("traffic", words) for words in closing.traffic]
    if story:
        lines += _of_story(story, closing.words)
    if closing.next_step:
        lines.append(_row("next", closing.next_step, "bold"))
    return lines


def _of_story(story: Story, said: str) -> list[Text]:
    timed = [(s.elapsed(s.ended_at), s.title) for s in story.stages if s.ended_at is not None]
    slowest = sorted(timed, reverse=True)[:_SLOWEST]
    lines = [_row("time", "; ".join(f"{duration(took)} {name}" for took, name in slowest))] if slowest else []
    if story.decision and story.decision.partition(": ")[2] not in said:
        lines.append(_row("decided", story.decision))
    lines += [_row("warning", f"{clock(w.at)} {w.words}", "yellow") for w in story.warnings]
    return lines


def _row(label: str, words: str, style: str = "") -> Text:
    return Text.assemble((f"  {label:<8} ", "dim"), (words, style))
