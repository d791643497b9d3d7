"""Suspended scaling processes (user guide, "Suspend and resume Amazon EC2 Auto Scaling processes").

| suspended | what does not happen any more |
| --- | --- |
| Launch | no instance is launched, neither to grow nor to replace; the group shrinks with what it loses |
| Terminate | nothing is scaled in or replaced; on resume both happen at once |
| HealthCheck | no instance is marked unhealthy by EC2 or ELB checks; SetInstanceHealth still does |
| ReplaceUnhealthy | unhealthy instances are marked, and stay |
| AZRebalance | the zones are not balanced anew |
| AlarmNotification | scaling policies change nothing |
| AddToLoadBalancer | instances launched meanwhile are never registered, not even after the resume |
"""

from __future__ import annotations

from bluegreen.lab.cloud.asg.state import State
from bluegreen.lab.cloud.errors import validation
from bluegreen.lab.cloud.world import Document, World, api

PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)


class Processes:
    """SuspendProcesses, ResumeProcesses, SetInstanceHealth."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state

    @api
    def suspend_processes(self, params: Document) -> Document:
        group = self._state.group(params["AutoScalingGroupName"])
        reason = f"User suspended at {self._world.timestamp():%Y-%m-%dT%H:%M:%SZ}"
        group.suspended |= dict.fromkeys(_named(params), reason)
        return {}

    @api
    def resume_processes(self, params: Document) -> Document:
        group = self._state.group(params["AutoScalingGroupName"])
        for name in _named(params):
            group.suspended.pop(name, None)
        return {}

    @api
    def set_instance_health(self, params: Document) -> Document:
        """`ShouldRespectGracePeriod` is true by default: within the grace period nothing changes."""
        name = params["InstanceId"]
        for group in self._state.groups.values():
            if name not in group.members:
                continue
            member = group.members[name]
            graced = self._world.at < member.in_service_at + group.grace_seconds
            if not (graced and params.get("ShouldRespectGracePeriod", True)):
                member.healthy = params["HealthStatus"] == "Healthy"
            return {}
        raise validation(f"Instance Id not found - No managed instance found for instance ID {name}")


def _named(params: Document) -> list[str]:
    """The processes of the call; all where none is named."""
    names = params.get("ScalingProcesses") or PROCESSES
    unknown = [one for one in names if one not in PROCESSES]
    if unknown:
        raise validation(f"{unknown[0]} is not a valid Process Type")
    return list(names)
