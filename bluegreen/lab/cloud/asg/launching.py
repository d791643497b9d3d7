"""Launches of an Auto Scaling Group, and how those that fail are told and repeated."""

from __future__ import annotations

from bluegreen.lab.cloud.asg.state import Group, Member, State
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.instances import Instance, Instances
from bluegreen.lab.cloud.templates import LaunchTemplates
from bluegreen.lab.cloud.world import World

_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 10.0, 300.0
"""Between launches that fail; Auto Scaling backs off, AWS publishes no figures."""
_REPEATED = 3
"""Among so many newest activities the same failure is the same one: there is one a zone."""


class Launches:
    """Makes members of instances."""

    def __init__(self, world: World, state: State, templates: LaunchTemplates, instances: Instances) -> None:
        self._world = world
        self._state = state
        self._templates = templates
        self._instances = instances

    def launch(self, group: Group, subnets: list[str]) -> Member | None:
        """Launch in the first of `subnets` that has capacity; None where none has."""
        instance = self._instance(group, subnets)
        if instance is None:
            group.failures += 1
            pause = min(_FIRST_RETRY_SECONDS * 2 ** (group.failures - 1), _LAST_RETRY_SECONDS)
            group.launch_again_at = self._world.at + pause
            return None
        group.failures, group.launch_again_at = 0, 0.0
        member = Member(
            instance=instance, protected=group.new_protected, balanced=group.runs("AddToLoadBalancer")
        )
        group.members[instance.id] = member
        cause = (
            f"{group.alarm}an instance was started in response to a difference between desired and actual "
            f"capacity, increasing the capacity to {len(group.active)}"
        )
        self._state.begin(group, launching(member), cause)
        return member

    def _instance(self, group: Group, subnets: list[str]) -> Instance | None:
        template = self._templates.find(group.template_id)
        tags = {key: tag.value for key, tag in group.tags.items() if tag.propagate}
        for subnet in subnets:
            try:
                return self._instances.launch(
                    template_id=template.id,
                    version=self._templates.version_number(template, group.template_version),
                    subnet_id=subnet,
                    tags=tags | {"aws:autoscaling:groupName": group.name},
                )
            except CloudError as error:
                self._failed(group, error)
        return None

    def _failed(self, group: Group, refused: CloudError) -> None:
        """A failed launch as DescribeScalingActivities shows it; a repetition is not listed again."""
        message = f"{refused.message} Launching EC2 instance failed."
        if any(one.message == message for one in group.activities[:_REPEATED]):
            return
        description = f"Launching a new EC2 instance.  Status Reason: {message}"
        activity = self._state.begin(group, description, "a difference between desired and actual capacity")
        activity.status, activity.ended, activity.message = "Failed", self._world.at, message


def launching(member: Member) -> str:
    """The description of a launch in the activities."""
    return f"Launching a new EC2 instance: {member.instance.id}"
