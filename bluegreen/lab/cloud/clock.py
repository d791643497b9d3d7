"""Clocks the simulated cloud and its tests run on; seconds since the epoch."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; `sleep` lets it pass."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""

    def monotonic(self) -> float:
        """Seconds that only rise, from an arbitrary start."""


class SystemClock:
    """Real time."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """Time that passes only when somebody sleeps: hours of a release in milliseconds."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += max(0.0, seconds)

    def monotonic(self) -> float:
        return self.now()

    advance = sleep


def as_datetime(seconds: float) -> datetime:
    """The form in which AWS SDKs give a timestamp."""
    return datetime.fromtimestamp(seconds, tz=UTC)
