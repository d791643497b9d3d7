"""The live view: the screen on a terminal, drawn when it changes, and the summary that stays."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from typing import Any, Self, cast

from rich.console import Console, Group
from rich.text import Text

from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.reports import Result
from bluegreen.text import folded
from bluegreen.ui.glyphs import for_encoding
from bluegreen.ui.painter import Painter
from bluegreen.ui.screen import screen
from bluegreen.ui.shown import Shown
from bluegreen.ui.summary import summary
from bluegreen.ui.time_left import Usual
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.timeline_fold import tell

_EVERY = 0.5
"""Seconds between looks at the clock: what the screen shows changes once a second."""


class LiveView:
    """Folds events into the timeline and shows it; an error while drawing is shown instead."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.time) -> None:
        self._console = console
        self._clock = clock
        self._glyphs = for_encoding(console.encoding)
        self._story: Timeline | None = None
        self._note = ""
        self._usual: Usual = {}
        self._closed = False
        self._painter = Painter(console.file, self._frame, every=_EVERY)

    def __enter__(self) -> Self:
        with contextlib.suppress(Exception):
            self._painter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def recall(self, timeline: Timeline) -> None:
        """The screen begins with the whole timeline."""
        self._story = timeline

    def usual(self, read: Callable[[], Usual]) -> None:
        """The time left follows what earlier deployments took, where they can be read."""
        with contextlib.suppress(Exception):
            self._usual = read()

    def __call__(self, header: Header, entry: Entry) -> None:
        try:
            self._story = tell(self._story, header, entry)
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            self._note = f"an event cannot be shown: {entry.event.kind}: {error}"

    def note(self, words: str) -> None:
        """Shown at the foot of the screen until the next note; after the end on a line of its own."""
        self._note = words
        if self._closed:
            with contextlib.suppress(Exception):
                self._console.print(Shown(Text(folded(words))))

    def draw(self) -> Group:
        """What the terminal shows now."""
        if self._story is None:
            return Group(Text(self._note or "starting", no_wrap=True))
        width, height = self._console.size
        try:
            lines = screen(
                self._story,
                now=self._clock(),
                width=width,
                height=height - 1,  # the cursor's line: a full screen would scroll
                glyphs=self._glyphs,
                note=self._note,
                usual=self._usual,
            )
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            return Group(
                Text(f"the screen cannot be drawn ({error}); the deployment continues", no_wrap=True)
            )
        return Group(*lines)

    def _frame(self) -> str:
        """The screen as one string, with the colors that the terminal has."""
        real, out = self._console, io.StringIO()
        width, height = real.size
        colors = cast("Any", real.color_system)
        written = Console(
            file=out,
            force_terminal=True,
            color_system=colors,
            no_color=real.no_color,
            width=width,
            height=height,
            highlight=False,
        )
        written.print(Shown(self.draw()))
        return out.getvalue()

    def close(self, result: Result) -> None:
        """Replace the live screen by the summary."""
        self._stop()
        self._closed = True
        with contextlib.suppress(Exception):
            self._console.print(*map(Shown, summary(self._story, result, glyphs=self._glyphs)), sep="\n")

    def _stop(self) -> None:
        with contextlib.suppress(Exception):
            self._painter.stop()
