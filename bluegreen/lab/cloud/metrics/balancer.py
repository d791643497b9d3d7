"""Per-second counters of the data plane as the AWS/ApplicationELB metrics they become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bluegreen.lab.cloud.elb.state import State
from bluegreen.lab.cloud.metrics.store import Store

_NAMESPACE = "AWS/ApplicationELB"
_TARGET_COUNTS = {
    "requests": "RequestCount",
    "2xx": "HTTPCode_Target_2XX_Count",
    "3xx": "HTTPCode_Target_3XX_Count",
    "4xx": "HTTPCode_Target_4XX_Count",
    "5xx": "HTTPCode_Target_5XX_Count",
    "connection_errors": "TargetConnectionErrorCount",
}
_BALANCER_COUNTS = {
    "requests": "RequestCount",
    "fixed": "HTTP_Fixed_Response_Count",
    "4xx": "HTTPCode_ELB_4XX_Count",
    "5xx": "HTTPCode_ELB_5XX_Count",
    "502": "HTTPCode_ELB_502_Count",
    "503": "HTTPCode_ELB_503_Count",
    "504": "HTTPCode_ELB_504_Count",
}
_GAUGES = {"healthy": "HealthyHostCount", "unhealthy": "UnHealthyHostCount"}


class BalancerMetrics:
    """Takes counters; counts of zero leave no datapoint, as with a real balancer."""

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store

    def ingest(self, document: Mapping[str, Any]) -> None:
        """`{"at": second, "groups": {arn: counters}, "elb": counters}`; unknown groups are ignored."""
        at = float(document["at"])
        for arn, counters in (document.get("groups") or {}).items():
            self._group(arn, at, counters)
        balancers = list(self._state.balancers.values())
        totals: dict[str, float] = dict(document.get("elb") or {})
        for balancer in balancers[:1]:
            dimensions = frozenset({("LoadBalancer", balancer.suffix)})
            for name, metric in _BALANCER_COUNTS.items():
                self._count(metric, dimensions, at, totals.get(name, 0))

    def _group(self, arn: str, at: float, counters: Mapping[str, Any]) -> None:
        group = self._state.groups.get(arn)
        if group is None:
            return
        owners = self._state.balancers_of(arn) or list(self._state.balancers)[:1]
        for owner in owners:
            dimensions = frozenset(
                {("LoadBalancer", self._state.balancers[owner].suffix), ("TargetGroup", group.suffix)}
            )
            for name, metric in _TARGET_COUNTS.items():
                self._count(metric, dimensions, at, counters.get(name, 0))
            for name, metric in _GAUGES.items():
                if counters.get(name) is not None:
                    value = float(counters[name])
                    self._store.record((_NAMESPACE, metric, dimensions), at, [(value, 1.0)])
            latency = [(float(value), float(number)) for value, number in counters.get("latency") or ()]
            if latency:
                self._store.record((_NAMESPACE, "TargetResponseTime", dimensions), at, latency)

    def _count(self, metric: str, dimensions: frozenset[tuple[str, str]], at: float, number: float) -> None:
        if number:
            self._store.record((_NAMESPACE, metric, dimensions), at, [(1.0, float(number))])
