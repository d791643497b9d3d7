"""What the tests of errors and of accuracy read in a batch."""

from __future__ import annotations

from typing import Protocol

from bluegreen.judge.batches import Batch
from bluegreen.judge.evidence import Counts
from bluegreen.judge.spread import Spread


class Reader(Protocol):
    """Reads batches in order: what it learns from one counts for the next."""

    def aim(self, batch: Batch) -> None:
        """Fix how `batch` is read, by what arrived before it."""

    def learn(self, batch: Batch) -> None:
        """Take in how blue is, once `batch` is judged."""


class Errors:
    """Failed requests."""

    def __init__(self) -> None:
        self._spread = Spread()
        self._phi = 1.0

    def aim(self, batch: Batch) -> None:
        """Counts that cluster on blue are tempered on both fleets."""
        del batch
        self._phi = self._spread.phi

    def learn(self, batch: Batch) -> None:
        """Blue's failed requests tell how they usually vary."""
        if batch.blue is not None and batch.blue.counts_errors:
            self._spread.learn(batch.blue.errors, batch.blue.requests)

    def of(self, batch: Batch) -> Counts | None:
        """Both fleets' failed requests, or green's alone."""
        green, blue = batch.green, batch.blue
        if green is None or not green.requests or not green.counts_errors:
            return None
        if blue is None:
            return Counts(green.errors, green.requests, phi=self._phi)
        if not blue.counts_errors:
            return None
        return Counts(green.errors, green.requests, blue.errors, blue.requests, phi=self._phi)

    def blue(self, batch: Batch) -> Counts | None:
        """Blue's own."""
        blue = batch.blue
        return Counts(blue.errors, blue.requests, phi=self._phi) if blue and blue.counts_errors else None


class Labels:
    """Wrong answers among the labelled ones."""

    def aim(self, batch: Batch) -> None:
        """They are read as they are."""

    def learn(self, batch: Batch) -> None:
        """Nothing is learned from them."""

    def of(self, batch: Batch) -> Counts | None:
        """Both fleets' wrong answers, or green's alone."""
        green, blue = batch.green, batch.blue
        if green is None or not (green.labels or (blue and blue.labels)):
            return None
        if blue is None:
            return Counts(green.wrong, green.labels)
        return Counts(green.wrong, green.labels, blue.wrong, blue.labels)

    def blue(self, batch: Batch) -> Counts | None:
        """Blue's own."""
        return Counts(batch.blue.wrong, batch.blue.labels) if batch.blue and batch.blue.labels else None
