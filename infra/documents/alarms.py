"""Alarms as data: metric, threshold and severity, for the load balancer, hosts and logs (M1, M8, M9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pulumi

from bluegreen.contract import AGENTS_METRIC, host_namespace

# The strategy's numbers (M9).
CPU_PERCENT = 80
MEMORY_PERCENT = 80
SLOWER = 1.5
ERROR_PERCENT = 1
"""The error rate at which a release is rolled back (R3)."""
DISK_PERCENT = 85

DOWN = "LessThanThreshold"
UP = "GreaterThanThreshold"


def runbook(page: str) -> str:
    """Where the operations manual says what to do."""
    return f"Runbook: docs/operations-manual.md#{page}"


class Severity(StrEnum):
    """`critical` pages somebody, `warning` is read in the morning."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm; `missing` says what no data means (CloudWatch `TreatMissingData`)."""

    name: str
    description: str
    severity: Severity
    threshold: float
    metric: str = ""
    namespace: str = ""
    dimensions: Mapping[str, pulumi.Input[str]] | None = None
    statistic: str = "Average"
    comparison: str = UP
    minutes: int = 5
    missing: str = "notBreaching"
    queries: Sequence[Mapping[str, Any]] = ()
    """Metric math instead of `metric`."""
    silence_pages: bool = False
    """Whether it notifies when the data stay away. Unlike `missing="breaching"` this is not the state ALARM,
    so it bars no release into a stack whose stores have not reported yet."""
    holds_releases: bool = True
    """sc-deploy starts no release while such an alarm fires. False for what a release itself may fix."""

    page: str = ""
    """Section of the operations manual that says what to do; the alarm's own name where it has one."""

    @property
    def text(self) -> str:
        """What people are sent: what is wrong, and where to read what to do."""
        return f"{self.description}. {runbook(self.page or self.name)}"

    def __post_init__(self) -> None:
        if self.silence_pages and self.missing != "missing":
            raise ValueError(f"{self.name}: only missing data lead to INSUFFICIENT_DATA, not {self.missing}")


def balancer_alarms(balancer: pulumi.Input[str], response_time_ms: int) -> list[Alarm]:
    """What users see at the load balancer. `balancer` is the `app/...` suffix of its ARN."""

    def alarm(name: str, metric: str, **more: Any) -> Alarm:
        return Alarm(
            name=name,
            metric=metric,
            namespace="AWS/ApplicationELB",
            dimensions={"LoadBalancer": balancer},
            **more,
        )

    return [
        Alarm(
            name="service-down",
            description="The load balancer answers 5xx itself: targets are unhealthy or do not respond (M8)",
            severity=Severity.CRITICAL,
            threshold=10,
            minutes=2,
            queries=_own_errors(balancer),
        ),
        alarm(
            "maintenance-page",
            "HTTP_Fixed_Response_Count",
            description="Requests get the maintenance page: no release has a rule for them (M8)",
            severity=Severity.CRITICAL,
            statistic="Sum",
            threshold=10,
            minutes=3,
            holds_releases=False,
        ),
        Alarm(
            name="error-rate",
            description=f"More than {ERROR_PERCENT} % of requests fail in the application (M4)",
            severity=Severity.CRITICAL,
            threshold=ERROR_PERCENT,
            minutes=5,
            queries=_error_rate(balancer),
        ),
        alarm(
            "response-time",
            "TargetResponseTime",
            description=f"P95 response time is 50 % above the accepted {response_time_ms} ms (M9)",
            severity=Severity.WARNING,
            statistic="p95",
            threshold=response_time_ms * SLOWER / 1000,
            minutes=10,
        ),
    ]


def _sum_of(balancer: pulumi.Input[str], name: str, metric: str) -> dict[str, Any]:
    return {
        "id": name,
        "metric": {
            "namespace": "AWS/ApplicationELB",
            "metric_name": metric,
            "dimensions": {"LoadBalancer": balancer},
            "period": 60,
            "stat": "Sum",
        },
    }


def _own_errors(balancer: pulumi.Input[str]) -> list[dict[str, Any]]:
    """The load balancer's own 5xx without the maintenance page, which has its own alarm."""
    return [
        _sum_of(balancer, "own", "HTTPCode_ELB_5XX_Count"),
        _sum_of(balancer, "page", "HTTP_Fixed_Response_Count"),
        {"id": "down", "expression": "FILL(own, 0) - FILL(page, 0)", "label": "5xx", "return_data": True},
    ]


def _error_rate(balancer: pulumi.Input[str]) -> list[dict[str, Any]]:
    # 5xx is reported only when there is one; no requests at all is covered by another alarm.
    rate = "IF(requests > 100, 100 * FILL(errors, 0) / requests, 0)"
    return [
        _sum_of(balancer, "errors", "HTTPCode_Target_5XX_Count"),
        _sum_of(balancer, "requests", "RequestCount"),
        {"id": "rate", "expression": rate, "label": "errors in percent", "return_data": True},
    ]


def host_alarms(stack: str, tier: str) -> list[Alarm]:
    """CPU, memory and disk of a tier, whichever fleets serve it (M1, A3)."""
    metrics = (
        ("cpu", "cpu_usage_active", CPU_PERCENT),
        ("memory", "mem_used_percent", MEMORY_PERCENT),
        ("disk", "disk_used_percent", DISK_PERCENT),
    )
    return [
        Alarm(
            name=f"{tier}-{name}",
            description=f"Tier {tier}: {name} is above {limit} % (M9)",
            page=f"host-{name}",
            severity=Severity.WARNING,
            namespace=host_namespace(stack),
            metric=metric,
            dimensions={"Stack": stack, "Tier": tier},
            # A full disk on one host is enough.
            statistic="Maximum" if name == "disk" else "Average",
            threshold=limit,
            minutes=10,
        )
        for name, metric, limit in metrics
    ] + [
        Alarm(
            name=f"{tier}-agents",
            description=f"Tier {tier}: an agent does not run, so its host is not seen (M1)",
            page="host-agents",
            severity=Severity.WARNING,
            namespace=host_namespace(stack),
            metric=AGENTS_METRIC,
            dimensions={"Stack": stack, "Tier": tier},
            statistic="Maximum",
            threshold=0,
            minutes=10,
        )
    ]
