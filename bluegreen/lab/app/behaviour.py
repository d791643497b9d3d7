"""How one instance behaves: latency, errors and faults, evenly spread so that runs repeat."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

_MEDIAN_SECONDS = 0.004
_SIGMA = 0.35
"""Shape of the lognormal service time: p95 = median x exp(1.645 sigma), here 7 ms."""
_DRAWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What an instance was started with."""

    tier: str
    version: str
    instance: str
    health_path: str = "/healthz"
    version_path: str = "/version"
    model: str | None = None
    errors: float = 0.0
    """Share of business requests answered 500."""
    latency_factor: float = 1.0
    accuracy: float = 0.9
    """Share of golden questions that the AI tier answers right."""
    broken: tuple[str, ...] = ()
    """Path patterns (`*`, `?`) that always answer 500."""
    healthy: bool = True
    latency_seconds: float = _MEDIAN_SECONDS
    """Median service time before the factor."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Further labels of its metrics, such as the fleet."""


class Accumulator:
    """Says yes for exactly the asked share of calls, evenly spread (Bresenham's rule)."""

    __slots__ = ("_sum",)

    def __init__(self, phase: float) -> None:
        self._sum = phase

    def hit(self, rate: float) -> bool:
        self._sum += rate
        # Ten sums of 0.1 fall short of 1 by rounding; a hair earlier is exact enough.
        if self._sum < 1.0 - 1e-9:
            return False
        self._sum -= 1.0
        return True


class Behaviour:
    """The release's own behaviour, which faults may change while the instance runs."""

    __slots__ = (
        "_draw",
        "_draws",
        "_errors_met",
        "_release",
        "broken",
        "errors",
        "hang",
        "healthy",
        "latency",
    )

    def __init__(self, release: Release) -> None:
        self._release = release
        seed = zlib.crc32(release.instance.encode())
        generator = random.Random(seed)
        self._draws = [generator.lognormvariate(0.0, _SIGMA) * release.latency_seconds for _ in range(_DRAWS)]
        self._draw = 0
        # Without a phase of its own every instance of a fleet would fail at the same moment.
        self._errors_met = Accumulator(seed / 2**32)
        self.reset()

    def reset(self) -> None:
        """Back to the behaviour of the release."""
        self.errors = self._release.errors
        self.latency = self._release.latency_factor
        self.healthy = self._release.healthy
        self.hang = False
        self.broken = self._release.broken

    def change(self, document: Any) -> None:
        """Apply a control document; raises ValueError that names what is wrong, changing nothing."""
        if not isinstance(document, dict):
            raise ValueError("expected a JSON object")  # noqa: TRY004  # input from outside, not a bug
        unknown = sorted(set(document) - {"errors", "latency", "healthy", "hang", "broken", "reset"})
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}")
        errors = _number(document.get("errors", self.errors), "errors", most=1.0)
        latency = _number(document.get("latency", self.latency), "latency", most=1000.0)
        healthy = _flag(document.get("healthy", self.healthy), "healthy")
        hang = _flag(document.get("hang", self.hang), "hang")
        broken = document.get("broken", list(self.broken))
        if not isinstance(broken, list) or not all(isinstance(one, str) for one in broken):
            raise ValueError("broken must be a list of path patterns")
        if document.get("reset"):
            self.reset()
            return
        self.errors, self.latency, self.healthy, self.hang = errors, latency, healthy, hang
        self.broken = tuple(broken)

    def shown(self) -> dict[str, Any]:
        return {
            "errors": self.errors,
            "latency": self.latency,
            "healthy": self.healthy,
            "hang": self.hang,
            "broken": list(self.broken),
        }

    def service_time(self) -> float:
        """Seconds that the next business request takes."""
        self._draw = (self._draw + 1) % _DRAWS
        return self._draws[self._draw] * self.latency

    def fails(self, path: str) -> bool:
        """Whether the business request to `path` is answered with a server error."""
        if any(fnmatchcase(path, pattern) for pattern in self.broken):
            return True
        return self._errors_met.hit(self.errors)


def _number(value: Any, name: str, *, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{name} must be a number from 0 to {most:g}, got {value!r}")
    return float(value)


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {value!r}")  # noqa: TRY004  # as above
    return value
