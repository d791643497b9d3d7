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
        oldest = self._world.at - _KEPT_SECONDS
        for moment in [one for one in points if one < oldest]:
            del points[moment]

    def known(self) -> list[MetricKey]:
        return list(self._series)

    def periods(self, key: MetricKey, start: float, end: float, period: int) -> Mapping[int, Histogram]:
        """Visible datapoints in [start, end) merged into periods aligned to `period`."""
        first = int(start // period * period)
        resolution = self._resolution(key)
        late = self._world.settings.metrics_delay_seconds if key[0].startswith("AWS/") else 0.0
        merged: dict[int, Histogram] = {}
        for moment, histogram in self._series.get(key, {}).items():
            if not first <= moment < end or moment + resolution + late > self._world.at or not histogram:
                continue
            bucket = merged.setdefault(moment // period * period, {})
            for value, number in histogram.items():
                bucket[value] = bucket.get(value, 0.0) + number
        return merged
