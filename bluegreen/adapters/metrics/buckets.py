"""Classic histogram buckets as counts of slow requests; pure.

A bucket with the bound t counts the requests that took at most t, so requests slower than t are all
minus that bucket. Nothing is known between two bounds and nothing is interpolated: the source gives the
bounds that there are, and the judge compares green and blue at those that keep its tests valid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import inf

from bluegreen.adapters.metrics.counters import Increases
from bluegreen.adapters.metrics.metrics_http import unusable

_BELOW, _ABOVE = 0.5, 2.0
"""The judge takes a bound for a threshold down to half and up to twice of it, on the side that is valid."""


def _bound(one: Increases, milliseconds: float) -> float:
    text = one.series.labels.get("le", "")
    try:
        bound = float(text)
    except ValueError:
        raise unusable("prometheus", f"{one.series.name} has a bucket le={text!r}") from None
    return bound * milliseconds


def exceedances(
    buckets: Sequence[Increases], number: int, slow_ms: Sequence[float], milliseconds: float
) -> tuple[int, tuple[tuple[float, int], ...]]:
    """(requests, (bound in milliseconds, requests slower)) of period `number`, near the thresholds.

    `milliseconds` is how many make one unit of the bounds.
    """
    within: dict[float, int] = defaultdict(int)
    for one in buckets:
        within[_bound(one, milliseconds)] += one.by_period.get(number, 0)
    total = within.pop(inf, 0)
    if not slow_ms:
        return total, ()
    low, high = _BELOW * min(slow_ms), _ABOVE * max(slow_ms)
    slow, most = [], total
    for bound in sorted(within):
        # Cumulative by definition, but instances are scraped while they count.
        most = min(most, max(0, total - within[bound]))
        if low <= bound <= high:
            slow.append((round(bound, 3), most))
    return total, tuple(slow)


def unfit(buckets: Sequence[Increases], slow_ms: Sequence[float], milliseconds: float) -> str:
    """Why no bucket bound can replace the thresholds; empty where they can."""
    bounds = sorted({_bound(one, milliseconds) for one in buckets} - {inf})
    if not any(_bound(one, milliseconds) == inf for one in buckets):
        return 'has no bucket le="+Inf"'
    wanted = sorted(slow_ms)
    # Of many thresholds the judge reads three that lie together: for some such three there must be bounds.
    ends = list(zip(wanted, wanted[2:], strict=False)) or [(wanted[0], wanted[-1])]
    if any(_served(bounds, low) and _served(bounds, high) for low, high in ends):
        return ""
    shown = ", ".join(f"{bound:g}" for bound in bounds) or "none"
    return (
        f"has too few buckets from {wanted[0]:.0f} to {_ABOVE * wanted[-1]:.0f} ms (bounds: {shown} ms): add "
        "buckets around the latencies to be told apart, or feed latency from cloudwatch"
    )


def _served(bounds: Sequence[float], wanted: float) -> bool:
    return any(wanted <= bound <= _ABOVE * wanted for bound in bounds)
