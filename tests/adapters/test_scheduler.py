"""The watchdog against the simulated scheduler, which really calls ModifyRule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bluegreen.adapters.aws.elb.balancer import ElbBalancer
from bluegreen.adapters.aws.scheduler import SchedulerWatchdog
from bluegreen.contract import Tier
from bluegreen.domain.stack import Rule
from bluegreen.errors import CloudUnavailable, Refused

from .conftest import Stack, lost, spec, tags

NAME = "sc-test-app-2"
GROUP = "sportcoach-test"


@pytest.fixture
def balancer(stack: Stack) -> ElbBalancer:
    return ElbBalancer(stack.elb(), stack.contract)


@pytest.fixture
def rule(stack: Stack, balancer: ElbBalancer) -> Rule:
    stack.raw("scheduler").create_schedule_group(Name=GROUP)
    tier = stack.contract.tier(Tier.APP)
    blue, green = (balancer.ensure_target_group(tier, spec(n), tags(n)).arn for n in (1, 2))
    return balancer.set_weights(tier, {blue: 50, green: 50}, tags())


@pytest.fixture
def watchdog(stack: Stack, balancer: ElbBalancer) -> SchedulerWatchdog:
    return SchedulerWatchdog(stack.session, stack.contract, stack.elb())


def blue_only(rule: Rule) -> dict[str, int]:
    return {next(iter(rule.weights)): 100}


def schedule(stack: Stack) -> dict[str, Any]:
    return dict(stack.raw("scheduler").get_schedule(Name=NAME, GroupName=GROUP))


def test_puts_the_weights_back_and_is_gone(
    stack: Stack, balancer: ElbBalancer, rule: Rule, watchdog: SchedulerWatchdog
) -> None:
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=stack.clock.now() + 180)
    assert watchdog.armed() == (NAME,)
    stack.clock.sleep(179)
    assert dict(balancer.rules()[0].weights) == dict(rule.weights)
    stack.clock.sleep(2)
    assert dict(balancer.rules()[0].weights) == blue_only(rule)
    assert watchdog.armed() == ()


def test_what_cannot_be_put_back_is_kept_for_people(
    stack: Stack, rule: Rule, watchdog: SchedulerWatchdog
) -> None:
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=stack.clock.now() + 180)
    assert "DeadLetterConfig" not in schedule(stack)["Target"]
    queue = "arn:aws:sqs:eu-west-1:123456789012:watchdog-failed"
    named = stack.contract.watchdog.model_copy(update={"dead_letter_arn": queue})
    contract = stack.contract.model_copy(update={"watchdog": named})
    guard = SchedulerWatchdog(stack.session, contract, stack.elb())
    guard.push(rule.arn, blue_only(rule), name=NAME, at=stack.clock.now() + 180)
    assert schedule(stack)["Target"]["DeadLetterConfig"] == {"Arn": queue}


def test_is_pushed_forward_in_one_call(stack: Stack, rule: Rule, watchdog: SchedulerWatchdog) -> None:
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000.4)
    stack.region.calls.clear()
    assert watchdog.push(rule.arn, blue_only(rule), name=NAME, at=1_900_000_030)
    assert stack.region.count() == {"UpdateSchedule": 1}
    found = schedule(stack)
    assert found["ScheduleExpression"] == "at(2030-03-17T17:47:10)"
    assert (found["ScheduleExpressionTimezone"], found["FlexibleTimeWindow"]) == ("UTC", {"Mode": "OFF"})
    assert found["ActionAfterCompletion"] == "DELETE"
    assert found["Target"]["RoleArn"] == stack.contract.watchdog.role_arn


def test_it_never_acts_a_moment_too_soon_and_is_tried_again(
    stack: Stack, rule: Rule, watchdog: SchedulerWatchdog
) -> None:
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000.4)
    found = schedule(stack)
    assert found["ScheduleExpression"] == "at(2030-03-17T17:46:41)", "whole seconds, rounded up"
    assert found["Target"]["RetryPolicy"]["MaximumRetryAttempts"] > 10
    assert json.loads(found["Target"]["Input"])["RuleArn"] == rule.arn


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_it_calls_the_api_of_the_stack_s_partition(stack: Stack, partition: str) -> None:
    listener = stack.contract.listener_arn.replace("arn:aws:", f"arn:{partition}:")
    contract = stack.contract.model_copy(update={"listener_arn": listener})
    target = SchedulerWatchdog(stack.session, contract, stack.elb())._modify_rule
    assert target == f"arn:{partition}:scheduler:::aws-sdk:elasticloadbalancingv2:modifyRule"


def test_another_process_pushes_it_forward(stack: Stack, balancer: ElbBalancer, rule: Rule) -> None:
    for _ in range(2):
        again = SchedulerWatchdog(stack.session, stack.contract, stack.elb())
        again.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000)
    assert again.armed() == (NAME,)


def test_fired_schedule_is_made_anew(stack: Stack, rule: Rule, watchdog: SchedulerWatchdog) -> None:
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=stack.clock.now() + 5)
    stack.clock.sleep(10)
    assert watchdog.armed() == ()
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=stack.clock.now() + 5)
    assert watchdog.armed() == (NAME,)


def test_a_push_makes_no_schedule(stack: Stack, rule: Rule, watchdog: SchedulerWatchdog) -> None:
    stack.region.calls.clear()
    assert not watchdog.push(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000)
    assert stack.region.count()["CreateSchedule"] == 0
    assert watchdog.armed() == ()


def test_lost_answer(stack: Stack, rule: Rule, watchdog: SchedulerWatchdog) -> None:
    stack.fault("CreateSchedule", lost(), after=True)
    with pytest.raises(CloudUnavailable):
        watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000)
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_060)
    assert schedule(stack)["ScheduleExpression"] == "at(2030-03-17T17:47:40)"


def test_keeps_the_stickiness_of_the_rule(stack: Stack, rule: Rule, watchdog: SchedulerWatchdog) -> None:
    elb = stack.raw("elbv2")
    actions = elb.describe_rules(RuleArns=[rule.arn])["Rules"][0]["Actions"]
    sticky = {"Enabled": True, "DurationSeconds": 99}
    actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = sticky
    elb.modify_rule(RuleArn=rule.arn, Actions=actions)
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000)
    written = json.loads(schedule(stack)["Target"]["Input"])
    assert written["RuleArn"] == rule.arn
    assert written["Actions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"] == sticky
    # Only who has weight is named: a cookie would keep its user on a group of weight 0.
    both = blue_only(rule) | dict.fromkeys(set(rule.weights) - set(blue_only(rule)), 0)
    watchdog.arm(rule.arn, both, name=NAME, at=1_900_000_000)
    written = json.loads(schedule(stack)["Target"]["Input"])
    named = {one["TargetGroupArn"] for one in written["Actions"][0]["ForwardConfig"]["TargetGroups"]}
    assert named == set(blue_only(rule))


def test_refuses_a_rule_that_does_more_than_forward(
    stack: Stack, rule: Rule, watchdog: SchedulerWatchdog
) -> None:
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    stack.raw("elbv2").modify_rule(RuleArn=rule.arn, Actions=fixed)
    with pytest.raises(Refused, match="more than forward"):
        watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000)
    assert watchdog.armed() == ()


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a/b"])
def test_bad_name(stack: Stack, rule: Rule, watchdog: SchedulerWatchdog, name: str) -> None:
    stack.region.calls.clear()
    with pytest.raises(Refused, match="cannot name a schedule"):
        watchdog.arm(rule.arn, blue_only(rule), name=name, at=1_900_000_000)
    assert stack.region.calls == []


def test_disarm(stack: Stack, rule: Rule, watchdog: SchedulerWatchdog) -> None:
    watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000)
    watchdog.disarm(NAME)
    watchdog.disarm(NAME)
    assert watchdog.armed() == ()


def test_missing_group(stack: Stack, balancer: ElbBalancer, rule: Rule) -> None:
    stack.raw("scheduler").delete_schedule_group(Name=GROUP)
    watchdog = SchedulerWatchdog(stack.session, stack.contract, stack.elb())
    assert watchdog.armed() == ()
    with pytest.raises(Refused, match=f"schedule group {GROUP} does not exist"):
        watchdog.arm(rule.arn, blue_only(rule), name=NAME, at=1_900_000_000)
