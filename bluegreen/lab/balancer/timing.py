"""How fast the balancer's times pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """ELB's times in seconds; `time_scale` says how many times faster than on AWS health checks pass."""

    time_scale: float = 1.0
    connect: float = 10.0
    """A target that does not accept within so long is given up (504)."""
    idle: float = 60.0
    """A request or a client without a byte for so long is ended, at any scale: users do not know it."""
