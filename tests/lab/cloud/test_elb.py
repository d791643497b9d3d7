from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bluegreen.lab.cloud.settings import Settings
from tests.lab.cloud.conftest import FIXED, Stack, build, forward


def refused(call: Callable[..., Any], **params: Any) -> str:
    """The code with which `call` is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"]


def test_modify_rule_replaces_the_whole_action_list_and_keeps_the_conditions(stack: Stack) -> None:
    blue, green = stack.group("blue"), stack.group("green")
    rule = stack.rule(10, forward(**{blue: 100, green: 0}))
    stack.elb.modify_rule(RuleArn=rule, Actions=forward(**{green: 7}))
    shown = stack.elb.describe_rules(RuleArns=[rule])["Rules"][0]
    assert shown["Actions"][0]["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": green, "Weight": 7}]
    assert shown["Actions"][0]["TargetGroupArn"] == green
    assert shown["Conditions"][0]["Values"] == ["/*"]
    assert (
        stack.elb.describe_target_groups(TargetGroupArns=[blue])["TargetGroups"][0]["LoadBalancerArns"] == []
    )


def test_a_repeated_create_with_the_same_settings_gives_what_stands(stack: Stack) -> None:
    """botocore repeats a call whose answer was lost: AWS's creates are idempotent."""
    create = stack.elb.create_load_balancer
    again = create(Name="front", Subnets=["subnet-2", "subnet-1"])["LoadBalancers"]
    assert [one["LoadBalancerArn"] for one in again] == [stack.balancer]
    assert len(stack.elb.describe_load_balancers()["LoadBalancers"]) == 1
    for other in ({"Subnets": ["subnet-1"]}, {"Subnets": ["subnet-1", "subnet-2"], "Scheme": "internal"}):
        assert refused(create, Name="front", **other) == "DuplicateLoadBalancerName"

    listener = {"LoadBalancerArn": stack.balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": FIXED}
    made = stack.elb.create_listener(**listener)["Listeners"]
    assert [one["ListenerArn"] for one in made] == [stack.listener]
    assert len(stack.elb.describe_listeners(LoadBalancerArn=stack.balancer)["Listeners"]) == 1
    moved = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    for change in ({"Protocol": "HTTPS"}, {"DefaultActions": moved}):
        assert refused(stack.elb.create_listener, **{**listener, **change}) == "DuplicateListener"


@pytest.mark.parametrize(
    ("weight", "code"), [(0, ""), (999, ""), (1000, "ValidationError"), (-1, "ValidationError")]
)
def test_weights_run_from_0_to_999(stack: Stack, weight: int, code: str) -> None:
    blue = stack.group("blue")
    if code:
        actions = forward(**{blue: weight})
        conditions = [{"Field": "path-pattern", "Values": ["/"]}]
        asked = {"ListenerArn": stack.listener, "Priority": 1, "Conditions": conditions, "Actions": actions}
        assert refused(stack.elb.create_rule, **asked) == code
    else:
        stack.rule(1, forward(**{blue: weight}))


def test_rules_are_refused_as_aws_refuses_them(stack: Stack) -> None:
    groups = [stack.group(f"g{i}") for i in range(6)]
    rule = stack.rule(10, forward(**{groups[0]: 1}))
    default = stack.elb.describe_rules(ListenerArn=stack.listener)["Rules"][-1]
    assert default["IsDefault"]
    assert default["Priority"] == "default"
    modify, create = stack.elb.modify_rule, stack.elb.create_rule
    new = {"ListenerArn": stack.listener, "Conditions": [{"Field": "path-pattern", "Values": ["/x"]}]}
    assert refused(modify, RuleArn=default["RuleArn"], Actions=FIXED) == "OperationNotPermitted"
    assert refused(stack.elb.delete_rule, RuleArn=default["RuleArn"]) == "OperationNotPermitted"
    assert refused(modify, RuleArn=rule + "0", Actions=FIXED) == "RuleNotFound"
    assert refused(create, Priority=10, Actions=FIXED, **new) == "PriorityInUse"
    assert (
        refused(create, Priority=11, Actions=forward(**{groups[0] + "x": 1}), **new) == "TargetGroupNotFound"
    )
    assert refused(modify, RuleArn=rule, Actions=forward(**dict.fromkeys(groups, 1))) == "ValidationError"
    six = [{"Field": "path-pattern", "Values": [f"/{i}" for i in range(6)]}]
    assert refused(modify, RuleArn=rule, Conditions=six) == "ValidationError"
    assert refused(stack.elb.delete_target_group, TargetGroupArn=groups[0]) == "ResourceInUse"


def test_target_stickiness_forces_group_stickiness_on_a_weighted_rule(stack: Stack) -> None:
    blue, green = stack.group("blue"), stack.group("green")
    stack.elb.modify_target_group_attributes(
        TargetGroupArn=blue, Attributes=[{"Key": "stickiness.enabled", "Value": "true"}]
    )
    rule = stack.rule(10, forward(**{blue: 1}))
    actions = forward(**{blue: 1, green: 1})
    assert refused(stack.elb.modify_rule, RuleArn=rule, Actions=actions) == "InvalidLoadBalancerAction"
    sticky = {"Enabled": True, "DurationSeconds": 60}
    actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = sticky
    stack.elb.modify_rule(RuleArn=rule, Actions=actions)
    shown = stack.elb.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"][0]
    assert shown["ForwardConfig"]["TargetGroupStickinessConfig"] == sticky


def test_a_target_group_belongs_to_one_load_balancer(stack: Stack) -> None:
    blue = stack.group("blue")
    stack.rule(10, forward(**{blue: 1}))
    other = stack.elb.create_load_balancer(Name="other", Subnets=["subnet-1"])["LoadBalancers"][0]
    code = refused(
        stack.elb.create_listener,
        LoadBalancerArn=other["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=forward(**{blue: 1}),
    )
    assert code == "TargetGroupAssociationLimit"


def test_quotas_are_refused_and_told(stack: Stack) -> None:
    small = build(Settings(rules_per_load_balancer=1, target_groups_per_load_balancer=1))
    one, two = small.group("one"), small.group("two")
    rule = small.rule(1, forward(**{one: 1}))
    new = {"ListenerArn": small.listener, "Conditions": [{"Field": "path-pattern", "Values": ["/x"]}]}
    assert refused(small.elb.create_rule, Priority=2, Actions=FIXED, **new) == "TooManyRules"
    assert (
        refused(small.elb.modify_rule, RuleArn=rule, Actions=forward(**{one: 1, two: 1}))
        == "TooManyUniqueTargetGroupsPerLoadBalancer"
    )
    limits = {one["Name"]: one["Max"] for one in stack.elb.describe_account_limits()["Limits"]}
    assert limits["rules-per-application-load-balancer"] == "100"


def test_a_target_group_of_the_same_name_is_the_same_or_refused(stack: Stack) -> None:
    blue = stack.group("blue")
    assert stack.group("blue") == blue
    same = {"Name": "blue", "Protocol": "HTTP", "VpcId": "vpc-1"}
    assert refused(stack.elb.create_target_group, Port=81, **same) == "DuplicateTargetGroupName"


@pytest.mark.parametrize("name", ["a" * 33, "-a", "a-", "a_b", "a.b"])
def test_names_have_at_most_32_letters_digits_and_hyphens(stack: Stack, name: str) -> None:
    asked = {"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1"}
    assert refused(stack.elb.create_target_group, **asked) == "ValidationError"


def test_attributes_are_checked(stack: Stack) -> None:
    blue = stack.group("blue")
    for key, value in [
        ("deregistration_delay.timeout_seconds", "3601"),
        ("slow_start.duration_seconds", "10"),
        ("stickiness.enabled", "yes"),
        ("no.such.key", "1"),
    ]:
        asked = [{"Key": key, "Value": value}]
        code = refused(stack.elb.modify_target_group_attributes, TargetGroupArn=blue, Attributes=asked)
        assert code == "ValidationError"
    found = stack.elb.describe_target_group_attributes(TargetGroupArn=blue)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in found


def test_tags_come_back_and_go(stack: Stack) -> None:
    blue = stack.group("blue", Tags=[{"Key": "a", "Value": "1"}])
    stack.elb.add_tags(ResourceArns=[blue], Tags=[{"Key": "b", "Value": "2"}])
    stack.elb.remove_tags(ResourceArns=[blue], TagKeys=["a"])
    found = stack.elb.describe_tags(ResourceArns=[blue])["TagDescriptions"]
    assert found == [{"ResourceArn": blue, "Tags": [{"Key": "b", "Value": "2"}]}]
    assert refused(stack.elb.describe_tags, ResourceArns=[blue] * 21) == "ValidationError"
    assert refused(stack.elb.describe_tags, ResourceArns=[blue + "0"]) == "TargetGroupNotFound"


def test_every_page_is_reached_once(stack: Stack) -> None:
    arns = {stack.group(f"g{i}") for i in range(7)}
    pages = stack.elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 3})
    seen = [one["TargetGroupArn"] for page in pages for one in page["TargetGroups"]]
    assert len(seen) == 7
    assert set(seen) == arns


def test_the_data_plane_sees_a_rule_only_after_its_propagation() -> None:
    slow = build(Settings(rule_propagation_seconds=15.0))
    blue = slow.group("blue")
    slow.rule(10, forward(**{blue: 1}))
    assert slow.cloud.snapshot()["rules"] == []
    version = slow.cloud.snapshot()["version"]
    slow.clock.sleep(15.0)
    shown = slow.cloud.snapshot()
    assert [one["priority"] for one in shown["rules"]] == [10, "default"]
    assert shown["rules"][0]["action"]["groups"] == [{"arn": blue, "weight": 1}]
    assert shown["version"] > version
