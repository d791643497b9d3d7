"""Our judge over many runs at once: the arithmetic of `bluegreen.judge`, in arrays.

It exists because a thousand runs of forty cells do not fit into an afternoon otherwise.
`tests/judge/test_benchmark.py` replays its runs through the shipped judge, look by look, and
demands the same verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.judges.arrays import Bools, Fail, Pass, Steady, one_arm, two_arms
from benchmarks.judges.feeds import Delivery, Feed
from benchmarks.judges.world import TICK, Counts, Floats, Ints, World
from bluegreen.judge.comparison import WHOLE_RAMP
from bluegreen.judge.criteria import BLUE_ERROR_RATIO, NEEDED_TO_PASS, needed_to_fail
from bluegreen.judge.findings import SUSPICIOUS
from bluegreen.judge.metric_tests import (
    _DRIFT,
    _ERRORS,
    _FEWER_WRONG,
    _RATIOS,
    _SLOWER,
    _SMALLER,
    _WRONG,
    BLUE_SICK,
)
from bluegreen.policy import Judging

__all__ = ["ASKED", "FAILED", "PASSED", "RUNNING", "Result", "run"]

RUNNING, PASSED, FAILED, ASKED = 0, 1, 2, 3
PLANNED, DEADLINE, WARM = 300.0, 1_200.0, 45.0


class Judge:
    """Every run's state."""

    def __init__(self, runs: int, expected: int) -> None:
        self.limits = Judging()
        lim, n, exp = self.limits, runs, expected
        rates = sorted({min(lim.error_limit * f, 0.9) for f in _ERRORS})
        absolute = one_arm(lim.error_acceptable, rates)
        needed = needed_to_fail(lim)
        tail = [min(0.05 * f, 0.525) for f in _RATIOS]
        self.absolute = Fail(absolute, n, exp, needed)
        self.relative = Fail(two_arms(BLUE_ERROR_RATIO, _RATIOS), n, exp, needed)
        self.slower = Fail(two_arms(1.0, _SLOWER, dispersion=_DRIFT), n, exp, needed)
        self.wronger = Fail(two_arms(1.0, _WRONG, lim.accuracy_drop_acceptable), n, exp, needed)
        self.health = (
            Fail(absolute, n, exp, BLUE_SICK),
            Fail(one_arm(0.05, sorted(set(tail))), n, exp, BLUE_SICK),
        )
        self.passes = (
            Pass(one_arm(lim.error_limit, [lim.error_limit * f for f in (0.05, 0.1, 0.2, 0.5)]), n),
            Pass(two_arms(1.0, _SMALLER), n),
            Pass(two_arms(1.0, _FEWER_WRONG, lim.accuracy_drop_limit), n),
            Pass(two_arms(1.0, _FEWER_WRONG, lim.accuracy_drop_limit), n),
        )
        self.steady, self.seen = Steady(n, lim.accuracy_drop_limit), np.zeros(n, dtype=np.int64)
        self.measured = np.full(n, np.inf)
        self.peak, self.now = np.ones((3, n)), np.ones((3, n))
        self.hold = np.zeros(n, dtype=bool)
        self.clock = np.full(n, -np.inf)

    def add(self, due: Bools, batch: Delivery, current: Ints) -> None:
        """Take one batch in where it is `due`."""
        green, blue, step, end = batch.green, batch.blue, batch.step, batch.end
        errors = (green.errors, green.n, blue.errors, blue.n)
        slow = (green.slow[2], green.n, blue.slow[1], blue.n)
        better = (green.slow[2], green.n, blue.slow[0], blue.n)
        labels = (green.wrong, green.labels, blue.wrong, blue.labels)
        entering = due & (step > self.seen)
        self.steady.enter(entering)
        self.seen = np.where(entering, step, self.seen)
        self.measured = np.where(due, end, self.measured)
        served = due & (green.n > 0)
        warm = served & (end > WARM)
        labelled = due & ((green.labels > 0) | (blue.labels > 0))
        for process, mask, counts in (
            (self.absolute, served, errors),
            (self.relative, served, errors),
            (self.slower, warm, slow),
            (self.wronger, labelled, labels),
        ):
            process.add(mask, step, counts)
        self._watch_blue(due, served, blue, step)
        now = np.stack(
            [np.minimum(self.absolute.value, self.relative.value), self.slower.value, self.wronger.value]
        )
        self.peak = np.where(due, np.maximum(self.peak, now), self.peak)
        self.now = np.where(due, now, self.now)
        inside = due & batch.inside
        counting = inside & (step == current)
        for passing, mask, counts in zip(
            self.passes,
            (served & counting, warm & counting, labelled & counting, labelled & inside),
            (errors, better, labels, labels),
            strict=True,
        ):
            passing.add(mask, counts)
        self.steady.add(labelled & inside, labelled & counting, green, blue)
        sick = np.any([one.value >= BLUE_SICK for one in self.health], axis=0)
        cleared = due & self.hold & ~sick
        self.clock = np.where(cleared, np.maximum(self.clock, end), self.clock)
        self.restart(cleared)
        self.steady.forget(cleared)
        self.hold = np.where(due, sick, self.hold)

    def _watch_blue(self, due: Bools, served: Bools, blue: Counts, step: Ints) -> None:
        # A comparison begins with its first counts; blue's health is followed from then on.
        zero = np.zeros_like(blue.n)
        started = due & (served | (self.health[0].value != 1.0))
        self.health[0].add(started, step, (blue.errors, blue.n, zero, zero))
        self.health[1].add(started, step, (blue.slow[2], blue.n, zero, zero))

    def restart(self, mask: Bools) -> None:
        """Void the evidence for a pass."""
        for process in self.passes:
            process.reset(mask)

    def enter(self, mask: Bools) -> None:
        """Another step: errors and latency begin anew."""
        for process in self.passes[:3]:
            process.reset(mask)

    def decide(self, now: float, step: Ints, begun: Floats) -> Ints:
        """The verdict of every run: RUNNING, PASSED (this step), FAILED or ASKED."""
        needed = np.log(NEEDED_TO_PASS)
        logs = [process.log_value for process in self.passes]
        steady = np.where(logs[3] >= np.log(WHOLE_RAMP), self.steady.log_value, -np.inf)
        passed = np.stack([logs[0], logs[1], np.maximum(logs[2], steady)]) >= needed
        until = np.where(step == 3, np.minimum(self.measured, now), now)
        elapsed = until - np.maximum(begun, np.minimum(self.clock, now))
        late = now >= begun + DEADLINE
        deferred = (step < 3) & (self.now[2] < SUSPICIOUS)
        done = (elapsed >= PLANNED) & passed[0] & passed[1] & (passed[2] | deferred)
        suspicious = np.any(~passed & (self.now >= SUSPICIOUS), axis=0)
        verdict = np.where(late, np.where(suspicious, FAILED, ASKED), RUNNING)
        verdict = np.where(done, PASSED, verdict)
        verdict = np.where(self.hold, np.where(late, ASKED, RUNNING), verdict)
        return np.asarray(np.where(np.any(self.peak >= needed_to_fail(self.limits), axis=0), FAILED, verdict))


@dataclass(frozen=True, slots=True)
class Result:
    """How every run ended."""

    outcome: Ints
    seconds: Floats
    harmed: Floats


def run(world: World, runs: int, ticks: int, feed: Feed, *, ramp: Sequence[int] = (5, 25, 50, 95)) -> Result:
    """Deploy `runs` times and judge every 15 s."""
    judge = Judge(runs, max(8, int(np.ceil(12 * PLANNED / feed.seconds))))
    step, begun = np.zeros(runs, dtype=np.int64), np.zeros(runs)
    outcome, seconds, harmed = np.zeros(runs, dtype=np.int64), np.full(runs, np.nan), np.zeros(runs)
    shares = np.array(ramp) / 100
    last = len(ramp) - 1
    for tick in range(ticks):
        drawn = world.draw(tick, shares[step])
        alive = outcome == RUNNING
        harmed += np.where(alive, world.harmed(tick, drawn["green"]), 0.0)
        feed.push(tick, drawn["green"], drawn["blue"], step)
        now = (tick + 1) * TICK
        for due, batch in feed.arrivals(now):
            judge.add(due & alive, batch, step)
        # A ramp with fewer steps than four ends at its own last one.
        verdict = judge.decide(now, np.where(step == last, 3, step), begun)
        ended = alive & ((verdict > PASSED) | ((verdict == PASSED) & (step == last)))
        outcome[ended], seconds[ended] = verdict[ended], now
        onward = alive & (verdict == PASSED) & (step < last)
        step = step + onward
        begun = np.where(onward, now, begun)
        judge.enter(onward)
        if not (outcome == RUNNING).any():
            break
    return Result(outcome, seconds, harmed)
