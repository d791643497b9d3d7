"""What people are told of a run, and what became of telling them (M10)."""

from __future__ import annotations

from dataclasses import dataclass

from bluegreen.text import lines, one_line

NO_DEPLOYMENT = 0
"""What a test is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One message to whoever is on call, or to whoever reads along."""

    subject: str
    text: str
    next_step: str = ""
    deployment: int = NO_DEPLOYMENT
    critical: bool = False
    """Somebody must look now."""
    resolves: tuple[int, ...] = ()
    """The deployments of which nothing critical is open any more."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", one_line(self.subject))
        object.__setattr__(self, "text", lines(self.text))
        object.__setattr__(self, "next_step", lines(self.next_step))

    @property
    def whole(self) -> str:
        """All its words, for receivers that have no place of their own for the next step."""
        return f"{self.text}\nNext: {self.next_step}" if self.next_step else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a channel made of a page."""

    channel: str
    to: str
    """Its topic or secret by name: never the address or key that is in it."""
    failure: str = ""
    """In words; empty where the channel took it."""
    next_step: str = ""
