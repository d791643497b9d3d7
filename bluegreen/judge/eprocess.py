"""What accumulates evidence: a fail process that allows for a late onset, and a pass process per step.

A fail process spreads a prior mass over the moments at which a defect may begin (e-detectors: Shin,
Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", NEJSDS
2023); with the mass that is not spent yet it is a nonnegative supermartingale that starts at 1, so the
chance of ever reaching A under H0 is at most 1/A (Ville). The caps only lower it.
"""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

from bluegreen.judge.evidence import Counts, Test, log_mean_exp


class Onsets(NamedTuple):
    """Prior mass of an onset: at the first batch, at the begin of each of three later steps, elsewhere."""

    first: float = 0.4
    step: float = 0.1
    rest: float = 0.3


WITH_THE_RELEASE = Onsets()
"""Most defects begin with the release or with a step."""

_UNCAPPED = 600.0
"""A log ratio that exp can still take; the ceiling lies far below."""


class Window(NamedTuple):
    """A stretch of time whose evidence counts as one batch: one disturbance must not decide alone."""

    step: int
    number: int
    expected: int
    """Windows that a whole deployment may have."""


class FailProcess:
    """Evidence that the null hypothesis of `test` is wrong, from some moment on.

    R_c <- min((R_c + pi) min(L_c, cap), K A) per window and alternative c; E = mean R_c + 1 - sum pi.
    """

    def __init__(
        self,
        test: Test,
        *,
        needed: float,
        capped: bool = True,
        onsets: Onsets = WITH_THE_RELEASE,
    ) -> None:
        count = len(test)
        self._test = test
        self._cap = 0.75 * log(needed) if capped else _UNCAPPED
        self._most = exp(self._cap)
        self._ceiling = count * needed
        self._left = 1.0
        self._rests = onsets.rest
        self._onsets = onsets
        self._start = [0.0] * count
        self._sums = [0.0] * count
        self._values = [0.0] * count
        self._window: Window | None = None
        self.value = 1.0
        """E, the evidence so far."""

    def add(self, counts: Counts, window: Window) -> float:
        """Take one batch in and return the evidence; batches of one window share one cap."""
        sums = self._test.log_ratios(counts)
        if window == self._window:
            self._sums = sums = [old + new for old, new in zip(self._sums, sums, strict=True)]
        else:
            mass = self._mass(window)
            self._left -= mass
            self._start = [value + mass for value in self._values]
            self._sums = sums
            self._window = window
        # The hot loop of a verdict: comparisons, because a call of min costs more than the exp.
        cap, most, ceiling = self._cap, self._most, self._ceiling
        values = [
            start * (exp(total) if total < cap else most)
            for start, total in zip(self._start, sums, strict=True)
        ]
        whole = sum(values)
        if whole > ceiling:
            values = [min(value, ceiling) for value in values]
            whole = sum(values)
        self._values = values
        self.value = whole / len(values) + self._left
        return self.value

    def _mass(self, window: Window) -> float:
        if self._window is None:
            return self._onsets.first
        if self._window.step != window.step and window.step <= 3:
            return min(self._onsets.step, self._left)
        # A share of what is left: the mass is never used up, however long a deployment is extended.
        mass = self._rests / window.expected
        self._rests -= mass
        return mass


class PassProcess:
    """Evidence against `test`'s null, "at the limit or beyond", over the current step alone."""

    def __init__(self, test: Test) -> None:
        self._test = test
        self._sums = [0.0] * len(test)
        self._log_value: float | None = 0.0

    def add(self, counts: Counts) -> None:
        """Take in a batch that lies wholly inside the step."""
        self._log_value = None
        for index, ratio in enumerate(self._test.log_ratios(counts)):
            self._sums[index] += ratio

    def reset(self) -> None:
        """Restart: another step, or a disturbance is over."""
        self._sums = [0.0] * len(self._sums)
        self._log_value = 0.0

    @property
    def log_value(self) -> float:
        """Log P; a metric passes at log(1/beta). A look asks for it several times."""
        if self._log_value is None:
            self._log_value = log_mean_exp(self._sums)
        return self._log_value
