"""The clock on the wall."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """`ports.Clock` in real time.

    A run that is interrupted ends its sleeps by itself: its sleeps are short, and it looks in between.
    """

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`; at once for none or fewer."""
        time.sleep(max(0.0, seconds))
