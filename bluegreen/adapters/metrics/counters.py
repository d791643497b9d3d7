"""From raw samples of counters to counts per period: resets, new series and gaps; pure.

Prometheus's `increase` extrapolates to fractions and never counts the first value of a series, so that
the first 5xx of an instance, with which its series begins, would be lost. Raw samples tell more:

* a value below the one before is a restart of the process: the new value is the increase since;
* a series that begins while its scrape target was already there counts from zero;
* the first sample of an unknown instance is where its counting begins, whatever it says: it may have
  been scraped before, or by somebody else;
* after a gap longer than `GAP` an instance is as good as unknown.

An increase belongs to the period in which it was scraped, so the result depends on samples between
`GAP` before the period and its end alone: reading again gives the same counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

GAP = 60.0
"""Seconds between two samples of a series over which an increase is still believed."""

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One counter of one instance."""

    name: str
    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]
    """(epoch seconds, value), times ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Increases:
    """What one counter rose by in each period, by the period's number (its start / its length)."""

    series: Series
    by_period: Mapping[int, int]
    heard: frozenset[int] = frozenset()
    """Periods in which the counter was scraped."""


def increases(series: Iterable[Series], *, period: float, instance_label: str) -> tuple[Increases, ...]:
    """The increases of every series."""
    kept = list(series)
    scrapes: dict[tuple[str, ...], set[float]] = defaultdict(set)
    for one in kept:
        scrapes[_target(one, instance_label)].update(at for at, _ in one.samples)
    return tuple(_increases(one, scrapes[_target(one, instance_label)], period) for one in kept)


def _target(series: Series, instance_label: str) -> tuple[str, ...]:
    """The scrape target: all its series share their times.

    Where `job` and `instance`, which Prometheus sets, were taken off, the metric's name keeps apart what
    two targets of one instance serve.
    """
    labels = series.labels
    own = ("", labels["job"], labels["instance"]) if {"job", "instance"} <= set(labels) else (series.name,)
    return labels.get(instance_label, ""), *own


def _increases(series: Series, scrapes: Collection[float], period: float) -> Increases:
    rises: dict[int, int] = defaultdict(int)
    heard = set()
    before: tuple[float, float] | None = None
    for at, value in series.samples:
        number = ceil((at - _ROUNDING) / period) - 1
        heard.add(number)
        rises[number] += round(_rise(before, (at, value), scrapes))
        before = (at, value)
    return Increases(series=series, by_period=dict(rises), heard=frozenset(heard))


def _rise(before: tuple[float, float] | None, now: tuple[float, float], scrapes: Collection[float]) -> float:
    at, value = now
    if before is not None and at - before[0] <= GAP + _ROUNDING:
        return value - before[1] if value >= before[1] else value
    # Scraped shortly before without this series: it has begun since, at zero.
    return value if any(at - GAP - _ROUNDING <= time < at - _ROUNDING for time in scrapes) else 0.0
