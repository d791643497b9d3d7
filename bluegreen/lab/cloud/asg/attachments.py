"""Target groups as traffic sources of Auto Scaling Groups, and the groups' tags."""

from __future__ import annotations

from collections.abc import Iterable

from bluegreen.lab.cloud.asg.fleet import Fleet
from bluegreen.lab.cloud.asg.state import Group, GroupTag, Lifecycle, Source, State
from bluegreen.lab.cloud.asg.views import instance_document, tag_documents
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.elb.targets import Targets
from bluegreen.lab.cloud.errors import validation
from bluegreen.lab.cloud.world import Document, api, page

__all__ = ["Attachments", "checked_sources", "given_sources"]


def given_sources(params: Document) -> list[str]:
    """Target group ARNs of TargetGroupARNs and TrafficSources together."""
    sources = params.get("TrafficSources") or ()
    return [*(params.get("TargetGroupARNs") or ()), *(one["Identifier"] for one in sources)]


def checked_sources(balancing: Balancing, arns: Iterable[str]) -> list[str]:
    found = list(arns)
    if any(arn not in balancing.groups for arn in found):
        raise validation("Provided Target Groups may not be valid. Please ensure they exist and try again.")
    return found


class Attachments:
    """AttachLoadBalancerTargetGroups, AttachTrafficSources, CreateOrUpdateTags and their siblings."""

    def __init__(self, state: State, *, balancing: Balancing, targets: Targets, fleet: Fleet) -> None:
        self._state = state
        self._balancing = balancing
        self._targets = targets
        self._fleet = fleet

    @api
    def attach_load_balancer_target_groups(self, params: Document) -> Document:
        return self._attach(params["AutoScalingGroupName"], params["TargetGroupARNs"])

    @api
    def attach_traffic_sources(self, params: Document) -> Document:
        return self._attach(params["AutoScalingGroupName"], given_sources(params))

    @api
    def detach_load_balancer_target_groups(self, params: Document) -> Document:
        return self._detach(params["AutoScalingGroupName"], params["TargetGroupARNs"])

    @api
    def detach_traffic_sources(self, params: Document) -> Document:
        return self._detach(params["AutoScalingGroupName"], given_sources(params))

    def _attach(self, name: str, arns: list[str]) -> Document:
        group = self._state.group(name)
        for arn in checked_sources(self._balancing, arns):
            if arn in group.sources:
                continue
            group.sources[arn] = Source(arn=arn)
            for member in group.active:
                suspended = "AddToLoadBalancer" in group.suspended
                if member.lifecycle is Lifecycle.IN_SERVICE and not suspended:
                    self._targets.register(self._balancing.groups[arn], member.instance.id)
        self._fleet.tick()
        return {}

    def _detach(self, name: str, arns: list[str]) -> Document:
        group = self._state.group(name)
        missing = [arn for arn in arns if arn not in group.sources]
        if missing:
            raise validation(f"Trying to remove Target Groups that are not part of the group: {missing[0]}")
        for arn in arns:
            del group.sources[arn]
            if arn in self._balancing.groups:
                for instance_id in group.members:
                    self._targets.deregister(self._balancing.groups[arn], instance_id)
        return {}

    @api
    def describe_load_balancer_target_groups(self, params: Document) -> Document:
        group = self._state.group(params["AutoScalingGroupName"])
        found = [
            {"LoadBalancerTargetGroupARN": one.arn, "State": one.state} for one in group.sources.values()
        ]
        shown, token = page(found, size=params.get("MaxRecords") or 100, token=params.get("NextToken"))
        return {"LoadBalancerTargetGroups": shown} | ({"NextToken": token} if token else {})

    @api
    def describe_traffic_sources(self, params: Document) -> Document:
        group = self._state.group(params["AutoScalingGroupName"])
        found = [
            {"TrafficSource": one.arn, "Identifier": one.arn, "Type": "elbv2", "State": one.state}
            for one in group.sources.values()
        ]
        shown, token = page(found, size=params.get("MaxRecords") or 50, token=params.get("NextToken"))
        return {"TrafficSources": shown} | ({"NextToken": token} if token else {})

    @api
    def describe_auto_scaling_instances(self, params: Document) -> Document:
        asked = params.get("InstanceIds")
        found = [
            {"AutoScalingGroupName": group.name, **instance_document(member)}
            for group in self._state.groups.values()
            for member in group.members.values()
            if not asked or member.instance.id in asked
        ]
        shown, token = page(found, size=params.get("MaxRecords") or 50, token=params.get("NextToken"))
        return {"AutoScalingInstances": shown} | ({"NextToken": token} if token else {})

    @api
    def create_or_update_tags(self, params: Document) -> Document:
        for one in params["Tags"]:
            group = self._tagged(one)
            group.tags[one["Key"]] = GroupTag(
                value=one.get("Value", ""), propagate=one.get("PropagateAtLaunch", False)
            )
        return {}

    @api
    def delete_tags(self, params: Document) -> Document:
        for one in params["Tags"]:
            self._tagged(one).tags.pop(one["Key"], None)
        return {}

    @api
    def describe_tags(self, params: Document) -> Document:
        found = [tag for group in self._state.groups.values() for tag in tag_documents(group)]
        fields = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value"}
        for condition in params.get("Filters") or ():
            field = fields.get(condition["Name"])
            if field is None:
                raise validation(f"Filter type {condition['Name']} is not correct")
            found = [tag for tag in found if tag[field] in condition["Values"]]
        shown, token = page(found, size=params.get("MaxRecords") or 50, token=params.get("NextToken"))
        return {"Tags": shown} | ({"NextToken": token} if token else {})

    def _tagged(self, tag: Document) -> Group:
        return self._state.group(tag["ResourceId"])
