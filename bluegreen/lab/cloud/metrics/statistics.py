"""CloudWatch statistics over a histogram of values."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.metrics.store import Histogram

_PERCENTILE = re.compile(r"^p(\d{1,2}(?:\.\d{1,10})?|100)$")
_RANGE = re.compile(r"^(TC|PR)\((\d*\.?\d*):(\d*\.?\d*)\)$")


class Spread:
    """A histogram in order, so that any number of statistics of it costs one sort."""

    def __init__(self, histogram: Histogram) -> None:
        self.values = sorted(histogram)
        counts = [histogram[value] for value in self.values]
        self.below = list(accumulate(counts, initial=0.0))
        """How many samples lie below each value, and all of them at the end."""
        self.number = self.below[-1]
        self.total = sum(value * count for value, count in zip(self.values, counts, strict=True))

    def within(self, low: float, high: float) -> float:
        """How many samples v have low < v <= high."""
        return self.below[bisect_right(self.values, high)] - self.below[bisect_right(self.values, low)]

    def percentile(self, percent: float) -> float:
        """The smallest value at or below which `percent` of the samples lie."""
        wanted = self.number * percent / 100.0
        return self.values[min(bisect_left(self.below, wanted, lo=1), len(self.values)) - 1]


_PLAIN: Mapping[str, Callable[[Spread], float]] = {
    "SampleCount": lambda spread: spread.number,
    "Minimum": lambda spread: spread.values[0],
    "Maximum": lambda spread: spread.values[-1],
    "Sum": lambda spread: spread.total,
    "Average": lambda spread: spread.total / spread.number,
}


def statistic(name: str, spread: Spread) -> float:
    """`name` (Sum, Average, Minimum, Maximum, SampleCount, pNN, TC(a:b), PR(a:b)) of `spread`.

    TC counts and PR gives the percentage of values v with a < v <= b, as CloudWatch defines them.
    Raises CloudError for any other name.
    """
    plain = _PLAIN.get(name)
    if plain:
        return plain(spread)
    percentile = _PERCENTILE.match(name)
    if percentile:
        return spread.percentile(float(percentile[1]))
    inside = _RANGE.match(name)
    if inside and (inside[2] or inside[3]):
        low = float(inside[2]) if inside[2] else -math.inf
        high = float(inside[3]) if inside[3] else math.inf
        within = spread.within(low, high)
        return within if inside[1] == "TC" else 100.0 * within / spread.number
    raise CloudError("InvalidParameterValue", f"The value '{name}' for parameter Stat is not supported")
