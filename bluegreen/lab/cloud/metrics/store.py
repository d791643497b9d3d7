"""Datapoints as compact histograms, visible only some time after their period has ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bluegreen.lab.cloud.world import World

MetricKey = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, metric name, dimensions."""
Histogram = dict[float, float]
"""Value -> how often."""

_KEPT_SECONDS = 3 * 3600
"""CloudWatch keeps datapoints below one minute for three hours."""


class Store:
    """Every metric of the region."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._series: dict[MetricKey, dict[int, Histogram]] = defaultdict(dict)

    def record(self, key: MetricKey, at: float, values: Iterable[tuple[float, float]]) -> None:
        """Add (value, count) pairs at `at`; AWS/* is kept at the resolution of the settings."""
        if self._world.conditions.metrics_missing and key[0].startswith("AWS/"):
            return
        resolution = self._resolution(key)
        points = self._series[key]
        moment = int(at // resolution * resolution)
        histogram = points.setdefault(moment, {})
        for value, number in values:
            if number > 0:
                histogram[value] = histogram.get(value, 0.0) + number
        if len(points) > _KEPT_SECONDS:
            self._forget(points)

    def _resolution(self, key: MetricKey) -> int:
        return self._world.settings.metrics_period_seconds if key[0].startswith("AWS/") else 1

    def _forget(self, points: dict[int, Histogram]) -> None:
        """From the oldest on: they came in order, and after hours this is asked at every datapoint."""
        oldest = self._world.at - _KEPT_SECONDS
        while points and (moment := next(iter(points))) < oldest:
            del points[moment]

    def known(self) -> list[MetricKey]:
        return list(self._series)

    def periods(self, key: MetricKey, start: float, end: float, period: int) -> Mapping[int, Histogram]:
        """Visible datapoints in [start, end) merged into periods aligned to `period`."""
        first = int(start // period * period)
        resolution = self._resolution(key)
        visible = self._world.at - resolution
        if key[0].startswith("AWS/"):
            late = self._world.conditions.metrics_late_seconds
            visible -= self._world.settings.metrics_delay_seconds + late
        corrected = visible - 2 * resolution if self._partial(key) else visible
        merged: dict[int, Histogram] = {}
        for moment, histogram in self._series.get(key, {}).items():
            if not first <= moment < end or moment > visible or not histogram:
                continue
            bucket = merged.setdefault(moment // period * period, {})
            for value, number in histogram.items():
                seen = number if moment <= corrected else number // 2
                if seen:
                    bucket[value] = bucket.get(value, 0.0) + seen
        return {at: bucket for at, bucket in merged.items() if bucket}

    def _partial(self, key: MetricKey) -> bool:
        """Whether datapoints show half of their counts first: not every node of a balancer reports in time.

        Two periods later they are corrected: CloudWatch gives no moment from which on a datapoint is final.
        """
        return self._world.conditions.metrics_twice and key[0].startswith("AWS/")
