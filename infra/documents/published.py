"""What the stack's monitoring reads and must always have data, for `sc-deploy doctor` (C3).

Counts of what happens now and then (errors, log filters) are left out: their silence says nothing. A test
holds this list against alarms, charts and rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bluegreen.contract import AGENTS_METRIC, QUEUE_METRIC, Published, Tier, host_namespace
from infra.settings import Role, Settings

HOST = (
    AGENTS_METRIC,
    "cpu_usage_active",
    "disk_used_percent",
    "mem_used_percent",
    "net_bytes_recv",
    "net_bytes_sent",
)
AI = ("ai_model_accuracy", "ai_model_precision", "ai_model_recall", QUEUE_METRIC)
DATABASE = ("CPUUtilization", "DatabaseConnections", "FreeStorageSpace", "ReadLatency", "WriteLatency")
CACHE = ("CacheHitRate", "CurrConnections", "DatabaseMemoryUsagePercentage")
SERVED = ("http_requests_total", "http_request_duration_seconds_bucket")
AI_SERIES = (
    "ai_inference_seconds_bucket",
    "ai_labelled_answers_total",
    "ai_model_accuracy",
    QUEUE_METRIC,
    "ai_wrong_answers_total",
)


def published(settings: Settings, database: str, cache_nodes: Sequence[str]) -> tuple[Published, ...]:
    """CloudWatch metrics of hosts, database and cache."""
    namespace = host_namespace(settings.stack)
    hosts = (
        Published(
            namespace=namespace,
            dimensions={"Stack": settings.stack, "Tier": tier},
            names=HOST + (AI if Role.AI in one.roles else ()),
        )
        for tier, one in settings.tiers.items()
    )
    stores = [Published(namespace="AWS/RDS", dimensions={"DBInstanceIdentifier": database}, names=DATABASE)]
    stores += [
        Published(namespace="AWS/ElastiCache", dimensions={"CacheClusterId": node}, names=CACHE)
        for node in cache_nodes
    ]
    return (*hosts, *stores)


def series(settings: Settings) -> tuple[str, ...]:
    """Selectors of what hosts write to Managed Prometheus."""
    return tuple(one for tier, settled in settings.tiers.items() for one in _of(tier, settled.roles))


def _of(tier: Tier, roles: Sequence[Role]) -> Iterable[str]:
    jobs = ("application", "node", "ai") if Role.AI in roles else ("application", "node")
    yield from (f'up{{job="{job}",tier="{tier}"}}' for job in jobs)
    names = SERVED + (AI_SERIES if Role.AI in roles else ())
    yield from (f'{name}{{tier="{tier}"}}' for name in names)
