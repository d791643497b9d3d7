"""Who may change a stack: one deployer at a time."""

from __future__ import annotations

from dataclasses import dataclass

from bluegreen.errors import Locked


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lease, since when, why, and until when unless it is renewed; epoch seconds."""

    owner: str
    why: str
    deployment: int
    token: int
    since: float
    expires: float
    stop: str = ""
    """Set by `abort` from another process: why this deployment shall be rolled back."""
    stop_down: bool = False
    """Whether its down migration shall run then (R8)."""

    def locked(self, stack: str, *, now: float) -> Locked:
        """The error for everybody else."""
        return Locked(
            f"stack {stack} is held by {self.owner} for {now - self.since:.0f} s "
            f"(deployment {self.deployment}: {self.why}); the lease ends in {self.expires - now:.0f} s "
            "unless it is renewed",
            next_step="wait, or ask for it to be rolled back with `sc-deploy abort`",
        )
