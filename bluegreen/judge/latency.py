"""Latency as counts: requests slower than a threshold on green against a lower threshold on blue.

If green is at most r times as slow as blue (stochastically), then P(green > t) <= P(blue > t/r) for every
t, so a relative limit on latency is a comparison of two counts and needs no percentile arithmetic. It holds
for every t, so t may differ from period to period as long as it is known before the period: given the
counts that arrived earlier, E[L_i | past] <= 1, the products are supermartingales, and Ville's inequality
holds as it does for one fixed t. Here t_i comes from blue's earlier counts (see `tail`).

Where blue is not counted over t/r itself, its share there follows from the nearest bound by the slope of its
tail, S(t/r) = S(b) (b r/t)^slope, with a fifth more or less of the slope on the safe side.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

from bluegreen.domain.measurement import Period
from bluegreen.domain.release import FULL
from bluegreen.judge.batches import Batch
from bluegreen.judge.criteria import latency_acceptable, latency_floor_ms, latency_limit
from bluegreen.judge.evidence import Counts
from bluegreen.judge.tail import FLAT, HALF_LIFE, ROUNDING, TAIL, Tail
from bluegreen.policy import Judging

LEVELS = ((TAIL, 0.5), (0.01, 0.25), (0.30, 0.25))
"""(share of blue's requests over its threshold, weight in the evidence against green): a release may be slow
for one request in a hundred, for the slow tail, or for everybody."""
FAR = 2.0
"""At 100 %, where there is no control: green fails beyond so many times the threshold of the ramp."""
DRIFT = 1.25
"""Latency drifts from fleet to fleet: exceedances vary by so much more than counting noise."""
CAREFUL = 0.2
"""Of the slope, on the safe side, where a bound is not the one that is wanted."""
FARTHEST = 2.0
"""A bound further than this from the one wanted says nothing about it, or the unit has changed."""

Bounds = tuple[float, ...]


class Triple(NamedTuple):
    """Places of bounds that compare: green's, and blue's for the two tests."""

    green: int
    fail: int
    better: int


class LatencyCounts:
    """Reads the counts of one source around blue's quantiles from whatever bounds the source has."""

    def __init__(self, p95_ms: float, limits: Judging, half_life: float = HALF_LIFE) -> None:
        self._usual_ms, self._half_life = p95_ms, half_life
        self._tail = Tail(p95_ms, half_life)
        self._mine = Tail(p95_ms, half_life)
        self._limit, self._acceptable = latency_limit(limits), latency_acceptable(limits)
        self._floor = latency_floor_ms(limits)
        self.limit_ms = 0.0
        """The threshold on green in the last period that was read; 0 before one was."""
        self.blue_ms = 0.0
        """The one on blue."""
        self.moved = False
        """It was another one in an earlier period."""
        self.far_ms = 0.0
        """Where green is slow at 100 %: twice the last threshold, that of a busy blue if it was higher."""
        self.shown_far_ms = 0.0
        """The bound that stood for it in the last period."""
        self._busy = Tail(p95_ms, half_life)
        self._least = FULL
        self._over_limit = TAIL
        """Blue's share over its threshold at the most; more than 5 % where no bound is high enough."""
        self._normal: float | None = None
        self._usual_in = 0
        """The step that shows how blue usually is."""
        self._step, self._percent = 0, FULL
        self._triples: dict[tuple[Bounds, Bounds], dict[int, Triple]] = {}
        self._aimed: dict[float, Triple | None] = {}
        self._aimed_better: Triple | None = None
        self._floors: dict[tuple[Bounds, bool], int | None] = {}

    def aim(self, batch: Batch) -> None:
        """Fix the thresholds for `batch` by what arrived before it; without blue the last ones stay."""
        green, blue = batch.green, batch.blue
        self._aimed, self._aimed_better = {}, None
        if green is None or blue is None or not green.slow or not blue.slow:
            return
        key = (_bounds(green), _bounds(blue))
        self._mine.offer(key[0])
        self._tail.offer(key[1])
        self._mind(batch)
        if batch.window.step > self._usual_in and self._normal is None and self._tail.known:
            self._normal = self._tail.quantile(TAIL)
        if key not in self._triples:
            self._triples[key] = self._compared(*key)
        triples = self._triples[key]
        for share, _ in LEVELS:
            place = self._tail.nearest(share, tuple(triples))
            self._aimed[share] = None if place is None else triples[place]
        steep = self._tail.steep(tuple(triples))
        self._aimed_better = self._aimed[TAIL] if steep is None else triples[steep]
        if found := self._aimed[TAIL]:
            before, self.limit_ms = self.limit_ms, key[0][found.green]
            self.blue_ms = key[1][found.fail]
            # An idle blue is fast: what is far beyond it may be what a full fleet always took.
            far = FAR * self.limit_ms
            self.far_ms = max(self.far_ms, far) if self.lopsided(batch) else far
            self._over_limit = self._tail.most(found.fail) if self._tail.known else TAIL
            self.moved = self.moved or bool(before and before != self.limit_ms)

    def _mind(self, batch: Batch) -> None:
        """A step that is watched once more, by a person who was asked: how blue is then is its usual way.

        Hours may have gone by, and the peak of the day is no sickness.
        """
        if batch.window.step > self._step and batch.percent == self._percent:
            self._normal, self._usual_in = None, batch.window.step
        if batch.window.step >= self._step:
            self._step, self._percent = batch.window.step, batch.percent

    def learn(self, batch: Batch) -> None:
        """Take in the counts for the next period's threshold, once this one is judged."""
        for arm, tail in ((batch.blue, self._tail), (batch.green, self._mine)):
            if arm is not None and arm.slow and _bounds(arm) == tail.bounds:
                tail.learn((over for _, over in arm.slow), arm.answered, arm.end)
        blue = batch.blue
        if blue is not None and blue.slow and batch.percent <= self._least:
            self._least = batch.percent
            self._busy.offer(_bounds(blue))
            self._busy.learn((over for _, over in blue.slow), blue.answered, blue.end)

    def lopsided(self, batch: Batch) -> bool:
        """Whether green carries more than half, and more than in the step in which blue carried most.

        A fleet's latency depends on its load: blue beside it is faster then than it would be in its place.
        """
        return self._busy.known and batch.controlled and batch.percent > max(FULL / 2, self._least)

    @property
    def busy_ms(self) -> float | None:
        """The p95 of blue when it carried most, about; for people."""
        return self._busy.quantile(TAIL)

    def forget_busy(self, percent: int) -> None:
        """Blue was sick in the step to `percent`: how it was then is no measure."""
        if percent <= self._least:
            self._busy = Tail(self._usual_ms, self._half_life)

    def p95_ms(self) -> tuple[float | None, float | None]:
        """Of green and of blue, about, from the last minutes; for people."""
        return self._mine.quantile(TAIL), self._tail.quantile(TAIL)

    def over(self, batch: Batch, share: float = TAIL) -> Counts | None:
        """Green slower than the threshold of that level, blue slower than threshold / acceptable."""
        found = self._aimed.get(share)
        green, blue = batch.green, batch.blue
        if found is None or green is None or blue is None or not green.answered:
            return None
        at = blue.slow[found.fail][0]
        null, slope = self._null(green.slow[found.green][0] / self._acceptable, at, 1 + CAREFUL)
        return Counts(
            green.slow[found.green][1], green.answered, blue.slow[found.fail][1], blue.answered,
            # Where the tail is flat, a few more requests of a slow kind are no slower release.
            null=null, slope=max(slope, FLAT), phi=DRIFT,
        )  # fmt: skip

    def better(self, batch: Batch) -> Counts | None:
        """Green slower than a threshold at which blue's tail falls, blue slower than threshold / limit."""
        found = self._aimed_better
        green, blue = batch.green, batch.blue
        if found is None or green is None or blue is None or not green.answered:
            return None
        at = blue.slow[found.better][0]
        null, _ = self._null(green.slow[found.green][0] / self._limit, at, 1 - CAREFUL)
        return Counts(
            green.slow[found.green][1], green.answered, blue.slow[found.better][1], blue.answered, null=null
        )

    def steady(self, batch: Batch) -> Counts | None:
        """Green slower than the threshold, and the least share of it at the limit by blue's last minutes."""
        found, green, blue = self._aimed_better, batch.green, batch.blue
        if found is None or green is None or blue is None or not self._tail.known:
            return None
        null, _ = self._null(
            green.slow[found.green][0] / self._limit, blue.slow[found.better][0], 1 - CAREFUL
        )
        usual = self._tail.least(found.better)
        if self.lopsided(batch) and self._busy.bounds == _bounds(blue):
            usual = max(usual, self._busy.least(found.better))
        at_limit = null * usual
        return Counts(green.slow[found.green][1], green.answered, null=at_limit)

    def over_busy(self, batch: Batch, share: float = TAIL) -> Counts | None:
        """Green slower than a threshold, and the most that blue had over threshold / acceptable when busy."""
        green, blue = batch.green, batch.blue
        if green is None or blue is None or not self.lopsided(batch) or not self._aimed:
            return None
        if self._busy.bounds != _bounds(blue) or not green.answered:
            return None
        triples = self._triples[_bounds(green), _bounds(blue)]
        place = self._busy.nearest(share, tuple(triples))
        if place is None:
            return None
        found = triples[place]
        wanted = green.slow[found.green][0] / self._acceptable
        null, _ = self._null(wanted, blue.slow[found.fail][0], 1 + CAREFUL)
        most = null * self._busy.most(found.fail)
        return Counts(green.slow[found.green][1], green.answered, null=most)

    def far(self, batch: Batch) -> Counts | None:
        """Green alone, beyond `far_ms`; where no bound is so high, over the highest, and more may be.

        The highest must be beyond the threshold of the ramp itself.
        """
        green = batch.green
        if green is None or not green.answered or not green.slow or not self.far_ms:
            return None
        bounds = _bounds(green)
        place = _first_at_least(bounds, self.far_ms)
        if place is not None:
            self.shown_far_ms = bounds[place]
            return Counts(green.slow[place][1], green.answered, null=TAIL)
        highest = bounds[-1]
        if not self.far_ms / FAR * (1 - ROUNDING) <= highest <= self.far_ms:
            return None
        self.shown_far_ms = highest
        more = (self.far_ms / highest) ** (self._tail.slope(highest / FAR) * (1 + CAREFUL))
        return Counts(green.slow[-1][1], green.answered, null=max(TAIL, self._over_limit) * more)

    def over_floor(self, batch: Batch, *, at_most: bool) -> Counts | None:
        """Green slower than the floor, or than the nearest bound above it (below it with `at_most`)."""
        green = batch.green
        if green is None or not green.answered or not green.slow or not self._floor:
            return None
        bounds = _bounds(green)
        key = (bounds, at_most)
        if key not in self._floors:
            self._floors[key] = (_last_at_most if at_most else _first_at_least)(bounds, self._floor)
        index = self._floors[key]
        if index is None:
            return None
        share = TAIL * (self._floor / bounds[index]) ** (self._mine.slope(self._floor) * (1 - CAREFUL))
        return Counts(green.slow[index][1], green.answered, null=share)

    def same(self, batch: Batch) -> Counts | None:
        """Both slower than the same bound: for comparing equals."""
        found, green, blue = self._aimed.get(TAIL), batch.green, batch.blue
        if found is None or green is None or blue is None or _bounds(green) != _bounds(blue):
            return None
        return Counts(green.slow[found.fail][1], green.answered, blue.slow[found.fail][1], blue.answered)

    def health(self, batch: Batch) -> Counts | None:
        """Blue slower than the limit beside its own first ramp step, where green had least to do with it, or
        beside the step that a person resumed.

        During that step beside what was known of it before: to be slower than in the last hour is no fault.
        """
        if batch.blue is None or not batch.blue.slow:
            return None
        normal = self._normal or self._tail.quantile(TAIL)
        if normal is None:
            return None
        index = _first_at_least(_bounds(batch.blue), normal * self._limit)
        return None if index is None else Counts(batch.blue.slow[index][1], batch.blue.answered)

    def _null(self, wanted: float, bound: float, careful: float) -> tuple[float, float]:
        """(how many times blue's share over `bound` that over `wanted` may be, the slope there)."""
        ratio = bound / wanted
        slope = self._tail.slope(max(wanted, bound))
        if abs(ratio - 1) <= 2 * ROUNDING:
            return 1.0, slope
        return ratio ** (slope * (careful if ratio > 1 else 2 - careful)), slope

    def _compared(self, green_ms: Bounds, blue_ms: Bounds) -> dict[int, Triple]:
        """Blue's bounds with those that they are compared with; the exact ones alone where there are any."""
        found: dict[int, Triple] = {}
        for place, base in enumerate(blue_ms):
            green = _nearest(green_ms, base * self._acceptable)
            if green is not None and _nearest(blue_ms, green_ms[green] / self._acceptable) == place:
                better = _nearest(blue_ms, green_ms[green] / self._limit)
                found[place] = Triple(green, place, place if better is None else better)
        exact = {
            place: one
            for place, one in found.items()
            if abs(green_ms[one.green] / self._acceptable / blue_ms[place] - 1) <= ROUNDING
        }
        return exact or found


def _bounds(period: Period) -> Bounds:
    return tuple([ms for ms, _ in period.slow])


def _nearest(bounds: Bounds, wanted: float) -> int | None:
    place = min(range(len(bounds)), key=lambda at: abs(log(bounds[at] / wanted)))
    return place if 1 / FARTHEST <= bounds[place] / wanted <= FARTHEST else None


def _first_at_least(bounds: Bounds, wanted: float) -> int | None:
    fits = (at for at, ms in enumerate(bounds) if wanted * (1 - ROUNDING) <= ms <= FARTHEST * wanted)
    return next(fits, None)


def _last_at_most(bounds: Bounds, wanted: float) -> int | None:
    fits = [at for at, ms in enumerate(bounds) if wanted / FARTHEST <= ms <= wanted * (1 + ROUNDING)]
    return fits[-1] if fits else None
