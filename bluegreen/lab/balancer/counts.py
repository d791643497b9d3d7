"""What the load balancer counts, second by second, as AWS/ApplicationELB does: exact, from the access log.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bluegreen.lab.balancer.routes import FIXED


def two_digits(seconds: float) -> float:
    """`seconds` rounded to two significant digits: few distinct values, an error below 5 %."""
    if seconds <= 0:
        return 0.0
    return round(seconds, 1 - math.floor(math.log10(seconds)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One request of the access log."""

    ended: float
    """Epoch seconds."""
    group: str
    """The target group whose target was asked; '' where none was."""
    status: int
    """What the client got; 0 where it left before."""
    flags: str
    latency: float | None
    """Seconds until the target began to answer; None where it did not."""
    fixed: bool
    """Answered by a fixed-response action."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for what is not a line in the form of `listener.FIELDS`."""
        began, took, route, group, target, status, flags, latency = text.rstrip("\n").split("\t")
        return cls(
            ended=float(began) + float(took) / 1000,
            group="" if target == "-" else group,
            status=int(status),
            flags=flags,
            latency=None if latency == "-" else float(latency) / 1e6,
            fixed=route == FIXED,
        )


@dataclass(slots=True)
class _Second:
    groups: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    latency: defaultdict[str, Counter[float]] = field(default_factory=lambda: defaultdict(Counter))
    elb: Counter[str] = field(default_factory=Counter)


class Counts:
    """Counts by the second in which a request ended; `begin` is the first one (epoch)."""

    def __init__(self, begin: int) -> None:
        self._next = begin
        self._seconds: defaultdict[int, _Second] = defaultdict(_Second)

    def add(self, line: Line) -> None:
        second = self._seconds[int(line.ended)]
        second.elb["fixed"] += line.fixed
        if line.group:  # RequestCount is about requests for which a target was chosen
            second.elb["requests"] += 1
            second.groups[line.group]["requests"] += 1
        if line.latency is not None:
            second.groups[line.group][f"{line.status // 100}xx"] += 1
            second.latency[line.group][two_digits(line.latency)] += 1
            return
        if line.group and "UF" in line.flags:
            second.groups[line.group]["connection_errors"] += 1
        # The load balancer's own answer; a client that has left is 460 in its logs.
        own = line.status or 460
        second.elb[f"{own // 100}xx"] += 1
        second.elb[str(own)] += 1

    def take(self, before: int, hosts: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
        """The seconds before epoch second `before` not taken yet, and what came too late for theirs.

        `hosts`: healthy and unhealthy targets of each group in use; told once for each second.
        """
        late = sorted(second for second in self._seconds if second < self._next)
        due = range(self._next, before)
        self._next = max(self._next, before)
        documents = [_document(second, self._seconds.pop(second), {}) for second in late]
        return documents + [_document(one, self._seconds.pop(one, _Second()), hosts) for one in due]


def _document(at: int, second: _Second, hosts: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    groups: dict[str, dict[str, Any]] = {}
    for arn in second.groups.keys() | hosts.keys():
        healthy, unhealthy = hosts.get(arn, (None, None))
        groups[arn] = {
            **second.groups[arn],
            "latency": [[seconds, count] for seconds, count in sorted(second.latency[arn].items())],
            "healthy": healthy,
            "unhealthy": unhealthy,
        }
    return {"at": at, "groups": groups, "elb": dict(second.elb)}
