from __future__ import annotations

import pytest

from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.routing import Spread, matching_rule
from bluegreen.lab.cloud.traffic import Outcome
from tests.lab.cloud.conftest import Stack, forward
from tests.lab.cloud.test_metrics import balancer, query

Pair = tuple[Stack, str, str, str]


@pytest.fixture
def pair(stack: Stack) -> Pair:
    """Blue v1 and green v2, healthy, behind one rule with all weight on blue."""
    blue, green = stack.group("blue"), stack.group("green")
    rule = stack.rule(10, forward(**{blue: 100, green: 0}))
    stack.fleet("blue", blue, release="v1")
    stack.fleet("green", green, release="v2")
    stack.clock.sleep(30)
    stack.cloud.advance()
    return stack, rule, blue, green


@pytest.mark.parametrize(
    ("weights", "share"), [((95, 5), 0.05), ((1, 999), 0.999), ((50, 50), 0.5), ((100, 0), 0)]
)
def test_shares_follow_the_weights_exactly(pair: Pair, weights: tuple[int, int], share: float) -> None:
    stack, rule, blue, green = pair
    stack.elb.modify_rule(RuleArn=rule, Actions=forward(**{blue: weights[0], green: weights[1]}))
    stack.clock.sleep(2)
    stack.cloud.advance()
    stack.cloud.traffic.rates = {"/": 101.0}
    stack.clock.sleep(100)
    stack.cloud.advance()
    total = sum(stack.cloud.traffic.requests.values())
    assert total == 10_100
    assert abs(stack.cloud.traffic.requests[green] / total - share) < 0.001
    assert stack.cloud.traffic.failed() == 0


def test_a_bad_release_shows_in_its_metrics_and_in_the_ledger(pair: Pair) -> None:
    stack, rule, blue, green = pair
    stack.behaviours["v2"] = Behaviour(error_rate=0.02, latency=((0.1, 0.9), (2.0, 0.1)))
    stack.elb.modify_rule(RuleArn=rule, Actions=forward(**{blue: 50, green: 50}))
    stack.cloud.traffic.rates = {"/": 100.0}
    stack.clock.sleep(63)
    found = query(
        stack,
        balancer(stack, green, "HTTPCode_Target_5XX_Count", "Sum", period=60, key="errors"),
        balancer(stack, green, "RequestCount", "Sum", period=60, key="requests"),
        balancer(stack, green, "TargetResponseTime", "p95", period=60, key="slow"),
        balancer(stack, blue, "HTTPCode_Target_5XX_Count", "Sum", period=60, key="blue"),
        seconds=120,
    )["MetricDataResults"]
    sums = {one["Id"]: sum(one["Values"]) for one in found}
    assert sums["errors"] / sums["requests"] == pytest.approx(0.02, abs=0.002)
    assert found[2]["Values"][0] == 2.0
    assert sums["blue"] == 0
    assert stack.cloud.traffic.ledger["v2", Outcome.ERROR] == stack.cloud.traffic.failed()


def test_a_group_keeps_its_share_when_all_of_it_is_unhealthy(pair: Pair) -> None:
    """Fail open within a group, no failover to the other one."""
    stack, rule, blue, green = pair
    stack.elb.modify_rule(RuleArn=rule, Actions=forward(**{blue: 50, green: 50}))
    stack.behaviours["v2"] = Behaviour(healthy=False)
    stack.clock.sleep(60)
    assert {state for state, _ in stack.health(green)} == {"unhealthy"}
    stack.cloud.traffic.rates = {"/": 10.0}
    stack.clock.sleep(10)
    stack.cloud.advance()
    assert stack.cloud.traffic.ledger["v2", Outcome.UNHEALTHY] == 50
    assert stack.cloud.traffic.ledger["v1", Outcome.OK] == 50


def test_a_group_without_targets_answers_503_for_its_share(pair: Pair) -> None:
    stack, rule, blue, green = pair
    stack.asg.delete_auto_scaling_group(AutoScalingGroupName="green", ForceDelete=True)
    stack.elb.modify_rule(RuleArn=rule, Actions=forward(**{blue: 90, green: 10}))
    stack.clock.sleep(2)
    stack.cloud.advance()
    stack.cloud.traffic.rates = {"/": 100.0}
    stack.clock.sleep(10)
    stack.cloud.advance()
    assert stack.cloud.traffic.ledger["", Outcome.NO_TARGET] == 100
    assert stack.cloud.traffic.failed() == 100


def test_a_fleet_retired_after_its_weight_is_gone_loses_nothing(pair: Pair) -> None:
    stack, rule, blue, green = pair
    stack.cloud.traffic.rates = {"/": 50.0}
    stack.clock.sleep(5)
    stack.elb.modify_rule(RuleArn=rule, Actions=forward(**{blue: 0, green: 100}))
    stack.clock.sleep(5)
    stack.asg.delete_auto_scaling_group(AutoScalingGroupName="blue", ForceDelete=True)
    stack.clock.sleep(60)
    stack.cloud.advance()
    assert stack.cloud.traffic.failed() == 0
    assert stack.cloud.traffic.requests[green] > 3000


def test_a_fleet_killed_too_early_loses_requests(pair: Pair) -> None:
    stack, *_ = pair
    stack.cloud.traffic.rates = {"/": 50.0}
    for one in stack.instances("blue"):
        stack.ec2.terminate_instances(InstanceIds=[one["InstanceId"]])
    stack.clock.sleep(5)
    stack.cloud.advance()
    assert stack.cloud.traffic.failed() > 0


def test_the_preview_header_reaches_green_alone(pair: Pair) -> None:
    stack, _, _, green = pair
    header = {"HttpHeaderName": "X-SC-Preview", "Values": ["token-1"]}
    stack.elb.create_rule(
        ListenerArn=stack.listener,
        Priority=5,
        Conditions=[
            {"Field": "path-pattern", "Values": ["/*"]},
            {"Field": "http-header", "HttpHeaderConfig": header},
        ],
        Actions=forward(**{green: 1}),
    )
    stack.clock.sleep(1)
    stack.cloud.advance()
    route = stack.cloud.traffic.route
    assert {route("/x", {"x-sc-preview": "TOKEN-1"}).group for _ in range(5)} == {green}
    assert route("/x").instance.tags["sportcoach:release"] == "v1"
    assert route("/x", {"x-sc-preview": "token-12"}).group != green


@pytest.mark.parametrize(
    ("pattern", "path", "holds"),
    [
        ("/api/*", "/api/a/b", True),
        ("/api/*", "/API/a", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/a.c", "/abc", False),
        ("/[a]", "/a", False),
        ("/api/*", "/api/x?q=1", True),
    ],
)
def test_path_patterns(stack: Stack, pattern: str, path: str, *, holds: bool) -> None:
    stack.rule(1, forward(**{stack.group("blue"): 1}), pattern)
    rules = [one for one in stack.cloud.balancing.rules.values() if one.priority == 1]
    assert (matching_rule(rules, path, {}) is not None) is holds


def test_nothing_is_lost_or_made_up_when_shares_are_rounded() -> None:
    spread = Spread()
    total = {"a": 0, "b": 0, "c": 0}
    for number in range(200):
        for key, count in spread.share("x", [("a", 1), ("b", 2), ("c", 4)], number % 3).items():
            total[key] += count
    asked = sum(number % 3 for number in range(200))
    assert sum(total.values()) == asked
    assert all(abs(total[key] - asked * weight / 7) <= 1 for key, weight in [("a", 1), ("b", 2), ("c", 4)])
