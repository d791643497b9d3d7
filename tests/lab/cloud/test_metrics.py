from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.metrics.statistics import Spread, statistic
from bluegreen.lab.cloud.settings import Settings
from tests.lab.cloud.conftest import Stack, build, forward
from tests.lab.cloud.test_elb import refused


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def query(stack: Stack, *queries: dict, seconds: float = 60, **given: Any) -> dict:
    now = stack.clock.now()
    return stack.client("cloudwatch").get_metric_data(
        StartTime=at(now - seconds), EndTime=at(now + 60), MetricDataQueries=list(queries), **given
    )


def balancer(stack: Stack, group: str, name: str, stat: str, *, period: int = 1, key: str = "m") -> dict:
    dimensions = [
        {"Name": "LoadBalancer", "Value": stack.balancer.partition(":loadbalancer/")[2]},
        {"Name": "TargetGroup", "Value": group.rpartition(":")[2]},
    ]
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions}
    return {"Id": key, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sum", 13.0),
        ("Average", 1.3),
        ("Minimum", 1.0),
        ("Maximum", 4.0),
        ("SampleCount", 10.0),
        ("p90", 1.0),
        ("p99", 4.0),
        ("p100", 4.0),
        ("TC(1:)", 1.0),
        ("TC(:1)", 9.0),
        ("PR(1:4)", 10.0),
    ],
)
def test_statistics_of_a_histogram(name: str, value: float) -> None:
    assert statistic(name, Spread({1.0: 9.0, 4.0: 1.0})) == pytest.approx(value)


@pytest.mark.parametrize("name", ["p101", "TC(:)", "Median", "p"])
def test_unknown_statistics_are_refused(name: str) -> None:
    with pytest.raises(CloudError):
        statistic(name, Spread({1.0: 1.0}))


def test_a_datapoint_is_visible_only_after_its_period_and_the_delay() -> None:
    slow = build(Settings(metrics_period_seconds=60, metrics_delay_seconds=90))
    blue = slow.group("blue")
    slow.rule(1, forward(**{blue: 1}))
    start = slow.clock.now() // 60 * 60 + 60
    slow.clock.sleep(start + 10 - slow.clock.now())
    counters = {"requests": 40, "2xx": 40, "latency": [[0.1, 40]]}
    slow.cloud.balancer_metrics.ingest({"at": start + 1, "groups": {blue: counters}})
    asked = balancer(slow, blue, "RequestCount", "Sum", period=60)
    slow.clock.sleep(139)
    assert query(slow, asked, seconds=600)["MetricDataResults"][0]["Values"] == []
    slow.clock.sleep(1)
    shown = query(slow, asked, seconds=600)["MetricDataResults"][0]
    assert shown["Values"] == [40.0]
    assert shown["Timestamps"][0].timestamp() == start
    absent = balancer(slow, blue, "HTTPCode_Target_5XX_Count", "Sum", period=60)
    assert query(slow, absent, seconds=600)["MetricDataResults"][0]["Values"] == []


def test_datapoints_come_newest_first_in_pages(stack: Stack) -> None:
    blue = stack.group("blue")
    stack.rule(1, forward(**{blue: 1}))
    for _ in range(5):
        counters = {"requests": 100, "5xx": 2, "2xx": 98}
        stack.cloud.balancer_metrics.ingest({"at": stack.clock.now(), "groups": {blue: counters}})
        stack.clock.sleep(1)
    stack.clock.sleep(3)
    queries = [
        {**balancer(stack, blue, "RequestCount", "Sum", key="n"), "ReturnData": False},
        balancer(stack, blue, "HTTPCode_Target_5XX_Count", "Sum", key="f"),
    ]
    first = query(stack, *queries, MaxDatapoints=3)
    assert [one["Id"] for one in first["MetricDataResults"]] == ["f"]
    times, values = (first["MetricDataResults"][0][key] for key in ("Timestamps", "Values"))
    assert values == [2.0] * 3
    assert times == sorted(times, reverse=True)
    rest = query(stack, *queries, MaxDatapoints=3, NextToken=first["NextToken"])
    assert len(rest["MetricDataResults"][0]["Values"]) == 2
    assert "NextToken" not in rest


def test_metric_math_is_refused_and_not_ignored(stack: Stack) -> None:
    start, end = at(stack.clock.now()), at(stack.clock.now() + 60)
    asked = {"StartTime": start, "EndTime": end, "MetricDataQueries": [{"Id": "rate", "Expression": "f / n"}]}
    cloudwatch = stack.client("cloudwatch")
    assert refused(cloudwatch.get_metric_data, **asked) == "ValidationError"
    math = {
        "AlarmName": "rate",
        "Metrics": [{"Id": "rate", "Expression": "f / n"}],
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    assert refused(cloudwatch.put_metric_alarm, **math) == "ValidationError"


def test_only_the_balancer_writes_its_own_namespace(stack: Stack) -> None:
    put = stack.client("cloudwatch").put_metric_data
    datum = {"MetricName": "m", "Value": 1.0}
    assert refused(put, Namespace="AWS/ApplicationELB", MetricData=[datum]) == "InvalidParameterValue"
    put(Namespace="Own", MetricData=[datum])
    listed = stack.client("cloudwatch").list_metrics(Namespace="Own")["Metrics"]
    assert [one["MetricName"] for one in listed] == ["m"]


def alarm(stack: Stack, **given: Any) -> None:
    asked = {
        "AlarmName": "errors",
        "Namespace": "Own",
        "MetricName": "errors",
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    stack.client("cloudwatch").put_metric_alarm(**{**asked, **given})


def state(stack: Stack) -> str:
    return stack.client("cloudwatch").describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"]


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_alarms_treat_missing_data_as_told(stack: Stack, treatment: str, expected: str) -> None:
    alarm(stack, TreatMissingData=treatment)
    stack.clock.sleep(60)
    assert state(stack) == expected


def test_an_alarm_needs_m_of_n_datapoints(stack: Stack) -> None:
    alarm(stack)
    put = stack.client("cloudwatch").put_metric_data
    stack.clock.sleep(12 - stack.clock.now() % 10)
    for value, expected in [(9.0, "OK"), (1.0, "OK"), (9.0, "ALARM"), (1.0, "OK")]:
        put(Namespace="Own", MetricData=[{"MetricName": "errors", "Value": value}])
        stack.clock.sleep(10)
        assert state(stack) == expected
