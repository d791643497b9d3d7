"""Latency as counts: requests slower than a threshold on green against a lower threshold on blue.

If green is at most r times as slow as blue (stochastically), then P(green > t) <= P(blue > t/r) for every
t, so a relative limit on latency is a comparison of two counts and needs no percentile arithmetic. It holds
for every t, so t may differ from period to period as long as it is known before the period: given the
counts that arrived earlier, E[L_i | past] <= 1, the products are supermartingales, and Ville's inequality
holds as it does for one fixed t. Here t_i comes from blue's earlier counts (see `tail`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bluegreen.domain.measurement import Period
from bluegreen.judge.batches import Batch
from bluegreen.judge.criteria import latency_acceptable, latency_floor_ms, latency_limit
from bluegreen.judge.evidence import Counts
from bluegreen.judge.tail import HALF_LIFE, ROUNDING, Tail
from bluegreen.policy import Judging

Choice = tuple[int | None, int | None]
"""Which threshold to read on green and on blue; None where a source counts none that is fit."""
Thresholded = tuple[tuple[float, ...], tuple[float, ...]]
"""The thresholds of a period of green and of blue."""


class LatencyCounts:
    """Reads the counts of one source around blue's tail from whatever thresholds the source has.

    With those of `tail.asked_for` the tests are exact. With a histogram's fixed buckets the nearest
    thresholds are taken that keep both tests valid, at some loss of power.
    """

    def __init__(self, p95_ms: float, limits: Judging, half_life: float = HALF_LIFE) -> None:
        self._tail = Tail(p95_ms, half_life)
        self._limit = latency_limit(limits)
        self._acceptable = latency_acceptable(limits)
        self._floor = latency_floor_ms(limits)
        self.moved = False
        """The threshold was another one in an earlier period."""
        self._judged: float | None = None
        self._normal: float | None = None
        self._blue_ms: tuple[float, ...] = ()
        self._aimed: tuple[Period, Period, Thresholded] | None = None
        self._places: tuple[int, ...] = ()
        self._layouts: dict[Thresholded, tuple[int, ...]] = {}
        self._choices: dict[tuple[float, Thresholded], tuple[Choice, Choice]] = {}

    @property
    def limit_ms(self) -> float:
        """The limit on green in the period that is read, or in the next one."""
        return self._tail.base_ms * self._limit

    def aim(self, batch: Batch) -> bool:
        """Fix the threshold for `batch` by what arrived before it; whether it is another one than before.

        Without blue the last one stays.
        """
        green, blue = batch.green, batch.blue
        if green is None or blue is None or not green.slow or not blue.slow:
            return False
        key = (_thresholds(green), _thresholds(blue))
        if key not in self._layouts:
            self._layouts[key] = tuple(self._candidates(*key))
        self._aimed = (green, blue, key)
        self._blue_ms, self._places = key[1], self._layouts[key]
        self._tail.offer(tuple(self._blue_ms[place] for place in self._places))
        if batch.window.step and self._normal is None and self._tail.known:
            self._normal = self._tail.base_ms
        before, self._judged = self._judged, self._tail.base_ms
        changed = before is not None and before != self._judged
        self.moved = self.moved or changed
        return changed

    def learn(self, batch: Batch) -> None:
        """Take in blue's counts for the next period's threshold, once this one is judged."""
        blue = batch.blue
        if batch.green is not None and batch.green.slow and blue is not None and blue.slow:
            self._tail.learn([blue.slow[place][1] for place in self._places], blue.requests, blue.end)

    def fail(self, batch: Batch) -> Counts | None:
        """Green slower than the limit, blue slower than limit / acceptable."""
        return self._read(batch, 0)

    def better(self, batch: Batch) -> Counts | None:
        """Green slower than the limit, blue slower than its own p95."""
        return self._read(batch, 1)

    def over_floor(self, batch: Batch, *, at_most: bool) -> Counts | None:
        """Green slower than the floor, or than the nearest bound above it (below it with `at_most`)."""
        green = batch.green
        if green is None or not green.requests or not green.slow or not self._floor:
            return None
        find = _last_at_most if at_most else _first_at_least
        index = find([ms for ms, _ in green.slow], self._floor)
        return None if index is None else Counts(green.slow[index][1], green.requests)

    def same(self, batch: Batch) -> Counts | None:
        """Both slower than blue's p95: for comparing equals."""
        green, blue = batch.green, batch.blue
        if green is None or blue is None or not green.slow or not blue.slow:
            return None
        base = self._tail.base_ms
        one, two = (_first_at_least([ms for ms, _ in arm.slow], base) for arm in (green, blue))
        if one is None or two is None or green.slow[one][0] != blue.slow[two][0]:
            return None
        return Counts(green.slow[one][1], green.requests, blue.slow[two][1], blue.requests)

    def health(self, batch: Batch) -> Counts | None:
        """Blue slower than the limit beside its own first ramp step, where green had least to do with it.

        During that step beside what was known of it before: to be slower than in the last hour is no fault.
        """
        if batch.blue is None or not batch.blue.slow:
            return None
        normal = self._tail.base_ms if self._normal is None else self._normal
        index = _first_at_least([limit for limit, _ in batch.blue.slow], normal * self._limit)
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
        base = self._tail.base_ms
        if self._aimed is not None and self._aimed[0] is green and self._aimed[1] is blue:
            thresholds = self._aimed[2]
        else:
            # Without a control blue's share before stands for its count over its own p95.
            thresholds = (_thresholds(green), _thresholds(blue) if blue else (base,))
        key = (base, thresholds)
        if key not in self._choices:
            self._choices[key] = (
                self._fail_choice(*thresholds, base, controlled=blue is not None),
                self._pass_choice(*thresholds, base),
            )
        return self._choices[key]

    def _candidates(self, green_ms: Sequence[float], blue_ms: Sequence[float]) -> Iterator[int]:
        """Blue's thresholds for which the others are counted exactly; all of them where there are none."""
        exact = [
            place
            for place, base in enumerate(blue_ms)
            if _counted(green_ms, base * self._limit)
            and _counted(blue_ms, base * self._limit / self._acceptable)
        ]
        yield from exact or range(len(blue_ms))

    def _fail_choice(
        self, green_ms: Sequence[float], blue_ms: Sequence[float], base: float, *, controlled: bool
    ) -> Choice:
        green = _first_at_least(green_ms, base * self._limit)
        if green is None or not controlled:
            return green, None
        return green, _last_at_most(blue_ms, green_ms[green] / self._acceptable)

    def _pass_choice(self, green_ms: Sequence[float], blue_ms: Sequence[float], base: float) -> Choice:
        blue = _first_at_least(blue_ms, base)
        if blue is None:
            return None, None
        return _last_at_most(green_ms, blue_ms[blue] * self._limit), blue


def _thresholds(period: Period) -> tuple[float, ...]:
    return tuple([ms for ms, _ in period.slow])


def _counted(limits: Sequence[float], wanted: float) -> bool:
    return any(abs(ms - wanted) <= wanted * ROUNDING for ms in limits)


def _first_at_least(limits: Sequence[float], wanted: float) -> int | None:
    # Beyond twice the wanted threshold the unit has changed or the buckets are useless.
    fits = (i for i, ms in enumerate(limits) if wanted * (1 - ROUNDING) <= ms <= 2 * wanted)
    return next(fits, None)


def _last_at_most(limits: Sequence[float], wanted: float) -> int | None:
    fits = [i for i, ms in enumerate(limits) if wanted / 2 <= ms <= wanted * (1 + ROUNDING)]
    return fits[-1] if fits else None
