"""What the judge asks CloudWatch for is published by the load balancer, so spelt and under those dimensions.

A misspelt count is absent, and absent counts as zero: every release would look clean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bluegreen.adapters.metrics.cloudwatch import CloudWatchMetrics
from bluegreen.adapters.metrics.cloudwatch_queries import MetricData, Query, Series
from bluegreen.contract import Contract, Tier
from bluegreen.domain.stack import TargetGroup
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.policy import Judging, parse_policy
from bluegreen.policy.checks import filled, region_of
from bluegreen.ports import Arms
from infra.documents.feedback import RATIOS
from tools.recording import recorded

# Of the load balancer's user guide, "CloudWatch metrics for your Application Load Balancer".
OF_TARGETS = {
    "HTTPCode_Target_2XX_Count", "HTTPCode_Target_3XX_Count", "HTTPCode_Target_4XX_Count",
    "HTTPCode_Target_5XX_Count", "HealthyHostCount", "RequestCount", "RequestCountPerTarget",
    "TargetConnectionErrorCount", "TargetResponseTime", "UnHealthyHostCount",
}  # fmt: skip
OF_THE_BALANCER = OF_TARGETS - {"HealthyHostCount", "RequestCountPerTarget", "UnHealthyHostCount"} | {
    "ActiveConnectionCount", "ConsumedLCUs", "HTTPCode_ELB_4XX_Count", "HTTPCode_ELB_502_Count",
    "HTTPCode_ELB_503_Count", "HTTPCode_ELB_504_Count", "HTTPCode_ELB_5XX_Count", "HTTP_Fixed_Response_Count",
    "NewConnectionCount", "RejectedConnectionCount",
}  # fmt: skip


def test_the_judge_asks_for_metrics_that_the_load_balancer_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[Query] = set()

    def read(_self: MetricData, queries: Any, *_: float, **__: int) -> dict[Query, Series]:
        asked.update(queries)
        return {query: {} for query in queries}

    monkeypatch.setattr(MetricData, "read", read)
    monkeypatch.setattr(MetricData, "zones", lambda *_: ("a", "c"))
    contract = Contract.model_validate(recorded("prod").outputs["contract"])
    clock = ManualClock()
    clock.sleep(100_000)
    source = CloudWatchMetrics(None, contract, Judging(), clock=clock)  # type: ignore[arg-type]  # nothing is asked
    group = TargetGroup(arn="arn:x:targetgroup/sc-prod-app-1/1", name="sc-prod-app-1")
    arms, slow = Arms(tier=Tier.APP, green=group, blue=group), {Tier.APP: (100.0,)}
    source.collect([arms], since=0, until=9_000, slow_ms=slow)
    source.halves(arms, since=0, until=9_000, slow_ms=slow)
    source.requests(group, since=0, until=9_000)
    source.p95_ms(group, since=0, until=9_000)
    assert {query.zone for query in asked} == {"", "a", "c"}
    wrong = [one for one in asked if one.metric not in (OF_TARGETS if one.target_group else OF_THE_BALANCER)]
    assert wrong == []
    assert {"RequestCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"} <= {
        one.metric for one in asked
    }


def test_the_shipped_checks_and_alarms_are_those_of_the_stack() -> None:
    """A metric that no alarm reads under these dimensions is misspelt, or nobody publishes it."""
    text = (Path(__file__).parents[2] / "deploy.toml").read_text(encoding="utf-8")
    policy, names = parse_policy(text, stack="prod", source="deploy.toml"), {"stack": "prod"}
    alarms = [one.inputs for one in recorded("prod").of("aws:cloudwatch/metricAlarm:MetricAlarm")]
    known = {
        (one.get("namespace"), one.get("metricName"), tuple(sorted((one.get("dimensions") or {}).items())))
        for one in alarms
    }
    asked = [
        (
            one.namespace,
            one.name,
            tuple(sorted((key, filled(text, names)) for key, text in one.dimensions.items())),
        )
        for check in policy.check
        if (one := check.cloudwatch)
    ]
    assert [one for one in asked if one not in known] == []
    assert len(asked) == len(policy.check)
    assert {f"SportCoach/AI {metric}" for metric in RATIOS} <= {f"{space} {name}" for space, name, _ in asked}
    found = {one["name"] for one in alarms}
    for entry in policy.alarms.all:
        _, name = region_of(filled(entry, names))
        assert any(one.startswith(name.removesuffix("*")) for one in found), entry
