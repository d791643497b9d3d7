"""The stages of a deployment in one line, around the one that runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

from bluegreen.ui.format import duration
from bluegreen.ui.glyphs import STAGE_STYLE, Glyphs
from bluegreen.ui.time_left import Usual, expected
from bluegreen.ui.timeline import Progress, StageView

_GAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A stage, or the two that set a share and judge it."""

    label: str
    state: Progress
    seconds: float
    about: float


def strip(stages: Sequence[StageView], now: float, width: int, glyphs: Glyphs, known: Usual) -> Text:
    """One line of at most `width`: as many stages around the current one as fit, the others as a number."""
    parts = [_part(list(group), now, known) for _, group in groupby(stages, key=_group)]
    if not parts:
        return Text()
    texts = [_text(part, glyphs) for part in parts]
    focus = _focus(parts)
    first = last = focus
    while True:
        sides = [at for at in (last + 1, first - 1) if 0 <= at < len(parts)]
        sides.sort(key=lambda at: abs(at - focus))
        grown = next(
            (at for at in sides if _wide(texts, parts, min(first, at), max(last, at), glyphs) <= width), None
        )
        if grown is None:
            break
        first, last = min(first, grown), max(last, grown)
    return _joined(_with_rest(texts, parts, first, last, glyphs))


def _group(stage: StageView) -> tuple[bool, str]:
    kind, _, percent = stage.name.rpartition("-")
    return stage.back, percent if kind and percent.isdigit() else stage.name


def _part(group: list[StageView], now: float, known: Usual) -> _Part:
    names = [_group(stage)[1] for stage in group]
    states = [stage.state for stage in group]
    current = next((one for one in (Progress.FAILED, Progress.RUNNING) if one in states), None)
    over = all(one is Progress.DONE for one in states)
    begun = any(one is not Progress.WAITING for one in states)
    state = current or (Progress.DONE if over else Progress.RUNNING if begun else Progress.WAITING)
    label = f"{names[0]} %" if names[0].isdigit() else names[0].replace("-", " ")
    return _Part(
        label=f"rollback: {label}" if group[0].back else label,
        state=state,
        seconds=sum(stage.elapsed(now) for stage in group),
        about=sum(expected(stage, known) for stage in group),
    )


def _text(part: _Part, glyphs: Glyphs) -> Text:
    took = {
        Progress.DONE: f" {duration(part.seconds)}",
        Progress.RUNNING: f" {running(part.seconds, part.about)}",
        Progress.FAILED: f" failed after {duration(part.seconds)}",
    }.get(part.state, "")
    return Text(f"{glyphs.stage[part.state]} {part.label}{took}", style=STAGE_STYLE[part.state])


def running(seconds: float, about: float) -> str:
    """`2m 10s of 5m 00s`; how long it takes where it takes longer than expected is not known."""
    if seconds > about:
        return f"{duration(seconds)}, expected {duration(about)}"
    return f"{duration(seconds)} of {duration(about)}"


def _focus(parts: Sequence[_Part]) -> int:
    """The one that runs or failed last, else the last one that is done."""
    now = [at for at, part in enumerate(parts) if part.state in (Progress.RUNNING, Progress.FAILED)]
    done = [at for at, part in enumerate(parts) if part.state is Progress.DONE]
    return (now or done or [0])[-1]


def _with_rest(
    texts: Sequence[Text], parts: Sequence[_Part], first: int, last: int, glyphs: Glyphs
) -> list[Text]:
    shown = list(texts[first : last + 1])
    if first:
        shown.insert(0, Text(f"{glyphs.stage[Progress.DONE]} {first} before", style="dim"))
    if after := parts[last + 1 :]:
        left = duration(sum(part.about for part in after))
        shown.append(Text(f"{glyphs.stage[Progress.WAITING]} {len(after)} more, about {left}", style="dim"))
    return shown


def _joined(texts: Sequence[Text]) -> Text:
    return Text(" " * _GAP).join(texts)


def _wide(texts: Sequence[Text], parts: Sequence[_Part], first: int, last: int, glyphs: Glyphs) -> int:
    return _joined(_with_rest(texts, parts, first, last, glyphs)).cell_len
