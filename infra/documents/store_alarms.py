"""Alarms of database and cache (M2, M3, M8, M9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.documents.alarms import CPU_PERCENT, DOWN, MEMORY_PERCENT, UP, Alarm, Severity
from infra.settings import DatabaseSettings

REPLICA_LAG_SECONDS = 60
GIB = 1024**3


def database_alarms(identifier: str, settings: DatabaseSettings) -> list[Alarm]:
    """Connections, load, storage, latency and replication lag (M2)."""

    def alarm(name: str, metric: str, *, instance: str = identifier, **more: Any) -> Alarm:
        more.setdefault("severity", Severity.WARNING)
        return Alarm(
            name=f"database-{name}",
            metric=metric,
            namespace="AWS/RDS",
            dimensions={"DBInstanceIdentifier": instance},
            **more,
        )

    alarms = [
        alarm(
            "cpu", "CPUUtilization", description="CPU of the database above 80 % (M9)", threshold=CPU_PERCENT
        ),
        alarm(
            "memory",
            "FreeableMemory",
            description="Memory of the database above 80 % (M9)",
            threshold=memory_gib(settings.instance_class) * GIB * (100 - MEMORY_PERCENT) / 100,
            comparison=DOWN,
        ),
        alarm(
            "connections",
            "DatabaseConnections",
            description=f"More than {settings.connections_alarm} connections; refusals come next (M8)",
            severity=Severity.CRITICAL,
            statistic="Maximum",
            threshold=settings.connections_alarm,
        ),
        alarm(
            "storage",
            "FreeStorageSpace",
            description="Less than 10 % of the storage left",
            severity=Severity.CRITICAL,
            statistic="Minimum",
            threshold=settings.storage_gb * GIB / 10,
            comparison=DOWN,
        ),
        alarm(
            "read-latency",
            "ReadLatency",
            description="Reads take more than 20 ms",
            threshold=0.02,
            minutes=10,
        ),
        alarm(
            "write-latency",
            "WriteLatency",
            description="Writes take more than 20 ms",
            threshold=0.02,
            minutes=10,
        ),
        alarm(
            "silent",
            "DatabaseConnections",
            description="The database reports nothing: it is down or out of reach (M8)",
            severity=Severity.CRITICAL,
            threshold=0,
            comparison=DOWN,
            missing="breaching",
        ),
    ]
    if settings.replica_class:
        alarms.append(
            alarm(
                "replica-lag",
                "ReplicaLag",
                instance=f"{identifier}-replica",
                description=f"The replica is more than {REPLICA_LAG_SECONDS} s behind",
                statistic="Maximum",
                threshold=REPLICA_LAG_SECONDS,
                missing="breaching",
            )
        )
    return alarms


def memory_gib(instance_class: str) -> int:
    """Memory of a database class: an RDS instance reports what is free, in bytes, and never its size.

    From `large` on, memory doubles with each step (RDS user guide, "Hardware specifications"). Raises
    KeyError for a size that is not known.
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
        ("hit-rate", "CacheHitRate", DOWN, 0.8, "fewer than 80 % of reads hit"),
        ("connections", "CurrConnections", UP, 50_000, "more than 50,000 of 65,000 connections"),
    )
    return [
        Alarm(
            name=f"cache-{name}-{node}",
            description=f"Cache node {node}: {meaning} (M3)",
            severity=Severity.WARNING,
            namespace="AWS/ElastiCache",
            metric=metric,
            dimensions={"CacheClusterId": node},
            comparison=comparison,
            threshold=threshold,
            minutes=10,
            holds_releases=name != "hit-rate",  # a cold cache warms by itself
        )
        for node in nodes
        for name, metric, comparison, threshold, meaning in metrics
    ]
