"""The simulated service: what is true on both fleets, and the counts that come of it.

500 requests/s (AI answers 50/s, a fifth labelled), lognormal latency with a p95 of 200 ms, 0.08 % errors
and 90 % accuracy on blue. Noise: latency drifts by 5 % on both fleets together and by 2 % on each alone
(AR(1), 0.9 per 15 s); the ordinary error rate varies from minute to minute by half on both together and by
half on each alone (gamma); accuracy drifts by one point on both. Defects and incidents come on top, steady
unless the stress says otherwise. Everything is an array of runs by 15 s ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

__all__ = ["CASES", "TICK", "Case", "Counts", "World"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TICK = 15.0
SIGMA = 0.5
"""Of the logarithm of latency."""
P95 = 200.0
ERRORS, WRONG = 0.0008, 0.10
LIMITS = (1.0, 1.3 / 1.2, 1.3)
"""Latency thresholds as multiples of blue's p95."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kind of release; the functions take (seconds since the first weight, the run's onset)."""

    name: str
    bad: bool
    errors: float | None = None
    latency: float = 1.0
    accuracy: float = 1.0
    begins: float = 0.0
    rate: float = 500.0
    cold: float = 0.0
    burst: bool = False
    shared: tuple[float | None, float, float] = (None, 1.0, 1.0)
    """(errors of both fleets, latency factor of both, green's part of it above blue's)."""


CASES = (
    Case(name="good", bad=False),
    Case(name="good, cold start +60 %", bad=False, cold=0.6),
    Case(name="good, one 15 s burst of 20 % 5xx", bad=False, burst=True),
    Case(name="latency +15 %", bad=False, latency=1.15),
    Case(name="accuracy -5 %", bad=False, accuracy=0.95),
    Case(name="shared errors 3 %", bad=False, shared=(0.03, 1.0, 1.0)),
    Case(name="shared latency +60 %", bad=False, shared=(None, 1.6, 1.0)),
    Case(name="shared, uneven (2 / 2.6 %, +60 / +72 %)", bad=False, shared=(0.02, 1.6, 1.3)),
    Case(name="good at 5 req/s", bad=False, rate=5.0),
    Case(name="errors 1.2 %", bad=True, errors=0.012),
    Case(name="errors 2 %", bad=True, errors=0.02),
    Case(name="errors 5 %", bad=True, errors=0.05),
    Case(name="errors 30 %", bad=True, errors=0.30),
    Case(name="latency +35 %", bad=True, latency=1.35),
    Case(name="latency +60 %", bad=True, latency=1.6),
    Case(name="latency +200 %", bad=True, latency=3.0),
    Case(name="accuracy -12 %", bad=True, accuracy=0.88),
    Case(name="accuracy -25 %", bad=True, accuracy=0.75),
    Case(name="errors 5 % from minute 8", bad=True, errors=0.05, begins=480.0),
)


@dataclass(frozen=True, slots=True)
class Counts:
    """One tick or minute of one fleet, every run at once."""

    n: Ints
    errors: Ints
    slow: tuple[Ints, Ints, Ints]
    labels: Ints
    wrong: Ints

    def __add__(self, other: Counts) -> Counts:
        slow = tuple(a + b for a, b in zip(self.slow, other.slow, strict=True))
        return Counts(
            self.n + other.n,
            self.errors + other.errors,
            (slow[0], slow[1], slow[2]),
            self.labels + other.labels,
            self.wrong + other.wrong,
        )


def _drift(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> Floats:
    keep = 0.9
    steps: Floats = rng.normal(size=shape) * sd * np.sqrt(1 - keep**2)
    steps[:, 0] = rng.normal(size=shape[0]) * sd
    for tick in range(1, shape[1]):
        steps[:, tick] += keep * steps[:, tick - 1]
    return steps


def _minutely(rng: np.random.Generator, shape: tuple[int, int], variation: float) -> Floats:
    form = 1 / variation**2
    minutes = rng.gamma(form, 1 / form, size=(shape[0], shape[1] // 4 + 1))
    return np.repeat(minutes, 4, axis=1)[:, : shape[1]]


class World:
    """The true rates of one case for `runs` deployments of `ticks` ticks; draws counts for any weight."""

    def __init__(
        self,
        case: Case,
        runs: int,
        ticks: int,
        seed: Sequence[int],
        *,
        fleet_noise: float = 0.02,
        unsteady: float = 0.0,
    ) -> None:
        self.case = case
        self._variation = unsteady
        self._rng = rng = np.random.default_rng(seed)
        shape = (runs, ticks)
        at = np.arange(ticks) * TICK
        active = (at >= case.begins)[None, :]
        shared_latency = _drift(rng, shape, 0.05)
        shared_errors = _minutely(rng, shape, 0.5)
        onset = rng.uniform(120, 720, size=(runs, 1))
        incident = (at >= onset) & (at < onset + 600)
        both_errors, both_latency, uneven = case.shared
        accuracy = np.clip(1 - WRONG + _drift(rng, shape, 0.01), 0, 1)
        self.errors, self.latency, self.wrong = {}, {}, {}
        for arm in ("blue", "green"):
            green = arm == "green"
            rate = ERRORS * shared_errors * _minutely(rng, shape, 0.5)
            slower = np.exp(shared_latency + _drift(rng, shape, fleet_noise))
            right = accuracy
            if green and case.errors is not None:
                rate = rate + active * (case.errors - ERRORS) * self._unsteady(shape)
            if both_errors is not None:
                rate = rate + incident * both_errors * (uneven if green else 1.0) * self._unsteady(shape)
            factor = both_latency * (1 + (uneven - 1) * 0.25 if green else 1.0)
            slower = np.where(incident, slower * factor, slower)
            if green:
                slower = slower * np.where(active, case.latency, 1.0) * (1 + case.cold * np.exp(-at / 20))
                right = np.where(active, right * case.accuracy, right)
                if case.burst:
                    hit = rng.integers(4, 76, size=runs)
                    rate[np.arange(runs), hit] = 0.2
            self.errors[arm] = np.minimum(rate, 1.0)
            self.latency[arm] = slower
            self.wrong[arm] = 1 - right
        self.total = int(case.rate * TICK)

    def _unsteady(self, shape: tuple[int, int]) -> Floats:
        """How a defect or an incident varies from minute to minute, on each fleet by itself."""
        return _minutely(self._rng, shape, self._variation) if self._variation else np.ones(shape)

    def draw(self, tick: int, share: Floats) -> dict[str, Counts]:
        """Both fleets' counts of a tick in which green gets `share` of the traffic, run by run."""
        rng, runs = self._rng, len(share)
        green = rng.binomial(self.total, share)
        labels = rng.binomial(rng.poisson(self.total / 50, size=runs), share)
        totals = {"green": (green, labels)}
        totals["blue"] = (
            self.total - green,
            rng.binomial(rng.poisson(self.total / 50, size=runs), 1 - share),
        )
        drawn = {}
        for arm, (n, labelled) in totals.items():
            tails = [
                1 - ndtr(ndtri(0.95) + np.log(limit / self.latency[arm][:, tick]) / SIGMA) for limit in LIMITS
            ]
            over1 = rng.binomial(n, tails[0])
            over2 = rng.binomial(over1, np.minimum(1.0, tails[1] / tails[0]))
            over3 = rng.binomial(over2, np.minimum(1.0, tails[2] / tails[1]))
            drawn[arm] = Counts(
                n,
                rng.binomial(n, self.errors[arm][:, tick]),
                (over1, over2, over3),
                labelled,
                rng.binomial(labelled, np.clip(self.wrong[arm][:, tick], 0, 1)),
            )
        return drawn

    def harmed(self, tick: int, counts: Counts) -> Floats:
        """Green's users of a tick beyond blue's normal: failed, slower than the limit, or told wrong."""
        normal = 1 - ndtr(ndtri(0.95) + np.log(LIMITS[2]) / SIGMA)
        case = self.case
        if case.accuracy < 1:
            answers = counts.n / 10
            return np.asarray(answers * (self.wrong["green"][:, tick] - WRONG))
        if case.latency > 1:
            return np.asarray(counts.slow[2] - counts.n * normal)
        return np.asarray(counts.errors - counts.n * ERRORS)
