"""Alarms of what watches: the automatic fallback of releases, and what log filters count (M8)."""

from __future__ import annotations

from bluegreen.contract import host_namespace
from infra.documents.alarms import DOWN, UP, Alarm, Severity
from infra.documents.search_pipelines import PIPELINES, pipeline_name


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
            page="watchdog",
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
            namespace=host_namespace(stack),
            metric="DatabaseFatal",
            statistic="Sum",
            threshold=5,
            minutes=5,
        )
    ]


def search_alarms(environment: str, account_id: str, storage_gb: int) -> list[Alarm]:
    """Logs that do not arrive in the search, or soon will not (M5). None of them holds a release.

    `environment` is the prefix of names. Metrics: "Monitoring pipeline metrics" of OpenSearch Ingestion,
    which begin with the name of the sub-pipeline; "Monitoring" of Kinesis, SQS and OpenSearch Service.
    """
    stack, late = environment.removeprefix("sportcoach-"), 15 * 60
    rejected = [
        (
            f"rejected-{kind}",
            "documents are rejected; they are in the log bucket under search-failed/",
            ("AWS/OSIS", f"{kind}.opensearch.documentErrors.count"),
            {"PipelineName": pipeline_name(stack, kind)},
            ("Sum", 0),
        )
        for kind in PIPELINES
    ]
    others = [
        (
            "streamed-late",
            "log groups are more than 15 minutes behind",
            ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"),
            {"StreamName": f"{environment}-logs"},
            ("Maximum", late * 1000),
        ),
        (
            "stored-late",
            "balancer, CDN or firewall logs are more than 15 minutes behind",
            ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
            {"QueueName": f"{environment}-logs-stored"},
            ("Maximum", late),
        ),
        (
            "stored-unreadable",
            "objects with logs could not be read; the queue names them",
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            {"QueueName": f"{environment}-logs-failed"},
            ("Maximum", 0),
        ),
        (
            "full",
            "less than a fifth of a node's storage is free: delete old indexes",
            ("AWS/ES", "FreeStorageSpace"),
            {"ClientId": account_id, "DomainName": f"{environment}-logs"},
            ("Minimum", storage_gb * 1024 / 5),
        ),
    ]
    return [
        Alarm(
            name=f"search-{name}",
            description=f"Log search: {meaning} (M5)",
            page="search",
            severity=Severity.WARNING,
            namespace=namespace,
            metric=metric,
            dimensions=dimensions,
            statistic=statistic,
            threshold=threshold,
            comparison=DOWN if name == "full" else UP,
            holds_releases=False,
        )
        for name, meaning, (namespace, metric), dimensions, (statistic, threshold) in [*rejected, *others]
    ]
