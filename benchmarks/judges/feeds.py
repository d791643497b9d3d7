"""When counts reach a judge: 15 s samples 15 s late, or CloudWatch minutes one to three minutes late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.judges.world import TICK, Counts, Floats, Ints

__all__ = ["CloudWatch", "Delivery", "Feed", "Scrape", "feed_named"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One period of every run."""

    start: float
    end: float
    green: Counts
    blue: Counts
    step: Ints
    """The ramp step in which the period began."""
    inside: Bools
    """The weights did not change within it."""


class Feed(Protocol):
    """Takes ticks, gives periods back when they would have arrived."""

    seconds: float

    def push(self, tick: int, green: Counts, blue: Counts, step: Ints) -> None:
        """A tick has happened."""

    def arrivals(self, now: float) -> Iterator[tuple[Bools, Delivery]]:
        """What arrives by `now`, each with the runs for which it does."""


class Scrape:
    """Prometheus: every tick, complete 15 s after its end."""

    seconds = TICK

    def __init__(self, runs: int, _rng: np.random.Generator) -> None:
        self._everywhere = np.ones(runs, dtype=bool)
        self._waiting: list[Delivery] = []

    def push(self, tick: int, green: Counts, blue: Counts, step: Ints) -> None:
        """Keep the tick until it is due."""
        at = tick * TICK
        self._waiting.append(Delivery(at, at + TICK, green, blue, step.copy(), self._everywhere))

    def arrivals(self, now: float) -> Iterator[tuple[Bools, Delivery]]:
        """What arrives by `now`."""
        while self._waiting and self._waiting[0].end + 15.0 <= now:
            yield self._everywhere, self._waiting.pop(0)


class CloudWatch:
    """Minutes, each 60 to 180 s late by chance, delivered in order."""

    seconds = 60.0

    def __init__(self, runs: int, rng: np.random.Generator) -> None:
        self._rng, self._runs = rng, runs
        self._ticks: list[tuple[Counts, Counts, Ints]] = []
        self._minutes: list[tuple[Floats, Delivery]] = []
        self._latest = np.zeros(runs)
        self._taken = np.zeros(runs, dtype=np.int64)
        self._first = 0

    def push(self, tick: int, green: Counts, blue: Counts, step: Ints) -> None:
        """Add up four ticks to a minute."""
        self._ticks.append((green, blue, step.copy()))
        if len(self._ticks) < 4:
            return
        start = (tick - 3) * TICK
        steps = np.stack([one[2] for one in self._ticks])
        green, blue = self._ticks[0][:2]
        for more_green, more_blue, _ in self._ticks[1:]:
            green, blue = green + more_green, blue + more_blue
        due = start + 60.0 + self._rng.uniform(60.0, 180.0, size=self._runs)
        self._latest = np.maximum(self._latest, due)
        same = np.asarray((steps == steps[0]).all(axis=0))
        self._minutes.append(
            (self._latest.copy(), Delivery(start, start + 60.0, green, blue, steps[0], same))
        )
        self._ticks = []

    def arrivals(self, now: float) -> Iterator[tuple[Bools, Delivery]]:
        """What arrives by `now`."""
        for index in range(self._first, len(self._minutes)):
            due, minute = self._minutes[index]
            arrived = (due <= now) & (self._taken == index)
            if arrived.any():
                self._taken = np.where(arrived, index + 1, self._taken)
                yield arrived, minute
        self._first = int(self._taken.min())


def feed_named(name: str, runs: int, seed: int) -> Feed:
    """`15 s` or `CW`."""
    rng = np.random.default_rng([seed, 99])
    return CloudWatch(runs, rng) if name == "CW" else Scrape(runs, rng)
