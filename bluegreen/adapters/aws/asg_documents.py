"""Auto Scaling Groups as documents of the API; pure."""

from __future__ import annotations

from collections.abc import Mapping

from bluegreen.adapters.aws.session import Json
from bluegreen.adapters.aws.tags import tag_list, tags_of
from bluegreen.contract import LAUNCH_HOOK, TierContract
from bluegreen.domain.stack import Group
from bluegreen.errors import Refused

_HOSTS = frozenset({"Pending:Wait", "InService"})
"""States of an instance that runs and stays: one that waits for its launch hook takes commands already."""


def refuse_protected(document: Json) -> None:
    """Raise Refused where every instance that is left is protected: it would wait for ever."""
    members = document["Instances"]
    if all(one.get("ProtectedFromScaleIn") for one in members):
        names = ", ".join(one["InstanceId"] for one in members)
        raise Refused(
            f"{names} of {document['AutoScalingGroupName']} are protected from scale-in; "
            "sc-deploy does not set that",
            next_step="take the protection off, then `sc-deploy resume`",
        )


def group_from(document: Json) -> Group:
    """A group of DescribeAutoScalingGroups."""
    members = [one for one in document.get("Instances") or () if one["LifecycleState"] != "Terminated"]
    sources = [
        one["Identifier"] for one in document.get("TrafficSources") or () if one.get("Type") == "elbv2"
    ]
    return Group(
        name=document["AutoScalingGroupName"],
        minimum=document["MinSize"],
        desired=document["DesiredCapacity"],
        maximum=document["MaxSize"],
        instances=tuple(one["InstanceId"] for one in members),
        in_service=sum(one["LifecycleState"] == "InService" for one in members),
        hosts=tuple(one["InstanceId"] for one in members if one["LifecycleState"] in _HOSTS),
        target_groups=tuple(dict.fromkeys([*(document.get("TargetGroupARNs") or ()), *sources])),
        launch_template_version=_pinned((document.get("LaunchTemplate") or {}).get("Version", "")),
        deleting=bool(document.get("Status")),
        tags=tags_of(document.get("Tags")),
    )


def _pinned(version: str) -> int | None:
    """`$Default` and `$Latest` are promises, not versions."""
    return int(version) if version.isdecimal() else None


def launch_hook(tier: TierContract) -> Json:
    """An instance is InService, and gets requests, only once its host says that it serves.

    One that never does is replaced when its boot budget is used up. HeartbeatTimeout is 30 to 7,200 s
    (PutLifecycleHook).
    """
    return {
        "LifecycleHookName": LAUNCH_HOOK,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "HeartbeatTimeout": max(30, tier.boot_budget_seconds),
        "DefaultResult": "ABANDON",
    }


def group_tags(name: str, tags: Mapping[str, str]) -> list[Json]:
    """Tags as CreateAutoScalingGroup takes them; instances launched from now on carry them too."""
    about = {"ResourceId": name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": True}
    return [{**about, **tag} for tag in tag_list(tags)]
