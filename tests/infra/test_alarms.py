"""Alarms can fire: each compares in the direction in which its metric gets worse, by the right statistic."""

from __future__ import annotations

from typing import Any

import pytest

from bluegreen.contract import alarm_prefix
from tools.recording import Recording, settings_of

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
LOW, HIGH = "LessThanThreshold", "GreaterThanThreshold"
# Metrics that are bad when they are low; all others are bad when they are high.
LOW_IS_BAD = {
    "AdviceAdoption", "CacheHitRate", "FreeStorageSpace", "FreeableMemory", "HealthCheckStatus",
    "MatchingSatisfaction", "SpeechAccuracy", "SupportResolution",
}  # fmt: skip
# Events of a minute are added up; of the rest, an extreme is taken where one host or moment is enough.
COUNTS = {
    "DatabaseFatal", "HTTP_Fixed_Response_Count", "InvocationDroppedCount", "TargetErrorCount",
    "stored.opensearch.documentErrors.count", "streamed.opensearch.documentErrors.count",
}  # fmt: skip
# One is enough: nothing repeats them.
SINGLE = {"watchdog-dropped", "watchdog-refused"}


def alarms(stack: Recording) -> dict[str, dict[str, Any]]:
    return {one.name.removeprefix("alarms-"): dict(one.inputs) for one in stack.of(ALARM)}


def silence(alarm: dict[str, Any]) -> bool:
    """Nothing is below zero: such an alarm is about data that stays away."""
    return alarm["comparisonOperator"] == LOW and alarm["threshold"] <= 0


def test_each_alarm_compares_in_the_direction_that_is_bad(stack: Recording) -> None:
    for name, alarm in alarms(stack).items():
        if not silence(alarm):
            low = alarm.get("metricName") in LOW_IS_BAD
            assert alarm["comparisonOperator"] == (LOW if low else HIGH), name


def test_silence_pages_but_bars_no_first_release(stack: Recording) -> None:
    """A new database has not reported yet. In state ALARM that would refuse the release that goes first."""
    silent = {name for name, alarm in alarms(stack).items() if silence(alarm)}
    assert silent == {"database-silent"}
    notified = {name for name, alarm in alarms(stack).items() if alarm.get("insufficientDataActions")}
    assert notified == silent | ({"database-replica-lag"} if stack.stack == "prod" else set())
    for name in notified:
        alarm = alarms(stack)[name]
        assert alarm["treatMissingData"] == "missing", name
        assert alarm["insufficientDataActions"] == alarm["alarmActions"], name
    # The only one whose silence is an alarm lies in us-east-1, where no release looks.
    breaching = {n for n, alarm in alarms(stack).items() if alarm["treatMissingData"] == "breaching"}
    assert breaching <= {"outside"}


def test_no_stacks_alarm_can_be_taken_for_anothers(stack: Recording) -> None:
    """`x` and `x-eu` may share an account; a release is held by its own stack's alarms alone."""
    names = [alarm["name"] for alarm in alarms(stack).values()]
    for other in (stack.stack[:-1], f"{stack.stack}-eu"):
        assert not any(name.startswith(alarm_prefix(other, holds=True)) for name in names)
    holding = [name for name in names if name.startswith(alarm_prefix(stack.stack, holds=True))]
    assert len(holding) > 10
    rest = set(names) - set(holding)
    assert all(name.startswith(alarm_prefix(stack.stack, holds=False)) for name in rest)


def test_what_is_counted_is_summed(stack: Recording) -> None:
    for name, alarm in alarms(stack).items():
        queries = [query["metric"] for query in alarm.get("metricQueries", ()) if "metric" in query]
        assert {query["stat"] for query in queries} <= {"Sum"}, name
        assert {query["period"] for query in queries} <= {60}, name
        if alarm.get("metricName") in COUNTS:
            assert alarm["statistic"] == "Sum", name
        elif "statistic" in alarm:
            assert alarm["statistic"] in {"Average", "Maximum", "Minimum"}, name
        extreme = {HIGH: "Maximum", LOW: "Minimum"}[alarm["comparisonOperator"]]
        assert alarm.get("statistic") in {None, "Sum", "Average", extreme}, name


@pytest.mark.parametrize(
    ("alarm", "threshold"),
    [
        ("database-connections", lambda s: s["database"]["connections_alarm"]),
        ("database-storage", lambda s: s["database"]["storage_gb"] * 1024**3 / 10),
        ("database-read-latency", lambda _: 0.02),
        ("database-write-latency", lambda _: 0.02),
        ("error-rate", lambda _: 1),  # R3
        ("service-down", lambda _: 10),
        ("maintenance-page", lambda _: 10),
        ("database-refuses", lambda _: 5),
    ],
)
def test_thresholds_are_those_that_are_documented(stack: Recording, alarm: str, threshold: Any) -> None:
    assert alarms(stack)[alarm]["threshold"] == threshold(settings_of(stack.stack))


def test_thresholds_of_every_node_and_tier(stack: Recording) -> None:
    limits = {"cpu": 80, "memory": 80, "disk": 85, "agents": 0, "hit-rate": 0.8, "connections": 50_000}
    for name, alarm in alarms(stack).items():
        tier = next((t for t in settings_of(stack.stack)["tiers"] if name.startswith(f"{t}-")), None)
        if tier or name.startswith("cache-"):
            kind = name.removeprefix(f"{tier or 'cache'}-")
            (limit,) = (
                limit for part, limit in limits.items() if kind == part or kind.startswith(f"{part}-")
            )
            assert alarm["threshold"] == limit, name


def test_no_alarm_fires_on_one_minute_and_each_tells_when_it_is_over(stack: Recording) -> None:
    for name, alarm in alarms(stack).items():
        least = 1 if name in SINGLE else 2
        assert alarm["evaluationPeriods"] == alarm["datapointsToAlarm"] >= least, name
        assert alarm["okActions"] == alarm["alarmActions"], name


def test_what_pages_is_what_users_notice_or_soon_will(stack: Recording) -> None:
    critical = stack.one("aws:sns/topic:Topic", "alerts-critical").outputs["arn"]
    pages = {name for name, alarm in alarms(stack).items() if alarm["alarmActions"] == [critical]}
    assert pages == {
        "database-connections", "database-refuses", "database-silent", "database-storage", "error-rate",
        "maintenance-page", "service-down", "watchdog-dropped", "watchdog-refused", "watchdog-unanswered",
    }  # fmt: skip


def test_a_database_that_fails_over_or_refuses_is_heard(stack: Recording) -> None:
    (events,) = stack.of("aws:rds/eventSubscription:EventSubscription")
    assert set(events.inputs["eventCategories"]) >= {"availability", "failover", "failure", "low storage"}
    (refused,) = stack.of("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    # As PostgreSQL writes it: "FATAL:  sorry, too many clients already".
    assert refused.inputs["pattern"] == '"FATAL:"'
    assert refused.inputs["logGroupName"].endswith("/postgresql")
