"""Auto Scaling Groups against the simulated cloud."""

from __future__ import annotations

import pytest

from bluegreen.adapters.aws.autoscaling import AutoScalingFleets
from bluegreen.adapters.aws.elb.balancer import ElbBalancer
from bluegreen.adapters.aws.scaling import policies_of, resource_label
from bluegreen.contract import Tier
from bluegreen.errors import CloudUnavailable, Refused

from .conftest import Stack, lost, refused, spec, tags

SCALING = [
    {"kind": "cpu", "target_percent": 60},
    {"kind": "requests", "target_per_minute": 1000},
    {"kind": "backlog", "target_per_instance": 5},
]


@pytest.fixture
def fleets(stack: Stack) -> AutoScalingFleets:
    return AutoScalingFleets(stack.session, stack.contract, stack.clock)


@pytest.fixture
def group_arn(stack: Stack) -> str:
    """A target group behind a preview rule."""
    balancer = ElbBalancer(stack.elb(), stack.contract)
    tier = stack.contract.tier(Tier.APP)
    arn = balancer.ensure_target_group(tier, spec(), tags()).arn
    balancer.ensure_preview(tier, arn, "token-1234567890", tags())
    return arn


def settle(stack: Stack, seconds: float = 10) -> None:
    stack.clock.sleep(seconds)
    stack.cloud.advance()


def test_is_made_as_the_contract_says(stack: Stack, fleets: AutoScalingFleets, group_arn: str) -> None:
    tier = stack.with_tier(scaling=SCALING, warmup_seconds=90, boot_budget_seconds=240).tier(Tier.APP)
    made = fleets.ensure(tier, spec(), group_arn, tags())

    assert (made.minimum, made.desired, made.maximum) == (2, 2, 4)
    found = stack.raw("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert found["LaunchTemplate"]["LaunchTemplateId"] == stack.template_id
    assert found["LaunchTemplate"]["Version"] == "1"
    assert found["TargetGroupARNs"] == [group_arn]
    assert (found["HealthCheckType"], found["HealthCheckGracePeriod"]) == ("ELB", 270)
    assert found["DefaultInstanceWarmup"] == 90
    hooks = stack.cloud.scaling.groups["sc-test-app-1"].hooks
    assert {name: hook.heartbeat_seconds for name, hook in hooks.items()} == {"sc-launch": 240}
    assert found["VPCZoneIdentifier"] == "subnet-a,subnet-c"
    assert all(tag["PropagateAtLaunch"] for tag in found["Tags"])
    policies = stack.raw("autoscaling").describe_policies()["ScalingPolicies"]
    assert sorted(one["PolicyName"] for one in policies) == [
        "sc-test-app-1-backlog",
        "sc-test-app-1-cpu",
        "sc-test-app-1-requests",
    ]


def test_instances_carry_the_tags(stack: Stack, fleets: AutoScalingFleets, group_arn: str) -> None:
    fleets.ensure(stack.contract.tier(Tier.APP), spec(), group_arn, tags(**{"sportcoach:release": "v1.0.0"}))
    settle(stack)
    group = fleets.group("sc-test-app-1")
    assert group is not None
    assert (group.in_service, len(group.instances)) == (2, 2)
    answer = stack.raw("ec2").describe_instances(InstanceIds=list(group.instances))
    for reservation in answer["Reservations"]:
        for instance in reservation["Instances"]:
            assert {"Key": "sportcoach:release", "Value": "v1.0.0"} in instance["Tags"]


def test_second_call_changes_nothing(stack: Stack, fleets: AutoScalingFleets, group_arn: str) -> None:
    tier = stack.with_tier(scaling=SCALING).tier(Tier.APP)
    fleets.ensure(tier, spec(), group_arn, tags())
    stack.region.calls.clear()
    fleets.ensure(tier, spec(), group_arn, tags())
    assert stack.region.count() == {"DescribeAutoScalingGroups": 1, "DescribePolicies": 1}


def test_lost_answer_is_completed(stack: Stack, fleets: AutoScalingFleets, group_arn: str) -> None:
    """The group was made, its policies were not: the next call adds them."""
    tier = stack.with_tier(scaling=SCALING).tier(Tier.APP)
    stack.fault("CreateAutoScalingGroup", lost(), after=True)
    with pytest.raises(CloudUnavailable):
        fleets.ensure(tier, spec(), group_arn, tags())
    assert stack.raw("autoscaling").describe_policies()["ScalingPolicies"] == []
    fleets.ensure(tier, spec(), group_arn, tags())
    assert len(stack.raw("autoscaling").describe_policies()["ScalingPolicies"]) == 3


def test_already_exists_after_an_internal_retry(
    stack: Stack, fleets: AutoScalingFleets, group_arn: str
) -> None:
    made = []

    def before(operation: str, params: dict[str, object]) -> None:
        if operation == "CreateAutoScalingGroup" and not made:
            made.append(stack.cloud.call("autoscaling", operation, params))

    stack.region.before = before
    assert fleets.ensure(stack.contract.tier(Tier.APP), spec(), group_arn, tags()).name == "sc-test-app-1"


def test_foreign_group_is_left_alone(stack: Stack, fleets: AutoScalingFleets, group_arn: str) -> None:
    stack.raw("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="sc-test-app-1",
        LaunchTemplate={"LaunchTemplateId": stack.template_id},
        MinSize=1,
        MaxSize=1,
        VPCZoneIdentifier="subnet-a",
    )
    for change in (
        lambda: fleets.ensure(stack.contract.tier(Tier.APP), spec(), group_arn, tags()),
        lambda: fleets.resize("sc-test-app-1", minimum=0),
        lambda: fleets.tag("sc-test-app-1", {"a": "b"}),
        lambda: fleets.delete("sc-test-app-1"),
    ):
        with pytest.raises(Refused, match="not made by sc-deploy"):
            change()
    assert fleets.groups() == ()
    found = stack.raw("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert (found["MinSize"], found["Tags"]) == (1, [])


def test_request_policy_waits_for_the_rule(stack: Stack, fleets: AutoScalingFleets, group_arn: str) -> None:
    tier = stack.with_tier(scaling=SCALING).tier(Tier.APP)
    message = "The load balancer does not route traffic to the target group"
    stack.fault("PutScalingPolicy", refused("ValidationError", message), times=2)
    fleets.ensure(tier, spec(), group_arn, tags())
    assert len(stack.raw("autoscaling").describe_policies()["ScalingPolicies"]) == 3


def test_resize_never_lowers_the_desired_size(
    stack: Stack, fleets: AutoScalingFleets, group_arn: str
) -> None:
    fleets.ensure(stack.contract.tier(Tier.APP), spec(), group_arn, tags())
    stack.raw("autoscaling").set_desired_capacity(AutoScalingGroupName="sc-test-app-1", DesiredCapacity=4)
    group = fleets.resize("sc-test-app-1", minimum=1, maximum=3)
    assert (group.minimum, group.desired, group.maximum) == (1, 4, 4)
    assert fleets.group("sc-test-app-1").desired == 4  # type: ignore[union-attr]  # just resized
    group = fleets.resize("sc-test-app-1", minimum=6)
    assert (group.minimum, group.desired, group.maximum) == (6, 6, 6)


def test_resize_of_an_absent_group(fleets: AutoScalingFleets) -> None:
    with pytest.raises(Refused, match="sc-test-app-9 does not exist"):
        fleets.resize("sc-test-app-9", minimum=1)


def test_delete_empties_then_deletes(stack: Stack, fleets: AutoScalingFleets, group_arn: str) -> None:
    fleets.ensure(stack.contract.tier(Tier.APP), spec(), group_arn, tags())
    settle(stack)
    looks = 0
    while not fleets.delete("sc-test-app-1"):
        looks += 1
        settle(stack, 5)
        assert looks < 60
    assert looks > 5, "the targets drain for 60 s before the instances end"
    assert stack.region.count()["DeleteAutoScalingGroup"] == 1
    assert fleets.group("sc-test-app-1") is None
    assert fleets.delete("sc-test-app-1") is True


def test_protected_instances_are_named(stack: Stack, fleets: AutoScalingFleets, group_arn: str) -> None:
    fleets.ensure(stack.contract.tier(Tier.APP), spec(), group_arn, tags())
    settle(stack)
    group = fleets.group("sc-test-app-1")
    assert group is not None
    stack.raw("autoscaling").set_instance_protection(
        AutoScalingGroupName=group.name, InstanceIds=list(group.instances), ProtectedFromScaleIn=True
    )
    assert fleets.delete(group.name) is False
    settle(stack)
    with pytest.raises(Refused, match=f"{group.instances[0]}.*protected from scale-in"):
        fleets.delete(group.name)


def test_tag_reaches_instances_launched_later(
    stack: Stack, fleets: AutoScalingFleets, group_arn: str
) -> None:
    fleets.ensure(stack.contract.tier(Tier.APP), spec(), group_arn, tags())
    fleets.tag("sc-test-app-1", {"sportcoach:color": "blue"})
    assert fleets.groups()[0].tags["sportcoach:color"] == "blue"


def test_troubles_tell_why_instances_do_not_come(
    stack: Stack, fleets: AutoScalingFleets, group_arn: str
) -> None:
    assert fleets.troubles("sc-test-app-1") == ()
    fleets.ensure(stack.contract.tier(Tier.APP), spec(), group_arn, tags())
    assert fleets.troubles("sc-test-app-1") == ()


def test_launch_template_version(stack: Stack, fleets: AutoScalingFleets) -> None:
    ec2 = stack.raw("ec2")
    assert fleets.launch_template_version(stack.template_id) == 1
    ec2.create_launch_template_version(
        LaunchTemplateId=stack.template_id, LaunchTemplateData={"InstanceType": "t3.large"}
    )
    ec2.modify_launch_template(LaunchTemplateId=stack.template_id, DefaultVersion="2")
    assert fleets.launch_template_version(stack.template_id) == 2
    assert fleets.launch_template_versions(stack.template_id, [1, 2, 3]) == {1, 2}
    with pytest.raises(Refused, match="lt-0dead of the contract"):
        fleets.launch_template_version("lt-0dead")


def test_a_template_version_that_is_not_the_default_one_is_not_released(
    stack: Stack, fleets: AutoScalingFleets
) -> None:
    stack.raw("ec2").create_launch_template_version(
        LaunchTemplateId=stack.template_id, LaunchTemplateData={"InstanceType": "t3.large"}
    )
    assert fleets.launch_template_version(stack.template_id) == 1


def test_a_group_of_another_deployment_is_not_taken_over(
    stack: Stack, fleets: AutoScalingFleets, group_arn: str
) -> None:
    tier = stack.contract.tier(Tier.APP)
    fleets.ensure(tier, spec(), group_arn, tags(2))
    with pytest.raises(Refused):
        fleets.ensure(tier, spec(), group_arn, tags(1))


def test_policies_name_their_metric(stack: Stack) -> None:
    tier = stack.with_tier(scaling=SCALING).tier(Tier.APP)
    group = "arn:aws:elasticloadbalancing:r:1:targetgroup/sc-test-app-1/abc"
    cpu, requests, backlog = (
        one["TargetTrackingConfiguration"]
        for one in policies_of(stack.contract, tier, "sc-test-app-1", group)
    )
    assert cpu["PredefinedMetricSpecification"] == {"PredefinedMetricType": "ASGAverageCPUUtilization"}
    assert (cpu["TargetValue"], requests["TargetValue"], backlog["TargetValue"]) == (60, 1000, 5)
    label = requests["PredefinedMetricSpecification"]["ResourceLabel"]
    assert label == resource_label(stack.balancer_arn, group)
    assert label.startswith("app/test/")
    assert label.endswith("/targetgroup/sc-test-app-1/abc")
    tracked = backlog["CustomizedMetricSpecification"]
    assert (tracked["Namespace"], tracked["MetricName"]) == ("SportCoach/test", "ai_queue_length")
    assert tracked["Dimensions"] == [{"Name": "AutoScalingGroupName", "Value": "sc-test-app-1"}]


def test_a_task_is_given_to_no_instance_that_is_leaving_or_has_not_started(
    stack: Stack, fleets: AutoScalingFleets, group_arn: str
) -> None:
    made = fleets.ensure(stack.contract.tier(Tier.APP), spec(minimum=1), group_arn, tags())
    assert (len(made.instances), made.hosts) == (2, ())
    settle(stack)
    stack.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=made.name, DesiredCapacity=1)
    settle(stack, 5)
    group = fleets.group(made.name)
    assert group is not None
    assert len(group.instances) == 2, "one of them drains"
    assert group.hosts == group.instances[1:]
