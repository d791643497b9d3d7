"""Auto Scaling and EC2: rules that a release leans on; each docstring names AWS's page."""

from __future__ import annotations

from tests.lab.cloud.conftest import Stack, forward
from tests.lab.cloud.test_elb import refused


def test_the_grace_period_is_zero_where_nobody_asks_for_one(stack: Stack) -> None:
    """API reference, CreateAutoScalingGroup: 0 s by the API, though the console proposes 300."""
    stack.fleet("blue", stack.group("blue"))
    (shown,) = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert (shown["HealthCheckGracePeriod"], shown["HealthCheckType"]) == (0, "EC2")
    assert "DefaultInstanceWarmup" not in shown


def test_a_group_that_is_not_there_is_missing_from_the_list(stack: Stack) -> None:
    """API reference, DescribeAutoScalingGroups: no error, so "not yet" looks like "no more"."""
    asked = stack.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["none"])
    assert asked["AutoScalingGroups"] == []
    assert refused(stack.asg.describe_policies, AutoScalingGroupName="none") == "ValidationError"


def test_a_health_check_type_is_one_of_aws(stack: Stack) -> None:
    """API reference, CreateAutoScalingGroup: EC2, EBS, ELB and VPC_LATTICE, joined by commas."""
    asked = {
        "AutoScalingGroupName": "x",
        "MinSize": 0,
        "MaxSize": 0,
        "LaunchTemplate": {"LaunchTemplateId": stack.template, "Version": "1"},
    }
    create = stack.asg.create_auto_scaling_group
    assert refused(create, **asked, HealthCheckType="HTTP") == "ValidationError"
    create(**asked, HealthCheckType="ELB,EBS")


def test_a_number_pins_a_template_and_the_default_moves(stack: Stack) -> None:
    """EC2 user guide, "Manage launch template versions": $Default and $Latest are looked up at a launch."""
    stack.fleet("pinned", stack.group("one"), size=1)
    asked = {"AutoScalingGroupName": "moving", "MinSize": 1, "MaxSize": 1}
    moving = {"LaunchTemplateId": stack.template, "Version": "$Default"}
    stack.asg.create_auto_scaling_group(**asked, LaunchTemplate=moving, VPCZoneIdentifier="subnet-1")
    stack.ec2.create_launch_template_version(
        LaunchTemplateId=stack.template, LaunchTemplateData={"ImageId": "ami-2"}
    )
    stack.ec2.modify_launch_template(LaunchTemplateId=stack.template, DefaultVersion="2")
    stack.clock.sleep(5)
    for name in ("pinned", "moving"):
        stack.ec2.terminate_instances(InstanceIds=[stack.instances(name)[0]["InstanceId"]])
    stack.clock.sleep(10)
    versions = [stack.instances(name)[0]["LaunchTemplate"]["Version"] for name in ("pinned", "moving")]
    assert versions == ["1", "2"]


def test_a_template_is_refused_by_what_it_was_asked_by(stack: Stack) -> None:
    """EC2's error codes: InvalidLaunchTemplateId.* for an id and a version, ...Name.* for a name."""
    describe = stack.ec2.describe_launch_template_versions
    assert refused(describe, LaunchTemplateId="lt-0") == "InvalidLaunchTemplateId.NotFound"
    name = {"LaunchTemplateName": "none"}
    assert refused(describe, **name) == "InvalidLaunchTemplateName.NotFoundException"
    version = {"LaunchTemplateId": stack.template, "DefaultVersion": "9"}
    assert refused(stack.ec2.modify_launch_template, **version) == "InvalidLaunchTemplateId.VersionNotFound"


def test_a_terminated_instance_is_shown_for_an_hour(stack: Stack) -> None:
    """User guide of EC2, "Terminate your instance": it stays visible for a short time."""
    blue = stack.group("blue")
    stack.rule(1, forward(**{blue: 1}))
    stack.fleet("blue", blue, size=1)
    stack.clock.sleep(5)
    gone = stack.instances("blue")[0]["InstanceId"]
    stack.ec2.terminate_instances(InstanceIds=[gone])
    stack.clock.sleep(60)
    shown = stack.ec2.describe_instances(InstanceIds=[gone])["Reservations"][0]["Instances"][0]
    assert shown["State"]["Name"] == "terminated"
    stack.clock.sleep(3700)
    assert refused(stack.ec2.describe_instances, InstanceIds=[gone]) == "InvalidInstanceID.NotFound"
