"""Targets: registration, draining, and the health DescribeTargetHealth tells."""

from __future__ import annotations

from collections.abc import Iterable

from bluegreen.lab.cloud.behaviour import BehaviourOf
from bluegreen.lab.cloud.elb.state import Health, State, Target, TargetGroup
from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.instances import Instance, Instances
from bluegreen.lab.cloud.settings import HealthSource
from bluegreen.lab.cloud.world import Document, World, api

_DRAINING = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
_NOT_IN_USE = ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
_NOT_REGISTERED = ("Target.NotRegistered", "Target is not registered to the target group")
_INVALID_STATE = ("Target.InvalidState", "Target is in the terminated or stopped state")
_REGISTERING = ("Elb.RegistrationInProgress", "Target registration is in progress")
_CHECKING = ("Elb.InitialHealthChecking", "Initial health checks in progress")
_FAILED = ("Target.FailedHealthChecks", "Health checks failed")
_MISMATCH = ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")


class Targets:
    """DeregisterTargets, DescribeTargetHealth, and modelled health checks."""

    def __init__(self, world: World, state: State, instances: Instances, behaviour: BehaviourOf) -> None:
        self._world = world
        self._state = state
        self._instances = instances
        self._behaviour = behaviour

    def register(self, group: TargetGroup, target: str, port: int | None = None) -> None:
        """Register one target; one that drains starts anew, one that is registered stays as it is."""
        key = (target, port or group.settings["Port"])
        known = group.targets.get(key)
        if known is not None and known.draining_until is None:
            return
        now = self._world.at
        group.targets[key] = Target(id=key[0], port=key[1], registered_at=now, next_check=now)
        self._state.revision += 1

    @api
    def deregister_targets(self, params: Document) -> Document:
        group = self._state.group(params["TargetGroupArn"])
        for one in params["Targets"]:
            keys = [key for key in group.targets if key[0] == one["Id"] and one.get("Port") in (None, key[1])]
            if not keys:
                raise CloudError("InvalidTarget", f"The target '{one['Id']}' is not registered")
            for key in keys:
                self._drain(group, key)
        return {}

    def deregister(self, group: TargetGroup, target: str) -> float:
        """Start draining `target`; returns when the drain ends (now, where nothing drains)."""
        ends = [self._drain(group, key) for key in list(group.targets) if key[0] == target]
        return max(ends, default=self._world.at)

    def _drain(self, group: TargetGroup, key: tuple[str, int]) -> float:
        target = group.targets[key]
        if target.draining_until is not None:
            return target.draining_until
        self._state.revision += 1
        if group.arn not in self._state.in_use():
            del group.targets[key]
            return self._world.at
        delay = int(group.attributes["deregistration_delay.timeout_seconds"]) * self._world.stretch
        target.draining_until = self._world.at + delay
        target.health = Health.DRAINING
        return target.draining_until

    @api
    def describe_target_health(self, params: Document) -> Document:
        group = self._state.group(params["TargetGroupArn"])
        asked = params.get("Targets")
        if not asked:
            found: Iterable[tuple[str, int]] = group.targets
        else:
            found = [key for one in asked for key in _keys(group, one)]
        return {"TargetHealthDescriptions": [self._description(group, key) for key in found]}

    def _description(self, group: TargetGroup, key: tuple[str, int]) -> Document:
        state, reason, text = self.health_of(group, key)
        health: Document = {"State": state.value}
        if state is not Health.HEALTHY:
            health |= {"Reason": reason, "Description": text}
        described: Document = {"Target": {"Id": key[0], "Port": key[1]}, "TargetHealth": health}
        if group.settings["HealthCheckEnabled"]:
            described["HealthCheckPort"] = str(key[1])
        return described

    def health_of(self, group: TargetGroup, key: tuple[str, int]) -> tuple[Health, str, str]:
        """State, reason code and description, as DescribeTargetHealth tells them."""
        target = group.targets.get(key)
        if target is None:
            return (Health.UNUSED, *_NOT_REGISTERED)
        if target.draining_until is not None:
            return (Health.DRAINING, *_DRAINING)
        if group.arn not in self._state.in_use():
            return (Health.UNUSED, *_NOT_IN_USE)
        instance = self._instances.all.get(target.id)
        if instance is not None and not instance.alive:
            return (Health.UNUSED, *_INVALID_STATE)
        if target.health is Health.INITIAL and not target.reason:
            return (Health.INITIAL, *_CHECKING)
        return target.health, target.reason, target.description

    def report(self, group_arn: str, target_id: str, port: int, state: str, reason: str) -> None:
        """Take the result of a real data plane; what is unknown, unused or draining is ignored."""
        if state not in (Health.HEALTHY, Health.UNHEALTHY, Health.INITIAL):
            raise validation(f"'{state}' is not a health a data plane can report")
        group = self._state.groups.get(group_arn)
        target = group.targets.get((target_id, port)) if group else None
        if group is None or target is None or target.draining_until is not None:
            return
        if group.arn in self._state.in_use():
            target.health = Health(state)
            code, text = _REGISTERING if target.health is Health.INITIAL else _FAILED
            given = reason if reason.startswith(("Target.", "Elb.")) else code
            target.reason, target.description = ("", "") if state == "healthy" else (given, text)

    def tick(self) -> None:
        """Run the modelled health checks that are due."""
        if self._world.settings.health is not HealthSource.MODELLED:
            return
        for arn in self._state.in_use():
            group = self._state.groups[arn]
            for target in group.targets.values():
                if target.draining_until is None and target.next_check <= self._world.at:
                    self._check(group, target)

    def _check(self, group: TargetGroup, target: Target) -> None:
        interval = group.settings["HealthCheckIntervalSeconds"]
        while target.next_check <= self._world.at:
            target.next_check += interval
        instance = self._instances.all.get(target.id)
        booted = instance is not None and instance.alive and self._world.at >= instance.boots_at
        passed = instance is not None and booted and self._behaviour(instance).healthy
        if target.health is (Health.HEALTHY if passed else Health.UNHEALTHY):
            target.streak = 0
            return
        target.streak += 1
        if target.streak >= _needed(group, target, passed=passed):
            target.streak = 0
            target.health = Health.HEALTHY if passed else Health.UNHEALTHY
            reason = _MISMATCH if booted else _FAILED
            target.reason, target.description = ("", "") if passed else reason

    def instance_of(self, target_id: str) -> Instance | None:
        return self._instances.all.get(target_id)


def _needed(group: TargetGroup, target: Target, *, passed: bool) -> int:
    """How many equal results change the state: one success is enough for a new target."""
    if not passed:
        return int(group.settings["UnhealthyThresholdCount"])
    if target.health is Health.INITIAL:
        return 1
    return int(group.settings["HealthyThresholdCount"])


def _keys(group: TargetGroup, asked: Document) -> list[tuple[str, int]]:
    if asked.get("Port"):
        return [(asked["Id"], asked["Port"])]
    known = [key for key in group.targets if key[0] == asked["Id"]]
    return known or [(asked["Id"], group.settings["Port"])]
