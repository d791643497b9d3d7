"""Target groups: create, describe, modify, attributes, delete."""

from __future__ import annotations

import copy

from bluegreen.lab.cloud.elb.attributes import (
    ATTRIBUTES,
    checked_attributes,
    group_settings,
)
from bluegreen.lab.cloud.elb.balancers import checked_name
from bluegreen.lab.cloud.elb.state import State, TargetGroup
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from, tags_to


class TargetGroups:
    """CreateTargetGroup and its siblings."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state

    @api
    def create_target_group(self, params: Document) -> Document:
        name = checked_name(params["Name"], "Target group")
        settings = group_settings(params)
        for known in self._state.groups.values():
            if known.name == name and known.settings == settings:
                return {"TargetGroups": [self._document(known)]}
            if known.name == name:
                raise CloudError(
                    "DuplicateTargetGroupName",
                    f"A target group with the same name '{name}' exists, but with different settings",
                )
        if len(self._state.groups) >= self._world.settings.target_groups_per_region:
            raise CloudError("TooManyTargetGroups", "You have reached the maximum number of target groups")
        tags = tags_from(params.get("Tags"))
        group = TargetGroup(
            arn=self._world.arn("elasticloadbalancing", f"targetgroup/{name}/{self._world.hex_id(16)}"),
            name=name,
            settings=copy.deepcopy(settings),
            attributes=dict(ATTRIBUTES),
        )
        self._state.groups[group.arn] = group
        self._state.tags[group.arn] = tags
        self._state.revision += 1
        return {"TargetGroups": [self._document(group)]}

    @api
    def describe_target_groups(self, params: Document) -> Document:
        found = list(self._state.groups.values())
        if params.get("TargetGroupArns"):
            found = [self._state.group(arn) for arn in params["TargetGroupArns"]]
        elif params.get("Names"):
            found = [one for one in found if one.name in params["Names"]]
            if len(found) < len(set(params["Names"])):
                raise CloudError("TargetGroupNotFound", "One or more target groups not found")
        elif params.get("LoadBalancerArn"):
            used = self._state.groups_of(self._state.balancer(params["LoadBalancerArn"]).arn)
            found = [one for one in found if one.arn in used]
        shown, marker = page(found, size=params.get("PageSize") or 400, token=params.get("Marker"))
        answer: Document = {"TargetGroups": [self._document(one) for one in shown]}
        return answer | ({"NextMarker": marker} if marker else {})

    @api
    def delete_target_group(self, params: Document) -> Document:
        arn = params["TargetGroupArn"]
        if arn in self._state.in_use():
            raise CloudError(
                "ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule"
            )
        if self._state.groups.pop(arn, None) is not None:
            self._state.tags.pop(arn, None)
            self._state.revision += 1
        return {}

    @api
    def describe_target_group_attributes(self, params: Document) -> Document:
        return {"Attributes": tags_to(self._state.group(params["TargetGroupArn"]).attributes)}

    @api
    def modify_target_group_attributes(self, params: Document) -> Document:
        group = self._state.group(params["TargetGroupArn"])
        changes = {one["Key"]: one["Value"] for one in params["Attributes"]}
        group.attributes = checked_attributes(group.attributes, changes)
        self._state.revision += 1
        return {"Attributes": tags_to(group.attributes)}

    def _document(self, one: TargetGroup) -> Document:
        return {
            "TargetGroupArn": one.arn,
            "TargetGroupName": one.name,
            **copy.deepcopy(one.settings),
            "LoadBalancerArns": self._state.balancers_of(one.arn),
        }
