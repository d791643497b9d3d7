"""The running tests of one metric: what they have counted, the evidence against green and for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

from bluegreen.judge.batches import Batch
from bluegreen.judge.criteria import NEEDED_TO_PASS, SUSPICIOUS
from bluegreen.judge.eprocess import FailProcess, PassProcess
from bluegreen.judge.evidence import Counts, Test, log_mean_exp
from bluegreen.judge.floor import Floor
from bluegreen.judge.latency import LatencyCounts
from bluegreen.judge.readers import Reader

OF_THE_STEP = 10.0
"""What the step itself must show where the whole ramp has the evidence for a pass, or the other way round."""

_RATHER = 2.0
"""Evidence that green is worse than blue, for what is bad by itself."""

Counter = Callable[[Batch], Counts | None]


@dataclass(slots=True, kw_only=True)
class Suspicion:
    """A test against green, and what it reads."""

    process: FailProcess
    read: Counter
    weight: float = 1.0


@dataclass(slots=True, kw_only=True)
class Comparison:
    """The running tests of one metric, from one source, on one tier."""

    reader: Reader
    fails: tuple[Suspicion, ...]
    all_needed: bool = True
    """All tests must be against green (a union of nulls); otherwise their weighted mean (one null)."""
    passes: PassProcess
    """Of the current step."""
    whole: PassProcess
    """Of the whole ramp."""
    alike: PassProcess | None = None
    """The same where a fleet's load matters, without the time in which blue was nearly idle."""
    pass_counts: Counter
    health: FailProcess | None = None
    health_counts: Counter
    busy: tuple[Suspicion, ...] = ()
    """For latency, where green carries nearly all the traffic: it is slow only if it is slower than blue was
    with as much, too."""
    lopsided: bool = False
    """It carries so much, and it is known how blue was then."""
    floor: Floor | None = None
    """For latency: whether green is slow for anybody."""
    steady_test: Callable[[int, int], Test | None] | None = None
    """From blue's (bad, total) before a step: the test that green's labels in the step are taken to."""
    steady: PassProcess | None = None
    steady_tail: PassProcess | None = None
    """For latency: green's tail of the step against blue's last minutes."""
    green_bad: int = 0
    green: int = 0
    blue_bad: int = 0
    blue: int = 0
    control_bad: int = 0
    control: int = 0
    """Blue's bad events and total while it was well, as the pass test reads them."""
    exposed: int = 0
    """Green's requests (or labels) that count for a pass in this step."""
    exposed_seconds: float = 0.0
    missed: int = 0
    """For latency: green's requests of this step that were counted over nothing that can be compared."""
    _pass_evidence: float | None = None
    """What a look asks for several times; None once anything has changed."""

    @property
    def latency(self) -> LatencyCounts | None:
        """The reader, where it is latency that is read."""
        return self.reader if isinstance(self.reader, LatencyCounts) else None

    @property
    def evidence(self) -> float:
        """Against green."""
        found = min(one.process.value for one in self.fails) if self.all_needed else _mean(self.fails)
        if self.lopsided:
            found = min(found, _mean(self.busy))
        return min(found, self.floor.evidence) if self.floor else found

    @property
    def suspicious(self) -> bool:
        """Whether green is not given the benefit of the doubt at the deadline.

        Where blue has next to no traffic nothing is shown against it; so what is bad by itself is suspicious
        as soon as blue is rather better than as bad.
        """
        if self.evidence >= SUSPICIOUS:
            return True
        alone, *beside = (one.process.value for one in self.fails)
        return self.all_needed and alone >= SUSPICIOUS and all(value >= _RATHER for value in beside)

    def add(self, batch: Batch, *, warm: bool) -> bool:
        """Take in one batch; False where it says nothing about this metric."""
        self._pass_evidence = None
        self.reader.aim(batch)
        counted = self._add(batch, warm=warm)
        self.reader.learn(batch)
        return counted

    def _add(self, batch: Batch, *, warm: bool) -> bool:
        if self.health is not None and (counts := self.health_counts(batch)) is not None:
            self.health.add(counts, batch.window)
        counts = self.fails[0].read(batch)
        if counts is None or not warm:
            if counts is None and batch.counting and batch.green is not None:
                self.missed += batch.green.answered
            return False
        self.green_bad += counts.green_bad
        self.green += counts.green
        self.blue_bad += counts.blue_bad
        self.blue += counts.blue
        for one in self.fails:
            read = counts if one is self.fails[0] else one.read(batch)
            if read is not None:
                one.process.add(read, batch.window)
        self._add_to_busy(batch)
        self._add_to_floor(batch)
        if batch.inside and (passing := self.pass_counts(batch)) is not None:
            self._add_for_pass(passing, batch)
        return True

    def _add_to_busy(self, batch: Batch) -> None:
        if self.latency is None or not self.latency.lopsided(batch):
            return
        self.lopsided = False
        for one in self.busy:
            if (read := one.read(batch)) is not None:
                self.lopsided = True
                one.process.add(read, batch.window)

    def _add_to_floor(self, batch: Batch) -> None:
        if self.floor is None or self.latency is None:
            return
        self.floor.add_worse(self.latency.over_floor(batch, at_most=False), batch.window)
        if batch.counting:
            self.floor.add_better(self.latency.over_floor(batch, at_most=True))

    def _add_for_pass(self, counts: Counts, batch: Batch) -> None:
        self.whole.add(counts)
        if self.alike is not None and self.latency and not self.latency.lopsided(batch):
            self.alike.add(counts)
        if batch.current:
            self.passes.add(counts)
            self.exposed += counts.green
            self.exposed_seconds += batch.period.seconds
            if self.steady is not None:
                self.steady.add(counts)
            if self.steady_tail is not None and self.latency and (found := self.latency.steady(batch)):
                self.steady_tail.add(found)
        self.control_bad += counts.blue_bad
        self.control += counts.blue

    @property
    def pass_evidence(self) -> float:
        """Log of the evidence that green is better than the limit in this step.

        Where green has nearly all the traffic, concurrent blue is scarce. So what green shows in the step
        may be held against blue's share before it as well, provided that the whole ramp, against concurrent
        blue, does not object (latency) or is evidence for green too (labels): blue may have moved. Of two
        e-processes the mean is one.
        """
        if self._pass_evidence is None:
            self._pass_evidence = self._proof()
        return self._pass_evidence

    def _proof(self) -> float:
        alone = self.passes.log_value
        if self.floor is not None and (below := self.floor.pass_evidence) is not None:
            alone = log_mean_exp([alone, below])
        if self.steady_tail is not None and self.everywhere >= 0:
            return log_mean_exp([alone, self.steady_tail.log_value])
        if self.steady is not None and self.whole.log_value >= log(OF_THE_STEP):
            return log_mean_exp([alone, self.steady.log_value])
        return alone

    @property
    def passed(self) -> bool:
        """Whether green is shown to be better than the limit: by the step, or by the ramp and the step."""
        here, needed = self.pass_evidence, log(NEEDED_TO_PASS)
        return here >= needed or (self.everywhere >= needed and here >= log(OF_THE_STEP))

    @property
    def everywhere(self) -> float:
        """Log of the evidence of the whole ramp that green is better than the limit."""
        if self.alike is None:
            return self.whole.log_value
        return log_mean_exp([self.whole.log_value, self.alike.log_value])

    def enter(self) -> None:
        """Another step: what earlier ones showed does not by itself count for its pass."""
        self._pass_evidence = None
        self.passes.reset()
        if self.floor is not None:
            self.floor.reset()
        if self.steady_tail is not None:
            self.steady_tail.reset()
        self.exposed, self.exposed_seconds, self.missed = 0, 0.0, 0
        test = self.steady_test(self.control_bad, self.control) if self.steady_test else None
        self.steady = PassProcess(test) if test else None

    def restart(self, *, blue_was_sick: bool) -> None:
        """A disturbance is over, or data was broken: a pass needs fresh evidence."""
        if blue_was_sick:
            self.control = self.control_bad = 0
        self.enter()
        self.whole.reset()
        if self.alike is not None:
            self.alike.reset()


def _mean(tests: tuple[Suspicion, ...]) -> float:
    return sum(one.weight * one.process.value for one in tests)
