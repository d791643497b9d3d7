"""The judge's tests and processes over many runs at once: `bluegreen.judge.evidence`, `eprocess`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.judges.world import Counts, Floats, Ints
from bluegreen.judge.metric_tests import _ENOUGH_LABELS, _FEWER_WRONG

__all__ = ["Bools", "Fail", "Pass", "Steady", "one_arm", "two_arms"]

Bools = NDArray[np.bool_]
Ratios = Callable[[Ints, Ints, Ints, Ints], Floats]


def one_arm(null: float, alternatives: Sequence[float]) -> tuple[Ratios, int]:
    """Primitive A."""
    p = np.array(alternatives)
    bad, good = np.log(p / null), np.log1p(-p) - np.log1p(-null)

    def ratios(k: Ints, n: Ints, _kb: Ints, _nb: Ints) -> Floats:
        return np.asarray(k[:, None] * bad + (n - k)[:, None] * good)

    return ratios, len(p)


def two_arms(
    null: float, factors: Sequence[float], thinning: float = 0.0, *, dispersion: float = 1.0
) -> tuple[Ratios, int]:
    """Primitive B."""
    f = np.array(factors)

    def ratios(k: Ints, n: Ints, kb: Ints, nb: Ints) -> Floats:
        weight = (null * n + nb)[:, None]
        b = weight / np.maximum(null * f * n[:, None] + nb[:, None], 1e-300)
        safe = np.where((n > 0) & (nb > 0), 1.0, 0.0)[:, None]
        b = np.where(safe > 0, b, 1.0)
        value = k[:, None] * np.log(f) + (k + kb)[:, None] * np.log(b)
        value = value + (nb - kb)[:, None] * np.log1p(thinning * (b - 1))
        return np.asarray(safe * value / dispersion)

    return ratios, len(f)


class Fail:
    """The fail e-process of `eprocess.FailProcess`, one window per batch."""

    def __init__(self, test: tuple[Ratios, int], runs: int, expected: int, needed: float) -> None:
        self._ratios, count = test
        self._r = np.zeros((runs, count))
        self._cap, self._ceiling = 0.75 * np.log(needed), count * needed
        self._left, self._rests = np.ones(runs), np.full(runs, 0.3)
        self._step = np.full(runs, -1)
        self._expected = expected
        self.value = np.ones(runs)

    def add(self, mask: Bools, step: Ints, counts: tuple[Ints, Ints, Ints, Ints]) -> None:
        """Take in one batch where `mask`."""
        first = self._step < 0
        entered = ~first & (step != self._step) & (step <= 3)
        later = self._rests / self._expected
        mass = np.where(first, 0.4, np.where(entered, np.minimum(0.1, self._left), later))
        self._rests -= np.where(mask & ~first & ~entered, mass, 0.0)
        self._left -= np.where(mask, mass, 0.0)
        grown = (self._r + mass[:, None]) * np.exp(np.minimum(self._ratios(*counts), self._cap))
        self._r = np.where(mask[:, None], np.minimum(grown, self._ceiling), self._r)
        self.value = np.where(mask, self._r.mean(axis=1) + self._left, self.value)
        self._step = np.where(mask, step, self._step)


class Pass:
    """The pass e-process of `eprocess.PassProcess`."""

    def __init__(self, test: tuple[Ratios, int], runs: int) -> None:
        self._ratios, count = test
        self.sums = np.zeros((runs, count))

    def add(self, mask: Bools, counts: tuple[Ints, Ints, Ints, Ints]) -> None:
        """Take in one batch where `mask`."""
        self.sums += np.where(mask[:, None], self._ratios(*counts), 0.0)

    def reset(self, mask: Bools) -> None:
        """Begin anew where `mask`."""
        self.sums[mask] = 0.0

    @property
    def log_value(self) -> Floats:
        """Log P."""
        top = self.sums.max(axis=1)
        return np.asarray(top + np.log(np.exp(self.sums - top[:, None]).mean(axis=1)))


class Steady:
    """Green's labels of a step against blue's share before it (`families._steady`), run by run."""

    def __init__(self, runs: int, limit: float) -> None:
        self._limit = limit
        self._null = np.full(runs, np.nan)
        self._bad, self._total = np.zeros(runs, dtype=np.int64), np.zeros(runs, dtype=np.int64)
        self._sums = np.zeros((runs, len(_FEWER_WRONG)))

    def enter(self, mask: Bools) -> None:
        """A step begins where `mask`."""
        share = self._bad / np.maximum(self._total, 1)
        low = np.maximum(0.0, share - 2 * np.sqrt(share * (1 - share) / np.maximum(self._total, 1)))
        null = np.where(self._total >= _ENOUGH_LABELS, low + self._limit * (1 - low), np.nan)
        self._null = np.where(mask, null, self._null)
        self._sums[mask] = 0.0

    def forget(self, mask: Bools) -> None:
        """Blue was sick where `mask`: its labels until now say nothing about its normal share."""
        self._bad[mask] = self._total[mask] = 0
        self.enter(mask)

    def add(self, inside: Bools, current: Bools, green: Counts, blue: Counts) -> None:
        """Take in one batch."""
        null = self._null[:, None]
        p = null * np.array(_FEWER_WRONG)
        k, good = green.wrong[:, None], (green.labels - green.wrong)[:, None]
        ratios = k * np.log(p / null) + good * (np.log1p(-p) - np.log1p(-null))
        self._sums += np.where(current[:, None], ratios, 0.0)
        self._bad += np.where(inside, blue.wrong, 0)
        self._total += np.where(inside, blue.labels, 0)

    @property
    def log_value(self) -> Floats:
        """Log of the evidence; minus infinity where blue's share is not known."""
        top = np.where(np.isnan(self._null), -np.inf, self._sums.max(axis=1))
        spread = np.exp(self._sums - self._sums.max(axis=1)[:, None]).mean(axis=1)
        return np.asarray(np.where(np.isnan(self._null), -np.inf, top + np.log(spread)))
