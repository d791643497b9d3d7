from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from bluegreen.lab.cloud.schedules import MODIFY_RULE
from bluegreen.lab.cloud.settings import Settings
from tests.lab.cloud.conftest import Stack, build, forward
from tests.lab.cloud.test_elb import refused


def asked(stack: Stack, rule: str, actions: list[dict], after: float, **given: Any) -> dict:
    moment = datetime.fromtimestamp(stack.clock.now() + after, tz=UTC)
    target = {
        "Arn": MODIFY_RULE,
        "RoleArn": "arn:aws:iam::123456789012:role/watchdog",
        "Input": json.dumps({"RuleArn": rule, "Actions": actions}),
    }
    return {
        "Name": "watchdog",
        "ScheduleExpression": f"at({moment:%Y-%m-%dT%H:%M:%S})",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
        **given,
    }


def weights(stack: Stack, rule: str) -> list[int]:
    action = stack.elb.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"][0]
    return [one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]]


def test_the_watchdog_puts_the_weights_back_unless_it_is_pushed_forward(stack: Stack) -> None:
    blue, green = stack.group("blue"), stack.group("green")
    rule = stack.rule(10, forward(**{blue: 100, green: 0}))
    scheduler = stack.client("scheduler")
    safe = forward(**{blue: 100, green: 0})
    scheduler.create_schedule(**asked(stack, rule, safe, 60, ActionAfterCompletion="DELETE"))
    stack.elb.modify_rule(RuleArn=rule, Actions=forward(**{blue: 50, green: 50}))
    stack.clock.sleep(50)
    scheduler.update_schedule(**asked(stack, rule, safe, 60, ActionAfterCompletion="DELETE"))
    stack.clock.sleep(50)
    assert weights(stack, rule) == [50, 50]
    stack.clock.sleep(11)
    assert weights(stack, rule) == [100, 0]
    assert [one.error for one in stack.cloud.schedules.firings] == [""]
    assert refused(scheduler.get_schedule, Name="watchdog") == "ResourceNotFoundException"


def test_a_deleted_or_disabled_schedule_never_fires(stack: Stack) -> None:
    blue = stack.group("blue")
    rule = stack.rule(10, forward(**{blue: 1}))
    scheduler = stack.client("scheduler")
    scheduler.create_schedule(**asked(stack, rule, forward(**{blue: 9}), 10))
    scheduler.create_schedule(
        **asked(stack, rule, forward(**{blue: 8}), 10, State="DISABLED") | {"Name": "off"}
    )
    scheduler.delete_schedule(Name="watchdog")
    stack.clock.sleep(600)
    assert weights(stack, rule) == [1]


def test_a_firing_that_fails_is_recorded_and_late_as_told() -> None:
    late = build(Settings(schedule_delay_seconds=30))
    blue = late.group("blue")
    rule = late.rule(10, forward(**{blue: 1}))
    wrong = asked(late, rule + "0", forward(**{blue: 9}), 10)
    late.client("scheduler").create_schedule(**wrong)
    late.clock.sleep(39)
    late.cloud.advance()
    assert late.cloud.schedules.firings == []
    late.clock.sleep(2)
    late.cloud.advance()
    assert "RuleNotFound" in late.cloud.schedules.firings[0].error


def test_schedules_are_refused_as_aws_refuses_them(stack: Stack) -> None:
    rule = stack.rule(10, forward(**{stack.group("blue"): 1}))
    scheduler = stack.client("scheduler")
    good = asked(stack, rule, [], 60, ClientToken="one")
    create = scheduler.create_schedule
    arn = create(**good)["ScheduleArn"]
    assert create(**good)["ScheduleArn"] == arn
    assert refused(create, **{**good, "ClientToken": "two"}) == "ConflictException"
    assert refused(create, **{**good, "Name": "b", "GroupName": "none"}) == "ResourceNotFoundException"
    assert refused(create, **{**good, "Name": "b", "ScheduleExpression": "at(x)"}) == "ValidationException"
    bare = {**good["Target"], "Input": "no json"}
    assert refused(create, **{**good, "Name": "b", "Target": bare}) == "ValidationException"
    scheduler.create_schedule_group(Name="lab")
    create(**{**good, "GroupName": "lab"})
    assert [one["GroupName"] for one in scheduler.list_schedules(GroupName="lab")["Schedules"]] == ["lab"]
