"""How Auto Scaling shows its groups."""

from __future__ import annotations

from bluegreen.lab.cloud.asg.state import Group, Member
from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import validation
from bluegreen.lab.cloud.world import Document


def group_document(one: Group) -> Document:
    described: Document = {
        "AutoScalingGroupName": one.name,
        "AutoScalingGroupARN": one.arn,
        "LaunchTemplate": _template(one.template_id, one.template_name, one.template_version),
        "MinSize": one.minimum,
        "MaxSize": one.maximum,
        "DesiredCapacity": one.desired,
        "DefaultCooldown": one.cooldown_seconds,
        "AvailabilityZones": sorted({member.instance.zone for member in one.members.values()}),
        "LoadBalancerNames": [],
        "TargetGroupARNs": list(one.sources),
        "HealthCheckType": one.health_check_type,
        "HealthCheckGracePeriod": one.grace_seconds,
        "Instances": [instance_document(member) for member in one.members.values()],
        "CreatedTime": as_datetime(one.created),
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": why} for name, why in one.suspended.items()
        ],
        "VPCZoneIdentifier": ",".join(one.subnets),
        "EnabledMetrics": [],
        "Tags": tag_documents(one),
        "TerminationPolicies": ["Default"],
        "NewInstancesProtectedFromScaleIn": one.new_protected,
        "TrafficSources": [{"Identifier": arn, "Type": "elbv2"} for arn in one.sources],
    }
    if one.warmup_seconds is not None:
        described["DefaultInstanceWarmup"] = one.warmup_seconds
    if one.deleting:
        described["Status"] = "Delete in progress"
    return described


def instance_document(member: Member) -> Document:
    instance = member.instance
    return {
        "InstanceId": instance.id,
        "InstanceType": instance.data.get("InstanceType", "t3.micro"),
        "AvailabilityZone": instance.zone,
        "LifecycleState": member.lifecycle.value,
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "LaunchTemplate": _template(
            instance.template_id, instance.template_name, str(instance.template_version)
        ),
        "ProtectedFromScaleIn": member.protected,
    }


def _template(template_id: str, name: str, version: str) -> Document:
    return {"LaunchTemplateId": template_id, "LaunchTemplateName": name, "Version": version}


def tag_documents(one: Group) -> list[Document]:
    return [
        {
            "ResourceId": one.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": tag.value,
            "PropagateAtLaunch": tag.propagate,
        }
        for key, tag in one.tags.items()
    ]


def matches(one: Group, name: str, values: list[str]) -> bool:
    """One filter of DescribeAutoScalingGroups."""
    if name.startswith("tag:"):
        return name[4:] in one.tags and one.tags[name[4:]].value in values
    if name == "tag-key":
        return any(key in values for key in one.tags)
    if name == "tag-value":
        return any(tag.value in values for tag in one.tags.values())
    raise validation(f"Filter type {name} is not correct. Allowed filters are: tag-key, tag-value, tag:<key>")
