"""`ports.Metrics` over CloudWatch: what the load balancer counted for each target group and period."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from bluegreen.aws.counts import Counts, period_from
from bluegreen.aws.failures import AwsUnavailable
from bluegreen.aws.session import Json, Session
from bluegreen.contract import Contract, Tier
from bluegreen.domain.fleet import TargetGroup
from bluegreen.domain.measurement import Arm, Period
from bluegreen.policy import Judging
from bluegreen.ports import Arms, Clock

__all__ = ["CloudWatchMetrics", "Query"]

_NAMESPACE = "AWS/ApplicationELB"
_QUERIES_PER_CALL = 500
"""GetMetricData takes at most 500 queries."""
_SUMS = (
    "RequestCount",
    "HTTPCode_Target_2XX_Count",
    "HTTPCode_Target_3XX_Count",
    "HTTPCode_Target_4XX_Count",
    "HTTPCode_Target_5XX_Count",
    "TargetConnectionErrorCount",
)
_WITNESSES = (("HealthyHostCount", True), ("ConsumedLCUs", False), ("RequestCount", False))
"""Metrics that are reported even when a target group has no request: (name, of the target group)."""

Series = dict[float, float]
"""Start of a period (epoch seconds) -> value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One metric of the load balancer, or of one of its target groups."""

    metric: str
    statistic: str
    target_group: str = ""
    """The dimension's value; empty for the load balancer as a whole."""


def _balancer_dimension(load_balancer_arn: str) -> str:
    return load_balancer_arn.split(":loadbalancer/", 1)[-1]


class CloudWatchMetrics:
    """Counts of one stack's load balancer.

    `judging.period` is the length of a period: 60 s on AWS, where ELB publishes once a minute.
    """

    def __init__(self, session: Session, contract: Contract, judging: Judging, *, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._balancer = _balancer_dimension(contract.load_balancer_arn)
        self._period = max(1, round(judging.period))
        self._settle = judging.settle

    def collect(
        self, arms: Sequence[Arms], *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> tuple[Period, ...]:
        """Every settled period with data that began in [since, until), in order of time.

        One GetMetricData call (of up to 500 metrics) for all tiers and both arms.
        """
        first = self._ceil(since)
        # The newest period is partial, and its counts still grow after its end.
        last = min(until, self._clock.now() - self._settle - self._period)
        if last < first:
            return ()
        wanted: list[tuple[Arms, Arm, TargetGroup, tuple[float, ...]]] = []
        for one in arms:
            limits = tuple(sorted(slow_ms.get(one.tier, ())))
            groups = ((arm, one.of(arm)) for arm in (Arm.BLUE, Arm.GREEN))
            wanted += [(one, arm, group, limits) for arm, group in groups if group is not None]
        queries = [query for *_, group, limits in wanted for query in _queries(group, limits)]
        found = self._read(queries, first, self._floor(last) + self._period)
        periods: list[Period] = []
        for one, arm, group, limits in wanted:
            series = [found[query] for query in _queries(group, limits)]
            starts = sorted({start for one_series in series for start in one_series})
            periods += [
                period
                for start in starts
                if first <= start < until and start <= last
                for period in [self._period_of(one.tier, arm, start, series, limits)]
                if period is not None
            ]
        return tuple(sorted(periods, key=lambda period: period.start))

    def _period_of(
        self, tier: Tier, arm: Arm, start: float, series: Sequence[Series], limits: Sequence[float]
    ) -> Period | None:
        values = [one.get(start) for one in series]
        p95 = values[len(_SUMS)]
        counts = Counts(
            sums=dict(zip(_SUMS, values, strict=False)),
            p95=p95,
            slow=tuple(zip(limits, values[len(_SUMS) + 1 :], strict=True)),
        )
        return period_from(counts, tier=tier, arm=arm, start=start, seconds=float(self._period))

    def requests(self, target_group: TargetGroup, *, since: float, until: float) -> int | None:
        """Requests of every period that touches [since, until); None until their data is there.

        A target group without requests has no RequestCount, so another metric that is always reported
        must reach `until` before absent means zero.
        """
        name = target_group.metric_dimension
        witnesses = [
            Query(metric=metric, statistic="Maximum", target_group=name if own else "")
            for metric, own in _WITNESSES
        ]
        requests = Query(metric="RequestCount", statistic="Sum", target_group=name)
        if self._clock.now() < until + self._settle:
            return None
        first = self._floor(since)
        found = self._read([requests, *witnesses], first, self._ceil(until))
        newest = max((start for query in witnesses for start in found[query]), default=-math.inf)
        if newest + self._period < until:
            return None
        return round(sum(value for start, value in found[requests].items() if first <= start < until))

    def p95_ms(self, target_group: TargetGroup, *, since: float, until: float) -> float | None:
        """The median of the periods' p95s, each weighted by its requests: percentiles do not add up.

        It freezes the judge's latency threshold, which need not be exact (any threshold is valid).
        """
        name = target_group.metric_dimension
        p95 = Query(metric="TargetResponseTime", statistic="p95", target_group=name)
        requests = Query(metric="RequestCount", statistic="Sum", target_group=name)
        found = self._read([p95, requests], self._floor(since), self._ceil(until))
        weighted = sorted((value, found[requests].get(start, 0.0)) for start, value in found[p95].items())
        half = sum(weight for _, weight in weighted) / 2
        if half <= 0:
            return None
        for value, weight in weighted:
            half -= weight
            if half <= 0:
                return value * 1000
        return None

    def _floor(self, at: float) -> float:
        return math.floor(at / self._period) * float(self._period)

    def _ceil(self, at: float) -> float:
        return math.ceil(at / self._period) * float(self._period)

    def _read(self, queries: Sequence[Query], start: float, end: float) -> dict[Query, Series]:
        """The series of each query; raises CloudUnavailable where CloudWatch gives only a part."""
        unique = list(dict.fromkeys(queries))
        found: dict[Query, Series] = {query: {} for query in unique}
        for position in range(0, len(unique), _QUERIES_PER_CALL):
            batch = unique[position : position + _QUERIES_PER_CALL]
            names = {f"m{number}": query for number, query in zip(count(), batch, strict=False)}
            answers = self._session.service("cloudwatch").pages(
                "get_metric_data",
                "MetricDataResults",
                MetricDataQueries=[self._document(name, query) for name, query in names.items()],
                StartTime=datetime.fromtimestamp(start, UTC),
                EndTime=datetime.fromtimestamp(end, UTC),
                ScanBy="TimestampAscending",
            )
            _check_complete(answers)
            for answer in answers:
                stamps = (stamp.timestamp() for stamp in answer["Timestamps"])
                found[names[answer["Id"]]].update(zip(stamps, answer["Values"], strict=True))
        return found

    def _document(self, name: str, query: Query) -> Json:
        dimensions = [{"Name": "LoadBalancer", "Value": self._balancer}]
        if query.target_group:
            dimensions.append({"Name": "TargetGroup", "Value": query.target_group})
        metric = {"Namespace": _NAMESPACE, "MetricName": query.metric, "Dimensions": dimensions}
        stat = {"Metric": metric, "Period": self._period, "Stat": query.statistic}
        return {"Id": name, "MetricStat": stat, "ReturnData": True}


def _queries(group: TargetGroup, limits: Sequence[float]) -> list[Query]:
    """What is read for one target group: the sums, the p95, and how many were slower than each limit."""
    name = group.metric_dimension
    slow = [f"TC({limit / 1000:.10g}:)" for limit in limits]
    return [
        *(Query(metric=metric, statistic="Sum", target_group=name) for metric in _SUMS),
        *(Query(metric="TargetResponseTime", statistic=one, target_group=name) for one in ("p95", *slow)),
    ]


def _check_complete(answers: Sequence[Json]) -> None:
    last = {answer["Id"]: answer.get("StatusCode", "Complete") for answer in answers}
    broken = sorted({status for status in last.values() if status != "Complete"})
    if broken:
        raise AwsUnavailable(
            f"AWS cloudwatch GetMetricData gave only a part of the data: {', '.join(broken)}",
            code=broken[0],
            next_step="the run holds until metrics are complete; they are never taken for good",
        )
