"""Scaling policies: checked and stored; `tracking` acts on them."""

from __future__ import annotations

import copy

from bluegreen.lab.cloud.asg.state import Group, State
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.errors import validation
from bluegreen.lab.cloud.world import Document, World, api, page


class Policies:
    """PutScalingPolicy and DescribePolicies (target tracking)."""

    def __init__(self, world: World, state: State, balancing: Balancing) -> None:
        self._world = world
        self._state = state
        self._balancing = balancing

    @api
    def put_scaling_policy(self, params: Document) -> Document:
        group = self._state.group(params["AutoScalingGroupName"])
        config = params.get("TargetTrackingConfiguration")
        if params.get("PolicyType") != "TargetTrackingScaling" or not config:
            raise validation("Only PolicyType TargetTrackingScaling is modelled")
        predefined = config.get("PredefinedMetricSpecification")
        if bool(predefined) is bool(config.get("CustomizedMetricSpecification")):
            raise validation("Give either a predefined or a customized metric specification")
        if predefined and predefined["PredefinedMetricType"] == "ALBRequestCountPerTarget":
            self._check_label(group, predefined.get("ResourceLabel", ""))
        name = params["PolicyName"]
        old = group.policies.get(name)
        identity = (
            f"scalingPolicy:{self._world.hex_id(12)}:autoScalingGroupName/{group.name}:policyName/{name}"
        )
        arn = old["PolicyARN"] if old else self._world.arn("autoscaling", identity)
        group.policies[name] = {
            "AutoScalingGroupName": group.name,
            "PolicyName": name,
            "PolicyARN": arn,
            "PolicyType": "TargetTrackingScaling",
            "StepAdjustments": [],
            "Alarms": _alarms(self._world, group, name),
            "TargetTrackingConfiguration": {"DisableScaleIn": False, **copy.deepcopy(config)},
            "Enabled": params.get("Enabled", True),
        } | (
            {"EstimatedInstanceWarmup": params["EstimatedInstanceWarmup"]}
            if "EstimatedInstanceWarmup" in params
            else {}
        )
        return {"PolicyARN": arn, "Alarms": copy.deepcopy(group.policies[name]["Alarms"])}

    def _check_label(self, group: Group, label: str) -> None:
        """The label joins balancer and target group; the group must be attached to both sides."""
        balancer, found, suffix = label.partition("/targetgroup/")
        for arn in group.sources:
            if not found or not arn.endswith(f":targetgroup/{suffix}"):
                continue
            owners = self._balancing.balancers_of(arn)
            if any(self._balancing.balancers[owner].suffix == balancer for owner in owners):
                return
        raise validation(
            f"The resource label '{label}' is not valid: its target group must be attached to the Auto "
            f"Scaling group and to the load balancer"
        )

    @api
    def describe_policies(self, params: Document) -> Document:
        name = params.get("AutoScalingGroupName")
        groups = [self._state.group(name)] if name else list(self._state.groups.values())
        asked = params.get("PolicyNames")
        found = [
            copy.deepcopy(policy)
            for group in groups
            for policy in group.policies.values()
            if not asked or policy["PolicyName"] in asked or policy["PolicyARN"] in asked
        ]
        shown, token = page(found, size=params.get("MaxRecords") or 50, token=params.get("NextToken"))
        return {"ScalingPolicies": shown} | ({"NextToken": token} if token else {})


def _alarms(world: World, group: Group, policy: str) -> list[Document]:
    names = [f"TargetTracking-{group.name}-{end}-{policy}" for end in ("AlarmHigh", "AlarmLow")]
    return [{"AlarmName": name, "AlarmARN": world.arn("cloudwatch", f"alarm:{name}")} for name in names]
