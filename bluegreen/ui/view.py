"""What every display of a running deployment offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, Self

from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.reports import Result
from bluegreen.ui.keys import Action
from bluegreen.ui.timeline import Timeline


class View(Protocol):
    """A subscriber with a beginning and an end. No method raises: a display never breaks a run."""

    interactive: bool = False
    """Whether keys can be typed into it."""

    def press(self, key: str) -> Action | None:
        """Take a key; what it asks of the deployment, if anything."""
        del key
        return None

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back."""
        return

    def recall(self, timeline: Timeline) -> None:
        """Know, without telling it again, what happened before this process took part."""

    def usual(self, read: Callable[[], Mapping[str, float]]) -> None:
        """Where the display shows the time left: `read` the seconds that each stage took before."""
        del read

    def __call__(self, header: Header, entry: Entry) -> None:
        """Show one more event."""

    def note(self, words: str) -> None:
        """Say something beside the timeline, such as what a signal did."""

    def close(self, result: Result) -> None:
        """Say how it ended; the last call."""
