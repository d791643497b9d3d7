"""Auto Scaling Groups: create, describe, update, delete, capacity."""

from __future__ import annotations

from collections.abc import Iterable

from bluegreen.lab.cloud.asg.attachments import checked_sources, given_sources
from bluegreen.lab.cloud.asg.fleet import Fleet
from bluegreen.lab.cloud.asg.hooks import hooks_from
from bluegreen.lab.cloud.asg.state import Group, GroupTag, Source, State
from bluegreen.lab.cloud.asg.views import group_document, matches
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.templates import LaunchTemplate, LaunchTemplates
from bluegreen.lab.cloud.world import Document, World, api, page

_HEALTH_CHECKS = {"EC2", "EBS", "ELB", "VPC_LATTICE"}


class Groups:
    """CreateAutoScalingGroup and its siblings."""

    def __init__(
        self, world: World, state: State, *, templates: LaunchTemplates, balancing: Balancing, fleet: Fleet
    ) -> None:
        self._world = world
        self._state = state
        self._templates = templates
        self._balancing = balancing
        self._fleet = fleet

    @api
    def create_auto_scaling_group(self, params: Document) -> Document:
        name = params["AutoScalingGroupName"]
        if name in self._state.groups:
            raise CloudError(
                "AlreadyExists", f"AutoScalingGroup by this name already exists - A group named {name} exists"
            )
        template, version = self._template(params)
        minimum: int = params["MinSize"]
        maximum: int = params["MaxSize"]
        group = Group(
            name=name,
            arn=self._world.arn(
                "autoscaling", f"autoScalingGroup:{self._world.hex_id(12)}:autoScalingGroupName/{name}"
            ),
            created=self._world.at,
            template_id=template.id,
            template_name=template.name,
            template_version=version,
            minimum=minimum,
            maximum=maximum,
            desired=_checked_size(minimum, maximum, params.get("DesiredCapacity", minimum)),
            subnets=_subnets(params),
            tags=_tags(params.get("Tags") or ()),
        )
        sources = checked_sources(self._balancing, given_sources(params))
        group.sources = {arn: Source(arn=arn) for arn in sources}
        group.hooks = hooks_from(params.get("LifecycleHookSpecificationList") or ())
        self._apply(group, params)
        self._state.groups[name] = group
        self._fleet.tick()
        return {}

    def _template(self, params: Document) -> tuple[LaunchTemplate, str]:
        given = params.get("LaunchTemplate")
        if not given:
            raise validation("Valid requests must contain LaunchTemplate; other sources are not modelled")
        try:
            template = self._templates.find(given.get("LaunchTemplateId"), given.get("LaunchTemplateName"))
            version = given.get("Version") or "$Default"
            self._templates.version_number(template, version)
        except CloudError as error:
            raise validation(f"You must use a valid fully-formed launch template. {error.message}") from error
        return template, version

    def _apply(self, group: Group, params: Document) -> None:
        if params.get("HealthCheckType"):
            if not set(params["HealthCheckType"].split(",")) <= _HEALTH_CHECKS:
                raise validation(f"{params['HealthCheckType']} is not a valid health check type")
            group.health_check_type = params["HealthCheckType"]
        group.grace_seconds = params.get("HealthCheckGracePeriod", group.grace_seconds)
        group.cooldown_seconds = params.get("DefaultCooldown", group.cooldown_seconds)
        group.warmup_seconds = params.get("DefaultInstanceWarmup", group.warmup_seconds)
        group.new_protected = params.get("NewInstancesProtectedFromScaleIn", group.new_protected)

    @api
    def update_auto_scaling_group(self, params: Document) -> Document:
        group = self._standing(params["AutoScalingGroupName"])
        minimum = params.get("MinSize", group.minimum)
        maximum = params.get("MaxSize", group.maximum)
        desired = params.get("DesiredCapacity", min(max(group.desired, minimum), maximum))
        group.desired = _checked_size(minimum, maximum, desired)
        group.minimum, group.maximum = minimum, maximum
        if params.get("LaunchTemplate"):
            template, group.template_version = self._template(params)
            group.template_id, group.template_name = template.id, template.name
        if params.get("VPCZoneIdentifier"):
            group.subnets = _subnets(params)
        self._apply(group, params)
        self._fleet.tick()
        return {}

    @api
    def set_desired_capacity(self, params: Document) -> Document:
        group = self._standing(params["AutoScalingGroupName"])
        wanted = params["DesiredCapacity"]
        if wanted > group.maximum:
            raise validation(
                f"New SetDesiredCapacity value {wanted} is above max value {group.maximum} for the "
                f"AutoScalingGroup."
            )
        if wanted < group.minimum:
            raise validation(
                f"New SetDesiredCapacity value {wanted} is below min value {group.minimum} for the "
                f"AutoScalingGroup."
            )
        group.desired = wanted
        self._fleet.tick()
        return {}

    @api
    def delete_auto_scaling_group(self, params: Document) -> Document:
        group = self._state.group(params["AutoScalingGroupName"])
        forced = params.get("ForceDelete", False)
        if not forced and group.active:
            raise CloudError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
                "request(s) still in the group.",
            )
        if not forced and group.members:
            raise CloudError(
                "ScalingActivityInProgress",
                "You cannot delete an AutoScalingGroup while there are scaling activities in progress for "
                "that group.",
            )
        group.deleting = True
        group.minimum = group.desired = 0
        for member in group.active:
            self._fleet.retire(group, member, "the group is being deleted")
        self._fleet.tick()
        return {}

    @api
    def describe_auto_scaling_groups(self, params: Document) -> Document:
        names = params.get("AutoScalingGroupNames")
        found = [one for one in self._state.groups.values() if not names or one.name in names]
        for condition in params.get("Filters") or ():
            found = [one for one in found if matches(one, condition["Name"], condition["Values"])]
        shown, token = page(found, size=params.get("MaxRecords") or 50, token=params.get("NextToken"))
        answer: Document = {"AutoScalingGroups": [group_document(one) for one in shown]}
        return answer | ({"NextToken": token} if token else {})

    @api
    def describe_scaling_activities(self, params: Document) -> Document:
        name = params.get("AutoScalingGroupName")
        groups = [self._state.group(name)] if name else list(self._state.groups.values())
        found = [activity for group in groups for activity in group.activities]
        shown, token = page(found, size=params.get("MaxRecords") or 100, token=params.get("NextToken"))
        return {"Activities": [one.document() for one in shown]} | ({"NextToken": token} if token else {})

    @api
    def set_instance_protection(self, params: Document) -> Document:
        group = self._standing(params["AutoScalingGroupName"])
        strangers = [one for one in params["InstanceIds"] if one not in group.members]
        if strangers:
            raise validation(f"The instance {strangers[0]} is not part of Auto Scaling group {group.name}.")
        for one in params["InstanceIds"]:
            group.members[one].protected = params["ProtectedFromScaleIn"]
        return {}

    def _standing(self, name: str) -> Group:
        group = self._state.group(name)
        if group.deleting:
            raise validation(f"AutoScalingGroup {name} is pending delete")
        return group


def _checked_size(minimum: int, maximum: int, desired: int) -> int:
    if minimum > maximum:
        raise validation(f"Min bound, {minimum}, must be less than or equal to max bound, {maximum}")
    if not minimum <= desired <= maximum:
        raise validation(
            f"Desired capacity:{desired} must be between the specified min size:{minimum} and max "
            f"size:{maximum}"
        )
    return desired


def _subnets(params: Document) -> tuple[str, ...]:
    return tuple(one.strip() for one in params.get("VPCZoneIdentifier", "").split(",") if one.strip())


def _tags(tags: Iterable[Document]) -> dict[str, GroupTag]:
    return {
        one["Key"]: GroupTag(value=one.get("Value", ""), propagate=one.get("PropagateAtLaunch", True))
        for one in tags
    }
