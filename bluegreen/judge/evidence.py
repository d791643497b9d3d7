"""The two likelihood ratios: one arm against a fixed rate, green against concurrent blue.

Each is an e-value: under its null hypothesis its expectation is at most 1, whatever the traffic, so that
products over successive batches may be looked at any number of times (Ville's inequality). One arm is
Wald's sequential probability ratio (Annals of Mathematical Statistics, 1945). Two arms condition on who
had the bad events, as in Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS
2022, arXiv 2011.03567): what moves both fleets at once cancels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, log, log1p
from typing import NamedTuple

_NONE: Mapping[float, float] = {}


class Counts(NamedTuple):
    """Bad events and totals of one batch, and how they are to be read."""

    green_bad: int
    green: int
    blue_bad: int = 0
    blue: int = 0
    null: float = 1.0
    """What the null ratio of two arms is to be multiplied by in this batch; of a known share, the share."""
    slope: float = 0.0
    """For latency: a fleet r times as slow has r^slope the bad events."""
    phi: float = 1.0
    """The variance that is allowed for, as a multiple of counting noise, known before the batch: log L is
    divided by it, which keeps E L <= 1 (Jensen) and costs as much more traffic."""


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
        scale = 1.0 / counts.phi
        bad, good = scale * counts.green_bad, scale * (counts.green - counts.green_bad)
        return [bad * log_bad + good * log_good for log_bad, log_good in self._terms]


class TwoArms:
    """H0: p_green <= ratio * p', where p' = p_blue + thinning (1 - p_blue); any p_blue, moving or not.

    With theta_j = r_j n_G / (r_j n_G + n_B), a = theta_1/theta_0 and b = (1-theta_1)/(1-theta_0):
    L = a^k_G b^k_B (1 - q + q b)^(n_B - k_B), q the thinning rate. E L <= exp((theta_1 - theta_0)
    (r_0 n_G + n_B) (p_G/r_0 - p')) <= 1 under H0. Alternatives below the null ratio test the reverse.

    An alternative is a factor on the null ratio; where the counts have a slope, it is a factor on latency.
    `calm` divides the log L of some alternatives further, as `Counts.phi` does that of all.
    """

    def __init__(
        self,
        null: float,
        factors: Iterable[float],
        *,
        thinning: float = 0.0,
        calm: Mapping[float, float] = _NONE,
    ) -> None:
        self._null = null
        self._logs = tuple((log(factor), 1 / calm.get(factor, 1.0)) for factor in factors)
        self._thinning = thinning

    def __len__(self) -> int:
        return len(self._logs)

    def log_ratios(self, counts: Counts) -> list[float]:
        """Log L for every alternative; 0 where an arm had no traffic."""
        green, blue, blue_bad = counts.green, counts.blue, counts.blue_bad
        if not green or not blue:
            return [0.0] * len(self._logs)
        bad, good, thinning = counts.green_bad + blue_bad, blue - blue_bad, self._thinning
        weight, steep = self._null * counts.null * green, counts.slope or 1.0
        whole, scale = weight + blue, 1.0 / counts.phi
        result = []
        for log_factor, calmed in self._logs:
            # log a = log b + log factor, so one logarithm serves both.
            factor = steep * log_factor
            b = whole / (weight * exp(factor) + blue)
            value = counts.green_bad * factor + bad * log(b)
            if thinning:
                value += good * log1p(thinning * (b - 1.0))
            result.append(scale * calmed * value)
        return result


class Rates:
    """H0: the share of bad events is at most what is expected, batch by batch; the alternatives are rates.

    As `OneArm`, with a null rate that is known before each batch. An alternative that is no worse than the
    null says nothing.
    """

    def __init__(self, alternatives: Iterable[float]) -> None:
        self._rates = tuple(alternatives)

    def __len__(self) -> int:
        return len(self._rates)

    def log_ratios(self, counts: Counts) -> list[float]:
        """Log L for every alternative, where `counts.null` is expected of green."""
        bad, good, null = counts.green_bad, counts.green - counts.green_bad, counts.null
        return [
            bad * log(p / null) + good * (log1p(-p) - log1p(-null)) if p > null else 0.0 for p in self._rates
        ]


class KnownShare:
    """H0: the share of bad events is at most what is expected (for factors below 1 at least), batch by batch.

    As `OneArm`, with a rate that is known before each batch and may differ from one to the next.
    """

    def __init__(self, factors: Iterable[float]) -> None:
        self._factors = tuple(factors)
        self._worse = max(self._factors) > 1

    def __len__(self) -> int:
        return len(self._factors)

    def log_ratios(self, counts: Counts) -> list[float]:
        """Log L for every alternative, as a factor on the share that `counts.null` expects of green."""
        bad, good, share = counts.green_bad, counts.green - counts.green_bad, min(counts.null, 0.5)
        # Of more than half nothing worse is told, and to be better than that half says less.
        if share <= 0 or (counts.null > share and self._worse):
            return [0.0] * len(self._factors)
        return [
            bad * log(p / share) + good * (log1p(-p) - log1p(-share))
            for p in (min(share * factor, (1 + share) / 2) for factor in self._factors)
        ]


Test = OneArm | TwoArms | KnownShare | Rates


def log_mean_exp(values: list[float]) -> float:
    """Log of the mean of exp(values), without overflow."""
    top = max(values)
    return top + log(sum(exp(value - top) for value in values) / len(values))
