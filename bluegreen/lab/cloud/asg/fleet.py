"""What an Auto Scaling Group does by itself: launch, wait, register, replace, drain, terminate, balance."""

from __future__ import annotations

from bluegreen.lab.cloud.asg.hooks import Hooks
from bluegreen.lab.cloud.asg.launching import Launches, launching
from bluegreen.lab.cloud.asg.sickness import Sickness
from bluegreen.lab.cloud.asg.state import Group, Lifecycle, Member, State
from bluegreen.lab.cloud.asg.zones import Zones, victims
from bluegreen.lab.cloud.behaviour import BehaviourOf
from bluegreen.lab.cloud.elb.state import Health
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.elb.targets import Targets
from bluegreen.lab.cloud.instances import Instances, InstanceState
from bluegreen.lab.cloud.settings import HealthSource
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
        behaviour: BehaviourOf,
    ) -> None:
        self.hooks = Hooks(world, state)
        self._world = world
        self._state = state
        self._instances = instances
        self._balancing = balancing
        self._targets = targets
        self._behaviour = behaviour
        self._launches = Launches(world, state, templates, instances)
        self._zones = Zones(world, instances)
        self._sickness = Sickness(world, balancing, targets)

    def tick(self) -> None:
        for group in list(self._state.groups.values()):
            self._arrive(group)
            self._follow_sources(group)
            self._notice_sick(group)
            self._leave(group)
            self._meet_desired(group)
            self._balance(group)
            if group.deleting and not group.members:
                del self._state.groups[group.name]

    def _arrive(self, group: Group) -> None:
        for member in list(group.members.values()):
            running = member.instance.state is InstanceState.RUNNING
            if member.lifecycle is Lifecycle.PENDING and running:
                if self.hooks.begin(group, member, launching=True):
                    member.lifecycle = Lifecycle.PENDING_WAIT
                else:
                    self._enter_service(group, member)
            if member.lifecycle is Lifecycle.PENDING_WAIT:
                self._wait(group, member)

    def _wait(self, group: Group, member: Member) -> None:
        if self._says_ready(member):
            self.hooks.host_ready(member.instance.id)
        if not self.hooks.ended(member):
            return
        message = self.hooks.abandoned(member)
        if not message:
            self._enter_service(group, member)
            return
        self._state.end(group, launching(member), status="Cancelled", message=message)
        self.retire(group, member, "a lifecycle action was abandoned")

    def _says_ready(self, member: Member) -> bool:
        """Whether the modelled host completes its hooks; a real one calls the API itself."""
        if self._world.settings.health is not HealthSource.MODELLED:
            return False
        return member.instance.boots_at <= self._world.at and self._behaviour(member.instance).healthy

    def _enter_service(self, group: Group, member: Member) -> None:
        member.lifecycle, member.in_service_at = Lifecycle.IN_SERVICE, self._world.at
        self._state.end(group, launching(member))
        if member.balanced and group.runs("AddToLoadBalancer"):
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
            reason = self._sickness.of(group, member)
            if reason:
                member.healthy = False
            if reason and group.runs("ReplaceUnhealthy") and group.runs("Terminate"):
                self.retire(group, member, f"an instance was taken out of service in response to {reason}")

    def retire(self, group: Group, member: Member, cause: str) -> None:
        """Deregister, wait for the drain, then the hooks, then terminate."""
        if member.lifecycle.leaving:
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
            if not member.lifecycle.leaving or member.gone_at > self._world.at:
                continue
            asked = member.lifecycle is Lifecycle.TERMINATING and member.instance.alive
            if asked and self.hooks.begin(group, member, launching=False):
                member.lifecycle = Lifecycle.TERMINATING_WAIT
            if member.lifecycle is Lifecycle.TERMINATING_WAIT and not self.hooks.ended(member):
                continue
            self._instances.terminate(member.instance)
            if member.instance.state is InstanceState.TERMINATED:
                del group.members[member.instance.id]
                self._state.end(group, _terminating(member))

    def _meet_desired(self, group: Group) -> None:
        missing = group.desired - len(group.active)
        if not group.deleting and group.runs("Launch") and group.launch_again_at <= self._world.at:
            for _ in range(missing):
                self._launches.launch(group, self._zones.subnets(group))
        if missing < 0 and not group.moving and (group.runs("Terminate") or group.deleting):
            self._scale_in(group, -missing)

    def _balance(self, group: Group) -> None:
        """AZ rebalancing: one instance more in the poorest zone, then one less in the richest."""
        if group.moving:
            moved = group.members.get(group.moving)
            if moved is None or moved.lifecycle is Lifecycle.IN_SERVICE:
                group.moving = ""
            return
        needed = ("AZRebalance", "Launch", "Terminate")
        if group.deleting or not all(map(group.runs, needed)) or len(group.active) != group.desired:
            return
        if poorest := self._zones.poorest(group):
            moved = self._launches.launch(group, [poorest])
            group.moving = moved.instance.id if moved else ""

    def _scale_in(self, group: Group, surplus: int) -> None:
        going = victims(group, surplus)
        for member in going:
            self.retire(
                group, member, f"{group.alarm}an instance was taken out of service to shrink the capacity"
            )
        description = "Scaling in: too few unprotected instances"
        stuck = len(going) < surplus
        if stuck and not any(one.description == description for one in group.activities[:1]):
            activity = self._state.begin(group, description, "shrinking the capacity")
            activity.status, activity.ended = "Cancelled", self._world.at
            activity.message = (
                "Could not scale to desired capacity because all remaining instances are protected from "
                "scale in."
            )


def _terminating(member: Member) -> str:
    return f"Terminating EC2 instance: {member.instance.id}"
