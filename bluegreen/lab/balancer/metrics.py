"""What the load balancer counts, second by second, as AWS/ApplicationELB does.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def two_digits(seconds: float) -> float:
    """`seconds` rounded to two significant digits: few distinct values, an error below 5 %."""
    if seconds <= 0:
        return 0.0
    return round(seconds, 1 - math.floor(math.log10(seconds)))


@dataclass(slots=True)
class _Group:
    counts: Counter[str] = field(default_factory=Counter)
    latency: Counter[float] = field(default_factory=Counter)


class Metrics:
    """Counts since the last `take`. A request counts when its outcome is known."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._elb: Counter[str] = Counter()

    def answered(self, group: str, status: int, seconds: float) -> None:
        """A target of `group` began to answer `seconds` after it was sent the request."""
        entry = self._groups.setdefault(group, _Group())
        entry.counts["requests"] += 1
        entry.counts[f"{status // 100}xx"] += 1
        entry.latency[two_digits(seconds)] += 1
        self._elb["requests"] += 1

    def unanswered(self, group: str, *, connection_error: bool) -> None:
        """A target of `group` was chosen and gave no answer; `own_answer` tells what the client got."""
        entry = self._groups.setdefault(group, _Group())
        entry.counts["requests"] += 1
        entry.counts["connection_errors"] += connection_error

    def own_answer(self, status: int) -> None:
        """The load balancer itself answered `status` (error or fixed response)."""
        self._elb["requests"] += 1
        if status >= 500:
            self._elb["5xx"] += 1
            self._elb["503"] += status == 503

    def take(self, at: int, hosts: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """The counts of the second that began at epoch second `at`; begins the next.

        `hosts`: healthy and unhealthy targets of each group in use.
        """
        document = {
            "at": at,
            "groups": {
                arn: _group(self._groups.get(arn, _Group()), *hosts.get(arn, (0, 0)))
                for arn in self._groups.keys() | hosts.keys()
            },
            "elb": {name: self._elb[name] for name in ("requests", "5xx", "503")},
        }
        self._groups = {}
        self._elb = Counter()
        return document


def _group(entry: _Group, healthy: int, unhealthy: int) -> dict[str, Any]:
    names = ("requests", "2xx", "3xx", "4xx", "5xx", "connection_errors")
    return {
        **{name: entry.counts[name] for name in names},
        "latency": [[seconds, count] for seconds, count in sorted(entry.latency.items())],
        "healthy": healthy,
        "unhealthy": unhealthy,
    }
