"""What is out of order in the region: `lab break` sets a condition, `lab heal` ends it.

A condition is a fault of AWS itself, not of an answer of its API (`lab.faults.api_faults`) and not of a
release: no capacity, a lost zone, slow boots, reads that lag, metrics that are late, twice or missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(slots=True, kw_only=True)
class Conditions:
    """All is well by default; seconds and zones by letter (`a`), `*` for every zone."""

    boot_extra_seconds: float = 0.0
    """Instances launched from now on boot so much longer."""
    full_zones: list[str] = field(default_factory=list)
    """EC2 answers InsufficientInstanceCapacity there."""
    lost_zones: list[str] = field(default_factory=list)
    """Every host there is gone, and none can be launched."""
    read_lag_seconds: float = 0.0
    """What was created is not in the answers of Describe* for so long."""
    metrics_late_seconds: float = 0.0
    """Datapoints of AWS/* become visible so much later than usual."""
    metrics_twice: bool = False
    """A datapoint shows a part of its counts first, and is corrected a while later."""
    metrics_missing: bool = False
    """Datapoints of AWS/* are lost for good."""
    demand: dict[str, float] = field(default_factory=dict)
    """Auto Scaling Group -> the work its scaling policies see at least, in instances at their target."""

    def set(self, document: Mapping[str, Any]) -> None:
        """Change the named ones; raises ValueError for what is no condition or has another type."""
        for name, value in document.items():
            if name not in _NAMES:
                raise ValueError(f"no condition is called {name}")
            if type(value) is not type(_WELL[name]) and not _both_numbers(value, _WELL[name]):
                raise ValueError(f"{name} cannot be {value!r}")
        for name, value in document.items():
            setattr(self, name, value)

    def clear(self, names: Iterable[str] = ()) -> None:
        """End the named ones, or all."""
        well = Conditions()
        for name in names or _NAMES:
            setattr(self, name, getattr(well, name))

    def document(self) -> dict[str, Any]:
        """Those in force, as JSON."""
        return {name: value for name, value in asdict(self).items() if value != _WELL[name]}

    def no_capacity(self, zone: str) -> bool:
        """Whether EC2 can launch nothing in `zone` (e.g. `ap-northeast-1a`)."""
        return _holds(zone, self.full_zones) or _holds(zone, self.lost_zones)

    def lost(self, zone: str) -> bool:
        return _holds(zone, self.lost_zones)


def _holds(zone: str, letters: Iterable[str]) -> bool:
    return any(letter in ("*", zone[-1]) for letter in letters)


def _both_numbers(*values: object) -> bool:
    return all(type(value) in (int, float) for value in values)


_NAMES = tuple(one.name for one in fields(Conditions))
_WELL = asdict(Conditions())
