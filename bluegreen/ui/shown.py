"""What rich draws, with nothing in it that a terminal would obey but rich's own colors."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment


class Shown:
    """A renderable whose text is text, wherever its words come from: the last look before a terminal."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            text = segment.text
            if not (segment.control or text.isprintable()):
                text = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)
            yield Segment(text, segment.style, segment.control)
