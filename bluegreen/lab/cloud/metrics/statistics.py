"""CloudWatch statistics over a histogram of values."""

from __future__ import annotations

import math
import re

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.metrics.store import Histogram

_PERCENTILE = re.compile(r"^p(\d{1,2}(?:\.\d{1,10})?|100)$")
_RANGE = re.compile(r"^(TC|PR)\((\d*\.?\d*):(\d*\.?\d*)\)$")


def statistic(name: str, histogram: Histogram) -> float:
    """`name` (Sum, Average, Minimum, Maximum, SampleCount, pNN, TC(a:b), PR(a:b)) of `histogram`.

    TC counts and PR gives the percentage of values v with a < v <= b, as CloudWatch defines them.
    Raises CloudError for any other name.
    """
    number = sum(histogram.values())
    if name == "SampleCount":
        return number
    if name == "Minimum":
        return min(histogram)
    if name == "Maximum":
        return max(histogram)
    total = sum(value * count for value, count in histogram.items())
    if name == "Sum":
        return total
    if name == "Average":
        return total / number
    return _extended(name, histogram, number)


def _extended(name: str, histogram: Histogram, number: float) -> float:
    percentile = _PERCENTILE.match(name)
    if percentile:
        return _percentile(histogram, number, float(percentile[1]))
    inside = _RANGE.match(name)
    if inside and (inside[2] or inside[3]):
        low = float(inside[2]) if inside[2] else -math.inf
        high = float(inside[3]) if inside[3] else math.inf
        within = sum(count for value, count in histogram.items() if low < value <= high)
        return within if inside[1] == "TC" else 100.0 * within / number
    raise CloudError("InvalidParameterValue", f"The value '{name}' for parameter Stat is not supported")


def _percentile(histogram: Histogram, number: float, percent: float) -> float:
    """The smallest value at or below which `percent` of the samples lie."""
    wanted, seen = number * percent / 100.0, 0.0
    values = sorted(histogram)
    for value in values:
        seen += histogram[value]
        if seen >= wanted and seen > 0:
            return value
    return values[-1]
