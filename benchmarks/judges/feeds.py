"""When counts reach a judge: 15 s samples 15 s late, or CloudWatch minutes one to three minutes late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.judges.world import TICK, Counts, Floats

__all__ = ["CloudWatch", "Delivery", "Feed", "Scrape", "feed_named"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One period of every run."""

    start: float
    end: float
    green: Counts
    blue: Counts


class Feed(Protocol):
    """Takes ticks, gives periods back when they would have arrived."""

    seconds: float

    def push(self, tick: int, green: Counts, blue: Counts) -> None:
        """A tick has happened."""

    def arrivals(self, now: float) -> Iterator[tuple[Bools, Delivery]]:
        """What arrives by `now`, each with the runs for which it does."""


class Scrape:
    """Prometheus: every tick, complete one tick after its end."""

    def __init__(self, runs: int, seconds: float = TICK) -> None:
        self.seconds = seconds
        self._everywhere = np.ones(runs, dtype=bool)
        self._waiting: list[Delivery] = []

    def push(self, tick: int, green: Counts, blue: Counts) -> None:
        """Keep the tick until it is due."""
        at = tick * self.seconds
        self._waiting.append(Delivery(at, at + self.seconds, green, blue))

    def arrivals(self, now: float) -> Iterator[tuple[Bools, Delivery]]:
        """What arrives by `now`."""
        while self._waiting and self._waiting[0].end + self.seconds <= now:
            yield self._everywhere, self._waiting.pop(0)


class CloudWatch:
    """Minutes, each 60 to 180 s late by chance, delivered in order."""

    seconds = 60.0

    def __init__(self, runs: int, rng: np.random.Generator) -> None:
        self._rng, self._runs = rng, runs
        self._ticks: list[tuple[Counts, Counts]] = []
        self._minutes: list[tuple[Floats, Delivery]] = []
        self._latest = np.zeros(runs)
        self._taken = np.zeros(runs, dtype=np.int64)
        self._first = 0

    def push(self, tick: int, green: Counts, blue: Counts) -> None:
        """Add up four ticks to a minute."""
        self._ticks.append((green, blue))
        if len(self._ticks) < 4:
            return
        start = (tick - 3) * TICK
        green, blue = self._ticks[0]
        for more_green, more_blue in self._ticks[1:]:
            green, blue = green + more_green, blue + more_blue
        due = start + 60.0 + self._rng.uniform(60.0, 180.0, size=self._runs)
        self._latest = np.maximum(self._latest, due)
        self._minutes.append((self._latest.copy(), Delivery(start, start + 60.0, green, blue)))
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
    """`15 s`, `1 s` or `CW`."""
    if name == "CW":
        return CloudWatch(runs, np.random.default_rng([seed, 99]))
    return Scrape(runs, float(name.removesuffix(" s")))
