"""What people are told of a run, and what became of telling them (M10)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One message to whoever is on call, or to whoever reads along."""

    subject: str
    text: str
    critical: bool = False
    """Somebody must look now."""
    resolves: bool = False
    """What was critical about this stack before is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a channel made of a page."""

    channel: str
    to: str
    """Its topic or secret by name: never the address or key that is in it."""
    failure: str = ""
    """In words; empty where the channel took it."""
    next_step: str = ""
