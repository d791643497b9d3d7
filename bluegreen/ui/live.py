"""The live view: the screen on a terminal, redrawn four times a second, and the summary that stays."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.reports import Result
from bluegreen.ui.glyphs import for_encoding
from bluegreen.ui.screen import screen
from bluegreen.ui.summary import summary
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.timeline_fold import tell


class LiveView:
    """Folds events into the timeline and shows it; an error while drawing is shown instead."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.time) -> None:
        self._console = console
        self._clock = clock
        self._glyphs = for_encoding(console.encoding)
        self._story: Timeline | None = None
        self._note = ""
        self._live = Live(
            get_renderable=self.draw,
            console=console,
            refresh_per_second=4,
            transient=True,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        with contextlib.suppress(Exception):
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def recall(self, timeline: Timeline) -> None:
        """The screen begins with the whole timeline."""
        self._story = timeline

    def __call__(self, header: Header, entry: Entry) -> None:
        try:
            self._story = tell(self._story, header, entry)
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            self._note = f"an event cannot be shown: {entry.event.kind}: {error}"

    def note(self, words: str) -> None:
        """Shown at the foot of the screen until the next note."""
        self._note = words

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
            )
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            return Group(
                Text(f"the screen cannot be drawn ({error}); the deployment continues", no_wrap=True)
            )
        return Group(*lines)

    def close(self, result: Result) -> None:
        """Replace the live screen by the summary."""
        self._stop()
        with contextlib.suppress(Exception):
            self._console.print(*summary(self._story, result, glyphs=self._glyphs), sep="\n")

    def _stop(self) -> None:
        with contextlib.suppress(Exception):
            self._live.stop()
