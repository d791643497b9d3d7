"""EC2 instances of the simulated Auto Scaling Groups: boot, address, death."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.instance_documents import (
    insufficient_capacity,
    matches,
    reservation,
    state_document,
    template_tags,
)
from bluegreen.lab.cloud.machine_images import MachineImages
from bluegreen.lab.cloud.templates import LaunchTemplates
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from

_REMEMBERED_SECONDS = 3600.0
"""EC2 shows a terminated instance for about an hour."""
_ZONES = "acd"


class InstanceState(StrEnum):
    """EC2's states; the numbers are EC2's own."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


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
    """The application would answer from here on, were it healthy; never, once the host is lost."""
    state: InstanceState = InstanceState.PENDING
    found_lost_at: float = math.inf
    """When EC2's status checks have noticed that the host is lost."""
    terminated_at: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    address: tuple[str, int] | None = None
    """Where the data plane reaches it; the supervisor of the lab sets it."""

    @property
    def private_ip(self) -> str:
        return f"10.0.{self.number // 250 % 250}.{self.number % 250 + 4}"

    @property
    def lost(self) -> bool:
        """The host answers nothing any more, whatever EC2 still says of it."""
        return self.boots_at == math.inf

    @property
    def alive(self) -> bool:
        return self.state in (InstanceState.PENDING, InstanceState.RUNNING)


class Instances:
    """Launches, shows and terminates instances (DescribeInstances, TerminateInstances)."""

    def __init__(self, world: World, templates: LaunchTemplates, images: MachineImages) -> None:
        self._world = world
        self._templates, self._images = templates, images
        self.all: dict[str, Instance] = {}
        self._launched = 0
        self._zones: dict[str, str] = {}

    def launch(self, *, template_id: str, version: int, subnet_id: str, tags: dict[str, str]) -> Instance:
        """Start one instance from a launch template version; it is `pending` for a while.

        Raises InsufficientInstanceCapacity where the subnet's zone has none, InvalidAMIID.NotFound where the
        image is gone.
        """
        template = self._templates.find(template_id)
        data = template.versions[version]
        self._images.require(data.get("ImageId", ""))
        zone, conditions = self.zone_of(subnet_id), self._world.conditions
        if conditions.no_capacity(zone):
            raise insufficient_capacity(data.get("InstanceType", "t3.micro"), zone, self._others(zone))
        self._launched += 1
        number = self._launched
        settings = self._world.settings
        running_at = self._world.at + settings.pending_seconds
        boot = settings.boot_seconds + self._world.random.random() * settings.boot_spread_seconds
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
            data=data,
            subnet_id=subnet_id,
            zone=zone,
            launched_at=self._world.at,
            running_at=running_at,
            boots_at=running_at + boot + conditions.boot_extra_seconds,
            tags=template_tags(data) | tags | own,
        )
        self.all[instance.id] = instance
        return instance

    def zone_of(self, subnet_id: str) -> str:
        """The zone of a subnet: a, c, d of the region in the order in which subnets are first named."""
        letter = self._zones.setdefault(subnet_id, _ZONES[len(self._zones) % len(_ZONES)])
        return f"{self._world.settings.region}{letter}"

    def _others(self, zone: str) -> list[str]:
        """Zones that have capacity."""
        known = {f"{self._world.settings.region}{letter}" for letter in self._zones.values()}
        return sorted(one for one in known - {zone} if not self._world.conditions.no_capacity(one))

    def lose(self, instance: Instance) -> None:
        """The host is gone without a word; EC2's status checks find it `host_check_seconds` later."""
        if instance.alive and not instance.lost:
            instance.boots_at = math.inf
            instance.found_lost_at = self._world.at + self._world.settings.host_check_seconds

    def terminate(self, instance: Instance) -> None:
        if instance.alive:
            instance.state = InstanceState.SHUTTING_DOWN
            instance.terminated_at = self._world.at + self._world.settings.shutdown_seconds

    def tick(self) -> None:
        now = self._world.at
        for instance in list(self.all.values()):
            if instance.state is InstanceState.PENDING and instance.running_at <= now:
                instance.state = InstanceState.RUNNING
            if self._world.conditions.lost(instance.zone):
                self.lose(instance)
            if instance.found_lost_at <= now:
                self.terminate(instance)
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
            found = [one for one in found if matches(one, condition["Name"], condition["Values"])]
        shown, token = page(found, size=params.get("MaxResults") or 1000, token=params.get("NextToken"))
        answer: Document = {
            "Reservations": [reservation(one, self._world.settings.account_id) for one in shown]
        }
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
                    "PreviousState": state_document(before),
                    "CurrentState": state_document(instance.state),
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
