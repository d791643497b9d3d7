"""How fast the balancer's times pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """ELB's times in seconds; `time_scale` says how many times faster than on AWS they pass."""

    time_scale: float = 1.0
    connect: float = 10.0
    idle: float = 60.0
    """A request without a byte for so long is ended (504)."""
    client_idle: float = 60.0
    """A client connection without a request is closed after so long; clients do not know the scale."""

    @classmethod
    def scaled(cls, time_scale: float) -> Self:
        return cls(time_scale=time_scale, connect=10.0 / time_scale, idle=60.0 / time_scale)
