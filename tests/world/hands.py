"""What people do in the console and what befalls hosts: functions of a world, True where it was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bluegreen.domain.stack import TierState
from tools.world import World

__all__ = ["HURTING", "UPSETS", "Upset"]

Upset = Callable[[World], bool]


def _tier(world: World) -> TierState:
    return world.deployer().observe().tiers[-1]


def _forward(world: World, weights: dict[str, int]) -> bool:
    rule = _tier(world).rule
    if rule is None or not weights:
        return False
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    world.raw("elbv2").modify_rule(RuleArn=rule.arn, Actions=[action])
    return True


def _groups(world: World) -> list[Any]:
    """The Auto Scaling Groups that stand, the oldest first."""
    groups = world.cloud.scaling.groups
    return [groups[name] for name in sorted(groups) if not groups[name].deleting]


def _scale(world: World, which: int, by: int) -> bool:
    found = _groups(world)
    if not found:
        return False
    group = found[which]
    size = max(1, min(group.desired + by, group.maximum))
    if size == group.desired:
        return False
    world.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=group.name, DesiredCapacity=size)
    return True


def oldest_grows(world: World) -> bool:
    return _scale(world, 0, 1)


def newest_grows(world: World) -> bool:
    return _scale(world, -1, 1)


def _lose(world: World, which: int, *, silently: bool) -> bool:
    found = _groups(world)
    members = sorted(found[which].members) if found else []
    if not members:
        return False
    if silently:
        world.cloud.instances.lose(world.cloud.instances.all[members[0]])
    else:
        world.raw("ec2").terminate_instances(InstanceIds=members[:1])
    return True


def oldest_loses_a_host(world: World) -> bool:
    return _lose(world, 0, silently=False)


def newest_loses_a_host(world: World) -> bool:
    return _lose(world, -1, silently=False)


def oldest_dies_silently(world: World) -> bool:
    return _lose(world, 0, silently=True)


def newest_dies_silently(world: World) -> bool:
    return _lose(world, -1, silently=True)


def _delete(world: World, which: int) -> bool:
    found = _groups(world)
    if not found:
        return False
    world.raw("autoscaling").delete_auto_scaling_group(
        AutoScalingGroupName=found[which].name, ForceDelete=True
    )
    return True


def oldest_is_deleted(world: World) -> bool:
    return _delete(world, 0)


def newest_is_deleted(world: World) -> bool:
    return _delete(world, -1)


def weights_are_moved(world: World) -> bool:
    """Half and half, where there are two."""
    rule = _tier(world).rule
    return _forward(world, dict.fromkeys(rule.weights, 50) if rule else {})


def a_stranger_is_in_the_rule(world: World) -> bool:
    """Somebody's own target group gets no weight yet, but the list is another one."""
    rule = _tier(world).rule
    if rule is None or any("stranger" in arn for arn in rule.weights):
        return False
    elb = world.raw("elbv2")
    made = elb.create_target_group(Name="stranger", Protocol="HTTP", Port=80, VpcId=world.contract.vpc_id)
    return _forward(world, {**rule.weights, made["TargetGroups"][0]["TargetGroupArn"]: 0})


def live_rule_is_deleted(world: World) -> bool:
    rule = _tier(world).rule
    if rule is None:
        return False
    world.raw("elbv2").delete_rule(RuleArn=rule.arn)
    return True


def preview_rules_are_deleted(world: World) -> bool:
    found = _tier(world).previews
    for rule in found:
        world.raw("elbv2").delete_rule(RuleArn=rule.arn)
    return bool(found)


def schedules_are_deleted(world: World) -> bool:
    armed = world.ports().watchdog.armed()
    for name in armed:
        world.raw("scheduler").delete_schedule(Name=name, GroupName=world.contract.watchdog.schedule_group)
    return bool(armed)


def stickiness_is_switched_on(world: World) -> bool:
    for group in _tier(world).rule.weights if _tier(world).rule else ():  # type: ignore[union-attr]  # asked just now
        world.raw("elbv2").modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": "stickiness.enabled", "Value": "true"}]
        )
        return True
    return False


def stickiness_is_switched_off(world: World) -> bool:
    for arn in world.cloud.balancing.groups:
        world.raw("elbv2").modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "stickiness.enabled", "Value": "false"}]
        )
    return True


HURTING: tuple[Upset, ...] = (
    oldest_loses_a_host,
    newest_loses_a_host,
    oldest_dies_silently,
    newest_dies_silently,
    oldest_is_deleted,
    newest_is_deleted,
    weights_are_moved,
    live_rule_is_deleted,
    schedules_are_deleted,
    stickiness_is_switched_on,
)
"""After these users may lose requests, or stay between two releases, by no fault of sc-deploy."""
UPSETS: tuple[Upset, ...] = (
    *HURTING,
    oldest_grows,
    newest_grows,
    a_stranger_is_in_the_rule,
    preview_rules_are_deleted,
)
