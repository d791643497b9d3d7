"""The running tests of one metric: what they have counted, the evidence against green and for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

from bluegreen.judge.batches import Batch
from bluegreen.judge.eprocess import FailProcess, PassProcess
from bluegreen.judge.evidence import Counts, Test, log_mean_exp
from bluegreen.judge.floor import Floor
from bluegreen.judge.latency import LatencyCounts

WHOLE_RAMP = 10.0
"""What the whole ramp must show against concurrent blue where a step passes by blue's earlier labels."""

Counter = Callable[[Batch], Counts | None]


@dataclass(slots=True, kw_only=True)
class Comparison:
    """The running tests of one metric, from one source, on one tier."""

    fails: tuple[FailProcess, ...]
    passes: PassProcess
    """Of the current step."""
    health: FailProcess | None
    fail_counts: Counter
    pass_counts: Counter
    health_counts: Counter
    latency: LatencyCounts | None = None
    floor: Floor | None = None
    """For latency: what it reads, and whether green is slow for anybody."""
    whole: PassProcess | None = None
    """Of the whole ramp, for labels: see `pass_evidence`."""
    steady_test: Callable[[int, int], Test | None] | None = None
    """From blue's (bad, total) before a step: the test that green's labels in the step are taken to."""
    steady: PassProcess | None = None
    green_bad: int = 0
    green: int = 0
    blue_bad: int = 0
    blue: int = 0
    control_bad: int = 0
    control: int = 0
    """Blue's bad events and total while it was well, as the pass test reads them: its share, once it has
    no traffic."""
    exposed: int = 0
    """Green's requests (or labels) that count for a pass in this step."""

    @property
    def evidence(self) -> float:
        """The minimum tests the union of the nulls: absolutely acceptable, or no worse than blue."""
        least = min(process.value for process in self.fails)
        return min(least, self.floor.evidence) if self.floor else least

    def add(self, batch: Batch, *, warm: bool, current: bool) -> bool:
        """Take in one batch; False where it says nothing about this metric.

        Only batches of the `current` step count for a pass: what earlier steps showed is void by now.
        """
        if self.latency is None:
            return self._add(batch, warm=warm, current=current)
        if self.latency.aim(batch):
            # Blue's share is one of its requests over the threshold that is read now.
            self.control = self.control_bad = 0
        counted = self._add(batch, warm=warm, current=current)
        self.latency.learn(batch)
        return counted

    def _add(self, batch: Batch, *, warm: bool, current: bool) -> bool:
        if self.health is not None and (counts := self.health_counts(batch)) is not None:
            self.health.add(counts, batch.window)
        counts = self.fail_counts(batch)
        if counts is None or not warm:
            return False
        self.green_bad += counts.green_bad
        self.green += counts.green
        self.blue_bad += counts.blue_bad
        self.blue += counts.blue
        for process in self.fails:
            process.add(counts, batch.window)
        self._add_to_floor(batch, current=current)
        if batch.inside:
            passing = counts if self.pass_counts is self.fail_counts else self.pass_counts(batch)
            if passing is not None:
                self._add_for_pass(passing, current=current)
        return True

    def _add_to_floor(self, batch: Batch, *, current: bool) -> None:
        if self.floor is None or self.latency is None:
            return
        self.floor.add_worse(self.latency.over_floor(batch, at_most=False), batch.window)
        if batch.inside and current:
            self.floor.add_better(self.latency.over_floor(batch, at_most=True))

    def _add_for_pass(self, counts: Counts, *, current: bool) -> None:
        if self.whole is not None:
            self.whole.add(counts)
        if current:
            self.passes.add(counts)
            self.exposed += counts.green
            if self.steady is not None:
                self.steady.add(counts)
        self.control_bad += counts.blue_bad
        self.control += counts.blue

    @property
    def pass_evidence(self) -> float:
        """Log of the evidence that green is better than the limit in this step.

        Labels are scarce, and where green has nearly all of them concurrent blue has next to none. So
        green's labels of the step may be held against blue's share before it instead, provided that the
        whole ramp, against concurrent blue, is evidence for green too: blue's accuracy may have moved.
        """
        alone = self.passes.log_value
        if self.floor is not None and (below := self.floor.pass_evidence) is not None:
            return log_mean_exp([alone, below])
        if self.whole is None or self.steady is None or self.whole.log_value < log(WHOLE_RAMP):
            return alone
        return max(alone, self.steady.log_value)

    def passed(self, needed: float) -> bool:
        """Whether green is shown to be better than the limit, with evidence `needed`."""
        return self.pass_evidence >= log(needed)

    def enter(self) -> None:
        """Another step: what earlier ones showed does not count for its pass."""
        self.passes.reset()
        if self.floor is not None:
            self.floor.reset()
        self.exposed = 0
        test = self.steady_test(self.control_bad, self.control) if self.steady_test else None
        self.steady = PassProcess(test) if test else None

    def restart(self, *, blue_was_sick: bool) -> None:
        """A disturbance is over, or data was broken: a pass needs fresh evidence."""
        if blue_was_sick:
            self.control = self.control_bad = 0
        self.enter()
        if self.whole is not None:
            self.whole.reset()
