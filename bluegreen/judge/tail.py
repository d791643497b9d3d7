"""Which latency stands for blue's 95th percentile: a threshold that blue's earlier counts choose.

A percentile that is measured once, before the release, may come from a cold start, a nightly batch or a
calm hour, and then no request is slow, or every one is. So the threshold follows blue: for each period it is
the one on which blue's counts before that period have a share nearest to 5 %. Sources are asked for counts
over the rungs of a fixed ladder; which of them is read is decided here, from the journal alone.
"""

from __future__ import annotations

from math import inf, isfinite

from bluegreen.judge.criteria import latency_floor_ms, latency_thresholds
from bluegreen.policy import Judging

TAIL = 0.05
"""The share of slow requests by definition of the 95th percentile."""
HALF_LIFE = 600.0
"""Seconds after which a count of blue's weighs half as much."""
ROUNDING = 1e-3
"""Sources round thresholds; a thousandth of latency decides nothing."""
_RATIO = 1.25
_RUNGS = tuple(round(_RATIO**number, 3) for number in range(50))
"""The ladder in ms: 1 ms to 56 s."""
_FASTER, _SLOWER = 10.0, 3.0
"""How far blue may be from the last hour's p95: a cold start is many times slower than a warm service."""
_ENOUGH = 100.0
"""Of blue's requests, before they say more about its latency than the last hour does."""
_OTHER_UNIT = 32.0
"""Thresholds so many times as high or low as the last hour's p95 are in another unit."""


def asked_for(p95_ms: float, limits: Judging) -> tuple[float, ...]:
    """The latencies in ms over which a source must count, ascending, where blue's p95 was `p95_ms`.

    They stay the same all through a deployment: a period that is read again has the same thresholds, and
    no count has any influence on what is asked for.
    """
    near = [rung for rung in _RUNGS if p95_ms / _FASTER <= rung <= p95_ms * _SLOWER] or [_RUNGS[0]]
    wanted = [round(one, 3) for rung in near for one in latency_thresholds(limits, rung)]
    if floor := latency_floor_ms(limits):
        wanted.append(round(floor, 3))
    apart: list[float] = []
    for one in sorted(wanted):
        if not apart or one > apart[-1] * (1 + ROUNDING):
            apart.append(one)
    return tuple(apart)


class Tail:
    """Blue's decaying counts over each candidate, and the candidate that they choose."""

    def __init__(self, p95_ms: float, half_life: float) -> None:
        self._p95, self._half_life = p95_ms, half_life
        self._candidates: tuple[float, ...] = ()
        self._bad: list[float] = []
        self._total, self._end = 0.0, -inf
        self.base_ms = p95_ms
        """The threshold for the next period; that of the last hour where no candidate is fit."""

    def offer(self, candidates: tuple[float, ...]) -> None:
        """The thresholds to choose from; others than before start again from the last hour's p95."""
        if candidates != self._candidates:
            self._candidates = candidates
            self._bad, self._total = [0.0] * len(candidates), 0.0
            self._choose()

    def learn(self, over: list[int], requests: int, end: float) -> None:
        """Take in blue's counts over the candidates of a period that was over at `end`."""
        fade = 0.5 ** ((end - self._end) / self._half_life) if end > self._end else 1.0
        self._end = max(self._end, end)
        self._total = self._total * fade + requests
        self._bad = [old * fade + new for old, new in zip(self._bad, over, strict=True)]
        self._choose()

    @property
    def known(self) -> bool:
        """Blue has been counted often enough for its own counts to choose."""
        return self._total >= _ENOUGH

    def _choose(self) -> None:
        usual = self._p95
        best, found = inf, None
        for candidate, bad in zip(self._candidates, self._bad, strict=True):
            if not usual / _OTHER_UNIT <= candidate <= usual * _OTHER_UNIT:
                continue
            far = _apart(bad, TAIL * self._total) if self.known else _apart(candidate, usual)
            # Of equal ones the slowest; where blue was never slow, the fastest: it would show first.
            if found is None or (far <= best and isfinite(far)):
                best, found = far, candidate
        self.base_ms = usual if found is None else found


def _apart(one: float, other: float) -> float:
    """How many times the larger is the smaller."""
    return max(one / other, other / one) if one else inf
