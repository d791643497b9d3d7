"""`ports.Metrics` over CloudWatch: what the load balancer counted for each target group and period."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.metrics.cloudwatch_queries import MetricData, Query, Series
from bluegreen.adapters.metrics.counts import SUMS, FleetCounts, own_failures, period_from, together
from bluegreen.contract import Contract, Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.policy import Judging
from bluegreen.ports import Arms, Clock, Collected, Halves

_WITNESSES = (("HealthyHostCount", True), ("ConsumedLCUs", False), ("RequestCount", False))
"""Metrics that are reported even when a target group has no request: (name, of the target group)."""
_BALANCER = tuple(
    Query(metric=name, statistic="Sum")
    for name in ("RequestCount", "HTTPCode_ELB_5XX_Count", "HTTP_Fixed_Response_Count")
)
_HOUR = 3600
_LOOK_BACK = 3
"""Settled periods over which the load balancer's own failures are added up."""


class _Wanted(NamedTuple):
    """One fleet, or the part of it in one zone."""

    tier: Tier
    arm: Color
    group: TargetGroup
    limits: tuple[float, ...]
    zone: str = ""

    def queries(self) -> list[Query]:
        """The sums, the p95, and how many were slower than each limit."""
        name, zone = self.group.metric_dimension, self.zone
        slow = [f"TC({limit / 1000:.10g}:)" for limit in self.limits]
        statistics = [("TargetResponseTime", one) for one in ("p95", *slow)]
        return [
            Query(metric=metric, statistic=statistic, target_group=name, zone=zone)
            for metric, statistic in (*((metric, "Sum") for metric in SUMS), *statistics)
        ]


class _Span(NamedTuple):
    """The settled periods that began in a stretch of time."""

    first: float
    last: float
    until: float

    def holds(self, start: float) -> bool:
        return self.first <= start < self.until and start <= self.last


class CloudWatchMetrics:
    """Counts of one stack's load balancer.

    `judging.period` is the length of a period: 60 s on AWS, where ELB publishes once a minute.
    """

    def __init__(self, session: Session, contract: Contract, judging: Judging, *, clock: Clock) -> None:
        self._clock, self._judging = clock, judging
        self._period = max(1, round(judging.period))
        self._settle = judging.settle
        self._data = MetricData(session, contract.load_balancer_arn, period=self._period)

    def collect(
        self, arms: Sequence[Arms], *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> Collected:
        """Every settled period with data that began in [since, until), in order of time.

        One GetMetricData call (of up to 500 metrics) for all tiers and both arms.
        """
        span = self._span(since, until)
        if span is None:
            return Collected()
        wanted = [
            _Wanted(one.tier, arm, group, tuple(sorted(slow_ms.get(one.tier, ()))))
            for one in arms
            for arm in (Color.BLUE, Color.GREEN)
            if (group := one.of(arm)) is not None
        ]
        found = self._read([*chain.from_iterable(one.queries() for one in wanted), *_BALANCER], span)
        failed = self._balancer_failed(found)
        counts = [(one, self._counts(one, found, span, failed)) for one in wanted]
        periods = [
            period
            for one, series in counts
            for start, some in series.items()
            if (period := self._period_of(one, some, start)) is not None
        ]
        balancer = [found[query] for query in _BALANCER]
        troubles = self._own_failures(balancer, [series for _, series in counts], span)
        return Collected(periods=tuple(sorted(periods, key=lambda period: period.start)), troubles=troubles)

    def halves(
        self, arms: Arms, *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> tuple[Halves, ...]:
        """The busiest availability zone as green against the others together as blue."""
        group, span = arms.green, self._span(since, until)
        zones = self._data.zones(group.metric_dimension)
        if len(zones) < 2 or span is None:
            return ()
        limits = tuple(sorted(slow_ms.get(arms.tier, ())))
        wanted = {zone: _Wanted(arms.tier, Color.GREEN, group, limits, zone) for zone in zones}
        asked = chain.from_iterable(one.queries() for one in wanted.values())
        found = self._read([*asked, *_BALANCER], span)
        failed = self._balancer_failed(found)
        counts = {zone: self._counts(one, found, span, failed) for zone, one in wanted.items()}
        busiest = max(zones, key=lambda zone: sum(one.of("RequestCount") for one in counts[zone].values()))
        others = [zone for zone in zones if zone != busiest]
        periods = []
        for arm, some in ((Color.GREEN, [busiest]), (Color.BLUE, others)):
            one = wanted[some[0]]._replace(arm=arm)
            for start in sorted({start for zone in some for start in counts[zone]}):
                whole = together([counts[zone][start] for zone in some if start in counts[zone]])
                period = self._period_of(one, whole, start)
                periods += [period] if period else []
        words = f"{busiest} against {', '.join(others)}"
        return (Halves(words=words, periods=tuple(sorted(periods, key=lambda period: period.start))),)

    def _span(self, since: float, until: float) -> _Span | None:
        first = self._ceil(since)
        # The newest period is partial, and its counts still grow after its end.
        last = min(until, self._clock.now() - self._settle - self._period)
        return None if last < first else _Span(first=first, last=last, until=until)

    def _read(self, queries: Sequence[Query], span: _Span) -> dict[Query, Series]:
        return self._data.read(queries, span.first, self._floor(span.last) + self._period)

    def _balancer_failed(self, found: Mapping[Query, Series]) -> dict[float, int]:
        """Answers of 5xx that the balancer made up itself, by period; the maintenance page is none."""
        _, errors, fixed = (found[query] for query in _BALANCER)
        return {start: max(0, round(value - fixed.get(start, 0.0))) for start, value in errors.items()}

    def _counts(
        self, one: _Wanted, found: Mapping[Query, Series], span: _Span, balancer_failed: Mapping[float, int]
    ) -> dict[float, FleetCounts]:
        series = [found[query] for query in one.queries()]
        starts = sorted({start for some in series for start in some if span.holds(start)})
        result = {}
        for start in starts:
            values = [some.get(start) for some in series]
            result[start] = FleetCounts(
                sums=dict(zip(SUMS, values, strict=False)),
                p95=values[len(SUMS)],
                slow=tuple(zip(one.limits, values[len(SUMS) + 1 :], strict=True)),
                balancer_failed=balancer_failed.get(start, 0),
            )
        return result

    def _period_of(self, one: _Wanted, counts: FleetCounts, start: float) -> Period | None:
        return period_from(counts, tier=one.tier, arm=one.arm, start=start, seconds=float(self._period))

    def _own_failures(
        self, balancer: Sequence[Series], fleets: Sequence[Mapping[float, FleetCounts]], span: _Span
    ) -> tuple[str, ...]:
        """Answers of 5xx for which no target was chosen: they are in no target group's counts.

        A target group without targets answers so, and looks clean by its own counts. Nobody can say
        which fleet they were meant for, so they are no evidence against green, but nothing passes.
        """
        starts = sorted({start for series in balancer for start in series if span.holds(start)})[-_LOOK_BACK:]
        requests, failed = 0, 0
        for start in starts:
            own = [some[start] for some in fleets if start in some]
            chosen, errors, fixed = (round(series.get(start, 0.0)) for series in balancer)
            requests += chosen
            failed += own_failures(errors, fixed, own)
        share = failed / (requests + failed) if failed else 0.0
        if share <= self._judging.error_limit:
            return ()
        words = f"the load balancer itself failed {failed:,} of {requests + failed:,} requests"
        return (f"cloudwatch: {words}, for which it chose no target (HTTPCode_ELB_5XX_Count)",)

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
        found = self._data.read([requests, *witnesses], first, self._ceil(until))
        newest = max((start for query in witnesses for start in found[query]), default=-math.inf)
        if newest + self._period < until:
            return None
        return round(sum(value for start, value in found[requests].items() if first <= start < until))

    def p95_ms(self, target_group: TargetGroup, *, since: float, until: float) -> float | None:
        """Blue's p95 by the hour; of the hours that are touched, the one with most requests.

        Percentiles do not add up, and a minute of little traffic has none worth its name: the larger of two
        requests is no 95th percentile. It freezes the judge's latency threshold, which need not be exact.
        """
        name = target_group.metric_dimension
        p95 = Query(metric="TargetResponseTime", statistic="p95", target_group=name)
        requests = Query(metric="RequestCount", statistic="Sum", target_group=name)
        found = self._data.read([p95, requests], self._floor(since), self._ceil(until), period=_HOUR)
        hours = [(found[requests].get(start, 0.0), value) for start, value in found[p95].items()]
        most, value = max(hours, default=(0.0, 0.0))
        return value * 1000 if most else None

    def _floor(self, at: float) -> float:
        return math.floor(at / self._period) * float(self._period)

    def _ceil(self, at: float) -> float:
        return math.ceil(at / self._period) * float(self._period)
