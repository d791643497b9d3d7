"""What only an account can tell: something that is tried there and taken away again."""

from __future__ import annotations

from typing import Protocol

Told = tuple[bool | None, str]
"""Whether it works (None: nothing to try), and what was seen."""


class Trial(Protocol):
    """One try; `end` is called whatever happened before, and may be called twice."""

    name: str

    def begin(self) -> None:
        """Set up what is tried."""

    def look(self) -> Told | None:
        """The outcome; None as long as there is none."""

    def end(self) -> None:
        """Take away what `begin` made; absent is fine."""
