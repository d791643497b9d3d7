"""EC2 instances of the simulated Auto Scaling Groups: boot, address, death."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from enum import StrEnum

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.templates import LaunchTemplates
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from, tags_to

_REMEMBERED_SECONDS = 3600.0
"""EC2 shows a terminated instance for about an hour."""


class InstanceState(StrEnum):
    """EC2's states; the numbers are EC2's own."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


_CODES = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
}


@dataclass(slots=True, kw_only=True)
class Instance:
    """One emulated host."""

    id: str
    number: int
    template_id: str
    template_name: str
    template_version: int
    data: Document
    subnet_id: str
    zone: str
    launched_at: float
    running_at: float
    boots_at: float
    """The application would answer from here on, were it healthy."""
    state: InstanceState = InstanceState.PENDING
    terminated_at: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    address: tuple[str, int] | None = None
    """Where the data plane reaches it; the supervisor of the lab sets it."""

    @property
    def private_ip(self) -> str:
        return f"10.0.{self.number // 250 % 250}.{self.number % 250 + 4}"

    @property
    def alive(self) -> bool:
        return self.state in (InstanceState.PENDING, InstanceState.RUNNING)


class Instances:
    """Launches, shows and terminates instances (DescribeInstances, TerminateInstances)."""

    def __init__(self, world: World, templates: LaunchTemplates) -> None:
        self._world = world
        self._templates = templates
        self.all: dict[str, Instance] = {}
        self._launched = 0

    def launch(self, *, template_id: str, version: int, subnet_id: str, tags: dict[str, str]) -> Instance:
        """Start one instance from a launch template version; it is `pending` for a while."""
        template = self._templates.find(template_id)
        self._launched += 1
        number = self._launched
        settings = self._world.settings
        running_at = self._world.at + settings.pending_seconds
        own = {
            "aws:ec2launchtemplate:id": template.id,
            "aws:ec2launchtemplate:version": str(version),
        }
        instance = Instance(
            id=f"i-{self._world.hex_id(17)}",
            number=number,
            template_id=template.id,
            template_name=template.name,
            template_version=version,
            data=template.versions[version],
            subnet_id=subnet_id,
            zone=f"{settings.region}{'ac'[number % 2]}",
            launched_at=self._world.at,
            running_at=running_at,
            boots_at=running_at + settings.boot_seconds,
            tags=_template_tags(template.versions[version]) | tags | own,
        )
        self.all[instance.id] = instance
        return instance

    def terminate(self, instance: Instance) -> None:
        if instance.alive:
            instance.state = InstanceState.SHUTTING_DOWN
            instance.terminated_at = self._world.at + self._world.settings.shutdown_seconds

    def tick(self) -> None:
        now = self._world.at
        for instance in list(self.all.values()):
            if instance.state is InstanceState.PENDING and instance.running_at <= now:
                instance.state = InstanceState.RUNNING
            ended = instance.terminated_at
            if ended is None:
                continue
            if instance.state is InstanceState.SHUTTING_DOWN and ended <= now:
                instance.state = InstanceState.TERMINATED
            if ended + _REMEMBERED_SECONDS <= now:
                del self.all[instance.id]

    @api
    def describe_instances(self, params: Document) -> Document:
        found = list(self.all.values())
        asked = params.get("InstanceIds")
        if asked:
            found = [self._known(one) for one in asked]
        for condition in params.get("Filters") or ():
            found = [one for one in found if _matches(one, condition["Name"], condition["Values"])]
        shown, token = page(found, size=params.get("MaxResults") or 1000, token=params.get("NextToken"))
        answer: Document = {"Reservations": [self._reservation(one) for one in shown]}
        return answer | ({"NextToken": token} if token else {})

    @api
    def terminate_instances(self, params: Document) -> Document:
        changes = []
        for instance in [self._known(one) for one in params["InstanceIds"]]:
            before = instance.state
            self.terminate(instance)
            changes.append(
                {
                    "InstanceId": instance.id,
                    "PreviousState": {"Code": _CODES[before], "Name": before.value},
                    "CurrentState": {"Code": _CODES[instance.state], "Name": instance.state.value},
                }
            )
        return {"TerminatingInstances": changes}

    def tag(self, params: Document) -> None:
        """CreateTags on those of the resources that are instances of this model."""
        for one in params["Resources"]:
            if one in self.all:
                self.all[one].tags.update(tags_from(params["Tags"]))

    def _known(self, instance_id: str) -> Instance:
        if instance_id not in self.all:
            raise CloudError("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
        return self.all[instance_id]

    def _reservation(self, one: Instance) -> Document:
        return {
            "ReservationId": f"r-{one.id[2:]}",
            "OwnerId": self._world.settings.account_id,
            "Groups": [],
            "Instances": [
                {
                    "InstanceId": one.id,
                    "ImageId": one.data.get("ImageId", "ami-00000000000000000"),
                    "InstanceType": one.data.get("InstanceType", "t3.micro"),
                    "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
                    "LaunchTime": as_datetime(one.launched_at),
                    "State": {"Code": _CODES[one.state], "Name": one.state.value},
                    "SubnetId": one.subnet_id,
                    "Placement": {"AvailabilityZone": one.zone, "Tenancy": "default"},
                    "PrivateIpAddress": one.private_ip,
                    "SecurityGroups": [
                        {"GroupId": group, "GroupName": group}
                        for group in one.data.get("SecurityGroupIds", ())
                    ],
                    "Tags": tags_to(one.tags),
                }
            ],
        }


def _template_tags(data: Document) -> dict[str, str]:
    specifications = data.get("TagSpecifications") or ()
    return tags_from(
        [t for spec in specifications if spec.get("ResourceType") == "instance" for t in spec.get("Tags", ())]
    )


def _matches(one: Instance, name: str, values: list[str]) -> bool:
    if name.startswith("tag:"):
        value = one.tags.get(name[4:])
        return value is not None and any(fnmatch.fnmatchcase(value, wanted) for wanted in values)
    if name == "tag-key":
        return any(key in values for key in one.tags)
    known = {
        "instance-id": one.id,
        "instance-state-name": one.state.value,
        "subnet-id": one.subnet_id,
        "private-ip-address": one.private_ip,
        "availability-zone": one.zone,
    }
    if name not in known:
        raise CloudError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return known[name] in values
