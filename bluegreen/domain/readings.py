"""What own checks and watched alarms showed at one look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Point = tuple[float, float | None]
"""(the value, or green's; blue's where the check compares)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What answered; what did not is a trouble of the look."""

    points: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    """Check -> its newest values, the newest last; none where there is no data."""
    firing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Entry of `[alarms]` -> the alarms that fire."""
