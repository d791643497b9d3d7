"""How a release behaves where no real process serves it (tests on a manual clock)."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass

from bluegreen.lab.cloud.instances import Instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What an instance answers: health checks, share of errors, latency distribution."""

    healthy: bool = True
    """Passes health checks; an unhealthy instance answers 503 to everything."""
    error_rate: float = 0.0
    """Share of requests answered 500, spread evenly."""
    latency: tuple[tuple[float, float], ...] = ((0.05, 1.0),)
    """(seconds, share of requests); shares sum to 1."""
    broken_paths: tuple[str, ...] = ()
    """Paths (or prefixes, ending with *) that always answer 500."""

    def breaks(self, path: str) -> bool:
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.broken_paths)


BehaviourOf = Callable[[Instance], Behaviour]


def always_well(_: Instance) -> Behaviour:
    return Behaviour()
