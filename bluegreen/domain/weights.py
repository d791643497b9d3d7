"""Weights of a listener rule, and the share each target group gets."""

from __future__ import annotations

from dataclasses import dataclass

FULL = 100
"""All traffic, in percent; ALB weights run 0-999 and only their ratio counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Blue's and green's share of one rule, in percent."""

    blue: int
    green: int

    def __post_init__(self) -> None:
        if self.blue < 0 or self.green < 0 or self.blue + self.green != FULL:
            raise ValueError(f"weights must be two shares of 100, got blue {self.blue}, green {self.green}")

    @classmethod
    def at(cls, green: int) -> Weights:
        """`green` percent to green, the rest to blue."""
        return cls(blue=FULL - green, green=green)
