"""What the judge is told: limits, blue's baseline, the steps so far and the moment of the look."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bluegreen.contract import Tier
from bluegreen.errors import ConfigError, Fault

__all__ = ["Baseline", "Look", "StepMark", "Thresholds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Limits (must be noticed) and acceptable levels (must not be punished), and the error rates.

    Between the acceptable level and the limit either verdict is right (Wald's indifference zone).
    Construction raises ConfigError with every fault at once.
    """

    error_limit: float = 0.01
    """Share of failed requests that must never be promoted (R3)."""
    error_acceptable: float = 0.005
    latency_limit: float = 1.30
    """Green's latency as a multiple of blue's (R2)."""
    latency_acceptable: float = 1.20
    latency_floor_ms: float = 50.0
    """Where fewer than 5 % of green's requests are slower than this, nobody waits; 0 for no floor."""
    accuracy_drop_limit: float = 0.10
    """Relative fall of accuracy against blue (R4)."""
    accuracy_drop_acceptable: float = 0.05
    alpha: float = 0.01
    """Chance, per tier, that an acceptable release is rolled back by chance alone."""
    beta: float = 0.01
    """Chance, per metric and step, that a release at the limit passes by chance alone."""
    blue_error_ratio: float = 2.0
    """Green's errors are its own fault only beyond this multiple of concurrent blue's."""
    burst_seconds: float = 15.0
    """One disturbance of up to this length never decides alone."""
    cold_start_seconds: float = 45.0
    """Latency is not judged this long after green's first request."""
    stale_seconds: float = 0.0
    """A source that says nothing new for this long is broken; 0 means five periods, at least 10 s."""
    unhealthy_hosts: int = 0
    """More unhealthy green targets than this fail the release at once (a fast signal)."""

    @property
    def needed(self) -> float:
        """Evidence that fails a release: four metrics share `alpha` (Ville's inequality)."""
        return 4.0 / self.alpha

    @property
    def needed_to_pass(self) -> float:
        """Evidence that passes a metric."""
        return 1.0 / self.beta

    def __post_init__(self) -> None:
        faults = [
            Fault(f"thresholds: {where}", problem, allowed) for where, problem, allowed in self._faults()
        ]
        if faults:
            raise ConfigError("the judge's thresholds cannot be used", faults=faults)

    def _faults(self) -> Iterable[tuple[str, str, str]]:
        ranges = {
            "error_limit": (0.0, 0.5, "a fraction, 0.01 for 1 %"),
            "error_acceptable": (0.0, 0.5, "a fraction, 0.005 for 0.5 %"),
            "latency_limit": (1.0, 10.0, "a multiple of blue, 1.3 for 30 % more"),
            "latency_acceptable": (1.0, 10.0, "a multiple of blue, 1.2 for 20 % more"),
            "latency_floor_ms": (-1e-9, 10_000.0, "milliseconds, 0 for no floor"),
            "accuracy_drop_limit": (0.0, 0.9, "a fraction, 0.1 for 10 %"),
            "accuracy_drop_acceptable": (0.0, 0.9, "a fraction, 0.05 for 5 %"),
            "alpha": (0.0, 0.5, "a fraction, 0.01 for 1 %"),
            "beta": (0.0, 0.5, "a fraction, 0.01 for 1 %"),
            "blue_error_ratio": (1.0, 10.0, "a multiple of blue's errors"),
            "burst_seconds": (0.0, 600.0, "seconds"),
            "cold_start_seconds": (-1e-9, 600.0, "seconds"),
            "stale_seconds": (-1e-9, 3_600.0, "seconds"),
        }
        usable = set()
        for name, (low, high, allowed) in ranges.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if number and math.isfinite(value) and low < value <= high:
                usable.add(name)
            else:
                yield name, f"{value!r}", allowed
        if isinstance(self.unhealthy_hosts, bool) or not 0 <= self.unhealthy_hosts <= 100:
            yield "unhealthy_hosts", f"{self.unhealthy_hosts!r}", "0 to 100"
        for metric in ("error", "latency", "accuracy_drop"):
            names = (f"{metric}_acceptable", f"{metric}_limit")
            if usable.issuperset(names) and getattr(self, names[0]) >= getattr(self, names[1]):
                acceptable, limit = (getattr(self, name) for name in names)
                yield (
                    names[0],
                    f"{acceptable:g} is not below {names[1]} {limit:g}",
                    "the acceptable level lower",
                )

    def latency_thresholds(self, p95_ms: float) -> tuple[float, float, float]:
        """The thresholds in ms above which a source must count requests, for a blue p95 of `p95_ms`."""
        limit = self.latency_limit * p95_ms
        return (p95_ms, limit / self.latency_acceptable, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Blue before the release, frozen; its latency only until enough of blue is counted (see `tail`)."""

    p95_ms: Mapping[Tier, float] = field(default_factory=dict)
    accuracy: Mapping[Tier, float] = field(default_factory=dict)
    """Share of right answers, for tiers that have labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMark:
    """A ramp step that has begun."""

    started_at: float
    """Epoch seconds at which the weights were in force."""
    percent: int
    """Green's share of the traffic."""
    planned_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.started_at) and 0 < self.planned_seconds < math.inf):
            raise ValueError(f"a step of {self.planned_seconds!r} s that began at {self.started_at!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The moment of a judgement; the current step is the last StepMark."""

    now: float
    tiers: tuple[Tier, ...]
    """The tiers of this release: each must be measured before a pass."""
    labelled: tuple[Tier, ...] = ()
    """Those whose AI answers a source labels: their accuracy too must be measured before the last pass."""
    min_bake_seconds: float = 120.0
    planned_seconds: float = 300.0
    deadline_seconds: float = 1_200.0
    """After the step's begin, when an undecided step goes to the operator."""
    last_before_full: bool = False
    full: bool = False
    """Green has all the traffic: there is no control any more."""
    shorten: bool = False
    """A step may pass before its planned time (never before `min_bake_seconds`)."""
    unhealthy: Mapping[Tier, int] = field(default_factory=dict)
    """Sick green targets per tier: healthy once and no more, or not healthy within their boot budget."""
    unhealthy_names: Mapping[Tier, tuple[str, ...]] = field(default_factory=dict)
    """Which they are, for people."""
    expected_requests: Mapping[Tier, float] = field(default_factory=dict)
    """Green requests per second that the weights should bring; empty: taken from blue's traffic."""
