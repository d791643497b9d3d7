"""The state of Auto Scaling."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import validation
from bluegreen.lab.cloud.instances import Instance
from bluegreen.lab.cloud.world import Document, World

_REMEMBERED_ACTIVITIES = 100


class Lifecycle(StrEnum):
    PENDING = "Pending"
    PENDING_WAIT = "Pending:Wait"
    IN_SERVICE = "InService"
    TERMINATING = "Terminating"
    TERMINATING_WAIT = "Terminating:Wait"

    @property
    def leaving(self) -> bool:
        return self in (Lifecycle.TERMINATING, Lifecycle.TERMINATING_WAIT)


@dataclass(slots=True, kw_only=True)
class Hook:
    """A lifecycle hook; the defaults are the API's (PutLifecycleHook)."""

    name: str
    launching: bool
    heartbeat_seconds: int = 3600
    default_result: str = "ABANDON"


@dataclass(slots=True, kw_only=True)
class Action:
    """A hook that an instance waits in."""

    hook: str
    token: str
    default_result: str
    ends_at: float
    """The heartbeat timeout; nobody here records a heartbeat, which would begin it anew."""
    result: str = ""
    """CONTINUE or ABANDON; empty while it waits."""
    timed_out: bool = False


@dataclass(slots=True, kw_only=True)
class Member:
    """An instance in its group."""

    instance: Instance
    lifecycle: Lifecycle = Lifecycle.PENDING
    healthy: bool = True
    protected: bool = False
    balanced: bool = True
    """Registers with the target groups; not where AddToLoadBalancer was suspended at its launch."""
    actions: dict[str, Action] = field(default_factory=dict)
    """The hooks of its present transition, by name; all at the same time."""
    in_service_at: float = 0.0
    gone_at: float = 0.0
    """While Terminating: when its drains have ended."""


@dataclass(slots=True, kw_only=True)
class Source:
    """A traffic source (target group) of a group and how far its attachment has come."""

    arn: str
    state: str = "Adding"
    """Adding -> Added (all registered) -> InService (one target passed its health check)."""


@dataclass(slots=True, kw_only=True)
class GroupTag:
    value: str
    propagate: bool


@dataclass(slots=True, kw_only=True)
class Activity:
    id: str
    group: str
    description: str
    cause: str
    started: float
    ended: float | None = None
    status: str = "InProgress"
    message: str = ""

    def document(self) -> Document:
        described: Document = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": as_datetime(self.started),
            "StatusCode": self.status,
            "Progress": 100 if self.ended is not None else 50,
            "Details": "{}",
        }
        if self.ended is not None:
            described["EndTime"] = as_datetime(self.ended)
        return described | ({"StatusMessage": self.message} if self.message else {})


@dataclass(slots=True, kw_only=True)
class Group:
    name: str
    arn: str
    created: float
    template_id: str
    template_name: str
    template_version: str
    minimum: int
    maximum: int
    desired: int
    subnets: tuple[str, ...]
    health_check_type: str = "EC2"
    grace_seconds: int = 0
    warmup_seconds: int | None = None
    cooldown_seconds: int = 300
    new_protected: bool = False
    tags: dict[str, GroupTag] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    policies: dict[str, Document] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    suspended: dict[str, str] = field(default_factory=dict)
    """Suspended process -> the reason that AWS shows."""
    alarm: str = ""
    """Why a policy has changed the desired capacity, for the activities that follow."""
    launch_again_at: float = 0.0
    """After a launch that failed."""
    failures: int = 0
    """Launches in a row that failed."""
    moving: str = ""
    """The instance launched by AZ rebalancing, until it is in service and another one may go."""
    scaled_at: float = 0.0
    """When a policy last changed the capacity: older datapoints count no more."""
    deleting: bool = False

    @property
    def active(self) -> list[Member]:
        """What counts towards the desired capacity."""
        return [one for one in self.members.values() if not one.lifecycle.leaving]

    def runs(self, process: str) -> bool:
        """Whether the scaling process is not suspended."""
        return process not in self.suspended


class State:
    """All of Auto Scaling in one region."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.groups: dict[str, Group] = {}

    def group(self, name: str) -> Group:
        if name not in self.groups:
            raise validation(f"AutoScalingGroup name not found - AutoScalingGroup {name} not found")
        return self.groups[name]

    def begin(self, group: Group, description: str, cause: str) -> Activity:
        activity = Activity(
            id=f"{self.world.hex_id(8)}-{self.world.hex_id(12)}",
            group=group.name,
            description=description,
            cause=cause,
            started=self.world.at,
        )
        group.activities.insert(0, activity)
        del group.activities[_REMEMBERED_ACTIVITIES:]
        return activity

    def end(self, group: Group, description: str, *, status: str = "Successful", message: str = "") -> None:
        """Mark the activity that is `description` as over."""
        for activity in group.activities:
            if activity.description == description and activity.ended is None:
                activity.status, activity.ended, activity.message = status, self.world.at, message
