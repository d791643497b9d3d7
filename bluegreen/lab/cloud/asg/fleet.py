"""What an Auto Scaling Group does by itself: launch, register, replace, drain, terminate."""

from __future__ import annotations

from collections.abc import Callable

from bluegreen.lab.cloud.asg.state import Group, Lifecycle, Member, State
from bluegreen.lab.cloud.elb.state import Health
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.elb.targets import Targets
from bluegreen.lab.cloud.instances import Instance, Instances, InstanceState
from bluegreen.lab.cloud.templates import LaunchTemplates
from bluegreen.lab.cloud.world import World


class Fleet:
    """Brings every group from what it is to what was asked of it."""

    def __init__(
        self,
        world: World,
        state: State,
        *,
        templates: LaunchTemplates,
        instances: Instances,
        balancing: Balancing,
        targets: Targets,
        serves: Callable[[Instance], bool],
    ) -> None:
        """`serves`: whether the host of an instance, by itself, says that it serves (completes the hook)."""
        self._world = world
        self._state = state
        self._templates = templates
        self._instances = instances
        self._balancing = balancing
        self._targets = targets
        self._serves = serves

    def tick(self) -> None:
        for group in list(self._state.groups.values()):
            self._enter_service(group)
            self._follow_sources(group)
            self._notice_sick(group)
            self._leave(group)
            self._meet_desired(group)
            if group.deleting and not group.members:
                del self._state.groups[group.name]

    def _enter_service(self, group: Group) -> None:
        for member in group.members.values():
            running = member.instance.state is InstanceState.RUNNING
            if member.lifecycle is Lifecycle.PENDING and running:
                if group.hooks:
                    member.lifecycle = Lifecycle.PENDING_WAIT
                    member.waits_until = self._world.at + min(
                        hook.heartbeat_seconds for hook in group.hooks.values()
                    )
                else:
                    self.enter(group, member)
            if member.lifecycle is Lifecycle.PENDING_WAIT and self._serves(member.instance):
                self.enter(group, member)
            elif member.lifecycle is Lifecycle.PENDING_WAIT and self._world.at >= member.waits_until:
                trouble = (
                    "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
                    f"{self._world.hex_id(12)} was abandoned: Heartbeat Timeout"
                )
                self._state.end(group, _launching(member), trouble=trouble)
                self.retire(group, member, "an instance failed to complete its lifecycle action")

    def enter(self, group: Group, member: Member) -> None:
        """In service: registered with every traffic source."""
        member.lifecycle, member.in_service_at = Lifecycle.IN_SERVICE, self._world.at
        self._state.end(group, _launching(member))
        for arn in self._sources(group):
            self._targets.register(self._balancing.groups[arn], member.instance.id)

    def _sources(self, group: Group) -> list[str]:
        return [arn for arn in group.sources if arn in self._balancing.groups]

    def _follow_sources(self, group: Group) -> None:
        """Adding -> Added -> InService (at least one target passed)."""
        for source in group.sources.values():
            target_group = self._balancing.groups.get(source.arn)
            if target_group is None or source.state == "InService":
                continue
            source.state = "Added"
            keys = [key for key in target_group.targets if key[0] in group.members]
            if any(self._targets.health_of(target_group, key)[0] is Health.HEALTHY for key in keys):
                source.state = "InService"

    def _notice_sick(self, group: Group) -> None:
        for member in group.active:
            reason = self._sickness(group, member)
            if reason:
                member.healthy = False
            if not member.healthy:
                self.retire(group, member, f"an instance was taken out of service in response to {reason}")

    def _sickness(self, group: Group, member: Member) -> str:
        if not member.instance.alive:
            return "an EC2 health check indicating it has been terminated or stopped"
        if not member.healthy:
            return "a user health-check"
        graced = self._world.at < member.in_service_at + group.grace_seconds
        serving = member.lifecycle is Lifecycle.IN_SERVICE
        if "ELB" not in group.health_check_type or not serving or graced:
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

    def retire(self, group: Group, member: Member, cause: str) -> None:
        """Deregister, wait for the drain, then terminate."""
        if member.lifecycle is Lifecycle.TERMINATING:
            return
        member.lifecycle = Lifecycle.TERMINATING
        ends = [
            self._targets.deregister(self._balancing.groups[arn], member.instance.id)
            for arn in self._sources(group)
        ]
        member.gone_at = max(ends, default=self._world.at)
        self._state.begin(group, _terminating(member), cause)

    def _leave(self, group: Group) -> None:
        for member in list(group.members.values()):
            if member.lifecycle is not Lifecycle.TERMINATING or member.gone_at > self._world.at:
                continue
            self._instances.terminate(member.instance)
            if member.instance.state is InstanceState.TERMINATED:
                del group.members[member.instance.id]
                self._state.end(group, _terminating(member))

    def _meet_desired(self, group: Group) -> None:
        active = group.active
        if len(active) < group.desired and not group.deleting:
            for _ in range(group.desired - len(active)):
                self._launch(group)
        surplus = len(active) - group.desired
        if surplus > 0:
            self._scale_in(group, active, surplus)

    def _launch(self, group: Group) -> None:
        template = self._templates.find(group.template_id)
        version = self._templates.version_number(template, group.template_version)
        tags = {key: tag.value for key, tag in group.tags.items() if tag.propagate}
        instance = self._instances.launch(
            template_id=template.id,
            version=version,
            subnet_id=group.subnets[len(group.members) % len(group.subnets)] if group.subnets else "",
            tags=tags | {"aws:autoscaling:groupName": group.name},
        )
        member = Member(instance=instance, protected=group.new_protected)
        group.members[instance.id] = member
        cause = (
            f"an instance was started in response to a difference between desired and actual capacity, "
            f"increasing the capacity to {len(group.active)}"
        )
        self._state.begin(group, _launching(member), cause)

    def _scale_in(self, group: Group, active: list[Member], surplus: int) -> None:
        """The oldest unprotected instances go; AWS's default policy, in one zone."""
        loose = sorted(
            (one for one in active if group.deleting or not one.protected),
            key=lambda one: one.instance.number,
        )
        for member in loose[:surplus]:
            self.retire(group, member, "an instance was taken out of service to shrink the capacity")
        description = "Scaling in: too few unprotected instances"
        stuck = len(loose) < surplus
        if stuck and not any(one.description == description for one in group.activities[:1]):
            activity = self._state.begin(group, description, "shrinking the capacity")
            activity.status, activity.ended = "Cancelled", self._world.at
            activity.message = (
                "Could not scale to desired capacity because all remaining instances are protected from "
                "scale in."
            )


def _launching(member: Member) -> str:
    return f"Launching a new EC2 instance: {member.instance.id}"


def _terminating(member: Member) -> str:
    return f"Terminating EC2 instance: {member.instance.id}"
