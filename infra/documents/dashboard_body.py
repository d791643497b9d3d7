"""The body of a stack's dashboard: the front door first, then hosts, AI, stores (M1-M4, M7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bluegreen.contract import QUEUE_METRIC, host_namespace
from infra.documents.feedback import feedback_lines

WIDTH, HEIGHT = 8, 6
COLUMNS = 3


def body(
    *, stack: str, region: str, balancer: str, tiers: Sequence[str], database: str, cache_nodes: Sequence[str]
) -> dict[str, Any]:
    """Three widgets a row. Fleets are found by search: every release creates new ones."""
    charts = [
        *_front_door(balancer),
        *_hosts(stack, tiers),
        *(_ai(stack) if "ai" in tiers else []),
        *_database(database),
        *_cache(cache_nodes),
    ]
    return {
        "widgets": [
            {
                "type": "metric",
                "x": index % COLUMNS * WIDTH,
                "y": index // COLUMNS * HEIGHT,
                "width": WIDTH,
                "height": HEIGHT,
                "properties": {"region": region, "view": "timeSeries", "period": 60, **chart},
            }
            for index, chart in enumerate(charts)
        ]
    }


def _chart(title: str, *metrics: list[Any], **more: Any) -> dict[str, Any]:
    return {"title": title, "metrics": list(metrics), **more}


def _search(title: str, dimensions: str, metric: str, statistic: str) -> dict[str, Any]:
    found = f"SEARCH('{{{dimensions}}} MetricName=\"{metric}\"', '{statistic}', 60)"
    return _chart(title, [{"expression": found, "id": "found"}])


def _front_door(balancer: str) -> list[dict[str, Any]]:
    name = "AWS/ApplicationELB"
    fleets = f"{name},LoadBalancer,TargetGroup"
    of = ["LoadBalancer", balancer]
    return [
        _chart("Requests", [name, "RequestCount", *of, {"stat": "Sum"}]),
        _chart(
            "Response time",
            *([name, "TargetResponseTime", *of, {"stat": stat}] for stat in ("p50", "p95", "p99")),
        ),
        _chart(
            "Errors",
            [name, "HTTPCode_Target_5XX_Count", *of, {"stat": "Sum"}],
            [name, "HTTPCode_ELB_5XX_Count", *of, {"stat": "Sum"}],
            [name, "HTTPCode_Target_4XX_Count", *of, {"stat": "Sum"}],
        ),
        _search("Requests by fleet (blue and green)", fleets, "RequestCount", "Sum"),
        _search("5xx by fleet", fleets, "HTTPCode_Target_5XX_Count", "Sum"),
        _search("Healthy targets by fleet", fleets, "HealthyHostCount", "Minimum"),
    ]


def _hosts(stack: str, tiers: Sequence[str]) -> list[dict[str, Any]]:
    metrics = {"CPU, %": "cpu_usage_active", "Memory, %": "mem_used_percent", "Disk, %": "disk_used_percent"}
    hosts = [
        _chart(title, *([host_namespace(stack), metric, "Stack", stack, "Tier", tier] for tier in tiers))
        for title, metric in metrics.items()
    ]
    received = [
        [host_namespace(stack), metric, "Stack", stack, "Tier", tier]
        for tier in tiers
        for metric in ("net_bytes_recv", "net_bytes_sent")
    ]
    return [*hosts, _chart("Network, bytes", *received)]


def _ai(stack: str) -> list[dict[str, Any]]:
    """Quality first (M7): correct answers matter more than fast ones."""

    def of(metric: str) -> list[Any]:
        return [host_namespace(stack), metric, "Stack", stack, "Tier", "ai"]

    fleets = "AWS/ApplicationELB,LoadBalancer,TargetGroup"
    # A search term matches a whole word of a name: target groups are called sc-<stack>-ai-<number>.
    slow = f"SEARCH('{{{fleets}}} MetricName=\"TargetResponseTime\" {stack} ai', 'p95', 60)"
    return [
        _chart(
            "AI accuracy, recall, precision",
            *(of(f"ai_model_{name}") for name in ("accuracy", "recall", "precision")),
            yAxis={"left": {"min": 0, "max": 1}},
        ),
        _chart("AI response time by fleet, P95", [{"expression": slow, "id": "slow"}]),
        _chart("AI queue length", of("ai_queue_length")),
        _chart("AI feedback of users", *feedback_lines(stack), yAxis={"left": {"min": 0, "max": 1}}),
        _search(
            "AI backlog by fleet", f"{host_namespace(stack)},AutoScalingGroupName", QUEUE_METRIC, "Average"
        ),
    ]


def _database(identifier: str) -> list[dict[str, Any]]:
    def of(metric: str, **more: Any) -> list[Any]:
        return ["AWS/RDS", metric, "DBInstanceIdentifier", identifier, more]

    return [
        _chart("Database: connections", of("DatabaseConnections", stat="Maximum")),
        _chart("Database: CPU, %", of("CPUUtilization")),
        _chart("Database: latency, s", of("ReadLatency"), of("WriteLatency")),
        _chart("Database: free storage, bytes", of("FreeStorageSpace", stat="Minimum")),
    ]


def _cache(nodes: Sequence[str]) -> list[dict[str, Any]]:
    metrics = {
        "Cache: hit rate": "CacheHitRate",
        "Cache: memory, %": "DatabaseMemoryUsagePercentage",
        "Cache: connections": "CurrConnections",
    }
    return [
        _chart(title, *(["AWS/ElastiCache", metric, "CacheClusterId", node] for node in nodes))
        for title, metric in metrics.items()
        if nodes
    ]
