"""Elastic Load Balancing: rules that a cutover leans on; each docstring names AWS's page."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from bluegreen.lab.cloud.settings import Settings
from tests.lab.cloud.conftest import Stack, build, forward
from tests.lab.cloud.test_elb import refused


def change(stack: Stack, group: str, **values: str) -> None:
    """Attributes by their keys, with `__` for a dot."""
    attributes = [{"Key": key.replace("__", "."), "Value": value} for key, value in values.items()]
    stack.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)


def test_defaults_of_a_target_group(stack: Stack) -> None:
    """Checks every 30 s, 5 passes up, 2 fails down; a drain of 300 s.

    Pages "Health checks for Application Load Balancer target groups", "Edit target group attributes".
    """
    asked = {"Name": "plain", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1"}
    made = stack.elb.create_target_group(**asked)["TargetGroups"][0]
    shown = [
        made[f"Health{one}"] for one in ("CheckIntervalSeconds", "CheckTimeoutSeconds", "yThresholdCount")
    ]
    assert [*shown, made["UnhealthyThresholdCount"]] == [30, 5, 5, 2]
    found = stack.elb.describe_target_group_attributes(TargetGroupArn=made["TargetGroupArn"])["Attributes"]
    defaults = {one["Key"]: one["Value"] for one in found}
    assert defaults["deregistration_delay.timeout_seconds"] == "300"
    assert defaults["target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"] == "1"


@pytest.mark.parametrize(
    ("seconds", "taken"), [(0, False), (1, True), (604_800, True), (604_801, False), (None, False)]
)
def test_group_stickiness_lasts_a_second_to_seven_days(
    stack: Stack, seconds: int | None, *, taken: bool
) -> None:
    """API reference, TargetGroupStickinessConfig."""
    rule = stack.rule(10, forward(**{stack.group("blue"): 1}))
    actions = forward(**{stack.group("blue"): 1})
    sticky = {"Enabled": True} | ({} if seconds is None else {"DurationSeconds": seconds})
    actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = sticky
    if taken:
        stack.elb.modify_rule(RuleArn=rule, Actions=actions)
    else:
        assert refused(stack.elb.modify_rule, RuleArn=rule, Actions=actions) == "ValidationError"


@pytest.mark.parametrize("algorithm", ["least_outstanding_requests", "weighted_random"])
def test_slow_start_goes_with_round_robin_alone(stack: Stack, algorithm: str) -> None:
    """Page "Edit target group attributes", slow start mode: 30 to 900 s, and only with round robin."""
    blue = stack.group("blue")
    change(stack, blue, slow_start__duration_seconds="30")
    asked = [{"Key": "load_balancing.algorithm.type", "Value": algorithm}]
    code = refused(stack.elb.modify_target_group_attributes, TargetGroupArn=blue, Attributes=asked)
    assert code == "InvalidConfigurationRequest"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "0"),
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "101"),
        ("target_group_health.dns_failover.minimum_healthy_targets.count", "some"),
        ("load_balancing.cross_zone.enabled", "maybe"),
        ("load_balancing.algorithm.anomaly_mitigation", "on"),
    ],
)
def test_attributes_of_routing_have_bounds(stack: Stack, key: str, value: str) -> None:
    """API reference, TargetGroupAttribute: counts from 1, percentages 1 to 100 or off; anomaly mitigation
    belongs to weighted random."""
    asked = {"TargetGroupArn": stack.group("blue"), "Attributes": [{"Key": key, "Value": value}]}
    assert refused(stack.elb.modify_target_group_attributes, **asked) == "ValidationError"


def test_an_authenticate_action_needs_https(stack: Stack) -> None:
    """Page "Authenticate users using an Application Load Balancer": on HTTPS listeners alone."""
    oidc = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": OIDC}
    answer = {**forward(**{stack.group("blue"): 1})[0], "Order": 2}
    rule = stack.rule(10, [answer])
    assert refused(stack.elb.modify_rule, RuleArn=rule, Actions=[oidc, answer]) == "InvalidLoadBalancerAction"


OIDC = {
    "Issuer": "https://id",
    "AuthorizationEndpoint": "https://id/a",
    "TokenEndpoint": "https://id/t",
    "UserInfoEndpoint": "https://id/u",
    "ClientId": "c",
    "ClientSecret": "s",
}


def test_reading_targets_and_changing_have_buckets_of_their_own() -> None:
    """API reference, "Request throttling": a bucket per account, region and family of calls.

    So changes that are used up leave reads alone, and Auto Scaling.
    """
    stack = build(Settings(throttling=True))
    green = stack.group("green")

    def delete_often() -> None:
        for _ in range(25):
            stack.elb.delete_target_group(TargetGroupArn=green)

    with pytest.raises(ClientError, match="Throttling"):
        delete_often()
    stack.elb.describe_target_groups()
    stack.asg.describe_auto_scaling_groups()


def test_what_the_balancer_itself_answers_is_in_no_target_group(stack: Stack) -> None:
    """Page "CloudWatch metrics for your Application Load Balancer": HTTPCode_ELB_* has no TargetGroup.

    So an empty group looks clean by its own counts.
    """
    blue = stack.group("blue")
    stack.rule(1, forward(**{blue: 1}))
    stack.cloud.traffic.rates = {"/": 10}
    stack.clock.sleep(10)
    cloudwatch = stack.client("cloudwatch")
    found = cloudwatch.list_metrics(MetricName="HTTPCode_ELB_5XX_Count")["Metrics"]
    assert [[one["Name"] for one in metric["Dimensions"]] for metric in found] == [["LoadBalancer"]]
    assert cloudwatch.list_metrics(MetricName="HTTPCode_Target_5XX_Count")["Metrics"] == []
