"""The probes of one key function on both fleets."""

from __future__ import annotations

from math import inf

from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.judge.batches import Batch
from bluegreen.judge.criteria import needed_to_fail
from bluegreen.judge.evidence import Counts
from bluegreen.judge.metric_tests import BLUE_PROBES_SICK, PROBES_LOST, blue_function, key_function
from bluegreen.policy import Judging

_HALF_LIFE = 60.0
"""Seconds after which a failed request of blue weighs half as much: incidents last for minutes."""
_ENOUGH = 20.0
"""Of blue's requests, before their share of failed ones says anything."""


class Lost:
    """The share of blue's requests that fail these minutes, whatever the source."""

    def __init__(self) -> None:
        self._failed = self._all = 0.0
        self._end = -inf

    def add(self, blue: Period) -> None:
        """Take in a period of blue's."""
        if not blue.counts_errors or not blue.requests:
            return
        fade = 0.5 ** ((blue.end - self._end) / _HALF_LIFE) if blue.end > self._end else 1.0
        self._end = max(self._end, blue.end)
        self._failed = self._failed * fade + blue.errors
        self._all = self._all * fade + blue.requests

    @property
    def allowed(self) -> float:
        """The share of green's probes that may fail without being the release's fault.

        A shared incident hits few probes, and by chance two of green's three and none of blue's: twice what
        fails of blue's users may fail of them.
        """
        share = self._failed / self._all if self._all >= _ENOUGH else 0.0
        return max(PROBES_LOST, 2 * share)


class KeyProbes:
    """What they have found so far."""

    def __init__(self, limits: Judging, lost: Lost) -> None:
        self.process = key_function(needed=needed_to_fail(limits))
        self.health = blue_function(limits)
        self.asked = self.failed = self.step_asked = 0
        self._lost = lost

    def add(self, batch: Batch) -> None:
        """Take in one probe period of either fleet."""
        period = batch.period
        counts = Counts(period.probes_failed, period.probes, null=self._lost.allowed)
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
