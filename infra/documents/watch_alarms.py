"""Alarms of what watches: the automatic fallback of releases, and what log filters count (M8)."""

from __future__ import annotations

from infra.documents.alarms import Alarm, Severity


def watchdog_alarms(group: str, queue: str) -> list[Alarm]:
    """A watchdog that fails would be noticed only when it is needed: its schedules and its dead letters."""
    failures = (
        ("dropped", "AWS/Scheduler", "InvocationDroppedCount", {"ScheduleGroup": group}),
        ("refused", "AWS/Scheduler", "TargetErrorCount", {"ScheduleGroup": group}),
        ("unanswered", "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}),
    )
    return [
        Alarm(
            name=f"watchdog-{name}",
            description="The automatic fallback could not restore the weights of a release: restore them by"
            f" hand (sc-deploy status), then empty {queue}",
            severity=Severity.CRITICAL,
            namespace=namespace,
            metric=metric,
            dimensions=dimensions,
            statistic="Maximum" if namespace == "AWS/SQS" else "Sum",
            threshold=0,
            # A message stays until somebody removes it; the other two are counted once.
            minutes=2 if namespace == "AWS/SQS" else 1,
        )
        for name, namespace, metric, dimensions in failures
    ]


def log_alarms(stack: str) -> list[Alarm]:
    """What log filters count, see infra/components/alarm_set.py (M8)."""
    return [
        Alarm(
            name="database-refuses",
            description="The database refuses connections: FATAL in its log (M8)",
            severity=Severity.CRITICAL,
            namespace=f"SportCoach/{stack}",
            metric="DatabaseFatal",
            statistic="Sum",
            threshold=5,
            minutes=5,
        )
    ]
