"""One instance of green that stands out: the others tell a bad host from a bad release."""

from __future__ import annotations

from dataclasses import dataclass, field

from bluegreen.domain.measurement import Period
from bluegreen.judge.batches import Batch
from bluegreen.judge.comparison import Comparison
from bluegreen.judge.tail import TAIL, Tail

Share = tuple[int, int]
"""(bad, all) requests"""


@dataclass(slots=True)
class _Slow:
    """An instance in the periods in which it was much slower than the others, and these then."""

    over: int = 0
    requests: int = 0
    mine: Tail = field(default_factory=lambda: Tail(0.0, 600.0))
    others: Tail = field(default_factory=lambda: Tail(0.0, 600.0))

    def add(self, green: Period, ms: float) -> None:
        mine = dict(green.slowest_slow)
        self.over += mine.get(ms, 0)
        self.requests += green.slowest_requests
        bounds, rest = tuple(mine), green.answered - green.slowest_requests
        for tail in (self.mine, self.others):
            tail.offer(bounds)
        self.mine.learn(mine.values(), green.slowest_requests, green.end)
        over = [max(0, count - mine.get(at, 0)) for at, count in green.slow if at in mine]
        if len(over) == len(bounds):
            self.others.learn(over, max(rest, 0), green.end)


class Instances:
    """What the sources say of green's instances."""

    def __init__(self) -> None:
        self._noisy: dict[str, Share] = {}
        self._slow: dict[str, _Slow] = {}

    def add(self, batch: Batch) -> None:
        """Take in the noisiest instance of a batch."""
        if batch.green is not None and (name := batch.green.noisiest):
            failed, served = self._noisy.get(name, (0, 0))
            self._noisy[name] = failed + batch.green.noisiest_errors, served + batch.green.noisiest_requests

    def add_slow(self, batch: Batch, ms: float) -> None:
        """Take in the slowest one, by the threshold that green was read over."""
        if batch.green is not None and batch.green.slowest:
            self._slow.setdefault(batch.green.slowest, _Slow()).add(batch.green, ms)

    def noisy(self, one: Comparison, acceptable: float) -> str:
        """Names the one without which green's errors would be acceptable."""
        name, (failed, served) = max(self._noisy.items(), key=lambda item: item[1], default=("", (0, 0)))
        others, rest = one.green_bad - failed, one.green - served
        if not name or one.green_bad <= acceptable * one.green or rest <= 0:
            return ""
        if others > acceptable * rest or failed <= one.green_bad / 2:
            return ""
        return _named(name, (failed, served), (max(others, 0), rest))

    def slow(self, one: Comparison) -> str:
        """Names the one without which green would be acceptable beside blue, and how slow it is."""
        name, it = max(self._slow.items(), key=lambda item: item[1].over, default=("", _Slow()))
        others, rest = one.green_bad - it.over, one.green - it.requests
        if not name or not one.blue or rest <= 0:
            return ""
        acceptable = one.blue_bad / one.blue
        if one.green_bad <= acceptable * one.green or others > acceptable * rest:
            return ""
        return _named(name, (it.over, it.requests), (max(others, 0), rest), _times(it))


def _times(it: _Slow) -> str:
    mine, others = it.mine.quantile(TAIL), it.others.quantile(TAIL)
    if mine is None or not others:
        return ""
    return f"; p95 {mine:.0f} ms, {mine / others:.1f} times the others'"


def _named(name: str, its: Share, others: Share, more: str = "") -> str:
    return f" ({its[0]:,} of {its[1]:,} on {name} alone, {others[0]:,} of {others[1]:,} elsewhere{more})"
