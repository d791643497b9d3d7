"""PutMetricData, GetMetricData, ListMetrics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.metrics.statistics import Spread, statistic
from bluegreen.lab.cloud.metrics.store import MetricKey, Store
from bluegreen.lab.cloud.world import Document, World, api, page

Series = dict[int, float]
"""Value by the start of its period."""
_SHORT_PERIODS = (1, 5, 10, 20, 30)
_MOST_DATAPOINTS = 100_800
_OLDEST_SECONDS, _NEWEST_SECONDS = -14 * 86_400, 2 * 3600


def metric_key(metric: Document) -> MetricKey:
    """The store's key of a Metric structure."""
    dimensions = metric.get("Dimensions") or ()
    return (
        metric["Namespace"],
        metric["MetricName"],
        frozenset((one["Name"], one["Value"]) for one in dimensions),
    )


class Queries:
    """Reading and writing metrics."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store

    @api
    def put_metric_data(self, params: Document) -> Document:
        namespace = params["Namespace"]
        if namespace.startswith("AWS/"):
            raise CloudError(
                "InvalidParameterValue", f"The value {namespace} for parameter Namespace is invalid."
            )
        for datum in params.get("MetricData") or ():
            at = datum["Timestamp"].timestamp() if datum.get("Timestamp") else self._world.at
            if not _OLDEST_SECONDS <= at - self._world.at <= _NEWEST_SECONDS:
                raise CloudError(
                    "InvalidParameterValue",
                    "The Timestamp is older than two weeks or further than two hours ahead.",
                )
            self._store.record(metric_key({"Namespace": namespace, **datum}), at, _values(datum))
        return {}

    @api
    def get_metric_data(self, params: Document) -> Document:
        queries = params["MetricDataQueries"]
        if len(queries) > 500:
            raise validation("At most 500 queries")
        start, end = params["StartTime"].timestamp(), params["EndTime"].timestamp()
        if start >= end:
            raise validation("The parameter StartTime must be less than the parameter EndTime.")
        values, labels = self.evaluate(queries, start, end)
        newest_first = params.get("ScanBy", "TimestampDescending") != "TimestampAscending"
        points: list[tuple[str, int, float]] = []
        shown = [query["Id"] for query in queries if query.get("ReturnData", True)]
        for name in shown:
            ordered = sorted(values[name].items(), reverse=newest_first)
            points += [(name, at, value) for at, value in ordered]
        size = params.get("MaxDatapoints") or _MOST_DATAPOINTS
        part, token = page(points, size=size, token=params.get("NextToken"))
        times: dict[str, list[datetime]] = {name: [] for name in shown}
        found: dict[str, list[float]] = {name: [] for name in shown}
        for name, at, value in part:
            times[name].append(as_datetime(at))
            found[name].append(value)
        answer: Document = {
            "MetricDataResults": [
                {
                    "Id": name,
                    "Label": labels[name],
                    "Timestamps": times[name],
                    "Values": found[name],
                    "StatusCode": "PartialData" if token else "Complete",
                }
                for name in shown
            ],
            "Messages": [],
        }
        return answer | ({"NextToken": token} if token else {})

    def evaluate(
        self, queries: Sequence[Document], start: float, end: float
    ) -> tuple[dict[str, Series], dict[str, str]]:
        """The series and the label of every query; metric math is not modelled."""
        values: dict[str, Series] = {}
        labels: dict[str, str] = {}
        # Dozens of counts over one threshold each are asked of the same datapoints.
        spreads: dict[tuple[MetricKey, int], dict[int, Spread]] = {}
        for query in queries:
            if not query.get("MetricStat"):
                raise validation(f"Query '{query['Id']}': only MetricStat is modelled")
            name, stat = _checked_id(query["Id"]), query["MetricStat"]
            _checked_period(stat["Period"])
            key, period = metric_key(stat["Metric"]), stat["Period"]
            if (key, period) not in spreads:
                periods = self._store.periods(key, start, end, period)
                spreads[key, period] = {at: Spread(histogram) for at, histogram in periods.items()}
            values[name] = {at: statistic(stat["Stat"], one) for at, one in spreads[key, period].items()}
            labels[name] = query.get("Label") or stat["Metric"]["MetricName"]
        return values, labels

    @api
    def list_metrics(self, params: Document) -> Document:
        asked = {(one["Name"], one.get("Value")) for one in params.get("Dimensions") or ()}
        found = [
            key
            for key in self._store.known()
            if params.get("Namespace") in (None, key[0])
            and params.get("MetricName") in (None, key[1])
            and all(any(n == name and value in (None, v) for n, v in key[2]) for name, value in asked)
        ]
        shown, token = page(found, size=500, token=params.get("NextToken"))
        metrics = [
            {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": n, "Value": v} for n, v in sorted(dimensions)],
            }
            for namespace, name, dimensions in shown
        ]
        return {"Metrics": metrics} | ({"NextToken": token} if token else {})


def _values(datum: Document) -> list[tuple[float, float]]:
    if datum.get("Values"):
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        if len(counts) != len(datum["Values"]) or len(counts) > 150:
            raise CloudError("InvalidParameterValue", "Values and Counts must be equally long, at most 150")
        return list(zip(datum["Values"], counts, strict=True))
    statistics: dict[str, Any] = datum.get("StatisticValues") or {}
    if statistics:
        number = statistics["SampleCount"]
        return [(statistics["Sum"] / number, number)]
    return [(datum.get("Value", 0.0), 1.0)]


def _checked_id(name: str) -> str:
    if not re.match(r"^[a-z]\w*$", name):
        raise validation(f"The value '{name}' for Id must begin with a lower case letter")
    return name


def _checked_period(period: int) -> None:
    if period not in _SHORT_PERIODS and (period <= 0 or period % 60):
        raise validation("Period must be 1, 5, 10, 20, 30 or a multiple of 60")
