"""`ports.Metrics` out of several sources: each metric is fed by those that deploy.toml names.

The load balancer's counts decide whether a fleet is quiet. A source that fails is named and leaves the
others' data as it is: the engine holds, and what they show may still fail the release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bluegreen.adapters.metrics.metrics_http import SourceUnavailable
from bluegreen.adapters.threads import parallel
from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.stack import TargetGroup
from bluegreen.errors import CloudUnavailable, Refused
from bluegreen.policy import MetricsPolicy, Source
from bluegreen.ports import Arms, Collected, Halves, Metrics, MetricSource

T = TypeVar("T")


class CombinedMetrics:
    """The balancer's own counts, and the sources that feed what `policy` says."""

    def __init__(
        self, balancer: Metrics, others: Mapping[Source, MetricSource], policy: MetricsPolicy
    ) -> None:
        self._balancer, self._policy = balancer, policy
        known: Mapping[Source, MetricSource] = {Source.CLOUDWATCH: balancer, **others}
        self._sources = {source: known[source] for source in policy.feeds}

    def collect(
        self, arms: Sequence[Arms], *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> Collected:
        """All sources at the same time, each reduced to the metrics that it feeds."""
        calls = [
            partial(_guarded, source, partial(one.collect, arms, since=since, until=until, slow_ms=slow_ms))
            for source, one in self._sources.items()
        ]
        periods: list[Period] = []
        troubles: list[str] = []
        for source, found in zip(self._sources, parallel(calls), strict=True):
            if isinstance(found, CloudUnavailable):
                troubles.append(f"metrics broken: {found.what}")
                continue
            fed = self._policy.feeds[source]
            periods += [_reduced(period, fed) for period in found.periods]
            troubles += found.troubles
        return Collected(periods=tuple(sorted(periods, key=lambda one: one.start)), troubles=tuple(troubles))

    def requests(self, target_group: TargetGroup, *, since: float, until: float) -> int | None:
        """The load balancer counts every request, whoever answers it."""
        return self._balancer.requests(target_group, since=since, until=until)

    def p95_ms(self, target_group: TargetGroup, *, since: float, until: float) -> float | None:
        """Of the first source of latency that has it; raises CloudUnavailable where one fails before."""
        for source in self._policy.latency:
            call = partial(self._sources[source].p95_ms, target_group, since=since, until=until)
            found = _guarded(source, call)
            if isinstance(found, CloudUnavailable):
                raise found
            if found is not None:
                return found
        return None

    def halves(
        self, arms: Arms, *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> tuple[Halves, ...]:
        feeds, times = self._policy.feeds, {"since": since, "until": until}
        every = self._sources.values()
        calls = [partial(one.halves, arms, **times, slow_ms=slow_ms) for one in every]
        return tuple(
            replace(one, periods=tuple(_reduced(period, feeds[source]) for period in one.periods))
            for source, some in zip(self._sources, parallel(calls), strict=True)
            for one in some
        )


def _guarded(source: Source, call: Callable[[], T]) -> T | CloudUnavailable:
    """What `call` returns, or why the source is broken; one that AWS denies does not refuse the release."""
    try:
        return call()
    except (CloudUnavailable, Refused) as error:
        what = error.what if error.what.startswith(f"{source}: ") else f"{source}: {error.what}"
        return SourceUnavailable(what, next_step=error.next_step)


def _reduced(period: Period, fed: frozenset[str]) -> Period:
    """The period without what its source shall not be judged by."""
    errors, latency = "errors" in fed, "latency" in fed
    return replace(
        period,
        requests=period.requests if errors or latency else 0,
        errors=period.errors if errors else 0,
        undelivered=period.undelivered if errors else 0,
        noisiest=period.noisiest if errors else "",
        noisiest_errors=period.noisiest_errors if errors else 0,
        noisiest_requests=period.noisiest_requests if errors else 0,
        counts_errors=errors and period.counts_errors,
        slow=period.slow if latency else (),
        slowest=period.slowest if latency else "",
        slowest_requests=period.slowest_requests if latency else 0,
        slowest_slow=period.slowest_slow if latency else (),
        p95_ms=period.p95_ms if latency else None,
        labels=period.labels if "accuracy" in fed else 0,
        wrong=period.wrong if "accuracy" in fed else 0,
    )
