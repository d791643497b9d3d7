"""Every metric that an alarm, a chart or a scaling policy reads is one that somebody publishes, so spelt.

CloudWatch takes any name and any dimensions: an alarm on a metric that nobody publishes never fires.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bluegreen.adapters.aws.scaling import policies_of
from bluegreen.contract import Contract
from tests.infra.documents import documents, listed
from tests.infra.telemetry import Metric, hosts, put_by_the_application
from tools.recording import Recording, recorded

# What AWS publishes, by namespace and set of dimensions: of each the metrics that the program reads.
# User guides: "CloudWatch metrics for your Application Load Balancer"; "Amazon CloudWatch metrics for Amazon
# RDS"; "Host-level metrics" and "Metrics for Valkey and Redis OSS" of ElastiCache; "Monitoring health checks
# using CloudWatch" of Route 53; "Available CloudWatch metrics for Amazon SQS"; "Monitoring Amazon EventBridge
# Scheduler with Amazon CloudWatch".
BALANCER = {
    "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count",
    "HTTP_Fixed_Response_Count", "RequestCount", "TargetResponseTime",
}  # fmt: skip
TARGET_GROUP = {"HTTPCode_Target_5XX_Count", "HealthyHostCount", "RequestCount", "TargetResponseTime"}
AWS: Mapping[tuple[str, frozenset[str]], set[str]] = {
    ("AWS/ApplicationELB", frozenset({"LoadBalancer"})): BALANCER,
    ("AWS/ApplicationELB", frozenset({"LoadBalancer", "TargetGroup"})): TARGET_GROUP,
    ("AWS/RDS", frozenset({"DBInstanceIdentifier"})): {
        "CPUUtilization", "DatabaseConnections", "FreeStorageSpace", "FreeableMemory", "ReadLatency",
        "ReplicaLag", "WriteLatency",
    },
    ("AWS/ElastiCache", frozenset({"CacheClusterId"})): {
        "CacheHitRate", "CurrConnections", "DatabaseMemoryUsagePercentage", "EngineCPUUtilization",
    },
    ("AWS/Route53", frozenset({"HealthCheckId"})): {"HealthCheckStatus"},
    ("AWS/ES", frozenset({"ClientId", "DomainName"})): {"FreeStorageSpace"},
    ("AWS/Kinesis", frozenset({"StreamName"})): {"GetRecords.IteratorAgeMilliseconds"},
    ("AWS/OSIS", frozenset({"PipelineName"})): {
        "stored.opensearch.documentErrors.count", "streamed.opensearch.documentErrors.count",
    },
    ("AWS/SQS", frozenset({"QueueName"})): {
        "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible",
    },
    ("AWS/Scheduler", frozenset({"ScheduleGroup"})): {"InvocationDroppedCount", "TargetErrorCount"},
}  # fmt: skip
PREDEFINED = {"ASGAverageCPUUtilization", "ALBRequestCountPerTarget"}
"""Of Auto Scaling, PredefinedMetricSpecification."""
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def metric(namespace: str, name: str, dimensions: Mapping[str, str] | None) -> Metric:
    return Metric(namespace=namespace, name=name, dimensions=dimensions or {})


def alarms(stack: Recording) -> Iterator[Metric]:
    for alarm in stack.of(ALARM):
        for query in alarm.inputs.get("metricQueries", ()):
            if "metric" in query:
                one = query["metric"]
                yield metric(one["namespace"], one["metricName"], one.get("dimensions"))
        if "metricName" in alarm.inputs:
            one = alarm.inputs
            yield metric(one["namespace"], one["metricName"], one.get("dimensions"))


SEARCHED = re.compile(r"""SEARCH\('\{([^}]+)\} MetricName="(\w+)"(?: [^']*)?', '[\w.]+', 60\)""")


def charts(stack: Recording) -> Iterator[Metric]:
    (dashboard,) = stack.of("aws:cloudwatch/dashboard:Dashboard")
    for widget in json.loads(dashboard.inputs["dashboardBody"])["widgets"]:
        for line in widget["properties"]["metrics"]:
            if isinstance(line[0], dict):
                (found,) = SEARCHED.findall(line[0]["expression"])
                namespace, *keys = found[0].split(",")
                yield metric(namespace, found[1], dict.fromkeys(keys, "*"))
            else:
                namespace, name, *pairs = [part for part in line if isinstance(part, str)]
                yield metric(namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True)))


def scaling(stack: Recording) -> Iterator[Metric]:
    contract = Contract.model_validate(stack.outputs["contract"])
    for tier in contract.tiers:
        for policy in policies_of(contract, tier, "sc-prod-ai-42", "arn:targetgroup/g/1"):
            tracked = policy["TargetTrackingConfiguration"]
            if "PredefinedMetricSpecification" in tracked:
                assert tracked["PredefinedMetricSpecification"]["PredefinedMetricType"] in PREDEFINED
                continue
            one = tracked["CustomizedMetricSpecification"]
            found = {dimension["Name"]: dimension["Value"] for dimension in one["Dimensions"]}
            yield metric(one["Namespace"], one["MetricName"], found)


def published(stack: Recording, wanted: Metric) -> bool:
    """By AWS, by some host, by a log filter, or by the application."""
    if wanted.name in AWS.get((wanted.namespace, frozenset(wanted.dimensions)), ()):
        return True
    if any(_matches(wanted, one) for host in hosts(stack.stack) for one in host.metrics()):
        return True
    for one in stack.of("aws:cloudwatch/logMetricFilter:LogMetricFilter"):
        made = one.inputs["metricTransformation"]
        if wanted == metric(made["namespace"], made["name"], made.get("dimensions")):
            return True
    return (wanted.namespace, wanted.name, ",".join(wanted.dimensions)) in put_by_the_application()


def _matches(wanted: Metric, made: Metric) -> bool:
    """`*` in what is wanted stands for any value: a chart's search."""
    if (wanted.namespace, wanted.name, set(wanted.dimensions)) != (
        made.namespace,
        made.name,
        set(made.dimensions),
    ):
        return False
    return all(value in ("*", made.dimensions[key]) for key, value in wanted.dimensions.items())


NOT_ASKED = {"ReplicaLag", "FreeableMemory", "EngineCPUUtilization"}
"""Of the stores: what only some stacks have, and what another metric of the same sender stands for."""


def test_doctor_asks_for_every_steady_metric_that_alarms_and_charts_read(stack: Recording) -> None:
    """Of the senders that always send; what a log filter counts comes now and then."""
    contract = Contract.model_validate(stack.outputs["contract"])
    asked = {
        (one.namespace, name, frozenset(one.dimensions.items()))
        for one in contract.published
        for name in one.names
    }
    filters = stack.of("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    others = NOT_ASKED | {one.inputs["metricTransformation"]["name"] for one in filters}
    read = {
        (one.namespace, one.name, frozenset(one.dimensions.items()))
        for readers in (alarms, charts)
        for one in readers(stack)
        if one.name not in others and "*" not in one.dimensions.values()
    }
    steady = {one for one in read if one[0] in {namespace for namespace, _, _ in asked}}
    assert len(steady) > 5
    assert steady - asked == set()


def test_doctor_asks_for_nothing_that_nobody_publishes(stack: Recording) -> None:
    contract = Contract.model_validate(stack.outputs["contract"])
    asked = [metric(one.namespace, name, one.dimensions) for one in contract.published for name in one.names]
    assert [str(one) for one in asked if not published(stack, one)] == []


@pytest.mark.parametrize("readers", [alarms, charts, scaling])
def test_every_metric_that_is_read_is_published(stack: Recording, readers: Any) -> None:
    found = list(readers(stack))
    assert found or readers is scaling
    assert sorted({str(one) for one in found if not published(stack, one)}) == []


def test_the_scaling_of_prod_is_among_what_was_compared(prod: Recording) -> None:
    assert [one.name for one in scaling(prod)] == ["ai_queue_length"]


def test_alarms_of_stores_name_stores_that_exist(stack: Recording) -> None:
    """A dimension with the value of another stack, or of no instance, has no data."""
    known = {
        "DBInstanceIdentifier": {r.inputs["identifier"] for r in stack.of("aws:rds/instance:Instance")},
        "LoadBalancer": {r.outputs["arnSuffix"] for r in stack.of("aws:lb/loadBalancer:LoadBalancer")},
        "HealthCheckId": {r.id for r in stack.of("aws:route53/healthCheck:HealthCheck")},
    }
    seen = [(key, value) for one in alarms(stack) for key, value in one.dimensions.items() if key in known]
    assert seen
    assert [(key, value) for key, value in seen if value not in known[key]] == []


def test_instances_may_put_what_is_read(stack: Recording) -> None:
    """The agent and the application, with the instance's own role."""
    needed = {one.namespace for host in hosts(stack.stack) for one in host.metrics()}
    needed |= {one.namespace for one in scaling(stack)}
    for one in documents(stack, "aws:iam/rolePolicy:RolePolicy"):
        for statement in one.statements:
            if "cloudwatch:PutMetricData" in listed(statement["Action"]):
                allowed = statement["Condition"]["StringEquals"]["cloudwatch:namespace"]
                assert needed <= set(allowed), one.resource.name


def test_new_relic_gets_every_namespace_that_the_stack_reads() -> None:
    """Route 53's metrics lie in us-east-1, where no stream is."""
    stack = recorded("prod")
    (stream,) = stack.of("aws:cloudwatch/metricStream:MetricStream")
    streamed = {one["namespace"] for one in stream.inputs["includeFilters"]}
    read = {one.namespace for readers in (alarms, charts, scaling) for one in readers(stack)}
    assert read - {"AWS/Route53"} <= streamed
