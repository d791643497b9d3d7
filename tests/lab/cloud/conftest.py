"""A small stack on a simulated cloud and a manual clock, seen through ordinary boto3 clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from bluegreen.lab.api.inprocess import connect
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.settings import Settings

FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/html"}}]


def forward(**weights: int) -> list[dict[str, Any]]:
    """A forward action; the keys are target group ARNs."""
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


@dataclass
class Stack:
    clock: ManualClock
    cloud: Cloud
    session: Any
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    balancer: str = ""
    listener: str = ""
    template: str = ""

    def client(self, name: str) -> Any:
        return self.session.client(name)

    def __post_init__(self) -> None:
        self.elb, self.asg, self.ec2 = (self.client(n) for n in ("elbv2", "autoscaling", "ec2"))
        made = self.elb.create_load_balancer(Name="front", Subnets=["subnet-1", "subnet-2"])
        self.balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        made = self.elb.create_listener(
            LoadBalancerArn=self.balancer, Protocol="HTTP", Port=80, DefaultActions=FIXED
        )
        self.listener = made["Listeners"][0]["ListenerArn"]
        made = self.ec2.create_launch_template(
            LaunchTemplateName="app", LaunchTemplateData={"ImageId": "ami-1"}
        )
        self.template = made["LaunchTemplate"]["LaunchTemplateId"]

    def group(self, name: str, *, delay: int = 30, **given: Any) -> str:
        asked = {
            "Protocol": "HTTP",
            "Port": 8080,
            "VpcId": "vpc-1",
            "HealthCheckIntervalSeconds": 10,
            "HealthyThresholdCount": 3,
        }
        made = self.elb.create_target_group(Name=name, **{**asked, **given})
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(
            TargetGroupArn=arn,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}],
        )
        return arn

    def rule(self, priority: int, actions: list[dict[str, Any]], path: str = "/*") -> str:
        made = self.elb.create_rule(
            ListenerArn=self.listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}],
            Actions=actions,
        )
        arn: str = made["Rules"][0]["RuleArn"]
        return arn

    def fleet(self, name: str, group: str, size: int = 2, release: str = "v1.0.0", **given: Any) -> None:
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=1,
            MaxSize=10,
            DesiredCapacity=size,
            LaunchTemplate={"LaunchTemplateId": self.template, "Version": "1"},
            TargetGroupARNs=[group],
            VPCZoneIdentifier="subnet-1,subnet-2",
            Tags=[{"Key": "sportcoach:release", "Value": release, "PropagateAtLaunch": True}],
            **given,
        )

    def health(self, group: str) -> list[tuple[str, str]]:
        found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return [(one["TargetHealth"]["State"], one["TargetHealth"].get("Reason", "")) for one in found]

    def instances(self, fleet: str) -> list[dict[str, Any]]:
        found = self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[fleet])["AutoScalingGroups"]
        return list(found[0]["Instances"]) if found else []


def build(settings: Settings | None = None, **given: Any) -> Stack:
    clock = ManualClock()
    behaviours: dict[str, Behaviour] = {}
    cloud = Cloud(
        clock,
        settings,
        behaviour=lambda instance: behaviours.get(instance.tags.get("sportcoach:release", ""), Behaviour()),
        **given,
    )
    return Stack(clock=clock, cloud=cloud, session=connect(cloud, moto=False), behaviours=behaviours)


@pytest.fixture
def stack() -> Stack:
    return build()
