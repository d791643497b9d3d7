"""Reads series of CloudWatch: batched GetMetricData that is complete or not taken at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from bluegreen.adapters.aws.failures import AwsUnavailable
from bluegreen.adapters.aws.session import Json, Service, Session
from bluegreen.policy.checks import METRIC_NAME

_NAMESPACE = "AWS/ApplicationELB"
_QUERIES_PER_CALL = 500
"""GetMetricData takes at most 500 queries."""

Series = dict[float, float]
"""Start of a period (epoch seconds) -> value."""
K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One metric of the load balancer, of one of its target groups, or of that in one zone."""

    metric: str
    statistic: str
    target_group: str = ""
    """The dimension's value; empty for the load balancer as a whole."""
    zone: str = ""
    """Availability zone; empty for all of them."""


class MetricData:
    """The metrics of one load balancer in periods of `period` seconds."""

    def __init__(self, session: Session, load_balancer_arn: str, *, period: int) -> None:
        self._session = session
        self._balancer = load_balancer_arn.split(":loadbalancer/", 1)[-1]
        self._period = period

    def read(
        self, queries: Sequence[Query], start: float, end: float, *, period: int = 0
    ) -> dict[Query, Series]:
        """The series of each query, in periods of another length where `period` says so.

        Raises CloudUnavailable where CloudWatch gives only a part.
        """
        stats = {query: self._stat(query, period or self._period) for query in queries}
        return read_series(self._session.service("cloudwatch"), stats, start, end)

    def zones(self, target_group: str) -> tuple[str, ...]:
        """Availability zones in which the target group has counted requests lately."""
        answers = self._session.service("cloudwatch").pages(
            "list_metrics",
            "Metrics",
            Namespace=_NAMESPACE,
            MetricName="RequestCount",
            Dimensions=[{"Name": "TargetGroup", "Value": target_group}, {"Name": "AvailabilityZone"}],
        )
        names = ({one["Name"]: one["Value"] for one in answer["Dimensions"]} for answer in answers)
        return tuple(sorted({one["AvailabilityZone"] for one in names if "AvailabilityZone" in one}))

    def _stat(self, query: Query, period: int) -> Json:
        names = ("LoadBalancer", "TargetGroup", "AvailabilityZone")
        values = zip(names, (self._balancer, query.target_group, query.zone), strict=True)
        dimensions = [{"Name": name, "Value": value} for name, value in values if value]
        metric = {"Namespace": _NAMESPACE, "MetricName": query.metric, "Dimensions": dimensions}
        return {"Metric": metric, "Period": period, "Stat": query.statistic}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMath:
    """One result: a metric alone, or an expression over metrics by their names in it."""

    stats: Mapping[str, Json]
    """MetricStat by name; of a metric alone by an empty one."""
    expression: str = ""
    period: int = 60

    def queries(self, name: str) -> list[Json]:
        """The MetricDataQueries whose result has the id `name`."""
        if not self.expression:
            (stat,) = self.stats.values()
            return [{"Id": name, "MetricStat": stat, "ReturnData": True}]
        # An id is known in the whole call: those of two checks must not meet.
        expression = METRIC_NAME.sub(lambda match: f"{name}_{match[0]}", self.expression)
        parts = [
            {"Id": f"{name}_{key}", "MetricStat": stat, "ReturnData": False}
            for key, stat in self.stats.items()
        ]
        return [*parts, {"Id": name, "Expression": expression, "Period": self.period, "ReturnData": True}]


def read_series(
    cloudwatch: Service, stats: Mapping[K, Json | MetricMath], start: float, end: float
) -> dict[K, Series]:
    """The series of each MetricStat that began in [start, end); raises CloudUnavailable for a part of it."""
    wanted = [(key, _math(one)) for key, one in stats.items()]
    found: dict[K, Series] = {key: {} for key in stats}
    for batch in _batches(wanted):
        answers = cloudwatch.pages(
            "get_metric_data",
            "MetricDataResults",
            MetricDataQueries=[query for name, (_, one) in batch.items() for query in one.queries(name)],
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
            ScanBy="TimestampAscending",
        )
        _check_complete(answers)
        for answer in answers:
            stamps = (stamp.timestamp() for stamp in answer["Timestamps"])
            found[batch[answer["Id"]][0]].update(zip(stamps, answer["Values"], strict=True))
    return found


def _math(one: Json | MetricMath) -> MetricMath:
    return one if isinstance(one, MetricMath) else MetricMath(stats={"": one})


def _batches(wanted: Sequence[tuple[K, MetricMath]]) -> Iterator[dict[str, tuple[K, MetricMath]]]:
    """What one call takes, by the ids of the results."""
    batch: dict[str, tuple[K, MetricMath]] = {}
    queries = 0
    for number, (key, one) in enumerate(wanted):
        size = len(one.stats) + bool(one.expression)
        if queries + size > _QUERIES_PER_CALL:
            yield batch
            batch, queries = {}, 0
        batch[f"m{number}"] = (key, one)
        queries += size
    if batch:
        yield batch


def _check_complete(answers: Sequence[Json]) -> None:
    last = {answer["Id"]: answer.get("StatusCode", "Complete") for answer in answers}
    broken = sorted({status for status in last.values() if status != "Complete"})
    if broken:
        raise AwsUnavailable(
            f"AWS cloudwatch GetMetricData gave only a part of the data: {', '.join(broken)}",
            code=broken[0],
            next_step="the run holds until metrics are complete; incomplete ones never count as a pass",
        )
