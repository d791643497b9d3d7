"""Telling people what happens: through every channel of the stack, and never at a run's expense."""

from __future__ import annotations

from typing import Protocol

from bluegreen.domain.page import Delivery, Page


class Pager(Protocol):
    """Every channel of the stack."""

    def send(self, page: Page) -> None:
        """Hand it over. Returns at once and raises nothing; pages are delivered in order."""

    def flush(self, seconds: float) -> tuple[Delivery, ...]:
        """Wait this long for what was handed over, and say what no channel took, each channel once."""

    def deliver(self, page: Page) -> tuple[Delivery, ...]:
        """Deliver it now, and say what each channel answered; raises nothing."""

    def channels(self) -> tuple[Delivery, ...]:
        """Each channel that a critical page would take, and whether it could be used; sends nothing."""
