"""The peers' rules, each from its own documentation, over the same worlds.

Flagger (docs.flagger.app, "How it works"; pkg/controller/scheduler.go): every interval (60 s) each metric
is checked; failed checks are counted and never taken back; at `threshold` (5) the next tick rolls back. A
failed check also stops the weight from advancing.
Argo Rollouts (argo-rollouts.readthedocs.io, "Analysis & Progressive Delivery"): a metric that failed more
than `failureLimit` (3) of its measurements fails the run.
Alarm, M of N: CodeDeploy rolls back on a CloudWatch alarm; "datapoints to alarm" 2 of 3 (CloudWatch user
guide, "Evaluating an alarm").
Kayenta (spinnaker.io, "How canary judgment works"; MannWhitneyClassifier.scala): at each step's end, over
the time series since the start, a metric is High if the lower end of the 98 % confidence interval of the
Hodges-Lehmann shift exceeds 0.25 of the shift and the ratio of the means reaches `allowedIncrease` (1 by
default; tuned: 1.3 for latency, 2 for errors, 0.9 for accuracy).

A confidence interval of fewer than three samples is not asked for, in Kayenta's favour.

Where a rule needs a threshold it gets the operator's: errors over 1 %, p95 over 1.3 of blue's frozen p95,
accuracy below 0.9 of blue's. Every peer takes 5/25/50/100 % in steps of five minutes; Flagger stays where
it is while checks fail. Missing data is nobody's failed check (Flagger itself counts it as one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import norm

from benchmarks.judges.feeds import Delivery, Feed
from benchmarks.judges.ours import FAILED, PASSED, Result
from benchmarks.judges.world import P95, SIGMA, Counts, Floats, World

__all__ = ["PEERS", "run_peers"]

Bools = NDArray[np.bool_]
STEP_TICKS, STEPS = 20, 4
SHARES = (0.05, 0.25, 0.50, 1.0)


@dataclass(slots=True)
class Series:
    """What a judge has seen so far: rates per sample and run (errors, p95, accuracy), green and blue."""

    times: list[float]
    green: list[Floats]
    blue: list[Floats]
    arrived: list[Bools]

    def add(self, due: Bools, batch: Delivery) -> None:
        """Keep a period's rates."""
        self.times.append(batch.end)
        self.green.append(_rates(batch.green))
        self.blue.append(_rates(batch.blue))
        self.arrived.append(due)


def _rates(counts: Counts) -> Floats:
    """Error rate, p95 in ms and accuracy; NaN where nothing was counted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        n = counts.n.astype(float)
        errors = np.where(n > 0, counts.errors / n, np.nan)
        # The count over blue's p95 says where this sample's p95 lies on the lognormal curve.
        z = ndtri(1 - (counts.slow[0] + 0.5) / (n + 1))
        p95 = np.where(n > 0, P95 * np.exp(SIGMA * (ndtri(0.95) - z)), np.nan)
        accuracy = np.where(counts.labels > 0, 1 - counts.wrong / counts.labels, np.nan)
    return np.stack([errors, p95, accuracy])


def _bad(rates: Floats) -> Bools:
    """Which of the three metrics is beyond its limit; missing data is not counted against a release."""
    with np.errstate(invalid="ignore"):
        return np.stack([rates[0] > 0.01, rates[1] > 1.3 * P95, rates[2] < 0.81])


class Minute:
    """The newest minute each run can see: a CloudWatch datapoint, or four 15 s samples added up."""

    def __init__(self, feed: Feed, runs: int) -> None:
        self.feed = feed
        self._recent: list[Counts] = []
        self.bad = np.zeros((3, runs), dtype=bool)

    def take(self, due: Bools, batch: Delivery) -> None:
        """A period has arrived."""
        if self.feed.seconds >= 60:
            counts = batch.green
        else:
            self._recent = [*self._recent[-3:], batch.green]
            counts = self._recent[0]
            for more in self._recent[1:]:
                counts += more
        self.bad = np.where(due, _bad(_rates(counts)), self.bad)


def run_peers(
    world: World, runs: int, feed: Feed, names: Sequence[str], *, halting: bool
) -> dict[str, Result]:
    """The named peers' outcomes, all on the same counts; `halting` ones advance after good minutes only."""
    minute, series = Minute(feed, runs), Series([], [], [], [])
    rules = {name: PEERS[name](runs) for name in names}
    results = {
        name: Result(np.zeros(runs, dtype=np.int64), np.full(runs, np.nan), np.zeros(runs)) for name in names
    }
    good_minutes = np.zeros(runs, dtype=np.int64)
    for tick in range(STEP_TICKS * STEPS * (2 if halting else 1) + 20):
        # A release that is never failed bakes five more minutes at 100 %, for the late data.
        step = np.minimum(good_minutes // 5, STEPS - 1)
        drawn = world.draw(tick, np.array(SHARES)[step])
        feed.push(tick, drawn["green"], drawn["blue"])
        now = (tick + 1) * world.tick
        harmed = world.harmed(tick, drawn["green"])
        for due, batch in feed.arrivals(now):
            minute.take(due, batch)
            series.add(due, batch)
        on_the_minute = tick % 4 == 3
        for name, rule in rules.items():
            result = results[name]
            alive = result.outcome == 0
            result.harmed[alive] += harmed[alive]
            if on_the_minute:
                failed = alive & rule(minute, series, (tick + 1) % STEP_TICKS == 0)
                result.outcome[failed], result.seconds[failed] = FAILED, now
        if on_the_minute:
            good_minutes += ~minute.bad.any(axis=0) if halting else 1
    for result in results.values():
        result.outcome[result.outcome == 0] = PASSED
    return results


Rule = Callable[[Minute, Series, bool], Bools]


def _flagger(runs: int) -> Rule:
    failed = np.zeros(runs, dtype=np.int64)

    def rule(minute: Minute, _series: Series, _step_over: bool) -> Bools:  # noqa: FBT001  (a rule's shape)
        over = failed >= 5
        failed[:] += minute.bad.any(axis=0)
        return np.asarray(over)

    return rule


def _argo(runs: int) -> Rule:
    failed = np.zeros((3, runs), dtype=np.int64)

    def rule(minute: Minute, _series: Series, _step_over: bool) -> Bools:  # noqa: FBT001  (a rule's shape)
        failed[:] += minute.bad
        return np.asarray((failed > 3).any(axis=0))

    return rule


def _alarm(runs: int) -> Rule:
    points = np.zeros((3, 3, runs), dtype=bool)

    def rule(minute: Minute, _series: Series, _step_over: bool) -> Bools:  # noqa: FBT001  (a rule's shape)
        points[:-1] = points[1:]
        points[-1] = minute.bad
        return np.asarray((points.sum(axis=0) >= 2).any(axis=0))

    return rule


def _kayenta(effects: tuple[float, float, float]) -> Callable[[int], Rule]:
    def make(runs: int) -> Rule:
        def rule(_minute: Minute, series: Series, step_over: bool) -> Bools:  # noqa: FBT001  (a rule's shape)
            high = np.zeros(runs, dtype=bool)
            if not step_over or not series.times:
                return high
            green, blue = np.stack(series.green), np.stack(series.blue)
            seen = np.stack(series.arrived)
            for metric, sign in enumerate((1.0, 1.0, -1.0)):
                high |= _is_high(green[:, metric], blue[:, metric], seen, sign, effects[metric])
            return high

        return rule

    return make


def _is_high(green: Floats, blue: Floats, seen: Bools, sign: float, effect: float) -> Bools:
    """Whether Mann-Whitney calls green worse, run by run; the runs that saw the same samples at once."""
    usable = seen & ~np.isnan(green) & ~np.isnan(blue)
    result = np.zeros(green.shape[1], dtype=bool)
    patterns, which = np.unique(usable.T, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        mine = np.flatnonzero(which.reshape(-1) == index)
        m = int(pattern.sum())
        if m < 3:
            continue
        a, b = green[pattern][:, mine], blue[pattern][:, mine]
        shifts = np.sort(sign * (a[:, None, :] - b[None, :, :]).reshape(m * m, -1), axis=0)
        spread = norm.ppf(0.99) * np.sqrt(m * m * (2 * m + 1) / 12)
        low = shifts[max(0, int(np.floor(m * m / 2 - spread)))]
        shift = np.median(shifts, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = a.mean(axis=0) / b.mean(axis=0)
        reached = ratio >= effect if sign > 0 else ratio <= effect
        result[mine] = (low > 0.25 * np.abs(shift)) & reached
    return result


PEERS: dict[str, Callable[[int], Rule]] = {
    "Flagger": _flagger,
    "Argo": _argo,
    "alarm 2/3": _alarm,
    "Kayenta": _kayenta((1.0, 1.0, 1.0)),
    "K. tuned": _kayenta((2.0, 1.3, 0.9)),
}
