"""How own checks and watched alarms are read: settled values, regions, placeholders, and what cannot be."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.validate import validate_parameters

from bluegreen.adapters.metrics.cloudwatch_queries import MetricMath, read_series
from bluegreen.adapters.metrics.own_checks import WatchedChecks
from bluegreen.adapters.metrics.sources import open_checks, open_metrics
from bluegreen.contract import Tier
from bluegreen.domain.readings import Readings
from bluegreen.domain.stack import TargetGroup
from bluegreen.errors import ConfigError
from bluegreen.policy import Policy, parse_policy
from bluegreen.ports import Arms, Collected
from tools.metric_server import Asked, Reply, Server, serving

from .conftest import Stack, refused, tags

ARMS = Arms(
    tier=Tier.APP,
    green=TargetGroup(arn="arn:2", name="sc-test-app-2", tags=tags(2)),
    blue=TargetGroup(arn="arn:1", name="sc-test-app-1", tags=tags(1)),
)
METRIC = """
[[check]]
name = "cpu"
cloudwatch = { namespace = "N", name = "cpu", dimensions = { Fleet = "{fleet}", Stack = "{stack}" }, REST }
tier = "app"
times_blue = 2
on_breach = "hold"
no_data = "hold"
"""
QUERY = """
[[check]]
name = "queue"
promql = 'sum(queue{stack="{stack}"})'
above = 5
on_breach = "hold"
no_data = "hold"
"""


def policy(text: str) -> Policy:
    return parse_policy(text, stack="test", source="deploy.toml")


def opened(stack: Stack, text: str) -> WatchedChecks:
    made = open_checks(stack.session, stack.contract, policy(text), clock=stack.clock)
    assert isinstance(made, WatchedChecks)
    return made


def read(stack: Stack, text: str) -> Collected:
    checks = opened(stack, text)
    found = checks.read([ARMS])
    if checks._prometheus:
        checks._prometheus.close()
    return found


def put(stack: Stack, fleet: str, value: float) -> None:
    dimensions = [{"Name": "Fleet", "Value": fleet}, {"Name": "Stack", "Value": "test"}]
    datum = {"MetricName": "cpu", "Dimensions": dimensions, "Value": value}
    stack.raw("cloudwatch").put_metric_data(Namespace="N", MetricData=[datum])


def test_the_newest_whole_and_settled_values_of_both_fleets(stack: Stack) -> None:
    text = METRIC.replace("REST", "datapoints = 2")
    stack.clock.sleep(60 - stack.clock.now() % 60)
    for minute in range(8):
        put(stack, "sc-test-app-2", 10.0 + minute)
        if minute != 3:
            put(stack, "sc-test-app-1", minute)
        stack.clock.sleep(60)
    # Eight minutes are over; `settle` is three.
    assert read(stack, text).readings == Readings(points={"cpu": ((13.0, None), (14.0, 4.0))})
    stack.clock.sleep(30)
    assert read(stack, text).readings == Readings(points={"cpu": ((13.0, None), (14.0, 4.0))})
    stack.clock.sleep(600)
    assert read(stack, text).readings == Readings(points={"cpu": ()})


def test_a_check_of_a_tier_that_is_not_released_is_not_asked(stack: Stack) -> None:
    checks = opened(stack, METRIC.replace("REST", "datapoints = 1"))
    assert checks.read([]).readings == Readings()
    alone = Arms(tier=Tier.APP, green=ARMS.green)
    assert checks.read([alone]).readings == Readings()  # nothing to compare with
    assert stack.region.count() == {}


def test_a_cloudwatch_that_fails_is_a_trouble_and_no_reading(stack: Stack) -> None:
    stack.fault("GetMetricData", refused("AccessDenied"))
    found = read(stack, METRIC.replace("REST", "datapoints = 1"))
    assert found.readings == Readings()
    (words,) = found.troubles
    assert "AccessDenied" in words


def alarm(stack: Stack, name: str, state: str) -> None:
    stack.raw("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="N", MetricName="M", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
    )  # fmt: skip
    stack.raw("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def test_alarms_by_name_and_prefix_and_region(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, state in (("t/test/a", "ALARM"), ("t/test/b", "OK"), ("t/test2/c", "ALARM")):
        alarm(stack, name, state)
    regions = []
    real = stack.session.service

    def service(name: str, **how: Any) -> Any:
        found = real(name, **how)
        regions.append(found.client.meta.region_name)
        return found

    monkeypatch.setattr(stack.session, "service", service)
    found = read(stack, '[alarms]\nhold = ["t/{stack}/*", "t/test/b", "us-east-1:t/test/a", "gone"]')
    assert found.readings == Readings(
        firing={"t/{stack}/*": ("t/test/a",), "t/test/b": (), "us-east-1:t/test/a": ("t/test/a",)}
    )
    assert found.troubles == ("alarm gone: there is no such alarm in ap-northeast-1",)
    assert sorted(regions) == ["ap-northeast-1"] * 3 + ["us-east-1"]


class TestPrometheus:
    def read(self, stack: Stack, text: str, *results: Any) -> tuple[Collected, Server]:
        with serving() as server:
            answers = list(results)

            def reply(_: Asked) -> Reply:
                data = {"resultType": "vector", "result": answers.pop(0)}
                return Reply(document={"status": "success", "data": data})

            server.reply = reply
            url = f'[metrics.prometheus]\nurl = "{server.url}"\n'
            return read(stack, url + text), server

    def test_one_value(self, stack: Stack) -> None:
        found, server = self.read(stack, QUERY, [{"metric": {}, "value": [1, "7.5"]}])
        assert found == Collected(readings=Readings(points={"queue": ((7.5, None),)}))
        assert server.asked[0].form["query"] == 'sum(queue{stack="test"})'

    def test_green_alone_unless_it_is_compared(self, stack: Stack) -> None:
        text = QUERY.replace('stack="{stack}"', 'fleet="{fleet}"') + 'tier = "app"\n'
        value = [{"metric": {}, "value": [1, "7"]}]
        found, server = self.read(stack, text, value)
        assert found.readings == Readings(points={"queue": ((7.0, None),)})
        found, server = self.read(stack, text.replace("above", "times_blue"), value, value)
        assert found.readings == Readings(points={"queue": ((7.0, 7.0),)})
        asked = [one.form["query"] for one in server.asked]
        assert asked == [f'sum(queue{{fleet="sc-test-app-{number}"}})' for number in (2, 1)]

    @pytest.mark.parametrize("result", [[], [{"metric": {}, "value": [1, "NaN"]}]])
    def test_no_value(self, stack: Stack, result: list[Any]) -> None:
        found, _ = self.read(stack, QUERY, result)
        assert found == Collected(readings=Readings(points={"queue": ()}))

    def test_two_values(self, stack: Stack) -> None:
        two = [{"metric": {"i": str(n)}, "value": [1, "7"]} for n in range(2)]
        found, _ = self.read(stack, QUERY, two)
        assert found.readings == Readings()
        assert 'sum(queue{stack="test"}) has 2 values; make one of them' in found.troubles[0]

    def test_alerts(self, stack: Stack) -> None:
        firing = [{"metric": {"alertname": "AiSlow", "tier": t}, "value": [1, "1"]} for t in ("a", "b")]
        found, server = self.read(stack, '[alarms]\nrollback = ["prometheus:Ai*"]', firing)
        assert found.readings == Readings(firing={"prometheus:Ai*": ("AiSlow",)})
        assert server.asked[0].form["query"] == 'ALERTS{alertstate="firing",alertname=~"Ai.*"}'


def test_prometheus_without_an_address_is_refused_with_who_needs_it(stack: Stack) -> None:
    with pytest.raises(ConfigError) as caught:
        open_metrics(
            stack.session,
            stack.contract,
            policy(QUERY + '[alarms]\nhold = ["prometheus:Up"]'),
            clock=stack.clock,
        )
    assert "prometheus is asked for check queue, prometheus:Up" in str(caught.value)


SHARE = """
[[check]]
name = "refused share"
tier = "app"
times_blue = 2
on_breach = "hold"
no_data = "hold"
[check.cloudwatch]
expression = "100 * bad / (bad + good)"
datapoints = 1
[check.cloudwatch.metrics]
bad = { namespace = "N", name = "Refused", dimensions = { Fleet = "{fleet}" }, statistic = "Sum" }
good = { namespace = "N", name = "Taken", dimensions = { Fleet = "{fleet}" }, statistic = "Sum" }
"""


def test_metric_math_is_asked_of_both_fleets_and_no_id_meets_another(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parameters are botocore's to check; the simulated CloudWatch does no metric math."""
    asked: list[dict[str, Any]] = []
    service = stack.session.service("cloudwatch")
    now = stack.clock.now()

    def pages(_operation: str, _key: str, **parameters: Any) -> list[dict[str, Any]]:
        validate_parameters(
            parameters, service.client.meta.service_model.operation_model("GetMetricData").input_shape
        )
        asked.extend(parameters["MetricDataQueries"])
        results = [one for one in parameters["MetricDataQueries"] if one["ReturnData"]]
        stamp = datetime.fromtimestamp(now - 300 - now % 60, UTC)
        return [
            {"Id": one["Id"], "Timestamps": [stamp], "Values": [9.0 + number], "StatusCode": "Complete"}
            for number, one in enumerate(results)
        ]

    monkeypatch.setattr(type(service), "pages", lambda _self, *words, **more: pages(*words, **more))
    found = read(stack, SHARE).readings
    assert found is not None
    assert found.points == {"refused share": ((9.0, 10.0),)}
    assert [one["Id"] for one in asked] == ["m0_bad", "m0_good", "m0", "m1_bad", "m1_good", "m1"]
    results = {one["Id"]: (one["Expression"], one["Period"]) for one in asked if "Expression" in one}
    assert results == {f"m{n}": (f"100 * m{n}_bad / (m{n}_bad + m{n}_good)", 60) for n in (0, 1)}
    fleets = [one["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for one in asked if "MetricStat" in one]
    assert fleets == ["sc-test-app-2"] * 2 + ["sc-test-app-1"] * 2


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_no_data(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    """Held against a limit, a NaN is never beyond it."""
    service, stamp = stack.session.service("cloudwatch"), datetime.fromtimestamp(stack.clock.now() - 300, UTC)
    answer = [{"Id": f"m{n}", "Timestamps": [stamp], "Values": [value if n == 0 else 1.0]} for n in range(2)]
    monkeypatch.setattr(type(service), "pages", lambda *_, **__: answer)
    assert read(stack, METRIC.replace("REST", "datapoints = 1")).readings == Readings(points={"cpu": ()})
    answer.reverse()
    for number, one in enumerate(answer):
        one["Id"] = f"m{number}"
    assert read(stack, METRIC.replace("REST", "datapoints = 1")).readings == Readings(
        points={"cpu": ((1.0, None),)}
    )


def test_a_call_takes_no_more_queries_than_cloudwatch_does() -> None:
    """A result and its metrics stay together."""
    stat = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
    ratio = MetricMath(expression="a / b", stats={"a": stat, "b": stat})
    sizes: list[int] = []

    class Counting:
        def pages(self, *_: Any, **parameters: Any) -> list[dict[str, Any]]:
            queries = parameters["MetricDataQueries"]
            sizes.append(len(queries))
            ids = [one["Id"] for one in queries if one["ReturnData"]]
            assert all(f"{one}_a" in {query["Id"] for query in queries} for one in ids)
            return [{"Id": one, "Timestamps": [], "Values": []} for one in ids]

    found = read_series(Counting(), dict.fromkeys(range(200), ratio), 0, 60)  # type: ignore[arg-type]  # stands for it
    assert len(found) == 200
    assert sizes == [498, 102]
