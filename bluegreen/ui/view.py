"""What every display of a running deployment offers, and the last thing it is told."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from bluegreen.domain.journal import Ending, Entry, Header
from bluegreen.ui.timeline import Timeline

__all__ = ["Closing", "View"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How a run ended, for people and for programs."""

    number: int
    stack: str
    ending: Ending
    exit_code: int
    words: str
    next_step: str
    traffic: tuple[str, ...]


class View(Protocol):
    """A subscriber with a beginning and an end. No method raises: a display never breaks a run."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the terminal back."""

    def recall(self, timeline: Timeline) -> None:
        """Know, without telling it again, what happened before this process took part."""

    def __call__(self, header: Header, entry: Entry) -> None:
        """Show one more event."""

    def note(self, words: str) -> None:
        """Say something beside the timeline, such as what a signal did."""

    def close(self, closing: Closing) -> None:
        """Say how it ended; the last call."""
