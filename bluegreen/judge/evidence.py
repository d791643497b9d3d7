"""The two likelihood ratios: one arm against a fixed rate, green against concurrent blue.

Each is an e-value: under its null hypothesis its expectation is at most 1, whatever the traffic, so that
products over successive batches may be looked at any number of times (Ville's inequality). One arm is
Wald's sequential probability ratio (Annals of Mathematical Statistics, 1945). Two arms condition on who
had the bad events, as in Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS
2022, arXiv 2011.03567): what moves both fleets at once cancels.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log, log1p
from typing import NamedTuple


class Counts(NamedTuple):
    """Bad events and totals of one batch."""

    green_bad: int
    green: int
    blue_bad: int = 0
    blue: int = 0


class OneArm:
    """H0: the share of bad events is at most `null` (at least, where the alternatives are below it).

    For k bad of n, L = (p1/p0)^k ((1-p1)/(1-p0))^(n-k).
    """

    def __init__(self, null: float, alternatives: Iterable[float]) -> None:
        self._terms = tuple((log(p / null), log1p(-p) - log1p(-null)) for p in alternatives)

    def __len__(self) -> int:
        return len(self._terms)

    def log_ratios(self, counts: Counts) -> list[float]:
        """Log L for every alternative."""
        bad, good = counts.green_bad, counts.green - counts.green_bad
        return [bad * log_bad + good * log_good for log_bad, log_good in self._terms]


class TwoArms:
    """H0: p_green <= ratio * p', where p' = p_blue + thinning (1 - p_blue); any p_blue, moving or not.

    With theta_j = r_j n_G / (r_j n_G + n_B), a = theta_1/theta_0 and b = (1-theta_1)/(1-theta_0):
    L = a^k_G b^k_B (1 - q + q b)^(n_B - k_B), q the thinning rate. E L <= exp((theta_1 - theta_0)
    (r_0 n_G + n_B) (p_G/r_0 - p')) <= 1 under H0. Alternatives below the null ratio test the reverse.

    `dispersion` is the variance that is allowed for, as a multiple of counting noise: log L is divided by
    it, which keeps E L <= 1 (Jensen) and costs as much more traffic.
    """

    def __init__(
        self, null: float, factors: Iterable[float], *, thinning: float = 0.0, dispersion: float = 1.0
    ) -> None:
        self._null = null
        self._scale = 1.0 / dispersion
        self._terms = tuple((null * factor, log(factor)) for factor in factors)
        self._thinning = thinning

    def __len__(self) -> int:
        return len(self._terms)

    def log_ratios(self, counts: Counts) -> list[float]:
        """Log L for every alternative; 0 where an arm had no traffic."""
        green_bad, green, blue_bad, blue = counts
        if not green or not blue:
            return [0.0] * len(self._terms)
        bad, good, thinning = green_bad + blue_bad, blue - blue_bad, self._thinning
        weight, scale = self._null * green + blue, self._scale
        # log a = log b + log factor, so one logarithm serves both.
        if not thinning:
            return [
                scale * (green_bad * log_factor + bad * log(weight / (ratio * green + blue)))
                for ratio, log_factor in self._terms
            ]
        result = []
        for ratio, log_factor in self._terms:
            b = weight / (ratio * green + blue)
            value = green_bad * log_factor + bad * log(b) + good * log1p(thinning * (b - 1.0))
            result.append(scale * value)
        return result


Test = OneArm | TwoArms


def log_mean_exp(values: list[float]) -> float:
    """Log of the mean of exp(values), without overflow."""
    top = max(values)
    return top + log(sum(exp(value - top) for value in values) / len(values))
