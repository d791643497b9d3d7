"""The simulated service: what is true on both fleets, and the counts that come of it.

500 requests/s (AI answers 50/s, a fifth labelled), lognormal latency with a p95 of 200 ms, 0.08 % errors
and 90 % accuracy on blue. Noise: latency drifts by 5 % on both fleets together and by 2 % on each alone
(AR(1), 0.9 per 15 s); the ordinary error rate varies from minute to minute by half on both together and by
half on each alone (gamma); accuracy drifts by one point on both. Defects and incidents come on top, steady
unless the stress says otherwise. Everything is an array of runs by ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from benchmarks.judges.cases import Case
from bluegreen.judge.tail import asked_for
from bluegreen.policy import Judging

__all__ = ["TICK", "Counts", "Floats", "Ints", "World"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TICK = 15.0
SIGMA = 0.5
"""Of the logarithm of latency."""
P95 = 200.0
ERRORS, WRONG = 0.0008, 0.10
LIMITS = (1.0, 1.3)
"""Latency thresholds as multiples of blue's true p95: what the peers and the harm are counted by."""


@dataclass(frozen=True, slots=True)
class Counts:
    """One tick or minute of one fleet, every run at once."""

    n: Ints
    errors: Ints
    slow: tuple[Ints, Ints]
    """Over the thresholds of `LIMITS`."""
    over: Ints
    """Over each bound that the source counts: runs by bounds."""
    labels: Ints
    wrong: Ints

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.n + other.n,
            self.errors + other.errors,
            (self.slow[0] + other.slow[0], self.slow[1] + other.slow[1]),
            self.over + other.over,
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

    def __init__(self, case: Case, runs: int, seed: Sequence[int], *, counted: bool = True) -> None:
        """`counted`: whether any judge reads the counts over the source's bounds."""
        self.case, self.runs, self.tick, self.planned = case, runs, case.tick, case.planned
        self.ticks = int(1.15 * 5 * 4 * case.planned / case.tick)
        self._rng = rng = np.random.default_rng(seed)
        shape = (runs, self.ticks)
        at = np.arange(self.ticks) * case.tick
        active = ((at >= case.begins) & (at < case.ends))[None, :]
        self.p95 = rng.choice(np.array(case.p95s), size=runs)
        self.bounds = (case.bounds or asked_for(case.q * case.p95s[0], Judging())) if counted else ()
        shared_latency = _drift(rng, shape, 0.05) + at / 60 * np.log1p(case.trend)
        shared_errors = _minutely(rng, shape, 0.5)
        onset = rng.uniform(120, 720, size=(runs, 1))
        incident = (at >= onset) & (at < onset + 600)
        both_errors, both_latency, uneven = case.shared
        accuracy = np.clip(1 - case.wrong + _drift(rng, shape, 0.01), 0, 1)
        self.errors, self.latency, self.wrong = {}, {}, {}
        for arm in ("blue", "green"):
            green = arm == "green"
            steady = case.cluster > 1 or case.usual_errors != ERRORS
            noise = 1.0 if steady else shared_errors * _minutely(rng, shape, 0.5)
            rate = np.broadcast_to(case.usual_errors * noise, shape).copy()
            slower = np.exp(shared_latency + _drift(rng, shape, case.fleet_noise))
            right = accuracy
            if green and case.errors is not None:
                rate = rate + active * (case.errors - case.usual_errors) * self._unsteady(shape)
            if both_errors is not None:
                rate = rate + incident * both_errors * (uneven if green else 1.0) * self._unsteady(shape)
            factor = both_latency * (1 + (uneven - 1) * 0.25 if green else 1.0)
            slower = np.where(incident, slower * factor, slower)
            if green:
                slower = slower * np.where(active, case.latency, 1.0)
                slower = slower * (1 + case.cold * np.exp(-at / case.cold_seconds))
                right = np.where(active, right * case.accuracy, right)
                if case.burst:
                    hit = rng.integers(4, 76, size=runs)
                    rate[np.arange(runs), hit] = 0.2
            self.errors[arm] = np.minimum(rate, 1.0)
            self.latency[arm] = slower
            self.wrong[arm] = 1 - right
        self.total = int(case.rate * case.tick)
        self._labels = self.total / 50 if case.labelled else 0.0

    def told_p95(self, of: int) -> float:
        """Blue's p95 of the last hour, as its source told it."""
        return float(self.case.q * (self.p95[of] if self.case.bounds else self.case.p95s[0]))

    def _unsteady(self, shape: tuple[int, int]) -> Floats:
        """How a defect or an incident varies from minute to minute, on each fleet by itself."""
        variation = self.case.unsteady
        return _minutely(self._rng, shape, variation) if variation else np.ones(shape)

    def draw(self, tick: int, share: Floats) -> dict[str, Counts]:
        """Both fleets' counts of a tick in which green gets `share` of the traffic, run by run."""
        rng, runs, case = self._rng, len(share), self.case
        green = rng.binomial(self.total, share)
        labels = rng.binomial(rng.poisson(self._labels, size=runs), share)
        totals = {"green": (green, labels)}
        totals["blue"] = (
            self.total - green,
            rng.binomial(rng.poisson(self._labels, size=runs), 1 - share),
        )
        # What begins with the cutover, at another time in every run.
        full = share >= 1
        slower = np.where(full, case.full_latency, 1.0)
        more = np.where(full, case.full_errors, 0.0)
        drawn = {}
        for arm, (n, labelled) in totals.items():
            part = share if arm == "green" else 1 - share
            factor = self.latency[arm][:, tick] * slower * (1 + (case.busy - 1) * part**2)
            drawn[arm] = Counts(
                n,
                self._failed(n, np.minimum(1.0, self.errors[arm][:, tick] + more)),
                self._slow(n, factor, arm),
                self._over(n, factor, arm),
                labelled,
                rng.binomial(labelled, np.clip(self.wrong[arm][:, tick], 0, 1)),
            )
        return drawn

    def _failed(self, n: Ints, rate: Floats) -> Ints:
        cluster = self.case.cluster
        return np.minimum(n, self._rng.binomial(n, rate / cluster) * cluster)

    def _slow(self, n: Ints, factor: Floats, arm: str) -> tuple[Ints, Ints]:
        tails = [self._survival(np.full(len(n), limit * P95), factor, arm) for limit in LIMITS]
        over = self._rng.binomial(n, tails[0])
        return over, self._rng.binomial(over, np.minimum(1.0, tails[1] / np.maximum(tails[0], 1e-300)))

    def _over(self, n: Ints, factor: Floats, arm: str) -> Ints:
        """Nested binomials: those over the next bound are some of those over this one."""
        if not self.bounds:
            return np.empty((len(n), 0), dtype=np.int64)
        left, before, found = n, np.ones(len(n)), []
        for bound in self.bounds:
            tail = self._survival(P95 * bound / self.p95, factor, arm)
            left = self._rng.binomial(left, np.clip(tail / np.maximum(before, 1e-300), 0, 1))
            found.append(left)
            before = tail
        return np.stack(found, axis=1)

    def _survival(self, ms: Floats, factor: Floats, arm: str) -> Floats:
        """Share of requests slower than `ms` where the p95 is 200 ms times `factor`."""
        case, green = self.case, arm == "green"
        relative = ms / P95 / factor
        if case.tail:
            return np.minimum(1.0, 0.05 * relative**-case.tail)
        sigma = SIGMA
        if green and case.median != 1:
            # The median rises and the p95 stays.
            sigma -= np.log(case.median) / ndtri(0.95)
        share = 1 - ndtr(ndtri(0.95) + np.log(relative) / sigma)
        if case.slow_kind:
            eight = 1 - ndtr(ndtri(0.95) + np.log(relative / 8) / sigma)
            share = (1 - case.slow_kind) * share + case.slow_kind * eight
        if green and case.stragglers:
            ten = 1 - ndtr(ndtri(0.95) + np.log(relative / 10) / sigma)
            share = (1 - case.stragglers) * share + case.stragglers * ten
        return np.asarray(share)

    def harmed(self, tick: int, counts: Counts) -> Floats:
        """Green's users of a tick beyond blue's normal: failed, slower than the limit, or told wrong."""
        normal = 1 - ndtr(ndtri(0.95) + np.log(LIMITS[1]) / SIGMA)
        case = self.case
        if case.accuracy < 1:
            answers = counts.n / 10
            return np.asarray(answers * (self.wrong["green"][:, tick] - WRONG))
        if case.latency > 1:
            return np.asarray(counts.slow[1] - counts.n * normal)
        return np.asarray(counts.errors - counts.n * ERRORS)
