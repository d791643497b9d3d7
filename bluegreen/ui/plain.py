"""The plain view: the timeline as lines, for a stream that is not a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TextIO

from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.reports import Result
from bluegreen.text import folded
from bluegreen.ui.format import ending_label, ending_words
from bluegreen.ui.lines import Lines
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.view import View


class PlainView(View):
    """Writes lines as they happen; a reader that goes away ends the output, not the run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines = Lines()

    def recall(self, timeline: Timeline) -> None:
        """Lines continue where the timeline is."""
        self._lines.timeline = timeline

    def __call__(self, header: Header, entry: Entry) -> None:
        try:
            said = self._lines.of(header, entry)
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            said = [f"(this event cannot be shown: {entry.event.kind}: {error})"]
        self._write(said)

    def note(self, words: str) -> None:
        """One line between the others."""
        self._write([words])

    def close(self, result: Result) -> None:
        """The ending, unless the journal has said it already."""
        timeline = self._lines.timeline
        known = timeline is not None and timeline.ending == result.ending and timeline.words == result.words
        lines = (
            [] if known else [ending_words(ending_label(result.header.intent, result.ending), result.words)]
        )
        if not (known and timeline and timeline.traffic == result.traffic):
            lines += [f"    traffic: {line}" for line in result.traffic]
        if result.next_step and not (known and timeline and timeline.next_step == result.next_step):
            lines.append(f"    next: {result.next_step}")
        self._write(lines)

    def _write(self, lines: Iterable[str]) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in lines:
                self._stream.write(folded(line) + "\n")
            self._stream.flush()
