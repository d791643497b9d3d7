"""Which of a group's instances Auto Scaling takes for unhealthy, and why."""

from __future__ import annotations

from bluegreen.lab.cloud.asg.state import Group, Lifecycle, Member
from bluegreen.lab.cloud.elb.state import Health
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.elb.targets import Targets
from bluegreen.lab.cloud.world import World


class Sickness:
    """The health checks of Auto Scaling: EC2's and ELB's; once unhealthy is unhealthy.

    An instance that EC2 says is not running is unhealthy at once. ELB's word counts for health check type ELB
    alone, after the grace period (which begins with InService), and once a target of the group has passed
    (user guide, "Health checks for instances in an Auto Scaling group").
    """

    def __init__(self, world: World, balancing: Balancing, targets: Targets) -> None:
        self._world = world
        self._balancing = balancing
        self._targets = targets

    def of(self, group: Group, member: Member) -> str:
        """Why `member` is unhealthy, in AWS's words; empty where it is not."""
        if not member.healthy:
            return "an earlier health check"
        if not group.runs("HealthCheck"):
            return ""
        if not member.instance.alive:
            return "an EC2 health check indicating it has been terminated or stopped"
        graced = self._world.at < member.in_service_at + group.grace_seconds * self._world.stretch
        if "ELB" not in group.health_check_type or member.lifecycle is not Lifecycle.IN_SERVICE or graced:
            return ""
        for source in group.sources.values():
            if source.state == "InService" and self._unhealthy(source.arn, member):
                return "an ELB system health check failure"
        return ""

    def _unhealthy(self, arn: str, member: Member) -> bool:
        target_group = self._balancing.groups.get(arn)
        if target_group is None:
            return False
        keys = [key for key in target_group.targets if key[0] == member.instance.id]
        return any(self._targets.health_of(target_group, key)[0] is Health.UNHEALTHY for key in keys)
