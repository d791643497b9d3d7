"""Who may change a stack: one deployer at a time."""

from __future__ import annotations

from dataclasses import dataclass

from bluegreen.domain.holding import Hold
from bluegreen.errors import Locked

_CLOCKS_DIFFER = 900.0
"""Seconds that the clocks of two machines which DynamoDB answers can differ at most, with room to spare.

AWS refuses a request whose signature is more than 5 minutes off its own clock, to either side.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lease, since when, why, and until when unless it is renewed; epoch seconds."""

    owner: str
    why: str
    deployment: int
    token: int
    since: float
    expires: float
    ttl: float
    """Seconds for which a renewal counts; the holder itself goes by its own monotonic clock."""
    stop: str = ""
    """Set by `abort` from another process: why this deployment shall be rolled back."""
    stop_down: bool = False
    """Whether its down migration shall run then (R8)."""
    hold: Hold | None = None
    """The newest request to hold this deployment, in force or lifted."""

    @property
    def mark(self) -> tuple[int, float]:
        """What changes when the holder renews its lease, or another takes it."""
        return self.token, self.expires

    def long_gone(self, now: float) -> bool:
        """Whether the lease ran out so long ago that no clock which AWS accepts could explain it."""
        return now - self.expires > _CLOCKS_DIFFER

    def locked(self, stack: str, *, now: float) -> Locked:
        """The error for everybody else; `now` by this machine's clock."""
        left = self.expires - now
        end = f"ends in {left:.0f} s unless it is renewed" if left > 0 else f"ran out {-left:.0f} s ago"
        return Locked(
            f"stack {stack} is held by {self.owner} for {now - self.since:.0f} s "
            f"(deployment {self.deployment}: {self.why}); the lease {end}",
            next_step="wait, or ask for it to be rolled back with `sc-deploy abort`",
        )
