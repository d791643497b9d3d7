"""The live view: the screen on a terminal, drawn when it changes, and the summary that stays."""

from __future__ import annotations

import contextlib
import io
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self, cast

from rich.console import Console, Group
from rich.text import Text

from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.reports import Result
from bluegreen.text import folded
from bluegreen.ui.glyphs import for_encoding
from bluegreen.ui.keys import Action, Keys, Page
from bluegreen.ui.lines import Lines
from bluegreen.ui.painter import Painter
from bluegreen.ui.screen import screen
from bluegreen.ui.shown import Shown
from bluegreen.ui.summary import summary
from bluegreen.ui.time_left import Usual
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.timeline_fold import tell

_LOG = 500
"""Lines of the log that can be looked at."""
_EVERY = 0.5
"""Seconds between looks at the clock: what the screen shows changes once a second."""


class LiveView:
    """Folds events into the timeline and shows it; an error while drawing is shown instead."""

    def __init__(
        self,
        console: Console,
        *,
        clock: Callable[[], float] = time.time,
        keys: Keys | None = None,
        linked: bool = False,
        addressed: bool = True,
    ) -> None:
        """`keys`: what can be typed; None where nobody listens to a keyboard.

        `linked`: the terminal opens links. `addressed`: the help page has their addresses; a lab has none.
        """
        self._linked, self._addressed = linked and addressed, addressed
        self._keys, self.interactive = keys, keys is not None
        self._lines = Lines()
        self._log: deque[str] = deque(maxlen=_LOG)
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
        self._lines.timeline = timeline

    def usual(self, read: Callable[[], Usual]) -> None:
        """The time left follows what earlier deployments took, where they can be read."""
        with contextlib.suppress(Exception):
            self._usual = read()

    def __call__(self, header: Header, entry: Entry) -> None:
        try:
            self._story = tell(self._story, header, entry)
            self._log.extend(self._lines.of(header, entry))
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            self._note = f"an event cannot be shown: {entry.event.kind}: {error}"

    def press(self, key: str) -> Action | None:
        """The key's page is shown at once."""
        action = self._keys.press(key) if self._keys else None
        with contextlib.suppress(Exception):
            self._painter.paint()
        return action

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
        if self._keys is not None and self._keys.page is not Page.VIEW:
            return Group(*self._page(self._keys, width, height - 1))
        keys = self._keys.words if self._keys else ""
        asks = self._keys is not None and self._keys.asks
        question = [Text(keys, style="bold red", no_wrap=True)] if asks else []
        try:
            lines = screen(
                self._story,
                now=self._clock(),
                width=width,
                height=height - 1 - len(question),  # the cursor's line: a full screen would scroll
                glyphs=self._glyphs,
                note=self._note,
                usual=self._usual,
                keys="" if asks else keys,
                linked=self._linked,
            )
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            return Group(
                Text(f"the screen cannot be drawn ({error}); the deployment continues", no_wrap=True)
            )
        # On the smallest screen too: nobody confirms what is not there to be read.
        return Group(*lines, *question)

    def _page(self, keys: Keys, width: int, height: int) -> list[Text]:
        """The log, newest last, or the help; the keys stay below."""
        lines = list(self._log) if keys.page is Page.LOG else [*keys.help, *self._addresses()]
        shown = [Text(one, no_wrap=True) for one in lines[-max(1, height - 2) :]]
        for one in shown:
            one.truncate(width)
        return [*shown, Text(), Text(keys.words, style="dim", no_wrap=True)]

    def _addresses(self) -> list[str]:
        found = self._story.links if self._story and self._addressed else ()
        return ["", *(f"{one.name:<15}{one.url}" for one in found)] if found else []

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
