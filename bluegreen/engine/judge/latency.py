"""Latency as counts: requests slower than a threshold on green against a lower threshold on blue.

If green is at most r times as slow as blue (stochastically), then P(green > t) <= P(blue > t/r) for every
t, so a relative limit on latency is a comparison of two counts and needs no percentile arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.domain.measurement import Period
from bluegreen.engine.judge.batches import Batch
from bluegreen.engine.judge.evidence import Counts
from bluegreen.engine.judge.settings import Thresholds

__all__ = ["LatencyCounts"]

_ROUNDING = 1e-3
"""Sources round thresholds; a thousandth of latency decides nothing."""

Choice = tuple[int | None, int | None]
"""Which threshold to read on green and on blue; None where a source counts none that is fit."""


class LatencyCounts:
    """Reads the counts around blue's frozen p95, `p95_ms`, from whatever thresholds a source has.

    With the three of `Thresholds.latency_thresholds` the tests are exact. With a histogram's fixed
    buckets the nearest thresholds are taken that keep both tests valid, at some loss of power.
    """

    def __init__(self, p95_ms: float, thresholds: Thresholds) -> None:
        self._p95 = p95_ms
        self._limit = thresholds.latency_limit
        self._acceptable = thresholds.latency_acceptable
        self.limit_ms = p95_ms * thresholds.latency_limit
        self._choices: dict[tuple[tuple[float, ...], tuple[float, ...]], tuple[Choice, Choice]] = {}

    def fail(self, batch: Batch) -> Counts | None:
        """Green slower than the limit, blue slower than limit / acceptable."""
        return self._read(batch, 0)

    def better(self, batch: Batch) -> Counts | None:
        """Green slower than the limit, blue slower than its own p95."""
        return self._read(batch, 1)

    def same(self, batch: Batch) -> Counts | None:
        """Both slower than blue's p95: for comparing equals."""
        green, blue = batch.green, batch.blue
        if green is None or blue is None or not green.slow or not blue.slow:
            return None
        one, two = (_first_at_least([ms for ms, _ in arm.slow], self._p95) for arm in (green, blue))
        if one is None or two is None or green.slow[one][0] != blue.slow[two][0]:
            return None
        return Counts(green.slow[one][1], green.requests, blue.slow[two][1], blue.requests)

    def health(self, batch: Batch) -> Counts | None:
        """Blue itself slower than the limit."""
        if batch.blue is None or not batch.blue.slow:
            return None
        index = _first_at_least([limit for limit, _ in batch.blue.slow], self.limit_ms)
        return None if index is None else Counts(batch.blue.slow[index][1], batch.blue.requests)

    def _read(self, batch: Batch, which: int) -> Counts | None:
        green, blue = batch.green, batch.blue
        if green is None or not green.requests or not green.slow:
            return None
        chosen = self._choice(green, blue)[which]
        if chosen[0] is None:
            return None
        if blue is None:
            return Counts(green.slow[chosen[0]][1], green.requests)
        if chosen[1] is None:
            return None
        return Counts(green.slow[chosen[0]][1], green.requests, blue.slow[chosen[1]][1], blue.requests)

    def _choice(self, green: Period, blue: Period | None) -> tuple[Choice, Choice]:
        green_ms = tuple(limit for limit, _ in green.slow)
        # Without a control blue's frozen share stands for its count over its own p95.
        blue_ms = tuple(limit for limit, _ in blue.slow) if blue else (self._p95,)
        key = (green_ms, blue_ms)
        if key not in self._choices:
            self._choices[key] = (
                self._fail_choice(green_ms, blue_ms, controlled=blue is not None),
                self._pass_choice(green_ms, blue_ms),
            )
        return self._choices[key]

    def _fail_choice(
        self, green_ms: Sequence[float], blue_ms: Sequence[float], *, controlled: bool
    ) -> Choice:
        green = _first_at_least(green_ms, self.limit_ms)
        if green is None or not controlled:
            return green, None
        return green, _last_at_most(blue_ms, green_ms[green] / self._acceptable)

    def _pass_choice(self, green_ms: Sequence[float], blue_ms: Sequence[float]) -> Choice:
        blue = _first_at_least(blue_ms, self._p95)
        if blue is None:
            return None, None
        return _last_at_most(green_ms, blue_ms[blue] * self._limit), blue


def _first_at_least(limits: Sequence[float], wanted: float) -> int | None:
    # Beyond twice the wanted threshold the unit has changed or the buckets are useless.
    fits = (i for i, ms in enumerate(limits) if wanted * (1 - _ROUNDING) <= ms <= 2 * wanted)
    return next(fits, None)


def _last_at_most(limits: Sequence[float], wanted: float) -> int | None:
    fits = [i for i, ms in enumerate(limits) if wanted / 2 <= ms <= wanted * (1 + _ROUNDING)]
    return fits[-1] if fits else None
