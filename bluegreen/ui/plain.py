"""The plain view: the story as lines on a stream that is no terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from types import TracebackType
from typing import Self, TextIO

from bluegreen.domain.journal import Entry, Header
from bluegreen.ui.lines import Lines
from bluegreen.ui.story import Story
from bluegreen.ui.view import Closing
from bluegreen.ui.words import ending_words

__all__ = ["PlainView"]


class PlainView:
    """Writes lines as they happen; a reader that goes away ends the output, not the run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines = Lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def recall(self, story: Story) -> None:
        """Lines go on where the story stands."""
        self._lines.story = story

    def __call__(self, header: Header, entry: Entry) -> None:
        try:
            said = self._lines.of(header, entry)
        except Exception as error:  # noqa: BLE001  (a display never breaks a run)
            said = [f"(this event cannot be shown: {entry.kind}: {error})"]
        self._write(said)

    def note(self, words: str) -> None:
        """One line between the others."""
        self._write([words])

    def close(self, closing: Closing) -> None:
        """The ending, unless the journal has said it already."""
        story = self._lines.story
        known = story is not None and story.ending == closing.ending and story.words == closing.words
        lines = [] if known else [ending_words(closing.ending, closing.words)]
        if not (known and story and story.traffic == closing.traffic):
            lines += [f"    traffic: {line}" for line in closing.traffic]
        if closing.next_step and not (known and story and story.next_step == closing.next_step):
            lines.append(f"    next: {closing.next_step}")
        self._write(lines)

    def _write(self, lines: Iterable[str]) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in lines:
                self._stream.write(line + "\n")
            self._stream.flush()
