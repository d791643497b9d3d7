"""The probes of one key function on both fleets."""

from __future__ import annotations

from bluegreen.domain.release import Color
from bluegreen.judge.batches import Batch
from bluegreen.judge.criteria import needed_to_fail
from bluegreen.judge.evidence import Counts
from bluegreen.judge.metric_tests import BLUE_PROBES_SICK, availability
from bluegreen.policy import Judging


class KeyProbes:
    """What they have found so far."""

    def __init__(self, limits: Judging) -> None:
        self.process = availability(limits, needed=needed_to_fail(limits))
        self.health = availability(limits, needed=BLUE_PROBES_SICK)
        self.asked = self.failed = self.step_asked = 0

    def add(self, batch: Batch) -> None:
        """Take in one probe period of either fleet."""
        period = batch.period
        counts = Counts(period.probes_failed, period.probes)
        if period.arm is Color.BLUE:
            self.health.add(counts, batch.window)
            return
        self.process.add(counts, batch.window)
        self.asked += period.probes
        self.failed += period.probes_failed
        self.step_asked += period.probes if batch.inside else 0

    @property
    def evidence(self) -> float:
        """Against green, while blue's same function works; a shared outage is no fault of green's."""
        return self.process.value if not self.blue_sick else 1.0

    @property
    def blue_sick(self) -> bool:
        """Blue's probes of the same function fail."""
        return self.health.value >= BLUE_PROBES_SICK
