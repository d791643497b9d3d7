"""Alarms of database and cache (M2, M3, M8, M9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.documents.alarms import CPU_PERCENT, DOWN, MEMORY_PERCENT, UP, Alarm, Severity
from infra.settings import DatabaseSettings

REPLICA_LAG_SECONDS = 60
LATENCY_SECONDS = 0.02
GIB = 1024**3


def database_alarms(identifier: str, settings: DatabaseSettings) -> list[Alarm]:
    """Load, capacity, latency and replication lag (M2)."""
    return [
        *_load(identifier, settings),
        *_capacity(identifier, settings),
        *_latency(identifier),
        *_availability(identifier, has_replica=settings.replica_class is not None),
    ]


def _of_database(identifier: str, name: str, metric: str, description: str, **more: Any) -> Alarm:
    """A warning about one database instance, unless `more` says otherwise."""
    return Alarm(
        name=f"database-{name}",
        metric=metric,
        description=description,
        namespace="AWS/RDS",
        dimensions={"DBInstanceIdentifier": identifier},
        **{"severity": Severity.WARNING, **more},
    )


def _load(identifier: str, settings: DatabaseSettings) -> list[Alarm]:
    whole = memory_gib(settings.instance_class) * GIB
    return [
        _of_database(
            identifier,
            "cpu",
            "CPUUtilization",
            f"CPU of the database is above {CPU_PERCENT} % (M9)",
            page="database-load",
            threshold=CPU_PERCENT,
        ),
        _of_database(
            identifier,
            "memory",
            "FreeableMemory",
            f"The database uses more than {MEMORY_PERCENT} % of its memory (M9)",
            page="database-load",
            threshold=whole * (100 - MEMORY_PERCENT) / 100,
            comparison=DOWN,
        ),
    ]


def _capacity(identifier: str, settings: DatabaseSettings) -> list[Alarm]:
    return [
        _of_database(
            identifier,
            "connections",
            "DatabaseConnections",
            f"More than {settings.connections_alarm} connections; the database is close to its limit (M8)",
            severity=Severity.CRITICAL,
            statistic="Maximum",
            threshold=settings.connections_alarm,
        ),
        _of_database(
            identifier,
            "storage",
            "FreeStorageSpace",
            "Less than 10 % of the storage is free",
            severity=Severity.CRITICAL,
            statistic="Minimum",
            threshold=settings.storage_gb * GIB / 10,
            comparison=DOWN,
        ),
    ]


def _latency(identifier: str) -> list[Alarm]:
    return [
        _of_database(
            identifier,
            f"{kind.lower()}-latency",
            f"{kind}Latency",
            f"{kind}s take more than {LATENCY_SECONDS * 1000:.0f} ms",
            page="database-load",
            threshold=LATENCY_SECONDS,
            minutes=10,
        )
        for kind in ("Read", "Write")
    ]


def _availability(identifier: str, *, has_replica: bool) -> list[Alarm]:
    silent = _of_database(
        identifier,
        "silent",
        "DatabaseConnections",
        "The database reports no metrics: it is down or unreachable (M8)",
        severity=Severity.CRITICAL,
        threshold=0,
        comparison=DOWN,
        missing="missing",
        silence_pages=True,
    )
    if not has_replica:
        return [silent]
    lag = _of_database(
        f"{identifier}-replica",
        "replica-lag",
        "ReplicaLag",
        f"The replica is more than {REPLICA_LAG_SECONDS} s behind",
        statistic="Maximum",
        threshold=REPLICA_LAG_SECONDS,
        missing="missing",
        silence_pages=True,
    )
    return [silent, lag]


def memory_gib(instance_class: str) -> int:
    """Memory of a database class in GiB: RDS reports only how much is free.

    From `large` on, memory doubles with each step (RDS user guide, "Hardware specifications"). Raises
    KeyError for an unknown size.
    """
    _, family, size = instance_class.split(".")
    small = {"micro": 1, "small": 2, "medium": 4}
    if size in small:
        return small[size]
    factor = {"large": 1, "xlarge": 2}.get(size) or 2 * int(size.removesuffix("xlarge"))
    return (16 if family.startswith("r") else 8) * factor


def cache_alarms(nodes: Sequence[str]) -> list[Alarm]:
    """Load, memory, hit rate and connections of every node (M3)."""
    metrics = (
        ("cpu", "EngineCPUUtilization", UP, CPU_PERCENT, "CPU above 80 %"),
        ("memory", "DatabaseMemoryUsagePercentage", UP, MEMORY_PERCENT, "memory above 80 %"),
        ("hit-rate", "CacheHitRate", DOWN, 0.8, "hit rate below 80 %"),
        ("connections", "CurrConnections", UP, 50_000, "more than 50,000 of 65,000 connections"),
    )
    return [
        Alarm(
            name=f"cache-{name}-{node}",
            description=f"Cache node {node}: {meaning} (M3)",
            page="cache",
            severity=Severity.WARNING,
            namespace="AWS/ElastiCache",
            metric=metric,
            dimensions={"CacheClusterId": node},
            comparison=comparison,
            threshold=threshold,
            minutes=10,
            holds_releases=name != "hit-rate",  # a cold cache warms up by itself
        )
        for node in nodes
        for name, metric, comparison, threshold, meaning in metrics
    ]
