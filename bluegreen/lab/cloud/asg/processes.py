"""Suspended scaling processes (user guide, "Suspend and resume Amazon EC2 Auto Scaling processes").

| suspended | what does not happen any more |
| --- | --- |
| Launch | no instance is launched, neither to grow nor to replace; the group shrinks with what it loses |
| Terminate | nothing is scaled in or replaced; on resume both happen at once |
| HealthCheck | no instance is marked unhealthy |
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
    """SuspendProcesses, ResumeProcesses."""

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


def _named(params: Document) -> list[str]:
    """The processes of the call; all where none is named."""
    names = params.get("ScalingProcesses") or PROCESSES
    unknown = [one for one in names if one not in PROCESSES]
    if unknown:
        raise validation(f"{unknown[0]} is not a valid Process Type")
    return list(names)
