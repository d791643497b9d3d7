from __future__ import annotations

from typing import Any

import pytest

from bluegreen.lab.cloud.behaviour import Behaviour
from tests.lab.cloud.conftest import Stack, forward
from tests.lab.cloud.test_elb import refused


def up(stack: Stack, **given: Any) -> str:
    blue = stack.group("blue")
    stack.rule(10, forward(**{blue: 1}))
    stack.fleet("blue", blue, **given)
    stack.clock.sleep(20)
    return blue


def test_an_instance_boots_enters_service_and_passes_its_first_check(stack: Stack) -> None:
    blue = stack.group("blue")
    stack.rule(10, forward(**{blue: 1}))
    stack.fleet("blue", blue)
    assert {one["LifecycleState"] for one in stack.instances("blue")} == {"Pending"}
    assert stack.health(blue) == []
    stack.clock.sleep(1)
    assert {one["LifecycleState"] for one in stack.instances("blue")} == {"InService"}
    assert stack.health(blue) == [("initial", "Elb.InitialHealthChecking")] * 2
    stack.clock.sleep(12)
    assert stack.health(blue) == [("healthy", "")] * 2


def test_a_target_group_that_no_rule_names_is_not_checked(stack: Stack) -> None:
    green = stack.group("green")
    stack.fleet("green", green)
    stack.clock.sleep(600)
    assert stack.health(green) == [("unused", "Target.NotInUse")] * 2
    stack.rule(20, forward(**{green: 0}))
    assert {state for state, _ in stack.health(green)} == {"initial"}
    stack.clock.sleep(11)
    assert stack.health(green) == [("healthy", "")] * 2


def test_an_unhealthy_release_never_becomes_healthy_and_recovers_only_after_the_threshold(
    stack: Stack,
) -> None:
    stack.behaviours["v1.0.0"] = Behaviour(healthy=False)
    blue = up(stack)
    stack.clock.sleep(20)
    assert {state for state, _ in stack.health(blue)} == {"unhealthy"}
    stack.behaviours["v1.0.0"] = Behaviour()
    stack.clock.sleep(20)
    assert {state for state, _ in stack.health(blue)} == {"unhealthy"}
    stack.clock.sleep(10)
    assert {state for state, _ in stack.health(blue)} == {"healthy"}


def test_scaling_in_drains_for_the_whole_delay_and_then_terminates(stack: Stack) -> None:
    blue = up(stack)
    first = stack.instances("blue")[0]["InstanceId"]
    stack.asg.set_desired_capacity(AutoScalingGroupName="blue", DesiredCapacity=1)
    assert sorted(stack.health(blue)) == [("draining", "Target.DeregistrationInProgress"), ("healthy", "")]
    stack.clock.sleep(29)
    shown = stack.ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["Instances"][0]
    assert shown["State"]["Name"] == "running"
    stack.clock.sleep(3)
    assert stack.health(blue) == [("healthy", "")]
    assert [one["InstanceId"] for one in stack.instances("blue")] != [first]
    shown = stack.ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["Instances"][0]
    assert shown["State"]["Name"] == "terminated"


def test_protected_instances_stay_until_the_group_is_deleted(stack: Stack) -> None:
    up(stack, NewInstancesProtectedFromScaleIn=True)
    stack.asg.set_desired_capacity(AutoScalingGroupName="blue", DesiredCapacity=1)
    stack.clock.sleep(60)
    assert len(stack.instances("blue")) == 2
    latest = stack.asg.describe_scaling_activities(AutoScalingGroupName="blue")["Activities"][0]
    assert latest["StatusCode"] == "Cancelled"
    stack.asg.set_instance_protection(
        AutoScalingGroupName="blue",
        InstanceIds=[stack.instances("blue")[1]["InstanceId"]],
        ProtectedFromScaleIn=False,
    )
    stack.clock.sleep(60)
    assert len(stack.instances("blue")) == 1


def test_a_group_with_instances_is_deleted_by_force_only_and_goes_after_its_drain(stack: Stack) -> None:
    blue = up(stack)
    delete = stack.asg.delete_auto_scaling_group
    assert refused(delete, AutoScalingGroupName="blue") == "ResourceInUse"
    delete(AutoScalingGroupName="blue", ForceDelete=True)
    shown = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert shown["Status"] == "Delete in progress"
    assert {state for state, _ in stack.health(blue)} == {"draining"}
    assert refused(delete, AutoScalingGroupName="blue") == "ScalingActivityInProgress"
    stack.clock.sleep(32)
    assert stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert stack.health(blue) == []


def test_a_terminated_instance_is_replaced_and_its_replacement_registered(stack: Stack) -> None:
    blue = up(stack)
    lost = stack.instances("blue")[0]["InstanceId"]
    stack.ec2.terminate_instances(InstanceIds=[lost])
    stack.clock.sleep(60)
    now = [one["InstanceId"] for one in stack.instances("blue")]
    assert len(now) == 2
    assert lost not in now
    assert stack.health(blue) == [("healthy", "")] * 2


def test_elb_health_checks_replace_only_after_the_traffic_source_was_in_service(stack: Stack) -> None:
    up(stack, HealthCheckType="ELB", HealthCheckGracePeriod=0)
    before = {one["InstanceId"] for one in stack.instances("blue")}
    stack.behaviours["v1.0.0"] = Behaviour(healthy=False)
    stack.clock.sleep(120)
    assert not before & {one["InstanceId"] for one in stack.instances("blue")}
    green = stack.group("green")
    stack.rule(20, forward(**{green: 1}), "/green")
    stack.behaviours["v2"] = Behaviour(healthy=False)
    stack.fleet("green", green, release="v2", HealthCheckType="ELB", HealthCheckGracePeriod=0)
    stack.clock.sleep(2)
    first = {one["InstanceId"] for one in stack.instances("green")}
    stack.clock.sleep(300)
    assert {one["InstanceId"] for one in stack.instances("green")} == first
    assert {state for state, _ in stack.health(green)} == {"unhealthy"}


def test_groups_are_refused_as_aws_refuses_them(stack: Stack) -> None:
    blue = up(stack)
    asked = {
        "AutoScalingGroupName": "blue",
        "MinSize": 1,
        "MaxSize": 1,
        "LaunchTemplate": {"LaunchTemplateId": stack.template, "Version": "1"},
    }
    create = stack.asg.create_auto_scaling_group
    assert refused(create, **asked) == "AlreadyExists"
    missing = {**asked, "AutoScalingGroupName": "x", "TargetGroupARNs": [blue + "0"]}
    assert refused(create, **missing) == "ValidationError"
    version = {"LaunchTemplateId": stack.template, "Version": "7"}
    assert (
        refused(create, **{**asked, "AutoScalingGroupName": "x", "LaunchTemplate": version})
        == "ValidationError"
    )
    update = stack.asg.update_auto_scaling_group
    assert refused(update, AutoScalingGroupName="nope", MinSize=1) == "ValidationError"
    capacity = stack.asg.set_desired_capacity
    assert refused(capacity, AutoScalingGroupName="blue", DesiredCapacity=11) == "ValidationError"


def test_tags_and_the_pinned_template_version_reach_the_instances(stack: Stack) -> None:
    stack.ec2.create_launch_template_version(
        LaunchTemplateId=stack.template, SourceVersion="1", LaunchTemplateData={"UserData": "eA=="}
    )
    stack.ec2.modify_launch_template(LaunchTemplateId=stack.template, DefaultVersion="2")
    up(stack)
    asked = [{"Name": "tag:sportcoach:release", "Values": ["v1.0.0"]}]
    found = stack.ec2.describe_instances(Filters=asked)["Reservations"]
    assert len(found) == 2
    tags = {one["Key"]: one["Value"] for one in found[0]["Instances"][0]["Tags"]}
    assert tags["aws:ec2launchtemplate:version"] == "1"
    assert tags["aws:autoscaling:groupName"] == "blue"
    shown = stack.ec2.describe_launch_templates(LaunchTemplateIds=[stack.template])["LaunchTemplates"][0]
    assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (2, 2)


@pytest.mark.parametrize("attached", [True, False])
def test_request_scaling_needs_a_target_group_attached_on_both_sides(stack: Stack, *, attached: bool) -> None:
    blue = stack.group("blue")
    stack.fleet("blue", blue)
    label = f"{stack.balancer.partition(':loadbalancer/')[2]}/{blue.rpartition(':')[2]}"
    asked = {
        "AutoScalingGroupName": "blue",
        "PolicyName": "requests",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": {
            "TargetValue": 100.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget",
                "ResourceLabel": label,
            },
        },
    }
    if not attached:
        assert refused(stack.asg.put_scaling_policy, **asked) == "ValidationError"
        return
    stack.rule(10, forward(**{blue: 1}))
    stack.asg.put_scaling_policy(**asked)
    found = stack.asg.describe_policies(AutoScalingGroupName="blue")["ScalingPolicies"]
    assert [one["PolicyName"] for one in found] == ["requests"]
