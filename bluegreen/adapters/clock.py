"""The clock on the wall."""

from __future__ import annotations

import sys
import time


def _clock_of_suspend() -> int | None:
    """The system's clock that also counts the time a laptop was suspended.

    On Linux `time.monotonic` (CLOCK_MONOTONIC) stands still meanwhile, on macOS (mach_absolute_time) too:
    a deployer that slept for an hour would believe its lease to be fresh. Linux has CLOCK_BOOTTIME for
    that (clock_gettime(2)); on macOS it is CLOCK_MONOTONIC that keeps counting.
    """
    if sys.platform == "darwin":
        return time.CLOCK_MONOTONIC
    found: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return found


_SUSPEND = _clock_of_suspend()


class SystemClock:
    """`ports.Clock` in real time.

    A run that is interrupted ends its sleeps by itself: its sleeps are short, and it looks in between.
    """

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`; at once for none or fewer."""
        time.sleep(max(0.0, seconds))

    def monotonic(self) -> float:
        """Seconds since the machine booted, or so; suspended time counts."""
        return time.monotonic() if _SUSPEND is None else time.clock_gettime(_SUSPEND)
