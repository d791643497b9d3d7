"""The clock on the wall, whose sleeps end when the run is interrupted."""

from __future__ import annotations

import threading
import time

__all__ = ["SystemClock"]


class SystemClock:
    """`ports.Clock` in real time; `interrupt` (from a signal handler) ends all sleeps, now and later."""

    def __init__(self) -> None:
        self._interrupted = threading.Event()

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or at once when interrupted."""
        self._interrupted.wait(max(0.0, seconds))

    def interrupt(self) -> None:
        """End every sleep."""
        self._interrupted.set()

    def clear(self) -> None:
        """Let sleeps last again, for the work that follows an interruption."""
        self._interrupted.clear()
