"""A group with a launch hook: an instance is in service once its host says so, or it is replaced."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from bluegreen.lab.api.inprocess import connect
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.settings import HealthSource, Settings

HOOK = {
    "LifecycleHookName": "hook",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "HeartbeatTimeout": 100,
    "DefaultResult": "ABANDON",
}


class Group:
    """One instance behind a hook; `well` says whether it ever serves."""

    def __init__(self, *, well: bool = True, health: HealthSource = HealthSource.MODELLED) -> None:
        self.clock = ManualClock(0)
        settings = Settings(pending_seconds=10, boot_seconds=50, health=health)
        self.cloud = Cloud(self.clock, settings, behaviour=lambda _: Behaviour(healthy=well))
        session = connect(self.cloud, moto=False)
        template = session.client("ec2").create_launch_template(LaunchTemplateName="t", LaunchTemplateData={})
        self.asg: Any = session.client("autoscaling")
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName="g", MinSize=1, MaxSize=1,
            LaunchTemplate={"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"]},
            LifecycleHookSpecificationList=[HOOK],
        )  # fmt: skip

    def after(self, seconds: float) -> list[tuple[str, str]]:
        self.clock.sleep(seconds)
        found = self.asg.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
        return [(one["InstanceId"], one["LifecycleState"]) for one in found]

    def complete(self, instance: str, *, hook: str = "hook", result: str = "CONTINUE") -> None:
        self.asg.complete_lifecycle_action(
            AutoScalingGroupName="g",
            InstanceId=instance,
            LifecycleHookName=hook,
            LifecycleActionResult=result,
        )


def test_it_waits_until_its_host_serves() -> None:
    group = Group()
    assert [state for _, state in group.after(30)] == ["Pending:Wait"]
    assert [state for _, state in group.after(35)] == ["InService"]


def test_one_that_never_serves_is_replaced_when_the_heartbeat_ends() -> None:
    group = Group(well=False)
    ((first, _),) = group.after(30)
    ((second, state),) = group.after(100)
    assert (second != first, state) == (True, "Pending:Wait")
    troubles = group.asg.describe_scaling_activities(AutoScalingGroupName="g")["Activities"]
    cancelled = [one["StatusMessage"] for one in troubles if one["StatusCode"] == "Cancelled"]
    assert len(cancelled) == 1
    assert "was abandoned: Heartbeat Timeout" in cancelled[0]


def test_a_real_host_completes_it_through_the_api() -> None:
    group = Group(health=HealthSource.REPORTED)
    ((instance, state),) = group.after(70)
    assert state == "Pending:Wait"
    with pytest.raises(ClientError, match="No Lifecycle Hook found with name another"):
        group.complete(instance, hook="another")
    group.complete(instance)
    assert group.after(1) == [(instance, "InService")]
    with pytest.raises(ClientError, match="No active Lifecycle Action found"):
        group.complete(instance)


def test_a_host_that_gives_up_is_replaced_at_once() -> None:
    group = Group(health=HealthSource.REPORTED)
    ((instance, _),) = group.after(20)
    group.complete(instance, result="ABANDON")
    assert instance not in [name for name, _ in group.after(5)]
