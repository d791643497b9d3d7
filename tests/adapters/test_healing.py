"""Fleets of the repository's own stacks heal although a real boot takes minutes."""

from __future__ import annotations

import pytest

from bluegreen.adapters.aws.autoscaling import AutoScalingFleets
from bluegreen.adapters.aws.elb.balancer import ElbBalancer
from bluegreen.adapters.aws.session import Session
from bluegreen.contract import Contract, Tier, TierContract
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.settings import Settings
from tools.recording import STACKS, recorded, settings_of

from .conftest import Region, Stack, spec, tags

BOOT_SECONDS = 240
"""Package lists, packages, agent and image of a small instance."""
TIMES = ("boot_budget_seconds", "warmup_seconds", "health_check", "deregistration_delay_seconds", "fleet")
TIERS = [(stack, Tier(tier)) for stack in STACKS for tier in settings_of(stack)["tiers"]]
GROUP = "sc-test-app-1"


class Fleet:
    """A fleet as the tier of a shipped stack describes it, serving behind a rule, on a manual clock."""

    def __init__(self, stack: Stack, shipped: TierContract) -> None:
        self.stack = stack
        document = shipped.model_dump(mode="json", exclude_none=True)
        contract = stack.with_tier(**{name: document[name] for name in TIMES})
        tier = contract.tier(Tier.APP)
        balancer = ElbBalancer(stack.elb(), contract)
        size = shipped.fleet
        wanted = spec(minimum=size.minimum, desired=size.desired, maximum=size.desired + 1)
        self.target_group = balancer.ensure_target_group(tier, wanted, tags()).arn
        balancer.ensure_preview(tier, self.target_group, "token-1234567890", tags())
        fleets = AutoScalingFleets(stack.session, contract, stack.clock)
        fleets.ensure(tier, wanted, self.target_group, tags())

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds / 5)):
            self.stack.clock.sleep(5)
            self.stack.cloud.advance()
            assert self.settled(), "an instance is in service that does not serve"

    def healthy(self) -> int:
        answer = self.stack.raw("elbv2").describe_target_health(TargetGroupArn=self.target_group)
        states = [one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]]
        return states.count("healthy")

    def settled(self) -> bool:
        """Whether every instance in service serves, but for one whose first check is under way."""
        answer = self.stack.raw("elbv2").describe_target_health(TargetGroupArn=self.target_group)
        states = [one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]]
        return "unhealthy" not in states

    def instances(self) -> list[str]:
        answer = self.stack.raw("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])
        return [one["InstanceId"] for one in answer["AutoScalingGroups"][0]["Instances"]]

    def launched(self) -> int:
        answer = self.stack.raw("ec2").describe_instances()
        return sum(len(one["Instances"]) for one in answer["Reservations"])


@pytest.mark.parametrize("whole_budget", [False, True], ids=["240 s", "whole budget"])
@pytest.mark.parametrize(("name", "tier"), TIERS)
def test_a_fleet_replaces_a_lost_instance_and_scales_out(
    region: Region, session: Session, clock: ManualClock, name: str, tier: Tier, *, whole_budget: bool
) -> None:
    shipped = Contract.model_validate(recorded(name).outputs["contract"]).tier(tier)
    assert shipped.boot_budget_seconds >= 600
    boot = shipped.boot_budget_seconds if whole_budget else BOOT_SECONDS
    stack = Stack(region, session, clock, Settings(pending_seconds=15, boot_seconds=boot))
    fleet, desired = Fleet(stack, shipped), shipped.fleet.desired
    fleet.run(boot + 120)
    assert fleet.healthy() == desired

    stack.raw("ec2").terminate_instances(InstanceIds=fleet.instances()[:1])
    stack.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=desired + 1)
    fleet.run(2 * boot)
    assert fleet.healthy() == desired + 1
    assert fleet.launched() == desired + 2, "an instance was replaced while it booted"
