"""Blue's latency from its own earlier counts: which thresholds stand for its quantiles, and how steep it is.

A percentile that is measured once, before the release, may come from a cold start, a nightly batch or a
calm hour, and then no request is slow, or every one is. So the threshold follows blue: for each period it is
the one on which blue's counts before that period have a share nearest to the one wanted. Sources are asked
for counts over the rungs of a fixed ladder; which of them is read is decided here, from the journal alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import exp, inf, log, sqrt

from bluegreen.judge.criteria import latency_floor_ms
from bluegreen.policy import Judging

TAIL = 0.05
"""The share of slow requests by definition of the 95th percentile."""
HALF_LIFE = 600.0
"""Seconds after which a count of blue's weighs half as much."""
ROUNDING = 1e-3
"""Sources round thresholds; a thousandth of latency decides nothing."""
RATIO = 1.2
_RUNGS = tuple(round(RATIO**number, 3) for number in range(62))
"""The ladder in ms: 1 ms to 67 s. Two neighbours are the acceptable 20 % apart, so they compare exactly."""
_FASTER, _SLOWER = 16.0, 6.0
"""How far blue may be from the last hour's p95: a cold start is many times slower than a warm service."""
ENOUGH = 100.0
"""Of blue's requests, before they say more about its latency than the last hour does."""
_KEPT = 1_000.0
"""Requests that do not fade: where there are few, they are all that is known."""
_OTHER_UNIT = 32.0
"""Thresholds so many times as high or low as the last hour's p95 are in another unit."""
_STEEPEST, _FLATTEST = 10.0, 0.5
FLAT = 1.5
"""Slope of a tail below which the requests over a bound say little of how slow a fleet is."""
_NEARBY = 4.0
"""Times that a steeper bound's share may be from 5 %."""
_USUAL_SLOPE = 4.0
"""Of a lognormal tail with sigma 0.5 at its p95; until blue's own is known."""


def asked_for(p95_ms: float, limits: Judging) -> tuple[float, ...]:
    """The latencies in ms over which a source must count, ascending, where blue's p95 was `p95_ms`.

    They stay the same all through a deployment: a period that is read again has the same thresholds, and
    no count has any influence on what is asked for.
    """
    wanted = [rung for rung in _RUNGS if p95_ms / _FASTER <= rung <= p95_ms * _SLOWER] or [_RUNGS[0]]
    if floor := latency_floor_ms(limits):
        wanted.append(round(floor, 3))
    apart: list[float] = []
    for one in sorted(wanted):
        if not apart or one > apart[-1] * (1 + ROUNDING):
            apart.append(one)
    return tuple(apart)


class Tail:
    """One fleet's decaying counts over each bound of its source."""

    def __init__(self, p95_ms: float, half_life: float) -> None:
        self._p95, self._half_life = p95_ms, half_life
        self.bounds: tuple[float, ...] = ()
        self._over: list[float] = []
        self._total, self._end = 0.0, -inf

    def offer(self, bounds: tuple[float, ...]) -> None:
        """The bounds of the next period; others than before start anew."""
        if bounds != self.bounds:
            self.bounds, self._over, self._total = bounds, [0.0] * len(bounds), 0.0

    def learn(self, over: Iterable[int], requests: int, end: float) -> None:
        """Take in the counts over the bounds of a period that was over at `end`."""
        fade = 0.5 ** ((end - self._end) / self._half_life) if end > self._end else 1.0
        if self._total:
            fade = max(fade, min(1.0, _KEPT / self._total))
        self._end = max(self._end, end)
        self._total = self._total * fade + requests
        self._over = [old * fade + new for old, new in zip(self._over, over, strict=True)]

    @property
    def known(self) -> bool:
        """Counted often enough for these counts to choose."""
        return self._total >= ENOUGH

    def nearest(self, share: float, places: Sequence[int]) -> int | None:
        """Of `places`, the bound over which the share of requests is nearest to `share`, as a ratio.

        Until enough is counted, that nearest to the last hour's p95, which stands for 5 % alone.
        """
        usual = self._p95
        fit = [at for at in places if usual / _OTHER_UNIT <= self.bounds[at] <= usual * _OTHER_UNIT]
        if not fit:
            return None
        if not self.known:
            return min(fit, key=lambda at: _apart(self.bounds[at], usual)) if share == TAIL else None
        best, found = inf, fit[0]
        wanted, counted = share * self._total, self._over
        for at in fit:
            if over := counted[at]:
                far = over / wanted if over > wanted else wanted / over
                # Of equal ones the slowest; where nothing was ever slow, the fastest: it would show first.
                if far <= best:
                    best, found = far, at
        return found

    def steep(self, places: Sequence[int]) -> int | None:
        """Of `places`, the bound nearest to 5 % at which the tail falls, where it does not at the nearest.

        Where one request in twenty is of a slow kind, the tail is flat around 5 %: a fleet that is slower has
        hardly more requests over a bound there, and one with a few more of that kind has as many more. None
        where the nearest one will do, or none nearby is better.
        """
        nearest = self.nearest(TAIL, places)
        if nearest is None or not self.known or self.slope(self.bounds[nearest]) >= FLAT:
            return None
        apart = {at: _apart(max(self._over[at], 0.5) / self._total, TAIL) for at in places}
        fit = [at for at in places if apart[at] <= _NEARBY and self.slope(self.bounds[at]) >= FLAT]
        return min(fit, key=lambda at: apart[at], default=None)

    def least(self, place: int) -> float:
        """The share over a bound, two standard deviations down."""
        over = self._over[place]
        return max(0.0, over - 2 * sqrt(over)) / self._total

    def most(self, place: int) -> float:
        """The share over a bound, two standard deviations up."""
        over = self._over[place]
        return (over + 2 * sqrt(over + 1)) / self._total

    def slope(self, ms: float) -> float:
        """How steep the tail is around `ms`: a fleet r times as slow has r^slope the requests over it.

        From the bounds on both sides of it; no steps are assumed between two bounds.
        """
        if not self.known or len(self.bounds) < 2:
            return _USUAL_SLOPE
        high = min(max(bisect_left(self.bounds, ms * (1 - ROUNDING)), 1), len(self.bounds) - 1)
        low = high - 1
        drop = log((self._over[low] + 0.5) / (self._over[high] + 0.5))
        return min(_STEEPEST, max(_FLATTEST, drop / log(self.bounds[high] / self.bounds[low])))

    def quantile(self, share: float) -> float | None:
        """The latency in ms that `share` of the requests exceed, between two bounds by the slope there.

        For people only. None where it lies outside the bounds, or nothing is counted.
        """
        wanted = share * self._total
        for high in range(1, len(self.bounds)):
            above, below = self._over[high - 1], self._over[high]
            if above >= wanted > below:
                part = log(above / wanted) / log(above / max(below, 0.5)) if above > below else 0.0
                low_ms, high_ms = self.bounds[high - 1], self.bounds[high]
                return low_ms * exp(min(part, 1.0) * log(high_ms / low_ms))
        return None


def _apart(one: float, other: float) -> float:
    """How many times the larger is the smaller."""
    return max(one / other, other / one)
